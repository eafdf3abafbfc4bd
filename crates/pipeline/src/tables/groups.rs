//! The tables of security groups: four before l2, for what a guest sends, and four behind it, for what it is sent.

use openflow::Field;

use super::{DISPATCH, L2};
use crate::cookie::AppId;
use crate::regs::{self, Register};
use crate::spec::{Miss, TableSpec};

/// Owner of the tables of security groups.
pub const GROUPS_OWNER: AppId = AppId { number: 6, name: "sg" };

/// What rules of security groups look at.
const GROUP_FIELDS: &[Field] = &[
    Field::EthType,
    Field::EthDst,
    Field::IpProto,
    Field::Ipv4Src,
    Field::Ipv4Dst,
    Field::Ipv6Src,
    Field::Ipv6Dst,
    Field::TcpDst,
    Field::UdpSrc,
    Field::UdpDst,
    Field::SctpDst,
    Field::IcmpType,
    Field::IcmpCode,
    Field::Icmp6Type,
    Field::Icmp6Code,
    Field::CtState,
    Field::CtMark,
    Field::ConjId,
    // Of pieces of datagrams.
    Field::IpFrag,
    Field::CtNwProto,
    Field::CtTpDst,
];

/// What a port is filtered by.
const FILTERED_BY: &[&Register] =
    &[&regs::GROUPS[0], &regs::GROUPS[1], &regs::GROUPS[2], &regs::GROUPS[3], &regs::ZONE];

/// Which packets of a guest are tracked.
pub static EGRESS_TRACK: TableSpec = TableSpec {
    id: 50,
    name: "egress track",
    owner: GROUPS_OWNER,
    purpose: "lets pass what no group may cut and what stateless groups permit, and tracks the connections of the rest",
    matches: GROUP_FIELDS,
    reads: FILTERED_BY,
    sets: &[],
    writes: &[],
    next: &[&EGRESS_RULES, &L2],
    again: &[],
    may_output: false,
    miss: Miss::Goto(&L2),
};

/// What the groups of a guest let it send.
pub static EGRESS_RULES: TableSpec = TableSpec {
    id: 52,
    name: "egress rules",
    owner: GROUPS_OWNER,
    purpose: "lets a guest send what a rule of its groups permits, and answers to what it was sent by such a rule",
    matches: GROUP_FIELDS,
    reads: FILTERED_BY,
    sets: &[Field::CtMark],
    writes: &[],
    next: &[&EGRESS_ACCEPT, &L2],
    again: &[],
    may_output: false,
    miss: Miss::Drop,
};

/// Connections that a guest may begin.
pub static EGRESS_ACCEPT: TableSpec = TableSpec {
    id: 54,
    name: "egress accept",
    owner: GROUPS_OWNER,
    purpose: "remembers the connections that a guest begins",
    matches: &[Field::EthType, Field::CtState, Field::CtMark],
    reads: &[],
    sets: &[Field::CtMark],
    writes: &[],
    next: &[&L2],
    again: &[],
    may_output: false,
    miss: Miss::Drop,
};

/// Who is filtered of those that packets go to.
pub static INGRESS: TableSpec = TableSpec {
    id: 100,
    name: "ingress",
    owner: GROUPS_OWNER,
    purpose: "finds the groups of the port that a packet goes to",
    matches: &[],
    reads: &[&regs::EGRESS_PORT],
    sets: &[],
    writes: FILTERED_BY,
    next: &[&INGRESS_TRACK, &DISPATCH],
    again: &[],
    may_output: false,
    miss: Miss::Goto(&DISPATCH),
};

/// Which packets to a guest are tracked.
pub static INGRESS_TRACK: TableSpec = TableSpec {
    id: 102,
    name: "ingress track",
    owner: GROUPS_OWNER,
    purpose: "lets pass what no group may cut and what stateless groups permit, and tracks the connections of the rest",
    matches: GROUP_FIELDS,
    reads: FILTERED_BY,
    sets: &[],
    writes: &[],
    next: &[&INGRESS_RULES, &DISPATCH],
    again: &[],
    may_output: false,
    miss: Miss::Drop,
};

/// What the groups of a guest let others send to it.
pub static INGRESS_RULES: TableSpec = TableSpec {
    id: 104,
    name: "ingress rules",
    owner: GROUPS_OWNER,
    purpose: "lets a guest be sent what a rule of its groups permits, and answers to what it sent by such a rule",
    matches: GROUP_FIELDS,
    reads: FILTERED_BY,
    sets: &[Field::CtMark],
    writes: &[],
    next: &[&INGRESS_ACCEPT, &DISPATCH],
    again: &[],
    may_output: false,
    miss: Miss::Drop,
};

/// Connections that others may begin with a guest.
pub static INGRESS_ACCEPT: TableSpec = TableSpec {
    id: 106,
    name: "ingress accept",
    owner: GROUPS_OWNER,
    purpose: "remembers the connections that others begin with a guest",
    matches: &[Field::EthType, Field::CtState, Field::CtMark],
    reads: &[],
    sets: &[Field::CtMark],
    writes: &[],
    next: &[&DISPATCH],
    again: &[],
    may_output: false,
    miss: Miss::Drop,
};
