//! What a server does, and what is true of a registry that does it.

use zot_verify_fixtures::edge::Certificate;
use zot_verify_fixtures::hostile::Trick;

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Row {
    /// What the server does, in words that follow "a server that".
    pub(crate) case: &'static str,
    /// From when on.
    pub(crate) from: From,
    /// The same for a program.
    pub(crate) tricks: &'static [Trick],
    /// How the server is reached.
    pub(crate) by: By,
    /// What is typed after the URL.
    pub(crate) words: &'static str,
    /// What the process ends with.
    pub(crate) exit: i32,
    /// Parts, and their verdicts; none where there is no report.
    pub(crate) verdicts: &'static [(&'static str, &'static str)],
    /// What is told, among other things.
    pub(crate) tells: &'static str,
}

/// When a server begins to be hostile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// At once: it was never recognised as a registry.
    First,
    /// In front of a good registry, where it is asked something further.
    Later,
}

/// How a server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// By http.
    Http,
    /// By https, where it does what it does instead of a handshake.
    Https,
    /// By https, behind a certificate of which this is to be said.
    Tls(Certificate),
    /// By a name that nobody has.
    NoName,
}

impl Row {
    /// The name of its test.
    pub(crate) fn id(&self) -> String {
        let from = if self.from == From::First { "first" } else { "later" };
        format!("{from}::{}", self.case.replace(|c: char| !c.is_ascii_alphanumeric(), "-"))
    }

    /// The words of the verdict in the table.
    pub(crate) fn verdict(&self) -> String {
        if self.verdicts.is_empty() {
            return "error: no registry".into();
        }
        let told = self.verdicts.iter().map(|(part, verdict)| format!("{verdict} `{part}`"));
        told.collect::<Vec<_>>().join(", ")
    }
}
