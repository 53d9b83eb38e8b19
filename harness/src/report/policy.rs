//! Tells what a configuration lets whom do: for people, for shell scripts, and as JSON.

mod json;

use std::io::{self, Write};

use annotate_snippets::Level;
use anstyle::Style;
use zot_verify_model::principal::Role;

use super::caret::{Caret, presentable};
use super::text::colour;
use super::{from_outside, labelled, wary};
use crate::advice::columns::{Cell, People};
use crate::advice::{Advice, Finding, Severity};
use crate::checks::version::Release;
use crate::policy::decision::Ruling;

use crate::run::exit::Exit;
use crate::run::outcome::Verdict;
use crate::settings::args::Format;
use crate::settings::source::Spot;
use crate::settings::{IntentSource, Policy};
use crate::wire::Redactor;

/// Advice to be told. What stands in files is text from outside: here it is redacted, and printable.
#[derive(Debug)]
pub struct Advised<'a> {
    settings: &'a Policy,
    classes: Vec<Class>,
    people: People,
    findings: Vec<Told>,
    exit: Exit,
    /// Columns of the terminal; no lines are broken where there is none.
    width: Option<usize>,
}

#[derive(Debug)]
struct Class {
    pattern: Option<String>,
    sample: String,
    cells: Vec<Cell>,
}

#[derive(Debug)]
struct Told {
    finding: Finding,
    place: String,
    spot: Option<Spot>,
}

impl<'a> Advised<'a> {
    /// What is to be told, and what it means for the exit code.
    #[must_use]
    pub fn new(settings: &'a Policy, advice: Advice, redactor: &Redactor, width: Option<usize>) -> Self {
        let clean = |text: &str| from_outside(redactor, text);
        let told = |finding: Finding| Told {
            place: clean(&finding.place.to_string()),
            spot: settings.configured.source.spot(&finding.place.keys()).map(|spot| presentable(spot, redactor)),
            finding: Finding { effect: clean(&finding.effect), cure: finding.cure.as_deref().map(clean), ..finding },
        };
        let fails = if settings.strict { Severity::Warn } else { Severity::Fail };
        let failed = advice.findings.iter().any(|finding| finding.severity >= fails);
        let class = |class: crate::advice::columns::Class| Class {
            pattern: class.pattern.as_deref().map(clean),
            sample: clean(&class.sample),
            cells: class.cells,
        };
        let people = advice.people;
        Self {
            settings,
            classes: advice.classes.into_iter().map(class).collect(),
            people: People {
                ci: clean(&people.ci),
                ci_group: people.ci_group.as_deref().map(clean),
                admin: clean(&people.admin),
                admin_group: people.admin_group.as_deref().map(clean),
            },
            findings: advice.findings.into_iter().map(told).collect(),
            exit: if failed { Exit::Failed } else { Exit::Good },
            width,
        }
    }

    /// What the process ends with: 1 where something fails.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// Tells it in this format; reasons of the brief one go to `reasons`.
    ///
    /// # Errors
    /// What keeps it from being written.
    pub fn write(&self, format: Format, out: &mut dyn Write, reasons: &mut dyn Write) -> io::Result<()> {
        match format {
            Format::Text => self.text(out),
            Format::Brief => self.brief(out, reasons),
            Format::Json => self.json(out),
        }
    }

    /// As JSON.
    ///
    /// # Errors
    /// What keeps it from being written.
    pub fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        wary::to_writer(out, &json::Json::new(self))
    }

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let (bold, dim) = (Style::new().bold(), Style::new().dimmed());
        writeln!(out, "{bold}policy of {}{bold:#}", self.settings.configured.source.name())?;
        match &self.settings.intent.source {
            IntentSource::BuiltIn => writeln!(out, "{dim}built-in intent{dim:#}")?,
            IntentSource::File { path, .. } => writeln!(out, "{dim}intent {}{dim:#}", path.display())?,
        }
        if self.settings.configured.source.is_unmapped() {
            writeln!(
                out,
                "{dim}the template changes text that it has captured, so lines are those of its rendering{dim:#}"
            )?;
        }
        self.columns(out)?;
        for told in self.findings.iter().filter(|told| told.finding.severity > Severity::Note) {
            writeln!(out, "\n{}", told.caret().render(self.width))?;
        }
        let mut notes = self.findings.iter().filter(|told| told.finding.severity == Severity::Note).peekable();
        if notes.peek().is_some() {
            writeln!(out, "\n{bold}good to know{bold:#}")?;
        }
        for told in notes {
            let style = colour(Verdict::Waived);
            let at = told.spot.as_ref().map_or_else(String::new, |spot| format!(" (line {})", spot.line));
            writeln!(out, "{style}{:>7}{style:#} {}  {}{at}", "note", told.finding.id, told.place)?;
            labelled(out, 8, "effect", &told.effect(), self.width)?;
            labelled(out, 8, "cure", told.cure(), self.width)?;
        }
        self.ended(out)
    }

    /// What is intended beside what is configured, a line for each kind of repository and role.
    fn columns(&self, out: &mut dyn Write) -> io::Result<()> {
        let (dim, red) = (Style::new().dimmed(), colour(Verdict::Fail));
        let room = self.classes.iter().map(|class| class.name().chars().count()).max().unwrap_or(0).max(12);
        writeln!(out, "\n{dim}{:<room$}  {:<13}  {:<26}  configured{dim:#}", "repositories", "who", "intended")?;
        for class in &self.classes {
            for (number, role) in Role::ALL.into_iter().enumerate() {
                let cells = || class.cells.iter().filter(|cell| cell.role == role);
                let intended = words(cells().filter(|cell| cell.intended).map(|cell| cell.action.word().to_owned()));
                let configured = words(cells().filter_map(configured));
                let name = if number == 0 { class.name() } else { "" };
                let line = format!("{name:<room$}  {:<13}  {intended:<26}  {configured}", role.word());
                if cells().any(Cell::differs) {
                    writeln!(out, "{red}{line}  <- differs{red:#}")?;
                } else {
                    writeln!(out, "{line}")?;
                }
            }
        }
        if self.classes.iter().flat_map(|class| &class.cells).any(|cell| unsure(cell.configured.ruling)) {
            writeln!(out, "{dim}?: a condition decides that, or chance{dim:#}")?;
        }
        let people = [
            (Role::Ci, &self.people.ci, &self.people.ci_group),
            (Role::Admin, &self.people.admin, &self.people.admin_group),
        ];
        let named = people.map(|(role, name, group)| match group {
            Some(group) => format!("{} is group {group}", role.word()),
            None => format!("{} is user {name}", role.word()),
        });
        writeln!(out, "{dim}{}{dim:#}", named.join(", "))
    }

    fn ended(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out)?;
        for (severity, verdict) in
            [(Severity::Fail, Verdict::Fail), (Severity::Warn, Verdict::Warn), (Severity::Note, Verdict::Waived)]
        {
            let (count, style) = (self.count(severity), colour(verdict));
            if count > 0 {
                write!(out, "{style}{count} {}{style:#}  ", severity.word())?;
            }
        }
        let cells = self.classes.iter().flat_map(|class| &class.cells);
        let (all, differ) = (cells.clone().count(), cells.filter(|cell| cell.differs()).count());
        writeln!(out, "{differ} of {all} cells differ")?;
        let style = colour(if self.exit == Exit::Good { Verdict::Pass } else { Verdict::Fail });
        let sentence = match self.exit {
            Exit::Good => "nothing in this configuration contradicts what is intended or required",
            _ if self.count(Severity::Fail) > 0 => "this configuration contradicts what is intended or required",
            _ => "there are warnings, which are to fail (strict)",
        };
        writeln!(out, "{style}{sentence}{style:#} (exit code {})", self.exit.code())?;
        out.flush()
    }

    fn brief(&self, out: &mut dyn Write, reasons: &mut dyn Write) -> io::Result<()> {
        for told in &self.findings {
            let word = match told.finding.severity {
                Severity::Fail => "FAILED",
                Severity::Warn => "WARN",
                Severity::Note => continue,
            };
            writeln!(out, "{:<32} {word}", told.finding.id)?;
            let at = told.spot.as_ref().map(|spot| format!("{}:{}:{}: ", spot.file, spot.line, spot.column));
            let (at, word) = (at.unwrap_or_default(), told.finding.severity.word());
            writeln!(reasons, "{at}{}: {word}: {}", told.finding.id, told.finding.effect)?;
        }
        if self.count(Severity::Warn) + self.count(Severity::Fail) == 0 {
            writeln!(out, "{:<32} OK", "policy")?;
        }
        reasons.flush()?;
        out.flush()
    }

    fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|told| told.finding.severity == severity).count()
    }
}

impl Class {
    fn name(&self) -> &str {
        self.pattern.as_deref().unwrap_or("any other")
    }
}

impl Told {
    fn caret(&self) -> Caret<'_> {
        let mut notes = Vec::new();
        if let Some(line) = self.spot.as_ref().and_then(|spot| spot.rendered.clone()) {
            notes.push(("rendered", line));
        }
        if let Some(releases) = self.releases() {
            notes.push(("releases", releases));
        }
        notes.push(("cure", self.cure().to_owned()));
        let (level, word) = match self.finding.severity {
            Severity::Fail => (Level::ERROR, "fail"),
            Severity::Warn => (Level::WARNING, "warn"),
            Severity::Note => (Level::NOTE, "note"),
        };
        let (id, title) = (self.finding.id, self.finding.effect.as_str());
        Caret { level, word, id, title, spot: self.spot.as_ref(), label: &self.place, notes }
    }

    /// The releases that it is true of, where not all are.
    fn releases(&self) -> Option<String> {
        // What began with the first release began with none that is known.
        let since = self.finding.since.filter(|release| release.0 > 0);
        match (since, self.finding.until) {
            (Some(since), Some(until)) => Some(format!("from {since}, no longer in {until}")),
            (Some(since), None) => Some(format!("from {since}")),
            (None, Some(until)) => Some(format!("before {until}")),
            (None, None) => None,
        }
    }

    fn effect(&self) -> String {
        let known = |release: &Release| self.finding.effect.contains(&release.to_string());
        let said = self.finding.since.iter().chain(&self.finding.until).any(known);
        let releases = self.releases().filter(|_| !said).map_or_else(String::new, |releases| format!(" ({releases})"));
        format!("{}{releases}", self.finding.effect)
    }

    fn cure(&self) -> &str {
        self.finding.cure.as_deref().unwrap_or("none: no configuration changes it")
    }
}

/// The word of an action that is granted, or may be.
fn configured(cell: &Cell) -> Option<String> {
    let word = cell.action.word();
    match cell.configured.ruling {
        Ruling::Granted => Some(word.to_owned()),
        ruling if unsure(ruling) => Some(format!("{word}?")),
        _ => None,
    }
}

fn unsure(ruling: Ruling) -> bool {
    matches!(ruling, Ruling::Conditional | Ruling::Chance)
}

fn words(words: impl Iterator<Item = String>) -> String {
    let words = words.collect::<Vec<_>>().join(" ");
    if words.is_empty() { "nothing".into() } else { words }
}
