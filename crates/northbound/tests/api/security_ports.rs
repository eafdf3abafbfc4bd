//! The security groups of ports.

use northbound::Settings;
use serde_json::{Value, json};

use crate::support::{Api, Client};

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn path(port: &Value) -> String {
    format!("/v2.0/ports/{}", text(&port["id"]))
}

async fn default_group(client: &mut Client) -> Value {
    let listed = client.get("/v2.0/security-groups?name=default").await.expect(200);
    listed["security_groups"][0]["id"].clone()
}

#[tokio::test]
async fn ports_are_in_the_groups_that_are_said_or_in_the_default_one() {
    let api = Api::start().await;
    let mut ann = api.member("ann");
    let network = ann.create("network", json!({})).await["id"].clone();
    let open = ann.create("network", json!({"port_security_enabled": false})).await["id"].clone();
    let default = default_group(&mut ann).await;
    let group = ann.create("security_group", json!({})).await["id"].clone();
    for (said, expected) in [
        (json!({"network_id": network}), json!([default])),
        (json!({"network_id": network, "security_groups": []}), json!([])),
        (json!({"network_id": network, "security_groups": null}), json!([])),
        (json!({"network_id": network, "security_groups": [group]}), json!([group])),
        (json!({"network_id": network, "security_groups": [group, default]}), json!([group, default])),
        (json!({"network_id": network, "port_security_enabled": false}), json!([])),
        (json!({"network_id": network, "device_owner": "network:router_interface"}), json!([])),
        (json!({"network_id": network, "device_owner": "compute:nova"}), json!([default])),
        (json!({"network_id": open}), json!([])),
        (json!({"network_id": open, "port_security_enabled": true}), json!([default])),
    ] {
        let port = ann.create("port", said.clone()).await;
        assert_eq!(port["security_groups"], expected, "{said}");
    }
    for (query, count) in [
        (format!("security_groups={}", text(&group)), 2),
        (format!("security_groups={}", text(&default)), 4),
        (format!("security_groups={}&security_groups={}", text(&group), text(&default)), 5),
        ("security_groups=x".to_owned(), 0),
    ] {
        let listed = ann.get(&format!("/v2.0/ports?{query}")).await.expect(200);
        assert_eq!(listed["ports"].as_array().map(Vec::len), Some(count), "{query}");
    }
    // The default group is that of the port's project, whoever makes the port.
    let made = api.admin().create("port", json!({"network_id": network, "project_id": "ann"})).await;
    assert_eq!(made["security_groups"], json!([default]));
    let service = [("X-Project-Id", "service"), ("X-Roles", "service")];
    let made = api.client(&service).create("port", json!({"network_id": network, "project_id": "ann"})).await;
    assert_eq!(made["security_groups"], json!([default]));
    let subnet = json!({"network_id": network, "ip_version": 4, "cidr": "10.0.0.0/24"});
    ann.create("subnet", subnet).await;
    let server = ann.get("/v2.0/ports?device_owner=network:dhcp").await.expect(200);
    assert_eq!(server["ports"][0]["security_groups"], json!([]));
}

#[tokio::test]
async fn ports_change_their_groups() {
    let api = Api::start().await;
    let mut ann = api.member("ann");
    let network = ann.create("network", json!({})).await["id"].clone();
    let group = ann.create("security_group", json!({})).await["id"].clone();
    let port = ann.create("port", json!({"network_id": network})).await;
    for (said, expected) in [
        (json!([group]), json!([group])),
        (json!([]), json!([])),
        (json!([group]), json!([group])),
        (json!(null), json!([])),
    ] {
        let changed = ann.put(&path(&port), json!({"port": {"security_groups": said}})).await.expect(200);
        assert_eq!(changed["port"]["security_groups"], expected, "{said}");
    }
    let before = ann.put(&path(&port), json!({"port": {"name": "n"}})).await.expect(200);
    assert_eq!(before["port"]["security_groups"], json!([]), "only a new port gets the default group");
    let none = "11111111-1111-4111-8111-111111111111";
    for (said, status, kind, message) in [
        (json!([none]), 404, "SecurityGroupNotFound", format!("Security group {none} does not exist")),
        (
            json!([group, group]),
            400,
            "HTTPBadRequest",
            format!(
                "Invalid input for security_groups. Reason: Duplicate items in the list: '{}'.",
                text(&group)
            ),
        ),
        (
            json!(["x"]),
            400,
            "HTTPBadRequest",
            "Invalid input for security_groups. Reason: 'x' is not a valid UUID.".to_owned(),
        ),
        (
            json!("x"),
            400,
            "HTTPBadRequest",
            "Invalid input for security_groups. Reason: 'x' is not a list.".to_owned(),
        ),
    ] {
        let reply = ann.put(&path(&port), json!({"port": {"security_groups": said}})).await;
        reply.expect_error(status, kind, &message);
    }
    assert_eq!(ann.get(&path(&port)).await.expect(200), before, "nothing came of it");
}

#[tokio::test]
async fn groups_of_others_are_not_there_but_for_administrators() {
    let api = Api::start().await;
    let (mut ann, mut admin) = (api.member("ann"), api.admin());
    let network = ann.create("network", json!({})).await["id"].clone();
    let his = api.member("bob").create("security_group", json!({})).await["id"].clone();
    let more = api.member("bob").create("security_group", json!({})).await["id"].clone();
    let body = json!({"port": {"network_id": network, "security_groups": [his, more]}});
    let message = format!("Security group {}, {} does not exist", text(&his), text(&more));
    ann.post("/v2.0/ports", body.clone()).await.expect_error(404, "SecurityGroupNotFound", &message);
    admin.post("/v2.0/ports", body).await.expect(201);
    let port = ann.create("port", json!({"network_id": network})).await;
    let change = json!({"port": {"security_groups": [his]}});
    ann.put(&path(&port), change.clone()).await.expect(404);
    admin.put(&path(&port), change.clone()).await.expect(200);
    // What stays as it is, is nobody's affair.
    ann.put(&path(&port), change).await.expect(200);
}

#[tokio::test]
async fn a_port_that_is_not_secured_has_no_groups() {
    let api = Api::start().await;
    let mut ann = api.member("ann");
    let network = ann.create("network", json!({})).await["id"].clone();
    let group = ann.create("security_group", json!({})).await["id"].clone();
    let required = (
        400,
        "PortSecurityAndIPRequiredForSecurityGroups",
        "Port security must be enabled and port must have an IP address in order to use security groups.",
    );
    let body = json!({"network_id": network, "port_security_enabled": false, "security_groups": [group]});
    let reply = ann.post("/v2.0/ports", json!({"port": body})).await;
    reply.expect_error(required.0, required.1, required.2);
    let trusted = json!({"network_id": network, "device_owner": "network:x", "security_groups": [group]});
    let reply = ann.post("/v2.0/ports", json!({"port": trusted})).await;
    reply.expect_error(required.0, required.1, required.2);

    let port = ann.create("port", json!({"network_id": network, "security_groups": [group]})).await;
    let off = json!({"port": {"port_security_enabled": false}});
    ann.put(&path(&port), off.clone()).await.expect_error(
        409,
        "PortSecurityPortHasSecurityGroup",
        "Port has security group associated. Cannot disable port security or IP address until security group is \
         removed.",
    );
    let off_and_on = json!({"port": {"port_security_enabled": false, "security_groups": [group]}});
    ann.put(&path(&port), off_and_on).await.expect_error(required.0, required.1, required.2);
    let off_and_none = json!({"port": {"port_security_enabled": false, "security_groups": []}});
    ann.put(&path(&port), off_and_none).await.expect(200);
    let reply = ann.put(&path(&port), json!({"port": {"security_groups": [group]}})).await;
    reply.expect_error(required.0, required.1, required.2);
    let both = json!({"port": {"port_security_enabled": true, "security_groups": [group]}});
    ann.put(&path(&port), both).await.expect(200);
}

#[tokio::test]
async fn groups_of_two_kinds_do_not_go_together() {
    let api = Api::start().await;
    let mut ann = api.member("ann");
    let network = ann.create("network", json!({})).await["id"].clone();
    let stateful = ann.create("security_group", json!({})).await["id"].clone();
    let stateless = ann.create("security_group", json!({"stateful": false})).await["id"].clone();
    let message = "Error Cannot apply both stateful and stateless security groups on the same port at the same time while \
                   attempting the operation.";
    let both = json!([stateful, stateless]);
    let reply =
        ann.post("/v2.0/ports", json!({"port": {"network_id": network, "security_groups": both}})).await;
    reply.expect_error(409, "SecurityGroupConflict", message);
    for one in [stateful, stateless] {
        let port = ann.create("port", json!({"network_id": network, "security_groups": [one]})).await;
        let reply = ann.put(&path(&port), json!({"port": {"security_groups": both}})).await;
        reply.expect_error(409, "SecurityGroupConflict", message);
    }
}

#[tokio::test]
async fn a_port_has_as_many_address_pairs_as_the_operator_lets_it() {
    for max in [3, 10] {
        let settings = Settings { address_pairs_max: max, ..Settings::default() };
        let api = Api::with(nb::memory::MemoryStore::new(), settings).await;
        let mut admin = api.admin();
        let network = admin.create("network", json!({})).await;
        let pairs = |count: usize| -> Value {
            (1..=count).map(|last| json!({"ip_address": format!("10.0.0.{last}")})).collect()
        };
        let port =
            |count| json!({"port": {"network_id": network["id"], "allowed_address_pairs": pairs(count)}});
        let text = format!("The number of allowed address pair exceeds the maximum {max}.");
        let refused = admin.post("/v2.0/ports", port(max + 1)).await;
        refused.expect_error(400, "AllowedAddressPairExhausted", &text);
        let made = admin.post("/v2.0/ports", port(max)).await.expect(201);
        let path = format!("/v2.0/ports/{}", made["port"]["id"].as_str().unwrap());
        let change = json!({"port": {"allowed_address_pairs": pairs(max + 1)}});
        admin.put(&path, change).await.expect_error(400, "AllowedAddressPairExhausted", &text);
    }
}
