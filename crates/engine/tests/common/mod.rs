//! A few toy rules that use all that the engine offers, and a world of small numbers to change at random.
#![allow(dead_code, reason = "each test uses a part")]

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::numbers::Space;
use engine::{
    App, Derived, Dhcp, Engine, Input, Interface, MetadataProxy, Outputs, PacketIn, Peers, Provider, Reach,
    Reply, Responder, RowChange, Rule, Settings, Sink, View,
};
use model::{Chassis, Id, LogicalPort, LogicalSwitch, Object, RowId, SecurityGroup, Table, TunnelType};
use net_types::{MacAddr, OfPort};
use openflow::action::Action;
use openflow::flow::{FlowKey, PackedFlow};
use openflow::group::{Bucket, Group, GroupKind};
use openflow::meter::{Band, BandKind, Meter, MeterUnit};
use openflow::{Field, Match};
use pipeline::{Priority, groups, regs, tables};

/// The node that the engine under test is of.
pub(crate) fn here() -> Id<Chassis> {
    Id::new("host-0").expect("not empty")
}

/// Rules of the owner of the switching table.
pub(crate) fn switching() -> App {
    App {
        id: tables::L2_OWNER,
        rules: vec![Rule::each("unicast", unicast), Rule::each("flood", flood), Rule::each("group", group)],
        responders: vec![],
    }
}

/// Rules of the owner of the first and the last table.
pub(crate) fn plugging() -> App {
    App {
        id: tables::CLASSIFY_OWNER,
        rules: vec![Rule::each_interface("plug", plug), Rule::once("tunnels", tunnels)],
        responders: vec![Responder { op: 7, respond: echo }],
    }
}

fn unicast(view: &mut View<'_>, port: &LogicalPort, sink: &mut Sink) {
    let Some(network) = port.lswitch.as_ref() else { return };
    if !view.any(&LogicalPort::BY_LSWITCH_AND_CHASSIS, (network.clone(), here())) {
        return;
    }
    let Some(network) = view.get(network) else { return sink.problem("its network is not known") };
    for mac in &port.macs {
        sink.flow(&tables::L2, Priority::EXACT, |flow| {
            flow.matching(Match::new().with(Field::EthDst, *mac))
                .when(&regs::NETWORK, network.unique_key.get().into())
                .set(&regs::EGRESS_PORT, port.unique_key.get().into())
                .goto(&tables::DISPATCH)
        });
    }
}

fn flood(view: &mut View<'_>, network: &LogicalSwitch, sink: &mut Sink) {
    let mut buckets = Vec::new();
    for host in view.halves(&LogicalPort::BY_LSWITCH_AND_CHASSIS, network.id.clone()) {
        let host = Id::<Chassis>::from_row(host.row().expect("a hypervisor is a row").clone());
        if let Some(chassis) = view.get(&host).filter(|_| host != here()) {
            let std::net::IpAddr::V4(ip) = chassis.ip else { continue };
            if view.reach(&host) == Reach::Down {
                continue;
            }
            buckets.push(Bucket::new(vec![Action::set(Field::TunDst, ip)]));
        }
    }
    for port in view.by(&LogicalPort::BY_LSWITCH_AND_CHASSIS, (network.id.clone(), here())) {
        if let Some(interface) = view.interface(&port.id) {
            buckets.push(Bucket::new(vec![Action::output(interface.of_port())]));
        }
    }
    let key = network.unique_key.get();
    sink.group(Group { id: groups::flood(key), kind: GroupKind::All, buckets });
}

/// All addresses in a group.
#[derive(Debug)]
pub(crate) struct Members;

impl Derived for Members {
    type Key = Id<SecurityGroup>;
    type Value = Vec<MacAddr>;

    fn compute(view: &mut View<'_>, group: &Self::Key) -> Self::Value {
        let mut macs: Vec<MacAddr> = view
            .by(&LogicalPort::BY_SECURITY_GROUP, group.clone())
            .iter()
            .flat_map(|port| port.macs.clone())
            .collect();
        macs.sort_unstable();
        macs.dedup();
        macs
    }
}

/// How many addresses there are in a group, in dozens: a value of a value that seldom changes.
#[derive(Debug)]
pub(crate) struct Dozens;

impl Derived for Dozens {
    type Key = Id<SecurityGroup>;
    type Value = usize;

    fn compute(view: &mut View<'_>, group: &Self::Key) -> usize {
        view.derived::<Members>(group).len() / 3
    }
}

fn group(view: &mut View<'_>, group: &SecurityGroup, sink: &mut Sink) {
    let key = u64::from(group.unique_key.get()) + 1000;
    let macs: Arc<Vec<MacAddr>> = view.derived::<Members>(&group.id);
    let dozens = view.derived::<Dozens>(&group.id);
    for mac in macs.iter() {
        sink.flow(&tables::L2, Priority::GUARD.level(u8::try_from(*dozens).unwrap_or(9)), |flow| {
            flow.matching(Match::new().with(Field::EthDst, *mac)).when(&regs::NETWORK, key)
        });
    }
}

fn plug(view: &mut View<'_>, interface: &Interface, sink: &mut Sink) {
    let Some(port) = view.get(&interface.port) else { return };
    let Some(settings) = view.settings() else { return };
    if port.chassis() != Some(&settings.chassis) {
        return sink.problem("plugged in here but bound elsewhere");
    }
    let Some(meter) = view.number(Space::Meter, &port.id) else { return };
    let bands = vec![Band { kind: BandKind::Drop, rate: settings.dhcp.rate_per_s, burst: 1 }];
    sink.meter(Meter { id: meter, unit: MeterUnit::Pktps, burst: true, stats: false, bands });
    sink.flow(&tables::CLASSIFY, Priority::EXACT, |flow| {
        flow.matching(Match::new().with(Field::InPort, interface.of_port()))
            .set(&regs::INGRESS_PORT, port.unique_key.get().into())
            .goto(&tables::L2)
    });
    sink.ready(&port.id);
}

fn tunnels(view: &mut View<'_>, sink: &mut Sink) {
    for (_, port) in view.tunnels() {
        sink.flow(&tables::CLASSIFY, Priority::EXACT, |flow| {
            flow.matching(Match::new().with(Field::InPort, port)).goto(&tables::INGRESS)
        });
    }
    let proxy = view.metadata().map(|proxy| proxy.of_port);
    let providers = view.providers();
    for port in providers.values().filter_map(|provider| provider.of_port).chain(proxy) {
        sink.flow(&tables::CLASSIFY, Priority::EXACT, |flow| {
            flow.matching(Match::new().with(Field::InPort, port)).goto(&tables::L2)
        });
    }
}

fn echo(view: &mut View<'_>, packet: &PacketIn) -> Reply {
    let key = packet.ingress();
    let port = key.and_then(|key| view.by(&LogicalPort::BY_UNIQUE_KEY, key).into_iter().next());
    match port {
        Some(_) => Reply::Send { frame: packet.frame.clone(), port: packet.in_port() },
        None => Reply::Ignore("nobody sent it"),
    }
}

/// Settings with some rate.
pub(crate) fn settings(rate_per_s: u32) -> Input {
    Input::Settings(Settings {
        chassis: here(),
        tunnel_ip: "192.0.2.1".parse().expect("an address"),
        answer_arp: true,
        learning: engine::Learning::default(),
        dhcp: Arc::new(Dhcp { rate_per_s, ..Dhcp::default() }),
        multicast: engine::Multicast::default(),
        host_address: None,
    })
}

/// A port: its number, network, host (0 is here), MAC address and group, all small numbers.
pub(crate) fn port(number: u32, network: u32, host: Option<u32>, mac: u32, group: Option<u32>) -> Object {
    let binding = host.map(|host| serde_json::json!({"chassis": format!("host-{host}"), "type": "chassis"}));
    let groups: Vec<String> = group.iter().map(|group| format!("group-{group}")).collect();
    let mut row = serde_json::json!({
        "id": port_id(number).to_string(), "lswitch": format!("net-{network}"), "topic": "t", "unique_key": number + 1,
        "macs": [format!("02:00:00:00:00:{mac:02x}")], "security_groups": groups,
    });
    if let (Some(binding), Some(row)) = (binding, row.as_object_mut()) {
        row.insert("binding".to_owned(), binding);
    }
    Object::from_value(Table::LogicalPort, &row).expect("a port")
}

pub(crate) fn port_id(number: u32) -> RowId {
    RowId::new(&format!("port-{number}")).expect("not empty")
}

pub(crate) fn network(number: u32) -> Object {
    let row = serde_json::json!({"id": format!("net-{number}"), "topic": "t", "unique_key": number + 1});
    Object::from_value(Table::LogicalSwitch, &row).expect("a network")
}

pub(crate) fn security_group(number: u32) -> Object {
    let row = serde_json::json!({"id": format!("group-{number}"), "rules": [], "topic": "t", "unique_key": number + 1});
    Object::from_value(Table::SecurityGroup, &row).expect("a group")
}

pub(crate) fn chassis(number: u32, address: u32) -> Object {
    let row = serde_json::json!({"id": format!("host-{number}"), "ip": format!("192.0.2.{address}"), "tunnel_types": ["geneve"]});
    Object::from_value(Table::Chassis, &row).expect("a hypervisor")
}

pub(crate) fn put(object: Object) -> Input {
    Input::Row(RowChange::Put(object))
}

pub(crate) fn delete(object: &Object) -> Input {
    Input::Row(RowChange::Delete(object.table(), object.id().clone()))
}

pub(crate) fn interface(port: u32, of_port: u32) -> Input {
    Input::Interface(Interface::new(Id::from_row(port_id(port)), OfPort::new(of_port)))
}

pub(crate) fn tunnel_ports(port: Option<u32>) -> Input {
    Input::Tunnels(port.map(|port| (TunnelType::Geneve, port)).into_iter().collect())
}

pub(crate) fn providers(of_port: Option<u32>) -> Input {
    let provider = Provider { bridge: "br-ex".to_owned(), of_port };
    Input::Providers([("public".to_owned(), provider)].into())
}

/// This node sees one other node so, and no further.
pub(crate) fn peers(number: u32, is_alive: bool) -> Input {
    let reach = if is_alive { Reach::Alive } else { Reach::Down };
    let host = Id::new(&format!("host-{number}")).expect("not empty");
    let ports = if is_alive { [(host.clone(), 300 + number)].into() } else { Default::default() };
    Input::Peers(Peers { reach: [(host, reach)].into(), ports, is_settled: true })
}

pub(crate) fn metadata(of_port: Option<u32>) -> Input {
    let proxy = |of_port| MetadataProxy { of_port, address: [169, 254, 169, 254].into(), port: 18_080 };
    Input::Metadata(of_port.map(proxy))
}

/// A switch that does as it is told, and an engine that tells it.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) engine: Engine,
    pub(crate) flows: BTreeMap<FlowKey, PackedFlow>,
    pub(crate) groups: BTreeMap<u32, Group>,
    pub(crate) meters: BTreeMap<u32, Meter>,
    pub(crate) ready: Vec<RowId>,
}

impl Node {
    pub(crate) fn new() -> Self {
        Self {
            engine: Engine::new(vec![switching(), plugging()]),
            flows: BTreeMap::new(),
            groups: BTreeMap::new(),
            meters: BTreeMap::new(),
            ready: Vec::new(),
        }
    }

    /// Takes a step, applies the delta, and holds the engine to its promises.
    pub(crate) fn step(&mut self, inputs: Vec<Input>) -> Outputs {
        let outputs = self.engine.step(inputs);
        let delta = outputs.delta.clone();
        for flow in &delta.flows {
            assert_ne!(
                self.flows.insert(flow.key(), flow.clone()).as_ref(),
                Some(flow),
                "an unchanged flow was sent"
            );
        }
        for key in &delta.delete_flows {
            assert!(self.flows.remove(key).is_some(), "{key} was deleted and not there");
        }
        self.groups.extend(delta.groups.into_iter().map(|group| (group.id, group)));
        self.groups.retain(|id, _| !delta.delete_groups.contains(id));
        self.meters.extend(delta.meters.into_iter().map(|meter| (meter.id, meter)));
        self.meters.retain(|id, _| !delta.delete_meters.contains(id));
        self.ready.extend(outputs.ready.iter().cloned());
        self.ready.retain(|port| !outputs.not_ready.contains(port));
        self.ready.sort_unstable();

        let desired = self.engine.desired();
        assert_eq!(desired, self.engine.recompute(), "the path matters");
        assert_eq!(desired.flows.len(), self.flows.len());
        assert!(desired.flows.iter().all(|flow| self.flows.get(&flow.key()) == Some(flow)));
        assert_eq!(desired.groups, self.groups.values().cloned().collect::<Vec<_>>());
        assert_eq!(desired.meters, self.meters.values().cloned().collect::<Vec<_>>());
        assert_eq!(desired.ready, self.ready);
        outputs
    }
}
