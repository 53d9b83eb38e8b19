//! What `tags.kinds` must notice.

use zot_verify_fixtures::fault::Fault;
use zot_verify_fixtures::proxy::{Rule, Then, When};

use crate::check::{Saboteur, saboteur};
use crate::run::outcome::Verdict::{self, Fail};

/// Rights of CI where one of the two patterns decides.
macro_rules! ci_may {
    ($pattern:literal, $actions:literal) => {
        concat!(
            r#"{"http":{"accessControl":{"repositories":{""#,
            $pattern,
            r#"":{"policies":[{"groups":["artifact-workloads"],"actions":["#,
            $actions,
            r#"]}],"anonymousPolicy":["read"],"defaultPolicy":["read"]}}}}}"#
        )
    };
}

const UPDATE: &str = ci_may!("zot-verify/kinds", r#""read","create","update""#);
const DELETE: &str = ci_may!("zot-verify/kinds", r#""read","create","delete""#);
const DELETE_IMAGES: &str = ci_may!("blumeops/zot-verify-kinds", r#""read","create","delete""#);
const EVERYTHING: &str = ci_may!("zot-verify/kinds", r#""read","create","update","delete""#);

const TRIES: When = When::path("/v2/zot-verify/kinds/manifests/*").methods(&["PUT", "DELETE"]);
const PUTS: When = When::path("/v2/zot-verify/kinds/manifests/*").methods(&["PUT"]);

static REFUSED_IN_WORDS: Rule = Rule { when: TRIES, then: Then::Status(403) };
static DONE_LATER: Rule = Rule { when: TRIES, then: Then::Later(403) };
static BREAKS: Rule = Rule { when: TRIES, then: Then::Status(500) };
static SAID_TO_BE_DONE: Rule = Rule { when: PUTS, then: Then::Answer { status: 201, headers: &[], body: "" } };
/// A key is refused everything, so that only a session gets through.
static KEYS_REFUSED: Rule =
    Rule { when: TRIES.header("authorization", "*"), then: Then::Answer { status: 403, headers: &[], body: "" } };
static SESSIONS_REFUSED: Rule =
    Rule { when: TRIES.header("cookie", "*"), then: Then::Answer { status: 403, headers: &[], body: "" } };

/// Refuses what would move the tags of one kind.
macro_rules! refused {
    ($name:ident, $tag:literal) => {
        static $name: Rule = Rule {
            when: When::path(concat!("/v2/zot-verify/kinds/manifests/", $tag)).methods(&["PUT"]),
            then: Then::Answer { status: 403, headers: &[], body: "" },
        };
    };
}
refused!(IMAGE_REFUSED, "image");
refused!(INDEX_REFUSED, "index");
refused!(ARTIFACT_REFUSED, "artifact");
refused!(BESIDE_REFUSED, "sha256:*");
refused!(DERIVED_REFUSED, "sha256-*");
refused!(SIGNATURE_REFUSED, "sha256-*.sig");

const ALL_KINDS: &[(&str, Verdict)] = &[
    ("tags.kinds/image", Fail),
    ("tags.kinds/index", Fail),
    ("tags.kinds/artifact", Fail),
    ("tags.kinds/signature", Fail),
    ("tags.kinds/referrers", Fail),
];

pub(super) const ALL: &[Saboteur] = &[
    saboteur!("kinds-ci-may-update", &[Fault::Config(UPDATE)], ALL_KINDS, &[]),
    saboteur!("kinds-ci-may-delete", &[Fault::Config(DELETE)], ALL_KINDS, &[]),
    saboteur!("kinds-ci-may-delete-where-images-are", &[Fault::Config(DELETE_IMAGES)], ALL_KINDS, &[]),
    saboteur!("kinds-by-session", &[Fault::Config(UPDATE), Fault::Proxy(&KEYS_REFUSED)], ALL_KINDS, &[]),
    saboteur!("kinds-by-key", &[Fault::Config(UPDATE), Fault::Proxy(&SESSIONS_REFUSED)], ALL_KINDS, &[]),
    saboteur!("kinds-refused-in-words", &[Fault::Config(EVERYTHING), Fault::Proxy(&REFUSED_IN_WORDS)], ALL_KINDS, &[]),
    saboteur!("kinds-a-moment-later", &[Fault::Config(EVERYTHING), Fault::Proxy(&DONE_LATER)], ALL_KINDS, &[]),
    saboteur!("kinds-said-to-be-done", &[Fault::Proxy(&SAID_TO_BE_DONE)], ALL_KINDS, &[]),
    saboteur!("kinds-break-the-server", &[Fault::Proxy(&BREAKS)], ALL_KINDS, &[]),
    saboteur!(
        "kinds-by-parameter",
        &[
            Fault::Config(UPDATE),
            Fault::Proxy(&IMAGE_REFUSED),
            Fault::Proxy(&INDEX_REFUSED),
            Fault::Proxy(&ARTIFACT_REFUSED),
            Fault::Proxy(&DERIVED_REFUSED),
        ],
        ALL_KINDS,
        &[],
    ),
    saboteur!(
        "kinds-images",
        &[
            Fault::Config(UPDATE),
            Fault::Proxy(&INDEX_REFUSED),
            Fault::Proxy(&ARTIFACT_REFUSED),
            Fault::Proxy(&DERIVED_REFUSED),
            Fault::Proxy(&BESIDE_REFUSED),
        ],
        &[("tags.kinds/image", Fail)],
        &[],
    ),
    saboteur!(
        "kinds-indexes",
        &[
            Fault::Config(UPDATE),
            Fault::Proxy(&IMAGE_REFUSED),
            Fault::Proxy(&ARTIFACT_REFUSED),
            Fault::Proxy(&DERIVED_REFUSED),
            Fault::Proxy(&BESIDE_REFUSED),
        ],
        &[("tags.kinds/index", Fail)],
        &[],
    ),
    saboteur!(
        "kinds-artifacts",
        &[
            Fault::Config(UPDATE),
            Fault::Proxy(&IMAGE_REFUSED),
            Fault::Proxy(&INDEX_REFUSED),
            Fault::Proxy(&DERIVED_REFUSED),
            Fault::Proxy(&BESIDE_REFUSED),
        ],
        &[("tags.kinds/artifact", Fail)],
        &[],
    ),
    saboteur!(
        "kinds-referrers",
        &[
            Fault::Config(UPDATE),
            Fault::Proxy(&IMAGE_REFUSED),
            Fault::Proxy(&INDEX_REFUSED),
            Fault::Proxy(&ARTIFACT_REFUSED),
            Fault::Proxy(&SIGNATURE_REFUSED),
            Fault::Proxy(&BESIDE_REFUSED),
        ],
        &[("tags.kinds/referrers", Fail)],
        &[],
    ),
];
