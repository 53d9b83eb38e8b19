//! `push.apikey`: CI pushes with its key, and anybody reads back what it pushed.

mod saboteurs;

use std::io;
use std::sync::Arc;

use futures_util::future::{try_join, try_join_all};
use zot_verify_model::image::{Blob, Image};
use zot_verify_model::layout::{Content, Seed};
use zot_verify_model::{Account, Digest};

use super::pushing::{self, Upload};
use super::{expect, immutable, looking, pull};
use crate::bench::Bench;
use crate::bounds;
use crate::check::{Check, Need, Profile, part};
use crate::run::outcome::{Breach, Halt, Judged, Proof};
use crate::target::{Kind, Residue, stays};
use crate::wire::{Exchange, Request};

/// The requests of the shared push: whichever part asks for it first sends them.
pub(super) const PUSH: &[&str] = &[
    "GET *",
    "POST *",
    "POST /v2/*/blobs/uploads/",
    "PUT /v2/*/blobs/uploads/*",
    "PUT /v2/*/manifests/*",
    "GET /v2/*/tags/list",
    "GET /v2/*/manifests/*",
    "GET /v2/*/blobs/*",
];

/// What the check declares.
pub const CHECK: Check = Check {
    id: "push.apikey",
    title: "CI pushes with its key, and anybody reads back what it pushed",
    requirement: "Every build ends in a push with an API key, and every deployment begins with a pull of what it \
                  pushed (distribution-spec, \"Pushing\"; the owner's checklist, \"API key push works\").",
    profile: Profile::Checklist,
    parts: &[
        part!(
            "reads",
            "CI reads with its key what anybody reads: a client that has one sends it with every request",
            &["GET *", "POST *", "GET /v2/*/manifests/*"],
            Requirement,
            Reads,
            &[Need::Key],
            reads
        ),
        part!(
            "upload",
            "blobs are begun with POST and finished with PUT",
            PUSH,
            Requirement,
            WritesCanary,
            &[Need::Key],
            upload
        ),
        part!(
            "manifest",
            "the manifest is taken under its tag",
            PUSH,
            Requirement,
            WritesCanary,
            &[Need::Key],
            manifest
        ),
        part!(
            "digest-headers",
            "every 201 names the digest of what it took, and where that is",
            PUSH,
            Requirement,
            WritesCanary,
            &[Need::Key],
            digest_headers
        ),
        part!(
            "read-back",
            "anybody reads the same bytes, of the manifest and of its blobs",
            PUSH,
            Requirement,
            WritesCanary,
            &[Need::Key],
            read_back
        ),
        part!(
            "by-digest",
            "the manifest is there by digest too, and so is one that was pushed by digest alone",
            PUSH,
            Requirement,
            WritesCanary,
            &[Need::Key],
            by_digest
        ),
        part!("listed", "the list of tags names the new tag", PUSH, Requirement, WritesCanary, &[Need::Key], listed),
    ],
    saboteurs: saboteurs::ALL,
};

async fn reads(bench: Bench) -> Judged {
    let ci = bench.ci().await?;
    let path = match bench.deployment.kind {
        Kind::Local => format!("/v2/{READ}/manifests/v1"),
        Kind::Live => bench.image()?.manifest_path(),
    };
    let ask = || Request::get(&*path).header("accept", pull::ACCEPT).following();
    let (anybody, known) = try_join(bench.wire.send(ask()), bench.wire.send(ask().by(&ci))).await?;
    if anybody.status() != 200 {
        return Err(Halt::Skip(format!("needs an image that anybody can read: {}", expect::observed(&anybody))));
    }
    if let Some(blind) = looking::blind(&anybody, bench.wire.redactor()) {
        return Err(Halt::Error(format!("whether CI reads what anybody reads cannot be told: {blind}")));
    }
    if known.status() == 403 {
        let line = known.line(bench.wire.redactor());
        let breach = Breach::new(format!("{line} by {} answers 200", ci.name), expect::observed(&known), &known);
        let cause = "anonymousPolicy is not for those who have logged in";
        let cure = "add `read` to defaultPolicy, or to CI's own policy, in http.accessControl.repositories";
        return Err(breach.because(cause, Some(cure)).into());
    }
    expect::status(&known, 200, bench.wire.redactor())?;
    expect::digest(&known, anybody.digest(), bench.wire.redactor())?;
    Ok(Proof::of(format!("{} with the key and without", known.digest().short()), &known).and(&anybody))
}

/// What the lab's CI reads.
const READ: &str = "zot-verify/key-reads";
/// Where the lab's CI pushes to.
const REPOSITORY: &str = "zot-verify/push";
/// The tag that is pushed in a lab, of the shape `vX.Y.Z-<sha7>`.
pub(super) const NEW_TAG: &str = concat!("v", env!("CARGO_PKG_VERSION"), "-0a1b2c3");
/// What CI has pushed before.
const OLD_TAGS: [&str; 2] = ["v0.0.9-f9e8d7c", "latest"];

/// What the lab holds before CI pushes: older tags, which must stay what they are.
///
/// # Errors
/// As [`Image::build`].
pub fn seeds() -> io::Result<Vec<Seed>> {
    let old = |tag: &str| Ok((tag.to_owned(), Content::Image(Image::build("amd64", &format!("{REPOSITORY} {tag}"))?)));
    let tags = OLD_TAGS.into_iter().map(old).collect::<io::Result<_>>()?;
    let read = vec![("v1".to_owned(), Content::Image(Image::build("amd64", READ)?))];
    Ok(vec![
        Seed { repository: REPOSITORY.into(), tags, ..Seed::default() },
        Seed { repository: READ.into(), tags: read, ..Seed::default() },
    ])
}

/// What CI has pushed, once, for all parts that look at it.
#[derive(Debug)]
pub struct Pushed {
    /// The repository.
    pub repository: String,
    /// The new tag; none where nothing may be left that has one.
    pub tag: Option<String>,
    /// The image.
    pub image: Image,
    /// What the older tags answered before the push.
    pub before: Result<Vec<Standing>, Halt>,
    /// The blobs.
    pub uploads: Vec<Upload>,
    /// The answer to the manifest.
    pub manifest: Result<Arc<Exchange>, Halt>,
}

impl Pushed {
    /// By what it was pushed.
    fn reference(&self) -> &str {
        self.tag.as_deref().unwrap_or(self.image.manifest.digest.as_str())
    }
}

/// What a tag answered.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The tag.
    pub tag: String,
    /// The answer.
    pub exchange: Arc<Exchange>,
}

/// Which step of the push is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The blobs: judged by the part `upload`.
    Upload,
    /// The manifest: judged by the part `manifest`, and by `tags.new-accepted/version`, whose claim it is as well.
    Manifest,
    /// What comes after the push.
    Later,
}

/// The shared push, for a part that judges `step`, with the answer to the manifest.
///
/// # Errors
/// A breach met at that step. Breaches of other steps are a skip, so that one fault is one breach.
pub(super) async fn pushed(bench: &Bench, step: Step) -> Result<(Arc<Pushed>, Arc<Exchange>), Halt> {
    let pushed = uploaded(bench, step).await?;
    let manifest = pushed.manifest.clone().map_err(|halt| unless(step == Step::Manifest, halt))?;
    Ok((pushed, manifest))
}

async fn uploaded(bench: &Bench, step: Step) -> Result<Arc<Pushed>, Halt> {
    let pushed = bench.setup.pushed.get_or_init(|| async { push(bench).await.map(Arc::new) }).await;
    pushed.clone().map_err(|halt| unless(step == Step::Upload, halt))
}

/// The breach, where it is this part's to report.
fn unless(judged: bool, halt: Halt) -> Halt {
    match halt {
        Halt::Breach(breach) if !judged => Halt::Skip(format!("needs a push that is taken: {}", breach.observed)),
        other => other,
    }
}

async fn push(bench: &Bench) -> Result<Pushed, Halt> {
    let ci = bench.ci().await?;
    let (repository, image, tag) = match bench.deployment.kind {
        Kind::Local => (REPOSITORY, pushing::image(REPOSITORY, "a build")?, Some(NEW_TAG.to_owned())),
        Kind::Live => {
            let run = format!("run {}", bench.deployment.run);
            let image = pushing::image(&run, &run)?;
            let tag = format!("v{}-{}", env!("CARGO_PKG_VERSION"), &image.manifest.digest.hex()[..7]);
            let tag = Some(tag).filter(|_| bench.deployment.residue == Residue::Tag);
            (bench.intent.canary.as_str(), image, tag)
        }
    };
    let before = async { Ok(standing(bench, repository).await) };
    let (before, uploads) = try_join(before, pushing::upload(bench, &ci, repository, &image)).await?;
    let manifest = put(bench, &ci, repository, tag.as_deref(), &image.manifest).await;
    Ok(Pushed { repository: repository.to_owned(), tag, image, before, uploads, manifest })
}

async fn put(
    bench: &Bench,
    by: &Account,
    repository: &str,
    tag: Option<&str>,
    manifest: &Blob,
) -> Result<Arc<Exchange>, Halt> {
    let answer = pushing::push(bench, by, repository, tag, manifest).await?;
    pushing::taken(bench, &answer, 201, by)?;
    Ok(answer)
}

/// What the tags of a repository answer anybody: in a lab all, on a live registry some of those that nobody else tries
/// to move or takes away.
pub(super) async fn standing(bench: &Bench, repository: &str) -> Result<Vec<Standing>, Halt> {
    let list = bench.wire.send(Request::get(format!("/v2/{repository}/tags/list"))).await?;
    if list.status() == 404 {
        return Ok(Vec::new());
    }
    let names = list.json().filter(|_| list.status() == 200);
    let names = names.ok_or_else(|| Halt::Skip(format!("needs the list of tags: {}", expect::observed(&list))))?;
    let live = bench.deployment.kind == Kind::Live;
    let wanted = |tag: &&str| !live || (stays(tag) && !immutable::PERMANENT.contains(tag));
    let tags = pushing::tags(&names).into_iter().filter(wanted);
    let asked = tags.rev().take(bounds::OLD_TAGS).map(async |tag| {
        let exchange = bench.wire.send(pushing::read(repository, tag)).await?;
        if live && exchange.status() == 404 {
            // Somebody has removed it since.
            return Ok(None);
        }
        let gone = (exchange.status() == 404).then(|| "it answers 404".to_owned());
        if let Some(blind) = looking::blind(&exchange, bench.wire.redactor()).or(gone) {
            return Err(Halt::Error(format!("{tag} is listed, and whether it moves cannot be seen: {blind}")));
        }
        Ok::<_, Halt>(Some(Standing { tag: tag.to_owned(), exchange }))
    });
    Ok(try_join_all(asked).await?.into_iter().flatten().collect())
}

async fn upload(bench: Bench) -> Judged {
    let pushed = uploaded(&bench, Step::Upload).await?;
    let said = format!("{} blobs: 202, then 201", pushed.uploads.len());
    let steps = pushed.uploads.iter().flat_map(|upload| [&upload.begun, &upload.finished]);
    Proof::over(said, steps).ok_or_else(|| Halt::Error("the image has no blobs".into()))
}

async fn manifest(bench: Bench) -> Judged {
    let (pushed, answer) = pushed(&bench, Step::Manifest).await?;
    Ok(Proof::of(format!("201 for {} in {}", pushed.reference(), pushed.repository), &answer))
}

async fn digest_headers(bench: Bench) -> Judged {
    let (pushed, answer) = pushed(&bench, Step::Later).await?;
    let manifest = (&pushed.image.manifest.digest, &answer);
    let blobs = pushed.uploads.iter().map(|upload| (&upload.digest, &upload.finished));
    let proof = Proof::of("Docker-Content-Digest and Location of every 201 name its digest", &answer);
    for (digest, answer) in blobs.clone().chain([manifest]) {
        expect::digest_header(answer, digest, bench.wire.redactor())?;
        names_place(&bench, answer, digest)?;
    }
    Ok(blobs.fold(proof, |proof, (_, answer)| proof.and(answer)))
}

/// `Location` leads to what was taken (distribution-spec, "Pushing Manifests": a pullable location).
fn names_place(bench: &Bench, answer: &Arc<Exchange>, digest: &Digest) -> Result<(), Halt> {
    let place = answer.header("location").unwrap_or_default();
    if place.ends_with(digest.as_str()) {
        return Ok(());
    }
    let line = answer.line(bench.wire.redactor());
    let observed = if place.is_empty() { "no Location".to_owned() } else { format!("`{place}`") };
    Err(Breach::new(format!("Location of {line} leads to {digest}"), observed, answer).into())
}

async fn read_back(bench: Bench) -> Judged {
    let (pushed, _) = pushed(&bench, Step::Later).await?;
    let (repository, image) = (pushed.repository.as_str(), &pushed.image);
    let manifest = pushing::reads(&bench, repository, pushed.reference(), &image.manifest.digest);
    let blobs = try_join_all(image.blobs().map(|blob| read_blob(&bench, repository, blob)));
    let (manifest, blobs) = try_join(manifest, blobs).await?;
    pull::media_type_agrees(&manifest, &expect::object(&manifest, bench.wire.redactor())?, bench.wire.redactor())?;
    let proof = Proof::of("the same bytes, of the manifest and of its blobs, without credentials", &manifest);
    Ok(blobs.iter().fold(proof, Proof::and))
}

async fn read_blob(bench: &Bench, repository: &str, blob: &Blob) -> Result<Arc<Exchange>, Halt> {
    let answer = bench.wire.send(Request::get(format!("/v2/{repository}/blobs/{}", blob.digest)).following()).await?;
    expect::status(&answer, 200, bench.wire.redactor())?;
    expect::digest(&answer, &blob.digest, bench.wire.redactor())?;
    Ok(answer)
}

async fn by_digest(bench: Bench) -> Judged {
    let (pushed, _) = pushed(&bench, Step::Later).await?;
    let ci = bench.ci().await?;
    let (repository, digest) = (pushed.repository.as_str(), &pushed.image.manifest.digest);
    let tagged = pushing::reads(&bench, repository, digest.as_str(), digest);
    let alone = async {
        let other = pushing::alone(&pushed.image);
        let put = put(&bench, &ci, repository, None, &other).await?;
        expect::digest_header(&put, &other.digest, bench.wire.redactor())?;
        names_place(&bench, &put, &other.digest)?;
        let read = pushing::reads(&bench, repository, other.digest.as_str(), &other.digest).await?;
        Ok((put, read))
    };
    let (tagged, (put, read)) = try_join(tagged, alone).await?;
    Ok(Proof::of("both are there by digest", &tagged).and(&put).and(&read))
}

async fn listed(bench: Bench) -> Judged {
    let (pushed, _) = pushed(&bench, Step::Later).await?;
    let tag = pushed.tag.as_deref().ok_or_else(no_tag)?;
    let list = bench.wire.send(Request::get(format!("/v2/{}/tags/list", pushed.repository))).await?;
    expect::status(&list, 200, bench.wire.redactor())?;
    let body = expect::object(&list, bench.wire.redactor())?;
    let tags = pushing::tags(&body);
    if !tags.contains(&tag) {
        let expected = format!("the tags of {} include {tag}", pushed.repository);
        return Err(Breach::new(expected, format!("{} tags, it is not among them", tags.len()), &list).into());
    }
    Ok(Proof::of(format!("{tag} is among {} tags", tags.len()), &list))
}

/// Why a live run pushes none.
pub(super) fn no_tag() -> Halt {
    Halt::Skip("no tag is pushed with --residue none: it would stay".into())
}
