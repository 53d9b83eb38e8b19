//! The network of one lab, and the containers in it.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use bollard::errors::Error;
use bollard::models::{
    ContainerCreateBody, EndpointSettings, HostConfig, NetworkConnectRequest, NetworkCreateRequest, NetworkingConfig,
    PortBinding,
};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, LogsOptionsBuilder, StartContainerOptions, UploadToContainerOptionsBuilder,
};
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::sync::watch;
use zot_verify_fixtures::issuer::IssuerSpec;
use zot_verify_fixtures::upstream;

use super::engine::{self, Engine, Seat};
use super::remains::Labels;
use super::{archive, image};
use crate::bounds;
use crate::error::Trouble;
use crate::serve::{IssuerFile, READY, TroubleFile};
use crate::target::keeper;
use crate::target::lab::Unready;
use crate::target::ports;
use crate::wire::Hosts;

/// Where a container finds what its lab gives it.
pub(in crate::target) const DIRECTORY: &str = "/zot-verify-lab";

/// The names of a lab's servers in its network. Nobody outside is asked where they are.
const ISSUER: &str = "issuer.zot-verify.test";
const UPSTREAM: &str = "upstream.zot-verify.test";
const REGISTRY: &str = "registry.zot-verify.test";

/// The network of one lab, and the containers in it.
#[derive(Debug)]
pub(in crate::target) struct Yard {
    engine: Engine,
    network: String,
    labels: Labels,
    /// The image around this program.
    fixtures: String,
    ports: Ports,
    /// Where this program reaches them.
    hosts: Vec<(String, SocketAddr)>,
}

/// The ports of a lab's servers, the same in their containers and where they are published, so that one URL serves all.
#[derive(Debug)]
struct Ports {
    issuer: u16,
    upstream: u16,
    registry: u16,
}

/// A registry in a container. Whatever ends the lab, its reaper removes it.
#[derive(Debug)]
pub(in crate::target) struct Contained {
    engine: Engine,
    id: String,
    /// How it ended by itself, in words that follow its name.
    ended: watch::Receiver<Option<String>>,
}

/// One container to be.
struct Server<'a> {
    /// What it is called after its network.
    part: &'a str,
    /// What its neighbours call it.
    alias: &'a str,
    image: &'a str,
    port: u16,
    words: Vec<String>,
    /// What is put into it, as an archive from the root.
    given: Bytes,
}

impl Yard {
    /// A network for the lab `name` of this run, whose reaper holds `directory`. This program joins it where it runs in a
    /// container itself.
    pub(in crate::target) async fn open(
        engine: Engine,
        program: &Path,
        (run, name): (&str, &str),
        directory: &Path,
    ) -> Result<Self, Trouble> {
        let fixtures = image::fixtures(&engine, program).await?;
        let labels = Labels::new(&engine, (run, name), directory).map_err(|error| failed(&engine, &error))?;
        let network = format!("zot-verify-{run}-{}", &name[..8.min(name.len())]);
        let request = NetworkCreateRequest {
            name: network.clone(),
            driver: Some("bridge".into()),
            labels: Some(labels.map()),
            ..NetworkCreateRequest::default()
        };
        engine.api.create_network(request).await.map_err(|error| {
            Trouble::unknown("the engine makes no network for the lab", error.to_string()).cure(format!(
                "`{0} network ls` shows what is there; those of labs have the label zot-verify.lab",
                engine.command()
            ))
        })?;
        if let Seat::Container(own) = &engine.seat {
            let join = NetworkConnectRequest { container: own.clone(), endpoint_config: None };
            engine.api.connect_network(&network, join).await.map_err(|error| {
                Trouble::unknown("this container cannot join the lab's network", error.to_string())
                    .cure("give the job container the network of the engine's host (`--network host`)")
            })?;
        }
        let port = async || ports::free().await.map_err(|error| failed(&engine, &error));
        let ports = Ports { issuer: port().await?, upstream: port().await?, registry: port().await? };
        Ok(Self { engine, network, labels, fixtures, ports, hosts: Vec::new() })
    }

    /// Where everybody reaches the issuer.
    pub(in crate::target) fn issuer(&self) -> String {
        format!("http://{ISSUER}:{}", self.ports.issuer)
    }

    /// Where everybody reaches the upstream.
    pub(in crate::target) fn upstream(&self) -> String {
        format!("http://{UPSTREAM}:{}", self.ports.upstream)
    }

    /// Where this program reaches the registry.
    pub(in crate::target) fn registry(&self) -> String {
        match self.engine.seat {
            Seat::Host => format!("http://{}:{}", Ipv4Addr::LOCALHOST, self.ports.registry),
            Seat::Container(_) => format!("http://{REGISTRY}:{}", self.ports.registry),
        }
    }

    /// The port that the registry listens on.
    pub(in crate::target) fn port(&self) -> u16 {
        self.ports.registry
    }

    /// Starts the issuer and the upstream, and waits until they answer.
    pub(in crate::target) async fn surround(
        &mut self,
        issuer: &IssuerSpec,
        troubles: &[(&'static str, upstream::Trouble)],
    ) -> Result<(), Unready> {
        let unfit = |error: serde_json::Error| failed(&self.engine, &error);
        let issuer_file = serde_json::to_vec(&IssuerFile::of(issuer)).map_err(unfit)?;
        let troubles: Vec<TroubleFile> = troubles
            .iter()
            .map(|(repository, trouble)| TroubleFile { repository: (*repository).into(), trouble: *trouble })
            .collect();
        let troubles = serde_json::to_vec(&troubles).map_err(unfit)?;
        let url = self.issuer();
        let named = ["--url", &url];
        let (issuer, upstream) = tokio::try_join!(
            self.serve("issuer", ISSUER, self.ports.issuer, &issuer_file, &named),
            self.serve("upstream", UPSTREAM, self.ports.upstream, &troubles, &[]),
        )?;
        self.hosts.extend([
            (ISSUER.to_owned(), SocketAddr::new(issuer, self.ports.issuer)),
            (UPSTREAM.to_owned(), SocketAddr::new(upstream, self.ports.upstream)),
        ]);
        Ok(())
    }

    /// Starts zot of this image with what lies in `directory`; answers with the names that only this lab knows.
    pub(in crate::target) async fn start(
        mut self,
        image: &str,
        directory: &Path,
    ) -> Result<(Contained, Hosts), Unready> {
        let given = archive::directory(DIRECTORY, directory).map_err(|error| failed(&self.engine, &error))?;
        let zot = Server {
            part: "registry",
            alias: REGISTRY,
            image,
            port: self.ports.registry,
            words: vec!["serve".into(), format!("{DIRECTORY}/config.json")],
            given: given.into(),
        };
        let id = self.run(&zot).await?;
        let at = self.place(&id).await?;
        self.hosts.push((REGISTRY.to_owned(), SocketAddr::new(at, self.ports.registry)));
        let (tell, ended) = watch::channel(None);
        tokio::spawn(listen(self.engine.clone(), id.clone(), tell));
        Ok((Contained { engine: self.engine, id, ended }, Hosts::new(self.hosts)))
    }

    /// Starts a server of this program and waits until it says that it is ready; answers with where it is.
    async fn serve(&self, what: &str, alias: &str, port: u16, spec: &[u8], more: &[&str]) -> Result<IpAddr, Unready> {
        let file = "/spec.json";
        let listen = format!("0.0.0.0:{port}");
        let words = ["serve", what, "--listen", &listen, "--spec", file].into_iter().chain(more.iter().copied());
        let given = archive::file(file, spec).map_err(|error| failed(&self.engine, &error))?;
        let words = words.map(str::to_owned).collect();
        let server = Server { part: what, alias, image: &self.fixtures, port, words, given: given.into() };
        let id = self.run(&server).await?;
        let ready = tokio::time::timeout(bounds::READY, self.says_ready(&id)).await;
        ready.map_err(|late| failed(&self.engine, &format!("the {what} is not ready: {late}")))??;
        Ok(self.place(&id).await?)
    }

    async fn says_ready(&self, id: &str) -> Result<(), Trouble> {
        let follow = LogsOptionsBuilder::default().stdout(true).stderr(true).follow(true).build();
        let mut lines = self.engine.api.logs(id, Some(follow));
        let mut said = Vec::new();
        while let Some(line) = lines.next().await {
            said.extend_from_slice(&line.map_err(|error| failed(&self.engine, &error))?.into_bytes());
            if said.windows(READY.len()).any(|word| word == READY.as_bytes()) {
                return Ok(());
            }
        }
        Err(failed(&self.engine, &String::from_utf8_lossy(&said)))
    }

    /// Makes a container, gives it its files, and starts it.
    async fn run(&self, server: &Server<'_>) -> Result<String, Unready> {
        let unready = |error: Error| {
            // The engine of this or that version says it in one of these ways.
            let said = error.to_string();
            if ["already allocated", "already in use", "port conflicts"].iter().any(|sign| said.contains(sign)) {
                return Unready::PortTaken;
            }
            Unready::Failed(failed(&self.engine, &said))
        };
        let name = format!("{}-{}", self.network, server.part);
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        let made = self.engine.api.create_container(Some(options), self.body(server)).await.map_err(unready)?;
        let root = UploadToContainerOptionsBuilder::default().path("/").build();
        let given = bollard::body_full(server.given.clone());
        self.engine.api.upload_to_container(&made.id, Some(root), given).await.map_err(unready)?;
        self.engine.api.start_container(&made.id, None::<StartContainerOptions>).await.map_err(unready)?;
        Ok(made.id)
    }

    fn body(&self, server: &Server<'_>) -> ContainerCreateBody {
        let port = format!("{}/tcp", server.port);
        // Nobody but this machine is to reach a lab.
        let here =
            PortBinding { host_ip: Some(Ipv4Addr::LOCALHOST.to_string()), host_port: Some(server.port.to_string()) };
        let published = (self.engine.seat == Seat::Host).then(|| HashMap::from([(port.clone(), Some(vec![here]))]));
        let endpoint = EndpointSettings { aliases: Some(vec![server.alias.to_owned()]), ..EndpointSettings::default() };
        ContainerCreateBody {
            image: Some(server.image.to_owned()),
            cmd: Some(server.words.clone()),
            labels: Some(self.labels.map()),
            exposed_ports: Some(vec![port]),
            host_config: Some(HostConfig {
                network_mode: Some(self.network.clone()),
                port_bindings: published,
                ..HostConfig::default()
            }),
            networking_config: Some(NetworkingConfig {
                endpoints_config: Some(HashMap::from([(self.network.clone(), endpoint)])),
            }),
            ..ContainerCreateBody::default()
        }
    }

    /// Where this program reaches a container.
    async fn place(&self, id: &str) -> Result<IpAddr, Trouble> {
        if self.engine.seat == Seat::Host {
            return Ok(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        let known = self.engine.api.inspect_container(id, None).await.map_err(|error| failed(&self.engine, &error))?;
        let networks = known.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
        let address = networks.get(&self.network).and_then(|at| at.ip_address.clone()).unwrap_or_default();
        let none = |_| failed(&self.engine, &format!("a container got no address in {}", self.network));
        address.parse().map_err(none)
    }
}

impl Contained {
    /// Waits until the registry has ended by itself; answers how, in words that follow its name.
    pub(in crate::target) async fn ended(&self) -> String {
        let mut ended = self.ended.clone();
        let ended = ended.wait_for(Option::is_some).await;
        ended.ok().and_then(|how| how.clone()).unwrap_or_else(|| "was lost by the engine".into())
    }

    /// Whether the registry has ended by itself.
    pub(in crate::target) fn has_ended(&self) -> bool {
        self.ended.borrow().is_some()
    }

    /// The last lines of the registry's log, shortened to what people need of them; why there are none, where the engine
    /// does not give them.
    pub(in crate::target) async fn last_words(&self) -> String {
        match tokio::time::timeout(bounds::ENGINE, engine::log(&self.engine.api, &self.id)).await {
            Ok(Ok(log)) => keeper::last_words(&log),
            Ok(Err(error)) => format!("the engine does not give its log: {error}"),
            Err(late) => format!("the engine does not give its log: {late}"),
        }
    }
}

async fn listen(engine: Engine, id: String, tell: watch::Sender<Option<String>>) {
    let how = match engine::code(&engine.api, &id).await {
        Ok(code) => format!("ended with code {code}"),
        Err(error) => format!("was lost by the engine: {error}"),
    };
    tell.send_replace(Some(how));
}

fn failed(engine: &Engine, error: &dyn std::fmt::Display) -> Trouble {
    Trouble::unknown(format!("the lab's containers could not be started by {}", engine.version), error.to_string())
        .cure("`zot-verify doctor` shows the engine; `zot-verify local --zot PATH` needs none")
}
