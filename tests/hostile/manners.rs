//! What can be done to a connection, whatever was asked on it. Each is met twice: from the first byte, and in front of a
//! good registry where a tag is asked for.

use zot_verify_fixtures::hostile::Step::{self, Drips, Repeats, Resets, Says, Waits};
use zot_verify_fixtures::hostile::{ENDLESS, Trick};
use zot_verify_fixtures::proxy::When;

use crate::row::{By, From, Row};

/// One way to behave, and what is told of it.
struct Manner {
    case: &'static str,
    does: &'static [Step],
    /// What is told of a server that never behaved otherwise; none where it would pass for a registry.
    first: Option<&'static str>,
    /// The verdict on the tag, and what is told.
    later: (&'static str, &'static str),
}

/// The tag that is asked for.
const TAG: &str = "/v2/zot-verify/pull/manifests/v1";

/// The part that asks for it.
const PART: &str = "pull.anonymous/index";

/// What is typed where the server says too much.
const WORDS: &str = "pull.anonymous --pull-image zot-verify/pull:v1 --timeout 60s";

/// What is typed where it says too little, and only the end of time ends the run.
const WAITING: &str = "pull.anonymous --pull-image zot-verify/pull:v1 --timeout 2s";

/// No answer within the time of the whole run.
const NO_TIME: &str = "no verdict within the 2 s that the whole run may take";
/// The same before anything was recognised.
const NOT_READY: &str = "was not ready within 2s";

/// The beginning of an answer: it could be a registry's, and an index.
macro_rules! ok {
    ($($more:literal)*) => {
        Says(concat!(
            "HTTP/1.1 200 OK\r\nDocker-Distribution-Api-Version: registry/2.0\r\nConnection: close\r\n",
            "Content-Type: application/vnd.oci.image.index.v1+json\r\n",
            $($more),*
        ).as_bytes())
    };
}

/// A chunk of 4 KiB.
const CHUNK: [u8; 4104] = {
    let mut chunk = [b' '; 4104];
    let (head, end) = (*b"1000\r\n", *b"\r\n");
    let mut at = 0;
    while at < head.len() {
        chunk[at] = head[at];
        at += 1;
    }
    chunk[4102] = end[0];
    chunk[4103] = end[1];
    chunk
};

/// A mebibyte of zeros, packed by gzip to a thousandth.
const ZEROS: &[u8] = include_bytes!("zeros.gz");

const MANNERS: &[Manner] = &[
    Manner { case: "never answers", does: &[Waits], first: Some(NOT_READY), later: ("error", NO_TIME) },
    Manner {
        case: "stops within the status line",
        does: &[Says(b"HTTP/1.1 2"), Waits],
        first: Some(NOT_READY),
        later: ("error", NO_TIME),
    },
    Manner {
        case: "stops after the status line",
        does: &[Says(b"HTTP/1.1 200 OK\r\n"), Waits],
        first: Some(NOT_READY),
        later: ("error", NO_TIME),
    },
    Manner {
        case: "stops within the header fields",
        does: &[ok!("X-Half: "), Waits],
        first: Some(NOT_READY),
        later: ("error", NO_TIME),
    },
    Manner {
        case: "stops before the body",
        does: &[ok!("Content-Length: 100\r\n\r\n"), Waits],
        first: Some(NOT_READY),
        later: ("error", NO_TIME),
    },
    Manner {
        case: "stops within the body",
        does: &[ok!("Content-Length: 100\r\n\r\n{\"half"), Waits],
        first: Some(NOT_READY),
        later: ("error", NO_TIME),
    },
    Manner {
        case: "sends a byte of a header field a second",
        does: &[ok!("X-Slow: "), Drips(b"a")],
        first: Some(NOT_READY),
        later: ("error", NO_TIME),
    },
    Manner {
        case: "sends a byte of the body a second",
        does: &[ok!("\r\n"), Drips(b" ")],
        first: Some(NOT_READY),
        later: ("error", NO_TIME),
    },
    Manner {
        case: "sends a body without end",
        does: &[ok!("\r\n"), Repeats(b" ", ENDLESS)],
        first: Some("its body went on beyond 4194304 bytes"),
        later: ("fail", "its body went on beyond 4194304 bytes"),
    },
    Manner {
        case: "sends chunks without end",
        does: &[ok!("Transfer-Encoding: chunked\r\n\r\n"), Repeats(&CHUNK, ENDLESS)],
        first: Some("its body went on beyond 4194304 bytes"),
        later: ("fail", "its body went on beyond 4194304 bytes"),
    },
    Manner {
        case: "announces ten gigabytes and sends them",
        does: &[ok!("Content-Length: 10737418240\r\n\r\n"), Repeats(b" ", 10 << 30)],
        first: Some("its body went on beyond 4194304 bytes"),
        later: ("fail", "its body went on beyond 4194304 bytes"),
    },
    Manner {
        case: "announces ten gigabytes and hangs up",
        does: &[ok!("Content-Length: 10737418240\r\n\r\n{}")],
        first: Some("its body broke off after 2 bytes"),
        later: ("fail", "its body broke off after 2 bytes"),
    },
    Manner {
        case: "announces a chunk of ten gigabytes and hangs up",
        does: &[ok!("Transfer-Encoding: chunked\r\n\r\n280000000\r\n{}")],
        first: Some("its body broke off after 2 bytes"),
        later: ("fail", "its body broke off after 2 bytes"),
    },
    Manner {
        case: "announces a chunk longer than can be counted",
        does: &[ok!("Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}"), Waits],
        first: Some("its body broke off after 0 bytes"),
        later: ("fail", "its body broke off after 0 bytes"),
    },
    Manner {
        case: "sends a chunk with an extension without end",
        does: &[ok!("Transfer-Encoding: chunked\r\n\r\n2;"), Repeats(b"a", ENDLESS)],
        first: Some("its body broke off after 0 bytes"),
        later: ("fail", "its body broke off after 0 bytes"),
    },
    Manner {
        case: "sends trailers without end",
        does: &[ok!("Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"), Repeats(b"X-More: 1\r\n", ENDLESS)],
        first: Some("its body broke off after 2 bytes"),
        later: ("fail", "its body broke off after 2 bytes"),
    },
    Manner {
        case: "hangs up within the body",
        does: &[ok!("Content-Length: 100\r\n\r\n{\"half")],
        first: Some("its body broke off after 6 bytes"),
        later: ("fail", "its body broke off after 6 bytes"),
    },
    Manner {
        case: "announces fewer bytes than it sends",
        does: &[ok!("Content-Length: 5\r\n\r\n{\"manifests\":[]}")],
        first: None,
        later: ("fail", "a body that begins `{\"man`"),
    },
    Manner {
        case: "announces two lengths",
        does: &[ok!("Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}")],
        first: Some("no HTTP"),
        later: ("error", "no HTTP"),
    },
    Manner {
        case: "announces a length that is no number",
        does: &[ok!("Content-Length: -1\r\n\r\n{}")],
        first: Some("no HTTP"),
        later: ("error", "no HTTP"),
    },
    Manner {
        case: "sends four gigabytes in four megabytes of gzip",
        does: &[ok!("Content-Encoding: gzip\r\n\r\n"), Repeats(ZEROS, 3900)],
        first: None,
        later: ("fail", "a body that begins `bytes that are no text`"),
    },
    Manner {
        case: "sends gzip without end",
        does: &[ok!("Content-Encoding: gzip\r\n\r\n"), Repeats(ZEROS, ENDLESS)],
        first: Some("its body went on beyond 4194304 bytes"),
        later: ("fail", "its body went on beyond 4194304 bytes"),
    },
    Manner {
        case: "sends ten thousand header fields",
        does: &[ok!(""), Repeats(b"X-Many: 1\r\n", 10_000), Says(b"\r\n{}")],
        first: Some("no HTTP"),
        later: ("error", "no HTTP"),
    },
    Manner {
        case: "sends header fields without end",
        does: &[ok!(""), Repeats(b"X-Many: 1\r\n", ENDLESS)],
        first: Some("no HTTP"),
        later: ("error", "no HTTP"),
    },
    Manner {
        case: "sends a header field of a mebibyte",
        does: &[ok!("X-Large: "), Repeats(b"a", 1 << 20), Says(b"\r\n\r\n{}")],
        first: Some("no HTTP"),
        later: ("error", "no HTTP"),
    },
    Manner {
        case: "sends a header field without end",
        does: &[ok!("X-Large: "), Repeats(b"a", ENDLESS)],
        first: Some("no HTTP"),
        later: ("error", "no HTTP"),
    },
    Manner {
        case: "sends interim answers without end",
        does: &[Repeats(b"HTTP/1.1 100 Continue\r\n\r\n", ENDLESS)],
        first: Some(NOT_READY),
        later: ("error", NO_TIME),
    },
    Manner {
        case: "switches protocols and stops",
        does: &[Says(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"), Waits],
        first: Some("is no registry"),
        later: ("fail", "101"),
    },
    Manner {
        case: "redirects to itself",
        does: &[Says(b"HTTP/1.1 302 Found\r\nLocation: ?again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")],
        first: Some("GET /v2/ answers 302"),
        later: ("fail", "302"),
    },
    Manner {
        case: "redirects to another host",
        does: &[Says(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: {other}/v2/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")],
        first: Some("GET /v2/ answers 307"),
        later: ("fail", "307"),
    },
    Manner {
        case: "answers with noise",
        does: &[Repeats(b"\x00\x16\xfe\r\n\x1b[2J", 10_000)],
        first: Some("no HTTP"),
        later: ("error", "no HTTP"),
    },
    Manner {
        case: "answers with noise without end",
        does: &[Repeats(b"\xfe", ENDLESS)],
        first: Some("no HTTP"),
        later: ("error", "no HTTP"),
    },
    Manner {
        case: "speaks HTTP/0.9",
        does: &[Says(b"<html>It works!</html>\n")],
        first: Some("no HTTP"),
        later: ("error", "no HTTP"),
    },
    Manner {
        case: "speaks SSH",
        does: &[Says(b"SSH-2.0-OpenSSH_9.7\r\n"), Waits],
        first: Some("no HTTP"),
        later: ("error", "no HTTP"),
    },
    Manner {
        case: "speaks HTTP/1.0, and means another page",
        does: &[Says(b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<html>It works!</html>\n")],
        first: Some("is no registry"),
        later: ("fail", "a body that begins `<html>It works!</html>"),
    },
    Manner {
        case: "answers with a status that nobody knows",
        does: &[Says(b"HTTP/1.1 999 Hm\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")],
        first: Some("GET /v2/ answers 999"),
        later: ("fail", "999"),
    },
    Manner {
        case: "answers with a status that is none",
        does: &[Says(b"HTTP/1.1 000 Hm\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")],
        first: Some("no HTTP"),
        later: ("error", "no HTTP"),
    },
    Manner {
        case: "hangs up instead of an answer",
        does: &[],
        first: Some("the server closed the connection without an answer"),
        later: ("error", "the server closed the connection without an answer"),
    },
    Manner {
        case: "resets the connection instead of an answer",
        does: &[Resets],
        first: Some("reset"),
        later: ("error", "reset"),
    },
    Manner {
        case: "resets it within the header fields",
        does: &[ok!("X-Half: "), Resets],
        first: Some("reset"),
        later: ("error", "reset"),
    },
    Manner {
        case: "resets it within the body",
        does: &[ok!("Content-Length: 100\r\n\r\n{\"half"), Resets],
        first: Some("its body broke off after"),
        later: ("fail", "its body broke off after"),
    },
    Manner {
        case: "answers 429 and names a day to wait",
        does: &[Says(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 86400\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")],
        first: Some("GET /v2/ answers 429"),
        later: ("fail", "429"),
    },
    Manner {
        case: "answers 503",
        does: &[Says(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 86400\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")],
        first: Some("GET /v2/ answers 503"),
        later: ("fail", "503"),
    },
];

/// Both rows of each.
pub(crate) fn rows() -> impl Iterator<Item = &'static Row> {
    let from = |from| MANNERS.iter().filter_map(move |manner| row(manner, from));
    from(From::First).chain(from(From::Later))
}

fn row(manner: &'static Manner, from: From) -> Option<&'static Row> {
    let asked = When::path(if from == From::First { "*" } else { TAG });
    let (verdicts, tells): (&[_], _) = match from {
        From::First => (&[], manner.first?),
        From::Later => (Box::leak(Box::new([(PART, manner.later.0)])), manner.later.1),
    };
    Some(Box::leak(Box::new(Row {
        case: manner.case,
        from,
        tricks: Box::leak(Box::new([Trick::at(asked, manner.does)])),
        by: By::Http,
        words: if [NO_TIME, NOT_READY].contains(&tells) { WAITING } else { WORDS },
        exit: if manner.later.0 == "fail" && from == From::Later { 1 } else { 3 },
        verdicts,
        tells,
    })))
}
