//! The steps of a plan, each with the rows that it rests on.
//!
//! A transaction tests all these rows first and edits then: a `wait` after an edit would see our own change.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use ovsdb::Uuid;
use ovsdb::transaction::{Mutations, RowRef, Rows, Transaction, Until, Values};
use ovsdb::typed::Table;
use ovsdb::vswitch::{Bridge, Controller, Interface, OpenvSwitch, Port, QoS, Queue};

use super::shape::{QueueStep, Shape};
use super::spec::WantedPort;

/// A row as it was when the plan was made.
pub(super) type Seen<T> = (Uuid, Arc<T>);

/// One step. It prints as a phrase.
#[derive(Clone, PartialEq)]
pub struct Edit(pub(super) Step);

impl fmt::Debug for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    InsertBridge {
        root: Option<Uuid>,
        bridge: Bridge,
    },
    UpdateBridge {
        seen: Seen<Bridge>,
        columns: Vec<&'static str>,
        values: Values<Bridge>,
        mutations: Mutations<Bridge>,
    },
    InsertController {
        bridge: Anchor,
        controller: Controller,
    },
    RemoveController {
        bridge: Seen<Bridge>,
        controller: Seen<Controller>,
    },
    InsertPort {
        bridge: Anchor,
        port: WantedPort,
        owner: BTreeMap<String, String>,
        name_is_free: bool,
    },
    UpdateInterface {
        port: Seen<Port>,
        interface: Seen<Interface>,
        wanted: WantedPort,
    },
    RemovePort {
        bridges: Vec<Seen<Bridge>>,
        port: Seen<Port>,
    },
    Shape(Shape),
    RemoveShape {
        ports: Vec<Seen<Port>>,
        row: Seen<QoS>,
    },
    RemoveQueues(Vec<Seen<Queue>>),
}

/// A bridge to add something to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Anchor {
    Existing(Seen<Bridge>),
    /// The plan creates it.
    New(String),
}

impl Anchor {
    fn name(&self) -> &str {
        match self {
            Self::Existing(seen) => &seen.1.name,
            Self::New(name) => name,
        }
    }
}

impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Step::InsertBridge { bridge, .. } => write!(f, "add bridge {}", bridge.name),
            Step::UpdateBridge { seen, columns, .. } => {
                write!(f, "set {} of bridge {}", columns.join(", "), seen.1.name)
            }
            Step::InsertController { bridge, controller } => {
                write!(f, "add controller {} to {}", controller.target, bridge.name())
            }
            Step::RemoveController { bridge, controller } => {
                write!(f, "remove controller {} from {}", controller.1.target, bridge.1.name)
            }
            Step::InsertPort { bridge, port, .. } => {
                write!(f, "add {} port {} to {}", port.kind, port.name, bridge.name())
            }
            Step::UpdateInterface { wanted, .. } => {
                write!(f, "set type, options and number of {} port {}", wanted.kind, wanted.name)
            }
            Step::RemovePort { port, .. } => write!(f, "remove port {}", port.1.name),
            Step::Shape(shape) => {
                let (name, rate) = (&shape.port.1.name, shape.link_kbps);
                write!(f, "divide {rate} kbit/s of port {name} by {} queues", shape.queues.len())
            }
            Step::RemoveShape { ports, .. } => {
                let names: Vec<&str> = ports.iter().map(|port| port.1.name.as_str()).collect();
                write!(f, "remove the queues of port {}", names.join(", "))
            }
            Step::RemoveQueues(queues) => write!(f, "remove {} queues", queues.len()),
        }
    }
}

/// The transaction of these edits; empty without any.
pub(super) fn transaction(edits: &[Edit]) -> Transaction {
    let mut writer = Writer::default();
    for Edit(step) in edits {
        writer.guard(step);
    }
    for Edit(step) in edits {
        writer.write(step);
    }
    if !edits.is_empty() {
        let texts: Vec<String> = edits.iter().map(ToString::to_string).collect();
        writer.transaction.comment(&format!("dragonflow: {}", texts.join("; ")));
    }
    writer.transaction
}

#[derive(Default)]
struct Writer {
    transaction: Transaction,
    /// Rows that have a guard already.
    guarded: BTreeSet<Uuid>,
    root: Option<RowRef>,
    new_bridges: BTreeMap<String, RowRef>,
}

impl Writer {
    fn guard(&mut self, step: &Step) {
        match step {
            Step::InsertBridge { root, bridge } => {
                match root {
                    Some(root) => self.present(&Rows::<OpenvSwitch>::row(*root)),
                    None => self.absent(&Rows::<OpenvSwitch>::all()),
                }
                self.absent(&Rows::matching(&Bridge::NAME, &bridge.name));
                self.absent(&Rows::matching(&Port::NAME, &bridge.name));
                self.absent(&Rows::matching(&Interface::NAME, &bridge.name));
            }
            Step::UpdateBridge { seen, .. } => self.same_bridge(seen),
            Step::InsertController { bridge, .. } => self.same_anchor(bridge),
            Step::RemoveController { bridge, controller: (uuid, row) } => {
                self.same_bridge(bridge);
                let values = Values::new()
                    .set(&Controller::TARGET, row.target.clone())
                    .set(&Controller::EXTERNAL_IDS, row.external_ids.clone());
                self.unchanged(*uuid, values);
            }
            Step::InsertPort { bridge, port, name_is_free, .. } => {
                self.same_anchor(bridge);
                if *name_is_free {
                    self.absent(&Rows::matching(&Port::NAME, &port.name));
                    self.absent(&Rows::matching(&Interface::NAME, &port.name));
                }
            }
            Step::UpdateInterface { port, interface, .. } => {
                self.same_port(port);
                let (uuid, row) = interface;
                let values = Values::new()
                    .set(&Interface::TYPE, row.r#type.clone())
                    .set(&Interface::BFD, row.bfd.clone())
                    .set(&Interface::OPTIONS, row.options.clone())
                    .set(&Interface::OFPORT_REQUEST, row.ofport_request)
                    .set(&Interface::MAC, row.mac.clone());
                self.unchanged(*uuid, values);
            }
            Step::RemovePort { bridges, port } => {
                bridges.iter().for_each(|bridge| self.same_bridge(bridge));
                self.same_port(port);
            }
            Step::Shape(shape) => {
                self.same_port(&shape.port);
                shape.seen.iter().for_each(|row| self.same_qos(row));
                for step in shape.queues.values() {
                    if let QueueStep::Changed(queue, _) = step {
                        self.same_queue(queue);
                    }
                }
            }
            Step::RemoveShape { ports, row } => {
                ports.iter().for_each(|port| self.same_port(port));
                self.same_qos(row);
            }
            Step::RemoveQueues(queues) => queues.iter().for_each(|queue| self.same_queue(queue)),
        }
    }

    fn write(&mut self, step: &Step) {
        match step {
            Step::InsertBridge { root, bridge } => self.insert_bridge(*root, bridge),
            Step::UpdateBridge { seen, columns: _, values, mutations } => {
                let row = Rows::row(seen.0);
                if *values != Values::new() {
                    self.transaction.update(&row, values);
                }
                if *mutations != Mutations::new() {
                    self.transaction.mutate(&row, mutations);
                }
            }
            Step::InsertController { bridge, controller } => {
                let row = self.transaction.insert(&Values::of(controller));
                let mutations = Mutations::new().insert_references(&Bridge::CONTROLLER, [row]);
                self.mutate_bridge(bridge, &mutations);
            }
            Step::RemoveController { bridge, controller: (uuid, _) } => {
                let mutations = Mutations::new().delete_references(&Bridge::CONTROLLER, [(*uuid).into()]);
                self.transaction.mutate(&Rows::row(bridge.0), &mutations);
            }
            Step::InsertPort { bridge, port, owner, name_is_free: _ } => {
                self.insert_port(bridge, port, owner)
            }
            Step::UpdateInterface { interface, wanted, .. } => {
                let mut values = Values::new()
                    .set(&Interface::TYPE, wanted.kind.to_owned())
                    .set(&Interface::OPTIONS, wanted.options.clone());
                if let Some(bfd) = &wanted.bfd {
                    values = values.set(&Interface::BFD, bfd.clone());
                }
                if let Some(number) = wanted.number {
                    values = values.set(&Interface::OFPORT_REQUEST, Some(number.into()));
                }
                if let Some(mac) = wanted.mac {
                    values = values.set(&Interface::MAC, Some(mac.to_string()));
                }
                self.transaction.update(&Rows::row(interface.0), &values);
            }
            Step::RemovePort { bridges, port } => {
                for (bridge, _) in bridges {
                    let mutations = Mutations::new().delete_references(&Bridge::PORTS, [port.0.into()]);
                    self.transaction.mutate(&Rows::row(*bridge), &mutations);
                }
            }
            Step::Shape(shape) => self.shape(shape),
            Step::RemoveShape { ports, row } => {
                for (port, _) in ports {
                    self.transaction.update(&Rows::row(*port), &Values::new().set(&Port::QOS, None));
                }
                self.transaction.delete(&Rows::<QoS>::row(row.0));
            }
            Step::RemoveQueues(queues) => {
                for (queue, _) in queues {
                    self.transaction.delete(&Rows::<Queue>::row(*queue));
                }
            }
        }
    }

    fn shape(&mut self, shape: &Shape) {
        let mut queues = Vec::new();
        for (number, step) in &shape.queues {
            let row = match step {
                QueueStep::Kept(row) => RowRef::from(*row),
                QueueStep::New(row) => self.transaction.insert(&Values::of(row)),
                QueueStep::Changed((uuid, present), row) => {
                    let mut external_ids = present.external_ids.clone();
                    external_ids.extend(row.external_ids.clone());
                    let values = Values::new()
                        .set(&Queue::DSCP, row.dscp)
                        .set(&Queue::OTHER_CONFIG, row.other_config.clone())
                        .set(&Queue::EXTERNAL_IDS, external_ids);
                    self.transaction.update(&Rows::row(*uuid), &values);
                    RowRef::from(*uuid)
                }
            };
            queues.push((i64::from(*number), row));
        }
        let values = match &shape.seen {
            None => Values::of(&shape.row),
            Some(_) => Values::new()
                .set(&QoS::TYPE, shape.row.r#type.clone())
                .set(&QoS::OTHER_CONFIG, shape.row.other_config.clone()),
        };
        let values = values.refer_numbered(&QoS::QUEUES, queues);
        let row = match &shape.seen {
            None => self.transaction.insert(&values),
            Some((uuid, _)) => {
                self.transaction.update(&Rows::row(*uuid), &values);
                RowRef::from(*uuid)
            }
        };
        self.transaction.update(&Rows::row(shape.port.0), &Values::new().refer(&Port::QOS, [row]));
    }

    fn insert_bridge(&mut self, root: Option<Uuid>, bridge: &Bridge) {
        let name = &bridge.name;
        let interface = Interface { name: name.clone(), r#type: "internal".into(), ..Interface::default() };
        let interface = self.transaction.insert(&Values::of(&interface));
        let port = Values::new().set(&Port::NAME, name.clone()).refer(&Port::INTERFACES, [interface]);
        let port = self.transaction.insert(&port);
        let row = self.transaction.insert(&Values::of(bridge).refer(&Bridge::PORTS, [port]));
        self.new_bridges.insert(name.clone(), row);
        let root = match (root, self.root) {
            (Some(existing), _) => existing.into(),
            (None, Some(new)) => new,
            (None, None) => self.transaction.insert(&Values::<OpenvSwitch>::new()),
        };
        self.root = Some(root);
        let mutations = Mutations::new().insert_references(&OpenvSwitch::BRIDGES, [row]);
        self.transaction.mutate(&Rows::row(root), &mutations);
    }

    fn insert_port(&mut self, bridge: &Anchor, wanted: &WantedPort, owner: &BTreeMap<String, String>) {
        let interface = Interface {
            name: wanted.name.clone(),
            r#type: wanted.kind.to_owned(),
            options: wanted.options.clone(),
            ofport_request: wanted.number.map(i64::from),
            bfd: wanted.bfd.clone().unwrap_or_default(),
            mac: wanted.mac.map(|mac| mac.to_string()),
            ..Interface::default()
        };
        let interface = self.transaction.insert(&Values::of(&interface));
        let port = Port { name: wanted.name.clone(), external_ids: owner.clone(), ..Port::default() };
        let port = self.transaction.insert(&Values::of(&port).refer(&Port::INTERFACES, [interface]));
        self.mutate_bridge(bridge, &Mutations::new().insert_references(&Bridge::PORTS, [port]));
    }

    fn mutate_bridge(&mut self, bridge: &Anchor, mutations: &Mutations<Bridge>) {
        let row = match bridge {
            Anchor::Existing(seen) => Some(RowRef::from(seen.0)),
            Anchor::New(name) => self.new_bridges.get(name).copied(),
        };
        if let Some(row) = row {
            self.transaction.mutate(&Rows::row(row), mutations);
        }
    }

    fn same_anchor(&mut self, bridge: &Anchor) {
        if let Anchor::Existing(seen) = bridge {
            self.same_bridge(seen);
        }
    }

    /// Not its ports: others may plug in what they like meanwhile.
    fn same_bridge(&mut self, (uuid, row): &Seen<Bridge>) {
        let values = Values::new()
            .set(&Bridge::NAME, row.name.clone())
            .set(&Bridge::CONTROLLER, row.controller.clone())
            .set(&Bridge::DATAPATH_TYPE, row.datapath_type.clone())
            .set(&Bridge::EXTERNAL_IDS, row.external_ids.clone())
            .set(&Bridge::FAIL_MODE, row.fail_mode.clone())
            .set(&Bridge::OTHER_CONFIG, row.other_config.clone())
            .set(&Bridge::PROTOCOLS, row.protocols.clone());
        self.unchanged(*uuid, values);
    }

    fn same_port(&mut self, (uuid, row): &Seen<Port>) {
        let values = Values::new()
            .set(&Port::NAME, row.name.clone())
            .set(&Port::EXTERNAL_IDS, row.external_ids.clone())
            .set(&Port::INTERFACES, row.interfaces.clone())
            .set(&Port::QOS, row.qos);
        self.unchanged(*uuid, values);
    }

    fn same_qos(&mut self, (uuid, row): &Seen<QoS>) {
        let values = Values::new()
            .set(&QoS::TYPE, row.r#type.clone())
            .set(&QoS::EXTERNAL_IDS, row.external_ids.clone())
            .set(&QoS::OTHER_CONFIG, row.other_config.clone())
            .set(&QoS::QUEUES, row.queues.clone());
        self.unchanged(*uuid, values);
    }

    fn same_queue(&mut self, (uuid, row): &Seen<Queue>) {
        let values = Values::new()
            .set(&Queue::DSCP, row.dscp)
            .set(&Queue::EXTERNAL_IDS, row.external_ids.clone())
            .set(&Queue::OTHER_CONFIG, row.other_config.clone());
        self.unchanged(*uuid, values);
    }

    /// The row exists and its columns hold these values. A row has one guard only, with the same columns whoever
    /// asks for it.
    fn unchanged<T: Table>(&mut self, uuid: Uuid, values: Values<T>) {
        if self.guarded.insert(uuid) {
            self.transaction.wait(&Rows::row(uuid), Until::Equal, &[values], 0);
        }
    }

    fn present<T: Table>(&mut self, rows: &Rows<T>) {
        self.transaction.wait(rows, Until::Differ, &[], 0);
    }

    fn absent<T: Table>(&mut self, rows: &Rows<T>) {
        self.transaction.wait(rows, Until::Equal, &[], 0);
    }
}
