//! The doors: every way in which the distribution API changes something, in one table.
//!
//! Each door has a full form, which works where access is granted, and mostly a harmless form: one that access control
//! refuses in the same way, and that stores nothing even where the door is open. That an open zot stores nothing then
//! is held by a test (`tests/labs/harmless.rs`).

use std::io;

use http::Method;
use zot_verify_model::Digest;
use zot_verify_model::image::{self, Image};
use zot_verify_model::principal::Action;

use super::Request;

/// One way of changing something.
#[derive(Debug)]
pub struct Door {
    /// The name, as in `push.anonymous-denied/NAME`.
    pub name: &'static str,
    /// What goes through it.
    pub what: &'static str,
    /// Method and path, `*` where names vary.
    pub shape: &'static str,
    /// What zot's access control calls it.
    pub action: Action,
    /// What stands behind it before it is tried in a lab.
    pub stage: Stage,
    /// The request that works where access is granted.
    pub full: fn(&Aim) -> Request,
    /// The request that stores nothing even where access is granted; `None` where there is no such form.
    pub harmless: Option<fn(&Aim) -> Request>,
    /// What the full form would change, as requests to be made before and after.
    pub watch: fn(&Aim) -> Vec<Request>,
}

/// What a lab's repository holds for a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The repository does not exist.
    Nothing,
    /// An upload session that somebody began.
    Upload,
    /// A tag, and the blobs of a rival image.
    Tagged,
}

/// What a request through a door aims at.
#[derive(Debug, Clone)]
pub struct Aim {
    /// The repository; every door has one of its own.
    pub repository: String,
    /// A tag that exists at [`Stage::Tagged`].
    pub tag: String,
    /// A tag that does not exist.
    pub new_tag: String,
    /// The image that [`Aim::tag`] names at [`Stage::Tagged`].
    pub resident: Image,
    /// The image that is pushed against it.
    pub rival: Image,
    /// An upload session that exists at [`Stage::Upload`].
    pub upload: String,
    /// Another repository and a blob in it, to mount from.
    pub elsewhere: (String, Digest),
}

impl Aim {
    /// At a tag of a repository with images of its own; no upload, and nothing elsewhere.
    ///
    /// # Errors
    /// As [`Image::build`].
    pub fn at(repository: String, tag: &str) -> io::Result<Self> {
        let resident = Image::build("amd64", &format!("{repository} resident"))?;
        let rival = Image::build("amd64", &format!("{repository} rival"))?;
        let elsewhere = (repository.clone(), rival.layer.digest.clone());
        let (tag, new_tag) = (tag.to_owned(), format!("{tag}-new"));
        Ok(Self { resident, rival, tag, new_tag, upload: String::new(), elsewhere, repository })
    }

    fn uploads(&self, rest: &str) -> String {
        format!("/v2/{}/blobs/uploads/{rest}", self.repository)
    }

    fn manifest(&self, reference: &str) -> String {
        format!("/v2/{}/manifests/{reference}", self.repository)
    }

    fn tags(&self) -> Request {
        Request::get(format!("/v2/{}/tags/list", self.repository))
    }

    fn reads(&self, reference: &str) -> Request {
        Request::get(self.manifest(reference)).header("accept", image::MANIFEST)
    }

    fn asks_blob(&self, digest: &Digest) -> Request {
        // Not HEAD: a HEAD of a blob that another repository holds makes the repository (observed on v2.1.20).
        Request::get(format!("/v2/{}/blobs/{digest}", self.repository))
    }

    fn puts(&self, reference: &str) -> Request {
        Request::new(Method::PUT, self.manifest(reference)).body(self.rival.manifest.bytes.clone())
    }
}

const OCTETS: &str = "application/octet-stream";

fn typed(request: Request) -> Request {
    request.header("content-type", image::MANIFEST)
}

/// Begins an upload. It has no harmless form: an open zot keeps the session and lists the repository.
pub const UPLOAD_BEGIN: Door = Door {
    name: "upload-begin",
    what: "begin an upload",
    shape: "POST /v2/*/blobs/uploads/",
    action: Action::Create,
    stage: Stage::Nothing,
    full: |aim| Request::new(Method::POST, aim.uploads("")),
    harmless: None,
    watch: |aim| vec![aim.tags()],
};

/// Uploads a blob in one request (distribution-spec, "Single POST").
pub const UPLOAD_WHOLE: Door = Door {
    name: "upload-whole",
    what: "upload a blob in one request",
    shape: "POST /v2/*/blobs/uploads/?digest=*",
    action: Action::Create,
    stage: Stage::Nothing,
    full: |aim| {
        let layer = &aim.rival.layer;
        Request::new(Method::POST, aim.uploads(&format!("?digest={}", layer.digest)))
            .header("content-type", OCTETS)
            .body(layer.bytes.clone())
    },
    // Without its media type zot answers 415 (observed on v2.1.20).
    harmless: Some(|aim| Request::new(Method::POST, aim.uploads(&format!("?digest={}", aim.rival.layer.digest)))),
    watch: |aim| vec![aim.tags(), aim.asks_blob(&aim.rival.layer.digest)],
};

/// Mounts a blob of another repository (distribution-spec, "Mounting a blob from another repository").
pub const MOUNT: Door = Door {
    name: "mount",
    what: "mount a blob of another repository",
    shape: "POST /v2/*/blobs/uploads/?*",
    action: Action::Create,
    stage: Stage::Nothing,
    full: |aim| {
        let (from, digest) = &aim.elsewhere;
        Request::new(Method::POST, aim.uploads(&format!("?mount={digest}&from={from}")))
    },
    // Without `mount` zot answers 405 (observed on v2.1.20).
    harmless: Some(|aim| Request::new(Method::POST, aim.uploads(&format!("?from={}", aim.elsewhere.0)))),
    watch: |aim| vec![aim.tags()],
};

/// Sends a chunk to an upload session.
pub const UPLOAD_CHUNK: Door = Door {
    name: "upload-chunk",
    what: "send a chunk to an upload session",
    shape: "PATCH /v2/*/blobs/uploads/*",
    action: Action::Create,
    stage: Stage::Upload,
    full: |aim| {
        Request::new(Method::PATCH, aim.uploads(&aim.upload))
            .header("content-type", OCTETS)
            .body(aim.rival.layer.bytes.clone())
    },
    // zot makes the repository of an unknown session unless it sees a range that contradicts the body's length, and a
    // proxy may take that length away (observed on v2.1.20).
    harmless: None,
    watch: |aim| vec![Request::get(aim.uploads(&aim.upload))],
};

/// Finishes an upload session.
pub const UPLOAD_FINISH: Door = Door {
    name: "upload-finish",
    what: "finish an upload session",
    shape: "PUT /v2/*/blobs/uploads/*?digest=*",
    action: Action::Create,
    stage: Stage::Upload,
    full: |aim| {
        let layer = &aim.rival.layer;
        Request::new(Method::PUT, aim.uploads(&format!("{}?digest={}", aim.upload, layer.digest)))
            .header("content-type", OCTETS)
            .body(layer.bytes.clone())
    },
    // Without a body it is 404; with one the repository would be made (observed on v2.1.20).
    harmless: Some(|aim| {
        Request::new(Method::PUT, aim.uploads(&format!("{}?digest={}", aim.upload, aim.rival.layer.digest)))
    }),
    watch: |aim| vec![Request::get(aim.uploads(&aim.upload)), aim.asks_blob(&aim.rival.layer.digest)],
};

/// Cancels an upload session. zot asks for `delete`, so that a client without it cannot even cancel its own
/// (observed on v2.1.20).
pub const UPLOAD_CANCEL: Door = Door {
    name: "upload-cancel",
    what: "cancel an upload session",
    shape: "DELETE /v2/*/blobs/uploads/*",
    action: Action::Delete,
    stage: Stage::Upload,
    full: |aim| Request::new(Method::DELETE, aim.uploads(&aim.upload)),
    harmless: Some(|aim| Request::new(Method::DELETE, aim.uploads(&aim.upload))),
    watch: |aim| vec![Request::get(aim.uploads(&aim.upload))],
};

/// Puts a manifest under a tag that does not exist.
pub const NEW_TAG: Door = Door {
    name: "new-tag",
    what: "put a manifest under a new tag",
    shape: "PUT /v2/*/manifests/*",
    action: Action::Create,
    stage: Stage::Tagged,
    full: |aim| typed(aim.puts(&aim.new_tag)),
    // Without its media type zot answers 415 (observed on v2.1.20).
    harmless: Some(|aim| aim.puts(&aim.new_tag)),
    watch: |aim| vec![aim.tags(), aim.reads(&aim.new_tag), aim.reads(aim.rival.manifest.digest.as_str())],
};

/// Puts a manifest under a tag that exists.
pub const MOVE_TAG: Door = Door {
    name: "move-tag",
    what: "put a manifest under an existing tag",
    shape: "PUT /v2/*/manifests/*",
    action: Action::Update,
    stage: Stage::Tagged,
    full: |aim| typed(aim.puts(&aim.tag)),
    harmless: None,
    watch: |aim| vec![aim.reads(&aim.tag), aim.reads(aim.rival.manifest.digest.as_str())],
};

/// Puts an index over the tag's own image under an existing tag. To access control it is the door [`MOVE_TAG`], so it
/// does not stand in [`DOORS`].
pub const MOVE_TAG_TO_INDEX: Door = Door {
    name: "move-tag-to-index",
    what: "put an index under an existing tag",
    shape: "PUT /v2/*/manifests/*",
    action: Action::Update,
    stage: Stage::Tagged,
    full: |aim| {
        let index = aim.resident.index();
        Request::new(Method::PUT, aim.manifest(&aim.tag)).header("content-type", image::INDEX).body(index.bytes)
    },
    harmless: None,
    watch: |aim| vec![aim.reads(&aim.tag)],
};

/// Puts a manifest by its digest.
pub const BY_DIGEST: Door = Door {
    name: "by-digest",
    what: "put a manifest by its digest",
    shape: "PUT /v2/*/manifests/*",
    action: Action::Create,
    stage: Stage::Tagged,
    full: |aim| typed(aim.puts(aim.rival.manifest.digest.as_str())),
    harmless: Some(|aim| aim.puts(aim.rival.manifest.digest.as_str())),
    watch: |aim| vec![aim.tags(), aim.reads(aim.rival.manifest.digest.as_str())],
};

/// Puts a manifest by its digest and tags it with a new tag in the same request, as zot does since v2.1.16.
pub const BY_DIGEST_NEW_TAG: Door = Door {
    name: "by-digest-new-tag",
    what: "put a manifest by digest with ?tag= and a new tag",
    shape: "PUT /v2/*/manifests/*?tag=*",
    action: Action::Create,
    stage: Stage::Tagged,
    full: |aim| typed(aim.puts(&format!("{}?tag={}", aim.rival.manifest.digest, aim.new_tag))),
    harmless: Some(|aim| aim.puts(&format!("{}?tag={}", aim.rival.manifest.digest, aim.new_tag))),
    watch: |aim| vec![aim.tags(), aim.reads(&aim.new_tag), aim.reads(aim.rival.manifest.digest.as_str())],
};

/// Puts a manifest by its digest and moves an existing tag to it in the same request.
pub const BY_DIGEST_MOVE_TAG: Door = Door {
    name: "by-digest-move-tag",
    what: "put a manifest by digest with ?tag= and an existing tag",
    shape: "PUT /v2/*/manifests/*?tag=*",
    action: Action::Update,
    stage: Stage::Tagged,
    full: |aim| typed(aim.puts(&format!("{}?tag={}", aim.rival.manifest.digest, aim.tag))),
    harmless: None,
    watch: |aim| vec![aim.reads(&aim.tag), aim.reads(aim.rival.manifest.digest.as_str())],
};

/// Removes a tag.
pub const DELETE_TAG: Door = Door {
    name: "delete-tag",
    what: "delete a tag",
    shape: "DELETE /v2/*/manifests/*",
    action: Action::Delete,
    stage: Stage::Tagged,
    full: |aim| Request::new(Method::DELETE, aim.manifest(&aim.tag)),
    harmless: Some(|aim| Request::new(Method::DELETE, aim.manifest(&aim.new_tag))),
    watch: |aim| vec![aim.reads(&aim.tag)],
};

/// Removes a manifest, and with it every tag on it.
pub const DELETE_MANIFEST: Door = Door {
    name: "delete-manifest",
    what: "delete a manifest by digest",
    shape: "DELETE /v2/*/manifests/*",
    action: Action::Delete,
    stage: Stage::Tagged,
    full: |aim| Request::new(Method::DELETE, aim.manifest(aim.resident.manifest.digest.as_str())),
    harmless: Some(|aim| Request::new(Method::DELETE, aim.manifest(aim.rival.manifest.digest.as_str()))),
    watch: |aim| vec![aim.reads(&aim.tag), aim.reads(aim.resident.manifest.digest.as_str())],
};

/// Removes a blob.
pub const DELETE_BLOB: Door = Door {
    name: "delete-blob",
    what: "delete a blob",
    shape: "DELETE /v2/*/blobs/*",
    action: Action::Delete,
    stage: Stage::Tagged,
    full: |aim| Request::new(Method::DELETE, format!("/v2/{}/blobs/{}", aim.repository, aim.rival.layer.digest)),
    harmless: Some(|aim| {
        Request::new(Method::DELETE, format!("/v2/{}/blobs/{}", aim.repository, aim.rival.layer.digest))
    }),
    watch: |aim| vec![aim.asks_blob(&aim.rival.layer.digest)],
};

/// Every door that changes something.
pub const DOORS: &[&Door] = &[
    &UPLOAD_BEGIN,
    &UPLOAD_WHOLE,
    &MOUNT,
    &UPLOAD_CHUNK,
    &UPLOAD_FINISH,
    &UPLOAD_CANCEL,
    &NEW_TAG,
    &MOVE_TAG,
    &BY_DIGEST,
    &BY_DIGEST_NEW_TAG,
    &BY_DIGEST_MOVE_TAG,
    &DELETE_TAG,
    &DELETE_MANIFEST,
    &DELETE_BLOB,
];
