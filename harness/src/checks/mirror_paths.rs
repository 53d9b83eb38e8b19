//! `mirror.client-paths`: the paths by which mirror clients ask reach the mirror.

mod saboteurs;

use super::mirror::pulling::{Mirrored, NOT_ASKED, UNSEEN};
use crate::bench::Bench;
use crate::check::{Check, Effect, Level, Part, Probe, Profile};
use crate::run::outcome::{Breach, Halt, Judged};
use crate::target::Kind;

/// How a client names an upstream's image to its mirror.
struct Shape {
    name: &'static str,
    /// Without the path below which the mirror keeps it.
    bare: bool,
    /// With the upstream's host as `?ns=`.
    ns: bool,
    /// What to do about a bare path that does not reach the mirror.
    cure: &'static str,
}

const EXPLICIT: Shape = Shape { name: "explicit", bare: false, ns: false, cure: "" };
const OVERRIDE_PATH: Shape = Shape { name: "override-path", bare: false, ns: true, cure: "" };
const CONTAINERD: Shape = Shape {
    name: "containerd",
    bare: true,
    ns: true,
    cure: "in hosts.toml name the host with its path, [host.\"https://REGISTRY/v2/docker.io\"], and set override_path \
           = true; for k3s, a rewrite to docker.io/$1 in registries.yaml; or give extensions.sync a second content \
           without a destination, for namespaces that nobody pushes to, such as library/**",
};
const DOCKER_MIRROR: Shape = Shape {
    name: "docker-mirror",
    bare: true,
    ns: false,
    cure: "daemon.json takes no path: give extensions.sync a second content without a destination, for namespaces that \
           nobody pushes to, such as library/**; or name images by the registry and docker.io/",
};

/// A part that pulls by one shape.
macro_rules! part {
    ($shape:ident, $level:ident, $claim:literal) => {
        Part {
            name: $shape.name,
            claim: $claim,
            asks: &["GET /v2/*/manifests/*", "GET /v2/*/blobs/*", "HEAD /v2/*/blobs/*", "GET /-/meter?*"],
            level: Level::$level,
            effect: Effect::FillsCache,
            needs: &[],
            probe: Probe::Asks(|bench| Box::pin(reaches(bench, &$shape))),
        }
    };
}

/// What the check declares.
pub const CHECK: Check = Check {
    id: "mirror.client-paths",
    title: "what mirror clients ask for reaches the mirror",
    requirement: "containerd, k3s and Docker ask a mirror in forms of their own, and where that answers 404 they go to \
                  the upstream without a word: the mirror is bypassed and nobody notices (zot issue 4187). The intent \
                  names the shapes that must arrive.",
    profile: Profile::Full,
    parts: &[
        part!(EXPLICIT, Requirement, "images named by the registry and its path"),
        part!(OVERRIDE_PATH, Requirement, "containerd with override_path, and k3s with a rewrite: the path, and ?ns="),
        part!(CONTAINERD, Hardening, "containerd's hosts.toml and k3s as they come: no path, and ?ns="),
        part!(DOCKER_MIRROR, Hardening, "a Docker daemon's registry-mirrors: no path"),
    ],
    saboteurs: saboteurs::ALL,
};

async fn reaches(bench: Bench, shape: &'static Shape) -> Judged {
    let mut image = Mirrored::of(&bench, shape.name)?;
    let prefix = prefix(&bench, &image);
    if shape.bare {
        image.name.repository = bare(&image.name.repository, prefix.as_deref())?;
    }
    if shape.ns {
        // Named by its host; what a mirror calls Docker Hub otherwise is that all the same.
        let host = prefix.filter(|prefix| prefix.contains('.') && !prefix.contains('/'));
        image.query = format!("?ns={}", host.as_deref().unwrap_or("docker.io"));
    }
    let pulled = match image.first_pull(&bench).await {
        Err(Halt::Breach(breach)) if shape.bare => return Err(bypassed(*breach, shape).into()),
        pulled => pulled?,
    };
    Ok(pulled.proof(format!("pulled whole as {}{}", image.name.repository, image.query)))
}

/// The path below which the mirror keeps images: as configured, else a host at the beginning of the named image.
fn prefix(bench: &Bench, image: &Mirrored) -> Option<String> {
    let named = || image.name.repository.split_once('/').map(|(first, _)| first.to_owned());
    match &bench.deployment.mirror {
        Some(mirror) => Some(mirror.prefix.clone()),
        None => named().filter(|first| first.contains('.') && bench.deployment.kind == Kind::Live),
    }
}

/// The upstream's own name of a repository.
fn bare(repository: &str, prefix: Option<&str>) -> Result<String, Halt> {
    let bare = match prefix {
        Some("") => Some(repository),
        Some(prefix) => repository.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/')),
        None => None,
    };
    let unknown =
        || Halt::Skip(format!("{repository} begins with no host, so a mirror would be asked for it as it is"));
    bare.map(str::to_owned).ok_or_else(unknown)
}

/// What a bare path comes from that the mirror does not know.
fn bypassed(breach: Breach, shape: &Shape) -> Breach {
    if !breach.hint.as_ref().is_some_and(|hint| [NOT_ASKED, UNSEEN].contains(&hint.cause.as_str())) {
        return breach;
    }
    breach.because(
        "zot looks for an image where the path says, and knows no ns (zot issue 4187): without the destination nothing \
         matches, nothing is fetched, and the client goes past the mirror without a word",
        Some(shape.cure),
    )
}
