//! What runs left that were killed together with their reapers.
//!
//! A directory belongs to whoever holds the lock on it. One that nobody holds is nobody's: its programs are ended, and
//! it goes. Then the engine's containers and networks go whose directory is gone.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::SystemTime;

use rustix::process::{Pid, Signal, kill_process_group};

use super::containers::{self, Engine};
use crate::bounds;

/// How the names of all our directories begin.
pub(crate) const PREFIX: &str = "zot-verify-";

/// Removes the directories that are nobody's, and ends what still runs in them; once in a run. What cannot be removed is
/// told and left.
pub(super) fn directories() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for directory in ours() {
            if let Err(error) = remove(&directory) {
                eprintln!("zot-verify: {} is left from an earlier run: {error}", directory.display());
            }
        }
    });
}

/// Removes the containers and networks that are nobody's. What cannot be removed is told and left.
pub(super) async fn containers(engine: &Engine) {
    if let Err(error) = containers::sweep(engine).await {
        eprintln!("zot-verify: containers or networks are left from an earlier run: {error}");
    }
}

/// Our directories, but not those that somebody may be about to lock.
fn ours() -> Vec<PathBuf> {
    let mine = rustix::process::getuid().as_raw();
    let entries = std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    let old = |entry: &std::fs::DirEntry| {
        let Ok(known) = entry.metadata() else { return false };
        let age = known.modified().ok().and_then(|then| SystemTime::now().duration_since(then).ok());
        known.is_dir() && known.uid() == mine && age.is_some_and(|age| age > bounds::NEWBORN)
    };
    named.filter(old).map(|entry| entry.path()).collect()
}

fn remove(directory: &Path) -> io::Result<()> {
    let lock = match File::open(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        lock => lock?,
    };
    match lock.try_lock() {
        Err(TryLockError::WouldBlock) => return Ok(()),
        Err(TryLockError::Error(error)) => return Err(error),
        Ok(()) => {}
    }
    for group in groups(directory) {
        // It may have ended by itself meanwhile.
        let _ = kill_process_group(group, Signal::KILL);
    }
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// The process groups that a reaper noted in its directory, as far as they still work there.
pub(super) fn groups(directory: &Path) -> Vec<Pid> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let notes = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|is| is == "pid"));
    let noted = notes.filter_map(|path| std::fs::read_to_string(path).ok()?.trim().parse().ok());
    noted.filter(|pid| works_in(*pid, directory)).filter_map(Pid::from_raw).collect()
}

/// Whether a process was started with a file of this directory. Its number may have gone to somebody else.
fn works_in(pid: i32, directory: &Path) -> bool {
    let line = if cfg!(target_os = "linux") {
        std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()
    } else {
        let ps = std::process::Command::new("ps").args(["-o", "command=", "-p", &pid.to_string()]).env_clear().output();
        ps.map(|output| output.stdout).unwrap_or_default()
    };
    String::from_utf8_lossy(&line).contains(&*directory.to_string_lossy())
}
