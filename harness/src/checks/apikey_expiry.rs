//! `apikey.expiry`: the key that CI uses is accepted, and will be for a while.

mod saboteurs;

use std::time::Duration;

use time::OffsetDateTime;

use super::apikey::{is_never, left, when};
use super::expect;
use crate::bench::Bench;
use crate::bounds;
use crate::check::{Check, Need, Profile, part};
use crate::login::keys;
use crate::run::outcome::{Breach, Halt, Judged, Proof};
use crate::wire::Request;

const ASKS: &[&str] = &["GET /zot/auth/apikey", "GET /v2/"];

/// What the check declares.
pub const CHECK: Check = Check {
    id: "apikey.expiry",
    title: "CI's key is accepted, and days are left until it expires",
    requirement: "A key that expires, or a registry that has lost its database of keys, stops every build, and nothing \
                  warns (the owner's keys last 90 days; zot issue 3773).",
    profile: Profile::Full,
    parts: &[
        part!("accepted", "the registry knows CI's key", ASKS, Requirement, Reads, &[Need::Key], accepted),
        part!(
            "days-left",
            "more than 14 days are left until it expires",
            ASKS,
            Hardening,
            Reads,
            &[Need::Key],
            days_left
        ),
    ],
    saboteurs: saboteurs::ALL,
};

async fn accepted(bench: Bench) -> Judged {
    let ci = bench.ci().await?;
    let ping = bench.wire.send(Request::get("/v2/").by(&ci)).await?;
    let answer = bench.wire.send(keys::list().by(&ci)).await?;
    if ping.status() != 200 || answer.status() == 401 {
        let refused = if ping.status() == 200 { &answer } else { &ping };
        let line = refused.line(bench.wire.redactor());
        return Err(Breach::new(format!("{line} with CI's key answers 200"), expect::observed(refused), refused)
            .because(
                "the key has expired or was revoked, belongs to another user name, or zot has lost its meta.db",
                Some("log in, make a new key, and give it to CI; the user name must be the owner's to the letter"),
            )
            .into());
    }
    if answer.status() == 404 {
        let why = "is http.auth.apikey off, or does a proxy publish /v2/ only?";
        return Err(Halt::Error(format!("the list of keys is not there (404): {why}")));
    }
    let known = keys::listed(&bench, &answer)?.len();
    Ok(Proof::of(format!("accepted for {}, who has {known} keys", ci.name), &answer).and(&ping))
}

async fn days_left(bench: Bench) -> Judged {
    let ci = bench.ci().await?;
    let answer = bench.wire.send(keys::list().by(&ci)).await?;
    if answer.status() != 200 {
        return Err(Halt::Skip(format!("needs a key that is accepted: {}", expect::observed(&answer))));
    }
    let known = keys::listed(&bench, &answer)?;
    let mut used: Vec<(OffsetDateTime, Option<OffsetDateTime>)> = Vec::new();
    for key in &known {
        let until = when(&key.expiration_date);
        if until.is_none() && !is_never(&key.expiration_date) {
            let observed = format!("`{}`", key.expiration_date);
            return Err(Breach::new("the list says when each key ends", observed, &answer).into());
        }
        used.extend(when(&key.last_used).map(|at| (at, until)));
    }
    let Some(last) = used.iter().map(|(used, _)| *used).max() else {
        return Err(Halt::Error("no listed key was ever used, though one was used for this very list".into()));
    };
    // The list does not say which key asked for it: it is one of those that were used just now. Of several, the one
    // that expires first counts.
    let ours: Vec<_> =
        used.iter().filter(|(used, _)| last - *used <= bounds::SETTLE).map(|(_, until)| *until).collect();
    let Some(until) = ours.iter().flatten().min() else {
        return Ok(Proof::of("it never expires", &answer));
    };
    let days = left(*until).as_secs() / Duration::from_hours(24).as_secs();
    let said = if ours.len() > 1 {
        format!("{days} days left, of {} keys in use", ours.len())
    } else {
        format!("{days} days left")
    };
    if left(*until) <= bounds::KEY_WARNING {
        let expected = format!("more than {} days are left", bounds::KEY_WARNING.as_secs() / 86400);
        return Err(Breach::new(expected, format!("{said}, until {until}"), &answer)
            .because("a key cannot be prolonged", Some("log in, make a new key, and give it to CI before the date"))
            .into());
    }
    Ok(Proof::of(said, &answer))
}
