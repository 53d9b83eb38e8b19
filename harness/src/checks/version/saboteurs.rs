//! What `version.known-traps` must notice.

use zot_verify_fixtures::fault::Fault;
use zot_verify_fixtures::proxy::{Rule, Then, When};

use crate::check::{Saboteur, saboteur};
use crate::run::outcome::Verdict::Warn;

const MGMT: When = When::path("/v2/_zot/ext/mgmt");

static HIDDEN: Rule = Rule { when: MGMT, then: Then::Status(404) };
static NAMELESS: Rule = Rule { when: MGMT, then: Then::Body(|bytes| with_release(bytes, "")) };
static OLDER: Rule = Rule { when: MGMT, then: Then::Body(|bytes| with_release(bytes, "v2.1.10")) };
static DOCKER_CHALLENGED: Rule = Rule {
    when: When::path("/v2/").agents(&["docker/"]),
    then: Then::Answer {
        status: 401,
        headers: &[("www-authenticate", r#"Basic realm="Authorization Required""#)],
        body: "",
    },
};

/// The answer with another release in it.
fn with_release(bytes: &[u8], release: &str) -> Vec<u8> {
    let Ok(mut answer) = serde_json::from_slice::<serde_json::Value>(bytes) else { return bytes.to_vec() };
    answer["releaseTag"] = release.into();
    answer.to_string().into_bytes()
}

pub(super) const ALL: &[Saboteur] = &[
    saboteur!(
        "mgmt-hidden",
        &[Fault::Proxy(&HIDDEN)],
        &[("version.known-traps/named", Warn)],
        &["version.known-traps/explained"],
    ),
    saboteur!(
        "release-without-name",
        &[Fault::Proxy(&NAMELESS)],
        &[("version.known-traps/named", Warn)],
        &["version.known-traps/explained"],
    ),
    saboteur!(
        "release-older-than-its-behaviour",
        &[Fault::Proxy(&OLDER), Fault::Proxy(&DOCKER_CHALLENGED)],
        &[
            ("version.known-traps/explained", Warn),
            ("pull.personas/docker", Warn),
            ("pull.personas/compose", Warn),
            ("pull.personas/cri-dockerd", Warn),
        ],
        &[],
    ),
];
