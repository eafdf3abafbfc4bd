//! Ports that are plugged into this node: by an interface of their own, or inside that of another port.
//!
//! # Ports inside others
//! | by | frames of the inner port, on the interface of the outer one |
//! |---|---|
//! | VLAN | carry its tag |
//! | MAC address (macvlan) | come from and go to its own MAC address |
//! | IP address (ipvlan) | come from and go to the MAC address of the outer port, and the inner one's IP addresses |
//!
//! The inner port is here when the outer one is, and both are bound to this node.

use std::sync::Arc;

use engine::{Interface, PacketIn, Reply, Rule, Sink, View};
use model::{Chassis, ChildPortSegmentation, Id, LogicalPort, SegmentationType};
use net_types::{MacAddr, OfPort};

use crate::network::{self, Network};
use crate::{nested, places};

/// What a VLAN tag begins with.
const TAG_TYPE: u16 = 0x8100;

/// Octets of the two addresses at the front of a frame, behind which a VLAN tag stands.
const ADDRESSES_BYTES: usize = 12;

/// A port that is on this node, plugged in and enabled, with what flows need of it.
#[derive(Debug, Clone)]
pub struct LocalPort {
    /// The port.
    pub port: Arc<LogicalPort>,
    /// Its network.
    pub network: Network,
    /// The switch port that it is plugged into, or the port that it is inside of.
    pub of_port: OfPort,
    /// The VLAN by which its frames are told from those of the port that it is inside of.
    pub vlan: Option<u16>,
    /// What else they are told by.
    pub shares: Option<Shares>,
    /// Whether the guest is on its way here, and does not run here yet as far as is known.
    pub is_arriving: bool,
    /// The other node that gets its frames while it moves.
    pub other_node: Option<Id<Chassis>>,
}

/// A port that shares untagged frames with the port that it is inside of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shares {
    /// The outer port.
    pub outer: Id<LogicalPort>,
    /// Its key.
    pub outer_key: u32,
    /// The MAC address of the outer port, if the inner one's frames come from there and go there.
    pub outer_mac: Option<MacAddr>,
}

impl LocalPort {
    /// Its number in the switch.
    #[must_use]
    pub fn key(&self) -> u64 {
        self.port.unique_key.get().into()
    }

    /// Sends a frame to it.
    #[must_use]
    pub fn send(&self, frame: Vec<u8>) -> Reply {
        Reply::Send { frame: self.framed(frame), port: self.of_port }
    }

    /// A frame as it leaves by its switch port: for the MAC address and with the tag of the port that it is inside of.
    #[must_use]
    pub fn framed(&self, mut frame: Vec<u8>) -> Vec<u8> {
        if let Some(mac) = self.shares.as_ref().and_then(|shares| shares.outer_mac)
            && let Some(destination) = frame.first_chunk_mut().filter(|mac| mac[0] & 1 == 0)
        {
            *destination = mac.0;
        }
        if let Some(vlan) = self.vlan
            && frame.len() >= ADDRESSES_BYTES
        {
            let tag = [TAG_TYPE.to_be_bytes(), vlan.to_be_bytes()].concat();
            frame.splice(ADDRESSES_BYTES..ADDRESSES_BYTES, tag);
        }
        frame
    }
}

/// Rules that say what is needed for each port on this node, however it is plugged in.
pub(crate) fn each(name: &'static str, compile: fn(&mut View<'_>, &LocalPort, &mut Sink)) -> [Rule; 2] {
    let own = move |view: &mut View<'_>, interface: &Interface, sink: &mut Sink| {
        if let Some(local) = port_of(view, interface) {
            compile(view, &local, sink);
        }
    };
    let inner = move |view: &mut View<'_>, row: &ChildPortSegmentation, sink: &mut Sink| {
        if let Some(local) = inside(view, row) {
            compile(view, &local, sink);
        }
    };
    [Rule::each_interface(name, own), Rule::each(name, inner)]
}

/// The port, if it is on this node.
pub(crate) fn find(view: &mut View<'_>, port: &Id<LogicalPort>) -> Option<LocalPort> {
    if let Some(interface) = view.interface(port) {
        return port_of(view, &interface);
    }
    let rows = view.by(&ChildPortSegmentation::BY_LPORT, port.clone());
    rows.iter().find_map(|row| inside(view, row))
}

/// Whether what is for a port is handed to it on this node: where it is, and where it is on its way to. On the wire of a physical network
/// it is elsewhere until it is plugged in here; in tunnels, what comes to the last table goes on to where it is.
pub(crate) fn is_for_here(view: &mut View<'_>, port: &LogicalPort, network: &Network) -> bool {
    let Some(us) = view.settings().map(|settings| settings.chassis) else { return false };
    let places = places::of(view, port);
    places.node.as_ref() == Some(&us)
        || places.include(&us) && (network.wire.is_none() || find(view, &port.id).is_some())
}

/// The port that a packet is from, wherever it is.
pub(crate) fn sender_row(view: &mut View<'_>, packet: &PacketIn) -> Option<Arc<LogicalPort>> {
    view.by(&LogicalPort::BY_UNIQUE_KEY, packet.ingress()?).into_iter().next()
}

/// The port that a packet is from, if it is on this node still.
pub(crate) fn sender(view: &mut View<'_>, packet: &PacketIn) -> Option<LocalPort> {
    let port = sender_row(view, packet)?;
    find(view, &port.id)
}

/// The port of an interface, if this node may serve it: it is bound here, enabled, and its network is known
/// and has a key that fits.
pub fn port_of(view: &mut View<'_>, interface: &Interface) -> Option<LocalPort> {
    served(view, &interface.port, interface.of_port(), None, None)
}

/// A port inside another one that is plugged in here. One that has an interface of its own is not inside.
fn inside(view: &mut View<'_>, row: &ChildPortSegmentation) -> Option<LocalPort> {
    if view.interface(&row.port).is_some() {
        return None;
    }
    let outer = view.interface(&row.parent)?;
    if nested::problem(view, row).is_some() {
        return None;
    }
    let parent = view.get(&row.parent)?;
    let us = view.settings()?.chassis;
    if !places::of(view, &parent).include(&us) || parent.enabled == Some(false) {
        return None;
    }
    let shares =
        |outer_mac| Shares { outer: parent.id.clone(), outer_key: parent.unique_key.get(), outer_mac };
    let (vlan, shares) = match row.segmentation_type {
        SegmentationType::Vlan => (Some(nested::tag(row)?), None),
        SegmentationType::Macvlan => (None, Some(shares(None))),
        SegmentationType::Ipvlan => {
            let mac = parent.macs.iter().copied().find(|mac| mac.is_unicast())?;
            (None, Some(shares(Some(mac))))
        }
    };
    served(view, &row.port, outer.of_port(), vlan, shares)
}

/// The ports inside this one whose frames carry tags, or do not.
pub(crate) fn ports_inside(
    view: &mut View<'_>,
    port: &Id<LogicalPort>,
    have_tags: bool,
) -> Vec<Id<LogicalPort>> {
    let rows = view.by(&ChildPortSegmentation::BY_PARENT, port.clone());
    let rows = rows.iter().filter(|row| (row.segmentation_type == SegmentationType::Vlan) == have_tags);
    rows.map(|row| row.port.clone()).collect()
}

fn served(
    view: &mut View<'_>,
    port: &Id<LogicalPort>,
    of_port: OfPort,
    vlan: Option<u16>,
    shares: Option<Shares>,
) -> Option<LocalPort> {
    let port = view.get(port)?;
    let settings = view.settings()?;
    let places = places::of(view, &port);
    if !places.include(&settings.chassis) || port.enabled == Some(false) {
        return None;
    }
    let network = network::present(view, port.lswitch.as_ref()?)?;
    let is_arriving = places.destination.as_ref() == Some(&settings.chassis);
    let other_node = if is_arriving { places.node } else { places.destination };
    Some(LocalPort { port, network, of_port, vlan, shares, is_arriving, other_node })
}
