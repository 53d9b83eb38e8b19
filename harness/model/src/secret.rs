//! Values that must never be shown.

use std::fmt;

/// A password, key, cookie or token, with the name under which people know it.
///
/// It has no `Display`, does not serialize, and its `Debug` shows the name only. The value is reachable through
/// [`Secret::expose`] alone, so that every use can be found by searching for that word.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Secret {
    name: String,
    value: String,
}

impl Secret {
    /// Wraps `value`; `name` says in plain words what it is, for instance `ZOT_VERIFY_API_KEY` or `cookie session`.
    #[must_use]
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }

    /// What the secret is called wherever its value would have stood.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value itself, for the wire and for redaction only.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.value
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_name_and_not_the_value() {
        let secret = Secret::new("ZOT_VERIFY_API_KEY", "a-canary-value");
        assert_eq!(format!("{secret:?} {secret:#?}"), "Secret(ZOT_VERIFY_API_KEY) Secret(ZOT_VERIFY_API_KEY)");
    }
}
