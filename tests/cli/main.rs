//! The command as a person meets it: whatever is typed wrong gives one message and the documented exit code, leaves
//! nothing behind, shows no secret, and never panics. The snapshots are what a person reads.

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod certificates;
mod clean;
mod compare;
mod ends;
mod house;
mod intent;
mod inventory;
mod labs;
mod policy;
mod preflight;
mod servers;
mod tells;
mod usage;
