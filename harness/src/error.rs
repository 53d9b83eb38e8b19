//! Errors for people: what happened, why, and what to do.

use std::{fmt, io};

use crate::report::printable;
use crate::run::exit::Exit;

/// Trouble that ends the program before or instead of a verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What happened, in one clause.
    what: String,
    /// Why, as far as it is known; may have several lines.
    why: Option<String>,
    /// What to do.
    cure: Option<String>,
    exit: Exit,
    /// Whether zot itself would not serve, and told us so.
    refusal: bool,
}

impl Trouble {
    /// Wrong usage or configuration: exit code 2.
    #[must_use]
    pub fn usage(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), why: Some(why.into()), cure: None, refusal: false, exit: Exit::Usage }
    }

    /// We could not tell: exit code 3.
    #[must_use]
    pub fn unknown(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), why: Some(why.into()), cure: None, refusal: false, exit: Exit::Unknown }
    }

    /// Nothing ran: exit code 4.
    #[must_use]
    pub fn nothing_ran(what: impl Into<String>) -> Self {
        Self { what: what.into(), why: None, cure: None, refusal: false, exit: Exit::NothingRan }
    }

    /// The run was stopped by a signal: exit code 130.
    #[must_use]
    pub fn interrupted() -> Self {
        Self { what: "interrupted".into(), why: None, cure: None, refusal: false, exit: Exit::Interrupted }
    }

    /// Says what to do about it.
    #[must_use]
    pub fn cure(mut self, cure: impl Into<String>) -> Self {
        self.cure = Some(cure.into());
        self
    }

    /// Says that it is an answer: zot came to its end, or never got ready, and neither we nor the machine kept it from that.
    #[must_use]
    pub fn of_zot(mut self) -> Self {
        self.refusal = true;
        self
    }

    /// Whether zot itself would not serve.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        self.refusal
    }

    /// The same trouble in a run that would have ended with `other`.
    #[must_use]
    pub fn among(mut self, other: Exit) -> Self {
        self.exit = self.exit.or(other);
        self
    }

    /// What happened, in one clause.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Why, as far as it is known.
    #[must_use]
    pub fn why(&self) -> &str {
        self.why.as_deref().unwrap_or_default()
    }

    /// What to do about it; nothing is an empty text.
    #[must_use]
    pub fn remedy(&self) -> &str {
        self.cure.as_deref().unwrap_or_default()
    }

    /// What the process should end with.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.what))?;
        for (label, text) in [("why", &self.why), ("do", &self.cure)] {
            let text = text.as_deref().map(printable).unwrap_or_default();
            for (index, line) in text.lines().enumerate() {
                write!(f, "\n  {:>3}  {line}", if index == 0 { label } else { "" })?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Trouble {}

/// What became of writing to somebody. A closed pipe, as with `| head`, is the reader's choice and no trouble.
///
/// # Errors
/// Trouble for everything else that keeps it from being written.
pub fn written(result: io::Result<()>) -> Result<(), Trouble> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Trouble::unknown("the output could not be written", error.to_string()))
        }
        _ => Ok(()),
    }
}
