//! A registry that lets everybody in and tells all that it was ever told: a lab's own, behind a layer that repeats every
//! secret in header fields, error texts, cookies and the names of uploads.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use libtest_mimic::Failed;
use serde_json::{Value, json};
use zot_verify_fixtures::{Port, Server, proxy};

use super::dress::dressed;

/// What stands between an upload's name and what is repeated in it.
const MARK: &str = "--echo--";

/// Where besides header fields and error texts it repeats what it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Also {
    /// In the names of uploads.
    Uploads,
    /// In the cookie that tells a page who is logged in.
    User,
}

/// What it knows.
pub(super) struct Echo {
    also: Also,
    /// Whose turn it is in header fields, which do not grow without end.
    turn: AtomicUsize,
    known: Mutex<BTreeSet<String>>,
}

impl Echo {
    /// Puts it before `registry`; it knows these secrets already.
    pub(super) async fn before(registry: &str, also: Also, secrets: &[String]) -> Result<(Arc<Self>, Server), Failed> {
        let known = Mutex::new(secrets.iter().cloned().collect());
        let echo = Arc::new(Self { also, turn: AtomicUsize::new(0), known });
        let registry = registry.trim_end_matches('/');
        let router = proxy::router(registry, registry, &[])?.layer(from_fn_with_state(Arc::clone(&echo), repeat));
        Ok((echo, Port::bind().await?.serve(router)))
    }

    /// Forgets all but these: another program was never told them.
    pub(super) fn forget(&self, secrets: &[String]) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = secrets.iter().cloned().collect();
    }

    /// Everything that it was told, or gave away.
    pub(super) fn known(&self) -> Vec<String> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn meet(&self, secret: &str) {
        // Shorter values are no secrets of zot's.
        if secret.len() >= 16 {
            self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(secret.to_owned());
        }
    }

    /// What the registry gives away with an answer.
    fn learn(&self, headers: &HeaderMap, body: &Value) {
        for cookie in headers.get_all(SET_COOKIE) {
            let pair = cookie.to_str().ok().and_then(|cookie| cookie.split(';').next()?.split_once('='));
            if let Some((_, value)) = pair.filter(|(name, _)| *name != "user") {
                self.meet(value);
            }
        }
        let location = headers.get(LOCATION).and_then(|to| url::Url::parse(to.to_str().ok()?).ok());
        for (name, value) in location.iter().flat_map(url::Url::query_pairs) {
            if matches!(&*name, "state" | "code") {
                self.meet(&value);
            }
        }
        if let Some(key) = body["apiKey"].as_str() {
            self.meet(key);
        }
    }
}

async fn repeat(State(echo): State<Arc<Echo>>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let code = url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
    code.filter(|(name, _)| matches!(&**name, "code" | "state")).for_each(|(_, value)| echo.meet(&value));
    if let Some((id, _)) = path.split_once(MARK) {
        let query = request.uri().query().map_or_else(String::new, |query| format!("?{query}"));
        *request.uri_mut() = format!("{id}{query}").parse().unwrap_or(Uri::from_static("/"));
    }
    let response = next.run(request).await;
    let (mut parts, body) = response.into_parts();
    let bytes = to_bytes(body, 32 << 20).await.unwrap_or_default();
    let value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    echo.learn(&parts.headers, &value);
    let known = echo.known();
    let turn = echo.turn.fetch_add(1, Ordering::Relaxed);
    let one = &known[turn % known.len()];
    let dresses: Vec<String> = dressed(one).into_iter().map(|(_, text)| text).collect();
    // Each answer tells some of it: all of it in all of them would only take longer to look through.
    let some = |number: usize| dresses[(turn / known.len() + number) % dresses.len()].clone();
    let all = [some(0), some(11)].join(" | ");
    parts.headers.insert(HeaderName::from_static("x-echo"), header(&some(0)));
    let name = URL_SAFE_NO_PAD.encode(one);
    if parts.status == 202 && echo.also == Also::Uploads {
        let to = parts.headers.get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default().to_owned();
        parts.headers.insert(LOCATION, header(&format!("{to}{MARK}{name}?code={name}&password={name}")));
    }
    if echo.also == Also::User {
        let cookies: Vec<HeaderValue> = parts.headers.get_all(SET_COOKIE).iter().cloned().collect();
        parts.headers.remove(SET_COOKIE);
        for cookie in cookies {
            let told = cookie.to_str().unwrap_or_default();
            let told = told.strip_prefix("user=").map_or(told.to_owned(), |rest| format!("user={name}{rest}"));
            parts.headers.append(SET_COOKIE, header(&told));
        }
    }
    if parts.status.as_u16() < 400 {
        return Response::from_parts(parts, Body::from(bytes));
    }
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.insert(CONTENT_TYPE, header(&format!("application/json; x={name}")));
    let code = value.pointer("/errors/0/code").cloned().unwrap_or("DENIED".into());
    let errors = json!({ "errors": [{ "code": code, "message": all, "detail": one }], "code": code, "said": all });
    // In the order in which it was said, and over several lines.
    Response::from_parts(parts, Body::from(format!("{}\n{all}\n", errors)))
}

/// A text as far as it can stand in a header field; the end of a line cannot.
fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("no header"))
}
