//! What `push.apikey` must notice.

use zot_verify_fixtures::fault::Fault;
use zot_verify_fixtures::proxy::{Rule, Then, When};

use crate::check::{Saboteur, saboteur};
use crate::checks::expect;
use crate::run::outcome::Verdict::{self, Error, Fail};

const BEGIN: When = When::path("/v2/zot-verify/push/blobs/uploads/").methods(&["POST"]);
const FINISH: When = When::path("/v2/zot-verify/push/blobs/uploads/*").methods(&["PUT"]);
const BLOBS: When = When::path("/v2/zot-verify/push/blobs/sha256:*").methods(&["GET"]);
/// The path of [`super::NEW_TAG`].
const TAG: When = When::path(concat!("/v2/zot-verify/push/manifests/v", env!("CARGO_PKG_VERSION"), "-0a1b2c3"));
const DIGEST: When = When::path("/v2/zot-verify/push/manifests/sha256:*");
const LIST: When = When::path("/v2/zot-verify/push/tags/list");
const OTHER_DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

const READ_WITH_A_KEY: When = When::path("/v2/zot-verify/key-reads/manifests/*").header("authorization", "*");

static OTHER_TO_CI: Rule = Rule { when: READ_WITH_A_KEY, then: Then::Body(|bytes| [bytes, b" "].concat()) };
static PAGE_FOR_ALL: Rule = Rule {
    when: When::path("/v2/zot-verify/key-reads/manifests/*"),
    then: Then::Body(|_| b"<!doctype html>".to_vec()),
};
static BREAKS_FOR_CI: Rule = Rule { when: READ_WITH_A_KEY, then: Then::Status(500) };
static REFUSED_LATER: Rule = Rule { when: BEGIN.after(1), then: Then::Answer { status: 403, headers: &[], body: "" } };
static NOT_BEGUN: Rule = Rule { when: BEGIN, then: Then::Status(200) };
static LEADS_NOWHERE: Rule = Rule { when: BEGIN, then: Then::NoHeader("location") };
static LEADS_AWAY: Rule = Rule { when: BEGIN, then: Then::Header("location", "http://registry.example/v2/upload") };
static BLOB_BREAKS: Rule = Rule { when: FINISH, then: Then::Status(500) };
static BLOB_UNNAMED: Rule = Rule { when: FINISH, then: Then::NoHeader(expect::DIGEST_HEADER) };
static TAG_REFUSED: Rule =
    Rule { when: TAG.methods(&["PUT"]), then: Then::Answer { status: 403, headers: &[], body: "" } };
static TAG_BREAKS: Rule = Rule { when: TAG.methods(&["PUT"]), then: Then::Status(500) };
static TAG_LOST: Rule =
    Rule { when: TAG.methods(&["PUT"]), then: Then::Answer { status: 201, headers: &[], body: "" } };
static TAG_MISNAMED: Rule =
    Rule { when: TAG.methods(&["PUT"]), then: Then::Header(expect::DIGEST_HEADER, OTHER_DIGEST) };
static TAG_NOWHERE: Rule = Rule { when: TAG.methods(&["PUT"]), then: Then::NoHeader("location") };
static OTHER_MANIFEST: Rule = Rule { when: TAG.methods(&["GET"]), then: Then::Body(|bytes| [bytes, b" "].concat()) };
static OTHER_TYPE: Rule = Rule { when: TAG.methods(&["GET"]), then: Then::Header("content-type", "application/json") };
static OTHER_BLOBS: Rule = Rule { when: BLOBS, then: Then::Body(|bytes| [bytes, b" "].concat()) };
static BLOBS_GONE: Rule = Rule { when: BLOBS, then: Then::Answer { status: 404, headers: &[], body: "" } };
static DIGEST_GONE: Rule =
    Rule { when: DIGEST.methods(&["GET"]), then: Then::Answer { status: 404, headers: &[], body: "" } };
static DIGEST_REFUSED: Rule =
    Rule { when: DIGEST.methods(&["PUT"]), then: Then::Answer { status: 403, headers: &[], body: "" } };
static DIGEST_MISNAMED: Rule =
    Rule { when: DIGEST.methods(&["PUT"]), then: Then::Header(expect::DIGEST_HEADER, OTHER_DIGEST) };
static DIGEST_NOWHERE: Rule = Rule { when: DIGEST.methods(&["PUT"]), then: Then::NoHeader("location") };
static DIGEST_LOST: Rule =
    Rule { when: DIGEST.methods(&["PUT"]), then: Then::Answer { status: 201, headers: &[], body: "" } };
static UNLISTED: Rule = Rule { when: LIST, then: Then::Body(without_new_tag) };

const NO_CREATE: &str = r#"{"http":{"accessControl":{"repositories":{"zot-verify/push":{
    "policies":[{"groups":["artifact-workloads"],"actions":["read"]}],
    "anonymousPolicy":["read"],"defaultPolicy":["read"]}}}}}"#;

/// Anonymous callers may read what those who are known may not.
const NO_READ: &str = r#"{"http":{"accessControl":{"repositories":{"zot-verify/key-reads":{
    "policies":[{"groups":["artifact-workloads"],"actions":["create"]}],"anonymousPolicy":["read"]}}}}}"#;

/// The list as it was before the push.
fn without_new_tag(bytes: &[u8]) -> Vec<u8> {
    let Ok(mut list) = serde_json::from_slice::<serde_json::Value>(bytes) else { return bytes.to_vec() };
    if let Some(tags) = list["tags"].as_array_mut() {
        tags.retain(|tag| tag != super::NEW_TAG);
    }
    list.to_string().into_bytes()
}

/// What cannot be looked at where the blobs were not taken.
const AFTER_UPLOAD: &[&str] = &[
    "push.apikey/manifest",
    "push.apikey/digest-headers",
    "push.apikey/read-back",
    "push.apikey/by-digest",
    "push.apikey/listed",
    "tags.new-accepted/version",
];
const UPLOAD: &[(&str, Verdict)] = &[("push.apikey/upload", Fail)];
/// What cannot be looked at where the manifest was not taken.
const AFTER_MANIFEST: &[&str] =
    &["push.apikey/digest-headers", "push.apikey/read-back", "push.apikey/by-digest", "push.apikey/listed"];
const MANIFEST: &[(&str, Verdict)] = &[("push.apikey/manifest", Fail), ("tags.new-accepted/version", Fail)];

pub(super) const ALL: &[Saboteur] = &[
    saboteur!("ci-may-not-read", &[Fault::Config(NO_READ)], &[("push.apikey/reads", Fail)], &[]),
    saboteur!("ci-reads-other-bytes", &[Fault::Proxy(&OTHER_TO_CI)], &[("push.apikey/reads", Fail)], &[]),
    saboteur!("page-for-all-who-read", &[Fault::Proxy(&PAGE_FOR_ALL)], &[("push.apikey/reads", Error)], &[]),
    saboteur!("key-breaks-a-read", &[Fault::Proxy(&BREAKS_FOR_CI)], &[("push.apikey/reads", Fail)], &[]),
    saboteur!("upload-refused-the-second-time", &[Fault::Proxy(&REFUSED_LATER)], UPLOAD, AFTER_UPLOAD,),
    saboteur!("ci-may-not-create", &[Fault::Config(NO_CREATE)], UPLOAD, AFTER_UPLOAD),
    saboteur!("upload-not-begun", &[Fault::Proxy(&NOT_BEGUN)], UPLOAD, AFTER_UPLOAD),
    saboteur!("upload-leads-nowhere", &[Fault::Proxy(&LEADS_NOWHERE)], UPLOAD, AFTER_UPLOAD),
    saboteur!("upload-leads-away", &[Fault::Proxy(&LEADS_AWAY)], UPLOAD, AFTER_UPLOAD),
    saboteur!("upload-breaks", &[Fault::Proxy(&BLOB_BREAKS)], UPLOAD, AFTER_UPLOAD),
    saboteur!("new-tag-refused", &[Fault::Proxy(&TAG_REFUSED)], MANIFEST, AFTER_MANIFEST),
    saboteur!("new-tag-taken-and-said-to-break", &[Fault::Proxy(&TAG_BREAKS)], MANIFEST, AFTER_MANIFEST),
    saboteur!(
        "new-tag-said-to-be-taken",
        &[Fault::Proxy(&TAG_LOST)],
        &[
            ("push.apikey/digest-headers", Fail),
            ("push.apikey/read-back", Fail),
            ("push.apikey/by-digest", Fail),
            ("push.apikey/listed", Fail),
            ("tags.new-accepted/version", Fail),
        ],
        &[],
    ),
    saboteur!(
        "blob-taken-without-digest",
        &[Fault::Proxy(&BLOB_UNNAMED)],
        &[("push.apikey/digest-headers", Fail)],
        &[]
    ),
    saboteur!(
        "manifest-taken-under-another-digest",
        &[Fault::Proxy(&TAG_MISNAMED)],
        &[("push.apikey/digest-headers", Fail)],
        &[],
    ),
    saboteur!(
        "manifest-taken-without-place",
        &[Fault::Proxy(&TAG_NOWHERE)],
        &[("push.apikey/digest-headers", Fail)],
        &[],
    ),
    saboteur!(
        "pushed-manifest-read-with-other-bytes",
        &[Fault::Proxy(&OTHER_MANIFEST)],
        &[("push.apikey/read-back", Fail), ("tags.new-accepted/version", Fail)],
        &[],
    ),
    saboteur!(
        "pushed-manifest-read-under-another-media-type",
        &[Fault::Proxy(&OTHER_TYPE)],
        &[("push.apikey/read-back", Fail)],
        &[]
    ),
    saboteur!(
        "pushed-blobs-read-with-other-bytes",
        &[Fault::Proxy(&OTHER_BLOBS)],
        &[("push.apikey/read-back", Fail)],
        &[]
    ),
    saboteur!("pushed-blobs-gone", &[Fault::Proxy(&BLOBS_GONE)], &[("push.apikey/read-back", Fail)], &[]),
    saboteur!("pushed-digest-gone", &[Fault::Proxy(&DIGEST_GONE)], &[("push.apikey/by-digest", Fail)], &[]),
    saboteur!("push-by-digest-refused", &[Fault::Proxy(&DIGEST_REFUSED)], &[("push.apikey/by-digest", Fail)], &[]),
    saboteur!("push-by-digest-misnamed", &[Fault::Proxy(&DIGEST_MISNAMED)], &[("push.apikey/by-digest", Fail)], &[]),
    saboteur!(
        "push-by-digest-without-place",
        &[Fault::Proxy(&DIGEST_NOWHERE)],
        &[("push.apikey/by-digest", Fail)],
        &[]
    ),
    saboteur!("push-by-digest-lost", &[Fault::Proxy(&DIGEST_LOST)], &[("push.apikey/by-digest", Fail)], &[]),
    saboteur!("pushed-tag-not-listed", &[Fault::Proxy(&UNLISTED)], &[("push.apikey/listed", Fail)], &[]),
];
