//! What is checked: a throwaway lab or a live registry, the same to every check once it answers.

pub mod adapt;
pub mod builtin;
pub mod containers;
pub mod keeper;
pub mod lab;
pub mod live;
mod mirror;
mod orders;
mod ports;
pub mod reaper;
pub(crate) mod recognise;
mod sweep;
pub mod zot;

use std::fmt;
use std::sync::Arc;

use url::Url;
use zot_verify_model::config::Provider;
use zot_verify_model::{Digest, Secret, ZotConfig};

pub use self::mirror::Mirror;
pub use self::recognise::{Recognition, Whose, believed, recognise};
pub(crate) use self::sweep::PREFIX;
use crate::login::people::Groups;
use crate::manifests::Inventory;
use crate::run::outcome::Halt;
use crate::settings::Accounts;
use crate::settings::source::Source;
use crate::wire::Exchange;

/// Where a deployment came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A lab that the run made and takes away again.
    Local,
    /// A registry that other people use.
    Live,
}

impl Kind {
    /// The word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Live => "live",
        }
    }
}

/// What writes may leave behind (`--residue`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Residue {
    /// One new tag a run.
    #[default]
    Tag,
    /// Nothing that has a tag; what is pushed by digest zot's garbage collection removes.
    None,
}

impl Residue {
    /// The word used in settings.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Tag => "tag",
            Self::None => "none",
        }
    }
}

/// The facts about a registry that answers.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// Where it came from.
    pub kind: Kind,
    /// Where it is.
    pub registry: Url,
    /// What it should call itself in redirects, without a trailing slash.
    pub external_url: String,
    /// Whether people reach it over https; a lab stands for the registry whose configuration it was given.
    pub https: bool,
    /// Whether a lab's registry stands behind a program that answers for it where it can.
    pub fronted: bool,
    /// Whether it is the embedded stand-in and not zot.
    pub stand_in: bool,
    /// The program that was started, or `embedded`.
    pub made_of: Option<String>,
    /// The OpenID issuer, exactly as its discovery spells it.
    pub issuer: Option<Url>,
    /// The key of the OpenID provider in zot's configuration.
    pub provider: String,
    /// The claim that gives people their names.
    pub known_by: KnownBy,
    /// The scopes that a login must ask for.
    pub scopes: Vec<String>,
    /// Where metrics are served.
    pub metrics_path: String,
    /// The password of everybody in a lab; a live registry has none.
    pub password: Option<Secret>,
    /// The groups that have the roles; a lab's people are put into them.
    pub groups: Groups,
    /// zot's configuration as its owner gave it, if he did; a lab's own otherwise.
    pub configured: Option<ZotConfig>,
    /// Where that stands, if it was given.
    pub written: Option<Arc<Source>>,
    /// Whose keys and passwords a live run may use; each goes to its own origin only.
    pub accounts: Accounts,
    /// The image that anybody can pull, or why there is none: skip with what to do, or an error.
    pub image: Result<ImageName, Halt>,
    /// The manifests whose pins are looked up, and what is expected of these.
    pub inventory: Inventory,
    /// What writes may leave behind.
    pub residue: Residue,
    /// The name of the run, for names of its own.
    pub run: String,
    /// What is mirrored on demand, as it was intended; a fault of a lab's configuration does not change that.
    pub mirror: Option<Mirror>,
    /// The release that zot names.
    pub zot_version: Option<String>,
    /// The commit that zot names.
    pub zot_commit: Option<String>,
    /// What `/v2/_zot/ext/mgmt` answered; an error where the registry's certificate is not believed.
    pub mgmt: Result<Arc<Exchange>, Halt>,
}

/// The claim from which zot takes a person's name (`claimMapping.username`; the e-mail until v2.1.10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownBy(pub String);

impl KnownBy {
    /// As a provider of this configuration says it: the e-mail where it says nothing, as zot takes it. Without a
    /// configuration, what its owner needs: a service account has no e-mail.
    #[must_use]
    pub fn of_config(config: Option<&ZotConfig>, provider: &str) -> Self {
        let path = ["http", "auth", "openid", "providers", provider, "claimMapping", "username"];
        let claim = config.map_or("preferred_username", |config| {
            config.get(&path).and_then(serde_json::Value::as_str).unwrap_or("email")
        });
        Self(claim.to_owned())
    }

    /// What somebody is called who signs in under `name`; unknown where the issuer may call people as it likes.
    #[must_use]
    pub fn of(&self, name: &str, kind: Kind) -> Option<String> {
        match (self.0.as_str(), kind) {
            ("preferred_username", _) => Some(name.to_owned()),
            ("email", _) if name.contains('@') => Some(name.to_owned()),
            ("email", Kind::Local) => Some(format!("{name}@people.test")),
            _ => None,
        }
    }
}

/// What a login must ask for: what carries a name and groups, whatever the configuration says, and what that says.
#[must_use]
pub fn scopes(configured: Option<&Provider>) -> Vec<String> {
    let mut scopes = vec!["openid".to_owned(), "profile".to_owned()];
    let more = configured.into_iter().flat_map(|provider| &provider.scopes);
    scopes.extend(more.filter(|scope| !matches!(scope.as_str(), "openid" | "profile")).cloned());
    scopes
}

/// The name of an image on the registry under test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageName {
    /// The repository.
    pub repository: String,
    /// A tag, or a digest.
    pub reference: String,
}

impl ImageName {
    /// Reads `REPOSITORY:TAG` or `REPOSITORY@DIGEST`; without either the tag is `latest`, as it is for clients. The
    /// registry's own host may stand in front.
    #[must_use]
    pub fn parse(text: &str, host: Option<&str>) -> Option<Self> {
        let name = host.and_then(|host| text.strip_prefix(host)?.strip_prefix('/')).unwrap_or(text);
        let (repository, reference) = match name.split_once('@') {
            Some((repository, digest)) => (repository, Digest::parse(digest).ok()?.to_string()),
            None => match name.split_once(':') {
                Some((repository, tag)) => (repository, tag.to_owned()),
                None => (name, "latest".to_owned()),
            },
        };
        let named = is_repository(repository) && (Digest::parse(&reference).is_ok() || is_tag(&reference));
        named.then(|| Self { repository: repository.to_owned(), reference })
    }

    /// The path of its manifest.
    #[must_use]
    pub fn manifest_path(&self) -> String {
        format!("/v2/{}/manifests/{}", self.repository, self.reference)
    }

    /// The digest, where it is named by one.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        Digest::parse(&self.reference).ok()
    }
}

/// Whether `name` is a repository's (distribution-spec, "Pulling manifests"). What is not could lead a request elsewhere.
#[must_use]
pub fn is_repository(name: &str) -> bool {
    let word = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let part = |part: &str| {
        let bytes = part.as_bytes();
        let ends = bytes.first().is_some_and(|c| word(*c)) && bytes.last().is_some_and(|c| word(*c));
        ends && bytes.iter().all(|c| word(*c) || b"._-".contains(c)) && !part.contains("..")
    };
    name.len() <= 255 && name.split('/').all(part)
}

/// Whether `name` is a tag (distribution-spec, "Pulling manifests").
#[must_use]
pub fn is_tag(name: &str) -> bool {
    let word = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
    let bytes = name.as_bytes();
    bytes.len() <= 128 && bytes.first().is_some_and(|c| word(*c)) && bytes.iter().all(|c| word(*c) || b".-".contains(c))
}

/// How the canary's tags begin that a run makes and takes away again. Nobody builds on one: it may be another run's.
pub const PASSING_TAG: &str = "admin-";

/// Whether a tag of the canary stays, as far as runs are concerned.
#[must_use]
pub fn stays(tag: &str) -> bool {
    is_tag(tag) && !tag.starts_with(PASSING_TAG)
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.digest().is_some() { '@' } else { ':' };
        write!(f, "{}{separator}{}", self.repository, self.reference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_names_are_read_as_clients_read_them() {
        let parse = |text| ImageName::parse(text, Some("r.test:5000")).map(|name| name.to_string());
        assert_eq!(parse("r.test:5000/a/b:v1").as_deref(), Some("a/b:v1"));
        assert_eq!(parse("a/b").as_deref(), Some("a/b:latest"));
        let digest = format!("a@{}", Digest::of(b""));
        assert_eq!(parse(&digest).as_deref(), Some(digest.as_str()));
        assert_eq!(parse("A/b:v1"), None);
        assert_eq!(parse("a@sha256:1"), None);
        assert_eq!(parse("a:"), None);
        assert_eq!(parse("a/../b:v1"), None);
        assert_eq!(parse("a:v1?x"), None);
        assert_eq!(parse("a/manifests/v1?:v1"), None);
    }
}
