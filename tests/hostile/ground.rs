//! A good registry to stand behind hostile servers, and what every meeting must keep to.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use libtest_mimic::Failed;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use zot_verify::session::{Session, Surroundings, lab_spec};
use zot_verify::settings::Intent;
use zot_verify::target::builtin::{self, MetricsKey};
use zot_verify::target::zot::Zot;
use zot_verify_fixtures::edge::Authority;
use zot_verify_fixtures::hostile::Witness;
use zot_verify_fixtures::{Port, Server};

use crate::child::{self, Ended};
use crate::row::{By, Row};
use crate::texts;

/// The most memory that any of them may have at any time, in KiB.
const PEAK: i64 = 192 << 10;

/// The key in the environment. Nobody but the registry may see it, and no output.
const KEY: &str = "hunter2-is-the-key";

/// The password in the environment.
const PASSWORD: &str = "hunter2-is-the-password";

const PROGRAM: &str = env!("CARGO_BIN_EXE_zot-verify");

/// What all rows share.
pub(crate) struct Ground {
    runtime: Runtime,
    /// The good registry.
    good: Session,
    authority: Authority,
    measured: Mutex<BTreeMap<String, Ended>>,
}

/// A hostile server with its surroundings; all of it ends with this.
struct Arena {
    url: String,
    other: Witness,
    _servers: Vec<Server>,
}

impl Ground {
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let around = Surroundings::new(Path::new(PROGRAM), Vec::new());
        let config = builtin::config(MetricsKey::AnonymousPolicy);
        let intent = Arc::new(Intent::default());
        let spec = lab_spec(Zot::Embedded, config, &intent, &around).unwrap();
        let good = runtime.block_on(Session::lab(&spec, intent, &around)).unwrap();
        Self { runtime, good, authority: Authority::new().unwrap(), measured: Mutex::default() }
    }

    /// The good registry's URL, without a slash at its end.
    fn good(&self) -> String {
        self.good.header().url.trim_end_matches('/').to_owned()
    }

    /// What each row took.
    pub(crate) fn measured(&self) -> BTreeMap<String, Ended> {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets the program meet the server of a row.
    pub(crate) fn meet(&self, row: &'static Row) -> Result<(), Failed> {
        let arena = self.runtime.block_on(self.arena(row))?;
        let house = tempfile::tempdir()?;
        std::fs::write(house.path().join("ca.pem"), self.authority.pem())?;
        // Logins come back to the good registry, and the metrics need not be its own: that is as it should be.
        let intent = format!("external_url = \"{}\"\n\n[metrics]\nfamilies = [\"m\"]\n", self.good());
        std::fs::write(house.path().join("zot-verify.toml"), intent)?;
        let files = "--format text --json report.json --junit report.xml";
        let (ended, told) = run(&house, &format!("live {} {} {files}", arena.url, spelt(row, &arena)))?;
        self.measured.lock().unwrap_or_else(PoisonError::into_inner).insert(row.id(), ended);
        let context =
            |error: Failed| -> Failed { format!("{}\n{told}\n{ended:?}", error.message().unwrap_or_default()).into() };
        judged(row, &house, ended, &told).map_err(context)?;
        if texts::is_one(row) {
            let (_, brief) = run(&house, &format!("live {} {} --format brief", arena.url, spelt(row, &arena)))?;
            texts::harmless("brief", &brief)?;
        }
        match &arena.other.seen()[..] {
            [] => Ok(()),
            seen => Err(context(format!("the other host was asked: {seen:?}").into())),
        }
    }

    async fn arena(&self, row: &'static Row) -> Result<Arena, Failed> {
        let other = Witness::begin().await?;
        let good = self.good();
        let port = Port::bind().await?;
        let own = port.url();
        let mut servers = vec![port.fight(row.tricks, &good, &other.url())];
        let url = match row.by {
            By::Http => own,
            By::Https => own.replace("http:", "https:"),
            By::NoName => "https://no-such-host.invalid".to_owned(),
            By::Tls(says) => {
                let port = Port::bind().await?;
                let url = port.url().replace("http:", "https:");
                servers.push(port.end_tls(&self.authority.certify("127.0.0.1", says)?, &own)?);
                url
            }
        };
        Ok(Arena { url, other, _servers: servers })
    }
}

/// What is typed for a row, with the URLs of its arena.
fn spelt(row: &Row, arena: &Arena) -> String {
    row.words.replace("{own}", &arena.url).replace("{other}", &arena.other.url())
}

/// Runs the program and returns what became of it, and what it wrote to both streams.
fn run(house: &TempDir, line: &str) -> Result<(Ended, String), Failed> {
    let mut command = Command::new(PROGRAM);
    command.args(line.split_whitespace()).current_dir(house.path());
    let secrets =
        [("ZOT_VERIFY_API_KEY", KEY), ("ZOT_VERIFY_OIDC_USER", "alice"), ("ZOT_VERIFY_OIDC_PASSWORD", PASSWORD)];
    // As on a terminal: what is taken out where nobody looks must not be there in the first place.
    command.envs(secrets).env("TMPDIR", house.path()).env("CLICOLOR_FORCE", "1");
    let measures = house.path().join("measures");
    let output = child::around(&command, &measures).stdin(Stdio::null()).output()?;
    let mut told = Vec::new();
    for stream in [output.stdout, output.stderr] {
        told.push(String::from_utf8(stream).map_err(|_| "it wrote what is no UTF-8")?);
    }
    let ended = serde_json::from_slice(&std::fs::read(&measures)?)?;
    std::fs::remove_file(measures)?;
    Ok((ended, told.join("")))
}

fn judged(row: &Row, house: &TempDir, ended: Ended, told: &str) -> Result<(), Failed> {
    if ended.code != Some(row.exit) {
        return Err(format!("it ended with {:?}, not {}", ended.code, row.exit).into());
    }
    if ended.peak > PEAK {
        return Err(format!("it needed {} KiB, more than {PEAK}", ended.peak).into());
    }
    texts::harmless("text", told)?;
    if !told.contains(row.tells) {
        return Err(format!("it does not say `{}`", row.tells).into());
    }
    let (json, junit) = (house.path().join("report.json"), house.path().join("report.xml"));
    if row.verdicts.is_empty() {
        return if json.exists() || junit.exists() { Err("there is a report".into()) } else { Ok(()) };
    }
    let (json, junit) = (std::fs::read_to_string(json)?, std::fs::read_to_string(junit)?);
    for (format, text) in [("json", &json), ("junit", &junit)] {
        texts::harmless(format, text)?;
    }
    for secret in [KEY, PASSWORD] {
        if [told, &json, &junit].iter().any(|text| text.contains(secret)) {
            return Err("it shows a secret".into());
        }
    }
    let report: Value = serde_json::from_str(&json)?;
    texts::well_formed(&report, &junit)?;
    for (id, verdict) in row.verdicts {
        let found = part(&report, id);
        if found.as_deref() != Some(verdict) {
            return Err(format!("{id} is {found:?}, not {verdict}\n{}", passed(&report)).into());
        }
    }
    Ok(())
}

/// The verdict of a part, or of a whole check.
fn part(report: &Value, id: &str) -> Option<String> {
    let (check, part) = id.split_once('/').unwrap_or((id, ""));
    let result = report["results"].as_array()?.iter().find(|result| result["id"] == check)?;
    let named = |found: &&Value| found["name"] == part;
    let found = if part.is_empty() { result } else { result["parts"].as_array()?.iter().find(named)? };
    found["verdict"].as_str().map(str::to_owned)
}

/// Every part with its verdict and its reason, for whoever looks for what went wrong.
fn passed(report: &Value) -> String {
    let results = report["results"].as_array().into_iter().flatten();
    let parts =
        results.flat_map(|result| result["parts"].as_array().into_iter().flatten().map(move |part| (result, part)));
    parts
        .map(|(result, part)| format!("{}/{} {} {}\n", result["id"], part["name"], part["verdict"], part["reason"]))
        .collect()
}
