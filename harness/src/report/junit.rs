//! JUnit XML: a suite for every check, a case for every part. A warning is a pass with its reason as output; what is
//! waived is skipped.

use std::io::{self, Write};

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite, XmlString};

use super::{Reporter, text};
use crate::run::event::{Event, Header};
use crate::run::note::Note;
use crate::run::outcome::{CheckOutcome, PartOutcome, Verdict};

/// Collects a run and writes it when it has ended.
#[derive(Debug)]
pub struct Junit<W> {
    out: W,
    report: Report,
    header: Option<Header>,
}

impl<W: Write> Junit<W> {
    /// A reporter that writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, report: Report::new("zot-verify"), header: None }
    }

    fn suite(&self, outcome: &CheckOutcome) -> TestSuite {
        let mut suite = TestSuite::new(outcome.check.id);
        if let Some(header) = &self.header {
            let words = [
                ("target", header.url.clone()),
                ("zot_version", header.zot_version.clone().unwrap_or_default()),
                ("zot_commit", header.zot_commit.clone().unwrap_or_default()),
                ("stand_in", header.stand_in.to_string()),
            ];
            for (name, value) in words {
                suite.add_property((name, value.as_str()));
            }
        }
        suite.set_time(outcome.duration());
        for part in &outcome.parts {
            suite.add_test_case(case(outcome, part, self.header.as_ref()));
        }
        suite
    }
}

impl<W: Write> Reporter for Junit<W> {
    fn tell(&mut self, event: &Event<'_>) -> io::Result<()> {
        match event {
            Event::Started(header) => self.header = Some((*header).clone()),
            Event::Judged(outcome) => {
                let suite = self.suite(outcome);
                self.report.add_test_suite(suite);
            }
            Event::Ended(summary) => {
                if !summary.notes.is_empty() {
                    self.report.add_test_suite(notes(&summary.notes));
                }
                self.report.set_time(summary.duration);
                self.report.serialize(&mut self.out).map_err(io::Error::other)?;
                self.out.flush()?;
            }
        }
        Ok(())
    }
}

/// What is said of the intent, as a suite of its own: what is required and was skipped is an error.
fn notes(notes: &[Note]) -> TestSuite {
    let mut suite = TestSuite::new("intent");
    for (index, note) in notes.iter().enumerate() {
        let name = format!("note {}", index + 1);
        let text = note.to_string();
        let case = if note.is_grave() {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(XmlString::new(&text)).set_type("required");
            TestCase::new(name, status)
        } else {
            let mut case = TestCase::new(name, TestCaseStatus::success());
            case.set_system_out(format!("warning: {text}"));
            case
        };
        suite.add_test_case(case);
    }
    suite
}

fn case(outcome: &CheckOutcome, part: &PartOutcome, header: Option<&Header>) -> TestCase {
    let status = match part.verdict {
        Verdict::Pass | Verdict::Warn => TestCaseStatus::success(),
        Verdict::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Verdict::Error | Verdict::NotRun => TestCaseStatus::non_success(NonSuccessKind::Error),
        Verdict::Skipped | Verdict::Waived => TestCaseStatus::skipped(),
    };
    let mut case = TestCase::new(part.part.name, status);
    case.set_classname(outcome.check.id);
    case.set_time(part.duration);
    match part.verdict {
        Verdict::Pass => {}
        Verdict::Warn => {
            case.set_system_out(format!("warning: {}", part.reason));
        }
        _ => {
            case.status.set_message(XmlString::new(&part.reason));
            case.status.set_type(part.verdict.word());
            let details = [
                part.expected.as_ref().map(|expected| format!("expected: {expected}")),
                part.hint.as_ref().map(|hint| format!("cause: {}", hint.cause)),
                part.hint.as_ref().map(|hint| format!("cure: {}", text::cure(hint.cure.as_deref(), header))),
                part.curl.as_ref().map(|curl| format!("repeat: {curl}")),
            ];
            let details: Vec<String> = details.into_iter().flatten().collect();
            if !details.is_empty() {
                case.status.set_description(details.join("\n"));
            }
        }
    }
    case
}
