//! What no router can have or lose, by Neutron's names and texts.

use serde_json::{Value, json};

use crate::routers::{add, change, external, path, remove, shown, subnet, subnet_in, text};
use crate::support::{Api, Client, Reply};

async fn add_reply(client: &mut Client, router: &Value, said: Value) -> Reply {
    client.put(&format!("{}/add_router_interface", path("routers", router)), said).await
}

async fn remove_reply(client: &mut Client, router: &Value, said: Value) -> Reply {
    client.put(&format!("{}/remove_router_interface", path("routers", router)), said).await
}

fn bad(text: impl std::fmt::Display) -> String {
    format!("Bad router request: {text}.")
}

#[tokio::test]
async fn an_interface_is_by_a_subnet_or_by_a_port() {
    let api = Api::start().await;
    let mut ann = api.member("ann");
    let subnet = subnet(&mut ann, "10.1.0.0/24").await;
    let port = ann.create("port", json!({"network_id": subnet["network_id"]})).await;
    let router = ann.create("router", json!({})).await;
    for (said, message) in [
        (json!({}), "Either subnet_id or port_id must be specified"),
        (json!({"network_id": "n"}), "Either subnet_id or port_id must be specified"),
        (json!({"subnet_id": "s"}), "'s' is not a valid UUID"),
        (json!({"port_id": null}), "'None' is not a valid UUID"),
        (
            json!({"port_id": port["id"], "subnet_id": subnet["id"]}),
            "Cannot specify both subnet-id and port-id",
        ),
    ] {
        add_reply(&mut ann, &router, said.clone()).await.expect_error(400, "BadRequest", &bad(message));
    }
    let nobody = "00000000-0000-4000-8000-000000000000";
    let missing = add_reply(&mut ann, &router, json!({"subnet_id": nobody})).await;
    missing.expect_error(404, "SubnetNotFound", &format!("Subnet {nobody} could not be found."));
    let missing = add_reply(&mut ann, &router, json!({"port_id": nobody})).await;
    missing.expect_error(404, "PortNotFound", &format!("Port {nobody} could not be found."));
    let missing = add_reply(&mut ann, &json!({"id": nobody}), json!({"subnet_id": subnet["id"]})).await;
    missing.expect_error(404, "RouterNotFound", &format!("Router {nobody} could not be found"));
    ann.get(&format!("{}/add_router_interface", path("routers", &router))).await.expect(405);
    ann.put(&format!("{}/add_router", path("routers", &router)), json!({})).await.expect(404);
    assert_eq!(shown(&mut ann, "ports", &port).await["device_id"], "", "nothing happened to the port");
}

#[tokio::test]
async fn subnets_that_a_router_cannot_have() {
    let api = Api::start().await;
    let mut ann = api.member("ann");
    let router = ann.create("router", json!({})).await;
    let network = ann.create("network", json!({})).await;
    let body =
        json!({"network_id": network["id"], "cidr": "10.9.0.0/24", "ip_version": 4, "gateway_ip": null});
    let without = ann.create("subnet", body).await;
    add_reply(&mut ann, &router, json!({"subnet_id": without["id"]})).await.expect_error(
        400,
        "BadRequest",
        &bad("Subnet for router interface must have a gateway IP"),
    );
    let body = json!({"network_id": network["id"], "cidr": "fd00:9::/64", "ip_version": 6, "ipv6_address_mode": "slaac"});
    let foreign = ann.create("subnet", body).await;
    add_reply(&mut ann, &router, json!({"subnet_id": foreign["id"]})).await.expect_error(
        400,
        "BadRequest",
        &bad(format!(
            "IPv6 subnet {} configured to receive RAs from an external router cannot be added to Neutron Router.",
            text(&foreign["id"])
        )),
    );
    let one = subnet(&mut ann, "10.1.0.0/24").await;
    let same = subnet(&mut ann, "10.1.0.0/16").await;
    add(&mut ann, &router, json!({"subnet_id": one["id"]})).await;
    let twice = bad(format!("Router already has a port on subnet {}", text(&one["id"])));
    add_reply(&mut ann, &router, json!({"subnet_id": one["id"]})).await.expect_error(
        400,
        "BadRequest",
        &twice,
    );
    let port = ann.create("port", json!({"network_id": one["network_id"]})).await;
    add_reply(&mut ann, &router, json!({"port_id": port["id"]})).await.expect_error(
        400,
        "BadRequest",
        &twice,
    );
    add_reply(&mut ann, &router, json!({"subnet_id": same["id"]})).await.expect_error(
        400,
        "BadRequest",
        &bad(format!(
            "Cidr 10.1.0.0/16 of subnet {} overlaps with cidr 10.1.0.0/24 of subnet {}",
            text(&same["id"]),
            text(&one["id"])
        )),
    );
    // Nor one that overlaps with where its gateway is.
    let mut admin = api.admin();
    let (outside, _) = external(&mut admin, "10.3.0").await;
    change(&mut admin, &router, json!({"external_gateway_info": {"network_id": outside["id"]}})).await;
    let inside = subnet(&mut ann, "10.3.0.0/28").await;
    let refused = add_reply(&mut ann, &router, json!({"subnet_id": inside["id"]})).await.expect(400);
    assert!(
        text(&refused["NeutronError"]["message"]).contains("overlaps with cidr 10.3.0.0/24"),
        "{refused}"
    );
}

#[tokio::test]
async fn ports_that_a_router_cannot_have() {
    let api = Api::start().await;
    let mut ann = api.member("ann");
    let (one, two) = (ann.create("router", json!({})).await, ann.create("router", json!({})).await);
    let network = ann.create("network", json!({})).await;
    let bare = ann.create("port", json!({"network_id": network["id"]})).await;
    add_reply(&mut ann, &one, json!({"port_id": bare["id"]})).await.expect_error(
        400,
        "BadRequest",
        &bad("Router port must have at least one fixed IP"),
    );
    let four = subnet_in(&mut ann, &network, "10.1.0.0/24").await;
    let five = subnet_in(&mut ann, &network, "10.2.0.0/24").await;
    let six = subnet_in(&mut ann, &network, "fd00:1::/64").await;
    let fixed = |subnets: &[&Value]| {
        let fixed: Vec<Value> = subnets.iter().map(|own| json!({"subnet_id": own["id"]})).collect();
        json!({"network_id": network["id"], "fixed_ips": fixed})
    };
    let several = ann.create("port", fixed(&[&four, &five])).await;
    add_reply(&mut ann, &one, json!({"port_id": several["id"]})).await.expect_error(
        400,
        "BadRequest",
        &bad("Cannot have multiple IPv4 subnets on router port"),
    );
    let port = ann.create("port", fixed(&[&four])).await;
    add(&mut ann, &one, json!({"port_id": port["id"]})).await;
    add_reply(&mut ann, &two, json!({"port_id": port["id"]})).await.expect_error(
        409,
        "PortInUse",
        &format!(
            "Unable to complete operation on port {} for network {}. Port already has an attached device {}.",
            text(&port["id"]),
            text(&network["id"]),
            text(&one["id"])
        ),
    );
    let (first, second) =
        (ann.create("port", fixed(&[&six])).await, ann.create("port", fixed(&[&six])).await);
    add(&mut ann, &one, json!({"port_id": first["id"]})).await;
    add_reply(&mut ann, &one, json!({"port_id": second["id"]})).await.expect_error(
        400,
        "BadRequest",
        &bad(format!(
            "Cannot have multiple router ports with the same network id if both contain IPv6 subnets. Existing port {} \
             has IPv6 subnet(s) and network id {}",
            text(&first["id"]),
            text(&network["id"])
        )),
    );
    let parent = ann.create("port", fixed(&[&five])).await;
    ann.create("trunk", json!({"port_id": parent["id"]})).await;
    let refused = add_reply(&mut ann, &one, json!({"port_id": parent["id"]})).await.expect(409);
    assert_eq!(refused["NeutronError"]["type"], "PortInUseAsTrunkParent");
    let served = json!({"network_id": network["id"], "cidr": "10.4.0.0/24", "ip_version": 4});
    ann.create("subnet", served).await;
    let server = ann.get("/v2.0/ports?device_owner=network:dhcp").await.expect(200)["ports"][0].take();
    let refused = add_reply(&mut ann, &one, json!({"port_id": server["id"]})).await.expect(409);
    assert_eq!(refused["NeutronError"]["type"], "PortInUse");
}

#[tokio::test]
async fn what_a_router_has_stays_with_it() {
    let api = Api::start().await;
    let mut ann = api.member("ann");
    let mut admin = api.admin();
    let subnet = subnet(&mut ann, "10.1.0.0/24").await;
    let router = ann.create("router", json!({})).await;
    let port = add(&mut ann, &router, json!({"subnet_id": subnet["id"]})).await["port_id"].take();
    let port_path = format!("/v2.0/ports/{}", text(&port));
    let text_of = format!("Router {} has ports still attached: {}", text(&router["id"]), text(&port));
    ann.delete(&path("routers", &router)).await.expect_error(409, "RouterInUse", &text_of);
    let text_of = format!(
        "Port {} cannot be deleted directly via the port API: has device owner network:router_interface_distributed.",
        text(&port)
    );
    admin.delete(&port_path).await.expect_error(409, "ServicePortInUse", &text_of);
    let in_use = ann.delete(&path("subnets", &subnet)).await.expect(409);
    assert_eq!(in_use["NeutronError"]["type"], "SubnetInUse");
    let network = json!({"id": subnet["network_id"]});
    let in_use = ann.delete(&path("networks", &network)).await.expect(409);
    assert_eq!(in_use["NeutronError"]["type"], "NetworkInUse");
    for gateway in [json!("10.1.0.9"), Value::Null] {
        let changed = json!({"subnet": {"gateway_ip": gateway}});
        let text_of =
            format!("Current gateway ip 10.1.0.1 already in use by port {}. Unable to update.", text(&port));
        ann.put(&path("subnets", &subnet), changed).await.expect_error(409, "GatewayIpInUse", &text_of);
    }
    for said in [json!({"device_id": ""}), json!({"device_owner": "network:dhcp"})] {
        let refused = admin.put(&port_path, json!({"port": said})).await.expect(409);
        assert_eq!(refused["NeutronError"]["type"], "PortInUse", "{said}");
    }
    let refused =
        admin.put(&port_path, json!({"port": {"mac_address": "fa:16:3e:00:00:01"}})).await.expect(409);
    assert_eq!(refused["NeutronError"]["type"], "UnsupportedPortDeviceOwner");
    let message = bad("Router port must have at least one fixed IP");
    ann.put(&port_path, json!({"port": {"fixed_ips": []}})).await.expect_error(400, "BadRequest", &message);
    let other = subnet_in(&mut ann, &network, "10.2.0.0/24").await;
    let both = json!({"port": {"fixed_ips": [{"subnet_id": subnet["id"]}, {"subnet_id": other["id"]}]}});
    let message = bad("Cannot have multiple IPv4 subnets on router port");
    ann.put(&port_path, both).await.expect_error(400, "BadRequest", &message);
    add(&mut ann, &router, json!({"subnet_id": other["id"]})).await;
    let moved = json!({"port": {"fixed_ips": [{"subnet_id": other["id"]}]}});
    let message = bad(format!("Router already has a port on subnet {}", text(&other["id"])));
    ann.put(&port_path, moved).await.expect_error(400, "BadRequest", &message);
    // A port that only says that it is a router's is none.
    let body = json!({"network_id": subnet["network_id"], "device_owner": "network:router_interface",
        "device_id": router["id"]});
    let stray = ann.create("port", body).await;
    remove_reply(&mut ann, &router, json!({"port_id": stray["id"]})).await.expect(404);
    ann.delete(&path("ports", &stray)).await.expect(204);
}

#[tokio::test]
async fn what_a_router_does_not_have_is_not_removed() {
    let api = Api::start().await;
    let mut ann = api.member("ann");
    let (one, two) = (subnet(&mut ann, "10.1.0.0/24").await, subnet(&mut ann, "10.2.0.0/24").await);
    let router = ann.create("router", json!({})).await;
    let port = add(&mut ann, &router, json!({"subnet_id": one["id"]})).await["port_id"].take();
    let message = format!("Router {} has no interface on subnet {}", text(&router["id"]), text(&two["id"]));
    remove_reply(&mut ann, &router, json!({"subnet_id": two["id"]})).await.expect_error(
        404,
        "RouterInterfaceNotFoundForSubnet",
        &message,
    );
    let stray = ann.create("port", json!({"network_id": one["network_id"]})).await;
    let message =
        format!("Router {} does not have an interface with id {}", text(&router["id"]), text(&stray["id"]));
    remove_reply(&mut ann, &router, json!({"port_id": stray["id"]})).await.expect_error(
        404,
        "RouterInterfaceNotFound",
        &message,
    );
    let message =
        format!("Subnet on port {} does not match the requested subnet {}.", text(&port), text(&two["id"]));
    remove_reply(&mut ann, &router, json!({"port_id": port, "subnet_id": two["id"]})).await.expect_error(
        400,
        "SubnetMismatchForPort",
        &message,
    );
    remove_reply(&mut ann, &router, json!({})).await.expect(400);
    remove(&mut ann, &router, json!({"port_id": port})).await;
}

#[tokio::test]
async fn a_router_is_its_projects() {
    let api = Api::start().await;
    let (mut admin, mut ann, mut bob) = (api.admin(), api.member("ann"), api.member("bob"));
    let router = ann.create("router", json!({})).await;
    let subnet = subnet(&mut bob, "10.1.0.0/24").await;
    bob.get(&path("routers", &router)).await.expect(404);
    assert_eq!(bob.get("/v2.0/routers").await.expect(200), json!({"routers": []}));
    add_reply(&mut bob, &router, json!({"subnet_id": subnet["id"]})).await.expect(404);
    bob.delete(&path("routers", &router)).await.expect(404);
    // Nobody makes a port that others take for the router of somebody else.
    let body = json!({"port": {"network_id": subnet["network_id"], "device_id": router["id"],
        "device_owner": "network:router_interface"}});
    let message = format!(
        "The following device_id {} is not owned by your tenant or matches another tenants router.",
        text(&router["id"])
    );
    bob.post("/v2.0/ports", body).await.expect_error(409, "DeviceIDNotOwnedByTenant", &message);
    // The gateway of a shared network is not for whoever comes first.
    let network = json!({"network": {"shared": true}});
    admin.put(&format!("/v2.0/networks/{}", text(&subnet["network_id"])), network).await.expect(200);
    add_reply(&mut ann, &router, json!({"subnet_id": subnet["id"]})).await.expect_error(
        400,
        "BadRequest",
        &bad(format!(
            "Cannot add interface to router because subnet {} is not owned by project making the request",
            text(&subnet["id"])
        )),
    );
    let mut reader = api.client(&[("X-Project-Id", "ann"), ("X-Roles", "reader")]);
    reader.get(&path("routers", &router)).await.expect(200);
    reader.put(&path("routers", &router), json!({"router": {"name": "x"}})).await.expect(403);
    add_reply(&mut reader, &router, json!({"subnet_id": subnet["id"]})).await.expect_error(
        403,
        "PolicyNotAuthorized",
        "rule:add_router_interface is disallowed by policy",
    );
    for (mode, value) in [("distributed", false), ("distributed", true), ("ha", true)] {
        let said = json!({"router": {mode: value}});
        let text_of = format!("(rule:create_router and rule:create_router:{mode}) is disallowed by policy");
        ann.post("/v2.0/routers", said.clone()).await.expect_error(403, "PolicyNotAuthorized", &text_of);
        let text_of = format!("(rule:update_router and rule:update_router:{mode}) is disallowed by policy");
        ann.put(&path("routers", &router), said).await.expect_error(403, "PolicyNotAuthorized", &text_of);
    }
}

#[tokio::test]
async fn a_router_that_works_stays_what_it_is() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let router = admin.create("router", json!({"project_id": "p"})).await;
    let subnet = subnet(&mut admin, "10.1.0.0/24").await;
    let port = json!({"id": add(&mut admin, &router, json!({"subnet_id": subnet["id"]})).await["port_id"]});
    for (said, noun) in [
        (json!({"distributed": false}), "the 'distributed'"),
        (json!({"distributed": false, "admin_state_up": false}), "the 'distributed'"),
        (json!({"ha": true}), "HA"),
    ] {
        let text_of = bad(format!(
            "Cannot change {noun} attribute of active routers. Please set router admin_state_up to False prior to upgrade"
        ));
        let refused = admin.put(&path("routers", &router), json!({"router": said})).await;
        refused.expect_error(400, "BadRequest", &text_of);
    }
    // What it is already it may be told.
    change(&mut admin, &router, json!({"distributed": true, "ha": false})).await;
    change(&mut admin, &router, json!({"admin_state_up": false})).await;
    let changed = change(&mut admin, &router, json!({"distributed": false, "ha": true})).await;
    assert_eq!((&changed["distributed"], &changed["ha"]), (&json!(false), &json!(true)));
    assert_eq!(shown(&mut admin, "ports", &port).await["device_owner"], "network:router_interface");
    let row = api.objects(model::Table::RouterExtra).await;
    let row: Value = serde_json::from_str(&row[0].to_text()).unwrap();
    assert_eq!((&row["distributed"], &row["enabled"]), (&json!(false), &json!(false)));
    change(&mut admin, &router, json!({"distributed": true})).await;
    assert_eq!(
        shown(&mut admin, "ports", &port).await["device_owner"],
        "network:router_interface_distributed"
    );

    for (said, message) in [
        (json!({"flavor_id": "f"}), "Unrecognized attribute(s) 'flavor_id'"),
        (json!({"enable_default_route_bfd": true}), "Unrecognized attribute(s) 'enable_default_route_bfd'"),
        (json!({"routes": []}), "Attribute 'routes' not allowed in POST"),
        (json!({"external_gateways": []}), "Attribute 'external_gateways' not allowed in POST"),
        (json!({"gateways": []}), "Unrecognized attribute(s) 'gateways'"),
    ] {
        let refused = admin.post("/v2.0/routers", json!({"router": said})).await;
        refused.expect_error(400, "HTTPBadRequest", message);
    }
    let zone = json!({"router": {"availability_zone_hints": ["moon"]}});
    let text_of = "AvailabilityZone moon could not be found.";
    admin.post("/v2.0/routers", zone).await.expect_error(404, "AvailabilityZoneNotFound", text_of);
    let limit = json!({"quota": {"router": 1}});
    admin.put("/v2.0/quotas/p", limit).await.expect(200);
    let text_of = "Quota exceeded for resources: ['router'].";
    let body = json!({"router": {"project_id": "p"}});
    admin.post("/v2.0/routers", body).await.expect_error(409, "OverQuota", text_of);
}
