//! What `compare` means.

use clap::ArgMatches;
use zot_verify_model::ZotConfig;

use super::args::{CompareArgs, ConfigArgs};
use super::{Accounts, Chooser, Environment, Settings, Target, config, intent, is_url, zot, zot_config};
use crate::error::Trouble;
use crate::target::zot::Zot;

/// A comparison, validated.
#[derive(Debug)]
pub struct Compare {
    /// Both runs: checks, intent, time and formats; its configuration is that of the side to come from.
    pub run: Settings,
    /// The zot to come from.
    pub from: Zot,
    /// The zot to go to.
    pub to: Zot,
    /// The configuration of the side to go to, where one was given.
    pub to_config: Option<ZotConfig>,
    /// What to call the configurations of both sides.
    pub sources: (String, String),
}

impl Compare {
    /// What was typed, and what the environment adds.
    ///
    /// # Errors
    /// Trouble with anything that was typed, or with a file that it names.
    pub fn new(args: &CompareArgs, matches: &ArgMatches) -> Result<Self, Trouble> {
        let mut chooser = Chooser { matches, origins: Vec::new() };
        if args.ids.iter().any(|word| is_url(word)) {
            return Err(Trouble::usage("`compare` takes no URL", "it starts registries of its own")
                .cure("check an existing one with `zot-verify live URL`"));
        }
        let intent = intent(&args.run, &mut chooser)?;
        let from = named("--from", &args.from)?;
        let to = args.to.as_deref().map_or_else(|| Ok(from.clone()), |word| named("--to", word))?;
        let config = config(&args.config, &mut chooser)?;
        let there = there(args)?;
        let to_config = zot_config::given(&there)?;
        let source =
            |args| zot_config::name(args).unwrap_or_else(|| "the built-in one, as the first zot takes it".into());
        let people = Environment { accounts: Accounts::default(), ..Environment::of_process()? };
        let target = Target::Local { zot: from.clone(), caddy: None };
        let run = Settings::with(&args.run, args.ids.clone(), intent, target, config, people, chooser);
        Ok(Self { run, from, to, to_config, sources: (source(&args.config), source(&there)) })
    }
}

fn named(flag: &str, word: &str) -> Result<Zot, Trouble> {
    if word == "auto" { zot(word).map(|(zot, _)| zot) } else { Zot::of_flag(flag, word) }
}

/// Where the configuration of the side to go to comes from: what was said of it, else what was said of both.
fn there(args: &CompareArgs) -> Result<ConfigArgs, Trouble> {
    let CompareArgs { config, to_config, to_role, to_vars, .. } = args;
    if to_config.is_some() {
        return Ok(ConfigArgs { config: to_config.clone(), role: None, vars: None });
    }
    let Some(role) = to_role.as_ref().or(config.role.as_ref()).filter(|_| to_role.is_some() || to_vars.is_some())
    else {
        if to_vars.is_some() {
            return Err(Trouble::usage("--to-vars is given without a role", "variables go over a role's defaults")
                .cure("name the role with --role, or the other one with --to-role"));
        }
        return Ok(config.clone());
    };
    let vars = to_vars.clone().or_else(|| config.vars.clone().filter(|_| to_role.is_none()));
    Ok(ConfigArgs { config: None, role: Some(role.clone()), vars })
}
