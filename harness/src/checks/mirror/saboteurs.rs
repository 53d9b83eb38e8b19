//! What `mirror.pull-through` must notice.
//!
//! Upstream repositories are in trouble only in ways that zot does not try again: its waiting is for a host, and
//! would slow every other part.

use zot_verify_fixtures::fault::Fault;
use zot_verify_fixtures::proxy::{Rule, Then, When};
use zot_verify_fixtures::upstream::Trouble;

use crate::check::{Saboteur, saboteur};
use crate::run::outcome::Verdict::{self, Error, Fail};

/// A `registries` of `extensions.sync`; the lab fills in where they are.
macro_rules! registries {
    ($registries:literal) => {
        concat!(r#"{"extensions":{"sync":{"registries":"#, $registries, "}}}")
    };
}

const OFF: &str = r#"{"extensions":{"sync":{"enable":false}}}"#;
const NOT_ON_DEMAND: &str =
    registries!(r#"[{"onDemand":false,"tlsVerify":false,"content":[{"prefix":"**","destination":"/docker.io"}]}]"#);
const ELSEWHERE: &str =
    registries!(r#"[{"onDemand":true,"tlsVerify":false,"content":[{"prefix":"**","destination":"/hub.docker.com"}]}]"#);
const OWN_TOO: &str = registries!(
    r#"[{"onDemand":true,"tlsVerify":false,"content":[{"prefix":"**","destination":"/docker.io"},
        {"prefix":"zot-verify/mirror-own"}]}]"#
);

static PASSED_ON: Rule =
    Rule { when: When::path("/v2/docker.io/library/zot-verify-*"), then: Then::PassOn("/docker.io") };
static TAG_OTHER_BYTES: Rule = Rule {
    when: When::path("/v2/docker.io/library/zot-verify-served/manifests/v1"),
    then: Then::Body(|bytes| [bytes, b" "].concat()),
};
static TAG_OTHER_HEADER: Rule = Rule {
    when: When::path("/v2/docker.io/library/zot-verify-served/manifests/v1"),
    then: Then::Header("docker-content-digest", "sha256:0"),
};
static TAG_OTHER_TYPE: Rule = Rule {
    when: When::path("/v2/docker.io/library/zot-verify-served/manifests/v1"),
    then: Then::Header("content-type", "application/octet-stream"),
};
static BLOBS_OTHER_BYTES: Rule = Rule {
    when: When::path("/v2/docker.io/library/zot-verify-served/blobs/*"),
    then: Then::Body(|bytes| bytes.iter().map(|byte| byte ^ 1).collect()),
};
static BLOBS_CUT: Rule =
    Rule { when: When::path("/v2/docker.io/library/zot-verify-served/blobs/*"), then: Then::CutShort };
static BLOBS_GONE: Rule =
    Rule { when: When::path("/v2/docker.io/library/zot-verify-served/blobs/*"), then: Then::Status(404) };
static REFUSED: Rule = Rule { when: When::path("/v2/docker.io/library/zot-verify-served/*"), then: Then::Status(401) };
static DIGEST_GONE: Rule =
    Rule { when: When::path("/v2/docker.io/library/zot-verify-stored/manifests/sha256:*"), then: Then::Status(404) };
static DIGEST_OTHER_BYTES: Rule = Rule {
    when: When::path("/v2/docker.io/library/zot-verify-stored/manifests/sha256:*"),
    then: Then::Body(|bytes| [bytes, b" "].concat()),
};
static FROZEN: Rule =
    Rule { when: When::path("/v2/docker.io/library/zot-verify-fresh/manifests/v1"), then: Then::Frozen };
static MISSING_THERE: Rule = Rule {
    when: When::path("/v2/docker.io/library/missing-*/manifests/*"),
    then: Then::Answer {
        status: 200,
        headers: &[("content-type", "application/vnd.oci.image.manifest.v1+json")],
        body: "{}",
    },
};
static MISSING_BREAKS: Rule =
    Rule { when: When::path("/v2/docker.io/library/missing-*/manifests/*"), then: Then::Status(500) };
static MISSING_LISTED: Rule = Rule {
    when: When::path("/v2/docker.io/library/missing-*/tags/list"),
    then: Then::Answer {
        status: 200,
        headers: &[("content-type", "application/json")],
        body: r#"{"name":"docker.io/library/missing-zot-verify","tags":["v1"]}"#,
    },
};
static OWN_AS_A_PAGE: Rule = Rule {
    when: When::path("/v2/zot-verify/mirror-own/manifests/v1"),
    then: Then::Answer { status: 200, headers: &[], body: "<!doctype html>" },
};
static OWN_MADE_UP: Rule = Rule {
    when: When::path("/v2/zot-verify/mirror-own/manifests/no-such-tag"),
    then: Then::Answer { status: 200, headers: &[], body: "{}" },
};

/// What is broken where nothing is mirrored under the paths that clients take.
const NOT_MIRRORED: &[(&str, Verdict)] = &[
    ("mirror.pull-through/served", Fail),
    ("mirror.client-paths/explicit", Fail),
    ("mirror.client-paths/override-path", Fail),
];
/// The parts that cannot go on then.
const AFTER_SERVED: &[&str] =
    &["mirror.pull-through/fetched-once", "mirror.pull-through/stored", "mirror.pull-through/fresh"];

/// A saboteur that turns one part.
macro_rules! turns {
    ($name:literal, $fault:expr, $part:literal) => {
        saboteur!($name, &[$fault], &[(concat!("mirror.pull-through/", $part), Fail)], &[])
    };
}

pub(super) const ALL: &[Saboteur] = &[
    saboteur!("mirror-switched-off", &[Fault::Config(OFF)], NOT_MIRRORED, AFTER_SERVED),
    saboteur!("mirror-not-on-demand", &[Fault::Config(NOT_ON_DEMAND)], NOT_MIRRORED, AFTER_SERVED),
    saboteur!("mirror-under-another-path", &[Fault::Config(ELSEWHERE)], NOT_MIRRORED, AFTER_SERVED),
    turns!(
        "mirror-upstream-unauthorized",
        Fault::Upstream { repository: "library/zot-verify-served", trouble: Trouble::Unauthorized },
        "served"
    ),
    turns!(
        "mirror-upstream-corrupt",
        Fault::Upstream { repository: "library/zot-verify-served", trouble: Trouble::CorruptBlob },
        "served"
    ),
    turns!(
        "mirror-upstream-refuses-one-image",
        Fault::Upstream { repository: "library/zot-verify-fetched-once", trouble: Trouble::Unauthorized },
        "fetched-once"
    ),
    turns!("mirror-refused", Fault::Proxy(&REFUSED), "served"),
    turns!("mirror-tag-with-other-bytes", Fault::Proxy(&TAG_OTHER_BYTES), "served"),
    turns!("mirror-tag-with-another-digest-header", Fault::Proxy(&TAG_OTHER_HEADER), "served"),
    turns!("mirror-tag-under-another-media-type", Fault::Proxy(&TAG_OTHER_TYPE), "served"),
    turns!("mirror-blobs-with-other-bytes", Fault::Proxy(&BLOBS_OTHER_BYTES), "served"),
    turns!("mirror-blobs-cut-short", Fault::Proxy(&BLOBS_CUT), "served"),
    turns!("mirror-blobs-gone", Fault::Proxy(&BLOBS_GONE), "served"),
    saboteur!(
        "mirror-stores-nothing",
        &[Fault::Proxy(&PASSED_ON)],
        &[("mirror.pull-through/fetched-once", Fail), ("mirror.pull-through/stored", Fail)],
        &[],
    ),
    turns!("mirror-digest-gone", Fault::Proxy(&DIGEST_GONE), "stored"),
    turns!("mirror-digest-with-other-bytes", Fault::Proxy(&DIGEST_OTHER_BYTES), "stored"),
    turns!("mirror-tag-never-moves", Fault::Proxy(&FROZEN), "fresh"),
    turns!("mirror-makes-up-what-is-missing", Fault::Proxy(&MISSING_THERE), "missing"),
    turns!("mirror-breaks-at-what-is-missing", Fault::Proxy(&MISSING_BREAKS), "missing"),
    turns!("mirror-lists-what-is-missing", Fault::Proxy(&MISSING_LISTED), "missing"),
    turns!("mirror-takes-in-own-repositories", Fault::Config(OWN_TOO), "own"),
    saboteur!(
        "mirror-hides-own-behind-a-page",
        &[Fault::Proxy(&OWN_AS_A_PAGE)],
        &[("mirror.pull-through/own", Error)],
        &[],
    ),
    turns!("mirror-makes-up-own-tags", Fault::Proxy(&OWN_MADE_UP), "own"),
];
