//! Listening, limits, the end.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::extract::{Request as HttpRequest, State};
use axum::http::Response;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::serve::Listener;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use super::answer::Answer;
use super::documents::takes_body;
use super::request::Request;
use super::route;
use crate::auth::{Context, Refusal};
use crate::error::ApiError;
use crate::server::{Core, Server};

/// Between two attempts to accept a connection, when the machine is out of something.
const ACCEPT_RETRY_MS: u64 = 100;

/// The server cannot serve.
#[derive(Debug, Error)]
pub enum ServeError {
    /// Everybody would be an administrator.
    #[error(
        "without keystone whoever reaches {0} may do everything: listen on a loopback address, use keystone, or say \
         that this is wanted"
    )]
    Exposed(SocketAddr),
    /// The socket failed.
    #[error("cannot serve requests")]
    Io(#[from] io::Error),
}

impl Server {
    /// Serves requests until `shutdown`, and then those that are under way.
    ///
    /// # Errors
    /// When the socket fails, or would let in everybody and nobody said so.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServeError> {
        let address = listener.local_addr()?;
        let settings = &self.core.settings;
        if !settings.may_listen(address) {
            return Err(ServeError::Exposed(address));
        }
        if matches!(settings.auth, crate::auth::AuthStrategy::NoAuth) {
            tracing::warn!(%address, "requests are not authenticated: whoever reaches this address may do everything");
        }
        let places = Arc::new(Semaphore::new(settings.connections_max));
        let listener = Limited { listener, places };
        let app = axum::Router::new().fallback(handle).with_state(self.core);
        axum::serve(listener, app).with_graceful_shutdown(shutdown).await?;
        Ok(())
    }
}

/// Answers one request, whatever happens.
async fn handle(State(core): State<Arc<Core>>, request: HttpRequest) -> Response<Body> {
    let id = format!("req-{}", Uuid::new_v4());
    let begun = Instant::now();
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let within = Duration::from_secs(core.settings.request_timeout_s);
    // A task of its own: a panic ends the task, and a client that goes does not leave a commit unwatched.
    let task = tokio::spawn(async move { tokio::time::timeout(within, answer(&core, request)).await });
    let answer = match task.await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => {
            tracing::error!(id, %method, %uri, "a request took too long and was given up");
            Answer::from(ApiError::unavailable())
        }
        Err(error) => {
            tracing::error!(id, %method, %uri, %error, "a request failed inside; please report this");
            Answer::from(ApiError::internal())
        }
    };
    tracing::info!(id, %method, %uri, status = answer.status(), took_us = begun.elapsed().as_micros(), "request");
    answer.into_response(&id)
}

async fn answer(core: &Core, request: HttpRequest) -> Answer {
    let (parts, body) = request.into_parts();
    let request = match Request::new(&parts.method, &parts.uri, &parts.headers) {
        Ok(request) => request,
        Err(error) => return error.into(),
    };
    let context = if route::is_public(&request) {
        Context::new("", "", Vec::new())
    } else {
        match core.settings.auth.authenticate(&parts.headers).await {
            Ok(context) => context,
            Err(Refusal::Unauthenticated { challenge }) => return Answer::unauthenticated(challenge),
            Err(Refusal::Failed(error)) => return error.into(),
        }
    };
    let body = match read_body(core, &request, &parts.headers, body).await {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    route::answer(core, &context, &request, &body).await.unwrap_or_else(Into::into)
}

/// The body of a request, if it may have one.
async fn read_body(
    core: &Core,
    request: &Request,
    headers: &axum::http::HeaderMap,
    body: Body,
) -> Result<axum::body::Bytes, ApiError> {
    let max = core.settings.body_bytes_max;
    let too_large = || {
        let text = format!("The body of a request has at most {max} bytes");
        ApiError::new(413, "HTTPRequestEntityTooLarge", text)
    };
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if text(&CONTENT_LENGTH)
        .and_then(|length| length.parse::<u64>().ok())
        .is_some_and(|length| length > max as u64)
    {
        return Err(too_large());
    }
    let body = to_bytes(body, max).await.map_err(|error| {
        let inner = error.into_inner();
        if is_length_limit(&*inner) {
            too_large()
        } else {
            ApiError::bad_request("The body of the request ends early")
        }
    })?;
    let kind = text(&CONTENT_TYPE)
        .map(|kind| kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    let is_json = kind.is_none_or(|kind| {
        ["application/json", "application/x-www-form-urlencoded", ""].contains(&kind.as_str())
    });
    if takes_body(&request.method) && !body.is_empty() && !is_json {
        return Err(ApiError::new(415, "HTTPUnsupportedMediaType", "Unsupported Content-Type"));
    }
    Ok(body)
}

/// Whether a body could not be read because it is too long. The type that says so is not ours to name.
fn is_length_limit(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.to_string().contains("length limit exceeded") {
            return true;
        }
        next = error.source();
    }
    false
}

/// A listener with a place for each connection that may be open; others wait to be accepted.
struct Limited {
    listener: TcpListener,
    places: Arc<Semaphore>,
}

impl Listener for Limited {
    type Io = Placed;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Placed, SocketAddr) {
        loop {
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
                // Nobody closes the semaphore; without it nobody is accepted.
                std::future::pending::<()>().await;
                continue;
            };
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    // Answers are written at once: waiting for more only costs time.
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "a connection keeps its delays");
                    }
                    return (Placed { stream, _place: place }, address);
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection; trying again");
                    tokio::time::sleep(Duration::from_millis(ACCEPT_RETRY_MS)).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection and its place.
#[derive(Debug)]
struct Placed {
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
}

impl AsyncRead for Placed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Placed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
