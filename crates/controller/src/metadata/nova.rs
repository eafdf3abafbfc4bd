//! Connections to Nova, which are used again.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::body::Passing;
use super::{NovaOptions, TlsOptions};

/// Where Debian keeps the certificates of authorities.
const SYSTEM_CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// Connections that wait to be used again.
const IDLE_MAX: usize = 32;
/// How long it may take to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

type Sender = SendRequest<Passing>;

/// Nova did not answer.
#[derive(Debug, Error)]
pub enum NovaError {
    /// A file cannot be used.
    #[error("{what} {path} cannot be used: {reason}")]
    File {
        /// What it is for.
        what: &'static str,
        /// Which one.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A name that no certificate can have.
    #[error("nova_metadata_host = {0} is no name that a certificate could be for")]
    Name(String),
    /// Nothing came back.
    #[error("nova cannot be reached at {address}: {reason}")]
    Away {
        /// Where.
        address: String,
        /// Why not.
        reason: String,
    },
    /// What came back is no answer.
    #[error("nova at {address} does not speak HTTP: {reason}")]
    Nonsense {
        /// Where.
        address: String,
        /// What is wrong.
        reason: String,
    },
    /// What the guest sends is too long, or breaks off.
    #[error("the request of the guest breaks off")]
    Guest,
}

/// Nova, as we reach it.
pub(super) struct Nova {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    timeout: Duration,
    idle: Mutex<Vec<Sender>>,
}

impl Nova {
    pub(super) fn new(options: &NovaOptions, timeout: Duration) -> Result<Self, NovaError> {
        let host = options.host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let tls = options.tls.as_ref().map(|tls| {
            let name = ServerName::try_from(host.clone()).map_err(|_| NovaError::Name(host.clone()))?;
            Ok::<_, NovaError>((TlsConnector::from(Arc::new(client_config(tls)?)), name))
        });
        Ok(Self { tls: tls.transpose()?, host, port: options.port, timeout, idle: Mutex::default() })
    }

    /// Its host and port, as a request names them.
    pub(super) fn address(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    /// Asks it something.
    pub(super) async fn ask(&self, request: Request<Passing>) -> Result<Response<Incoming>, NovaError> {
        match timeout(self.timeout, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(self.away(&format_args!("no answer within {} s", self.timeout.as_secs()))),
        }
    }

    async fn exchange(&self, mut request: Request<Passing>) -> Result<Response<Incoming>, NovaError> {
        // A connection that waited may have ended meanwhile: then the next one is tried, and in the end a new one.
        while let Some(mut sender) = self.take() {
            match sender.try_send_request(request).await {
                Ok(answer) => return Ok(self.answered(sender, answer)),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(self.failed(&error.into_error())),
                },
            }
        }
        let mut sender = self.connect().await?;
        sender.ready().await.map_err(|error| self.failed(&error))?;
        let answer = sender.send_request(request).await.map_err(|error| self.failed(&error))?;
        Ok(self.answered(sender, answer))
    }

    fn take(&self) -> Option<Sender> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|sender| !sender.is_closed());
        let ready = idle.iter().rposition(SendRequest::is_ready)?;
        Some(idle.swap_remove(ready))
    }

    /// The connection serves others as soon as the answer was read; until then it is not ready.
    fn answered(&self, sender: Sender, answer: Response<Incoming>) -> Response<Incoming> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push(sender);
        }
        answer
    }

    async fn connect(&self) -> Result<Sender, NovaError> {
        let connecting = async {
            let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
            stream.set_nodelay(true)?;
            Ok::<_, std::io::Error>(match &self.tls {
                None => Stream::Plain(stream),
                Some((connector, name)) => {
                    Stream::Tls(Box::new(connector.connect(name.clone(), stream).await?))
                }
            })
        };
        let connected = timeout(CONNECT_TIMEOUT, connecting).await;
        let connected = connected.map_err(|_| self.away(&"it does not take a connection in time"))?;
        match connected.map_err(|error| self.away(&error))? {
            Stream::Plain(stream) => self.begin(stream).await,
            Stream::Tls(stream) => self.begin(stream).await,
        }
    }

    async fn begin(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Sender, NovaError> {
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.failed(&error))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to nova ended early");
            }
        });
        Ok(sender)
    }

    fn away(&self, reason: &dyn std::fmt::Display) -> NovaError {
        NovaError::Away { address: self.address(), reason: reason.to_string() }
    }

    fn failed(&self, error: &hyper::Error) -> NovaError {
        if error.is_user() {
            NovaError::Guest
        } else if error.is_parse() {
            NovaError::Nonsense { address: self.address(), reason: error.to_string() }
        } else {
            self.away(error)
        }
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

fn client_config(options: &TlsOptions) -> Result<ClientConfig, NovaError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| file("the protocol", Path::new(""), &error))?;
    let builder = match options.is_insecure {
        true => builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider))),
        false => builder.with_root_certificates(authorities(options.authorities.as_deref())?),
    };
    let Some((certificate, key)) = &options.identity else { return Ok(builder.with_no_client_auth()) };
    let wrong = |error: &dyn std::fmt::Display| file("nova_client_cert", certificate, error);
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| wrong(&error))?;
    let private =
        PrivateKeyDer::from_pem_file(key).map_err(|error| file("nova_client_priv_key", key, &error))?;
    builder.with_client_auth_cert(chain, private).map_err(|error| wrong(&error))
}

fn authorities(path: Option<&Path>) -> Result<RootCertStore, NovaError> {
    let path = path.unwrap_or(Path::new(SYSTEM_CERTIFICATES));
    let wrong = |reason: &dyn std::fmt::Display| file("auth_ca_cert", path, reason);
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))? {
        roots.add(certificate.map_err(|error| wrong(&error))?).map_err(|error| wrong(&error))?;
    }
    if roots.is_empty() {
        return Err(wrong(&"there is no certificate in it"));
    }
    Ok(roots)
}

fn file(what: &'static str, path: &Path, reason: &dyn std::fmt::Display) -> NovaError {
    NovaError::File { what, path: path.to_owned(), reason: reason.to_string() }
}

/// Believes everybody, because the operator said so.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
