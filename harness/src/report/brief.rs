//! One check a line, as shell scripts print their checks; reasons go to another stream.

use std::io::{self, Write};

use super::text::{groups, names};
use super::{Reporter, one_line, printable};
use crate::run::event::{Event, Summary};
use crate::run::outcome::{CheckOutcome, PartOutcome, Verdict};

/// Writes verdicts to one stream and their reasons to another.
#[derive(Debug)]
pub struct Brief<O, E> {
    out: O,
    reasons: E,
    stand_in: bool,
    skipped: Vec<String>,
}

impl<O: Write, E: Write> Brief<O, E> {
    /// A reporter that writes verdicts to `out` and reasons to `reasons`.
    pub fn new(out: O, reasons: E) -> Self {
        Self { out, reasons, stand_in: false, skipped: Vec::new() }
    }

    fn judged(&mut self, outcome: &CheckOutcome) -> io::Result<()> {
        let id = outcome.check.id;
        let stand_in = if self.stand_in { " (stand-in)" } else { "" };
        writeln!(self.out, "{id:<32} {}{stand_in}", word(outcome))?;
        if outcome.verdict == Verdict::Skipped && !outcome.required {
            self.skipped.push(format!("{id} ({})", reason(outcome)));
        } else if outcome.verdict > Verdict::Pass {
            for group in groups(outcome, &[outcome.verdict]) {
                let PartOutcome { reason, expected, observed, waiver, .. } = group[0];
                let waived = waiver.as_ref().map_or_else(String::new, |waiver| format!("{waiver}; "));
                let not = expected.as_ref().map_or_else(String::new, |expected| format!(", not: {expected}"));
                let told = one_line(&format!("{waived}{}{not}", observed.as_ref().unwrap_or(reason)));
                writeln!(self.reasons, "{id}/{}: {}: {told}", names(&group), outcome.verdict.word())?;
            }
        }
        Ok(())
    }

    fn ended(&mut self, summary: &Summary) -> io::Result<()> {
        for note in &summary.notes {
            writeln!(self.reasons, "{}", printable(&one_line(&note.to_string())))?;
        }
        if !summary.ledger.items.is_empty() {
            writeln!(self.reasons, "ledger: {}", summary.ledger)?;
        }
        if !self.skipped.is_empty() {
            writeln!(self.reasons, "skipped: {}", self.skipped.join("; "))?;
        }
        self.reasons.flush()?;
        self.out.flush()
    }
}

impl<O: Write, E: Write> Reporter for Brief<O, E> {
    fn tell(&mut self, event: &Event<'_>) -> io::Result<()> {
        match event {
            Event::Started(header) => {
                self.stand_in = header.stand_in;
                Ok(())
            }
            Event::Judged(outcome) => self.judged(outcome),
            Event::Ended(summary) => self.ended(summary),
        }
    }
}

/// The verdict as a word; an OK with parts that were not judged says so.
fn word(outcome: &CheckOutcome) -> String {
    let word = match outcome.verdict {
        Verdict::Pass => "OK",
        Verdict::Waived => "WAIVED",
        Verdict::Warn => "WARN",
        Verdict::Fail => "FAILED",
        Verdict::Error => "ERROR",
        Verdict::Skipped => "SKIPPED",
        Verdict::NotRun => "NOT-RUN",
    };
    let (skipped, parts) = (outcome.parts_that(Verdict::Skipped).count(), outcome.parts.len());
    if outcome.verdict != Verdict::Pass || skipped == 0 {
        return word.to_owned();
    }
    format!("{word} ({}/{parts}: {})", parts - skipped, reason(outcome))
}

/// Why parts were skipped; of several reasons the first.
fn reason(outcome: &CheckOutcome) -> String {
    outcome.parts_that(Verdict::Skipped).next().map_or_else(String::new, |part| one_line(&part.reason))
}
