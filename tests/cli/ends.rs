//! Runs that end before they are over.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::house::{House, Told, assert_told};
use crate::servers::{Manner, Server, falls_silent};

/// Checks of every kind; what is added to the catalogue changes nothing here.
const CHECKS: &str =
    "pull.anonymous pull.personas push.anonymous-denied login.redirect metrics.anonymous version.known-traps";

/// Runs `line`, and sends `signal` as soon as a request waits for its answer.
fn signalled(house: &House, server: &Server, line: &str, signal: Signal) -> Told {
    let child = house.command(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    server.wait_until_somebody_waits();
    kill_process(Pid::from_child(&child), signal).unwrap();
    house.told(&child.wait_with_output().unwrap())
}

fn report(house: &House) -> Value {
    serde_json::from_slice(&std::fs::read(house.work().join("report.json")).unwrap()).unwrap()
}

#[test]
fn an_interrupted_run_leaves_a_partial_report() {
    let [told, _] = [Signal::INT, Signal::TERM].map(|signal| {
        let (house, server) = (House::new(), Server::new(falls_silent));
        let line = format!("live {} {CHECKS} --pull-image a/b:v1 --json report.json", server.url);
        let told = signalled(&house, &server, &line, signal);
        assert_eq!((told.code, told.err.as_str()), (Some(130), ""));
        let summary = &report(&house)["summary"];
        assert_eq!((&summary["exit_code"], &summary["not_run"]), (&130.into(), &5.into()));
        told.out
    });
    assert_told!(told);
}

#[test]
fn a_run_that_is_interrupted_while_nothing_is_recognised_leaves_no_report() {
    let (house, server) = (House::new(), Server::new(|_| Manner::KeepsSilent));
    let told = signalled(&house, &server, &format!("live {} --json report.json", server.url), Signal::INT);
    assert_eq!((told.code, told.out.as_str(), told.err.as_str()), (Some(130), "", "zot-verify: interrupted\n"));
    assert!(!house.work().join("report.json").exists());
}

#[test]
fn what_has_no_verdict_in_time_is_an_error() {
    let (house, server) = (House::new(), Server::new(falls_silent));
    let line =
        format!("live {} {CHECKS} --pull-image a/b:v1 --timeout 1s --format brief --json report.json", server.url);
    let told = house.run(&line);
    assert_eq!(told.code, Some(3));
    assert_told!(format!("{}--\n{}", told.out, told.err));
    assert_eq!(report(&house)["summary"]["error"], 5);
}

#[test]
fn a_reader_that_goes_away_changes_nothing() {
    let house = House::new();
    for format in ["text", "brief", "json"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let line = format!("local --zot embedded --format {format} --json report.json");
        let child = house.command(&line).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        let told = house.told(&child.wait_with_output().unwrap());
        assert_eq!(told.code, Some(0), "{}", told.err);
        assert!(!told.err.contains("zot-verify:"), "{}", told.err);
        assert_eq!(report(&house)["summary"]["exit_code"], 0);
        std::fs::remove_file(house.work().join("report.json")).unwrap();
    }
}

#[test]
fn nobody_reads_the_message_either() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut child = House::new().command("live").stdout(Stdio::null()).stderr(writer).spawn().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(2));
}

#[test]
fn an_old_report_is_never_taken_for_a_new_one() {
    let house = House::new();
    house.file("report.json", "{}");
    assert_eq!(house.run("live http://127.0.0.1:1 --json report.json").code, Some(3));
    assert!(!house.work().join("report.json").exists());
}

#[test]
fn a_full_disk_is_no_pass() {
    let told = House::new().run("local --zot embedded --format brief --json /dev/full");
    assert_eq!(told.code, Some(3));
    assert!(told.err.contains("zot-verify: the report could not be written"), "{}", told.err);
}
