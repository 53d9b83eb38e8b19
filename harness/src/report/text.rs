//! For people: one line a check, and under a line that is not good everything that is needed to understand it.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::{Reporter, labelled, one_line, plural, printable};
use crate::check::Probe;
use crate::run::event::{Event, Header, Summary};
use crate::run::exit::Exit;
use crate::run::outcome::{CheckOutcome, PartOutcome, Verdict};
use crate::settings::IntentSource;

/// Column at which what belongs to a check begins.
const INDENT: usize = 8;

/// Writes a run as text with colours; where the output takes none, the writer strips them.
#[derive(Debug)]
pub struct Text<W> {
    out: W,
    /// Columns of the terminal; no lines are broken where there is none.
    width: Option<usize>,
    header: Option<Header>,
    parts: usize,
    skipped: usize,
}

impl<W: Write> Text<W> {
    /// A reporter that writes to `out`, which has this many columns.
    pub fn new(out: W, width: Option<usize>) -> Self {
        Self { out, width, header: None, parts: 0, skipped: 0 }
    }

    fn started(&mut self, header: &Header) -> io::Result<()> {
        let (bold, dim) = (Style::new().bold(), Style::new().dimmed());
        let what = if header.stand_in {
            "the embedded stand-in, not zot".to_owned()
        } else if !header.asked {
            "asked nothing: its certificate is not believed".to_owned()
        } else {
            let version = header.zot_version.as_deref().unwrap_or("a zot that names no release");
            let version = if header.zot_version.is_some() { format!("zot {version}") } else { version.to_owned() };
            let from = header.made_of.as_deref().map_or_else(String::new, |from| format!(" from {from}"));
            format!("{version}{from}")
        };
        writeln!(self.out, "{bold}{} {}{bold:#}  {what}", header.kind, header.url)?;
        let intent = match &header.intent {
            IntentSource::BuiltIn => "built-in intent".to_owned(),
            IntentSource::File { path, .. } => format!("intent {}", path.display()),
        };
        writeln!(self.out, "{dim}{intent}{dim:#}")?;
        for change in &header.changes {
            writeln!(self.out, "{dim}lab sets {change}{dim:#}")?;
        }
        writeln!(self.out)
    }

    fn judged(&mut self, outcome: &CheckOutcome) -> io::Result<()> {
        self.parts += outcome.parts.len();
        self.skipped += outcome.parts_that(Verdict::Skipped).count();
        let style = colour(outcome.verdict);
        let word = outcome.verdict.word();
        let good = outcome.parts_that(Verdict::Pass).count();
        let count = format!("{good}/{}", outcome.parts.len());
        writeln!(self.out, "{style}{word:>7}{style:#} {:<27} {count:>5}  {}", outcome.check.id, outcome.check.title)?;
        for group in groups(outcome, &[Verdict::Fail, Verdict::Error, Verdict::Warn, Verdict::Waived, Verdict::NotRun])
        {
            self.trouble(&group)?;
        }
        let dim = Style::new().dimmed();
        // What was concluded from other checks is told nowhere else.
        for part in outcome.parts_that(Verdict::Pass).filter(|part| matches!(part.part.probe, Probe::Concludes(_))) {
            writeln!(self.out, "{:INDENT$}{dim}{}: {}{dim:#}", "", part.part.name, one_line(&part.reason))?;
        }
        for group in groups(outcome, &[Verdict::Skipped]) {
            let reason = one_line(&group[0].reason);
            writeln!(self.out, "{:INDENT$}{dim}skipped {}: {reason}{dim:#}", "", names(&group))?;
        }
        Ok(())
    }

    fn trouble(&mut self, group: &[&PartOutcome]) -> io::Result<()> {
        let first = group[0];
        let style = colour(first.verdict);
        writeln!(self.out, "{:INDENT$}{style}{}{style:#}", "", names(group))?;
        let indent = INDENT + 2;
        match (&first.expected, &first.observed) {
            (Some(expected), Some(observed)) => {
                labelled(&mut self.out, indent, "expected", expected, self.width)?;
                labelled(&mut self.out, indent, "observed", observed, self.width)?;
            }
            _ => labelled(&mut self.out, indent, "because", &first.reason, self.width)?,
        }
        if let Some(waiver) = &first.waiver {
            labelled(&mut self.out, indent, "waived", &printable(&waiver.to_string()), self.width)?;
        }
        if let Some(hint) = &first.hint {
            let cure = cure(hint.cure.as_deref(), self.header.as_ref());
            labelled(&mut self.out, indent, "cause", &hint.cause, self.width)?;
            labelled(&mut self.out, indent, "cure", &cure, self.width)?;
        }
        if let Some(curl) = &first.curl {
            // Not broken: it is there to be copied.
            labelled(&mut self.out, indent, "repeat", curl, None)?;
        }
        Ok(())
    }

    fn ended(&mut self, summary: &Summary) -> io::Result<()> {
        let counts = &summary.counts;
        for note in &summary.notes {
            let style = colour(if note.is_grave() { Verdict::Error } else { Verdict::Warn });
            writeln!(self.out, "{style}{:>7}{style:#} {}", "note", printable(&one_line(&note.to_string())))?;
        }
        if !summary.ledger.items.is_empty() {
            let style = if summary.ledger.remains() { colour(Verdict::Warn) } else { Style::new().dimmed() };
            writeln!(self.out, "{style}{:>7}{style:#} {}", "ledger", summary.ledger)?;
        }
        let told = [
            (counts.fail, Verdict::Fail),
            (counts.error, Verdict::Error),
            (counts.not_run, Verdict::NotRun),
            (counts.warn, Verdict::Warn),
            (counts.waived, Verdict::Waived),
            (counts.skipped, Verdict::Skipped),
            (counts.pass, Verdict::Pass),
        ];
        writeln!(self.out)?;
        for (count, verdict) in told.into_iter().filter(|(count, _)| *count > 0) {
            tally(&mut self.out, verdict, count)?;
        }
        let parts = plural(self.parts, "part");
        let requests = plural(summary.requests, "request");
        writeln!(self.out, "{parts}, {requests}, {:.2} s", summary.duration.as_secs_f64())?;
        if self.header.as_ref().is_some_and(|header| header.stand_in) {
            writeln!(self.out, "the stand-in was checked; this says nothing about zot")?;
        }
        let style = if summary.exit == Exit::Good { colour(Verdict::Pass) } else { colour(Verdict::Fail) };
        let skipped = match self.skipped {
            0 => String::new(),
            skipped => format!("; {} not looked at", plural(skipped, "part")),
        };
        let (sentence, code) = (sentence(summary.exit), summary.exit.code());
        writeln!(self.out, "{style}{sentence}{style:#}{skipped} (exit code {code})")?;
        self.out.flush()
    }
}

impl<W: Write> Reporter for Text<W> {
    fn tell(&mut self, event: &Event<'_>) -> io::Result<()> {
        match event {
            Event::Started(header) => {
                self.header = Some((*header).clone());
                self.started(header)
            }
            Event::Judged(outcome) => self.judged(outcome),
            Event::Ended(summary) => self.ended(summary),
        }
    }
}

/// What to change, or that nothing helps.
pub(super) fn cure(cure: Option<&str>, header: Option<&Header>) -> String {
    cure.map_or_else(
        || {
            let version = header.and_then(|header| header.zot_version.as_deref());
            let release = version.map_or_else(|| "this release".to_owned(), |version| format!("zot {version}"));
            format!("none: no configuration of {release} changes it")
        },
        str::to_owned,
    )
}

/// Parts with one of these verdicts; those that say the same stand together.
pub(super) fn groups<'a>(outcome: &'a CheckOutcome, verdicts: &[Verdict]) -> Vec<Vec<&'a PartOutcome>> {
    let mut groups: Vec<Vec<&PartOutcome>> = Vec::new();
    for part in outcome.parts.iter().filter(|part| verdicts.contains(&part.verdict)) {
        let says = |part: &PartOutcome| (part.verdict, part.expected.clone(), part.reason.clone(), part.hint.clone());
        match groups.iter_mut().find(|group| says(group[0]) == says(part)) {
            Some(group) => group.push(part),
            None => groups.push(vec![part]),
        }
    }
    groups
}

pub(super) fn names(group: &[&PartOutcome]) -> String {
    group.iter().map(|part| part.part.name).collect::<Vec<_>>().join(", ")
}

/// How often a verdict came, in its colour.
pub(super) fn tally(out: &mut dyn Write, verdict: Verdict, count: usize) -> io::Result<()> {
    let style = colour(verdict);
    write!(out, "{style}{count} {}{style:#}  ", verdict.word())
}

pub(super) fn colour(verdict: Verdict) -> Style {
    let colour = match verdict {
        Verdict::Pass => AnsiColor::Green,
        Verdict::Warn => AnsiColor::Yellow,
        Verdict::Fail | Verdict::Error | Verdict::NotRun => AnsiColor::Red,
        Verdict::Skipped | Verdict::Waived => AnsiColor::Cyan,
    };
    Style::new().bold().fg_color(Some(colour.into()))
}

fn sentence(exit: Exit) -> &'static str {
    match exit {
        Exit::Good => "every claim that was looked at holds",
        Exit::Failed => "the registry breaks what its owner requires",
        Exit::Usage => "usage or configuration",
        Exit::Unknown => "could not tell",
        Exit::Remains => "something remains that zot-verify made and may delete",
        Exit::NothingRan => "nothing ran, so nothing is proven",
        Exit::Interrupted => "interrupted",
    }
}
