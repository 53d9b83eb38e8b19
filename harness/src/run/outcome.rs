//! What a part found, and what becomes of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::check::{Check, Level, Part};
use crate::settings::Waiver;
use crate::wire::{Evidence, Exchange, WireError};

/// The judgement over a part or a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It could not be looked at here, and the reason says what would change that.
    Skipped,
    /// The claim holds, and there is a proof.
    Pass,
    /// The registry breaks the claim, and its owner accepts that until a day that he names.
    Waived,
    /// A claim that nobody promised does not hold.
    Warn,
    /// The run was interrupted first.
    NotRun,
    /// We could not tell.
    Error,
    /// The registry breaks the claim.
    Fail,
}

impl Verdict {
    /// A check's verdict from those of its parts: the worst one, where a skipped part never spoils another's pass.
    #[must_use]
    pub fn worst(parts: impl IntoIterator<Item = Self>) -> Self {
        parts.into_iter().max().unwrap_or(Self::Skipped)
    }

    /// The word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Pass => "pass",
            Self::Waived => "waived",
            Self::Warn => "warn",
            Self::NotRun => "not-run",
            Self::Error => "error",
            Self::Fail => "fail",
        }
    }
}

/// What a probe returns: the claim holds and here is the proof, or it halted.
pub type Judged = Result<Proof, Halt>;

/// That a claim holds: said in words, and resting on at least one exchange.
#[derive(Debug, Clone)]
pub struct Proof {
    said: String,
    exchanges: Vec<Arc<Exchange>>,
}

impl Proof {
    /// A proof that rests on `exchange`.
    #[must_use]
    pub fn of(said: impl Into<String>, exchange: &Arc<Exchange>) -> Self {
        Self { said: said.into(), exchanges: vec![Arc::clone(exchange)] }
    }

    /// A proof that rests on all of these; none without any.
    pub fn over<'a>(said: impl Into<String>, exchanges: impl IntoIterator<Item = &'a Arc<Exchange>>) -> Option<Self> {
        let exchanges: Vec<_> = exchanges.into_iter().cloned().collect();
        (!exchanges.is_empty()).then(|| Self { said: said.into(), exchanges })
    }

    /// The same proof, resting on another exchange too.
    #[must_use]
    pub fn and(mut self, exchange: &Arc<Exchange>) -> Self {
        self.exchanges.push(Arc::clone(exchange));
        self
    }

    /// The same proof in other words.
    #[must_use]
    pub fn saying(self, said: impl Into<String>) -> Self {
        Self { said: said.into(), ..self }
    }

    /// What was seen, in words.
    #[must_use]
    pub fn said(&self) -> &str {
        &self.said
    }

    /// What it rests on.
    #[must_use]
    pub fn exchanges(&self) -> &[Arc<Exchange>] {
        &self.exchanges
    }
}

/// Why a probe ended without a proof.
#[derive(Debug, Clone)]
pub enum Halt {
    /// The registry breaks the claim.
    Breach(Box<Breach>),
    /// We could not tell: the environment's trouble, or our own.
    Error(String),
    /// It cannot be looked at here; the reason says what would change that.
    Skip(String),
}

/// How a claim is broken.
#[derive(Debug, Clone)]
pub struct Breach {
    /// What the claim expects.
    pub expected: String,
    /// What came instead.
    pub observed: String,
    /// The likely cause and its cure.
    pub hint: Option<Hint>,
    /// The exchange that shows it; a body cut short leaves none.
    pub exchange: Option<Arc<Exchange>>,
}

/// The likely cause of a breach, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// The configuration key or the zot release behind it.
    pub cause: String,
    /// What to change; `None` where no configuration of the running version cures it.
    pub cure: Option<String>,
    /// The same as an edit of zot's configuration that can be tried, where it is one.
    pub edit: Option<&'static Edit>,
}

/// One key of zot's configuration and what to set it to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edit {
    /// The key, with dots between the names.
    pub key: &'static str,
    /// The value, as JSON.
    pub value: &'static str,
}

impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.value)
    }
}

impl Breach {
    /// A breach that `exchange` shows.
    #[must_use]
    pub fn new(expected: impl Into<String>, observed: impl Into<String>, exchange: &Arc<Exchange>) -> Self {
        Self { expected: expected.into(), observed: observed.into(), hint: None, exchange: Some(Arc::clone(exchange)) }
    }

    /// The same breach with its likely cause; `None` as cure says that no configuration helps.
    #[must_use]
    pub fn because(mut self, cause: impl Into<String>, cure: Option<&str>) -> Self {
        self.hint = Some(Hint { cause: cause.into(), cure: cure.map(str::to_owned), edit: None });
        self
    }

    /// The same breach, its cure also as an edit that can be tried.
    #[must_use]
    pub fn cured_by(mut self, edit: Option<&'static Edit>) -> Self {
        if let Some(hint) = &mut self.hint {
            hint.edit = edit;
        }
        self
    }
}

impl From<Breach> for Halt {
    fn from(breach: Breach) -> Self {
        Self::Breach(Box::new(breach))
    }
}

/// Trouble of connection, DNS, TLS or time is an error; a body that breaks its own announcement is the registry's breach.
impl From<WireError> for Halt {
    fn from(error: WireError) -> Self {
        match &error {
            WireError::NoAnswer { .. } => Self::Error(error.to_string()),
            WireError::Body { .. } => Self::Breach(Box::new(Breach {
                expected: "a complete answer within its bounds".into(),
                observed: error.to_string(),
                hint: None,
                exchange: None,
            })),
        }
    }
}

/// A judged part, redacted: all that reporters see.
#[derive(Debug, Clone)]
pub struct PartOutcome {
    /// What was judged.
    pub part: &'static Part,
    /// The level that applied.
    pub level: Level,
    /// The judgement.
    pub verdict: Verdict,
    /// Why, in one line; for a pass what was seen.
    pub reason: String,
    /// What a broken claim expected.
    pub expected: Option<String>,
    /// What came instead.
    pub observed: Option<String>,
    /// The likely cause and its cure.
    pub hint: Option<Hint>,
    /// What makes the breach no failure.
    pub waiver: Option<Waiver>,
    /// The request that shows a breach, as a curl line.
    pub curl: Option<String>,
    /// Every exchange behind the verdict.
    pub record: Record,
    /// How long the part took.
    pub duration: Duration,
    /// How many requests it sent itself.
    pub requests: usize,
}

/// The evidence behind a verdict, made when somebody asks: most runs tell verdicts alone, and redaction is most of the
/// work.
#[derive(Clone)]
pub struct Record(Arc<dyn Fn() -> Vec<Evidence> + Send + Sync>);

impl Record {
    /// A record that `make` makes.
    #[must_use]
    pub fn new(make: impl Fn() -> Vec<Evidence> + Send + Sync + 'static) -> Self {
        Self(Arc::new(make))
    }

    /// What may be shown of each exchange, in order.
    #[must_use]
    pub fn evidence(&self) -> Vec<Evidence> {
        (self.0)()
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Record")
    }
}

/// A judged check.
#[derive(Debug, Clone)]
pub struct CheckOutcome {
    /// What was judged.
    pub check: &'static Check,
    /// Whether the intent says that it may not be skipped.
    pub required: bool,
    /// The worst of its parts.
    pub verdict: Verdict,
    /// Its parts, in the catalogue's order.
    pub parts: Vec<PartOutcome>,
}

impl CheckOutcome {
    /// The parts with this verdict.
    pub fn parts_that(&self, verdict: Verdict) -> impl Iterator<Item = &PartOutcome> {
        self.parts.iter().filter(move |part| part.verdict == verdict)
    }

    /// The parts that gave the check its verdict.
    pub fn deciding(&self) -> impl Iterator<Item = &PartOutcome> {
        self.parts_that(self.verdict)
    }

    /// Whether it was required, and not looked at all the same.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.required && self.verdict == Verdict::Skipped
    }

    /// The longest of its parts: they run side by side.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.parts.iter().map(|part| part.duration).max().unwrap_or_default()
    }

    /// How many requests its parts sent.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.parts.iter().map(|part| part.requests).sum()
    }
}

/// The outcome of one part among those of a whole run.
#[must_use]
pub fn part_among<'a>(outcomes: &'a [CheckOutcome], check: &str, part: &str) -> Option<&'a PartOutcome> {
    outcomes.iter().find(|outcome| outcome.check.id == check)?.parts.iter().find(|outcome| outcome.part.name == part)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;
    use crate::catalogue::CHECKS;

    /// A judged part of the first check, which took as long and sent as much as its number says.
    pub(crate) fn part(index: usize, verdict: Verdict, reason: &str) -> PartOutcome {
        let part = &CHECKS[0].parts[index];
        PartOutcome {
            part,
            level: part.level,
            verdict,
            reason: reason.to_owned(),
            expected: None,
            observed: None,
            hint: None,
            waiver: None,
            curl: None,
            record: Record::new(Vec::new),
            duration: Duration::from_secs(3 + index as u64),
            requests: 2 + index,
        }
    }

    /// The first check, judged by its parts.
    pub(crate) fn check(required: bool, parts: Vec<PartOutcome>) -> CheckOutcome {
        let verdict = Verdict::worst(parts.iter().map(|part| part.verdict));
        CheckOutcome { check: CHECKS[0], required, verdict, parts }
    }

    fn answered() -> Arc<Exchange> {
        Arc::new(Exchange::made(&Url::parse("https://r.test/v2/").unwrap(), 200, &[], b"").unwrap())
    }

    #[test]
    fn a_proof_rests_on_what_was_exchanged_and_on_nothing_else() {
        let (one, other) = (answered(), answered());
        assert!(Proof::over("nothing was asked", []).is_none());
        let proof = Proof::over("seen", [&one]).unwrap().and(&other).saying("seen twice");
        assert_eq!(proof.said(), "seen twice");
        let same = |(a, b): (&Arc<Exchange>, &Arc<Exchange>)| Arc::ptr_eq(a, b);
        assert!(proof.exchanges().iter().zip([&one, &other]).all(same) && proof.exchanges().len() == 2);
        assert_eq!(Proof::of("seen", &one).exchanges().len(), 1);
    }

    #[test]
    fn a_hint_belongs_to_its_breach() {
        let breach = Breach::new("a", "b", &answered());
        assert_eq!((breach.hint.as_ref(), breach.exchange.is_some()), (None, true));
        let hint = Hint { cause: "c".into(), cure: Some("d".into()), edit: None };
        assert_eq!(breach.clone().because("c", Some("d")).hint, Some(hint.clone()));
        let edit = &Edit { key: "http.auth.apikey", value: "true" };
        let with = Hint { edit: Some(edit), ..hint };
        assert_eq!(breach.clone().because("c", Some("d")).cured_by(Some(edit)).hint, Some(with));
        assert_eq!(edit.to_string(), "http.auth.apikey: true");
        assert_eq!(breach.because("c", None).hint.unwrap().cure, None);
    }

    #[test]
    fn a_check_is_the_sum_of_its_parts() {
        let judged = check(true, vec![part(0, Verdict::Pass, "a"), part(1, Verdict::Fail, "b")]);
        assert_eq!((judged.duration(), judged.requests()), (Duration::from_secs(4), 5));
        let reasons = |parts: Vec<&PartOutcome>| parts.iter().map(|part| part.reason.clone()).collect::<Vec<_>>();
        assert_eq!(reasons(judged.deciding().collect()), ["b"]);
        assert_eq!(reasons(judged.parts_that(Verdict::Pass).collect()), ["a"]);
        let (id, name) = (judged.check.id, judged.parts[1].part.name);
        let all = [judged];
        assert_eq!(part_among(&all, id, name).map(|part| part.reason.as_str()), Some("b"));
        assert!(part_among(&all, "no.check", name).is_none() && part_among(&all, id, "none").is_none());
        assert_eq!(check(false, Vec::new()).duration(), Duration::ZERO);
    }

    #[test]
    fn only_what_is_required_and_was_skipped_is_missing() {
        let missing = |required, verdict| check(required, vec![part(0, verdict, "")]).is_missing();
        assert!(missing(true, Verdict::Skipped));
        assert!(!missing(false, Verdict::Skipped) && !missing(true, Verdict::Pass) && !missing(true, Verdict::Error));
    }

    #[test]
    fn every_verdict_has_its_word() {
        use Verdict::{Error, Fail, NotRun, Pass, Skipped, Waived, Warn};
        let words = [Skipped, Pass, Waived, Warn, NotRun, Error, Fail].map(Verdict::word);
        assert_eq!(words, ["skipped", "pass", "waived", "warn", "not-run", "error", "fail"]);
    }

    #[test]
    fn a_record_is_made_when_it_is_asked_for() {
        let exchange = answered();
        let record = Record::new(move || vec![exchange.evidence(&crate::wire::Redactor::new())]);
        assert_eq!((record.evidence().len(), format!("{record:?}")), (1, "Record".to_owned()));
    }

    #[test]
    fn the_worst_part_decides_and_a_skipped_one_spoils_nothing() {
        use Verdict::{Error, Fail, NotRun, Pass, Skipped, Waived, Warn};
        assert_eq!(Verdict::worst([]), Skipped);
        assert_eq!(Verdict::worst([Pass, Waived, Skipped]), Waived, "what is waived is seen");
        assert_eq!(Verdict::worst([Waived, Warn]), Warn);
        assert_eq!(Verdict::worst([Skipped, Skipped]), Skipped);
        assert_eq!(Verdict::worst([Skipped, Pass]), Pass);
        assert_eq!(Verdict::worst([Pass, Warn, Skipped]), Warn);
        assert_eq!(Verdict::worst([Warn, NotRun]), NotRun);
        assert_eq!(Verdict::worst([Error, Warn, Pass]), Error);
        assert_eq!(Verdict::worst([Error, Fail]), Fail);
    }

    fn verdicts() -> impl Strategy<Value = Vec<Verdict>> {
        use Verdict::{Error, Fail, NotRun, Pass, Skipped, Waived, Warn};
        prop::collection::vec(prop::sample::select(vec![Skipped, Pass, Waived, Warn, NotRun, Error, Fail]), 1..8)
    }

    proptest! {
        #[test]
        fn a_check_is_what_one_of_its_parts_is_and_no_part_is_worse(verdicts in verdicts()) {
            let worst = Verdict::worst(verdicts.iter().copied());
            prop_assert!(verdicts.contains(&worst));
            prop_assert!(verdicts.iter().all(|verdict| *verdict <= worst));
            prop_assert_eq!(worst == Verdict::Pass, verdicts.contains(&Verdict::Pass)
                && verdicts.iter().all(|verdict| matches!(verdict, Verdict::Pass | Verdict::Skipped)));
        }

        #[test]
        fn a_waiver_makes_no_check_worse_and_hides_no_other_part(verdicts in verdicts(), at in any::<prop::sample::Index>()) {
            let at = at.index(verdicts.len());
            let mut waived = verdicts.clone();
            if matches!(waived[at], Verdict::Warn | Verdict::Fail) {
                waived[at] = Verdict::Waived;
            }
            let (before, after) = (Verdict::worst(verdicts.iter().copied()), Verdict::worst(waived.iter().copied()));
            prop_assert!(after <= before);
            prop_assert!(verdicts.iter().enumerate().all(|(other, verdict)| other == at || *verdict <= after));
        }

        #[test]
        fn a_skipped_part_changes_no_verdict(verdicts in verdicts()) {
            let with = Verdict::worst(verdicts.iter().copied().chain([Verdict::Skipped]));
            prop_assert_eq!(with, Verdict::worst(verdicts));
        }
    }
}
