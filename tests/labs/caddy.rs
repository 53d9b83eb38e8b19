//! A lab as its owner has it, behind Caddy. Without a `caddy` on the PATH these report themselves as ignored, by name.

use std::collections::BTreeMap;
use std::process::Stdio;

use libtest_mimic::Failed;
use rustix::process::Signal;
use serde_json::Value;
use zot_verify::target::zot::{Zot, on_path};

use super::cleanup::{end, lab_file, until};
use super::support;

/// Why there is no Caddy to test with.
pub(crate) fn missing() -> Option<String> {
    on_path("caddy".as_ref()).is_none().then(|| "no caddy: put one on the PATH (apt-get install caddy)".into())
}

/// What nobody can see through a proxy that asks for bodies itself.
const HIDDEN: [&str; 2] = ["tags.race/held", "tags.race/together"];

/// Every part judges as without it, but for those that need https, and those that it hides something from.
pub(crate) fn verdicts_are_the_same(zot: &Zot) -> Result<(), Failed> {
    let (plain, behind) = (support::local(zot, &[])?, support::local(zot, &["--caddy"])?);
    if plain.0.status.code() != behind.0.status.code() {
        return Err(format!("exit code {:?}, behind Caddy {:?}", plain.0.status, behind.0.status).into());
    }
    let url = behind.1["target"]["url"].as_str().unwrap_or_default();
    if !url.starts_with("https://registry.zot-verify.test:") {
        return Err(format!("the registry is at {url}").into());
    }
    let before = parts(&plain.1);
    for (part, (verdict, reason)) in parts(&behind.1) {
        let wanted = match part.as_str() {
            tls if tls.starts_with("transport.tls/") => "pass",
            hidden if HIDDEN.contains(&hidden) => "skipped",
            other => before.get(other).map_or("there", |(verdict, _)| verdict.as_str()),
        };
        if verdict != wanted {
            return Err(format!("{part} is {verdict}, and {wanted} without Caddy: {reason}").into());
        }
    }
    Ok(())
}

/// Verdict and reason of each part.
fn parts(report: &Value) -> BTreeMap<String, (String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let results = report["results"].as_array().into_iter().flatten();
    let parts = results.flat_map(|result| {
        let parts = result["parts"].as_array().into_iter().flatten();
        parts.map(move |part| (format!("{}/{}", text(&result["id"]), text(&part["name"])), part))
    });
    parts.map(|(name, part)| (name, (text(&part["verdict"]), text(&part["reason"])))).collect()
}

/// A run that is killed while its Caddy serves.
pub(crate) fn killed_run_leaves_nothing(zot: &Zot) -> Result<(), Failed> {
    for signal in [Signal::INT, Signal::TERM, Signal::KILL] {
        let temporary = tempfile::tempdir()?;
        let mut run = support::command(temporary.path())
            .args(["local", "--caddy", "--zot", &zot.name()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        until("Caddy's log", || lab_file(temporary.path(), "caddy.log"))?;
        end(&mut run, signal)?;
        until(&format!("nothing left after {signal:?}"), || support::nothing_left(temporary.path()).is_ok())?;
    }
    Ok(())
}
