//! The documentation is true: what is generated is fresh, and every example runs.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use axum::Router;
use zot_verify::catalogue;
use zot_verify::check::{Effect, Level};
use zot_verify::target::adapt::{Credentials, Places, adapt};
use zot_verify::target::builtin::{self, MetricsKey};
use zot_verify_fixtures::issuer::{Issuer, IssuerSpec, Mode, Profile};
use zot_verify_fixtures::registry::StandIn;
use zot_verify_fixtures::{Port, Server};
use zot_verify_model::Secret;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The reference of all checks, as Markdown.
fn checks() -> String {
    let mut page = String::from(
        "# Checks\n\nMade from the catalogue; `ZOT_VERIFY_BLESS=1 cargo test --test docs` makes it again. \
         `zot-verify explain ID` tells the same.\n",
    );
    for check in catalogue::CHECKS {
        // Writing to a String cannot fail.
        let _ = write!(page, "\n## `{}`\n\n{}.\n\n{}\n\n", check.id, capital(check.title), check.requirement);
        page.push_str("| part | claim | level | live | must notice |\n|---|---|---|---|---|\n");
        for part in check.parts {
            let id = check.part_id(part);
            let level = match part.level {
                Level::Requirement => "requirement",
                Level::Hardening => "hardening",
            };
            let live = if part.effect == Effect::LabOnly { "lab only" } else { part.effect.word() };
            let notices: Vec<String> = catalogue::saboteurs()
                .filter(|saboteur| saboteur.turns.iter().any(|(turned, _)| *turned == id))
                .map(|saboteur| format!("`{}`", saboteur.name))
                .collect();
            let _ = writeln!(page, "| `{}` | {} | {level} | {live} | {} |", part.name, part.claim, notices.join(" "));
        }
    }
    page
}

fn capital(text: &str) -> String {
    text.chars().take(1).flat_map(char::to_uppercase).chain(text.chars().skip(1)).collect()
}

#[test]
fn the_reference_of_checks_is_fresh() {
    let path = root().join("docs/reference/checks.md");
    if std::env::var_os("ZOT_VERIFY_BLESS").is_some() {
        std::fs::write(&path, checks()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == checks(), "docs/reference/checks.md is stale: ZOT_VERIFY_BLESS=1 cargo test --test docs");
}

#[test]
fn the_readmes_two_commands_are_those_of_the_tasks_and_of_ci() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    for (command, file) in [
        ("cargo run --locked -q -p zot-verify -- local --zot embedded", "mise.toml"),
        ("cargo run --locked -q -p zot-verify -- local --zot embedded", ".ci/run"),
        ("cargo test --locked --workspace", "mise.toml"),
        ("cargo test --locked --workspace", ".ci/run"),
    ] {
        assert!(readme.contains(command), "README.md lacks `{command}`");
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        assert!(text.contains(command), "{file} lacks `{command}`");
    }
}

/// A registry to run examples against.
async fn registry() -> (Vec<Server>, String) {
    let (registry, issuer) = (Port::bind().await.unwrap(), Port::bind().await.unwrap());
    let (url, issuer_url) = (registry.url(), Issuer::issuer_url(&issuer.url(), Profile::Authentik));
    let spec = IssuerSpec {
        client_id: "zot".into(),
        client_secret: Secret::new("client secret", "unused"),
        password: Secret::new("password", "unused"),
        redirect_uris: vec![format!("{url}/zot/auth/callback/oidc")],
        profile: Profile::Authentik,
        mode: Mode::Normal,
    };
    let router = Issuer::router(&issuer.url(), spec);
    let mut servers = vec![issuer.serve(router)];
    let mut config = builtin::config(MetricsKey::AnonymousPolicy);
    let places = Places {
        root: Path::new("unused"),
        credentials: Credentials::Inline { client_id: "zot", secret: "unused" },
        address: "127.0.0.1",
        port: registry.number(),
        external_url: &url,
        issuer: &issuer_url,
        upstream: "http://127.0.0.1:1",
    };
    adapt(&mut config, &places);
    let router: Router = StandIn::router(&config, &[]).await.unwrap();
    servers.push(registry.serve(router));
    (servers, url)
}

/// Runs bash with zot-verify on the PATH, in a directory of its own.
fn bash(directory: &Path, script: &str) -> Output {
    let tools = Path::new(env!("CARGO_BIN_EXE_zot-verify")).parent().unwrap().to_owned();
    let path = std::env::join_paths(
        std::iter::once(tools).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    Command::new("bash").args(["-c", script]).current_dir(directory).env("PATH", path.unwrap()).output().unwrap()
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_example_intent_is_taken_and_plans_send_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let intent = root().join("docs/examples/zot-verify.toml").canonicalize().unwrap();
    let output = bash(directory.path(), &format!("zot-verify plan live --intent '{}'", intent.display()));
    assert!(output.status.success(), "{}", told(&output));
    assert!(told(&output).contains("https://registry.ops.eblu.me/"), "{}", told(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_for_services_check_and_mise_run() {
    zot_verify_fixtures::crypto::install();
    let (_servers, url) = registry().await;
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("zot-verify.toml"), format!("url = \"{url}\"\n")).unwrap();
    let examples = root().join("docs/examples").canonicalize().unwrap();

    let script = format!("FAILED=0; source '{}'; echo FAILED=$FAILED", examples.join("services-check.sh").display());
    let output = tokio::task::block_in_place(|| bash(directory.path(), &script));
    let text = told(&output);
    assert!(text.contains("push.anonymous-denied            OK"), "{text}");
    assert!(text.contains("FAILED=0"), "{text}");

    let task = examples.join("mise-tasks/zot-verify");
    assert!(task.metadata().unwrap().permissions().mode() & 0o111 != 0, "a task must be executable");
    let script = format!("usage_format=brief '{}'", task.display());
    let output = tokio::task::block_in_place(|| bash(directory.path(), &script));
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));

    // A key that is not there is no reason to look at less.
    let script = format!("ZOT_CI_API_KEY='' usage_mode=smoke '{}'", task.display());
    let output = tokio::task::block_in_place(|| bash(directory.path(), &script));
    assert_eq!(output.status.code(), Some(2), "{}", told(&output));
}

#[test]
fn the_services_check_lines_fail_where_nothing_answers() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("zot-verify.toml"), "url = \"http://127.0.0.1:1\"\n").unwrap();
    let lines = root().join("docs/examples/services-check.sh").canonicalize().unwrap();
    let output = bash(directory.path(), &format!("FAILED=0; source '{}'; echo FAILED=$FAILED", lines.display()));
    assert!(told(&output).contains("FAILED=1"), "{}", told(&output));
}

#[test]
fn the_how_to_names_every_kind_of_finding() {
    let text = std::fs::read_to_string(root().join("docs/how-to/policy.md")).unwrap();
    for (id, about) in zot_verify::advice::IDS {
        assert!(text.contains(&format!("| `{id}` | {about} |")), "{id}");
    }
}

#[test]
fn the_how_to_names_every_line_of_a_preflight() {
    let page = std::fs::read_to_string(root().join("docs/how-to/preflight.md")).unwrap();
    for line in zot_verify::preflight::LINES {
        assert!(page.contains(&format!("| `{}` |", line.id)), "docs/how-to/preflight.md lacks {}", line.id);
    }
}
