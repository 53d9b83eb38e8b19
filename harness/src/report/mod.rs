//! Tells a run, one file a format. Reporters get redacted outcomes and nothing else.

mod brief;
mod caret;
mod compare;
pub mod describe;
mod files;
mod json;
mod junit;
mod policy;
mod preflight;
mod text;
mod wary;

use std::io::{self, Write};

pub use self::brief::Brief;
pub use self::compare::Compared;
pub use self::files::Files;
pub use self::json::Json;
pub use self::junit::Junit;
pub use self::policy::Advised;
pub use self::preflight::Told;
pub use self::text::Text;
use crate::run::event::Event;
use crate::wire::Redactor;

/// Something that tells a run.
pub trait Reporter {
    /// Tells one event.
    ///
    /// # Errors
    /// What keeps it from being written.
    fn tell(&mut self, event: &Event<'_>) -> io::Result<()>;
}

/// Tells every event to each of several reporters. One that fails is told no more, and spoils nothing for the others;
/// that nobody reads any more, as with `| head`, is the reader's choice and no failure.
#[derive(Default)]
pub struct Reporters(Vec<Box<dyn Reporter>>);

impl Reporters {
    /// Adds one.
    pub fn add(&mut self, reporter: impl Reporter + 'static) {
        self.0.push(Box::new(reporter));
    }
}

impl Reporter for Reporters {
    fn tell(&mut self, event: &Event<'_>) -> io::Result<()> {
        let mut result = Ok(());
        self.0.retain_mut(|reporter| match reporter.tell(event) {
            Ok(()) => true,
            Err(error) => {
                if error.kind() != io::ErrorKind::BrokenPipe {
                    result = Err(error);
                }
                false
            }
        });
        result
    }
}

/// `text` without characters that a terminal would obey, or that whoever reads would not see: some of it comes from
/// servers. Line breaks stay.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_plain(c) || c == '\n' {
            shown.push(c);
        } else {
            shown.extend(c.escape_debug());
        }
    }
    shown
}

/// Whether a character is what it looks like: neither a control character, nor one that is invisible, turns the others
/// around, or is none at all. What looks like something is what Rust prints as it is, quotes and backslashes too.
fn is_plain(c: char) -> bool {
    matches!(c, '\'' | '"' | '\\') || c.escape_debug().len() == 1
}

/// A word that a server gave, for the midst of a line.
pub(crate) fn from_outside(redactor: &Redactor, word: &str) -> String {
    printable(&one_line(&redactor.redact(word)))
}

/// `1 check`, `2 checks`.
fn plural(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

/// `text` without line breaks, and with single spaces.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Writes `text` below a label: the first line beside it, the others under its first. Where there is a `width`, lines
/// are broken between words so that they fit.
fn labelled(out: &mut dyn Write, indent: usize, label: &str, text: &str, width: Option<usize>) -> io::Result<()> {
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(indent + 10).max(40));
    let options = textwrap::Options::new(room).break_words(false).word_splitter(textwrap::WordSplitter::NoHyphenation);
    for (index, line) in textwrap::wrap(text, options).iter().enumerate() {
        let label = if index == 0 { label } else { "" };
        writeln!(out, "{:indent$}{label:<9} {line}", "")?;
    }
    Ok(())
}
