//! Every answer that a run rests on, broken in every plain way, one at a time: what nobody notices is a hole in a check, or
//! something that no check has to notice. It finds what the authors of saboteurs did not think of.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use globset::GlobBuilder;
use zot_verify_fixtures::proxy::{Rule, Then, When};

use crate::checks::expect::DIGEST_HEADER;
use crate::wire::Evidence;

/// What all requests have in common that are broken together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    method: String,
    /// The path, with `*` for names that are new in every run.
    path: String,
    agent: String,
    /// Whether somebody sent it who has credentials or a cookie.
    known: bool,
}

/// One way in which answers of one kind are broken.
#[derive(Debug, Clone)]
pub(super) struct Mutant {
    kind: Kind,
    way: &'static str,
    then: Then,
}

/// The header fields whose loss and whose falsehood somebody should notice, and a false value for each.
const FIELDS: &[(&str, &str)] = &[
    ("content-type", "text/html"),
    (DIGEST_HEADER, "sha256:0000000000000000000000000000000000000000000000000000000000000000"),
    ("location", "http://evil.zot-verify.test/"),
    ("www-authenticate", "Digest"),
    ("set-cookie", "session=other; Path=/"),
];

/// A way that nobody has to notice: the kinds of requests (method, glob over the path), the way, and why.
type Idle = (&'static [&'static str], &'static str, &'static [&'static str], &'static str);

const ANY: &[&str] = &["*"];
const READS: &[&str] = &["GET", "HEAD"];
const WRITES: &[&str] = &["PUT", "POST", "PATCH", "DELETE"];
const BODY: &[&str] = &["no body", "a bit flipped", "a web page", "{}"];

/// What is looked at, before and after something else is tried there.
const LOOKS: &str =
    "/v2/{zot-verify/{tags,doors,commit,admin,mirror-own,inventory,key-reads,matrix},blumeops/zot-verify-matrix}/**";

/// What nobody has to notice, and why. Whatever else goes unnoticed is a hole.
const IDLE: &[Idle] = &[
    (
        ANY,
        "/{v2,zot}/**/{list,apikey,login,logout,oidc,mgmt,_catalog,uploads}",
        &["* content-type"],
        "clients parse it whatever it is called",
    ),
    (ANY, "/v2/**/uploads/*", &["* content-type", "* location", "not asked"], "the state of an upload is its status"),
    (
        ANY,
        "/v2/",
        &["* content-type", "* www-authenticate", "not asked"],
        "of a 200 at /v2/ clients look at the status",
    ),
    (ANY, "/v2/**/blobs/sha256:*", &["* content-type"], "a blob is named by its descriptor"),
    (READS, LOOKS, &["* content-type", "* docker-content-digest"], "a look compares bytes; pulls are judged elsewhere"),
    (READS, "/v2/**/sha256:*", &["* docker-content-digest"], "who asks by digest compares bytes"),
    (
        READS,
        "/v2/zot-verify/push/**",
        &["* docker-content-digest", "* content-type"],
        "what older tags are is compared by bytes",
    ),
    (
        WRITES,
        LOOKS,
        &["* docker-content-digest", "* location"],
        "what an answer to a push names is judged by push.apikey",
    ),
    (WRITES, "/v2/zot-verify/tags/by-digest-tag/**", &["200"], "a registry may not read ?tag=; the tag stays"),
    (WRITES, "/v2/**", &["403"], "it is what was answered"),
    (ANY, "/v2/**", &["* www-authenticate"], "only a 401 to somebody unknown has to say how to log in"),
    (READS, "/v2/{_catalog,**/tags/list,_zot/ext/mgmt}", &["a bit flipped"], "names of others change"),
    (READS, "/zot/auth/**", BODY, "a redirect is where it leads"),
    (ANY, "/zot/auth/logout", BODY, "whether the session lives is asked afterwards"),
    (ANY, "/zot/auth/logout", &["* set-cookie"], "whether the session lives is asked afterwards"),
    (
        ANY,
        "/zot/auth/apikey",
        &["500", "403"],
        "zot refuses anybody's wish for a key with 500 too (observed on v2.1.20)",
    ),
];

/// What some clients have no eye for: how a client's name begins, the ways, and why.
const INDIFFERENT: &[(&str, &[&str], &str)] = &[
    (
        "Go-http-client/",
        &["* content-type", "* docker-content-digest"],
        "it asks how a proxy packs, and compares bytes",
    ),
    ("curl/", &["* content-type"], "it saves whatever it is called"),
];

/// Everything that can be done to the answers that a run saw.
pub(super) fn mutants<'a>(evidence: impl IntoIterator<Item = &'a Evidence>) -> Vec<Mutant> {
    let mut kinds = BTreeMap::<Kind, BTreeSet<Seen>>::new();
    for exchange in evidence {
        if let Some(kind) = Kind::of(exchange) {
            kinds.entry(kind).or_default().insert(Seen::of(exchange));
        }
    }
    kinds.into_iter().flat_map(|(kind, seen)| ways(&kind, &seen)).collect()
}

/// What matters of an answer for the ways in which it can be broken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    status: u16,
    has_body: bool,
    fields: Vec<usize>,
}

impl Seen {
    fn of(exchange: &Evidence) -> Self {
        let has = |name: &str| exchange.response_headers.iter().any(|(field, _)| field == name);
        let fields = (0..FIELDS.len()).filter(|at| has(FIELDS[*at].0)).collect();
        Self { status: exchange.status, has_body: !exchange.body_excerpt.is_empty(), fields }
    }
}

/// What can be done to answers of a kind. Of a refusal only the status is looked at, and the challenge: its words are the
/// server's own affair.
fn ways(kind: &Kind, seen: &BTreeSet<Seen>) -> Vec<Mutant> {
    let mut ways = Vec::new();
    let mut way = |way, then| ways.push(Mutant { kind: kind.clone(), way, then });
    let reads = matches!(kind.method.as_str(), "GET" | "HEAD");
    let good = |seen: &&Seen| seen.status < 400;
    way("500", Then::Status(500));
    match seen.iter().find(good) {
        Some(seen) if reads => {
            way("404", Then::Status(404));
            way("not asked", Then::Answer { status: seen.status, headers: &[], body: "" });
        }
        Some(seen) => {
            way("401", Then::Status(401));
            way("not done", Then::Answer { status: seen.status, headers: &[], body: "" });
        }
        None => {
            way("200", Then::Status(200));
            way("403", Then::Status(403));
        }
    }
    if kind.method != "HEAD" && seen.iter().filter(good).any(|seen| seen.has_body) {
        way("no body", Then::Body(|_| Vec::new()));
        way("a bit flipped", Then::Body(flipped));
        way("a web page", Then::Body(|_| b"<!doctype html><title>Welcome</title>".to_vec()));
        way("{}", Then::Body(|_| b"{}".to_vec()));
        way("cut short", Then::CutShort);
    }
    for (at, (name, lie)) in FIELDS.iter().enumerate() {
        if seen.iter().any(|seen| seen.fields.contains(&at) && (seen.status < 400 || *name == "www-authenticate")) {
            way(concat_way("no ", name), Then::NoHeader(name));
            way(concat_way("false ", name), Then::Header(name, lie));
        }
    }
    ways
}

/// A name for a way; there are ten of them.
fn concat_way(word: &str, name: &str) -> &'static str {
    String::leak(format!("{word}{name}"))
}

/// One bit in the middle is wrong.
fn flipped(body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    let middle = body.len() / 2;
    if let Some(byte) = body.get_mut(middle) {
        *byte ^= 1;
    }
    body
}

impl Kind {
    /// The kind of a request to the registry.
    fn of(exchange: &Evidence) -> Option<Self> {
        let sent = |name: &str| exchange.request_headers.iter().find(|(field, _)| field == name);
        let url = url::Url::parse(&exchange.url).ok()?;
        if !["/v2/", "/zot/auth/", "/metrics"].iter().any(|served| url.path().starts_with(served)) {
            return None;
        }
        let known = sent("authorization").is_some() || sent("cookie").is_some();
        let agent = sent("user-agent").map(|(_, value)| value.clone()).unwrap_or_default();
        Some(Self { method: exchange.method.clone(), path: steady(url.path()), agent, known })
    }
}

/// A path with `*` for what is new in every run.
fn steady(path: &str) -> String {
    match path.split_once("/blobs/uploads/") {
        Some((head, tail)) if !tail.is_empty() => format!("{head}/blobs/uploads/*"),
        _ => path.to_owned(),
    }
}

impl Mutant {
    /// Why nobody has to notice it, where that is so.
    pub(super) fn is_idle(&self) -> Option<&'static str> {
        let fits = |pattern: &str, text: &str| {
            let glob = GlobBuilder::new(pattern).literal_separator(true).build();
            pattern == text || glob.is_ok_and(|glob| glob.compile_matcher().is_match(text))
        };
        let indifferent = INDIFFERENT
            .iter()
            .find(|(agent, ways, _)| self.kind.agent.starts_with(agent) && ways.iter().any(|way| fits(way, self.way)));
        if let Some((.., why)) = indifferent {
            return Some(why);
        }
        let idle = IDLE.iter().find(|(methods, path, ways, _)| {
            methods.iter().any(|method| fits(method, &self.kind.method))
                && fits(path, &self.kind.path)
                && ways.iter().any(|way| fits(way, self.way))
        });
        idle.map(|(.., why)| *why)
    }

    /// The rule that does it. It lives as long as the program, which ends soon after.
    pub(super) fn rule(&self) -> &'static Rule {
        let text = |text: &str| -> &'static str { String::leak(text.to_owned()) };
        let kind = &self.kind;
        let when = When {
            methods: Vec::leak(vec![text(&kind.method)]),
            agents: Vec::leak(vec![text(&kind.agent)]),
            without: if kind.known { &[] } else { &["authorization", "cookie"] },
            ..When::path(text(&kind.path))
        };
        Box::leak(Box::new(Rule { when, then: self.then }))
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Kind { method, path, agent, known } = &self.kind;
        let agent = agent.split([' ', '/']).next().unwrap_or_default();
        write!(f, "{method} {path} of {agent}{}: {}", if *known { ", known" } else { "" }, self.way)
    }
}
