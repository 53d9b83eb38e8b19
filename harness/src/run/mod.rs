//! From a plan to verdicts.

pub mod event;
pub mod exit;
pub mod note;
pub mod outcome;
pub mod permissions;
pub mod plan;
pub mod runner;
