//! What `transport.tls` must notice.

use zot_verify_fixtures::edge::Certificate;
use zot_verify_fixtures::fault::Fault;

use crate::check::{LOST_BELIEF, Saboteur, saboteur};
use crate::run::outcome::Verdict::{Fail, Warn};

/// The world with nothing wrong: over plain http there is no certificate to look at.
const GOOD: &[Fault] = &[Fault::Edge(Certificate::Good)];

pub(super) const ALL: &[Saboteur] = &[
    saboteur!(
        "certificate-ended",
        given GOOD,
        &[Fault::Edge(Certificate::Ended)],
        &[("transport.tls/validity", Fail)],
        takes LOST_BELIEF,
    ),
    saboteur!(
        "certificate-not-yet-valid",
        given GOOD,
        &[Fault::Edge(Certificate::NotYet)],
        &[("transport.tls/validity", Fail)],
        takes LOST_BELIEF,
    ),
    saboteur!(
        "certificate-ends-in-two-days",
        given GOOD,
        &[Fault::Edge(Certificate::EndsIn(2))],
        &[("transport.tls/validity", Fail)],
        &["transport.tls/days-left"],
    ),
    saboteur!(
        "certificate-ends-in-ten-days",
        given GOOD,
        &[Fault::Edge(Certificate::EndsIn(10))],
        &[("transport.tls/days-left", Warn)],
        &[],
    ),
    saboteur!(
        "certificate-of-another-host",
        given GOOD,
        &[Fault::Edge(Certificate::OtherHost)],
        &[("transport.tls/host", Fail)],
        takes LOST_BELIEF,
    ),
    saboteur!(
        "certificate-of-another-authority",
        given GOOD,
        &[Fault::Edge(Certificate::OtherAuthority)],
        &[("transport.tls/chain", Fail)],
        takes LOST_BELIEF,
    ),
    saboteur!(
        "certificate-signed-by-itself",
        given GOOD,
        &[Fault::Edge(Certificate::SelfSigned)],
        &[("transport.tls/chain", Fail)],
        takes LOST_BELIEF,
    ),
    saboteur!(
        "certificate-without-its-intermediate",
        given GOOD,
        &[Fault::Edge(Certificate::Alone)],
        &[("transport.tls/chain", Fail)],
        takes LOST_BELIEF,
    ),
    saboteur!(
        "certificate-over-one-that-ended",
        given GOOD,
        &[Fault::Edge(Certificate::OverEnded)],
        &[("transport.tls/chain", Fail)],
        takes LOST_BELIEF,
    ),
];
