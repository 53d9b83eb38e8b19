//! A request whose body is held back until the server begins to read it, and longer.
//!
//! The request says `Expect: 100-continue` (RFC 9110, section 10.1.1). Go's server, and so zot, answers `100 Continue`
//! when its handler begins to read the body, which is after it has decided who may do what (observed on v2.1.20). So
//! there is a moment between decision and body that lasts as long as one likes, and nobody has to guess when it begins.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::stream;
use http::header::{CONTENT_LENGTH, EXPECT, HOST, HeaderValue, TRANSFER_ENCODING};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant as Until, timeout_at};

use super::error::innermost;
use super::{Exchange, Outgoing, Reading, Request, Wire, WireError};
use crate::bounds;

/// What became of a request that was to be held back.
#[derive(Debug)]
pub enum Hold {
    /// The server has said `100 Continue` and waits for the body.
    Waiting(Box<Held>),
    /// The server has answered without asking for the body.
    Answered(Arc<Exchange>),
}

/// What a request says of a body that it never sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announced {
    /// That it is so long.
    Bytes(u64),
    /// That it comes in chunks, and has a length that nobody knows.
    Chunks,
}

enum Begun {
    Answered(Arc<Exchange>),
    /// The server asks for the body.
    Asked(Box<Held>, Arc<Exchange>),
}

/// A request that the server has begun to handle, and whose body it waits for. Dropped, it is broken off.
pub struct Held {
    wire: Wire,
    out: Outgoing,
    start: Instant,
    body: Option<oneshot::Sender<()>>,
    answer: Answering,
    /// What moves the bytes; it ends with this set.
    _connection: JoinSet<()>,
}

type Answering = Pin<Box<dyn Future<Output = hyper::Result<Response<Incoming>>> + Send>>;

impl Wire {
    /// Sends a request without its body and waits until the server asks for that, or answers. The request takes no part
    /// in the bound on requests in flight: it would be in the way of those that it waits for.
    ///
    /// # Errors
    /// As [`Wire::send`].
    pub async fn hold(&self, request: Request) -> Result<Hold, WireError> {
        let body = request.body.clone().unwrap_or_default();
        let out = self.shared.outgoing(request)?;
        Ok(match self.begin(out, body).await? {
            Begun::Answered(answer) => Hold::Answered(answer),
            Begun::Asked(held, _) => Hold::Waiting(held),
        })
    }

    /// Sends a request that announces a body and never sends it: the answer, or that the server asks for the body.
    ///
    /// # Errors
    /// As [`Wire::send`].
    pub async fn announce(&self, request: Request, body: Announced) -> Result<Arc<Exchange>, WireError> {
        let mut out = self.shared.outgoing(request)?;
        match body {
            Announced::Bytes(length) => out.headers.insert(CONTENT_LENGTH, length.into()),
            Announced::Chunks => out.headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked")),
        };
        match self.begin(out, Bytes::new()).await? {
            Begun::Answered(answer) | Begun::Asked(_, answer) => Ok(answer),
        }
    }

    async fn begin(&self, mut out: Outgoing, body: Bytes) -> Result<Begun, WireError> {
        out.headers.insert(EXPECT, HeaderValue::from_static("100-continue"));
        let silent = |error: Why<'_>| WireError::silent(&out.line, &innermost(error), self.redactor());
        let (start, until) = (Instant::now(), deadline());
        let stream = self.shared.connect(&out.url).await.map_err(|error| silent(&error))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| silent(&error))?;
        let mut moving = JoinSet::new();
        // What goes wrong with the connection is told by the request that is on it.
        moving.spawn(async { drop(connection.await) });

        let (release, released) = oneshot::channel();
        let request = asked_to_wait(&out, body, released).map_err(|error| silent(&error))?;
        let (request, reading) = telling_when_it_is_read(request);
        let mut answer: Answering = Box::pin(sender.send_request(request));
        let arrived = async {
            tokio::select! {
                biased;
                answer = &mut answer => Some(answer),
                () = reading.notified() => None,
            }
        };
        let arrived = timeout_at(until, arrived).await.map_err(|late| silent(&late))?;
        let held = Held { wire: self.clone(), out, start, body: Some(release), answer, _connection: moving };
        match arrived {
            Some(answer) => {
                let answer = answer.map_err(|error| held.silent(&error))?;
                Ok(Begun::Answered(held.read(answer, until).await?))
            }
            None => {
                let asked = Arc::new(held.interim());
                self.record(Arc::clone(&asked));
                Ok(Begun::Asked(Box::new(held), asked))
            }
        }
    }
}

impl Held {
    /// Sends the body and reads the whole answer.
    ///
    /// # Errors
    /// As [`Wire::send`].
    pub async fn release(mut self) -> Result<Arc<Exchange>, WireError> {
        // Nobody waits for it where the connection has ended meanwhile, and then the answer says so.
        self.body.take().map(|body| body.send(()));
        let until = deadline();
        let answer = timeout_at(until, &mut self.answer).await.map_err(|late| self.silent(&late))?;
        let answer = answer.map_err(|error| self.silent(&error))?;
        self.read(answer, until).await
    }

    /// What was seen so far: the head of the request, and that the server waits for the rest.
    fn interim(&self) -> Exchange {
        self.out.clone().answered(StatusCode::CONTINUE, HeaderMap::new(), Reading::new(), self.start)
    }

    async fn read(self, answer: Response<Incoming>, until: Until) -> Result<Arc<Exchange>, WireError> {
        let (head, mut incoming) = answer.into_parts();
        let mut body = Reading::new();
        let wire = &self.wire;
        wire.shared.keep(super::length(&head.headers), &self.out.line)?;
        let cut = |length| WireError::cut(&self.out.line, head.status, length, wire.redactor());
        loop {
            let frame = timeout_at(until, incoming.frame()).await.map_err(|late| self.silent(&late))?;
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|_| cut(body.length))?;
            if let Some(chunk) = frame.data_ref() {
                wire.shared.read(&mut body, chunk, &self.out, head.status)?;
            }
        }
        let line = self.out.line.clone();
        let exchange = self.out.answered(head.status, head.headers, body, self.start);
        wire.shared.keep(exchange.unpacked(), &line)?;
        Ok(wire.note(exchange))
    }

    fn silent(&self, error: Why<'_>) -> WireError {
        WireError::silent(&self.out.line, &innermost(error), self.wire.redactor())
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("line", &self.out.line).finish_non_exhaustive()
    }
}

/// What stood in the way.
type Why<'a> = &'a (dyn std::error::Error + 'static);

/// When what has just begun must be over, from the first byte of an answer to its last.
fn deadline() -> Until {
    Until::now() + bounds::EXCHANGE
}

/// The request as it goes out, with a body that comes when `released` says so, and never where it is dropped.
fn asked_to_wait(
    out: &Outgoing,
    body: Bytes,
    released: oneshot::Receiver<()>,
) -> Result<http::Request<impl hyper::body::Body<Data = Bytes, Error = oneshot::error::RecvError> + use<>>, http::Error>
{
    let length = body.len();
    let body = stream::once(async move { released.await.map(|()| Frame::data(body)) });
    let target = &out.url[url::Position::BeforePath..url::Position::AfterQuery];
    let mut request = http::Request::builder().method(&out.request.method).uri(target).body(StreamBody::new(body))?;
    *request.headers_mut() = out.headers.clone();
    let host = &out.url[url::Position::BeforeHost..url::Position::AfterPort];
    request.headers_mut().insert(HOST, HeaderValue::from_str(host)?);
    if ![CONTENT_LENGTH, TRANSFER_ENCODING].iter().any(|name| out.headers.contains_key(name)) {
        request.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    Ok(request)
}

fn telling_when_it_is_read<B>(mut request: http::Request<B>) -> (http::Request<B>, Arc<Notify>) {
    let reading = Arc::new(Notify::new());
    let tell = Arc::clone(&reading);
    hyper::ext::on_informational(&mut request, move |interim| {
        if interim.status() == StatusCode::CONTINUE {
            tell.notify_one();
        }
    });
    (request, reading)
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use axum::Router;
    use axum::body::Body;
    use axum::routing::put;
    use http::Method;
    use zot_verify_fixtures::proxy::{self, Rule, Then, When};
    use zot_verify_fixtures::{Port, Server};

    use super::*;
    use crate::wire::{Redactor, Trust};

    /// What a server has done, in order.
    type Log = Arc<Mutex<Vec<String>>>;

    fn told(log: &Log) -> Vec<String> {
        log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A server that decides and then reads, as zot does, with a proxy in front that obeys these rules.
    async fn behind(rules: &[&'static Rule]) -> ([Server; 2], Wire, Log) {
        zot_verify_fixtures::crypto::install();
        let log = Log::default();
        let tell = Arc::clone(&log);
        let taken = put(move |body: Body| async move {
            tell.lock().unwrap().push("let in".into());
            let body = axum::body::to_bytes(body, 1024).await;
            let read =
                body.map_or_else(|_| "broken off".to_owned(), |body| String::from_utf8_lossy(&body).into_owned());
            tell.lock().unwrap().push(read.clone());
            read
        });
        let refused = put(|| async { StatusCode::FORBIDDEN });
        let port = Port::bind().await.unwrap();
        let front = Port::bind().await.unwrap();
        let (url, router) = (front.url(), proxy::router(port.url(), port.url(), rules).unwrap());
        let servers =
            [port.serve(Router::new().route("/v2/taken", taken).route("/v2/refused", refused)), front.serve(router)];
        let wire = Wire::new(url.parse().unwrap(), "run-1", Redactor::new(), &Trust::default(), false).unwrap();
        (servers, wire, log)
    }

    fn push(body: &'static str) -> Request {
        Request::new(Method::PUT, "/v2/taken").body(body)
    }

    async fn waiting(wire: &Wire, request: Request) -> Held {
        match wire.hold(request).await.unwrap() {
            Hold::Waiting(held) => *held,
            Hold::Answered(answer) => panic!("answered with {}", answer.status()),
        }
    }

    #[tokio::test]
    async fn a_request_that_was_let_in_waits_while_others_pass() {
        let (_servers, wire, log) = behind(&[]).await;
        let held = waiting(&wire, push("late")).await;
        assert_eq!(told(&log), ["let in"]);
        wire.send(push("early")).await.unwrap();
        let answer = held.release().await.unwrap();
        assert_eq!((answer.status(), answer.text()), (200, Some("late")));
        assert_eq!(told(&log), ["let in", "let in", "early", "late"]);
        let seen: Vec<u16> = wire.transcript().iter().map(|exchange| exchange.status()).collect();
        assert_eq!(seen, [100, 200, 200]);
        assert_eq!(wire.requests(), 2, "that the server waits is no answer");
        assert!(answer.evidence(wire.redactor()).curl.contains("expect: 100-continue"));
    }

    #[tokio::test]
    async fn a_proxy_that_passes_requests_on_one_by_one_lets_nobody_in_before_the_body() {
        static ONE_BY_ONE: Rule = Rule { when: When::path("*"), then: Then::InTurn };
        let (_servers, wire, log) = behind(&[&ONE_BY_ONE]).await;
        let held = waiting(&wire, push("late")).await;
        wire.send(push("early")).await.unwrap();
        assert_eq!(told(&log), ["let in", "early"]);
        held.release().await.unwrap();
        assert_eq!(told(&log), ["let in", "early", "let in", "late"]);
    }

    #[tokio::test]
    async fn a_body_that_is_announced_is_never_sent() {
        let (_servers, wire, log) = behind(&[]).await;
        for announced in [Announced::Bytes(1 << 40), Announced::Chunks] {
            let asked = wire.announce(Request::new(Method::PUT, "/v2/taken"), announced).await.unwrap();
            let refused = wire.announce(Request::new(Method::PUT, "/v2/refused"), announced).await.unwrap();
            assert_eq!((asked.status(), refused.status()), (100, 403));
        }
        assert!(told(&log).iter().all(|told| told == "let in" || told == "broken off"), "{:?}", told(&log));
    }

    #[tokio::test]
    async fn a_refusal_needs_no_body() {
        let (_servers, wire, _) = behind(&[]).await;
        let request = Request::new(Method::PUT, "/v2/refused").body("late");
        let Hold::Answered(answer) = wire.hold(request).await.unwrap() else { panic!("it waits") };
        assert_eq!(answer.status(), 403);
    }

    #[tokio::test]
    async fn nobody_listening_is_no_answer_here_either() {
        zot_verify_fixtures::crypto::install();
        let free = Port::bind().await.unwrap().url();
        let wire = Wire::new(free.parse().unwrap(), "run-1", Redactor::new(), &Trust::default(), false).unwrap();
        assert!(matches!(wire.hold(push("late")).await, Err(WireError::NoAnswer { .. })));
    }
}
