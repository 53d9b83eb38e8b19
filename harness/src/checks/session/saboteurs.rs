//! What `login.session` must notice.

use zot_verify_fixtures::fault::Fault;
use zot_verify_fixtures::issuer::Mode;
use zot_verify_fixtures::proxy::{Rule, Then, When};

use crate::check::{LOST_SESSION, Saboteur, saboteur};
use crate::run::outcome::Verdict::{Fail, Warn};

const CALLBACK: When = When::path("/zot/auth/callback/*");
const KEYS: When = When::path("/zot/auth/apikey");
const LOGOUT: When = When::path("/zot/auth/logout");

static NO_COOKIE: Rule = Rule { when: CALLBACK, then: Then::NoHeader("set-cookie") };
static LEADS_NOWHERE: Rule = Rule { when: CALLBACK, then: Then::NoHeader("location") };
static SAID_TO_BE_LET_IN: Rule = Rule {
    when: When::path("/v2/zot-verify/session-member/blobs/uploads/").methods(&["POST"]),
    then: Then::Answer { status: 202, headers: &[], body: "" },
};
static UPLOAD_MADE_UP: Rule = Rule {
    when: When::path("/v2/zot-verify/session-member/blobs/uploads/").methods(&["POST"]),
    then: Then::Header("location", "/v2/zot-verify/session-member/blobs/uploads/00000000-0000-4000-8000-000000000000"),
};
static CALLBACK_BROKEN: Rule = Rule { when: CALLBACK, then: Then::Status(500) };
static CALLBACK_GONE: Rule = Rule { when: CALLBACK, then: Then::Answer { status: 404, headers: &[], body: "" } };
static OPEN_TO_ALL: Rule = Rule {
    when: KEYS.methods(&["GET"]).without(&["cookie", "authorization"]),
    then: Then::Answer { status: 200, headers: &[("content-type", "application/json")], body: r#"{"apiKeys":[]}"# },
};
static LOGOUT_IDLE: Rule = Rule {
    when: LOGOUT,
    then: Then::Answer { status: 200, headers: &[("content-type", "application/json")], body: "{}" },
};
static LOGOUT_GONE: Rule = Rule { when: LOGOUT, then: Then::Answer { status: 404, headers: &[], body: "" } };

/// A registry that takes whatever state comes back.
static ANY_STATE: Rule = Rule {
    when: CALLBACK.query("state=another"),
    then: Then::Answer {
        status: 302,
        headers: &[("location", "/"), ("set-cookie", "session=somebodys; Path=/; HttpOnly")],
        body: "",
    },
};
/// A registry that does without the cookie that belongs to a state.
static NO_COOKIE_NEEDED: Rule = Rule {
    when: CALLBACK.header("cookie", "statecookie=*"),
    then: Then::Answer {
        status: 302,
        headers: &[("location", "/"), ("set-cookie", "session=somebodys; Path=/; HttpOnly")],
        body: "",
    },
};
static STATE_BREAKS: Rule = Rule { when: CALLBACK.query("state=another"), then: Then::Status(500) };

const BY_EMAIL: &str = r#"{"http":{"auth":{"openid":{"providers":{"oidc":{"claimMapping":{"username":"email"}}}}}}}"#;
const EVERYBODY_CREATES: &str =
    r#"{"http":{"accessControl":{"repositories":{"**":{"defaultPolicy":["read","create"]}}}}}"#;

pub(super) const ALL: &[Saboteur] = &[
    saboteur!(
        "login-without-session",
        &[Fault::Proxy(&NO_COOKIE)],
        &[("login.session/session", Fail)],
        &[],
        LOST_SESSION
    ),
    saboteur!(
        "login-leads-nowhere",
        &[Fault::Proxy(&LEADS_NOWHERE)],
        &[("login.session/session", Fail)],
        &[],
        LOST_SESSION
    ),
    saboteur!("member-said-to-be-let-in", &[Fault::Proxy(&SAID_TO_BE_LET_IN)], &[("login.session/groups", Fail)], &[]),
    saboteur!("members-upload-made-up", &[Fault::Proxy(&UPLOAD_MADE_UP)], &[("login.session/groups", Fail)], &[]),
    saboteur!(
        "callback-broken",
        &[Fault::Proxy(&CALLBACK_BROKEN)],
        &[("login.session/session", Fail)],
        &[],
        LOST_SESSION
    ),
    saboteur!("callback-gone", &[Fault::Proxy(&CALLBACK_GONE)], &[("login.session/session", Fail)], &[], LOST_SESSION),
    saboteur!(
        "sessions-for-everybody",
        &[Fault::Proxy(&OPEN_TO_ALL)],
        &[("login.session/session", Fail), ("apikey.create/anonymous", Fail)],
        &["login.session/log-out"],
    ),
    saboteur!("known-by-email", &[Fault::Config(BY_EMAIL)], &[("login.session/name", Fail)], &[],),
    saboteur!(
        "everybody-may-create",
        &[Fault::Config(EVERYBODY_CREATES)],
        &[
            ("login.session/groups", Fail),
            ("apikey.limits/lost-group", Warn),
            ("policy.matrix/authenticated-key", Fail),
            ("policy.matrix/authenticated-session", Fail),
        ],
        &["login.cookies/fixation"],
    ),
    saboteur!("log-out-does-nothing", &[Fault::Proxy(&LOGOUT_IDLE)], &[("login.session/log-out", Fail)], &[]),
    saboteur!("log-out-gone", &[Fault::Proxy(&LOGOUT_GONE)], &[("login.session/log-out", Fail)], &[]),
    saboteur!("any-state-will-do", &[Fault::Proxy(&ANY_STATE)], &[("login.session/state", Fail)], &[]),
    saboteur!("state-without-its-cookie", &[Fault::Proxy(&NO_COOKIE_NEEDED)], &[("login.session/state", Fail)], &[]),
    saboteur!("wrong-state-breaks-the-server", &[Fault::Proxy(&STATE_BREAKS)], &[("login.session/state", Fail)], &[]),
    saboteur!("issuer-without-names", &[Fault::Issuer(Mode::NameMissing)], &[("login.session/name", Fail)], &[],),
    saboteur!(
        "issuer-refuses-the-code",
        &[Fault::Issuer(Mode::TokenRefused)],
        &[("login.session/session", Fail)],
        &[],
        LOST_SESSION
    ),
    saboteur!(
        "issuer-without-userinfo",
        &[Fault::Issuer(Mode::UserinfoDown)],
        &[("login.session/session", Fail)],
        &[],
        LOST_SESSION
    ),
    saboteur!(
        "issuer-speaks-of-somebody-else",
        &[Fault::Issuer(Mode::UserinfoOfAnother)],
        &[("login.session/session", Fail)],
        &[],
        LOST_SESSION
    ),
];
