//! A set-up in which everything is good, to be broken.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::house::{House, Told};

/// How zot v2.1.20 names itself (recorded), with every extension that is configured.
pub(crate) const VERSION: &str = r#"[ "$1" = --version ] && echo '{"message":"version","commit":"v2.1.20-0-g3b5796d8","binary-type":"-metrics-mgmt-search-sync-ui"}' && exit 0"#;

/// The deployed shape, with the cure for v2.1.18.
const CONFIG: &str = include_str!("../../data/deployed.json");

pub(crate) struct Setup {
    pub(crate) house: House,
    pub(crate) config: Value,
    /// A database that somebody holds.
    held: Option<File>,
    /// A port that somebody holds.
    pub(crate) held_port: Option<TcpListener>,
}

impl Setup {
    pub(crate) fn good() -> Self {
        let house = House::new();
        house.program("zot", &format!("{VERSION}\n[ \"$1\" = verify ] && exit 0\nexit 1"));
        std::fs::create_dir(house.work().join("data")).unwrap();
        let mut config: Value = serde_json::from_str(CONFIG).unwrap();
        config["storage"]["rootDirectory"] = json!(house.work().join("data"));
        config["http"]["address"] = json!("127.0.0.1");
        config["http"]["port"] = json!(free_port());
        config["http"]["accessControl"]["metrics"] = json!({ "anonymousPolicy": ["read"] });
        let mut setup = Self { house, config, held: None, held_port: None };
        setup.provider()["credentialsFile"] = json!(setup.house.work().join("oidc.json"));
        setup.credentials(r#"{"clientid":"zot","clientsecret":"0123456789"}"#);
        setup.issuer(|url, path| discovery(url, path, |_| {}));
        setup
    }

    /// The OpenID provider.
    pub(crate) fn provider(&mut self) -> &mut Value {
        &mut self.config["http"]["auth"]["openid"]["providers"]["oidc"]
    }

    pub(crate) fn registry(&mut self) -> &mut Value {
        &mut self.config["extensions"]["sync"]["registries"][0]
    }

    pub(crate) fn set_issuer(&mut self, name: &str) {
        self.provider()["issuer"] = json!(name);
    }

    /// Another issuer.
    pub(crate) fn issuer(&mut self, answers: impl Fn(&str, &str) -> String + Send + 'static) {
        let url = serve(answers);
        self.set_issuer(&format!("{url}/application/o/zot/"));
    }

    pub(crate) fn credentials(&self, text: &str) {
        self.house.file("oidc.json", text);
        self.mode(0o600);
    }

    pub(crate) fn mode(&self, mode: u32) {
        std::fs::set_permissions(self.house.work().join("oidc.json"), PermissionsExt::from_mode(mode)).unwrap();
    }

    /// Holds a database as a zot that runs does.
    pub(crate) fn hold(&mut self) {
        let file = File::create(self.house.work().join("data/meta.db")).unwrap();
        file.lock().unwrap();
        self.held = Some(file);
    }

    /// Somebody answers where zot is to listen.
    pub(crate) fn neighbour(&mut self, answers: impl Fn(&str, &str) -> String + Send + 'static) {
        let url = serve(answers);
        self.config["http"]["port"] = json!(url.rsplit(':').next());
    }

    pub(crate) fn run(&self, words: &str) -> Told {
        self.house.file("config.json", &format!("{:#}", self.config));
        let trial = if words.contains("--with-trial") { "" } else { "--skip trial.comes-up" };
        let words = words.replace("--with-trial", "");
        self.house.run(&format!("preflight --zot ./zot --config config.json {trial} {words}"))
    }

    /// The verdict of every line.
    pub(crate) fn verdicts(&self, words: &str) -> BTreeMap<String, String> {
        let told = self.run(&format!("--format json {words}"));
        let report: Value = serde_json::from_str(&told.out).map_err(|_| told.err).unwrap();
        let results = report["results"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        results.map(|result| (text(&result["id"]), text(&result["verdict"]))).collect()
    }
}

/// An answer in HTTP.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len())
}

/// An issuer's discovery and its keys, the discovery edited.
pub(crate) fn discovery(url: &str, path: &str, edit: fn(&mut Value)) -> String {
    if path == "/jwks" {
        return answer("200 OK", "", r#"{"keys":[{"kty":"RSA","use":"sig"}]}"#);
    }
    let mut document = json!({
        "issuer": format!("{url}/application/o/zot/"),
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "userinfo_endpoint": format!("{url}/userinfo"),
        "jwks_uri": format!("{url}/jwks"),
    });
    edit(&mut document);
    answer("200 OK", "Content-Type: application/json\r\n", &document.to_string())
}

/// A server that answers every request by its path; it is told its own URL.
fn serve(answers: impl Fn(&str, &str) -> String + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let told = url.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = Vec::new();
            let mut chunk = [0; 4096];
            while !head.ends_with(b"\r\n\r\n") {
                match stream.read(&mut chunk) {
                    Ok(length @ 1..) => head.extend_from_slice(&chunk[..length]),
                    _ => break,
                }
            }
            let head = String::from_utf8_lossy(&head);
            let path = head.split(' ').nth(1).unwrap_or_default();
            // Whoever asked may have gone.
            let _ = stream.write_all(answers(&told, path).as_bytes());
        }
    });
    url
}

/// A port that was free a moment ago.
fn free_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

/// What was told, without ports and times.
pub(crate) fn neutral(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let line = match line.split_once(", port ") {
            Some((before, _)) => format!("{before}, port PORT"),
            None => line.to_owned(),
        };
        lines.push(match line.rsplit_once(" lines, ") {
            Some((before, _)) => format!("{before} lines, TIME"),
            None => line,
        });
    }
    lines.join("\n") + "\n"
}

/// The same without the lines that pass, and those of no interest to anybody here.
pub(crate) fn without_passes(text: &str) -> String {
    let mut shown = String::new();
    let mut keeps = true;
    for line in text.lines() {
        let word = line.get(..7).unwrap_or_default().trim();
        match word {
            "pass" | "skipped" => keeps = false,
            "fail" | "warn" | "error" => keeps = !line.contains("releases.known-traps"),
            _ if !line.starts_with(' ') => keeps = true,
            _ => {}
        }
        if keeps {
            shown.push_str(line);
            shown.push('\n');
        }
    }
    shown
}
