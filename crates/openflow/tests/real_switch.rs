//! A real `ovs-vswitchd` and this crate talk to each other: its answers decode and are written back as the same bytes,
//! and what needs its state works as the documentation of the messages says.

#![expect(clippy::unwrap_used, reason = "a test that fails anywhere fails as a whole")]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use net_types::OfPort;
use openflow::action::{Controller, Resubmit};
use openflow::flow::FlowFlags;
use openflow::group::{Bucket, Group, GroupKind};
use openflow::message::multipart::{
    FlowRequest, GroupId, MeterId, Multipart, PortNumber, QueueRequest, Reply, Request,
};
use openflow::message::*;
use openflow::meter::{Band, BandKind, Meter, MeterUnit};
use openflow::{Action, Field, Flow, Match, Message, Subfield};
use testkit::Ovs;

/// An answer that takes longer does not come.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// A connection to the bridge `br0`.
struct Connection {
    stream: UnixStream,
    received: Vec<u8>,
    version: u8,
    xid: u32,
}

impl Connection {
    fn open(ovs: &Ovs, hello: Hello) -> Self {
        let stream = UnixStream::connect(ovs.mgmt_socket("br0")).unwrap();
        stream.set_read_timeout(Some(ANSWER_TIMEOUT)).unwrap();
        let mut connection = Self { stream, received: vec![], version: hello.version, xid: 0 };
        connection.send(&Message::Hello(hello));
        let answer = connection.receive();
        assert!(matches!(answer, Message::Hello(theirs) if theirs.speaks(hello.version)), "{answer:?}");
        connection
    }

    fn send(&mut self, message: &Message) {
        self.xid += 1;
        let mut bytes = Vec::new();
        message.encode(self.xid, &mut bytes).unwrap();
        self.stream.write_all(&bytes).unwrap();
    }

    /// The next message, which this crate knows and writes as Open vSwitch does. Echo requests are answered on the way.
    fn receive(&mut self) -> Message {
        loop {
            while let Some(len) = frame(&self.received).unwrap() {
                let bytes: Vec<u8> = self.received.drain(..len).collect();
                let (xid, message) = Message::decode(&bytes).unwrap();
                if let Message::EchoRequest(data) = message {
                    self.send(&Message::EchoReply(data));
                    continue;
                }
                assert!(!format!("{message:?}").contains("Unknown"), "{message:?}");
                if self.version == VERSION && !matches!(message, Message::Hello(_)) {
                    let mut written = Vec::new();
                    message.encode(xid, &mut written).unwrap();
                    assert_eq!(bytes, written, "{message:?}");
                }
                return message;
            }
            let mut chunk = [0; 65_536];
            let len = self.stream.read(&mut chunk).expect("an answer in time");
            assert_ne!(len, 0, "the switch hung up");
            self.received.extend_from_slice(&chunk[..len]);
        }
    }

    /// Sends `messages` and a barrier, and gives what comes before the barrier's answer.
    fn ask(&mut self, messages: &[Message]) -> Vec<Message> {
        messages.iter().for_each(|message| self.send(message));
        let (request, reply) = match self.version {
            VERSION_10 => (Message::BarrierRequest10, Message::BarrierReply10),
            _ => (Message::BarrierRequest, Message::BarrierReply),
        };
        self.send(&request);
        let mut answers = Vec::new();
        loop {
            match self.receive() {
                message if message == reply => return answers,
                message => answers.push(message),
            }
        }
    }

    /// Does what no answer comes to.
    fn command(&mut self, messages: &[Message]) {
        assert_eq!(self.ask(messages), []);
    }

    fn groups(&mut self) -> Vec<Group> {
        let answers = self.ask(&[question(Request::GroupDesc)]);
        let [Message::MultipartReply(Multipart { more: false, part: Reply::GroupDesc(groups) })] =
            answers.as_slice()
        else {
            panic!("{answers:?}");
        };
        groups.iter().map(|desc| desc.0.clone()).collect()
    }
}

fn question(part: Request) -> Message {
    Message::MultipartRequest(Multipart::last(part))
}

fn bridge() -> Ovs {
    let ovs = Ovs::dummy().unwrap();
    ovs.add_bridge("br0").unwrap();
    ovs.add_port("br0", "p1", 1).unwrap();
    ovs
}

fn add(flow: &Flow) -> Message {
    Message::FlowMod(FlowMod::from(flow))
}

fn select_group(actions: Vec<Action>) -> Group {
    Group { id: 7, kind: GroupKind::Select, buckets: vec![Bucket { weight: 5, ..Bucket::new(actions) }] }
}

#[test]
fn every_question_is_answered_in_the_bytes_that_this_crate_writes() {
    let ovs = bridge();
    let mut switch = Connection::open(&ovs, Hello::of13());
    let meter = Meter {
        id: 3,
        unit: MeterUnit::Pktps,
        burst: true,
        stats: true,
        bands: vec![Band { kind: BandKind::Drop, rate: 100, burst: 10 }],
    };
    let group = select_group(vec![Action::set(Field::Reg1, 5_u32), Action::output(OfPort::new(1))]);
    let mut flow =
        Flow::new(0, 10).matching(Match::new().with(Field::InPort, 1_u32)).action(Action::Group(7));
    flow.instructions.meter = Some(3);
    let map = TlvMap { class: 0x0102, kind: 0x80, len_bytes: 4, index: 0 };
    switch.command(&[
        Message::MeterMod(MeterMod::Add(meter.clone())),
        Message::GroupMod(GroupMod::Add(group.clone())),
        Message::TlvTableMod(TlvTableMod { command: TlvCommand::Add, maps: vec![map] }),
        add(&flow),
        add(&Flow::new(1, 0).matching(Match::new().with(Field::TunMetadata0, 9_u32))),
        Message::SetConfig(SwitchConfig { fragments: FragmentHandling::Normal, miss_send_len_bytes: 256 }),
        Message::SetControllerId(ControllerId(1)),
        Message::CtFlushZone(CtFlushZone(5)),
    ]);
    assert_eq!(switch.groups(), [group]);

    let questions = [
        Message::FeaturesRequest,
        Message::GetConfigRequest,
        Message::GetAsyncRequest,
        Message::TlvTableRequest,
        Message::RoleRequest(RoleMessage { role: Role::Primary, generation: 1 }),
        Message::NiciraRoleRequest(NiciraRole::Equal),
        question(Request::Description),
        question(Request::Flow(FlowRequest::all())),
        question(Request::Aggregate(FlowRequest::all())),
        question(Request::Table),
        question(Request::PortStats(PortNumber(OfPort::ANY))),
        question(Request::QueueStats(QueueRequest { port: OfPort::ANY, queue: u32::MAX })),
        question(Request::GroupStats(GroupId(GROUP_ALL))),
        question(Request::GroupFeatures),
        question(Request::MeterStats(MeterId(METER_ALL))),
        question(Request::MeterConfig(MeterId(METER_ALL))),
        question(Request::MeterFeatures),
        question(Request::TableFeatures(vec![])),
        question(Request::PortDesc),
    ];
    for asked in questions {
        let answers = switch.ask(std::slice::from_ref(&asked));
        assert!(!answers.is_empty(), "no answer to {asked:?}");
        for answer in &answers {
            assert!(!matches!(answer, Message::Error(_)), "{asked:?}: {answer:?}");
            if let Message::MultipartReply(Multipart { part: Reply::Flow(entries), .. }) = answer {
                let dumped: Vec<_> = entries.iter().map(|entry| entry.packed()).collect();
                assert!(dumped.contains(&openflow::PackedFlow::new(&flow).unwrap()), "{dumped:?}");
            }
            if let Message::MultipartReply(Multipart { part: Reply::MeterConfig(meters), .. }) = answer {
                assert_eq!(meters.iter().map(|config| &config.0).collect::<Vec<_>>(), [&meter]);
            }
            if let Message::TlvTableReply(table) = answer {
                assert_eq!(table.maps, [map]);
            }
        }
    }
}

#[test]
fn a_refusal_names_what_was_refused() {
    let ovs = bridge();
    let mut switch = Connection::open(&ovs, Hello::of13());
    let lacks_prerequisite = Flow::new(0, 1).matching(Match::new().with(Field::TcpDst, 80_u16));
    let answers = switch.ask(&[add(&lacks_prerequisite)]);
    let [Message::Error(error)] = answers.as_slice() else { panic!("{answers:?}") };
    assert_eq!(error.code.name(), Some("OFPBMC_BAD_PREREQ"));
    assert_eq!(error.refused().map(|header| (header.kind, header.xid)), Some((14, switch.xid - 1)));

    let unordered = BundleControl::new(1, BundleOp::CommitRequest, BundleFlags::ATOMIC);
    let answers = switch.ask(&[Message::BundleControl(unordered)]);
    let [Message::Error(error)] = answers.as_slice() else { panic!("{answers:?}") };
    assert_eq!(error.code.name(), Some("OFPBFC_BAD_ID"));
}

#[test]
fn the_switch_tells_unasked_what_it_was_told_to_tell() {
    let ovs = bridge();
    let mut switch = Connection::open(&ovs, Hello::of13());
    let flow = Flow { flags: FlowFlags::SEND_FLOW_REM, ..Flow::new(2, 7).cookie(5) };
    // Idle, hard, deletion, deletion of its group; add, delete, modify.
    let (removals, changes_of_ports) = (0xf, 0x7);
    let tell = |kind, reasons| Message::NiciraSetAsync2(vec![AsyncProperty::new(kind, reasons)]);
    switch.command(&[
        tell(AsyncProperty::FLOW_REMOVED_PRIMARY, removals),
        tell(AsyncProperty::PORT_STATUS_PRIMARY, changes_of_ports),
        tell(AsyncProperty::PACKET_IN_PRIMARY, 0),
        tell(AsyncProperty::ROLE_STATUS_PRIMARY, 0),
    ]);
    let answers = switch.ask(&[Message::GetAsyncRequest]);
    let [Message::GetAsyncReply(config)] = answers.as_slice() else { panic!("{answers:?}") };
    let AsyncMasks { packet_in, port_status, flow_removed } = config.primary;
    assert_eq!((packet_in, port_status, flow_removed), (0, changes_of_ports, removals));

    // A flow is told to be gone when the switch has forgotten it, which may be after the answer to a barrier.
    switch.send(&add(&flow));
    switch.send(&Message::FlowMod(FlowMod::delete(2, Match::new())));
    let message = switch.receive();
    let Message::FlowRemoved(removed) = message else { panic!("{message:?}") };
    assert_eq!((removed.table, removed.priority, removed.cookie), (2, 7, 5));
    assert_eq!(removed.reason, FlowRemovedReason::Delete);

    ovs.add_port("br0", "p2", 2).unwrap();
    loop {
        let message = switch.receive();
        let Message::PortStatus(PortStatus { port, reason }) = message else { panic!("{message:?}") };
        assert_ne!(reason, PortReason::Delete);
        assert_eq!((port.number, port.name.as_str()), (OfPort::new(2), "p2"));
        if port.is_up() {
            break;
        }
    }
}

#[test]
fn a_bundle_changes_everything_at_once() {
    let ovs = bridge();
    let mut switch = Connection::open(&ovs, Hello::of13());
    let flags = BundleFlags::ATOMIC.and(BundleFlags::ORDERED);
    let control = |op| Message::BundleControl(BundleControl::new(4, op, flags));
    // The switch repeats the bundle's number, but not its flags.
    let done = |op| Message::BundleControl(BundleControl::new(4, op, BundleFlags::default()));
    assert_eq!(switch.ask(&[control(BundleOp::OpenRequest)]), [done(BundleOp::OpenReply)]);
    let group = select_group(vec![Action::output(OfPort::new(1))]);
    for message in [
        Message::GroupMod(GroupMod::Add(group.clone())),
        add(&Flow::new(0, 5).action(Action::Group(7))),
        add(&Flow::new(1, 5)),
    ] {
        let inside = BundleAdd::new(4, flags, switch.xid + 1, &message).unwrap();
        switch.send(&Message::BundleAdd(inside));
    }
    assert_eq!(switch.groups(), []);
    assert_eq!(switch.ask(&[control(BundleOp::CommitRequest)]), [done(BundleOp::CommitReply)]);
    assert_eq!(switch.groups(), [group]);
}

#[test]
fn buckets_come_and_go_one_by_one() {
    let ovs = bridge();
    let mut switch = Connection::open(&ovs, Hello::of13());
    let mut second = Connection::open(&ovs, Hello::of10());
    let actions = |key: u64| vec![Action::load(Subfield::all(Field::Reg7), key), Action::resubmit(9)];
    let mut group =
        Group { id: 7, kind: GroupKind::All, buckets: (0..3).map(|key| Bucket::new(actions(key))).collect() };
    switch.command(&[Message::GroupMod(GroupMod::Add(group.clone()))]);

    let change = |command| Message::BucketMod(BucketMod::new(7, GroupKind::All, command).unwrap());
    let output = [Action::output(OfPort::new(1)), Action::SetQueue(4), Action::Clone(actions(77))];
    let bucket = NumberedBucket { id: 30, bucket: Bucket::new(output.to_vec()) };
    second.command(&[
        change(BucketCommand::Insert(BucketPlace::Last, vec![bucket.clone()])),
        change(BucketCommand::Remove(BucketPlace::Id(1))),
    ]);
    group.buckets.push(bucket.bucket.clone());
    group.buckets.remove(1);
    assert_eq!(switch.groups(), [group]);

    let answers = second.ask(&[change(BucketCommand::Insert(BucketPlace::First, vec![bucket]))]);
    let [Message::Error(error)] = answers.as_slice() else { panic!("{answers:?}") };
    assert_eq!(error.code.name(), Some("OFPGMFC_BUCKET_EXISTS"));
}

#[test]
fn a_monitor_tells_what_others_do() {
    let ovs = bridge();
    let mut switch = Connection::open(&ovs, Hello::of13());
    let all = [
        MonitorFlags::INITIAL,
        MonitorFlags::ADD,
        MonitorFlags::DELETE,
        MonitorFlags::MODIFY,
        MonitorFlags::ACTIONS,
    ];
    let flags = all.into_iter().fold(MonitorFlags::default(), MonitorFlags::and);
    let monitor = MonitorRequest { id: 1, flags, out_port: OfPort::ANY, table: 3, matching: Match::new() };
    let answers = switch.ask(&[question(Request::Monitor(vec![monitor]))]);
    let empty = Reply::Monitor(vec![]);
    assert_eq!(answers, [Message::MultipartReply(Multipart::last(empty))]);

    let flow = Flow::new(3, 9)
        .matching(Match::new().with(Field::Reg3, 3_u32))
        .action(Action::output(OfPort::new(1)));
    let mut other = Connection::open(&ovs, Hello::of13());
    other.command(&[add(&flow), add(&Flow::new(4, 9))]);
    let update = switch.receive();
    let expected = FlowUpdate::Full {
        event: FlowUpdateEvent::Added,
        table: 3,
        priority: 9,
        idle_s: 0,
        hard_s: 0,
        cookie: 0,
        matching: flow.matching.clone(),
        instructions: flow.instructions.clone(),
    };
    assert_eq!(update, Message::MultipartReply(Multipart::last(Reply::Monitor(vec![expected]))));

    // What this connection does itself is told by its transaction id alone.
    let answers = switch.ask(&[Message::FlowMod(FlowMod::delete_strict(&openflow::FlowKey::new(
        3,
        9,
        &flow.matching,
    )))]);
    let own = FlowUpdate::Abbreviated { xid: switch.xid - 1 };
    assert_eq!(answers, [Message::MultipartReply(Multipart::last(Reply::Monitor(vec![own])))]);
    switch.command(&[Message::MonitorCancel(MonitorCancel { id: 1 })]);
}

#[test]
fn a_paused_packet_goes_on_with_what_the_controller_changed() {
    let ovs = bridge();
    let mut switch = Connection::open(&ovs, Hello::of13());
    let controller = |userdata: &[u8], pause| {
        Action::Controller(Controller { userdata: userdata.to_vec(), pause, ..Controller::default() })
    };
    let resubmit = Action::Resubmit(Resubmit { in_port: None, table: Some(5), ct: false });
    switch.command(&[
        Message::SetPacketInFormat(PacketInFormat::Nicira2),
        Message::SetConfig(SwitchConfig {
            fragments: FragmentHandling::Normal,
            miss_send_len_bytes: u16::MAX,
        }),
        add(&Flow::new(0, 1).actions([controller(b"wait", true), resubmit])),
        add(&Flow::new(5, 1)
            .cookie(0xdef)
            .matching(Match::new().with(Field::Reg2, 0x1234_u32))
            .action(controller(b"done", false))),
    ]);
    let packet: Vec<u8> = [[0x52, 0x54, 0, 0, 0, 1], [0x52, 0x54, 0, 0, 0, 2]]
        .concat()
        .into_iter()
        .chain([0x88, 0xcc])
        .chain([0; 46])
        .collect();
    let out = PacketOut {
        in_port: OfPort::new(1),
        ..PacketOut::new(packet.clone(), vec![Action::output(OfPort::TABLE)])
    };
    switch.send(&Message::PacketOut(out));

    let Message::PacketIn2(paused) = switch.receive() else { panic!("no packet-in") };
    assert!(paused.is_paused());
    assert_eq!((paused.userdata.as_slice(), paused.table), (&b"wait"[..], Some(0)));
    assert_eq!(paused.reason, Some(PacketInReason::Action));
    assert_eq!(paused.metadata.exact(Field::InPort), Some(1));
    assert_eq!(paused.data, packet);

    let mut resumed = paused.into_resume();
    resumed.metadata = resumed.metadata.with(Field::Reg2, 0x1234_u32);
    resumed.data[0..6].copy_from_slice(&[0x52, 0x54, 0, 0, 0, 9]);
    switch.send(&Message::Resume(resumed));
    let Message::PacketIn2(done) = switch.receive() else { panic!("no packet-in") };
    assert_eq!((done.userdata.as_slice(), done.is_paused()), (&b"done"[..], false));
    assert_eq!((done.table, done.cookie), (Some(5), Some(0xdef)));
    assert_eq!(done.metadata.exact(Field::Reg2), Some(0x1234));
    assert_eq!(done.data.get(..6), Some(&[0x52, 0x54, 0, 0, 0, 9][..]));
}
