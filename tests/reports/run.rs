//! The run that reports are made of.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize as _;
use zot_verify::check::{Check, Effect, Level, Part, Probe, Profile};
use zot_verify::ledger::{Item, Kind, Noted, State};
use zot_verify::run::event::{Counts, Header, Summary};
use zot_verify::run::exit::Exit;
use zot_verify::run::note::Note;
use zot_verify::run::outcome::{CheckOutcome, Halt, Hint, PartOutcome, Record, Verdict};
use zot_verify::settings::{Day, Intent, IntentSource, Waiver};
use zot_verify::wire::Evidence;

/// Everything that a reporter is told.
pub(crate) struct Run {
    pub(crate) header: Header,
    pub(crate) outcomes: Vec<CheckOutcome>,
    pub(crate) summary: Summary,
}

impl Run {
    /// On a registry that other people use, with an intent of its owner.
    pub(crate) fn live(outcomes: Vec<CheckOutcome>) -> Self {
        let intent = Intent { waivers: vec![waiver("made.pass/one")], ..Intent::default() };
        let mut notes = Note::all(&outcomes, &intent);
        if !outcomes.is_empty() {
            notes.push(Note::WaiverOver(waiver("made.fail/one")));
        }
        let summary = Summary {
            counts: Counts::of(&outcomes),
            notes,
            ledger: if outcomes.is_empty() { Noted::default() } else { noted() },
            exit: Exit::of(&outcomes, false),
            duration: Duration::from_millis(1234),
            requests: 5,
        };
        let header = Header {
            kind: "live",
            url: "https://r.test/".into(),
            asked: true,
            zot_version: Some("v2.1.20".into()),
            zot_commit: Some("v2.1.20-0-g3b5796d8".into()),
            stand_in: false,
            made_of: None,
            changes: Vec::new(),
            intent: IntentSource::File { path: PathBuf::from("zot-verify.toml"), sha256: "0".repeat(64) },
        };
        Self { header, outcomes, summary }
    }

    /// On the stand-in, in a lab that changed something, with the built-in intent.
    pub(crate) fn stand_in(outcomes: Vec<CheckOutcome>) -> Self {
        let run = Self::live(outcomes);
        let header = Header {
            kind: "local",
            url: "http://127.0.0.1:5000/".into(),
            zot_commit: None,
            stand_in: true,
            made_of: Some("embedded".into()),
            changes: vec!["http.port: \"5050\" -> \"5000\"".into()],
            intent: IntentSource::BuiltIn,
            ..run.header
        };
        let summary = Summary { ledger: Noted::default(), ..run.summary };
        Self { header, summary, ..run }
    }
}

const fn part(name: &'static str, level: Level) -> Part {
    let probe = Probe::Concludes(|_, _| Err(Halt::Skip(String::new())));
    Part { name, claim: "what it claims", asks: &[], level, effect: Effect::Reads, needs: &[], probe }
}

const fn check(id: &'static str, parts: &'static [Part]) -> Check {
    Check { id, title: "what is so", requirement: "Why it must be so.", profile: Profile::Full, parts, saboteurs: &[] }
}

const REQUIRED: &[Part] = &[part("one", Level::Requirement), part("two", Level::Requirement)];
const HARDENING: &[Part] = &[part("one", Level::Hardening), part("two", Level::Hardening)];

static GOOD: Check = check("made.pass", REQUIRED);
static WARNED: Check = check("made.warn", HARDENING);
static WAIVED: Check = check("made.waived", REQUIRED);
static FAILED: Check = check("made.fail", REQUIRED);
static UNCLEAR: Check = check("made.error", REQUIRED);
static SKIPPED: Check = check("made.skipped", REQUIRED);
static MISSING: Check = check("made.missing", REQUIRED);
static NOT_RUN: Check = check("made.not-run", REQUIRED);

/// What a run wrote: a tag that stays, an upload of which nobody knows, a manifest that is gone.
fn noted() -> Noted {
    let item = |number, kind, reference: &str, state| Item {
        at: "2027-01-31T12:00:00Z".into(),
        run: "0123abcd".into(),
        number,
        registry: "https://r.test/".into(),
        kind,
        repository: "team/canary".into(),
        reference: reference.into(),
        state,
        why: None,
        upload: None,
    };
    let items = vec![
        item(0, Kind::Upload, "5f1c", State::Planned),
        item(1, Kind::Manifest, "sha256:0", State::Removed),
        item(2, Kind::Tag, "v0.0.0-0123abc", State::Kept),
    ];
    let file = PathBuf::from("/state/zot-verify/0123abcd.jsonl");
    Noted { items, file: Some(file), run: "0123abcd".into() }
}

/// A waiver until a day.
fn waiver(part: &str) -> Waiver {
    let until = Day::deserialize(toml::de::ValueDeserializer::parse("2027-01-31").unwrap()).unwrap();
    Waiver { part: part.into(), reason: "minikube goes in January".into(), until }
}

/// Both parts of a check, judged.
fn judged(check: &'static Check, verdicts: [(Verdict, &str); 2]) -> CheckOutcome {
    let parts = check.parts.iter().zip(verdicts).map(|(part, (verdict, reason))| PartOutcome {
        part,
        level: part.level,
        verdict,
        reason: reason.into(),
        expected: None,
        observed: None,
        hint: None,
        waiver: None,
        curl: None,
        record: Record::new(Vec::new),
        duration: Duration::from_millis(20),
        requests: 1,
    });
    CheckOutcome {
        check,
        required: false,
        verdict: Verdict::worst(verdicts.map(|(verdict, _)| verdict)),
        parts: parts.collect(),
    }
}

/// Gives a part what a broken claim has.
fn broken(part: &mut PartOutcome, expected: &str, cause: &str, cure: Option<&str>) {
    part.expected = Some(expected.into());
    part.observed = Some(part.reason.clone());
    part.hint = Some(Hint { cause: cause.into(), cure: cure.map(str::to_owned), edit: None });
    part.curl = Some("curl -sS -i https://r.test/v2/".into());
}

/// What may be shown of an exchange.
fn evidence() -> Evidence {
    Evidence {
        method: "GET".into(),
        url: "https://r.test/v2/".into(),
        request_headers: vec![("user-agent".into(), "curl/8".into())],
        status: 200,
        response_headers: vec![("vary".into(), "a".into()), ("vary".into(), "b".into())],
        body_excerpt: "{}".into(),
        body_sha256: "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a".into(),
        duration_ms: 7,
        curl: "curl -sS -i https://r.test/v2/".into(),
    }
}

/// One check of each verdict.
pub(crate) fn outcomes() -> Vec<CheckOutcome> {
    use Verdict::{Error, Fail, NotRun, Pass, Skipped, Waived, Warn};
    let mut good = judged(&GOOD, [(Pass, "12 bytes"), (Skipped, "needs an image;\ngive --pull-image")]);
    good.parts[0].record = Record::new(|| vec![evidence()]);
    let mut warned = judged(&WARNED, [(Warn, "401"), (Warn, "401")]);
    for part in &mut warned.parts {
        broken(part, "GET /v2/ answers 200", "changed in zot v2.1.16", None);
    }
    let mut failed = judged(&FAILED, [(Fail, "202 <b>\"&' ]]>"), (Pass, "401")]);
    broken(&mut failed.parts[0], "401", "anonymousPolicy grants create", Some("take create out of anonymousPolicy"));
    let mut waived = judged(&WAIVED, [(Waived, "until 2027-01-31: minikube goes in January"), (Pass, "200")]);
    broken(&mut waived.parts[0], "GET /v2/ answers 200", "changed in zot v2.1.16", None);
    waived.parts[0].observed = Some("401".into());
    waived.parts[0].waiver = Some(waiver("made.waived/one"));
    let mut missing = judged(&MISSING, [(Skipped, "needs a key"), (Skipped, "needs a key")]);
    missing.required = true;
    vec![
        good,
        warned,
        waived,
        failed,
        judged(&UNCLEAR, [(Error, "GET /v2/: no complete answer in time"), (Pass, "200")]),
        judged(&SKIPPED, [(Skipped, "needs a login"), (Skipped, "needs a login")]),
        missing,
        judged(&NOT_RUN, [(NotRun, "interrupted"), (Pass, "200")]),
    ]
}
