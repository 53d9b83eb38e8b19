//! What is told of a configuration without a registry: whom it lets do what beside what is intended, and what is known to
//! go wrong with it. It asks nobody, and knows zot up to the newest release that was looked at.

pub mod access;
pub mod columns;
pub mod init;
pub mod keys;
pub mod login;
pub mod metrics;
pub mod mirrors;
pub mod storage;
pub mod traps;

use serde::Serialize;
use zot_verify_model::ZotConfig;

use self::columns::{Class, People};
use crate::checks::version::Release;
use crate::policy::decision::Place;
use crate::settings::Intent;

/// How heavy a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Note,
    /// Nobody promised otherwise, and it is better mended.
    Warn,
    /// It contradicts the intent or a requirement, or zot would not come up.
    Fail,
}

impl Severity {
    /// The word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One thing that is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What kind of thing; one of [`IDS`].
    pub id: &'static str,
    /// How heavy it is.
    pub severity: Severity,
    /// What comes of it, in one sentence.
    pub effect: String,
    /// Where it stands, or what is missing there.
    pub place: Place,
    /// What to do; `None` where no configuration helps.
    pub cure: Option<String>,
    /// The first release of zot that it is true of, where not all are.
    pub since: Option<Release>,
    /// The first release that it is no longer true of.
    pub until: Option<Release>,
}

impl Finding {
    /// Something that comes of what stands at `place`.
    pub fn new(id: &'static str, severity: Severity, place: Place, effect: impl Into<String>) -> Self {
        Self { id, severity, effect: effect.into(), place, cure: None, since: None, until: None }
    }

    /// What to do about it.
    #[must_use]
    pub fn cure(mut self, cure: impl Into<String>) -> Self {
        self.cure = Some(cure.into());
        self
    }

    /// The first release that it is true of.
    #[must_use]
    pub fn since(mut self, release: Release) -> Self {
        self.since = Some(release);
        self
    }
}

/// Every kind of finding, and what it is about.
pub const IDS: &[(&str, &str)] = &[
    ("action-unknown", "an action that zot does not know; it takes any word and grants nothing for it"),
    ("admin-policy-ci", "`adminPolicy` names CI's group or user, and goes over every repository's own policies"),
    ("anonymous-writes", "anybody may create, update or delete"),
    ("apikey-scopes", "the scopes of an API key are stored, and never asked for"),
    ("apikey-unmade", "API keys are switched on or off otherwise than it says"),
    ("claim-mapping", "people are known by another claim than `preferred_username`"),
    ("closes", "somebody may not do what is intended"),
    ("compat-docker", "pushes of Docker 20.10 and older are refused"),
    ("condition", "a condition in CEL decides, which is not modelled here"),
    ("default-creates", "whoever can log in may create, update or delete"),
    ("docker-ping", "Docker clients are asked for credentials at /v2/"),
    ("gc-untagged", "what was pushed by digest alone is collected"),
    ("grant-unnamed", "a user or group has rights, and the intent does not name it"),
    ("group-case", "names of groups that differ in nothing but their case"),
    ("issuer-slash", "the issuer lacks the slash at its end that Authentik has"),
    ("key-new", "a key that older releases refuse"),
    ("key-unknown", "a key that zot does not know; it does not start"),
    ("latest-exempt", "whoever may create may move `latest`"),
    ("metrics-closed", "nobody reads metrics without credentials"),
    ("metrics-users", "`users: [\"\"]` no longer lets anybody read metrics"),
    ("mirror-destination", "a mirrored image is found only below the destination"),
    ("opens", "somebody may do what is not intended"),
    ("pattern-bad", "a pattern that zot refuses"),
    ("pattern-tie", "two patterns of the same length stand for the same repository"),
    ("secure-session", "session cookies are sent over plain http, too"),
    ("session-keys", "a restart ends every session"),
    ("sync-digest", "an image in Docker's format gets another digest"),
    ("sync-retries", "an upstream that is down holds up images that are kept"),
    ("tag-parameter", "whoever may create may move any tag"),
];

/// What there is to tell of a configuration.
#[derive(Debug, Clone)]
pub struct Advice {
    /// Who acts.
    pub people: People,
    /// Each kind of repository, and what everybody may do there.
    pub classes: Vec<Class>,
    /// The findings, the heaviest first, then in the order of the configuration.
    pub findings: Vec<Finding>,
}

/// Looks at a configuration. `ci` and `admin` are the names of those users, where they are known.
#[must_use]
pub fn look(config: &ZotConfig, intent: &Intent, ci: &str, admin: Option<&str>) -> Advice {
    let people = People::of(config, &intent.policy, ci, admin);
    let classes = columns::classes(config, &intent.policy, &people);
    let mut findings = columns::differences(config, &classes, &people);
    let told: Vec<Place> = findings.iter().map(|finding| finding.place.clone()).collect();
    // What contradicts the intent is told once.
    findings.extend(access::open(config).into_iter().filter(|finding| !told.contains(&finding.place)));
    findings.extend(access::look(config, &intent.policy, &people));
    findings.extend(keys::look(config));
    findings.extend(metrics::look(config, intent));
    findings.extend(login::look(config));
    findings.extend(mirrors::look(config));
    findings.extend(storage::look(config));
    findings.extend(traps::look(config, intent));
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    Advice { people, classes, findings }
}

/// How heavy it is that a part of a check will fail: as heavy as it can be, unless that is waived.
fn required(intent: &Intent, part: &str) -> Severity {
    if intent.waivers.iter().any(|waiver| waiver.part == part) { Severity::Note } else { Severity::Fail }
}

#[cfg(test)]
mod tests;
