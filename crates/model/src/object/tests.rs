use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    IndexId, IndexKey, LogicalPort, LogicalRouter, MAX_QUOTED_CHARS, MAX_ROW_BYTES, Patch, PortStatus,
    Reference, SecurityGroup, arbitrary,
};

fn error(table: Table, text: &str) -> String {
    Object::from_text(table, text).unwrap_err().to_string()
}

#[test]
fn an_error_names_table_row_member_and_value() {
    let rule = r#"{"direction": "ingress", "ethertype": "IPv4", "id": "r", "protocol": 256, "topic": "t"}"#;
    let group = format!(r#"{{"id": "g", "rules": [{rule}], "topic": "t", "unique_key": 1}}"#);
    let cases = [
        (
            group.as_str(),
            "row g of table secgroup: rules[0].protocol: expected a whole number from 0 to 255, found 256",
        ),
        (
            r#"{"id": "g", "topic": "t"}"#,
            "row g of table secgroup: unique_key: expected a whole number from 1 to 4294967295, found nothing",
        ),
        (
            r#"{"id": "g", "topic": "t", "unique_key": 0}"#,
            "row g of table secgroup: unique_key: expected a whole number from 1 to 4294967295, found 0",
        ),
        (
            r#"{"id": "", "topic": "t", "unique_key": 1}"#,
            "row  of table secgroup: id: expected an id, found \"\"",
        ),
        (
            r#"{"topic": "t", "unique_key": 1}"#,
            "row without id of table secgroup: id: expected an id, found nothing",
        ),
        (
            r#"{"id": "g", "rules": {}, "topic": "t"}"#,
            "row g of table secgroup: rules: expected a list, found {}",
        ),
        ("[]", "row without id of table secgroup: the row: expected an object, found []"),
    ];
    for (text, expected) in cases {
        assert_eq!(error(Table::SecurityGroup, text), expected);
    }
}

#[test]
fn members_of_a_row_have_to_agree() {
    let policy = |rule: &str| format!(r#"{{"id": "q", "rules": [{rule}], "topic": "t"}}"#);
    let marking = error(Table::QosPolicy, &policy(r#"{"id": "r", "type": "dscp_marking"}"#));
    assert!(
        marking.ends_with("rules[0].dscp_mark: expected a code point, for a rule that marks, found nothing")
    );
    let limit = error(Table::QosPolicy, &policy(r#"{"id": "r", "max_kbps": 5, "type": "bandwidth_limit"}"#));
    assert!(limit.contains("rules[0].max_burst_kbps"), "{limit}");
    let classifier = r#"{"dest_port": "a", "id": "f", "source_port": "b", "topic": "t", "unique_key": 1}"#;
    assert!(
        error(Table::FlowClassifier, classifier)
            .contains("dest_port: expected nothing beside source_port, found a")
    );
    let segment = r#"{"id": "s", "parent": "p", "port": "c", "segmentation_type": "vlan", "topic": "t"}"#;
    assert!(error(Table::ChildPortSegmentation, segment).contains("segmentation_id: expected a VLAN"));
}

#[test]
fn broken_json_is_an_error_with_an_offset() {
    let text = "{\"id\": \"p\",\n\"topic\": ?}";
    let found = Object::from_text(Table::LogicalPort, text).unwrap_err();
    assert!(matches!(found, DecodeError::Syntax { offset: 21, .. }), "{found:?}");
    let found = Object::from_text(Table::LogicalPort, "{\"id\": \"p\"").unwrap_err();
    assert!(matches!(found, DecodeError::Syntax { offset: 10, .. }), "{found:?}");
}

#[test]
fn depth_length_and_quotes_are_bounded() {
    let deep = format!(r#"{{"id": "p", "x": {}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert!(error(Table::LogicalPort, &deep).contains("recursion limit"));
    let long = " ".repeat(MAX_ROW_BYTES + 1);
    assert!(error(Table::LogicalPort, &long).contains("are more than the"));
    let quoted = error(Table::Chassis, &format!(r#"{{"id": "h", "ip": "{}"}}"#, "\u{e9}".repeat(1000)));
    assert!(quoted.chars().count() < MAX_QUOTED_CHARS + 80, "{quoted}");
}

#[test]
fn unknown_members_and_open_choices_are_read() {
    let text = r#"{"binding_vnic_type": "vdpa", "colour": [{"deep": 1}], "id": "p", "ips": null, "topic": "t", "unique_key": 1}"#;
    let row = Object::from_text(Table::LogicalPort, text).unwrap().to_value();
    assert_eq!(row["binding_vnic_type"], "vdpa");
    assert_eq!((&row["colour"], &row["ips"]), (&Value::Null, &json!([])));
}

#[test]
fn mac_addresses_are_written_in_lower_case() {
    let text = r#"{"id": "p", "macs": ["FA:16:3E:00:00:0A"], "topic": "t", "unique_key": 1}"#;
    assert_eq!(
        Object::from_text(Table::LogicalPort, text).unwrap().to_value()["macs"][0],
        "fa:16:3e:00:00:0a"
    );
}

fn references(object: &Object) -> BTreeSet<(Table, String, Strength)> {
    let mut found = BTreeSet::new();
    object.visit_references(&mut |Reference { table, id, strength }| {
        found.insert((table, id.to_string(), strength));
    });
    found
}

#[test]
fn references_are_found_wherever_they_are() {
    let port = r#"{"binding": {"chassis": "host-a", "type": "chassis"}, "id": "p", "lswitch": "n",
        "security_groups": ["g", "h"], "subnets": ["s"], "topic": "t", "unique_key": 1}"#;
    let expected = [
        (Table::Chassis, "host-a", Strength::Weak),
        (Table::LogicalSwitch, "n", Strength::Strong),
        (Table::SecurityGroup, "g", Strength::Strong),
        (Table::SecurityGroup, "h", Strength::Strong),
        (Table::Subnet, "s", Strength::Strong),
    ];
    let expected = expected.map(|(table, id, strength)| (table, id.to_owned(), strength));
    assert_eq!(references(&LogicalPort::from_text(port).unwrap().into()), expected.into());
}

#[test]
fn a_row_does_not_refer_to_itself() {
    let rule = |id: &str| json!({"direction": "ingress", "ethertype": "IPv4", "id": "r", "remote_group_id": id, "topic": "t"});
    let group = json!({"id": "g", "rules": [rule("g"), rule("h")], "topic": "t", "unique_key": 1});
    let found = references(&Object::from_value(Table::SecurityGroup, &group).unwrap());
    assert_eq!(found, [(Table::SecurityGroup, "h".to_owned(), Strength::Weak)].into());
}

fn entries(object: &Object) -> BTreeSet<(IndexId, IndexKey)> {
    let mut found = BTreeSet::new();
    object.visit_index_entries(&mut |index, key| {
        found.insert((index, key));
    });
    found
}

/// Thousands of rows are kept as they were read.
#[test]
fn lists_of_a_row_take_no_more_than_they_hold() {
    let text = r#"{"id": "p", "ips": ["10.0.0.5"], "macs": ["02:00:00:00:00:01"], "security_groups": ["g", "h", "i", "j", "k"],
        "subnets": ["s"], "topic": "t", "unique_key": 9}"#;
    let port = LogicalPort::from_text(text).unwrap();
    assert_eq!((port.ips.capacity(), port.macs.capacity(), port.subnets.capacity()), (1, 1, 1));
    assert_eq!(port.security_groups.capacity(), 5);
}

#[test]
fn a_port_is_found_under_its_keys() {
    let text = r#"{"binding": {"chassis": "host-a", "type": "chassis"}, "device_id": "vm", "device_owner": "compute:nova",
        "id": "p", "ips": ["10.0.0.5", "2001:db8::5"], "lswitch": "n", "qos_policy": "q", "security_groups": ["g"],
        "subnets": ["s"], "topic": "t", "unique_key": 9}"#;
    let object = Object::from(LogicalPort::from_text(text).unwrap());
    let network = || "n".parse().unwrap();
    let expected = [
        LogicalPort::BY_CHASSIS.key("host-a".parse().unwrap()),
        LogicalPort::BY_DEVICE.key("vm".to_owned()),
        LogicalPort::BY_FILTERED_IP.key("10.0.0.5".parse().unwrap()),
        LogicalPort::BY_FILTERED_IP.key("2001:db8::5".parse().unwrap()),
        LogicalPort::BY_IP.key(("10.0.0.5".parse().unwrap(), network())),
        LogicalPort::BY_IP.key(("2001:db8::5".parse().unwrap(), network())),
        LogicalPort::BY_LSWITCH.key(network()),
        LogicalPort::BY_LSWITCH_AND_CHASSIS.key((network(), "host-a".parse().unwrap())),
        LogicalPort::BY_OWNER.key((network(), "compute:nova".to_owned())),
        LogicalPort::BY_QOS_POLICY.key("q".parse().unwrap()),
        LogicalPort::BY_SECURITY_GROUP.key("g".parse().unwrap()),
        LogicalPort::BY_SECURITY_GROUP_AND_CHASSIS.key(("g".parse().unwrap(), "host-a".parse().unwrap())),
        LogicalPort::BY_SUBNET.key("s".parse().unwrap()),
        LogicalPort::BY_TOPIC.key("t".into()),
        LogicalPort::BY_UNIQUE_KEY.key(UniqueKey::new(9).unwrap()),
    ];
    assert_eq!(entries(&object), expected.into());
}

#[test]
fn routers_and_groups_are_found_by_what_is_inside() {
    let router = r#"{"id": "r", "ports": [{"id": "p", "lswitch": "n", "topic": "t", "unique_key": 3}], "topic": "t", "unique_key": 1}"#;
    let found = entries(&LogicalRouter::from_text(router).unwrap().into());
    assert!(found.contains(&LogicalRouter::BY_LSWITCH.key("n".parse().unwrap())));
    assert!(found.contains(&LogicalRouter::BY_LPORT.key("p".parse().unwrap())));
    let group = r#"{"id": "g", "rules": [{"direction": "egress", "ethertype": "IPv6", "id": "x", "remote_group_id": "h", "topic": "t"}], "topic": "t", "unique_key": 1}"#;
    let found = entries(&SecurityGroup::from_text(group).unwrap().into());
    assert!(found.contains(&SecurityGroup::BY_REMOTE_GROUP.key("h".parse().unwrap())));
}

#[test]
fn a_password_is_shown_to_nobody() {
    let peer = |password: &str| {
        let text =
            r#"{"id": "b", "password": PASSWORD, "peer_ip": "192.0.2.1", "remote_as": 1, "topic": "t"}"#;
        Object::from_text(Table::BGPPeer, &text.replace("PASSWORD", password))
    };
    let row = peer(r#""hunter2""#).unwrap();
    assert_eq!(row.to_value()["password"], "hunter2");
    assert!(!format!("{row:?}").contains("hunter2"));
    assert!(!peer(r#"["hunter2"]"#).unwrap_err().to_string().contains("hunter2"));
}

#[test]
fn a_later_claim_of_a_port_wins() {
    let status = |chassis: &str, generation: u64| {
        let row = json!({"chassis": chassis, "generation": generation, "id": "p", "lport": "p", "state": "ACTIVE", "topic": "t"});
        PortStatus::from_text(&row.to_string()).unwrap()
    };
    assert!(status("host-b", 2).may_replace(&status("host-a", 1)));
    assert!(status("host-a", 1).may_replace(&status("host-a", 1)));
    assert!(!status("host-b", 1).may_replace(&status("host-a", 1)));
    assert!(!status("host-a", 1).may_replace(&status("host-b", 2)));
    assert_eq!(PortStatus::id_of(&"p".parse().unwrap()).row(), status("host-a", 1).id().row());
}

#[test]
fn a_row_says_nothing_about_another() {
    let chassis =
        |id: &str| Object::from_value(Table::Chassis, &json!({"id": id, "ip": "192.0.2.1"})).unwrap();
    assert!(chassis("a").supersedes(&chassis("b")));
    assert!(!chassis("a").supersedes(&chassis("a")));
}

/// JSON that is nearly a row.
fn nearly(table: Table) -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        prop::sample::select(vec![
            "10.0.0.1",
            "10.0.0.1/24",
            "fa:16:3e:00:00:01",
            "chassis",
            "vlan",
            "1",
            "255"
        ])
        .prop_map(Value::from),
    ];
    let any = leaf.prop_recursive(3, 16, 4, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from);
        let object = prop::collection::btree_map("[a-z_]{1,6}|id|type|opts|66", inner, 0..4)
            .prop_map(|members| Value::Object(members.into_iter().collect()));
        prop_oneof![list, object]
    });
    let names: Vec<&'static str> = table.fields().iter().map(|field| field.name).collect();
    let damage = prop::collection::vec((prop::sample::select(names), any), 0..3);
    let damaged = (arbitrary::any_object(table), damage).prop_map(|(object, damage)| {
        let mut value = object.to_value();
        for (name, wrong) in damage {
            value[name] = wrong;
        }
        value
    });
    damaged.boxed()
}

fn any_table() -> impl Strategy<Value = Table> {
    prop::sample::select(Table::ALL)
}

proptest! {
    #[test]
    fn what_is_written_is_read(object in any_table().prop_flat_map(any_object)) {
        let text = object.to_text();
        prop_assert_eq!(&Object::from_text(object.table(), &text).unwrap(), &object);
        prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), object.to_value());
        let recorded = serde_json::to_string(&object).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Object>(&recorded).unwrap(), &object);
    }

    #[test]
    fn what_is_nearly_a_row_is_an_error_or_comes_back(
        (table, value) in any_table().prop_flat_map(|table| (Just(table), nearly(table))),
    ) {
        match Object::from_value(table, &value) {
            Ok(object) => {
                prop_assert_eq!(&Object::from_text(table, &object.to_text()).unwrap(), &object);
            }
            Err(DecodeError::Member { problem, .. }) => prop_assert!(!problem.path.is_empty()),
            Err(other) => prop_assert!(false, "{other}"),
        }
    }

    /// Who is told that a row changed can find all rows that refer to it.
    #[test]
    fn every_reference_is_an_index_entry(object in any_table().prop_flat_map(any_object)) {
        let mut found = BTreeSet::new();
        for (index, key) in entries(&object) {
            prop_assert!(object.table().indexes().contains(&index.name(object.table())));
            match key {
                IndexKey::Row(id) => found.insert(id.to_string()),
                _ => false,
            };
        }
        for (table, id, strength) in references(&object) {
            // The group around a rule, and the hypervisor of a port that is on none.
            let not_indexed = matches!(
                (object.table(), table),
                (Table::SecurityGroup, Table::SecurityGroup) | (Table::LogicalPort, Table::Chassis)
            );
            prop_assert!(found.contains(&id) || (not_indexed && strength == Strength::Weak), "{table} {id}");
        }
    }

    #[test]
    fn hostile_text_never_panics(table in any_table(), text in r#"[\[\]{}",:0-9a-f\\ ]{0,40}|.{0,40}"#) {
        let _ = Object::from_text(table, &text);
        let _ = serde_json::from_str::<Object>(&text);
    }

    /// Changing nothing is no change; changing everything to the members of another row makes that row.
    #[test]
    fn a_patch_of_all_members_makes_the_other_row((before, after) in any_table().prop_flat_map(|table| (any_object(table), any_object(table)))) {
        let now = Timestamp::from_seconds(1.0).unwrap();
        let mut members: serde_json::Map<String, Value> =
            before.table().fields().iter().map(|field| (field.name.to_owned(), Value::Null)).collect();
        members.extend(after.to_value().as_object().unwrap().clone());
        members.insert("id".to_owned(), before.id().to_string().into());
        let mut expected = after.to_value();
        expected["id"] = before.id().to_string().into();
        let patch = Patch::new(before.table(), members).unwrap();
        if let Some(mut made) = before.patched(&patch, &now).unwrap().map(|made| made.to_value()) {
            for set_by_rule in ["version", "timestamp"] {
                made.as_object_mut().unwrap().remove(set_by_rule);
                expected.as_object_mut().unwrap().remove(set_by_rule);
            }
            prop_assert_eq!(made, expected);
        } else {
            prop_assert_eq!(before.to_value(), expected);
        }
    }
}
