//! Nodes that know the same rows, each with its engine and its switch.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use engine::{Engine, Input, Interface, MetadataProxy, Outputs, Provider, RowChange, Settings};
use model::{Chassis, Id, LogicalPort, Object, RowId, Table, TunnelType};
use net_types::OfPort;
use ofsim::Switch;
use openflow::flow::FlowSet;

use super::topology::{self, Fact};

/// Number of the switch port of the tunnels of each type; the same on all nodes.
const TUNNEL_PORTS: [(TunnelType, u32); 3] =
    [(TunnelType::Geneve, 60_001), (TunnelType::Vxlan, 60_002), (TunnelType::Gre, 60_003)];

/// One node.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) engine: Engine,
    pub(crate) switch: Switch,
    pub(crate) settings: Settings,
    pub(crate) tunnels: BTreeMap<TunnelType, u32>,
    pub(crate) providers: BTreeMap<String, Provider>,
    pub(crate) metadata: Option<MetadataProxy>,
    /// Where guests are plugged in.
    pub(crate) plugged: BTreeMap<RowId, u32>,
    /// Ports that were said to be ready.
    pub(crate) ready: Vec<RowId>,
    installed: FlowSet,
}

/// Some nodes.
#[derive(Debug, Default)]
pub(crate) struct Cloud {
    pub(crate) nodes: BTreeMap<String, Node>,
    pub(crate) rows: BTreeMap<(Table, RowId), Object>,
}

impl Node {
    fn new(name: &str, ip: IpAddr, types: &[String]) -> Self {
        let chassis = Id::<Chassis>::new(name).expect("a name");
        Self {
            engine: Engine::new(apps::all()),
            switch: Switch::new(),
            settings: Settings {
                chassis,
                tunnel_ip: ip,
                answer_arp: true,
                learning: engine::Learning::default(),
                dhcp: Arc::default(),
                multicast: engine::Multicast::default(),
                host_address: None,
            },
            tunnels: tunnel_ports(types),
            providers: BTreeMap::new(),
            metadata: None,
            plugged: BTreeMap::new(),
            ready: Vec::new(),
            installed: FlowSet::new(),
        }
    }

    /// Takes a step and does in the switch what it says. Nothing that is there already may be sent.
    pub(crate) fn step(&mut self, inputs: Vec<Input>) -> Outputs {
        let outputs = self.engine.step(inputs);
        for flow in &outputs.delta.flows {
            assert_ne!(self.installed.insert(flow.clone()).as_ref(), Some(flow), "sent and was there");
        }
        for key in &outputs.delta.delete_flows {
            assert!(self.installed.remove(key).is_some(), "{key} was deleted and not there");
        }
        self.switch.apply(&outputs.delta);
        self.ready.extend(outputs.ready.iter().cloned());
        self.ready.retain(|port| !outputs.not_ready.contains(port));
        outputs
    }

    /// Gives the node tunnels of these types, and of no others.
    pub(crate) fn set_tunnel_types(&mut self, types: &[&str]) {
        self.tunnels = tunnel_ports(types);
    }

    /// Everything this node is told besides rows.
    pub(crate) fn own_facts(&self) -> Vec<Input> {
        let interfaces = self.plugged.iter().map(|(port, of_port)| interface(port.clone(), *of_port));
        let node = [
            Input::Settings(self.settings.clone()),
            Input::Tunnels(self.tunnels.clone()),
            Input::Providers(self.providers.clone()),
            Input::Metadata(self.metadata.clone()),
        ];
        node.into_iter().chain(interfaces).collect()
    }

    /// Holds the engine to what the switch got, and to what a fresh one would say.
    pub(crate) fn check(&mut self) {
        let desired = self.engine.desired();
        assert_eq!(desired, self.engine.recompute(), "the path to a state shows in it");
        assert_eq!(desired.flows.len(), self.installed.len(), "the changes do not add up");
        for flow in &desired.flows {
            let installed = self.installed.get(flow.key_bytes());
            assert_eq!(installed, Some(flow), "the changes do not add up");
        }
        assert!(self.switch.groups().eq(desired.groups.iter()), "the changes of groups do not add up");
        assert!(self.switch.meters().eq(desired.meters.iter()), "the changes of meters do not add up");
    }

    /// The tunnel whose switch port this is.
    pub(crate) fn tunnel_at(&self, port: OfPort) -> Option<TunnelType> {
        self.tunnels.iter().find(|(_, number)| **number == port.get()).map(|(kind, _)| kind.clone())
    }

    /// Gives the node a way to a physical network, or a mapping whose bridge is missing.
    pub(crate) fn set_wire(&mut self, network: &str, of_port: Option<u32>) {
        let bridge = format!("br-{network}");
        self.providers.insert(network.to_owned(), Provider { bridge, of_port });
    }

    /// Gives the node a proxy for the metadata service.
    fn set_proxy(&mut self, of_port: u32) {
        self.metadata = Some(MetadataProxy { of_port, address: [169, 254, 169, 254].into(), port: 18_080 });
    }

    /// The physical network that this switch port leads to.
    pub(crate) fn wire_at(&self, port: OfPort) -> Option<&str> {
        let wire = self.providers.iter().find(|(_, provider)| provider.of_port == Some(port.get()));
        wire.map(|(network, _)| network.as_str())
    }

    /// The guest that is plugged in here.
    pub(crate) fn guest_at(&self, port: OfPort) -> Option<String> {
        self.plugged.iter().find(|(_, number)| **number == port.get()).map(|(id, _)| id.to_string())
    }
}

fn tunnel_ports<T: AsRef<str>>(types: &[T]) -> BTreeMap<TunnelType, u32> {
    let speaks = |kind: &TunnelType| types.iter().any(|name| name.as_ref() == kind.as_str());
    TUNNEL_PORTS.into_iter().filter(|(kind, _)| speaks(kind)).collect()
}

pub(crate) fn interface(port: RowId, of_port: u32) -> Input {
    Input::Interface(Interface::new(Id::<LogicalPort>::from_row(port), OfPort::new(of_port)))
}

impl Cloud {
    /// The cloud that a text describes; see [`topology`].
    pub(crate) fn new(text: &str) -> Self {
        let mut cloud = Self::of_facts(&topology::parse(text), &|_| true);
        cloud.nodes.values_mut().for_each(Node::check);
        cloud
    }

    /// The same, of whose nodes only these compute.
    pub(crate) fn with_nodes(text: &str, names: &[&str]) -> Self {
        Self::of_facts(&topology::parse(text), &|name| names.contains(&name))
    }

    /// The rows that a text describes.
    pub(crate) fn rows_of(text: &str) -> Vec<Object> {
        let rows = topology::parse(text).into_iter().filter_map(|fact| match fact {
            Fact::Row(object) => Some(object),
            _ => None,
        });
        rows.collect()
    }

    fn of_facts(facts: &[Fact], computes: &dyn Fn(&str) -> bool) -> Self {
        let mut cloud = Self::default();
        for fact in facts {
            match fact {
                Fact::Node { name, ip, types } if computes(name) => {
                    let ip = ip.parse().expect("an IP address");
                    cloud.nodes.insert(name.clone(), Node::new(name, ip, types));
                }
                Fact::Row(object) => {
                    cloud.rows.insert((object.table(), object.id().clone()), object.clone());
                }
                Fact::Plugged { node, port, of_port } => {
                    cloud.node(node).plugged.insert(row_id(port), *of_port);
                }
                Fact::Wire { node, network, of_port } if cloud.nodes.contains_key(node) => {
                    cloud.node(node).set_wire(network, *of_port);
                }
                Fact::Proxy { node, of_port } if cloud.nodes.contains_key(node) => {
                    cloud.node(node).set_proxy(*of_port);
                }
                Fact::Node { .. } | Fact::Wire { .. } | Fact::Proxy { .. } => {}
            }
        }
        let rows: Vec<Object> = cloud.rows.values().cloned().collect();
        for node in cloud.nodes.values_mut() {
            let mut inputs = vec![Input::Snapshot { tables: Table::ALL.to_vec(), rows: rows.clone() }];
            inputs.extend(node.own_facts());
            node.step(inputs);
        }
        cloud
    }

    pub(crate) fn node(&mut self, name: &str) -> &mut Node {
        self.nodes.get_mut(name).unwrap_or_else(|| panic!("no node {name}"))
    }

    /// A row that is there.
    pub(crate) fn row(&self, table: Table, id: &str) -> &Object {
        self.rows.get(&(table, row_id(id))).unwrap_or_else(|| panic!("no row {id}"))
    }

    /// Makes further lines true: rows are put, guests plugged in. Nodes cannot come this way, their rows can.
    pub(crate) fn put(&mut self, text: &str) {
        for fact in topology::parse(text) {
            match fact {
                Fact::Node { .. } => {}
                Fact::Row(object) => self.put_row(object),
                Fact::Plugged { node, port, of_port } => self.plug(&node, &port, of_port),
                Fact::Proxy { node, of_port } => {
                    let node = self.node(&node);
                    node.set_proxy(of_port);
                    node.step(vec![Input::Metadata(node.metadata.clone())]);
                    node.check();
                }
                Fact::Wire { node, network, of_port } => {
                    let node = self.node(&node);
                    node.set_wire(&network, of_port);
                    node.step(vec![Input::Providers(node.providers.clone())]);
                    node.check();
                }
            }
        }
    }

    pub(crate) fn put_row(&mut self, object: Object) {
        self.rows.insert((object.table(), object.id().clone()), object.clone());
        self.tell_all(&Input::Row(RowChange::Put(object)));
    }

    pub(crate) fn delete(&mut self, table: Table, id: &str) {
        let id = row_id(id);
        self.rows.remove(&(table, id.clone())).expect("a row that is there");
        self.tell_all(&Input::Row(RowChange::Delete(table, id)));
    }

    pub(crate) fn plug(&mut self, node: &str, port: &str, of_port: u32) {
        let node = self.node(node);
        node.plugged.insert(row_id(port), of_port);
        node.step(vec![interface(row_id(port), of_port)]);
        node.check();
    }

    pub(crate) fn unplug(&mut self, node: &str, port: &str) {
        let node = self.node(node);
        node.plugged.remove(&row_id(port)).expect("a port that is plugged in");
        node.step(vec![Input::InterfaceGone(row_id(port))]);
        node.check();
    }

    /// Changes the settings of a node.
    pub(crate) fn set(&mut self, node: &str, change: impl FnOnce(&mut Settings)) {
        let node = self.node(node);
        change(&mut node.settings);
        node.step(vec![Input::Settings(node.settings.clone())]);
        node.check();
    }

    fn tell_all(&mut self, input: &Input) {
        for node in self.nodes.values_mut() {
            node.step(vec![input.clone()]);
            node.check();
        }
    }

    /// What is wrong with the facts, as a node sees it: the problems in words.
    pub(crate) fn problems(&mut self, node: &str) -> Vec<String> {
        let findings = self.node(node).engine.desired().findings;
        findings.into_iter().map(|finding| finding.problem).collect()
    }
}

pub(crate) fn row_id(text: &str) -> RowId {
    RowId::new(text).expect("a name")
}
