//! From a decision to the store: one transaction a request.
//!
//! A decision is made on what the replica knows, as a [`Draft`]: a pure function of the replica and the request, which
//! says what changes and what it was decided on. The store refuses it if any of that has changed meanwhile; then the
//! decision is made again. So a decision may be made several times, and only the last one counts.
//!
//! What has no row to require is guarded by one: see [`guard_of_network`] and [`crate::quota`].

mod draft;
mod keys;

use std::net::IpAddr;
use std::time::Duration;

use model::{RowId, Table};
use nb::{CommitError, Key, Limits, TableName, Txn};

use crate::auth::Context;
use crate::error::ApiError;
use crate::resources::behind;
use crate::server::Core;

pub use draft::{Change, Draft};
pub use keys::KeyStock;

/// The table of guards.
pub const GUARDS: TableName = TableName::new("neutron_guard");

/// Decisions before we give up because others are faster.
const DECISIONS_MAX: u32 = 20;

/// How long a decision waits to hear of what it was refused for.
const NEWS_WAIT_MS: u64 = 50;

/// How long a writer waits to read what it wrote.
const OWN_WRITE_WAIT_MS: u64 = 5_000;

/// The guard of a network: whoever gives one of its ports an address writes it, and whoever deletes the network or a subnet
/// requires that nobody did.
#[must_use]
pub fn guard_of_network(network: &str) -> Key {
    guard(&format!("network:{network}"))
}

/// The guard of what a project has of a kind.
#[must_use]
pub fn guard_of_quota(project: &str, resource: &str) -> Key {
    guard(&format!("quota:{resource}:{project}"))
}

/// The guard of what subnets have of a pool: whoever takes a range of it requires that nobody else did.
#[must_use]
pub fn guard_of_pool(pool: &str) -> Key {
    guard(&format!("pool:{pool}"))
}

/// The guard of which pools are the default ones.
#[must_use]
pub fn guard_of_default_pool() -> Key {
    guard("default-pool")
}

/// The guard of the group that a project has anyway: whoever makes it requires that nobody else did.
#[must_use]
pub fn guard_of_default_group(project: &str) -> Key {
    guard(&format!("default-group:{project}"))
}

/// The guard of a security group: whoever brings a port into it, or a rule that names it, writes it, and whoever deletes
/// the group requires that nobody did.
#[must_use]
pub fn guard_of_group(group: &str) -> Key {
    guard(&format!("security-group:{group}"))
}

/// The same of an address group, for rules that name it.
#[must_use]
pub fn guard_of_address_group(group: &str) -> Key {
    guard(&format!("address-group:{group}"))
}

/// The guard of the rules that new groups begin with.
#[must_use]
pub fn guard_of_default_rules() -> Key {
    guard("default-rules")
}

/// The guard of a policy: whoever gives it to a network or a port writes it, and whoever deletes it or takes it back from others
/// requires that nobody did.
#[must_use]
pub fn guard_of_qos_policy(policy: &str) -> Key {
    guard(&format!("qos:{policy}"))
}

/// The guard of which policy is the default one of a project.
#[must_use]
pub fn guard_of_default_qos_policy(project: &str) -> Key {
    guard(&format!("default-qos:{project}"))
}

/// The guard of what outside relies on a router: whoever makes an address outside stand for one behind the router writes it, and
/// whoever takes an interface or a gateway from the router requires that nobody did.
#[must_use]
pub fn guard_of_router(router: &str) -> Key {
    guard(&format!("router:{router}"))
}

/// The guard of what pairs of an address name in a project: whoever changes a port that has one, or a port that one may name, writes it
/// and requires that nobody else did; whoever decides by what is named requires that too.
#[must_use]
pub fn guard_of_pairs(project: &str, address: IpAddr) -> Key {
    guard(&format!("pairs:{project}:{address}"))
}

/// The guard of the ports of a project that have an address, or had it: whoever changes such a port writes it, and whoever changes a port
/// with a pair of the address requires that nobody did.
#[must_use]
pub fn guard_of_holders(project: &str, address: IpAddr) -> Key {
    guard(&format!("holders:{project}:{address}"))
}

fn guard(id: &str) -> Key {
    Key::new(GUARDS, RowId::new(id).expect("a guard's id has a prefix"))
}

/// Why there is no decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Halt {
    /// The request is refused.
    Refused(ApiError),
    /// There are no numbers left for new rows of this table; more have to be fetched first.
    NeedsKeys(Table),
    /// Something is nearly used up, and requests of this server that want it have to take turns: they would only
    /// make each other's transactions fail.
    NeedsTurn,
}

impl<E: Into<ApiError>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

/// A decision, or why there is none.
pub type Decision<T> = Result<T, Halt>;

impl Core {
    /// Decides and commits, again if need be.
    pub(crate) async fn write<T>(
        &self,
        context: &Context,
        decide: impl Fn(&mut Draft<'_>) -> Decision<T>,
    ) -> Result<T, ApiError> {
        let (result, left) = self.commit(context, &[], decide).await?;
        self.settle(left).await;
        Ok(result)
    }

    /// Brings ports to where they belong that did not fit the transaction that decided it. That one is done in any case.
    pub(crate) async fn settle(&self, mut ports: Vec<String>) {
        while !ports.is_empty() {
            ports = match self.commit(&Context::internal(), &ports, |_| Ok(())).await {
                Ok(((), left)) if left.len() < ports.len() => left,
                Ok(_) => {
                    tracing::error!(?ports, "no transaction has room for ports inside others");
                    return;
                }
                Err(error) => {
                    tracing::error!(?ports, %error, "ports are not yet inside those whose pairs name them, or still are");
                    return;
                }
            };
        }
    }

    /// One decision and its transaction, with these ports to be looked at anew besides those that it changes; and those that are left.
    async fn commit<T>(
        &self,
        context: &Context,
        ports: &[String],
        decide: impl Fn(&mut Draft<'_>) -> Decision<T>,
    ) -> Result<(T, Vec<String>), ApiError> {
        let mut turn = None;
        for _ in 0..DECISIONS_MAX {
            let decided = match self.decide(context, turn.is_some(), ports, &decide) {
                Ok(decided) => decided,
                Err(Halt::Refused(error)) => return Err(error),
                Err(Halt::NeedsTurn) => {
                    turn = Some(self.turn.lock().await);
                    continue;
                }
                Err(Halt::NeedsKeys(table)) => {
                    self.keys.fetch(&*self.store, table).await?;
                    continue;
                }
            };
            let Decided { result, left, txn, held, based_on } = decided;
            let _held = Held { core: self, keys: held };
            if txn.ops.is_empty() {
                return Ok((result, left));
            }
            let committed = match exceeds(&txn, self.store.limits()) {
                Some(reason) => Err(CommitError::TooLarge { reason }),
                None => self.store.commit(txn).await,
            };
            match committed {
                Ok(revision) => {
                    if !self.replica.knows(revision, Duration::from_millis(OWN_WRITE_WAIT_MS)).await {
                        tracing::warn!("the store does not tell what was written; lists may be stale");
                    }
                    return Ok((result, left));
                }
                Err(CommitError::Conflict) => {
                    self.replica.knows_more(based_on, Duration::from_millis(NEWS_WAIT_MS)).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(CommitError::Conflict.into())
    }

    /// One decision.
    fn decide<T>(
        &self,
        context: &Context,
        has_turn: bool,
        ports: &[String],
        decide: &impl Fn(&mut Draft<'_>) -> Decision<T>,
    ) -> Decision<Decided<T>> {
        let mut state = self.replica.write();
        let based_on = state.revision();
        let mut draft = Draft::new(&mut state, self, context, has_turn);
        let decided = decide(&mut draft).and_then(|result| {
            let left = behind::settle(&mut draft, ports)?;
            draft.check_quota()?;
            Ok((result, left))
        });
        match decided {
            Ok((result, left)) => {
                let (txn, held) = draft.finish();
                Ok(Decided { result, left, txn, held, based_on })
            }
            Err(halt) => {
                draft.abandon();
                Err(halt)
            }
        }
    }
}

/// A decision that was made.
struct Decided<T> {
    result: T,
    /// Ports that did not fit and have to be looked at anew.
    left: Vec<String>,
    txn: Txn,
    /// What it holds until the store has it.
    held: Vec<Key>,
    based_on: nb::Revision,
}

/// What a decision holds until the store has it or refuses it, or nobody waits for that any more. What the store has then
/// is the replica's, and stays.
struct Held<'a> {
    core: &'a Core,
    keys: Vec<Key>,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if !self.keys.is_empty() {
            self.core.replica.write().let_go(&self.keys);
        }
    }
}

/// Why a transaction is too large for a store, if it is.
fn exceeds(txn: &Txn, limits: Limits) -> Option<String> {
    let most = txn.ops.len().max(txn.require.len());
    (most > limits.txn_ops).then(|| format!("{most} operations, and the store takes {}", limits.txn_ops))
}
