//! `tags.kinds`: whatever a tag names, and whatever it is called, CI leaves it as it is.
//!
//! To zot's access control a tag is a name like any other. Behind it, zot treats images, indexes, artifacts and signatures
//! each in its own way, so each is tried by every door, with a key and in a session, where two patterns may decide.

mod ground;
mod saboteurs;

use std::sync::Arc;

pub use self::ground::seeds;
use self::ground::{KINDS, Kind, Resident, Way};
use super::{expect, looking, pushing};
use crate::bench::Bench;
use crate::bounds;
use crate::check::{Check, Effect, Level, Need, Part, Probe, Profile};
use crate::login::SignedIn;
use crate::login::people::CI;
use crate::patience::Patience;
use crate::run::outcome::{Breach, Halt, Judged, Proof};
use crate::wire::{Exchange, Request};

/// A part that tries all there is on one kind.
macro_rules! part {
    ($kind:literal, $claim:literal) => {
        Part {
            name: KINDS[$kind].name,
            claim: $claim,
            asks: &[
                "GET *",
                "POST *",
                "PUT /v2/*/manifests/*",
                "PUT /v2/*/manifests/*?tag=*",
                "DELETE /v2/*/manifests/*",
            ],
            level: Level::Requirement,
            effect: Effect::LabOnly,
            needs: &[Need::Key, Need::Session],
            probe: Probe::Asks(|bench| Box::pin(stays(bench, &KINDS[$kind]))),
        }
    };
}

/// What the check declares.
pub const CHECK: Check = Check {
    id: "tags.kinds",
    title: "whatever a tag names, CI leaves it as it is",
    requirement: "A signature that can be replaced signs nothing, and an index that can be replaced names other images. \
                  What holds for the tag of an image must hold for all of them, by every door, with a key and in a \
                  session.",
    profile: Profile::Full,
    parts: &[
        part!(0, "CI does not move or remove the tag of an image"),
        part!(1, "CI does not move or remove the tag of an index"),
        part!(2, "CI does not move or remove the tag of an artifact"),
        part!(3, "CI does not move or remove a signature under the tag of what it signs"),
        part!(4, "CI does not move or remove the list of referrers under its tag"),
    ],
    saboteurs: saboteurs::ALL,
};

async fn stays(bench: Bench, kind: &'static Kind) -> Judged {
    let people = &bench.setup.people;
    let callers = [
        Caller { how: "a key", proof: Proven::Key(people.key(&bench, CI).await?.account) },
        Caller { how: "a session", proof: Proven::Session(people.session(&bench, CI).await?) },
    ];
    let (mut looks, mut tried) = (Vec::new(), 0);
    for resident in kind.residents().map_err(pushing::unbuilt)? {
        let before = resident.looks(&bench).await?;
        if (before.status(), before.digest()) != (200, resident.digest()) {
            return Err(Halt::Error(format!("the lab's {resident} is not served: {}", expect::observed(&before))));
        }
        for caller in &callers {
            for way in Way::ALL {
                let answer = bench.wire.send(caller.asks(resident.request(way).map_err(pushing::unbuilt)?)).await?;
                let after = resident.looks(&bench).await?;
                judge(&bench, &resident, (caller, way), &before, &answer, &after)?;
                tried += 1;
            }
        }
        looks.push((resident, before));
    }
    // What is refused and done all the same is done by now.
    let patience = Patience::new(bounds::MOMENT, bounds::MOMENT);
    while patience.another_look().await {}
    let mut proof = None;
    for (resident, before) in &looks {
        let after = resident.looks(&bench).await?;
        if !same(before, &after) {
            let expected = format!("{resident} stays what it is");
            return Err(Breach::new(
                expected,
                format!("a moment later it answers {}", expect::observed(&after)),
                &after,
            )
            .into());
        }
        let said =
            format!("{tried} tries move nothing, and each tag answers the same bytes after each, also a moment later");
        proof = Some(proof.unwrap_or_else(|| Proof::of(said, before)).and(&after));
    }
    proof.ok_or_else(|| Halt::Error("there was nothing to try".into()))
}

fn same(before: &Exchange, after: &Exchange) -> bool {
    (before.status(), before.digest()) == (after.status(), after.digest())
}

fn judge(
    bench: &Bench,
    resident: &Resident,
    (caller, way): (&Caller, Way),
    before: &Arc<Exchange>,
    answer: &Arc<Exchange>,
    after: &Arc<Exchange>,
) -> Result<(), Halt> {
    let said = expect::observed(answer);
    let expected = format!("{way} by {} with {} is refused, and {resident} stays what it is", CI.name, caller.how);
    if let Some(blind) = looking::blind(after, bench.wire.redactor()) {
        return Err(Halt::Error(format!("{said}, and what came of it cannot be seen: {blind}")));
    }
    if !same(before, after) {
        let now =
            if after.status() == 200 { format!("answers {}", after.digest().short()) } else { "is not found".into() };
        let breach = Breach::new(expected, format!("{said}, and the tag {now}"), answer);
        let action = if way.removes() { "delete" } else { "update" };
        // Which of the two it is tells `tags.immutable`, which also tries the plain way.
        let or = if way.is_beside() {
            "; or this zot (v2.1.16 to v2.1.18) asks for `create` alone beside a digest"
        } else {
            ""
        };
        let cause =
            format!("{} may `{action}` here, by a group, by name, or as everybody who is logged in{or}", CI.name);
        let cure =
            format!("take `{action}` out of its policies and of defaultPolicy in http.accessControl.repositories");
        return Err(breach.because(cause, Some(&cure)).into());
    }
    match answer.status() {
        403 | 405 | 409 | 412 => Ok(()),
        // zot before v2.1.16 does not read `?tag=`, and stores the manifest under its digest alone.
        200..=299 if way.is_beside() => Ok(()),
        200..=299 => Err(Breach::new(
            expected,
            format!("{said}, and it is what it was: it is said to be done and is not"),
            answer,
        )
        .into()),
        500.. => Err(Breach::new(expected, said, answer).into()),
        _ => Err(Halt::Error(format!("{way} is refused for what it is, and not for who sends it: {said}"))),
    }
}

/// CI, with one of two proofs.
struct Caller {
    how: &'static str,
    proof: Proven,
}

enum Proven {
    Key(zot_verify_model::Account),
    Session(SignedIn),
}

impl Caller {
    fn asks(&self, request: Request) -> Request {
        match &self.proof {
            Proven::Key(account) => request.by(account),
            Proven::Session(session) => session.asks(request),
        }
    }
}
