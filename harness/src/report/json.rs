//! The whole report as JSON, schema version 1. Fields that do not apply are null; the order never changes.

use std::io::{self, Write};

use serde::Serialize;

use super::{Reporter, text, wary};
use crate::check::Level;
use crate::ledger::{Item, Kind, State};
use crate::run::event::{Event, Header, Summary};
use crate::run::outcome::{CheckOutcome, Verdict};
use crate::settings::IntentSource;
use crate::wire::Evidence;

/// Collects a run and writes it when it has ended.
#[derive(Debug)]
pub struct Json<W> {
    out: W,
    header: Option<Header>,
    outcomes: Vec<CheckOutcome>,
}

impl<W: Write> Json<W> {
    /// A reporter that writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, header: None, outcomes: Vec::new() }
    }
}

impl<W: Write> Reporter for Json<W> {
    fn tell(&mut self, event: &Event<'_>) -> io::Result<()> {
        match event {
            Event::Started(header) => self.header = Some((*header).clone()),
            Event::Judged(outcome) => self.outcomes.push((*outcome).clone()),
            Event::Ended(summary) => {
                let report = Report::new(self.header.as_ref(), &self.outcomes, summary);
                wary::to_writer(&mut self.out, &report)?;
            }
        }
        Ok(())
    }
}

#[derive(Serialize)]
struct Report<'a> {
    schema_version: u32,
    target: Option<Target<'a>>,
    intent: Option<Intent>,
    summary: Totals,
    results: Vec<ResultOf<'a>>,
    ledger: Vec<EntryOf<'a>>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct EntryOf<'a> {
    at: &'a str,
    kind: Kind,
    repository: &'a str,
    reference: &'a str,
    state: State,
}

impl<'a> EntryOf<'a> {
    fn new(item: &'a Item) -> Self {
        let Item { at, kind, repository, reference, state, .. } = item;
        Self { at, kind: *kind, repository, reference, state: *state }
    }
}

#[derive(Serialize)]
struct Target<'a> {
    kind: &'a str,
    url: &'a str,
    zot_version: Option<&'a str>,
    zot_commit: Option<&'a str>,
    stand_in: bool,
}

#[derive(Serialize)]
struct Intent {
    file: String,
    sha256: Option<String>,
}

#[derive(Serialize)]
struct Totals {
    pass: usize,
    warn: usize,
    fail: usize,
    error: usize,
    skipped: usize,
    waived: usize,
    not_run: usize,
    exit_code: u8,
    duration_ms: u64,
    requests: usize,
}

#[derive(Serialize)]
struct ResultOf<'a> {
    id: &'a str,
    title: &'a str,
    level: Level,
    requirement: &'a str,
    verdict: Verdict,
    reason: Option<&'a str>,
    expected: Option<&'a str>,
    observed: Option<&'a str>,
    hint: Option<String>,
    duration_ms: u64,
    requests: usize,
    parts: Vec<PartOf<'a>>,
    evidence: Vec<EvidenceOf<'a>>,
}

#[derive(Serialize)]
struct PartOf<'a> {
    name: &'a str,
    level: Level,
    verdict: Verdict,
    reason: &'a str,
}

#[derive(Serialize)]
struct EvidenceOf<'a> {
    part: &'a str,
    #[serde(flatten)]
    evidence: Evidence,
}

impl<'a> Report<'a> {
    fn new(header: Option<&'a Header>, outcomes: &'a [CheckOutcome], summary: &'a Summary) -> Self {
        let counts = &summary.counts;
        Self {
            schema_version: 1,
            target: header.map(|header| Target {
                kind: header.kind,
                url: &header.url,
                zot_version: header.zot_version.as_deref(),
                zot_commit: header.zot_commit.as_deref(),
                stand_in: header.stand_in,
            }),
            intent: header.map(|header| match &header.intent {
                IntentSource::BuiltIn => Intent { file: "built-in".into(), sha256: None },
                IntentSource::File { path, sha256 } => {
                    Intent { file: path.display().to_string(), sha256: Some(sha256.clone()) }
                }
            }),
            summary: Totals {
                pass: counts.pass,
                warn: counts.warn,
                fail: counts.fail,
                error: counts.error,
                skipped: counts.skipped,
                waived: counts.waived,
                not_run: counts.not_run,
                exit_code: summary.exit.code(),
                duration_ms: milliseconds(summary.duration),
                requests: summary.requests,
            },
            results: outcomes.iter().map(|outcome| ResultOf::new(outcome, header)).collect(),
            ledger: summary.ledger.items.iter().map(EntryOf::new).collect(),
            notes: summary.notes.iter().map(ToString::to_string).collect(),
        }
    }
}

impl<'a> ResultOf<'a> {
    fn new(outcome: &'a CheckOutcome, header: Option<&'a Header>) -> Self {
        // What explains a verdict is the first part that has it; a pass needs no explanation.
        let deciding = outcome.deciding().next().filter(|part| part.verdict != Verdict::Pass);
        let required = outcome.deciding().any(|part| part.level == Level::Requirement);
        Self {
            id: outcome.check.id,
            title: outcome.check.title,
            level: if required { Level::Requirement } else { Level::Hardening },
            requirement: outcome.check.requirement,
            verdict: outcome.verdict,
            reason: deciding.map(|part| part.reason.as_str()),
            expected: deciding.and_then(|part| part.expected.as_deref()),
            observed: deciding.and_then(|part| part.observed.as_deref()),
            hint: deciding
                .and_then(|part| part.hint.as_ref())
                .map(|hint| format!("{}; cure: {}", hint.cause, text::cure(hint.cure.as_deref(), header))),
            duration_ms: milliseconds(outcome.duration()),
            requests: outcome.requests(),
            parts: outcome
                .parts
                .iter()
                .map(|part| PartOf {
                    name: part.part.name,
                    level: part.level,
                    verdict: part.verdict,
                    reason: &part.reason,
                })
                .collect(),
            evidence: outcome
                .parts
                .iter()
                .flat_map(|part| {
                    part.record.evidence().into_iter().map(|evidence| EvidenceOf { part: part.part.name, evidence })
                })
                .collect(),
        }
    }
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
