//! Answers.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use axum::http::{Response, StatusCode};
use serde::Serialize;

use super::request::SUBJECT_TOKEN;
use crate::error::ApiError;

/// An answer, before it is one of HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    status: u16,
    body: Option<String>,
    challenge: Option<String>,
    token: Option<String>,
}

impl Answer {
    /// An answer with a body.
    pub fn json(status: u16, body: &impl Serialize) -> Self {
        match serde_json::to_string(body) {
            Ok(body) => Self { status, body: Some(body), challenge: None, token: None },
            Err(error) => {
                tracing::error!(%error, "an answer cannot be written");
                ApiError::internal().into()
            }
        }
    }

    /// An answer without a body.
    #[must_use]
    pub const fn empty(status: u16) -> Self {
        Self { status, body: None, challenge: None, token: None }
    }

    /// The answer for those for whom nobody vouches.
    #[must_use]
    pub fn unauthenticated(challenge: String) -> Self {
        let error = ApiError::new(
            401,
            "HTTPUnauthorized",
            "This server could not verify that you are authorized to access the document you requested.",
        );
        Self { challenge: Some(challenge), ..Self::from(error) }
    }

    /// The answer with the token that it is about.
    #[must_use]
    pub fn with_token(self, token: String) -> Self {
        Self { token: Some(token), ..self }
    }

    /// The status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// As HTTP sends it. Without a body for HEAD, which wants to know how long it would be.
    #[must_use]
    pub fn into_response(self, request_id: &str) -> Response<Body> {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::from_str(request_id) {
            headers.insert(HeaderName::from_static("x-openstack-request-id"), id);
        }
        if let Some(token) = self.token.and_then(|text| HeaderValue::from_str(&text).ok()) {
            headers.insert(HeaderName::from_static(SUBJECT_TOKEN), token);
        }
        if let Some(challenge) = self.challenge.and_then(|text| HeaderValue::from_str(&text).ok()) {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if let Some(body) = self.body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *response.body_mut() = Body::from(body);
        }
        response
    }
}

impl From<ApiError> for Answer {
    fn from(error: ApiError) -> Self {
        Self::json(error.status(), &error.body())
    }
}
