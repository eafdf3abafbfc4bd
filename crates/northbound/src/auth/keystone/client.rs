//! HTTP to keystone: a connection a question, because answers are kept and so questions are rare.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, Uri};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::KeystoneError;

/// Where Debian keeps the certificates of authorities.
const SYSTEM_CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Bytes of an answer. Tokens with a large catalogue have some hundred thousand.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// An answer.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) status: u16,
    pub(super) subject_token: Option<String>,
    pub(super) body: Bytes,
}

/// How to reach keystone.
pub(super) struct Client {
    /// As people write it.
    address: String,
    host: String,
    port: u16,
    /// The path of tokens.
    path: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    timeout: Duration,
}

impl Client {
    pub(super) fn new(
        auth_url: &str,
        cafile: Option<&Path>,
        timeout: Duration,
    ) -> Result<Self, KeystoneError> {
        let wrong = || KeystoneError::Address(auth_url.to_owned());
        let uri: Uri = auth_url.parse().map_err(|_| wrong())?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let (tls, default_port) = match uri.scheme_str() {
            Some("http") => (None, 80),
            Some("https") => {
                let name = ServerName::try_from(host.clone()).map_err(|_| wrong())?;
                (Some((connector(cafile)?, name)), 443)
            }
            _ => return Err(wrong()),
        };
        let stem = uri.path().trim_end_matches('/').trim_end_matches("/v3");
        let port = uri.port_u16().unwrap_or(default_port);
        Ok(Self {
            address: auth_url.to_owned(),
            path: format!("{stem}/v3/auth/tokens"),
            host,
            port,
            tls,
            timeout,
        })
    }

    /// A question about tokens, and the answer.
    pub(super) async fn exchange(
        &self,
        method: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Result<Exchange, KeystoneError> {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let mut request = Request::builder()
            .method(method)
            .uri(&self.path)
            .header("host", format!("{host}:{}", self.port))
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body)).map_err(|error| self.away(&error))?;
        match tokio::time::timeout(self.timeout, self.send(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(self.away(&format_args!("nothing within {} s", self.timeout.as_secs()))),
        }
    }

    async fn send(&self, request: Request<Body>) -> Result<Exchange, KeystoneError> {
        let stream =
            TcpStream::connect((self.host.as_str(), self.port)).await.map_err(|error| self.away(&error))?;
        match &self.tls {
            None => self.talk(stream, request).await,
            Some((connector, name)) => {
                let stream =
                    connector.connect(name.clone(), stream).await.map_err(|error| self.away(&error))?;
                self.talk(stream, request).await
            }
        }
    }

    async fn talk(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        request: Request<Body>,
    ) -> Result<Exchange, KeystoneError> {
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.away(&error))?;
        let exchange = async {
            let answer = sender.send_request(request).await.map_err(|error| self.away(&error))?;
            let status = answer.status().as_u16();
            let token = answer.headers().get("x-subject-token").and_then(|token| token.to_str().ok());
            let subject_token = token.map(str::to_owned);
            let body = to_bytes(Body::new(answer.into_body()), ANSWER_BYTES_MAX);
            let body = body.await.map_err(|error| self.away(&error))?;
            Ok(Exchange { status, subject_token, body })
        };
        let mut exchange = std::pin::pin!(exchange);
        tokio::select! {
            answer = &mut exchange => answer,
            ended = connection => match ended {
                // What came before the connection ended may be a whole answer.
                Ok(()) => exchange.await,
                Err(error) => Err(self.away(&error)),
            },
        }
    }

    fn away(&self, reason: &dyn std::fmt::Display) -> KeystoneError {
        KeystoneError::Away { address: self.address.clone(), reason: reason.to_string() }
    }
}

fn connector(cafile: Option<&Path>) -> Result<TlsConnector, KeystoneError> {
    let path = cafile.unwrap_or(Path::new(SYSTEM_CERTIFICATES));
    let wrong = |reason: String| KeystoneError::Certificates { path: PathBuf::from(path), reason };
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("there is no certificate in it".to_owned()));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
