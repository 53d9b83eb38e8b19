//! The dresses in which a secret can come back, and the search for it in all of them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use libtest_mimic::Failed;

/// How much of a secret, in bytes, must not be seen either: what a cut left over tells enough.
const PART: usize = 14;

/// The secret in every dress, each with its name. It is what goes with it in Basic credentials that shifts base64.
pub(super) fn dressed(secret: &str) -> Vec<(&'static str, String)> {
    let bytes = secret.as_bytes();
    let percent = bytes.iter().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let json = serde_json::Value::from(secret).to_string();
    let html = secret.replace('&', "&amp;").replace('"', "&#34;").replace('<', "&lt;").replace('\'', "&#39;");
    // The upper and the lower case by turns.
    let mixed = hex.char_indices().map(|(at, digit)| if at % 2 == 0 { digit } else { digit.to_ascii_uppercase() });
    let wrapped = STANDARD.encode(format!("some-longer-name:{secret}"));
    let wrapped = wrapped.as_bytes().chunks(20).map(String::from_utf8_lossy).collect::<Vec<_>>().join("\r\n");
    vec![
        ("plain", secret.to_owned()),
        ("base64", STANDARD.encode(secret)),
        ("base64 without padding", STANDARD_NO_PAD.encode(secret)),
        ("Basic credentials", STANDARD.encode(format!("zot-ci:{secret}"))),
        ("Basic credentials, shifted", STANDARD.encode(format!("u:{secret}"))),
        ("Basic credentials, shifted again", STANDARD.encode(format!("us:{secret}"))),
        ("base64 for URLs", URL_SAFE_NO_PAD.encode(secret)),
        ("base64 of base64", STANDARD.encode(STANDARD.encode(secret))),
        ("base64 in lines", wrapped),
        ("percent", percent.clone()),
        ("percent, lower case", percent.to_lowercase()),
        ("percent of percent", percent.replace('%', "%25")),
        ("a form's", url::form_urlencoded::byte_serialize(bytes).collect()),
        ("JSON", json.trim_matches('"').to_owned()),
        ("JSON in JSON", serde_json::Value::from(json.trim_matches('"')).to_string().trim_matches('"').to_owned()),
        ("HTML", html),
        ("hex", hex.clone()),
        ("hex, upper case", hex.to_uppercase()),
        ("hex, mixed case", mixed.collect()),
        ("two lines", in_two(secret, "\n")),
        ("two indented lines", in_two(secret, "\r\n    ")),
        ("two lines of JSON", in_two(json.trim_matches('"'), "\\n")),
    ]
}

fn in_two(text: &str, between: &str) -> String {
    // Not where an escape or a space stands.
    let middle = text.floor_char_boundary(text.len() / 2);
    let plain = |at: &usize| text[..*at].ends_with(|c: char| c.is_alphanumeric()) && !text[*at..].starts_with(' ');
    let at = (middle..text.len()).find(plain).unwrap_or(middle);
    format!("{}{between}{}", &text[..at], &text[at..])
}

/// Looks for secrets in what somebody can read: in every dress, also over the ends of lines, and for parts of them.
pub(super) fn none_in<'a>(
    what: &str,
    bytes: &[u8],
    secrets: impl IntoIterator<Item = &'a String>,
) -> Result<(), Failed> {
    let text = String::from_utf8_lossy(bytes);
    let (squeezed, folded) = (squeezed(&text), text.to_lowercase());
    for secret in secrets {
        let found = |(dress, needle): (&'static str, String)| {
            let hex = dress.starts_with("hex") && folded.contains(&needle.to_lowercase());
            (hex || text.contains(&needle) || squeezed.contains(&self::squeezed(&needle))).then_some((dress, needle))
        };
        let whole = dressed(secret).into_iter().find_map(found);
        let parts = (0..secret.len().saturating_sub(PART)).filter_map(|at| secret.get(at..at + PART));
        let part = || parts.into_iter().find(|part| text.contains(part)).map(|part| ("in part", part.to_owned()));
        if let Some((dress, needle)) = whole.or_else(part) {
            let at = text.find(&needle).unwrap_or_default();
            let around = &text[text.floor_char_boundary(at.saturating_sub(120))..text.ceil_char_boundary(at + 120)];
            return Err(format!("{what} holds a secret ({dress}), `{needle}`: …{around}…").into());
        }
    }
    Ok(())
}

/// Without white space, and without backslashes and what stands for the end of a line in JSON and XML.
fn squeezed(text: &str) -> String {
    let mut squeezed = String::with_capacity(text.len());
    let mut escaped = false;
    for c in text.chars().filter(|c| !c.is_whitespace()) {
        match c {
            '\\' => escaped = true,
            'r' | 'n' | 't' if escaped => escaped = false,
            _ => {
                escaped = false;
                squeezed.push(c);
            }
        }
    }
    ["&#10;", "&#13;", "&#xa;", "&#xd;"].iter().fold(squeezed, |text, end| text.replace(end, ""))
}

/// A search that finds nothing proves nothing: every dress is planted once, and a part, and must be found.
pub(crate) fn what_is_planted_is_found() -> Result<(), Failed> {
    let secrets = [super::CANARY.to_owned(), "zak_0123456789abcdef0123456789abcdef".to_owned()];
    for secret in &secrets {
        for (dress, text) in dressed(secret) {
            for text in [text.clone(), serde_json::Value::from(text).to_string()] {
                if none_in("a plant", format!("before {text} after").as_bytes(), &secrets).is_ok() {
                    return Err(format!("not found: {dress} in {text}").into());
                }
            }
        }
        let part = &secret[3..3 + PART];
        if none_in("a plant", format!("before {part} after").as_bytes(), &secrets).is_ok() {
            return Err(format!("not found: the part {part}").into());
        }
    }
    none_in("nothing", b"nothing of the kind", &secrets)
}
