//! Two columns: who is meant to do what in each kind of repository, and who may as it is configured.

use zot_verify_model::ZotConfig;
use zot_verify_model::principal::{Action, Principal, Role};

use super::{Finding, Severity};
use crate::policy::decision::{Decision, Place, Ruling, decide, deciding};
use crate::policy::intended::Intended;
use crate::policy::pattern::Pattern;

/// Every action, in the order of reports.
pub const ACTIONS: [Action; 4] = [Action::Read, Action::Create, Action::Update, Action::Delete];

/// Words that make a repository's name out of a pattern, until one does.
const WORDS: [&str; 4] = ["zot-verify", "x", "zot-verify/x", "a"];

/// Who stands for the roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct People {
    /// CI's name.
    pub ci: String,
    /// CI's group.
    pub ci_group: Option<String>,
    /// An admin's name.
    pub admin: String,
    /// The admins' group.
    pub admin_group: Option<String>,
}

/// A kind of repository: those that one pattern stands for, or those that none does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// The pattern; `None` for whatever no other class is about.
    pub pattern: Option<String>,
    /// A repository of this kind.
    pub sample: String,
    /// What each role may do, the roles in their order, each with the actions in theirs.
    pub cells: Vec<Cell>,
}

/// Whether somebody may do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// Who.
    pub role: Role,
    /// What.
    pub action: Action,
    /// Whether it is intended.
    pub intended: bool,
    /// What the configuration says, and where.
    pub configured: Decision,
}

impl Cell {
    /// Whether it is configured otherwise than intended. What a condition or chance decides is told apart.
    #[must_use]
    pub fn differs(&self) -> bool {
        match self.configured.ruling {
            Ruling::Granted => !self.intended,
            Ruling::Refused => self.intended,
            Ruling::Conditional | Ruling::Chance => false,
        }
    }
}

impl People {
    /// Those whom the intent names; else those whose rights look like it.
    #[must_use]
    pub fn of(config: &ZotConfig, intended: &Intended, ci: &str, admin: Option<&str>) -> Self {
        let grants: Vec<_> = config.repositories().into_iter().flat_map(|policy| policy.policies).collect();
        let fits = |role: Role, actions: &[Action]| match role {
            Role::Ci => actions.contains(&Action::Create) && !actions.contains(&Action::Delete),
            _ => actions.contains(&Action::Update) && actions.contains(&Action::Delete),
        };
        let group =
            |role| grants.iter().filter(|grant| fits(role, &grant.actions)).flat_map(|grant| &grant.groups).next();
        let user =
            |role| grants.iter().filter(|grant| fits(role, &grant.actions)).flat_map(|grant| &grant.users).next();
        let (ci_group, admin_group) = (
            intended.ci_group.clone().or_else(|| group(Role::Ci).cloned()),
            intended.admin_group.clone().or_else(|| group(Role::Admin).cloned()),
        );
        // Where no group has the rights, a user may be named for them.
        let named = |role, group: &Option<String>| group.is_none().then(|| user(role).cloned()).flatten();
        let known = |name: &str| grants.iter().any(|grant| grant.users.iter().any(|user| user == name));
        let ci = if known(ci) { None } else { named(Role::Ci, &ci_group) }.unwrap_or_else(|| ci.to_owned());
        let admin = admin.map(str::to_owned).or_else(|| named(Role::Admin, &admin_group));
        Self { ci, ci_group, admin: admin.unwrap_or_else(|| "zot-verify-admin".into()), admin_group }
    }

    /// Somebody with this role.
    #[must_use]
    pub fn somebody(&self, role: Role) -> Principal {
        let user = |name: &str, group: &Option<String>| Principal::User {
            name: name.to_owned(),
            groups: group.iter().cloned().collect(),
        };
        match role {
            Role::Anonymous => Principal::Anonymous,
            Role::Authenticated => user("zot-verify-somebody", &None),
            Role::Ci => user(&self.ci, &self.ci_group),
            Role::Admin => user(&self.admin, &self.admin_group),
        }
    }

    /// What to call somebody with this role.
    #[must_use]
    pub fn called(&self, role: Role) -> String {
        let with = |what: &str, name: &str, group: &Option<String>| match group {
            Some(group) => format!("{what} (group {group})"),
            None => format!("{what} (user {name})"),
        };
        match role {
            Role::Anonymous => "anybody".into(),
            Role::Authenticated => "whoever can log in".into(),
            Role::Ci => with("CI", &self.ci, &self.ci_group),
            Role::Admin => with("an admin", &self.admin, &self.admin_group),
        }
    }
}

/// Every kind of repository that the configuration or the intent tells apart.
#[must_use]
pub fn classes(config: &ZotConfig, intended: &Intended, people: &People) -> Vec<Class> {
    let policies = config.repositories();
    let configured = policies.iter().filter_map(|policy| Pattern::parse(&policy.pattern));
    let mut patterns: Vec<Pattern> = configured.collect();
    for pattern in intended.patterns() {
        if !patterns.iter().any(|known| known.text() == pattern.text()) {
            patterns.push(pattern.clone());
        }
    }
    let longest = |sample: &str| {
        let matching = patterns.iter().filter(|pattern| pattern.matches(sample));
        matching.max_by_key(|pattern| pattern.text().len()).map(|pattern| pattern.text().len())
    };
    let mut classes: Vec<Class> = Vec::new();
    for pattern in &patterns {
        // One for which no longer pattern stands, so that this one decides.
        let own = |sample: &String| longest(sample) == Some(pattern.text().len());
        if let Some(sample) = WORDS.iter().filter_map(|word| pattern.sample(word)).find(own) {
            classes.push(Class { pattern: Some(pattern.text().to_owned()), cells: Vec::new(), sample });
        }
    }
    if let Some(sample) = WORDS.iter().find(|word| longest(word).is_none()) {
        classes.push(Class { pattern: None, sample: (*sample).to_owned(), cells: Vec::new() });
    }
    for class in &mut classes {
        class.cells = cells(config, intended, people, &class.sample);
    }
    classes
}

fn cells(config: &ZotConfig, intended: &Intended, people: &People, sample: &str) -> Vec<Cell> {
    let of_role = |role: Role| {
        let (who, may) = (people.somebody(role), intended.may(role, sample));
        ACTIONS.map(|action| Cell {
            role,
            action,
            intended: may.contains(&action),
            configured: decide(config, &who, sample, action),
        })
    };
    Role::ALL.into_iter().flat_map(of_role).collect()
}

/// What is configured otherwise than intended. What one rule decides for one role is told together.
#[must_use]
pub fn differences(config: &ZotConfig, classes: &[Class], people: &People) -> Vec<Finding> {
    let policies = config.repositories();
    let patterns: Vec<&str> = policies.iter().map(|policy| policy.pattern.as_str()).collect();
    let mut found: Vec<Difference<'_>> = Vec::new();
    for class in classes {
        for cell in class.cells.iter().filter(|cell| cell.differs()) {
            let alike = |known: &&mut Difference<'_>| {
                let (one, other) = (known.cell, cell);
                (one.role, one.intended, &one.configured.by) == (other.role, other.intended, &other.configured.by)
            };
            match found.iter_mut().find(alike) {
                Some(known) => known.add(class, cell),
                None => found.push(Difference { cell, classes: vec![class], actions: vec![cell.action] }),
            }
        }
    }
    found.iter().map(|difference| difference.told(&patterns, people)).collect()
}

/// Cells that differ for one reason.
struct Difference<'a> {
    cell: &'a Cell,
    classes: Vec<&'a Class>,
    actions: Vec<Action>,
}

impl<'a> Difference<'a> {
    fn add(&mut self, class: &'a Class, cell: &Cell) {
        if !self.classes.contains(&class) {
            self.classes.push(class);
        }
        if !self.actions.contains(&cell.action) {
            self.actions.push(cell.action);
        }
    }

    fn told(&self, patterns: &[&str], people: &People) -> Finding {
        let what = self.actions.iter().map(|action| action.word()).collect::<Vec<_>>().join(", ");
        let name =
            |class: &&Class| class.pattern.as_ref().map_or_else(|| "any other".into(), |text| format!("`{text}`"));
        let within = self.classes.iter().map(name).collect::<Vec<_>>().join(", ");
        let why = match &self.classes[..] {
            [class] => alone(patterns, class),
            _ => String::new(),
        };
        let (who, place) = (people.called(self.cell.role), self.cell.configured.by.clone());
        if self.cell.intended {
            let effect = format!("{who} may not {what} in {within}, and is meant to{why}");
            let cure = format!("grant {what} there, or say in the intent that it is not meant");
            return Finding::new("closes", Severity::Fail, place, effect).cure(cure);
        }
        let effect = format!("{who} may {what} in {within}, and is not meant to{why}");
        let cure = format!("take {what} out of {place}, or say in the intent that it is meant");
        Finding::new("opens", Severity::Fail, place, effect).cure(cure)
    }
}

/// Why a pattern decides where a reader may think of another one.
fn alone(patterns: &[&str], class: &Class) -> String {
    let matches = |text: &&&str| Pattern::parse(text).is_some_and(|pattern| pattern.matches(&class.sample));
    let mut matching: Vec<&str> = patterns.iter().filter(matches).copied().collect();
    matching.sort_by_key(|text| std::cmp::Reverse(text.len()));
    match &matching[..] {
        [longest, other, ..] if longest.len() > other.len() => {
            format!(": `{longest}` is longer than `{other}`, and decides alone")
        }
        _ => String::new(),
    }
}

/// The place of a pattern's entry.
#[must_use]
pub(super) fn entry(pattern: &str) -> Place {
    Place::of(["http", "accessControl", "repositories", pattern])
}

/// A repository for which both patterns stand, where one is found.
#[must_use]
pub(super) fn shared(one: &Pattern, other: &Pattern) -> Option<String> {
    let words = |pattern: &Pattern| -> Vec<String> {
        let plain =
            |part: &str| part.chars().filter(|letter| letter.is_alphanumeric() || *letter == '-').collect::<String>();
        let parts = pattern.text().split('/').map(plain).filter(|part| !part.is_empty());
        parts.flat_map(|part| [part.clone(), format!("{part}x"), format!("x{part}"), format!("x/{part}")]).collect()
    };
    let tried = |pattern: &Pattern, by: &Pattern| {
        let words = words(by).into_iter().chain(WORDS.map(str::to_owned));
        words.filter_map(|word| pattern.sample(&word)).find(|sample| one.matches(sample) && other.matches(sample))
    };
    tried(one, other).or_else(|| tried(other, one))
}

/// Whether a repository's policies are decided by chance, and matter.
#[must_use]
pub(super) fn by_chance(config: &ZotConfig, people: &People, sample: &str) -> bool {
    let differ = |role: Role| {
        let who = people.somebody(role);
        ACTIONS.iter().any(|&action| decide(config, &who, sample, action).ruling == Ruling::Chance)
    };
    deciding(&config.repositories(), sample).len() > 1 && Role::ALL.into_iter().any(differ)
}
