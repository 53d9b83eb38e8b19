//! What a probe sees of the world.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::OnceCell;

use crate::checks::login::Begun;
use crate::checks::pull::{Stage, Walk};
use crate::run::outcome::Halt;
use crate::settings::Intent;
use crate::target::{Deployment, ImageName};
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
}

/// Set-up that several parts need. It is lazy, so that a fault hits only those that ask for it.
#[derive(Debug, Default)]
pub struct Setup {
    /// What the tag of the image that is pulled answers.
    pub tag: OnceCell<Result<(Arc<Exchange>, Value), Halt>>,
    /// The manifests of the image that is pulled.
    pub walk: OnceCell<Result<Arc<Walk>, (Stage, Halt)>>,
    /// A scrape of the metrics.
    pub scrape: OnceCell<Result<Arc<Exchange>, Halt>>,
    /// Whether a live registry refuses anybody's request to delete.
    pub closed: OnceCell<Result<bool, Halt>>,
    /// A login that has begun.
    pub login: OnceCell<Result<Begun, Halt>>,
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
}
