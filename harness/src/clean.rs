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
use crate::ledger::{self, Item, Kind, State};
use crate::report::printable;
use crate::run::exit::Exit;
use crate::session::Surroundings;
use crate::settings::{Cleaning, Which, nearest};
use crate::target::{Whose, is_repository, is_tag, recognise};
use crate::wire::{Exchange, Request, Wire, WireError};

/// What became of something.
#[derive(Debug)]
enum Fate {
    /// We removed it.
    Removed,
    /// It was not there any more.
    Gone,
    /// It stays, and the registry or time will see to it.
    Kept(&'static str),
    /// It is there, and somebody could remove it.
    Remains(String),
    /// We could not tell.
    Unknown(String),
}

/// Something that a ledger lists, with the ledger.
type Left = (PathBuf, Item);

/// Removes what the ledgers list, tells what became of each, and answers with an exit code.
///
/// # Errors
/// Trouble with the ledgers, with more than one registry, or with one that does not answer.
pub async fn run(cleaning: &Cleaning, around: &Surroundings, out: &mut dyn Write) -> Result<Exit, Trouble> {
    let (left, unreadable) = left(cleaning)?;
    let mut exit = Exit::Good;
    for path in &unreadable {
        written(writeln!(out, "{} has a line that cannot be read; look there for what it may list", path.display()))?;
        exit = Exit::Unknown;
    }
    let Some(registry) = registry(cleaning, &left)? else {
        written(writeln!(out, "nothing is left behind that a ledger lists"))?;
        return Ok(exit);
    };
    let done = tokio::time::timeout(cleaning.timeout, on(cleaning, &registry, around, left, out)).await;
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
    let items = volumes.into_iter().flat_map(|volume| {
        let path = volume.path;
        volume.items.into_iter().map(move |item| (path.clone(), item))
    });
    let all: Vec<Left> = items.collect();
    if let Which::Run(run) = &cleaning.which
        && !all.iter().any(|(_, item)| item.run == *run)
    {
        let runs: BTreeSet<&str> = all.iter().map(|(_, item)| item.run.as_str()).collect();
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
        Which::Live(url) => item.registry.trim_end_matches('/') == url.as_str().trim_end_matches('/'),
    };
    let mut left: Vec<Left> =
        all.into_iter().filter(|(_, item)| wanted(item) && item.state != State::Removed).collect();
    // What a tag names can only go when the tag has gone.
    left.sort_by_key(|(_, item)| item.kind);
    Ok((left, unreadable))
}

/// The one registry that everything is on. A key is that of one registry, and goes to no other.
fn registry(cleaning: &Cleaning, left: &[Left]) -> Result<Option<Url>, Trouble> {
    let Some((file, first)) = left.first() else { return Ok(None) };
    let named: BTreeSet<&str> = left.iter().map(|(_, item)| item.registry.as_str()).collect();
    if named.len() > 1 {
        let named = named.into_iter().map(printable).collect::<Vec<_>>().join(", ");
        return Err(Trouble::usage(format!("things are left on several registries: {named}"), "a key belongs to one")
            .cure("name it with --live URL, one at a time"));
    }
    cleaning.registry(&first.registry, file).map(Some)
}

async fn on(
    cleaning: &Cleaning,
    registry: &Url,
    around: &Surroundings,
    left: Vec<Left>,
    out: &mut dyn Write,
) -> Result<Exit, Trouble> {
    let https = registry.scheme() == "https";
    let wire = Wire::new(registry.clone(), &around.run, around.redactor(), &cleaning.trust, https)
        .map_err(|error| Trouble::unknown("no HTTP client could be made", error.to_string()))?;
    // No key is sent before something has shown itself as a registry.
    recognise(&wire, Duration::ZERO, Whose::Theirs).await?;
    let broom = Broom { cleaning, wire };
    let mut exit = Exit::Good;
    let mut fates = Vec::new();
    for (path, item) in left {
        let fate = broom.sweep(&item).await;
        let (state, why) = match &fate {
            Fate::Removed | Fate::Gone => (Some(State::Removed), None),
            Fate::Kept(why) => (Some(State::Kept), Some(*why)),
            Fate::Remains(_) | Fate::Unknown(_) => (None, None),
        };
        if let Some(state) = state.filter(|state| *state != item.state) {
            ledger::turn(&path, &item, state, why).map_err(|error| {
                Trouble::unknown(format!("the ledger {} could not be written", path.display()), error.to_string())
                    .cure("run it again: what has gone is not missed")
            })?;
        }
        written(broom.tell(out, &item, &fate))?;
        exit = exit.or(match fate {
            Fate::Removed | Fate::Gone | Fate::Kept(_) => Exit::Good,
            Fate::Remains(_) => Exit::Remains,
            Fate::Unknown(_) => Exit::Unknown,
        });
        fates.push(fate);
    }
    let count = |wanted: fn(&Fate) -> bool| fates.iter().filter(|fate| wanted(fate)).count();
    let gone = count(|fate| matches!(fate, Fate::Removed | Fate::Gone));
    let remain = count(|fate| matches!(fate, Fate::Remains(_) | Fate::Unknown(_)));
    let kept = fates.len() - gone - remain;
    written(writeln!(out, "\n{registry}: {gone} gone, {kept} kept, {remain} may remain (exit code {})", exit.code()))?;
    if remain > 0 && cleaning.admin.is_none() {
        written(writeln!(
            out,
            "to remove them, set ZOT_VERIFY_ADMIN_API_KEY and ZOT_VERIFY_ADMIN_USER and run this again"
        ))?;
    }
    Ok(exit)
}

/// What removes things.
struct Broom<'a> {
    cleaning: &'a Cleaning,
    wire: Wire,
}

impl Broom<'_> {
    async fn sweep(&self, item: &Item) -> Fate {
        if item.kind == Kind::Key {
            return key(item);
        }
        let (canary, repository) = (&self.cleaning.canary, &item.repository);
        let below =
            repository.strip_prefix(canary.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if !below && item.state == State::Kept {
            return Fate::Kept("it was left on purpose, and is not in the canary");
        }
        if !below || !is_repository(repository) {
            return Fate::Remains(format!("it is not in the canary {canary}; give --canary where that was another"));
        }
        let reference = &item.reference;
        let swept = match item.kind {
            Kind::Tag if is_tag(reference) => self.tag(&format!("/v2/{repository}/manifests/{reference}")).await,
            Kind::Upload if is_upload(reference) => {
                self.upload(&format!("/v2/{repository}/blobs/uploads/{reference}")).await
            }
            Kind::Manifest if is_digest(reference) => {
                self.left_to_zot(&format!("/v2/{repository}/manifests/{reference}")).await
            }
            Kind::Blob if is_digest(reference) => {
                self.left_to_zot(&format!("/v2/{repository}/blobs/{reference}")).await
            }
            Kind::Repository | Kind::Key => Ok(Fate::Kept("a registry has no door to remove a repository by")),
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

    async fn upload(&self, path: &str) -> Result<Fate, WireError> {
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
            200 => Fate::Kept("zot's garbage collection removes it when no tag names it"),
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

    fn tell(&self, out: &mut dyn Write, item: &Item, fate: &Fate) -> io::Result<()> {
        let (word, colour, why) = match fate {
            Fate::Removed => ("removed", AnsiColor::Green, ""),
            Fate::Gone => ("gone", AnsiColor::Green, ""),
            Fate::Kept(why) => ("kept", AnsiColor::Cyan, *why),
            Fate::Remains(why) => ("remains", AnsiColor::Yellow, why.as_str()),
            Fate::Unknown(why) => ("unknown", AnsiColor::Red, why.as_str()),
        };
        let style = Style::new().bold().fg_color(Some(colour.into()));
        let separator = if why.is_empty() { "" } else { ": " };
        let said = printable(&self.wire.redactor().redact_url(&format!("{}{separator}{why}", item.name())));
        writeln!(out, "{style}{word:>7}{style:#} {said}")
    }
}

/// A key that only its owner can revoke; it was made to end by itself.
fn key(item: &Item) -> Fate {
    let made = humantime::parse_rfc3339(&item.at).ok();
    let age = made.and_then(|made| SystemTime::now().duration_since(made).ok());
    match age {
        Some(age) if age > bounds::KEY => Fate::Gone,
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
