//! What networks and subnets say besides the rows of the original: modes of IPv6, tags of guests.

use model::{Ipv6Mode, Object, RouterPreference, Table, Topic, Version};
use serde_json::{Value, json};

use crate::support::Api;

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn path(collection: &str, resource: &Value) -> String {
    format!("/v2.0/{collection}/{}", text(&resource["id"]))
}

#[tokio::test]
async fn an_ipv6_subnet_says_how_its_hosts_get_addresses() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let network = admin.create("network", json!({"project_id": "p"})).await;
    let subnet = |cidr: &str, more: Value| {
        let version = if cidr.contains(':') { 6 } else { 4 };
        let mut attributes =
            json!({"network_id": network["id"], "ip_version": version, "cidr": cidr, "project_id": "p"});
        attributes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        attributes
    };
    let rows = async || api.objects(Table::SubnetIpv6).await;
    admin.create("subnet", subnet("10.0.0.0/24", json!({}))).await;
    assert_eq!(rows().await, [], "IPv4 has no modes");
    let modes = json!({"ipv6_ra_mode": "dhcpv6-stateless", "ipv6_address_mode": "dhcpv6-stateless"});
    let made = admin.create("subnet", subnet("fd00::/64", modes)).await;
    let written = rows().await;
    let [Object::SubnetIpv6(row)] = written.as_slice() else { panic!("{written:?}") };
    assert_eq!((row.ra_mode, row.address_mode), (Some(Ipv6Mode::Stateless), Some(Ipv6Mode::Stateless)));
    assert_eq!(
        (&row.id.to_string(), &row.subnet.to_string()),
        (&text(&made["id"]).into(), &text(&made["id"]).into())
    );
    assert_eq!((row.lswitch.to_string().as_str(), &row.topic), (text(&network["id"]), &Topic::new("p")));
    admin.put(&path("subnets", &made), json!({"subnet": {"name": "n"}})).await.expect(200);
    let changed = rows().await;
    let [Object::SubnetIpv6(row)] = changed.as_slice() else { panic!("{changed:?}") };
    assert_eq!(row.version, Some(Version(2)));
    assert_eq!(row.router_preference, None);
    admin
        .put(&path("subnets", &made), json!({"subnet": {"ipv6_router_preference": "high"}}))
        .await
        .expect(200);
    let preferred = rows().await;
    let [Object::SubnetIpv6(row)] = preferred.as_slice() else { panic!("{preferred:?}") };
    assert_eq!(row.router_preference, Some(RouterPreference::High));
    // By hand, and with a mode of one side only.
    admin.create("subnet", subnet("fd01::/64", json!({}))).await;
    admin.create("subnet", subnet("fd02::/64", json!({"ipv6_address_mode": "dhcpv6-stateful"}))).await;
    let modes = |row: &Object| match row {
        Object::SubnetIpv6(row) => (row.ra_mode, row.address_mode),
        other => panic!("{other:?}"),
    };
    let mut modes: Vec<_> = rows().await.iter().map(modes).collect();
    modes.sort_unstable();
    let stateless = Some(Ipv6Mode::Stateless);
    assert_eq!(modes, [(None, None), (None, Some(Ipv6Mode::Stateful)), (stateless, stateless)]);
    admin.delete(&path("subnets", &made)).await.expect(204);
    assert_eq!(rows().await.len(), 2);
    admin.delete(&path("networks", &network)).await.expect(204);
    assert_eq!(rows().await, []);
}

#[tokio::test]
async fn ports_get_the_addresses_that_their_guests_make_in_a_new_subnet() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let network = admin.create("network", json!({})).await;
    let v4 = json!({"network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/16"});
    admin.create("subnet", v4).await;
    let port = |more: Value| {
        let mut attributes = json!({"network_id": network["id"]});
        attributes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        attributes
    };
    let guest = admin.create("port", port(json!({"mac_address": "fa:16:3e:00:00:01"}))).await;
    let router = admin.create("port", port(json!({"device_owner": "network:router_interface"}))).await;
    admin.post("/v2.0/ports", json!({"ports": vec![port(json!({})); 98]})).await.expect(201);
    let slaac = json!({"network_id": network["id"], "ip_version": 6, "cidr": "fd00::/64", "ipv6_ra_mode": "slaac",
        "ipv6_address_mode": "slaac"});
    let slaac = admin.create("subnet", slaac).await;
    let shown = admin.get(&path("ports", &guest)).await.expect(200);
    let last = shown["port"]["fixed_ips"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last, json!({"subnet_id": slaac["id"], "ip_address": "fd00::f816:3eff:fe00:1"}));
    let listed =
        admin.get(&format!("/v2.0/ports?fixed_ips=subnet_id={}", text(&slaac["id"]))).await.expect(200);
    // 99 guests and the DHCP server: more than fit one transaction of the store.
    assert_eq!(listed["ports"].as_array().unwrap().len(), 100);
    let shown = admin.get(&path("ports", &router)).await.expect(200);
    assert_eq!(shown["port"]["fixed_ips"].as_array().unwrap().len(), 1, "routers make none");
    let rows = api.objects(Table::LogicalPort).await;
    let row = rows.iter().find(|row| *row.id() == *text(&guest["id"])).unwrap();
    let Object::LogicalPort(row) = row else { panic!("{row:?}") };
    assert_eq!(row.ips.last().map(ToString::to_string).as_deref(), Some("fd00::f816:3eff:fe00:1"));
    admin.delete(&path("subnets", &slaac)).await.expect(204);
    let listed = admin.get("/v2.0/ports?fixed_ips=ip_address_substr=fd00").await.expect(200);
    assert_eq!(listed["ports"], json!([]));
}

#[tokio::test]
async fn tags_of_guests_pass_where_a_network_says_so() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let rows = async || api.objects(Table::NetworkExtra).await;
    let plain = admin.create("network", json!({})).await;
    assert_eq!(plain["vlan_transparent"], false);
    assert_eq!(rows().await, []);
    let network = admin.create("network", json!({"vlan_transparent": true, "project_id": "p"})).await;
    assert_eq!(network["vlan_transparent"], true);
    let written = rows().await;
    let [Object::NetworkExtra(row)] = written.as_slice() else { panic!("{written:?}") };
    assert_eq!((row.lswitch.to_string().as_str(), row.vlan_transparent), (text(&network["id"]), Some(true)));
    admin.put(&path("networks", &network), json!({"network": {"name": "n"}})).await.expect(200);
    let changed = rows().await;
    let [Object::NetworkExtra(row)] = changed.as_slice() else { panic!("{changed:?}") };
    assert_eq!(row.version, Some(Version(2)));
    let listed = admin.get("/v2.0/networks?vlan_transparent=true&fields=id").await.expect(200);
    assert_eq!(listed["networks"], json!([{"id": network["id"]}]));
    admin
        .put(&path("networks", &network), json!({"network": {"vlan_transparent": false}}))
        .await
        .expect_error(400, "HTTPBadRequest", "Cannot update read-only attribute vlan_transparent");
    for physical in [
        json!({"provider:network_type": "flat", "provider:physical_network": "x", "vlan_transparent": true}),
        json!({"provider:network_type": "vlan", "provider:physical_network": "x", "provider:segmentation_id": 7,
            "vlan_transparent": true}),
    ] {
        let refused = admin.post("/v2.0/networks", json!({"network": physical})).await;
        assert_eq!(refused.status, 400, "{}", refused.text);
    }
    let extension = admin.get("/v2.0/extensions/vlan-transparent").await.expect(200);
    assert_eq!(extension["extension"]["name"], "Vlantransparent");
    admin.delete(&path("networks", &network)).await.expect(204);
    assert_eq!(rows().await, []);
}

#[tokio::test]
async fn routers_say_how_good_they_are_in_ipv6_only() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let network = admin.create("network", json!({})).await;
    let subnet = |version: u8, cidr: &str, preference: &str| {
        let attributes = json!({"network_id": network["id"], "ip_version": version, "cidr": cidr,
            "ipv6_router_preference": preference});
        json!({"subnet": attributes})
    };
    let made = admin.post("/v2.0/subnets", subnet(6, "fd00::/64", "low")).await.expect(201);
    assert_eq!(made["subnet"]["ipv6_router_preference"], "low");
    let plain = admin
        .create("subnet", json!({"network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/24"}))
        .await;
    assert_eq!(plain["ipv6_router_preference"], Value::Null);
    let of_v4 = "Invalid input for operation: ipv6_router_preference is not valid when ip_version is 4.";
    let refused = admin.post("/v2.0/subnets", subnet(4, "10.1.0.0/24", "low")).await.expect(400);
    assert_eq!(refused["NeutronError"]["message"], of_v4);
    let change = json!({"subnet": {"ipv6_router_preference": "high"}});
    let refused = admin.put(&path("subnets", &plain), change).await.expect(400);
    assert_eq!(refused["NeutronError"]["message"], of_v4);
    let refused = admin.post("/v2.0/subnets", subnet(6, "fd01::/64", "best")).await.expect(400);
    assert!(text(&refused["NeutronError"]["message"]).contains("ipv6_router_preference"), "{refused}");
}
