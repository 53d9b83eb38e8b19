//! Who logs in: the people of a lab, and the test person of a live registry.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use zot_verify_model::principal::{Action, Role};
use zot_verify_model::{Secret, ZotConfig};

use super::jar::Jar;
use super::keys::{self, Minted, Own, Wish};
use super::{LOGOUT, SignedIn, UI_CLIENT, sign_in};
use crate::bench::Bench;
use crate::bounds;
use crate::policy::intended::Intended;
use crate::run::outcome::Halt;
use crate::target::Kind;
use crate::wire::Request;

/// Somebody in a lab. zot knows people by their names alone, so whoever's groups or keys a part changes has a name that
/// no other part uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person {
    /// The name at the issuer and, by `preferred_username`, in zot.
    pub name: &'static str,
    /// What the person is for the registry, by the group that the issuer names.
    pub role: Role,
}

/// The groups that have the roles, as a configuration names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    /// The group of CI.
    pub ci: String,
    /// The group of admins.
    pub admin: String,
}

impl Groups {
    /// Told from what the configuration grants to groups; where it grants none of this, the owner's own names.
    #[must_use]
    pub fn of(config: &ZotConfig) -> Self {
        let policies = config.repositories();
        let that = |fits: &dyn Fn(&[Action]) -> bool| {
            let grants = policies.iter().flat_map(|policy| &policy.policies).filter(|grant| fits(&grant.actions));
            grants.flat_map(|grant| &grant.groups).next().cloned()
        };
        let may = |actions: &[Action], action| actions.contains(&action);
        let ci = that(&|actions| may(actions, Action::Create) && !may(actions, Action::Delete));
        let admin = that(&|actions| may(actions, Action::Delete) && may(actions, Action::Update));
        Self { ci: ci.unwrap_or_else(|| "artifact-workloads".into()), admin: admin.unwrap_or_else(|| "admins".into()) }
    }

    /// The same, but for those that the intent names.
    #[must_use]
    pub fn or_intended(self, intended: &Intended) -> Self {
        Self {
            ci: intended.ci_group.clone().unwrap_or(self.ci),
            admin: intended.admin_group.clone().unwrap_or(self.admin),
        }
    }

    /// The groups of somebody with this role.
    #[must_use]
    pub fn of_role(&self, role: Role) -> Vec<&str> {
        match role {
            Role::Ci => vec![&self.ci],
            Role::Admin => vec![&self.admin],
            Role::Anonymous | Role::Authenticated => Vec::new(),
        }
    }
}

/// Whoever pushes from CI.
pub const CI: Person = Person { name: "zv-ci", role: Role::Ci };
/// Whoever breaks the glass.
pub const ADMIN: Person = Person { name: "zv-admin", role: Role::Admin };
/// Somebody who can log in, and is in no group.
pub const NOBODY: Person = Person { name: "zv-nobody", role: Role::Authenticated };

/// What somebody types into the issuer's form.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The user name.
    pub name: String,
    /// The password.
    pub password: Secret,
    /// What the tokens shall claim; only the issuer of a lab takes wishes.
    pub claims: Option<Value>,
}

impl Person {
    /// This person at the door: in a lab with the lab's password; on a live registry the test person of the environment,
    /// whoever was asked for.
    ///
    /// # Errors
    /// Skip where a live run has no test person.
    pub fn visits(self, bench: &Bench) -> Result<Visitor, Halt> {
        self.claiming(bench, json!({ "groups": bench.deployment.groups.of_role(self.role) }))
    }

    /// This person, with tokens that claim something of their own.
    ///
    /// # Errors
    /// As [`Person::visits`].
    pub fn claiming(self, bench: &Bench, claims: Value) -> Result<Visitor, Halt> {
        if let Some(password) = &bench.deployment.password {
            return Ok(Visitor { name: self.name.into(), password: password.clone(), claims: Some(claims) });
        }
        let person = bench.deployment.accounts.person.as_ref().ok_or_else(|| {
            Halt::Skip("needs somebody to log in: give ZOT_VERIFY_OIDC_USER and ZOT_VERIFY_OIDC_PASSWORD".into())
        })?;
        Ok(Visitor { name: person.name.clone(), password: person.secret.clone(), claims: None })
    }
}

/// Everybody's session and key, made at the first use, and once.
#[derive(Debug, Default)]
pub struct People {
    belongings: Mutex<HashMap<&'static str, Arc<Belongings>>>,
    owed: Mutex<Vec<Owed>>,
}

#[derive(Debug, Default)]
struct Belongings {
    session: OnceCell<Result<SignedIn, Halt>>,
    key: OnceCell<Result<Minted, Halt>>,
}

/// What somebody's registry gets back when the run ends.
#[derive(Debug)]
pub enum Owed {
    /// A session, to be logged out of.
    Session(Jar),
    /// A key, to be revoked.
    Key(Arc<Own>),
}

impl People {
    /// Somebody's session, as it is for the part that judges it.
    ///
    /// # Errors
    /// As [`sign_in`].
    pub async fn judged_session(&self, bench: &Bench, who: Person) -> Result<SignedIn, Halt> {
        let belongings = self.of(bench, who);
        let made = async { sign_in(bench, &who.visits(bench)?, Jar::default()).await };
        belongings.session.get_or_init(|| made).await.clone()
    }

    /// Somebody's key in a lab, as it is for the part that judges it.
    ///
    /// # Errors
    /// As [`keys::mint`], and as [`People::session`].
    pub async fn judged_key(&self, bench: &Bench, who: Person) -> Result<Minted, Halt> {
        let belongings = self.of(bench, who);
        let made = async {
            let session = self.session(bench, who).await?;
            let minted = keys::mint(bench, &session, &Wish::new("zot-verify", bounds::LAB_KEY)).await?;
            keys::works(bench, &minted.account).await?;
            Ok(minted)
        };
        belongings.key.get_or_init(|| made).await.clone()
    }

    /// Somebody's session, for a part that only needs one.
    ///
    /// # Errors
    /// Skip where there is none; only the part that judges the login reports why.
    pub async fn session(&self, bench: &Bench, who: Person) -> Result<SignedIn, Halt> {
        // Where CI cannot log in nobody tries: a password that is wrong is typed once, not once for each part.
        if who != CI {
            let ci = self.judged_session(bench, CI).await;
            ci.map_err(|halt| needed(halt, CI, "a login that ends in a session"))?;
        }
        self.judged_session(bench, who).await.map_err(|halt| needed(halt, who, "a login that ends in a session"))
    }

    /// Somebody's key in a lab, for a part that only needs one.
    ///
    /// # Errors
    /// As [`People::session`].
    pub async fn key(&self, bench: &Bench, who: Person) -> Result<Minted, Halt> {
        self.judged_key(bench, who).await.map_err(|halt| needed(halt, who, "an API key that works"))
    }

    /// Notes what is to be given back. A lab goes away, and gets nothing back.
    pub fn owe(&self, bench: &Bench, owed: Owed) {
        if bench.deployment.kind == Kind::Live {
            self.owed.lock().unwrap_or_else(PoisonError::into_inner).push(owed);
        }
    }

    /// Gives everything back: keys are revoked, then sessions logged out of. What cannot be given back in time stays as
    /// the ledger has it.
    pub async fn leave(&self, bench: &Bench) {
        let owed = std::mem::take(&mut *self.owed.lock().unwrap_or_else(PoisonError::into_inner));
        let (keys, sessions): (Vec<Owed>, Vec<Owed>) = owed.into_iter().partition(|owed| matches!(owed, Owed::Key(_)));
        let give = async {
            for owed in [keys, sessions] {
                join_all(owed.iter().map(|owed| owed.give_back(bench))).await;
            }
        };
        if tokio::time::timeout(bounds::LEAVE, give).await.is_err() {
            tracing::warn!("not everything could be given back in time");
        }
    }

    /// A live registry knows only one person, whoever is asked for.
    fn of(&self, bench: &Bench, who: Person) -> Arc<Belongings> {
        let name = if bench.deployment.kind == Kind::Live { CI.name } else { who.name };
        let mut people = self.belongings.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(people.entry(name).or_default())
    }
}

impl Owed {
    async fn give_back(&self, bench: &Bench) {
        let given = match self {
            Self::Key(own) => own.give_back(bench).await,
            Self::Session(jar) => {
                let out = Request::new(Method::POST, LOGOUT).header(UI_CLIENT.0, UI_CLIENT.1);
                bench.wire.send(jar.fill(out, "/")).await.map(|_| ()).map_err(Halt::from)
            }
        };
        if let Err(halt) = given {
            tracing::warn!("not given back: {halt:?}");
        }
    }
}

/// A set-up that another part judges: here its breach is only a missing footing. Only [`CI`]'s is judged; with anybody
/// else's we could not tell.
fn needed(halt: Halt, who: Person, what: &str) -> Halt {
    match halt {
        Halt::Breach(breach) if who == CI => Halt::Skip(format!("needs {what}: {}", breach.observed)),
        Halt::Breach(breach) => Halt::Error(format!("needs {what} for {}: {}", who.name, breach.observed)),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_known_by_what_they_may_do() {
        let groups = |repositories: Value| {
            Groups::of(&ZotConfig::from_value(json!({ "http": { "accessControl": { "repositories": repositories } } })))
        };
        let found = groups(json!({ "**": { "policies": [
            { "groups": ["root"], "actions": ["read", "create", "update", "delete"] },
            { "groups": ["readers"], "actions": ["read"] },
            { "groups": ["builders"], "actions": ["read", "create"] },
        ] } }));
        assert_eq!(found, Groups { ci: "builders".into(), admin: "root".into() });
        assert_eq!(groups(json!({})), Groups { ci: "artifact-workloads".into(), admin: "admins".into() });
    }
}
