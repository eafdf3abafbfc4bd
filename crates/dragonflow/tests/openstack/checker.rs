//! Whether what a store holds fits together: no matter which servers wrote it, and when they died.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::names::assert_names;
use crate::router_rows::assert_routers;
use crate::support::{Dump, text};

/// The rows of a table, by id.
fn table<'a>(dump: &'a Dump, name: &str) -> BTreeMap<&'a str, &'a str> {
    let prefix = format!("/{name}/");
    dump.iter().filter_map(|(key, value)| Some((key.strip_prefix(&prefix)?, value.as_str()))).collect()
}

/// The same, of rows that are JSON.
pub(crate) fn documents<'a>(dump: &'a Dump, name: &str) -> BTreeMap<&'a str, Value> {
    let parse = |(id, text): (&'a str, &str)| {
        (id, serde_json::from_str(text).unwrap_or_else(|error| panic!("{name} {id}: {error}: {text}")))
    };
    table(dump, name).into_iter().map(parse).collect()
}

/// The addresses of a port.
pub(crate) fn addresses(port: &Value) -> Vec<String> {
    let fixed = port["fixed_ips"].as_array().expect("fixed_ips is a list");
    fixed.iter().map(|fixed| text(&fixed["ip_address"])).collect()
}

/// Asserts that what was shown has these members.
#[track_caller]
pub(crate) fn assert_shows(shown: &Value, expected: &Value) {
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(&shown[name], value, "{name} of {shown}");
    }
}

/// Asserts that every resource has the rows that controllers read, everything that is had has its reservation, and nothing
/// is there that belongs to nothing.
#[track_caller]
pub(crate) fn assert_consistent(dump: &Dump) {
    let ports = documents(dump, "neutron_port");
    let networks = documents(dump, "neutron_network");
    let subnets = documents(dump, "neutron_subnet");
    for (mine, theirs) in [(&networks, "lswitch"), (&subnets, "lsubnet"), (&ports, "lport")] {
        let rows = documents(dump, theirs);
        assert_eq!(mine.keys().collect::<Vec<_>>(), rows.keys().collect::<Vec<_>>(), "{theirs}");
        for (id, row) in rows {
            // Tags are changes that no controller hears of.
            let (version, revision) = (row["version"].as_u64(), mine[id]["revision_number"].as_u64());
            assert!(version.is_some() && version <= revision, "{theirs} {id}: {version:?} of {revision:?}");
        }
    }
    let lports = documents(dump, "lport");
    let (mut reserved, mut macs) = (BTreeMap::new(), BTreeMap::new());
    for (id, port) in &ports {
        let network = text(&port["network_id"]);
        assert!(networks.contains_key(network.as_str()), "port {id} is in a network that is not there");
        for fixed in port["fixed_ips"].as_array().expect("fixed_ips is a list") {
            let subnet = &subnets[text(&fixed["subnet_id"]).as_str()];
            assert_eq!(subnet["network_id"], port["network_id"], "port {id}");
            let key = format!("{network}:{}", text(&fixed["ip_address"]));
            assert_eq!(reserved.insert(key.clone(), (*id).to_owned()), None, "{key} is had twice");
        }
        let key = format!("{network}:{}", text(&port["mac_address"]));
        assert_eq!(macs.insert(key.clone(), (*id).to_owned()), None, "{key} is had twice");
        let row = &lports[id];
        assert_eq!(row["lswitch"], port["network_id"], "port {id}");
        assert_eq!(row["macs"][0], port["mac_address"], "port {id}");
        let ips: Vec<Value> = addresses(port).into_iter().map(Value::from).collect();
        assert_eq!(row["ips"], Value::from(ips), "port {id}");
    }
    assert_eq!(of(&reserved), table(dump, "neutron_address"), "reservations of addresses");
    assert_eq!(of(&macs), table(dump, "neutron_mac"), "reservations of MAC addresses");
    let segments: BTreeMap<String, String> =
        networks.iter().map(|(id, network)| segment(id, network)).collect();
    assert_eq!(of(&segments), table(dump, "neutron_segment"), "reservations of segments");
    assert_policies(dump);
    assert_trunks(dump);
    assert_floating_ips(dump);
    assert_routers(dump);
    assert_names(dump);
    assert_groups_consistent(dump);
    for table in ["lswitch", "lport", "secgroup"] {
        let rows = documents(dump, table);
        let keys: BTreeSet<u64> =
            rows.values().map(|row| row["unique_key"].as_u64().expect("a key")).collect();
        assert_eq!(keys.len(), rows.len(), "two rows of {table} have one key");
    }
}

/// Asserts that each policy has its row with the rules that the original knows, and its row of ours only if there are others.
#[track_caller]
fn assert_policies(dump: &Dump) {
    let (rows, extra) = (documents(dump, "qospolicy"), documents(dump, "qospolicy_extra"));
    let policies = documents(dump, "neutron_qos_policy");
    assert_eq!(policies.keys().collect::<Vec<_>>(), rows.keys().collect::<Vec<_>>(), "qospolicy");
    let count = |row: Option<&Value>| row.and_then(|row| row["rules"].as_array()).map_or(0, Vec::len);
    for (id, policy) in &policies {
        let (known, other) = (count(rows.get(id)), count(extra.get(id)));
        assert_eq!(count(Some(policy)), known + other, "rules of policy {id}");
        assert_eq!(extra.contains_key(id), other > 0, "qospolicy_extra {id}");
    }
    assert!(extra.keys().all(|id| policies.contains_key(id)), "qospolicy_extra without a policy");
}

/// Asserts that nodes know of each port that a trunk carries, and of no other.
#[track_caller]
fn assert_trunks(dump: &Dump) {
    let mut expected = BTreeSet::new();
    for trunk in documents(dump, "neutron_trunk").values() {
        for subport in trunk["sub_ports"].as_array().expect("sub_ports is a list") {
            expected.insert((text(&trunk["port_id"]), text(&subport["port_id"])));
        }
    }
    let rows = documents(dump, "child_port_segmentation");
    let found: BTreeSet<_> = rows.values().map(|row| (text(&row["parent"]), text(&row["port"]))).collect();
    assert_eq!((found.len(), &found), (rows.len(), &expected), "child_port_segmentation");
}

/// Asserts that each floating IP has its row, and its port outside with its address; and that what it stands for is there.
#[track_caller]
fn assert_floating_ips(dump: &Dump) {
    let (rows, ports) = (documents(dump, "floatingip"), documents(dump, "neutron_port"));
    let floating_ips = documents(dump, "neutron_floatingip");
    assert_eq!(floating_ips.keys().collect::<Vec<_>>(), rows.keys().collect::<Vec<_>>(), "floatingip");
    let mut outside = BTreeSet::new();
    for (id, floating_ip) in &floating_ips {
        let port = &ports[text(&floating_ip["floating_port_id"]).as_str()];
        assert_eq!(addresses(port), [text(&floating_ip["floating_ip_address"])], "floating IP {id}");
        assert_eq!(port["device_id"], **id, "floating IP {id}");
        outside.insert(text(&port["id"]));
        let row = &rows[id];
        assert_eq!(row.get("lport"), floating_ip.get("port_id"), "floating IP {id}");
        assert_eq!(row.get("lrouter"), floating_ip.get("router_id"), "floating IP {id}");
        if let Some(port) = floating_ip.get("port_id") {
            let address = text(&floating_ip["fixed_ip_address"]);
            assert!(addresses(&ports[text(port).as_str()]).contains(&address), "floating IP {id}");
        }
    }
    let of_floating_ips = ports.values().filter(|port| port["device_owner"] == "network:floatingip");
    assert_eq!(of_floating_ips.count(), outside.len(), "ports of floating IPs");
    for (id, rule) in documents(dump, "port_forwarding") {
        assert!(floating_ips.contains_key(text(&rule["floatingip"]).as_str()), "port_forwarding {id}");
        assert!(ports.contains_key(text(&rule["lport"]).as_str()), "port_forwarding {id}");
    }
}

/// The same of groups: each has its rows with all its rules, a project has one default group, and nobody is in or names
/// a group that is not there.
#[track_caller]
fn assert_groups_consistent(dump: &Dump) {
    let groups = documents(dump, "neutron_security_group");
    let rules = documents(dump, "neutron_security_group_rule");
    let addresses = documents(dump, "neutron_address_group");
    let (rows, extras) = (documents(dump, "secgroup"), documents(dump, "secgroup_extra"));
    assert_eq!(groups.keys().collect::<Vec<_>>(), rows.keys().collect::<Vec<_>>(), "secgroup");
    assert_eq!(
        addresses.keys().collect::<Vec<_>>(),
        documents(dump, "address_group").keys().collect::<Vec<_>>(),
        "address_group"
    );
    let mut defaults = BTreeSet::new();
    for (id, group) in &groups {
        let is_default = group["default_of"].is_string();
        assert_eq!(is_default, group["name"] == "default", "group {id}");
        assert!(!is_default || defaults.insert(text(&group["project_id"])), "two default groups: {group}");
        let own = rules.iter().filter(|(_, rule)| rule["security_group_id"] == *id);
        let own: BTreeSet<String> = own.map(|(id, _)| (*id).to_owned()).collect();
        let written = [rows.get(id), extras.get(id)].into_iter().flatten();
        let written = written.flat_map(|row| row["rules"].as_array().expect("rules is a list"));
        let written: Vec<String> = written.map(|rule| text(&rule["id"])).collect();
        assert_eq!(written.len(), own.len(), "group {id}");
        assert_eq!(BTreeSet::from_iter(written), own, "group {id}");
        assert!(rows[id]["version"].as_u64() <= group["revision_number"].as_u64(), "group {id}");
    }
    for id in extras.keys() {
        assert!(groups.contains_key(id), "secgroup_extra {id} is of no group");
    }
    for (id, rule) in &rules {
        assert!(groups.contains_key(text(&rule["security_group_id"]).as_str()), "rule {id} is of no group");
        let is_there = |name: &str, there: &BTreeMap<&str, Value>| {
            rule[name].as_str().is_none_or(|remote| there.contains_key(remote))
        };
        assert!(is_there("remote_group_id", &groups), "rule {id} names a group that is not there");
        assert!(
            is_there("remote_address_group_id", &addresses),
            "rule {id} names addresses that are not there"
        );
    }
    for (id, port) in documents(dump, "neutron_port") {
        for group in port["security_groups"].as_array().expect("security_groups is a list") {
            assert!(groups.contains_key(text(group).as_str()), "port {id} is in a group that is not there");
        }
    }
}

fn of(owned: &BTreeMap<String, String>) -> BTreeMap<&str, &str> {
    owned.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

/// The reservation of the segment of a tunnel network or of a flat one, which is all that the tests make.
fn segment(id: &str, network: &Value) -> (String, String) {
    let kind = text(&network["provider:network_type"]);
    let which = match kind.as_str() {
        "flat" => text(&network["provider:physical_network"]),
        _ => network["provider:segmentation_id"].to_string(),
    };
    (format!("{kind}:{which}"), id.to_owned())
}
