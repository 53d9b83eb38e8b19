//! An image around one program, `FROM scratch`, as `docker load` takes it.
//!
//! It is written here and not built, because BuildKit needs a session that Podman's API does not have.

use std::io::{self, Write as _};
use std::path::Path;

use serde_json::json;
use tar::{Builder, EntryType, Header};
use zot_verify_model::Digest;

/// The label by which images of this kind are found again.
pub(super) const LABEL: &str = "zot-verify.fixtures";

/// Where the program is in the image.
pub(super) const PROGRAM: &str = "/zot-verify";

/// The archive of an image called `tag`, for a machine of this architecture.
pub(super) fn around(program: &Path, tag: &str, architecture: &str) -> io::Result<Vec<u8>> {
    let layer = layer(program)?;
    let diff = Digest::of(&layer).to_string();
    let config = json!({
        "architecture": architecture,
        "os": "linux",
        "config": { "Entrypoint": [PROGRAM], "Labels": { LABEL: tag }, "User": "65534:65534", "WorkingDir": "/" },
        "rootfs": { "type": "layers", "diff_ids": [diff] },
        "history": [{ "created_by": "zot-verify" }],
    })
    .to_string();
    let manifest = json!([{ "Config": "config.json", "RepoTags": [tag], "Layers": ["layer.tar"] }]).to_string();
    let mut archive = Builder::new(Vec::new());
    append(&mut archive, "config.json", config.as_bytes(), 0o644)?;
    append(&mut archive, "layer.tar", &layer, 0o644)?;
    append(&mut archive, "manifest.json", manifest.as_bytes(), 0o644)?;
    archive.into_inner()
}

/// The only layer: the program, and a directory for what a lab gives it.
fn layer(program: &Path) -> io::Result<Vec<u8>> {
    let mut layer = Builder::new(Vec::new());
    append(&mut layer, PROGRAM.trim_start_matches('/'), &std::fs::read(program)?, 0o755)?;
    let mut tmp = Header::new_ustar();
    tmp.set_entry_type(EntryType::Directory);
    tmp.set_size(0);
    tmp.set_mode(0o1777);
    layer.append_data(&mut tmp, "tmp/", io::empty())?;
    let mut layer = layer.into_inner()?;
    layer.flush()?;
    Ok(layer)
}

/// Times and owners are those of nobody, so that the same program makes the same image.
fn append(archive: &mut Builder<Vec<u8>>, path: &str, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_size(bytes.len() as u64);
    header.set_mode(mode);
    header.set_mtime(0);
    archive.append_data(&mut header, path, bytes)
}
