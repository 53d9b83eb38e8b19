//! Every file besides the issuer's credentials that the configuration names.

use std::path::Path;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use serde_json::Value;
use zot_verify_model::ZotConfig;

use super::files::{self, Owner};
use super::line::{Finding, Red};
use crate::bounds;

/// A key that names a file.
struct Named {
    key: &'static [&'static str],
    /// Why nobody else should read it, where that is so.
    secret: Option<&'static str>,
    /// What zot does without it (observed on v2.1.20).
    without: &'static str,
    /// Whether it then serves all the same.
    starts: bool,
}

const ENDS: &str = "zot ends with code 1";
const PANICS: &str = "`zot verify` accepts it; `zot serve` panics, and ends with code 2";
const SILENT: &str = "`zot verify` accepts it; `zot serve` ends with code 0, as if all were well";

const NAMED: &[Named] = &[
    Named {
        key: &["http", "auth", "htpasswd", "path"],
        secret: Some("whoever can read the hashes can try passwords on them at leisure"),
        without: ENDS,
        starts: false,
    },
    Named {
        key: &["http", "auth", "sessionKeysFile"],
        secret: Some("whoever can read it can make sessions of anybody"),
        without: ENDS,
        starts: false,
    },
    Named {
        key: &["http", "auth", "ldap", "credentialsFile"],
        secret: Some("whoever can read it can take zot's place at the directory"),
        without: ENDS,
        starts: false,
    },
    Named { key: &["http", "auth", "ldap", "caCert"], secret: None, without: PANICS, starts: false },
    Named { key: &["http", "auth", "bearer", "cert"], secret: None, without: PANICS, starts: false },
    Named { key: CERT, secret: None, without: SILENT, starts: false },
    Named {
        key: KEY,
        secret: Some("whoever can read it can take the registry's place towards its clients"),
        without: SILENT,
        starts: false,
    },
    Named { key: &["http", "tls", "cacert"], secret: None, without: SILENT, starts: false },
    Named {
        key: &["extensions", "sync", "credentialsFile"],
        secret: Some("whoever can read it can take zot's place at the upstreams"),
        without: "zot starts, and asks every upstream without credentials",
        starts: true,
    },
];

const CERT: &[&str] = &["http", "tls", "cert"];
const KEY: &[&str] = &["http", "tls", "key"];

/// Judges them.
#[must_use]
pub(super) fn judge(config: &ZotConfig) -> Finding {
    let named = |path: &[&str]| config.get(path).and_then(Value::as_str).filter(|named| !named.is_empty());
    // Without both, zot speaks plain http and reads none of them; see config.address.
    let tls = named(CERT).is_some() && named(KEY).is_some();
    let (mut reds, mut good) = (Vec::new(), Vec::new());
    for file in NAMED.iter().filter(|file| tls || file.key[..2] != CERT[..2]) {
        let Some(path) = named(file.key) else { continue };
        reds.extend(file.wrong(Path::new(path)));
        good.push(path);
    }
    if let (Some(cert), Some(key), true) = (named(CERT), named(KEY), reds.iter().all(|red| !red.fails)) {
        reds.extend(pair(Path::new(cert), Path::new(key)));
    }
    for key in [["log", "output"], ["log", "audit"]] {
        let Some(path) = named(&key) else { continue };
        if let Some(why) = files::not_writable(Path::new(path)) {
            let red = Red::fail(format!("{path} ({}) can be written", key.join(".")), why);
            reds.push(red.because(
                "zot panics without its log and ends with code 2",
                "make its directory, for the user that runs zot",
            ));
        }
        good.push(path);
    }
    Finding::of(reds, if good.is_empty() { "it names no others".into() } else { good.join(", ") })
}

impl Named {
    /// What is wrong with the file at `path`, if something is.
    fn wrong(&self, path: &Path) -> Option<Red> {
        let name = format!("{} ({})", path.display(), self.key.join("."));
        if let Err(error) = files::open(path) {
            let (expected, observed) = (format!("{name} can be read"), error.to_string());
            let red = if self.starts { Red::warn(expected, observed) } else { Red::fail(expected, observed) };
            return Some(red.because(self.without, "deploy it before zot is started, for the user that runs zot"));
        }
        let (cause, owner) = (self.secret?, Owner::of(path).ok()?);
        let observed = owner.open_to_others()?;
        let red = Red::warn(format!("{name} can be read by its owner alone"), observed);
        Some(red.because(cause, "chmod 600, and let the deployment set it"))
    }
}

/// The certificate with which zot ends TLS itself, as far as it can be read.
pub(super) fn certificate(config: &ZotConfig) -> Option<CertificateDer<'static>> {
    let path = config.get(CERT).and_then(Value::as_str)?;
    let pem = files::read(Path::new(path), bounds::CREDENTIALS).ok()?;
    CertificateDer::pem_slice_iter(&pem).next()?.ok()
}

/// Why zot could not speak https with this certificate and this key, if so. What we cannot read, Go may be able to.
fn pair(cert: &Path, key: &Path) -> Option<Red> {
    let read = |path: &Path| files::read(path, bounds::CREDENTIALS);
    let fail = |path: &Path, expected: &str, observed: String, cure: &str| {
        Some(Red::fail(format!("{} {expected}", path.display()), observed).because(SILENT, cure))
    };
    let chain: Result<Vec<_>, _> = match read(cert) {
        Ok(pem) => CertificateDer::pem_slice_iter(&pem).collect(),
        Err(error) => return fail(cert, "is a certificate", error.to_string(), DEPLOY),
    };
    let Some(chain) = chain.ok().filter(|chain| !chain.is_empty()) else {
        return fail(cert, "is a certificate in PEM form", "there is none in it".into(), DEPLOY);
    };
    let own = match read(key).map(|pem| PrivateKeyDer::from_pem_slice(&pem)) {
        Ok(Ok(own)) => own,
        Ok(Err(_)) => return fail(key, "is a key in PEM form", "there is none in it".into(), DEPLOY),
        Err(error) => return fail(key, "is a key", error.to_string(), DEPLOY),
    };
    match CertifiedKey::from_der(chain, own, &rustls::crypto::ring::default_provider()) {
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            let cure = "deploy the certificate and the key that were made together";
            fail(key, &format!("is the key of {}", cert.display()), "it is another one's".into(), cure)
        }
        _ => None,
    }
}

const DEPLOY: &str = "deploy it anew, in PEM form";
