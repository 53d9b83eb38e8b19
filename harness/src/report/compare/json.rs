//! A comparison as JSON, schema version 1. Fields that do not apply are null; the order never changes.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::{Compared, printable};
use crate::compare::changes::{Change, Difference};
use crate::compare::trial::{Trial, Tried, When};
use crate::compare::{Side, count, why};
use crate::run::outcome::{PartOutcome, Verdict};
use crate::settings::IntentSource;
use crate::target::zot::Zot;

#[derive(Serialize)]
pub(super) struct Json {
    schema_version: u32,
    command: &'static str,
    from: SideOf,
    to: SideOf,
    intent: IntentOf,
    summary: Totals,
    changes: Vec<ChangeOf>,
    trials: Vec<TrialOf>,
}

#[derive(Serialize)]
struct SideOf {
    zot: String,
    zot_version: Option<String>,
    zot_commit: Option<String>,
    stand_in: bool,
    config: String,
    comes_up: Option<bool>,
    reason: Option<String>,
}

#[derive(Serialize)]
struct IntentOf {
    file: String,
    sha256: Option<String>,
}

#[derive(Serialize)]
struct Totals {
    broken: usize,
    unclear: usize,
    accepted: usize,
    other: usize,
    fixed: usize,
    same: usize,
    exit_code: u8,
    duration_ms: u64,
}

#[derive(Serialize)]
struct ChangeOf {
    id: &'static str,
    part: &'static str,
    change: Change,
    cause: Option<String>,
    cure: Option<String>,
    from: PartOf,
    to: PartOf,
}

#[derive(Serialize)]
struct PartOf {
    verdict: Verdict,
    reason: String,
    expected: Option<String>,
    observed: Option<String>,
}

#[derive(Serialize)]
struct TrialOf {
    edits: Vec<EditOf>,
    cures: BTreeSet<String>,
    from: TriedOf,
    to: TriedOf,
    when: When,
}

#[derive(Serialize)]
struct EditOf {
    key: String,
    value: Option<Value>,
}

#[derive(Serialize)]
struct TriedOf {
    comes_up: Option<bool>,
    reason: Option<String>,
    fixed: BTreeSet<String>,
    broken: BTreeSet<String>,
}

impl Json {
    pub(super) fn new(told: &Compared<'_>) -> Self {
        let differences = told.report.differences();
        let count = |change| count(&differences, change);
        let [from, to] = told.sides().map(|(_, side, zot, config)| SideOf::new(side, zot, config));
        Self {
            schema_version: 1,
            command: "compare",
            from,
            to,
            intent: match &told.settings.run.intent.source {
                IntentSource::BuiltIn => IntentOf { file: "built-in".into(), sha256: None },
                IntentSource::File { path, sha256 } => {
                    IntentOf { file: path.display().to_string(), sha256: Some(sha256.clone()) }
                }
            },
            summary: Totals {
                broken: count(Change::Broken),
                unclear: count(Change::Unclear),
                accepted: count(Change::Accepted),
                other: count(Change::Other),
                fixed: count(Change::Fixed),
                same: count(Change::Same),
                exit_code: told.report.exit.code(),
                duration_ms: u64::try_from(told.report.duration.as_millis()).unwrap_or(u64::MAX),
            },
            changes: differences.iter().filter(|part| part.change != Change::Same).map(ChangeOf::new).collect(),
            trials: told.report.trials.iter().map(TrialOf::new).collect(),
        }
    }
}

impl SideOf {
    fn new(side: &Side, zot: &Zot, config: &str) -> Self {
        let header = side.ran().map(|ran| &ran.header);
        Self {
            zot: zot.name(),
            zot_version: header.and_then(|header| header.zot_version.clone()),
            zot_commit: header.and_then(|header| header.zot_commit.clone()),
            stand_in: *zot == Zot::Embedded,
            config: config.to_owned(),
            comes_up: match side {
                Side::Up(_) => Some(true),
                Side::Refused(_) => Some(false),
                Side::Untold(_) => None,
            },
            reason: side.trouble().map(|trouble| format!("{}: {}", printable(trouble.what()), why(trouble))),
        }
    }
}

impl ChangeOf {
    fn new(part: &Difference<'_>) -> Self {
        let hint = if part.change == Change::Fixed { &part.from.hint } else { &part.to.hint };
        Self {
            id: part.check.id,
            part: part.to.part.name,
            change: part.change,
            cause: hint.as_ref().map(|hint| hint.cause.clone()),
            cure: hint.as_ref().and_then(|hint| hint.cure.clone()),
            from: PartOf::new(part.from),
            to: PartOf::new(part.to),
        }
    }
}

impl PartOf {
    fn new(part: &PartOutcome) -> Self {
        let PartOutcome { verdict, reason, expected, observed, .. } = part;
        Self { verdict: *verdict, reason: reason.clone(), expected: expected.clone(), observed: observed.clone() }
    }
}

impl TrialOf {
    fn new(trial: &Trial) -> Self {
        Self {
            edits: trial.attempt.keys().into_iter().map(|(key, value)| EditOf { key, value: value.cloned() }).collect(),
            cures: trial.cures.clone(),
            from: TriedOf::new(&trial.from),
            to: TriedOf::new(&trial.to),
            when: trial.when,
        }
    }
}

impl TriedOf {
    fn new(tried: &Tried) -> Self {
        let none = BTreeSet::new;
        match tried {
            Tried::Refused(words) => {
                Self { comes_up: Some(false), reason: Some(words.clone()), fixed: none(), broken: none() }
            }
            Tried::Untold(words) => Self { comes_up: None, reason: Some(words.clone()), fixed: none(), broken: none() },
            Tried::Up { fixed, broken } => {
                Self { comes_up: Some(true), reason: None, fixed: fixed.clone(), broken: broken.clone() }
            }
        }
    }
}
