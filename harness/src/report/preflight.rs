//! Tells a preflight: for people, for shell scripts, and as JSON.

use std::io::{self, Write};

use anstyle::Style;
use serde::Serialize;

use super::text::{colour, tally};
use super::{labelled, one_line, plural, wary};
use crate::preflight::Report;
use crate::preflight::line::{Finding, Judged, Red};
use crate::run::exit::Exit;
use crate::run::outcome::Verdict;
use crate::settings::Preflight;
use crate::settings::args::Format;

/// Column at which what belongs to a line begins.
const INDENT: usize = 8;

/// A preflight to be told.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// What was asked for.
    pub settings: &'a Preflight,
    /// What was found.
    pub report: &'a Report,
    /// What the process will end with.
    pub exit: Exit,
    /// Columns of the terminal; no lines are broken where there is none.
    pub width: Option<usize>,
}

impl Told<'_> {
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
        wary::to_writer(out, &Json::new(self))
    }

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let (bold, dim) = (Style::new().bold(), Style::new().dimmed());
        let version = self.report.version.as_ref().map_or_else(String::new, |version| format!("  zot {version}"));
        writeln!(out, "{bold}preflight {}{bold:#}{version}", self.settings.zot.display())?;
        writeln!(out, "{dim}configuration {}{dim:#}\n", self.settings.source)?;
        for judged in &self.report.lines {
            self.line(out, judged)?;
        }
        writeln!(out)?;
        for (verdict, count) in self.counts().into_iter().filter(|(_, count)| *count > 0) {
            tally(out, verdict, count)?;
        }
        writeln!(out, "{}, {:.2} s", plural(self.report.lines.len(), "line"), self.report.duration.as_secs_f64())?;
        let style = colour(if self.exit == Exit::Good { Verdict::Pass } else { Verdict::Fail });
        writeln!(out, "{style}{}{style:#} (exit code {})", sentence(self.exit), self.exit.code())?;
        out.flush()
    }

    fn line(&self, out: &mut dyn Write, judged: &Judged) -> io::Result<()> {
        let (verdict, dim) = (judged.finding.verdict(), Style::new().dimmed());
        let style = colour(verdict);
        writeln!(out, "{style}{:>7}{style:#} {:<23} {}", verdict.word(), judged.line.id, judged.line.claim)?;
        let indent = INDENT + 2;
        match &judged.finding {
            Finding::Good(seen) => writeln!(out, "{:INDENT$}{dim}{}{dim:#}", "", one_line(seen)),
            Finding::Skipped(reason) => writeln!(out, "{:INDENT$}{dim}skipped: {}{dim:#}", "", one_line(reason)),
            Finding::Unknown { why, cure } => {
                labelled(out, indent, "because", why, self.width)?;
                labelled(out, indent, "do", cure, self.width)
            }
            Finding::Bad(reds) => reds.iter().try_for_each(|red| {
                if reds.len() > 1 {
                    let verdict = if red.fails { Verdict::Fail } else { Verdict::Warn };
                    let style = colour(verdict);
                    writeln!(out, "{:INDENT$}{style}{}{style:#}", "", verdict.word())?;
                }
                labelled(out, indent, "expected", &red.expected, self.width)?;
                labelled(out, indent, "observed", &red.observed, self.width)?;
                labelled(out, indent, "cause", &red.hint.cause, self.width)?;
                labelled(out, indent, "cure", cure(red), self.width)
            }),
        }
    }

    fn brief(&self, out: &mut dyn Write, reasons: &mut dyn Write) -> io::Result<()> {
        for Judged { line, finding } in &self.report.lines {
            let word = match finding.verdict() {
                Verdict::Pass | Verdict::Waived => "OK",
                Verdict::Warn => "WARN",
                Verdict::Fail => "FAILED",
                Verdict::Error | Verdict::NotRun => "ERROR",
                Verdict::Skipped => "SKIPPED",
            };
            writeln!(out, "{:<32} {word}", line.id)?;
            let verdict = finding.verdict().word();
            match finding {
                Finding::Good(_) => {}
                Finding::Skipped(why) | Finding::Unknown { why, .. } => {
                    writeln!(reasons, "{}: {verdict}: {}", line.id, one_line(why))?;
                }
                Finding::Bad(reds) => {
                    for Red { expected, observed, .. } in reds {
                        writeln!(
                            reasons,
                            "{}: {verdict}: {}, not: {}",
                            line.id,
                            one_line(observed),
                            one_line(expected)
                        )?;
                    }
                }
            }
        }
        reasons.flush()?;
        out.flush()
    }

    fn counts(&self) -> [(Verdict, usize); 5] {
        [Verdict::Fail, Verdict::Error, Verdict::Warn, Verdict::Skipped, Verdict::Pass].map(|verdict| {
            (verdict, self.report.lines.iter().filter(|judged| judged.finding.verdict() == verdict).count())
        })
    }
}

fn cure(red: &Red) -> &str {
    red.hint.cure.as_deref().unwrap_or("none: no configuration changes it")
}

fn sentence(exit: Exit) -> &'static str {
    match exit {
        Exit::Good => "nothing that was looked at stands against the restart",
        Exit::Failed => "do not restart: zot would not come up, or not do what its configuration says",
        Exit::NothingRan => "nothing was looked at, so nothing is known",
        _ => "could not tell",
    }
}

#[derive(Serialize)]
struct Json<'a> {
    schema_version: u32,
    command: &'static str,
    zot: String,
    zot_commit: Option<&'a str>,
    config: &'a str,
    elsewhere: bool,
    summary: Totals,
    results: Vec<ResultOf<'a>>,
}

#[derive(Serialize)]
struct Totals {
    pass: usize,
    warn: usize,
    fail: usize,
    error: usize,
    skipped: usize,
    exit_code: u8,
    duration_ms: u64,
}

#[derive(Serialize)]
struct ResultOf<'a> {
    id: &'a str,
    claim: &'a str,
    verdict: Verdict,
    reason: Option<&'a str>,
    findings: Vec<FindingOf<'a>>,
}

#[derive(Serialize)]
struct FindingOf<'a> {
    verdict: Verdict,
    expected: &'a str,
    observed: &'a str,
    cause: &'a str,
    cure: Option<&'a str>,
}

impl<'a> Json<'a> {
    fn new(told: &'a Told<'a>) -> Self {
        let [fail, error, warn, skipped, pass] = told.counts().map(|(_, count)| count);
        let duration_ms = u64::try_from(told.report.duration.as_millis()).unwrap_or(u64::MAX);
        Self {
            schema_version: 1,
            command: "preflight",
            zot: told.settings.zot.display().to_string(),
            zot_commit: told.report.version.as_deref(),
            config: &told.settings.source,
            elsewhere: told.settings.elsewhere,
            summary: Totals { pass, warn, fail, error, skipped, exit_code: told.exit.code(), duration_ms },
            results: told.report.lines.iter().map(ResultOf::new).collect(),
        }
    }
}

impl<'a> ResultOf<'a> {
    fn new(judged: &'a Judged) -> Self {
        let (reason, reds): (_, &[Red]) = match &judged.finding {
            Finding::Good(text) | Finding::Skipped(text) | Finding::Unknown { why: text, .. } => {
                (Some(text.as_str()), &[])
            }
            Finding::Bad(reds) => (None, reds),
        };
        let findings = reds.iter().map(|red| FindingOf {
            verdict: if red.fails { Verdict::Fail } else { Verdict::Warn },
            expected: &red.expected,
            observed: &red.observed,
            cause: &red.hint.cause,
            cure: red.hint.cure.as_deref(),
        });
        Self {
            id: judged.line.id,
            claim: judged.line.claim,
            verdict: judged.finding.verdict(),
            reason,
            findings: findings.collect(),
        }
    }
}
