//! Keys that zot does not know. It refuses a configuration with any, and does not start.

use serde_json::Value;
use zot_verify_model::ZotConfig;

use super::{Finding, Severity};
use crate::checks::version::Release;
use crate::policy::decision::Place;
use crate::settings::nearest;

/// Every key that the newest known release takes, a path a line.
const KEYS: &str = include_str!("keys.txt");

/// A key as the table has it.
struct Known {
    path: Vec<&'static str>,
    /// The newest release that is known to refuse it.
    refused: Option<Release>,
}

/// What there is to tell.
#[must_use]
pub fn look(config: &ZotConfig) -> Vec<Finding> {
    let lines = KEYS.lines().filter(|line| !line.starts_with('#'));
    let known: Vec<Known> = lines.map(Known::of).collect();
    let all: Vec<&Known> = known.iter().collect();
    let mut keys = Keys { findings: Vec::new() };
    keys.walk(config.as_value(), &Place::of([]), &all, 0, None);
    keys.findings
}

impl Known {
    fn of(line: &'static str) -> Self {
        let mut words = line.split(' ');
        let path = words.next().unwrap_or_default().split('.').collect();
        Self { path, refused: words.next().and_then(Release::parse) }
    }
}

/// The keys of a configuration, as they are walked through.
struct Keys {
    findings: Vec<Finding>,
}

impl Keys {
    /// Looks at the keys of a value. `known` are those of the table that lead there, by their first `depth` keys;
    /// `refused` is the newest release that refuses the key which holds it.
    fn walk(&mut self, value: &Value, place: &Place, known: &[&Known], depth: usize, refused: Option<Release>) {
        let next = |fits: &dyn Fn(&str) -> bool| -> Vec<&Known> {
            known.iter().filter(|known| known.path.get(depth).is_some_and(|key| fits(key))).copied().collect()
        };
        match value {
            Value::Array(items) => {
                let inner = next(&|key| key == "#");
                items
                    .iter()
                    .enumerate()
                    .for_each(|(number, item)| self.walk(item, &place.at(number), &inner, depth + 1, refused));
            }
            Value::Object(map)
                if known.iter().any(|known| known.path.len() > depth) && next(&|key| key == "**").is_empty() =>
            {
                for (key, value) in map {
                    let inner = next(&|name| name == "*" || name.eq_ignore_ascii_case(key));
                    let place = place.at(key);
                    if inner.is_empty() {
                        self.findings.push(unknown(place, key, value, &next(&|name| name != "#"), depth));
                        continue;
                    }
                    // A key of which all that the table knows is refused is refused itself.
                    let newer = inner.iter().map(|known| known.refused).min().flatten();
                    if let Some(release) = newer.filter(|_| newer > refused && says(value)) {
                        self.findings.push(new(&place, key, release));
                    }
                    self.walk(value, &place, &inner, depth + 1, newer.max(refused));
                }
            }
            _ => {}
        }
    }
}

/// Whether there is anything in a value. zot's loader passes over what is null, and over objects that are empty all the
/// way down (observed on v2.1.20).
fn says(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Object(map) => map.values().any(says),
        _ => true,
    }
}

fn unknown(place: Place, key: &str, value: &Value, beside: &[&Known], depth: usize) -> Finding {
    let mut names: Vec<&str> = beside.iter().filter_map(|known| known.path.get(depth).copied()).collect();
    names.dedup();
    let (severity, effect) = match says(value) {
        true => (
            Severity::Fail,
            format!("zot does not start: it knows no key `{key}` there, and refuses what it does not know"),
        ),
        false => (
            Severity::Warn,
            format!("zot knows no key `{key}` there, and passes over it because there is nothing in it"),
        ),
    };
    Finding::new("key-unknown", severity, place, effect)
        .cure(format!("mend it or take it out; {}", nearest(key, &names)))
}

fn new(place: &Place, key: &str, refused: Release) -> Finding {
    let effect = format!("zot {refused} and older do not start with `{key}`: they refuse keys that they do not know");
    Finding::new("key-new", Severity::Note, place.clone(), effect)
        .cure(format!("let the key and a release after {refused} come in the same change"))
}
