//! What servers write that is meant for whoever reads reports: sequences that a terminal obeys, characters that turn
//! lines around, markup of the report's own format. And whether any of it came through.

use libtest_mimic::Failed;
use quick_junit::{NonSuccessKind, Report, TestCaseStatus};
use serde_json::Value;
use zot_verify_fixtures::hostile::Step::Says;
use zot_verify_fixtures::hostile::{Step, Trick};
use zot_verify_fixtures::proxy::When;

use crate::row::{By, From, Row};

/// Whether a row is about texts.
pub(crate) fn is_one(row: &Row) -> bool {
    ROWS.iter().any(|own| std::ptr::eq(own, row))
}

/// Whether a terminal, or whoever reads, would be told something else by this character than that it is there.
fn is_obeyed(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
    let hides = matches!(c, '\u{ad}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    let is_none = matches!(u32::from(c) & 0xffff, 0xfffe | 0xffff);
    (c.is_control() && c != '\n') || turns || hides || is_none
}

/// An output that obeys nothing, but for the colours that the program gives it itself.
pub(crate) fn harmless(format: &str, text: &str) -> Result<(), Failed> {
    let mut plain = text.to_owned();
    while let Some(at) = plain.find("\u{1b}[") {
        let end =
            plain[at + 2..].find(|c: char| !c.is_ascii_digit() && c != ';').map_or(plain.len(), |end| at + 2 + end);
        if !plain[end..].starts_with('m') {
            break;
        }
        plain.replace_range(at..=end, "");
    }
    match plain.char_indices().find(|(_, c)| is_obeyed(*c)) {
        None => Ok(()),
        Some((at, c)) => {
            let around: String = plain[..at].chars().rev().take(60).collect::<Vec<_>>().into_iter().rev().collect();
            Err(format!("{format} holds {c:?} after `{around}`").into())
        }
    }
}

/// The JUnit file is XML, and says of as many parts as the other report that they failed, and no more.
pub(crate) fn well_formed(report: &Value, junit: &str) -> Result<(), Failed> {
    let parsed = Report::deserialize_from_str(junit).map_err(|error| format!("junit: {error}"))?;
    let cases = parsed.test_suites.iter().flat_map(|suite| &suite.test_cases);
    let bad = |case: &&quick_junit::TestCase| {
        matches!(case.status, TestCaseStatus::NonSuccess { kind: NonSuccessKind::Failure | NonSuccessKind::Error, .. })
    };
    let results = report["results"].as_array().into_iter().flatten();
    let parts: Vec<&Value> = results.flat_map(|result| result["parts"].as_array().into_iter().flatten()).collect();
    let worst = parts.iter().filter(|part| matches!(part["verdict"].as_str(), Some("fail" | "error" | "not-run")));
    let told = (cases.clone().count(), cases.filter(bad).count());
    let known = (parts.len(), worst.count());
    if told == known { Ok(()) } else { Err(format!("junit tells of {told:?} parts, json of {known:?}").into()) }
}

/// What is typed, but for the checks.
macro_rules! words {
    ($checks:literal) => {
        concat!($checks, " --pull-image zot-verify/pull:v1 --timeout 30s")
    };
}

/// An answer with this status and these fields, each with its line end, and this body.
macro_rules! says {
    ($status:literal, $fields:literal, $body:literal) => {
        &[Says(concat!("HTTP/1.1 ", $status, "\r\nConnection: close\r\n", $fields, "\r\n", $body).as_bytes())]
    };
}

const TAG: When = When::path("/v2/zot-verify/pull/manifests/v1");

/// A row in front of a good registry.
const fn later(
    case: &'static str,
    tricks: &'static [Trick],
    words: &'static str,
    exit: i32,
    verdicts: &'static [(&'static str, &'static str)],
    tells: &'static str,
) -> Row {
    Row { case, from: From::Later, tricks, by: By::Http, words, exit, verdicts, tells }
}

/// A row that is never recognised.
const fn first(case: &'static str, tricks: &'static [Trick], tells: &'static str) -> Row {
    let words = "pull.anonymous --timeout 30s";
    Row { case, from: From::First, tricks, by: By::Http, words, exit: 3, verdicts: &[], tells }
}

const INVALID: &[Step] = &[Says(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n\x1b]0;owned\x07\xff\xfe\xc3{}")];

pub(crate) static ROWS: &[Row] = &[
    first(
        "writes markup into the content type",
        &[Trick::first(says!("404 Not Found", "Content-Type: text/html; x=\"]]></failure></testcase>\"\r\n", ""))],
        "(text/html; x=\"]]></failure></testcase>\")",
    ),
    first(
        "writes bidirectional characters into the content type",
        &[Trick::first(says!("404 Not Found", "Content-Type: text/\u{202e}lmth\r\n", ""))],
        "is no registry",
    ),
    first(
        "writes control characters into a header field",
        &[Trick::first(says!("404 Not Found", "Content-Type: text/\u{1b}[2Jhtml\r\n", ""))],
        "no HTTP",
    ),
    later(
        "writes into the reason of a status",
        &[Trick::at(TAG, says!("404 \u{202e}dnuof toN\u{9b}2J]]></testcase>", "", ""))],
        words!("pull.anonymous"),
        1,
        &[("pull.anonymous/index", "fail")],
        "404",
    ),
    later(
        "writes into a challenge",
        &[Trick::at(
            TAG,
            says!("401 Unauthorized", "WWW-Authenticate: Basic realm=\"]]></failure></testcase><testcase>\"\r\n", ""),
        )],
        words!("pull.anonymous"),
        1,
        &[("pull.anonymous/index", "fail")],
        "]]></failure></testcase><testcase>",
    ),
    later(
        "writes into the code of an error",
        &[Trick::at(
            TAG,
            says!(
                "404 Not Found",
                "",
                r#"{"errors":[{"code":"\u001b[2J\u001b]0;owned\u0007\u009b31m\u202e\u2066\ufeff\uffff\r]]></failure>"}]}"#
            ),
        )],
        words!("pull.anonymous"),
        1,
        &[("pull.anonymous/index", "fail")],
        r"404 \u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}\u{2066}\u{feff}\u{ffff}",
    ),
    later(
        "writes a page where JSON is expected",
        &[Trick::at(TAG, says!("200 OK", "", "\u{1b}[2J\u{202e}]]></failure></testcase>\u{7f}"))],
        words!("pull.anonymous"),
        1,
        &[("pull.anonymous/index", "fail")],
        r"\u{1b}[2J\u{202e}]]></failure></testcase>\u{7f}",
    ),
    later(
        "writes invalid UTF-8 where JSON is expected",
        &[Trick::at(TAG, INVALID)],
        words!("pull.anonymous"),
        1,
        &[("pull.anonymous/index", "fail")],
        "bytes that are no text",
    ),
    later(
        "writes into the digest of a manifest",
        &[Trick::at(
            TAG,
            says!("200 OK", "Docker-Content-Digest: ]]></failure>\u{9}<x>\r\n", r#"{"mediaType":"\u202e","manifests":[]}"#),
        )],
        words!("pull.anonymous"),
        1,
        &[("pull.anonymous/index", "fail")],
        "]]></failure>",
    ),
    later(
        "writes into the media type of a manifest",
        &[Trick::at(
            TAG,
            says!(
                "200 OK",
                "Docker-Content-Digest: sha256:df0ef583d365c35297aa91534e935c7959821ec65a283858f151edfded791ff3\r\n",
                r#"{"mediaType":"\u202e\u001b[2J]]></failure>","manifests":[]}"#
            ),
        )],
        words!("pull.anonymous pull.personas"),
        1,
        &[("pull.anonymous/index", "fail")],
        r"has Content-Type \u{202e}\u{1b}[2J]]></failure>",
    ),
    later(
        "writes into the catalogue",
        &[Trick::at(
            When::path("/v2/_catalog"),
            says!("200 OK", "", r#"{"repositories":["\u001b[2J\u202e]]></failure>","../../etc/passwd"]}"#),
        )],
        words!("pull.anonymous"),
        1,
        &[("pull.anonymous/catalog", "fail")],
        "2 repositories, zot-verify/pull not among them",
    ),
    later(
        "writes into the list of tags",
        &[Trick::at(
            When::path("/v2/*/tags/list"),
            says!("200 OK", "", r#"{"tags":["\u001b[2J\u202e]]></failure>","../../v2/_catalog?"]}"#),
        )],
        "pull.anonymous --timeout 30s",
        0,
        &[("pull.anonymous/index", "skipped"), ("pull.anonymous/catalog", "pass")],
        "has no tag",
    ),
    later(
        "writes into the name of its release",
        &[Trick::at(
            When::path("/v2/_zot/ext/mgmt"),
            says!("200 OK", "", r#"{"releaseTag":"\u001b[2J\u202e]]></property>","commit":"\u009b\u2028","http":{"auth":{"openid":{"providers":{"\u202e":{}}}}}}"#),
        )],
        words!("version.known-traps pull.anonymous login.redirect"),
        1,
        &[("pull.anonymous", "pass")],
        r"zot \u{1b}[2J\u{202e}]]></property>",
    ),
    later(
        "writes into its metrics",
        &[Trick::at(
            When::path("/metrics"),
            says!("200 OK", "Content-Type: text/plain\r\n", "\u{1b}[2J\u{202e}]]></failure> 1\n"),
        )],
        words!("metrics.anonymous"),
        1,
        &[("metrics.anonymous/exposition", "fail")],
        r"\u{1b}[2J\u{202e}]]></failure>",
    ),
    later(
        "writes into the issuer's discovery",
        &[Trick::at(
            When::path("/.well-known/openid-configuration"),
            says!(
                "200 OK",
                "",
                r#"{"issuer":"\u001b[2J\u202e]]></failure>","authorization_endpoint":"\u001b[2J\u202e"}"#
            ),
        )],
        words!("login.redirect --issuer {own}"),
        1,
        &[("login.redirect/endpoint", "fail")],
        r"\u{1b}[2J\u{202e}]]></failure>",
    ),
    later(
        "writes into the refusal of a login",
        &[
            Trick::at(
                When::path("/zot/auth/login"),
                &[Says(b"HTTP/1.1 302 Found\r\nLocation: {own}/authorize?x=1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")],
            ),
            Trick::at(
                When::path("/.well-known/openid-configuration"),
                &[Says(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"issuer\":\"{own}\",\"authorization_endpoint\":\"{own}/authorize\"}")],
            ),
            Trick::at(
                When::path("/authorize"),
                &[Says(b"HTTP/1.1 302 Found\r\nLocation: {good}/zot/auth/callback/oidc?error=%1b[2J%e2%80%ae]]></failure>\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")],
            ),
        ],
        words!("login.session --issuer {own}"),
        3,
        &[("login.session", "error")],
        r"with the error `\u{1b}[2J\u{202e}]]></failure>`",
    ),
];
