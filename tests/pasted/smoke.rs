//! What runs after a push and after a deployment: `docs/examples/forgejo/smoke-steps.yaml`,
//! `docs/examples/ansible/smoke.yml`.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use libtest_mimic::Failed;
use serde::Deserialize;
use zot_verify::target::zot::Zot;

use super::job::{Run, said};
use super::registry::{PUSHED, Registry, TAG, example, runtime};

/// The variable that the steps take the key from.
const KEY: &str = "ZOT_CI_API_KEY";

/// What a smoke test ended with, and said.
type Told = (Option<i32>, String);

/// The step after a push: green for what was pushed, red where the digest is another's or the key is not CI's, and no
/// run at all without a key or without an image.
pub(crate) fn after_a_push(zot: &Zot) -> Result<(), Failed> {
    runtime()?.block_on(async {
        let registry = Registry::start(zot).await?;
        let smoke = |image: String, key: &str| -> Result<Told, Failed> {
            let mut run = Run::of_steps(&example("forgejo/smoke-steps.yaml"))?;
            run.steps.retain(|step| step.name == "Smoke test");
            run.set("REGISTRY", registry.url())?;
            run.say("steps.check.outputs.exists", "true");
            run.say("steps.publish.outputs.image", &image);
            run.say("secrets.ZOT_CI_API_KEY", key);
            run.set_also("ZOT_VERIFY_USER", &registry.ci.name);
            let tools = run.workspace.path().join("tools");
            std::fs::create_dir(&tools)?;
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_zot-verify"), tools.join("zot-verify"))?;
            let (_, ended) = tokio::task::block_in_place(|| run.perform())?;
            let output = ended.into_iter().find_map(|(_, output)| output).ok_or("the step did not run")?;
            Ok((output.status.code(), said(&output)))
        };
        let key = registry.ci.secret.expose().to_owned();
        let good = smoke(registry.pushed(), &key)?;
        is(&good, 0, &["pull.anonymous                   OK", "push.apikey                      OK"])?;
        let other =
            registry.pushed().replace(&registry.image.manifest.digest.to_string(), &format!("sha256:{:064}", 1));
        is(&smoke(other, &key)?, 1, &["pull.anonymous", "FAILED", &registry.image.manifest.digest.to_string()])?;
        is(&smoke(registry.pushed(), "another-key")?, 1, &["push.apikey                      FAILED"])?;
        // A secret that does not exist arrives as an empty string, and so does an output that nobody wrote.
        is(&smoke(registry.pushed(), "")?, 2, &["ZOT_CI_API_KEY"])?;
        is(&smoke(String::new(), &key)?, 2, &["image"])?;
        registry.stop().await
    })
}

/// A task, as far as it says what is run.
#[derive(Debug, Deserialize)]
struct Task {
    #[serde(rename = "ansible.builtin.command")]
    command: Option<Argv>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct Argv {
    argv: Vec<String>,
}

/// The task at the end of the role: green, and no run without a key.
pub(crate) fn after_a_deployment(zot: &Zot) -> Result<(), Failed> {
    runtime()?.block_on(async {
        let registry = Registry::start(zot).await?;
        let tasks: Vec<Task> = serde_saphyr::from_str(&std::fs::read_to_string(example("ansible/smoke.yml"))?)?;
        let task = tasks.into_iter().find(|task| task.command.is_some()).ok_or("no task runs anything")?;
        let argv = task.command.map(|command| command.argv).unwrap_or_default();
        if argv.first().map(String::as_str) != Some("zot-verify") || task.environment.len() != 1 {
            return Err("it runs something else".into());
        }
        let temporary = tempfile::tempdir()?;
        let smoke = |key: &str| -> Result<Told, Failed> {
            let mut command = Command::new(env!("CARGO_BIN_EXE_zot-verify"));
            command.current_dir(temporary.path()).env_clear().env("HOME", temporary.path());
            command.args(argv[1..].iter().map(|word| match word.as_str() {
                "{{ zot_external_url }}" => registry.url(),
                word => word,
            }));
            command.args(["--pull-image", &format!("{PUSHED}:{TAG}")]);
            command.env("ZOT_VERIFY_USER", &registry.ci.name);
            command.envs(task.environment.keys().map(|name| (name, key)));
            let output: Output = tokio::task::block_in_place(|| command.output())?;
            Ok((output.status.code(), said(&output)))
        };
        if !task.environment.contains_key(KEY) {
            return Err(format!("no {KEY}").into());
        }
        is(&smoke(registry.ci.secret.expose())?, 0, &["push.apikey                      OK", "metrics.anonymous"])?;
        is(&smoke("")?, 2, &[KEY])?;
        registry.stop().await
    })
}

fn is(told: &Told, code: i32, parts: &[&str]) -> Result<(), Failed> {
    let (found, said) = told;
    if *found == Some(code) && parts.iter().all(|part| said.contains(part)) {
        return Ok(());
    }
    Err(format!("not {code} with {parts:?} but {found:?}:\n{said}").into())
}
