//! Comparison with what the original made of the same objects, and what it is when they are wrong.

use model::{LogicalPort, LogicalSwitch, Object, UniqueKey};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::translate::Network;

/// What the original's conversions gave: an object of Neutron, and the row or the error.
struct Recorded {
    kind: String,
    neutron: Value,
    row: Option<String>,
}

/// The recorded conversions, or `None` where the machine does not have them, which was said then.
fn recorded() -> Option<Vec<Recorded>> {
    let path = testkit::shared_fixture("fixtures/dragonflow/neutron-to-nb.jsonl")?;
    let text = std::fs::read_to_string(path).expect("a recording can be read");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("each line is JSON"));
    let recorded = lines.map(|line| Recorded {
        kind: line["kind"].as_str().expect("each line has a kind").to_owned(),
        neutron: line["neutron"].clone(),
        row: line["json"].as_str().map(str::to_owned),
    });
    Some(recorded.collect())
}

/// In the recording, 1 stands for the number that was allocated.
const KEY: u32 = 1;

fn translated(kind: &str, neutron: &Value) -> Option<Result<Object, TranslateError>> {
    let key = UniqueKey::new(KEY).unwrap();
    Some(match kind {
        "network" => Network::from_attributes(neutron).map(|network| network.row(key).into()),
        "subnet" => Subnet::from_attributes(neutron).map(|subnet| subnet.row().into()),
        "port" => Port::from_attributes(neutron, "").and_then(|port| port.row(key)).map(Object::from),
        _ => return None,
    })
}

#[test]
fn rows_are_those_that_the_original_writes() {
    let Some(recorded) = recorded() else { return };
    let mut compared = 0;
    for Recorded { kind, neutron, row } in recorded {
        let Some(ours) = translated(&kind, &neutron) else { continue };
        compared += 1;
        let Some(row) = row else {
            let port = Port::from_attributes(&neutron, "").unwrap();
            assert!(port.address_ranges().is_some(), "the original fails at ranges of addresses: {neutron}");
            continue;
        };
        let ours = ours.unwrap();
        let theirs = Object::from_text(ours.table(), &row).unwrap();
        assert_eq!(ours.to_text(), theirs.to_text());
        if kind != "port" {
            assert_eq!(ours.to_text(), row, "letter by letter, as nothing is sorted here");
        }
    }
    assert_eq!(compared, 9, "2 networks, 3 subnets and 4 ports are recorded");
}

fn network() -> Value {
    json!({"id": "n", "project_id": "p", "name": "net", "revision_number": 3})
}

fn port() -> Value {
    json!({"id": "x", "network_id": "n", "project_id": "", "mac_address": "fa:16:3e:00:00:01", "revision_number": 1})
}

fn with(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}

#[test]
fn what_is_missing_is_left_out_as_the_original_does() {
    let key = UniqueKey::new(KEY).unwrap();
    let row: LogicalSwitch = Network::from_attributes(&network()).unwrap().row(key);
    let text =
        r#"{"id": "n", "is_external": false, "name": "net", "topic": "p", "unique_key": 1, "version": 3}"#;
    assert_eq!(Object::from(row).to_text(), text);
    let row: LogicalPort = Port::from_attributes(&port(), "owner").unwrap().row(key).unwrap();
    assert_eq!(row.topic, model::Topic::new("owner"));
    assert_eq!((row.enabled, row.port_security_enabled), (Some(false), Some(false)));
}

#[test]
fn the_older_name_of_the_project_counts_where_the_newer_is_missing() {
    let old = json!({"id": "n", "tenant_id": "t", "revision_number": 3});
    assert_eq!(Network::from_attributes(&old).unwrap().project_id, "t");
    let both = with(old, "project_id", json!(""));
    assert_eq!(Network::from_attributes(&both).unwrap().project_id, "");
}

#[test]
fn numbers_may_come_as_texts() {
    let network = with(network(), "provider:segmentation_id", json!("42"));
    assert_eq!(Network::from_attributes(&network).unwrap().segmentation_id, Some(42));
}

#[test]
fn options_without_a_value_are_forgotten() {
    let options = json!([{"opt_name": "67", "opt_value": null}, {"opt_name": "66", "opt_value": "x", "ip_version": "4"}]);
    let port = Port::from_attributes(&with(port(), "extra_dhcp_opts", options), "").unwrap();
    assert_eq!(port.extra_dhcp_opts.len(), 1);
}

#[test]
fn wrong_attributes_are_named_and_shown_in_part() {
    let text = |result: Result<Port, TranslateError>| result.unwrap_err().to_string();
    let missing = Port::from_attributes(&json!({"id": "x"}), "");
    assert_eq!(text(missing), "Invalid input for operation: attribute network_id is null, expected an id.");
    let list = with(port(), "fixed_ips", json!([{"subnet_id": "s", "ip_address": "10.0.0.500"}]));
    let expected = "Invalid input for operation: attribute fixed_ips is \
                    [{\"ip_address\":\"10.0.0.500\",\"subnet_id\":\"s\"}], expected a list of addresses, each with its subnet.";
    assert_eq!(text(Port::from_attributes(&list, "")), expected);
    let long = text(Port::from_attributes(&with(port(), "fixed_ips", json!("\u{e9}".repeat(1000))), ""));
    assert!(long.chars().count() < 220 && long.contains("..."), "{long}");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z0-9.:/]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("(subnet_id|ip_address|opt_name|port_key|x)", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Nothing panics, and what is accepted makes a row that can be read back.
    #[test]
    fn hostile_objects_are_errors_or_rows(
        values in prop::collection::vec((
            prop::sample::select(vec![
                "name", "fixed_ips", "binding:profile", "binding:host_id", "extra_dhcp_opts", "security_groups",
                "allowed_address_pairs", "mac_address", "cidr", "mtu", "provider:segmentation_id", "host_routes",
                "dns_nameservers", "revision_number", "router:external", "binding:vnic_type", "qos_policy_id",
            ]),
            any_json(),
        ), 0..4),
    ) {
        let mut object = with(port(), "cidr", json!("10.0.0.0/24"));
        for (name, value) in values {
            object[name] = value;
        }
        for kind in ["network", "subnet", "port"] {
            if let Some(Ok(row)) = translated(kind, &object) {
                prop_assert_eq!(Object::from_text(row.table(), &row.to_text()).unwrap(), row);
            }
        }
    }
}
