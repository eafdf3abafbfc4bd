//! Gateways of routers: the seed's own session, its mistakes, and everything that a gateway may be.

use model::Table;
use nb::memory::MemoryStore;
use northbound::Settings;
use northbound::translate::{FlatNetworks, IdRange, SegmentSettings, SegmentType};
use serde_json::{Value, json};

use crate::routers::{add, change, external, path, shown, subnet, text};
use crate::support::{Api, Client};

/// An API that knows the seed's physical network only.
async fn seed() -> Api {
    let range = IdRange::parse("1:65536", SegmentType::Vxlan).unwrap();
    let segments = SegmentSettings {
        tunnels: [(SegmentType::Vxlan, vec![range])].into(),
        flat: FlatNetworks::parse_all(["external"]),
        ..SegmentSettings::default()
    };
    Api::with(MemoryStore::new(), Settings { segments, ..Settings::default() }).await
}

fn flat(physical_network: &str) -> Value {
    json!({"network": {"name": "ext-net", "router:external": true, "provider:network_type": "flat",
        "provider:physical_network": physical_network}})
}

/// Changes the gateway of a router.
async fn set(client: &mut Client, router: &Value, info: Value) -> Value {
    change(client, router, json!({"external_gateway_info": info})).await["external_gateway_info"].take()
}

async fn set_reply(client: &mut Client, router: &Value, info: Value) -> crate::support::Reply {
    client.put(&path("routers", router), json!({"router": {"external_gateway_info": info}})).await
}

async fn extra(api: &Api) -> Value {
    let rows = api.objects(Table::RouterExtra).await;
    serde_json::from_str(&rows[0].to_text()).unwrap()
}

#[tokio::test]
async fn the_session_of_the_seed() {
    let api = seed().await;
    let mut admin = api.admin();
    // Its mistake: the physical network has another name.
    let refused = admin.post("/v2.0/networks", flat("public")).await;
    let message = refused.expect(400)["NeutronError"]["message"].clone();
    assert!(text(&message).contains("public"), "{message}");
    assert_eq!(admin.get("/v2.0/networks").await.expect(200), json!({"networks": []}), "nothing is stored");

    let network = admin.post("/v2.0/networks", flat("external")).await.expect(201)["network"].take();
    assert_eq!(
        (
            &network["router:external"],
            &network["provider:network_type"],
            &network["provider:segmentation_id"]
        ),
        (&json!(true), &json!("flat"), &Value::Null)
    );
    admin.post("/v2.0/networks", flat("external")).await.expect(409);
    let body = json!({"network_id": network["id"], "cidr": "172.16.0.0/16", "ip_version": 4, "enable_dhcp": false,
        "gateway_ip": "172.16.0.1",
        "allocation_pools": [{"start": "172.16.217.100", "end": "172.16.217.200"}]});
    admin.create("subnet", body).await;
    let vm_net = json!({"name": "vm-net", "provider:network_type": "vxlan", "project_id": "demo"});
    let vm_net = admin.create("network", vm_net).await;
    let router =
        admin.create("router", json!({"name": "gate", "distributed": true, "project_id": "demo"})).await;
    assert_eq!(router["distributed"], true);

    // What the seed leaves out: a subnet, and a way from it to the router; then the gateway, as the project.
    let mut demo = api.member("demo");
    let subnet = json!({"network_id": vm_net["id"], "cidr": "10.0.0.0/24", "ip_version": 4});
    let subnet = demo.create("subnet", subnet).await;
    add(&mut demo, &router, json!({"subnet_id": subnet["id"]})).await;
    let info = set(&mut demo, &router, json!({"network_id": network["id"]})).await;
    let address: std::net::Ipv4Addr = text(&info["external_fixed_ips"][0]["ip_address"]).parse().unwrap();
    assert!(
        (std::net::Ipv4Addr::new(172, 16, 217, 100)..=std::net::Ipv4Addr::new(172, 16, 217, 200))
            .contains(&address),
        "{address}"
    );
    assert_eq!((&info["enable_snat"], &info["network_id"]), (&json!(true), &network["id"]));
    let shown = shown(&mut demo, "routers", &router).await;
    assert!(shown.get("distributed").is_none() && shown.get("ha").is_none(), "that is for administrators");

    let ports = admin.get("/v2.0/ports?device_owner=network:router_gateway").await.expect(200);
    let port = &ports["ports"][0];
    assert_eq!((&port["device_id"], &port["project_id"]), (&router["id"], &json!("")));
    assert_eq!(
        extra(&api).await["gateways"],
        json!([{"enable_snat": true, "lswitch": network["id"], "port": port["id"]}])
    );
    let seen = demo.get("/v2.0/ports?device_owner=network:router_gateway").await.expect(200);
    assert_eq!(seen, json!({"ports": []}), "the port is nobody's");
}

#[tokio::test]
async fn a_gateway_comes_changes_and_goes() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let (network, subnet) = external(&mut admin, "172.16.0").await;
    let (other, _) = external(&mut admin, "172.17.0").await;
    let body = json!({"project_id": "p", "external_gateway_info": {"network_id": network["id"], "enable_snat": false,
        "external_fixed_ips": [{"ip_address": "172.16.0.99"}]}});
    let router = admin.create("router", body).await;
    let fixed = json!([{"ip_address": "172.16.0.99", "subnet_id": subnet["id"]}]);
    let info = &router["external_gateway_info"];
    assert_eq!((&info["enable_snat"], &info["external_fixed_ips"]), (&json!(false), &fixed));
    assert_eq!(router["external_gateways"], json!([info]));

    // Nothing said of the addresses leaves them; of hiding addresses, that they are hidden.
    let info = set(&mut admin, &router, json!({"network_id": network["id"]})).await;
    assert_eq!((&info["enable_snat"], &info["external_fixed_ips"]), (&json!(true), &fixed));
    let port = extra(&api).await["gateways"][0]["port"].clone();
    let info = json!({"network_id": network["id"], "external_fixed_ips": [{"ip_address": "172.16.0.98"}]});
    let info = set(&mut admin, &router, info).await;
    assert_eq!(info["external_fixed_ips"][0]["ip_address"], "172.16.0.98");
    assert_eq!(extra(&api).await["gateways"][0]["port"], port, "it is the same port");
    // An administrator may change the port as well; the router shows what its port has.
    let body = json!({"port": {"fixed_ips": [{"ip_address": "172.16.0.97"}]}});
    admin.put(&format!("/v2.0/ports/{}", text(&port)), body).await.expect(200);
    let info = shown(&mut admin, "routers", &router).await["external_gateway_info"].take();
    assert_eq!(info["external_fixed_ips"][0]["ip_address"], "172.16.0.97");

    let info = set(&mut admin, &router, json!({"network_id": other["id"]})).await;
    assert_eq!(info["network_id"], other["id"]);
    admin.get(&format!("/v2.0/ports/{}", text(&port))).await.expect(404);
    assert_eq!(set(&mut admin, &router, json!({})).await, Value::Null);
    assert_eq!(admin.get("/v2.0/ports").await.expect(200), json!({"ports": []}));
    set(&mut admin, &router, json!({"network_id": other["id"]})).await;
    admin.delete(&path("routers", &router)).await.expect(204);
    assert_eq!(admin.get("/v2.0/ports").await.expect(200), json!({"ports": []}), "it goes with the router");
}

#[tokio::test]
async fn what_no_gateway_can_be() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let (network, _) = external(&mut admin, "172.16.0").await;
    let inner = subnet(&mut admin, "172.16.0.0/16").await;
    let router = admin.create("router", json!({"project_id": "p"})).await;
    let refused = set_reply(&mut admin, &router, json!({"network_id": inner["network_id"]})).await;
    let text_of =
        format!("Bad router request: Network {} is not an external network.", text(&inner["network_id"]));
    refused.expect_error(400, "BadRequest", &text_of);
    let info = json!({"network_id": network["id"], "external_fixed_ips": [{"ip_address": "172.16.0.1"}]});
    set_reply(&mut admin, &router, info).await.expect_error(
        400,
        "BadRequest",
        "Bad router request: External IP 172.16.0.1 is the same as the gateway IP.",
    );
    let missing = json!({"network_id": "00000000-0000-4000-8000-000000000000"});
    set_reply(&mut admin, &router, missing).await.expect(404);
    let unknown = json!({"network_id": network["id"], "flavor": 1});
    set_reply(&mut admin, &router, unknown).await.expect_error(
        400,
        "HTTPBadRequest",
        "Invalid input for external_gateway_info. Reason: Unexpected keys supplied: flavor.",
    );
    // An address of the outside is no address of the inside.
    add(&mut admin, &router, json!({"subnet_id": inner["id"]})).await;
    let overlapping = set_reply(&mut admin, &router, json!({"network_id": network["id"]})).await;
    let message = overlapping.expect(400)["NeutronError"]["message"].clone();
    assert!(text(&message).contains("overlaps with cidr 172.16.0.0/16 of subnet"), "{message}");

    // Who owns the router does not choose its address, nor that addresses are not hidden.
    let mut owner = api.member("p");
    for (member, value) in [("enable_snat", json!(true)), ("external_fixed_ips", json!([]))] {
        let refused =
            set_reply(&mut owner, &router, json!({"network_id": network["id"], member: value})).await;
        let rule = format!(
            "(rule:update_router and rule:update_router:external_gateway_info:{member}) is disallowed by policy"
        );
        refused.expect_error(403, "PolicyNotAuthorized", &rule);
    }
}

#[tokio::test]
async fn a_network_with_gateways_stays_external() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let (network, subnet) = external(&mut admin, "172.16.0").await;
    let body = json!({"project_id": "p", "external_gateway_info": {"network_id": network["id"]}});
    let router = admin.create("router", body).await;
    let inner = json!({"network": {"router:external": false}});
    admin.put(&path("networks", &network), inner.clone()).await.expect_error(
        409,
        "ExternalNetworkInUse",
        &format!(
            "External network {} cannot be updated to be made non-external, since it has existing gateway ports.",
            text(&network["id"])
        ),
    );
    let in_use = admin.delete(&path("networks", &network)).await.expect(409);
    assert_eq!(in_use["NeutronError"]["type"], "NetworkInUse");
    let in_use = admin.delete(&path("subnets", &subnet)).await.expect(409);
    assert_eq!(in_use["NeutronError"]["type"], "SubnetInUse");
    set(&mut admin, &router, Value::Null).await;
    admin.put(&path("networks", &network), inner).await.expect(200);
    admin.delete(&path("networks", &network)).await.expect(204);
}

/// More of them than fit one transaction with their routers.
const GATEWAYS: usize = 40;

#[tokio::test]
async fn gateways_make_addresses_in_a_new_subnet_as_all_ports_do() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let (network, subnet) = external(&mut admin, "172.16.0").await;
    let pool = json!({"subnet": {"allocation_pools": [{"start": "172.16.0.2", "end": "172.16.0.250"}]}});
    admin.put(&path("subnets", &subnet), pool).await.expect(200);
    for number in 0..GATEWAYS {
        let info = json!({"network_id": network["id"]});
        let body = json!({"project_id": format!("p{}", number / 10), "external_gateway_info": info});
        admin.create("router", body).await;
    }
    let slaac = json!({"network_id": network["id"], "ip_version": 6, "cidr": "fd00::/64", "ipv6_ra_mode": "slaac",
        "ipv6_address_mode": "slaac"});
    admin.create("subnet", slaac).await;
    let routers = admin.get("/v2.0/routers").await.expect(200)["routers"].take();
    let routers = routers.as_array().unwrap();
    assert_eq!(routers.len(), GATEWAYS);
    for router in routers {
        let fixed = router["external_gateway_info"]["external_fixed_ips"].as_array().unwrap();
        assert!(fixed.iter().any(|fixed| text(&fixed["ip_address"]).starts_with("fd00:")), "{router}");
    }
}
