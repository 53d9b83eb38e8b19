//! All checks, joined. Lists, explanations, plans and the self-test are made from this table.

use crate::check::{Check, Part, Saboteur};
use crate::checks::{
    admin, apikey, apikey_expiry, apikey_limits, cookies, credentials, immutable, inventory, kinds, login, matrix,
    metrics, mirror, mirror_paths, new_tags, personas, proxy, pull, push, push_key, race, session, tls, version,
};
use crate::error::Trouble;
use crate::settings::nearest;

/// Every check, in the order of reports. What only concludes comes last.
pub const CHECKS: &[&Check] = &[
    &pull::CHECK,
    &personas::CHECK,
    &push::CHECK,
    &credentials::CHECK,
    &login::CHECK,
    &session::CHECK,
    &cookies::CHECK,
    &apikey::CHECK,
    &apikey_limits::CHECK,
    &apikey_expiry::CHECK,
    &push_key::CHECK,
    &new_tags::CHECK,
    &immutable::CHECK,
    &kinds::CHECK,
    &race::CHECK,
    &admin::CHECK,
    &matrix::CHECK,
    &mirror::CHECK,
    &mirror_paths::CHECK,
    &inventory::CHECK,
    &metrics::CHECK,
    &tls::CHECK,
    &proxy::CHECK,
    &version::CHECK,
];

/// The check of this id.
///
/// # Errors
/// Usage trouble with the nearest id.
pub fn find(id: &str) -> Result<&'static Check, Trouble> {
    CHECKS.iter().copied().find(|check| check.id == id).ok_or_else(|| unknown(id))
}

/// That `id` is no check.
#[must_use]
pub fn unknown(id: &str) -> Trouble {
    let known: Vec<&str> = CHECKS.iter().map(|check| check.id).collect();
    Trouble::usage(format!("`{id}` matches no check"), nearest(id, &known)).cure("`zot-verify list` shows every id")
}

/// The part of this full name, `check/part`.
#[must_use]
pub fn part(id: &str) -> Option<&'static Part> {
    let (check, part) = id.split_once('/')?;
    let check = CHECKS.iter().find(|known| known.id == check)?;
    check.parts.iter().find(|known| known.name == part)
}

/// Every saboteur, in the order of its checks.
pub fn saboteurs() -> impl Iterator<Item = &'static Saboteur> {
    CHECKS.iter().flat_map(|check| check.saboteurs)
}

#[cfg(test)]
mod tests;
