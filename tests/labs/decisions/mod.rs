//! Random configurations, and who may do what under them: zot says the same as the harness's decision function and as
//! the stand-in's, each for itself.
//!
//! `ZOT_VERIFY_DECISIONS` says how many configurations are tried, `ZOT_VERIFY_SEED` which.

mod configs;
mod guarded;

use std::cell::Cell;

use libtest_mimic::Failed;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use serde_json::Value;
use zot_verify::policy::decision::{Ruling, decide};
use zot_verify::target::zot::Zot;
use zot_verify_fixtures::registry;
use zot_verify_model::ZotConfig;
use zot_verify_model::principal::{Action, Principal};

use self::guarded::Guarded;
use super::support;

/// Configurations that are tried where nobody says how many: a few seconds.
const USUALLY: u32 = 4;
const ACTIONS: [Action; 4] = [Action::Read, Action::Create, Action::Update, Action::Delete];

pub(crate) fn are_zots(zot: &Zot) -> Result<(), Failed> {
    let Zot::Program(path) = zot else { return Err("this needs a zot that can be started".into()) };
    let asked = number("ZOT_VERIFY_DECISIONS")?;
    let config = Config {
        cases: asked.unwrap_or(USUALLY),
        max_shrink_time: 60_000,
        failure_persistence: None,
        ..Config::default()
    };
    let mut seed = [0; 32];
    seed[..4].copy_from_slice(&number("ZOT_VERIFY_SEED")?.unwrap_or_default().to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let runtime = support::runtime()?;
    let told = Cell::new([0; 3]);
    let outcome = runner.run(&configs::access_control(), |access| {
        let failed = |failed: Failed| TestCaseError::fail(failed.message().unwrap_or_default().to_owned());
        let [decisions, granted, chances] = runtime.block_on(compare(path, &access)).map_err(failed)?;
        let [all, all_granted, all_chances] = told.get();
        told.set([all + decisions, all_granted + granted, all_chances + chances]);
        Ok(())
    });
    if asked.is_some() {
        let [decisions, granted, chances] = told.get();
        println!("{decisions} decisions, {granted} granted, {chances} left to chance");
    }
    match outcome {
        Ok(()) => Ok(()),
        Err(TestError::Abort(reason)) => Err(reason.to_string().into()),
        Err(TestError::Fail(reason, access)) => Err(format!("{reason}\n{access:#}").into()),
    }
}

/// Asks zot everything, and says how many decisions it made, how many of them granted, and how many by chance.
async fn compare(zot: &std::path::Path, access: &Value) -> Result<[usize; 3], Failed> {
    let guarded = Guarded::start(zot, access).await?;
    let [mut decisions, mut granted, mut chances] = [0; 3];
    for name in ["", "x", "y", "z"] {
        let who = principal(&guarded.config, name);
        for repository in guarded::REPOSITORIES {
            for action in ACTIONS {
                let said = guarded.allows(name, repository, action).await?;
                let decision = decide(&guarded.config, &who, repository, action);
                let stand_in = registry::permits(&guarded.config, &who, action, repository);
                decisions += 1;
                granted += usize::from(said);
                let thought = match decision.ruling {
                    Ruling::Granted => true,
                    Ruling::Refused => false,
                    Ruling::Conditional => return Err("there are no conditions here".into()),
                    Ruling::Chance => {
                        chances += 1;
                        continue;
                    }
                };
                if [thought, stand_in] != [said; 2] {
                    let (word, by) = (action.word(), decision.by);
                    return Err(format!(
                        "`{name}` {word} {repository}: zot {said}, the harness {thought} by {by}, the stand-in {stand_in}"
                    )
                    .into());
                }
            }
        }
    }
    Ok([decisions, granted, chances])
}

/// Who somebody of this name is: their groups are those of the configuration.
fn principal(config: &ZotConfig, name: &str) -> Principal {
    match name {
        "" => Principal::Anonymous,
        name => Principal::User { name: name.to_owned(), groups: config.groups_of(name) },
    }
}

fn number(variable: &str) -> Result<Option<u32>, Failed> {
    match std::env::var(variable) {
        Ok(text) => Ok(Some(text.parse().map_err(|error| format!("{variable} is `{text}`: {error}"))?)),
        Err(_) => Ok(None),
    }
}
