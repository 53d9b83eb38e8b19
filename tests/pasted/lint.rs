//! What the owner's hooks ask of everything that is pasted: shellcheck, `shfmt -i 2 -ci -bn`, yamllint, actionlint.

use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::Failed;

use super::job::{Run, said};

/// Asks a linter of our files.
type Lint = fn() -> Result<(), Failed>;

/// Each linter, by its program.
pub(crate) const LINTERS: &[(&str, Lint)] =
    &[("shellcheck", shellcheck), ("shfmt", shfmt), ("yamllint", yamllint), ("actionlint", actionlint)];

/// The owner's rules for YAML, as far as they matter here; a warning of his is an error of ours.
const YAML: &str = "{extends: default, rules: {document-start: disable, \
                    line-length: {max: 120, allow-non-breakable-inline-mappings: true}, \
                    truthy: {check-keys: false}, comments: {min-spaces-from-content: 1}, \
                    indentation: {spaces: 2, indent-sequences: consistent}}}";

/// A job around steps that are to be pasted into one, with what they take for granted.
const AROUND: &str = "on: push\njobs:\n  job:\n    runs-on: k8s\n    steps:\n      - run: 'true'\n        id: check\n      \
                      - run: 'true'\n        id: publish\n";

/// The owner's runners.
const RUNNERS: &str = "self-hosted-runner:\n  labels: [k8s]\n";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn workflows() -> Result<Vec<PathBuf>, Failed> {
    let own = root().join(".forgejo/workflows").read_dir()?;
    let mut files: Vec<PathBuf> = own.map(|entry| Ok(entry?.path())).collect::<Result<_, Failed>>()?;
    files.push(root().join("docs/examples/forgejo/verify-zot.yaml"));
    Ok(files)
}

fn steps() -> PathBuf {
    root().join("docs/examples/forgejo/smoke-steps.yaml")
}

/// Every piece of shell, as a file of its own.
fn scripts() -> Result<(tempfile::TempDir, Vec<PathBuf>), Failed> {
    let directory = tempfile::tempdir()?;
    let mut runs = vec![Run::of_steps(&steps())?];
    for workflow in workflows()? {
        runs.push(Run::of_workflow(&workflow)?);
    }
    let mut files = vec![
        root().join("docs/examples/services-check.sh"),
        root().join("docs/examples/mise-tasks/zot-verify"),
        root().join(".ci/run"),
        root().join(".ci/release"),
        root().join("containers/zot-context"),
    ];
    for script in runs.iter().flat_map(|run| &run.steps).filter_map(|step| step.run.as_ref()) {
        let file = directory.path().join(format!("{}.sh", files.len()));
        std::fs::write(&file, format!("#!/usr/bin/env bash\n{}\n", script.trim_end()))?;
        files.push(file);
    }
    Ok((directory, files))
}

fn shellcheck() -> Result<(), Failed> {
    let (_directory, files) = scripts()?;
    good(Command::new("shellcheck").arg("--severity=warning").args(files))
}

fn shfmt() -> Result<(), Failed> {
    let (_directory, files) = scripts()?;
    good(Command::new("shfmt").args(["-i", "2", "-ci", "-bn", "-d"]).args(files))
}

fn yamllint() -> Result<(), Failed> {
    let ansible = |name: &str| root().join("docs/examples/ansible").join(name);
    let more = [steps(), ansible("smoke.yml"), ansible("preflight.yml"), root().join("containers/compose.yaml")];
    good(Command::new("yamllint").args(["--strict", "-d", YAML]).args(workflows()?).args(more))
}

fn actionlint() -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let (config, job) = (directory.path().join("actionlint.yaml"), directory.path().join("job.yaml"));
    std::fs::write(&config, RUNNERS)?;
    let pasted: String = std::fs::read_to_string(steps())?.lines().map(|line| format!("      {line}\n")).collect();
    std::fs::write(&job, format!("{AROUND}{pasted}"))?;
    good(Command::new("actionlint").arg("-config-file").arg(config).args(workflows()?).arg(job))
}

/// Whether a linter has nothing to say.
fn good(command: &mut Command) -> Result<(), Failed> {
    let output = command.output()?;
    if output.status.success() { Ok(()) } else { Err(said(&output).into()) }
}
