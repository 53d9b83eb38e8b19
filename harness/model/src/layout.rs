//! What a registry holds before it starts, and how that looks on zot's disk.
//!
//! zot serves an OCI image layout found in its root directory at once (observed on v2.1.20), so a lab can be seeded
//! without a login and without a single push.

use serde_json::{Value, json};

use crate::image::{Blob, Image, Index};

/// A repository as it stands before a lab starts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seed {
    /// The repository's name.
    pub repository: String,
    /// Tags and what they name.
    pub tags: Vec<(String, Content)>,
    /// Blobs that no manifest names yet: what a push has uploaded before its last request.
    pub loose: Vec<Blob>,
    /// Identifiers of upload sessions that somebody began and left without a byte.
    pub uploads: Vec<String>,
}

/// What a tag names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A single image.
    Image(Image),
    /// An index over several.
    Index(Index),
}

impl Content {
    /// The manifest or index that the tag points to.
    #[must_use]
    pub fn top(&self) -> &Blob {
        match self {
            Self::Image(image) => &image.manifest,
            Self::Index(index) => &index.index,
        }
    }

    /// Every manifest, the top one first.
    #[must_use]
    pub fn manifests(&self) -> Vec<&Blob> {
        match self {
            Self::Image(image) => vec![&image.manifest],
            Self::Index(index) => {
                std::iter::once(&index.index).chain(index.images.iter().map(|image| &image.manifest)).collect()
            }
        }
    }

    /// Every configuration and layer.
    #[must_use]
    pub fn blobs(&self) -> Vec<&Blob> {
        match self {
            Self::Image(image) => image.blobs().to_vec(),
            Self::Index(index) => index.images.iter().flat_map(Image::blobs).collect(),
        }
    }
}

/// A file to be written below zot's root directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Path relative to the root directory, with `/` between its parts.
    pub path: String,
    /// Content.
    pub bytes: Vec<u8>,
}

impl Seed {
    /// The files that make zot serve this repository.
    #[must_use]
    pub fn files(&self) -> Vec<File> {
        let repository = &self.repository;
        let file = |path: String, bytes: Vec<u8>| File { path: format!("{repository}/{path}"), bytes };
        let mut manifests: Vec<Value> = Vec::new();
        for (tag, content) in &self.tags {
            let mut top = content.top().descriptor();
            top["annotations"] = json!({ "org.opencontainers.image.ref.name": tag });
            manifests.push(top);
            // zot answers 404 for an index's own manifests unless the layout names them too (observed on v2.1.20).
            manifests.extend(content.manifests().into_iter().skip(1).map(Blob::descriptor));
        }
        let index = json!({ "schemaVersion": 2, "mediaType": crate::image::INDEX, "manifests": manifests });
        let mut files = vec![
            file("oci-layout".into(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
            file("index.json".into(), index.to_string().into_bytes()),
        ];
        let tagged = self.tags.iter().flat_map(|(_, content)| content.manifests().into_iter().chain(content.blobs()));
        for blob in tagged.chain(&self.loose) {
            files.push(file(format!("blobs/sha256/{}", blob.digest.hex()), blob.bytes.clone()));
        }
        files.extend(self.uploads.iter().map(|id| file(format!(".uploads/{id}"), Vec::new())));
        files
    }
}
