//! A service that hands calls to a handler.
//!
//! The service is an ordinary one of HTTP: it can be served by any server that speaks HTTP/2, and be the channel of a
//! [`crate::Client`] in the same process. What a handler does not implement is refused by name.

use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use tonic::body::Body;
use tonic::codegen::http;
use tonic::codegen::{Body as HttpBody, BoxFuture, BoxStream, Context, Future, Poll, Service, StdError};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use crate::method::{self, Method, for_each_method};

/// Hands calls to a handler.
pub struct EtcdService<H> {
    handler: Arc<H>,
    request_bytes_max: usize,
}

impl<H: Etcd> EtcdService<H> {
    /// A service that calls `handler` and takes messages of `request_bytes_max` at most.
    pub fn new(handler: Arc<H>, request_bytes_max: usize) -> Self {
        Self { handler, request_bytes_max }
    }
}

impl<H> Clone for EtcdService<H> {
    fn clone(&self) -> Self {
        Self { handler: Arc::clone(&self.handler), request_bytes_max: self.request_bytes_max }
    }
}

impl<H> fmt::Debug for EtcdService<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdService")
            .field("request_bytes_max", &self.request_bytes_max)
            .finish_non_exhaustive()
    }
}

/// One method of a handler, as the service that tonic wants.
struct Call<H, M> {
    handler: Arc<H>,
    method: PhantomData<M>,
}

macro_rules! server_methods {
    (
        unary { $($(#[doc = $unary_doc:literal])+ $unary:ident $unary_function:ident $unary_path:literal
            ($unary_in:ident :: $unary_request:ident) -> $unary_out:ident :: $unary_response:ident;)* }
        streaming { $($(#[doc = $doc:literal])+ $name:ident $function:ident $path:literal
            ($in:ident :: $request:ident) -> $out:ident :: $response:ident;)* }
    ) => {
        /// The server's end of the API.
        pub trait Etcd: Send + Sync + 'static {
            $(
                $(#[doc = $unary_doc])+
                fn $unary_function(
                    &self,
                    request: crate::$unary_in::$unary_request,
                ) -> impl Future<Output = Result<crate::$unary_out::$unary_response, Status>> + Send {
                    let _ = request;
                    async { Err(not_implemented($unary_path)) }
                }
            )*
            $(
                $(#[doc = $doc])+
                fn $function(
                    &self,
                    requests: Streaming<crate::$in::$request>,
                ) -> impl Future<Output = Result<BoxStream<crate::$out::$response>, Status>> + Send {
                    let _ = requests;
                    async { Err(not_implemented($path)) }
                }
            )*
        }

        $(
            impl<H: Etcd> Service<Request<crate::$unary_in::$unary_request>> for Call<H, method::$unary> {
                type Response = Response<crate::$unary_out::$unary_response>;
                type Error = Status;
                type Future = BoxFuture<Self::Response, Status>;

                fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
                    Poll::Ready(Ok(()))
                }

                fn call(&mut self, request: Request<crate::$unary_in::$unary_request>) -> Self::Future {
                    let handler = Arc::clone(&self.handler);
                    Box::pin(async move { handler.$unary_function(request.into_inner()).await.map(Response::new) })
                }
            }
        )*
        $(
            impl<H: Etcd> Service<Request<Streaming<crate::$in::$request>>> for Call<H, method::$name> {
                type Response = Response<BoxStream<crate::$out::$response>>;
                type Error = Status;
                type Future = BoxFuture<Self::Response, Status>;

                fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
                    Poll::Ready(Ok(()))
                }

                fn call(&mut self, requests: Request<Streaming<crate::$in::$request>>) -> Self::Future {
                    let handler = Arc::clone(&self.handler);
                    Box::pin(async move { handler.$function(requests.into_inner()).await.map(Response::new) })
                }
            }
        )*

        impl<H: Etcd, B> Service<http::Request<B>> for EtcdService<H>
        where
            B: HttpBody + Send + 'static,
            B::Error: Into<StdError> + Send + 'static,
        {
            type Response = http::Response<Body>;
            type Error = Infallible;
            type Future = BoxFuture<http::Response<Body>, Infallible>;

            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, request: http::Request<B>) -> Self::Future {
                if request.version() < http::Version::HTTP_2 {
                    let answer = no_gateway();
                    return Box::pin(async move { Ok(answer) });
                }
                match request.uri().path() {
                    $(
                        <method::$unary as Method>::PATH => {
                            let (mut grpc, call) = self.prepare::<method::$unary>();
                            Box::pin(async move { Ok(grpc.unary(call, request).await) })
                        }
                    )*
                    $(
                        <method::$name as Method>::PATH => {
                            let (mut grpc, call) = self.prepare::<method::$name>();
                            Box::pin(async move { Ok(grpc.streaming(call, request).await) })
                        }
                    )*
                    path => {
                        let status = not_implemented(path);
                        Box::pin(async move { Ok(status.into_http()) })
                    }
                }
            }
        }
    };
}

for_each_method!(server_methods);

/// What tonic needs to do a method: how messages are written, and who does it.
type Prepared<H, M> =
    (tonic::server::Grpc<ProstCodec<<M as Method>::Response, <M as Method>::Request>>, Call<H, M>);

impl<H> EtcdService<H> {
    fn prepare<M: Method>(&self) -> Prepared<H, M> {
        let grpc =
            tonic::server::Grpc::new(ProstCodec::default()).max_decoding_message_size(self.request_bytes_max);
        (grpc, Call { handler: Arc::clone(&self.handler), method: PhantomData })
    }
}

/// The answer to whoever asks without gRPC, in the form of etcd's gateway for JSON. The path is not repeated: it could be anything.
fn no_gateway() -> http::Response<Body> {
    const TEXT: &str =
        "this server speaks the API of etcd over gRPC only, as etcdctl does, and has no gateway for JSON";
    let text =
        format!("{{\"error\":\"{TEXT}\",\"message\":\"{TEXT}\",\"code\":{}}}\n", Code::Unimplemented as i32);
    let mut answer = http::Response::new(Body::new(text));
    *answer.status_mut() = http::StatusCode::NOT_IMPLEMENTED;
    let json = http::HeaderValue::from_static("application/json");
    answer.headers_mut().insert(http::header::CONTENT_TYPE, json);
    answer
}

fn not_implemented(path: &str) -> Status {
    Status::unimplemented(format!("this server has no method {path}"))
}
