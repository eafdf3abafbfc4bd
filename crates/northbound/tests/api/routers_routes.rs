//! Routes of routers, and several gateways.

use model::Table;
use serde_json::{Value, json};

use crate::routers::{add, change, external, path, remove, shown, subnet, text};
use crate::support::{Api, Client, Reply};

async fn act(client: &mut Client, router: &Value, action: &str, said: Value) -> Reply {
    client.put(&format!("{}/{action}", path("routers", router)), json!({"router": said})).await
}

fn route(destination: &str, nexthop: &str) -> Value {
    json!({"destination": destination, "nexthop": nexthop})
}

#[tokio::test]
async fn routes_lead_to_neighbours() {
    let api = Api::start().await;
    let mut ann = api.member("ann");
    let subnet = subnet(&mut ann, "10.1.0.0/24").await;
    let router = ann.create("router", json!({})).await;
    add(&mut ann, &router, json!({"subnet_id": subnet["id"]})).await;
    let (one, two) = (route("10.50.0.0/16", "10.1.0.9"), route("10.50.0.0/16", "10.1.0.10"));
    let changed = change(&mut ann, &router, json!({"routes": [one, two]})).await;
    assert_eq!(changed["routes"], json!([one, two]), "one destination may have two next hops");
    let row: Value = serde_json::from_str(&api.objects(Table::LogicalRouter).await[0].to_text()).unwrap();
    assert_eq!(row["routes"], json!([one, two]));

    let put = async |client: &mut Client, routes: Value| {
        client.put(&path("routers", &router), json!({"router": {"routes": routes}})).await
    };
    let mut refuse = async |routes: Value, status: u16, kind: &str, message: &str| {
        put(&mut ann, routes).await.expect_error(status, kind, message);
    };
    let invalid = |hop: &str, reason: &str| {
        format!(
            "Invalid format for routes: [{{'destination': '10.60.0.0/16', 'nexthop': '{hop}'}}], {reason}"
        )
    };
    for (hop, reason) in [
        ("10.2.0.9", "the nexthop is not connected with router"),
        ("10.1.0.1", "the nexthop is used by router"),
    ] {
        refuse(json!([route("10.60.0.0/16", hop)]), 400, "InvalidRoutes", &invalid(hop, reason)).await;
    }
    let wrong = "Invalid input for routes. Reason: '10.60.0.7/16' is not a valid CIDR.";
    refuse(json!([route("10.60.0.7/16", "10.1.0.9")]), 400, "HTTPBadRequest", wrong).await;
    let many: Vec<Value> = (0..31).map(|third| route(&format!("10.60.{third}.0/24"), "10.1.0.9")).collect();
    let text_of = format!(
        "Unable to complete operation for {}. The number of routes exceeds the maximum 30.",
        text(&router["id"])
    );
    refuse(json!(many), 400, "RoutesExhausted", &text_of).await;

    let refused = ann
        .put(
            &format!("{}/remove_router_interface", path("routers", &router)),
            json!({"subnet_id": subnet["id"]}),
        )
        .await;
    refused.expect_error(
        409,
        "RouterInterfaceInUseByRoute",
        &format!(
            "Router interface for subnet {} on router {} cannot be deleted, as it is required by one or more routes.",
            text(&subnet["id"]),
            text(&router["id"])
        ),
    );
    assert_eq!(change(&mut ann, &router, json!({"routes": null})).await["routes"], json!([]));
    remove(&mut ann, &router, json!({"subnet_id": subnet["id"]})).await;
}

#[tokio::test]
async fn some_routes_change_whatever_the_others_are() {
    let api = Api::start().await;
    let mut ann = api.member("ann");
    let subnet = subnet(&mut ann, "10.1.0.0/24").await;
    let router = ann.create("router", json!({})).await;
    add(&mut ann, &router, json!({"subnet_id": subnet["id"]})).await;
    let (one, two) = (route("10.50.0.0/16", "10.1.0.9"), route("10.51.0.0/16", "10.1.0.9"));
    let added = act(&mut ann, &router, "add_extraroutes", json!({"routes": [one]})).await.expect(200);
    assert_eq!(added["router"]["routes"], json!([one]));
    let added = act(&mut ann, &router, "add-extraroutes", json!({"routes": [one, two]})).await.expect(200);
    assert_eq!(added["router"]["routes"], json!([one, two]), "what is there already is there once");
    let unknown = route("10.52.0.0/16", "10.1.0.9");
    let removed =
        act(&mut ann, &router, "remove_extraroutes", json!({"routes": [unknown, one]})).await.expect(200);
    assert_eq!(removed["router"]["routes"], json!([two]), "what is not there is not missed");
    let refused =
        act(&mut ann, &router, "add_extraroutes", json!({"routes": [route("10.60.0.0/16", "10.2.0.9")]}));
    assert_eq!(refused.await.expect(400)["NeutronError"]["type"], "InvalidRoutes");
    act(&mut ann, &router, "add_extraroutes", json!({"routes": "x"})).await.expect_error(
        400,
        "HTTPBadRequest",
        "Invalid input for routes. Reason: Invalid data format for hostroute: 'x'.",
    );
    act(&mut ann, &router, "add_extraroutes", json!({"name": "x"})).await.expect(400);
    let mut reader = api.client(&[("X-Project-Id", "ann"), ("X-Roles", "reader")]);
    act(&mut reader, &router, "add_extraroutes", json!({"routes": []})).await.expect_error(
        403,
        "PolicyNotAuthorized",
        "rule:add_extraroutes is disallowed by policy",
    );
}

#[tokio::test]
async fn a_route_may_lead_nowhere() {
    let api = Api::start().await;
    let mut ann = api.member("ann");
    assert_eq!(
        ann.get("/v2.0/extensions/df-discard-routes").await.expect(200)["extension"]["alias"],
        "df-discard-routes"
    );
    let subnet = subnet(&mut ann, "10.1.0.0/24").await;
    let router = ann.create("router", json!({})).await;
    add(&mut ann, &router, json!({"subnet_id": subnet["id"]})).await;
    let discards = async || {
        let rows = api.objects(Table::RouterExtra).await;
        let row = rows.first().map(|row| serde_json::from_str::<Value>(&row.to_text()).unwrap());
        row.map(|row| row["discards"].clone()).unwrap_or_default()
    };
    let (nowhere, other) = (route("10.50.0.0/16", "discard"), route("10.51.0.0/16", "discard"));
    let there = route("10.50.7.0/24", "10.1.0.9");
    let changed = change(&mut ann, &router, json!({"routes": [nowhere, there]})).await;
    assert_eq!(changed["routes"], json!([nowhere, there]));
    assert_eq!(discards().await, json!(["10.50.0.0/16"]));
    let row: Value = serde_json::from_str(&api.objects(Table::LogicalRouter).await[0].to_text()).unwrap();
    assert_eq!(row["routes"], json!([there]), "the original's row has what it can read");
    let added =
        act(&mut ann, &router, "add_extraroutes", json!({"routes": [nowhere, other]})).await.expect(200);
    assert_eq!(added["router"]["routes"], json!([nowhere, there, other]));
    let removed = act(&mut ann, &router, "remove_extraroutes", json!({"routes": [other]})).await.expect(200);
    assert_eq!(removed["router"]["routes"], json!([nowhere, there]), "and not all that lead nowhere");

    let twice = json!({"routes": [route("10.50.0.0/16", "10.1.0.9")]});
    let refused = act(&mut ann, &router, "add_extraroutes", twice).await.expect(400);
    assert!(
        text(&refused["NeutronError"]["message"])
            .ends_with("a destination that is discarded has no other nexthop")
    );
    for wrong in ["Discard", "blackhole", ""] {
        let body = json!({"router": {"routes": [route("10.50.0.0/16", wrong)]}});
        let put = ann.put(&path("routers", &router), body).await;
        let message = format!("Invalid input for routes. Reason: '{wrong}' is not a valid IP address.");
        put.expect_error(400, "HTTPBadRequest", &message);
    }
    let routes = json!({"subnet": {"host_routes": [nowhere]}});
    ann.put(&path("subnets", &subnet), routes).await.expect(400);
    change(&mut ann, &router, json!({"routes": []})).await;
    assert_eq!(discards().await, Value::Null, "a plain router has no such row");
}

#[tokio::test]
async fn a_route_through_the_gateway_keeps_it() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let (network, _) = external(&mut admin, "172.16.0").await;
    let body = json!({"external_gateway_info": {"network_id": network["id"]}, "project_id": "p"});
    let router = admin.create("router", body).await;
    change(&mut admin, &router, json!({"routes": [route("10.50.0.0/16", "172.16.0.7")]})).await;
    let gone = json!({"router": {"external_gateway_info": null}});
    let refused = admin.put(&path("routers", &router), gone).await.expect(400);
    assert_eq!(refused["NeutronError"]["type"], "InvalidRoutes");
    assert_ne!(shown(&mut admin, "routers", &router).await["external_gateway_info"], Value::Null);
    // With the route it goes.
    change(&mut admin, &router, json!({"routes": [], "external_gateway_info": null})).await;
}

fn addresses(gateways: &Value) -> Vec<String> {
    let gateways = gateways.as_array().unwrap().iter();
    gateways.map(|own| text(&own["external_fixed_ips"][0]["ip_address"]).to_owned()).collect()
}

/// What the router then shows of its gateways.
async fn gateways(client: &mut Client, router: &Value, action: &str, said: Value) -> Value {
    let reply = act(client, router, action, json!({"external_gateways": said})).await;
    reply.expect(200)["router"]["external_gateways"].take()
}

#[tokio::test]
async fn a_router_may_have_several_gateways() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let (one, _) = external(&mut admin, "172.16.0").await;
    let (two, _) = external(&mut admin, "172.17.0").await;
    let router = admin.create("router", json!({"project_id": "p"})).await;
    let at = |network: &Value, address: &str| json!({"network_id": network["id"], "external_fixed_ips": [{"ip_address": address}]});
    let said = json!([at(&one, "172.16.0.5"), at(&one, "172.16.0.6"), at(&two, "172.17.0.5")]);
    let added = gateways(&mut admin, &router, "add_external_gateways", said).await;
    assert_eq!(addresses(&added), ["172.16.0.5", "172.16.0.6", "172.17.0.5"]);
    let first = shown(&mut admin, "routers", &router).await["external_gateway_info"].take();
    assert_eq!(first, added[0], "the first is the one that routers with one gateway have");
    let row: Value = serde_json::from_str(&api.objects(Table::RouterExtra).await[0].to_text()).unwrap();
    let networks: Vec<&Value> =
        row["gateways"].as_array().unwrap().iter().map(|own| &own["lswitch"]).collect();
    assert_eq!(networks, [&one["id"], &one["id"], &two["id"]]);

    // Two in one network cannot be told apart by the network.
    let unmatched = format!(
        "Unable to match a requested gateway port to existing gateway ports for router {}",
        text(&router["id"])
    );
    for said in [json!([{"network_id": one["id"]}]), json!([at(&one, "172.16.0.7")])] {
        let said = json!({"external_gateways": said});
        let refused = act(&mut admin, &router, "remove_external_gateways", said).await;
        refused.expect_error(400, "UnableToMatchGateways", &unmatched);
    }
    // Where the first goes the next takes its place.
    let said = json!([at(&one, "172.16.0.5")]);
    let left = gateways(&mut admin, &router, "remove_external_gateways", said).await;
    assert_eq!(addresses(&left), ["172.16.0.6", "172.17.0.5"]);
    let said = json!([at(&two, "172.17.0.5"), at(&one, "172.16.0.8")]);
    let left = gateways(&mut admin, &router, "update_external_gateways", said).await;
    assert_eq!(addresses(&left), ["172.17.0.5", "172.16.0.8"]);
    let left =
        gateways(&mut admin, &router, "update_external_gateways", json!([{"network_id": one["id"]}])).await;
    assert_eq!(addresses(&left), ["172.16.0.8"]);
    let left = gateways(&mut admin, &router, "update_external_gateways", json!([])).await;
    assert_eq!(left, json!([]));
    assert_eq!(admin.get("/v2.0/ports").await.expect(200), json!({"ports": []}));

    let said = json!({"external_gateways": [at(&one, "172.16.0.5")]});
    let text_of = format!("Unable to remove extra gateways from a router {}", text(&router["id"]));
    let refused = act(&mut admin, &router, "remove_external_gateways", said.clone()).await;
    refused.expect_error(400, "UnableToRemoveGateways", &text_of);
    let mut owner = api.member("p");
    act(&mut owner, &router, "add_external_gateways", said).await.expect_error(
        403,
        "PolicyNotAuthorized",
        "(rule:add_external_gateways and rule:add_external_gateways:external_gateways:external_fixed_ips) is disallowed by \
         policy",
    );
    let said = json!({"external_gateways": [{"network_id": two["id"]}]});
    act(&mut owner, &router, "add_external_gateways", said).await.expect(200);
    let overlapping = external(&mut admin, "172.17.0").await.0;
    let said = json!({"external_gateways": [{"network_id": overlapping["id"]}]});
    let refused = act(&mut owner, &router, "add_external_gateways", said).await.expect(400);
    assert!(text(&refused["NeutronError"]["message"]).contains("overlaps with cidr"), "{refused}");
}

#[tokio::test]
async fn the_policy_of_a_gateway_is_its_ports() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let (network, _) = external(&mut admin, "172.16.0").await;
    let policy = admin.post("/v2.0/qos/policies", json!({"policy": {"name": "p"}})).await.expect(201);
    let policy = policy["policy"]["id"].clone();
    let info = json!({"network_id": network["id"], "qos_policy_id": policy});
    let router = admin.create("router", json!({"external_gateway_info": info, "project_id": "p"})).await;
    assert_eq!(router["external_gateway_info"]["qos_policy_id"], policy);
    let port: Value = serde_json::from_str(&api.objects(Table::LogicalPort).await[0].to_text()).unwrap();
    assert_eq!(port["qos_policy"], policy);
    let refused = admin.delete(&format!("/v2.0/qos/policies/{}", text(&policy))).await.expect(409);
    assert_eq!(refused["NeutronError"]["type"], "QosPolicyInUse");
    let info = json!({"network_id": network["id"], "qos_policy_id": null});
    let changed = change(&mut admin, &router, json!({"external_gateway_info": info})).await;
    assert_eq!(changed["external_gateway_info"]["qos_policy_id"], Value::Null);
    admin.delete(&format!("/v2.0/qos/policies/{}", text(&policy))).await.expect(204);
}
