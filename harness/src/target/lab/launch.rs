//! From the description of a lab to its servers.

use std::io;
use std::path::{Path, PathBuf};

use url::Url;
use uuid::Uuid;
use zot_verify_fixtures::Port;
use zot_verify_fixtures::issuer::{Issuer, IssuerSpec, Profile};
use zot_verify_fixtures::registry::StandIn;
use zot_verify_model::layout::Seed;
use zot_verify_model::{Secret, ZotConfig};

use super::doubles::{self, Doubles};
use super::front::{self, Front};
use super::registry::{Registry, ZOT};
use super::{Lab, LabSpec, Unready};
use crate::error::Trouble;
use crate::target::adapt::{Credentials, Places, adapt, mirror_only};
use crate::target::containers::{self, Engine, Yard};
use crate::target::keeper::Keeper;
use crate::target::ports;
use crate::target::zot::Zot;
use crate::target::{Mirror, sweep};
use crate::wire::{Hosts, Redactor};

/// The file with the OpenID client's name and secret, in a lab's directory.
const CREDENTIALS: &str = "oidc-credentials.json";

/// zot's configuration, in a lab's directory.
const CONFIG: &str = "config.json";

/// What a lab is made of, as soon as all its addresses are known.
pub(super) struct Plan {
    /// A name that no other lab has.
    name: String,
    /// What everybody signs in with at the issuer.
    password: Secret,
    /// What zot says to the issuer.
    secret: Secret,
    /// Where everybody reaches the registry.
    external: String,
    /// The issuer's name.
    issuer: Url,
    /// What is mirrored, as it was intended.
    mirror: Option<Mirror>,
    /// The configuration as the registry gets it.
    config: ZotConfig,
    /// What was changed in the configuration that was given.
    changes: Vec<String>,
}

/// Where the servers of a lab are, before any of them answers.
struct Addresses<'a> {
    /// Where everybody reaches the registry.
    external: String,
    /// Where the issuer is, without a path.
    issuer: String,
    /// Where the upstream is.
    upstream: String,
    /// The address and the port that the registry listens on.
    listens: (&'a str, u16),
    /// The registry's own directory, as it sees it.
    directory: &'a Path,
}

impl LabSpec {
    pub(super) async fn launch(&self, redactor: &Redactor) -> Result<Lab, Unready> {
        let name = Uuid::new_v4().simple().to_string();
        match &self.zot {
            Zot::Embedded => Ok(self.embedded(name, redactor).await?),
            Zot::Program(program) => Ok(self.process(program, name, redactor).await?),
            Zot::Image(reference) => self.container(reference, name, redactor).await,
        }
    }

    /// The stand-in, in this process.
    async fn embedded(&self, name: String, redactor: &Redactor) -> Result<Lab, Trouble> {
        let doubles = doubles::Places::reserve().await.map_err(failed)?;
        let registry = Port::bind().await.map_err(failed)?;
        let front = front::Places::reserve(self).await.map_err(failed)?;
        let inner = registry.url();
        let addresses = Addresses {
            external: front.external(&inner),
            issuer: doubles.issuer(),
            upstream: doubles.upstream(),
            listens: ("127.0.0.1", registry.number()),
            directory: &self.directory(&name),
        };
        let plan = self.plan(name, &addresses, redactor)?;
        let front = front.open(self, &inner, &addresses.upstream).await.map_err(failed)?;
        let doubles = doubles.open(self.issuer_spec(&plan), &self.troubles);
        let router = StandIn::router(&plan.config, &self.seeds).await.map_err(|error| refused(&error))?;
        self.lab(plan, Registry::Embedded { _server: registry.serve(router) }, doubles, front)
    }

    /// A zot process in a directory of its own, which its reaper makes and removes.
    async fn process(&self, program: &Path, name: String, redactor: &Redactor) -> Result<Lab, Trouble> {
        sweep::directories();
        let doubles = doubles::Places::reserve().await.map_err(failed)?;
        let port = ports::free().await.map_err(failed)?;
        let front = front::Places::reserve(self).await.map_err(failed)?;
        let inner = format!("http://127.0.0.1:{port}");
        let directory = self.directory(&name);
        let addresses = Addresses {
            external: front.external(&inner),
            issuer: doubles.issuer(),
            upstream: doubles.upstream(),
            listens: ("127.0.0.1", port),
            directory: &directory,
        };
        let plan = self.plan(name, &addresses, redactor)?;
        let doubles = doubles.open(self.issuer_spec(&plan), &self.troubles);
        let mut keeper = Keeper::new(&self.program, directory.clone()).await.map_err(failed)?;
        self.furnish(keeper.directory(), &plan).map_err(failed)?;
        let config = keeper.directory().join(CONFIG).display().to_string();
        keeper.start(ZOT, program, vec!["serve".into(), config]).await.map_err(failed)?;
        let front = front.open(self, &inner, &addresses.upstream).await.map_err(failed)?;
        self.lab(plan, Registry::Process(Box::new(keeper)), doubles, front)
    }

    /// zot in a container, with the issuer and the upstream in others, in a network of their own.
    async fn container(&self, reference: &str, name: String, redactor: &Redactor) -> Result<Lab, Unready> {
        let engine = Engine::connect().await?;
        let image = containers::present(&engine, reference).await?;
        sweep::containers(&engine).await;
        sweep::directories();
        let directory = self.directory(&name);
        let mut keeper = Keeper::new(&self.program, directory.clone()).await.map_err(failed)?;
        keeper.contain(&name).await.map_err(failed)?;
        let mut yard = Yard::open(engine, &self.program, (&self.run, &name), &directory).await?;
        let front = front::Places::reserve(self).await.map_err(failed)?;
        let inner = yard.registry();
        let addresses = Addresses {
            external: front.external(&inner),
            issuer: yard.issuer(),
            upstream: yard.upstream(),
            listens: ("0.0.0.0", yard.port()),
            directory: Path::new(containers::DIRECTORY),
        };
        let mut plan = self.plan(name, &addresses, redactor)?;
        let given = keeper.directory().join("given");
        plan.bring_passwords(&given)?;
        self.furnish(&given, &plan).map_err(failed)?;
        yard.surround(&self.issuer_spec(&plan), &self.troubles).await?;
        let (zot, hosts) = yard.start(&image, &given).await?;
        let (direct, upstream) = (hosts.direct(&inner), hosts.direct(&addresses.upstream));
        let front = front.open(self, &direct, &upstream).await.map_err(failed)?;
        let registry = Registry::Container(Box::new(zot), Box::new(keeper));
        Ok(Lab { hosts, ..self.lab(plan, registry, Doubles::Contained, front)? })
    }

    pub(super) fn directory(&self, name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("{}{}-{name}", sweep::PREFIX, self.run))
    }

    /// Puts the configuration into the lab.
    fn plan(&self, name: String, at: &Addresses<'_>, redactor: &Redactor) -> Result<Plan, Trouble> {
        let made = |name: &str| Secret::new(name, Uuid::new_v4().simple().to_string());
        let (secret, password) = (made("lab client secret"), made("lab password"));
        redactor.learn(&secret);
        redactor.learn(&password);
        let issuer = Issuer::issuer_url(&at.issuer, Profile::Authentik);
        let file = at.directory.join(CREDENTIALS);
        let places = Places {
            root: &at.directory.join("root"),
            credentials: match self.zot {
                Zot::Embedded => Credentials::Inline { client_id: &self.client_id, secret: secret.expose() },
                Zot::Program(_) | Zot::Image(_) => Credentials::File(&file),
            },
            address: at.listens.0,
            port: at.listens.1,
            external_url: &at.external,
            issuer: &issuer,
            upstream: &at.upstream,
        };
        let mut config = self.config.clone();
        let shown = |change: String| change.replace(&at.directory.display().to_string(), "LAB");
        let changes = adapt(&mut config, &places).into_iter().map(shown).collect();
        for patch in &self.patches {
            config.merge(&serde_json::from_str(patch).map_err(failed)?);
        }
        mirror_only(&mut config, &at.upstream);
        let mirror = Mirror::of(&self.config, Url::parse(&at.upstream).ok());
        let (external, issuer) = (at.external.clone(), Url::parse(&issuer).map_err(failed)?);
        Ok(Plan { name, password, secret, external, issuer, mirror, config, changes })
    }

    fn issuer_spec(&self, plan: &Plan) -> IssuerSpec {
        IssuerSpec {
            client_id: self.client_id.clone(),
            client_secret: plan.secret.clone(),
            password: plan.password.clone(),
            redirect_uris: callbacks(&self.config, &plan.external),
            profile: Profile::Authentik,
            mode: self.issuer,
        }
    }

    /// Puts everything that zot reads into its directory.
    fn furnish(&self, directory: &Path, plan: &Plan) -> io::Result<()> {
        let credentials = serde_json::json!({ "clientid": self.client_id, "clientsecret": plan.secret.expose() });
        write(&directory.join(CREDENTIALS), credentials.to_string().as_bytes())?;
        write(&directory.join(CONFIG), plan.config.to_text().as_bytes())?;
        let root = directory.join("root");
        let marker = Seed { repository: plan.marker(), ..Seed::default() };
        for file in self.seeds.iter().chain([&marker]).flat_map(Seed::files) {
            write(&root.join(&file.path), &file.bytes)?;
        }
        Ok(())
    }

    fn lab(&self, plan: Plan, registry: Registry, doubles: Doubles, front: Front) -> Result<Lab, Trouble> {
        let marker = plan.marker();
        Ok(Lab {
            marker,
            registry,
            doubles,
            front,
            url: Url::parse(&plan.external).map_err(failed)?,
            hosts: Hosts::default(),
            issuer: plan.issuer,
            config: plan.config,
            mirror: plan.mirror,
            changes: plan.changes,
            password: plan.password,
            given: self.config.clone(),
            made_of: self.zot.clone(),
        })
    }
}

impl Plan {
    /// Takes the file of user names and passwords along, which a zot process reads where it is.
    fn bring_passwords(&mut self, given: &Path) -> Result<(), Trouble> {
        let path = ["http", "auth", "htpasswd", "path"];
        let Some(file) = self.config.get(&path).and_then(serde_json::Value::as_str).map(str::to_owned) else {
            return Ok(());
        };
        let bytes = std::fs::read(&file).map_err(|error| {
            Trouble::usage(format!("http.auth.htpasswd.path names {file}, which cannot be read"), error.to_string())
                .cure("the lab's container gets a copy of it; let it be readable, or take the key out")
        })?;
        write(&given.join("htpasswd"), &bytes).map_err(failed)?;
        self.config.set(&path, format!("{}/htpasswd", containers::DIRECTORY).into());
        self.changes.push(format!("{}: {file} -> a copy in the container", path.join(".")));
        Ok(())
    }

    /// A repository that no other lab has.
    fn marker(&self) -> String {
        format!("zot-verify/lab-{}", self.name)
    }
}

fn failed(error: impl std::fmt::Display) -> Trouble {
    Trouble::unknown("the lab could not be built", error.to_string())
        .cure("check the directory for temporary files; TMPDIR names another")
}

fn refused(error: &dyn std::fmt::Display) -> Trouble {
    Trouble::unknown("the stand-in does not start, as zot would not", error.to_string())
        .cure("mend the configuration that was given")
        .of_zot()
}

/// Where the issuer may send people back to.
fn callbacks(config: &ZotConfig, external: &str) -> Vec<String> {
    config.providers().iter().map(|provider| format!("{external}/zot/auth/callback/{}", provider.key)).collect()
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(path, bytes)
}
