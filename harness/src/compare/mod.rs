//! An upgrade, rehearsed: the same checks on two zots, or on one zot with two configurations, and what changes.
//!
//! Both sides are labs of their own, with the same seeds, people and intent, started side by side. What is said of a
//! change of the configuration was tried: see [`trial`].

pub mod changes;
pub mod trial;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};
use zot_verify_model::ZotConfig;

use self::changes::{Change, Difference, differences};
use self::trial::{Attempt, Trial};
use crate::error::Trouble;
use crate::report::printable;
use crate::run::event::{Counts, Header};
use crate::run::exit::Exit;
use crate::run::outcome::CheckOutcome;
use crate::run::plan::Plan;
use crate::session::{Session, Surroundings, lab_spec};
use crate::settings::Compare;
use crate::target::builtin;
use crate::target::zot::Zot;

/// A comparison that has ended.
#[derive(Debug)]
pub struct Report {
    /// The side that is left.
    pub from: Side,
    /// The side that is gone to.
    pub to: Side,
    /// Which change of the configuration goes with which side.
    pub trials: Vec<Trial>,
    /// What the process should end with.
    pub exit: Exit,
    /// How long it took.
    pub duration: Duration,
}

/// What became of one side.
#[derive(Debug)]
pub enum Side {
    /// It came up, and was checked.
    Up(Box<Ran>),
    /// Its zot would not serve, and said why.
    Refused(Trouble),
    /// Something else kept it from being checked.
    Untold(Trouble),
}

/// A side that was checked.
#[derive(Debug)]
pub struct Ran {
    /// What is said of it before its checks.
    pub header: Header,
    /// What became of them.
    pub outcomes: Vec<CheckOutcome>,
}

impl Side {
    /// What was checked, if it came up.
    #[must_use]
    pub fn ran(&self) -> Option<&Ran> {
        match self {
            Self::Up(ran) => Some(ran),
            Self::Refused(_) | Self::Untold(_) => None,
        }
    }

    /// Why it did not come up.
    #[must_use]
    pub fn trouble(&self) -> Option<&Trouble> {
        match self {
            Self::Up(_) => None,
            Self::Refused(trouble) | Self::Untold(trouble) => Some(trouble),
        }
    }

    /// Its checks; none where it did not come up.
    #[must_use]
    pub fn outcomes(&self) -> &[CheckOutcome] {
        self.ran().map_or(&[], |ran| &ran.outcomes)
    }

    /// How many of its parts have each verdict.
    #[must_use]
    pub fn parts(&self) -> Counts {
        Counts::of_verdicts(self.outcomes().iter().flat_map(|outcome| &outcome.parts).map(|part| part.verdict))
    }
}

impl Report {
    /// Every part of both sides.
    #[must_use]
    pub fn differences(&self) -> Vec<Difference<'_>> {
        differences(self.from.outcomes(), self.to.outcomes())
    }
}

/// Runs both sides, and tries the changes that would cure what got worse.
///
/// # Errors
/// Trouble with what was typed, where nothing is selected, at a signal, and where a lab could not be taken away.
pub async fn run(settings: &Compare, around: &Surroundings) -> Result<Report, Trouble> {
    let failed = |error: std::io::Error| Trouble::unknown("signals cannot be received", error.to_string());
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    tokio::select! {
        report = rehearse(settings, around) => report,
        _ = interrupt.recv() => Err(Trouble::interrupted()),
        _ = terminate.recv() => Err(Trouble::interrupted()),
    }
}

async fn rehearse(settings: &Compare, around: &Surroundings) -> Result<Report, Trouble> {
    let start = Instant::now();
    let plan = settings.run.plan()?;
    if plan.checks.is_empty() {
        return Err(Trouble::nothing_ran("nothing is selected, so nothing would be compared")
            .cure("leave out --skip, or name checks; `zot-verify list` shows them"));
    }
    let labs = Labs { settings, around, plan: &plan };
    let (from, to) = labs.configs().await?;
    let (before, after) = (labs.side(&settings.from, from.clone()), labs.side(&settings.to, to.clone()));
    let (before, after) = tokio::join!(before, after);
    let (before, after) = (before?, after?);
    let mut trials = Vec::new();
    for attempt in Attempt::all(&before, &after, &to)? {
        let (old, new) = (attempt.on(&from), attempt.on(&to));
        let (old, new) = tokio::join!(labs.side(&settings.from, old), labs.side(&settings.to, new));
        trials.push(Trial::of(attempt, (&before, &old?), (&after, &new?)));
    }
    let exit = exit(&before, &after);
    Ok(Report { from: before, to: after, trials, exit, duration: start.elapsed() })
}

/// What the process should end with: a side to go to that does not come up is an answer, a side to come from that does
/// not leaves nothing to compare with.
fn exit(from: &Side, to: &Side) -> Exit {
    match (from, to) {
        (Side::Up(from), Side::Up(to)) => changes::exit(&differences(&from.outcomes, &to.outcomes)),
        (Side::Up(_), Side::Refused(_)) => Exit::Failed,
        _ => Exit::Unknown,
    }
}

/// The labs of a comparison.
struct Labs<'a> {
    settings: &'a Compare,
    around: &'a Surroundings,
    plan: &'a Plan,
}

impl Labs<'_> {
    /// The configurations of both sides. Where none was given it is the built-in one as the old zot takes it, on both
    /// sides: an upgrade changes no configuration by itself.
    async fn configs(&self) -> Result<(ZotConfig, ZotConfig), Trouble> {
        let from = match &self.settings.run.config {
            Some(config) => config.clone(),
            None => builtin::config(self.settings.from.metrics_key(&self.around.program).await?),
        };
        let to = self.settings.to_config.clone().unwrap_or_else(|| from.clone());
        Ok((from, to))
    }

    /// Starts a lab, checks it and takes it away.
    async fn side(&self, zot: &Zot, config: ZotConfig) -> Result<Side, Trouble> {
        let run = &self.settings.run;
        let intent = Arc::new(run.intent.clone());
        let (start, limit) = (Instant::now(), run.timeout);
        let spec = lab_spec(zot.clone(), config, &intent, self.around)?;
        let opened = tokio::time::timeout(limit, Session::lab(&spec, intent, self.around)).await;
        let late = |_| Err(crate::session::not_open(&zot.name(), limit));
        let session = match opened.unwrap_or_else(late) {
            Ok(session) => session,
            Err(trouble) if trouble.exit() != Exit::Unknown => return Err(trouble),
            Err(trouble) if trouble.is_refusal() => return Ok(Side::Refused(trouble)),
            Err(trouble) => return Ok(Side::Untold(trouble)),
        };
        let header = session.header();
        let outcomes = session.complete(self.plan, limit.saturating_sub(start.elapsed())).await?;
        Ok(Side::Up(Box::new(Ran { header, outcomes })))
    }
}

/// Why a side did not come up, for people.
#[must_use]
pub fn why(trouble: &Trouble) -> String {
    printable(&trouble.why().lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join("\n"))
}

/// How many parts of a comparison changed so.
#[must_use]
pub fn count(differences: &[Difference<'_>], change: Change) -> usize {
    differences.iter().filter(|part| part.change == change).count()
}
