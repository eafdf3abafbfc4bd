//! The way to the metadata service of the node, and back.

use openflow::Field;

use super::DISPATCH;
use crate::cookie::AppId;
use crate::regs;
use crate::spec::{Miss, TableSpec};

/// Owner of [`METADATA`] and [`METADATA_ANSWER`].
pub const METADATA_OWNER: AppId = AppId { number: 40, name: "metadata" };

/// What guests ask the metadata service.
pub static METADATA: TableSpec = TableSpec {
    id: 20,
    name: "metadata",
    owner: METADATA_OWNER,
    purpose: "sends what guests ask the metadata service to the proxy of the node, from an address that says which port asks",
    matches: &[Field::EthType, Field::IpProto, Field::TcpDst],
    reads: &[&regs::INGRESS_PORT],
    sets: &[Field::EthDst, Field::Ipv4Src, Field::Ipv4Dst, Field::Ipv6Src, Field::Ipv6Dst, Field::TcpDst],
    writes: &[],
    next: &[],
    again: &[],
    may_output: true,
    miss: Miss::Drop,
};

/// What the proxy answers.
pub static METADATA_ANSWER: TableSpec = TableSpec {
    id: 25,
    name: "metadata answer",
    owner: METADATA_OWNER,
    purpose: "gives what the proxy answers to the port that its address says, from the service that the guest asked",
    matches: &[
        Field::EthType,
        Field::IpProto,
        Field::TcpSrc,
        Field::Ipv4Src,
        Field::Ipv4Dst,
        Field::Ipv6Src,
        Field::Ipv6Dst,
    ],
    reads: &[],
    sets: &[
        Field::EthSrc,
        Field::EthDst,
        Field::Ipv4Src,
        Field::Ipv4Dst,
        Field::Ipv6Src,
        Field::Ipv6Dst,
        Field::TcpSrc,
    ],
    writes: &[&regs::NETWORK, &regs::EGRESS_PORT],
    next: &[&DISPATCH],
    again: &[],
    may_output: false,
    miss: Miss::Drop,
};
