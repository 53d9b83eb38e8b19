//! Whatever ends a run, nothing of it is left: no process, no directory.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use rustix::process::{Pid, Signal, kill_process};
use zot_verify::target::zot::Zot;

use super::support;

/// How long a reaper may take; it is told within microseconds and waits for zot to end.
const DEADLINE: Duration = Duration::from_secs(20);

/// A run that is killed while its zot works.
pub(crate) fn killed_run_leaves_nothing(zot: &Zot) -> Result<(), Failed> {
    for signal in [Signal::INT, Signal::TERM, Signal::KILL] {
        let temporary = tempfile::tempdir()?;
        let mut run = support::command(temporary.path())
            .args(["self-test", "--zot", &zot.name(), "--only", "anybody-*"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        until("a lab's configuration", || lab_file(temporary.path(), "zot.log"))?;
        end(&mut run, signal)?;
        until(&format!("nothing left after {signal:?}"), || support::nothing_left(temporary.path()).is_ok())?;
    }
    Ok(())
}

/// A run whose reaper is killed: the run itself clears up, and could not tell.
pub(crate) fn killed_reaper_leaves_nothing(zot: &Zot) -> Result<(), Failed> {
    let temporary = tempfile::tempdir()?;
    let mut run = support::command(temporary.path())
        .args(["self-test", "--zot", &zot.name(), "--only", "anybody-*"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    // From then on it is noted whom the reaper has started.
    until("a lab's zot", || lab_file(temporary.path(), "zot.pid"))?;
    until("a reaper", || reaper(temporary.path()).is_some())?;
    kill_process(reaper(temporary.path()).ok_or("no reaper")?, Signal::KILL)?;
    let code = run.wait()?.code();
    if code == Some(0) {
        return Err("a run that lost a lab cannot be good".into());
    }
    until("nothing left", || support::nothing_left(temporary.path()).is_ok())
}

/// A reaper that works below a directory for temporary files.
pub(crate) fn reaper(temporary: &Path) -> Option<Pid> {
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    let works_there = |entry: &std::fs::DirEntry| {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line);
        line.contains("__reap") && line.contains(&*temporary.to_string_lossy())
    };
    processes.filter(works_there).find_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
}

/// A run that is killed while its zot does not get ready.
pub(crate) fn killed_start_leaves_nothing() -> Result<(), Failed> {
    let tools = tempfile::tempdir()?;
    let zot = tools.path().join("zot");
    let mark = tools.path().join("alive");
    std::fs::write(
        &zot,
        format!("#!/bin/sh\ntest \"$1\" = verify && exit 0\necho $$ > {}\nexec sleep 1000\n", mark.display()),
    )?;
    std::fs::set_permissions(&zot, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    for signal in [Signal::INT, Signal::TERM, Signal::KILL] {
        let temporary = tempfile::tempdir()?;
        let mut run = support::command(temporary.path())
            .args(["local", "--zot"])
            .arg(&zot)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let pid = || std::fs::read_to_string(&mark).ok().and_then(|text| Pid::from_raw(text.trim().parse().ok()?));
        until("the zot that never gets ready", || pid().is_some())?;
        let zot = pid().ok_or("no pid")?;
        let code = end(&mut run, signal)?;
        if signal != Signal::KILL && code != Some(130) {
            return Err(format!("exit code {code:?} after {signal:?}, not 130").into());
        }
        until(&format!("nothing left after {signal:?}"), || support::nothing_left(temporary.path()).is_ok())?;
        until(&format!("no zot left after {signal:?}"), || rustix::process::test_kill_process(zot).is_err())?;
        std::fs::remove_file(&mark)?;
    }
    Ok(())
}

pub(crate) fn end(run: &mut Child, signal: Signal) -> Result<Option<i32>, Failed> {
    let pid = Pid::from_raw(i32::try_from(run.id())?).ok_or("no pid")?;
    kill_process(pid, signal)?;
    Ok(run.wait()?.code())
}

pub(crate) fn lab_file(temporary: &Path, name: &str) -> bool {
    let entries = std::fs::read_dir(temporary).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.path().join(name).exists())
}

/// Waits for a condition, which a deadline turns into a failure.
pub(crate) fn until(what: &str, holds: impl Fn() -> bool) -> Result<(), Failed> {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        if Instant::now() > deadline {
            return Err(format!("not seen in time: {what}").into());
        }
        std::thread::yield_now();
    }
    Ok(())
}
