//! Routes that lead nowhere.

use crate::routers::{OUTSIDE, ROUTED, from_red, only};
use crate::support::Cloud;

const LEGS: &str = "router r 7 legs=redleg/red/101,blueleg/blue/102";

#[test]
fn what_is_sent_to_a_discarded_destination_is_dropped_and_nobody_is_told() {
    let mut cloud = Cloud::new(ROUTED);
    cloud.put(&format!("{LEGS} route=10.0.0.0/8/10.0.2.21 discard=10.9.0.0/16,fd00:9::/32"));
    assert_eq!(only(&from_red(&cloud, "10.8.0.1")).0, "blue1", "the shorter prefix goes on");
    for to in ["10.9.0.1", "fd00:9::1"] {
        from_red(&cloud, to).assert_nowhere();
    }
    // Without, it is said that there is no route.
    cloud.put(LEGS);
    assert_eq!(from_red(&cloud, "10.9.0.1").to_controller.len(), 1);
}

#[test]
fn longer_prefixes_and_networks_of_the_router_go_before_a_discarded_destination() {
    let mut cloud = Cloud::new(ROUTED);
    let discards = "discard=10.0.0.0/8,10.0.2.0/24,10.9.9.0/24";
    cloud.put(&format!("{LEGS} route=10.9.0.0/16/10.0.2.21,10.9.9.0/28/10.0.2.22 {discards}"));
    assert_eq!(only(&from_red(&cloud, "10.0.2.21")).0, "blue1", "a network of the router");
    assert_eq!(only(&from_red(&cloud, "10.9.1.1")).0, "blue1");
    assert_eq!(only(&from_red(&cloud, "10.9.9.1")).0, "blue2");
    from_red(&cloud, "10.9.9.77").assert_nowhere();
    from_red(&cloud, "10.77.0.1").assert_nowhere();
}

#[test]
fn all_that_would_leave_by_the_gateway_can_be_discarded() {
    let mut cloud = Cloud::new(&format!("{ROUTED}{OUTSIDE}"));
    cloud.put(&format!("{LEGS} gateway=gw/ext discard=0.0.0.0/0"));
    from_red(&cloud, "198.51.100.1").assert_nowhere();
    assert_eq!(only(&from_red(&cloud, "10.0.2.22")).0, "blue2");
}
