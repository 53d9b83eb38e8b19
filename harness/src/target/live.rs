//! A registry that other people use. Nothing is started, and nothing is taken away.

use std::time::Duration;

use serde_json::Value;
use url::Url;
use zot_verify_model::ZotConfig;

use super::{Deployment, ImageName, Kind, KnownBy, Mirror, Whose, recognise, scopes, stays};
use crate::error::Trouble;
use crate::login::people::Groups;
use crate::manifests::Inventory;
use crate::run::outcome::Halt;
use crate::settings::{Accounts, Intent};
use crate::wire::{Request, Wire};

/// Recognises the registry at the other end of `wire` and learns what checks need to know of it.
///
/// # Errors
/// As [`recognise`]; usage trouble for an image name that is none.
pub async fn open(
    wire: &Wire,
    intent: &Intent,
    config: Option<&ZotConfig>,
    accounts: &Accounts,
    wait: Duration,
) -> Result<Deployment, Trouble> {
    let recognition = recognise(wire, wait, Whose::Theirs).await?;
    let registry = wire.registry().clone();
    let provider = config.and_then(|config| config.providers().into_iter().next());
    let external = intent.external_url.as_ref().unwrap_or(&registry);
    let provider_key = provider.as_ref().map_or("oidc", |provider| provider.key.as_str());
    Ok(Deployment {
        kind: Kind::Live,
        known_by: KnownBy::of_config(config, provider_key),
        external_url: external.as_str().trim_end_matches('/').to_owned(),
        https: external.scheme() == "https",
        fronted: false,
        stand_in: false,
        made_of: None,
        issuer: intent.issuer.clone(),
        scopes: scopes(provider.as_ref()),
        provider: provider
            .map(|provider| provider.key)
            .or_else(|| recognition.providers.first().cloned())
            .unwrap_or_else(|| "oidc".into()),
        groups: config.map_or_else(|| Groups::of(&ZotConfig::default()), Groups::of),
        configured: config.cloned(),
        written: None,
        password: None,
        metrics_path: config.and_then(ZotConfig::metrics_path).unwrap_or("/metrics").to_owned(),
        image: image(wire, intent, &registry).await?,
        accounts: accounts.clone(),
        inventory: Inventory { hosts: names(&registry, intent), ..intent.inventory.clone() },
        residue: intent.residue,
        run: wire.run().to_owned(),
        mirror: config.and_then(|config| Mirror::of(config, None)),
        zot_version: recognition.version,
        zot_commit: recognition.commit,
        mgmt: recognition.mgmt,
        registry,
    })
}

/// A server's name as it stands in the name of an image.
fn host(url: &Url) -> Option<String> {
    url.host_str().map(|host| match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}

/// The names by which manifests call the registry: those of its URLs, also with the port that goes without saying, and
/// those of the intent.
fn names(registry: &Url, intent: &Intent) -> Vec<String> {
    let mut names = Vec::new();
    for url in [Some(registry), intent.external_url.as_ref()].into_iter().flatten() {
        let with_port = url.host_str().zip(url.port_or_known_default()).map(|(host, port)| format!("{host}:{port}"));
        names.extend(host(url).into_iter().chain(with_port));
    }
    names.extend(intent.inventory.hosts.iter().cloned());
    names.sort();
    names.dedup();
    names
}

/// The image to pull: the named one, else a tag of the canary. It is never picked from the catalogue: a pull of
/// somebody's image may be a large download, or one that counts against an upstream's limit.
async fn image(wire: &Wire, intent: &Intent, registry: &Url) -> Result<Result<ImageName, Halt>, Trouble> {
    if let Some(named) = &intent.pull_image {
        let host = host(registry);
        return ImageName::parse(named, host.as_deref()).map(Ok).ok_or_else(|| {
            Trouble::usage(
                format!("`{named}` is no image of this registry"),
                "it is not REPOSITORY:TAG or REPOSITORY@DIGEST",
            )
            .cure("give for instance --pull-image blumeops/app:v1.0.0")
        });
    }
    let canary = &intent.canary;
    Ok(canarys_tag(wire, canary).await)
}

/// The first tag of the canary. That there is none is a reason to skip; that it cannot be told is an error.
async fn canarys_tag(wire: &Wire, canary: &str) -> Result<ImageName, Halt> {
    let listed = wire.send(Request::get(format!("/v2/{canary}/tags/list"))).await?;
    if !matches!(listed.status(), 200 | 404) {
        let why = format!("{canary} answers {} to a question for its tags", listed.status());
        return Err(Halt::Error(format!("no image to pull is known: {why}")));
    }
    let tags = (listed.status() == 200).then(|| listed.json()).flatten();
    let tags = tags.as_ref().and_then(|tags| tags.get("tags")?.as_array());
    match tags.into_iter().flatten().filter_map(Value::as_str).find(|tag| stays(tag)) {
        Some(tag) => Ok(ImageName { repository: canary.to_owned(), reference: tag.to_owned() }),
        None => Err(Halt::Skip(format!(
            "no image to pull: {canary} has no tag; give --pull-image, or `pull_image` in zot-verify.toml"
        ))),
    }
}
