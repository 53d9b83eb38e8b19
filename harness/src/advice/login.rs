//! `http.auth`: how people log in, and what is known to surprise.

use serde_json::Value;
use url::Url;
use zot_verify_model::ZotConfig;

use super::{Finding, Severity};
use crate::checks::version::Release;
use crate::policy::decision::Place;
use crate::preflight;
use crate::preflight::line::Finding as Line;

/// How Authentik names an issuer, before and after the name of the application.
const AUTHENTIK: &str = "/application/o/";

/// The claim that holds a name which people know each other by.
const NAME: &str = "preferred_username";

/// What there is to tell.
#[must_use]
pub fn look(config: &ZotConfig) -> Vec<Finding> {
    let mut findings = Vec::new();
    for provider in config.providers() {
        let place = Place::of(["http", "auth", "openid", "providers", &provider.key]);
        let slashless = provider.issuer.contains(AUTHENTIK) && !provider.issuer.ends_with('/');
        if slashless {
            let effect = "zot does not start: Authentik's discovery names the issuer with a slash at its end, and zot compares to the letter";
            let finding = Finding::new("issuer-slash", Severity::Fail, place.at("issuer"), effect);
            findings.push(finding.cure(format!("write `{}/`", provider.issuer)));
        }
        findings.extend(claim(config, &place));
    }
    if !config.providers().is_empty() {
        findings.extend(sessions(config));
    }
    findings.extend(api_keys(config));
    findings
}

/// People's names are what policies and keys go by.
fn claim(config: &ZotConfig, provider: &Place) -> Option<Finding> {
    let place = provider.at("claimMapping").at("username");
    let claim = config.get(&place.keys()).and_then(Value::as_str).filter(|claim| !claim.is_empty());
    if claim == Some(NAME) {
        return None;
    }
    let effect = match claim {
        Some(claim) => format!("people are known to zot by the claim `{claim}`: `users` in policies, and the user name of every API key, must be that"),
        None => "people are known to zot by their e-mail address: `users` in policies, and the user name of every API key, must be that".to_owned(),
    };
    let cure = format!("set claimMapping.username to \"{NAME}\"; before v2.1.11 zot refuses the key");
    Some(Finding::new("claim-mapping", Severity::Note, place, effect).cure(cure))
}

fn sessions(config: &ZotConfig) -> Vec<Finding> {
    let auth = Place::of(["http", "auth"]);
    let mut findings = Vec::new();
    let outside = config.external_url().and_then(|url| Url::parse(url).ok());
    let https = outside.is_some_and(|url| url.scheme() == "https");
    let secure = config.get(&["http", "auth", "secureSession"]);
    if https && !preflight::config::speaks_tls(config) && secure != Some(&Value::Bool(true)) {
        let effect = "session cookies lack Secure: TLS ends before zot, which therefore takes its connection for plain http, and browsers send the cookie over that, too";
        findings.push(
            Finding::new("secure-session", Severity::Warn, auth.at("secureSession"), effect)
                .cure("set http.auth.secureSession to true; before v2.1.11 zot refuses the key"),
        );
    }
    if ["sessionKeysFile", "sessionDriver"].iter().all(|key| config.get(&["http", "auth", key]).is_none()) {
        let effect = "a restart ends every session in a browser: zot makes new keys for its cookies at each start";
        findings.push(
            Finding::new("session-keys", Severity::Note, auth.at("sessionKeysFile"), effect)
                .cure("name a file with `hashKey` in http.auth.sessionKeysFile, if that is a nuisance; API keys outlive a restart anyway")
                .since(Release(2, 1, 2)),
        );
    }
    findings
}

fn api_keys(config: &ZotConfig) -> Vec<Finding> {
    let place = Place::of(["http", "auth", "apikey"]);
    let mut findings = Vec::new();
    if let Line::Bad(reds) = preflight::config::api_keys(config) {
        for red in reds {
            let severity = if red.fails { Severity::Fail } else { Severity::Warn };
            let mut finding = Finding::new("apikey-unmade", severity, place.clone(), red.hint.cause);
            finding.cure = red.hint.cure;
            findings.push(finding);
        }
    } else if config.api_keys() {
        let effect =
            "the scopes of an API key are stored and shown, and never asked for: a key may do all that its owner may";
        findings.push(Finding::new("apikey-scopes", Severity::Note, place, effect));
    }
    findings
}
