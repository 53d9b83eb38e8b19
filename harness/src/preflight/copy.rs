//! The configuration for other eyes: what it names on the machine replaced by throwaways that are good.
//!
//! `zot verify` reads the files with credentials and session keys, and it opens the log file for writing, making it
//! (observed on v2.1.20; it opens no port and no database). So it gets a copy in a directory that only this user can
//! read, in which none of the owner's secrets stands. Whether the real files are good is for lines of their own.

use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use url::Url;
use zot_verify_model::{Secret, ZotConfig};

use crate::target::PREFIX;
use crate::target::keeper::Keeper;

/// A copy, and where it lies.
#[derive(Debug)]
pub(super) struct Copy {
    keeper: Keeper,
    /// The configuration, its files and secrets replaced.
    pub(super) config: ZotConfig,
    /// The secrets that stood in it.
    pub(super) secrets: Vec<Secret>,
}

impl Copy {
    /// Copies a configuration. `program` is zot-verify itself, which becomes the reaper of the directory.
    ///
    /// # Errors
    /// What keeps it from being written.
    pub(super) async fn of(config: &ZotConfig, program: &Path) -> io::Result<Self> {
        let name = format!("{PREFIX}preflight-{}", uuid::Uuid::new_v4().simple());
        let keeper = Keeper::new(program, std::env::temp_dir().join(name)).await?;
        let (config, secrets) = Replaced::write(config, keeper.directory())?;
        Ok(Self { keeper, config, secrets })
    }

    /// Removes it.
    ///
    /// # Errors
    /// What keeps it from being removed.
    pub(super) async fn end(self) -> io::Result<()> {
        self.keeper.stop().await
    }

    /// The file to hand to `zot verify`.
    #[must_use]
    pub(super) fn path(&self) -> PathBuf {
        self.keeper.directory().join(FILE)
    }

    /// `text` without the name of the copy.
    #[must_use]
    pub(super) fn unnamed(&self, text: &str) -> String {
        text.replace(&self.keeper.directory().display().to_string(), "COPY")
    }
}

/// How the copy is called.
const FILE: &str = "config.json";

/// A configuration whose files are being replaced.
struct Replaced<'a> {
    config: ZotConfig,
    directory: &'a Path,
}

impl<'a> Replaced<'a> {
    fn write(config: &ZotConfig, directory: &'a Path) -> io::Result<(ZotConfig, Vec<Secret>)> {
        let (mut value, mut secrets) = (config.as_value().clone(), Vec::new());
        scrub(&mut value, &mut secrets);
        let mut copy = Self { config: ZotConfig::from_value(value), directory };
        for provider in config.providers() {
            let path = ["http", "auth", "openid", "providers", &provider.key];
            copy.file(&[&path[..], &["credentialsFile"]].concat(), r#"{"clientid":"zot","clientsecret":"unused"}"#)?;
        }
        copy.file(&["http", "auth", "sessionKeysFile"], r#"{"hashKey":"0123456789abcdef0123456789abcdef"}"#)?;
        copy.file(&["http", "auth", "ldap", "credentialsFile"], r#"{"bindDN":"cn=unused","bindPassword":"unused"}"#)?;
        copy.file(&["http", "auth", "htpasswd", "path"], "")?;
        copy.config.remove(&["log", "output"]);
        copy.config.remove(&["log", "audit"]);
        write(&directory.join(FILE), copy.config.to_text().as_bytes())?;
        Ok((copy.config, secrets))
    }

    /// Puts a file of ours in the place of one that is named, its name ending as that one's: zot goes by it.
    fn file(&mut self, key: &[&str], text: &str) -> io::Result<()> {
        let Some(named) = self.config.get(key).and_then(Value::as_str).filter(|named| !named.is_empty()) else {
            return Ok(());
        };
        let mut name = PathBuf::from(key.join("-"));
        if let Some(ending) = Path::new(named).extension() {
            name.set_extension(ending);
        }
        let ours = self.directory.join(name);
        write(&ours, text.as_bytes())?;
        self.config.set(key, json!(ours));
        Ok(())
    }
}

/// Every secret that stands in a configuration itself.
#[must_use]
pub(crate) fn secrets(config: &ZotConfig) -> Vec<Secret> {
    let (mut value, mut secrets) = (config.as_value().clone(), Vec::new());
    scrub(&mut value, &mut secrets);
    secrets
}

/// Keys whose value is a secret, wherever they stand: of a client, a directory, a store, an event sink.
const SECRETS: [&str; 7] =
    ["accesskey", "bindpassword", "clientsecret", "password", "secretkey", "sessiontoken", "token"];

/// Takes every secret out that stands in the configuration itself, passwords in URLs too.
fn scrub(value: &mut Value, secrets: &mut Vec<Secret>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    // What is empty is no secret, and zot may refuse it.
                    Value::String(text) if !text.is_empty() && SECRETS.contains(&key.to_ascii_lowercase().as_str()) => {
                        secrets.push(Secret::new(key.as_str(), std::mem::replace(text, "unused".into())));
                    }
                    other => scrub(other, secrets),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| scrub(item, secrets)),
        Value::String(text) => {
            let Some(mut url) = Url::parse(text).ok() else { return };
            let Some(password) = url.password().map(str::to_owned) else { return };
            if url.set_password(Some("unused")).is_ok() {
                secrets.push(Secret::new("password of a URL", password));
                *text = url.into();
            }
        }
        _ => {}
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    io::Write::write_all(&mut file, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_and_no_place_of_the_owner_stands_in_a_copy_and_endings_stay() {
        let given = json!({
            "http": { "auth": {
                "openid": { "providers": {
                    "oidc": { "credentialsFile": "/etc/zot/c.j2", "issuer": "https://i.test/" },
                    "github": { "clientid": "me", "clientsecret": "hunter2" },
                } },
                "htpasswd": { "path": "/etc/zot/htpasswd" },
                "sessionKeysFile": "/etc/zot/keys.json",
            } },
            "storage": { "cacheDriver": { "name": "redis", "url": "redis://me:hunter2@r.test:6379/4" } },
            "extensions": { "events": { "sinks": [{ "type": "http", "credentials": { "Password": "hunter2" } }] } },
            "log": { "level": "info", "output": "/var/log/zot.log", "audit": "/var/log/audit.log" },
        });
        let directory = tempfile::tempdir().unwrap();
        let (config, secrets) = Replaced::write(&ZotConfig::from_value(given), directory.path()).unwrap();
        let text = std::fs::read_to_string(directory.path().join(FILE)).unwrap();
        assert_eq!(text, config.to_text());
        assert!(secrets.len() == 3 && secrets.iter().all(|secret| secret.expose() == "hunter2"), "{secrets:?}");
        assert!(!text.contains("hunter2") && !text.contains("/etc/zot") && !text.contains("/var/log"), "{text}");
        let credentials = config.get(&["http", "auth", "openid", "providers", "oidc", "credentialsFile"]).unwrap();
        assert!(credentials.as_str().unwrap().ends_with(".j2"));
    }
}
