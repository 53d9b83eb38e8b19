//! The checks, one file a concern. [`crate::catalogue`] joins what they declare.

pub mod admin;
pub mod apikey;
pub mod apikey_expiry;
pub mod apikey_limits;
pub mod cookies;
pub mod credentials;
pub mod expect;
pub mod exposition;
pub mod immutable;
pub mod inventory;
pub mod login;
pub mod looking;
pub mod metrics;
pub mod mirror;
pub mod mirror_paths;
pub mod new_tags;
pub mod personas;
pub mod proxy;
pub mod pull;
pub mod push;
pub mod push_key;
pub mod pushing;
pub mod race;
pub mod session;
pub mod tls;
pub mod version;
