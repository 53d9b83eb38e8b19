//! What zot keeps, and what it takes.

use serde_json::Value;
use zot_verify_model::ZotConfig;

use super::{Finding, Severity};
use crate::checks::version::Release;
use crate::policy::decision::Place;

/// What there is to tell.
#[must_use]
pub fn look(config: &ZotConfig) -> Vec<Finding> {
    untagged(config).into_iter().chain(docker(config)).collect()
}

/// zot collects what no tag names, unless a policy of retention says otherwise for every repository.
fn untagged(config: &ZotConfig) -> Option<Finding> {
    let storage = Place::of(["storage"]);
    if config.get(&["storage", "gc"]) == Some(&Value::Bool(false)) {
        return None;
    }
    let policies = Place::of(["storage", "retention", "policies"]);
    let count = config.get(&policies.keys()).and_then(Value::as_array).map_or(0, Vec::len);
    let keeps = |number: usize| {
        let at = |key: &str| config.get(&policies.at(number).at(key).keys());
        let all = at("repositories").and_then(Value::as_array);
        all.is_some_and(|all| all.iter().any(|pattern| pattern == "**"))
            && at("deleteUntagged") == Some(&Value::Bool(false))
    };
    if (0..count).any(keeps) {
        return None;
    }
    let delay = config.get(&["storage", "gcDelay"]).and_then(Value::as_str).unwrap_or("1h");
    let effect = format!(
        "an image that no tag names is collected when it is older than {delay}: what is pushed by digest, and what a moved tag leaves"
    );
    let place = if config.get(&["storage", "gc"]).is_some() { storage.at("gc") } else { storage };
    let cure = "keep them with a policy in storage.retention: repositories [\"**\"], deleteUntagged false, keepTags [{\"patterns\": [\".*\"]}]";
    Some(Finding::new("gc-untagged", Severity::Note, place, effect).cure(cure).since(Release(2, 1, 9)))
}

fn docker(config: &ZotConfig) -> Option<Finding> {
    let place = Place::of(["http", "compat"]);
    let taken = config.get(&place.keys()).and_then(Value::as_array);
    if taken.is_some_and(|taken| taken.iter().any(|kind| kind == "docker2s2")) {
        return None;
    }
    let effect = "a push in Docker's own format, as of Docker 20.10 and older, is refused: `manifest invalid`";
    let cure = "set http.compat to [\"docker2s2\"], if such clients push";
    Some(Finding::new("compat-docker", Severity::Note, place, effect).cure(cure))
}
