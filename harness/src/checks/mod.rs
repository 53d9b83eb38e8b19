//! The checks, one file a concern. [`crate::catalogue`] joins what they declare.

pub mod apikey;
pub mod apikey_expiry;
pub mod apikey_limits;
pub mod cookies;
pub mod credentials;
pub mod expect;
pub mod exposition;
pub mod login;
pub mod metrics;
pub mod mirror;
pub mod mirror_paths;
pub mod personas;
pub mod pull;
pub mod push;
pub mod session;
pub mod version;
