//! What `preflight` means.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;
use zot_verify_model::{Secret, ZotConfig};

use super::args::{Format, PreflightArgs};
use super::{Environment, trust, url, zot, zot_config};
use crate::bounds;
use crate::error::Trouble;
use crate::preflight;
use crate::target::zot::Zot;
use crate::wire::Trust;

/// A restart that is about to happen, validated.
#[derive(Debug)]
pub struct Preflight {
    /// The zot that will be started.
    pub zot: PathBuf,
    /// The release after it.
    pub next: Option<PathBuf>,
    /// The configuration that it will be started with.
    pub config: ZotConfig,
    /// What to call the configuration.
    pub source: String,
    /// The file that zot will read, where one was given.
    pub file: Option<PathBuf>,
    /// Whether zot runs on another machine, so that paths and ports of this one say nothing.
    pub elsewhere: bool,
    /// The running zot, where it does not listen as the configuration says.
    pub replaces: Option<Url>,
    /// Whom to believe over https.
    pub trust: Trust,
    /// Lines that are left out.
    pub skip: Vec<&'static str>,
    /// How long the whole run may take.
    pub timeout: Duration,
    /// How the result is told.
    pub format: Format,
    /// Where it also goes as JSON.
    pub json: Option<PathBuf>,
    /// Every secret of the environment, to be kept out of every output.
    pub secrets: Vec<Secret>,
}

impl Preflight {
    /// What was typed, and what the environment adds.
    ///
    /// # Errors
    /// Trouble with anything that was typed, or with a file that it names.
    pub fn new(args: &PreflightArgs) -> Result<Self, Trouble> {
        let Some(config) = zot_config::given(&args.config)? else {
            return Err(Trouble::usage("no configuration was named", "it is what preflight is about").cure(
                "give zot's configuration with --config FILE, or the Ansible role that makes it with --role DIR",
            ));
        };
        let file = args.config.config.clone();
        let replaces = args.replaces.as_deref().map(|text| url("--replaces", text)).transpose()?;
        Ok(Self {
            zot: program(zot(&args.zot)?.0)?,
            next: args.next.as_deref().map(|next| program(Zot::of_flag("--next", next)?)).transpose()?,
            config,
            source: zot_config::name(&args.config).unwrap_or_default(),
            file,
            elsewhere: args.elsewhere,
            replaces,
            trust: trust(args.ca.as_deref())?,
            skip: preflight::matching(&args.skip)?,
            timeout: args.timeout.unwrap_or(bounds::RUN),
            format: args.format,
            json: args.json.clone(),
            secrets: Environment::of_process()?.secrets,
        })
    }
}

impl Preflight {
    /// Whether all of these lines are left out.
    #[must_use]
    pub fn skips(&self, ids: &[&str]) -> bool {
        ids.iter().all(|id| self.skip.contains(id))
    }
}

/// A zot that can be started here.
fn program(zot: Zot) -> Result<PathBuf, Trouble> {
    match zot {
        Zot::Program(path) => Ok(path),
        other => Err(Trouble::usage(
            format!(
                "preflight looks at the zot that will be started, and `{}` is no program of this machine",
                other.name()
            ),
            "only that program can say whether it takes the configuration",
        )
        .cure("give the path of a zot binary")),
    }
}
