//! `policy.matrix`: the registry is as closed and as open as its owner means it to be, cell by cell.

mod cells;
mod classes;
mod saboteurs;

use std::io;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use zot_verify_model::ZotConfig;
use zot_verify_model::layout::Seed;
use zot_verify_model::principal::{Principal, Role};

use self::cells::{Cell, Seen, WAYS};
use self::classes::{Class, classes};
use super::{expect, pushing};
use crate::bench::Bench;
use crate::bounds;
use crate::check::{Check, Effect, Level, Need, Part, Probe, Profile};
use crate::login::SignedIn;
use crate::login::people::{ADMIN, CI, NOBODY, Person};
use crate::policy::decision::{self, Ruling};
use crate::policy::intended::Intended;
use crate::run::outcome::{Breach, Halt, Judged, Proof};
use crate::wire::{Exchange, Request};

/// Whose requests a part sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Caller {
    /// The part's name, and what the caller's tags begin with.
    name: &'static str,
    role: Role,
    credentials: Credentials,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Credentials {
    Nothing,
    Key(Person),
    Session(Person),
}

const ANONYMOUS: Caller = Caller { name: "anonymous", role: Role::Anonymous, credentials: Credentials::Nothing };
const USER_KEY: Caller =
    Caller { name: "authenticated-key", role: Role::Authenticated, credentials: Credentials::Key(NOBODY) };
const USER_SESSION: Caller =
    Caller { name: "authenticated-session", role: Role::Authenticated, credentials: Credentials::Session(NOBODY) };
const CI_KEY: Caller = Caller { name: "ci-key", role: Role::Ci, credentials: Credentials::Key(CI) };
const CI_SESSION: Caller = Caller { name: "ci-session", role: Role::Ci, credentials: Credentials::Session(CI) };
const ADMIN_KEY: Caller = Caller { name: "admin-key", role: Role::Admin, credentials: Credentials::Key(ADMIN) };
const ADMIN_SESSION: Caller =
    Caller { name: "admin-session", role: Role::Admin, credentials: Credentials::Session(ADMIN) };

/// Everybody who knocks.
const CALLERS: [Caller; 7] = [ANONYMOUS, USER_KEY, USER_SESSION, CI_KEY, CI_SESSION, ADMIN_KEY, ADMIN_SESSION];

/// A part that knocks on every door for one caller.
macro_rules! part {
    ($caller:ident, $needs:expr, $claim:literal) => {
        Part {
            name: $caller.name,
            claim: $claim,
            asks: &["GET *", "POST *", "PATCH /v2/*", "PUT /v2/*", "DELETE /v2/*"],
            level: Level::Requirement,
            effect: Effect::LabOnly,
            needs: $needs,
            probe: Probe::Asks(|bench| Box::pin(knocks(bench, &$caller))),
        }
    };
}

/// What the check declares.
pub const CHECK: Check = Check {
    id: "policy.matrix",
    title: "everybody may do what is intended, and nothing else",
    requirement: "Every caller, at every door, in every class of repositories: what is intended is done, what is not is \
                  refused and leaves everything as it was. Of the patterns in zot's configuration the longest decides \
                  alone, so that a narrow one can open or close what the others say.",
    profile: Profile::Full,
    parts: &[
        part!(ANONYMOUS, &[], "whoever gives no credentials may do what is intended, and nothing else"),
        part!(USER_KEY, &[Need::Key], "somebody in no group, with a key, may do what is intended, and nothing else"),
        part!(
            USER_SESSION,
            &[Need::Session],
            "somebody in no group, in a session, may do what is intended, and nothing else"
        ),
        part!(CI_KEY, &[Need::Key], "CI, with a key, may do what is intended, and nothing else"),
        part!(CI_SESSION, &[Need::Session], "CI, in a session, may do what is intended, and nothing else"),
        part!(ADMIN_KEY, &[Need::Key], "an admin, with a key, may do what is intended, and nothing else"),
        part!(ADMIN_SESSION, &[Need::Session], "an admin, in a session, may do what is intended, and nothing else"),
    ],
    saboteurs: saboteurs::ALL,
};

/// What a lab of this configuration holds for the matrix.
///
/// # Errors
/// As [`Image::build`](zot_verify_model::image::Image::build).
pub fn seeds(config: &ZotConfig, intended: &Intended) -> io::Result<Vec<Seed>> {
    let mut elsewhere = Seed { repository: cells::ELSEWHERE.into(), ..Seed::default() };
    let mut seeds = Vec::new();
    for class in classes(config, intended) {
        let mut seed = Seed { repository: class.repository.clone(), ..Seed::default() };
        for caller in &CALLERS {
            cells::stage(&class, caller, &mut seed, &mut elsewhere)?;
        }
        seeds.push(seed);
    }
    Ok(seeds.into_iter().chain([elsewhere]).collect())
}

async fn knocks(bench: Bench, caller: &'static Caller) -> Judged {
    let config = bench.deployment.configured.clone().unwrap_or_default();
    let visit = Visit::new(&bench, caller).await?;
    let (mut cells, mut unseen) = (Vec::new(), Vec::new());
    for class in classes(&config, &bench.intent.policy) {
        let ground = visit.stands(&class).await;
        for way in WAYS.iter().filter(|way| ground.is_ok() || way.is_read()) {
            cells.push(Cell::new(&class, caller, way, &bench.intent.policy).map_err(pushing::unbuilt)?);
        }
        unseen.extend(ground.err());
    }
    let tried: Vec<_> = stream::iter(cells).map(|cell| visit.tries(cell)).buffered(bounds::CELLS).collect().await;
    let mut seen = Vec::new();
    for result in tried {
        match result {
            Ok(one) => seen.push(one),
            Err(halt) => unseen.push(halt),
        }
    }
    let wrong: Vec<_> = seen.iter().filter_map(|(cell, seen)| Some((cell, seen, cell.wrong(seen)?))).collect();
    if let Some((cell, first, how)) = wrong.first() {
        let others: Vec<&Cell> = wrong.iter().skip(1).map(|(cell, _, _)| *cell).collect();
        let observed = match others.len() {
            0 => how.clone(),
            more => format!("{how}; so with {more} more: {}", named(&others)),
        };
        let breach = Breach::new(cell.expected(), observed, &first.answer);
        return Err(explained(breach, &config, &visit, cell).into());
    }
    // What is wrong is told first; what could not be seen leaves the rest without a proof.
    if let Some(halt) = unseen.into_iter().next() {
        return Err(halt);
    }
    let idle = seen.iter().filter(|(cell, seen)| cell.is_idle(seen)).count();
    let done = seen.iter().filter(|(cell, seen)| cell.allowed && !cell.is_idle(seen)).count();
    let refused = seen.len() - done - idle;
    let idle = if idle == 0 { String::new() } else { format!(", {idle} without effect: `?tag=` is not read") };
    let said = format!("{} cells: {done} allowed and done, {refused} refused and left as it was{idle}", seen.len());
    let exchanges = seen.iter().flat_map(|(_, seen)| seen.exchanges());
    Proof::over(said, exchanges).ok_or_else(|| Halt::Error("there was no cell to look at".into()))
}

/// The ways of these cells, one repository after the other.
fn named(cells: &[&Cell]) -> String {
    let shown = cells.get(..bounds::FINDINGS).unwrap_or(cells);
    let of = shown.chunk_by(|one, other| one.repository == other.repository).map(|cells| {
        let ways: Vec<&str> = cells.iter().map(|cell| cell.way()).collect();
        let repository = cells.first().map_or("", |cell| cell.repository.as_str());
        format!("{} in {repository}", ways.join(", "))
    });
    let more = if shown.len() < cells.len() { "; …" } else { "" };
    format!("{}{more}", of.collect::<Vec<_>>().join("; "))
}

/// Which rule of the configuration is behind it.
fn explained(breach: Breach, config: &ZotConfig, visit: &Visit<'_>, cell: &Cell) -> Breach {
    let decided = decision::decide(config, &visit.principal, &cell.repository, cell.action);
    let written = visit.bench.deployment.written.as_ref();
    let spot = written.and_then(|source| source.spot(&decided.by.keys()));
    let by = match spot {
        Some(spot) => format!("{} ({}:{}:{})", decided.by, spot.file, spot.line, spot.column),
        None => decided.by.to_string(),
    };
    let action = cell.action.word();
    match (decided.ruling, cell.allowed) {
        (Ruling::Granted, false) => breach.because(
            format!("{by} grants it"),
            Some(&format!("take `{action}` out of it, or the caller out of its group")),
        ),
        (Ruling::Refused, true) => breach.because(
            format!("the configuration does not grant it: {by} decides for {} alone", cell.repository),
            Some(&format!("grant `{action}` there")),
        ),
        (Ruling::Conditional, _) => {
            breach.because(format!("a condition in {by} decides"), Some("look at its expression"))
        }
        (Ruling::Chance, _) => breach.because(
            format!("two patterns of the same length stand for {}, and zot takes either", cell.repository),
            Some(&format!("make {by} longer, or one of them")),
        ),
        _ => breach.because(format!("zot does other than its configuration says ({by})"), None),
    }
}

/// A caller with what proves who it is, and somebody who can look at what came of it.
struct Visit<'a> {
    bench: &'a Bench,
    caller: &'static Caller,
    principal: Principal,
    proof: Proven,
}

/// What a caller sends along.
enum Proven {
    Nothing,
    Key(zot_verify_model::Account),
    Session(SignedIn),
}

impl<'a> Visit<'a> {
    async fn new(bench: &'a Bench, caller: &'static Caller) -> Result<Self, Halt> {
        let people = &bench.setup.people;
        let (proof, name) = match caller.credentials {
            Credentials::Nothing => (Proven::Nothing, None),
            Credentials::Key(who) => (Proven::Key(people.key(bench, who).await?.account), Some(who.name)),
            Credentials::Session(who) => (Proven::Session(people.session(bench, who).await?), Some(who.name)),
        };
        let groups = bench.deployment.groups.of_role(caller.role).into_iter().map(str::to_owned).collect();
        let principal = name.map_or(Principal::Anonymous, |name| Principal::User { name: name.to_owned(), groups });
        Ok(Self { bench, caller, principal, proof })
    }

    /// A request as this caller sends it.
    fn asks(&self, request: Request) -> Request {
        match &self.proof {
            Proven::Nothing => request,
            Proven::Key(account) => request.by(account),
            Proven::Session(session) => session.asks(request),
        }
    }

    /// Looks as anybody or, where anybody may not, as an admin. What neither may see cannot be told.
    async fn looks(&self, request: Request) -> Result<Arc<Exchange>, Halt> {
        let look = self.bench.wire.send(request.clone()).await?;
        if !matches!(look.status(), 401 | 403) {
            return Ok(look);
        }
        let session = self.bench.setup.people.session(self.bench, ADMIN).await?;
        let look = self.bench.wire.send(session.asks(request)).await?;
        match look.status() {
            401 | 403 => {
                let line = look.line(self.bench.wire.redactor());
                Err(Halt::Error(format!("what came of it cannot be seen: {line} answers {}", expect::observed(&look))))
            }
            _ => Ok(look),
        }
    }

    /// The lab holds what the cells of a class need; otherwise they would prove nothing.
    async fn stands(&self, class: &Class) -> Result<(), Halt> {
        let list = self.looks(Request::get(format!("/v2/{}/tags/list", class.repository)).following()).await?;
        let there = |tag: &str| {
            let tags = list.json().and_then(|body| Some(body.get("tags")?.as_array()?.clone()));
            tags.is_some_and(|tags| tags.iter().any(|listed| listed == tag))
        };
        match WAYS.iter().filter_map(|way| cells::seeded_tag(self.caller, way)).all(|tag| there(&tag)) {
            true => Ok(()),
            false => Err(Halt::Error(format!("the lab's seed is not served in {}", class.repository))),
        }
    }

    async fn tries(&self, cell: Cell) -> Result<(Cell, Seen), Halt> {
        let answer = self.bench.wire.send(self.asks(cell.request())).await?;
        let look = match cell.look(&answer, self.bench.wire.registry(), self.bench.wire.redactor()) {
            Some(look) => Some(self.looks(look.following()).await?),
            None => None,
        };
        Ok((cell, Seen { answer, look }))
    }
}
