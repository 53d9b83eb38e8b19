//! What a run may do to its target.

use crate::check::Effect;

/// What may be done to a target, besides reading it and being refused by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permissions {
    lab: bool,
    writes: bool,
    fills_cache: bool,
}

impl Permissions {
    /// A lab is ours; everything may be done to it.
    pub const LAB: Self = Self { lab: true, writes: true, fills_cache: true };

    /// Somebody's registry, of which nothing more is allowed.
    pub const READ_ONLY: Self = Self::live(false, false);

    /// Somebody's registry: whether the canary may be written to, and whether it may fetch an upstream image.
    #[must_use]
    pub const fn live(writes: bool, fills_cache: bool) -> Self {
        Self { lab: false, writes, fills_cache }
    }

    /// Whether something may be created on somebody's registry.
    #[must_use]
    pub fn creates(self) -> bool {
        !self.lab && (self.writes || self.fills_cache)
    }

    /// Why what has this effect is not done, with what would change that.
    #[must_use]
    pub fn refuse(self, effect: Effect) -> Option<&'static str> {
        let (allowed, reason) = match effect {
            Effect::Reads | Effect::RefusedWrite => return None,
            Effect::WritesCanary => (
                self.writes,
                "it writes to the canary, and only where that is allowed: give --allow-writes, with the CI key in \
                 ZOT_VERIFY_API_KEY",
            ),
            Effect::FillsCache => (
                self.fills_cache,
                "it makes the registry fetch and keep an upstream image: name one that it may, with --mirror-image or \
                 `mirror_image`",
            ),
            Effect::LabOnly => {
                (self.lab, "only in a lab: on a registry with the hole it looks for it would leave a trace")
            }
        };
        (!allowed).then_some(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Effect; 5] =
        [Effect::Reads, Effect::RefusedWrite, Effect::WritesCanary, Effect::FillsCache, Effect::LabOnly];

    #[test]
    fn a_live_registry_is_only_read_unless_more_is_allowed() {
        let done = |permissions: Permissions| ALL.map(|effect| permissions.refuse(effect).is_none());
        assert_eq!(done(Permissions::LAB), [true; 5]);
        assert_eq!(done(Permissions::READ_ONLY), [true, true, false, false, false]);
        assert_eq!(done(Permissions::live(true, false)), [true, true, true, false, false]);
        assert_eq!(done(Permissions::live(false, true)), [true, true, false, true, false]);
        assert_eq!(done(Permissions::live(true, true)), [true, true, true, true, false]);
    }

    #[test]
    fn only_a_live_registry_that_may_be_changed_needs_a_ledger() {
        let creating = [(true, true), (true, false), (false, true), (false, false)];
        assert_eq!(
            creating.map(|(writes, fills)| Permissions::live(writes, fills).creates()),
            [true, true, true, false]
        );
        assert!(!Permissions::LAB.creates());
    }

    #[test]
    fn a_refusal_says_what_would_change_it() {
        let why = |effect| Permissions::READ_ONLY.refuse(effect).unwrap_or_default();
        assert!(why(Effect::WritesCanary).contains("--allow-writes"));
        assert!(why(Effect::FillsCache).contains("--mirror-image"));
        assert!(why(Effect::LabOnly).contains("only in a lab"));
    }
}
