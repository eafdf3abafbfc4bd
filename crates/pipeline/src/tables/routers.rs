//! The tables of routers: behind l2, for what is sent to the MAC address of a router.
//!
//! ```text
//!  l2 (an inner MAC address of a router) ------------> route -+-> neighbor --+-> ingress -> guest here
//!  l2, classify (floating IP, gateway) -> arrive -------^ ^   |    ^  |  |   +-> dispatch -> guest elsewhere
//!                                            ^            |   +-> external   |
//!                                            |            |        |  |      +-> resolved, unresolved -> dispatch -> wire
//!                                            |            +--------|--|------+  (another router)
//!                                            +---------------------|--|------+  (a floating IP or gateway on this node)
//!                                                                  |  +-> dispatch -> the node of the gateway
//!                                                                  +-> neighbor
//! ```
//! Questions of guests for neighbours pass the table neighbor too: what leads on from there leads them to dispatch, which sends them nowhere.
//!
//! A packet is routed on the node that it comes from. One that leaves to an external network with the address of its router's gateway
//! goes to the node of the gateway as it is, and is routed there.

use openflow::Field;

use super::{DISPATCH, HOST_ADDRESS, INGRESS, LEARNED_OWNER};
use crate::cookie::AppId;
use crate::regs;
use crate::spec::{Miss, TableSpec};

/// Owner of [`NEIGHBOR`].
pub const NEIGHBOR_OWNER: AppId = AppId { number: 8, name: "neighbor" };
/// Owner of the other tables of routers.
pub const ROUTER_OWNER: AppId = AppId { number: 7, name: "router" };

/// What comes from outside for a router.
pub static ARRIVE: TableSpec = TableSpec {
    id: 91,
    name: "arrive",
    owner: ROUTER_OWNER,
    purpose: "turns floating IPs and the addresses of gateways back into the addresses behind them, and answers who asks for \
              their MAC addresses",
    matches: &[
        Field::EthType,
        Field::IpProto,
        Field::Ipv4Dst,
        Field::Ipv6Dst,
        Field::IcmpType,
        Field::Icmp6Type,
        Field::Icmp6Code,
        Field::NdTarget,
        Field::NdTll,
        Field::TcpDst,
        Field::UdpDst,
        Field::SctpDst,
        Field::ArpOp,
        Field::ArpSpa,
        Field::ArpTpa,
    ],
    reads: &[&regs::NETWORK, &regs::EGRESS_PORT, &regs::FROM_WIRE, &regs::FROM_TUNNEL],
    sets: &[
        Field::InPort16,
        Field::EthSrc,
        Field::EthDst,
        Field::Ipv4Dst,
        Field::TcpDst,
        Field::UdpDst,
        Field::SctpDst,
        Field::ArpOp,
        Field::ArpSpa,
        Field::ArpTpa,
        Field::ArpSha,
        Field::ArpTha,
    ],
    writes: &[
        &regs::ROUTER,
        &regs::FROM_TUNNEL,
        &regs::FROM_WIRE,
        &regs::EGRESS_PORT,
        &regs::IS_FOR_GATEWAY,
        &regs::MAY_BE_TOO_LONG,
        &regs::VIA_GATEWAY,
    ],
    next: &[&ROUTE, &HOST_ADDRESS, &RESOLVED, &DISPATCH],
    again: &[],
    may_output: true,
    miss: Miss::Drop,
};

/// Where a router sends a packet.
pub static ROUTE: TableSpec = TableSpec {
    id: 92,
    name: "route",
    owner: ROUTER_OWNER,
    purpose: "finds the longest prefix of a router that a destination is in, and answers what is for the router itself",
    matches: &[
        Field::EthType,
        Field::IpProto,
        Field::IpTtl,
        Field::Ipv4Src,
        Field::Ipv6Src,
        Field::Ipv4Dst,
        Field::Ipv6Dst,
        Field::IcmpType,
        Field::IcmpCode,
        Field::Icmp6Type,
        Field::Icmp6Code,
    ],
    reads: &[&regs::ROUTER, &regs::IS_FOR_GATEWAY, &regs::MAY_BE_TOO_LONG],
    sets: &[
        Field::InPort16,
        Field::EthSrc,
        Field::EthDst,
        Field::IpTtl,
        Field::Ipv4Src,
        Field::Ipv4Dst,
        Field::Ipv6Src,
        Field::Ipv6Dst,
        Field::IcmpType,
        Field::Icmp6Type,
    ],
    writes: &[
        &regs::NETWORK,
        &regs::INGRESS_PORT,
        &regs::INGRESS_ON_WIRE,
        &regs::EGRESS_PORT,
        &regs::NEXT_HOP,
        &regs::NEXT_HOP_V6,
    ],
    next: &[&OVERSIZE, &EXTERNAL, &NEIGHBOR],
    again: &[&ROUTE],
    may_output: true,
    miss: Miss::Drop,
};

/// Whether a packet fits.
pub static OVERSIZE: TableSpec = TableSpec {
    id: 93,
    name: "oversize",
    owner: ROUTER_OWNER,
    purpose: "measures packets that may be too long for the network that they would leave to, and has the sender told of those \
              that are",
    matches: &[Field::EthType],
    reads: &[&regs::IS_TOO_LONG, &regs::MAY_BE_TOO_LONG, &regs::ROUTER, &regs::NETWORK],
    sets: &[],
    writes: &[&regs::IS_TOO_LONG, &regs::MAY_BE_TOO_LONG],
    next: &[&EXTERNAL, &NEIGHBOR],
    again: &[&OVERSIZE],
    may_output: true,
    miss: Miss::Drop,
};

/// With which address a packet leaves to an external network.
pub static EXTERNAL: TableSpec = TableSpec {
    id: 94,
    name: "external",
    owner: ROUTER_OWNER,
    purpose: "gives what leaves to an external network a floating IP or the address of the gateway, or sends it to the node where \
              that is done",
    matches: &[
        Field::EthType,
        Field::IpProto,
        Field::Ipv4Src,
        Field::Ipv6Src,
        Field::IcmpType,
        Field::TcpSrc,
        Field::UdpSrc,
        Field::SctpSrc,
    ],
    reads: &[&regs::ROUTER, &regs::NETWORK, &regs::IS_FOR_GATEWAY, &regs::VIA_GATEWAY],
    sets: &[
        Field::InPort16,
        Field::IpTtl,
        Field::EthSrc,
        Field::EthDst,
        Field::Ipv4Src,
        Field::TcpSrc,
        Field::UdpSrc,
        Field::SctpSrc,
    ],
    writes: &[&regs::INGRESS_PORT, &regs::INGRESS_ON_WIRE, &regs::EGRESS_PORT],
    next: &[&HOST_ADDRESS, &NEIGHBOR, &DISPATCH],
    again: &[],
    may_output: true,
    miss: Miss::Drop,
};

/// Who has the address that a packet is handed to.
pub static NEIGHBOR: TableSpec = TableSpec {
    id: 96,
    name: "neighbor",
    owner: NEIGHBOR_OWNER,
    purpose: "finds the MAC address and the logical port of the next hop in the network that a packet leaves to, and those of whom \
              guests ask for",
    matches: &[Field::EthType],
    reads: &[&regs::NETWORK, &regs::NEXT_HOP, &regs::NEXT_HOP_V6, &regs::ASKS],
    sets: &[Field::EthSrc, Field::EthDst],
    writes: &[&regs::EGRESS_PORT, &regs::ROUTER, &regs::MAY_BE_TOO_LONG, &regs::ASKS],
    next: &[&RESOLVED, &UNRESOLVED, &INGRESS, &DISPATCH],
    again: &[&ARRIVE, &ROUTE],
    may_output: false,
    miss: Miss::Goto(&UNRESOLVED),
};

/// Who has an address on a wire. The switch makes its flows, of what neighbours say; nobody compares them.
pub static RESOLVED: TableSpec = TableSpec {
    id: 97,
    name: "resolved",
    owner: LEARNED_OWNER,
    purpose: "knows the MAC addresses that neighbours of routers said to have",
    matches: &[Field::EthType],
    reads: &[&regs::NETWORK, &regs::NEXT_HOP, &regs::NEXT_HOP_V6],
    sets: &[Field::EthDst],
    writes: &[&regs::EGRESS_PORT],
    next: &[],
    again: &[],
    may_output: false,
    miss: Miss::Drop,
};

/// What is for a neighbour that has to be asked first.
pub static UNRESOLVED: TableSpec = TableSpec {
    id: 98,
    name: "unresolved",
    owner: ROUTER_OWNER,
    purpose: "sends to the wire what is for a known neighbour, has the controller ask for others, and tells senders that nobody is \
              there where none can be on a wire",
    matches: &[Field::EthType],
    reads: &[&regs::NETWORK, &regs::EGRESS_PORT],
    sets: &[],
    writes: &[],
    next: &[&DISPATCH],
    again: &[],
    may_output: true,
    miss: Miss::Drop,
};
