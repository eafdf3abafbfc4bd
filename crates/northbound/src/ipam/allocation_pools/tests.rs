use super::*;
use crate::ipam::error::Fault;
use crate::ipam::fixture::{ip, net};

fn texts(pools: &[AddressRange]) -> Vec<String> {
    pools.iter().map(ToString::to_string).collect()
}

fn pools(ends: &[(&str, &str)]) -> Vec<AllocationPool> {
    ends.iter().map(|(start, end)| AllocationPool { start: ip(start), end: ip(end) }).collect()
}

fn refusal(ends: &[(&str, &str)], cidr: &str) -> (Fault, String) {
    let error = check_pools(&pools(ends), &net(cidr)).unwrap_err();
    (error.fault(), error.to_string())
}

#[test]
fn default_pools_leave_the_gateway_out() {
    let cases: [(&str, Option<&str>, &[&str]); 12] = [
        ("10.0.0.0/24", Some("10.0.0.1"), &["10.0.0.2-10.0.0.254"]),
        ("10.0.0.0/24", Some("10.0.0.254"), &["10.0.0.1-10.0.0.253"]),
        ("10.0.0.0/24", Some("10.0.0.77"), &["10.0.0.1-10.0.0.76", "10.0.0.78-10.0.0.254"]),
        ("10.0.0.0/24", Some("192.0.2.1"), &["10.0.0.1-10.0.0.254"]),
        ("10.0.0.0/24", None, &["10.0.0.1-10.0.0.254"]),
        ("10.0.0.0/30", Some("10.0.0.1"), &["10.0.0.2-10.0.0.2"]),
        ("10.0.0.0/31", None, &["10.0.0.0-10.0.0.1"]),
        ("10.0.0.0/32", Some("10.0.0.1"), &["10.0.0.0-10.0.0.0"]),
        ("fd00::/64", Some("fd00::"), &["fd00::1-fd00::ffff:ffff:ffff:ffff"]),
        ("fd00::/64", Some("fd00::1"), &["fd00::2-fd00::ffff:ffff:ffff:ffff"]),
        ("fd00::/127", Some("fd00::1"), &[]),
        ("fd00::5/128", None, &["fd00::5-fd00::5"]),
    ];
    for (cidr, gateway, expected) in cases {
        assert_eq!(texts(&default_pools(&net(cidr), gateway.map(ip))), expected, "{cidr} {gateway:?}");
    }
}

#[test]
fn given_pools_stay_in_their_order() {
    let given = pools(&[("10.0.0.20", "10.0.0.29"), ("10.0.0.10", "10.0.0.19")]);
    let ranges = check_pools(&given, &net("10.0.0.0/24")).unwrap();
    assert_eq!(texts(&ranges), ["10.0.0.20-10.0.0.29", "10.0.0.10-10.0.0.19"]);
    assert_eq!(check_pools(&[], &net("10.0.0.0/24")), Ok(Vec::new()));
}

#[test]
fn pools_that_are_no_ranges_are_refused() {
    let bad = |text: &str| (Fault { exception: "InvalidAllocationPool", status: 400 }, text.to_owned());
    let backwards = refusal(&[("10.0.0.9", "10.0.0.2")], "10.0.0.0/24");
    assert_eq!(backwards, bad("The allocation pool {'start': '10.0.0.9', 'end': '10.0.0.2'} is not valid."));
    let mixed = refusal(&[("10.0.0.9", "fd00::1")], "10.0.0.0/24");
    assert_eq!(mixed, bad("The allocation pool {'start': '10.0.0.9', 'end': 'fd00::1'} is not valid."));
    let other_family = refusal(&[("fd00::1", "fd00::2")], "10.0.0.0/24");
    assert_eq!(other_family, bad("The allocation pool fd00::1-fd00::2 is not valid."));
}

#[test]
fn pools_lie_in_the_subnet() {
    let fault = Fault { exception: "OutOfBoundsAllocationPool", status: 400 };
    for (start, end) in [("10.0.0.0", "10.0.0.9"), ("10.0.0.9", "10.0.0.255"), ("10.0.1.1", "10.0.1.2")] {
        let text = format!("The allocation pool {start}-{end} spans beyond the subnet cidr 10.0.0.0/24.");
        assert_eq!(refusal(&[(start, end)], "10.0.0.0/24"), (fault, text));
    }
}

#[test]
fn pools_share_no_address() {
    let given = [("10.0.0.10", "10.0.0.20"), ("10.0.0.40", "10.0.0.50"), ("10.0.0.5", "10.0.0.10")];
    let text =
        "Found overlapping allocation pools: 10.0.0.10-10.0.0.20 10.0.0.5-10.0.0.10 for subnet 10.0.0.0/24.";
    let fault = Fault { exception: "OverlappingAllocationPools", status: 409 };
    assert_eq!(refusal(&given, "10.0.0.0/24"), (fault, text.to_owned()));
    // The one inside the other is not a neighbour of what follows.
    let nested = [("10.0.0.10", "10.0.0.90"), ("10.0.0.20", "10.0.0.30"), ("10.0.0.95", "10.0.0.99")];
    assert_eq!(refusal(&nested, "10.0.0.0/24").0, fault);
}

#[test]
fn the_gateway_is_in_no_pool() {
    let ranges = check_pools(&pools(&[("10.0.0.1", "10.0.0.9")]), &net("10.0.0.0/24")).unwrap();
    let error = check_gateway(Some(ip("10.0.0.1")), &ranges).unwrap_err();
    assert_eq!(error.to_string(), "Gateway ip 10.0.0.1 conflicts with allocation pool 10.0.0.1-10.0.0.9.");
    assert_eq!(error.fault(), Fault { exception: "GatewayConflictWithAllocationPools", status: 409 });
    assert_eq!(check_gateway(Some(ip("10.0.0.10")), &ranges), Ok(()));
    assert_eq!(check_gateway(None, &ranges), Ok(()));
}
