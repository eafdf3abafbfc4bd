//! Routers as flows see them: their legs, their gateways, and whether this node has anything to do with them.
//!
//! # Which routers a node knows
//! A packet is routed on the node that it comes from, so a node knows a router that has ports of this node behind any of its legs, or
//! behind routers that are legs of the same networks, and so on; and a router whose gateway this node may be. It knows no others:
//! a port in another tenant's network changes nothing here. External networks do not connect routers in this sense: what is behind
//! another router's gateway is reached through its public addresses.

use std::collections::BTreeSet;
use std::net::IpAddr;

use engine::numbers::stable_hash;
use engine::{Derived, View};
use ipnet::IpNet;
use model::{
    FloatingIp, HostRoute, Id, LogicalPort, LogicalRouter, LogicalRouterPort, LogicalSwitch, RouterExtra,
    Subnet,
};
use net_types::MacAddr;

use crate::network::{self, Network};
use crate::{gateway, provider};

/// Ports of routers inside networks have owners that begin so.
const OWNER_INTERFACE: &str = "network:router_interface";
/// What a router's port in an external network is.
const OWNER_GATEWAY: &str = "network:router_gateway";
/// What the port of a floating IP is.
const OWNER_FLOATING_IP: &str = "network:floatingip";

/// How the MAC addresses of nodes begin: locally administered ones that nobody else gives.
const NODE_MAC_PREFIX: [u8; 2] = [0x0e, 0xdf];

/// A port of a router.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leg {
    /// The port.
    pub port: Id<LogicalPort>,
    /// The number of the port in the switch.
    pub key: u32,
    /// The network.
    pub network: Id<LogicalSwitch>,
    /// Its MAC address.
    pub mac: MacAddr,
    /// Its addresses, with the lengths of their subnets' prefixes.
    pub addresses: Vec<IpNet>,
}

/// A router's leg in an external network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// The leg.
    pub leg: Leg,
    /// Whether what leaves with no floating IP leaves with its address.
    pub hides: bool,
    /// The routers of the external network, to which goes what is for nobody nearer.
    pub next_hops: Vec<IpAddr>,
}

/// A router.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Router {
    /// Its number in the switch.
    pub key: u32,
    /// Its legs in networks of tenants.
    pub legs: Vec<Leg>,
    /// Its legs in external networks.
    pub gateways: Vec<Gateway>,
    /// Its routes to elsewhere, besides those that follow from its legs.
    pub routes: Vec<HostRoute>,
    /// Destinations to which it sends nothing.
    pub discards: Vec<IpNet>,
}

impl Leg {
    /// The leg's address in the subnet that `ip` is of.
    #[must_use]
    pub fn address_near(&self, ip: IpAddr) -> Option<IpAddr> {
        self.addresses.iter().find(|address| address.contains(&ip)).map(IpNet::addr)
    }

    /// An address of this version of IP.
    #[must_use]
    pub fn address_like(&self, ip: IpAddr) -> Option<IpAddr> {
        self.addresses.iter().map(IpNet::addr).find(|address| address.is_ipv4() == ip.is_ipv4())
    }
}

impl Router {
    /// All its legs, the external ones last.
    pub fn all_legs(&self) -> impl Iterator<Item = &Leg> {
        self.legs.iter().chain(self.gateways.iter().map(|gateway| &gateway.leg))
    }

    /// Whether a leg is in an external network.
    #[must_use]
    pub fn is_outer(&self, leg: &Leg) -> bool {
        self.gateways.iter().any(|gateway| gateway.leg == *leg)
    }

    /// The leg behind which a next hop is. A link-local address is behind each: then it is the gateway whose next hop it is, or the
    /// only gateway.
    #[must_use]
    pub fn leg_towards(&self, next_hop: IpAddr) -> Option<&Leg> {
        let near = self.all_legs().find(|leg| leg.address_near(next_hop).is_some());
        if near.is_some() || !matches!(next_hop, IpAddr::V6(ip) if ip.is_unicast_link_local()) {
            return near;
        }
        let known = self.gateways.iter().find(|gateway| gateway.next_hops.contains(&next_hop));
        let only = || {
            Some(self.gateways.as_slice()).and_then(|all| if let [only] = all { Some(only) } else { None })
        };
        known.or_else(only).map(|gateway| &gateway.leg)
    }
}

/// A router, if it forwards and this node has to do with it.
pub fn here(view: &mut View<'_>, id: &Id<LogicalRouter>) -> Option<Router> {
    if !*view.derived::<IsHere>(id) {
        return None;
    }
    (*view.derived::<Known>(id)).clone()
}

/// Whether this node has to do with any router.
pub(crate) fn is_any_here(view: &mut View<'_>) -> bool {
    *view.derived::<IsAnyHere>(&())
}

/// Whether packets get from ports of this node to the network by routers, or this node may be the gateway to it.
pub(crate) fn reach(view: &mut View<'_>, network: &Id<LogicalSwitch>) -> bool {
    *view.derived::<IsReached>(network)
}

/// Whether any router has a leg in the network, so that somebody may ask for the neighbours in it.
pub(crate) fn are_in(view: &mut View<'_>, network: &Id<LogicalSwitch>) -> bool {
    view.any(&LogicalRouter::BY_LSWITCH, network.clone())
        || view.any(&RouterExtra::BY_GATEWAY_NETWORK, network.clone())
}

/// The inner legs that are in a network, of routers that this node has to do with.
pub(crate) fn legs_in(view: &mut View<'_>, network: &Id<LogicalSwitch>) -> Vec<Leg> {
    let mut legs = Vec::new();
    for router in view.ids_by(&LogicalRouter::BY_LSWITCH, network.clone()) {
        let here = here(view, &router);
        legs.extend(here.into_iter().flat_map(|router| router.legs).filter(|leg| leg.network == *network));
    }
    legs
}

/// The router that a port is an inner leg of, if its frames are the router's: not those of an agent that is plugged in somewhere.
pub(crate) fn of_leg(view: &mut View<'_>, port: &LogicalPort) -> Option<Id<LogicalRouter>> {
    let is_leg = port.device_owner.as_deref().is_some_and(|owner| owner.starts_with(OWNER_INTERFACE));
    if !is_leg || port.chassis().is_some() {
        return None;
    }
    view.ids_by(&LogicalRouter::BY_LPORT, port.id.clone()).into_iter().next()
}

/// The MAC address of the leg through which a port's subnet is routed: the one that its guest knows for its gateway, if there are several.
pub(crate) fn mac_towards(view: &mut View<'_>, port: &LogicalPort) -> Option<MacAddr> {
    let network = port.lswitch.clone()?;
    let gateway = port.subnets.iter().find_map(|subnet| view.get(subnet)?.gateway_ip);
    let routers = view.ids_by(&LogicalRouter::BY_LSWITCH, network.clone());
    let mut found = None;
    for router in routers {
        let known = view.derived::<Known>(&router);
        let legs = known.iter().flat_map(|router| &router.legs).filter(|leg| leg.network == network);
        for leg in legs {
            if gateway.is_some_and(|ip| leg.addresses.iter().any(|address| address.addr() == ip)) {
                return Some(leg.mac);
            }
            found = found.or(Some(leg.mac));
        }
    }
    found
}

/// What the MAC addresses of all nodes have in common, and the bits in which they do.
pub(crate) const NODE_MACS: (MacAddr, MacAddr) =
    (MacAddr([NODE_MAC_PREFIX[0], NODE_MAC_PREFIX[1], 0, 0, 0, 0]), MacAddr([0xff, 0xff, 0, 0, 0, 0]));

/// Whether a router has a leg in a physical network, where one node has to answer for it.
pub(crate) fn is_on_wire(view: &mut View<'_>, router: &Id<LogicalRouter>) -> bool {
    let known = view.derived::<Known>(router);
    known.iter().flat_map(|router| &router.legs).any(|leg| {
        let network = view.get(&leg.network);
        network.is_some_and(|row| row.network_type.as_ref().is_some_and(provider::is_physical))
    })
}

/// Whether what comes to a router from a network may be longer than another network of the router takes.
pub(crate) fn may_bring_too_long(view: &mut View<'_>, router: &Id<LogicalRouter>, network: &Network) -> bool {
    let shortest = *view.derived::<Shortest>(router);
    network.mtu_bytes.zip(shortest).is_some_and(|(own, shortest)| own > shortest)
}

/// The length of the longest packet that each network of a router takes, as far as that is said.
#[derive(Debug)]
struct Shortest;

impl Derived for Shortest {
    type Key = Id<LogicalRouter>;
    type Value = Option<u32>;

    fn compute(view: &mut View<'_>, id: &Self::Key) -> Option<u32> {
        let known = view.derived::<Known>(id);
        let legs = known.iter().flat_map(Router::all_legs);
        legs.filter_map(|leg| network::reached(view, &leg.network)?.mtu_bytes).min()
    }
}

/// The networks that a router has legs in.
pub(crate) fn networks_inside(view: &mut View<'_>, router: &Id<LogicalRouter>) -> Vec<Id<LogicalSwitch>> {
    let known = view.derived::<Known>(router);
    known.iter().flat_map(|router| &router.legs).map(|leg| leg.network.clone()).collect()
}

/// A port in an external network that nothing is plugged into: what is for it is translated.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Outer {
    /// That of a floating IP.
    FloatingIp(Id<FloatingIp>),
    /// That of the gateway of a router.
    Gateway(Id<LogicalRouter>),
}

/// What stands behind a port in an external network, if it is the port of a floating IP or gateway.
pub(crate) fn outer(view: &mut View<'_>, port: &LogicalPort) -> Option<Outer> {
    match port.device_owner.as_deref() {
        Some(OWNER_FLOATING_IP) => {
            let ids = view.ids_by(&FloatingIp::BY_FLOATING_LPORT, port.id.clone());
            ids.into_iter().next().map(Outer::FloatingIp)
        }
        Some(OWNER_GATEWAY) if port.chassis().is_none() => {
            let ids = view.ids_by(&RouterExtra::BY_GATEWAY_PORT, port.id.clone());
            ids.into_iter().next().map(|id| Outer::Gateway(Id::from_row(id.row().clone())))
        }
        _ => None,
    }
}

/// The MAC address that a node has where a router's would be seen in several places of a physical network. It follows from the
/// node's name.
#[must_use]
pub fn node_mac(node: &Id<model::Chassis>) -> MacAddr {
    let hash = stable_hash(node.row()).to_be_bytes();
    MacAddr([NODE_MAC_PREFIX[0], NODE_MAC_PREFIX[1], hash[4], hash[5], hash[6], hash[7]])
}

/// The MAC address of the gateway in a network that has this link-local address.
pub(crate) fn mac_of_link_local(
    view: &mut View<'_>,
    network: &Id<LogicalSwitch>,
    ip: IpAddr,
) -> Option<MacAddr> {
    let routers = view.ids_by(&RouterExtra::BY_GATEWAY_NETWORK, network.clone());
    routers.into_iter().find_map(|id| {
        let known = view.derived::<Known>(&Id::from_row(id.row().clone()));
        let legs = known.iter().flat_map(|router| &router.gateways).map(|gateway| &gateway.leg);
        legs.filter(|leg| leg.network == *network)
            .map(|leg| leg.mac)
            .find(|mac| IpAddr::V6(mac.link_local()) == ip)
    })
}

/// A router, as its rows say; nothing for one that does not forward.
#[derive(Debug)]
struct Known;

impl Derived for Known {
    type Key = Id<LogicalRouter>;
    type Value = Option<Router>;

    fn compute(view: &mut View<'_>, id: &Self::Key) -> Option<Router> {
        let row = view.get(id)?;
        let extra = view.get(&RouterExtra::id_of(id));
        if extra.as_ref().is_some_and(|extra| extra.enabled == Some(false)) {
            return None;
        }
        let outside: Vec<_> = extra.iter().flat_map(|extra| extra.gateways.iter().cloned()).collect();
        let inner = row.ports.iter().filter(|port| outside.iter().all(|gateway| gateway.port != port.id));
        let legs = inner.filter_map(|port| leg(view, port)).collect();
        let gateways = outside.iter().filter_map(|gateway| {
            let port = view.get(&gateway.port)?;
            let next_hops = port.subnets.iter().filter_map(|subnet| view.get(subnet)?.gateway_ip).collect();
            Some(Gateway { leg: of_port(view, &port)?, hides: gateway.enable_snat != Some(false), next_hops })
        });
        let gateways = gateways.collect();
        let discards = extra.iter().flat_map(|extra| extra.discards.iter().map(IpNet::trunc)).collect();
        Some(Router { key: row.unique_key.get(), legs, gateways, routes: row.routes.clone(), discards })
    }
}

/// The leg that a member of a router's row says. What the row of its port says counts more: it has all addresses.
fn leg(view: &mut View<'_>, port: &LogicalRouterPort) -> Option<Leg> {
    if let Some(row) = view.get(&port.id) {
        return of_port(view, &row);
    }
    Some(Leg {
        port: port.id.clone(),
        key: port.unique_key.get(),
        network: port.lswitch.clone()?,
        mac: port.mac.filter(|mac| mac.is_unicast())?,
        addresses: port.network.into_iter().collect(),
    })
}

fn of_port(view: &mut View<'_>, port: &LogicalPort) -> Option<Leg> {
    let with_prefix = |(ip, subnet): (&IpAddr, &Id<Subnet>)| {
        let cidr = view.get(subnet)?.cidr?;
        IpNet::new(*ip, cidr.prefix_len()).ok()
    };
    let addresses = port.ips.iter().zip(&port.subnets).filter_map(with_prefix).collect();
    Some(Leg {
        port: port.id.clone(),
        key: port.unique_key.get(),
        network: port.lswitch.clone()?,
        mac: port.macs.iter().copied().find(|mac| mac.is_unicast())?,
        addresses,
    })
}

/// Networks that routers connect, and these routers.
#[derive(Debug)]
struct Connected;

impl Derived for Connected {
    type Key = Id<LogicalSwitch>;
    type Value = (BTreeSet<Id<LogicalSwitch>>, BTreeSet<Id<LogicalRouter>>);

    fn compute(view: &mut View<'_>, network: &Self::Key) -> Self::Value {
        let (mut networks, mut routers) = (BTreeSet::from([network.clone()]), BTreeSet::new());
        let mut to_look_at = vec![network.clone()];
        while let Some(network) = to_look_at.pop() {
            for id in view.ids_by(&LogicalRouter::BY_LSWITCH, network) {
                if !routers.insert(id.clone()) {
                    continue;
                }
                let known = view.derived::<Known>(&id);
                for leg in known.iter().flat_map(|router| &router.legs) {
                    if networks.insert(leg.network.clone()) {
                        to_look_at.push(leg.network.clone());
                    }
                }
            }
        }
        (networks, routers)
    }
}

/// Whether packets of this node come to a network by routers, or may come to be those of this node's gateway.
#[derive(Debug)]
struct IsReached;

impl Derived for IsReached {
    type Key = Id<LogicalSwitch>;
    type Value = bool;

    fn compute(view: &mut View<'_>, network: &Self::Key) -> bool {
        let routers = view.ids_by(&RouterExtra::BY_GATEWAY_NETWORK, network.clone());
        let is_outside_of = routers.into_iter().map(|id| Id::from_row(id.row().clone()));
        if is_outside_of.into_iter().any(|router| *view.derived::<IsHere>(&router)) {
            return true;
        }
        let connected = view.derived::<Connected>(network);
        let (networks, routers) = &*connected;
        !routers.is_empty() && networks.iter().any(|network| network::has_ports_here(view, network))
            || routers.iter().any(|router| gateway::may_be_here(view, router))
    }
}

/// Whether this node has to do with a router.
#[derive(Debug)]
struct IsHere;

impl Derived for IsHere {
    type Key = Id<LogicalRouter>;
    type Value = bool;

    fn compute(view: &mut View<'_>, id: &Self::Key) -> bool {
        let known = view.derived::<Known>(id);
        let Some(router) = &*known else { return false };
        gateway::may_be_here(view, id)
            || router.legs.iter().any(|leg| {
                let connected = view.derived::<Connected>(&leg.network);
                let (networks, routers) = &*connected;
                networks.iter().any(|network| network::has_ports_here(view, network))
                    || routers.iter().any(|router| gateway::may_be_here(view, router))
            })
    }
}

/// Whether this node has to do with any router.
#[derive(Debug)]
struct IsAnyHere;

impl Derived for IsAnyHere {
    type Key = ();
    type Value = bool;

    fn compute(view: &mut View<'_>, (): &()) -> bool {
        view.all::<LogicalRouter>().iter().any(|id| *view.derived::<IsHere>(id))
    }
}
