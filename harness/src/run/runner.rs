//! Runs a plan: all parts side by side, judged into outcomes, told in the catalogue's order.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::sync::watch;

use super::outcome::{CheckOutcome, Halt, Hint, Judged, PartOutcome, Record, Verdict};
use super::plan::{Plan, PlannedCheck, PlannedPart};
use crate::bench::Bench;
use crate::check::{Level, Probe};
use crate::report::printable;
use crate::wire::{Exchange, Wire};

/// Why parts that have not ended are given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The run may go on.
    Open,
    /// The whole run's time is over.
    OutOfTime(Duration),
    /// A signal came.
    Interrupted,
}

/// Runs every part of the plan and, when all have ended, hands each check, in the catalogue's order, to `judged`.
///
/// Nothing is told earlier: what one part meets last, a cookie or a state, may stand in what another has seen first, and
/// is a secret there too.
pub async fn run(
    plan: &Plan,
    bench: &Bench,
    end: watch::Receiver<End>,
    judged: impl FnMut(&CheckOutcome),
) -> Vec<CheckOutcome> {
    let asking = plan.checks.iter().map(|check| join_all(check.parts.iter().map(|part| ask(part, bench, end.clone()))));
    let asked = join_all(asking).await;
    let outcome = |(check, asked): (&PlannedCheck, Vec<Asked>)| {
        check_outcome(check, asked.into_iter().map(Asked::outcome).collect())
    };
    let mut outcomes: Vec<CheckOutcome> = plan.checks.iter().zip(asked).map(outcome).collect();
    for index in 0..outcomes.len() {
        if concludes(&plan.checks[index]) {
            let concluded = conclude(&plan.checks[index], bench, &outcomes);
            outcomes[index] = concluded;
        }
    }
    outcomes.iter().for_each(judged);
    outcomes
}

fn concludes(check: &PlannedCheck) -> bool {
    check.parts.iter().any(|planned| matches!(planned.part.probe, Probe::Concludes(_)))
}

/// A part that has ended, with all that it sent.
struct Asked<'a> {
    planned: &'a PlannedPart,
    ended: Ended,
    wire: Wire,
    duration: Duration,
}

async fn ask<'a>(planned: &'a PlannedPart, bench: &Bench, end: watch::Receiver<End>) -> Asked<'a> {
    let wire = bench.wire.fresh();
    let start = Instant::now();
    let ended = match (planned.skip, planned.part.probe) {
        (Some(reason), _) => Judged::Err(Halt::Skip(reason.into())).into(),
        // Replaced as soon as everything else is known.
        (None, Probe::Concludes(_)) => Judged::Err(Halt::Skip("not yet concluded".into())).into(),
        (None, Probe::Asks(probe)) => within(probe(bench.on(wire.clone())), end).await,
    };
    Asked { planned, ended, wire, duration: start.elapsed() }
}

fn conclude(planned: &PlannedCheck, bench: &Bench, outcomes: &[CheckOutcome]) -> CheckOutcome {
    let parts = planned.parts.iter().map(|part| {
        let start = Instant::now();
        let judged = match (part.skip, part.part.probe) {
            (Some(reason), _) => Err(Halt::Skip(reason.into())),
            (None, Probe::Concludes(probe)) => probe(&bench.deployment, outcomes),
            (None, Probe::Asks(_)) => Err(Halt::Error("a check cannot both ask and conclude".into())),
        };
        let wire = bench.wire.fresh();
        Asked { planned: part, ended: judged.into(), wire, duration: start.elapsed() }.outcome()
    });
    check_outcome(planned, parts.collect())
}

fn check_outcome(planned: &PlannedCheck, parts: Vec<PartOutcome>) -> CheckOutcome {
    let verdict = Verdict::worst(parts.iter().map(|part| part.verdict));
    CheckOutcome { check: planned.check, required: planned.required, verdict, parts }
}

/// A judgement, or the reason why there was no time for one.
enum Ended {
    Judged(Judged),
    GivenUp(End),
}

impl From<Judged> for Ended {
    fn from(judged: Judged) -> Self {
        Self::Judged(judged)
    }
}

async fn within(probe: impl Future<Output = Judged>, mut end: watch::Receiver<End>) -> Ended {
    tokio::select! {
        biased;
        judged = probe => Ended::Judged(judged),
        ended = end.wait_for(|end| *end != End::Open) => Ended::GivenUp(ended.map_or(End::Interrupted, |end| *end)),
    }
}

impl Asked<'_> {
    /// What reporters may see of it.
    fn outcome(self) -> PartOutcome {
        let Self { planned, ended, wire, duration } = self;
        let own = wire.transcript();
        let mut outcome = PartOutcome {
            part: planned.part,
            level: planned.level,
            verdict: Verdict::Error,
            reason: String::new(),
            expected: None,
            observed: None,
            hint: None,
            waiver: None,
            curl: None,
            record: Record::new(Vec::new),
            duration,
            // That the server asked for a body that was held back is a moment of a request, and no request.
            requests: own.iter().filter(|exchange| exchange.status() >= 200).count(),
        };
        let redact = |text: &str| printable(&wire.redactor().redact_url(text));
        let mut behind: Vec<Arc<Exchange>> = own;
        match ended {
            Ended::Judged(Ok(proof)) => {
                outcome.verdict = Verdict::Pass;
                outcome.reason = redact(proof.said());
                behind = joined(behind, proof.exchanges());
            }
            Ended::Judged(Err(Halt::Breach(breach))) => {
                outcome.verdict = match planned.level {
                    _ if planned.waiver.is_some() => Verdict::Waived,
                    Level::Requirement => Verdict::Fail,
                    Level::Hardening => Verdict::Warn,
                };
                let observed = redact(&breach.observed);
                outcome.reason =
                    planned.waiver.as_ref().map_or_else(|| observed, |waiver| printable(&waiver.to_string()));
                outcome.waiver.clone_from(&planned.waiver);
                outcome.expected = Some(redact(&breach.expected));
                outcome.observed = Some(redact(&breach.observed));
                outcome.hint = breach.hint.map(|hint| Hint {
                    cause: redact(&hint.cause),
                    cure: hint.cure.as_deref().map(redact),
                    edit: hint.edit,
                });
                outcome.curl = breach.exchange.as_ref().map(|exchange| printable(&exchange.curl(wire.redactor())));
                behind = joined(behind, breach.exchange.as_slice());
            }
            Ended::Judged(Err(Halt::Error(why))) => outcome.reason = redact(&why),
            Ended::Judged(Err(Halt::Skip(why))) => {
                outcome.verdict = Verdict::Skipped;
                outcome.reason = redact(&why);
            }
            Ended::GivenUp(End::OutOfTime(limit)) => {
                outcome.reason = format!("no verdict within the {} s that the whole run may take", limit.as_secs_f32());
            }
            Ended::GivenUp(End::Open | End::Interrupted) => {
                outcome.verdict = Verdict::NotRun;
                outcome.reason = "interrupted".into();
            }
        }
        let redactor = wire.redactor().clone();
        outcome.record = Record::new(move || behind.iter().map(|exchange| exchange.evidence(&redactor)).collect());
        outcome
    }
}

/// A check with parts that were judged so, as reporters see it.
#[cfg(any(test, fuzzing))]
pub(crate) fn judged(planned: &PlannedCheck, judged: Vec<Judged>, wire: &Wire) -> CheckOutcome {
    let asked = |(planned, judged): (_, Judged)| {
        Asked { planned, ended: judged.into(), wire: wire.fresh(), duration: Duration::ZERO }.outcome()
    };
    check_outcome(planned, planned.parts.iter().zip(judged).map(asked).collect())
}

/// Exchanges that a proof borrows from a shared set-up come first: they happened first.
fn joined(own: Vec<Arc<Exchange>>, proof: &[Arc<Exchange>]) -> Vec<Arc<Exchange>> {
    let borrowed = proof.iter().filter(|exchange| !own.iter().any(|known| Arc::ptr_eq(known, exchange))).cloned();
    borrowed.collect::<Vec<_>>().into_iter().chain(own.iter().cloned()).collect()
}
