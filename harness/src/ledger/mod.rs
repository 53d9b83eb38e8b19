//! Everything that a run creates on somebody's registry, noted before the request that creates it.
//!
//! A ledger is a file of JSON lines that only grows. What it says is on the disk before the request goes out, so that
//! a run that is killed leaves nothing that nobody knows of. A ledger that cannot be written stops the request.

mod item;

use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

pub use self::item::{Item, Kind, State, read};
use crate::bounds;
use crate::run::outcome::Halt;
use crate::wire::Redactor;

/// How the names of ledgers end.
const ENDING: &str = "jsonl";

/// Where ledgers are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// One file for all runs (`--ledger`).
    File(PathBuf),
    /// A file for each run in this directory.
    Directory(PathBuf),
}

impl Place {
    /// The directory for state of this user (XDG Base Directory Specification): `$XDG_STATE_HOME`, where that is an
    /// absolute path, else `~/.local/state`.
    #[must_use]
    pub fn of_user(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<Self> {
        let absolute = |path: &PathBuf| path.is_absolute();
        let state = variable("XDG_STATE_HOME").filter(absolute);
        let home = || variable("HOME").filter(absolute).map(|home| home.join(".local/state"));
        state.or_else(home).map(|state| Self::Directory(state.join("zot-verify")))
    }

    /// The file of a run.
    #[must_use]
    pub fn file(&self, run: &str) -> PathBuf {
        match self {
            Self::File(file) => file.clone(),
            Self::Directory(directory) => directory.join(run).with_extension(ENDING),
        }
    }
}

/// A ledger that was read.
#[derive(Debug)]
pub struct Volume {
    /// Where it is.
    pub path: PathBuf,
    /// What it says.
    pub items: Vec<Item>,
    /// How many of its lines say nothing.
    pub unreadable: usize,
    /// Whether a run that writes to it has not ended.
    pub in_use: bool,
}

impl Place {
    /// Every ledger that is there; a directory that does not exist holds none.
    ///
    /// # Errors
    /// What keeps a ledger from being read, with its path.
    pub fn read(&self) -> Result<Vec<Volume>, (PathBuf, io::Error)> {
        let mut paths = Vec::new();
        match self {
            Self::File(path) => paths.push(path.clone()),
            Self::Directory(directory) => match directory.read_dir() {
                Ok(found) => {
                    for entry in found {
                        let path = entry.map_err(|error| (directory.clone(), error))?.path();
                        paths.extend(Some(path).filter(|path| path.extension().is_some_and(|ending| ending == ENDING)));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err((directory.clone(), error)),
            },
        }
        paths.sort();
        paths.into_iter().map(|path| Volume::read(&path).map_err(|error| (path, error))).collect()
    }
}

impl Volume {
    /// Reads a ledger, and looks whether a run holds it. Where files know no locks nobody can tell, and it counts as free.
    fn read(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let in_use = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let (items, unreadable) = read(&text);
        Ok(Self { path: path.to_owned(), items, unreadable, in_use })
    }
}

/// Notes in a ledger what became of something that an earlier run left.
///
/// # Errors
/// What keeps it from being written.
pub fn turn(path: &Path, item: &Item, state: State, why: Option<&str>) -> io::Result<()> {
    append(&mut open(path)?, &Item { state, why: why.map(str::to_owned), upload: None, ..item.clone() })
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Directory(path) => write!(f, "{}/", path.display()),
        }
    }
}

/// The ledger of a run. Clones write into the same.
#[derive(Debug, Clone)]
pub struct Ledger(Means);

#[derive(Debug, Clone)]
enum Means {
    /// The registry is a lab's, and goes away with it.
    Lab,
    /// Nothing may be created.
    Closed,
    Book(Arc<Book>),
}

#[derive(Debug)]
struct Book {
    path: PathBuf,
    run: String,
    registry: String,
    /// Names are the registry's words, and none of them may carry a secret onto the disk.
    redactor: Redactor,
    pages: Mutex<Pages>,
}

#[derive(Debug, Default)]
struct Pages {
    /// Opened for the first entry: a run that creates nothing leaves no file. Held until the run ends.
    file: Option<File>,
    items: Vec<Item>,
}

/// Something that is about to be created. What is never said of it counts as being there.
#[derive(Debug)]
#[must_use]
pub struct Entry {
    noted: Option<(Arc<Book>, usize)>,
}

impl Ledger {
    /// That of a lab, which notes nothing: all that is created goes away with the registry.
    #[must_use]
    pub fn lab() -> Self {
        Self(Means::Lab)
    }

    /// That of a run that may create nothing: every plan is refused.
    #[must_use]
    pub fn closed() -> Self {
        Self(Means::Closed)
    }

    /// That of a run on somebody's registry.
    #[must_use]
    pub fn new(place: &Place, run: &str, registry: &str, redactor: Redactor) -> Self {
        let (path, pages) = (place.file(run), Mutex::default());
        Self(Means::Book(Arc::new(Book { path, run: run.into(), registry: registry.into(), redactor, pages })))
    }

    /// Notes what the next request will create; only then may it be sent.
    ///
    /// # Errors
    /// An error when it could not be noted: then the request must not be sent.
    pub fn plan(&self, kind: Kind, repository: &str, reference: &str) -> Result<Entry, Halt> {
        match &self.0 {
            Means::Lab => Ok(Entry { noted: None }),
            Means::Closed => Err(Halt::Error(format!("this run may not create {repository}:{reference}"))),
            Means::Book(book) => {
                let number = book.plan(kind, repository, reference)?;
                Ok(Entry { noted: Some((Arc::clone(book), number)) })
            }
        }
    }

    /// What was noted in this run, redacted.
    #[must_use]
    pub fn noted(&self, redactor: &Redactor) -> Noted {
        match &self.0 {
            Means::Lab | Means::Closed => Noted::default(),
            Means::Book(book) => {
                let mut items = book.pages.lock().unwrap_or_else(PoisonError::into_inner).items.clone();
                for text in items.iter_mut().flat_map(|item| [&mut item.repository, &mut item.reference]) {
                    // Again: what was met later may stand in what was noted before.
                    *text = redactor.redact(text);
                }
                Noted { items, file: Some(book.path.clone()), run: book.run.clone() }
            }
        }
    }
}

impl Entry {
    /// An upload was begun for it, under this name: it is there as well, until it is known what became of the entry.
    ///
    /// # Errors
    /// As [`Entry::created`].
    pub fn begun(&self, upload: &str) -> Result<(), Halt> {
        match &self.noted {
            Some((book, number)) => book.begun(*number, upload),
            None => Ok(()),
        }
    }

    /// It is there, and we may remove it.
    ///
    /// # Errors
    /// An error when that could not be noted.
    pub fn created(&self) -> Result<(), Halt> {
        self.turn(State::Created, None)
    }

    /// It is not there: it was removed, or the request that was to create it was refused.
    ///
    /// # Errors
    /// As [`Entry::created`].
    pub fn removed(&self) -> Result<(), Halt> {
        self.turn(State::Removed, None)
    }

    /// It is there and stays: policy forbids us to remove it, or the registry will.
    ///
    /// # Errors
    /// As [`Entry::created`].
    pub fn kept(&self, why: &str) -> Result<(), Halt> {
        self.turn(State::Kept, Some(why))
    }

    fn turn(&self, state: State, why: Option<&str>) -> Result<(), Halt> {
        match &self.noted {
            Some((book, number)) => book.turn(*number, state, why),
            None => Ok(()),
        }
    }
}

impl Book {
    fn plan(&self, kind: Kind, repository: &str, reference: &str) -> Result<usize, Halt> {
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let number = pages.items.len();
        let item = Item {
            at: item::now(),
            run: self.run.clone(),
            number,
            registry: self.registry.clone(),
            kind,
            repository: self.redactor.redact(repository),
            reference: self.redactor.redact(reference),
            state: State::Planned,
            why: None,
            upload: None,
        };
        self.write(&mut pages, &item, true)
            .map_err(|error| Halt::Error(format!("nothing was sent: {}", self.unwritten(&error))))?;
        pages.items.push(item);
        Ok(number)
    }

    fn begun(&self, number: usize, upload: &str) -> Result<(), Halt> {
        let upload = Some(self.redactor.redact(upload));
        self.change(number, |item| Item { upload, ..item })
    }

    fn turn(&self, number: usize, state: State, why: Option<&str>) -> Result<(), Halt> {
        self.change(number, |item| Item { state, why: why.map(str::to_owned), upload: None, ..item })
    }

    fn change(&self, number: usize, change: impl FnOnce(Item) -> Item) -> Result<(), Halt> {
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let item = change(pages.items[number].clone());
        // What is lost here leaves the entry planned, which only makes somebody look for nothing.
        self.write(&mut pages, &item, false).map_err(|error| Halt::Error(self.unwritten(&error)))?;
        pages.items[number] = item;
        Ok(())
    }

    fn write(&self, pages: &mut Pages, item: &Item, at_once: bool) -> io::Result<()> {
        let file = match &mut pages.file {
            Some(file) => file,
            closed => {
                let file = open(&self.path)?;
                hold(&file)?;
                closed.insert(file)
            }
        };
        append(file, item)?;
        if at_once { file.sync_data() } else { Ok(()) }
    }

    fn unwritten(&self, error: &io::Error) -> String {
        format!("the ledger {} could not be written: {error}", self.path.display())
    }
}

/// Opens a ledger to add to it. Only its owner can read it, and what a crash cut short is ended.
fn open(path: &Path) -> io::Result<File> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let mut file = OpenOptions::new().create(true).read(true).append(true).mode(0o600).open(path)?;
    let mut last = [b'\n'];
    if file.metadata()?.is_file() && file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    if last != [b'\n'] {
        file.write_all(b"\n")?;
    }
    // The name of a new file must survive as well as what is in it.
    File::open(directory)?.sync_all()?;
    Ok(file)
}

/// Says by a lock that a run goes on, so that nobody clears up behind it meanwhile. It goes with the process, however
/// that ends. Where files know no locks, nobody is told.
fn hold(file: &File) -> io::Result<()> {
    match file.lock_shared() {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
        held => held,
    }
}

/// Adds a line, in one write.
fn append(file: &mut File, item: &Item) -> io::Result<()> {
    let mut line = serde_json::to_vec(item)?;
    line.push(b'\n');
    file.write_all(&line)
}

/// What a run noted, for its reports.
#[derive(Debug, Clone, Default)]
pub struct Noted {
    /// Everything that it planned, with what became of it.
    pub items: Vec<Item>,
    /// Where that is written.
    pub file: Option<PathBuf>,
    /// The run.
    pub run: String,
}

impl Noted {
    /// Whether something may be there that we may remove.
    #[must_use]
    pub fn remains(&self) -> bool {
        self.items.iter().any(|item| item.state.remains())
    }
}

/// In one line: how much there is of what, where it is noted, and how to be rid of it.
impl fmt::Display for Noted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kinds: Vec<(Kind, State)> = self.items.iter().map(|item| (item.kind, item.state)).collect();
        kinds.sort_unstable();
        let groups = kinds.chunk_by(|a, b| a == b).map(|group| {
            let (kind, state) = group[0];
            format!("{} {} {}", group.len(), kind.word(group.len()), state.word())
        });
        f.write_str(&groups.collect::<Vec<_>>().join(", "))?;
        if let Some(file) = &self.file {
            write!(f, "; noted in {}", file.display())?;
        }
        let (keys, others): (Vec<_>, Vec<_>) =
            self.items.iter().filter(|item| item.state.remains()).partition(|item| item.kind == Kind::Key);
        if let Some(other) = others.first() {
            write!(f, "; `zot-verify clean {} --live {}", self.run, other.registry)?;
            if let Some(file) = self.file.as_ref().filter(|file| file.file_stem().is_none_or(|name| *name != *self.run))
            {
                write!(f, " --ledger {}", file.display())?;
            }
            write!(f, "` removes what remains{}", if keys.is_empty() { "" } else { " but keys" })?;
        }
        if !keys.is_empty() {
            let life = humantime::format_duration(bounds::KEY);
            write!(f, "; keys end by themselves {life} after they were made")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
