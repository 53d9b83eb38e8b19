//! What a lab changes in a zot configuration, and nothing more: places, addresses, the issuer, and whatever would
//! reach a host outside the lab. Every change is told.

use std::path::Path;

use serde_json::{Value, json};
use zot_verify_model::ZotConfig;

/// What names a place or a host outside the lab, or needs a file that only the owner's machine has.
const OUTSIDE: &[&[&str]] = &[
    &["storage", "subPaths"],
    &["storage", "storageDriver"],
    &["storage", "cacheDriver"],
    &["storage", "remoteCache"],
    &["cluster"],
    &["http", "tls"],
    &["http", "ratelimit"],
    &["http", "auth", "ldap"],
    &["http", "auth", "sessionDriver"],
    &["http", "auth", "sessionKeysFile"],
    &["log", "output"],
    &["log", "audit"],
    &["extensions", "events"],
    &["extensions", "search", "cve"],
    &["extensions", "sync", "credentialsFile"],
    &["extensions", "sync", "downloadDir"],
];

/// What a mirrored registry needs of the owner's machine, or of a service that gives it credentials.
const OUTSIDE_OF_SYNC: &[&str] = &["certDir", "credentialHelper", "oauth2CredentialHelper"];

/// Where a lab has put things.
#[derive(Debug)]
pub struct Places<'a> {
    /// zot's root directory.
    pub root: &'a Path,
    /// Where zot finds the OpenID client's name and secret.
    pub credentials: Credentials<'a>,
    /// The address that zot listens on.
    pub address: &'a str,
    /// The port that zot listens on.
    pub port: u16,
    /// The URL by which everybody reaches the registry.
    pub external_url: &'a str,
    /// The lab's issuer.
    pub issuer: &'a str,
    /// The lab's upstream, in place of every registry that is mirrored.
    pub upstream: &'a str,
}

/// Where a registry finds the OpenID client's name and secret.
#[derive(Debug, Clone, Copy)]
pub enum Credentials<'a> {
    /// In a file that nobody else may read, as zot wants it since v2.1.6.
    File(&'a Path),
    /// In the configuration, for the stand-in: it never leaves this process.
    Inline {
        /// The client's name.
        client_id: &'a str,
        /// Its secret.
        secret: &'a str,
    },
}

/// Puts a configuration into a lab. Returns one line a change, `key: old -> new`.
pub fn adapt(config: &mut ZotConfig, places: &Places<'_>) -> Vec<String> {
    let mut changes = Changes { config, told: Vec::new() };
    changes.set(&["storage", "rootDirectory"], json!(places.root));
    changes.set(&["http", "address"], json!(places.address));
    changes.set(&["http", "port"], json!(places.port.to_string()));
    changes.set(&["http", "externalUrl"], json!(places.external_url));
    for provider in changes.config.providers() {
        let path = ["http", "auth", "openid", "providers", &provider.key];
        changes.set(&[&path[..], &["issuer"]].concat(), json!(places.issuer));
        match places.credentials {
            Credentials::File(file) => {
                changes.remove(&[&path[..], &["clientid"]].concat());
                changes.remove(&[&path[..], &["clientsecret"]].concat());
                changes.set(&[&path[..], &["credentialsFile"]].concat(), json!(file));
            }
            Credentials::Inline { client_id, secret } => {
                changes.remove(&[&path[..], &["credentialsFile"]].concat());
                changes.config.set(&[&path[..], &["clientid"]].concat(), json!(client_id));
                changes.config.set(&[&path[..], &["clientsecret"]].concat(), json!(secret));
            }
        }
    }
    changes.upstreams(places.upstream);
    OUTSIDE.iter().for_each(|path| changes.remove(path));
    changes.told
}

/// Sends whatever is mirrored to the lab's upstream, also after a fault has mirrored something else: no lab asks a host
/// outside itself.
pub fn mirror_only(config: &mut ZotConfig, upstream: &str) {
    Changes { config, told: Vec::new() }.upstreams(upstream);
}

struct Changes<'a> {
    config: &'a mut ZotConfig,
    told: Vec<String>,
}

impl Changes<'_> {
    fn set(&mut self, path: &[&str], new: Value) {
        let told = format!("{}: {{}} -> {new}", path.join("."));
        let old = self.config.set(path, new.clone());
        if old.as_ref() != Some(&new) {
            let old = old.map_or_else(|| "unset".to_owned(), |old| old.to_string());
            self.told.push(told.replacen("{}", &old, 1));
        }
    }

    fn remove(&mut self, path: &[&str]) {
        if self.config.remove(path).is_some() {
            self.told.push(format!("{}: removed", path.join(".")));
        }
    }

    fn upstreams(&mut self, upstream: &str) {
        let path = ["extensions", "sync", "registries"];
        let count = self.config.get(&path).and_then(Value::as_array).map_or(0, Vec::len);
        for index in 0..count {
            let index = index.to_string();
            let path = [&path[..], &[&index]].concat();
            self.set(&[&path[..], &["urls"]].concat(), json!([upstream]));
            OUTSIDE_OF_SYNC.iter().for_each(|key| self.remove(&[&path[..], &[key]].concat()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_lab_must_change_is_changed_and_all_of_it_is_told() {
        let mut config = ZotConfig::parse(
            r#"{"storage":{"rootDirectory":"/data","gc":true},"http":{"address":"0.0.0.0","port":"5050",
            "externalUrl":"https://r.test","auth":{"openid":{"providers":{"oidc":{"issuer":"https://i.test/o/",
            "credentialsFile":"/c.json","scopes":["openid"]}}},"apikey":true}},
            "extensions":{"search":{"enable":true,"cve":{"updateInterval":"24h"}},
            "sync":{"registries":[{"urls":["https://up.test"],"onDemand":true,"certDir":"/certs"}]},"ui":{"enable":true}}}"#,
        )
        .unwrap();
        let places = Places {
            root: Path::new("/lab/root"),
            credentials: Credentials::File(Path::new("/lab/oidc.json")),
            address: "127.0.0.1",
            port: 4711,
            external_url: "http://127.0.0.1:4711",
            issuer: "http://127.0.0.1:4712/application/o/zot/",
            upstream: "http://127.0.0.1:4713",
        };
        let told = adapt(&mut config, &places);
        insta::assert_snapshot!(told.join("\n"));
        insta::assert_json_snapshot!(config.as_value());
        assert_eq!(adapt(&mut config, &places), Vec::<String>::new(), "a second time changes nothing");
    }
}
