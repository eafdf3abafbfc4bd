#![allow(dead_code, reason = "each test binary uses a part of this")]

//! A bridge on the dummy datapath and a connection to it, for the tests beside.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use openflow::action::Action;
use openflow::delta::Delta;
use openflow::flow::{Flow, FlowSet, PackedFlow};
use openflow::message::multipart::{FlowRequest, Multipart, Reply, Request};
use openflow::message::{Hello, frame};
use openflow::{Field, Match, Message};
use switch::endpoint::Endpoint;
use switch::machine::{ChangeId, Counters, Event, MachineOptions, SyncReport};
use switch::{Handle, Options, Scope};
use testkit::{Ovs, OvsBuilder};

pub(crate) const BRIDGE: &str = "br-int";
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn ovs() -> Ovs {
    OvsBuilder::new(testkit::Datapath::Dummy).bridge(BRIDGE).start().expect("a private Open vSwitch starts")
}

/// Tables 0 to 99, groups and meters below 1000 are ours.
pub(crate) fn scope() -> Scope {
    Scope::new(0..100, 1..=999, 1..=999)
}

/// A connection by which `initial` is desired.
pub(crate) fn connect(ovs: &Ovs, scope: Scope, initial: Delta) -> Switch {
    connect_to(Endpoint::Unix(ovs.mgmt_socket(BRIDGE)), MachineOptions::new(scope), initial)
}

pub(crate) fn connect_to(endpoint: Endpoint, machine: MachineOptions, initial: Delta) -> Switch {
    Switch { handle: Handle::spawn(Options::new(endpoint, machine), initial), refused: Vec::new() }
}

/// A connection whose events are read until the one that a test waits for.
pub(crate) struct Switch {
    pub(crate) handle: Handle,
    /// What was refused on the way.
    pub(crate) refused: Vec<(switch::EntryId, switch::Refusal)>,
}

impl Switch {
    /// Reads events until `wanted` takes one.
    pub(crate) async fn until<T>(&mut self, what: &str, mut wanted: impl FnMut(&Event) -> Option<T>) -> T {
        let search = async {
            loop {
                let event = self.handle.next_event().await.expect("the task runs");
                if let Some(found) = wanted(&event) {
                    return found;
                }
                if let Event::Refused { entry, refusal } = event {
                    self.refused.push((entry, refusal));
                }
            }
        };
        tokio::time::timeout(PATIENCE, search).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
    }

    pub(crate) async fn synced(&mut self) -> SyncReport {
        self.until("synchronisation", |event| match event {
            Event::Synced { report, .. } => Some(*report),
            _ => None,
        })
        .await
    }

    /// Makes a change and waits until the switch has it. Says how many flow-mods that took.
    pub(crate) async fn commit(&mut self, delta: Delta) -> usize {
        let id = self.handle.change(delta).await.expect("the task runs");
        self.confirmed(id).await
    }

    pub(crate) async fn confirmed(&mut self, id: ChangeId) -> usize {
        let mut flow_mods_sum = 0;
        self.until("a commit", |event| match event {
            Event::Committed { up_to, flow_mods } => {
                flow_mods_sum += flow_mods;
                (*up_to >= id).then_some(flow_mods_sum)
            }
            Event::Synced { up_to, report } => {
                flow_mods_sum += report.flows_put + report.flows_deleted;
                (*up_to >= id).then_some(flow_mods_sum)
            }
            _ => None,
        })
        .await
    }

    pub(crate) async fn counters(&self) -> Counters {
        self.handle.inspect(|machine| machine.counters()).await.expect("the task runs")
    }
}

/// Flow `number` of a large set: a destination in a network, sent somewhere.
pub(crate) fn flow(number: u32) -> PackedFlow {
    let matching = Match::new()
        .with(Field::EthType, 0x0800_u16)
        .with(Field::Metadata, u64::from(number / 1000))
        .with(Field::Ipv4Dst, 0x0a00_0000 + number);
    let flow = Flow::new(10 + u8::try_from(number % 5).expect("a small table"), 100)
        .matching(matching)
        .cookie(u64::from(number))
        .set(Field::EthDst, 0xfa16_3e00_0000 + u64::from(number))
        .action(Action::DecTtl)
        .set(Field::Reg7, number)
        .goto(60);
    PackedFlow::new(&flow).expect("a short flow")
}

pub(crate) fn put(flows: impl IntoIterator<Item = PackedFlow>) -> Delta {
    Delta { flows: flows.into_iter().collect(), ..Delta::default() }
}

/// What the switch holds, in the bytes that it writes.
pub(crate) fn dump_packed(ovs: &Ovs) -> FlowSet {
    let mut stream = UnixStream::connect(ovs.mgmt_socket(BRIDGE)).expect("the bridge listens");
    let mut out = Vec::new();
    Message::Hello(Hello::of13()).encode(1, &mut out).expect("a short message");
    let request = Request::Flow(FlowRequest::all());
    Message::MultipartRequest(Multipart::last(request)).encode(2, &mut out).expect("a short message");
    stream.write_all(&out).expect("the bridge reads");
    let (mut flows, mut bytes, mut chunk) = (FlowSet::new(), Vec::new(), vec![0; 1 << 16]);
    loop {
        while let Some(len) = frame(&bytes).expect("whole messages") {
            let (_, message) = Message::decode(&bytes[..len]).expect("messages that make sense");
            bytes.drain(..len);
            let Message::MultipartReply(Multipart { more, part: Reply::Flow(entries) }) = message else {
                continue;
            };
            flows.extend(entries.iter().map(|entry| entry.packed()));
            if !more {
                return flows;
            }
        }
        let read = stream.read(&mut chunk).expect("the bridge answers");
        assert_ne!(read, 0, "the bridge hung up");
        bytes.extend_from_slice(&chunk[..read]);
    }
}

/// Whether both sets hold the same flows, byte for byte.
pub(crate) fn same(one: &FlowSet, other: &FlowSet) -> bool {
    one.len() == other.len() && one.iter().all(|flow| other.get(flow.key_bytes()) == Some(flow))
}
