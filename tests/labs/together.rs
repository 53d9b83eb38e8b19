//! Two runs at once do not disturb each other: what each says is what it says alone, and each has a ledger of its own.
//!
//! That they meet at the worst moment is no matter of luck: one is held at its gate while the other runs to its end.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use libtest_mimic::Failed;
use serde_json::Value;
use tokio::process::Command;
use zot_verify::ledger::{Item, State, read};
use zot_verify::target::zot::Zot;

use super::gate::{Act, Gate, Point};
use super::support;
use super::writes::Registry;

/// `all`, to let them meet at every request; else how many of them, evenly spread.
const ASKED: &str = "ZOT_VERIFY_MEETINGS";
/// How many, where nobody asks for more.
const FEW: usize = 2;

/// The verdict of every part.
type Verdicts = Vec<(String, String)>;

/// Who comes while a live run is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guest {
    /// Another run that writes to the same canary.
    Live,
    /// One that cleans up whatever was left there.
    Clean,
}

/// A live run that writes, and another one that does the same meanwhile.
pub(crate) fn live_and_live(zot: &Zot) -> Result<(), Failed> {
    meet(zot, Guest::Live)
}

/// A live run that writes, and somebody who clears up meanwhile.
pub(crate) fn live_and_clean(zot: &Zot) -> Result<(), Failed> {
    meet(zot, Guest::Clean)
}

fn meet(zot: &Zot, guest: Guest) -> Result<(), Failed> {
    let around = support::surroundings();
    support::runtime()?.block_on(async {
        let registry = Registry::start(&support::spec(zot, &around).await?).await?;
        let alone = held(&registry, 0, Point::Never, guest).await?;
        let whole = alone.requests;
        let points: Vec<usize> = match std::env::var(ASKED).unwrap_or_default().as_str() {
            "all" => (0..whole).collect(),
            few => {
                let few = if few.is_empty() { FEW } else { few.parse()? };
                (0..few).map(|number| (number * 2 + 1) * whole / (few * 2)).collect()
            }
        };
        for (number, at) in points.into_iter().enumerate() {
            let met = held(&registry, number + 1, Point::After(at), guest).await?;
            let seen = met.host.iter().chain(met.guest.iter().flatten());
            let others: Vec<_> = seen.filter(|verdict| !alone.host.contains(verdict)).collect();
            if !others.is_empty() || met.host.len() != alone.host.len() || met.guest.as_ref().is_some_and(Vec::is_empty)
            {
                return Err(format!("{guest:?} at request {at} of {whole}: {others:?}").into());
            }
        }
        registry.stop().await
    })
}

/// What a meeting came to.
struct Met {
    host: Verdicts,
    guest: Option<Verdicts>,
    requests: usize,
}

/// Runs one, and while it is held at `point` the other, in a canary that nobody has used.
async fn held(registry: &Registry, number: usize, point: Point, guest: Guest) -> Result<Met, Failed> {
    let (own, other, state) = (tempfile::tempdir()?, tempfile::tempdir()?, tempfile::tempdir()?);
    let (gate, server) = Gate::before(registry.url(), Point::Never, Act::Wait).await?;
    let (url, canary) = (server.url(), format!("blumeops/zot-verify-canary/{number}"));
    let live = |at: &str, directory: &Path| -> Result<Command, Failed> {
        let mut command = registry.whole(at, &canary, directory)?;
        command
            .args(["--format", "json"])
            .env("XDG_STATE_HOME", state.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Ok(command)
    };
    if guest == Guest::Clean && point != Point::Never {
        // So that there is something to clear up.
        report(&live(&url, other.path())?.output().await?)?;
    }
    gate.arm(point);
    let run = live(&url, own.path())?.spawn()?;
    let mut met = None;
    if point != Point::Never {
        gate.reached().await;
        match guest {
            Guest::Live => {
                // What writes, and no more: the first run waits no longer for an answer than any run does.
                let mut guest = live(registry.url(), other.path())?;
                met = Some(report(&guest.args(["push.apikey", "tags.*", "admin.*"]).output().await?)?);
            }
            Guest::Clean => clean(registry, &url, &canary, state.path()).await?,
        }
    }
    gate.open();
    let report = report(&run.wait_with_output().await?)?;
    separate(&state.path().join("zot-verify"))?;
    Ok(Met { host: verdicts(&report), guest: met.as_ref().map(verdicts), requests: gate.seen() })
}

/// What a run writes while it is held stays, and so does all that it may have seen.
async fn clean(registry: &Registry, url: &str, canary: &str, state: &Path) -> Result<(), Failed> {
    let held = files(&state.join("zot-verify"))?.len() > 1;
    let temporary = tempfile::tempdir()?;
    let mut command = support::command(temporary.path());
    command.args(["clean", "--all", "--live", url, "--canary", canary]).env("XDG_STATE_HOME", state);
    registry.keys(&mut command);
    let output = Command::from(command).output().await?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let removed = said.lines().any(|line| line.starts_with("removed"));
    match (output.status.code(), held, removed) {
        // A run that has made nothing yet is nobody's business; it may begin to just now.
        (Some(5), _, false) | (Some(0), false, true) => Ok(()),
        (code, ..) => Err(format!("clean ended with {code:?}, held: {held}: {said}").into()),
    }
}

/// Each ledger is that of one run, which knows how everything ended.
fn separate(directory: &Path) -> Result<(), Failed> {
    for path in files(directory)? {
        let (items, unreadable) = read(&std::fs::read_to_string(&path)?);
        let own = |item: &Item| path.file_stem().is_some_and(|name| *name == *item.run);
        let strange = items.iter().any(|item| !own(item) || matches!(item.state, State::Planned | State::Created));
        if strange || unreadable > 0 || items.is_empty() {
            return Err(format!("{}: {unreadable} unreadable, {items:#?}", path.display()).into());
        }
    }
    Ok(())
}

fn files(directory: &Path) -> Result<Vec<PathBuf>, Failed> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    Ok(entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?)
}

fn report(output: &Output) -> Result<Value, Failed> {
    serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("{error}: {}", String::from_utf8_lossy(&output.stderr)).into())
}

fn verdicts(report: &Value) -> Verdicts {
    let results = report["results"].as_array().into_iter().flatten();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    results
        .flat_map(|result| {
            let parts = result["parts"].as_array().into_iter().flatten();
            parts.map(move |part| (format!("{}/{}", word(&result["id"]), word(&part["name"])), word(&part["verdict"])))
        })
        .collect()
}

/// Two labs, and a live run that writes beside them, all at once.
pub(crate) fn labs_and_live(zot: &Zot) -> Result<(), Failed> {
    let around = support::surroundings();
    support::runtime()?.block_on(async {
        let registry = Registry::start(&support::spec(zot, &around).await?).await?;
        let (own, state) = (tempfile::tempdir()?, tempfile::tempdir()?);
        let local = || {
            let mut command = support::command(own.path());
            command.args(["local", "--zot", &zot.name(), "--format", "json"]);
            Command::from(command)
        };
        let live = |number: usize, directory: &Path| -> Result<Command, Failed> {
            let canary = format!("blumeops/zot-verify-canary/{number}");
            let mut command = registry.whole(registry.url(), &canary, directory)?;
            command.args(["--format", "json"]).env("XDG_STATE_HOME", state.path());
            Ok(command)
        };
        let places = [tempfile::tempdir()?, tempfile::tempdir()?, tempfile::tempdir()?];
        let lab = verdicts(&report(&local().output().await?)?);
        let alone = verdicts(&report(&live(1, places[0].path())?.output().await?)?);
        let (mut second, mut third) = (live(2, places[1].path())?, live(2, places[2].path())?);
        let (mut first_lab, mut second_lab) = (local(), local());
        let (a, b, c, d) = tokio::join!(first_lab.output(), second_lab.output(), second.output(), third.output());
        for (what, output, wanted) in
            [("local", a?, &lab), ("local", b?, &lab), ("live", c?, &alone), ("live", d?, &alone)]
        {
            let found = verdicts(&report(&output)?);
            let others: Vec<_> = found.iter().filter(|verdict| !wanted.contains(verdict)).collect();
            if found != *wanted {
                return Err(format!("{what}, beside others: {others:?}").into());
            }
        }
        separate(&state.path().join("zot-verify"))?;
        support::nothing_left(own.path())?;
        registry.stop().await
    })
}
