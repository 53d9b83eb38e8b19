//! `tags.immutable`: what CI has pushed once stays what it is, whatever CI asks for later.
//!
//! Judged by what the tag answers before, right after and a moment later, and only then by the status: a refusal that
//! overwrites is an overwrite.

mod ground;
mod saboteurs;

use std::sync::Arc;

use zot_verify_model::principal::Action;
use zot_verify_model::{Account, Digest};

pub use self::ground::seeds;
use self::ground::{Ground, ground};
use super::version::{LATEST_EXEMPT, TAG_PARAMETER, Trap};
use super::{expect, pushing};
use crate::bench::Bench;
use crate::bounds;
use crate::check::{Check, Effect, Level, Need, Part, Probe, Profile};
use crate::ledger::Kind;
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
    /// What would have become of the tag.
    done: &'static str,
    /// Whether a registry may answer as if it had been done: zot before v2.1.16 does not read `?tag=`, and stores the
    /// manifest under its digest alone.
    may_be_idle: bool,
    /// The manifest that would be new, besides the rival's.
    makes: fn(&Aim) -> Option<Digest>,
    /// A release that is known to let this way alone pass.
    trap: Option<&'static Trap>,
}

const TAG: Try = Try {
    name: "tag",
    tag: "v1",
    door: &door::MOVE_TAG,
    done: "was overwritten",
    may_be_idle: false,
    makes: |_| None,
    trap: None,
};
const LATEST: Try = Try { name: "latest", tag: "latest", trap: Some(&LATEST_EXEMPT), ..TAG };
const BY_DIGEST_TAG: Try = Try {
    name: "by-digest-tag",
    door: &door::BY_DIGEST_MOVE_TAG,
    done: "was moved by `?tag=`",
    may_be_idle: true,
    trap: Some(&TAG_PARAMETER),
    ..TAG
};
const DELETE_TAG: Try = Try { name: "delete-tag", door: &door::DELETE_TAG, done: "was deleted", ..TAG };
const DELETE_DIGEST: Try =
    Try { name: "delete-digest", door: &door::DELETE_MANIFEST, done: "was deleted with its manifest", ..TAG };
const INDEX: Try = Try {
    name: "index",
    door: &door::MOVE_TAG_TO_INDEX,
    done: "was overwritten by an index",
    makes: |aim| Some(aim.resident.index().digest),
    ..TAG
};

const TRIES: [&Try; 6] = [&TAG, &LATEST, &BY_DIGEST_TAG, &DELETE_TAG, &DELETE_DIGEST, &INDEX];

/// A part that tries one way.
macro_rules! part {
    ($try:ident, $claim:literal) => {
        Part {
            name: $try.name,
            claim: $claim,
            asks: &[$try.door.shape, "GET *", "POST *", "PUT /v2/*", "GET /v2/*/manifests/*"],
            level: Level::Requirement,
            effect: Effect::WritesCanary,
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

/// The tags of the canary that stay, and that live runs try to move.
pub(super) const PERMANENT: [&str; 2] = ["permanent", "latest"];

async fn stays(bench: Bench, tried: &'static Try) -> Judged {
    let ci = bench.ci().await?;
    let ground = ground(&bench, tried, &ci).await?;
    let first = attempt(&bench, tried, &ground.aim, &ci).await?;
    let after = bench.wire.send(pushing::read(&ground.aim.repository, &ground.aim.tag)).await?;
    // Whoever is refused tries again; a refusal that does not last is none.
    let answer = if is_refusal(&first) && same(&ground.before, &after) {
        attempt(&bench, tried, &ground.aim, &ci).await?
    } else {
        first
    };
    let after = settled(&bench, &ground.aim.repository, &ground.aim.tag, &ground.before).await?;
    judge(&bench, tried, &ground, &ci, answer, after).await
}

/// Whether an answer says that this is not allowed, in one of the ways in which registries say it.
fn is_refusal(answer: &Exchange) -> bool {
    matches!(answer.status(), 403 | 405 | 409 | 412)
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

/// Tries it. What a try would make is noted first; where the door is closed it is not there.
async fn attempt(bench: &Bench, tried: &Try, aim: &Aim, ci: &Account) -> Result<Arc<Exchange>, Halt> {
    let made = (tried.makes)(aim);
    let noted = made.map(|digest| bench.ledger.plan(Kind::Manifest, &aim.repository, digest.as_str())).transpose()?;
    let answer = bench.wire.send((tried.door.full)(aim).by(ci)).await?;
    if let Some(noted) = noted {
        pushing::settle(&noted, &answer, pushing::UNTAGGED)?;
    }
    Ok(answer)
}

async fn judge(
    bench: &Bench,
    tried: &'static Try,
    ground: &Ground,
    ci: &Account,
    answer: Arc<Exchange>,
    after: Arc<Exchange>,
) -> Judged {
    let (tag, before) = (&ground.aim.tag, &ground.before);
    let line = answer.line(bench.wire.redactor());
    let expected = format!("{line} by {} is refused, and `{tag}` stays what it is", ci.name);
    let said = expect::observed(&answer);
    if !same(before, &after) {
        let now = match after.status() {
            200 => format!("answers {}", after.digest().short()),
            404 => "is not found".to_owned(),
            // Neither there nor gone: we could not tell.
            status => return Err(Halt::Error(format!("{said}, and then `{tag}` answers {status}"))),
        };
        let was = before.digest().short();
        let observed = format!("{said}, and `{tag}` {}: it answered {was} and now {now}", tried.done);
        let breach = Breach::new(expected, observed, &answer);
        return Err(explained(bench, tried, ground, ci, breach).await?.into());
    }
    let proof = |said: String| Ok(Proof::of(said, &answer).and(before).and(&after));
    match answer.status() {
        _ if is_refusal(&answer) => {
            proof(format!("{said}, also when tried again, and `{tag}` answers the same bytes, also a moment later"))
        }
        200..=299 if tried.may_be_idle => proof(format!("{said}, and `{tag}` stays: `?tag=` is not read")),
        200..=299 => {
            let observed = format!("{said}, and `{tag}` is what it was: it is said to be done and is not");
            Err(Breach::new(expected, observed, &answer).into())
        }
        500.. => Err(Breach::new(expected, said, &answer).into()),
        // The door was not reached; whether it is open is not known.
        _ => Err(Halt::Error(format!("{line} is refused for what it is, and not for who sends it: {said}"))),
    }
}

/// Why the tag is not what it was: where CI cannot overwrite another tag plainly, this door alone is open.
async fn explained(bench: &Bench, tried: &Try, ground: &Ground, ci: &Account, breach: Breach) -> Result<Breach, Halt> {
    if let Some(trap) = tried.trap {
        let (repository, control) = (ground.aim.repository.as_str(), ground.control);
        let before = bench.wire.send(pushing::read(repository, control)).await?;
        let plain = bench.wire.send(pushing::put(repository, control, &ground.aim.rival.manifest, ci)).await?;
        let after = settled(bench, repository, control, &before).await?;
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
