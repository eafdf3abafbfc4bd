//! TLS as Open vSwitch does it: both ends show a certificate that one private authority signed.
//!
//! **What is verified.** The peer's chain must lead to the configured authority, and its dates must be valid,
//! always and on both sides. **The name is another matter:** the certificates that `ovs-pki` makes name a
//! random identifier, no host, and Open vSwitch itself compares no names: being signed by the switch authority
//! *is* the permission. [`ServerNamePolicy::AnySignedByCa`] does the same and is the default;
//! [`ServerNamePolicy::Exact`] asks for a name in addition, for certificates that have one.
//!
//! Files are read at each connection (dialling) or at binding (listening), so renewed certificates are taken up
//! without a restart of the former.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use thiserror::Error;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Which server certificates are good enough when we connect.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ServerNamePolicy {
    /// Any that the authority signed: the practice of Open vSwitch.
    #[default]
    AnySignedByCa,
    /// Only one for this DNS name or IP address.
    Exact(String),
}

/// The three files of an Open vSwitch TLS configuration, and what to ask of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    pub private_key: PathBuf,
    pub certificate: PathBuf,
    pub ca_certificate: PathBuf,
    pub server_name: ServerNamePolicy,
}

/// Why TLS cannot be set up.
#[derive(Debug, Error)]
pub enum TlsError {
    #[error("read {what} {}: {reason}", path.display())]
    File { what: &'static str, path: PathBuf, reason: String },
    #[error("\"{0}\" is not a dns name or ip address to expect in a certificate")]
    Name(String),
    #[error("tls configuration: {0}")]
    Config(String),
}

impl TlsConfig {
    /// For dialling `host`.
    pub(super) fn connector(&self, host: &str) -> Result<(TlsConnector, ServerName<'static>), TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let roots = Arc::new(self.roots()?);
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(config_error)?;
        let (builder, name) = match &self.server_name {
            ServerNamePolicy::Exact(name) => (builder.with_root_certificates(roots), server_name(name)?),
            ServerNamePolicy::AnySignedByCa => {
                let verifier = Arc::new(SignedByCa { roots, provider });
                // The name only fills the server name indication here; an address sends none.
                let unnamed = ServerName::IpAddress(std::net::Ipv4Addr::LOCALHOST.into());
                let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
                (builder, server_name(host).unwrap_or(unnamed))
            }
        };
        let (chain, key) = self.identity()?;
        let config = builder.with_client_auth_cert(chain, key).map_err(config_error)?;
        Ok((TlsConnector::from(Arc::new(config)), name))
    }

    /// For listening: clients without a certificate of the authority are turned away.
    pub(super) fn acceptor(&self) -> Result<TlsAcceptor, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(self.roots()?), Arc::clone(&provider))
                .build()
                .map_err(|error| TlsError::Config(error.to_string()))?;
        let (chain, key) = self.identity()?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(config_error)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .map_err(config_error)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    fn identity(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
        let key = PrivateKeyDer::from_pem_file(&self.private_key)
            .map_err(|error| file_error("private key", &self.private_key, &error.to_string()))?;
        Ok((certificates("certificate", &self.certificate)?, key))
    }

    fn roots(&self) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates("ca certificate", &self.ca_certificate)? {
            roots
                .add(certificate)
                .map_err(|error| file_error("ca certificate", &self.ca_certificate, &error.to_string()))?;
        }
        Ok(roots)
    }
}

fn certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = read.map_err(|error| file_error(what, path, &error.to_string()))?;
    if found.is_empty() { Err(file_error(what, path, "no certificate in the file")) } else { Ok(found) }
}

fn file_error(what: &'static str, path: &Path, reason: &str) -> TlsError {
    TlsError::File { what, path: path.to_owned(), reason: reason.to_owned() }
}

#[expect(clippy::needless_pass_by_value, reason = "map_err hands the error over")]
fn config_error(error: rustls::Error) -> TlsError {
    TlsError::Config(error.to_string())
}

fn server_name(name: &str) -> Result<ServerName<'static>, TlsError> {
    ServerName::try_from(name.to_owned()).map_err(|_| TlsError::Name(name.to_owned()))
}

/// Accepts a server whose chain leads to the authority, whatever its name.
#[derive(Debug)]
struct SignedByCa {
    roots: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for SignedByCa {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&certificate, &self.roots, intermediates, now, algorithms)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
