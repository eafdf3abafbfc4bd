//! Floating IPs: addresses outside that stand for addresses inside.

use model::{Object, Table, Topic};
use serde_json::{Value, json};

use crate::refusals::{BAD, Case, case, check};
use crate::support::{Api, Client};

pub(crate) const FLOATING_IPS: &str = "/v2.0/floatingips";
pub(crate) const NONE: &str = "00000000-0000-0000-0000-000000000000";

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

pub(crate) fn id(resource: &Value) -> &str {
    text(&resource["id"])
}

pub(crate) fn path(collection: &str, resource: &Value) -> String {
    format!("/v2.0/{collection}/{}", id(resource))
}

/// A network outside, a network inside, and a router that leads from one to the other.
pub(crate) struct World {
    pub(crate) outside: Value,
    pub(crate) outer: Value,
    pub(crate) inside: Value,
    pub(crate) inner: Value,
    pub(crate) router: String,
    pub(crate) interface: Value,
    pub(crate) gateway: Value,
}

/// An external network with a subnet.
pub(crate) async fn outside(admin: &mut Client, cidr: &str) -> (Value, Value) {
    let network = admin.create("network", json!({"router:external": true})).await;
    let subnet = json!({"network_id": network["id"], "ip_version": 4, "cidr": cidr, "enable_dhcp": false});
    let subnet = admin.create("subnet", subnet).await;
    (network, subnet)
}

/// A port of a router.
pub(crate) async fn leg(
    admin: &mut Client,
    router: &str,
    owner: &str,
    fixed: Value,
    network: &Value,
) -> Value {
    let body = json!({"network_id": network["id"], "device_owner": owner, "device_id": router, "fixed_ips": [fixed]});
    admin.create("port", body).await
}

pub(crate) async fn world(admin: &mut Client, project: &str) -> World {
    world_with(admin, project, "network:router_interface_distributed").await
}

pub(crate) async fn world_with(admin: &mut Client, project: &str, interface: &str) -> World {
    let (outside, outer) = outside(admin, "172.24.4.0/24").await;
    let inside = admin.create("network", json!({"project_id": project})).await;
    let inner =
        json!({"network_id": inside["id"], "ip_version": 4, "cidr": "10.6.0.0/24", "project_id": project});
    let inner = admin.create("subnet", inner).await;
    let router = uuid::Uuid::new_v4().to_string();
    let fixed = json!({"subnet_id": inner["id"], "ip_address": "10.6.0.1"});
    let interface = leg(admin, &router, interface, fixed, &inside).await;
    let fixed = json!({"subnet_id": outer["id"]});
    let gateway = leg(admin, &router, "network:router_gateway", fixed, &outside).await;
    World { outside, outer, inside, inner, router, interface, gateway }
}

/// A way out, and a port that has it: the ids of the network outside, its subnet, and the port.
pub(crate) async fn way_out(admin: &mut Client) -> (Value, Value, Value) {
    let world = world(admin, "p").await;
    let port = guest(admin, &world, "p", &["10.6.0.9"]).await;
    (world.outside["id"].clone(), world.outer["id"].clone(), port["id"].clone())
}

/// A port inside with these addresses.
pub(crate) async fn guest(admin: &mut Client, world: &World, project: &str, addresses: &[&str]) -> Value {
    let fixed: Vec<Value> = addresses.iter().map(|address| json!({"ip_address": address})).collect();
    let body = json!({"network_id": world.inside["id"], "project_id": project, "fixed_ips": fixed});
    admin.create("port", body).await
}

pub(crate) async fn shown(client: &mut Client, floating_ip: &Value) -> Value {
    client.get(&path("floatingips", floating_ip)).await.expect(200)["floatingip"].take()
}

pub(crate) async fn rows(api: &Api) -> Vec<std::sync::Arc<model::FloatingIp>> {
    let row = |object| match object {
        Object::FloatingIp(row) => row,
        other => panic!("{other:?}"),
    };
    api.objects(Table::FloatingIp).await.into_iter().map(row).collect()
}

#[tokio::test]
async fn a_floating_ip_lives() {
    let api = Api::start().await;
    let (mut admin, mut ann) = (api.admin(), api.member("ann"));
    let world = world(&mut admin, "ann").await;
    let port = guest(&mut admin, &world, "ann", &["10.6.0.9"]).await;
    let floating_ip = ann
        .create("floatingip", json!({"floating_network_id": world.outside["id"], "description": "d"}))
        .await;
    for (name, value) in [
        ("description", json!("d")),
        ("project_id", json!("ann")),
        ("tenant_id", json!("ann")),
        ("floating_network_id", world.outside["id"].clone()),
        ("port_id", json!(null)),
        ("fixed_ip_address", json!(null)),
        ("router_id", json!(null)),
        ("port_details", json!(null)),
        ("qos_policy_id", json!(null)),
        ("port_forwardings", json!([])),
        ("status", json!("DOWN")),
        ("tags", json!([])),
        ("revision_number", json!(1)),
    ] {
        assert_eq!(floating_ip[name], value, "{name}");
    }
    assert!(floating_ip.get("subnet_id").is_none());
    let address = text(&floating_ip["floating_ip_address"]);
    assert!(address.starts_with("172.24.4."), "{address}");

    let body = json!({"floatingip": {"port_id": port["id"]}});
    let changed = ann.put(&path("floatingips", &floating_ip), body).await.expect(200)["floatingip"].take();
    assert_eq!(
        (&changed["fixed_ip_address"], &changed["router_id"]),
        (&json!("10.6.0.9"), &json!(world.router))
    );
    assert_eq!(
        changed["port_details"],
        json!({"name": "", "network_id": world.inside["id"], "mac_address": port["mac_address"], "admin_state_up": true,
            "status": "DOWN", "device_id": "", "device_owner": ""})
    );
    let body = json!({"floatingip": {"description": "e"}});
    let changed = ann.put(&path("floatingips", &floating_ip), body).await.expect(200)["floatingip"].take();
    assert_eq!(
        (&changed["port_id"], &changed["description"]),
        (&port["id"], &json!("e")),
        "what is not said stays"
    );
    for query in ["port_id", "router_id", "fixed_ip_address", "floating_ip_address", "floating_network_id"] {
        let found = ann.get(&format!("{FLOATING_IPS}?{query}={}", text(&changed[query]))).await.expect(200);
        assert_eq!(found["floatingips"].as_array().unwrap().len(), 1, "{query}");
    }
    assert_eq!(ann.get(&format!("{FLOATING_IPS}?status=ACTIVE")).await.expect(200)["floatingips"], json!([]));
    ann.put(&format!("{}/tags/x", path("floatingips", &floating_ip)), json!({})).await.expect(201);

    for nothing in [json!({"port_id": null}), json!({})] {
        let again = json!({"floatingip": {"port_id": port["id"]}});
        ann.put(&path("floatingips", &floating_ip), again).await.expect(200);
        let changed = ann.put(&path("floatingips", &floating_ip), json!({"floatingip": nothing})).await;
        assert_eq!(changed.expect(200)["floatingip"]["port_id"], json!(null), "{nothing}");
    }
    let body = json!({"floatingip": {"port_id": null}});
    let changed = ann.put(&path("floatingips", &floating_ip), body).await.expect(200)["floatingip"].take();
    for name in ["port_id", "fixed_ip_address", "router_id", "port_details"] {
        assert_eq!(changed[name], json!(null), "{name}");
    }
    ann.delete(&path("floatingips", &floating_ip)).await.expect(204);
    let missing = format!("Floating IP {} could not be found", id(&floating_ip));
    ann.get(&path("floatingips", &floating_ip)).await.expect_error(404, "FloatingIPNotFound", &missing);
    let left = admin.get("/v2.0/ports?device_owner=network:floatingip").await.expect(200);
    assert_eq!(left["ports"], json!([]));
}

#[tokio::test]
async fn the_address_is_that_of_a_port_outside() {
    let api = Api::start().await;
    let (mut admin, mut ann) = (api.admin(), api.member("ann"));
    let (network, subnet) = outside(&mut admin, "172.24.4.0/24").await;
    let v6 = json!({"network_id": network["id"], "ip_version": 6, "cidr": "fd00::/64", "ipv6_ra_mode": "slaac",
        "ipv6_address_mode": "slaac"});
    let v6 = admin.create("subnet", v6).await;
    let pool = |start: &str, end: &str| json!([{"start": start, "end": end}]);
    let second = json!({"network_id": network["id"], "ip_version": 4, "cidr": "172.24.5.0/24",
        "allocation_pools": pool("172.24.5.100", "172.24.5.200")});
    let few = json!({"subnet": {"allocation_pools": pool("172.24.4.100", "172.24.4.200")}});
    admin.put(&path("subnets", &subnet), few).await.expect(200);
    let second = admin.create("subnet", second).await;
    let body = |more: Value| {
        let mut body = json!({"floating_network_id": network["id"], "project_id": "ann"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let any = ann.create("floatingip", body(json!({}))).await;
    let of_subnet = ann.create("floatingip", body(json!({"subnet_id": second["id"]}))).await;
    let certain = admin.create("floatingip", body(json!({"floating_ip_address": "172.24.4.77"}))).await;
    let of_both = json!({"floating_ip_address": "172.24.5.78", "subnet_id": second["id"]});
    let both = admin.create("floatingip", body(of_both)).await;
    let mut manager = api.client(&[("X-Project-Id", "ann"), ("X-Roles", "manager")]);
    let managed = manager.create("floatingip", body(json!({"floating_ip_address": "172.24.4.79"}))).await;
    for (floating_ip, begin) in [
        (&any, "172.24."),
        (&of_subnet, "172.24.5."),
        (&certain, "172.24.4.77"),
        (&both, "172.24.5.78"),
        (&managed, "172.24.4.79"),
    ] {
        let address = text(&floating_ip["floating_ip_address"]);
        assert!(address.starts_with(begin), "{address} {begin}");
        let of_it = admin.get(&format!("/v2.0/ports?device_id={}", id(floating_ip))).await.expect(200);
        let [port] = of_it["ports"].as_array().unwrap().as_slice() else { panic!("{of_it}") };
        assert_eq!(port["device_owner"], "network:floatingip");
        assert_eq!((&port["project_id"], &port["port_security_enabled"]), (&json!(""), &json!(false)));
        assert_eq!(port["fixed_ips"].as_array().unwrap().len(), 1, "no extra address: {port}");
        assert_eq!(port["fixed_ips"][0]["ip_address"], floating_ip["floating_ip_address"]);
        let refused = format!(
            "Port {} cannot be deleted directly via the port API: has device owner network:floatingip.",
            id(port)
        );
        admin.delete(&path("ports", port)).await.expect_error(409, "ServicePortInUse", &refused);
        let other = json!({"port": {"fixed_ips": [{"ip_address": "172.24.4.99"}]}});
        let refused = format!(
            "Bad port request: Cannot update the fixed_ips of the port {}, because they are the address of a floating ip.",
            id(port)
        );
        admin.put(&path("ports", port), other).await.expect_error(400, "BadRequest", &refused);
    }
    let seen = ann.get("/v2.0/ports").await.expect(200);
    assert_eq!(seen["ports"], json!([]), "they are nobody's");
    let refused =
        "(rule:create_floatingip and rule:create_floatingip:floating_ip_address) is disallowed by policy";
    let certain = json!({"floatingip": body(json!({"floating_ip_address": "172.24.4.80"}))});
    ann.post(FLOATING_IPS, certain).await.expect_error(403, "PolicyNotAuthorized", refused);
    let exhausted = format!("Unable to find any IP address on external network {}.", id(&network));
    let taken = format!("IP address 172.24.4.77 already allocated in subnet {}", id(&subnet));
    let post = |more: Value, refusal, message: &str| {
        case("POST", FLOATING_IPS, json!({"floatingip": body(more)}), refusal, message)
    };
    check(
        &api,
        vec![
            post(json!({"subnet_id": v6["id"]}), (400, "ExternalIpAddressExhausted"), &exhausted),
            post(json!({"floating_ip_address": "fd00::7"}), (400, "ExternalIpAddressExhausted"), &exhausted),
            post(json!({"floating_ip_address": "172.24.4.77"}), (409, "IpAddressAlreadyAllocated"), &taken),
            post(
                json!({"floating_ip_address": "10.9.9.9"}),
                (400, "InvalidIpForNetwork"),
                "IP address 10.9.9.9 is not a valid IP for any of the subnets on the specified network.",
            ),
            post(
                json!({"floating_ip_address": "172.24.4.81", "subnet_id": second["id"]}),
                (400, "InvalidIpForSubnet"),
                "IP address 172.24.4.81 is not a valid IP for the specified subnet.",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_used_up_network_says_so() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let (network, _) = outside(&mut admin, "172.24.4.0/29").await;
    let body = || json!({"floatingip": {"floating_network_id": network["id"]}});
    for _ in 0..5 {
        admin.post(FLOATING_IPS, body()).await.expect(201);
    }
    let refused = format!("No more IP addresses available on network {}.", id(&network));
    admin.post(FLOATING_IPS, body()).await.expect_error(409, "IpAddressGenerationFailure", &refused);
    assert_eq!(rows(&api).await.len(), 5);
}

fn post(more: Value, outside: &Value, refusal: (u16, &'static str), message: impl Into<String>) -> Case {
    let mut body = json!({"floating_network_id": outside["id"], "project_id": "p"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    case("POST", FLOATING_IPS, json!({"floatingip": body}), refusal, message)
}

const REFUSED: (u16, &str) = (400, "BadRequest");

#[tokio::test]
async fn floating_ips_that_cannot_be() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let world = world(&mut admin, "p").await;
    let out = &world.outside;
    let two = guest(&mut admin, &world, "p", &["10.6.0.20", "10.6.0.21"]).await;
    let foreign = guest(&mut admin, &world, "q", &["10.6.0.22"]).await;
    let bare = json!({"network_id": world.inside["id"], "fixed_ips": [], "project_id": "p"});
    let bare = admin.create("port", bare).await;
    let direct = json!({"network_id": world.inside["id"], "binding:vnic_type": "direct", "project_id": "p"});
    let direct = admin.create("port", direct).await;
    let server = admin.get("/v2.0/ports?device_owner=network:dhcp").await.expect(200)["ports"][0].take();
    let lonely = admin.create("network", json!({})).await;
    let lonely_subnet = json!({"network_id": lonely["id"], "ip_version": 4, "cidr": "10.6.0.0/24"});
    let lonely_subnet = admin.create("subnet", lonely_subnet).await;
    let cut_off = admin.create("port", json!({"network_id": lonely["id"], "project_id": "p"})).await;
    let empty = admin.create("network", json!({"router:external": true})).await;
    let of = |port: &Value| json!({"port_id": port["id"]});
    let bad = |text: String| format!("Bad floatingip request: {text}.");
    let unreachable = format!(
        "External network {} is not reachable from subnet {}.  Therefore, cannot associate Port {} with a Floating IP.",
        id(out),
        id(&lonely_subnet),
        id(&cut_off)
    );
    check(&api, vec![
        case("POST", FLOATING_IPS, json!({"floatingip": {}}), BAD, "Failed to parse request. Required attribute 'floating_network_id' not specified"),
        post(json!({"floating_network_id": NONE}), out, (404, "NetworkNotFound"), format!("Network {NONE} could not be found.")),
        post(json!({"floating_network_id": lonely["id"]}), out, REFUSED, bad(format!("Network {} is not a valid external network", id(&lonely)))),
        post(json!({"floating_network_id": empty["id"]}), out, REFUSED, bad(format!("Network {} does not contain any IPv4 subnet", id(&empty)))),
        post(json!({"fixed_ip_address": "10.6.0.20"}), out, REFUSED, bad("fixed_ip_address cannot be specified without a port_id".to_owned())),
        post(json!({"port_id": NONE}), out, (404, "PortNotFound"), format!("Port {NONE} could not be found.")),
        post(of(&two), out, REFUSED, bad(format!("Port {} has multiple fixed IPv4 addresses.  Must provide a specific IPv4 address when assigning a floating IP", id(&two)))),
        post(json!({"port_id": two["id"], "fixed_ip_address": "10.6.0.9"}), out, REFUSED, bad(format!("Port {} does not have fixed ip 10.6.0.9", id(&two)))),
        post(json!({"port_id": two["id"], "fixed_ip_address": "fd00::9"}), out, REFUSED, bad("Cannot process floating IP association with fd00::9, since that is not an IPv4 address".to_owned())),
        post(of(&bare), out, REFUSED, bad(format!("Cannot add floating IP to port {} that has no fixed IPv4 addresses", id(&bare)))),
        post(of(&server), out, REFUSED, bad(format!("Port {} is unable to be assigned a floating IP", id(&server)))),
        post(of(&direct), out, REFUSED, bad("Port VNIC type is not valid to associate a FIP in DVR mode".to_owned())),
        post(of(&cut_off), out, (404, "ExternalGatewayForFloatingIPNotFound"), unreachable),
        post(json!({"qos_policy_id": NONE}), out, (404, "QosPolicyNotFound"), format!("QoS policy {NONE} could not be found.")),
        post(json!({"router_id": NONE}), out, BAD, "Attribute 'router_id' not allowed in POST"),
        post(json!({"status": "ACTIVE"}), out, BAD, "Attribute 'status' not allowed in POST"),
    ]).await;
    let mut member = api.member("p");
    let body = json!({"floatingip": {"floating_network_id": out["id"], "port_id": foreign["id"]}});
    let refused = bad(format!(
        "Cannot process floating IP association with Port {}, since that port is owned by a different project",
        id(&foreign)
    ));
    member.post(FLOATING_IPS, body).await.expect_error(400, "BadRequest", &refused);
    let left = admin.get("/v2.0/ports?device_owner=network:floatingip").await.expect(200);
    assert_eq!((rows(&api).await.len(), &left["ports"]), (0, &json!([])), "nothing of it was done");
}

#[tokio::test]
async fn an_address_inside_has_one_floating_ip_of_a_network() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let world = world(&mut admin, "p").await;
    let port = guest(&mut admin, &world, "p", &["10.6.0.20", "10.6.0.21"]).await;
    let body = |address: &str| json!({"floating_network_id": world.outside["id"], "port_id": port["id"], "fixed_ip_address": address});
    let first = admin.create("floatingip", body("10.6.0.20")).await;
    let second = admin.create("floatingip", body("10.6.0.21")).await;
    let third = admin.create("floatingip", json!({"floating_network_id": world.outside["id"]})).await;
    let refused = |floating_ip: &Value| {
        format!(
            "Cannot associate floating IP {} ({}) with port {} using fixed IP 10.6.0.20, as that fixed IP already has a \
             floating IP on external network {}.",
            text(&floating_ip["floating_ip_address"]),
            id(floating_ip),
            id(&port),
            id(&world.outside)
        )
    };
    for floating_ip in [&second, &third] {
        let body = json!({"floatingip": {"port_id": port["id"], "fixed_ip_address": "10.6.0.20"}});
        let reply = admin.put(&path("floatingips", floating_ip), body).await;
        reply.expect_error(409, "FloatingIPPortAlreadyAssociated", &refused(floating_ip));
    }
    let again = json!({"floatingip": {"port_id": port["id"], "fixed_ip_address": "10.6.0.20"}});
    admin.put(&path("floatingips", &first), again).await.expect(200);
    // Another network outside is another matter.
    let (other, subnet) = outside(&mut admin, "172.25.0.0/24").await;
    leg(&mut admin, &world.router, "network:router_gateway", json!({"subnet_id": subnet["id"]}), &other)
        .await;
    let body =
        json!({"floating_network_id": other["id"], "port_id": port["id"], "fixed_ip_address": "10.6.0.20"});
    admin.create("floatingip", body).await;
}

#[tokio::test]
async fn the_router_is_the_one_that_guests_go_through() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let world = world(&mut admin, "p").await;
    let (other, other_subnet) = outside(&mut admin, "172.25.0.0/24").await;
    let second = uuid::Uuid::new_v4().to_string();
    let fixed = json!({"subnet_id": world.inner["id"], "ip_address": "10.6.0.200"});
    leg(&mut admin, &second, "network:router_interface", fixed, &world.inside).await;
    for (network, subnet) in [(&world.outside, &world.outer), (&other, &other_subnet)] {
        leg(&mut admin, &second, "network:router_gateway", json!({"subnet_id": subnet["id"]}), network).await;
    }
    let inside = &world.inside;
    let router_of = async |admin: &mut Client, network: &Value| {
        let port = admin.create("port", json!({"network_id": inside["id"]})).await;
        let body = json!({"floating_network_id": network["id"], "port_id": port["id"]});
        text(&admin.create("floatingip", body).await["router_id"]).to_owned()
    };
    assert_eq!(
        router_of(&mut admin, &world.outside).await,
        world.router,
        "it has the address of the subnet's gateway"
    );
    assert_eq!(router_of(&mut admin, &other).await, second, "the other one does not lead there");
    let change = json!({"subnet": {"gateway_ip": null}});
    admin.put(&path("subnets", &world.inner), change).await;
    assert!([&world.router, &second].contains(&&router_of(&mut admin, &world.outside).await));
}

#[tokio::test]
async fn controllers_read_what_stands_for_what() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let world = world(&mut admin, "ann").await;
    let port = guest(&mut admin, &world, "ann", &["10.6.0.9"]).await;
    let policy =
        admin.post("/v2.0/qos/policies", json!({"policy": {"name": "p", "project_id": "ann"}})).await;
    let policy = policy.expect(201)["policy"].take();
    let body = json!({"floating_network_id": world.outside["id"], "port_id": port["id"], "project_id": "ann",
        "qos_policy_id": policy["id"]});
    let floating_ip = admin.create("floatingip", body).await;
    let found = rows(&api).await;
    let [row] = found.as_slice() else { panic!("{found:?}") };
    let holder =
        admin.get("/v2.0/ports?device_owner=network:floatingip").await.expect(200)["ports"][0].take();
    let ids = [&row.floating_lport, &row.lport].map(|id| id.as_ref().unwrap().to_string());
    assert_eq!(ids, [id(&holder), id(&port)]);
    assert_eq!(row.lrouter.as_ref().unwrap().to_string(), world.router);
    assert_eq!((&row.topic, row.version), (&Topic::new("ann"), Some(model::Version(1))));
    let addresses =
        [row.floating_ip_address, row.fixed_ip_address].map(|address| address.unwrap().to_string());
    assert_eq!(addresses, [text(&floating_ip["floating_ip_address"]), "10.6.0.9"]);
    let lports = api.objects(Table::LogicalPort).await;
    assert!(lports.iter().any(|object| *object.id() == *id(&holder)), "{lports:?}");
    let extra = async || api.objects(Table::FloatingIpExtra).await;
    let with_policy = extra().await;
    let [Object::FloatingIpExtra(row)] = with_policy.as_slice() else { panic!("{with_policy:?}") };
    assert_eq!(row.qos_policy.as_ref().unwrap().to_string(), id(&policy));
    let in_use = format!("QoS Policy {} is used by fip {}.", id(&policy), id(&floating_ip));
    admin.delete(&format!("/v2.0/qos/policies/{}", id(&policy))).await.expect_error(
        409,
        "QosPolicyInUse",
        &in_use,
    );

    let body = json!({"floatingip": {"port_id": null, "qos_policy_id": null}});
    admin.put(&path("floatingips", &floating_ip), body).await.expect(200);
    let found = rows(&api).await;
    assert_eq!((&found[0].lport, &found[0].lrouter, found[0].fixed_ip_address), (&None, &None, None));
    assert_eq!(extra().await, []);
    admin.delete(&format!("/v2.0/qos/policies/{}", id(&policy))).await.expect(204);
    admin.delete(&path("floatingips", &floating_ip)).await.expect(204);
    assert_eq!(rows(&api).await, []);
    let lports = api.objects(Table::LogicalPort).await;
    assert!(lports.iter().all(|object| *object.id() != *id(&holder)), "{lports:?}");
}
