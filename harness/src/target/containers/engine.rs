//! The container engine that answers: Docker, or Podman through the same API.

use std::io;
use std::net::IpAddr;
use std::path::Path;

use futures_util::StreamExt as _;
use testcontainers::bollard::Docker;
use testcontainers::bollard::errors::Error;
use testcontainers::bollard::models::{ContainerInspectResponse, SystemVersion};
use testcontainers::bollard::query_parameters::{LogsOptionsBuilder, WaitContainerOptions};
use testcontainers::core::client::docker_client_instance;

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
        let api = docker_client_instance().await.map_err(|error| silent(&host, &error))?;
        let version = tokio::time::timeout(bounds::ENGINE, api.version());
        let version = version.await.map_err(|late| silent(&host, &late))?.map_err(|error| silent(&host, &error))?;
        let seat = seat(&api, &host).await?;
        Ok(Self { api, host, architecture: version.arch.clone().unwrap_or_default(), version: told(&version), seat })
    }
}

/// How the engine is reached.
#[must_use]
pub fn host() -> String {
    std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty()).unwrap_or_else(|| DEFAULT_HOST.to_owned())
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

fn address_of(authority: &str) -> Option<std::net::SocketAddr> {
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

fn silent(host: &str, error: &dyn std::fmt::Display) -> Trouble {
    Trouble::unknown(format!("no container engine answers at {host}"), error.to_string())
        .cure("start Docker, or let DOCKER_HOST name the engine; `zot-verify doctor` shows what is there")
}

/// Finds this program among the engine's containers. That is the case in a job container, and where the engine itself
/// runs in a container beside it.
async fn seat(api: &Docker, host: &str) -> Result<Seat, Trouble> {
    for id in own_ids() {
        let Ok(own) = api.inspect_container(&id, None).await else { continue };
        return Ok(if has_hosts_network(&own) { Seat::Host } else { Seat::Container(own.id.unwrap_or(id)) });
    }
    let away = host.split_once("://").filter(|(scheme, _)| *scheme != "unix").map(|(_, authority)| authority);
    match away.and_then(address_of).map(|address| address.ip()).filter(|ip: &IpAddr| !ip.is_loopback()) {
        None => Ok(Seat::Host),
        Some(ip) => Err(Trouble::unknown(
            format!("the engine at {host} is on another machine"),
            format!(
                "it publishes ports on its own 127.0.0.1, which is not ours, and {ip} is not to be opened to others"
            ),
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
    let marked = ["/.dockerenv", "/run/.containerenv"].iter().any(|mark| Path::new(mark).exists());
    let named = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if marked {
        ids.push(named);
    }
    ids.dedup();
    ids
}

/// Waits until a container has ended; answers with its exit code.
pub(super) async fn code(api: &Docker, id: &str) -> Result<i64, Error> {
    match api.wait_container(id, None::<WaitContainerOptions>).next().await {
        Some(Ok(ended)) => Ok(ended.status_code),
        // bollard makes an error of every code but 0.
        Some(Err(Error::DockerContainerWaitError { code, .. })) => Ok(code),
        Some(Err(error)) => Err(error),
        None => Err(Error::IOError { err: io::ErrorKind::UnexpectedEof.into() }),
    }
}

/// Waits until a container has ended; answers with its exit code and the last lines that it wrote.
///
/// # Errors
/// What the engine says of a container that it lost.
pub async fn ended(engine: &Engine, id: &str) -> Result<(i64, Vec<u8>), Error> {
    let code = code(&engine.api, id).await?;
    Ok((code, log(&engine.api, id).await))
}

/// The last lines that a container wrote.
pub(super) async fn log(api: &Docker, id: &str) -> Vec<u8> {
    let all = LogsOptionsBuilder::default().stdout(true).stderr(true).tail("200").build();
    let mut log = Vec::new();
    let mut lines = api.logs(id, Some(all));
    while let Some(Ok(line)) = lines.next().await {
        log.extend_from_slice(&line.into_bytes());
    }
    log
}

/// What an engine's answer means for people.
pub(super) fn said(error: &Error) -> io::Error {
    io::Error::other(error.to_string())
}
