//! What checks of several concerns expect of an answer.

use std::sync::Arc;

use serde_json::Value;
use zot_verify_model::Digest;

use crate::bounds;
use crate::run::outcome::{Breach, Halt};
use crate::wire::{Exchange, Redactor};

/// The header field that names the digest of what is answered (distribution-spec, "Pulling manifests").
pub const DIGEST_HEADER: &str = "docker-content-digest";

/// The answer has this status.
///
/// # Errors
/// A breach that names both.
pub fn status(exchange: &Arc<Exchange>, wanted: u16, redactor: &Redactor) -> Result<(), Halt> {
    if exchange.status() == wanted {
        return Ok(());
    }
    let line = exchange.line(redactor);
    Err(Breach::new(format!("{line} answers {wanted}"), observed(exchange), exchange).into())
}

/// What an answer looks like at first glance: status, and the error code that a registry puts into its body.
#[must_use]
pub fn observed(exchange: &Exchange) -> String {
    let code = exchange.json().and_then(|body| {
        let error = body.pointer("/errors/0/code").or_else(|| body.get("code"))?;
        error.as_str().map(str::to_owned)
    });
    let challenge = (exchange.status() == 401).then(|| exchange.header("www-authenticate")).flatten();
    let code = code.map_or_else(String::new, |code| format!(" {code}"));
    let challenge = challenge.map_or_else(String::new, |challenge| format!(", challenge `{challenge}`"));
    format!("{}{code}{challenge}", exchange.status())
}

/// The body is a JSON object.
///
/// # Errors
/// A breach that shows how the body begins.
pub fn object(exchange: &Arc<Exchange>, redactor: &Redactor) -> Result<Value, Halt> {
    exchange.json().filter(Value::is_object).ok_or_else(|| {
        let line = exchange.line(redactor);
        let begins: String = exchange.text().unwrap_or("bytes that are no text").chars().take(60).collect();
        let many =
            if exchange.is_crowded() { format!(" and has more than {} values", bounds::VALUES) } else { String::new() };
        Breach::new(format!("{line} answers a JSON object"), format!("a body that begins `{begins}`{many}"), exchange)
            .into()
    })
}

/// The body has this digest.
///
/// # Errors
/// A breach that names both.
pub fn digest(exchange: &Arc<Exchange>, wanted: &Digest, redactor: &Redactor) -> Result<(), Halt> {
    if exchange.digest() == wanted {
        return Ok(());
    }
    let line = exchange.line(redactor);
    let observed = format!("{} bytes with digest {}", exchange.length(), exchange.digest());
    Err(Breach::new(format!("{line} answers the bytes of {wanted}"), observed, exchange).into())
}

/// The digest header is there and names `wanted`.
///
/// # Errors
/// A breach that shows the header, or says that it is missing.
pub fn digest_header(exchange: &Arc<Exchange>, wanted: &Digest, redactor: &Redactor) -> Result<(), Halt> {
    let named = exchange.header(DIGEST_HEADER);
    if named == Some(wanted.as_str()) {
        return Ok(());
    }
    let line = exchange.line(redactor);
    let observed = named.map_or_else(|| "no such field".to_owned(), |named| format!("`{named}`"));
    Err(Breach::new(format!("Docker-Content-Digest of {line} is {wanted}"), observed, exchange).into())
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    fn answered(status: u16, fields: &[(&str, &str)], body: &str) -> Arc<Exchange> {
        let fields: Vec<(&str, &[u8])> = fields.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let url = Url::parse("https://r.test/v2/a/tags/list?n=1").unwrap();
        Arc::new(Exchange::made(&url, status, &fields, body.as_bytes()).unwrap())
    }

    fn breach<T: std::fmt::Debug>(judged: Result<T, Halt>) -> (String, String) {
        match judged {
            Err(Halt::Breach(breach)) => (breach.expected, breach.observed),
            other => panic!("no breach but {other:?}"),
        }
    }

    fn told(expected: &str, observed: &str) -> (String, String) {
        (expected.to_owned(), observed.to_owned())
    }

    #[test]
    fn the_status_is_the_one_that_was_wanted() {
        let redactor = Redactor::new();
        assert!(status(&answered(200, &[], ""), 200, &redactor).is_ok());
        let refused = answered(403, &[], r#"{"errors":[{"code":"DENIED"}]}"#);
        assert_eq!(breach(status(&refused, 200, &redactor)), told("GET /v2/a/tags/list?n=1 answers 200", "403 DENIED"));
    }

    #[test]
    fn an_answer_is_told_by_its_status_its_code_and_its_challenge() {
        let challenge = [("www-authenticate", "Basic realm=\"zot\"")];
        for (status, fields, body, said) in [
            (200, &[][..], "", "200"),
            (404, &[], r#"{"errors":[{"code":"NAME_UNKNOWN"}],"code":"OTHER"}"#, "404 NAME_UNKNOWN"),
            (401, &challenge, r#"{"code":"UNAUTHORIZED"}"#, "401 UNAUTHORIZED, challenge `Basic realm=\"zot\"`"),
            (401, &[], r#"{"code":7}"#, "401"),
            (403, &challenge, "no JSON", "403"),
        ] {
            assert_eq!(observed(&answered(status, fields, body)), said);
        }
    }

    #[test]
    fn an_object_is_an_object() {
        let redactor = Redactor::new();
        assert_eq!(object(&answered(200, &[], r#"{"a":1}"#), &redactor).unwrap()["a"], 1);
        let long = "x".repeat(70);
        for (body, begins) in [("[1]", "[1]"), ("", ""), (&*long, &long[..60])] {
            let (expected, observed) = breach(object(&answered(200, &[], body), &redactor));
            assert_eq!(expected, "GET /v2/a/tags/list?n=1 answers a JSON object");
            assert_eq!(observed, format!("a body that begins `{begins}`"));
        }
    }

    #[test]
    fn the_bytes_and_the_header_have_the_digest() {
        let (redactor, wanted, other) = (Redactor::new(), Digest::of(b"x"), Digest::of(b""));
        let answer = answered(200, &[(DIGEST_HEADER, wanted.as_str())], "x");
        assert!(digest(&answer, &wanted, &redactor).is_ok() && digest_header(&answer, &wanted, &redactor).is_ok());
        assert_eq!(breach(digest(&answer, &other, &redactor)).1, format!("1 bytes with digest {wanted}"));
        assert_eq!(breach(digest_header(&answer, &other, &redactor)).1, format!("`{wanted}`"));
        assert_eq!(breach(digest_header(&answered(200, &[], "x"), &wanted, &redactor)).1, "no such field");
    }
}
