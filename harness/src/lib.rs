//! zot-verify proves, with evidence, that a zot registry does what its owner believes it does.
//!
//! Data flows one way: settings, target, deployment, plan, runner, events, reporters. See `ARCHITECTURE.md`.

pub mod advice;
pub mod aside;
pub mod bench;
pub mod bounds;
pub mod catalogue;
pub mod check;
pub mod checks;
pub mod clean;
pub mod compare;
pub mod doctor;
pub mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod ledger;
pub mod login;
pub mod manifests;
pub mod patience;
pub mod policy;
pub mod preflight;
pub mod report;
pub mod run;
pub mod self_test;
pub mod serve;
pub mod session;
pub mod settings;
pub mod target;
pub mod wire;
mod yaml;
