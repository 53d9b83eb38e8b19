//! The only way out of the program: a thin HTTP client that hides nothing and shows no secret.

pub mod certificate;
pub mod challenge;
mod connection;
pub mod door;
mod error;
mod exchange;
mod follow;
mod held;
mod hosts;
mod packed;
pub mod persona;
pub mod redaction;
mod request;
mod trust;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue, USER_AGENT};
use http::{HeaderMap, StatusCode};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use url::{Host, Url};
use zot_verify_model::{Account, Digest};

pub use self::error::{BodyError, Silence, WireError};
pub use self::exchange::{Evidence, Exchange};
pub use self::held::{Announced, Held, Hold};
pub use self::hosts::Hosts;
pub use self::redaction::Redactor;
pub use self::request::Request;
pub use self::trust::{BadCa, Trust};
use crate::bounds;

/// How zot-verify names itself where it plays no [`persona`].
const OWN_AGENT: &str = concat!("zot-verify/", env!("CARGO_PKG_VERSION"));

/// The header field by which a registry's owner finds a run in his logs.
const RUN_HEADER: &str = "x-zot-verify-run";

/// A connection to one registry for one part of one check. Clones made with [`Wire::fresh`] share connections and
/// the bound on requests in flight, and keep a transcript each.
#[derive(Debug, Clone)]
pub struct Wire {
    shared: Arc<Shared>,
    transcript: Arc<Mutex<Vec<Arc<Exchange>>>>,
}

#[derive(Debug)]
struct Shared {
    client: reqwest::Client,
    registry: Url,
    trust: Trust,
    /// Why the registry may be asked nothing.
    shunned: OnceLock<String>,
    redactor: Redactor,
    run: HeaderValue,
    in_flight: Semaphore,
    answered: AtomicUsize,
    /// How much of all answers is kept, in bytes.
    kept: AtomicU64,
}

impl Wire {
    /// A wire to `registry`. `speaks_https` says whether any server that will be asked needs certificates.
    ///
    /// # Errors
    /// What keeps an HTTP client from being made: a broken certificate store.
    pub fn new(
        registry: Url,
        run: &str,
        redactor: Redactor,
        trust: &Trust,
        speaks_https: bool,
    ) -> Result<Self, WireError> {
        let builder = || {
            let builder = reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .no_proxy()
                .connect_timeout(bounds::CONNECT)
                .timeout(bounds::EXCHANGE);
            trust.hosts().iter().fold(builder, |builder, (name, address)| builder.resolve(name, address))
        };
        let client = if speaks_https { trust.https(builder) } else { Trust::http(builder()) };
        let client = client.map_err(|error| WireError::new(&error, "no HTTP client", &redactor))?;
        let run = HeaderValue::from_str(run).unwrap_or(HeaderValue::from_static("unnamed"));
        let in_flight = Semaphore::new(bounds::REQUESTS_IN_FLIGHT);
        Ok(Self {
            shared: Arc::new(Shared {
                client,
                registry,
                trust: trust.clone(),
                shunned: OnceLock::new(),
                redactor,
                run,
                in_flight,
                answered: AtomicUsize::new(0),
                kept: AtomicU64::new(0),
            }),
            transcript: Arc::default(),
        })
    }

    /// The same wire with an empty transcript.
    #[must_use]
    pub fn fresh(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), transcript: Arc::default() }
    }

    /// Where the registry is.
    #[must_use]
    pub fn registry(&self) -> &Url {
        &self.shared.registry
    }

    /// The name of the run, which every request carries.
    #[must_use]
    pub fn run(&self) -> &str {
        self.shared.run.to_str().unwrap_or_default()
    }

    /// What keeps secrets from being shown.
    #[must_use]
    pub fn redactor(&self) -> &Redactor {
        &self.shared.redactor
    }

    /// How many requests were answered on this wire and on all that share its connections.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.shared.answered.load(Ordering::Relaxed)
    }

    /// From now on nothing is asked of the registry by anybody who shares its connections: its certificate is not
    /// believed. Whoever answers in its place gets no request, and no secret.
    pub fn shun(&self, why: String) {
        // Who shuns it already has a reason.
        let _ = self.shared.shunned.set(why);
    }

    /// Why nothing is asked of the registry any more.
    #[must_use]
    pub fn shunned(&self) -> Option<&str> {
        self.shared.shunned.get().map(String::as_str)
    }

    /// Every exchange made on this wire, in the order in which they ended.
    #[must_use]
    pub fn transcript(&self) -> Vec<Arc<Exchange>> {
        self.transcript.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn send_once(&self, request: Request) -> Result<Arc<Exchange>, WireError> {
        let _permit = self.shared.in_flight.acquire().await;
        let exchange = self.shared.send(request).await?;
        Ok(self.note(exchange))
    }

    /// Takes an answered request into the transcript.
    fn note(&self, exchange: Exchange) -> Arc<Exchange> {
        let exchange = Arc::new(exchange);
        self.shared.answered.fetch_add(1, Ordering::Relaxed);
        self.shared.meet(&exchange);
        tracing::debug!(
            status = exchange.status(),
            took = ?exchange.duration,
            "{}", exchange.line(&self.shared.redactor)
        );
        self.record(Arc::clone(&exchange));
        exchange
    }

    fn record(&self, exchange: Arc<Exchange>) {
        self.transcript.lock().unwrap_or_else(PoisonError::into_inner).push(exchange);
    }
}

/// A request as it goes out.
#[derive(Clone)]
struct Outgoing {
    request: Request,
    url: Url,
    /// The method and the URL, for errors.
    line: String,
    headers: HeaderMap,
}

/// An answer's body while it is read.
struct Reading {
    hash: Sha256,
    kept: BytesMut,
    length: u64,
}

impl Shared {
    fn outgoing(&self, request: Request) -> Result<Outgoing, WireError> {
        let url = match &request.target {
            request::Target::Path(path) => resolve(&self.registry, path),
            request::Target::Url(url) => url.clone(),
        };
        let line = format!("{} {url}", request.method);
        if let Some(why) = self.shunned.get().filter(|_| url.origin() == self.registry.origin()) {
            return Err(WireError::withheld(&line, why, &self.redactor));
        }
        let mut headers =
            self.headers(&request).map_err(|error| WireError::unsendable(&line, &error, &self.redactor))?;
        let by = request.account.as_ref().map(|account| self.credentials(account, &request.target, &url)).transpose();
        let by = by.map_err(|why| WireError::withheld(&line, why, &self.redactor))?;
        if let Some(value) = by {
            headers.append(AUTHORIZATION, value);
        }
        Ok(Outgoing { request, url, line, headers })
    }

    async fn send(&self, request: Request) -> Result<Exchange, WireError> {
        let out = self.outgoing(request)?;
        let fail = |error: &reqwest::Error| WireError::new(error, &out.line, &self.redactor);
        let mut builder = self.client.request(out.request.method.clone(), out.url.clone()).headers(out.headers.clone());
        if let Some(body) = &out.request.body {
            builder = builder.body(body.clone());
        }
        let start = Instant::now();
        let mut response = builder.send().await.map_err(|error| fail(&error))?;
        let (status, answered) = (response.status(), response.headers().clone());
        self.keep(length(&answered), &out.line)?;
        let mut body = Reading::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| WireError::broken_off(&error, &out.line, status, body.length, &self.redactor))?
        {
            self.read(&mut body, &chunk, &out, status)?;
        }
        let line = out.line.clone();
        let exchange = out.answered(status, answered, body, start);
        self.keep(exchange.unpacked(), &line)?;
        Ok(exchange)
    }

    /// Takes in the next bytes of a body, up to what was asked for.
    fn read(&self, body: &mut Reading, chunk: &[u8], out: &Outgoing, status: StatusCode) -> Result<(), WireError> {
        body.length += chunk.len() as u64;
        if body.length > out.request.cap {
            return Err(WireError::too_long(&out.line, status, out.request.cap, &self.redactor));
        }
        body.hash.update(chunk);
        let room = out.request.kept.saturating_sub(body.kept.len()).min(chunk.len());
        self.keep(room, &out.line)?;
        body.kept.extend_from_slice(&chunk[..room]);
        Ok(())
    }

    /// Counts what is to be kept. A server cannot make a run keep more than its bound: what goes beyond is not read, and
    /// says nothing.
    fn keep(&self, bytes: usize, line: &str) -> Result<(), WireError> {
        let before = self.kept.fetch_add(bytes as u64, Ordering::Relaxed);
        if before + bytes as u64 > bounds::KEPT {
            return Err(WireError::unkept(line, &self.redactor));
        }
        Ok(())
    }

    /// The account as a header field (RFC 7617), where it may go to `url`; else why not.
    fn credentials(&self, account: &Account, to: &request::Target, url: &Url) -> Result<HeaderValue, &'static str> {
        if matches!(to, request::Target::Url(_)) {
            return Err("credentials go to the registry alone");
        }
        if !is_private(url) && self.trust.hosts().address(url).is_none() {
            return Err("credentials go over https, or to this machine");
        }
        self.redactor.learn(&account.secret);
        let pair = format!("{}:{}", account.name, account.secret.expose());
        let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))
            .map_err(|_| "the credentials are no text for a header field")?;
        value.set_sensitive(true);
        Ok(value)
    }

    fn headers(&self, request: &Request) -> Result<HeaderMap, http::Error> {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(OWN_AGENT));
        headers.insert(HeaderName::from_static(RUN_HEADER), self.run.clone());
        for (name, value) in &request.headers {
            let (name, value) = (HeaderName::try_from(*name)?, HeaderValue::from_str(value)?);
            if name == USER_AGENT {
                headers.insert(name, value);
            } else {
                headers.append(name, value);
            }
        }
        Ok(headers)
    }

    /// Values that are secrets from birth: cookies, and what an OpenID login hands about.
    fn meet(&self, exchange: &Exchange) {
        for cookie in exchange.headers("set-cookie") {
            let pair = cookie.split(';').next().and_then(|pair| pair.split_once('='));
            // zot tells scripts the user's name in one, which is no secret and stands in many a line.
            if let Some((name, value)) = pair.filter(|(name, _)| name.trim() != "user") {
                self.redactor.learn_met(&format!("cookie {}", name.trim()), value.trim());
            }
        }
        let location = exchange.header("location").and_then(|location| exchange.url.join(location).ok());
        for (name, value) in location.iter().flat_map(Url::query_pairs) {
            if matches!(&*name, "state" | "code") {
                self.redactor.learn_met(&name, &value);
            }
        }
        if let Some(serde_json::Value::Object(fields)) = exchange.json() {
            for name in ["apiKey", "access_token", "id_token", "refresh_token"] {
                if let Some(value) = fields.get(name).and_then(serde_json::Value::as_str) {
                    self.redactor.learn_met(name, value);
                }
            }
        }
    }
}

impl Reading {
    fn new() -> Self {
        Self { hash: Sha256::new(), kept: BytesMut::new(), length: 0 }
    }
}

impl Outgoing {
    fn answered(self, status: StatusCode, headers: HeaderMap, body: Reading, start: Instant) -> Exchange {
        let kept = body.kept.freeze();
        let whole = body.length == kept.len() as u64;
        Exchange {
            plain: whole.then(|| packed::unpacked(&headers, &kept)).flatten(),
            method: self.request.method,
            url: self.url,
            request_headers: self.headers,
            account: self.request.account,
            request_body: self.request.body,
            status,
            headers,
            kept,
            length: body.length,
            digest: Digest::from_hash(&body.hash.finalize()),
            duration: start.elapsed(),
        }
    }
}

/// How long header fields are together, in bytes.
fn length(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

/// Whether nobody else can read what is sent to `url`.
#[must_use]
pub fn is_private(url: &Url) -> bool {
    url.scheme() == "https"
        || match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
}

/// A path of the registry below whatever path its own URL has.
pub(crate) fn resolve(registry: &Url, path: &str) -> Url {
    let mut url = registry.clone();
    let base = registry.path().trim_end_matches('/').to_owned();
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    url.set_path(&format!("{base}{path}"));
    url.set_query(query);
    url
}

#[cfg(test)]
mod tests;
