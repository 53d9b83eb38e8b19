//! What `apikey.limits` must notice. zot itself has the first two weaknesses, so they are compared with a world in which
//! a proxy heals them.

use zot_verify_fixtures::fault::Fault;
use zot_verify_fixtures::proxy::{Rule, Then, When};

use crate::check::{Saboteur, saboteur};
use crate::run::outcome::Verdict::Warn;

/// Requests with the key of zv-scoped, whose name begins so in base64.
const SCOPED: When =
    When::path("/v2/zot-verify/key-outside/blobs/uploads/").header("authorization", "Basic enYtc2NvcGVk*");
const BY_A_KEY: When = When::path("/zot/auth/apikey").methods(&["POST"]).header("authorization", "*");
const MOVED: When = When::path("/v2/zot-verify/key-mover/blobs/uploads/");

static KEPT_OUT: Rule = Rule { when: SCOPED, then: Then::Answer { status: 403, headers: &[], body: "" } };
static LET_IN: Rule = Rule { when: SCOPED, then: Then::Status(202) };
static CHILDLESS: Rule = Rule { when: BY_A_KEY, then: Then::Answer { status: 403, headers: &[], body: "" } };
static BEARS: Rule = Rule { when: BY_A_KEY, then: Then::Status(201) };
static A_CHILD: Rule = Rule {
    when: BY_A_KEY,
    then: Then::Body(|_| br#"{"apiKey":"zak_11111111111111111111111111111111","uuid":"x"}"#.to_vec()),
};
static STILL_IN: Rule = Rule { when: MOVED, then: Then::Status(202) };

pub(super) const ALL: &[Saboteur] = &[
    saboteur!(
        "key-scopes-ignored",
        given & [Fault::Proxy(&KEPT_OUT)],
        &[Fault::Proxy(&LET_IN)],
        &[("apikey.limits/scopes", Warn)],
        &[],
    ),
    saboteur!(
        "key-begets-key",
        given & [Fault::Proxy(&CHILDLESS)],
        &[Fault::Proxy(&BEARS), Fault::Proxy(&A_CHILD)],
        &[("apikey.limits/outlives", Warn)],
        &[],
    ),
    saboteur!("key-keeps-lost-group", &[Fault::Proxy(&STILL_IN)], &[("apikey.limits/lost-group", Warn)], &[]),
];
