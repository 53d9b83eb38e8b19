//! `extensions.sync`: which registries a zot mirrors, and under which names.

use serde_json::Value;

use crate::ZotConfig;

/// One entry of `extensions.sync.registries`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncRegistry {
    /// `urls`: where it is, each of them the same.
    pub urls: Vec<String>,
    /// `onDemand`: whether an image is fetched when somebody asks for it.
    pub on_demand: bool,
    /// `onlySigned`: whether images without a signature are left out.
    pub only_signed: bool,
    /// `content`: what of it is mirrored; nothing given means everything, under its own name.
    pub content: Vec<SyncContent>,
}

/// One entry of a registry's `content`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncContent {
    /// The glob over the upstream's repository names, without slashes around it.
    pub prefix: String,
    /// The path under which they are kept, without slashes around it.
    pub destination: String,
}

impl ZotConfig {
    /// The registries that are mirrored, in the order of the file; none where sync is off. zot takes a sync that is
    /// configured and not switched off for switched on.
    #[must_use]
    pub fn sync_registries(&self) -> Vec<SyncRegistry> {
        let sync = ["extensions", "sync"];
        if self.get(&[&sync[..], &["enable"]].concat()) == Some(&Value::Bool(false)) {
            return Vec::new();
        }
        let registries = self.get(&[&sync[..], &["registries"]].concat()).and_then(Value::as_array);
        (0..registries.map_or(0, Vec::len)).map(|index| self.sync_registry(&index.to_string())).collect()
    }

    fn sync_registry(&self, index: &str) -> SyncRegistry {
        let at = |path: &[&str]| self.get(&[&["extensions", "sync", "registries", index], path].concat());
        let is_true = |path: &[&str]| at(path) == Some(&Value::Bool(true));
        let word = |path: &[&str]| at(path).and_then(Value::as_str).unwrap_or_default().trim_matches('/').to_owned();
        let content = (0..at(&["content"]).and_then(Value::as_array).map_or(0, Vec::len)).map(|entry| {
            let entry = entry.to_string();
            SyncContent {
                prefix: word(&["content", &entry, "prefix"]),
                destination: word(&["content", &entry, "destination"]),
            }
        });
        let urls = at(&["urls"]).and_then(Value::as_array).into_iter().flatten();
        SyncRegistry {
            urls: urls.filter_map(Value::as_str).map(|url| url.trim_end_matches('/').to_owned()).collect(),
            on_demand: is_true(&["onDemand"]),
            only_signed: is_true(&["onlySigned"]),
            content: content.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_is_read_as_zot_reads_it() {
        let config = ZotConfig::parse(
            r#"{"extensions":{"sync":{"registries":[
                {"urls":["https://up.test/"],"OnDemand":true,"content":[{"prefix":"**","destination":"/docker.io"},
                    {"prefix":"/library/**"}]},
                {"urls":["https://other.test"],"pollInterval":"6h","onlySigned":true}]}}}"#,
        )
        .unwrap();
        let [first, second] = &config.sync_registries()[..] else { panic!("two registries") };
        assert_eq!((first.urls[0].as_str(), first.on_demand, first.only_signed), ("https://up.test", true, false));
        let content =
            |prefix: &str, destination: &str| SyncContent { prefix: prefix.into(), destination: destination.into() };
        assert_eq!(first.content, [content("**", "docker.io"), content("library/**", "")]);
        assert_eq!((second.on_demand, second.only_signed, second.content.len()), (false, true, 0));
    }

    #[test]
    fn what_is_switched_off_or_not_there_mirrors_nothing() {
        for text in [r#"{"extensions":{"sync":{"enable":false,"registries":[{"urls":["https://up.test"]}]}}}"#, "{}"] {
            assert_eq!(ZotConfig::parse(text).unwrap().sync_registries(), [], "{text}");
        }
    }
}
