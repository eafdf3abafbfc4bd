use model::{Model as _, Object};
use proptest::prelude::*;
use serde_json::json;

use super::*;

const GROUP: &str = "c1a2b3c4-d5e6-4f70-8192-a3b4c5d6e7f8";

fn rule(more: Value) -> Value {
    let mut rule = json!({
        "id": "aa000000-0000-4000-8000-000000000001", "project_id": "p", "security_group_id": GROUP,
        "direction": "ingress", "ethertype": "IPv4", "protocol": null, "port_range_min": null,
        "port_range_max": null, "remote_ip_prefix": null, "remote_group_id": null,
        "remote_address_group_id": null, "revision_number": 0,
    });
    rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    rule
}

fn group(more: Value, rules: &[Value]) -> SecurityGroup {
    let mut group = json!({"id": GROUP, "name": "web", "project_id": "p", "revision_number": 4});
    group.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    SecurityGroup::from_attributes(&group, rules).unwrap()
}

fn key() -> UniqueKey {
    UniqueKey::new(5).unwrap()
}

#[test]
fn the_row_is_what_the_original_writes() {
    let rules = [rule(json!({
        "protocol": "tcp", "port_range_min": 80, "port_range_max": 443, "remote_ip_prefix": "0.0.0.0/0",
    }))];
    let text = Object::from(group(json!({}), &rules).row(key())).to_text();
    let original = r#"{"id": "c1a2b3c4-d5e6-4f70-8192-a3b4c5d6e7f8", "name": "web", "rules": [{"direction": "ingress", "ethertype": "IPv4", "id": "aa000000-0000-4000-8000-000000000001", "port_range_max": 443, "port_range_min": 80, "protocol": 6, "remote_ip_prefix": "0.0.0.0/0", "security_group_id": "c1a2b3c4-d5e6-4f70-8192-a3b4c5d6e7f8", "topic": "p", "version": 0}], "topic": "p", "unique_key": 5, "version": 4}"#;
    assert_eq!(text, original);
    assert!(model::SecurityGroup::from_text(&text).is_ok());
}

#[test]
fn protocols_become_numbers() {
    for (ethertype, protocol, number) in [
        ("IPv4", json!(null), None),
        ("IPv4", json!("any"), None),
        ("IPv4", json!("icmp"), Some(1)),
        ("IPv6", json!("icmp"), Some(58)),
        ("IPv6", json!("1"), Some(58)),
        ("IPv6", json!("icmpv6"), Some(58)),
        ("IPv6", json!("ipv6-icmp"), Some(58)),
        ("IPv4", json!("vrrp"), Some(112)),
        ("IPv4", json!("hopopt"), Some(0)),
        ("IPv4", json!("255"), Some(255)),
        ("IPv4", json!(47), Some(47)),
    ] {
        let rule = rule(json!({"ethertype": ethertype, "protocol": protocol}));
        let found = SecurityGroupRule::from_attributes(&rule).unwrap().protocol;
        assert_eq!(found, number, "{ethertype} {protocol}");
    }
    for wrong in [json!("nonsense"), json!(256), json!([])] {
        let error = SecurityGroupRule::from_attributes(&rule(json!({"protocol": wrong}))).unwrap_err();
        assert!(error.to_string().contains("attribute protocol is"), "{error}");
    }
}

#[test]
fn a_range_has_no_host_bits() {
    let rules = [rule(json!({"remote_ip_prefix": "10.0.0.7/24"}))];
    let row = group(json!({}), &rules).row(key());
    assert_eq!(row.rules[0].remote_ip_prefix, Some("10.0.0.0/24".parse().unwrap()));
}

#[test]
fn what_the_original_has_no_room_for_is_in_a_row_of_ours() {
    let addresses =
        json!({"remote_address_group_id": "11111111-1111-4111-8111-111111111111", "protocol": "udp"});
    let rules = [rule(addresses), rule(json!({"remote_group_id": GROUP}))];
    let group_with_rules = group(json!({}), &rules);
    let row = group_with_rules.row(key());
    assert_eq!(row.rules.len(), 1, "a rule whose other side the original cannot see would permit everybody");
    assert_eq!(row.rules[0].remote_group_id, Some(GROUP.parse().unwrap()));
    let extra = group_with_rules.extra().unwrap();
    assert_eq!((extra.rules.len(), extra.rules[0].protocol, extra.stateful), (1, Some(17), None));
    assert_eq!(extra.version, Some(Version(4)));

    assert_eq!(group(json!({"stateful": true}), &rules[1..]).extra(), None);
    let stateless = group(json!({"stateful": false}), &[]).extra().unwrap();
    assert_eq!((stateless.stateful, stateless.rules.len()), (Some(false), 0));
}

/// Values that are wrong somewhere and right elsewhere.
fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2_i64..70_000).prop_map(Value::from),
        "[a-zA-Z0-9.:/]{0,12}".prop_map(Value::from),
        prop::sample::select(vec!["IPv6", "egress", "vrrp", "any", "fd00::1/64", "10.0.0.1", "58"])
            .prop_map(Value::from),
        prop::collection::vec("[0-9.]{0,9}(/[0-9]{1,2})?", 0..3).prop_map(Value::from),
    ]
}

proptest! {
    /// Nothing panics, and what is accepted makes rows that can be read back, in which each rule is once.
    #[test]
    fn hostile_groups_are_errors_or_rows(
        said in prop::collection::vec((
            prop::sample::select(vec![
                "direction", "ethertype", "protocol", "port_range_min", "port_range_max", "remote_ip_prefix",
                "remote_group_id", "remote_address_group_id", "project_id", "revision_number", "stateful", "name",
                "addresses",
            ]),
            any_value(),
        ), 0..5),
    ) {
        let mut object = rule(json!({"addresses": ["10.0.0.0/8"]}));
        for (name, value) in said {
            object[name] = value;
        }
        if let Ok(group) = SecurityGroup::from_attributes(&object, [&object]) {
            let (row, extra) = (group.row(key()), group.extra());
            prop_assert_eq!(row.rules.len() + extra.as_ref().map_or(0, |extra| extra.rules.len()), 1);
            for row in [Object::from(row)].into_iter().chain(extra.map(Object::from)) {
                prop_assert_eq!(Object::from_text(row.table(), &row.to_text()).unwrap(), row);
            }
        }
        if let Ok(group) = crate::translate::AddressGroup::from_attributes(&object) {
            let row = Object::from(group.row());
            prop_assert_eq!(Object::from_text(row.table(), &row.to_text()).unwrap(), row);
        }
    }
}
