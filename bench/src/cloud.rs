//! Clouds of any size, as rows: networks of equal size, ports spread over hosts, one of which is the node that is measured.

use std::sync::Arc;

use engine::{Interface, Settings};
use model::{Chassis, Id, Object, Table};
use net_types::OfPort;
use serde_json::{Value, json};

/// The node that is measured.
pub(crate) const NODE: &str = "hv0";

/// How much there is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) networks: u32,
    pub(crate) ports: u32,
    /// Ports that are on the measured node.
    pub(crate) local: u32,
    /// Other hosts.
    pub(crate) hosts: u32,
}

fn uuid(kind: u32, number: u32) -> String {
    format!("{kind:08x}-0000-4000-8000-{number:012x}")
}

fn row(table: Table, value: &Value) -> Object {
    Object::from_value(table, value).expect("the generator knows the members")
}

/// Networks, subnets and hosts.
pub(crate) fn ground(size: Size) -> Vec<Object> {
    let hosts = (0..=size.hosts).map(|host| {
        let ip = format!("172.16.{}.{}", host / 250, host % 250 + 1);
        row(Table::Chassis, &json!({"id": host_name(host), "ip": ip, "tunnel_types": ["geneve"]}))
    });
    let networks = (0..size.networks).map(|network| {
        let value = json!({
            "id": uuid(1, network), "mtu": 1442, "network_type": "geneve", "segmentation_id": 1000 + network,
            "topic": uuid(9, 0), "unique_key": network + 1, "version": 1,
        });
        row(Table::LogicalSwitch, &value)
    });
    let subnets = (0..size.networks).map(|network| {
        let base = address(network, 0);
        let value = json!({
            "id": uuid(2, network), "cidr": format!("{base}/22"), "gateway_ip": address(network, 1), "enable_dhcp": true,
            "dns_nameservers": ["192.0.2.53"], "host_routes": [], "lswitch": uuid(1, network), "topic": uuid(9, 0), "version": 1,
        });
        row(Table::Subnet, &value)
    });
    hosts.chain(networks).chain(subnets).collect()
}

fn host_name(host: u32) -> String {
    if host == 0 { NODE.to_owned() } else { format!("fake{host}") }
}

fn address(network: u32, host: u32) -> std::net::Ipv4Addr {
    std::net::Ipv4Addr::from(0x0a00_0000 + network * 1024 + host)
}

/// Port `number` of a cloud; the first [`Size::local`] ones are on the measured node.
pub(crate) fn port(size: Size, number: u32) -> Object {
    let network = number % size.networks;
    let host = if number < size.local { 0 } else { 1 + number % size.hosts };
    on_host(size, number, network, host)
}

/// A port that is not in the cloud yet.
pub(crate) fn one_more(size: Size, number: u32, local: bool) -> Object {
    on_host(size, size.ports + number, number % size.networks, u32::from(!local))
}

fn on_host(size: Size, number: u32, network: u32, host: u32) -> Object {
    let place = number / size.networks + 10;
    let bytes = number.to_be_bytes();
    let value = json!({
        "id": uuid(3, number), "binding": {"chassis": host_name(host), "type": "chassis"}, "device_owner": "compute:nova",
        "device_id": uuid(4, number), "enabled": true, "ips": [address(network, place)], "lswitch": uuid(1, network),
        "macs": [format!("fa:16:3e:{:02x}:{:02x}:{:02x}", bytes[1], bytes[2], bytes[3])], "name": format!("vm{number}"),
        "port_security_enabled": true, "security_groups": [uuid(5, network)], "subnets": [uuid(2, network)],
        "topic": uuid(9, 0), "unique_key": number + 1, "version": 1,
    });
    row(Table::LogicalPort, &value)
}

/// The interface of a port.
pub(crate) fn interface(port: &Object, number: u32) -> Interface {
    Interface::new(Id::from_row(port.id().clone()), OfPort::new(number + 1))
}

/// The settings of the measured node.
pub(crate) fn settings() -> Settings {
    Settings {
        chassis: Id::<Chassis>::new(NODE).expect("not empty"),
        tunnel_ip: std::net::Ipv4Addr::new(172, 16, 0, 1).into(),
        answer_arp: true,
        learning: engine::Learning::default(),
        dhcp: Arc::default(),
        multicast: engine::Multicast::default(),
        host_address: None,
    }
}
