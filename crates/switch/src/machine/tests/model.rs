//! A switch as a controller sees it: tables, bundles, a dump, a monitor, errors with transaction ids.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use openflow::Message;
use openflow::flow::{FlowKey, FlowSet, PackedFlow};
use openflow::group::Group;
use openflow::message::multipart::{Counters, FlowEntries, GroupDesc, Multipart, Reply, Request};
use openflow::message::{
    BundleControl, BundleOp, ErrorCode, ErrorMessage, Features, FlowCommand, FlowMod, FlowRemovedReason,
    FlowUpdate, FlowUpdateEvent, GroupMod, Hello, frame,
};

use super::super::Machine;

/// The model.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) flows: FlowSet,
    pub(super) groups: BTreeMap<u32, Group>,
    /// Flows that cannot even be added to a bundle.
    pub(super) refused_at_once: BTreeSet<FlowKey>,
    /// Flows that fail in the commit, by name.
    pub(super) refused_in_commit: BTreeSet<FlowKey>,
    /// Flows that fail in the commit without being named.
    pub(super) refused_silently: BTreeSet<FlowKey>,
    /// Whether the answers that show flows cannot be read.
    pub(super) garble_flow_answers: bool,
    /// Tables of the flows that were added, in the order of their commits.
    pub(super) tables_written: Vec<u8>,
    bundle: Vec<(u32, Message)>,
    watched: bool,
    incoming: Vec<u8>,
    replies: VecDeque<(u32, Message)>,
}

impl Model {
    /// Cuts the connection, with all that is under way, and makes another.
    pub(super) fn reconnect(&mut self, machine: &mut Machine) {
        self.incoming.clear();
        self.replies.clear();
        self.bundle.clear();
        self.watched = false;
        machine.disconnected("cut".to_owned());
        machine.connected(0);
    }

    /// What a crash does.
    pub(super) fn forget_everything(&mut self) {
        self.flows = FlowSet::new();
        self.groups.clear();
    }

    /// Lets up to `count` messages through, each way.
    pub(super) fn pass(&mut self, machine: &mut Machine, count: usize) {
        for _ in 0..count {
            self.incoming.extend(machine.take_output());
            let Some(len) = frame(&self.incoming).unwrap() else { break };
            let (xid, message) = Message::decode(&self.incoming[..len]).unwrap();
            self.incoming.drain(..len);
            self.receive(xid, message);
        }
        for _ in 0..count {
            let Some((xid, reply)) = self.replies.pop_front() else { break };
            // Through bytes, as in life.
            let mut bytes = Vec::new();
            reply.encode(xid, &mut bytes).unwrap();
            let shows_flows =
                matches!(&reply, Message::MultipartReply(Multipart { part: Reply::Flow(_), .. }));
            if self.garble_flow_answers && shows_flows {
                machine.garbled(0, xid);
                continue;
            }
            let (xid, reply) = Message::decode(&bytes).unwrap();
            machine.received(0, xid, reply).unwrap();
        }
    }

    /// Lets everything through until nothing moves.
    pub(super) fn settle(&mut self, machine: &mut Machine) {
        machine.advance();
        for _ in 0..10_000 {
            self.pass(machine, 100);
            let output = machine.take_output();
            self.incoming.extend(output);
            if self.incoming.is_empty() && self.replies.is_empty() {
                return;
            }
        }
        panic!("the machine and the model talk for ever");
    }

    pub(super) fn flows_sorted(&self) -> Vec<&PackedFlow> {
        self.flows.sorted()
    }

    /// Somebody else writes a flow.
    pub(super) fn stranger_writes(&mut self, flow: PackedFlow) {
        let event = match self.flows.insert(flow.clone()) {
            Some(_) => FlowUpdateEvent::Modified,
            None => FlowUpdateEvent::Added,
        };
        self.tell(event, &flow);
    }

    /// Somebody else deletes a flow.
    pub(super) fn stranger_deletes(&mut self, key: &FlowKey) {
        if let Some(flow) = self.flows.remove(key) {
            self.tell(FlowUpdateEvent::Deleted(FlowRemovedReason::Delete), &flow);
        }
    }

    fn tell(&mut self, event: FlowUpdateEvent, flow: &PackedFlow) {
        if !self.watched {
            return;
        }
        let flow = flow.unpack();
        let update = FlowUpdate::Full {
            event,
            table: flow.table,
            priority: flow.priority,
            idle_s: flow.idle_s,
            hard_s: flow.hard_s,
            cookie: flow.cookie,
            matching: flow.matching,
            instructions: flow.instructions,
        };
        self.reply(0, Message::MultipartReply(Multipart::last(Reply::Monitor(vec![update]))));
    }

    fn reply(&mut self, xid: u32, message: Message) {
        self.replies.push_back((xid, message));
    }

    fn refuse(&mut self, xid: u32, code: u16) {
        let code = ErrorCode::Standard { kind: 5, code };
        self.reply(xid, Message::Error(ErrorMessage { code, data: vec![0; 8] }));
    }

    fn receive(&mut self, xid: u32, message: Message) {
        match message {
            Message::Hello(_) => self.reply(xid, Message::Hello(Hello::of13())),
            Message::FeaturesRequest => {
                let features = Features {
                    datapath_id: 1,
                    n_buffers: 0,
                    n_tables: 254,
                    auxiliary_id: 0,
                    capabilities: 0,
                };
                self.reply(xid, Message::FeaturesReply(features));
            }
            Message::EchoRequest(data) => self.reply(xid, Message::EchoReply(data)),
            Message::BarrierRequest => self.reply(xid, Message::BarrierReply),
            Message::MultipartRequest(Multipart { part, .. }) => self.show(xid, &part),
            Message::BundleControl(control) => self.bundle_control(xid, &control),
            Message::BundleAdd(add) => {
                let (inner_xid, inner) = Message::decode(&add.message).unwrap();
                assert_eq!(inner_xid, xid, "the ids of both messages agree");
                match &inner {
                    Message::FlowMod(flow_mod) if self.refused_at_once.contains(&key_of(flow_mod)) => {
                        self.refuse(xid, 1);
                    }
                    _ => self.bundle.push((xid, inner)),
                }
            }
            Message::SetConfig(_) | Message::SetPacketInFormat(_) | Message::SetAsync(_) => {}
            other => panic!("the model does not expect {other:?}"),
        }
    }

    fn show(&mut self, xid: u32, question: &Request) {
        let answer = match question {
            Request::PortDesc => Reply::PortDesc(vec![]),
            Request::MeterConfig(_) => Reply::MeterConfig(vec![]),
            Request::GroupDesc => Reply::GroupDesc(self.groups.values().cloned().map(GroupDesc).collect()),
            Request::Flow(_) => return self.show_flows(xid),
            Request::Monitor(_) => {
                self.watched = true;
                Reply::Monitor(vec![])
            }
            other => panic!("the model does not expect {other:?}"),
        };
        self.reply(xid, Message::MultipartReply(Multipart::last(answer)));
    }

    /// In pieces of a few flows, so that wishes change between them.
    fn show_flows(&mut self, xid: u32) {
        let all: Vec<PackedFlow> = self.flows.sorted().into_iter().cloned().collect();
        for piece in all.chunks(5) {
            let mut entries = FlowEntries::default();
            for flow in piece {
                entries.push(&flow.as_wire(), Counters::default()).unwrap();
            }
            self.reply(xid, Message::MultipartReply(Multipart { more: true, part: Reply::Flow(entries) }));
        }
        self.reply(xid, Message::MultipartReply(Multipart::last(Reply::Flow(FlowEntries::default()))));
    }

    fn bundle_control(&mut self, xid: u32, control: &BundleControl) {
        let answer = |op| Message::BundleControl(BundleControl::new(control.bundle, op, control.flags));
        match control.op {
            BundleOp::OpenRequest => {
                self.bundle.clear();
                self.reply(xid, answer(BundleOp::OpenReply));
            }
            BundleOp::CommitRequest => {
                if self.commit(xid) {
                    self.reply(xid, answer(BundleOp::CommitReply));
                }
            }
            other => panic!("the model does not expect {other:?}"),
        }
    }

    /// All of the bundle, or an error for its first bad message and one for the commit.
    fn commit(&mut self, commit_xid: u32) -> bool {
        let bundle = std::mem::take(&mut self.bundle);
        let (mut flows, mut groups) = (self.flows.clone(), self.groups.clone());
        let mut tables = Vec::new();
        for (xid, message) in bundle {
            match message {
                Message::FlowMod(flow_mod) => {
                    let key = key_of(&flow_mod);
                    let adds = flow_mod.command == FlowCommand::Add;
                    if adds && self.refused_in_commit.contains(&key) {
                        self.refuse(xid, 2);
                        self.refuse(commit_xid, 3);
                        return false;
                    }
                    if adds && self.refused_silently.contains(&key) {
                        self.refuse(commit_xid, 3);
                        return false;
                    }
                    tables.extend(adds.then_some(flow_mod.table));
                    match adds {
                        true => flows.insert(PackedFlow::new(&flow_mod.flow()).unwrap()),
                        false => flows.remove(&key),
                    };
                }
                Message::GroupMod(GroupMod::AddOrModify(group)) => {
                    groups.insert(group.id, group);
                }
                Message::GroupMod(GroupMod::Delete(id)) => {
                    groups.remove(&id);
                }
                other => panic!("the model does not expect {other:?} in a bundle"),
            }
        }
        (self.flows, self.groups) = (flows, groups);
        self.tables_written.extend(tables);
        true
    }
}

fn key_of(flow_mod: &FlowMod) -> FlowKey {
    FlowKey::new(flow_mod.table, flow_mod.priority, &flow_mod.matching)
}
