//! What a ledger says of one thing.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// What was to be created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A tag.
    Tag,
    /// A begun upload; the reference is its id.
    Upload,
    /// A manifest, by its digest.
    Manifest,
    /// A blob, by its digest.
    Blob,
    /// An API key; the repository is its owner, and the reference its id or label, never the key itself.
    Key,
    /// A repository; the reference is empty.
    Repository,
}

impl Kind {
    /// The word in reports, for one or for several.
    #[must_use]
    pub fn word(self, count: usize) -> &'static str {
        match (self, count) {
            (Self::Tag, 1) => "tag",
            (Self::Tag, _) => "tags",
            (Self::Upload, 1) => "upload",
            (Self::Upload, _) => "uploads",
            (Self::Manifest, 1) => "manifest",
            (Self::Manifest, _) => "manifests",
            (Self::Blob, 1) => "blob",
            (Self::Blob, _) => "blobs",
            (Self::Key, 1) => "key",
            (Self::Key, _) => "keys",
            (Self::Repository, 1) => "repository",
            (Self::Repository, _) => "repositories",
        }
    }
}

/// What is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The request was about to go out, and nothing is known of its end.
    Planned,
    /// It is there, and we may remove it.
    Created,
    /// It is there, and policy forbids us to remove it, or the registry removes it by itself.
    Kept,
    /// It is not there: it was removed, or never came to be.
    Removed,
}

impl State {
    /// The word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Created => "created",
            Self::Kept => "kept",
            Self::Removed => "removed",
        }
    }

    /// Whether something may be there that we may remove.
    #[must_use]
    pub fn remains(self) -> bool {
        matches!(self, Self::Planned | Self::Created)
    }
}

/// A line of a ledger. A later one with the same run and number goes over an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// When it was planned, RFC 3339.
    pub at: String,
    /// The run that planned it.
    pub run: String,
    /// Its number within the run.
    pub number: usize,
    /// The registry's URL.
    pub registry: String,
    /// What it is.
    pub kind: Kind,
    /// Where it is.
    pub repository: String,
    /// What it is called there.
    pub reference: String,
    /// What is known of it.
    pub state: State,
    /// Why it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Of a blob that is on its way, the upload that was begun for it and is there until it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<String>,
}

impl Item {
    /// Its name as people write it.
    #[must_use]
    pub fn name(&self) -> String {
        let Self { kind, repository, reference, .. } = self;
        match kind {
            Kind::Tag => format!("{repository}:{reference}"),
            Kind::Manifest | Kind::Blob => format!("{} {repository}@{reference}", kind.word(1)),
            Kind::Upload => format!("upload {reference} of {repository}"),
            Kind::Key => format!("key `{reference}` of {repository}"),
            Kind::Repository => format!("repository {repository}"),
        }
    }
}

/// The time as ledgers say it.
pub(super) fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// What the lines of a ledger come to, and how many of them are none. One may be cut short: by a crash, before its
/// request was sent.
#[must_use]
pub fn read(text: &str) -> (Vec<Item>, usize) {
    let mut items: Vec<Item> = Vec::new();
    let mut unreadable = 0;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match serde_json::from_str::<Item>(line) {
            Ok(item) => {
                let same = |known: &&mut Item| known.run == item.run && known.number == item.number;
                match items.iter_mut().find(same) {
                    Some(known) => *known = item,
                    None => items.push(item),
                }
            }
            Err(_) => unreadable += 1,
        }
    }
    (items, unreadable)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn item(run: &str, number: usize, state: State) -> Item {
        Item {
            at: now(),
            run: run.into(),
            number,
            registry: "https://r.test/".into(),
            kind: Kind::Tag,
            repository: "a/b".into(),
            reference: format!("v{number}"),
            state,
            why: None,
            upload: None,
        }
    }

    fn lines(items: &[Item]) -> String {
        items.iter().map(|item| serde_json::to_string(item).unwrap() + "\n").collect()
    }

    proptest! {
        #[test]
        fn the_last_line_of_each_counts(states in prop::collection::vec(
            ((0usize..3), prop::sample::select(vec![State::Planned, State::Created, State::Kept, State::Removed])), 0..12)
        ) {
            let written: Vec<_> = states.iter().map(|(number, state)| item("r", *number, *state)).collect();
            let (read, unreadable) = read(&lines(&written));
            prop_assert_eq!(unreadable, 0);
            for number in 0..3 {
                let last = states.iter().rev().find(|(other, _)| *other == number).map(|(_, state)| *state);
                let found: Vec<State> =
                    read.iter().filter(|item| item.number == number).map(|item| item.state).collect();
                prop_assert_eq!(found, last.into_iter().collect::<Vec<_>>());
            }
        }

        #[test]
        fn whatever_was_cut_short_spoils_nothing_else(cut in any::<prop::sample::Index>()) {
            let whole = lines(&[item("r", 0, State::Created)]);
            let torn = lines(&[item("r", 1, State::Planned)]);
            let at = cut.index(torn.len());
            let (found, unreadable) = read(&format!("{whole}{}", &torn[..at]));
            prop_assert_eq!(&found[0], &read(&whole).0[0]);
            let complete = at == torn.len() - 1;
            prop_assert_eq!((found.len(), unreadable), (1 + usize::from(complete), usize::from(!complete && at > 0)));
        }
    }

    #[test]
    fn things_are_called_as_people_call_them() {
        let named = |kind| Item { kind, ..item("r", 1, State::Planned) }.name();
        let kinds = [Kind::Tag, Kind::Upload, Kind::Manifest, Kind::Blob, Kind::Key, Kind::Repository];
        assert_eq!(
            kinds.map(named),
            ["a/b:v1", "upload v1 of a/b", "manifest a/b@v1", "blob a/b@v1", "key `v1` of a/b", "repository a/b"]
        );
        assert_eq!(kinds.map(|kind| kind.word(1)), ["tag", "upload", "manifest", "blob", "key", "repository"]);
        assert_eq!(kinds.map(|kind| kind.word(2)), ["tags", "uploads", "manifests", "blobs", "keys", "repositories"]);
        let states = [State::Planned, State::Created, State::Kept, State::Removed];
        assert_eq!(states.map(State::word), ["planned", "created", "kept", "removed"]);
        assert_eq!(states.map(State::remains), [true, true, false, false]);
        assert!(humantime::parse_rfc3339(&now()).is_ok());
    }

    #[test]
    fn runs_have_numbers_of_their_own() {
        let text = lines(&[item("a", 0, State::Created), item("b", 0, State::Removed)]);
        assert_eq!(read(&text).0.iter().map(|item| item.state).collect::<Vec<_>>(), [State::Created, State::Removed]);
    }
}
