use std::collections::{BTreeSet, HashSet};

use super::*;
use crate::check::Probe;
use crate::run::outcome::Verdict;

fn part_ids() -> BTreeSet<String> {
    CHECKS.iter().flat_map(|check| check.parts.iter().map(|part| check.part_id(part))).collect()
}

#[test]
fn every_id_is_its_own() {
    let mut seen = HashSet::new();
    for check in CHECKS {
        assert!(seen.insert(check.id), "{}", check.id);
        let mut parts = HashSet::new();
        assert!(check.parts.iter().all(|part| parts.insert(part.name)), "{}", check.id);
    }
    let mut names = HashSet::new();
    assert!(saboteurs().all(|saboteur| names.insert(saboteur.name)));
}

#[test]
fn every_part_is_turned_by_a_saboteur() {
    let turned: BTreeSet<String> =
        saboteurs().flat_map(|saboteur| saboteur.turns.iter().map(|(part, _)| (*part).to_owned())).collect();
    assert_eq!(part_ids().difference(&turned).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn saboteurs_name_parts_that_exist_and_turn_something_bad() {
    let known = part_ids();
    for saboteur in saboteurs() {
        assert!(!saboteur.turns.is_empty(), "{} turns nothing", saboteur.name);
        assert!(!saboteur.faults.is_empty(), "{} is no fault", saboteur.name);
        for (part, verdict) in saboteur.turns {
            assert!(known.contains(*part), "{} turns {part}", saboteur.name);
            assert!(!matches!(verdict, Verdict::Skipped | Verdict::NotRun), "{} turns {part}", saboteur.name);
        }
        for part in saboteur.blinds {
            assert!(known.contains(*part), "{} blinds {part}", saboteur.name);
            assert!(saboteur.turns.iter().all(|(turned, _)| turned != part), "{} does both to {part}", saboteur.name);
        }
    }
}

#[test]
fn what_asks_says_what_it_asks_and_what_concludes_comes_last() {
    for check in CHECKS {
        for part in check.parts {
            let asks = matches!(part.probe, Probe::Asks(_));
            assert_eq!(asks, !part.asks.is_empty(), "{}", check.part_id(part));
        }
    }
    let concludes = |check: &&Check| check.parts.iter().any(|part| matches!(part.probe, Probe::Concludes(_)));
    assert!(CHECKS.iter().skip_while(|check| !concludes(check)).all(concludes));
}
