//! Text that is read line by line: Dockerfiles, scripts in YAML, and YAML that is none.

use std::ops::Range;

use super::image::{self, Hit};
use super::place::Page;
use super::{Scan, Written};

/// Takes in every image that stands in `range` of a page. `named` says that what is read is the value of a key that
/// names an image, `comments` that what follows a `#` does not count.
pub(super) fn scan(page: &Page<'_>, range: Range<usize>, named: bool, comments: bool, hosts: &[String], to: &mut Scan) {
    for hit in image::find(&page.text[range.clone()], hosts) {
        let start = range.start + hit.range.start;
        let before = page.before(start);
        if comments && is_comment(before) {
            continue;
        }
        take(page, start, hit, named || names_image(before), before.trim_end().ends_with("repository:"), to);
    }
}

fn take(page: &Page<'_>, start: usize, hit: Hit, named: bool, split: bool, to: &mut Scan) {
    let text = page.text[start..start + hit.range.len()].to_owned();
    let bare = hit.what.as_ref().is_ok_and(image::Image::is_bare);
    let what = match hit.what {
        Ok(_) if bare && split => Err(super::BESIDE.to_owned()),
        // A place for images, such as `REGISTRY: registry.example.org/team`, is no image.
        Ok(_) if bare && !named && !hit.said => {
            to.mentions += 1;
            return;
        }
        what => what,
    };
    to.written.push(Written { place: page.place(start), text, what });
}

/// Whether what stands before something on its line makes it a comment.
pub(super) fn is_comment(before: &str) -> bool {
    let mut quote = None;
    let mut last = ' ';
    for c in before.chars() {
        match (quote, c) {
            (None, '#') if last.is_whitespace() => return true,
            // A quote within a word is an apostrophe.
            (None, '"' | '\'') if !last.is_alphanumeric() => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
        last = c;
    }
    false
}

/// Whether what stands before a name on its line says that an image follows: `image:`, `FROM`, `--from=`.
fn names_image(before: &str) -> bool {
    let before = before.trim_end_matches(['"', '\'']).trim_end();
    let mut words = before.split_whitespace().filter(|word| !word.starts_with("--platform="));
    if words.next().is_some_and(|word| word.eq_ignore_ascii_case("from")) && words.next().is_none() {
        return true;
    }
    let key = before.strip_suffix([':', '=']).unwrap_or_default().trim_end_matches(['"', '\'', ' ']);
    is_image_key(key) || key.ends_with("--from") || key.ends_with(",from")
}

/// Whether a key's value is an image.
pub(super) fn is_image_key(key: &str) -> bool {
    key.len() >= 5 && key.is_char_boundary(key.len() - 5) && key[key.len() - 5..].eq_ignore_ascii_case("image")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let mut to = Scan::default();
        scan(&Page::new("Dockerfile", text), 0..text.len(), false, true, &["r.test".into()], &mut to);
        to.written
            .iter()
            .map(|written| format!("{}:{} {}", written.place.line, written.place.column, written.text))
            .collect()
    }

    #[test]
    fn a_dockerfile_names_images_where_it_begins_and_where_it_copies() {
        let text = "# FROM r.test/old:v1\nFROM --platform=linux/arm64 r.test/a AS build\nFROM r.test/b:v2\n\
                    COPY --from=r.test/c /x /x\nENV HOME_OF=r.test/team\nFROM r.test/d:${V}\n";
        assert_eq!(read(text), ["2:29 r.test/a", "3:6 r.test/b:v2", "4:13 r.test/c", "6:6 r.test/d:${V}"]);
    }

    #[test]
    fn comments_do_not_count_and_signs_that_are_none_do() {
        assert!(is_comment("# "));
        assert!(is_comment("image: x # was "));
        assert!(is_comment("don't # "));
        assert!(!is_comment("image: x#"));
        assert!(!is_comment("args: \"a # "));
        assert!(!is_comment("a: 'x' b"));
    }
}
