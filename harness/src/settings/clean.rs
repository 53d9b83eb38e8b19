//! What `clean` means.

use std::time::Duration;

use url::Url;
use zot_verify_model::{Account, Secret};

use super::args::CleanArgs;
use super::{Accounts, Environment, Intent, canary, from_environment, trust, url};
use crate::bounds;
use crate::error::Trouble;
use crate::ledger::Place;
use crate::wire::Trust;

/// What is to be removed, validated.
#[derive(Debug)]
pub struct Cleaning {
    /// Whose things.
    pub which: Which,
    /// The only registry that is asked, and that the key may go to: a ledger alone sends it nowhere.
    pub registry: Option<Url>,
    /// Where the ledgers are.
    pub place: Place,
    /// The only repository that is touched, with those below it.
    pub canary: String,
    /// Who may remove them.
    pub admin: Option<Account>,
    /// Every secret of the environment, to be kept out of every output.
    pub secrets: Vec<Secret>,
    /// Whom to believe over https.
    pub trust: Trust,
    /// How long it may take.
    pub timeout: Duration,
}

/// Whose things are to be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// Those of one run.
    Run(String),
    /// Those of all runs.
    All,
    /// Those on one registry.
    Live(Url),
}

impl Cleaning {
    /// What was typed, with what the environment and the intent add.
    ///
    /// # Errors
    /// Trouble with anything that was typed, or with a file that it names.
    pub fn new(args: &CleanArgs) -> Result<Self, Trouble> {
        let intent = Intent::load(args.intent.as_deref(), &std::env::current_dir().unwrap_or_default())?;
        let live = args.live.as_deref().map(|text| url("--live", text)).transpose()?;
        let which = match (&args.run, &live) {
            (Some(run), _) => Which::Run(run.clone()),
            (None, Some(live)) if !args.all => Which::Live(live.clone()),
            (None, _) => Which::All,
        };
        let registry = live.or(intent.url);
        let place = args.ledger.clone().map(Place::File).or_else(|| Place::of_user(from_environment));
        let Some(place) = place else {
            return Err(Trouble::usage("there is no ledger to read", "neither XDG_STATE_HOME nor HOME is set")
                .cure("name the file with --ledger"));
        };
        let people = Environment::of_process()?;
        if let Some(registry) = &registry {
            let accounts = Accounts { admin: people.accounts.admin.clone(), ..Accounts::default() };
            accounts.only_over_https(registry, None)?;
        }
        Ok(Self {
            which,
            registry,
            place,
            canary: canary(args.canary.clone().unwrap_or(intent.canary))?,
            admin: people.accounts.admin,
            secrets: people.secrets,
            trust: trust(args.ca.as_deref())?,
            timeout: args.timeout.unwrap_or(bounds::RUN),
        })
    }
}
