//! What goes into a step of the engine, and what comes out.

use std::collections::BTreeMap;
use std::net::IpAddr;

use model::{Object, RowId, Table, TunnelType};
use net_types::OfPort;
use openflow::delta::Delta;
use serde::{Deserialize, Serialize};

use crate::beacon::Beacon;
use crate::desired::Finding;
use crate::node::{Interface, MetadataProxy, Provider, Settings};
use crate::numbers::Numbers;
use crate::packet::{PacketIn, Reply};
use crate::peers::{Peers, Watched};
use crate::reserve::Reserve;

/// News about a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RowChange {
    /// The row is this now.
    Put(Object),
    /// The row is gone.
    Delete(Table, RowId),
}

/// Something that the engine is told. All of it can be written down and read again, see [`record`](crate::record).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Input {
    /// What the operator configured.
    Settings(Settings),
    /// Everything that there is in these tables.
    Snapshot {
        /// The tables.
        tables: Vec<Table>,
        /// Their rows.
        rows: Vec<Object>,
    },
    /// A row changed.
    Row(RowChange),
    /// An interface appeared or changed.
    Interface(Interface),
    /// The interface of this port is gone.
    InterfaceGone(RowId),
    /// The tunnel ports that there are, by what they carry.
    Tunnels(#[serde(with = "tunnels")] BTreeMap<TunnelType, u32>),
    /// The ways to physical networks, by the names of these.
    Providers(BTreeMap<String, Provider>),
    /// What is seen of the nodes that this one watches.
    Peers(Peers),
    /// The proxy of the metadata service; none where there is no way to one.
    Metadata(Option<MetadataProxy>),
    /// Numbers that were given before a restart. They have to come in the first step.
    Numbers(Numbers),
    /// A packet that a flow sent up.
    Packet(PacketIn),
}

/// What a step wants done.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outputs {
    /// What the switch should change.
    pub delta: Delta,
    /// Ports that forward as soon as the switch confirms `delta`.
    pub ready: Vec<RowId>,
    /// Ports that do not forward any more.
    pub not_ready: Vec<RowId>,
    /// The ends of tunnels that frames are sent to, where they changed: all of them, with the ports that lead there.
    pub tunnel_ends: Option<Vec<(OfPort, IpAddr)>>,
    /// Nodes that this one should watch, where they changed: all of them.
    pub watched: Option<Vec<Watched>>,
    /// Frames that ports are sent regularly, where they changed: all of them, in order.
    pub beacons: Option<Vec<Beacon>>,
    /// Bandwidth that ports are promised, where that changed: all of it, in order.
    pub reserves: Option<Vec<Reserve>>,
    /// Rows that are not true any more and that this node has to delete, where they changed: all of them.
    pub stale_rows: Option<Vec<(Table, RowId)>>,
    /// Whether numbers were given or taken back: see [`Engine::numbers`](crate::Engine::numbers).
    pub numbers_changed: bool,
    /// Conntrack zones that belong to another port than before, or to none: what is tracked there is of nobody. They have to
    /// be emptied before the switch is changed.
    pub stale_zones: Vec<u16>,
    /// What is wrong with the facts, where that changed: all that is wrong now.
    pub findings: Option<Vec<Finding>>,
    /// What to do for each packet, in the order in which they came.
    pub replies: Vec<Reply>,
    /// Units that were run again.
    pub units_run: usize,
}

/// Tunnel types by their names: recordings are JSON, whose members have texts for names.
mod tunnels {
    use std::collections::BTreeMap;

    use model::TunnelType;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(
        map: &BTreeMap<TunnelType, u32>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let named: BTreeMap<&str, u32> = map.iter().map(|(kind, port)| (kind.as_str(), *port)).collect();
        named.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<TunnelType, u32>, D::Error> {
        let named = BTreeMap::<String, u32>::deserialize(deserializer)?;
        Ok(named.into_iter().filter_map(|(name, port)| Some((TunnelType::from_text(&name)?, port))).collect())
    }
}
