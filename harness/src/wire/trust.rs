//! Whom to believe over https.

use std::path::{Path, PathBuf};

use reqwest::{Certificate, ClientBuilder};

use super::Hosts;

/// Whom to believe: certificates, and the names of a lab.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    extra: Vec<Certificate>,
    hosts: Hosts,
}

/// Why a file of certificates was refused.
#[derive(Debug, thiserror::Error)]
pub enum BadCa {
    /// The file could not be read.
    #[error("{0} could not be read: {1}")]
    Unreadable(PathBuf, #[source] std::io::Error),
    /// The file holds no certificate in PEM form.
    #[error("{0} holds no PEM certificate")]
    NoCertificate(PathBuf),
}

impl Trust {
    /// Trusts the certificates of a PEM file besides the system's.
    ///
    /// # Errors
    /// [`BadCa`] for a file that cannot be read or holds no certificate.
    pub fn with_file(path: &Path) -> Result<Self, BadCa> {
        let pem = std::fs::read(path).map_err(|error| BadCa::Unreadable(path.to_owned(), error))?;
        let extra = Certificate::from_pem_bundle(&pem).map_err(|_| BadCa::NoCertificate(path.to_owned()))?;
        if extra.is_empty() {
            Err(BadCa::NoCertificate(path.to_owned()))
        } else {
            Ok(Self { extra, ..Self::default() })
        }
    }

    /// The same trust, knowing where these names are.
    #[must_use]
    pub fn knowing(self, hosts: Hosts) -> Self {
        Self { hosts, ..self }
    }

    /// The names that it knows the place of.
    #[must_use]
    pub fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// Finishes a client that may speak https: the system's store, or Mozilla's roots where there is none, as in an
    /// image made `FROM scratch`.
    pub(super) fn https(&self, builder: impl Fn() -> ClientBuilder) -> reqwest::Result<reqwest::Client> {
        builder().tls_certs_merge(self.extra.clone()).build().or_else(|_| {
            let mozilla = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(|der| Certificate::from_der(der));
            let roots = mozilla.collect::<reqwest::Result<Vec<_>>>()?;
            builder().tls_certs_only(roots.into_iter().chain(self.extra.clone())).build()
        })
    }

    /// Finishes a client that speaks http only; reading the system's store would cost it milliseconds.
    pub(super) fn http(builder: ClientBuilder) -> reqwest::Result<reqwest::Client> {
        builder.tls_certs_only([]).build()
    }
}
