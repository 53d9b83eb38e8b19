//! An intent that says what a configuration does: for an owner who begins with one, and then makes it say what he means.

use std::fmt::Write as _;

use url::Url;
use zot_verify_model::ZotConfig;
use zot_verify_model::principal::Role;

use super::columns::{self, Class, People};
use crate::policy::decision::Ruling;
use crate::policy::intended::Intended;

/// The intent, as a file. `ci` and `admin` are the names of those users, where they are known.
#[must_use]
pub fn of(config: &ZotConfig, ci: &str, admin: Option<&str>) -> String {
    let nothing = Intended::default();
    let people = People::of(config, &nothing, ci, admin);
    let classes = columns::classes(config, &nothing, &people);
    let mut text = String::from(
        "# Made by `zot-verify policy --init` from what zot's configuration does; make it say what you mean.\n",
    );
    let mut line = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            _ = writeln!(text, "{key} = {value}");
        }
    };
    line("url", config.external_url().and_then(address));
    line("issuer", config.providers().first().and_then(|provider| address(&provider.issuer)));
    _ = writeln!(text, "\n[policy]");
    // What is decided where no pattern is written, or by the one that stands for everything.
    let everywhere = classes.iter().find(|class| class.pattern.as_deref().is_none_or(|pattern| pattern == "**"));
    for (role, group) in [
        (Role::Anonymous, &None),
        (Role::Authenticated, &None),
        (Role::Ci, &people.ci_group),
        (Role::Admin, &people.admin_group),
    ] {
        let may = everywhere.map_or_else(|| "[]".into(), |class| may(class, role));
        let group = group.as_ref().map_or_else(String::new, |group| format!("group = {}, ", quoted(group)));
        let value = if matches!(role, Role::Ci | Role::Admin) { format!("{{ {group}may = {may} }}") } else { may };
        _ = writeln!(text, "{} = {value}", role.word());
    }
    for class in classes.iter().filter(|class| Some(*class) != everywhere) {
        let Some(pattern) = &class.pattern else { continue };
        _ = writeln!(text, "\n[policy.repositories.{}]", quoted(pattern));
        for role in Role::ALL {
            _ = writeln!(text, "{} = {}", role.word(), may(class, role));
        }
    }
    text
}

/// What a role may do; what a condition or chance decides is nothing to intend.
fn may(class: &Class, role: Role) -> String {
    let granted = class.cells.iter().filter(|cell| cell.role == role && cell.configured.ruling == Ruling::Granted);
    format!("[{}]", granted.map(|cell| format!("\"{}\"", cell.action.word())).collect::<Vec<_>>().join(", "))
}

/// A web address, unless it holds what is nobody's business.
fn address(text: &str) -> Option<String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    (url.username().is_empty() && url.password().is_none()).then(|| quoted(text))
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
