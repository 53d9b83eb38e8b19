//! A line of a file with carets under what is meant, as compilers show it.

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use textwrap::{Options, WordSplitter};

use super::{from_outside, printable};
use crate::settings::source::Spot;
use crate::wire::Redactor;

/// How much of a line is shown before what is meant, of that, and after it: JSON may be one long line.
const BEFORE: usize = 40;
const AFTER: usize = 60;

/// More columns than a line that is shown can have: it is cut here, not by the renderer.
const UNCUT: usize = 1000;

/// How many columns a text has where the output has none.
const WIDE: usize = 110;

/// Something to be shown; all texts are redacted.
#[derive(Debug)]
pub(super) struct Caret<'a> {
    /// The level that colours it, and its word.
    pub(super) level: Level<'static>,
    pub(super) word: &'static str,
    pub(super) id: &'static str,
    pub(super) title: &'a str,
    pub(super) spot: Option<&'a Spot>,
    /// What stands under the carets.
    pub(super) label: &'a str,
    /// What follows, each with its word.
    pub(super) notes: Vec<(&'static str, String)>,
}

impl Caret<'_> {
    /// The whole, with colours.
    pub(super) fn render(&self, width: Option<usize>) -> String {
        let wrap = |text: &str, taken: usize| {
            let room = width.unwrap_or(WIDE).saturating_sub(taken).max(40);
            let options = Options::new(room).break_words(false).word_splitter(WordSplitter::NoHyphenation);
            textwrap::wrap(text, options).join("\n")
        };
        let title = wrap(self.title, self.word.len() + self.id.len() + 4);
        let mut group = Group::with_title(self.level.clone().with_name(self.word).primary_title(title).id(self.id));
        if let Some(spot) = self.spot {
            let annotation = AnnotationKind::Primary.span(spot.mark.clone()).label(self.label);
            let line = Snippet::source(spot.text.as_str()).line_start(spot.line).annotation(annotation);
            // Of a line that is not shown from its beginning the column is told apart.
            let whole =
                spot.text.get(..spot.mark.start).is_some_and(|before| before.chars().count() + 1 == spot.column);
            group = if whole {
                group.element(line.path(spot.file.as_str()))
            } else {
                let origin = Origin::path(spot.file.as_str()).line(spot.line).char_column(spot.column);
                group.element(origin).element(line)
            };
        }
        let note =
            |(word, text): &(&'static str, String)| Level::NOTE.with_name(*word).message(wrap(text, word.len() + 8));
        let report = [group.elements(self.notes.iter().map(note))];
        Renderer::styled().term_width(UNCUT).render(&report)
    }
}

/// What can be shown of a place: no secret, nothing that a terminal obeys, and of a long line what is near. Where
/// something secret stands on the line, the whole of it is marked.
pub(super) fn presentable(spot: Spot, redactor: &Redactor) -> Spot {
    let file = from_outside(redactor, &spot.file);
    let rendered = spot.rendered.as_ref().map(|line| cut(&from_outside(redactor, line), 2 * AFTER));
    let redacted = redactor.redact(&spot.text);
    if redacted != spot.text {
        let text = cut(&printable(redacted.trim()), BEFORE + AFTER);
        return Spot { file, rendered, mark: 0..text.len(), text, ..spot };
    }
    let parts = [0..spot.mark.start, spot.mark.clone(), spot.mark.end..spot.text.len()];
    let [before, meant, after] = parts.map(|part| spot.text.get(part).unwrap_or_default());
    let skipped = before.chars().count().saturating_sub(BEFORE);
    let near: String = before.chars().skip(skipped).collect();
    let before = printable(&if skipped > 0 { format!("…{near}") } else { near });
    let (meant, after) = (printable(&cut(meant, AFTER)), printable(&cut(after, AFTER)));
    let mark = before.len()..before.len() + meant.len();
    Spot { file, rendered, mark, text: format!("{before}{meant}{after}"), ..spot }
}

fn cut(text: &str, length: usize) -> String {
    match text.char_indices().nth(length) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use zot_verify_model::Secret;

    use super::*;
    use crate::settings::source::Source;

    fn shown(json: &str, path: &[&str]) -> Spot {
        let redactor = Redactor::new();
        redactor.learn(&Secret::new("clientsecret", "hunter2"));
        presentable(Source::file("c.json", json).spot(path).unwrap(), &redactor)
    }

    #[test]
    fn of_a_long_line_what_is_near_is_shown_and_its_true_column_told() {
        let spot = shown(&format!(r#"{{"a": "{}", "b": [1], "c": "{}"}}"#, "x".repeat(200), "é".repeat(200)), &["b"]);
        assert_eq!((&spot.text[spot.mark.clone()], spot.column), ("[1]", 216));
        assert!(spot.text.chars().count() < 120 && spot.text.starts_with('…') && spot.text.ends_with('…'));
    }

    #[test]
    fn no_line_shows_a_secret_whatever_is_meant_on_it() {
        let json = r#"{ "apikey": true, "clientsecret": "hunter2", "b": [ "a\u001b[31m" ] }"#;
        for path in ["apikey", "clientsecret", "b"] {
            let spot = shown(json, &[path]);
            assert!(!spot.text.contains("hunter2") && spot.text.contains("[clientsecret]"), "{}", spot.text);
            assert_eq!(spot.mark, 0..spot.text.len());
        }
        let spot = shown("{\"a\u{202e}\": 1}", &["a\u{202e}"]);
        assert_eq!((spot.text.as_str(), &spot.text[spot.mark.clone()]), ("{\"a\\u{202e}\": 1}", "1"));
    }
}
