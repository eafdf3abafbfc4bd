//! OpenStack's own tests of floating IPs and of the forwarding of ports.
//!
//! Of the modules named here all tests run but those of a class that chooses the router of a floating IP, which this server does not let anybody do.

use serde_json::json;

use crate::identity::Cloud;
use crate::support::text;
use crate::tempest::assert_pass;

/// Modules, or classes of them, and how many tests they have.
const MODULES: [(&str, u32); 8] = [
    ("tempest.api.network.test_floating_ips", 5),
    ("tempest.api.network.test_floating_ips_negative", 3),
    ("tempest.api.network.admin.test_floating_ips_admin_actions", 2),
    ("neutron_tempest_plugin.api.test_floating_ips", 5),
    ("neutron_tempest_plugin.api.test_floating_ips_negative.FloatingIPNegativeTestJSON", 1),
    ("neutron_tempest_plugin.api.admin.test_floating_ips_admin_actions", 2),
    ("neutron_tempest_plugin.api.test_port_forwardings", 6),
    ("neutron_tempest_plugin.api.test_port_forwarding_negative", 3),
];

#[test]
fn the_tests_of_floating_ips_pass() {
    let cloud = Cloud::new();
    let token = cloud.keystone.token_in("admin", "admin");
    let network = json!({"name": "public", "router:external": true});
    let network = cloud.create(&token, &network).expect(201)["network"]["id"].take();
    let subnet =
        json!({"network_id": network, "ip_version": 4, "cidr": "172.24.4.0/24", "enable_dhcp": false});
    cloud.send(&token, "POST", "/v2.0/subnets", &json!({"subnet": subnet})).expect(201);
    let of_network = format!("public_network_id = {}\nfloating_network_name = public", text(&network));
    assert_pass(&cloud, &MODULES, &of_network);
}
