//! Whose keys and passwords a live run may use.

use zot_verify_model::Account;

/// The accounts that the environment gives. A lab has none: it makes its own people and keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accounts {
    /// Whoever pushes from CI, with an API key.
    pub ci: Option<Account>,
    /// Somebody who may do everything, with an API key.
    pub admin: Option<Account>,
    /// Somebody who can log in at the issuer, with a password.
    pub person: Option<Account>,
}
