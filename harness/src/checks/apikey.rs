//! `apikey.create`: somebody who is logged in makes, lists and revokes keys, and nobody else does.

mod saboteurs;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use zot_verify_model::principal::Role;

use super::expect;
use crate::bench::Bench;
use crate::bounds;
use crate::check::{Check, Need, Profile, part};
use crate::login::keys::{self, Described, Minted, Own, Wish};
use crate::login::people::{CI, Person};
use crate::login::{self, SignedIn};
use crate::patience::Patience;
use crate::run::outcome::{Breach, Halt, Judged, Proof};
use crate::target::Kind;
use crate::wire::{Exchange, Request};

/// Whose keys are listed.
const KEEPER: Person = Person { name: "zv-keeper", role: Role::Ci };
/// Whose key expires.
const MAYFLY: Person = Person { name: "zv-mayfly", role: Role::Ci };
/// Whose key is revoked.
const REVOKER: Person = Person { name: "zv-revoker", role: Role::Ci };

/// What making a key asks, the login included.
const MAKES: &[&str] = &["GET *", "POST *"];

/// What the check declares.
pub const CHECK: Check = Check {
    id: "apikey.create",
    title: "who is logged in makes, lists and revokes API keys; nobody else does",
    requirement: "CI pushes with a key that somebody made after a login (the owner's checklist, \"API key generation \
                  works\"); a key that outlives its date or its revocation is a door nobody watches. zot issues 2252, \
                  3773.",
    profile: Profile::Checklist,
    parts: &[
        part!(
            "works",
            "a new key is shown once and works at once",
            MAKES,
            Requirement,
            WritesCanary,
            &[Need::Session],
            works
        ),
        part!(
            "listed",
            "the list describes it as it was asked for, and never shows it",
            MAKES,
            Requirement,
            WritesCanary,
            &[Need::Key],
            listed
        ),
        part!("expires", "it works until its date and not after", MAKES, Requirement, LabOnly, &[Need::Key], expires),
        part!(
            "revoked",
            "it stops working when it is revoked",
            &["GET *", "POST *", "DELETE /zot/auth/apikey?*"],
            Requirement,
            WritesCanary,
            &[Need::Key],
            revoked
        ),
        part!(
            "anonymous",
            "nobody makes or sees keys without a login",
            &["GET /zot/auth/apikey", "POST /zot/auth/apikey"],
            Requirement,
            LabOnly,
            &[],
            anonymous
        ),
    ],
    saboteurs: saboteurs::ALL,
};

async fn works(bench: Bench) -> Judged {
    let minted = if bench.deployment.kind == Kind::Live {
        let owner = bench.setup.people.session(&bench, CI).await?;
        Own::mint(&bench, owner, &Wish::new("zot-verify works", bounds::KEY)).await?.minted.clone()
    } else {
        // The key that the others build on.
        bench.setup.people.judged_key(&bench, CI).await?
    };
    let answer = keys::works(&bench, &minted.account).await?;
    Ok(Proof::of("made, and accepted at once", &minted.exchange).and(&answer))
}

/// A key of somebody's own. That keys are made at all is for the part `works` to judge.
pub(super) async fn own_key(bench: &Bench, who: Person, wish: &Wish) -> Result<Arc<Own>, Halt> {
    let owner = owner(bench, who).await?;
    made(bench, owner, wish).await
}

/// Somebody's session, where keys are made. Where a lab's CI gets none nobody does, and that is reported once.
async fn owner(bench: &Bench, who: Person) -> Result<SignedIn, Halt> {
    if bench.deployment.kind == Kind::Local {
        bench.setup.people.key(bench, CI).await?;
    }
    bench.setup.people.session(bench, who).await
}

async fn made(bench: &Bench, owner: SignedIn, wish: &Wish) -> Result<Arc<Own>, Halt> {
    let name = owner.name.clone();
    Own::mint(bench, owner, wish).await.map_err(|halt| match halt {
        Halt::Breach(breach) => Halt::Error(format!("needs a key for {name}: {}", breach.observed)),
        other => other,
    })
}

/// The key of this identifier in its owner's list.
async fn find(bench: &Bench, owner: &SignedIn, uuid: &str) -> Result<(Arc<Exchange>, Option<Described>), Halt> {
    let exchange = bench.wire.send(owner.asks(keys::list())).await?;
    let known = keys::listed(bench, &exchange)?;
    Ok((exchange, known.into_iter().find(|key| key.uuid == uuid)))
}

async fn listed(bench: Bench) -> Judged {
    let mut wish = Wish::new("zot-verify listed", bounds::KEY);
    wish.scopes = vec!["zot-verify/**".into()];
    let own = own_key(&bench, KEEPER, &wish).await?;
    let (list, found) = find(&bench, &own.owner, &own.minted.described.uuid).await?;
    let expected = "the list has the new key, under its label and with its date";
    let Some(found) = found else {
        return Err(Breach::new(expected, "it is not there", &list).into());
    };
    // Compared as times: zot may write them in its own zone.
    if found.label != wish.label || when(&found.expiration_date) != when(&wish.date()) {
        let observed = format!("label `{}`, date `{}`", found.label, found.expiration_date);
        return Err(Breach::new(expected, observed, &list).into());
    }
    let secret = own.minted.account.secret.expose().trim_start_matches("zak_");
    let shown = list.json().is_some_and(|body| {
        let keys = body.get("apiKeys").and_then(Value::as_array);
        keys.is_some_and(|keys| keys.iter().any(|key| key.get("apiKey").is_some_and(|shown| shown != "")))
    });
    if shown || list.text().is_some_and(|text| text.contains(secret)) {
        return Err(Breach::new("the list never shows a key", "it shows one", &list).into());
    }
    Ok(Proof::of("listed with label and date, and not shown", &list).and(&own.minted.exchange))
}

/// Uses a key where a public list would answer anybody: a key that is no longer good must not become nobody's.
async fn use_key(bench: &Bench, key: &Minted) -> Result<Arc<Exchange>, Halt> {
    Ok(bench.wire.send(Request::get("/v2/_catalog").by(&key.account)).await?)
}

/// A key that ends soon, used once before it does.
pub(super) struct Mayfly {
    pub(super) minted: Minted,
    /// When it ends.
    pub(super) until: SystemTime,
    /// What the key was answered before.
    before: Arc<Exchange>,
}

/// Makes a key that ends as soon as this machine lets it be used first.
pub(super) async fn mayfly(bench: &Bench, who: Person) -> Result<Mayfly, Halt> {
    let session = owner(bench, who).await?;
    for lasts in bounds::SHORT_LIVES {
        let wish = Wish::new("zot-verify mayfly", lasts);
        let minted = match made(bench, session.clone(), &wish).await {
            // zot makes no key for a date that has passed.
            Err(Halt::Error(_)) if SystemTime::now() >= wish.until => continue,
            own => own?.minted.clone(),
        };
        let Some(until) = when(&minted.described.expiration_date).map(SystemTime::from) else {
            let observed = format!("`{}`", minted.described.expiration_date);
            return Err(Breach::new("a new key has the date that was asked for", observed, &minted.exchange).into());
        };
        let before = use_key(bench, &minted).await?;
        if before.status() != 401 || SystemTime::now() < until {
            return Ok(Mayfly { minted, until, before });
        }
    }
    Err(Halt::Error("no key was used before its date; the machine is too busy".into()))
}

async fn expires(bench: Bench) -> Judged {
    let Mayfly { minted, until, before } = mayfly(&bench, MAYFLY).await?;
    expect::status(&before, 200, bench.wire.redactor())?;
    let left = until.duration_since(SystemTime::now()).unwrap_or_default();
    let patience = Patience::new(left + bounds::SETTLE, bounds::POLL);
    let mut after = use_key(&bench, &minted).await?;
    while after.status() == 200 && patience.another_look().await {
        after = use_key(&bench, &minted).await?;
    }
    if after.status() != 401 {
        let expected = format!("the key is refused with 401 after {}", minted.described.expiration_date);
        return Err(Breach::new(expected, expect::observed(&after), &after).into());
    }
    if SystemTime::now() < until {
        return Err(Breach::new("the key works until its date", "it is refused before it", &after).into());
    }
    Ok(Proof::of("200 before its date, 401 after it", &minted.exchange).and(&before).and(&after))
}

async fn revoked(bench: Bench) -> Judged {
    let own = own_key(&bench, REVOKER, &Wish::new("zot-verify revoked", bounds::KEY)).await?;
    let (owner, minted) = (&own.owner, &own.minted);
    let before = use_key(&bench, minted).await?;
    expect::status(&before, 200, bench.wire.redactor())?;
    let revoked = bench.wire.send(owner.asks(keys::revoke(&minted.described.uuid))).await?;
    expect::status(&revoked, 200, bench.wire.redactor())?;
    let after = use_key(&bench, minted).await?;
    if after.status() != 401 {
        return Err(Breach::new("a revoked key is refused with 401", expect::observed(&after), &after).into());
    }
    let (list, found) = find(&bench, owner, &minted.described.uuid).await?;
    if found.is_some() {
        return Err(Breach::new("a revoked key is not listed", "it still is", &list).into());
    }
    Ok(Proof::of("200 before, 401 after", &revoked).and(&before).and(&after).and(&list))
}

async fn anonymous(bench: Bench) -> Judged {
    let wish = Wish::new("zot-verify anonymous", bounds::KEY);
    let page = |request: Request| request.header(login::UI_CLIENT.0, login::UI_CLIENT.1);
    let mut proof: Option<Proof> = None;
    // zot answers 500 where 401 is meant (observed on v2.1.20); that nothing comes of it is what counts.
    for request in [wish.request(), page(wish.request()), keys::list(), page(keys::list())] {
        let answer = bench.wire.send(request).await?;
        let shown = answer.json().is_some_and(|body| body.get("apiKey").is_some() || body.get("apiKeys").is_some());
        if !matches!(answer.status(), 401 | 403 | 500) && answer.status() >= 400 && !shown {
            return Err(Halt::Error(format!("what a stranger may do cannot be told: {}", expect::observed(&answer))));
        }
        if answer.status() < 400 || shown {
            let line = answer.line(bench.wire.redactor());
            let observed = if shown { format!("{} with keys", answer.status()) } else { expect::observed(&answer) };
            return Err(Breach::new(format!("{line} is refused without a login"), observed, &answer).into());
        }
        proof = Some(match proof {
            None => Proof::of(format!("refused with {}", answer.status()), &answer),
            Some(proof) => proof.and(&answer),
        });
    }
    proof.ok_or_else(|| Halt::Error("nothing was asked".into()))
}

/// A date of zot's, which has the zone of zot's clock; none where it is unreadable, or the zero date, which means never.
pub fn when(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok().filter(|date| date.year() > 1)
}

/// Whether a date of zot's means never (observed on v2.1.20).
#[must_use]
pub fn is_never(text: &str) -> bool {
    OffsetDateTime::parse(text, &Rfc3339).is_ok_and(|date| date.year() == 1)
}

/// How long it is from now to `date`; nothing where it has passed.
#[must_use]
pub fn left(date: OffsetDateTime) -> Duration {
    SystemTime::from(date).duration_since(SystemTime::now()).unwrap_or_default()
}
