//! What `zot verify` lets pass, and what then goes wrong. Each seen on zot v2.1.20, which starts with all of it or says
//! nothing before it serves.

use std::net::Ipv6Addr;

use serde_json::Value;
use url::Url;
use zot_verify_model::ZotConfig;

use super::line::{Finding, Red};
use super::root;
use crate::policy::decision::Place;
use crate::settings::{nearest, without_userinfo};

/// The actions that zot knows; it compares them to the letter.
pub(crate) const ACTIONS: [&str; 5] = ["read", "create", "update", "delete", "detectManifestCollision"];

pub(crate) const ANY_WORD: &str =
    "zot takes any word without complaint and grants nothing for one that it does not know";

/// Where zot listens if nothing is said.
const ADDRESS: &str = "127.0.0.1";
const PORT: &str = "8080";

/// Every word in a list of actions, with its place.
pub(crate) fn action_words(config: &ZotConfig) -> Vec<(Place, String)> {
    let access = Place::of(["http", "accessControl"]);
    let mut lists = vec![access.at("adminPolicy").at("actions"), access.at("metrics").at("anonymousPolicy")];
    for repository in config.repositories() {
        let place = access.at("repositories").at(&repository.pattern);
        lists.extend(["anonymousPolicy", "defaultPolicy"].map(|key| place.at(key)));
        lists.extend((0..repository.policies.len()).map(|index| place.at("policies").at(index).at("actions")));
    }
    let words = lists.into_iter().flat_map(|list| {
        let words = config.get(&list.keys()).and_then(Value::as_array).cloned().unwrap_or_default();
        let word = |(index, word): (usize, Value)| {
            (list.at(index), word.as_str().map_or_else(|| word.to_string(), str::to_owned))
        };
        words.into_iter().enumerate().map(word).collect::<Vec<_>>()
    });
    words.collect()
}

/// Whether every action is one that zot knows. It takes any word, and grants nothing for one that it does not know.
#[must_use]
pub(super) fn actions(config: &ZotConfig) -> Finding {
    let words = action_words(config);
    let unknown = words.iter().filter(|(_, word)| !ACTIONS.contains(&word.as_str()));
    let reds = unknown.map(|(place, word)| {
        let list = place.keys().split_last().map(|(_, list)| list.join(".")).unwrap_or_default();
        let expected = format!("{list} names actions that zot knows: {}", ACTIONS[..4].join(", "));
        Red::fail(expected, format!("`{word}`"))
            .because(ANY_WORD, format!("mend it: {}", nearest(word, &ACTIONS)).as_str())
    });
    let reds: Vec<Red> = reds.collect();
    let known = words.len() - reds.len();
    Finding::of(reds, format!("{known} actions, each of them known"))
}

/// Whether a root directory is named. zot ends with 1 without one.
#[must_use]
pub(super) fn root_directory(config: &ZotConfig) -> Finding {
    let named = text(config, &["storage", "rootDirectory"]);
    if named.is_empty() && config.get(&["storage", "storageDriver"]).is_none() {
        return Red::fail("storage.rootDirectory names a directory", "it is not there, or empty")
            .because(
                "zot accepts that and ends with code 1: `no storage config provided`",
                "name the directory that holds the images",
            )
            .into();
    }
    if !named.is_empty() && !named.starts_with('/') {
        return root::relative("storage", named).into();
    }
    Finding::Good(if named.is_empty() { "storage.storageDriver holds the images".into() } else { named.to_owned() })
}

/// The address and the port that zot will listen on.
#[must_use]
pub(super) fn listens(config: &ZotConfig) -> (String, String) {
    let address = config.get(&["http", "address"]).and_then(Value::as_str).unwrap_or(ADDRESS);
    let port = match config.get(&["http", "port"]) {
        None => PORT.to_owned(),
        Some(Value::String(port)) => port.clone(),
        // zot reads a number as well.
        Some(other) => other.to_string(),
    };
    (address.to_owned(), port)
}

/// Whether zot could listen where it is told to, as far as the words tell.
#[must_use]
pub(super) fn address(config: &ZotConfig) -> Finding {
    let (address, port) = listens(config);
    let mut reds = Vec::new();
    if matches!(port.trim_start_matches('0'), "") {
        reds.push(Red::fail("http.port is the port that clients use", format!("`{port}`")).because(
            "zot then takes a free port, another one at each start, and nobody finds it",
            "name the port; without the key it is 8080",
        ));
    }
    if !is_host(&address) {
        let bare = address.parse::<Ipv6Addr>().is_ok();
        let cure = if bare {
            format!("write it as [{address}]")
        } else {
            "give an address of this machine, 0.0.0.0 for all of them, without scheme and port".into()
        };
        reds.push(Red::fail("http.address is an address or a host's name", format!("`{address}`")).because(
            "`zot verify` does not look at it; `zot serve` cannot listen there, and ends with code 0, as if all were well",
            cure.as_str(),
        ));
    }
    reds.extend(half_of_tls(config));
    Finding::of(reds, format!("{address}, port {port}"))
}

/// Whether zot speaks https: it does where both are named.
#[must_use]
pub(crate) fn speaks_tls(config: &ZotConfig) -> bool {
    ["cert", "key"].iter().all(|key| !text(config, &["http", "tls", key]).is_empty())
}

/// That TLS is configured, and is not spoken.
fn half_of_tls(config: &ZotConfig) -> Option<Red> {
    let tls = config.get(&["http", "tls"])?.as_object().filter(|tls| !tls.is_empty())?;
    let named = |value: &&Value| value.as_str().is_some_and(|path| !path.is_empty());
    let named: Vec<&str> = tls.iter().filter(|(_, value)| named(value)).map(|(key, _)| key.as_str()).collect();
    let named = if named.is_empty() { "neither".to_owned() } else { format!("{} alone", named.join(", ")) };
    (!speaks_tls(config)).then(|| {
        Red::fail("http.tls names both cert and key", format!("it names {named}")).because(
            "zot accepts that, and speaks plain http without a word",
            "name both, or take http.tls out where something in front ends TLS",
        )
    })
}

/// Whether `address` is what Go's `net.Listen` takes before a colon and a port.
fn is_host(address: &str) -> bool {
    let bracketed = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match bracketed {
        Some(inner) => inner.parse::<Ipv6Addr>().is_ok(),
        None => !address.contains([':', '/', ' ']),
    }
}

/// Whether the issuer can send people back: zot puts `externalUrl` before the path of its callback, whatever it is.
#[must_use]
pub(super) fn external_url(config: &ZotConfig) -> Finding {
    let people = !config.providers().is_empty();
    let given = text(config, &["http", "externalUrl"]);
    let shown = without_userinfo(given);
    let expected = "http.externalUrl is the URL by which people reach zot";
    if given.is_empty() {
        let (address, port) = listens(config);
        if !people {
            return Finding::Good("not set, and nobody logs in by OpenID".into());
        }
        let everywhere = matches!(address.as_str(), "" | "0.0.0.0" | "[::]");
        let observed = format!("not set: the issuer would send people to http://{address}:{port}/zot/auth/callback/…");
        let red = if everywhere { Red::fail(expected, observed) } else { Red::warn(expected, observed) };
        return red
            .because("without it zot makes the address of the callback from http.address and http.port; no issuer that was told the real one takes that", "set http.externalUrl to what people type, for instance https://registry.example.org")
            .into();
    }
    let parsed = Url::parse(given).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.host_str().is_some()
            && url.query().is_none()
            && url.fragment().is_none()
    });
    match parsed {
        Some(_) => Finding::Good(shown),
        None => {
            let red = if people {
                Red::fail(expected, format!("`{shown}`"))
            } else {
                Red::warn(expected, format!("`{shown}`"))
            };
            red.because(
                "zot takes any text, and sends it to the issuer as the beginning of redirect_uri, which every issuer refuses",
                "write it with https:// and the host's name",
            )
            .into()
        }
    }
}

/// Whether each mirror has an upstream and a reason to ask it.
#[must_use]
pub(super) fn mirrors(config: &ZotConfig) -> Finding {
    let registries = config.sync_registries();
    let mut reds = Vec::new();
    for (index, registry) in registries.iter().enumerate() {
        let place = format!("extensions.sync.registries.{index}");
        let expected = format!("{place}.urls are URLs of registries");
        if registry.urls.is_empty() {
            reds.push(
                Red::fail(expected.as_str(), "there is none")
                    .because(WHOLE, "name the upstream, or take the entry out"),
            );
        }
        for url in &registry.urls {
            reds.extend(upstream(&expected, url));
        }
        if !registry.on_demand && !polls(config, index) {
            let expected = format!("{place} has onDemand true, or a pollInterval with content");
            reds.push(Red::fail(expected, "neither").because(
                "zot takes the entry, and never asks the upstream anything; nothing is logged",
                "set onDemand to true, to fetch an image when somebody asks for it",
            ));
        }
    }
    let upstreams: Vec<String> =
        registries.iter().flat_map(|registry| &registry.urls).map(|url| without_userinfo(url)).collect();
    Finding::of(reds, if upstreams.is_empty() { "nothing is mirrored".into() } else { upstreams.join(", ") })
}

const WHOLE: &str = "one such entry switches all mirrors off: zot starts, logs `failed to start sync extension`, and \
                     answers 404 for what it does not have";

/// Whether zot looks at a mirrored registry by itself: at intervals, for the content that is named.
fn polls(config: &ZotConfig, index: usize) -> bool {
    let at = |key: &str| config.get(&["extensions", "sync", "registries", &index.to_string(), key]);
    let interval = match at("pollInterval") {
        Some(Value::String(interval)) => interval.contains(|c: char| matches!(c, '1'..='9')),
        Some(Value::Number(interval)) => interval.as_f64() != Some(0.0),
        _ => false,
    };
    interval && at("content").and_then(Value::as_array).is_some_and(|content| !content.is_empty())
}

/// What is wrong with an upstream's URL.
fn upstream(expected: &str, url: &str) -> Option<Red> {
    let cure = "write it with https:// and the host's name";
    let observed = format!("`{}`", without_userinfo(url));
    match Url::parse(url) {
        Ok(parsed) if matches!(parsed.scheme(), "http" | "https") && parsed.host_str().is_some() => None,
        Ok(parsed) if parsed.host_str().is_some() => Some(
            Red::warn(expected, observed)
                .because(format!("zot does not speak {}, and asks over https", parsed.scheme()), cure),
        ),
        _ if !parses(url) => Some(Red::fail(expected, observed).because(WHOLE, cure)),
        _ => {
            Some(Red::fail(expected, observed).because("zot starts, and every fetch fails: `invalid reference`", cure))
        }
    }
}

/// Whether Go takes it for a URL at all: what stands before a colon in the first part of a path must be a scheme.
fn parses(url: &str) -> bool {
    let first = url.split('/').next().unwrap_or_default();
    first.split_once(':').is_none_or(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    })
}

/// Whether somebody can make the API keys that are switched on.
#[must_use]
pub(crate) fn api_keys(config: &ZotConfig) -> Finding {
    let auth = |key: &str| config.get(&["http", "auth", key]);
    let people = !config.providers().is_empty() || ["htpasswd", "ldap"].iter().any(|way| auth(way).is_some());
    if config.api_keys() && !people {
        return Red::fail(
            "whoever is to have an API key can log in",
            "http.auth has apikey, and no openid, ldap or htpasswd",
        )
        .because("nobody can make a key: zot answers 500 to everybody who asks for one", "configure http.auth.openid")
        .into();
    }
    if auth("apikey") == Some(&Value::Bool(false)) && auth("openid").is_some() {
        return Red::warn("http.auth.apikey says whether there are API keys", "it is false, and OpenID is configured")
            .because(
                "zot switches API keys on where OpenID is configured, whatever the key says",
                "leave it out, or set it to true",
            )
            .into();
    }
    Finding::Good(match (config.api_keys(), people) {
        (true, _) => "people who log in can make keys".into(),
        (false, _) => "none are asked for".into(),
    })
}

/// A text of the configuration; what is not there is empty, and so it is to zot.
fn text<'a>(config: &'a ZotConfig, path: &[&str]) -> &'a str {
    config.get(path).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_url_to_go_switches_all_mirrors_off() {
        // Each as zot v2.1.20 took it (observed).
        let whole = |url: &str| upstream("e", url).map(|red| (red.fails, red.hint.cause == WHOLE));
        assert_eq!(whole("https://registry-1.docker.io"), None);
        for url in ["::::", ":ghcr"] {
            assert_eq!(whole(url), Some((true, true)), "{url}");
        }
        for url in ["registry-1.docker.io", "registry-1.docker.io:443", ""] {
            assert_eq!(whole(url), Some((true, false)), "{url}");
        }
        assert_eq!(whole("ftp://127.0.0.1:1"), Some((false, false)));
    }

    #[test]
    fn addresses_are_those_that_go_listens_on() {
        for good in ["", "0.0.0.0", "127.0.0.1", "[::1]", "[::]", "localhost", "zot.example.org"] {
            assert!(is_host(good), "{good}");
        }
        for bad in ["::1", "127.0.0.1:5000", "http://127.0.0.1", "[x]", "a b"] {
            assert!(!is_host(bad), "{bad}");
        }
    }

    #[test]
    fn a_mirror_that_polls_has_an_interval_and_something_to_look_for() {
        let polls = |text: &str| {
            let text = format!(r#"{{"extensions":{{"sync":{{"registries":[{text}]}}}}}}"#);
            polls(&ZotConfig::parse(&text).unwrap(), 0)
        };
        assert!(polls(r#"{"pollInterval":"6h","content":[{"prefix":"**"}]}"#));
        for never in [
            r#"{"pollInterval":"6h"}"#,
            r#"{"pollInterval":"6h","content":[]}"#,
            r#"{"pollInterval":"0s","content":[{"prefix":"**"}]}"#,
            r#"{"content":[{"prefix":"**"}]}"#,
        ] {
            assert!(!polls(never), "{never}");
        }
    }

    #[test]
    fn https_needs_a_certificate_and_its_key() {
        let told = |tls: &str| {
            let config = ZotConfig::parse(&format!(r#"{{"http":{{"tls":{tls}}}}}"#)).unwrap();
            (speaks_tls(&config), half_of_tls(&config).map(|red| red.observed))
        };
        assert_eq!(told(r#"{"cert":"/c","key":"/k"}"#), (true, None));
        assert_eq!(told(r#"{"cert":"/c","key":""}"#), (false, Some("it names cert alone".into())));
        assert_eq!(told(r#"{"cert":"/c"}"#), (false, Some("it names cert alone".into())));
        assert_eq!((told("{}"), told("null")), ((false, None), (false, None)));
    }

    #[test]
    fn what_is_not_set_is_as_zot_has_it() {
        let listens = |text: &str| listens(&ZotConfig::parse(text).unwrap());
        assert_eq!(listens("{}"), ("127.0.0.1".into(), "8080".into()));
        assert_eq!(listens(r#"{"http":{"address":"","port":5050}}"#), (String::new(), "5050".into()));
    }
}
