//! Who may do what, as the owner intends it: `[policy]` of `zot-verify.toml`.

use std::collections::BTreeMap;

use serde::Deserialize;
use zot_verify_model::principal::{Action, Role};

use super::pattern::Pattern;
use crate::error::Trouble;

/// Who may do what.
#[derive(Debug, Clone)]
pub struct Intended {
    /// The group of whoever pushes from CI, where the intent names it.
    pub ci_group: Option<String>,
    /// The group of the admins, where the intent names it.
    pub admin_group: Option<String>,
    everywhere: BTreeMap<Role, Vec<Action>>,
    /// Repositories in which it is otherwise: for some roles, all that they may there.
    within: Vec<(Pattern, BTreeMap<Role, Vec<Action>>)>,
}

/// The owner's plan: anybody pulls, CI adds and never moves, admins may everything.
impl Default for Intended {
    fn default() -> Self {
        use Action::{Create, Delete, Read, Update};
        let everywhere = BTreeMap::from([
            (Role::Anonymous, vec![Read]),
            (Role::Authenticated, vec![Read]),
            (Role::Ci, vec![Read, Create]),
            (Role::Admin, vec![Read, Create, Update, Delete]),
        ]);
        Self { ci_group: None, admin_group: None, everywhere, within: Vec::new() }
    }
}

impl Intended {
    /// What a role may do in a repository. Of the patterns that stand for it only the longest counts, and for roles that
    /// it does not name it is as everywhere.
    #[must_use]
    pub fn may(&self, role: Role, repository: &str) -> &[Action] {
        let matching = self.within.iter().filter(|(pattern, _)| pattern.matches(repository));
        let longest = matching.max_by_key(|(pattern, _)| pattern.text().len());
        let actions = longest.and_then(|(_, roles)| roles.get(&role)).or_else(|| self.everywhere.get(&role));
        actions.map_or(&[], Vec::as_slice)
    }

    /// The patterns for which it is otherwise than everywhere.
    pub fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        self.within.iter().map(|(pattern, _)| pattern)
    }
}

/// `[policy]` as it is written.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Written {
    anonymous: Option<Vec<Action>>,
    authenticated: Option<Vec<Action>>,
    ci: Option<WrittenGroup>,
    admin: Option<WrittenGroup>,
    #[serde(default)]
    repositories: BTreeMap<String, WrittenWithin>,
}

/// A role that a group stands for.
#[derive(Debug, Deserialize)]
struct WrittenGroup {
    group: Option<String>,
    may: Option<Vec<Action>>,
}

/// An entry of `[policy.repositories]`.
#[derive(Debug, Deserialize)]
struct WrittenWithin {
    anonymous: Option<Vec<Action>>,
    authenticated: Option<Vec<Action>>,
    ci: Option<Vec<Action>>,
    admin: Option<Vec<Action>>,
}

impl Written {
    /// What it means; roles that it does not name are as in the built-in intent.
    ///
    /// # Errors
    /// Usage trouble for a pattern that is none.
    pub(crate) fn read(self) -> Result<Intended, Trouble> {
        let mut intended = Intended::default();
        let (ci, ci_may) = self.ci.map_or((None, None), |written| (written.group, written.may));
        let (admin, admin_may) = self.admin.map_or((None, None), |written| (written.group, written.may));
        (intended.ci_group, intended.admin_group) = (ci, admin);
        intended.everywhere.extend(roles(self.anonymous, self.authenticated, ci_may, admin_may));
        for (text, within) in self.repositories {
            let pattern = Pattern::parse(&text).ok_or_else(|| {
                Trouble::usage(format!("policy.repositories names `{text}`"), "that is no pattern of repository names")
                    .cure("write it as in zot's configuration, for instance \"infra/**\"")
            })?;
            intended.within.push((pattern, roles(within.anonymous, within.authenticated, within.ci, within.admin)));
        }
        Ok(intended)
    }
}

/// The roles that are named, with what they may do.
fn roles(
    anonymous: Option<Vec<Action>>,
    authenticated: Option<Vec<Action>>,
    ci: Option<Vec<Action>>,
    admin: Option<Vec<Action>>,
) -> BTreeMap<Role, Vec<Action>> {
    let named = [anonymous, authenticated, ci, admin];
    Role::ALL.into_iter().zip(named).filter_map(|(role, may)| Some((role, may?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Intended {
        toml::from_str::<Written>(text).unwrap().read().unwrap()
    }

    #[test]
    fn what_is_not_written_is_built_in() {
        let intended = read("ci = { group = 'builders' }\nanonymous = []");
        assert_eq!(intended.ci_group.as_deref(), Some("builders"));
        assert_eq!(intended.may(Role::Ci, "a"), [Action::Read, Action::Create]);
        assert_eq!(intended.may(Role::Anonymous, "a"), []);
        assert_eq!(intended.may(Role::Authenticated, "a"), [Action::Read]);
        assert_eq!((intended.may(Role::Admin, "a").len(), intended.admin_group), (4, None));
    }

    #[test]
    fn the_longest_pattern_decides_for_the_roles_that_it_names() {
        let intended = read(
            "[repositories.'a/**']\nanonymous = []\nci = ['read']\n[repositories.'a/b/**']\nanonymous = ['read', 'create']\n\
             authenticated = ['delete']\nadmin = []",
        );
        assert_eq!(intended.may(Role::Anonymous, "a/x"), []);
        assert_eq!(intended.may(Role::Ci, "a/x"), [Action::Read]);
        assert_eq!(intended.may(Role::Anonymous, "a/b/x"), [Action::Read, Action::Create]);
        assert_eq!(
            (intended.may(Role::Authenticated, "a/b/x"), intended.may(Role::Admin, "a/b/x")),
            (&[Action::Delete][..], &[][..])
        );
        assert_eq!(intended.may(Role::Ci, "a/b/x"), [Action::Read, Action::Create], "not named there: as everywhere");
        assert_eq!(intended.patterns().map(Pattern::text).collect::<Vec<_>>(), ["a/**", "a/b/**"]);
    }

    #[test]
    fn a_pattern_that_is_none_is_refused() {
        let trouble = toml::from_str::<Written>("[repositories.'[']\nci = []").unwrap().read().unwrap_err().to_string();
        assert!(trouble.contains("`[`"), "{trouble}");
    }
}
