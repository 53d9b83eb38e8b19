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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::catalogue::CHECKS;

    const ALL: [Exit; 6] = [Exit::Good, Exit::NothingRan, Exit::Unknown, Exit::Failed, Exit::Usage, Exit::Interrupted];

    fn of(verdicts: &[Verdict], interrupted: bool) -> u8 {
        let outcome = |&verdict| CheckOutcome { check: CHECKS[0], verdict, parts: Vec::new() };
        Exit::of(&verdicts.iter().map(outcome).collect::<Vec<_>>(), interrupted).code()
    }

    #[test]
    fn the_code_of_a_run() {
        use Verdict::{Error, Fail, NotRun, Pass, Skipped, Warn};
        for (verdicts, code) in [
            (&[][..], 4),
            (&[Skipped], 4),
            (&[Skipped, Skipped], 4),
            (&[Pass], 0),
            (&[Pass, Skipped], 0),
            (&[Warn, Skipped], 0),
            (&[Error], 3),
            (&[Error, Error], 3),
            (&[Error, Skipped], 3),
            (&[Pass, NotRun], 3),
            (&[Pass, Error, Fail], 1),
            (&[Fail, NotRun], 1),
        ] {
            assert_eq!(of(verdicts, false), code, "{verdicts:?}");
            assert_eq!(of(verdicts, true), 130, "{verdicts:?}");
        }
    }

    #[test]
    fn of_two_ends_the_graver_counts() {
        for (a, grave) in ALL.iter().enumerate() {
            for (b, other) in ALL.iter().enumerate() {
                assert_eq!(grave.or(*other), ALL[a.max(b)], "{grave:?} {other:?}");
            }
        }
    }

    fn verdicts() -> impl Strategy<Value = Vec<Verdict>> {
        use Verdict::{Error, Fail, NotRun, Pass, Skipped, Warn};
        prop::collection::vec(prop::sample::select(vec![Skipped, Pass, Warn, NotRun, Error, Fail]), 0..8)
    }

    proptest! {
        #[test]
        fn good_means_that_something_held_and_nothing_was_left_open(verdicts in verdicts()) {
            let some = |wanted: &[Verdict]| verdicts.iter().any(|verdict| wanted.contains(verdict));
            let good = some(&[Verdict::Pass, Verdict::Warn]) && !some(&[Verdict::Fail, Verdict::Error, Verdict::NotRun]);
            prop_assert_eq!(of(&verdicts, false) == 0, good);
            prop_assert_eq!(of(&verdicts, false) == 1, some(&[Verdict::Fail]));
        }

        #[test]
        fn the_order_of_checks_means_nothing(verdicts in verdicts(), by in 0usize..8) {
            let mut turned = verdicts.clone();
            turned.rotate_left(by % verdicts.len().max(1));
            prop_assert_eq!(of(&turned, false), of(&verdicts, false));
        }
    }
}
