//! What `preflight` says of a good set-up, and of each thing that can be wrong with one. The zot is a script here; what a
//! real one does stands in the labs.

mod rows;
mod setup;

use std::collections::BTreeMap;

use self::setup::Setup;
use crate::house::{House, assert_told};

/// The lines whose verdict is another than in the good set-up, and that verdict.
fn turned(good: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let other = now.iter().filter(|(id, verdict)| good.get(*id) != Some(*verdict));
    other.map(|(id, verdict)| (id.clone(), verdict.clone())).collect()
}

/// One thing is wrong, and one line says so; lines that lose their footing are skipped. Every line is seen to turn.
#[test]
fn what_is_wrong_turns_its_line_and_no_other() {
    let good = Setup::good().verdicts("");
    let (mut seen, mut wrong): (Vec<&str>, Vec<String>) = (Vec::new(), Vec::new());
    for row in rows::ALL {
        let mut setup = Setup::good();
        (row.breaks)(&mut setup);
        let found = turned(&good, &setup.verdicts(row.words));
        let mut wanted: Vec<_> = row.turns.iter().map(|(id, verdict)| ((*id).into(), (*verdict).into())).collect();
        wanted.sort();
        if found != wanted {
            wrong.push(format!("{}: {found:?}, not {wanted:?}", row.name));
        }
        seen.extend(row.turns.iter().filter(|(_, verdict)| *verdict != "skipped").map(|(id, _)| *id));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for line in zot_verify::preflight::LINES {
        assert!(seen.contains(&line.id), "nothing turns {}", line.id);
        let verdict = good.get(line.id).map(String::as_str);
        // It has a zot, and is seen to pass in the labs.
        assert!(verdict == Some("pass") || matches!(line.id, "trial.comes-up" | "releases.known-traps"), "{}", line.id);
    }
}

#[test]
fn a_good_set_up() {
    let told = Setup::good().run("");
    assert_eq!((told.code, told.err.as_str()), (Some(0), ""));
    assert_told!(setup::neutral(&told.out));
}

#[test]
fn ten_broken_set_ups() {
    let transcript = rows::TEN.iter().map(|name| {
        let row = rows::ALL.iter().find(|row| row.name == *name).unwrap();
        let mut setup = Setup::good();
        (row.breaks)(&mut setup);
        let told = setup.run(row.words);
        assert_eq!((told.code, told.err.as_str()), (Some(1), ""), "{name}: {}", told.out);
        format!("# {name}\n{}\n", setup::without_passes(&setup::neutral(&told.out)))
    });
    assert_told!(transcript.collect::<String>());
}

#[test]
fn brief_and_json() {
    let mut setup = Setup::good();
    setup.config["http"]["accessControl"]["repositories"]["**"]["defaultPolicy"] = serde_json::json!(["reed"]);
    let told = setup.run("--format brief --elsewhere --json report.json");
    assert_eq!(told.code, Some(1));
    assert_told!(setup::neutral(&format!("{}--\n{}", told.out, told.err)));
    let report = std::fs::read_to_string(setup.house.work().join("report.json")).unwrap();
    let mut report: serde_json::Value = serde_json::from_str(&report).unwrap();
    report["summary"]["duration_ms"] = 0.into();
    report["zot"] = "~".into();
    let ids = ["config.actions", "machine.port"];
    report["results"].as_array_mut().unwrap().retain(|result| ids.iter().any(|id| result["id"] == *id));
    assert_told!(format!("{report:#}"));
}

#[test]
fn from_elsewhere_no_answer_is_no_verdict() {
    let mut setup = Setup::good();
    setup.set_issuer("http://127.0.0.1:1/application/o/zot/");
    let told = setup.run("--elsewhere");
    assert_eq!(told.code, Some(3), "{}", told.out);
    assert!(told.out.contains("but zot's machine may reach it"), "{}", told.out);
    assert_eq!(setup.run("--elsewhere --skip issuer.*").code, Some(0));
    assert_eq!(setup.run("").code, Some(1), "here it would not come up");
}

#[test]
fn what_is_typed_wrong() {
    let house = House::new();
    house.file("config.json", "{}\n");
    house.program("zot", "exit 0");
    let lines = [
        "preflight --zot ./zot",
        "preflight --zot embedded --config config.json",
        "preflight --zot image --config config.json",
        "preflight --zot ./zot --next ./missing --config config.json",
        "preflight --zot ./zot --config config.json --skip machine.prot",
        "preflight --zot ./zot --config config.json --replaces https://me:hunter2@r.test",
        "preflight --zot ./zot --config missing.json",
    ];
    assert_told!(house.refused(2, &lines));
}

#[test]
fn no_secret_is_told_and_nothing_is_left() {
    let mut setup = Setup::good();
    setup.credentials(r#"{"clientid":"zot","clientsecret":"hunter2","hunter2":""}"#);
    setup.config["http"]["auth"]["openid"]["providers"]["github"] =
        serde_json::json!({ "clientid": "zot", "clientsecret": "hunter2", "scopes": [] });
    setup.house.program("zot", &format!("{}\ncat \"$2\"; echo 'Error: hunter2'; exit 1", setup::VERSION));
    // That no output holds the password is looked at wherever the command is run.
    assert_eq!(setup.run("").code, Some(1));
    assert!(setup.house.nothing_temporary());
}
