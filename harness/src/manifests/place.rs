//! Where something stands in a file, for people.

use std::fmt;
use std::sync::Arc;

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file's path as people know it.
    pub file: Arc<str>,
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A text with its file's name, which tells places in it.
#[derive(Debug)]
pub(super) struct Page<'a> {
    pub(super) file: Arc<str>,
    pub(super) text: &'a str,
    /// Where each line begins.
    lines: Vec<usize>,
}

impl<'a> Page<'a> {
    pub(super) fn new(file: &str, text: &'a str) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { file: file.into(), text, lines }
    }

    /// The place of a byte that begins a character.
    pub(super) fn place(&self, at: usize) -> Place {
        let line = self.lines.partition_point(|&start| start <= at).max(1);
        let column = self.text.get(self.lines[line - 1]..at).map_or(0, |before| before.chars().count());
        Place { file: Arc::clone(&self.file), line, column: column + 1 }
    }

    /// What stands on its line before a byte.
    pub(super) fn before(&self, at: usize) -> &'a str {
        let start = self.text[..at].rfind('\n').map_or(0, |end| end + 1);
        &self.text[start..at]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_place_is_found_again(text in "[aé\n]{0,30}") {
            let page = Page::new("f", &text);
            for (at, _) in text.char_indices() {
                let place = page.place(at);
                let line = text.split('\n').nth(place.line - 1).unwrap();
                prop_assert_eq!(page.before(at).chars().count() + 1, place.column);
                prop_assert!(line.starts_with(page.before(at)));
            }
        }
    }
}
