//! What `login.redirect` must notice.

use zot_verify_fixtures::fault::Fault;
use zot_verify_fixtures::issuer::Mode;
use zot_verify_fixtures::proxy::{Rule, Then, When};

use crate::check::{LOST_SESSION, Saboteur, saboteur};
use crate::run::outcome::Verdict::{self, Error, Fail};

const LOGIN: When = When::path("/zot/auth/login");

static PAGE: Rule = Rule {
    when: LOGIN,
    then: Then::Answer { status: 200, headers: &[("content-type", "text/html")], body: "<title>Log in</title>" },
};
static NO_LOGIN: Rule = Rule { when: LOGIN, then: Then::Answer { status: 404, headers: &[], body: "" } };
static LOOK_ALIKE: Rule = Rule {
    when: LOGIN,
    then: Then::Replace { header: "location", from: "/application/o/authorize/", to: "/application/o/authorise/" },
};
static OTHER_SCHEME: Rule =
    Rule { when: LOGIN, then: Then::Replace { header: "location", from: "http://127.0.0.1", to: "http://localhost" } };
static OTHER_CLIENT: Rule =
    Rule { when: LOGIN, then: Then::Replace { header: "location", from: "client_id=zot", to: "client_id=harbor" } };
static TWO_CLIENTS: Rule = Rule {
    when: LOGIN,
    then: Then::Replace { header: "location", from: "client_id=zot", to: "client_id=harbor&client_id=zot" },
};
static IMPLICIT: Rule = Rule {
    when: LOGIN,
    then: Then::Replace { header: "location", from: "response_type=code", to: "response_type=token" },
};
static NO_PROFILE: Rule = Rule { when: LOGIN, then: Then::Replace { header: "location", from: "+profile", to: "" } };
static CONSTANT_STATE: Rule = Rule { when: LOGIN, then: Then::Frozen };
static SHORT_STATE: Rule =
    Rule { when: LOGIN, then: Then::Replace { header: "location", from: "&state=", to: "&state=short&was=" } };
static INNER_NAME: Rule = Rule {
    when: LOGIN,
    then: Then::Replace {
        header: "location",
        from: "redirect_uri=http%3A%2F%2F127.0.0.1",
        to: "redirect_uri=http%3A%2F%2Finner",
    },
};

const OTHER_EXTERNAL_URL: &str = r#"{"http":{"externalUrl":"https://registry.example.test"}}"#;

const AFTER_REDIRECT: &[&str] = &[
    "login.redirect/endpoint",
    "login.redirect/client",
    "login.redirect/scope",
    "login.redirect/state",
    "login.redirect/redirect-uri",
    "login.redirect/issuer-accepts",
    "transport.proxy/external-url",
];

/// Without the scope nobody has a name or a group: people can log in, and nobody may push.
const WITHOUT_GROUPS: &[(&str, Verdict)] = &[
    ("login.redirect/scope", Fail),
    ("login.session/name", Fail),
    ("login.session/groups", Fail),
    ("push.apikey/upload", Fail),
    ("tags.new-accepted/commit", Fail),
    ("admin.break-glass/create", Fail),
    ("admin.break-glass/overwrite", Fail),
    ("admin.break-glass/delete-tag", Fail),
    ("admin.break-glass/delete-manifest", Fail),
    ("policy.matrix/ci-key", Fail),
    ("policy.matrix/ci-session", Fail),
    ("policy.matrix/admin-key", Fail),
    ("policy.matrix/admin-session", Fail),
];
/// What then has nobody to push.
const AFTER_GROUPS: &[&str] = &[
    "login.cookies/fixation",
    "apikey.limits/scopes",
    "apikey.limits/lost-group",
    "push.apikey/manifest",
    "push.apikey/read-back",
    "push.apikey/digest-headers",
    "push.apikey/by-digest",
    "push.apikey/listed",
    "tags.new-accepted/version",
    "tags.race/held",
    "tags.race/together",
    "tags.race/retry",
];

pub(super) const ALL: &[Saboteur] = &[
    saboteur!(
        "login-is-a-page",
        &[Fault::Proxy(&PAGE)],
        &[("login.redirect/redirect", Fail), ("login.session/session", Fail)],
        AFTER_REDIRECT,
        LOST_SESSION
    ),
    saboteur!(
        "login-gone",
        &[Fault::Proxy(&NO_LOGIN)],
        &[("login.redirect/redirect", Fail), ("login.session/session", Fail)],
        AFTER_REDIRECT,
        LOST_SESSION
    ),
    saboteur!(
        "login-at-a-look-alike-endpoint",
        &[Fault::Proxy(&LOOK_ALIKE)],
        &[("login.redirect/endpoint", Fail), ("login.redirect/issuer-accepts", Fail)],
        &["login.session/session"],
        LOST_SESSION
    ),
    saboteur!(
        "login-at-another-host",
        &[Fault::Proxy(&OTHER_SCHEME)],
        &[("login.redirect/endpoint", Fail)],
        &["login.redirect/issuer-accepts", "login.session/session"],
        LOST_SESSION,
    ),
    saboteur!(
        "login-for-another-client",
        &[Fault::Proxy(&OTHER_CLIENT)],
        &[("login.redirect/client", Fail), ("login.redirect/issuer-accepts", Fail), ("login.session/session", Error)],
        &[],
        LOST_SESSION
    ),
    saboteur!(
        "login-for-a-token",
        &[Fault::Proxy(&IMPLICIT)],
        &[("login.redirect/client", Fail), ("login.redirect/issuer-accepts", Fail), ("login.session/session", Error)],
        &[],
        LOST_SESSION
    ),
    saboteur!("login-without-profile", &[Fault::Proxy(&NO_PROFILE)], WITHOUT_GROUPS, AFTER_GROUPS,),
    saboteur!("login-with-constant-state", &[Fault::Proxy(&CONSTANT_STATE)], &[("login.redirect/state", Fail)], &[],),
    saboteur!(
        "login-with-short-state",
        &[Fault::Proxy(&SHORT_STATE)],
        &[("login.redirect/state", Fail), ("login.session/session", Fail)],
        &[],
        LOST_SESSION
    ),
    saboteur!(
        "login-back-to-the-inner-name",
        &[Fault::Proxy(&INNER_NAME)],
        &[
            ("transport.proxy/external-url", Fail),
            ("login.redirect/redirect-uri", Fail),
            ("login.redirect/issuer-accepts", Fail),
            ("login.session/session", Error)
        ],
        &[],
        LOST_SESSION
    ),
    saboteur!(
        "login-back-to-another-registry",
        &[Fault::Config(OTHER_EXTERNAL_URL)],
        &[
            ("transport.proxy/external-url", Fail),
            ("login.redirect/redirect-uri", Fail),
            ("login.redirect/issuer-accepts", Fail),
            ("login.session/session", Error)
        ],
        &[],
        LOST_SESSION
    ),
    saboteur!(
        "issuer-does-not-know-the-client",
        &[Fault::Issuer(Mode::RefusesClient)],
        &[("login.redirect/issuer-accepts", Fail), ("login.session/session", Error)],
        &[],
        LOST_SESSION
    ),
    saboteur!(
        "issuer-sends-back-an-error",
        &[Fault::Issuer(Mode::SendsBackAnError)],
        &[("login.redirect/issuer-accepts", Fail), ("login.session/session", Error)],
        &[],
        LOST_SESSION
    ),
    saboteur!(
        "login-with-two-clients",
        &[Fault::Proxy(&TWO_CLIENTS)],
        &[("login.redirect/redirect", Fail), ("login.session/session", Fail)],
        AFTER_REDIRECT,
        LOST_SESSION
    ),
    saboteur!(
        "issuer-broken",
        &[Fault::Issuer(Mode::AuthorizeBroken)],
        &[("login.redirect/issuer-accepts", Error), ("login.session/session", Error)],
        &[],
        LOST_SESSION
    ),
    saboteur!(
        "issuer-without-discovery",
        &[Fault::Issuer(Mode::DiscoveryGone { after: 1 })],
        &[("login.redirect/endpoint", Error), ("login.session/session", Error)],
        &[],
        LOST_SESSION,
    ),
];
