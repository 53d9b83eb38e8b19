//! A throwaway registry with a mock issuer, described before it is started.
//!
//! [`LabSpec`] is the whole description; a fault is a pure edit of a copy of it.

mod caddy;
mod doubles;
mod front;
mod launch;
mod registry;
mod seeds;
mod unready;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use url::Url;
use zot_verify_fixtures::edge::Certificate;
use zot_verify_fixtures::fault::Fault;
use zot_verify_fixtures::issuer::Mode;
use zot_verify_fixtures::proxy::Rule;
use zot_verify_fixtures::upstream;
use zot_verify_model::layout::Seed;
use zot_verify_model::{Secret, ZotConfig};

use self::doubles::Doubles;
use self::front::Front;
use self::registry::Registry;
pub(in crate::target) use self::unready::Unready;
use super::zot::Zot;
use super::{Deployment, Kind, KnownBy, Mirror, Recognition, Residue, Whose, recognise, scopes};
use crate::bounds;
use crate::checks::inventory;
use crate::error::Trouble;
use crate::login::people::Groups;
use crate::manifests::{Inventory, Source};
use crate::settings::source::Source as Written;
use crate::settings::{Accounts, Intent};
use crate::wire::{Hosts, Redactor, Request, Wire};

/// A lab before it starts.
#[derive(Debug, Clone)]
pub struct LabSpec {
    /// What serves the registry.
    pub zot: Zot,
    /// zot's configuration as it was given.
    pub config: ZotConfig,
    /// The OAuth client that zot is at the issuer.
    pub client_id: String,
    /// zot-verify itself, which becomes the reaper of a zot process.
    pub program: PathBuf,
    /// The name of the run.
    pub run: String,
    seeds: Vec<Seed>,
    rules: Vec<&'static Rule>,
    patches: Vec<&'static str>,
    issuer: Mode,
    troubles: Vec<(&'static str, upstream::Trouble)>,
    edge: Option<Certificate>,
    caddy: Option<PathBuf>,
    manifests: Vec<Source>,
    written: Option<Arc<Written>>,
}

/// A lab that runs. It ends when it is dropped; [`Lab::stop`] also waits for that.
#[derive(Debug)]
pub struct Lab {
    registry: Registry,
    doubles: Doubles,
    front: Front,
    issuer: Url,
    /// The names that only this lab's engine knows.
    hosts: Hosts,
    url: Url,
    config: ZotConfig,
    mirror: Option<Mirror>,
    changes: Vec<String>,
    /// What everybody signs in with at the issuer.
    password: Secret,
    /// The configuration that was given, without the lab's changes and faults.
    given: ZotConfig,
    made_of: Zot,
    /// A repository that no other lab has.
    marker: String,
}

impl LabSpec {
    /// A lab without faults, seeded with what the checks need.
    ///
    /// # Errors
    /// Only what building an image in memory reports.
    pub fn new(zot: Zot, config: ZotConfig, intent: &Intent, program: PathBuf, run: &str) -> Result<Self, Trouble> {
        let built = seeds::seeds(&config, &intent.policy).and_then(|seeds| Ok((seeds, inventory::lab::manifests()?)));
        let (seeds, manifests) = built.map_err(|error| {
            Trouble::unknown("the lab's images could not be built", error.to_string()).cure("report this as a defect")
        })?;
        Ok(Self {
            zot,
            config,
            client_id: intent.client_id.clone(),
            program,
            run: run.into(),
            seeds,
            rules: Vec::new(),
            patches: Vec::new(),
            issuer: Mode::Normal,
            troubles: Vec::new(),
            edge: None,
            caddy: None,
            manifests,
            written: None,
        })
    }

    /// The same lab, whose configuration stands somewhere.
    #[must_use]
    pub fn written_in(self, written: Option<Arc<Written>>) -> Self {
        Self { written, ..self }
    }

    /// The same lab with an empty registry.
    #[must_use]
    pub fn bare(self) -> Self {
        Self { seeds: Vec::new(), ..self }
    }

    /// The same lab, reached through this Caddy.
    #[must_use]
    pub fn behind(self, caddy: Option<PathBuf>) -> Self {
        Self { caddy, ..self }
    }

    /// The same lab with something wrong.
    #[must_use]
    pub fn with(&self, faults: &[Fault]) -> Self {
        let mut spec = self.clone();
        for fault in faults {
            match fault {
                Fault::Config(patch) => spec.patches.push(patch),
                Fault::Proxy(rule) => spec.rules.push(rule),
                Fault::Edge(certificate) => spec.edge = Some(*certificate),
                Fault::Issuer(mode) => spec.issuer = *mode,
                Fault::Manifest { path, text } => {
                    spec.manifests.retain(|source| source.path != Path::new(path));
                    spec.manifests.push(Source { path: path.into(), text: (*text).to_owned() });
                }
                Fault::Upstream { repository, trouble } => spec.troubles.push((repository, *trouble)),
            }
        }
        spec
    }

    /// Starts the issuer and the upstream, then the registry, then what stands in front of it, and waits until it is recognised.
    ///
    /// # Errors
    /// Trouble with exit code 3 and zot's last words when it does not come up.
    pub async fn start(&self, redactor: &Redactor) -> Result<(Lab, Wire, Deployment), Trouble> {
        let mut attempt = 1;
        loop {
            let lab = match self.launch(redactor).await {
                Ok(lab) => lab,
                Err(Unready::PortTaken) if attempt < bounds::PORT_ATTEMPTS => {
                    attempt += 1;
                    continue;
                }
                Err(unready) => return Err(unready.trouble(&self.zot, &self.config)),
            };
            let https = lab.url.scheme() == "https";
            let wire = Wire::new(lab.url.clone(), &self.run, redactor.clone(), &lab.front.trust(&lab.hosts), https)
                .map_err(|error| Trouble::unknown("no HTTP client could be made", error.to_string()))?;
            match lab.ready(&wire).await {
                Ok(recognition) => {
                    let deployment = lab.deployment(recognition, &self.run, inventory::lab::expected(&self.manifests));
                    let deployment = Deployment { written: self.written.clone(), ..deployment };
                    return Ok((lab, wire, deployment));
                }
                Err(Unready::PortTaken) if attempt < bounds::PORT_ATTEMPTS => attempt += 1,
                Err(unready) => return Err(unready.trouble(&self.zot, &self.config)),
            }
        }
    }
}

impl Lab {
    async fn ready(&self, wire: &Wire) -> Result<Recognition, Unready> {
        let last_words = async || wire.redactor().redact(&self.registry.last_words().await);
        let recognised = tokio::select! {
            recognised = recognise(wire, bounds::READY, Whose::Ours) => recognised,
            how = self.registry.ended() => return Err(Unready::ended(&how, &last_words().await)),
            unready = self.caddy_ended(wire) => return Err(unready),
        };
        match recognised {
            // Somebody else may hold the port while our zot gives up, even another lab's registry.
            Ok(_) if self.registry.has_ended() => Err(Unready::PortTaken),
            // What nobody believes is asked nothing, not even whose it is.
            Ok(recognition) if recognition.mgmt.is_err() => Ok(recognition),
            Ok(recognition) if self.registry.is_ours() || knows(&self.marker, wire).await => Ok(recognition),
            Ok(_) => Err(Unready::PortTaken),
            Err(trouble) => Err(Unready::Mute(trouble, last_words().await)),
        }
    }

    /// Waits until what stands in front has ended by itself, and says why.
    async fn caddy_ended(&self, wire: &Wire) -> Unready {
        let Some(caddy) = self.front.caddy() else { return std::future::pending().await };
        let how = caddy.ended().await;
        Unready::in_front(&how, &wire.redactor().redact(&caddy.last_words()))
    }

    fn deployment(&self, recognition: Recognition, run: &str, inventory: Inventory) -> Deployment {
        let provider = self.config.providers().into_iter().next();
        Deployment {
            kind: Kind::Local,
            registry: self.url.clone(),
            external_url: self.url.as_str().trim_end_matches('/').to_owned(),
            https: self.url.scheme() == "https"
                || self.given.external_url().is_some_and(|url| url.starts_with("https://")),
            fronted: self.front.caddy().is_some(),
            stand_in: self.made_of == Zot::Embedded,
            made_of: Some(self.front.caddy().map_or_else(
                || self.made_of.name(),
                |caddy| format!("{} behind {}", self.made_of.name(), caddy.program()),
            )),
            issuer: Some(self.issuer.clone()),
            scopes: scopes(provider.as_ref()),
            known_by: KnownBy::of_config(
                Some(&self.given),
                provider.as_ref().map_or("oidc", |provider| provider.key.as_str()),
            ),
            provider: provider.map_or_else(|| "oidc".into(), |provider| provider.key),
            groups: Groups::of(&self.config),
            configured: Some(self.given.clone()),
            written: None,
            password: Some(self.password.clone()),
            accounts: Accounts::default(),
            metrics_path: self.config.metrics_path().unwrap_or("/metrics").to_owned(),
            image: Ok(seeds::pulled()),
            inventory,
            residue: Residue::Tag,
            run: run.to_owned(),
            mirror: self.mirror.clone(),
            zot_version: recognition.version,
            zot_commit: recognition.commit,
            mgmt: recognition.mgmt,
        }
    }

    /// What the lab changed in the configuration that it was given.
    #[must_use]
    pub fn changes(&self) -> &[String] {
        &self.changes
    }

    /// Ends everything and waits until nothing of it is left.
    ///
    /// # Errors
    /// Trouble when zot or its directory could not be removed.
    pub async fn stop(self) -> Result<(), Trouble> {
        drop(self.doubles);
        let front = self.front.stop().await.map_err(|error| {
            Trouble::unknown("the caddy in front of the lab could not be taken away", error.to_string())
                .cure("look for zot-verify-* in the directory for temporary files")
        });
        self.registry.stop().await.and(front)
    }
}

/// Whether the registry that answers knows a lab's own repository. One that refuses to tell is believed: the
/// configuration may be such.
async fn knows(marker: &str, wire: &Wire) -> bool {
    let asked = wire.send(Request::get(format!("/v2/{marker}/tags/list"))).await;
    asked.is_ok_and(|answer| answer.status() != 404)
}
