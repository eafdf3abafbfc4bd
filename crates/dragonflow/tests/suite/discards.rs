//! Routes that lead nowhere, with real packets.

use serde_json::{Value, json};
use testkit::{Capture, try_wait_until};

use crate::nat::{call, ping_says, wait_ping_says};
use crate::routers::{Routed, UPSTREAM, address, reaches};
use crate::support::PATIENCE;

#[test]
fn what_is_sent_to_a_discarded_destination_goes_nowhere_and_all_else_goes_on() {
    /// An address of the machine outside, and its neighbour that nobody has.
    const OUTSIDE: &str = "198.51.100.1";
    let routed = Routed::new();
    let (one, two) = (routed.boot(0, "one", &routed.red), routed.boot(1, "two", &routed.blue));
    reaches(&one, OUTSIDE);
    reaches(&one, &address(&two));
    let router = format!("/v2.0/routers/{}", routed.router);
    let change = |action: &str, routes: Value| {
        call(&routed, &format!("{router}/{action}"), &json!({"router": {"routes": routes}}));
    };
    let discard = json!([{"destination": "198.51.100.0/24", "nexthop": "discard"}]);
    change("add_extraroutes", discard.clone());
    let lost = || one.namespace().ping(OUTSIDE.parse().expect("an address"), 1).expect("ping runs").lost();
    try_wait_until(PATIENCE, "nothing to come back", || (lost() == 1).then_some(())).expect("it is dropped");
    let out = routed.upstream.namespace();
    let seen = Capture::start(out, routed.upstream.device(), "dst net 198.51.100.0/24").expect("a capture");
    let said = ping_says(one.namespace(), &[OUTSIDE]);
    assert!(!said.contains("From ") && said.contains("100% packet loss"), "nobody is told: {said}");
    reaches(&one, UPSTREAM);
    reaches(&one, &address(&two));
    let text = seen.text().expect("what was seen");
    assert!(!text.contains(" > "), "{text}");
    // A longer prefix goes before.
    let longer = json!([{"destination": "198.51.100.1/32", "nexthop": UPSTREAM}]);
    change("add_extraroutes", longer);
    reaches(&one, OUTSIDE);
    assert!(!ping_says(one.namespace(), &["198.51.100.2"]).contains("From "));
    // Without it the default route counts again, and who is outside says that there is nobody.
    change("remove_extraroutes", discard);
    out.run("ip", &["route", "add", "unreachable", "198.51.100.0/24"]).expect("a route");
    out.run("sysctl", &["-qw", "net.ipv4.ip_forward=1"]).expect("the machine outside is a router");
    wait_ping_says(one.namespace(), &["198.51.100.2"], &format!("From {UPSTREAM} "));
}
