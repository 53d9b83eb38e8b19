//! What `zot-verify` and its fixtures speak of, as pure data: no I/O, no clock, no network.
//!
//! The harness and the fixtures share these types and never each other's judgement: what the stand-in
//! *decides* from a [`config::ZotConfig`] and what a check *expects* of it are written twice, on purpose.

pub mod config;
pub mod digest;
pub mod image;
pub mod layout;
pub mod principal;
pub mod secret;
pub mod sync;

pub use config::ZotConfig;
pub use digest::Digest;
pub use principal::Account;
pub use secret::Secret;
