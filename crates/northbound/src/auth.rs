//! Who asks.
//!
//! Two ways to know: the requester says so ([`AuthStrategy::NoAuth`], for one machine or a network of friends), or
//! keystone vouches for the token that comes with the request ([`AuthStrategy::Keystone`]).

pub mod keystone;
mod noauth;

use std::sync::Arc;

use axum::http::HeaderMap;

use crate::error::ApiError;

pub use keystone::{Domain, Keystone, KeystoneError, KeystoneSettings};
pub use noauth::Identity;

/// Who asks, and what that allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The project in which they ask; empty if there is none.
    pub project: String,
    /// The user; empty if not known.
    pub user: String,
    /// Their roles in the project.
    pub roles: Vec<String>,
    /// Whether they may do everything.
    pub is_admin: bool,
    /// Whether they are another service of the cloud.
    pub is_service: bool,
}

impl Context {
    /// A requester with these roles.
    #[must_use]
    pub fn new(project: &str, user: &str, roles: Vec<String>) -> Self {
        let has = |role: &str| roles.iter().any(|own| own.eq_ignore_ascii_case(role));
        let (is_admin, is_service) = (has("admin"), has("service"));
        Self { project: project.to_owned(), user: user.to_owned(), roles, is_admin, is_service }
    }

    /// The server itself.
    #[must_use]
    pub fn internal() -> Self {
        Self::new("", "", vec!["admin".to_owned()])
    }

    /// Whether they act for any project.
    #[must_use]
    pub const fn is_privileged(&self) -> bool {
        self.is_admin || self.is_service
    }

    /// Whether they have a role that may change things: all but those that only read.
    #[must_use]
    pub fn may_write(&self) -> bool {
        let reads_only = |role: &String| role.eq_ignore_ascii_case("reader");
        self.is_privileged() || self.roles.iter().any(|role| !reads_only(role))
    }

    /// Whether they may decide what the project's traffic gets: not every member may.
    #[must_use]
    pub fn may_manage(&self) -> bool {
        self.is_privileged() || self.roles.iter().any(|role| role.eq_ignore_ascii_case("manager"))
    }

    /// Whether a resource of this project is theirs.
    #[must_use]
    pub fn owns(&self, project: &str) -> bool {
        !project.is_empty() && self.project == project
    }
}

/// How the server knows who asks.
#[derive(Debug, Clone)]
pub enum AuthStrategy {
    /// Headers say it and are believed.
    NoAuth,
    /// Keystone says it.
    Keystone(Arc<Keystone>),
}

/// A request that is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody vouches for the requester; the header that says whom to ask.
    Unauthenticated {
        /// The value of `WWW-Authenticate`.
        challenge: String,
    },
    /// It cannot be known now.
    Failed(ApiError),
}

impl AuthStrategy {
    /// Who sends a request with these headers.
    ///
    /// # Errors
    /// When nobody vouches for them, or keystone cannot be asked.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Context, Refusal> {
        match self {
            Self::NoAuth => Ok(noauth::context(headers)),
            Self::Keystone(keystone) => keystone.authenticate(headers).await,
        }
    }
}

/// The text of a header, if it is one.
fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim).filter(|text| !text.is_empty())
}
