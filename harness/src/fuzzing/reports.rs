//! Reports of what a server said: well formed, without what a terminal obeys, and with no line that is not ours.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::Value;
use zot_verify_model::Secret;

use super::registry;
use crate::ledger::Noted;
use crate::report::{Brief, Json, Junit, Reporter, Text, from_outside};
use crate::run::event::{Counts, Event, Header, Summary};
use crate::run::exit::Exit;
use crate::run::outcome::{Breach, CheckOutcome, Halt, Judged, Proof};
use crate::run::permissions::Permissions;
use crate::run::plan::Plan;
use crate::run::runner;
use crate::settings::{Intent, IntentSource};
use crate::wire::{Exchange, Redactor, Trust, Wire};

/// A secret that no report may show; seeds hold it.
const SECRET: &str = "hunter2-hunter2";
/// What separates the texts of a seed.
const SEPARATOR: &str = "\n--\n";

/// What a run is made of that a server had a say in.
#[derive(Clone, Copy)]
struct Said<'a> {
    expected: &'a str,
    observed: &'a str,
    cause: &'a str,
    error: &'a str,
    skip: &'a str,
    proof: &'a str,
    version: &'a str,
}

/// A run of which every text is a server's, told in every format.
pub fn report(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut texts = text.split(SEPARATOR);
    let mut next = || texts.next().unwrap_or_default();
    let said = Said {
        expected: next(),
        observed: next(),
        cause: next(),
        error: next(),
        skip: next(),
        proof: next(),
        version: next(),
    };
    let plain = Said { expected: "x", observed: "x", cause: "x", error: "x", skip: "x", proof: "x", version: "x" };
    let (run, harmless) = (Run::of(said), Run::of(plain));
    let json = run.told(Json::new);
    let read: Value = serde_json::from_str(&json).expect("JSON");
    let parts = read["results"][0]["parts"].as_array().expect("parts");
    assert_eq!(parts.len(), run.outcomes[0].parts.len());
    for (part, outcome) in parts.iter().zip(&run.outcomes[0].parts) {
        assert_eq!(
            (&part["reason"], &part["verdict"]),
            (&outcome.reason.clone().into(), &outcome.verdict.word().into())
        );
    }

    let junit = run.told(Junit::new);
    let read = quick_junit::Report::deserialize_from_str(&junit).expect("JUnit");
    assert_eq!(read.test_suites[0].test_cases.len(), parts.len());
    assert!(junit.chars().all(is_of_xml), "{junit:?}");

    for width in [None, Some(80)] {
        let text = |run: &Run| anstream::adapter::strip_str(&run.told(|out| Text::new(out, width))).to_string();
        let (told, plain) = (text(&run), text(&harmless));
        assert!(told.chars().all(|c| c == '\n' || !c.is_control()), "{told:?}");
        assert_eq!(outer(&told), outer(&plain), "a line that is not ours in {told}");
    }
    let (out, reasons) = run.brief();
    let (plain_out, plain_reasons) = harmless.brief();
    assert_eq!(out.lines().count(), plain_out.lines().count(), "{out}");
    assert!(reasons.lines().count() <= plain_reasons.lines().count() + 1, "{reasons}");
    for told in [&json, &junit, &out, &reasons, &run.told(|out| Text::new(out, None))] {
        assert!(!told.contains(SECRET), "{told}");
    }
    assert!([&out, &reasons].iter().all(|told| told.chars().all(|c| c == '\n' || !c.is_control())));
}

/// How many lines do not belong to the line above them.
fn outer(text: &str) -> usize {
    text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("        ")).count()
}

/// Whether XML 1.0 may hold it (section 2.2).
fn is_of_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

struct Run {
    header: Header,
    outcomes: Vec<CheckOutcome>,
    summary: Summary,
}

impl Run {
    fn of(said: Said<'_>) -> Self {
        let wire = wire();
        let fields: [(&str, &[u8]); 1] = [("x-said", said.observed.as_bytes())];
        let made = Exchange::made(&registry(), 401, &fields, said.error.as_bytes());
        let made = made.or_else(|| Exchange::made(&registry(), 401, &[], said.error.as_bytes()));
        let exchange = Arc::new(made.expect("an answer"));
        let breach = Breach::new(said.expected, said.observed, &exchange).because(said.cause, Some("mend it"));
        let judged: Vec<Judged> = vec![
            Err(breach.into()),
            Err(Halt::Error(said.error.to_owned())),
            Err(Halt::Skip(said.skip.to_owned())),
            Ok(Proof::of(said.proof, &exchange)),
        ];
        let plan = Plan::make(&["pull.anonymous".into()], &[], Permissions::LAB, &Intent::default()).expect("a check");
        let outcomes = vec![runner::judged(&plan.checks[0], judged, &wire)];
        let redactor = wire.redactor();
        let header = Header {
            kind: "live",
            url: "https://r.test/".into(),
            asked: true,
            zot_version: Some(from_outside(redactor, said.version)),
            zot_commit: Some(from_outside(redactor, said.version)),
            stand_in: false,
            made_of: None,
            changes: Vec::new(),
            intent: IntentSource::File { path: PathBuf::from("zot-verify.toml"), sha256: "0".repeat(64) },
        };
        let summary = Summary {
            counts: Counts::of(&outcomes),
            notes: Vec::new(),
            ledger: Noted::default(),
            exit: Exit::of(&outcomes, false),
            duration: Duration::ZERO,
            requests: 1,
        };
        assert_eq!(summary.exit, Exit::Failed);
        Self { header, outcomes, summary }
    }

    fn tell(&self, to: &mut dyn Reporter) {
        to.tell(&Event::Started(&self.header)).expect("memory");
        self.outcomes.iter().for_each(|outcome| to.tell(&Event::Judged(outcome)).expect("memory"));
        to.tell(&Event::Ended(&self.summary)).expect("memory");
    }

    fn told<'a, R: Reporter + 'a>(&self, reporter: impl FnOnce(Shared) -> R) -> String {
        let out = Shared::default();
        self.tell(&mut reporter(out.clone()));
        out.text()
    }

    fn brief(&self) -> (String, String) {
        let (out, reasons) = (Shared::default(), Shared::default());
        self.tell(&mut Brief::new(out.clone(), reasons.clone()));
        (out.text(), reasons.text())
    }
}

/// A wire on which nothing is sent; to make one takes long.
fn wire() -> Wire {
    static WIRE: OnceLock<Wire> = OnceLock::new();
    let made = WIRE.get_or_init(|| {
        zot_verify_fixtures::crypto::install();
        let redactor = Redactor::new();
        redactor.learn(&Secret::new("KNOWN", SECRET));
        Wire::new(registry(), "run", redactor, &Trust::default(), false).expect("a client")
    });
    made.fresh()
}

/// Where a reporter writes, to be read when it is done.
#[derive(Debug, Clone, Default)]
struct Shared(Arc<std::sync::Mutex<Vec<u8>>>);

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no panic before").clone()).expect("text")
    }
}

impl std::io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic before").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
