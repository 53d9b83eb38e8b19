//! What stands around a lab's registry: the issuer and the upstream.

use std::io;

use zot_verify_fixtures::issuer::{Issuer, IssuerSpec};
use zot_verify_fixtures::upstream::{Trouble, Upstream};
use zot_verify_fixtures::{Port, Server};

/// The issuer and the upstream. Those in this process end when this is dropped.
#[derive(Debug)]
pub(super) enum Doubles {
    /// In this process.
    Here {
        /// The issuer.
        _issuer: Server,
        /// The upstream.
        _upstream: Server,
    },
    /// In containers, which belong to the registry's.
    Contained,
}

/// Where they will be, before the first of them answers.
#[derive(Debug)]
pub(super) struct Places {
    issuer: Port,
    upstream: Port,
}

impl Places {
    pub(super) async fn reserve() -> io::Result<Self> {
        Ok(Self { issuer: Port::bind().await?, upstream: Port::bind().await? })
    }

    /// Where the issuer will be.
    pub(super) fn issuer(&self) -> String {
        self.issuer.url()
    }

    /// Where the upstream will be.
    pub(super) fn upstream(&self) -> String {
        self.upstream.url()
    }

    /// Lets both answer.
    pub(super) fn open(self, issuer: IssuerSpec, troubles: &[(&'static str, Trouble)]) -> Doubles {
        let router = Issuer::router(&self.issuer.url(), issuer);
        Doubles::Here {
            _issuer: self.issuer.serve(router),
            _upstream: self.upstream.serve(Upstream::router(troubles.iter().copied())),
        }
    }
}
