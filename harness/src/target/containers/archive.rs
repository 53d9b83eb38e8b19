//! An image around a program, `FROM scratch`, as `docker load` takes it.
//!
//! It is written here and not built, because BuildKit needs a session that Podman's API does not have.

use std::io;
use std::path::Path;

use serde_json::json;
use tar::{Builder, EntryType, Header};
use zot_verify_model::Digest;

/// The label by which images of this kind are found again.
pub(super) const LABEL: &str = "zot-verify.fixtures";

/// Where the program is in the image.
pub(super) const PROGRAM: &str = "/zot-verify";

/// An image of a few files, and nothing else.
#[derive(Debug)]
pub struct Image<'a> {
    /// Its name with its tag.
    pub tag: &'a str,
    /// The machine that it is for, as images name it: `amd64`, `arm64`.
    pub architecture: &'a str,
    /// The program that it runs.
    pub entry_point: &'a str,
    /// Who runs it.
    pub user: &'a str,
    /// Its label, for those that are ours to remove.
    pub label: Option<&'a str>,
    /// Its files, all of which may be run.
    pub files: Vec<(&'a str, Vec<u8>)>,
}

impl Image<'_> {
    /// The archive as `docker load` takes it.
    pub(super) fn archive(&self) -> io::Result<Vec<u8>> {
        let layer = self.layer()?;
        let diff = Digest::of(&layer).to_string();
        let labels = self.label.map(|label| json!({ label: self.tag }));
        let config = json!({
            "architecture": self.architecture,
            "os": "linux",
            "config": { "Entrypoint": [self.entry_point], "Labels": labels, "User": self.user, "WorkingDir": "/" },
            "rootfs": { "type": "layers", "diff_ids": [diff] },
            "history": [{ "created_by": "zot-verify" }],
        })
        .to_string();
        let manifest =
            json!([{ "Config": "config.json", "RepoTags": [self.tag], "Layers": ["layer.tar"] }]).to_string();
        let mut archive = Builder::new(Vec::new());
        append(&mut archive, "config.json", config.as_bytes(), 0o644)?;
        append(&mut archive, "layer.tar", &layer, 0o644)?;
        append(&mut archive, "manifest.json", manifest.as_bytes(), 0o644)?;
        archive.into_inner()
    }

    /// The only layer: the files, and a directory for what is written.
    fn layer(&self) -> io::Result<Vec<u8>> {
        let mut layer = Builder::new(Vec::new());
        for (path, bytes) in &self.files {
            append(&mut layer, path.trim_start_matches('/'), bytes, 0o755)?;
        }
        let mut tmp = Header::new_ustar();
        tmp.set_entry_type(EntryType::Directory);
        tmp.set_size(0);
        tmp.set_mode(0o1777);
        layer.append_data(&mut tmp, "tmp/", io::empty())?;
        layer.into_inner()
    }
}

/// One file, for a container that is not started yet.
pub(super) fn file(path: &str, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    append(&mut archive, path.trim_start_matches('/'), bytes, 0o644)?;
    archive.into_inner()
}

/// A directory with all its files, for a container that is not started yet. Whoever its image runs as may read and write
/// them: the container is the lab's alone.
pub(super) fn directory(path: &str, directory: &Path) -> io::Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    fill(&mut archive, Path::new(path.trim_start_matches('/')), directory)?;
    archive.into_inner()
}

fn fill(archive: &mut Builder<Vec<u8>>, path: &Path, directory: &Path) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Directory);
    header.set_size(0);
    header.set_mode(0o777);
    archive.append_data(&mut header, path, io::empty())?;
    for entry in std::fs::read_dir(directory)? {
        let (entry, path) = entry.map(|entry| (entry.path(), path.join(entry.file_name())))?;
        if entry.is_dir() {
            fill(archive, &path, &entry)?;
        } else {
            let bytes = std::fs::read(&entry)?;
            let mut header = Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o666);
            // As old as it is: zot collects a blob that no manifest names once it is older than gcDelay.
            header.set_mtime(now());
            archive.append_data(&mut header, path, bytes.as_slice())?;
        }
    }
    Ok(())
}

/// Times and owners are those of nobody, so that the same program makes the same image.
fn append(archive: &mut Builder<Vec<u8>>, path: &str, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_size(bytes.len() as u64);
    header.set_mode(mode);
    header.set_mtime(0);
    archive.append_data(&mut header, path, bytes)
}

/// The seconds since 1970.
fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
