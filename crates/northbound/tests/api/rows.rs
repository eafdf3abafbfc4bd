//! What the store holds: the rows that controllers read, and what they say back.

use model::{
    BindingType, Id, LogicalPort, Model as _, Object, PortBinding, PortState, PortStatus, RowId, Table,
    Topic, Version,
};
use nb::{CLAIMS, Claim, Key, Selector, Store as _, TableName, Txn};
use serde_json::{Value, json};

use crate::support::{Api, eventually};

const OWN: [&str; 8] = [
    "neutron_network",
    "neutron_subnet",
    "neutron_port",
    "neutron_subnetpool",
    "neutron_address",
    "neutron_mac",
    "neutron_segment",
    "neutron_guard",
];

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

async fn objects(api: &Api, table: Table) -> Vec<Object> {
    let snapshot = api.store.snapshot(&Selector::tables([table])).await.unwrap();
    let object = |row: &nb::Row| Object::from_text(table, std::str::from_utf8(&row.value).unwrap()).unwrap();
    snapshot.rows.iter().map(object).collect()
}

#[tokio::test]
async fn controllers_find_what_the_api_says() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let network = admin.create("network", json!({"name": "n", "project_id": "p"})).await;
    let subnet =
        json!({"network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/24", "project_id": "p"});
    admin.create("subnet", subnet).await;
    let port = json!({"network_id": network["id"], "project_id": "p", "binding:host_id": "h"});
    let port = admin.create("port", port).await;
    let path = format!("/v2.0/ports/{}", text(&port["id"]));
    admin.put(&path, json!({"port": {"name": "changed"}})).await.expect(200);

    let rows = objects(&api, Table::LogicalPort).await;
    let row = rows.iter().find(|row| *row.id() == RowId::new(text(&port["id"])).unwrap()).unwrap();
    let row = LogicalPort::of_object(row).unwrap();
    assert_eq!(row.name.as_deref(), Some("changed"));
    assert_eq!(row.version, Some(Version(2)));
    assert_eq!(row.chassis().map(ToString::to_string).as_deref(), Some("h"));
    assert_eq!(row.ips[0].to_string(), text(&port["fixed_ips"][0]["ip_address"]));
    assert_eq!(row.topic, Topic::new("p"));
    assert_eq!(rows.len(), 2, "the DHCP server has one as well");
    let mut keys: Vec<u32> = rows.iter().map(|row| row.unique_key().unwrap().get()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 2);
    let switches = objects(&api, Table::LogicalSwitch).await;
    let shown = admin.get(&format!("/v2.0/networks/{}", text(&network["id"]))).await.expect(200);
    assert_eq!(switches[0].version().map(|own| own.0), shown["network"]["revision_number"].as_u64());
    assert_eq!(objects(&api, Table::Subnet).await.len(), 1);
}

#[tokio::test]
async fn ranges_of_addresses_are_rows_of_their_own_while_a_port_has_any() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let network = admin.create("network", json!({"project_id": "p"})).await;
    let pairs = json!([{"ip_address": "10.9.0.0/16"}, {"ip_address": "10.0.0.9", "mac_address": "02:00:00:00:00:09"}]);
    let port = json!({"network_id": network["id"], "project_id": "p", "allowed_address_pairs": pairs});
    let port = admin.create("port", port).await;
    assert_eq!(
        port["allowed_address_pairs"][0],
        json!({"ip_address": "10.9.0.0/16", "mac_address": port["mac_address"]})
    );
    let path = format!("/v2.0/ports/{}", text(&port["id"]));
    let ranges = async || objects(&api, Table::PortAddressRanges).await;
    let written = ranges().await;
    let [Object::PortAddressRanges(row)] = written.as_slice() else { panic!("{written:?}") };
    assert_eq!((row.lport.to_string().as_str(), row.ranges.len()), (text(&port["id"]), 1));
    assert_eq!(row.ranges[0].cidr.to_string(), "10.9.0.0/16");
    admin.put(&path, json!({"port": {"name": "n"}})).await.expect(200);
    assert_eq!(ranges().await.len(), 1, "another change leaves them");
    admin.put(&path, json!({"port": {"allowed_address_pairs": []}})).await.expect(200);
    assert_eq!(ranges().await, []);
    admin.put(&path, json!({"port": {"allowed_address_pairs": pairs}})).await.expect(200);
    assert_eq!(ranges().await.len(), 1);
    admin.delete(&path).await.expect(204);
    assert_eq!(ranges().await, []);
}

#[tokio::test]
async fn options_of_dhcpv6_are_a_row_of_their_own_while_a_port_has_any() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let network = admin.create("network", json!({"project_id": "p"})).await;
    let option = |name, value, version| json!({"opt_name": name, "opt_value": value, "ip_version": version});
    let options = json!([option("dns-server", "fd00::53", 6), option("67", "pxelinux.0", 4)]);
    let port = json!({"network_id": network["id"], "project_id": "p", "extra_dhcp_opts": options});
    let port = admin.create("port", port).await;
    let path = format!("/v2.0/ports/{}", text(&port["id"]));
    let said = async || {
        let rows = objects(&api, Table::PortDhcpv6).await;
        let options = rows.iter().flat_map(|row| match row {
            Object::PortDhcpv6(row) => row.options.clone(),
            other => panic!("{other:?}"),
        });
        options.map(|option| (option.name, option.value)).collect::<Vec<_>>()
    };
    let one = |value: &str| vec![("dns-server".to_owned(), value.to_owned())];
    assert_eq!(said().await, one("fd00::53"));
    let changed = json!([option("dns-server", "fd00::54", 6)]);
    admin.put(&path, json!({"port": {"extra_dhcp_opts": changed}})).await.expect(200);
    assert_eq!(said().await, one("fd00::54"));
    let none = json!([{"opt_name": "dns-server", "opt_value": null, "ip_version": 6}]);
    admin.put(&path, json!({"port": {"extra_dhcp_opts": none}})).await.expect(200);
    assert_eq!(said().await, []);
    admin.put(&path, json!({"port": {"extra_dhcp_opts": changed}})).await.expect(200);
    admin.delete(&path).await.expect(204);
    assert_eq!(said().await, []);
}

#[tokio::test]
async fn what_is_deleted_leaves_nothing() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let network = admin
        .create("network", json!({"provider:network_type": "flat", "provider:physical_network": "x"}))
        .await;
    let subnet = json!({"network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/24"});
    admin.create("subnet", subnet).await;
    let port = admin.create("port", json!({"network_id": network["id"]})).await;
    admin.delete(&format!("/v2.0/ports/{}", text(&port["id"]))).await.expect(204);
    admin.delete(&format!("/v2.0/networks/{}", text(&network["id"]))).await.expect(204);
    let model = [Table::LogicalSwitch, Table::Subnet, Table::LogicalPort].map(TableName::from);
    let tables = OWN.map(TableName::new).into_iter().chain(model);
    let left = api.store.snapshot(&Selector::tables(tables)).await.unwrap().rows;
    let left: Vec<String> = left.iter().map(|row| row.key.to_string()).collect();
    let stays = ["quota:", "default-group:", "default-rules", "security-group:"];
    let of_projects = left.iter().filter(|key| stays.iter().any(|guard| key.contains(guard)));
    assert_eq!(of_projects.count(), left.len(), "only guards of projects and of their groups stay: {left:?}");
}

#[tokio::test]
async fn a_port_is_active_when_its_controller_says_so() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let network = admin.create("network", json!({})).await;
    let port = admin.create("port", json!({"network_id": network["id"], "binding:host_id": "h"})).await;
    let id = text(&port["id"]).to_owned();
    let lport: Id<LogicalPort> = Id::new(&id).unwrap();
    let status = |state: PortState| PortStatus {
        chassis: Id::new("h").unwrap(),
        generation: 1,
        id: PortStatus::id_of(&lport),
        lport: lport.clone(),
        lport_version: None,
        state,
        topic: Topic::new("admin"),
        version: None,
    };
    for (state, expected) in [(PortState::Active, "ACTIVE"), (PortState::Down, "DOWN")] {
        api.store.commit(Txn::new().put_object(&Object::from(status(state)))).await.unwrap();
        eventually(async || {
            let listed = api.admin().get(&format!("/v2.0/ports?status={expected}&id={id}")).await.expect(200);
            listed["ports"].as_array().unwrap().len() == 1
        })
        .await;
    }
    let key = Key::new(Table::PortStatus, RowId::new(&id).unwrap()).with_topic(Topic::new("admin"));
    api.store.commit(Txn::new().delete(key)).await.unwrap();
    assert_eq!(admin.get(&format!("/v2.0/ports/{id}")).await.expect(200)["port"]["status"], "DOWN");
}

#[tokio::test]
async fn a_server_that_starts_knows_what_another_wrote() {
    let first = Api::start().await;
    let network = first.admin().create("network", json!({"name": "n"})).await;
    let subnet =
        json!({"network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/30", "enable_dhcp": false});
    first.admin().create("subnet", subnet).await;
    let port = first.admin().create("port", json!({"network_id": network["id"]})).await;
    let second = Api::with(first.store.clone(), northbound::Settings::default()).await;
    let path = format!("/v2.0/ports/{}", text(&port["id"]));
    assert_eq!(second.admin().get(&path).await.expect(200)["port"], port);
    let full = second.admin().post("/v2.0/ports", json!({"port": {"network_id": network["id"]}})).await;
    assert_eq!(full.expect(409)["NeutronError"]["type"], "IpAddressGenerationFailure");
    second.admin().delete(&path).await.expect(204);
    eventually(async || first.admin().get(&path).await.status == 404).await;
    first.admin().create("port", json!({"network_id": network["id"]})).await;
}

#[tokio::test]
async fn a_store_that_is_away_is_said_to_be() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let network = admin.create("network", json!({})).await;
    api.store.go_away("a test wants it");
    let refused = admin.post("/v2.0/networks", json!({"network": {}})).await;
    refused.expect_error(503, "ServiceUnavailable", "The service is unavailable.");
    let path = format!("/v2.0/networks/{}", text(&network["id"]));
    admin.get(&path).await.expect(200);
    api.store.come_back();
    eventually(async || api.admin().post("/v2.0/networks", json!({"network": {}})).await.status == 201).await;
    api.store.force_gap("a test wants it");
    let after = admin.create("network", json!({"name": "after"})).await;
    assert_eq!(after["name"], "after");
}

#[tokio::test]
async fn an_answer_that_the_store_loses_does_no_harm() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let network = admin.create("network", json!({})).await;
    let subnet =
        json!({"network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/30", "enable_dhcp": false});
    admin.create("subnet", subnet).await;
    // The first port also fetches numbers for the others.
    let first = admin.create("port", json!({"network_id": network["id"]})).await;
    admin.delete(&format!("/v2.0/ports/{}", text(&first["id"]))).await.expect(204);
    let port = json!({"port": {"network_id": network["id"]}});
    api.store.lose_answers(1);
    admin.post("/v2.0/ports", port.clone()).await.expect_error(
        503,
        "ServiceUnavailable",
        "The service is unavailable.",
    );
    // Nobody knew, but it happened: the only address is taken until the port is found and deleted.
    eventually(async || api.admin().get("/v2.0/ports").await.json()["ports"].as_array().unwrap().len() == 1)
        .await;
    let full = admin.post("/v2.0/ports", port.clone()).await.expect(409);
    assert_eq!(full["NeutronError"]["type"], "IpAddressGenerationFailure");
    let listed = admin.get("/v2.0/ports").await.expect(200);
    admin.delete(&format!("/v2.0/ports/{}", text(&listed["ports"][0]["id"]))).await.expect(204);
    admin.post("/v2.0/ports", port).await.expect(201);
}

#[tokio::test]
async fn a_port_that_a_node_found_stays_there_whatever_else_is_said_of_it() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let network = admin.create("network", json!({})).await;
    let port = admin.create("port", json!({"network_id": network["id"]})).await;
    let path = format!("/v2.0/ports/{}", text(&port["id"]));
    let id = RowId::new(text(&port["id"])).unwrap();
    let (lport, claim) = (Key::new(Table::LogicalPort, id.clone()), Key::new(CLAIMS, id));
    let row = async || {
        let row = api.store.read(std::slice::from_ref(&lport)).await.unwrap().remove(0).unwrap();
        LogicalPort::from_text(std::str::from_utf8(&row.value).unwrap()).unwrap()
    };
    // As a controller does.
    let node = Id::new("h").unwrap();
    let binding = PortBinding { chassis: Some(node.clone()), kind: BindingType::Chassis, vtep_address: None };
    let bound = LogicalPort { binding: Some(binding.clone()), ..row().await };
    let said = serde_json::to_string(&Claim { id: bound.id.clone(), chassis: node }).unwrap();
    api.store.commit(Txn::new().put_object(&Object::from(bound)).put(claim.clone(), said)).await.unwrap();
    // The server may not have heard of it yet; then the store refuses what it decides.
    admin.put(&path, json!({"port": {"name": "renamed"}})).await.expect(200);
    let renamed = row().await;
    assert_eq!((renamed.name.as_deref(), &renamed.binding), (Some("renamed"), &Some(binding)));
    // Its owner may say otherwise.
    admin.put(&path, json!({"port": {"binding:host_id": "other"}})).await.expect(200);
    assert_eq!(row().await.chassis(), Some(&Id::new("other").unwrap()));
    admin.delete(&path).await.expect(204);
    assert_eq!(api.store.read(&[lport, claim]).await.unwrap(), [None, None]);
}
