//! `live --allow-writes` creates what its ledger says, in the canary, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Failed;
use serde_json::{Value, json};
use zot_verify::bench::{Bench, Setup};
use zot_verify::ledger::{Item, Kind, Ledger, State, read};
use zot_verify::patience::Patience;
use zot_verify::settings::Intent;
use zot_verify::target::lab::{Lab, LabSpec};
use zot_verify::target::zot::Zot;
use zot_verify::wire::{Redactor, Request};
use zot_verify_model::Account;

use super::harmless::content;
use super::support;
use super::verdicts;

const CANARY: &str = "blumeops/zot-verify-canary";

/// A registry that runs, and who may write to it.
pub(crate) struct Registry {
    lab: Lab,
    pub(crate) bench: Bench,
    pub(crate) ci: Account,
    pub(crate) admin: Account,
    directory: tempfile::TempDir,
}

impl Registry {
    pub(crate) async fn start(spec: &LabSpec) -> Result<Self, Failed> {
        let (lab, wire, deployment) = spec.start(&Redactor::new()).await?;
        let (intent, setup) = (Arc::new(Intent::default()), Arc::new(Setup::default()));
        let bench = Bench { deployment: Arc::new(deployment), intent, wire, setup, ledger: Ledger::lab() };
        let told = |halt| Failed::from(format!("{halt:?}"));
        let (ci, admin) = (bench.ci().await.map_err(told)?, bench.admin().await.map_err(told)?);
        Ok(Self { lab, bench, ci, admin, directory: tempfile::tempdir()? })
    }

    pub(crate) fn url(&self) -> &str {
        self.bench.wire.registry().as_str()
    }

    /// Everything that a live run can do, through a gate: it writes to this canary, logs in, and has an image fetched.
    pub(crate) fn whole(&self, at: &str, canary: &str, directory: &Path) -> Result<tokio::process::Command, Failed> {
        let deployment = &self.bench.deployment;
        let issuer = deployment.issuer.as_ref().ok_or("a lab has an issuer")?;
        let password = deployment.password.as_ref().ok_or("a lab has a password")?;
        std::fs::write(directory.join("zot-verify.toml"), format!("external_url = '{}'\n", deployment.external_url))?;
        let mut command = support::command(directory);
        command
            .args(["live", at, "--allow-writes", "--canary", canary])
            .args(["--issuer", issuer.as_str(), "--pull-image", "zot-verify/pull:v1", "--timeout", "60s"])
            .args(["--mirror-image", &format!("docker.io/library/{}:v1", canary.replace('/', "-"))])
            .env("XDG_STATE_HOME", directory)
            .envs([("ZOT_VERIFY_OIDC_USER", "zv-pat"), ("ZOT_VERIFY_OIDC_PASSWORD", password.expose())]);
        self.keys(&mut command);
        Ok(command.into())
    }

    /// Gives a command the keys of CI and of an administrator.
    pub(crate) fn keys(&self, command: &mut Command) {
        command
            .envs([("ZOT_VERIFY_USER", self.ci.name.as_str()), ("ZOT_VERIFY_API_KEY", self.ci.secret.expose())])
            .env("ZOT_VERIFY_ADMIN_USER", &self.admin.name)
            .env("ZOT_VERIFY_ADMIN_API_KEY", self.admin.secret.expose());
    }

    pub(crate) async fn stop(self) -> Result<(), Failed> {
        let Self { lab, bench, .. } = self;
        drop(bench);
        lab.stop().await?;
        Ok(())
    }

    /// What CI's smoke test runs, and its report.
    async fn live(&self, words: &[&str]) -> Result<Value, Failed> {
        let mut command = support::command(self.directory.path());
        command
            .args(["live", self.url(), "push.apikey", "tags.*", "admin.*", "--allow-writes", "--format", "json"])
            .args(["--ledger", "ledger"])
            .args(words);
        self.keys(&mut command);
        let output = tokio::process::Command::from(command).output().await?;
        serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("{error}: {}", String::from_utf8_lossy(&output.stderr)).into())
    }

    fn ledger(&self) -> Result<Vec<Item>, Failed> {
        Ok(read(&std::fs::read_to_string(self.directory.path().join("ledger"))?).0)
    }

    /// The tags of every repository, with what each names.
    async fn content(&self) -> Result<Content, Failed> {
        let found = content(self.url()).await?;
        Ok(found.into_iter().map(|(name, tags)| (name, tags.into_iter().collect())).collect())
    }

    async fn status(&self, item: &Item) -> Result<u16, Failed> {
        let Item { repository, reference, .. } = item;
        let path = match item.kind {
            Kind::Blob => format!("/v2/{repository}/blobs/{reference}"),
            _ => format!("/v2/{repository}/manifests/{reference}"),
        };
        Ok(self.bench.wire.send(Request::get(path)).await?.status())
    }

    /// What the ledger says is there is there, what it says is not is not, and there is no tag that it does not know.
    async fn is_as_noted(&self) -> Result<(), Failed> {
        let items = self.ledger()?;
        let mut tags = BTreeSet::new();
        for item in &items {
            let wanted = match item.state {
                State::Kept => 200,
                State::Removed => 404,
                State::Planned | State::Created => {
                    return Err(format!("it is not known what became of {item:?}").into());
                }
            };
            expect(self.status(item).await?, wanted).map_err(|_| format!("{item:?} is not so"))?;
            if item.kind == Kind::Tag && item.state == State::Kept {
                tags.insert(item.reference.clone());
            }
        }
        let found = self.content().await?;
        expect(found.get(CANARY).into_iter().flatten().map(|(tag, _)| tag.clone()).collect(), tags)
    }
}

type Content = BTreeMap<String, BTreeMap<String, String>>;

/// Runs that write twice: every verdict, one new tag each, and all of it in the ledger.
pub(crate) fn what_is_written_is_noted(zot: &Zot) -> Result<(), Failed> {
    let around = support::surroundings();
    support::runtime()?.block_on(async {
        let registry = Registry::start(&support::spec(zot, &around).await?).await?;
        let before = registry.content().await?;
        let mut seen = vec![before.clone()];
        for _ in 0..2 {
            let report = registry.live(&[]).await?;
            let immutable = if verdicts::tags_move(&report) { "fail" } else { "pass" };
            let wanted = [
                ("push.apikey", "pass"),
                ("tags.new-accepted", "pass"),
                ("tags.immutable", immutable),
                ("tags.kinds", "skipped"),
                ("tags.race", "skipped"),
                ("admin.break-glass", "pass"),
            ];
            expect(&support::verdicts(&report)[..], &wanted).map_err(|error| explained(&error, &report))?;
            registry.is_as_noted().await?;
            seen.push(registry.content().await?);
        }
        for after in &seen {
            let beside = |content: &Content| -> Content {
                content
                    .iter()
                    .filter(|(name, _)| *name != CANARY)
                    .map(|(name, tags)| (name.clone(), tags.clone()))
                    .collect()
            };
            expect(beside(after), beside(&before))?;
        }
        let canary = |at: usize| seen[at].get(CANARY).cloned().unwrap_or_default();
        expect((canary(0).len(), canary(1).len(), canary(2).len()), (0, 3, 4))?;
        // As far as the release holds them, the tags that stay have stayed.
        let stays = |tag: &&str| canary(1).get(*tag) == canary(2).get(*tag);
        expect(["permanent", "latest"].iter().all(stays), true)?;

        let report = registry.live(&["--residue", "none"]).await?;
        expect(&support::verdicts(&report)[..2], &[("push.apikey", "pass"), ("tags.new-accepted", "skipped")])?;
        expect(registry.content().await?.get(CANARY).cloned().unwrap_or_default(), canary(2))?;
        registry.is_as_noted().await?;
        registry.stop().await
    })
}

/// Where no tag may be left, a first run tries none, and leaves none.
pub(crate) fn no_residue_is_no_tag(zot: &Zot) -> Result<(), Failed> {
    let around = support::surroundings();
    support::runtime()?.block_on(async {
        let registry = Registry::start(&support::spec(zot, &around).await?).await?;
        no_residue(&registry).await?;
        registry.stop().await
    })
}

async fn no_residue(registry: &Registry) -> Result<(), Failed> {
    let report = registry.live(&["--residue", "none"]).await?;
    let wanted = [
        ("push.apikey", "pass"),
        ("tags.new-accepted", "skipped"),
        ("tags.immutable", "skipped"),
        ("tags.kinds", "skipped"),
        ("tags.race", "skipped"),
        ("admin.break-glass", "pass"),
    ];
    expect(&support::verdicts(&report)[..], &wanted).map_err(|error| explained(&error, &report))?;
    let told = report.to_string();
    expect(told.contains("--residue none"), true)?;
    expect(registry.content().await?.get(CANARY).map(BTreeMap::len), Some(0))?;
    registry.is_as_noted().await
}

/// And zot's garbage collection takes away what has no tag.
pub(crate) fn no_residue_is_collected(zot: &Zot) -> Result<(), Failed> {
    let around = support::surroundings();
    support::runtime()?.block_on(async {
        // zot waits up to 30 s between one repository and the next, so there are as few as can be.
        let mut spec = support::spec(zot, &around).await?.bare();
        spec.config
            .merge(&json!({ "storage": { "gcDelay": "1s", "gcInterval": "2s", "retention": { "delay": "1s" } } }));
        let registry = Registry::start(&spec).await?;
        registry.live(&["--residue", "none"]).await?;
        let patience = Patience::new(Duration::from_secs(240), Duration::from_millis(500));
        loop {
            let mut left = Vec::new();
            for item in registry.ledger()? {
                if registry.status(&item).await? == 200 {
                    left.push(item.name());
                }
            }
            if left.is_empty() {
                break;
            }
            if !patience.another_look().await {
                return Err(format!("zot has not collected {left:?}").into());
            }
        }
        registry.stop().await
    })
}

fn expect<T: PartialEq + std::fmt::Debug>(found: T, wanted: T) -> Result<(), Failed> {
    if found == wanted { Ok(()) } else { Err(format!("{found:?}, not {wanted:?}").into()) }
}

fn explained(error: &Failed, report: &Value) -> Failed {
    let reasons = report["results"].as_array().into_iter().flatten().map(|result| result["reason"].to_string());
    format!("{}: {}", error.message().unwrap_or_default(), reasons.collect::<Vec<_>>().join("; ")).into()
}
