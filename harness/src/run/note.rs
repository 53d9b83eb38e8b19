//! What a run has to say of its intent, beside the verdicts: what was required and not looked at, and waivers that do
//! nothing.

use std::fmt;

use super::outcome::{CheckOutcome, PartOutcome, Verdict};
use crate::settings::{Intent, Waiver};

/// Something that the owner should know of his intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// A required check was skipped: exit code 3.
    RequiredSkipped {
        /// The check.
        check: &'static str,
        /// Why it was skipped.
        reason: String,
    },
    /// The last day of a waiver is over.
    WaiverOver(Waiver),
    /// A waiver of what holds.
    WaiverUnused(Waiver),
}

impl Note {
    /// Everything to be said of these outcomes under this intent. What was not judged in this run says nothing about
    /// its waiver.
    #[must_use]
    pub fn all(outcomes: &[CheckOutcome], intent: &Intent) -> Vec<Self> {
        let skipped = outcomes.iter().filter(|outcome| outcome.is_missing()).map(|outcome| Self::RequiredSkipped {
            check: outcome.check.id,
            reason: outcome.deciding().next().map(|part| part.reason.clone()).unwrap_or_default(),
        });
        let found = |waiver: &Waiver| -> Option<&PartOutcome> {
            outcomes
                .iter()
                .find_map(|outcome| outcome.parts.iter().find(|part| outcome.check.part_id(part.part) == waiver.part))
        };
        let over = intent.over.iter().filter(|waiver| found(waiver).is_some()).cloned().map(Self::WaiverOver);
        let holds = |waiver: &&Waiver| found(waiver).is_some_and(|part| part.verdict == Verdict::Pass);
        let unused = intent.waivers.iter().filter(holds).cloned().map(Self::WaiverUnused);
        skipped.chain(over).chain(unused).collect()
    }

    /// Whether it changes the exit code.
    #[must_use]
    pub fn is_grave(&self) -> bool {
        matches!(self, Self::RequiredSkipped { .. })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RequiredSkipped { check, reason } => write!(f, "{check} is required, and was skipped: {reason}"),
            Self::WaiverOver(Waiver { part, reason, until }) => {
                write!(f, "the waiver of {part} ended on {until} and no longer applies: {reason}")
            }
            Self::WaiverUnused(Waiver { part, .. }) => write!(f, "the waiver of {part} is unused: the part passes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::outcome::tests::{check, part};

    fn waiver(part: &str) -> Waiver {
        toml::from_str(&format!("part = '{part}'\nreason = 'known'\nuntil = 2027-01-31\n")).unwrap()
    }

    #[test]
    fn the_owner_is_told_what_his_intent_does_not_do() {
        let skipped = part(0, Verdict::Skipped, "no key was given");
        let (first, second) = (check(true, vec![skipped]), check(false, vec![part(0, Verdict::Pass, "it holds")]));
        let id = first.check.part_id(first.parts[0].part);
        let intent =
            Intent { waivers: vec![waiver(&id)], over: vec![waiver(&id), waiver("no/part")], ..Intent::default() };
        let told = |outcome: CheckOutcome| -> Vec<String> {
            Note::all(&[outcome], &intent).iter().map(|note| format!("{} {note}", note.is_grave())).collect()
        };
        let over = format!("false the waiver of {id} ended on 2027-01-31 and no longer applies: known");
        let name = first.check.id;
        assert_eq!(told(first), [format!("true {name} is required, and was skipped: no key was given"), over.clone()]);
        assert_eq!(told(second), [over, format!("false the waiver of {id} is unused: the part passes")]);
        assert_eq!(Note::all(&[check(false, vec![part(0, Verdict::Fail, "")])], &intent).len(), 1, "it is used");
        assert_eq!(Note::all(&[], &intent), [], "what was not judged says nothing");
    }
}
