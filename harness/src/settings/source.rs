//! Where something of zot's configuration stands: from a path of keys to file, line and column.

use std::ops::Range;

use super::ansible::Map;
use crate::yaml::{self, Raw, Scalar};

/// A text that holds a configuration.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its path.
    name: String,
    /// What it says: JSON, or the template of it.
    text: String,
    /// What came of it, where it is a template.
    rendered: Option<Rendered>,
}

#[derive(Debug, Clone)]
struct Rendered {
    text: String,
    map: Option<Map>,
}

/// A place for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// The file, or what came of it.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column, in characters, counted from 1.
    pub column: usize,
    /// What the line says.
    pub text: String,
    /// The bytes of it that are meant.
    pub mark: Range<usize>,
    /// The line that came of it, where a template says something else.
    pub rendered: Option<String>,
}

/// A place within the JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    key: Option<Range<usize>>,
    value: Range<usize>,
    whole: bool,
}

impl Source {
    /// A file with JSON.
    #[must_use]
    pub fn file(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into(), rendered: None }
    }

    /// A template, what came of it, and the way back.
    #[must_use]
    pub fn template(name: impl Into<String>, text: impl Into<String>, rendered: String, map: Option<Map>) -> Self {
        Self { rendered: Some(Rendered { text: rendered, map }), ..Self::file(name, text) }
    }

    /// Its path.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its file says.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The configuration, as JSON.
    #[must_use]
    pub fn json(&self) -> &str {
        self.rendered.as_ref().map_or(&self.text, |rendered| &rendered.text)
    }

    /// Whether it is a template whose lines cannot be told: something in it counts or changes letters.
    #[must_use]
    pub fn is_unmapped(&self) -> bool {
        self.rendered.as_ref().is_some_and(|rendered| rendered.map.is_none())
    }

    /// Where the value at `path` stands, or as much of the path as there is. Keys count whatever their case, as for zot.
    #[must_use]
    pub fn spot<T: AsRef<str>>(&self, path: &[T]) -> Option<Spot> {
        let json = self.json();
        let root = yaml::document(json).ok()?;
        let node = find(&root, json, path)?;
        let at = node.marked(json);
        match &self.rendered {
            None => Some(Spot::new(self.name.clone(), json, at)),
            Some(Rendered { map: None, .. }) => Some(Spot::new(format!("{}, rendered", self.name), json, at)),
            Some(Rendered { map: Some(map), .. }) => {
                let origin = map.origin(&self.text, at.clone())?;
                let mut spot = Spot::new(self.name.clone(), &self.text, origin.at);
                let rendered = json[line_of(json, at.start)].trim();
                let says_so = !origin.differs || rendered == spot.text.trim();
                spot.rendered = (!says_so).then(|| rendered.to_owned());
                Some(spot)
            }
        }
    }
}

impl Spot {
    fn new(file: String, text: &str, at: Range<usize>) -> Self {
        let line = line_of(text, at.start);
        let before = &text[line.start..at.start];
        Self {
            file,
            line: text[..at.start].matches('\n').count() + 1,
            column: before.chars().count() + 1,
            mark: before.len()..at.end.min(line.end) - line.start,
            text: text[line].to_owned(),
            rendered: None,
        }
    }
}

impl Node {
    /// What to point at: the value where it is there and ends on its line, else its key, else where it begins.
    fn marked(self, json: &str) -> Range<usize> {
        let one_line = !json[self.value.clone()].contains('\n');
        match self.key {
            Some(key) if !self.whole || !one_line => key,
            _ if one_line => self.value,
            _ => self.value.start..self.value.start + 1,
        }
    }
}

/// The node at `path`, or the last one on the way that is there.
fn find<T: AsRef<str>>(root: &Raw, json: &str, path: &[T]) -> Option<Node> {
    let (mut at, mut key) = (root, None);
    for (depth, name) in path.iter().enumerate() {
        match child(at, name.as_ref()) {
            Some((its_key, value)) => {
                at = value;
                key = its_key.and_then(|raw| yaml::range(raw, json));
            }
            None if depth == 0 => return None,
            None => return Some(Node { key, value: extent(at, json)?, whole: false }),
        }
    }
    Some(Node { key, value: extent(at, json)?, whole: true })
}

/// What is named so within a node, with its key. Of keys that differ in their case only, the first counts; of equal
/// ones, the last.
fn child<'a>(at: &'a Raw, name: &str) -> Option<(Option<&'a Raw>, &'a Raw)> {
    match &at.value.0 {
        Scalar::List(items) => items.get(name.parse::<usize>().ok()?).map(|item| (None, item)),
        Scalar::Dict(entries) => {
            let text = |raw: &'a Raw| match &raw.value.0 {
                Scalar::Text(text) => Some(text.as_str()),
                _ => None,
            };
            let spelled = entries.iter().filter_map(|(key, _)| text(key)).find(|key| key.eq_ignore_ascii_case(name))?;
            entries.iter().rev().find(|(key, _)| text(key) == Some(spelled)).map(|(key, value)| (Some(key), value))
        }
        _ => None,
    }
}

/// From the beginning of a node to its end: what opens is closed.
fn extent(raw: &Raw, json: &str) -> Option<Range<usize>> {
    let range = yaml::range(raw, json)?;
    if !matches!(raw.value.0, Scalar::List(_) | Scalar::Dict(_)) {
        return Some(range);
    }
    let (mut depth, mut quoted, mut letters) = (0_usize, false, json[range.start..].char_indices());
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => _ = letters.next(),
            '"' => quoted = !quoted,
            '{' | '[' if !quoted => depth += 1,
            '}' | ']' if !quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(range.start..range.start + at + 1);
        }
    }
    None
}

/// The bytes of the line around `at`, without its end.
fn line_of(text: &str, at: usize) -> Range<usize> {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
    start..end
}

#[cfg(test)]
mod tests {
    use super::super::ansible::{Template, VarsFile, render_mapped};
    use super::*;

    const JSON: &str = r#"{
  "http": { "Port": 5050, "on": true, "n": null,
    "accessControl": {
      "repositories": {
        "**": { "policies": [{ "users": ["é\"}", "b"], "actions": [] }], "defaultPolicy": [
          "read"
        ] },
        "a/**": {}
      }
    }
  }
}"#;

    fn spot(path: &str) -> Option<(usize, usize, String)> {
        let path: Vec<&str> = path.split('.').filter(|key| !key.is_empty()).collect();
        let spot = Source::file("c.json", JSON).spot(&path)?;
        assert_eq!((spot.file.as_str(), spot.rendered.as_ref()), ("c.json", None));
        Some((spot.line, spot.column, spot.text[spot.mark].to_owned()))
    }

    #[test]
    fn a_path_of_keys_leads_to_a_place_in_a_file() {
        let access = "http.accessControl.repositories";
        for (path, line, column, mark) in [
            ("http.port".to_owned(), 2, 21, "5050"),
            ("http.on".to_owned(), 2, 33, "true"),
            ("http.n".to_owned(), 2, 44, "null"),
            ("HTTP".to_owned(), 2, 3, "\"http\""),
            (format!("{access}.**.policies.0.users"), 5, 41, r#"["é\"}", "b"]"#),
            (format!("{access}.**.policies.0.users.1"), 5, 50, r#""b""#),
            (format!("{access}.**.policies.0.actions"), 5, 67, "[]"),
            (format!("{access}.**.defaultPolicy"), 5, 74, "\"defaultPolicy\""),
            (format!("{access}.**.defaultPolicy.0"), 6, 11, "\"read\""),
            (format!("{access}.a/**"), 8, 17, "{}"),
            // As much of the path as there is.
            (format!("{access}.a/**.anonymousPolicy.3"), 8, 9, "\"a/**\""),
        ] {
            assert_eq!(spot(&path), Some((line, column, mark.to_owned())), "{path}");
        }
        assert_eq!(spot(""), Some((1, 1, "{".to_owned())));
        assert_eq!(spot("storage.gc"), None);
    }

    #[test]
    fn of_a_template_its_own_line_is_told_and_what_came_of_it() {
        let template = "{\n  \"list\": [\n{% for i in items %}\n    {\"n\": {{ i }}, \"x\": []}{{ '' if loop.last else ',' }}\n{% endfor %}\n  ]\n}\n";
        let vars = VarsFile { name: "vars".into(), text: "items: [1, 2]\n".into() };
        let (text, map) = render_mapped(&Template { name: "t".into(), text: template.into() }, &[vars]).unwrap();
        let source = Source::template("t.j2", template, text.clone(), map);
        let spot = source.spot(&["list", "1", "n"]).unwrap();
        assert_eq!((spot.file.as_str(), spot.line, spot.column), ("t.j2", 4, 11));
        assert_eq!((&spot.text[spot.mark], spot.rendered.as_deref()), ("{{ i }}", Some(r#"{"n": 2, "x": []}"#)));
        let spot = source.spot(&["list", "0", "x"]).unwrap();
        assert_eq!((spot.line, spot.column, &spot.text[spot.mark]), (4, 25, "[]"));
        let spot = source.spot(&["list"]).unwrap();
        assert_eq!((spot.line, spot.column, spot.rendered), (2, 3, None));
        assert!(!source.is_unmapped());

        let source = Source::template("t.j2", template, text, None);
        assert!(source.is_unmapped());
        assert_eq!(source.spot(&["list", "1"]).map(|spot| (spot.file, spot.line)), Some(("t.j2, rendered".into(), 4)));
    }
}
