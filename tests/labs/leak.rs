//! No output holds a secret, in no encoding: a hostile registry knows the configured secret, repeats it wherever a
//! registry can put text, and hands out cookies and tokens of its own.

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use libtest_mimic::Failed;
use zot_verify_fixtures::Port;

use super::support;

/// The configured secret: with characters that every encoding changes, and shaped like no real key.
const CANARY: &str = r#"canary/with "quotes" & plus+per%cent\backslash"#;
/// What the registry hands out on the way.
const MET: [&str; 4] = ["met-cookie-canary", "met-state-canary", "met-code-canary", "met-token-canary"];

/// The canary in every encoding in which it could come back.
fn dressed() -> Vec<String> {
    let percent = CANARY.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let json = serde_json::Value::from(CANARY).to_string();
    let form: String = url::form_urlencoded::byte_serialize(CANARY.as_bytes()).collect();
    vec![
        CANARY.to_owned(),
        STANDARD.encode(CANARY),
        STANDARD.encode(format!("zot-ci:{CANARY}")),
        STANDARD.encode(format!("u:{CANARY}")),
        STANDARD.encode(format!("us:{CANARY}")),
        URL_SAFE_NO_PAD.encode(CANARY),
        percent.to_lowercase(),
        percent,
        form,
        json.trim_matches('"').to_owned(),
        CANARY.bytes().map(|byte| format!("{byte:02x}")).collect(),
    ]
}

async fn hostile(request: Request) -> Response {
    let all = dressed().join(" | ");
    let path = request.uri().path().to_owned();
    let line =
        |text: &str| HeaderValue::from_str(&text.replace(['\n', '\r'], " ")).unwrap_or(HeaderValue::from_static("x"));
    let mut response = match path.as_str() {
        "/v2/" => StatusCode::OK.into_response(),
        "/v2/_zot/ext/mgmt" => {
            let said = serde_json::json!({ "releaseTag": all, "commit": CANARY, "apiKey": MET[3] });
            said.to_string().into_response()
        }
        "/zot/auth/login" => {
            let to = format!("http://127.0.0.1:1/auth?state={}&code={}&x={}", MET[1], MET[2], dressed()[8]);
            (StatusCode::FOUND, [("location", to)]).into_response()
        }
        "/metrics" => format!("# HELP m {all}\n# TYPE m gauge\nm{{k=\"{}\"}} 1\n", dressed()[1]).into_response(),
        _ => {
            let errors = serde_json::json!({ "errors": [{ "code": all, "message": CANARY, "token": MET[3] }] });
            (StatusCode::UNAUTHORIZED, errors.to_string()).into_response()
        }
    };
    let headers = response.headers_mut();
    headers.insert("docker-distribution-api-version", HeaderValue::from_static("registry/2.0"));
    headers.insert("www-authenticate", line(&format!("Basic realm=\"{}\"", dressed()[2])));
    headers.insert("set-cookie", line(&format!("session={}; Path=/", MET[0])));
    headers.insert("content-type", line(&format!("text/html; x={}", dressed()[1])));
    headers.insert(HeaderName::from_static("x-echo"), line(&all));
    headers.insert(HeaderName::from_static("x-met"), line(&MET.join(" ")));
    response
}

pub(crate) fn no_output_holds_a_secret() -> Result<(), Failed> {
    let runtime = support::runtime()?;
    let port = runtime.block_on(Port::bind())?;
    let url = port.url();
    let _server = runtime.block_on(async { port.serve(Router::new().fallback(hostile)) });
    let temporary = tempfile::tempdir()?;
    for format in ["text", "brief", "json"] {
        let files = tempfile::tempdir()?;
        let output = support::command(temporary.path())
            .args(["live", &url, "--format", format, "--issuer", &url, "--pull-image", "a/b:v1", "--json"])
            .arg(files.path().join("report.json"))
            .arg("--junit")
            .arg(files.path().join("junit.xml"))
            .env("ZOT_VERIFY_API_KEY", CANARY)
            .env("ZOT_VERIFY_LOG", "trace")
            .output()?;
        if output.stdout.is_empty() || output.status.code() != Some(1) {
            return Err(format!("the run told nothing: {output:?}").into());
        }
        none_in(&format!("{format} on stdout"), &output.stdout)?;
        none_in("stderr", &output.stderr)?;
        none_in("the JSON file", &std::fs::read(files.path().join("report.json"))?)?;
        none_in("the JUnit file", &std::fs::read(files.path().join("junit.xml"))?)?;
    }
    Ok(())
}

fn none_in(what: &str, bytes: &[u8]) -> Result<(), Failed> {
    let text = String::from_utf8_lossy(bytes);
    for secret in dressed().iter().map(String::as_str).chain(MET) {
        if let Some(at) = text.find(secret) {
            let around = &text[text.floor_char_boundary(at.saturating_sub(80))..text.ceil_char_boundary(at + 80)];
            return Err(format!("{what} holds `{secret}`: …{around}…").into());
        }
    }
    Ok(())
}
