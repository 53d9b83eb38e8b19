//! `push.anonymous-denied`: nobody changes anything without credentials, by any door.

mod saboteurs;

use std::io;
use std::sync::Arc;

use zot_verify_model::image::Image;
use zot_verify_model::layout::{Content, Seed};
use zot_verify_model::principal::Action;

use super::{expect, looking};
use crate::bench::Bench;
use crate::check::{Check, Effect, Level, Part, Probe, Profile};
use crate::run::outcome::{Breach, Halt, Judged, Proof};
use crate::target::Kind;
use crate::wire::door::{self, Aim, DOORS, Door, Stage};
use crate::wire::{Exchange, challenge};

/// A part that tries one door.
macro_rules! part {
    ($door:ident, $claim:literal) => {
        Part {
            name: door::$door.name,
            claim: $claim,
            asks: &[door::$door.shape, "GET /v2/*", "HEAD /v2/*"],
            level: Level::Requirement,
            effect: if door::$door.harmless.is_some() { Effect::RefusedWrite } else { Effect::LabOnly },
            needs: &[],
            probe: Probe::Asks(|bench| Box::pin(closed(bench, &door::$door))),
        }
    };
}

/// What the check declares.
pub const CHECK: Check = Check {
    id: "push.anonymous-denied",
    title: "nobody changes anything without credentials, by any door",
    requirement: "A push without credentials is answered 401 with a challenge that a client can use, and changes \
                  nothing (RFC 9110 section 15.5.2; the owner's checklist, \"Unauthenticated push fails (401)\"). \
                  zot issue 2392: a refused push left a repository name behind.",
    profile: Profile::Checklist,
    parts: &[
        part!(UPLOAD_BEGIN, "nobody begins an upload"),
        part!(UPLOAD_WHOLE, "nobody uploads a blob in one request"),
        part!(MOUNT, "nobody mounts a blob of another repository"),
        part!(UPLOAD_CHUNK, "nobody sends a chunk to somebody's upload"),
        part!(UPLOAD_FINISH, "nobody finishes somebody's upload"),
        part!(UPLOAD_CANCEL, "nobody cancels somebody's upload"),
        part!(NEW_TAG, "nobody puts a manifest under a new tag"),
        part!(MOVE_TAG, "nobody puts a manifest under an existing tag"),
        part!(BY_DIGEST, "nobody puts a manifest by its digest"),
        part!(BY_DIGEST_NEW_TAG, "nobody tags a manifest with ?tag= and a new tag"),
        part!(BY_DIGEST_MOVE_TAG, "nobody moves a tag with ?tag="),
        part!(DELETE_TAG, "nobody deletes a tag"),
        part!(DELETE_MANIFEST, "nobody deletes a manifest"),
        part!(DELETE_BLOB, "nobody deletes a blob"),
    ],
    saboteurs: saboteurs::ALL,
};

/// Where the lab keeps the doors' repositories.
const NAMESPACE: &str = "zot-verify/doors";
/// A repository with a blob to mount from.
const ELSEWHERE: &str = "zot-verify/doors-elsewhere";
/// The upload session that the lab's doors find.
const UPLOAD: &str = "6f1c7a2e-9d3b-4c58-8e21-0b7f5a4d3c96";

/// What a lab holds for the doors before it starts.
///
/// # Errors
/// As [`Image::build`].
pub fn seeds() -> io::Result<Vec<Seed>> {
    let elsewhere = Image::build("amd64", ELSEWHERE)?;
    let mut seeds = vec![Seed {
        repository: ELSEWHERE.into(),
        tags: vec![("v1".into(), Content::Image(elsewhere))],
        ..Seed::default()
    }];
    for door in DOORS {
        let aim = aim(door, NAMESPACE, "v1")?;
        let seed = Seed { repository: aim.repository.clone(), ..Seed::default() };
        match door.stage {
            Stage::Nothing => {}
            Stage::Upload => seeds.push(Seed { uploads: vec![aim.upload], ..seed }),
            Stage::Tagged => {
                let loose = aim.rival.blobs().into_iter().cloned().collect();
                seeds.push(Seed { tags: vec![(aim.tag, Content::Image(aim.resident))], loose, ..seed });
            }
        }
    }
    Ok(seeds)
}

/// What a door is tried on, below `namespace`.
///
/// # Errors
/// As [`Image::build`].
pub fn aim(door: &Door, namespace: &str, tag: &str) -> io::Result<Aim> {
    let elsewhere = (ELSEWHERE.into(), Image::build("amd64", ELSEWHERE)?.layer.digest);
    Ok(Aim { upload: UPLOAD.into(), elsewhere, ..Aim::at(format!("{namespace}/{}", door.name), tag)? })
}

async fn closed(bench: Bench, door: &'static Door) -> Judged {
    let live = bench.deployment.kind == Kind::Live;
    let namespace = if live { &bench.intent.canary } else { NAMESPACE };
    let aim = aim(door, namespace, if live { "zot-verify-no-such-tag" } else { "v1" })
        .map_err(|error| Halt::Error(format!("no image could be built: {error}")))?;
    let request = match (live, door.harmless) {
        (false, _) => (door.full)(&aim),
        (true, Some(harmless)) => harmless(&aim),
        (true, None) => return Err(Halt::Skip("it has no form that is harmless to an open registry".into())),
    };

    if live && door.action != Action::Delete && !closed_to_deletes(&bench, &aim).await? {
        return Err(Halt::Skip(
            "the registry is not closed: it lets anybody ask to delete, so nothing else is tried".into(),
        ));
    }
    let before = watched(&bench, door, &aim).await?;
    if !live {
        stands(door, &aim, &before)?;
    }
    let answer = bench.wire.send(request).await?;
    let after = watched(&bench, door, &aim).await?;

    let redactor = bench.wire.redactor();
    let changed = changes(&before, &after, |exchange| exchange.line(redactor));
    let line = answer.line(redactor);
    let observed = match &changed {
        Some(change) => format!("{}, and it was done: {change}", expect::observed(&answer)),
        None => expect::observed(&answer),
    };
    if answer.status() != 401 {
        let breach = Breach::new(format!("{line} answers 401 and changes nothing"), observed, &answer);
        let opened = if live { lets_in(answer.status()) } else { answer.status() < 300 } || changed.is_some();
        return Err(if opened { open_to_anybody(breach, door) } else { breach }.into());
    }
    if changed.is_some() {
        return Err(Breach::new(format!("{line} changes nothing"), observed, &answer).into());
    }
    challenge::usable(&answer).map_err(|problem| {
        let expected = format!("{line} answers 401 with a challenge that a client can use");
        Breach::new(expected, format!("401, but the challenge {problem}"), &answer)
    })?;
    if let Some(blind) = after.iter().find_map(|look| looking::blind(look, redactor)) {
        return Err(Halt::Error(format!("401, but whether anything changed cannot be seen: {blind}")));
    }
    let proof = Proof::of(format!("401, and {} reads find everything as before", after.len()), &answer);
    Ok(after.iter().fold(proof, Proof::and))
}

/// Whether a live registry refuses anybody's request to delete what does not exist, which is harmless on any registry.
/// Other harmless forms are so on zot, and an open registry may be none.
pub(super) async fn closed_to_deletes(bench: &Bench, aim: &Aim) -> Result<bool, Halt> {
    let asked = bench.setup.closed.get_or_init(|| async {
        let delete = door::DELETE_TAG.harmless.unwrap_or(door::DELETE_TAG.full);
        match bench.wire.send(delete(aim)).await?.status() {
            401 => Ok(true),
            status if lets_in(status) => Ok(false),
            status => Err(Halt::Error(format!("whether it is closed cannot be told: a DELETE answers {status}"))),
        }
    });
    asked.await.clone()
}

/// Whether an answer to a harmless form shows an open door: the form is refused for what it is, or taken, only by a
/// registry that would have let a proper one pass.
fn lets_in(status: u16) -> bool {
    matches!(status, 200..=299 | 400 | 404 | 405 | 415 | 416)
}

fn open_to_anybody(breach: Breach, door: &Door) -> Breach {
    let action = door.action.word();
    breach.because(
        format!("the registry lets anybody {}", door.what),
        Some(&format!(
            "take `{action}` out of anonymousPolicy in http.accessControl.repositories, or add http.accessControl"
        )),
    )
}

async fn watched(bench: &Bench, door: &Door, aim: &Aim) -> Result<Vec<Arc<Exchange>>, Halt> {
    let mut seen = Vec::new();
    for request in (door.watch)(aim) {
        seen.push(bench.wire.send(request.following()).await?);
    }
    Ok(seen)
}

/// A lab's repository is as it was laid out; a door that leads nowhere proves nothing.
fn stands(door: &Door, aim: &Aim, before: &[Arc<Exchange>]) -> Result<(), Halt> {
    let there = before.iter().any(|exchange| exchange.status() < 300);
    let seeded = [format!("/manifests/{}", aim.tag), format!("/{}", aim.resident.manifest.digest)];
    let lost = before
        .iter()
        .any(|look| look.status() != 200 && seeded.iter().any(|place| look.url().path().ends_with(place.as_str())));
    match door.stage {
        Stage::Nothing if there => Err(Halt::Error("the lab's empty repository is not empty".into())),
        Stage::Upload | Stage::Tagged if !there || lost => Err(Halt::Error("the lab's seed is not served".into())),
        Stage::Nothing | Stage::Upload | Stage::Tagged => Ok(()),
    }
}

/// What differs between two looks at the same things, in words.
fn changes(before: &[Arc<Exchange>], after: &[Arc<Exchange>], line: impl Fn(&Exchange) -> String) -> Option<String> {
    let state = |exchange: &Exchange| {
        let range = exchange.header("range").map(str::to_owned);
        (exchange.status(), exchange.digest().clone(), range)
    };
    let changed = before.iter().zip(after).find(|(before, after)| state(before) != state(after));
    changed.map(|(before, after)| {
        let what = if before.status() == after.status() {
            "something else than before".to_owned()
        } else {
            format!("{} where it had answered {}", after.status(), before.status())
        };
        format!("{} now answers {what}", line(after))
    })
}
