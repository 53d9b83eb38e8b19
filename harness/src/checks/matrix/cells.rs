//! The cells: one caller at one door of one repository, with what it finds there, and how to see what came of it.

use std::io;
use std::sync::Arc;

use url::Url;
use zot_verify_model::Digest;
use zot_verify_model::image::{self, Blob, Image};
use zot_verify_model::layout::{Content, Seed};
use zot_verify_model::principal::{Action, Role};

use super::Caller;
use super::classes::Class;
use crate::checks::{expect, pushing};
use crate::policy::intended::Intended;
use crate::wire::door::{self, Aim, Door, Stage};
use crate::wire::{Exchange, Redactor, Request};

/// A repository with the blobs that are mounted from it.
pub(super) const ELSEWHERE: &str = "zot-verify/matrix-elsewhere";

/// A way into a registry: a door, or a read.
#[derive(Debug)]
pub(super) enum Way {
    /// It changes something; the look is the one read whose answer tells whether it was done.
    Changes { door: &'static Door, look: Look },
    /// It reads what the lab holds.
    Reads { name: &'static str, asks: fn(&Aim) -> Request },
}

/// Where it shows whether a door was passed, and what that looks like.
#[derive(Debug, Clone, Copy)]
pub(super) enum Look {
    /// The upload where the answer says it is: there.
    Upload,
    /// An upload that was begun before: it has grown.
    Grown,
    /// An upload that was begun before: gone.
    Cancelled,
    /// The rival's layer: there, or where a mount begins an upload instead, that one.
    Blob,
    /// The rival's layer, which no manifest names: gone.
    NoBlob,
    /// A new tag: the rival.
    NewTag,
    /// The rival's manifest by its digest: there.
    Manifest,
    /// A tag that was there: the rival.
    Moved,
    /// A tag that was there: gone.
    NoTag,
    /// The manifest of a tag that was there: gone.
    NoManifest,
}

/// Every way, reads first.
pub(super) const WAYS: &[Way] = &[
    Way::Reads { name: "tags", asks: |aim| Request::get(format!("/v2/{}/tags/list", aim.repository)) },
    Way::Reads { name: "manifest", asks: |aim| reads(aim, aim.resident.manifest.digest.as_str()) },
    Way::Reads { name: "blob", asks: |aim| blob(aim, &aim.resident.config.digest) },
    Way::Changes { door: &door::UPLOAD_BEGIN, look: Look::Upload },
    Way::Changes { door: &door::UPLOAD_WHOLE, look: Look::Blob },
    Way::Changes { door: &door::MOUNT, look: Look::Blob },
    Way::Changes { door: &door::UPLOAD_CHUNK, look: Look::Grown },
    Way::Changes { door: &door::UPLOAD_FINISH, look: Look::Blob },
    Way::Changes { door: &door::UPLOAD_CANCEL, look: Look::Cancelled },
    Way::Changes { door: &door::NEW_TAG, look: Look::NewTag },
    Way::Changes { door: &door::MOVE_TAG, look: Look::Moved },
    Way::Changes { door: &door::BY_DIGEST, look: Look::Manifest },
    Way::Changes { door: &door::BY_DIGEST_NEW_TAG, look: Look::NewTag },
    Way::Changes { door: &door::BY_DIGEST_MOVE_TAG, look: Look::Moved },
    Way::Changes { door: &door::DELETE_TAG, look: Look::NoTag },
    Way::Changes { door: &door::DELETE_MANIFEST, look: Look::NoManifest },
    Way::Changes { door: &door::DELETE_BLOB, look: Look::NoBlob },
];

fn reads(aim: &Aim, reference: &str) -> Request {
    Request::get(format!("/v2/{}/manifests/{reference}", aim.repository)).header("accept", image::MANIFEST)
}

fn blob(aim: &Aim, digest: &Digest) -> Request {
    Request::get(format!("/v2/{}/blobs/{digest}", aim.repository))
}

impl Way {
    fn name(&self) -> &'static str {
        match self {
            Self::Changes { door, .. } => door.name,
            Self::Reads { name, .. } => name,
        }
    }

    fn action(&self) -> Action {
        match self {
            Self::Changes { door, .. } => door.action,
            Self::Reads { .. } => Action::Read,
        }
    }

    /// Whether it changes nothing.
    pub(super) fn is_read(&self) -> bool {
        matches!(self, Self::Reads { .. })
    }

    /// Whether it finds a tag of its own.
    fn is_tagged(&self) -> bool {
        matches!(
            self,
            Self::Changes { look: Look::Moved | Look::NoTag | Look::NoManifest, .. }
                | Self::Reads { name: "manifest", .. }
        )
    }
}

/// The tag that a caller finds for a way, if the way needs one.
pub(super) fn seeded_tag(caller: &Caller, way: &Way) -> Option<String> {
    way.is_tagged().then(|| tag(caller, way))
}

fn tag(caller: &Caller, way: &Way) -> String {
    format!("{}-{}", caller.name, way.name())
}

/// What a caller finds for a way: a tag, images, a blob and an upload that no other cell touches. All images of a
/// repository are made of the same blobs, so that a lab has few files to write.
fn aim(class: &Class, caller: &Caller, way: &Way) -> io::Result<Aim> {
    let tag = tag(caller, way);
    let own = format!("{} {tag}", class.repository);
    let built = Image::build("amd64", ELSEWHERE)?;
    let loose = Blob::new(image::LAYER, own.clone().into_bytes());
    let resident = built.clone().described(&format!("{tag} resident"));
    let rival = Image { layer: loose.clone(), ..built.described(&format!("{tag} rival")) };
    let upload = upload(&own);
    let elsewhere = (ELSEWHERE.to_owned(), loose.digest);
    let new_tag = format!("{tag}-new");
    Ok(Aim { repository: class.repository.clone(), tag, new_tag, resident, rival, upload, elsewhere })
}

/// The name of an upload, in the form of a UUID, which zot asks for.
fn upload(of: &str) -> String {
    let hex = Digest::of(of.as_bytes()).hex().to_owned();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-4{}-8{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}

/// Lays out what a caller finds in the repository of a class.
///
/// # Errors
/// As [`Image::build`].
pub(super) fn stage(class: &Class, caller: &Caller, seed: &mut Seed, elsewhere: &mut Seed) -> io::Result<()> {
    for way in WAYS {
        let aim = aim(class, caller, way)?;
        if let Way::Changes { door, look } = way {
            match (door.stage, look) {
                (Stage::Upload, _) => seed.uploads.push(aim.upload.clone()),
                (_, Look::NoBlob) => seed.loose.push(aim.rival.layer.clone()),
                (_, Look::Blob) => elsewhere.loose.push(aim.rival.layer.clone()),
                _ => {}
            }
        }
        if way.is_tagged() {
            seed.tags.push((aim.tag, Content::Image(aim.resident)));
        }
    }
    Ok(())
}

/// One caller at one way of one repository.
pub(super) struct Cell {
    pub(super) repository: String,
    pub(super) action: Action,
    /// Whether it is intended.
    pub(super) allowed: bool,
    /// Whether the caller is meant to push at all.
    may_create: bool,
    caller: &'static Caller,
    way: &'static Way,
    aim: Aim,
}

/// What came of it.
pub(super) struct Seen {
    pub(super) answer: Arc<Exchange>,
    pub(super) look: Option<Arc<Exchange>>,
}

impl Seen {
    pub(super) fn exchanges(&self) -> impl Iterator<Item = &Arc<Exchange>> {
        std::iter::once(&self.answer).chain(&self.look)
    }
}

impl Cell {
    /// # Errors
    /// As [`Image::build`].
    pub(super) fn new(
        class: &Class,
        caller: &'static Caller,
        way: &'static Way,
        intended: &Intended,
    ) -> io::Result<Self> {
        let action = way.action();
        let may = intended.may(caller.role, &class.repository);
        Ok(Self {
            repository: class.repository.clone(),
            action,
            allowed: may.contains(&action),
            may_create: may.contains(&Action::Create),
            caller,
            way,
            aim: aim(class, caller, way)?,
        })
    }

    /// The request, without what proves who sends it.
    pub(super) fn request(&self) -> Request {
        match self.way {
            Way::Changes { door, .. } => (door.full)(&self.aim),
            Way::Reads { asks, .. } => asks(&self.aim).following(),
        }
    }

    /// The read that tells whether it was done; none where the answer itself is what was read, or names nothing.
    pub(super) fn look(&self, answer: &Arc<Exchange>, registry: &Url, redactor: &Redactor) -> Option<Request> {
        let Way::Changes { look, .. } = self.way else { return None };
        let aim = &self.aim;
        Some(match look {
            Look::Upload => Request::get(pushing::session(answer, registry, redactor).ok()?),
            Look::Grown | Look::Cancelled => {
                Request::get(format!("/v2/{}/blobs/uploads/{}", aim.repository, aim.upload))
            }
            Look::Blob | Look::NoBlob => blob(aim, &aim.rival.layer.digest),
            Look::NewTag => reads(aim, &aim.new_tag),
            Look::Manifest => reads(aim, aim.rival.manifest.digest.as_str()),
            Look::Moved | Look::NoTag => reads(aim, &aim.tag),
            Look::NoManifest => reads(aim, aim.resident.manifest.digest.as_str()),
        })
    }

    /// The name of its way.
    pub(super) fn way(&self) -> &'static str {
        self.way.name()
    }

    /// What is to be seen.
    pub(super) fn expected(&self) -> String {
        let who = self.caller.name;
        let (may, way) = (if self.allowed { "may" } else { "may not" }, self.way.name());
        format!("{who} {may} `{}` in {} ({way})", self.action.word(), self.repository)
    }

    /// How what was seen differs from what is intended, if it does.
    pub(super) fn wrong(&self, seen: &Seen) -> Option<String> {
        let (said, status) = (expect::observed(&seen.answer), seen.answer.status());
        let refused = match self.caller.role {
            Role::Anonymous => status == 401,
            // As registries say it that know who asks.
            _ => matches!(status, 403 | 405 | 409 | 412),
        };
        let done = self.done(seen);
        match (self.allowed, done) {
            (true, Ok(true)) if (200..300).contains(&status) => None,
            (false, Ok(false)) if refused => None,
            // What is no part of the specification is no promise.
            (_, Ok(false)) if self.is_idle(seen) => None,
            (_, Err(unclear)) => Some(format!("{said}, and {unclear}")),
            (_, Ok(true)) => Some(format!("{said}, and it was done")),
            (_, Ok(false)) => Some(format!("{said}, and it was not done")),
        }
    }

    /// Whether it was taken and `?tag=` was not read, as before v2.1.16. The push itself is stored then, so that it is
    /// idle only for whoever may push.
    pub(super) fn is_idle(&self, seen: &Seen) -> bool {
        let asks_for_a_tag = matches!(self.way, Way::Changes { door, .. } if door.shape.ends_with("?tag=*"));
        let may_push = self.may_create && (200..300).contains(&seen.answer.status());
        asks_for_a_tag && may_push && self.done(seen) == Ok(false)
    }

    /// Whether it was done, as far as the look tells; in words where it tells neither.
    fn done(&self, seen: &Seen) -> Result<bool, String> {
        let (aim, answer) = (&self.aim, &seen.answer);
        let Way::Changes { look, .. } = self.way else { return self.was_read(answer) };
        // An answer that names no upload has begun none that anybody could use.
        let Some(seen) = &seen.look else { return Ok(false) };
        let (status, digest) = (seen.status(), seen.digest());
        let unclear = || format!("{} then answers {status} with {}", seen.url().path(), digest.short());
        let there = |wanted: &Digest| match status {
            404 => Ok(false),
            200 if digest == wanted => Ok(true),
            _ => Err(unclear()),
        };
        match look {
            Look::Upload => match status {
                204 => Ok(true),
                404 => Ok(false),
                _ => Err(unclear()),
            },
            Look::Cancelled => match status {
                404 => Ok(true),
                204 => Ok(false),
                _ => Err(unclear()),
            },
            Look::Grown => match (status, seen.header("range")) {
                // Nothing is in it (observed on v2.1.20; on v2.1.15 the other).
                (204, Some("0-0" | "0--1")) => Ok(false),
                (204, Some(_)) => Ok(true),
                // Where a proxy takes the range away, growth does not show.
                (204, None) => Ok((200..300).contains(&answer.status())),
                _ => Err(unclear()),
            },
            // A mount that is taken may also begin an upload (distribution-spec, "Mounting a blob from another
            // repository").
            Look::Blob if answer.status() == 202 => Ok(answer.header("location").is_some()),
            Look::Blob => there(&aim.rival.layer.digest),
            Look::NoBlob => there(&aim.rival.layer.digest).map(|there| !there),
            Look::NewTag | Look::Manifest => there(&aim.rival.manifest.digest),
            Look::NoTag | Look::NoManifest => there(&aim.resident.manifest.digest).map(|there| !there),
            Look::Moved if status == 200 && digest == &aim.rival.manifest.digest => Ok(true),
            Look::Moved => {
                there(&aim.resident.manifest.digest).and_then(|same| if same { Ok(false) } else { Err(unclear()) })
            }
        }
    }

    /// Whether an answer holds what was asked for.
    fn was_read(&self, answer: &Exchange) -> Result<bool, String> {
        let (aim, name) = (&self.aim, self.way.name());
        let lists = || answer.json().is_some_and(|body| body.get("tags").is_some_and(serde_json::Value::is_array));
        match (answer.status(), name) {
            (200, "tags") => {
                if lists() {
                    Ok(true)
                } else {
                    Err("there is no list of tags".into())
                }
            }
            (200, "manifest") if answer.digest() == &aim.resident.manifest.digest => Ok(true),
            (200, "blob") if answer.digest() == &aim.resident.config.digest => Ok(true),
            (200, _) => Err("the bytes are others".into()),
            _ => Ok(false),
        }
    }
}
