//! What a request is answered when it is not done: Neutron's exceptions, by their names, texts and statuses.
//!
//! Clients tell errors apart by the name and by the status, and people read the text, so all three are Neutron's. An
//! [`ApiError`] says nothing about the inside of the server: what only an operator can use goes to the log.

use std::borrow::Cow;
use std::fmt;

use nb::{CommitError, StoreError};
use serde_json::{Value, json};
use thiserror::Error;

/// A refusal, as the client sees it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct ApiError {
    status: u16,
    kind: Cow<'static, str>,
    message: String,
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status, self.kind, self.message)
    }
}

impl ApiError {
    /// An exception of Neutron by its name.
    pub fn new(status: u16, kind: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { status, kind: kind.into(), message: message.into() }
    }

    /// A request that makes no sense, without a name of its own.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "HTTPBadRequest", message)
    }

    /// `InvalidInput`; the text is what is wrong, without a dot.
    pub fn invalid_input(message: impl fmt::Display) -> Self {
        Self::new(400, "InvalidInput", format!("Invalid input for operation: {message}."))
    }

    /// `BadRequest` about a kind of resource; the text without a dot.
    pub fn bad_resource(resource: &str, message: impl fmt::Display) -> Self {
        Self::new(400, "BadRequest", format!("Bad {resource} request: {message}."))
    }

    /// A value that an attribute does not take.
    pub fn invalid_value(attribute: &str, reason: impl fmt::Display) -> Self {
        Self::bad_request(format!("Invalid input for {attribute}. Reason: {reason}."))
    }

    /// Something that is not there, or that the requester may not know of.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(404, "HTTPNotFound", "The resource could not be found.")
    }

    /// A method that the path does not take.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self::new(405, "HTTPMethodNotAllowed", "The method is not allowed for the requested resource.")
    }

    /// Something that the rule of this name forbids the requester.
    pub fn forbidden(rule: impl fmt::Display) -> Self {
        Self::new(403, "PolicyNotAuthorized", format!("{rule} is disallowed by policy"))
    }

    /// A precondition on the revision number that does not hold.
    #[must_use]
    pub fn revision_mismatch(expected: u64, current: u64) -> Self {
        Self::new(
            412,
            "RevisionNumberConstraintFailed",
            format!("Constrained to {expected}, but current revision is {current}"),
        )
    }

    /// Something that will work again later.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::new(503, "ServiceUnavailable", "The service is unavailable.")
    }

    /// A mistake of ours; the log says which.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(
            500,
            "HTTPInternalServerError",
            "Request Failed: internal server error while processing your request.",
        )
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The name of the exception.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The text for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The body of the answer.
    #[must_use]
    pub fn body(&self) -> Value {
        json!({"NeutronError": {"type": self.kind, "message": self.message, "detail": ""}})
    }
}

/// What the store cannot do, the client can only try again, or tell an operator.
impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store failed a request");
        if error.is_transient() { Self::unavailable() } else { Self::internal() }
    }
}

/// A conflict is no answer: whoever commits has to decide anew. What arrives here is final.
impl From<CommitError> for ApiError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict => Self::new(
                409,
                "Conflict",
                "Others changed the same resources each time that this was tried; try again.",
            ),
            CommitError::TooLarge { reason } => {
                tracing::warn!(reason, "a request needs a larger transaction than the store takes");
                Self::bad_request("The request changes more than the store takes at once; split it.")
            }
            CommitError::Invalid { reason } => {
                tracing::error!(reason, "the store calls a transaction of ours senseless");
                Self::internal()
            }
            CommitError::Store(error) => error.into(),
        }
    }
}
