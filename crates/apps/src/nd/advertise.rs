//! What ports are told of their link, from the rows of its subnets and of the network.
//!
//! | told | said by | else by |
//! |---|---|---|
//! | prefixes | the subnets that the port has addresses of; hosts make addresses of them unless the mode is stateful | |
//! | addresses by DHCPv6 (M), other things by DHCPv6 (O) | the modes of these subnets | |
//! | name servers | these subnets | the configuration |
//! | domain | the configuration | |
//! | MTU | the network | the configuration |
//! | how good a router the sender is | the best that one of these subnets says | medium |
//! | for how long the sender is a default router | [`ROUTER_S`], if the gateway of a subnet is the port of a router; else not at all | |
//!
//! Advertisements come from the link-local address of that port, or else from that of the network's port for DHCP (or see [`speaker`]): prefixes, name servers and
//! the MTU are told also where no router is, so that hosts have addresses of their own and reach each other. Neutron's
//! reference announces nothing without a router.
//!
//! Ports with addresses of the same subnets are told the same, and it is computed once for all of them.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use engine::{Beacon, Derived, Sink, View};
use ipnet::{IpNet, Ipv6Net};
use model::{Id, Ipv6Mode, LogicalPort, LogicalSwitch, RouterPreference, Subnet, SubnetIpv6};
use net_types::MacAddr;
use packet::build::{Ethernet, Ip, Ipv6, Transport};
use packet::nd::HOP_LIMIT;
use packet::router::{
    ALL_NODES, Advertisement, DnsSearch, DnsServers, Preference, Prefix, ROUTER_SOLICITATION, Router,
};
use pipeline::tables::ND;
use pipeline::{Priority, regs, userdata};

use super::{icmp6, is_router};
use crate::local::LocalPort;
use crate::{names, slow_path, speaker};

/// The longest time between two advertisements, and how many come soon after a port has appeared.
const INTERVAL_S: u16 = 100;
const BURST: u8 = 4;

/// Three intervals: what is told outlives two that are lost.
const ROUTER_S: u16 = 3 * INTERVAL_S;
const DNS_S: u32 = 3 * INTERVAL_S as u32;
/// What the reference's `radvd` says: a day, and four hours.
const VALID_S: u32 = 86_400;
const PREFERRED_S: u32 = 14_400;
const HOSTS_HOP_LIMIT: u8 = 64;

/// Says what a port is told from time to time, and has its questions sent up.
pub(super) fn advertise(view: &mut View<'_>, local: &LocalPort, sink: &mut Sink) {
    let told = told(view, local);
    let Some(frame) = &told.frame else { return };
    let frame = local.framed(frame.to_vec()).into();
    sink.beacon(Beacon {
        port: local.of_port,
        frame,
        interval_s: INTERVAL_S.into(),
        burst: BURST,
        proves: None,
    });
    let Some(up) = slow_path::to_controller(view, &local.port.id, userdata::ROUTER_SOLICITATION, sink) else {
        return;
    };
    sink.flow(&ND, Priority::EXACT, |flow| {
        flow.matching(icmp6(ROUTER_SOLICITATION)).when(&regs::INGRESS_PORT, local.key()).action(up)
    });
}

/// The frame with what a port is told.
pub(super) fn frame_for(view: &mut View<'_>, local: &LocalPort) -> Option<Arc<[u8]>> {
    told(view, local).frame.clone()
}

fn told(view: &mut View<'_>, local: &LocalPort) -> Arc<Told> {
    let Some(network) = local.port.lswitch.clone() else { return Arc::default() };
    let has_address_of = |view: &mut View<'_>, subnet: &Id<Subnet>| {
        let cidr = view.derived::<Range>(subnet);
        cidr.is_some_and(|cidr| local.port.ips.iter().any(|ip| IpNet::V6(cidr).contains(ip)))
    };
    let subnets: BTreeSet<Id<Subnet>> = local.port.subnets.iter().cloned().collect();
    let subnets: Vec<Id<Subnet>> =
        subnets.into_iter().filter(|subnet| has_address_of(view, subnet)).collect();
    if subnets.is_empty() {
        return Arc::default();
    }
    view.derived::<Told>(&(network, subnets))
}

/// The addresses of an IPv6 subnet. Ports are not looked at when something else of it changes.
#[derive(Debug)]
struct Range;

impl Derived for Range {
    type Key = Id<Subnet>;
    type Value = Option<Ipv6Net>;

    fn compute(view: &mut View<'_>, id: &Self::Key) -> Option<Ipv6Net> {
        match view.get(id)?.cidr {
            Some(IpNet::V6(cidr)) => Some(cidr),
            _ => None,
        }
    }
}

/// What ports with addresses of some subnets are told.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    frame: Option<Arc<[u8]>>,
}

impl Derived for Told {
    type Key = (Id<LogicalSwitch>, Vec<Id<Subnet>>);
    type Value = Self;

    fn compute(view: &mut View<'_>, (network, subnets): &Self::Key) -> Self {
        let announced: Vec<Announced> = subnets.iter().filter_map(|id| Announced::of(view, id)).collect();
        if announced.is_empty() {
            return Self::default();
        }
        let router = announced.iter().find_map(|subnet| gateway(view, network, subnet.gateway?));
        let Some(mac) = router.or_else(|| speaker::mac(view, network)) else { return Self::default() };
        let Some(advertisement) = advertisement(view, network, &announced, router.is_some(), mac) else {
            return Self::default();
        };
        Self { frame: frame(mac, advertisement) }
    }
}

/// A subnet that is announced.
struct Announced {
    cidr: Ipv6Net,
    mode: Ipv6Mode,
    preference: Preference,
    gateway: Option<Ipv6Addr>,
    dns_servers: Vec<Ipv6Addr>,
}

impl Announced {
    fn of(view: &mut View<'_>, id: &Id<Subnet>) -> Option<Self> {
        let said = view.get(&SubnetIpv6::id_of(id))?;
        let mode = said.ra_mode?;
        let subnet = view.get(id)?;
        let Some(IpNet::V6(cidr)) = subnet.cidr else { return None };
        let v6 = |ip: &IpAddr| match ip {
            IpAddr::V6(ip) => Some(*ip),
            IpAddr::V4(_) => None,
        };
        let dns_servers = subnet.dns_nameservers.iter().filter_map(v6).filter(|ip| !ip.is_unspecified());
        Some(Self {
            cidr,
            mode,
            preference: match said.router_preference {
                Some(RouterPreference::Low) => Preference::Low,
                Some(RouterPreference::Medium) | None => Preference::Medium,
                Some(RouterPreference::High) => Preference::High,
            },
            gateway: subnet.gateway_ip.as_ref().and_then(v6),
            dns_servers: dns_servers.collect(),
        })
    }
}

/// The MAC address of the router's port with this address.
fn gateway(view: &mut View<'_>, network: &Id<LogicalSwitch>, address: Ipv6Addr) -> Option<MacAddr> {
    let ports = view.by(&LogicalPort::BY_IP, (IpAddr::V6(address), network.clone()));
    let router = ports.iter().find(|port| is_router(port) && port.enabled != Some(false))?;
    router.macs.iter().copied().find(|mac| mac.is_unicast())
}

fn advertisement(
    view: &mut View<'_>,
    network: &Id<LogicalSwitch>,
    announced: &[Announced],
    has_router: bool,
    mac: MacAddr,
) -> Option<Advertisement> {
    let defaults = view.settings()?.dhcp;
    let row = view.get(network)?;
    let prefix = |subnet: &Announced| Prefix {
        prefix: subnet.cidr.network(),
        length: subnet.cidr.prefix_len(),
        is_on_link: true,
        is_autonomous: subnet.mode != Ipv6Mode::Stateful,
        valid_s: VALID_S,
        preferred_s: PREFERRED_S,
    };
    let mut servers: Vec<Ipv6Addr> = Vec::new();
    for server in announced.iter().flat_map(|subnet| &subnet.dns_servers) {
        if !servers.contains(server) {
            servers.push(*server);
        }
    }
    if servers.is_empty() {
        servers.clone_from(&defaults.dns_servers_v6);
    }
    let dns_servers = Some(DnsServers { lifetime_s: DNS_S, servers }).filter(|list| !list.servers.is_empty());
    let domain = names::searched(view, network);
    let domains: Vec<String> = Some(domain).filter(|name| !name.is_empty()).into_iter().collect();
    let dns_search = Some(DnsSearch { lifetime_s: DNS_S, domains }).filter(|list| !list.domains.is_empty());
    let mtu = row.mtu.filter(|mtu| *mtu != 0).unwrap_or_else(|| defaults.mtu_bytes.into());
    let preference = announced.iter().map(|subnet| subnet.preference).max();
    let has = |mode| announced.iter().any(|subnet| subnet.mode == mode);
    Some(Advertisement {
        hop_limit: HOSTS_HOP_LIMIT,
        is_managed: has(Ipv6Mode::Stateful),
        has_other: has(Ipv6Mode::Stateful) || has(Ipv6Mode::Stateless),
        // Who is no router has no preference among them.
        preference: preference.filter(|_| has_router).unwrap_or_default(),
        lifetime_s: if has_router { ROUTER_S } else { 0 },
        source_link: Some(mac),
        mtu: Some(mtu),
        prefixes: announced.iter().map(prefix).collect(),
        dns_servers: dns_servers.into_iter().collect(),
        dns_search: dns_search.into_iter().collect(),
        ..Advertisement::default()
    })
}

fn frame(mac: MacAddr, advertisement: Advertisement) -> Option<Arc<[u8]>> {
    let ip = Ipv6 { hop_limit: HOP_LIMIT, ..Ipv6::new(mac.link_local(), ALL_NODES) };
    let message = Transport::Icmp(Router::Advertisement(advertisement).to_message());
    let frame = Ethernet::new(mac, MacAddr::of_ipv6_multicast(ALL_NODES)).ip(&Ip::V6(ip), &message);
    frame.ok().map(Arc::from)
}
