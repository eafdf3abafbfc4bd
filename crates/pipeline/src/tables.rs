//! The tables, in the order in which packets pass them.
//!
//! Numbers leave room between tables, so that one that is added later fits in without moving others: a moved table would
//! make every flow of it differ from what switches hold, and a restart would rewrite them all.

use openflow::Field;

use crate::cookie::AppId;
use crate::regs;
use crate::spec::{Miss, Pipeline, TableSpec};
use crate::tunnels;

/// Owner of [`CLASSIFY`] and [`DISPATCH`].
pub const CLASSIFY_OWNER: AppId = AppId { number: 1, name: "classify" };
/// Owner of [`L2`].
pub const L2_OWNER: AppId = AppId { number: 2, name: "l2" };

/// Where packets enter.
pub static CLASSIFY: TableSpec = TableSpec {
    id: 0,
    name: "classify",
    owner: CLASSIFY_OWNER,
    purpose: "says which logical port and network a packet comes from, and for one out of a tunnel where it goes",
    matches: &[Field::InPort],
    reads: &[],
    sets: &[],
    writes: &[&regs::NETWORK, &regs::INGRESS_PORT, &regs::EGRESS_PORT],
    next: &[&L2, &DISPATCH],
    may_output: false,
    miss: Miss::Drop,
};

/// Switching.
pub static L2: TableSpec = TableSpec {
    id: 80,
    name: "l2",
    owner: L2_OWNER,
    purpose: "finds the logical port behind a destination address, and floods what is for many",
    matches: &[Field::EthDst],
    reads: &[&regs::NETWORK],
    sets: &[],
    writes: &[&regs::EGRESS_PORT],
    next: &[&DISPATCH],
    may_output: true,
    miss: Miss::Drop,
};

/// Where packets leave.
pub static DISPATCH: TableSpec = TableSpec {
    id: 120,
    name: "dispatch",
    owner: CLASSIFY_OWNER,
    purpose: "sends a packet out of the switch port that its logical port is plugged into, or into the tunnel to its host",
    matches: &[],
    reads: &[&regs::NETWORK, &regs::EGRESS_PORT],
    sets: &[Field::TunId, Field::TunDst, tunnels::OPTION_FIELD],
    writes: &[],
    next: &[],
    may_output: true,
    miss: Miss::Drop,
};

/// All of them.
pub static PIPELINE: Pipeline = Pipeline { tables: &[&CLASSIFY, &L2, &DISPATCH] };
