//! What runs before a restart: `docs/examples/ansible/preflight.yml`.

use std::path::Path;
use std::process::Command;

use libtest_mimic::Failed;
use serde::Deserialize;
use zot_verify::target::builtin;
use zot_verify::target::zot::Zot;
use zot_verify_model::ZotConfig;

use super::job::said;
use super::registry::{example, runtime};

/// A task, as far as it says what is run.
#[derive(Debug, Deserialize)]
struct Task {
    #[serde(rename = "ansible.builtin.template")]
    template: Option<Template>,
    #[serde(rename = "ansible.builtin.command")]
    command: Option<Argv>,
    notify: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Template {
    validate: String,
}

#[derive(Debug, Deserialize)]
struct Argv {
    argv: Vec<String>,
}

/// Both tasks let a good configuration through, and stop one that leaves zot without its directory.
pub(crate) fn before_a_restart(zot: &Zot) -> Result<(), Failed> {
    let tasks: Vec<Task> = serde_saphyr::from_str(&std::fs::read_to_string(example("ansible/preflight.yml"))?)?;
    let deploys = tasks.iter().find(|task| task.template.is_some()).ok_or("no task deploys")?;
    if deploys.notify.as_deref() != Some("Restart zot") {
        return Err("the restart is not notified by what is validated".into());
    }
    let validate = deploys.template.as_ref().map(|template| template.validate.clone()).unwrap_or_default();
    let looks = tasks.iter().find_map(|task| task.command.as_ref()).ok_or("no task looks")?;
    let looks: Vec<String> = looks.argv.iter().map(|word| format!("'{word}'")).collect();

    let directory = tempfile::tempdir()?;
    let key = runtime()?.block_on(zot.metrics_key(Path::new(env!("CARGO_BIN_EXE_zot-verify"))))?;
    let mut config = builtin::config(key);
    // Nobody has to answer, and nothing is mirrored.
    config.remove(&["http", "auth", "openid"]);
    config.remove(&["extensions", "sync"]);
    config.set(&["http", "auth"], serde_json::json!({ "htpasswd": { "path": directory.path().join("htpasswd") } }));
    config.set(&["http", "port"], serde_json::json!("8080"));
    std::fs::write(directory.path().join("htpasswd"), "")?;
    std::fs::set_permissions(directory.path().join("htpasswd"), std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    for line in [validate, looks.join(" ")] {
        config.set(&["storage", "rootDirectory"], serde_json::json!(directory.path().join("data")));
        let good = run(&line, directory.path(), zot, &config)?;
        config.set(&["storage", "rootDirectory"], serde_json::json!(""));
        let bad = run(&line, directory.path(), zot, &config)?;
        let told = good.1.contains("trial.comes-up                   OK")
            && bad.1.contains("config.root-directory            FAILED");
        if (good.0, bad.0, told) != (Some(0), Some(1), true) {
            return Err(format!("{line}\n{:?}\n{}\n{:?}\n{}", good.0, good.1, bad.0, bad.1).into());
        }
    }
    Ok(())
}

/// Runs a task's line as Ansible would, its variables filled in.
fn run(line: &str, directory: &Path, zot: &Zot, config: &ZotConfig) -> Result<(Option<i32>, String), Failed> {
    std::fs::write(directory.join("config.json"), config.to_text())?;
    let line = line
        .replace("{{ zot_binary }}", &zot.name())
        .replace("{{ zot_config_dir }}", &directory.display().to_string())
        .replace("%s", &directory.join("config.json").display().to_string());
    let tools = Path::new(env!("CARGO_BIN_EXE_zot-verify")).parent().map(Path::to_owned).unwrap_or_default();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(tools).chain(std::env::split_paths(&path)))?;
    // The port of a machine that runs other things may be taken.
    let line = format!("{line} --skip machine.port");
    let output =
        Command::new("bash").args(["-c", &line]).current_dir(directory).env_clear().env("PATH", path).output()?;
    Ok((output.status.code(), said(&output)))
}
