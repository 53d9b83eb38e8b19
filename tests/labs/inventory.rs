//! A tree of manifests is looked through, and what is wrong with its pins is told as the owner reads it.

use std::path::{Path, PathBuf};

use libtest_mimic::Failed;
use zot_verify::session::Session;
use zot_verify::target::zot::Zot;

use super::support;

/// What is told of the tree, on the stand-in as on zot.
const TOLD: &str = "tests/data/inventory.told";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(crate) fn findings_are_told(zot: &Zot) -> Result<(), Failed> {
    let around = support::surroundings();
    let tree = root().join("tests/data/inventory").canonicalize()?;
    let output = support::runtime()?.block_on(async {
        let session = Session::lab(&support::spec(zot, &around).await?, std::sync::Arc::default(), &around).await?;
        let temporary = tempfile::tempdir()?;
        let url = session.header().url;
        let output = tokio::process::Command::from(support::command(temporary.path()))
            .args(["live", &url, "inventory.pinned"])
            .current_dir(&tree)
            .output()
            .await?;
        session.close().await?;
        Ok::<_, Failed>((output, url))
    })?;
    let (output, url) = output;
    let told = String::from_utf8_lossy(&output.stdout);
    // The first lines name the target, the last how long it took.
    let told = told.replace(url.trim_end_matches('/'), "http://REGISTRY");
    let lines = told.lines().skip(3).take_while(|line| !line.starts_with("1 fail"));
    let told: String = lines.map(|line| format!("{}\n", line.trim_end())).collect();
    if std::env::var_os("ZOT_VERIFY_BLESS").is_some() {
        std::fs::write(root().join(TOLD), &told)?;
    }
    if output.status.code() != Some(1) {
        return Err(format!("{:?}\n{told}\n{}", output.status, String::from_utf8_lossy(&output.stderr)).into());
    }
    let wanted = std::fs::read_to_string(root().join(TOLD))?;
    if told == wanted { Ok(()) } else { Err(format!("{TOLD} says\n{wanted}\nand what was told is\n{told}").into()) }
}
