//! Setting up the integration bridge, its tunnel ports and its patch ports through OVSDB.
//!
//! [`plan`] compares a [`BridgeSpec`] with the [`Configuration`] and says what is missing; [`apply`] carries it out.
//!
//! # Guarantees
//! - **Idempotent.** A plan for a configuration that is right is empty, and an empty plan sends nothing. One plan makes
//!   a configuration right, unless a wanted bridge has the name of something that the plan removes: then the next does.
//! - **What others own is not rewritten**, see below; where theirs is in the way, a [`Problem`] says so.
//! - **No lost update.** Each row that a decision rests on is repeated in the transaction as a `wait`. If anybody
//!   changed it in between, nothing happens and the plan is made anew from a fresh read, a bounded number of times.
//! - **Planning cannot fail**: what cannot be had is left out and named, the rest is set up.
//!
//! # What is ours
//! Rows of `Bridge`, `Port`, `Controller`, `QoS` and `Queue` that we create carry `external_ids:dragonflow-owner=<integration bridge>`.
//! The value names the bridge, not the host, so that two controllers may share an Open vSwitch with a bridge each,
//! patched into the same provider bridge, and so that renaming a host orphans nothing.
//!
//! | row | with our mark | without |
//! |---|---|---|
//! | integration bridge | made as specified | used: `fail_mode` is set if empty, OpenFlow 1.3 is added to `protocols` if these are restricted without it |
//! | other bridge | never changed, never removed | never changed |
//! | port, interface, controller | made as specified; removed when no longer wanted | never changed, but for the `qos` of a port that has none, see [`ShapeSpec`] |
//! | qos, queue | made as specified; removed when no longer wanted | never changed |
//!
//! Ports through which other nodes are watched have a mark more, `dragonflow-peer=<node>` and `dragonflow-bfd=<node>`, see
//! [`SessionSpec`].
//!
//! In maps, only the keys that we specify are set. Keys that begin with [`ID_KEY_PREFIX`] are ours on the integration
//! bridge, whoever owns it: they tell a restarted chassis the ids that it used ([`stored_ids`]).

use std::collections::BTreeMap;

use ovsdb::transaction::{Mutations, Rows, Transaction};
use ovsdb::vswitch::OpenvSwitch;

use crate::configuration::Configuration;

pub use apply::{Applied, ApplyError, ApplyOptions, apply};
pub use edit::Edit;
pub use plan::{Plan, plan};
pub use problem::Problem;
pub use session::SessionSpec;
pub use shape::{LINK_KEY, QueueSpec, ShapeSpec};
pub use spec::{BridgeSpec, InternalSpec, PatchSpec, PeerBridge, TunnelKind, TunnelSpec};

mod apply;
mod complete;
mod edit;
mod plan;
mod problem;
mod session;
mod shape;
mod spec;

/// The key of `external_ids` whose value names the integration bridge that a row belongs to.
pub const OWNER_KEY: &str = "dragonflow-owner";
/// The key of `external_ids` of a port whose value names the node that is watched through it.
pub const PEER_KEY: &str = "dragonflow-peer";
/// The same, of the port at the other end of the patch, which speaks BFD.
pub const SPEAKER_KEY: &str = "dragonflow-bfd";
/// What keys of stored ids begin with.
pub const ID_KEY_PREFIX: &str = "dragonflow-id-";
/// The type of an end of a patch.
pub(crate) const PATCH_TYPE: &str = "patch";
/// The type of a device of the host.
pub(crate) const INTERNAL_TYPE: &str = "internal";
/// The option of a patch that names the other end.
pub(crate) const PEER_OPTION: &str = "peer";

const RESTORE_KEY: &str = "flow-restore-wait";

/// Whether a row with these external ids belongs to the controller of this integration bridge.
#[must_use]
pub fn is_owned(external_ids: &BTreeMap<String, String>, bridge: &str) -> bool {
    external_ids.get(OWNER_KEY).is_some_and(|owner| owner == bridge)
}

fn mark(bridge: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(OWNER_KEY.to_owned(), bridge.to_owned())])
}

/// The ids that an earlier run stored on the bridge by [`BridgeSpec::ids`].
#[must_use]
pub fn stored_ids(configuration: &Configuration, bridge: &str) -> BTreeMap<String, String> {
    let Some((_, row)) = configuration.bridge(bridge) else { return BTreeMap::new() };
    let pairs = row.external_ids.iter();
    pairs
        .filter_map(|(key, value)| Some((key.strip_prefix(ID_KEY_PREFIX)?.to_owned(), value.clone())))
        .collect()
}

/// Lets Open vSwitch forward again after a restart in which it was told to keep the datapath as it was until flows
/// are back (`other_config:flow-restore-wait=true`). None if it is not waiting.
#[must_use]
pub fn flow_restore_complete(configuration: &Configuration) -> Option<Transaction> {
    let (uuid, root) = configuration.root()?;
    let value = root.other_config.get(RESTORE_KEY).filter(|value| *value == "true")?;
    // The pair, not the key: whoever changes the value meanwhile means something else.
    let pair = BTreeMap::from([(RESTORE_KEY.to_owned(), value.clone())]);
    let mut transaction = Transaction::new();
    transaction.mutate(&Rows::row(uuid), &Mutations::new().delete(&OpenvSwitch::OTHER_CONFIG, &pair));
    transaction.comment("dragonflow: flows are back, forward again");
    Some(transaction)
}

#[cfg(test)]
mod tests;
