//! A registry behind a certificate that nobody should believe: the run says what is wrong with it, and asks nothing.

use std::io::Read as _;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use zot_verify_fixtures::edge::{Authority, Certificate};
use zot_verify_fixtures::{Port, Server};

use crate::clean::{CANARY, LONG_AGO, line};
use crate::house::{House, assert_told};

/// Something behind TLS that counts the bytes that come through, and answers none.
struct Behind {
    url: String,
    bytes: Arc<AtomicUsize>,
    _edge: Server,
    _runtime: tokio::runtime::Runtime,
}

/// Behind a certificate of which this is to be said; its authority is in the house's `ca.pem`.
fn behind(house: &House, says: Certificate) -> Behind {
    let inner = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = inner.local_addr().unwrap().to_string();
    let bytes = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&bytes);
    std::thread::spawn(move || {
        for mut stream in inner.incoming().map_while(Result::ok) {
            let mut read = Vec::new();
            // Broken off or not: what has come has come.
            let _ = stream.read_to_end(&mut read);
            count.fetch_add(read.len(), Ordering::SeqCst);
        }
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let authority = Authority::new().unwrap();
    house.file("ca.pem", &authority.pem());
    let identity = authority.certify("127.0.0.1", says).unwrap();
    let (url, edge) = runtime.block_on(async {
        let port = Port::bind().await.unwrap();
        (port.url().replace("http:", "https:"), port.end_tls(&identity, &to).unwrap())
    });
    Behind { url, bytes, _edge: edge, _runtime: runtime }
}

const BAD: [Certificate; 7] = [
    Certificate::Ended,
    Certificate::NotYet,
    Certificate::OtherHost,
    Certificate::OtherAuthority,
    Certificate::SelfSigned,
    Certificate::Alone,
    Certificate::OverEnded,
];

#[test]
fn a_bad_certificate_fails_and_nothing_is_asked() {
    let told = BAD.map(|says| {
        let house = House::new();
        let server = behind(&house, says);
        let words = "--ca ca.pem --pull-image a/b:v1 --allow-writes --ledger ledger.jsonl --json report.json";
        let key = "ZOT_VERIFY_API_KEY=hunter2";
        let run = house.run(&format!("{key} live {} {words}", server.url));
        assert_eq!((run.code, run.err.as_str()), (Some(1), ""), "{says:?}\n{}", run.out);
        assert!(run.out.contains("  asked nothing: its certificate is not believed\n"), "{says:?}\n{}", run.out);
        let report: Value = serde_json::from_slice(&std::fs::read(house.work().join("report.json")).unwrap()).unwrap();
        assert_eq!(report["summary"]["requests"], 0, "{says:?}");
        for result in report["results"].as_array().unwrap() {
            let verdict = result["verdict"].as_str().unwrap();
            let tls = result["id"] == "transport.tls";
            assert!(if tls { verdict == "fail" } else { matches!(verdict, "error" | "skipped") }, "{says:?} {result}");
        }
        assert_eq!(server.bytes.load(Ordering::SeqCst), 0, "{says:?}: something was sent");
        let mut lines = run.out.lines().skip_while(|line| !line.contains(" transport.tls "));
        let check = lines.next();
        let judged: Vec<&str> =
            check.into_iter().chain(lines.take_while(|line| line.starts_with("        "))).collect();
        format!("{says:?}\n{}\n", judged.join("\n"))
    });
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d{4}-\d\d-\d\d", "DATE");
    settings.bind(|| assert_told!(told.join("\n")));
}

#[test]
fn where_nobody_judges_the_certificate_nothing_can_be_told() {
    let house = House::new();
    let server = behind(&house, Certificate::SelfSigned);
    house.file("ledger", &line("0123abcd", &format!("{}/", server.url), "tag", CANARY, "v1", LONG_AGO));
    let admin = "ZOT_VERIFY_ADMIN_USER=erin ZOT_VERIFY_ADMIN_API_KEY=hunter2";
    let lines = [
        format!("live {} pull.anonymous --ca ca.pem", server.url),
        format!("{admin} clean --live {} --ledger ledger --ca ca.pem", server.url),
    ];
    assert_told!(house.refused(3, &lines.each_ref().map(String::as_str)));
    assert_eq!(server.bytes.load(Ordering::SeqCst), 0);
}
