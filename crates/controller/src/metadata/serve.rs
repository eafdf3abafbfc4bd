//! Connections of guests: who they are, how many they may have, what they are told.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use pipeline::metadata::key_of;
use rustc_hash::FxHashMap;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use super::body::Passing;
use super::directory::Directory;
use super::nova::{Nova, NovaError};
use super::request::{Signer, answer_headers, headers, target};
use super::{ProxyLimits, ProxyOptions};
use crate::bucket::{Buckets, PacketLimits};

/// Between two tries to listen, or to accept.
const RETRY: Duration = Duration::from_millis(500);
/// The same where the address is not there and nobody has said that it is: whoever makes it does.
const UNTOLD_RETRY: Duration = Duration::from_secs(60);
/// How long a connection may say nothing, or part of a request's head.
const HEAD_WAIT: Duration = Duration::from_secs(60);
/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// What serves guests.
pub(super) struct Proxy {
    directory: Directory,
    nova: Nova,
    signer: Signer,
    limits: ProxyLimits,
    places: Arc<Semaphore>,
    /// How many connections each port has.
    connections: Mutex<FxHashMap<u32, usize>>,
    requests: Option<Mutex<Buckets>>,
    begun: Instant,
}

/// A connection of a port, for as long as it lasts.
pub(super) struct Place {
    proxy: Arc<Proxy>,
    key: u32,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut connections = self.proxy.connections.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = connections.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                connections.remove(&self.key);
            }
        }
    }
}

impl Proxy {
    pub(super) fn new(options: &ProxyOptions, nova: Nova, directory: Directory) -> Self {
        let limits = options.limits.clone();
        let buckets = |rate| {
            let limits =
                PacketLimits { per_port_per_s: rate, per_port_burst: rate, ..PacketLimits::default() };
            Mutex::new(Buckets::new(limits))
        };
        Self {
            directory,
            nova,
            signer: Signer::new(&options.secret),
            places: Arc::new(Semaphore::new(limits.connections_max.min(Semaphore::MAX_PERMITS))),
            connections: Mutex::default(),
            requests: limits.requests_per_s.map(buckets),
            limits,
            begun: Instant::now(),
        }
    }

    pub(super) fn nova_address(&self) -> String {
        self.nova.address()
    }

    pub(super) fn place(self: &Arc<Self>, key: u32) -> Option<Place> {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let count = connections.entry(key).or_default();
        if *count >= self.limits.port_connections_max {
            return None;
        }
        *count += 1;
        Some(Place { proxy: Arc::clone(self), key })
    }

    /// Whether a port may ask now.
    fn admits(&self, key: u32) -> bool {
        self.requests.as_ref().is_none_or(|buckets| {
            let now_ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            buckets.lock().unwrap_or_else(PoisonError::into_inner).admit(key, now_ms)
        })
    }

    /// The answer to one request of the port with a key.
    async fn answer(&self, key: u32, request: Request<Incoming>) -> Response<Passing> {
        if !self.admits(key) {
            return says(StatusCode::TOO_MANY_REQUESTS, "Too many requests, try later\n");
        }
        let Some(instance) = self.directory.instance(key) else {
            return match self.directory.is_complete() {
                true => says(StatusCode::NOT_FOUND, "This port is of no instance\n"),
                false => says(StatusCode::SERVICE_UNAVAILABLE, "Instances are not known yet, try later\n"),
            };
        };
        let Some(target) = target(request.method(), request.uri()) else {
            return says(StatusCode::BAD_REQUEST, "Ask for a path\n");
        };
        if request.body().size_hint().lower() > self.limits.body_bytes_max {
            return says(StatusCode::PAYLOAD_TOO_LARGE, "The request is too large\n");
        }
        let Some(headers) = headers(request.headers(), &instance, &self.nova.address(), &self.signer) else {
            warn!(instance = instance.id, "the instance has an id or a project that no header can carry");
            return says(StatusCode::INTERNAL_SERVER_ERROR, "An unknown error has occurred\n");
        };
        let (parts, body) = request.into_parts();
        let mut forwarded = Request::new(Passing::On(body, self.limits.body_bytes_max));
        *forwarded.method_mut() = parts.method;
        *forwarded.uri_mut() = target;
        *forwarded.headers_mut() = headers;
        match self.nova.ask(forwarded).await {
            Ok(answer) => {
                debug!(instance = instance.id, status = answer.status().as_u16(), "a guest is answered");
                let mut answer = answer.map(Passing::all);
                answer_headers(answer.headers_mut());
                answer
            }
            Err(NovaError::Guest) => says(StatusCode::PAYLOAD_TOO_LARGE, "The request is too large\n"),
            Err(error @ NovaError::Away { .. }) => {
                warn!(%error, instance = instance.id, "a guest is not answered");
                says(StatusCode::SERVICE_UNAVAILABLE, "The metadata service is not available, try later\n")
            }
            Err(error) => {
                warn!(%error, instance = instance.id, "a guest is not answered");
                says(StatusCode::INTERNAL_SERVER_ERROR, "An unknown error has occurred\n")
            }
        }
    }
}

fn says(status: StatusCode, text: &'static str) -> Response<Passing> {
    let mut response = Response::new(Passing::text(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// Serves connections to an address, for ever. It may be there later than we are: `mended` says when to look for it.
pub(super) async fn listen(proxy: Arc<Proxy>, at: SocketAddr, mut mended: watch::Receiver<u64>) {
    let mut said = None;
    loop {
        match TcpListener::bind(at).await {
            Ok(listener) => {
                info!(%at, "guests are served");
                said = None;
                accept(&proxy, &listener).await;
            }
            Err(error) => {
                // That the address is not there yet is said by who makes it be there.
                let is_news = said != Some(error.kind()) && error.kind() != io::ErrorKind::AddrNotAvailable;
                if is_news {
                    warn!(%error, %at, "cannot listen; does another process serve metadata? trying on");
                }
                said = Some(error.kind());
                if error.kind() == io::ErrorKind::AddrNotAvailable {
                    // What was mended before the try is no news, but costs one try only.
                    let _ = timeout(UNTOLD_RETRY, mended.changed()).await;
                    continue;
                }
            }
        }
        sleep(RETRY).await;
    }
}

async fn accept(proxy: &Arc<Proxy>, listener: &TcpListener) {
    loop {
        // Others wait until there is a place, in the queue of the kernel.
        let Ok(permit) = Arc::clone(&proxy.places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Whoever has another address is not a guest.
                let Some(place) = key_of(peer.ip()).and_then(|key| proxy.place(key)) else {
                    debug!(%peer, "a connection is refused");
                    continue;
                };
                tokio::spawn(async move {
                    connection(&place, stream).await;
                    drop((place, permit));
                });
            }
            Err(error) => {
                debug!(%error, "cannot accept a connection; trying again");
                sleep(RETRY).await;
            }
        }
    }
}

pub(super) async fn connection(place: &Place, stream: TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "a connection keeps its delays");
    }
    let service =
        service_fn(
            |request| async move { Ok::<_, Infallible>(place.proxy.answer(place.key, request).await) },
        );
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        debug!(%error, "a connection of a guest ended early");
    }
}
