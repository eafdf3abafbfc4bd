//! What there should be.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use net_types::MacAddr;
use ovsdb::vswitch::Interface;

use super::session::SessionSpec;
use super::shape::ShapeSpec;
use super::{INTERNAL_TYPE, PATCH_TYPE, PEER_OPTION};

/// An integration bridge with its ports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BridgeSpec {
    pub name: String,
    /// None: whatever Open vSwitch takes, or the bridge has.
    pub datapath_type: Option<String>,
    /// The OpenFlow versions to allow; empty leaves it to Open vSwitch.
    pub protocols: BTreeSet<String>,
    /// Set on our bridge; other keys are left alone.
    pub other_config: BTreeMap<String, String>,
    /// What a restarted chassis should find again, exactly. None leaves what is stored as it is.
    pub ids: Option<BTreeMap<String, String>>,
    /// Where the bridge shall connect to, such as `tcp:192.0.2.1:6653`. None leaves controllers as they are.
    pub controllers: Option<BTreeSet<String>>,
    pub tunnels: Vec<TunnelSpec>,
    /// The nodes to watch. None leaves those ports as they are: who has not been told yet ends no session.
    pub sessions: Option<Vec<SessionSpec>>,
    pub patches: Vec<PatchSpec>,
    pub internals: Vec<InternalSpec>,
    /// What is promised of what leaves by other bridges. None leaves queues as they are.
    pub shapes: Option<Vec<ShapeSpec>>,
}

/// The encapsulations that we use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TunnelKind {
    Geneve,
    Vxlan,
    Gre,
}

impl TunnelKind {
    const ALL: [Self; 3] = [Self::Geneve, Self::Vxlan, Self::Gre];

    /// The OpenFlow port number that the port of [`TunnelSpec::flow_based`] asks for. Open vSwitch gives numbers
    /// below 32,768 to ports that ask for none, and leaves the others to controllers.
    #[must_use]
    pub const fn port_number(self) -> u16 {
        match self {
            Self::Geneve => 65_001,
            Self::Vxlan => 65_002,
            Self::Gre => 65_003,
        }
    }

    /// The interface type, in Open vSwitch's words.
    #[must_use]
    pub const fn as_ovs(self) -> &'static str {
        match self {
            Self::Geneve => "geneve",
            Self::Vxlan => "vxlan",
            Self::Gre => "gre",
        }
    }

    /// The kind of an interface type.
    #[must_use]
    pub fn from_ovs(interface_type: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_ovs() == interface_type)
    }
}

impl fmt::Display for TunnelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_ovs())
    }
}

/// A tunnel port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TunnelSpec {
    pub name: String,
    pub kind: TunnelKind,
    /// Exactly these: an option that is not here is removed from the port.
    pub options: BTreeMap<String, String>,
    /// The OpenFlow port number to ask for. None takes any, and may lose it: while Open vSwitch is down, a new
    /// port can take the number of one that asked for none.
    pub port_number: Option<u16>,
}

impl TunnelSpec {
    /// One port to every chassis: flows set the remote address and the key of each packet. The name is
    /// `geneve-vtp` and the like, and the number stays the same whatever is restarted or created again.
    #[must_use]
    pub fn flow_based(kind: TunnelKind, local_ip: Option<IpAddr>) -> Self {
        let port_number = Some(kind.port_number());
        let spec = Self { name: format!("{kind}-vtp"), kind, options: BTreeMap::new(), port_number };
        let spec = spec.option("remote_ip", "flow").option("key", "flow");
        match local_ip {
            Some(address) => spec.option("local_ip", &address.to_string()),
            None => spec,
        }
    }

    /// With one option more, such as `dst_port` or `csum`.
    #[must_use]
    pub fn option(mut self, key: &str, value: &str) -> Self {
        self.options.insert(key.to_owned(), value.to_owned());
        self
    }
}

/// A device of the host that is a port of the integration bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InternalSpec {
    pub name: String,
    /// The address that the device has.
    pub mac: MacAddr,
}

/// A pair of patch ports between the integration bridge and another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchSpec {
    /// The port of the integration bridge.
    pub name: String,
    /// The port of the other bridge.
    pub peer_name: String,
    pub peer_bridge: String,
    pub if_missing: PeerBridge,
}

/// What to do if the other bridge of a patch does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerBridge {
    /// Create it, with the datapath type of the integration bridge.
    Create,
    /// Report it; an operator makes provider bridges, with their network cards.
    Report,
}

/// A port that should exist, whatever it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WantedPort {
    pub(super) bridge: String,
    pub(super) name: String,
    pub(super) kind: &'static str,
    pub(super) options: BTreeMap<String, String>,
    pub(super) number: Option<u16>,
    /// How BFD runs on it, exactly; None leaves it alone.
    pub(super) bfd: Option<BTreeMap<String, String>>,
    /// Marks besides ours.
    pub(super) ids: BTreeMap<String, String>,
    /// None: whatever it has.
    pub(super) mac: Option<MacAddr>,
}

impl WantedPort {
    /// Whether the interface is as wanted. A number that we do not ask for is its owner's business.
    pub(super) fn is_satisfied_by(&self, interface: &Interface) -> bool {
        let has_number = |number| interface.ofport_request == Some(i64::from(number));
        interface.r#type == self.kind
            && interface.options == self.options
            && self.number.is_none_or(has_number)
            && self.bfd.as_ref().is_none_or(|bfd| interface.bfd == *bfd)
            && self.mac.is_none_or(|mac| interface.mac == Some(mac.to_string()))
    }
}

impl BridgeSpec {
    /// Every name that the specification is about: of bridges, each of which has a port of its own name, and of
    /// ports.
    pub(super) fn names(&self) -> BTreeSet<String> {
        let patches = self.patches.iter();
        let patches = patches.flat_map(|patch| [&patch.name, &patch.peer_name, &patch.peer_bridge]);
        let tunnels = self.tunnels.iter().map(|tunnel| &tunnel.name);
        let internals = self.internals.iter().map(|internal| &internal.name);
        let names = std::iter::once(&self.name).chain(tunnels).chain(patches).chain(internals).cloned();
        names.chain(self.sessions.iter().flatten().flat_map(SessionSpec::port_names)).collect()
    }

    pub(super) fn tunnel_ports(&self) -> impl Iterator<Item = WantedPort> {
        self.tunnels.iter().map(|tunnel| WantedPort {
            bridge: self.name.clone(),
            name: tunnel.name.clone(),
            kind: tunnel.kind.as_ovs(),
            options: tunnel.options.clone(),
            number: tunnel.port_number,
            bfd: None,
            ids: BTreeMap::new(),
            mac: None,
        })
    }

    pub(super) fn internal_ports(&self) -> impl Iterator<Item = WantedPort> {
        self.internals.iter().map(|internal| WantedPort {
            bridge: self.name.clone(),
            name: internal.name.clone(),
            kind: INTERNAL_TYPE,
            options: BTreeMap::new(),
            number: None,
            bfd: None,
            ids: BTreeMap::new(),
            mac: Some(internal.mac),
        })
    }

    /// Both ends.
    pub(super) fn patch_ports(&self, patch: &PatchSpec) -> [WantedPort; 2] {
        let end = |bridge: &str, name: &str, peer: &str| WantedPort {
            bridge: bridge.to_owned(),
            name: name.to_owned(),
            kind: PATCH_TYPE,
            options: BTreeMap::from([(PEER_OPTION.to_owned(), peer.to_owned())]),
            number: None,
            bfd: None,
            ids: BTreeMap::new(),
            mac: None,
        };
        [
            end(&self.name, &patch.name, &patch.peer_name),
            end(&patch.peer_bridge, &patch.peer_name, &patch.name),
        ]
    }
}
