//! Names that only a lab knows.

use std::net::SocketAddr;
use std::sync::Arc;

use url::Url;

/// The servers of a lab, by the names that they have in it. Nobody else is asked where they are.
#[derive(Debug, Clone, Default)]
pub struct Hosts(Arc<[(String, SocketAddr)]>);

impl Hosts {
    /// These names, each with the address and the port of its server.
    #[must_use]
    pub fn new(known: impl IntoIterator<Item = (String, SocketAddr)>) -> Self {
        Self(known.into_iter().collect())
    }

    /// Every name with its address.
    pub fn iter(&self) -> impl Iterator<Item = (&str, SocketAddr)> {
        self.0.iter().map(|(name, address)| (name.as_str(), *address))
    }

    /// A URL with the address in place of the name, for those who do not know the names.
    #[must_use]
    pub fn direct(&self, url: &str) -> String {
        let known = Url::parse(url).ok().and_then(|url| self.address(&url));
        known.map_or_else(|| url.to_owned(), |address| format!("http://{address}"))
    }

    /// The address behind a URL's name, if it is one of these.
    #[must_use]
    pub fn address(&self, url: &Url) -> Option<SocketAddr> {
        let host = url.host_str()?;
        self.iter().find(|(name, _)| *name == host).map(|(_, address)| address)
    }
}
