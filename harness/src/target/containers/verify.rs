//! `zot verify` in a container, which ends before anybody could look at it: Podman calls such a container "stopped",
//! which testcontainers does not know, so nothing here asks for its state.

use std::collections::HashMap;
use std::path::Path;

use testcontainers::bollard::body_full;
use testcontainers::bollard::errors::Error;
use testcontainers::bollard::models::{ContainerCreateBody, HostConfig};
use testcontainers::bollard::query_parameters::{
    CreateContainerOptions, RemoveContainerOptionsBuilder, StartContainerOptions, UploadToContainerOptionsBuilder,
};

use super::engine::{Engine, ended};
use super::image;
use super::remains::Labels;
use super::yard::DIRECTORY;
use crate::bounds;
use crate::error::Trouble;

/// What `zot verify` says of the `config.json` in a directory: whether it takes it, and its output.
pub(in crate::target) async fn verify(
    engine: &Engine,
    reference: &str,
    directory: &Path,
) -> Result<(bool, Vec<u8>), Trouble> {
    let failed = |error: &dyn std::fmt::Display| {
        Trouble::unknown(format!("`zot verify` could not be run in {reference}"), error.to_string())
            .cure("check that the image's entry point is zot")
    };
    image::present(engine, reference).await?;
    let given = archive(directory).map_err(|error| failed(&error))?;
    let body = ContainerCreateBody {
        image: Some(reference.to_owned()),
        cmd: Some(vec!["verify".into(), format!("{DIRECTORY}/config.json")]),
        labels: Some(labels(directory)),
        host_config: Some(HostConfig { network_mode: Some("none".into()), ..HostConfig::default() }),
        ..ContainerCreateBody::default()
    };
    let made =
        engine.api.create_container(None::<CreateContainerOptions>, body).await.map_err(|error| failed(&error))?;
    let ended = tokio::time::timeout(bounds::ZOT_COMMAND, run(engine, &made.id, given)).await;
    let now = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
    let removed = engine.api.remove_container(&made.id, Some(now)).await;
    let ended = ended.map_err(|late| failed(&late))?.map_err(|error| failed(&error))?;
    removed.map_err(|error| failed(&error))?;
    Ok(ended)
}

fn labels(directory: &Path) -> HashMap<String, String> {
    Labels::new("verify", "verify", directory).map()
}

async fn run(engine: &Engine, id: &str, given: Vec<u8>) -> Result<(bool, Vec<u8>), Error> {
    let root = UploadToContainerOptionsBuilder::default().path("/").build();
    engine.api.upload_to_container(id, Some(root), body_full(given.into())).await?;
    engine.api.start_container(id, None::<StartContainerOptions>).await?;
    let (code, said) = ended(engine, id).await?;
    Ok((code == 0, said))
}

/// A directory as a container gets it.
fn archive(directory: &Path) -> std::io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_dir_all(DIRECTORY.trim_start_matches('/'), directory)?;
    archive.into_inner()
}
