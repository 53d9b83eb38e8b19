//! The container engine that answers: Docker, or Podman through the same API.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use bollard::errors::Error;
use bollard::models::{ContainerInspectResponse, SystemVersion};
use bollard::query_parameters::{LogsOptionsBuilder, WaitContainerOptions};
use bollard::{API_DEFAULT_VERSION, Docker};
use futures_util::StreamExt as _;

use crate::bounds;
use crate::error::Trouble;

/// The engine's address where `DOCKER_HOST` does not say another.
const DEFAULT_HOST: &str = "unix:///var/run/docker.sock";

/// An engine that answers.
#[derive(Debug, Clone)]
pub struct Engine {
    /// Its API.
    pub api: Docker,
    /// How it was reached.
    pub host: String,
    /// Its name and version, for people.
    pub version: String,
    /// The machine that it makes containers for, as images name it: `amd64`, `arm64`.
    pub architecture: String,
    /// Where this program itself runs.
    pub seat: Seat,
}

/// Where this program runs, seen from the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seat {
    /// Where the engine publishes ports: on its machine, or in a container with that machine's network.
    Host,
    /// In one of its containers, which can be taken into a lab's network.
    Container(String),
}

impl Engine {
    /// The engine that `DOCKER_HOST` names, or the machine's own.
    ///
    /// # Errors
    /// Trouble with exit code 3, with what to do, where none answers or its containers cannot be reached from here.
    pub async fn connect() -> Result<Self, Trouble> {
        let host = host();
        let silent = |why: &dyn std::fmt::Display| {
            Trouble::unknown(format!("no container engine answers at {host}"), why.to_string())
                .cure("start Docker, or let DOCKER_HOST name the engine; `zot-verify doctor` shows what is there")
        };
        let api = client(&host).map_err(|why| silent(&why))?;
        let version = tokio::time::timeout(bounds::ENGINE, api.version());
        let version = version.await.map_err(|late| silent(&late))?.map_err(|error| silent(&error))?;
        let seat = seat(&api, &host).await?;
        Ok(Self { api, architecture: version.arch.clone().unwrap_or_default(), version: told(&version), host, seat })
    }

    /// The program that people give orders to it with.
    #[must_use]
    pub fn command(&self) -> &'static str {
        if self.version.starts_with("Podman") { "podman" } else { "docker" }
    }
}

/// How the engine is reached.
#[must_use]
pub fn host() -> String {
    std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty()).unwrap_or_else(|| DEFAULT_HOST.to_owned())
}

/// A client for the engine at this address. It asks nothing yet.
pub(super) fn client(host: &str) -> Result<Docker, String> {
    let timeout = bounds::ENGINE_CALL.as_secs();
    let made = match host.split_once("://") {
        Some(("unix", path)) if Path::new(path).exists() => {
            Docker::connect_with_unix(host, timeout, API_DEFAULT_VERSION)
        }
        Some(("unix", path)) => return Err(format!("there is no socket {path}")),
        Some(("tcp" | "http" | "https", _)) => match certificates(host) {
            None => Docker::connect_with_http(host, timeout, API_DEFAULT_VERSION),
            Some(at) => {
                let [key, own, ca] = ["key.pem", "cert.pem", "ca.pem"].map(|name| at.join(name));
                if let Some(missing) = [&key, &own, &ca].into_iter().find(|file| !file.exists()) {
                    return Err(format!("TLS is asked for, and there is no {}", missing.display()));
                }
                Docker::connect_with_ssl(host, &key, &own, &ca, timeout, API_DEFAULT_VERSION)
            }
        },
        _ => return Err("it is no unix://, tcp:// or https:// address".to_owned()),
    };
    made.map_err(|error| error.to_string())
}

/// Where the certificates are, if the engine is to be spoken to over TLS, as Docker's own client decides it.
fn certificates(host: &str) -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let wanted = host.starts_with("https://") || set("DOCKER_TLS_VERIFY").is_some();
    let place = set("DOCKER_CERT_PATH").map(PathBuf::from);
    wanted.then(|| place.unwrap_or_else(|| PathBuf::from(set("HOME").unwrap_or_default()).join(".docker")))
}

/// Whether something listens where the engine should. Whether it is one is seen when it is asked.
#[must_use]
pub fn listens() -> bool {
    let host = host();
    match host.split_once("://") {
        Some(("unix", path)) => std::os::unix::net::UnixStream::connect(path).is_ok(),
        Some((_, address)) => address_of(address)
            .is_some_and(|address| std::net::TcpStream::connect_timeout(&address, bounds::CONNECT).is_ok()),
        None => false,
    }
}

fn address_of(authority: &str) -> Option<SocketAddr> {
    std::net::ToSocketAddrs::to_socket_addrs(authority.trim_end_matches('/')).ok()?.next()
}

/// Podman calls itself so among the components of its version.
fn told(version: &SystemVersion) -> String {
    let component = version.components.iter().flatten().find(|part| part.name.starts_with("Podman"));
    match component {
        Some(podman) => format!("Podman {}", podman.version),
        None => format!("Docker {}", version.version.as_deref().unwrap_or("of an unknown version")),
    }
}

/// Finds this program among the engine's containers. That is the case in a job container, and where the engine itself
/// runs in a container beside it.
async fn seat(api: &Docker, host: &str) -> Result<Seat, Trouble> {
    for id in own_ids() {
        match api.inspect_container(&id, None).await {
            // A name that somebody else's container has is not ours.
            Ok(own) if own.id.as_ref().is_some_and(|known| known.starts_with(&id)) => {
                return Ok(if has_hosts_network(&own) { Seat::Host } else { Seat::Container(own.id.unwrap_or(id)) });
            }
            Ok(_) | Err(Error::DockerResponseServerError { status_code: 404, .. }) => {}
            Err(error) => {
                let what = "the engine does not say whether this program runs in one of its containers";
                return Err(Trouble::unknown(what, error.to_string()));
            }
        }
    }
    let away = host.split_once("://").filter(|(scheme, _)| *scheme != "unix").map(|(_, authority)| authority);
    match away.and_then(address_of).filter(|address| !address.ip().is_loopback()) {
        None => Ok(Seat::Host),
        Some(_) => Err(Trouble::unknown(
            format!("the engine at {host} is on another machine"),
            "it publishes ports on its own 127.0.0.1, which is not ours, and a lab is opened to nobody else",
        )
        .cure(
            "share its network: run zot-verify in a container of that engine, in the same pod, or on that machine; a \
             job container needs nothing else",
        )),
    }
}

fn has_hosts_network(own: &ContainerInspectResponse) -> bool {
    let mode = own.host_config.as_ref().and_then(|config| config.network_mode.as_deref());
    mode.is_some_and(|mode| mode == "host" || mode.starts_with("container:"))
}

/// What this program's container may be called: its id stands in the paths of the files that the engine gave it, and is
/// its host name where nobody chose another.
fn own_ids() -> Vec<String> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let is_id = |word: &&str| word.len() == 64 && word.bytes().all(|c| c.is_ascii_hexdigit());
    let of_mounts = mounts.lines().filter(|line| line.contains("/etc/hostname") || line.contains("/etc/hosts"));
    let mut ids: Vec<String> = of_mounts.filter_map(|line| line.split('/').find(is_id)).map(str::to_owned).collect();
    if ["/.dockerenv", "/run/.containerenv"].iter().any(|mark| Path::new(mark).exists()) {
        ids.push(rustix::system::uname().nodename().to_string_lossy().into_owned());
    }
    ids.dedup();
    ids
}

/// Waits until a container has ended; answers with its exit code and the last lines that it wrote.
///
/// # Errors
/// What the engine says of a container that it lost.
pub async fn ended(engine: &Engine, id: &str) -> Result<(i64, Vec<u8>), Error> {
    let code = code(&engine.api, id).await?;
    Ok((code, log(&engine.api, id).await?))
}

/// Waits until a container has ended; answers with its exit code.
pub(super) async fn code(api: &Docker, id: &str) -> Result<i64, Error> {
    match api.wait_container(id, None::<WaitContainerOptions>).next().await {
        Some(Ok(ended)) => Ok(ended.status_code),
        // bollard makes an error of every code but 0.
        Some(Err(Error::DockerContainerWaitError { code, .. })) => Ok(code),
        Some(Err(error)) => Err(error),
        None => Err(Error::IOError { err: std::io::ErrorKind::UnexpectedEof.into() }),
    }
}

/// The last lines that a container wrote.
pub(super) async fn log(api: &Docker, id: &str) -> Result<Vec<u8>, Error> {
    let last = LogsOptionsBuilder::default().stdout(true).stderr(true).tail(bounds::LOG_TAIL).build();
    let mut log = Vec::new();
    let mut lines = api.logs(id, Some(last));
    while let Some(line) = lines.next().await {
        log.extend_from_slice(&line?.into_bytes());
        if log.len() > bounds::LOG_READ {
            break;
        }
    }
    Ok(log)
}
