//! What can go wrong.

use std::io;
use std::path::PathBuf;

use etcd_wire::EtcdError;
use nb::StoreError;
use thiserror::Error;
use tonic::Status;

/// A store could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process has the file.
    #[error("{path} is in use by another process; a store has one server, ask that one")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file is no store of ours, or damaged.
    #[error(
        "{path} is damaged or no store: {reason}; restore it from a backup, or move it away to begin empty"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file was written by a later release.
    #[error(
        "{path} has format {found}, and this release knows formats up to {known}; upgrade, or use another file"
    )]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// The latest format we know.
        known: u64,
    },
    /// The disk is full.
    #[error("there is no room on the disk of {path}: {reason}")]
    Full {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The file could not be read or written.
    #[error("cannot open {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// History was not forgotten.
#[derive(Debug, Error)]
pub enum CompactError {
    /// It is forgotten already.
    #[error("what was before revision {revision} is forgotten already")]
    Forgotten {
        /// The revision that was asked for.
        revision: i64,
    },
    /// The store is not there yet.
    #[error("revision {revision} is not yet there; compact at the present one at most")]
    NotYet {
        /// The revision that was asked for.
        revision: i64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A request was not done.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Failure {
    /// Refused with an error that etcd knows.
    #[error("{}", .0.text())]
    Etcd(EtcdError),
    /// Refused for a reason of our own.
    #[error("{reason}")]
    Refused { reason: &'static str },
    /// The disk is full; nothing was done.
    #[error("{reason}")]
    Full { reason: String },
    /// The disk fails; nobody knows whether it was done.
    #[error("{reason}")]
    Unavailable { reason: String },
}

impl From<EtcdError> for Failure {
    fn from(error: EtcdError) -> Self {
        Self::Etcd(error)
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Etcd(error) => error.into(),
            Failure::Refused { reason } => Self::invalid_argument(reason),
            Failure::Full { reason } => {
                tracing::warn!(reason, "a request was refused because the store is full");
                EtcdError::NoSpace.into()
            }
            Failure::Unavailable { reason } => Self::unavailable(reason),
        }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        let reason = failure.to_string();
        match failure {
            Failure::Etcd(EtcdError::NoSpace | EtcdError::TooManyRequests) | Failure::Full { .. } => {
                Self::Full { reason }
            }
            Failure::Etcd(_) | Failure::Refused { .. } => Self::Damaged { reason },
            Failure::Unavailable { .. } => Self::Unavailable { reason },
        }
    }
}
