//! `http.accessControl`: what it says that is known to surprise.

use std::collections::BTreeSet;

use zot_verify_model::ZotConfig;
use zot_verify_model::config::Grant;
use zot_verify_model::principal::{Action, Role};

use super::columns::{People, by_chance, entry, shared};
use super::{Finding, Severity};
use crate::checks::version::Release;
use crate::policy::decision::Place;
use crate::policy::intended::Intended;
use crate::policy::pattern::Pattern;
use crate::preflight::config::{ACTIONS, ANY_WORD, action_words};
use crate::settings::nearest;

/// Rights for many, intended or not.
#[must_use]
pub fn open(config: &ZotConfig) -> Vec<Finding> {
    let mut findings = Vec::new();
    for policy in config.repositories() {
        let writes = |actions: &[Action]| -> Vec<&str> {
            actions.iter().filter(|action| **action != Action::Read).map(|action| action.word()).collect()
        };
        let tiers = [
            ("anonymousPolicy", &policy.anonymous, "anonymous-writes", "anybody who reaches the registry"),
            ("defaultPolicy", &policy.default, "default-creates", "whoever can log in at the issuer"),
        ];
        for (key, actions, id, who) in tiers {
            let writes = writes(actions);
            if !writes.is_empty() {
                let effect = format!("{who} may {} in `{}`", writes.join(", "), policy.pattern);
                let cure = format!("leave `read` alone in {key}, and grant the rest to users or groups in `policies`");
                findings.push(Finding::new(id, Severity::Warn, entry(&policy.pattern).at(key), effect).cure(cure));
            }
        }
    }
    findings
}

/// Everything else.
#[must_use]
pub fn look(config: &ZotConfig, intended: &Intended, people: &People) -> Vec<Finding> {
    let mut findings = unknown_actions(config);
    findings.extend(patterns(config, people));
    findings.extend(conditions(config));
    findings.extend(unnamed(config, intended, people));
    findings.extend(group_case(config, intended));
    findings.extend(admin_policy(config, people));
    findings
}

fn unknown_actions(config: &ZotConfig) -> Vec<Finding> {
    let words = action_words(config).into_iter().filter(|(_, word)| !ACTIONS.contains(&word.as_str()));
    let finding = |(place, word): (Place, String)| {
        let effect = format!("`{word}` is no action: {ANY_WORD}");
        Finding::new("action-unknown", Severity::Fail, place, effect)
            .cure(format!("mend it: {}", nearest(&word, &ACTIONS)))
    };
    words.map(finding).collect()
}

/// Patterns that are none, and those among which zot picks by chance.
fn patterns(config: &ZotConfig, people: &People) -> Vec<Finding> {
    let (mut findings, mut known) = (Vec::new(), Vec::<Pattern>::new());
    for policy in config.repositories() {
        let Some(pattern) = Pattern::parse(&policy.pattern) else {
            let effect = "zot does not start: `failed to compile authorization pattern`";
            let finding = Finding::new("pattern-bad", Severity::Fail, entry(&policy.pattern), effect);
            findings.push(finding.cure("mend the pattern: brackets and braces that open are closed"));
            continue;
        };
        for other in known.iter().filter(|other| other.text().len() == pattern.text().len()) {
            let Some(both) = shared(other, &pattern) else { continue };
            let matters = by_chance(config, people, &both);
            let (severity, then) = match matters {
                true => (Severity::Fail, "zot takes one of them by chance, another one at each start"),
                false => (Severity::Note, "zot takes one of them by chance; today both say the same there"),
            };
            let effect = format!(
                "`{}` and `{}` are of the same length and stand for `{both}`: {then}",
                other.text(),
                pattern.text()
            );
            let cure = "write a longer pattern for what both stand for, so that it decides alone";
            findings.push(Finding::new("pattern-tie", severity, entry(pattern.text()), effect).cure(cure));
        }
        known.push(pattern);
    }
    findings
}

/// Every grant to named users and groups, with its place.
fn grants(config: &ZotConfig) -> Vec<(Place, Grant, String)> {
    let of_patterns = config.repositories().into_iter().flat_map(|policy| {
        let place = entry(&policy.pattern).at("policies");
        let grants = policy.policies.into_iter().enumerate();
        grants
            .map(move |(number, grant)| (place.at(number), grant, format!("`{}`", policy.pattern)))
            .collect::<Vec<_>>()
    });
    let admin = config.admin_policy();
    let admin =
        admin.map(|grant| (Place::of(["http", "accessControl", "adminPolicy"]), grant, "every repository".into()));
    of_patterns.chain(admin).collect()
}

fn conditions(config: &ZotConfig) -> Vec<Finding> {
    let conditional = grants(config).into_iter().filter(|(_, grant, _)| grant.conditional);
    let finding = |(place, _, within): (Place, Grant, String)| {
        let effect = format!(
            "conditions in CEL also decide in {within}; they are not modelled, and what they decide is shown with a `?`"
        );
        Finding::new("condition", Severity::Note, place.at("conditions"), effect)
            .cure("look at what a registry with this configuration answers: `zot-verify local --config`")
            .since(Release(2, 1, 17))
    };
    conditional.map(finding).collect()
}

/// Users and groups that have rights beyond everybody's, and are nobody whom the intent names.
fn unnamed(config: &ZotConfig, intended: &Intended, people: &People) -> Vec<Finding> {
    let groups = [&people.ci_group, &people.admin_group].map(Option::as_deref);
    let users = [people.ci.as_str(), people.admin.as_str(), ""];
    let mut findings = Vec::new();
    for (place, grant, within) in grants(config) {
        let everybody = intended.may(Role::Authenticated, "zot-verify");
        if grant.actions.iter().all(|action| everybody.contains(action)) {
            continue;
        }
        let what = grant.actions.iter().map(|action| action.word()).collect::<Vec<_>>().join(", ");
        let strangers = grant.groups.iter().enumerate().filter(|(_, group)| !groups.contains(&Some(group)));
        let strangers = strangers.map(|(number, group)| (place.at("groups").at(number), format!("group `{group}`")));
        let others = grant.users.iter().enumerate().filter(|(_, user)| !users.contains(&user.as_str()));
        let others = others.map(|(number, user)| (place.at("users").at(number), format!("user `{user}`")));
        for (place, who) in strangers.chain(others) {
            let effect = format!(
                "{who} may {what} in {within}, and the intent names no such {}",
                who.split(' ').next().unwrap_or_default()
            );
            let cure = "take it out, or name it in the intent: `ci = { group = … }`, `admin = { group = … }`";
            findings.push(Finding::new("grant-unnamed", Severity::Warn, place, effect).cure(cure));
        }
    }
    findings
}

/// zot compares the names of groups to the letter, and the issuer spells them its own way.
fn group_case(config: &ZotConfig, intended: &Intended) -> Vec<Finding> {
    let mut known: BTreeSet<String> =
        [&intended.ci_group, &intended.admin_group].into_iter().flatten().cloned().collect();
    let mut findings = Vec::new();
    for (place, grant, _) in grants(config) {
        for (number, group) in grant.groups.iter().enumerate() {
            let new = !known.contains(group);
            let alike = known.iter().find(|other| new && other.eq_ignore_ascii_case(group));
            if let Some(other) = alike {
                let effect =
                    format!("`{group}` and `{other}` differ in nothing but their case, and are two groups to zot");
                let finding = Finding::new("group-case", Severity::Warn, place.at("groups").at(number), effect);
                findings.push(finding.cure("spell the group everywhere as the issuer does"));
            }
            known.insert(group.clone());
        }
    }
    findings
}

fn admin_policy(config: &ZotConfig, people: &People) -> Option<Finding> {
    let grant = config.admin_policy()?;
    let place = Place::of(["http", "accessControl", "adminPolicy"]);
    let group = grant.groups.iter().position(|group| Some(group) == people.ci_group.as_ref());
    let user = grant.users.iter().position(|user| *user == people.ci);
    let place = match (group, user) {
        (Some(number), _) => place.at("groups").at(number),
        (None, Some(number)) => place.at("users").at(number),
        (None, None) => return None,
    };
    let what = grant.actions.iter().map(|action| action.word()).collect::<Vec<_>>().join(", ");
    let effect = format!("{} may {what} in every repository, whatever its own policies say", people.called(Role::Ci));
    let cure = "take it out of adminPolicy, and grant what CI needs in `policies` of its repositories";
    Some(Finding::new("admin-policy-ci", Severity::Warn, place, effect).cure(cure))
}
