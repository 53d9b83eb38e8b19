//! What a preflight says: lines, each with a finding.

use crate::run::outcome::{Hint, Verdict};

/// One thing that is looked at before a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Its name in reports and for `--skip`.
    pub id: &'static str,
    /// What holds when nothing stands against the restart.
    pub claim: &'static str,
}

/// A line that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Which line.
    pub line: Line,
    /// What was found.
    pub finding: Finding,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The claim holds, and this was seen.
    Good(String),
    /// These things are wrong, each by itself; one at least.
    Bad(Vec<Red>),
    /// We could not tell.
    Unknown {
        /// Why.
        why: String,
        /// What would change that.
        cure: String,
    },
    /// It was not looked at, and this would change that.
    Skipped(String),
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Red {
    /// Whether zot would not come up, or not do what its configuration says; else it is good to know.
    pub fails: bool,
    /// What should be.
    pub expected: String,
    /// What is.
    pub observed: String,
    /// Why that matters, and what to do.
    pub hint: Hint,
}

impl Red {
    /// zot would not come up, or not do what its configuration says.
    pub fn fail(expected: impl Into<String>, observed: impl Into<String>) -> Self {
        let hint = Hint { cause: String::new(), cure: None, edit: None };
        Self { fails: true, expected: expected.into(), observed: observed.into(), hint }
    }

    /// Good to know before a restart, and no reason against it.
    pub fn warn(expected: impl Into<String>, observed: impl Into<String>) -> Self {
        Self { fails: false, ..Self::fail(expected, observed) }
    }

    /// Why it matters, and what to do; `None` where nothing helps.
    #[must_use]
    pub fn because<'a>(mut self, cause: impl Into<String>, cure: impl Into<Option<&'a str>>) -> Self {
        self.hint = Hint { cause: cause.into(), cure: cure.into().map(str::to_owned), edit: None };
        self
    }
}

impl Finding {
    /// Good where nothing is wrong.
    pub fn of(reds: Vec<Red>, seen: impl Into<String>) -> Self {
        if reds.is_empty() { Self::Good(seen.into()) } else { Self::Bad(reds) }
    }

    /// The judgement.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Good(_) => Verdict::Pass,
            Self::Bad(reds) if reds.iter().any(|red| red.fails) => Verdict::Fail,
            Self::Bad(_) => Verdict::Warn,
            Self::Unknown { .. } => Verdict::Error,
            Self::Skipped(_) => Verdict::Skipped,
        }
    }

    /// The same, each text changed: what stands in files and what servers say is text from outside.
    #[must_use]
    pub fn map(self, change: impl Fn(&str) -> String) -> Self {
        match self {
            Self::Good(seen) => Self::Good(change(&seen)),
            Self::Skipped(reason) => Self::Skipped(change(&reason)),
            Self::Unknown { why, cure } => Self::Unknown { why: change(&why), cure: change(&cure) },
            Self::Bad(reds) => Self::Bad(
                reds.into_iter()
                    .map(|red| Red {
                        expected: change(&red.expected),
                        observed: change(&red.observed),
                        hint: Hint {
                            cause: change(&red.hint.cause),
                            cure: red.hint.cure.as_deref().map(&change),
                            edit: red.hint.edit,
                        },
                        ..red
                    })
                    .collect(),
            ),
        }
    }
}

impl From<Red> for Finding {
    fn from(red: Red) -> Self {
        Self::Bad(vec![red])
    }
}
