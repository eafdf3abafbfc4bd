//! Packets pass while the controller goes and comes back, and while flows are replaced.

mod common;

use std::net::IpAddr;
use std::time::Duration;

use common::{BRIDGE, PATIENCE, connect, put, scope};
use net_types::OfPort;
use openflow::action::Action;
use openflow::flow::{Flow, PackedFlow};
use openflow::{Field, Match};
use testkit::{Datapath, Guest, GuestSpec, Namespace, OvsBuilder};

/// A cable between two switch ports, by way of a second table; `version` changes every flow's cookie.
fn cable(ports: [u32; 2], version: u64) -> Vec<PackedFlow> {
    let [one, other] = ports;
    let mut flows = Vec::new();
    for (from, to) in [(one, other), (other, one)] {
        let in_port = Match::new().with(Field::InPort, from);
        flows.push(Flow::new(0, 10).matching(in_port).set(Field::Reg7, to).goto(60));
        let out = Match::new().with(Field::Reg7, to);
        flows.push(Flow::new(60, 10).matching(out).action(Action::output(OfPort::new(to))));
    }
    flows.into_iter().map(|flow| PackedFlow::new(&flow.cookie(version)).expect("a short flow")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_packet_is_lost_when_the_controller_restarts() {
    let host = Namespace::new().expect("a namespace");
    let ovs = OvsBuilder::new(Datapath::Netdev(host)).bridge(BRIDGE).start().expect("a private Open vSwitch");
    let guest = |number: u8| {
        let spec = GuestSpec {
            bridge: BRIDGE,
            interface: &format!("tap{number}"),
            mac: &format!("fa:16:3e:00:00:0{number}"),
            addresses: &[&format!("10.0.0.{number}/24")],
            iface_id: None,
        };
        Guest::plug(&ovs, spec).expect("a guest")
    };
    let guests = [guest(1), guest(2)];
    let ports = [0, 1].map(|place: usize| guests[place].ofport(&ovs).expect("a port number"));
    let mut switch = connect(&ovs, scope(), put(cable(ports, 1)));
    switch.synced().await;
    let target: IpAddr = "10.0.0.2".parse().expect("an address");
    guests[0].namespace().wait_for_ping(target, PATIENCE).expect("the guests talk");

    let ping = guests[0].namespace().start_ping(target, Duration::from_millis(10)).expect("a ping");
    for _ in 0..1_000 {
        // A controller that dies says nothing to the switch; dropping the connection looks the same from there.
        drop(switch);
        switch = connect(&ovs, scope(), put(cable(ports, 1)));
        switch.synced().await;
        assert_eq!(switch.counters().await.flow_mods, 0);
    }
    for version in 2..5_000 {
        assert_eq!(switch.commit(put(cable(ports, version))).await, 4);
    }
    let report = ping.stop().expect("a report");
    println!(
        "{} of {} requests answered through 1,000 restarts and 4,998 rewrites",
        report.received, report.sent
    );
    assert!(report.sent > 0);
    assert_eq!(report.lost(), 0, "{report:?}");
}
