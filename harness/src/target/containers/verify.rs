//! `zot verify` in a container.

use std::path::Path;

use testcontainers::core::WaitFor;
use testcontainers::core::wait::ExitWaitStrategy;
use testcontainers::runners::AsyncRunner as _;
use testcontainers::{GenericImage, ImageExt as _};

use super::engine::Engine;
use super::image;
use super::remains::Labels;
use super::yard::{DIRECTORY, split};
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
    let (name, tag) = split(reference);
    let container = GenericImage::new(name, tag)
        .with_wait_for(WaitFor::exit(ExitWaitStrategy::new()))
        .with_cmd(["verify".to_owned(), format!("{DIRECTORY}/config.json")])
        .with_labels(Labels::new("verify", "verify", directory).map())
        .with_host_config_modifier(|host| {
            host.publish_all_ports = Some(false);
            host.network_mode = Some("none".into());
        })
        .with_startup_timeout(bounds::ZOT_COMMAND)
        .with_copy_to(DIRECTORY, directory.to_owned())
        .start()
        .await
        .map_err(|error| failed(&error))?;
    let code = container.exit_code().await.map_err(|error| failed(&error))?;
    let mut said = container.stdout_to_vec().await.map_err(|error| failed(&error))?;
    said.extend(container.stderr_to_vec().await.map_err(|error| failed(&error))?);
    container.rm().await.map_err(|error| failed(&error))?;
    Ok((code == Some(0), said))
}
