//! A gate between a run and its registry: it counts what passes, notes what comes of it, and does something at one
//! request, so that a test need not hope to be in time.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use libtest_mimic::Failed;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::sync::watch;
use zot_verify_fixtures::{Port, Server, proxy};

/// Where API keys are made: the one place of which bodies are noted.
const KEYS: &str = "/zot/auth/apikey";

/// At which request something happens, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    Never,
    /// Before it has reached the registry.
    Before(usize),
    /// When the registry has answered it, and before anybody knows.
    After(usize),
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// The run gets a signal. Of one that cannot be caught nothing more comes through.
    Signal(Signal),
    /// This request waits, and all that come later, until the gate is opened.
    Wait,
}

/// A request that the registry answered.
#[derive(Debug)]
pub(crate) struct Passed {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// What was sent and answered, where keys are made.
    pub(crate) sent: Value,
    pub(crate) said: Value,
}

/// A gate that stands.
pub(crate) struct Gate {
    point: Mutex<Point>,
    act: Act,
    seen: AtomicUsize,
    underway: watch::Sender<usize>,
    passed: Mutex<Vec<Passed>>,
    run: watch::Sender<Option<Pid>>,
    reached: watch::Sender<bool>,
    open: watch::Sender<bool>,
    deaf: AtomicBool,
}

/// A request that is under way, until this is dropped.
struct Underway<'a>(&'a watch::Sender<usize>);

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|underway| *underway -= 1);
    }
}

impl Gate {
    /// Puts a gate before `registry`.
    pub(crate) async fn before(registry: &str, point: Point, act: Act) -> Result<(Arc<Self>, Server), Failed> {
        let gate = Arc::new(Self {
            point: Mutex::new(point),
            act,
            seen: AtomicUsize::new(0),
            underway: watch::Sender::new(0),
            passed: Mutex::default(),
            run: watch::Sender::new(None),
            reached: watch::Sender::new(false),
            open: watch::Sender::new(false),
            deaf: AtomicBool::new(false),
        });
        let registry = registry.trim_end_matches('/');
        let router = proxy::router(registry, registry, &[])?.layer(from_fn_with_state(Arc::clone(&gate), pass));
        Ok((gate, Port::bind().await?.serve(router)))
    }

    /// From now on it counts anew, up to another point.
    pub(crate) fn arm(&self, point: Point) {
        *self.point.lock().unwrap_or_else(PoisonError::into_inner) = point;
        self.seen.store(0, Ordering::SeqCst);
    }

    /// Names the process that gets the signal.
    pub(crate) fn watches(&self, run: Pid) {
        self.run.send_replace(Some(run));
    }

    /// Waits until its request has come.
    pub(crate) async fn reached(&self) {
        // The sender lives as long as the gate.
        let _ = self.reached.subscribe().wait_for(|reached| *reached).await;
    }

    /// Lets everything pass from now on.
    pub(crate) fn open(&self) {
        self.deaf.store(false, Ordering::SeqCst);
        self.open.send_replace(true);
    }

    /// Waits until nothing is under way any more.
    pub(crate) async fn idle(&self) {
        let _ = self.underway.subscribe().wait_for(|underway| *underway == 0).await;
    }

    /// How many requests came.
    pub(crate) fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }

    /// What passed so far.
    pub(crate) fn passed(&self) -> Vec<Passed> {
        std::mem::take(&mut *self.passed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn happen(&self) {
        self.reached.send_replace(true);
        match self.act {
            Act::Signal(signal) => {
                let mut run = self.run.subscribe();
                let Ok(Some(run)) = run.wait_for(Option::is_some).await.map(|run| *run) else { return };
                self.deaf.store(signal == Signal::KILL, Ordering::SeqCst);
                // It may have ended by itself.
                let _ = kill_process(run, signal);
            }
            Act::Wait => self.opened().await,
        }
    }

    async fn opened(&self) {
        let _ = self.open.subscribe().wait_for(|open| *open).await;
    }

    async fn take(self: Arc<Self>, request: Request, next: Next) -> Response {
        let _underway = Underway(&self.underway);
        let point = *self.point.lock().unwrap_or_else(PoisonError::into_inner);
        let number = self.seen.fetch_add(1, Ordering::SeqCst);
        if point == Point::Before(number) {
            self.happen().await;
        } else if self.act == Act::Wait && *self.reached.borrow() {
            self.opened().await;
        }
        if self.deaf.load(Ordering::SeqCst) {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
        let response = self.forward(request, next).await;
        if point == Point::After(number) {
            self.happen().await;
        }
        response
    }

    async fn forward(&self, request: Request, next: Next) -> Response {
        let (method, uri) = (request.method().to_string(), request.uri().clone());
        let (request, sent) = if uri.path() == KEYS {
            let (parts, body) = request.into_parts();
            let (body, sent) = noted(body).await;
            (Request::from_parts(parts, body), sent)
        } else {
            (request, Value::Null)
        };
        let mut response = next.run(request).await;
        let mut said = Value::Null;
        if uri.path() == KEYS {
            let (parts, body) = response.into_parts();
            let (body, value) = noted(body).await;
            said = value;
            response = Response::from_parts(parts, body);
        }
        let (path, query) = (uri.path().to_owned(), uri.query().unwrap_or_default().to_owned());
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let passed = Passed { method, path, query, status, headers, sent, said };
        self.passed.lock().unwrap_or_else(PoisonError::into_inner).push(passed);
        response
    }
}

async fn pass(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    gate.underway.send_modify(|underway| *underway += 1);
    // Whoever asked may be gone before the registry has answered; what it does is done all the same.
    let work = tokio::spawn(gate.take(request, next));
    work.await.unwrap_or_else(|error| (StatusCode::BAD_GATEWAY, error.to_string()).into_response())
}

async fn noted(body: Body) -> (Body, Value) {
    let bytes = to_bytes(body, 1 << 20).await.unwrap_or_default();
    let value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    (Body::from(bytes), value)
}
