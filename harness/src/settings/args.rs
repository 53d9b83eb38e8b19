//! What was typed. Nothing here reads a file or decides what a value means.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

use crate::bounds;
use crate::check::Profile;
use crate::target::Residue;

/// Proves, with evidence, that a zot registry does what its owner believes it does.
#[derive(Debug, Parser)]
#[command(
    name = "zot-verify",
    version,
    after_help = "Exit codes: 0 good · 1 a check failed · 2 usage or configuration · 3 could not tell · 4 nothing ran \
                  · 5 something of ours remains · 130 interrupted"
)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check a throwaway lab: a zot that is started for the run, with a mock OpenID issuer
    Local(LocalArgs),
    /// Check an existing registry; reads, and tries writes only in forms that store nothing, unless more is allowed
    Live(LiveArgs),
    /// Rehearse an upgrade: the same checks on two zots, or under two configurations, and what changes
    Compare(CompareArgs),
    /// Remove what live runs left behind, as their ledgers say; needs an administrator's key
    Clean(CleanArgs),
    /// Before a restart: will this zot take this configuration, and come up? Changes nothing
    Preflight(PreflightArgs),
    /// Who may do what under a configuration, what contradicts the intent, and what is known to go wrong; asks nobody
    Policy(PolicyArgs),
    /// Show that every part of every check notices its saboteurs
    SelfTest(SelfTestArgs),
    /// List the checks
    List,
    /// Explain a check: its claim, its parts, what it must notice
    Explain {
        /// A check's id
        id: String,
    },
    /// Show what a run would do, and where each setting comes from; sends nothing
    #[command(subcommand)]
    Plan(PlanCommand),
    /// Show what this machine has of what labs are made of, and how to get the rest
    Doctor,
    /// Serve one part of a lab by itself, until it is interrupted
    #[command(subcommand)]
    Serve(ServeCommand),
    /// Own a lab's directory and its zot; the program starts this itself
    #[command(name = "__reap", hide = true)]
    Reap {
        /// The directory to make, own and remove
        directory: PathBuf,
    },
}

/// What to plan.
#[derive(Debug, Subcommand)]
pub enum PlanCommand {
    /// A run on a throwaway lab
    Local(LocalArgs),
    /// A run on an existing registry
    Live(LiveArgs),
}

/// What to serve.
#[derive(Debug, Subcommand)]
pub enum ServeCommand {
    /// The stand-in for zot, empty
    Registry {
        /// Where to listen
        #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
        listen: SocketAddr,
        /// zot's configuration, JSON; its OpenID client stands in it as `clientid` and `clientsecret`
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// The OpenID issuer, in the shape of Authentik or Dex
    Issuer {
        /// Where to listen
        #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
        listen: SocketAddr,
        /// JSON: client_id, client_secret, password (anybody's), redirect_uris, and, if need be, profile (authentik, dex), mode
        #[arg(long, value_name = "FILE")]
        spec: PathBuf,
        /// The address by which others reach it, where that is another one
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
    /// The registry that others mirror: every image is there
    Upstream {
        /// Where to listen
        #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
        listen: SocketAddr,
        /// JSON: a list of repository and trouble
        #[arg(long, value_name = "FILE")]
        spec: Option<PathBuf>,
    },
}

/// How results are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// One check a line, reasons on standard error
    Brief,
    /// The whole report as JSON
    Json,
}

/// Options of every run.
#[derive(Debug, Clone, ClapArgs)]
pub struct RunArgs {
    /// Leave these checks out; ids or globs
    #[arg(long, value_name = "ID")]
    pub skip: Vec<String>,
    /// The owner's intent; else the nearest zot-verify.toml upward, else the built-in one
    #[arg(long, value_name = "FILE", env = "ZOT_VERIFY_INTENT")]
    pub intent: Option<PathBuf>,
    /// Which checks to run where none is named [default: full]
    #[arg(long, value_enum, env = "ZOT_VERIFY_PROFILE")]
    pub profile: Option<Profile>,
    /// A breach of what nobody promised fails too
    #[arg(long, env = "ZOT_VERIFY_STRICT", value_parser = switch)]
    pub strict: bool,
    /// How results are told
    #[arg(long, value_enum, default_value = "text", env = "ZOT_VERIFY_FORMAT")]
    pub format: Format,
    /// Also write the report as JSON
    #[arg(long, value_name = "FILE", env = "ZOT_VERIFY_JSON")]
    pub json: Option<PathBuf>,
    /// How long the whole run may take; what `--wait` grants comes on top [default: 20s]
    #[arg(long, value_name = "TIME", env = "ZOT_VERIFY_TIMEOUT", value_parser = time)]
    pub timeout: Option<Duration>,
}

/// Where zot's own configuration comes from.
#[derive(Debug, Clone, ClapArgs)]
pub struct ConfigArgs {
    /// zot's configuration, JSON
    #[arg(long, value_name = "FILE", env = "ZOT_VERIFY_CONFIG", conflicts_with = "role")]
    pub config: Option<PathBuf>,
    /// An Ansible role with templates/config.json.j2 and defaults/main.yml
    #[arg(long, value_name = "DIR", env = "ZOT_VERIFY_ROLE")]
    pub role: Option<PathBuf>,
    /// YAML with variables that override the role's defaults
    #[arg(long, value_name = "FILE", requires = "role", env = "ZOT_VERIFY_VARS")]
    pub vars: Option<PathBuf>,
}

/// `local`.
#[derive(Debug, Clone, ClapArgs)]
pub struct LocalArgs {
    /// The checks to run, ids or globs; none means all
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// What to start: `auto` (ZOT_VERIFY_ZOT, else zot on the PATH, else `image`), `embedded` (the stand-in), a zot binary,
    /// `image` (the published release, in a container) or `image:REF`
    #[arg(long, value_name = "ZOT", default_value = "auto")]
    pub zot: String,
    /// Reach it as people do, over https through a Caddy in front; takes `caddy` on the PATH
    #[arg(long, env = "ZOT_VERIFY_CADDY", value_parser = switch)]
    pub caddy: bool,
    /// zot's own configuration
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Options of every run
    #[command(flatten)]
    pub run: RunArgs,
    /// Also write the report as JUnit XML
    #[arg(long, value_name = "FILE", env = "ZOT_VERIFY_JUNIT")]
    pub junit: Option<PathBuf>,
}

/// `live`.
#[derive(Debug, Clone, ClapArgs)]
pub struct LiveArgs {
    /// The registry (http:// or https://), and the checks to run, ids or globs; none means all
    #[arg(value_name = "URL|ID")]
    pub words: Vec<String>,
    /// How long to wait for a registry that is starting
    #[arg(long, value_name = "TIME", env = "ZOT_VERIFY_WAIT", value_parser = time)]
    pub wait: Option<Duration>,
    /// The OpenID issuer, exactly as its discovery spells it
    #[arg(long, value_name = "URL", env = "ZOT_VERIFY_ISSUER")]
    pub issuer: Option<String>,
    /// PEM certificates to trust besides the system's
    #[arg(long, value_name = "FILE", env = "ZOT_VERIFY_CA")]
    pub ca: Option<PathBuf>,
    /// The repository that checks may aim at; names below it are its own too
    #[arg(long, value_name = "REPO", env = "ZOT_VERIFY_CANARY")]
    pub canary: Option<String>,
    /// The image that anybody can pull; else a tag of the canary
    #[arg(long, value_name = "REF", env = "ZOT_VERIFY_PULL_IMAGE")]
    pub pull_image: Option<String>,
    /// The image that was just pushed: it must be there for anybody, and under this digest; pulled instead of others
    #[arg(long, value_name = "REF[@DIGEST]", env = "ZOT_VERIFY_IMAGE")]
    pub image: Option<String>,
    /// The upstream image that the registry may fetch, as below /v2/: docker.io/library/alpine:3.20
    #[arg(long, value_name = "PATH", env = "ZOT_VERIFY_MIRROR_IMAGE")]
    pub mirror_image: Option<String>,
    /// A directory of manifests, whose pins must be there; several with the flag again, or with `:` between them
    #[arg(long, value_name = "DIR", env = "ZOT_VERIFY_MANIFESTS", value_delimiter = ':')]
    pub manifests: Vec<PathBuf>,
    /// Also write, and only to the canary and names below it; needs the CI key
    #[arg(long, env = "ZOT_VERIFY_ALLOW_WRITES", value_parser = switch)]
    pub allow_writes: bool,
    /// What writes may leave behind: one new tag a run, or no tag [default: tag]
    #[arg(long, value_enum, env = "ZOT_VERIFY_RESIDUE")]
    pub residue: Option<Residue>,
    /// Where to note what is written, before it is; else a file of the run's own in the state directory
    #[arg(long, value_name = "FILE", env = "ZOT_VERIFY_LEDGER")]
    pub ledger: Option<PathBuf>,
    /// zot's own configuration
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Options of every run
    #[command(flatten)]
    pub run: RunArgs,
    /// Also write the report as JUnit XML
    #[arg(long, value_name = "FILE", env = "ZOT_VERIFY_JUNIT")]
    pub junit: Option<PathBuf>,
}

/// `compare`.
#[derive(Debug, Clone, ClapArgs)]
pub struct CompareArgs {
    /// The checks to run, ids or globs; none means all
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// The zot to come from: `auto`, `embedded` (the stand-in), a zot binary, `image` or `image:REF`
    #[arg(long, value_name = "ZOT")]
    pub from: String,
    /// The zot to go to [default: the same, under the other configuration]
    #[arg(long, value_name = "ZOT", required_unless_present_any = ["to_config", "to_role", "to_vars"])]
    pub to: Option<String>,
    /// zot's own configuration, on both sides
    #[command(flatten)]
    pub config: ConfigArgs,
    /// zot's configuration on the side to go to, JSON [default: the same]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["to_role", "to_vars"])]
    pub to_config: Option<PathBuf>,
    /// The Ansible role of the side to go to [default: the same]
    #[arg(long, value_name = "DIR")]
    pub to_role: Option<PathBuf>,
    /// YAML with variables of the role on the side to go to
    #[arg(long, value_name = "FILE")]
    pub to_vars: Option<PathBuf>,
    /// Options of every run
    #[command(flatten)]
    pub run: RunArgs,
}

/// `clean`.
#[derive(Debug, Clone, ClapArgs)]
#[command(group(clap::ArgGroup::new("which").required(true).multiple(true)))]
pub struct CleanArgs {
    /// The run that left it, as its report names it
    #[arg(value_name = "RUN", group = "which")]
    pub run: Option<String>,
    /// What all runs left
    #[arg(long, group = "which", conflicts_with = "run")]
    pub all: bool,
    /// The registry; no other is asked, or sent a key. Alone: what was left there [default: the intent's url]
    #[arg(long, value_name = "URL", group = "which")]
    pub live: Option<String>,
    /// The ledger to read; else those in the state directory
    #[arg(long, value_name = "FILE", env = "ZOT_VERIFY_LEDGER")]
    pub ledger: Option<PathBuf>,
    /// The only repository that is touched, with those below it
    #[arg(long, value_name = "REPO", env = "ZOT_VERIFY_CANARY")]
    pub canary: Option<String>,
    /// PEM certificates to trust besides the system's
    #[arg(long, value_name = "FILE", env = "ZOT_VERIFY_CA")]
    pub ca: Option<PathBuf>,
    /// The owner's intent; else the nearest zot-verify.toml upward, else the built-in one
    #[arg(long, value_name = "FILE", env = "ZOT_VERIFY_INTENT")]
    pub intent: Option<PathBuf>,
    /// How long it may take [default: 20s]
    #[arg(long, value_name = "TIME", env = "ZOT_VERIFY_TIMEOUT", value_parser = time)]
    pub timeout: Option<Duration>,
}

/// `preflight`.
#[derive(Debug, Clone, ClapArgs)]
pub struct PreflightArgs {
    /// The zot that will be started: `auto` (ZOT_VERIFY_ZOT, else zot on the PATH), or a zot binary
    #[arg(long, value_name = "ZOT", default_value = "auto")]
    pub zot: String,
    /// The release after it, a zot binary: does it take the configuration, too?
    #[arg(long, value_name = "ZOT", env = "ZOT_VERIFY_NEXT")]
    pub next: Option<String>,
    /// The configuration that it will be started with
    #[command(flatten)]
    pub config: ConfigArgs,
    /// zot runs on another machine: leave files, directories and the port of this one alone
    #[arg(long, env = "ZOT_VERIFY_ELSEWHERE", value_parser = switch)]
    pub elsewhere: bool,
    /// The zot that runs and will be replaced, where it does not listen as the configuration says
    #[arg(long, value_name = "URL", env = "ZOT_VERIFY_REPLACES")]
    pub replaces: Option<String>,
    /// PEM certificates that zot's machine trusts besides this one's
    #[arg(long, value_name = "FILE", env = "ZOT_VERIFY_CA")]
    pub ca: Option<PathBuf>,
    /// Leave these lines out; ids or globs
    #[arg(long, value_name = "ID")]
    pub skip: Vec<String>,
    /// How the result is told
    #[arg(long, value_enum, default_value = "text", env = "ZOT_VERIFY_FORMAT")]
    pub format: Format,
    /// Also write the result as JSON
    #[arg(long, value_name = "FILE", env = "ZOT_VERIFY_JSON")]
    pub json: Option<PathBuf>,
    /// How long it may take [default: 20s]
    #[arg(long, value_name = "TIME", env = "ZOT_VERIFY_TIMEOUT", value_parser = time)]
    pub timeout: Option<Duration>,
}

/// `policy`.
#[derive(Debug, Clone, ClapArgs)]
pub struct PolicyArgs {
    /// The configuration that is looked at
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The owner's intent; else the nearest zot-verify.toml upward, else the built-in one
    #[arg(long, value_name = "FILE", env = "ZOT_VERIFY_INTENT")]
    pub intent: Option<PathBuf>,
    /// Warnings fail, too
    #[arg(long, env = "ZOT_VERIFY_STRICT", value_parser = switch)]
    pub strict: bool,
    /// How the result is told
    #[arg(long, value_enum, default_value = "text", env = "ZOT_VERIFY_FORMAT")]
    pub format: Format,
    /// Also write the result as JSON
    #[arg(long, value_name = "FILE", env = "ZOT_VERIFY_JSON")]
    pub json: Option<PathBuf>,
    /// Instead write an intent file that says what this configuration does
    #[arg(long)]
    pub init: bool,
    /// Instead write the JSON Schema of intent files
    #[arg(long, conflicts_with = "init")]
    pub schema: bool,
}

/// `self-test`.
#[derive(Debug, Clone, ClapArgs)]
pub struct SelfTestArgs {
    /// What to start: `auto` (ZOT_VERIFY_ZOT, else zot on the PATH, else `image`), `embedded` (the stand-in), a zot binary,
    /// `image` (the published release, in a container) or `image:REF`
    #[arg(long, value_name = "ZOT", default_value = "auto")]
    pub zot: String,
    /// Only these saboteurs and harmless variations, names or globs
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
    /// Instead break every answer of a clean run in every plain way, one at a time, and show who notices
    #[arg(long, conflicts_with = "only")]
    pub answers: bool,
}

/// A variable that switches something on. What is empty does not: a CI job hands on what is missing as an empty string.
fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "" | "0" | "false" | "no" | "off" => Ok(false),
        _ => Err("give true or false".into()),
    }
}

/// A time as people write it. Longer than a day is a slip of the hand.
fn time(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(time) if time <= bounds::LONGEST_TIME => Ok(time),
        Ok(_) => Err("longer than a day".into()),
        Err(_) => Err("give a number and a unit, for instance 20s or 2m".into()),
    }
}
