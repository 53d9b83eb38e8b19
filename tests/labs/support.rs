//! What scenarios share.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use libtest_mimic::Failed;
use serde_json::Value;
use tokio::sync::watch;
use zot_verify::run::outcome::CheckOutcome;
use zot_verify::run::permissions::Permissions;
use zot_verify::run::plan::Plan;
use zot_verify::run::runner::End;
use zot_verify::session::{Session, Surroundings, lab_spec};
use zot_verify::settings::Intent;
use zot_verify::target::builtin;
use zot_verify::target::lab::LabSpec;
use zot_verify::target::zot::Zot;

/// The zot to test with, or why there is none.
pub(crate) fn zot() -> Result<Zot, String> {
    let named = std::env::var("ZOT_VERIFY_ZOT").ok();
    match Zot::choose("auto", named.as_deref(), std::env::var_os("PATH").as_deref()) {
        Ok(Zot::Embedded) => Err("ZOT_VERIFY_ZOT asks for the stand-in".into()),
        Ok(Zot::Image(_)) => Err("no zot: there is none on the PATH, only an engine that could run its image".into()),
        Ok(zot) => Ok(zot),
        // A zot that was named and is none is a mistake, not an absence.
        Err(trouble) if named.is_some_and(|named| !named.is_empty()) => {
            eprintln!("{trouble}");
            std::process::exit(2);
        }
        Err(_) => Err("no zot: set ZOT_VERIFY_ZOT, or put one on the PATH".into()),
    }
}

/// zot-verify itself.
pub(crate) fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_zot-verify"))
}

/// zot-verify with nothing of the tester's own settings, and with a directory for temporary files.
pub(crate) fn command(temporary: &Path) -> Command {
    let mut command = Command::new(program());
    outside(&mut command, temporary);
    command
}

/// Takes the tester's own settings from a command, and gives it a directory for temporary files.
pub(crate) fn outside(command: &mut Command, temporary: &Path) {
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("ZOT_") {
            command.env_remove(&*name);
        }
    }
    command.env("TMPDIR", temporary).env("NO_COLOR", "1").current_dir(temporary);
}

/// Runs `local` on this zot and reads its JSON report.
pub(crate) fn local(zot: &Zot, words: &[&str]) -> Result<(Output, Value), Failed> {
    let temporary = tempfile::tempdir()?;
    let output =
        command(temporary.path()).args(["local", "--zot", &zot.name(), "--format", "json"]).args(words).output()?;
    let report = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("{error}: {}", String::from_utf8_lossy(&output.stderr)))?;
    nothing_left(temporary.path())?;
    Ok((output, report))
}

/// The verdict of every check in a report.
pub(crate) fn verdicts(report: &Value) -> Vec<(&str, &str)> {
    report["results"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|result| Some((result["id"].as_str()?, result["verdict"].as_str()?)))
        .collect()
}

/// A directory in which a run has left nothing.
pub(crate) fn nothing_left(directory: &Path) -> Result<(), Failed> {
    let left: Vec<PathBuf> = std::fs::read_dir(directory)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    if left.is_empty() { Ok(()) } else { Err(format!("left behind: {left:?}").into()) }
}

/// A runtime for one scenario.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failed> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

/// The built-in lab of this zot.
pub(crate) async fn spec(zot: &Zot, around: &Surroundings) -> Result<LabSpec, Failed> {
    let config = builtin::config(zot.metrics_key(&around.program).await?);
    Ok(lab_spec(zot.clone(), config, &Intent::default(), around)?)
}

/// Surroundings of a test.
pub(crate) fn surroundings() -> Surroundings {
    Surroundings::new(program(), Vec::new())
}

/// Runs checks in a lab.
pub(crate) async fn run(spec: &LabSpec, around: &Surroundings, ids: &[String]) -> Result<Vec<CheckOutcome>, Failed> {
    let intent = Arc::new(Intent::default());
    let session = Session::lab(spec, Arc::clone(&intent), around).await?;
    let plan = Plan::make(ids, &[], Permissions::LAB, &intent)?;
    let (_end, listen) = watch::channel(End::Open);
    let outcomes = session.run(&plan, listen, |_| ()).await;
    session.close().await?;
    Ok(outcomes)
}

/// The faults of a saboteur, by name.
pub(crate) fn faults(name: &str) -> Result<&'static [zot_verify_fixtures::fault::Fault], Failed> {
    let found = zot_verify::catalogue::saboteurs().find(|saboteur| saboteur.name == name);
    found.map(|saboteur| saboteur.faults).ok_or_else(|| format!("no saboteur {name}").into())
}
