//! `openstack router`: the seed's own session, and everything else that the command does.

use serde_json::{Value, json};

use crate::checker::{assert_consistent, assert_shows};
use crate::shell::Shell;
use crate::support::{Server, text};

/// The seed's session with today's command, and what it leaves out.
#[test]
fn the_session_of_the_seed() {
    let server = Server::new();
    let mut openstack = Shell::without_keystone(server.address());
    let external =
        "network create --external --provider-network-type flat --provider-physical-network external ext-net";
    let network = openstack.json(external);
    assert_shows(
        &network,
        &json!({"router:external": true, "provider:network_type": "flat", "provider:segmentation_id": null}),
    );
    openstack.refuses(external, "Physical network external is in use.");
    openstack.json(
        "subnet create --network ext-net --subnet-range 172.16.0.0/16 --no-dhcp --gateway 172.16.0.1 \
         --allocation-pool start=172.16.217.100,end=172.16.217.200 ext-subnet",
    );
    openstack.json("network create --provider-network-type vxlan vm-net");
    openstack.json("subnet create --network vm-net --subnet-range 10.0.0.0/24 vm-subnet");
    let router = openstack.json("router create --distributed gate");
    assert_shows(
        &router,
        &json!({"distributed": true, "ha": false, "external_gateway_info": null, "status": "ACTIVE"}),
    );
    openstack.refuses("router set --external-gateway vm-net gate", "is not an external network");
    openstack.silently("router set --external-gateway ext-net gate");
    openstack.silently("router add subnet gate vm-subnet");
    let shown = openstack.json("router show gate");
    let gateway = &shown["external_gateway_info"];
    assert_shows(gateway, &json!({"network_id": network["id"], "enable_snat": true}));
    let address = text(&gateway["external_fixed_ips"][0]["ip_address"]);
    assert!(address.starts_with("172.16.217."), "{address}");
    assert_eq!(shown["interfaces_info"][0]["ip_address"], "10.0.0.1");
    assert_eq!(openstack.names("router list"), ["gate"]);
    assert_consistent(&server.dump());

    openstack.refuses("router delete gate", "has ports still attached");
    openstack.refuses(
        "router set --centralized gate",
        "Please set router admin_state_up to False prior to upgrade",
    );
    openstack.silently("router set --disable gate");
    openstack.silently("router set --centralized gate");
    assert_eq!(openstack.json("router show gate")["distributed"], json!(false));
    assert_consistent(&server.dump());
    openstack.silently("router remove subnet gate vm-subnet");
    openstack.silently("router unset --external-gateway gate");
    assert_eq!(openstack.json("router show gate")["external_gateway_info"], Value::Null);
    openstack.silently("router delete gate");
    for command in [
        "subnet delete ext-subnet",
        "network delete ext-net",
        "subnet delete vm-subnet",
        "network delete vm-net",
    ] {
        openstack.silently(command);
    }
    assert_consistent(&server.dump());
}

#[test]
fn routes_ports_and_gateways_of_routers() {
    let server = Server::new();
    let mut openstack = Shell::without_keystone(server.address());
    openstack.json("network create --external ext");
    openstack.json("subnet create --network ext --subnet-range 172.16.0.0/24 ext");
    server.network("net", "10.1.0.0/24");
    let router = openstack
        .json("router create --description d --availability-zone-hint nova --tag red --disable --ha gate");
    let expected = json!({"description": "d", "availability_zone_hints": ["nova"], "availability_zones": ["nova"],
        "admin_state_up": false, "ha": true, "tags": ["red"]});
    assert_shows(&router, &expected);
    openstack.refuses("router create --availability-zone-hint moon other", "moon could not be found");
    openstack.silently("router set --name door --description e --enable gate");
    openstack
        .silently("router set --external-gateway ext --fixed-ip ip-address=172.16.0.9 --disable-snat door");
    let gateway = openstack.json("router show door")["external_gateway_info"].take();
    assert_eq!(
        (&gateway["enable_snat"], &gateway["external_fixed_ips"][0]["ip_address"]),
        (&json!(false), &json!("172.16.0.9"))
    );
    let same = "router set --external-gateway ext --fixed-ip ip-address=172.16.0.1 door";
    openstack.refuses(same, "External IP 172.16.0.1 is the same as the gateway IP");

    openstack.json("port create --network net --fixed-ip ip-address=10.1.0.7 leg");
    openstack.silently("router add port door leg");
    assert_shows(
        &openstack.json("port show leg"),
        &json!({"device_owner": "network:router_interface_distributed", "device_id": router["id"], "status": "ACTIVE"}),
    );
    openstack.refuses("router add port door leg", "Port already has an attached device");
    openstack.refuses("port delete leg", "cannot be deleted directly via the port API");
    openstack.json("router add route --route destination=10.50.0.0/16,gateway=10.1.0.9 door");
    openstack.silently("router set --route destination=10.60.0.0/16,gateway=10.1.0.9 door");
    assert_eq!(openstack.json("router show door")["routes"].as_array().map(Vec::len), Some(2));
    let strange = "router add route --route destination=10.70.0.0/16,gateway=10.2.0.9 door";
    openstack.refuses(strange, "the nexthop is not connected with router");
    openstack.refuses("router remove port door leg", "it is required by one or more routes");
    assert_consistent(&server.dump());
    openstack.json("router remove route --route destination=10.50.0.0/16,gateway=10.1.0.9 door");
    openstack.silently("router set --no-route door");
    openstack.silently("router remove port door leg");
    openstack.refuses("port show leg", "No Port found for leg");
    openstack.refuses("network set --internal ext", "since it has existing gateway ports");
    openstack.silently("router delete door");
    openstack.silently("network set --internal ext");
    assert_consistent(&server.dump());
}
