//! Which parts run on which target, decided before anything is sent.

use globset::Glob;

use crate::catalogue;
use crate::check::{Check, Level, Part};
use crate::error::Trouble;
use crate::run::permissions::Permissions;
use crate::settings::{Intent, Waiver};

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
    /// Whether the intent says that it may not be skipped.
    pub required: bool,
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
    /// What makes a breach no failure, if anything does.
    pub waiver: Option<Waiver>,
}

impl Plan {
    /// Plans the checks that any of `ids` and none of `skip` matches; no `ids` means those of the intent's profile.
    ///
    /// # Errors
    /// Usage trouble for a name or glob that matches no check.
    pub fn make(ids: &[String], skip: &[String], permissions: Permissions, intent: &Intent) -> Result<Self, Trouble> {
        let (named, unwanted) = (matching(ids)?, matching(skip)?);
        let required = matching(&intent.required)?;
        let wanted =
            |check: &Check| if ids.is_empty() { check.profile <= intent.profile } else { named.contains(&check.id) };
        let checks = catalogue::CHECKS
            .iter()
            .copied()
            .filter(|check| wanted(check) && !unwanted.contains(&check.id))
            .map(|check| {
                let planned = |part| PlannedPart {
                    part,
                    level: intent.level(check, part),
                    skip: permissions.refuse(part.effect),
                    waiver: intent.waivers.iter().find(|waiver| waiver.part == check.part_id(part)).cloned(),
                };
                let required = required.contains(&check.id);
                PlannedCheck { check, required, parts: check.parts.iter().map(planned).collect() }
            })
            .collect();
        Ok(Self { checks })
    }

    /// Whether a check is selected.
    #[must_use]
    pub fn contains(&self, check: &Check) -> bool {
        self.checks.iter().any(|planned| planned.check.id == check.id)
    }
}

/// The ids that any of `patterns` matches.
///
/// # Errors
/// Usage trouble for a pattern that matches none.
pub fn matching(patterns: &[String]) -> Result<Vec<&'static str>, Trouble> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::{Index, select, subsequence};

    use super::*;
    use crate::catalogue::CHECKS;
    use crate::check::Profile;

    fn ids() -> Vec<String> {
        CHECKS.iter().map(|check| check.id.to_owned()).collect()
    }

    fn selected(wanted: &[String], skip: &[String]) -> Vec<String> {
        let plan = Plan::make(wanted, skip, Permissions::READ_ONLY, &Intent::default()).unwrap();
        plan.checks.iter().map(|planned| planned.check.id.to_owned()).collect()
    }

    /// Some ids, in any order, some of them more than once.
    fn some() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec(select(ids()), 0..12)
    }

    #[test]
    fn the_checklist_is_run_where_no_check_is_named() {
        let intent = Intent { profile: Profile::Checklist, ..Intent::default() };
        let plan = |ids: &[String]| Plan::make(ids, &[], Permissions::LAB, &intent).unwrap();
        assert!(plan(&[]).checks.iter().all(|planned| planned.check.profile == Profile::Checklist));
        assert!(plan(&[]).checks.len() < CHECKS.len());
        assert_eq!(plan(&["version.*".to_owned()]).checks.len(), 1, "what is named is run");
    }

    proptest! {
        // Each case compiles globs, which takes its time in a debug build.
        #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

        #[test]
        fn what_is_named_and_not_left_out_is_planned_once_and_in_order(wanted in some(), skip in some()) {
            let of = |id: &String| (wanted.is_empty() || wanted.contains(id)) && !skip.contains(id);
            prop_assert_eq!(selected(&wanted, &skip), ids().into_iter().filter(of).collect::<Vec<_>>());
        }

        #[test]
        fn a_star_stands_for_the_rest_of_an_id(id in select(ids()), at in any::<Index>()) {
            let beginning = &id[..at.index(id.len() + 1)];
            let found = selected(&[format!("{beginning}*")], &[]);
            let begin = ids().into_iter().filter(|id| id.starts_with(beginning));
            prop_assert_eq!(found, begin.collect::<Vec<_>>());
        }

        #[test]
        fn to_skip_some_is_to_name_the_others(skip in subsequence(ids(), 1..ids().len())) {
            let others: Vec<String> = ids().into_iter().filter(|id| !skip.contains(id)).collect();
            prop_assert_eq!(selected(&[], &skip), selected(&others, &[]));
        }

        #[test]
        fn each_part_is_planned_as_leave_level_and_waivers_say(
            (writes, fills, lab) in any::<(bool, bool, bool)>(), strict in any::<bool>(), required in some(),
            waived in any::<Index>(),
        ) {
            let permissions = if lab { Permissions::LAB } else { Permissions::live(writes, fills) };
            let all: Vec<(&Check, &Part)> =
                CHECKS.iter().flat_map(|check| check.parts.iter().map(move |part| (*check, part))).collect();
            let (check, part) = all[waived.index(all.len())];
            let until = toml::from_str::<Waiver>(&format!("part = '{}'\nreason = 'r'\nuntil = 2027-01-31", check.part_id(part)));
            let intent = Intent { strict, required: required.clone(), waivers: vec![until.unwrap()], ..Intent::default() };
            let plan = Plan::make(&[], &[], permissions, &intent).unwrap();
            prop_assert!(CHECKS.iter().all(|check| plan.contains(check)));
            let planned = plan.checks.iter().flat_map(|planned| planned.parts.iter().map(move |part| (planned, part)));
            for (planned, part) in planned {
                let id = planned.check.part_id(part.part);
                prop_assert_eq!(part.skip.is_some(), permissions.refuse(part.part.effect).is_some(), "{}", id);
                prop_assert_eq!(part.waiver.as_ref().map(|waiver| &waiver.part), intent.waivers.iter().map(|waiver| &waiver.part).find(|part| **part == id));
                prop_assert_eq!(part.level, intent.level(planned.check, part.part));
                prop_assert!(!strict || part.level == Level::Requirement);
                prop_assert_eq!(planned.required, required.iter().any(|named| named == planned.check.id));
            }
        }

        #[test]
        fn what_is_not_selected_is_not_in_the_plan(wanted in select(ids())) {
            let plan = Plan::make(std::slice::from_ref(&wanted), &[], Permissions::LAB, &Intent::default()).unwrap();
            prop_assert!(CHECKS.iter().all(|check| plan.contains(check) == (check.id == wanted)));
        }

        #[test]
        fn what_matches_nothing_is_refused_and_nothing_panics(pattern in any::<String>()) {
            let plan = Plan::make(&[pattern], &[], Permissions::LAB, &Intent::default());
            prop_assert!(plan.map_or(true, |plan| !plan.checks.is_empty()));
        }
    }
}
