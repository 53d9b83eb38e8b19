//! Worlds that are other than a lab's own and just as good: nothing may change its verdict in them.
//!
//! A false alarm is as bad as a miss. Whoever gets one turns the check off.

use serde_json::{Map, Value};
use zot_verify_fixtures::fault::Fault;
use zot_verify_fixtures::proxy::{Rule, Then, When};

/// A harmless variation of the world.
#[derive(Debug)]
pub(super) struct Variation {
    /// The name, unique among those of variations and saboteurs.
    pub name: &'static str,
    /// What is other than in a clean lab.
    pub faults: &'static [Fault],
}

const ANYTHING: When = When::path("*");
/// Every answer that has a body of its own.
const BODIES: When = ANYTHING.methods(&["GET", "POST", "PUT", "PATCH", "DELETE"]);
const CONTENT: When = When::path("/v2/*/manifests/*").methods(&["GET", "HEAD"]);
const BLOBS: When = When::path("/v2/*/blobs/sha256:*").methods(&["GET", "HEAD"]);
const CHANGES: When = When::path("/v2/*/manifests/*").methods(&["PUT", "DELETE"]);
const UPLOADS: When = When::path("/v2/*/blobs/uploads/*");
const CATALOG: When = When::path("/v2/_catalog");
const LOGIN: When = When::path("/zot/auth/login");
const CALLBACK: When = When::path("/zot/auth/callback/*");
const METRICS: When = When::path("/metrics");

/// A rule by its two words.
const fn rule(when: When, then: Then) -> Rule {
    Rule { when, then }
}

static LATE: Rule = rule(ANYTHING, Then::Slow(20));
static IN_PIECES: Rule = rule(ANYTHING, Then::Chunked);
static CLOSED: Rule = rule(ANYTHING, Then::Header("connection", "close"));
static PACKED: Rule = rule(ANYTHING, Then::Packed);
static NOT_KEPT: Rule = rule(ANYTHING, Then::Header("cache-control", "no-store"));
static STRICT: Rule = rule(ANYTHING, Then::Header("strict-transport-security", "max-age=31536000"));
static VIA: Rule = rule(ANYTHING, Then::Header("via", "1.1 Caddy"));
static OTHER_PORT: Rule = rule(ANYTHING, Then::Header("alt-svc", "h3=\":443\"; ma=2592000"));
static CHARSET: Rule = rule(
    ANYTHING,
    Then::Replace { header: "content-type", from: "application/json", to: "application/json; charset=utf-8" },
);
static OTHER_WORDS: Rule = rule(BODIES, Then::Body(other_words));
static NO_WORDS: Rule = rule(BODIES, Then::Body(no_words));
static SPELLED_OTHERWISE: Rule = rule(BODIES, Then::Body(spelled_otherwise));
static OTHER_REALM: Rule = rule(
    ANYTHING,
    Then::Replace {
        header: "www-authenticate",
        from: "realm=\"Authorization Required\"",
        to: "realm=\"ops, \\\"lab\\\"\", charset=\"UTF-8\"",
    },
);
static TWO_SCHEMES: Rule =
    rule(ANYTHING, Then::Replace { header: "www-authenticate", from: "Basic realm=", to: "Negotiate, Basic realm=" });
static MANIFESTS_ROUND: Rule = rule(CONTENT, Then::Round("round=1"));
static BLOBS_ROUND: Rule = rule(BLOBS, Then::Round("round=1"));
static METRICS_ROUND: Rule = rule(METRICS, Then::Round("round=1"));
static WHOLE_LOCATION: Rule = rule(UPLOADS, Then::WholeLocation);
static NO_UPLOAD_ID: Rule = rule(UPLOADS, Then::NoHeader("docker-upload-uuid"));
static NO_RANGE: Rule = rule(UPLOADS, Then::NoHeader("range"));
static CONFLICT: Rule = rule(CHANGES, Then::Instead(403, 409));
static NOT_ALLOWED: Rule = rule(CHANGES, Then::Instead(403, 405));
static BLOBS_WITHOUT_TYPE: Rule = rule(BLOBS, Then::NoHeader("content-type"));
static MORE_REPOSITORIES: Rule = rule(CATALOG, Then::Body(more_repositories));
static LOGIN_SEE_OTHER: Rule = rule(LOGIN, Then::Instead(302, 303));
static CALLBACK_FOUND: Rule = rule(CALLBACK, Then::Instead(307, 302));
static SMALL_LETTERS: Rule =
    rule(CALLBACK, Then::Replace { header: "set-cookie", from: "; HttpOnly", to: ";httponly;Priority=High" });
static OPEN_METRICS: Rule = rule(METRICS, Then::Body(open_metrics));
static OPEN_METRICS_TYPE: Rule =
    rule(METRICS, Then::Header("content-type", "application/openmetrics-text; version=1.0.0; charset=utf-8"));
static MORE_METRICS: Rule = rule(METRICS, Then::Body(more_metrics));

const OTHER_POLICY: &str = r#"{"http":{"accessControl":{"repositories":{
    "team/**":{"policies":[{"users":["alice"],"actions":["read"]}],"anonymousPolicy":["read"]},
    "zot-verify-elsewhere/*":{"defaultPolicy":["read"]}}}}}"#;

/// Every harmless variation.
pub(super) static ALL: &[Variation] = &[
    of("answers-come-late", &[Fault::Proxy(&LATE)]),
    of("answers-come-in-pieces", &[Fault::Proxy(&IN_PIECES)]),
    of("answers-come-packed", &[Fault::Proxy(&PACKED)]),
    of("connections-are-closed", &[Fault::Proxy(&CLOSED)]),
    of(
        "more-header-fields",
        &[Fault::Proxy(&NOT_KEPT), Fault::Proxy(&STRICT), Fault::Proxy(&VIA), Fault::Proxy(&OTHER_PORT)],
    ),
    of(
        "fewer-header-fields",
        &[Fault::Proxy(&NO_UPLOAD_ID), Fault::Proxy(&NO_RANGE), Fault::Proxy(&BLOBS_WITHOUT_TYPE)],
    ),
    of("types-name-a-charset", &[Fault::Proxy(&CHARSET)]),
    of("errors-in-other-words", &[Fault::Proxy(&OTHER_WORDS)]),
    of("errors-without-words", &[Fault::Proxy(&NO_WORDS)]),
    of("json-spelled-otherwise", &[Fault::Proxy(&SPELLED_OTHERWISE)]),
    of("another-realm", &[Fault::Proxy(&OTHER_REALM)]),
    of("another-realm-is-configured", &[Fault::Config(r#"{"http":{"realm":"ops"}}"#)]),
    of("more-than-one-scheme", &[Fault::Proxy(&TWO_SCHEMES)]),
    of(
        "reads-go-round-by-redirects",
        &[Fault::Proxy(&MANIFESTS_ROUND), Fault::Proxy(&BLOBS_ROUND), Fault::Proxy(&METRICS_ROUND)],
    ),
    of("uploads-at-whole-urls", &[Fault::Proxy(&WHOLE_LOCATION)]),
    of("changes-refused-with-409", &[Fault::Proxy(&CONFLICT)]),
    of("changes-refused-with-405", &[Fault::Proxy(&NOT_ALLOWED)]),
    of("more-repositories", &[Fault::Proxy(&MORE_REPOSITORIES)]),
    of("login-by-other-redirects", &[Fault::Proxy(&LOGIN_SEE_OTHER), Fault::Proxy(&CALLBACK_FOUND)]),
    of("cookies-in-small-letters", &[Fault::Proxy(&SMALL_LETTERS)]),
    of("open-metrics", &[Fault::Proxy(&OPEN_METRICS), Fault::Proxy(&OPEN_METRICS_TYPE)]),
    of("more-metrics", &[Fault::Proxy(&MORE_METRICS)]),
    of("failures-are-delayed", &[Fault::Config(r#"{"http":{"auth":{"failDelay":1}}}"#)]),
    of("more-policies-that-let-read", &[Fault::Config(OTHER_POLICY)]),
    of("blobs-kept-twice", &[Fault::Config(r#"{"storage":{"dedupe":false}}"#)]),
    of("log-of-everything", &[Fault::Config(r#"{"log":{"level":"debug"}}"#)]),
];

const fn of(name: &'static str, faults: &'static [Fault]) -> Variation {
    Variation { name, faults }
}

/// The JSON object in a body, if it is one that no digest stands for.
fn answer(body: &[u8]) -> Option<Map<String, Value>> {
    let Ok(Value::Object(fields)) = serde_json::from_slice(body) else { return None };
    (!fields.contains_key("schemaVersion") && !fields.contains_key("rootfs")).then_some(fields)
}

/// An error says the same in another language.
fn other_words(body: &[u8]) -> Vec<u8> {
    let Some(mut fields) = answer(body) else { return body.to_vec() };
    for error in fields.get_mut("errors").and_then(Value::as_array_mut).into_iter().flatten() {
        error["message"] = "das geht hier nicht".into();
        error["detail"] = Value::Null;
    }
    Value::Object(fields).to_string().into_bytes()
}

/// An error is its status.
fn no_words(body: &[u8]) -> Vec<u8> {
    if answer(body).is_some_and(|fields| fields.contains_key("errors")) { Vec::new() } else { body.to_vec() }
}

/// The same fields the other way round, on many lines, and one more.
fn spelled_otherwise(body: &[u8]) -> Vec<u8> {
    let Some(fields) = answer(body) else { return body.to_vec() };
    let more = ("zz-more".to_owned(), Value::from(["of", "it"].to_vec()));
    let turned: Map<String, Value> = fields.into_iter().rev().chain([more]).collect();
    format!("\n{:#}\n", Value::Object(turned)).into_bytes()
}

/// Others have pushed too.
fn more_repositories(body: &[u8]) -> Vec<u8> {
    let Some(mut fields) = answer(body) else { return body.to_vec() };
    if let Some(names) = fields.get_mut("repositories").and_then(Value::as_array_mut) {
        names.insert(0, "blumeops/a".into());
        names.push("zz/z".into());
    }
    Value::Object(fields).to_string().into_bytes()
}

/// The same metrics in the other exposition: a counter's family is named without `_total`, and the end is marked
/// (OpenMetrics 1.0, "Counter" and "Overall Structure").
fn open_metrics(body: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(body);
    let typed = |family: &str| text.lines().any(|line| line.starts_with(&format!("# TYPE {family} ")));
    let counters: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
        // Where another family has the shorter name, as some of Go's own have, it stays.
        .filter(|family| family.strip_suffix("_total").is_some_and(|short| !typed(short)))
        .collect();
    let line = |line: &str| {
        let family = line.strip_prefix("# ").and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
        if counters.contains(&family) {
            line.replacen(family, family.trim_end_matches("_total"), 1)
        } else {
            line.to_owned()
        }
    };
    text.lines().map(|text| line(text) + "\n").chain(["# EOF\n".to_owned()]).collect::<String>().into_bytes()
}

/// A family more, with all that the text format allows, before the others.
fn more_metrics(body: &[u8]) -> Vec<u8> {
    let more = b"# A comment.\n\n# HELP other Something \\\\ else.\n# TYPE other untyped\n\
        other{ a = \"\\\"}\\n\" , } +Inf 1700000000000\nother NaN\n";
    [more, body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    #[test]
    fn no_two_worlds_have_one_name() {
        let mut names: Vec<&str> = ALL.iter().map(|variation| variation.name).collect();
        names.extend(catalogue::saboteurs().map(|saboteur| saboteur.name));
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn counters_lose_their_ending_in_comments_only() {
        let plain =
            b"# HELP a_total A.\n# TYPE a_total counter\na_total 1\n# TYPE b gauge\nb 2\n# TYPE b_total counter\n";
        let open = "# HELP a A.\n# TYPE a counter\na_total 1\n# TYPE b gauge\nb 2\n# TYPE b_total counter\n# EOF\n";
        assert_eq!(String::from_utf8(open_metrics(plain)).unwrap(), open);
    }

    #[test]
    fn what_a_digest_stands_for_is_left_alone() {
        for body in [r#"{"schemaVersion":2}"#, r#"{"rootfs":{}}"#, "text"] {
            for change in [other_words, no_words, spelled_otherwise, more_repositories] {
                assert_eq!(change(body.as_bytes()), body.as_bytes());
            }
        }
    }
}
