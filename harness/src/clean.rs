//! Removes what live runs left behind: only what a ledger lists, only in the canary, and never by digest, under which
//! somebody else's tag may stand.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anstyle::{AnsiColor, Style};
use http::Method;
use url::Url;

use crate::bounds;
use crate::error::{Trouble, written};
use crate::ledger::{self, Item, Kind, State, Volume};
use crate::report::printable;
use crate::run::exit::Exit;
use crate::session::Surroundings;
use crate::settings::{Cleaning, Which, nearest};
use crate::target::{Whose, believed, is_repository, is_tag, recognise};
use crate::wire::{Exchange, Redactor, Request, Wire, WireError};

/// What became of something.
#[derive(Debug)]
enum Fate {
    /// We removed it.
    Removed,
    /// It was not there any more.
    Gone,
    /// It stays, and the registry or time will see to it.
    Kept(String),
    /// It is there, and somebody could remove it.
    Remains(String),
    /// We could not tell.
    Unknown(String),
}

/// Something that a ledger lists.
#[derive(Debug)]
struct Left {
    /// The ledger.
    path: PathBuf,
    item: Item,
    /// A run that has not ended, on the registry where this is.
    by: Option<String>,
}

/// Removes what the ledgers list, tells what became of each, and answers with an exit code.
///
/// # Errors
/// Trouble with the ledgers, or with a registry that does not answer.
pub async fn run(cleaning: &Cleaning, around: &Surroundings, out: &mut dyn Write) -> Result<Exit, Trouble> {
    let (left, unreadable) = left(cleaning)?;
    let mut exit = Exit::Good;
    for path in &unreadable {
        written(writeln!(out, "{} has a line that cannot be read; look there for what it may list", path.display()))?;
        exit = Exit::Unknown;
    }
    if left.is_empty() {
        written(writeln!(out, "nothing is left behind that a ledger lists"))?;
        return Ok(exit);
    }
    let done = tokio::time::timeout(cleaning.timeout, sweep(cleaning, around, left, out)).await;
    let limit = humantime::format_duration(cleaning.timeout);
    let found = done.map_err(|_| {
        Trouble::unknown(format!("not done within {limit}"), "what was removed is noted, and the rest still stands")
            .cure("run it again, or give it more time with --timeout")
    })??;
    Ok(exit.or(found))
}

/// What may still be there of what was asked for, and the ledgers that say more than can be read.
fn left(cleaning: &Cleaning) -> Result<(Vec<Left>, Vec<PathBuf>), Trouble> {
    let volumes = cleaning.place.read().map_err(|(path, error)| {
        Trouble::usage(format!("the ledger {} could not be read", path.display()), error.to_string())
            .cure("name the file that the run wrote, with --ledger")
    })?;
    let unreadable = volumes.iter().filter(|volume| volume.unreadable > 0).map(|volume| volume.path.clone()).collect();
    // Of several runs that write to one ledger the last one is named.
    let in_use = volumes.iter().filter(|volume| volume.in_use).flat_map(|volume| volume.items.iter().rev());
    let going_on: Vec<(Url, String)> =
        in_use.filter_map(|item| Some((Url::parse(&item.registry).ok()?, item.run.clone()))).collect();
    let mut all: Vec<Left> = Vec::new();
    for Volume { path, items, .. } in volumes {
        for item in items {
            let by = going_on.iter().find(|(registry, _)| is_on(&item, registry)).map(|(_, run)| run.clone());
            all.push(Left { path: path.clone(), item, by });
        }
    }
    if let Which::Run(run) = &cleaning.which
        && !all.iter().any(|left| left.item.run == *run)
    {
        let runs: BTreeSet<&str> = all.iter().map(|left| left.item.run.as_str()).collect();
        let known = if runs.is_empty() {
            format!("{} lists nothing", cleaning.place)
        } else {
            nearest(run, &runs.into_iter().collect::<Vec<_>>())
        };
        return Err(Trouble::usage(format!("no ledger knows the run `{run}`"), known)
            .cure("give the run as its report names it, or --all"));
    }
    let wanted = |item: &Item| match &cleaning.which {
        Which::Run(run) => item.run == *run,
        Which::All => true,
        Which::Live(url) => is_on(item, url),
    };
    let mut left: Vec<Left> =
        all.into_iter().filter(|left| wanted(&left.item) && left.item.state != State::Removed).collect();
    // What a tag names can only go when the tag has gone.
    left.sort_by_key(|left| left.item.kind);
    Ok((left, unreadable))
}

/// Whether it is on this registry.
fn is_on(item: &Item, registry: &Url) -> bool {
    let place = |url: &Url| (url.origin(), url.path().trim_end_matches('/').to_owned());
    Url::parse(&item.registry).is_ok_and(|noted| place(&noted) == place(registry))
}

async fn sweep(
    cleaning: &Cleaning,
    around: &Surroundings,
    left: Vec<Left>,
    out: &mut dyn Write,
) -> Result<Exit, Trouble> {
    let redactor = around.redactor();
    let mut broom = None;
    let mut exit = Exit::Good;
    let (mut gone, mut kept, mut remain, mut wants_key) = (0, 0, 0, false);
    for Left { path, item, by } in left {
        let fate = match unasked(cleaning, &item, by.as_deref()) {
            Err(fate) => fate,
            Ok(registry) => {
                let broom = match &mut broom {
                    Some(broom) => broom,
                    none => none.insert(Broom::new(cleaning, registry, around, &redactor).await?),
                };
                let fate = broom.sweep(&item).await;
                wants_key |= cleaning.admin.is_none() && matches!(fate, Fate::Remains(_) | Fate::Unknown(_));
                fate
            }
        };
        let (state, why) = match &fate {
            Fate::Removed | Fate::Gone => (Some(State::Removed), None),
            Fate::Kept(why) => (Some(State::Kept), Some(why.as_str())),
            Fate::Remains(_) | Fate::Unknown(_) => (None, None),
        };
        if let Some(state) = state.filter(|state| *state != item.state) {
            ledger::turn(&path, &item, state, why).map_err(|error| {
                Trouble::unknown(format!("the ledger {} could not be written", path.display()), error.to_string())
                    .cure("run it again: what has gone is not missed")
            })?;
        }
        written(tell(out, &item, &fate, &redactor))?;
        let (count, end) = match fate {
            Fate::Removed | Fate::Gone => (&mut gone, Exit::Good),
            Fate::Kept(_) => (&mut kept, Exit::Good),
            Fate::Remains(_) => (&mut remain, Exit::Remains),
            Fate::Unknown(_) => (&mut remain, Exit::Unknown),
        };
        *count += 1;
        exit = exit.or(end);
    }
    let asked = broom.map_or("no registry".to_owned(), |broom| broom.wire.registry().to_string());
    let code = exit.code();
    written(writeln!(out, "\n{gone} gone, {kept} kept, {remain} may remain; {asked} was asked (exit code {code})"))?;
    if wants_key {
        written(writeln!(
            out,
            "to remove what it holds, set ZOT_VERIFY_ADMIN_API_KEY and ZOT_VERIFY_ADMIN_USER and run this again"
        ))?;
    }
    Ok(exit)
}

/// The registry to ask about something, or what can be told without. That a ledger names a registry does not make it
/// the owner's: nothing is sent to one that he did not name himself. Where a run goes on nothing is removed: it counts
/// on what it has made, and on what it found there.
fn unasked<'a>(cleaning: &'a Cleaning, item: &Item, by: Option<&str>) -> Result<&'a Url, Fate> {
    if let Some(run) = by {
        return Err(Fate::Remains(format!("the run {run} goes on there; run this again when it has ended")));
    }
    if item.kind == Kind::Key {
        return Err(key(item));
    }
    let (canary, repository) = (&cleaning.canary, &item.repository);
    let below = repository.strip_prefix(canary.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if !below && item.state == State::Kept {
        return Err(Fate::Kept("it was left on purpose, and is not in the canary".into()));
    }
    let Some(registry) = cleaning.registry.as_ref().filter(|registry| is_on(item, registry)) else {
        return Err(Fate::Remains(format!("it is on {}; name it with --live URL", item.registry)));
    };
    if !below || !is_repository(repository) {
        let why = format!("it is not in the canary {canary}; give --canary where that was another");
        return Err(Fate::Remains(why));
    }
    Ok(registry)
}

/// What removes things.
struct Broom<'a> {
    cleaning: &'a Cleaning,
    wire: Wire,
}

impl<'a> Broom<'a> {
    async fn new(
        cleaning: &'a Cleaning,
        registry: &Url,
        around: &Surroundings,
        redactor: &Redactor,
    ) -> Result<Self, Trouble> {
        let https = registry.scheme() == "https";
        let wire = Wire::new(registry.clone(), &around.run, redactor.clone(), &cleaning.trust, https)
            .map_err(|error| Trouble::unknown("no HTTP client could be made", error.to_string()))?;
        // No key is sent before something has shown itself as a registry.
        recognise(&wire, Duration::ZERO, Whose::Theirs).await?;
        believed(&wire)?;
        Ok(Self { cleaning, wire })
    }

    async fn sweep(&self, item: &Item) -> Fate {
        let repository = &item.repository;
        let reference = &item.reference;
        let swept = match item.kind {
            Kind::Tag if is_tag(reference) => self.tag(&format!("/v2/{repository}/manifests/{reference}")).await,
            Kind::Upload if is_upload(reference) => {
                self.upload(&format!("/v2/{repository}/blobs/uploads/{reference}")).await
            }
            Kind::Manifest if is_digest(reference) => {
                self.left_to_zot(&format!("/v2/{repository}/manifests/{reference}")).await
            }
            Kind::Blob if is_digest(reference) => self.blob(item).await,
            Kind::Repository | Kind::Key => Ok(Fate::Kept("a registry has no door to remove a repository by".into())),
            Kind::Tag | Kind::Upload | Kind::Manifest | Kind::Blob => {
                Ok(Fate::Unknown("that is no name, so the ledger is not to be trusted".into()))
            }
        };
        swept.unwrap_or_else(|error| Fate::Unknown(error.to_string()))
    }

    /// Whether a tag has gone is judged by looking again, not by what the removal was answered.
    async fn tag(&self, path: &str) -> Result<Fate, WireError> {
        let there = self.send(Request::head(path)).await?;
        match there.status() {
            404 => return Ok(Fate::Gone),
            200 => {}
            _ => return Ok(Fate::Unknown(self.odd(&there))),
        }
        let Some(_) = &self.cleaning.admin else { return Ok(Fate::Remains(self.by_hand(path))) };
        let removed = self.send(Request::new(Method::DELETE, path)).await?;
        let after = self.send(Request::head(path)).await?;
        Ok(match after.status() {
            404 => Fate::Removed,
            200 => Fate::Remains(self.odd(&removed)),
            _ => Fate::Unknown(self.odd(&after)),
        })
    }

    /// A blob, and before it the upload that was begun for it and never ended.
    async fn blob(&self, item: &Item) -> Result<Fate, WireError> {
        let Item { repository, reference, upload, .. } = item;
        let begun = match upload.as_deref() {
            Some(id) if is_upload(id) => self.upload(&format!("/v2/{repository}/blobs/uploads/{id}")).await?,
            Some(_) => Fate::Unknown("its upload has no name, so the ledger is not to be trusted".into()),
            None => Fate::Gone,
        };
        match begun {
            Fate::Removed | Fate::Gone => self.left_to_zot(&format!("/v2/{repository}/blobs/{reference}")).await,
            remains => Ok(remains),
        }
    }

    async fn upload(&self, path: &str) -> Result<Fate, WireError> {
        let there = self.send(Request::get(path)).await?;
        if there.status() == 404 {
            return Ok(Fate::Gone);
        }
        let Some(_) = &self.cleaning.admin else { return Ok(Fate::Remains(self.by_hand(path))) };
        let cancelled = self.send(Request::new(Method::DELETE, path)).await?;
        Ok(match cancelled.status() {
            204 => Fate::Removed,
            404 => Fate::Gone,
            _ => Fate::Remains(self.odd(&cancelled)),
        })
    }

    /// What has no tag is removed by zot's garbage collection (on by default since zot v2.1.9). By digest we would take
    /// it from under a tag of somebody else.
    async fn left_to_zot(&self, path: &str) -> Result<Fate, WireError> {
        let there = self.send(Request::head(path)).await?;
        Ok(match there.status() {
            404 => Fate::Gone,
            200 => Fate::Kept("zot's garbage collection removes it when no tag names it".into()),
            _ => Fate::Unknown(self.odd(&there)),
        })
    }

    async fn send(&self, request: Request) -> Result<std::sync::Arc<Exchange>, WireError> {
        let request = match &self.cleaning.admin {
            Some(admin) => request.by(admin),
            None => request,
        };
        self.wire.send(request).await
    }

    fn odd(&self, answer: &Exchange) -> String {
        format!("{} was answered {}", answer.line(self.wire.redactor()), answer.status())
    }

    fn by_hand(&self, path: &str) -> String {
        let registry = self.wire.registry().as_str().trim_end_matches('/');
        format!("curl -X DELETE -u ADMIN:KEY {registry}{path}")
    }
}

fn tell(out: &mut dyn Write, item: &Item, fate: &Fate, redactor: &Redactor) -> io::Result<()> {
    let (word, colour, why) = match fate {
        Fate::Removed => ("removed", AnsiColor::Green, ""),
        Fate::Gone => ("gone", AnsiColor::Green, ""),
        Fate::Kept(why) => ("kept", AnsiColor::Cyan, why.as_str()),
        Fate::Remains(why) => ("remains", AnsiColor::Yellow, why.as_str()),
        Fate::Unknown(why) => ("unknown", AnsiColor::Red, why.as_str()),
    };
    let style = Style::new().bold().fg_color(Some(colour.into()));
    let separator = if why.is_empty() { "" } else { ": " };
    let said = printable(&redactor.redact_url(&format!("{}{separator}{why}", item.name())));
    writeln!(out, "{style}{word:>7}{style:#} {said}")
}

/// A key that only its owner can revoke; it was made to end by itself. Whether it has, only he could see.
fn key(item: &Item) -> Fate {
    let made = humantime::parse_rfc3339(&item.at).ok();
    let aged = made.and_then(|made| Some((made + bounds::KEY, SystemTime::now().duration_since(made).ok()?)));
    match aged {
        Some((end, age)) if age > bounds::KEY => {
            Fate::Kept(format!("it was to end at {}, and was not looked at", humantime::format_rfc3339_seconds(end)))
        }
        Some(_) => Fate::Remains(format!(
            "only its owner can revoke it; it ends by itself within {}",
            humantime::format_duration(bounds::KEY)
        )),
        None => Fate::Unknown("the ledger does not say when it was made".into()),
    }
}

fn is_digest(reference: &str) -> bool {
    zot_verify_model::Digest::parse(reference).is_ok()
}

/// Whether this can be an upload's id, and leads nowhere else.
fn is_upload(reference: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || b"-_=".contains(&c);
    !reference.is_empty() && reference.bytes().all(plain)
}
