//! https: a registry is believed when its certificate is, and `--ca` says whose are.

use std::sync::Arc;

use libtest_mimic::Failed;
use zot_verify::session::Session;
use zot_verify::settings::Intent;
use zot_verify::target::zot::Zot;
use zot_verify_fixtures::Port;
use zot_verify_fixtures::edge::{Authority, Certificate};

use super::support;

pub(crate) fn https_is_believed_with_its_authority_only() -> Result<(), Failed> {
    let around = support::surroundings();
    support::runtime()?.block_on(async {
        let spec = support::spec(&Zot::Embedded, &around).await?;
        let session = Session::lab(&spec, Arc::new(Intent::default()), &around).await?;
        let inner = session.header().url.trim_end_matches('/').to_owned();
        let authority = Authority::new()?;
        let port = Port::bind().await?;
        let url = port.url().replace("http:", "https:");
        let _edge = port.end_tls(&authority.certify("127.0.0.1", Certificate::Good)?, &inner)?;
        let files = tempfile::tempdir()?;
        let ca = files.path().join("ca.pem");
        std::fs::write(&ca, authority.pem())?;
        let live = |words: &[&str]| {
            let mut command = tokio::process::Command::from(support::command(files.path()));
            let checks = ["pull.anonymous", "transport.tls"];
            command.args(["live", &url, "--pull-image", "zot-verify/pull:v1"]).args(checks).args(words);
            command
        };
        let stranger = live(&[]).output().await?;
        let told = String::from_utf8_lossy(&stranger.stdout).into_owned();
        if stranger.status.code() != Some(1) || !told.contains("zot-verify lab root") {
            return Err(format!("a stranger's certificate: {stranger:?}").into());
        }
        let known = live(&["--ca", &ca.display().to_string()]).output().await?;
        if known.status.code() != Some(0) {
            return Err(format!("with its authority: {known:?}").into());
        }
        Ok(session.close().await?)
    })
}
