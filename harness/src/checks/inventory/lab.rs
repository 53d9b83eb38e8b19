//! The manifests of a lab, as small as they can be and in the owner's shapes, and the images that they pin.

use std::io;

use zot_verify_model::image::{Image, Index};
use zot_verify_model::layout::{Content, Seed};

use crate::manifests::{Inventory, Manifests, Placeholders, Platform, Source};

/// An image for both kinds of nodes.
const BOTH: &str = "zot-verify/inventory/app";
/// An image for the nodes with NixOS alone.
const AMD64: &str = "zot-verify/inventory/host";
/// The tag of both.
const TAG: &str = "v1.0.0-abc1234";
/// The tag that stands beside a digest.
const BESIDE: &str = "v1.1.0-def5678";
/// A tag that somebody pushed to have one.
const PUSHED_PLACEHOLDER: &str = "v2.0.0-placeholder";

fn both() -> io::Result<Index> {
    Index::build(BOTH)
}

/// The images.
///
/// # Errors
/// As [`Index::build`].
pub fn seeds() -> io::Result<Vec<Seed>> {
    let tags = [TAG, BESIDE, PUSHED_PLACEHOLDER].map(str::to_owned);
    let tagged = tags.into_iter().map(|tag| Ok((tag, Content::Index(both()?)))).collect::<io::Result<_>>()?;
    let amd64 = vec![(TAG.to_owned(), Content::Image(Image::build("amd64", AMD64)?))];
    Ok(vec![
        Seed { repository: BOTH.into(), tags: tagged, ..Seed::default() },
        Seed { repository: AMD64.into(), tags: amd64, ..Seed::default() },
    ])
}

/// The manifests. They call the registry by a name of their own: where it will be, nobody knows beforehand.
///
/// # Errors
/// As [`seeds`].
pub fn manifests() -> io::Result<Vec<Source>> {
    let digest = both()?.index.digest;
    let source = |path: &str, text: String| Source { path: path.into(), text };
    Ok(vec![
        source(
            "argocd/app/deployment.yaml",
            format!(
                "spec:\n  containers:\n    - image: registry.test/{BOTH}:kustomized\n    - image: quay.io/x/y:v1\n"
            ),
        ),
        source(
            "argocd/app/kustomization.yaml",
            format!("resources: [deployment.yaml]\nimages:\n  - name: registry.test/{BOTH}\n    newTag: {TAG}\n"),
        ),
        source("argocd/job/job.yaml", format!("value: docker://registry.test/{BOTH}:{BESIDE}@{digest}\n")),
        source("nixos/host.nix", format!("{{ image = \"registry.test/{AMD64}:{TAG}\"; }}\n")),
    ])
}

/// What a lab expects of its manifests.
#[must_use]
pub fn expected(manifests: &[Source]) -> Inventory {
    let needs = |path: &str, platform: &str| (path.into(), Platform::parse(platform).into_iter().collect());
    Inventory {
        manifests: Manifests::Texts(manifests.to_vec()),
        hosts: vec!["registry.test".into()],
        platforms: vec![needs("argocd", "linux/arm64"), needs("nixos", "linux/amd64")],
        placeholders: Placeholders::default(),
    }
}
