//! Who the run may act as. Secrets come from the environment, or from a file that the environment names.

use url::Url;
use zot_verify_model::{Account, Secret};

use super::Origin;
use crate::error::Trouble;
use crate::wire::is_private;

/// The variables that hold the key of the CI account; the first that is set counts.
const CI_KEYS: [&str; 2] = ["ZOT_VERIFY_API_KEY", "ZOT_CI_API_KEY"];
const CI_USER: &str = "ZOT_VERIFY_USER";
/// The owner's name for the account that his jobs push with.
pub(super) const CI_DEFAULT: &str = "zot-ci";
const ADMIN_KEY: &str = "ZOT_VERIFY_ADMIN_API_KEY";
const ADMIN_USER: &str = "ZOT_VERIFY_ADMIN_USER";
const PERSON_PASSWORD: &str = "ZOT_VERIFY_OIDC_PASSWORD";
const PERSON_USER: &str = "ZOT_VERIFY_OIDC_USER";

/// The accounts that the environment gives; one that is missing makes parts skipped, never passed. A lab has none: it
/// makes its own people and keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accounts {
    /// The one that CI pushes with, and its key.
    pub ci: Option<Account>,
    /// An administrator, and his key.
    pub admin: Option<Account>,
    /// A test user at the issuer, and his password.
    pub person: Option<Account>,
}

/// The accounts of the environment, with all that must be kept out of every output.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// The accounts.
    pub accounts: Accounts,
    /// Every secret, those included that another one hides.
    pub secrets: Vec<Secret>,
}

impl Accounts {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Each with its place, for `plan`; what is missing too.
    pub(super) fn origins(&self) -> [Origin; 3] {
        [("ci", &self.ci), ("admin", &self.admin), ("person", &self.person)].map(|(name, account)| match account {
            Some(Account { name: user, secret }) => {
                Origin { name, value: format!("{user}, with {}", secret.name()), from: "environment" }
            }
            None => Origin { name, value: "none".into(), from: "default" },
        })
    }

    /// Refuses to send secrets where everybody on the way could read them: a key goes to the registry, a password to
    /// the issuer, over https or to this machine.
    ///
    /// # Errors
    /// Usage trouble that names the secret and the place.
    pub(super) fn only_over_https(&self, registry: &Url, issuer: Option<&Url>) -> Result<(), Trouble> {
        let ways = [
            (&self.ci, Some(registry)),
            (&self.admin, Some(registry)),
            (&self.person, issuer),
            // The session that the password opens is the registry's.
            (&self.person, Some(registry)),
        ];
        for (account, to) in ways {
            if let (Some(account), Some(to)) = (account, to)
                && !is_private(to)
            {
                let secret = account.secret.name();
                return Err(Trouble::usage(
                    format!("{secret} is set, and {to} is not https"),
                    "a secret that goes over http can be read by everybody on the way",
                )
                .cure(format!("use https, or unset {secret}: without it nothing secret is sent")));
            }
        }
        Ok(())
    }
}

impl Environment {
    /// As [`Environment::read`], from the environment of this process.
    ///
    /// # Errors
    /// As [`Environment::read`].
    pub fn of_process() -> Result<Self, Trouble> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads every account; `variable` is a look into the environment. `NAME_FILE` names a file in the stead of `NAME`.
    ///
    /// # Errors
    /// Usage trouble for a secret that is empty, unreadable or given twice, and for one whose user is not named.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Trouble> {
        let look = |name| secret(name, &variable);
        let keys = [look(CI_KEYS[0])?, look(CI_KEYS[1])?];
        let (admin, person) = (look(ADMIN_KEY)?, look(PERSON_PASSWORD)?);
        let secrets = keys.iter().chain([&admin, &person]).flatten().cloned().collect();
        let account = |secret: Option<Secret>, user: &'static str, default| {
            secret.map(|secret| Ok(Account { name: name_of(user, &secret, default, &variable)?, secret })).transpose()
        };
        let [first, second] = keys;
        let accounts = Accounts {
            ci: account(first.or(second), CI_USER, Some(CI_DEFAULT))?,
            admin: account(admin, ADMIN_USER, None)?,
            person: account(person, PERSON_USER, None)?,
        };
        Ok(Self { accounts, secrets })
    }
}

/// The secret that `name` holds, or that is in the file which `name_FILE` names. Its last line feed is the editor's.
fn secret(name: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Secret>, Trouble> {
    let by_file = format!("{name}_FILE");
    let (value, from) = match (variable(name), variable(&by_file)) {
        (Some(_), Some(_)) => {
            return Err(Trouble::usage(format!("{name} and {by_file} are both set"), "only one can be meant")
                .cure("unset one of them"));
        }
        (Some(value), None) => (value, format!("{name} is set and empty")),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(&path).map_err(|error| {
                Trouble::usage(format!("{by_file} names {path}, which could not be read"), error.to_string())
                    .cure("name a file that holds the secret and nothing else")
            })?;
            (text, format!("{by_file} names {path}, which is empty"))
        }
        (None, None) => return Ok(None),
    };
    if value.trim().is_empty() {
        return Err(Trouble::usage(from, "a secret that is missing from a CI job arrives as an empty string")
            .cure("give the secret to the job, or unset the variable"));
    }
    Ok(Some(Secret::new(name, value.trim_end_matches(['\r', '\n']))))
}

/// The user whose secret it is. A colon would end the name in a Basic credential (RFC 7617, section 2).
fn name_of(
    user: &'static str,
    secret: &Secret,
    default: Option<&str>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<String, Trouble> {
    let (set, secret) = (variable(user), secret.name());
    let usable = |name: &String| !name.trim().is_empty() && !name.contains(|c: char| c == ':' || c.is_control());
    match (set, default) {
        (Some(name), _) if usable(&name) => Ok(name),
        (None, Some(default)) => Ok(default.to_owned()),
        (Some(name), _) => Err(Trouble::usage(
            format!("{user} is `{name}`, which is no user name"),
            "a name is not empty, and has no colon and no control character",
        )
        .cure(format!("name the user that {secret} belongs to"))),
        (None, None) => Err(Trouble::usage(
            format!("{secret} is set and {user} is not"),
            "zot takes a secret only together with the name of its user",
        )
        .cure(format!("set {user}, or unset {secret}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<Environment, String> {
        let find = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Environment::read(find).map_err(|trouble| trouble.to_string())
    }

    #[test]
    fn nothing_set_is_nobody() {
        assert!(read(&[]).unwrap().accounts.is_empty());
        assert!(read(&[("ZOT_VERIFY_ADMIN_USER", "erin")]).unwrap().accounts.is_empty(), "a name alone opens nothing");
    }

    #[test]
    fn the_key_that_is_not_used_is_kept_secret_too() {
        let found = read(&[("ZOT_CI_API_KEY", "second"), ("ZOT_VERIFY_API_KEY", "first\n")]).unwrap();
        let ci = found.accounts.ci.unwrap();
        assert_eq!((ci.name.as_str(), ci.secret.expose()), ("zot-ci", "first"));
        assert_eq!(found.secrets.len(), 2);
    }

    #[test]
    fn every_account_has_its_user() {
        let found = read(&[
            ("ZOT_CI_API_KEY", "k"),
            ("ZOT_VERIFY_USER", "bot"),
            ("ZOT_VERIFY_ADMIN_API_KEY", "a"),
            ("ZOT_VERIFY_ADMIN_USER", "erin"),
            ("ZOT_VERIFY_OIDC_PASSWORD", "p"),
            ("ZOT_VERIFY_OIDC_USER", "pat"),
        ])
        .unwrap();
        let Accounts { ci, admin, person } = found.accounts;
        assert_eq!([ci, admin, person].map(|account| account.unwrap().name), ["bot", "erin", "pat"]);
    }

    #[test]
    fn what_is_empty_or_has_no_user_is_a_mistake() {
        for (set, what) in [
            (&[("ZOT_CI_API_KEY", "")][..], "ZOT_CI_API_KEY is set and empty"),
            (&[("ZOT_VERIFY_API_KEY", " \n")], "ZOT_VERIFY_API_KEY is set and empty"),
            (&[("ZOT_VERIFY_ADMIN_API_KEY", "a")], "ZOT_VERIFY_ADMIN_API_KEY is set and ZOT_VERIFY_ADMIN_USER is not"),
            (&[("ZOT_VERIFY_OIDC_PASSWORD", "a")], "ZOT_VERIFY_OIDC_PASSWORD is set and ZOT_VERIFY_OIDC_USER is not"),
            (&[("ZOT_CI_API_KEY", "k"), ("ZOT_VERIFY_USER", "")], "ZOT_VERIFY_USER is ``, which is no user name"),
            (&[("ZOT_CI_API_KEY", "k"), ("ZOT_VERIFY_USER", "a:b")], "ZOT_VERIFY_USER is `a:b`, which is no user name"),
        ] {
            let told = read(set).unwrap_err();
            assert!(told.starts_with(what), "{told}");
        }
    }

    #[test]
    fn a_file_can_hold_a_secret() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        let set = [("ZOT_CI_API_KEY_FILE", path)];
        assert!(read(&set).unwrap_err().contains("which is empty"));
        std::fs::write(file.path(), "zak_1\n").unwrap();
        assert_eq!(read(&set).unwrap().accounts.ci.unwrap().secret.expose(), "zak_1");
        let twice = [("ZOT_CI_API_KEY_FILE", path), ("ZOT_CI_API_KEY", "k")];
        assert!(read(&twice).unwrap_err().starts_with("ZOT_CI_API_KEY and ZOT_CI_API_KEY_FILE are both set"));
        assert!(read(&[("ZOT_CI_API_KEY_FILE", "/nowhere")]).unwrap_err().contains("could not be read"));
    }

    #[test]
    fn secrets_go_over_https_or_stay_here() {
        let url = |text: &str| Url::parse(text).unwrap();
        for here in ["https://r.test/", "http://127.0.0.1:5000/", "http://[::1]/", "http://localhost:5000/"] {
            assert!(is_private(&url(here)), "{here}");
        }
        for there in ["http://r.test/", "http://10.0.0.1/", "http://localhost.r.test/", "http://[2001:db8::1]/"] {
            assert!(!is_private(&url(there)), "{there}");
        }
        let key = read(&[("ZOT_CI_API_KEY", "k")]).unwrap().accounts;
        let (safe, open) = (url("https://r.test/"), url("http://r.test/"));
        assert!(key.only_over_https(&safe, Some(&open)).is_ok(), "a key never goes to the issuer");
        assert!(key.only_over_https(&open, None).is_err());
        let person = read(&[("ZOT_VERIFY_OIDC_PASSWORD", "p"), ("ZOT_VERIFY_OIDC_USER", "pat")]).unwrap().accounts;
        assert!(person.only_over_https(&safe, Some(&open)).is_err());
        assert!(person.only_over_https(&safe, Some(&safe)).is_ok());
        assert!(Accounts::default().only_over_https(&open, Some(&open)).is_ok());
    }
}
