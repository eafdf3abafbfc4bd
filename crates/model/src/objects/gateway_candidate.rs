//! A node that routers may have their gateways on: a table of ours. It has the id of the node.
//!
//! A node is one as long as the row is there, whether it is alive or not; the others find out by themselves whether it is.

use crate::macros::object;
use crate::{Chassis, Id};

object! {
    /// A node that routers may have their gateways on.
    GatewayCandidate [] {
        /// The node.
        chassis: Id<Chassis> => weak,
        /// Its name.
        id: Id<Self>,
        /// Routers prefer nodes with a higher one, and are spread over those with the same.
        priority: u32,
    }
    indexes {
        /// The node as a candidate.
        BY_CHASSIS: Id<Chassis> = |row, visit| visit(row.chassis.clone());
    }
    rules {
        const IS_ORIGINAL: bool = false;
    }
}

impl GatewayCandidate {
    /// The id of this node as a candidate.
    #[must_use]
    pub fn id_of(chassis: &Id<Chassis>) -> Id<Self> {
        Id::from_row(chassis.row().clone())
    }
}
