//! What `apikey.create` must notice.

use zot_verify_fixtures::fault::Fault;
use zot_verify_fixtures::proxy::{Rule, Then, When};

use crate::check::{LOST_KEY, Saboteur, saboteur};
use crate::run::outcome::Verdict::Fail;

const KEYS: When = When::path("/zot/auth/apikey");
/// Credentials whose name begins with `zv-`: those of a lab's people.
const PEOPLE: &str = "Basic enYt*";

static NOT_MADE: Rule = Rule { when: KEYS.methods(&["POST"]), then: Then::Status(500) };
static NOT_SHOWN: Rule =
    Rule { when: KEYS.methods(&["POST"]), then: Then::Body(|_| br#"{"label":"zot-verify","uuid":"x"}"#.to_vec()) };
static NOT_TAKEN: Rule = Rule { when: When::path("/v2/").header("authorization", PEOPLE), then: Then::Status(401) };
static SHOWN_AGAIN: Rule = Rule {
    when: KEYS.methods(&["GET"]),
    then: Then::Body(|body| replaced(body, "\"uuid\"", "\"apiKey\":\"zak_00000000000000000000000000000000\",\"uuid\"")),
};
static LABEL_LOST: Rule = Rule {
    when: KEYS.methods(&["GET"]),
    then: Then::Body(|body| replaced(body, "\"label\":\"zot-verify listed\"", "\"label\":\"\"")),
};
static DATE_LOST: Rule = Rule { when: KEYS.methods(&["GET"]), then: Then::Body(no_dates) };
static NOT_LISTED: Rule =
    Rule { when: KEYS.methods(&["GET"]).header("cookie", "*"), then: Then::Body(|_| br#"{"apiKeys":[]}"#.to_vec()) };
static NEVER_ENDS: Rule =
    Rule { when: When::path("/v2/_catalog"), then: Then::Sends(|headers| drop(headers.remove("authorization"))) };
static ENDS_AT_ONCE: Rule =
    Rule { when: When::path("/v2/_catalog").header("authorization", PEOPLE), then: Then::Status(401) };
static NOT_REVOKED: Rule =
    Rule { when: KEYS.methods(&["DELETE"]), then: Then::Answer { status: 200, headers: &[], body: "" } };
static FOR_ANYBODY: Rule = Rule {
    when: KEYS.methods(&["POST"]).without(&["cookie", "authorization"]),
    then: Then::Answer {
        status: 201,
        headers: &[("content-type", "application/json")],
        body: r#"{"apiKey":"zak_00000000000000000000000000000000"}"#,
    },
};
static SHOWN_TO_ANYBODY: Rule = Rule {
    when: KEYS.methods(&["GET"]).without(&["cookie", "authorization"]),
    then: Then::Answer { status: 203, headers: &[("content-type", "application/json")], body: r#"{"apiKeys":[]}"# },
};

fn replaced(body: &[u8], from: &str, to: &str) -> Vec<u8> {
    String::from_utf8_lossy(body).replace(from, to).into_bytes()
}

/// Every date in a list becomes the zero date, which means never.
fn no_dates(body: &[u8]) -> Vec<u8> {
    let mut list: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    for key in list.get_mut("apiKeys").and_then(|keys| keys.as_array_mut()).into_iter().flatten() {
        key["expirationDate"] = "0001-01-01T00:00:00Z".into();
    }
    list.to_string().into_bytes()
}

pub(super) const ALL: &[Saboteur] = &[
    saboteur!("keys-not-made", &[Fault::Proxy(&NOT_MADE)], &[("apikey.create/works", Fail)], &[], LOST_KEY),
    saboteur!("keys-not-shown", &[Fault::Proxy(&NOT_SHOWN)], &[("apikey.create/works", Fail)], &[], LOST_KEY),
    saboteur!("keys-not-taken", &[Fault::Proxy(&NOT_TAKEN)], &[("apikey.create/works", Fail)], &[], LOST_KEY),
    saboteur!("keys-shown-again", &[Fault::Proxy(&SHOWN_AGAIN)], &[("apikey.create/listed", Fail)], &[]),
    saboteur!("key-label-lost", &[Fault::Proxy(&LABEL_LOST)], &[("apikey.create/listed", Fail)], &[]),
    saboteur!("key-dates-lost", &[Fault::Proxy(&DATE_LOST)], &[("apikey.create/listed", Fail)], &[]),
    saboteur!("keys-not-listed", &[Fault::Proxy(&NOT_LISTED)], &[("apikey.create/listed", Fail)], &[]),
    saboteur!(
        "keys-never-end",
        &[Fault::Proxy(&NEVER_ENDS)],
        &[("apikey.create/expires", Fail), ("apikey.create/revoked", Fail)],
        &[],
    ),
    saboteur!(
        "keys-end-at-once",
        &[Fault::Proxy(&ENDS_AT_ONCE)],
        &[("apikey.create/expires", Fail), ("apikey.create/revoked", Fail)],
        &[],
    ),
    saboteur!(
        "revoking-does-nothing",
        &[Fault::Proxy(&NOT_REVOKED)],
        &[("apikey.create/revoked", Fail), ("push.bad-credentials-denied/revoked", Fail)],
        &[]
    ),
    saboteur!("keys-for-anybody", &[Fault::Proxy(&FOR_ANYBODY)], &[("apikey.create/anonymous", Fail)], &[]),
    saboteur!(
        "keys-shown-to-anybody",
        &[Fault::Proxy(&SHOWN_TO_ANYBODY)],
        &[("apikey.create/anonymous", Fail), ("login.session/session", Fail)],
        &["login.session/log-out"],
    ),
];
