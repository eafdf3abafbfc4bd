//! Ports that are on no host, and ports that are on two.

use model::{Object, Table};
use serde_json::json;
use tracer::report::End;
use tracer::{Cloud, Kind, Request};

use crate::support::{ping, port, receivers, request, row, rows, settings};

const VTEP: &str = "198.51.100.7";

fn cloud_with(more: Vec<Object>) -> Cloud {
    Cloud::new(apps::all, settings(), rows().into_iter().chain(more).collect())
}

fn behind_vtep(n: u32, network: &str) -> Object {
    port(n, network, None, &json!({"binding": {"type": "vtep", "chassis": null, "vtep_address": VTEP}}))
}

fn moving(n: u32, to: &str, status: &str) -> Object {
    let id = format!("port-{n}");
    row(Table::Migration, &json!({"id": id, "lport": id, "dest_chassis": to, "status": status}))
}

#[test]
fn what_goes_to_the_end_of_others_tunnels_is_delivered_to_the_ports_there() {
    let mut cloud =
        cloud_with(vec![behind_vtep(20, "blue"), behind_vtep(21, "blue"), behind_vtep(22, "red")]);
    let report = ping(&mut cloud, "vm6", "vm20");
    assert_eq!(receivers(&report), [(VTEP, "port-20")], "{report}");
    assert!(report.verdict.is_delivered && report.verdict.drops.is_empty(), "{report}");
    let text = report.to_string();
    for said in [
        "=> through a vxlan tunnel to the VTEP 198.51.100.7, to port vm20 (port-20)",
        "delivered to port vm20 (port-20) behind the VTEP 198.51.100.7",
    ] {
        assert!(text.contains(said), "{said:?} is not in {text}");
    }
    // What is for many, to all that are there of the network.
    let who = Kind::Who("10.0.0.99".parse().expect("an address"));
    let report = cloud.trace(&Request { kind: Some(who), ..request("vm6") }).expect("a packet");
    assert_eq!(receivers(&report), [(VTEP, "port-20"), (VTEP, "port-21"), ("b", "port-7")], "{report}");
    // What it sends is not sent by any host, which is said.
    let error = cloud.trace(&Request { to: Some("vm6".to_owned()), ..request("vm20") }).unwrap_err();
    assert_eq!(
        error.to_string(),
        "port vm20 (port-20) is behind the VTEP 198.51.100.7, which is no host: what it sends cannot be traced, only what is \
         sent to it (--to)"
    );
}

#[test]
fn a_port_that_moves_gets_packets_where_its_migration_says_and_sends_from_where_it_runs() {
    let mut cloud = cloud_with(vec![moving(1, "b", "dest_plug")]);
    assert_eq!(receivers(&ping(&mut cloud, "vm2", "vm1")), [("a", "port-1"), ("b", "port-1")]);
    assert_eq!(receivers(&ping(&mut cloud, "vm3", "vm1")), [("a", "port-1"), ("b", "port-1")]);
    let report = ping(&mut cloud, "vm1", "vm3");
    assert_eq!((report.visits[0].host.as_str(), receivers(&report)), ("a", vec![("b", "port-3")]));

    let mut cloud = cloud_with(vec![moving(1, "b", "src_unplug")]);
    for from in ["vm2", "vm3"] {
        assert_eq!(receivers(&ping(&mut cloud, from, "vm1")), [("b", "port-1")], "{from}");
    }
    let report = ping(&mut cloud, "vm1", "vm2");
    assert_eq!(
        (report.visits[0].host.as_str(), receivers(&report)),
        ("b", vec![("a", "port-2")]),
        "{report}"
    );

    let mut cloud = cloud_with(vec![moving(1, "b", "rebound"), moving(4, "b", "dest_plug")]);
    assert_eq!(receivers(&ping(&mut cloud, "vm3", "vm1")), [("a", "port-1")]);
    // Who is bound nowhere moves from nowhere.
    let report = ping(&mut cloud, "vm3", "vm4");
    assert!(matches!(report.visits[0].ends.as_slice(), [End::Dropped { .. }]), "{report}");
}

#[test]
fn fields_that_contradict_the_kind_of_a_packet_are_refused_by_name() {
    let mut cloud = cloud_with(Vec::new());
    let mut refused = |kind, fields: &str| {
        let (to, fields) = (Some("vm2".to_owned()), Some(fields.to_owned()));
        let report = cloud.trace(&Request { to, fields, kind: Some(kind), ..request("vm1") });
        report.map(|report| report.to_string()).expect_err(&format!("{kind:?}")).to_string()
    };
    for (kind, fields, option) in [
        (Kind::Ping, "tcp", "--ping"),
        (Kind::Tcp(90), "udp", "--tcp 90"),
        (Kind::Tcp(90), "tcp,tp_dst=80", "--tcp 90"),
        (Kind::Udp(53), "arp", "--udp 53"),
        (Kind::Dhcp, "ipv6", "--dhcp"),
        (Kind::Who("10.0.0.9".parse().expect("an address")), "ip", "--who 10.0.0.9"),
    ] {
        let said = refused(kind, fields);
        assert!(said.contains(&format!("not what {option} asks for")) && said.contains(fields), "{said}");
    }
    // What it leaves open may be said.
    let fields = Some("tcp,tp_src=1".to_owned());
    let asked = Request { to: Some("vm2".to_owned()), fields, kind: Some(Kind::Tcp(90)), ..request("vm1") };
    assert!(cloud.trace(&asked).expect("a packet").packet.contains("tp_src=1,tp_dst=90"));
    let error = cloud.trace(&Request { fields: Some("in_port=1,ip".to_owned()), ..request("vm1") });
    let error = error.expect_err("in_port").to_string();
    assert!(error.contains(": in_port is nothing that a guest sends"), "{error}");
}
