//! How findings are told: where each stands, what the registry says, and what is there instead.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::lookup::Pinned;
use crate::bench::Bench;
use crate::bounds;
use crate::manifests::{Open, Place};
use crate::run::outcome::Breach;
use crate::settings::near;
use crate::target::is_tag;
use crate::wire::{Exchange, Request};

/// What was found on pins.
#[derive(Default)]
pub(super) struct Findings<'a>(Vec<Finding<'a>>);

struct Finding<'a> {
    pinned: &'a Pinned,
    places: Vec<Place>,
    what: String,
    exchange: Option<Arc<Exchange>>,
}

impl<'a> Findings<'a> {
    /// One more, wherever the pin stands.
    pub(super) fn add(&mut self, pinned: &'a Pinned, what: String, exchange: Option<Arc<Exchange>>) {
        self.add_at(pinned, pinned.places.clone(), what, exchange);
    }

    /// One more, at some of the places where the pin stands.
    pub(super) fn add_at(
        &mut self,
        pinned: &'a Pinned,
        places: Vec<Place>,
        what: String,
        exchange: Option<Arc<Exchange>>,
    ) {
        self.0.push(Finding { pinned, places, what, exchange });
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the registry answered in the first.
    pub(super) fn first_status(&self) -> Option<u16> {
        self.0.first()?.exchange.as_ref().map(|exchange| exchange.status())
    }

    /// Says what is there in the stead of what is not, where that will be told.
    pub(super) async fn advised(&mut self, bench: &Bench) {
        let mut known = BTreeMap::new();
        for finding in self.0.iter_mut().take(bounds::FINDINGS) {
            let missing = finding.exchange.as_ref().is_some_and(|exchange| exchange.status() == 404);
            let (pin, placeholder) = (&finding.pinned.pin, finding.pinned.placeholder.is_some());
            if !(missing || placeholder) {
                continue;
            }
            if !known.contains_key(&pin.repository) {
                known.insert(pin.repository.clone(), advice::tags(bench, &pin.repository).await);
            }
            let tag = pin.tag.as_deref().unwrap_or_default();
            let placeholders = &bench.deployment.inventory.placeholders;
            finding.what.push_str(&advice::on(tag, &known[&pin.repository], |tag| !placeholders.is_match(tag)));
        }
    }

    /// A breach that tells them, one a line.
    pub(super) fn breach(self, expected: String) -> Breach {
        let count = self.0.len();
        let lines = self
            .0
            .iter()
            .map(|finding| format!("{}  {}: {}", places(&finding.places), finding.pinned.pin, finding.what));
        let observed = folded(lines, count);
        let exchange = self.0.into_iter().find_map(|finding| finding.exchange);
        Breach { expected, observed, hint: None, exchange }
    }
}

/// A breach that tells what is not written out.
pub(super) fn open(open: &[Open], place: &str) -> Breach {
    let lines = open.iter().map(|Open { place, text, why }| format!("{place}  {}: {why}", written(text)));
    let observed = folded(lines, open.len());
    Breach { expected: format!("every pin in {place} is written out"), observed, hint: None, exchange: None }
}

fn folded(lines: impl Iterator<Item = String>, count: usize) -> String {
    let mut lines: Vec<String> = lines.take(bounds::FINDINGS).collect();
    if count > lines.len() {
        lines.push(format!("and {} more", count - lines.len()));
    }
    lines.join("\n")
}

fn places(places: &[Place]) -> String {
    match places {
        [] => String::new(),
        [one] => one.to_string(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    }
}

/// What somebody wrote, on one line and no longer than need be.
fn written(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let end = line.floor_char_boundary(bounds::WRITTEN);
    if end < line.len() { format!("{}…", &line[..end]) } else { line }
}

/// What is there in the stead of what is not.
pub(super) mod advice {
    use super::{Bench, Request, Value, bounds, is_tag, near};

    /// The tags of a repository, or what came of the question.
    pub(super) async fn tags(bench: &Bench, repository: &str) -> Result<Vec<String>, String> {
        let answer = bench.wire.send(Request::get(format!("/v2/{repository}/tags/list"))).await;
        let answer = answer.map_err(|error| format!("what tags there are is not known: {error}"))?;
        match (answer.status(), answer.json().as_ref().and_then(|body| body.get("tags")).and_then(Value::as_array)) {
            (200, Some(tags)) => {
                let tags = tags.iter().filter_map(Value::as_str).filter(|tag| is_tag(tag));
                Ok(tags.map(str::to_owned).collect())
            }
            (404, _) => Err("there is no such repository".to_owned()),
            (status, _) => Err(format!("what tags there are is not known: the question for them answers {status}")),
        }
    }

    /// What to say of a tag that should be another one; only what is `real` is worth naming.
    pub(super) fn on(tag: &str, known: &Result<Vec<String>, String>, real: impl Fn(&str) -> bool) -> String {
        let tags: Vec<&str> = match known {
            Ok(tags) => tags.iter().map(String::as_str).filter(|tag| real(tag)).collect(),
            Err(why) => return format!("; {why}"),
        };
        if let Some(near) = near(tag, &tags).filter(|_| !tag.is_empty()) {
            return format!("; did you mean {near}?");
        }
        match tags.len() {
            0 => "; the repository has no tag".to_owned(),
            count => {
                let more = count.saturating_sub(bounds::TAGS_NAMED);
                let more = if more == 0 { String::new() } else { format!(" and {more} more") };
                format!("; there are {}{more}", tags[..count.min(bounds::TAGS_NAMED)].join(", "))
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_nearest_tag_that_is_none_to_come_is_named() {
            let tags =
                Ok(["v3.6.5-placeholder", "v3.6.4-1111111", "v3.6.5-3dc4ed7", "latest"].map(str::to_owned).to_vec());
            let real = |tag: &str| !tag.contains("placeholder");
            assert_eq!(on("v3.6.5-placeholder", &tags, real), "; did you mean v3.6.5-3dc4ed7?");
            assert_eq!(on("v3.6.5-3dc4ed", &tags, real), "; did you mean v3.6.5-3dc4ed7?");
            assert_eq!(on("", &tags, real), "; there are v3.6.4-1111111, v3.6.5-3dc4ed7, latest");
            assert_eq!(on("v1", &Ok(Vec::new()), real), "; the repository has no tag");
        }
    }
}
