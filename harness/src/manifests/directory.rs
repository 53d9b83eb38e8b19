//! Reads directories of manifests, within bounds, and says what it did not read.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::{Kind, Source, kind, shown};
use crate::bounds;

/// What was found in directories.
#[derive(Debug, Default)]
pub struct Found {
    /// Every text file, in the order of paths.
    pub sources: Vec<Source>,
    /// What could not be looked into, and why.
    pub unread: Vec<String>,
    /// Symbolic links: what they lead to is read where it stands, if that is among the directories.
    pub links: usize,
    /// Files of other kinds than those that pin images, which are no text, too long, or not to be read.
    pub passed: usize,
}

/// What is left of the bounds.
struct Walk {
    found: BTreeMap<PathBuf, Source>,
    unread: Vec<String>,
    links: usize,
    passed: usize,
    entries: usize,
    bytes: u64,
    full: bool,
}

/// Reads all text files in and below these directories. Symbolic links are not followed, so that nothing goes round in
/// circles, and `.git` is left out: what is in it was.
#[must_use]
pub fn read(directories: &[PathBuf]) -> Found {
    let mut walk =
        Walk { found: BTreeMap::new(), unread: Vec::new(), links: 0, passed: 0, entries: 0, bytes: 0, full: false };
    for directory in directories {
        // A directory that is named may be a link, and is meant.
        walk.directory(directory, 0);
    }
    let sources = walk.found.into_values().collect();
    Found { sources, unread: walk.unread, links: walk.links, passed: walk.passed }
}

impl Walk {
    fn directory(&mut self, path: &Path, depth: usize) {
        if depth > bounds::MANIFEST_DEPTH {
            self.unread.push(format!("{}: deeper than {} directories", shown(path), bounds::MANIFEST_DEPTH));
            return;
        }
        let entries = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let Some(mut entries) = self.given(path, entries) else { return };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            self.entries += 1;
            if self.entries > bounds::MANIFEST_ENTRIES {
                self.stop(path, &format!("more than {} files and directories", bounds::MANIFEST_ENTRIES));
            }
            if self.full {
                return;
            }
            let path = entry.path();
            let Some(kind) = self.given(&path, entry.file_type()) else { continue };
            match () {
                () if kind.is_symlink() => self.links += 1,
                () if kind.is_dir() && entry.file_name() == ".git" => {}
                () if kind.is_dir() => self.directory(&path, depth + 1),
                () if kind.is_file() => self.file(&path),
                // A socket or a pipe holds nothing that a node reads.
                () => {}
            }
        }
    }

    fn file(&mut self, path: &Path) {
        match text(path) {
            // Nothing would be read in it but the registry's name.
            Err(_) if kind(path) == Kind::Other => self.passed += 1,
            Err(error) => self.unread.push(format!("{}: {error}", shown(path))),
            Ok(text) => {
                self.bytes += text.len() as u64;
                if self.bytes > bounds::MANIFESTS {
                    self.stop(path, &format!("more than {} MiB of text", bounds::MANIFESTS >> 20));
                    return;
                }
                // Directories may lie in each other, and be named in several ways.
                let key = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
                self.found.entry(key).or_insert_with(|| Source { path: super::kustomize::plain(path), text });
            }
        }
    }

    fn stop(&mut self, path: &Path, why: &str) {
        if !self.full {
            self.unread.push(format!("{} and what comes after it: {why}", shown(path)));
        }
        self.full = true;
    }

    fn given<T>(&mut self, path: &Path, result: io::Result<T>) -> Option<T> {
        result.map_err(|error| self.unread.push(format!("{}: {error}", shown(path)))).ok()
    }
}

/// A file's text. What has a NUL in it or is no UTF-8 is none.
fn text(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(bounds::MANIFEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bounds::MANIFEST {
        return Err(io::Error::other(format!("longer than {} MiB", bounds::MANIFEST >> 20)));
    }
    let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
    text.ok_or_else(|| io::Error::other("no text in UTF-8"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn what_is_not_read_is_told() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        fs::create_dir_all(at("b/.git")).unwrap();
        fs::write(at("b/.git/a.yaml"), "x").unwrap();
        fs::write(at("b/two.yaml"), "two").unwrap();
        fs::write(at("a.yaml"), "one").unwrap();
        fs::write(at("binary"), b"\0").unwrap();
        fs::write(at("latin"), b"\xe9").unwrap();
        fs::write(at("latin.yaml"), b"image: r.test/a:v1 # caf\xe9").unwrap();
        fs::write(at("._a.yaml"), b"\0").unwrap();
        let long = vec![b'x'; usize::try_from(bounds::MANIFEST).unwrap() + 1];
        fs::write(at("long.csv"), &long).unwrap();
        fs::write(at("long.yaml"), &long).unwrap();
        symlink(root.path(), at("b/round")).unwrap();
        symlink("nowhere", at("dangling")).unwrap();
        let found = read(&[root.path().to_owned(), at("b")]);
        let names: Vec<String> =
            found.sources.iter().map(|source| shown(source.path.strip_prefix(root.path()).unwrap())).collect();
        assert_eq!(names, ["a.yaml", "b/two.yaml"]);
        assert_eq!((found.links, found.passed), (3, 4), "the link in `b` is met twice");
        let unread = ["latin.yaml: no text in UTF-8", "long.yaml: longer than 4 MiB"];
        assert!(found.unread.iter().zip(unread).all(|(found, wanted)| found.ends_with(wanted)), "{:?}", found.unread);
        assert_eq!(found.unread.len(), unread.len());
    }

    #[test]
    fn what_may_not_be_read_is_told() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("a.yaml");
        fs::write(&file, "one").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
        let found = read(&[root.path().to_owned(), root.path().join("gone")]);
        // Whoever may read everything, as root may, can read that too.
        assert_eq!(found.sources.len() + found.unread.len(), 2, "{:?}", found.unread);
        assert!(found.unread.iter().any(|unread| unread.contains("gone: No such file")), "{:?}", found.unread);
    }
}
