//! What one rule of a group permits, as matches.

use std::net::IpAddr;

use ipnet::IpNet;
use model::{Direction, EtherType, RowId, SecurityGroupExtraRule, SecurityGroupRule};
use net_types::PortRange;
use openflow::{Field, Match};
use packet::{ethertype, ip_proto};

use super::{INVALID, TRACKED};

const SCTP: u8 = 132;

/// `ip_frag`: the bits of any piece of a datagram, of the first, and of the others.
const ANY_PIECE: u8 = 3;
const FIRST_PIECE: u8 = 1;
const LATER_PIECE: u8 = 3;

/// Who is on the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Remote {
    /// Anybody.
    Anybody,
    /// Who has such an address.
    Net(IpNet),
    /// Who is in a group.
    Group(RowId),
    /// Who has an address of an address group.
    Addresses(RowId),
}

/// A rule.
#[derive(Debug, Clone)]
pub(super) struct Permit {
    pub(super) id: RowId,
    pub(super) direction: Direction,
    pub(super) remote: Remote,
    ethertype: EtherType,
    protocol: Option<u8>,
    first: Option<u16>,
    last: Option<u16>,
}

impl From<&SecurityGroupRule> for Permit {
    fn from(rule: &SecurityGroupRule) -> Self {
        let remote = match (&rule.remote_group_id, rule.remote_ip_prefix) {
            (Some(group), _) => Remote::Group(group.row().clone()),
            (None, Some(net)) => Remote::Net(net),
            (None, None) => Remote::Anybody,
        };
        Self {
            id: rule.id.clone(),
            direction: rule.direction,
            remote,
            ethertype: rule.ethertype,
            protocol: rule.protocol,
            first: rule.port_range_min,
            last: rule.port_range_max,
        }
    }
}

impl From<&SecurityGroupExtraRule> for Permit {
    fn from(rule: &SecurityGroupExtraRule) -> Self {
        Self {
            id: rule.id.clone(),
            direction: rule.direction,
            remote: Remote::Addresses(rule.remote_address_group_id.row().clone()),
            ethertype: rule.ethertype,
            protocol: rule.protocol,
            first: rule.port_range_min,
            last: rule.port_range_max,
        }
    }
}

impl Permit {
    /// The matches that together are the rule, without groups on the other side; or why it makes no sense. Connections are followed, or not.
    pub(super) fn matches(&self, is_stateful: bool) -> Result<Vec<Match>, String> {
        let mut matches = self.whole()?;
        if is_stateful {
            let pieces: Vec<Match> = matches.iter().flat_map(pieces).collect();
            matches.extend(pieces);
        }
        Ok(matches)
    }

    fn whole(&self) -> Result<Vec<Match>, String> {
        let ethertype = match self.ethertype {
            EtherType::Ipv4 => ethertype::IPV4,
            EtherType::Ipv6 => ethertype::IPV6,
        };
        let mut base = Match::new().with(Field::EthType, ethertype);
        if let Remote::Net(net) = &self.remote {
            base = addressed(base, *net, self.ethertype, self.direction).ok_or_else(|| {
                format!("the remote prefix {net} is not of the rule's IP version, so it permits nothing")
            })?;
        }
        match self.protocol() {
            None => Ok(vec![base]),
            Some(protocol) => self.protocol_matches(base.with(Field::IpProto, protocol), protocol),
        }
    }

    /// The protocol; "ICMP" of IPv6 is ICMPv6, and 0 is any.
    fn protocol(&self) -> Option<u8> {
        match (self.protocol, self.ethertype) {
            (Some(ip_proto::ICMP), EtherType::Ipv6) => Some(ip_proto::ICMPV6),
            (protocol, _) => protocol.filter(|protocol| *protocol != 0),
        }
    }

    fn protocol_matches(&self, base: Match, protocol: u8) -> Result<Vec<Match>, String> {
        let port = match protocol {
            ip_proto::TCP => Field::TcpDst,
            ip_proto::UDP => Field::UdpDst,
            SCTP => Field::SctpDst,
            ip_proto::ICMP => return self.typed(base, Field::IcmpType, Field::IcmpCode),
            ip_proto::ICMPV6 => return self.typed(base, Field::Icmp6Type, Field::Icmp6Code),
            _ if self.first.is_none() && self.last.is_none() => return Ok(vec![base]),
            other => {
                return Err(format!(
                    "Open vSwitch does not see ports of protocol {other}, so the rule permits nothing"
                ));
            }
        };
        let (Some(first), Some(last)) = (self.first.or(self.last), self.last.or(self.first)) else {
            return Ok(vec![base]);
        };
        let Some(range) = PortRange::new(first, last) else {
            return Err(format!("the ports {first} to {last} are none, so the rule permits nothing"));
        };
        // Ports begin at 1, and whoever says all of them means any.
        if range.first() <= 1 && range.last() == u16::MAX {
            return Ok(vec![base]);
        }
        let blocks = range.masked().into_iter();
        Ok(blocks.map(|(value, mask)| base.clone().with_masked(port, value, mask)).collect())
    }

    fn typed(&self, base: Match, kind: Field, code: Field) -> Result<Vec<Match>, String> {
        let octet = |number: u16| {
            u8::try_from(number)
                .map_err(|_| format!("{number} is no type or code of ICMP, so the rule permits nothing"))
        };
        let base = match self.first {
            Some(first) => base.with(kind, octet(first)?),
            None => base,
        };
        Ok(vec![match self.last {
            Some(last) => base.with(code, octet(last)?),
            None => base,
        }])
    }
}

/// The pieces of datagrams that a match is about, which the tracker has seen together. A switch looks at no ports of pieces, the first included, and
/// sees of the later ones of IPv6 that they are pieces in the place of their protocol. But of each it says what protocol the tracker saw, and of the first one
/// to which port. The later ones pass by themselves: they are of use to nobody without the first, which has to pass as well.
fn pieces(whole: &Match) -> Vec<Match> {
    let protocol = whole.exact(Field::IpProto).and_then(|protocol| u8::try_from(protocol).ok());
    let port = whole.get(Field::UdpDst);
    let is_v6 = whole.exact(Field::EthType) == Some(ethertype::IPV6.into());
    let has_pieces = match protocol {
        Some(ip_proto::UDP) => port.is_some() || is_v6,
        // Of what kind a message is the tuple does not say.
        Some(ip_proto::ICMPV6) => {
            [Field::Icmp6Type, Field::Icmp6Code].iter().all(|kind| whole.get(*kind).is_none())
        }
        _ => false,
    };
    let Some(protocol) = protocol.filter(|_| has_pieces) else { return Vec::new() };
    let piece = |which: u8| {
        let mut piece = Match::new().with_masked(Field::IpFrag, which, ANY_PIECE);
        let kept = |field: Field| !matches!(field, Field::IpProto | Field::UdpDst);
        for field in whole.fields().iter().filter(|field| kept(field.field)) {
            piece.set(field.field, field.value, field.mask);
        }
        piece.with_masked(Field::CtState, TRACKED, TRACKED | INVALID).with(Field::CtNwProto, protocol)
    };
    let first = port.map(|port| {
        let mut first = piece(FIRST_PIECE);
        first.set(Field::CtTpDst, port.value, port.mask);
        first
    });
    first.into_iter().chain([piece(LATER_PIECE)]).collect()
}

/// `matching`, for packets whose other side is in `net`; nothing, where that is of another IP version.
fn addressed(matching: Match, net: IpNet, ethertype: EtherType, direction: Direction) -> Option<Match> {
    match (net, ethertype) {
        (IpNet::V4(_), EtherType::Ipv4) | (IpNet::V6(_), EtherType::Ipv6) => {
            Some(other_side(matching, net, direction))
        }
        _ => None,
    }
}

/// `matching`, for packets whose other side is in `net`. Who sends is on the other side of what comes in.
fn other_side(matching: Match, net: IpNet, direction: Direction) -> Match {
    let is_source = direction == Direction::Ingress;
    match (net.trunc().addr(), net.netmask()) {
        (IpAddr::V4(address), IpAddr::V4(mask)) => {
            matching.with_masked(if is_source { Field::Ipv4Src } else { Field::Ipv4Dst }, address, mask)
        }
        (IpAddr::V6(address), IpAddr::V6(mask)) => {
            matching.with_masked(if is_source { Field::Ipv6Src } else { Field::Ipv6Dst }, address, mask)
        }
        _ => matching,
    }
}

/// Packets whose other side is in `net`.
pub(super) fn of_net(net: IpNet, direction: Direction) -> Match {
    let ethertype = match net {
        IpNet::V4(_) => ethertype::IPV4,
        IpNet::V6(_) => ethertype::IPV6,
    };
    other_side(Match::new().with(Field::EthType, ethertype), net, direction)
}
