//! A Caddy in front of a lab, as the owner has one: a wildcard certificate, one matcher for each name, and 404 for
//! every other.

use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use zot_verify_fixtures::edge::{HOST, Identity};

use crate::target::keeper::Keeper;

/// What its certificate is for: the names of every service that stands behind it.
pub(super) const WILDCARD: &str = "*.zot-verify.test";

/// What it is called among the programs of its directory.
const NAME: &str = "caddy";

/// A Caddy process, in a directory of its own, which its reaper makes and removes.
#[derive(Debug)]
pub(super) struct Caddy {
    program: String,
    keeper: Keeper,
}

impl Caddy {
    /// Starts it on a port of 127.0.0.1, with `registry` behind it.
    pub(super) async fn start(
        mut keeper: Keeper,
        program: &Path,
        port: u16,
        identity: &Identity,
        registry: &str,
    ) -> io::Result<Self> {
        let directory = keeper.directory();
        let file = |name: &str| directory.join(name).display().to_string();
        let (config, chain, key) = (file("Caddyfile"), file("chain.pem"), file("key.pem"));
        std::fs::write(&chain, &identity.chain_pem)?;
        let mut private = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&key)?;
        io::Write::write_all(&mut private, identity.key_pem().as_bytes())?;
        std::fs::write(&config, caddyfile(port, &chain, &key, registry))?;
        let args = ["run", "--adapter", "caddyfile", "--config", &config].map(str::to_owned);
        keeper.start(NAME, program, args.to_vec()).await?;
        Ok(Self { program: program.display().to_string(), keeper })
    }

    /// What was started.
    pub(super) fn program(&self) -> &str {
        &self.program
    }

    /// Waits until it has ended by itself; answers how, in words that follow its name.
    pub(super) async fn ended(&self) -> String {
        self.keeper.ended(NAME).await
    }

    /// The last lines of its log, as people need them.
    pub(super) fn last_words(&self) -> String {
        self.keeper.last_words(NAME)
    }

    /// Ends it and waits until its directory is gone.
    pub(super) async fn stop(self) -> io::Result<()> {
        self.keeper.stop().await
    }
}

fn caddyfile(port: u16, chain: &str, key: &str, registry: &str) -> String {
    format!(
        "{{
	admin off
	auto_https off
}}
{WILDCARD}:{port} {{
	bind 127.0.0.1
	tls {chain} {key}
	@registry host {HOST}
	handle @registry {{
		reverse_proxy {registry}
	}}
	handle {{
		respond \"Unknown service\" 404
	}}
}}
"
    )
}
