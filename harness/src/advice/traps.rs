//! What releases changed for a configuration that was good before.

use zot_verify_model::ZotConfig;
use zot_verify_model::principal::Action;

use super::columns::entry;
use super::{Finding, Severity, required};
use crate::checks::version::{DOCKER_PING, METRICS_USERS, TRAPS, Trap};
use crate::policy::decision::Place;
use crate::preflight::releases::concerns;
use crate::settings::Intent;
use crate::wire::persona::PERSONAS;

/// What there is to tell. Traps that the newest release has no more are notes.
#[must_use]
pub fn look(config: &ZotConfig, intent: &Intent) -> Vec<Finding> {
    let open = TRAPS.iter().filter(|trap| trap.name != METRICS_USERS.name && concerns(trap, config));
    open.map(|trap| {
        let severity = match trap.name {
            name if name == DOCKER_PING.name => docker(intent),
            _ => Severity::Note,
        };
        let finding = Finding::new(trap.name, severity, place(trap, config), trap.cause);
        Finding { cure: trap.cure.map(str::to_owned), since: Some(trap.since), until: trap.until, ..finding }
    })
    .collect()
}

/// Whether Docker clients are promised that they can pull.
fn docker(intent: &Intent) -> Severity {
    let promised =
        PERSONAS.iter().filter(|persona| persona.docker && intent.personas.iter().any(|id| id == persona.id));
    promised.map(|persona| required(intent, &format!("pull.personas/{}", persona.id))).max().unwrap_or(Severity::Warn)
}

/// The entry that makes a trap concern this configuration.
fn place(trap: &Trap, config: &ZotConfig) -> Place {
    let access = Place::of(["http", "accessControl"]);
    let repositories = config.repositories();
    if trap.name == DOCKER_PING.name {
        let open = repositories.iter().find(|policy| !policy.anonymous.is_empty());
        return open.map_or(access, |policy| entry(&policy.pattern).at("anonymousPolicy"));
    }
    let creates = |actions: &[Action]| actions.contains(&Action::Create) && !actions.contains(&Action::Update);
    let found = repositories.iter().find_map(|policy| {
        let place = entry(&policy.pattern);
        let grant = policy.policies.iter().position(|grant| creates(&grant.actions));
        let grant = grant.map(|number| place.at("policies").at(number).at("actions"));
        grant.or_else(|| creates(&policy.default).then(|| place.at("defaultPolicy")))
    });
    found.unwrap_or(access)
}
