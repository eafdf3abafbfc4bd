//! The tables by which guests ask for addresses. What is not answered on their node is switched.

use openflow::Field;

use super::{L2, REQUEST_SECURITY};
use crate::cookie::AppId;
use crate::regs;
use crate::spec::{Miss, TableSpec};

/// Owner of [`DHCP`].
pub const DHCP_OWNER: AppId = AppId { number: 5, name: "dhcp" };
/// Owner of [`DHCPV6`].
pub const DHCPV6_OWNER: AppId = AppId { number: 11, name: "dhcpv6" };

/// What addresses guests get.
pub static DHCP: TableSpec = TableSpec {
    id: 40,
    name: "dhcp",
    owner: DHCP_OWNER,
    purpose: "sends the DHCP messages of guests to the controller of their own node, at a limited rate",
    matches: &[
        Field::EthType,
        Field::EthDst,
        Field::IpProto,
        Field::UdpSrc,
        Field::UdpDst,
        Field::Ipv4Dst,
        Field::VlanVid,
    ],
    reads: &[&regs::NETWORK, &regs::INGRESS_PORT],
    sets: &[],
    writes: &[],
    next: &[&REQUEST_SECURITY],
    again: &[],
    may_output: true,
    miss: Miss::Goto(&REQUEST_SECURITY),
};

/// What IPv6 addresses guests get.
pub static DHCPV6: TableSpec = TableSpec {
    id: 42,
    name: "dhcpv6",
    owner: DHCPV6_OWNER,
    purpose: "sends the DHCPv6 messages of guests to the controller of their own node, at a limited rate",
    matches: &[Field::EthType, Field::IpProto, Field::UdpSrc, Field::UdpDst, Field::Ipv6Dst, Field::VlanVid],
    reads: &[&regs::NETWORK, &regs::INGRESS_PORT],
    sets: &[],
    writes: &[],
    next: &[],
    again: &[],
    may_output: true,
    miss: Miss::Goto(&L2),
};
