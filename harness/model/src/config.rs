//! zot's configuration file, kept as the JSON that it is.
//!
//! A lab edits single values and leaves everything else, known to us or not, as the owner wrote it. The typed views
//! read only what zot-verify reasons about. Keys are looked up without regard to case, as zot does (its loader is
//! case-insensitive; observed on v2.1.20).

use serde_json::{Map, Value};

use crate::principal::Action;

/// A zot configuration.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ZotConfig(Value);

/// One entry of `http.accessControl.repositories`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryPolicy {
    /// The glob over repository names, in lower case.
    pub pattern: String,
    /// What named users and groups may do.
    pub policies: Vec<Grant>,
    /// What everybody who is logged in may do (`defaultPolicy`).
    pub default: Vec<Action>,
    /// What anybody may do (`anonymousPolicy`).
    pub anonymous: Vec<Action>,
}

/// One entry of a repository's `policies`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// User names.
    pub users: Vec<String>,
    /// Group names.
    pub groups: Vec<String>,
    /// What they may do.
    pub actions: Vec<Action>,
    /// Whether zot also asks conditions in CEL, which nothing here evaluates (zot >= 2.1.17).
    pub conditional: bool,
}

/// `http.accessControl.metrics`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MetricsAccess {
    /// `users`: who may read metrics when logged in.
    pub users: Vec<String>,
    /// `anonymousPolicy`: what anybody may do; known to zot since v2.1.18.
    pub anonymous: Vec<Action>,
}

/// One entry of `http.auth.openid.providers`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// The provider's key, as in `/zot/auth/login?provider=KEY`.
    pub key: String,
    /// The issuer URL.
    pub issuer: String,
    /// The scopes that zot asks for, `openid` always among them.
    pub scopes: Vec<String>,
}

impl ZotConfig {
    /// Reads a configuration.
    ///
    /// # Errors
    /// What is wrong with the JSON, with line and column.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str::<Map<String, Value>>(text).map(|map| Self(Value::Object(map)))
    }

    /// Wraps a value made in code.
    #[must_use]
    pub fn from_value(value: Value) -> Self {
        Self(value)
    }

    /// The JSON itself.
    #[must_use]
    pub fn as_value(&self) -> &Value {
        &self.0
    }

    /// The text to hand to zot.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{:#}\n", self.0)
    }

    /// The value at `path`.
    #[must_use]
    pub fn get(&self, path: &[&str]) -> Option<&Value> {
        path.iter().try_fold(&self.0, |value, key| match value {
            Value::Array(items) => items.get(key.parse::<usize>().ok()?),
            other => field(other, key),
        })
    }

    /// `path` as this configuration spells it; parts that are not there stay as they are.
    #[must_use]
    pub fn spelled(&self, path: &[&str]) -> Vec<String> {
        let mut at = Some(&self.0);
        let mut found = Vec::new();
        for key in path {
            let map = at.and_then(Value::as_object);
            let key = map.map_or_else(|| (*key).to_owned(), |map| spelled(map, key));
            at = map.and_then(|map| map.get(&key));
            found.push(key);
        }
        found
    }

    /// Puts `new` at `path`, making objects on the way, and returns what stood there.
    pub fn set(&mut self, path: &[&str], new: Value) -> Option<Value> {
        let (last, parents) = path.split_last()?;
        let mut at = &mut self.0;
        for key in parents {
            at = match at {
                Value::Array(items) => items.get_mut(key.parse::<usize>().ok()?)?,
                other => {
                    if !other.is_object() {
                        *other = Value::Object(Map::new());
                    }
                    let map = other.as_object_mut()?;
                    let key = spelled(map, key);
                    map.entry(key).or_insert_with(|| Value::Object(Map::new()))
                }
            };
        }
        match at {
            Value::Array(items) => Some(std::mem::replace(items.get_mut(last.parse::<usize>().ok()?)?, new)),
            other => {
                if !other.is_object() {
                    *other = Value::Object(Map::new());
                }
                let map = other.as_object_mut()?;
                let key = spelled(map, last);
                map.insert(key, new)
            }
        }
    }

    /// Takes away what stands at `path`.
    pub fn remove(&mut self, path: &[&str]) -> Option<Value> {
        let (last, parents) = path.split_last()?;
        let mut at = &mut self.0;
        for key in parents {
            at = match at {
                Value::Object(map) => {
                    let key = spelled(map, key);
                    map.get_mut(&key)?
                }
                Value::Array(items) => items.get_mut(key.parse::<usize>().ok()?)?,
                _ => return None,
            };
        }
        let map = at.as_object_mut()?;
        let key = spelled(map, last);
        map.shift_remove(&key)
    }

    /// Applies a merge patch (RFC 7396).
    pub fn merge(&mut self, patch: &Value) {
        json_patch::merge(&mut self.0, patch);
    }

    /// `http.externalUrl` without a trailing slash, as zot uses it for callbacks.
    #[must_use]
    pub fn external_url(&self) -> Option<&str> {
        self.get(&["http", "externalUrl"])?.as_str().map(|url| url.trim_end_matches('/'))
    }

    /// `extensions.metrics.prometheus.path` where metrics are enabled; zot's default is `/metrics`.
    #[must_use]
    pub fn metrics_path(&self) -> Option<&str> {
        let metrics = self.get(&["extensions", "metrics"])?;
        if field(metrics, "enable").is_some_and(|enable| enable == &Value::Bool(false)) {
            return None;
        }
        Some(self.get(&["extensions", "metrics", "prometheus", "path"]).and_then(Value::as_str).unwrap_or("/metrics"))
    }

    /// `http.accessControl.metrics`.
    #[must_use]
    pub fn metrics_access(&self) -> MetricsAccess {
        let path = ["http", "accessControl", "metrics"];
        MetricsAccess {
            users: words(self.get(&[&path[..], &["users"]].concat())),
            anonymous: actions(self.get(&[&path[..], &["anonymousPolicy"]].concat())),
        }
    }

    /// Whether access control is configured at all; zot lets everybody do everything where it is not. What is there and
    /// says nothing, as `{}` does, is not there for zot (observed).
    #[must_use]
    pub fn has_access_control(&self) -> bool {
        self.get(&["http", "accessControl"]).is_some_and(says_something)
    }

    /// `http.auth.apikey`.
    #[must_use]
    pub fn api_keys(&self) -> bool {
        self.get(&["http", "auth", "apikey"]).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The OpenID providers, in the order of the file.
    #[must_use]
    pub fn providers(&self) -> Vec<Provider> {
        let Some(Value::Object(providers)) = self.get(&["http", "auth", "openid", "providers"]) else {
            return Vec::new();
        };
        providers
            .iter()
            .map(|(key, value)| {
                let mut scopes = words(field(value, "scopes"));
                if !scopes.iter().any(|scope| scope == "openid") {
                    scopes.insert(0, "openid".into());
                }
                let issuer = field(value, "issuer").and_then(Value::as_str).unwrap_or_default().to_owned();
                Provider { key: key.clone(), issuer, scopes }
            })
            .collect()
    }

    /// The repository policies, in the order of the file. Patterns are keys, which zot reads in lower case: `A/**` stands
    /// for `a/b`. An entry that says nothing, as `{}` does, is not there for zot, and a shorter one decides (observed).
    #[must_use]
    pub fn repositories(&self) -> Vec<RepositoryPolicy> {
        let Some(Value::Object(repositories)) = self.get(&["http", "accessControl", "repositories"]) else {
            return Vec::new();
        };
        repositories
            .iter()
            .filter(|(_, value)| says_something(value))
            .map(|(pattern, value)| RepositoryPolicy {
                pattern: pattern.to_lowercase(),
                policies: field(value, "policies")
                    .and_then(Value::as_array)
                    .map_or_else(Vec::new, |grants| grants.iter().map(Grant::of).collect()),
                default: actions(field(value, "defaultPolicy")),
                anonymous: actions(field(value, "anonymousPolicy")),
            })
            .collect()
    }

    /// The groups that `http.accessControl.groups` gives a user of htpasswd, of LDAP or with a certificate. Their names
    /// are keys, which zot reads in lower case (observed): where a policy names a group in another case it means none.
    #[must_use]
    pub fn groups_of(&self, user: &str) -> Vec<String> {
        let groups = self.get(&["http", "accessControl", "groups"]).and_then(Value::as_object);
        let has = |group: &Value| words(field(group, "users")).iter().any(|name| name == user);
        let of_user = groups.into_iter().flatten().filter(|(_, group)| has(group));
        of_user.map(|(name, _)| name.to_lowercase()).collect()
    }

    /// `http.accessControl.adminPolicy`: what some may do in every repository, whatever its own policies say.
    #[must_use]
    pub fn admin_policy(&self) -> Option<Grant> {
        self.get(&["http", "accessControl", "adminPolicy"]).filter(|value| value.is_object()).map(Grant::of)
    }
}

impl Grant {
    fn of(value: &Value) -> Self {
        Self {
            users: words(field(value, "users")),
            groups: words(field(value, "groups")),
            actions: actions(field(value, "actions")),
            conditional: field(value, "conditions").and_then(Value::as_array).is_some_and(|list| !list.is_empty()),
        }
    }
}

/// The value of `key` in an object, whatever its case.
fn field<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    let map = value.as_object()?;
    map.get(&spelled(map, key))
}

/// Whether anything is written in a value: zot keeps the ends of its configuration, and of objects only what leads to one.
/// A list is an end, also an empty one; `null` is none (observed).
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Object(map) => map.values().any(says_something),
        _ => true,
    }
}

/// How `key` is spelled in `map`, whatever its case.
fn spelled(map: &Map<String, Value>, key: &str) -> String {
    map.keys().find(|existing| existing.eq_ignore_ascii_case(key)).map_or_else(|| key.to_owned(), Clone::clone)
}

fn words(value: Option<&Value>) -> Vec<String> {
    value
        .and_then(Value::as_array)
        .map(|items| items.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        .unwrap_or_default()
}

/// zot takes unknown action words without complaint and grants nothing for them; so do we.
fn actions(value: Option<&Value>) -> Vec<Action> {
    value
        .and_then(Value::as_array)
        .map(|items| items.iter().filter_map(|item| serde_json::from_value(item.clone()).ok()).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_replaced_where_it_stands_whatever_the_case_of_its_key() {
        let mut config = ZotConfig::parse(r#"{"http":{"externalURL":"https://a/","port":"5050"},"x":1}"#).unwrap();
        assert_eq!(config.external_url(), Some("https://a"));
        assert_eq!(config.set(&["http", "externalUrl"], json!("http://b")), Some(json!("https://a/")));
        assert_eq!(config.as_value().to_string(), r#"{"http":{"externalURL":"http://b","port":"5050"},"x":1}"#);
        assert_eq!(config.set(&["extensions", "metrics", "enable"], json!(true)), None);
        assert_eq!(config.metrics_path(), Some("/metrics"));
        assert_eq!(config.remove(&["HTTP", "port"]), Some(json!("5050")));
        assert_eq!(config.remove(&["http", "nothing", "there"]), None);
        assert_eq!(config.spelled(&["HTTP", "externalurl", "New"]), ["http", "externalURL", "New"]);
    }

    #[test]
    fn policies_are_read_and_misspelt_actions_grant_nothing() {
        let config = ZotConfig::from_value(json!({ "http": { "accessControl": { "repositories": { "**": {
            "anonymousPolicy": ["read", "craete"],
            "policies": [{ "groups": ["admins"], "actions": ["delete"] }],
        } } } } }));
        let [policy] = &config.repositories()[..] else { panic!("one policy") };
        assert_eq!(policy.anonymous, [Action::Read]);
        assert_eq!(policy.policies[0].actions, [Action::Delete]);
        assert_eq!(policy.policies[0].groups, ["admins"]);
    }

    #[test]
    fn metrics_are_where_they_are_switched_on() {
        let path = |text: &str| ZotConfig::parse(text).unwrap().metrics_path().map(str::to_owned);
        assert_eq!(path("{}"), None);
        assert_eq!(path(r#"{"extensions":{"metrics":{}}}"#).as_deref(), Some("/metrics"));
        assert_eq!(path(r#"{"extensions":{"metrics":{"Enable":false}}}"#), None);
        let elsewhere = r#"{"extensions":{"metrics":{"enable":true,"prometheus":{"path":"/m"}}}}"#;
        assert_eq!(path(elsewhere).as_deref(), Some("/m"));
        let config = ZotConfig::parse(
            r#"{"http":{"accessControl":{"metrics":{"users":["prom",1],"anonymousPolicy":["read"]}}}}"#,
        );
        let access = MetricsAccess { users: vec!["prom".into()], anonymous: vec![Action::Read] };
        assert_eq!(config.unwrap().metrics_access(), access);
    }

    #[test]
    fn providers_ask_for_openid_whatever_is_written() {
        let config = ZotConfig::parse(
            r#"{"http":{"auth":{"apikey":true,"openid":{"providers":{"oidc":{"issuer":"https://i.test","scopes":["groups"]},
                "other":{"scopes":["email","openid"]}}}}}}"#,
        )
        .unwrap();
        let provider = |key: &str, issuer: &str, scopes: &[&str]| Provider {
            key: key.into(),
            issuer: issuer.into(),
            scopes: scopes.iter().map(|&scope| scope.into()).collect(),
        };
        let other = provider("other", "", &["email", "openid"]);
        assert_eq!(config.providers(), [provider("oidc", "https://i.test", &["openid", "groups"]), other]);
        assert!(config.api_keys() && !config.has_access_control());
        let is_on = |access: &str| {
            ZotConfig::parse(&format!(r#"{{"http":{{"accessControl":{access}}}}}"#)).unwrap().has_access_control()
        };
        assert!(is_on(r#"{"metrics":{"users":[]}}"#) && is_on(r#"{"repositories":{"a":{"policies":[]}}}"#));
        assert!(!is_on("{}") && !is_on(r#"{"adminPolicy":{},"repositories":{"a":{"policies":null}}}"#));
        assert!(!ZotConfig::default().api_keys());
        assert_eq!(ZotConfig::default().providers(), []);
    }

    #[test]
    fn entries_of_lists_are_set_and_found_by_their_number() {
        let mut config = ZotConfig::parse(r#"{"a":[{"b":1},2],"c":3}"#).unwrap();
        assert_eq!(config.get(&["a", "0", "b"]), Some(&json!(1)));
        assert_eq!((config.get(&["a", "7"]), config.get(&["a", "b"]), config.get(&["c", "d"])), (None, None, None));
        assert_eq!(config.set(&["a", "0", "b"], json!(9)), Some(json!(1)));
        assert_eq!(config.set(&["a", "1"], json!(8)), Some(json!(2)));
        assert_eq!((config.set(&["a", "7"], json!(0)), config.set(&["a", "7", "x"], json!(0))), (None, None));
        assert_eq!(config.remove(&["a", "0", "b"]), Some(json!(9)));
        assert_eq!(
            (config.remove(&["a", "7", "b"]), config.remove(&["c", "d"]), config.remove(&[])),
            (None, None, None)
        );
        assert_eq!((config.set(&["c", "d"], json!(5)), config.set(&[], json!(6))), (None, None));
        assert_eq!(config.as_value(), &json!({ "a": [{}, 8], "c": { "d": 5 } }));
        config.merge(&json!({ "a": null, "c": { "e": 1 } }));
        assert_eq!(config.to_text(), "{\n  \"c\": {\n    \"d\": 5,\n    \"e\": 1\n  }\n}\n");
    }

    #[test]
    fn an_array_or_a_number_is_no_configuration() {
        assert!(ZotConfig::parse("[]").is_err());
        assert!(ZotConfig::parse("1").is_err());
    }

    /// All that is read from a configuration. Keys that are names, of providers and patterns, are keys too.
    fn views(config: &ZotConfig) -> String {
        let http = (config.external_url(), config.api_keys(), config.has_access_control(), config.providers());
        let access = (config.repositories(), config.admin_policy(), config.metrics_access(), config.metrics_path());
        format!("{http:?} {access:?} {:?}", config.sync_registries()).to_lowercase()
    }

    /// The same with its keys in upper case where `upper` says so.
    fn recased(value: &Value, upper: &mut dyn FnMut() -> bool) -> Value {
        match value {
            Value::Object(map) => {
                let entry = |(key, value): (&String, &Value)| {
                    let key = if upper() { key.to_ascii_uppercase() } else { key.clone() };
                    (key, recased(value, upper))
                };
                Value::Object(map.iter().map(entry).collect())
            }
            Value::Array(items) => Value::Array(items.iter().map(|item| recased(item, upper)).collect()),
            other => other.clone(),
        }
    }

    /// Any JSON at all.
    fn anything() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-z/*]{0,8}".prop_map(Value::from),
            prop::sample::select(vec!["read", "create", "update", "delete", "reed"]).prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z]{1,6}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    /// Keys that something is read under.
    const KEYS: [&str; 29] = [
        "http",
        "auth",
        "apikey",
        "openid",
        "providers",
        "oidc",
        "issuer",
        "scopes",
        "accessControl",
        "repositories",
        "**",
        "policies",
        "users",
        "groups",
        "actions",
        "defaultPolicy",
        "anonymousPolicy",
        "metrics",
        "extensions",
        "enable",
        "prometheus",
        "path",
        "sync",
        "registries",
        "urls",
        "onDemand",
        "content",
        "prefix",
        "externalUrl",
    ];

    /// Something that looks like a configuration, with anything where it does not.
    fn alike() -> impl Strategy<Value = Value> {
        let actions =
            prop::collection::vec(prop::sample::select(vec!["read", "create", "update", "delete", "reed"]), 0..4);
        let list = actions.prop_map(|actions| json!(actions));
        let leaf = prop_oneof![2 => list, 1 => any::<bool>().prop_map(Value::from), 1 => "[a-z/]{0,8}".prop_map(Value::from), 1 => anything()];
        let object = |inner: BoxedStrategy<Value>, size| {
            prop::collection::btree_map(prop::sample::select(KEYS.to_vec()), inner, size)
                .prop_map(|map| Value::Object(map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()))
        };
        let policy = (leaf.clone(), leaf.clone(), leaf.clone(), leaf.clone(), leaf.clone()).prop_map(
            |(anonymous, default, users, groups, actions)| {
                json!({ "anonymousPolicy": anonymous, "defaultPolicy": default,
                    "policies": [{ "users": users, "groups": groups, "actions": actions }] })
            },
        );
        let provider =
            (leaf.clone(), leaf.clone()).prop_map(|(issuer, scopes)| json!({ "issuer": issuer, "scopes": scopes }));
        let metrics = (leaf.clone(), leaf.clone())
            .prop_map(|(users, anonymous)| json!({ "users": users, "anonymousPolicy": anonymous }));
        let extension = object(object(leaf.boxed(), 0..5).boxed(), 0..5);
        (policy, provider, metrics, extension).prop_map(|(policy, provider, metrics, extension)| {
            json!({ "http": {
                "auth": { "apikey": true, "openid": { "providers": { "oidc": provider } } },
                "accessControl": { "adminPolicy": policy["policies"][0], "repositories": { "**": policy }, "metrics": metrics },
            }, "extensions": extension })
        })
    }

    /// The words of a list that are actions: what is granted, told again by simpler means.
    fn granted(value: &Value) -> Vec<Action> {
        let of = |word: &Value| match word.as_str()? {
            "read" => Some(Action::Read),
            "create" => Some(Action::Create),
            "update" => Some(Action::Update),
            "delete" => Some(Action::Delete),
            _ => None,
        };
        value.as_array().into_iter().flatten().filter_map(of).collect()
    }

    proptest! {
        #[test]
        fn any_object_is_read_and_nothing_of_it_is_lost(value in anything()) {
            let config = ZotConfig::parse(&value.to_string());
            prop_assert_eq!(config.is_ok(), value.is_object());
            if let Ok(config) = config {
                views(&config);
                prop_assert_eq!(config.as_value(), &value);
                prop_assert_eq!(ZotConfig::parse(&config.to_text()).unwrap(), config);
            }
        }

        #[test]
        fn zot_reads_keys_in_any_case_and_so_do_we(value in alike(), cases in prop::collection::vec(any::<bool>(), 1..40)) {
            let mut cases = cases.into_iter().cycle();
            let other = recased(&value, &mut || cases.next().unwrap_or_default());
            prop_assert_eq!(views(&ZotConfig::from_value(value)), views(&ZotConfig::from_value(other)));
        }

        #[test]
        fn a_policy_grants_what_is_written_and_nothing_more(value in alike()) {
            let config = ZotConfig::from_value(value.clone());
            let [policy] = &config.repositories()[..] else { panic!("one policy") };
            let written = &value["http"]["accessControl"]["repositories"]["**"];
            prop_assert_eq!(&policy.pattern, "**");
            prop_assert_eq!(&policy.anonymous, &granted(&written["anonymousPolicy"]));
            prop_assert_eq!(&policy.default, &granted(&written["defaultPolicy"]));
            prop_assert_eq!(&policy.policies[0].actions, &granted(&written["policies"][0]["actions"]));
            prop_assert_eq!(policy.policies.len(), 1);
        }

        #[test]
        fn what_was_set_is_there_and_can_be_taken_away(path in proptest::collection::vec("[a-z]{1,4}", 1..5)) {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            let mut config = ZotConfig::from_value(json!({ "aa": { "b": 1 } }));
            config.set(&path, json!("new"));
            prop_assert_eq!(config.get(&path), Some(&json!("new")));
            prop_assert_eq!(config.remove(&path), Some(json!("new")));
            prop_assert_eq!(config.get(&path), None);
        }
    }
}
