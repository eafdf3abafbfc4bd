//! What breaks, and what it costs: the store, the switch, the database of the switch, the controller itself.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use common::{Cloud, Host, Port, blocking, log, pings, until};
use engine::{Engine, Input, record};
use model::{PortState, PortStatus, Table};
use testkit::Guest;
use testkit::scratch::ScratchDir;

const BLUE: (&str, u8) = ("blue", 1);
const A: Port = Port::new("a", BLUE, 1);
const B: Port = Port::new("b", BLUE, 2);
const C: Port = Port::new("c", BLUE, 3);
/// Between two requests of a ping that watches over a fault.
const PING_INTERVAL: Duration = Duration::from_millis(10);

/// One host with two guests that talk.
async fn two_guests() -> (Cloud, Guest, Guest) {
    log();
    let cloud = Cloud::started(1).await;
    cloud.network("blue", 1).await;
    for port in [A, B] {
        cloud.port(port, Some("host-1")).await;
    }
    let (a, b) = (cloud.plug(0, A), cloud.plug(0, B));
    cloud.wait_state("a", PortState::Active).await;
    cloud.wait_state("b", PortState::Active).await;
    assert_eq!(pings(&a, B.ip(), 1).await, 1);
    (cloud, a, b)
}

/// Waits until a ping has sent so many requests.
async fn sent(mut ping: testkit::BackgroundPing, count: usize) -> testkit::BackgroundPing {
    blocking(move || {
        let before = ping.requests().unwrap();
        ping.wait_for_requests(before + count).unwrap();
        ping
    })
    .await
}

async fn nothing_is_lost(ping: testkit::BackgroundPing) {
    let report = blocking(move || ping.stop().unwrap()).await;
    assert_eq!(report.lost(), 0, "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_with_nothing_changed_writes_nothing_anywhere_and_loses_nothing() {
    let (mut cloud, a, _b) = two_guests().await;
    let before = cloud.hosts[0].flows();
    let status_before: PortStatus = cloud.read("a").await.unwrap();
    let ping = a.namespace().start_ping(B.ip(), PING_INTERVAL).unwrap();
    for how in ["kill", "stop", "kill"] {
        let ping_count = 20;
        match how {
            "kill" => cloud.hosts[0].kill().await,
            _ => cloud.hosts[0].stop().await,
        }
        assert_eq!(pings(&a, B.ip(), ping_count).await, ping_count, "nobody is there, and nobody is missed");
        cloud.start(0);
        let status = cloud.hosts[0].wait(|status| status.is_ready && status.ports_active == 2).await;
        assert_eq!(status.flow_mods, 0, "{:?}", status.last_sync);
    }
    assert_eq!(cloud.hosts[0].flows(), before);
    let ping = sent(ping, 10).await;
    nothing_is_lost(ping).await;
    let status_after: PortStatus = cloud.read("a").await.unwrap();
    assert_eq!(status_after, status_before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happened_while_the_controller_was_away_is_caught_up_with() {
    let (mut cloud, a, b) = two_guests().await;
    cloud.hosts[0].kill().await;
    b.unplug(&cloud.hosts[0].ovs).unwrap();
    cloud.port(C, None).await;
    let c = cloud.plug(0, C);
    cloud.start(0);
    cloud.wait_state("b", PortState::Down).await;
    cloud.wait_state("c", PortState::Active).await;
    assert_eq!(cloud.chassis("c").await.as_deref(), Some("host-1"));
    assert_eq!(pings(&a, C.ip(), 1).await, 1);
    assert_eq!(cloud.hosts[0].status().ports_active, 2);
    // A claim outlives the controller that made it: it is taken back by the one after it.
    cloud.hosts[0].stop().await;
    c.unplug(&cloud.hosts[0].ovs).unwrap();
    cloud.start(0);
    cloud.wait_chassis("c", None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_the_store_is_not_noticed_by_guests() {
    let (mut cloud, a, _b) = two_guests().await;
    let ping = a.namespace().start_ping(B.ip(), PING_INTERVAL).unwrap();
    cloud.store.go_away("the cable is pulled");
    let away = cloud.hosts[0].wait(|status| status.is_store_away).await;
    let ping = sent(ping, 50).await;
    cloud.store.come_back();
    let back = cloud.hosts[0].wait(|status| !status.is_store_away).await;
    assert_eq!((back.flow_mods, back.store_outages), (away.flow_mods, 1));
    // And it works as before.
    cloud.port(C, Some("host-1")).await;
    let _c = cloud.plug(0, C);
    cloud.wait_state("c", PortState::Active).await;
    nothing_is_lost(ping).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_controller_that_starts_without_a_store_leaves_the_switch_alone() {
    let (mut cloud, a, _b) = two_guests().await;
    let before = cloud.hosts[0].flows();
    cloud.hosts[0].kill().await;
    cloud.store.go_away("the cable is pulled");
    cloud.start(0);
    let status = cloud.hosts[0].wait(|status| status.is_store_away).await;
    assert!(!status.is_ready);
    assert_eq!(pings(&a, B.ip(), 3).await, 3);
    assert_eq!(cloud.hosts[0].flows(), before);
    cloud.store.come_back();
    let status = cloud.hosts[0].wait(|status| status.is_ready).await;
    assert_eq!(status.flow_mods, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gap_of_the_store_changes_nothing_and_one_with_changes_only_what_changed() {
    let (mut cloud, a, _b) = two_guests().await;
    let before = cloud.hosts[0].status();
    cloud.store.force_gap("compacted");
    let after = cloud.hosts[0].wait(|status| status.snapshots > before.snapshots).await;
    assert_eq!(after.flow_mods, before.flow_mods);
    assert_eq!(pings(&a, B.ip(), 1).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switch_that_dies_has_everything_again_when_it_is_back() {
    let (mut cloud, a, _b) = two_guests().await;
    let before = flows_of_guests(&cloud.hosts[0]);
    let syncs = cloud.hosts[0].status().syncs;
    cloud.hosts[0].ovs.kill9_vswitchd().unwrap();
    cloud.hosts[0].ovs.restart_vswitchd().unwrap();
    cloud.hosts[0].wait(|status| status.syncs > syncs && status.is_switch_connected).await;
    until("all flows to be back", async || (flows_of_guests(&cloud.hosts[0]) == before).then_some(())).await;
    common::reaches(&a, B.ip()).await;
    assert_eq!(cloud.state("a").await, Some(PortState::Active));
}

/// The flows without port numbers, which a switch may give anew.
fn flows_of_guests(host: &Host) -> usize {
    host.flows().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_the_switch_that_dies_costs_nothing() {
    let (mut cloud, a, _b) = two_guests().await;
    let ping = a.namespace().start_ping(B.ip(), PING_INTERVAL).unwrap();
    let before = cloud.hosts[0].status();
    cloud.hosts[0].ovs.kill9_ovsdb_server().unwrap();
    cloud.hosts[0].ovs.restart_ovsdb_server().unwrap();
    // It is followed again: a new interface is seen.
    cloud.port(C, Some("host-1")).await;
    let _c = cloud.plug(0, C);
    cloud.wait_state("c", PortState::Active).await;
    let status = cloud.hosts[0].wait(|status| status.ports_active == 3).await;
    assert_eq!(status.syncs, before.syncs, "the switch itself was not disturbed");
    nothing_is_lost(ping).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bridge_that_somebody_deletes_comes_back_with_its_flows() {
    let (mut cloud, a, b) = two_guests().await;
    drop((a, b));
    let syncs = cloud.hosts[0].status().syncs;
    cloud.hosts[0].ovs.vsctl(&["del-br", common::BRIDGE]).unwrap();
    cloud.hosts[0].wait(|status| status.syncs > syncs && status.ports_plugged == 0).await;
    let ports = cloud.hosts[0].ovs.vsctl(&["list-ports", common::BRIDGE]).unwrap();
    assert!(ports.contains("geneve-vtp"), "{ports}");
    cloud.wait_state("a", PortState::Down).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_makes_no_sense_harms_nobody_else() {
    let (mut cloud, a, _b) = two_guests().await;
    let key = nb::Key::new(Table::LogicalPort, "bad".parse().unwrap());
    nb::Store::commit(&cloud.store, nb::Txn::new().put(key, r#"{"id": "bad", "ips": 7}"#)).await.unwrap();
    cloud.hosts[0].wait(|status| status.rows_unreadable == 1).await;
    cloud.port(C, Some("host-1")).await;
    let _c = cloud.plug(0, C);
    cloud.wait_state("c", PortState::Active).await;
    assert_eq!(pings(&a, C.ip(), 1).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_recorded_replays_to_the_same_flows_and_audits_agree() {
    log();
    let directory = ScratchDir::new().unwrap();
    let path = directory.path().join("steps");
    let mut cloud = Cloud::new(1);
    cloud.hosts[0].recording = Some(path.clone());
    cloud.hosts[0].audit_interval = Some(Duration::from_millis(50));
    cloud.start(0);
    cloud.network("blue", 1).await;
    cloud.port(A, None).await;
    let a = cloud.plug(0, A);
    cloud.wait_state("a", PortState::Active).await;
    a.unplug(&cloud.hosts[0].ovs).unwrap();
    cloud.wait_chassis("a", None).await;
    let audits = cloud.hosts[0].status().audits;
    let status = cloud.hosts[0].wait(|status| status.audits > audits + 1 && status.ports_plugged == 0).await;
    assert_eq!(status.audits_failed, 0);
    cloud.hosts[0].stop().await;

    let steps = until("the recording of every step", async || {
        let text = std::fs::read_to_string(&path).ok()?;
        let steps: Vec<Vec<Input>> = text.lines().map(|line| record::from_line(line).unwrap()).collect();
        (u64::try_from(steps.len()).unwrap() >= status.steps).then_some(steps)
    })
    .await;
    let mut engine = Engine::new(apps::all());
    for step in steps {
        engine.step(step);
    }
    assert_eq!(engine.desired().flows.len(), cloud.hosts[0].flows().len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_are_kept_beside_the_switch_while_they_are_given() {
    log();
    let mut cloud = Cloud::started(1).await;
    cloud.network("blue", 1).await;
    let subnet = r#"{"id": "blue-v4", "topic": "t", "version": 2, "lswitch": "blue", "cidr": "10.1.0.0/24",
        "enable_dhcp": true, "gateway_ip": "10.1.0.254"}"#;
    cloud.put(Table::Subnet, subnet).await;
    let server = r#"{"id": "server", "topic": "t", "unique_key": 999, "version": 1, "lswitch": "blue", "enabled": true,
        "macs": ["fa:16:3e:00:01:fd"], "ips": ["10.1.0.253"], "subnets": ["blue-v4"], "device_owner": "network:dhcp"}"#;
    cloud.put(Table::LogicalPort, server).await;
    cloud.port(A, Some("host-1")).await;
    let a = cloud.plug(0, A);
    cloud.wait_state("a", PortState::Active).await;
    let kept =
        |cloud: &Cloud| cloud.hosts[0].ovs.vsctl(&["get", "Bridge", common::BRIDGE, "external_ids"]).unwrap();
    let number = until("the number of the meter", async || {
        let text = kept(&cloud);
        let (_, rest) = text.split_once("dragonflow-id-meter-a=\"")?;
        rest.split_once('"').map(|(number, _)| number.to_owned())
    })
    .await;
    let meters = cloud.hosts[0].ovs.ofctl(&["-O", "OpenFlow13", "dump-meters", common::BRIDGE]).unwrap();
    assert!(meters.contains(&format!("meter={number} ")), "{meters}");
    // While nobody looks somebody else takes the place: what was given stays given.
    cloud.hosts[0].kill().await;
    let other = u32::from(number == "2000") + 2000;
    let pair = format!("external_ids:dragonflow-id-meter-a={other}");
    cloud.hosts[0].ovs.vsctl(&["set", "Bridge", common::BRIDGE, &pair]).unwrap();
    cloud.start(0);
    cloud.hosts[0].wait(|status| status.is_ready && status.ports_active == 1).await;
    let meters = cloud.hosts[0].ovs.ofctl(&["-O", "OpenFlow13", "dump-meters", common::BRIDGE]).unwrap();
    assert!(
        meters.contains(&format!("meter={other} ")) && !meters.contains(&format!("meter={number} ")),
        "{meters}"
    );
    // Somebody takes it away.
    let pair = format!("dragonflow-id-meter-a=\"{other}\"");
    let take_away = ["remove", "Bridge", common::BRIDGE, "external_ids", "dragonflow-id-meter-a"];
    cloud.hosts[0].ovs.vsctl(&take_away).unwrap();
    until("the number to be there again", async || kept(&cloud).contains(&pair).then_some(())).await;
    a.unplug(&cloud.hosts[0].ovs).unwrap();
    cloud.delete(Table::LogicalPort, "a").await;
    until("the number to be given back", async || {
        (!kept(&cloud).contains("dragonflow-id-meter")).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_packets_delays_no_flow_and_is_cut_before_it_costs_anything() {
    const AT_ONCE: usize = 1_000;
    const TIMES: usize = 20;
    let (mut cloud, a, _b) = two_guests().await;
    let number = a.ofport(&cloud.hosts[0].ovs).unwrap();
    // As if flows without a meter sent them up: what is tested is what comes after the meter.
    let actions = vec!["controller(userdata=01)"; AT_ONCE].join(",");
    let storm = format!("in_port={number},packet={},actions={actions}", "00".repeat(60));
    cloud.port(C, Some("host-1")).await;
    let begin = std::time::Instant::now();
    let mut guest = None;
    for time in 0..TIMES {
        cloud.hosts[0].ovs.ofctl(&["-O", "OpenFlow13", "packet-out", common::BRIDGE, &storm]).unwrap();
        if time == TIMES / 2 {
            guest = Some(cloud.plug(0, C));
        }
    }
    cloud.wait_state("c", PortState::Active).await;
    assert_eq!(pings(&a, C.ip(), 1).await, 1);
    let status = cloud.hosts[0].wait(|status| status.packets_ignored > 0).await;
    let limits = controller::options::PacketLimits::default();
    let taken = status.packets_answered + status.packets_ignored;
    let allowed = u64::from(limits.per_port_burst)
        + begin.elapsed().as_secs().saturating_add(1) * u64::from(limits.per_port_per_s);
    assert!(taken <= allowed, "{taken} of {} packets, and {allowed} are allowed", AT_ONCE * TIMES);
    assert_eq!(status.syncs, 1, "no connection was lost");
    drop(guest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_of_which_the_switch_refuses_a_flow_is_not_active_and_others_are() {
    let (mut cloud, a, _b) = two_guests().await;
    let table = pipeline::tables::DISPATCH.id;
    let full = cloud.hosts[0].flows().iter().filter(|flow| flow.contains(&format!("table={table},"))).count();
    let limit = format!("flow_limit={full}");
    let place = format!("flow_tables:{table}=@full");
    cloud.hosts[0]
        .ovs
        .vsctl(&[
            "--id=@full",
            "create",
            "Flow_Table",
            &limit,
            "overflow_policy=refuse",
            "--",
            "set",
            "Bridge",
            common::BRIDGE,
            &place,
        ])
        .unwrap();
    cloud.port(C, Some("host-1")).await;
    let _c = cloud.plug(0, C);
    cloud.hosts[0].wait(|status| status.entries_refused > 0 && status.ports_plugged == 3).await;
    assert_eq!(cloud.hosts[0].status().ports_active, 2);
    assert_ne!(cloud.state("c").await, Some(PortState::Active));
    assert_eq!(pings(&a, B.ip(), 1).await, 1);
    // There is room again, and everything is tried once more after a reconnect.
    cloud.hosts[0].ovs.vsctl(&["clear", "Bridge", common::BRIDGE, "flow_tables"]).unwrap();
    cloud.hosts[0].ovs.kill9_vswitchd().unwrap();
    cloud.hosts[0].ovs.restart_vswitchd().unwrap();
    cloud.wait_state("c", PortState::Active).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flows_that_a_stranger_adds_or_removes_are_mended() {
    let (cloud, a, _b) = two_guests().await;
    let before = cloud.hosts[0].flows();
    let ofctl = |args: &[&str]| cloud.hosts[0].ovs.ofctl(args).unwrap();
    ofctl(&["-O", "OpenFlow13", "add-flow", common::BRIDGE, "table=0,priority=65000,actions=drop"]);
    until("the stranger's flow to be gone", async || (cloud.hosts[0].flows() == before).then_some(())).await;
    ofctl(&["-O", "OpenFlow13", "del-flows", common::BRIDGE]);
    until("our flows to be back", async || (cloud.hosts[0].flows() == before).then_some(())).await;
    common::reaches(&a, B.ip()).await;
}
