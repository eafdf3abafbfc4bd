//! OpenStack's own tests of routers, floating IPs and external networks.
//!
//! Of the modules named here all tests run but these: those of `enable_default_route_ecmp` and `enable_default_route_bfd`, which this
//! server refuses by name, one that looks for the networks by which Neutron's agents watch one another for routers with `ha`, and those
//! of floating IPs whose router is chosen (`floating-ip-router-writable`).

use serde_json::json;

use crate::identity::Cloud;
use crate::support::text;
use crate::tempest::assert_pass;

/// Modules, or classes of them where others of the module are about something else, and how many tests these are.
const MODULES: [(&str, u32); 17] = [
    ("neutron_tempest_plugin.api.test_routers.RoutersTest", 11),
    ("neutron_tempest_plugin.api.test_routers.RoutersIpV6Test", 11),
    ("neutron_tempest_plugin.api.test_routers.DvrRoutersTest", 1),
    ("neutron_tempest_plugin.api.test_routers.DvrRoutersTestToCentralized", 1),
    ("neutron_tempest_plugin.api.test_routers.DvrRoutersTestUpdateDistributedExtended", 2),
    ("neutron_tempest_plugin.api.test_routers.HaRoutersTest", 1),
    ("neutron_tempest_plugin.api.test_routers.RoutersSearchCriteriaTest", 9),
    ("neutron_tempest_plugin.api.test_routers.RoutersDeleteTest", 1),
    ("neutron_tempest_plugin.api.test_routers_negative", 8),
    ("tempest.api.network.test_routers.RoutersTest", 7),
    ("tempest.api.network.test_routers.RoutersIpV6Test", 7),
    ("tempest.api.network.test_routers_negative.RoutersNegativeTest", 7),
    ("tempest.api.network.test_routers_negative.RoutersNegativeIpV6Test", 7),
    ("tempest.api.network.test_routers_negative.DvrRoutersNegativeTest", 1),
    ("tempest.api.network.admin.test_routers", 18),
    ("tempest.api.network.admin.test_routers_dvr", 3),
    ("tempest.api.network.admin.test_routers_negative", 2),
];

/// Tests of classes in which others ask for what this server has not.
const TESTS: [&str; 9] = [
    "test_routers.ExternalGWMultihomingRoutersTest.test_create_router_add_external_gateways",
    "test_routers.ExternalGWMultihomingRoutersTest.test_create_router_add_external_gateways_compat",
    "test_routers.ExternalGWMultihomingRoutersTest.test_create_router_add_external_gateways_one",
    "test_routers.ExternalGWMultihomingRoutersTest.test_create_router_add_remove_external_gateways",
    "test_routers.ExternalGWMultihomingRoutersTest.test_create_router_remove_external_gateways_compat",
    "test_routers.ExternalGWMultihomingRoutersTest.test_create_router_update_external_gateways",
    "admin.test_routers_ha.RoutersTestHA.test_ha_router_creation",
    "admin.test_routers_ha.RoutersTestHA.test_legacy_router_creation",
    "admin.test_routers_ha.RoutersTestHA.test_legacy_router_update_to_ha",
];

/// The same about floating IPs and external networks.
const OF_FLOATING_IPS: [(&str, u32); 10] = [
    ("neutron_tempest_plugin.api.admin.test_floating_ips_admin_actions", 2),
    ("tempest.api.network.test_floating_ips", 5),
    ("tempest.api.network.test_floating_ips_negative", 3),
    ("tempest.api.network.admin.test_floating_ips_admin_actions", 2),
    ("tempest.api.network.admin.test_external_network_extension", 5),
    ("tempest.api.network.admin.test_external_networks_negative", 1),
    ("neutron_tempest_plugin.api.test_floating_ips", 5),
    ("neutron_tempest_plugin.api.test_floating_ips_negative.FloatingIPNegativeTestJSON", 1),
    ("neutron_tempest_plugin.api.test_port_forwardings", 6),
    ("neutron_tempest_plugin.api.test_port_forwarding_negative", 3),
];

/// Makes the external network that the tests use, and says what tempest has to know of it.
pub(crate) fn public_network(cloud: &Cloud) -> String {
    let token = cloud.keystone.token_in("admin", "admin");
    let network = json!({"name": "public", "router:external": true});
    let network = cloud.create(&token, &network).expect(201)["network"]["id"].take();
    for (version, cidr) in [(4, "172.24.4.0/24"), (6, "2001:db8::/64")] {
        let subnet =
            json!({"network_id": network, "ip_version": version, "cidr": cidr, "enable_dhcp": false});
        cloud.send(&token, "POST", "/v2.0/subnets", &json!({"subnet": subnet})).expect(201);
    }
    format!("public_network_id = {}\nfloating_network_name = public", text(&network))
}

#[test]
fn the_tests_of_routers_pass() {
    let cloud = Cloud::new();
    let of_network = public_network(&cloud);
    let tests = TESTS.map(|test| format!("neutron_tempest_plugin.api.{test}"));
    let mut modules = MODULES.to_vec();
    modules.extend(tests.iter().map(|test| (test.as_str(), 1)));
    assert_pass(&cloud, &modules, &of_network);
}

#[test]
fn the_tests_of_floating_ips_pass() {
    let cloud = Cloud::new();
    let of_network = public_network(&cloud);
    assert_pass(&cloud, &OF_FLOATING_IPS, &of_network);
}
