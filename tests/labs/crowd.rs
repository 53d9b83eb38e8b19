//! Repositories of others, of every kind that a registry holds, and what of them can be seen: a run that does no harm
//! leaves all of it as it was.

use std::collections::BTreeMap;

use http::Method;
use libtest_mimic::Failed;
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;
use zot_verify::bench::Bench;
use zot_verify::wire::Request;
use zot_verify_model::image::{Blob, Image, Index, MANIFEST};
use zot_verify_model::{Account, Digest};

/// An image, under tags that a run might take for its own; what is left of it when a tag was taken away; a long name; and
/// names that begin or end as the canary's does.
const NAMES: [&str; 10] = [
    "team/app",
    "latest",
    "a/b/c/d/e/f/g/h/deep",
    "blumeops/zot-verify-canary2",
    "blumeops/zot-verify-canary-2",
    "blumeops/zot-verify-canar",
    "blumeops/zot-verify",
    "blumeops",
    "zot-verify/pull2",
    "other/blumeops/zot-verify-canary",
];

/// Tags that runs give, look for or take away in the canary.
const TAGS: [&str; 4] = ["latest", "permanent", "v0.1.0-0a1b2c3", "admin-delete-tag-0123abcd"];

/// What others have in a registry.
pub(crate) struct Crowd {
    /// Repository and reference of every manifest, tags included.
    manifests: Vec<(String, String)>,
    /// Repository and digest of every blob.
    blobs: Vec<(String, String)>,
    /// Manifests that others refer to.
    subjects: Vec<(String, String)>,
}

/// All that can be seen, by what was asked.
pub(crate) type Seen = BTreeMap<String, (u16, String)>;

/// Pushes all of it.
struct Pushing<'a> {
    bench: &'a Bench,
    admin: &'a Account,
    crowd: Crowd,
}

impl Crowd {
    /// Pushes one of every kind.
    pub(crate) async fn gather(bench: &Bench, admin: &Account) -> Result<Self, Failed> {
        let crowd = Self { manifests: Vec::new(), blobs: Vec::new(), subjects: Vec::new() };
        let mut pushing = Pushing { bench, admin, crowd };
        for name in NAMES {
            pushing.image(name).await?;
        }
        pushing.index("team/multi").await?;
        pushing.artifacts("team/signed").await?;
        pushing.untagged("team/untagged").await?;
        Ok(pushing.crowd)
    }

    /// Asks for every tag list, manifest, blob and list of referrers.
    pub(crate) async fn seen(&self, bench: &Bench) -> Result<Seen, Failed> {
        let mut paths: Vec<String> = self.repositories().map(|name| format!("/v2/{name}/tags/list")).collect();
        paths.extend(self.manifests.iter().map(|(name, reference)| format!("/v2/{name}/manifests/{reference}")));
        paths.extend(self.blobs.iter().map(|(name, digest)| format!("/v2/{name}/blobs/{digest}")));
        paths.extend(self.subjects.iter().map(|(name, digest)| format!("/v2/{name}/referrers/{digest}")));
        let mut seen = Seen::new();
        let wire = bench.wire.fresh();
        for path in paths {
            let answer = wire.send(Request::get(path.as_str())).await?;
            seen.insert(path, (answer.status(), answer.digest().to_string()));
        }
        let unseen: Vec<_> = seen.iter().filter(|(_, (status, _))| *status != 200).collect();
        if unseen.is_empty() { Ok(seen) } else { Err(format!("not there: {unseen:?}").into()) }
    }

    /// How often zot says that each was pulled, and when it was last pushed; nothing where it has no search.
    pub(crate) async fn counted(&self, bench: &Bench) -> Result<BTreeMap<String, Value>, Failed> {
        let mut counted = BTreeMap::new();
        for name in self.repositories() {
            let asked = format!(
                "{{ExpandedRepoInfo(repo:\"{name}\"){{Summary{{DownloadCount StarCount LastUpdated}} Images{{Tag Digest \
                 DownloadCount LastUpdated}}}}}}"
            );
            let query = Serializer::new(String::new()).append_pair("query", &asked).finish();
            let answer = bench.wire.fresh().send(Request::get(format!("/v2/_zot/ext/search?{query}"))).await?;
            let Some(mut said) = answer.json().filter(|said| said["data"].is_object()) else { continue };
            // zot lists them in any order.
            let images = said.pointer_mut("/data/ExpandedRepoInfo/Images").and_then(Value::as_array_mut);
            images.into_iter().for_each(|images| images.sort_by_key(ToString::to_string));
            counted.insert(name.to_owned(), said);
        }
        Ok(counted)
    }

    fn repositories(&self) -> impl Iterator<Item = &str> {
        let mut names: Vec<&str> = self.manifests.iter().map(|(name, _)| name.as_str()).collect();
        names.dedup();
        names.into_iter()
    }
}

impl Pushing<'_> {
    async fn image(&mut self, name: &str) -> Result<(), Failed> {
        for tag in TAGS {
            let image = Image::build("amd64", &format!("{name} {tag}"))?;
            self.blobs(name, image.blobs()).await?;
            self.manifest(name, tag, &image.manifest.bytes, MANIFEST).await?;
        }
        Ok(())
    }

    async fn index(&mut self, name: &str) -> Result<(), Failed> {
        let Index { index, images } = Index::build(name)?;
        for image in &images {
            self.blobs(name, image.blobs()).await?;
            self.manifest(name, image.manifest.digest.as_str(), &image.manifest.bytes, MANIFEST).await?;
        }
        self.manifest(name, "v1", &index.bytes, index.media_type).await
    }

    /// An image, with a signature as cosign tags it and another that refers to it.
    async fn artifacts(&mut self, name: &str) -> Result<(), Failed> {
        let image = Image::build("amd64", name)?;
        self.blobs(name, image.blobs()).await?;
        self.manifest(name, "v1", &image.manifest.bytes, MANIFEST).await?;
        let subject = image.manifest.descriptor();
        let signature = Blob::new("application/vnd.dev.cosign.simplesigning.v1+json", b"{\"signed\":true}".to_vec());
        let empty = Blob::new("application/vnd.oci.empty.v1+json", b"{}".to_vec());
        self.blobs(name, [&signature, &empty]).await?;
        let manifest = |more: Value| {
            let mut manifest = json!({
                "schemaVersion": 2, "mediaType": MANIFEST,
                "config": empty.descriptor(), "layers": [signature.descriptor()],
            });
            if let (Some(all), Some(more)) = (manifest.as_object_mut(), more.as_object()) {
                all.extend(more.clone());
            }
            manifest.to_string().into_bytes()
        };
        let tagged = manifest(json!({ "annotations": { "kind": "tagged" } }));
        let tag = format!("sha256-{}.sig", image.manifest.digest.hex());
        self.manifest(name, &tag, &tagged, MANIFEST).await?;
        let referring = manifest(json!({ "artifactType": "application/vnd.example.sbom", "subject": subject }));
        self.manifest(name, Digest::of(&referring).as_str(), &referring, MANIFEST).await?;
        self.crowd.subjects.push((name.to_owned(), image.manifest.digest.to_string()));
        Ok(())
    }

    /// A manifest that has lost its tag, and a blob that no manifest names.
    async fn untagged(&mut self, name: &str) -> Result<(), Failed> {
        let image = Image::build("amd64", name)?;
        self.blobs(name, image.blobs()).await?;
        self.manifest(name, image.manifest.digest.as_str(), &image.manifest.bytes, MANIFEST).await?;
        let loose = Blob::new("application/octet-stream", b"loose".to_vec());
        self.blobs(name, [&loose]).await
    }

    async fn blobs(&mut self, name: &str, blobs: impl IntoIterator<Item = &Blob>) -> Result<(), Failed> {
        for blob in blobs {
            let path = format!("/v2/{name}/blobs/uploads/?digest={}", blob.digest);
            let request = Request::new(Method::POST, path).header("content-type", "application/octet-stream");
            self.pushed(request.body(blob.bytes.clone())).await?;
            self.crowd.blobs.push((name.to_owned(), blob.digest.to_string()));
        }
        Ok(())
    }

    async fn manifest(&mut self, name: &str, reference: &str, bytes: &[u8], media_type: &str) -> Result<(), Failed> {
        let path = format!("/v2/{name}/manifests/{reference}");
        let request = Request::new(Method::PUT, path).header("content-type", media_type);
        self.pushed(request.body(bytes.to_vec())).await?;
        for reference in [reference, Digest::of(bytes).as_str()] {
            self.crowd.manifests.push((name.to_owned(), reference.to_owned()));
        }
        Ok(())
    }

    async fn pushed(&self, request: Request) -> Result<(), Failed> {
        let answer = self.bench.wire.send(request.by(self.admin)).await?;
        if answer.status() == 201 { Ok(()) } else { Err(format!("{answer:?}: {:?}", answer.text()).into()) }
    }
}
