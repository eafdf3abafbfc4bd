//! What the engine has not been told yet, each fact once.
//!
//! Everything that comes while the engine is busy, or before it may start, waits here. A row that changed five times is
//! told once. So what waits is bounded by what there is, and an engine that falls behind catches up with larger steps.

use std::collections::BTreeMap;

use engine::numbers::Numbers;
use engine::{Input, Interface, MetadataProxy, PacketIn, Peers, Provider, RowChange, Settings};
use model::{Object, RowId, Table, TunnelType};

/// Facts that wait.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    settings: Option<Settings>,
    numbers: Option<Numbers>,
    tunnels: Option<BTreeMap<TunnelType, u32>>,
    providers: Option<BTreeMap<String, Provider>>,
    peers: Option<Peers>,
    metadata: Option<Option<MetadataProxy>>,
    snapshot: Option<(Vec<Table>, Vec<Object>)>,
    /// Changes after the snapshot.
    rows: BTreeMap<(Table, RowId), RowChange>,
    interfaces: BTreeMap<RowId, Option<Interface>>,
    packets: Vec<PacketIn>,
}

impl Pending {
    pub(crate) fn settings(&mut self, settings: Settings) {
        self.settings = Some(settings);
    }

    pub(crate) fn numbers(&mut self, numbers: Numbers) {
        self.numbers = Some(numbers);
    }

    pub(crate) fn tunnels(&mut self, tunnels: BTreeMap<TunnelType, u32>) {
        self.tunnels = Some(tunnels);
    }

    pub(crate) fn providers(&mut self, providers: BTreeMap<String, Provider>) {
        self.providers = Some(providers);
    }

    pub(crate) fn peers(&mut self, peers: Peers) {
        self.peers = Some(peers);
    }

    pub(crate) fn metadata(&mut self, metadata: Option<MetadataProxy>) {
        self.metadata = Some(metadata);
    }

    /// All rows of some tables. What was known of these tables before is void.
    pub(crate) fn snapshot(&mut self, tables: Vec<Table>, rows: Vec<Object>) {
        self.rows.retain(|(table, _), _| !tables.contains(table));
        self.snapshot = Some((tables, rows));
    }

    pub(crate) fn row(&mut self, change: RowChange) {
        let key = match &change {
            RowChange::Put(object) => (object.table(), object.id().clone()),
            RowChange::Delete(table, id) => (*table, id.clone()),
        };
        self.rows.insert(key, change);
    }

    pub(crate) fn interface(&mut self, port: RowId, interface: Option<Interface>) {
        self.interfaces.insert(port, interface);
    }

    pub(crate) fn packet(&mut self, packet: impl Into<Option<PacketIn>>) {
        self.packets.extend(packet.into());
    }

    /// Everything that waits, for one step of the engine; nothing, if nothing does.
    pub(crate) fn take(&mut self) -> Vec<Input> {
        let Self {
            settings,
            numbers,
            tunnels,
            providers,
            peers,
            metadata,
            snapshot,
            rows,
            interfaces,
            packets,
        } = std::mem::take(self);
        let mut inputs = Vec::with_capacity(rows.len() + interfaces.len() + packets.len() + 7);
        inputs.extend(settings.map(Input::Settings));
        inputs.extend(numbers.map(Input::Numbers));
        inputs.extend(tunnels.map(Input::Tunnels));
        inputs.extend(providers.map(Input::Providers));
        inputs.extend(peers.map(Input::Peers));
        inputs.extend(metadata.map(Input::Metadata));
        inputs.extend(snapshot.map(|(tables, rows)| Input::Snapshot { tables, rows }));
        inputs.extend(rows.into_values().map(Input::Row));
        inputs.extend(interfaces.into_iter().map(|(port, interface)| match interface {
            Some(interface) => Input::Interface(interface),
            None => Input::InterfaceGone(port),
        }));
        inputs.extend(packets.into_iter().map(Input::Packet));
        inputs
    }
}

#[cfg(test)]
mod tests {
    use model::{Id, LogicalPort};
    use net_types::OfPort;

    use super::*;

    fn port(id: &str, key: u32) -> Object {
        let text = format!(r#"{{"id": "{id}", "topic": "t", "unique_key": {key}}}"#);
        Object::from_text(Table::LogicalPort, &text).unwrap()
    }

    fn id(text: &str) -> RowId {
        RowId::new(text).unwrap()
    }

    #[test]
    fn what_changed_often_is_told_once_and_as_it_is_now() {
        let mut pending = Pending::default();
        pending.row(RowChange::Put(port("p1", 1)));
        pending.row(RowChange::Delete(Table::LogicalPort, id("p1")));
        pending.row(RowChange::Put(port("p1", 2)));
        pending.row(RowChange::Put(port("p2", 3)));
        pending.row(RowChange::Delete(Table::LogicalPort, id("p2")));
        assert_eq!(
            pending.take(),
            [
                Input::Row(RowChange::Put(port("p1", 2))),
                Input::Row(RowChange::Delete(Table::LogicalPort, id("p2"))),
            ]
        );
        assert_eq!(pending.take(), []);
    }

    #[test]
    fn a_snapshot_makes_what_was_known_before_void_and_what_comes_after_counts() {
        let mut pending = Pending::default();
        pending.row(RowChange::Put(port("old", 1)));
        pending.row(RowChange::Delete(Table::Subnet, id("s")));
        pending.snapshot(vec![Table::LogicalPort], vec![port("p1", 1)]);
        pending.row(RowChange::Put(port("p1", 2)));
        let inputs = pending.take();
        assert_eq!(
            inputs,
            [
                Input::Snapshot { tables: vec![Table::LogicalPort], rows: vec![port("p1", 1)] },
                Input::Row(RowChange::Delete(Table::Subnet, id("s"))),
                Input::Row(RowChange::Put(port("p1", 2))),
            ]
        );
    }

    #[test]
    fn an_interface_that_came_and_went_is_gone_and_one_that_moved_is_where_it_is() {
        let mut pending = Pending::default();
        let interface = |number| Interface::new(Id::<LogicalPort>::new("p1").unwrap(), OfPort::new(number));
        pending.interface(id("p1"), Some(interface(3)));
        pending.interface(id("p1"), None);
        assert_eq!(pending.take(), [Input::InterfaceGone(id("p1"))]);
        pending.interface(id("p1"), None);
        pending.interface(id("p1"), Some(interface(4)));
        assert_eq!(pending.take(), [Input::Interface(interface(4))]);
    }
}
