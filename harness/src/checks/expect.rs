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
