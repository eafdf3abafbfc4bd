//! A packet while it is put together: what is left out is filled in as the guest would.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::{LogicalPort, LogicalSwitch, Model as _, Subnet};
use net_types::MacAddr;
use openflow::{Field, Match};
use packet::{dhcp6, ethertype, ip_proto, nd};

use crate::cloud::Cloud;
use crate::request::{Kind, TraceError};

const DHCP_SERVER: u16 = 67;
const DHCP_CLIENT: u16 = 68;
/// A port of those that programs get when they do not care.
const SOME_CLIENT: u16 = 49_152;
const ECHO_REQUEST: u8 = 8;
const ECHO_REQUEST_V6: u8 = 128;
const NEIGHBOR_SOLICITATION: u8 = 135;
/// The option of neighbour discovery that says where the sender is.
const SOURCE_LINK: u8 = 1;
const ARP_REQUEST: u16 = 1;
const TTL: u8 = 64;
/// What neighbour discovery demands.
const TTL_ON_LINK: u8 = 255;
const SYN: u16 = 2;

/// What goes into the packet, while it is put together.
pub(crate) struct Draft<'a> {
    pub(crate) cloud: &'a Cloud,
    pub(crate) sender: &'a LogicalPort,
    pub(crate) network: &'a LogicalSwitch,
    pub(crate) target: Option<&'a LogicalPort>,
    pub(crate) fields: Match,
}

impl Draft<'_> {
    fn has(&self, field: Field) -> bool {
        self.fields.get(field).is_some()
    }

    fn is(&self, field: Field, value: impl Into<u128>) -> bool {
        self.fields.exact(field) == Some(value.into())
    }

    /// Says a field that nobody said.
    fn default(&mut self, field: Field, value: impl Into<u128>) {
        if !self.has(field) {
            self.fields.set(field, value.into(), field.full_mask());
        }
    }

    pub(crate) fn kind(&mut self, kind: Kind) -> Result<(), TraceError> {
        match kind {
            Kind::Dhcp => {
                self.protocol(kind, ethertype::IPV4, Some(ip_proto::UDP))?;
                self.default(Field::Ipv4Src, Ipv4Addr::UNSPECIFIED.to_bits());
                self.default(Field::Ipv4Dst, Ipv4Addr::BROADCAST.to_bits());
                self.default(Field::UdpSrc, DHCP_CLIENT);
                self.default(Field::UdpDst, DHCP_SERVER);
            }
            Kind::Dhcpv6 => {
                self.protocol(kind, ethertype::IPV6, Some(ip_proto::UDP))?;
                if let Some(mac) = self.sender.macs.first() {
                    self.default(Field::Ipv6Src, mac.link_local().to_bits());
                }
                self.default(Field::Ipv6Dst, dhcp6::SERVERS.to_bits());
                self.default(Field::UdpSrc, dhcp6::CLIENT_PORT);
                self.default(Field::UdpDst, dhcp6::SERVER_PORT);
            }
            Kind::Who(IpAddr::V4(address)) => {
                self.protocol(kind, ethertype::ARP, None)?;
                self.default(Field::ArpTpa, address.to_bits());
            }
            Kind::Who(IpAddr::V6(address)) => {
                self.protocol(kind, ethertype::IPV6, Some(ip_proto::ICMPV6))?;
                self.default(Field::Icmp6Type, NEIGHBOR_SOLICITATION);
                self.default(Field::NdTarget, address.to_bits());
                self.default(Field::Ipv6Dst, nd::solicited_node(address).to_bits());
            }
            Kind::Ping => {
                let (ethertype, is_v6) = self.version(kind)?;
                let proto = if is_v6 { ip_proto::ICMPV6 } else { ip_proto::ICMP };
                self.protocol(kind, ethertype, Some(proto))?;
            }
            Kind::Tcp(port) => {
                let (ethertype, _) = self.version(kind)?;
                self.protocol(kind, ethertype, Some(ip_proto::TCP))?;
                self.asked(kind, Field::TcpDst, port)?;
            }
            Kind::Udp(port) => {
                let (ethertype, _) = self.version(kind)?;
                self.protocol(kind, ethertype, Some(ip_proto::UDP))?;
                self.asked(kind, Field::UdpDst, port)?;
            }
        }
        Ok(())
    }

    /// The version of IP of a packet that has one, by its ethertype, and whether that is the sixth.
    fn version(&mut self, kind: Kind) -> Result<(u16, bool), TraceError> {
        let is_v6 = self.family()?;
        let ethertype = if is_v6 { ethertype::IPV6 } else { ethertype::IPV4 };
        self.asked(kind, Field::EthType, ethertype)?;
        Ok((ethertype, is_v6))
    }

    /// Says of which protocol it is.
    fn protocol(&mut self, kind: Kind, ethertype: u16, proto: Option<u8>) -> Result<(), TraceError> {
        self.asked(kind, Field::EthType, ethertype)?;
        proto.map_or(Ok(()), |proto| self.asked(kind, Field::IpProto, proto))
    }

    /// Says a field that makes the packet what is asked for: nobody may have said it otherwise.
    fn asked(&mut self, kind: Kind, field: Field, value: impl Into<u128>) -> Result<(), TraceError> {
        let value = value.into();
        self.default(field, value);
        match self.is(field, value) {
            true => Ok(()),
            false => Err(TraceError::Contradiction { said: self.fields.to_string(), option: kind.option() }),
        }
    }

    /// Whether it is to be IPv6: as the fields say, or the first address that both ports can use.
    fn family(&self) -> Result<bool, TraceError> {
        if self.has(Field::EthType) {
            return Ok(self.is(Field::EthType, ethertype::IPV6));
        }
        let Some(target) = self.target else { return Err(TraceError::NoDestination("nw_dst or ipv6_dst")) };
        let can_answer = |to: &&IpAddr| self.sender.ips.iter().any(|from| from.is_ipv4() == to.is_ipv4());
        let common = target.ips.iter().find(can_answer).map(IpAddr::is_ipv6);
        let name = |port: &LogicalPort| self.cloud.name(LogicalPort::TABLE, port.id.row()).to_string();
        common.ok_or_else(|| TraceError::NoCommonFamily(name(self.sender), name(target)))
    }

    /// Fills in what is left out.
    pub(crate) fn fill(&mut self) -> Result<(), TraceError> {
        if let Some(mac) = self.sender.macs.first() {
            self.default(Field::EthSrc, mac.to_u64());
        }
        match self.fields.exact(Field::EthType).and_then(|value| u16::try_from(value).ok()) {
            Some(ethertype::IPV4) => self.fill_ipv4()?,
            Some(ethertype::IPV6) => self.fill_ipv6()?,
            Some(ethertype::ARP) => self.fill_arp(),
            _ => {}
        }
        if !self.has(Field::EthDst) {
            match self.neighbor_target().and_then(|target| target.macs.first()) {
                Some(mac) => self.default(Field::EthDst, mac.to_u64()),
                None => return Err(TraceError::NoDestination("dl_dst")),
            }
        }
        Ok(())
    }

    fn fill_ipv4(&mut self) -> Result<(), TraceError> {
        if let Some(IpAddr::V4(ip)) = first(self.sender, true) {
            self.default(Field::Ipv4Src, ip.to_bits());
        }
        if let Some(IpAddr::V4(ip)) = self.target.and_then(|target| first(target, true)) {
            self.default(Field::Ipv4Dst, ip.to_bits());
        }
        self.fill_transport();
        if self.is(Field::IpProto, ip_proto::ICMP) {
            self.default(Field::IcmpType, ECHO_REQUEST);
            self.default(Field::IcmpCode, 0_u8);
        }
        self.default(Field::IpTtl, TTL);
        let dst = self.fields.exact(Field::Ipv4Dst).and_then(|bits| u32::try_from(bits).ok());
        let dst = dst.map(Ipv4Addr::from_bits).ok_or(TraceError::NoDestination("nw_dst"))?;
        let mac = match dst {
            _ if self.has(Field::EthDst) => return Ok(()),
            Ipv4Addr::BROADCAST => MacAddr::BROADCAST,
            group if group.is_multicast() => MacAddr::of_ipv4_multicast(group),
            host => self.next_hop(host.into())?,
        };
        self.default(Field::EthDst, mac.to_u64());
        Ok(())
    }

    fn fill_ipv6(&mut self) -> Result<(), TraceError> {
        let own = first(self.sender, false);
        let own = own.or_else(|| self.sender.macs.first().map(|mac| mac.link_local().into()));
        if let Some(IpAddr::V6(ip)) = own {
            self.default(Field::Ipv6Src, ip.to_bits());
        }
        if let Some(IpAddr::V6(ip)) = self.target.and_then(|target| first(target, false)) {
            self.default(Field::Ipv6Dst, ip.to_bits());
        }
        self.fill_transport();
        if self.is(Field::IpProto, ip_proto::ICMPV6) {
            self.default(Field::Icmp6Type, ECHO_REQUEST_V6);
            self.default(Field::Icmp6Code, 0_u8);
        }
        if self.has(Field::NdTarget) {
            let mac = self.sender.macs.first();
            if let Some(mac) = mac.filter(|_| self.is(Field::Icmp6Type, NEIGHBOR_SOLICITATION)) {
                self.default(Field::NdSll, mac.to_u64());
                self.default(Field::NdOptionsType, SOURCE_LINK);
            }
            self.default(Field::IpTtl, TTL_ON_LINK);
        }
        self.default(Field::IpTtl, TTL);
        let dst = self.fields.exact(Field::Ipv6Dst).map(Ipv6Addr::from_bits);
        let dst = dst.ok_or(TraceError::NoDestination("ipv6_dst"))?;
        let mac = match dst {
            _ if self.has(Field::EthDst) => return Ok(()),
            group if group.is_multicast() => MacAddr::of_ipv6_multicast(group),
            host => self.next_hop(host.into())?,
        };
        self.default(Field::EthDst, mac.to_u64());
        Ok(())
    }

    fn fill_transport(&mut self) {
        if self.is(Field::IpProto, ip_proto::TCP) {
            self.default(Field::TcpSrc, SOME_CLIENT);
            self.default(Field::TcpFlags, SYN);
        } else if self.is(Field::IpProto, ip_proto::UDP) {
            self.default(Field::UdpSrc, SOME_CLIENT);
        } else if self.is(Field::IpProto, ip_proto::SCTP) {
            self.default(Field::SctpSrc, SOME_CLIENT);
        }
    }

    fn fill_arp(&mut self) {
        self.default(Field::ArpOp, ARP_REQUEST);
        if let Some(mac) = self.sender.macs.first() {
            self.default(Field::ArpSha, mac.to_u64());
        }
        if let Some(IpAddr::V4(ip)) = first(self.sender, true) {
            self.default(Field::ArpSpa, ip.to_bits());
        }
        if let Some(IpAddr::V4(ip)) = self.target.and_then(|target| first(target, true)) {
            self.default(Field::ArpTpa, ip.to_bits());
        }
        if self.is(Field::ArpOp, ARP_REQUEST) {
            self.default(Field::EthDst, MacAddr::BROADCAST.to_u64());
        }
    }

    /// The port that it is for, if that is in the sender's network.
    fn neighbor_target(&self) -> Option<&LogicalPort> {
        self.target.filter(|target| target.lswitch == self.sender.lswitch)
    }

    /// The MAC address to which the sender would send what is for an address.
    fn next_hop(&self, address: IpAddr) -> Result<MacAddr, TraceError> {
        let holder = self.neighbor_target().and_then(|target| mac_of(target, address));
        let holder = holder.or_else(|| self.neighbor(address));
        let gateway = || {
            let subnets = self.sender.subnets.iter().filter_map(|id| self.cloud.get::<Subnet>(id));
            let mut gateways = subnets.filter_map(|subnet| subnet.gateway_ip);
            gateways
                .find_map(|gateway| self.neighbor(gateway).filter(|_| gateway.is_ipv4() == address.is_ipv4()))
        };
        holder.or_else(gateway).ok_or_else(|| TraceError::NoNextHop {
            network: self.cloud.name(LogicalSwitch::TABLE, self.network.id.row()).to_string(),
            address,
        })
    }

    /// The MAC address of who has an address in the sender's network; who has it as its own comes first.
    fn neighbor(&self, address: IpAddr) -> Option<MacAddr> {
        let of_network =
            || self.cloud.all::<LogicalPort>().filter(|port| port.lswitch.as_ref() == Some(&self.network.id));
        let owner = of_network().find(|port| port.ips.contains(&address));
        owner
            .and_then(|port| mac_of(port, address))
            .or_else(|| of_network().find_map(|port| mac_of(port, address)))
    }
}

/// The MAC address at which a port has an address.
fn mac_of(port: &LogicalPort, address: IpAddr) -> Option<MacAddr> {
    if port.ips.contains(&address) {
        return port.macs.first().copied();
    }
    let pair = port.allowed_address_pairs.iter().find(|pair| pair.ip_address == address);
    pair.map(|pair| pair.mac_address)
}

/// The first address of a port of one version.
fn first(port: &LogicalPort, is_v4: bool) -> Option<IpAddr> {
    port.ips.iter().copied().find(|ip| ip.is_ipv4() == is_v4)
}
