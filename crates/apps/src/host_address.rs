//! The address of a node outside: which external network it is in, if guests leave with it.
//!
//! It counts in the external network one of whose subnets it is in, where this node is on the wire of that network. An address that a
//! port has is that port's.

use std::net::{IpAddr, Ipv4Addr};

use engine::{Derived, View};
use model::{Id, LogicalPort, LogicalRouter, LogicalSwitch, RouterExtra, Subnet};
use net_types::MacAddr;

use crate::network::{self, Network};
use crate::routers;

/// The address of this node in a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostAddress {
    pub(crate) ip: Ipv4Addr,
    pub(crate) mac: MacAddr,
    pub(crate) network: Network,
}

/// The address with which guests of this node leave to an external network that have none of their own there.
pub(crate) fn in_network(view: &mut View<'_>, network: &Id<LogicalSwitch>) -> Option<HostAddress> {
    match &*view.derived::<Inside>(network) {
        Found::Address(address) => Some(address.clone()),
        Found::Nothing | Found::Taken => None,
    }
}

/// Whether the address of the node would be in a network, if no port of the network had it.
pub(crate) fn is_taken(view: &mut View<'_>, network: &Id<LogicalSwitch>) -> bool {
    *view.derived::<Inside>(network) == Found::Taken
}

/// Whether what guests send through a router may leave where they are.
pub(crate) fn serves(view: &mut View<'_>, router: &Id<LogicalRouter>) -> bool {
    view.get(&RouterExtra::id_of(router)).is_none_or(|extra| extra.distributed != Some(false))
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Found {
    #[default]
    Nothing,
    Taken,
    Address(HostAddress),
}

/// What the address of this node is in a network.
#[derive(Debug)]
struct Inside;

impl Derived for Inside {
    type Key = Id<LogicalSwitch>;
    type Value = Found;

    fn compute(view: &mut View<'_>, id: &Self::Key) -> Found {
        let Some(settings) = view.settings() else { return Found::Nothing };
        let Some(ip) = settings.host_address else { return Found::Nothing };
        let known =
            network::reached(view, id).filter(|network| network.is_external && network.wire.is_some());
        let Some(network) = known else { return Found::Nothing };
        let subnets = view.by(&Subnet::BY_LSWITCH, id.clone());
        if !subnets.iter().any(|subnet| subnet.cidr.is_some_and(|cidr| cidr.contains(&IpAddr::V4(ip)))) {
            return Found::Nothing;
        }
        let is_gateway = subnets.iter().any(|subnet| subnet.gateway_ip == Some(ip.into()));
        if is_gateway || view.any(&LogicalPort::BY_IP, (ip.into(), id.clone())) {
            return Found::Taken;
        }
        Found::Address(HostAddress { ip, mac: routers::node_mac(&settings.chassis), network })
    }
}
