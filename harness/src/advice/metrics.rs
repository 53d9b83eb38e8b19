//! Who reads metrics, and who is meant to.

use zot_verify_model::ZotConfig;
use zot_verify_model::principal::Action;

use super::{Finding, Severity, required};
use crate::checks::version::METRICS_USERS;
use crate::policy::decision::Place;
use crate::settings::Intent;

/// The part of a run that sees it.
const PART: &str = "metrics.anonymous/access";

/// Metrics are meant for anybody: every intent names families that are needed. Who keeps them closed waives that.
#[must_use]
pub fn look(config: &ZotConfig, intent: &Intent) -> Option<Finding> {
    let access = config.metrics_access();
    let place = Place::of(["http", "accessControl", "metrics"]);
    let anybody = !config.has_access_control() || access.anonymous.contains(&Action::Read);
    let empty = access.users.iter().position(String::is_empty);
    let severity = required(intent, PART);
    if config.metrics_path().is_none() {
        let effect = "there are no metrics, and the intent names families that are needed";
        let place = Place::of(["extensions", "metrics", "enable"]);
        return Some(
            Finding::new("metrics-closed", severity, place, effect).cure("set extensions.metrics.enable to true"),
        );
    }
    match (empty, anybody) {
        (Some(number), false) => {
            let effect = "nobody reads metrics without credentials: users [\"\"] stood for anybody until v2.1.17";
            let finding = Finding::new("metrics-users", severity, place.at("users").at(number), effect);
            Some(finding.cure(METRICS_USERS.cure.unwrap_or_default()).since(METRICS_USERS.since))
        }
        (Some(number), true) => {
            let effect = "users [\"\"] means nothing any more, and releases to which it does refuse anonymousPolicy";
            let finding = Finding::new("metrics-users", Severity::Note, place.at("users").at(number), effect);
            Some(finding.cure("take it out").since(METRICS_USERS.since))
        }
        (None, false) => {
            let effect = "nobody reads metrics without credentials, and the intent names families that are needed";
            let cure = "set http.accessControl.metrics.anonymousPolicy to [\"read\"] (v2.1.18 and later), or waive metrics.anonymous/access in the intent";
            Some(Finding::new("metrics-closed", severity, place, effect).cure(cure))
        }
        (None, true) => None,
    }
}
