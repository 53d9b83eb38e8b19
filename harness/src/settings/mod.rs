//! What was typed, and what it means: flag over environment over intent file over default, each value with its origin.

mod accounts;
pub mod ansible;
pub mod args;
mod clean;
mod compare;
mod intent;
mod inventory;
mod policy;
mod preflight;
mod schema;
pub mod source;
mod waiver;
pub mod zot_config;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::ArgMatches;
use clap::parser::ValueSource;
use url::Url;
use zot_verify_model::{Digest, Secret, ZotConfig};

pub use self::accounts::{Accounts, Environment};
use self::args::{ConfigArgs, LiveArgs, LocalArgs, RunArgs};
pub use self::clean::{Cleaning, Which};
pub use self::compare::Compare;
use self::intent::mirror_image;
pub use self::intent::{FILE, Intent, IntentSource, near, nearest};
pub use self::policy::Policy;
pub use self::preflight::Preflight;
pub use self::schema::INTENT_SCHEMA;
use self::source::Source;
pub use self::waiver::{Day, Waiver};
use self::zot_config::Configured;
use crate::bounds;
use crate::check::Profile;
use crate::error::Trouble;
use crate::ledger::Place;
use crate::run::permissions::Permissions;
use crate::run::plan::Plan;
use crate::target::zot::{Zot, on_path};
use crate::target::{Residue, is_repository};
use crate::wire::Trust;

/// A run, validated.
#[derive(Debug)]
pub struct Settings {
    /// Ids and globs of the checks to run; empty for all.
    pub ids: Vec<String>,
    /// Ids and globs of the checks to leave out.
    pub skip: Vec<String>,
    /// What the owner intends, flags and environment applied.
    pub intent: Intent,
    /// What is checked.
    pub target: Target,
    /// zot's own configuration, where one was given.
    pub config: Option<ZotConfig>,
    /// Where that stands.
    pub source: Option<Arc<Source>>,
    /// Who the run may act as on a live registry; a lab has people of its own.
    pub accounts: Accounts,
    /// Every secret of the environment, used or not, to be kept out of every output.
    pub secrets: Vec<Secret>,
    /// Where live writes are noted.
    pub ledger: Option<Place>,
    /// How long the whole run may take.
    pub timeout: Duration,
    /// How results are told.
    pub format: args::Format,
    /// Where the report goes as JSON.
    pub json: Option<PathBuf>,
    /// Where the report goes as JUnit XML.
    pub junit: Option<PathBuf>,
    /// Every setting with its origin, for `plan`.
    pub origins: Vec<Origin>,
}

/// What is checked.
#[derive(Debug)]
pub enum Target {
    /// A throwaway lab.
    Local {
        /// What serves its registry.
        zot: Zot,
        /// The Caddy in front of it, if there is one.
        caddy: Option<PathBuf>,
    },
    /// An existing registry.
    Live {
        /// Where it is.
        url: Url,
        /// How long to wait for it.
        wait: Duration,
        /// Whom to believe over https.
        trust: Trust,
        /// Whether the canary may be written to.
        writes: bool,
    },
}

impl Target {
    /// How long to wait for a registry that is starting.
    #[must_use]
    pub fn wait(&self) -> Duration {
        match self {
            Self::Local { .. } => Duration::ZERO,
            Self::Live { wait, .. } => *wait,
        }
    }
}

/// A setting with its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Its name, as the long option.
    pub name: &'static str,
    /// Its value.
    pub value: String,
    /// `flag`, `environment`, `intent`, `default`, or where else it was found.
    pub from: &'static str,
}

/// Collects values with their origins.
struct Chooser<'a> {
    matches: &'a ArgMatches,
    origins: Vec<Origin>,
}

impl Chooser<'_> {
    /// The typed value, else the intent's, else the default; `None` of all is told as `none`.
    fn choose<T>(
        &mut self,
        name: &'static str,
        typed: Option<T>,
        intent: Option<T>,
        default: Option<T>,
        show: impl Fn(&T) -> String,
    ) -> Option<T> {
        let (value, from) = match (typed, intent) {
            (Some(typed), _) => (Some(typed), self.typed_from(name)),
            (None, Some(intent)) => (Some(intent), "intent"),
            (None, None) => (default, "default"),
        };
        let shown = value.as_ref().map_or_else(|| "none".to_owned(), show);
        self.tell(name, shown, from);
        value
    }

    /// A switch that was typed or set in the environment, else the intent's.
    fn switch(&mut self, name: &'static str, value: bool, intended: bool) -> bool {
        let typed = matches!(self.typed_from(name), "flag" | "environment").then_some(value);
        let intended = Some(intended).filter(|&on| on);
        self.choose(name, typed, intended, Some(false), bool::to_string).unwrap_or_default()
    }

    fn typed_from(&self, name: &str) -> &'static str {
        match self.matches.value_source(&name.replace('-', "_")) {
            Some(ValueSource::EnvVariable) => "environment",
            Some(ValueSource::CommandLine) | None => "flag",
            Some(_) => "default",
        }
    }

    fn tell(&mut self, name: &'static str, value: String, from: &'static str) {
        self.origins.push(Origin { name, value, from });
    }
}

impl Settings {
    /// What `local` means.
    ///
    /// # Errors
    /// Trouble with anything that was typed, or with a file that it names.
    pub fn local(args: &LocalArgs, matches: &ArgMatches) -> Result<Self, Trouble> {
        let mut chooser = Chooser { matches, origins: Vec::new() };
        if args.ids.iter().any(|word| is_url(word)) {
            return Err(Trouble::usage("`local` takes no URL", "it starts a registry of its own")
                .cure("check an existing one with `zot-verify live URL`"));
        }
        let intent = intent(&args.run, &mut chooser)?;
        let (zot, from) = zot(&args.zot)?;
        chooser.tell("zot", zot.name(), from);
        let caddy = chooser.switch("caddy", args.caddy, false).then(caddy).transpose()?;
        let config = config(&args.config, &mut chooser)?;
        let people = Environment { accounts: Accounts::default(), ..Environment::of_process()? };
        let target = Target::Local { zot, caddy };
        let settings = Self::with(&args.run, args.ids.clone(), intent, target, config, people, chooser);
        Ok(Self { junit: args.junit.clone(), ..settings })
    }

    /// What `live` means.
    ///
    /// # Errors
    /// As [`Settings::local`].
    pub fn live(args: &LiveArgs, matches: &ArgMatches) -> Result<Self, Trouble> {
        let mut chooser = Chooser { matches, origins: Vec::new() };
        let mut intent = intent(&args.run, &mut chooser)?;
        let (urls, ids): (Vec<_>, Vec<_>) = args.words.iter().cloned().partition(|word| is_url(word));
        if let [_, second, ..] = &urls[..] {
            let second = without_userinfo(second);
            return Err(Trouble::usage(format!("a second URL was given: {second}"), "a run checks one registry")
                .cure("run it once for each"));
        }
        let typed = urls.first().map(|text| url("the registry's URL", text)).transpose()?;
        let chosen = chooser.choose("words", typed, intent.url.take(), None, Url::to_string);
        let Some(url_) = chosen else {
            return Err(Trouble::usage(
                "no registry was named",
                "there is no URL on the command line and no `url` in the intent",
            )
            .cure("give one: zot-verify live https://registry.example.org"));
        };
        intent.url = Some(url_.clone());
        let issuer = args.issuer.as_deref().map(|text| url("--issuer", text)).transpose()?;
        intent.issuer = chooser.choose("issuer", issuer, intent.issuer.take(), None, Url::to_string);
        let default = Intent::default().canary;
        let intended = Some(intent.canary).filter(|canary| *canary != default);
        let canary = chooser.choose("canary", args.canary.clone(), intended, Some(default), Clone::clone);
        intent.canary = self::canary(canary.unwrap_or_default())?;
        let image = chooser.choose("image", args.image.clone(), None, None, Clone::clone);
        let named = chooser.choose("pull-image", args.pull_image.clone(), intent.pull_image.take(), None, Clone::clone);
        (intent.pull_image, intent.pushed) = match image {
            Some(image) => pushed(&image)?,
            None => (named, None),
        };
        let mirrored = args.mirror_image.as_deref().map(|name| mirror_image("--mirror-image", name)).transpose()?;
        let mirrored = chooser.choose("mirror-image", mirrored, intent.mirror_image.take(), None, ToString::to_string);
        intent.mirror_image = mirrored;
        intent.inventory = inventory::chosen(intent.inventory, args, &mut chooser)?;
        let writes = chooser.switch("allow-writes", args.allow_writes, false);
        let intended = Some(intent.residue).filter(|residue| *residue != Residue::default());
        let residue =
            chooser.choose("residue", args.residue, intended, Some(Residue::default()), |is| is.word().into());
        intent.residue = residue.unwrap_or_default();
        let typed = args.ledger.clone().map(Place::File);
        let ledger = chooser.choose("ledger", typed, None, Place::of_user(from_environment), Place::to_string);
        let wait = chooser.choose("wait", args.wait, None, Some(Duration::ZERO), time);
        let ca = chooser.choose("ca", args.ca.clone(), None, None, |path| path.display().to_string());
        let trust = trust(ca.as_deref())?;
        let people = Environment::of_process()?;
        people.accounts.only_over_https(&url_, intent.issuer.as_ref())?;
        if writes && people.accounts.ci.is_none() {
            return Err(Trouble::usage("--allow-writes is given, and no key to write with", "only CI may push")
                .cure("set ZOT_VERIFY_API_KEY (or ZOT_CI_API_KEY) to the key of ZOT_VERIFY_USER (else zot-ci)"));
        }
        chooser.origins.extend(people.accounts.origins());
        let target = Target::Live { url: url_, wait: wait.unwrap_or_default(), trust, writes };
        let config = config(&args.config, &mut chooser)?;
        let junit = args.junit.clone();
        let settings = Self { ledger, junit, ..Self::with(&args.run, ids, intent, target, config, people, chooser) };
        if settings.permissions().creates() && settings.ledger.is_none() {
            return Err(Trouble::usage("there is no place for the ledger", "neither XDG_STATE_HOME nor HOME is set")
                .cure("name a file with --ledger; what a run creates is noted there first"));
        }
        Ok(settings)
    }

    /// What may be done to the target.
    #[must_use]
    pub fn permissions(&self) -> Permissions {
        match &self.target {
            Target::Local { .. } => Permissions::LAB,
            Target::Live { writes, .. } => Permissions::live(*writes, self.intent.mirror_image.is_some()),
        }
    }

    /// What will be run.
    ///
    /// # Errors
    /// As [`Plan::make`].
    pub fn plan(&self) -> Result<Plan, Trouble> {
        Plan::make(&self.ids, &self.skip, self.permissions(), &self.intent)
    }

    fn with(
        run: &RunArgs,
        ids: Vec<String>,
        mut intent: Intent,
        target: Target,
        config: Option<Configured>,
        people: Environment,
        mut chooser: Chooser<'_>,
    ) -> Self {
        let intended = Some(intent.profile).filter(|profile| *profile != Profile::default());
        let profile = chooser.choose("profile", run.profile, intended, Some(Profile::default()), |is| is.word().into());
        intent.profile = profile.unwrap_or_default();
        intent.strict = chooser.switch("strict", run.strict, intent.strict);
        let timeout = chooser.choose("timeout", run.timeout, None, Some(bounds::RUN), time);
        let (config, source) = config.map(|written| (written.config, Arc::new(written.source))).unzip();
        Self {
            ids,
            skip: run.skip.clone(),
            intent,
            target,
            config,
            source,
            accounts: people.accounts,
            secrets: people.secrets,
            ledger: None,
            timeout: timeout.unwrap_or(bounds::RUN),
            format: run.format,
            json: run.json.clone(),
            junit: None,
            origins: chooser.origins,
        }
    }
}

/// What `--image` names: the image to pull, and the digest that it must have. A tag with a digest is both.
fn pushed(text: &str) -> Result<(Option<String>, Option<Digest>), Trouble> {
    let Some((name, digest)) = text.split_once('@') else { return Ok((Some(text.to_owned()), None)) };
    let digest = Digest::parse(digest).map_err(|error| {
        Trouble::usage(format!("--image names a digest that is none: {digest}"), error.to_string())
            .cure("give for instance team/app:v1.0.0@sha256:…, as a push prints it")
    })?;
    let tagged = name.rsplit('/').next().is_some_and(|last| last.contains(':'));
    Ok((Some(if tagged { name } else { text }.to_owned()), Some(digest)))
}

/// The repository that requests may aim at.
fn canary(name: String) -> Result<String, Trouble> {
    if is_repository(&name) {
        return Ok(name);
    }
    Err(Trouble::usage(
        format!("the canary `{name}` is no repository"),
        "requests that are to be refused aim at it; what is no name could lead them elsewhere",
    )
    .cure("give a name such as team/zot-verify-canary, with --canary or `canary` in zot-verify.toml"))
}

fn trust(ca: Option<&Path>) -> Result<Trust, Trouble> {
    let trust = ca.map(Trust::with_file).transpose().map_err(|error| {
        Trouble::usage("--ca names no certificates", error.to_string()).cure("give a file with PEM certificates")
    })?;
    Ok(trust.unwrap_or_default())
}

fn from_environment(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from)
}

fn intent(run: &RunArgs, chooser: &mut Chooser<'_>) -> Result<Intent, Trouble> {
    let directory = std::env::current_dir().unwrap_or_default();
    let intent = Intent::load(run.intent.as_deref(), &directory)?;
    let (value, from) = match (&intent.source, &run.intent) {
        (IntentSource::BuiltIn, _) => ("built-in".to_owned(), "default"),
        (IntentSource::File { path, .. }, Some(_)) => (path.display().to_string(), chooser.typed_from("intent")),
        (IntentSource::File { path, .. }, None) => (path.display().to_string(), "nearest upward"),
    };
    chooser.tell("intent", value, from);
    Ok(intent)
}

fn config(args: &ConfigArgs, chooser: &mut Chooser<'_>) -> Result<Option<Configured>, Trouble> {
    let name = if args.config.is_none() && args.role.is_some() { "role" } else { "config" };
    let path = args.config.as_ref().or(args.role.as_ref());
    chooser.choose(name, path, None, None, |path| path.display().to_string());
    zot_config::placed(args)
}

/// What a lab is made of, and where that was said.
///
/// # Errors
/// As [`Zot::choose`].
pub fn zot(word: &str) -> Result<(Zot, &'static str), Trouble> {
    let environment = std::env::var("ZOT_VERIFY_ZOT").ok().filter(|value| !value.is_empty());
    let zot = Zot::choose(word, environment.as_deref(), std::env::var_os("PATH").as_deref())?;
    let from = match (&environment, &zot) {
        (Some(_), _) if word == "auto" => "environment",
        (None, Zot::Image(_)) if word == "auto" => "container engine",
        (None, _) if word == "auto" => "PATH",
        _ => "flag",
    };
    Ok((zot, from))
}

fn caddy() -> Result<PathBuf, Trouble> {
    // It runs in a directory of its own.
    let found = on_path(Path::new("caddy")).map(|found| std::path::absolute(&found).unwrap_or(found));
    found.ok_or_else(|| {
        Trouble::unknown("no caddy was found", "--caddy puts one in front of the lab, and there is none on the PATH")
            .cure("install it: `apt-get install caddy` on Debian and Ubuntu")
    })
}

/// Whether a word is meant as a URL. No id has these signs; a URL that is mistaken for one would be called unknown, and
/// repeated with the password in it.
fn is_url(word: &str) -> bool {
    word.contains("://") || word.contains('@')
}

/// A text that may be a broken URL, without what may be a password.
pub(crate) fn without_userinfo(text: &str) -> String {
    text.rsplit_once('@').map_or_else(|| text.to_owned(), |(_, rest)| format!("…@{rest}"))
}

fn time(time: &Duration) -> String {
    humantime::format_duration(*time).to_string()
}

fn url(what: &str, text: &str) -> Result<Url, Trouble> {
    let shown = without_userinfo(text);
    let wrong = |why: String| {
        Trouble::usage(format!("{what} is no address of a server: {shown}"), why)
            .cure("give it as https://HOST[:PORT][/PATH]")
    };
    let scheme = || wrong("it does not begin with https:// or http://".into());
    let url = Url::parse(text).map_err(|error| match error {
        url::ParseError::RelativeUrlWithoutBase => scheme(),
        error => wrong(error.to_string()),
    })?;
    match url.scheme() {
        _ if !url.username().is_empty() || url.password().is_some() => Err(Trouble::usage(
            format!("{what} holds a user name or a password"),
            "URLs are shown in reports, in logs and in the list of processes",
        )
        .cure("take them out; secrets come from the environment")),
        "http" | "https" if url.query().is_some() || url.fragment().is_some() => {
            Err(wrong("it has a query or a fragment, which would be lost".into()))
        }
        "http" | "https" if url.host_str().is_some() => Ok(url),
        _ => Err(scheme()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_with_a_password_is_refused_without_repeating_it() {
        let trouble = url("the registry's URL", "https://me:hunter2@r.test/").unwrap_err().to_string();
        assert!(!trouble.contains("hunter2"), "{trouble}");
    }

    #[test]
    fn a_pushed_image_is_a_tag_a_digest_or_both() {
        let digest = Digest::of(b"").to_string();
        let read = |text: &str| {
            let (name, digest) = pushed(text).unwrap();
            (name.unwrap(), digest.map(|digest| digest.to_string()))
        };
        assert_eq!(read("r.test:5000/a/b:v1"), ("r.test:5000/a/b:v1".into(), None));
        assert_eq!(read(&format!("a/b:v1@{digest}")), ("a/b:v1".into(), Some(digest.clone())));
        let by_digest = format!("r.test:5000/a/b@{digest}");
        assert_eq!(read(&by_digest), (by_digest.clone(), Some(digest)));
        assert!(pushed("a/b@v1").is_err());
    }

    #[test]
    fn only_http_and_https_are_urls() {
        assert!(url("x", "ftp://r.test/").is_err());
        assert!(url("x", "https://").is_err());
        assert!(url("x", "https://r.test:5000/base").is_ok());
    }
}
