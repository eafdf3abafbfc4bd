//! The table that is about ranges of addresses that ports share.

use openflow::Field;

use super::{ARP, ARP_OWNER};
use crate::regs;
use crate::spec::{Miss, TableSpec};

/// Who uses an address of a range.
pub static ARP_CLAIMS: TableSpec = TableSpec {
    id: 28,
    name: "arp claims",
    owner: ARP_OWNER,
    purpose: "tells the controller who uses the addresses of ranges, from which a guest may send; what it asks is answered as any other \
              question",
    matches: &[Field::EthType, Field::ArpOp, Field::ArpSpa, Field::ArpTpa, Field::VlanVid],
    reads: &[&regs::NETWORK, &regs::INGRESS_PORT],
    sets: &[],
    writes: &[],
    next: &[&ARP],
    again: &[],
    may_output: true,
    miss: Miss::Goto(&ARP),
};
