//! Ports of a floating IP that stand for ports of guests.

use model::{Object, PortForwarding, Table};
use serde_json::{Value, json};

use crate::floating_ips::{
    FLOATING_IPS, NONE, World, guest, id, leg, outside, path, text, world, world_with,
};
use crate::refusals::{BAD, Case, case, check};
use crate::support::{Api, Client};

const REFUSED: (u16, &str) = (400, "BadRequest");

fn rules(floating_ip: &Value) -> String {
    format!("{}/port_forwardings", path("floatingips", floating_ip))
}

fn rule(port: &Value, outside: u16, inside: u16) -> Value {
    json!({"protocol": "tcp", "external_port": outside, "internal_port": inside, "internal_port_id": port["id"],
        "internal_ip_address": port["fixed_ips"][0]["ip_address"]})
}

fn with(mut rule: Value, more: Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        match value {
            Value::Null => drop(rule.as_object_mut().unwrap().remove(name)),
            value => rule[name] = value.clone(),
        }
    }
    rule
}

async fn floating_ip(client: &mut Client, world: &World) -> Value {
    client.create("floatingip", json!({"floating_network_id": world.outside["id"], "project_id": "p"})).await
}

async fn add(client: &mut Client, floating_ip: &Value, rule: Value) -> Value {
    let reply = client.post(&rules(floating_ip), json!({"port_forwarding": rule})).await;
    reply.expect(201)["port_forwarding"].take()
}

async fn rows(api: &Api) -> Vec<std::sync::Arc<PortForwarding>> {
    let row = |object| match object {
        Object::PortForwarding(row) => row,
        other => panic!("{other:?}"),
    };
    let mut rows: Vec<_> = api.objects(Table::PortForwarding).await.into_iter().map(row).collect();
    rows.sort_by_key(|row| row.external_port);
    rows
}

#[tokio::test]
async fn a_rule_lives() {
    let api = Api::start().await;
    let (mut admin, mut owner) = (api.admin(), api.member("p"));
    let world = world(&mut admin, "p").await;
    let port = guest(&mut admin, &world, "p", &["10.6.0.9"]).await;
    let floating = floating_ip(&mut owner, &world).await;
    let made = add(
        &mut owner,
        &floating,
        with(rule(&port, 2222, 22), json!({"description": "d", "protocol": "TCP"})),
    )
    .await;
    assert_eq!(
        with(made.clone(), json!({"id": null})),
        json!({"protocol": "tcp", "external_port": 2222, "internal_port": 22, "internal_port_id": port["id"],
            "internal_ip_address": "10.6.0.9", "description": "d", "external_port_range": "2222:2222",
            "internal_port_range": "22:22"})
    );
    let shown = owner.get(&path("floatingips", &floating)).await.expect(200)["floatingip"].take();
    assert_eq!((&shown["router_id"], &shown["port_id"]), (&json!(world.router), &json!(null)));
    assert_eq!(
        shown["port_forwardings"],
        json!([{"id": made["id"], "protocol": "tcp", "external_port": 2222, "internal_port": 22,
            "internal_ip_address": "10.6.0.9", "internal_port_id": port["id"]}])
    );
    let of_rule = format!("{}/{}", rules(&floating), id(&made));
    assert_eq!(owner.get(&of_rule).await.expect(200)["port_forwarding"], made);
    let change = json!({"port_forwarding": {"external_port": 2223, "protocol": "17", "description": ""}});
    let changed = owner.put(&of_rule, change).await.expect(200)["port_forwarding"].take();
    assert_eq!(
        (
            &changed["external_port_range"],
            &changed["protocol"],
            &changed["description"],
            &changed["internal_port"]
        ),
        (&json!("2223:2223"), &json!("udp"), &json!(""), &json!(22))
    );
    for (query, count) in
        [("protocol=udp", 1), ("external_port=2222", 0), ("external_port=2223", 1), ("description=d", 0)]
    {
        let found = owner.get(&format!("{}?{query}", rules(&floating))).await.expect(200);
        assert_eq!(found["port_forwardings"].as_array().unwrap().len(), count, "{query}");
    }
    let fields = owner.get(&format!("{}?fields=id", rules(&floating))).await.expect(200);
    assert_eq!(fields["port_forwardings"], json!([{"id": made["id"]}]));
    let in_use = format!("Floating IP {} in use by Port Forwarding resources.", id(&floating));
    owner.delete(&path("floatingips", &floating)).await.expect_error(
        409,
        "FipInUseByPortForwarding",
        &in_use,
    );
    let body = json!({"floatingip": {"port_id": port["id"]}});
    owner.put(&path("floatingips", &floating), body).await.expect_error(
        409,
        "FipInUseByPortForwarding",
        &in_use,
    );
    owner.delete(&of_rule).await.expect(204);
    let missing = format!("Port Forwarding {} could not be found.", id(&made));
    owner.get(&of_rule).await.expect_error(404, "PortForwardingNotFound", &missing);
    owner.delete(&of_rule).await.expect_error(404, "PortForwardingNotFound", &missing);
    let shown = owner.get(&path("floatingips", &floating)).await.expect(200)["floatingip"].take();
    assert_eq!((&shown["router_id"], &shown["port_forwardings"]), (&json!(null), &json!([])));
    owner.delete(&path("floatingips", &floating)).await.expect(204);
}

#[tokio::test]
async fn controllers_read_each_rule() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let world = world(&mut admin, "p").await;
    let port = guest(&mut admin, &world, "p", &["10.6.0.9"]).await;
    let floating = floating_ip(&mut admin, &world).await;
    add(&mut admin, &floating, rule(&port, 80, 8080)).await;
    let ranges = |outside: &str, inside: &str| {
        let none = json!({"external_port": null, "internal_port": null});
        with(
            with(rule(&port, 1, 1), none),
            json!({"external_port_range": outside, "internal_port_range": inside}),
        )
    };
    let wide = add(&mut admin, &floating, ranges("1000:1009", "2000:2009")).await;
    assert_eq!((&wide["external_port"], &wide["external_port_range"]), (&json!(null), &json!("1000:1009")));
    let narrow = add(&mut admin, &floating, ranges("3000:3002", "22")).await;
    let said = async || {
        let rows = rows(&api).await;
        rows.iter().map(|row| (row.external_port, row.internal_port, row.count)).collect::<Vec<_>>()
    };
    assert_eq!(said().await, [(80, 8080, 1), (1000, 2000, 10), (3000, 22, 1), (3001, 22, 1), (3002, 22, 1)]);
    let row = rows(&api).await.remove(0);
    assert_eq!((row.protocol, row.internal_ip.to_string()), (6, "10.6.0.9".to_owned()));
    assert_eq!([row.floatingip.to_string(), row.lport.to_string()], [id(&floating), id(&port)]);
    let versions = async || rows(&api).await.iter().map(|row| row.version).collect::<Vec<_>>();
    let before = versions().await;
    let change = json!({"port_forwarding": {"external_port_range": "3001:3002"}});
    admin.put(&format!("{}/{}", rules(&floating), id(&narrow)), change).await.expect(200);
    assert_eq!(said().await, [(80, 8080, 1), (1000, 2000, 10), (3001, 22, 1), (3002, 22, 1)]);
    assert_eq!(versions().await[..2], before[..2], "nodes hear of what changes");
    admin.delete(&format!("{}/{}", rules(&floating), id(&wide))).await.expect(204);
    admin.delete(&format!("{}/{}", rules(&floating), id(&narrow))).await.expect(204);
    assert_eq!(said().await, [(80, 8080, 1)]);
}

fn post(floating_ip: &Value, rule: Value, refusal: (u16, &'static str), message: impl Into<String>) -> Case {
    case("POST", rules(floating_ip), json!({"port_forwarding": rule}), refusal, message)
}

#[tokio::test]
async fn rules_that_cannot_be() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let world = world(&mut admin, "p").await;
    let port = guest(&mut admin, &world, "p", &["10.6.0.9"]).await;
    let other = guest(&mut admin, &world, "p", &["10.6.0.10"]).await;
    let bound = guest(&mut admin, &world, "p", &["10.6.0.11"]).await;
    let (floating, second) = (floating_ip(&mut admin, &world).await, floating_ip(&mut admin, &world).await);
    let of_bound = json!({"floating_network_id": world.outside["id"], "port_id": bound["id"]});
    let whole = admin.create("floatingip", of_bound).await;
    let lonely = admin.create("network", json!({})).await;
    let subnet = json!({"network_id": lonely["id"], "ip_version": 4, "cidr": "10.7.0.0/24"});
    let subnet = admin.create("subnet", subnet).await;
    let cut_off = admin.create("port", json!({"network_id": lonely["id"]})).await;
    let bare = admin.create("port", json!({"network_id": world.inside["id"], "fixed_ips": []})).await;
    let made = add(&mut admin, &floating, rule(&port, 80, 8080)).await;
    let also = add(&mut admin, &floating, rule(&port, 90, 9090)).await;
    let collision = |name: &str, old: &str, new: &str| {
        format!(
            "Bad port_forwarding request: There is a port collision with the {name}. The following ranges collide: {old} and {new}."
        )
    };
    let ranges = |outside: &str, inside: &str| {
        let none = json!({"external_port": null, "internal_port": null});
        with(
            with(rule(&other, 1, 1), none),
            json!({"external_port_range": outside, "internal_port_range": inside}),
        )
    };
    let relation = "Bad port_forwarding request: Invalid ranges of internal and/or external ports. The relation between internal and external ports must be N-N or 1-N.";
    let unsuitable = format!(
        "Bad port_forwarding request: Requested internal IP address 10.6.0.77 is not suitable for internal neutron port {}, as its fixed_ips are [{{'ip_address': '10.6.0.10', 'subnet_id': '{}'}}].",
        id(&other),
        id(&world.inner)
    );
    let unreachable = format!(
        "Bad port_forwarding request: External network {} is not reachable from subnet {}. Cannot set Port forwarding for port {} with Floating IP {}.",
        id(&world.outside),
        id(&subnet),
        id(&cut_off),
        id(&floating)
    );
    let has_floating_ip = format!(
        "Cannot create port forwarding to floating IP {} ({}) with port {} using fixed IP 10.6.0.11, as that port already has a binding floating IP.",
        text(&whole["floating_ip_address"]),
        id(&whole),
        id(&bound)
    );
    let stands_for_a_port = format!(
        "Cannot associate floating IP {} ({}) with port {} using fixed IP 10.6.0.10, as that fixed IP already has a floating IP on external network {}.",
        text(&whole["floating_ip_address"]),
        id(&whole),
        id(&other),
        id(&world.outside)
    );
    let of_made = format!("{}/{}", rules(&floating), id(&made));
    let put = |body: Value, refusal, message: String| {
        case("PUT", of_made.clone(), json!({"port_forwarding": body}), refusal, message)
    };
    check(&api, vec![
        post(&json!({"id": NONE}), rule(&other, 1, 1), (404, "FloatingIPNotFound"), format!("Floating IP {NONE} could not be found")),
        post(&floating, with(rule(&other, 1, 1), json!({"protocol": null})), BAD, "Failed to parse request. Required attribute 'protocol' not specified"),
        post(&floating, with(rule(&other, 1, 1), json!({"protocol": "icmp"})), BAD, "Invalid input for protocol. Reason: icmp is not in valid_values."),
        post(&floating, rule(&other, 0, 1), BAD, "Invalid input for external_port. Reason: '0' is too small - must be at least '1'."),
        post(&floating, with(rule(&other, 1, 1), json!({"internal_port": 65536})), BAD, "Invalid input for internal_port. Reason: '65536' is too large - must be no larger than '65535'."),
        post(&floating, ranges("9:7", "1"), BAD, "Invalid input for external_port_range. Reason: First port in a port range must be lower than the second port."),
        post(&floating, ranges("1:3", "1:2"), REFUSED, relation),
        post(&floating, ranges("7", "1:2"), REFUSED, relation),
        post(&floating, ranges("1:33", "1"), REFUSED, "Bad port_forwarding request: At most 32 external ports can lead to one internal port."),
        post(&floating, with(rule(&other, 1, 1), json!({"internal_port": null})), REFUSED, "Bad port_forwarding request: internal_port or internal_port_range has to be specified."),
        post(&floating, with(rule(&other, 1, 1), json!({"internal_port_range": "2:3"})), REFUSED, "Bad port_forwarding request: internal_port and internal_port_range were both said and are not the same."),
        post(&floating, rule(&other, 80, 1), REFUSED, collision("external_port_range", "80:80", "80:80")),
        post(&floating, ranges("70:80", "70:80"), REFUSED, collision("external_port_range", "80:80", "70:80")),
        post(&second, rule(&port, 81, 8080), REFUSED, collision("internal_port_range", "8080:8080", "8080:8080")),
        post(&floating, with(rule(&other, 1, 1), json!({"internal_ip_address": "10.6.0.77"})), REFUSED, unsuitable),
        post(&floating, with(rule(&bare, 1, 1), json!({"internal_ip_address": "10.6.0.77"})), REFUSED, format!("Bad port_forwarding request: Requested internal port {} must allocate an IPv4 address at least.", id(&bare))),
        post(&floating, with(rule(&other, 1, 1), json!({"internal_port_id": NONE})), (404, "PortNotFound"), format!("Port {NONE} could not be found.")),
        post(&floating, rule(&cut_off, 1, 1), REFUSED, unreachable),
        post(&floating, rule(&bound, 1, 1), (409, "PortHasBindingFloatingIP"), has_floating_ip.clone()),
        post(&whole, rule(&other, 1, 1), (409, "FloatingIPPortAlreadyAssociated"), stands_for_a_port),
        put(json!({"external_port": 90}), REFUSED, format!("Bad port_forwarding request: Another port forwarding entry with the same attributes already exists, conflicting values are {{'external_port': 90, 'floating_ip_address': '{}'}}.", text(&floating["floating_ip_address"]))),
        put(json!({"internal_port": 9090}), REFUSED, format!("Bad port_forwarding request: Another port forwarding entry with the same attributes already exists, conflicting values are {{'internal_ip_address': '10.6.0.9', 'internal_port': 9090, 'internal_port_id': '{}'}}.", id(&port))),
        put(json!({"external_port_range": "85:95"}), REFUSED, collision("external_port_range", "90:90", "85:95")),
        put(json!({"internal_ip_address": "10.6.0.77"}), REFUSED, format!("Bad port_forwarding request: The internal IP does not correspond to an address on the internal port, which has fixed_ips [{{'ip_address': '10.6.0.9', 'subnet_id': '{}'}}].", id(&world.inner))),
        put(json!({"internal_port_id": bound["id"]}), (409, "PortHasBindingFloatingIP"), has_floating_ip),
        case("PUT", format!("{}/{NONE}", rules(&floating)), json!({"port_forwarding": {}}), (404, "PortForwardingNotFound"), format!("Port Forwarding {NONE} could not be found.")),
    ]).await;
    let left = rows(&api).await;
    assert_eq!(
        left.iter().map(|row| row.external_port).collect::<Vec<_>>(),
        [80, 90],
        "nothing of it was done"
    );
    let moved = json!({"port_forwarding": {"internal_port_id": other["id"]}});
    let moved = admin.put(&of_made, moved).await.expect(200);
    assert_eq!(moved["port_forwarding"]["internal_ip_address"], "10.6.0.10");
    admin.delete(&format!("{}/{}", rules(&floating), id(&also))).await.expect(204);
}

#[tokio::test]
async fn all_rules_lead_through_one_router() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let world = world(&mut admin, "p").await;
    let port = guest(&mut admin, &world, "p", &["10.6.0.9"]).await;
    let floating = floating_ip(&mut admin, &world).await;
    let far = admin.create("network", json!({})).await;
    let subnet = json!({"network_id": far["id"], "ip_version": 4, "cidr": "10.7.0.0/24"});
    let subnet = admin.create("subnet", subnet).await;
    let router = uuid::Uuid::new_v4().to_string();
    leg(&mut admin, &router, "network:router_interface", json!({"subnet_id": subnet["id"]}), &far).await;
    leg(
        &mut admin,
        &router,
        "network:router_gateway",
        json!({"subnet_id": world.outer["id"]}),
        &world.outside,
    )
    .await;
    let remote = admin.create("port", json!({"network_id": far["id"]})).await;
    add(&mut admin, &floating, rule(&port, 80, 8080)).await;
    let refused = format!(
        "Bad port_forwarding request: The Floating IP {} had been set on router {}, the internal Neutron port {} can not \
         reach it.",
        id(&floating),
        world.router,
        id(&remote)
    );
    let body = json!({"port_forwarding": rule(&remote, 81, 8081)});
    admin.post(&rules(&floating), body).await.expect_error(400, "BadRequest", &refused);
}

#[tokio::test]
async fn a_port_is_reached_as_a_whole_or_in_parts() {
    let api = Api::start().await;
    let mut admin = api.admin();
    for (interface, status) in
        [("network:router_interface_distributed", 400), ("network:router_interface", 201)]
    {
        let world = world_with(&mut admin, "p", interface).await;
        let port = guest(&mut admin, &world, "p", &["10.6.0.9"]).await;
        let floating = floating_ip(&mut admin, &world).await;
        add(&mut admin, &floating, rule(&port, 80, 8080)).await;
        let body = json!({"floatingip": {"floating_network_id": world.outside["id"], "port_id": port["id"]}});
        let reply = admin.post(FLOATING_IPS, body).await;
        assert_eq!(reply.status, status, "{}", reply.text);
        if status == 400 {
            let refused = format!(
                "Cannot associate floating IP to port {} because it already has a Port Forwarding binding.",
                id(&port)
            );
            reply.expect_error(400, "PortHasPortForwarding", &refused);
        }
    }
}

#[tokio::test]
async fn rules_go_with_what_they_lead_to() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let world = world(&mut admin, "p").await;
    let port = guest(&mut admin, &world, "p", &["10.6.0.9", "10.6.0.10"]).await;
    let floating = floating_ip(&mut admin, &world).await;
    for outside in 1..=40 {
        add(&mut admin, &floating, rule(&port, outside, outside)).await;
    }
    let of_second = json!({"internal_ip_address": "10.6.0.10"});
    for outside in 41..=44 {
        add(&mut admin, &floating, with(rule(&port, outside, outside), of_second.clone())).await;
    }
    let change = json!({"port": {"fixed_ips": [{"ip_address": "10.6.0.9"}]}});
    admin.put(&path("ports", &port), change).await.expect(200);
    assert_eq!(rows(&api).await.len(), 40, "the address is gone");
    let none = json!({"external_port": null, "internal_port": null});
    let wide = json!({"external_port_range": "100:131", "internal_port_range": "9"});
    for protocol in ["udp", "sctp"] {
        let rule = with(with(rule(&port, 1, 1), none.clone()), wide.clone());
        add(&mut admin, &floating, with(rule, json!({"protocol": protocol}))).await;
    }
    assert_eq!(rows(&api).await.len(), 104);
    admin.delete(&path("ports", &port)).await.expect(204);
    assert_eq!(rows(&api).await, []);
    let shown = admin.get(&path("floatingips", &floating)).await.expect(200)["floatingip"].take();
    assert_eq!((&shown["router_id"], &shown["port_forwardings"]), (&json!(null), &json!([])));
}

#[tokio::test]
async fn rules_are_of_the_owner_of_the_floating_ip() {
    let api = Api::start().await;
    let (mut admin, mut other) = (api.admin(), api.member("q"));
    let world = world(&mut admin, "p").await;
    let port = guest(&mut admin, &world, "p", &["10.6.0.9"]).await;
    let floating = floating_ip(&mut admin, &world).await;
    let missing = format!("Floating IP {} could not be found", id(&floating));
    other.get(&rules(&floating)).await.expect_error(404, "FloatingIPNotFound", &missing);
    let body = json!({"port_forwarding": rule(&port, 80, 8080)});
    other.post(&rules(&floating), body.clone()).await.expect_error(404, "FloatingIPNotFound", &missing);
    let mut reader = api.client(&[("X-Project-Id", "p"), ("X-Roles", "reader")]);
    let refused = "rule:create_floatingip_port_forwarding is disallowed by policy";
    reader.post(&rules(&floating), body).await.expect_error(403, "PolicyNotAuthorized", refused);
    assert_eq!(reader.get(&rules(&floating)).await.expect(200), json!({"port_forwardings": []}));
    let several = json!({"port_forwardings": [rule(&port, 80, 8080), rule(&port, 81, 8081)]});
    let made = api.member("p").post(&rules(&floating), several).await.expect(201);
    assert_eq!(made["port_forwardings"].as_array().unwrap().len(), 2);
    admin.put(&rules(&floating), json!({})).await.expect(405);
}

#[tokio::test]
async fn two_who_want_a_port_inside_are_told_apart() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let world = world(&mut admin, "p").await;
    let port = guest(&mut admin, &world, "p", &["10.6.0.9"]).await;
    let (other, _) = outside(&mut admin, "172.25.0.0/24").await;
    assert_ne!(other["id"], world.outside["id"]);
    let mut wanted = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let floating = floating_ip(&mut admin, &world).await;
        let (mut client, body) = (api.admin(), json!({"port_forwarding": rule(&port, 80, 8080)}));
        wanted.spawn(async move { client.post(&rules(&floating), body).await.status });
    }
    let statuses = wanted.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(rows(&api).await.len(), 1);
}
