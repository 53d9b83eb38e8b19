//! The zot that will be started, asked and tried.

use super::Clock;
use super::binary::{Binary, takes};
use super::copy::Copy;
use super::line::Finding;
use super::trial::{self, Trial};
use crate::session::Surroundings;
use crate::settings::Preflight;
use crate::target::zot::Zot;

/// What was learnt of it; where something is missing, what to say instead.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) binary: Result<Binary, Finding>,
    pub(super) takes: Finding,
    pub(super) trial: Result<Trial, Finding>,
}

impl Program {
    /// Asks for its name and for its judgement, and starts it for a moment where it has nothing against that.
    pub(super) async fn look(settings: &Preflight, copy: &Copy, around: &Surroundings, clock: Clock) -> Self {
        let program = &settings.zot;
        let binary = clock.within(Binary::ask(program)).await.flatten();
        let Ok(known) = &binary else {
            let skipped = needs("a zot that runs; see binary.runs");
            return Self { takes: skipped.clone(), trial: Err(skipped), binary };
        };
        let name = known.name();
        let taken = takes(program, &name, copy, &settings.config);
        let takes = clock.within(taken).await.unwrap_or_else(|late| late);
        let trial = if !matches!(takes, Finding::Good(_)) {
            Err(needs("a configuration that it takes; see binary.takes-config"))
        } else if settings.skips(&["trial.comes-up"]) {
            Err(needs("a trial start"))
        } else {
            let start = trial::start(Zot::Program(program.clone()), &copy.config, around);
            clock.within(start).await.flatten()
        };
        Self { binary, takes, trial }
    }

    /// What can only be judged of a zot that runs.
    pub(super) fn of_binary(&self, judge: impl FnOnce(&Binary) -> Finding) -> Finding {
        match &self.binary {
            Ok(binary) => judge(binary),
            Err(_) => needs("a zot that runs; see binary.runs"),
        }
    }
}

fn needs(what: &str) -> Finding {
    Finding::Skipped(format!("needs {what}"))
}
