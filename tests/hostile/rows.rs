//! What is no matter of one connection: names, certificates, everything at once, secrets that must not follow, and
//! answers within all bounds that take more memory than they look.

use zot_verify_fixtures::edge::Certificate;
use zot_verify_fixtures::hostile::Step::{self, Counts, Drips, Repeats, Resets, Says, Waits};
use zot_verify_fixtures::hostile::{ENDLESS, Stage, Trick};
use zot_verify_fixtures::proxy::When;

use crate::row::{By, From, Row};

/// What is typed, but for the checks.
macro_rules! words {
    ($checks:literal) => {
        concat!($checks, " --ca ca.pem --pull-image zot-verify/pull:v1 --timeout 30s")
    };
}

/// An answer with this status and these fields, each with its line end, and this body.
macro_rules! says {
    ($status:literal, $fields:literal, $body:literal) => {
        &[Says(concat!("HTTP/1.1 ", $status, "\r\nConnection: close\r\n", $fields, "\r\n", $body).as_bytes())]
    };
}

const OK: Step = Says(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");

/// A row that is never recognised.
const fn first(case: &'static str, tricks: &'static [Trick], by: By, tells: &'static str) -> Row {
    let words = "pull.anonymous --ca ca.pem --pull-image zot-verify/pull:v1 --timeout 2s";
    Row { case, from: From::First, tricks, by, words, exit: 3, verdicts: &[], tells }
}

/// A row in front of a good registry.
const fn later(
    case: &'static str,
    tricks: &'static [Trick],
    words: &'static str,
    exit: i32,
    verdicts: &'static [(&'static str, &'static str)],
    tells: &'static str,
) -> Row {
    Row { case, from: From::Later, tricks, by: By::Http, words, exit, verdicts, tells }
}

/// A row with a certificate that nobody should believe.
const fn certificate(case: &'static str, says: Certificate, part: &'static [(&'static str, &'static str)]) -> Row {
    let words = words!("transport.tls pull.anonymous");
    Row {
        case,
        from: From::First,
        tricks: &[],
        by: By::Tls(says),
        words,
        exit: 1,
        verdicts: part,
        tells: "asked nothing",
    }
}

const TAG: When = When::path("/v2/zot-verify/pull/manifests/v1");

/// Everything but the first two questions, by which a registry is recognised.
const FURTHER: When = When::path("*").after(2);

/// What is asked with a key.
const KEY: When = When::path("*").header("authorization", "Basic *");

/// What announces a body and holds it back.
const HELD: When = When::path("*").header("expect", "*");

const METRICS: When = When::path("/metrics");

const TEXT: Step = Says(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n");

const DISCOVERY: When = When::path("/.well-known/openid-configuration");

/// A registry that leads people to itself, as their issuer.
const LOGIN: Trick = Trick::at(
    When::path("/zot/auth/login"),
    says!("302 Found", "Location: {own}/authorize?x=1\r\nContent-Length: 0\r\n", ""),
);

/// How it describes itself then.
const KNOWN: &[Step] = says!("200 OK", "", "{\"issuer\":\"{own}\",\"authorization_endpoint\":\"{own}/authorize\"}");

/// What is typed to look at metrics; there is time enough for whatever is read.
const SCRAPED: &str = "metrics.anonymous --timeout 60s";

/// What is typed to look at all that can be looked at.
const EVERYTHING: &str =
    "--allow-writes --ledger ledger.jsonl --issuer {own} --pull-image zot-verify/pull:v1 --timeout 30s";

const HTTP: &[Step] = says!("400 Bad Request", "Content-Type: text/plain\r\n", "Client sent an HTTPS request.\n");

pub(crate) static ROWS: &[Row] = &[
    first("has a name that nobody has", &[], By::NoName, "failed to lookup address information"),
    first(
        "does not answer a handshake",
        &[Trick { stage: Stage::Connected, does: &[Waits] }],
        By::Https,
        "was not ready within 2s",
    ),
    first(
        "stops within a handshake",
        // The beginning of a record that is a handshake (RFC 8446, section 5.1).
        &[Trick { stage: Stage::Connected, does: &[Says(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76"), Waits] }],
        By::Https,
        "was not ready within 2s",
    ),
    first(
        "sends a byte of a handshake a second",
        &[Trick { stage: Stage::Connected, does: &[Says(b"\x16\x03\x03\x40\x00"), Drips(b"\x02")] }],
        By::Https,
        "was not ready within 2s",
    ),
    first(
        "sends a handshake without end",
        &[Trick {
            stage: Stage::Connected,
            does: &[Says(b"\x16\x03\x03\x40\x00\x02\xff\xff\xff"), Repeats(b"\x16\x03\x03\x40\x00", ENDLESS)],
        }],
        By::Https,
        "does not answer",
    ),
    first(
        "speaks http where https is expected",
        &[Trick { stage: Stage::Connected, does: HTTP }],
        By::Https,
        "the server does not answer as https does; is it http?",
    ),
    first("hangs up on a handshake", &[Trick { stage: Stage::Connected, does: &[] }], By::Https, "does not answer"),
    certificate(
        "shows a certificate that it signed itself",
        Certificate::SelfSigned,
        &[("transport.tls/chain", "fail"), ("pull.anonymous", "error")],
    ),
    certificate(
        "shows a certificate that has ended",
        Certificate::Ended,
        &[("transport.tls/validity", "fail"), ("pull.anonymous", "error")],
    ),
    certificate(
        "shows a certificate for another host",
        Certificate::OtherHost,
        &[("transport.tls/host", "fail"), ("pull.anonymous", "error")],
    ),
    Row {
        by: By::Tls(Certificate::Good),
        ..later(
            "shows a good certificate and stops before an answer",
            &[Trick::at(TAG, &[Waits])],
            "pull.anonymous --ca ca.pem --pull-image zot-verify/pull:v1 --timeout 2s",
            3,
            &[("pull.anonymous/index", "error")],
            "no verdict within the 2 s",
        )
    },
    later(
        "answers 429 to everything, and names a day to wait",
        &[Trick::at(FURTHER, says!("429 Too Many Requests", "Retry-After: 86400\r\nContent-Length: 0\r\n", ""))],
        EVERYTHING,
        1,
        &[("pull.anonymous", "fail")],
        "429",
    ),
    later(
        "answers 503 to everything",
        &[Trick::at(FURTHER, says!("503 Service Unavailable", "Retry-After: 86400\r\nContent-Length: 0\r\n", ""))],
        EVERYTHING,
        1,
        &[("pull.anonymous", "fail")],
        "503",
    ),
    later(
        "answers nothing more at all",
        &[Trick::at(FURTHER, &[Waits])],
        "--allow-writes --ledger ledger.jsonl --issuer {own} --pull-image zot-verify/pull:v1 --timeout 2s",
        3,
        &[("pull.anonymous", "error"), ("push.anonymous-denied", "error")],
        "no verdict within the 2 s",
    ),
    later(
        "resets every connection",
        &[Trick::at(FURTHER, &[Resets])],
        EVERYTHING,
        3,
        &[("pull.anonymous", "error"), ("push.anonymous-denied", "error")],
        "reset",
    ),
    later(
        "sends a byte of the body a second, and there is time enough",
        &[Trick::at(TAG, &[OK, Drips(b" ")])],
        "pull.anonymous --pull-image zot-verify/pull:v1 --timeout 30s",
        3,
        &[("pull.anonymous/index", "error")],
        "no complete answer in time",
    ),
    later(
        "takes announced bodies and says nothing",
        &[Trick::at(HELD, &[Waits])],
        "transport.proxy --pull-image zot-verify/pull:v1 --timeout 30s",
        3,
        &[("transport.proxy/large-push", "error"), ("transport.proxy/chunked-push", "error")],
        "no complete answer in time",
    ),
    later(
        "answers announced bodies with a byte a second, and there is time enough",
        &[Trick::at(HELD, &[OK, Drips(b" ")])],
        "transport.proxy --pull-image zot-verify/pull:v1 --timeout 30s",
        3,
        &[("transport.proxy/large-push", "error"), ("transport.proxy/chunked-push", "error")],
        "no complete answer in time",
    ),
    later(
        "answers announced bodies without end",
        &[Trick::at(HELD, &[OK, Repeats(b" ", ENDLESS)])],
        words!("transport.proxy"),
        1,
        &[("transport.proxy/large-push", "fail"), ("transport.proxy/chunked-push", "fail")],
        "its body went on beyond 4194304 bytes",
    ),
    later(
        "redirects whoever shows a key to another host",
        &[Trick::at(KEY, says!("307 Temporary Redirect", "Location: {other}/v2/\r\nContent-Length: 0\r\n", ""))],
        words!("apikey.expiry"),
        1,
        &[("apikey.expiry/accepted", "fail")],
        "307",
    ),
    later(
        "lets uploads go on at another host",
        &[Trick::at(KEY, says!("202 Accepted", "Location: {other}/v2/a/blobs/uploads/1\r\nContent-Length: 0\r\n", ""))],
        words!("push.apikey --allow-writes --ledger ledger.jsonl"),
        1,
        &[("push.apikey/upload", "fail")],
        "where the upload goes on, on the same registry",
    ),
    later(
        "sends whoever shows a key to another host for a token",
        &[Trick::at(
            KEY,
            says!(
                "401 Unauthorized",
                "WWW-Authenticate: Bearer realm=\"{other}/token\",service=\"a\"\r\nContent-Length: 0\r\n",
                ""
            ),
        )],
        words!("apikey.expiry push.apikey --allow-writes --ledger ledger.jsonl"),
        1,
        &[("apikey.expiry/accepted", "fail"), ("push.apikey/upload", "fail")],
        "Bearer realm=",
    ),
    later(
        "names another host for tokens, to everybody",
        &[Trick::at(
            When::path("*"),
            says!(
                "401 Unauthorized",
                "Docker-Distribution-Api-Version: registry/2.0\r\nWWW-Authenticate: Bearer realm=\"{other}/token\",service=\"a\"\r\nContent-Length: 0\r\n",
                ""
            ),
        )],
        EVERYTHING,
        1,
        &[("pull.anonymous", "fail"), ("pull.personas", "fail")],
        "Bearer realm=",
    ),
    later(
        "leads a login to another host",
        &[
            Trick::at(
                When::path("/zot/auth/login"),
                says!("302 Found", "Location: {other}/authorize?x=1\r\nContent-Length: 0\r\n", ""),
            ),
            Trick::at(
                DISCOVERY,
                says!("200 OK", "", "{\"issuer\":\"{own}\",\"authorization_endpoint\":\"{other}/authorize\"}"),
            ),
        ],
        words!("login.session login.redirect --issuer {own}"),
        1,
        &[("login.session/session", "skipped"), ("login.redirect/issuer-accepts", "skipped")],
        "leads away from the issuer",
    ),
    later(
        "is an issuer whose form goes to another host",
        &[
            LOGIN,
            Trick::at(DISCOVERY, KNOWN),
            Trick::at(
                When::path("/authorize"),
                says!(
                    "200 OK",
                    "Content-Type: text/html\r\n",
                    "<form method=post action={other}/steal><input name=u><input type=password name=p></form>"
                ),
            ),
        ],
        words!("login.session --issuer {own}"),
        4,
        &[("login.session/session", "skipped")],
        "leads away from the issuer",
    ),
    later(
        "is an issuer that redirects for ever",
        &[
            LOGIN,
            Trick::at(DISCOVERY, KNOWN),
            Trick::at(
                When::path("/authorize"),
                says!("302 Found", "Location: {own}/authorize\r\nContent-Length: 0\r\n", ""),
            ),
        ],
        words!("login.session --issuer {own}"),
        3,
        &[("login.session/session", "error")],
        "redirects more than 8 times",
    ),
    later(
        "is an issuer that says nothing",
        &[Trick::at(DISCOVERY, &[Waits])],
        "login.redirect --issuer {own} --timeout 2s",
        3,
        &[("login.redirect/endpoint", "error")],
        "no verdict within the 2 s",
    ),
    later(
        "is an issuer that describes itself without end",
        &[Trick::at(DISCOVERY, &[OK, Repeats(b" ", ENDLESS)])],
        words!("login.redirect --issuer {own}"),
        3,
        &[("login.redirect/endpoint", "error")],
        "its body went on beyond 4194304 bytes",
    ),
    later(
        "is an issuer with a page of four megabytes",
        &[
            LOGIN,
            Trick::at(DISCOVERY, KNOWN),
            Trick::at(When::path("/authorize"), &[OK, Repeats(b"<form method=post a=b>", 190_000)]),
        ],
        words!("login.session --issuer {own}"),
        3,
        &[("login.session/session", "error")],
        "its body went on beyond 262144 bytes",
    ),
    later(
        "answers everything with four mebibytes",
        &[Trick::at(FURTHER, &[OK, Repeats(b"x", 4 << 20)])],
        EVERYTHING,
        1,
        &[("pull.anonymous/catalog", "fail"), ("pull.anonymous/index", "fail")],
        "not read: the answers to this run are longer than 96 MiB together",
    ),
    later(
        "answers everything with half a million values",
        &[Trick::at(FURTHER, &[OK, Says(b"{\"repositories\":[0"), Repeats(b",0", (1 << 19) - 20), Says(b"]}")])],
        EVERYTHING,
        1,
        &[("pull.anonymous/catalog", "fail"), ("pull.anonymous/index", "fail")],
        "more than 100000 values",
    ),
    later(
        "answers with two million brackets",
        &[Trick::at(TAG, &[OK, Repeats(b"[", 2 << 20), Repeats(b"]", 2 << 20)])],
        words!("pull.anonymous"),
        1,
        &[("pull.anonymous/index", "fail")],
        "a body that begins `[[[[",
    ),
    later(
        "answers everything with header fields of 300 KiB, and new cookies",
        &[Trick::at(
            FURTHER,
            &[
                Says(b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n"),
                Counts("Set-Cookie: many-{n}=value-of-{n}-and-more; Path=/\r\n", 60),
                Says(b"X-Large: "),
                Repeats(b"%25", 100_000),
                Says(b"\r\n\r\n"),
            ],
        )],
        EVERYTHING,
        1,
        &[("pull.anonymous", "fail")],
        "404",
    ),
    later(
        "has a million repositories",
        &[Trick::at(
            When::path("/v2/_catalog"),
            &[OK, Says(b"{\"repositories\":[\"a\""), Repeats(b",\"\"", 1_300_000), Says(b"]}")],
        )],
        words!("pull.anonymous"),
        1,
        &[("pull.anonymous/catalog", "fail")],
        "catalog",
    ),
    later(
        "has 400000 metrics",
        &[Trick::at(METRICS, &[TEXT, Counts("m{n} 1\n", 400_000)])],
        SCRAPED,
        1,
        &[("metrics.anonymous/access", "pass"), ("metrics.anonymous/exposition", "fail")],
        "line 32769: more lines than the 32768 that are read",
    ),
    later(
        "has a metric with as many label sets as are read",
        &[Trick::at(METRICS, &[TEXT, Counts("m{a=\"{n}\",b=\"a\",c=\"b\",d=\"c\",e=\"d\"} 1\n", 32_768)])],
        SCRAPED,
        0,
        &[("metrics.anonymous/exposition", "pass"), ("metrics.anonymous/no-secrets", "pass")],
        "needs the family zot_http_requests_total",
    ),
    later(
        "has a label of seven megabytes of escapes",
        &[Trick::at(METRICS, &[TEXT, Says(b"m{a=\""), Repeats(b"%2525", 1_400_000), Says(b"\"} 1\n")])],
        SCRAPED,
        0,
        &[("metrics.anonymous/exposition", "pass"), ("metrics.anonymous/no-secrets", "skipped")],
        "needs metrics that can be looked through: line 1 is too much",
    ),
    later(
        "has metrics without end",
        &[Trick::at(METRICS, &[TEXT, Repeats(b"m 1\n", ENDLESS)])],
        SCRAPED,
        1,
        &[("metrics.anonymous/access", "fail")],
        "its body went on beyond 8388608 bytes",
    ),
];
