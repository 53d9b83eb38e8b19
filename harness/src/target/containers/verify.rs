//! `zot verify` in a container.

use std::path::Path;

use bollard::errors::Error;
use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{CreateContainerOptions, StartContainerOptions, UploadToContainerOptionsBuilder};

use super::engine::{Engine, ended};
use super::remains::Labels;
use super::yard::DIRECTORY;
use super::{archive, image};
use crate::bounds;
use crate::error::Trouble;

/// What `zot verify` says of the `config.json` in a directory whose reaper removes what bears the lab's name: whether it
/// takes it, and its output.
pub(in crate::target) async fn verify(
    engine: &Engine,
    reference: &str,
    lab: (&str, &str),
    directory: &Path,
) -> Result<(bool, Vec<u8>), Trouble> {
    let failed = |error: &dyn std::fmt::Display| {
        Trouble::unknown(format!("`zot verify` could not be run in {reference}"), error.to_string())
            .cure("check that the image's entry point is zot")
    };
    let image = image::present(engine, reference).await?;
    let given = archive::directory(DIRECTORY, directory).map_err(|error| failed(&error))?;
    let body = ContainerCreateBody {
        image: Some(image),
        cmd: Some(vec!["verify".into(), format!("{DIRECTORY}/config.json")]),
        labels: Some(Labels::new(engine, lab, directory).map_err(|error| failed(&error))?.map()),
        host_config: Some(HostConfig { network_mode: Some("none".into()), ..HostConfig::default() }),
        ..ContainerCreateBody::default()
    };
    let ended = tokio::time::timeout(bounds::ZOT_COMMAND, run(engine, body, given)).await;
    ended.map_err(|late| failed(&late))?.map_err(|error| failed(&error))
}

async fn run(engine: &Engine, body: ContainerCreateBody, given: Vec<u8>) -> Result<(bool, Vec<u8>), Error> {
    let id = engine.api.create_container(None::<CreateContainerOptions>, body).await?.id;
    let root = UploadToContainerOptionsBuilder::default().path("/").build();
    engine.api.upload_to_container(&id, Some(root), bollard::body_full(given.into())).await?;
    engine.api.start_container(&id, None::<StartContainerOptions>).await?;
    let (code, said) = ended(engine, &id).await?;
    Ok((code == 0, said))
}
