//! zot's own configuration, from a JSON file or from an Ansible role.

use std::path::Path;

use zot_verify_model::ZotConfig;

use super::ansible::{self, Template, VarsFile};
use super::args::ConfigArgs;
use super::source::Source;
use crate::error::Trouble;

/// The template and the variables within a role.
const TEMPLATE: &str = "templates/config.json.j2";
const DEFAULTS: &str = "defaults/main.yml";

/// A configuration, and where it stands.
#[derive(Debug, Clone)]
pub struct Configured {
    /// What it says.
    pub config: ZotConfig,
    /// Where.
    pub source: Source,
}

/// The configuration that was given, if any.
///
/// # Errors
/// Usage trouble for what cannot be read, rendered or parsed.
pub fn given(args: &ConfigArgs) -> Result<Option<ZotConfig>, Trouble> {
    Ok(placed(args)?.map(|configured| configured.config))
}

/// What to call the configuration that was given, if any.
#[must_use]
pub fn name(args: &ConfigArgs) -> Option<String> {
    let role = || args.role.as_ref().map(|role| format!("{}, rendered", role.display()));
    args.config.as_ref().map(|file| file.display().to_string()).or_else(role)
}

/// The same, with the places of all that it says.
///
/// # Errors
/// As [`given`].
pub fn placed(args: &ConfigArgs) -> Result<Option<Configured>, Trouble> {
    let (source, name) = match (&args.config, &args.role) {
        (Some(file), _) => (Source::file(file.display().to_string(), read(file)?), file.display().to_string()),
        (None, Some(role)) => from_role(role, args.vars.as_deref())?,
        (None, None) => return Ok(None),
    };
    Ok(Some(Configured { config: parse(source.json(), &name)?, source }))
}

fn from_role(role: &Path, vars: Option<&Path>) -> Result<(Source, String), Trouble> {
    let (template, defaults) = (role.join(TEMPLATE), role.join(DEFAULTS));
    let mut variables = Vec::new();
    for path in [Some(defaults.as_path()).filter(|path| path.exists()), vars].into_iter().flatten() {
        variables.push(VarsFile { name: path.display().to_string(), text: read(path)? });
    }
    let name = template.display().to_string();
    let template = Template { name: name.clone(), text: read(&template)? };
    let (rendered, map) = ansible::render_mapped(&template, &variables).map_err(|error| {
        Trouble::usage(format!("{name} could not be rendered"), error.to_string())
            .cure("mend the template, give a missing variable with --vars, or render it yourself and use --config")
    })?;
    let called = format!("{name}, rendered,");
    Ok((Source::template(name, template.text, rendered, map), called))
}

fn read(path: &Path) -> Result<String, Trouble> {
    std::fs::read_to_string(path).map_err(|error| {
        Trouble::usage(format!("{} could not be read", path.display()), error.to_string()).cure("check the path")
    })
}

fn parse(text: &str, name: &str) -> Result<ZotConfig, Trouble> {
    ZotConfig::parse(text).map_err(|error| {
        Trouble::usage(format!("{name} is no zot configuration"), format!("{error}{}", key_at(text, error.line())))
            .cure("zot reads a JSON object; check the named line")
    })
}

/// The key on a line, for people who have no line numbers: a rendered template. Never its value, which may be a secret.
fn key_at(text: &str, line: usize) -> String {
    let line = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    line.split_once(':').map_or_else(String::new, |(key, _)| format!(", at {}: …", key.trim_start_matches([' ', '{'])))
}
