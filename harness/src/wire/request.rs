//! What a check asks for.

use bytes::Bytes;
use http::Method;
use url::{Url, form_urlencoded};
use zot_verify_model::Account;

use crate::bounds;

/// A request before it is sent. Nothing is followed unless it says so, nothing is retried, and nothing
/// added behind the check's back.
#[derive(Debug, Clone)]
pub struct Request {
    pub(super) method: Method,
    pub(super) target: Target,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) account: Option<Account>,
    pub(super) body: Option<Bytes>,
    pub(super) kept: usize,
    pub(super) cap: u64,
    /// Whether a redirect within the registry is followed.
    pub(super) follows: bool,
}

/// Where a request goes.
#[derive(Debug, Clone)]
pub(super) enum Target {
    /// A path, with its query, on the registry.
    Path(String),
    /// Another server: the issuer, or the meter of a lab's upstream.
    Url(Url),
}

impl Request {
    /// A request for a path of the registry, query included.
    #[must_use]
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self::to(method, Target::Path(path.into()))
    }

    /// `GET` of a path of the registry.
    #[must_use]
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// `HEAD` of a path of the registry.
    #[must_use]
    pub fn head(path: impl Into<String>) -> Self {
        Self::new(Method::HEAD, path)
    }

    /// `GET` of a whole URL, for what is asked of the issuer.
    #[must_use]
    pub fn get_url(url: Url) -> Self {
        Self::at(Method::GET, url)
    }

    /// A request for a whole URL. It never carries an account: those are for the registry alone.
    #[must_use]
    pub fn at(method: Method, url: Url) -> Self {
        Self::to(method, Target::Url(url))
    }

    fn to(method: Method, target: Target) -> Self {
        let kept = usize::try_from(bounds::BODY).unwrap_or(usize::MAX);
        Self { method, target, headers: Vec::new(), account: None, body: None, kept, cap: bounds::BODY, follows: false }
    }

    /// The same request at another place of the same registry, which is at `registry`; nothing where that is outside it.
    pub(super) fn moved(self, to: &Url, registry: &Url) -> Option<Self> {
        let path = to.path().strip_prefix(registry.path().trim_end_matches('/'))?;
        let query = to.query().map_or_else(String::new, |query| format!("?{query}"));
        Some(Self { target: Target::Path(format!("{path}{query}")), ..self })
    }

    /// Adds a header field. A `User-Agent` replaces zot-verify's own.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Follows redirects within the registry, as every client does where it only reads content. One that leads elsewhere
    /// is the answer: whoever stands there is not what is checked, and gets no request.
    #[must_use]
    pub fn following(mut self) -> Self {
        self.follows = true;
        self
    }

    /// Sends the account as HTTP Basic credentials (RFC 7617), as clients send an API key. Only to the registry, and
    /// only over https or to this machine: anything else is refused before it is sent.
    #[must_use]
    pub fn by(mut self, account: &Account) -> Self {
        self.account = Some(account.clone());
        self
    }

    /// Sends a form (`application/x-www-form-urlencoded`).
    #[must_use]
    pub fn form<'a>(self, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.header("content-type", "application/x-www-form-urlencoded").body(body)
    }

    /// Sends `body` as JSON.
    #[must_use]
    pub fn json(self, body: &serde_json::Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    /// Sends `body` with a `Content-Length`.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// The value of a header field that it has been given.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// The body that it has been given.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn sends(&self) -> Option<Bytes> {
        self.body.clone()
    }

    /// Reads and keeps an answer of at most `cap` bytes.
    #[must_use]
    pub fn capped(mut self, cap: u64) -> Self {
        self.kept = usize::try_from(cap).unwrap_or(usize::MAX);
        self.cap = cap;
        self
    }

    /// Reads an answer of at most `cap` bytes and keeps only its beginning; the digest is still that of the whole.
    #[must_use]
    pub fn streamed(mut self, cap: u64) -> Self {
        self.kept = bounds::BLOB_KEPT;
        self.cap = cap;
        self
    }
}
