//! What a lab's upstream was asked, and putting it into trouble.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use http::Method;
use serde::Deserialize;
use url::Url;
use zot_verify_fixtures::upstream::Trouble;

use crate::bench::Bench;
use crate::run::outcome::Halt;
use crate::wire::{Exchange, Request};

/// The upstream of a lab. What it answers judges nobody: what goes wrong with it is an error.
pub(super) struct Meter<'a> {
    bench: &'a Bench,
    upstream: &'a Url,
}

/// What was asked of one of its repositories.
pub(super) struct Reading {
    pub(super) exchange: Arc<Exchange>,
    pub(super) requests: Vec<Asked>,
}

/// One request, and how it was answered.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    method: String,
    path: String,
    status: Option<u16>,
}

impl<'a> Meter<'a> {
    /// None where there is no lab.
    pub(super) fn of(bench: &'a Bench) -> Option<Self> {
        let upstream = bench.deployment.mirror.as_ref()?.upstream.as_ref()?;
        Some(Self { bench, upstream })
    }

    pub(super) async fn read(&self, repository: &str) -> Result<Reading, Halt> {
        #[derive(Deserialize)]
        struct Body {
            requests: Vec<Asked>,
        }
        let exchange = self.bench.wire.send(Request::at(Method::GET, self.at("/-/meter", repository))).await?;
        let body = exchange.json().and_then(|body| serde_json::from_value::<Body>(body).ok());
        match body {
            Some(Body { requests }) => Ok(Reading { exchange, requests }),
            None => {
                Err(Halt::Error(format!("the lab's upstream does not tell what it was asked: {}", exchange.status())))
            }
        }
    }

    /// Puts a repository of the upstream into trouble.
    pub(super) async fn put(&self, repository: &str, trouble: Trouble) -> Result<(), Halt> {
        let trouble = serde_json::to_value(trouble).map_err(|error| Halt::Error(error.to_string()))?;
        let request = Request::at(Method::PUT, self.at("/-/faults", repository)).json(&trouble);
        match self.bench.wire.send(request).await?.status() {
            204 => Ok(()),
            status => Err(Halt::Error(format!("the lab's upstream takes no fault: {status}"))),
        }
    }

    fn at(&self, path: &str, repository: &str) -> Url {
        let mut url = self.upstream.clone();
        url.set_path(path);
        url.query_pairs_mut().append_pair("repository", repository);
        url
    }
}

impl Reading {
    /// How often each blob was asked for.
    pub(super) fn blobs(&self) -> BTreeMap<&str, usize> {
        let mut blobs = BTreeMap::new();
        for asked in self.requests.iter().filter(|asked| asked.path.contains("/blobs/")) {
            *blobs.entry(asked.path.as_str()).or_default() += 1;
        }
        blobs
    }

    /// The first request that was not answered as it should be.
    pub(super) fn refused(&self) -> Option<&Asked> {
        self.requests.iter().find(|asked| asked.status != Some(200))
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}, ", self.method, self.path)?;
        match self.status {
            Some(status) => write!(f, "answered {status}"),
            None => f.write_str("not answered"),
        }
    }
}
