//! The tables, in the order in which packets pass them.
//!
//! ```text
//!  guest -> classify -> port security -+-> egress groups --> l2 -> ingress groups -> dispatch -> guest
//!                            |         |         ^           ^ |        ^               ^
//!                            |         +-> arp --|-----------+ +--------|---------------+-> tunnel
//!                            +-> neighbor security -+-> nd --+          |
//!                            |                       +-> dhcpv6 (to l2)  |
//!                            +-> dhcp -> request security ---+          |
//! tunnel -> classify ---------------------------------------------------+ (the option says the port)
//!               +--------------------------------------------+            (it does not)
//!   wire -> classify ----------------------------------------+           dispatch -> wire
//! ```
//! What a guest asks the metadata service goes from port security to the table metadata, and out to the proxy of the node;
//! what that answers goes from classify by metadata answer to dispatch.
//!
//! What a guest asks name servers goes from l2 to dns, where ports of its network have names, and from there up; what is not answered
//! comes back to l2.
//!
//! Questions for neighbours look for them in the table neighbor, as routed packets do, and come back from there to be made answers.
//!
//! What the tables arp and nd answer goes back to the guest from a table of its own, `answer`, because
//! frames for ports inside others look different. What guests say from ranges of addresses passes a table more before arp.
//! A guest with a policy passes two tables more on its way in (rate, marks) and up to three on its way out (rate, packets,
//! departure); guests without one pass none of them.
//! Groups are four tables on either side: what is tracked and what is not, what the rules say, what becomes of a connection.
//! A packet of a filtered guest to one on another node passes seven tables here and six there, and one without groups
//! five here and three there (one more each way, if it is IPv6). What is for a group of listeners passes a table more behind l2,
//! where memberships are looked at. What is sent to a router passes tables of its own behind l2, see [`ROUTE`]; an answer to a neighbour solicitation goes from nd by nd answer to answer.
//!
//! Numbers leave room between tables, so that one that is added later fits in without moving others: a moved table would
//! make every flow of it differ from what switches hold, and a restart would rewrite them all.

mod dhcp;
mod dns;
mod groups;
mod host_address;
mod metadata;
mod neighbors;
mod pairs;
mod policies;
mod routers;

use openflow::Field;

use crate::cookie::AppId;
use crate::regs;
use crate::spec::{Miss, Pipeline, TableSpec};
use crate::tunnels;

pub use dhcp::{DHCP, DHCP_OWNER, DHCPV6, DHCPV6_OWNER};
pub use dns::{DNS, DNS_OWNER};
pub use groups::{
    EGRESS_ACCEPT, EGRESS_RULES, EGRESS_TRACK, GROUPS_OWNER, INGRESS, INGRESS_ACCEPT, INGRESS_RULES,
    INGRESS_TRACK,
};
pub use host_address::HOST_ADDRESS;
pub use metadata::{METADATA, METADATA_ANSWER, METADATA_OWNER};
pub use neighbors::{ARP, ARP_FOUND, ARP_OWNER, ND, ND_ANSWER, ND_FOUND, ND_OWNER};
pub use pairs::ARP_CLAIMS;
pub use policies::{EGRESS_MARKS, EGRESS_RATE, INGRESS_PACKETS, INGRESS_RATE, QOS_OWNER};
pub use routers::{
    ARRIVE, EXTERNAL, NEIGHBOR, NEIGHBOR_OWNER, OVERSIZE, RESOLVED, ROUTE, ROUTER_OWNER, UNRESOLVED,
};

/// Owner of [`CLASSIFY`], [`ANSWER`], [`DISPATCH`] and [`DEPARTURE`].
pub const CLASSIFY_OWNER: AppId = AppId { number: 1, name: "classify" };
/// Owner of [`L2`] and [`MULTICAST`].
pub const L2_OWNER: AppId = AppId { number: 2, name: "l2" };
/// Owner of [`PORT_SECURITY`].
pub const PORT_SECURITY_OWNER: AppId = AppId { number: 3, name: "portsec" };
/// Owner of [`LEARNED`] and [`RESOLVED`]: the switch itself.
pub const LEARNED_OWNER: AppId = AppId { number: 12, name: "learned" };
/// Owner of [`ARRIVAL`].
pub const MIGRATION_OWNER: AppId = AppId { number: 21, name: "migration" };

/// Who watches other nodes. It has no tables.
pub const GATEWAY_OWNER: AppId = AppId { number: 42, name: "gateway" };

/// Where packets enter.
pub static CLASSIFY: TableSpec = TableSpec {
    id: 0,
    name: "classify",
    owner: CLASSIFY_OWNER,
    purpose: "says which logical port and network a packet comes from, and for one out of a tunnel where it goes",
    matches: &[
        Field::InPort,
        Field::VlanVid,
        Field::TunId,
        Field::TunSrc,
        Field::TunIpv6Src,
        tunnels::OPTION_FIELD,
        Field::EthType,
        Field::EthSrc,
        Field::Ipv4Src,
        Field::Ipv6Src,
        Field::ArpSpa,
        Field::IpProto,
        Field::Icmp6Type,
        Field::NdTarget,
    ],
    reads: &[],
    sets: &[
        Field::VlanVid,
        Field::EthSrc,
        Field::ArpSha,
        Field::NdSll,
        Field::NdTll,
        Field::TunId,
        Field::TunDst,
        Field::TunIpv6Dst,
    ],
    writes: &[
        &regs::NETWORK,
        &regs::INGRESS_PORT,
        &regs::EGRESS_PORT,
        &regs::FROM_TUNNEL,
        &regs::FROM_WIRE,
        &regs::CARRIES_TAGS,
        &regs::INGRESS_ON_WIRE,
        &regs::GROUPS[0],
        &regs::GROUPS[1],
        &regs::GROUPS[2],
        &regs::GROUPS[3],
        &regs::ZONE,
    ],
    next: &[
        &ARRIVAL,
        &EGRESS_RATE,
        &EGRESS_MARKS,
        &PORT_SECURITY,
        &METADATA_ANSWER,
        &LEARN,
        &L2,
        &ARRIVE,
        &INGRESS,
    ],
    again: &[],
    may_output: true,
    miss: Miss::Drop,
};

/// What a guest sends that is on its way to this node.
pub static ARRIVAL: TableSpec = TableSpec {
    id: 2,
    name: "arrival",
    owner: MIGRATION_OWNER,
    purpose: "tells the controller that a guest runs here now, and keeps what it sends until all nodes know",
    matches: &[],
    reads: &[&regs::INGRESS_PORT],
    sets: &[],
    writes: &[],
    next: &[&PORT_SECURITY],
    again: &[],
    may_output: true,
    miss: Miss::Goto(&PORT_SECURITY),
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
        Field::EthDst,
        Field::Ipv4Dst,
        Field::Ipv6Dst,
        Field::IpProto,
        Field::TcpDst,
        Field::UdpSrc,
        Field::UdpDst,
        Field::Icmp6Type,
        Field::ArpOp,
        Field::ArpSpa,
        Field::ArpSha,
        Field::VlanVid,
    ],
    reads: &[&regs::INGRESS_PORT],
    sets: &[],
    writes: &[],
    next: &[
        &NEIGHBOR_SECURITY,
        &METADATA,
        &ARP_CLAIMS,
        &ARP,
        &ND,
        &DHCP,
        &DHCPV6,
        &LEARN,
        &EGRESS_TRACK,
        &L2,
    ],
    again: &[],
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
        Field::IpFrag,
        Field::IpTtl,
        Field::Icmp6Type,
        Field::Icmp6Code,
        Field::NdTarget,
        Field::NdSll,
        Field::NdTll,
        Field::UdpSrc,
        Field::UdpDst,
    ],
    reads: &[&regs::INGRESS_PORT],
    sets: &[],
    writes: &[],
    next: &[&ND, &DHCPV6, &L2],
    again: &[],
    may_output: false,
    miss: Miss::Goto(&EGRESS_TRACK),
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
    again: &[],
    may_output: false,
    miss: Miss::Drop,
};

/// Where addresses were heard that no port has. Packets look in here by the way.
pub static LEARN: TableSpec = TableSpec {
    id: 47,
    name: "learn",
    owner: L2_OWNER,
    purpose: "has the switch remember where a source address was heard, of who may have other addresses than its own",
    matches: &[Field::EthSrc],
    reads: &[&regs::NETWORK, &regs::INGRESS_PORT, &regs::FROM_TUNNEL, &regs::FROM_WIRE],
    sets: &[Field::TunDst, Field::TunIpv6Dst],
    writes: &[&regs::EGRESS_PORT],
    next: &[&LEARNED],
    again: &[],
    may_output: false,
    miss: Miss::Drop,
};

/// Where answers leave.
pub static ANSWER: TableSpec = TableSpec {
    id: 70,
    name: "answer",
    owner: CLASSIFY_OWNER,
    purpose: "sends what was made an answer back to who asked, as frames for it have to look",
    matches: &[Field::EthType],
    reads: &[&regs::INGRESS_PORT],
    sets: &[Field::VlanVid, Field::EthDst, Field::ArpTha],
    writes: &[],
    next: &[],
    again: &[],
    may_output: true,
    miss: Miss::Drop,
};

/// Switching.
pub static L2: TableSpec = TableSpec {
    id: 80,
    name: "l2",
    owner: L2_OWNER,
    purpose: "finds the logical port behind a destination address, and floods what is for many",
    matches: &[
        Field::EthDst,
        Field::EthSrc,
        Field::EthType,
        Field::VlanVid,
        Field::IpProto,
        Field::UdpDst,
        Field::TcpDst,
        Field::TcpFlags,
    ],
    reads: &[&regs::NETWORK, &regs::FROM_TUNNEL, &regs::FROM_WIRE, &regs::CARRIES_TAGS, &regs::LOOKED_UP],
    sets: &[Field::TunId, tunnels::OPTION_FIELD, Field::EthSrc],
    writes: &[
        &regs::EGRESS_PORT,
        &regs::ROUTER,
        &regs::FROM_TUNNEL,
        &regs::FROM_WIRE,
        &regs::MAY_BE_TOO_LONG,
    ],
    next: &[&LEARNED, &UNKNOWN, &DNS, &MULTICAST, &ARRIVE, &ROUTE, &INGRESS, &DISPATCH],
    again: &[],
    may_output: true,
    miss: Miss::Drop,
};

/// Where addresses are that no port has. The switch makes its flows; nobody compares them.
pub static LEARNED: TableSpec = TableSpec {
    id: 82,
    name: "learned",
    owner: LEARNED_OWNER,
    purpose: "knows the logical port, the wire, or the end of a tunnel where an address was heard last",
    matches: &[Field::EthDst],
    reads: &[&regs::NETWORK],
    sets: &[Field::TunDst, Field::TunIpv6Dst],
    writes: &[&regs::EGRESS_PORT],
    next: &[],
    again: &[],
    may_output: false,
    miss: Miss::Drop,
};

/// What is for an address that no port has.
pub static UNKNOWN: TableSpec = TableSpec {
    id: 84,
    name: "unknown",
    owner: L2_OWNER,
    purpose: "sends a packet to where its destination was heard last, or to all that may have it",
    matches: &[],
    reads: &[&regs::NETWORK, &regs::EGRESS_PORT, &regs::FROM_TUNNEL],
    sets: &[Field::TunId, tunnels::OPTION_FIELD],
    writes: &[],
    next: &[&INGRESS],
    again: &[],
    may_output: true,
    miss: Miss::Drop,
};

/// Who listens.
pub static MULTICAST: TableSpec = TableSpec {
    id: 90,
    name: "multicast",
    owner: L2_OWNER,
    purpose: "copies what is for a multicast address to those who listen to it, and sends what guests say of that to the \
              controller, at a limited rate",
    matches: &[Field::EthType, Field::IpProto, Field::Ipv4Dst, Field::Ipv6Dst, Field::Icmp6Type],
    reads: &[&regs::NETWORK, &regs::INGRESS_PORT, &regs::FROM_TUNNEL],
    sets: &[Field::TunId, tunnels::OPTION_FIELD],
    writes: &[&regs::EGRESS_PORT],
    next: &[&DISPATCH],
    again: &[],
    may_output: true,
    miss: Miss::Drop,
};

/// Where packets leave.
pub static DISPATCH: TableSpec = TableSpec {
    id: 120,
    name: "dispatch",
    owner: CLASSIFY_OWNER,
    purpose: "sends a packet out of the switch port that its logical port is plugged into, into the tunnel to its host, or to \
              the physical network",
    matches: &[Field::InPort, Field::EthType, Field::EthDst],
    reads: &[&regs::NETWORK, &regs::INGRESS_PORT, &regs::EGRESS_PORT, &regs::FROM_TUNNEL, &regs::ASKS],
    sets: &[
        Field::TunId,
        Field::TunDst,
        Field::TunIpv6Dst,
        tunnels::OPTION_FIELD,
        Field::VlanVid,
        Field::EthDst,
        Field::ArpTha,
    ],
    writes: &[&regs::ASKS],
    next: &[&INGRESS_RATE],
    again: &[],
    may_output: true,
    miss: Miss::Drop,
};

/// Where packets leave that were limited.
pub static DEPARTURE: TableSpec = TableSpec {
    id: 126,
    name: "departure",
    owner: CLASSIFY_OWNER,
    purpose: "sends what a policy let pass out of the switch port that its logical port is plugged into",
    matches: &[Field::InPort, Field::EthType, Field::EthDst],
    reads: &[&regs::INGRESS_PORT, &regs::EGRESS_PORT],
    sets: &[Field::VlanVid, Field::EthDst, Field::ArpTha],
    writes: &[],
    next: &[],
    again: &[],
    may_output: true,
    miss: Miss::Drop,
};

/// All of them.
pub static PIPELINE: Pipeline = Pipeline {
    tables: &[
        &CLASSIFY,
        &ARRIVAL,
        &EGRESS_RATE,
        &EGRESS_MARKS,
        &PORT_SECURITY,
        &NEIGHBOR_SECURITY,
        &METADATA,
        &METADATA_ANSWER,
        &ARP_CLAIMS,
        &ARP,
        &ARP_FOUND,
        &ND,
        &ND_FOUND,
        &ND_ANSWER,
        &DHCP,
        &DHCPV6,
        &REQUEST_SECURITY,
        &LEARN,
        &EGRESS_TRACK,
        &EGRESS_RULES,
        &EGRESS_ACCEPT,
        &ANSWER,
        &L2,
        &LEARNED,
        &UNKNOWN,
        &DNS,
        &MULTICAST,
        &ARRIVE,
        &ROUTE,
        &OVERSIZE,
        &EXTERNAL,
        &HOST_ADDRESS,
        &NEIGHBOR,
        &RESOLVED,
        &UNRESOLVED,
        &INGRESS,
        &INGRESS_TRACK,
        &INGRESS_RULES,
        &INGRESS_ACCEPT,
        &DISPATCH,
        &INGRESS_RATE,
        &INGRESS_PACKETS,
        &DEPARTURE,
    ],
};
