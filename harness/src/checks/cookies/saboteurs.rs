//! What `login.cookies` must notice.
//!
//! zot itself has some of these weaknesses, so they are compared with a world in which they are healed.

use http::header::{COOKIE, HeaderMap, HeaderValue};
use zot_verify_fixtures::fault::Fault;
use zot_verify_fixtures::proxy::{Rule, Then, When};

use crate::check::{Saboteur, saboteur};
use crate::run::outcome::Verdict::Warn;

const CALLBACK: When = When::path("/zot/auth/callback/*");

static READABLE: Rule =
    Rule { when: CALLBACK, then: Then::Replace { header: "set-cookie", from: "; HttpOnly", to: "" } };
static LAX: Rule = Rule {
    when: CALLBACK,
    then: Then::Replace { header: "set-cookie", from: "; HttpOnly", to: "; HttpOnly; SameSite=Lax" },
};
static FOR_EVERY_SITE: Rule =
    Rule { when: CALLBACK, then: Then::Replace { header: "set-cookie", from: "SameSite=Lax", to: "SameSite=None" } };
static NEW_ID: Rule = Rule { when: CALLBACK, then: Then::Sends(forget_session) };
/// The planted session may what its victim may.
static IS_THE_VICTIM: Rule =
    Rule { when: When::path("/v2/zot-verify/fixation/blobs/uploads/").after(2), then: Then::Status(202) };
static LEADS_AWAY: Rule =
    Rule { when: CALLBACK, then: Then::Replace { header: "location", from: "/", to: "//evil.example/" } };

const SECURE: &str = r#"{"http":{"auth":{"secureSession":true}}}"#;
const NOT_SECURE: &str = r#"{"http":{"auth":{"secureSession":false}}}"#;

/// Takes the session out of the request, so that the registry must make a new one.
fn forget_session(asked: &mut HeaderMap) {
    let cookies = asked.get(COOKIE).and_then(|cookies| cookies.to_str().ok()).unwrap_or_default();
    let kept: Vec<&str> = cookies.split("; ").filter(|cookie| !cookie.starts_with("session=")).collect();
    match HeaderValue::try_from(kept.join("; ")) {
        Ok(kept) => drop(asked.insert(COOKIE, kept)),
        Err(_) => drop(asked.remove(COOKIE)),
    }
}

pub(super) const ALL: &[Saboteur] = &[
    saboteur!("session-for-scripts", &[Fault::Proxy(&READABLE)], &[("login.cookies/http-only", Warn)], &[]),
    saboteur!(
        "session-for-every-site",
        given & [Fault::Proxy(&LAX)],
        &[Fault::Proxy(&FOR_EVERY_SITE)],
        &[("login.cookies/same-site", Warn)],
        &[],
    ),
    saboteur!(
        "session-over-http",
        given & [Fault::Config(SECURE)],
        &[Fault::Config(NOT_SECURE)],
        &[("login.cookies/secure", Warn)],
        &[],
    ),
    saboteur!(
        "session-planted-beforehand",
        given & [Fault::Proxy(&NEW_ID)],
        &[Fault::Proxy(&IS_THE_VICTIM)],
        &[("login.cookies/fixation", Warn)],
        &[],
    ),
    saboteur!("login-leads-away", &[Fault::Proxy(&LEADS_AWAY)], &[("login.cookies/callback-ui", Warn)], &[]),
];
