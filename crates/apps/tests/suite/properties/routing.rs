//! Routers at random, and who gets what is sent to them, in terms of addresses and not of flows.
//!
//! A router has an address in some networks, none of whose addresses are those of another of its networks. Two routers may meet in a network:
//! then each answers for itself there, and neither leads into the networks of the other.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use model::{Chassis, Id};
use net_types::MacAddr;
use proptest::prelude::*;

use super::filters::lets_pass;
use super::frames::{Body, Frame, Payload};
use super::rules::Delivery;
use super::world::{NETWORKS, NODES, Port, World, ipv4, ipv6, subnets};

/// How many routers there are; one without legs is as good as none.
pub(super) const ROUTERS: usize = 2;

/// What a router's own answers have to live, before it forwards them.
const HOPS_OF_ANSWERS: u8 = 65;

/// What ports of routers are.
const OWNER: &str = "network:router_interface_distributed";

/// A router.
#[derive(Debug, Clone)]
pub(super) struct Router {
    legs: Vec<Leg>,
    is_enabled: bool,
}

/// Its port in a network.
#[derive(Debug, Clone)]
pub(super) struct Leg {
    network: usize,
    pub(super) mac: MacAddr,
    ips: Vec<IpAddr>,
}

/// What a router is to be: in which networks, with which versions of IP in each, and whether it is enabled.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    networks: Vec<(bool, bool, bool)>,
    is_enabled: bool,
}

pub(super) fn any_choices() -> impl Strategy<Value = Vec<Choice>> {
    let versions = prop_oneof![3 => Just((true, true)), 1 => Just((true, false)), 1 => Just((false, true))];
    let leg = (prop::bool::weighted(0.75), versions).prop_map(|(is_there, (v4, v6))| (is_there, v4, v6));
    let router = (prop::collection::vec(leg, NETWORKS.len()), prop::bool::weighted(0.9))
        .prop_map(|(networks, is_enabled)| Choice { networks, is_enabled });
    prop::collection::vec(router, ROUTERS)
}

pub(super) fn leg_mac(router: usize, network: usize) -> MacAddr {
    let small = |number| u8::try_from(number).expect("few");
    MacAddr([2, 0, 0, 1, small(router), small(network)])
}

/// The number of a router's addresses. The first one's is that of gateways of subnets.
fn number_of(router: usize) -> u8 {
    254 - u8::try_from(router).expect("few")
}

/// The routers that there are with these addresses of networks.
pub(super) fn between(choices: &[Choice], sites: &[u8]) -> Vec<Router> {
    let router = |(number, choice): (usize, &Choice)| {
        let mut legs: Vec<Leg> = Vec::new();
        for (network, (is_there, v4, v6)) in choice.networks.iter().enumerate() {
            let site = sites[network];
            if !is_there || legs.iter().any(|leg| sites[leg.network] == site) {
                continue;
            }
            let of_router = number_of(number);
            let ips =
                [v4.then(|| IpAddr::from(ipv4(site, of_router))), v6.then(|| ipv6(site, of_router).into())];
            legs.push(Leg {
                network,
                mac: leg_mac(number, network),
                ips: ips.into_iter().flatten().collect(),
            });
        }
        Router { legs, is_enabled: choice.is_enabled }
    };
    choices.iter().enumerate().map(router).collect()
}

/// The subnets of addresses in a network, by name.
pub(super) fn subnets_of(network: usize, ips: &[IpAddr]) -> String {
    let names = ips.iter().map(|ip| format!("{}{}", NETWORKS[network], if ip.is_ipv4() { 4 } else { 6 }));
    names.collect::<Vec<_>>().join(",")
}

/// Subnets and routers as lines of a topology.
pub(super) fn text(world: &World) -> String {
    let mut text = String::new();
    for (network, site) in world.sites.iter().enumerate() {
        for cidr in subnets(*site) {
            let gateway: IpAddr = match cidr {
                IpNet::V4(_) => ipv4(*site, number_of(0)).into(),
                IpNet::V6(_) => ipv6(*site, number_of(0)).into(),
            };
            let (name, of_network) = (subnets_of(network, &[gateway]), NETWORKS[network]);
            writeln!(text, "subnet {name} {of_network} {cidr} gateway={gateway}").expect("memory");
        }
    }
    for (number, router) in world.routers.iter().enumerate().filter(|(_, router)| !router.legs.is_empty()) {
        let mut legs = Vec::new();
        for leg in &router.legs {
            let (network, key) = (NETWORKS[leg.network], 201 + number * NETWORKS.len() + leg.network);
            let name = format!("r{number}{network}");
            let ips: Vec<String> = leg.ips.iter().map(ToString::to_string).collect();
            let (ips, of) = (ips.join(","), subnets_of(leg.network, &leg.ips));
            writeln!(text, "port {name} {key} {network} owner={OWNER} mac={} ip={ips} subnet={of}", leg.mac)
                .expect("memory");
            legs.push(format!("{name}/{network}/{key}"));
        }
        let disabled = if router.is_enabled { "" } else { " disabled" };
        writeln!(text, "router r{number} {} legs={}{disabled}", 301 + number, legs.join(","))
            .expect("memory");
    }
    text
}

impl Leg {
    pub(super) fn v4(&self) -> Option<Ipv4Addr> {
        self.ips.iter().find_map(|ip| if let IpAddr::V4(ip) = ip { Some(*ip) } else { None })
    }

    pub(super) fn v6_or_link_local(&self) -> Ipv6Addr {
        let own = self.ips.iter().find_map(|ip| if let IpAddr::V6(ip) = ip { Some(*ip) } else { None });
        own.unwrap_or(self.mac.link_local())
    }

    /// Whether an address is the leg's.
    fn has(&self, ip: IpAddr) -> bool {
        let is_link_local = ip == IpAddr::V6(self.mac.link_local());
        self.ips.contains(&ip) || is_link_local && self.ips.iter().any(IpAddr::is_ipv6)
    }

    /// Whether an address is of a subnet of the leg.
    fn is_near(&self, site: u8, ip: IpAddr) -> bool {
        let has_version = self.ips.iter().any(|own| own.is_ipv4() == ip.is_ipv4());
        has_version && subnets(site).iter().any(|net| net.contains(&ip))
    }
}

impl Router {
    pub(super) fn leg_in(&self, network: usize) -> Option<&Leg> {
        self.legs.iter().find(|leg| leg.network == network)
    }
}

/// The router that has a MAC address in a network.
pub(super) fn router_at(world: &World, network: usize, mac: MacAddr) -> Option<&Router> {
    world.routers.iter().find(|router| router.leg_in(network).is_some_and(|leg| leg.mac == mac))
}

/// The leg in a network that has an address, and its router.
pub(super) fn leg_with(world: &World, network: usize, ip: IpAddr) -> Option<(&Router, &Leg)> {
    let legs = world.routers.iter().filter_map(|router| Some((router, router.leg_in(network)?)));
    legs.into_iter().find(|(_, leg)| leg.has(ip))
}

/// Who gets a packet that a guest at a node sends to a router.
pub(super) fn deliveries<'a>(
    world: &'a World,
    here: usize,
    router: &'a Router,
    sent: &Frame,
) -> Vec<Delivery<'a>> {
    let (mut router, mut frame) = (router, sent.clone());
    // By every router to the last one, which answers, and back.
    for _ in 0..2 * (ROUTERS + 1) {
        let Body::Ip { src, dst, payload } = frame.body else { return vec![] };
        if !router.is_enabled {
            return vec![];
        }
        if router.legs.iter().any(|leg| leg.has(dst)) {
            let Some(answer) = pong(payload, dst) else { return vec![] };
            frame.body = Body::Ip { src: dst, dst: src, payload: answer };
            frame.hops = HOPS_OF_ANSWERS;
            continue;
        }
        let leg = router.legs.iter().find(|leg| leg.is_near(world.sites[leg.network], dst));
        let Some(leg) = leg.filter(|_| frame.hops > 1) else { return vec![] };
        frame.hops -= 1;
        if let Some((next, _)) = leg_with(world, leg.network, dst) {
            router = next;
            continue;
        }
        let Some(port) = world.owner_of_ip(leg.network, dst) else { return vec![] };
        (frame.src, frame.dst) = (leg.mac, port.macs[0]);
        return handed(world, here, port, &frame);
    }
    panic!("{sent:?} goes from router to router");
}

/// What a router makes of what is sent to one of its addresses, if it is a ping.
fn pong(payload: Payload, to: IpAddr) -> Option<Payload> {
    match (payload, to) {
        (Payload::Icmp(8), IpAddr::V4(_)) => Some(Payload::Icmp(0)),
        (Payload::Icmp(128), IpAddr::V6(_)) => Some(Payload::Icmp(129)),
        _ => None,
    }
}

/// Who gets what a router at a node hands to a port.
fn handed<'a>(world: &'a World, here: usize, port: &'a Port, frame: &Frame) -> Vec<Delivery<'a>> {
    let network = port.network;
    let gets = |port: &'a Port, src| {
        let frame = Frame { src, ..frame.clone() };
        lets_pass(world, port, &frame, true).then(|| Delivery::of(port, &frame))
    };
    if port.node == Some(here) {
        let here = Some(port).filter(|port| port.place() == Some(here));
        return here.and_then(|port| gets(port, frame.src)).into_iter().collect();
    }
    if !world.is_on_wire(network) {
        let there = port.node.filter(|there| world.is_connected(network, here, *there));
        let Some(there) = there else { return vec![] };
        // Not every tunnel says which port a packet is for, nor for every port.
        let is_named = world.networks[network] == "geneve" && port.key <= 0x7fff;
        let to = if is_named { Some(port) } else { world.owner_of_mac(network, there, frame.dst) };
        let to = to.filter(|port| port.place() == Some(there));
        return to.and_then(|port| gets(port, frame.src)).into_iter().collect();
    }
    // In a physical network frames of routers are those of their nodes, until they are where the address is.
    let node: Id<Chassis> = Id::new(NODES[here]).expect("a name");
    let on_wire = apps::routers::node_mac(&node);
    let others = world.ports.iter().filter(|port| port.network == network);
    let others = others.filter(|port| port.place().is_some_and(|there| there != here));
    let hears = others.filter(|port| world.is_addressed(port, frame.dst));
    let got = hears.filter_map(|port| {
        let is_its_own = port.macs.contains(&frame.dst);
        gets(port, if is_its_own { gateway_of(world, port).unwrap_or(on_wire) } else { on_wire })
    });
    let mut got: Vec<_> = got.collect();
    got.sort_unstable();
    got
}

/// The MAC address that a port knows for its gateway: that of the router that has the gateway's address of its subnet, or of any.
fn gateway_of(world: &World, port: &Port) -> Option<MacAddr> {
    let site = world.sites[port.network];
    let gateway: Option<IpAddr> = port.ips.first().map(|ip| match ip {
        IpAddr::V4(_) => ipv4(site, number_of(0)).into(),
        IpAddr::V6(_) => ipv6(site, number_of(0)).into(),
    });
    let routers = world.routers.iter().filter(|router| router.is_enabled);
    let legs: Vec<&Leg> = routers.filter_map(|router| router.leg_in(port.network)).collect();
    let named = legs.iter().find(|leg| gateway.is_some_and(|ip| leg.ips.contains(&ip)));
    named.or(legs.first()).map(|leg| leg.mac)
}
