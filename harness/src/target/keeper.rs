//! A run's directory and its programs, held through their reaper.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;

use super::containers;
use super::orders::{Order, Word, line};
use super::{reaper, sweep};
use crate::bounds;
use crate::patience::Patience;

/// The hidden subcommand by which the program becomes a reaper.
pub const REAP: &str = "__reap";

/// A run's directory with the reaper that owns it. Dropping it lets the reaper end everything and remove the directory.
#[derive(Debug)]
pub struct Keeper {
    directory: PathBuf,
    reaper: Child,
    input: Option<ChildStdin>,
    ended: watch::Receiver<Ended>,
    /// Whether the reaper was told to end, and its silence is no news.
    leaving: Arc<AtomicBool>,
    /// The labs whose containers the reaper removes.
    labs: Arc<Mutex<Vec<String>>>,
}

/// What a reaper needs of the environment: to find its directory, itself and the engine. Secrets stay where they are.
const NEEDED: [&str; 8] = [
    "DOCKER_CERT_PATH",
    "DOCKER_HOST",
    "DOCKER_TLS_VERIFY",
    "HOME",
    "LD_LIBRARY_PATH",
    "PATH",
    "RUST_BACKTRACE",
    "TMPDIR",
];

/// How many reapers of this process still work.
static WORKING: LazyLock<watch::Sender<usize>> = LazyLock::new(|| watch::Sender::new(0));

/// Waits until all reapers of this process have ended. Where it is the first process of a container, whatever still works
/// when it ends is killed.
pub async fn settle() {
    let mut working = WORKING.subscribe();
    let none = working.wait_for(|working| *working == 0);
    if tokio::time::timeout(bounds::REAPER, none).await.is_err() {
        eprintln!("zot-verify: a reaper still works after {:?}", bounds::REAPER);
    }
}

/// What has ended by itself.
#[derive(Debug, Default)]
struct Ended {
    /// How each program ended, by its name.
    programs: BTreeMap<String, String>,
    reaper: bool,
}

impl Keeper {
    /// Starts a reaper that makes and owns `directory`. `program` is zot-verify itself.
    ///
    /// # Errors
    /// What keeps the reaper from starting.
    pub async fn new(program: &Path, directory: PathBuf) -> io::Result<Self> {
        let mut reaper = Command::new(program)
            .arg(REAP)
            .arg(&directory)
            .env_clear()
            .envs(NEEDED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let missing = || io::Error::other("the reaper has no pipes");
        let input = reaper.stdin.take().ok_or_else(missing)?;
        let mut output = BufReader::new(reaper.stdout.take().ok_or_else(missing)?).lines();
        let first = output.next_line().await?.and_then(|line| serde_json::from_str(&line).ok());
        if !matches!(first, Some(Word::Ready)) {
            return Err(io::Error::other("the reaper did not get ready"));
        }
        let (telling, ended) = watch::channel(Ended::default());
        let leaving = Arc::new(AtomicBool::new(false));
        let labs = Arc::default();
        let listener =
            Listener { directory: directory.clone(), leaving: Arc::clone(&leaving), labs: Arc::clone(&labs), telling };
        WORKING.send_modify(|working| *working += 1);
        tokio::spawn(async move {
            listener.listen(output).await;
            WORKING.send_modify(|working| *working -= 1);
        });
        Ok(Self { directory, reaper, input: Some(input), ended, leaving, labs })
    }

    /// The directory, which exists now.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Lets the reaper start a program in the directory, under a name of its own.
    ///
    /// # Errors
    /// A broken pipe: the reaper is gone.
    pub async fn start(&mut self, name: &str, program: &Path, args: Vec<String>) -> io::Result<()> {
        self.order(&Order::Start { name: name.into(), program: program.into(), args }).await
    }

    /// Lets the reaper remove the containers and networks of this lab in the end. To be asked for before the first is made.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn contain(&mut self, lab: &str) -> io::Result<()> {
        self.labs.lock().unwrap_or_else(PoisonError::into_inner).push(lab.to_owned());
        self.order(&Order::Contain { lab: lab.into() }).await
    }

    async fn order(&mut self, order: &Order) -> io::Result<()> {
        let gone = || io::Error::other("the reaper was told to end");
        let input = self.input.as_mut().ok_or_else(gone)?;
        input.write_all(line(order)?.as_bytes()).await?;
        input.flush().await
    }

    /// Waits until a program has ended by itself; answers how, in words that follow its name.
    pub async fn ended(&self, name: &str) -> String {
        let mut ended = self.ended.clone();
        let ended = ended.wait_for(|ended| ended.reaper || ended.programs.contains_key(name)).await;
        ended.ok().and_then(|ended| ended.programs.get(name).cloned()).unwrap_or_else(|| "lost its reaper".into())
    }

    /// Whether a program has ended by itself.
    #[must_use]
    pub fn has_ended(&self, name: &str) -> bool {
        let ended = self.ended.borrow();
        ended.reaper || ended.programs.contains_key(name)
    }

    /// The last lines of a program's log, shortened to what people need of them.
    #[must_use]
    pub fn last_words(&self, name: &str) -> String {
        last_words(&std::fs::read(self.directory.join(reaper::log(name))).unwrap_or_default())
    }

    /// Ends everything and waits until the directory is gone.
    ///
    /// # Errors
    /// What kept the reaper from ending well.
    pub async fn stop(mut self) -> io::Result<()> {
        self.leaving.store(true, Ordering::Relaxed);
        // A reaper that is gone says so when it is waited for.
        let _ = self.order(&Order::Leave).await;
        drop(self.input.take());
        let status = tokio::time::timeout(bounds::REAPER, self.reaper.wait()).await??;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("the reaper ended with {status}"))) }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.leaving.store(true, Ordering::Relaxed);
    }
}

/// Who hears what the reaper says.
struct Listener {
    directory: PathBuf,
    leaving: Arc<AtomicBool>,
    labs: Arc<Mutex<Vec<String>>>,
    telling: watch::Sender<Ended>,
}

impl Listener {
    /// Listens to the reaper as long as it speaks. Of one that was killed the rest of its work is done here.
    async fn listen(self, mut output: Lines<BufReader<ChildStdout>>) {
        let mut groups = Vec::new();
        while let Ok(Some(line)) = output.next_line().await {
            match serde_json::from_str(&line) {
                Ok(Word::Started { pid, .. }) => groups.extend(i32::try_from(pid).ok().and_then(Pid::from_raw)),
                Ok(Word::Exited { name, how }) => {
                    self.telling.send_modify(|ended| drop(ended.programs.insert(name, how)));
                }
                Ok(Word::Ready) | Err(_) => {}
            }
        }
        self.telling.send_modify(|ended| ended.reaper = true);
        if self.leaving.load(Ordering::Relaxed) && !self.directory.exists() {
            return;
        }
        // It may have been killed before it said what it had noted.
        groups.extend(sweep::groups(&self.directory));
        for group in groups {
            // It may have ended by itself meanwhile.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let labs = std::mem::take(&mut *self.labs.lock().unwrap_or_else(PoisonError::into_inner));
        let mut removed = Ok(());
        for lab in labs {
            removed = removed.and(containers::remove(&lab, true).await);
        }
        // A program that was killed may still be ending its last write.
        let patience = Patience::new(bounds::STOP, bounds::POLL);
        let mut gone = std::fs::remove_dir_all(&self.directory);
        while gone.is_err() && self.directory.exists() && patience.another_look().await {
            gone = std::fs::remove_dir_all(&self.directory);
        }
        if let Err(error) = removed.and(gone) {
            eprintln!("zot-verify: something of {} remains: {error}", self.directory.display());
        }
    }
}

/// The last lines of a log, shortened to what people need of them.
#[must_use]
pub fn last_words(log: &[u8]) -> String {
    let log = String::from_utf8_lossy(log);
    let lines: Vec<String> = log.lines().filter_map(words).collect();
    lines[lines.len().saturating_sub(bounds::LOG_LINES)..].join("\n")
}

/// A line of a log as people need it: of its JSON the level, the message and the error; of a Go panic its first line.
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
    // zot says `message`, Caddy `msg`.
    Some(format!("{level}: {}{error}", word("message").or_else(|| word("msg")).unwrap_or_default()))
}

/// A line that is no JSON, unless it belongs to a stack trace or to the usage text.
fn plain(line: &str) -> Option<String> {
    let told = line.starts_with("Error:");
    told.then(|| line.to_owned())
}
