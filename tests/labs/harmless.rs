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
use zot_verify_fixtures::fault::Fault;
use zot_verify_model::Digest;

use super::crowd::Crowd;
use super::support;
use super::writes::Registry;

/// Anybody may do everything, everywhere.
const OPEN: &[Fault] = &[Fault::Config(
    r#"{"http":{"accessControl":{"repositories":{"**":{"anonymousPolicy":["read","create","update","delete"]}}}}}"#,
)];

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
        let spec = support::spec(zot, &around).await?.with(OPEN);
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

/// Whatever a live run does, the repositories of others stay as they are: their lists, their bytes, how often they were
/// pulled, and every file of theirs.
pub(crate) fn in_a_crowd(zot: &Zot) -> Result<(), Failed> {
    let around = support::surroundings();
    support::runtime()?.block_on(async {
        let registry = Registry::start(&support::spec(zot, &around).await?).await?;
        let place = Crowded::gather(registry, &around).await?;
        place.stays(&Writes::Nothing).await?;
        place.stays(&Writes::Canary).await?;
        // When all of it is there, and was there before.
        place.stays(&Writes::Canary).await?;
        place.registry.stop().await
    })
}

/// Where every door is open, a run that may only read changes nothing, and one that may write does so only to the canary.
pub(crate) fn in_an_open_crowd(zot: &Zot) -> Result<(), Failed> {
    let around = support::surroundings();
    support::runtime()?.block_on(async {
        let spec = support::spec(zot, &around).await?.with(OPEN);
        let place = Crowded::gather(Registry::start(&spec).await?, &around).await?;
        place.stays(&Writes::Nothing).await?;
        place.stays(&Writes::Canary).await?;
        place.registry.stop().await
    })
}

/// What a run may write to.
#[derive(Debug, PartialEq, Eq)]
enum Writes {
    Nothing,
    Canary,
}

/// A registry full of other people's repositories.
struct Crowded<'a> {
    registry: Registry,
    crowd: Crowd,
    around: &'a Surroundings,
}

impl<'a> Crowded<'a> {
    const CANARY: &'static str = "blumeops/zot-verify-canary";
    const FETCHED: &'static str = "docker.io/library/blumeops-zot-verify-canary";

    async fn gather(registry: Registry, around: &'a Surroundings) -> Result<Self, Failed> {
        let crowd = Crowd::gather(&registry.bench, &registry.admin).await?;
        Ok(Self { registry, crowd, around })
    }

    /// Runs, and compares all but what the run may write to.
    async fn stays(&self, writes: &Writes) -> Result<(), Failed> {
        let bench = &self.registry.bench;
        let all = async || Ok::<_, Failed>((self.crowd.seen(bench).await?, self.others().await?, disk(self.around)?));
        let before = all().await?;
        let counted = self.crowd.counted(bench).await?;
        self.run(writes).await?;
        let counted_after = self.crowd.counted(bench).await?;
        let after = all().await?;
        let ours = |path: &Path| [Self::CANARY, Self::FETCHED].iter().any(|own| holds(path, own));
        let files = |files: &BTreeMap<PathBuf, String>| -> BTreeMap<PathBuf, String> {
            let others = files.iter().filter(|(path, _)| *writes == Writes::Nothing || !ours(path));
            others.map(|(path, digest)| (path.clone(), digest.clone())).collect()
        };
        for (what, same) in [
            ("what can be asked for", before.0 == after.0),
            ("the catalogue", before.1 == after.1),
            ("files", files(&before.2) == files(&after.2)),
            ("counters", counted == counted_after),
            ("counters that can be seen", bench.deployment.stand_in || !counted.is_empty()),
        ] {
            if !same {
                let counters = differences(&counted, &counted_after);
                let asked = differences(&before.0, &after.0);
                let (found, files) = (differences(&before.1, &after.1), differences(&before.2, &after.2));
                return Err(format!("{writes:?}: {what}: {counters:#?} {asked:#?} {found:#?} {files:#?}").into());
            }
        }
        Ok(())
    }

    /// Every repository but those that a run may write to.
    async fn others(&self) -> Result<Content, Failed> {
        let mut content = content(self.registry.url()).await?;
        content.retain(|name, _| name != Self::CANARY && name != Self::FETCHED);
        Ok(content)
    }

    async fn run(&self, writes: &Writes) -> Result<(), Failed> {
        let directory = tempfile::tempdir()?;
        let output = match writes {
            Writes::Canary => {
                let mut command = self.registry.whole(self.registry.url(), Self::CANARY, directory.path())?;
                command.args(["--format", "json"]).output().await?
            }
            Writes::Nothing => {
                let mut command = support::command(directory.path());
                command.args(["live", self.registry.url(), "--format", "json", "--pull-image", "zot-verify/pull:v1"]);
                self.registry.keys(&mut command);
                tokio::process::Command::from(command).output().await?
            }
        };
        let report: Value = serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("{error}: {}", String::from_utf8_lossy(&output.stderr)))?;
        let noted = report["ledger"].as_array().map_or(0, Vec::len);
        if (noted > 0) == (*writes == Writes::Canary) { Ok(()) } else { Err(format!("{noted} things noted").into()) }
    }
}

/// What is not on both sides, or not the same.
fn differences<'a, K: Ord, V: PartialEq>(
    before: &'a BTreeMap<K, V>,
    after: &'a BTreeMap<K, V>,
) -> Vec<(&'a K, Option<&'a V>, Option<&'a V>)> {
    let keys = before.keys().chain(after.keys()).collect::<std::collections::BTreeSet<_>>();
    let both = keys.into_iter().map(|key| (key, before.get(key), after.get(key)));
    both.filter(|(_, before, after)| before != after).collect()
}

/// Whether a file lies in the directory of a repository.
fn holds(path: &Path, repository: &str) -> bool {
    path.to_string_lossy().contains(&format!("/root/{repository}/"))
}

/// A push that announces a body stores nothing in a registry that would have let it in, whatever it announces.
pub(crate) fn announced_pushes(zot: &Zot) -> Result<(), Failed> {
    let around = support::surroundings();
    support::runtime()?.block_on(async {
        let spec = support::spec(zot, &around).await?.with(OPEN);
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

/// Every repository with its tags, and the digest behind each tag.
pub(crate) type Content = BTreeMap<String, Vec<(String, String)>>;

/// What anybody sees of a registry.
pub(crate) async fn content(url: &str) -> Result<Content, Failed> {
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
