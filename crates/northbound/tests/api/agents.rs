//! Agents: the daemons of nodes, made of what nodes write of themselves.

use std::time::{SystemTime, UNIX_EPOCH};

use model::{
    Chassis, ChassisExtra, GatewayCandidate, Id, Object, PortState, PortStatus, Service, ServiceExtra, Table,
    Timestamp, Topic, TunnelType,
};
use nb::{Store as _, Txn};
use northbound::Settings;
use serde_json::{Value, json};

use crate::floating_ips::{NONE, id, path, text};
use crate::support::{Api, Client, eventually};

const AGENTS: &str = "/v2.0/agents";
pub(crate) const CONTROLLER: &str = "df-local-controller";
pub(crate) const GATEWAY: &str = "df-l3-agent";

fn chassis(host: &str) -> Id<Chassis> {
    Id::new(host).unwrap()
}

/// A heartbeat that is so old.
fn heartbeat(host: &str, binary: &str, age_s: f64) -> Object {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    Service {
        binary: binary.to_owned(),
        chassis: chassis(host),
        disabled: None,
        disabled_reason: None,
        id: Service::id_of(&chassis(host), binary),
        last_seen_up: Timestamp::from_seconds(now - age_s),
    }
    .into()
}

/// When a daemon was there first, and when it was started.
fn times(host: &str, binary: &str, created_s: f64, started_s: f64) -> Object {
    let service = Service::id_of(&chassis(host), binary);
    ServiceExtra {
        created_at: Timestamp::from_seconds(created_s),
        id: ServiceExtra::id_of(&service),
        service,
        started_at: Timestamp::from_seconds(started_s),
    }
    .into()
}

/// What a local controller writes of its node.
pub(crate) fn node(host: &str, zone: &str, age_s: f64) -> Vec<Object> {
    let chassis = chassis(host);
    let row = Chassis {
        external_host_ip: None,
        id: chassis.clone(),
        ip: "192.0.2.1".parse().unwrap(),
        tunnel_types: vec![TunnelType::Geneve, TunnelType::Vxlan],
    };
    let extra = ChassisExtra {
        availability_zones: vec![zone.to_owned()],
        id: ChassisExtra::id_of(&chassis),
        chassis,
        physical_networks: vec!["external".to_owned()],
        software_version: Some("1.0".to_owned()),
    };
    vec![row.into(), extra.into(), heartbeat(host, CONTROLLER, age_s)]
}

pub(crate) fn candidate(host: &str, priority: u32) -> Object {
    GatewayCandidate { chassis: chassis(host), id: GatewayCandidate::id_of(&chassis(host)), priority }.into()
}

/// Writes rows and waits until the server knows them.
pub(crate) async fn say(api: &Api, objects: Vec<Object>) {
    let mut txn = Txn::new();
    for object in &objects {
        txn = txn.put_object(object);
    }
    api.store.commit(txn).await.unwrap();
    let last = api.admin().create("network", json!({})).await;
    api.admin().delete(&path("networks", &last)).await.expect(204);
}

async fn listed(client: &mut Client, query: &str) -> Vec<Value> {
    let body = client.get(&format!("{AGENTS}{query}")).await.expect(200);
    body["agents"].as_array().unwrap().clone()
}

async fn agent(client: &mut Client, host: &str, binary: &str) -> Value {
    let found = listed(client, &format!("?host={host}&binary={binary}")).await;
    let [agent] = found.as_slice() else { panic!("{found:?}") };
    agent.clone()
}

#[tokio::test]
async fn every_daemon_of_a_node_is_an_agent() {
    let api = Api::start().await;
    let mut admin = api.admin();
    assert_eq!(listed(&mut admin, "").await, Vec::<Value>::new());
    let mut rows = node("n1", "az1", 0.0);
    rows.extend(node("n2", "az2", 500.0));
    rows.extend([candidate("n2", 7), heartbeat("n1", "df-metadata-service", 0.0)]);
    say(&api, rows).await;
    let controller = agent(&mut admin, "n1", CONTROLLER).await;
    let beat = text(&controller["heartbeat_timestamp"]).to_owned();
    assert_eq!((beat.len(), &beat[4..5], &beat[10..11], &beat[13..14]), (19, "-", " ", ":"), "{beat}");
    assert_eq!(
        controller,
        json!({"id": Service::id_of(&chassis("n1"), CONTROLLER).to_string(), "agent_type": "Dragonflow controller",
            "binary": CONTROLLER, "topic": "N/A", "host": "n1", "admin_state_up": true, "availability_zone": "az1",
            "created_at": null, "started_at": null, "heartbeat_timestamp": beat, "alive": true, "description": null,
            "resources_synced": null, "configurations": {"tunneling_ip": "192.0.2.1",
                "tunnel_types": ["geneve", "vxlan"], "physical_networks": ["external"],
                "availability_zones": ["az1"], "software_version": "1.0", "gateway_priority": null}})
    );
    let gateway = agent(&mut admin, "n2", GATEWAY).await;
    assert_eq!((&gateway["agent_type"], &gateway["alive"]), (&json!("L3 agent"), &json!(false)));
    assert_eq!(gateway["configurations"]["gateway_priority"], 7);
    assert_eq!(admin.get(&path("agents", &gateway)).await.expect(200)["agent"], gateway);
    for (query, count) in [
        ("", 4),
        ("?alive=True", 2),
        ("?alive=false", 2),
        ("?agent_type=L3%20agent", 1),
        ("?host=n1", 2),
        ("?availability_zone=az2", 2),
        ("?agent_type=DHCP%20agent", 0),
    ] {
        assert_eq!(listed(&mut admin, query).await.len(), count, "{query}");
    }
    let mut member = api.member("p");
    assert_eq!(listed(&mut member, "").await, Vec::<Value>::new(), "nodes are for administrators");
    let missing = format!("Agent {} could not be found.", id(&gateway));
    member.get(&path("agents", &gateway)).await.expect_error(404, "AgentNotFound", &missing);
    admin.post(AGENTS, json!({"agent": {}})).await.expect(405);
    admin.get(&format!("{AGENTS}/{NONE}")).await.expect(404);
}

#[tokio::test]
async fn agents_show_when_they_were_there_first_and_when_they_were_started() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let mut rows = node("n1", "az1", 500.0);
    rows.extend([candidate("n1", 1), times("n1", CONTROLLER, 86_400.0, 90_061.5)]);
    say(&api, rows).await;
    let both = |agent: &Value| (agent["created_at"].clone(), agent["started_at"].clone());
    let of_controller = (json!("1970-01-02 00:00:00"), json!("1970-01-02 01:01:01"));
    let controller = agent(&mut admin, "n1", CONTROLLER).await;
    assert_eq!(both(&controller), of_controller);
    assert_eq!(both(&agent(&mut admin, "n1", GATEWAY).await), of_controller, "the controller speaks for it");
    say(&api, vec![heartbeat("n1", GATEWAY, 0.0)]).await;
    assert_eq!(both(&agent(&mut admin, "n1", GATEWAY).await), (json!(null), json!(null)), "it did not say");
    say(&api, vec![times("n1", GATEWAY, 0.0, 60.0)]).await;
    let own = (json!("1970-01-01 00:00:00"), json!("1970-01-01 00:01:00"));
    assert_eq!(both(&agent(&mut admin, "n1", GATEWAY).await), own);
    admin.delete(&path("agents", &controller)).await.expect(204);
    assert_eq!(api.objects(Table::ServiceExtra).await.len(), 1, "it goes with the agent");
}

#[tokio::test]
async fn a_daemon_of_its_own_counts_where_there_is_one() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let mut rows = node("n1", "az", 0.0);
    rows.push(candidate("n1", 1));
    say(&api, rows).await;
    assert_eq!(agent(&mut admin, "n1", GATEWAY).await["alive"], true, "the controller speaks for it");
    say(&api, vec![heartbeat("n1", GATEWAY, 500.0)]).await;
    assert_eq!(agent(&mut admin, "n1", GATEWAY).await["alive"], false);
    say(&api, vec![heartbeat("n1", GATEWAY, 0.0)]).await;
    assert_eq!(agent(&mut admin, "n1", GATEWAY).await["alive"], true);
}

#[tokio::test]
async fn how_long_silence_may_last_is_what_the_operator_says() {
    let api = Api::start().await;
    let patient = Settings { service_down_time_s: 1000.0, ..Settings::default() };
    let patient = Api::with(api.store.clone(), patient).await;
    say(&api, node("n1", "az", 500.0)).await;
    assert_eq!(agent(&mut api.admin(), "n1", CONTROLLER).await["alive"], false);
    eventually(async || !listed(&mut patient.admin(), "?alive=true").await.is_empty()).await;
}

#[tokio::test]
async fn an_agent_that_is_switched_off_gets_no_gateways() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let mut rows = node("n1", "az", 0.0);
    rows.push(candidate("n1", 1));
    say(&api, rows).await;
    let gateway = agent(&mut admin, "n1", GATEWAY).await;
    let off = json!({"agent": {"admin_state_up": "false", "description": "maintenance"}});
    let changed = admin.put(&path("agents", &gateway), off).await.expect(200)["agent"].take();
    assert_eq!(
        (&changed["admin_state_up"], &changed["description"], &changed["alive"]),
        (&json!(false), &json!("maintenance"), &json!(true))
    );
    assert_eq!(api.objects(Table::GatewayCandidate).await, []);
    let services = api.objects(Table::Service).await;
    let row = services.iter().find(|row| *row.id() == *id(&gateway)).unwrap();
    let Object::Service(row) = row else { panic!("{row:?}") };
    assert_eq!((row.disabled, row.disabled_reason.as_deref()), (Some(true), Some("maintenance")));
    let on = json!({"agent": {"admin_state_up": true, "description": null}});
    let changed = admin.put(&path("agents", &gateway), on).await.expect(200)["agent"].take();
    assert_eq!((&changed["admin_state_up"], &changed["description"]), (&json!(true), &json!(null)));
    for (body, message) in [
        (json!({"host": "n2"}), "Cannot update read-only attribute host"),
        (json!({"cat": 1}), "Unrecognized attribute(s) 'cat'"),
    ] {
        let reply = admin.put(&path("agents", &gateway), json!({"agent": body})).await;
        reply.expect_error(400, "HTTPBadRequest", message);
    }
    let missing = format!("Agent {NONE} could not be found.");
    let body = json!({"agent": {"admin_state_up": true}});
    admin.put(&format!("{AGENTS}/{NONE}"), body.clone()).await.expect_error(404, "AgentNotFound", &missing);
    api.member("p").put(&path("agents", &gateway), body).await.expect(404);
}

#[tokio::test]
async fn who_is_dead_can_be_forgotten() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let mut rows = node("n1", "az", 0.0);
    rows.extend(node("n2", "az", 500.0));
    rows.push(candidate("n2", 7));
    say(&api, rows).await;
    let alive = agent(&mut admin, "n1", CONTROLLER).await;
    let refused = format!(
        "Agent {} (df-local-controller on n1) is alive: it would come back. Stop it, and delete it when it is not alive any \
         more.",
        id(&alive)
    );
    admin.delete(&path("agents", &alive)).await.expect_error(409, "AgentInUse", &refused);
    let dead = agent(&mut admin, "n2", CONTROLLER).await;
    api.member("p").delete(&path("agents", &dead)).await.expect(404);
    admin.delete(&path("agents", &dead)).await.expect(204);
    let hosts: Vec<Value> = listed(&mut admin, "").await.iter().map(|agent| agent["host"].clone()).collect();
    assert_eq!(hosts, ["n1"], "its node goes with it");
    for table in [Table::Chassis, Table::ChassisExtra, Table::Service] {
        assert_eq!(api.objects(table).await.len(), 1, "{table:?}");
    }
    assert_eq!(api.objects(Table::GatewayCandidate).await, []);
    admin.delete(&path("agents", &dead)).await.expect(404);
}

#[tokio::test]
async fn every_node_answers_dhcp() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let mut rows = node("n1", "az", 0.0);
    rows.extend(node("n2", "az", 0.0));
    rows.push(candidate("n2", 7));
    say(&api, rows).await;
    let network = admin.create("network", json!({})).await;
    let of_network = format!("{}/dhcp-agents", path("networks", &network));
    assert_eq!(admin.get(&of_network).await.expect(200), json!({"agents": []}), "it has no DHCP yet");
    let subnet = json!({"network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/24"});
    admin.create("subnet", subnet).await;
    let found = admin.get(&of_network).await.expect(200)["agents"].take();
    let hosts: Vec<&Value> = found.as_array().unwrap().iter().map(|agent| &agent["host"]).collect();
    assert_eq!(hosts, ["n1", "n2"]);
    let controller = agent(&mut admin, "n1", CONTROLLER).await;
    let networks = format!("{}/dhcp-networks", path("agents", &controller));
    let found = admin.get(&networks).await.expect(200)["networks"].take();
    assert_eq!((found.as_array().unwrap().len(), &found[0]["id"]), (1, &network["id"]));
    let refused = format!(
        "The network {} has been already hosted by the DHCP Agent {}.",
        id(&network),
        id(&controller)
    );
    let body = json!({"network_id": network["id"]});
    admin.post(&networks, body.clone()).await.expect_error(409, "NetworkHostedByDHCPAgent", &refused);
    let refused = format!(
        "DHCP of network {} cannot be taken from agent {}: every node answers for the ports that it has.",
        id(&network),
        id(&controller)
    );
    admin.delete(&format!("{networks}/{}", id(&network))).await.expect_error(409, "Conflict", &refused);
    let gateway = agent(&mut admin, "n2", GATEWAY).await;
    let of_gateway = format!("{}/dhcp-networks", path("agents", &gateway));
    assert_eq!(admin.get(&of_gateway).await.expect(200), json!({"networks": []}));
    let refused = format!("Agent {} is not a valid DHCP Agent or has been disabled.", id(&gateway));
    admin.post(&of_gateway, body).await.expect_error(404, "InvalidDHCPAgent", &refused);
    let refused = "rule:get_dhcp-agents is disallowed by policy";
    api.member("p").get(&of_network).await.expect_error(403, "PolicyNotAuthorized", refused);
}

#[tokio::test]
async fn zones_are_those_of_nodes_and_of_the_operator() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let mut rows = node("n1", "east", 0.0);
    rows.extend(node("n2", "west", 500.0));
    rows.push(candidate("n1", 7));
    say(&api, rows).await;
    let zone =
        |name: &str, resource: &str, state: &str| json!({"name": name, "resource": resource, "state": state});
    let found = admin.get("/v2.0/availability_zones").await.expect(200);
    assert_eq!(
        found["availability_zones"],
        json!([
            zone("east", "network", "available"),
            zone("east", "router", "available"),
            zone("nova", "network", "available"),
            zone("nova", "router", "available"),
            zone("west", "network", "unavailable"),
        ])
    );
    let found = api.member("p").get("/v2.0/availability_zones?state=unavailable").await.expect(200);
    assert_eq!(found["availability_zones"], json!([zone("west", "network", "unavailable")]));
    admin.create("network", json!({"availability_zone_hints": ["west"]})).await;
    let body = json!({"network": {"availability_zone_hints": ["north"]}});
    let refused = "AvailabilityZone north could not be found.";
    admin.post("/v2.0/networks", body).await.expect_error(404, "AvailabilityZoneNotFound", refused);
}

/// A router with a gateway, and the port of that.
async fn router(admin: &mut Client) -> (Value, Id<model::LogicalPort>) {
    let (outside, _) = crate::floating_ips::outside(admin, "172.24.4.0/24").await;
    let router = json!({"external_gateway_info": {"network_id": outside["id"]}});
    let router = admin.create("router", router).await;
    let port = admin.get("/v2.0/ports?device_owner=network:router_gateway").await.expect(200);
    (router, Id::new(text(&port["ports"][0]["id"])).unwrap())
}

/// The hosts that may have the gateways of a router, in their order, and what they say of it.
async fn order(admin: &mut Client, router: &Value) -> Vec<(String, String)> {
    let found = admin.get(&format!("{}/l3-agents", path("routers", router))).await.expect(200);
    let said = |agent: &Value| (text(&agent["host"]).to_owned(), text(&agent["ha_state"]).to_owned());
    found["agents"].as_array().unwrap().iter().map(said).collect()
}

fn named(hosts: &[(String, String)]) -> Vec<&str> {
    hosts.iter().map(|(host, _)| host.as_str()).collect()
}

#[tokio::test]
async fn where_the_gateways_of_a_router_are_is_shown_and_can_be_chosen() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let (router, port) = router(&mut admin).await;
    assert_eq!(order(&mut admin, &router).await, [], "no node offers itself");
    let mut rows: Vec<Object> = ["n1", "n2", "n3"].iter().flat_map(|host| node(host, "az", 0.0)).collect();
    rows.extend([candidate("n1", 1), candidate("n2", 3), candidate("n3", 2)]);
    say(&api, rows).await;
    let active = PortStatus {
        chassis: chassis("n2"),
        generation: 1,
        id: PortStatus::id_of(&port),
        lport: port.clone(),
        lport_version: None,
        state: PortState::Active,
        topic: Topic::new(""),
        version: None,
    };
    say(&api, vec![active.into()]).await;
    let is = |host: &str, state: &str| (host.to_owned(), state.to_owned());
    assert_eq!(
        order(&mut admin, &router).await,
        [is("n2", "active"), is("n3", "standby"), is("n1", "standby")]
    );
    let first = agent(&mut admin, "n1", GATEWAY).await;
    let of_first = format!("{}/l3-routers", path("agents", &first));
    let found = admin.get(&of_first).await.expect(200);
    assert_eq!((found["routers"].as_array().unwrap().len(), &found["routers"][0]["id"]), (1, &router["id"]));
    let body = json!({"router_id": router["id"]});
    assert_eq!(admin.post(&of_first, body).await.expect(201), Value::Null);
    assert_eq!(named(&order(&mut admin, &router).await), ["n1", "n2", "n3"], "the others still take over");
    let chosen = async || {
        let rows = api.objects(Table::RouterExtra).await;
        let [Object::RouterExtra(row)] = rows.as_slice() else { panic!("{rows:?}") };
        row.chassis.iter().map(|own| (own.chassis.to_string(), own.priority)).collect::<Vec<_>>()
    };
    let pair = |host: &str, priority: u32| (host.to_owned(), priority);
    assert_eq!(chosen().await, [pair("n2", 3), pair("n3", 2), pair("n1", 4)]);
    let third = agent(&mut admin, "n3", GATEWAY).await;
    let of_third = format!("{}/l3-routers/{}", path("agents", &third), id(&router));
    admin.put(&of_third, json!({"ha_chassis_priority": 9})).await.expect(200);
    assert_eq!(named(&order(&mut admin, &router).await), ["n3", "n1", "n2"]);
    let second = agent(&mut admin, "n2", GATEWAY).await;
    let of_second = format!("{}/l3-routers/{}", path("agents", &second), id(&router));
    admin.delete(&of_second).await.expect(204);
    assert_eq!(named(&order(&mut admin, &router).await), ["n3", "n1"]);
    let refused = format!("The router {} is not hosted by the L3 Agent {}.", id(&router), id(&second));
    admin.delete(&of_second).await.expect_error(409, "RouterNotHostedByL3Agent", &refused);
    let body = json!({"ha_chassis_priority": 5});
    admin.put(&of_second, body).await.expect_error(409, "RouterNotHostedByL3Agent", &refused);
    for agent in [&first, &third] {
        let of_agent = format!("{}/l3-routers/{}", path("agents", agent), id(&router));
        admin.delete(&of_agent).await.expect(204);
    }
    assert_eq!(named(&order(&mut admin, &router).await), ["n2", "n3", "n1"], "nobody chooses any more");
    let gone = json!({"router": {"external_gateway_info": null}});
    admin.put(&path("routers", &router), gone).await.expect(200);
    assert_eq!(order(&mut admin, &router).await, [], "it has no gateway");
    assert_eq!(admin.get(&of_first).await.expect(200), json!({"routers": []}));
}

#[tokio::test]
async fn gateways_are_in_the_zones_that_their_router_asks_for() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let (outside, _) = crate::floating_ips::outside(&mut admin, "172.24.4.0/24").await;
    let mut rows: Vec<Object> = [("n1", "west"), ("n2", "east"), ("n3", "north")]
        .into_iter()
        .flat_map(|(host, zone)| node(host, zone, 0.0))
        .collect();
    rows.extend([candidate("n1", 1), candidate("n2", 3), candidate("n3", 2)]);
    say(&api, rows).await;
    let info = json!({"network_id": outside["id"]});
    let asks = json!({"external_gateway_info": info, "availability_zone_hints": ["west", "north"]});
    let router = admin.create("router", asks).await;
    assert_eq!(named(&order(&mut admin, &router).await), ["n3", "n1"]);
    let row: Value = serde_json::from_str(&api.objects(Table::RouterExtra).await[0].to_text()).unwrap();
    assert_eq!(row["zones"], json!(["west", "north"]));
    let any = admin.create("router", json!({"external_gateway_info": info})).await;
    assert_eq!(named(&order(&mut admin, &any).await), ["n2", "n3", "n1"]);
    // An administrator may choose another one.
    let east = agent(&mut admin, "n2", GATEWAY).await;
    let body = json!({"router_id": router["id"]});
    admin.post(&format!("{}/l3-routers", path("agents", &east)), body).await.expect(201);
    assert_eq!(named(&order(&mut admin, &router).await), ["n2", "n3", "n1"]);
}

#[tokio::test]
async fn gateways_go_to_nodes_that_offer_themselves() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let (router, _) = router(&mut admin).await;
    let mut rows = node("n1", "az", 0.0);
    rows.extend(node("n2", "az", 0.0));
    rows.extend([candidate("n1", 1), candidate("n2", 2)]);
    say(&api, rows).await;
    let (gateway, controller) =
        (agent(&mut admin, "n1", GATEWAY).await, agent(&mut admin, "n1", CONTROLLER).await);
    let routers = |agent: &Value| format!("{}/l3-routers", path("agents", agent));
    let body = json!({"router_id": router["id"]});
    let invalid = |agent: &Value| format!("Agent {} is not a L3 Agent or has been disabled", id(agent));
    let reply = admin.post(&routers(&controller), body.clone()).await;
    reply.expect_error(404, "InvalidL3Agent", &invalid(&controller));
    assert_eq!(admin.get(&routers(&controller)).await.expect(200), json!({"routers": []}));
    let missing = format!("Router {NONE} could not be found");
    admin.post(&routers(&gateway), json!({"router_id": NONE})).await.expect_error(
        404,
        "RouterNotFound",
        &missing,
    );
    for (priority, status, kind, message) in [
        (json!(2), 409, "HAChassisPriorityAlreadyAssigned", "HA Chassis priority 2 is already assigned"),
        (json!(32768), 400, "InvalidHAChassisPriority", "HA Chassis priority must be between 0 and 32767"),
        (json!("x"), 400, "InvalidHAChassisPriority", "HA Chassis priority must be between 0 and 32767"),
    ] {
        let body = json!({"router_id": router["id"], "ha_chassis_priority": priority});
        admin.post(&routers(&gateway), body).await.expect_error(status, kind, message);
    }
    let off = json!({"agent": {"admin_state_up": false}});
    admin.put(&path("agents", &gateway), off).await.expect(200);
    let reply = admin.post(&routers(&gateway), body.clone()).await;
    reply.expect_error(404, "InvalidL3Agent", &invalid(&gateway));
    let mut member = api.member("p");
    let of_router = format!("{}/l3-agents", path("routers", &router));
    let refused = "rule:get_l3-agents is disallowed by policy";
    member.get(&of_router).await.expect_error(403, "PolicyNotAuthorized", refused);
    member.post(&routers(&gateway), body).await.expect(403);
    admin.put(&of_router, json!({})).await.expect(405);
}
