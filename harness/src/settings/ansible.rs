//! Renders the template of an Ansible role the way Ansible does, without Ansible.
//!
//! The standard is ansible-core 2.19: trimmed blocks, values that keep their type, variables that are templates
//! themselves and are looked into only when used, YAML 1.1, Python's way of writing values, and an error for anything
//! undefined. What cannot be rendered as Ansible would is refused by name, never guessed: lookups, includes, vaulted
//! values, filters and tests that are not built here.

use thiserror::Error;

mod filters;
mod map;
mod values;
mod vars;
mod yaml;

use map::Marked;
pub use map::{Map, Origin};
use vars::Vars;

/// The text of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// What to call it in errors: its path.
    pub name: String,
    /// What it says.
    pub text: String,
}

/// A file of variables, such as a role's `defaults/main.yml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VarsFile {
    /// What to call it in errors: its path.
    pub name: String,
    /// What it says, in YAML.
    pub text: String,
}

/// Why a template was not rendered.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RenderError {
    /// A file of variables is not what Ansible would read.
    #[error("{file}, line {line}: not usable as Ansible variables: {message}")]
    BadYaml {
        /// The file.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// The template, or a variable that is one, is wrong or uses what is not built here.
    #[error("{file}, line {line}: the template cannot be rendered: {message}")]
    BadTemplate {
        /// The file.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong there; an unknown filter, test or function by its name.
        message: String,
    },
    /// A variable or attribute is used that is not there. Ansible stops at that, too.
    #[error("{file}, line {line}: {name} is undefined")]
    Undefined {
        /// The file that uses it.
        file: String,
        /// The line that uses it or, where that is not known, the first that speaks of it; counted from 1.
        line: usize,
        /// The name, with its path as far as it is known.
        name: String,
    },
    /// A value is used that only the owner's vault password can open.
    #[error("{file}, line {line}: {name} is encrypted with Ansible Vault and cannot be read here")]
    Vault {
        /// The file that holds it.
        file: String,
        /// The line where it stands, counted from 1.
        line: usize,
        /// The variable.
        name: String,
    },
}

/// Renders `template` with the variables of `defaults`; a later file overrides an earlier one, variable by variable.
///
/// # Errors
/// The first thing in the way, with file and line.
pub fn render(template: &Template, defaults: &[VarsFile]) -> Result<String, RenderError> {
    if template.text.starts_with("#jinja2:") {
        return Err(RenderError::BadTemplate {
            file: template.name.clone(),
            line: 1,
            message: "a `#jinja2:` line changes the template's settings, which is not supported here".to_owned(),
        });
    }
    Vars::read(defaults)?.render(template)
}

/// The same, with the way back to the template where one is known.
///
/// # Errors
/// As [`render`].
pub fn render_mapped(template: &Template, defaults: &[VarsFile]) -> Result<(String, Option<Map>), RenderError> {
    let plain = render(template, defaults)?;
    let map = Marked::new(&template.text).and_then(|marked| {
        let text = marked.text.clone();
        let rendered = render(&Template { name: template.name.clone(), text }, defaults).ok()?;
        marked.map(&rendered, &plain)
    });
    Ok((plain, map))
}

#[cfg(test)]
mod tests;
