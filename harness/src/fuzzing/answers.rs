//! Answers of registries and issuers, and what is read from them.

use serde_json::Value;
use url::{Url, form_urlencoded};
use zot_verify_model::{Digest, Secret};

use super::{read_answer, registry};
use crate::bounds;
use crate::checks::expect;
use crate::checks::pull::{Descriptor, is_index, named_blobs, platform};
use crate::checks::pushing;
use crate::login::form::Form;
use crate::login::jar::{Jar, set_cookies};
use crate::login::people::Visitor;
use crate::manifests::Platform;
use crate::preflight::issuer;
use crate::run::outcome::Halt;
use crate::target::recognise::is_registry;
use crate::wire::{Exchange, Redactor, Request, challenge as challenges};

/// Any answer: what all checks expect of one is told truly, and what is shown of it is bounded.
pub fn answer(data: &[u8]) {
    let Some(answer) = read_answer(&registry(), data) else { return };
    let redactor = Redactor::new();
    let body = data.split_at(data.len() - usize::try_from(answer.length()).unwrap()).1;
    let packed = answer.has("content-encoding");
    let json = if packed { answer.json() } else { serde_json::from_slice::<Value>(body).ok() };
    assert_eq!(answer.json(), json);

    assert_eq!(expect::status(&answer, 200, &redactor).is_ok(), answer.status() == 200);
    assert!(expect::observed(&answer).starts_with(&answer.status().to_string()));
    match expect::object(&answer, &redactor) {
        Ok(object) => assert!(object.is_object() && Some(object) == json),
        Err(Halt::Breach(breach)) => {
            assert!(!json.is_some_and(|json| json.is_object()));
            assert!(breach.observed.chars().count() < 100);
        }
        Err(other) => panic!("no object is a breach, and not {other:?}"),
    }
    assert!(expect::digest(&answer, &Digest::of(body), &redactor).is_ok());
    assert!(expect::digest(&answer, &Digest::of(&[body, b"x"].concat()), &redactor).is_err());
    let named = answer.header(expect::DIGEST_HEADER).and_then(|named| Digest::parse(named).ok());
    let wanted = named.clone().unwrap_or_else(|| Digest::of(b""));
    assert_eq!(expect::digest_header(&answer, &wanted, &redactor).is_ok(), named.is_some());

    if is_registry(&answer) {
        let says = answer.header("docker-distribution-api-version") == Some("registry/2.0");
        assert!(says || packed || answer.status() == 401 && body.windows(12).any(|word| word == b"UNAUTHORIZED"));
        assert!(matches!(answer.status(), 200 | 401));
    }
    let list = answer.json().unwrap_or_default();
    assert!(pushing::tags(&list).len() <= body.len());
    if pushing::is_ours(&answer) && !packed {
        assert!(body.windows(10).any(|word| word == b"zot-verify") || body.contains(&b'\\'));
    }

    let evidence = answer.evidence(&redactor);
    assert!(evidence.body_excerpt.len() <= bounds::EXCERPT);
    let told = serde_json::to_string(&evidence).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&told).unwrap()["status"], answer.status());
}

/// A 401: it is usable only with a scheme and a realm, and a good challenge is found beside any other.
pub fn challenge(data: &[u8]) {
    let Some(answer) = read_answer(&registry(), data) else { return };
    let fields: Vec<&str> = answer.headers("www-authenticate").collect();
    match challenges::usable(&answer) {
        Ok(()) => {
            let told = |field: &&str| {
                let field = field.to_ascii_lowercase();
                (field.contains("basic") || field.contains("bearer")) && field.contains("realm")
            };
            assert!(fields.iter().any(told), "{fields:?}");
        }
        Err(why) => assert!(!why.is_empty()),
    }
    let good = "Bearer realm=\"https://r.test/token\",service=\"r.test\"";
    for all in [[&fields[..], &[good]].concat(), [&[good], &fields[..]].concat()] {
        let all: Vec<(&str, &[u8])> = all.iter().map(|field| ("www-authenticate", field.as_bytes())).collect();
        let with = Exchange::made(&registry(), 401, &all, b"").expect("fields that were fields before");
        assert!(challenges::usable(&with).is_ok(), "{all:?}");
    }
}

/// Cookies: nobody gets one that was not given, that was deleted, or that is for another path.
pub fn cookies(data: &[u8]) {
    let Some(answer) = read_answer(&registry(), data) else { return };
    let mut jar = Jar::default();
    jar.keep(&answer);
    let once = sent(&jar, "/zot/auth/callback/oidc");
    jar.keep(&answer);
    assert_eq!(sent(&jar, "/zot/auth/callback/oidc"), once, "taken twice is taken once");
    let given = set_cookies(&answer);
    for pair in once.iter().flat_map(|sent| sent.split("; ")) {
        let (name, value) = pair.split_once('=').expect("a name and a value");
        assert!(!value.is_empty());
        assert!(given.iter().any(|cookie| (cookie.name(), cookie.value()) == (name, value)), "{pair}");
    }
    for cookie in &given {
        let name = cookie.name();
        assert_eq!(jar.without(name).get(name), None);
        assert_eq!(jar.only(name).get(name), jar.get(name));
        let path = cookie.path().unwrap_or("/");
        if !"/v2/".starts_with(path) && jar.get(name) == Some(cookie.value()) && jar.get(name) != Some("") {
            let same =
                |other: &&cookie::Cookie<'_>| other.name() == name && "/v2/".starts_with(other.path().unwrap_or("/"));
            let elsewhere = sent(&jar, "/v2/").unwrap_or_default();
            let pair = format!("{name}={}", cookie.value());
            assert!(given.iter().any(|other| same(&other)) || !elsewhere.split("; ").any(|sent| sent == pair));
        }
    }
    let shown = format!("{jar:?}");
    // A value with a quote in it may look like the end of one name and the beginning of the next.
    for cookie in given.iter().filter(|cookie| cookie.value().len() > 8 && !cookie.value().contains('"')) {
        let named = given.iter().any(|other| format!("{:?}", other.name()).contains(cookie.value()));
        assert!(named || !shown.contains(cookie.value()), "a jar shows no values");
    }
}

/// The cookies that go along with a request for `path`.
fn sent(jar: &Jar, path: &str) -> Option<String> {
    jar.fill(Request::get(path), path).field("cookie").map(str::to_owned)
}

/// An issuer's description of itself, and its keys: what is missing is told, whatever the case of the fields.
pub fn discovery(data: &[u8]) {
    let Ok(document) = serde_json::from_slice::<Value>(data) else { return };
    let wanted = ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"];
    let is_url = |name: &&str| issuer::field(&document, name).is_some_and(|url| Url::parse(url).is_ok());
    assert_eq!(issuer::endpoints(&document).is_none(), wanted.iter().all(is_url));
    for name in wanted {
        assert_eq!(issuer::field(&document, name), issuer::field(&document, &name.to_ascii_uppercase()));
    }
    if issuer::signs(&document) {
        let keys = document["keys"].as_array().expect("keys that sign are a list");
        assert!(keys.iter().any(|key| key["kty"] != "oct" && key.get("use").is_none_or(|usage| usage == "sig")));
    }
}

/// A login page: what is sent back is what the page asked for, and nothing but.
pub fn form(data: &[u8]) {
    let Ok(page) = str::from_utf8(data) else { return };
    let hidden = format!("<template>{}</template>", page.replace("template", "div"));
    assert_eq!(Form::find(&hidden), None, "what stands in a template is not shown");
    let Some(form) = Form::find(page) else { return };
    let lower = page.to_ascii_lowercase();
    assert!(lower.contains("<form") && lower.contains("password"));

    let who = Visitor { name: "ci".into(), password: Secret::new("password", "a password"), claims: None };
    let to = Url::parse("https://i.test/login").unwrap();
    let body = form.filled(to.clone(), &who).sends().unwrap_or_default();
    let fields: Vec<(String, String)> = form_urlencoded::parse(&body).into_owned().collect();
    let typed = |value: &str| fields.iter().filter(|(_, sent)| sent == value).count();
    assert!(typed("a password") >= 1 && typed("ci") >= 1, "{fields:?}");
    // The same form, written by somebody else, is the same form.
    let escaped = |text: &str| text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    let inputs: String = fields[..fields.len() - 2]
        .iter()
        .map(|(name, value)| format!("<input type=hidden name=\"{}\" value=\"{}\">", escaped(name), escaped(value)))
        .collect();
    let [(user, _), (password, _)] = &fields[fields.len() - 2..] else { panic!("two fields are typed") };
    let (user, password, action) = (escaped(user), escaped(password), escaped(&form.action));
    let again = format!(
        "<form method=post action=\"{action}\">{inputs}<input name=\"{user}\"><input type=password name=\"{password}\"></form>"
    );
    // A parser of HTML makes line feeds of carriage returns, and knows no NUL.
    if !page.contains(['\r', '\0']) && !again.contains(['\r', '\0']) {
        let again = Form::find(&again).expect("a form");
        assert_eq!(again.filled(to, &who).sends(), Some(body));
    }
}

/// A manifest or an index: every digest that is followed stands in it.
pub fn manifest(data: &[u8]) {
    let Some(answer) = read_answer(&registry(), data) else { return };
    let Some(body) = answer.json() else { return };
    let text = body.to_string();
    let within = |blob: &Descriptor| {
        assert!(Digest::parse(blob.digest.as_str()).is_ok());
        assert!(text.contains(blob.digest.as_str()));
    };
    let child = platform(&body);
    child.iter().for_each(within);
    if child.is_some() {
        assert!(body["manifests"].as_array().is_some_and(|manifests| !manifests.is_empty()));
    }
    if let Some((config, layers)) = named_blobs(&body) {
        assert_eq!(layers.len(), body["layers"].as_array().map_or(0, Vec::len), "no layer is passed over");
        std::iter::once(&config).chain(&layers).for_each(within);
    }
    if let Some(platform) = Platform::read(&body) {
        assert!(platform.serves(&platform));
    }
    if is_index(&answer) {
        assert!(answer.header("content-type").is_some());
    }
}
