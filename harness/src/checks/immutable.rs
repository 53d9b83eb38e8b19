//! `tags.immutable`: what CI has pushed once stays what it is, whatever CI asks for later.
//!
//! Judged by what the tag answers before, right after and a moment later, and only then by the status: a refusal that
//! overwrites is an overwrite.

mod saboteurs;

use std::io;
use std::sync::Arc;

use zot_verify_model::Account;
use zot_verify_model::layout::{Content, Seed};
use zot_verify_model::principal::Action;

use super::push_key::unbuilt;
use super::version::{LATEST_EXEMPT, TAG_PARAMETER, Trap};
use super::{expect, pushing};
use crate::bench::Bench;
use crate::bounds;
use crate::check::{Check, Effect, Level, Need, Part, Probe, Profile};
use crate::patience::Patience;
use crate::run::outcome::{Breach, Halt, Judged, Proof};
use crate::wire::Exchange;
use crate::wire::door::{self, Aim, Door};

/// A way in which CI could try to move or remove a tag.
#[derive(Debug)]
struct Try {
    /// The part.
    name: &'static str,
    /// The tag that it aims at.
    tag: &'static str,
    /// What is asked for.
    door: &'static Door,
    /// What would be done to the tag, in words that name the way.
    done: &'static str,
    /// Whether a registry may answer as if it had been done: zot before v2.1.16 does not read `?tag=`, and stores the
    /// manifest under its digest alone.
    may_be_idle: bool,
    /// A release that is known to let this way alone pass.
    trap: Option<&'static Trap>,
}

const TAG: Try =
    Try { name: "tag", tag: "v1", door: &door::MOVE_TAG, done: "v1 was overwritten", may_be_idle: false, trap: None };
const LATEST: Try = Try {
    name: "latest",
    tag: "latest",
    door: &door::MOVE_TAG,
    done: "`latest` was overwritten",
    may_be_idle: false,
    trap: Some(&LATEST_EXEMPT),
};
const BY_DIGEST_TAG: Try = Try {
    name: "by-digest-tag",
    tag: "v1",
    door: &door::BY_DIGEST_MOVE_TAG,
    done: "v1 was moved by `?tag=`",
    may_be_idle: true,
    trap: Some(&TAG_PARAMETER),
};
const DELETE_TAG: Try = Try {
    name: "delete-tag",
    tag: "v1",
    door: &door::DELETE_TAG,
    done: "v1 was deleted",
    may_be_idle: false,
    trap: None,
};
const DELETE_DIGEST: Try = Try {
    name: "delete-digest",
    tag: "v1",
    door: &door::DELETE_MANIFEST,
    done: "v1 was deleted with its manifest",
    may_be_idle: false,
    trap: None,
};
const INDEX: Try = Try {
    name: "index",
    tag: "v1",
    door: &door::MOVE_TAG_TO_INDEX,
    done: "v1 was overwritten by an index",
    may_be_idle: false,
    trap: None,
};

const TRIES: [&Try; 6] = [&TAG, &LATEST, &BY_DIGEST_TAG, &DELETE_TAG, &DELETE_DIGEST, &INDEX];

/// A part that tries one way.
macro_rules! part {
    ($try:ident, $claim:literal) => {
        Part {
            name: $try.name,
            claim: $claim,
            asks: &[$try.door.shape, "GET *", "POST *", "PUT /v2/*/manifests/*", "GET /v2/*/manifests/*"],
            level: Level::Requirement,
            effect: Effect::LabOnly,
            needs: &[Need::Key],
            probe: Probe::Asks(|bench| Box::pin(stays(bench, &$try))),
        }
    };
}

/// What the check declares.
pub const CHECK: Check = Check {
    id: "tags.immutable",
    title: "CI cannot move or remove a tag that exists, by any door",
    requirement: "A deployment names a tag and trusts that it is what was tested; whoever takes over a build job must \
                  not be able to change that (the owner's checklist, \"Pushing a duplicate version tag fails\"). zot \
                  pull requests 3847 and 4266 closed doors that stood open.",
    profile: Profile::Checklist,
    parts: &[
        part!(TAG, "CI does not overwrite a tag"),
        part!(LATEST, "CI does not overwrite `latest`"),
        part!(BY_DIGEST_TAG, "CI does not move a tag with ?tag= while it pushes by digest"),
        part!(DELETE_TAG, "CI does not delete a tag"),
        part!(DELETE_DIGEST, "CI does not delete the manifest that a tag names"),
        part!(INDEX, "CI does not overwrite a tag with an index over its image"),
    ],
    saboteurs: saboteurs::ALL,
};

/// Another tag in the repository of every part, to tell one open door from a policy that opens them all.
const CONTROL: &str = "control";

/// What the lab holds for every part.
///
/// # Errors
/// As [`image::Image::build`](zot_verify_model::image::Image::build).
pub fn seeds() -> io::Result<Vec<Seed>> {
    let seed = |tried: &&Try| {
        let aim = aim(tried)?;
        let tags = [aim.tag.as_str(), CONTROL].map(|tag| (tag.to_owned(), Content::Image(aim.resident.clone())));
        // All of the rival but its manifest is there: else it would be refused for that, and the hole not be seen.
        let loose = aim.rival.blobs().into_iter().cloned().collect();
        Ok(Seed { repository: aim.repository, tags: tags.into(), loose, ..Seed::default() })
    };
    TRIES.iter().map(seed).collect()
}

fn aim(tried: &Try) -> io::Result<Aim> {
    Aim::at(format!("zot-verify/tags/{}", tried.name), tried.tag)
}

async fn stays(bench: Bench, tried: &'static Try) -> Judged {
    let aim = aim(tried).map_err(unbuilt)?;
    let ci = bench.ci().await?;
    let before = bench.wire.send(pushing::read(&aim.repository, &aim.tag)).await?;
    if (before.status(), before.digest()) != (200, &aim.resident.manifest.digest) {
        return Err(Halt::Error(format!("the lab's {} is not served: {}", aim.tag, expect::observed(&before))));
    }
    let answer = bench.wire.send((tried.door.full)(&aim).by(&ci)).await?;
    let after = settled(&bench, &aim.repository, &aim.tag, &before).await?;
    judge(&bench, tried, &aim, &ci, [before, answer, after]).await
}

/// What the tag answers right after, and where that is what it was, what it answers a moment later.
async fn settled(bench: &Bench, repository: &str, tag: &str, before: &Exchange) -> Result<Arc<Exchange>, Halt> {
    let look = || bench.wire.send(pushing::read(repository, tag));
    let mut after = look().await?;
    let patience = Patience::new(bounds::MOMENT, bounds::MOMENT);
    while same(before, &after) && patience.another_look().await {
        after = look().await?;
    }
    Ok(after)
}

fn same(before: &Exchange, after: &Exchange) -> bool {
    (before.status(), before.digest()) == (after.status(), after.digest())
}

async fn judge(
    bench: &Bench,
    tried: &'static Try,
    aim: &Aim,
    ci: &Account,
    [before, answer, after]: [Arc<Exchange>; 3],
) -> Judged {
    let line = answer.line(bench.wire.redactor());
    let expected = format!("{line} by {} is refused, and {} stays what it is", ci.name, aim.tag);
    let said = expect::observed(&answer);
    if !same(&before, &after) {
        let now = match after.status() {
            200 => format!("answers {}", after.digest().short()),
            404 => "is not found".to_owned(),
            // Neither there nor gone: we could not tell.
            status => return Err(Halt::Error(format!("{said}, and then {} answers {status}", aim.tag))),
        };
        let observed = format!("{said}, and {}: it answered {} and now {now}", tried.done, before.digest().short());
        let breach = Breach::new(expected, observed, &answer);
        return Err(explained(bench, tried, aim, ci, breach).await?.into());
    }
    let proof = |said: String| Ok(Proof::of(said, &answer).and(&before).and(&after));
    match answer.status() {
        403 | 405 | 409 | 412 => proof(format!("{said}, and {} answers the same bytes, also a moment later", aim.tag)),
        200..=299 if tried.may_be_idle => proof(format!("{said}, and {} stays: `?tag=` is not read", aim.tag)),
        200..=299 => {
            let observed = format!("{said}, and {} is what it was: it is said to be done and is not", aim.tag);
            Err(Breach::new(expected, observed, &answer).into())
        }
        500.. => Err(Breach::new(expected, said, &answer).into()),
        // The door was not reached; whether it is open is not known.
        _ => Err(Halt::Error(format!("{line} is refused for what it is, and not for who sends it: {said}"))),
    }
}

/// Why the tag is not what it was: where CI cannot overwrite another tag plainly, this door alone is open.
async fn explained(bench: &Bench, tried: &Try, aim: &Aim, ci: &Account, breach: Breach) -> Result<Breach, Halt> {
    if let Some(trap) = tried.trap {
        let before = bench.wire.send(pushing::read(&aim.repository, CONTROL)).await?;
        let plain = bench.wire.send(pushing::put(&aim.repository, CONTROL, &aim.rival.manifest, ci)).await?;
        let after = settled(bench, &aim.repository, CONTROL, &before).await?;
        if plain.status() == 403 && same(&before, &after) {
            return Ok(trap.explains(breach));
        }
    }
    let action = if tried.door.action == Action::Delete { "delete" } else { "update" };
    Ok(breach.because(
        format!("{} may `{action}` here, by a group, by name, or as everybody who is logged in", ci.name),
        Some(&format!("take `{action}` out of its policies and of defaultPolicy in http.accessControl.repositories")),
    ))
}
