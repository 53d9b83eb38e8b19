//! What a server shows of itself when hands are shaken, and who would believe it.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, ProtocolVersion, SignatureScheme};
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use super::trust;
use crate::bounds;

/// A certificate chain as a server showed it, before anybody has judged it.
#[derive(Debug, Clone)]
pub struct Shown {
    chain: Vec<CertificateDer<'static>>,
    host: ServerName<'static>,
    protocol: Option<ProtocolVersion>,
    judge: Arc<dyn ServerCertVerifier>,
}

/// What stands in a certificate (RFC 5280).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// The hosts that it is for.
    pub names: Vec<String>,
    /// When it begins to be valid.
    pub from: OffsetDateTime,
    /// When it ends.
    pub until: OffsetDateTime,
}

impl Shown {
    pub(super) fn new(
        chain: Vec<CertificateDer<'static>>,
        host: ServerName<'static>,
        protocol: Option<ProtocolVersion>,
        judge: Arc<dyn ServerCertVerifier>,
    ) -> Self {
        Self { chain, host, protocol, judge }
    }

    /// The certificates, the server's own first; none where one of them cannot be read.
    #[must_use]
    pub fn certificates(&self) -> Option<Vec<Certificate>> {
        self.chain.iter().map(Certificate::read).collect()
    }

    /// The host that it should name.
    #[must_use]
    pub fn host(&self) -> String {
        self.host.to_str().into_owned()
    }

    /// Whether its own certificate is for the host (RFC 9525).
    #[must_use]
    pub fn names_host(&self) -> bool {
        let own = self.chain.first().map(ParsedCertificate::try_from);
        matches!(own, Some(Ok(own)) if verify_server_name(&own, &self.host).is_ok())
    }

    /// Whether its own certificate is this one; whoever shows it has the key to it.
    #[must_use]
    pub fn is(&self, certificate: &CertificateDer<'_>) -> bool {
        self.chain.first() == Some(certificate)
    }

    /// The version of TLS that was agreed on.
    #[must_use]
    pub fn protocol(&self) -> &'static str {
        match self.protocol {
            Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
            Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
            _ => "TLS",
        }
    }

    /// Whether the chain leads to somebody who is trusted, at a moment and whatever host it names.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn leads_to_trust(&self, at: OffsetDateTime) -> Result<(), Error> {
        let (own, others) = self.chain.split_first().ok_or(Error::NoCertificatesPresented)?;
        let at = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at.unix_timestamp()).unwrap_or(0)));
        match self.judge.verify_server_cert(own, others, &self.host, &[], at) {
            // The name is looked at last, so all else is well.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ))
            | Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Certificate {
    pub(crate) fn read(der: &CertificateDer<'_>) -> Option<Self> {
        let (_, read) = X509Certificate::from_der(der).ok()?;
        let named = read.subject_alternative_name().ok()?;
        let names = named.iter().flat_map(|named| &named.value.general_names).filter_map(name);
        Some(Self {
            subject: cut(read.subject().to_string()),
            issuer: cut(read.issuer().to_string()),
            names: names.map(cut).collect(),
            from: read.validity().not_before.to_datetime(),
            until: read.validity().not_after.to_datetime(),
        })
    }

    /// Whether it says that nobody else signed it.
    #[must_use]
    pub fn is_self_signed(&self) -> bool {
        self.subject == self.issuer
    }
}

/// A host that a certificate is for; other kinds of names are nothing to a client.
fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let address = <[u8; 4]>::try_from(*bytes).map(std::net::IpAddr::from);
            address.or_else(|_| <[u8; 16]>::try_from(*bytes).map(std::net::IpAddr::from)).ok().map(|is| is.to_string())
        }
        _ => None,
    }
}

/// Whoever made the certificate chose how long its names are.
fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(bounds::CERTIFICATE_NAME));
    text
}

/// Takes any certificate for the host's own, and checks only that the server has the key to it. Nothing may be asked
/// over such a connection.
#[derive(Debug)]
pub(super) struct Watching(Arc<CryptoProvider>);

impl Watching {
    pub(super) fn new() -> Self {
        Self(trust::provider())
    }
}

impl ServerCertVerifier for Watching {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::pem::PemObject as _;
    use zot_verify_fixtures::edge::{self, Authority};

    use super::*;
    use crate::wire::Trust;

    /// What a server shows to whoever trusts this authority.
    fn shown(host: &'static str, says: edge::Certificate) -> Shown {
        let authority = Authority::new().unwrap();
        let identity = authority.certify("r.test", says).unwrap();
        let chain = CertificateDer::pem_slice_iter(identity.chain_pem.as_bytes()).collect::<Result<_, _>>().unwrap();
        let judge = Trust::only(authority.pem().as_bytes()).unwrap().verifier().unwrap();
        Shown::new(chain, ServerName::try_from(host).unwrap(), Some(ProtocolVersion::TLSv1_3), judge)
    }

    #[test]
    fn a_certificate_is_read_as_it_is() {
        let shown = shown("r.test", edge::Certificate::Good);
        let read = shown.certificates().unwrap();
        let [own, between] = &read[..] else { panic!("{read:?}") };
        assert_eq!(
            (own.subject.as_str(), &own.issuer, &own.names[..]),
            ("CN=r.test", &between.subject, &["r.test".into()][..])
        );
        assert_eq!((own.until - own.from).whole_days(), 90);
        assert!(!own.is_self_signed() && !between.is_self_signed());
        assert!(shown.is(&shown.chain[0]) && !shown.is(&shown.chain[1]));
        assert_eq!((shown.names_host(), shown.host().as_str(), shown.protocol()), (true, "r.test", "TLS 1.3"));
        assert_eq!(shown.leads_to_trust(OffsetDateTime::now_utc()), Ok(()));
    }

    #[test]
    fn host_and_chain_are_judged_apart() {
        let now = OffsetDateTime::now_utc();
        let other = shown("other.test", edge::Certificate::Good);
        assert_eq!((other.names_host(), other.leads_to_trust(now)), (false, Ok(())));
        for says in [edge::Certificate::SelfSigned, edge::Certificate::Alone, edge::Certificate::OtherAuthority] {
            let stranger = shown("r.test", says);
            let unknown = Error::InvalidCertificate(CertificateError::UnknownIssuer);
            assert_eq!((stranger.names_host(), stranger.leads_to_trust(now)), (true, Err(unknown)), "{says:?}");
        }
    }

    #[test]
    fn a_chain_leads_to_trust_as_long_as_it_is_valid() {
        let shown = shown("r.test", edge::Certificate::EndsIn(2));
        let days = |days| shown.leads_to_trust(OffsetDateTime::now_utc() + time::Duration::days(days));
        assert!(days(-10).is_ok() && days(2).is_ok() && days(3).is_err() && days(-100).is_err());
    }

    #[test]
    fn what_is_no_certificate_is_none() {
        let mut shown = shown("r.test", edge::Certificate::Good);
        shown.chain.push(CertificateDer::from(b"no certificate".to_vec()));
        assert_eq!(shown.certificates(), None);
        shown.chain.clear();
        assert!(!shown.names_host() && shown.leads_to_trust(OffsetDateTime::now_utc()).is_err());
    }

    #[test]
    fn names_are_cut_between_characters() {
        assert_eq!(cut("é".repeat(bounds::CERTIFICATE_NAME)).len(), bounds::CERTIFICATE_NAME);
        assert_eq!(cut(format!("a{}", "é".repeat(bounds::CERTIFICATE_NAME))).len(), bounds::CERTIFICATE_NAME - 1);
    }
}
