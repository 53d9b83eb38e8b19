//! `tags.race`: pushes that cross leave one winner, and a push that is repeated is no loser.
//!
//! Nothing is guessed or timed: a push says `Expect: 100-continue` and holds its body back, so that it is known to have
//! been let in before another one ends.

mod saboteurs;

use std::io;
use std::sync::Arc;

use futures_util::future::try_join_all;
use zot_verify_model::image::Image;
use zot_verify_model::layout::Seed;

use super::expect;
use super::pushing::{self, unbuilt};
use crate::bench::Bench;
use crate::bounds;
use crate::check::{Check, Need, Profile, part};
use crate::run::outcome::{Breach, Halt, Judged, Proof};
use crate::wire::{Exchange, Held, Hold, Request};

const ASKS: &[&str] = &["GET *", "POST *", "PUT /v2/*/manifests/*", "GET /v2/*/manifests/*"];

/// What the check declares.
pub const CHECK: Check = Check {
    id: "tags.race",
    title: "pushes that cross leave one winner, and what a reader was given stays",
    requirement: "A tag that was read once is trusted to be the same for ever; two jobs of one commit, or one whose \
                  connection is slow, must not change that. zot looks for the tag and writes it in two steps.",
    profile: Profile::Full,
    parts: &[
        part!(
            "held",
            "a push whose body is held back until another has made the tag does not overwrite it",
            ASKS,
            Hardening,
            LabOnly,
            &[Need::Key],
            held
        ),
        part!(
            "together",
            "of pushes that were let in together one wins, and nobody sees the tag change after that",
            ASKS,
            Hardening,
            LabOnly,
            &[Need::Key],
            together
        ),
        part!(
            "retry",
            "a push that is repeated, as after a lost answer, succeeds where nothing would change",
            ASKS,
            Hardening,
            LabOnly,
            &[Need::Key],
            retry
        ),
    ],
    saboteurs: saboteurs::ALL,
};

/// The tag that all of them are after.
const TAG: &str = "v1";

/// Why zot lets pushes cross.
const WHY: &str = "zot looks whether the tag exists when the headers arrive, and writes it when the body has; nothing \
                   looks again in between (observed on v2.1.20)";

fn repository(part: &str) -> String {
    format!("zot-verify/race/{part}")
}

/// The images that are pushed in a part's repository.
fn images(part: &str) -> io::Result<Vec<Image>> {
    let count = match part {
        "held" => 2,
        "together" => bounds::RACERS,
        _ => 1,
    };
    (0..count).map(|number| Image::build("amd64", &format!("{} {number}", repository(part)))).collect()
}

/// What the lab holds: no tag, and the blobs of every image.
///
/// # Errors
/// As [`Image::build`].
pub fn seeds() -> io::Result<Vec<Seed>> {
    let seed = |part| {
        let images = images(part)?;
        let loose = images.iter().flat_map(Image::blobs).cloned().collect();
        Ok(Seed { repository: repository(part), loose, ..Seed::default() })
    };
    ["held", "together", "retry"].into_iter().map(seed).collect()
}

/// A push that was let in and waits.
async fn hold(bench: &Bench, push: Request) -> Result<Held, Halt> {
    match bench.wire.hold(push).await? {
        Hold::Waiting(held) => Ok(*held),
        Hold::Answered(answer) => {
            let line = answer.line(bench.wire.redactor());
            Err(Halt::Error(format!("{line} is answered before its body is asked for: {}", expect::observed(&answer))))
        }
    }
}

/// A push on which the part builds.
async fn made(bench: &Bench, push: Request) -> Result<Arc<Exchange>, Halt> {
    let answer = bench.wire.send(push).await?;
    first(bench, answer)
}

fn first(bench: &Bench, answer: Arc<Exchange>) -> Result<Arc<Exchange>, Halt> {
    if answer.status() == 201 {
        return Ok(answer);
    }
    let line = answer.line(bench.wire.redactor());
    Err(Halt::Error(format!("there is no race where nobody can win: {line} answers {}", expect::observed(&answer))))
}

/// What stands in front may say `100 Continue` itself, as Caddy does: then nobody sees when zot has decided, and a push
/// that is refused proves nothing.
fn seen_to_decide(bench: &Bench) -> Result<(), Halt> {
    if bench.deployment.fronted {
        let why = "what stands in front asks for bodies itself, and hides when zot lets a push in: run without --caddy";
        return Err(Halt::Skip(why.into()));
    }
    Ok(())
}

async fn held(bench: Bench) -> Judged {
    seen_to_decide(&bench)?;
    let images = images("held").map_err(unbuilt)?;
    let [good, late] = &images[..] else { return Err(Halt::Error("there are not two images".into())) };
    let ci = bench.ci().await?;
    let repository = repository("held");
    let push = |image: &Image| pushing::put(&repository, TAG, &image.manifest, &ci);
    let look = || bench.wire.send(pushing::read(&repository, TAG));

    let held = hold(&bench, push(late)).await?;
    let made = made(&bench, push(good)).await?;
    let before = look().await?;
    let plain = bench.wire.send(push(late)).await?;
    let released = held.release().await?;
    let after = look().await?;

    if before.digest() != &good.manifest.digest {
        return Err(Halt::Error(format!("{TAG} is not what was pushed: {}", expect::observed(&before))));
    }
    let line = released.line(bench.wire.redactor());
    let expected = format!("{line}, let in before {TAG} existed and sent after another push made it, changes nothing");
    let said = expect::observed(&released);
    if after.digest() != before.digest() {
        let observed = format!(
            "{said} for the body that was held back: {TAG} answered {} and now answers {}; a plain push to it is {}",
            before.digest().short(),
            after.digest().short(),
            plain.status()
        );
        return Err(Breach::new(expected, observed, &released).because(WHY, None).into());
    }
    if released.status() < 400 || released.status() >= 500 {
        let observed = format!("{said}, and {TAG} is what it was");
        return Err(Breach::new(expected, observed, &released).into());
    }
    let said = format!("{said} for the body that was held back, and {TAG} is what the other push made it");
    Ok(Proof::of(said, &released).and(&made).and(&before).and(&after))
}

async fn together(bench: Bench) -> Judged {
    seen_to_decide(&bench)?;
    let images = images("together").map_err(unbuilt)?;
    let ci = bench.ci().await?;
    let repository = repository("together");
    let push = |image: &Image| pushing::put(&repository, TAG, &image.manifest, &ci);
    let look = || bench.wire.send(pushing::read(&repository, TAG));

    let mut waiting = try_join_all(images.iter().map(|image| hold(&bench, push(image)))).await?;
    let Some(winner) = waiting.pop() else { return Err(Halt::Error("nobody races".into())) };
    let winner = first(&bench, winner.release().await?)?;
    let before = look().await?;
    let others = try_join_all(waiting.into_iter().map(Held::release)).await?;
    let after = look().await?;

    let all = others.len() + 1;
    let won: Vec<&Arc<Exchange>> = others.iter().filter(|other| other.status() < 400).collect();
    let expected = format!("of {all} pushes of {TAG} that were let in together one is taken");
    let moved = after.digest() != before.digest();
    if let Some(second) = won.first().copied().or_else(|| others.first().filter(|_| moved)) {
        let fate = if moved {
            format!(
                "{TAG} answered {} after the first and now answers {}",
                before.digest().short(),
                after.digest().short()
            )
        } else {
            format!("{TAG} is what the first made it")
        };
        let observed = format!("{} of {all} are taken, and {fate}", won.len() + 1);
        return Err(Breach::new(expected, observed, second).because(WHY, None).into());
    }
    if let Some(broken) = others.iter().find(|other| other.status() >= 500) {
        return Err(Breach::new(expected, expect::observed(broken), broken).into());
    }
    let proof = Proof::of(format!("one of {all} is taken, and {TAG} is what it made it"), &winner);
    Ok(others.iter().fold(proof.and(&before).and(&after), Proof::and))
}

async fn retry(bench: Bench) -> Judged {
    let images = images("retry").map_err(unbuilt)?;
    let [image] = &images[..] else { return Err(Halt::Error("there is not one image".into())) };
    let ci = bench.ci().await?;
    let repository = repository("retry");
    let push = || pushing::put(&repository, TAG, &image.manifest, &ci);
    let made = made(&bench, push()).await?;
    let again = bench.wire.send(push()).await?;
    if again.status() != 201 {
        let line = again.line(bench.wire.redactor());
        return Err(Breach::new(
            format!("{line} answers 201 to the same bytes again"),
            expect::observed(&again),
            &again,
        )
        .because(
            "zot asks for `update` where the tag exists, also for the same digest: a job that lost the answer to its \
                 push fails when it is run again, though its image is there",
            None,
        )
        .into());
    }
    Ok(Proof::of("201, and 201 again", &made).and(&again))
}
