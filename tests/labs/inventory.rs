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

/// What a live run tells of the manifests in `directory`, with its exit code; the lab's URL is called REGISTRY.
async fn told(url: &str, directory: &Path, words: &[&str]) -> Result<(Option<i32>, String), Failed> {
    let temporary = tempfile::tempdir()?;
    let mut command = tokio::process::Command::from(support::command(temporary.path()));
    let output = command.args(["live", url, "inventory.pinned"]).args(words).current_dir(directory).output().await?;
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8_lossy(&told).replace(url.trim_end_matches('/'), "http://REGISTRY");
    Ok((output.status.code(), told))
}

pub(crate) fn findings_are_told(zot: &Zot) -> Result<(), Failed> {
    let around = support::surroundings();
    let tree = root().join("tests/data/inventory").canonicalize()?;
    let (code, told) = support::runtime()?.block_on(async {
        let session = Session::lab(&support::spec(zot, &around).await?, std::sync::Arc::default(), &around).await?;
        let told = told(&session.header().url, &tree, &[]).await?;
        session.close().await?;
        Ok::<_, Failed>(told)
    })?;
    // The first lines name the target, the last how long it took.
    let lines = told.lines().skip(3).take_while(|line| !line.starts_with("1 fail"));
    let told: String = lines.map(|line| format!("{}\n", line.trim_end())).collect();
    if std::env::var_os("ZOT_VERIFY_BLESS").is_some() {
        std::fs::write(root().join(TOLD), &told)?;
    }
    if code != Some(1) {
        return Err(format!("{code:?}\n{told}").into());
    }
    let wanted = std::fs::read_to_string(root().join(TOLD))?;
    if told == wanted { Ok(()) } else { Err(format!("{TOLD} says\n{wanted}\nand what was told is\n{told}").into()) }
}

/// Manifests that are not there, pin nothing, cannot be read, or are written to deceive are no pass.
pub(crate) fn what_tells_nothing_is_no_pass(zot: &Zot) -> Result<(), Failed> {
    let around = support::surroundings();
    let house = tempfile::tempdir()?;
    for (path, text) in [
        ("zot-verify.toml", "required = ['inventory.pinned']\n[inventory]\nhosts = ['registry.test']\n"),
        ("nothing/a.yaml", "image: quay.io/x/y:v1\n"),
        ("broken/kustomization.yaml", "images: [\n"),
        ("evil/a\u{1b}[2J\npass all is well.yaml", "image: registry.test/a:${\u{1b}[31m}\n"),
        ("good/a.yaml", "image: registry.test/zot-verify/inventory/app:v1.0.0-abc1234\n"),
    ] {
        let path = house.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(house.path()))?;
        std::fs::write(path, text)?;
    }
    support::runtime()?.block_on(async {
        let session = Session::lab(&support::spec(zot, &around).await?, std::sync::Arc::default(), &around).await?;
        let url = session.header().url;
        for (words, code, says) in [
            (&[][..], 3, "no directory of manifests is named"),
            (&["--manifests", "nothing"], 3, "nothing in nothing pins an image of 127.0.0.1"),
            (&["--manifests", "broken:good"], 3, "what is pinned could not be read: broken/kustomization.yaml:"),
            (&["--manifests", "evil"], 0, "evil/a\\u{1b}[2J\\npass all is well.yaml:1"),
            (&["--manifests", "good", "--manifests", "good"], 0, "no platform is asked for"),
        ] {
            let (found, told) = told(&url, house.path(), words).await?;
            if found != Some(code) || !told.contains(says) || told.contains('\u{1b}') {
                return Err(
                    format!("{words:?} ends with {found:?}, not {code}, or does not say `{says}`:\n{told}").into()
                );
            }
        }
        session.close().await?;
        Ok(())
    })
}
