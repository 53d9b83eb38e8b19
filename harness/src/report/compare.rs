//! Tells a comparison: for people, for shell scripts, and as JSON.

mod json;

use std::collections::BTreeSet;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::text::{colour, cure};
use super::{labelled, one_line, plural, printable, wary};
use crate::compare::changes::{Change, Difference};
use crate::compare::trial::{Trial, Tried};
use crate::compare::{Report, Side, count, why};
use crate::run::event::Counts;
use crate::run::exit::Exit;
use crate::run::outcome::{PartOutcome, Verdict};
use crate::settings::args::Format;
use crate::settings::{Compare, IntentSource};
use crate::target::zot::Zot;

/// Column at which what belongs to a line begins.
const INDENT: usize = 10;

/// What to do where the old zot does not take the configuration that the new one comes up with.
const OLD: &str = "this configuration goes with the new zot, and not before it; to compare them, give the old zot its own \
                   configuration with --config or --role, and this one with --to-config or --to-role";

/// A comparison to be told.
#[derive(Debug, Clone, Copy)]
pub struct Compared<'a> {
    /// What was asked for.
    pub settings: &'a Compare,
    /// What was found.
    pub report: &'a Report,
    /// Columns of the terminal; no lines are broken where there is none.
    pub width: Option<usize>,
}

impl Compared<'_> {
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

    fn sides(&self) -> [(&'static str, &Side, &Zot, &str); 2] {
        let (settings, report) = (self.settings, self.report);
        [
            ("from", &report.from, &settings.from, &settings.sources.0),
            ("to", &report.to, &settings.to, &settings.sources.1),
        ]
    }

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        self.header(out)?;
        for (word, side, ..) in self.sides() {
            self.down(out, word, side)?;
        }
        let differences = self.report.differences();
        for group in groups(&differences) {
            match group[0].change {
                Change::Same => {}
                Change::Unclear => unclear(out, &group)?,
                _ => self.changed(out, &group)?,
            }
        }
        self.report.trials.iter().try_for_each(|trial| self.trial(out, trial))?;
        self.ended(out, &differences)
    }

    fn header(&self, out: &mut dyn Write) -> io::Result<()> {
        let (bold, dim) = (Style::new().bold(), Style::new().dimmed());
        let [from, to] = self.sides().map(|(_, side, zot, _)| name(side, zot));
        writeln!(out, "{bold}compare {from} with {to}{bold:#}")?;
        for (word, _, zot, source) in self.sides() {
            writeln!(out, "{dim}{word:<4} {}, configuration {}{dim:#}", printable(&zot.name()), printable(source))?;
        }
        let intent = match &self.settings.run.intent.source {
            IntentSource::BuiltIn => "built-in intent".to_owned(),
            IntentSource::File { path, .. } => format!("intent {}", path.display()),
        };
        writeln!(out, "{dim}{}{dim:#}", printable(&intent))?;
        let ran = self.report.from.ran().or_else(|| self.report.to.ran());
        let given = self.settings.run.config.is_some() || self.settings.to_config.is_some();
        let keys = ran.filter(|_| given).map(|ran| ran.header.changes.iter().map(|change| key(change)));
        let keys = keys.map(|keys| keys.collect::<Vec<_>>().join(", ")).filter(|keys| !keys.is_empty());
        if let Some(keys) = keys {
            writeln!(out, "{dim}labs set {keys}{dim:#}")?;
        }
        writeln!(out)
    }

    /// A side that did not come up.
    fn down(&self, out: &mut dyn Write, word: &str, side: &Side) -> io::Result<()> {
        let Some(trouble) = side.trouble() else { return Ok(()) };
        let red = colour(Verdict::Error);
        writeln!(out, "{red}{word:>8}{red:#} {}", printable(trouble.what()))?;
        labelled(out, INDENT, "because", &why(trouble), self.width)?;
        let remedy = match (side, self.report.to.ran()) {
            (Side::Refused(_), Some(_)) => OLD.to_owned(),
            _ => printable(trouble.remedy()),
        };
        labelled(out, INDENT, "do", &remedy, self.width)
    }

    /// Parts that changed alike.
    fn changed(&self, out: &mut dyn Write, group: &[&Difference<'_>]) -> io::Result<()> {
        let Difference { check, from, to, change } = group[0];
        let style = shade(*change);
        writeln!(out, "{style}{:>8}{style:#} {:<25} {}", change.word(), check.id, names(group))?;
        let breached = if *change == Change::Fixed { from } else { to };
        if let Some(expected) = &breached.expected {
            labelled(out, INDENT, "expected", expected, self.width)?;
        }
        labelled(out, INDENT, "from", &seen(from, group.len()), self.width)?;
        labelled(out, INDENT, "to", &seen(to, group.len()), self.width)?;
        if let Some(waiver) = to.waiver.as_ref().filter(|_| *change == Change::Accepted) {
            labelled(out, INDENT, "waived", &printable(&waiver.to_string()), self.width)?;
        }
        if let Some(hint) = &breached.hint {
            labelled(out, INDENT, "cause", &hint.cause, self.width)?;
            if *change != Change::Fixed {
                let header = self.report.to.ran().map(|ran| &ran.header);
                labelled(out, INDENT, "cure", &cure(hint.cure.as_deref(), header), self.width)?;
            }
        }
        Ok(())
    }

    fn trial(&self, out: &mut dyn Write, trial: &Trial) -> io::Result<()> {
        let bold = Style::new().bold();
        writeln!(out, "{bold}{:>8}{bold:#} {}", "tried", trial.attempt)?;
        if !trial.cures.is_empty() {
            labelled(out, INDENT, "for", &listed(&trial.cures), self.width)?;
        }
        labelled(out, INDENT, "from", &became(&trial.from), self.width)?;
        labelled(out, INDENT, "to", &became(&trial.to), self.width)?;
        labelled(out, INDENT, "when", trial.when.words(), self.width)
    }

    fn ended(&self, out: &mut dyn Write, differences: &[Difference<'_>]) -> io::Result<()> {
        let dim = Style::new().dimmed();
        let same = differences.iter().filter(|part| part.change == Change::Same).map(|part| part.to.verdict);
        let same = tally(&Counts::of_verdicts(same));
        if !same.is_empty() {
            writeln!(out, "{dim}{:>8} {same}{dim:#}", "same")?;
        }
        for (word, side, zot, _) in self.sides().into_iter().filter(|_| differences.is_empty()) {
            if side.ran().is_some() {
                let (name, parts) = (name(side, zot), tally(&side.parts()));
                writeln!(out, "{word:>8} {name} comes up, and there is nothing to compare it with: {parts}")?;
            }
        }
        writeln!(out)?;
        for change in [Change::Broken, Change::Unclear, Change::Accepted, Change::Other, Change::Fixed] {
            let count = count(differences, change);
            if count > 0 {
                let style = shade(change);
                write!(out, "{style}{count} {}{style:#}  ", change.word())?;
            }
        }
        let (parts, seconds) = (plural(differences.len(), "part"), self.report.duration.as_secs_f64());
        writeln!(out, "{parts}, {seconds:.2} s")?;
        if self.stand_in() {
            writeln!(out, "the stand-in was checked; this says nothing about zot")?;
        }
        let style = colour(if self.report.exit == Exit::Good { Verdict::Pass } else { Verdict::Fail });
        writeln!(out, "{style}{}{style:#} (exit code {})", self.sentence(), self.report.exit.code())?;
        out.flush()
    }

    fn stand_in(&self) -> bool {
        [&self.settings.from, &self.settings.to].contains(&&Zot::Embedded)
    }

    fn sentence(&self) -> String {
        let [from, to] = self.sides().map(|(_, side, zot, _)| name(side, zot));
        match (self.report.exit, self.report.from.ran(), self.report.to.ran()) {
            (Exit::Good, ..) => "nothing that was looked at gets worse".into(),
            (Exit::Failed, _, None) => format!("{to} does not come up with this configuration"),
            (Exit::Failed, ..) => "something that held does not hold any more".into(),
            (Exit::NothingRan, ..) => "nothing was judged on both sides, so nothing is known".into(),
            (_, None, _) => format!("could not tell: {from} did not come up, so there is nothing to compare with"),
            _ => "could not tell whether something gets worse".into(),
        }
    }

    fn brief(&self, out: &mut dyn Write, reasons: &mut dyn Write) -> io::Result<()> {
        let stand_in = if self.stand_in() { " (stand-in)" } else { "" };
        for (word, side, ..) in self.sides() {
            if let Some(trouble) = side.trouble() {
                writeln!(out, "{word:<32} DOWN{stand_in}")?;
                writeln!(reasons, "{word}: {}", one_line(&format!("{}: {}", printable(trouble.what()), why(trouble))))?;
            }
        }
        let differences = self.report.differences();
        for check in differences.chunk_by(|one, other| one.check.id == other.check.id) {
            let worst = check.iter().map(|part| part.change).max().unwrap_or(Change::Same);
            writeln!(out, "{:<32} {}{stand_in}", check[0].check.id, worst.word().to_uppercase())?;
        }
        for group in groups(&differences).iter().filter(|group| group[0].change != Change::Same) {
            let Difference { check, from, to, change } = group[0];
            let told = format!("{}, then {}", seen(from, group.len()), seen(to, group.len()));
            writeln!(reasons, "{}/{}: {}: {}", check.id, names(group), change.word(), one_line(&told))?;
        }
        for trial in &self.report.trials {
            writeln!(reasons, "tried {}: {}", trial.attempt, trial.when.words())?;
        }
        reasons.flush()?;
        out.flush()
    }
}

/// Parts of which one side tells nothing: a line, for mostly they follow from another one.
fn unclear(out: &mut dyn Write, group: &[&Difference<'_>]) -> io::Result<()> {
    let Difference { check, from, to, .. } = group[0];
    let grave = group[0].exit() != Exit::Good;
    let style = if grave { shade(Change::Unclear) } else { Style::new().dimmed() };
    let told = format!("{}, then {}", seen(from, group.len()), seen(to, group.len()));
    writeln!(out, "{style}{:>8}{style:#} {:<25} {}: {}", "unclear", check.id, names(group), one_line(&told))
}

/// Parts of one check that changed alike, in their order.
fn groups<'a, 'b>(differences: &'b [Difference<'a>]) -> Vec<Vec<&'b Difference<'a>>> {
    let mut groups: Vec<Vec<&Difference<'_>>> = Vec::new();
    for part in differences {
        let says = |part: &PartOutcome| {
            // Each proof says something else, and none has to be explained.
            let reason = (part.verdict != Verdict::Pass).then(|| part.reason.clone());
            (part.verdict, part.expected.clone(), reason, part.hint.clone())
        };
        let alike = |group: &&mut Vec<&Difference<'_>>| {
            let first = group[0];
            first.check.id == part.check.id
                && first.change == part.change
                && (says(first.from), says(first.to)) == (says(part.from), says(part.to))
        };
        match groups.iter_mut().find(alike) {
            Some(group) => group.push(part),
            None => groups.push(vec![part]),
        }
    }
    groups
}

fn names(group: &[&Difference<'_>]) -> String {
    group.iter().map(|part| part.to.part.name).collect::<Vec<_>>().join(", ")
}

/// What was seen of a part on a side; proofs of several are not repeated.
fn seen(part: &PartOutcome, of: usize) -> String {
    let verdict = part.verdict.word();
    if part.verdict == Verdict::Pass && of > 1 {
        return verdict.to_owned();
    }
    format!("{verdict}: {}", part.observed.as_ref().unwrap_or(&part.reason))
}

/// What a change of the configuration did to a side.
fn became(tried: &Tried) -> String {
    match tried {
        Tried::Refused(words) => format!("does not come up with it: {words}"),
        Tried::Untold(words) => format!("that could not be told: {words}"),
        Tried::Up { fixed, broken } => {
            let told = [("fixed", fixed), ("broken", broken)].into_iter().filter(|(_, parts)| !parts.is_empty());
            let told: Vec<_> = told.map(|(word, parts)| format!("{word}: {}", listed(parts))).collect();
            let told = if told.is_empty() { "nothing gets better or worse".into() } else { told.join("; ") };
            format!("comes up with it; {told}")
        }
    }
}

fn listed(parts: &BTreeSet<String>) -> String {
    parts.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// How a side is called.
fn name(side: &Side, zot: &Zot) -> String {
    let version = side.ran().and_then(|ran| ran.header.zot_version.clone());
    match (zot, version) {
        (Zot::Embedded, _) => "the embedded stand-in".into(),
        (_, Some(version)) => format!("zot {version}"),
        (_, None) => printable(&zot.name()),
    }
}

/// The key of a line that tells what a lab changed.
fn key(change: &str) -> &str {
    change.split_once(": ").map_or(change, |(key, _)| key)
}

/// `9 pass, 1 warn`: how many parts have each verdict.
fn tally(counts: &Counts) -> String {
    let told = [
        (counts.pass, Verdict::Pass),
        (counts.warn, Verdict::Warn),
        (counts.fail, Verdict::Fail),
        (counts.waived, Verdict::Waived),
        (counts.error, Verdict::Error),
        (counts.not_run, Verdict::NotRun),
        (counts.skipped, Verdict::Skipped),
    ];
    let told = told.into_iter().filter(|(count, _)| *count > 0);
    told.map(|(count, verdict)| format!("{count} {}", verdict.word())).collect::<Vec<_>>().join(", ")
}

fn shade(change: Change) -> Style {
    match change {
        Change::Fixed => colour(Verdict::Pass),
        Change::Broken => colour(Verdict::Fail),
        Change::Unclear => colour(Verdict::Error),
        Change::Other => colour(Verdict::Warn),
        Change::Accepted => colour(Verdict::Waived),
        Change::Same => Style::new().fg_color(Some(AnsiColor::White.into())),
    }
}
