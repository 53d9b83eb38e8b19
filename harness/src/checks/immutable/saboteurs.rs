//! What `tags.immutable` must notice.

use zot_verify_fixtures::fault::Fault;
use zot_verify_fixtures::proxy::{Rule, Then, When};

use crate::check::{Saboteur, saboteur};
use crate::run::outcome::Verdict::{self, Fail};

const MANIFESTS: When = When::path("/v2/zot-verify/tags/*/manifests/*");
const PUTS: When = MANIFESTS.methods(&["PUT"]);
const DELETES: When = MANIFESTS.methods(&["DELETE"]);
const TRIES: When = MANIFESTS.methods(&["PUT", "DELETE"]);

static PUTS_REFUSED_IN_WORDS: Rule = Rule { when: PUTS, then: Then::Status(403) };
static DELETES_REFUSED_IN_WORDS: Rule = Rule { when: DELETES, then: Then::Status(403) };
static BREAKS: Rule = Rule { when: TRIES, then: Then::Status(500) };
static PUTS_SAID_TO_BE_DONE: Rule = Rule { when: PUTS, then: Then::Answer { status: 201, headers: &[], body: "" } };
static DELETES_SAID_TO_BE_DONE: Rule =
    Rule { when: DELETES, then: Then::Answer { status: 202, headers: &[], body: "" } };
static DONE_LATER: Rule = Rule { when: TRIES, then: Then::Later(403) };
/// As zot before v2.1.15, which lets whoever may create overwrite `latest`.
static LATEST_MOVED: Rule = Rule {
    when: When::path("/v2/zot-verify/tags/latest/manifests/control").methods(&["PUT"]),
    then: Then::Answer { status: 403, headers: &[], body: "" },
};
/// As zot from v2.1.16 to v2.1.18, which asks for `create` alone where `?tag=` names a tag.
static PARAMETER_MOVES: Rule = Rule {
    when: When::path("/v2/zot-verify/tags/by-digest-tag/manifests/control").methods(&["PUT"]),
    then: Then::Answer { status: 403, headers: &[], body: "" },
};

/// Refuses each way once.
macro_rules! refused_once {
    ($name:ident, $part:literal, $method:literal) => {
        static $name: Rule = Rule {
            when: When::path(concat!("/v2/zot-verify/tags/", $part, "/manifests/*")).methods(&[$method]).times(1),
            then: Then::Answer { status: 403, headers: &[], body: "" },
        };
    };
}
refused_once!(TAG_REFUSED_ONCE, "tag", "PUT");
refused_once!(INDEX_REFUSED_ONCE, "index", "PUT");
refused_once!(BY_DIGEST_REFUSED_ONCE, "by-digest-tag", "PUT");
refused_once!(LATEST_REFUSED_ONCE, "latest", "PUT");
refused_once!(DELETE_TAG_REFUSED_ONCE, "delete-tag", "DELETE");
refused_once!(DELETE_DIGEST_REFUSED_ONCE, "delete-digest", "DELETE");

const UPDATE: &str = r#"{"http":{"accessControl":{"repositories":{"zot-verify/tags/**":{
    "policies":[{"groups":["artifact-workloads"],"actions":["read","create","update"]}],
    "anonymousPolicy":["read"],"defaultPolicy":["read"]}}}}}"#;
const DELETE: &str = r#"{"http":{"accessControl":{"repositories":{"zot-verify/tags/**":{
    "policies":[{"groups":["artifact-workloads"],"actions":["read","create","delete"]}],
    "anonymousPolicy":["read"],"defaultPolicy":["read"]}}}}}"#;
const EVERYTHING: &str = r#"{"http":{"accessControl":{"repositories":{"zot-verify/tags/**":{
    "policies":[{"groups":["artifact-workloads"],"actions":["read","create","update","delete"]}],
    "anonymousPolicy":["read"],"defaultPolicy":["read"]}}}}}"#;
const EVERYBODY: &str = r#"{"http":{"accessControl":{"repositories":{"zot-verify/tags/**":{
    "policies":[{"groups":["artifact-workloads"],"actions":["read","create"]}],
    "anonymousPolicy":["read"],"defaultPolicy":["read","create","update","delete"]}}}}}"#;
const UPDATE_LATEST: &str = r#"{"http":{"accessControl":{"repositories":{"zot-verify/tags/latest":{
    "policies":[{"groups":["artifact-workloads"],"actions":["read","create","update"]}],
    "anonymousPolicy":["read"],"defaultPolicy":["read"]}}}}}"#;
const UPDATE_BY_DIGEST: &str = r#"{"http":{"accessControl":{"repositories":{"zot-verify/tags/by-digest-tag":{
    "policies":[{"groups":["artifact-workloads"],"actions":["read","create","update"]}],
    "anonymousPolicy":["read"],"defaultPolicy":["read"]}}}}}"#;

const MOVES: &[(&str, Verdict)] = &[
    ("tags.immutable/tag", Fail),
    ("tags.immutable/latest", Fail),
    ("tags.immutable/by-digest-tag", Fail),
    ("tags.immutable/index", Fail),
];
const DELETIONS: &[(&str, Verdict)] = &[("tags.immutable/delete-tag", Fail), ("tags.immutable/delete-digest", Fail)];
const ALL_SIX: &[(&str, Verdict)] = &[
    ("tags.immutable/tag", Fail),
    ("tags.immutable/latest", Fail),
    ("tags.immutable/by-digest-tag", Fail),
    ("tags.immutable/index", Fail),
    ("tags.immutable/delete-tag", Fail),
    ("tags.immutable/delete-digest", Fail),
];

pub(super) const ALL: &[Saboteur] = &[
    saboteur!("ci-may-update", &[Fault::Config(UPDATE)], MOVES, &[]),
    saboteur!("ci-may-delete", &[Fault::Config(DELETE)], DELETIONS, &[]),
    saboteur!(
        "tags-changed-at-the-second-try",
        &[
            Fault::Config(EVERYTHING),
            Fault::Proxy(&TAG_REFUSED_ONCE),
            Fault::Proxy(&INDEX_REFUSED_ONCE),
            Fault::Proxy(&BY_DIGEST_REFUSED_ONCE),
            Fault::Proxy(&LATEST_REFUSED_ONCE),
            Fault::Proxy(&DELETE_TAG_REFUSED_ONCE),
            Fault::Proxy(&DELETE_DIGEST_REFUSED_ONCE),
        ],
        ALL_SIX,
        &[],
    ),
    saboteur!("everybody-may-change-tags", &[Fault::Config(EVERYBODY)], ALL_SIX, &[]),
    saboteur!(
        "tags-moved-and-said-to-be-refused",
        &[Fault::Config(UPDATE), Fault::Proxy(&PUTS_REFUSED_IN_WORDS)],
        MOVES,
        &[],
    ),
    saboteur!(
        "tags-deleted-and-said-to-be-refused",
        &[Fault::Config(DELETE), Fault::Proxy(&DELETES_REFUSED_IN_WORDS)],
        DELETIONS,
        &[],
    ),
    saboteur!("tags-changed-a-moment-later", &[Fault::Config(EVERYTHING), Fault::Proxy(&DONE_LATER)], ALL_SIX, &[]),
    saboteur!("refusal-breaks-the-server", &[Fault::Proxy(&BREAKS)], ALL_SIX, &[]),
    saboteur!(
        "overwrite-said-to-be-done",
        &[Fault::Proxy(&PUTS_SAID_TO_BE_DONE)],
        &[("tags.immutable/tag", Fail), ("tags.immutable/latest", Fail), ("tags.immutable/index", Fail)],
        &[],
    ),
    saboteur!("delete-said-to-be-done", &[Fault::Proxy(&DELETES_SAID_TO_BE_DONE)], DELETIONS, &[]),
    // The trap is one that the release is known not to have.
    saboteur!(
        "latest-is-exempt",
        &[Fault::Config(UPDATE_LATEST), Fault::Proxy(&LATEST_MOVED)],
        &[("tags.immutable/latest", Fail), ("version.known-traps/explained", Verdict::Warn)],
        &[],
    ),
    saboteur!(
        "tag-parameter-is-not-asked-for",
        &[Fault::Config(UPDATE_BY_DIGEST), Fault::Proxy(&PARAMETER_MOVES)],
        &[("tags.immutable/by-digest-tag", Fail), ("version.known-traps/explained", Verdict::Warn)],
        &[],
    ),
];
