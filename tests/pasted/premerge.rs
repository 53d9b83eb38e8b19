//! The job before a merge: `docs/examples/forgejo/verify-zot.yaml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::Failed;
use zot_verify::target::builtin::MetricsKey;
use zot_verify::target::zot::Zot;
use zot_verify_model::Digest;

use super::job::{Ended, Run, said};

/// The version that the repository pins, and the one that the workflow names as the next.
const PINNED: &str = "v2.1.20";
const NEXT: &str = "v2.1.21";

/// What cures the metrics trap.
const TRAP: &str = r#""metrics": { "users": [""] }"#;
const CURE: &str = r#""metrics": { "anonymousPolicy": ["read"] }"#;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn workflow() -> PathBuf {
    root().join("docs/examples/forgejo/verify-zot.yaml")
}

/// The owner's repository, with what the job downloads in a directory beside it.
struct Repository {
    run: Run,
    releases: tempfile::TempDir,
    sums: BTreeMap<String, String>,
}

impl Repository {
    fn new() -> Result<Self, Failed> {
        let mut run = Run::of_workflow(&workflow())?;
        run.alone = true;
        let releases = tempfile::tempdir()?;
        let base = format!("file://{}", releases.path().display());
        run.set("ZOT_RELEASES", &base)?;
        run.set("VERIFY_RELEASES", &base)?;
        run.set("VERIFY", "v0.0.0")?;
        run.set("NEXT", NEXT)?;
        run.file("service-versions.yaml", &versions(&format!("\"{PINNED}\"")))?;
        for file in ["defaults/main.yml", "templates/config.json.j2"] {
            let text = std::fs::read_to_string(root().join("tests/data/role").join(file))?;
            run.file(&format!("ansible/roles/zot/{file}"), &text)?;
        }
        let mut repository = Self { run, releases, sums: BTreeMap::new() };
        let linux = linux()?;
        let archive = format!("zot-verify-v0.0.0-{linux}.tar.gz");
        repository.release("v0.0.0", &archive, &archived(Path::new(env!("CARGO_BIN_EXE_zot-verify")))?)?;
        Ok(repository)
    }

    /// With a zot behind both versions.
    fn with(zot: &Zot) -> Result<Self, Failed> {
        let mut repository = Self::new()?;
        repository.zot(PINNED, &format!("exec '{}' \"$@\"", zot.name()))?;
        repository.zot(NEXT, &format!("exec '{}' \"$@\"", zot.name()))?;
        Ok(repository)
    }

    fn zot(&mut self, version: &str, script: &str) -> Result<(), Failed> {
        self.release(version, &format!("zot-{}", linux()?), format!("#!/bin/sh\n{script}\n").as_bytes())
    }

    /// Publishes a file, and its sum.
    fn release(&mut self, version: &str, file: &str, bytes: &[u8]) -> Result<(), Failed> {
        let directory = self.releases.path().join(version);
        std::fs::create_dir_all(&directory)?;
        std::fs::write(directory.join(file), bytes)?;
        let sum = Digest::of(bytes).to_string().replace("sha256:", "");
        self.sums.insert(format!("{version}/{file}"), sum);
        let lines: String = self.sums.iter().map(|(file, sum)| format!("{sum}  {file}\n")).collect();
        self.run.set("SUMS", &lines)
    }

    fn edit(&self, file: &str, from: &str, to: &str) -> Result<(), Failed> {
        let text = self.run.read(file)?;
        if !text.contains(from) {
            return Err(format!("{file} has no {from}").into());
        }
        self.run.file(file, &text.replace(from, to))
    }

    fn cure(&self) -> Result<(), Failed> {
        self.edit("ansible/roles/zot/templates/config.json.j2", TRAP, CURE)
    }

    fn perform(&self) -> Result<Job, Failed> {
        let (good, steps) = self.run.perform()?;
        Ok(Job { good, steps })
    }
}

/// How a job went.
struct Job {
    good: bool,
    steps: Vec<Ended>,
}

impl Job {
    /// Whether the job is as good as that, and the run with the pinned zot told all of this.
    fn is(&self, good: bool, told: &[&str]) -> Result<(), Failed> {
        let pinned = self.step("The pinned zot")?;
        if self.good != good || told.iter().any(|line| !pinned.contains(line)) {
            return Err(format!("not {good} with {told:#?}:\n{}", self.told()).into());
        }
        Ok(())
    }

    /// Whether the rehearsal told all of this, and the job's summary has it too.
    fn rehearses(&self, repository: &Repository, told: &[&str]) -> Result<(), Failed> {
        let upgrade = self.step("The upgrade to the next zot (told, and not counted)")?;
        let summary = repository.run.read("SUMMARY.md")?;
        let missing = |line: &&&str| !upgrade.contains(**line) || !summary.contains(**line);
        match told.iter().find(missing) {
            Some(missing) => Err(format!("no {missing}:\n{}", self.told()).into()),
            None => Ok(()),
        }
    }

    /// What a step said.
    fn step(&self, name: &str) -> Result<String, Failed> {
        let step = self.steps.iter().find(|(step, _)| step == name).and_then(|(_, output)| output.as_ref());
        step.map(said).ok_or_else(|| format!("`{name}` did not run:\n{}", self.told()).into())
    }

    fn told(&self) -> String {
        let told = self.steps.iter().map(|(name, output)| match output {
            Some(output) => format!("== {name}: {:?}\n{}", output.status.code(), said(output)),
            None => format!("== {name}: not run\n"),
        });
        told.collect()
    }
}

/// The owner's role, as it is: red from v2.1.18 on, where metrics go dark. With the cure it is green, and older
/// releases do not take the cure.
pub(crate) fn metrics_trap_stops_a_merge(zot: &Zot) -> Result<(), Failed> {
    let dark = super::registry::runtime()?
        .block_on(zot.metrics_key(std::path::Path::new(env!("CARGO_BIN_EXE_zot-verify"))))?
        == MetricsKey::AnonymousPolicy;
    let repository = Repository::with(zot)?;
    let job = repository.perform()?;
    job.is(!dark, &["pass pull.anonymous", if dark { "fail metrics.anonymous" } else { "pass metrics.anonymous" }])?;
    job.rehearses(&repository, &["nothing that was looked at gets worse (exit code 0)"])?;

    let repository = Repository::with(zot)?;
    repository.cure()?;
    repository.perform()?.is(dark, if dark { &["pass metrics.anonymous"] } else { &["anonymousPolicy"] })
}

/// A next zot that does not even take the configuration is told, and the merge is not held up.
pub(crate) fn next_zot_does_not_stop_a_merge(zot: &Zot) -> Result<(), Failed> {
    let mut repository = Repository::with(zot)?;
    if super::registry::runtime()?.block_on(zot.metrics_key(std::path::Path::new(env!("CARGO_BIN_EXE_zot-verify"))))?
        == MetricsKey::AnonymousPolicy
    {
        repository.cure()?;
    }
    repository.zot(NEXT, "echo \"'HTTP' has invalid keys: port\" >&2; exit 1")?;
    let job = repository.perform()?;
    job.is(true, &["pass metrics.anonymous"])?;
    job.rehearses(&repository, &["ended with code 1 before it answered", "does not come up with this configuration"])?;
    if job.told().contains("exit code 1: look at it before you upgrade") { Ok(()) } else { Err(job.told().into()) }
}

/// Docker's daemons cannot pull from v2.1.16 on: red where the intent requires them, until it waives that. Compose and
/// kubelets, which nobody requires, warn all the same.
pub(crate) fn intent_decides_on_docker(zot: &Zot) -> Result<(), Failed> {
    if super::registry::runtime()?.block_on(zot.metrics_key(std::path::Path::new(env!("CARGO_BIN_EXE_zot-verify"))))?
        != MetricsKey::AnonymousPolicy
    {
        return Ok(());
    }
    let intent = std::fs::read_to_string(root().join("docs/examples/zot-verify.toml"))?;
    let repository = Repository::with(zot)?;
    repository.cure()?;
    repository.run.file("zot-verify.toml", &intent)?;
    repository.perform()?.is(false, &["fail pull.personas"])?;

    let repository = Repository::with(zot)?;
    repository.cure()?;
    let waived = "[[waiver]]\npart = \"pull.personas/docker\"\nreason = \"tried\"\nuntil = 2999-01-01\n";
    repository.run.file("zot-verify.toml", &format!("{intent}\n{waived}"))?;
    repository.perform()?.is(true, &["warn pull.personas"])
}

/// What has another sum, or none, is not run; nor is a version that nobody pinned.
pub(crate) fn what_is_not_summed_is_not_run() -> Result<(), Failed> {
    let fresh = || -> Result<Repository, Failed> {
        let mut repository = Repository::new()?;
        repository.zot(PINNED, "exit 0")?;
        repository.zot(NEXT, "exit 0")?;
        Ok(repository)
    };
    let stops = |repository: &Repository, why: &str| {
        let job = repository.perform()?;
        let install = job.step("Install zot and zot-verify")?;
        let ran = job.steps.iter().any(|(name, output)| name == "The pinned zot" && output.is_some());
        if job.good || ran || !install.contains(why) { Err(Failed::from(job.told())) } else { Ok(()) }
    };
    let other = fresh()?;
    std::fs::write(other.releases.path().join(format!("{PINNED}/zot-{}", linux()?)), "another")?;
    stops(&other, "FAILED")?;

    let unknown = fresh()?;
    unknown.run.file("service-versions.yaml", &versions("2.0.0"))?;
    stops(&unknown, &format!("SUMS has no line for v2.0.0/zot-{}", linux()?))?;

    for nothing in ["null", "\"\""] {
        let unpinned = fresh()?;
        unpinned.run.file("service-versions.yaml", &versions(nothing))?;
        stops(&unpinned, "set its current-version")?;
    }
    let unnamed = fresh()?;
    unnamed.run.file("service-versions.yaml", "services: []\n")?;
    stops(&unnamed, "set its current-version")
}

/// The job knows no secret, and runs no action that could be another one tomorrow.
pub(crate) fn no_secret_and_no_floating_action() -> Result<(), Failed> {
    let text = std::fs::read_to_string(workflow())?;
    if text.contains("secrets.") {
        return Err("it uses a secret".into());
    }
    for action in Run::of_workflow(&workflow())?.steps.iter().filter_map(|step| step.uses.as_deref()) {
        let pin = action.split_once('@').map_or("", |(_, pin)| pin);
        if pin.len() != 40 || !pin.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(format!("{action} is not pinned by its commit").into());
        }
    }
    Ok(())
}

/// The owner's list of what he runs, with this version of zot.
fn versions(zot: &str) -> String {
    format!("services:\n  - name: caddy\n    current-version: null\n  - name: zot\n    current-version: {zot}\n")
}

/// This machine, as files of releases are named for it.
fn linux() -> Result<String, Failed> {
    let output = Command::new("dpkg").arg("--print-architecture").output()?;
    Ok(format!("linux-{}", String::from_utf8(output.stdout)?.trim()))
}

/// An archive in which a program lies as in a release; a link does for the debug build, which is large.
fn archived(program: &Path) -> Result<Vec<u8>, Failed> {
    let directory = tempfile::tempdir()?;
    std::os::unix::fs::symlink(program, directory.path().join("zot-verify"))?;
    let output = Command::new("tar").args(["-cz", "zot-verify"]).current_dir(directory.path()).output()?;
    Ok(output.stdout)
}
