//! Before a restart: will this zot take this configuration, and come up?
//!
//! A zot that refuses its configuration, or misses its issuer, is started again and again by what keeps it running, and
//! serves nobody meanwhile. What can be known before is looked at here. Nothing on the machine is changed, no secret is
//! sent anywhere, and no live registry or upstream is asked; only the issuer is, as zot will ask it.

mod binary;
pub(crate) mod config;
pub(crate) mod copy;
mod credentials;
mod files;
pub(crate) mod issuer;
pub mod line;
mod named;
mod port;
mod program;
pub(crate) mod releases;
mod root;
mod trial;

use std::time::Duration;

use globset::Glob;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, timeout_at};

use self::copy::Copy;
use self::issuer::Issuer;
use self::line::{Finding, Judged, Line, Red};
use self::port::Holder;
use self::program::Program;
use crate::error::Trouble;
use crate::report::printable;
use crate::run::outcome::Verdict;
use crate::session::Surroundings;
use crate::settings::{Preflight, nearest};
use crate::wire::Redactor;

/// Every line, in the order of reports.
pub const LINES: [Line; 19] = [
    line("binary.runs", "the zot runs on this machine and names its release"),
    line("binary.takes-config", "it takes the configuration"),
    line("binary.has-extensions", "it was built with what the configuration switches on"),
    line("config.root-directory", "a directory for images is named"),
    line("config.address", "zot can listen where it is told to"),
    line("config.external-url", "the issuer can send people back"),
    line("config.actions", "every action is one that zot knows"),
    line("config.api-keys", "whoever is to have an API key can make one"),
    line("config.mirrors", "each mirror has an upstream and a reason to ask it"),
    line("config.metrics", "who may read metrics now may read them afterwards"),
    line("machine.credentials", "the issuer's client secret is there, complete, and private"),
    line("machine.files", "every other file that the configuration names is there"),
    line("machine.root-directory", "the directory for images is zot's to use"),
    line("machine.port", "the port is free, or held by the zot that is restarted"),
    line("issuer.answers", "the issuer answers, under exactly its configured name"),
    line("issuer.usable", "people can log in there"),
    line("trial.comes-up", "this zot comes up with this configuration"),
    line("releases.known-traps", "nothing that is known of this release concerns this configuration"),
    line("releases.next", "the next release does not break it"),
];

const fn line(id: &'static str, claim: &'static str) -> Line {
    Line { id, claim }
}

/// The ids of the lines that any of `patterns` matches.
///
/// # Errors
/// Usage trouble for a pattern that matches none.
pub fn matching(patterns: &[String]) -> Result<Vec<&'static str>, Trouble> {
    let known = LINES.map(|line| line.id);
    let mut found = Vec::new();
    for pattern in patterns {
        let glob = Glob::new(pattern).map(|glob| glob.compile_matcher()).ok();
        let matches: Vec<_> = known.iter().filter(|id| glob.as_ref().is_some_and(|glob| glob.is_match(id))).collect();
        if matches.is_empty() {
            return Err(Trouble::usage(
                format!("`{pattern}` matches no line of a preflight"),
                nearest(pattern, &known),
            )
            .cure("a preflight's report shows the id of every line"));
        }
        found.extend(matches);
    }
    Ok(found)
}

/// A preflight that has ended.
#[derive(Debug)]
pub struct Report {
    /// What the program says of itself, where it runs.
    pub version: Option<String>,
    /// Every line that was not left out.
    pub lines: Vec<Judged>,
    /// How long it took.
    pub duration: Duration,
}

/// Looks at everything that was not left out.
///
/// # Errors
/// Trouble with exit code 3 where nothing can be looked at, and with 130 at a signal; what was made is removed then.
pub async fn run(settings: &Preflight, around: &Surroundings) -> Result<Report, Trouble> {
    let failed = |error: std::io::Error| Trouble::unknown("signals cannot be received", error.to_string());
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    tokio::select! {
        report = look(settings, around) => report,
        _ = interrupt.recv() => Err(Trouble::interrupted()),
        _ = terminate.recv() => Err(Trouble::interrupted()),
    }
}

async fn look(settings: &Preflight, around: &Surroundings) -> Result<Report, Trouble> {
    let start = Instant::now();
    let clock = Clock { end: start + settings.timeout, whole: settings.timeout };
    let redactor = around.redactor();
    let copy = Copy::of(&settings.config, &around.program).await.map_err(|error| {
        Trouble::unknown("the configuration could not be copied", error.to_string())
            .cure("look at the directory for temporary files")
    })?;
    copy.secrets.iter().for_each(|secret| redactor.learn(secret));
    let (program, issuer, neighbours) = tokio::join!(
        Program::look(settings, &copy, around, clock),
        clock.within(ask_issuer(settings, around, &redactor)),
        clock.within(Neighbours::look(settings, around, &redactor)),
    );
    let issuer = issuer.unwrap_or_else(|late| Issuer { answers: late.clone(), usable: late });
    let next = match &settings.next {
        _ if settings.skip.contains(&"releases.next") => Finding::Skipped(String::new()),
        Some(next) => {
            let judged = releases::next(&settings.config, &copy, program.binary.as_ref().ok(), next);
            clock.within(judged).await.unwrap_or_else(|late| late)
        }
        None => program.of_binary(|binary| releases::later(&settings.config, binary)),
    };
    copy.end().await.map_err(|error| {
        Trouble::unknown("a copy of the configuration could not be removed", error.to_string())
            .cure("look for zot-verify-* in the directory for temporary files; it holds no secret")
    })?;
    let findings = findings(settings, &program, issuer, &neighbours, next);
    let lines = LINES.into_iter().zip(findings).filter(|(line, _)| !settings.skip.contains(&line.id));
    let redacted = |text: &str| printable(&redactor.redact(text));
    Ok(Report {
        version: program.binary.as_ref().ok().map(|binary| redacted(&binary.commit)),
        lines: lines.map(|(line, finding)| Judged { line, finding: finding.map(redacted) }).collect(),
        duration: start.elapsed(),
    })
}

/// What was found, in the order of [`LINES`].
fn findings(
    settings: &Preflight,
    program: &Program,
    issuer: Issuer,
    neighbours: &Result<Neighbours, Finding>,
    next: Finding,
) -> [Finding; LINES.len()] {
    let given = &settings.config;
    let here = |look: &dyn Fn() -> Finding| if settings.elsewhere { elsewhere() } else { look() };
    let beside = |look: &dyn Fn(&Neighbours) -> Finding| match neighbours {
        _ if settings.elsewhere => elsewhere(),
        Ok(neighbours) => look(neighbours),
        Err(late) => late.clone(),
    };
    let trial = program.trial.as_ref().ok().copied();
    [
        program.binary.as_ref().map_or_else(Clone::clone, |binary| Finding::Good(binary.said())),
        program.takes.clone(),
        program.of_binary(|binary| binary.lacks(given)),
        config::root_directory(given),
        config::address(given),
        config::external_url(given),
        config::actions(given),
        config::api_keys(given),
        config::mirrors(given),
        program.of_binary(|binary| releases::metrics(given, binary, trial)),
        here(&|| credentials::judge(given, settings.file.as_deref())),
        here(&|| named::judge(given)),
        beside(&|neighbours| root::judge(given, neighbours.zot_runs())),
        beside(&|neighbours| neighbours.judge(settings)),
        issuer.answers,
        issuer.usable,
        program.trial.as_ref().map_or_else(Clone::clone, |trial| trial::judge(*trial)),
        program.of_binary(|binary| releases::known(given, binary, trial)),
        next,
    ]
}

async fn ask_issuer(settings: &Preflight, around: &Surroundings, redactor: &Redactor) -> Issuer {
    if settings.skips(&["issuer.answers", "issuer.usable"]) {
        return Issuer { answers: Finding::Skipped(String::new()), usable: Finding::Skipped(String::new()) };
    }
    issuer::ask(&settings.config, settings.elsewhere, &around.run, redactor, &settings.trust).await
}

fn elsewhere() -> Finding {
    Finding::Skipped("zot runs on another machine (--elsewhere)".into())
}

/// When everything must have ended.
#[derive(Debug, Clone, Copy)]
struct Clock {
    end: Instant,
    whole: Duration,
}

impl Clock {
    /// What comes in time.
    async fn within<T>(self, work: impl Future<Output = T>) -> Result<T, Finding> {
        timeout_at(self.end, work).await.map_err(|_| Finding::Unknown {
            why: format!("no time was left of {}", humantime::format_duration(self.whole)),
            cure: "--timeout gives it more".into(),
        })
    }
}

/// Who is there already.
struct Neighbours {
    /// Who holds the configured address.
    holder: Option<Holder>,
    /// Who answers where the zot that is replaced was said to be.
    replaced: Option<Holder>,
}

impl Neighbours {
    async fn look(settings: &Preflight, around: &Surroundings, redactor: &Redactor) -> Self {
        if settings.elsewhere || settings.skips(&["machine.root-directory", "machine.port"]) {
            return Self { holder: None, replaced: None };
        }
        let (run, trust) = (around.run.as_str(), &settings.trust);
        let replaced = async {
            match &settings.replaces {
                Some(place) => Some(port::ask(place, run, redactor, trust).await),
                None => None,
            }
        };
        let (holder, replaced) = tokio::join!(port::holder(&settings.config, run, redactor, trust), replaced);
        Self { holder, replaced }
    }

    /// Whether a zot answers that is to be restarted; `None` where somebody is there who was not asked.
    fn zot_runs(&self) -> Option<bool> {
        let who = [&self.holder, &self.replaced];
        let runs = who.iter().any(|who| matches!(who, Some(Holder::Zot(_))));
        let hides = who.iter().any(|who| matches!(who, Some(Holder::Unbelieved(_))));
        (runs || !hides).then_some(runs)
    }

    fn judge(&self, settings: &Preflight) -> Finding {
        // Who does not show itself here may be the one that answers by its own name.
        let holder = match (&self.holder, &self.replaced) {
            (Some(Holder::Unbelieved(_)), Some(Holder::Zot(_))) => &self.replaced,
            (holder, _) => holder,
        };
        let finding = port::judge(&settings.config, holder.as_ref());
        match (&self.replaced, &settings.replaces) {
            (Some(who), Some(place)) if !matches!(who, Holder::Zot(_)) && finding.verdict() == Verdict::Pass => {
                Red::fail(format!("a zot answers at {place} (--replaces)"), "none does")
                    .because("then it is not known which zot is restarted", "leave --replaces out where none runs")
                    .into()
            }
            _ => finding,
        }
    }
}
