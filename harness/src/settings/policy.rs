//! What `policy` means.

use std::path::PathBuf;

use zot_verify_model::Secret;

use super::accounts::CI_DEFAULT;
use super::args::{Format, PolicyArgs};
use super::zot_config::{self, Configured};
use super::{Environment, Intent};
use crate::error::Trouble;

/// A configuration that is to be looked at, validated.
#[derive(Debug)]
pub struct Policy {
    /// The configuration, and where it stands.
    pub configured: Configured,
    /// What the owner intends.
    pub intent: Intent,
    /// The name that CI's key belongs to.
    pub ci: String,
    /// The name of an admin, where one is known.
    pub admin: Option<String>,
    /// Whether warnings fail.
    pub strict: bool,
    /// How the result is told.
    pub format: Format,
    /// Where it also goes as JSON.
    pub json: Option<PathBuf>,
    /// Every secret of the environment and of the configuration, to be kept out of every output.
    pub secrets: Vec<Secret>,
}

impl Policy {
    /// What was typed, and what the environment adds.
    ///
    /// # Errors
    /// Trouble with anything that was typed, or with a file that it names.
    pub fn new(args: &PolicyArgs) -> Result<Self, Trouble> {
        let Some(configured) = zot_config::placed(&args.config)? else {
            return Err(Trouble::usage("no configuration was named", "it is what policy is about").cure(
                "give zot's configuration with --config FILE, or the Ansible role that makes it with --role DIR",
            ));
        };
        let intent = Intent::load(args.intent.as_deref(), &std::env::current_dir().unwrap_or_default())?;
        let environment = Environment::of_process()?;
        let mut secrets = environment.secrets;
        secrets.extend(crate::preflight::copy::secrets(&configured.config));
        Ok(Self {
            strict: args.strict || intent.strict,
            configured,
            intent,
            ci: environment.accounts.ci.map_or_else(|| CI_DEFAULT.to_owned(), |account| account.name),
            admin: environment.accounts.admin.map(|account| account.name),
            format: args.format,
            json: args.json.clone(),
            secrets,
        })
    }
}
