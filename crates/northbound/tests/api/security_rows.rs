//! The rows of groups that controllers read.

use std::sync::Arc;

use model::{Direction, EtherType, Model as _, Object, RowId, SecurityGroup, Table, Topic, Version};
use nb::{Selector, Store as _};
use serde_json::{Value, json};

use crate::support::Api;

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

async fn objects(api: &Api, table: Table) -> Vec<Object> {
    let snapshot = api.store.snapshot(&Selector::tables([table])).await.unwrap();
    let object = |row: &nb::Row| Object::from_text(table, std::str::from_utf8(&row.value).unwrap()).unwrap();
    snapshot.rows.iter().map(object).collect()
}

async fn row(api: &Api, group: &Value) -> Arc<SecurityGroup> {
    let rows = objects(api, Table::SecurityGroup).await;
    let id = RowId::new(text(&group["id"])).unwrap();
    let row = rows.iter().find(|row| *row.id() == id).unwrap();
    SecurityGroup::of_object(row).unwrap().clone()
}

#[tokio::test]
async fn controllers_read_a_group_with_its_rules() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let group = admin.create("security_group", json!({"name": "web", "project_id": "p"})).await;
    let begun = row(&api, &group).await;
    assert_eq!((begun.name.as_deref(), begun.version, begun.rules.len()), (Some("web"), Some(Version(1)), 2));
    assert_eq!(begun.topic, Topic::new("p"));
    let said = json!({
        "security_group_id": group["id"], "direction": "ingress", "ethertype": "IPv6", "protocol": "icmp",
        "port_range_min": 128, "port_range_max": 0, "remote_ip_prefix": "fd00::7/64",
    });
    let rule = admin.create("security_group_rule", said).await;
    let changed = row(&api, &group).await;
    assert_eq!((changed.version, changed.unique_key), (Some(Version(2)), begun.unique_key));
    let written = changed.rules.iter().find(|own| own.id.to_string() == text(&rule["id"])).unwrap();
    assert_eq!((written.direction, written.ethertype), (Direction::Ingress, EtherType::Ipv6));
    assert_eq!(
        (written.protocol, written.port_range_min, written.port_range_max),
        (Some(58), Some(128), Some(0))
    );
    assert_eq!(written.remote_ip_prefix, Some("fd00::/64".parse().unwrap()));
    assert_eq!(written.topic, Topic::new("admin"), "the rule is of who made it");
    admin.delete(&format!("/v2.0/security-group-rules/{}", text(&rule["id"]))).await.expect(204);
    let after = row(&api, &group).await;
    assert_eq!((after.version, after.rules.len()), (Some(Version(3)), 2));
    assert_eq!(objects(&api, Table::SecurityGroupExtra).await, []);

    let mut keys: Vec<u32> =
        objects(&api, Table::SecurityGroup).await.iter().map(|row| row.unique_key().unwrap().get()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 2, "that of the project's default group is another");
}

#[tokio::test]
async fn what_the_original_has_no_room_for_is_beside_it_while_it_is_so() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let group = admin.create("security_group", json!({})).await;
    let addresses = admin.create("address_group", json!({"name": "a", "addresses": ["10.0.0.7/24"]})).await;
    let written = objects(&api, Table::AddressGroup).await;
    let [Object::AddressGroup(own)] = written.as_slice() else { panic!("{written:?}") };
    assert_eq!((own.name.as_deref(), own.version), (Some("a"), Some(Version(1))));
    assert_eq!(own.addresses, ["10.0.0.0/24".parse().unwrap()]);
    let path = format!("/v2.0/address-groups/{}", text(&addresses["id"]));
    admin.put(&format!("{path}/add_addresses"), json!({"addresses": ["fd00::/8"]})).await.expect(200);
    let written = objects(&api, Table::AddressGroup).await;
    let [Object::AddressGroup(own)] = written.as_slice() else { panic!("{written:?}") };
    assert_eq!((own.addresses.len(), own.version), (2, Some(Version(2))));

    let rule = json!({
        "security_group_id": group["id"], "direction": "ingress", "protocol": "tcp", "port_range_min": 80,
        "port_range_max": 80, "remote_address_group_id": addresses["id"],
    });
    let rule = admin.create("security_group_rule", rule).await;
    assert_eq!(row(&api, &group).await.rules.len(), 2, "the original would take it for anybody");
    let written = objects(&api, Table::SecurityGroupExtra).await;
    let [Object::SecurityGroupExtra(extra)] = written.as_slice() else { panic!("{written:?}") };
    assert_eq!((extra.stateful, extra.version, extra.rules.len()), (None, Some(Version(2)), 1));
    assert_eq!(extra.rules[0].remote_address_group_id.to_string(), text(&addresses["id"]));
    assert_eq!(extra.secgroup.to_string(), text(&group["id"]));

    let group_path = format!("/v2.0/security-groups/{}", text(&group["id"]));
    admin.put(&group_path, json!({"security_group": {"stateful": false}})).await.expect(200);
    admin.delete(&format!("/v2.0/security-group-rules/{}", text(&rule["id"]))).await.expect(204);
    let written = objects(&api, Table::SecurityGroupExtra).await;
    let [Object::SecurityGroupExtra(extra)] = written.as_slice() else { panic!("{written:?}") };
    assert_eq!((extra.stateful, extra.version, extra.rules.len()), (Some(false), Some(Version(4)), 0));
    admin.put(&group_path, json!({"security_group": {"stateful": true}})).await.expect(200);
    assert_eq!(objects(&api, Table::SecurityGroupExtra).await, []);
    admin.put(&group_path, json!({"security_group": {"stateful": false}})).await.expect(200);
    admin.delete(&group_path).await.expect(204);
    admin.delete(&path).await.expect(204);
    for table in [Table::SecurityGroupExtra, Table::AddressGroup] {
        assert_eq!(objects(&api, table).await, [], "{table}");
    }
    assert_eq!(objects(&api, Table::SecurityGroup).await.len(), 1, "the default group stays");
}
