//! Whose a file is, who else may read it, and what this user may do.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, OFlags, access};
use rustix::process::{getegid, geteuid};

use super::line::Red;

/// Who owns a file, and its mode. Preflight runs as the user that runs zot, so that user is the one who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    uid: u32,
    gid: u32,
    mode: u32,
}

/// Who reads a file besides its owner: root's, for the group of the user that runs zot, as packages leave it.
const GROUP: u32 = 0o040;

impl Owner {
    /// Of the file that is there.
    ///
    /// # Errors
    /// What keeps it from being looked at.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        path.metadata().map(|found| Self { uid: found.uid(), gid: found.gid(), mode: found.mode() & 0o7777 })
    }

    /// Its mode, where others than the user that runs zot can read or change it. What is root's may be read by the
    /// group of that user: so it can read it and not change it.
    #[must_use]
    pub(super) fn open_to_others(self) -> Option<String> {
        let ours = self.uid == 0 && self.gid == getegid().as_raw();
        let others = self.mode & 0o077 & !(if ours { GROUP } else { 0 });
        (others != 0).then(|| format!("its mode is {:04o}", self.mode))
    }

    /// That it is not of the user who asks, if so.
    #[must_use]
    pub(super) fn ours(self, name: &str) -> Option<Red> {
        let user = geteuid().as_raw();
        // What is root's is changed by nobody who could not change it anyway.
        (self.uid != user && self.uid != 0).then(|| {
            let expected =
                format!("{name} belongs to the user that runs zot, whom preflight takes to be its own, uid {user}");
            Red::warn(expected, format!("it belongs to uid {}", self.uid)).because(
                "another user may change it, or zot may not be able to",
                "run preflight as the user that runs zot, or chown it",
            )
        })
    }
}

/// Opens a file to read it. A pipe or a device is none, and is not waited for: whoever opens one waits until somebody
/// writes to it.
///
/// # Errors
/// What keeps it from being read.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(nonblocking).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no file")) }
}

/// The bytes of a file that is no longer than `most`.
///
/// # Errors
/// What keeps it from being read.
pub(super) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::other(format!("it has more than {most} bytes")));
    }
    Ok(bytes)
}

/// Why a file that may not be there yet cannot be written; `None` where it can.
#[must_use]
pub(super) fn not_writable(path: &Path) -> Option<String> {
    if path.is_dir() {
        return Some(format!("{} is a directory", path.display()));
    }
    if path.exists() {
        return access(path, Access::WRITE_OK)
            .err()
            .map(|error| format!("{}: {}", path.display(), io::Error::from(error)));
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match parent.metadata() {
        Ok(found) if !found.is_dir() => Some(format!("{} is no directory", parent.display())),
        Ok(_) => access(parent, Access::WRITE_OK | Access::EXEC_OK)
            .err()
            .map(|error| format!("{}: {}", parent.display(), io::Error::from(error))),
        Err(error) => Some(format!("{}: {error}", parent.display())),
    }
}

/// What is there of a path that is not: the nearest above it, in which the rest could be made.
///
/// # Errors
/// Where a link on the way leads, if nothing is there: what keeps a disk or a share may not be mounted.
pub(super) fn nearest(path: &Path) -> Result<PathBuf, String> {
    let found = path.ancestors().find(|at| at.symlink_metadata().is_ok()).unwrap_or(Path::new("/"));
    match found.read_link() {
        Ok(to) if !found.exists() => {
            Err(format!("{} is a link to {}, which is not there", found.display(), to.display()))
        }
        _ => Ok(found.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_private_or_not() {
        let us = geteuid().as_raw();
        let told = |uid, gid, mode| Owner { uid, gid, mode }.open_to_others();
        let (ours, theirs) = (getegid().as_raw(), getegid().as_raw() + 1);
        for private in [(us, ours, 0o600), (us, ours, 0o400), (0, ours, 0o640), (0, ours, 0o440)] {
            assert_eq!(told(private.0, private.1, private.2), None, "{private:?}");
        }
        assert_eq!(told(us + 1, ours, 0o640).as_deref(), Some("its mode is 0640"));
        assert_eq!(told(0, theirs, 0o640).as_deref(), Some("its mode is 0640"));
        assert_eq!(told(0, ours, 0o660).as_deref(), Some("its mode is 0660"));
        assert_eq!(told(us, ours, 0o604).as_deref(), Some("its mode is 0604"));
    }

    #[test]
    fn an_owner_is_this_user_or_not() {
        let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
        let ours = |uid| Owner { uid, gid, mode: 0o600 }.ours("f");
        assert_eq!((ours(uid), ours(0)), (None, None));
        let other = ours(uid + 1).unwrap();
        assert!(!other.fails && other.observed.contains(&(uid + 1).to_string()));
    }

    #[test]
    fn what_is_not_there_is_written_into_its_directory() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(not_writable(&directory.path().join("new.log")), None);
        let gone = not_writable(&directory.path().join("gone/new.log")).unwrap();
        assert!(gone.contains("gone"), "{gone}");
        let itself = not_writable(directory.path()).unwrap();
        assert!(itself.ends_with("is a directory"), "{itself}");
    }

    #[test]
    fn a_pipe_is_no_file_and_nobody_waits_for_it() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe"), rustix::fs::Mode::RUSR).unwrap();
        std::fs::write(at("file"), "12345").unwrap();
        assert_eq!(read(&at("pipe"), 5).unwrap_err().to_string(), "it is no file");
        assert_eq!(read(directory.path(), 5).unwrap_err().to_string(), "it is no file");
        assert_eq!(read(&at("file"), 5).unwrap(), b"12345");
        assert_eq!(read(&at("file"), 4).unwrap_err().to_string(), "it has more than 4 bytes");
    }

    #[test]
    fn nothing_can_be_made_where_a_link_leads_nowhere() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink("/nowhere/disk", &link).unwrap();
        for path in [link.clone(), link.join("zot")] {
            assert!(nearest(&path).unwrap_err().ends_with("link to /nowhere/disk, which is not there"), "{path:?}");
        }
        assert_eq!(nearest(&directory.path().join("a/b")).unwrap(), directory.path());
    }
}
