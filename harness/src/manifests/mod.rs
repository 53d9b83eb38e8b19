//! The images that a directory of manifests pins: what is written, where, and what becomes of it on its way to a node.
//!
//! Pure but for [`directory`]: texts in, pins out.

pub mod directory;
mod documents;
mod image;
mod inventory;
mod kustomize;
mod lines;
mod nix;
mod place;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use zot_verify_model::Digest;

pub use self::image::Image;
pub use self::inventory::{Inventory, Manifests, PLACEHOLDERS, Placeholders, Platform};
use self::kustomize::Kustomization;
use self::place::Page;
pub use self::place::Place;
use crate::target::{is_repository, is_tag};

/// A file with its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its path, as people know it.
    pub path: PathBuf,
    /// What stands in it.
    pub text: String,
}

/// An image of the registry as it is pinned.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pin {
    /// The repository.
    pub repository: String,
    /// The tag; `latest` where neither tag nor digest is written, as clients take it.
    pub tag: Option<String>,
    /// The digest.
    pub digest: Option<Digest>,
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repository)?;
        self.tag.iter().try_for_each(|tag| write!(f, ":{tag}"))?;
        self.digest.iter().try_for_each(|digest| write!(f, "@{digest}"))
    }
}

/// Something that keeps a pin from being asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Open {
    /// Where it stands.
    pub place: Place,
    /// What is written there.
    pub text: String,
    /// Why it cannot be asked for.
    pub why: String,
}

/// What a directory of manifests pins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// Each pin of the registry, with every place that asks for it.
    pub pins: BTreeMap<Pin, Vec<Place>>,
    /// What belongs to the registry and cannot be asked for.
    pub open: Vec<Open>,
    /// Files of which it cannot be told what they pin, and why.
    pub unread: Vec<String>,
    /// How many images of other registries there are, or of such as a variable names.
    pub foreign: usize,
    /// How often the registry is named without an image: a prefix, for instance.
    pub mentions: usize,
    /// How many of the files are no YAML although they are called so: templates, that were read by line.
    pub templates: usize,
    /// How many files were read.
    pub files: usize,
    /// Files of other kinds that name the registry.
    pub other: Vec<String>,
}

/// Something that is written where an image stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Written {
    place: Place,
    /// As it is written.
    text: String,
    /// The image, or why it cannot be told.
    what: Result<Image, String>,
}

/// What one file holds.
#[derive(Debug, Default)]
struct Scan {
    /// Images that nobody changes.
    written: Vec<Written>,
    /// Images of containers, of whatever registry, that kustomizations may change.
    addressed: Vec<Written>,
    foreign: usize,
    mentions: usize,
    templates: usize,
}

/// Why a repository without tag cannot be asked for.
const BESIDE: &str = "no tag stands beside it, so whoever reads this chooses one";

/// What a file is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Kustomization,
    Yaml,
    Nix,
    Dockerfile,
    Other,
}

fn kind(path: &Path) -> Kind {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    let is_dockerfile =
        |word: &str| word.eq_ignore_ascii_case("dockerfile") || word.eq_ignore_ascii_case("containerfile");
    match extension {
        _ if kustomize::is_kustomization(path) => Kind::Kustomization,
        // What macOS puts beside a file where a disk cannot hold its attributes.
        _ if name.starts_with("._") => Kind::Other,
        _ if name.split('.').any(is_dockerfile) => Kind::Dockerfile,
        "yaml" | "yml" | "json" => Kind::Yaml,
        "nix" => Kind::Nix,
        _ => Kind::Other,
    }
}

impl Survey {
    /// Looks through all files for images of the registry that has these names.
    #[must_use]
    pub fn of(sources: &[Source], hosts: &[String]) -> Self {
        let mut survey = Self::default();
        let (mut addressed, mut kustomizations) = (BTreeMap::new(), BTreeMap::new());
        let mut all = Vec::new();
        for source in sources {
            let mut scan = Scan::default();
            if let Some(kustomization) = survey.read(source, hosts, &mut scan) {
                kustomizations.insert(kustomize::plain(source.path.parent().unwrap_or(Path::new(""))), kustomization);
            }
            survey.foreign += scan.foreign;
            survey.mentions += scan.mentions;
            survey.templates += scan.templates;
            all.extend(scan.written);
            if !scan.addressed.is_empty() {
                addressed.insert(kustomize::plain(&source.path), scan.addressed);
            }
        }
        all.extend(kustomize::effective(&addressed, &kustomizations));
        all.sort();
        all.dedup();
        all.into_iter().for_each(|written| survey.sort_in(written, hosts));
        survey
    }

    fn read(&mut self, source: &Source, hosts: &[String], scan: &mut Scan) -> Option<Kustomization> {
        let shown = shown(&source.path);
        let page = Page::new(&shown, &source.text);
        let kind = kind(&source.path);
        self.files += usize::from(kind != Kind::Other);
        match kind {
            Kind::Kustomization => match kustomize::read(&page, &kustomize::plain(&source.path), hosts, scan) {
                Ok(kustomization) => return Some(kustomization),
                Err(bad) => self.unread.push(format!("{shown}:{}: {}", bad.line, bad.message)),
            },
            Kind::Yaml => documents::scan(&page, hosts, scan),
            Kind::Nix => nix::scan(&page, hosts, scan),
            Kind::Dockerfile => lines::scan(&page, 0..source.text.len(), false, true, hosts, scan),
            Kind::Other if !image::find(&source.text, hosts).is_empty() => self.other.push(shown),
            Kind::Other => {}
        }
        None
    }

    /// Tells whether what is written is an image of the registry, and one that can be asked for.
    fn sort_in(&mut self, written: Written, hosts: &[String]) {
        let Written { place, text, what } = written;
        let pin = match what {
            Err(_) if !hosts.iter().any(|host| text.contains(&format!("{host}/"))) => {
                self.foreign += 1;
                return;
            }
            Err(why) => Err(why),
            Ok(image) => match image.repository(hosts) {
                None => {
                    self.foreign += 1;
                    return;
                }
                Some(repository) => pin(repository, &image),
            },
        };
        match pin {
            Ok(pin) => self.pins.entry(pin).or_default().push(place),
            Err(why) => self.open.push(Open { place, text, why }),
        }
    }
}

/// What is asked for where this image is written.
fn pin(repository: &str, image: &Image) -> Result<Pin, String> {
    if !is_repository(repository) {
        return Err(format!("`{repository}` is no name of a repository (distribution-spec, \"Pulling manifests\")"));
    }
    if let Some(tag) = image.tag.as_ref().filter(|tag| !is_tag(tag)) {
        return Err(format!("`{tag}` is no tag (distribution-spec, \"Pulling manifests\")"));
    }
    let digest = image.digest.as_deref().map(Digest::parse).transpose().map_err(|error| error.to_string())?;
    let tag = image.tag.clone().or_else(|| image.digest.is_none().then(|| "latest".to_owned()));
    Ok(Pin { repository: repository.to_owned(), tag, digest })
}

/// A path for people: nothing in it that a terminal obeys, and no second line.
pub(crate) fn shown(path: &Path) -> String {
    let mut shown = String::new();
    for c in path.to_string_lossy().chars() {
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

#[cfg(test)]
mod tests;
