//! What `policy` says of the owner's role, of what is better, and of what is worse; and that nothing secret is shown.

use std::path::Path;

use serde_json::{Value, json};

use crate::house::{House, assert_told};

/// A house with the owner's role in it.
fn with_role() -> House {
    let house = House::new();
    let role = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/role");
    for file in ["templates/config.json.j2", "defaults/main.yml"] {
        let to = house.work().join("role").join(file);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(role.join(file), to).unwrap();
    }
    house
}

/// A house with the example of an intent and a configuration that contradicts it.
fn worse() -> House {
    let house = House::new();
    house.file("zot-verify.toml", include_str!("../../docs/examples/zot-verify.toml"));
    let provider = json!({ "issuer": "https://auth.test/application/o/zot", "clientid": "zot", "clientsecret": "hunter2", "scopes": [] });
    let config = json!({
        "storage": { "rootDirectory": "/srv/zot", "gcc": true },
        "http": { "auth": { "openid": { "providers": { "oidc": provider } } }, "accessControl": {
            "adminPolicy": { "groups": ["artifact-workloads"], "actions": ["delete"] },
            "repositories": {
                "**": { "anonymousPolicy": ["read"], "defaultPolicy": ["reed"], "policies": [
                    { "groups": ["artifact-workloads", "Admins"], "actions": ["read", "create"] },
                    { "groups": ["admins"], "actions": ["read", "create", "update", "delete"], "conditions": [{ "expression": "true" }] },
                ] },
                "team/**": { "anonymousPolicy": ["read", "create"] },
                "t*/x/*": { "defaultPolicy": ["read"] },
            },
        } },
    });
    house.file("config.json", &format!("{config:#}\n"));
    house.file("one-line.json", &config.to_string());
    house
}

#[test]
fn the_owners_role() {
    let told = with_role().run("policy --role role");
    assert_eq!((told.code, told.err.as_str()), (Some(1), ""), "{}", told.out);
    assert_told!(told.out);
}

#[test]
fn a_configuration_that_contradicts_the_intent() {
    let told = worse().run("policy --config config.json");
    assert_eq!((told.code, told.err.as_str()), (Some(1), ""), "{}", told.out);
    assert_told!(told.out);
}

#[test]
fn on_one_line_no_secret_is_shown() {
    let told = worse().run("policy --config one-line.json --json report.json");
    assert_eq!((told.code, told.err.as_str()), (Some(1), ""), "{}", told.out);
    assert!(told.out.contains("one-line.json:1:"), "{}", told.out);
}

#[test]
fn brief_and_json() {
    let house = with_role();
    let told = house.run("policy --role role --format brief --json report.json");
    assert_eq!(told.code, Some(1));
    assert_told!(format!("{}--\n{}", told.out, told.err));
    let report = std::fs::read_to_string(house.work().join("report.json")).unwrap();
    let mut report: Value = serde_json::from_str(&report).unwrap();
    report["findings"].as_array_mut().unwrap().truncate(2);
    report["classes"][0]["cells"].as_array_mut().unwrap().truncate(2);
    assert_told!(format!("{report:#}"));
}

#[test]
fn an_intent_is_made_of_a_role_and_then_nothing_contradicts_it_but_the_metrics() {
    let house = with_role();
    let made = house.run("policy --role role --init");
    assert_eq!((made.code, made.err.as_str()), (Some(0), ""));
    house.file("zot-verify.toml", &made.out);
    let told = house.run("policy --role role --format brief");
    assert_eq!(told.code, Some(1));
    assert_eq!(
        told.out.lines().filter(|line| line.ends_with("FAILED")).collect::<Vec<_>>(),
        ["metrics-users                    FAILED"]
    );
    assert_told!(made.out);
}

#[test]
fn what_is_better_is_good_and_strict_takes_no_warning() {
    let house = with_role();
    let template = house.work().join("role/templates/config.json.j2");
    let text = std::fs::read_to_string(&template).unwrap();
    std::fs::write(&template, text.replace(r#""users": [""]"#, r#""anonymousPolicy": ["read"]"#)).unwrap();
    let codes = ["", " --strict"].map(|strict| house.run(&format!("policy --role role{strict}")).code);
    assert_eq!(codes, [Some(0), Some(1)]);
}

#[test]
fn the_schema_of_intents_is_at_hand() {
    let told = House::new().run("policy --schema");
    assert_eq!((told.code, told.out.as_str()), (Some(0), include_str!("../../docs/reference/zot-verify.schema.json")));
}

#[test]
fn what_is_typed_wrong() {
    let house = House::new();
    house.file("config.json", "{}\n");
    let lines = [
        "policy",
        "policy --config missing.json",
        "policy --config config.json --intent missing.toml",
        "policy --config config.json --init --schema",
    ];
    assert_told!(house.refused(2, &lines));
}
