//! A cloud of two hosts, for tests.

use engine::Settings;
use model::{Id, Object, Table};
use serde_json::{Value, json};
use tracer::report::Event;
use tracer::{Cloud, Report, Request};

pub(crate) fn settings() -> Settings {
    Settings {
        chassis: Id::new("nobody").expect("a name"),
        tunnel_ip: [192, 0, 2, 99].into(),
        answer_arp: true,
        learning: engine::Learning::default(),
        multicast: engine::Multicast::default(),
        host_address: None,
        dhcp: std::sync::Arc::default(),
    }
}

pub(crate) fn row(table: Table, value: &Value) -> Object {
    Object::from_value(table, value).unwrap_or_else(|error| panic!("{error}"))
}

/// A port with the number `n`: its address ends with it, and so does its MAC address.
pub(crate) fn port(n: u32, network: &str, host: Option<&str>, more: &Value) -> Object {
    let mut port = json!({
        "id": format!("port-{n}"), "name": format!("vm{n}"), "topic": "t", "unique_key": n, "version": 1,
        "lswitch": network, "macs": [format!("02:00:00:00:00:{n:02x}")],
        "ips": [format!("10.0.0.{n}"), format!("fd00::{n}")], "subnets": [format!("{network}-v4")],
    });
    if let Some(host) = host {
        port["binding"] = json!({"chassis": host, "type": "chassis"});
    }
    for (member, value) in more.as_object().into_iter().flatten() {
        port[member] = value.clone();
    }
    row(Table::LogicalPort, &port)
}

/// Hosts a and b; network red by Geneve with vm1 and vm2 on a, vm3 on b, vm4 nowhere, vm5 disabled on a; blue by VXLAN with vm6 on a
/// and vm7 on b.
pub(crate) fn rows() -> Vec<Object> {
    let nothing = json!({});
    let host = |name: &str, n: u8| {
        row(
            Table::Chassis,
            &json!({"id": name, "ip": format!("192.0.2.{n}"), "tunnel_types": ["geneve", "vxlan"]}),
        )
    };
    let network = |name: &str, key: u32, kind: &str| {
        row(
            Table::LogicalSwitch,
            &json!({"id": name, "name": format!("the {name} one"), "topic": "t", "unique_key": key, "network_type": kind,
                "segmentation_id": 70 + key, "version": 1}),
        )
    };
    let subnet = json!({"id": "red-v4", "topic": "t", "version": 1, "lswitch": "red", "cidr": "10.0.0.0/24",
        "enable_dhcp": true, "gateway_ip": "10.0.0.254", "dns_nameservers": [], "host_routes": []});
    vec![
        host("a", 1),
        host("b", 2),
        network("red", 1, "geneve"),
        network("blue", 2, "vxlan"),
        row(Table::Subnet, &subnet),
        port(1, "red", Some("a"), &nothing),
        port(2, "red", Some("a"), &nothing),
        port(3, "red", Some("b"), &nothing),
        port(4, "red", None, &nothing),
        port(5, "red", Some("a"), &json!({"enabled": false})),
        port(6, "blue", Some("a"), &nothing),
        port(7, "blue", Some("b"), &nothing),
        port(8, "red", None, &json!({"device_owner": "network:dhcp", "ips": ["10.0.0.8"]})),
        port(9, "red", None, &json!({"ips": ["10.0.0.254"], "device_owner": "network:router_gateway"})),
    ]
}

pub(crate) fn cloud() -> Cloud {
    Cloud::new(apps::all, settings(), rows())
}

pub(crate) fn request(port: &str) -> Request {
    Request { port: port.to_owned(), ..Request::default() }
}

pub(crate) fn ping(cloud: &mut Cloud, from: &str, to: &str) -> Report {
    cloud.trace(&Request { to: Some(to.to_owned()), ..request(from) }).expect("a packet")
}

pub(crate) fn receivers(report: &Report) -> Vec<(&str, &str)> {
    let receivers = report.verdict.receivers.iter();
    receivers.map(|receiver| (receiver.host.as_str(), receiver.port.id.as_str())).collect()
}

/// Every table that was passed, with the objects of the flow that decided.
pub(crate) fn decided(report: &Report) -> Vec<(String, Vec<String>)> {
    let steps = report.visits.iter().flat_map(|visit| &visit.steps);
    let tables = steps.filter_map(|step| match &step.event {
        Event::Table(table) => {
            let objects = table.makers.iter().filter_map(|maker| Some(maker.object.as_ref()?.id.clone()));
            Some((table.name.clone(), objects.collect()))
        }
        Event::Did(_) => None,
    });
    tables.collect()
}
