//! No complete answer.

use http::StatusCode;

use super::Redactor;
use crate::bounds;

/// Why a request was not answered completely. Its text is redacted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// No answer at all: the environment's trouble, never the registry's breach.
    #[error("{request}: {why}")]
    NoAnswer {
        /// The request's method and URL.
        request: String,
        /// What kept the answer away, in words.
        why: String,
        /// What kind of trouble that was.
        silence: Silence,
    },
    /// A status came, and then not the body that it announced: the registry's breach.
    #[error("{request} answered {status}, but {body}")]
    Body {
        /// The request's method and URL.
        request: String,
        /// The status that came first.
        status: u16,
        /// What was wrong with the body.
        body: BodyError,
    },
}

/// Why nothing was answered, as far as it makes a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// Nobody listened at all.
    Refused,
    /// The server's certificate is not believed.
    Untrusted,
    /// Any other trouble.
    Other,
}

/// What is wrong with a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It ended before its announced length.
    #[error("its body broke off after {0} bytes")]
    Truncated(u64),
    /// It went on beyond what the claim allows.
    #[error("its body went on beyond {0} bytes")]
    TooLong(u64),
}

/// Why there is no answer where time is over.
pub(super) const LATE: &str = "no complete answer in time";

impl WireError {
    pub(super) fn new(error: &reqwest::Error, request: &str, redactor: &Redactor) -> Self {
        let silence = Silence::of(error);
        let why = if error.is_timeout() { LATE.to_owned() } else { redactor.redact(&innermost(error)) };
        Self::NoAnswer { request: redactor.redact_url(request), why, silence }
    }

    pub(super) fn unsendable(request: &str, error: &http::Error, redactor: &Redactor) -> Self {
        let why = format!("a header field cannot be sent: {error}");
        Self::NoAnswer { request: redactor.redact_url(request), why, silence: Silence::Other }
    }

    /// A request that was not sent, because a secret in it would have gone where it must not.
    pub(super) fn withheld(request: &str, why: &str, redactor: &Redactor) -> Self {
        let request = redactor.redact_url(request);
        Self::NoAnswer { request, why: format!("not sent: {why}"), silence: Silence::Other }
    }

    /// An answer for which there was no room any more.
    pub(super) fn unkept(request: &str, redactor: &Redactor) -> Self {
        let why = format!("not read: the answers to this run are longer than {} MiB together", bounds::KEPT >> 20);
        Self::NoAnswer { request: redactor.redact_url(request), why, silence: Silence::Other }
    }

    /// No answer to a request that was held back, and why.
    pub(super) fn silent(request: &str, why: &str, redactor: &Redactor) -> Self {
        Self::NoAnswer { request: redactor.redact_url(request), why: redactor.redact(why), silence: Silence::Other }
    }

    /// Trouble met after the status had arrived. A timeout is still no answer; anything else is a body cut short.
    pub(super) fn broken_off(
        error: &reqwest::Error,
        request: &str,
        status: StatusCode,
        read: u64,
        redactor: &Redactor,
    ) -> Self {
        if error.is_timeout() {
            return Self::new(error, request, redactor);
        }
        Self::cut(request, status, read, redactor)
    }

    /// A body that ended too early.
    pub(super) fn cut(request: &str, status: StatusCode, read: u64, redactor: &Redactor) -> Self {
        let request = redactor.redact_url(request);
        Self::Body { request, status: status.as_u16(), body: BodyError::Truncated(read) }
    }

    pub(super) fn too_long(request: &str, status: StatusCode, cap: u64, redactor: &Redactor) -> Self {
        let request = redactor.redact_url(request);
        Self::Body { request, status: status.as_u16(), body: BodyError::TooLong(cap) }
    }
}

/// The cause at the bottom of the chain, which is the one that tells people something; where it does not, in plain words.
pub(super) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut at = error;
    let mut garbled = is_garbled(at);
    while let Some(source) = at.source() {
        at = source;
        garbled |= is_garbled(at);
    }
    let text = at.to_string();
    if garbled {
        return format!("what it answers is no HTTP ({text})");
    }
    if text == "deadline has elapsed" {
        return LATE.to_owned();
    }
    if text.contains("InvalidContentType") {
        return format!("the server does not answer as https does; is it http? ({text})");
    }
    if text.contains("connection was not ready") || text.contains("connection closed before message completed") {
        return format!("the server closed the connection without an answer ({text})");
    }
    text
}

/// Whether an answer could not be read as HTTP, or not within the bounds of hyper: 100 header fields, 400 KiB of head.
fn is_garbled(error: &(dyn std::error::Error + 'static)) -> bool {
    error.downcast_ref().is_some_and(hyper::Error::is_parse)
}

impl Silence {
    /// The kind of trouble that stands somewhere in a chain of errors.
    fn of(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut at = Some(error);
        while let Some(error) = at {
            if matches!(
                error.downcast_ref(),
                Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented)
            ) {
                return Self::Untrusted;
            }
            let Some(io) = error.downcast_ref::<std::io::Error>() else {
                at = error.source();
                continue;
            };
            if io.kind() == std::io::ErrorKind::ConnectionRefused {
                return Self::Refused;
            }
            // What it wraps is not its source; the source of that is.
            at = io.get_ref().map(|inner| inner as &(dyn std::error::Error + 'static));
        }
        Self::Other
    }
}
