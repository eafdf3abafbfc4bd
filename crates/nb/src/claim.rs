//! Claims: who wrote the binding of a port whose owner said nothing of where it is.
//!
//! A node binds such a port to itself when the port's interface appears there, in the row of the port, and says so by a claim
//! in the same transaction. It takes both back together. So the owner of the row, when it writes it anew, can tell a binding
//! that it has to keep from one that it has taken back; and the node can tell its own from the owner's. The original's rows
//! have no room for that.

use model::{Chassis, Id, LogicalPort};
use serde::{Deserialize, Serialize};

use crate::key::TableName;

/// The table of claims; the id of a row is that of its port.
pub const CLAIMS: TableName = TableName::new("port_claim");

/// That a node wrote the binding of a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The port.
    pub id: Id<LogicalPort>,
    /// The node.
    pub chassis: Id<Chassis>,
}
