//! `inventory.pinned`: what manifests pin is there, for the nodes that will ask for it.

pub mod lab;
mod lookup;
mod platforms;
mod saboteurs;
mod telling;

use std::sync::Arc;

pub use self::lookup::Lookup;
use self::lookup::Pinned;
use self::telling::Findings;
use super::expect;
use super::pull::{INDEXES, MANIFESTS};
use zot_verify_model::Digest;

use crate::bench::Bench;
use crate::check::{Check, Profile, part, reads};
use crate::run::outcome::{Halt, Judged, Proof};
use crate::wire::Exchange;

/// What the check declares.
pub const CHECK: Check = Check {
    id: "inventory.pinned",
    title: "every image that manifests pin is there, for the nodes that ask for it",
    requirement: "A pin that does not resolve is an ImagePullBackOff that nobody sees until a node asks: a merged \
                  `v3.6.5-placeholder` cost the owner eleven days. Looked through are the directories that --manifests or \
                  the intent names.",
    profile: Profile::Full,
    parts: &[
        reads!("resolves", "every pin answers as an image, a pinned digest under that digest", ASKS, resolves),
        reads!("platforms", "every pin has the platforms that the intent asks for where it stands", GETS, platforms),
        reads!("placeholders", "no pin is a placeholder for one to come", ASKS, placeholders),
        part!(
            "written-out",
            "every pin is written out, so that it can be asked for",
            HEADS,
            Hardening,
            Reads,
            &[],
            written_out
        ),
    ],
    saboteurs: saboteurs::ALL,
};

/// The questions that the parts share.
const HEADS: &[&str] = &["HEAD /v2/*/manifests/*"];
/// The same, and what is there where something is not.
const ASKS: &[&str] = &["HEAD /v2/*/manifests/*", "GET /v2/*/tags/list"];
/// The same, and what a HEAD cannot tell: for which platforms an image is.
const GETS: &[&str] = &["HEAD /v2/*/manifests/*", "GET /v2/*/manifests/*", "GET /v2/*/blobs/*"];

/// What to do about a pin that is not there.
const PUSH_IT: &str = "push the image, or pin one that is there, before anything is deployed";

async fn resolves(bench: Bench) -> Judged {
    let looked = Lookup::shared(&bench).await?;
    let mut findings = Findings::default();
    let (mut unknown, mut good) = (Vec::new(), Vec::new());
    for pinned in looked.real() {
        match answer(pinned) {
            Ok(exchange) => good.push(exchange),
            Err(Problem::Unknown(why)) => unknown.push(why),
            Err(Problem::Found(what, exchange)) => findings.add(pinned, what, Some(exchange)),
        }
    }
    if findings.is_empty() {
        if let Some(first) = unknown.first() {
            let more = unknown.len() - 1;
            let more = if more == 0 { String::new() } else { format!(", and {more} more") };
            return Err(Halt::Error(format!("{first}{more}")));
        }
        let said = format!("{} of {}{}", good.len(), looked.pins(), looked.left_out());
        let nothing = || Halt::Skip(format!("nothing that could be asked for: {}{}", looked.pins(), looked.left_out()));
        return Proof::over(said, good).ok_or_else(nothing);
    }
    let of = looked.real().count();
    let expected =
        format!("each of the {of} pins in {} answers HEAD with 200, as an image{}", looked.place, looked.left_out());
    let missing = findings.first_status() == Some(404);
    findings.advised(&bench).await;
    let breach = findings.breach(expected);
    Err(if missing {
        breach.because("nothing was pushed under this name, or it was removed", Some(PUSH_IT))
    } else {
        breach
    }
    .into())
}

/// Why a pin does not resolve.
enum Problem {
    /// The registry said so.
    Found(String, Arc<Exchange>),
    /// It did not answer.
    Unknown(String),
}

/// What a node gets that asks for this pin: by digest where one is pinned, as nodes do.
fn answer(pinned: &Pinned) -> Result<&Arc<Exchange>, Problem> {
    let by_digest = pinned.by_digest.as_ref().map(|answer| manifest(answer, "")).transpose()?;
    let Some(by_tag) = &pinned.by_tag else {
        return by_digest.ok_or_else(|| Problem::Unknown(format!("{} was not asked for", pinned.pin)));
    };
    let tag = pinned.pin.tag.as_deref().unwrap_or_default();
    let by_tag = manifest(by_tag, if by_digest.is_some() { tag } else { "" })?;
    if let Some(by_digest) = by_digest {
        let digests = [by_tag, by_digest].map(|exchange| exchange.header(expect::DIGEST_HEADER).unwrap_or_default());
        if digests[0] != digests[1] {
            return Err(Problem::Found(format!("`{tag}` is another image: {}", short(digests[0])), Arc::clone(by_tag)));
        }
        return Ok(by_digest);
    }
    Ok(by_tag)
}

/// An answer to HEAD that is a manifest, under the digest that was asked for; `of` names the tag where that is not plain.
fn manifest<'a>(answer: &'a Result<Arc<Exchange>, Halt>, of: &str) -> Result<&'a Arc<Exchange>, Problem> {
    let exchange = match answer {
        Ok(exchange) => exchange,
        Err(Halt::Error(why) | Halt::Skip(why)) => return Err(Problem::Unknown(why.clone())),
        Err(Halt::Breach(breach)) => return Err(Problem::Unknown(breach.observed.clone())),
    };
    let found = |what: String| {
        let what = if of.is_empty() { what } else { format!("`{of}` answers {what}") };
        Err(Problem::Found(what, Arc::clone(exchange)))
    };
    if exchange.status() != 200 {
        return found(expect::observed(exchange));
    }
    let media_type = exchange.header("content-type").unwrap_or_default();
    if !INDEXES.iter().chain(&MANIFESTS).any(|known| media_type.starts_with(known)) {
        return found(format!("200 with Content-Type `{media_type}`, which is no image"));
    }
    let asked = exchange.url().path().rsplit('/').next().and_then(|last| Digest::parse(last).ok());
    let named = exchange.header(expect::DIGEST_HEADER).unwrap_or_default();
    match (Digest::parse(named), asked) {
        (Err(_), _) => found(format!("200 with Docker-Content-Digest `{named}`, which is no digest")),
        (Ok(named), Some(asked)) if named != asked => found(format!("200 as another image: {}", named.short())),
        _ => Ok(exchange),
    }
}

fn short(digest: &str) -> &str {
    Digest::parse(digest).map_or(digest, |_| &digest[.."sha256:".len() + 12])
}

async fn platforms(bench: Bench) -> Judged {
    let looked = Lookup::shared(&bench).await?;
    let inventory = &bench.deployment.inventory;
    let mut findings = Findings::default();
    let mut seen = Vec::new();
    let mut asked = Vec::new();
    for pinned in looked.real() {
        let wanted = pinned.places.iter().any(|place| !inventory.wanted(&place.file).is_empty());
        // What does not resolve is another part's.
        if let (true, Ok(exchange)) = (wanted, answer(pinned)) {
            asked.push((pinned, Arc::clone(exchange)));
        }
    }
    let of = asked.len();
    let mut unknown = None;
    for (pinned, found) in platforms::of_all(&bench, asked).await {
        match found {
            Ok((there, exchanges)) => {
                seen.extend(exchanges.iter().cloned());
                if let Some((places, what)) = platforms::missing(inventory, pinned, &there) {
                    findings.add_at(pinned, places, what, exchanges.last().cloned());
                }
            }
            Err(Halt::Breach(breach)) => {
                findings.add(pinned, format!("{}, expected {}", breach.observed, breach.expected), breach.exchange);
            }
            Err(other) => unknown = Some(other),
        }
    }
    if let Some(unknown) = unknown.filter(|_| findings.is_empty()) {
        return Err(unknown);
    }
    if findings.is_empty() {
        let nothing = if inventory.platforms.is_empty() {
            "no platform is asked for: name them with `platforms` under [inventory] in zot-verify.toml".to_owned()
        } else {
            format!("no pin that resolves stands where a platform is asked for{}", looked.left_out())
        };
        return Proof::over(format!("{of} of {}", looked.pins()), &seen).ok_or(Halt::Skip(nothing));
    }
    let expected = format!("each of {of} pins in {} has the platforms that its nodes need", looked.place);
    let cause = "a node that is given an image for others starts it, and it ends at once with `exec format error`, or it \
                 does not pull it at all";
    let breach = findings.breach(expected);
    Err(breach.because(cause, Some("build the image for these nodes, or pin the one that is")).into())
}

async fn placeholders(bench: Bench) -> Judged {
    let looked = Lookup::shared(&bench).await?;
    let mut findings = Findings::default();
    for pinned in &looked.pinned {
        let Some(why) = &pinned.placeholder else { continue };
        let answer = pinned.by_digest.as_ref().or(pinned.by_tag.as_ref()).and_then(|answer| answer.as_ref().ok());
        let status =
            answer.map_or_else(|| "it gets no answer".to_owned(), |answer| format!("it answers {}", answer.status()));
        findings.add(pinned, format!("{why}, and {status}"), answer.cloned());
    }
    if findings.is_empty() {
        let seen = looked.first_answer().into_iter();
        let nothing = || Halt::Skip(format!("nothing that could be asked for: {}", looked.pins()));
        return Proof::over(format!("none of {}", looked.pins()), seen).ok_or_else(nothing);
    }
    findings.advised(&bench).await;
    let breach = findings.breach(format!("no pin in {} is a placeholder", looked.place));
    let cause = "somebody meant to put in the tag later: a kustomization that is to do so does not name the image, or the \
                 change was merged before the image was built";
    Err(breach
        .because(cause, Some("pin the tag that was built; `inventory.placeholders` says what counts as one"))
        .into())
}

async fn written_out(bench: Bench) -> Judged {
    let looked = Lookup::shared(&bench).await?;
    if let Some(first) = looked.unread.first() {
        let more = looked.unread.len() - 1;
        let more = if more == 0 { String::new() } else { format!(", and {more} more") };
        return Err(Halt::Error(format!("what is pinned could not be read: {first}{more}")));
    }
    if looked.survey.open.is_empty() {
        let nothing = || Halt::Skip(format!("nothing that could be asked for: {}", looked.pins()));
        return Proof::over(format!("{}; {}", looked.pins(), looked.about()), looked.first_answer())
            .ok_or_else(nothing);
    }
    let breach = telling::open(&looked.survey.open, &looked.place.to_string());
    let cause = "what a variable or a template puts in is known to whoever deploys it, and not here";
    Err(breach.because(cause, Some("write the tag out, or leave the file out of the inventory")).into())
}
