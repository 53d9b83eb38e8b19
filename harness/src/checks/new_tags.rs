//! `tags.new-accepted`: CI can always push a new tag, and that moves no other.

mod saboteurs;

use std::io;
use std::sync::Arc;

use futures_util::future::try_join_all;
use zot_verify_model::Digest;
use zot_verify_model::image::Image;
use zot_verify_model::layout::{Content, Seed};

use super::push_key::{PUSH, Standing, Step, no_tag, pushed, standing};
use super::pushing::{self, unbuilt};
use crate::bench::Bench;
use crate::check::{Check, Need, Profile, part};
use crate::run::outcome::{Breach, Halt, Judged, Proof};
use crate::target::Kind;
use crate::wire::Exchange;

/// What the check declares.
pub const CHECK: Check = Check {
    id: "tags.new-accepted",
    title: "CI can always push a new tag, and that moves no other",
    requirement: "Tags are immutable, so every build needs a new one: vX.Y.Z-<sha> or a bare commit SHA (the owner's \
                  checklist, \"Pushing a new commit SHA tag succeeds\"). A policy that refuses them stops every release.",
    profile: Profile::Checklist,
    parts: &[
        part!(
            "version",
            "a new version tag is taken, and every other tag stays what it was",
            PUSH,
            Requirement,
            WritesCanary,
            &[Need::Key],
            version
        ),
        part!(
            "commit",
            "a bare commit SHA is taken as a tag, and every other tag stays what it was",
            &["GET *", "POST *", "PUT /v2/*/manifests/*", "GET /v2/*/tags/list", "GET /v2/*/manifests/*"],
            Requirement,
            LabOnly,
            &[Need::Key],
            commit
        ),
    ],
    saboteurs: saboteurs::ALL,
};

/// Where the lab's CI pushes a commit's tag to.
const REPOSITORY: &str = "zot-verify/commit";
/// The tag.
const COMMIT: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/// The image that CI pushes, and the one that is there already.
fn images() -> io::Result<(Image, Image)> {
    Ok((Image::build("amd64", &format!("{REPOSITORY} new"))?, Image::build("amd64", &format!("{REPOSITORY} old"))?))
}

/// What the lab holds before: an older tag, and the blobs of the image that is pushed.
///
/// # Errors
/// As [`Image::build`].
pub fn seeds() -> io::Result<Vec<Seed>> {
    let (new, old) = images()?;
    let loose = new.blobs().into_iter().cloned().collect();
    let tags = vec![("v1".into(), Content::Image(old))];
    Ok(vec![Seed { repository: REPOSITORY.into(), tags, loose, ..Seed::default() }])
}

async fn version(bench: Bench) -> Judged {
    let (pushed, answer) = pushed(&bench, Step::Manifest).await?;
    let tag = pushed.tag.as_deref().ok_or_else(no_tag)?;
    let before = pushed.before.clone()?;
    let digest = &pushed.image.manifest.digest;
    accepted(&bench, &pushed.repository, tag, digest, &answer, &before).await
}

async fn commit(bench: Bench) -> Judged {
    let (new, _) = images().map_err(unbuilt)?;
    let ci = bench.ci().await?;
    let before = standing(&bench, REPOSITORY).await?;
    let answer = bench.wire.send(pushing::put(REPOSITORY, COMMIT, &new.manifest, &ci)).await?;
    pushing::taken(&bench, &answer, 201, &ci)?;
    accepted(&bench, REPOSITORY, COMMIT, &new.manifest.digest, &answer, &before).await
}

/// The new tag names what was pushed, and no other tag has moved.
async fn accepted(
    bench: &Bench,
    repository: &str,
    tag: &str,
    digest: &Digest,
    answer: &Arc<Exchange>,
    before: &[Standing],
) -> Judged {
    if before.is_empty() && bench.deployment.kind == Kind::Local {
        return Err(Halt::Error("the lab's older tags are not served, so none could be seen to move".into()));
    }
    let line = answer.line(bench.wire.redactor());
    let look = |standing: &Standing| bench.wire.send(pushing::read(repository, &standing.tag));
    let after = try_join_all(before.iter().map(look)).await?;
    for (before, after) in before.iter().zip(&after) {
        let state = |exchange: &Exchange| (exchange.status(), exchange.digest().clone());
        if state(&before.exchange) != state(after) {
            let expected = format!("{line} moves no other tag");
            let observed = format!("{} is not what it was: {}", before.tag, after.status());
            return Err(Breach::new(expected, observed, after).into());
        }
    }
    let new = pushing::reads(bench, repository, tag, digest).await?;
    let others = match before.len() {
        0 => "there is no other tag".to_owned(),
        count => format!("{count} other tags are what they were"),
    };
    let proof = Proof::of(format!("{tag} is there, and {others}"), answer).and(&new);
    Ok(after.iter().fold(proof, Proof::and))
}
