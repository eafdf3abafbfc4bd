//! The connection against a real ovs-vswitchd.

mod common;

use common::{BRIDGE, connect, connect_to, flow, ovs, put, scope};
use net_types::OfPort;
use openflow::action::Action;
use openflow::delta::Delta;
use openflow::field::Subfield;
use openflow::flow::{Flow, FlowSet, PackedFlow};
use openflow::group::{Bucket, Group, GroupKind};
use openflow::message::TlvMap;
use openflow::meter::{Band, BandKind, Meter, MeterUnit};
use openflow::{Field, Match};
use switch::endpoint::Endpoint;
use switch::machine::{Event, MachineOptions};
use switch::{EntryId, Scope};
use testkit::{Ovs, wait_until};

fn dump(ovs: &Ovs) -> Vec<String> {
    let text =
        ovs.ofctl(&["-O", "OpenFlow13", "--no-stats", "--no-names", "dump-flows", BRIDGE]).expect("a dump");
    text.lines().map(str::trim).filter(|line| line.contains("actions=")).map(str::to_owned).collect()
}

#[tokio::test]
async fn what_is_desired_gets_in_and_a_reconnect_changes_nothing() {
    let ovs = ovs();
    let mut switch = connect(&ovs, scope(), Delta::default());
    switch.synced().await;
    let flows: Vec<_> = (0..2_500).map(flow).collect();
    assert_eq!(switch.commit(put(flows.clone())).await, 2_500);
    assert_eq!(dump(&ovs).len(), 2_500);
    drop(switch);

    let mut again = connect(&ovs, scope(), put(flows));
    let report = again.synced().await;
    assert_eq!((report.found.shown_flows, report.found.adopted_flows), (2_500, 2_500));
    assert_eq!(again.counters().await.flow_mods, 0);
    assert_eq!(again.commit(put((0..10).map(changed))).await, 10);
    assert_eq!(again.commit(put((0..10).map(changed))).await, 0, "an unchanged flow is not sent");
}

fn changed(number: u32) -> PackedFlow {
    let mut flow = flow(number).unpack();
    flow.instructions.goto = Some(61);
    PackedFlow::new(&flow).expect("a short flow")
}

#[tokio::test]
async fn strangers_go_from_our_tables_and_stay_elsewhere() {
    let ovs = ovs();
    let add = |flow| ovs.ofctl(&["-O", "OpenFlow13", "add-flow", BRIDGE, flow]).unwrap();
    add("table=5,priority=7,ip,nw_dst=10.0.0.0/8 actions=drop");
    add("table=200,priority=7,ip actions=drop");
    ovs.ofctl(&["-O", "OpenFlow13", "add-group", BRIDGE, "group_id=5,type=all,bucket=output:1"]).unwrap();
    ovs.ofctl(&["-O", "OpenFlow13", "add-group", BRIDGE, "group_id=5000,type=all,bucket=output:1"]).unwrap();
    let mut switch = connect(&ovs, scope(), Delta::default());
    let report = switch.synced().await;
    assert_eq!((report.flows_deleted, report.others_changed), (1, 1));
    let left = dump(&ovs);
    assert!(left.len() == 1 && left[0].contains("table=200"), "{left:?}");
    let groups = ovs.ofctl(&["-O", "OpenFlow13", "dump-groups", BRIDGE]).unwrap();
    assert!(groups.contains("group_id=5000") && !groups.contains("group_id=5,"), "{groups}");
}

fn group(id: u32, ports: impl IntoIterator<Item = u32>) -> Group {
    let bucket = |port| Bucket::new(vec![Action::output(OfPort::new(port))]);
    Group { id, kind: GroupKind::All, buckets: ports.into_iter().map(bucket).collect() }
}

fn meter(id: u32, rate: u32) -> Meter {
    let bands = vec![Band { kind: BandKind::Drop, rate, burst: rate }];
    Meter { id, unit: MeterUnit::Pktps, burst: true, stats: true, bands }
}

fn user_of(table: u8, group: u32, meter: u32) -> PackedFlow {
    let mut flow = Flow::new(table, 5).action(Action::Group(group));
    flow.instructions.meter = Some(meter);
    PackedFlow::new(&flow).expect("a short flow")
}

#[tokio::test]
async fn groups_and_meters_are_there_before_their_users_and_are_adopted() {
    let ovs = ovs();
    let nested = Group {
        id: 3,
        kind: GroupKind::All,
        buckets: vec![Bucket::new(vec![Action::Group(4)]), Bucket::new(vec![Action::output(OfPort::new(9))])],
    };
    let all = || Delta {
        flows: vec![user_of(1, 3, 2)],
        groups: vec![nested.clone(), group(4, [1, 2])],
        meters: vec![meter(2, 100)],
        ..Delta::default()
    };
    let mut switch = connect(&ovs, scope(), all());
    switch.synced().await;
    assert!(switch.refused.is_empty(), "{:?}", switch.refused);
    drop(switch);
    let mut again = connect(&ovs, scope(), all());
    let report = again.synced().await;
    assert_eq!((report.found.adopted_groups, report.found.adopted_meters, report.others_changed), (2, 1, 0));
    again
        .commit(Delta { groups: vec![group(4, [1, 2, 3])], meters: vec![meter(2, 200)], ..Delta::default() })
        .await;
    assert!(
        ovs.ofctl(&["-O", "OpenFlow13", "dump-groups", BRIDGE]).unwrap().contains("bucket=actions=output:3")
    );
    assert!(ovs.ofctl(&["-O", "OpenFlow13", "dump-meters", BRIDGE]).unwrap().contains("rate=200"));
    let gone = Delta {
        delete_flows: vec![user_of(1, 3, 2).key()],
        delete_groups: vec![3, 4],
        delete_meters: vec![2],
        ..Delta::default()
    };
    again.commit(gone).await;
    assert!(again.refused.is_empty(), "{:?}", again.refused);
    assert!(!ovs.ofctl(&["-O", "OpenFlow13", "dump-groups", BRIDGE]).unwrap().contains("group_id"));
    assert_eq!(dump(&ovs), Vec::<String>::new());
}

/// A flow that no switch takes: it names a group that is not there.
fn refused_in_commit(number: u32) -> PackedFlow {
    PackedFlow::new(
        &Flow::new(2, 7).matching(Match::new().with(Field::InPort, number)).action(Action::Group(77)),
    )
    .expect("a short flow")
}

/// A flow that the switch cannot even read: TCP ports without TCP.
fn refused_at_once(number: u16) -> PackedFlow {
    PackedFlow::new(&Flow::new(2, 8).matching(Match::new().with(Field::TcpDst, number)))
        .expect("a short flow")
}

#[tokio::test]
async fn what_the_switch_refuses_is_named_and_the_rest_goes_in() {
    let ovs = ovs();
    let mut switch = connect(&ovs, scope(), Delta::default());
    switch.synced().await;
    let bad: Vec<_> = (0..3)
        .map(refused_in_commit)
        .chain((0..3).map(refused_at_once))
        .map(|flow| EntryId::Flow(flow.key()))
        .collect();
    let good = (0..3_000).map(flow);
    let all = good.chain((0..3).map(refused_in_commit)).chain((0..3).map(refused_at_once));
    switch.commit(put(all)).await;
    let mut named: Vec<_> = switch.refused.iter().map(|(entry, _)| entry.clone()).collect();
    named.sort();
    let mut expected = bad.clone();
    expected.sort();
    assert_eq!(named, expected, "{:?}", switch.refused);
    assert_eq!(dump(&ovs).len(), 3_000);
    assert!(
        switch.refused.iter().any(|(_, why)| why.to_string().contains("OFPBMC_BAD_PREREQ")),
        "{:?}",
        switch.refused
    );

    // Once what was missing is there, a change of the flow is tried again.
    switch.refused.clear();
    let repaired = Flow { cookie: 1, ..refused_in_commit(0).unpack() };
    let delta = Delta {
        flows: vec![PackedFlow::new(&repaired).unwrap()],
        groups: vec![group(77, [1])],
        ..Delta::default()
    };
    switch.commit(delta).await;
    assert!(switch.refused.is_empty(), "{:?}", switch.refused);
    assert_eq!(dump(&ovs).len(), 3_001);
}

#[tokio::test]
async fn a_refused_replacement_does_not_leave_the_old_flow_deciding() {
    let ovs = ovs();
    let old = Flow::new(2, 7).action(Action::output(OfPort::new(1)));
    let mut switch = connect(&ovs, scope(), put([PackedFlow::new(&old).unwrap()]));
    switch.synced().await;
    let new = Flow::new(2, 7).action(Action::Group(78));
    switch.commit(put([PackedFlow::new(&new).unwrap()])).await;
    assert_eq!(switch.refused.len(), 1);
    assert_eq!(dump(&ovs), Vec::<String>::new());
}

#[tokio::test]
async fn a_group_that_no_message_carries_is_named() {
    let ovs = ovs();
    let mut switch = connect(&ovs, scope(), Delta::default());
    switch.synced().await;
    let delta = Delta { groups: vec![group(1, 1..4_000), group(2, 1..4)], ..put([flow(1)]) };
    switch.commit(delta).await;
    assert_eq!(switch.refused.len(), 1, "{:?}", switch.refused);
    assert!(switch.refused[0].1.to_string().contains("too large"), "{:?}", switch.refused);
    assert_eq!(dump(&ovs).len(), 1);
}

#[tokio::test]
async fn after_kill_9_of_the_switch_everything_is_back_without_help() {
    let mut ovs = ovs();
    let delta = Delta {
        groups: vec![group(4, [1, 2])],
        meters: vec![meter(2, 100)],
        ..put((0..2_000).map(flow).chain([user_of(1, 4, 2)]))
    };
    let mut switch = connect(&ovs, scope(), delta);
    switch.synced().await;
    ovs.kill9_vswitchd().unwrap();
    // A wish that is made while the switch is away is not lost.
    switch.handle.change(put([flow(5_000)])).await.unwrap();
    ovs.restart_vswitchd().unwrap();
    let started = std::time::Instant::now();
    let report = switch.synced().await;
    println!(
        "2,002 flows, a group and a meter were back {:?} after the switch answered again",
        started.elapsed()
    );
    assert_eq!((report.flows_put, report.others_changed), (2_002, 2));
    assert_eq!(dump(&ovs).len(), 2_002);
}

#[tokio::test]
async fn wishes_that_change_while_the_switch_works_end_right() {
    let ovs = ovs();
    let mut switch = connect(&ovs, scope(), Delta::default());
    let mut desired = FlowSet::new();
    let mut last = 0;
    for round in 0..60_u32 {
        let puts: Vec<_> = (0..200)
            .map(
                |number| {
                    if (round + number) % 3 == 0 { changed(number + round) } else { flow(number + round) }
                },
            )
            .collect();
        let deletes: Vec<_> = (0..50).map(|number| flow(number * 7 % 260).key()).collect();
        puts.iter().for_each(|flow| {
            desired.insert(flow.clone());
        });
        let delete_flows: Vec<_> =
            deletes.into_iter().filter(|key| !puts.iter().any(|flow| flow.key() == *key)).collect();
        delete_flows.iter().for_each(|key| {
            desired.remove(key);
        });
        last = switch.handle.change(Delta { delete_flows, ..put(puts) }).await.unwrap();
    }
    switch.confirmed(last).await;
    assert!(switch.refused.is_empty(), "{:?}", switch.refused);
    assert_eq!(dump(&ovs).len(), desired.len());
    drop(switch);
    let expected = desired.len();
    let mut again = connect(&ovs, scope(), put(desired));
    let report = again.synced().await;
    assert_eq!((report.found.adopted_flows, report.flows_put, report.flows_deleted), (expected, 0, 0));
}

#[tokio::test]
async fn the_switch_may_come_to_us() {
    let ovs = ovs();
    let address = free_address();
    let endpoint = Endpoint::Listen(address);
    let mut switch = connect_to(endpoint, MachineOptions::new(scope()), put([flow(1)]));
    ovs.vsctl(&["set-controller", BRIDGE, &format!("tcp:{address}")]).unwrap();
    ovs.vsctl(&["set", "bridge", BRIDGE, "protocols=OpenFlow13"]).unwrap();
    switch.synced().await;
    assert_eq!(dump(&ovs).len(), 1);
}

#[tokio::test]
async fn the_switch_may_listen_on_tcp() {
    let ovs = ovs();
    let address = free_address();
    ovs.vsctl(&["set-controller", BRIDGE, &format!("ptcp:{}:127.0.0.1", address.port())]).unwrap();
    let mut switch = connect_to(Endpoint::Tcp(address), MachineOptions::new(scope()), put([flow(1)]));
    switch.synced().await;
    assert_eq!(dump(&ovs).len(), 1);
}

fn free_address() -> std::net::SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port")
}

#[tokio::test]
async fn a_switch_without_our_version_is_told_apart() {
    let ovs = ovs();
    ovs.vsctl(&["set", "bridge", BRIDGE, "protocols=OpenFlow10"]).unwrap();
    let mut switch = connect(&ovs, scope(), Delta::default());
    let reason = switch
        .until("a refusal", |event| match event {
            Event::Disconnected { reason } if reason.contains("OpenFlow13") => Some(reason.clone()),
            _ => None,
        })
        .await;
    assert!(reason.contains("ovs-vsctl set bridge"), "{reason}");
    ovs.vsctl(&["set", "bridge", BRIDGE, "protocols=OpenFlow10,OpenFlow13"]).unwrap();
    switch.synced().await;
}

#[tokio::test]
async fn tunnel_options_are_bound_once_and_conflicts_are_named() {
    let ovs = ovs();
    let option = TlvMap { class: 0x0102, kind: 0x80, len_bytes: 4, index: 0 };
    let mut options = MachineOptions::new(scope());
    options.tlv_maps = vec![option];
    let part = |ofs, n_bits| Subfield::new(Field::TunMetadata0, ofs, n_bits).expect("bits of the option");
    let user = Flow::new(3, 3)
        .matching(Match::new().with(Field::TunMetadata0, 0x10002_u32))
        .action(Action::load(part(0, 16), 7))
        .copy(Subfield::new(Field::Reg6, 0, 15).unwrap(), part(16, 15))
        .set(Field::TunMetadata0, 9_u32)
        .set(Field::Reg7, 1_u32);
    let user = put([PackedFlow::new(&user).unwrap()]);
    let endpoint = || Endpoint::Unix(ovs.mgmt_socket(BRIDGE));
    for round in 0..2 {
        let mut switch = connect_to(endpoint(), options.clone(), user.clone());
        let report = switch.synced().await;
        assert_eq!(report.flows_put, 1 - round, "{:?}", switch.refused);
        assert!(switch.refused.is_empty(), "{:?}", switch.refused);
    }
    let map = ovs.ofctl(&["dump-tlv-map", BRIDGE]).unwrap();
    assert!(map.contains("0x102") && map.contains("tun_metadata0"), "{map}");
    options.tlv_maps = vec![TlvMap { class: 0x0103, ..option }];
    let mut switch = connect_to(endpoint(), options, Delta::default());
    let reason = switch
        .until("a conflict", |event| match event {
            Event::OptionConflict { reason, .. } => Some(reason.clone()),
            _ => None,
        })
        .await;
    assert!(reason.contains("0x102"), "{reason}");
}

#[tokio::test]
async fn packets_and_ports_are_heard_on_a_connection_of_their_own() {
    let ovs = ovs();
    let to_controller = openflow::action::Controller { userdata: vec![7, 8], ..Default::default() };
    let flow = Flow::new(0, 1).action(Action::Controller(to_controller));
    let mut flows = connect(&ovs, scope(), put([PackedFlow::new(&flow).unwrap()]));
    flows.synced().await;
    let mut packets = connect(&ovs, Scope::nothing(), Delta::default());
    packets.synced().await;
    ovs.add_port(BRIDGE, "p1", 1).unwrap();
    packets
        .until("a port", |event| match event {
            Event::Port(status) if status.port.name == "p1" => Some(()),
            _ => None,
        })
        .await;
    let frame = "in_port(1),eth(src=50:54:00:00:00:05,dst=50:54:00:00:00:07),eth_type(0x1234)";
    ovs.appctl(&["netdev-dummy/receive", "p1", frame]).unwrap();
    let packet = packets
        .until("a packet", |event| match event {
            Event::PacketIn(packet) => Some(packet.clone()),
            _ => None,
        })
        .await;
    assert_eq!(packet.userdata, [7, 8]);
    assert_eq!(packet.metadata.exact(Field::InPort), Some(1));
}

#[tokio::test]
async fn a_stranger_that_writes_while_we_are_connected_is_noticed() {
    let ovs = ovs();
    let mut switch = connect(&ovs, scope(), put((0..10).map(flow)));
    switch.synced().await;
    ovs.ofctl(&["-O", "OpenFlow13", "add-flow", BRIDGE, "table=5,ip actions=drop"]).unwrap();
    ovs.ofctl(&["-O", "OpenFlow13", "add-flow", BRIDGE, "table=200,ip actions=drop"]).unwrap();
    ovs.ofctl(&["-O", "OpenFlow13", "del-flows", BRIDGE, "table=10"]).unwrap();
    ovs.ofctl(&["-O", "OpenFlow13", "mod-flows", BRIDGE, "table=11 actions=drop"]).unwrap();
    let expected = |lines: &[String]| {
        lines.iter().filter(|line| line.contains("table=200")).count() == 1
            && lines.iter().filter(|line| line.contains("goto_table:60")).count() == 10
            && lines.len() == 11
    };
    tokio::task::spawn_blocking(move || {
        wait_until(common::PATIENCE, "the switch to hold what is desired again", || {
            expected(&dump(&ovs)).then_some(())
        });
    })
    .await
    .unwrap();
}
