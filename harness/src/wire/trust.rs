//! Whom to believe over https.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use reqwest::{Certificate, ClientBuilder};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{Error, RootCertStore};
use rustls_platform_verifier::Verifier;

use super::Hosts;

/// Whom to believe: certificates, and the names of a lab.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    extra: Vec<CertificateDer<'static>>,
    /// Whether nobody else is believed.
    only: bool,
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
        Self::with_pem(&pem).ok_or_else(|| BadCa::NoCertificate(path.to_owned()))
    }

    /// Trusts the certificates of a PEM text besides the system's; `None` for a text without any, or with one that is
    /// none.
    #[must_use]
    pub fn with_pem(pem: &[u8]) -> Option<Self> {
        let extra: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()?;
        let sound = extra.iter().all(|der| RootCertStore::empty().add(der.clone()).is_ok());
        (sound && !extra.is_empty()).then_some(Self { extra, ..Self::default() })
    }

    /// Trusts the certificates of a PEM text and no others, as a lab does.
    #[must_use]
    pub fn only(pem: &[u8]) -> Option<Self> {
        Self::with_pem(pem).map(|trust| Self { only: true, ..trust })
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
        let extra = certificates(&self.extra)?;
        if self.only {
            return builder().tls_certs_only(extra).build();
        }
        builder().tls_certs_merge(extra.clone()).build().or_else(|_| {
            let mozilla = certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS)?;
            builder().tls_certs_only(mozilla.into_iter().chain(extra.clone())).build()
        })
    }

    /// Finishes a client that speaks http only; reading the system's store would cost it milliseconds.
    pub(super) fn http(builder: ClientBuilder) -> reqwest::Result<reqwest::Client> {
        builder.tls_certs_only([]).build()
    }

    /// Who judges a certificate: by the same roots as the client of [`Trust::https`].
    pub(super) fn verifier(&self) -> Result<Arc<dyn ServerCertVerifier>, Error> {
        if !self.only
            && let Ok(system) = Verifier::new_with_extra_roots(self.extra.clone(), provider())
        {
            return Ok(Arc::new(system));
        }
        let mut roots = RootCertStore::empty();
        let mozilla = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().filter(|_| !self.only);
        roots.add_parsable_certificates(mozilla.chain(&self.extra).cloned());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build();
        verifier.map(|verifier| verifier as _).map_err(|error| Error::General(error.to_string()))
    }
}

/// What does the arithmetic.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn certificates(ders: &[CertificateDer<'_>]) -> reqwest::Result<Vec<Certificate>> {
    ders.iter().map(|der| Certificate::from_der(der)).collect()
}
