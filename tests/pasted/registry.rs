//! A registry that runs, for what is pasted to be run against.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::Method;
use libtest_mimic::Failed;
use zot_verify::bench::{Bench, Setup};
use zot_verify::ledger::Ledger;
use zot_verify::session::{Surroundings, lab_spec};
use zot_verify::settings::Intent;
use zot_verify::target::builtin;
use zot_verify::target::lab::Lab;
use zot_verify::target::zot::Zot;
use zot_verify::wire::{Redactor, Request};
use zot_verify_model::Account;
use zot_verify_model::image::{Image, MANIFEST};

/// What a job pushes.
pub(crate) const PUSHED: &str = "blumeops/app";
/// The tag that it gives it.
pub(crate) const TAG: &str = "v1.2.3-0a1b2c3";

/// A runtime for one scenario.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failed> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

/// A file that is to be pasted.
pub(crate) fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples").join(name)
}

/// A registry to which CI has just pushed.
pub(crate) struct Registry {
    lab: Lab,
    bench: Bench,
    pub(crate) ci: Account,
    pub(crate) image: Image,
}

impl Registry {
    pub(crate) async fn start(zot: &Zot) -> Result<Self, Failed> {
        let around = Surroundings::new(Path::new(env!("CARGO_BIN_EXE_zot-verify")), Vec::new());
        let config = builtin::config(zot.metrics_key(std::path::Path::new(env!("CARGO_BIN_EXE_zot-verify"))).await?);
        let spec = lab_spec(zot.clone(), config, &Intent::default(), &around)?;
        let (lab, wire, deployment) = spec.start(&Redactor::new()).await?;
        let (intent, setup) = (Arc::new(Intent::default()), Arc::new(Setup::default()));
        let bench = Bench { deployment: Arc::new(deployment), intent, wire, setup, ledger: Ledger::lab() };
        let ci = bench.ci().await.map_err(|halt| format!("{halt:?}"))?;
        let image = Image::build("amd64", PUSHED)?;
        for blob in image.blobs() {
            let path = format!("/v2/{PUSHED}/blobs/uploads/?digest={}", blob.digest);
            let request = Request::new(Method::POST, path).by(&ci).header("content-type", "application/octet-stream");
            created(bench.wire.send(request.body(blob.bytes.clone())).await?.status())?;
        }
        let path = format!("/v2/{PUSHED}/manifests/{TAG}");
        let request = Request::new(Method::PUT, path).by(&ci).header("content-type", MANIFEST);
        created(bench.wire.send(request.body(image.manifest.bytes.clone())).await?.status())?;
        Ok(Self { lab, bench, ci, image })
    }

    pub(crate) fn url(&self) -> &str {
        self.bench.wire.registry().as_str().trim_end_matches('/')
    }

    /// What the step that pushed says.
    pub(crate) fn pushed(&self) -> String {
        let host = self.url().trim_start_matches("http://");
        format!("{host}/{PUSHED}:{TAG}@{}", self.image.manifest.digest)
    }

    pub(crate) async fn stop(self) -> Result<(), Failed> {
        let Self { lab, bench, .. } = self;
        drop(bench);
        Ok(lab.stop().await?)
    }
}

fn created(status: u16) -> Result<(), Failed> {
    if status == 201 { Ok(()) } else { Err(format!("the push was answered with {status}").into()) }
}
