//! The issuer, asked as zot asks it when it starts: once, and zot ends with code 2 where it does not like the answer
//! (observed on v2.1.20: refused, an unknown name, any status but 200, no JSON, another `issuer`; it waits 30 s).

use std::sync::Arc;

use serde_json::Value;
use url::Url;
use zot_verify_model::ZotConfig;

use super::line::{Finding, Red};
use crate::bounds;
use crate::wire::{Exchange, Redactor, Request, Trust, Wire, WireError, is_private};

/// What is said of an issuer.
#[derive(Debug)]
pub(super) struct Issuer {
    /// Whether zot would start with it.
    pub(super) answers: Finding,
    /// Whether people could log in.
    pub(super) usable: Finding,
}

const ENDS: &str = "zot reads the discovery once, when it starts, and ends with code 2 without it; started again and again \
                    by what keeps it running, it serves no pulls either";
const STAY: &str = "do not restart: the zot that runs serves on without its issuer";

/// Asks every issuer of the configuration. From `elsewhere`, no answer says nothing about zot's machine.
pub(super) async fn ask(config: &ZotConfig, elsewhere: bool, run: &str, redactor: &Redactor, trust: &Trust) -> Issuer {
    let providers = config.providers();
    let named: Vec<&str> =
        providers.iter().map(|provider| provider.issuer.as_str()).filter(|name| !name.is_empty()).collect();
    if named.is_empty() {
        let reason = "no OpenID issuer is configured, so zot starts without one";
        return Issuer { answers: Finding::Skipped(reason.into()), usable: Finding::Skipped(reason.into()) };
    }
    let (mut reds, mut more, mut unknown) = (Vec::new(), Vec::new(), None);
    let mut all = true;
    for name in &named {
        match discover(name, run, redactor, trust).await {
            Ok((wire, document)) => {
                reds.extend(in_clear(name));
                match endpoints(&document) {
                    Some(missing) => more.push(missing),
                    None => more.extend(keys(&wire, &document).await),
                }
            }
            Err(Refusal::Silent(why)) if elsewhere => {
                (unknown, all) = (Some(format!("{why}; but zot's machine may reach it")), false);
            }
            Err(Refusal::Silent(why)) => {
                all = false;
                reds.push(
                    Red::fail(format!("the issuer {name} answers"), why)
                        .because(ENDS, format!("bring the issuer up first, or mend the way to it; {STAY}").as_str()),
                );
            }
            Err(Refusal::Wrong(red)) => {
                all = false;
                reds.push(red);
            }
        }
    }
    let names = named.join(", ");
    let cure = "look from zot's machine, or leave the issuer out with --skip 'issuer.*'";
    let answers = match unknown {
        Some(why) if reds.is_empty() => Finding::Unknown { why, cure: cure.into() },
        _ => Finding::of(reds, format!("{names} answers, and calls itself so")),
    };
    let usable = if all {
        Finding::of(more, "its endpoints and a key that signs are there")
    } else {
        Finding::Skipped("needs the issuer's discovery; see issuer.answers".into())
    };
    Issuer { answers, usable }
}

/// Why there is no discovery that zot would take.
enum Refusal {
    /// No answer at all.
    Silent(String),
    /// Not the right one.
    Wrong(Red),
}

/// Fetches the discovery as zot does: the issuer's name, without the last slash, and the well-known path (OpenID Connect
/// Discovery section 4); redirects are followed.
async fn discover(name: &str, run: &str, redactor: &Redactor, trust: &Trust) -> Result<(Wire, Value), Refusal> {
    let place = format!("{}/.well-known/openid-configuration", name.strip_suffix('/').unwrap_or(name));
    let url =
        Url::parse(&place).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some());
    let Some(url) = url else {
        let red = Red::fail("the issuer is a URL", format!("`{name}`"));
        return Err(Refusal::Wrong(red.because(ENDS, "write it to the letter as the issuer's discovery does")));
    };
    let wire = Wire::new(url.clone(), run, redactor.clone(), trust, true)
        .map_err(|error| Refusal::Silent(error.to_string()))?;
    let answer = follow(&wire, url).await?;
    let wrong = |expected: &str, observed: String| {
        Red::fail(format!("GET {place} answers {expected}"), observed)
            .because(ENDS, format!("mend the issuer, or its name in the configuration; {STAY}").as_str())
    };
    if answer.status() != 200 {
        return Err(Refusal::Wrong(wrong("200", format!("{}{}", answer.status(), from(&answer, &place)))));
    }
    let Some(document) = answer.json().filter(Value::is_object) else {
        let media_type = answer.header("content-type").unwrap_or("no content type");
        return Err(Refusal::Wrong(wrong(
            "a JSON object",
            format!("200, {media_type}, and no JSON object{}", from(&answer, &place)),
        )));
    };
    match field(&document, "issuer") {
        Some(said) if said == name => Ok((wire, document)),
        said => Err(Refusal::Wrong(other_name(name, said))),
    }
}

async fn follow(wire: &Wire, mut url: Url) -> Result<Arc<Exchange>, Refusal> {
    for _ in 0..bounds::HOPS {
        let answer = match wire.send(Request::get_url(url)).await {
            Ok(answer) => answer,
            Err(error @ WireError::NoAnswer { .. }) => return Err(Refusal::Silent(error.to_string())),
            Err(error @ WireError::Body { .. }) => {
                return Err(Refusal::Wrong(
                    Red::fail("the discovery comes whole", error.to_string()).because(ENDS, STAY),
                ));
            }
        };
        let to = answer.header("location").and_then(|to| answer.url().join(to).ok());
        match (answer.status(), to) {
            (301..=303 | 307 | 308, Some(to)) => url = to,
            _ => return Ok(answer),
        }
    }
    Err(Refusal::Wrong(Red::fail("the discovery answers", format!("{} redirects", bounds::HOPS)).because(ENDS, STAY)))
}

/// Where an answer came from, if it was elsewhere.
fn from(answer: &Exchange, asked: &str) -> String {
    if answer.url().as_str() == asked { String::new() } else { format!(", from {}", answer.url()) }
}

/// zot takes the fields of the discovery without regard to case (observed on v2.1.20).
pub(crate) fn field<'a>(document: &'a Value, name: &str) -> Option<&'a str> {
    document.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?.1.as_str()
}

fn other_name(configured: &str, said: Option<&str>) -> Red {
    let expected = format!("the issuer calls itself {configured}");
    let Some(said) = said else {
        return Red::fail(expected, "its discovery names no issuer")
            .because(ENDS, "ask for the discovery by hand: it is another server's");
    };
    let slash = said.trim_end_matches('/') == configured.trim_end_matches('/');
    let observed = if slash {
        format!("it calls itself {said}: they differ by a slash at the end")
    } else {
        format!("it calls itself {said}")
    };
    Red::fail(expected, observed).because(
        "zot compares the two to the letter when it starts, and ends with code 2 (`issuer does not match`); started again and again by what keeps it running, it serves no pulls either",
        format!("set issuer to {said}, if that is the one you mean").as_str(),
    )
}

fn in_clear(name: &str) -> Option<Red> {
    let url = Url::parse(name).ok().filter(|url| !is_private(url))?;
    Some(Red::warn("the issuer is asked over https", url.to_string()).because(
        "zot takes http without a word; the client secret and everybody's tokens then go over the network in clear",
        "use the issuer's https URL",
    ))
}

/// What a login needs of the discovery. zot starts without, and nobody can log in.
pub(crate) fn endpoints(document: &Value) -> Option<Red> {
    let wanted = ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"];
    let missing: Vec<&str> = wanted
        .into_iter()
        .filter(|name| field(document, name).and_then(|url| Url::parse(url).ok()).is_none())
        .collect();
    (!missing.is_empty()).then(|| {
        Red::warn(
            format!("the discovery names URLs for {}", wanted.join(", ")),
            format!("none for {}", missing.join(", ")),
        )
        .because("zot starts; every login then goes astray, while pulls and API keys go on", "mend the issuer")
    })
}

/// Whether the issuer publishes a key that signs. zot asks for it at the first login only.
async fn keys(wire: &Wire, document: &Value) -> Option<Red> {
    let url = field(document, "jwks_uri").and_then(|url| Url::parse(url).ok())?;
    let expected = format!("GET {url} answers a key that signs");
    let warn = |observed: String| {
        Red::warn(expected.as_str(), observed).because(
            "zot starts, and believes no login: without a published key it cannot check a token (an Authentik provider \
             without a signing key signs with the client secret, which zot refuses)",
            "give the issuer's provider a signing key",
        )
    };
    let answer = match wire.send(Request::get_url(url.clone())).await {
        Ok(answer) => answer,
        Err(error) => return Some(warn(error.to_string())),
    };
    let set = answer.json().filter(|_| answer.status() == 200).unwrap_or_default();
    (!signs(&set)).then(|| warn(format!("{}, and no key that signs", answer.status())))
}

/// Whether one of a set of keys signs (RFC 7517 sections 4.1 and 4.2).
pub(crate) fn signs(set: &Value) -> bool {
    let mut keys = set.get("keys").and_then(Value::as_array).into_iter().flatten();
    keys.any(|key| {
        let kind = key.get("kty").and_then(Value::as_str).unwrap_or_default();
        matches!(kind, "RSA" | "EC" | "OKP") && key.get("use").is_none_or(|usage| usage == "sig")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_is_told_where_others_can_listen() {
        assert!(in_clear("http://issuer.test/").is_some());
        assert!(in_clear("https://issuer.test/").is_none());
        assert!(in_clear("http://127.0.0.1:9000/").is_none());
    }

    #[test]
    fn a_key_of_another_use_does_not_sign() {
        let set = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert!(signs(&set(r#"{"keys":[{"kty":"RSA","use":"enc"},{"kty":"EC"}]}"#)));
        for wrong in [r#"{"keys":[]}"#, "{}", r#"{"keys":[{"kty":"RSA","use":"enc"}]}"#, r#"{"keys":[{"kty":"oct"}]}"#]
        {
            assert!(!signs(&set(wrong)), "{wrong}");
        }
    }
}
