//! What differs between two runs of the same plan; pure.
//!
//! Both runs know the same parts, levels and waivers, so that a part which was judged either holds, or is breached with
//! the one verdict that it has then. What was not judged on a side is never better and never worse there.

use std::collections::BTreeSet;

use crate::check::Check;
use crate::run::exit::Exit;
use crate::run::outcome::{CheckOutcome, Edit, PartOutcome, Verdict};

/// What became of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// The same on both sides.
    Same,
    /// It was breached, and holds.
    Fixed,
    /// It is breached on both sides, and in another way.
    Other,
    /// It held, and is breached, and a waiver of the intent accepts that.
    Accepted,
    /// One side does not tell what it would have to be compared with.
    Unclear,
    /// It held, and is breached.
    Broken,
}

impl Change {
    /// The word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Fixed => "fixed",
            Self::Other => "other",
            Self::Accepted => "accepted",
            Self::Unclear => "unclear",
            Self::Broken => "broken",
        }
    }
}

/// A part on both sides.
#[derive(Debug, Clone, Copy)]
pub struct Difference<'a> {
    /// Its check.
    pub check: &'static Check,
    /// The part, before.
    pub from: &'a PartOutcome,
    /// The part, after.
    pub to: &'a PartOutcome,
    /// What became of it.
    pub change: Change,
}

impl Difference<'_> {
    /// The part's full name.
    #[must_use]
    pub fn id(&self) -> String {
        self.check.part_id(self.to.part)
    }

    /// What it adds to the exit code: what got worse fails; what could have got worse, and nobody saw, is not known.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self.change {
            Change::Broken => Exit::Failed,
            Change::Unclear if may_be_worse(self.from.verdict, self.to.verdict) => Exit::Unknown,
            _ => Exit::Good,
        }
    }
}

/// Every part that both runs know, in their order.
#[must_use]
pub fn differences<'a>(from: &'a [CheckOutcome], to: &'a [CheckOutcome]) -> Vec<Difference<'a>> {
    let parts = |outcome: &'a CheckOutcome| outcome.parts.iter().map(move |part| (outcome.check, part));
    let mut found = Vec::new();
    for (check, to) in to.iter().flat_map(parts) {
        let same = |(other, part): &(&Check, &PartOutcome)| other.id == check.id && part.part.name == to.part.name;
        let Some((_, from)) = from.iter().flat_map(parts).find(same) else { continue };
        let change = change(from.verdict, to.verdict, is_alike(from, to));
        found.push(Difference { check, from, to, change });
    }
    found
}

/// The exit code of a comparison: 1 where something got worse, 3 where that could not be told, 4 where nothing was
/// judged on both sides.
#[must_use]
pub fn exit(differences: &[Difference<'_>]) -> Exit {
    let judged = |verdict| matches!(sort(verdict), Sort::Held | Sort::Breached);
    let compared = differences.iter().any(|part| judged(part.from.verdict) && judged(part.to.verdict));
    let nothing = if compared { Exit::Good } else { Exit::NothingRan };
    differences.iter().map(Difference::exit).fold(nothing, Exit::or)
}

/// The edits that are said to cure what got worse, each once.
#[must_use]
pub fn cures(differences: &[Difference<'_>]) -> Vec<&'static Edit> {
    let mut edits = Vec::new();
    for edit in differences.iter().filter_map(cure) {
        if !edits.contains(&edit) {
            edits.push(edit);
        }
    }
    edits
}

/// The full names of the parts that got worse, and that this edit is said to cure.
#[must_use]
pub fn cured_by(differences: &[Difference<'_>], edit: &Edit) -> BTreeSet<String> {
    differences.iter().filter(|part| cure(part) == Some(edit)).map(Difference::id).collect()
}

fn cure(part: &Difference<'_>) -> Option<&'static Edit> {
    let worse = matches!(part.change, Change::Broken | Change::Accepted);
    part.to.hint.as_ref().filter(|_| worse).and_then(|hint| hint.edit)
}

/// The full names of the parts that changed so.
#[must_use]
pub fn that(differences: &[Difference<'_>], change: Change) -> BTreeSet<String> {
    differences.iter().filter(|part| part.change == change).map(Difference::id).collect()
}

/// What is known of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Held,
    Breached,
    NotLookedAt,
    Untold,
}

fn sort(verdict: Verdict) -> Sort {
    match verdict {
        Verdict::Pass => Sort::Held,
        Verdict::Waived | Verdict::Warn | Verdict::Fail => Sort::Breached,
        Verdict::Skipped => Sort::NotLookedAt,
        Verdict::Error | Verdict::NotRun => Sort::Untold,
    }
}

fn change(from: Verdict, to: Verdict, alike: bool) -> Change {
    match (sort(from), sort(to)) {
        (Sort::Held, Sort::Breached) if to == Verdict::Waived => Change::Accepted,
        (Sort::Held, Sort::Breached) => Change::Broken,
        (Sort::Breached, Sort::Held) => Change::Fixed,
        (Sort::Breached, Sort::Breached) if !alike => Change::Other,
        (Sort::Held, Sort::Held) | (Sort::Breached, Sort::Breached) | (Sort::NotLookedAt, Sort::NotLookedAt) => {
            Change::Same
        }
        _ => Change::Unclear,
    }
}

/// Whether a part of which one side does not tell may have got worse: not where it holds afterwards, nor where it was
/// breached before and is left unlooked at, nor where a waiver accepts the breach.
fn may_be_worse(from: Verdict, to: Verdict) -> bool {
    match (sort(from), sort(to)) {
        (_, Sort::Held) | (Sort::Breached, Sort::NotLookedAt) => false,
        (_, Sort::Breached) => to != Verdict::Waived,
        (_, Sort::NotLookedAt | Sort::Untold) => true,
    }
}

/// Whether two breaches are one and the same, whatever is by chance in their words.
fn is_alike(from: &PartOutcome, to: &PartOutcome) -> bool {
    let same = |from: &Option<String>, to: &Option<String>| from.as_deref().map(lasting) == to.as_deref().map(lasting);
    same(&from.expected, &to.expected) && same(&from.observed, &to.observed)
}

/// `text` without what differs from run to run: addresses, digests, times, names made of random digits, and counts. What
/// may be an HTTP status stays.
fn lasting(text: &str) -> String {
    let in_word = |c: char| c.is_ascii_alphanumeric() || ".:+-".contains(c);
    let (mut kept, mut rest) = (String::with_capacity(text.len()), text);
    while !rest.is_empty() {
        let word = &rest[..rest.find(|c| !in_word(c)).unwrap_or(rest.len())];
        if word.is_empty() {
            let other = rest.find(in_word).unwrap_or(rest.len());
            kept.push_str(&rest[..other]);
            rest = &rest[other..];
            continue;
        }
        rest = &rest[word.len()..];
        let bare = word.trim_end_matches(['.', ':', '-']);
        kept.push_str(if is_chance(bare) { "…" } else { bare });
        kept.push_str(&word[bare.len()..]);
    }
    kept
}

/// Whether a word is a number, a digest, a time or an address; no status.
fn is_chance(word: &str) -> bool {
    let word = word.strip_prefix("sha256:").unwrap_or(word);
    let is_status = matches!(word.as_bytes(), [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9']);
    let made_of = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c) || "TZ.:+-".contains(c);
    !is_status && word.contains(|c: char| c.is_ascii_digit()) && word.chars().all(made_of)
}

#[cfg(test)]
mod tests;
