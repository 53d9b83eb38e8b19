//! What a configuration lets somebody do, and which of its rules says so (zot v2.1.20, `http.accessControl`).

use std::fmt;

use zot_verify_model::ZotConfig;
use zot_verify_model::config::{Grant, RepositoryPolicy};
use zot_verify_model::principal::{Action, Principal};

use super::pattern::Pattern;

/// Where something stands in a configuration: the keys that lead there, entries of lists by their number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(Vec<String>);

impl Place {
    /// The place to which these keys lead.
    pub fn of<'a>(keys: impl IntoIterator<Item = &'a str>) -> Self {
        Self(keys.into_iter().map(str::to_owned).collect())
    }

    /// A place within this one.
    #[must_use]
    pub fn at(&self, key: impl fmt::Display) -> Self {
        Self(self.0.iter().cloned().chain([key.to_string()]).collect())
    }

    /// The keys, the outermost first.
    #[must_use]
    pub fn keys(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }
}

/// As people write it: `http.accessControl.repositories["**"].policies[0].actions`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, key) in self.0.iter().enumerate() {
            let plain = key.chars().all(|letter| letter.is_ascii_alphanumeric());
            match (key.parse::<usize>(), plain) {
                (Ok(entry), _) => write!(f, "[{entry}]")?,
                (Err(_), true) if number == 0 => write!(f, "{key}")?,
                (Err(_), true) => write!(f, ".{key}")?,
                (Err(_), false) => write!(f, "[{key:?}]")?,
            }
        }
        Ok(())
    }
}

/// How a configuration decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruling {
    /// It is allowed.
    Granted,
    /// It is refused.
    Refused,
    /// A condition in CEL decides, which is not modelled here.
    Conditional,
    /// Several patterns of the same length stand for the repository, and they differ: zot takes the first of a Go map,
    /// which is another one at each start.
    Chance,
}

/// How a configuration decides, and by which of its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What it says.
    pub ruling: Ruling,
    /// The rule that grants it; where nothing does, the entry that would have to.
    pub by: Place,
}

/// Whether `config` lets `who` do `action` in `repository`.
///
/// Where zot asks for credentials (`http.auth`) and no `anonymousPolicy` lets anybody do anything, nobody comes in without
/// them. Otherwise everybody may do everything without `http.accessControl`. Of the patterns that stand for the repository only the
/// longest counts, in bytes. Its `policies` name users and groups, `anonymousPolicy` is for whoever gave no
/// credentials, `defaultPolicy` for everybody else. What that refuses, `adminPolicy` may still grant. zot knows a caller
/// without credentials by the empty name. Groups in `accessControl.groups` are for users of htpasswd, LDAP and
/// certificates; people who log in with OpenID bring theirs along.
#[must_use]
pub fn decide(config: &ZotConfig, who: &Principal, repository: &str, action: Action) -> Decision {
    let policies = config.repositories();
    let access = Place::of(["http", "accessControl"]);
    let closed = config.get(&["http", "auth"]).is_some() && policies.iter().all(|policy| policy.anonymous.is_empty());
    if who == &Principal::Anonymous && closed {
        return Decision { ruling: Ruling::Refused, by: access.at("repositories") };
    }
    if !config.has_access_control() {
        return Decision { ruling: Ruling::Granted, by: Place::of(["http"]) };
    }
    let asked = Asked::new(who, action);
    let by_pattern = deciding(&policies, repository)
        .into_iter()
        .map(|policy| asked.of_policy(policy, &access.at("repositories").at(&policy.pattern)))
        .reduce(|one, other| if one.ruling == other.ruling { one } else { Decision { ruling: Ruling::Chance, ..one } })
        .unwrap_or_else(|| Decision { ruling: Ruling::Refused, by: access.at("repositories") });
    if by_pattern.ruling == Ruling::Granted {
        return by_pattern;
    }
    let admins = config.admin_policy().and_then(|grant| asked.of_grant(&grant, &access.at("adminPolicy")));
    match admins {
        Some(admins) if admins.ruling == Ruling::Granted || by_pattern.ruling == Ruling::Refused => admins,
        _ => by_pattern,
    }
}

/// The entries that decide for a repository: the longest, and all that are as long.
#[must_use]
pub fn deciding<'a>(policies: &'a [RepositoryPolicy], repository: &str) -> Vec<&'a RepositoryPolicy> {
    let stands_for =
        |policy: &&RepositoryPolicy| Pattern::parse(&policy.pattern).is_some_and(|pattern| pattern.matches(repository));
    let matching: Vec<_> = policies.iter().filter(stands_for).collect();
    let longest = matching.iter().map(|policy| policy.pattern.len()).max();
    matching.into_iter().filter(|policy| Some(policy.pattern.len()) == longest).collect()
}

/// A question to the configuration.
struct Asked<'a> {
    name: &'a str,
    groups: &'a [String],
    action: Action,
}

impl<'a> Asked<'a> {
    fn new(who: &'a Principal, action: Action) -> Self {
        match who {
            Principal::Anonymous => Self { name: "", groups: &[], action },
            Principal::User { name, groups } => Self { name, groups, action },
        }
    }

    fn of_policy(&self, policy: &RepositoryPolicy, place: &Place) -> Decision {
        let grants = policy.policies.iter().enumerate();
        let named: Vec<Decision> =
            grants.filter_map(|(number, grant)| self.of_grant(grant, &place.at("policies").at(number))).collect();
        let granted = named.iter().find(|decision| decision.ruling == Ruling::Granted).cloned();
        granted
            .or_else(|| self.of_everybody(policy, place))
            .or_else(|| named.first().cloned())
            .unwrap_or_else(|| Decision { ruling: Ruling::Refused, by: self.missing_in(policy, place) })
    }

    /// Where somebody would look for what is not granted: at what names the caller, else at what is for everybody of
    /// the kind, else at the pattern.
    fn missing_in(&self, policy: &RepositoryPolicy, place: &Place) -> Place {
        if let Some(number) = policy.policies.iter().position(|grant| self.is_named_in(grant)) {
            return place.at("policies").at(number).at("actions");
        }
        match self.name {
            "" if !policy.anonymous.is_empty() => place.at("anonymousPolicy"),
            name if !name.is_empty() && !policy.default.is_empty() => place.at("defaultPolicy"),
            _ => place.clone(),
        }
    }

    /// What is for whoever gave no credentials, or for everybody else.
    fn of_everybody(&self, policy: &RepositoryPolicy, place: &Place) -> Option<Decision> {
        let (key, actions) = match self.name {
            "" => ("anonymousPolicy", &policy.anonymous),
            _ => ("defaultPolicy", &policy.default),
        };
        actions.contains(&self.action).then(|| Decision { ruling: Ruling::Granted, by: place.at(key) })
    }

    fn of_grant(&self, grant: &Grant, place: &Place) -> Option<Decision> {
        let ruling = if grant.conditional { Ruling::Conditional } else { Ruling::Granted };
        let granted = self.is_named_in(grant) && grant.actions.contains(&self.action);
        granted.then(|| Decision { ruling, by: place.at("actions") })
    }

    fn is_named_in(&self, grant: &Grant) -> bool {
        grant.users.iter().any(|user| user == self.name) || self.groups.iter().any(|group| grant.groups.contains(group))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn user(name: &str, groups: &[&str]) -> Principal {
        Principal::User { name: name.into(), groups: groups.iter().map(|&group| group.into()).collect() }
    }

    fn says(access: &Value, who: &Principal, repository: &str, action: Action) -> (Ruling, String) {
        let config = ZotConfig::from_value(json!({ "http": { "accessControl": access } }));
        let decision = decide(&config, who, repository, action);
        (decision.ruling, decision.by.to_string())
    }

    #[test]
    fn each_tier_gives_its_own_rights_and_is_named() {
        let access = json!({ "repositories": { "**": {
            "policies": [{ "users": ["ci"], "actions": ["update"] }, { "groups": ["admins"], "actions": ["delete"] }],
            "anonymousPolicy": ["read"], "defaultPolicy": ["create"],
        } }, "adminPolicy": { "groups": ["root"], "actions": ["read"] } });
        let place = |rest: &str| format!("http.accessControl.repositories[\"**\"]{rest}");
        let granted = |rest: &str| (Ruling::Granted, place(rest));
        let refused = |rest: &str| (Ruling::Refused, place(rest));
        assert_eq!(says(&access, &Principal::Anonymous, "a", Action::Read), granted(".anonymousPolicy"));
        assert_eq!(says(&access, &Principal::Anonymous, "a", Action::Create), refused(".anonymousPolicy"));
        assert_eq!(says(&access, &user("x", &[]), "a", Action::Create), granted(".defaultPolicy"));
        assert_eq!(says(&access, &user("x", &[]), "a", Action::Read), refused(".defaultPolicy"));
        assert_eq!(says(&access, &user("ci", &[]), "a", Action::Update), granted(".policies[0].actions"));
        assert_eq!(says(&access, &user("x", &["y", "admins"]), "a", Action::Delete), granted(".policies[1].actions"));
        let root = says(&access, &user("x", &["root"]), "a", Action::Read);
        assert_eq!(root, (Ruling::Granted, "http.accessControl.adminPolicy.actions".to_owned()));
    }

    #[test]
    fn the_longest_pattern_decides_alone_and_equal_ones_by_chance() {
        let access = json!({ "repositories": {
            "**": { "anonymousPolicy": ["read", "create"] },
            "a/**": { "anonymousPolicy": ["read"] },
            "*/b*": { "anonymousPolicy": ["create"] },
        } });
        let says = |repository, action| says(&access, &Principal::Anonymous, repository, action).0;
        assert_eq!(says("x", Action::Create), Ruling::Granted);
        assert_eq!(says("a/x", Action::Create), Ruling::Refused);
        assert_eq!(says("a/b", Action::Create), Ruling::Chance);
        assert_eq!(says("a/b", Action::Delete), Ruling::Refused);
    }

    #[test]
    fn a_condition_is_told_unless_somebody_else_grants_it() {
        let access = |default: Value| {
            json!({ "repositories": { "**": { "defaultPolicy": default, "policies": [
                { "users": ["x"], "actions": ["read"], "conditions": [{ "expression": "true" }] },
            ] } } })
        };
        let asks = |default| says(&access(default), &user("x", &[]), "a", Action::Read).0;
        assert_eq!((asks(json!([])), asks(json!(["read"]))), (Ruling::Conditional, Ruling::Granted));
    }

    #[test]
    fn what_a_pattern_does_not_grant_admins_may_have_for_sure_or_on_a_condition() {
        let access = |patterns: Value, conditions: Value| {
            json!({ "repositories": patterns, "adminPolicy": {
                "users": ["x"], "actions": ["read"], "conditions": conditions,
            } })
        };
        let asks = |patterns: &Value, conditions: Value| {
            says(&access(patterns.clone(), conditions), &user("x", &[]), "a/b", Action::Read)
        };
        let condition = || json!([{ "expression": "true" }]);
        let admins = |ruling| (ruling, "http.accessControl.adminPolicy.actions".to_owned());
        let refused = json!({ "**": { "defaultPolicy": ["delete"] } });
        let chance = json!({ "a/**": { "defaultPolicy": ["read"] }, "**/b": { "defaultPolicy": ["delete"] } });
        let conditional = json!({ "**": { "policies": [
            { "users": ["x"], "actions": ["read"], "conditions": condition() },
        ] } });
        for patterns in [&refused, &chance, &conditional] {
            assert_eq!(asks(patterns, json!([])), admins(Ruling::Granted), "{patterns}");
        }
        assert_eq!(asks(&refused, condition()), admins(Ruling::Conditional));
        assert_eq!(asks(&chance, condition()).0, Ruling::Chance);
        let place = "http.accessControl.repositories[\"**\"].policies[0].actions";
        assert_eq!(asks(&conditional, condition()), (Ruling::Conditional, place.to_owned()));
    }

    #[test]
    fn a_place_is_the_keys_that_lead_there() {
        assert_eq!(Place::of(["http", "a"]).at("b.c").at(0).keys(), ["http", "a", "b.c", "0"]);
    }

    #[test]
    fn without_access_control_everything_is_allowed_and_without_a_pattern_nothing() {
        let open = decide(&ZotConfig::default(), &Principal::Anonymous, "a", Action::Delete);
        assert_eq!((open.ruling, open.by.to_string()), (Ruling::Granted, "http".to_owned()));
        let elsewhere = json!({ "repositories": { "b": { "defaultPolicy": ["read"] }, "a": {} } });
        let nothing = says(&elsewhere, &user("x", &[]), "a", Action::Read);
        assert_eq!(nothing, (Ruling::Refused, "http.accessControl.repositories".to_owned()));
        let empty = json!({ "repositories": { "a": { "policies": [] } } });
        let refused = says(&empty, &user("x", &[]), "a", Action::Read);
        assert_eq!(refused, (Ruling::Refused, "http.accessControl.repositories.a".to_owned()));
    }

    #[test]
    fn where_credentials_are_asked_for_somebody_must_let_those_in_who_have_none() {
        let config = |access: Value| ZotConfig::from_value(json!({ "http": { "auth": {}, "accessControl": access } }));
        let granted = |access: Value, who| decide(&config(access), who, "a", Action::Create).ruling == Ruling::Granted;
        let empty_name = |anonymous: Value| {
            json!({ "repositories": {
                "**": { "policies": [{ "users": [""], "actions": ["create"] }] }, "b": { "anonymousPolicy": anonymous },
            } })
        };
        assert!(!granted(empty_name(json!([])), &Principal::Anonymous));
        assert!(granted(empty_name(json!(["read"])), &Principal::Anonymous));
        let without = ZotConfig::from_value(json!({ "http": { "auth": {} } }));
        assert_eq!(decide(&without, &Principal::Anonymous, "a", Action::Read).ruling, Ruling::Refused);
        assert_eq!(decide(&without, &user("x", &[]), "a", Action::Read).ruling, Ruling::Granted);
    }

    #[test]
    fn what_is_missing_is_looked_for_where_the_caller_is_named() {
        let access = json!({ "repositories": { "**": { "defaultPolicy": ["read"], "policies": [
            { "groups": ["others"], "actions": ["read"] }, { "groups": ["ci"], "actions": ["read"] },
        ] } } });
        let missing = says(&access, &user("x", &["ci"]), "a", Action::Create);
        let place = "http.accessControl.repositories[\"**\"].policies[1].actions";
        assert_eq!(missing, (Ruling::Refused, place.to_owned()));
    }

    #[test]
    fn the_empty_name_is_anybody_without_credentials() {
        let access = json!({ "repositories": { "**": { "policies": [{ "users": [""], "actions": ["create"] }] } } });
        assert_eq!(says(&access, &Principal::Anonymous, "a", Action::Create).0, Ruling::Granted);
        assert_eq!(says(&access, &user("x", &[]), "a", Action::Create).0, Ruling::Refused);
    }
}
