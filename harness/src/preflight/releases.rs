//! What this release and the next ones do to a configuration that was good before.

use std::path::Path;

use zot_verify_model::ZotConfig;
use zot_verify_model::principal::Action;

use super::binary::{Binary, takes};
use super::copy::Copy;
use super::line::{Finding, Red};
use super::trial::Trial;
use crate::checks::version::{DOCKER_PING, METRICS_USERS, Release, TRAPS, Trap};

/// The newest release that was looked at for traps.
const KNOWN: Release = Release(2, 1, 20);

/// Whether metrics go dark. A trial that was started is believed before the release: a build between two releases
/// carries the older one's name.
#[must_use]
pub(super) fn metrics(config: &ZotConfig, binary: &Binary, trial: Option<Trial>) -> Finding {
    if !concerns(&METRICS_USERS, config) {
        let access = config.metrics_access();
        return Finding::Good(match config.metrics_path() {
            None => "no metrics are configured".into(),
            Some(path) if access.anonymous.contains(&Action::Read) => format!("anybody may read {path}"),
            Some(path) => format!("{path} is for those who are named"),
        });
    }
    let seen = trial.and_then(|trial| trial.metrics);
    let dark = match (seen, binary.release) {
        (Some(404), _) => {
            let why = "this zot answers 404 where metrics are to be, whoever asks; see binary.has-extensions";
            return Finding::Skipped(why.into());
        }
        (Some(status), _) => status != 200,
        (None, Some(release)) => METRICS_USERS.is_in(release),
        (None, None) => {
            let why = "http.accessControl.metrics.users [\"\"] lets anybody read metrics until v2.1.17, and this zot names no release";
            return Finding::Unknown {
                why: why.into(),
                cure: "let the trial start tell: leave out --skip trial.comes-up".into(),
            };
        }
    };
    if !dark {
        return Finding::Good("anybody may read metrics, as users [\"\"] says".into());
    }
    let observed = seen.map_or_else(
        || format!("{} refuses it", binary.name()),
        |status| format!("{} answers {status} to anybody", binary.name()),
    );
    Red::fail("anybody may read metrics, as http.accessControl.metrics.users [\"\"] says", observed)
        .because(METRICS_USERS.cause, METRICS_USERS.cure)
        .into()
}

/// The traps that this release has and this configuration steps into.
#[must_use]
pub(super) fn known(config: &ZotConfig, binary: &Binary, trial: Option<Trial>) -> Finding {
    let is_in = |trap: &Trap| match (trial, binary.release) {
        (Some(trial), _) if trap.name == DOCKER_PING.name => trial.anybody == 200 && trial.docker == 401,
        (_, Some(release)) => trap.is_in(release),
        (_, None) => false,
    };
    if binary.release.is_none() && trial.is_none() {
        return Finding::Skipped("this zot names no release".into());
    }
    // What was seen needs no rule that says so.
    let seen = |trap: &Trap| trial.is_some() && trap.name == DOCKER_PING.name;
    let concerned = |trap: &Trap| seen(trap) || concerns(trap, config);
    let open = TRAPS.iter().filter(|trap| trap.name != METRICS_USERS.name && is_in(trap) && concerned(trap));
    let expected = format!("nothing that is known of {} concerns this configuration", binary.name());
    let reds = open.map(|trap| Red::warn(expected.as_str(), trap.name).because(trap.cause, trap.cure)).collect();
    Finding::of(reds, expected.clone())
}

/// What comes with later releases, as far as it is known.
#[must_use]
pub(super) fn later(config: &ZotConfig, binary: &Binary) -> Finding {
    let Some(release) = binary.release else {
        return Finding::Skipped("this zot names no release; name the next one with --next ZOT".into());
    };
    let ahead = TRAPS.iter().filter(|trap| release < trap.since && concerns(trap, config));
    let expected = format!("no release after {release} up to {KNOWN} changes what this configuration does");
    let reds = ahead
        .map(|trap| {
            Red::warn(expected.as_str(), format!("{}, from {}", trap.name, trap.since)).because(trap.cause, trap.cure)
        })
        .collect();
    let known = if release < KNOWN { expected.clone() } else { format!("nothing is known of releases after {KNOWN}") };
    Finding::of(reds, known)
}

/// What the next release, which was named, makes of the configuration.
pub(super) async fn next(config: &ZotConfig, copy: &Copy, binary: Option<&Binary>, program: &Path) -> Finding {
    let next = match Binary::ask(program).await {
        Ok(next) => next,
        Err(finding) => return finding,
    };
    let taken = takes(program, &next.name(), copy, config).await;
    if !matches!(taken, Finding::Good(_)) {
        return taken;
    }
    let Some(release) = next.release else {
        return Finding::Good(format!("{} takes the configuration", next.name()));
    };
    let now = binary.and_then(|binary| binary.release);
    let new = TRAPS
        .iter()
        .filter(|trap| trap.is_in(release) && !now.is_some_and(|now| trap.is_in(now)) && concerns(trap, config));
    let expected = format!("{release} does what this configuration says");
    let reds = new.map(|trap| {
        let observed = format!("{}, from {}", trap.name, trap.since);
        // What a configuration can mend must be mended before that release comes.
        let mends = trap.name == METRICS_USERS.name;
        let red = if mends { Red::fail(expected.as_str(), observed) } else { Red::warn(expected.as_str(), observed) };
        red.because(trap.cause, trap.cure)
    });
    let reds: Vec<Red> = reds.collect();
    Finding::of(reds, format!("{release} takes the configuration, and nothing is known that it changes"))
}

/// Whether a configuration steps into a trap.
#[must_use]
pub(crate) fn concerns(trap: &Trap, config: &ZotConfig) -> bool {
    let repositories = config.repositories();
    match trap.name {
        "docker-ping" => {
            let anybody = repositories.iter().any(|policy| !policy.anonymous.is_empty());
            let admins = config.get(&["http", "accessControl", "adminPolicy"]).is_some();
            let others = repositories.iter().any(|policy| !policy.policies.is_empty() || !policy.default.is_empty());
            anybody && (admins || others)
        }
        "metrics-users" => {
            let access = config.metrics_access();
            config.metrics_path().is_some()
                && access.users.iter().any(String::is_empty)
                && !access.anonymous.contains(&Action::Read)
        }
        "latest-exempt" | "tag-parameter" => repositories.iter().any(|policy| {
            let only_creates =
                |actions: &[Action]| actions.contains(&Action::Create) && !actions.contains(&Action::Update);
            only_creates(&policy.default) || policy.policies.iter().any(|grant| only_creates(&grant.actions))
        }),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::outcome::Verdict::{self, Error, Fail, Pass, Skipped, Warn};

    const DEPLOYED: &str = include_str!("../../../tests/data/deployed.json");

    fn deployed() -> ZotConfig {
        ZotConfig::parse(DEPLOYED).unwrap()
    }

    fn mended() -> ZotConfig {
        ZotConfig::parse(&DEPLOYED.replace(r#""users": [""]"#, r#""anonymousPolicy": ["read"]"#)).unwrap()
    }

    fn of(release: &str) -> Binary {
        Binary { commit: release.into(), release: Release::parse(release), extensions: None }
    }

    fn names(finding: &Finding) -> String {
        match finding {
            Finding::Bad(reds) => reds.iter().map(|red| red.observed.as_str()).collect::<Vec<_>>().join("; "),
            _ => String::new(),
        }
    }

    #[test]
    fn metrics_go_dark_with_v2_1_18_unless_a_trial_says_otherwise() {
        let trial = |metrics| Some(Trial { anybody: 200, docker: 200, metrics: Some(metrics) });
        let table: [(Verdict, ZotConfig, &str, Option<Trial>); 8] = [
            (Pass, deployed(), "v2.1.17", None),
            (Fail, deployed(), "v2.1.18", None),
            (Fail, deployed(), "v2.1.17-30-gabcdef", trial(401)),
            (Pass, deployed(), "v2.1.20", trial(200)),
            (Skipped, deployed(), "v2.1.20", trial(404)),
            (Error, deployed(), "abcdef", None),
            (Pass, mended(), "v2.1.20", None),
            (Pass, ZotConfig::default(), "v2.1.20", None),
        ];
        for (wanted, config, release, trial) in table {
            assert_eq!(metrics(&config, &of(release), trial).verdict(), wanted, "{release} {trial:?}");
        }
    }

    #[test]
    fn this_release_has_its_traps_and_the_next_ones_theirs() {
        let known = |release, trial| known(&deployed(), &of(release), trial);
        assert_eq!(names(&known("v2.1.14", None)), "latest-exempt");
        assert_eq!(known("v2.1.15", None).verdict(), Pass);
        assert_eq!(names(&known("v2.1.17", None)), "docker-ping; tag-parameter");
        assert_eq!(names(&known("v2.1.20", None)), "docker-ping");
        assert_eq!(known("abcdef", None).verdict(), Skipped);
        let trial = Trial { anybody: 200, docker: 200, metrics: None };
        assert_eq!(known("v2.1.20", Some(trial)).verdict(), Pass, "behaviour is believed before the name");

        let admins = r#"{"http":{"accessControl":{"adminPolicy":{"users":["a"],"actions":["read"]},"repositories":{"**":{"anonymousPolicy":["read"]}}}}}"#;
        let admins = ZotConfig::parse(admins).unwrap();
        assert_eq!(names(&super::known(&admins, &of("v2.1.20"), None)), "docker-ping");
        let refused = Trial { docker: 401, ..trial };
        assert_eq!(names(&super::known(&ZotConfig::default(), &of("abcdef"), Some(refused))), "docker-ping");

        let later = |release| later(&deployed(), &of(release));
        assert_eq!(
            names(&later("v2.1.15")),
            "docker-ping, from v2.1.16; metrics-users, from v2.1.18; tag-parameter, from v2.1.16"
        );
        assert_eq!(later("v2.1.15").verdict(), Warn);
        assert_eq!(later("v2.1.20").verdict(), Pass);
        assert_eq!(later("abcdef").verdict(), Skipped);
    }
}
