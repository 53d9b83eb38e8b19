//! `extensions.sync`: what is mirrored, and what is known to surprise.

use serde_json::Value;
use zot_verify_model::ZotConfig;

use super::{Finding, Severity};
use crate::policy::decision::Place;
use crate::settings::without_userinfo;

/// What there is to tell. Entries of which the same is true are told together, at the first of them.
#[must_use]
pub fn look(config: &ZotConfig) -> Vec<Finding> {
    let registries = config.sync_registries();
    let place = Place::of(["extensions", "sync", "registries"]);
    let named = |numbers: &[usize]| {
        let urls = numbers.iter().filter_map(|&number| registries[number].urls.first());
        urls.map(|url| without_userinfo(url)).collect::<Vec<_>>().join(" or ")
    };
    let that = |is: &dyn Fn(usize) -> bool| (0..registries.len()).filter(|&number| is(number)).collect::<Vec<_>>();
    let at = |number: usize, key: &str| config.get(&place.at(number).at(key).keys()).cloned();
    let mut findings = Vec::new();
    let mut tell = |id, severity, numbers: Vec<usize>, effect: String, cure: Option<&str>| {
        if let Some(first) = numbers.first() {
            let finding = Finding::new(id, severity, place.at(first).at("urls"), effect);
            findings.push(Finding { cure: cure.map(str::to_owned), ..finding });
        }
    };
    let slow = that(&|number| {
        registries[number].on_demand && ["maxRetries", "retryDelay"].iter().any(|key| at(number, key).is_none())
    });
    let effect = format!(
        "while {} is down, each pull of a kept image by its tag waits longer, up to 30 s, and goes on doing so for minutes when it is back",
        named(&slow)
    );
    let cure = "set maxRetries to 1 and retryDelay to \"1s\": that bounds the wait to 2 s";
    tell("sync-retries", Severity::Warn, slow, effect, Some(cure));
    let converted = that(&|number| at(number, "preserveDigest") != Some(Value::Bool(true)));
    let effect = format!(
        "an image that {} serves in Docker's own format is made into an OCI image with another digest: a pull by the upstream's digest is 404",
        named(&converted)
    );
    let cure = "set preserveDigest to true, and http.compat to [\"docker2s2\"], without which zot refuses it";
    tell("sync-digest", Severity::Note, converted, effect, Some(cure));
    let moved = that(&|number| registries[number].content.iter().any(|content| !content.destination.is_empty()));
    if let Some(first) = moved.first() {
        let contents = &registries[*first].content;
        let number = contents.iter().position(|content| !content.destination.is_empty()).unwrap_or_default();
        let below = moved
            .iter()
            .flat_map(|&number| &registries[number].content)
            .map(|content| format!("`{}/`", content.destination));
        let below = below.collect::<Vec<_>>().join(", ");
        let effect = format!(
            "mirrored images are found below {below} alone: a client that is told of a mirror and asks without that gets 404, and silently goes upstream"
        );
        let cure = "let clients name that path (`override_path` of containerd, `rewrite` of k3s); what reaches the mirror is for `zot-verify local mirror.client-paths`";
        let place = place.at(first).at("content").at(number).at("destination");
        findings.push(Finding::new("mirror-destination", Severity::Note, place, effect).cure(cure));
    }
    findings
}
