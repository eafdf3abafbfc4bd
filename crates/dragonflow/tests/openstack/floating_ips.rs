//! `openstack floating ip`, and what is below it.

use serde_json::{Value, json};

use crate::checker::{assert_consistent, assert_shows};
use crate::shell::Shell;
use crate::support::{Server, text};

#[test]
fn addresses_outside_and_their_ports() {
    let server = Server::new();
    let mut openstack = Shell::without_keystone(server.address());
    openstack.json("network create --external ext");
    openstack.json("subnet create --network ext --subnet-range 172.24.4.0/24 --no-dhcp ext");
    server.network("net", "10.1.0.0/24");
    openstack.json("port create --network net --fixed-ip ip-address=10.1.0.9 guest");
    let first =
        openstack.json("floating ip create --floating-ip-address 172.24.4.9 --description d --tag red ext");
    assert_shows(
        &first,
        &json!({"floating_ip_address": "172.24.4.9", "description": "d", "tags": ["red"], "status": "DOWN",
            "port_id": null, "router_id": null}),
    );
    openstack
        .refuses("floating ip create --floating-ip-address 172.24.4.9 ext", "already allocated in subnet");
    openstack.refuses("floating ip create net", "is not a valid external network");
    openstack.refuses("floating ip set --port guest 172.24.4.9", "is not reachable from subnet");
    let router = openstack.json("router create gate");
    openstack.silently("router set --external-gateway ext gate");
    openstack.json("port create --network net --fixed-ip ip-address=10.1.0.1 leg");
    openstack.silently("router add port gate leg");
    openstack.silently("floating ip set --port guest 172.24.4.9");
    let shown = openstack.json("floating ip show 172.24.4.9");
    assert_shows(&shown, &json!({"fixed_ip_address": "10.1.0.9", "router_id": router["id"]}));
    assert_eq!(openstack.column("floating ip list --port guest", "Floating IP Address"), ["172.24.4.9"]);
    openstack.refuses("floating ip create --port guest ext", "already has a floating IP on external network");
    openstack.refuses("router remove port gate leg", "as it is required by one or more floating IPs");
    openstack.refuses("router unset --external-gateway gate", "is required by one or more floating IPs");
    assert_consistent(&server.dump());

    openstack.silently("floating ip unset --port 172.24.4.9");
    let rule = "--internal-ip-address 10.1.0.9 --port guest --protocol tcp";
    let forward = |outside: &str, inside: &str| {
        format!(
            "floating ip port forwarding create {rule} --internal-protocol-port {inside} --external-protocol-port {outside} \
             172.24.4.9"
        )
    };
    let made = openstack.json(&forward("2222", "22"));
    assert_shows(&made, &json!({"external_port": 2222, "internal_port": 22, "protocol": "tcp"}));
    openstack.json(&forward("8005", "9005"));
    openstack.refuses(&forward("8005", "7"), "There is a port collision with the external_port_range");
    let of_made = format!("172.24.4.9 {}", text(&made["id"]));
    openstack.silently(&format!("floating ip port forwarding set --external-protocol-port 2223 {of_made}"));
    assert_shows(
        &openstack.json(&format!("floating ip port forwarding show {of_made}")),
        &json!({"external_port": 2223, "internal_ip_address": "10.1.0.9"}),
    );
    let listed = openstack.column("floating ip port forwarding list 172.24.4.9", "External Port");
    assert_eq!(listed.len(), 2, "{listed:?}");
    openstack.refuses("floating ip delete 172.24.4.9", "in use by Port Forwarding resources");
    assert_consistent(&server.dump());
    openstack.silently(&format!("floating ip port forwarding delete {of_made}"));
    openstack.silently("port delete guest");
    assert_eq!(openstack.json("floating ip port forwarding list 172.24.4.9"), json!([]));
    assert_eq!(openstack.json("floating ip show 172.24.4.9")["router_id"], Value::Null);
    openstack.silently("floating ip delete 172.24.4.9");
    assert_eq!(openstack.json("floating ip list"), json!([]));
    assert_consistent(&server.dump());
}
