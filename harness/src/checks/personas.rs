//! `pull.personas`: the client programs that the owner uses can pull, each in the way in which it really asks.

mod saboteurs;

use std::sync::Arc;

use zot_verify_model::Digest;

use super::pull::{Descriptor, is_index, length_is, media_type_agrees, named_blobs, platform};
use super::{expect, version};
use crate::bench::Bench;
use crate::bounds;
use crate::check::{Check, Effect, Level, Part, Probe, Profile};
use crate::run::outcome::{Breach, Halt, Judged, Proof};
use crate::wire::persona::{self, Persona};
use crate::wire::{Exchange, Request};

/// A part that pulls as one persona.
macro_rules! part {
    ($persona:ident, $level:ident, $claim:literal) => {
        Part {
            name: persona::$persona.id,
            claim: $claim,
            asks: persona::$persona.asks(),
            level: Level::$level,
            effect: Effect::Reads,
            needs: &[],
            probe: Probe::Asks(|bench| Box::pin(pull_as(bench, &persona::$persona))),
        }
    };
}

/// What the check declares.
pub const CHECK: Check = Check {
    id: "pull.personas",
    title: "the client programs that the owner uses can pull without credentials",
    requirement: "zot since v2.1.16 answers /v2/ by User-Agent, so a pull that works by hand may fail on every node \
                  (zot issues 3991 and 4173). The intent names the programs that must be able to.",
    profile: Profile::Checklist,
    parts: &[
        part!(CURL, Requirement, "a person or a script with curl"),
        part!(CONTAINERD, Requirement, "containerd, as k3s embeds it"),
        part!(SKOPEO, Requirement, "skopeo"),
        part!(PODMAN, Requirement, "podman"),
        part!(CRANE, Requirement, "crane"),
        part!(BUILDKIT, Requirement, "BuildKit, and Dagger with it"),
        part!(DOCKER, Hardening, "a Docker daemon asked by the docker command"),
        part!(COMPOSE, Hardening, "a Docker daemon asked by docker-compose"),
        part!(CRI_DOCKERD, Hardening, "a Docker daemon asked by cri-dockerd, as minikube with the Docker runtime does"),
    ],
    saboteurs: saboteurs::ALL,
};

async fn pull_as(bench: Bench, persona: &'static Persona) -> Judged {
    let mut seen = None;
    if persona.pings {
        seen = Some(ping(&bench, persona).await?);
    }
    let challenged = seen.as_ref().is_some_and(|ping| ping.header("www-authenticate").is_some());
    let image = bench.image()?;
    let redactor = bench.wire.redactor();

    let mut announced = None;
    let (request, wanted) = if persona.head_first {
        let (head, digest) = head_of_tag(&bench, persona, challenged).await?;
        let media_type = head.header("content-type").unwrap_or_default().to_owned();
        announced = Some(head);
        let path = format!("/v2/{}/manifests/{digest}", image.repository);
        (persona.manifest(Request::get(path), &media_type, challenged), Some(digest))
    } else {
        (persona.tag(Request::get(image.manifest_path()), challenged), image.digest())
    };
    let top = bench.wire.send(request).await?;
    expect::status(&top, 200, redactor)?;
    expect::digest_header(&top, top.digest(), redactor)?;
    if let Some(wanted) = &wanted {
        expect::digest(&top, wanted, redactor)?;
    }
    let body = expect::object(&top, redactor)?;
    let mut proof = Proof::of("", &top);
    if let Some(ping) = &seen {
        proof = proof.and(ping);
    }
    if !persona.whole {
        return Ok(proof.saying("/v2/ and the manifest of a tag"));
    }
    // They tell an index from an image by it.
    media_type_agrees(&top, &body, redactor)?;
    if let Some(head) = &announced {
        media_type_agrees(head, &body, redactor)?;
    }
    let (manifest, shown) = if is_index(&top) || body.get("manifests").is_some() {
        let Some(child) = platform(&body) else {
            return Err(Breach::new("an index that names manifests", "none that can be read", &top).into());
        };
        let path = format!("/v2/{}/manifests/{}", image.repository, child.digest);
        let exchange = bench.wire.send(persona.manifest(Request::get(path), &child.media_type, challenged)).await?;
        expect::status(&exchange, 200, redactor)?;
        expect::digest(&exchange, &child.digest, redactor)?;
        proof = proof.and(&exchange);
        let manifest = expect::object(&exchange, redactor)?;
        media_type_agrees(&exchange, &manifest, redactor)?;
        (manifest, exchange)
    } else {
        (body, top)
    };
    let Some((config, layers)) = named_blobs(&manifest) else {
        return Err(Breach::new("a manifest that names a config and layers", "none that can be read", &shown).into());
    };
    for blob in std::iter::once(&config).chain(&layers) {
        proof = proof.and(&fetch_blob(&bench, persona, &image.repository, blob, challenged).await?);
    }
    Ok(proof.saying(format!("the whole pull, {} layers", layers.len())))
}

/// The tag's HEAD, and the digest in it by which the program then asks.
async fn head_of_tag(bench: &Bench, persona: &Persona, challenged: bool) -> Result<(Arc<Exchange>, Digest), Halt> {
    let head = bench.wire.send(persona.tag(Request::head(bench.image()?.manifest_path()), challenged)).await?;
    expect::status(&head, 200, bench.wire.redactor())?;
    let named = head.header(expect::DIGEST_HEADER).unwrap_or("no Docker-Content-Digest").to_owned();
    match Digest::parse(&named) {
        Ok(digest) => Ok((head, digest)),
        Err(_) => {
            let expected = "HEAD of the tag names a digest, by which the program then asks";
            Err(Breach::new(expected, named, &head).into())
        }
    }
}

async fn ping(bench: &Bench, persona: &Persona) -> Result<Arc<Exchange>, Halt> {
    let exchange = bench.wire.send(persona.ping()).await?;
    if exchange.status() == 200 {
        return Ok(exchange);
    }
    let breach = Breach::new("GET /v2/ answers 200 without credentials", expect::observed(&exchange), &exchange);
    let trapped = persona.docker && exchange.status() == 401;
    Err(if trapped { version::DOCKER_PING.explains(breach) } else { breach }.into())
}

async fn fetch_blob(
    bench: &Bench,
    persona: &Persona,
    repository: &str,
    blob: &Descriptor,
    challenged: bool,
) -> Result<Arc<Exchange>, Halt> {
    let path = format!("/v2/{repository}/blobs/{}", blob.digest);
    let whole = blob.size <= bounds::PERSONA_LAYER_READ;
    let request = if whole { Request::get(path).streamed(blob.size) } else { Request::head(path) };
    let exchange = bench.wire.send(persona.blob(request, &blob.media_type, challenged)).await?;
    expect::status(&exchange, 200, bench.wire.redactor())?;
    expect::digest_header(&exchange, &blob.digest, bench.wire.redactor())?;
    if whole {
        expect::digest(&exchange, &blob.digest, bench.wire.redactor())?;
    } else {
        length_is(&exchange, blob.size, bench.wire.redactor())?;
    }
    Ok(exchange)
}
