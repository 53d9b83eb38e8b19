//! What `tags.race` must notice.
//!
//! zot itself lets pushes cross, so they are compared with a world in which a proxy passes them on one by one, and a
//! repeated push is compared with one that CI may do.

use zot_verify_fixtures::fault::Fault;
use zot_verify_fixtures::proxy::{Rule, Then, When};

use crate::check::{Saboteur, saboteur};
use crate::run::outcome::Verdict::Warn;

const CROSSING: When = When::path("/v2/zot-verify/race/*").methods(&["PUT"]);
const HELD: When = When::path("/v2/zot-verify/race/held/manifests/v1").methods(&["PUT"]);
const TOGETHER: When = When::path("/v2/zot-verify/race/together/manifests/v1").methods(&["PUT"]);

static ONE_BY_ONE: Rule = Rule { when: CROSSING, then: Then::InTurn };
/// Only the push whose body is held back says `Expect`.
static HELD_REFUSED_IN_WORDS: Rule = Rule { when: HELD.header("expect", "*"), then: Then::Status(403) };
static HELD_SAID_TO_BE_DONE: Rule = Rule { when: HELD.header("expect", "*"), then: Then::Status(201) };
static HELD_BREAKS: Rule = Rule { when: HELD.header("expect", "*"), then: Then::Status(500) };
static ALL_SAID_TO_WIN: Rule = Rule { when: TOGETHER, then: Then::Status(201) };

const MAY_OVERWRITE: &str = r#"{"http":{"accessControl":{"repositories":{
    "zot-verify/race/held":{"policies":[{"groups":["artifact-workloads"],"actions":["read","create","update"]}],
        "anonymousPolicy":["read"],"defaultPolicy":["read"]},
    "zot-verify/race/together":{"policies":[{"groups":["artifact-workloads"],"actions":["read","create","update"]}],
        "anonymousPolicy":["read"],"defaultPolicy":["read"]}}}}}"#;
const MAY_REPEAT: &str = r#"{"http":{"accessControl":{"repositories":{
    "zot-verify/race/retry":{"policies":[{"groups":["artifact-workloads"],"actions":["read","create","update"]}],
        "anonymousPolicy":["read"],"defaultPolicy":["read"]}}}}}"#;
const MAY_NOT_REPEAT: &str = r#"{"http":{"accessControl":{"repositories":{
    "zot-verify/race/retry":{"policies":[{"groups":["artifact-workloads"],"actions":["read","create"]}]}}}}}"#;

pub(super) const ALL: &[Saboteur] = &[
    saboteur!(
        "second-push-overwrites",
        given & [Fault::Proxy(&ONE_BY_ONE)],
        &[Fault::Config(MAY_OVERWRITE)],
        &[("tags.race/held", Warn), ("tags.race/together", Warn)],
        &[],
    ),
    saboteur!(
        "held-push-overwrites-and-is-said-to-be-refused",
        given & [Fault::Proxy(&ONE_BY_ONE)],
        &[Fault::Config(MAY_OVERWRITE), Fault::Proxy(&HELD_REFUSED_IN_WORDS)],
        &[("tags.race/held", Warn), ("tags.race/together", Warn)],
        &[],
    ),
    saboteur!(
        "held-push-said-to-be-done",
        given & [Fault::Proxy(&ONE_BY_ONE)],
        &[Fault::Proxy(&HELD_SAID_TO_BE_DONE)],
        &[("tags.race/held", Warn)],
        &[],
    ),
    saboteur!(
        "held-push-breaks-the-server",
        given & [Fault::Proxy(&ONE_BY_ONE)],
        &[Fault::Proxy(&HELD_BREAKS)],
        &[("tags.race/held", Warn)],
        &[],
    ),
    saboteur!(
        "every-push-said-to-win",
        given & [Fault::Proxy(&ONE_BY_ONE)],
        &[Fault::Proxy(&ALL_SAID_TO_WIN)],
        &[("tags.race/together", Warn)],
        &[],
    ),
    saboteur!(
        "repeated-push-refused",
        given & [Fault::Config(MAY_REPEAT)],
        &[Fault::Config(MAY_NOT_REPEAT)],
        &[("tags.race/retry", Warn)],
        &[],
    ),
];
