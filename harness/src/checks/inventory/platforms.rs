//! For which platforms an image is. A HEAD cannot tell, so its manifest is read, and the configuration of an image that
//! stands alone; a layer never.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::Value;
use zot_verify_model::Digest;

use super::lookup::Pinned;
use crate::bench::Bench;
use crate::checks::expect;
use crate::checks::pull::{ACCEPT, Descriptor, is_index};
use crate::manifests::{Inventory, Place, Platform};
use crate::run::outcome::{Breach, Halt};
use crate::wire::{Exchange, Request};

/// The platforms of an image, and the exchanges that tell them.
type Found = Result<(Vec<Platform>, Vec<Arc<Exchange>>), Halt>;

/// The platforms of all these pins, whose answers to HEAD are given.
pub(super) async fn of_all<'a>(bench: &Bench, asked: Vec<(&'a Pinned, Arc<Exchange>)>) -> Vec<(&'a Pinned, Found)> {
    let each = asked.into_iter().map(|(pinned, head)| async move {
        let found = of(bench, &pinned.pin.repository, &head).await;
        (pinned, found)
    });
    join_all(each).await
}

/// Where a pin stands for nodes that it does not serve, and what to say of it; none where it serves them all.
pub(super) fn missing(inventory: &Inventory, pinned: &Pinned, there: &[Platform]) -> Option<(Vec<Place>, String)> {
    let missing = |place: &Place| {
        let wanted = inventory.wanted(&place.file).iter();
        wanted.filter(|wanted| !there.iter().any(|there| there.serves(wanted))).cloned().collect::<BTreeSet<_>>()
    };
    let places: Vec<Place> = pinned.places.iter().filter(|place| !missing(place).is_empty()).cloned().collect();
    let wanted: BTreeSet<Platform> = places.iter().flat_map(missing).collect();
    let joined =
        |platforms: Vec<String>| if platforms.is_empty() { "no platform".into() } else { platforms.join(", ") };
    let [wanted, there] =
        [wanted.iter().map(ToString::to_string).collect(), there.iter().map(ToString::to_string).collect()].map(joined);
    (!places.is_empty()).then(|| (places, format!("not for {wanted}; it is for {there}")))
}

async fn of(bench: &Bench, repository: &str, head: &Arc<Exchange>) -> Found {
    let redactor = bench.wire.redactor();
    let named = head.header(expect::DIGEST_HEADER).unwrap_or_default();
    let digest = Digest::parse(named).map_err(|error| Halt::Error(error.to_string()))?;
    let top = bytes(bench, format!("/v2/{repository}/manifests/{digest}"), &digest).await?;
    let body = expect::object(&top, redactor)?;
    if is_index(&top) {
        let manifests = body.get("manifests").and_then(Value::as_array);
        let platforms = manifests.into_iter().flatten().filter_map(|entry| Platform::read(entry.get("platform")?));
        return Ok((platforms.collect(), vec![top]));
    }
    let Some(config) = body.get("config").and_then(Descriptor::read) else {
        return Err(Breach::new("a manifest that names a configuration", "none that can be read", &top).into());
    };
    let blob = bytes(bench, format!("/v2/{repository}/blobs/{}", config.digest), &config.digest).await?;
    let body = expect::object(&blob, redactor)?;
    Ok((Platform::read(&body).into_iter().collect(), vec![top, blob]))
}

/// What has this digest.
async fn bytes(bench: &Bench, path: String, digest: &Digest) -> Result<Arc<Exchange>, Halt> {
    let exchange = bench.wire.send(Request::get(path).header("accept", ACCEPT).following()).await?;
    expect::status(&exchange, 200, bench.wire.redactor())?;
    expect::digest(&exchange, digest, bench.wire.redactor())?;
    Ok(exchange)
}
