//! The process that owns a run's directory and is zot's parent.
//!
//! It hangs on its standard input. When that ends, for whatever reason, the harness is gone or has had enough: the
//! reaper ends zot, removes the directory, and ends itself. So nothing is left behind by a panic or a SIGKILL of the
//! harness. It speaks one line at a time: `ready`, `started PID`, then `exited HOW` when zot ends by itself
//! or does not start.

use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::process::{ExitCode, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use crate::bounds;

/// The file in the run's directory that zot's output goes to.
pub const LOG: &str = "zot.log";

/// Runs the reaper for `directory`, which it makes. The first line on standard input names the program; the
/// configuration is `config.json` in the directory.
#[must_use]
pub fn main(directory: &Path) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed("no runtime", &error),
    };
    let code = match runtime.block_on(run(directory)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed("the reaper", &error),
    };
    let removed = std::fs::remove_dir_all(directory);
    // Standard input is read by a thread that may never return; do not wait for it.
    runtime.shutdown_background();
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => failed("the run's directory remains", &error),
        _ => code,
    }
}

fn failed(what: &str, error: &io::Error) -> ExitCode {
    eprintln!("zot-verify: {what}: {error}");
    ExitCode::FAILURE
}

async fn run(directory: &Path) -> io::Result<()> {
    // Taking the signals is what keeps them from ending the reaper before zot.
    let _taken = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()]
        .into_iter()
        .map(signal)
        .collect::<io::Result<Vec<_>>>()?;
    // Secrets of the lab lie in it, and nobody can have prepared it for us.
    std::fs::DirBuilder::new().mode(0o700).create(directory)?;
    say("ready").await?;
    let mut input = BufReader::new(tokio::io::stdin()).lines();
    let Some(program) = input.next_line().await? else { return Ok(()) };
    let mut zot = match start(Path::new(&program), directory) {
        Ok(zot) => zot,
        Err(error) => {
            say(&format!("exited could not be started: {error}")).await?;
            return until_end(&mut input).await;
        }
    };
    say(&format!("started {}", zot.id().unwrap_or_default())).await?;
    tokio::select! {
        status = zot.wait() => {
            let status = status?;
            let how = status.code().map_or_else(|| "was ended by a signal".to_owned(), |code| format!("ended with code {code}"));
            say(&format!("exited {how}")).await?;
            until_end(&mut input).await
        }
        end = until_end(&mut input) => {
            stop(&mut zot).await?;
            end
        }
    }
}

async fn until_end(input: &mut tokio::io::Lines<BufReader<tokio::io::Stdin>>) -> io::Result<()> {
    while input.next_line().await?.is_some() {}
    Ok(())
}

async fn say(line: &str) -> io::Result<()> {
    let mut output = tokio::io::stdout();
    // The harness may be gone already; what matters then is to go on and clean up.
    let _ = output.write_all(format!("{line}\n").as_bytes()).await;
    let _ = output.flush().await;
    Ok(())
}

fn start(program: &Path, directory: &Path) -> io::Result<Child> {
    let log = std::fs::File::create(directory.join(LOG))?;
    Command::new(program)
        .arg("serve")
        .arg(directory.join("config.json"))
        .env_clear()
        .env("HOME", directory)
        .env("TMPDIR", directory)
        .current_dir(directory)
        .process_group(0)
        .stdin(Stdio::null())
        .stderr(log.try_clone()?)
        .stdout(log)
        .kill_on_drop(true)
        .spawn()
}

async fn stop(zot: &mut Child) -> io::Result<()> {
    let group = zot.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    if let Some(group) = group {
        kill_process_group(group, Signal::TERM)?;
        if tokio::time::timeout(bounds::STOP, zot.wait()).await.is_err() {
            kill_process_group(group, Signal::KILL)?;
            zot.wait().await?;
        }
    }
    Ok(())
}
