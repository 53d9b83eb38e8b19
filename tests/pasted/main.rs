//! What the owner pastes into his repository, run here: the shell of every step is taken out of its file and run as a
//! runner would run it. Downloads come from a directory, which the file's own variables name.
//!
//! Tests named `zot::` need a real zot, and report themselves as ignored without one.

mod job;
mod lint;
mod preflight;
mod premerge;
mod registry;
mod services;
mod smoke;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use zot_verify::target::zot::Zot;

/// A scenario on a lab made of the given zot.
type Scenario = fn(&Zot) -> Result<(), Failed>;

/// What a real zot is needed for.
const SCENARIOS: &[(&str, Scenario)] = &[
    ("metrics-trap-stops-a-merge", premerge::metrics_trap_stops_a_merge),
    ("next-zot-does-not-stop-a-merge", premerge::next_zot_does_not_stop_a_merge),
    ("intent-decides-on-docker", premerge::intent_decides_on_docker),
    ("smoke-after-a-push", smoke::after_a_push),
    ("smoke-after-a-deployment", smoke::after_a_deployment),
    ("services-check", services::services_check),
    ("preflight-before-a-restart", preflight::before_a_restart),
];

/// A scenario that brings what it needs.
type Other = fn() -> Result<(), Failed>;

/// What needs none.
const OTHERS: &[(&str, Other)] = &[
    ("what-is-not-summed-is-not-run", premerge::what_is_not_summed_is_not_run),
    ("no-secret-and-no-floating-action", premerge::no_secret_and_no_floating_action),
    ("stand-in::smoke-after-a-push", || smoke::after_a_push(&Zot::Embedded)),
    ("stand-in::smoke-after-a-deployment", || smoke::after_a_deployment(&Zot::Embedded)),
    ("stand-in::services-check", || services::services_check(&Zot::Embedded)),
];

/// What the steps call, besides zot-verify and zot: all of it is on the owner's runner.
const TOOLS: &[&str] = &["bash", "curl", "dpkg", "sha256sum", "tar", "yq"];

fn main() {
    zot_verify_fixtures::crypto::install();
    let arguments = Arguments::from_args();
    let tools = missing(TOOLS);
    let zot = tools.clone().and_then(|()| zot());
    let mut trials = Vec::new();
    for (name, scenario) in OTHERS {
        let tools = tools.clone();
        trials.push(Trial::ignorable_test(*name, move || match tools {
            Ok(()) => scenario().map(|()| Completion::Completed),
            Err(reason) => Ok(Completion::ignored_with(reason)),
        }));
    }
    for (linter, lint) in lint::LINTERS {
        trials.push(Trial::ignorable_test(format!("lint::{linter}"), move || match missing(&[linter]) {
            Ok(()) => lint().map(|()| Completion::Completed),
            Err(reason) => Ok(Completion::ignored_with(reason)),
        }));
    }
    for (name, scenario) in SCENARIOS {
        let zot = zot.clone();
        trials.push(Trial::ignorable_test(format!("zot::{name}"), move || match &zot {
            Ok(zot) => scenario(zot).map(|()| Completion::Completed),
            Err(reason) => Ok(Completion::ignored_with(reason)),
        }));
    }
    libtest_mimic::run(&arguments, trials).exit();
}

/// The zot to test with, or why there is none.
fn zot() -> Result<Zot, String> {
    let named = std::env::var("ZOT_VERIFY_ZOT").ok();
    match Zot::choose("auto", named.as_deref(), std::env::var_os("PATH").as_deref()) {
        Ok(zot @ Zot::Program(_)) => Ok(zot),
        Ok(_) => Err("no zot: these need its binary, on the PATH or named by ZOT_VERIFY_ZOT".into()),
        // A zot that was named and is none is a mistake, not an absence.
        Err(trouble) if named.is_some_and(|named| !named.is_empty()) => {
            eprintln!("{trouble}");
            std::process::exit(2);
        }
        Err(_) => Err("no zot: set ZOT_VERIFY_ZOT, or put one on the PATH".into()),
    }
}

/// Which of these programs are not here.
fn missing(tools: &[&str]) -> Result<(), String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_here = |tool: &&&str| std::env::split_paths(&path).any(|at| at.join(tool).is_file());
    let missing: Vec<&str> = tools.iter().filter(|tool| !is_here(tool)).copied().collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("not installed: {}", missing.join(", "))) }
}
