//! What can be wrong, one thing at a time, and which lines that turns.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;
use zot_verify_fixtures::edge::{Authority, Certificate};

use super::setup::{Setup, VERSION, answer, discovery};

/// One thing that is wrong.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) breaks: fn(&mut Setup),
    /// What is typed besides.
    pub(crate) words: &'static str,
    /// The lines that say something else than before; all others stay.
    pub(crate) turns: &'static [(&'static str, &'static str)],
}

/// Those that are printed.
pub(crate) const TEN: &[&str] = &[
    "metrics-users",
    "unknown-key",
    "misspelt-action",
    "no-external-host",
    "mirror-without-scheme",
    "credentials-gone",
    "credentials-open-and-empty",
    "directory-in-use",
    "port-of-another",
    "issuer-without-slash",
    "issuer-down",
    "does-not-come-up",
];

const GONE: &[(&str, &str)] = &[("issuer.answers", "fail"), ("issuer.usable", "skipped")];

const NO_ZOT: &[(&str, &str)] = &[
    ("binary.runs", "fail"),
    ("binary.takes-config", "skipped"),
    ("binary.has-extensions", "skipped"),
    ("config.metrics", "skipped"),
    ("releases.known-traps", "skipped"),
    ("releases.next", "skipped"),
];

macro_rules! row {
    ($name:literal, $breaks:expr, $($turns:expr),*) => {
        Row { name: $name, breaks: $breaks, words: "", turns: &[$($turns),*] }
    };
}

pub(crate) const ALL: &[Row] = &[
    Row { name: "no-zot", breaks: |setup| setup.house.program("zot", "echo hello"), words: "", turns: NO_ZOT },
    Row {
        name: "unknown-key",
        breaks: |setup| {
            // As zot v2.1.20 says it (recorded).
            let said = "Error: decoding failed due to the following error(s):\n\n'HTTP' has invalid keys: adress";
            setup.house.program("zot", &format!("{VERSION}\necho \"{said}\"\nexit 1"));
        },
        words: "",
        turns: &[("binary.takes-config", "fail")],
    },
    row!("built-without-sync", |setup| built(setup, "-metrics-search-ui"), ("binary.has-extensions", "fail")),
    row!("built-without-ui", |setup| built(setup, "-metrics-search-sync"), ("binary.has-extensions", "warn")),
    row!(
        "no-root",
        |setup| setup.config["storage"]["rootDirectory"] = json!(""),
        ("config.root-directory", "fail"),
        ("machine.root-directory", "skipped")
    ),
    row!(
        "relative-root",
        |setup| setup.config["storage"]["rootDirectory"] = json!("data"),
        ("config.root-directory", "warn"),
        ("machine.root-directory", "skipped")
    ),
    row!(
        "bare-address",
        |setup| setup.config["http"]["address"] = json!("::1"),
        ("config.address", "fail"),
        ("machine.port", "skipped")
    ),
    row!("any-port", |setup| setup.config["http"]["port"] = json!(0), ("config.address", "fail")),
    row!(
        "no-external-host",
        |setup| setup.config["http"]["externalUrl"] = json!("registry.example.test"),
        ("config.external-url", "fail")
    ),
    row!("no-external-url", |setup| setup.config["http"]["externalUrl"] = json!(null), ("config.external-url", "warn")),
    row!(
        "misspelt-action",
        |setup| setup.config["http"]["accessControl"]["repositories"]["**"]["defaultPolicy"] = json!(["reed"]),
        ("config.actions", "fail")
    ),
    row!(
        "keys-for-nobody",
        |setup| setup.config["http"]["auth"] = json!({ "apikey": true }),
        ("config.api-keys", "fail"),
        ("issuer.answers", "skipped"),
        ("issuer.usable", "skipped")
    ),
    row!(
        "keys-all-the-same",
        |setup| setup.config["http"]["auth"]["apikey"] = json!(false),
        ("config.api-keys", "warn")
    ),
    row!("mirror-without-url", |setup| setup.registry()["urls"] = json!([]), ("config.mirrors", "fail")),
    row!(
        "mirror-without-scheme",
        |setup| setup.registry()["urls"] = json!(["registry-1.docker.io"]),
        ("config.mirrors", "fail")
    ),
    row!("mirror-over-ftp", |setup| setup.registry()["urls"] = json!(["ftp://a.test"]), ("config.mirrors", "warn")),
    row!(
        "mirror-polls-for-nothing",
        |setup| {
            setup.registry()["onDemand"] = json!(false);
            setup.registry()["pollInterval"] = json!("6h");
            setup.registry()["content"] = json!([]);
        },
        ("config.mirrors", "fail")
    ),
    row!("mirror-never-asks", |setup| setup.registry()["onDemand"] = json!(false), ("config.mirrors", "fail")),
    row!(
        "metrics-users",
        |setup| setup.config["http"]["accessControl"]["metrics"] = json!({ "users": [""] }),
        ("config.metrics", "fail")
    ),
    row!(
        "credentials-gone",
        |setup| std::fs::remove_file(setup.house.work().join("oidc.json")).unwrap(),
        ("machine.credentials", "fail")
    ),
    row!("credentials-open", |setup| setup.mode(0o644), ("machine.credentials", "fail")),
    row!(
        "credentials-open-and-empty",
        |setup| {
            setup.credentials(r#"{"clientid":"zot","clientsecret":""}"#);
            setup.mode(0o644);
        },
        ("machine.credentials", "fail")
    ),
    row!("credentials-are-a-pipe", |setup| pipe(setup, "oidc.json"), ("machine.credentials", "fail")),
    row!(
        "secret-in-the-configuration-and-empty",
        |setup| {
            setup.provider().as_object_mut().unwrap().remove("credentialsFile");
            setup.provider()["clientsecret"] = json!("");
        },
        ("machine.credentials", "fail")
    ),
    row!(
        "credentials-not-filled-in",
        |setup| setup.credentials(r#"{"clientid":"zot","clientsecret":"{{ zot_oidc_client_secret }}"}"#),
        ("machine.credentials", "fail")
    ),
    row!("credentials-cut", |setup| setup.credentials(r#"{"clientid":"zot","#), ("machine.credentials", "fail")),
    row!(
        "no-session-keys",
        |setup| setup.config["http"]["auth"]["sessionKeysFile"] = json!("/nowhere/keys.json"),
        ("machine.files", "fail")
    ),
    row!(
        "no-mirror-credentials",
        |setup| setup.config["extensions"]["sync"]["credentialsFile"] = json!("/nowhere/keys.json"),
        ("machine.files", "warn")
    ),
    row!(
        "htpasswd-is-a-pipe",
        |setup| {
            pipe(setup, "htpasswd");
            setup.config["http"]["auth"]["htpasswd"] = json!({ "path": setup.house.work().join("htpasswd") });
        },
        ("machine.files", "fail")
    ),
    row!(
        "htpasswd-is-a-directory",
        |setup| setup.config["http"]["auth"]["htpasswd"] = json!({ "path": setup.house.work().join("data") }),
        ("machine.files", "fail")
    ),
    row!(
        "htpasswd-for-everybody",
        |setup| {
            setup.house.file("htpasswd", "");
            setup.config["http"]["auth"]["htpasswd"] = json!({ "path": setup.house.work().join("htpasswd") });
        },
        ("machine.files", "warn")
    ),
    row!(
        "no-authority-of-the-directory",
        |setup| setup.config["http"]["auth"]["ldap"] = json!({ "caCert": "/nowhere/ca.pem" }),
        ("machine.files", "fail")
    ),
    row!(
        "log-is-a-directory",
        |setup| setup.config["log"] = json!({ "output": setup.house.work().join("data") }),
        ("machine.files", "fail")
    ),
    row!(
        "tls-without-a-key",
        |setup| setup.config["http"]["tls"] = json!({ "cert": "/c" }),
        ("config.address", "fail")
    ),
    row!("tls-with-the-key-of-another", |setup| tls(setup, "other.key"), ("machine.files", "fail")),
    row!(
        "tls-without-a-certificate",
        |setup| {
            tls(setup, "own.key");
            setup.house.file("own.pem", "");
        },
        ("machine.files", "fail")
    ),
    row!("tls", |setup| tls(setup, "own.key"),),
    row!("no-log", |setup| setup.config["log"] = json!({ "audit": "/nowhere/audit.log" }), ("machine.files", "fail")),
    row!(
        "root-is-a-file",
        |setup| setup.config["storage"]["rootDirectory"] = json!(setup.house.work().join("oidc.json")),
        ("machine.root-directory", "fail")
    ),
    row!(
        "root-is-a-link-that-leads-nowhere",
        |setup| {
            std::os::unix::fs::symlink("/nowhere/disk", setup.house.work().join("link")).unwrap();
            setup.config["storage"]["rootDirectory"] = json!(setup.house.work().join("link/zot"));
        },
        ("machine.root-directory", "fail")
    ),
    row!("no-database-is-kept", |setup| {
        setup.config["storage"]["dedupe"] = json!(false);
        setup.neighbour(zot);
    },),
    row!("directory-in-use", Setup::hold, ("machine.root-directory", "fail")),
    row!("another-directory", |setup| setup.neighbour(zot), ("machine.root-directory", "warn")),
    row!("its-own-zot-runs", |setup| {
        setup.neighbour(zot);
        setup.hold();
    },),
    row!(
        "port-of-another",
        |setup| setup.neighbour(|_, _| answer("404 Not Found", "Server: another\r\n", "")),
        ("machine.port", "fail")
    ),
    row!(
        "port-of-another-by-name",
        |setup| {
            setup.config["http"]["address"] = json!("localhost");
            setup.neighbour(|_, _| answer("404 Not Found", "Server: another\r\n", ""));
        },
        ("machine.port", "fail")
    ),
    Row { name: "no-zot-and-no-end", breaks: |setup| setup.house.program("zot", "exec yes"), words: "", turns: NO_ZOT },
    row!(
        "port-of-another-on-ipv6",
        |setup| {
            setup.config["http"]["address"] = json!("0.0.0.0");
            setup.held_port = Some(TcpListener::bind("[::1]:0").unwrap());
            setup.config["http"]["port"] = json!(setup.held_port.as_ref().unwrap().local_addr().unwrap().port());
        },
        ("machine.port", "fail")
    ),
    row!("address-of-another", |setup| setup.config["http"]["address"] = json!("192.0.2.1"), ("machine.port", "fail")),
    Row {
        name: "nobody-to-replace",
        breaks: |_| {},
        words: "--replaces http://127.0.0.1:1",
        turns: &[("machine.port", "fail")],
    },
    Row {
        name: "issuer-down",
        breaks: |setup| setup.set_issuer("http://127.0.0.1:1/application/o/zot/"),
        words: "",
        turns: GONE,
    },
    Row {
        name: "issuer-is-no-url",
        breaks: |setup| setup.set_issuer("issuer.test/application/o/zot/"),
        words: "",
        turns: GONE,
    },
    Row {
        name: "issuer-broken",
        breaks: |setup| setup.issuer(|_, _| answer("502 Bad Gateway", "", "oops")),
        words: "",
        turns: GONE,
    },
    Row {
        name: "issuer-is-a-page",
        breaks: |setup| setup.issuer(|_, _| answer("200 OK", "Content-Type: text/html\r\n", "<html>")),
        words: "",
        turns: GONE,
    },
    Row {
        name: "issuer-without-slash",
        breaks: |setup| {
            let name = setup.provider()["issuer"].as_str().unwrap().trim_end_matches('/').to_owned();
            setup.set_issuer(&name);
        },
        words: "",
        turns: GONE,
    },
    Row {
        name: "issuer-without-name",
        breaks: |setup| setup.issuer(|url, path| discovery(url, path, |document| document["issuer"] = json!(null))),
        words: "",
        turns: GONE,
    },
    Row {
        name: "issuer-leads-in-circles",
        breaks: |setup| setup.issuer(|_, path| answer("302 Found", &format!("Location: {path}\r\n"), "")),
        words: "",
        turns: GONE,
    },
    row!("issuer-moved", |setup| setup.issuer(|url, path| match path {
        "/moved" => discovery(url, path, |_| {}),
        "/jwks" => discovery(url, path, |_| {}),
        _ => answer("302 Found", "Location: /moved\r\n", ""),
    }),),
    row!(
        "issuer-without-endpoints",
        |setup| setup.issuer(|url, path| discovery(url, path, |document| document["token_endpoint"] = json!(null))),
        ("issuer.usable", "warn")
    ),
    row!(
        "issuer-without-keys",
        |setup| {
            setup.issuer(|url, path| match path {
                "/jwks" => answer("200 OK", "", "{}"),
                _ => discovery(url, path, |_| {}),
            });
        },
        ("issuer.usable", "warn")
    ),
    Row {
        name: "does-not-come-up",
        breaks: |setup| {
            let serves = "echo 'panic: assignment to entry in nil map'; exit 2";
            setup.house.program("zot", &format!("{VERSION}\n[ \"$1\" = verify ] && exit 0\n{serves}"));
        },
        words: "--with-trial",
        turns: &[("trial.comes-up", "fail")],
    },
    row!(
        "older-zot",
        |setup| named(setup, "zot", "v2.1.15-0-gace12e2a"),
        ("releases.known-traps", "pass"),
        ("releases.next", "warn")
    ),
    Row {
        name: "next-refuses",
        breaks: |setup| setup.house.program("next", &format!("{VERSION}\nexit 1")),
        words: "--next ./next",
        turns: &[("releases.next", "fail")],
    },
    Row {
        name: "next-traps",
        breaks: |setup| {
            named(setup, "zot", "v2.1.17-0-g08b26876");
            named(setup, "next", "v2.1.20-0-g3b5796d8");
            setup.config["http"]["accessControl"]["metrics"] = json!({ "users": [""] });
        },
        words: "--next ./next",
        turns: &[("releases.next", "fail")],
    },
];

/// A pipe that nobody writes to.
fn pipe(setup: &Setup, name: &str) {
    let path = setup.house.work().join(name);
    let _ = std::fs::remove_file(&path);
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR).unwrap();
}

/// zot ends TLS itself, with this key.
fn tls(setup: &mut Setup, key: &str) {
    let authority = Authority::new().unwrap();
    let identity = |name| authority.certify(name, Certificate::Good).unwrap();
    let (own, other) = (identity("registry.ops.eblu.me"), identity("other.test"));
    for (name, text) in [("own.pem", &own.chain_pem), ("own.key", &own.key_pem()), ("other.key", &other.key_pem())] {
        setup.house.file(name, text);
        std::fs::set_permissions(setup.house.work().join(name), PermissionsExt::from_mode(0o600)).unwrap();
    }
    let at = |name: &str| setup.house.work().join(name);
    setup.config["http"]["tls"] = json!({ "cert": at("own.pem"), "key": at(key) });
}

/// A zot that was built with these extensions.
fn built(setup: &mut Setup, with: &str) {
    let version = VERSION.replace("-metrics-mgmt-search-sync-ui", with);
    setup.house.program("zot", &format!("{version}\nexit 0"));
}

/// A zot of another commit.
fn named(setup: &mut Setup, program: &str, commit: &str) {
    let version = VERSION.replace("v2.1.20-0-g3b5796d8", commit);
    setup.house.program(program, &format!("{version}\nexit 0"));
}

/// As zot v2.1.20 answers (recorded).
fn zot(_: &str, path: &str) -> String {
    match path {
        "/v2/" => answer("200 OK", "Access-Control-Allow-Headers: Authorization,content-type,X-ZOT-API-CLIENT\r\n", ""),
        _ => answer("200 OK", "Content-Type: application/json\r\n", r#"{"releaseTag":"v2.1.20"}"#),
    }
}
