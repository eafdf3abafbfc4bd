//! Floating IPs and the routers that they are behind.

use model::Table;
use nb::{Selector, Store as _, TableName};
use northbound::ipam::claim::{ADDRESSES, MACS};
use northbound::registry::Kind;
use northbound::translate::segment::SEGMENTS;
use northbound::write::GUARDS;
use serde_json::{Value, json};

use crate::floating_ips::{FLOATING_IPS, id, outside, path, rows};
use crate::support::{Api, Client};

/// A router of the API between a network outside and one inside, which are given back with it and the subnet inside.
async fn routed(admin: &mut Client) -> (Value, Value, Value, Value) {
    let (outside, _) = outside(admin, "172.24.4.0/24").await;
    let inside = admin.create("network", json!({})).await;
    let subnet = json!({"network_id": inside["id"], "ip_version": 4, "cidr": "10.6.0.0/24"});
    let subnet = admin.create("subnet", subnet).await;
    let router = json!({"external_gateway_info": {"network_id": outside["id"]}});
    let router = admin.create("router", router).await;
    let interface = json!({"subnet_id": subnet["id"]});
    admin.put(&format!("{}/add_router_interface", path("routers", &router)), interface).await.expect(200);
    (outside, inside, subnet, router)
}

#[tokio::test]
async fn a_router_keeps_what_floating_ips_need() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let (outside, inside, subnet, router) = routed(&mut admin).await;
    let port = admin.create("port", json!({"network_id": inside["id"]})).await;
    let floating_ip = admin.create("floatingip", json!({"floating_network_id": outside["id"]})).await;
    let of_floating_ip = path("floatingips", &floating_ip);
    let rule = json!({"port_forwarding": {"protocol": "tcp", "external_port": 80, "internal_port": 80,
        "internal_port_id": port["id"], "internal_ip_address": port["fixed_ips"][0]["ip_address"]}});
    let removal = format!("{}/remove_router_interface", path("routers", &router));
    for is_rule in [false, true] {
        let of_port = if is_rule { json!(null) } else { port["id"].clone() };
        let changed =
            admin.put(&of_floating_ip, json!({"floatingip": {"port_id": of_port}})).await.expect(200);
        if is_rule {
            admin.post(&format!("{of_floating_ip}/port_forwardings"), rule.clone()).await.expect(201);
        } else {
            assert_eq!(changed["floatingip"]["router_id"], router["id"]);
        }
        let refused = format!(
            "Router interface for subnet {} on router {} cannot be deleted, as it is required by one or more floating IPs.",
            id(&subnet),
            id(&router)
        );
        let reply = admin.put(&removal, json!({"subnet_id": subnet["id"]})).await;
        reply.expect_error(409, "RouterInterfaceInUseByFloatingIP", &refused);
        let refused = format!(
            "Gateway cannot be updated for router {}, since a gateway to external network {} is required by one or more \
             floating IPs.",
            id(&router),
            id(&outside)
        );
        let body = json!({"router": {"external_gateway_info": null}});
        let reply = admin.put(&path("routers", &router), body).await;
        reply.expect_error(409, "RouterExternalGatewayInUseByFloatingIp", &refused);
    }
    admin.delete(&path("ports", &port)).await.expect(204);
    admin.put(&removal, json!({"subnet_id": subnet["id"]})).await.expect(200);
    admin.delete(&path("routers", &router)).await.expect(204);
    assert!(rows(&api).await[0].lrouter.is_none());
}

#[tokio::test]
async fn of_a_router_that_goes_and_a_floating_ip_that_comes_one_is_refused() {
    for _ in 0..10 {
        let api = Api::start().await;
        let mut admin = api.admin();
        let (outside, inside, subnet, router) = routed(&mut admin).await;
        let port = admin.create("port", json!({"network_id": inside["id"]})).await;
        let floating_ip =
            json!({"floatingip": {"floating_network_id": outside["id"], "port_id": port["id"]}});
        let other = Api::with(api.store.clone(), northbound::Settings::default()).await;
        let (mut first, mut second) = (api.admin(), other.admin());
        let removal = format!("{}/remove_router_interface", path("routers", &router));
        let interface = json!({"subnet_id": subnet["id"]});
        let (came, went) =
            tokio::join!(first.post(FLOATING_IPS, floating_ip), second.put(&removal, interface));
        assert!(
            matches!((came.status, went.status), (201, 409) | (404, 200)),
            "{} {}: {} {}",
            came.status,
            went.status,
            came.text,
            went.text
        );
    }
}

#[tokio::test]
async fn a_change_that_says_nothing_at_all_takes_away_what_it_stands_for() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let (outside, inside, ..) = routed(&mut admin).await;
    let port = admin.create("port", json!({"network_id": inside["id"]})).await;
    let body = json!({"floating_network_id": outside["id"], "port_id": port["id"]});
    let floating_ip = admin.create("floatingip", body).await;
    let path = path("floatingips", &floating_ip);
    let described = admin.put(&path, json!({"floatingip": {"description": "d"}})).await.expect(200);
    assert_eq!(described["floatingip"]["port_id"], port["id"], "this says something");
    let cleared = admin.put(&path, json!({"floatingip": {}})).await.expect(200);
    assert_eq!(
        (&cleared["floatingip"]["port_id"], &cleared["floatingip"]["router_id"]),
        (&Value::Null, &Value::Null)
    );
}

/// All tables that the server writes.
pub(crate) fn everything() -> Selector {
    let own = Kind::ALL.map(|kind| kind.resource().table.clone());
    let others = [ADDRESSES, MACS, SEGMENTS, GUARDS];
    Selector::tables(Table::ALL.iter().map(|table| TableName::from(*table)).chain(own).chain(others))
}

#[tokio::test]
async fn what_is_deleted_leaves_nothing() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let mut left = Vec::new();
    for _ in 0..3 {
        let (outside, inside, subnet, router) = routed(&mut admin).await;
        let port = admin.create("port", json!({"network_id": inside["id"]})).await;
        let body = json!({"floating_network_id": outside["id"], "port_id": port["id"]});
        let floating_ip = admin.create("floatingip", body).await;
        let change = json!({"router": {"admin_state_up": false}});
        admin.put(&path("routers", &router), change).await.expect(200);
        for (collection, resource) in [("floatingips", &floating_ip), ("ports", &port)] {
            admin.delete(&path(collection, resource)).await.expect(204);
        }
        let interface = json!({"subnet_id": subnet["id"]});
        admin
            .put(&format!("{}/remove_router_interface", path("routers", &router)), interface)
            .await
            .expect(200);
        for (collection, resource) in [("routers", &router), ("networks", &inside), ("networks", &outside)] {
            admin.delete(&path(collection, resource)).await.expect(204);
        }
        let rows = api.store.snapshot(&everything()).await.unwrap().rows;
        left.push(rows.iter().map(|row| row.key.to_string()).collect::<Vec<_>>());
    }
    assert_eq!(left[1], left[2], "the first round leaves what projects have anyway, and counts");
    assert_eq!(left[0], left[1]);
}
