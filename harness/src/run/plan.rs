//! Which parts run on which target, decided before anything is sent.

use globset::Glob;

use crate::catalogue;
use crate::check::{Check, Effect, Level, Part};
use crate::error::Trouble;
use crate::settings::Intent;
use crate::target::Kind;

/// What will be done, in the catalogue's order.
#[derive(Debug)]
pub struct Plan {
    /// The selected checks.
    pub checks: Vec<PlannedCheck>,
}

/// A selected check.
#[derive(Debug)]
pub struct PlannedCheck {
    /// The check.
    pub check: &'static Check,
    /// All of its parts.
    pub parts: Vec<PlannedPart>,
}

/// A part of a selected check.
#[derive(Debug)]
pub struct PlannedPart {
    /// The part.
    pub part: &'static Part,
    /// How heavy a breach is, the intent considered.
    pub level: Level,
    /// Why it will not run on this target, if so.
    pub skip: Option<&'static str>,
}

impl Plan {
    /// Plans the checks that any of `ids` and none of `skip` matches; no `ids` means all.
    ///
    /// # Errors
    /// Usage trouble for a name or glob that matches no check.
    pub fn make(ids: &[String], skip: &[String], kind: Kind, intent: &Intent) -> Result<Self, Trouble> {
        let (wanted, unwanted) = (matching(ids)?, matching(skip)?);
        let checks = catalogue::CHECKS
            .iter()
            .copied()
            .filter(|check| (ids.is_empty() || wanted.contains(&check.id)) && !unwanted.contains(&check.id))
            .map(|check| PlannedCheck {
                check,
                parts: check.parts.iter().map(|part| PlannedPart::new(check, part, kind, intent)).collect(),
            })
            .collect();
        Ok(Self { checks })
    }
}

impl PlannedPart {
    fn new(check: &'static Check, part: &'static Part, kind: Kind, intent: &Intent) -> Self {
        let level = if check.id == "pull.personas" { intent.persona_level(part.name) } else { part.level };
        let lab_only = part.effect == Effect::LabOnly && kind == Kind::Live;
        let skip = lab_only.then_some("only in a lab: on a registry with the hole it looks for it would leave a trace");
        Self { part, level, skip }
    }
}

/// The ids that any of `patterns` matches.
fn matching(patterns: &[String]) -> Result<Vec<&'static str>, Trouble> {
    let mut found = Vec::new();
    for pattern in patterns {
        let glob = Glob::new(pattern).map_err(|error| {
            Trouble::usage(format!("`{pattern}` is no id and no glob"), error.to_string())
                .cure("`zot-verify list` shows every id")
        })?;
        let matcher = glob.compile_matcher();
        let before = found.len();
        found.extend(catalogue::CHECKS.iter().map(|check| check.id).filter(|id| matcher.is_match(id)));
        if found.len() == before {
            return Err(catalogue::unknown(pattern));
        }
    }
    Ok(found)
}
