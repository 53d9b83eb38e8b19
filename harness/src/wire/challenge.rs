//! The challenge of a 401 (RFC 9110 section 11.6.1; OCI distribution-spec, "Determining Support").

use super::Exchange;

/// Whether the answer tells a client how to authenticate: one challenge at least, of a scheme that registry clients
/// know, with a realm that is not empty.
///
/// zot sends a lower-case `basic realm=` without a realm on a plain 200 of `/v2/` (observed on v2.1.20), so a header
/// field alone proves nothing.
///
/// # Errors
/// What is missing, in words that follow "the challenge".
pub fn usable(exchange: &Exchange) -> Result<(), String> {
    let mut problem = "is missing: no WWW-Authenticate field".to_owned();
    for value in exchange.headers("www-authenticate") {
        match http_auth::parse_challenges(value) {
            Err(error) => problem = format!("cannot be parsed: `{value}` ({error})"),
            Ok(challenges) => {
                for challenge in challenges {
                    let known = ["basic", "bearer"].iter().any(|scheme| challenge.scheme.eq_ignore_ascii_case(scheme));
                    let realm = challenge.params.iter().find(|(name, _)| name.eq_ignore_ascii_case("realm"));
                    match realm {
                        _ if !known => problem = format!("is of a scheme that no client knows: `{value}`"),
                        Some((_, realm)) if !realm.to_unescaped().is_empty() => return Ok(()),
                        _ => problem = format!("has no realm: `{value}`"),
                    }
                }
            }
        }
    }
    Err(problem)
}
