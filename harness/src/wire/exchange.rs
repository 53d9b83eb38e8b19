//! A request with its answer, and the redacted record of it that may leave the program.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use memchr::memchr3_iter;
use serde::Serialize;
use serde_json::Value;
use url::Url;
use zot_verify_model::{Account, Digest};

use super::redaction::Redactor;
use crate::bounds;

/// A request that was answered. Header values and bodies live here and leave only as [`Evidence`].
pub struct Exchange {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) request_headers: HeaderMap,
    pub(super) account: Option<Account>,
    pub(super) request_body: Option<Bytes>,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) kept: Bytes,
    /// The whole body as it is read, where all of it was kept and it can be.
    pub(super) plain: Option<Bytes>,
    pub(super) length: u64,
    pub(super) digest: Digest,
    pub(super) duration: Duration,
}

/// No value of a header, no body and no query: what is printed like this has passed no redactor.
impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exchange({} {} {})", self.method, self.url.path(), self.status.as_u16())
    }
}

impl Exchange {
    /// The answer's status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// Whether it was asked for without its body.
    #[must_use]
    pub fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }

    /// Where the request went.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The first value of a header field of the answer; a value that is no text counts as absent.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// All values of a header field of the answer.
    pub fn headers<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().into_iter()
    }

    /// How many fields of this name the request had.
    #[must_use]
    pub fn sent(&self, name: &str) -> usize {
        self.request_headers.get_all(name).iter().count()
    }

    /// Whether the answer has a header field of this name, text or not.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.headers.contains_key(name)
    }

    /// The digest of the whole body, whatever of it was kept.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The length of the whole body in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The body as text, where all of it was kept and it is UTF-8.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.plain.as_ref().and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    /// The body as JSON, where it is, of at most [`bounds::VALUES`] values.
    #[must_use]
    pub fn json(&self) -> Option<Value> {
        let bytes = self.plain.as_ref().filter(|_| !self.is_crowded())?;
        serde_json::from_slice(bytes).ok()
    }

    /// Whether the body has more values than are read, if it is JSON: by what stands between values, in texts too.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        let many = |bytes: &Bytes| memchr3_iter(b',', b'[', b'{', bytes).nth(bounds::VALUES).is_some();
        self.plain.as_ref().is_some_and(many)
    }

    /// How much memory unpacking took, in bytes.
    pub(super) fn unpacked(&self) -> usize {
        let apart = self.plain.as_ref().filter(|plain| plain.as_ptr() != self.kept.as_ptr());
        apart.map_or(0, Bytes::len)
    }

    /// The method and the path, as people speak of a request: `GET /v2/_catalog`.
    #[must_use]
    pub fn line(&self, redactor: &Redactor) -> String {
        let query = self.url.query().map_or_else(String::new, |query| format!("?{query}"));
        redactor.redact_url(&format!("{} {}{query}", self.method, self.url.path()))
    }

    /// What may be shown of this exchange.
    #[must_use]
    pub fn evidence(&self, redactor: &Redactor) -> Evidence {
        Evidence {
            method: self.method.to_string(),
            url: redactor.redact_url(self.url.as_str()),
            request_headers: shown(&self.request_headers, redactor),
            status: self.status.as_u16(),
            response_headers: shown(&self.headers, redactor),
            body_excerpt: excerpt(self.plain.as_ref().unwrap_or(&self.kept), redactor),
            body_sha256: self.digest.hex().to_owned(),
            duration_ms: u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX),
            curl: self.curl(redactor),
        }
    }

    /// The same request for a person to repeat, secrets named and not shown.
    #[must_use]
    pub fn curl(&self, redactor: &Redactor) -> String {
        let mut words = vec!["curl".to_owned(), "-sS".into(), "-i".into()];
        match self.method {
            Method::GET => {}
            Method::HEAD => words.push("--head".into()),
            ref other => words.extend(["-X".into(), other.to_string()]),
        }
        if let Some(Account { name, secret }) = &self.account {
            let variable = secret.name().bytes().all(|c| c.is_ascii_uppercase() || c == b'_');
            // A shell that has the variable fills it in.
            let user = if variable {
                format!("\"{name}:${}\"", secret.name())
            } else {
                quoted(&format!("{name}:[{}]", secret.name()))
            };
            words.extend(["-u".into(), redactor.redact(&user)]);
        }
        for (name, value) in shown(&self.request_headers, redactor) {
            match name.as_str() {
                "authorization" if self.account.is_some() => {}
                "user-agent" if value.starts_with(super::OWN_AGENT) => {}
                "user-agent" => words.extend(["-A".into(), quoted(&value)]),
                "host" | "content-length" | super::RUN_HEADER => {}
                "accept" if value == "*/*" => {}
                _ => words.extend(["-H".into(), quoted(&format!("{name}: {value}"))]),
            }
        }
        if let Some(body) = &self.request_body {
            let text = std::str::from_utf8(body).is_ok_and(|text| !text.contains(char::is_control));
            let body = if text { quoted(&excerpt(body, redactor)) } else { "@BODY".to_owned() };
            words.extend(["--data-binary".into(), body]);
        }
        words.push(quoted(&redactor.redact_url(self.url.as_str())));
        words.join(" ")
    }
}

/// The redacted record of an exchange: all that reports ever see of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// HTTP method.
    pub method: String,
    /// Absolute URL.
    pub url: String,
    /// Header fields of the request, in the order sent.
    #[serde(serialize_with = "as_map")]
    pub request_headers: Vec<(String, String)>,
    /// Status code of the answer.
    pub status: u16,
    /// Header fields of the answer.
    #[serde(serialize_with = "as_map")]
    pub response_headers: Vec<(String, String)>,
    /// The beginning of the body as text, at most [`bounds::EXCERPT`] bytes.
    pub body_excerpt: String,
    /// SHA-256 of the whole body, hexadecimal.
    pub body_sha256: String,
    /// From sending to the last byte, in milliseconds.
    pub duration_ms: u64,
    /// The request as a `curl` line.
    #[serde(skip)]
    pub curl: String,
}

/// Header fields as a JSON object; repeated fields are joined as RFC 9110 section 5.3 allows.
fn as_map<S: serde::Serializer>(fields: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serde_json::Map::new();
    for (name, value) in fields {
        match map.get_mut(name) {
            Some(Value::String(existing)) => {
                existing.push_str(", ");
                existing.push_str(value);
            }
            _ => {
                map.insert(name.clone(), Value::String(value.clone()));
            }
        }
    }
    map.serialize(serializer)
}

fn shown(headers: &HeaderMap, redactor: &Redactor) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            let value = beginning(value.as_bytes(), |value| redactor.redact_header(name.as_str(), value));
            // Who echoes a secret may do so in a name.
            (redactor.redact(name.as_str()), value)
        })
        .collect()
}

/// The beginning of a body, redacted.
fn excerpt(body: &[u8], redactor: &Redactor) -> String {
    beginning(body, |text| redactor.redact(text))
}

/// How much of what a server wrote is looked at where it is shown. A secret that a cut would split is at most
/// [`bounds::SECRET`] long, so that much more is read and, where the text goes on, that much is never shown.
const LOOKED_AT: usize = bounds::EXCERPT + bounds::SECRET;

/// The beginning of what a server wrote, redacted, at most [`bounds::EXCERPT`] bytes of it.
fn beginning(written: &[u8], redact: impl Fn(&str) -> String) -> String {
    let looked = &written[..written.len().min(LOOKED_AT)];
    let shown = redact(&String::from_utf8_lossy(looked));
    let safe = if looked.len() < written.len() { shown.len().saturating_sub(bounds::SECRET) } else { shown.len() };
    cut(&shown, safe.min(bounds::EXCERPT)).to_owned()
}

/// The longest beginning of `text` that has at most `limit` bytes and ends between two characters.
fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

/// A word for a POSIX shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(any(test, fuzzing))]
impl Exchange {
    /// An answer to `GET url`, as if a server had given it; none where it is none.
    pub(crate) fn made(url: &Url, status: u16, fields: &[(&str, &[u8])], body: &[u8]) -> Option<Self> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name = http::HeaderName::from_bytes(name.as_bytes()).ok()?;
            headers.append(name, http::HeaderValue::from_bytes(value).ok()?);
        }
        let kept = Bytes::copy_from_slice(body);
        Some(Self {
            plain: super::packed::unpacked(&headers, &kept),
            method: Method::GET,
            url: url.clone(),
            request_headers: HeaderMap::new(),
            account: None,
            request_body: None,
            status: StatusCode::from_u16(status).ok()?,
            headers,
            kept,
            length: body.len() as u64,
            digest: Digest::of(body),
            duration: Duration::ZERO,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell_only_where_they_must_be() {
        assert_eq!(quoted("http://127.0.0.1:5000/v2/"), "http://127.0.0.1:5000/v2/");
        assert_eq!(quoted("docker/27 (linux)"), "'docker/27 (linux)'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }

    fn answered(status: u16, fields: &[(&str, &[u8])], body: &[u8]) -> Exchange {
        let url = Url::parse("https://r.test/v2/a?b=c").unwrap();
        Exchange::made(&url, status, fields, body).unwrap()
    }

    #[test]
    fn an_answer_is_read_as_it_came() {
        let fields: [(&str, &[u8]); 4] = [("a", b"1"), ("a", b"2"), ("a", b"\xff"), ("b", b"\xff")];
        let answer = answered(404, &fields, b"[7]");
        assert_eq!((answer.status(), answer.length(), answer.text()), (404, 3, Some("[7]")));
        assert_eq!((answer.json(), answer.digest()), (Some(serde_json::json!([7])), &Digest::of(b"[7]")));
        assert_eq!((answer.header("A"), answer.header("b"), answer.header("c")), (Some("1"), None, None));
        assert_eq!(answer.headers("a").collect::<Vec<_>>(), ["1", "2"], "what is no text is absent");
        assert!(answer.has("b") && !answer.has("c"));
        assert_eq!((answer.sent("a"), answer.url().path()), (0, "/v2/a"));
        assert_eq!(answered(200, &[], b"\xff").text(), None);
    }

    #[test]
    fn a_body_that_cannot_be_unpacked_is_no_text_and_no_json() {
        let packed = answered(200, &[("content-encoding", b"br")], b"[7]");
        assert_eq!((packed.text(), packed.json(), packed.length()), (None, None, 3));
    }

    #[test]
    fn what_unpacking_took_is_counted_and_what_came_plain_took_nothing() {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packer, b"[7, 8]").unwrap();
        let packed = answered(200, &[("content-encoding", b"gzip")], &packer.finish().unwrap());
        assert_eq!((packed.text(), packed.unpacked()), (Some("[7, 8]"), 6));
        assert_eq!(answered(200, &[], b"[7, 8]").unpacked(), 0);
    }

    #[test]
    fn json_of_too_many_values_is_not_read() {
        let list = |commas: usize| answered(200, &[], format!("[0{}]", ",0".repeat(commas)).as_bytes());
        let (most, more) = (list(bounds::VALUES - 1), list(bounds::VALUES));
        assert!(!most.is_crowded() && most.json().is_some());
        assert!(more.is_crowded() && more.json().is_none());
    }

    #[test]
    fn a_request_knows_its_method_and_fields_and_prints_neither_query_nor_values() {
        let mut exchange = answered(404, &[("a", b"hunter2")], b"hunter2");
        exchange.request_headers.append("accept", http::HeaderValue::from_static("a/b"));
        exchange.request_headers.append("accept", http::HeaderValue::from_static("c/d"));
        assert_eq!((exchange.sent("Accept"), exchange.is_head()), (2, false));
        assert_eq!(format!("{exchange:?}"), "Exchange(GET /v2/a 404)");
        exchange.method = Method::HEAD;
        assert!(exchange.is_head());
    }

    #[test]
    fn a_line_has_method_path_and_query_without_secrets() {
        assert_eq!(answered(200, &[], b"").line(&Redactor::new()), "GET /v2/a?b=c");
        let url = Url::parse("https://r.test/cb?state=abc").unwrap();
        let answer = Exchange { url, ..answered(200, &[], b"") };
        assert_eq!(answer.line(&Redactor::new()), "GET /cb?state=[state]");
    }

    #[test]
    fn repeated_fields_stand_together_in_a_record() {
        let answer = answered(200, &[("a", b"1"), ("b", b"3"), ("a", b"2")], b"x");
        let told = serde_json::to_value(answer.evidence(&Redactor::new())).unwrap();
        assert_eq!(told["response_headers"], serde_json::json!({ "a": "1, 2", "b": "3" }));
        assert_eq!((&told["body_excerpt"], &told["status"]), (&"x".into(), &200.into()));
        assert_eq!((told.get("curl"), told["duration_ms"].as_u64()), (None, Some(0)));
    }

    #[test]
    fn a_curl_line_says_all_that_was_sent_and_names_secrets() {
        let mut redactor = Redactor::new();
        let secret = zot_verify_model::Secret::new("ZOT_KEY", "hunter2-hunter2");
        redactor.learn(&secret);
        let curl = |edit: &dyn Fn(&mut Exchange), redactor: &mut Redactor| {
            let mut exchange = answered(200, &[], b"");
            edit(&mut exchange);
            exchange.curl(redactor).replace("'https://r.test/v2/a?b=c'", "URL")
        };
        assert_eq!(curl(&|_| (), &mut redactor), "curl -sS -i URL");
        assert_eq!(curl(&|exchange| exchange.method = Method::HEAD, &mut redactor), "curl -sS -i --head URL");
        assert_eq!(curl(&|exchange| exchange.method = Method::PUT, &mut redactor), "curl -sS -i -X PUT URL");
        let by = |name: &str| {
            let secret = zot_verify_model::Secret::new(name, "hunter2-hunter2");
            let account = Account { name: "ci".into(), secret };
            curl(&|exchange| exchange.account = Some(account.clone()), &mut Redactor::new())
        };
        assert_eq!(by("ZOT_KEY"), "curl -sS -i -u \"ci:$ZOT_KEY\" URL");
        assert_eq!(by("api key of ci"), "curl -sS -i -u 'ci:[api key of ci]' URL");
        let account = || Some(Account { name: "ci".into(), secret: secret.clone() });
        let twice = |exchange: &mut Exchange| {
            exchange.account = account();
            exchange.request_headers.insert("authorization", http::HeaderValue::from_static("Basic abc"));
        };
        assert_eq!(curl(&twice, &mut redactor), "curl -sS -i -u \"ci:$ZOT_KEY\" URL", "curl makes the header");
        let with = |name: &'static str, value: &'static str| {
            let edit = |exchange: &mut Exchange| {
                let value = http::HeaderValue::from_static(value);
                exchange.request_headers.insert(http::HeaderName::from_static(name), value);
            };
            curl(&edit, &mut Redactor::new())
        };
        for unsaid in ["host", "content-length", crate::wire::RUN_HEADER] {
            assert_eq!(with(unsaid, "1"), "curl -sS -i URL", "curl sends it, or nobody needs it");
        }
        assert_eq!(with("user-agent", crate::wire::OWN_AGENT), "curl -sS -i URL");
        assert_eq!(with("user-agent", "docker/27"), "curl -sS -i -A docker/27 URL");
        assert_eq!(with("accept", "*/*"), "curl -sS -i URL");
        assert_eq!(with("accept", "a/b"), "curl -sS -i -H 'accept: a/b' URL");
        assert_eq!(with("authorization", "Basic abc"), "curl -sS -i -H 'authorization: Basic [credentials]' URL");
        let sends = |body: &'static [u8]| {
            let redactor = &mut Redactor::new();
            redactor.learn(&secret);
            curl(&|exchange| exchange.request_body = Some(Bytes::from_static(body)), redactor)
        };
        assert_eq!(sends(b"a hunter2-hunter2"), "curl -sS -i --data-binary 'a [ZOT_KEY]' URL");
        assert_eq!(sends(b"\x00"), "curl -sS -i --data-binary @BODY URL");
        assert_eq!(sends(b"\xff"), "curl -sS -i --data-binary @BODY URL");
    }

    #[test]
    fn an_excerpt_ends_where_the_body_does_or_well_before_a_cut_secret() {
        let told = |body: &[u8]| answered(200, &[], body).evidence(&Redactor::new()).body_excerpt;
        assert_eq!(told(b"abc"), "abc");
        assert_eq!(told(&[b'.'; bounds::EXCERPT + 1]).len(), bounds::EXCERPT);
        assert_eq!(told(&[b'.'; bounds::EXCERPT + bounds::SECRET + 1]).len(), bounds::EXCERPT);
        // What is redacted makes it shorter, and then less of it is certain.
        let mut body = "x".repeat(bounds::EXCERPT + bounds::SECRET + 1);
        body.replace_range(..bounds::EXCERPT, &format!("\"password\":\"{}\"", "y".repeat(bounds::EXCERPT - 13)));
        assert_eq!(told(body.as_bytes()), "\"password\":\"[password]\"");
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("aé", 3), "aé");
        assert_eq!(cut("aé", 9), "aé");
    }
}
