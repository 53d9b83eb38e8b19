//! `admin.break-glass`: an admin can undo what CI has done.

mod saboteurs;

use std::io;

use zot_verify_model::layout::{Content, Seed};

use super::push_key::unbuilt;
use super::{expect, pushing};
use crate::bench::Bench;
use crate::check::{Check, Need, Profile, part};
use crate::run::outcome::{Breach, Halt, Judged, Proof};
use crate::wire::door::{self, Aim, Door};

/// What the check declares.
pub const CHECK: Check = Check {
    id: "admin.break-glass",
    title: "an admin can overwrite and delete",
    requirement: "Where CI can take nothing back, somebody must: a leaked secret in an image, a tag pushed by mistake (the \
                  owner's plan, \"admins: break-glass\").",
    profile: Profile::Full,
    parts: &[
        part!(
            "overwrite",
            "an admin puts another image under an existing tag",
            &["GET *", "POST *", "PUT /v2/*/manifests/*", "GET /v2/*/manifests/*"],
            Requirement,
            LabOnly,
            &[Need::Key],
            overwrite
        ),
        part!(
            "delete-tag",
            "an admin deletes a tag",
            &["GET *", "POST *", "DELETE /v2/*/manifests/*", "GET /v2/*/manifests/*"],
            Requirement,
            LabOnly,
            &[Need::Key],
            delete_tag
        ),
        part!(
            "delete-manifest",
            "an admin deletes a manifest, and its tag with it",
            &["GET *", "POST *", "DELETE /v2/*/manifests/*", "GET /v2/*/manifests/*"],
            Requirement,
            LabOnly,
            &[Need::Key],
            delete_manifest
        ),
    ],
    saboteurs: saboteurs::ALL,
};

const TAG: &str = "v1";

fn aim(part: &str) -> io::Result<Aim> {
    Aim::at(format!("zot-verify/admin/{part}"), TAG)
}

/// What the lab holds for every part.
///
/// # Errors
/// As [`Image::build`](zot_verify_model::image::Image::build).
pub fn seeds() -> io::Result<Vec<Seed>> {
    let seed = |part| {
        let aim = aim(part)?;
        let loose = aim.rival.blobs().into_iter().cloned().collect();
        let tags = vec![(aim.tag, Content::Image(aim.resident))];
        Ok(Seed { repository: aim.repository, tags, loose, ..Seed::default() })
    };
    ["overwrite", "delete-tag", "delete-manifest"].into_iter().map(seed).collect()
}

async fn overwrite(bench: Bench) -> Judged {
    let aim = aim("overwrite").map_err(unbuilt)?;
    let digest = aim.rival.manifest.digest.clone();
    does(&bench, &door::MOVE_TAG, &aim, 201, (200, Some(digest.as_str()))).await
}

async fn delete_tag(bench: Bench) -> Judged {
    let aim = aim("delete-tag").map_err(unbuilt)?;
    does(&bench, &door::DELETE_TAG, &aim, 202, (404, None)).await
}

async fn delete_manifest(bench: Bench) -> Judged {
    let aim = aim("delete-manifest").map_err(unbuilt)?;
    does(&bench, &door::DELETE_MANIFEST, &aim, 202, (404, None)).await
}

/// An admin goes through a door, and the tag then answers what it should.
async fn does(bench: &Bench, door: &Door, aim: &Aim, status: u16, then: (u16, Option<&str>)) -> Judged {
    let admin = bench.admin().await?;
    let look = || bench.wire.send(pushing::read(&aim.repository, &aim.tag));
    let before = look().await?;
    if before.digest() != &aim.resident.manifest.digest {
        return Err(Halt::Error(format!("the lab's {} is not served: {}", aim.tag, expect::observed(&before))));
    }
    let answer = bench.wire.send((door.full)(aim).by(&admin)).await?;
    let after = look().await?;
    let line = answer.line(bench.wire.redactor());
    let expected = format!("{line} by {} answers {status} and does it", admin.name);
    let done = after.status() == then.0 && then.1.is_none_or(|digest| after.digest().as_str() == digest);
    let fate = if done {
        "it was done".to_owned()
    } else {
        format!("{} then answers {} with {}", aim.tag, after.status(), after.digest().short())
    };
    let said = expect::observed(&answer);
    if answer.status() == 403 && !done {
        let action = door.action.word();
        return Err(Breach::new(expected, said, &answer)
            .because(
                format!("{} may not `{action}` here: the group is not granted it, or the account is not in it", admin.name),
                Some(&format!(
                    "look for the admins' group with `{action}` in http.accessControl.repositories: the longest matching \
                     pattern decides alone"
                )),
            )
            .into());
    }
    if answer.status() != status || !done {
        return Err(Breach::new(expected, format!("{said}, and {fate}"), &answer).into());
    }
    Ok(Proof::of(format!("{said}, and it was done"), &answer).and(&before).and(&after))
}
