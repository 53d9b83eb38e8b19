//! https: a registry is believed when its certificate is, and `--ca` says whose are.

use std::sync::Arc;

use libtest_mimic::Failed;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use zot_verify::session::Session;
use zot_verify::settings::Intent;
use zot_verify::target::zot::Zot;

use super::support;

/// A certificate for 127.0.0.1, and the throwaway authority behind it in PEM form.
fn certificate() -> Result<(rustls::ServerConfig, String), Failed> {
    let (authority_key, key) = (KeyPair::generate()?, KeyPair::generate()?);
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = authority.self_signed(&authority_key)?.pem();
    let issuer = Issuer::new(authority, authority_key);
    let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()])?.signed_by(&key, &issuer)?;
    let chain = vec![CertificateDer::from(leaf.der().to_vec())];
    let key = PrivateKeyDer::try_from(key.serialize_der())?;
    Ok((rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?, pem))
}

/// Ends TLS in front of a server, as a reverse proxy does. Answers the port.
async fn terminate(config: rustls::ServerConfig, to: String) -> Result<u16, Failed> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((outer, _)) = listener.accept().await {
            let (acceptor, to) = (acceptor.clone(), to.clone());
            tokio::spawn(async move {
                // A client that refuses the certificate ends here, as it should.
                let Ok(mut outer) = acceptor.accept(outer).await else { return };
                let Ok(mut inner) = TcpStream::connect(to).await else { return };
                let _ = tokio::io::copy_bidirectional(&mut outer, &mut inner).await;
            });
        }
    });
    Ok(port)
}

pub(crate) fn https_is_believed_with_its_authority_only() -> Result<(), Failed> {
    let around = support::surroundings();
    support::runtime()?.block_on(async {
        let spec = support::spec(&Zot::Embedded, &around).await?;
        let session = Session::lab(&spec, Arc::new(Intent::default()), &around).await?;
        let inner = session.header().url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let (config, pem) = certificate()?;
        let url = format!("https://127.0.0.1:{}", terminate(config, inner).await?);
        let files = tempfile::tempdir()?;
        let ca = files.path().join("ca.pem");
        std::fs::write(&ca, pem)?;
        let live = |words: &[&str]| {
            let mut command = tokio::process::Command::from(support::command(files.path()));
            command.args(["live", &url, "pull.anonymous", "--pull-image", "zot-verify/pull:v1"]).args(words);
            command
        };
        let stranger = live(&[]).output().await?;
        let told = String::from_utf8_lossy(&stranger.stderr).into_owned();
        if stranger.status.code() != Some(3) || !told.to_lowercase().contains("certificate") {
            return Err(format!("a stranger's certificate: {stranger:?}").into());
        }
        let known = live(&["--ca", &ca.display().to_string()]).output().await?;
        if known.status.code() != Some(0) {
            return Err(format!("with its authority: {known:?}").into());
        }
        Ok(session.close().await?)
    })
}
