//! The table of what leaves with the address of this node: guests of all routers share it, so their connections are translated twice.
//!
//! ```text
//!  external (address of the router in between) -> host address (address of the node) -> neighbor
//!  arrive (back to the address in between) -> host address (back to that of the guest) -> route
//! ```

use openflow::Field;

use super::{NEIGHBOR, ROUTE, ROUTER_OWNER};
use crate::regs;
use crate::spec::{Miss, TableSpec};

/// What leaves with the address of this node, and what answers it.
pub static HOST_ADDRESS: TableSpec = TableSpec {
    id: 95,
    name: "host address",
    owner: ROUTER_OWNER,
    purpose: "gives what leaves here by any router the address of this node, and has what answers it turned back for its router",
    matches: &[Field::EthType, Field::Ipv4Src, Field::Ipv4Dst],
    reads: &[&regs::NETWORK],
    sets: &[Field::InPort16],
    writes: &[&regs::FROM_TUNNEL, &regs::FROM_WIRE, &regs::ROUTER, &regs::MAY_BE_TOO_LONG],
    next: &[&NEIGHBOR],
    again: &[&ROUTE],
    may_output: true,
    miss: Miss::Drop,
};
