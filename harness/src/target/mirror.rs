//! What a registry fetches from another one when somebody asks for it.

use url::Url;
use zot_verify_model::ZotConfig;
use zot_verify_model::sync::{SyncContent, SyncRegistry};

/// A whole registry that is mirrored on demand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// The path below which its images are found, without slashes around it; empty where they keep their own names.
    pub prefix: String,
    /// Where a lab's upstream is, with its meter; nobody can count what a live registry asks.
    pub upstream: Option<Url>,
}

impl Mirror {
    /// The first registry that the configuration mirrors on demand and whole. One that is mirrored in part, or only
    /// where images are signed, says nothing of images with made-up names.
    #[must_use]
    pub fn of(config: &ZotConfig, upstream: Option<Url>) -> Option<Self> {
        let registries = config.sync_registries();
        let registry = registries.iter().find(|registry| registry.on_demand)?;
        Some(Self { prefix: prefix(registry)?, upstream })
    }

    /// The repository in which the registry under test keeps an upstream's repository.
    #[must_use]
    pub fn repository(&self, upstream: &str) -> String {
        if self.prefix.is_empty() { upstream.to_owned() } else { format!("{}/{upstream}", self.prefix) }
    }
}

fn prefix(registry: &SyncRegistry) -> Option<String> {
    let whole = |content: &&SyncContent| content.prefix == "**";
    match &registry.content[..] {
        _ if registry.only_signed => None,
        [] => Some(String::new()),
        content => content.iter().find(whole).map(|content| content.destination.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirror(registries: &str) -> Option<Mirror> {
        let config = format!(r#"{{"extensions":{{"sync":{{"registries":{registries}}}}}}}"#);
        Mirror::of(&ZotConfig::parse(&config).unwrap(), None)
    }

    #[test]
    fn images_are_found_below_the_destination_of_what_is_mirrored_whole() {
        let registries = r#"[{"urls":["https://a.test"],"pollInterval":"6h"},
            {"urls":["https://b.test"],"onDemand":true,"content":[{"prefix":"a/b"},{"prefix":"/**","destination":"/docker.io/"}]}]"#;
        let found = mirror(registries).unwrap();
        assert_eq!(found.prefix, "docker.io");
        assert_eq!(found.repository("library/app"), "docker.io/library/app");
    }

    #[test]
    fn without_a_destination_images_keep_their_names() {
        for registries in [
            r#"[{"urls":["https://a.test"],"onDemand":true}]"#,
            r#"[{"urls":["https://a.test"],"onDemand":true,"content":[{"prefix":"**","destination":"/"}]}]"#,
        ] {
            assert_eq!(mirror(registries).unwrap().repository("library/app"), "library/app", "{registries}");
        }
    }

    #[test]
    fn what_is_mirrored_in_part_or_now_and_then_is_no_mirror_of_everything() {
        for registries in [
            "[]",
            r#"[{"urls":["https://a.test"],"content":[{"prefix":"**"}],"pollInterval":"6h"}]"#,
            r#"[{"urls":["https://a.test"],"onDemand":true,"content":[{"prefix":"library/**"}]}]"#,
            r#"[{"urls":["https://a.test"],"onDemand":true,"onlySigned":true}]"#,
        ] {
            assert_eq!(mirror(registries), None, "{registries}");
        }
    }
}
