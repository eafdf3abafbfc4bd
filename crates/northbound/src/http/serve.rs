//! Listening, limits, the end.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, to_bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use axum::http::{HeaderMap, Request as HttpRequest, Response};
use hyper::body::Body as _;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use uuid::Uuid;

use super::answer::Answer;
use super::documents::takes_body;
use super::request::Request;
use super::route;
use crate::auth::{AuthStrategy, Context, Refusal};
use crate::error::ApiError;
use crate::server::{Core, Server};

/// Between two attempts to accept a connection, when the machine is out of something.
const ACCEPT_RETRY_MS: u64 = 100;

/// How long a connection may say nothing, or part of a request's head.
const HEAD_WAIT_S: u64 = 75;

/// How long requests that are under way may take when the server ends.
const END_WAIT_S: u64 = 30;

/// Bytes of a body that is too long that are read all the same, and for how long.
const DISCARDED_BYTES_MAX: usize = 256 * 1024 * 1024;
const DISCARD_WAIT_S: u64 = 10;

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
        if matches!(settings.auth, AuthStrategy::NoAuth) {
            tracing::warn!(%address, "requests are not authenticated: whoever reaches this address may do everything");
        }
        let connections_max = settings.connections_max;
        let places =
            Arc::new(Semaphore::new(usize::try_from(connections_max).unwrap_or(Semaphore::MAX_PERMITS)));
        let (end, ending) = watch::channel(false);
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let accepted = async {
                // Others wait until there is a place, in the queue of the kernel.
                let place = Arc::clone(&places).acquire_owned().await;
                (place, listener.accept().await)
            };
            let (place, accepted) = tokio::select! {
                () = &mut shutdown => break,
                accepted = accepted => accepted,
            };
            match (place, accepted) {
                (Ok(place), Ok((stream, _))) => {
                    let connection = connection(Arc::clone(&self.core), stream, ending.clone());
                    tokio::spawn(async move {
                        connection.await;
                        drop(place);
                    });
                }
                (_, accepted) => {
                    let error = accepted.err();
                    tracing::warn!(?error, "cannot accept a connection; trying again");
                    tokio::time::sleep(Duration::from_millis(ACCEPT_RETRY_MS)).await;
                }
            }
        }
        drop(listener);
        end.send_replace(true);
        let all_ended = places.acquire_many(connections_max);
        if tokio::time::timeout(Duration::from_secs(END_WAIT_S), all_ended).await.is_err() {
            tracing::warn!("some requests did not end in time and are cut off");
        }
        Ok(())
    }
}

/// Answers the requests of a connection until it or the server ends.
async fn connection(core: Arc<Core>, stream: TcpStream, mut ending: watch::Receiver<bool>) {
    // Answers are written at once: waiting for more only costs time.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps its delays");
    }
    let service = service_fn(|request: HttpRequest<hyper::body::Incoming>| {
        let core = Arc::clone(&core);
        async move { Ok::<_, Infallible>(handle(core, request.map(Body::new)).await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(HEAD_WAIT_S))
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    // It also ends when nobody is left to say so.
    let is_ending = async move { ending.wait_for(|is_ending| *is_ending).await.is_ok() };
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        _ = is_ending => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Answers one request, whatever happens.
async fn handle(core: Arc<Core>, request: HttpRequest<Body>) -> Response<Body> {
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

async fn answer(core: &Core, request: HttpRequest<Body>) -> Answer {
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
    headers: &HeaderMap,
    body: Body,
) -> Result<Bytes, ApiError> {
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
        // Who asks first whether to send it does not send it now.
        if !headers.contains_key(EXPECT) {
            let within = Duration::from_secs(DISCARD_WAIT_S);
            // The answer is the same.
            let _ = tokio::time::timeout(within, discard(body)).await;
        }
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

/// Reads a body that nobody wants. Many clients send all of it before they read the answer, and would find a broken
/// connection instead of one.
async fn discard(mut body: Body) {
    let mut left = DISCARDED_BYTES_MAX;
    while left > 0
        && let Some(Ok(frame)) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await
    {
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
    }
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
