//! Places and names that a server gives.

use rustls::pki_types::CertificateDer;
use url::Url;
use zot_verify_model::Digest;

use super::{read_answer, split_line};
use crate::bounds;
use crate::checks::pushing;
use crate::login;
use crate::manifests::Image;
use crate::target::{ImageName, is_repository, is_tag};
use crate::wire::certificate::Certificate;
use crate::wire::{Redactor, is_private, resolve};

/// Where an answer sends the client: an upload goes on below the registry's own URL or not at all, and a login that has
/// begun asks for everything once.
pub fn location(data: &[u8]) {
    let Some((registry, rest)) = split_line(data) else { return };
    let Ok(registry) = Url::parse(registry) else { return };
    if !matches!(registry.scheme(), "http" | "https") {
        return;
    }
    let redactor = Redactor::new();
    let asked = resolve(&registry, "/v2/a/blobs/uploads/");
    assert_eq!(asked.origin(), registry.origin());
    let Some(answer) = read_answer(&asked, rest) else { return };
    if let Ok(path) = pushing::session(&answer, &registry, &redactor) {
        let to = resolve(&registry, &path);
        let base = registry.path().trim_end_matches('/');
        assert!(path.starts_with('/'), "{path}");
        assert_eq!(to.origin(), registry.origin());
        assert_eq!(is_private(&to), is_private(&registry));
        assert!(to.path().starts_with(&format!("{base}/")), "{to}");
        let said = answer.header("location").and_then(|said| asked.join(said).ok()).expect("a place");
        assert_eq!((to.path(), to.query()), (said.path(), said.query()), "it goes where the answer says");
    }
    if let Ok(begun) = login::begun(answer, &redactor) {
        assert_eq!(begun.to.query_pairs().count(), begun.asks.len());
        let bare = Url::parse(&login::bare(&begun.to)).expect("a URL without its query is one");
        assert_eq!((bare.query(), bare.path(), bare.fragment()), (None, begun.to.path(), begun.to.fragment()));
    }
}

/// A certificate as a server shows it: what is told of it is bounded.
pub fn certificate(data: &[u8]) {
    let Some(read) = Certificate::read(&CertificateDer::from(data)) else { return };
    let told = [&read.subject, &read.issuer].into_iter().chain(&read.names);
    assert!(told.clone().all(|name| name.len() <= bounds::CERTIFICATE_NAME));
    assert_eq!(read.is_self_signed(), read.subject == read.issuer);
}

/// The name of an image: what is taken for one leads nowhere but to its manifest.
pub fn image(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let image = Image::split(text);
    let written = [Some(&image.name), image.tag.as_ref(), image.digest.as_ref()];
    assert!(written.iter().flatten().map(|part| part.len()).sum::<usize>() <= text.len());
    if let Some(name) = ImageName::parse(text, Some("r.test")) {
        assert!(is_repository(&name.repository));
        assert!(is_tag(&name.reference) || Digest::parse(&name.reference).is_ok());
        assert_eq!(ImageName::parse(&name.to_string(), None), Some(name.clone()));
        let url = resolve(&super::registry(), &name.manifest_path());
        assert_eq!(url.path(), format!("/v2/{}/manifests/{}", name.repository, name.reference));
        assert_eq!((url.query(), url.host_str()), (None, Some("r.test")));
    }
}
