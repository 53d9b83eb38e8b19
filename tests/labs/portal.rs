//! Somebody who answers 200 to everything, as the portal of a hotel does.

use libtest_mimic::Failed;
use zot_verify::run::exit::Exit;
use zot_verify::run::outcome::Verdict;
use zot_verify::target::zot::Zot;
use zot_verify_fixtures::fault::Fault;
use zot_verify_fixtures::proxy::{Rule, Then, When};

use super::support;

/// What a portal says, whatever it is asked.
const WELCOME: Then = Then::Answer {
    status: 200,
    headers: &[("content-type", "text/html; charset=utf-8")],
    body: "<!doctype html><title>Welcome to the hotel</title><form action=/login><input name=room></form>",
};

/// The portal leaves alone what a registry is recognised by, so that every part is asked.
const PORTAL: &[Fault] = &[
    Fault::Proxy(&Rule { when: When::path("/v2/_catalog"), then: WELCOME }),
    Fault::Proxy(&Rule { when: When::path("/v2/*/tags/list"), then: WELCOME }),
    Fault::Proxy(&Rule { when: When::path("/v2/*/manifests/*"), then: WELCOME }),
    Fault::Proxy(&Rule { when: When::path("/v2/*/blobs/*"), then: WELCOME }),
    Fault::Proxy(&Rule { when: When::path("/zot/*"), then: WELCOME }),
    Fault::Proxy(&Rule { when: When::path("/metrics"), then: WELCOME }),
];

/// What holds all the same: the portal knows nothing of it.
const UNTOUCHED: &[&str] = &[
    // They look at `/v2/`, or at what zot says of itself.
    "transport.proxy/location",
    "transport.proxy/external-url",
    "version.known-traps/named",
    "version.known-traps/explained",
    // They look at manifests, and ask nothing.
    "inventory.pinned/placeholders",
    "inventory.pinned/written-out",
    // It lets anybody read something, with no secret in it; that it is no metrics the part beside them says.
    "metrics.anonymous/access",
    "metrics.anonymous/no-secrets",
];

pub(crate) fn nothing_passes_behind_a_portal(zot: &Zot) -> Result<(), Failed> {
    let around = support::surroundings();
    let outcomes = support::runtime()?.block_on(async {
        let spec = support::spec(zot, &around).await?.with(PORTAL);
        support::run(&spec, &around, &[]).await
    })?;
    let parts = outcomes.iter().flat_map(|outcome| outcome.parts.iter().map(move |part| (outcome.check, part)));
    let passed: Vec<String> = parts
        .filter(|(_, part)| part.verdict == Verdict::Pass)
        .map(|(check, part)| check.part_id(part.part))
        .filter(|part| !UNTOUCHED.contains(&part.as_str()))
        .collect();
    if !passed.is_empty() {
        return Err(format!("a web page was enough for {passed:?}").into());
    }
    let exit = Exit::of(&outcomes, false);
    if exit == Exit::Failed { Ok(()) } else { Err(format!("{exit:?}").into()) }
}
