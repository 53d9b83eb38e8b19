//! Pulling an upstream's image through the registry, by whatever path a client takes.

use std::io;
use std::sync::Arc;

use futures_util::future::try_join_all;
use zot_verify_fixtures::upstream;
use zot_verify_model::Digest;
use zot_verify_model::layout::Content;

use super::meter::Meter;
use crate::bench::Bench;
use crate::bounds;
use crate::checks::expect;
use crate::checks::pull::{ACCEPT, Descriptor, is_index, length_is, media_type_agrees, named_blobs, platform};
use crate::ledger;
use crate::run::outcome::{Breach, Halt, Proof};
use crate::target::{ImageName, Kind, Mirror};
use crate::wire::{Exchange, Request};

/// The namespace of every image that a lab's upstream is asked for: that of Docker's own, which clients put before
/// names that have none.
pub(in crate::checks) const NAMESPACE: &str = "library";

/// Their tag.
pub(in crate::checks) const TAG: &str = "v1";

/// Why an image is not there for which nobody asked the upstream.
pub(in crate::checks) const NOT_ASKED: &str = "the registry asked its upstream for nothing: extensions.sync is off, its \
     registry has no onDemand, or no content has a destination that the path begins with";

/// Why an image is not there, where it cannot be seen whether the upstream was asked.
pub(in crate::checks) const UNSEEN: &str =
    "the registry does not mirror this path, or its upstream refused: zot answers 404 for both";

/// An image that the registry has from an upstream.
pub(in crate::checks) struct Mirrored {
    /// As the registry is asked for it.
    pub(in crate::checks) name: ImageName,
    /// What stands behind the path of each request.
    pub(in crate::checks) query: String,
    /// The repository of a lab's upstream.
    pub(in crate::checks) upstream: String,
    /// What a lab's upstream has under the tag.
    digest: Option<Digest>,
    /// The largest layer that is read whole, in bytes; of a larger one only the header fields are compared.
    reads: u64,
}

/// An image that was pulled whole.
#[derive(Debug)]
pub struct Pulled {
    top: Arc<Exchange>,
    rest: Vec<Arc<Exchange>>,
    /// How many layers it has.
    pub(in crate::checks) layers: usize,
}

/// What the registry mirrors.
///
/// # Errors
/// Skip where the configuration mirrors nothing that could be told from here.
pub(in crate::checks) fn mirror(bench: &Bench) -> Result<&Mirror, Halt> {
    bench.deployment.mirror.as_ref().ok_or_else(no_mirror)
}

/// That there is nothing to look at.
pub(in crate::checks) fn no_mirror() -> Halt {
    let why = "this configuration mirrors no whole registry on demand: extensions.sync has no registry with onDemand \
               and a content with prefix **";
    Halt::Skip(why.into())
}

impl Mirrored {
    /// The image of one part: in a lab one that nobody else asks for, on a live registry the one that was named.
    ///
    /// # Errors
    /// Skip where there is none.
    pub(in crate::checks) fn of(bench: &Bench, part: &str) -> Result<Self, Halt> {
        if bench.deployment.kind == Kind::Live {
            let name = bench.intent.mirror_image.clone();
            let name = name.ok_or_else(|| Halt::Skip("no upstream image is named: give --mirror-image".into()))?;
            return Ok(Self::new(name, String::new()));
        }
        let upstream = format!("{NAMESPACE}/zot-verify-{part}");
        let name = ImageName { repository: mirror(bench)?.repository(&upstream), reference: TAG.into() };
        let content = upstream::content(&upstream, TAG);
        let mut image = Self::new(name, upstream);
        image.expect(content)?;
        Ok(image)
    }

    fn new(name: ImageName, upstream: String) -> Self {
        Self { name, query: String::new(), upstream, digest: None, reads: bounds::PERSONA_LAYER_READ }
    }

    /// The same image, whose layers are read whole up to this size.
    pub(in crate::checks) fn reading(self, reads: u64) -> Self {
        Self { reads, ..self }
    }

    /// From now on the upstream has this under the tag.
    ///
    /// # Errors
    /// What building it reports.
    pub(in crate::checks) fn expect(&mut self, content: io::Result<Content>) -> Result<(), Halt> {
        let content = content.map_err(|error| Halt::Error(format!("no image could be built: {error}")))?;
        self.digest = Some(content.top().digest.clone());
        Ok(())
    }

    /// Pulls the image for the first time, by its tag.
    ///
    /// # Errors
    /// As [`Mirrored::pull`], with what the upstream has to say of a breach.
    pub(in crate::checks) async fn first_pull(&self, bench: &Bench) -> Result<Pulled, Halt> {
        match self.pull(bench, &self.name.reference).await {
            Err(Halt::Breach(breach)) => Err(self.explained(bench, *breach).await),
            pulled => pulled,
        }
    }

    /// Pulls the image whole: what the tag or digest names, one platform of an index, the configuration, the layers.
    ///
    /// # Errors
    /// A breach where anything is not there, or has other bytes than its digest says or the upstream has.
    pub(in crate::checks) async fn pull(&self, bench: &Bench, reference: &str) -> Result<Pulled, Halt> {
        let top = self.fetch(bench, reference).await?;
        let wanted = Digest::parse(reference).ok().or_else(|| self.digest.clone());
        if let Some(wanted) = wanted {
            expect::digest(&top, &wanted, bench.wire.redactor())?;
        }
        let mut rest = Vec::new();
        let mut manifest = Arc::clone(&top);
        if is_index(&top) {
            let child = top.json().as_ref().and_then(platform);
            let child =
                child.ok_or_else(|| Breach::new("an index that names manifests", "none that can be read", &top))?;
            manifest = self.manifest(bench, child.digest.as_str()).await?;
            expect::digest(&manifest, &child.digest, bench.wire.redactor())?;
            rest.push(Arc::clone(&manifest));
        }
        let Some((config, layers)) = manifest.json().as_ref().and_then(named_blobs) else {
            let expected = "a manifest that names a config and layers";
            return Err(Breach::new(expected, "none that can be read", &manifest).into());
        };
        let blobs = std::iter::once(&config).chain(&layers).map(|blob| self.blob(bench, blob));
        rest.extend(try_join_all(blobs).await?);
        Ok(Pulled { top, rest, layers: layers.len() })
    }

    /// Asks for what the registry may have to fetch first, and then keeps.
    async fn fetch(&self, bench: &Bench, reference: &str) -> Result<Arc<Exchange>, Halt> {
        if Digest::parse(reference).is_ok() {
            return self.manifest(bench, reference).await;
        }
        let noted = bench.ledger.plan(ledger::Kind::Tag, &self.name.repository, reference)?;
        // Said before it is known: whatever comes of it, and whether the mirror goes on fetching or not, it is not ours
        // to remove.
        noted.kept("a mirror keeps what it fetched")?;
        let top = self.manifest(bench, reference).await;
        if let Err(Halt::Breach(_)) = &top {
            noted.removed()?;
        }
        top
    }

    async fn manifest(&self, bench: &Bench, reference: &str) -> Result<Arc<Exchange>, Halt> {
        let path = format!("/v2/{}/manifests/{reference}{}", self.name.repository, self.query);
        let asked = bench.wire.send(Request::get(path).header("accept", ACCEPT).following()).await.map_err(Halt::from);
        let answer = asked.map_err(|halt| match halt {
            Halt::Error(why) if bench.deployment.kind == Kind::Live => Halt::Error(format!(
                "{why}; zot answers when it has fetched the image, and goes on doing so: run it again"
            )),
            other => other,
        })?;
        expect::status(&answer, 200, bench.wire.redactor())?;
        expect::digest_header(&answer, answer.digest(), bench.wire.redactor())?;
        if let Some(body) = answer.json() {
            media_type_agrees(&answer, &body, bench.wire.redactor())?;
        }
        Ok(answer)
    }

    async fn blob(&self, bench: &Bench, blob: &Descriptor) -> Result<Arc<Exchange>, Halt> {
        let path = format!("/v2/{}/blobs/{}{}", self.name.repository, blob.digest, self.query);
        let whole = blob.size <= self.reads;
        let request = if whole { Request::get(path).streamed(blob.size) } else { Request::head(path) }.following();
        let (answer, redactor) = (bench.wire.send(request).await?, bench.wire.redactor());
        expect::status(&answer, 200, redactor)?;
        expect::digest_header(&answer, &blob.digest, redactor)?;
        if whole { expect::digest(&answer, &blob.digest, redactor) } else { length_is(&answer, blob.size, redactor) }?;
        Ok(answer)
    }

    /// A breach with what the upstream has to say of it: zot answers 404 for all that it did not fetch.
    async fn explained(&self, bench: &Bench, breach: Breach) -> Halt {
        if breach.exchange.as_ref().is_none_or(|exchange| exchange.status() != 404) {
            return breach.into();
        }
        let Some(meter) = Meter::of(bench) else {
            return breach.because(UNSEEN, Some("look for `failed to sync image` in zot's log")).into();
        };
        let reading = match meter.read(&self.upstream).await {
            Ok(reading) => reading,
            Err(halt) => return halt,
        };
        match reading.refused() {
            _ if reading.requests.is_empty() => breach.because(
                NOT_ASKED,
                Some("set onDemand, and a content with prefix ** and the destination that clients ask for"),
            ),
            Some(asked) => {
                let cause = format!("the upstream refused ({asked}), and zot answers 404 for whatever it cannot fetch");
                breach.because(cause, Some("see why the upstream refuses: credentials, a pull limit, or a wrong name"))
            }
            None => breach.because(
                "the upstream answered, and the registry did not take what it sent: its bytes or its media type are \
                 not what was promised",
                Some("look for `failed to sync image` in zot's log"),
            ),
        }
        .into()
    }
}

impl Pulled {
    /// What the tag or digest named.
    pub(in crate::checks) fn digest(&self) -> &Digest {
        self.top.digest()
    }

    /// That it was pulled.
    pub(in crate::checks) fn proof(&self, said: impl Into<String>) -> Proof {
        self.rest.iter().fold(Proof::of(said, &self.top), Proof::and)
    }

    /// A proof that rests on this pull too.
    pub(in crate::checks) fn join(&self, proof: Proof) -> Proof {
        self.rest.iter().fold(proof.and(&self.top), Proof::and)
    }
}
