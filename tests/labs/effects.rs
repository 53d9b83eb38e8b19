//! What has come of the requests of a run: all that is there now and was not before, told from what passed the gate.

use std::collections::{BTreeMap, BTreeSet};

use libtest_mimic::Failed;
use zot_verify::ledger::{Item, Kind, State};

use super::gate::Passed;

/// What is there, by what the registry answered.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Effects {
    /// Repository and identifier.
    pub(crate) uploads: BTreeSet<(String, String)>,
    /// Repository and digest.
    pub(crate) blobs: BTreeSet<(String, String)>,
    /// Repository and digest.
    pub(crate) manifests: BTreeSet<(String, String)>,
    /// Repository and tag, with what it names.
    pub(crate) tags: BTreeMap<(String, String), String>,
    /// Identifier, with the label.
    pub(crate) keys: BTreeMap<String, String>,
    /// Repository and tag of what was fetched from elsewhere.
    pub(crate) fetched: BTreeSet<(String, String)>,
}

impl Effects {
    pub(crate) fn of(passed: &[Passed]) -> Self {
        let mut effects = Self::default();
        // A manifest may be gone by itself: when the only tag that named it was moved.
        let done = |one: &&Passed| (200..300).contains(&one.status) || (one.method == "DELETE" && one.status == 404);
        passed.iter().filter(done).for_each(|one| effects.take(one));
        effects
    }

    fn take(&mut self, one: &Passed) {
        let header = |name: &str| one.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if one.path == "/zot/auth/apikey" {
            return self.key(one);
        }
        let Some((repository, kind, reference)) = place(&one.path) else { return };
        let here = |reference: &str| (repository.to_owned(), reference.to_owned());
        let digest = header("docker-content-digest").to_owned();
        match (one.method.as_str(), kind) {
            ("POST", "uploads") => {
                let to = header("location").split('?').next().unwrap_or_default();
                let name = to.rsplit('/').next().unwrap_or_default();
                let all = if one.status == 202 { &mut self.uploads } else { &mut self.blobs };
                all.insert(here(name));
            }
            ("PUT", "uploads") => {
                self.uploads.remove(&here(reference));
                let pushed = url::form_urlencoded::parse(one.query.as_bytes()).find(|(name, _)| name == "digest");
                self.blobs.extend(pushed.map(|(_, digest)| here(&digest)));
            }
            ("DELETE", "uploads") => drop(self.uploads.remove(&here(reference))),
            ("DELETE", "blobs") => drop(self.blobs.remove(&here(reference))),
            ("PUT", "manifests") => {
                self.manifests.insert(here(&digest));
                let asked = url::form_urlencoded::parse(one.query.as_bytes()).filter(|(name, _)| name == "tag");
                let mut tags: Vec<String> = asked.map(|(_, tag)| tag.into_owned()).collect();
                tags.extend(Some(reference.to_owned()).filter(|reference| !reference.contains(':')));
                self.tags.extend(tags.iter().map(|tag| (here(tag), digest.clone())));
            }
            ("DELETE", "manifests") if reference.contains(':') => {
                self.manifests.remove(&here(reference));
                self.tags.retain(|(known, _), named| known != repository || named != reference);
            }
            ("DELETE", "manifests") => drop(self.tags.remove(&here(reference))),
            ("GET", "manifests") if repository.starts_with("docker.io/") && !reference.contains(':') => {
                self.fetched.insert(here(reference));
            }
            _ => {}
        }
    }

    fn key(&mut self, one: &Passed) {
        match one.method.as_str() {
            "POST" => {
                let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
                self.keys.insert(word(&one.said["uuid"]), word(&one.sent["label"]));
            }
            "DELETE" => {
                let id = url::form_urlencoded::parse(one.query.as_bytes()).find(|(name, _)| name == "id");
                self.keys.retain(|known, _| id.as_ref().is_none_or(|(_, id)| id != known));
            }
            _ => {}
        }
    }

    /// Everything that is there is listed as something that may be there.
    pub(crate) fn are_listed(&self, items: &[Item]) -> Result<(), Failed> {
        let listed: Vec<&Item> = items.iter().filter(|item| item.state != State::Removed).collect();
        let lists = |kind: Kind, (repository, reference): &(String, String)| {
            listed
                .iter()
                .any(|item| item.kind == kind && item.repository == *repository && item.reference == *reference)
        };
        let mut missing: Vec<String> = Vec::new();
        let mut need = |kind: Kind, thing: &(String, String)| {
            if !lists(kind, thing) {
                missing.push(format!("{kind:?} {} {}", thing.0, thing.1));
            }
        };
        self.blobs.iter().for_each(|blob| need(Kind::Blob, blob));
        self.manifests.iter().for_each(|manifest| need(Kind::Manifest, manifest));
        self.tags.keys().chain(&self.fetched).for_each(|tag| need(Kind::Tag, tag));
        for label in self.keys.values().collect::<BTreeSet<_>>() {
            let there = self.keys.values().filter(|known| *known == label).count();
            let noted = listed.iter().filter(|item| item.kind == Kind::Key && item.reference == *label).count();
            if noted < there {
                missing.push(format!("{there} keys `{label}`, and {noted} of them are noted"));
            }
        }
        for repository in self.uploads.iter().map(|(repository, _)| repository).collect::<BTreeSet<_>>() {
            missing.extend(self.unlisted_uploads(repository, &listed));
        }
        if missing.is_empty() { Ok(()) } else { Err(format!("not in the ledger: {missing:#?}").into()) }
    }

    /// An upload whose name nobody has told the run belongs to a blob that is noted as planned, one for each.
    fn unlisted_uploads(&self, repository: &str, listed: &[&Item]) -> Option<String> {
        let here = || listed.iter().filter(|item| item.repository == repository);
        let named = |id: &str| here().any(|item| item.upload.as_deref() == Some(id) || item.reference == id);
        let unnamed = self.uploads.iter().filter(|(there, id)| there == repository && !named(id)).count();
        let begun = |item: &&&Item| item.kind == Kind::Blob && item.state == State::Planned && item.upload.is_none();
        let planned = here().filter(begun).count();
        (unnamed > planned).then(|| {
            format!("{unnamed} uploads of {repository} whose names are not noted, for {planned} planned blobs")
        })
    }
}

/// The repository, what of it, and which one: `/v2/REPOSITORY/manifests/REFERENCE`.
fn place(path: &str) -> Option<(&str, &str, &str)> {
    let path = path.strip_prefix("/v2/")?;
    [("/blobs/uploads/", "uploads"), ("/blobs/", "blobs"), ("/manifests/", "manifests")]
        .into_iter()
        .find_map(|(at, kind)| path.split_once(at).map(|(repository, reference)| (repository, kind, reference)))
}
