//! One run from a validated setting to an exit code; the command and `cargo test` both come through here.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use zot_verify_model::Secret;

use crate::bench::{Bench, Setup};
use crate::checks::tls;
use crate::error::Trouble;
use crate::ledger::Ledger;
use crate::report::{Reporter, from_outside};
use crate::run::event::{Counts, Event, Header, Summary};
use crate::run::exit::Exit;
use crate::run::note::Note;
use crate::run::outcome::CheckOutcome;
use crate::run::permissions::Permissions;
use crate::run::plan::Plan;
use crate::run::runner::{self, End};
use crate::settings::{Intent, Settings, Target};
use crate::target::lab::{Lab, LabSpec};
use crate::target::zot::Zot;
use crate::target::{Deployment, believed, builtin, live};
use crate::wire::{Redactor, Wire};

/// A target that answers, with everything that probes need.
#[derive(Debug)]
pub struct Session {
    bench: Bench,
    permissions: Permissions,
    lab: Option<Lab>,
    /// What the lab changed in a configuration that was given; nobody wants to know it of the built-in one.
    changes: Vec<String>,
}

/// What a session is opened with, besides settings.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// zot-verify itself, which becomes the reaper of a zot process.
    pub program: PathBuf,
    /// The name of this run.
    pub run: String,
    /// The secrets of the environment, to be kept out of every output.
    pub secrets: Vec<Secret>,
}

impl Surroundings {
    /// Surroundings for a program that can become a reaper, with a new run.
    #[must_use]
    pub fn new(program: &Path, secrets: Vec<Secret>) -> Self {
        let run = uuid::Uuid::new_v4().simple().to_string()[..8].to_owned();
        Self { program: program.to_owned(), run, secrets }
    }

    /// A redactor that knows the secrets of the environment. What is met on the way stays with the session that met it.
    #[must_use]
    pub fn redactor(&self) -> Redactor {
        let redactor = Redactor::new();
        self.secrets.iter().for_each(|secret| redactor.learn(secret));
        redactor
    }
}

impl Session {
    /// Starts the lab, or recognises the live registry.
    ///
    /// # Errors
    /// Trouble with exit code 3 where nothing answers as a registry.
    pub async fn open(settings: &Settings, around: &Surroundings) -> Result<Self, Trouble> {
        let intent = Arc::new(settings.intent.clone());
        match &settings.target {
            Target::Local { zot, caddy } => {
                let config = match &settings.config {
                    Some(config) => config.clone(),
                    None => builtin::config(zot.metrics_key(&around.program).await?),
                };
                let spec = lab_spec(zot.clone(), config, &intent, around)?
                    .behind(caddy.clone())
                    .written_in(settings.source.clone());
                let mut session = Self::lab(&spec, intent, around).await?;
                if settings.config.is_none() {
                    session.changes.clear();
                }
                Ok(session)
            }
            Target::Live { url, wait, trust, .. } => {
                let https =
                    [Some(url), intent.issuer.as_ref()].into_iter().flatten().any(|url| url.scheme() == "https");
                let wire = Wire::new(url.clone(), &around.run, around.redactor(), trust, https)
                    .map_err(|error| Trouble::unknown("no HTTP client could be made", error.to_string()))?;
                let deployment =
                    live::open(&wire, &intent, settings.config.as_ref(), &settings.accounts, *wait).await?;
                if !settings.plan()?.contains(&tls::CHECK) {
                    believed(&wire)?;
                }
                let permissions = settings.permissions();
                let ledger = match &settings.ledger {
                    Some(place) if permissions.creates() => {
                        Ledger::new(place, &around.run, url.as_str(), wire.redactor().clone())
                    }
                    _ => Ledger::closed(),
                };
                let bench = bench(deployment, intent, wire, ledger);
                Ok(Self { bench, permissions, lab: None, changes: Vec::new() })
            }
        }
    }

    /// Starts the lab that is described.
    ///
    /// # Errors
    /// As [`LabSpec::start`].
    pub async fn lab(spec: &LabSpec, intent: Arc<Intent>, around: &Surroundings) -> Result<Self, Trouble> {
        let (lab, wire, deployment) = spec.start(&around.redactor()).await?;
        let bench = bench(deployment, intent, wire, Ledger::lab());
        let changes = lab.changes().to_vec();
        Ok(Self { bench, permissions: Permissions::LAB, lab: Some(lab), changes })
    }

    /// Runs a plan and hands on every judged check.
    pub async fn run(
        &self,
        plan: &Plan,
        end: watch::Receiver<End>,
        judged: impl FnMut(&CheckOutcome),
    ) -> Vec<CheckOutcome> {
        let outcomes = runner::run(plan, &self.bench, end, judged).await;
        self.bench.setup.people.leave(&self.bench).await;
        outcomes
    }

    /// Runs a plan, which may take this long, and takes the lab away.
    ///
    /// # Errors
    /// As [`Session::close`].
    pub async fn complete(self, plan: &Plan, time: Duration) -> Result<Vec<CheckOutcome>, Trouble> {
        let (end, listen) = watch::channel(End::Open);
        let timer = tokio::spawn(out_of_time(end, time));
        let outcomes = self.run(plan, listen, |_| ()).await;
        timer.abort();
        self.close().await?;
        Ok(outcomes)
    }

    /// Runs one check, as `cargo test` does. What checks share is shared between calls too.
    ///
    /// # Errors
    /// Usage trouble for an unknown id.
    pub async fn run_one(&self, id: &str) -> Result<CheckOutcome, Trouble> {
        let plan = Plan::make(&[id.to_owned()], &[], self.permissions, &self.bench.intent)?;
        let (end, listen) = watch::channel(End::Open);
        let timer = out_of_time(end, crate::bounds::RUN);
        let outcomes = tokio::select! {
            outcomes = self.run(&plan, listen, |_| ()) => outcomes,
            () = timer => Vec::new(),
        };
        outcomes.into_iter().next().ok_or_else(|| Trouble::nothing_ran(format!("{id} did not run")))
    }

    /// What reports say before the first check.
    #[must_use]
    pub fn header(&self) -> Header {
        let (deployment, redactor) = (&self.bench.deployment, self.bench.wire.redactor());
        // What zot says of itself is text from the wire like any other.
        let redacted = |word: &Option<String>| word.as_ref().map(|word| from_outside(redactor, word));
        Header {
            kind: deployment.kind.word(),
            url: redactor.redact_url(deployment.registry.as_str()),
            asked: deployment.mgmt.is_ok(),
            zot_version: redacted(&deployment.zot_version),
            zot_commit: redacted(&deployment.zot_commit),
            stand_in: deployment.stand_in,
            made_of: deployment.made_of.clone(),
            changes: self.changes.iter().map(|change| redactor.redact_url(change)).collect(),
            intent: self.bench.intent.source.clone(),
        }
    }

    /// Takes a lab away and waits until nothing of it is left.
    ///
    /// # Errors
    /// As [`Lab::stop`].
    pub async fn close(self) -> Result<(), Trouble> {
        match self.lab {
            Some(lab) => lab.stop().await,
            None => Ok(()),
        }
    }
}

/// A lab of this zot under this configuration, without faults.
///
/// # Errors
/// As [`LabSpec::new`].
pub fn lab_spec(
    zot: Zot,
    config: zot_verify_model::ZotConfig,
    intent: &Intent,
    around: &Surroundings,
) -> Result<LabSpec, Trouble> {
    LabSpec::new(zot, config, intent, around.program.clone(), &around.run)
}

fn bench(deployment: Deployment, intent: Arc<Intent>, wire: Wire, ledger: Ledger) -> Bench {
    let groups = deployment.groups.or_intended(&intent.policy);
    let deployment = Arc::new(Deployment { groups, ..deployment });
    Bench { deployment, intent, wire, setup: Arc::new(Setup::default()), ledger }
}

/// A whole run: plan, open, run, report, close.
///
/// # Errors
/// Trouble that leaves no report, with the exit code that belongs to it.
pub async fn verify(settings: &Settings, around: &Surroundings, reporter: &mut dyn Reporter) -> Result<Exit, Trouble> {
    let plan = settings.plan()?;
    if plan.checks.is_empty() {
        return Err(Trouble::nothing_ran("nothing is selected, so nothing would be proven")
            .cure("leave out --skip, or name checks; `zot-verify list` shows them"));
    }
    let (end, listen) = watch::channel(End::Open);
    let signals = tokio::spawn(interrupted(end.clone())?);
    let result = watched(settings, around, reporter, &plan, end, listen).await;
    signals.abort();
    result
}

async fn watched(
    settings: &Settings,
    around: &Surroundings,
    reporter: &mut dyn Reporter,
    plan: &Plan,
    end: watch::Sender<End>,
    mut listen: watch::Receiver<End>,
) -> Result<Exit, Trouble> {
    let start = Instant::now();
    let limit = settings.timeout + settings.target.wait();
    let session = tokio::select! {
        session = Session::open(settings, around) => session?,
        _ = listen.wait_for(|end| *end == End::Interrupted) => return Err(Trouble::interrupted()),
        () = tokio::time::sleep(limit) => return Err(not_open(&settings.target.name(), limit)),
    };
    // What was spent waiting for a registry that starts is not missing for the checks.
    let left = limit.saturating_sub(start.elapsed()).min(settings.timeout);
    let timer = tokio::spawn(end_after(left, end, settings.timeout));
    let mut told = reporter.tell(&Event::Started(&session.header()));
    let start = Instant::now();
    let outcomes = session
        .run(plan, listen.clone(), |outcome| {
            let now = reporter.tell(&Event::Judged(outcome));
            if told.is_ok() {
                told = now;
            }
        })
        .await;
    timer.abort();
    let ledger = session.bench.ledger.noted(session.bench.wire.redactor());
    let left = if ledger.remains() { Exit::Remains } else { Exit::Good };
    let exit = Exit::of(&outcomes, *listen.borrow() == End::Interrupted).or(left);
    let (counts, duration, requests) = (Counts::of(&outcomes), start.elapsed(), session.bench.wire.requests());
    let notes = Note::all(&outcomes, &settings.intent);
    // Closed before the end is told, so that no report says less than the exit code.
    let closed = session.close().await.map_err(|trouble| trouble.among(exit));
    let exit = closed.as_ref().map_or_else(Trouble::exit, |()| exit);
    let ended = reporter.tell(&Event::Ended(&Summary { counts, notes, ledger, exit, duration, requests }));
    closed?;
    told.and(ended).map_err(|error| {
        Trouble::unknown("the report could not be written", error.to_string()).cure("check the disk").among(exit)
    })?;
    Ok(exit)
}

impl Target {
    /// What is waited for.
    fn name(&self) -> String {
        match self {
            Self::Local { zot, .. } => zot.name(),
            Self::Live { url, .. } => url.to_string(),
        }
    }
}

/// Trouble with what did not answer in all the time that there was.
pub(crate) fn not_open(name: &str, limit: Duration) -> Trouble {
    let limit = humantime::format_duration(limit);
    Trouble::unknown(format!("{name} was not ready within {limit}"), "the whole run may take no longer")
        .cure("check that it answers at all; --timeout gives it more time")
}

/// Ends the run at a signal.
fn interrupted(end: watch::Sender<End>) -> Result<impl Future<Output = ()> + Send + 'static, Trouble> {
    let failed = |error: std::io::Error| Trouble::unknown("signals cannot be received", error.to_string());
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        end.send_replace(End::Interrupted);
        end.closed().await;
    })
}

/// Ends the run when its time is over, and lets it finish.
pub(crate) async fn out_of_time(end: watch::Sender<End>, timeout: Duration) {
    end_after(timeout, end, timeout).await;
}

/// Ends the run after what is `left` of its `limit`, unless it was interrupted first.
async fn end_after(left: Duration, end: watch::Sender<End>, limit: Duration) {
    tokio::time::sleep(left).await;
    end.send_if_modified(|now| {
        let open = *now == End::Open;
        if open {
            *now = End::OutOfTime(limit);
        }
        open
    });
    end.closed().await;
}
