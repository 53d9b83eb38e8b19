//! Looks at what a write would have changed. Two looks that agree show that nothing changed only if each of them shows
//! what is there.

use zot_verify_model::Digest;

use super::expect;
use crate::wire::{Exchange, Redactor};

/// Why an answer to a read does not show what is there, if it does not: it is neither there nor not found, or what came
/// is not of the kind that was asked for.
#[must_use]
pub fn blind(look: &Exchange, redactor: &Redactor) -> Option<String> {
    let what = match look.status() {
        404 => return None,
        200 | 204 => not_what_was_asked_for(look)?,
        _ => String::new(),
    };
    Some(format!("{} answers {}{what}", look.line(redactor), look.status()))
}

fn not_what_was_asked_for(look: &Exchange) -> Option<String> {
    if look.is_head() {
        return None;
    }
    let (kind, reference) = look.url().path().rsplit_once('/').unwrap_or_default();
    let wanted = Digest::parse(reference).ok();
    let list = |name: &str| {
        let there =
            look.json().is_some_and(|body| body.get(name).is_some_and(|list| list.is_array() || list.is_null()));
        (!there).then(|| format!(", and no list of {name}"))
    };
    match kind.rsplit('/').next().unwrap_or_default() {
        "tags" => list("tags"),
        // The state of an upload is told without a body (distribution-spec, "Pushing a blob in chunks").
        "uploads" => (look.status() != 204).then(|| ", and no upload".to_owned()),
        _ if reference == "_catalog" => list("repositories"),
        "manifests" | "blobs" => match (wanted, look.header(expect::DIGEST_HEADER)) {
            (Some(wanted), _) if &wanted != look.digest() => Some(", and other bytes than those of the digest".into()),
            (None, Some(named)) if named != look.digest().as_str() => Some(", and other bytes than it says".into()),
            _ if kind.ends_with("/manifests") && look.json().is_none_or(|body| body.get("schemaVersion").is_none()) => {
                Some(", and no manifest".into())
            }
            _ => None,
        },
        _ => None,
    }
}
