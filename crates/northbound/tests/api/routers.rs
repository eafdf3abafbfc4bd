//! Routers: their life, their interfaces, and the rows that controllers read.

use model::{Object, Table};
use serde_json::{Value, json};

use crate::support::{Api, Client};

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

pub(crate) fn path(collection: &str, resource: &Value) -> String {
    format!("/v2.0/{collection}/{}", text(&resource["id"]))
}

/// A subnet of a new network.
pub(crate) async fn subnet(client: &mut Client, cidr: &str) -> Value {
    let network = client.create("network", json!({})).await;
    subnet_in(client, &network, cidr).await
}

pub(crate) async fn subnet_in(client: &mut Client, network: &Value, cidr: &str) -> Value {
    let version = if cidr.contains(':') { 6 } else { 4 };
    let body =
        json!({"network_id": network["id"], "cidr": cidr, "ip_version": version, "enable_dhcp": false});
    client.create("subnet", body).await
}

/// An external network with a subnet in which .10 to .20 are given out.
pub(crate) async fn external(client: &mut Client, prefix: &str) -> (Value, Value) {
    let network = client.create("network", json!({"router:external": true})).await;
    let body = json!({"network_id": network["id"], "ip_version": 4, "enable_dhcp": false,
        "cidr": format!("{prefix}.0/24"),
        "allocation_pools": [{"start": format!("{prefix}.10"), "end": format!("{prefix}.20")}]});
    let subnet = client.create("subnet", body).await;
    (network, subnet)
}

/// Adds an interface, by what is said.
pub(crate) async fn add(client: &mut Client, router: &Value, said: Value) -> Value {
    client.put(&format!("{}/add_router_interface", path("routers", router)), said).await.expect(200)
}

pub(crate) async fn remove(client: &mut Client, router: &Value, said: Value) -> Value {
    client.put(&format!("{}/remove_router_interface", path("routers", router)), said).await.expect(200)
}

/// Changes a router.
pub(crate) async fn change(client: &mut Client, router: &Value, said: Value) -> Value {
    client.put(&path("routers", router), json!({"router": said})).await.expect(200)["router"].take()
}

pub(crate) async fn shown(client: &mut Client, collection: &str, resource: &Value) -> Value {
    let singular = collection.strip_suffix('s').unwrap();
    client.get(&path(collection, resource)).await.expect(200)[singular].take()
}

async fn row(api: &Api, table: Table) -> Option<Value> {
    let rows: Vec<Object> = api.objects(table).await;
    assert!(rows.len() < 2, "{rows:?}");
    rows.first().map(|row| serde_json::from_str(&row.to_text()).unwrap())
}

#[tokio::test]
async fn a_router_lives() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let body =
        json!({"name": "r", "description": "d", "project_id": "p", "availability_zone_hints": ["nova"]});
    let router = admin.create("router", body).await;
    for (name, value) in [
        ("name", json!("r")),
        ("description", json!("d")),
        ("project_id", json!("p")),
        ("tenant_id", json!("p")),
        ("status", json!("ACTIVE")),
        ("admin_state_up", json!(true)),
        ("distributed", json!(true)),
        ("ha", json!(false)),
        ("external_gateway_info", Value::Null),
        ("external_gateways", json!([])),
        ("routes", json!([])),
        ("availability_zone_hints", json!(["nova"])),
        ("availability_zones", json!(["nova"])),
        ("revision_number", json!(1)),
        ("tags", json!([])),
    ] {
        assert_eq!(router[name], value, "{name}");
    }
    assert!(router.get("interfaces").is_none() && router.get("unique_key").is_none(), "these are ours");
    let changed =
        change(&mut admin, &router, json!({"name": "s", "description": "", "admin_state_up": false})).await;
    assert_eq!((&changed["name"], &changed["revision_number"]), (&json!("s"), &json!(2)));
    let found = admin.get("/v2.0/routers?name=s&fields=id").await.expect(200);
    assert_eq!(found, json!({"routers": [{"id": router["id"]}]}));
    admin.put(&format!("{}/tags/red", path("routers", &router)), json!({})).await.expect(201);
    assert_eq!(shown(&mut admin, "routers", &router).await["tags"], json!(["red"]));

    assert_eq!(row(&api, Table::LogicalRouter).await.unwrap()["name"], "s");
    let extra = row(&api, Table::RouterExtra).await.unwrap();
    assert_eq!((&extra["enabled"], &extra["distributed"]), (&json!(false), &json!(true)));
    change(&mut admin, &router, json!({"admin_state_up": true})).await;
    let extra = row(&api, Table::RouterExtra).await.unwrap();
    assert_eq!((&extra["enabled"], &extra["zones"]), (&json!(true), &json!(["nova"])));
    admin.delete(&path("routers", &router)).await.expect(204);
    assert_eq!((row(&api, Table::LogicalRouter).await, row(&api, Table::RouterExtra).await), (None, None));
    let plain = admin.create("router", json!({"name": "plain"})).await;
    assert_eq!(row(&api, Table::RouterExtra).await, None, "a plain router says nothing besides");
    admin.delete(&path("routers", &plain)).await.expect(204);
    admin.get(&path("routers", &router)).await.expect_error(
        404,
        "RouterNotFound",
        &format!("Router {} could not be found", text(&router["id"])),
    );
}

#[tokio::test]
async fn an_interface_by_subnet_is_a_port_with_the_gateways_address() {
    let api = Api::start().await;
    let mut ann = api.member("ann");
    let subnet = subnet(&mut ann, "10.1.0.0/24").await;
    let router = ann.create("router", json!({"name": "r"})).await;
    let added = add(&mut ann, &router, json!({"subnet_id": subnet["id"]})).await;
    for (name, value) in [
        ("id", router["id"].clone()),
        ("tenant_id", json!("ann")),
        ("project_id", json!("ann")),
        ("network_id", subnet["network_id"].clone()),
        ("subnet_id", subnet["id"].clone()),
        ("subnet_ids", json!([subnet["id"]])),
    ] {
        assert_eq!(added[name], value, "{name}");
    }
    let port = shown(&mut ann, "ports", &json!({"id": added["port_id"]})).await;
    for (name, value) in [
        ("device_id", router["id"].clone()),
        ("device_owner", json!("network:router_interface_distributed")),
        ("project_id", json!("ann")),
        ("status", json!("ACTIVE")),
        ("port_security_enabled", json!(false)),
        ("security_groups", json!([])),
        ("fixed_ips", json!([{"subnet_id": subnet["id"], "ip_address": "10.1.0.1"}])),
    ] {
        assert_eq!(port[name], value, "{name}");
    }
    let router_row = row(&api, Table::LogicalRouter).await.unwrap();
    let lport = row(&api, Table::LogicalPort).await.unwrap();
    assert_eq!(
        router_row["ports"],
        json!([{"id": port["id"], "lswitch": subnet["network_id"], "mac": port["mac_address"],
            "network": "10.1.0.1/24", "topic": "ann", "unique_key": lport["unique_key"]}])
    );
    assert_eq!(router_row["version"], 2, "controllers see that the router changed");

    let removed = remove(&mut ann, &router, json!({"subnet_id": subnet["id"]})).await;
    assert_eq!((&removed["port_id"], &removed["subnet_ids"]), (&port["id"], &json!([subnet["id"]])));
    assert_eq!(row(&api, Table::LogicalPort).await, None, "the port goes with the interface");
    assert_eq!(row(&api, Table::LogicalRouter).await.unwrap()["ports"], json!([]));
    ann.delete(&path("routers", &router)).await.expect(204);
}

#[tokio::test]
async fn an_interface_by_port_is_that_port() {
    let api = Api::start().await;
    let mut ann = api.member("ann");
    let subnet = subnet(&mut ann, "10.1.0.0/24").await;
    let port = ann.create("port", json!({"network_id": subnet["network_id"], "name": "leg"})).await;
    let router = ann.create("router", json!({})).await;
    let added = add(&mut ann, &router, json!({"port_id": port["id"]})).await;
    assert_eq!((&added["port_id"], &added["subnet_id"]), (&port["id"], &subnet["id"]));
    let port = shown(&mut ann, "ports", &port).await;
    assert_eq!((&port["device_id"], &port["name"]), (&router["id"], &json!("leg")));

    // Its address may change as long as it fits; the router's row follows.
    let body = json!({"port": {"fixed_ips": [{"ip_address": "10.1.0.77"}]}});
    ann.put(&path("ports", &port), body).await.expect(200);
    assert_eq!(row(&api, Table::LogicalRouter).await.unwrap()["ports"][0]["network"], "10.1.0.77/24");
    let removed = remove(&mut ann, &router, json!({"port_id": port["id"], "subnet_id": subnet["id"]})).await;
    assert_eq!(removed["subnet_id"], subnet["id"]);
    ann.get(&path("ports", &port)).await.expect(404);
}

#[tokio::test]
async fn prefixes_of_a_network_share_a_port() {
    let api = Api::start().await;
    let mut ann = api.member("ann");
    let network = ann.create("network", json!({})).await;
    let four = subnet_in(&mut ann, &network, "10.1.0.0/24").await;
    let six = subnet_in(&mut ann, &network, "fd00:1::/64").await;
    let seven = subnet_in(&mut ann, &network, "fd00:2::/64").await;
    let router = ann.create("router", json!({})).await;
    let of_four = add(&mut ann, &router, json!({"subnet_id": four["id"]})).await;
    let of_six = add(&mut ann, &router, json!({"subnet_id": six["id"]})).await;
    let of_seven = add(&mut ann, &router, json!({"subnet_id": seven["id"]})).await;
    assert_ne!(of_four["port_id"], of_six["port_id"]);
    assert_eq!(of_six["port_id"], of_seven["port_id"]);
    assert_eq!(of_seven["subnet_ids"], json!([seven["id"]]));
    let port = json!({"id": of_six["port_id"]});
    assert_eq!(shown(&mut ann, "ports", &port).await["fixed_ips"].as_array().unwrap().len(), 2);
    let ports = row(&api, Table::LogicalRouter).await.unwrap()["ports"].take();
    assert_eq!(ports[1]["network"], "fd00:1::/64", "the first prefix; the port's row has all");

    remove(&mut ann, &router, json!({"subnet_id": six["id"]})).await;
    let left = shown(&mut ann, "ports", &port).await["fixed_ips"].take();
    assert_eq!(left, json!([{"subnet_id": seven["id"], "ip_address": "fd00:2::"}]));
    let ports = row(&api, Table::LogicalRouter).await.unwrap()["ports"].take();
    assert_eq!(ports[1]["network"], "fd00:2::/64");
    remove(&mut ann, &router, json!({"subnet_id": seven["id"]})).await;
    ann.get(&path("ports", &port)).await.expect(404);
}
