//! What a lab leaves to the engine, and how it goes: containers and networks are found by their labels.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use testcontainers::bollard::Docker;
use testcontainers::bollard::errors::Error;
use testcontainers::bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, RemoveContainerOptionsBuilder,
};
use testcontainers::core::client::docker_client_instance;

use super::engine::said;
use crate::bounds;
use crate::patience::Patience;

const RUN: &str = "zot-verify.run";
const LAB: &str = "zot-verify.lab";
const DIRECTORY: &str = "zot-verify.directory";
const MACHINE: &str = "zot-verify.machine";
const SINCE: &str = "zot-verify.since";

/// The labels of everything that a lab leaves to the engine.
#[derive(Debug)]
pub(super) struct Labels(HashMap<String, String>);

impl Labels {
    /// Labels for the lab `name` of `run`, whose reaper owns `directory` on this machine.
    pub(super) fn new(run: &str, name: &str, directory: &Path) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let labels = [
            (RUN, run.to_owned()),
            (LAB, name.to_owned()),
            (DIRECTORY, directory.display().to_string()),
            (MACHINE, machine()),
            (SINCE, since.to_string()),
        ];
        Self(labels.into_iter().map(|(label, value)| (label.to_owned(), value)).collect())
    }

    pub(super) fn map(&self) -> HashMap<String, String> {
        self.0.clone()
    }
}

/// Where directories are the same directories: one boot of one machine, in one view of its file system.
fn machine() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let view = std::fs::read_link("/proc/self/ns/mnt").map(|link| link.display().to_string()).unwrap_or_default();
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    [name.as_str(), boot.trim(), &view].join(" ").trim().to_owned()
}

/// Removes the containers and networks of one lab, and looks until none comes up any more: the engine may still be
/// making what a run that was killed had asked for.
///
/// # Errors
/// What the engine says of something that it does not remove.
pub async fn remove(lab: &str) -> std::io::Result<()> {
    let api = docker_client_instance().await.map_err(std::io::Error::other)?;
    let patience = Patience::new(bounds::STOP, bounds::POLL);
    let mut quiet = 0;
    loop {
        let label = format!("{LAB}={lab}");
        let removed = remove_labelled(&api, &label, |_| true).await;
        match removed {
            Ok(0) => quiet += 1,
            Ok(_) => quiet = 0,
            // A container that is being made keeps its network busy.
            Err(error) if !patience.another_look().await => return Err(said(&error)),
            Err(_) => continue,
        }
        if quiet == 2 || !patience.another_look().await {
            return Ok(());
        }
    }
}

/// Removes what labs left whose reapers are gone: on this machine those without a directory, of other machines what is
/// older than any run can be.
///
/// # Errors
/// What the engine says of something that it does not remove.
pub async fn sweep(api: &Docker) -> std::io::Result<()> {
    let here = machine();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let orphaned = |labels: &HashMap<String, String>| {
        let label = |name: &str| labels.get(name).map(String::as_str).unwrap_or_default();
        let age = now.saturating_sub(Duration::from_secs(label(SINCE).parse().unwrap_or_default()));
        let gone = label(MACHINE) == here && !Path::new(label(DIRECTORY)).exists();
        gone || age > 2 * bounds::LONGEST_TIME
    };
    remove_labelled(api, LAB, orphaned).await.map(drop).map_err(|error| said(&error))
}

async fn remove_labelled(
    api: &Docker,
    label: &str,
    chosen: impl Fn(&HashMap<String, String>) -> bool,
) -> Result<usize, Error> {
    let labelled = HashMap::from([("label", vec![label])]);
    let mut removed = 0;
    let every = ListContainersOptionsBuilder::default().all(true).filters(&labelled).build();
    for container in api.list_containers(Some(every)).await? {
        if let Some(id) = container.id.filter(|_| chosen(&container.labels.unwrap_or_default())) {
            let now = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
            unless_gone(api.remove_container(&id, Some(now)).await)?;
            removed += 1;
        }
    }
    let every = ListNetworksOptionsBuilder::default().filters(&labelled).build();
    for network in api.list_networks(Some(every)).await? {
        if let Some(id) = network.id.filter(|_| chosen(&network.labels.unwrap_or_default())) {
            leave(api, &id).await?;
            unless_gone(api.remove_network(&id).await)?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Takes whoever is left out of a network: this program's own container, where it runs in one.
async fn leave(api: &Docker, network: &str) -> Result<(), Error> {
    use testcontainers::bollard::models::NetworkDisconnectRequest;
    let known = match api.inspect_network(network, None).await {
        Ok(known) => known,
        Err(Error::DockerResponseServerError { status_code: 404, .. }) => return Ok(()),
        Err(error) => return Err(error),
    };
    for container in known.containers.unwrap_or_default().into_keys() {
        let out = NetworkDisconnectRequest { container, force: Some(true) };
        unless_gone(api.disconnect_network(network, out).await)?;
    }
    Ok(())
}

/// Somebody else may have removed it, or be about to (409).
fn unless_gone(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(Error::DockerResponseServerError { status_code: 404 | 409, .. }) => Ok(()),
        result => result,
    }
}
