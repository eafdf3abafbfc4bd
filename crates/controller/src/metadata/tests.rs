//! What guests are told, over real connections, with somebody in the place of Nova.

use std::convert::Infallible;

use engine::RowChange;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use model::Object;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use super::body::Passing;
use super::*;

const KEY: u32 = 7;

fn limits() -> ProxyLimits {
    ProxyLimits {
        connections_max: 8,
        port_connections_max: 2,
        requests_per_s: None,
        request_timeout: Duration::from_secs(5),
        body_bytes_max: 16,
    }
}

fn options(nova: NovaOptions, limits: ProxyLimits) -> ProxyOptions {
    ProxyOptions {
        chassis: Id::new("here").unwrap(),
        interface: "tap".to_owned(),
        address: [127, 0, 0, 1].into(),
        port: 0,
        nova,
        secret: "s3cret".to_owned(),
        limits,
    }
}

/// A port that an instance has, both named by a number.
fn port(number: u32, key: u32) -> Object {
    let [_, _, high, low] = number.to_be_bytes();
    let text = format!(
        r#"{{"id": "p{number}", "topic": "blue", "unique_key": {key}, "device_id": "vm-{number}", "ips": ["10.0.{high}.{low}"],
            "binding": {{"chassis": "here", "type": "chassis"}}}}"#
    );
    Object::from_text(Table::LogicalPort, &text).unwrap()
}

fn directory_of(ports: Vec<Object>) -> Directory {
    let directory = Directory::new(Id::new("here").unwrap());
    directory.store(&northbound::News::Snapshot(vec![]));
    directory.store(&northbound::News::Changes(ports.into_iter().map(RowChange::Put).collect()));
    directory
}

fn directory() -> Directory {
    directory_of(vec![port(1, KEY)])
}

/// What Nova's place says: the instance that asks, and how long the body is. It says so with another status where the path asks for it.
async fn nova(request: Request<Incoming>) -> Result<Response<Passing>, Infallible> {
    let status = request.uri().path().trim_start_matches('/').parse().unwrap_or(200);
    let instance = request.headers().get("x-instance-id").cloned();
    let mut response = Response::new(Passing::all(request.into_body()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    if let Some(instance) = instance {
        response.headers_mut().insert("x-saw", instance);
    }
    Ok(response)
}

async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service_fn(nova))
        .await;
}

/// Nova's place, in the clear; its port.
async fn plain_nova() -> NovaOptions {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(talk(stream));
        }
    });
    NovaOptions { host: "127.0.0.1".to_owned(), port, tls: None }
}

fn proxy(options: &ProxyOptions, directory: Directory) -> Arc<serve::Proxy> {
    let nova = nova::Nova::new(&options.nova, options.limits.request_timeout).unwrap();
    Arc::new(serve::Proxy::new(options, nova, directory))
}

/// A connection of the port with a key to the proxy.
async fn connect(proxy: &Arc<serve::Proxy>, key: u32) -> Option<TcpStream> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = proxy.place(key)?;
    let guest = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    tokio::spawn(async move { serve::connection(&place, stream).await });
    Some(guest)
}

/// The status and all else that comes back for a request, by a connection of its own.
async fn ask(proxy: &Arc<serve::Proxy>, key: u32, head: &str, body: &str) -> (String, String) {
    let mut guest = connect(proxy, key).await.expect("a place");
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let text = format!("{head}\r\nHost: 169.254.169.254\r\nConnection: close\r\n{length}\r\n{body}");
    guest.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    guest.read_to_string(&mut answer).await.unwrap();
    (answer.split(' ').nth(1).unwrap_or_default().to_owned(), answer)
}

#[tokio::test]
async fn a_guest_gets_what_nova_says() {
    let proxy = proxy(&options(plain_nova().await, limits()), directory());
    let (status, answer) = ask(&proxy, KEY, "PUT /x HTTP/1.1", "hello").await;
    assert_eq!(status, "200");
    assert!(answer.contains("x-saw: vm-1") && answer.ends_with("hello"), "{answer}");
    for status in ["403", "404", "409", "500"] {
        assert_eq!(ask(&proxy, KEY, &format!("GET /{status} HTTP/1.1"), "").await.0, status);
    }
    assert_eq!(ask(&proxy, KEY, "GET http://169.254.169.254/404 HTTP/1.0", "").await.0, "404");
}

/// How many guests wait for an answer at once: each of them takes five of the files that a process may have open.
const AT_ONCE: usize = 100;

/// How long it takes is printed, to be read with `--nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_guests_that_boot_together_are_each_answered_about_themselves() {
    let guests = 1..=1_000;
    let ports = guests.clone().map(|number| port(number, KEY + number)).collect();
    let proxy = proxy(&options(plain_nova().await, limits()), directory_of(ports));
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut asking = JoinSet::new();
    for number in guests {
        let (proxy, places) = (Arc::clone(&proxy), Arc::clone(&places));
        asking.spawn(async move {
            let _place = places.acquire_owned().await.unwrap();
            let begun = Instant::now();
            let (status, answer) = ask(&proxy, KEY + number, "GET /openstack HTTP/1.1", "").await;
            assert_eq!(status, "200", "{answer}");
            assert!(answer.contains(&format!("x-saw: vm-{number}\r\n")), "guest {number}: {answer}");
            begun.elapsed()
        });
    }
    let mut took = asking.join_all().await;
    took.sort_unstable();
    assert_eq!(took.len(), 1_000);
    println!(
        "1,000 guests, {AT_ONCE} at once: half are answered in {:?}, 99 of 100 in {:?}",
        took[500], took[990]
    );
}

#[tokio::test]
async fn who_is_not_known_is_told_so_and_who_asks_too_early_is_told_to_wait() {
    let options = options(plain_nova().await, limits());
    assert_eq!(ask(&proxy(&options, directory()), KEY + 1, "GET / HTTP/1.1", "").await.0, "404");
    let unaware = Directory::new(Id::new("here").unwrap());
    assert_eq!(ask(&proxy(&options, unaware), KEY, "GET / HTTP/1.1", "").await.0, "503");
}

#[tokio::test]
async fn what_is_too_much_is_refused() {
    let nova = plain_nova().await;
    let proxy_of = |limits| proxy(&options(nova.clone(), limits), directory());
    let usual = proxy_of(limits());
    assert_eq!(ask(&usual, KEY, "PUT / HTTP/1.1", "a body that is too long").await.0, "413");
    let chunked = "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked";
    let mut guest = connect(&usual, KEY).await.expect("a place");
    let text =
        format!("{chunked}\r\nHost: x\r\nConnection: close\r\n\r\n15\r\na body that is too lon\r\n0\r\n\r\n");
    guest.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    guest.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");

    let held: Vec<_> = [connect(&usual, 9).await, connect(&usual, 9).await].into_iter().flatten().collect();
    assert_eq!(held.len(), 2);
    assert!(connect(&usual, 9).await.is_none(), "it has as many as it may");
    assert!(connect(&usual, 10).await.is_some(), "others have theirs");

    let slow = proxy_of(ProxyLimits { requests_per_s: Some(1), ..limits() });
    assert_eq!(ask(&slow, KEY, "GET / HTTP/1.1", "").await.0, "200");
    assert_eq!(ask(&slow, KEY, "GET / HTTP/1.1", "").await.0, "429");
}

#[tokio::test]
async fn a_nova_that_is_away_or_babbles_is_said() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = gone.local_addr().unwrap().port();
    drop(gone);
    let away = NovaOptions { host: "127.0.0.1".to_owned(), port, tls: None };
    assert_eq!(ask(&proxy(&options(away, limits()), directory()), KEY, "GET / HTTP/1.1", "").await.0, "503");

    let babbler = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = babbler.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = babbler.accept().await {
            let mut request = [0; 1_024];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(b"this is no HTTP\r\n\r\n").await;
        }
    });
    let babbles = NovaOptions { host: "127.0.0.1".to_owned(), port, tls: None };
    assert_eq!(
        ask(&proxy(&options(babbles, limits()), directory()), KEY, "GET / HTTP/1.1", "").await.0,
        "500"
    );

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let quiet =
        NovaOptions { host: "127.0.0.1".to_owned(), port: silent.local_addr().unwrap().port(), tls: None };
    let impatient = ProxyLimits { request_timeout: Duration::from_millis(50), ..limits() };
    assert_eq!(
        ask(&proxy(&options(quiet, impatient), directory()), KEY, "GET / HTTP/1.1", "").await.0,
        "503"
    );
}

/// An authority, and what it vouches for.
struct Authority {
    certificate: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// The certificate and key of somebody, as PEM.
    fn vouch(&self, name: &str, purpose: ExtendedKeyUsagePurpose) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![purpose];
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        roots
    }
}

/// Nova's place behind TLS, which asks for a certificate.
async fn protected_nova(authority: &Authority) -> u16 {
    let (certificate, key) = authority.vouch("localhost", ExtendedKeyUsagePurpose::ServerAuth);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(authority.roots()), Arc::clone(&provider));
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    talk(stream).await;
                }
            });
        }
    });
    port
}

#[tokio::test]
async fn nova_is_believed_by_its_certificate_and_believes_us_by_ours() {
    let (authority, other) = (Authority::new(), Authority::new());
    let port = protected_nova(&authority).await;
    let scratch = testkit::scratch::ScratchDir::new().unwrap();
    let file = |name: &str, text: &str| {
        let path = scratch.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (certificate, key) = authority.vouch("us", ExtendedKeyUsagePurpose::ClientAuth);
    let ours = (file("us.pem", &certificate), file("us.key", &key));
    let right = file("right.pem", &authority.certificate.pem());
    let wrong = file("wrong.pem", &other.certificate.pem());
    let status = async |tls: TlsOptions| {
        let nova = NovaOptions { host: "localhost".to_owned(), port, tls: Some(tls) };
        ask(&proxy(&options(nova, limits()), directory()), KEY, "GET / HTTP/1.1", "").await.0
    };
    let identity = || Some(ours.clone());
    let tls = TlsOptions { is_insecure: false, authorities: Some(right.clone()), identity: identity() };
    assert_eq!(status(tls).await, "200");
    let tls = TlsOptions { is_insecure: false, authorities: Some(wrong), identity: identity() };
    assert_eq!(status(tls).await, "503", "nobody that we believe vouches for it");
    let tls = TlsOptions { is_insecure: true, authorities: None, identity: identity() };
    assert_eq!(status(tls).await, "200", "the operator does not mind");
    let tls = TlsOptions { is_insecure: false, authorities: Some(right), identity: None };
    assert_eq!(status(tls).await, "503", "it asks for a certificate");
    let missing = TlsOptions { authorities: Some(scratch.path().join("none.pem")), ..TlsOptions::default() };
    let nova = NovaOptions { host: "localhost".to_owned(), port, tls: Some(missing) };
    let error = nova::Nova::new(&nova, Duration::from_secs(1)).err().expect("there is no such file");
    assert!(error.to_string().starts_with("auth_ca_cert "), "{error}");
}
