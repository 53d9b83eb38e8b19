//! What the command tells without asking any registry.

use std::net::TcpListener;

use crate::house::{House, assert_told};

fn told(line: &str) -> String {
    let told = House::new().run(line);
    assert_eq!((told.code, told.err.as_str()), (Some(0), ""));
    told.out
}

#[test]
fn list() {
    assert_told!(told("list"));
}

#[test]
fn explain() {
    assert_told!(told("explain pull.personas"));
}

#[test]
fn plan_local() {
    assert_told!(told("plan local --zot embedded pull.* push.anonymous-denied version.*"));
}

#[test]
fn plan_live() {
    assert_told!(told("plan live http://r.test pull.* push.anonymous-denied apikey.create version.*"));
}

#[test]
fn a_plan_names_the_origin_of_every_setting() {
    let house = House::new();
    house.file("zot-verify.toml", "url = 'http://r.test'\ncanary = 'a/b'\npull_image = 'a/b:v1'\n");
    let told = house.run("ZOT_VERIFY_TIMEOUT=1m ZOT_VERIFY_FORMAT=brief plan live --wait 90s version.known-traps");
    let mut settings = insta::Settings::clone_current();
    // How far it is padded depends on where temporary directories are.
    settings.add_filter(r"(~\S+) +", "$1  ");
    settings.bind(|| assert_told!(told.out));
}

#[test]
fn a_plan_names_accounts_and_never_their_secrets() {
    let house = House::new();
    house.file("key", "hunter2\n");
    house.file(
        "zot-verify.toml",
        "url = 'https://r.test'\nmirror_image = 'docker.io/library/alpine:3.20'\nresidue = 'none'\nstrict = true\n",
    );
    let line = "ZOT_CI_API_KEY=hunter2 ZOT_VERIFY_ADMIN_API_KEY_FILE=key ZOT_VERIFY_ADMIN_USER=erin \
                ZOT_VERIFY_ALLOW_WRITES=yes plan live --image r.test/a/b:v1 --profile checklist --residue tag --ledger l apikey.create";
    let told = house.run(line);
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"(~\S+) +", "$1  ");
    settings.bind(|| assert_told!(told.out));
}

#[test]
fn a_plan_sends_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    told(&format!("plan live {url} --issuer {url} --wait 1s"));
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}
