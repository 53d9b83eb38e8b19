//! What a run tells its reporters, in order: it started, each check in the catalogue's order, it ended.

use std::time::Duration;

use super::exit::Exit;
use super::note::Note;
use super::outcome::{CheckOutcome, Verdict};
use crate::ledger::Noted;
use crate::settings::IntentSource;

/// One thing that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// The target answered, and checks begin.
    Started(&'a Header),
    /// A check is judged.
    Judged(&'a CheckOutcome),
    /// Nothing more will come.
    Ended(&'a Summary),
}

/// What is checked, and against which intent.
#[derive(Debug, Clone)]
pub struct Header {
    /// `local` or `live`.
    pub kind: &'static str,
    /// The registry's URL.
    pub url: String,
    /// Whether it was asked anything; nobody asks a registry whose certificate is not believed.
    pub asked: bool,
    /// The release that zot names.
    pub zot_version: Option<String>,
    /// The commit that zot names.
    pub zot_commit: Option<String>,
    /// Whether the embedded stand-in was checked, and not zot.
    pub stand_in: bool,
    /// How the target came to be: a program's path, `embedded`, or nothing for a live one.
    pub made_of: Option<String>,
    /// What a lab changed in the zot configuration that it was given.
    pub changes: Vec<String>,
    /// Where the intent came from.
    pub intent: IntentSource,
}

/// The end of a run.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Number of checks with each verdict.
    pub counts: Counts,
    /// What is to be said of the intent.
    pub notes: Vec<Note>,
    /// What the run created outside itself.
    pub ledger: Noted,
    /// What the process will end with.
    pub exit: Exit,
    /// Wall time of the checks.
    pub duration: Duration,
    /// Requests that were answered, the recognition of the target included.
    pub requests: usize,
}

/// Number of checks with each verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Verdict pass.
    pub pass: usize,
    /// Verdict waived.
    pub waived: usize,
    /// Verdict warn.
    pub warn: usize,
    /// Verdict fail.
    pub fail: usize,
    /// Verdict error.
    pub error: usize,
    /// Verdict skipped.
    pub skipped: usize,
    /// Verdict not-run.
    pub not_run: usize,
}

impl Counts {
    /// Counts outcomes.
    #[must_use]
    pub fn of(outcomes: &[CheckOutcome]) -> Self {
        Self::of_verdicts(outcomes.iter().map(|outcome| outcome.verdict))
    }

    /// Counts verdicts.
    #[must_use]
    pub fn of_verdicts(verdicts: impl IntoIterator<Item = Verdict>) -> Self {
        let mut counts = Self::default();
        for verdict in verdicts {
            *match verdict {
                Verdict::Pass => &mut counts.pass,
                Verdict::Waived => &mut counts.waived,
                Verdict::Warn => &mut counts.warn,
                Verdict::Fail => &mut counts.fail,
                Verdict::Error => &mut counts.error,
                Verdict::Skipped => &mut counts.skipped,
                Verdict::NotRun => &mut counts.not_run,
            } += 1;
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::CHECKS;

    #[test]
    fn each_verdict_is_counted_apart() {
        use Verdict::{Error, Fail, NotRun, Pass, Skipped, Waived, Warn};
        let all = [Pass, Waived, Warn, Fail, Error, Skipped, NotRun];
        let times = |(index, verdict): (usize, &Verdict)| std::iter::repeat_n(*verdict, index + 1);
        let outcomes: Vec<CheckOutcome> = all
            .iter()
            .enumerate()
            .flat_map(times)
            .map(|verdict| CheckOutcome { check: CHECKS[0], required: false, verdict, parts: Vec::new() })
            .collect();
        let counts = Counts { pass: 1, waived: 2, warn: 3, fail: 4, error: 5, skipped: 6, not_run: 7 };
        assert_eq!(Counts::of(&outcomes), counts);
    }
}
