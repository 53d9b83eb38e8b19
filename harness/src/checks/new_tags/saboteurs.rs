//! What `tags.new-accepted` must notice, besides what breaks the push itself.

use zot_verify_fixtures::fault::Fault;
use zot_verify_fixtures::proxy::{Rule, Then, When};

use crate::check::{Saboteur, saboteur};
use crate::run::outcome::Verdict::{Error, Fail};

/// The path of the new version tag, as in `push.apikey`.
const NEW: &str = concat!("/v2/zot-verify/push/manifests/v", env!("CARGO_PKG_VERSION"), "-0a1b2c3");
const COMMIT: When = When::path("/v2/zot-verify/commit/manifests/4b825dc642cb6eb9a060e54bf8d69288fbee4904");

static MOVES_LATEST: Rule = Rule {
    when: When::path(NEW).methods(&["PUT"]),
    then: Then::Reroute { from: concat!("v", env!("CARGO_PKG_VERSION"), "-0a1b2c3"), to: "latest" },
};
static COMMIT_MOVES_OLD: Rule = Rule {
    when: COMMIT.methods(&["PUT"]),
    then: Then::Reroute { from: "4b825dc642cb6eb9a060e54bf8d69288fbee4904", to: "v1" },
};
static COMMIT_BREAKS: Rule = Rule { when: COMMIT.methods(&["PUT"]), then: Then::Status(500) };
static COMMIT_LOST: Rule =
    Rule { when: COMMIT.methods(&["PUT"]), then: Then::Answer { status: 201, headers: &[], body: "" } };

const OLD: When = When::path("/v2/zot-verify/commit/manifests/v1");
static OLD_GONE: Rule = Rule { when: OLD, then: Then::Status(404) };
static OLD_AS_A_PAGE: Rule = Rule { when: OLD, then: Then::Body(|_| b"<!doctype html>".to_vec()) };
static OLD_WITH_OTHER_BYTES: Rule = Rule { when: OLD, then: Then::Body(|bytes| [bytes, b" "].concat()) };

const MAY_UPDATE: &str = r#"{"http":{"accessControl":{"repositories":{
    "zot-verify/push":{"policies":[{"groups":["artifact-workloads"],"actions":["read","create","update"]}],
        "anonymousPolicy":["read"],"defaultPolicy":["read"]},
    "zot-verify/commit":{"policies":[{"groups":["artifact-workloads"],"actions":["read","create","update"]}],
        "anonymousPolicy":["read"],"defaultPolicy":["read"]}}}}}"#;
const NO_CREATE: &str = r#"{"http":{"accessControl":{"repositories":{"zot-verify/commit":{
    "policies":[{"groups":["artifact-workloads"],"actions":["read"]}],
    "anonymousPolicy":["read"],"defaultPolicy":["read"]}}}}}"#;

pub(super) const ALL: &[Saboteur] = &[
    saboteur!(
        "new-tag-moves-latest",
        &[Fault::Config(MAY_UPDATE), Fault::Proxy(&MOVES_LATEST)],
        &[("tags.new-accepted/version", Fail), ("push.apikey/read-back", Fail), ("push.apikey/listed", Fail)],
        &[],
    ),
    saboteur!("older-tag-listed-and-gone", &[Fault::Proxy(&OLD_GONE)], &[("tags.new-accepted/commit", Error)], &[]),
    saboteur!("older-tag-is-a-web-page", &[Fault::Proxy(&OLD_AS_A_PAGE)], &[("tags.new-accepted/commit", Error)], &[]),
    saboteur!(
        "older-tag-with-other-bytes",
        &[Fault::Proxy(&OLD_WITH_OTHER_BYTES)],
        &[("tags.new-accepted/commit", Error)],
        &[],
    ),
    saboteur!("commit-tag-refused", &[Fault::Config(NO_CREATE)], &[("tags.new-accepted/commit", Fail)], &[]),
    saboteur!(
        "commit-tag-taken-and-said-to-break",
        &[Fault::Proxy(&COMMIT_BREAKS)],
        &[("tags.new-accepted/commit", Fail)],
        &[],
    ),
    saboteur!("commit-tag-said-to-be-taken", &[Fault::Proxy(&COMMIT_LOST)], &[("tags.new-accepted/commit", Fail)], &[],),
    saboteur!(
        "commit-tag-moves-another",
        &[Fault::Config(MAY_UPDATE), Fault::Proxy(&COMMIT_MOVES_OLD)],
        &[("tags.new-accepted/commit", Fail)],
        &[],
    ),
];
