//! Answers that come packed though nobody asked for it.

use std::io::Read as _;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use crate::bounds;

/// What a body says once it is unpacked; nothing where that is too long, or cannot be done. A server may pack an answer
/// for whoever names no coding (RFC 9110, section 12.5.3). The digest and the length of an exchange are those of the
/// bytes that came: clients compare these.
pub(super) fn unpacked(headers: &HeaderMap, body: &Bytes) -> Option<Bytes> {
    let mut codings = headers.get_all(CONTENT_ENCODING).into_iter();
    match (codings.next().map(|coding| coding.as_bytes().to_ascii_lowercase()).as_deref(), codings.next()) {
        (None | Some(b"" | b"identity"), None) => Some(body.clone()),
        (Some(b"gzip" | b"x-gzip"), None) => gunzip(body),
        _ => None,
    }
}

fn gunzip(body: &[u8]) -> Option<Bytes> {
    let mut plain = Vec::new();
    MultiGzDecoder::new(body).take(bounds::UNPACKED + 1).read_to_end(&mut plain).ok()?;
    (plain.len() as u64 <= bounds::UNPACKED).then(|| plain.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use http::HeaderValue;

    use super::*;

    fn packed(plain: &[u8]) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap().into()
    }

    fn coded(coding: &'static str) -> HeaderMap {
        [(CONTENT_ENCODING, HeaderValue::from_static(coding))].into_iter().collect()
    }

    #[test]
    fn only_what_is_packed_as_it_says_is_unpacked() {
        let plain = Bytes::from_static(b"{}");
        assert_eq!(unpacked(&HeaderMap::new(), &plain).as_ref(), Some(&plain));
        assert_eq!(unpacked(&coded("gzip"), &packed(b"{}")).as_ref(), Some(&plain));
        assert_eq!(unpacked(&coded("GZIP"), &packed(b"{}")).as_ref(), Some(&plain));
        assert_eq!(unpacked(&coded("gzip"), &plain), None);
        assert_eq!(unpacked(&coded("br"), &plain), None);
        assert_eq!(unpacked(&coded("gzip, gzip"), &packed(&packed(b"{}"))), None);
        assert_eq!(unpacked(&coded("gzip"), &packed(b"{}").slice(..12)), None, "cut short");
    }

    #[test]
    fn a_small_body_does_not_become_a_large_one() {
        let cap = usize::try_from(bounds::UNPACKED).unwrap();
        assert!(unpacked(&coded("gzip"), &packed(&vec![b' '; cap])).is_some());
        let bomb = packed(&vec![b' '; cap + 1]);
        assert!(bomb.len() < cap / 500);
        assert_eq!(unpacked(&coded("gzip"), &bomb), None);
    }
}
