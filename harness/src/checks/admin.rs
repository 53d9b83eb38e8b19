//! `admin.break-glass`: an admin can undo what CI has done.

mod saboteurs;

use std::io;
use std::sync::Arc;

use futures_util::future::try_join;
use http::Method;
use zot_verify_model::Account;
use zot_verify_model::image::Image;
use zot_verify_model::layout::{Content, Seed};
use zot_verify_model::principal::Action;

use super::{expect, pushing};
use crate::bench::Bench;
use crate::check::{Check, Need, Profile, part};
use crate::ledger::{self, Entry};
use crate::run::outcome::{Breach, Halt, Judged, Proof};
use crate::target::{Kind, PASSING_TAG};
use crate::wire::door::{self, Aim, Door};
use crate::wire::{Exchange, Request};

/// In a lab a login for the key, and the try; on a live registry what is tried on comes and goes.
const ASKS: &[&str] = &["GET *", "POST *", "PUT /v2/*", "DELETE /v2/*/manifests/*", "GET /v2/*/manifests/*"];

/// What the check declares.
pub const CHECK: Check = Check {
    id: "admin.break-glass",
    title: "an admin can push, overwrite and delete",
    requirement: "Where CI can take nothing back, somebody must: a leaked secret in an image, a tag pushed by mistake (the \
                  owner's plan, \"admins: break-glass\").",
    profile: Profile::Full,
    parts: &[
        part!("create", "an admin pushes a new tag", ASKS, Requirement, WritesCanary, &[Need::Key], create),
        part!(
            "overwrite",
            "an admin puts another image under an existing tag",
            ASKS,
            Requirement,
            WritesCanary,
            &[Need::Key],
            overwrite
        ),
        part!("delete-tag", "an admin deletes a tag", ASKS, Requirement, WritesCanary, &[Need::Key], delete_tag),
        part!(
            "delete-manifest",
            "an admin deletes a manifest, and its tag with it",
            ASKS,
            Requirement,
            WritesCanary,
            &[Need::Key],
            delete_manifest
        ),
    ],
    saboteurs: saboteurs::ALL,
};

/// Which repository each part has in a lab.
fn in_lab(part: &str) -> io::Result<Aim> {
    Aim::at(format!("zot-verify/admin/{part}"), "v1")
}

/// What the lab holds for every part.
///
/// # Errors
/// As [`Image::build`](zot_verify_model::image::Image::build).
pub fn seeds() -> io::Result<Vec<Seed>> {
    let seed = |part| {
        let aim = in_lab(part)?;
        let loose = aim.rival.blobs().into_iter().cloned().collect();
        let tags = vec![(aim.tag, Content::Image(aim.resident))];
        Ok(Seed { repository: aim.repository, tags, loose, ..Seed::default() })
    };
    ["create", "overwrite", "delete-tag", "delete-manifest"].into_iter().map(seed).collect()
}

/// In a lab a new tag beside the seeded one; on a live registry what every other part needs, and none of them judges.
async fn create(bench: Bench) -> Judged {
    let admin = bench.admin().await?;
    if bench.deployment.kind == Kind::Live {
        let laid = Laid::lay(&bench, "create", &admin).await?;
        let look = bench.wire.send(pushing::read(&laid.aim.repository, &laid.aim.tag)).await;
        laid.take_away(&bench, &admin).await?;
        return taken(&laid.aim.tag, &laid.aim.resident, &look?);
    }
    let aim = in_lab("create").map_err(pushing::unbuilt)?;
    let answer = bench.wire.send((door::NEW_TAG.full)(&aim).by(&admin)).await?;
    pushing::taken(&bench, &answer, 201, &admin)?;
    let look = bench.wire.send(pushing::read(&aim.repository, &aim.new_tag)).await?;
    taken(&aim.new_tag, &aim.rival, &look)
}

/// The new tag answers what the admin pushed.
fn taken(tag: &str, image: &Image, look: &Arc<Exchange>) -> Judged {
    let wanted = &image.manifest.digest;
    if look.status() == 200 && look.digest() == wanted {
        return Ok(Proof::of(format!("{tag} is {}", wanted.short()), look));
    }
    let observed = format!("{}, {} bytes of {}", expect::observed(look), look.length(), look.digest().short());
    Err(Breach::new(format!("{tag} answers what an admin pushed: {}", wanted.short()), observed, look).into())
}

async fn overwrite(bench: Bench) -> Judged {
    breaks(&bench, "overwrite", &door::MOVE_TAG, 201).await
}

async fn delete_tag(bench: Bench) -> Judged {
    breaks(&bench, "delete-tag", &door::DELETE_TAG, 202).await
}

async fn delete_manifest(bench: Bench) -> Judged {
    breaks(&bench, "delete-manifest", &door::DELETE_MANIFEST, 202).await
}

/// An admin goes through a door that answers `status`, in a lab where it was seeded, else where he has just pushed.
async fn breaks(bench: &Bench, part: &str, door: &Door, status: u16) -> Judged {
    let admin = bench.admin().await?;
    if bench.deployment.kind == Kind::Local {
        let aim = in_lab(part).map_err(pushing::unbuilt)?;
        return does(bench, door, &aim, &admin, status).await;
    }
    let laid = Laid::lay(bench, part, &admin).await.map_err(needed)?;
    let judged = does(bench, door, &laid.aim, &admin, status).await;
    let taken = laid.take_away(bench, &admin).await;
    judged.and_then(|proof| taken.map(|()| proof))
}

/// What an admin pushed to try a door on, and takes away again.
struct Laid {
    aim: Aim,
    noted: Vec<Entry>,
}

impl Laid {
    async fn lay(bench: &Bench, part: &str, admin: &Account) -> Result<Self, Halt> {
        let (repository, run) = (bench.intent.canary.clone(), &bench.deployment.run);
        let image =
            |which: &str| pushing::image(&format!("admin {part} {run} {which}"), &format!("{part} of run {run}"));
        let (resident, rival) = (image("resident")?, image("rival")?);
        let tag = format!("{PASSING_TAG}{part}-{run}");
        let aim = Aim { resident, rival, ..Aim::at(repository, &tag).map_err(pushing::unbuilt)? };
        try_join(
            pushing::upload(bench, admin, &aim.repository, &aim.resident),
            pushing::upload(bench, admin, &aim.repository, &aim.rival),
        )
        .await?;
        let plan = |kind, reference: &str| bench.ledger.plan(kind, &aim.repository, reference);
        let noted = vec![
            plan(ledger::Kind::Tag, &aim.tag)?,
            plan(ledger::Kind::Manifest, aim.resident.manifest.digest.as_str())?,
            plan(ledger::Kind::Manifest, aim.rival.manifest.digest.as_str())?,
        ];
        let push = pushing::put(&aim.repository, &aim.tag, &aim.resident.manifest, admin);
        let pushed = bench.wire.send(push).await?;
        pushing::taken(bench, &pushed, 201, admin)?;
        noted.iter().try_for_each(Entry::created)?;
        Ok(Self { aim, noted })
    }

    /// Deletes both manifests, and the tag with them; one of them is mostly gone by then.
    async fn take_away(&self, bench: &Bench, admin: &Account) -> Result<(), Halt> {
        for image in [&self.aim.resident, &self.aim.rival] {
            let path = format!("/v2/{}/manifests/{}", self.aim.repository, image.manifest.digest);
            let answer = bench.wire.send(Request::new(Method::DELETE, path).by(admin)).await?;
            if !matches!(answer.status(), 202 | 404) {
                let line = answer.line(bench.wire.redactor());
                return Err(Halt::Error(format!("not taken away: {line} answers {}", expect::observed(&answer))));
            }
        }
        let left = bench.wire.send(pushing::read(&self.aim.repository, &self.aim.tag)).await?;
        if left.status() != 404 {
            return Err(Halt::Error(format!("{} is still there: {}", self.aim.tag, expect::observed(&left))));
        }
        self.noted.iter().try_for_each(Entry::removed)
    }
}

/// What the admin pushes for the try is no part of the claim.
fn needed(halt: Halt) -> Halt {
    match halt {
        Halt::Breach(breach) => Halt::Skip(format!("needs a push by the admin: {}", breach.observed)),
        other => other,
    }
}

/// The admin goes through the door, and the tag then answers what it should.
async fn does(bench: &Bench, door: &Door, aim: &Aim, admin: &Account, status: u16) -> Judged {
    let look = || bench.wire.send(pushing::read(&aim.repository, &aim.tag));
    let before = look().await?;
    if before.status() != 200 || before.digest() != &aim.resident.manifest.digest {
        return Err(Halt::Error(format!("{} is not what was put there: {}", aim.tag, expect::observed(&before))));
    }
    let answer = bench.wire.send((door.full)(aim).by(admin)).await?;
    let after = look().await?;
    let line = answer.line(bench.wire.redactor());
    let expected = format!("{line} by {} answers {status} and does it", admin.name);
    let done = match door.action {
        Action::Delete => after.status() == 404,
        _ => after.status() == 200 && after.digest() == &aim.rival.manifest.digest,
    };
    let said = expect::observed(&answer);
    if answer.status() == 403 && !done {
        let action = door.action.word();
        let cause =
            format!("{} may not `{action}` here: the group is not granted it, or the account is not in it", admin.name);
        let cure = format!(
            "look for the admins' group with `{action}` in http.accessControl.repositories: the longest matching pattern \
             decides alone"
        );
        return Err(Breach::new(expected, said, &answer).because(cause, Some(&cure)).into());
    }
    if answer.status() != status || !done {
        let fate = if done {
            "it was done".to_owned()
        } else {
            format!("{} then answers {} with {}", aim.tag, after.status(), after.digest().short())
        };
        return Err(Breach::new(expected, format!("{said}, and {fate}"), &answer).into());
    }
    Ok(Proof::of(format!("{said}, and it was done"), &answer).and(&before).and(&after))
}
