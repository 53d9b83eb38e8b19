//! A connection of our own, for what the HTTP client does not do: to look at a certificate, and to hold a body back.

use std::io;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::{Host, Url};

use super::certificate::{Shown, Watching};
use super::error::innermost;
use super::{Shared, Wire, WireError, trust};
use crate::bounds;

/// Bytes to and from a server.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Wire {
    /// Shakes hands with the registry and asks nothing: only to see its certificate, which may be any.
    ///
    /// # Errors
    /// [`WireError`] where it does not listen, or does not speak TLS.
    pub async fn handshake(&self) -> Result<Shown, WireError> {
        let _permit = self.shared.in_flight.acquire().await;
        let url = &self.shared.registry;
        let silent = |error: &(dyn std::error::Error + 'static)| {
            WireError::silent(&format!("TLS {url}"), &innermost(error), self.redactor())
        };
        let verifier = self.shared.trust.verifier().map_err(|error| silent(&error))?;
        let host = server_name(url).map_err(|error| silent(&error))?;
        let mut stream =
            self.shared.shake_hands(url, Arc::new(Watching::new())).await.map_err(|error| silent(&error))?;
        let session = stream.get_ref().1;
        let chain = session.peer_certificates().map(<[_]>::to_vec).unwrap_or_default();
        let shown = Shown::new(chain, host, session.protocol_version(), verifier);
        // It has shown all that was to be seen; how it takes leave is its own affair.
        let _ = timeout(bounds::CONNECT, stream.shutdown()).await;
        Ok(shown)
    }
}

impl Shared {
    /// A connection to whoever `url` names: over TLS that is believed where it is https.
    pub(super) async fn connect(&self, url: &Url) -> io::Result<Box<dyn Stream>> {
        match url.scheme() {
            "https" => {
                let verifier = self.trust.verifier().map_err(io::Error::other)?;
                Ok(Box::new(self.shake_hands(url, verifier).await?))
            }
            _ => Ok(Box::new(self.reach(url).await?)),
        }
    }

    async fn shake_hands(&self, url: &Url, judge: Arc<dyn ServerCertVerifier>) -> io::Result<TlsStream<TcpStream>> {
        let config = ClientConfig::builder_with_provider(trust::provider()).with_safe_default_protocol_versions();
        let config = config.map_err(io::Error::other)?.dangerous().with_custom_certificate_verifier(judge);
        let mut config = config.with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let (host, tcp) = (server_name(url)?, self.reach(url).await?);
        timeout(bounds::CONNECT, TlsConnector::from(Arc::new(config)).connect(host, tcp)).await?
    }

    async fn reach(&self, url: &Url) -> io::Result<TcpStream> {
        if let Some(address) = self.trust.hosts().address(url) {
            return timeout(bounds::CONNECT, TcpStream::connect(address)).await?;
        }
        let host = url.host_str().ok_or(io::ErrorKind::InvalidInput)?.trim_matches(['[', ']']);
        let address = (host, url.port_or_known_default().ok_or(io::ErrorKind::InvalidInput)?);
        timeout(bounds::CONNECT, TcpStream::connect(address)).await?
    }
}

/// The name that a certificate must have.
fn server_name(url: &Url) -> io::Result<ServerName<'static>> {
    match url.host() {
        Some(Host::Domain(name)) => ServerName::try_from(name.to_owned()).map_err(io::Error::other),
        Some(Host::Ipv4(address)) => Ok(std::net::IpAddr::from(address).into()),
        Some(Host::Ipv6(address)) => Ok(std::net::IpAddr::from(address).into()),
        None => Err(io::Error::other("the URL names no host")),
    }
}
