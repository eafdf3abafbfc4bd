//! The tables, in the order in which packets pass them.
//!
//! ```text
//!  guest -> classify -> port security -+-> l2 --------> dispatch -> guest, or tunnel
//!                            |         |    ^              ^
//!                            |         +-> arp (answers)   |
//!                            +-> neighbor security -> l2   |
//!                            +-> dhcp -> controller        |
//!                                  +-> request security -> l2
//! tunnel -> classify -----------------------------------> (the option says the port)
//!               +-----------------> l2                    (it does not)
//! ```
//! A packet from guest to guest passes four tables here (five, if it is IPv6) and two there.
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
/// Owner of [`PORT_SECURITY`].
pub const PORT_SECURITY_OWNER: AppId = AppId { number: 3, name: "portsec" };
/// Owner of [`ARP`].
pub const ARP_OWNER: AppId = AppId { number: 4, name: "arp" };
/// Owner of [`DHCP`].
pub const DHCP_OWNER: AppId = AppId { number: 5, name: "dhcp" };

/// Where packets enter.
pub static CLASSIFY: TableSpec = TableSpec {
    id: 0,
    name: "classify",
    owner: CLASSIFY_OWNER,
    purpose: "says which logical port and network a packet comes from, and for one out of a tunnel where it goes",
    matches: &[Field::InPort, Field::VlanVid, Field::TunId, tunnels::OPTION_FIELD],
    reads: &[],
    sets: &[],
    writes: &[
        &regs::NETWORK,
        &regs::INGRESS_PORT,
        &regs::EGRESS_PORT,
        &regs::FROM_TUNNEL,
        &regs::INGRESS_ON_WIRE,
    ],
    next: &[&PORT_SECURITY, &L2, &DISPATCH],
    may_output: false,
    miss: Miss::Drop,
};

/// What a guest may send.
pub static PORT_SECURITY: TableSpec = TableSpec {
    id: 10,
    name: "port security",
    owner: PORT_SECURITY_OWNER,
    purpose: "lets a guest send from its own addresses only, and sorts what is answered here from what is switched",
    matches: &[
        Field::EthType,
        Field::EthSrc,
        Field::Ipv4Src,
        Field::Ipv6Src,
        Field::IpProto,
        Field::UdpSrc,
        Field::UdpDst,
        Field::Icmp6Type,
        Field::ArpOp,
        Field::ArpSpa,
        Field::ArpSha,
    ],
    reads: &[&regs::INGRESS_PORT],
    sets: &[],
    writes: &[],
    next: &[&NEIGHBOR_SECURITY, &ARP, &DHCP, &L2],
    may_output: false,
    miss: Miss::Drop,
};

/// What a guest may say about IPv6 neighbours.
pub static NEIGHBOR_SECURITY: TableSpec = TableSpec {
    id: 15,
    name: "neighbor security",
    owner: PORT_SECURITY_OWNER,
    purpose: "lets a guest announce and claim by neighbour discovery its own addresses only; its source is checked before",
    matches: &[
        Field::EthType,
        Field::EthSrc,
        Field::Ipv6Src,
        Field::IpProto,
        Field::Icmp6Type,
        Field::Icmp6Code,
        Field::NdTarget,
        Field::NdSll,
        Field::NdTll,
    ],
    reads: &[&regs::INGRESS_PORT],
    sets: &[],
    writes: &[],
    next: &[&L2],
    may_output: false,
    miss: Miss::Goto(&L2),
};

/// Who has an address.
pub static ARP: TableSpec = TableSpec {
    id: 30,
    name: "arp",
    owner: ARP_OWNER,
    purpose: "answers ARP requests for ports of the network on the node of who asks",
    matches: &[Field::EthType, Field::EthDst, Field::ArpOp, Field::ArpTpa],
    reads: &[&regs::NETWORK, &regs::INGRESS_PORT],
    sets: &[
        Field::EthSrc,
        Field::EthDst,
        Field::ArpOp,
        Field::ArpSpa,
        Field::ArpTpa,
        Field::ArpSha,
        Field::ArpTha,
    ],
    writes: &[],
    next: &[&L2],
    may_output: true,
    miss: Miss::Goto(&L2),
};

/// What addresses guests get.
pub static DHCP: TableSpec = TableSpec {
    id: 40,
    name: "dhcp",
    owner: DHCP_OWNER,
    purpose: "sends the DHCP messages of guests to the controller of their own node, at a limited rate",
    matches: &[Field::EthType, Field::EthDst, Field::IpProto, Field::UdpSrc, Field::UdpDst, Field::Ipv4Dst],
    reads: &[&regs::NETWORK, &regs::INGRESS_PORT],
    sets: &[],
    writes: &[],
    next: &[&REQUEST_SECURITY],
    may_output: true,
    miss: Miss::Goto(&REQUEST_SECURITY),
};

/// What a guest may ask of other DHCP servers.
pub static REQUEST_SECURITY: TableSpec = TableSpec {
    id: 45,
    name: "request security",
    owner: PORT_SECURITY_OWNER,
    purpose: "switches DHCP requests that are not answered here, if they come from an address of their guest or from none",
    matches: &[Field::EthType, Field::EthSrc, Field::Ipv4Src],
    reads: &[&regs::INGRESS_PORT],
    sets: &[],
    writes: &[],
    next: &[&L2],
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
    reads: &[&regs::NETWORK, &regs::FROM_TUNNEL],
    sets: &[Field::TunId, tunnels::OPTION_FIELD],
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
    reads: &[&regs::NETWORK, &regs::EGRESS_PORT, &regs::FROM_TUNNEL],
    sets: &[Field::TunId, Field::TunDst, Field::TunIpv6Dst, tunnels::OPTION_FIELD],
    writes: &[],
    next: &[],
    may_output: true,
    miss: Miss::Drop,
};

/// All of them.
pub static PIPELINE: Pipeline = Pipeline {
    tables: &[&CLASSIFY, &PORT_SECURITY, &NEIGHBOR_SECURITY, &ARP, &DHCP, &REQUEST_SECURITY, &L2, &DISPATCH],
};
