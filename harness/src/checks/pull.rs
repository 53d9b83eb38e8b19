//! `pull.anonymous`: anybody can pull, and gets the bytes that the digests name.

mod saboteurs;

use std::sync::Arc;

use serde_json::Value;
use zot_verify_model::{Digest, image};

use super::expect;
use crate::bench::Bench;
use crate::bounds;
use crate::check::{Check, Profile, reads};
use crate::run::outcome::{Breach, Halt, Judged, Proof};
use crate::target::{ImageName, Kind};
use crate::wire::{Exchange, Redactor, Request};

/// What clients accept when they ask for a tag.
pub(super) const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

/// The media types of an index.
pub(super) const INDEXES: [&str; 2] = [image::INDEX, "application/vnd.docker.distribution.manifest.list.v2+json"];

/// The media types of a single image.
pub(super) const MANIFESTS: [&str; 2] = [image::MANIFEST, "application/vnd.docker.distribution.manifest.v2+json"];

/// What the check declares.
pub const CHECK: Check = Check {
    id: "pull.anonymous",
    title: "anybody can pull, and gets the bytes that the digests name",
    requirement: "Nodes and job runners pull without credentials; a registry that stops that stops them all \
                  (distribution-spec, \"Pull\"; the owner's checklist, \"Anonymous pull works\").",
    profile: Profile::Checklist,
    parts: &[
        reads!("catalog", "the catalogue answers and lists the image's repository", &["GET /v2/_catalog"], catalog),
        reads!(
            "index",
            "a tag answers with its index, under its media type and its digest, and so does the digest",
            &["GET /v2/*/manifests/*"],
            index
        ),
        reads!(
            "manifest",
            "the manifest of one platform answers by digest with the bytes of that digest",
            &["GET /v2/*/manifests/*"],
            manifest
        ),
        reads!(
            "config",
            "the image's configuration answers with the bytes of its digest",
            &["GET /v2/*/manifests/*", "GET /v2/*/blobs/*"],
            config
        ),
        reads!(
            "layers",
            "every layer answers with the bytes of its digest, no fewer and no more",
            &["GET /v2/*/manifests/*", "GET /v2/*/blobs/*", "HEAD /v2/*/blobs/*"],
            layers
        ),
        reads!(
            "head",
            "HEAD says of the tag, the manifest and a blob what GET says, without a body",
            &["GET /v2/*/manifests/*", "HEAD /v2/*/manifests/*", "HEAD /v2/*/blobs/*"],
            head
        ),
    ],
    saboteurs: saboteurs::ALL,
};

/// The manifests of an image, fetched once and shared by the parts that need what they name.
#[derive(Debug)]
pub struct Walk {
    /// The answer for the tag.
    pub top: Arc<Exchange>,
    /// Whether that is an index.
    pub is_index: bool,
    /// The answer for one platform's manifest; the same as `top` where there is no index.
    pub manifest: Arc<Exchange>,
    /// The digest by which the manifest was asked for.
    pub manifest_digest: Digest,
    /// The configuration.
    pub config: Descriptor,
    /// The layers.
    pub layers: Vec<Descriptor>,
}

/// What an index or a manifest says of something else.
#[derive(Debug, Clone)]
pub struct Descriptor {
    /// Media type.
    pub media_type: String,
    /// Digest.
    pub digest: Digest,
    /// Length in bytes.
    pub size: u64,
}

impl Descriptor {
    /// Reads a descriptor (image-spec, "OCI Content Descriptors").
    #[must_use]
    pub fn read(value: &Value) -> Option<Self> {
        Some(Self {
            media_type: value.get("mediaType")?.as_str()?.to_owned(),
            digest: Digest::parse(value.get("digest")?.as_str()?).ok()?,
            size: value.get("size")?.as_u64()?,
        })
    }
}

/// The descriptor of the platform to pull: `linux/amd64` where there is one, else the first.
#[must_use]
pub fn platform(index: &Value) -> Option<Descriptor> {
    let manifests = index.get("manifests")?.as_array()?;
    let amd64 = |entry: &&Value| {
        entry.pointer("/platform/os") == Some(&"linux".into())
            && entry.pointer("/platform/architecture") == Some(&"amd64".into())
    };
    Descriptor::read(manifests.iter().find(amd64).or_else(|| manifests.first())?)
}

/// The configuration and the layers that a manifest names, all of which must be readable.
#[must_use]
pub fn named_blobs(manifest: &Value) -> Option<(Descriptor, Vec<Descriptor>)> {
    let layers = manifest.get("layers")?.as_array()?.iter().map(Descriptor::read).collect::<Option<_>>()?;
    Some((Descriptor::read(manifest.get("config")?)?, layers))
}

/// Whether an answer is an index.
#[must_use]
pub fn is_index(exchange: &Exchange) -> bool {
    let media_type = exchange.header("content-type").unwrap_or_default();
    INDEXES.iter().any(|index| media_type.starts_with(index))
}

async fn catalog(bench: Bench) -> Judged {
    let exchange = bench.wire.send(Request::get("/v2/_catalog")).await?;
    let redactor = bench.wire.redactor();
    expect::status(&exchange, 200, redactor)?;
    let body = expect::object(&exchange, redactor)?;
    let expected = "GET /v2/_catalog answers a list of repositories";
    let names: Option<Vec<&str>> =
        body.get("repositories").and_then(Value::as_array).and_then(|names| names.iter().map(Value::as_str).collect());
    let Some(names) = names else {
        return Err(Breach::new(expected, "no `repositories` that is a list of names", &exchange).into());
    };
    let more = exchange.headers("link").next().is_some();
    // Live, an image that is not there is the next part's to report; here it must be pullable and not listed.
    if let Ok(image) = bench.image()
        && (bench.deployment.kind == Kind::Local || walk(&bench, Stage::Later).await.is_ok())
        && !more
        && !names.contains(&image.repository.as_str())
    {
        let observed = format!("{} repositories, {} not among them", names.len(), image.repository);
        return Err(Breach::new(expected, observed, &exchange).into());
    }
    Ok(Proof::of(format!("repositories listed: {}", names.len()), &exchange))
}

async fn index(bench: Bench) -> Judged {
    let (top, body) = answer_for_tag(&bench).await?;
    let (image, redactor) = (bench.image()?, bench.wire.redactor());
    expect::digest_header(&top, top.digest(), redactor)?;
    if let Some(digest) = bench.intent.pushed.clone().or_else(|| image.digest()) {
        expect::digest(&top, &digest, redactor)?;
    }
    media_type_agrees(&top, &body, redactor)?;
    if !is_index(&top) {
        return Err(Halt::Skip(format!("{image} is a single image; its manifest is judged by the next part")));
    }
    if platform(&body).is_none() {
        return Err(Breach::new("an index that names manifests", "none that can be read", &top).into());
    }
    let again = fetch_manifest(&bench, top.digest()).await?;
    expect::status(&again, 200, redactor)?;
    expect::digest(&again, top.digest(), redactor)?;
    expect::digest_header(&again, top.digest(), redactor)?;
    media_type_agrees(&again, &body, redactor)?;
    Ok(Proof::of(format!("{image} is {}", top.digest()), &top).and(&again))
}

async fn manifest(bench: Bench) -> Judged {
    let walk = walk(&bench, Stage::Manifest).await?;
    let redactor = bench.wire.redactor();
    expect::digest(&walk.manifest, &walk.manifest_digest, redactor)?;
    expect::digest_header(&walk.manifest, &walk.manifest_digest, redactor)?;
    let body = expect::object(&walk.manifest, redactor)?;
    media_type_agrees(&walk.manifest, &body, redactor)?;
    Ok(Proof::of(format!("{} with {} layers", walk.manifest_digest, walk.layers.len()), &walk.manifest))
}

async fn config(bench: Bench) -> Judged {
    let (walk, image) = (walk(&bench, Stage::Later).await?, bench.image()?);
    let blob = fetch_blob(&bench, image, &walk.config).await?;
    Ok(Proof::of(format!("{} bytes of {}", blob.length(), walk.config.digest), &blob))
}

async fn layers(bench: Bench) -> Judged {
    let (walk, image) = (walk(&bench, Stage::Later).await?, bench.image()?);
    if walk.layers.is_empty() {
        return Err(Halt::Skip("the image has no layers".into()));
    }
    let mut proof = Proof::of(String::new(), &walk.manifest);
    let (mut whole, mut asked) = (0_usize, 0_usize);
    for layer in &walk.layers {
        let exchange = if layer.size <= bounds::LAYER_READ {
            whole += 1;
            fetch_blob(&bench, image, layer).await?
        } else {
            asked += 1;
            let path = format!("/v2/{}/blobs/{}", image.repository, layer.digest);
            let exchange = bench.wire.send(Request::head(path).following()).await?;
            expect::status(&exchange, 200, bench.wire.redactor())?;
            expect::digest_header(&exchange, &layer.digest, bench.wire.redactor())?;
            length_is(&exchange, layer.size, bench.wire.redactor())?;
            exchange
        };
        proof = proof.and(&exchange);
    }
    let over = if asked == 0 {
        String::new()
    } else {
        format!(", {asked} above {} MiB asked for only", bounds::LAYER_READ >> 20)
    };
    Ok(proof.saying(format!("{whole} of {} layers read whole{over}", walk.layers.len())))
}

async fn head(bench: Bench) -> Judged {
    let (walk, image) = (walk(&bench, Stage::Later).await?, bench.image()?);
    let tag = bench.wire.send(Request::head(image.manifest_path()).header("accept", ACCEPT).following()).await?;
    same_as_get(&tag, &walk.top, &bench)?;
    let path = format!("/v2/{}/manifests/{}", image.repository, walk.manifest_digest);
    let manifest = bench.wire.send(Request::head(path).header("accept", ACCEPT).following()).await?;
    same_as_get(&manifest, &walk.manifest, &bench)?;
    let path = format!("/v2/{}/blobs/{}", image.repository, walk.config.digest);
    let blob = bench.wire.send(Request::head(path).following()).await?;
    let redactor = bench.wire.redactor();
    expect::status(&blob, 200, redactor)?;
    expect::digest_header(&blob, &walk.config.digest, redactor)?;
    length_is(&blob, walk.config.size, redactor)?;
    Ok(Proof::of("HEAD and GET agree on the tag, the manifest and the configuration", &tag).and(&manifest).and(&blob))
}

fn same_as_get(head: &Arc<Exchange>, get: &Arc<Exchange>, bench: &Bench) -> Result<(), Halt> {
    let redactor = bench.wire.redactor();
    expect::status(head, get.status(), redactor)?;
    for name in ["content-type", expect::DIGEST_HEADER] {
        let (said, wanted) = (head.header(name), get.header(name));
        if said != wanted {
            let line = head.line(redactor);
            let expected = format!("{line} says {name} `{}` as GET does", wanted.unwrap_or_default());
            return Err(Breach::new(expected, format!("`{}`", said.unwrap_or_default()), head).into());
        }
    }
    length_is(head, get.length(), redactor)
}

/// The length that a HEAD announces, and that it sends none of it.
pub(super) fn length_is(head: &Arc<Exchange>, wanted: u64, redactor: &Redactor) -> Result<(), Halt> {
    let said = head.header("content-length").and_then(|length| length.parse().ok());
    if said == Some(wanted) && head.length() == 0 {
        return Ok(());
    }
    let line = head.line(redactor);
    let said = said.map_or_else(|| "none".to_owned(), |said: u64| said.to_string());
    let observed = format!("length {said} and {} bytes of body", head.length());
    Err(Breach::new(format!("{line} announces {wanted} bytes and sends none"), observed, head).into())
}

async fn fetch_tag(bench: &Bench, image: &ImageName) -> Result<Arc<Exchange>, Halt> {
    Ok(bench.wire.send(Request::get(image.manifest_path()).header("accept", ACCEPT).following()).await?)
}

async fn fetch_blob(bench: &Bench, image: &ImageName, blob: &Descriptor) -> Result<Arc<Exchange>, Halt> {
    let path = format!("/v2/{}/blobs/{}", image.repository, blob.digest);
    let exchange = bench.wire.send(Request::get(path).streamed(blob.size).following()).await?;
    let redactor = bench.wire.redactor();
    expect::status(&exchange, 200, redactor)?;
    expect::digest(&exchange, &blob.digest, redactor)?;
    expect::digest_header(&exchange, &blob.digest, redactor)?;
    Ok(exchange)
}

/// Where on the way from a tag to its blobs something is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// What the tag answers: judged by the part `index`.
    Tag,
    /// One platform's manifest: judged by the part `manifest`.
    Manifest,
    /// Everything that needs the walk and judges none of it.
    Later,
}

/// The shared walk from the tag to the manifest of one platform, for a part that judges `stage`.
///
/// # Errors
/// A breach met at that stage. Breaches of other stages are a skip, so that one fault is one breach.
pub async fn walk(bench: &Bench, stage: Stage) -> Result<Arc<Walk>, Halt> {
    let walked = bench.setup.walk.get_or_init(|| async { first_walk(bench).await.map(Arc::new) }).await;
    walked.clone().map_err(|(met, halt)| match halt {
        Halt::Breach(breach) if met != stage => {
            Halt::Skip(format!("needs an image that can be walked: {}", breach.observed))
        }
        other => other,
    })
}

async fn first_walk(bench: &Bench) -> Result<Walk, (Stage, Halt)> {
    let (top, body) = answer_for_tag(bench).await.map_err(|halt| (Stage::Tag, halt))?;
    let is_index = is_index(&top);
    let (manifest, manifest_digest) = match platform(&body).filter(|_| is_index) {
        None if is_index => {
            let breach = Breach::new("an index that names manifests", "none that can be read", &top);
            return Err((Stage::Tag, breach.into()));
        }
        // A single image is asked for by its digest too: that is what the part `manifest` claims.
        None => {
            let digest = top.digest().clone();
            (fetch_manifest(bench, &digest).await.map_err(|halt| (Stage::Manifest, halt))?, digest)
        }
        Some(child) => {
            let answer = fetch_manifest(bench, &child.digest).await.map_err(|halt| (Stage::Manifest, halt))?;
            (answer, child.digest)
        }
    };
    let named = (manifest.status() == 200).then(|| manifest.json()).flatten().as_ref().and_then(named_blobs);
    let Some((config, layers)) = named else {
        let observed = format!("{} without a readable config and layers", manifest.status());
        let breach = Breach::new("a manifest that names a config and layers", observed, &manifest);
        return Err((Stage::Manifest, breach.into()));
    };
    Ok(Walk { top, is_index, manifest, manifest_digest, config, layers })
}

/// The answer for the tag, once for the part that judges it and for those that go on from it: of two answers, one could
/// be broken where nobody reports it.
async fn answer_for_tag(bench: &Bench) -> Result<(Arc<Exchange>, Value), Halt> {
    bench.setup.tag.get_or_init(|| ask_for_tag(bench)).await.clone()
}

async fn ask_for_tag(bench: &Bench) -> Result<(Arc<Exchange>, Value), Halt> {
    let top = fetch_tag(bench, bench.image()?).await?;
    if top.status() == 404 && bench.deployment.kind == Kind::Live {
        let line = top.line(bench.wire.redactor());
        let breach = Breach::new(format!("{line} answers 200"), expect::observed(&top), &top);
        let cause = "the image that was named to be pulled is not there";
        return Err(breach.because(cause, Some("name one that is, with --pull-image or `pull_image`")).into());
    }
    expect::status(&top, 200, bench.wire.redactor())?;
    let body = expect::object(&top, bench.wire.redactor())?;
    Ok((top, body))
}

async fn fetch_manifest(bench: &Bench, digest: &Digest) -> Result<Arc<Exchange>, Halt> {
    let path = format!("/v2/{}/manifests/{digest}", bench.image()?.repository);
    Ok(bench.wire.send(Request::get(path).header("accept", ACCEPT).following()).await?)
}

/// The media type in the header is the one that the document gives itself (image-spec, `mediaType`).
pub(super) fn media_type_agrees(exchange: &Arc<Exchange>, body: &Value, redactor: &Redactor) -> Result<(), Halt> {
    let Some(own) = body.get("mediaType").and_then(Value::as_str) else { return Ok(()) };
    let said = exchange.header("content-type").unwrap_or_default();
    if said == own {
        return Ok(());
    }
    let line = exchange.line(redactor);
    Err(Breach::new(format!("{line} has Content-Type {own}"), format!("`{said}`"), exchange).into())
}
