//! What `transport.proxy` must notice.

use http::header::RANGE;
use zot_verify_fixtures::edge::Certificate;
use zot_verify_fixtures::fault::Fault;
use zot_verify_fixtures::proxy::{Rule, Then, When};

use crate::check::{LOST_SESSION, Saboteur, saboteur};
use crate::run::outcome::Verdict::{Error, Fail, Warn};

const PUSH: When = When::path("/v2/zot-verify/proxy/blobs/uploads/");
const CLEANED: When = When::path("/v2//");
const MANIFEST: When = When::path("/v2/zot-verify/pull/manifests/*").header("accept-encoding", "gzip").agents(GO);
const BLOB: When = When::path("/v2/zot-verify/pull/blobs/*").header("range", "*").agents(GO);
const GO: &[&str] = &[super::GO];

/// As nginx says it.
const TOO_LARGE: Then = Then::Answer {
    status: 413,
    headers: &[("content-type", "text/html")],
    body: "<html><head><title>413 Request Entity Too Large</title></head></html>",
};

static BODY_LIMIT: Rule = Rule { when: PUSH.header("content-length", "536870912"), then: TOO_LARGE };
static LENGTH_REQUIRED: Rule = Rule {
    when: PUSH.header("transfer-encoding", "chunked"),
    then: Then::Answer { status: 411, headers: &[], body: "" },
};
static INNER_HOST: Rule = Rule {
    when: CLEANED,
    then: Then::Replace { header: "location", from: "/v2/", to: "http://zot.internal:5000/v2/" },
};
static LEADS_NOWHERE: Rule = Rule { when: CLEANED, then: Then::NoHeader("location") };
static PACKED: Rule = Rule { when: MANIFEST, then: Then::Header("content-encoding", "gzip") };
static PACKED_BODY: Rule = Rule { when: MANIFEST.methods(&["GET"]), then: Then::Body(|_| b"\x1f\x8b\x08".to_vec()) };
static NO_LENGTH: Rule = Rule { when: MANIFEST.methods(&["HEAD"]), then: Then::Header("content-length", "0") };
static RANGE_DROPPED: Rule = Rule {
    when: BLOB,
    then: Then::Sends(|headers| {
        headers.remove(RANGE);
    }),
};
static RANGE_OF_OTHER_BYTES: Rule = Rule { when: BLOB, then: Then::Body(|_| b"{\"ar".to_vec()) };
static RANGE_REFUSED: Rule = Rule { when: BLOB, then: Then::Answer { status: 416, headers: &[], body: "" } };

/// Behind a proxy that ends TLS, zot still believes that people come over plain http.
const PLAIN_URL: &str = r#"{"http":{"externalUrl":"http://registry.zot-verify.test"}}"#;

pub(super) const ALL: &[Saboteur] = &[
    saboteur!("proxy-with-a-body-limit", &[Fault::Proxy(&BODY_LIMIT)], &[("transport.proxy/large-push", Fail)], &[],),
    saboteur!(
        "proxy-that-wants-a-length",
        &[Fault::Proxy(&LENGTH_REQUIRED)],
        &[("transport.proxy/chunked-push", Fail)],
        &[],
    ),
    saboteur!(
        "proxy-that-names-an-inner-host",
        &[Fault::Proxy(&INNER_HOST)],
        &[("transport.proxy/location", Fail)],
        &[],
    ),
    saboteur!(
        "proxy-that-takes-location-away",
        &[Fault::Proxy(&LEADS_NOWHERE)],
        &[("transport.proxy/location", Fail)],
        &[],
    ),
    saboteur!(
        "proxy-that-packs-manifests",
        &[Fault::Proxy(&PACKED), Fault::Proxy(&PACKED_BODY)],
        &[("transport.proxy/unpacked", Fail)],
        &[],
    ),
    saboteur!(
        "proxy-that-packs-and-does-not-say-so",
        &[Fault::Proxy(&PACKED_BODY)],
        &[("transport.proxy/unpacked", Fail)],
        &[],
    ),
    saboteur!("proxy-that-hides-a-length", &[Fault::Proxy(&NO_LENGTH)], &[("transport.proxy/unpacked", Fail)], &[],),
    saboteur!("proxy-that-drops-ranges", &[Fault::Proxy(&RANGE_DROPPED)], &[("transport.proxy/range", Warn)], &[]),
    saboteur!(
        "proxy-with-ranges-of-other-bytes",
        &[Fault::Proxy(&RANGE_OF_OTHER_BYTES)],
        &[("transport.proxy/range", Warn)],
        &[],
    ),
    saboteur!("proxy-that-refuses-ranges", &[Fault::Proxy(&RANGE_REFUSED)], &[("transport.proxy/range", Warn)], &[]),
    saboteur!(
        "external-url-over-plain-http-behind-tls",
        given &[Fault::Edge(Certificate::Good)],
        &[Fault::Config(PLAIN_URL)],
        &[
            ("transport.proxy/external-url", Fail),
            ("login.redirect/redirect-uri", Fail),
            ("login.redirect/issuer-accepts", Fail),
            ("login.session/session", Error),
        ],
        takes LOST_SESSION,
    ),
];
