//! What `compare` says of two labs.

use std::path::Path;

use libtest_mimic::Failed;
use serde_json::{Value, json};
use zot_verify::target::zot::Zot;
use zot_verify_model::ZotConfig;

use super::support;

/// The shape that the owner deploys.
const DEPLOYED: &str = include_str!("../data/deployed.json");

/// The key whose loss only `login.cookies/secure` notices.
const SECURE: [&str; 3] = ["http", "auth", "secureSession"];

/// The same zot under the same configuration: nothing changes, in any run.
pub(crate) fn nothing_changes_by_itself(zot: &Zot) -> Result<(), Failed> {
    let ground = Ground::new()?;
    let report = ground.compare(zot, &["--to", &zot.name()], 0)?;
    if report["changes"] != json!([]) || report["summary"]["same"].as_u64().unwrap_or_default() < 100 {
        return Err(format!("{:#}", report["changes"]).into());
    }
    Ok(())
}

/// A key that is lost breaks what it is for, and nothing else; that it cures it is tried. The other way it is a fix.
pub(crate) fn a_key_that_is_lost_is_told_with_its_cure(zot: &Zot) -> Result<(), Failed> {
    let ground = Ground::new()?;
    ground.config("with.json", |config| {
        config.set(&SECURE, json!(true));
    })?;
    ground.config("without.json", |_| ())?;
    let report = ground.compare(zot, &["--config", "with.json", "--to-config", "without.json"], 1)?;
    is(changes(&report), ["login.cookies/secure broken"])?;
    let trial = &report["trials"][0];
    is(&trial["edits"], &json!([{ "key": SECURE.join("."), "value": true }]))?;
    is(&trial["cures"], &json!(["login.cookies/secure"]))?;
    is(&trial["to"]["fixed"], &json!(["login.cookies/secure"]))?;
    is(&trial["when"], &json!("before-or-with"))?;
    let report = ground.compare(zot, &["--config", "without.json", "--to-config", "with.json"], 0)?;
    is(changes(&report), ["login.cookies/secure fixed"])?;
    is(&report["trials"], &json!([]))
}

/// A zot that refuses its configuration is an answer where it is gone to, and none where it is come from. That it comes
/// up without the key is tried.
pub(crate) fn a_side_that_does_not_come_up_is_a_result(zot: &Zot) -> Result<(), Failed> {
    let ground = Ground::new()?;
    ground.config("good.json", |_| ())?;
    ground.config("strange.json", |config| {
        config.set(&["http", "fooBar"], json!(1));
    })?;
    let report = ground.compare(zot, &["--config", "good.json", "--to-config", "strange.json"], 1)?;
    is(&report["to"]["comes_up"], &json!(false))?;
    let trial = &report["trials"][0];
    is(&trial["edits"][0]["value"], &Value::Null)?;
    is(&trial["to"], &json!({ "comes_up": true, "reason": null, "fixed": [], "broken": [] }))?;
    for side in [&report["to"]["reason"], &trial["edits"][0]["key"]] {
        is(side.as_str().is_some_and(|told| told.to_lowercase().contains("http.foobar")), true)?;
    }
    let report = ground.compare(zot, &["--config", "strange.json", "--to-config", "good.json"], 3)?;
    is((&report["from"]["comes_up"], &report["to"]["comes_up"]), (&json!(false), &json!(true)))?;
    is(&report["trials"], &json!([]))
}

/// A directory with configurations, and one for temporary files.
struct Ground {
    work: tempfile::TempDir,
    temporary: tempfile::TempDir,
}

impl Ground {
    fn new() -> Result<Self, Failed> {
        Ok(Self { work: tempfile::tempdir()?, temporary: tempfile::tempdir()? })
    }

    /// Writes the deployed configuration, changed.
    fn config(&self, name: &str, change: impl Fn(&mut ZotConfig)) -> Result<(), Failed> {
        let mut config = ZotConfig::parse(DEPLOYED)?;
        change(&mut config);
        Ok(std::fs::write(self.work.path().join(name), config.to_text())?)
    }

    /// Compares from this zot, expects the exit code, and reads the report.
    fn compare(&self, zot: &Zot, words: &[&str], code: i32) -> Result<Value, Failed> {
        let temporary: &Path = self.temporary.path();
        let mut command = support::command(temporary);
        command.args(["compare", "--from", &zot.name(), "--format", "json"]).args(words);
        let output = command.current_dir(self.work.path()).output()?;
        support::nothing_left(temporary)?;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if output.status.code() != Some(code) {
            return Err(format!("{:?}, not {code}\n{err}{out}", output.status).into());
        }
        serde_json::from_str(&out).map_err(|error| format!("{error}: {err}").into())
    }
}

fn changes(report: &Value) -> Vec<String> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let told =
        |change: &Value| format!("{}/{} {}", word(&change["id"]), word(&change["part"]), word(&change["change"]));
    report["changes"].as_array().into_iter().flatten().map(told).collect()
}

fn is<T: PartialEq<U> + std::fmt::Debug, U: std::fmt::Debug>(found: T, wanted: U) -> Result<(), Failed> {
    if found == wanted { Ok(()) } else { Err(format!("{found:?}, not {wanted:?}").into()) }
}
