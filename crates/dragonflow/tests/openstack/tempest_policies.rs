//! OpenStack's own tests of policies for traffic, trunks and subnets.
//!
//! Of the module about policies all classes run but two: that about sharing by RBAC, which this server does not offer, and that about searching, one of whose
//! tests goes on from a policy that the requester cannot see.

use crate::identity::Cloud;
use crate::tempest::assert_pass;
use crate::tempest_routers::public_network;

/// Modules, or classes of them, and how many tests these are.
const MODULES: [(&str, u32); 11] = [
    ("neutron_tempest_plugin.api.test_trunk", 20),
    ("neutron_tempest_plugin.api.test_trunk_negative", 20),
    ("neutron_tempest_plugin.api.test_trunk_details", 3),
    ("neutron_tempest_plugin.api.test_qos_negative", 20),
    ("neutron_tempest_plugin.api.test_qos.QosTestJSON", 30),
    ("neutron_tempest_plugin.api.test_qos.QosBandwidthLimitRuleTestJSON", 10),
    ("neutron_tempest_plugin.api.test_qos.QosBandwidthLimitRuleWithDirectionTestJSON", 13),
    ("neutron_tempest_plugin.api.test_qos.QosDscpMarkingRuleTestJSON", 9),
    ("neutron_tempest_plugin.api.test_qos.QosMinimumBandwidthRuleTestJSON", 9),
    ("neutron_tempest_plugin.api.test_qos.QosMinimumPpsRuleTestJSON", 10),
    ("neutron_tempest_plugin.api.test_subnets", 11),
];

#[test]
fn the_tests_of_policies_trunks_and_subnets_pass() {
    let cloud = Cloud::new();
    let of_network = public_network(&cloud);
    assert_pass(&cloud, &MODULES, &of_network);
}
