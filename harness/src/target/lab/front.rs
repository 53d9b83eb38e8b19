//! What stands in front of a lab's registry: a proxy that breaks things, and in front of that what ends TLS.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use uuid::Uuid;
use zot_verify_fixtures::edge::{Authority, HOST, Identity};
use zot_verify_fixtures::{Port, Server, proxy};

use super::LabSpec;
use super::caddy::{self, Caddy};
use crate::target::keeper::Keeper;
use crate::target::ports;
use crate::wire::{Hosts, Trust};

/// What stands in front of a registry. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Front {
    _proxy: Option<Server>,
    _edge: Option<Server>,
    caddy: Option<Caddy>,
    trust: Trust,
    /// The name by which people reach it, where it has one.
    host: Option<SocketAddr>,
}

/// Where it will be, before any of it answers.
#[derive(Debug)]
pub(super) struct Places {
    proxy: Option<Port>,
    edge: Option<Edge>,
}

/// What will end TLS.
#[derive(Debug)]
struct Edge {
    at: At,
    authority: Authority,
    identity: Identity,
}

#[derive(Debug)]
enum At {
    /// In this process.
    Here(Port),
    /// In a Caddy, on this port.
    Caddy(PathBuf, u16),
}

impl Places {
    pub(super) async fn reserve(spec: &LabSpec) -> io::Result<Self> {
        let proxy = if spec.rules.is_empty() { None } else { Some(Port::bind().await?) };
        let at = match (&spec.caddy, spec.edge) {
            (Some(program), _) => At::Caddy(program.clone(), ports::free().await?),
            (None, Some(_)) => At::Here(Port::bind().await?),
            (None, None) => return Ok(Self { proxy, edge: None }),
        };
        let authority = Authority::new().map_err(io::Error::other)?;
        let name = if spec.caddy.is_some() { caddy::WILDCARD } else { HOST };
        let identity = authority.certify(name, spec.edge.unwrap_or_default()).map_err(io::Error::other)?;
        Ok(Self { proxy, edge: Some(Edge { at, authority, identity }) })
    }

    /// Where everybody reaches the registry that is at `registry`.
    pub(super) fn external(&self, registry: &str) -> String {
        match (&self.edge, &self.proxy) {
            (Some(edge), _) => format!("https://{HOST}:{}", edge.port()),
            (None, Some(proxy)) => proxy.url(),
            (None, None) => registry.to_owned(),
        }
    }

    /// Lets everything answer, with `registry` behind it, which mirrors `upstream`.
    pub(super) async fn open(self, spec: &LabSpec, registry: &str, upstream: &str) -> io::Result<Front> {
        let mut front = Front { _proxy: None, _edge: None, caddy: None, trust: Trust::default(), host: None };
        let mut inner = registry.to_owned();
        if let Some(port) = self.proxy {
            inner = port.url();
            let router = proxy::router(registry, upstream, &spec.rules).map_err(io::Error::other)?;
            front._proxy = Some(port.serve(router));
        }
        let Some(edge) = self.edge else { return Ok(front) };
        front.host = Some(([127, 0, 0, 1], edge.port()).into());
        let trust = Trust::only(edge.authority.pem().as_bytes());
        front.trust = trust.ok_or_else(|| io::Error::other("its own authority cannot be read"))?;
        match edge.at {
            At::Here(port) => front._edge = Some(port.end_tls(&edge.identity, &inner).map_err(io::Error::other)?),
            At::Caddy(program, port) => {
                let keeper = Keeper::new(&spec.program, spec.directory(&Uuid::new_v4().simple().to_string())).await?;
                front.caddy = Some(Caddy::start(keeper, &program, port, &edge.identity, &inner).await?);
            }
        }
        Ok(front)
    }
}

impl Edge {
    fn port(&self) -> u16 {
        match &self.at {
            At::Here(port) => port.number(),
            At::Caddy(_, port) => *port,
        }
    }
}

impl Front {
    /// Whom to believe in front of this lab, and where its names are, besides `others`.
    pub(super) fn trust(&self, others: &Hosts) -> Trust {
        let own = self.host.map(|address| (HOST.to_owned(), address));
        let others = others.iter().map(|(name, address)| (name.to_owned(), address));
        self.trust.clone().knowing(Hosts::new(others.chain(own)))
    }

    /// What may end by itself.
    pub(super) fn caddy(&self) -> Option<&Caddy> {
        self.caddy.as_ref()
    }

    /// Ends everything and waits until nothing of it is left.
    pub(super) async fn stop(self) -> io::Result<()> {
        match self.caddy {
            Some(caddy) => caddy.stop().await,
            None => Ok(()),
        }
    }
}
