//! What a probe sees of the world.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{Mutex, OnceCell};
use url::Url;
use zot_verify_model::Account;

use crate::checks::exposition::{Exposition, Malformed};
use crate::checks::inventory::Lookup;
use crate::checks::mirror::Pulled;
use crate::checks::pull::{Stage, Walk};
use crate::checks::push_key::Pushed;
use crate::checks::tls::Looked;
use crate::ledger::Ledger;
use crate::login::Begun;
use crate::login::people::{ADMIN, CI, People, Person};
use crate::run::outcome::Halt;
use crate::settings::Intent;
use crate::target::{Deployment, ImageName, Kind};
use crate::wire::{Exchange, Wire};

/// The facts, the wire and the set-up that a part shares with others.
#[derive(Debug, Clone)]
pub struct Bench {
    /// What is checked.
    pub deployment: Arc<Deployment>,
    /// What its owner intends.
    pub intent: Arc<Intent>,
    /// The way to it; every part has a transcript of its own.
    pub wire: Wire,
    /// Made at the first use, and once.
    pub setup: Arc<Setup>,
    /// What is created on the registry is noted here first.
    pub ledger: Ledger,
}

/// Set-up that several parts need. It is lazy, so that a fault hits only those that ask for it.
#[derive(Debug, Default)]
pub struct Setup {
    /// What the tag of the image that is pulled answers.
    pub tag: OnceCell<Result<(Arc<Exchange>, Value), Halt>>,
    /// The manifests of the image that is pulled.
    pub walk: OnceCell<Result<Arc<Walk>, (Stage, Halt)>>,
    /// What manifests pin, and what the registry answers.
    pub inventory: OnceCell<Result<Arc<Lookup>, Halt>>,
    /// A scrape of the metrics.
    pub scrape: OnceCell<Result<Arc<Exchange>, Halt>>,
    /// What that scrape exposes.
    pub exposition: OnceCell<Result<Arc<Exposition>, Malformed>>,
    /// Whether a live registry refuses anybody's request to delete.
    pub closed: OnceCell<Result<bool, Halt>>,
    /// What was seen of the registry's certificate.
    pub tls: OnceCell<Result<Arc<Looked>, Halt>>,
    /// What CI has pushed.
    pub pushed: OnceCell<Result<Arc<Pushed>, Halt>>,
    /// The issuer's own description.
    pub discovery: OnceCell<Result<(Arc<Exchange>, Value), Halt>>,
    /// Whose turn it is to try something on the canary's own tags.
    pub canary: Arc<Mutex<()>>,
    /// A login that has begun.
    pub login: OnceCell<Result<Begun, Halt>>,
    /// An image that nobody had pulled through the mirror before.
    pub mirrored: OnceCell<Result<Arc<Pulled>, Halt>>,
    /// Sessions and keys, each made for the first part that asks.
    pub people: People,
}

impl Bench {
    /// The same bench with another wire.
    #[must_use]
    pub fn on(&self, wire: Wire) -> Self {
        Self { wire, ..self.clone() }
    }

    /// The image that anybody can pull.
    ///
    /// # Errors
    /// Skip with what to do where none is known, an error where that could not be told.
    pub fn image(&self) -> Result<&ImageName, Halt> {
        self.deployment.image.as_ref().map_err(Clone::clone)
    }

    /// The OpenID issuer.
    ///
    /// # Errors
    /// Skip with what to do where none is known.
    pub fn issuer(&self) -> Result<&Url, Halt> {
        self.deployment
            .issuer
            .as_ref()
            .ok_or_else(|| Halt::Skip("no issuer is known: give --issuer, or `issuer` in zot-verify.toml".into()))
    }

    /// Whoever pushes from CI, with a key: in a lab a minted one, on a live registry that of the environment.
    ///
    /// # Errors
    /// Skip where there is none.
    pub async fn ci(&self) -> Result<Account, Halt> {
        self.account(CI, self.deployment.accounts.ci.as_ref(), "needs CI's key: give ZOT_VERIFY_API_KEY").await
    }

    /// Whoever may do everything, with a key.
    ///
    /// # Errors
    /// As [`Bench::ci`].
    pub async fn admin(&self) -> Result<Account, Halt> {
        let given = self.deployment.accounts.admin.as_ref();
        self.account(ADMIN, given, "needs an admin's key: give ZOT_VERIFY_ADMIN_API_KEY and ZOT_VERIFY_ADMIN_USER")
            .await
    }

    async fn account(&self, of_lab: Person, given: Option<&Account>, needs: &str) -> Result<Account, Halt> {
        match (self.deployment.kind, given) {
            (Kind::Local, _) => Ok(self.setup.people.key(self, of_lab).await?.account),
            (Kind::Live, Some(account)) => Ok(account.clone()),
            (Kind::Live, None) => Err(Halt::Skip(needs.into())),
        }
    }
}
