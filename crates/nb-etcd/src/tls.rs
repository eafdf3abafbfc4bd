//! TLS to a member: its certificate is signed by a known authority and bears its name; ours is shown if there is one.

use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::TlsConnector;

use crate::options::{OptionsError, Tls};

/// What HTTP/2 is called in TLS.
const ALPN_HTTP2: &[u8] = b"h2";

/// Reads the files.
pub(crate) fn connector(tls: &Tls) -> Result<TlsConnector, OptionsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("certificates of authorities", &tls.ca_certificates)? {
        roots.add(certificate).map_err(|error| {
            file_error("certificates of authorities", &tls.ca_certificates, &error.to_string())
        })?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| OptionsError::Tls(error.to_string()))?
        .with_root_certificates(roots);
    let mut config = match &tls.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let key = PrivateKeyDer::from_pem_file(&identity.private_key)
                .map_err(|error| file_error("private key", &identity.private_key, &error.to_string()))?;
            let chain = certificates("certificate", &identity.certificate)?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| file_error("certificate", &identity.certificate, &error.to_string()))?
        }
    };
    config.alpn_protocols = vec![ALPN_HTTP2.to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The name that the certificate of a server at `host` has to bear.
pub(crate) fn server_name(tls: &Tls, host: &str) -> Result<ServerName<'static>, OptionsError> {
    let name = tls.server_name.as_deref().unwrap_or(host);
    ServerName::try_from(name.to_owned())
        .map_err(|_| OptionsError::Tls(format!("{name:?} is no name that a certificate can bear")))
}

fn certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, OptionsError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = read.map_err(|error| file_error(what, path, &error.to_string()))?;
    if found.is_empty() { Err(file_error(what, path, "there is no certificate in it")) } else { Ok(found) }
}

fn file_error(what: &'static str, path: &Path, reason: &str) -> OptionsError {
    OptionsError::File { what, path: path.to_owned(), reason: reason.to_owned() }
}
