//! `metrics.anonymous`: the scraper, which has no credentials, gets the metrics that the dashboard queries.

mod saboteurs;

use std::sync::Arc;

use super::exposition::{self, Exposition, Family, Format, Kind, Malformed};
use super::{expect, version};
use crate::bench::Bench;
use crate::bounds;
use crate::check::{Check, Profile, reads};
use crate::patience::Patience;
use crate::run::outcome::{Breach, Halt, Judged, Proof};
use crate::wire::{Exchange, Redactor, Request};

/// What the check declares.
pub const CHECK: Check = Check {
    id: "metrics.anonymous",
    title: "metrics are readable without credentials, valid, alive and complete",
    requirement: "The scraper has no credentials, and nothing alerts when it is refused (the owner's checklist, \
                  \"Metrics endpoint accessible without auth\"). zot v2.1.18 changed who may read.",
    profile: Profile::Checklist,
    parts: &[
        reads!("access", "anybody can read the metrics", SCRAPE, access),
        reads!("exposition", "they are a valid Prometheus text exposition, and not empty", SCRAPE, valid),
        reads!(
            "families",
            "the families of the intent are there, with the type and the labels that the dashboard queries",
            SCRAPE,
            families
        ),
        reads!("alive", "a request makes the request counter rise", SCRAPE, alive),
        reads!("no-secrets", "nothing in them looks like a key, a password or a token", SCRAPE, no_secrets),
    ],
    saboteurs: saboteurs::ALL,
};

/// What a scrape sends.
const SCRAPE: &[&str] = &["GET /v2/", "GET /*"];

/// The counter that every request raises.
const REQUESTS: &str = "zot_http_requests_total";

/// Type and labels of families that dashboards query (observed on zot v2.1.20).
const KNOWN: &[(&str, Kind, &[&str])] = &[
    (REQUESTS, Kind::Counter, &["method", "code"]),
    ("zot_http_method_latency_seconds", Kind::Histogram, &["method"]),
    ("zot_repo_storage_bytes", Kind::Gauge, &["repo"]),
];

/// A scrape after a request that zot counts: some families exist only then. An endpoint that cannot be reached where the
/// registry can is what this check is about.
async fn scrape(bench: &Bench) -> Result<Arc<Exchange>, Halt> {
    bench.wire.send(Request::get("/v2/")).await?;
    match bench.wire.send(metrics(bench)).await {
        Ok(exchange) => Ok(exchange),
        Err(error) => {
            bench.wire.send(Request::get("/v2/")).await?;
            Err(Breach { expected: readable(bench), observed: error.to_string(), hint: None, exchange: None }.into())
        }
    }
}

/// The request for the metrics; a registry with many repositories has many.
fn metrics(bench: &Bench) -> Request {
    Request::get(bench.deployment.metrics_path.clone()).capped(bounds::METRICS).following()
}

fn readable(bench: &Bench) -> String {
    format!("GET {} answers 200 without credentials", bench.deployment.metrics_path)
}

async fn access(bench: Bench) -> Judged {
    // The same scrape that the others read: of two, one could fail where nobody reports it.
    let exchange = bench.setup.scrape.get_or_init(|| scrape(&bench)).await.clone()?;
    let expected = readable(&bench);
    if exchange.status() != 200 {
        let breach = Breach::new(expected, expect::observed(&exchange), &exchange);
        let breach = match exchange.status() {
            401 => version::METRICS_USERS.explains(breach),
            404 => breach.because(
                "no metrics are served at this path",
                Some("set extensions.metrics.enable and extensions.metrics.prometheus.path in zot's configuration"),
            ),
            _ => breach,
        };
        return Err(breach.into());
    }
    Ok(Proof::of(format!("{} bytes", exchange.length()), &exchange))
}

/// The scrape that the other parts read, once for all of them.
async fn shared(bench: &Bench) -> Result<Arc<Exchange>, Halt> {
    let scraped = bench.setup.scrape.get_or_init(|| scrape(bench)).await.clone();
    match scraped {
        Ok(exchange) if exchange.status() == 200 => Ok(exchange),
        Ok(_) | Err(Halt::Breach(_)) => Err(Halt::Skip("needs metrics that can be read".into())),
        Err(other) => Err(other),
    }
}

/// The shared scrape and what it exposes, parsed once for all parts.
async fn read(bench: &Bench) -> Result<(Arc<Exchange>, Result<Arc<Exposition>, Malformed>), Halt> {
    let exchange = shared(bench).await?;
    let parse = async || parse(&exchange).map(Arc::new);
    let metrics = bench.setup.exposition.get_or_init(parse).await.clone();
    Ok((exchange, metrics))
}

/// The same, for parts that do not judge its form.
async fn parsed(bench: &Bench) -> Result<(Arc<Exchange>, Arc<Exposition>), Halt> {
    let (exchange, metrics) = read(bench).await?;
    let metrics = metrics.map_err(|_| Halt::Skip("needs metrics that can be parsed".into()))?;
    if metrics.families.is_empty() {
        return Err(Halt::Skip("needs metrics that are not empty".into()));
    }
    Ok((exchange, metrics))
}

/// The metrics, in the format that their answer names.
fn parse(exchange: &Exchange) -> Result<Exposition, Malformed> {
    let format = exchange.header("content-type").and_then(Format::of).unwrap_or(Format::Prometheus);
    exposition::parse(exchange.text().unwrap_or("\u{fffd}"), format)
}

async fn valid(bench: Bench) -> Judged {
    let (exchange, metrics) = read(&bench).await?;
    let line = exchange.line(bench.wire.redactor());
    let media_type = exchange.header("content-type").unwrap_or_default();
    if Format::of(media_type).is_none() {
        let expected = format!("{line} has Content-Type text/plain, as the Prometheus text format");
        return Err(Breach::new(expected, format!("`{media_type}`"), &exchange).into());
    }
    let expected = format!("{line} answers the Prometheus text format");
    let metrics = metrics.map_err(|malformed| {
        Breach::new(&*expected, format!("line {}: {}", malformed.line, malformed.why), &exchange)
    })?;
    if metrics.families.is_empty() {
        return Err(Breach::new(expected, "no metrics at all", &exchange).into());
    }
    Ok(Proof::of(format!("{} families", metrics.families.len()), &exchange))
}

async fn families(bench: Bench) -> Judged {
    let (exchange, metrics) = settled(&bench).await?;
    for name in &bench.intent.families {
        let Some(family) = there(&metrics, name) else {
            let breach = Breach::new(format!("a family {name}"), "no such family", &exchange);
            let measured = name == "zot_repo_storage_bytes";
            return Err(if measured {
                breach.because(MEASURED, Some("push anything, and look again"))
            } else {
                breach
            }
            .into());
        };
        if let Some((_, kind, labels)) = KNOWN.iter().find(|(known, ..)| known == name) {
            typed(family, *kind, labels, &exchange)?;
        }
    }
    Ok(Proof::of(bench.intent.families.join(", "), &exchange))
}

/// Why a family that belongs to repositories may be missing.
const MEASURED: &str = "zot measures its repositories one after another after a start, and one more at each push; a \
                        registry without repositories has none";

/// A scrape in which every family is there, or the last one before patience ends: zot measures its repositories within
/// a second after its start (observed on v2.1.20), and a run may be quicker.
async fn settled(bench: &Bench) -> Result<(Arc<Exchange>, Arc<Exposition>), Halt> {
    let (mut exchange, mut metrics) = parsed(bench).await?;
    let patience = Patience::new(bounds::SETTLE, bounds::SCRAPE);
    while bench.intent.families.iter().any(|name| there(&metrics, name).is_none()) && patience.another_look().await {
        exchange = bench.wire.send(self::metrics(bench)).await?;
        expect::status(&exchange, 200, bench.wire.redactor())?;
        metrics = parse(&exchange).map(Arc::new).map_err(|malformed| {
            let observed = format!("line {}: {}", malformed.line, malformed.why);
            Breach::new("every scrape can be parsed", observed, &exchange)
        })?;
    }
    Ok((exchange, metrics))
}

fn there<'a>(metrics: &'a Exposition, name: &str) -> Option<&'a Family> {
    metrics.family(name).filter(|family| !family.samples.is_empty())
}

fn typed(family: &Family, kind: Kind, labels: &[&str], exchange: &Arc<Exchange>) -> Result<(), Breach> {
    let name = &family.name;
    if family.kind != kind {
        let (expected, observed) = (format!("{name} is a {kind:?}"), format!("a {:?}", family.kind));
        return Err(Breach::new(expected.to_lowercase(), observed.to_lowercase(), exchange));
    }
    let has = |label: &str| family.samples.iter().all(|sample| sample.labels.iter().any(|(name, _)| name == label));
    match labels.iter().find(|label| !has(label)) {
        Some(missing) => Err(Breach::new(format!("{name} has a label `{missing}`"), "no such label", exchange)),
        None => Ok(()),
    }
}

async fn alive(bench: Bench) -> Judged {
    let (first, metrics) = parsed(&bench).await?;
    let before = metrics.sum(REQUESTS);
    let second = scrape(&bench).await?;
    expect::status(&second, 200, bench.wire.redactor())?;
    let after = parse(&second).ok().and_then(|metrics| metrics.sum(REQUESTS));
    match (before, after) {
        (Some(before), Some(after)) if after > before => {
            Ok(Proof::of(format!("{REQUESTS} rose from {before} to {after}"), &second).and(&first))
        }
        (Some(before), after) => {
            let after = after.map_or_else(|| "nothing".to_owned(), |after| after.to_string());
            let expected = format!("{REQUESTS} rises with every request");
            Err(Breach::new(expected, format!("{before}, then {after}"), &second).into())
        }
        (None, _) => Err(Halt::Skip(format!("needs the family {REQUESTS}"))),
    }
}

async fn no_secrets(bench: Bench) -> Judged {
    let (exchange, metrics) = read(&bench).await?;
    let Some(text) = exchange.text().filter(|text| !text.trim().is_empty()) else {
        return Err(Halt::Skip("needs metrics that are text, and not empty".into()));
    };
    let redactor = bench.wire.redactor();
    let breach = |observed| Breach::new("no key, password or token in the metrics", observed, &exchange);
    for (index, line) in text.lines().enumerate() {
        if index >= bounds::METRIC_LINES || line.len() > bounds::METRIC_LINE {
            return Err(Halt::Skip(format!(
                "needs metrics that can be looked through: line {} is too much",
                index + 1
            )));
        }
        if redactor.redact(line) != line {
            return Err(breach(format!("line {} holds what looks like one", index + 1)).into());
        }
        // There may be many, and the run has an end.
        tokio::task::yield_now().await;
    }
    if let Some(label) = metrics.ok().and_then(|metrics| telling(&metrics, redactor)) {
        return Err(breach(format!("a label `{label}` that holds one")).into());
    }
    Ok(Proof::of("nothing that would have to be redacted", &exchange))
}

/// Labels whose value nobody should read.
const TELLING: &[&str] = &["password", "passwd", "secret", "token", "authorization", "apikey", "api_key", "cookie"];

/// The first label that tells a secret, by its name or by a URL in its value.
fn telling(metrics: &Exposition, redactor: &Redactor) -> Option<String> {
    let samples = metrics.families.iter().flat_map(|family| &family.samples);
    let tells = |(name, value): &&(String, String)| {
        let named = TELLING.contains(&name.to_lowercase().as_str()) && !value.is_empty();
        named || redactor.redact_url(value) != *value
    };
    samples.flat_map(|sample| &sample.labels).find(tells).map(|(name, _)| name.clone())
}
