//! The program as a process of its own, whose memory is bounded and measured. The process in between is this test
//! again, since what a process needed is told to its parent alone, and for all its children together.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, UsageWho, getrusage, setrlimit};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

/// The word that makes this test the process in between.
const MEASURED: &str = "__measured";

/// How much memory the program may ever ask the system for, in bytes. It is not given more, and dies.
const MEMORY: u64 = 512 << 20;

/// Keeps a test that hangs from hanging for ever. No test waits for it.
const PATIENCE: Duration = Duration::from_secs(120);

/// What became of a process.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Ended {
    /// Its exit code; none where it was killed.
    pub(crate) code: Option<i32>,
    /// The most memory that it had at any time, in KiB.
    pub(crate) peak: i64,
    /// How long it took, in milliseconds.
    pub(crate) took: u64,
}

/// A command that runs this one, bounded and measured.
pub(crate) fn around(command: &Command, measures: &Path) -> Command {
    let mut outer = Command::new(std::env::current_exe().unwrap());
    outer.arg(MEASURED).arg(measures).arg(command.get_program()).args(command.get_args());
    outer.env_clear().current_dir(command.get_current_dir().unwrap());
    outer.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    outer
}

/// What this process ends with, if it is the one in between.
pub(crate) fn measured() -> Option<ExitCode> {
    let mut words = std::env::args_os().skip(1);
    words.next().filter(|word| word == MEASURED)?;
    let (measures, program) = (words.next()?, words.next()?);
    let ended = run(&program, words);
    std::fs::write(measures, serde_json::to_vec(&ended).unwrap()).unwrap();
    Some(ExitCode::SUCCESS)
}

fn run(program: &OsString, words: impl Iterator<Item = OsString>) -> Ended {
    // Counts what a process can write to, and not what it has merely set aside.
    setrlimit(Resource::RLIMIT_DATA, MEMORY, MEMORY).unwrap();
    let start = Instant::now();
    let mut child = Command::new(program).args(words).spawn().unwrap();
    let pid = Pid::from_child(&child);
    let (done, wait) = mpsc::channel::<()>();
    let guard = std::thread::spawn(move || {
        if wait.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            kill_process(pid, Signal::KILL).unwrap();
        }
    });
    let status = child.wait().unwrap();
    let took = u64::try_from(start.elapsed().as_millis()).unwrap();
    drop(done);
    guard.join().unwrap();
    Ended { code: status.code(), peak: getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss(), took }
}
