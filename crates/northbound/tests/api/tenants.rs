//! Who sees what and may do what.

use serde_json::{Value, json};

use crate::support::{Api, Client};

async fn ids(client: &mut Client, collection: &str) -> Vec<String> {
    let listed = client.get(&format!("/v2.0/{collection}")).await.expect(200);
    let items = listed[collection].as_array().unwrap().iter();
    items.map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[tokio::test]
async fn everybody_sees_their_own_and_what_is_shared() {
    let api = Api::start().await;
    let (mut admin, mut ann, mut bob) = (api.admin(), api.member("ann"), api.member("bob"));
    let own = ann.create("network", json!({"name": "own"})).await;
    let shared = admin.create("network", json!({"shared": true})).await;
    let external = admin.create("network", json!({"router:external": true})).await;
    let hidden = admin.create("network", json!({})).await;
    for network in [&own, &shared, &external, &hidden] {
        let cidr = json!({"network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/24", "enable_dhcp": false});
        admin.create("subnet", cidr).await;
    }
    let mut expected: Vec<String> = [&own, &shared, &external].map(|own| text(&own["id"]).to_owned()).into();
    expected.sort();
    assert_eq!(ids(&mut ann, "networks").await, expected);
    assert_eq!(ids(&mut bob, "networks").await.len(), 2);
    assert_eq!(ids(&mut ann, "subnets").await.len(), 3);
    assert_eq!(ids(&mut bob, "subnets").await.len(), 2);
    assert_eq!(ids(&mut admin, "networks").await.len(), 4);

    let path = format!("/v2.0/networks/{}", text(&own["id"]));
    let missing = format!("Network {} could not be found.", text(&own["id"]));
    bob.get(&path).await.expect_error(404, "NetworkNotFound", &missing);
    bob.delete(&path).await.expect_error(404, "NetworkNotFound", &missing);
    bob.put(&path, json!({"network": {"name": "mine"}})).await.expect_error(404, "NetworkNotFound", &missing);
    let seen = ann.get(&path).await.expect(200);
    assert_eq!(seen["network"]["name"], "own");
    assert!(seen["network"].get("provider:network_type").is_none(), "that is for administrators");

    // The owner of a network sees all of its ports, others only their own.
    let port = admin.create("port", json!({"network_id": own["id"], "project_id": "bob"})).await;
    assert_eq!(ids(&mut ann, "ports").await, [text(&port["id"])]);
    assert_eq!(ids(&mut bob, "ports").await, [text(&port["id"])]);
    assert_eq!(ids(&mut api.member("eve"), "ports").await, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_dangerous_to_others_is_for_administrators() {
    let api = Api::start().await;
    let (mut admin, mut ann) = (api.admin(), api.member("ann"));
    let shared = admin.create("network", json!({"shared": true})).await;
    let hidden = admin.create("network", json!({})).await;
    let external = admin.create("network", json!({"router:external": true})).await;
    let own = ann.create("network", json!({"shared": false})).await;
    let subnet =
        json!({"network_id": shared["id"], "ip_version": 4, "cidr": "10.0.0.0/24", "enable_dhcp": false});
    admin.create("subnet", subnet.clone()).await;
    let forbidden = |rule: &str| format!("{rule} is disallowed by policy");
    let port = |more: Value| {
        let mut attributes = json!({"network_id": shared["id"]});
        attributes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"port": attributes})
    };
    for (path, body, rule) in [
        (
            "networks",
            json!({"network": {"shared": true}}),
            "(rule:create_network and rule:create_network:shared)",
        ),
        (
            "networks",
            json!({"network": {"provider:network_type": "vlan", "router:external": true}}),
            "((rule:create_network and rule:create_network:router:external) and \
             rule:create_network:provider:network_type)",
        ),
        ("subnets", json!({"subnet": subnet}), "rule:create_subnet"),
        (
            "ports",
            port(json!({"mac_address": "fa:16:3e:00:00:01"})),
            "(rule:create_port and rule:create_port:mac_address)",
        ),
        (
            "ports",
            port(json!({"binding:host_id": "h"})),
            "(rule:create_port and rule:create_port:binding:host_id)",
        ),
        (
            "ports",
            port(json!({"fixed_ips": [{"ip_address": "10.0.0.9"}]})),
            "(rule:create_port and rule:create_port:fixed_ips:ip_address)",
        ),
        (
            "ports",
            port(json!({"device_owner": "network:dhcp"})),
            "(rule:create_port and rule:create_port:device_owner)",
        ),
    ] {
        let reply = ann.post(&format!("/v2.0/{path}"), body).await;
        reply.expect_error(403, "PolicyNotAuthorized", &forbidden(rule));
    }
    ann.put(&format!("/v2.0/networks/{}", text(&own["id"])), json!({"network": {"shared": true}}))
        .await
        .expect_error(
            403,
            "PolicyNotAuthorized",
            &forbidden("(rule:update_network and rule:update_network:shared)"),
        );
    ann.delete(&format!("/v2.0/networks/{}", text(&shared["id"]))).await.expect_error(
        403,
        "PolicyNotAuthorized",
        &forbidden("rule:delete_network"),
    );
    let foreign = json!({"network": {"project_id": "bob"}});
    ann.post("/v2.0/networks", foreign).await.expect_error(
        400,
        "HTTPBadRequest",
        "Specifying 'project_id' other than the authenticated project in request is not allowed for the current user.",
    );
    let hidden_port = json!({"port": {"network_id": hidden["id"]}});
    ann.post("/v2.0/ports", hidden_port).await.expect_error(
        404,
        "NetworkNotFound",
        &format!("Network {} could not be found.", text(&hidden["id"])),
    );
    let external_port = json!({"port": {"network_id": external["id"]}});
    ann.post("/v2.0/ports", external_port).await.expect_error(
        404,
        "HTTPNotFound",
        "The resource could not be found.",
    );
    let created =
        ann.create("port", json!({"network_id": shared["id"], "device_owner": "compute:nova"})).await;
    assert!(created.get("binding:host_id").is_none());
}

#[tokio::test]
async fn readers_read() {
    let api = Api::start().await;
    let own = api.member("ann").create("network", json!({})).await;
    let mut reader = api.client(&[("X-Project-Id", "ann"), ("X-Roles", "reader")]);
    let path = format!("/v2.0/networks/{}", text(&own["id"]));
    reader.get(&path).await.expect(200);
    let forbidden = |verb: &str| format!("rule:{verb}_network is disallowed by policy");
    reader.post("/v2.0/networks", json!({"network": {}})).await.expect_error(
        403,
        "PolicyNotAuthorized",
        &forbidden("create"),
    );
    reader.delete(&path).await.expect_error(403, "PolicyNotAuthorized", &forbidden("delete"));
    let tags = reader.put(&format!("{path}/tags"), json!({"tags": []})).await;
    tags.expect_error(403, "PolicyNotAuthorized", "rule:update_network:tags is disallowed by policy");
}

#[tokio::test]
async fn a_network_that_others_use_stays_shared() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let shared = admin.create("network", json!({"shared": true, "name": "s"})).await;
    let port = api.member("ann").create("port", json!({"network_id": shared["id"]})).await;
    let path = format!("/v2.0/networks/{}", text(&shared["id"]));
    let unshare = json!({"network": {"shared": false}});
    admin.put(&path, unshare.clone()).await.expect_error(
        409,
        "InvalidSharedSetting",
        "Unable to reconfigure sharing settings for network s. Multiple projects are using it.",
    );
    admin.delete(&format!("/v2.0/ports/{}", text(&port["id"]))).await.expect(204);
    admin.put(&path, unshare).await.expect(200);
}
