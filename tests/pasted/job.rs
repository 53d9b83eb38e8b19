//! A job of a workflow, run step by step as a runner runs it: the shell of every step is the one that stands in the
//! file. What only a runner knows, such as the value of an expression, the test says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use libtest_mimic::Failed;
use serde::Deserialize;

/// A step, with what a runner reads of it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) uses: Option<String>,
    pub(crate) run: Option<String>,
    #[serde(rename = "if")]
    condition: Option<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct Workflow {
    #[serde(default)]
    env: BTreeMap<String, String>,
    jobs: BTreeMap<String, Job>,
}

#[derive(Debug, Deserialize)]
struct Job {
    steps: Vec<Step>,
}

/// What a runner would run, and with what.
#[derive(Debug)]
pub(crate) struct Run {
    /// The checkout.
    pub(crate) workspace: tempfile::TempDir,
    /// The steps, in their order.
    pub(crate) steps: Vec<Step>,
    /// Whether the steps see no network but this machine's own, where it can be had.
    pub(crate) alone: bool,
    env: BTreeMap<String, String>,
    expressions: BTreeMap<&'static str, String>,
    path: Vec<PathBuf>,
}

/// How a step ended; `None` where it was skipped.
pub(crate) type Ended = (String, Option<Output>);

/// How a runner starts bash (`act/runner/step_run.go` of the Forgejo runner).
const BASH: &[&str] = &["bash", "--noprofile", "--norc", "-e", "-o", "pipefail"];

/// Raises the loopback of a network namespace that has nothing else, and runs in it.
const ALONE: &[&str] = &["unshare", "--net", "sh", "-c", "ip link set lo up && exec \"$@\"", "alone"];

impl Run {
    /// The only job of a workflow.
    pub(crate) fn of_workflow(file: &Path) -> Result<Self, Failed> {
        let Workflow { env, jobs } = serde_saphyr::from_str(&std::fs::read_to_string(file)?)?;
        let job = jobs.into_values().next().ok_or("a workflow has a job")?;
        Self::new(job.steps, env)
    }

    /// Steps that are to be pasted into a job.
    pub(crate) fn of_steps(file: &Path) -> Result<Self, Failed> {
        Self::new(serde_saphyr::from_str(&std::fs::read_to_string(file)?)?, BTreeMap::new())
    }

    fn new(steps: Vec<Step>, env: BTreeMap<String, String>) -> Result<Self, Failed> {
        let path = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
        Ok(Self { workspace: tempfile::tempdir()?, steps, alone: false, env, expressions: BTreeMap::new(), path })
    }

    /// Gives a variable another value, wherever the file sets it. A variable that it does not set is a mistake.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), Failed> {
        let mut found = false;
        for env in self.steps.iter_mut().map(|step| &mut step.env).chain([&mut self.env]) {
            if let Some(entry) = env.get_mut(name) {
                value.clone_into(entry);
                found = true;
            }
        }
        if found { Ok(()) } else { Err(format!("the file sets no {name}").into()) }
    }

    /// Gives every step one variable more.
    pub(crate) fn set_also(&mut self, name: &str, value: &str) {
        self.env.insert(name.to_owned(), value.to_owned());
    }

    /// Says what the runner would put in the place of `${{ expression }}`.
    pub(crate) fn say(&mut self, expression: &'static str, value: &str) {
        self.expressions.insert(expression, value.to_owned());
    }

    /// Writes a file into the checkout.
    pub(crate) fn file(&self, name: &str, text: &str) -> Result<(), Failed> {
        let path = self.workspace.path().join(name);
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        Ok(std::fs::write(path, text)?)
    }

    /// What a step left in the checkout.
    pub(crate) fn read(&self, name: &str) -> Result<String, Failed> {
        Ok(std::fs::read_to_string(self.workspace.path().join(name))?)
    }

    /// Runs all steps. Whether the job is good, and how each step ended.
    pub(crate) fn perform(&self) -> Result<(bool, Vec<Ended>), Failed> {
        let mut good = true;
        let mut ended = Vec::new();
        for step in &self.steps {
            let wanted = match step.condition.as_deref() {
                Some("always()") => true,
                Some(condition) => good && self.holds(condition)?,
                None => good,
            };
            let output = match &step.run {
                Some(script) if wanted => Some(self.step(step, script)?),
                _ => None,
            };
            good &= output.as_ref().is_none_or(|output| output.status.success());
            ended.push((step.name.clone(), output));
        }
        Ok((good, ended))
    }

    fn step(&self, step: &Step, script: &str) -> Result<Output, Failed> {
        if script.contains("${{") {
            // What somebody else wrote, such as a branch's name, would be run.
            return Err(format!("`{}` puts an expression into its shell", step.name).into());
        }
        let outside = tempfile::tempdir()?;
        let file = outside.path().join("step.sh");
        std::fs::write(&file, script)?;
        let mut words = if self.alone && alone() { ALONE.to_vec() } else { Vec::new() };
        words.extend(BASH);
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg(&file).current_dir(self.workspace.path()).stdin(Stdio::null()).env_clear();
        for (name, value) in self.env.iter().chain(&step.env) {
            command.env(name, self.filled(value)?);
        }
        command.env("PATH", std::env::join_paths(&self.path)?).env("HOME", outside.path()).env("NO_COLOR", "1");
        command.env("GITHUB_STEP_SUMMARY", self.workspace.path().join("SUMMARY.md"));
        Ok(command.output()?)
    }

    /// A value without its expressions.
    fn filled(&self, value: &str) -> Result<String, Failed> {
        let Some((before, rest)) = value.split_once("${{") else { return Ok(value.to_owned()) };
        let (expression, after) = rest.split_once("}}").ok_or_else(|| format!("{value} does not end"))?;
        Ok(format!("{before}{}{}", self.expression(expression.trim())?, self.filled(after)?))
    }

    /// A condition of a step: `expression == 'value'`, and no other form.
    fn holds(&self, condition: &str) -> Result<bool, Failed> {
        let (expression, value) = condition.split_once(" == ").ok_or_else(|| format!("what is {condition}?"))?;
        Ok(self.expression(expression)? == value.trim_matches('\''))
    }

    fn expression(&self, expression: &str) -> Result<&str, Failed> {
        let value = self.expressions.get(expression).ok_or_else(|| format!("nobody says what {expression} is"))?;
        Ok(value)
    }
}

/// Whether this machine gives a network of one's own. A lab needs no other.
fn alone() -> bool {
    static ALONE_WORKS: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *ALONE_WORKS.get_or_init(|| {
        Command::new(ALONE[0])
            .args(&ALONE[1..])
            .arg("true")
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    })
}

/// What a step said, both streams.
pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
