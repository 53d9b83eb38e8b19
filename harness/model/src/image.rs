//! Small, valid, deterministic images (OCI image-spec 1.1).

use std::io;

use serde_json::{Value, json};

use crate::Digest;

/// Media type of an image manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of an image index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Media type of an image configuration.
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// Media type of a gzipped layer.
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// The annotation that says what an image is.
pub const DESCRIPTION: &str = "org.opencontainers.image.description";

/// Bytes with a media type and their digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// The media type under which descriptors name the bytes.
    pub media_type: &'static str,
    /// The digest of `bytes`.
    pub digest: Digest,
    /// The content.
    pub bytes: Vec<u8>,
}

impl Blob {
    /// Wraps `bytes` and computes their digest.
    #[must_use]
    pub fn new(media_type: &'static str, bytes: Vec<u8>) -> Self {
        Self { media_type, digest: Digest::of(&bytes), bytes }
    }

    /// The descriptor of this blob (image-spec, "OCI Content Descriptors").
    #[must_use]
    pub fn descriptor(&self) -> Value {
        json!({ "mediaType": self.media_type, "digest": self.digest.as_str(), "size": self.bytes.len() })
    }
}

/// A one-layer image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The manifest.
    pub manifest: Blob,
    /// The configuration.
    pub config: Blob,
    /// The only layer: a gzipped tar archive with one file.
    pub layer: Blob,
    /// The architecture that the configuration names, in Go's words (`amd64`, `arm64`).
    pub architecture: &'static str,
}

impl Image {
    /// Builds the image whose only file holds `content`; equal arguments give equal digests.
    ///
    /// # Errors
    /// Only what the archive writers report; they write to memory.
    pub fn build(architecture: &'static str, content: &str) -> io::Result<Self> {
        let tar = archive(content)?;
        let layer = Blob::new(LAYER, gzip(&tar)?);
        let config = Blob::new(
            CONFIG,
            bytes(&json!({
                "architecture": architecture,
                "os": "linux",
                "config": {},
                "rootfs": { "type": "layers", "diff_ids": [Digest::of(&tar).as_str()] },
            })),
        );
        let manifest = Blob::new(
            MANIFEST,
            bytes(&json!({
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": config.descriptor(),
                "layers": [layer.descriptor()],
            })),
        );
        Ok(Self { manifest, config, layer, architecture })
    }

    /// Another manifest over the same blobs, told apart by its description (image-spec, "Pre-Defined Annotation Keys").
    #[must_use]
    pub fn sibling(&self, description: &str) -> Blob {
        Blob::new(
            MANIFEST,
            bytes(&json!({
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": self.config.descriptor(),
                "layers": [self.layer.descriptor()],
                "annotations": { DESCRIPTION: description },
            })),
        )
    }

    /// The same image, with a description in its manifest.
    #[must_use]
    pub fn described(self, description: &str) -> Self {
        Self { manifest: self.sibling(description), ..self }
    }

    /// An index over this image alone.
    #[must_use]
    pub fn index(&self) -> Blob {
        Blob::new(INDEX, bytes(&json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [self.in_index()] })))
    }

    fn in_index(&self) -> Value {
        let mut descriptor = self.manifest.descriptor();
        descriptor["platform"] = json!({ "architecture": self.architecture, "os": "linux" });
        descriptor
    }

    /// The blobs that a registry must hold before it takes the manifest.
    #[must_use]
    pub fn blobs(&self) -> [&Blob; 2] {
        [&self.config, &self.layer]
    }
}

/// An index over images for several architectures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// The index itself.
    pub index: Blob,
    /// The images it names, in order.
    pub images: Vec<Image>,
}

impl Index {
    /// Builds an index over an `amd64` and an `arm64` image.
    ///
    /// # Errors
    /// As [`Image::build`].
    pub fn build(content: &str) -> io::Result<Self> {
        let images = vec![Image::build("amd64", content)?, Image::build("arm64", content)?];
        let manifests: Vec<Value> = images.iter().map(Image::in_index).collect();
        let index = Blob::new(INDEX, bytes(&json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests })));
        Ok(Self { index, images })
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn archive(content: &str) -> io::Result<Vec<u8>> {
    let mut header = tar::Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(0);
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_data(&mut header, "zot-verify", content.as_bytes())?;
    builder.into_inner()
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    use std::io::Write as _;
    let mut encoder = flate2::GzBuilder::new().mtime(0).write(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_content_gives_equal_digests_and_other_content_others() {
        let (a, b, c) = (Image::build("amd64", "a"), Image::build("amd64", "a"), Image::build("amd64", "b"));
        let (a, b, c) = (a.unwrap(), b.unwrap(), c.unwrap());
        assert_eq!(a.manifest.digest, b.manifest.digest);
        assert_ne!(a.manifest.digest, c.manifest.digest);
        assert_ne!(a.layer.digest, c.layer.digest);
    }

    #[test]
    fn an_image_stays_under_a_kibibyte() {
        let image = Image::build("arm64", "a run's own 16-digit name").unwrap();
        let size: usize = image.blobs().iter().map(|b| b.bytes.len()).sum::<usize>() + image.manifest.bytes.len();
        assert!(size < 1024, "{size}");
    }

    #[test]
    fn an_index_names_its_images_by_digest_and_platform() {
        let index = Index::build("x").unwrap();
        let value: Value = serde_json::from_slice(&index.index.bytes).unwrap();
        assert_eq!(value["manifests"][1]["digest"], index.images[1].manifest.digest.as_str());
        assert_eq!(value["manifests"][1]["platform"]["architecture"], "arm64");
    }
}
