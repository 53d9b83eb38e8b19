//! What `metrics.anonymous` must notice.

use zot_verify_fixtures::fault::Fault;
use zot_verify_fixtures::proxy::{Rule, Then, When};

use crate::check::{Saboteur, saboteur};
use crate::run::outcome::Verdict::Fail;

const METRICS: When = When::path("/metrics");

static REFUSED: Rule = Rule {
    when: METRICS,
    then: Then::Answer {
        status: 401,
        headers: &[("www-authenticate", r#"Basic realm="Authorization Required""#)],
        body: "",
    },
};
static EMPTY: Rule = Rule { when: METRICS, then: Then::Body(|_| Vec::new()) };
static WEB_PAGE: Rule = Rule {
    when: METRICS,
    then: Then::Answer { status: 200, headers: &[("content-type", "text/html")], body: "<!doctype html>\n" },
};
static CUT: Rule = Rule { when: METRICS, then: Then::CutShort };
static STOPS_IN_A_LINE: Rule =
    Rule { when: METRICS, then: Then::Body(|bytes| bytes[..bytes.len().saturating_sub(5)].to_vec()) };
static FROZEN: Rule = Rule { when: METRICS, then: Then::Frozen };
static LEAKS: Rule = Rule {
    when: METRICS,
    then: Then::Body(|bytes| {
        // Not a key that zot could have made: it makes 32 hexadecimal digits.
        [bytes, b"# TYPE leak gauge\nleak{key=\"zak_shapedlikeakeybutnokeyatall\"} 1\n"].concat()
    }),
};
static LEAKS_A_PASSWORD: Rule = Rule {
    when: METRICS,
    then: Then::Body(|bytes| [bytes, b"# TYPE leak gauge\nleak{password=\"hunter2\"} 1\n"].concat()),
};
static RENAMED: Rule =
    Rule { when: METRICS, then: Then::Body(|bytes| renamed(bytes, "zot_http_method_latency", "zot_http_latency")) };
static NO_LABEL: Rule = Rule { when: METRICS, then: Then::Body(|bytes| renamed(bytes, "code=\"", "status=\"")) };
static GONE: Rule = Rule { when: METRICS, then: Then::Status(404) };

fn renamed(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    String::from_utf8_lossy(bytes).replace(from, to).into_bytes()
}

/// A configuration under which logged-in users read metrics, and anybody does not, whatever the release.
const USERS_ONLY: &str = r#"{"http":{"accessControl":{"metrics":{"anonymousPolicy":null,"users":["prometheus"]}}}}"#;
const DISABLED: &str = r#"{"extensions":{"metrics":{"enable":false}}}"#;

const OTHERS: &[&str] = &[
    "metrics.anonymous/exposition",
    "metrics.anonymous/families",
    "metrics.anonymous/alive",
    "metrics.anonymous/no-secrets",
];
const READERS: &[&str] = &["metrics.anonymous/families", "metrics.anonymous/alive"];
const READERS_OF_TEXT: &[&str] =
    &["metrics.anonymous/families", "metrics.anonymous/alive", "metrics.anonymous/no-secrets"];

pub(super) const ALL: &[Saboteur] = &[
    saboteur!("metrics-for-users-only", &[Fault::Config(USERS_ONLY)], &[("metrics.anonymous/access", Fail)], OTHERS,),
    saboteur!("metrics-disabled", &[Fault::Config(DISABLED)], &[("metrics.anonymous/access", Fail)], OTHERS),
    saboteur!("metrics-refused", &[Fault::Proxy(&REFUSED)], &[("metrics.anonymous/access", Fail)], OTHERS),
    saboteur!("metrics-gone", &[Fault::Proxy(&GONE)], &[("metrics.anonymous/access", Fail)], OTHERS),
    saboteur!("metrics-cut-short", &[Fault::Proxy(&CUT)], &[("metrics.anonymous/access", Fail)], OTHERS),
    saboteur!("metrics-empty", &[Fault::Proxy(&EMPTY)], &[("metrics.anonymous/exposition", Fail)], READERS_OF_TEXT),
    saboteur!("metrics-are-a-web-page", &[Fault::Proxy(&WEB_PAGE)], &[("metrics.anonymous/exposition", Fail)], READERS,),
    saboteur!(
        "metrics-stop-in-a-line",
        &[Fault::Proxy(&STOPS_IN_A_LINE)],
        &[("metrics.anonymous/exposition", Fail)],
        READERS,
    ),
    saboteur!("metrics-frozen", &[Fault::Proxy(&FROZEN)], &[("metrics.anonymous/alive", Fail)], &[]),
    saboteur!("metrics-leak-a-key", &[Fault::Proxy(&LEAKS)], &[("metrics.anonymous/no-secrets", Fail)], &[]),
    saboteur!(
        "metrics-leak-a-password",
        &[Fault::Proxy(&LEAKS_A_PASSWORD)],
        &[("metrics.anonymous/no-secrets", Fail)],
        &[]
    ),
    saboteur!("metrics-family-renamed", &[Fault::Proxy(&RENAMED)], &[("metrics.anonymous/families", Fail)], &[]),
    saboteur!("metrics-label-renamed", &[Fault::Proxy(&NO_LABEL)], &[("metrics.anonymous/families", Fail)], &[]),
];
