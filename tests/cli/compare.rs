//! What a comparison says, and what is typed wrong.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::house::{House, Told, assert_told};

/// A configuration, and the same with a key less and a policy more.
const CONFIG: &str = r#"{
  "storage": { "rootDirectory": "/srv/zot" },
  "http": {
    "address": "0.0.0.0",
    "port": "5050",
    "externalUrl": "https://registry.example.test",
    "auth": {
      "openid": { "providers": { "oidc": {
        "credentialsFile": "/etc/zot/oidc.json",
        "issuer": "https://issuer.example.test/",
        "scopes": ["openid", "email", "profile"],
        "claimMapping": { "username": "preferred_username" }
      } } },
      "apikey": true
    },
    "accessControl": {
      "metrics": { "anonymousPolicy": ["read"] },
      "repositories": { "**": { "anonymousPolicy": ["read"], "defaultPolicy": ["read"] } }
    }
  },
  "extensions": { "search": { "enable": true }, "metrics": { "enable": true, "prometheus": { "path": "/metrics" } } }
}
"#;

/// Checks with little to say.
const CHECKS: &str = "pull.anonymous metrics.anonymous";

fn house() -> House {
    let house = House::new();
    house.file("a.json", CONFIG);
    house.file("b.json", &CONFIG.replace(r#""anonymousPolicy": ["read"] }"#, r#""users": [""] }"#));
    house.file("c.json", &CONFIG.replace(r#""path": "/metrics""#, r#""path": "/elsewhere""#));
    // As zot v2.1.17 says it (recorded).
    house.zot(
        "old",
        "echo \"Error: decoding failed due to the following error(s):\n\n\
         'HTTP.accessControl.Metrics' has invalid keys: anonymouspolicy\"; exit 1",
    );
    house
}

fn told(told: &Told) -> String {
    // How long it took, and how many bytes the metrics had.
    let text = format!("exit code {:?}\n{}--\n{}", told.code, told.out, told.err);
    let mut settled = String::new();
    for line in text.lines() {
        let line = match line.split_once(" parts, ") {
            Some((count, _)) => format!("{count} parts, TIME"),
            None => line.to_owned(),
        };
        settled.push_str(&line);
        settled.push('\n');
    }
    settled
}

#[test]
fn nothing_changes() {
    let house = house();
    assert_told!(told(&house.run(&format!("compare {CHECKS} --from embedded --to embedded"))));
    assert!(house.nothing_temporary());
}

#[test]
fn what_changes_is_told_with_what_was_tried() {
    let line = |rest: &str| format!("compare {CHECKS} --from embedded --config a.json --to-config b.json {rest}");
    let house = house();
    let [text, brief] = ["", "--format brief"].map(|rest| told(&house.run(&line(rest))));
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d+ bytes", "LENGTH");
    settings.bind(|| {
        assert_told!(text);
        assert_told!(brief);
        assert_told!(told(&house.run(&format!("compare {CHECKS} --from embedded --config b.json --to-config a.json"))));
    });
}

#[test]
fn as_json() {
    let house = house();
    let run = house.run("compare metrics.anonymous --from embedded --config a.json --to-config b.json --format json");
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r#""duration_ms": \d+"#, r#""duration_ms": 0"#);
    settings.add_filter(r"\d+ (bytes|families)", "SOME $1");
    settings.add_filter(r"rose from \d+ to \d+", "rose");
    settings.bind(|| assert_told!(run.out));
}

#[test]
fn a_waiver_accepts_what_gets_worse() {
    let house = house();
    house.file(
        "zot-verify.toml",
        "[[waiver]]\npart = 'metrics.anonymous/access'\nreason = 'nobody looks'\nuntil = 9999-12-31\n",
    );
    let run = house.run("compare metrics.anonymous --from embedded --config a.json --to-config b.json");
    assert_eq!(run.code, Some(3), "what follows from it is not looked at: {}", run.out);
    assert!(run.out.contains("accepted metrics.anonymous"), "{}", run.out);
}

#[test]
fn a_side_that_does_not_come_up() {
    let house = house();
    let line = |rest: &str| told(&house.run(&format!("compare {CHECKS} --config a.json {rest}")));
    assert_told!(line("--from embedded --to ./old"));
    assert_told!(line("--from ./old --to embedded"));
    assert_told!(line("--from ./old --to embedded --format brief"));
    assert!(house.nothing_temporary());
}

#[test]
fn an_interrupted_comparison_leaves_nothing() {
    let house = House::new();
    let ready = house.work().join("ready");
    house.zot("zot", &format!("mkfifo {0}; echo > {0}; exec sleep 1000", ready.display()));
    let line = "compare --from ./zot --to embedded --config config.json --json report.json";
    house.file("config.json", CONFIG);
    let child = house.command(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while std::fs::read(&ready).is_err() {
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let told = house.told(&child.wait_with_output().unwrap());
    assert_eq!((told.code, told.out.as_str(), told.err.as_str()), (Some(130), "", "zot-verify: interrupted\n"));
    assert!(!house.work().join("report.json").exists() && house.nothing_temporary());
}

#[test]
fn what_is_typed_wrong() {
    let house = house();
    let lines = [
        "compare",
        "compare --from embedded",
        "compare --from ./missing --to embedded",
        "compare --from embedded --to ./missing",
        "compare --from embedded --to embedded https://r.test",
        "compare --from embedded --to-vars v.yml",
        "compare --from embedded --to-config a.json --to-role role",
        "compare --from embedded --to-config missing.json",
        "compare --from embedded --to embedded pul.anonymous",
        "compare --from embedded --to embedded --junit report.xml",
    ];
    assert_told!(house.refused(2, &lines));
}
