//! Networks as flows see them: a number, and how frames travel to other nodes.
//!
//! Most units about ports need no more of a network than this, so it is a derived value: when a network gets another name,
//! its ten thousand ports are not looked at.

use engine::{Derived, View};
use model::{Id, LogicalPort, LogicalSwitch, NetworkExtra, NetworkType};
use openflow::{Field, Match};

use crate::places;
use crate::provider::{self, Wire};
use crate::routers;
use crate::tunnel::{Tunnel, too_large, tunnel_type};

/// The bit of a VLAN id in a match that says that there is a tag.
pub(crate) const VLAN_PRESENT: u16 = 0x1000;

/// A network that this node has to know, because ports of it are here, or routers lead there from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// The number by which the switch knows it; it has 24 bits.
    pub key: u32,
    /// The tunnels in which its frames get to other nodes; nothing for a network that stays on the node, or is in a
    /// physical network.
    pub tunnel: Option<Tunnel>,
    /// The way to its physical network, where it is in one.
    pub wire: Option<Wire>,
    /// Whether it carries the VLAN tags of guests.
    pub carries_tags: bool,
    /// Whether ports of it are here.
    pub is_present: bool,
    /// Whether it is outside of what tenants have.
    pub is_external: bool,
    /// The longest packet that it takes, where that is said.
    pub mtu_bytes: Option<u32>,
}

/// What follows from the row of a network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// The network, if its ports can have flows here.
    pub network: Option<Network>,
    /// What is wrong with it.
    pub problem: Option<String>,
}

/// [`Known`], computed once for all who need it.
#[derive(Debug)]
struct KnownNetwork;

impl Derived for KnownNetwork {
    type Key = Id<LogicalSwitch>;
    type Value = Known;

    fn compute(view: &mut View<'_>, id: &Self::Key) -> Known {
        let is_present = has_ports_here(view, id);
        if !is_present && !routers::reach(view, id) {
            return Known::default();
        }
        let Some(row) = view.get(id) else { return Known::default() };
        let Some(key) = key(&row) else {
            return Known { network: None, problem: Some(too_large("key", row.unique_key.get())) };
        };
        let extra = view.get(&NetworkExtra::id_of(id));
        let carries_tags = extra.is_some_and(|extra| extra.vlan_transparent == Some(true));
        let (way, problem) = match travels(view, &row) {
            Ok(way) => (way, None),
            Err(problem) => (Way::None, Some(problem)),
        };
        let (tunnel, wire) = match way {
            Way::Tunnel(tunnel) => (Some(tunnel), None),
            Way::Wire(wire) => (None, Some(wire)),
            Way::None => (None, None),
        };
        let is_external = row.is_external == Some(true);
        let network =
            Network { key, tunnel, wire, carries_tags, is_present, is_external, mtu_bytes: row.mtu };
        Known { network: Some(network), problem }
    }
}

/// What is known of a network, if any port of it is on this node or routers lead there from here.
pub fn known(view: &mut View<'_>, id: &Id<LogicalSwitch>) -> Known {
    (*view.derived::<KnownNetwork>(id)).clone()
}

/// The network, if any port of it is on this node and it carries the VLAN tags of guests.
pub(crate) fn with_tags(view: &mut View<'_>, id: &Id<LogicalSwitch>) -> Option<Network> {
    present(view, id).filter(|network| network.carries_tags)
}

/// Whether the switch remembers where addresses of the network were heard that no port has: because ports on this node may have some, or
/// ports on others to which frames for such addresses travel in tunnels.
pub(crate) fn learns(view: &mut View<'_>, network: &Id<LogicalSwitch>) -> bool {
    *view.derived::<Learns>(network)
}

/// The answer to [`learns`], for all who ask: nobody is told of the second such node.
#[derive(Debug)]
struct Learns;

impl Derived for Learns {
    type Key = Id<LogicalSwitch>;
    type Value = bool;

    fn compute(view: &mut View<'_>, network: &Self::Key) -> bool {
        let Some(known) = present(view, network) else { return false };
        let takes = |view: &mut View<'_>, port: &Id<LogicalPort>| {
            view.get(port).is_some_and(|port| port.may_have_other_macs())
        };
        let is_elsewhere = |view: &mut View<'_>| {
            !view.halves(&LogicalPort::BY_LSWITCH_AND_CHASSIS_OTHER_MACS, network.clone()).is_empty()
                || places::moves(view, network).iter().any(|(_, port)| takes(view, port))
        };
        has_takers(view, network) || known.tunnel.is_some() && is_elsewhere(view)
    }
}

/// Whether ports of the network on this node may have addresses that no port has, and get what is for such.
pub(crate) fn has_takers(view: &mut View<'_>, network: &Id<LogicalSwitch>) -> bool {
    let Some(settings) = view.settings() else { return false };
    view.any(&LogicalPort::BY_LSWITCH_AND_CHASSIS_OTHER_MACS, (network.clone(), settings.chassis.clone()))
        || places::moves(view, network).iter().any(|(node, port)| {
            *node == settings.chassis && view.get(port).is_some_and(|port| port.may_have_other_macs())
        })
}

/// Matches frames that have a VLAN tag.
pub(crate) fn tagged() -> Match {
    Match::new().with_masked(Field::VlanVid, VLAN_PRESENT, VLAN_PRESENT)
}

/// The network, if any port of it is on this node.
pub fn present(view: &mut View<'_>, id: &Id<LogicalSwitch>) -> Option<Network> {
    known(view, id).network.filter(|network| network.is_present)
}

/// The network, if packets get there from ports on this node, whether by switching or by routers.
pub(crate) fn reached(view: &mut View<'_>, id: &Id<LogicalSwitch>) -> Option<Network> {
    known(view, id).network
}

/// Whether any port of the network is bound to this node or on its way here, so that the node has to know the others.
pub(crate) fn has_ports_here(view: &mut View<'_>, network: &Id<LogicalSwitch>) -> bool {
    let Some(settings) = view.settings() else { return false };
    view.any(&LogicalPort::BY_LSWITCH_AND_CHASSIS, (network.clone(), settings.chassis.clone()))
        || places::moves(view, network).iter().any(|(node, _)| *node == settings.chassis)
}

/// The number by which the switch knows a network; nothing where it is too large for the registers and tunnels.
fn key(network: &LogicalSwitch) -> Option<u32> {
    Some(network.unique_key.get()).filter(|key| *key <= pipeline::tunnels::VNI_MAX)
}

/// How frames of a network get to other nodes.
enum Way {
    Tunnel(Tunnel),
    Wire(Wire),
    /// Not at all.
    None,
}

fn travels(view: &mut View<'_>, network: &LogicalSwitch) -> Result<Way, String> {
    let Some(network_type) = &network.network_type else {
        return Err("the network has no type, so its frames stay on this node".to_owned());
    };
    let kind = match (network_type, tunnel_type(network_type)) {
        (_, Some(kind)) => kind,
        (physical, None) if provider::is_physical(physical) => {
            return provider::wire(view, network).map(Way::Wire);
        }
        (NetworkType::Local, None) => return Ok(Way::None),
        (other, None) => {
            return Err(format!(
                "networks of type {} are not known here, so frames of this one stay on this node",
                other.as_str()
            ));
        }
    };
    let id = Tunnel::network_id(&kind, network)?;
    let tunnels = view.tunnels();
    let Some(port) = tunnels.get(&kind) else {
        let have: Vec<&str> = tunnels.keys().map(model::TunnelType::as_str).collect();
        let have = if have.is_empty() { "none".to_owned() } else { have.join(", ") };
        return Err(format!(
            "the network travels in {} tunnels, and this node has a tunnel port for {have}: add the type to tunnel_types",
            kind.as_str()
        ));
    };
    Ok(Way::Tunnel(Tunnel { port: *port, id, kind }))
}
