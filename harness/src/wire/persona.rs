//! The client programs that are imitated, as data.
//!
//! zot since v2.1.16 answers `/v2/` by User-Agent, so "anybody can pull" has as many answers as there are programs.
//! What each sends is held by a test against recordings of the real programs (`fixtures/golden/clients`).

use super::Request;

/// What a client program sends when it pulls.
#[derive(Debug)]
pub struct Persona {
    /// The name, as in `pull.personas/NAME`.
    pub id: &'static str,
    /// Its User-Agent.
    pub agent: &'static str,
    /// Whether it asks `/v2/` first, and gives up when that is refused.
    pub pings: bool,
    /// Whether it asks for a tag's manifest with HEAD, and then by the digest that the answer names.
    pub head_first: bool,
    /// The `Accept` of its request for a tag.
    pub accept: &'static str,
    /// The `Accept` of its later requests.
    pub later: Later,
    /// Whether it goes on from the first manifest to the platform's, the configuration and the layers.
    pub whole: bool,
    /// Whether it sends `Basic Og==`, an empty user with an empty password, once `/v2/` has shown a challenge.
    pub empty_basic: bool,
    /// Whether a Docker daemon sends the requests: it gives up at a challenge that it has no credentials for.
    pub docker: bool,
}

/// The `Accept` of requests that follow the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Later {
    /// The same for manifests, none for blobs.
    Same,
    /// The media type that the descriptor names, for manifests; none for blobs.
    Type,
    /// The media type that the descriptor names, or anything.
    TypeOrAny,
}

const DOCKER_ACCEPT: &str = "application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.v1+prettyjws, application/json, \
     application/vnd.oci.image.manifest.v1+json";

const CONTAINERD_ACCEPT: &str = "application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.oci.image.index.v1+json, */*";

const CONTAINERS_ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.v1+prettyjws, \
     application/vnd.docker.distribution.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.index.v1+json";

const CRANE_ACCEPT: &str = "application/vnd.docker.distribution.manifest.v1+json,\
     application/vnd.docker.distribution.manifest.v1+prettyjws,application/vnd.docker.distribution.manifest.v2+json,\
     application/vnd.oci.image.manifest.v1+json,application/vnd.docker.distribution.manifest.list.v2+json,\
     application/vnd.oci.image.index.v1+json";

/// A daemon that pulls for the client named last in its User-Agent.
macro_rules! docker_agent {
    ($client:literal) => {
        concat!(
            "docker/20.10.24+dfsg1 go/go1.19.8 git-commit/5d6db84 kernel/6.1.0-38-amd64 os/linux arch/amd64 ",
            "UpstreamClient(",
            $client,
            ")"
        )
    };
}

const DOCKER_FAMILY: Persona = Persona {
    id: "docker",
    agent: docker_agent!(r"Docker-Client/20.10.24+dfsg1 \(linux\)"),
    pings: true,
    head_first: true,
    accept: DOCKER_ACCEPT,
    later: Later::Same,
    whole: true,
    empty_basic: false,
    docker: true,
};

const CONTAINERD_FAMILY: Persona = Persona {
    id: "containerd",
    agent: "containerd/1.6.20~ds1",
    pings: false,
    head_first: true,
    accept: CONTAINERD_ACCEPT,
    later: Later::TypeOrAny,
    whole: true,
    empty_basic: false,
    docker: false,
};

const CONTAINERS_FAMILY: Persona = Persona {
    id: "skopeo",
    agent: "skopeo/1.9.3",
    pings: true,
    head_first: false,
    accept: CONTAINERS_ACCEPT,
    later: Later::Same,
    whole: true,
    empty_basic: true,
    docker: false,
};

/// `curl`, as a person or a script uses it.
pub const CURL: Persona = Persona {
    id: "curl",
    agent: "curl/7.88.1",
    pings: true,
    head_first: false,
    accept: "*/*",
    later: Later::Same,
    whole: false,
    empty_basic: false,
    docker: false,
};
/// containerd, as Kubernetes distributions embed it; it never asks `/v2/`.
pub const CONTAINERD: Persona = CONTAINERD_FAMILY;
/// skopeo.
pub const SKOPEO: Persona = CONTAINERS_FAMILY;
/// podman, with skopeo's library.
pub const PODMAN: Persona =
    Persona { id: "podman", agent: "containers/5.23.1 (github.com/containers/image)", ..CONTAINERS_FAMILY };
/// crane.
pub const CRANE: Persona = Persona {
    id: "crane",
    agent: "crane/v0.22.1 go-containerregistry/v0.22.1",
    pings: true,
    head_first: false,
    accept: CRANE_ACCEPT,
    later: Later::Type,
    whole: true,
    empty_basic: false,
    docker: false,
};
/// BuildKit and with it Dagger, with containerd's library.
pub const BUILDKIT: Persona = Persona { id: "buildkit", agent: "buildkit/v0.34", ..CONTAINERD_FAMILY };
/// A Docker daemon asked by the `docker` command.
pub const DOCKER: Persona = DOCKER_FAMILY;
/// A Docker daemon asked by `docker-compose`.
pub const COMPOSE: Persona = Persona {
    id: "compose",
    agent: docker_agent!("docker-compose/1.29.2 docker-py/5.0.3 Linux/6.1.0-38-amd64"),
    ..DOCKER_FAMILY
};
/// A Docker daemon asked by `cri-dockerd`, as a Kubernetes with Docker as its runtime does.
pub const CRI_DOCKERD: Persona =
    Persona { id: "cri-dockerd", agent: docker_agent!("Go-http-client/1.1"), ..DOCKER_FAMILY };

/// Every persona, in the order of reports.
pub const PERSONAS: &[&Persona] =
    &[&CURL, &CONTAINERD, &SKOPEO, &PODMAN, &CRANE, &BUILDKIT, &DOCKER, &COMPOSE, &CRI_DOCKERD];

/// The persona of this name.
#[must_use]
pub fn by_id(id: &str) -> Option<&'static Persona> {
    PERSONAS.iter().copied().find(|persona| persona.id == id)
}

impl Persona {
    /// The requests it makes, `*` where names vary.
    #[must_use]
    pub const fn asks(&self) -> &'static [&'static str] {
        match (self.pings, self.head_first, self.whole) {
            (true, true, _) => &[
                "GET /v2/",
                "HEAD /v2/*/manifests/*",
                "GET /v2/*/manifests/*",
                "GET /v2/*/blobs/*",
                "HEAD /v2/*/blobs/*",
            ],
            (true, false, true) => &["GET /v2/", "GET /v2/*/manifests/*", "GET /v2/*/blobs/*", "HEAD /v2/*/blobs/*"],
            (true, false, false) => &["GET /v2/", "GET /v2/*/manifests/*"],
            (false, ..) => {
                &["HEAD /v2/*/manifests/*", "GET /v2/*/manifests/*", "GET /v2/*/blobs/*", "HEAD /v2/*/blobs/*"]
            }
        }
    }

    /// The request of `/v2/`.
    #[must_use]
    pub fn ping(&self) -> Request {
        let request = Request::get("/v2/").header("user-agent", self.agent);
        if self.accept == "*/*" { request.header("accept", self.accept) } else { request }
    }

    /// The request for a tag, as this program makes its first one.
    #[must_use]
    pub fn tag(&self, request: Request, challenged: bool) -> Request {
        self.authorized(request.header("user-agent", self.agent).header("accept", self.accept), challenged)
    }

    /// A later request, for a manifest of `media_type`.
    #[must_use]
    pub fn manifest(&self, request: Request, media_type: &str, challenged: bool) -> Request {
        let accept = match self.later {
            Later::Same => self.accept.to_owned(),
            Later::Type => media_type.to_owned(),
            Later::TypeOrAny => format!("{media_type}, */*"),
        };
        self.authorized(request.header("user-agent", self.agent).header("accept", accept), challenged)
    }

    /// A later request, for a blob of `media_type`.
    #[must_use]
    pub fn blob(&self, request: Request, media_type: &str, challenged: bool) -> Request {
        let request = request.header("user-agent", self.agent);
        let request = match self.later {
            Later::TypeOrAny => request.header("accept", format!("{media_type}, */*")),
            Later::Same if self.accept == "*/*" => request.header("accept", self.accept),
            Later::Same | Later::Type => request,
        };
        self.authorized(request, challenged)
    }

    fn authorized(&self, request: Request, challenged: bool) -> Request {
        let request = request.following();
        if self.empty_basic && challenged { request.header("authorization", "Basic Og==") } else { request }
    }
}
