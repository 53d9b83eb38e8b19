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
    use super::*;

    #[test]
    fn a_cookie_goes_to_its_path_and_below() {
        assert!(covers("/", "/v2/") && covers("/zot", "/zot/auth") && covers("/zot", "/zot"));
        assert!(!covers("/zot", "/zotless") && !covers("/zot/auth", "/zot"));
    }
}
