//! What `pull.anonymous` must notice.

use zot_verify_fixtures::fault::Fault;
use zot_verify_fixtures::proxy::{Rule, Then, When};

use crate::check::{Saboteur, saboteur};
use crate::checks::expect;
use crate::run::outcome::Verdict::Fail;

static CATALOG_REFUSED: Rule =
    Rule { when: When::path("/v2/_catalog").without(&["authorization"]), then: Then::Status(401) };
static CATALOG_EMPTY: Rule =
    Rule { when: When::path("/v2/_catalog"), then: Then::Body(|_| br#"{"repositories":[]}"#.to_vec()) };
static CATALOG_HTML: Rule =
    Rule { when: When::path("/v2/_catalog"), then: Then::Body(|_| b"<!doctype html>".to_vec()) };
static TAG_REFUSED: Rule = Rule { when: OWN_TAG, then: Then::Status(401) };
static TAG_WRONG_HEADER: Rule =
    Rule { when: OWN_TAG.methods(&["GET"]), then: Then::Header(expect::DIGEST_HEADER, OTHER_DIGEST) };
static TAG_WRONG_TYPE: Rule = Rule {
    when: OWN_TAG,
    then: Then::Header("content-type", "application/vnd.docker.distribution.manifest.list.v2+json"),
};
static TAG_ENDLESS: Rule = Rule { when: OWN_TAG.methods(&["GET"]), then: Then::Endless };
static MANIFEST_OTHER_BYTES: Rule = Rule {
    when: OWN_DIGEST.methods(&["GET"]),
    then: Then::Body(|bytes| if names_manifests(bytes) { bytes.to_vec() } else { [bytes, b" "].concat() }),
};
static MANIFEST_BROKEN: Rule = Rule {
    when: OWN_DIGEST.methods(&["GET"]),
    then: Then::Body(|bytes| bytes[..if names_manifests(bytes) { bytes.len() } else { bytes.len() / 2 }].to_vec()),
};
static INDEX_OTHER_BYTES: Rule = Rule {
    when: OWN_DIGEST.methods(&["GET"]),
    then: Then::Body(|bytes| if names_manifests(bytes) { [bytes, b" "].concat() } else { bytes.to_vec() }),
};
static LAYERS_LEFT_OUT: Rule = Rule {
    when: When::path("/v2/zot-verify/pull/manifests/*").methods(&["GET"]).agents(OWN),
    then: Then::Body(without_layers),
};
static MANIFEST_GONE: Rule = Rule { when: OWN_DIGEST, then: Then::Status(404) };
static MANIFEST_NO_HEADER: Rule =
    Rule { when: OWN_DIGEST.methods(&["GET"]), then: Then::NoHeader(expect::DIGEST_HEADER) };
static CONFIG_FLIPPED: Rule = Rule { when: OWN_BLOB.methods(&["GET"]), then: Then::Body(flipped_if_config) };
static LAYER_FLIPPED: Rule = Rule { when: OWN_BLOB.methods(&["GET"]), then: Then::Body(flipped_if_layer) };
static BLOBS_LONGER: Rule =
    Rule { when: OWN_BLOB.methods(&["GET"]), then: Then::Body(|bytes| [bytes, b"more"].concat()) };
static BLOBS_CUT: Rule = Rule { when: OWN_BLOB.methods(&["GET"]), then: Then::CutShort };
static BLOBS_ENDLESS: Rule = Rule { when: OWN_BLOB.methods(&["GET"]), then: Then::Endless };
static BLOBS_REFUSED: Rule = Rule { when: OWN_BLOB.methods(&["GET"]), then: Then::Status(401) };
static HEAD_OTHER_LENGTH: Rule = Rule { when: OWN_BLOB.methods(&["HEAD"]), then: Then::Header("content-length", "7") };
static HEAD_OTHER_DIGEST: Rule =
    Rule { when: OWN_TAG.methods(&["HEAD"]), then: Then::Header(expect::DIGEST_HEADER, OTHER_DIGEST) };
static HEAD_REFUSED: Rule = Rule { when: OWN_DIGEST.methods(&["HEAD"]), then: Then::Status(404) };

/// The personas ask for the same things and are told apart by their User-Agent.
const OWN: &[&str] = &["zot-verify/"];
const OWN_TAG: When = When::path("/v2/zot-verify/pull/manifests/v1").agents(OWN);
const OWN_DIGEST: When = When::path("/v2/zot-verify/pull/manifests/sha256:*").agents(OWN);
const OWN_BLOB: When = When::path("/v2/zot-verify/pull/blobs/sha256:*").agents(OWN);
const OTHER_DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Whether an answer is an index, told by what is in it.
fn names_manifests(bytes: &[u8]) -> bool {
    String::from_utf8_lossy(bytes).contains("\"manifests\"")
}

/// A manifest that names no layers.
fn without_layers(bytes: &[u8]) -> Vec<u8> {
    let Ok(mut manifest) = serde_json::from_slice::<serde_json::Value>(bytes) else { return bytes.to_vec() };
    if manifest.get("layers").is_none() {
        return bytes.to_vec();
    }
    manifest["layers"] = serde_json::json!([]);
    manifest.to_string().into_bytes()
}

/// The answer's first byte, changed.
fn flipped(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some(first) = bytes.first_mut() {
        *first ^= 1;
    }
    bytes
}

fn flipped_if_config(bytes: &[u8]) -> Vec<u8> {
    if bytes.starts_with(b"{") { flipped(bytes) } else { bytes.to_vec() }
}

fn flipped_if_layer(bytes: &[u8]) -> Vec<u8> {
    if bytes.starts_with(b"{") { bytes.to_vec() } else { flipped(bytes) }
}

/// The parts that cannot go on when the tag is not there.
const AFTER_TAG: &[&str] = &[
    "pull.anonymous/manifest",
    "pull.anonymous/config",
    "pull.anonymous/layers",
    "pull.anonymous/head",
    "transport.proxy/unpacked",
    "transport.proxy/range",
];
/// The parts that cannot go on when the manifest is not there.
const AFTER_MANIFEST: &[&str] = &[
    "pull.anonymous/config",
    "pull.anonymous/layers",
    "pull.anonymous/head",
    "transport.proxy/unpacked",
    "transport.proxy/range",
];

pub(super) const ALL: &[Saboteur] = &[
    saboteur!("catalog-refused", &[Fault::Proxy(&CATALOG_REFUSED)], &[("pull.anonymous/catalog", Fail)], &[]),
    saboteur!(
        "catalog-without-repositories",
        &[Fault::Proxy(&CATALOG_EMPTY)],
        &[("pull.anonymous/catalog", Fail)],
        &[],
    ),
    saboteur!("catalog-is-a-web-page", &[Fault::Proxy(&CATALOG_HTML)], &[("pull.anonymous/catalog", Fail)], &[]),
    saboteur!("tag-refused", &[Fault::Proxy(&TAG_REFUSED)], &[("pull.anonymous/index", Fail)], AFTER_TAG),
    saboteur!(
        "tag-with-another-digest-header",
        &[Fault::Proxy(&TAG_WRONG_HEADER)],
        &[("pull.anonymous/index", Fail), ("pull.anonymous/head", Fail)],
        &[],
    ),
    saboteur!("tag-under-another-media-type", &[Fault::Proxy(&TAG_WRONG_TYPE)], &[("pull.anonymous/index", Fail)], &[],),
    saboteur!("tag-without-end", &[Fault::Proxy(&TAG_ENDLESS)], &[("pull.anonymous/index", Fail)], AFTER_TAG),
    saboteur!(
        "manifest-with-other-bytes",
        &[Fault::Proxy(&MANIFEST_OTHER_BYTES)],
        &[("pull.anonymous/manifest", Fail), ("pull.anonymous/head", Fail)],
        &[],
    ),
    saboteur!(
        "index-by-digest-with-other-bytes",
        &[Fault::Proxy(&INDEX_OTHER_BYTES)],
        &[("pull.anonymous/index", Fail)],
        &[]
    ),
    saboteur!(
        "layers-left-out",
        &[Fault::Proxy(&LAYERS_LEFT_OUT)],
        &[("pull.anonymous/manifest", Fail), ("pull.anonymous/head", Fail)],
        &["pull.anonymous/layers"]
    ),
    saboteur!(
        "manifest-broken",
        &[Fault::Proxy(&MANIFEST_BROKEN)],
        &[("pull.anonymous/manifest", Fail)],
        AFTER_MANIFEST,
    ),
    saboteur!(
        "manifest-gone",
        &[Fault::Proxy(&MANIFEST_GONE)],
        &[("pull.anonymous/index", Fail), ("pull.anonymous/manifest", Fail)],
        AFTER_MANIFEST,
    ),
    saboteur!(
        "manifest-without-digest-header",
        &[Fault::Proxy(&MANIFEST_NO_HEADER)],
        &[("pull.anonymous/index", Fail), ("pull.anonymous/manifest", Fail), ("pull.anonymous/head", Fail)],
        &[],
    ),
    saboteur!("config-with-other-bytes", &[Fault::Proxy(&CONFIG_FLIPPED)], &[("pull.anonymous/config", Fail)], &[]),
    saboteur!("layer-with-other-bytes", &[Fault::Proxy(&LAYER_FLIPPED)], &[("pull.anonymous/layers", Fail)], &[]),
    saboteur!(
        "blobs-longer-than-named",
        &[Fault::Proxy(&BLOBS_LONGER)],
        &[("pull.anonymous/config", Fail), ("pull.anonymous/layers", Fail)],
        &[],
    ),
    saboteur!(
        "blobs-cut-short",
        &[Fault::Proxy(&BLOBS_CUT)],
        &[("pull.anonymous/config", Fail), ("pull.anonymous/layers", Fail)],
        &[],
    ),
    saboteur!(
        "blobs-without-end",
        &[Fault::Proxy(&BLOBS_ENDLESS)],
        &[("pull.anonymous/config", Fail), ("pull.anonymous/layers", Fail)],
        &[],
    ),
    saboteur!(
        "blobs-refused",
        &[Fault::Proxy(&BLOBS_REFUSED)],
        &[("pull.anonymous/config", Fail), ("pull.anonymous/layers", Fail)],
        &[],
    ),
    saboteur!(
        "head-of-blob-with-another-length",
        &[Fault::Proxy(&HEAD_OTHER_LENGTH)],
        &[("pull.anonymous/head", Fail)],
        &[],
    ),
    saboteur!(
        "head-of-tag-with-another-digest",
        &[Fault::Proxy(&HEAD_OTHER_DIGEST)],
        &[("pull.anonymous/head", Fail)],
        &[],
    ),
    saboteur!("head-of-manifest-refused", &[Fault::Proxy(&HEAD_REFUSED)], &[("pull.anonymous/head", Fail)], &[]),
];
