//! How an image is pushed, as every client does it (distribution-spec, "Pushing").

use std::io;
use std::sync::Arc;

use futures_util::future::try_join_all;
use http::Method;
use serde_json::Value;
use url::Url;
use zot_verify_model::image::{self, Blob, Image};
use zot_verify_model::{Account, Digest};

use super::expect;
use crate::bench::Bench;
use crate::ledger::{Entry, Kind};
use crate::run::outcome::{Breach, Halt};
use crate::wire::{Exchange, Redactor, Request};

/// A blob that was pushed.
#[derive(Debug)]
pub struct Upload {
    /// Its digest.
    pub digest: Digest,
    /// The answer that began the upload.
    pub begun: Arc<Exchange>,
    /// The answer that ended it.
    pub finished: Arc<Exchange>,
}

/// Why a manifest without a tag is left.
pub(super) const UNTAGGED: &str = "zot's garbage collection removes what no tag names";

/// How the descriptions of all images begin that are pushed to somebody's registry. What has no such description is not
/// ours, and nothing is tried on it.
const OURS: &str = "zot-verify: ";

/// An image of our own, of less than 1 KiB.
///
/// # Errors
/// An error where it cannot be built.
pub fn image(content: &str, description: &str) -> Result<Image, Halt> {
    Ok(Image::build("amd64", content).map_err(unbuilt)?.described(&format!("{OURS}{description}")))
}

/// Another manifest of our own over the same blobs.
#[must_use]
pub fn alone(image: &Image) -> Blob {
    image.sibling(&format!("{OURS}pushed by digest alone"))
}

/// That an image cannot be built is no finding.
pub fn unbuilt(error: io::Error) -> Halt {
    Halt::Error(format!("no image could be built: {error}"))
}

/// Whether a manifest is one that zot-verify pushed.
#[must_use]
pub fn is_ours(manifest: &Exchange) -> bool {
    let described = manifest.json().and_then(|manifest| {
        let description = manifest.get("annotations")?.get(image::DESCRIPTION)?.as_str()?;
        Some(description.starts_with(OURS))
    });
    described == Some(true)
}

/// Pushes what must be there before the manifest, side by side.
///
/// # Errors
/// A breach where a step is not answered as the specification says.
pub async fn upload(bench: &Bench, by: &Account, repository: &str, image: &Image) -> Result<Vec<Upload>, Halt> {
    try_join_all(image.blobs().map(|blob| upload_blob(bench, by, repository, blob))).await
}

async fn upload_blob(bench: &Bench, by: &Account, repository: &str, blob: &Blob) -> Result<Upload, Halt> {
    let noted = bench.ledger.plan(Kind::Blob, repository, blob.digest.as_str())?;
    let begin = Request::new(Method::POST, format!("/v2/{repository}/blobs/uploads/")).by(by);
    let begun = bench.wire.send(begin).await?;
    if refused(&begun) {
        noted.removed()?;
    }
    taken(bench, &begun, 202, by)?;
    let to = session(&begun, bench.wire.registry(), bench.wire.redactor())?;
    let id = to.split('?').next().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    noted.begun(id)?;
    let separator = if to.contains('?') { '&' } else { '?' };
    let finish = Request::new(Method::PUT, format!("{to}{separator}digest={}", blob.digest))
        .header("content-type", "application/octet-stream")
        .body(blob.bytes.clone())
        .by(by);
    let finished = bench.wire.send(finish).await?;
    if refused(&finished) {
        bench.ledger.plan(Kind::Upload, repository, id)?.created()?;
    }
    settle(&noted, &finished, "zot's garbage collection removes what no manifest names")?;
    taken(bench, &finished, 201, by)?;
    Ok(Upload { digest: blob.digest.clone(), begun, finished })
}

/// Pushes a manifest under a tag, or by its digest alone, and returns the answer, whatever it is.
///
/// # Errors
/// No answer, or a ledger that cannot be written.
pub async fn push(
    bench: &Bench,
    by: &Account,
    repository: &str,
    tag: Option<&str>,
    manifest: &Blob,
) -> Result<Arc<Exchange>, Halt> {
    let digest = manifest.digest.as_str();
    let tagged = tag.map(|tag| bench.ledger.plan(Kind::Tag, repository, tag)).transpose()?;
    let noted = bench.ledger.plan(Kind::Manifest, repository, digest)?;
    let answer = bench.wire.send(put(repository, tag.unwrap_or(digest), manifest, by)).await?;
    if let Some(tagged) = &tagged {
        settle(tagged, &answer, "who may push may not delete")?;
    }
    settle(&noted, &answer, UNTAGGED)?;
    Ok(answer)
}

/// What became of something, as far as the answer tells: trouble of the server says nothing.
pub(super) fn settle(noted: &Entry, answer: &Exchange, why: &str) -> Result<(), Halt> {
    match answer.status() {
        200..=299 => noted.kept(why),
        _ if refused(answer) => noted.removed(),
        _ => Ok(()),
    }
}

fn refused(answer: &Exchange) -> bool {
    (400..500).contains(&answer.status())
}

/// Where an upload goes on. The registry may send the client anywhere; credentials go to the registry alone.
pub(crate) fn session(begun: &Arc<Exchange>, registry: &Url, redactor: &Redactor) -> Result<String, Halt> {
    let line = begun.line(redactor);
    let expected = format!("{line} says by Location where the upload goes on, on the same registry");
    let Some(location) = begun.header("location") else {
        return Err(Breach::new(expected, "no Location", begun).into());
    };
    let elsewhere = || Breach::new(expected.clone(), format!("`{location}`"), begun);
    let to = begun.url().join(location).map_err(|_| elsewhere())?;
    let base = registry.path().trim_end_matches('/');
    let path = to.path().strip_prefix(base).filter(|path| path.starts_with('/'));
    let path = path.filter(|_| to.origin() == begun.url().origin()).ok_or_else(elsewhere)?;
    Ok(to.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}")))
}

/// The request that puts a manifest under a tag or its digest.
#[must_use]
pub fn put(repository: &str, reference: &str, manifest: &Blob, by: &Account) -> Request {
    Request::new(Method::PUT, format!("/v2/{repository}/manifests/{reference}"))
        .header("content-type", manifest.media_type)
        .body(manifest.bytes.clone())
        .by(by)
}

/// The request that anybody reads a manifest with.
#[must_use]
pub fn read(repository: &str, reference: &str) -> Request {
    Request::get(format!("/v2/{repository}/manifests/{reference}"))
        .header("accept", format!("{}, {}", image::MANIFEST, image::INDEX))
        .following()
}

/// Anybody reads the manifest that has this digest.
///
/// # Errors
/// A breach where it is not there, or something else is.
pub async fn reads(bench: &Bench, repository: &str, reference: &str, wanted: &Digest) -> Result<Arc<Exchange>, Halt> {
    let exchange = bench.wire.send(read(repository, reference)).await?;
    expect::status(&exchange, 200, bench.wire.redactor())?;
    expect::digest(&exchange, wanted, bench.wire.redactor())?;
    Ok(exchange)
}

/// The tags that a list names.
#[must_use]
pub fn tags(list: &Value) -> Vec<&str> {
    list.get("tags").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// A step of a push by `by` has this status.
///
/// # Errors
/// A breach with the likely cause where it is refused.
pub fn taken(bench: &Bench, answer: &Arc<Exchange>, wanted: u16, by: &Account) -> Result<(), Halt> {
    if answer.status() == wanted {
        return Ok(());
    }
    let line = answer.line(bench.wire.redactor());
    let breach = Breach::new(format!("{line} by {} answers {wanted}", by.name), expect::observed(answer), answer);
    Err(match answer.status() {
        403 => breach
            .because(
                format!("{} may not create here: the group is not granted it, or the account has lost the group", by.name),
                Some("look for the group with `create` in http.accessControl.repositories, and let the account log in again"),
            )
            .into(),
        _ => breach.into(),
    })
}
