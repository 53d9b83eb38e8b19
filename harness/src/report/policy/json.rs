//! The same as JSON.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{Advised, Class, Told};
use crate::advice::Severity;
use crate::advice::columns::Cell;
use crate::policy::decision::Ruling;
use crate::settings::IntentSource;

#[derive(Serialize)]
pub(super) struct Json<'a> {
    schema_version: u32,
    command: &'static str,
    config: ConfigOf<'a>,
    intent: IntentOf<'a>,
    people: PeopleOf<'a>,
    summary: Totals,
    classes: Vec<ClassOf<'a>>,
    findings: Vec<FindingOf<'a>>,
}

/// The file that was read, a template or JSON.
#[derive(Serialize)]
struct ConfigOf<'a> {
    file: &'a str,
    sha256: String,
    template: bool,
}

#[derive(Serialize)]
struct IntentOf<'a> {
    file: Option<String>,
    sha256: Option<&'a str>,
}

#[derive(Serialize)]
struct PeopleOf<'a> {
    ci_user: &'a str,
    ci_group: Option<&'a str>,
    admin_user: &'a str,
    admin_group: Option<&'a str>,
}

#[derive(Serialize)]
struct Totals {
    fail: usize,
    warn: usize,
    note: usize,
    cells: usize,
    differ: usize,
    exit_code: u8,
}

#[derive(Serialize)]
struct ClassOf<'a> {
    pattern: Option<&'a str>,
    sample: &'a str,
    cells: Vec<CellOf>,
}

#[derive(Serialize)]
struct CellOf {
    principal: &'static str,
    action: &'static str,
    intended: bool,
    configured: &'static str,
    differs: bool,
}

#[derive(Serialize)]
struct FindingOf<'a> {
    id: &'a str,
    severity: Severity,
    effect: &'a str,
    cure: Option<&'a str>,
    place: &'a str,
    file: Option<&'a str>,
    line: Option<usize>,
    column: Option<usize>,
    rendered: Option<&'a str>,
    since: Option<String>,
    until: Option<String>,
}

impl<'a> Json<'a> {
    pub(super) fn new(told: &'a Advised<'a>) -> Self {
        let source = &told.settings.configured.source;
        let cells = || told.classes.iter().flat_map(|class| &class.cells);
        Self {
            schema_version: 1,
            command: "policy",
            config: ConfigOf {
                file: source.name(),
                sha256: hex(source.text()),
                template: source.json() != source.text(),
            },
            intent: match &told.settings.intent.source {
                IntentSource::BuiltIn => IntentOf { file: None, sha256: None },
                IntentSource::File { path, sha256 } => {
                    IntentOf { file: Some(path.display().to_string()), sha256: Some(sha256) }
                }
            },
            people: PeopleOf {
                ci_user: &told.people.ci,
                ci_group: told.people.ci_group.as_deref(),
                admin_user: &told.people.admin,
                admin_group: told.people.admin_group.as_deref(),
            },
            summary: Totals {
                fail: told.count(Severity::Fail),
                warn: told.count(Severity::Warn),
                note: told.count(Severity::Note),
                cells: cells().count(),
                differ: cells().filter(|cell| cell.differs()).count(),
                exit_code: told.exit.code(),
            },
            classes: told.classes.iter().map(ClassOf::new).collect(),
            findings: told.findings.iter().map(FindingOf::new).collect(),
        }
    }
}

impl<'a> ClassOf<'a> {
    fn new(class: &'a Class) -> Self {
        let cell = |cell: &Cell| CellOf {
            principal: cell.role.word(),
            action: cell.action.word(),
            intended: cell.intended,
            configured: match cell.configured.ruling {
                Ruling::Granted => "granted",
                Ruling::Refused => "refused",
                Ruling::Conditional => "conditional",
                Ruling::Chance => "chance",
            },
            differs: cell.differs(),
        };
        Self { pattern: class.pattern.as_deref(), sample: &class.sample, cells: class.cells.iter().map(cell).collect() }
    }
}

impl<'a> FindingOf<'a> {
    fn new(told: &'a Told) -> Self {
        let spot = told.spot.as_ref();
        Self {
            id: told.finding.id,
            severity: told.finding.severity,
            effect: &told.finding.effect,
            cure: told.finding.cure.as_deref(),
            place: &told.place,
            file: spot.map(|spot| spot.file.as_str()),
            line: spot.map(|spot| spot.line),
            column: spot.map(|spot| spot.column),
            rendered: spot.and_then(|spot| spot.rendered.as_deref()),
            since: told.finding.since.filter(|release| release.0 > 0).map(|release| release.to_string()),
            until: told.finding.until.map(|release| release.to_string()),
        }
    }
}

fn hex(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}
