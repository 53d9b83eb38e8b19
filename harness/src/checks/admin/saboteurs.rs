//! What `admin.break-glass` must notice.

use zot_verify_fixtures::fault::Fault;
use zot_verify_fixtures::proxy::{Rule, Then, When};

use crate::check::{Saboteur, saboteur};
use crate::run::outcome::Verdict::{self, Error, Fail};

const MANIFESTS: When = When::path("/v2/zot-verify/admin/*/manifests/*");
const PUTS: When = MANIFESTS.methods(&["PUT"]);
const DELETES: When = MANIFESTS.methods(&["DELETE"]);

static NEW_TAG_LOST: Rule = Rule {
    when: When::path("/v2/zot-verify/admin/create/manifests/*").methods(&["PUT"]),
    then: Then::Answer { status: 201, headers: &[], body: "" },
};
static NEW_TAG_WITH_OTHER_BYTES: Rule = Rule {
    when: When::path("/v2/zot-verify/admin/create/manifests/*").methods(&["GET"]),
    then: Then::Body(|bytes| [bytes, b" "].concat()),
};
/// It is said to be gone from the start, so that nobody sees it go.
static NEVER_THERE: Rule =
    Rule { when: When::path("/v2/zot-verify/admin/delete-*/manifests/v1").methods(&["GET"]), then: Then::Status(404) };
static PUTS_LOST: Rule = Rule { when: PUTS, then: Then::Answer { status: 201, headers: &[], body: "" } };
static DELETES_LOST: Rule = Rule { when: DELETES, then: Then::Answer { status: 202, headers: &[], body: "" } };
static REFUSES_IN_WORDS: Rule = Rule { when: MANIFESTS.methods(&["PUT", "DELETE"]), then: Then::Status(403) };
static BREAKS: Rule = Rule { when: MANIFESTS.methods(&["PUT", "DELETE"]), then: Then::Status(500) };

const NO_UPDATE: &str = r#"{"http":{"accessControl":{"repositories":{"zot-verify/admin/**":{
    "policies":[{"groups":["admins"],"actions":["read","create","delete"]}],
    "anonymousPolicy":["read"],"defaultPolicy":["read"]}}}}}"#;
const NO_CREATE: &str = r#"{"http":{"accessControl":{"repositories":{"zot-verify/admin/**":{
    "policies":[{"groups":["admins"],"actions":["read","update","delete"]}],
    "anonymousPolicy":["read"],"defaultPolicy":["read"]}}}}}"#;
const NO_DELETE: &str = r#"{"http":{"accessControl":{"repositories":{"zot-verify/admin/**":{
    "policies":[{"groups":["admins"],"actions":["read","create","update"]}],
    "anonymousPolicy":["read"],"defaultPolicy":["read"]}}}}}"#;
const OTHER_GROUP: &str = r#"{"http":{"accessControl":{"repositories":{"zot-verify/admin/**":{
    "policies":[{"groups":["Admins"],"actions":["read","create","update","delete"]}],
    "anonymousPolicy":["read"],"defaultPolicy":["read"]}}}}}"#;

const OVERWRITE: &[(&str, Verdict)] = &[("admin.break-glass/overwrite", Fail)];
const DELETE: &[(&str, Verdict)] =
    &[("admin.break-glass/delete-tag", Fail), ("admin.break-glass/delete-manifest", Fail)];
const CREATE: &[(&str, Verdict)] = &[("admin.break-glass/create", Fail)];
const PUTS_TURN: &[(&str, Verdict)] = &[("admin.break-glass/create", Fail), ("admin.break-glass/overwrite", Fail)];
const ALL_FOUR: &[(&str, Verdict)] = &[
    ("admin.break-glass/create", Fail),
    ("admin.break-glass/overwrite", Fail),
    ("admin.break-glass/delete-tag", Fail),
    ("admin.break-glass/delete-manifest", Fail),
];

pub(super) const ALL: &[Saboteur] = &[
    saboteur!("admin-may-not-create", &[Fault::Config(NO_CREATE)], CREATE, &[]),
    saboteur!("admins-new-tag-said-to-be-taken", &[Fault::Proxy(&NEW_TAG_LOST)], CREATE, &[]),
    saboteur!("admins-new-tag-with-other-bytes", &[Fault::Proxy(&NEW_TAG_WITH_OTHER_BYTES)], CREATE, &[]),
    saboteur!(
        "what-admins-delete-was-never-there",
        &[Fault::Proxy(&NEVER_THERE)],
        &[("admin.break-glass/delete-tag", Error), ("admin.break-glass/delete-manifest", Error)],
        &[],
    ),
    saboteur!("admin-may-not-update", &[Fault::Config(NO_UPDATE)], OVERWRITE, &[]),
    saboteur!("admin-may-not-delete", &[Fault::Config(NO_DELETE)], DELETE, &[]),
    saboteur!("admins-spelled-otherwise", &[Fault::Config(OTHER_GROUP)], ALL_FOUR, &[]),
    saboteur!("admins-overwrite-said-to-be-done", &[Fault::Proxy(&PUTS_LOST)], PUTS_TURN, &[]),
    saboteur!("admins-delete-said-to-be-done", &[Fault::Proxy(&DELETES_LOST)], DELETE, &[]),
    saboteur!("admin-obeyed-and-said-to-be-refused", &[Fault::Proxy(&REFUSES_IN_WORDS)], ALL_FOUR, &[]),
    saboteur!("admin-obeyed-and-said-to-break", &[Fault::Proxy(&BREAKS)], ALL_FOUR, &[]),
];
