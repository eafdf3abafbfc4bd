//! Calls over any channel of tonic's: a connection, a balanced set of them, or an [`crate::EtcdService`] in the same process.
//!
//! Nothing is tried again and nothing has a deadline here: whoever calls knows what may be repeated.

use bytes::Bytes;
use tonic::body::Body;
use tonic::client::{Grpc, GrpcService};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::codegen::tokio_stream::Stream;
use tonic::codegen::{Body as HttpBody, StdError};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::{Request, Status, Streaming};
use tonic_prost::ProstCodec;

use crate::method::{Method, for_each_method};

/// Most bytes of a message that we take from a server, unless told otherwise. A range may be large.
pub const RESPONSE_BYTES_MAX: usize = 512 << 20;

/// The name under which a request bears the token of its user.
const TOKEN: &str = "token";

/// The client's end of the API.
#[derive(Debug, Clone)]
pub struct Client<T> {
    grpc: Grpc<T>,
    token: Option<MetadataValue<Ascii>>,
}

impl<T> Client<T>
where
    T: GrpcService<Body> + Clone,
    T::ResponseBody: HttpBody<Data = Bytes> + Send + 'static,
    <T::ResponseBody as HttpBody>::Error: Into<StdError> + Send,
{
    /// A client that calls over `channel`.
    pub fn new(channel: T) -> Self {
        Self { grpc: Grpc::new(channel).max_decoding_message_size(RESPONSE_BYTES_MAX), token: None }
    }

    /// The same client, which takes messages of `bytes` at most.
    #[must_use]
    pub fn with_response_bytes_max(self, bytes: usize) -> Self {
        Self { grpc: self.grpc.max_decoding_message_size(bytes), ..self }
    }

    /// The same client, whose requests bear the token that [`Client::authenticate`] gave.
    ///
    /// # Errors
    /// When the token has characters that HTTP cannot carry.
    pub fn with_token(self, token: &str) -> Result<Self, Status> {
        let token =
            token.parse().map_err(|_| Status::invalid_argument("the token of the user is not ASCII text"))?;
        Ok(Self { token: Some(token), ..self })
    }

    /// Calls a method that takes one message and answers with one.
    ///
    /// # Errors
    /// What the server said, or that it cannot be reached.
    pub async fn unary<M: Method>(&self, request: M::Request) -> Result<M::Response, Status> {
        let mut grpc = self.ready().await?;
        let codec = ProstCodec::<M::Request, M::Response>::default();
        let response = grpc.unary(self.bear(request), PathAndQuery::from_static(M::PATH), codec).await?;
        Ok(response.into_inner())
    }

    /// Calls a method that takes a stream and answers with one. It returns when the server accepted the call, which etcd
    /// may only do when it has something to answer: send the first request before.
    ///
    /// # Errors
    /// What the server said, or that it cannot be reached.
    pub async fn streaming<M: Method>(
        &self,
        requests: impl Stream<Item = M::Request> + Send + 'static,
    ) -> Result<Streaming<M::Response>, Status> {
        let mut grpc = self.ready().await?;
        let codec = ProstCodec::<M::Request, M::Response>::default();
        let response = grpc.streaming(self.bear(requests), PathAndQuery::from_static(M::PATH), codec).await?;
        Ok(response.into_inner())
    }

    /// Waits until the channel takes a request. If it never does, nothing was sent.
    async fn ready(&self) -> Result<Grpc<T>, Status> {
        let mut grpc = self.grpc.clone();
        grpc.ready().await.map_err(|error| {
            let error: StdError = error.into();
            Status::unavailable(format!("nothing was sent: {error}"))
        })?;
        Ok(grpc)
    }

    fn bear<R>(&self, message: R) -> Request<R> {
        let mut request = Request::new(message);
        if let Some(token) = &self.token {
            request.metadata_mut().insert(TOKEN, token.clone());
        }
        request
    }
}

macro_rules! client_methods {
    (
        unary { $($(#[doc = $unary_doc:literal])+ $unary:ident $unary_function:ident $unary_path:literal
            ($unary_in:ident :: $unary_request:ident) -> $unary_out:ident :: $unary_response:ident;)* }
        streaming { $($(#[doc = $doc:literal])+ $name:ident $function:ident $path:literal
            ($in:ident :: $request:ident) -> $out:ident :: $response:ident;)* }
    ) => {
        impl<T> Client<T>
        where
            T: GrpcService<Body> + Clone,
            T::ResponseBody: HttpBody<Data = Bytes> + Send + 'static,
            <T::ResponseBody as HttpBody>::Error: Into<StdError> + Send,
        {
            $(
                $(#[doc = $unary_doc])+
                ///
                /// # Errors
                /// What the server said, or that it cannot be reached.
                pub async fn $unary_function(
                    &self,
                    request: crate::$unary_in::$unary_request,
                ) -> Result<crate::$unary_out::$unary_response, Status> {
                    self.unary::<crate::method::$unary>(request).await
                }
            )*
            $(
                $(#[doc = $doc])+
                ///
                /// # Errors
                /// What the server said, or that it cannot be reached.
                pub async fn $function(
                    &self,
                    requests: impl Stream<Item = crate::$in::$request> + Send + 'static,
                ) -> Result<Streaming<crate::$out::$response>, Status> {
                    self.streaming::<crate::method::$name>(requests).await
                }
            )*
        }
    };
}

for_each_method!(client_methods);
