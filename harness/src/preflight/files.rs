//! Whose a file is, who else may read it, and what this user may do.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use rustix::process::geteuid;

use super::line::Red;

/// Who owns a file, and its mode. Preflight runs as the user that runs zot, so that user is the one who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    uid: u32,
    mode: u32,
}

impl Owner {
    /// Of the file that is there.
    ///
    /// # Errors
    /// What keeps it from being looked at.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        path.metadata().map(|found| Self { uid: found.uid(), mode: found.mode() & 0o7777 })
    }

    /// That others may read it, if so.
    #[must_use]
    pub(super) fn private(self, name: &str) -> Option<Red> {
        (self.mode & 0o077 != 0).then(|| {
            Red::fail(format!("{name} can be read by its owner alone"), format!("its mode is {:04o}", self.mode))
                .because(
                    "whoever can read the client secret can take zot's place at the issuer; zot itself does not look",
                    "chmod 600, and let the deployment set it",
                )
        })
    }

    /// That it is not of the user who asks, if so.
    #[must_use]
    pub(super) fn ours(self, name: &str) -> Option<Red> {
        let user = geteuid().as_raw();
        (self.uid != user).then(|| {
            let expected =
                format!("{name} belongs to the user that runs zot, whom preflight takes to be its own, uid {user}");
            Red::warn(expected, format!("it belongs to uid {}", self.uid)).because(
                "another user may change it, or zot may not be able to",
                "run preflight as the user that runs zot, or chown it",
            )
        })
    }
}

/// Why a file that may not be there yet cannot be written; `None` where it can.
#[must_use]
pub(super) fn not_writable(path: &Path) -> Option<String> {
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

/// The nearest directory above `path` that is there, and in which the rest could be made.
#[must_use]
pub(super) fn nearest(path: &Path) -> PathBuf {
    path.ancestors().find(|at| at.exists()).unwrap_or(Path::new("/")).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_private_or_not() {
        let told = |mode| Owner { uid: 0, mode }.private("f").map(|red| red.observed);
        assert_eq!(told(0o600), None);
        assert_eq!(told(0o400), None);
        assert_eq!(told(0o640).as_deref(), Some("its mode is 0640"));
        assert_eq!(told(0o604).as_deref(), Some("its mode is 0604"));
    }

    #[test]
    fn an_owner_is_this_user_or_not() {
        let us = geteuid().as_raw();
        assert_eq!(Owner { uid: us, mode: 0o600 }.ours("f"), None);
        let other = Owner { uid: us + 1, mode: 0o600 }.ours("f").unwrap();
        assert!(!other.fails && other.observed.contains(&(us + 1).to_string()));
    }

    #[test]
    fn what_is_not_there_is_written_into_its_directory() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(not_writable(&directory.path().join("new.log")), None);
        let gone = not_writable(&directory.path().join("gone/new.log")).unwrap();
        assert!(gone.contains("gone"), "{gone}");
    }
}
