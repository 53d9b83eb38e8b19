//! Images in Nix: in strings, and in attributes that stand side by side.

use std::collections::HashMap;
use std::ops::Range;

use super::image::{self, Hit, Image, VARIABLE};
use super::place::Page;
use super::{BESIDE, Scan, Written};

/// The attributes that give an image's tag. `finalImageTag` names the result where an `imageDigest` says what is pulled.
const TAGS: [&str; 3] = ["imageTag", "tag", "finalImageTag"];
/// The attributes that give an image's digest.
const DIGESTS: [&str; 2] = ["imageDigest", "digest"];

/// A string, without its quotes.
struct Text {
    range: Range<usize>,
    /// The set or the expression in which it stands.
    set: usize,
}

/// `name = …;`
struct Binding<'a> {
    set: usize,
    name: &'a str,
    /// Where what is bound begins.
    value: usize,
}

/// Takes in every image of a file.
pub(super) fn scan(page: &Page<'_>, hosts: &[String], to: &mut Scan) {
    let (texts, bindings) = read(page.text);
    let bound: HashMap<usize, &Binding<'_>> = bindings.iter().map(|binding| (binding.value, binding)).collect();
    for text in &texts {
        // It begins with one sign or with two.
        let binding = |quote| bound.get(&text.range.start.checked_sub(quote)?).copied();
        let attribute = [1, 2].into_iter().filter_map(binding).find(|binding| begins(page.text, binding.value, text));
        let name = attribute.filter(|binding| binding.set == text.set).map_or("", |binding| binding.name);
        let found = image::find(&page.text[text.range.clone()], hosts);
        if found.is_empty() && matches!(name, "image" | "imageName") {
            to.foreign += 1;
        }
        let inner = |hit: &Hit| {
            let start = text.range.start + hit.range.start;
            texts.iter().any(|other| other.range.start > text.range.start && other.range.contains(&start))
        };
        for hit in found.into_iter().filter(|hit| !inner(hit)) {
            let range = text.range.start + hit.range.start..text.range.start + hit.range.end;
            let place = page.place(range.start);
            let bare = hit.what.as_ref().is_ok_and(Image::is_bare);
            let whole = hit.range.len() == text.range.len();
            let Some((what, beside)) = (if bare && whole && !name.is_empty() {
                completed(page.text, hit, name, text.set, &texts, &bindings)
            } else {
                (!bare || hit.said).then_some((hit.what, None))
            }) else {
                to.mentions += 1;
                continue;
            };
            let place = beside.map_or(place, |at| page.place(at));
            let text = match &what {
                Ok(image) => image.to_string(),
                // What stands around it is nobody's business here.
                Err(_) => page.text[range].to_owned(),
            };
            to.written.push(Written { place, text, what });
        }
    }
}

type Completed = (Result<Image, String>, Option<usize>);

/// A name without tag, with what stands beside it; and where that is. None where it is no image.
fn completed(
    page: &str,
    hit: Hit,
    name: &str,
    set: usize,
    texts: &[Text],
    bindings: &[Binding<'_>],
) -> Option<Completed> {
    let beside =
        |names: &[&str]| names.iter().find_map(|name| bindings.iter().find(|at| at.set == set && at.name == *name));
    let Ok(mut image) = hit.what else { return Some((hit.what, None)) };
    for (binding, is_tag) in [(beside(&DIGESTS), false), (beside(&TAGS), true)] {
        let Some(binding) = binding else { continue };
        let text = texts.iter().find(|text| begins(page, binding.value, text));
        let Some((at, text)) = text.map(|text| (text.range.start, &page[text.range.clone()])) else {
            return Some((Err(VARIABLE.to_owned()), Some(binding.value)));
        };
        if image::has_variable(text) {
            return Some((Err(VARIABLE.to_owned()), Some(at)));
        }
        let part = Some(text.to_owned()).filter(|text| !text.is_empty());
        *(if is_tag { &mut image.tag } else { &mut image.digest }) = part;
        return Some((Ok(image), Some(at)));
    }
    match name {
        "image" | "imageName" => Some((Ok(image), None)),
        "repository" => Some((Err(BESIDE.to_owned()), None)),
        _ => None,
    }
}

/// Whether what is bound at `value` is this string.
fn begins(page: &str, value: usize, text: &Text) -> bool {
    let between = page.get(value..text.range.start).unwrap_or("?").trim_start();
    matches!(between, "\"" | "''")
}

/// What the reader is in the midst of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum In {
    /// An expression, or a set of this number.
    Code(usize),
    /// `"…"`, from here on.
    Quoted(usize),
    /// `''…''`, from here on.
    Indented(usize),
}

/// Every string and every binding, in the order of their ends. What is inside `${…}` is read too.
fn read(text: &str) -> (Vec<Text>, Vec<Binding<'_>>) {
    let (mut texts, mut bindings) = (Vec::new(), Vec::new());
    let mut stack = vec![In::Code(0)];
    let (mut at, mut sets) = (0, 1);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let inside = *stack.last().unwrap_or(&In::Code(0));
        let step = rest.chars().next().map_or(1, char::len_utf8);
        let set = stack.iter().rev().find_map(|within| if let In::Code(set) = within { Some(*set) } else { None });
        let closed = |start: usize| Text { range: start..at, set: set.unwrap_or(0) };
        at += match inside {
            In::Code(_) if rest.starts_with('#') => rest.find('\n').unwrap_or(rest.len()),
            In::Code(_) if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            In::Code(_) if rest.starts_with('"') => entered(&mut stack, In::Quoted(at + 1), 1),
            In::Code(_) if rest.starts_with("''") => entered(&mut stack, In::Indented(at + 2), 2),
            In::Code(_) if rest.starts_with('{') => {
                sets += 1;
                entered(&mut stack, In::Code(sets), 1)
            }
            In::Code(_) if rest.starts_with('}') => left(&mut stack, 1),
            In::Code(set) if rest.starts_with('=') && !rest.starts_with("==") => {
                bindings.extend(bound(text, at).map(|name| Binding { set, name, value: at + 1 + blanks(&rest[1..]) }));
                1
            }
            In::Code(_) if rest.starts_with("==") => 2,
            // A name may end with signs that would begin a string: `foldl'`, `x''`.
            In::Code(_) if rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') => {
                rest.len() - rest.trim_start_matches(is_of_name).len()
            }
            In::Code(_) => step,
            In::Quoted(_) if rest.starts_with('\\') => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            In::Quoted(start) if rest.starts_with('"') => {
                texts.push(closed(start));
                left(&mut stack, 1)
            }
            In::Indented(_) if ["''$", "'''", "''\\"].iter().any(|escape| rest.starts_with(escape)) => 3,
            In::Indented(start) if rest.starts_with("''") => {
                texts.push(closed(start));
                left(&mut stack, 2)
            }
            In::Quoted(_) | In::Indented(_) if rest.starts_with("$${") => 3,
            In::Quoted(_) | In::Indented(_) if rest.starts_with("${") => {
                sets += 1;
                entered(&mut stack, In::Code(sets), 2)
            }
            In::Quoted(_) | In::Indented(_) => step,
        };
    }
    (texts, bindings)
}

fn entered(stack: &mut Vec<In>, what: In, length: usize) -> usize {
    stack.push(what);
    length
}

fn left(stack: &mut Vec<In>, length: usize) -> usize {
    if stack.len() > 1 {
        stack.pop();
    }
    length
}

fn blanks(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '\'')
}

/// The last part of the name that is bound by the sign at `at`.
fn bound(text: &str, at: usize) -> Option<&str> {
    let before = text[..at].trim_end();
    let start = before
        .rfind(|c: char| !is_of_name(c))
        .map_or(0, |last| last + before[last..].chars().next().map_or(0, char::len_utf8));
    Some(&before[start..]).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Vec<String> {
        let mut to = Scan::default();
        scan(&Page::new("a.nix", text), &["r.test".into()], &mut to);
        let told = |written: &Written| match &written.what {
            Ok(image) => format!("{}:{} {image}", written.place.line, written.place.column),
            Err(_) => format!("{}:{} ? {}", written.place.line, written.place.column, written.text),
        };
        to.written.iter().map(told).collect()
    }

    #[test]
    fn strings_are_read_and_comments_are_not() {
        let text = "{ image = \"r.test/a:v1\"; # \"r.test/b:v1\"\n/* \"r.test/c:v1\" */ s = ''\n  docker://r.test/d:v2\n''; x = \"${f \"r.test/e:v3\"}\"; }";
        assert_eq!(read(text), ["1:12 r.test/a:v1", "3:12 r.test/d:v2", "4:15 r.test/e:v3"]);
    }

    #[test]
    fn what_is_put_in_is_told_as_such() {
        assert_eq!(read("{ image = \"r.test/a:${version}\"; }"), ["1:12 ? r.test/a:${version}"]);
        assert_eq!(read("{ imageName = \"r.test/a\"; imageTag = version; }"), ["1:38 ? r.test/a"]);
        assert_eq!(read("{ imageName = \"r.test/a\"; imageTag = \"v${v}\"; }"), ["1:39 ? r.test/a"]);
    }

    #[test]
    fn of_a_script_only_the_image_is_told() {
        let text = "{ script = ''\n  export TOKEN=hunter2\n  docker pull r.test/a:${v} x\n''; }";
        assert_eq!(read(text), ["3:15 ? r.test/a:${v}"]);
    }

    #[test]
    fn a_name_with_signs_of_a_string_begins_none() {
        assert_eq!(read("let x'' = f' 1; in { image = \"r.test/a:v1\"; # ''\n}"), ["1:31 r.test/a:v1"]);
    }

    #[test]
    fn attributes_that_stand_side_by_side() {
        let text = "pullImage { imageName = \"r.test/a\"; imageDigest = \"sha256:00\"; finalImageTag = \"v1\"; }\n{ imageName = \
                    \"r.test/b\"; finalImageTag = \"v2\"; }\n{ image = \"r.test/c\"; other = { tag = \"v3\"; }; }\n{ name = \"r.test/d\"; }";
        assert_eq!(read(text), ["1:52 r.test/a@sha256:00", "2:44 r.test/b:v2", "3:12 r.test/c"]);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(''|\"|\\$\\{|[{}=#/*\\\\ aé;\n]|r\\.test/a:v1){0,60}") {
            read(&text);
        }

        #[test]
        fn a_string_is_found_wherever_it_stands(before in "([a-z ;\n]|\\{|#[a-z]{0,3}\n){0,12}", tag in "[a-z0-9]{1,5}") {
            let text = format!("{before} x = \"r.test/a:{tag}\";");
            let line = before.matches('\n').count() + 1;
            let found = read(&text);
            prop_assert!(found.len() == 1 && found[0].starts_with(&format!("{line}:")), "{found:?}");
        }
    }
}
