//! `clean`, before it meets a registry, and where it meets none that helps.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use crate::house::{House, assert_told};
use crate::servers::{Manner, Server};

/// A line of a ledger.
pub(crate) fn line(run: &str, registry: &str, kind: &str, repository: &str, reference: &str, at: &str) -> String {
    format!(
        "{{\"at\":\"{at}\",\"run\":\"{run}\",\"number\":0,\"registry\":\"{registry}\",\"kind\":\"{kind}\",\
         \"repository\":\"{repository}\",\"reference\":\"{reference}\",\"state\":\"created\"}}\n"
    )
}

pub(crate) const CANARY: &str = "blumeops/zot-verify-canary";
pub(crate) const LONG_AGO: &str = "2026-01-01T00:00:00Z";

#[test]
fn what_is_typed_wrong() {
    let house = House::new();
    let tag = |run, registry| line(run, registry, "tag", CANARY, "v1", LONG_AGO);
    house.file("one", &tag("0123abcd", "http://r.test/"));
    house.file("intent", "url = 'http://r.test'\n");
    let admin = "ZOT_VERIFY_ADMIN_USER=erin ZOT_VERIFY_ADMIN_API_KEY=hunter2";
    let lines = [
        "clean",
        "clean 0123abcd --all",
        "clean --all",
        "clean --all --ledger missing",
        "HOME=/nowhere clean 0123abcd",
        "clean 0123abce --ledger one",
        "clean --live r.test --ledger one",
        "clean --all --ledger one --canary Canary",
        &format!("{admin} clean --live http://r.test --ledger one"),
        &format!("{admin} clean --all --ledger one --intent intent"),
    ];
    assert_told!(house.refused(2, &lines));
}

#[test]
fn a_run_that_writes_needs_a_place_for_its_ledger() {
    let lines = [
        "ZOT_CI_API_KEY=hunter2 plan live https://r.test --allow-writes",
        "plan live https://r.test --mirror-image docker.io/library/alpine:3.20",
    ];
    assert_told!(House::new().refused(2, &lines));
}

#[test]
fn nothing_is_left() {
    let house = House::new();
    let told = house.run("HOME=/nowhere clean --all");
    assert_eq!((told.code, told.out.as_str()), (Some(0), "nothing is left behind that a ledger lists\n"));
    house.file("ledger", &line("0123abcd", "https://r.test/", "tag", CANARY, "v1", LONG_AGO));
    let told = house.run("clean --live https://other.test --ledger ledger");
    assert_eq!((told.code, told.err.as_str()), (Some(0), ""));
}

#[test]
fn a_line_that_cannot_be_read_is_no_clean_house() {
    let house = House::new();
    house.file("ledger", "{\"at\":\"2026-01\n");
    let told = house.run("clean --all --ledger ledger");
    assert_told!(told.out);
    assert_eq!(told.code, Some(3));
}

#[test]
fn a_registry_that_does_not_answer() {
    let house = House::new();
    house.file("ledger", &line("0123abcd", "http://127.0.0.1:1/", "tag", CANARY, "v1", LONG_AGO));
    assert_told!(house.refused(3, &["clean --all --live http://127.0.0.1:1 --ledger ledger"]));
}

/// A registry in which everything is there that anybody asks for.
fn full(path: &str) -> Manner {
    match path {
        "/v2/" => Manner::Says(
            "HTTP/1.1 200 OK\r\nDocker-Distribution-Api-Version: registry/2.0\r\nContent-Length: 2\r\n\
             Connection: close\r\n\r\n{}",
        ),
        path if path.ends_with("/gone") => {
            Manner::Says("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        }
        path if path.ends_with("/odd") => {
            Manner::Says("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        }
        _ => Manner::Says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
    }
}

/// Without a key nothing is removed, and every kind of thing has its own word.
#[test]
fn what_remains_is_told_with_its_cure() {
    let (house, server) = (House::new(), Server::new(full));
    let digest = format!("sha256:{}", "0".repeat(64));
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let things = [
        ("tag", CANARY, "v1", LONG_AGO),
        ("tag", CANARY, "gone", LONG_AGO),
        ("tag", CANARY, "odd", LONG_AGO),
        ("tag", CANARY, "../../../v1", LONG_AGO),
        ("tag", "blumeops/zot-verify-canary/../app", "v1", LONG_AGO),
        ("tag", "blumeops/app", "v1", LONG_AGO),
        ("mirrored", "docker.io/library/alpine", "3.20", LONG_AGO),
        ("upload", CANARY, "5f1c9a", LONG_AGO),
        ("manifest", CANARY, &digest, LONG_AGO),
        ("blob", CANARY, &digest, LONG_AGO),
        ("key", "pat", "old", LONG_AGO),
        ("key", "pat", "new", now.as_str()),
        ("repository", CANARY, "", LONG_AGO),
    ];
    let lines = things.iter().enumerate().map(|(number, (kind, repository, reference, at))| {
        let line = line("0123abcd", &format!("{}/", server.url), kind, repository, reference, at);
        let line = line.replace("\"number\":0", &format!("\"number\":{number}"));
        if *kind == "mirrored" { line.replace("mirrored", "tag").replace("created", "kept") } else { line }
    });
    house.file("ledger", &lines.collect::<String>());
    let told = house.run(&format!("clean 0123abcd --live {} --ledger ledger", server.url));
    assert_told!(told.out);
    assert_eq!((told.code, told.err.as_str()), (Some(3), ""));
    let noted = std::fs::read_to_string(house.work().join("ledger")).unwrap();
    let last = noted.lines().rfind(|line| line.contains("\"old\"")).unwrap();
    assert!(last.contains("\"kept\"") && last.contains("was not looked at"), "{last}");
}

static STRANGER_ASKED: AtomicBool = AtomicBool::new(false);

/// That a ledger points at a registry is no reason to send it anything, least of all a key.
#[test]
fn only_the_registry_that_is_named_is_asked() {
    let stranger = Server::new(|path| {
        STRANGER_ASKED.store(true, Ordering::SeqCst);
        full(path)
    });
    let (house, server) = (House::new(), Server::new(full));
    let noted: String = [
        (format!("{}/", server.url), "v1"),
        (format!("{}/below/", server.url), "v2"),
        (format!("{}/", stranger.url), "v3"),
        (format!("{}/", server.url.replace("http://", "http://x@")), "v4"),
        ("ftp://r.test/".to_owned(), "v5"),
    ]
    .iter()
    .enumerate()
    .map(|(number, (registry, tag))| {
        let line = line("0123abcd", registry, "tag", CANARY, tag, LONG_AGO);
        line.replace("\"number\":0", &format!("\"number\":{number}"))
    })
    .collect();
    house.file("ledger", &noted);
    house.file("intent", &format!("url = '{}'\n", server.url));
    let admin = "ZOT_VERIFY_ADMIN_USER=erin ZOT_VERIFY_ADMIN_API_KEY=hunter2";
    let told = [
        format!("clean 0123abcd --live {}", server.url),
        "clean --all --intent intent".to_owned(),
        format!("clean --live {}/", server.url),
        "clean --all".to_owned(),
    ]
    .map(|line| {
        let told = house.run(&format!("{admin} {line} --ledger ledger"));
        assert_eq!((told.code, told.err.as_str()), (Some(5), ""));
        told.out
    });
    assert_told!(told.join("\n"));
    assert!(!STRANGER_ASKED.load(Ordering::SeqCst));
    assert_eq!(std::fs::read_to_string(house.work().join("ledger")).unwrap(), noted);
}

static ASKED: AtomicBool = AtomicBool::new(false);

/// A run counts on what it has made, and on what it found there.
#[test]
fn where_a_run_goes_on_nothing_is_removed() {
    let server = Server::new(|path| {
        ASKED.store(true, Ordering::SeqCst);
        if path.ends_with("/manifests/v1") { full("/gone") } else { full(path) }
    });
    let house = House::new();
    let url = format!("{}/", server.url);
    house.file("ledger", &line("0123abcd", &url, "tag", CANARY, "v1", LONG_AGO));
    let clean = format!(
        "ZOT_VERIFY_ADMIN_USER=erin ZOT_VERIFY_ADMIN_API_KEY=hunter2 clean --all --live {} --ledger ledger",
        server.url
    );
    let held = std::fs::File::open(house.work().join("ledger")).unwrap();
    held.lock_shared().unwrap();
    let told = house.run(&clean);
    assert_eq!((told.code, told.err.as_str()), (Some(5), ""));
    assert!(told.out.contains("the run 0123abcd goes on there"), "{}", told.out);
    assert!(!ASKED.load(Ordering::SeqCst));
    held.unlock().unwrap();
    let told = house.run(&clean);
    assert_eq!((told.code, told.err.as_str()), (Some(0), ""), "{}", told.out);
}
