//! How long packets may be that routers hand on: what is measured, what is not, and who is told.

use ofsim::Packet;
use packet::build::{Transport, Udp};
use pipeline::{tables, userdata};

use crate::routers::{
    BLUE_LEG, FLOATING1, IN_A_ROW, OUTSIDE, RED_LEG, RED1, ROUTED, UPSTREAM, from_red, from_wire, only,
};
use crate::support::{Cloud, Walk, ip, mac};

/// What the second byte of the userdata says of what is too long.
const TOO_LONG: u8 = 3;

/// Networks of tenants take as much as tunnels leave of what the external one takes.
const MTUS: &str = "
    network red 1 geneve mtu=1442
    network blue 2 geneve mtu=1442
    network ext 50 flat in=public external mtu=1500
";

fn cloud(mtus: &str) -> Cloud {
    let mut cloud = Cloud::new(&format!("{ROUTED}{OUTSIDE}"));
    for line in mtus.lines().filter(|line| !line.trim().is_empty()) {
        cloud.put(line);
    }
    cloud
}

/// A datagram with as many octets as its packet is to have, in a frame.
fn of_length(src: (net_types::MacAddr, &str), dst: (net_types::MacAddr, &str), bytes: usize) -> Vec<u8> {
    let headers = if src.1.contains(':') { 48 } else { 28 };
    let datagram = Udp { src_port: 1000, dst_port: 2000, payload: vec![0; bytes - headers] };
    let address = |text: &str| text.parse().expect("an address");
    ip((src.0, address(src.1)), (dst.0, address(dst.1)), &Transport::Udp(datagram))
}

fn to_blue2(cloud: &Cloud, bytes: usize) -> Walk {
    cloud.send(RED1.0, &of_length((RED1.1, "10.0.1.11"), (RED_LEG, "10.0.2.22"), bytes))
}

fn is_told(walk: &Walk) -> bool {
    walk.to_controller
        .iter()
        .any(|up| up.packet_in.controller.userdata == [userdata::UNDELIVERABLE, TOO_LONG])
}

#[test]
fn what_comes_from_a_network_that_takes_no_more_than_another_is_not_measured() {
    let cloud = cloud(MTUS);
    for to in ["10.0.2.22", "fd00:2::22"] {
        let walk = from_red(&cloud, to);
        assert_eq!(only(&walk).0, "blue2");
        let passed = walk.tables("a");
        assert_eq!(&passed[passed.len() - 3..], [tables::ROUTE.id, tables::NEIGHBOR.id, tables::DISPATCH.id]);
    }
    // What leaves to where more is taken neither.
    let walk = from_red(&cloud, "198.51.100.1");
    assert!(!walk.tables("a").contains(&tables::OVERSIZE.id), "{:?}", walk.tables("a"));
}

#[test]
fn what_comes_from_a_network_that_takes_more_is_measured() {
    let cloud = cloud(MTUS);
    let from_outside = |bytes| {
        let frame = of_length((UPSTREAM.0, "198.51.100.1"), (FLOATING1, "203.0.113.11"), bytes);
        from_wire(&cloud, "a", &frame)
    };
    let walk = from_outside(1442);
    assert_eq!(only(&walk).0, "red1");
    let passed = walk.tables("a");
    assert!(passed.contains(&tables::OVERSIZE.id) && !passed.contains(&tables::EXTERNAL.id), "{passed:?}");
    let walk = from_outside(1443);
    walk.assert_nobody();
    assert!(is_told(&walk));
}

#[test]
fn an_external_network_may_take_less() {
    let cloud = cloud("network red 1 geneve mtu=1442\nnetwork ext 50 flat in=public external mtu=1000");
    let outward =
        |bytes| cloud.send(RED1.0, &of_length((RED1.1, "10.0.1.11"), (RED_LEG, "198.51.100.1"), bytes));
    assert!(is_told(&outward(1001)));
    let walk = outward(1000);
    let passed = walk.tables("a");
    assert!(!is_told(&walk) && passed.contains(&tables::EXTERNAL.id), "{passed:?}");
    // What stays inside is not looked at for that.
    assert_eq!(only(&to_blue2(&cloud, 1400)).0, "blue2");
}

#[test]
fn a_network_that_comes_to_take_less_has_others_measured() {
    let mut cloud = cloud(MTUS);
    assert_eq!(only(&to_blue2(&cloud, 1400)).0, "blue2");
    cloud.put("network blue 2 geneve mtu=1200");
    assert!(is_told(&to_blue2(&cloud, 1201)));
    assert_eq!(only(&to_blue2(&cloud, 1200)).0, "blue2");
    let of_ipv6 =
        |bytes| cloud.send(RED1.0, &of_length((RED1.1, "fd00:1::11"), (RED_LEG, "fd00:2::22"), bytes));
    assert!(is_told(&of_ipv6(1201)));
    assert_eq!(only(&of_ipv6(1200)).0, "blue2");
    // The way back is as free as it was.
    let back = of_length((mac("02:00:00:00:00:03"), "10.0.2.22"), (BLUE_LEG, "10.0.1.11"), 1400);
    assert_eq!(only(&cloud.send("blue2", &back)).0, "red1");
}

#[test]
fn a_route_with_several_next_hops_measures_as_one_with_one_does() {
    let mut cloud = cloud("network red 1 geneve mtu=1442\nnetwork blue 2 geneve mtu=1200");
    let routes = "10.8.0.0/16/10.0.2.21,10.8.0.0/16/10.0.2.22";
    cloud.put(&format!("router r 7 legs=redleg/red/101,blueleg/blue/102 route={routes}"));
    let away = |bytes| cloud.send(RED1.0, &of_length((RED1.1, "10.0.1.11"), (RED_LEG, "10.8.0.1"), bytes));
    let walk = away(1201);
    walk.assert_nobody();
    assert!(is_told(&walk));
    let walk = away(1200);
    assert!(["blue1", "blue2"].contains(&only(&walk).0) && !is_told(&walk));
    // On a wire its sender is known as it is with one next hop: a tunnel says the leg that it comes from.
    for hop in &walk.hops {
        assert_eq!(Packet::of_key((*hop.key).clone()).key.regs[6], 102);
    }
}

#[test]
fn a_second_router_measures_what_the_first_one_did_not() {
    let mut cloud = Cloud::new(&format!("{ROUTED}{IN_A_ROW}"));
    cloud.put("network transit 5 geneve mtu=1442");
    cloud.put("network green 6 geneve mtu=1200");
    cloud.put("network red 1 geneve mtu=1442");
    cloud.put("network blue 2 geneve mtu=1442");
    let to_green =
        |bytes| cloud.send(RED1.0, &of_length((RED1.1, "10.0.1.11"), (RED_LEG, "10.0.6.61"), bytes));
    assert!(is_told(&to_green(1201)));
    assert_eq!(only(&to_green(1200)).0, "green1");
}
