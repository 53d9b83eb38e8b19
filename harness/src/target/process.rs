//! A zot process, held through its reaper.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use super::reaper;
use crate::bounds;

/// The hidden subcommand by which the program becomes a reaper.
pub const REAP: &str = "__reap";

/// A run's directory with the reaper that owns it. Dropping it lets the reaper end zot and remove the directory.
#[derive(Debug)]
pub struct Held {
    directory: PathBuf,
    reaper: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

/// A zot that was started.
#[derive(Debug)]
pub struct Process {
    directory: PathBuf,
    reaper: Child,
    input: Option<ChildStdin>,
    ended: JoinHandle<Option<String>>,
    /// Whether the reaper was told to end, and its silence is no news.
    leaving: Arc<AtomicBool>,
}

impl Held {
    /// Starts a reaper that makes and owns `directory`. `program` is zot-verify itself.
    ///
    /// # Errors
    /// What keeps the reaper from starting.
    pub async fn new(program: &Path, directory: PathBuf) -> io::Result<Self> {
        let mut reaper = Command::new(program)
            .arg(REAP)
            .arg(&directory)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let missing = || io::Error::other("the reaper has no pipes");
        let input = reaper.stdin.take().ok_or_else(missing)?;
        let mut output = BufReader::new(reaper.stdout.take().ok_or_else(missing)?).lines();
        match output.next_line().await? {
            Some(line) if line == "ready" => Ok(Self { directory, reaper, input: Some(input), output }),
            _ => Err(io::Error::other("the reaper did not get ready")),
        }
    }

    /// The directory, which exists now.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Lets the reaper start `zot serve` with the directory's `config.json`.
    ///
    /// # Errors
    /// A broken pipe: the reaper is gone.
    pub async fn start(self, zot: &Path) -> io::Result<Process> {
        let Self { directory, reaper, mut input, output } = self;
        if let Some(input) = &mut input {
            input.write_all(format!("{}\n", zot.display()).as_bytes()).await?;
            input.flush().await?;
        }
        let leaving = Arc::new(AtomicBool::new(false));
        let ended = tokio::spawn(listen(output, directory.clone(), Arc::clone(&leaving)));
        Ok(Process { directory, reaper, input, ended, leaving })
    }
}

impl Process {
    /// Waits until zot has ended by itself; answers how, in words that follow its name.
    pub async fn ended(&mut self) -> String {
        match (&mut self.ended).await {
            Ok(Some(code)) => code,
            Ok(None) | Err(_) => "lost its reaper".into(),
        }
    }

    /// Whether zot has ended by itself.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended.is_finished()
    }

    /// The last lines of zot's log, shortened to what people need of them.
    #[must_use]
    pub fn last_words(&self) -> String {
        let log = std::fs::read(self.directory.join(reaper::LOG)).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<String> = log.lines().filter_map(words).collect();
        lines[lines.len().saturating_sub(bounds::LOG_LINES)..].join("\n")
    }

    /// Ends zot and waits until its directory is gone.
    ///
    /// # Errors
    /// What kept the reaper from ending well.
    pub async fn stop(mut self) -> io::Result<()> {
        self.leaving.store(true, Ordering::Relaxed);
        drop(self.input.take());
        // The reaper gives zot a while, and then kills it.
        let status = tokio::time::timeout(bounds::STOP * 3, self.reaper.wait()).await??;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("the reaper ended with {status}"))) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.leaving.store(true, Ordering::Relaxed);
    }
}

/// Listens to the reaper until it says how zot ended. A reaper that was killed says nothing more; then its work is done
/// here.
async fn listen(
    mut output: Lines<BufReader<ChildStdout>>,
    directory: PathBuf,
    leaving: Arc<AtomicBool>,
) -> Option<String> {
    let mut zot = None;
    while let Ok(Some(line)) = output.next_line().await {
        match line.split_once(' ') {
            Some(("started", pid)) => zot = pid.parse().ok().and_then(Pid::from_raw),
            Some(("exited", how)) => return Some(how.to_owned()),
            _ => {}
        }
    }
    if !leaving.load(Ordering::Relaxed) {
        if let Some(zot) = zot {
            // It may have ended by itself meanwhile.
            let _ = kill_process_group(zot, Signal::KILL);
        }
        if let Err(error) = std::fs::remove_dir_all(&directory) {
            eprintln!("zot-verify: {} remains: {error}", directory.display());
        }
    }
    None
}

/// A line of zot's log as people need it: of its JSON the level, the message and the error; of a Go panic its first line.
fn words(line: &str) -> Option<String> {
    let Ok(entry) = serde_json::from_str::<serde_json::Value>(line) else {
        return line.starts_with("panic:").then(|| line.to_owned()).or_else(|| plain(line));
    };
    let word = |name: &str| entry.get(name).and_then(serde_json::Value::as_str);
    let level = word("level").unwrap_or("info");
    if level == "info" || level == "debug" {
        return None;
    }
    let error = word("error").map_or_else(String::new, |error| format!(": {error}"));
    Some(format!("{level}: {}{error}", word("message").unwrap_or_default()))
}

/// A line that is no JSON, unless it belongs to a stack trace or to the usage text.
fn plain(line: &str) -> Option<String> {
    let told = line.starts_with("Error:");
    told.then(|| line.to_owned())
}
