//! What `ofproto/trace` cannot show, and the rules that surprise. The rest is compared with Open vSwitch in
//! `tests/agrees_with_ovs.rs`.

mod learning;

use net_types::{MacAddr, OfPort};
use openflow::action::{Action, Controller, Ct, Nat, NatAddrs, NatKind, Resubmit};
use openflow::field::Subfield;
use openflow::group::{Bucket, Group, GroupKind};
use openflow::{Field, Flow, Match};
use packet::build::{Ethernet, Ip, Ipv4, Transport, Udp};

use super::{DEPTH_MAX, PASSES_MAX, RESUBMITS_MAX};
use crate::environment::{Assumed, Environment};
use crate::key::{Key, ct_state};
use crate::packet::Packet;
use crate::switch::Switch;
use crate::trace::{DropReason, Event, Failure, Note, Outcome, Reason, Trace, Tracking};

fn port(number: u32) -> OfPort {
    OfPort::new(number)
}

fn out(number: u32) -> Action {
    Action::output(port(number))
}

fn switch(flows: &[Flow]) -> Switch {
    let mut switch = Switch::new();
    assert!(switch.install(flows).is_empty());
    switch
}

fn udp_frame() -> Vec<u8> {
    let ip = Ip::V4(Ipv4::new("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()));
    let udp = Udp { src_port: 1000, dst_port: 53, payload: vec![0; 8] };
    let ethernet = Ethernet::new(MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([2, 0, 0, 0, 0, 2]));
    ethernet.ip(&ip, &Transport::Udp(udp)).unwrap()
}

fn udp() -> Packet {
    Packet::of_frame(port(1), &udp_frame())
}

fn traced(switch: &Switch) -> Trace {
    super::trace(switch, udp(), &mut Assumed::new())
}

fn ports(trace: &Trace) -> Vec<u32> {
    trace.output_ports().into_iter().map(OfPort::get).collect()
}

fn has_note(trace: &Trace, wanted: Note) -> bool {
    let notes = trace.passes.iter().flat_map(|pass| &pass.steps);
    notes.into_iter().any(|step| matches!(step.event, Event::Note(note) if note == wanted))
}

fn group(id: u32, kind: GroupKind, buckets: Vec<Bucket>) -> Group {
    Group { id, kind, buckets }
}

#[test]
fn a_frame_is_rewritten_and_leaves() {
    let dns =
        Match::new().with(Field::EthType, 0x0800_u16).with(Field::IpProto, 17_u8).with(Field::UdpDst, 53_u16);
    let switch = switch(&[
        Flow::new(0, 10)
            .matching(dns)
            .cookie(7)
            .set(Field::Ipv4Dst, 0x0a00_0009_u32)
            .set(Field::TunId, 5_u64)
            .goto(3),
        Flow::new(3, 1).cookie(8).action(Action::DecTtl).action(out(2)),
    ]);
    let trace = traced(&switch);
    let decided: Vec<_> =
        trace.deciding().map(|(table, entry)| (table, entry.unwrap().flow.cookie)).collect();
    assert_eq!(decided, [(0, 7), (3, 8)]);
    let left = trace.outputs().next().unwrap();
    assert_eq!((left.port, left.key.net.nw_dst, left.key.tunnel.id), (port(2), 0x0a00_0009, 5));
    assert_eq!(left.key.net.ttl, trace.passes[0].first.net.ttl - 1);
    assert_eq!(trace.drop_reason(), None);
}

#[test]
fn a_drop_has_a_reason() {
    let nothing = traced(&switch(&[]));
    assert_eq!(nothing.drop_reason(), Some(DropReason::NoMatch { table: 0 }));
    let told = traced(&switch(&[Flow::new(0, 1).goto(4), Flow::new(4, 2).cookie(9)]));
    assert_eq!(told.drop_reason(), Some(DropReason::Told { table: 4, cookie: 9 }));
    let back = traced(&switch(&[Flow::new(0, 1).action(out(1))]));
    assert_eq!(back.drop_reason(), Some(DropReason::NoOutput));
    assert!(has_note(&back, Note::InputPort));
}

#[test]
fn a_layer_that_is_not_there_is_not_written() {
    let trace = traced(&switch(&[Flow::new(0, 1).set(Field::TcpDst, 80_u16).action(out(2))]));
    assert!(has_note(&trace, Note::MissingLayer(Field::TcpDst)));
    assert_eq!(trace.outputs().next().unwrap().key.net.tp_dst, 53);
}

#[test]
fn an_expired_ttl_ends_its_list_only() {
    let mut packet = udp();
    packet.key.net.ttl = 1;
    let switch = switch(&[
        Flow::new(0, 1).action(Action::resubmit(1)).action(out(3)),
        Flow::new(1, 1).action(Action::DecTtlIds(vec![4, 5])).action(out(2)),
    ]);
    let trace = super::trace(&switch, packet, &mut Assumed::new());
    assert_eq!(ports(&trace), [3]);
    let told: Vec<_> = trace.packet_ins().map(|sent| (sent.reason, sent.controller.id, sent.table)).collect();
    assert_eq!(told, [(Reason::InvalidTtl, 4, 1), (Reason::InvalidTtl, 5, 1)]);
}

#[test]
fn a_missing_group_ends_its_list_only() {
    let flows = [
        Flow::new(0, 1).action(Action::resubmit(1)).action(out(3)),
        Flow::new(1, 1).action(Action::Group(9)).action(out(2)),
    ];
    let trace = traced(&switch(&flows));
    assert_eq!(ports(&trace), [3]);
    assert!(has_note(&trace, Note::NoSuchGroup(9)));
}

#[test]
fn exit_ends_a_bucket_but_not_what_follows_the_group() {
    let mut switch = switch(&[
        Flow::new(0, 1).action(Action::Group(1)).action(out(4)),
        Flow::new(1, 1).action(out(2)).action(Action::Exit).action(out(3)),
    ]);
    let bucket = Bucket::new(vec![Action::resubmit(1)]);
    switch.install_groups([group(1, GroupKind::All, vec![bucket.clone(), bucket])]);
    assert_eq!(ports(&traced(&switch)), [2, 2, 4]);
}

#[test]
fn a_packet_that_left_by_exit_before_is_lost_when_it_is_tracked() {
    let tracked = Action::Ct(Ct { table: Some(2), ..Ct::default() });
    let mut switch = switch(&[
        Flow::new(0, 1).action(Action::Group(1)).action(tracked),
        Flow::new(1, 1).action(Action::Exit),
        Flow::new(2, 1).action(out(2)),
    ]);
    switch.install_groups([group(1, GroupKind::All, vec![Bucket::new(vec![Action::resubmit(1)])])]);
    let trace = traced(&switch);
    assert!(ports(&trace).is_empty() && has_note(&trace, Note::LeftOver));
}

#[test]
fn a_copy_changes_nothing_of_the_packet() {
    let copy = vec![Action::set(Field::Reg0, 5_u32), Action::StackPush(Field::Reg0.into()), out(2)];
    let flows = [Flow::new(0, 1)
        .action(Action::Clone(copy))
        .action(Action::StackPop(Field::Reg1.into()))
        .action(out(3))];
    let trace = traced(&switch(&flows));
    let seen: Vec<_> =
        trace.outputs().map(|left| (left.port.get(), left.key.regs[0], left.key.regs[1])).collect();
    assert_eq!(seen, [(2, 5, 0), (3, 0, 0)]);
    assert!(has_note(&trace, Note::StackUnderflow));
}

#[test]
fn a_popped_label_reveals_what_is_behind_it() {
    let by_port =
        Match::new().with(Field::EthType, 0x0800_u16).with(Field::IpProto, 17_u8).with(Field::UdpDst, 53_u16);
    let flows = [
        Flow::new(0, 1).action(Action::PushMpls(0x8847)).goto(1),
        Flow::new(1, 2).matching(by_port.clone()),
        Flow::new(1, 1).action(Action::PopMpls(0x0800)).goto(2),
        Flow::new(2, 1).matching(by_port).action(out(2)),
    ];
    let switch = switch(&flows);
    assert_eq!(ports(&traced(&switch)), [2]);

    // The same when the label came with the frame.
    let mut frame = udp_frame();
    frame[12..14].copy_from_slice(&[0x88, 0x47]);
    frame.splice(14..14, [0x00, 0x01, 0x01, 0x40]);
    let labelled = Packet::of_frame(port(1), &frame);
    assert_eq!((labelled.key.get(Field::MplsLabel), labelled.key.net.tp_dst), (16, 0));
    let pops = self::switch(
        &flows[2..]
            .iter()
            .cloned()
            .map(|mut flow| {
                flow.table -= 1;
                flow.instructions.goto = flow.instructions.goto.map(|table| table - 1);
                flow
            })
            .collect::<Vec<_>>(),
    );
    assert_eq!(ports(&super::trace(&pops, labelled, &mut Assumed::new())), [2]);
}

#[test]
fn a_packet_of_known_length_goes_one_way() {
    let larger = Subfield::new(Field::Reg0, 0, 1).unwrap();
    let check = Action::CheckPktLarger { len: 100, dst: larger };
    let switch = switch(&[
        Flow::new(0, 1).action(check).action(Action::resubmit(1)),
        Flow::new(1, 2).matching(Match::new().with(Field::Reg0, 1_u32)).action(out(2)),
        Flow::new(1, 1).action(out(3)),
    ]);
    assert_eq!(ports(&traced(&switch)), [3]);
    let long = super::trace(&switch, udp().with_frame_bytes(101), &mut Assumed::new());
    assert_eq!(ports(&long), [2]);
    assert!(long.deciding().count() == 2, "what other packets do is not told: {long}");
    let unknown = super::trace(&switch, Packet::of_key(udp().key), &mut Assumed::new());
    assert_eq!(ports(&unknown), [2, 3]);
}

#[test]
fn tags_count_for_the_length() {
    let check = Action::CheckPktLarger { len: 50, dst: Subfield::new(Field::Reg0, 0, 1).unwrap() };
    let switch = switch(&[Flow::new(0, 1)
        .action(Action::PushVlan(0x8100))
        .action(check)
        .action(Action::OutputReg { src: Field::Reg0.into(), max_len: 0 })]);
    let trace = |bytes| super::trace(&switch, udp().with_frame_bytes(bytes), &mut Assumed::new());
    let larger = |trace: &Trace| trace.outputs().next().map(|left| left.key.regs[0]);
    assert_eq!(larger(&trace(46)), Some(0));
    // Port 1 is where it came from.
    assert_eq!(larger(&trace(47)), None);
}

#[test]
fn a_paused_packet_goes_on_where_it_was() {
    let pause = Controller { pause: true, userdata: vec![9], ..Controller::default() };
    let switch = switch(&[
        Flow::new(0, 1).action(Action::resubmit(1)).action(out(3)).goto(2),
        Flow::new(1, 1).cookie(6).action(Action::Controller(pause)).action(out(2)),
        Flow::new(2, 1).action(Action::OutputReg { src: Field::Reg0.into(), max_len: 0 }),
    ]);
    let first = traced(&switch);
    assert!(ports(&first).is_empty());
    let paused = first.packet_ins().next().unwrap();
    assert_eq!((paused.table, paused.cookie, &paused.controller.userdata[..]), (1, 6, &[9_u8][..]));
    let continuation = paused.continuation.as_ref().unwrap();
    let mut packet = continuation.packet().clone();
    packet.key.set(Field::Reg0, 7);
    let rest = super::resume(&switch, continuation, packet, &mut Assumed::new());
    assert_eq!(ports(&rest), [2, 3, 7]);
}

/// Remembers what it was asked, and answers with an established connection.
#[derive(Default)]
struct Tracker {
    asked: Vec<Tracking>,
    dead: Vec<OfPort>,
    bucket: usize,
}

impl Environment for Tracker {
    fn track(&mut self, tracking: &Tracking, key: &mut Key) {
        self.asked.push(tracking.clone());
        key.ct_state = ct_state::TRACKED | ct_state::ESTABLISHED;
        key.ct_mark = 0x77;
    }

    fn select(&mut self, _group: &Group, live: &[usize], _key: &Key) -> Option<usize> {
        live.get(self.bucket).copied()
    }

    fn port_is_live(&mut self, port: OfPort) -> bool {
        !self.dead.contains(&port)
    }
}

#[test]
fn the_tracker_is_asked_and_its_answer_is_matched() {
    let nat = Nat {
        kind: Some(NatKind::Dst),
        addrs: Some(NatAddrs::V4 { min: "10.1.1.1".parse().unwrap(), max: None }),
        ..Nat::default()
    };
    let mark = Action::load(Subfield::new(Field::CtMark, 4, 4).unwrap(), 3);
    let ct = Ct {
        commit: true,
        zone: openflow::action::Zone::Imm(5),
        table: Some(1),
        actions: vec![Action::Nat(nat), mark],
        ..Ct::default()
    };
    let established =
        Match::new().with_masked(Field::CtState, 0x22_u32, 0x22_u32).with(Field::CtMark, 0x77_u32);
    let switch = switch(&[
        Flow::new(0, 1).set(Field::Reg3, 8_u32).action(Action::Ct(ct)).action(out(4)),
        Flow::new(1, 2).matching(established.with(Field::Reg3, 8_u32)).action(Action::CtClear).action(out(2)),
    ]);
    let mut tracker = Tracker::default();
    let trace = super::trace(&switch, udp(), &mut tracker);
    assert_eq!(ports(&trace), [4, 2]);
    assert_eq!(trace.outputs().map(|left| left.key.ct_mark).collect::<Vec<_>>(), [0, 0]);
    let asked = &tracker.asked[0];
    assert_eq!((asked.zone, asked.commit, asked.mark, asked.nat), (5, true, Some((0x30, 0xf0)), Some(nat)));
    // The assumptions of `ofproto/trace`: new, and translated to the first address.
    let assumed = super::trace(&switch, udp(), &mut Assumed::new());
    let second = &assumed.passes[1].first;
    assert_eq!((second.ct_state, second.ct_zone, second.net.nw_dst), (0x21, 5, 0x0a01_0101));
}

#[test]
fn a_packet_that_is_tracked_for_ever_is_followed_for_a_while() {
    let again = Action::Ct(Ct { table: Some(0), ..Ct::default() });
    let trace = traced(&switch(&[Flow::new(0, 1).action(again)]));
    assert_eq!((trace.passes.len(), trace.passes_left_out), (PASSES_MAX, 1));
    assert!(trace.to_string().contains("in a loop"));
}

#[test]
fn a_select_group_never_takes_a_bucket_of_weight_zero() {
    let mut switch = switch(&[Flow::new(0, 1).action(Action::Group(1))]);
    let weighted = |weight, number| Bucket { weight, ..Bucket::new(vec![out(number)]) };
    switch.install_groups([group(
        1,
        GroupKind::Select,
        vec![weighted(0, 2), weighted(1, 3), weighted(1, 4)],
    )]);
    let taken = |bucket| ports(&super::trace(&switch, udp(), &mut Tracker { bucket, ..Tracker::default() }));
    assert_eq!((taken(0), taken(1)), (vec![3], vec![4]));
    assert!(taken(2).is_empty());
}

#[test]
fn failover_takes_the_first_bucket_that_is_alive() {
    let mut switch = switch(&[Flow::new(0, 1).action(Action::Group(1))]);
    let watching = |number| Bucket { watch_port: Some(port(number)), ..Bucket::new(vec![out(number)]) };
    let watching_group = |id| Bucket { watch_group: Some(id), ..Bucket::new(vec![out(9)]) };
    let failover = |id, buckets| group(id, GroupKind::FastFailover, buckets);
    switch.install_groups([
        failover(1, vec![watching_group(2), watching(3), watching(4)]),
        // Two groups that watch each other, and nothing else, are not alive.
        failover(2, vec![watching_group(3)]),
        failover(3, vec![watching_group(2)]),
    ]);
    let taken = |dead: &[u32], switch: &Switch| {
        let dead = dead.iter().map(|number| port(*number)).collect();
        ports(&super::trace(switch, udp(), &mut Tracker { dead, ..Tracker::default() }))
    };
    assert_eq!(
        (taken(&[], &switch), taken(&[3], &switch), taken(&[3, 4], &switch)),
        (vec![3], vec![4], vec![])
    );
    switch.install_groups([failover(3, vec![watching_group(2), watching(5)])]);
    assert_eq!(taken(&[], &switch), [9]);
}

#[test]
fn loops_end() {
    let same = Action::Resubmit(Resubmit { in_port: None, table: None, ct: false });
    let trace = traced(&switch(&[Flow::new(0, 1).action(out(2)).action(same)]));
    assert_eq!(trace.drop_reason(), Some(DropReason::Failed(Failure::TooDeep)));
    // The first look-up is not nested.
    assert_eq!(trace.deciding().count(), DEPTH_MAX + 1);

    // Each look-up of a later table nests no deeper, so this chain is as long as chains get.
    let mut flows: Vec<Flow> =
        (0..253).map(|table| Flow::new(table, 1).action(Action::resubmit(table + 1))).collect();
    flows.push(Flow::new(253, 1).action(Action::resubmit(0)));
    let trace = traced(&switch(&flows));
    assert_eq!(trace.drop_reason(), Some(DropReason::Failed(Failure::TooManyResubmits)));
    assert_eq!(trace.deciding().count(), RESUBMITS_MAX + 1);
}

#[test]
fn a_stack_has_an_end() {
    let push = Action::StackPush(Field::XxReg0.into());
    // One flow cannot carry as many actions.
    let trace = traced(&switch(&[
        Flow::new(0, 1).actions(vec![push.clone(); 2000]).goto(1),
        Flow::new(1, 1).actions(vec![push; 2000]).goto(2),
        Flow::new(2, 1).action(out(2)),
    ]));
    assert_eq!(trace.drop_reason(), Some(DropReason::Failed(Failure::StackTooLarge)));
}

#[test]
fn an_action_set_is_executed_in_its_own_order_and_only_with_an_end() {
    let set = |actions: Vec<Action>| {
        let mut flow = Flow::new(0, 1);
        flow.instructions.write = actions;
        traced(&switch(&[flow]))
    };
    let trace = set(vec![out(2), Action::set(Field::VlanPcp, 3_u8), Action::PushVlan(0x8100), out(3)]);
    let left: Vec<_> = trace.outputs().map(|left| (left.port.get(), left.key.vlans[0].tci)).collect();
    assert_eq!(left, [(3, 0x7000)]);
    assert!(set(vec![Action::PushVlan(0x8100)]).drop_reason().is_some());
}

#[test]
fn what_a_table_miss_flow_sends_is_a_miss() {
    let reason = |flow: Flow| traced(&switch(&[flow])).packet_ins().next().unwrap().reason;
    let to_controller = Action::output(OfPort::CONTROLLER);
    assert_eq!(reason(Flow::new(0, 0).action(to_controller.clone())), Reason::Miss);
    assert_eq!(reason(Flow::new(0, 1).action(to_controller)), Reason::ApplyAction);
}

#[test]
fn ports_that_are_known_bound_where_packets_go() {
    let mut switch = switch(&[Flow::new(0, 1).action(Action::output(OfPort::FLOOD)).action(out(77))]);
    assert_eq!(traced(&switch).output_ports(), [OfPort::FLOOD, port(77)]);
    switch.set_ports([port(1), port(2), port(3)]);
    let trace = traced(&switch);
    assert_eq!(ports(&trace), [2, 3]);
    assert!(has_note(&trace, Note::NoSuchPort(port(77))));
}

#[test]
fn a_geneve_option_is_set_and_deleted() {
    let flows = [Flow::new(0, 1)
        .set(Field::TunMetadata0, 0x0001_0002_u32)
        .action(out(2))
        .action(Action::DeleteField(Field::TunMetadata0))
        .action(out(3))];
    let trace = traced(&switch(&flows));
    let options: Vec<_> = trace.outputs().map(|left| left.key.tunnel.metadata[0]).collect();
    assert_eq!(options, [Some(0x0001_0002), None]);
}

#[test]
fn what_multiplies_without_a_look_up_ends_too() {
    let bit = Subfield::new(Field::Reg0, 0, 1).unwrap();
    let check = Action::CheckPktLarger { len: 100, dst: bit };
    let trace = traced(&switch(&[Flow::new(0, 1).actions(vec![check; 60]).action(out(2))]));
    assert_eq!(trace.drop_reason(), Some(DropReason::Failed(Failure::TooManyActions)));

    let mut switch = switch(&[Flow::new(0, 1).action(Action::Group(1))]);
    let twice = |id: u32| group(id, GroupKind::All, vec![Bucket::new(vec![Action::Group(id + 1)]); 2]);
    switch.install_groups((1..60).map(twice).chain([group(
        60,
        GroupKind::Indirect,
        vec![Bucket::new(vec![out(2)])],
    )]));
    assert_eq!(traced(&switch).drop_reason(), Some(DropReason::Failed(Failure::TooManyActions)));
    assert!(crate::analysis::findings(&switch, &[]).is_empty());
}

#[test]
fn a_packet_must_not_recirculate_with_an_action_set() {
    let mut writes = Flow::new(0, 1).goto(1);
    writes.instructions.write = vec![out(2)];
    let pause = Action::Controller(Controller { pause: true, ..Controller::default() });
    for freezes in [Action::Ct(Ct { table: Some(2), ..Ct::default() }), pause] {
        let trace = traced(&switch(&[writes.clone(), Flow::new(1, 1).action(freezes)]));
        assert_eq!(trace.drop_reason(), Some(DropReason::Failed(Failure::ActionSetFrozen)));
        assert!(trace.to_string().contains("aborts"), "{trace}");
    }
}

#[test]
fn a_look_up_by_the_original_tuple_leaves_the_packet_alone() {
    let by_tuple = Action::Resubmit(Resubmit { in_port: None, table: Some(1), ct: true });
    let original = Match::new().with(Field::EthType, 0x0800_u16).with(Field::Ipv4Src, 0x0a05_0505_u32);
    let switch = switch(&[
        Flow::new(0, 1).action(by_tuple).action(out(3)),
        Flow::new(1, 1).matching(original).action(out(2)),
    ]);
    assert!(has_note(&traced(&switch), Note::NoTuple));
    let mut packet = udp();
    packet.key.ct_state = ct_state::TRACKED | ct_state::ESTABLISHED;
    (packet.key.net.ct.proto, packet.key.net.ct.nw_src) = (6, 0x0a05_0505);
    // Also a packet whose own protocol number is that of "no tuple".
    packet.key.net.proto = 0;
    let trace = super::trace(&switch, packet.clone(), &mut Assumed::new());
    assert_eq!(ports(&trace), [2, 3]);
    assert!(trace.outputs().all(|left| *left.key == packet.key));
}
