//! Who acts on a registry, and what they may do (zot `accessControl`).

use serde::{Deserialize, Serialize};

use crate::Secret;

/// An action that zot's access control knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Pull, list tags, ask for referrers, poll an upload.
    Read,
    /// Upload blobs, put a manifest under a new reference.
    Create,
    /// Put a manifest under a tag that exists.
    Update,
    /// Remove a tag, a manifest, a blob or an upload.
    Delete,
}

impl Action {
    /// The word that zot's configuration uses.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// Who acts, as far as access control can tell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Principal {
    /// Nobody who gave credentials.
    Anonymous,
    /// A user whom zot knows by this name, in these groups.
    User {
        /// The name zot knows the user by.
        name: String,
        /// The groups of the user's last login.
        groups: Vec<String>,
    },
}

/// A name with what proves it: an API key, or a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The user's name.
    pub name: String,
    /// The proof.
    pub secret: Secret,
}
