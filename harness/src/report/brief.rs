//! One check a line, as shell scripts print their checks; reasons go to another stream.

use std::io::{self, Write};

use super::Reporter;
use crate::run::event::Event;
use crate::run::outcome::{CheckOutcome, Verdict};

/// Writes verdicts to one stream and their reasons to another.
#[derive(Debug)]
pub struct Brief<O, E> {
    out: O,
    reasons: E,
    stand_in: bool,
}

impl<O: Write, E: Write> Brief<O, E> {
    /// A reporter that writes verdicts to `out` and reasons to `reasons`.
    pub fn new(out: O, reasons: E) -> Self {
        Self { out, reasons, stand_in: false }
    }

    fn judged(&mut self, outcome: &CheckOutcome) -> io::Result<()> {
        let stand_in = if self.stand_in { " (stand-in)" } else { "" };
        writeln!(self.out, "{:<32} {}{stand_in}", outcome.check.id, word(outcome))?;
        for part in outcome.deciding().filter(|part| part.verdict > Verdict::Pass) {
            let (name, verdict) = (part.part.name, part.verdict.word());
            match &part.expected {
                Some(expected) => {
                    writeln!(self.reasons, "{}/{name}: {verdict}: {}, not: {expected}", outcome.check.id, part.reason)?;
                }
                None => writeln!(self.reasons, "{}/{name}: {verdict}: {}", outcome.check.id, part.reason)?,
            }
        }
        if outcome.verdict == Verdict::Skipped {
            let reason = outcome.parts.first().map_or("", |part| &part.reason);
            writeln!(self.reasons, "{}: skipped: {reason}", outcome.check.id)?;
        }
        Ok(())
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
            Event::Ended(_) => self.out.flush(),
        }
    }
}

/// The verdict as a word; an OK with parts that were not judged says so.
fn word(outcome: &CheckOutcome) -> String {
    let word = match outcome.verdict {
        Verdict::Pass => "OK",
        Verdict::Warn => "WARN",
        Verdict::Fail => "FAILED",
        Verdict::Error => "ERROR",
        Verdict::Skipped => "SKIPPED",
        Verdict::NotRun => "NOT-RUN",
    };
    let skipped: Vec<_> = outcome.parts_that(Verdict::Skipped).collect();
    if outcome.verdict != Verdict::Pass || skipped.is_empty() {
        return word.to_owned();
    }
    let judged = outcome.parts.len() - skipped.len();
    let names: Vec<&str> = skipped.iter().map(|part| part.part.name).collect();
    format!("{word} ({judged}/{}: not {}: {})", outcome.parts.len(), names.join(", "), skipped[0].reason)
}
