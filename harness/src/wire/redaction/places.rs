//! What is secret by its looks or by its place.

use std::ops::Range;

use super::Hit;
use super::reading::{percent_decoded, runs};

/// JSON fields whose value is secret. Compared without regard to case, `_` and `-`.
pub(super) const FIELDS: &[&str] =
    &["apiKey", "access_token", "id_token", "refresh_token", "client_secret", "password", "secret"];
/// Query parameters whose value is secret. Compared in the same way.
pub(super) const PARAMETERS: &[&str] = &[
    "code",
    "state",
    "access_token",
    "id_token",
    "refresh_token",
    "token",
    "password",
    "apiKey",
    "client_secret",
    "session",
];
/// What the place of a text says about it.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    Text,
    Url,
    Credentials,
    Cookies,
    SetCookie,
    Token,
}

impl Shape {
    pub(super) fn of_header(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "authorization" | "proxy-authorization" => Self::Credentials,
            "cookie" => Self::Cookies,
            "set-cookie" => Self::SetCookie,
            "location" | "content-location" | "referer" | "refresh" | "link" => Self::Url,
            _ if ["token", "api-key", "apikey", "secret", "password"].iter().any(|end| name.ends_with(end)) => {
                Self::Token
            }
            _ => Self::Text,
        }
    }
}

/// Unknown secrets that give themselves away: API keys of zot (`zak_` and letters or digits), and JWTs.
pub(super) fn find_keys(text: &[u8]) -> Vec<Hit> {
    let mut hits = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let rest = &text[start..];
        let (length, taken, label) = match rest {
            [b'z', b'a', b'k', b'_', key @ ..] => {
                let length = key.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
                if length >= 16 { (4 + length, 4 + length, "api key") } else { (0, 4, "") }
            }
            [b'e', b'y', b'J', ..] => {
                let (length, taken) = token_length(rest);
                (length, taken, "token")
            }
            _ => (0, 1, ""),
        };
        if length > 0 {
            hits.push(Hit::new(start..start + length, label, Hit::LOOKS));
        }
        start += taken;
    }
    hits
}

/// The length of the token that `text` begins with, 0 if it is none; and how far the next one is at least.
fn token_length(text: &[u8]) -> (usize, usize) {
    let in_token = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let length = text.iter().take_while(in_token).count();
    let segments: Vec<&[u8]> = text[..length].splitn(3, |&byte| byte == b'.').collect();
    match segments[..] {
        [_, claims, _] if !claims.is_empty() => (length, length),
        // Cut short, it still shows its claims.
        [_, claims] if claims.starts_with(b"eyJ") => (length, length),
        _ => (0, segments[0].len()),
    }
}

/// The name in `names` that `written` means.
fn canonical(names: &'static [&'static str], written: &[u8]) -> Option<&'static str> {
    let plain = |name: &[u8]| -> Vec<u8> {
        name.iter().filter(|byte| !matches!(byte, b'_' | b'-')).map(u8::to_ascii_lowercase).collect()
    };
    names.iter().find(|name| plain(name.as_bytes()) == plain(written)).copied()
}

/// Values of telling fields in JSON, whole, broken or cut short. Objects, lists, booleans and null are no secrets;
/// fields inside them are found on their own.
pub(super) fn find_fields(text: &[u8]) -> Vec<Hit> {
    let skip = |from: usize| from + text[from..].iter().take_while(|byte| b" \t\r\n+".contains(byte)).count();
    let mut hits = Vec::new();
    let mut seen = 0;
    for name in runs(text, |byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-')) {
        let quote = text.get(name.end);
        let quoted = matches!(quote, Some(b'"' | b'\'')) && name.start > 0 && text.get(name.start - 1) == quote;
        // What stands in a value that is masked anyway need not be looked at.
        if !quoted || name.start < seen {
            continue;
        }
        let Some(label) = canonical(FIELDS, &text[name.clone()]) else { continue };
        let colon = skip(name.end + 1);
        if text.get(colon) != Some(&b':') {
            continue;
        }
        let start = skip(colon + 1);
        let value = match text.get(start) {
            Some(quote @ (b'"' | b'\'')) => start + 1..end_of_string(text, start + 1, *quote),
            _ => {
                let delimiter = |byte: &u8| byte.is_ascii_whitespace() || b",}]{[\"'".contains(byte);
                let length = text[start..].iter().take_while(|byte| !delimiter(byte)).count();
                start..start + length
            }
        };
        if ![&b"true"[..], b"false", b"null"].contains(&&text[value.clone()]) {
            seen = value.end;
            hits.push(Hit::new(value, label, Hit::PLACE));
        }
    }
    hits
}

fn end_of_string(text: &[u8], start: usize, quote: u8) -> usize {
    let mut escaped = false;
    for (at, &byte) in text.iter().enumerate().skip(start) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            _ if byte == quote => return at,
            _ => {}
        }
    }
    text.len()
}

/// Telling parameters in a query, fragment or form, and user information.
pub(super) fn find_in_url(text: &[u8]) -> Vec<Hit> {
    let mut hits = Vec::new();
    let mut seen = 0;
    let ends_url = |byte: u8| byte.is_ascii_whitespace() || b"\"<>".contains(&byte);
    for pair in runs(text, |byte| !b"?&#;".contains(&byte) && !ends_url(byte)) {
        if pair.start < seen {
            continue;
        }
        let Some(equals) = text[pair.clone()].iter().position(|&byte| byte == b'=') else { continue };
        let written = &text[pair.start..pair.start + equals];
        if let Some(label) = canonical(PARAMETERS, &percent_decoded(written)) {
            let value = pair.start + equals + 1;
            let length = text[value..].iter().take_while(|&&byte| !b"&#".contains(&byte) && !ends_url(byte)).count();
            seen = value + length;
            hits.push(Hit::new(value..seen, label, Hit::PLACE));
        }
    }
    for slashes in (0..text.len()).filter(|&at| text[at..].starts_with(b"//") && (at == 0 || text[at - 1] == b':')) {
        let start = slashes + 2;
        let authority = text[start..].iter().take_while(|&&byte| !b"/?#".contains(&byte) && !ends_url(byte)).count();
        if let Some(at) = text[start..start + authority].iter().rposition(|&byte| byte == b'@') {
            hits.push(Hit::new(start..start + at, "userinfo", Hit::PLACE));
        }
    }
    hits
}

/// `span` without white space, or the quotes of an empty value, at its ends.
fn trim(text: &[u8], span: Range<usize>) -> Range<usize> {
    let part = &text[span.clone()];
    let start = span.start + (part.len() - part.trim_ascii_start().len());
    let length = part.trim_ascii().len();
    if &text[start..start + length] == b"\"\"" { start..start } else { start..start + length }
}

/// What is secret in a header of this shape.
pub(super) fn find_in_header(value: &[u8], shape: Shape) -> Vec<Hit> {
    let pairs = runs(value, |byte| byte != b';');
    match shape {
        Shape::Credentials => vec![Hit::new(credentials(value), "credentials", Hit::PLACE)],
        Shape::Token => vec![Hit::new(trim(value, 0..value.len()), "token", Hit::PLACE)],
        Shape::Cookies => pairs.map(|pair| cookie(value, pair)).collect(),
        // Only the first pair is the cookie; the others are its attributes.
        Shape::SetCookie => pairs.take(1).map(|pair| cookie(value, pair)).collect(),
        Shape::Text | Shape::Url => Vec::new(),
    }
}

/// All of the header but a scheme that we know: an unknown first word may be the secret itself.
fn credentials(value: &[u8]) -> Range<usize> {
    let word = runs(value, |byte| !byte.is_ascii_whitespace()).next().unwrap_or(0..0);
    let schemes = [&b"basic"[..], b"bearer", b"digest", b"negotiate", b"dpop"];
    let is_scheme = schemes.iter().any(|scheme| value[word.clone()].eq_ignore_ascii_case(scheme));
    trim(value, if is_scheme { word.end } else { word.start }..value.len())
}

fn cookie(text: &[u8], pair: Range<usize>) -> Hit {
    let Some(equals) = text[pair.clone()].iter().position(|&byte| byte == b'=').map(|at| pair.start + at) else {
        return Hit::new(trim(text, pair), "cookie", Hit::PLACE);
    };
    let name = String::from_utf8_lossy(&text[trim(text, pair.start..equals)]);
    let label = if is_cookie_name(&name) { format!("cookie {name}") } else { "cookie".to_owned() };
    Hit::new(trim(text, equals + 1..pair.end), label, Hit::PLACE)
}

/// A token, as RFC 6265 wants it.
pub(super) fn is_cookie_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
