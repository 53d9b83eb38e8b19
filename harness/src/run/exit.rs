//! The exit code, decided in one place.

use super::outcome::{CheckOutcome, Verdict};

/// What the process ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything that ran holds.
    Good = 0,
    /// A check failed.
    Failed = 1,
    /// Usage or configuration.
    Usage = 2,
    /// We could not tell.
    Unknown = 3,
    /// Nothing ran.
    NothingRan = 4,
    /// Interrupted.
    Interrupted = 130,
}

impl Exit {
    /// The code of a run: 130 > 1 > 3 > 4 > 0.
    #[must_use]
    pub fn of(outcomes: &[CheckOutcome], interrupted: bool) -> Self {
        let any = |verdict| outcomes.iter().any(|outcome| outcome.verdict == verdict);
        if interrupted {
            Self::Interrupted
        } else if any(Verdict::Fail) {
            Self::Failed
        } else if any(Verdict::Error) || any(Verdict::NotRun) {
            Self::Unknown
        } else if any(Verdict::Pass) || any(Verdict::Warn) {
            Self::Good
        } else {
            Self::NothingRan
        }
    }

    /// Of two ends the one that counts: 130 > 2 > 1 > 3 > 4 > 0.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let order = [Self::Interrupted, Self::Usage, Self::Failed, Self::Unknown, Self::NothingRan];
        order.into_iter().find(|end| [self, other].contains(end)).unwrap_or(Self::Good)
    }

    /// The number.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }
}
