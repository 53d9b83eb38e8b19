//! Where manifests are, and what their owner expects of the images that they pin.

use std::fmt;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::kustomize::plain;
use super::{Pin, Source};

/// The tags that stand for one that is still to come. `kustomized` is what a manifest says where a kustomization is to
/// put in the tag.
pub const PLACEHOLDERS: [&str; 4] = ["*placeholder*", "kustomized", "*changeme*", "*todo*"];

/// What is looked through for pins, and what is expected of them.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// Where the manifests are.
    pub manifests: Manifests,
    /// The names by which manifests call the registry, each with its port if one is written.
    pub hosts: Vec<String>,
    /// The platforms that images need which are pinned below a path; the longest path counts.
    pub platforms: Vec<(PathBuf, Vec<Platform>)>,
    /// What is no tag to pin.
    pub placeholders: Placeholders,
}

/// Where manifests are.
#[derive(Debug, Clone)]
pub enum Manifests {
    /// In directories; none where nobody named any.
    Directories(Vec<PathBuf>),
    /// In a lab, which has no disk for them.
    Texts(Vec<Source>),
}

impl Default for Manifests {
    fn default() -> Self {
        Self::Directories(Vec::new())
    }
}

impl fmt::Display for Manifests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Texts(_) => f.write_str("the lab's manifests"),
            Self::Directories(directories) => {
                let names: Vec<String> = directories.iter().map(|directory| directory.display().to_string()).collect();
                f.write_str(&names.join(", "))
            }
        }
    }
}

impl Inventory {
    /// What an image needs that is pinned in this file.
    #[must_use]
    pub fn wanted(&self, file: &str) -> &[Platform] {
        let file = absolute(Path::new(file));
        let below = self.platforms.iter().filter(|(path, _)| file.starts_with(absolute(path)));
        below.max_by_key(|(path, _)| absolute(path).components().count()).map_or(&[], |(_, wanted)| wanted)
    }
}

/// A path from the root on, whether it exists or not.
fn absolute(path: &Path) -> PathBuf {
    plain(&std::path::absolute(path).unwrap_or_else(|_| path.to_owned()))
}

/// What a node is, in Go's words: `linux/arm64`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

impl Platform {
    /// Reads `OS/ARCHITECTURE` or `OS/ARCHITECTURE/VARIANT`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let word = |part: &&str| !part.is_empty() && part.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'.');
        let parts: Vec<&str> = text.split('/').collect();
        match parts[..] {
            [os, architecture] => Some(Self { os: os.into(), architecture: architecture.into(), variant: None }),
            [os, architecture, variant] => {
                Some(Self { os: os.into(), architecture: architecture.into(), variant: Some(variant.into()) })
            }
            _ => None,
        }
        .filter(|_| parts.iter().all(word))
        .map(Self::plain)
    }

    /// The same in the words that images use: other words for an architecture, and variants that are understood where
    /// none is written (containerd's `platforms.Normalize`).
    fn plain(mut self) -> Self {
        let variant = self.variant.take();
        self.architecture = match self.architecture.as_str() {
            "x86_64" | "x86-64" => "amd64".into(),
            "aarch64" => "arm64".into(),
            _ => self.architecture,
        };
        self.variant = match (self.architecture.as_str(), variant.as_deref()) {
            ("arm64", Some("v8" | "8")) | ("amd64", Some("v1")) => None,
            ("arm", None) => Some("v7".into()),
            _ => variant,
        };
        self
    }

    /// Reads what an index says of a manifest, or an image of itself (image-spec, `platform` and "Image Configuration").
    #[must_use]
    pub fn read(value: &serde_json::Value) -> Option<Self> {
        let field = |name: &str| value.get(name)?.as_str().map(str::to_owned);
        let variant = field("variant").filter(|variant| !variant.is_empty());
        Some(Self { os: field("os")?, architecture: field("architecture")?, variant }.plain())
    }

    /// Whether an image for this platform runs where `wanted` is needed; a variant counts where one is asked for. What
    /// is made for an older processor runs on a newer one, and without a variant it is made for the oldest (containerd's
    /// `platforms.Only`).
    #[must_use]
    pub fn serves(&self, wanted: &Self) -> bool {
        let same = (&self.os, &self.architecture) == (&wanted.os, &wanted.architecture);
        same && (wanted.variant.is_none() || self.variant <= wanted.variant)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

/// Tags that nobody should pin.
#[derive(Debug, Clone)]
pub struct Placeholders {
    globs: Vec<String>,
    set: GlobSet,
}

impl Placeholders {
    /// Tags that any of these matches, in whatever case.
    ///
    /// # Errors
    /// What is no glob.
    pub fn new(globs: &[String]) -> Result<Self, globset::Error> {
        let mut set = GlobSetBuilder::new();
        for glob in globs {
            set.add(GlobBuilder::new(glob).case_insensitive(true).build()?);
        }
        Ok(Self { globs: globs.to_vec(), set: set.build()? })
    }

    /// Why a pin stands for one that is still to come, if it does.
    #[must_use]
    pub fn matches(&self, pin: &Pin) -> Option<String> {
        if pin.digest.as_ref().is_some_and(|digest| digest.hex().bytes().all(|c| c == b'0')) {
            return Some("its digest is all zeros".into());
        }
        let glob = self.set.matches(pin.tag.as_deref()?).first().and_then(|at| self.globs.get(*at))?;
        Some(if glob.contains('*') { format!("its tag matches `{glob}`") } else { "so its tag says".into() })
    }

    /// Whether a tag is one.
    #[must_use]
    pub fn is_match(&self, tag: &str) -> bool {
        self.set.is_match(tag)
    }
}

impl Default for Placeholders {
    fn default() -> Self {
        let none = Self { globs: Vec::new(), set: GlobSet::empty() };
        Self::new(&PLACEHOLDERS.map(str::to_owned)).unwrap_or(none)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_path_says_what_is_needed() {
        let platform = |text| Platform::parse(text).unwrap();
        let inventory = Inventory {
            platforms: vec![
                ("argocd".into(), vec![platform("linux/arm64")]),
                ("argocd/ntfy".into(), vec![platform("linux/amd64")]),
            ],
            ..Inventory::default()
        };
        let wanted = |file| inventory.wanted(file).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(wanted("argocd/cv/deployment.yaml"), ["linux/arm64"]);
        assert_eq!(wanted("./argocd/x/../ntfy/deployment.yaml"), ["linux/amd64"]);
        assert_eq!(wanted("argocd/ntfy-notes/a.yaml"), ["linux/arm64"]);
        assert_eq!(wanted("nixos/a.nix"), Vec::<String>::new());
    }

    #[test]
    fn a_variant_counts_where_it_is_asked_for() {
        let platform = |text: &str| Platform::parse(text).unwrap();
        assert!(platform("linux/arm64/v8").serves(&platform("linux/arm64")));
        assert!(platform("linux/arm64").serves(&platform("linux/arm64/v8")), "that is what it means");
        assert!(platform("linux/arm64").serves(&platform("linux/aarch64")));
        let read = serde_json::json!({ "os": "linux", "architecture": "x86_64", "variant": "" });
        assert_eq!(Platform::read(&read), Platform::parse("linux/amd64"));
        assert!(platform("linux/arm64").serves(&platform("linux/arm64/v9")), "v8 is older");
        assert!(platform("linux/amd64/v2").serves(&platform("linux/amd64/v3")));
        assert!(!platform("linux/amd64/v3").serves(&platform("linux/amd64/v2")));
        for (meant, written) in
            [("arm64", "aarch64/v8"), ("arm64", "arm64/8"), ("amd64", "amd64/v1"), ("arm/v7", "arm")]
        {
            assert_eq!(
                platform(&format!("linux/{written}")).to_string(),
                format!("linux/{meant}"),
                "that is what it means"
            );
        }
        assert!(platform("linux/arm/v6").serves(&platform("linux/arm/v7")));
        assert!(platform("linux/arm/v6").serves(&platform("linux/arm")));
        assert!(!platform("linux/arm/v7").serves(&platform("linux/arm/v6")));
        assert!(!platform("linux/amd64").serves(&platform("linux/arm64")));
        for text in ["linux", "linux/x86_64", "", "linux/", "linux/arm64/v8/x", "linux/arm 64"] {
            assert_eq!(Platform::parse(text), None, "{text}");
        }
    }

    #[test]
    fn it_says_where_manifests_are() {
        let directories = Manifests::Directories(vec!["argocd".into(), "nixos".into()]);
        assert_eq!(directories.to_string(), "argocd, nixos");
        assert_eq!(Manifests::Texts(Vec::new()).to_string(), "the lab's manifests");
    }

    #[test]
    fn placeholders_are_known_by_their_tag_and_by_zeros() {
        let pin = |tag: Option<&str>, digest: Option<&str>| Pin {
            repository: "a".into(),
            tag: tag.map(str::to_owned),
            digest: digest.map(|digest| zot_verify_model::Digest::parse(digest).unwrap()),
        };
        let placeholders = Placeholders::default();
        assert_eq!(
            placeholders.matches(&pin(Some("v3.6.5-Placeholder"), None)).as_deref(),
            Some("its tag matches `*placeholder*`")
        );
        assert!(placeholders.matches(&pin(Some("kustomized"), None)).is_some());
        assert!(placeholders.matches(&pin(Some("v1-kustomized"), None)).is_none());
        assert!(placeholders.is_match("TODO-later") && !placeholders.is_match("v1"));
        let zeros = format!("sha256:{}", "0".repeat(64));
        assert!(placeholders.matches(&pin(None, Some(&zeros))).is_some());
    }
}
