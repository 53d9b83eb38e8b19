//! Reports of a run that was made by hand: every verdict, with and without a cure, a skipped part inside a pass.

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod run;

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use proptest::prelude::*;
use quick_junit::{NonSuccessKind, TestCaseStatus};
use serde_json::Value;
use zot_verify::report::{Brief, Json, Junit, Reporter, Reporters, Text};
use zot_verify::run::event::Event;

use self::run::{Run, outcomes};

/// Something to write to that can be read when the reporter has gone.
#[derive(Clone, Default)]
struct Paper(Rc<RefCell<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).unwrap()
    }

    /// What a terminal without colours shows.
    fn plain(&self) -> String {
        anstream::adapter::strip_str(&self.text()).to_string()
    }
}

/// A pen that is dry, or a reader who has gone.
struct Refuses(io::ErrorKind);

impl Write for Refuses {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(self.0.into())
    }
}

fn tell(run: &Run, reporter: &mut dyn Reporter) -> io::Result<()> {
    reporter.tell(&Event::Started(&run.header))?;
    run.outcomes.iter().try_for_each(|outcome| reporter.tell(&Event::Judged(outcome)))?;
    reporter.tell(&Event::Ended(&run.summary))
}

fn json(run: &Run) -> Value {
    let paper = Paper::default();
    tell(run, &mut Json::new(paper.clone())).unwrap();
    serde_json::from_str(&paper.text()).unwrap()
}

fn junit(run: &Run) -> String {
    let paper = Paper::default();
    tell(run, &mut Junit::new(paper.clone())).unwrap();
    paper.text()
}

fn brief(run: &Run) -> (String, String) {
    let (out, reasons) = (Paper::default(), Paper::default());
    tell(run, &mut Brief::new(out.clone(), reasons.clone())).unwrap();
    (out.plain(), reasons.plain())
}

#[test]
fn text() {
    let paper = Paper::default();
    tell(&Run::live(outcomes()), &mut Text::new(paper.clone(), None)).unwrap();
    insta::assert_snapshot!(paper.plain());
}

#[test]
fn text_on_the_stand_in_says_so() {
    let paper = Paper::default();
    let good = outcomes().into_iter().take(1).collect();
    tell(&Run::stand_in(good), &mut Text::new(paper.clone(), None)).unwrap();
    insta::assert_snapshot!(paper.plain());
}

#[test]
fn brief_tells_verdicts_to_one_stream_and_reasons_to_another() {
    let (out, reasons) = brief(&Run::live(outcomes()));
    insta::assert_snapshot!(format!("{out}--\n{reasons}"));
}

#[test]
fn brief_is_as_wide_as_scripts_expect() {
    let (out, _) = brief(&Run::live(outcomes()));
    let mut words = Vec::new();
    for line in out.lines() {
        let (id, rest) = line.split_at(32);
        assert!(outcomes().iter().any(|outcome| outcome.check.id == id.trim_end()), "{line}");
        words.push(rest.trim_start().split(' ').next().unwrap().to_owned());
    }
    assert_eq!(words, ["OK", "WARN", "WAIVED", "FAILED", "ERROR", "SKIPPED", "SKIPPED", "NOT-RUN"]);
}

#[test]
fn brief_on_the_stand_in_says_so_on_every_line() {
    let (out, _) = brief(&Run::stand_in(outcomes()));
    assert!(out.lines().all(|line| line.ends_with(" (stand-in)")), "{out}");
}

#[test]
fn json_as_a_whole() {
    insta::assert_json_snapshot!(json(&Run::live(outcomes())));
}

/// The fields that other programs read, in their order. Changing one is a new `schema_version`.
#[test]
fn json_has_the_binding_fields_and_no_others() {
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    for run in [Run::live(outcomes()), Run::stand_in(outcomes()), Run::live(Vec::new())] {
        let report = json(&run);
        assert_eq!(report["schema_version"], 1);
        assert_eq!(keys(&report), "schema_version target intent summary results ledger notes");
        assert_eq!(keys(&report["target"]), "kind url zot_version zot_commit stand_in");
        assert_eq!(keys(&report["intent"]), "file sha256");
        let totals = "pass warn fail error skipped waived not_run exit_code duration_ms requests";
        assert_eq!(keys(&report["summary"]), totals);
        for entry in report["ledger"].as_array().unwrap() {
            assert_eq!(keys(entry), "at kind repository reference state");
        }
        assert_eq!(report["ledger"].as_array().map(Vec::len), Some(run.summary.ledger.items.len()));
        for result in report["results"].as_array().unwrap() {
            let fields =
                "id title level requirement verdict reason expected observed hint duration_ms requests parts evidence";
            assert_eq!(keys(result), fields);
            for part in result["parts"].as_array().unwrap() {
                assert_eq!(keys(part), "name level verdict reason");
            }
            for evidence in result["evidence"].as_array().unwrap() {
                let fields =
                    "part method url request_headers status response_headers body_excerpt body_sha256 duration_ms";
                assert_eq!(keys(evidence), fields);
            }
        }
    }
}

#[test]
fn json_says_null_where_something_is_absent() {
    let report = json(&Run::stand_in(outcomes()));
    assert_eq!(report["target"]["zot_commit"], Value::Null);
    assert_eq!((&report["intent"]["file"], &report["intent"]["sha256"]), (&"built-in".into(), &Value::Null));
    let pass = &report["results"][0];
    for field in ["reason", "expected", "observed", "hint"] {
        assert_eq!(pass[field], Value::Null, "{field}");
    }
    assert_eq!(report["results"][4]["expected"], Value::Null, "an error expects nothing");
}

#[test]
fn json_counts_what_it_holds() {
    let report = json(&Run::live(outcomes()));
    for verdict in ["pass", "warn", "waived", "fail", "error", "skipped", "not-run"] {
        let held = report["results"].as_array().unwrap().iter().filter(|result| result["verdict"] == verdict).count();
        assert_eq!(report["summary"][verdict.replace('-', "_")], held, "{verdict}");
    }
}

/// What is required and was skipped, and a waiver that does nothing, stand in every report.
#[test]
fn every_report_tells_what_there_is_to_say_of_the_intent() {
    let run = Run::live(outcomes());
    let paper = Paper::default();
    tell(&run, &mut Text::new(paper.clone(), None)).unwrap();
    let reports = [paper.plain(), brief(&run).1, json(&run).to_string(), junit(&run)];
    for said in [
        "made.missing is required, and was skipped: needs a key",
        "the waiver of made.fail/one ended on 2027-01-31 and no longer applies: minikube goes in January",
        "the waiver of made.pass/one is unused: the part passes",
    ] {
        assert!(reports.iter().all(|report| report.contains(said)), "{said}");
    }
}

#[test]
fn junit_as_a_whole() {
    insta::assert_snapshot!(junit(&Run::live(outcomes())));
}

#[test]
fn junit_readers_see_failures_errors_and_skips() {
    let text = junit(&Run::live(outcomes()));
    let report = quick_junit::Report::deserialize_from_str(&text).unwrap();
    let run = outcomes();
    let statuses = run.iter().zip(&report.test_suites).flat_map(|(outcome, suite)| {
        assert_eq!(suite.name.as_str(), outcome.check.id);
        assert_eq!(suite.test_cases.len(), outcome.parts.len());
        outcome.parts.iter().zip(&suite.test_cases).map(|(part, case)| (part.verdict.word(), &case.status))
    });
    for (verdict, status) in statuses {
        let as_expected = match (verdict, status) {
            ("pass" | "warn", TestCaseStatus::Success { .. }) => true,
            ("skipped" | "waived", TestCaseStatus::Skipped { .. }) => true,
            ("fail", TestCaseStatus::NonSuccess { kind, .. }) => *kind == NonSuccessKind::Failure,
            ("error" | "not-run", TestCaseStatus::NonSuccess { kind, .. }) => *kind == NonSuccessKind::Error,
            _ => false,
        };
        assert!(as_expected, "{verdict}: {status:?}");
    }
    for element in ["<failure ", "<error ", "<skipped "] {
        assert!(text.contains(element), "{element}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever a server made a part say, XML stays XML, JSON keeps it, and `brief` keeps to its lines.
    #[test]
    fn no_text_breaks_a_report(said in any::<String>()) {
        let mut outcomes = outcomes();
        for part in outcomes.iter_mut().flat_map(|outcome| &mut outcome.parts) {
            part.reason.clone_from(&said);
            part.observed = part.observed.is_some().then(|| said.clone());
        }
        let run = Run::live(outcomes);
        prop_assert!(quick_junit::Report::deserialize_from_str(&junit(&run)).is_ok());
        prop_assert_eq!(&json(&run)["results"][3]["observed"], &said);
        let (out, _) = brief(&run);
        prop_assert_eq!(out.lines().count(), run.outcomes.len());
    }
}

#[test]
fn a_reporter_that_fails_spoils_nothing_for_the_others() {
    let paper = Paper::default();
    let mut reporters = Reporters::default();
    reporters.add(Text::new(Refuses(io::ErrorKind::StorageFull), None));
    reporters.add(Brief::new(Refuses(io::ErrorKind::BrokenPipe), io::sink()));
    reporters.add(Json::new(paper.clone()));
    let run = Run::live(outcomes());
    let started = reporters.tell(&Event::Started(&run.header));
    assert_eq!(started.unwrap_err().kind(), io::ErrorKind::StorageFull, "a full disk is told");
    for outcome in &run.outcomes {
        reporters.tell(&Event::Judged(outcome)).unwrap();
    }
    reporters.tell(&Event::Ended(&run.summary)).unwrap();
    assert_eq!(paper.text().lines().next(), Some("{"));
}
