//! Small clouds at random. Networks use the same addresses, or each its own where routers lead from one to the other; within one, two ports
//! sometimes have the same.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use net_types::MacAddr;
use proptest::prelude::*;

use super::filters::{self, GROUPS, Group};
use super::routing::{self, Router};

pub(super) const NODES: [&str; 3] = ["a", "b", "c"];
pub(super) const NETWORKS: [&str; 3] = ["red", "green", "blue"];
/// The physical network of VLANs, and where each node is plugged into it; each flat network has one for itself.
pub(super) const PUBLIC: (&str, u32) = ("public", 90);
const TYPES: [&str; 3] = ["geneve", "vxlan", "gre"];
/// Numbers of ports within a network; what a port has follows from it.
pub(super) const PORTS_OF_NETWORK: u8 = 5;

#[derive(Debug, Clone)]
pub(crate) struct World {
    /// The types of tunnel that each node has.
    pub(super) nodes: Vec<Vec<&'static str>>,
    pub(super) networks: Vec<&'static str>,
    /// What the addresses of each network have in common.
    pub(super) sites: Vec<u8>,
    pub(super) ports: Vec<Port>,
    pub(super) routers: Vec<Router>,
    pub(super) groups: Vec<Group>,
}

#[derive(Debug, Clone)]
pub(crate) struct Port {
    pub(crate) name: String,
    pub(super) key: u32,
    of_port: u32,
    pub(super) network: usize,
    /// Where it is bound.
    pub(super) node: Option<usize>,
    /// Where it is plugged in.
    pub(super) plugged: Option<usize>,
    pub(super) macs: Vec<MacAddr>,
    pub(super) ips: Vec<IpAddr>,
    pub(super) pairs: Vec<(MacAddr, IpNet)>,
    pub(super) is_secured: bool,
    pub(super) is_enabled: bool,
    pub(super) is_of_network: bool,
    pub(super) groups: Vec<usize>,
    /// Whether it is filtered although it is in no group.
    is_shut: bool,
    twin: Option<Twin>,
}

/// What a port has that the next one of its network has, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Twin {
    Ip,
    Mac,
}

pub(super) const fn mac(number: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, number])
}

pub(super) const fn ipv4(site: u8, number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, site, number)
}

pub(super) const fn ipv6(site: u8, number: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, site as u16, 0, 0, 0, 0, 0, number as u16)
}

/// The addresses of a site, in both versions of IP.
pub(super) fn subnets(site: u8) -> [IpNet; 2] {
    [IpNet::new_assert(ipv4(site, 0).into(), 24), IpNet::new_assert(ipv6(site, 0).into(), 64)]
}

pub(crate) fn any_world() -> impl Strategy<Value = World> {
    let nodes = prop::collection::vec(prop::sample::subsequence(&TYPES[..], 2..=3), NODES.len());
    let kinds = vec!["geneve", "geneve", "vxlan", "gre", "local", "vlan", "vlan", "flat"];
    let networks = prop::collection::vec(prop::sample::select(kinds), NETWORKS.len());
    let slots = NETWORKS.len() * usize::from(PORTS_OF_NETWORK);
    let ports = prop::collection::vec(prop::option::weighted(0.7, any_port()), slots);
    let groups = prop::collection::vec(filters::any_group(), GROUPS);
    let sites = prop::sample::select(vec![[0_u8, 0, 0], [0, 1, 0], [0, 1, 2], [0, 1, 2]]);
    (nodes, networks, ports, groups, sites, routing::any_choices()).prop_map(
        |(nodes, networks, ports, groups, sites, choices)| {
            let place = |(slot, port): (usize, Option<Port>)| Some(at(slot, port?, &sites));
            let ports = ports.into_iter().enumerate().filter_map(place).collect();
            let routers = routing::between(&choices, &sites);
            World { nodes, networks, sites: sites.to_vec(), ports, routers, groups }
        },
    )
}

/// A port that does not know yet where in the cloud it is, with or without groups.
fn any_port() -> impl Strategy<Value = Port> {
    let groups = prop_oneof![
        2 => Just(Vec::new()),
        3 => prop::sample::subsequence((0..GROUPS).collect::<Vec<_>>(), 1..=GROUPS),
    ];
    let twin = prop_oneof![12 => Just(None), 1 => Just(Some(Twin::Ip)), 1 => Just(Some(Twin::Mac))];
    (any_unfiltered_port(), groups, prop::bool::weighted(0.1), twin)
        .prop_map(|(port, groups, is_shut, twin)| Port { groups, is_shut, twin, ..port })
}

fn any_unfiltered_port() -> impl Strategy<Value = Port> {
    let node = prop::option::weighted(0.9, 0..NODES.len());
    let is_plugged =
        prop_oneof![8 => Just(Some(0_usize)), 1 => Just(None), 1 => (1..NODES.len()).prop_map(Some)];
    let pair = (0..=PORTS_OF_NETWORK, 20_u8..22, any::<bool>(), any::<bool>());
    let weights = (prop::bool::weighted(0.65), prop::bool::weighted(0.95), prop::bool::weighted(0.1));
    let has = (prop::bool::weighted(0.8), prop::bool::weighted(0.7), prop::bool::weighted(0.2));
    (node, is_plugged, prop::option::weighted(0.3, pair), weights, has, prop::bool::weighted(0.2)).prop_map(
        |(node, offset, pair, (is_secured, is_enabled, is_of_network), (v4, v6, second_mac), is_large)| {
            let pairs = pair.map(|(number, ip, is_v4, is_range)| {
                let address = IpNet::from(if is_v4 { ipv4(0, ip).into() } else { IpAddr::from(ipv6(0, ip)) });
                let length = address.max_prefix_len() - if is_range { 4 } else { 0 };
                (mac(number), IpNet::new_assert(address.addr(), length).trunc())
            });
            // Numbers within the network are added when the place is known; here they are flags.
            let ips = [v4.then(|| ipv4(0, 0).into()), v6.then(|| ipv6(0, 0).into())];
            Port {
                name: String::new(),
                key: if is_large { 0x8000 } else { 0 },
                of_port: 0,
                network: 0,
                node,
                plugged: offset.zip(node).map(|(offset, node)| (node + offset) % NODES.len()),
                macs: if second_mac { vec![mac(0), mac(0)] } else { vec![mac(0)] },
                ips: ips.into_iter().flatten().collect(),
                pairs: pairs.into_iter().collect(),
                is_secured,
                is_enabled,
                is_of_network,
                groups: Vec::new(),
                is_shut: false,
                twin: None,
            }
        },
    )
}

/// The port in its slot: with a name, a key and addresses that nobody else has, unless it has a twin.
fn at(slot: usize, port: Port, sites: &[u8]) -> Port {
    let slot = u8::try_from(slot).expect("few slots");
    let (network, number) = (slot / PORTS_OF_NETWORK, slot % PORTS_OF_NETWORK);
    let site = sites[usize::from(network)];
    let shared = |what| if port.twin == Some(what) { (number + 1) % PORTS_OF_NETWORK } else { number };
    let (of_mac, of_ip) = (shared(Twin::Mac), shared(Twin::Ip));
    let macs =
        port.macs.iter().enumerate().map(|(place, _)| mac(if place == 0 { of_mac } else { number + 10 }));
    let ips = port.ips.iter().map(|ip| match ip {
        IpAddr::V4(_) => ipv4(site, of_ip).into(),
        IpAddr::V6(_) => ipv6(site, of_ip).into(),
    });
    let pairs = port.pairs.iter().map(|(mac, net)| (*mac, moved(*net, site)));
    Port {
        name: format!("{}{number}", NETWORKS[usize::from(network)]),
        key: port.key + u32::from(slot) + 1,
        of_port: u32::from(slot) + 1,
        network: network.into(),
        macs: macs.collect(),
        ips: ips.collect(),
        pairs: pairs.collect(),
        ..port
    }
}

/// The same addresses of another site.
fn moved(net: IpNet, site: u8) -> IpNet {
    let ip = match net.addr() {
        IpAddr::V4(ip) => ipv4(site, ip.octets()[3]).into(),
        IpAddr::V6(ip) => ipv6(site, ip.octets()[15]).into(),
    };
    IpNet::new_assert(ip, net.prefix_len())
}

impl Port {
    /// MAC and IP addresses that it may send from.
    pub(super) fn sources(&self) -> Vec<(MacAddr, IpNet)> {
        let own = self.macs.iter().flat_map(|mac| self.ips.iter().map(move |ip| (*mac, (*ip).into())));
        own.chain(self.pairs.iter().copied()).collect()
    }

    pub(super) fn may_send_from(&self, mac: MacAddr, ip: IpAddr) -> bool {
        self.sources().iter().any(|(source, net)| *source == mac && net.contains(&ip))
    }

    /// Whether groups decide what it sends and is sent.
    pub(super) fn is_filtered(&self) -> bool {
        !self.is_of_network && self.is_secured && (self.is_shut || !self.groups.is_empty())
    }

    /// Whether it gets frames for addresses that no port has.
    pub(super) fn takes_unknown(&self) -> bool {
        !self.is_secured || self.pairs.iter().any(|(mac, _)| !self.macs.contains(mac))
    }

    /// The node where it can send and receive.
    pub(super) fn place(&self) -> Option<usize> {
        self.node.filter(|_| self.is_enabled && self.node == self.plugged)
    }

    fn text(&self) -> String {
        let join = |list: Vec<String>| list.join(",");
        let macs = join(self.macs.iter().map(ToString::to_string).collect());
        let mut text = format!("port {} {} {} mac={macs}", self.name, self.key, NETWORKS[self.network]);
        if !self.ips.is_empty() {
            text += &format!(" ip={}", join(self.ips.iter().map(ToString::to_string).collect()));
            text += &format!(" subnet={}", routing::subnets_of(self.network, &self.ips));
        }
        if let Some(node) = self.node {
            text += &format!(" on={}", NODES[node]);
        }
        if let Some(node) = self.plugged {
            text += &format!(" plug={}:{}", NODES[node], self.of_port);
        }
        for (mac, ip) in &self.pairs {
            text += &format!(" pair={ip}/{mac}");
        }
        for (holds, word) in [
            (!self.is_secured, " unsecured"),
            (!self.is_enabled, " disabled"),
            (self.is_of_network, " owner=network:x"),
            (self.is_shut && self.is_secured, " filtered"),
        ] {
            text += if holds { word } else { "" };
        }
        if !self.groups.is_empty() {
            text +=
                &format!(" groups={}", join(self.groups.iter().map(|group| format!("g{group}")).collect()));
        }
        text
    }
}

impl World {
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for ((name, number), types) in NODES.iter().zip(1..).zip(&self.nodes) {
            writeln!(text, "node {name} 192.0.2.{number} {}", types.join(" ")).expect("memory");
        }
        for (number, (name, kind)) in (1..).zip(NETWORKS.iter().zip(&self.networks)) {
            let (wire, _) = self.wire(number - 1);
            writeln!(text, "network {name} {number} {kind} segment={} in={wire}", 100 + number)
                .expect("memory");
        }
        for node in NODES {
            let wires: BTreeSet<(String, u32)> =
                (0..NETWORKS.len()).map(|network| self.wire(network)).collect();
            for (wire, of_port) in wires {
                writeln!(text, "wire {node} {wire} {of_port}").expect("memory");
            }
        }
        text += &filters::text(&self.groups);
        text += &routing::text(self);
        for port in &self.ports {
            writeln!(text, "{}", port.text()).expect("memory");
        }
        text
    }

    /// Whether a network is in a physical network, where a node does not know who is elsewhere.
    pub(super) fn is_on_wire(&self, network: usize) -> bool {
        matches!(self.networks[network], "vlan" | "flat")
    }

    /// The physical network that a network says, and the switch port of every node that leads there.
    pub(super) fn wire(&self, network: usize) -> (String, u32) {
        match self.networks[network] {
            "flat" => {
                (format!("flat-{}", NETWORKS[network]), PUBLIC.1 + 1 + u32::try_from(network).expect("few"))
            }
            _ => (PUBLIC.0.to_owned(), PUBLIC.1),
        }
    }

    /// Whether a port of a network with this address is bound to a node.
    pub(super) fn is_owned_at(&self, network: usize, node: usize, mac: MacAddr) -> bool {
        let mut ports = self.ports.iter().filter(|port| port.network == network && port.node == Some(node));
        ports.any(|port| port.macs.contains(&mac))
    }

    /// Whose a MAC address of a network is where a node looks for it. In a physical network it knows its own ports only. Of two that have it, it is
    /// that of the first.
    pub(super) fn owner_of_mac(&self, network: usize, node: usize, mac: MacAddr) -> Option<&Port> {
        let is_known = |port: &&Port| !self.is_on_wire(network) || port.node == Some(node);
        let ports = self.ports.iter().filter(|port| port.network == network);
        ports.filter(is_known).find(|port| port.macs.contains(&mac))
    }

    /// Whose an IP address of a network is for who asks: of two that have it, it is that of the first.
    pub(super) fn owner_of_ip(&self, network: usize, ip: IpAddr) -> Option<&Port> {
        let has = |port: &&Port| {
            let follows = port.ips.iter().any(IpAddr::is_ipv6) && ip == IpAddr::V6(port.macs[0].link_local());
            port.ips.contains(&ip) || follows
        };
        let may_be_named = |port: &&Port| port.is_enabled && (port.node.is_some() || port.is_of_network);
        self.ports.iter().filter(|port| port.network == network).filter(may_be_named).find(has)
    }

    /// Whether a port that is at a node gets a frame there: for an address of the network, for nobody, or for many.
    pub(super) fn is_addressed(&self, port: &Port, dst: MacAddr) -> bool {
        let Some(node) = port.place() else { return false };
        if dst.is_multicast() {
            return true;
        }
        if routing::router_at(self, port.network, dst).is_some() {
            return false;
        }
        match self.owner_of_mac(port.network, node, dst) {
            Some(owner) => owner.name == port.name,
            None => port.takes_unknown(),
        }
    }

    /// Whether frames of a network get from one node to the other.
    pub(super) fn is_connected(&self, network: usize, from: usize, to: usize) -> bool {
        let kind = self.networks[network];
        let is_linked = |node: &usize| self.is_on_wire(network) || self.nodes[*node].contains(&kind);
        from == to || [from, to].iter().all(is_linked)
    }
}
