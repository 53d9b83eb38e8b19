//! What `apikey.expiry` must notice.

use zot_verify_fixtures::fault::Fault;
use zot_verify_fixtures::proxy::{Rule, Then, When};

use crate::check::{Saboteur, saboteur};
use crate::run::outcome::Verdict::{Fail, Warn};

const ASKED_WITH_A_KEY: When = When::path("/zot/auth/apikey").methods(&["GET"]).header("authorization", "Basic *");

static FORGOTTEN: Rule = Rule { when: ASKED_WITH_A_KEY, then: Then::Status(401) };
static ENDS_SOON: Rule = Rule { when: ASKED_WITH_A_KEY, then: Then::Body(|body| dated(body, 2)) };
static ENDED: Rule = Rule { when: ASKED_WITH_A_KEY, then: Then::Body(|body| dated(body, 0)) };

/// Every key in the list ends in so many days.
fn dated(body: &[u8], days: u64) -> Vec<u8> {
    let end = time::OffsetDateTime::now_utc() + std::time::Duration::from_hours(24 * days);
    let end = format!("{}T{:02}:{:02}:{:02}Z", end.date(), end.hour(), end.minute(), end.second());
    let mut list: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    for key in list.get_mut("apiKeys").and_then(|keys| keys.as_array_mut()).into_iter().flatten() {
        key["expirationDate"] = end.as_str().into();
    }
    list.to_string().into_bytes()
}

pub(super) const ALL: &[Saboteur] = &[
    saboteur!(
        "key-forgotten",
        &[Fault::Proxy(&FORGOTTEN)],
        &[("apikey.expiry/accepted", Fail)],
        &["apikey.expiry/days-left"]
    ),
    saboteur!("key-ends-soon", &[Fault::Proxy(&ENDS_SOON)], &[("apikey.expiry/days-left", Warn)], &[]),
    saboteur!("key-ends-today", &[Fault::Proxy(&ENDED)], &[("apikey.expiry/days-left", Warn)], &[]),
];
