//! The tables that answer who has an address, in both versions of IP, on the node of who asks. What they do not answer is switched.

use openflow::Field;

use super::{ANSWER, L2, NEIGHBOR};
use crate::cookie::AppId;
use crate::regs;
use crate::spec::{Miss, TableSpec};

/// Owner of [`ARP`], [`ARP_FOUND`] and [`ARP_CLAIMS`](super::ARP_CLAIMS).
pub const ARP_OWNER: AppId = AppId { number: 4, name: "arp" };
/// Owner of [`ND`], [`ND_FOUND`] and [`ND_ANSWER`].
pub const ND_OWNER: AppId = AppId { number: 10, name: "nd" };

/// What makes an ARP request its answer.
const ARP_ANSWER: &[Field] =
    &[Field::EthSrc, Field::EthDst, Field::ArpOp, Field::ArpSpa, Field::ArpTpa, Field::ArpSha, Field::ArpTha];

/// What makes a neighbour solicitation its answer.
const ND_ADVERTISEMENT: &[Field] = &[
    Field::EthSrc,
    Field::EthDst,
    Field::Ipv6Src,
    Field::Ipv6Dst,
    Field::Icmp6Type,
    Field::NdReserved,
    Field::NdOptionsType,
];

/// Who has an address.
pub static ARP: TableSpec = TableSpec {
    id: 30,
    name: "arp",
    owner: ARP_OWNER,
    purpose: "answers ARP requests for ports of the network on the node of who asks, and tells the controller who uses \
              the addresses of pairs",
    matches: &[Field::EthType, Field::EthDst, Field::ArpOp, Field::ArpSpa, Field::ArpTpa, Field::VlanVid],
    reads: &[&regs::NETWORK, &regs::INGRESS_PORT],
    sets: ARP_ANSWER,
    writes: &[&regs::NEXT_HOP, &regs::ASKS],
    next: &[&ARP_FOUND, &ANSWER, &L2, &NEIGHBOR],
    again: &[],
    may_output: true,
    miss: Miss::Goto(&L2),
};

/// Whose neighbour was found, and whose was not.
pub static ARP_FOUND: TableSpec = TableSpec {
    id: 32,
    name: "arp found",
    owner: ARP_OWNER,
    purpose: "answers ARP requests whose target is among the neighbours of the network, and has switched the others",
    matches: &[Field::EthType],
    reads: &[&regs::EGRESS_PORT],
    sets: ARP_ANSWER,
    writes: &[&regs::EGRESS_PORT],
    next: &[&ANSWER, &L2],
    again: &[],
    may_output: false,
    miss: Miss::Drop,
};

/// Who has an IPv6 address, and what the link is like.
pub static ND: TableSpec = TableSpec {
    id: 35,
    name: "nd",
    owner: ND_OWNER,
    purpose: "makes neighbour solicitations for ports of the network answers on the node of who asks, and sends router \
              solicitations of guests to their controller, at a limited rate",
    matches: &[
        Field::EthType,
        Field::IpProto,
        Field::Ipv6Src,
        Field::Icmp6Type,
        Field::Icmp6Code,
        Field::NdTarget,
        Field::NdOptionsType,
        Field::VlanVid,
    ],
    reads: &[&regs::NETWORK, &regs::INGRESS_PORT],
    sets: ND_ADVERTISEMENT,
    writes: &[&regs::NEXT_HOP_V6, &regs::ASKS],
    next: &[&ND_FOUND, &ND_ANSWER, &L2, &NEIGHBOR],
    again: &[],
    may_output: true,
    miss: Miss::Goto(&L2),
};

/// Whose neighbour was found by its IPv6 address, and whose was not.
pub static ND_FOUND: TableSpec = TableSpec {
    id: 36,
    name: "nd found",
    owner: ND_OWNER,
    purpose: "makes solicitations whose target is among the neighbours of the network advertisements, and has switched the others",
    matches: &[Field::EthType, Field::IpProto, Field::Icmp6Type, Field::Icmp6Code],
    reads: &[&regs::EGRESS_PORT],
    sets: ND_ADVERTISEMENT,
    writes: &[&regs::NEXT_HOP_V6, &regs::EGRESS_PORT],
    next: &[&ND_ANSWER, &L2],
    again: &[],
    may_output: false,
    miss: Miss::Drop,
};

/// The answers.
pub static ND_ANSWER: TableSpec = TableSpec {
    id: 37,
    name: "nd answer",
    owner: ND_OWNER,
    purpose: "completes neighbour advertisements, which the switch lets nobody do before it knows that they are such, and sends \
              them back",
    matches: &[Field::EthType, Field::IpProto, Field::Icmp6Type, Field::Icmp6Code],
    reads: &[],
    sets: &[Field::NdTll],
    writes: &[],
    next: &[&ANSWER],
    again: &[],
    may_output: false,
    miss: Miss::Drop,
};
