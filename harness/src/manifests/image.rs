//! Names of images, whole and in the midst of other text.

use std::fmt;
use std::ops::Range;

/// The name of an image as it is written: whatever registry, valid or not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Image {
    /// Registry and repository.
    pub name: String,
    /// The tag, if one is written.
    pub tag: Option<String>,
    /// The digest, if one is written.
    pub digest: Option<String>,
}

impl Image {
    /// Takes a name apart as kustomize does (`image.Split`): a colon before the first slash belongs to the host.
    #[must_use]
    pub fn split(text: &str) -> Self {
        let after_host = text.find('/').unwrap_or(0);
        let (rest, digest) = match text[after_host..].find('@') {
            Some(at) => (&text[..after_host + at], Some(&text[after_host + at + 1..])),
            None => (text, None),
        };
        let (name, tag) = match rest[after_host..].find(':') {
            Some(at) => (&rest[..after_host + at], Some(&rest[after_host + at + 1..])),
            None => (rest, None),
        };
        let written = |part: Option<&str>| part.filter(|part| !part.is_empty()).map(str::to_owned);
        Self { name: name.to_owned(), tag: written(tag), digest: written(digest) }
    }

    /// The repository, where the image is of the registry that has these names.
    #[must_use]
    pub fn repository(&self, hosts: &[String]) -> Option<&str> {
        hosts.iter().find_map(|host| self.name.strip_prefix(host.as_str())?.strip_prefix('/'))
    }

    /// Whether neither tag nor digest is written.
    #[must_use]
    pub fn is_bare(&self) -> bool {
        self.tag.is_none() && self.digest.is_none()
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.tag.iter().try_for_each(|tag| write!(f, ":{tag}"))?;
        self.digest.iter().try_for_each(|digest| write!(f, "@{digest}"))
    }
}

/// Why something that is written cannot be asked for.
pub(super) const VARIABLE: &str = "part of it comes from a variable or a template";

/// An image of the registry in the midst of other text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    /// The bytes in which it is written.
    pub(super) range: Range<usize>,
    /// What it is, or why that cannot be told.
    pub(super) what: Result<Image, String>,
    /// Whether the text says that it is an image: `docker://`, as those of containers/image, or `docker-image://`, as
    /// BuildKit's.
    pub(super) said: bool,
}

/// Every image in `text` of the registry that has these names. Addresses of its web page and of its API are none, and
/// neither are patterns.
#[must_use]
pub(super) fn find(text: &str, hosts: &[String]) -> Vec<Hit> {
    let starts = hosts.iter().flat_map(|host| text.match_indices(host.as_str()).map(|(at, host)| (at, host.len())));
    let mut hits: Vec<Hit> = starts.filter_map(|(at, length)| hit(text, at, length)).collect();
    hits.sort_by_key(|hit| (hit.range.start, hit.range.end));
    hits.dedup_by_key(|hit| hit.range.start);
    hits
}

fn hit(text: &str, start: usize, host: usize) -> Option<Hit> {
    let before = &text[..start];
    let said = ["docker://", "docker-image://"].iter().any(|scheme| before.ends_with(scheme));
    // A chart of Helm, or what Argo CD and Flux take for one: an image where a tag is written.
    let artifact = before.ends_with("oci://");
    let part_of_more = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '@');
    if before.ends_with(part_of_more) && !said && !artifact {
        return None;
    }
    let path = text[start + host..].strip_prefix('/')?;
    let first = start + host + 1;
    let name = path.len() - path.trim_start_matches(is_of_name).len();
    let mut end = first + name;
    if let Some(tag) = text[end..].strip_prefix(':') {
        let tag = tag.len() - tag.trim_start_matches(is_of_tag).len();
        end += if tag > 0 || is_variable(&text[end + 1..]) { 1 + tag } else { 0 };
    }
    if let Some(digest) = text[end..].strip_prefix('@') {
        let digest = digest.len() - digest.trim_start_matches(|c: char| is_of_tag(c) || c == ':').len();
        end += 1 + digest;
    }
    if is_variable(&text[end..]) {
        let end = start + word(&text[start..]);
        return Some(Hit { range: start..end, what: Err(VARIABLE.into()), said });
    }
    if text[end..].starts_with(['*', '?', '\\']) || is_api(&text[first..end]) {
        return None;
    }
    // In a sentence the full stop is no part of the name.
    let written = text[start..end].trim_end_matches(['.', '/', '-']);
    (written.len() > host).then(|| Hit { range: start..start + written.len(), what: Ok(Image::split(written)), said })
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/' | '-')
}

fn is_of_tag(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

/// Whether a text begins with what a shell, Nix, Helm, Jinja, a format string or a person puts in for something else.
fn is_variable(text: &str) -> bool {
    text.starts_with(['$', '{', '<', '%', '('])
}

/// Whether a text has in it what stands for something else.
#[must_use]
pub(super) fn has_variable(text: &str) -> bool {
    text.contains(['$', '{', '<', '%', '('])
}

/// Whether a path is one of the registry's API, written without its scheme.
fn is_api(path: &str) -> bool {
    path.strip_prefix("v2/").is_some_and(|path| {
        path.is_empty()
            || path.starts_with('_')
            || ["/manifests/", "/blobs/", "/tags/"].iter().any(|at| path.contains(at))
    })
}

/// The length of the word with which a text begins; what stands between brackets belongs to it.
fn word(text: &str) -> usize {
    let mut depth = 0_usize;
    let ends = |(_, c): &(usize, char)| {
        match c {
            '{' | '(' | '<' => depth += 1,
            '}' | ')' | '>' if depth > 0 => depth -= 1,
            '\n' => return true,
            '"' | '\'' | '`' | ',' | ';' | ')' | ']' if depth == 0 => return true,
            c if c.is_whitespace() && depth == 0 => return true,
            _ => {}
        }
        false
    };
    text.char_indices().find(ends).map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hosts() -> Vec<String> {
        vec!["r.test".into(), "r.test:443".into()]
    }

    fn found(text: &str) -> Vec<String> {
        let told = |hit: Hit| hit.what.map_or_else(|_| format!("? {}", &text[hit.range]), |image| image.to_string());
        find(text, &hosts()).into_iter().map(told).collect()
    }

    #[test]
    fn names_are_taken_apart() {
        let split = |text| {
            let Image { name, tag, digest } = Image::split(text);
            (name, tag.unwrap_or_default(), digest.unwrap_or_default())
        };
        assert_eq!(split("r.test:5000/a/b:v1@sha256:0"), ("r.test:5000/a/b".into(), "v1".into(), "sha256:0".into()));
        assert_eq!(split("a@sha256:0"), ("a".into(), String::new(), "sha256:0".into()));
        assert_eq!(split("docker:27-dind"), ("docker".into(), "27-dind".into(), String::new()));
        assert_eq!(split("r.test:5000/a"), ("r.test:5000/a".into(), String::new(), String::new()));
    }

    #[test]
    fn an_image_knows_its_repository_and_whether_it_is_bare() {
        let image = Image::split("r.test:443/a/b:v1");
        assert_eq!((image.repository(&hosts()), image.is_bare()), (Some("a/b"), false));
        assert_eq!(Image::split("r.test.example/a").repository(&hosts()), None);
        assert!(Image::split("r.test/a").is_bare() && !Image::split("r.test/a@sha256:0").is_bare());
    }

    #[test]
    fn images_are_found_in_other_text() {
        assert_eq!(found("k8s:docker://r.test/a/b:v1,nix:docker://r.test/c:v2"), ["r.test/a/b:v1", "r.test/c:v2"]);
        assert_eq!(found("pull r.test/a:v1. Then `r.test/b@sha256:00`"), ["r.test/a:v1", "r.test/b@sha256:00"]);
        assert_eq!(found("r.test:443/a:v1-r1_x.2"), ["r.test:443/a:v1-r1_x.2"]);
        assert_eq!(found("oci://r.test/charts/a:1.2.3"), ["r.test/charts/a:1.2.3"]);
        assert_eq!(found("base=docker-image://r.test/a"), ["r.test/a"]);
        assert_eq!(found("--dest=r.test/a:"), ["r.test/a"]);
        assert_eq!(find("r.test/a: x", &hosts())[0].range, 0..8, "a colon without a tag is none of it");
    }

    #[test]
    fn what_is_put_in_later_cannot_be_told() {
        assert_eq!(found("r.test/a:${VERSION}-${SHA}-nix x"), ["? r.test/a:${VERSION}-${SHA}-nix"]);
        assert_eq!(found("\"r.test/b/$NAME:v1\""), ["? r.test/b/$NAME:v1"]);
        assert_eq!(found("r.test/a:v{{ .Chart.AppVersion }}-x, y"), ["? r.test/a:v{{ .Chart.AppVersion }}-x"]);
        assert_eq!(found("r.test/a:<tag>"), ["? r.test/a:<tag>"]);
        assert_eq!(found("r.test/{{ name }}"), ["? r.test/{{ name }}"]);
        assert_eq!(found("r.test/a@${digest}"), ["? r.test/a@${digest}"]);
        assert_eq!(found("r.test/a:{{ index .Values \"tag\" }}-x"), ["? r.test/a:{{ index .Values \"tag\" }}-x"]);
        assert_eq!(found("r.test/a:${TAG\nnext"), ["? r.test/a:${TAG"], "a word ends with its line");
        assert!(has_variable("a:${TAG}") && !has_variable("a:v1"));
    }

    #[test]
    fn addresses_other_hosts_and_patterns_are_no_images() {
        for text in [
            "https://r.test/zot/auth/callback/oidc",
            "/etc/containerd/certs.d/r.test/hosts.toml",
            "other.r.test/a:v1",
            "r.test.example/a:v1",
            "r.test:5000/a:v1",
            "me@r.test/a:v1",
            "r.test",
            "r.test/",
            "r.test/*",
            "r.test/a/*",
            "r.test/v2/_catalog",
            "r.test/v2/a/tags/list",
        ] {
            assert_eq!(found(text), Vec::<String>::new(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics_and_every_hit_begins_with_the_host(text in "(r\\.test|[/:@$.{}a-c \"é#]|docker://){0,40}") {
            for hit in find(&text, &hosts()) {
                prop_assert!(text[hit.range.clone()].starts_with("r.test"), "{:?}", hit);
            }
        }

        #[test]
        fn what_is_written_is_found(
            before in "(image: |FROM |docker://|\")?", repository in "[a-z]{1,5}(/[a-z0-9]{1,5})?",
            tag in "[a-z0-9]{1,6}", after in "(\"| #|,|)",
        ) {
            let text = format!("{before}r.test/{repository}:{tag}{after}");
            prop_assert_eq!(found(&text), vec![format!("r.test/{}:{}", repository, tag)]);
        }

        #[test]
        fn a_name_that_was_taken_apart_is_the_same_again(text in "[a-z.]{1,6}/[a-z]{1,5}(:[a-z0-9]{1,5})?(@sha256:[0-9]{1,5})?") {
            prop_assert_eq!(Image::split(&text).to_string(), text);
        }
    }
}
