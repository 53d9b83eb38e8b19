//! What `inventory.pinned` must notice.

use zot_verify_fixtures::fault::Fault;
use zot_verify_fixtures::proxy::{Rule, Then, When};

use crate::check::{Saboteur, saboteur};
use crate::checks::expect;
use crate::run::outcome::Verdict::{self, Fail, Warn};

/// One pin of a tag; another stays as it is.
const TAG: When = When::path("/v2/zot-verify/inventory/host/manifests/v1.0.0-abc1234");
/// The pin of a digest.
const DIGEST: When = When::path("/v2/zot-verify/inventory/app/manifests/sha256:*").methods(&["HEAD"]);
/// The tag that stands beside a digest.
const BESIDE: When = When::path("/v2/zot-verify/inventory/app/manifests/v1.1.0-def5678").methods(&["HEAD"]);
const OTHER_DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

static TAG_GONE: Rule = Rule { when: TAG, then: Then::Status(404) };
static TAG_REFUSED: Rule = Rule { when: TAG, then: Then::Status(401) };
static TAG_BREAKS: Rule = Rule { when: TAG, then: Then::Status(500) };
static TAG_IS_A_PAGE: Rule = Rule { when: TAG, then: Then::Header("content-type", "text/html; charset=utf-8") };
static TAG_WITHOUT_DIGEST: Rule = Rule { when: TAG, then: Then::NoHeader(expect::DIGEST_HEADER) };
static DIGEST_GONE: Rule = Rule { when: DIGEST, then: Then::Status(404) };
static DIGEST_IS_ANOTHER: Rule = Rule { when: DIGEST, then: Then::Header(expect::DIGEST_HEADER, OTHER_DIGEST) };
static TAG_MOVED: Rule = Rule { when: BESIDE, then: Then::Header(expect::DIGEST_HEADER, OTHER_DIGEST) };
static INDEX_OTHER_BYTES: Rule = Rule {
    when: When::path("/v2/zot-verify/inventory/app/manifests/sha256:*").methods(&["GET"]),
    then: Then::Body(|bytes| [bytes, b" "].concat()),
};
static CONFIG_GONE: Rule =
    Rule { when: When::path("/v2/zot-verify/inventory/host/blobs/sha256:*"), then: Then::Status(404) };

/// A manifest for the nodes with `arm64`.
const ARM64: &str = "argocd/other/job.yaml";

const RESOLVES: &[(&str, Verdict)] = &[("inventory.pinned/resolves", Fail)];
const PLATFORMS: &[(&str, Verdict)] = &[("inventory.pinned/platforms", Fail)];
const PLACEHOLDERS: &[(&str, Verdict)] = &[("inventory.pinned/placeholders", Fail)];
const WRITTEN_OUT: &[(&str, Verdict)] = &[("inventory.pinned/written-out", Warn)];

/// A saboteur that changes the manifests.
macro_rules! written {
    ($name:literal, $path:expr, $text:expr, $turns:expr) => {
        saboteur!($name, &[Fault::Manifest { path: $path, text: $text }], $turns, &[])
    };
}

pub(super) const ALL: &[Saboteur] = &[
    saboteur!("pinned-tag-gone", &[Fault::Proxy(&TAG_GONE)], RESOLVES, &[]),
    saboteur!("pinned-tag-refused", &[Fault::Proxy(&TAG_REFUSED)], RESOLVES, &[]),
    saboteur!("pinned-tag-breaks-the-server", &[Fault::Proxy(&TAG_BREAKS)], RESOLVES, &[]),
    saboteur!("pinned-tag-is-a-web-page", &[Fault::Proxy(&TAG_IS_A_PAGE)], RESOLVES, &[]),
    saboteur!("pinned-tag-without-digest", &[Fault::Proxy(&TAG_WITHOUT_DIGEST)], RESOLVES, &[]),
    saboteur!("pinned-digest-gone", &[Fault::Proxy(&DIGEST_GONE)], RESOLVES, &[]),
    saboteur!("pinned-digest-is-another", &[Fault::Proxy(&DIGEST_IS_ANOTHER)], RESOLVES, &[]),
    saboteur!("pinned-tag-moved-off-its-digest", &[Fault::Proxy(&TAG_MOVED)], RESOLVES, &[]),
    written!(
        "pin-that-nobody-pushed",
        "argocd/app/kustomization.yaml",
        "resources: [deployment.yaml]\nimages:\n  - name: registry.test/zot-verify/inventory/app\n    newTag: v1.0.0-abc1235\n",
        RESOLVES
    ),
    written!(
        "pin-of-another-repository",
        "nixos/more.nix",
        "{ image = \"registry.test/zot-verify/inventory/nobody:v1\"; }",
        RESOLVES
    ),
    written!(
        "pin-for-other-nodes",
        ARM64,
        "containers:\n  - image: registry.test/zot-verify/inventory/host:v1.0.0-abc1234\n",
        PLATFORMS
    ),
    saboteur!("pinned-index-with-other-bytes", &[Fault::Proxy(&INDEX_OTHER_BYTES)], PLATFORMS, &[]),
    saboteur!("pinned-config-gone", &[Fault::Proxy(&CONFIG_GONE)], PLATFORMS, &[]),
    written!(
        "placeholder-merged",
        "argocd/app/kustomization.yaml",
        "resources: [deployment.yaml]\nimages:\n  - name: registry.test/zot-verify/inventory/app\n    newTag: v3.6.5-placeholder\n",
        PLACEHOLDERS
    ),
    written!(
        "placeholder-pushed",
        ARM64,
        "containers:\n  - image: registry.test/zot-verify/inventory/app:v2.0.0-placeholder\n",
        PLACEHOLDERS
    ),
    written!(
        "sentinel-that-nobody-overrides",
        ARM64,
        "containers:\n  - image: registry.test/zot-verify/inventory/app:kustomized\n",
        PLACEHOLDERS
    ),
    written!(
        "digest-of-zeros",
        "nixos/more.nix",
        "{ imageName = \"registry.test/zot-verify/inventory/app\"; imageDigest = \
         \"sha256:0000000000000000000000000000000000000000000000000000000000000000\"; }",
        PLACEHOLDERS
    ),
    written!(
        "tag-from-a-variable",
        "nixos/more.nix",
        "{ image = \"registry.test/zot-verify/inventory/app:${version}\"; }",
        WRITTEN_OUT
    ),
    written!(
        "tag-that-the-chart-chooses",
        "argocd/other/values.yaml",
        "image:\n  repository: registry.test/zot-verify/inventory/app\n  tag: \"\"\n",
        WRITTEN_OUT
    ),
];
