//! A second opinion: a client library that we did not write pulls the same image and gets the same digest.

use std::sync::Arc;

use libtest_mimic::Failed;
use oci_client::Reference;
use oci_client::client::{Client, ClientConfig, ClientProtocol};
use oci_client::secrets::RegistryAuth;
use zot_verify::session::Session;
use zot_verify::settings::Intent;
use zot_verify::target::zot::Zot;
use zot_verify_model::image::Index;

use super::support;

pub(crate) fn another_client_agrees(zot: &Zot) -> Result<(), Failed> {
    let around = support::surroundings();
    support::runtime()?.block_on(async {
        let spec = support::spec(zot, &around).await?;
        let session = Session::lab(&spec, Arc::new(Intent::default()), &around).await?;
        let url = session.header().url;
        let host = url.trim_start_matches("http://").trim_end_matches('/');
        let config = ClientConfig { protocol: ClientProtocol::Http, ..ClientConfig::default() };
        let client = Client::try_from(config)?;
        let image: Reference = format!("{host}/zot-verify/pull:v1").parse()?;
        let (manifest, digest) = client.pull_manifest(&image, &RegistryAuth::Anonymous).await?;
        session.close().await?;
        let wanted = Index::build("zot-verify/pull")?.index.digest;
        if digest != wanted.as_str() || !matches!(manifest, oci_client::manifest::OciManifest::ImageIndex(_)) {
            return Err(format!("the other client got {digest}, not {wanted}").into());
        }
        Ok(())
    })
}
