//! The network of one lab, and the containers in it.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use testcontainers::bollard::models::{NetworkConnectRequest, NetworkCreateRequest, PortBinding};
use testcontainers::core::{ContainerPort, Host, WaitFor};
use testcontainers::runners::AsyncRunner as _;
use testcontainers::{ContainerAsync, ContainerRequest, GenericImage, ImageExt as _};
use tokio::sync::watch;
use zot_verify_fixtures::issuer::IssuerSpec;
use zot_verify_fixtures::upstream;

use super::engine::{self, Engine, Seat};
use super::image;
use super::remains::Labels;
use crate::bounds;
use crate::error::Trouble;
use crate::serve::{IssuerFile, READY, TroubleFile};
use crate::target::keeper;
use crate::target::ports;
use crate::wire::Hosts;

/// Where a container finds what its lab gives it.
pub(in crate::target) const DIRECTORY: &str = "/zot-verify-lab";

/// The names of a lab's servers. The same in every lab: nobody outside its network is asked where they are.
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
    doubles: Vec<ContainerAsync<GenericImage>>,
    /// Where this program reaches them.
    hosts: Vec<(String, SocketAddr)>,
    /// Where zot reaches them.
    neighbours: Vec<(&'static str, IpAddr)>,
}

/// The ports of a lab's servers, the same in their containers and where they are published, so that one URL serves all.
#[derive(Debug)]
struct Ports {
    issuer: u16,
    upstream: u16,
    registry: u16,
}

/// A registry in a container.
#[derive(Debug)]
pub(in crate::target) struct Contained {
    engine: Engine,
    container: ContainerAsync<GenericImage>,
    doubles: Vec<ContainerAsync<GenericImage>>,
    /// How it ended by itself, in words that follow its name.
    ended: watch::Receiver<Option<String>>,
}

impl Yard {
    /// A network for the lab `name` of this run, whose reaper owns `directory`. This program joins it where it runs in a
    /// container itself.
    pub(in crate::target) async fn open(
        engine: Engine,
        program: &Path,
        (run, name): (&str, &str),
        directory: &Path,
    ) -> Result<Self, Trouble> {
        let fixtures = image::fixtures(&engine, program).await?;
        let labels = Labels::new(run, name, directory);
        let network = format!("zot-verify-{run}-{}", &name[..8.min(name.len())]);
        let request = NetworkCreateRequest {
            name: network.clone(),
            driver: Some("bridge".into()),
            labels: Some(labels.map()),
            ..NetworkCreateRequest::default()
        };
        engine.api.create_network(request).await.map_err(|error| {
            Trouble::unknown("the engine makes no network for the lab", error.to_string())
                .cure("`docker network ls` shows what is there; `docker network prune` removes what nobody uses")
        })?;
        if let Seat::Container(own) = &engine.seat {
            let join = NetworkConnectRequest { container: own.clone(), endpoint_config: None };
            engine.api.connect_network(&network, join).await.map_err(|error| {
                Trouble::unknown("this container cannot join the lab's network", error.to_string())
                    .cure("give the job container the network of the engine's host (`--network host`)")
            })?;
        }
        let port = async || ports::free().await.map_err(|error| failed(&error));
        let ports = Ports { issuer: port().await?, upstream: port().await?, registry: port().await? };
        Ok(Self {
            engine,
            network,
            labels,
            fixtures,
            ports,
            doubles: Vec::new(),
            hosts: Vec::new(),
            neighbours: Vec::new(),
        })
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

    /// The names that only this lab knows, as far as their servers have started.
    pub(in crate::target) fn hosts(&self) -> Hosts {
        Hosts::new(self.hosts.iter().cloned())
    }

    /// Starts the issuer and the upstream, and waits until they answer.
    pub(in crate::target) async fn surround(
        &mut self,
        issuer: &IssuerSpec,
        troubles: &[(&'static str, upstream::Trouble)],
    ) -> Result<(), Trouble> {
        let issuer_file = serde_json::to_vec(&IssuerFile::of(issuer)).map_err(|error| failed(&error))?;
        let troubles: Vec<TroubleFile> = troubles
            .iter()
            .map(|(repository, trouble)| TroubleFile { repository: (*repository).into(), trouble: *trouble })
            .collect();
        let troubles = serde_json::to_vec(&troubles).map_err(|error| failed(&error))?;
        let url = self.issuer();
        let named = ["--url", &url];
        let (issuer, upstream) = tokio::try_join!(
            self.serve("issuer", self.ports.issuer, issuer_file, &named),
            self.serve("upstream", self.ports.upstream, troubles, &[]),
        )?;
        for (name, port, container) in
            [(ISSUER, self.ports.issuer, &issuer), (UPSTREAM, self.ports.upstream, &upstream)]
        {
            let at = self.place(container).await?;
            self.hosts.push((name.to_owned(), SocketAddr::new(at.seen, port)));
            self.neighbours.push((name, at.inside));
        }
        self.doubles = vec![issuer, upstream];
        Ok(())
    }

    /// Starts zot with what lies in `directory`.
    pub(in crate::target) async fn start(
        mut self,
        reference: &str,
        directory: &Path,
    ) -> Result<(Contained, Hosts), Trouble> {
        let (name, tag) = split(reference);
        let image = GenericImage::new(name, tag);
        let request = ["serve".to_owned(), format!("{DIRECTORY}/config.json")];
        let request = self.common("registry", self.ports.registry, image.with_cmd(request));
        let mut request = request.with_copy_to(DIRECTORY, directory.to_owned());
        for (name, address) in &self.neighbours {
            request = request.with_host(*name, Host::Addr(*address));
        }
        let container = request.start().await.map_err(|error| failed(&error))?;
        let at = self.place(&container).await?;
        self.hosts.push((REGISTRY.to_owned(), SocketAddr::new(at.seen, self.ports.registry)));
        let hosts = self.hosts();
        let (tell, ended) = watch::channel(None);
        tokio::spawn(listen(self.engine.clone(), container.id().to_owned(), tell));
        Ok((Contained { engine: self.engine, container, doubles: self.doubles, ended }, hosts))
    }

    async fn serve(
        &self,
        what: &str,
        port: u16,
        spec: Vec<u8>,
        more: &[&str],
    ) -> Result<ContainerAsync<GenericImage>, Trouble> {
        let (name, tag) = split(&self.fixtures);
        let file = "/spec.json";
        let listen = format!("0.0.0.0:{port}");
        let words = ["serve", what, "--listen", &listen, "--spec", file].into_iter().chain(more.iter().copied());
        let image = GenericImage::new(name, tag).with_wait_for(WaitFor::message_on_stdout(READY));
        let request = self.common(what, port, image.with_cmd(words)).with_copy_to(file, spec);
        request.start().await.map_err(|error| failed(&error))
    }

    /// What all containers of a lab have in common.
    fn common(&self, part: &str, port: u16, request: ContainerRequest<GenericImage>) -> ContainerRequest<GenericImage> {
        let request = request
            .with_network(&self.network)
            .with_container_name(format!("{}-{part}", self.network))
            .with_labels(self.labels.map())
            .with_startup_timeout(bounds::READY);
        match self.engine.seat {
            Seat::Container(_) => request.with_host_config_modifier(|host| host.publish_all_ports = Some(false)),
            // Nobody but this machine is to reach a lab; testcontainers would publish on every address.
            Seat::Host => {
                request.with_mapped_port(port, ContainerPort::Tcp(port)).with_host_config_modifier(move |host| {
                    let here = PortBinding {
                        host_ip: Some(Ipv4Addr::LOCALHOST.to_string()),
                        host_port: Some(port.to_string()),
                    };
                    host.port_bindings = Some(HashMap::from([(format!("{port}/tcp"), Some(vec![here]))]));
                    host.publish_all_ports = Some(false);
                })
            }
        }
    }

    async fn place(&self, container: &ContainerAsync<GenericImage>) -> Result<Place, Trouble> {
        let known = self.engine.api.inspect_container(container.id(), None).await.map_err(|error| failed(&error))?;
        let networks = known.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
        let address = networks.get(&self.network).and_then(|at| at.ip_address.clone()).unwrap_or_default();
        let inside: IpAddr =
            address.parse().map_err(|_| failed(&format!("a container got no address in {}", self.network)))?;
        let seen = match self.engine.seat {
            Seat::Host => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Seat::Container(_) => inside,
        };
        Ok(Place { inside, seen })
    }
}

/// Where a server is for its neighbours, and for this program.
struct Place {
    inside: IpAddr,
    seen: IpAddr,
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

    /// The last lines of the registry's log, shortened to what people need of them.
    pub(in crate::target) async fn last_words(&self) -> String {
        keeper::last_words(&engine::log(&self.engine.api, self.container.id()).await)
    }

    /// Removes the containers. The network is the reaper's.
    pub(in crate::target) async fn stop(self) -> Result<(), Trouble> {
        let all = self.doubles.into_iter().chain([self.container]);
        let removed = futures_util::future::join_all(all.map(ContainerAsync::rm)).await;
        removed.into_iter().collect::<Result<(), _>>().map_err(|error| failed(&error))
    }
}

async fn listen(engine: Engine, id: String, tell: watch::Sender<Option<String>>) {
    let how = match engine::code(&engine.api, &id).await {
        Ok(code) => format!("ended with code {code}"),
        Err(error) => format!("was lost by the engine: {error}"),
    };
    tell.send_replace(Some(how));
}

/// The name and the tag, which testcontainers joins again with a colon. A digest is a tag to it, without the last colon.
fn split(reference: &str) -> (&str, &str) {
    let (name, rest) = match reference.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (reference, "latest"),
    };
    (name, rest)
}

fn failed(error: &dyn std::fmt::Display) -> Trouble {
    Trouble::unknown("the lab's containers could not be started", error.to_string())
        .cure("`zot-verify doctor` shows the engine; `zot-verify local --zot PATH` needs none")
}
