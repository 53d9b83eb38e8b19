//! The process that owns a run's directory and is the parent of its programs.
//!
//! It hangs on its standard input. When that ends, for whatever reason, the harness is gone or has had enough: the
//! reaper ends the programs, removes the directory, and ends itself. So nothing is left behind by a panic or a SIGKILL
//! of the harness. While it lives it holds a lock on the directory; a directory without one is nobody's
//! (`sweep`).

use std::fs::File;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::process::{ExitCode, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::containers;
use super::orders::{Order, Word, line};
use crate::bounds;

/// The file in the run's directory that a program's output goes to.
pub(super) fn log(name: &str) -> String {
    format!("{name}.log")
}

/// The file in the run's directory with a program's process group.
pub(super) fn pid(name: &str) -> String {
    format!("{name}.pid")
}

/// Runs the reaper for `directory`, which it makes. Orders come on standard input, words go to standard output.
#[must_use]
pub fn main(directory: &Path) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed("no runtime", &error),
    };
    let (ended, contained) = runtime.block_on(run(directory));
    // The next run finds a directory without a lock, and by its name the containers that could not be removed.
    let removed = contained.and_then(|()| std::fs::remove_dir_all(directory));
    // Standard input is read by a thread that may never return; do not wait for it.
    runtime.shutdown_background();
    match (ended, removed) {
        (_, Err(error)) if error.kind() != io::ErrorKind::NotFound => failed("something of the run remains", &error),
        (Err(error), _) => failed("the reaper", &error),
        _ => ExitCode::SUCCESS,
    }
}

fn failed(what: &str, error: &io::Error) -> ExitCode {
    eprintln!("zot-verify: {what}: {error}");
    ExitCode::FAILURE
}

/// Serves the run until that ends. Answers how it went with the programs, and whether all containers are gone.
async fn run(directory: &Path) -> (io::Result<()>, io::Result<()>) {
    let (stop, stopping) = watch::channel(false);
    let (mut programs, mut labs, mut suddenly) = (JoinSet::new(), Vec::new(), true);
    let held = hold(directory);
    let mut ended = match &held {
        Ok(_) => obey(directory, &stopping, &mut programs, &mut labs, &mut suddenly).await,
        Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
    };
    stop.send_replace(true);
    while let Some(program) = programs.join_next().await {
        ended = ended.and(program.map_err(io::Error::other).flatten());
    }
    let mut contained = Ok(());
    for lab in labs {
        contained = contained.and(containers::remove(&lab, suddenly).await);
    }
    (ended, contained)
}

/// Makes the directory, and holds the lock that says whose it is.
fn hold(directory: &Path) -> io::Result<File> {
    // Secrets of the lab lie in it, and nobody can have prepared it for us.
    std::fs::DirBuilder::new().mode(0o700).create(directory)?;
    let held = File::open(directory)?;
    held.lock()?;
    Ok(held)
}

/// Does what it is told until nobody is there to tell it.
async fn obey(
    directory: &Path,
    stopping: &watch::Receiver<bool>,
    programs: &mut JoinSet<io::Result<()>>,
    labs: &mut Vec<String>,
    suddenly: &mut bool,
) -> io::Result<()> {
    // Taking the signals is what keeps them from ending the reaper before its programs.
    let _taken = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()]
        .into_iter()
        .map(signal)
        .collect::<io::Result<Vec<_>>>()?;
    say(&Word::Ready).await?;
    let mut input = BufReader::new(tokio::io::stdin()).lines();
    while let Some(order) = input.next_line().await? {
        match serde_json::from_str(&order)? {
            Order::Start { name, program, args } => match start(&name, &program, &args, directory) {
                Ok(child) => {
                    say(&Word::Started { name: name.clone(), pid: child.id().unwrap_or_default() }).await?;
                    programs.spawn(watch(name, child, stopping.clone()));
                }
                Err(error) => say(&Word::Exited { name, how: format!("could not be started: {error}") }).await?,
            },
            Order::Contain { lab } => labs.push(lab),
            Order::Leave => *suddenly = false,
        }
    }
    Ok(())
}

/// Tells when a program ends by itself, and ends it when the time has come.
async fn watch(name: String, mut program: Child, mut stopping: watch::Receiver<bool>) -> io::Result<()> {
    tokio::select! {
        status = program.wait() => say(&Word::Exited { name, how: how(status?) }).await,
        () = async { drop(stopping.wait_for(|stop| *stop).await) } => stop(&mut program).await,
    }
}

fn how(status: ExitStatus) -> String {
    status.code().map_or_else(|| "was ended by a signal".to_owned(), |code| format!("ended with code {code}"))
}

async fn say(word: &Word) -> io::Result<()> {
    let mut output = tokio::io::stdout();
    // The harness may be gone already; what matters then is to go on and clean up.
    let _ = output.write_all(line(word)?.as_bytes()).await;
    let _ = output.flush().await;
    Ok(())
}

fn start(name: &str, program: &Path, args: &[String], directory: &Path) -> io::Result<Child> {
    let log = File::create(directory.join(log(name)))?;
    let child = Command::new(program)
        .args(args)
        .env_clear()
        .env("HOME", directory)
        .env("TMPDIR", directory)
        .current_dir(directory)
        .process_group(0)
        .stdin(Stdio::null())
        .stderr(log.try_clone()?)
        .stdout(log)
        .kill_on_drop(true)
        .spawn()?;
    std::fs::write(directory.join(pid(name)), child.id().unwrap_or_default().to_string())?;
    Ok(child)
}

async fn stop(program: &mut Child) -> io::Result<()> {
    let group = program.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    if let Some(group) = group {
        kill_process_group(group, Signal::TERM)?;
        if tokio::time::timeout(bounds::STOP, program.wait()).await.is_err() {
            kill_process_group(group, Signal::KILL)?;
            program.wait().await?;
        }
    }
    Ok(())
}
