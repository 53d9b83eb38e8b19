//! The file with the OpenID client's name and secret: there, complete, and nobody else's to read.
//!
//! It is opened and read, since zot will; nothing of what stands in it is ever told.

use std::io;
use std::path::Path;

use serde_json::{Map, Value};
use zot_verify_model::ZotConfig;

use super::files::{self, Owner};
use super::line::{Finding, Red};
use crate::bounds;

/// What zot wants to find, and nothing else: it refuses a file with more (observed on v2.1.20).
const KEYS: [&str; 2] = ["clientid", "clientsecret"];

const REFUSED: &str = "zot reads it before anything else and ends with code 1";

/// Judges the credentials of every OpenID provider.
#[must_use]
pub(super) fn judge(config: &ZotConfig, config_file: Option<&Path>) -> Finding {
    let mut reds = Vec::new();
    let mut good = Vec::new();
    for provider in config.providers() {
        let at = |key: &str| config.get(&["http", "auth", "openid", "providers", &provider.key, key]);
        let named = at("credentialsFile").and_then(Value::as_str).unwrap_or_default();
        let inline = at("clientsecret").and_then(Value::as_str);
        match (named, inline, config_file) {
            ("", Some(""), _) => {
                let place = format!("http.auth.openid.providers.{}", provider.key);
                reds.push(empty(format!("{place} names its credentials")));
            }
            ("", Some(_), Some(config_file)) => {
                let what = format!("{}, which holds the client secret,", config_file.display());
                reds.extend(Owner::of(config_file).into_iter().filter_map(|owner| private(owner, &what)));
                good.push(config_file.display().to_string());
            }
            ("", ..) => {}
            (named, ..) => {
                reds.extend(file(Path::new(named)));
                good.push(named.to_owned());
            }
        }
    }
    match (good.is_empty(), reds.is_empty()) {
        (true, true) => Finding::Good("zot needs none".into()),
        _ => Finding::of(reds, format!("{}, complete and private", good.join(", "))),
    }
}

/// That others may read the secret, if so.
fn private(owner: Owner, name: &str) -> Option<Red> {
    owner.open_to_others().map(|observed| {
        Red::fail(format!("{name} can be read by its owner alone"), observed).because(
            "whoever can read the client secret can take zot's place at the issuer; zot itself does not look",
            "chmod 600, and let the deployment set it",
        )
    })
}

/// That the secret is empty.
fn empty(expected: String) -> Red {
    Red::fail(expected, "clientsecret is empty").because(
        "zot starts, takes itself for a public client, and the issuer refuses every login; a secret that the deployment \
         did not find arrives like this",
        "set it; for a client that has none, leave this line out with --skip machine.credentials",
    )
}

/// What is wrong with one file; several things may be.
fn file(path: &Path) -> Vec<Red> {
    let name = path.display().to_string();
    let expected = format!("{name} can be read");
    let text = match files::read(path, bounds::CREDENTIALS) {
        Ok(text) => text,
        Err(error) => {
            let cure = match error.kind() {
                io::ErrorKind::NotFound => {
                    "deploy it before zot is started; where zot runs on another machine, say --elsewhere"
                }
                io::ErrorKind::PermissionDenied => "give it to the user that runs zot, and run preflight as that user",
                _ => "put a file there that zot can read",
            };
            return vec![Red::fail(expected, error.to_string()).because(REFUSED, cure)];
        }
    };
    let mut reds = Vec::new();
    if let Ok(owner) = Owner::of(path) {
        reds.extend(private(owner, &name));
        reds.extend(owner.ours(&name));
    }
    // Other endings have other formats; zot reads some of them, and `zot verify` refuses the rest.
    if path.extension().is_some_and(|ending| ending == "json") {
        reds.extend(content(&name, &text));
    }
    reds
}

const NOT_FILLED: &str = "zot takes it to the letter and starts, and the issuer refuses every login";

/// What was to be replaced by a secret, and was not, or was with more than it.
fn unfilled(text: &str) -> Option<&'static str> {
    match text {
        _ if text.starts_with("op://") => Some("a reference that 1Password has not resolved"),
        _ if text.contains("{{") && text.contains("}}") => Some("a template that nobody has filled in"),
        _ if text.trim() != text => Some("text with white space around it"),
        _ => None,
    }
}

/// What zot would say of the content, without repeating any of it.
fn content(name: &str, text: &[u8]) -> Option<Red> {
    let expected = format!("{name} is a JSON object with clientid and clientsecret, and nothing else");
    let red = |observed: String, cure: &str| Some(Red::fail(expected.as_str(), observed).because(REFUSED, cure));
    let deploy = "deploy it anew, from a template whose variables are all set";
    let map: Map<String, Value> = match serde_json::from_slice(text) {
        Ok(map) => map,
        // The parser's own words may quote the text.
        Err(error) if error.is_data() => return red("JSON, and no object".into(), deploy),
        Err(error) => return red(format!("no JSON, from line {} on", error.line()), deploy),
    };
    let value = |key: &str| map.iter().find(|(known, _)| known.eq_ignore_ascii_case(key)).map(|(_, value)| value);
    for key in KEYS {
        match value(key) {
            None | Some(Value::Null) => return red(format!("no {key}"), deploy),
            Some(Value::String(text)) if text.is_empty() && key == "clientsecret" => {
                return Some(empty(expected));
            }
            Some(Value::String(text)) if text.is_empty() => return red(format!("{key} is empty"), deploy),
            Some(Value::Object(_) | Value::Array(_)) => return red(format!("{key} is no text"), deploy),
            Some(Value::String(text)) => {
                if let Some(what) = unfilled(text) {
                    let told = Red::fail(expected.as_str(), format!("{key} is {what}"));
                    return Some(told.because(NOT_FILLED, "let the deployment fill it in, without anything around it"));
                }
            }
            Some(_) => {}
        }
    }
    let more = map.keys().filter(|key| !KEYS.iter().any(|known| key.eq_ignore_ascii_case(known))).count();
    if more > 0 {
        return red(format!("{more} more than these, which zot does not know"), "leave those two only");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observed(text: &str) -> Option<String> {
        content("c.json", text.as_bytes()).map(|red| format!("{}|{}", red.observed, red.hint.cause))
    }

    #[test]
    fn what_zot_refuses_is_told_and_nothing_of_it_is() {
        assert_eq!(observed(r#"{"clientid":"zot","clientsecret":"hunter2"}"#), None);
        assert_eq!(observed(r#"{"clientID":"zot","ClientSecret":"hunter2"}"#), None, "zot minds no case");
        for wrong in [
            "",
            "hunter2",
            r#"["hunter2"]"#,
            r#""hunter2""#,
            "{}",
            r#"{"clientid":"hunter2"}"#,
            r#"{"clientid":"","clientsecret":"hunter2"}"#,
            r#"{"clientid":"zot","clientsecret":null}"#,
            r#"{"clientid":"zot","clientsecret":"hunter2","hunter2":1}"#,
            r#"{"clientid":"zot","clientsecret":["hunter2"]}"#,
            "{\"clientid\":\"zot\" \"clientsecret\":\"hunter2\"}",
        ] {
            let told = observed(wrong).unwrap_or_else(|| panic!("{wrong} is refused"));
            assert!(!told.contains("hunter2") && told.ends_with(REFUSED), "{told}");
        }
        for wrong in ["op://vault/hunter2/field", "{{ hunter2 }}", "hunter2\\n"] {
            let told = observed(&format!(r#"{{"clientid":"zot","clientsecret":"{wrong}"}}"#)).unwrap();
            assert!(!told.contains("hunter2") && told.ends_with(NOT_FILLED), "{told}");
        }
        let public = observed(r#"{"clientid":"zot","clientsecret":""}"#).unwrap();
        assert!(public.contains("public client"), "zot starts with that");
    }
}
