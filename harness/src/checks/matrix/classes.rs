//! Which repositories stand for all others.

use zot_verify_model::ZotConfig;

use crate::bounds;
use crate::policy::decision;
use crate::policy::intended::Intended;
use crate::policy::pattern::Pattern;

/// Repositories for which a configuration and an intent decide alike, and one of them that stands for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Class {
    pub(super) repository: String,
}

/// The last part of every class's repository.
const NAME: &str = "zot-verify-matrix";
/// These are looked at whatever the configuration says: a name that nobody thought of, and where images are.
const ALWAYS: [&str; 2] = ["zot-verify/matrix", "blumeops/zot-verify-matrix"];

/// The classes of a configuration and an intent: one for each pattern that decides for some repository.
pub(super) fn classes(config: &ZotConfig, intended: &Intended) -> Vec<Class> {
    let mut repositories: Vec<String> = ALWAYS.map(str::to_owned).to_vec();
    let policies = config.repositories();
    let deciding = |repository: &str| -> Vec<String> {
        decision::deciding(&policies, repository).into_iter().map(|policy| policy.pattern.clone()).collect()
    };
    let of_config = policies.iter().filter(|policy| {
        // Another pattern may decide for all that it stands for.
        !ALWAYS.iter().any(|always| deciding(always).contains(&policy.pattern))
    });
    let of_config = of_config.filter_map(|policy| {
        let sample = Pattern::parse(&policy.pattern)?.sample(NAME)?;
        deciding(&sample).contains(&policy.pattern).then_some(sample)
    });
    repositories.extend(of_config.chain(intended.patterns().filter_map(|pattern| pattern.sample(NAME))));
    let mirrored = mirrored(config);
    repositories
        .retain(|repository| is_name(repository) && !mirrored.iter().any(|prefix| repository.starts_with(prefix)));
    let mut classes: Vec<Class> = Vec::new();
    for repository in repositories {
        if !classes.iter().any(|class| class.repository == repository) {
            classes.push(Class { repository });
        }
    }
    classes.truncate(bounds::CLASSES);
    classes
}

/// Whether a registry takes it as the name of a repository (distribution-spec, "Pulling manifests").
fn is_name(repository: &str) -> bool {
    let part = |part: &str| {
        part.starts_with(|letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit())
            && part.ends_with(|letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit())
            && part
                .chars()
                .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "._-".contains(letter))
    };
    repository.split('/').all(part)
}

/// What names of mirrored images begin with: zot asks its upstream for what is not there, and in a lab everything is
/// at the upstream.
fn mirrored(config: &ZotConfig) -> Vec<String> {
    let destinations = config.sync_registries().into_iter().flat_map(|registry| registry.content);
    destinations
        .filter_map(|content| Some(format!("{}/", content.destination)).filter(|prefix| prefix != "/"))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(repositories: serde_json::Value) -> Vec<String> {
        let config = ZotConfig::from_value(json!({
            "http": { "accessControl": { "repositories": repositories } },
            "extensions": { "sync": { "registries": [{ "content": [{ "prefix": "**", "destination": "/docker.io" }] }] } },
        }));
        classes(&config, &Intended::default()).into_iter().map(|class| class.repository).collect()
    }

    #[test]
    fn each_pattern_that_decides_somewhere_has_a_class() {
        let always = ["zot-verify/matrix", "blumeops/zot-verify-matrix"];
        assert_eq!(names(json!({ "**": { "policies": [] } })), always);
        assert_eq!(
            names(
                json!({ "**": { "policies": [] }, "blumeops/**": { "policies": [] }, "docker.io/**": { "policies": [] } })
            ),
            always
        );
        // `*` is shorter than `**` and never decides; zot reads patterns in lower case.
        let closed = || json!({ "policies": [] });
        let more = names(json!({
            "**": closed(), "infra/*/x": closed(), "infra/*/*": closed(), "*": closed(), "tools": closed(), "[": closed(),
            "UPPER/**": closed(),
        }));
        let wanted = [
            "infra/zot-verify-matrix/x",
            "infra/zot-verify-matrix/zot-verify-matrix",
            "tools",
            "upper/zot-verify-matrix",
        ];
        assert_eq!(more[2..], wanted);
    }
}
