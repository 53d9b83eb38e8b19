//! The configuration for other eyes: what it names on the machine replaced by throwaways that are good.
//!
//! `zot verify` reads the files with credentials and session keys, and it opens the log file for writing, making it
//! (observed on v2.1.20; it opens no port and no database). So it gets a copy in a directory that only this user can
//! read, in which none of the owner's secrets stands. Whether the real files are good is for lines of their own.

use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use zot_verify_model::ZotConfig;

use crate::target::PREFIX;
use crate::target::keeper::Keeper;

/// A copy, and where it lies.
#[derive(Debug)]
pub(super) struct Copy {
    keeper: Keeper,
    /// The configuration, its files replaced.
    pub(super) config: ZotConfig,
}

impl Copy {
    /// Copies a configuration. `program` is zot-verify itself, which becomes the reaper of the directory.
    ///
    /// # Errors
    /// What keeps it from being written.
    pub(super) async fn of(config: &ZotConfig, program: &Path) -> io::Result<Self> {
        let name = format!("{PREFIX}preflight-{}", uuid::Uuid::new_v4().simple());
        let keeper = Keeper::new(program, std::env::temp_dir().join(name)).await?;
        let config = Replaced::write(config, keeper.directory())?;
        Ok(Self { keeper, config })
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
    fn write(config: &ZotConfig, directory: &'a Path) -> io::Result<ZotConfig> {
        let mut copy = Self { config: config.clone(), directory };
        for provider in config.providers() {
            let path = ["http", "auth", "openid", "providers", &provider.key];
            copy.file(&[&path[..], &["credentialsFile"]].concat(), r#"{"clientid":"zot","clientsecret":"unused"}"#)?;
            copy.hide(&[&path[..], &["clientsecret"]].concat());
        }
        copy.file(&["http", "auth", "sessionKeysFile"], r#"{"hashKey":"0123456789abcdef0123456789abcdef"}"#)?;
        copy.file(&["http", "auth", "ldap", "credentialsFile"], r#"{"bindDN":"cn=unused","bindPassword":"unused"}"#)?;
        copy.file(&["http", "auth", "htpasswd", "path"], "")?;
        copy.config.remove(&["log", "output"]);
        copy.config.remove(&["log", "audit"]);
        write(&directory.join(FILE), copy.config.to_text().as_bytes())?;
        Ok(copy.config)
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

    fn hide(&mut self, key: &[&str]) {
        if self.config.get(key).is_some() {
            self.config.set(key, json!("unused"));
        }
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
            "log": { "level": "info", "output": "/var/log/zot.log", "audit": "/var/log/audit.log" },
        });
        let directory = tempfile::tempdir().unwrap();
        let config = Replaced::write(&ZotConfig::from_value(given), directory.path()).unwrap();
        let text = std::fs::read_to_string(directory.path().join(FILE)).unwrap();
        assert_eq!(text, config.to_text());
        assert!(!text.contains("hunter2") && !text.contains("/etc/zot") && !text.contains("/var/log"), "{text}");
        let credentials = config.get(&["http", "auth", "openid", "providers", "oidc", "credentialsFile"]).unwrap();
        assert!(credentials.as_str().unwrap().ends_with(".j2"));
    }
}
