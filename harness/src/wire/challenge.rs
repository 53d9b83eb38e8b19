//! The challenge of a 401 (RFC 9110 section 11.6.1; OCI distribution-spec, "Determining Support").

use super::Exchange;

/// Whether the answer tells a client how to authenticate: one challenge at least, of a scheme that registry clients
/// know, with a realm that is not empty.
///
/// zot sends a lower-case `basic realm=` without a realm on a plain 200 of `/v2/` (observed on v2.1.20), so a header
/// field alone proves nothing.
///
/// # Errors
/// What is missing, in words that follow "the challenge".
pub fn usable(exchange: &Exchange) -> Result<(), String> {
    let mut problem = "is missing: no WWW-Authenticate field".to_owned();
    for value in exchange.headers("www-authenticate") {
        match http_auth::parse_challenges(value) {
            Err(error) => problem = format!("cannot be parsed: `{value}` ({error})"),
            Ok(challenges) => {
                for challenge in challenges {
                    let known = ["basic", "bearer"].iter().any(|scheme| challenge.scheme.eq_ignore_ascii_case(scheme));
                    let realm = challenge.params.iter().find(|(name, _)| name.eq_ignore_ascii_case("realm"));
                    match realm {
                        _ if !known => problem = format!("is of a scheme that no client knows: `{value}`"),
                        Some((_, realm)) if !realm.to_unescaped().is_empty() => return Ok(()),
                        _ => problem = format!("has no realm: `{value}`"),
                    }
                }
            }
        }
    }
    Err(problem)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;

    fn answered(fields: &[&str]) -> Exchange {
        let url = Url::parse("https://r.test/v2/").unwrap();
        let fields: Vec<(&str, &[u8])> = fields.iter().map(|field| ("www-authenticate", field.as_bytes())).collect();
        Exchange::made(&url, 401, &fields, b"").unwrap()
    }

    #[test]
    fn a_scheme_that_clients_know_and_a_realm_make_a_challenge() {
        for fields in [
            &["Basic realm=\"zot\""][..],
            &["bearer REALM=\"https://r.test/token\",service=\"r.test\""],
            &["BASIC realm=zot"],
            &["Digest realm=\"a\"", "Basic realm=\"b\""],
            &["Digest realm=\"a\", Bearer realm=\"b\""],
            &["Basic realm=\"\"", "Basic realm=\"b\""],
            &["\"", "Bearer realm=\"b\""],
        ] {
            assert_eq!(usable(&answered(fields)), Ok(()), "{fields:?}");
        }
    }

    #[test]
    fn what_is_missing_is_said() {
        for (fields, problem) in [
            (&[][..], "is missing: no WWW-Authenticate field"),
            (&["basic realm="][..], "cannot be parsed: `basic realm=` ("),
            (&["Digest realm=\"a\""], "is of a scheme that no client knows: `Digest realm=\"a\"`"),
            (&["Basic realm=\"\""], "has no realm: `Basic realm=\"\"`"),
            (&["Bearer service=\"a\""], "has no realm: `Bearer service=\"a\"`"),
            // Of several the last is told.
            (&["Bearer service=\"a\"", "Digest realm=\"a\""], "is of a scheme that no client knows"),
        ] {
            let said = usable(&answered(fields)).unwrap_err();
            assert!(said.starts_with(problem), "{fields:?}: {said}");
        }
    }

    #[derive(Debug, Clone)]
    struct Challenge {
        scheme: &'static str,
        realm: Option<String>,
        more: Vec<(&'static str, String)>,
    }

    impl Challenge {
        fn written(&self) -> String {
            let realm = self.realm.as_ref().map(|realm| ("realm", realm.clone()));
            let params = self.more.iter().cloned().chain(realm).map(|(name, value)| format!("{name}=\"{value}\""));
            format!("{} {}", self.scheme, params.collect::<Vec<_>>().join(", "))
        }

        fn is_usable(&self) -> bool {
            let known = matches!(self.scheme.to_lowercase().as_str(), "basic" | "bearer");
            known && self.realm.as_ref().is_some_and(|realm| !realm.is_empty())
        }
    }

    fn challenge() -> impl Strategy<Value = Challenge> {
        let value = || "[a-zA-Z0-9 :/,=]{0,9}";
        let more = prop::collection::vec((prop::sample::select(vec!["service", "scope", "charset"]), value()), 1..3);
        let schemes = vec!["Basic", "basic", "Bearer", "BEARER", "Digest", "Hawk", "Basics", "Bear"];
        (prop::sample::select(schemes), prop::option::of(value()), more).prop_map(|(scheme, realm, more)| Challenge {
            scheme,
            realm,
            more,
        })
    }

    proptest! {
        #[test]
        fn one_good_challenge_is_enough_wherever_it_stands(
            challenges in prop::collection::vec(challenge(), 0..4),
            in_one_field in any::<bool>(),
        ) {
            let written: Vec<String> = challenges.iter().map(Challenge::written).collect();
            let fields = if in_one_field && !written.is_empty() { vec![written.join(", ")] } else { written };
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            let usable = usable(&answered(&fields));
            prop_assert_eq!(usable.is_ok(), challenges.iter().any(Challenge::is_usable), "{:?}: {:?}", fields, usable);
        }

        #[test]
        fn no_field_panics_and_none_without_a_realm_is_usable(field in "[ -~]{0,40}") {
            let usable = usable(&answered(&[&field]));
            prop_assert!(usable.is_err() || field.to_lowercase().contains("realm"), "{}", field);
        }
    }
}
