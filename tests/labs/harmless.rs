//! A read-only live run changes nothing in a registry, not even in one whose doors all stand open.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use libtest_mimic::Failed;
use serde_json::Value;
use zot_verify::bounds;
use zot_verify::session::{Session, Surroundings};
use zot_verify::settings::Intent;
use zot_verify::target::lab::LabSpec;
use zot_verify::target::zot::Zot;
use zot_verify::wire::door::{Aim, UPLOAD_WHOLE};
use zot_verify::wire::{Announced, Trust, Wire};
use zot_verify_model::Digest;

use super::support;

pub(crate) fn live_changes_nothing(zot: &Zot) -> Result<(), Failed> {
    let around = support::surroundings();
    support::runtime()?.block_on(async {
        let spec = support::spec(zot, &around).await?;
        let report = live_leaves_as_it_was(&spec, &around).await?;
        let push = &report["results"][2];
        if push["id"] != "push.anonymous-denied" || push["verdict"] != "pass" {
            return Err(format!("the closed registry: {push:#}").into());
        }
        Ok(())
    })
}

pub(crate) fn open_doors(zot: &Zot) -> Result<(), Failed> {
    let around = support::surroundings();
    support::runtime()?.block_on(async {
        let spec = support::spec(zot, &around).await?.with(support::faults("anybody-may-do-everything")?);
        let report = live_leaves_as_it_was(&spec, &around).await?;
        let push = &report["results"][2];
        let judged: Vec<&Value> = push["parts"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|part| part["verdict"] != "skipped" && part["verdict"] != "fail")
            .collect();
        if push["verdict"] != "fail" || !judged.is_empty() {
            return Err(format!("the open registry, seen live: {push:#}").into());
        }
        Ok(())
    })
}

/// A push that announces a body stores nothing in a registry that would have let it in, whatever it announces.
pub(crate) fn announced_pushes(zot: &Zot) -> Result<(), Failed> {
    let around = support::surroundings();
    support::runtime()?.block_on(async {
        let spec = support::spec(zot, &around).await?.with(support::faults("anybody-may-do-everything")?);
        let session = Session::lab(&spec, Arc::new(Intent::default()), &around).await?;
        let url = session.header().url;
        let before = (content(&url).await?, disk(&around)?);
        let wire = Wire::new(url.parse()?, "run-1", around.redactor(), &Trust::default(), false)?;
        let harmless = UPLOAD_WHOLE.harmless.ok_or("the door has no harmless form")?;
        for body in [Announced::Bytes(bounds::LARGE_PUSH), Announced::Chunks] {
            let answer = wire.announce(harmless(&Aim::at("zot-verify/announced".into(), "v1")?), body).await?;
            // zot refuses it before the body; the stand-in asks for that first, and then gets none.
            if !matches!(answer.status(), 100 | 415) {
                return Err(format!("{body:?}: {}", answer.status()).into());
            }
        }
        let after = (content(&url).await?, disk(&around)?);
        session.close().await?;
        if before == after { Ok(()) } else { Err("the registry has changed".into()) }
    })
}

/// Runs `live` beside a lab and compares what the registry holds before and after.
async fn live_leaves_as_it_was(spec: &LabSpec, around: &Surroundings) -> Result<Value, Failed> {
    let session = Session::lab(spec, Arc::new(Intent::default()), around).await?;
    let url = session.header().url;
    let before = (content(&url).await?, disk(around)?);
    let on_disk = !before.1.is_empty() || session.header().stand_in;
    if !before.0.contains_key("zot-verify/pull") || !on_disk {
        return Err(format!("the seeds are not seen, so nothing could be: {before:?}").into());
    }
    let temporary = tempfile::tempdir()?;
    let output = tokio::process::Command::from(support::command(temporary.path()))
        .args(["live", &url, "--format", "json", "--pull-image", "zot-verify/pull:v1"])
        .output()
        .await?;
    let after = (content(&url).await?, disk(around)?);
    session.close().await?;
    support::nothing_left(temporary.path())?;
    if before != after {
        let new: Vec<_> = after.0.iter().filter(|(name, tags)| before.0.get(*name) != Some(tags)).collect();
        let files: Vec<_> = after.1.iter().filter(|(path, digest)| before.1.get(*path) != Some(digest)).collect();
        return Err(format!("the registry has changed: {new:#?} {files:#?}").into());
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("{error}: {}", String::from_utf8_lossy(&output.stderr)).into())
}

/// Every repository with its tags, and the digest behind each tag, as anybody sees them.
pub(crate) async fn content(url: &str) -> Result<BTreeMap<String, Vec<(String, String)>>, Failed> {
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build()?;
    let get = |path: String| client.get(format!("{url}v2/{path}")).send();
    let catalog: Value = serde_json::from_slice(&get("_catalog".into()).await?.bytes().await?)?;
    let mut found = BTreeMap::new();
    for repository in catalog["repositories"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let list: Value = serde_json::from_slice(&get(format!("{repository}/tags/list")).await?.bytes().await?)?;
        let mut tags = Vec::new();
        for tag in list["tags"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let manifest = get(format!("{repository}/manifests/{tag}")).await?.bytes().await?;
            tags.push((tag.to_owned(), Digest::of(&manifest).to_string()));
        }
        found.insert(repository.to_owned(), tags);
    }
    Ok(found)
}

/// Every file that a zot process keeps of its repositories, with its digest. What it notes of logins (`_sessions`) and
/// in its databases is no content.
fn disk(around: &Surroundings) -> Result<BTreeMap<PathBuf, String>, Failed> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(std::env::temp_dir())? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with(&format!("zot-verify-{}-", around.run)) {
            walk(&path.join("root"), &mut found)?;
        }
    }
    Ok(found)
}

fn walk(directory: &Path, found: &mut BTreeMap<PathBuf, String>) -> Result<(), Failed> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('_') {
            walk(&path, found)?;
        } else if path.is_file() && path.extension().is_none_or(|extension| extension != "db") {
            found.insert(path.clone(), Digest::of(&std::fs::read(&path)?).to_string());
        }
    }
    Ok(())
}
