//! What manifests pin, and what the registry says of each pin: looked up once, for all parts.

use std::sync::Arc;

use futures_util::future::join_all;

use crate::bench::Bench;
use crate::bounds;
use crate::checks::pull::ACCEPT;
use crate::manifests::{Inventory, Manifests, Pin, Place, Survey, directory};
use crate::run::outcome::Halt;
use crate::target::ImageName;
use crate::wire::{Exchange, Request};

/// A pin with what the registry answers to HEAD.
#[derive(Debug)]
pub(super) struct Pinned {
    /// The pin.
    pub(super) pin: Pin,
    /// Everywhere it stands.
    pub(super) places: Vec<Place>,
    /// Why it stands for one that is still to come, if it does.
    pub(super) placeholder: Option<String>,
    /// The answer for its tag, where it has one.
    pub(super) by_tag: Option<Result<Arc<Exchange>, Halt>>,
    /// The answer for its digest, where it has one.
    pub(super) by_digest: Option<Result<Arc<Exchange>, Halt>>,
}

/// Everything that was looked up.
#[derive(Debug)]
pub struct Lookup {
    /// Where the manifests are.
    pub(super) place: Manifests,
    /// What stands in them.
    pub(super) survey: Survey,
    /// What could not be read, and why.
    pub(super) unread: Vec<String>,
    /// The pins, with their answers, in the order of their places.
    pub(super) pinned: Vec<Pinned>,
    /// Pins of mirrored images. To ask for one makes the registry fetch it, so none is asked for.
    mirrored: usize,
    links: usize,
    passed: usize,
}

impl Lookup {
    /// What all parts share.
    ///
    /// # Errors
    /// Skip where nobody named manifests, or where they pin nothing here; an error where that could not be told.
    pub(super) async fn shared(bench: &Bench) -> Result<Arc<Self>, Halt> {
        bench.setup.inventory.get_or_init(|| async { Self::look(bench).await.map(Arc::new) }).await.clone()
    }

    async fn look(bench: &Bench) -> Result<Self, Halt> {
        let inventory = bench.deployment.inventory.clone();
        let place = inventory.manifests.clone();
        if matches!(&place, Manifests::Directories(directories) if directories.is_empty()) {
            let cure = "give --manifests DIR, or `manifests` under [inventory] in zot-verify.toml";
            return Err(Halt::Skip(format!("no directory of manifests is named: {cure}")));
        }
        let (survey, found) = aside(move || read(&inventory))
            .await
            .ok_or_else(|| Halt::Error(format!("{place} could not be read: that came to no end")))?;
        let unread: Vec<String> = found.unread.into_iter().chain(survey.unread.iter().cloned()).collect();
        let mut looked =
            Self { place, survey, unread, pinned: Vec::new(), mirrored: 0, links: found.links, passed: found.passed };
        if looked.survey.pins.is_empty() && looked.survey.open.is_empty() && looked.unread.is_empty() {
            let hosts = bench.deployment.inventory.hosts.join(", ");
            let where_ = format!("nothing in {} pins an image of {hosts}", looked.place);
            return Err(Halt::Skip(format!("{where_}: {}", looked.about())));
        }
        if looked.survey.pins.len() > bounds::PINS {
            let (found, most) = (looked.survey.pins.len(), bounds::PINS);
            return Err(Halt::Error(format!(
                "{found} pins are more than the {most} that are asked for: name fewer directories"
            )));
        }
        let mut pins: Vec<(Pin, Vec<Place>)> = looked.survey.pins.clone().into_iter().collect();
        pins.sort_by(|(_, a), (_, b)| a.cmp(b));
        let all = pins.len();
        pins.retain(|(pin, _)| !is_mirrored(bench, pin));
        looked.mirrored = all - pins.len();
        looked.pinned = join_all(pins.into_iter().map(|(pin, places)| ask(bench, pin, places))).await;
        Ok(looked)
    }

    /// The pins that stand for images that should be there.
    pub(super) fn real(&self) -> impl Iterator<Item = &Pinned> {
        self.pinned.iter().filter(|pinned| pinned.placeholder.is_none())
    }

    /// Any answer, for what is judged by the text alone.
    pub(super) fn first_answer(&self) -> Option<&Arc<Exchange>> {
        let answers = self.pinned.iter().flat_map(|pinned| [&pinned.by_digest, &pinned.by_tag]).flatten();
        answers.filter_map(|answer| answer.as_ref().ok()).next()
    }

    /// How many pins there are.
    pub(super) fn pins(&self) -> String {
        let (pins, places) = (self.survey.pins.len(), self.survey.pins.values().map(Vec::len).sum::<usize>());
        format!("{pins} pins in {places} places")
    }

    /// What was not asked for.
    pub(super) fn left_out(&self) -> String {
        match self.mirrored {
            0 => String::new(),
            mirrored => {
                format!("; {mirrored} of mirrored images not asked for, which would make the registry fetch them")
            }
        }
    }

    /// What was read, and what else there is.
    pub(super) fn about(&self) -> String {
        let survey = &self.survey;
        let mut about =
            vec![format!("{} files read", survey.files), format!("{} images of other registries", survey.foreign)];
        let counted = [
            (survey.mentions, "names of the registry without an image"),
            (survey.templates, "files that are no YAML and were read by line"),
            (self.links, "symbolic links not followed"),
            (self.passed, "files of other kinds that could not be read"),
        ];
        about.extend(counted.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
        if let Some(first) = survey.other.first() {
            about.push(format!("{} files of other kinds that name it, such as {first}", survey.other.len()));
        }
        about.join(", ")
    }
}

/// Does what takes its time on a thread of its own. Its stack is large: somebody's YAML may be nested as deep as the
/// parser lets it, and each level takes its part.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (done, result) = tokio::sync::oneshot::channel();
    // Nobody waits for the result where the run is over meanwhile.
    let thread = std::thread::Builder::new().stack_size(bounds::READING_STACK).spawn(move || done.send(work()).is_ok());
    thread.ok()?;
    result.await.ok()
}

fn read(inventory: &Inventory) -> (Survey, directory::Found) {
    match &inventory.manifests {
        Manifests::Directories(directories) => {
            let found = directory::read(directories);
            (Survey::of(&found.sources, &inventory.hosts), found)
        }
        Manifests::Texts(sources) => (Survey::of(sources, &inventory.hosts), directory::Found::default()),
    }
}

/// Whether an image is one that the registry mirrors: the configuration says so, or its name begins with a host's.
fn is_mirrored(bench: &Bench, pin: &Pin) -> bool {
    let prefix =
        bench.deployment.mirror.as_ref().map(|mirror| mirror.prefix.as_str()).filter(|prefix| !prefix.is_empty());
    let below = |prefix: &str| pin.repository.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'));
    prefix.is_some_and(below) || pin.repository.split_once('/').is_some_and(|(first, _)| first.contains('.'))
}

async fn ask(bench: &Bench, pin: Pin, places: Vec<Place>) -> Pinned {
    let head = |reference: Option<String>| {
        let repository = pin.repository.clone();
        async move {
            let path = ImageName { repository, reference: reference? }.manifest_path();
            Some(bench.wire.send(Request::head(path).header("accept", ACCEPT).following()).await.map_err(Halt::from))
        }
    };
    let (by_tag, by_digest) = tokio::join!(head(pin.tag.clone()), head(pin.digest.as_ref().map(ToString::to_string)));
    let placeholder = bench.deployment.inventory.placeholders.matches(&pin);
    Pinned { pin, places, placeholder, by_tag, by_digest }
}
