//! Which change of the configuration goes with which zot: each cure that is an edit is really tried, on both sides.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;
use zot_verify_model::ZotConfig;

use super::Side;
use super::changes::{Change, cured_by, cures, differences, that};
use crate::error::Trouble;
use crate::report::printable;
use crate::run::outcome::Edit;
use crate::target::zot::unknown;

/// A change of the configuration, tried.
#[derive(Debug)]
pub struct Trial {
    /// The change.
    pub attempt: Attempt,
    /// The parts that got worse and name it as their cure; none where it is for a zot that does not come up.
    pub cures: BTreeSet<String>,
    /// The old side with the change, compared with the old side.
    pub from: Tried,
    /// The new side with the change, compared with the new side; where that did not come up, with the old one.
    pub to: Tried,
    /// What follows.
    pub when: When,
}

/// A change of the configuration that may be what goes with the new side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// What is said to cure something that got worse.
    Cure(&'static Edit, Value),
    /// To leave out the keys that the new zot says it does not know.
    Without(Vec<Vec<String>>),
}

impl Attempt {
    /// Everything that is worth trying; the configuration is that of the side to go to.
    ///
    /// # Errors
    /// Trouble where an edit of ours is none.
    pub fn all(from: &Side, to: &Side, config: &ZotConfig) -> Result<Vec<Self>, Trouble> {
        if let (Side::Up(_), Side::Refused(trouble)) = (from, to) {
            let keys = unknown(config, trouble.why());
            return Ok(if keys.is_empty() { Vec::new() } else { vec![Self::Without(keys)] });
        }
        let edits = cures(&differences(from.outcomes(), to.outcomes()));
        let read = |edit: &'static Edit| match serde_json::from_str(edit.value) {
            Ok(value) => Ok(Self::Cure(edit, value)),
            Err(error) => {
                Err(Trouble::unknown(format!("{edit} is no edit"), error.to_string()).cure("report this as a defect"))
            }
        };
        edits.into_iter().map(read).collect()
    }

    /// The configuration with the change.
    #[must_use]
    pub fn on(&self, config: &ZotConfig) -> ZotConfig {
        let mut config = config.clone();
        match self {
            Self::Cure(edit, value) => {
                config.set(&edit.key.split('.').collect::<Vec<_>>(), value.clone());
            }
            Self::Without(keys) => keys.iter().for_each(|key| {
                config.remove(&key.iter().map(String::as_str).collect::<Vec<_>>());
            }),
        }
        config
    }

    /// The keys, each with what it is set to; with nothing where it is left out.
    #[must_use]
    pub fn keys(&self) -> Vec<(String, Option<&Value>)> {
        match self {
            Self::Cure(edit, value) => vec![(edit.key.to_owned(), Some(value))],
            Self::Without(keys) => keys.iter().map(|key| (printable(&key.join(".")), None)).collect(),
        }
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cure(edit, _) => edit.fmt(f),
            Self::Without(_) => {
                let keys: Vec<String> = self.keys().into_iter().map(|(key, _)| key).collect();
                write!(f, "without {}", keys.join(", "))
            }
        }
    }
}

/// What an edit does to one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// It would not serve with it, in these words.
    Refused(String),
    /// That could not be told.
    Untold(String),
    /// It came up, and this changed.
    Up {
        /// What holds with it.
        fixed: BTreeSet<String>,
        /// What does not hold any more with it.
        broken: BTreeSet<String>,
    },
}

/// When an edit is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// In the same change as the zot: the old one does not bear it, the new one needs it.
    With,
    /// Before the zot, or in the same change: the old one bears it too.
    BeforeOrWith,
    /// Never: it cures nothing there.
    Never,
    /// That could not be told.
    Unknown,
}

impl When {
    /// What to do, in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::With => "in the same change: `to` needs it, and `from` does not bear it",
            Self::BeforeOrWith => "before the change or with it: `to` needs it, and nothing gets worse on `from`",
            Self::Never => "never: it does not help",
            Self::Unknown => "that could not be told",
        }
    }
}

impl Trial {
    /// What follows from each side without and with the change.
    #[must_use]
    pub fn of(attempt: Attempt, from: (&Side, &Side), to: (&Side, &Side)) -> Self {
        let cures = match &attempt {
            Attempt::Cure(edit, _) => cured_by(&differences(from.0.outcomes(), to.0.outcomes()), edit),
            Attempt::Without(_) => BTreeSet::new(),
        };
        let beside = if to.0.ran().is_some() { to.0 } else { from.0 };
        let (from, to) = (Tried::of(from.0, from.1), Tried::of(beside, to.1));
        let when = when(&cures, &from, &to);
        Self { attempt, cures, from, to, when }
    }
}

impl Tried {
    fn of(without: &Side, with: &Side) -> Self {
        match with {
            Side::Refused(trouble) => Self::Refused(gist(trouble)),
            Side::Untold(trouble) => Self::Untold(gist(trouble)),
            Side::Up(ran) => {
                let found = differences(without.outcomes(), &ran.outcomes);
                Self::Up { fixed: that(&found, Change::Fixed), broken: that(&found, Change::Broken) }
            }
        }
    }
}

/// What stands before zot's own words, in one line: the keys that it does not know.
fn gist(trouble: &Trouble) -> String {
    let told = trouble.why().lines().map(str::trim).take_while(|line| !line.is_empty());
    printable(&told.collect::<Vec<_>>().join(" "))
}

fn when(cures: &BTreeSet<String>, from: &Tried, to: &Tried) -> When {
    match (from, to) {
        (_, Tried::Untold(_)) => When::Unknown,
        (_, Tried::Refused(_)) => When::Never,
        (_, Tried::Up { fixed, .. }) if !cures.is_subset(fixed) => When::Never,
        (Tried::Untold(_), _) => When::Unknown,
        (Tried::Up { broken, .. }, _) if broken.is_empty() => When::BeforeOrWith,
        (Tried::Up { .. } | Tried::Refused(_), _) => When::With,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn up(fixed: &[&str], broken: &[&str]) -> Tried {
        Tried::Up { fixed: parts(fixed), broken: parts(broken) }
    }

    #[test]
    fn a_configuration_is_changed_at_the_key_and_nowhere_else() {
        let config = ZotConfig::parse(r#"{"http":{"port":"1","Metrics":{"users":[""]}}}"#).unwrap();
        let edit = &Edit { key: "http.metrics.anonymousPolicy", value: r#"["read"]"# };
        let cure = Attempt::Cure(edit, serde_json::json!(["read"]));
        let text = r#"{"http":{"port":"1","Metrics":{"users":[""],"anonymousPolicy":["read"]}}}"#;
        let cured = ZotConfig::parse(text).unwrap();
        assert_eq!(cure.on(&config).as_value(), cured.as_value());
        let path = |path: &[&str]| path.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let without = Attempt::Without(vec![path(&["HTTP", "metrics", "anonymouspolicy"]), path(&["no", "key"])]);
        assert_eq!(without.on(&cured).as_value(), config.as_value());
        assert_eq!(cure.to_string(), r#"http.metrics.anonymousPolicy: ["read"]"#);
        assert_eq!(without.to_string(), "without HTTP.metrics.anonymouspolicy, no.key");
        assert_eq!(without.keys()[1], ("no.key".to_owned(), None));
    }

    #[test]
    fn the_edits_of_the_known_traps_are_json_and_stand_in_their_cures() {
        for trap in crate::checks::version::TRAPS {
            let Some(edit) = trap.edit else { continue };
            serde_json::from_str::<Value>(edit.value).unwrap();
            assert!(trap.cure.is_some_and(|cure| cure.contains(edit.key)), "{edit}");
        }
    }

    #[test]
    fn the_gist_of_a_refusal_are_the_keys() {
        let trouble = Trouble::unknown("x", "it does not know these keys:\na.b\n\nerror: failed\n");
        assert_eq!(gist(&trouble), "it does not know these keys: a.b");
    }

    #[test]
    fn an_edit_goes_with_the_zot_that_needs_it_and_before_it_only_where_the_old_one_bears_it() {
        let (refused, untold) = (Tried::Refused("no".into()), Tried::Untold("?".into()));
        let when = |from: &Tried, to: &Tried| when(&parts(&["a/b"]), from, to);
        assert_eq!(when(&refused, &up(&["a/b", "c/d"], &[])), When::With);
        assert_eq!(when(&up(&[], &["c/d"]), &up(&["a/b"], &[])), When::With);
        assert_eq!(when(&up(&[], &[]), &up(&["a/b"], &[])), When::BeforeOrWith);
        assert_eq!(when(&up(&["c/d"], &[]), &up(&["a/b"], &[])), When::BeforeOrWith);
        assert_eq!(when(&refused, &up(&["c/d"], &[])), When::Never, "it cures something else");
        assert_eq!(when(&untold, &up(&[], &[])), When::Never);
        assert_eq!(when(&up(&[], &[]), &refused), When::Never);
        assert_eq!(when(&up(&[], &[]), &untold), When::Unknown);
        assert_eq!(when(&untold, &up(&["a/b"], &[])), When::Unknown);
    }
}
