use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::settings::Day;

fn intent(text: &str) -> Intent {
    Intent::read(text, "zot-verify.toml".into(), Day::today()).unwrap()
}

fn found(config: &Value, text: &str) -> Vec<Finding> {
    look(&ZotConfig::from_value(config.clone()), &intent(text), "zot-ci", None).findings
}

/// A configuration that has something, the patch that cures it, the intent, how heavy it is, and where it stands.
struct Row(&'static str, Value, Value, &'static str, Severity, &'static str);

fn access(repositories: Value) -> Value {
    json!({ "http": { "accessControl": { "repositories": repositories } } })
}

fn metrics(metrics: Value) -> Value {
    json!({ "http": { "accessControl": { "metrics": metrics } }, "extensions": { "metrics": { "enable": true } } })
}

fn provider(http: Value) -> Value {
    let mut config =
        json!({ "http": { "auth": { "openid": { "providers": { "oidc": { "issuer": "https://i.test" } } } } } });
    json_patch(&mut config, &http);
    config
}

fn sync(entry: Value) -> Value {
    let mut registry = json!({ "urls": ["https://me:pw@u.test"], "onDemand": true, "maxRetries": 1, "retryDelay": "1s",
        "preserveDigest": true, "content": [{ "prefix": "**" }] });
    json_patch(&mut registry, &entry);
    json!({ "extensions": { "sync": { "registries": [registry] } } })
}

fn json_patch(config: &mut Value, patch: &Value) {
    let mut patched = ZotConfig::from_value(config.clone());
    patched.merge(patch);
    *config = patched.as_value().clone();
}

const ANY: &str = "http.accessControl.repositories[\"**\"]";

fn access_rows() -> Vec<Row> {
    use Severity::{Fail, Note, Warn};
    let ci = |actions: Value| access(json!({ "**": { "policies": [{ "groups": ["ci"], "actions": actions }] } }));
    let admins = |group: &str| json!({ "http": { "accessControl": { "adminPolicy": { "groups": [group], "actions": ["create"] } } } });
    let two =
        |other: &str| access(json!({ "a/**": { "anonymousPolicy": ["read"] }, other: { "defaultPolicy": ["read"] } }));
    vec![
        Row(
            "action-unknown",
            access(json!({ "**": { "defaultPolicy": ["reed"] } })),
            access(json!({ "**": { "defaultPolicy": ["read"] } })),
            "",
            Fail,
            ".defaultPolicy[0]",
        ),
        Row(
            "admin-policy-ci",
            admins("ci"),
            admins("root"),
            "policy.ci = { group = 'ci' }",
            Warn,
            "http.accessControl.adminPolicy.groups[0]",
        ),
        Row(
            "anonymous-writes",
            access(json!({ "**": { "anonymousPolicy": ["read", "delete"] } })),
            access(json!({ "**": { "anonymousPolicy": ["read"] } })),
            "policy.anonymous = ['read', 'delete']",
            Warn,
            ".anonymousPolicy",
        ),
        Row(
            "default-creates",
            access(json!({ "**": { "defaultPolicy": ["create"] } })),
            access(json!({ "**": { "defaultPolicy": [] } })),
            "policy.authenticated = ['create']\npolicy.admin = { may = ['create'] }\npolicy.ci = { may = ['create'] }",
            Warn,
            ".defaultPolicy",
        ),
        Row(
            "opens",
            access(json!({ "**": { "anonymousPolicy": ["read", "delete"] } })),
            access(json!({ "**": { "anonymousPolicy": ["read"] } })),
            "",
            Fail,
            ".anonymousPolicy",
        ),
        Row(
            "closes",
            access(json!({ "**": { "anonymousPolicy": [] } })),
            access(
                json!({ "**": { "anonymousPolicy": ["read"], "defaultPolicy": ["read", "create", "update", "delete"] } }),
            ),
            "",
            Fail,
            ANY,
        ),
        Row(
            "condition",
            access(
                json!({ "**": { "policies": [{ "groups": ["ci"], "actions": ["read"], "conditions": [{ "expression": "true" }] }] } }),
            ),
            ci(json!(["read"])),
            "",
            Note,
            ".policies[0].conditions",
        ),
        Row(
            "grant-unnamed",
            ci(json!(["create"])),
            ci(json!(["read"])),
            "policy.ci = { group = 'builders' }",
            Warn,
            ".policies[0].groups[0]",
        ),
        Row(
            "group-case",
            ci(json!(["create"])),
            json!({}),
            "policy.ci = { group = 'CI' }",
            Warn,
            ".policies[0].groups[0]",
        ),
        Row(
            "pattern-bad",
            access(json!({ "[": { "anonymousPolicy": ["read"] } })),
            json!({ "http": null }),
            "",
            Fail,
            "http.accessControl.repositories[\"[\"]",
        ),
        Row(
            "pattern-tie",
            two("*/b*"),
            access(json!({ "*/b*": null })),
            "",
            Fail,
            "http.accessControl.repositories[\"*/b*\"]",
        ),
        Row(
            "docker-ping",
            access(json!({ "**": { "anonymousPolicy": ["read"], "defaultPolicy": ["read"] } })),
            access(json!({ "**": { "defaultPolicy": null } })),
            "",
            Warn,
            ".anonymousPolicy",
        ),
        Row("latest-exempt", ci(json!(["create"])), ci(json!(["create", "update"])), "", Note, ".policies[0].actions"),
        Row("tag-parameter", ci(json!(["create"])), ci(json!(["create", "update"])), "", Note, ".policies[0].actions"),
    ]
}

fn other_rows() -> Vec<Row> {
    use Severity::{Fail, Note, Warn};
    let auth = |auth: Value| json!({ "http": { "auth": auth } });
    let https = provider(json!({ "http": { "externalUrl": "https://r.test" } }));
    let issuer = |issuer: &str| provider(auth(json!({ "openid": { "providers": { "oidc": { "issuer": issuer } } } })));
    vec![
        Row(
            "metrics-users",
            metrics(json!({ "users": [""] })),
            metrics(json!({ "users": null, "anonymousPolicy": ["read"] })),
            "",
            Fail,
            "http.accessControl.metrics.users[0]",
        ),
        Row(
            "metrics-closed",
            metrics(json!({ "users": ["prom"] })),
            metrics(json!({ "anonymousPolicy": ["read"] })),
            "",
            Fail,
            "http.accessControl.metrics",
        ),
        Row(
            "key-unknown",
            json!({ "http": { "acessControl": { "groups": [] } } }),
            json!({ "http": { "acessControl": null } }),
            "",
            Fail,
            "http.acessControl",
        ),
        Row(
            "key-new",
            metrics(json!({ "anonymousPolicy": ["read"] })),
            metrics(json!({ "anonymousPolicy": null })),
            "",
            Note,
            "http.accessControl.metrics.anonymousPolicy",
        ),
        Row(
            "issuer-slash",
            issuer("https://i.test/application/o/zot"),
            issuer("https://i.test/application/o/zot/"),
            "",
            Fail,
            "http.auth.openid.providers.oidc.issuer",
        ),
        Row(
            "claim-mapping",
            https.clone(),
            auth(
                json!({ "openid": { "providers": { "oidc": { "claimMapping": { "username": "preferred_username" } } } } }),
            ),
            "",
            Note,
            "http.auth.openid.providers.oidc.claimMapping.username",
        ),
        Row(
            "secure-session",
            https.clone(),
            auth(json!({ "secureSession": true })),
            "",
            Warn,
            "http.auth.secureSession",
        ),
        Row(
            "session-keys",
            https.clone(),
            auth(json!({ "sessionKeysFile": "/keys.json" })),
            "",
            Note,
            "http.auth.sessionKeysFile",
        ),
        Row(
            "apikey-scopes",
            provider(auth(json!({ "apikey": true }))),
            auth(json!({ "apikey": null })),
            "",
            Note,
            "http.auth.apikey",
        ),
        Row(
            "apikey-unmade",
            auth(json!({ "apikey": true })),
            auth(json!({ "apikey": null })),
            "",
            Fail,
            "http.auth.apikey",
        ),
        Row(
            "sync-retries",
            sync(json!({ "retryDelay": null })),
            sync(json!({})),
            "",
            Warn,
            "extensions.sync.registries[0].urls",
        ),
        Row(
            "sync-digest",
            sync(json!({ "preserveDigest": null })),
            sync(json!({})),
            "",
            Note,
            "extensions.sync.registries[0].urls",
        ),
        Row(
            "mirror-destination",
            sync(json!({ "content": [{ "prefix": "**" }, { "prefix": "**", "destination": "/d" }] })),
            sync(json!({})),
            "",
            Note,
            "extensions.sync.registries[0].content[1].destination",
        ),
        Row("gc-untagged", json!({}), json!({ "storage": { "gc": false } }), "", Note, "storage"),
        Row("compat-docker", json!({}), json!({ "http": { "compat": ["docker2s2"] } }), "", Note, "http.compat"),
    ]
}

#[test]
fn each_finding_is_told_where_it_stands_and_no_more_once_it_is_cured() {
    let (mut seen, mut wrong) = (Vec::new(), Vec::new());
    for Row(id, config, cure, text, severity, place) in access_rows().into_iter().chain(other_rows()) {
        let place = if place.starts_with('.') { format!("{ANY}{place}") } else { place.to_owned() };
        let told = found(&config, text);
        let here = told.iter().find(|finding| finding.id == id && finding.place.to_string() == place);
        if here.map(|finding| finding.severity) != Some(severity) {
            wrong.push(format!("{id} is not told at {place}: {told:#?}"));
        }
        let mut cured = config;
        json_patch(&mut cured, &cure);
        if cure.as_object().is_some_and(|cure| !cure.is_empty())
            && found(&cured, text).iter().any(|finding| finding.id == id)
        {
            wrong.push(format!("{id} is told of {cured}"));
        }
        seen.push(id);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (id, _) in IDS {
        assert!(seen.contains(id), "nothing shows {id}");
    }
    assert!(seen.iter().all(|id| IDS.iter().any(|(known, _)| known == id)));
}

#[test]
fn a_narrow_pattern_opens_a_hole_and_says_why() {
    let config = access(json!({
        "**": { "anonymousPolicy": ["read"], "defaultPolicy": ["read", "create", "update", "delete"] },
        "team/**": { "anonymousPolicy": ["read", "create"] },
    }));
    let text = "policy.authenticated = ['read', 'create', 'update', 'delete']\npolicy.ci = { may = ['read', 'create', 'update', 'delete'] }";
    let told = found(&config, text);
    let effect = |id| told.iter().find(|finding| finding.id == id).map(|finding| finding.effect.as_str());
    assert_eq!(
        effect("opens"),
        Some("anybody may create in `team/**`, and is not meant to: `team/**` is longer than `**`, and decides alone")
    );
    assert_eq!(
        effect("closes"),
        Some(
            "whoever can log in may not read, create, update, delete in `team/**`, and is meant to: `team/**` is longer than `**`, and decides alone"
        )
    );
}

#[test]
fn a_key_that_zot_passes_over_is_no_failure() {
    let severity = |value: Value| {
        let told = found(&json!({ "http": { "acessControl": value } }), "");
        told.iter().find(|finding| finding.id == "key-unknown").map(|finding| finding.severity)
    };
    for (value, wanted) in [
        (json!({}), Severity::Warn),
        (Value::Null, Severity::Warn),
        (json!({ "a": {} }), Severity::Warn),
        (json!([]), Severity::Fail),
        (json!(""), Severity::Fail),
        (json!({ "a": 1 }), Severity::Fail),
    ] {
        assert_eq!(severity(value.clone()), Some(wanted), "{value}");
    }
}

#[test]
fn what_is_waived_is_no_failure() {
    let waiver = |part| format!("[[waiver]]\npart = '{part}'\nreason = 'r'\nuntil = 9999-12-31\n");
    let dark = metrics(json!({ "users": [""] }));
    let severity = |config: &Value, text: &str, id| {
        found(config, text).iter().find(|finding| finding.id == id).map(|finding| finding.severity)
    };
    assert_eq!(severity(&dark, &waiver("metrics.anonymous/access"), "metrics-users"), Some(Severity::Note));
    let mixed = access(json!({ "**": { "anonymousPolicy": ["read"], "defaultPolicy": ["read"] } }));
    let docker = "[personas]\nmust = ['docker']\n";
    assert_eq!(severity(&mixed, docker, "docker-ping"), Some(Severity::Fail));
    assert_eq!(
        severity(&mixed, &format!("{docker}{}", waiver("pull.personas/docker")), "docker-ping"),
        Some(Severity::Note)
    );
}

#[test]
fn people_are_those_of_the_intent_or_those_whose_rights_look_like_it() {
    let config = ZotConfig::from_value(access(json!({ "**": { "policies": [
        { "users": ["robot"], "actions": ["read", "create"] },
        { "groups": ["root"], "actions": ["read", "update", "delete"] },
    ] } })));
    let people = |text: &str| People::of(&config, &intent(text).policy, "zot-ci", None);
    let told = people("");
    assert_eq!((told.ci.as_str(), told.ci_group, told.admin_group.as_deref()), ("robot", None, Some("root")));
    let told = people("policy.ci = { group = 'builders' }\npolicy.admin = { group = 'admins' }");
    assert_eq!(
        (told.ci.as_str(), told.ci_group.as_deref(), told.admin_group.as_deref()),
        ("zot-ci", Some("builders"), Some("admins"))
    );
}

/// Some entry of `repositories`.
fn entry() -> impl Strategy<Value = Value> {
    let actions = || prop::sample::subsequence(vec!["read", "create", "update", "delete"], 0..=4);
    (actions(), actions(), actions(), actions()).prop_map(|(anonymous, default, ci, admin)| {
        json!({ "anonymousPolicy": anonymous, "defaultPolicy": default, "policies": [
            { "groups": ["ci"], "actions": ci }, { "groups": ["root"], "actions": admin }] })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn an_intent_made_of_a_configuration_has_no_difference_from_it(
        entries in prop::collection::btree_map(prop::sample::select(vec!["**", "a/**", "a/b/**", "x", "*/long"]), entry(), 0..5)
    ) {
        let config = access(json!(entries));
        let written = init::of(&ZotConfig::from_value(config.clone()), "zot-ci", None);
        let told = found(&config, &written);
        prop_assert!(!told.iter().any(|finding| ["opens", "closes"].contains(&finding.id)), "{written}\n{told:#?}");
    }

    #[test]
    fn whatever_is_configured_is_looked_at(text in "[a-z/*{}\\[\\]!?,-]{0,9}", action in "[a-z]{0,6}", key in "[a-zA-Z]{1,9}") {
        let config = json!({ "http": { "accessControl": { "repositories": { text: { key: [action] } } } }, "storage": [] });
        found(&config, "");
    }
}
