//! What a lab leaves to the engine, and how it goes: containers and networks are found by their labels.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bollard::Docker;
use bollard::errors::Error;
use bollard::models::NetworkDisconnectRequest;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, RemoveContainerOptionsBuilder,
};
use futures_util::future::join_all;

use super::engine::{Engine, Seat, client, host};
use crate::bounds;
use crate::patience::Patience;

const RUN: &str = "zot-verify.run";
const LAB: &str = "zot-verify.lab";
const DIRECTORY: &str = "zot-verify.directory";
const AROUND: &str = "zot-verify.around";
const MACHINE: &str = "zot-verify.machine";
const SEAT: &str = "zot-verify.seat";
const SINCE: &str = "zot-verify.since";

/// The labels of everything that a lab leaves to the engine.
#[derive(Debug)]
pub(super) struct Labels(HashMap<String, String>);

impl Labels {
    /// Labels for the lab `name` of `run`, whose reaper holds `directory` on this machine.
    ///
    /// # Errors
    /// A directory that has no name or cannot be looked at.
    pub(super) fn new(engine: &Engine, (run, name): (&str, &str), directory: &Path) -> io::Result<Self> {
        let directory = directory.canonicalize()?;
        let unnamed = || io::Error::other("the directory for temporary files has a name that is no text (TMPDIR)");
        let text = directory.to_str().ok_or_else(unnamed)?.to_owned();
        let around = identity(directory.parent().ok_or_else(unnamed)?)?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let seat = match &engine.seat {
            Seat::Host => String::new(),
            Seat::Container(id) => id.clone(),
        };
        let labels = [
            (RUN, run.to_owned()),
            (LAB, name.to_owned()),
            (DIRECTORY, text),
            (AROUND, around),
            (MACHINE, machine()),
            (SEAT, seat),
            (SINCE, since.to_string()),
        ];
        Ok(Self(labels.into_iter().map(|(label, value)| (label.to_owned(), value)).collect()))
    }

    pub(super) fn map(&self) -> HashMap<String, String> {
        self.0.clone()
    }
}

/// What a directory is, whatever it is called and whoever looks.
fn identity(directory: &Path) -> io::Result<String> {
    directory.metadata().map(|known| format!("{}:{}", known.dev(), known.ino()))
}

/// One boot of one machine.
fn machine() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    [name.as_str(), boot.trim()].join(" ").trim().to_owned()
}

/// Removes the containers and networks of one lab. After a run that was killed (`suddenly`) the engine may still be making
/// what that had asked for, so it is looked again until nothing came up for a while.
///
/// # Errors
/// What the engine says of something that it does not remove, or that it does not answer for too long.
pub async fn remove(lab: &str, suddenly: bool) -> io::Result<()> {
    let patience = Patience::new(bounds::ENGINE_AWAY, bounds::POLL);
    let quiet = if suddenly { bounds::STILL_MAKING } else { Duration::ZERO };
    let mut nothing_since = None;
    loop {
        let now = std::time::Instant::now();
        let failed = match removed_once(&format!("{LAB}={lab}")).await {
            Ok(0) if now.duration_since(*nothing_since.get_or_insert(now)) >= quiet => return Ok(()),
            Ok(0) => None,
            Ok(_) => {
                nothing_since = None;
                None
            }
            Err(error) => Some(error),
        };
        if !patience.another_look().await {
            return Err(failed.unwrap_or_else(|| io::Error::other("the engine goes on making what is removed")));
        }
    }
}

async fn removed_once(label: &str) -> io::Result<usize> {
    let api = client(&host()).map_err(io::Error::other)?;
    let found = Found::labelled(&api, label).await.map_err(io::Error::other)?;
    found.remove(&api).await
}

/// Removes what labs left whose reapers are gone, and only that.
///
/// # Errors
/// What the engine says of something that it does not remove.
pub async fn sweep(engine: &Engine) -> io::Result<()> {
    let found = Found::labelled(&engine.api, LAB).await.map_err(io::Error::other)?;
    let mut labs: HashMap<String, (HashMap<String, String>, Found)> = HashMap::new();
    for (id, labels) in found.containers {
        labs.entry(labels.get(LAB).cloned().unwrap_or_default())
            .or_insert((labels, Found::default()))
            .1
            .add_container(id);
    }
    for (id, labels) in found.networks {
        labs.entry(labels.get(LAB).cloned().unwrap_or_default())
            .or_insert((labels, Found::default()))
            .1
            .add_network(id);
    }
    let mut failed = Ok(());
    for (labels, left) in labs.into_values() {
        if let Some(hold) = nobodys(engine, &labels).await {
            failed = failed.and(left.remove(&engine.api).await.map(drop));
            drop(hold);
        }
    }
    failed
}

/// Whether nobody cares for a lab any more. The answer holds the lock of its reaper, where there is one to hold.
async fn nobodys(engine: &Engine, labels: &HashMap<String, String>) -> Option<Option<File>> {
    let label = |name: &str| labels.get(name).map(String::as_str).unwrap_or_default();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let age = now.saturating_sub(Duration::from_secs(label(SINCE).parse().unwrap_or_default()));
    if age > bounds::ORPHANED {
        return Some(None);
    }
    let directory = Path::new(label(DIRECTORY));
    // The same path is the same place only where the directory around it is the same.
    let here = label(MACHINE) == machine()
        && directory.parent().and_then(|around| identity(around).ok()).is_some_and(|is| is == label(AROUND));
    if here {
        return match File::open(directory) {
            Ok(held) => match held.try_lock() {
                Ok(()) => Some(Some(held)),
                Err(TryLockError::WouldBlock | TryLockError::Error(_)) => None,
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(None),
            Err(_) => None,
        };
    }
    match label(SEAT) {
        "" => None,
        seat => is_over(engine, seat).await.then_some(None),
    }
}

/// Whether the job's container is gone in which a run was, and its reaper with it.
async fn is_over(engine: &Engine, seat: &str) -> bool {
    match engine.api.inspect_container(seat, None).await {
        Ok(known) => known.state.and_then(|state| state.running) == Some(false),
        Err(Error::DockerResponseServerError { status_code, .. }) => status_code == 404,
        Err(_) => false,
    }
}

/// Containers and networks, each with its labels.
#[derive(Debug, Default)]
struct Found {
    containers: Vec<(String, HashMap<String, String>)>,
    networks: Vec<(String, HashMap<String, String>)>,
}

impl Found {
    async fn labelled(api: &Docker, label: &str) -> Result<Self, Error> {
        let labelled = HashMap::from([("label", vec![label])]);
        let every = ListContainersOptionsBuilder::default().all(true).filters(&labelled).build();
        let containers = api.list_containers(Some(every)).await?.into_iter();
        let every = ListNetworksOptionsBuilder::default().filters(&labelled).build();
        let networks = api.list_networks(Some(every)).await?.into_iter();
        Ok(Self {
            containers: containers.filter_map(|found| Some((found.id?, found.labels.unwrap_or_default()))).collect(),
            networks: networks.filter_map(|found| Some((found.id?, found.labels.unwrap_or_default()))).collect(),
        })
    }

    fn add_container(&mut self, id: String) {
        self.containers.push((id, HashMap::new()));
    }

    fn add_network(&mut self, id: String) {
        self.networks.push((id, HashMap::new()));
    }

    /// Removes all of it, side by side, and says how much that was. What resists keeps nothing else.
    async fn remove(self, api: &Docker) -> io::Result<usize> {
        let count = self.containers.len() + self.networks.len();
        let now = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        let containers = self.containers.iter().map(|(id, _)| api.remove_container(id, Some(now.clone())));
        let mut removed = join_all(containers).await.into_iter().collect::<Vec<_>>();
        for (id, _) in &self.networks {
            removed.push(remove_network(api, id).await);
        }
        removed.into_iter().try_for_each(unless_gone).map(|()| count).map_err(io::Error::other)
    }
}

/// Takes whoever is left out of a network, as this program's own container where it runs in one, and removes it.
async fn remove_network(api: &Docker, network: &str) -> Result<(), Error> {
    let known = api.inspect_network(network, None).await?;
    for container in known.containers.unwrap_or_default().into_keys() {
        let out = NetworkDisconnectRequest { container, force: Some(true) };
        unless_gone(api.disconnect_network(network, out).await)?;
    }
    api.remove_network(network).await
}

/// Somebody else may have removed it, or be about to (409).
fn unless_gone(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(Error::DockerResponseServerError { status_code: 404 | 409, .. }) => Ok(()),
        result => result,
    }
}
