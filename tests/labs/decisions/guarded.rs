//! A zot with users of htpasswd, over repositories that are there.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use zot_verify_fixtures::Port;
use zot_verify_model::ZotConfig;
use zot_verify_model::image::Image;
use zot_verify_model::layout::{Content, Seed};
use zot_verify_model::principal::Action;

/// What is asked about.
pub(super) const REPOSITORIES: [&str; 10] = ["a", "b", "c", "ab", "a/b", "b/a", "a-b/c", "a/b/c", "ab/a/b", "a/b/c/ab"];
/// The users' password, and what bcrypt makes of it at its lowest cost (a published test vector of crypt_blowfish).
const PASSWORD: &str = "U*U";
const HASH: &str = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
/// zot is ready within a tenth of a second; a busy machine gets more time.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// A running zot.
pub(super) struct Guarded {
    pub(super) config: ZotConfig,
    client: Client,
    url: String,
    child: Child,
    _directory: TempDir,
}

impl Guarded {
    pub(super) async fn start(zot: &Path, access: &Value) -> Result<Self, Failed> {
        let directory = tempfile::tempdir()?;
        let port = Port::bind().await?.number();
        let (root, users) = (directory.path().join("root"), directory.path().join("users"));
        std::fs::write(&users, ["x", "y", "z"].map(|name| format!("{name}:{HASH}\n")).concat())?;
        for repository in REPOSITORIES {
            let tags = vec![("v1".into(), Content::Image(Image::build("amd64", repository)?))];
            for file in (Seed { repository: repository.into(), tags, ..Seed::default() }).files() {
                let path = root.join(file.path);
                std::fs::create_dir_all(path.parent().ok_or("a seed without a directory")?)?;
                std::fs::write(path, file.bytes)?;
            }
        }
        let config = ZotConfig::from_value(json!({
            "distSpecVersion": "1.1.0",
            "storage": { "rootDirectory": root, "gc": false },
            "http": {
                "address": "127.0.0.1", "port": port.to_string(),
                "auth": { "htpasswd": { "path": users } },
                "accessControl": access,
            },
            "log": { "level": "error" },
        }));
        let file = directory.path().join("config.json");
        std::fs::write(&file, config.to_text())?;
        let child = Command::new(zot).arg("serve").arg(file).stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let client = Client::builder().no_proxy().build()?;
        let url = format!("http://127.0.0.1:{port}");
        let mut guarded = Self { config, client, url, child, _directory: directory };
        guarded.wait().await?;
        Ok(guarded)
    }

    async fn wait(&mut self) -> Result<(), Failed> {
        let deadline = Instant::now() + READY_WITHIN;
        while self.client.get(format!("{}/livez", self.url)).send().await.is_err() {
            if !matches!(self.child.try_wait(), Ok(None)) || Instant::now() > deadline {
                return Err("zot did not come up".into());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// Whether zot lets `name` do it. What is asked for changes nothing where it is allowed: it is missing, or of a type
    /// that zot does not take.
    pub(super) async fn allows(&self, name: &str, repository: &str, action: Action) -> Result<bool, Failed> {
        let (method, rest, granted) = match action {
            Action::Read => (Method::GET, "tags/list", StatusCode::OK),
            Action::Create => (Method::PUT, "manifests/new", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Action::Update => (Method::PUT, "manifests/v1", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Action::Delete => (Method::DELETE, "manifests/none", StatusCode::NOT_FOUND),
        };
        let mut request = self.client.request(method, format!("{}/v2/{repository}/{rest}", self.url));
        if !name.is_empty() {
            request = request.basic_auth(name, Some(PASSWORD));
        }
        match request.send().await?.status() {
            StatusCode::UNAUTHORIZED if name.is_empty() => Ok(false),
            StatusCode::FORBIDDEN if !name.is_empty() => Ok(false),
            status if status == granted => Ok(true),
            status => Err(format!("{name} {} {repository}: zot says {status}", action.word()).into()),
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
