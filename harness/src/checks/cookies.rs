//! `login.cookies`: what a browser holds after a login cannot be read, carried off, or given to it beforehand.

mod saboteurs;

use cookie::{Cookie, SameSite};
use futures_util::future::try_join_all;
use http::Method;
use url::Url;

use zot_verify_model::principal::Role;

use super::expect;
use crate::bench::Bench;
use crate::check::{Check, Need, Profile, part};
use crate::login::jar::{Jar, set_cookies};
use crate::login::people::{CI, Person};
use crate::login::{self, Browser, SESSION, SignedIn, sign_in};
use crate::run::outcome::{Breach, Edit, Halt, Judged, Proof};
use crate::wire::Request;

/// What a whole login asks.
const FLOW: &[&str] = &["GET /zot/auth/login?*", "GET *", "POST *", "GET /zot/auth/callback/*"];

/// Who gives a browser a session beforehand, and may not push.
const MALLORY: Person = Person { name: "zv-mallory", role: Role::Authenticated };
/// Whose browser it is, and who may.
const VICTIM: Person = Person { name: "zv-victim", role: Role::Ci };
/// Who follows a link that somebody made.
const WALKER: Person = Person { name: "zv-walker", role: Role::Authenticated };

/// Where a link could want to lead after the login. Browsers read `\` as `/`, and `//` as another host.
const AWAY: [&str; 5] =
    ["//evil.example", "https://evil.example/", r"/\evil.example", r"\\evil.example", "http://registry@evil.example/"];

/// What the check declares.
pub const CHECK: Check = Check {
    id: "login.cookies",
    title: "a login's cookies cannot be read, carried off, or given to a browser beforehand",
    requirement: "Whoever has the session cookie is that person until it ends (RFC 6265 section 8; OWASP session \
                  management). zot pull requests 3482 (Secure), 3844 and 4238 (open redirects by callback_ui).",
    profile: Profile::Full,
    parts: &[
        part!("http-only", "scripts cannot read the session", FLOW, Hardening, Reads, &[Need::Session], http_only),
        part!(
            "same-site",
            "other sites' requests do not carry the session",
            FLOW,
            Hardening,
            Reads,
            &[Need::Session],
            same_site
        ),
        part!("secure", "the session never travels over plain http", FLOW, Hardening, Reads, &[Need::Session], secure),
        part!(
            "fixation",
            "a login begins a new session, whatever the browser held before",
            FLOW,
            Hardening,
            LabOnly,
            &[Need::Session],
            fixation
        ),
        part!(
            "callback-ui",
            "a login never leads to another site",
            FLOW,
            Hardening,
            Reads,
            &[Need::Session],
            callback_ui
        ),
    ],
    saboteurs: saboteurs::ALL,
};

/// The session cookie as the registry set it.
async fn cookie(bench: &Bench) -> Result<(SignedIn, Cookie<'static>), Halt> {
    let session = bench.setup.people.session(bench, CI).await?;
    let set = set_cookies(&session.callback).into_iter().find(|cookie| cookie.name() == SESSION);
    let set = set.ok_or_else(|| Halt::Error("the session's cookie was set by another answer".into()))?;
    Ok((session, set))
}

async fn http_only(bench: Bench) -> Judged {
    let (session, cookie) = cookie(&bench).await?;
    if cookie.http_only() != Some(true) {
        return Err(Breach::new("the session cookie is HttpOnly", "it is not", &session.callback).into());
    }
    Ok(Proof::of("HttpOnly", &session.callback))
}

async fn same_site(bench: Bench) -> Judged {
    let (session, cookie) = cookie(&bench).await?;
    match cookie.same_site() {
        Some(same @ (SameSite::Lax | SameSite::Strict)) => Ok(Proof::of(format!("SameSite={same}"), &session.callback)),
        other => {
            let observed = other.map_or_else(|| "no SameSite".to_owned(), |same| format!("SameSite={same}"));
            Err(Breach::new("the session cookie is SameSite Lax or Strict", observed, &session.callback)
                .because("zot sets no SameSite on it; what keeps other sites out is its X-ZOT-API-CLIENT header", None)
                .into())
        }
    }
}

async fn secure(bench: Bench) -> Judged {
    let (session, cookie) = cookie(&bench).await?;
    if cookie.secure() == Some(true) {
        return Ok(Proof::of("Secure", &session.callback));
    }
    if !bench.deployment.https {
        return Err(Halt::Skip(
            "people reach this registry over plain http, and a Secure cookie would never come back".into(),
        ));
    }
    Err(Breach::new("the session cookie is Secure, as people come over https", "it is not", &session.callback)
        .because(
            "zot looks only at its own TLS, and a proxy ends TLS in front of it",
            Some("set http.auth.secureSession to true (zot v2.1.11 and later)"),
        )
        .cured_by(Some(&Edit { key: "http.auth.secureSession", value: "true" }))
        .into())
}

async fn fixation(bench: Bench) -> Judged {
    let planted = bench.setup.people.session(&bench, MALLORY).await?;
    let begin = || Request::new(Method::POST, "/v2/zot-verify/fixation/blobs/uploads/");
    let before = bench.wire.send(planted.asks(begin())).await?;
    if before.status() != 403 {
        let why = format!("whoever plants the session should be nobody, and is answered {}", expect::observed(&before));
        return Err(Halt::Error(why));
    }
    let jar = planted.jar.only(SESSION);
    let victim = sign_in(&bench, &VICTIM.visits(&bench)?, jar).await.map_err(|halt| match halt {
        Halt::Breach(breach) => Halt::Error(format!("the second login did not end in a session: {}", breach.observed)),
        other => other,
    })?;
    let may = bench.wire.send(victim.asks(begin())).await?;
    if may.status() != 202 {
        return Err(Halt::Skip(format!("needs a session that has its groups: {}", expect::observed(&may))));
    }
    // Not the cookie's text: it is sealed anew each second. What counts is whom the planted one opens the door to.
    let after = bench.wire.send(planted.asks(begin())).await?;
    if after.status() < 300 {
        let expected = "the session that was planted in the browser stays what it was after somebody's login";
        let observed = format!("whoever planted it is that person now, and may push: {}", after.status());
        return Err(Breach::new(expected, observed, &after)
            .because("zot keeps a valid session's id across a login (seen on v2.1.20)", None)
            .into());
    }
    match after.status() {
        401 | 403 => {
            Ok(Proof::of("the planted session did not become the person's", &victim.callback).and(&before).and(&after))
        }
        _ => Err(Halt::Error(format!("what the planted session is cannot be told: {}", expect::observed(&after)))),
    }
}

async fn callback_ui(bench: Bench) -> Judged {
    let home = Url::parse(&bench.deployment.external_url).map_err(|error| Halt::Error(error.to_string()))?;
    bench.setup.people.session(&bench, CI).await?;
    let who = WALKER.visits(&bench)?;
    let logins = AWAY.map(|away| {
        let (bench, who) = (&bench, &who);
        async move {
            let mut browser = Browser::new(bench, Jar::default());
            let begun = browser.begin(away).await?;
            let to = browser.sign_in(&begun, who).await?;
            Ok::<_, Halt>((away, browser.come_back(&to).await?))
        }
    });
    let mut proof: Option<Proof> = None;
    for (away, callback) in try_join_all(logins).await.map_err(|halt| match halt {
        Halt::Breach(breach) => Halt::Skip(format!("needs a login: {}", breach.observed)),
        other => other,
    })? {
        let session =
            set_cookies(&callback).iter().any(|cookie| cookie.name() == SESSION && !cookie.value().is_empty());
        if !matches!(callback.status(), 201 | 302 | 303) || !session {
            let why = format!("the login with callback_ui `{away}` ends in {}", login::said(&callback));
            return Err(Halt::Error(why));
        }
        let leads = callback.header("location").map(|to| home.join(to));
        let unreadable = callback.has("location") && leads.is_none();
        let stays = leads.is_none_or(|to| to.is_ok_and(|to| to.origin() == home.origin()));
        if !stays || unreadable {
            let observed =
                callback.header("location").map_or_else(|| "a place that is no text".into(), |to| format!("`{to}`"));
            return Err(Breach::new(format!("a login with callback_ui `{away}` leads home"), observed, &callback)
                .because(
                    "zot let callback_ui lead away until v2.1.14, and with a backslash until v2.1.18",
                    Some("upgrade to v2.1.19 or later"),
                )
                .into());
        }
        proof = Some(match proof {
            None => Proof::of(format!("{} wishes to lead elsewhere come home", AWAY.len()), &callback),
            Some(proof) => proof.and(&callback),
        });
    }
    proof.ok_or_else(|| Halt::Error("nothing was tried".into()))
}
