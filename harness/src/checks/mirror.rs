//! `mirror.pull-through`: images of another registry are fetched when somebody pulls them, once, and kept.

mod meter;
pub(super) mod pulling;
mod saboteurs;

use std::io;
use std::sync::Arc;

use serde_json::Value;
use zot_verify_fixtures::upstream::{self, Trouble};
use zot_verify_model::image::Image;
use zot_verify_model::layout::{Content, Seed};

use self::meter::Meter;
pub use self::pulling::Pulled;
use self::pulling::{Mirrored, NAMESPACE, TAG};
use super::{expect, looking};
use crate::bench::Bench;
use crate::bounds;
use crate::check::{Check, Profile, part};
use crate::run::outcome::{Breach, Halt, Judged, Proof};
use crate::target::Kind;
use crate::wire::Request;

/// What pulling an image whole asks for.
const PULLS: &[&str] = &["GET /v2/*/manifests/*", "GET /v2/*/blobs/*", "HEAD /v2/*/blobs/*", "GET /-/meter?*"];
/// The same, where the upstream is put into trouble first.
const TROUBLES: &[&str] =
    &["GET /v2/*/manifests/*", "GET /v2/*/blobs/*", "HEAD /v2/*/blobs/*", "GET /-/meter?*", "PUT /-/faults?*"];

/// What the check declares.
pub const CHECK: Check = Check {
    id: "mirror.pull-through",
    title: "images of the mirrored registry are fetched once, kept, and served without it",
    requirement: "Nodes pull Docker Hub's images through the registry, so that its rate limit and its outages are not \
                  theirs (the owner's checklist, \"Pull-through caching still works\"). zot answers 404 for whatever \
                  it cannot fetch, and clients then go past it without a word: only the upstream can count what it \
                  was asked.",
    profile: Profile::Checklist,
    parts: &[
        part!(
            "served",
            "an image that nobody pulled before is served whole to anybody, with the upstream's bytes",
            PULLS,
            Requirement,
            FillsCache,
            &[],
            served
        ),
        part!(
            "fetched-once",
            "pulling by tag and then by digest fetches each blob from the upstream once",
            PULLS,
            Requirement,
            FillsCache,
            &[],
            fetched_once
        ),
        part!(
            "stored",
            "what was pulled is served by digest without asking the upstream, also while that is away",
            TROUBLES,
            Requirement,
            FillsCache,
            &[],
            stored
        ),
        part!(
            "fresh",
            "a tag that names another image upstream is served anew",
            TROUBLES,
            Requirement,
            FillsCache,
            &[],
            fresh
        ),
        part!(
            "missing",
            "an image that the upstream does not have is 404, and leaves no tag",
            &["GET /v2/*/manifests/*", "GET /v2/*/tags/list", "GET /-/meter?*"],
            Requirement,
            FillsCache,
            &[],
            missing
        ),
        part!(
            "own",
            "for own repositories the upstream is never asked",
            &["GET /v2/*/manifests/*", "GET /-/meter?*"],
            Requirement,
            FillsCache,
            &[],
            own
        ),
    ],
    saboteurs: saboteurs::ALL,
};

/// The image of the part whose pull others build on.
const SERVED: &str = "served";

/// A repository of the lab's registry itself, which an upstream would have too.
const OWN: &str = "zot-verify/mirror-own";

/// What a lab holds before it starts, to see that nobody asks the upstream for it.
///
/// # Errors
/// As [`Image::build`].
pub fn seed() -> io::Result<Seed> {
    let image = Content::Image(Image::build("amd64", "the registry's own")?);
    Ok(Seed { repository: OWN.into(), tags: vec![(TAG.into(), image)], ..Seed::default() })
}

async fn served(bench: Bench) -> Judged {
    let (image, pulled) = (Mirrored::of(&bench, SERVED)?, shared_pull(&bench).await?);
    let proof = pulled.proof(format!("{} with {} layers", image.name, pulled.layers));
    let Some(meter) = Meter::of(&bench) else { return Ok(proof) };
    let reading = meter.read(&image.upstream).await?;
    if reading.requests.is_empty() {
        let expected = format!("the upstream is asked for {}", image.upstream);
        return Err(Breach::new(expected, "it was served, and the upstream was not asked", &reading.exchange).into());
    }
    Ok(proof.and(&reading.exchange))
}

/// The first pull of an image, for the part `served` that judges it and for those that build on it.
async fn shared_pull(bench: &Bench) -> Result<Arc<Pulled>, Halt> {
    let pull = async || {
        let image = Mirrored::of(bench, SERVED)?.reading(bounds::LAYER_READ);
        Ok(Arc::new(image.first_pull(bench).await?))
    };
    bench.setup.mirrored.get_or_init(pull).await.clone()
}

/// The first pull of a part's own image. Where no image is served at all the part `served` reports it, and here it is a
/// skip; where only this one is not, nobody else would.
async fn first_pull(bench: &Bench, image: &Mirrored) -> Result<Arc<Pulled>, Halt> {
    let own = match bench.deployment.kind {
        // There is one image, and it is pulled for the first time only once.
        Kind::Live => shared_pull(bench).await,
        Kind::Local => image.first_pull(bench).await.map(Arc::new),
    };
    match own {
        Err(Halt::Breach(breach)) => match shared_pull(bench).await {
            Err(Halt::Breach(met)) => {
                Err(Halt::Skip(format!("needs a mirrored image that is served: {}", met.observed)))
            }
            _ => Err(Halt::Breach(breach)),
        },
        other => other,
    }
}

async fn fetched_once(bench: Bench) -> Judged {
    let (image, meter) = (Mirrored::of(&bench, "fetched-once")?, in_lab(&bench, "counts what the upstream was asked")?);
    let first = first_pull(&bench, &image).await?;
    let again = image.pull(&bench, first.digest().as_str()).await?;
    let reading = meter.read(&image.upstream).await?;
    let blobs = reading.blobs();
    if let Some((path, times)) = blobs.iter().find(|(_, times)| **times > 1) {
        let observed = format!("GET {path} {times} times, for two pulls of {}", image.name.repository);
        return Err(Breach::new("the upstream is asked for each blob once", observed, &reading.exchange)
            .because("what is fetched is not kept, or something in front of zot fetches it past zot", None)
            .into());
    }
    if blobs.is_empty() {
        return Err(Halt::Error("the image was served, and the upstream counted no blob".into()));
    }
    let said = format!("two pulls, {} blobs fetched once each", blobs.len());
    Ok(again.join(first.proof(said)).and(&reading.exchange))
}

async fn stored(bench: Bench) -> Judged {
    let image = Mirrored::of(&bench, "stored")?;
    let first = first_pull(&bench, &image).await?;
    let Some(meter) = Meter::of(&bench) else {
        let again = image.pull(&bench, first.digest().as_str()).await?;
        return Ok(again.join(first.proof("served again by digest; whether the upstream was asked cannot be seen")));
    };
    meter.put(&image.upstream, Trouble::Closed).await?;
    let before = meter.read(&image.upstream).await?;
    let again = match image.pull(&bench, first.digest().as_str()).await {
        Err(Halt::Breach(breach)) => {
            let expected = format!("{}, without the upstream", breach.expected);
            return Err(Breach { expected, ..*breach }.into());
        }
        pulled => pulled?,
    };
    let after = meter.read(&image.upstream).await?;
    if let Some(asked) = after.requests.get(before.requests.len()) {
        let expected = format!("{} is served by digest without asking the upstream", image.name.repository);
        return Err(Breach::new(expected, format!("it was asked: {asked}"), &after.exchange).into());
    }
    let said = "served whole by digest while the upstream was away, and it was not asked";
    Ok(again.join(first.proof(said)).and(&after.exchange))
}

async fn fresh(bench: Bench) -> Judged {
    let (mut image, meter) = (Mirrored::of(&bench, "fresh")?, in_lab(&bench, "moves a tag of the upstream")?);
    let first = first_pull(&bench, &image).await?;
    meter.put(&image.upstream, Trouble::Moved).await?;
    image.expect(upstream::moved(&image.upstream, TAG))?;
    let then = image.pull(&bench, TAG).await?;
    Ok(then.join(first.proof("the tag moved upstream, and the next pull got what it names now")))
}

async fn missing(bench: Bench) -> Judged {
    let meter = in_lab(&bench, "asks for an image that the upstream does not have")?;
    let upstream = format!("{NAMESPACE}/missing-zot-verify");
    let repository = pulling::mirror(&bench)?.repository(&upstream);
    let redactor = bench.wire.redactor();
    let answer = bench.wire.send(Request::get(format!("/v2/{repository}/manifests/{TAG}")).following()).await?;
    expect::status(&answer, 404, redactor)?;
    let listed = bench.wire.send(Request::get(format!("/v2/{repository}/tags/list"))).await?;
    let tags = listed.json().and_then(|body| body.get("tags").cloned());
    let none = tags.as_ref().is_some_and(|tags| tags.is_null() || tags.as_array().is_some_and(Vec::is_empty));
    if listed.status() != 404 && !(listed.status() == 200 && none) {
        let line = listed.line(redactor);
        let tags =
            tags.as_ref().and_then(Value::as_array).map_or("no list of".to_owned(), |tags| tags.len().to_string());
        let observed = format!("{}, {tags} tags", expect::observed(&listed));
        return Err(Breach::new(format!("{line} answers 404, or no tag"), observed, &listed).into());
    }
    let reading = meter.read(&upstream).await?;
    Ok(Proof::of("404, and no tag", &answer).and(&listed).and(&reading.exchange))
}

async fn own(bench: Bench) -> Judged {
    let meter = in_lab(&bench, "counts what the upstream was asked")?;
    pulling::mirror(&bench)?;
    let there = bench.wire.send(Request::get(format!("/v2/{OWN}/manifests/{TAG}")).following()).await?;
    let gone = bench.wire.send(Request::get(format!("/v2/{OWN}/manifests/no-such-tag")).following()).await?;
    if let Some(blind) = looking::blind(&there, bench.wire.redactor()) {
        return Err(Halt::Error(format!("whether it is asked for here cannot be told: {blind}")));
    }
    let reading = meter.read(OWN).await?;
    if let Some(asked) = reading.requests.first() {
        let expected = format!("the upstream is not asked for {OWN}, an own repository");
        return Err(Breach::new(expected, format!("it was asked: {asked}"), &reading.exchange)
            .because(
                "a content of extensions.sync takes in own repositories: zot asks its upstream at each pull of a tag, \
                 and serves what that has",
                Some("give each content a `destination`, such as /docker.io, below which nobody pushes"),
            )
            .into());
    }
    let redactor = bench.wire.redactor();
    expect::status(&there, 200, redactor)?;
    expect::status(&gone, 404, redactor)?;
    Ok(Proof::of("an own image and a missing one, and the upstream was not asked", &reading.exchange)
        .and(&there)
        .and(&gone))
}

/// The lab's upstream, for what cannot be seen elsewhere.
fn in_lab<'a>(bench: &'a Bench, why: &str) -> Result<Meter<'a>, Halt> {
    Meter::of(bench).ok_or_else(|| match bench.deployment.kind {
        Kind::Local => pulling::no_mirror(),
        Kind::Live => Halt::Skip(format!("only in a lab: it {why}")),
    })
}
