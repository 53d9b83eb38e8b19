//! API keys: minted in a session, used as the password of HTTP Basic (zot v2.1.20, `http.auth.apikey`, observed).

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use zot_verify_model::{Account, Secret};

use super::SignedIn;
use super::people::Owed;
use crate::bench::Bench;
use crate::checks::expect;
use crate::ledger::{self, Entry};
use crate::run::outcome::{Breach, Halt};
use crate::wire::{Exchange, Request};

/// Where keys are made, listed and revoked.
pub const PATH: &str = "/zot/auth/apikey";

/// What is asked of a new key.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Its label.
    pub label: String,
    /// The repositories that it is for.
    pub scopes: Vec<String>,
    /// When it expires.
    pub until: SystemTime,
}

/// A key as the registry describes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Described {
    /// Its identifier.
    #[serde(default)]
    pub uuid: String,
    /// Its label.
    #[serde(default)]
    pub label: String,
    /// When it expires, RFC 3339; the zero time means never.
    #[serde(default)]
    pub expiration_date: String,
    /// When it was last used, RFC 3339.
    #[serde(default)]
    pub last_used: String,
    /// Whether it has expired.
    #[serde(default)]
    pub is_expired: bool,
}

/// A key that was just made.
#[derive(Debug, Clone)]
pub struct Minted {
    /// Its owner, with the key as password.
    pub account: Account,
    /// How the registry describes it.
    pub described: Described,
    /// The answer that showed the key.
    pub exchange: Arc<Exchange>,
}

impl Wish {
    /// A key for everything, under this label, that expires so long from now.
    #[must_use]
    pub fn new(label: impl Into<String>, lasts: Duration) -> Self {
        Self { label: label.into(), scopes: Vec::new(), until: SystemTime::now() + lasts }
    }

    /// The request that makes it.
    #[must_use]
    pub fn request(&self) -> Request {
        Request::new(Method::POST, PATH)
            .json(&json!({ "label": self.label, "scopes": self.scopes, "expirationDate": self.date() }))
    }

    /// Its date as it is asked for: RFC 3339, to the millisecond.
    #[must_use]
    pub fn date(&self) -> String {
        humantime::format_rfc3339_millis(self.until).to_string()
    }
}

/// A key that a part made for itself.
#[derive(Debug)]
pub struct Own {
    /// Whose it is.
    pub owner: SignedIn,
    /// The key.
    pub minted: Minted,
    noted: Entry,
}

impl Own {
    /// Mints a key in somebody's session. On a registry that goes on when the run has ended it is noted first, and
    /// revoked when the run ends.
    ///
    /// # Errors
    /// As [`mint`], and an error where it could not be noted.
    pub async fn mint(bench: &Bench, owner: SignedIn, wish: &Wish) -> Result<Arc<Self>, Halt> {
        let noted = bench.ledger.plan(ledger::Kind::Key, owner.known_as(), &wish.label)?;
        let exchange = bench.wire.send(owner.asks(wish.request())).await?;
        if (400..500).contains(&exchange.status()) {
            noted.removed()?;
        }
        let minted = minted(bench, owner.known_as(), &owner.name, exchange)?;
        let own = Arc::new(Self { owner, minted, noted });
        bench.setup.people.owe(bench, Owed::Key(Arc::clone(&own)));
        own.noted.created()?;
        Ok(own)
    }

    /// Revokes it, and looks whether it is refused then: zot answers 200 to whatever is to be revoked (observed on
    /// v2.1.20).
    ///
    /// # Errors
    /// No answer, or a ledger that cannot be written.
    pub async fn give_back(&self, bench: &Bench) -> Result<(), Halt> {
        bench.wire.send(self.owner.asks(revoke(&self.minted.described.uuid))).await?;
        let after = bench.wire.send(Request::get("/v2/").by(&self.minted.account)).await?;
        if after.status() == 401 { self.noted.removed() } else { Ok(()) }
    }
}

/// The request for the list of keys.
#[must_use]
pub fn list() -> Request {
    Request::get(PATH)
}

/// The request that revokes a key.
#[must_use]
pub fn revoke(uuid: &str) -> Request {
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("id", uuid).finish();
    Request::new(Method::DELETE, format!("{PATH}?{query}"))
}

/// Mints a key in somebody's session.
///
/// # Errors
/// A breach where the registry makes none.
pub async fn mint(bench: &Bench, owner: &SignedIn, wish: &Wish) -> Result<Minted, Halt> {
    let exchange = bench.wire.send(owner.asks(wish.request())).await?;
    minted(bench, owner.known_as(), &owner.name, exchange)
}

/// Reads the answer to a request for a key. The registry knows its owner as `known_as`; reports call it after `name`,
/// which is not the registry's word: what a secret is called is shown in its stead.
///
/// # Errors
/// A breach where it shows none.
pub fn minted(bench: &Bench, known_as: &str, name: &str, exchange: Arc<Exchange>) -> Result<Minted, Halt> {
    expect::status(&exchange, 201, bench.wire.redactor())?;
    let body = expect::object(&exchange, bench.wire.redactor())?;
    let key = body.get("apiKey").and_then(Value::as_str).unwrap_or_default();
    let described = serde_json::from_value(body.clone()).ok();
    let Some(described) = described.filter(|known: &Described| !key.is_empty() && !known.uuid.is_empty()) else {
        let expected = "the new key is shown once, with the identifier by which it is revoked";
        return Err(Breach::new(expected, "no key, or no identifier", &exchange).into());
    };
    let account = Account { name: known_as.to_owned(), secret: Secret::new(format!("api key of {name}"), key) };
    Ok(Minted { account, described, exchange })
}

/// Uses a key where every client begins: on `/v2/`.
///
/// # Errors
/// A breach where it is refused.
pub async fn works(bench: &Bench, account: &Account) -> Result<Arc<Exchange>, Halt> {
    let exchange = bench.wire.send(Request::get("/v2/").by(account)).await?;
    expect::status(&exchange, 200, bench.wire.redactor())?;
    Ok(exchange)
}

/// Reads a list of keys.
///
/// # Errors
/// A breach where it is none.
pub fn listed(bench: &Bench, exchange: &Arc<Exchange>) -> Result<Vec<Described>, Halt> {
    expect::status(exchange, 200, bench.wire.redactor())?;
    let body = expect::object(exchange, bench.wire.redactor())?;
    let keys = body.get("apiKeys").cloned().unwrap_or_default();
    serde_json::from_value(keys).map_err(|error| {
        Breach::new("the list of keys describes each", format!("it does not: {error}"), exchange).into()
    })
}
