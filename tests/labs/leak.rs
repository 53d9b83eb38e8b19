//! No secret leaves the program but to whom it belongs: not in any output, in no dress, not in a log, a defect, the
//! arguments and the environment of a program that is started, nor in a file.
//!
//! The registries here know every secret and repeat it wherever a registry can put text.

mod children;
mod dress;
mod echo;

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use libtest_mimic::Failed;
use zot_verify::target::zot::Zot;
use zot_verify_fixtures::Port;

pub(crate) use self::dress::what_is_planted_is_found;

use self::children::{Overheard, told_nothing};
use self::dress::{dressed, none_in};
use self::echo::{Also, Echo};
use super::support;
use super::writes::Registry;

/// The configured secret: with characters that every encoding changes, and shaped like no real key.
const CANARY: &str = r#"canary/with "quotes" & plus+per%cent\backslash"#;
/// What the registry hands out on the way.
const MET: [&str; 4] = ["met-cookie-canary", "met-state-canary", "met-code-canary", "met-token-canary"];
/// Every variable that holds a secret; the last one is none of ours.
const SECRETS: [&str; 5] =
    ["ZOT_VERIFY_API_KEY", "ZOT_CI_API_KEY", "ZOT_VERIFY_ADMIN_API_KEY", "ZOT_VERIFY_OIDC_PASSWORD", "UNRELATED_TOKEN"];

/// A command that says as much as it can, and knows a secret of every kind.
fn talkative(temporary: &Path) -> Command {
    let mut command = support::command(temporary);
    command
        .envs([("ZOT_VERIFY_LOG", "trace"), ("RUST_LOG", "trace"), ("RUST_BACKTRACE", "full")])
        .envs([("ZOT_VERIFY_ADMIN_USER", "erin"), ("ZOT_VERIFY_OIDC_USER", "pat")])
        .env("XDG_STATE_HOME", temporary)
        .envs(SECRETS.iter().enumerate().map(|(number, name)| (name, secret(number))));
    command
}

/// The secret in one of the variables.
fn secret(number: usize) -> String {
    format!("{number}{CANARY}{number}")
}

fn configured() -> Vec<String> {
    (0..SECRETS.len()).map(secret).chain(MET.map(str::to_owned)).collect()
}

async fn hostile(request: Request) -> Response {
    let dresses = |secret: &str| dressed(secret).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
    // Each answer tells of one secret: all of them in all would only take longer to look through.
    static TURN: AtomicUsize = AtomicUsize::new(0);
    let turn = TURN.fetch_add(1, Ordering::Relaxed);
    let own = dresses(&secret(turn % 4));
    let some = |from: usize| own.iter().cycle().skip(turn / 4 + from).take(6).cloned().collect::<Vec<_>>().join(" | ");
    let all = some(0);
    let path = request.uri().path().to_owned();
    // No line ends in a header field.
    let line = |text: &str| {
        let lines: Vec<&str> = text.split(" | ").filter(|one| !one.contains(['\r', '\n'])).collect();
        HeaderValue::from_str(&lines.join(" | ")).unwrap_or(HeaderValue::from_static("x"))
    };
    let mut response = match path.as_str() {
        "/v2/" => StatusCode::OK.into_response(),
        "/v2/_zot/ext/mgmt" => {
            let said = serde_json::json!({ "releaseTag": all, "commit": own[0], "apiKey": MET[3] });
            said.to_string().into_response()
        }
        "/zot/auth/login" => {
            let to = format!("http://127.0.0.1:1/auth?state={}&code={}&x={}", MET[1], MET[2], own[12]);
            (StatusCode::FOUND, [("location", to)]).into_response()
        }
        "/metrics" => format!("# HELP m {all}\n# TYPE m gauge\nm{{k=\"{}\"}} 1\n", own[1]).into_response(),
        _ => {
            let errors = serde_json::json!({ "errors": [{ "code": all, "message": own[0], "token": MET[3] }] });
            (StatusCode::UNAUTHORIZED, errors.to_string()).into_response()
        }
    };
    let headers = response.headers_mut();
    headers.insert("docker-distribution-api-version", HeaderValue::from_static("registry/2.0"));
    headers.insert("www-authenticate", line(&format!("Basic realm=\"{}\"", own[3])));
    headers.insert("set-cookie", line(&format!("session={}; Path=/", MET[0])));
    headers.insert("content-type", line(&format!("text/html; x={}", own[1])));
    headers.insert(HeaderName::from_static("x-echo"), line(&some(6)));
    headers.insert(HeaderName::from_static("x-met"), line(&MET.join(" ")));
    response
}

/// Every way to tell a run, about a registry that is none but for its secrets.
pub(crate) fn no_output_holds_a_secret() -> Result<(), Failed> {
    let runtime = support::runtime()?;
    let port = runtime.block_on(Port::bind())?;
    let url = port.url();
    let _server = runtime.block_on(async { port.serve(Router::new().fallback(hostile)) });
    let secrets = configured();
    for format in ["text", "brief", "json"] {
        let (temporary, files) = (tempfile::tempdir()?, tempfile::tempdir()?);
        let output = talkative(temporary.path())
            .args(["live", &url, "--format", format, "--issuer", &url, "--pull-image", "a/b:v1", "--json"])
            .arg(files.path().join("report.json"))
            .arg("--junit")
            .arg(files.path().join("junit.xml"))
            .output()?;
        if output.stdout.is_empty() || output.status.code() != Some(1) {
            return Err(format!("the run told nothing: {output:?}").into());
        }
        said_nothing(format, &output, &secrets)?;
        for file in ["report.json", "junit.xml"] {
            none_in(file, &std::fs::read(files.path().join(file))?, &secrets)?;
        }
    }
    let secrets: Vec<String> = secrets.into_iter().take(4).collect();
    // A page that says all of it and is no registry; and one that nobody answers for.
    for words in [&["live", &format!("{url}/elsewhere")][..], &["live", "http://127.0.0.1:1"]] {
        let temporary = tempfile::tempdir()?;
        said_nothing("no registry", &talkative(temporary.path()).args(words).output()?, &secrets)?;
    }
    Ok(())
}

/// A registry that does all that it should, and repeats every secret: what a run asks, makes and notes reaches far.
pub(crate) fn an_echo_is_not_passed_on(zot: &Zot) -> Result<(), Failed> {
    let around = support::surroundings();
    support::runtime()?.block_on(async {
        let registry = Registry::start(&support::spec(zot, &around).await?).await?;
        let password = registry.bench.deployment.password.as_ref().ok_or("a lab has a password")?.expose().to_owned();
        let keys = [registry.ci.secret.expose().to_owned(), registry.admin.secret.expose().to_owned(), password];
        let checks = [
            (Also::Uploads, &["push.apikey", "tags.immutable", "push.bad-credentials-denied"][..]),
            (Also::User, &["login.*", "apikey.*"]),
        ];
        for (number, (also, checks)) in checks.into_iter().enumerate() {
            let (echo, server) = Echo::before(registry.url(), also, &keys).await?;
            let canary = format!("blumeops/zot-verify-canary/{number}");
            let directory = tempfile::tempdir()?;
            echo.forget(&keys);
            let mut command = registry.whole(&server.url(), &canary, directory.path())?;
            command
                .args(["--json", "report.json", "--junit", "junit.xml"])
                .args(checks)
                .envs([("ZOT_VERIFY_LOG", "trace"), ("RUST_LOG", "trace")]);
            let output = command.output().await?;
            let known = echo.known();
            if known.len() < keys.len() + usize::from(also == Also::User) * 3 {
                return Err(format!("no cookie, state and code were met: {} secrets", known.len()).into());
            }
            said_nothing("live", &output, &known)?;
            let read = no_file_holds(directory.path(), &known)?;
            if read < 4 {
                return Err(format!("only {read} files: no ledger, or no report").into());
            }
            echo.forget(&keys);
            let mut clean = support::command(directory.path());
            clean
                .args(["clean", "--all", "--live", &server.url(), "--canary", &canary])
                .env("XDG_STATE_HOME", directory.path())
                .env("ZOT_VERIFY_LOG", "trace");
            registry.keys(&mut clean);
            let output = tokio::process::Command::from(clean).output().await?;
            said_nothing("clean", &output, &known)?;
            no_file_holds(directory.path(), &known)?;
        }
        registry.stop().await
    })
}

/// What every other command says, and what it tells the programs that it starts.
pub(crate) fn no_command_tells(zot: &Zot) -> Result<(), Failed> {
    let secrets = configured();
    let overheard = Overheard::new()?;
    let name = match zot {
        Zot::Program(program) => overheard.behind("zot", program)?.display().to_string(),
        other => other.name(),
    };
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/deployed.json");
    for (code, words) in [
        (Some(0), &["list"][..]),
        (Some(0), &["explain", "push.apikey"]),
        (Some(0), &["plan", "live", "https://r.test", "--allow-writes", "--issuer", "https://i.test"]),
        (Some(0), &["plan", "local", "--zot", &name]),
        (None, &["doctor"]),
        (Some(0), &["clean", "--all"]),
        (None, &["preflight", "--zot", &name, "--config", config]),
        (Some(0), &["self-test", "--zot", &name, "--only", "upload-not-begun"]),
        (None, &["local", "--zot", &name, "pull.*", "push.apikey", "login.*"]),
        (Some(2), &["live", "https://pat:hunter2@r.test"]),
        (Some(2), &["live", "http://r.test", "--issuer", "http://r.test"]),
    ] {
        let temporary = tempfile::tempdir()?;
        let output = talkative(temporary.path()).args(words).output()?;
        if code.is_some_and(|code| output.status.code() != Some(code)) || (output.stdout.is_empty() && code == Some(0))
        {
            return Err(format!("{words:?} told nothing: {output:?}").into());
        }
        said_nothing(&words.join(" "), &output, secrets.iter().chain([&"hunter2".to_owned()]))?;
        support::nothing_left(temporary.path())?;
    }
    if let Zot::Program(_) = zot {
        let notes = overheard.all()?;
        told_nothing(&notes)?;
        none_in("what programs are told", notes.as_bytes(), &secrets)?;
    }
    Ok(())
}

/// A defect in zot-verify is told without what it may hold, and is no verdict.
pub(crate) fn a_defect_tells_no_secret() -> Result<(), Failed> {
    let secrets: Vec<String> = configured().into_iter().take(4).collect();
    let all = secrets.iter().flat_map(|secret| dressed(secret)).map(|(_, text)| text).collect::<Vec<_>>().join(" | ");
    for trace in ["0", "full"] {
        let temporary = tempfile::tempdir()?;
        let output = talkative(temporary.path())
            .args(["local", "--zot", "embedded"])
            .envs([("ZOT_VERIFY_DEFECT", all.as_str()), ("RUST_BACKTRACE", trace)])
            .output()?;
        let told = String::from_utf8_lossy(&output.stderr);
        let traced = told.contains("zot_verify::aside::provoke");
        if output.status.code() != Some(3) || !told.contains("a defect: [") || traced != (trace == "full") {
            return Err(format!("{:?}: {told}", output.status).into());
        }
        said_nothing("a defect", &output, &secrets)?;
        support::nothing_left(temporary.path())?;
    }
    Ok(())
}

fn said_nothing<'a>(
    what: &str,
    output: &Output,
    secrets: impl IntoIterator<Item = &'a String> + Clone,
) -> Result<(), Failed> {
    none_in(&format!("{what} on standard output"), &output.stdout, secrets.clone())?;
    none_in(&format!("{what} on standard error"), &output.stderr, secrets)
}

/// Looks into every file; answers with how many there were.
fn no_file_holds(directory: &Path, secrets: &[String]) -> Result<usize, Failed> {
    let mut read = 0;
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            read += no_file_holds(&path, secrets)?;
        } else {
            none_in(&path.display().to_string(), &std::fs::read(&path)?, secrets)?;
            read += 1;
        }
        let ledgers = path.extension() == Some(OsStr::new("jsonl")) || path.ends_with("zot-verify");
        let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata()?.permissions()) & 0o077;
        if ledgers && mode != 0 {
            return Err(format!("others can read {}", path.display()).into());
        }
    }
    Ok(read)
}
