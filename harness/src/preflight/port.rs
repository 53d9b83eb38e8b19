//! Who holds the port that zot will listen on: nobody, the zot that is to be restarted, or somebody else.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;
use url::Url;
use zot_verify_model::ZotConfig;

use super::line::{Finding, Red};
use super::{config, named};
use crate::wire::{Exchange, Hosts, Redactor, Request, Silence, Trust, Wire, WireError};

/// Who answers at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Holder {
    /// Nobody, and zot could listen there.
    Nobody,
    /// A zot, and the release that it names.
    Zot(Option<String>),
    /// Something that is no zot.
    Other(String),
    /// Somebody whose certificate is not believed, so that nothing was asked.
    Unbelieved(String),
    /// Nobody, and zot could not listen there either.
    Barred(io::ErrorKind, String),
}

/// Where the configuration has zot listen, as this machine reaches it; `None` where it names no such place.
#[must_use]
pub(super) fn place(config: &ZotConfig) -> Option<Url> {
    let (address, port) = config::listens(config);
    let host = match address.as_str() {
        "" | "0.0.0.0" => "127.0.0.1",
        "[::]" => "[::1]",
        named => named,
    };
    let scheme = if config::speaks_tls(config) { "https" } else { "http" };
    Url::parse(&format!("{scheme}://{host}:{port}/")).ok()
}

/// Asks who is there.
pub(super) async fn ask(place: &Url, run: &str, redactor: &Redactor, trust: &Trust) -> Holder {
    let wire = match Wire::new(place.clone(), run, redactor.clone(), trust, place.scheme() == "https") {
        Ok(wire) => wire,
        Err(error) => return Holder::Other(error.to_string()),
    };
    match wire.send(Request::get("/v2/")).await {
        Ok(answer) => recognise(&wire, &answer).await,
        Err(WireError::NoAnswer { silence: Silence::Refused, .. }) => Holder::Nobody,
        Err(error @ WireError::NoAnswer { silence: Silence::Untrusted, .. }) => Holder::Unbelieved(error.to_string()),
        Err(error) => Holder::Other(error.to_string()),
    }
}

/// zot allows a header field of its own page to everybody who may read, and its error without the list is like no
/// other's (both observed on v2.1.20).
async fn recognise(wire: &Wire, answer: &Exchange) -> Holder {
    let page = answer.header("access-control-allow-headers").is_some_and(|names| names.contains("X-ZOT-API-CLIENT"));
    let body = answer.json().unwrap_or_default();
    let refused = answer.status() == 401 && body.get("code").is_some_and(|code| code == "UNAUTHORIZED");
    if !page && !refused {
        let server = answer.header("server").map_or_else(String::new, |server| format!(", Server: {server}"));
        return Holder::Other(format!("GET /v2/ answers {} and not as zot does{server}", answer.status()));
    }
    let mgmt = wire.send(Request::get("/v2/_zot/ext/mgmt")).await.ok();
    let release = mgmt.and_then(|mgmt| mgmt.json()?.get("releaseTag")?.as_str().map(str::to_owned));
    Holder::Zot(release.filter(|release| !release.is_empty()))
}

/// Who holds the address that zot will listen on. Nothing tells better than to listen there, for a moment.
pub(super) async fn holder(config: &ZotConfig, run: &str, redactor: &Redactor, trust: &Trust) -> Option<Holder> {
    let place = place(config)?;
    let (address, port) = config::listens(config);
    let Err(error) = listen(&address, &port).await else { return Some(Holder::Nobody) };
    if error.kind() == io::ErrorKind::AddrInUse {
        let (place, trust) = by_name(config, &place, trust).await;
        return match ask(&place, run, redactor, &trust).await {
            Holder::Nobody => Some(Holder::Barred(error.kind(), error.to_string())),
            Holder::Unbelieved(_) if shows_its_own(config, &place, run, redactor, &trust).await => {
                Some(Holder::Zot(None))
            }
            other => Some(other),
        };
    }
    Some(Holder::Barred(error.kind(), error.to_string()))
}

/// Listens as Go does: all addresses of IPv4 are all of IPv6, too, where the machine has that (observed on v2.1.20).
async fn listen(address: &str, port: &str) -> io::Result<TcpListener> {
    if !matches!(address, "" | "0.0.0.0" | "[::]") {
        return TcpListener::bind(first(&format!("{address}:{port}")).await?).await;
    }
    match TcpListener::bind(format!("[::]:{port}")).await {
        Err(error) if !matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied) => {
            TcpListener::bind(format!("0.0.0.0:{port}")).await
        }
        other => other,
    }
}

/// The address that Go takes of those that a name has: the first of IPv4, if there is one, and no other.
async fn first(place: &str) -> io::Result<SocketAddr> {
    let found: Vec<SocketAddr> = tokio::net::lookup_host(place).await?.collect();
    let first = found.iter().find(|address| address.is_ipv4()).or(found.first());
    first.copied().ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

/// Whether whoever is there has the very certificate of the configuration, which then no authority need sign, and the
/// key to it: nobody but the zot that is restarted should.
async fn shows_its_own(config: &ZotConfig, place: &Url, run: &str, redactor: &Redactor, trust: &Trust) -> bool {
    let Some(own) = named::certificate(config) else { return false };
    let Ok(wire) = Wire::new(place.clone(), run, redactor.clone(), trust, true) else { return false };
    wire.handshake().await.is_ok_and(|shown| shown.is(&own))
}

/// The same place by the name that people type, where zot ends TLS itself: its certificate is for that.
async fn by_name(config: &ZotConfig, place: &Url, trust: &Trust) -> (Url, Trust) {
    let named = config.external_url().and_then(|url| Url::parse(url).ok());
    let same = (place.clone(), trust.clone());
    let (Some(name), "https") = (named.as_ref().and_then(Url::host_str), place.scheme()) else { return same };
    let (host, port) = (place.host_str().unwrap_or_default(), place.port_or_known_default().unwrap_or_default());
    let mut by_name = place.clone();
    match (first(&format!("{host}:{port}")).await, by_name.set_host(Some(name))) {
        (Ok(address), Ok(())) => (by_name, trust.clone().knowing(Hosts::new([(name.to_owned(), address)]))),
        _ => same,
    }
}

/// Judges what was found at the configured address.
#[must_use]
pub(super) fn judge(config: &ZotConfig, holder: Option<&Holder>) -> Finding {
    let (address, port) = config::listens(config);
    let place = format!("{}:{port}", if address.is_empty() { "*" } else { &address });
    let expected = format!("{place} is free, or held by the zot that is restarted");
    let ends = "zot logs `address already in use` and ends with code 0, as if all were well; what keeps it running starts \
                it again and again";
    match holder {
        None => Finding::Skipped("needs an address; see config.address".into()),
        Some(Holder::Nobody) => Finding::Good(format!("{place} is free")),
        Some(Holder::Zot(release)) => {
            let release = release.as_ref().map_or_else(String::new, |release| format!(" {release}"));
            Finding::Good(format!("{place} is held by a zot{release}, which is to be restarted"))
        }
        Some(Holder::Other(what)) => Red::fail(expected, format!("held by something else: {what}"))
            .because(ends, "end it, or give zot another port; who holds it is told by `lsof -iTCP -sTCP:LISTEN`")
            .into(),
        Some(Holder::Unbelieved(why)) => Finding::Unknown {
            why: format!("{place} is held by somebody who was not asked: {why}"),
            cure:
                "say whom to believe with --ca, or name the zot that runs as its certificate does with --replaces URL"
                    .into(),
        },
        Some(Holder::Barred(kind, why)) => {
            let (cause, cure) = match kind {
                io::ErrorKind::AddrInUse => {
                    (ends, "end what holds it, or give zot another port; `lsof -iTCP -sTCP:LISTEN` tells")
                }
                io::ErrorKind::AddrNotAvailable => (
                    "that address is none of this machine; zot ends with code 0, as if all were well",
                    "give an address of this machine, 0.0.0.0 for all of them; where zot runs on another machine, say --elsewhere",
                ),
                io::ErrorKind::PermissionDenied => ("this user may not listen there", "give zot a port from 1024 on"),
                _ => (
                    "zot looks the name up when it starts, and ends with code 0 where there is none, as if all were well",
                    "give an address of this machine, 0.0.0.0 for all of them; where zot runs on another machine, say --elsewhere",
                ),
            };
            Red::fail(expected, format!("it cannot be listened on: {why}")).because(cause, cure).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::outcome::Verdict::{self, Error, Fail, Pass, Skipped};

    #[test]
    fn the_place_is_where_this_machine_reaches_it() {
        let place = |text: &str| place(&ZotConfig::parse(text).unwrap()).map(|url| url.to_string());
        assert_eq!(place(r#"{"http":{"address":"0.0.0.0","port":"5050"}}"#).as_deref(), Some("http://127.0.0.1:5050/"));
        assert_eq!(
            place(r#"{"http":{"address":"[::]","port":5050,"tls":{"cert":"c","key":"k"}}}"#).as_deref(),
            Some("https://[::1]:5050/")
        );
        assert_eq!(place("{}").as_deref(), Some("http://127.0.0.1:8080/"));
        assert_eq!(place(r#"{"http":{"address":"::1"}}"#), None);
    }

    #[test]
    fn only_nobody_and_a_zot_may_be_there() {
        let config = ZotConfig::default();
        let verdict = |holder: Holder| judge(&config, Some(&holder)).verdict();
        let barred = |kind| Holder::Barred(kind, String::new());
        let table: [(Verdict, Holder); 8] = [
            (Pass, Holder::Nobody),
            (Pass, Holder::Zot(None)),
            (Fail, Holder::Other("x".into())),
            (Error, Holder::Unbelieved("x".into())),
            (Fail, barred(io::ErrorKind::AddrInUse)),
            (Fail, barred(io::ErrorKind::AddrNotAvailable)),
            (Fail, barred(io::ErrorKind::PermissionDenied)),
            (Fail, barred(io::ErrorKind::Other)),
        ];
        for (wanted, holder) in table {
            assert_eq!(verdict(holder.clone()), wanted, "{holder:?}");
        }
        assert_eq!(judge(&config, None).verdict(), Skipped);
    }
}
