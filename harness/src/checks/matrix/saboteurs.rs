//! What `policy.matrix` must notice: one right more or less for each caller, by a narrow pattern that nobody thinks of;
//! and answers that are not what was done.

use zot_verify_fixtures::fault::Fault;
use zot_verify_fixtures::proxy::{Rule, Then, When};

use crate::check::{Saboteur, saboteur};
use crate::run::outcome::Verdict::{self, Error, Fail};

/// A pattern of its own for one repository, which decides there alone.
macro_rules! within {
    (anonymous $anonymous:literal, default $default:literal, ci $ci:literal, admin $admin:literal) => {
        concat!(
            r#"{"http":{"accessControl":{"repositories":{"blumeops/zot-verify-matrix":{"anonymousPolicy":["#,
            $anonymous,
            r#"],"defaultPolicy":["#,
            $default,
            r#"],"policies":[{"groups":["artifact-workloads"],"actions":["#,
            $ci,
            r#"]},{"groups":["admins"],"actions":["#,
            $admin,
            r#"]}]}}}}}"#
        )
    };
}

const ANONYMOUS_CREATES: &str = within!(
    anonymous r#""read","create""#, default r#""read""#, ci r#""read","create""#, admin r#""read","create","update","delete""#
);
const ANONYMOUS_UPDATES: &str = within!(
    anonymous r#""read","update""#, default r#""read""#, ci r#""read","create""#, admin r#""read","create","update","delete""#
);
const ANONYMOUS_DELETES: &str = within!(
    anonymous r#""read","delete""#, default r#""read""#, ci r#""read","create""#, admin r#""read","create","update","delete""#
);
const ANONYMOUS_READS_NOT: &str = within!(
    anonymous "", default r#""read""#, ci r#""read","create""#, admin r#""read","create","update","delete""#
);
const USERS_CREATE: &str = within!(
    anonymous r#""read""#, default r#""read","create""#, ci r#""read","create""#, admin r#""read","create","update","delete""#
);
const USERS_UPDATE: &str = within!(
    anonymous r#""read""#, default r#""read","update""#, ci r#""read","create""#, admin r#""read","create","update","delete""#
);
const USERS_DELETE: &str = within!(
    anonymous r#""read""#, default r#""read","delete""#, ci r#""read","create""#, admin r#""read","create","update","delete""#
);
const USERS_READ_NOT: &str = within!(
    anonymous r#""read""#, default "", ci r#""read","create""#, admin r#""read","create","update","delete""#
);
const CI_UPDATES: &str = within!(
    anonymous r#""read""#, default r#""read""#, ci r#""read","create","update""#, admin r#""read","create","update","delete""#
);
const CI_DELETES: &str = within!(
    anonymous r#""read""#, default r#""read""#, ci r#""read","create","delete""#, admin r#""read","create","update","delete""#
);
const CI_CREATES_NOT: &str = within!(
    anonymous r#""read""#, default r#""read""#, ci r#""read""#, admin r#""read","create","update","delete""#
);
const CI_READS_NOT: &str = within!(
    anonymous r#""read""#, default "", ci r#""create""#, admin r#""read","create","update","delete""#
);
const ADMIN_CREATES_NOT: &str = within!(
    anonymous r#""read""#, default r#""read""#, ci r#""read","create""#, admin r#""read","update","delete""#
);
const ADMIN_UPDATES_NOT: &str = within!(
    anonymous r#""read""#, default r#""read""#, ci r#""read","create""#, admin r#""read","create","delete""#
);
const ADMIN_DELETES_NOT: &str = within!(
    anonymous r#""read""#, default r#""read""#, ci r#""read","create""#, admin r#""read","create","update""#
);
const NOBODY_DOES: &str = within!(anonymous "", default "", ci "", admin "");

/// A door of one caller in one repository.
const NEW_TAG: When = When::path("/v2/zot-verify/matrix/manifests/ci-key-new-tag-new").methods(&["PUT"]);
const MOVED: When = When::path("/v2/zot-verify/matrix/manifests/ci-session-move-tag");
const DELETED: When = When::path("/v2/zot-verify/matrix/manifests/admin-session-delete-tag");
const LIST: When = When::path("/v2/blumeops/zot-verify-matrix/tags/list");
const ELSEWHERE: When = When::path("/v2/zot-verify/matrix/manifests/authenticated-key-by-digest-new-tag-new");

static NEW_TAG_LOST: Rule = Rule { when: NEW_TAG, then: Then::Answer { status: 201, headers: &[], body: "" } };
static NEW_TAG_REFUSED_IN_WORDS: Rule = Rule { when: NEW_TAG, then: Then::Status(403) };
static MOVED_ALL_THE_SAME: Rule =
    Rule { when: MOVED.methods(&["GET"]), then: Then::Body(|bytes| [bytes, b" "].concat()) };
static BREAKS: Rule = Rule { when: MOVED.methods(&["PUT"]), then: Then::Status(500) };
static DELETED_IN_WORDS: Rule =
    Rule { when: DELETED.methods(&["DELETE"]), then: Then::Answer { status: 202, headers: &[], body: "" } };
static THERE_ALL_THE_SAME: Rule = Rule { when: ELSEWHERE.methods(&["GET"]), then: Then::Status(200) };
static EMPTY_LIST: Rule =
    Rule { when: LIST, then: Then::Answer { status: 200, headers: &[], body: r#"{"name":"x","tags":[]}"# } };
static NO_LIST: Rule = Rule { when: LIST, then: Then::Answer { status: 200, headers: &[], body: "{}" } };

const ANONYMOUS: &[(&str, Verdict)] = &[("policy.matrix/anonymous", Fail)];
const USERS: &[(&str, Verdict)] =
    &[("policy.matrix/authenticated-key", Fail), ("policy.matrix/authenticated-session", Fail)];
const CI: &[(&str, Verdict)] = &[("policy.matrix/ci-key", Fail), ("policy.matrix/ci-session", Fail)];
const ADMIN: &[(&str, Verdict)] = &[("policy.matrix/admin-key", Fail), ("policy.matrix/admin-session", Fail)];
/// What everybody may who is logged in, CI may too.
const USERS_AND_CI: &[(&str, Verdict)] = &[
    ("policy.matrix/authenticated-key", Fail),
    ("policy.matrix/authenticated-session", Fail),
    ("policy.matrix/ci-key", Fail),
    ("policy.matrix/ci-session", Fail),
];
const CI_KEY: &[(&str, Verdict)] = &[("policy.matrix/ci-key", Fail)];
const CI_SESSION: &[(&str, Verdict)] = &[("policy.matrix/ci-session", Fail)];
const EVERYBODY: &[(&str, Verdict)] = &[
    ("policy.matrix/anonymous", Fail),
    ("policy.matrix/authenticated-key", Fail),
    ("policy.matrix/authenticated-session", Fail),
    ("policy.matrix/ci-key", Fail),
    ("policy.matrix/ci-session", Fail),
    ("policy.matrix/admin-key", Fail),
    ("policy.matrix/admin-session", Fail),
];
const UNSEEN: &[(&str, Verdict)] = &[
    ("policy.matrix/anonymous", Error),
    ("policy.matrix/authenticated-key", Error),
    ("policy.matrix/authenticated-session", Error),
    ("policy.matrix/ci-key", Error),
    ("policy.matrix/ci-session", Error),
    ("policy.matrix/admin-key", Error),
    ("policy.matrix/admin-session", Error),
];

pub(super) const ALL: &[Saboteur] = &[
    saboteur!("anybody-creates-somewhere", &[Fault::Config(ANONYMOUS_CREATES)], ANONYMOUS, &[]),
    saboteur!("anybody-updates-somewhere", &[Fault::Config(ANONYMOUS_UPDATES)], ANONYMOUS, &[]),
    saboteur!("anybody-deletes-somewhere", &[Fault::Config(ANONYMOUS_DELETES)], ANONYMOUS, &[]),
    saboteur!("nobody-reads-somewhere-without-credentials", &[Fault::Config(ANONYMOUS_READS_NOT)], ANONYMOUS, &[]),
    saboteur!("users-create-somewhere", &[Fault::Config(USERS_CREATE)], USERS, &[]),
    saboteur!("users-update-somewhere", &[Fault::Config(USERS_UPDATE)], USERS_AND_CI, &[]),
    saboteur!("users-delete-somewhere", &[Fault::Config(USERS_DELETE)], USERS_AND_CI, &[]),
    saboteur!("users-do-not-read-somewhere", &[Fault::Config(USERS_READ_NOT)], USERS, &[]),
    saboteur!("ci-updates-somewhere", &[Fault::Config(CI_UPDATES)], CI, &[]),
    saboteur!("ci-deletes-somewhere", &[Fault::Config(CI_DELETES)], CI, &[]),
    saboteur!("ci-does-not-create-somewhere", &[Fault::Config(CI_CREATES_NOT)], CI, &[]),
    saboteur!("ci-does-not-read-somewhere", &[Fault::Config(CI_READS_NOT)], USERS_AND_CI, &[]),
    saboteur!("admins-do-not-create-somewhere", &[Fault::Config(ADMIN_CREATES_NOT)], ADMIN, &[]),
    saboteur!("admins-do-not-update-somewhere", &[Fault::Config(ADMIN_UPDATES_NOT)], ADMIN, &[]),
    saboteur!("admins-do-not-delete-somewhere", &[Fault::Config(ADMIN_DELETES_NOT)], ADMIN, &[]),
    saboteur!("nobody-does-anything-somewhere", &[Fault::Config(NOBODY_DOES)], EVERYBODY, &[]),
    saboteur!("cis-new-tag-said-to-be-taken", &[Fault::Proxy(&NEW_TAG_LOST)], CI_KEY, &[]),
    saboteur!("cis-new-tag-said-to-be-refused", &[Fault::Proxy(&NEW_TAG_REFUSED_IN_WORDS)], CI_KEY, &[]),
    saboteur!("refused-and-moved", &[Fault::Proxy(&MOVED_ALL_THE_SAME)], CI_SESSION, &[]),
    saboteur!("move-breaks-the-server", &[Fault::Proxy(&BREAKS)], CI_SESSION, &[]),
    saboteur!(
        "admins-delete-somewhere-said-to-be-done",
        &[Fault::Proxy(&DELETED_IN_WORDS)],
        &[("policy.matrix/admin-session", Fail)],
        &[],
    ),
    saboteur!(
        "refused-and-there",
        &[Fault::Proxy(&THERE_ALL_THE_SAME)],
        &[("policy.matrix/authenticated-key", Fail)],
        &[],
    ),
    saboteur!("no-list-of-tags-somewhere", &[Fault::Proxy(&NO_LIST)], EVERYBODY, &[]),
    saboteur!("nothing-to-knock-on-somewhere", &[Fault::Proxy(&EMPTY_LIST)], UNSEEN, &[]),
];
