//! What the tries are made on: a seeded repository each in a lab, the canary's own tags on a live registry.

use std::io;
use std::sync::Arc;

use tokio::sync::OwnedMutexGuard;
use zot_verify_model::Account;
use zot_verify_model::image::{Blob, MANIFEST};
use zot_verify_model::layout::{Content, Seed};

use super::{PERMANENT, TRIES, Try};
use crate::bench::Bench;
use crate::checks::push_key::{Step, pushed};
use crate::checks::{expect, pushing};
use crate::run::outcome::Halt;
use crate::target::{Kind, Residue};
use crate::wire::Exchange;
use crate::wire::door::Aim;

/// Another tag in the lab's repository of every part, to tell one open door from a policy that opens them all.
const CONTROL: &str = "control";

/// What a try is made on.
pub(super) struct Ground {
    pub(super) aim: Aim,
    /// Another tag beside the one that is aimed at.
    pub(super) control: &'static str,
    /// What the tag answers before.
    pub(super) before: Arc<Exchange>,
    _turn: Option<OwnedMutexGuard<()>>,
}

/// What the lab holds for every part.
///
/// # Errors
/// As [`Aim::at`].
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

/// Makes ready what a try is made on.
///
/// # Errors
/// Skip where nothing of our own can be tried on; an error where a lab's seed is not served.
pub(super) async fn ground(bench: &Bench, tried: &Try, ci: &Account) -> Result<Ground, Halt> {
    match bench.deployment.kind {
        Kind::Local => in_lab(bench, tried).await,
        Kind::Live => in_canary(bench, tried, ci).await,
    }
}

async fn in_lab(bench: &Bench, tried: &Try) -> Result<Ground, Halt> {
    let aim = aim(tried).map_err(pushing::unbuilt)?;
    let before = bench.wire.send(pushing::read(&aim.repository, &aim.tag)).await?;
    if (before.status(), before.digest()) != (200, &aim.resident.manifest.digest) {
        return Err(Halt::Error(format!("the lab's {} is not served: {}", aim.tag, expect::observed(&before))));
    }
    Ok(Ground { aim, control: CONTROL, before, _turn: None })
}

/// On two tags that stay, one try after the other. The rival is what CI has just pushed, so that all of it is there.
async fn in_canary(bench: &Bench, tried: &Try, ci: &Account) -> Result<Ground, Halt> {
    let (pushed, _) = pushed(bench, Step::Later).await?;
    let turn = Arc::clone(&bench.setup.canary).lock_owned().await;
    let [plain, latest] = PERMANENT;
    let (tag, control) = if tried.tag == latest { (latest, plain) } else { (plain, latest) };
    permanent(bench, ci, control).await?;
    let before = permanent(bench, ci, tag).await?;
    let bytes = before.text().unwrap_or_default().as_bytes().to_vec();
    // Its other parts are named by no try.
    let resident = zot_verify_model::image::Image { manifest: Blob::new(MANIFEST, bytes), ..pushed.image.clone() };
    let aim = Aim {
        repository: pushed.repository.clone(),
        tag: tag.to_owned(),
        resident,
        rival: pushed.image.clone(),
        ..aim(tried).map_err(pushing::unbuilt)?
    };
    Ok(Ground { aim, control, before, _turn: Some(turn) })
}

/// A tag of our own that stays, made by the first run that needs it.
async fn permanent(bench: &Bench, ci: &Account, tag: &str) -> Result<Arc<Exchange>, Halt> {
    let repository = bench.intent.canary.as_str();
    let look = || bench.wire.send(pushing::read(repository, tag));
    let there = look().await?;
    let there = match there.status() {
        404 if bench.deployment.residue == Residue::None => {
            let why = format!("needs {repository}:{tag}, which --residue none does not make: run it once without");
            return Err(Halt::Skip(why));
        }
        404 => {
            let image = pushing::image(tag, &format!("{tag}, which must not move"))?;
            pushing::upload(bench, ci, repository, &image).await?;
            let answer = pushing::push(bench, ci, repository, Some(tag), &image.manifest).await?;
            let made = look().await?;
            // Where it is there now, another run has made it meanwhile, and ours was refused for that.
            if made.status() != 200 {
                pushing::taken(bench, &answer, 201, ci)?;
            }
            made
        }
        _ => there,
    };
    if there.status() != 200 {
        return Err(Halt::Error(format!("{repository}:{tag} cannot be read: {}", expect::observed(&there))));
    }
    if !pushing::is_ours(&there) {
        return Err(Halt::Skip(format!("{repository}:{tag} is not ours, so nothing is tried on it")));
    }
    Ok(there)
}
