//! A person with a browser: begins a login at the registry, signs in at the issuer, and comes back with a session.
//!
//! Nothing is followed blindly. A password is typed only into a plain form on the issuer's own origin, and cookies go
//! back only to the server that gave them.

pub(crate) mod form;
pub mod jar;
pub mod keys;
pub mod people;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use url::Url;

use self::form::Form;
use self::jar::Jar;
use self::people::{Owed, Visitor};
use crate::bench::Bench;
use crate::bounds;
use crate::checks::expect;
use crate::run::outcome::{Breach, Halt};
use crate::wire::{Exchange, Redactor, Request};

/// The cookie that is a session (zot v2.1.20, observed).
pub const SESSION: &str = "session";
/// The cookie that tells the registry's own page who is logged in (zot v2.1.20, observed).
pub const USER: &str = "user";
/// Where a session is ended.
pub const LOGOUT: &str = "/zot/auth/logout";

/// A login that has begun: the answer, where it leads, and what it asks of the issuer.
#[derive(Debug, Clone)]
pub struct Begun {
    /// The registry's answer.
    pub exchange: Arc<Exchange>,
    /// Where it sends the browser.
    pub to: Url,
    /// The parameters of that URL.
    pub asks: HashMap<String, String>,
}

/// A person who has signed in.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The name under which the person signed in at the issuer.
    pub name: String,
    /// What the registry's cookies were before the login and are after it.
    pub jar: Jar,
    /// The login's beginning.
    pub begun: Begun,
    /// The answer that made the session.
    pub callback: Arc<Exchange>,
}

/// A browser that has the registry open.
#[derive(Debug)]
pub struct Browser<'a> {
    bench: &'a Bench,
    /// The registry's cookies.
    pub jar: Jar,
}

impl<'a> Browser<'a> {
    /// A browser that holds these cookies of the registry; none, for one that has never been there.
    #[must_use]
    pub fn new(bench: &'a Bench, jar: Jar) -> Self {
        Self { bench, jar }
    }

    /// Begins a login that is to end at `callback_ui`.
    ///
    /// # Errors
    /// A breach where the registry does not redirect to the issuer.
    pub async fn begin(&mut self, callback_ui: &str) -> Result<Begun, Halt> {
        let path = login_path(&self.bench.deployment.provider, callback_ui);
        let exchange = self.visit(Request::get(path), "/zot/auth/login").await?;
        begun(exchange, self.bench.wire.redactor())
    }

    /// Signs in at the issuer and returns the URL that it sends the browser back to.
    ///
    /// # Errors
    /// Skip where the issuer asks for more than a plain form can give, an error for any trouble with it: what the issuer
    /// does is not the registry's breach.
    pub async fn sign_in(&self, begun: &Begun, who: &Visitor) -> Result<Url, Halt> {
        let issuer = self.bench.issuer()?.origin();
        let (_, found) = discover(self.bench).await?;
        let endpoint = found.get("authorization_endpoint").and_then(Value::as_str).unwrap_or_default();
        if Url::parse(endpoint).ok().as_ref().map(bare) != Some(bare(&begun.to)) {
            return Err(Halt::Skip(format!(
                "the login leads elsewhere than to the issuer's {endpoint}: {}",
                bare(&begun.to)
            )));
        }
        let mut jar = Jar::default();
        let mut request = Request::get_url(begun.to.clone());
        let mut at = begun.to.clone();
        let mut asked = false;
        for _ in 0..bounds::HOPS {
            if at.origin() != issuer {
                return Err(Halt::Skip(format!(
                    "the login leads away from the issuer, to {}",
                    at.origin().ascii_serialization()
                )));
            }
            let answer = self.bench.wire.send(jar.fill(request.capped(bounds::PAGE), at.path())).await;
            let answer = answer.map_err(|error| Halt::Error(error.to_string()))?;
            jar.keep(&answer);
            if let Some(to) = answer.header("location").filter(|_| (300..400).contains(&answer.status())) {
                let to =
                    at.join(to).map_err(|error| Halt::Error(format!("the issuer redirects to no URL: {error}")))?;
                if is_callback(self.bench, &to) {
                    return sent_back(to);
                }
                at = to;
                request = Request::get_url(at.clone());
                continue;
            }
            if answer.status() != 200 {
                return Err(Halt::Error(format!("the issuer answers {} to the login", answer.status())));
            }
            let Some(form) = Form::find(answer.text().unwrap_or_default()) else {
                return Err(Halt::Skip("the issuer's login is a page for people, without a plain form".into()));
            };
            if asked {
                return Err(Halt::Error(format!("the issuer does not sign {} in", who.name)));
            }
            asked = true;
            at = at.join(&form.action).map_err(|error| Halt::Error(format!("the form leads nowhere: {error}")))?;
            request = form.filled(at.clone(), who);
        }
        Err(Halt::Error(format!("the issuer redirects more than {} times", bounds::HOPS)))
    }

    /// Follows the issuer's redirect back to the registry.
    ///
    /// # Errors
    /// No answer.
    pub async fn come_back(&mut self, to: &Url) -> Result<Arc<Exchange>, Halt> {
        // The wire puts the path of the registry's URL in front again.
        let base =
            Url::parse(&self.bench.deployment.external_url).map(|url| url.path().trim_end_matches('/').to_owned());
        let path = to.path().strip_prefix(base.unwrap_or_default().as_str()).unwrap_or(to.path());
        let request = Request::get(format!("{path}?{}", to.query().unwrap_or_default()));
        let before = self.jar.get(SESSION).map(str::to_owned);
        let answer = self.visit(request, path).await?;
        if self.jar.get(SESSION).is_some_and(|now| before.as_deref() != Some(now)) {
            self.bench.setup.people.owe(self.bench, Owed::Session(self.jar.only(SESSION)));
        }
        Ok(answer)
    }

    async fn visit(&mut self, request: Request, path: &str) -> Result<Arc<Exchange>, Halt> {
        let answer = self.bench.wire.send(self.jar.fill(request, path)).await?;
        self.jar.keep(&answer);
        Ok(answer)
    }
}

/// Signs a person in, from the first request to the session.
///
/// # Errors
/// As the steps of [`Browser`], and a breach where the registry makes no session.
pub async fn sign_in(bench: &Bench, who: &Visitor, jar: Jar) -> Result<SignedIn, Halt> {
    let mut browser = Browser::new(bench, jar);
    let begun = browser.begin("/").await?;
    let to = browser.sign_in(&begun, who).await?;
    let callback = browser.come_back(&to).await?;
    let line = callback.line(bench.wire.redactor());
    let expected = format!("{line} makes a session and leads to the page that was asked for");
    if !matches!(callback.status(), 201 | 302 | 303) {
        return Err(Breach::new(expected, said(&callback), &callback).into());
    }
    if callback.status() != 201 && callback.header("location").is_none() {
        return Err(Breach::new(expected, format!("{} without a Location", callback.status()), &callback).into());
    }
    if browser.jar.get(SESSION).is_none() {
        return Err(Breach::new(expected, format!("{} without a session cookie", callback.status()), &callback).into());
    }
    Ok(SignedIn { name: who.name.clone(), jar: browser.jar, begun, callback })
}

impl SignedIn {
    /// The name by which the registry knows the person; the one typed at the issuer may be another.
    #[must_use]
    pub fn known_as(&self) -> &str {
        self.jar.get(USER).unwrap_or(&self.name)
    }

    /// `request` as zot's web page sends it: with the session, and with the header without which zot takes a session
    /// for anonymous (observed on v2.1.20).
    #[must_use]
    pub fn asks(&self, request: Request) -> Request {
        self.jar.fill(request, "/").header(UI_CLIENT.0, UI_CLIENT.1)
    }
}

/// The issuer's own description (OpenID Connect Discovery section 4), asked for once. Trouble with it says nothing about
/// the registry.
///
/// # Errors
/// Skip where no issuer is known, an error where it does not describe itself.
pub async fn discover(bench: &Bench) -> Result<(Arc<Exchange>, Value), Halt> {
    let ask = || async {
        let issuer = bench.issuer()?.as_str().trim_end_matches('/');
        let url = format!("{issuer}/.well-known/openid-configuration");
        let url = Url::parse(&url).map_err(|error| Halt::Error(format!("{url}: {error}")))?;
        let exchange = bench.wire.send(Request::get_url(url.clone())).await;
        let exchange = exchange.map_err(|error| Halt::Error(error.to_string()))?;
        match exchange.json().filter(Value::is_object) {
            Some(found) if exchange.status() == 200 => Ok((exchange, found)),
            _ => Err(Halt::Error(format!("{url} answers {} and no discovery document", exchange.status()))),
        }
    };
    bench.setup.discovery.get_or_init(ask).await.clone()
}

/// A URL without its query.
#[must_use]
pub fn bare(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.into()
}

/// What zot's web page sends with every request (zot v2.1.20, observed).
pub const UI_CLIENT: (&str, &str) = ("x-zot-api-client", "zot-ui");

/// The status, and what zot says in plain text about a login that failed.
#[must_use]
pub fn said(callback: &Exchange) -> String {
    let text = callback.text().map(str::trim).unwrap_or_default();
    let text: String = text.chars().take(200).collect();
    if text.is_empty() { callback.status().to_string() } else { format!("{} `{text}`", callback.status()) }
}

fn login_path(provider: &str, callback_ui: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("provider", provider).append_pair("callback_ui", callback_ui);
    format!("/zot/auth/login?{}", query.finish())
}

/// Whether the issuer has sent the browser back to the registry.
fn is_callback(bench: &Bench, to: &Url) -> bool {
    let external = &bench.deployment.external_url;
    to.as_str().strip_prefix(external.as_str()).is_some_and(|path| path.starts_with("/zot/auth/callback/"))
}

/// The way back, unless the issuer says on it that it refuses (RFC 6749 section 4.1.2.1).
fn sent_back(to: Url) -> Result<Url, Halt> {
    let error = to.query_pairs().find(|(name, _)| name == "error").map(|(_, error)| error.into_owned());
    error.map_or(Ok(to), |error| Err(Halt::Error(format!("the issuer sends the login back with the error `{error}`"))))
}

/// Reads a redirect to the issuer.
pub(crate) fn begun(exchange: Arc<Exchange>, redactor: &Redactor) -> Result<Begun, Halt> {
    let line = exchange.line(redactor);
    let expected = format!("{line} redirects to the issuer");
    let location = exchange.header("location").and_then(|to| Url::parse(to).ok());
    match (exchange.status(), location) {
        (302 | 303 | 307, Some(to)) => {
            let mut asks = HashMap::new();
            for (name, value) in to.query_pairs().into_owned() {
                // Of two values the issuer may take the other one (RFC 6749 section 3.1 forbids them).
                if asks.insert(name.clone(), value).is_some() {
                    let observed = format!("`{name}` more than once");
                    return Err(Breach::new("the login asks for everything once", observed, &exchange).into());
                }
            }
            Ok(Begun { exchange, to, asks })
        }
        (404, _) => Err(Breach::new(expected, expect::observed(&exchange), &exchange)
            .because(
                "zot serves no login: OpenID is not configured, or under another provider's name",
                Some("set http.auth.openid.providers in zot's configuration"),
            )
            .into()),
        (status, None) => {
            Err(Breach::new(expected, format!("{status} without an absolute Location"), &exchange).into())
        }
        (_, Some(_)) => Err(Breach::new(expected, expect::observed(&exchange), &exchange).into()),
    }
}
