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

/// What somebody is for a registry, in the words of the owner's intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Whoever gives no credentials.
    Anonymous,
    /// Whoever logged in, and is in no group that counts.
    Authenticated,
    /// Whoever pushes from CI.
    Ci,
    /// Whoever may undo what CI has done.
    Admin,
}

impl Role {
    /// All of them, those with the fewest rights first.
    pub const ALL: [Self; 4] = [Self::Anonymous, Self::Authenticated, Self::Ci, Self::Admin];

    /// The word of the intent file.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Authenticated => "authenticated",
            Self::Ci => "ci",
            Self::Admin => "admin",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_has_its_word() {
        assert_eq!(Role::ALL.map(Role::word), ["anonymous", "authenticated", "ci", "admin"]);
    }
}
