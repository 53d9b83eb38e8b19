//! What `push.anonymous-denied` must notice.

use zot_verify_fixtures::fault::Fault;
use zot_verify_fixtures::proxy::{Rule, Then, When};

use crate::check::{Saboteur, saboteur};
use crate::run::outcome::Verdict::{self, Error, Fail};

const WRITES: When = When::path("/v2/zot-verify/doors/*").methods(&["POST", "PUT", "PATCH", "DELETE"]);

static REFUSES_BUT_ACTS: Rule = Rule { when: WRITES, then: Then::Status(401) };
static CHALLENGES: Rule =
    Rule { when: WRITES, then: Then::Header("www-authenticate", r#"Basic realm="Authorization Required""#) };
static FORBIDS: Rule = Rule { when: WRITES, then: Then::Status(403) };
static BREAKS: Rule = Rule { when: WRITES, then: Then::Status(500) };
static SAYS_OK: Rule = Rule { when: WRITES, then: Then::Status(200) };
static REDIRECTS: Rule = Rule {
    when: WRITES,
    then: Then::Answer { status: 302, headers: &[("location", "/zot/auth/login?provider=oidc")], body: "" },
};
static NO_CHALLENGE: Rule = Rule { when: WRITES, then: Then::NoHeader("www-authenticate") };
static EMPTY_REALM: Rule = Rule { when: WRITES, then: Then::Header("www-authenticate", "basic realm=") };
static ODD_SCHEME: Rule = Rule { when: WRITES, then: Then::Header("www-authenticate", r#"Negotiate realm="x""#) };

/// Whoever looks sees the same page before and after.
static SEEN_AS_A_PAGE: Rule = Rule {
    when: When::path("/v2/zot-verify/doors/*").methods(&["GET"]),
    then: Then::Answer {
        status: 200,
        headers: &[("content-type", "text/html")],
        body: "<!doctype html><title>Hello</title>",
    },
};

/// What stands under a tag that is to be removed was never there.
static SEED_GONE: Rule = Rule {
    when: When::path("/v2/zot-verify/doors/delete-manifest/manifests/v1").methods(&["GET"]),
    then: Then::Status(404),
};

const OPEN: &str = r#"{"http":{"accessControl":{"repositories":{"zot-verify/doors/**":{"anonymousPolicy":["read","create","update","delete"]}}}}}"#;
const CREATE: &str =
    r#"{"http":{"accessControl":{"repositories":{"zot-verify/doors/**":{"anonymousPolicy":["read","create"]}}}}}"#;
const UPDATE: &str =
    r#"{"http":{"accessControl":{"repositories":{"zot-verify/doors/**":{"anonymousPolicy":["read","update"]}}}}}"#;
const DELETE: &str =
    r#"{"http":{"accessControl":{"repositories":{"zot-verify/doors/**":{"anonymousPolicy":["read","delete"]}}}}}"#;

const EVERY_DOOR: &[(&str, Verdict)] = &[
    ("push.anonymous-denied/upload-begin", Fail),
    ("push.anonymous-denied/upload-whole", Fail),
    ("push.anonymous-denied/mount", Fail),
    ("push.anonymous-denied/upload-chunk", Fail),
    ("push.anonymous-denied/upload-finish", Fail),
    ("push.anonymous-denied/upload-cancel", Fail),
    ("push.anonymous-denied/new-tag", Fail),
    ("push.anonymous-denied/move-tag", Fail),
    ("push.anonymous-denied/by-digest", Fail),
    ("push.anonymous-denied/by-digest-new-tag", Fail),
    ("push.anonymous-denied/by-digest-move-tag", Fail),
    ("push.anonymous-denied/delete-tag", Fail),
    ("push.anonymous-denied/delete-manifest", Fail),
    ("push.anonymous-denied/delete-blob", Fail),
];
const EVERY_DOOR_UNSEEN: &[(&str, Verdict)] = &[
    ("push.anonymous-denied/upload-begin", Error),
    ("push.anonymous-denied/upload-whole", Error),
    ("push.anonymous-denied/mount", Error),
    ("push.anonymous-denied/upload-chunk", Error),
    ("push.anonymous-denied/upload-finish", Error),
    ("push.anonymous-denied/upload-cancel", Error),
    ("push.anonymous-denied/new-tag", Error),
    ("push.anonymous-denied/move-tag", Error),
    ("push.anonymous-denied/by-digest", Error),
    ("push.anonymous-denied/by-digest-new-tag", Error),
    ("push.anonymous-denied/by-digest-move-tag", Error),
    ("push.anonymous-denied/delete-tag", Error),
    ("push.anonymous-denied/delete-manifest", Error),
    ("push.anonymous-denied/delete-blob", Error),
];
const CREATE_DOORS: &[(&str, Verdict)] = &[
    ("push.anonymous-denied/upload-begin", Fail),
    ("push.anonymous-denied/upload-whole", Fail),
    ("push.anonymous-denied/mount", Fail),
    ("push.anonymous-denied/upload-chunk", Fail),
    ("push.anonymous-denied/upload-finish", Fail),
    ("push.anonymous-denied/new-tag", Fail),
    ("push.anonymous-denied/by-digest", Fail),
    ("push.anonymous-denied/by-digest-new-tag", Fail),
];
const UPDATE_DOORS: &[(&str, Verdict)] =
    &[("push.anonymous-denied/move-tag", Fail), ("push.anonymous-denied/by-digest-move-tag", Fail)];
const DELETE_DOORS: &[(&str, Verdict)] = &[
    ("push.anonymous-denied/upload-cancel", Fail),
    ("push.anonymous-denied/delete-tag", Fail),
    ("push.anonymous-denied/delete-manifest", Fail),
    ("push.anonymous-denied/delete-blob", Fail),
];

pub(super) const ALL: &[Saboteur] = &[
    saboteur!(
        "door-to-what-was-never-there",
        &[Fault::Proxy(&SEED_GONE)],
        &[("push.anonymous-denied/delete-manifest", Error)],
        &[],
    ),
    saboteur!("doors-seen-through-a-web-page", &[Fault::Proxy(&SEEN_AS_A_PAGE)], EVERY_DOOR_UNSEEN, &[]),
    saboteur!("anybody-may-create", &[Fault::Config(CREATE)], CREATE_DOORS, &[]),
    saboteur!("anybody-may-update", &[Fault::Config(UPDATE)], UPDATE_DOORS, &[]),
    saboteur!("anybody-may-delete", &[Fault::Config(DELETE)], DELETE_DOORS, &[]),
    saboteur!("anybody-may-do-everything", &[Fault::Config(OPEN)], EVERY_DOOR, &[]),
    saboteur!(
        "refused-and-done-all-the-same",
        &[Fault::Config(OPEN), Fault::Proxy(&REFUSES_BUT_ACTS), Fault::Proxy(&CHALLENGES)],
        EVERY_DOOR,
        &[],
    ),
    saboteur!("writes-forbidden-not-challenged", &[Fault::Proxy(&FORBIDS)], EVERY_DOOR, &[]),
    saboteur!("writes-break-the-server", &[Fault::Proxy(&BREAKS)], EVERY_DOOR, &[]),
    saboteur!("writes-said-to-be-done", &[Fault::Proxy(&SAYS_OK)], EVERY_DOOR, &[]),
    saboteur!("writes-sent-to-a-login-page", &[Fault::Proxy(&REDIRECTS)], EVERY_DOOR, &[]),
    saboteur!("writes-refused-without-challenge", &[Fault::Proxy(&NO_CHALLENGE)], EVERY_DOOR, &[]),
    saboteur!("writes-challenged-without-realm", &[Fault::Proxy(&EMPTY_REALM)], EVERY_DOOR, &[]),
    saboteur!("writes-challenged-for-another-scheme", &[Fault::Proxy(&ODD_SCHEME)], EVERY_DOOR, &[]),
];
