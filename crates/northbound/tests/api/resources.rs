//! What each kind of resource does.

use serde_json::{Value, json};

use crate::support::{Api, Client};

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn path(collection: &str, resource: &Value) -> String {
    format!("/v2.0/{collection}/{}", text(&resource["id"]))
}

fn ips(port: &Value) -> Vec<&str> {
    port["fixed_ips"].as_array().unwrap().iter().map(|fixed| text(&fixed["ip_address"])).collect()
}

/// The addresses of the DHCP servers.
async fn servers(client: &mut Client) -> Vec<Vec<String>> {
    let listed = client.get("/v2.0/ports?device_owner=network:dhcp").await.expect(200);
    let ports = listed["ports"].as_array().unwrap().iter();
    ports.map(|port| ips(port).into_iter().map(str::to_owned).collect()).collect()
}

#[tokio::test]
async fn the_dhcp_server_follows_its_subnets() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let network = admin.create("network", json!({})).await;
    let mut subnet = async |cidr: &str, more: Value| {
        let mut attributes = json!({"network_id": network["id"], "ip_version": 4, "cidr": cidr});
        attributes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let created = api.admin().create("subnet", attributes).await;
        (created, servers(&mut admin).await)
    };
    let (off, none) = subnet("10.0.0.0/24", json!({"enable_dhcp": false})).await;
    assert!(none.is_empty());
    let (first, one) = subnet("10.1.0.0/24", json!({})).await;
    assert_eq!(one, [["10.1.0.2"]]);
    let (v6, _) = subnet("fd00::/64", json!({"ip_version": 6})).await;
    let (second, mut two) = subnet("10.2.0.0/24", json!({"gateway_ip": null})).await;
    two[0].sort();
    assert_eq!(two, [["10.1.0.2", "10.2.0.1"]]);
    admin.delete(&path("subnets", &first)).await.expect(204);
    assert_eq!(servers(&mut admin).await, [["10.2.0.1"]]);
    let switched =
        admin.put(&path("subnets", &off), json!({"subnet": {"enable_dhcp": true}})).await.expect(200);
    assert_eq!(switched["subnet"]["enable_dhcp"], true);
    assert_eq!(servers(&mut admin).await[0].len(), 2);
    let server = admin.get("/v2.0/ports?device_owner=network:dhcp").await.expect(200)["ports"][0].take();
    assert_eq!(server["status"], "ACTIVE");
    assert_eq!(server["port_security_enabled"], false);
    let refused = admin.delete(&path("ports", &server)).await.expect(409);
    assert_eq!(refused["NeutronError"]["type"], "ServicePortInUse");
    for gone in [&off, &second] {
        admin.delete(&path("subnets", gone)).await.expect(204);
    }
    assert!(servers(&mut admin).await.is_empty());
    admin.delete(&path("subnets", &v6)).await.expect(204);
    let shown = admin.get(&path("networks", &network)).await.expect(200);
    assert_eq!(shown["network"]["subnets"], json!([]));
    assert!(shown["network"]["revision_number"].as_u64() > Some(5), "it changes with its subnets");
}

#[tokio::test]
async fn ports_get_addresses_and_keep_them() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let network = admin.create("network", json!({})).await;
    let v4 =
        json!({"network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/24", "enable_dhcp": false});
    let v4 = admin.create("subnet", v4).await;
    let v6 = json!({"network_id": network["id"], "ip_version": 6, "cidr": "fd00::/64", "ipv6_ra_mode": "slaac",
        "ipv6_address_mode": "slaac"});
    let v6 = admin.create("subnet", v6).await;
    let asked = json!({"network_id": network["id"], "mac_address": "FA-16-3E-00-00-01",
        "fixed_ips": [{"ip_address": "10.0.0.9"}]});
    let port = admin.create("port", asked).await;
    assert_eq!(port["mac_address"], "fa:16:3e:00:00:01");
    assert_eq!(ips(&port), ["10.0.0.9", "fd00::f816:3eff:fe00:1"]);
    assert_eq!(port["ip_allocation"], "immediate");

    let more = json!({"port": {"fixed_ips": [{"ip_address": "10.0.0.9"}, {"subnet_id": v4["id"]}]}});
    let changed = admin.put(&path("ports", &port), more).await.expect(200)["port"].take();
    assert_eq!(changed["fixed_ips"].as_array().unwrap().len(), 3);
    assert!(ips(&changed).contains(&"10.0.0.9"));
    let moved =
        json!({"port": {"mac_address": "fa:16:3e:00:00:02", "fixed_ips": [{"ip_address": "10.0.0.10"}]}});
    let moved = admin.put(&path("ports", &port), moved).await.expect(200)["port"].take();
    assert_eq!(ips(&moved), ["10.0.0.10", "fd00::f816:3eff:fe00:2"]);
    // What it gave up, others get.
    let other = json!({"network_id": network["id"], "mac_address": "fa:16:3e:00:00:01",
        "fixed_ips": [{"ip_address": "10.0.0.9"}]});
    admin.create("port", other).await;

    // Nothing said for the MAC address asks for another one, which the address made of it follows.
    let again = admin.put(&path("ports", &port), json!({"port": {"mac_address": null}})).await.expect(200);
    let again = &again["port"];
    assert!(text(&again["mac_address"]).starts_with("fa:16:3e:"), "{again}");
    assert_ne!(again["mac_address"], "fa:16:3e:00:00:02");
    assert_eq!(ips(again)[0], "10.0.0.10");
    assert_ne!(ips(again)[1], "fd00::f816:3eff:fe00:2");
    let any = json!({"network_id": network["id"], "mac_address": null});
    assert!(text(&admin.create("port", any).await["mac_address"]).starts_with("fa:16:3e:"));

    admin.delete(&path("subnets", &v6)).await.expect(204);
    let left = admin.get(&path("ports", &port)).await.expect(200);
    assert_eq!(ips(&left["port"]), ["10.0.0.10"]);
}

#[tokio::test]
async fn ports_keep_what_they_are_told() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let network = admin.create("network", json!({"port_security_enabled": false})).await;
    let port = json!({"network_id": network["id"], "tags": ["b", "a"], "binding:host_id": "host",
        "extra_dhcp_opts": [{"opt_name": "mtu", "opt_value": "1400"}, {"opt_name": "router", "opt_value": null}]});
    let port = admin.create("port", port).await;
    assert_eq!(port["port_security_enabled"], false, "as the network says");
    assert_eq!(port["binding:vif_type"], "ovs");
    assert_eq!(port["binding:vif_details"], json!({"port_filter": true}));
    assert_eq!(port["binding:profile"], json!({}));
    assert_eq!(port["extra_dhcp_opts"], json!([{"opt_name": "mtu", "opt_value": "1400", "ip_version": 4}]));
    assert_eq!(port["tags"], json!(["b", "a"]));
    assert_eq!(port["ip_allocation"], "none");
    let change = json!({"port": {"port_security_enabled": true, "binding:host_id": "",
        "allowed_address_pairs": [{"ip_address": "10.0.0.7"}], "data_plane_status": "DOWN",
        "extra_dhcp_opts": [{"opt_name": "mtu", "opt_value": null}, {"opt_name": "42", "opt_value": "10.0.0.1"}]}});
    let changed = admin.put(&path("ports", &port), change).await.expect(200)["port"].take();
    assert_eq!(changed["binding:vif_type"], "unbound");
    assert_eq!(
        changed["allowed_address_pairs"],
        json!([{"ip_address": "10.0.0.7", "mac_address": port["mac_address"]}])
    );
    assert_eq!(
        changed["extra_dhcp_opts"],
        json!([{"opt_name": "42", "opt_value": "10.0.0.1", "ip_version": 4}])
    );
    assert_eq!(changed["data_plane_status"], "DOWN");
    assert_eq!(changed["revision_number"], 2);
    let insecure = json!({"port": {"port_security_enabled": false}});
    admin.put(&path("ports", &port), insecure).await.expect(409);
    let cleared = json!({"port": {"port_security_enabled": false, "allowed_address_pairs": []}});
    admin.put(&path("ports", &port), cleared).await.expect(200);
}

#[tokio::test]
async fn pools_give_ranges_that_do_not_overlap() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let pool = json!({"name": "p", "prefixes": ["10.0.0.0/24", "10.0.1.0/24"], "default_prefixlen": 25,
        "min_prefixlen": 24, "is_default": true});
    let pool = admin.create("subnetpool", pool).await;
    assert_eq!(pool["prefixes"], json!(["10.0.0.0/23"]));
    assert_eq!(pool["ip_version"], 4);
    // Numbers are taken, and shown as text, as Neutron shows them.
    assert_eq!(
        [&pool["default_prefixlen"], &pool["min_prefixlen"], &pool["max_prefixlen"]],
        ["25", "24", "32"]
    );
    let found = admin.get("/v2.0/subnetpools?min_prefixlen=24&fields=max_prefixlen").await.expect(200);
    assert_eq!(found["subnetpools"], json!([{"max_prefixlen": "32"}]));
    let mut cidrs = Vec::new();
    for more in [json!({"subnetpool_id": pool["id"]}), json!({"use_default_subnetpool": true})] {
        let network = admin.create("network", json!({})).await;
        let mut subnet = json!({"network_id": network["id"], "ip_version": 4});
        subnet.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let subnet = admin.create("subnet", subnet).await;
        assert_eq!(subnet["subnetpool_id"], pool["id"]);
        cidrs.push(text(&subnet["cidr"]).to_owned());
    }
    assert_eq!(cidrs, ["10.0.0.0/25", "10.0.0.128/25"]);
    for length in [33_i64, 255, 256, 2_147_483_648] {
        for name in ["min_prefixlen", "max_prefixlen", "default_prefixlen"] {
            let long = json!({"subnetpool": {"name": "l", "prefixes": ["10.9.0.0/16"], name: length}});
            let refused = admin.post("/v2.0/subnetpools", long).await.expect(400);
            assert_eq!(refused["NeutronError"]["type"], "IllegalSubnetPoolPrefixBounds", "{name} {length}");
        }
    }
    let second = json!({"name": "q", "prefixes": ["10.8.0.0/16"], "is_default": true});
    admin.post("/v2.0/subnetpools", json!({"subnetpool": second})).await.expect_error(
        400,
        "InvalidInput",
        "Invalid input for operation: A default subnetpool for this IP family has already been set. Only one default \
         may exist per IP family.",
    );
    admin.delete(&path("subnetpools", &pool)).await.expect_error(
        400,
        "SubnetPoolDeleteError",
        "Unable to delete subnet pool: Subnet pool has existing allocations.",
    );
    let grown = json!({"subnetpool": {"prefixes": ["10.0.0.0/22"], "name": "r"}});
    let grown = admin.put(&path("subnetpools", &pool), grown).await.expect(200);
    assert_eq!(grown["subnetpool"]["prefixes"], json!(["10.0.0.0/22"]));
}

#[tokio::test]
async fn provider_networks_have_the_segment_that_is_asked_for() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let asked = json!({"provider:network_type": "geneve", "provider:segmentation_id": 77});
    let network = admin.create("network", asked.clone()).await;
    assert_eq!(network["provider:segmentation_id"], 77);
    assert_eq!(network["mtu"], 1442);
    admin.post("/v2.0/networks", json!({"network": asked})).await.expect_error(
        409,
        "TunnelIdInUse",
        "Unable to create the network. The tunnel ID 77 is in use.",
    );
    admin.delete(&path("networks", &network)).await.expect(204);
    admin.create("network", asked).await;
    let flat =
        json!({"provider:network_type": "flat", "provider:physical_network": "ext", "router:external": true});
    let flat = admin.create("network", flat).await;
    assert_eq!(flat["provider:segmentation_id"], Value::Null);
    assert_eq!(flat["mtu"], 1500);
    let listed = admin.get("/v2.0/networks?provider:segmentation_id=77&fields=mtu").await.expect(200);
    assert_eq!(listed["networks"], json!([{"mtu": 1442}]));
}

#[tokio::test]
async fn bulk_creation_does_all_or_nothing() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let network = admin.create("network", json!({})).await;
    let subnet =
        json!({"network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/26", "enable_dhcp": false});
    admin.create("subnet", subnet).await;
    let ports = |count: usize| json!({"ports": vec![json!({"network_id": network["id"]}); count]});
    // 61 addresses are free, and so many ports do not fit into one transaction.
    let none = format!("No more IP addresses available on network {}.", text(&network["id"]));
    admin.post("/v2.0/ports", ports(62)).await.expect_error(409, "IpAddressGenerationFailure", &none);
    assert_eq!(admin.get("/v2.0/ports").await.expect(200), json!({"ports": []}));
    let created = admin.post("/v2.0/ports", ports(61)).await.expect(201);
    let mut all: Vec<&str> = created["ports"].as_array().unwrap().iter().flat_map(ips).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 61);
    let subnets = json!({"subnets": [
        {"network_id": network["id"], "ip_version": 4, "cidr": "10.1.0.0/24"},
        {"network_id": network["id"], "ip_version": 4, "cidr": "10.1.0.128/25"},
    ]});
    let overlap = admin.post("/v2.0/subnets", subnets).await.expect(400);
    assert_eq!(overlap["NeutronError"]["type"], "InvalidInput");
    assert_eq!(admin.get("/v2.0/subnets").await.expect(200)["subnets"].as_array().unwrap().len(), 1);
    let availability = admin.get("/v2.0/network-ip-availabilities").await.expect(200);
    let availability = &availability["network_ip_availabilities"][0];
    assert_eq!((&availability["total_ips"], &availability["used_ips"]), (&json!(61), &json!(61)));
}

#[tokio::test]
async fn a_subnet_of_many_hosts_goes_and_takes_its_addresses() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let network = admin.create("network", json!({})).await;
    let v6 = json!({"network_id": network["id"], "ip_version": 6, "cidr": "fd00::/64", "ipv6_ra_mode": "slaac",
        "ipv6_address_mode": "slaac"});
    let v6 = admin.create("subnet", v6).await;
    let ports = json!({"ports": vec![json!({"network_id": network["id"]}); 100]});
    admin.post("/v2.0/ports", ports).await.expect(201);
    let listed = admin.get(&format!("/v2.0/ports?fixed_ips=subnet_id={}", text(&v6["id"]))).await.expect(200);
    assert_eq!(listed["ports"].as_array().unwrap().len(), 100);
    admin.delete(&path("subnets", &v6)).await.expect(204);
    let listed = admin.get("/v2.0/ports?fields=fixed_ips").await.expect(200);
    assert_eq!(listed["ports"], Value::from(vec![json!({"fixed_ips": []}); 100]));
}

#[tokio::test]
async fn prefixes_of_a_pool_come_and_go_unless_a_subnet_comes_from_them() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let pool = admin.create("subnetpool", json!({"name": "p", "prefixes": ["10.0.0.0/24"]})).await;
    let path = |what: &str| format!("/v2.0/subnetpools/{}/{what}", text(&pool["id"]));
    let prefixes = |prefixes: &[&str]| json!({ "prefixes": prefixes });
    let added = admin.put(&path("add_prefixes"), prefixes(&["10.0.1.0/24", "10.9.0.0/24"])).await.expect(200);
    assert_eq!(added, prefixes(&["10.0.0.0/23", "10.9.0.0/24"]));
    let network = admin.create("network", json!({})).await;
    let subnet =
        json!({"network_id": network["id"], "ip_version": 4, "subnetpool_id": pool["id"], "prefixlen": 24});
    let subnet = admin.create("subnet", subnet).await;
    let used = admin.put(&path("remove_prefixes"), prefixes(&[text(&subnet["cidr"])])).await;
    assert_eq!(used.expect(400)["NeutronError"]["type"], "IllegalSubnetPoolPrefixUpdate");
    let removed = admin.put(&path("remove_prefixes"), prefixes(&["10.0.1.128/25"])).await.expect(200);
    assert_eq!(removed, prefixes(&["10.0.0.0/24", "10.0.1.0/25", "10.9.0.0/24"]));
    let shown = admin.get(&format!("/v2.0/subnetpools/{}", text(&pool["id"]))).await.expect(200);
    assert_eq!(shown["subnetpool"]["prefixes"], removed["prefixes"]);
    for (what, body, status, kind) in [
        ("add_prefixes", prefixes(&["2001:db8::/32"]), 400, "PrefixVersionMismatch"),
        ("add_prefixes", prefixes(&["10.0.0.0/33"]), 400, "HTTPBadRequest"),
        ("add_prefixes", json!({}), 400, "HTTPBadRequest"),
        ("change_prefixes", prefixes(&["10.3.0.0/24"]), 404, "HTTPNotFound"),
    ] {
        let refused = admin.put(&path(what), body.clone()).await.expect(status);
        assert_eq!(refused["NeutronError"]["type"], kind, "{what} {body}");
    }
    let mut other = api.member("other");
    other.put(&path("add_prefixes"), prefixes(&["10.4.0.0/24"])).await.expect(404);
}
