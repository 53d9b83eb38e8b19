//! What `push.bad-credentials-denied` must notice.

use zot_verify_fixtures::fault::Fault;
use zot_verify_fixtures::proxy::{Rule, Then, When};

use crate::check::{Saboteur, saboteur};
use crate::run::outcome::Verdict::{self, Error, Fail};

const PING: When = When::path("/v2/");
const TRIED: When = When::path("/v2/zot-verify/bad-credentials-*");

/// Whoever gives credentials is taken for anybody.
static PING_FOR_ANYBODY: Rule = Rule { when: PING.header("authorization", "*"), then: Then::Status(200) };
static WRITES_TAKEN: Rule = Rule { when: TRIED.methods(&["POST"]), then: Then::Status(202) };
static WRITES_FORBIDDEN: Rule = Rule { when: TRIED.methods(&["POST"]), then: Then::Status(403) };
static NO_CHALLENGE: Rule = Rule { when: TRIED.methods(&["POST"]), then: Then::NoHeader("www-authenticate") };
static PING_BREAKS: Rule = Rule { when: PING.header("authorization", "Bearer *"), then: Then::Status(500) };
static SEEN_AS_A_PAGE: Rule = Rule {
    when: TRIED.methods(&["GET"]),
    then: Then::Answer {
        status: 200,
        headers: &[("content-type", "text/html")],
        body: "<!doctype html><title>Hello</title>",
    },
};
/// The write is done for anybody, whatever is answered.
static AS_ANYBODY: Rule = Rule { when: TRIED, then: Then::Sends(|headers| drop(headers.remove("authorization"))) };
static SAID_TO_BE_REFUSED: Rule = Rule { when: TRIED.methods(&["POST"]), then: Then::Status(401) };

const CREATE: &str = r#"{"http":{"accessControl":{"repositories":{"zot-verify/bad-credentials-*":{"anonymousPolicy":["read","create"]}}}}}"#;

const EVERY_PART: &[(&str, Verdict)] = &[
    ("push.bad-credentials-denied/password", Fail),
    ("push.bad-credentials-denied/unknown-key", Fail),
    ("push.bad-credentials-denied/other-name", Fail),
    ("push.bad-credentials-denied/garbage", Fail),
    ("push.bad-credentials-denied/two-headers", Fail),
    ("push.bad-credentials-denied/revoked", Fail),
    ("push.bad-credentials-denied/expired", Fail),
];
const EVERY_PART_UNSEEN: &[(&str, Verdict)] = &[
    ("push.bad-credentials-denied/password", Error),
    ("push.bad-credentials-denied/unknown-key", Error),
    ("push.bad-credentials-denied/other-name", Error),
    ("push.bad-credentials-denied/garbage", Error),
    ("push.bad-credentials-denied/two-headers", Error),
    ("push.bad-credentials-denied/revoked", Error),
    ("push.bad-credentials-denied/expired", Error),
];

pub(super) const ALL: &[Saboteur] = &[
    saboteur!("bad-credentials-seen-through-a-web-page", &[Fault::Proxy(&SEEN_AS_A_PAGE)], EVERY_PART_UNSEEN, &[]),
    saboteur!("any-credentials-will-do", &[Fault::Proxy(&PING_FOR_ANYBODY)], EVERY_PART, &[]),
    saboteur!("bad-credentials-may-write", &[Fault::Proxy(&WRITES_TAKEN)], EVERY_PART, &[]),
    saboteur!("bad-credentials-forbidden-not-challenged", &[Fault::Proxy(&WRITES_FORBIDDEN)], EVERY_PART, &[]),
    saboteur!("bad-credentials-without-challenge", &[Fault::Proxy(&NO_CHALLENGE)], EVERY_PART, &[]),
    saboteur!(
        "bad-credentials-refused-and-done",
        &[Fault::Config(CREATE), Fault::Proxy(&AS_ANYBODY), Fault::Proxy(&SAID_TO_BE_REFUSED)],
        EVERY_PART,
        &[]
    ),
    saboteur!(
        "bearer-breaks-the-server",
        &[Fault::Proxy(&PING_BREAKS)],
        &[("push.bad-credentials-denied/garbage", Fail)],
        &[]
    ),
];
