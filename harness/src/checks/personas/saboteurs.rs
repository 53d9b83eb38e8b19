//! What `pull.personas` must notice.

use zot_verify_fixtures::fault::Fault;
use zot_verify_fixtures::proxy::{Rule, Then, When};

use crate::check::{Saboteur, saboteur};
use crate::run::outcome::Verdict::{Fail, Pass, Warn};

/// Programs that pull whole images and are not Docker.
const PROGRAMS: &[&str] = &["containerd/", "skopeo/", "containers/", "crane/", "buildkit/"];

/// A Docker daemon's User-Agents.
const DOCKER_AGENTS: &[&str] = &["docker/"];

/// A `/v2/` that treats Docker as it treats everybody: the world before zot v2.1.16, and one with a fronting cure.
static DOCKER_WELCOME: Rule = Rule {
    when: When::path("/v2/").agents(DOCKER_AGENTS),
    then: Then::Answer {
        status: 200,
        headers: &[("docker-distribution-api-version", "registry/2.0"), ("content-type", "application/json")],
        body: "",
    },
};
/// Docker may ask `/v2/` and gets nothing else.
static DOCKER_MANIFESTS_REFUSED: Rule =
    Rule { when: When::path("/v2/*/manifests/*").agents(DOCKER_AGENTS), then: Then::Status(401) };
static PING_REFUSED: Rule =
    Rule { when: When::path("/v2/").agents(&["curl/", "skopeo/", "containers/", "crane/"]), then: Then::Status(401) };
static HEAD_WITHOUT_DIGEST: Rule = Rule {
    when: When::path("/v2/*/manifests/*").methods(&["HEAD"]).agents(&["containerd/", "buildkit/"]),
    then: Then::NoHeader("docker-content-digest"),
};
static HEAD_OTHER_TYPE: Rule = Rule {
    when: When::path("/v2/*/manifests/*").methods(&["HEAD"]).agents(&["containerd/", "buildkit/"]),
    then: Then::Header("content-type", "text/plain"),
};
static NO_HEAD: Rule = Rule {
    when: When::path("/v2/*/manifests/*").methods(&["HEAD"]).agents(&["containerd/", "buildkit/"]),
    then: Then::Status(405),
};
static EMPTY_BASIC_REFUSED: Rule =
    Rule { when: When::path("/v2/*/manifests/*").header("authorization", "Basic Og=="), then: Then::Status(401) };
static DOCKER_OTHER_BYTES: Rule = Rule {
    when: When::path("/v2/*/manifests/sha256:*").methods(&["GET"]).agents(DOCKER_AGENTS),
    then: Then::Body(|bytes| [bytes, b" "].concat()),
};
static BY_DIGEST_OTHER_BYTES: Rule = Rule {
    when: When::path("/v2/*/manifests/sha256:*").methods(&["GET"]).agents(PROGRAMS),
    then: Then::Body(|bytes| [bytes, b" "].concat()),
};
static OTHER_TYPE: Rule = Rule {
    when: When::path("/v2/*/manifests/sha256:*").methods(&["GET"]).agents(PROGRAMS),
    then: Then::Header("content-type", "text/plain"),
};
static BLOBS_OTHER_BYTES: Rule = Rule {
    when: When::path("/v2/*/blobs/sha256:*").methods(&["GET"]).agents(PROGRAMS),
    then: Then::Body(|bytes| bytes.iter().map(|byte| byte ^ 1).collect()),
};
static TAG_OTHER_HEADER: Rule = Rule {
    when: When::path("/v2/*/manifests/v1").methods(&["GET"]).agents(&["curl/", "skopeo/", "containers/", "crane/"]),
    then: Then::Header("docker-content-digest", "sha256:0"),
};
static CRANE_CUT: Rule =
    Rule { when: When::path("/v2/*/blobs/*").methods(&["GET"]).agents(&["crane/"]), then: Then::CutShort };
static CURL_MANIFEST_GONE: Rule =
    Rule { when: When::path("/v2/*/manifests/*").agents(&["curl/"]), then: Then::Status(404) };

pub(super) const ALL: &[Saboteur] = &[
    saboteur!(
        "manifests-by-digest-with-other-bytes-to-docker",
        given & [Fault::Proxy(&DOCKER_WELCOME)],
        &[Fault::Proxy(&DOCKER_OTHER_BYTES)],
        &[("pull.personas/docker", Warn), ("pull.personas/compose", Warn), ("pull.personas/cri-dockerd", Warn)],
        &[]
    ),
    saboteur!(
        "manifests-by-digest-with-other-bytes-to-programs",
        &[Fault::Proxy(&BY_DIGEST_OTHER_BYTES)],
        &[
            ("pull.personas/containerd", Fail),
            ("pull.personas/skopeo", Fail),
            ("pull.personas/podman", Fail),
            ("pull.personas/crane", Fail),
            ("pull.personas/buildkit", Fail),
        ],
        &[]
    ),
    saboteur!(
        "manifests-under-another-media-type-to-programs",
        &[Fault::Proxy(&OTHER_TYPE)],
        &[
            ("pull.personas/containerd", Fail),
            ("pull.personas/skopeo", Fail),
            ("pull.personas/podman", Fail),
            ("pull.personas/crane", Fail),
            ("pull.personas/buildkit", Fail),
        ],
        &[]
    ),
    saboteur!(
        "blobs-with-other-bytes-to-programs",
        &[Fault::Proxy(&BLOBS_OTHER_BYTES)],
        &[
            ("pull.personas/containerd", Fail),
            ("pull.personas/skopeo", Fail),
            ("pull.personas/podman", Fail),
            ("pull.personas/crane", Fail),
            ("pull.personas/buildkit", Fail),
        ],
        &[]
    ),
    saboteur!(
        "tag-with-another-digest-header-to-programs",
        &[Fault::Proxy(&TAG_OTHER_HEADER)],
        &[
            ("pull.personas/curl", Fail),
            ("pull.personas/skopeo", Fail),
            ("pull.personas/podman", Fail),
            ("pull.personas/crane", Fail),
        ],
        &[]
    ),
    saboteur!(
        "docker-welcome",
        &[Fault::Proxy(&DOCKER_WELCOME)],
        &[("pull.personas/docker", Pass), ("pull.personas/compose", Pass), ("pull.personas/cri-dockerd", Pass)],
        &[],
    ),
    saboteur!(
        "docker-manifests-refused",
        given & [Fault::Proxy(&DOCKER_WELCOME)],
        &[Fault::Proxy(&DOCKER_MANIFESTS_REFUSED)],
        &[("pull.personas/docker", Warn), ("pull.personas/compose", Warn), ("pull.personas/cri-dockerd", Warn)],
        &[],
    ),
    saboteur!(
        "ping-refused-to-those-who-ask",
        &[Fault::Proxy(&PING_REFUSED)],
        &[
            ("pull.personas/curl", Fail),
            ("pull.personas/skopeo", Fail),
            ("pull.personas/podman", Fail),
            ("pull.personas/crane", Fail),
        ],
        &[],
    ),
    saboteur!(
        "head-without-digest",
        &[Fault::Proxy(&HEAD_WITHOUT_DIGEST)],
        &[("pull.personas/containerd", Fail), ("pull.personas/buildkit", Fail)],
        &[],
    ),
    saboteur!(
        "head-with-another-media-type",
        &[Fault::Proxy(&HEAD_OTHER_TYPE)],
        &[("pull.personas/containerd", Fail), ("pull.personas/buildkit", Fail)],
        &[],
    ),
    saboteur!(
        "head-refused",
        &[Fault::Proxy(&NO_HEAD)],
        &[("pull.personas/containerd", Fail), ("pull.personas/buildkit", Fail)],
        &[],
    ),
    saboteur!(
        "empty-basic-refused",
        &[Fault::Proxy(&EMPTY_BASIC_REFUSED)],
        &[("pull.personas/skopeo", Fail), ("pull.personas/podman", Fail)],
        &[],
    ),
    saboteur!("crane-blob-cut-short", &[Fault::Proxy(&CRANE_CUT)], &[("pull.personas/crane", Fail)], &[]),
    saboteur!("curl-manifest-gone", &[Fault::Proxy(&CURL_MANIFEST_GONE)], &[("pull.personas/curl", Fail)], &[]),
];
