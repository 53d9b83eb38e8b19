//! `apikey.limits`: a key can do no more than it was made for, and no more than its owner.

mod saboteurs;

use std::time::Duration;

use http::Method;
use zot_verify_model::Account;
use zot_verify_model::principal::Role;

use super::apikey::left;
use super::{apikey, expect};
use crate::bench::Bench;
use crate::bounds;
use crate::check::{Check, Need, Profile, part};
use crate::login::jar::Jar;
use crate::login::keys::{self, Wish};
use crate::login::people::Person;
use crate::login::sign_in;
use crate::run::outcome::{Breach, Halt, Judged, Proof};
use crate::wire::Request;

/// Whose key is for some repositories only.
const SCOPED: Person = Person { name: "zv-scoped", role: Role::Ci };
/// Whose key makes another.
const PARENT: Person = Person { name: "zv-parent", role: Role::Ci };
/// Who leaves the group.
const MOVER: Person = Person { name: "zv-mover", role: Role::Ci };

const ASKS: &[&str] = &["GET *", "POST *"];

/// What the check declares.
pub const CHECK: Check = Check {
    id: "apikey.limits",
    title: "a key can do no more than it was made for, and no more than its owner",
    requirement: "A key in CI is the credential most likely to leak; its scopes and its date are what limits the \
                  damage, and leaving a group must reach it (zot advisory GHSA-c9p4-xwr9-rfhx).",
    profile: Profile::Full,
    parts: &[
        part!(
            "scopes",
            "a key for some repositories does not push to others",
            ASKS,
            Hardening,
            LabOnly,
            &[Need::Key],
            scopes
        ),
        part!("outlives", "a key makes no key that outlives it", ASKS, Hardening, LabOnly, &[Need::Key], outlives),
        part!(
            "lost-group",
            "a group lost at the next login is lost for the keys as well",
            ASKS,
            Hardening,
            LabOnly,
            &[Need::Key],
            lost_group
        ),
    ],
    saboteurs: saboteurs::ALL,
};

fn begins_upload(repository: &str, by: &Account) -> Request {
    Request::new(Method::POST, format!("/v2/zot-verify/{repository}/blobs/uploads/")).by(by)
}

async fn scopes(bench: Bench) -> Judged {
    let mut wish = Wish::new("zot-verify scopes", bounds::KEY);
    wish.scopes = vec!["zot-verify/key-inside/**".into()];
    let minted = apikey::own_key(&bench, SCOPED, &wish).await?.minted.clone();
    let inside = bench.wire.send(begins_upload("key-inside/app", &minted.account)).await?;
    let anybody = bench.wire.send(begins_upload("key-outside", &bench.ci().await?)).await?;
    if inside.status() != 202 || anybody.status() != 202 {
        let observed = format!("{} inside its scopes, {} for CI's key outside", inside.status(), anybody.status());
        return Err(Halt::Error(format!("what the scopes do cannot be told: {observed}")));
    }
    let outside = bench.wire.send(begins_upload("key-outside", &minted.account)).await?;
    if outside.status() < 300 {
        let expected = "a key with the scope zot-verify/key-inside/** is refused in zot-verify/key-outside";
        return Err(Breach::new(expected, expect::observed(&outside), &outside)
            .because("zot stores a key's scopes and never looks at them; a key can do what its owner can", None)
            .into());
    }
    match outside.status() {
        401 | 403 => Ok(Proof::of(format!("refused with {} outside its scopes", outside.status()), &outside)
            .and(&inside)
            .and(&anybody)),
        _ => Err(Halt::Error(format!("neither taken nor refused: {}", expect::observed(&outside)))),
    }
}

async fn outlives(bench: Bench) -> Judged {
    let parent = apikey::own_key(&bench, PARENT, &Wish::new("zot-verify parent", bounds::KEY)).await?.minted.clone();
    let wish = Wish::new("zot-verify child", bounds::KEY * 2);
    let answer = bench.wire.send(wish.request().by(&parent.account)).await?;
    if answer.status() >= 400 {
        return Ok(Proof::of(format!("a key makes no key: {}", answer.status()), &answer).and(&parent.exchange));
    }
    let child = keys::minted(&bench, PARENT.name, PARENT.name, answer)?;
    let lasts = apikey::when(&child.described.expiration_date).map(left);
    if lasts.is_some_and(|lasts| lasts <= bounds::KEY + Duration::from_secs(1)) {
        return Ok(Proof::of("the new key ends with the one that made it", &child.exchange).and(&parent.exchange));
    }
    let until = if lasts.is_some() { child.described.expiration_date.as_str() } else { "never" };
    let observed = format!("it makes one that expires {until}, after {}", parent.described.expiration_date);
    Err(Breach::new("a key makes no key that outlives it", observed, &child.exchange)
        .because("whoever finds a key can make himself another before it expires or is revoked", None)
        .into())
}

async fn lost_group(bench: Bench) -> Judged {
    let minted = apikey::own_key(&bench, MOVER, &Wish::new("zot-verify mover", bounds::KEY)).await?.minted.clone();
    let before = bench.wire.send(begins_upload("key-mover", &minted.account)).await?;
    if before.status() != 202 {
        return Err(Halt::Error(format!(
            "the key could not push while its owner was in the group: {}",
            expect::observed(&before)
        )));
    }
    let without = MOVER.claiming(&bench, serde_json::json!({ "groups": [] }))?;
    sign_in(&bench, &without, Jar::default()).await.map_err(|halt| match halt {
        Halt::Breach(breach) => Halt::Error(format!("the second login did not end in a session: {}", breach.observed)),
        other => other,
    })?;
    let after = bench.wire.send(begins_upload("key-mover", &minted.account)).await?;
    if after.status() != 403 {
        let expected = "the key is refused with 403 after its owner's login without the group";
        return Err(Breach::new(expected, expect::observed(&after), &after)
            .because(
                "zot reads groups from its own database; until v2.1.1 it added those of a login and dropped none",
                Some("upgrade to v2.1.2 or later; or everybody may create: look at defaultPolicy"),
            )
            .into());
    }
    Ok(Proof::of("202 with the group, 403 without", &before).and(&after))
}
