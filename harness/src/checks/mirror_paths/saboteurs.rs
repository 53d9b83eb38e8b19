//! What `mirror.client-paths` must notice.

use zot_verify_fixtures::fault::Fault;
use zot_verify_fixtures::proxy::{Rule, Then, When};

use crate::check::{Saboteur, saboteur};
use crate::run::outcome::Verdict::{Fail, Pass, Warn};

/// A second content under the upstream's own names: the cure for clients that take no path.
const LIBRARY_TOO: &str = r#"{"extensions":{"sync":{"registries":[{"onDemand":true,"tlsVerify":false,"content":[
    {"prefix":"**","destination":"/docker.io"},{"prefix":"library/**"}]}]}}}"#;

static EXPLICIT_GONE: Rule =
    Rule { when: When::path("/v2/docker.io/library/zot-verify-explicit/*"), then: Then::Status(404) };
static NS_NOT_KNOWN: Rule = Rule { when: When::path("/v2/docker.io/*").query("ns="), then: Then::Status(400) };
static CONTAINERD_GONE: Rule = Rule { when: When::path("/v2/library/*").query("ns="), then: Then::Status(404) };
static CONTAINERD_OTHER: Rule = Rule {
    when: When::path("/v2/library/*/manifests/*").query("ns="),
    then: Then::Body(|bytes| [bytes, b" "].concat()),
};
static DOCKER_GONE: Rule =
    Rule { when: When::path("/v2/library/zot-verify-docker-mirror/blobs/*"), then: Then::Status(404) };

pub(super) const ALL: &[Saboteur] = &[
    saboteur!(
        "mirror-paths-explicit-gone",
        &[Fault::Proxy(&EXPLICIT_GONE)],
        &[("mirror.client-paths/explicit", Fail)],
        &[]
    ),
    saboteur!(
        "mirror-paths-stumble-over-ns",
        &[Fault::Proxy(&NS_NOT_KNOWN)],
        &[("mirror.client-paths/override-path", Fail)],
        &[],
    ),
    saboteur!(
        "mirror-paths-bare-ones-too",
        &[Fault::Config(LIBRARY_TOO)],
        &[("mirror.client-paths/containerd", Pass), ("mirror.client-paths/docker-mirror", Pass)],
        &[],
    ),
    saboteur!(
        "mirror-paths-containerd-gone",
        given & [Fault::Config(LIBRARY_TOO)],
        &[Fault::Proxy(&CONTAINERD_GONE)],
        &[("mirror.client-paths/containerd", Warn)],
        &[],
    ),
    saboteur!(
        "mirror-paths-containerd-with-other-bytes",
        given & [Fault::Config(LIBRARY_TOO)],
        &[Fault::Proxy(&CONTAINERD_OTHER)],
        &[("mirror.client-paths/containerd", Warn)],
        &[],
    ),
    saboteur!(
        "mirror-paths-docker-gone",
        given & [Fault::Config(LIBRARY_TOO)],
        &[Fault::Proxy(&DOCKER_GONE)],
        &[("mirror.client-paths/docker-mirror", Warn)],
        &[],
    ),
];
