//! What is typed, or written into a file, wrong.

use crate::house::{House, assert_told};

#[test]
fn options_and_commands() {
    let lines = ["local --nope", "lokal", "local --zot embedded --format xml", "local --vars v.yml"];
    assert_told!(House::new().refused(2, &lines));
}

#[test]
fn times() {
    let lines = ["local --timeout soon", "local --timeout 20", "live http://r.test --wait 100years"];
    assert_told!(House::new().refused(2, &lines));
}

#[test]
fn checks_and_saboteurs() {
    let lines = [
        "local --zot embedded pul.anonymous",
        "local --zot embedded pull.* login.redirct*",
        "local --zot embedded --skip metric.anonymous",
        "local --zot embedded [",
        "local --zot embedded ''",
        "explain pull.anon",
        "self-test --zot embedded --only docker-welcom",
    ];
    assert_told!(House::new().refused(2, &lines));
}

#[test]
fn urls() {
    let lines = [
        "live",
        "live ftp://r.test",
        "live https://",
        "live http://[::1",
        "live http://r.test/?a=b",
        "live http://r.test/#top",
        "live http://a.test http://b.test",
        "live http://r.test --issuer i.test",
        "local --zot embedded http://r.test",
    ];
    assert_told!(House::new().refused(2, &lines));
}

#[test]
fn urls_with_a_password_are_not_repeated() {
    let house = House::new();
    house.file("url.toml", "url = 'https://me:hunter2@r.test'\n");
    house.file("broken.toml", "url = 'https://me:hunter2@r.test\n");
    let lines = [
        "live https://me:hunter2@r.test",
        "live https://me:hunter2@[::1",
        "live me:hunter2@r.test",
        "live http://r.test https://me:hunter2@r.test",
        "live http://r.test --issuer https://me:hunter2@i.test",
        "local --zot embedded https://me:hunter2@r.test",
        "local --zot embedded --intent url.toml",
        "local --zot embedded --intent broken.toml",
    ];
    assert_told!(house.refused(2, &lines));
}

#[test]
fn intent_files() {
    let house = House::new();
    std::fs::create_dir(house.work().join("directory")).unwrap();
    for (name, text) in [
        ("no-toml", "url: https://r.test\n"),
        ("key", "ulr = 'https://r.test'\n"),
        ("nested-key", "[metrics]\nfamilys = ['a']\n"),
        ("type", "[metrics]\nfamilies = 'a'\n"),
        ("empty", "[metrics]\nfamilies = []\n"),
        ("persona", "[personas]\nmust = ['curl', 'dokcer']\n"),
        ("url", "url = 'r.test:5000'\n"),
        ("mirror-image", "mirror_image = 'docker.io/Alpine'\n"),
        ("residue", "residue = 'all'\n"),
        ("allow-writes", "allow_writes = true\n"),
        ("required", "required = ['pull.*', 'login.redirct']\n"),
    ] {
        house.file(name, text);
    }
    let names = ["missing", "directory", "no-toml", "key", "nested-key", "type", "empty", "persona", "url"];
    let names = names.into_iter().chain(["mirror-image", "residue", "allow-writes", "required"]);
    let lines: Vec<String> = names.map(|name| format!("local --zot embedded --intent {name}")).collect();
    assert_told!(house.refused(2, &lines.iter().map(String::as_str).collect::<Vec<_>>()));
}

#[test]
fn waivers() {
    let house = House::new();
    for (name, text) in [
        ("part", "part = 'pull.personas/dokcer'\nreason = 'r'\nuntil = 2027-01-31\n"),
        ("check", "part = 'pull.personas'\nreason = 'r'\nuntil = 2027-01-31\n"),
        ("no-day", "part = 'pull.personas/docker'\nreason = 'r'\n"),
        ("text", "part = 'pull.personas/docker'\nreason = 'r'\nuntil = '2027-01-31'\n"),
        ("time", "part = 'pull.personas/docker'\nreason = 'r'\nuntil = 2027-01-31T00:00:00Z\n"),
        ("no-reason", "part = 'pull.personas/docker'\nreason = ''\nuntil = 2027-01-31\n"),
        ("key", "part = 'pull.personas/docker'\nreason = 'r'\nuntil = 2027-01-31\nby = 'me'\n"),
    ] {
        house.file(name, &format!("[[waiver]]\n{text}"));
    }
    let one = "[[waiver]]\npart = 'pull.personas/docker'\nreason = 'r'\nuntil = 2027-01-31\n";
    house.file("twice", &format!("{one}{one}"));
    let names = ["part", "check", "no-day", "text", "time", "no-reason", "key", "twice"];
    let lines = names.map(|name| format!("local --zot embedded --intent {name}"));
    assert_told!(house.refused(2, &lines.each_ref().map(String::as_str)));
}

#[test]
fn the_nearest_intent_file_is_found_and_named() {
    let house = House::new();
    house.file("zot-verify.toml", "canray = 'a/b'\n");
    assert_told!(house.refused(2, &["local --zot embedded"]));
}

#[test]
fn zot_configurations() {
    let house = House::new();
    house.file("no-json", "http:\n  port: 5000\n");
    house.file("array", "[{}]\n");
    house.file("broken", "{\n  \"http\": {\n    \"clientsecret\": \"hunter2\" \"x\": 1\n  }\n}\n");
    let names = ["missing", "no-json", "array", "broken"];
    let lines = names.map(|name| format!("local --zot embedded --config {name}"));
    assert_told!(house.refused(2, &lines.each_ref().map(String::as_str)));
}

#[test]
fn zots() {
    let house = House::new();
    house.file("not-executable", "");
    std::fs::create_dir(house.work().join("directory")).unwrap();
    let lines = [
        "local --zot missing",
        "local --zot ./not-executable",
        "local --zot ./directory",
        "ZOT_VERIFY_ZOT=./missing local",
        "local --zot image:",
    ];
    assert_told!(house.refused(2, &lines));
}

#[test]
fn no_zot_is_never_the_stand_in() {
    let house = House::new();
    assert_told!(house.refused(3, &["PATH=/nowhere local", "ZOT_VERIFY_ZOT= self-test"]));
}

#[test]
fn no_engine() {
    let house = House::new();
    let lines = [
        "local --zot image",
        "ZOT_VERIFY_ZOT=image:zot:v1 self-test",
        "DOCKER_HOST=ssh://somewhere local --zot image",
        "DOCKER_HOST=/run/engine.sock local --zot image",
    ];
    assert_told!(house.refused(3, &lines));
}

#[test]
fn what_a_doctor_misses() {
    let house = House::new();
    let told = house.run("PATH=/nowhere doctor");
    assert_eq!(told.code, Some(3));
    assert!(told.out.contains("no container engine answers at unix:///nowhere/docker.sock"), "{}", told.out);
    assert!(told.out.contains("finds no zot here"), "{}", told.out);
    house.zot("zot", "");
    let told = house.run("ZOT_VERIFY_ZOT=./zot doctor");
    assert_eq!(told.code, Some(0));
    assert!(told.out.contains("/zot (ZOT_VERIFY_ZOT)"), "{}", told.out);
}

#[test]
fn what_is_served_must_be_described() {
    let house = House::new();
    house.file("issuer.json", r#"{"client_id":"zot"}"#);
    assert_told!(house.refused(2, &["serve issuer --spec missing.json", "serve issuer --spec issuer.json"]));
}

#[test]
fn certificates() {
    let house = House::new();
    house.file("no-certificate.pem", "hello\n");
    let lines = ["live https://r.test --ca missing.pem", "live https://r.test --ca no-certificate.pem"];
    assert_told!(house.refused(2, &lines));
}

#[test]
fn empty_secrets() {
    let lines = [
        "ZOT_VERIFY_API_KEY= local --zot embedded",
        "ZOT_CI_API_KEY= live http://127.0.0.1:1",
        "ZOT_VERIFY_ADMIN_API_KEY= self-test --zot embedded",
        "ZOT_CI_API_KEY= plan live https://r.test --allow-writes",
    ];
    assert_told!(House::new().refused(2, &lines));
}

#[test]
fn accounts() {
    let house = House::new();
    house.file("empty", "\n");
    house.file("key", "hunter2\n");
    let lines = [
        "live https://r.test --allow-writes",
        "ZOT_VERIFY_ALLOW_WRITES=1 ZOT_VERIFY_ADMIN_USER=erin plan live https://r.test",
        "ZOT_VERIFY_ADMIN_API_KEY=hunter2 live https://r.test",
        "ZOT_VERIFY_OIDC_PASSWORD=hunter2 ZOT_VERIFY_OIDC_USER= live https://r.test",
        "ZOT_VERIFY_API_KEY=hunter2 ZOT_VERIFY_USER=zot:ci live https://r.test",
        "ZOT_VERIFY_API_KEY_FILE=missing live https://r.test",
        "ZOT_VERIFY_API_KEY_FILE=empty live https://r.test",
        "ZOT_VERIFY_API_KEY_FILE=key ZOT_VERIFY_API_KEY=hunter2 live https://r.test",
    ];
    assert_told!(house.refused(2, &lines));
}

#[test]
fn secrets_never_go_over_http() {
    let lines = [
        "ZOT_CI_API_KEY=hunter2 live http://r.test",
        "ZOT_VERIFY_ADMIN_API_KEY=hunter2 ZOT_VERIFY_ADMIN_USER=erin plan live http://10.0.0.1:5000",
        "ZOT_VERIFY_OIDC_PASSWORD=hunter2 ZOT_VERIFY_OIDC_USER=pat live https://r.test --issuer http://i.test",
    ];
    assert_told!(House::new().refused(2, &lines));
}

#[test]
fn what_may_be_written() {
    let lines = [
        "live https://r.test --residue all",
        "ZOT_VERIFY_ALLOW_WRITES=maybe live https://r.test",
        "live https://r.test --mirror-image https://docker.io/alpine",
        "live https://r.test --image team/app@v1",
        "live https://r.test --profile everything",
    ];
    assert_told!(House::new().refused(2, &lines));
}

#[test]
fn reports_that_cannot_be_written() {
    let lines = [
        "local --zot embedded --json missing/report.json",
        "local --zot embedded --json report.json --junit missing/report.xml",
        "local --zot embedded --json report --junit report",
    ];
    assert_told!(House::new().refused(2, &lines));
}

#[test]
fn nothing_selected() {
    let lines = ["local --zot embedded --skip *", "local --zot embedded pull.* --skip pull.* --json report.json"];
    assert_told!(House::new().refused(4, &lines));
}
