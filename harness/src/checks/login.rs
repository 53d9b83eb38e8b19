//! `login.redirect`: a login begins at the right issuer, for the right client, and comes back to the right place.

mod saboteurs;

use std::sync::Arc;

use serde_json::Value;
use url::Url;

use crate::bench::Bench;
use crate::check::{Check, Profile, reads};
use crate::login::jar::Jar;
use crate::login::{Begun, Browser, bare, discover};
use crate::run::outcome::{Breach, Halt, Judged, Proof};
use crate::wire::{Exchange, Request};

const LOGIN: &[&str] = &["GET /zot/auth/login?*"];

/// What the check declares.
pub const CHECK: Check = Check {
    id: "login.redirect",
    title: "a login goes to the right issuer, for the right client, and back to the right place",
    requirement: "People log in to make API keys (the owner's checklist, \"OIDC browser login works\"; OpenID Connect \
                  Core section 3.1.2.1). Behind a reverse proxy redirect_uri is what breaks first (zot issue 1653).",
    profile: Profile::Checklist,
    parts: &[
        reads!("redirect", "the login is a redirect, not a page", LOGIN, redirect),
        reads!(
            "endpoint",
            "it leads to the authorization endpoint that the issuer's discovery names",
            &["GET /zot/auth/login?*", "GET */.well-known/openid-configuration"],
            endpoint
        ),
        reads!("client", "it asks for a code, as the client that the issuer knows", LOGIN, client),
        reads!("scope", "it asks for the scopes that carry name and groups", LOGIN, scope),
        reads!("state", "every login has a state of its own", LOGIN, state),
        reads!("redirect-uri", "it comes back to the registry's external URL", LOGIN, redirect_uri),
        reads!("issuer-accepts", "the issuer does not refuse it", &["GET /zot/auth/login?*", "GET *"], issuer_accepts),
    ],
    saboteurs: saboteurs::ALL,
};

/// A state shorter than this can be guessed; zot's is a UUID (observed on v2.1.20).
const STATE: usize = 16;

async fn begin(bench: &Bench) -> Result<Begun, Halt> {
    Browser::new(bench, Jar::default()).begin("/").await
}

/// The login that the parts share; only the part `redirect` reports that there is none.
pub(super) async fn begun(bench: &Bench) -> Result<Begun, Halt> {
    bench.setup.login.get_or_init(|| begin(bench)).await.clone().map_err(|halt| match halt {
        Halt::Breach(breach) => Halt::Skip(format!("needs a login that redirects: {}", breach.observed)),
        other => other,
    })
}

async fn redirect(bench: Bench) -> Judged {
    // The same login that the others read: of two, one could fail where nobody reports it.
    let begun = bench.setup.login.get_or_init(|| begin(&bench)).await.clone()?;
    Ok(Proof::of(
        format!("{} to {}", begun.exchange.status(), begun.to.origin().ascii_serialization()),
        &begun.exchange,
    ))
}

async fn endpoint(bench: Bench) -> Judged {
    let begun = begun(&bench).await?;
    let (discovery, found) = discover(&bench).await?;
    let issuer = bench.issuer()?;
    let named = found.get("issuer").and_then(Value::as_str).unwrap_or_default();
    // A URL without a path is written with or without the slash, and parses to the same.
    let rootless = issuer.path() == "/" && named == issuer.as_str().trim_end_matches('/');
    if named != issuer.as_str() && !rootless {
        let expected = format!("discovery names the issuer {issuer}, to the letter");
        return Err(Breach::new(expected, format!("`{named}`"), &discovery)
            .because(
                "zot compares the configured issuer with discovery's to the letter, and does not start if they differ",
                Some("set http.auth.openid.providers.*.issuer to what discovery names, trailing slash included"),
            )
            .into());
    }
    let wanted = found.get("authorization_endpoint").and_then(Value::as_str).unwrap_or_default();
    if Url::parse(wanted).ok().as_ref().map(bare) != Some(bare(&begun.to)) {
        let expected = format!("the login leads to {wanted}");
        return Err(Breach::new(expected, bare(&begun.to), &begun.exchange).into());
    }
    if issuer.scheme() == "https" && begun.to.scheme() != "https" {
        return Err(Breach::new("the login stays on https", begun.to.scheme(), &begun.exchange).into());
    }
    Ok(Proof::of(wanted, &begun.exchange).and(&discovery))
}

/// Asks the issuer. Whatever keeps its answer away, or breaks it, is not the registry's breach.
async fn ask_issuer(bench: &Bench, url: Url) -> Result<Arc<Exchange>, Halt> {
    bench.wire.send(Request::get_url(url)).await.map_err(|error| Halt::Error(error.to_string()))
}

async fn client(bench: Bench) -> Judged {
    let begun = begun(&bench).await?;
    asks(&begun, "response_type", "code")?;
    asks(&begun, "client_id", &bench.intent.client_id)?;
    Ok(Proof::of(format!("client_id {}, response_type code", bench.intent.client_id), &begun.exchange))
}

async fn redirect_uri(bench: Bench) -> Judged {
    let begun = begun(&bench).await?;
    let (external, provider) = (&bench.deployment.external_url, &bench.deployment.provider);
    let wanted = format!("{external}/zot/auth/callback/{provider}");
    asks(&begun, "redirect_uri", &wanted).map_err(|breach| {
        breach.because("zot builds it from http.externalUrl", Some(&format!("set http.externalUrl to {external}")))
    })?;
    Ok(Proof::of(wanted, &begun.exchange))
}

fn asks(begun: &Begun, name: &str, wanted: &str) -> Result<(), Breach> {
    match begun.asks.get(name).map(String::as_str) {
        Some(value) if value == wanted => Ok(()),
        other => {
            let observed = other.map_or_else(|| format!("no {name}"), |value| format!("`{value}`"));
            Err(Breach::new(format!("the login asks with {name} `{wanted}`"), observed, &begun.exchange))
        }
    }
}

async fn scope(bench: Bench) -> Judged {
    let begun = begun(&bench).await?;
    let asked = begun.asks.get("scope").map(String::as_str).unwrap_or_default();
    let missing = bench.deployment.scopes.iter().find(|scope| !asked.split(' ').any(|word| word == *scope));
    if let Some(missing) = missing {
        let expected = format!("the login asks for the scope `{missing}`");
        return Err(Breach::new(expected, format!("`{asked}`"), &begun.exchange)
            .because("the name and the groups of a user come with it", Some("add it to the provider's `scopes`"))
            .into());
    }
    Ok(Proof::of(asked, &begun.exchange))
}

async fn state(bench: Bench) -> Judged {
    let (first, second) = (begun(&bench).await?, begin(&bench).await?);
    let value = |begun: &Begun| begun.asks.get("state").cloned().unwrap_or_default();
    let expected = format!("a state of at least {STATE} characters that no other login has");
    if value(&second).len() < STATE {
        return Err(Breach::new(expected, format!("{} characters", value(&second).len()), &second.exchange).into());
    }
    if value(&first) == value(&second) {
        return Err(Breach::new(expected, "two logins with the same state", &second.exchange).into());
    }
    Ok(Proof::of("two logins, two states", &second.exchange).and(&first.exchange))
}

async fn issuer_accepts(bench: Bench) -> Judged {
    let begun = begun(&bench).await?;
    // A registry that has been taken over could send us anywhere; only the issuer is asked.
    if begun.to.origin() != bench.issuer()?.origin() {
        return Err(Halt::Skip("needs a login that leads to the issuer".into()));
    }
    let exchange = ask_issuer(&bench, begun.to.clone()).await?;
    let back = exchange.header("location").unwrap_or_default();
    if ["?error=", "&error=", "#error="].iter().any(|error| back.contains(error)) {
        return Err(Breach::new("the issuer takes the login", "it is sent back with an error", &exchange).into());
    }
    match exchange.status() {
        408 | 425 | 429 => Err(Halt::Error(format!("the issuer answers {} to the login", exchange.status()))),
        status if status < 400 => Ok(Proof::of(format!("the issuer answers {status}"), &exchange)),
        status if status < 500 => Err(Breach::new("the issuer takes the login", status.to_string(), &exchange)
            .because(
                "an issuer refuses a client or a redirect_uri that it does not know",
                Some("compare client_id and redirect_uri with the provider at the issuer, letter by letter"),
            )
            .into()),
        status => Err(Halt::Error(format!("the issuer answers {status} to the login"))),
    }
}
