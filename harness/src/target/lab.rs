//! A throwaway registry with a mock issuer, described before it is started.
//!
//! [`LabSpec`] is the whole description; a fault is a pure edit of a copy of it.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use url::Url;
use uuid::Uuid;
use zot_verify_fixtures::fault::Fault;
use zot_verify_fixtures::issuer::{Issuer, IssuerSpec, Mode, Profile};
use zot_verify_fixtures::proxy::{self, Rule};
use zot_verify_fixtures::registry::StandIn;
use zot_verify_fixtures::upstream::{self, Upstream};
use zot_verify_fixtures::{Port, Server};
use zot_verify_model::image::Index;
use zot_verify_model::layout::{Content, Seed};
use zot_verify_model::{Secret, ZotConfig};

use super::adapt::{Credentials, Places, adapt, mirror_only};
use super::process::{Held, Process};
use super::zot::{Zot, unknown_keys};
use super::{Deployment, ImageName, Kind, KnownBy, Mirror, Recognition, Residue, Whose, recognise, scopes};
use crate::bounds;
use crate::checks::{admin, immutable, mirror, new_tags, push, push_key, race};
use crate::error::Trouble;
use crate::login::people::Groups;
use crate::settings::Accounts;
use crate::wire::{Redactor, Request, Trust, Wire};

/// The image that a lab's registry serves to anybody.
const PULLED: (&str, &str) = ("zot-verify/pull", "v1");

/// The file with the OpenID client's name and secret, in a lab's directory.
const CREDENTIALS: &str = "oidc-credentials.json";

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
}

/// A lab that runs. It ends when it is dropped; [`Lab::stop`] also waits for that.
#[derive(Debug)]
pub struct Lab {
    registry: Registry,
    issuer: Server,
    upstream: Server,
    proxy: Option<Server>,
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

#[derive(Debug)]
enum Registry {
    Embedded(Server),
    Process(Box<Process>),
}

impl LabSpec {
    /// A lab without faults, seeded with what the checks need.
    ///
    /// # Errors
    /// Only what building an image in memory reports.
    pub fn new(zot: Zot, config: ZotConfig, client_id: &str, program: PathBuf, run: &str) -> Result<Self, Trouble> {
        let seeds = seeds().map_err(|error| {
            Trouble::unknown("the lab's images could not be built", error.to_string()).cure("report this as a defect")
        })?;
        Ok(Self {
            zot,
            config,
            client_id: client_id.into(),
            program,
            run: run.into(),
            seeds,
            rules: Vec::new(),
            patches: Vec::new(),
            issuer: Mode::Normal,
            troubles: Vec::new(),
        })
    }

    /// The same lab with an empty registry.
    #[must_use]
    pub fn bare(self) -> Self {
        Self { seeds: Vec::new(), ..self }
    }

    /// The same lab with something wrong.
    #[must_use]
    pub fn with(&self, faults: &[Fault]) -> Self {
        let mut spec = self.clone();
        for fault in faults {
            match fault {
                Fault::Config(patch) => spec.patches.push(patch),
                Fault::Proxy(rule) => spec.rules.push(rule),
                Fault::Issuer(mode) => spec.issuer = *mode,
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
            let mut lab = self.launch(redactor).await?;
            let wire = Wire::new(lab.url.clone(), &self.run, redactor.clone(), &Trust::default(), false)
                .map_err(|error| Trouble::unknown("no HTTP client could be made", error.to_string()))?;
            match lab.ready(&wire).await {
                Ok(recognition) => {
                    let deployment = lab.deployment(recognition, &self.run);
                    return Ok((lab, wire, deployment));
                }
                Err(Unready::PortTaken) if attempt < bounds::PORT_ATTEMPTS => attempt += 1,
                Err(unready) => return Err(unready.trouble(&self.zot, &self.config)),
            }
        }
    }

    async fn launch(&self, redactor: &Redactor) -> Result<Lab, Trouble> {
        let failed = |error: &dyn std::fmt::Display| Trouble::unknown("the lab could not be built", error.to_string());
        let issuer = Port::bind().await.map_err(|error| failed(&error))?;
        let front = Port::bind().await.map_err(|error| failed(&error))?;
        let inner = match self.zot {
            Zot::Embedded => None,
            Zot::Program(_) => Some(free_port().await.map_err(|error| failed(&error))?),
        };
        let broken = !self.rules.is_empty();
        let external = match inner {
            Some(port) if !broken => format!("http://127.0.0.1:{port}"),
            _ => front.url(),
        };
        let issuer_url = Issuer::issuer_url(&issuer.url(), Profile::Authentik);
        let made = |name: &str| Secret::new(name, Uuid::new_v4().simple().to_string());
        let (secret, password) = (made("lab client secret"), made("lab password"));
        redactor.learn(&secret);
        redactor.learn(&password);
        let spec = IssuerSpec {
            client_id: self.client_id.clone(),
            client_secret: secret.clone(),
            password: password.clone(),
            redirect_uris: callbacks(&self.config, &external),
            profile: Profile::Authentik,
            mode: self.issuer,
        };
        let router = Issuer::router(&issuer.url(), spec);
        let issuer = issuer.serve(router);
        let upstream = Port::bind().await.map_err(|error| failed(&error))?.serve(Upstream::router(&self.troubles));
        let outside = upstream.url();

        let name = Uuid::new_v4().simple().to_string();
        let marker = format!("zot-verify/lab-{name}");
        let directory = std::env::temp_dir().join(format!("zot-verify-{}-{name}", self.run));
        let file = directory.join(CREDENTIALS);
        let credentials = match self.zot {
            Zot::Embedded => Credentials::Inline { client_id: &self.client_id, secret: secret.expose() },
            Zot::Program(_) => Credentials::File(&file),
        };
        let places = Places {
            root: &directory.join("root"),
            credentials,
            port: inner.unwrap_or(front.number()),
            external_url: &external,
            issuer: &issuer_url,
            upstream: &outside,
        };
        let mut config = self.config.clone();
        let shown = |change: String| change.replace(&directory.display().to_string(), "LAB");
        let changes = adapt(&mut config, &places).into_iter().map(shown).collect();
        for patch in &self.patches {
            config.merge(&serde_json::from_str(patch).map_err(|error| failed(&error))?);
        }
        mirror_only(&mut config, &outside);
        let mirror = Mirror::of(&self.config, Url::parse(&outside).ok());
        let url = Url::parse(&external).map_err(|error| failed(&error))?;
        let given = self.config.clone();
        let (made_of, repository) = (self.zot.clone(), marker.clone());
        let lab = |registry, proxy, config| Lab {
            registry,
            issuer,
            upstream,
            proxy,
            url,
            config,
            mirror,
            changes,
            password,
            given,
            made_of,
            marker,
        };

        match (&self.zot, inner) {
            (Zot::Program(program), Some(port)) => {
                let process = self
                    .spawn(program, directory, &repository, &config, &secret)
                    .await
                    .map_err(|error| failed(&error))?;
                let proxy = broken.then(|| proxy::router(format!("http://127.0.0.1:{port}"), &outside, &self.rules));
                let proxy = proxy.transpose().map_err(|error| failed(&error))?.map(|router| front.serve(router));
                Ok(lab(Registry::Process(Box::new(process)), proxy, config))
            }
            (Zot::Embedded, _) if broken => {
                let behind = Port::bind().await.map_err(|error| failed(&error))?;
                let router = StandIn::router(&config, &self.seeds).await.map_err(|error| refused(&error))?;
                let router =
                    (proxy::router(behind.url(), &outside, &self.rules).map_err(|error| failed(&error))?, router);
                let (proxy, registry) = (front.serve(router.0), behind.serve(router.1));
                Ok(lab(Registry::Embedded(registry), Some(proxy), config))
            }
            (Zot::Embedded | Zot::Program(_), _) => {
                let router = StandIn::router(&config, &self.seeds).await.map_err(|error| refused(&error))?;
                Ok(lab(Registry::Embedded(front.serve(router)), None, config))
            }
        }
    }

    /// Starts a zot process in a directory of its own, which its reaper makes and removes.
    async fn spawn(
        &self,
        program: &Path,
        directory: PathBuf,
        marker: &str,
        config: &ZotConfig,
        secret: &Secret,
    ) -> io::Result<Process> {
        let held = Held::new(&self.program, directory).await?;
        let credentials = serde_json::json!({ "clientid": self.client_id, "clientsecret": secret.expose() });
        write(&held.directory().join(CREDENTIALS), credentials.to_string().as_bytes())?;
        write(&held.directory().join("config.json"), config.to_text().as_bytes())?;
        let root = held.directory().join("root");
        let marker = Seed { repository: marker.to_owned(), ..Seed::default() };
        for file in self.seeds.iter().chain([&marker]).flat_map(Seed::files) {
            write(&root.join(&file.path), &file.bytes)?;
        }
        held.start(program).await
    }
}

impl Lab {
    async fn ready(&mut self, wire: &Wire) -> Result<Recognition, Unready> {
        match &mut self.registry {
            Registry::Embedded(_) => recognise(wire, bounds::READY, Whose::Ours).await.map_err(Unready::Silent),
            Registry::Process(process) => {
                let last_words = |process: &Process| wire.redactor().redact(&process.last_words());
                let recognised = tokio::select! {
                    recognised = recognise(wire, bounds::READY, Whose::Ours) => recognised,
                    how = process.ended() => return Err(Unready::ended(&how, &last_words(process))),
                };
                match recognised {
                    // Somebody else may hold the port while our zot gives up, even another lab's registry.
                    Ok(_) if process.has_ended() => Err(Unready::PortTaken),
                    Ok(recognition) if knows(&self.marker, wire).await => Ok(recognition),
                    Ok(_) => Err(Unready::PortTaken),
                    Err(trouble) => Err(Unready::Mute(trouble, last_words(process))),
                }
            }
        }
    }

    fn deployment(&self, recognition: Recognition, run: &str) -> Deployment {
        let provider = self.config.providers().into_iter().next();
        let issuer = Issuer::issuer_url(&self.issuer.url(), Profile::Authentik);
        let (repository, tag) = PULLED;
        Deployment {
            kind: Kind::Local,
            registry: self.url.clone(),
            external_url: self.url.as_str().trim_end_matches('/').to_owned(),
            https: self.given.external_url().is_some_and(|url| url.starts_with("https://")),
            stand_in: self.made_of == Zot::Embedded,
            made_of: Some(self.made_of.name()),
            issuer: Url::parse(&issuer).ok(),
            scopes: scopes(provider.as_ref()),
            known_by: KnownBy::of_config(
                Some(&self.given),
                provider.as_ref().map_or("oidc", |provider| provider.key.as_str()),
            ),
            provider: provider.map_or_else(|| "oidc".into(), |provider| provider.key),
            groups: Groups::of(&self.config),
            password: Some(self.password.clone()),
            accounts: Accounts::default(),
            metrics_path: self.config.metrics_path().unwrap_or("/metrics").to_owned(),
            image: Ok(ImageName { repository: repository.into(), reference: tag.into() }),
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
        drop((self.proxy, self.issuer, self.upstream));
        match self.registry {
            Registry::Embedded(server) => {
                drop(server);
                Ok(())
            }
            Registry::Process(process) => process.stop().await.map_err(|error| {
                Trouble::unknown("the lab could not be taken away completely", error.to_string())
                    .cure("look for zot-verify-* in the directory for temporary files")
            }),
        }
    }
}

/// Whether the registry that answers knows a lab's own repository. One that refuses to tell is believed: the
/// configuration may be such.
async fn knows(marker: &str, wire: &Wire) -> bool {
    let asked = wire.send(Request::get(format!("/v2/{marker}/tags/list"))).await;
    asked.is_ok_and(|answer| answer.status() != 404)
}

/// Why a lab's registry cannot be used.
enum Unready {
    PortTaken,
    Ended { how: String, words: String },
    Mute(Trouble, String),
    Silent(Trouble),
}

impl Unready {
    /// zot ends with 0 when its port is in use (observed on v2.1.20), so only its log tells.
    fn ended(how: &str, words: &str) -> Self {
        if words.contains("address already in use") {
            Self::PortTaken
        } else {
            Self::Ended { how: how.into(), words: words.into() }
        }
    }

    fn trouble(self, zot: &Zot, config: &ZotConfig) -> Trouble {
        let name = zot.name();
        match self {
            Self::PortTaken => Trouble::unknown(
                format!("{name} found its port taken {} times", bounds::PORT_ATTEMPTS),
                "another program takes free ports faster than zot can",
            )
            .cure("run it again"),
            Self::Ended { how, words } => {
                if let Some(keys) = unknown_keys(config, &words) {
                    let why = format!("it does not know these keys of its configuration:\n{keys}\n\n{words}");
                    return Trouble::unknown(format!("{name} {how} before it answered"), why)
                        .cure("give a zot that knows them, or take them out of the configuration");
                }
                let words = if words.is_empty() { "it said nothing".to_owned() } else { words };
                Trouble::unknown(format!("{name} {how} before it answered"), words)
                    .cure("mend the configuration that was given, or give another zot")
            }
            Self::Mute(trouble, words) if !words.is_empty() => {
                Trouble::unknown(format!("{name} runs and does not answer"), format!("{trouble}\n{words}"))
            }
            Self::Mute(trouble, _) | Self::Silent(trouble) => trouble,
        }
    }
}

fn refused(error: &dyn std::fmt::Display) -> Trouble {
    Trouble::unknown("the stand-in does not start, as zot would not", error.to_string())
        .cure("mend the configuration that was given")
}

/// Everything that the checks find in a lab.
fn seeds() -> io::Result<Vec<Seed>> {
    let (repository, tag) = PULLED;
    let pulled = Seed {
        repository: repository.into(),
        tags: vec![(tag.into(), Content::Index(Index::build(repository)?))],
        ..Seed::default()
    };
    let of_checks =
        [push::seeds()?, push_key::seeds()?, new_tags::seeds()?, immutable::seeds()?, race::seeds()?, admin::seeds()?];
    Ok([pulled, mirror::seed()?].into_iter().chain(of_checks.into_iter().flatten()).collect())
}

/// Where the issuer may send people back to.
fn callbacks(config: &ZotConfig, external: &str) -> Vec<String> {
    config.providers().iter().map(|provider| format!("{external}/zot/auth/callback/{}", provider.key)).collect()
}

/// A port that was free a moment ago and that no other lab of this process was given.
async fn free_port() -> io::Result<u16> {
    static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);
    loop {
        let port = Port::bind().await?.number();
        let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
        if given.get_or_insert_default().insert(port) {
            return Ok(port);
        }
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(path, bytes)
}
