//! From "something listens" to "this is a registry": until then all trouble is ours to report, not the registry's.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::bounds;
use crate::error::Trouble;
use crate::patience::Patience;
use crate::run::outcome::Halt;
use crate::wire::{Exchange, Request, Silence, Wire, WireError, challenge};

/// What a registry says of itself.
#[derive(Debug)]
pub struct Recognition {
    /// The release that zot names.
    pub version: Option<String>,
    /// The commit that zot names.
    pub commit: Option<String>,
    /// The keys of the OpenID providers that zot names.
    pub providers: Vec<String>,
    /// What `/v2/_zot/ext/mgmt` answered; an error where the registry's certificate is not believed, and nothing was
    /// asked.
    pub mgmt: Result<Arc<Exchange>, Halt>,
}

/// Whom the registry belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Somebody else's: what answers and is no registry is told at once, since it will not become one.
    Theirs,
    /// Ours, and starting: whatever answers until then is asked again.
    Ours,
}

/// Waits until `GET /v2/` shows a registry, for at most `wait`, and asks zot what it is.
///
/// Ready is 200, or 401 with a challenge, with the version field of the distribution API (distribution-spec,
/// "Determining Support"; zot v2.1.20 sends it on the 200). Refused connections, 502 and 503 are asked again. A
/// certificate that is not believed ends the questions, and is no trouble of ours: from then on the wire shuns the
/// registry.
///
/// # Errors
/// Trouble with exit code 3 when nothing answers in time, or what answers is no registry.
pub async fn recognise(wire: &Wire, wait: Duration, whose: Whose) -> Result<Recognition, Trouble> {
    let patience = Patience::new(wait, bounds::POLL);
    loop {
        let trouble = match wire.send(Request::get("/v2/")).await {
            Ok(answer) if is_registry(&answer) => break,
            Ok(answer) if matches!(answer.status(), 502 | 503) => no_registry(wire, &answer),
            Ok(answer) if whose == Whose::Ours => no_registry(wire, &answer),
            Ok(answer) => return Err(no_registry(wire, &answer)),
            Err(error @ WireError::NoAnswer { silence: Silence::Refused, .. }) => no_answer(wire, &error, wait),
            Err(WireError::NoAnswer { silence: Silence::Untrusted, why, .. }) => {
                return Ok(Recognition::none(wire, &why));
            }
            Err(error) if whose == Whose::Ours => no_answer(wire, &error, wait),
            Err(error) => return Err(no_answer(wire, &error, wait)),
        };
        if !patience.another_look().await {
            return Err(trouble);
        }
    }
    let mgmt = wire.send(Request::get("/v2/_zot/ext/mgmt")).await.map_err(|error| no_answer(wire, &error, wait))?;
    let said = (mgmt.status() == 200).then(|| mgmt.json()).flatten().unwrap_or(Value::Null);
    let word = |name: &str| said.get(name).and_then(Value::as_str).filter(|word| !word.is_empty()).map(str::to_owned);
    let providers = said.pointer("/http/auth/openid/providers").and_then(Value::as_object);
    Ok(Recognition {
        version: word("releaseTag"),
        commit: word("commit"),
        providers: providers.map(|providers| providers.keys().cloned().collect()).unwrap_or_default(),
        mgmt: Ok(mgmt),
    })
}

/// Whether a registry that was recognised may be asked anything; for whoever does not judge its certificate.
///
/// # Errors
/// Trouble with exit code 3 where its certificate is not believed.
pub fn believed(wire: &Wire) -> Result<(), Trouble> {
    wire.shunned().map_or(Ok(()), |why| {
        Err(Trouble::unknown(format!("nothing is asked of {}", wire.registry()), why)
            .cure("`zot-verify live URL transport.tls` says what is wrong; --ca names an authority of your own"))
    })
}

impl Recognition {
    /// Nothing is known of a registry whose certificate is not believed, and it is not asked again: that is for the
    /// check of the certificate to judge, and everything else cannot be told.
    fn none(wire: &Wire, why: &str) -> Self {
        wire.shun(format!("the registry's certificate is not believed: {why}"));
        let why = wire.shunned().unwrap_or_default().to_owned();
        Self { version: None, commit: None, providers: Vec::new(), mgmt: Err(Halt::Error(why)) }
    }
}

pub(crate) fn is_registry(answer: &Exchange) -> bool {
    match answer.status() {
        200 => named(answer),
        401 => challenge::usable(answer).is_ok() && (named(answer) || speaks(answer)),
        _ => false,
    }
}

/// Whether the answer names the distribution API.
fn named(answer: &Exchange) -> bool {
    answer.header("docker-distribution-api-version") == Some("registry/2.0")
}

/// Whether the body is an error of the distribution API; zot's is one without the list (observed on v2.1.20).
fn speaks(answer: &Exchange) -> bool {
    let body = answer.json().unwrap_or(Value::Null);
    let code = body.pointer("/errors/0/code").or_else(|| body.get("code"));
    code.and_then(Value::as_str) == Some("UNAUTHORIZED")
}

fn no_answer(wire: &Wire, error: &WireError, wait: Duration) -> Trouble {
    let waited = if wait.is_zero() { String::new() } else { format!(" within {} s", wait.as_secs_f32()) };
    Trouble::unknown(format!("{} does not answer{waited}", wire.registry()), error.to_string())
        .cure("check the address, and that the registry runs; --wait 60s waits for one that is starting")
}

fn no_registry(wire: &Wire, answer: &Exchange) -> Trouble {
    let media_type = wire.redactor().redact(answer.header("content-type").unwrap_or("no content type"));
    Trouble::unknown(
        format!("{} answers, but is no registry", wire.registry()),
        format!(
            "GET /v2/ answers {} ({media_type}) without what a registry says: Docker-Distribution-Api-Version on 200, \
             or a challenge on 401",
            answer.status()
        ),
    )
    .cure("check the address; behind a proxy, that it sends this name to the registry")
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    #[test]
    fn only_a_registry_is_taken_for_one() {
        let (version, challenge) =
            (("docker-distribution-api-version", "registry/2.0"), ("www-authenticate", "Basic realm=\"zot\""));
        let refused = r#"{"errors":[{"code":"UNAUTHORIZED"}]}"#;
        for (status, fields, body, is) in [
            (200, &[version][..], "", true),
            (200, &[challenge][..], refused, false),
            (200, &[("docker-distribution-api-version", "registry/1.0")], "", false),
            (200, &[], "<title>Log in</title>", false),
            (401, &[version, challenge], "", true),
            (401, &[challenge], refused, true),
            (401, &[challenge], r#"{"code":"UNAUTHORIZED"}"#, true),
            (401, &[challenge], r#"{"code":"DENIED"}"#, false),
            (401, &[challenge], "", false),
            (401, &[version], refused, false),
            (403, &[version, challenge], refused, false),
            (302, &[version], "", false),
        ] {
            let url = Url::parse("https://r.test/v2/").unwrap();
            let given: Vec<(&str, &[u8])> = fields.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
            let answer = Exchange::made(&url, status, &given, body.as_bytes()).unwrap();
            assert_eq!(is_registry(&answer), is, "{status} {fields:?} {body}");
        }
    }
}
