//! The images of a lab: zot's, which somebody else makes, and the one around this program.

use std::path::Path;

use bollard::errors::Error;
use bollard::query_parameters::{ImportImageOptionsBuilder, ListImagesOptionsBuilder, RemoveImageOptionsBuilder};
use futures_util::StreamExt as _;
use sha2::{Digest as _, Sha256};

use super::archive::{Image, LABEL, PROGRAM};
use super::engine::Engine;
use super::program;
use crate::error::Trouble;

/// The published release that labs are made of unless another is named, by version and digest.
pub const PUBLISHED: &str =
    "ghcr.io/project-zot/zot:v2.1.20@sha256:542e25be4d32e7879c0cfad93492a93c81b1e059cbd2d30d485d4bd567318234";

/// The name of the image around this program.
const FIXTURES: &str = "zot-verify/fixtures";

/// The id of zot's image. It is not pulled: what a lab is made of should not depend on the network.
///
/// # Errors
/// Trouble with exit code 3, with the command that gets it.
pub async fn present(engine: &Engine, reference: &str) -> Result<String, Trouble> {
    match engine.api.inspect_image(reference).await {
        Ok(known) => Ok(known.id.unwrap_or_else(|| reference.to_owned())),
        Err(Error::DockerResponseServerError { status_code: 404, .. }) => Err(Trouble::unknown(
            format!("there is no image {reference}"),
            format!("{} at {} does not have it, and no lab pulls one by itself", engine.version, engine.host),
        )
        .cure(format!(
            "{} pull {reference}\nor build one around a zot binary, as containers/zot.Dockerfile does, and give it as \
             --zot image:NAME",
            engine.command()
        ))),
        Err(error) => Err(Trouble::unknown(format!("{reference} could not be looked for"), error.to_string())),
    }
}

/// The id of the image around this program, loaded where it is not there yet. Older ones go.
pub(super) async fn fixtures(engine: &Engine, program: &Path) -> Result<String, Trouble> {
    program::alone(program, &engine.architecture)?;
    let failed = |what: &str, error: &dyn std::fmt::Display| Trouble::unknown(what.to_owned(), error.to_string());
    let bytes = std::fs::read(program).map_err(|error| failed("this program cannot be read", &error))?;
    let hash = Sha256::digest(&bytes).iter().take(6).map(|byte| format!("{byte:02x}")).collect::<String>();
    let tag = format!("{FIXTURES}:{hash}");
    if let Ok(known) = engine.api.inspect_image(&tag).await {
        return Ok(known.id.unwrap_or(tag));
    }
    let image = Image {
        tag: &tag,
        architecture: &engine.architecture,
        entry_point: PROGRAM,
        user: "65534:65534",
        label: Some(LABEL),
        files: vec![(PROGRAM, bytes)],
    };
    load(engine, &image).await?;
    forget(engine, &tag).await;
    let known = engine.api.inspect_image(&tag).await;
    let known = known.map_err(|error| failed("the image of the lab's own servers is not there", &error))?;
    Ok(known.id.unwrap_or(tag))
}

/// Gives the engine an image.
///
/// # Errors
/// Trouble with exit code 3 where the engine does not take it.
pub async fn load(engine: &Engine, image: &Image<'_>) -> Result<(), Trouble> {
    let failed = |error: &dyn std::fmt::Display| {
        Trouble::unknown(format!("{} does not take the image {}", engine.version, image.tag), error.to_string())
    };
    let archive = image.archive().map_err(|error| failed(&error))?;
    let quiet = ImportImageOptionsBuilder::default().quiet(true).build();
    let mut loading = engine.api.import_image(quiet, bollard::body_full(archive.into()), None);
    while let Some(step) = loading.next().await {
        step.map_err(|error| failed(&error))?;
    }
    Ok(())
}

/// Removes the images around other builds of this program. Those in use stay, and nobody needs to know.
async fn forget(engine: &Engine, current: &str) {
    let labelled = std::collections::HashMap::from([("label", vec![LABEL])]);
    let listed = ListImagesOptionsBuilder::default().filters(&labelled).build();
    for image in engine.api.list_images(Some(listed)).await.unwrap_or_default() {
        for old in image.repo_tags.iter().filter(|tag| !tag.ends_with(current)) {
            let gently = RemoveImageOptionsBuilder::default().build();
            if let Err(error) = engine.api.remove_image(old, Some(gently), None).await {
                tracing::debug!(%error, "{old} stays");
            }
        }
    }
}
