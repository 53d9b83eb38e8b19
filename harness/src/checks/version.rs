//! `version.known-traps`: which zot this is, and which of the known traps are open.
//!
//! A trap is a change of behaviour between releases that broke somebody who changed nothing. Whether one is open is
//! told from what other parts saw; the named release alone is no witness, since a build between two releases carries
//! the older one's name.

mod saboteurs;

use super::expect;
use crate::check::{Check, Effect, Level, Part, Probe, Profile};
use crate::run::outcome::{Breach, CheckOutcome, Edit, Halt, Judged, PartOutcome, Proof, Verdict, part_among};
use crate::target::Deployment;

/// What the check declares.
pub const CHECK: Check = Check {
    id: "version.known-traps",
    title: "zot names its release, and behaves as that release is known to",
    requirement: "Releases have silently broken parts of a hardened registry (zot pull requests 3868, 3992, 4131). \
                  A release that is known tells which traps lie behind and which ahead.",
    profile: Profile::Full,
    parts: &[
        Part {
            name: "named",
            claim: "zot names its release and its commit",
            asks: &[],
            level: Level::Hardening,
            effect: Effect::Reads,
            needs: &[],
            probe: Probe::Concludes(named),
        },
        Part {
            name: "explained",
            claim: "the named release explains every known trap that other checks fell into",
            asks: &[],
            level: Level::Hardening,
            effect: Effect::Reads,
            needs: &[],
            probe: Probe::Concludes(explained),
        },
    ],
    saboteurs: saboteurs::ALL,
};

/// A release of zot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release(pub u16, pub u16, pub u16);

impl Release {
    /// Reads `v2.1.20`, with or without what a build appends.
    #[must_use]
    pub fn parse(tag: &str) -> Option<Self> {
        let mut numbers = tag.trim_start_matches('v').split(['.', '-']).map(str::parse);
        match (numbers.next(), numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch))) => Some(Self(major, minor, patch)),
            _ => None,
        }
    }
}

impl std::fmt::Display for Release {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "v{}.{}.{}", self.0, self.1, self.2)
    }
}

/// A change of behaviour that broke somebody who changed nothing.
#[derive(Debug)]
pub struct Trap {
    /// A short name.
    pub name: &'static str,
    /// The parts that see it, each `(check, part)`.
    pub seen_by: &'static [(&'static str, &'static str)],
    /// The first release that has it.
    pub since: Release,
    /// The first release that has it no more.
    pub until: Option<Release>,
    /// What it is.
    pub cause: &'static str,
    /// What to change; `None` where no configuration helps.
    pub cure: Option<&'static str>,
    /// The same as an edit of zot's configuration, where it is one.
    pub edit: Option<&'static Edit>,
}

/// Docker user agents are challenged at `/v2/`.
pub const DOCKER_PING: Trap = Trap {
    name: "docker-ping",
    seen_by: &[("pull.personas", "docker"), ("pull.personas", "compose"), ("pull.personas", "cri-dockerd")],
    since: Release(2, 1, 16),
    until: None,
    cause: "changed in zot v2.1.16: /v2/ answers 401 to Docker user agents where anonymous and other policies are \
            mixed (v2.1.17 widened it to everything that begins with docker/); a daemon without stored credentials \
            then gives up, unless it uses the containerd image store, which never asks /v2/",
    cure: None,
    edit: None,
};

/// Anonymous scrapes need a policy of their own.
pub const METRICS_USERS: Trap = Trap {
    name: "metrics-users",
    seen_by: &[("metrics.anonymous", "access")],
    since: Release(2, 1, 18),
    until: None,
    cause: "changed in zot v2.1.18: metrics.users [\"\"] no longer lets anybody read; metrics.anonymousPolicy does",
    cure: Some(
        "set http.accessControl.metrics.anonymousPolicy to [\"read\"], in the same change as the binary: since v2.1.18 \
         it is needed, before that zot refuses to start with it",
    ),
    edit: Some(&Edit { key: "http.accessControl.metrics.anonymousPolicy", value: r#"["read"]"# }),
};

/// `latest` was not a tag like others.
pub const LATEST_EXEMPT: Trap = Trap {
    name: "latest-exempt",
    seen_by: &[("tags.immutable", "latest")],
    // Every release that has groups, as far as is known.
    since: Release(0, 0, 0),
    until: Some(Release(2, 1, 15)),
    cause: "before v2.1.15 zot asks for `create` alone where the tag is `latest`, so whoever may push may overwrite it \
            (fixed in v2.1.15, zot pull request 3847)",
    cure: Some("upgrade to v2.1.15 or later; until then deploy no `latest`"),
    edit: None,
};

/// A push by digest took tags along without asking whether they exist.
pub const TAG_PARAMETER: Trap = Trap {
    name: "tag-parameter",
    seen_by: &[("tags.immutable", "by-digest-tag")],
    since: Release(2, 1, 16),
    until: Some(Release(2, 1, 19)),
    cause: "from v2.1.16 to v2.1.18 zot asks for `create` alone where a tag comes as `?tag=` of a push by digest, so \
            whoever may push may move any tag (fixed in v2.1.19, zot pull request 4266)",
    cure: Some("upgrade to v2.1.19 or later; until then refuse pushes with `tag=` in the query at the proxy in front"),
    edit: None,
};

/// Every known trap.
pub const TRAPS: &[&Trap] = &[&DOCKER_PING, &METRICS_USERS, &LATEST_EXEMPT, &TAG_PARAMETER];

impl Trap {
    /// The breach with this trap as its likely cause.
    #[must_use]
    pub fn explains(&self, breach: Breach) -> Breach {
        breach.because(self.cause, self.cure).cured_by(self.edit)
    }

    /// Whether a release is known to have it.
    pub(crate) fn is_in(&self, release: Release) -> bool {
        self.since <= release && self.until.is_none_or(|until| release < until)
    }

    /// Why a release is known not to have it.
    fn absence(&self, release: Release) -> String {
        match self.until {
            Some(until) if until <= release => format!("went with {until}"),
            _ => format!("came with {}", self.since),
        }
    }

    /// Whether a part that would see it was judged.
    fn looked_at(&self, outcomes: &[CheckOutcome]) -> bool {
        let judged = |outcome: &PartOutcome| {
            matches!(outcome.verdict, Verdict::Pass | Verdict::Waived | Verdict::Warn | Verdict::Fail)
        };
        self.seen_by.iter().filter_map(|(check, part)| part_among(outcomes, check, part)).any(judged)
    }

    /// Whether a part of this run fell into it.
    fn open(&self, outcomes: &[CheckOutcome]) -> bool {
        self.seen_by
            .iter()
            .filter_map(|(check, part)| part_among(outcomes, check, part))
            .any(|outcome| outcome.hint.as_ref().is_some_and(|hint| hint.cause == self.cause))
    }
}

fn named(deployment: &Deployment, _: &[CheckOutcome]) -> Judged {
    let answer = deployment.mgmt.as_ref().map_err(Clone::clone)?;
    let expected = "GET /v2/_zot/ext/mgmt names releaseTag and commit";
    match (&deployment.zot_version, &deployment.zot_commit) {
        (Some(version), Some(commit)) => Ok(Proof::of(format!("{version}, commit {commit}"), answer)),
        _ if answer.status() != 200 => Err(Breach::new(expected, expect::observed(answer), answer)
            .because("this zot has no mgmt extension, or something in front of it hides it", None)
            .into()),
        _ => Err(Breach::new(expected, "no release or no commit", answer)
            .because("this zot was built without the release's names; traps are told from behaviour alone", None)
            .into()),
    }
}

fn explained(deployment: &Deployment, outcomes: &[CheckOutcome]) -> Judged {
    let mgmt = deployment.mgmt.as_ref().map_err(Clone::clone)?;
    let version = deployment.zot_version.as_deref().unwrap_or_default();
    let Some(release) = Release::parse(version) else {
        return Err(Halt::Skip("needs a release to compare with; zot names none".into()));
    };
    let (seen, unseen): (Vec<&&Trap>, Vec<&&Trap>) = TRAPS.iter().partition(|trap| trap.looked_at(outcomes));
    if seen.is_empty() {
        return Err(Halt::Skip("needs checks that see traps: pull.personas, metrics.anonymous, tags.immutable".into()));
    }
    let open: Vec<&&Trap> = TRAPS.iter().filter(|trap| trap.open(outcomes)).collect();
    if let Some(odd) = open.iter().find(|trap| !trap.is_in(release)) {
        let expected = format!("{release} does not have the trap {}, which {}", odd.name, odd.absence(release));
        let cause = "a build between two releases carries the older one's name; trust the commit and the behaviour";
        return Err(Breach::new(expected, odd.cause, mgmt).because(cause, None).into());
    }
    let names = |traps: &[&&Trap]| match traps {
        [] => "none".to_owned(),
        traps => traps.iter().map(|trap| trap.name).collect::<Vec<_>>().join(", "),
    };
    let mut said = format!("{release}, known traps open: {}", names(&open));
    if !unseen.is_empty() {
        said = format!("{said}; not looked at: {}", names(&unseen));
    }
    Ok(Proof::of(said, mgmt))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read_and_ordered() {
        assert_eq!(Release::parse("v2.1.9"), Some(Release(2, 1, 9)));
        assert_eq!(Release::parse("v2.1.20-4-gabcdef"), Some(Release(2, 1, 20)));
        assert!(Release::parse("v2.1.9") < Release::parse("v2.1.20"));
        assert_eq!(Release::parse("main"), None);
        assert_eq!(Release::parse(""), None);
    }
}
