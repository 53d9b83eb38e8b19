//! Which place of a template each place of its rendering came from.
//!
//! The template is rendered once more with a mark before each piece of it: before the first letter of every line, after
//! every tag, and before every expression. A mark is a character for private use, which nothing else writes. It stands
//! between letters only, never at a blank, so that trimmed blocks and `-` trim what they trimmed before. Without its
//! marks that rendering must be the plain one to the letter; where it is not, there is no map.

use std::ops::Range;

/// The first character that serves as a mark, and how many there are: a plane of Unicode for private use.
const FIRST: u32 = 0xF_0000;
const MARKS: usize = 0xFFFD;

/// A piece of a template: what it says to the letter on one line, or an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    at: Range<usize>,
    literal: bool,
}

/// A template with marks.
#[derive(Debug)]
pub(super) struct Marked {
    /// What to render.
    pub(super) text: String,
    template: String,
    pieces: Vec<Piece>,
}

/// The way back from a rendering to its template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Map {
    /// Where each piece begins in the rendering, in that order.
    marks: Vec<(usize, Piece)>,
}

/// Where a place of the rendering came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The bytes of the template: as many as were asked for, or an expression.
    pub at: Range<usize>,
    /// Whether the template says something else there: it is an expression, or rendered more than once.
    pub differs: bool,
}

impl Marked {
    /// Marks a template; `None` where that would be mistaken.
    pub(super) fn new(template: &str) -> Option<Self> {
        let pieces = pieces(template);
        if pieces.len() > MARKS || template.chars().any(|letter| index(letter).is_some()) {
            return None;
        }
        let (mut text, mut done) = (String::with_capacity(template.len() + 4 * pieces.len()), 0);
        for (number, piece) in (0..).zip(&pieces) {
            text.push_str(&template[done..piece.at.start]);
            text.push(char::from_u32(FIRST + number)?);
            done = piece.at.start;
        }
        text.push_str(&template[done..]);
        Some(Self { text, template: template.to_owned(), pieces })
    }

    /// The map, if the marked rendering is the plain one but for its marks.
    pub(super) fn map(&self, rendered: &str, plain: &str) -> Option<Map> {
        let (mut text, mut marks) = (String::with_capacity(plain.len()), Vec::new());
        for letter in rendered.chars() {
            match index(letter) {
                Some(number) => marks.push((text.len(), self.pieces.get(number)?.clone())),
                None => text.push(letter),
            }
        }
        // What a filter around it changes is not written as it was rendered.
        for (at, piece) in &mut marks {
            let written = self.template.get(piece.at.clone()).unwrap_or_default();
            piece.literal &= plain.get(*at..).is_some_and(|rest| rest.starts_with(written));
        }
        (text == plain).then_some(Map { marks })
    }
}

impl Map {
    /// Where these bytes of the rendering came from, as far as they came from one line.
    #[must_use]
    pub fn origin(&self, template: &str, rendered: Range<usize>) -> Option<Origin> {
        let (first, mut differs) = self.at(rendered.start)?;
        let last = self.at(rendered.end.saturating_sub(1).max(rendered.start));
        let one_line = |end: usize| template.get(first.start..end).is_some_and(|text| !text.contains('\n'));
        let end = last.filter(|(last, _)| one_line(last.end)).map_or(first.end, |(last, _)| last.end);
        // What came out of an expression in between is not what is written there.
        differs |= self.marks.iter().any(|(at, piece)| !piece.literal && rendered.contains(at));
        template.get(first.start..end).map(|_| Origin { at: first.start..end, differs })
    }

    /// Where one byte of the rendering came from, and whether the template says something else there.
    fn at(&self, byte: usize) -> Option<(Range<usize>, bool)> {
        let (start, piece) = &self.marks[self.marks.partition_point(|(at, _)| *at <= byte).checked_sub(1)?];
        let at = piece.at.start + (byte - start);
        if !piece.literal || at >= piece.at.end {
            return Some((piece.at.clone(), true));
        }
        let again = self.marks.iter().filter(|(_, other)| other.at == piece.at).count() > 1;
        Some((at..at + 1, again))
    }
}

fn index(letter: char) -> Option<usize> {
    u32::from(letter)
        .checked_sub(FIRST)
        .and_then(|number| usize::try_from(number).ok())
        .filter(|number| *number < MARKS)
}

/// The pieces of a template, in its order.
fn pieces(text: &str) -> Vec<Piece> {
    let (mut pieces, mut at) = (Vec::new(), 0);
    while at < text.len() {
        let open =
            ["{{", "{%", "{#"].iter().filter_map(|tag| text[at..].find(tag)).min().map_or(text.len(), |next| at + next);
        literals(text, at..open, &mut pieces);
        if open == text.len() {
            break;
        }
        let end = end_of_tag(text, open);
        let tag = &text[open..end];
        if tag.starts_with("{{") && !tag.starts_with("{{-") {
            pieces.push(Piece { at: open..end, literal: false });
        }
        at = end;
        if word(tag) == "raw" {
            // Up to its end nothing is a tag.
            let ends = text[at..].match_indices("{%").map(|(next, _)| at + next);
            let close = ends.into_iter().find(|&next| word(&text[next..end_of_tag(text, next)]) == "endraw");
            let close = close.unwrap_or(text.len());
            literals(text, at..close, &mut pieces);
            at = close;
        }
    }
    pieces
}

/// What is written to the letter: a piece for each line of it that has any letter.
fn literals(text: &str, at: Range<usize>, pieces: &mut Vec<Piece>) {
    let mut start = at.start;
    for line in text[at].split_inclusive('\n') {
        let words = line.trim();
        if !words.is_empty() {
            let begin = start + (line.len() - line.trim_start().len());
            pieces.push(Piece { at: begin..begin + words.len(), literal: true });
        }
        start += line.len();
    }
}

/// The word that a block begins with.
fn word(tag: &str) -> &str {
    let inner = tag.strip_prefix("{%").map_or("", |inner| inner.trim_start_matches(['-', '+']).trim_start());
    inner.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default()
}

/// Where the tag that begins at `open` ends: past strings, and past braces that it opens itself.
fn end_of_tag(text: &str, open: usize) -> usize {
    let rest = &text[open + 2..];
    let close = match text.as_bytes().get(open + 1) {
        Some(b'#') => return rest.find("#}").map_or(text.len(), |end| open + 2 + end + 2),
        Some(b'%') => "%}",
        _ => "}}",
    };
    let (mut quote, mut depth, mut letters) = (None, 0_usize, rest.char_indices());
    while let Some((at, letter)) = letters.next() {
        match (quote, letter) {
            (Some(_), '\\') => _ = letters.next(),
            (Some(open), letter) if open == letter => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(letter),
            (None, '{') => depth += 1,
            (None, '}') if depth > 0 => depth -= 1,
            (None, _) if depth == 0 && rest[at..].starts_with(close) => return open + 2 + at + 2,
            (None, _) => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Template, VarsFile, render_mapped};

    /// The bytes of the template behind the first `words` of the rendering, and whether they differ.
    fn behind(template: &str, words: &str) -> Option<(String, bool)> {
        let vars = VarsFile { name: "vars".into(), text: "items: [1, 2]\nname: Ada\nsunny: true\n".into() };
        let (text, map) = render_mapped(&Template { name: "t".into(), text: template.into() }, &[vars]).unwrap();
        let at = text.find(words).unwrap_or_else(|| panic!("{words} in {text}"));
        let origin = map?.origin(template, at..at + words.len())?;
        Some((template[origin.at].to_owned(), origin.differs))
    }

    #[test]
    fn each_place_of_a_rendering_is_found_in_its_template() {
        let found = |template: &str, words: &str, wanted: &str, differs: bool| {
            assert_eq!(behind(template, words), Some((wanted.to_owned(), differs)), "{words} of {template}");
        };
        found("{\n  \"a\": 1\n}\n", "\"a\": 1", "\"a\": 1", false);
        found("{\"a\": \"{{ name }}\", \"b\": 2}", "\"Ada\"", "\"{{ name }}\"", true);
        found("{\"a\": \"{{ name }}\", \"b\": 2}", "\"b\"", "\"b\"", false);
        found("{\"a\": \"x {{ name }}\", \"b\": 2}", "Ada", "{{ name }}", true);
        found("{% for i in items %}\n  n{{ i }},\n{% endfor %}\nz", "n2", "n{{ i }}", true);
        found("{% for i in items %}\n  n{{ i }},\n{% endfor %}\nz", "z", "z", false);
        found("{%- if sunny -%}\n  a\n{%- endif %}b {# c #} d", "d", "d", false);
        found("{%- if sunny -%}\n  a\n{%- endif %}b {# c #} d", "a", "a", false);
        found("a {{- name -}} b", "b", "b", false);
        found("{% raw %}{{ no }} {% tag %}{% endraw %} b", "{{ no }}", "{{ no }}", false);
        found("{{ {'a': {'b': \"}}\"}}['a']['b'] }} c", "c", "c", false);
        found("{% filter upper %}ß \"a\": 1{% endfilter %}\nb", "\"A\"", "ß \"a\": 1", true);
    }

    #[test]
    fn what_spans_lines_is_found_where_it_begins() {
        assert_eq!(behind("one\ntwo", "one\ntwo"), Some(("o".to_owned(), false)));
        assert_eq!(behind("é\ntwo", "é\ntwo"), None, "half a letter is no place");
    }

    #[test]
    fn where_marks_would_be_mistaken_there_is_no_map() {
        assert_eq!(behind("a {% set x %}b{% endset %}{{ x | length }}", "1"), None);
        assert_eq!(behind("a\u{F0000}b", "b"), None);
    }

    /// A line of a template that says its number, whether it is rendered or not, and how often.
    fn line() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("§".to_owned()),
            Just("  § {{ name }} é\t§".to_owned()),
            Just("{% for i in items %}".to_owned()),
            Just(" {%- for i in items -%} §".to_owned()),
            Just("{% endfor %}".to_owned()),
            Just("{% endfor -%}".to_owned()),
            Just("{% if sunny %}§".to_owned()),
            Just("{%- if not sunny %}".to_owned()),
            Just("{% endif %} §".to_owned()),
            Just("{# § #}".to_owned()),
            Just("{{ name }}".to_owned()),
            Just("  {{- name -}}  §".to_owned()),
            Just(String::new()),
        ]
    }

    proptest! {
        #[test]
        fn whatever_is_rendered_comes_from_where_it_is_written(lines in proptest::collection::vec(line(), 1..12)) {
            // Every literal is a number of its own, so that its place is known without a map.
            let mut number = 100;
            let mut template = lines.join("\n");
            while template.contains('§') {
                number += 1;
                template = template.replacen('§', &format!("<{number}>"), 1);
            }
            let vars = VarsFile { name: "vars".into(), text: "items: [1, 2]\nname: Ada\nsunny: true\n".into() };
            let Ok((text, map)) = render_mapped(&Template { name: "t".into(), text: template.clone() }, &[vars]) else {
                return Ok(());
            };
            let map = map.expect("literal lines, loops and conditions leave marks alone");
            for number in 101..=number {
                let number = format!("<{number}>");
                for (at, _) in text.match_indices(&number) {
                    let origin = map.origin(&template, at..at + number.len());
                    prop_assert_eq!(origin.map(|origin| origin.at.start), template.find(&number));
                }
            }
        }
    }
}
