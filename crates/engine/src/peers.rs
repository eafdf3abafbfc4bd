//! Other nodes that this one watches: which it should, and what it sees of them.

use std::collections::BTreeMap;

use model::{Chassis, Id};
use serde::{Deserialize, Serialize};

/// What is known of whether another node can be reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Nobody has found out yet, or nobody watches it.
    #[default]
    Unknown,
    /// It answers, and has done so for long enough to be relied on.
    Alive,
    /// It does not answer, or has not for long enough yet.
    Down,
    /// It has not answered for long, while others did: that says nothing of this node's own cables.
    Gone,
}

/// What this node sees of those that it watches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peers {
    /// Those that it watches.
    pub reach: BTreeMap<Id<Chassis>, Reach>,
    /// The switch ports by which questions and answers come and go, where there is one.
    #[serde(default)]
    pub ports: BTreeMap<Id<Chassis>, u32>,
    /// Whether its own switch has run long enough for the others to rely on it as well. It has not for a while after the switch
    /// was started; a restart of the controller alone makes no difference.
    pub is_settled: bool,
}

impl Default for Peers {
    /// Nobody is watched.
    fn default() -> Self {
        Self { reach: BTreeMap::new(), ports: BTreeMap::new(), is_settled: true }
    }
}

/// Another node that this one should watch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Watched {
    /// The node.
    pub peer: Id<Chassis>,
    /// Whether it may serve in the place of this one.
    pub is_candidate: bool,
}
