//! What stands under the tags that are tried, and what is tried on them.

use std::fmt;
use std::io;
use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};
use zot_verify_model::Digest;
use zot_verify_model::image::{Blob, CONFIG, INDEX, Image, Index, MANIFEST};
use zot_verify_model::layout::{Content, Seed};

use crate::bench::Bench;
use crate::checks::pushing;
use crate::run::outcome::Halt;
use crate::wire::{Exchange, Request};

/// Where images are, and where this program is at home: other patterns may decide.
const REPOSITORIES: [&str; 2] = ["zot-verify/kinds", "blumeops/zot-verify-kinds"];

/// Something that a tag can name.
#[derive(Debug)]
pub(super) struct Kind {
    /// The part, and the tag, unless that is made of a digest.
    pub(super) name: &'static str,
    /// What comes before and after the digest of what is signed or referred to, in the tag.
    around: Option<(&'static str, &'static str)>,
    content: fn(&str) -> io::Result<Content>,
}

/// An image, an index, an artifact that refers to the image, its signature as cosign pushes it, and its list of referrers
/// (distribution-spec, "Referrers Tag Schema").
pub(super) const KINDS: [Kind; 5] = [
    Kind { name: "image", around: None, content: |repository| Ok(Content::Image(signed(repository)?)) },
    Kind {
        name: "index",
        around: None,
        content: |repository| Ok(Content::Index(Index::build(&format!("{repository} index"))?)),
    },
    Kind { name: "artifact", around: None, content: |repository| Ok(Content::Image(artifact(repository)?)) },
    Kind {
        name: "signature",
        around: Some(("sha256-", ".sig")),
        content: |repository| Ok(Content::Image(signature(repository)?)),
    },
    Kind { name: "referrers", around: Some(("sha256-", "")), content: referrers },
];

/// A way to move or remove a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// An image in its place.
    Image,
    /// An index in its place.
    Index,
    /// An artifact in its place.
    Artifact,
    /// An image by its digest, with the tag beside it.
    Beside,
    /// The same with a new tag, too.
    BesideAnother,
    /// The tag alone.
    DeleteTag,
    /// What it names.
    DeleteManifest,
}

impl Way {
    pub(super) const ALL: [Self; 7] = [
        Self::Image,
        Self::Index,
        Self::Artifact,
        Self::Beside,
        Self::BesideAnother,
        Self::DeleteTag,
        Self::DeleteManifest,
    ];

    /// Whether the tag stands beside the digest, where not every registry looks.
    pub(super) fn is_beside(self) -> bool {
        matches!(self, Self::Beside | Self::BesideAnother)
    }

    pub(super) fn removes(self) -> bool {
        matches!(self, Self::DeleteTag | Self::DeleteManifest)
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Image => "putting an image",
            Self::Index => "putting an index",
            Self::Artifact => "putting an artifact",
            Self::Beside => "putting an image by digest with ?tag=",
            Self::BesideAnother => "putting an image by digest with a new and this ?tag=",
            Self::DeleteTag => "deleting the tag",
            Self::DeleteManifest => "deleting what it names",
        })
    }
}

/// A tag of a kind in one of the repositories.
pub(super) struct Resident {
    repository: &'static str,
    tag: String,
    content: Content,
}

impl fmt::Display for Resident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.repository, self.tag)
    }
}

impl Kind {
    /// The tags of this kind.
    pub(super) fn residents(&self) -> io::Result<Vec<Resident>> {
        REPOSITORIES.into_iter().map(|repository| self.resident(repository)).collect()
    }

    fn resident(&self, repository: &'static str) -> io::Result<Resident> {
        let tag = match self.around {
            None => self.name.to_owned(),
            Some((before, after)) => format!("{before}{}{after}", signed(repository)?.manifest.digest.hex()),
        };
        Ok(Resident { repository, tag, content: (self.content)(repository)? })
    }
}

impl Resident {
    pub(super) fn digest(&self) -> &Digest {
        &self.content.top().digest
    }

    pub(super) async fn looks(&self, bench: &Bench) -> Result<Arc<Exchange>, Halt> {
        Ok(bench.wire.send(pushing::read(self.repository, &self.tag)).await?)
    }

    /// The request that would move or remove it, for whoever may.
    pub(super) fn request(&self, way: Way) -> io::Result<Request> {
        let rival = rival(self.repository)?;
        let path = |reference: &str| format!("/v2/{}/manifests/{reference}", self.repository);
        let put = |reference: &str, blob: &Blob| {
            Request::new(Method::PUT, path(reference)).header("content-type", blob.media_type).body(blob.bytes.clone())
        };
        let (tag, image) = (&self.tag, &rival.manifest);
        Ok(match way {
            Way::Image => put(tag, image),
            Way::Index => put(tag, &signed(self.repository)?.index()),
            Way::Artifact => put(tag, &rival_artifact(self.repository)?.manifest),
            Way::Beside => put(&format!("{}?tag={tag}", image.digest), image),
            Way::BesideAnother => put(&format!("{}?tag={tag}-new&tag={tag}", image.digest), image),
            Way::DeleteTag => Request::new(Method::DELETE, path(tag)),
            Way::DeleteManifest => Request::new(Method::DELETE, path(self.digest().as_str())),
        })
    }
}

/// What the lab holds: every kind, and all of its rivals but their manifests.
///
/// # Errors
/// As [`Image::build`].
pub fn seeds() -> io::Result<Vec<Seed>> {
    let seed = |repository: &'static str| {
        let residents = KINDS.iter().map(|kind| kind.resident(repository)).collect::<io::Result<Vec<_>>>()?;
        let tags = residents.into_iter().map(|resident| (resident.tag, resident.content)).collect();
        let loose = rival(repository)?.blobs().into_iter().cloned().collect();
        Ok(Seed { repository: repository.into(), tags, loose, ..Seed::default() })
    };
    REPOSITORIES.into_iter().map(seed).collect()
}

/// The image that is signed and referred to.
fn signed(repository: &str) -> io::Result<Image> {
    Image::build("amd64", &format!("{repository} image"))
}

fn rival(repository: &str) -> io::Result<Image> {
    Image::build("amd64", &format!("{repository} rival"))
}

/// An artifact that refers to the image (image-spec, "Guidelines for Artifact Usage").
fn artifact(repository: &str) -> io::Result<Image> {
    of_artifact(repository, "application/vnd.zot-verify.resident")
}

fn rival_artifact(repository: &str) -> io::Result<Image> {
    of_artifact(repository, "application/vnd.zot-verify.rival")
}

fn of_artifact(repository: &str, kind: &str) -> io::Result<Image> {
    let empty = Blob::new("application/vnd.oci.empty.v1+json", b"{}".to_vec());
    let subject = signed(repository)?.manifest;
    let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": kind, "config": empty.descriptor(),
        "layers": [empty.descriptor()], "subject": subject.descriptor() });
    Ok(Image { manifest: blob(MANIFEST, &manifest), config: empty.clone(), layer: empty, architecture: "amd64" })
}

/// A signature as cosign pushes it.
fn signature(repository: &str) -> io::Result<Image> {
    let digest = signed(repository)?.manifest.digest;
    let payload = json!({ "critical": { "image": { "docker-manifest-digest": digest.as_str() } } });
    let payload = blob("application/vnd.dev.cosign.simplesigning.v1+json", &payload);
    let config = blob(CONFIG, &json!({ "architecture": "", "os": "", "config": {}, "rootfs": {} }));
    let mut layer = payload.descriptor();
    layer["annotations"] = json!({ "dev.cosignproject.cosign/signature": "bm90IG9uZQ==" });
    let manifest =
        json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config.descriptor(), "layers": [layer] });
    Ok(Image { manifest: blob(MANIFEST, &manifest), config, layer: payload, architecture: "amd64" })
}

fn referrers(repository: &str) -> io::Result<Content> {
    let artifact = artifact(repository)?;
    let list = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [artifact.manifest.descriptor()] });
    Ok(Content::Index(Index { index: blob(INDEX, &list), images: vec![artifact] }))
}

fn blob(media_type: &'static str, value: &Value) -> Blob {
    Blob::new(media_type, value.to_string().into_bytes())
}
