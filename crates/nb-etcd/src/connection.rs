//! One HTTP/2 connection to one member, from its beginning to its end.
//!
//! A channel that reconnects by itself cannot say whether a request was sent. So a connection here is made once, serves
//! until it breaks and is then replaced; a request that it did not send fails with [`NotSent`] as its cause.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use etcd_wire::admin::{AuthenticateRequest, StatusRequest};
use etcd_wire::{Client, EtcdError};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::http::uri::{Authority, Scheme};
use hyper::http::{HeaderName, HeaderValue, Request, Response, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::{Code, Status};

use crate::endpoint::Endpoint;
use crate::options::{Login, Options, OptionsError, Timing, Tls};
use crate::tls;

/// Bytes that a server may send of one answer before we read them.
const STREAM_WINDOW_BYTES: u32 = 2 << 20;
/// The same for all answers of a connection together.
const CONNECTION_WINDOW_BYTES: u32 = 8 << 20;

/// Members that have lost their leader turn requests with this away, and end watches, instead of answering late or never.
const REQUIRE_LEADER: HeaderName = HeaderName::from_static("hasleader");

/// A request provably did not leave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NotSent;

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request was not sent")
    }
}

impl Error for NotSent {}

/// Whether the request that failed with `status` provably did not leave.
pub(crate) fn was_not_sent(status: &Status) -> bool {
    status.source().is_some_and(|source| source.is::<NotSent>())
}

fn not_sent(reason: &dyn fmt::Display) -> Status {
    let mut status = Status::unavailable(format!("the request was not sent: {reason}"));
    status.set_source(Arc::new(NotSent));
    status
}

/// Makes connections.
#[derive(Debug)]
pub(crate) struct Connector {
    endpoints: Vec<Endpoint>,
    login: Option<Login>,
    tls: Option<Tls>,
    response_bytes_max: usize,
    pub(crate) timing: Timing,
}

/// There is no connection to a member.
#[derive(Debug, Clone)]
pub(crate) enum ConnectError {
    /// It cannot be reached.
    Unreachable(String),
    /// It does not let us in.
    Denied(String),
}

impl ConnectError {
    pub(crate) fn reason(self) -> String {
        match self {
            Self::Unreachable(reason) | Self::Denied(reason) => reason,
        }
    }
}

/// A member that answered.
pub(crate) struct Member {
    pub(crate) client: Client<Connection>,
    /// The release whose API it speaks; empty if it does not say.
    pub(crate) version: String,
}

/// A connection; its clones are the same one. It ends with the last.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    requests: SendRequest<Body>,
    scheme: Scheme,
    authority: Authority,
    _task: Arc<EndWithOwner>,
}

/// The task that moves the bytes. It would go on for as long as any answer is not read to its end.
#[derive(Debug)]
struct EndWithOwner(AbortHandle);

impl Drop for EndWithOwner {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Connector {
    pub(crate) fn new(options: &Options) -> Result<Self, OptionsError> {
        options.check()?;
        if let Some(tls) = &options.tls {
            // A file that is missing is a mistake to be told of now.
            tls::connector(tls)?;
        }
        let parse = |text: &String| Endpoint::parse(text, options.tls.is_some());
        let endpoints = options.endpoints.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        if endpoints.is_empty() {
            return Err(OptionsError::NoEndpoints);
        }
        Ok(Self {
            endpoints,
            login: options.login.clone(),
            tls: options.tls.clone(),
            response_bytes_max: options.response_bytes_max,
            timing: options.timing(),
        })
    }

    pub(crate) const fn endpoints(&self) -> usize {
        self.endpoints.len()
    }

    /// Connects to the `number`th member, counted round, and logs in. It has answered then: what is asked of it next is
    /// not lost in a machine that hangs.
    pub(crate) async fn connect(&self, number: usize) -> Result<Member, ConnectError> {
        let index = number % self.endpoints.len().max(1);
        let Some(endpoint) = self.endpoints.get(index) else {
            return Err(ConnectError::Unreachable("there is no member".to_owned()));
        };
        match timeout(self.timing.connect, self.greet(endpoint)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(ConnectError::Unreachable(format!(
                "{endpoint} did not answer within {} ms",
                self.timing.connect.as_millis()
            ))),
        }
    }

    async fn greet(&self, endpoint: &Endpoint) -> Result<Member, ConnectError> {
        let unreachable = |reason: &dyn fmt::Display| {
            ConnectError::Unreachable(format!("{endpoint} cannot be reached: {reason}"))
        };
        let connection = self.dial(endpoint).await.map_err(|error| unreachable(&error))?;
        let client = Client::new(connection).with_response_bytes_max(self.response_bytes_max);
        let client = self.log_in(endpoint, client).await?;
        match client.status(StatusRequest {}).await {
            Ok(status) if status.leader == 0 => Err(unreachable(&"it knows no leader")),
            Ok(status) => Ok(Member { client, version: status.version }),
            // Later releases tell it to administrators only. It is an answer.
            Err(status) if is_refusal(&status) => Ok(Member { client, version: String::new() }),
            Err(status) => Err(unreachable(&status.message())),
        }
    }

    async fn log_in(
        &self,
        endpoint: &Endpoint,
        client: Client<Connection>,
    ) -> Result<Client<Connection>, ConnectError> {
        let Some(Login { user, password }) = &self.login else { return Ok(client) };
        let request = AuthenticateRequest { name: user.clone(), password: password.clone() };
        let failed = |status: Status| format!("{endpoint}: log in as {user}: {}", status.message());
        match client.authenticate(request).await {
            Ok(response) => {
                client.with_token(&response.token).map_err(|status| ConnectError::Denied(failed(status)))
            }
            Err(status) => match EtcdError::of(&status) {
                // As etcd's own clients: a user that nobody asks for does no harm.
                Some(EtcdError::AuthNotEnabled) => Ok(client),
                Some(EtcdError::AuthFailed | EtcdError::UserEmpty | EtcdError::PermissionDenied) => {
                    Err(ConnectError::Denied(failed(status)))
                }
                _ => Err(ConnectError::Unreachable(failed(status))),
            },
        }
    }

    async fn dial(&self, endpoint: &Endpoint) -> Result<Connection, Box<dyn Error + Send + Sync>> {
        // Tries all addresses of a name.
        let socket = TcpStream::connect((endpoint.host.as_str(), endpoint.port)).await?;
        socket.set_nodelay(true)?;
        match &self.tls {
            Some(tls) if endpoint.is_tls => {
                let name = tls::server_name(tls, &endpoint.host)?;
                let stream = tls::connector(tls)?.connect(name, socket).await?;
                Connection::begin(stream, Scheme::HTTPS, endpoint).await
            }
            _ => Connection::begin(socket, Scheme::HTTP, endpoint).await,
        }
    }
}

impl Connection {
    async fn begin(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        scheme: Scheme,
        endpoint: &Endpoint,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let authority = endpoint.authority().parse()?;
        let (requests, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .handshake(TokioIo::new(stream))
            .await?;
        let task = tokio::spawn(async move {
            // Whoever waits for an answer is told.
            let _ = connection.await;
        });
        Ok(Self { requests, scheme, authority, _task: Arc::new(EndWithOwner(task.abort_handle())) })
    }

    /// The same request, to this member.
    fn address(&self, mut request: Request<Body>) -> Result<Request<Body>, Status> {
        let mut parts = std::mem::take(request.uri_mut()).into_parts();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        *request.uri_mut() = Uri::from_parts(parts).map_err(|error| not_sent(&error))?;
        request.headers_mut().insert(REQUIRE_LEADER, HeaderValue::from_static("true"));
        Ok(request)
    }
}

impl Service<Request<Body>> for Connection {
    type Response = Response<Incoming>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Status>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        // Asked below, where the answer can say that nothing was sent.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let connection = self.clone();
        Box::pin(async move {
            let request = connection.address(request)?;
            let mut requests = connection.requests.clone();
            requests.ready().await.map_err(|error| not_sent(&error))?;
            requests.try_send_request(request).await.map_err(|mut failed| {
                let came_back = failed.take_message().is_some();
                let error = failed.into_error();
                if came_back { not_sent(&error) } else { Status::unavailable(describe(&error)) }
            })
        })
    }
}

fn is_refusal(status: &Status) -> bool {
    matches!(status.code(), Code::PermissionDenied | Code::Unauthenticated | Code::Unimplemented)
        || EtcdError::of(status).is_some_and(|error| error.code() != Code::Unavailable)
}

/// An error with its causes, which hyper leaves out.
fn describe(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
