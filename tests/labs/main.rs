//! Scenarios in throwaway labs: each runs on the embedded stand-in, and on a real zot where one is found.
//!
//! A zot is `ZOT_VERIFY_ZOT`, else `zot` on the PATH; without one its scenarios report themselves as ignored, by name. So
//! do those in containers where no engine listens.

mod bite;
mod caddy;
mod clean;
mod cleanup;
mod compare;
mod container;
mod crowd;
mod decisions;
mod effects;
mod gate;
mod harmless;
mod inventory;
mod kills;
mod leak;
mod mirror;
mod opinion;
mod personas;
mod policy;
mod portal;
mod preflight;
mod support;
mod together;
mod trust;
mod verdicts;
mod writes;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use zot_verify::target::zot::Zot;

/// A scenario on a lab made of the given zot.
type Scenario = fn(&Zot) -> Result<(), Failed>;

/// What runs on both.
const SCENARIOS: &[(&str, Scenario)] = &[
    ("every-saboteur-is-caught", bite::every_saboteur_is_caught),
    ("parts-send-what-they-declare", bite::parts_send_what_they_declare),
    ("built-in-lab", verdicts::built_in_lab),
    ("pushed-image-has-its-digest", verdicts::pushed_image),
    ("deployed-shape", verdicts::deployed_shape),
    ("each-policy-mutant-is-named", policy::each_mutant_is_named),
    ("held-push-is-a-story", verdicts::held_push_is_a_story),
    ("issuer-away-is-no-verdict", verdicts::issuer_away),
    ("nothing-passes-behind-a-portal", portal::nothing_passes_behind_a_portal),
    ("personas-send-what-programs-send", personas::send_what_programs_send),
    ("live-changes-nothing", harmless::live_changes_nothing),
    ("live-changes-nothing-even-if-all-doors-are-open", harmless::open_doors),
    ("live-run-in-a-crowd", harmless::in_a_crowd),
    ("live-run-in-an-open-crowd", harmless::in_an_open_crowd),
    ("announced-pushes-store-nothing", harmless::announced_pushes),
    ("live-run-notes-what-it-makes", clean::a_live_run_notes_what_it_makes),
    ("clean-removes-what-a-ledger-lists", clean::removes_what_a_ledger_lists),
    ("another-client-agrees", opinion::another_client_agrees),
    ("live-mirror-pulls-what-is-named", mirror::live_pulls_what_is_named),
    ("compare-nothing-changes-by-itself", compare::nothing_changes_by_itself),
    ("compare-tells-a-lost-key-with-its-cure", compare::a_key_that_is_lost_is_told_with_its_cure),
    ("findings-on-manifests-are-told", inventory::findings_are_told),
    ("manifests-that-tell-nothing-are-no-pass", inventory::what_tells_nothing_is_no_pass),
    ("what-is-written-is-noted", writes::what_is_written_is_noted),
    ("an-echo-is-not-passed-on", leak::an_echo_is_not_passed_on),
    ("no-command-tells-a-secret", leak::no_command_tells),
    ("no-residue-is-no-tag", writes::no_residue_is_no_tag),
    ("killed-live-run-leaves-only-what-is-listed", kills::only_what_is_listed_is_left),
    ("live-run-beside-a-live-run", together::live_and_live),
    ("live-run-beside-a-clean", together::live_and_clean),
    ("live-run-beside-labs", together::labs_and_live),
];

/// What makes sense with a zot process only.
const PROCESS_SCENARIOS: &[(&str, Scenario)] = &[
    ("killed-run-leaves-nothing", cleanup::killed_run_leaves_nothing),
    ("killed-reaper-leaves-nothing", cleanup::killed_reaper_leaves_nothing),
    ("no-residue-is-collected", writes::no_residue_is_collected),
    ("unknown-key-is-told-in-zots-words", verdicts::unknown_key),
    ("compare-a-side-that-does-not-come-up", compare::a_side_that_does_not_come_up_is_a_result),
    ("decisions-are-zots", decisions::are_zots),
    ("preflight-agrees-with-zot", preflight::agrees_with_zot),
    ("preflight-knows-the-zot-that-runs", preflight::knows_the_zot_that_runs),
    ("preflight-knows-the-zot-that-ends-tls", preflight::knows_the_zot_that_ends_tls),
];

/// What needs a Caddy, and runs on both.
const BEHIND_CADDY: &[(&str, Scenario)] =
    &[("same-verdicts", caddy::verdicts_are_the_same), ("killed-run-leaves-nothing", caddy::killed_run_leaves_nothing)];

/// A scenario with an engine, an image of a zot, and that zot.
type InContainers = fn(&container::Ground, &Zot) -> Result<(), Failed>;

/// What needs a container engine and a zot.
const IN_CONTAINERS: &[(&str, InContainers)] = &[
    ("same-verdicts", container::same_verdicts),
    ("killed-run-leaves-nothing", container::killed_run_leaves_nothing),
    ("orphans-go-with-the-next-run", container::orphans_go_with_the_next_run),
    ("job-container-joins-its-lab", container::job_container_joins_its_lab),
    ("what-is-missing-is-told", container::what_is_missing_is_told),
];

/// A scenario that needs no zot of either kind.
type Other = fn() -> Result<(), Failed>;

/// What needs no zot of either kind.
const OTHERS: &[(&str, Other)] = &[
    ("what-is-planted-is-found", leak::what_is_planted_is_found),
    ("no-output-holds-a-secret", leak::no_output_holds_a_secret),
    ("a-defect-tells-no-secret", leak::a_defect_tells_no_secret),
    ("killed-start-leaves-nothing", cleanup::killed_start_leaves_nothing),
    ("https-is-believed-with-its-authority-only", trust::https_is_believed_with_its_authority_only),
];

fn main() {
    zot_verify_fixtures::crypto::install();
    let arguments = Arguments::from_args();
    let zot = support::zot();
    let mut trials: Vec<Trial> = OTHERS.iter().map(|(name, scenario)| Trial::test(*name, scenario)).collect();
    for (name, scenario) in SCENARIOS {
        trials.push(Trial::test(format!("stand-in::{name}"), move || scenario(&Zot::Embedded)));
    }
    for (name, scenario) in SCENARIOS.iter().chain(PROCESS_SCENARIOS) {
        let zot = zot.clone();
        trials.push(Trial::ignorable_test(format!("zot::{name}"), move || match &zot {
            Ok(zot) => scenario(zot).map(|()| Completion::Completed),
            Err(reason) => Ok(Completion::ignored_with(reason)),
        }));
    }
    for (name, scenario) in BEHIND_CADDY {
        for (kind, zot) in [("stand-in", Ok(Zot::Embedded)), ("zot", zot.clone())] {
            trials.push(Trial::ignorable_test(format!("caddy::{kind}::{name}"), move || {
                match (caddy::missing(), zot.clone()) {
                    (None, Ok(zot)) => scenario(&zot).map(|()| Completion::Completed),
                    (Some(reason), _) | (_, Err(reason)) => Ok(Completion::ignored_with(reason)),
                }
            }));
        }
    }
    for (name, scenario) in IN_CONTAINERS {
        let zot = zot.clone();
        trials.push(Trial::ignorable_test(format!("container::{name}"), move || {
            match (container::ground(&zot), zot.clone()) {
                (Ok(ground), Ok(zot)) => scenario(&ground, &zot).map(|()| Completion::Completed),
                (Err(reason), _) | (_, Err(reason)) => Ok(Completion::ignored_with(reason)),
            }
        }));
    }
    libtest_mimic::run(&arguments, trials).exit();
}
