//! Hosts that know the same rows, each with its engine and its switch.
//!
//! A host comes into being when a packet reaches it: its chassis row says where its tunnels end, the rows of ports say
//! who is plugged in. What nobody told, the numbers of switch ports, is made up, and does not matter to where a packet goes.
//! A host whose own facts are known, from a recording or from its switch, has these.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use engine::{App, Engine, Input, Interface, Settings};
use model::{
    Chassis, ChildPortSegmentation, Id, LogicalPort, Migration, MigrationStatus, Model, Object, RowId, Table,
    TunnelType,
};
use net_types::OfPort;
use ofsim::Switch;
use openflow::delta::Delta;
use openflow::flow::PackedFlow;
use openflow::group::Group;
use openflow::meter::Meter;
use pipeline::tables::PIPELINE;

use crate::names::{Name, Parts};

/// Switch ports of tunnels on hosts of which nobody told us; guests are numbered from 1.
const TUNNEL_PORTS_FROM: u32 = 60_001;
/// Differences that are listed.
const DIFFERENCES_MAX: usize = 20;

/// What a switch really holds.
#[derive(Debug, Clone, Default)]
pub struct Dump {
    /// Its flows.
    pub flows: Vec<PackedFlow>,
    /// Its groups.
    pub groups: Vec<Group>,
    /// Its meters.
    pub meters: Vec<Meter>,
}

/// Makes the apps of a host.
type Apps = Box<dyn Fn() -> Vec<App>>;

/// One host.
#[derive(Debug)]
pub struct Host {
    /// Its name.
    pub chassis: Id<Chassis>,
    /// What it computes.
    pub engine: Engine,
    /// The switch that packets go through.
    pub switch: Switch,
    /// Whether the switch holds what the real one does, and not what was computed.
    pub is_live: bool,
    /// What is worth knowing before its flows are read.
    pub remarks: Vec<String>,
}

/// All hosts.
pub struct Cloud {
    apps: Apps,
    settings: Settings,
    rows: BTreeMap<(Table, RowId), Object>,
    hosts: BTreeMap<Id<Chassis>, Host>,
    pub(crate) parts: Parts,
}

impl fmt::Debug for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cloud")
            .field("rows", &self.rows.len())
            .field("hosts", &self.hosts)
            .finish_non_exhaustive()
    }
}

impl Host {
    fn compute(chassis: Id<Chassis>, mut engine: Engine, inputs: Vec<Input>) -> Self {
        let mut switch = Switch::new();
        switch.apply(&engine.step(inputs).delta);
        Self { chassis, engine, switch, is_live: false, remarks: Vec::new() }
    }

    /// The switch port that a port is plugged into.
    #[must_use]
    pub fn of_port(&self, port: &Id<LogicalPort>) -> Option<OfPort> {
        self.engine.interfaces().find(|interface| interface.port == *port).map(Interface::of_port)
    }

    /// The port that is plugged in at a switch port.
    #[must_use]
    pub fn guest_at(&self, port: OfPort) -> Option<Id<LogicalPort>> {
        let mut interfaces = self.engine.interfaces();
        interfaces.find(|interface| interface.of_port() == port).map(|interface| interface.port.clone())
    }

    /// What is carried by the tunnels of a switch port.
    #[must_use]
    pub fn tunnel_at(&self, port: OfPort) -> Option<TunnelType> {
        self.engine.tunnels().find(|(_, number)| *number == port).map(|(kind, _)| kind.clone())
    }

    /// The switch port of the tunnels of a kind.
    #[must_use]
    pub fn tunnel_port(&self, kind: &TunnelType) -> Option<OfPort> {
        self.engine.tunnels().find(|(other, _)| *other == kind).map(|(_, port)| port)
    }

    /// Where its tunnels end.
    #[must_use]
    pub fn tunnel_ip(&self) -> Option<IpAddr> {
        self.engine.settings().map(|settings| settings.tunnel_ip)
    }

    /// Puts what a switch really holds in the place of what was computed, and remarks where they differ.
    pub fn replace_switch(&mut self, dump: Dump) {
        let desired = self.engine.desired();
        self.remarks.extend(differences(&desired.flows, &dump.flows));
        let wrong = desired.groups.iter().filter(|group| !dump.groups.contains(group));
        let wrong: Vec<String> = wrong.map(ToString::to_string).take(DIFFERENCES_MAX).collect();
        self.remarks.extend(wrong.iter().map(|group| format!("the switch lacks {group}")));
        self.switch = Switch::new();
        let Dump { flows, groups, meters } = dump;
        self.switch.apply(&Delta { flows, groups, meters, ..Delta::default() });
        self.is_live = true;
    }
}

/// In what the flows of a switch differ from those that were computed, in the tables that are ours.
fn differences(computed: &[PackedFlow], real: &[PackedFlow]) -> Vec<String> {
    let is_ours = |flow: &&PackedFlow| PIPELINE.table(flow.table()).is_some();
    let by_key = |flows: &'_ [PackedFlow]| -> BTreeMap<Vec<u8>, String> {
        flows
            .iter()
            .filter(is_ours)
            .map(|flow| (flow.key_bytes().to_vec(), flow.unpack().to_string()))
            .collect()
    };
    let (computed, real) = (by_key(computed), by_key(real));
    let lacks = computed.iter().filter_map(|(key, flow)| match real.get(key) {
        None => Some(format!("the switch lacks {flow}")),
        Some(other) if other != flow => Some(format!("the switch has {other} in the place of {flow}")),
        Some(_) => None,
    });
    let besides = real.iter().filter(|(key, _)| !computed.contains_key(*key));
    let mut all: Vec<String> =
        lacks.chain(besides.map(|(_, flow)| format!("the switch has besides {flow}"))).collect();
    if let Some(more) = all.len().checked_sub(DIFFERENCES_MAX).filter(|more| *more > 0) {
        all.truncate(DIFFERENCES_MAX);
        all.push(format!("and {more} more differences"));
    }
    all
}

impl Cloud {
    /// The hosts that follow from rows. `settings` are those of any node: its name and its tunnels aside, every host is
    /// taken to be configured like it.
    #[must_use]
    pub fn new(apps: impl Fn() -> Vec<App> + 'static, settings: Settings, rows: Vec<Object>) -> Self {
        let rows = rows.into_iter().map(|row| ((row.table(), row.id().clone()), row)).collect();
        Self { apps: Box::new(apps), settings, rows, hosts: BTreeMap::new(), parts: Parts::default() }
    }

    /// The hosts that follow from what one of them was told, and which one that is. `None` when it was never told its name.
    #[must_use]
    pub fn of_engine(apps: impl Fn() -> Vec<App> + 'static, engine: Engine) -> Option<(Self, Id<Chassis>)> {
        let settings = engine.settings()?.clone();
        let mut cloud = Self::new(apps, settings.clone(), engine.rows().cloned().collect());
        let mut switch = Switch::new();
        let desired = engine.desired();
        let delta = Delta {
            flows: desired.flows,
            groups: desired.groups,
            meters: desired.meters,
            ..Delta::default()
        };
        switch.apply(&delta);
        let chassis = settings.chassis;
        let host = Host { chassis: chassis.clone(), engine, switch, is_live: false, remarks: Vec::new() };
        cloud.hosts.insert(chassis.clone(), host);
        Some((cloud, chassis))
    }

    /// Adds a host whose own facts are known: its interfaces, tunnels and numbers.
    pub fn add_host(&mut self, settings: Settings, own: Vec<Input>) -> &mut Host {
        let chassis = settings.chassis.clone();
        let mut inputs = vec![self.snapshot(), Input::Settings(settings)];
        inputs.extend(own);
        let host = Host::compute(chassis.clone(), Engine::new((self.apps)()), inputs);
        self.hosts.insert(chassis.clone(), host);
        self.hosts.entry(chassis).or_insert_with(|| unreachable!("it was just put there"))
    }

    fn snapshot(&self) -> Input {
        Input::Snapshot { tables: Table::ALL.to_vec(), rows: self.rows.values().cloned().collect() }
    }

    /// A host, made if nobody asked for it before.
    pub fn host(&mut self, chassis: &Id<Chassis>) -> &mut Host {
        if !self.hosts.contains_key(chassis) {
            let row = self.get(chassis).cloned();
            let mut settings = self.settings.clone();
            settings.chassis = chassis.clone();
            settings.tunnel_ip = row.as_ref().map_or(Ipv4Addr::UNSPECIFIED.into(), |row| row.ip);
            let kinds = row.iter().flat_map(|row| row.tunnel_types.iter().cloned());
            let tunnels = kinds.zip(TUNNEL_PORTS_FROM..).collect();
            let guests = self.guests(chassis).into_iter().zip(1..);
            let interface = |(port, number)| Input::Interface(Interface::new(port, OfPort::new(number)));
            let wires = self.assumed_wires();
            let own = [Input::Tunnels(tunnels), wires].into_iter().chain(guests.map(interface)).collect();
            let host = self.add_host(settings, own);
            if row.is_none() {
                host.remarks.push(format!(
                    "host {chassis} is not registered in table {}: no tunnel leads there",
                    Table::Chassis
                ));
            }
        }
        self.hosts.entry(chassis.clone()).or_insert_with(|| unreachable!("it was just put there"))
    }

    /// The hosts that the rows know.
    pub fn registered(&self) -> impl Iterator<Item = &Id<Chassis>> {
        self.all::<Chassis>().map(|row| &row.id)
    }

    /// A host that was made before.
    pub(crate) fn made(&self, chassis: &Id<Chassis>) -> Option<&Host> {
        self.hosts.get(chassis)
    }

    /// The ports that are plugged in at a host, as far as rows can tell: those that are bound to it, and those on their way to it.
    /// A port inside another one has no interface of its own.
    fn guests(&self, chassis: &Id<Chassis>) -> Vec<Id<LogicalPort>> {
        let inner: BTreeSet<&Id<LogicalPort>> =
            self.all::<ChildPortSegmentation>().map(|inner| &inner.port).collect();
        let is_here = |port: &&LogicalPort| {
            let (chassis, bound) = (Some(chassis), port.chassis());
            bound == chassis || bound.is_some() && self.destination(&port.id).map(|(to, _)| to) == chassis
        };
        let here = self.all::<LogicalPort>().filter(is_here);
        here.map(|port| &port.id).filter(|port| !inner.contains(port)).cloned().collect()
    }

    /// Where a port is on its way to, and how far it is.
    fn destination(&self, port: &Id<LogicalPort>) -> Option<(&Id<Chassis>, MigrationStatus)> {
        let row = self.get(&Migration::id_of(port)).filter(|row| row.status != MigrationStatus::Rebound)?;
        Some((row.dest_chassis.as_ref()?, row.status))
    }

    /// The host that a port sends from: that of its binding, or the one that it has moved to before it is bound there.
    pub(crate) fn sends_from(&self, port: &LogicalPort) -> Option<Id<Chassis>> {
        match self.destination(&port.id) {
            Some((destination, MigrationStatus::SrcUnplug)) => Some(destination.clone()),
            _ => port.chassis().cloned(),
        }
    }

    /// The host whose tunnels end at an address.
    pub(crate) fn host_at(&self, ip: IpAddr) -> Option<Id<Chassis>> {
        let known = self.hosts.values().find(|host| host.tunnel_ip() == Some(ip));
        let known = known.map(|host| host.chassis.clone());
        known.or_else(|| self.all::<Chassis>().find(|row| row.ip == ip).map(|row| row.id.clone()))
    }

    /// A row.
    pub(crate) fn get<T: Model>(&self, id: &Id<T>) -> Option<&T> {
        T::of_object(self.rows.get(&(T::TABLE, id.row().clone()))?).map(AsRef::as_ref)
    }

    /// All rows of a table.
    pub(crate) fn all<T: Model + 'static>(&self) -> impl Iterator<Item = &T> {
        let rows = self.rows.iter().filter(|((table, _), _)| *table == T::TABLE);
        rows.filter_map(|(_, row)| T::of_object(row).map(AsRef::as_ref))
    }

    /// A row of any table.
    pub(crate) fn row(&self, table: Table, id: &RowId) -> Option<&Object> {
        self.rows.get(&(table, id.clone()))
    }

    /// All rows.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Object> {
        self.rows.values()
    }

    /// A row by its number in the switch.
    pub(crate) fn name_of_key(&self, table: Table, key: u64) -> Option<Name> {
        let is_it = |row: &Object| row.unique_key().is_some_and(|unique| u64::from(unique.get()) == key);
        let mut rows = self.rows.iter().filter(|((of, _), _)| *of == table);
        rows.find(|(_, row)| is_it(row)).map(|((_, id), row)| Name::new(table, id, Some(row)))
    }
}
