//! What no text and no record may show.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use zot_verify_model::Secret;

use super::{read_answer, registry, split_line};
use crate::wire::Redactor;

/// A secret shorter than this is in too many words to ask that it vanish from records with fixed words in them.
const LONG: usize = 8;

/// The first line is a secret, the rest a text: plain or in any dress, it is gone, and nothing is redacted twice.
pub fn redaction(data: &[u8]) {
    let Some((secret, rest)) = split_line(data) else { return };
    let text = String::from_utf8_lossy(rest);
    let Some(redactor) = knowing(secret, 6) else { return };
    let half = text.floor_char_boundary(text.len() / 2);
    let (left, right) = text.split_at(half);
    // Deeper layers want that no half escape stands right before them, and that nothing goes on after them.
    let shelters = left.chars().rev().take(9).any(|c| "%\\&".contains(c));
    for dress in dresses(secret) {
        let dressed = if shelters { format!("{left}\n{dress}\n{right}") } else { format!("{left}{dress}{right}") };
        for told in [redactor.redact(&dressed), redactor.redact_url(&dressed)] {
            assert!(!told.contains(secret), "{secret:?} is in {told:?}");
            assert!(!told.contains(&dress), "{dress:?} is in {told:?}");
        }
    }
    let shapes = ["Accept", "Authorization", "Cookie", "Set-Cookie", "X-Auth-Token", "Location"];
    for shape in shapes {
        let told = redactor.redact_header(shape, &text);
        assert!(!told.contains(secret), "{shape}: {told:?}");
        assert_eq!(redactor.redact_header(shape, &told), told, "{shape}");
    }
    let (plain, url) = (redactor.redact(&text), redactor.redact_url(&text));
    assert!(!plain.contains(secret) && !url.contains(secret));
    assert_eq!(redactor.redact(&plain), plain);
    assert_eq!(redactor.redact_url(&url), url);
}

/// The first line is a secret that the server echoes somewhere in its answer: no record of the exchange shows it.
pub fn evidence(data: &[u8]) {
    let Some((secret, rest)) = split_line(data) else { return };
    let Some(redactor) = knowing(secret, LONG) else { return };
    let Some(answer) = read_answer(&registry(), rest) else { return };
    // What no server chose: the request, the words of the line that repeats it, the digest of the body.
    let (evidence, asked) = (answer.evidence(&redactor), answer.curl(&Redactor::new()));
    let fixed = [&*evidence.method, &evidence.url, &evidence.body_sha256, &asked];
    if fixed.iter().any(|fixed| fixed.contains(secret)) {
        return;
    }
    let fields = evidence.response_headers.iter().flat_map(|(name, value)| [name, value]);
    for told in fields.chain([&evidence.body_excerpt, &evidence.curl]) {
        assert!(!told.to_lowercase().contains(&secret.to_lowercase()) || !told.contains(secret), "{told:?}");
    }
    assert!(!answer.line(&redactor).contains(secret));
}

/// A redactor that knows `secret`; none where that is no secret: too short, a part of the words that stand for secrets,
/// or blank at an end.
fn knowing(secret: &str, shortest: usize) -> Option<Redactor> {
    let words = "api key cookie credentials secret token userinfo apiKey access_token id_token refresh_token \
                 client_secret password code state session KNOWN";
    let fit = secret.trim() == secret && secret.len() >= shortest && !secret.contains(['[', ']']);
    if !fit || words.contains(secret) {
        return None;
    }
    let redactor = Redactor::new();
    redactor.learn(&Secret::new("KNOWN", secret));
    Some(redactor)
}

/// Every dress in which a secret comes.
fn dresses(secret: &str) -> Vec<String> {
    let percent: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let json: String = secret.encode_utf16().map(|half| format!("\\u{half:04x}")).collect();
    let html: String = secret.chars().map(|c| format!("&#{};", u32::from(c))).collect();
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut dresses = vec![secret.to_owned(), percent, json, html, hex];
    for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
        dresses.push(engine.encode(secret));
        dresses.push(engine.encode(format!("user:{secret}")));
    }
    dresses
}
