//! Which zot a lab is made of, and what it can be asked without serving.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use zot_verify_model::ZotConfig;

use super::adapt::{Credentials, Places, adapt};
use super::builtin::{self, MetricsKey};
use super::keeper::Keeper;
use super::{containers, sweep};
use crate::bounds;
use crate::error::Trouble;

/// What serves a lab's registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Zot {
    /// The stand-in, inside this process.
    Embedded,
    /// A zot binary.
    Program(PathBuf),
    /// An image with zot as its entry point, by its reference.
    Image(String),
}

impl Zot {
    /// Reads `auto`, `embedded`, `image`, `image:REF` or a path. `auto` takes `environment` (the value of
    /// `ZOT_VERIFY_ZOT`), then `zot` on `path`, then the published image where an engine listens; it never falls back to
    /// the stand-in.
    ///
    /// # Errors
    /// Usage trouble for a path that is no program, and trouble with exit code 3 when `auto` finds nothing.
    pub fn choose(word: &str, environment: Option<&str>, path: Option<&OsStr>) -> Result<Self, Trouble> {
        match word {
            "embedded" => Ok(Self::Embedded),
            "auto" => match environment.filter(|value| !value.is_empty()) {
                Some("auto") | None => Self::found(path),
                Some(named) => Self::named(named, "ZOT_VERIFY_ZOT"),
            },
            named => Self::named(named, "--zot"),
        }
    }

    /// Reads what another flag than `--zot` names.
    ///
    /// # Errors
    /// As [`Self::choose`].
    pub fn of_flag(flag: &str, word: &str) -> Result<Self, Trouble> {
        Self::named(word, flag)
    }

    fn found(path: Option<&OsStr>) -> Result<Self, Trouble> {
        if let Some(program) = zot_on(path) {
            return Ok(Self::Program(program));
        }
        if containers::listens() {
            return Ok(Self::Image(containers::PUBLISHED.to_owned()));
        }
        let none = "there is none on the PATH, ZOT_VERIFY_ZOT is not set, and no container engine listens";
        Err(Trouble::unknown("no zot was found", none).cure(
            "give one with --zot PATH or ZOT_VERIFY_ZOT, or ask for the stand-in with --zot embedded, which shows how \
             the checks work and says nothing about zot",
        ))
    }

    fn named(word: &str, from: &str) -> Result<Self, Trouble> {
        match word.split_once(':') {
            _ if word == "embedded" => Ok(Self::Embedded),
            _ if word == "image" => Ok(Self::Image(containers::PUBLISHED.to_owned())),
            Some(("image", "")) => Err(Trouble::usage(format!("{from} names no image"), "nothing follows the colon")
                .cure("give image:REFERENCE, or `image` for the published release")),
            Some(("image", reference)) => Ok(Self::Image(reference.to_owned())),
            _ => Self::program(Path::new(word), from),
        }
    }

    fn program(path: &Path, from: &str) -> Result<Self, Trouble> {
        let found = if path.components().count() > 1 { Some(path.to_owned()) } else { on_path_or_here(path) };
        match found.filter(|found| is_program(found)) {
            Some(found) => Ok(Self::Program(std::path::absolute(&found).unwrap_or(found))),
            None => Err(Trouble::usage(
                format!("{from} names {}, which is no program", path.display()),
                "it does not exist, is a directory, or may not be executed",
            )
            .cure("give `auto`, `embedded`, `image`, `image:REFERENCE`, or the path of a zot binary")),
        }
    }

    /// How reports name it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Embedded => "embedded".into(),
            Self::Program(path) => path.display().to_string(),
            Self::Image(reference) => format!("image {reference}"),
        }
    }

    /// Looks whether it is there: an image may have to be pulled first.
    ///
    /// # Errors
    /// Trouble with exit code 3, with what gets it.
    pub async fn present(&self) -> Result<(), Trouble> {
        match self {
            Self::Embedded | Self::Program(_) => Ok(()),
            Self::Image(reference) => {
                containers::present(&containers::Engine::connect().await?, reference).await.map(drop)
            }
        }
    }

    /// Which key of the built-in configuration this zot takes, told by `zot verify`. What that needs is held by a reaper,
    /// which `program` becomes, zot-verify itself.
    ///
    /// # Errors
    /// Trouble with exit code 3 when the program cannot be run, or refuses both.
    pub async fn metrics_key(&self, program: &Path) -> Result<MetricsKey, Trouble> {
        if *self == Self::Embedded {
            return Ok(MetricsKey::AnonymousPolicy);
        }
        let mut refused = String::new();
        for key in [MetricsKey::AnonymousPolicy, MetricsKey::EmptyUser] {
            match self.verify(key, program).await? {
                None => return Ok(key),
                Some(why) => refused = why,
            }
        }
        let config = builtin::config(MetricsKey::EmptyUser);
        let why = match unknown_keys(&config, &refused) {
            Some(keys) => format!("it does not know these keys of it:\n{keys}"),
            None => refused,
        };
        Err(Trouble::unknown(format!("{} does not take the built-in lab configuration", self.name()), why)
            .cure("zot v2.1.11 is the oldest release with the keys that it needs; for an older one give --config"))
    }

    /// Why `zot verify` refuses the built-in configuration with this key; `None` when it takes it.
    async fn verify(&self, key: MetricsKey, program: &Path) -> Result<Option<String>, Trouble> {
        let failed = |error: io::Error| {
            Trouble::unknown(format!("`{} verify` could not be run", self.name()), error.to_string())
                .cure("check that it is a zot for this machine, and that TMPDIR can be written")
        };
        let name = uuid::Uuid::new_v4().simple().to_string();
        let directory = std::env::temp_dir().join(format!("{}verify-{name}", sweep::PREFIX));
        let mut keeper = Keeper::new(program, directory).await.map_err(failed)?;
        let directory = keeper.directory().to_owned();
        let seen = match self {
            Self::Image(_) => Path::new(containers::DIRECTORY),
            Self::Embedded | Self::Program(_) => directory.as_path(),
        };
        let mut config = builtin::config(key);
        adapt(
            &mut config,
            &Places {
                root: seen,
                credentials: Credentials::File(&seen.join("oidc.json")),
                address: "127.0.0.1",
                port: 1,
                external_url: "http://127.0.0.1:1",
                issuer: "http://127.0.0.1:1/",
                upstream: "http://127.0.0.1:1",
            },
        );
        let path = directory.join("config.json");
        std::fs::write(&path, config.to_text()).map_err(failed)?;
        let credentials = r#"{"clientid":"zot","clientsecret":"unused"}"#;
        std::fs::write(directory.join("oidc.json"), credentials).map_err(failed)?;
        let (taken, said) = match self {
            Self::Embedded => return Ok(None),
            Self::Program(program) => {
                let (status, said) = ask(program, &["verify".as_ref(), path.as_ref()]).await.map_err(failed)?;
                (status.success(), said.into_bytes())
            }
            Self::Image(reference) => {
                let engine = containers::Engine::connect().await?;
                keeper.contain(&name).await.map_err(failed)?;
                containers::verify(&engine, reference, ("verify", &name), &directory).await?
            }
        };
        keeper.stop().await.map_err(failed)?;
        let said = String::from_utf8_lossy(&said);
        let told = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no message");
        Ok((!taken).then(|| told.to_owned()))
    }
}

/// Runs a zot command that answers and ends, without an environment; what it said on both streams. What is no zot may
/// talk on for ever: past a bound nobody listens, and it ends.
///
/// # Errors
/// What keeps it from running, or that it did not end in time.
pub(crate) async fn ask(program: &Path, words: &[&OsStr]) -> io::Result<(ExitStatus, String)> {
    let mut command = Command::new(program);
    command.args(words).env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn()?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let run = async {
        let (out, err) = tokio::try_join!(heard(out), heard(err))?;
        Ok::<_, io::Error>((child.wait().await?, [out, err].concat()))
    };
    let (status, said) =
        tokio::time::timeout(bounds::ZOT_COMMAND, run).await.map_err(|_| io::ErrorKind::TimedOut)??;
    Ok((status, String::from_utf8_lossy(&said).into_owned()))
}

/// What comes from a stream, up to a bound; then it is closed.
async fn heard(stream: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut said = Vec::new();
    if let Some(stream) = stream {
        stream.take(bounds::ZOT_SAID).read_to_end(&mut said).await?;
    }
    Ok(said)
}

/// The releases that brought keys which a configuration of this kind needs.
const SINCE: &[(&str, &str)] = &[
    ("credentialsFile", "v2.1.6"),
    ("claimMapping", "v2.1.11"),
    ("secureSession", "v2.1.11"),
    ("sessionKeysFile", "v2.1.2"),
    ("metrics.anonymousPolicy", "v2.1.18"),
];

/// What zot says of keys in `config` that it does not know, for people: each with its full name and, where it is known,
/// the release that brought it. `None` where zot speaks of something else.
#[must_use]
pub fn unknown_keys(config: &ZotConfig, said: &str) -> Option<String> {
    let mut keys: Vec<String> = Vec::new();
    for key in unknown(config, said) {
        let key = key.join(".");
        let since = SINCE.iter().find(|(known, _)| key.ends_with(known));
        let key = since.map_or(key.clone(), |(_, release)| format!("{key} (known since zot {release})"));
        keys.push(key);
    }
    (!keys.is_empty()).then(|| keys.join("\n"))
}

/// The keys that zot says it does not know, as `config` spells them.
///
/// zot names them in lower case, after the place where they stand: `'HTTP.Auth.OpenID.Providers[oidc]' has invalid
/// keys: claimmapping` (observed on v2.1.8 and v2.1.17).
#[must_use]
pub fn unknown(config: &ZotConfig, said: &str) -> Vec<Vec<String>> {
    let mut keys = Vec::new();
    for line in said.lines() {
        let Some((place, names)) = line.split_once("' has invalid keys: ") else { continue };
        let place = place.rsplit('\'').next().unwrap_or_default().replace(['[', ']'], ".");
        for name in names.split(',').map(str::trim) {
            let path: Vec<&str> = place.split('.').filter(|part| !part.is_empty()).chain([name]).collect();
            let key = config.spelled(&path);
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    keys
}

fn zot_on(path: Option<&OsStr>) -> Option<PathBuf> {
    std::env::split_paths(path?).map(|directory| directory.join("zot")).find(|candidate| is_program(candidate))
}

/// The program of this name, where a shell finds one.
#[must_use]
pub fn on_path(name: &Path) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|at| at.join(name)).find(|found| is_program(found))
}

fn on_path_or_here(name: &Path) -> Option<PathBuf> {
    // As a shell does: a program in the working directory must not shadow one on the PATH.
    on_path(name).or_else(|| Some(PathBuf::from(".").join(name)).filter(|found| is_program(found)))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
