//! Carrying a plan out: the one part of bridge set-up with I/O.

use std::time::Duration;

use ovsdb::client::{Client, TransactError};
use ovsdb::transaction::SelectError;
use thiserror::Error;
use tracing::{info, warn};

use super::plan::plan;
use super::problem::Problem;
use super::spec::BridgeSpec;
use crate::configuration::{Configuration, Query};

/// How long and how often to try.
#[derive(Debug, Clone, Copy)]
pub struct ApplyOptions {
    /// For each transaction: waiting for a connection, sending, the reply.
    pub transaction_timeout: Duration,
    /// How many times to plan, the first included, while others change what the plan rests on.
    pub max_attempts: u32,
}

impl Default for ApplyOptions {
    fn default() -> Self {
        Self { transaction_timeout: Duration::from_secs(10), max_attempts: 8 }
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The edits that this call is known to have made, as phrases. Empty if all was right.
    pub edits: Vec<String>,
    /// What is not as specified and stays so.
    pub problems: Vec<Problem>,
}

/// Why the configuration is not as specified.
#[derive(Debug, Error)]
pub enum ApplyError {
    #[error("set up bridge {bridge}: {source}")]
    Transact { bridge: String, source: TransactError },
    #[error("read the configuration of open vswitch: {0}")]
    Read(#[from] SelectError),
    #[error(
        "set up bridge {bridge}: the configuration changed under each of {attempts} attempts; look who else configures \
         it, then try again"
    )]
    Contended { bridge: String, attempts: u32 },
}

/// Makes the configuration as specified.
///
/// The first plan is made from `known`. If that is right already, nothing is sent. If it turns out to be stale, or
/// the connection breaks while the outcome of an attempt is awaited, the configuration is read again.
pub async fn apply(
    client: &Client,
    spec: &BridgeSpec,
    known: &Configuration,
    options: ApplyOptions,
) -> Result<Applied, ApplyError> {
    let failed = |source| ApplyError::Transact { bridge: spec.name.clone(), source };
    let mut next = plan(spec, known);
    for attempt in 1..=options.max_attempts {
        let edits: Vec<String> = next.edits().iter().map(ToString::to_string).collect();
        if edits.is_empty() {
            return Ok(Applied { edits, problems: next.into_problems() });
        }
        match client.transact(next.transaction(), options.transaction_timeout).await {
            Ok(_) => {
                info!(bridge = %spec.name, ?edits, "configuration of open vswitch changed");
                return Ok(Applied { edits, problems: next.into_problems() });
            }
            Err(error) if is_worth_another_look(&error) => {
                warn!(bridge = %spec.name, %error, attempt, "bridge set-up: looking again");
            }
            Err(error) => return Err(failed(error)),
        }
        let query = Query::new();
        let outcome = client.transact(query.transaction.clone(), options.transaction_timeout).await;
        let present = query.read(&outcome.map_err(failed)?)?;
        next = plan(spec, &present);
    }
    if next.is_empty() {
        return Ok(Applied { edits: Vec::new(), problems: next.into_problems() });
    }
    Err(ApplyError::Contended { bridge: spec.name.clone(), attempts: options.max_attempts })
}

/// Whether the error says only that the plan was stale, or nothing at all.
fn is_worth_another_look(error: &TransactError) -> bool {
    match error {
        TransactError::Failed(error) => error.is_conflict(),
        TransactError::OutcomeUnknown(_) => true,
        TransactError::NotSent(_) => false,
    }
}
