//! What kustomizations make of the images in their resources.
//!
//! The rules are kustomize's own (v5.7.1, `api/filters/imagetag`): an entry applies to images whose name is exactly its
//! own, in containers of whatever resource; a new tag or digest takes the place of both; entries apply one after
//! another, and an overlay's after those of its bases.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::documents::{self, Reader};
use super::image::Image;
use super::place::Page;
use super::{Scan, Written};
use crate::yaml::{self, Bad, Raw, Scalar};

/// The names that a kustomization's file may have.
const FILES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// The keys under which other files and directories are named.
const NAMING: [&str; 6] = ["resources", "bases", "components", "patches", "patchesStrategicMerge", "patchesJson6902"];

/// Why what a suffix makes of a tag cannot be told.
const SUFFIX: &str = "a tagSuffix adds to it, which kustomize does twice (seen in v5.7.1)";

/// A kustomization.
#[derive(Debug, Default)]
pub(super) struct Kustomization {
    /// Whether it is a component, which changes the resources of those that name it.
    component: bool,
    /// The files and directories that it names, without `.` and `..`.
    names: Vec<PathBuf>,
    /// What it changes.
    entries: Vec<Entry>,
    /// Images that stand in it elsewhere, such as in patches.
    own: Vec<Written>,
}

/// An entry of `images`.
#[derive(Debug)]
struct Entry {
    name: String,
    new_name: Option<String>,
    new_tag: Option<Part>,
    digest: Option<Part>,
    /// Whether it adds to the tag.
    suffixed: bool,
}

/// A tag or a digest, and where it stands.
#[derive(Debug, Clone)]
struct Part {
    text: String,
    written: Written,
}

/// Whether a file is a kustomization.
pub(super) fn is_kustomization(path: &Path) -> bool {
    path.file_name().is_some_and(|name| FILES.iter().any(|file| name == *file))
}

/// Reads a kustomization; what stands in it besides `images` goes to `to`, but for what its `images` change.
pub(super) fn read(page: &Page<'_>, path: &Path, hosts: &[String], to: &mut Scan) -> Result<Kustomization, Bad> {
    let mut read = Kustomization::default();
    let directory = path.parent().unwrap_or(Path::new(""));
    let reader = Reader { page, hosts };
    let mut own = Scan::default();
    for document in yaml::documents(page.text)? {
        let Scalar::Dict(entries) = &document.value.0 else { continue };
        for (key, value) in entries {
            let key = reader.text_of(key);
            match &value.value.0 {
                Scalar::List(items) if key == "images" => {
                    read.entries.extend(items.iter().filter_map(|item| entry(&reader, item)));
                }
                Scalar::List(items) if NAMING.contains(&key) => {
                    let named = items.iter().filter_map(|item| named(&reader, item));
                    read.names.extend(named.filter_map(|name| resolved(directory, name)));
                    documents::node(&reader, value, key, false, &mut own);
                }
                _ if key == "kind" => read.component |= reader.text_of(value) == "Component",
                _ => documents::node(&reader, value, key, false, to),
            }
        }
    }
    to.mentions += own.mentions;
    read.own = own.written.into_iter().chain(own.addressed).collect();
    Ok(read)
}

/// What an item of a list names: itself, or what stands under its `path`.
fn named<'r>(reader: &Reader<'r>, item: &'r Raw) -> Option<&'r str> {
    match &item.value.0 {
        Scalar::Dict(entries) => {
            let (_, path) = entries.iter().find(|(name, _)| reader.text_of(name) == "path")?;
            Some(reader.text_of(path))
        }
        _ => Some(reader.text_of(item)),
    }
}

fn entry(reader: &Reader<'_>, item: &Raw) -> Option<Entry> {
    let Scalar::Dict(entries) = &item.value.0 else { return None };
    let part = |key: &str| {
        let (_, value) = entries.iter().find(|(name, _)| reader.text_of(name) == key)?;
        let text = reader.text_of(value).to_owned();
        let written = reader.written(value, text.clone(), Image::split(""));
        (!text.is_empty()).then_some(Part { text, written })
    };
    Some(Entry {
        name: part("name")?.text,
        new_name: part("newName").map(|part| part.text),
        new_tag: part("newTag"),
        digest: part("digest"),
        suffixed: part("tagSuffix").is_some(),
    })
}

/// A path that a kustomization names, without `.` and `..`; none for what is fetched from elsewhere.
fn resolved(directory: &Path, name: &str) -> Option<PathBuf> {
    (!name.contains("://") && !name.contains('?') && !name.contains('\n')).then(|| plain(&directory.join(name)))
}

/// A path without `.` and, where that can be told, `..`.
pub(super) fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if plain.file_name().is_some() => _ = plain.pop(),
            other => plain.push(other),
        }
    }
    plain
}

impl Entry {
    fn applies(&self, image: &Image) -> bool {
        image.name == self.name
    }

    /// What becomes of an image in a container.
    fn apply(&self, written: &Written) -> Written {
        let Ok(image) = &written.what else { return written.clone() };
        if !self.applies(image) {
            return written.clone();
        }
        let text = |part: &Option<Part>| part.as_ref().map(|part| part.text.clone());
        let part = self.new_tag.as_ref().or(self.digest.as_ref());
        let (tag, digest) = match part {
            Some(_) => (text(&self.new_tag), text(&self.digest)),
            None => (image.tag.clone(), image.digest.clone()),
        };
        let changed = Image { name: self.new_name.clone().unwrap_or_else(|| image.name.clone()), tag, digest };
        let text = changed.to_string();
        match part {
            Some(part) => {
                Written { text, what: part.written.what.clone().map(|_| changed), place: part.written.place.clone() }
            }
            None if self.suffixed => Written { text, what: Err(SUFFIX.into()), place: written.place.clone() },
            None => Written { text, what: Ok(changed), place: written.place.clone() },
        }
    }

    /// What it would make of an image by itself: what it applies to may be made elsewhere, by a chart for instance.
    fn alone(&self) -> Option<Written> {
        let part = self.new_tag.as_ref().or(self.digest.as_ref())?;
        let none = Image { name: self.name.clone(), tag: None, digest: None };
        let before = Written { text: String::new(), what: Ok(none), place: part.written.place.clone() };
        Some(self.apply(&before))
    }
}

/// The images that containers run in the end: `addressed` says what stands in each file, `kustomizations` what each
/// directory makes of it.
pub(super) fn effective(
    addressed: &BTreeMap<PathBuf, Vec<Written>>,
    kustomizations: &BTreeMap<PathBuf, Kustomization>,
) -> Vec<Written> {
    let named: BTreeSet<&PathBuf> = kustomizations.values().flat_map(|each| &each.names).collect();
    let mut flow = Flow { addressed, kustomizations, named: &named, done: BTreeMap::new() };
    let is_root = |directory: &&PathBuf| !named.contains(*directory);
    // Those that name each other in a circle have no first one, so the rest comes after.
    let roots = kustomizations.keys().filter(is_root).collect::<Vec<_>>();
    let mut all: Vec<Written> = roots.into_iter().flat_map(|root| flow.out(root)).collect();
    let left: Vec<&PathBuf> = kustomizations.keys().filter(|directory| !flow.done.contains_key(*directory)).collect();
    for directory in left {
        if !flow.done.contains_key(directory) {
            all.extend(flow.out(directory));
        }
    }
    let beside = |path: &Path| path.parent().is_some_and(|directory| kustomizations.contains_key(directory));
    let plain = addressed.iter().filter(|(path, _)| !named.contains(path) && !beside(path));
    all.extend(plain.flat_map(|(_, written)| written.iter().cloned()));
    all.sort();
    all.dedup();
    all
}

struct Flow<'a> {
    addressed: &'a BTreeMap<PathBuf, Vec<Written>>,
    kustomizations: &'a BTreeMap<PathBuf, Kustomization>,
    named: &'a BTreeSet<&'a PathBuf>,
    /// What left each directory; empty while it is under way, so that a circle ends.
    done: BTreeMap<&'a PathBuf, Vec<Written>>,
}

impl<'a> Flow<'a> {
    /// What leaves a kustomization.
    fn out(&mut self, directory: &'a PathBuf) -> Vec<Written> {
        if let Some(done) = self.done.get(directory) {
            return done.clone();
        }
        self.done.insert(directory, Vec::new());
        let Some(kustomization) = self.kustomizations.get(directory) else { return Vec::new() };
        let mut images = kustomization.own.clone();
        let mut entries: Vec<&Entry> = Vec::new();
        for name in &kustomization.names {
            match self.kustomizations.get_key_value(name) {
                Some((_, component)) if component.component => {
                    self.done.insert(name, Vec::new());
                    images.extend(component.own.iter().cloned());
                    images
                        .extend(component.names.iter().filter_map(|name| self.addressed.get(name)).flatten().cloned());
                    entries.extend(&component.entries);
                }
                Some((name, _)) => images.extend(self.out(name)),
                None => images.extend(self.addressed.get(name).into_iter().flatten().cloned()),
            }
        }
        // A file beside it that nobody names is taken for its own: somebody may apply it by hand, and has it in mind.
        let beside = |path: &PathBuf| path.parent() == Some(directory) && !self.named.contains(path);
        let unnamed = self.addressed.iter().filter(|(path, _)| beside(path));
        images.extend(unnamed.flat_map(|(_, written)| written.iter().cloned()));
        entries.extend(&kustomization.entries);
        for entry in entries {
            images = images.iter().map(|image| entry.apply(image)).collect();
            images.extend(entry.alone());
        }
        images.sort();
        images.dedup();
        self.done.insert(directory, images.clone());
        images
    }
}
