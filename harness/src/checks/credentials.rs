//! `push.bad-credentials-denied`: credentials that are not good are no credentials.

mod saboteurs;

use std::sync::Arc;
use std::time::SystemTime;

use futures_util::future::try_join_all;
use http::Method;
use uuid::Uuid;
use zot_verify_model::principal::Role;
use zot_verify_model::{Account, Secret};

use super::apikey::{self, Mayfly};
use super::{expect, looking};
use crate::bench::Bench;
use crate::bounds;
use crate::check::{Check, Need, Profile, part};
use crate::login::keys::{self, Wish};
use crate::login::people::{CI, Person};
use crate::patience::Patience;
use crate::run::outcome::{Breach, Halt, Judged, Proof};
use crate::target::Kind;
use crate::wire::{Exchange, Request, challenge};

/// Whose key is revoked before it is tried.
const REVOKED: Person = Person { name: "zv-without-key", role: Role::Ci };
/// Whose key has expired before it is tried.
const EXPIRED: Person = Person { name: "zv-late", role: Role::Ci };

const ASKS: &[&str] = &["GET /v2/", "POST /v2/*/blobs/uploads/*", "GET /v2/*/tags/list", "GET *", "POST *", "DELETE *"];

/// What the check declares.
pub const CHECK: Check = Check {
    id: "push.bad-credentials-denied",
    title: "credentials that are not good are refused, wherever they are tried",
    requirement: "`docker login` and every push must tell a wrong key from a right one (RFC 9110 section 11.6.1, RFC \
                  7617): what is refused is answered 401 with a challenge, and changes nothing. zot pull request 3673.",
    profile: Profile::Full,
    parts: &[
        part!("password", "a wrong password is refused", ASKS, Requirement, RefusedWrite, &[], password),
        part!("unknown-key", "a key that was never made is refused", ASKS, Requirement, RefusedWrite, &[], unknown_key),
        part!(
            "other-name",
            "a good key under another name is refused",
            ASKS,
            Requirement,
            RefusedWrite,
            &[Need::Key],
            other_name
        ),
        part!("garbage", "what is no credentials at all is refused", ASKS, Requirement, RefusedWrite, &[], garbage),
        part!(
            "two-headers",
            "a good key beside other credentials is refused",
            ASKS,
            Requirement,
            RefusedWrite,
            &[Need::Key],
            two_headers
        ),
        part!("revoked", "a revoked key is refused", ASKS, Requirement, LabOnly, &[Need::Key], revoked),
        part!("expired", "an expired key is refused", ASKS, Requirement, LabOnly, &[Need::Key], expired),
    ],
    saboteurs: saboteurs::ALL,
};

/// Adds the bad credentials to a request.
type Bad<'a> = &'a (dyn Fn(Request) -> Request + Sync);

/// Tries them on `/v2/`, where clients log in, and on a write.
async fn refused(bench: &Bench, name: &str, bad: Bad<'_>) -> Judged {
    let ping = bench.wire.send(bad(Request::get("/v2/"))).await?;
    denies(bench, &ping)?;
    let live = bench.deployment.kind == Kind::Live;
    let namespace = if live { bench.intent.canary.as_str() } else { "zot-verify" };
    let repository = format!("{namespace}/bad-credentials-{name}");
    // On a live registry a form that stores nothing even where it is let in: zot answers 405 to it (observed on v2.1.20).
    let query = if live { "?from=nowhere" } else { "" };
    let tags = || Request::get(format!("/v2/{repository}/tags/list"));
    let before = bench.wire.send(tags()).await?;
    let write = Request::new(Method::POST, format!("/v2/{repository}/blobs/uploads/{query}"));
    let write = bench.wire.send(bad(write)).await?;
    let after = bench.wire.send(tags()).await?;
    if (before.status(), before.digest()) != (after.status(), after.digest()) {
        let line = write.line(bench.wire.redactor());
        let observed = format!(
            "{}, and the repository answers {} where it had answered {}",
            expect::observed(&write),
            after.status(),
            before.status()
        );
        return Err(Breach::new(format!("{line} with bad credentials changes nothing"), observed, &write).into());
    }
    denies(bench, &write)?;
    if let Some(blind) = looking::blind(&after, bench.wire.redactor()) {
        return Err(Halt::Error(format!("401, but whether anything changed cannot be seen: {blind}")));
    }
    Ok(Proof::of("401 on /v2/ and on a write, and nothing changed", &write).and(&ping).and(&before).and(&after))
}

fn denies(bench: &Bench, answer: &Arc<Exchange>) -> Result<(), Halt> {
    let line = answer.line(bench.wire.redactor());
    // A proxy in front may refuse two fields of that name before zot sees them (RFC 9110 section 11.6.2 knows one).
    if answer.status() == 400 && answer.sent("authorization") > 1 {
        return Ok(());
    }
    if answer.status() != 401 {
        let expected = format!("{line} with bad credentials answers 401");
        return Err(Breach::new(expected, expect::observed(answer), answer).into());
    }
    challenge::usable(answer).map_err(|problem| {
        let expected = format!("{line} answers 401 with a challenge that a client can use");
        Breach::new(expected, format!("401, but the challenge {problem}"), answer).into()
    })
}

fn account(name: &str, secret: String) -> Account {
    Account { name: name.into(), secret: Secret::new("bad credentials", secret) }
}

/// The name of whoever pushes from CI, key or no key.
fn ci_name(bench: &Bench) -> &str {
    bench.deployment.accounts.ci.as_ref().map_or(CI.name, |ci| ci.name.as_str())
}

async fn password(bench: Bench) -> Judged {
    let bad = account(ci_name(&bench), format!("wrong-{}", Uuid::new_v4().simple()));
    refused(&bench, "password", &|request| request.by(&bad)).await
}

async fn unknown_key(bench: Bench) -> Judged {
    let bad = account(ci_name(&bench), format!("zak_{}", Uuid::new_v4().simple()));
    refused(&bench, "unknown-key", &|request| request.by(&bad)).await
}

async fn other_name(bench: Bench) -> Judged {
    let ci = bench.ci().await?;
    let bad = Account { name: format!("{}-other", ci.name), ..ci };
    refused(&bench, "other-name", &|request| request.by(&bad)).await
}

async fn garbage(bench: Bench) -> Judged {
    // Not base64; base64 without a colon; a scheme that the registry does not have.
    let tries = ["Basic !!!", "Basic bm9jb2xvbg==", "Bearer nothing-of-yours"];
    let tries = tries.iter().enumerate().map(|(at, bad)| {
        let bench = &bench;
        async move { refused(bench, &format!("garbage-{at}"), &|request| request.header("authorization", *bad)).await }
    });
    let proofs = try_join_all(tries).await?;
    let exchanges = proofs.iter().skip(1).flat_map(Proof::exchanges);
    let first = proofs.first().cloned().ok_or_else(|| Halt::Error("nothing was tried".into()))?;
    Ok(exchanges.fold(first, Proof::and))
}

async fn two_headers(bench: Bench) -> Judged {
    let ci = bench.ci().await?;
    let beside = |request: Request| request.header("authorization", "Basic bm9ib2R5Ondyb25n").by(&ci);
    refused(&bench, "two-headers", &beside).await
}

async fn revoked(bench: Bench) -> Judged {
    let own = apikey::own_key(&bench, REVOKED, &Wish::new("zot-verify revoked", bounds::KEY)).await?;
    let answer = bench.wire.send(own.owner.asks(keys::revoke(&own.minted.described.uuid))).await?;
    if answer.status() != 200 {
        return Err(Halt::Error(format!("the key could not be revoked: {}", expect::observed(&answer))));
    }
    refused(&bench, "revoked", &|request| request.by(&own.minted.account)).await
}

async fn expired(bench: Bench) -> Judged {
    let Mayfly { minted, until, .. } = apikey::mayfly(&bench, EXPIRED).await.map_err(|halt| match halt {
        Halt::Breach(breach) => Halt::Skip(format!("needs a key that ends: {}", breach.observed)),
        other => other,
    })?;
    let left = until.duration_since(SystemTime::now()).unwrap_or_default();
    let patience = Patience::new(left + bounds::SETTLE, bounds::POLL);
    while SystemTime::now() < until && patience.another_look().await {}
    refused(&bench, "expired", &|request| request.by(&minted.account)).await
}
