//! What the intent makes of verdicts: waived, required, strict.

use serde_json::Value;

use crate::house::{House, Told, assert_told};
use crate::servers::{Manner, Server};

/// A zot configuration under which the metrics are closed, so that `metrics.anonymous/access` breaks.
const CLOSED_METRICS: &str = r#"{"http": {"accessControl": {"repositories": {"**": {"anonymousPolicy": ["read"]}},
    "metrics": {"users": ["prometheus"]}}},
    "extensions": {"metrics": {"enable": true, "prometheus": {"path": "/metrics"}}}}"#;

/// Runs the checks of metrics and of personas on closed metrics, under this intent.
fn run(intent: &str, more: &str) -> (House, Told) {
    let house = House::new();
    house.file("zot-verify.toml", intent);
    house.file("config.json", CLOSED_METRICS);
    let line = format!("local --zot embedded --config config.json metrics.anonymous --json report.json {more}");
    let told = house.run(&line);
    (house, told)
}

fn waiver(until: &str) -> String {
    format!("[[waiver]]\npart = 'metrics.anonymous/access'\nreason = 'the scraper gets a key'\nuntil = {until}\n")
}

fn report(house: &House) -> Value {
    serde_json::from_slice(&std::fs::read(house.work().join("report.json")).unwrap()).unwrap()
}

#[test]
fn a_waived_breach_is_told_and_fails_nothing() {
    let (house, told) = run(&waiver("9999-12-31"), "--format brief");
    assert_told!(format!("{}--\n{}", told.out, told.err));
    assert_eq!(told.code, Some(0));
    let report = report(&house);
    assert_eq!((&report["summary"]["waived"], &report["summary"]["exit_code"]), (&1.into(), &0.into()));
    assert_eq!(report["results"][0]["reason"], "until 9999-12-31: the scraper gets a key");
}

#[test]
fn a_waiver_whose_last_day_is_over_does_nothing_and_is_told() {
    let (house, told) = run(&waiver("2026-01-31"), "--format brief");
    assert_told!(format!("{}--\n{}", told.out, told.err));
    assert_eq!(told.code, Some(1));
    assert_eq!(report(&house)["summary"]["fail"], 1);
}

#[test]
fn a_waiver_of_what_holds_is_told() {
    let house = House::new();
    house.file("zot-verify.toml", &waiver("9999-12-31"));
    let told = house.run("local --zot embedded metrics.anonymous --format brief");
    assert_eq!(told.code, Some(0));
    assert_eq!(told.err, "the waiver of metrics.anonymous/access is unused: the part passes\n");
    let told = house.run("local --zot embedded pull.anonymous --format brief");
    assert_eq!((told.code, told.err.as_str()), (Some(0), ""), "what is not looked at says nothing of its waiver");
}

#[test]
fn what_is_required_may_not_be_skipped() {
    let (house, server) = (House::new(), Server::new(empty));
    let line = format!("live {} pull.* --format", server.url);
    assert_eq!(house.run(&format!("{line} brief")).code, Some(0), "the catalogue answers, and nobody asks for more");
    house.file("zot-verify.toml", "required = ['pull.*']\n");
    let [brief, text] = ["brief", "text"].map(|format| house.run(&format!("{line} {format}")));
    assert_eq!((brief.code, text.code), (Some(3), Some(3)));
    assert_told!(format!("{}--\n{}--\n{}", brief.out, brief.err, text.out));
    let told = house.run(&format!("live {} push.* --format brief", server.url));
    assert!(!told.err.contains("required"), "only what is selected can be missing: {}", told.err);
}

/// A registry that holds nothing.
fn empty(path: &str) -> Manner {
    match path {
        "/v2/" => Manner::Says(
            "HTTP/1.1 200 OK\r\nDocker-Distribution-Api-Version: registry/2.0\r\nContent-Length: 2\r\n\
             Connection: close\r\n\r\n{}",
        ),
        "/v2/_catalog" => Manner::Says(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 19\r\nConnection: close\r\n\r\n\
             {\"repositories\":[]}",
        ),
        _ => Manner::Says("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
    }
}

#[test]
fn strict_makes_warnings_fail() {
    let house = House::new();
    let line = "plan local --zot embedded pull.personas";
    let levels = |told: &Told| told.out.lines().filter(|line| line.contains(" hardening ")).count();
    assert_eq!(levels(&house.run(line)), 3);
    assert_eq!(levels(&house.run(&format!("{line} --strict"))), 0);
    assert_eq!(levels(&house.run(&format!("ZOT_VERIFY_STRICT=1 {line}"))), 0);
    house.file("zot-verify.toml", "strict = true\n");
    assert_eq!(levels(&house.run(line)), 0);
    assert_eq!(
        levels(&house.run(&format!("ZOT_VERIFY_STRICT=false {line}"))),
        3,
        "the environment goes over the intent"
    );
}
