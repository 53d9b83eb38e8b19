//! `transport.proxy`: what stands in front of the registry hands everything on as it is.
//!
//! Each part asks for something that zot answers by itself, and that proxies are known to spoil. With nothing in front,
//! as in a plain lab, it shows that zot does answer so.

mod saboteurs;

use std::sync::Arc;

use http::Method;
use url::Url;
use zot_verify_model::Digest;

use super::pull::{self, Stage};
use super::{expect, login, push};
use crate::bench::Bench;
use crate::bounds;
use crate::check::{Check, Profile, part};
use crate::run::outcome::{Breach, Halt, Judged, Proof};
use crate::target::Kind;
use crate::wire::door::{Aim, UPLOAD_WHOLE};
use crate::wire::{Announced, Exchange, Request};

/// What a push that is announced asks.
const PUSH: &[&str] = &["POST /v2/*/blobs/uploads/?digest=*", "DELETE /v2/*/manifests/*"];
/// What it takes to know a blob.
const BLOB: &[&str] = &["GET /v2/*/manifests/*", "GET /v2/*/blobs/*"];

/// What the check declares.
pub const CHECK: Check = Check {
    id: "transport.proxy",
    title: "what stands in front of the registry hands everything on as it is",
    requirement: "A reverse proxy with its usual settings refuses large layers, packs manifests, or leads people to \
                  names that only it knows, and clients blame the registry (zot issues 1653 and 3476). A proxy that \
                  counts bytes only as they come, as Caddy's `request_body max_size` does (seen on v2.6.2), is not \
                  seen to refuse a large push: none is sent.",
    profile: Profile::Full,
    parts: &[
        part!(
            "external-url",
            "a login comes back over the scheme and the name by which people came",
            &["GET /zot/auth/login?*"],
            Requirement,
            Reads,
            &[],
            external_url
        ),
        part!("location", "a redirect stays on the registry", &["GET /v2//"], Requirement, Reads, &[], location),
        part!(
            "large-push",
            "a push is not refused for its size, as far as it is announced",
            PUSH,
            Requirement,
            RefusedWrite,
            &[],
            large_push
        ),
        part!(
            "chunked-push",
            "a push is not refused for announcing no size, as those of Docker do",
            PUSH,
            Requirement,
            RefusedWrite,
            &[],
            chunked_push
        ),
        part!(
            "unpacked",
            "a manifest comes as it is stored, also to clients that could unpack it",
            &["GET /v2/*/manifests/*", "HEAD /v2/*/manifests/*"],
            Requirement,
            Reads,
            &[],
            unpacked
        ),
        part!("range", "a pull that broke off can go on where it was", BLOB, Hardening, Reads, &[], range),
    ],
    saboteurs: saboteurs::ALL,
};

/// How Go's HTTP client, which is in most programs that pull, names itself here. Only it is answered in a packed form
/// where a proxy packs.
const GO: &str = "Go-http-client/2.0 (zot-verify)";

/// Where a lab's pushes are announced.
const REPOSITORY: &str = "zot-verify/proxy";

async fn external_url(bench: Bench) -> Judged {
    let begun = login::begun(&bench).await?;
    let Some(back) = begun.asks.get("redirect_uri") else {
        return Err(Halt::Skip("needs a login that says where it comes back to".into()));
    };
    let external = &bench.deployment.external_url;
    let origin = |url: &str| Url::parse(url).map(|url| url.origin().ascii_serialization());
    let (wanted, found) = (origin(external).map_err(|error| Halt::Error(error.to_string()))?, origin(back));
    if found.as_ref() == Ok(&wanted) {
        return Ok(Proof::of(wanted, &begun.exchange));
    }
    let observed = found.unwrap_or_else(|_| format!("`{back}`"));
    Err(Breach::new(format!("the login comes back to {wanted}"), observed, &begun.exchange)
        .because(
            "zot builds it from http.externalUrl alone: it knows no X-Forwarded-Proto and no X-Forwarded-Host \
             (observed on v2.1.20)",
            Some(&format!("set http.externalUrl to {external}")),
        )
        .into())
}

async fn location(bench: Bench) -> Judged {
    // zot leads away from an empty step in a path, in front of all that needs credentials (observed on v2.1.20).
    let answer = bench.wire.send(Request::get("/v2//")).await?;
    let line = answer.line(bench.wire.redactor());
    if !(300..400).contains(&answer.status()) {
        let why = format!("what stands in front cleans paths itself: {line} answers {}", answer.status());
        return Err(Halt::Skip(why));
    }
    let Some(said) = answer.header("location") else {
        let expected = format!("{line} leads somewhere");
        return Err(Breach::new(expected, format!("{} without Location", answer.status()), &answer)
            .because("what stands in front has taken it away", Some("let it hand Location on as it is"))
            .into());
    };
    let to = answer.url().join(said).map_err(|error| Halt::Error(format!("{line} leads nowhere: {error}")))?;
    if to.origin() == answer.url().origin() {
        return Ok(Proof::of(format!("`{said}`"), &answer));
    }
    let home = answer.url().origin().ascii_serialization();
    Err(Breach::new(format!("{line} leads to a place on {home}"), format!("`{said}`"), &answer)
        .because(
            "zot names the path alone; what stands in front has put a scheme and a name of its own before it",
            Some("let it hand Location on as it is (nginx: `proxy_redirect off`)"),
        )
        .into())
}

async fn large_push(bench: Bench) -> Judged {
    let size = format!("{} MiB", bounds::LARGE_PUSH >> 20);
    announced(&bench, Announced::Bytes(bounds::LARGE_PUSH), &format!("{size} announced")).await.map_err(|halt| {
        because(
            halt,
            "what stands in front limits how large a request may be, and layers are larger",
            "lift the limit for the registry (nginx: `client_max_body_size 0`)",
        )
    })
}

async fn chunked_push(bench: Bench) -> Judged {
    announced(&bench, Announced::Chunks, "no size announced").await.map_err(|halt| {
        because(
            halt,
            "what stands in front wants to know how large a request is, and Docker does not say",
            "let it pass on requests with `Transfer-Encoding: chunked`",
        )
    })
}

fn because(halt: Halt, cause: &str, cure: &str) -> Halt {
    match halt {
        Halt::Breach(breach) => breach.because(cause, Some(cure)).into(),
        other => other,
    }
}

/// A push in its harmless form is answered as one without a body is, whatever body it announces. The body is never sent.
async fn announced(bench: &Bench, body: Announced, said: &str) -> Judged {
    let live = bench.deployment.kind == Kind::Live;
    let repository = if live { format!("{}/proxy", bench.intent.canary) } else { REPOSITORY.to_owned() };
    let aim = Aim::at(repository, "v1").map_err(|error| Halt::Error(format!("no image could be built: {error}")))?;
    if live && !push::closed_to_deletes(bench, &aim).await? {
        return Err(Halt::Skip(
            "the registry is not closed: it lets anybody ask to delete, so no push is tried".into(),
        ));
    }
    let Some(harmless) = UPLOAD_WHOLE.harmless else {
        return Err(Halt::Skip("it has no form that is harmless to an open registry".into()));
    };
    let plain = bench.wire.send(harmless(&aim)).await?;
    // Whoever says something else is no registry that was asked to begin an upload: nothing follows from its patience.
    if !matches!(plain.status(), 201 | 202 | 400 | 401 | 403 | 404 | 405 | 415) {
        return Err(Halt::Error(format!("no push is answered as it should be: {}", expect::observed(&plain))));
    }
    let answer = bench.wire.announce(harmless(&aim), body).await?;
    if answer.status() == plain.status() || answer.status() == 100 {
        let answers = if answer.status() == 100 { "the body is asked for".into() } else { answer.status().to_string() };
        let said = format!("{answers} with {said}, and {} without a body", plain.status());
        return Ok(Proof::of(said, &answer).and(&plain));
    }
    let line = answer.line(bench.wire.redactor());
    let expected = format!("{line} answers {} with {said}, as it does without a body", plain.status());
    Err(Breach::new(expected, expect::observed(&answer), &answer).into())
}

async fn unpacked(bench: Bench) -> Judged {
    let (walk, image) = (pull::walk(&bench, Stage::Later).await?, bench.image()?);
    let ask = |method| {
        let request = Request::new(method, image.manifest_path()).header("accept", pull::ACCEPT);
        bench.wire.send(request.header("user-agent", GO).header("accept-encoding", "gzip").following())
    };
    let (get, head) = (ask(Method::GET).await?, ask(Method::HEAD).await?);
    let redactor = bench.wire.redactor();
    let packed = |exchange: &Arc<Exchange>, observed: String| -> Halt {
        let line = exchange.line(redactor);
        let expected = format!("{line} answers {} bytes as they are stored, with their length", walk.top.length());
        Breach::new(expected, observed, exchange)
            .because(
                "what stands in front packs answers; clients that ask HEAD first then find no length, or another digest",
                Some("let it pack nothing below /v2/ (nginx: `gzip off`; Caddy: no `encode` for the registry)"),
            )
            .into()
    };
    for exchange in [&get, &head] {
        expect::status(exchange, 200, redactor)?;
        if let Some(encoding) = exchange.header("content-encoding").filter(|encoding| *encoding != "identity") {
            return Err(packed(exchange, format!("Content-Encoding `{encoding}`")));
        }
    }
    if get.digest() != walk.top.digest() {
        return Err(packed(&get, format!("{} other bytes", get.length())));
    }
    let length = head.header("content-length").unwrap_or("no length");
    if length != walk.top.length().to_string() {
        return Err(packed(&head, format!("Content-Length: {length}")));
    }
    Ok(Proof::of(format!("{} bytes with and without Accept-Encoding", get.length()), &get).and(&head).and(&walk.top))
}

async fn range(bench: Bench) -> Judged {
    let (walk, image) = (pull::walk(&bench, Stage::Later).await?, bench.image()?);
    let blob = &walk.config;
    if blob.size < 8 || blob.size > bounds::BODY {
        return Err(Halt::Skip(format!("needs an image whose configuration is of common size, not {}", blob.size)));
    }
    let path = format!("/v2/{}/blobs/{}", image.repository, blob.digest);
    let ask = |request: Request| bench.wire.send(request.header("user-agent", GO).following());
    let whole = ask(Request::get(&path)).await?;
    let Some(text) = whole.text().filter(|_| whole.digest() == &blob.digest) else {
        return Err(Halt::Skip("needs a blob that is what its digest names".into()));
    };
    let part = ask(Request::get(&path).header("range", "bytes=1-4")).await?;
    let said = part.header("content-range").unwrap_or("no Content-Range");
    let wanted = format!("bytes 1-4/{}", blob.size);
    if part.status() == 206 && said == wanted && part.digest() == &Digest::of(&text.as_bytes()[1..5]) {
        return Ok(Proof::of(said.to_owned(), &part).and(&whole));
    }
    let line = part.line(bench.wire.redactor());
    let expected = format!("{line} with `Range: bytes=1-4` answers 206 with these four bytes, `{wanted}`");
    Err(Breach::new(expected, format!("{}, {said}, {} bytes", part.status(), part.length()), &part)
        .because(
            "what stands in front takes Range away, or answers from a cache that knows none",
            Some("let it pass on Range, and keep nothing below /v2/"),
        )
        .into())
}
