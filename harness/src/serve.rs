//! One server of a lab by itself: in a container of a lab, or for people who want to look at one.

use std::net::SocketAddr;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};
use zot_verify_fixtures::issuer::{Issuer, IssuerSpec, Mode, Profile};
use zot_verify_fixtures::registry::StandIn;
use zot_verify_fixtures::upstream::{Trouble as Fault, Upstream};
use zot_verify_fixtures::{Port, Server};
use zot_verify_model::{Secret, ZotConfig};

use crate::error::Trouble;
use crate::run::exit::Exit;

/// What a server prints when it answers, before its address.
pub const READY: &str = "ready";

/// What to serve.
#[derive(Debug, Clone)]
pub enum What<'a> {
    /// The stand-in for zot, under zot's own configuration.
    Registry(&'a Path),
    /// The issuer, as [`IssuerFile`] describes it, under its own name where that is not its address.
    Issuer(&'a Path, Option<&'a str>),
    /// The upstream, with nothing wrong unless [`TroubleFile`]s say so.
    Upstream(Option<&'a Path>),
}

/// The description of an issuer, in a file because it holds secrets.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerFile {
    /// The only client it knows.
    client_id: String,
    /// The secret of that client.
    client_secret: String,
    /// The password with which anybody may sign in, under any name.
    password: String,
    /// The redirect URIs of that client.
    redirect_uris: Vec<String>,
    /// Which program it imitates.
    #[serde(default)]
    profile: Profile,
    /// How it behaves.
    #[serde(default)]
    mode: Mode,
}

/// What is wrong with one repository of an upstream.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TroubleFile {
    /// The repository.
    pub repository: String,
    /// What is wrong with it.
    pub trouble: Fault,
}

impl IssuerFile {
    /// The file for an issuer.
    #[must_use]
    pub fn of(spec: &IssuerSpec) -> Self {
        Self {
            client_id: spec.client_id.clone(),
            client_secret: spec.client_secret.expose().to_owned(),
            password: spec.password.expose().to_owned(),
            redirect_uris: spec.redirect_uris.clone(),
            profile: spec.profile,
            mode: spec.mode,
        }
    }

    fn spec(self) -> IssuerSpec {
        IssuerSpec {
            client_id: self.client_id,
            client_secret: Secret::new("client secret", self.client_secret),
            password: Secret::new("password", self.password),
            redirect_uris: self.redirect_uris,
            profile: self.profile,
            mode: self.mode,
        }
    }
}

/// Serves until a signal comes.
///
/// # Errors
/// Usage trouble with a file, and trouble with exit code 3 for an address that cannot be had.
pub async fn run(what: What<'_>, listen: SocketAddr) -> Result<Exit, Trouble> {
    let failed = |error: std::io::Error| Trouble::unknown("signals cannot be received", error.to_string());
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let (server, name) = open(what, listen).await?;
    crate::error::written(std::io::Write::write_all(
        &mut std::io::stdout(),
        format!("{READY} {name} on {}\n", server.url()).as_bytes(),
    ))?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(Exit::Good)
}

async fn open(what: What<'_>, listen: SocketAddr) -> Result<(Server, String), Trouble> {
    let port = Port::at(listen).await.map_err(|error| {
        Trouble::unknown(format!("{listen} cannot be listened on"), error.to_string()).cure("give another --listen")
    })?;
    match what {
        What::Registry(config) => {
            let text = read(config)?;
            let config = ZotConfig::parse(&text).map_err(|error| unreadable(config, &error))?;
            let router = StandIn::router(&config, &[]).await.map_err(|error| {
                Trouble::unknown("the stand-in does not start, as zot would not", error.to_string())
                    .cure("mend its configuration; its issuer must answer first")
            })?;
            let name = "the stand-in for zot".to_owned();
            Ok((port.serve(router), name))
        }
        What::Issuer(spec, name) => {
            let spec = parse::<IssuerFile>(spec)?.spec();
            let base = name.map_or_else(|| port.url(), |name| name.trim_end_matches('/').to_owned());
            let name = format!("issuer {}", Issuer::issuer_url(&base, spec.profile));
            let router = Issuer::router(&base, spec);
            Ok((port.serve(router), name))
        }
        What::Upstream(troubles) => {
            let troubles: Vec<TroubleFile> = troubles.map(parse).transpose()?.unwrap_or_default();
            let router = Upstream::router(troubles.iter().map(|at| (at.repository.as_str(), at.trouble)));
            Ok((port.serve(router), "upstream".to_owned()))
        }
    }
}

fn parse<T: DeserializeOwned>(path: &Path) -> Result<T, Trouble> {
    serde_json::from_str(&read(path)?).map_err(|error| {
        let said = error.to_string();
        // What else serde says may repeat what stands there, and that may be a secret.
        let harmless = ["missing field", "unknown field"].iter().any(|begin| said.starts_with(begin));
        let place = format!("line {}, column {} is not as expected", error.line(), error.column());
        unreadable(path, if harmless { &said } else { &place })
    })
}

fn read(path: &Path) -> Result<String, Trouble> {
    std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> Trouble {
    Trouble::usage(format!("{} cannot be read", path.display()), error.to_string())
        .cure("`zot-verify serve --help` says what it should hold")
}
