//! What `preflight` says of a start is what zot then does: each set-up is looked at first, and then really started.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use libtest_mimic::Failed;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use zot_verify::bounds;
use zot_verify::patience::Patience;
use zot_verify::target::builtin;
use zot_verify::target::zot::Zot;
use zot_verify_fixtures::edge::{Authority, Certificate, HOST};
use zot_verify_fixtures::issuer::{Issuer, IssuerSpec, Mode, Profile};
use zot_verify_fixtures::{Port, Server};
use zot_verify_model::{Secret, ZotConfig};

use super::support;

const PROVIDER: [&str; 5] = ["http", "auth", "openid", "providers", "oidc"];

/// A change of a good set-up, the lines that then fail, and whether zot comes up all the same.
struct Row {
    name: &'static str,
    breaks: fn(&mut Ground) -> Result<(), Failed>,
    fails: &'static [&'static str],
    comes_up: bool,
}

const ROWS: &[Row] = &[
    Row { name: "good", breaks: |_| Ok(()), fails: &[], comes_up: true },
    Row {
        name: "unknown key",
        breaks: |ground| ground.set(&["http", "adress"], json!("127.0.0.1")),
        fails: &["binary.takes-config"],
        comes_up: false,
    },
    Row {
        name: "no directory is named",
        breaks: |ground| ground.set(&["storage", "rootDirectory"], json!("")),
        fails: &["config.root-directory"],
        comes_up: false,
    },
    Row {
        name: "an address without brackets",
        breaks: |ground| ground.set(&["http", "address"], json!("::1")),
        fails: &["config.address"],
        comes_up: false,
    },
    Row {
        name: "an address of another machine",
        breaks: |ground| ground.set(&["http", "address"], json!("192.0.2.1")),
        fails: &["machine.port"],
        comes_up: false,
    },
    Row {
        name: "somebody else has the port",
        breaks: |ground| {
            ground.holder = Some(TcpListener::bind(("127.0.0.1", ground.port))?);
            Ok(())
        },
        fails: &["machine.port"],
        comes_up: false,
    },
    Row {
        name: "somebody else has the port, for IPv6 alone",
        breaks: |ground| {
            ground.set(&["http", "address"], json!("0.0.0.0"))?;
            ground.holder = Some(TcpListener::bind(("::1", ground.port))?);
            Ok(())
        },
        fails: &["machine.port"],
        comes_up: false,
    },
    Row {
        name: "no credentials",
        breaks: |ground| Ok(std::fs::remove_file(ground.path("oidc.json"))?),
        fails: &["machine.credentials"],
        comes_up: false,
    },
    Row {
        name: "half of the credentials",
        breaks: |ground| Ok(std::fs::write(ground.path("oidc.json"), r#"{"clientid":"zot"}"#)?),
        fails: &["machine.credentials"],
        comes_up: false,
    },
    Row {
        name: "a file with a password that is not there",
        breaks: |ground| ground.set(&["http", "auth", "htpasswd"], json!({ "path": "/nowhere/htpasswd" })),
        fails: &["machine.files"],
        comes_up: false,
    },
    Row {
        name: "a directory that is a file",
        breaks: |ground| {
            let file = json!(ground.path("oidc.json"));
            ground.set(&["storage", "rootDirectory"], file)
        },
        fails: &["machine.root-directory"],
        comes_up: false,
    },
    Row {
        name: "a directory behind a link that leads nowhere",
        breaks: |ground| {
            std::os::unix::fs::symlink("/nowhere/disk", ground.path("link"))?;
            let behind = json!(ground.path("link/zot"));
            ground.set(&["storage", "rootDirectory"], behind)
        },
        fails: &["machine.root-directory"],
        comes_up: false,
    },
    Row {
        name: "the key of another certificate",
        breaks: |ground| {
            let authority = Authority::new()?;
            ground.ends_tls(&authority, "other")?;
            std::fs::rename(ground.path("other.key"), ground.path("another.key"))?;
            ground.ends_tls(&authority, "own")?;
            let key = json!(ground.path("another.key"));
            ground.set(&["http", "tls", "key"], key)
        },
        fails: &["machine.files"],
        comes_up: false,
    },
    Row {
        name: "an issuer that is away",
        breaks: |ground| ground.issuer_is("http://127.0.0.1:1/application/o/zot/"),
        fails: &["issuer.answers"],
        comes_up: false,
    },
    Row {
        name: "an issuer without its slash",
        breaks: |ground| {
            let name = ground.issuer.trim_end_matches('/').to_owned();
            ground.issuer_is(&name)
        },
        fails: &["issuer.answers"],
        comes_up: false,
    },
    Row {
        name: "a misspelt action",
        breaks: |ground| {
            ground.set(&["http", "accessControl", "repositories", "**", "anonymousPolicy"], json!(["reed"]))
        },
        fails: &["config.actions"],
        comes_up: true,
    },
    Row {
        name: "an upstream that is none",
        breaks: |ground| ground.set(&["extensions", "sync", "registries", "0", "urls"], json!([])),
        fails: &["config.mirrors"],
        comes_up: true,
    },
];

/// Every set-up is judged as zot then does.
pub(crate) fn agrees_with_zot(zot: &Zot) -> Result<(), Failed> {
    support::runtime()?.block_on(async {
        for row in ROWS {
            let mut ground = Ground::new(zot).await?;
            (row.breaks)(&mut ground)?;
            let (code, fails) = ground.preflight(&[])?;
            if fails != row.fails || code != Some(i32::from(!fails.is_empty())) {
                return Err(format!("{}: {fails:?} with {code:?}", row.name).into());
            }
            let running = ground.start()?;
            let answers = running.answers(&ground).await?;
            if answers != row.comes_up {
                return Err(format!("{}: zot answers: {answers}", row.name).into());
            }
        }
        Ok(())
    })
}

/// A zot that runs is no obstacle to its own restart, and one to another on its directory.
pub(crate) fn knows_the_zot_that_runs(zot: &Zot) -> Result<(), Failed> {
    support::runtime()?.block_on(async {
        let mut ground = Ground::new(zot).await?;
        let running = ground.start()?;
        if !running.answers(&ground).await? {
            return Err("zot does not come up".into());
        }
        expect(&ground.preflight(&[])?, &[])?;
        let place = format!("http://127.0.0.1:{}", ground.port);
        let other = free_port()?;
        ground.set(&["http", "port"], json!(other.to_string()))?;
        expect(&ground.preflight(&[])?, &["machine.root-directory"])?;
        expect(&ground.preflight(&["--replaces", &place])?, &[])
    })
}

/// A zot that ends TLS itself is known by the name and the authority of its certificate, or by the certificate that the
/// configuration names; where it shows neither, nothing is said of it.
pub(crate) fn knows_the_zot_that_ends_tls(zot: &Zot) -> Result<(), Failed> {
    support::runtime()?.block_on(async {
        let mut ground = Ground::new(zot).await?;
        let authority = Authority::new()?;
        ground.ends_tls(&authority, "own")?;
        ground.set(&["http", "externalUrl"], json!(format!("https://{HOST}")))?;
        expect(&ground.preflight(&[])?, &[])?;
        let running = ground.start()?;
        if !running.listens(&ground).await? {
            return Err("zot does not come up".into());
        }
        expect(&ground.preflight(&[])?, &[])?;
        ground.ends_tls(&authority, "other")?;
        let told = ground.preflight(&[])?;
        if told != (Some(3), Vec::new()) {
            return Err(format!("{told:?} of a certificate that nobody knows").into());
        }
        std::fs::write(ground.path("root.pem"), authority.pem())?;
        let root = ground.path("root.pem").display().to_string();
        expect(&ground.preflight(&["--ca", &root])?, &[])
    })
}

fn expect(told: &(Option<i32>, Vec<String>), fails: &[&str]) -> Result<(), Failed> {
    let (code, found) = told;
    let right = found == fails && *code == Some(i32::from(!fails.is_empty()));
    if right { Ok(()) } else { Err(format!("{found:?} with {code:?}, not {fails:?}").into()) }
}

/// A machine on which a zot is about to be started.
struct Ground {
    directory: TempDir,
    zot: PathBuf,
    config: ZotConfig,
    port: u16,
    issuer: String,
    holder: Option<TcpListener>,
    _server: Server,
}

impl Ground {
    async fn new(zot: &Zot) -> Result<Self, Failed> {
        let Zot::Program(program) = zot else { return Err("needs a zot binary".into()) };
        let (directory, port) = (tempfile::tempdir()?, free_port()?);
        let bound = Port::bind().await?;
        let issuer = Issuer::issuer_url(&bound.url(), Profile::Authentik);
        let spec = IssuerSpec {
            client_id: "zot".into(),
            client_secret: Secret::new("client secret", "0123456789"),
            password: Secret::new("password", "unused"),
            redirect_uris: Vec::new(),
            profile: Profile::Authentik,
            mode: Mode::Normal,
        };
        let router = Issuer::router(&bound.url(), spec);
        let mut ground = Self {
            config: builtin::config(zot.metrics_key(support::program()).await?),
            zot: program.clone(),
            port,
            issuer: issuer.clone(),
            holder: None,
            _server: bound.serve(router),
            directory,
        };
        std::fs::create_dir(ground.path("data"))?;
        let credentials = json!(ground.path("oidc.json"));
        std::fs::write(ground.path("oidc.json"), r#"{"clientid":"zot","clientsecret":"0123456789"}"#)?;
        std::fs::set_permissions(ground.path("oidc.json"), std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        let data = json!(ground.path("data"));
        ground.set(&["storage", "rootDirectory"], data)?;
        ground.set(&["http", "port"], json!(port.to_string()))?;
        ground.set(&[&PROVIDER[..], &["credentialsFile"]].concat(), credentials)?;
        ground.set(&["extensions", "sync", "registries", "0", "urls"], json!(["http://127.0.0.1:1"]))?;
        ground.issuer_is(&issuer)?;
        Ok(ground)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn set(&mut self, key: &[&str], value: Value) -> Result<(), Failed> {
        self.config.set(key, value);
        Ok(std::fs::write(self.path("config.json"), self.config.to_text())?)
    }

    fn issuer_is(&mut self, name: &str) -> Result<(), Failed> {
        self.set(&[&PROVIDER[..], &["issuer"]].concat(), json!(name))
    }

    /// zot is to end TLS with a new certificate.
    fn ends_tls(&mut self, authority: &Authority, name: &str) -> Result<(), Failed> {
        let identity = authority.certify(HOST, Certificate::Good)?;
        let (cert, key) = (self.path(&format!("{name}.pem")), self.path(&format!("{name}.key")));
        std::fs::write(&cert, &identity.chain_pem)?;
        std::fs::write(&key, identity.key_pem())?;
        let tls = json!({ "cert": cert, "key": key });
        self.set(&["http", "tls"], tls)
    }

    /// The exit code, and the lines that fail.
    fn preflight(&self, words: &[&str]) -> Result<(Option<i32>, Vec<String>), Failed> {
        let temporary = tempfile::tempdir()?;
        let mut command = support::command(temporary.path());
        command.args(["preflight", "--format", "json", "--config"]).arg(self.path("config.json"));
        command.arg("--zot").arg(&self.zot).args(words);
        let output = tokio::task::block_in_place(|| command.output())?;
        let report: Value = serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("{error}: {}", String::from_utf8_lossy(&output.stderr)))?;
        let fails = support::verdicts(&report).into_iter().filter(|(_, verdict)| *verdict == "fail");
        let fails = fails.map(|(id, _)| id.to_owned()).collect();
        support::nothing_left(temporary.path())?;
        Ok((output.status.code(), fails))
    }

    fn start(&self) -> Result<Running, Failed> {
        let mut command = Command::new(&self.zot);
        command.arg("serve").arg(self.path("config.json")).current_dir(self.directory.path());
        Ok(Running(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?.into()))
    }
}

/// A zot; it ends with this.
struct Running(std::cell::RefCell<Child>);

impl Running {
    /// Whether it comes to listen, rather than ends.
    async fn listens(&self, ground: &Ground) -> Result<bool, Failed> {
        let patience = Patience::new(bounds::READY, bounds::POLL);
        while self.0.borrow_mut().try_wait()?.is_none() {
            if TcpStream::connect(("127.0.0.1", ground.port)).await.is_ok() {
                return Ok(true);
            }
            if !patience.another_look().await {
                break;
            }
        }
        Ok(false)
    }

    /// Whether it comes up, rather than ends.
    async fn answers(&self, ground: &Ground) -> Result<bool, Failed> {
        let patience = Patience::new(bounds::READY, bounds::POLL);
        loop {
            if self.0.borrow_mut().try_wait()?.is_some() {
                return Ok(false);
            }
            let asked = tokio::time::timeout(Duration::from_secs(1), is_zot(ground.port)).await;
            if asked.is_ok_and(|answer| answer.unwrap_or(false)) {
                return Ok(true);
            }
            if !patience.another_look().await {
                return Ok(false);
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.get_mut().kill();
        let _ = self.0.get_mut().wait();
    }
}

async fn is_zot(port: u16) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(b"GET /v2/ HTTP/1.1\r\nHost: zot\r\nConnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).contains("X-ZOT-API-CLIENT"))
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
