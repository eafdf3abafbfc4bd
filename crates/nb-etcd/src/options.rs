//! Where etcd is, and how long to wait for it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use nb::Limits;
use thiserror::Error;

/// Bytes of a request that etcd wraps around a transaction.
const ENVELOPE_BYTES: usize = 1024;

/// How to reach etcd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The members: `host:port`, or with `http://` or `https://` before it. Without, it is TLS if there is [`Options::tls`].
    pub endpoints: Vec<String>,
    /// The user, where etcd asks for one.
    pub login: Option<Login>,
    /// How to speak TLS. Endpoints with `https://` need it.
    pub tls: Option<Tls>,
    /// How long a request may take, over all members that are tried.
    pub request_timeout_ms: u64,
    /// How long one member may take to accept a connection.
    pub connect_timeout_ms: u64,
    /// How often a watch asks how far it is.
    pub progress_interval_ms: u64,
    /// A watch leaves a member that said nothing for this long. More than the interval.
    pub silence_ms: u64,
    /// Longest pause before members that could not be reached are tried again.
    pub backoff_max_ms: u64,
    /// Most operations, and most requirements, of a transaction: etcd's `--max-txn-ops`.
    pub txn_ops_max: usize,
    /// Most bytes of a request: etcd's `--max-request-bytes`.
    pub request_bytes_max: usize,
    /// Most bytes of an answer that we take. Tables are read in pages far below it.
    pub response_bytes_max: usize,
}

impl Options {
    /// The usual options, for these members.
    pub fn new<E: Into<String>>(endpoints: impl IntoIterator<Item = E>) -> Self {
        Self {
            endpoints: endpoints.into_iter().map(Into::into).collect(),
            login: None,
            tls: None,
            request_timeout_ms: 5_000,
            connect_timeout_ms: 2_000,
            progress_interval_ms: 1_500,
            silence_ms: 5_000,
            backoff_max_ms: 2_000,
            txn_ops_max: 128,
            request_bytes_max: 1536 * 1024,
            response_bytes_max: 64 * 1024 * 1024,
        }
    }

    pub(crate) const fn limits(&self) -> Limits {
        Limits { txn_ops: self.txn_ops_max, txn_bytes: self.request_bytes_max.saturating_sub(ENVELOPE_BYTES) }
    }

    pub(crate) const fn timing(&self) -> Timing {
        Timing {
            request: Duration::from_millis(self.request_timeout_ms),
            connect: Duration::from_millis(self.connect_timeout_ms),
            progress: Duration::from_millis(self.progress_interval_ms),
            silence: Duration::from_millis(self.silence_ms),
            backoff_max: Duration::from_millis(self.backoff_max_ms),
        }
    }
}

/// The times of [`Options`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    pub(crate) request: Duration,
    pub(crate) connect: Duration,
    pub(crate) progress: Duration,
    pub(crate) silence: Duration,
    pub(crate) backoff_max: Duration,
}

/// A user of etcd. Watches of several tables need leave to read all keys from `/` to `0`.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The name.
    pub user: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// How to speak TLS. The files are read for each connection, so that renewed certificates are taken up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The authorities that servers have to be signed by, in PEM.
    pub ca_certificates: PathBuf,
    /// Our certificate and its key, in PEM, where servers ask for one.
    pub identity: Option<Identity>,
    /// The name that certificates of servers have to bear, if it is not the host of the endpoint.
    pub server_name: Option<String>,
}

/// A certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate, with those between it and the authority.
    pub certificate: PathBuf,
    /// The private key.
    pub private_key: PathBuf,
}

/// Options with which no connection can be made.
#[derive(Debug, Error)]
pub enum OptionsError {
    /// Nowhere to go.
    #[error("no endpoint of etcd is given")]
    NoEndpoints,
    /// An endpoint that makes no sense.
    #[error(
        "endpoint {endpoint:?} of etcd: {reason}; it should look like 192.0.2.1:2379 or https://etcd-1.example.org:2379"
    )]
    Endpoint {
        /// What was given.
        endpoint: String,
        /// What is wrong.
        reason: String,
    },
    /// A time or size that makes no sense.
    #[error("option {name}: {reason}")]
    Value {
        /// The option.
        name: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A file that cannot be used.
    #[error("{what} in {}: {reason}", path.display())]
    File {
        /// What it should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// TLS cannot be set up otherwise.
    #[error("TLS to etcd: {0}")]
    Tls(String),
}

impl Options {
    pub(crate) fn check(&self) -> Result<(), OptionsError> {
        let positive: [(&'static str, u64); 5] = [
            ("request_timeout_ms", self.request_timeout_ms),
            ("connect_timeout_ms", self.connect_timeout_ms),
            ("progress_interval_ms", self.progress_interval_ms),
            ("backoff_max_ms", self.backoff_max_ms),
            ("txn_ops_max", self.txn_ops_max as u64),
        ];
        if let Some((name, _)) = positive.into_iter().find(|(_, value)| *value == 0) {
            return Err(OptionsError::Value { name, reason: "it must not be 0".to_owned() });
        }
        if self.silence_ms <= self.progress_interval_ms {
            let reason = format!(
                "{} ms is no more than progress_interval_ms ({} ms), so that every server would be left",
                self.silence_ms, self.progress_interval_ms
            );
            return Err(OptionsError::Value { name: "silence_ms", reason });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_printed() {
        let login = Login { user: "root".to_owned(), password: "hunter2".to_owned() };
        let options = Options { login: Some(login), ..Options::new(["a:1"]) };
        assert!(!format!("{options:?}").contains("hunter2"));
    }

    #[test]
    fn times_that_make_no_sense_are_named() {
        let message = |options: Options| options.check().unwrap_err().to_string();
        let zero = Options { request_timeout_ms: 0, ..Options::new(["a:1"]) };
        assert_eq!(message(zero), "option request_timeout_ms: it must not be 0");
        let hasty = Options { silence_ms: 1_500, ..Options::new(["a:1"]) };
        assert!(message(hasty).starts_with("option silence_ms: 1500 ms is no more than"));
        assert!(Options::new(["a:1"]).check().is_ok());
    }
}
