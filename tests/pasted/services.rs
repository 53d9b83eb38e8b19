//! The lines for `mise-tasks/services-check`: `docs/examples/services-check.sh`.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use libtest_mimic::Failed;
use zot_verify::target::builtin::MetricsKey;
use zot_verify::target::zot::Zot;

use super::job::said;
use super::registry::{PUSHED, Registry, TAG, example, runtime};

/// What stands around the lines: a script that goes on after a failure, and tells it at its end.
const AROUND: &str = "set -euo pipefail\nFAILED=0\nsource \"$LINES_TO_PASTE\"\necho \"\"\n\
                      if [ $FAILED -eq 0 ]; then echo healthy; else echo failed; exit 1; fi\n";

/// The lines fail for what the intent requires and zot does not hold, and the script still reaches its end.
pub(crate) fn services_check(zot: &Zot) -> Result<(), Failed> {
    runtime()?.block_on(async {
        // From v2.1.16 on, which is told here by what v2.1.18 brought.
        let trapped = zot.metrics_key(std::path::Path::new(env!("CARGO_BIN_EXE_zot-verify"))).await?
            == MetricsKey::AnonymousPolicy;
        let registry = Registry::start(zot).await?;
        let directory = tempfile::tempdir()?;
        let intent = |must: &str| {
            let (url, intent) = (registry.url(), directory.path().join("zot-verify.toml"));
            let text = format!(
                "url = \"{url}\"\npull_image = \"{PUSHED}:{TAG}\"\n\
                 required = [\"pull.*\", \"push.anonymous-denied\", \"login.redirect\", \"metrics.anonymous\"]\n\
                 [personas]\nmust = [{must}]\n"
            );
            std::fs::write(intent, text)
        };
        intent("\"curl\", \"containerd\"")?;
        let good = tokio::task::block_in_place(|| script(directory.path()))?;
        is(&good, 0, &["Zot registry (read-only):", "metrics.anonymous                OK", "healthy"])?;
        intent("\"curl\", \"docker\"")?;
        let red = tokio::task::block_in_place(|| script(directory.path()))?;
        if trapped {
            is(&red, 1, &["pull.personas                    FAILED", "pull.personas/docker: fail: 401", "failed"])?;
        }
        registry.stop().await?;
        let away = tokio::task::block_in_place(|| script(directory.path()))?;
        is(&away, 1, &["Zot registry (read-only):", "zot-verify: ", "failed"])
    })
}

/// Runs the owner's script, with zot-verify on the PATH and no secret in its environment.
fn script(directory: &Path) -> Result<Output, Failed> {
    let tools = Path::new(env!("CARGO_BIN_EXE_zot-verify")).parent().ok_or("a program is in a directory")?.to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(tools).chain(std::env::split_paths(&path)))?;
    let mut bash = Command::new("bash");
    bash.args(["-c", AROUND]).current_dir(directory).stdin(Stdio::null()).env_clear().env("PATH", path);
    Ok(bash.env("LINES_TO_PASTE", example("services-check.sh")).output()?)
}

fn is(output: &Output, code: i32, parts: &[&str]) -> Result<(), Failed> {
    let said = said(output);
    if output.status.code() == Some(code) && parts.iter().all(|part| said.contains(part)) {
        return Ok(());
    }
    Err(format!("not {code} with {parts:?} but {:?}:\n{said}", output.status.code()).into())
}
