//! Whatever ends a live run that writes, it leaves only what its ledger lists, and `clean` removes that.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::process::Stdio;

use libtest_mimic::Failed;
use rustix::process::{Pid, Signal};
use zot_verify::ledger::{Item, read};
use zot_verify::target::zot::Zot;
use zot_verify::wire::Request;

use super::crowd::{Crowd, Seen};
use super::effects::Effects;
use super::gate::{Act, Gate, Point};
use super::support;
use super::writes::Registry;

/// Which kills: `all`, a number of them, or a number and a seed: `30@7`.
const ASKED: &str = "ZOT_VERIFY_KILLS";
/// How many, where nobody asks for more.
const FEW: usize = 4;

const SIGNALS: [Signal; 3] = [Signal::KILL, Signal::TERM, Signal::INT];

/// Kills runs at requests that nobody chose, or at every one.
pub(crate) fn only_what_is_listed_is_left(zot: &Zot) -> Result<(), Failed> {
    let around = support::surroundings();
    support::runtime()?.block_on(async {
        let registry = Registry::start(&support::spec(zot, &around).await?).await?;
        let crowd = Crowd::gather(&registry.bench, &registry.admin).await?;
        let before = crowd.seen(&registry.bench).await?;
        let ground = Ground { registry, crowd, before };
        // Of a run that nobody ends it is known how many requests it sends.
        let whole = ground.kill(0, Point::Never, Signal::KILL).await?;
        let (kills, seed) = chosen(whole)?;
        let count = kills.len();
        for (number, (point, signal)) in kills.into_iter().enumerate() {
            ground.kill(number + 1, point, signal).await.map_err(|error| {
                let what = error.message().unwrap_or_default();
                format!("{signal:?} at {point:?} of {whole} requests, {ASKED}={count}@{seed}: {what}")
            })?;
        }
        ground.registry.stop().await
    })
}

/// The points and the signals, with the seed that chose them.
fn chosen(whole: usize) -> Result<(Vec<(Point, Signal)>, u64), Failed> {
    let asked = std::env::var(ASKED).unwrap_or_default();
    if asked == "all" {
        let points = (0..whole).flat_map(|at| [Point::Before(at), Point::After(at)]);
        // Most of what ends a run cannot be caught.
        let signals = [SIGNALS[0], SIGNALS[0], SIGNALS[1], SIGNALS[0], SIGNALS[0], SIGNALS[2]].into_iter().cycle();
        return Ok((points.zip(signals).collect(), 0));
    }
    let (count, seed) = asked.split_once('@').unwrap_or((&asked, ""));
    let count = if count.is_empty() { FEW } else { count.parse()? };
    let seed = if seed.is_empty() { RandomState::new().hash_one(whole) } else { seed.parse()? };
    let mut state = seed | 1;
    let mut next = |below: usize| {
        // Marsaglia, "Xorshift RNGs" (2003).
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 11).unwrap_or_default() % below
    };
    let one = |_| {
        let at = next(whole);
        let point = if next(2) == 0 { Point::Before(at) } else { Point::After(at) };
        (point, SIGNALS[next(SIGNALS.len())])
    };
    Ok(((0..count).map(one).collect(), seed))
}

/// A registry with other people's repositories, and what these were.
struct Ground {
    registry: Registry,
    crowd: Crowd,
    before: Seen,
}

impl Ground {
    /// Ends a run, compares what is there with what its ledger lists, and clears up; answers with how many requests came.
    async fn kill(&self, number: usize, point: Point, signal: Signal) -> Result<usize, Failed> {
        let directory = tempfile::tempdir()?;
        let (gate, server) = Gate::before(self.registry.url(), point, Act::Signal(signal)).await?;
        let (url, canary) = (server.url(), format!("blumeops/zot-verify-canary/{number}"));
        let mut run = self.registry.whole(&url, &canary, directory.path())?;
        run.args(["--ledger", "ledger"]);
        let mut run = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        gate.watches(run.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)).ok_or("no process")?);
        let ended = run.wait().await?;
        gate.idle().await;
        let seen = gate.seen();
        let effects = Effects::of(&gate.passed());
        let made = [effects.blobs.len(), effects.tags.len(), effects.fetched.len()];
        if point == Point::Never && (!matches!(ended.code(), Some(0 | 1)) || made.contains(&0)) {
            return Err(format!("a run that nobody ends makes too little: {ended}, {effects:?}").into());
        }
        let ledger = directory.path().join("ledger");
        let items = items(&ledger)?;
        effects.are_listed(&items)?;
        gate.open();
        if ledger.exists() {
            self.clean(&url, &canary, &ledger).await?;
            self.is_clean(&canary, &effects, &items).await?;
        }
        let after = self.crowd.seen(&self.registry.bench).await?;
        if after != self.before {
            let changed: Vec<_> = after.iter().filter(|(path, seen)| self.before.get(*path) != Some(seen)).collect();
            return Err(format!("other people's repositories have changed: {changed:#?}").into());
        }
        Ok(seen)
    }

    /// Nothing may remain but keys, which end by themselves.
    async fn clean(&self, url: &str, canary: &str, ledger: &Path) -> Result<(), Failed> {
        let temporary = tempfile::tempdir()?;
        let mut command = support::command(temporary.path());
        command.args(["clean", "--all", "--live", url, "--canary", canary, "--ledger"]).arg(ledger);
        self.registry.keys(&mut command);
        let output = tokio::process::Command::from(command).output().await?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let remains = said.lines().filter(|line| line.starts_with("remains") || line.starts_with("unknown"));
        let beside_keys: Vec<&str> = remains.filter(|line| !line.contains("key `zot-verify ")).collect();
        match output.status.code() {
            Some(0 | 5) if beside_keys.is_empty() => Ok(()),
            code => Err(format!("clean ended with {code:?}: {said}{}", String::from_utf8_lossy(&output.stderr)).into()),
        }
    }

    /// No tag of the canary is left, and no upload but those of which the run never heard the name: these are the
    /// registry's to collect.
    async fn is_clean(&self, canary: &str, effects: &Effects, items: &[Item]) -> Result<(), Failed> {
        let wire = self.registry.bench.wire.fresh();
        let tags = effects.tags.keys().map(|(name, tag)| format!("/v2/{name}/manifests/{tag}"));
        let named = |id: &str| items.iter().any(|item| item.upload.as_deref() == Some(id) || item.reference == id);
        let uploads = effects.uploads.iter().filter(|(_, id)| named(id));
        let uploads = uploads.map(|(name, id)| format!("/v2/{name}/blobs/uploads/{id}"));
        let mut left = BTreeSet::new();
        for path in tags.chain(uploads) {
            if wire.send(Request::get(path.as_str())).await?.status() != 404 {
                left.insert(path);
            }
        }
        let listed = wire.send(Request::get(format!("/v2/{canary}/tags/list"))).await?;
        let tags = listed.json().unwrap_or_default();
        left.extend(tags["tags"].as_array().into_iter().flatten().map(ToString::to_string));
        if left.is_empty() { Ok(()) } else { Err(format!("clean has left {left:?}").into()) }
    }
}

fn items(ledger: &Path) -> Result<Vec<Item>, Failed> {
    let text = if ledger.exists() { std::fs::read_to_string(ledger)? } else { String::new() };
    let (items, unreadable) = read(&text);
    if unreadable == 0 { Ok(items) } else { Err(format!("{unreadable} lines of the ledger say nothing").into()) }
}
