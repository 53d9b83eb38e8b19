//! What a check is: claims about a registry as data, with the code that judges each and the faults it must notice.

use futures_util::future::BoxFuture;
use zot_verify_fixtures::fault::Fault;

use crate::bench::Bench;
use crate::run::outcome::{CheckOutcome, Judged, Verdict};
use crate::target::Deployment;

/// A named claim about a registry. Its verdict is that of its worst part.
#[derive(Debug)]
pub struct Check {
    /// The binding name, `area.claim`.
    pub id: &'static str,
    /// The claim in one line.
    pub title: &'static str,
    /// Where the claim comes from, and why its owner needs it.
    pub requirement: &'static str,
    /// The smallest selection that it belongs to.
    pub profile: Profile,
    /// The separately judged pieces.
    pub parts: &'static [Part],
    /// The faults that these parts must notice.
    pub saboteurs: &'static [Saboteur],
}

/// A separately judged piece of a check.
#[derive(Debug)]
pub struct Part {
    /// The name within its check.
    pub name: &'static str,
    /// The claim in one line.
    pub claim: &'static str,
    /// The requests it sends, `METHOD path` with `*` where names vary.
    pub asks: &'static [&'static str],
    /// How heavy a breach is, unless the intent says otherwise.
    pub level: Level,
    /// What it may do to a registry.
    pub effect: Effect,
    /// What must have been made before it can look.
    pub needs: &'static [Need],
    /// The code that judges it.
    pub probe: Probe,
}

/// A selection of checks (`--profile`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// The rows of the owner's checklist.
    Checklist,
    /// Everything.
    #[default]
    Full,
}

impl Profile {
    /// The word used in settings and lists.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Checklist => "checklist",
            Self::Full => "full",
        }
    }
}

/// How heavy a breach is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The owner's intent says so; a breach fails.
    Requirement,
    /// Nobody promised it; a breach warns.
    Hardening,
}

/// What a part may do to a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It only reads.
    Reads,
    /// It tries a write that is to be refused and, in the form used on a live registry, stores nothing even if it is not.
    RefusedWrite,
    /// It stores small images, or mints short-lived keys, and only under names of its own: on a live registry those of
    /// the canary, and only when writes are allowed.
    WritesCanary,
    /// It makes the registry fetch and keep an image of an upstream registry.
    FillsCache,
    /// It needs a lab: no form of it is harmless to a registry that has the hole it looks for.
    LabOnly,
}

impl Effect {
    /// The word used in lists and plans.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::RefusedWrite => "refused-write",
            Self::WritesCanary => "writes-canary",
            Self::FillsCache => "fills-cache",
            Self::LabOnly => "lab-only",
        }
    }
}

/// Something that several parts build on, and one part judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// A session, made by a login at the issuer; judged by `login.session/session`.
    Session,
    /// An API key that works, made in a session; judged by `apikey.create/works`.
    Key,
    /// A certificate that is believed, which every part needs without saying so; judged by `transport.tls`.
    Belief,
}

/// What a saboteur takes that keeps everybody from a session.
pub const LOST_SESSION: &[Need] = &[Need::Session];
/// What a saboteur takes that keeps everybody from asking anything.
pub const LOST_BELIEF: &[Need] = &[Need::Belief];
/// What a saboteur takes that keeps everybody from a key.
pub const LOST_KEY: &[Need] = &[Need::Key];

impl Need {
    /// Whether it is lost with `other`.
    #[must_use]
    pub fn is_lost_with(self, other: Self) -> bool {
        self == other || (self, other) == (Self::Key, Self::Session)
    }
}

/// The code that judges a part.
#[derive(Debug, Clone, Copy)]
pub enum Probe {
    /// Asks the registry.
    Asks(fn(Bench) -> BoxFuture<'static, Judged>),
    /// Concludes from what the run has already seen; sends nothing.
    Concludes(fn(&Deployment, &[CheckOutcome]) -> Judged),
}

/// A named fault of the world that named parts must notice, and no others.
#[derive(Debug)]
pub struct Saboteur {
    /// The name, unique in the catalogue.
    pub name: &'static str,
    /// Faults of the world that this one is compared with; mostly none.
    pub given: &'static [Fault],
    /// What is wrong.
    pub faults: &'static [Fault],
    /// The parts, as `check/part`, that must change to exactly this verdict.
    pub turns: &'static [(&'static str, Verdict)],
    /// The parts that lose their footing and must be error or skipped.
    pub blinds: &'static [&'static str],
    /// What is lost for every part that needs it, and is not turned.
    pub takes: &'static [Need],
}

impl Saboteur {
    /// Whether the part of this full name, with these needs, loses its footing.
    #[must_use]
    pub fn blinds(&self, id: &str, needs: &[Need]) -> bool {
        let lost = |need: &Need| self.takes.iter().any(|taken| need.is_lost_with(*taken));
        self.blinds.contains(&id) || self.takes.contains(&Need::Belief) || needs.iter().any(lost)
    }
}

impl Check {
    /// The full name of one of its parts, `check/part`.
    #[must_use]
    pub fn part_id(&self, part: &Part) -> String {
        format!("{}/{}", self.id, part.name)
    }
}

/// Writes a [`Saboteur`]; a function could not borrow the statics that faults are.
macro_rules! saboteur {
    ($name:literal, given $given:expr, $faults:expr, $turns:expr, $blinds:expr $(,)?) => {
        $crate::check::Saboteur {
            name: $name,
            given: $given,
            faults: $faults,
            turns: $turns,
            blinds: $blinds,
            takes: &[],
        }
    };
    ($name:literal, given $given:expr, $faults:expr, $turns:expr, takes $takes:expr $(,)?) => {
        $crate::check::Saboteur {
            name: $name,
            given: $given,
            faults: $faults,
            turns: $turns,
            blinds: &[],
            takes: $takes,
        }
    };
    ($name:literal, $faults:expr, $turns:expr, takes $takes:expr $(,)?) => {
        $crate::check::saboteur!($name, $faults, $turns, &[], $takes)
    };
    ($name:literal, $faults:expr, $turns:expr, $blinds:expr, $takes:expr $(,)?) => {
        $crate::check::Saboteur {
            name: $name,
            given: &[],
            faults: $faults,
            turns: $turns,
            blinds: $blinds,
            takes: $takes,
        }
    };
    ($name:literal, $faults:expr, $turns:expr, $blinds:expr $(,)?) => {
        $crate::check::saboteur!($name, $faults, $turns, $blinds, &[])
    };
}
pub(crate) use saboteur;

/// Writes a [`Part`] that only reads and whose breach fails.
macro_rules! reads {
    ($name:literal, $claim:literal, $asks:expr, $probe:ident) => {
        $crate::check::Part {
            name: $name,
            claim: $claim,
            asks: $asks,
            level: $crate::check::Level::Requirement,
            effect: $crate::check::Effect::Reads,
            needs: &[],
            probe: $crate::check::Probe::Asks(|bench| Box::pin($probe(bench))),
        }
    };
}
pub(crate) use reads;

/// Writes a [`Part`] of any kind.
macro_rules! part {
    ($name:literal, $claim:literal, $asks:expr, $level:ident, $effect:ident, $needs:expr, $probe:ident) => {
        $crate::check::Part {
            name: $name,
            claim: $claim,
            asks: $asks,
            level: $crate::check::Level::$level,
            effect: $crate::check::Effect::$effect,
            needs: $needs,
            probe: $crate::check::Probe::Asks(|bench| Box::pin($probe(bench))),
        }
    };
}
pub(crate) use part;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::CHECKS;

    fn saboteur(blinds: &'static [&'static str], takes: &'static [Need]) -> Saboteur {
        Saboteur { name: "s", given: &[], faults: &[], turns: &[], blinds, takes }
    }

    #[test]
    fn a_key_is_lost_with_the_session_that_makes_it_and_not_the_reverse() {
        assert!(Need::Key.is_lost_with(Need::Session) && Need::Key.is_lost_with(Need::Key));
        assert!(!Need::Session.is_lost_with(Need::Key) && !Need::Session.is_lost_with(Need::Belief));
        assert!(!Need::Key.is_lost_with(Need::Belief));
    }

    #[test]
    fn a_saboteur_blinds_whom_it_names_and_whom_it_takes_something_from() {
        let named = saboteur(&["a/b"], &[]);
        assert!(named.blinds("a/b", &[]) && !named.blinds("a/c", &[Need::Key]));
        let taken = saboteur(&[], LOST_KEY);
        assert!(taken.blinds("a/b", &[Need::Session, Need::Key]) && !taken.blinds("a/b", &[Need::Session]));
        assert!(!taken.blinds("a/b", &[]));
        assert!(saboteur(&[], LOST_SESSION).blinds("a/b", &[Need::Key]));
        assert!(saboteur(&[], LOST_BELIEF).blinds("a/b", &[]), "who believes nothing sees nothing");
    }

    #[test]
    fn everything_has_its_word() {
        assert_eq!([Profile::Checklist, Profile::Full].map(Profile::word), ["checklist", "full"]);
        let effects = [Effect::Reads, Effect::RefusedWrite, Effect::WritesCanary, Effect::FillsCache, Effect::LabOnly];
        assert_eq!(effects.map(Effect::word), ["reads", "refused-write", "writes-canary", "fills-cache", "lab-only"]);
        let check = CHECKS[0];
        assert_eq!(check.part_id(&check.parts[0]), format!("{}/{}", check.id, check.parts[0].name));
    }
}
