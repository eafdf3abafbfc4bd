//! The neutral workload of a comparison between products, as our rows.
//!
//! Objects of the workload have the shape of Neutron's API; the mapping is the one that our API uses, as far as the
//! workload says anything. Numbers in the switch are taken from the store's counters by whoever loads the rows.

use anyhow::{Context, Result};
use model::{Object, Table};
use serde_json::{Value, json};

/// The rows of everything but the phases, each table after those it refers to. `number` gives unique keys.
pub(crate) fn rows(workload: &Value, number: &mut dyn FnMut(Table) -> u32) -> Result<Vec<Object>> {
    let topic = text(workload, "project_id")?;
    let mut rows = Vec::new();
    for network in list(workload, "networks") {
        let value = json!({
            "id": network["id"], "is_external": network["external"], "physical_network": network["physical_network"], "mtu": network["mtu"], "name": network["name"],
            "network_type": network["network_type"], "segmentation_id": network["segmentation_id"], "topic": topic,
            "unique_key": number(Table::LogicalSwitch), "version": 1,
        });
        rows.push(row(Table::LogicalSwitch, value)?);
    }
    for subnet in list(workload, "subnets") {
        let value = json!({
            "cidr": subnet["cidr"], "dns_nameservers": subnet["dns_nameservers"], "enable_dhcp": subnet["enable_dhcp"],
            "gateway_ip": subnet["gateway_ip"], "host_routes": subnet["host_routes"], "id": subnet["id"],
            "lswitch": subnet["network_id"], "topic": topic, "version": 1,
        });
        rows.push(row(Table::Subnet, value)?);
    }
    for subnet in list(workload, "subnets").iter().filter(|subnet| subnet["enable_dhcp"] == true) {
        rows.push(dhcp_port(subnet, topic, number(Table::LogicalPort))?);
    }
    for group in list(workload, "security_groups") {
        rows.push(security_group(group, topic, number(Table::SecurityGroup))?);
    }
    for port in list(workload, "ports") {
        rows.push(self::port(port, topic, number(Table::LogicalPort))?);
    }
    for router in list(workload, "routers") {
        rows.extend(self::router(router, topic, number)?);
    }
    for floating in list(workload, "floating_ips") {
        rows.extend(floating_ip(floating, topic, number(Table::LogicalPort))?);
    }
    Ok(rows)
}

/// A router with the ports of its interfaces and gateway, and the node of the gateway.
fn router(router: &Value, topic: &str, number: &mut dyn FnMut(Table) -> u32) -> Result<Vec<Object>> {
    let mut rows = Vec::new();
    let mut ports = Vec::new();
    for leg in list(router, "interfaces") {
        let key = number(Table::LogicalPort);
        rows.push(outer_port(leg, &leg["port_id"], "network:router_interface_distributed", topic, key)?);
        ports.push(json!({
            "id": leg["port_id"], "lswitch": leg["network_id"], "mac": leg["mac_address"], "topic": topic,
            "unique_key": key,
        }));
    }
    let value = json!({
        "id": router["id"], "name": router["name"], "ports": ports, "routes": [], "topic": topic,
        "unique_key": number(Table::LogicalRouter), "version": 1,
    });
    rows.push(row(Table::LogicalRouter, value)?);
    let gateway = &router["external_gateway"];
    if gateway.is_null() {
        return Ok(rows);
    }
    let key = number(Table::LogicalPort);
    rows.push(outer_port(gateway, &gateway["port_id"], "network:router_gateway", topic, key)?);
    let value = json!({
        "id": router["id"], "lrouter": router["id"], "topic": topic, "version": 1, "chassis": [],
        "gateways": [{
            "port": gateway["port_id"], "lswitch": gateway["network_id"], "enable_snat": gateway["enable_snat"],
        }],
    });
    rows.push(row(Table::RouterExtra, value)?);
    let value = json!({"id": gateway["host"], "chassis": gateway["host"], "priority": 1});
    rows.push(row(Table::GatewayCandidate, value)?);
    Ok(rows)
}

/// A port that nothing is plugged into.
fn outer_port(address: &Value, id: &Value, owner: &str, topic: &str, key: u32) -> Result<Object> {
    let subnets: Vec<&Value> = [&address["subnet_id"]].into_iter().filter(|id| !id.is_null()).collect();
    let value = json!({
        "allowed_address_pairs": [], "device_owner": owner, "enabled": true, "id": id, "ips": [address["ip_address"]],
        "lswitch": address["network_id"], "macs": [address["mac_address"]], "port_security_enabled": false,
        "security_groups": [], "subnets": subnets, "topic": topic, "unique_key": key, "version": 1,
    });
    row(Table::LogicalPort, value)
}

/// A floating IP with its port, whose id is made of that of the floating IP.
fn floating_ip(floating: &Value, topic: &str, key: u32) -> Result<Vec<Object>> {
    let id = text(floating, "id")?;
    let port = json!(format!("f10a{}", id.get(4..).unwrap_or(id)));
    let address = json!({
        "ip_address": floating["floating_ip_address"], "mac_address": floating["mac_address"],
        "network_id": floating["floating_network_id"],
    });
    let value = json!({
        "id": id, "fixed_ip_address": floating["fixed_ip_address"], "floating_ip_address": floating["floating_ip_address"],
        "floating_lport": port, "lport": floating["port_id"], "lrouter": floating["router_id"], "topic": topic, "version": 1,
    });
    let port = outer_port(&address, &port, "network:floatingip", topic, key)?;
    Ok(vec![port, row(Table::FloatingIp, value)?])
}

/// A hypervisor that only the store knows.
pub(crate) fn chassis(host: &Value) -> Result<Object> {
    let value =
        json!({"id": host["id"], "ip": host["tunnel_ip"], "tunnel_types": ["geneve", "vxlan", "gre"]});
    row(Table::Chassis, value)
}

/// A port with the number that it got.
pub(crate) fn port(port: &Value, topic: &str, key: u32) -> Result<Object> {
    let fixed_ips = list(port, "fixed_ips");
    let binding = port["binding_host_id"].as_str().map(|host| json!({"chassis": host, "type": "chassis"}));
    let value = json!({
        "allowed_address_pairs": [], "binding": binding, "binding_vnic_type": "normal", "device_id": port["device_id"],
        "device_owner": port["device_owner"], "enabled": true, "id": port["id"],
        "ips": fixed_ips.iter().map(|ip| &ip["ip_address"]).collect::<Vec<_>>(), "lswitch": port["network_id"],
        "macs": [port["mac_address"]], "name": port["name"], "port_security_enabled": port["port_security_enabled"],
        "security_groups": port["security_groups"],
        "subnets": fixed_ips.iter().map(|ip| &ip["subnet_id"]).collect::<Vec<_>>(),
        "topic": topic, "unique_key": key, "version": 1,
    });
    row(Table::LogicalPort, value)
}

/// The port in whose name a subnet is served by DHCP, as the original makes one: the address after the gateway's.
fn dhcp_port(subnet: &Value, topic: &str, key: u32) -> Result<Object> {
    let id = text(subnet, "id")?;
    let gateway: std::net::Ipv4Addr =
        text(subnet, "gateway_ip")?.parse().context("a gateway is an IPv4 address")?;
    let bytes = key.to_be_bytes();
    let value = json!({
        "allowed_address_pairs": [], "device_owner": "network:dhcp", "enabled": true, "id": format!("d4c9{}", id.get(4..).unwrap_or(id)),
        "ips": [std::net::Ipv4Addr::from(u32::from(gateway) + 1)], "lswitch": subnet["network_id"],
        "macs": [format!("fa:16:3f:{:02x}:{:02x}:{:02x}", bytes[1], bytes[2], bytes[3])], "port_security_enabled": false,
        "security_groups": [], "subnets": [id], "topic": topic, "unique_key": key, "version": 1,
    });
    row(Table::LogicalPort, value)
}

fn security_group(group: &Value, topic: &str, key: u32) -> Result<Object> {
    let rules: Vec<Value> =
        list(group, "rules").iter().map(|rule| self::rule(rule, &group["id"], topic)).collect();
    let value = json!({
        "id": group["id"], "name": group["name"], "rules": rules, "topic": topic, "unique_key": key, "version": 1,
    });
    row(Table::SecurityGroup, value)
}

/// A rule of a group.
pub(crate) fn rule(rule: &Value, group: &Value, topic: &str) -> Value {
    let protocol = match rule["protocol"].as_str() {
        Some("icmp") => Some(1),
        Some("tcp") => Some(6),
        Some("udp") => Some(17),
        _ => None,
    };
    json!({
        "direction": rule["direction"], "ethertype": rule["ethertype"], "id": rule["id"], "port_range_max": rule["port_range_max"],
        "port_range_min": rule["port_range_min"], "protocol": protocol, "remote_group_id": rule["remote_group_id"],
        "remote_ip_prefix": rule["remote_ip_prefix"], "security_group_id": group, "topic": topic, "version": 0,
    })
}

/// A row of a value, of which members that say nothing are left out.
fn row(table: Table, mut value: Value) -> Result<Object> {
    if let Value::Object(members) = &mut value {
        members.retain(|_, member| !member.is_null());
    }
    Object::from_value(table, &value).with_context(|| format!("the workload makes no {table} row of {value}"))
}

/// The members of a list that may be missing.
pub(crate) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

/// A text that has to be there.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str> {
    value[name].as_str().with_context(|| format!("the workload has no text {name:?}"))
}
