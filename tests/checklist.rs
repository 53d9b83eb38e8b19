//! The checklist as tests: one a check, through the same engine as the command.
//!
//! The target is `ZOT_VERIFY_TARGET`: `embedded` (the default), `auto`, the path of a zot binary, or the URL of a live
//! registry. It is opened when the first check needs it, so `--list` starts nothing.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use clap::{CommandFactory as _, FromArgMatches as _};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use tokio::runtime::Runtime;
use zot_verify::catalogue;
use zot_verify::error::Trouble;
use zot_verify::run::outcome::{CheckOutcome, Verdict};
use zot_verify::session::{Session, Surroundings};
use zot_verify::settings::Settings;
use zot_verify::settings::args::{Args, Command};

/// The target, opened by the check that comes first.
#[derive(Default)]
struct Shared {
    opened: OnceLock<Result<Opened, String>>,
}

/// A session with the runtime that it lives in; the session is taken out when all checks have ended.
struct Opened {
    runtime: Runtime,
    session: Mutex<Option<Arc<Session>>>,
}

impl Shared {
    fn run_one(&self, id: &str) -> Result<CheckOutcome, Failed> {
        let opened = self.opened.get_or_init(|| open().map_err(|trouble| trouble.to_string())).as_ref()?;
        let session = opened.session().clone().ok_or("the target is closed")?;
        Ok(opened.runtime.block_on(session.run_one(id))?)
    }

    fn close(&self) -> Result<(), Failed> {
        let Some(Ok(opened)) = self.opened.get() else { return Ok(()) };
        let session = opened.session().take().and_then(Arc::into_inner);
        match session {
            Some(session) => Ok(opened.runtime.block_on(session.close())?),
            None => Ok(()),
        }
    }
}

impl Opened {
    fn session(&self) -> MutexGuard<'_, Option<Arc<Session>>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open() -> Result<Opened, Trouble> {
    zot_verify_fixtures::crypto::install();
    let failed = |error: std::io::Error| Trouble::unknown("no runtime could be started", error.to_string());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(failed)?;
    let settings = settings()?;
    let around = Surroundings::new(Path::new(env!("CARGO_BIN_EXE_zot-verify")), settings.secrets.clone());
    let session = runtime.block_on(Session::open(&settings, &around))?;
    Ok(Opened { runtime, session: Mutex::new(Some(Arc::new(session))) })
}

/// What the command would make of the target.
fn settings() -> Result<Settings, Trouble> {
    let target = std::env::var("ZOT_VERIFY_TARGET").unwrap_or_else(|_| "embedded".into());
    let words = if target.contains("://") { vec!["live", &target] } else { vec!["local", "--zot", &target] };
    let usage = |error: clap::Error| Trouble::usage("ZOT_VERIFY_TARGET cannot be used", error.to_string());
    let words = std::iter::once("zot-verify").chain(words);
    let matches = Args::command().try_get_matches_from(words).map_err(usage)?;
    let typed = Args::from_arg_matches(&matches).map_err(usage)?;
    let (_, matches) = matches.subcommand().ok_or_else(|| Trouble::nothing_ran("no command"))?;
    match &typed.command {
        Command::Live(typed) => Settings::live(typed, matches),
        Command::Local(typed) => Settings::local(typed, matches),
        _ => Err(Trouble::nothing_ran("no target")),
    }
}

/// A warning is a pass here, as its exit code is for the command; an error is a failure, as nothing is proven.
fn told(outcome: &CheckOutcome) -> Result<Completion, Failed> {
    let lines = outcome.deciding().map(|part| {
        let expected = part.expected.as_ref().map_or_else(String::new, |expected| format!(", not: {expected}"));
        let hint = part.hint.as_ref().map_or_else(String::new, |hint| format!("\n  {}", hint.cause));
        format!("{}: {}{expected}{hint}", outcome.check.part_id(part.part), part.reason)
    });
    match outcome.verdict {
        Verdict::Pass | Verdict::Warn => Ok(Completion::Completed),
        Verdict::Skipped | Verdict::Waived => Ok(Completion::ignored_with(lines.collect::<Vec<_>>().join("; "))),
        Verdict::NotRun | Verdict::Error | Verdict::Fail => Err(lines.collect::<Vec<_>>().join("\n").into()),
    }
}

fn main() {
    let arguments = Arguments::from_args();
    let shared = Arc::new(Shared::default());
    let trials = catalogue::CHECKS
        .iter()
        .map(|check| {
            let shared = Arc::clone(&shared);
            Trial::ignorable_test(check.id, move || told(&shared.run_one(check.id)?))
        })
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if let Err(left) = shared.close() {
        eprintln!("{}", left.message().unwrap_or("the target could not be closed"));
        std::process::exit(101);
    }
    conclusion.exit();
}
