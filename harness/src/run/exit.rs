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
    /// We could not tell, or a required check was skipped.
    Unknown = 3,
    /// Nothing ran.
    NothingRan = 4,
    /// Something of ours that we may delete remains.
    Remains = 5,
    /// Interrupted.
    Interrupted = 130,
}

impl Exit {
    /// The code of a run: 130 > 1 > 3 > 4 > 0.
    #[must_use]
    pub fn of(outcomes: &[CheckOutcome], interrupted: bool) -> Self {
        let missing = outcomes.iter().any(CheckOutcome::is_missing);
        match Self::of_verdicts(outcomes.iter().map(|outcome| outcome.verdict)) {
            _ if interrupted => Self::Interrupted,
            Self::Good | Self::NothingRan if missing => Self::Unknown,
            exit => exit,
        }
    }

    /// The code of judgements alone: 1 > 3 > 0 > 4.
    #[must_use]
    pub fn of_verdicts(verdicts: impl IntoIterator<Item = Verdict>) -> Self {
        match verdicts.into_iter().max() {
            Some(Verdict::Fail) => Self::Failed,
            Some(Verdict::Error | Verdict::NotRun) => Self::Unknown,
            Some(Verdict::Pass | Verdict::Waived | Verdict::Warn) => Self::Good,
            Some(Verdict::Skipped) | None => Self::NothingRan,
        }
    }

    /// Of two ends the one that counts: 130 > 2 > 1 > 3 > 5 > 4 > 0.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let order = [Self::Interrupted, Self::Usage, Self::Failed, Self::Unknown, Self::Remains, Self::NothingRan];
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

    const ALL: [Exit; 7] =
        [Exit::Good, Exit::NothingRan, Exit::Remains, Exit::Unknown, Exit::Failed, Exit::Usage, Exit::Interrupted];

    fn of(verdicts: &[Verdict], interrupted: bool) -> u8 {
        of_required(verdicts, false, interrupted)
    }

    fn of_required(verdicts: &[Verdict], required: bool, interrupted: bool) -> u8 {
        let outcome = |&verdict| CheckOutcome { check: CHECKS[0], required, verdict, parts: Vec::new() };
        Exit::of(&verdicts.iter().map(outcome).collect::<Vec<_>>(), interrupted).code()
    }

    #[test]
    fn the_code_of_a_run() {
        use Verdict::{Error, Fail, NotRun, Pass, Skipped, Waived, Warn};
        for (verdicts, code) in [
            (&[][..], 4),
            (&[Skipped], 4),
            (&[Skipped, Skipped], 4),
            (&[Pass], 0),
            (&[Pass, Skipped], 0),
            (&[Warn, Skipped], 0),
            (&[Waived], 0),
            (&[Waived, Error], 3),
            (&[Waived, Fail], 1),
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
        assert_eq!(ALL.map(Exit::code), [0, 4, 5, 3, 1, 2, 130], "from the best to the gravest");
        for (a, grave) in ALL.iter().enumerate() {
            for (b, other) in ALL.iter().enumerate() {
                assert_eq!(grave.or(*other), ALL[a.max(b)], "{grave:?} {other:?}");
            }
        }
    }

    #[test]
    fn what_is_required_and_skipped_is_not_known() {
        use Verdict::{Fail, Pass, Skipped};
        assert_eq!(of_required(&[Pass, Skipped], true, false), 3);
        assert_eq!(of_required(&[Skipped], true, false), 3, "graver than that nothing ran");
        assert_eq!(of_required(&[Skipped, Fail], true, false), 1);
        assert_eq!(of_required(&[Pass], true, false), 0);
    }

    fn verdict() -> impl Strategy<Value = Verdict> {
        use Verdict::{Error, Fail, NotRun, Pass, Skipped, Waived, Warn};
        prop::sample::select(vec![Skipped, Pass, Waived, Warn, NotRun, Error, Fail])
    }

    fn verdicts() -> impl Strategy<Value = Vec<Verdict>> {
        prop::collection::vec(verdict(), 0..8)
    }

    proptest! {
        #[test]
        fn good_means_that_something_held_and_nothing_was_left_open(verdicts in verdicts()) {
            let some = |wanted: &[Verdict]| verdicts.iter().any(|verdict| wanted.contains(verdict));
            let good = some(&[Verdict::Pass, Verdict::Waived, Verdict::Warn]) && !some(&[Verdict::Fail, Verdict::Error, Verdict::NotRun]);
            prop_assert_eq!(of(&verdicts, false) == 0, good);
            prop_assert_eq!(of(&verdicts, false) == 1, some(&[Verdict::Fail]));
        }

        #[test]
        fn to_require_a_check_makes_no_run_better(verdicts in verdicts(), interrupted in any::<bool>()) {
            let grave = |code: u8| ALL.iter().position(|exit| exit.code() == code);
            prop_assert!(grave(of_required(&verdicts, true, interrupted)) >= grave(of(&verdicts, interrupted)));
            let skipped = verdicts.contains(&Verdict::Skipped);
            prop_assert!(!skipped || !matches!(of_required(&verdicts, true, interrupted), 0 | 4));
        }

        #[test]
        fn a_worse_verdict_makes_no_run_better(verdicts in verdicts(), worse in verdict(), interrupted in any::<bool>()) {
            let grave = |code: u8| ALL.iter().position(|exit| exit.code() == code);
            let more: Vec<Verdict> = verdicts.iter().copied().chain([worse]).collect();
            let (before, after) = (of(&verdicts, interrupted), of(&more, interrupted));
            // That something was looked at at last is all that is better than nothing.
            let first = before == 4 && matches!(worse, Verdict::Pass | Verdict::Waived | Verdict::Warn);
            prop_assert!(first || grave(after) >= grave(before), "{:?} {:?}: {} {}", verdicts, worse, before, after);
            prop_assert!(!first || after == 0);
        }

        #[test]
        fn nothing_that_was_looked_at_is_never_good(skipped in 0usize..8, required in any::<bool>()) {
            let code = of_required(&vec![Verdict::Skipped; skipped], required, false);
            prop_assert_eq!(code, if required && skipped > 0 { 3 } else { 4 });
        }

        #[test]
        fn the_order_of_checks_means_nothing(verdicts in verdicts(), by in 0usize..8) {
            let mut turned = verdicts.clone();
            turned.rotate_left(by % verdicts.len().max(1));
            prop_assert_eq!(of(&turned, false), of(&verdicts, false));
        }
    }
}
