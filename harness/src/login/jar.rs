//! The cookies of one server.

use cookie::Cookie;

use crate::wire::{Exchange, Request};

/// A cookie jar for one server. It is kinder than a browser in one point: a `Secure` cookie goes back over plain http,
/// as it must for zot's `state` cookie in a lab.
#[derive(Clone, Default)]
pub struct Jar(Vec<Cookie<'static>>);

impl Jar {
    /// Takes the cookies of an answer, and drops those that it deletes (RFC 6265 section 5.3).
    pub fn keep(&mut self, answer: &Exchange) {
        for cookie in set_cookies(answer) {
            self.0.retain(|known| known.name() != cookie.name() || known.path() != cookie.path());
            let expired = cookie.max_age().is_some_and(|age| age <= cookie::time::Duration::ZERO);
            if !cookie.value().is_empty() && !expired {
                self.0.push(cookie);
            }
        }
    }

    /// Adds the cookies that belong to `path`.
    #[must_use]
    pub fn fill(&self, request: Request, path: &str) -> Request {
        let mut pairs: Vec<String> = self
            .0
            .iter()
            .filter(|cookie| covers(cookie.path().unwrap_or("/"), path))
            .map(|cookie| format!("{}={}", cookie.name(), cookie.value()))
            .collect();
        pairs.sort();
        if pairs.is_empty() { request } else { request.header("cookie", pairs.join("; ")) }
    }

    /// The value of a cookie.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|cookie| cookie.name() == name).map(Cookie::value)
    }

    /// A jar with only this cookie of the jar in it.
    #[must_use]
    pub fn only(&self, name: &str) -> Self {
        Self(self.0.iter().filter(|cookie| cookie.name() == name).cloned().collect())
    }

    /// The same jar without a cookie.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        Self(self.0.iter().filter(|cookie| cookie.name() != name).cloned().collect())
    }
}

impl std::fmt::Debug for Jar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(Cookie::name)).finish()
    }
}

/// The cookies that an answer sets, with their attributes.
pub fn set_cookies(answer: &Exchange) -> Vec<Cookie<'static>> {
    answer.headers("set-cookie").filter_map(|text| Cookie::parse(text.to_owned()).ok()).collect()
}

/// Whether a cookie with this path goes to `path` (RFC 6265 section 5.1.4).
fn covers(cookie: &str, path: &str) -> bool {
    path.strip_prefix(cookie).is_some_and(|rest| rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;

    fn jar(answers: &[&[&str]]) -> Jar {
        let mut jar = Jar::default();
        for cookies in answers {
            let fields: Vec<(&str, &[u8])> = cookies.iter().map(|cookie| ("set-cookie", cookie.as_bytes())).collect();
            jar.keep(&Exchange::made(&Url::parse("https://r.test/").unwrap(), 200, &fields, b"").unwrap());
        }
        jar
    }

    fn sent(jar: &Jar, path: &str) -> String {
        jar.fill(Request::get("/"), path).field("cookie").unwrap_or_default().to_owned()
    }

    #[test]
    fn the_last_word_on_a_cookie_counts() {
        let twice = jar(&[&["a=1", "b=2; Path=/x"], &["a=3", "b=4"]]);
        assert_eq!((sent(&twice, "/"), sent(&twice, "/x")), ("a=3; b=4".into(), "a=3; b=2; b=4".into()));
        assert_eq!((twice.get("a"), twice.get("c")), (Some("3"), None));
        for deleting in ["a=", "a=1; Max-Age=0", "a=1; Max-Age=-1"] {
            assert_eq!(sent(&jar(&[&["a=1"], &[deleting]]), "/"), "", "{deleting}");
        }
        assert_eq!(sent(&jar(&[&["a=1; Max-Age=1"]]), "/"), "a=1");
        assert_eq!(sent(&jar(&[&["a=1; Path=/x"], &["a="]]), "/x"), "a=1", "another path is another cookie");
    }

    #[test]
    fn a_jar_can_be_sorted_and_shows_no_values() {
        let both = jar(&[&["a=1", "b=2"]]);
        assert_eq!((sent(&both.only("a"), "/"), sent(&both.without("a"), "/")), ("a=1".into(), "b=2".into()));
        assert_eq!(format!("{both:?}"), r#"["a", "b"]"#);
    }

    proptest! {
        #[test]
        fn only_cookies_of_the_path_are_sent(cookies in prop::collection::btree_map("[a-z]{1,3}", "(/[ab]{1,2}){0,2}/?", 1..5)) {
            let written: Vec<String> = cookies.iter().map(|(name, path)| format!("{name}=v; Path=/{}", path.trim_start_matches('/'))).collect();
            let jar = jar(&[&written.iter().map(String::as_str).collect::<Vec<_>>()]);
            for path in ["/", "/a", "/a/b", "/ab"] {
                let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
                let fits = |of: &str| {
                    let of: Vec<&str> = of.split('/').filter(|part| !part.is_empty()).collect();
                    parts.starts_with(&of)
                };
                let ends = |of: &str| !of.ends_with('/') || path.len() >= of.len();
                let fitting = cookies.iter().filter(|(_, of)| fits(of) && ends(&format!("/{}", of.trim_start_matches('/'))));
                let expected: Vec<String> = fitting.map(|(name, _)| format!("{name}=v")).collect();
                prop_assert_eq!(sent(&jar, path), expected.join("; "), "{:?} {}", cookies, path);
            }
        }
    }

    #[test]
    fn a_cookie_goes_to_its_path_and_below() {
        assert!(covers("/", "/v2/") && covers("/zot", "/zot/auth") && covers("/zot", "/zot"));
        assert!(!covers("/zot", "/zotless") && !covers("/zot/auth", "/zot"));
    }
}
