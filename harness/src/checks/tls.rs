//! `transport.tls`: the registry shows a certificate that every client believes, and will for a while.

mod saboteurs;

use std::sync::Arc;
use std::time::Duration;

use rustls::{CertificateError, Error};
use time::OffsetDateTime;

use crate::bench::Bench;
use crate::bounds;
use crate::check::{Check, Profile, part};
use crate::run::outcome::{Breach, Halt, Judged, Proof};
use crate::wire::certificate::{Certificate, Shown};
use crate::wire::{Exchange, Request, Silence, WireError};

/// What is asked over the connection, where that is believed.
const ASKS: &[&str] = &["GET /v2/"];

/// What the check declares.
pub const CHECK: Check = Check {
    id: "transport.tls",
    title: "the registry shows a certificate that clients believe, and will for a while",
    requirement: "Clients that do not believe the certificate pull nothing, and nothing warns before its last day (RFC \
                  5280 section 6; RFC 9525). Clients have certificates of their own to trust, and no intermediate ones.",
    profile: Profile::Full,
    parts: &[
        part!("chain", "the certificate leads to an authority that is trusted", ASKS, Requirement, Reads, &[], chain),
        part!("host", "it is for the host that people name", ASKS, Requirement, Reads, &[], host),
        part!("validity", "it is valid now, and for more than three days", ASKS, Requirement, Reads, &[], validity),
        part!("days-left", "it is valid for more than 14 days", ASKS, Hardening, Reads, &[], days_left),
    ],
    saboteurs: saboteurs::ALL,
};

/// What was seen of the registry's certificate, once for all parts.
#[derive(Debug)]
pub struct Looked {
    shown: Shown,
    /// The server's own certificate.
    own: Certificate,
    /// The others that it sent.
    others: Vec<Certificate>,
    /// When it was looked at.
    now: OffsetDateTime,
    /// An answer over a connection that is believed; nothing is asked over another.
    answer: Option<Arc<Exchange>>,
    /// Why the client that asks everything else did not believe it, though it is believed here.
    refused: Option<String>,
}

async fn looked(bench: &Bench) -> Result<Arc<Looked>, Halt> {
    bench.setup.tls.get_or_init(|| look(bench)).await.clone()
}

async fn look(bench: &Bench) -> Result<Arc<Looked>, Halt> {
    if bench.wire.registry().scheme() != "https" {
        return Err(Halt::Skip("the registry is reached over plain http, which has no certificate".into()));
    }
    let shown = bench.wire.handshake().await?;
    let mut others = shown.certificates().ok_or_else(|| Halt::Error("it shows a certificate that is none".into()))?;
    if others.is_empty() {
        return Err(Halt::Error("it shows no certificate".into()));
    }
    let (own, now) = (others.remove(0), OffsetDateTime::now_utc());
    let mut looked = Looked { shown, own, others, now, answer: None, refused: None };
    if looked.is_believed() {
        match bench.wire.shunned() {
            Some(why) => looked.refused = Some(why.to_owned()),
            None => match bench.wire.send(Request::get("/v2/")).await {
                Ok(answer) => looked.answer = Some(answer),
                Err(WireError::NoAnswer { silence: Silence::Untrusted, why, .. }) => looked.refused = Some(why),
                Err(error) => return Err(error.into()),
            },
        }
    }
    Ok(Arc::new(looked))
}

impl Looked {
    fn is_believed(&self) -> bool {
        self.trusted().is_ok() && self.shown.names_host() && self.is_valid()
    }

    fn is_valid(&self) -> bool {
        self.own.from <= self.now && self.now < self.own.until
    }

    /// Whether the chain leads to somebody who is trusted. At a moment at which the server's own certificate is valid:
    /// that it is not now is another part's to say.
    fn trusted(&self) -> Result<(), Error> {
        let last = (self.own.until - Duration::from_secs(1)).max(self.own.from);
        self.shown.leads_to_trust(self.now.clamp(self.own.from, last))
    }

    /// That a claim holds. Where another does not, nothing was asked, and nothing is proven.
    fn holds(&self, said: String) -> Judged {
        match &self.answer {
            Some(answer) => Ok(Proof::of(said, answer)),
            None => Err(Halt::Skip("it holds, but nothing is asked over a connection that is not believed".into())),
        }
    }

    fn breach(&self, expected: String, observed: String) -> Breach {
        Breach { expected, observed, hint: None, exchange: self.answer.clone() }
    }

    fn lifetime(&self) -> time::Duration {
        self.own.until - self.own.from
    }

    fn left(&self) -> time::Duration {
        self.own.until - self.now
    }

    /// When it ends, and how long that is.
    fn end(&self) -> String {
        format!("{}, in {}", day(self.own.until), span(self.left()))
    }
}

async fn chain(bench: Bench) -> Judged {
    let looked = looked(&bench).await?;
    let expected = format!("the certificate of {} leads to an authority that is trusted", looked.shown.host());
    if let Err(error) = looked.trusted() {
        let (observed, cause, cure) = distrust(&looked.own, &looked.others, looked.now, &error);
        return Err(looked.breach(expected, observed).because(cause, Some(&cure)).into());
    }
    if let Some(why) = &looked.refused {
        return Err(looked
            .breach(
                expected,
                format!("one connection shows a certificate that does, and another one that does not: {why}"),
            )
            .because("more than one server answers to this name, each with a certificate of its own", None)
            .into());
    }
    let Looked { shown, own, others, .. } = &*looked;
    looked.holds(format!(
        "`{}` signed by `{}`, sent with {} more, over {}",
        own.subject,
        own.issuer,
        others.len(),
        shown.protocol()
    ))
}

/// What is wrong with a chain, why that may be, and what to do.
fn distrust(own: &Certificate, others: &[Certificate], now: OffsetDateTime, error: &Error) -> (String, String, String) {
    let last = others.last().unwrap_or(own);
    let ended = others.iter().find(|other| other.until <= now);
    let own_authority = "give its certificate with --ca, and to every client, or take one that the system trusts";
    if let (
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }),
        Some(ended),
    ) = (error, ended)
    {
        return (
            format!("`{}`, which it leads over, ended on {}", ended.subject, day(ended.until)),
            "the chain that the server sends is older than the certificate".into(),
            "let the server send the chain that came with the certificate".into(),
        );
    }
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) if own.is_self_signed() && others.is_empty() => (
            format!("it is signed by itself: `{}`", own.subject),
            "no authority stands behind it, and each client would have to be told to trust it".into(),
            own_authority.into(),
        ),
        Error::InvalidCertificate(CertificateError::UnknownIssuer) if last.is_self_signed() => (
            format!("it is signed by `{}`, which is not trusted here", last.subject),
            "it comes from an authority of your own, or a test authority has signed it".into(),
            own_authority.into(),
        ),
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => (
            format!("it is signed by `{}`, which is neither sent nor trusted", last.issuer),
            "the server leaves an intermediate certificate out, or the authority is one of your own".into(),
            format!("let the server send its full chain; for an authority of your own, {own_authority}"),
        ),
        Error::InvalidCertificate(
            CertificateError::BadSignature | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. },
        ) => (
            format!("it is signed by `{}`, and who is trusted under this name has another key", last.issuer),
            "the authority was made anew under its old name, or somebody else uses that".into(),
            own_authority.into(),
        ),
        // No kind of its own: webpki says it behind `Other`.
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => (
            format!("`{}` is the certificate of an authority, and a server shows it as its own", own.subject),
            "`openssl req -x509` makes such certificates; clients written in Go take them where they are trusted, others, \
             as this program, never do"
                .into(),
            "let it sign one for the server, or make one that is no authority's (`-addext basicConstraints=CA:FALSE`)"
                .into(),
        ),
        other => (
            other.to_string(),
            "clients refuse such a certificate".into(),
            "have a new one made, for a server and with a signature of today".into(),
        ),
    }
}

async fn host(bench: Bench) -> Judged {
    let looked = looked(&bench).await?;
    let names = listed(&looked.own.names);
    if looked.shown.names_host() {
        return looked.holds(names);
    }
    let wanted = looked.shown.host();
    Err(looked
        .breach(format!("the certificate is for {wanted}"), format!("it is for {names}"))
        .because(
            "what ends TLS has no certificate for this name, or the name leads to another server",
            Some(&format!("let the proxy have a certificate for {wanted}, and check where the name leads")),
        )
        .into())
}

async fn validity(bench: Bench) -> Judged {
    let looked = looked(&bench).await?;
    let Looked { own, now, .. } = &*looked;
    let limit = near(looked.lifetime(), bounds::CERTIFICATE_END, 10);
    let expected = format!("the certificate is valid now, and for more than {}", span(limit));
    let observed = if own.from > *now {
        format!("it begins on {}, in {}", day(own.from), span(own.from - *now))
    } else if own.until <= *now {
        format!("it ended on {}, {} ago", day(own.until), span(*now - own.until))
    } else if looked.left() <= limit {
        format!("it ends on {}", looked.end())
    } else {
        return looked.holds(format!("until {}", looked.end()));
    };
    let breach = looked.breach(expected, observed);
    Err(if own.from > *now {
        breach.because("a clock is wrong: that of whoever made it, or the one here", Some("look at both clocks"))
    } else {
        breach.because(
            "whatever renews it has not, or the server has not taken up the new one",
            Some("renew it, let the server load it, and look at why that was not done"),
        )
    }
    .into())
}

async fn days_left(bench: Bench) -> Judged {
    let looked = looked(&bench).await?;
    if !looked.is_valid() || looked.left() <= near(looked.lifetime(), bounds::CERTIFICATE_END, 10) {
        return Err(Halt::Skip("needs a certificate that is valid for a while".into()));
    }
    let limit = near(looked.lifetime(), bounds::CERTIFICATE_WARNING, 4);
    if looked.left() <= limit {
        let expected = format!("the certificate is valid for more than {}", span(limit));
        return Err(looked
            .breach(expected, format!("it ends on {}", looked.end()))
            .because(
                "what renews certificates does so earlier: here it has not, or nothing does",
                Some("look at why it was not renewed, before it ends"),
            )
            .into());
    }
    let later = looked.shown.leads_to_trust(looked.now + limit);
    if let (Ok(()), Err(error)) = (looked.trusted(), later) {
        let expected = format!("the whole chain is valid for more than {}", span(limit));
        let observed = format!("the certificate is, and one that it leads over is not: {error}");
        return Err(looked.breach(expected, observed).because("an authority's own certificate ends", None).into());
    }
    looked.holds(format!("{} left", span(looked.left())))
}

/// From when on an end is near, for a certificate that lives so long: one that lives for days is renewed by a machine,
/// shortly before it ends.
fn near(lifetime: time::Duration, limit: Duration, share: u32) -> time::Duration {
    let share = lifetime.max(time::Duration::ZERO).unsigned_abs() / share;
    time::Duration::try_from(share.min(limit)).unwrap_or(time::Duration::MAX)
}

/// Some names in words.
fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "no host".into();
    }
    let told = names.iter().take(bounds::CERTIFICATE_NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(bounds::CERTIFICATE_NAMES) {
        0 => told,
        more => format!("{told} and {more} more"),
    }
}

fn day(at: OffsetDateTime) -> time::Date {
    at.date()
}

/// A time in the largest unit that fits it.
fn span(span: time::Duration) -> String {
    let count = |number: i64, unit: &str| format!("{number} {unit}{}", if number == 1 { "" } else { "s" });
    match (span.whole_days(), span.whole_hours(), span.whole_minutes()) {
        (1.., _, _) => count(span.whole_days(), "day"),
        (_, 1.., _) => count(span.whole_hours(), "hour"),
        _ => count(span.whole_minutes(), "minute"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_near_sooner_for_what_lives_longer() {
        let warned = |days| near(time::Duration::days(days), bounds::CERTIFICATE_WARNING, 4).whole_hours();
        assert_eq!([398, 90, 47, 6, 0, -1].map(warned), [14 * 24, 14 * 24, 282, 36, 0, 0]);
        let failed = |days| near(time::Duration::days(days), bounds::CERTIFICATE_END, 10).whole_hours();
        assert_eq!([90, 47, 6].map(failed), [72, 72, 14]);
    }

    #[test]
    fn an_authority_that_serves_is_told_from_one_that_nobody_trusts() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let own = Certificate {
            subject: "CN=r.test".into(),
            issuer: "CN=r.test".into(),
            names: Vec::new(),
            from: now,
            until: now + time::Duration::DAY,
        };
        let told = |error| distrust(&own, &[], now, &Error::InvalidCertificate(error)).0;
        assert_eq!(told(CertificateError::UnknownIssuer), "it is signed by itself: `CN=r.test`");
        let namesake = "it is signed by `CN=r.test`, and who is trusted under this name has another key";
        assert_eq!(told(CertificateError::BadSignature), namesake);
        let webpki = std::io::Error::other("CaUsedAsEndEntity");
        let authority = CertificateError::Other(rustls::OtherError(Arc::new(webpki)));
        assert_eq!(told(authority), "`CN=r.test` is the certificate of an authority, and a server shows it as its own");
    }

    #[test]
    fn spans_and_names_are_told_in_few_words() {
        let hours = |hours| span(time::Duration::hours(hours));
        assert_eq!([hours(60), hours(24), hours(23), hours(0)], ["2 days", "1 day", "23 hours", "0 minutes"]);
        let names: Vec<String> = (0..6).map(|number| format!("r{number}.test")).collect();
        assert_eq!(listed(&names), "r0.test, r1.test, r2.test, r3.test and 2 more");
        assert_eq!(listed(&[]), "no host");
    }
}
