//! What guests ask the metadata service, and what its proxy answers.

use std::net::IpAddr;

use model::Table;
use net_types::{MacAddr, OfPort};
use ofsim::Packet;
use openflow::Field;
use packet::build::{Ethernet, Tcp, Transport, tcp_flags};
use packet::nd::{Neighbor, Solicitation, solicited_node};
use pipeline::metadata::{KEY_MAX_V4, MAC, PROXY_V6, SERVICE_V4, SERVICE_V6, guest_v4, guest_v6};

use crate::support::{Cloud, Walk, arp_request, ip, mac, ping, v4};

/// Two networks with equal addresses on one node that has a proxy, and a guest on one without.
const CLOUD: &str = "
    node a 192.0.2.1 geneve
    node b 192.0.2.2 geneve
    network red 1 geneve
    network blue 2 geneve
    proxy a 95
    port red1 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1,fd00::1 filtered
    port blue1 21 blue on=a:2 mac=02:00:00:00:00:01 ip=10.0.0.1,fd00::1
    port blue2 22 blue on=a:3 mac=02:00:00:00:00:02 ip=10.0.0.2 unsecured
    port far 31 red on=b:4 mac=02:00:00:00:00:04 ip=10.0.0.4
";
const PROXY: OfPort = OfPort::new(95);
const PROXY_PORT: u16 = 18_080;
const GUEST: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);

/// An address as the key of a packet has it.
fn bits(mac: MacAddr) -> u64 {
    mac.0.iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte))
}

fn syn(src: (MacAddr, IpAddr, u16), dst: (MacAddr, IpAddr, u16)) -> Vec<u8> {
    let segment =
        Tcp { src_port: src.2, dst_port: dst.2, flags: tcp_flags::SYN, window: 1_000, ..Tcp::default() };
    ip((src.0, src.1), (dst.0, dst.1), &Transport::Tcp(segment))
}

/// A guest begins to ask the service.
fn asks(src: (MacAddr, &str), to_mac: MacAddr) -> Vec<u8> {
    let src_ip: IpAddr = src.1.parse().expect("an address");
    let service: IpAddr = if src_ip.is_ipv4() { SERVICE_V4.into() } else { SERVICE_V6.into() };
    syn((src.0, src_ip, 40_000), (to_mac, service, 80))
}

/// What the proxy gets of a packet: from where, to where.
fn at_proxy(walk: &Walk) -> Option<(IpAddr, IpAddr, u16, u64)> {
    let outputs: Vec<_> = walk.traces.iter().flat_map(|(_, trace)| trace.outputs()).collect();
    let [output] = outputs.as_slice() else {
        assert!(outputs.is_empty(), "more than one copy: {outputs:?}");
        return None;
    };
    let key = &output.key;
    let is_v4 = key.get(Field::Ipv4Dst) != 0;
    let address = |v4: Field, v6: Field| -> IpAddr {
        match is_v4 {
            true => std::net::Ipv4Addr::from(u32::try_from(key.get(v4)).expect("32 bits")).into(),
            false => std::net::Ipv6Addr::from(key.get(v6)).into(),
        }
    };
    let (src, dst) = (address(Field::Ipv4Src, Field::Ipv6Src), address(Field::Ipv4Dst, Field::Ipv6Dst));
    let port = u16::try_from(key.get(Field::TcpDst)).expect("16 bits");
    (output.port == PROXY).then_some((src, dst, port, key.eth_dst))
}

/// The proxy of node a sends a segment.
fn proxy_sends(cloud: &Cloud, src: (IpAddr, u16), dst: IpAddr) -> Walk {
    let frame = syn((MAC, src.0, src.1), (MAC, dst, 40_000));
    cloud.inject("a", Packet::of_frame(PROXY, &frame))
}

#[test]
fn guests_with_equal_addresses_are_different_ports_to_the_proxy() {
    let cloud = Cloud::new(CLOUD);
    for (port, key) in [("red1", 11), ("blue1", 21)] {
        let walk = cloud.send(port, &asks((GUEST, "10.0.0.1"), MAC));
        let expected = (guest_v4(key).expect("it fits").into(), SERVICE_V4.into(), PROXY_PORT, bits(MAC));
        assert_eq!(at_proxy(&walk), Some(expected));
        let walk = cloud.send(port, &asks((GUEST, &GUEST.link_local().to_string()), MAC));
        assert_eq!(at_proxy(&walk), Some((guest_v6(key).into(), PROXY_V6.into(), PROXY_PORT, bits(MAC))));
    }
}

#[test]
fn answers_go_to_the_port_they_name_as_from_the_service() {
    let cloud = Cloud::new(CLOUD);
    for (port, key) in [("red1", 11), ("blue1", 21), ("blue2", 22)] {
        let walk =
            proxy_sends(&cloud, (SERVICE_V4.into(), PROXY_PORT), guest_v4(key).expect("it fits").into());
        assert_eq!(walk.receivers(), [port]);
        let got = &walk.deliveries[0].key;
        let own = if port == "blue2" { v4("10.0.0.2") } else { v4("10.0.0.1") };
        assert_eq!(got.get(Field::Ipv4Src), u128::from(SERVICE_V4.to_bits()));
        assert_eq!(got.get(Field::Ipv4Dst), u128::from(own.to_bits()));
        assert_eq!((got.get(Field::TcpSrc), got.get(Field::TcpDst)), (80, 40_000));
        assert_eq!(got.eth_src, bits(MAC));
    }
    let walk = proxy_sends(&cloud, (PROXY_V6.into(), PROXY_PORT), guest_v6(21).into());
    assert_eq!(walk.receivers(), ["blue1"]);
    let got = &walk.deliveries[0].key;
    assert_eq!(got.get(Field::Ipv6Src), SERVICE_V6.to_bits());
    assert_eq!(got.get(Field::Ipv6Dst), GUEST.link_local().to_bits());
}

#[test]
fn it_is_asked_by_way_of_a_router_as_well_and_by_guests_without_port_security() {
    let cloud = Cloud::new(CLOUD);
    let router = mac("02:00:00:00:00:ff");
    let expected = |key| Some((guest_v4(key)?.into(), SERVICE_V4.into(), PROXY_PORT, bits(MAC)));
    assert_eq!(at_proxy(&cloud.send("red1", &asks((GUEST, "10.0.0.1"), router))), expected(11));
    // Also from an address that is not its own: who it is does not depend on it.
    for from in [mac("02:00:00:00:00:02"), mac("02:00:00:00:00:77")] {
        assert_eq!(at_proxy(&cloud.send("blue2", &asks((from, "10.0.0.1"), MAC))), expected(22));
    }
    // Link-local addresses do not pass routers.
    let own = GUEST.link_local().to_string();
    assert_eq!(at_proxy(&cloud.send("red1", &asks((GUEST, &own), router))), None);
}

#[test]
fn nothing_else_passes_in_either_direction() {
    let cloud = Cloud::new(CLOUD);
    let to = |port, service: IpAddr| {
        let own: IpAddr = if service.is_ipv4() { v4("10.0.0.1").into() } else { GUEST.link_local().into() };
        syn((GUEST, own, 40_000), (MAC, service, port))
    };
    for service in [IpAddr::from(SERVICE_V4), SERVICE_V6.into()] {
        for port in [22, PROXY_PORT] {
            assert_eq!(at_proxy(&cloud.send("blue1", &to(port, service))), None, "{service} {port}");
        }
    }
    cloud.send("blue1", &ping((GUEST, "10.0.0.1"), (MAC, "169.254.169.254"))).assert_nowhere();
    // The unsecured guest is not flooded with it, either.
    cloud.send("blue1", &to(22, SERVICE_V4.into())).assert_nowhere();

    let guest = IpAddr::from(guest_v4(11).expect("it fits"));
    // From another port or address of the proxy's host, to a port of another node, to no port, to a guest's real address.
    proxy_sends(&cloud, (SERVICE_V4.into(), 22), guest).assert_nowhere();
    proxy_sends(&cloud, (v4("192.0.2.1").into(), PROXY_PORT), guest).assert_nowhere();
    proxy_sends(&cloud, (SERVICE_V4.into(), PROXY_PORT), guest_v4(31).expect("it fits").into())
        .assert_nowhere();
    proxy_sends(&cloud, (SERVICE_V4.into(), PROXY_PORT), guest_v4(99).expect("it fits").into())
        .assert_nowhere();
    proxy_sends(&cloud, (SERVICE_V4.into(), PROXY_PORT), v4("10.0.0.1").into()).assert_nowhere();
    let arp = arp_request((MAC, "169.254.169.254"), "10.0.0.1");
    cloud.inject("a", Packet::of_frame(PROXY, &arp)).assert_nowhere();
    // A guest cannot pose as the proxy.
    let posing = syn((GUEST, SERVICE_V4.into(), PROXY_PORT), (MAC, guest, 40_000));
    cloud.send("blue2", &posing).assert_nowhere();
}

#[test]
fn who_has_the_addresses_is_answered_in_every_network() {
    let cloud = Cloud::new(CLOUD);
    for port in ["red1", "blue1"] {
        let walk = cloud.send(port, &arp_request((GUEST, "10.0.0.1"), "169.254.169.254"));
        assert_eq!(walk.receivers(), [port]);
        assert_eq!(walk.deliveries[0].key.eth_src, bits(MAC));
        let group = solicited_node(SERVICE_V6);
        let question = Neighbor::Solicitation(Solicitation { target: SERVICE_V6, source_link: Some(GUEST) });
        let link = Ethernet::new(GUEST, MacAddr::of_ipv6_multicast(group));
        let frame = link.neighbor(GUEST.link_local(), group, &question).expect("a small packet");
        let walk = cloud.send(port, &frame);
        assert_eq!(walk.receivers(), [port]);
        assert_eq!(walk.deliveries[0].key.eth_src, bits(MAC));
        assert_eq!(walk.deliveries[0].key.get(Field::Icmp6Type), 136);
    }
    // A node without a proxy does not know them, and switches what is sent to them.
    let walk = cloud.send("far", &arp_request((mac("02:00:00:00:00:04"), "10.0.0.4"), "169.254.169.254"));
    assert_eq!(walk.receivers(), ["red1"]);
}

#[test]
fn a_port_has_one_flow_for_each_family_and_none_without_a_proxy() {
    let mut cloud = Cloud::new(CLOUD);
    let count = |cloud: &mut Cloud, table: u8| {
        let flows = cloud.node("a").engine.desired().flows;
        flows.iter().filter(|flow| flow.table() == table).count()
    };
    let [to, from] = [pipeline::tables::METADATA.id, pipeline::tables::METADATA_ANSWER.id];
    assert_eq!([count(&mut cloud, to), count(&mut cloud, from)], [2, 2 + 2 + 1]);
    cloud.put("port blue3 23 blue on=a:7 mac=02:00:00:00:00:07 ip=10.0.0.7");
    assert_eq!([count(&mut cloud, to), count(&mut cloud, from)], [2, 6]);
    cloud.delete(Table::LogicalPort, "blue3");
    let node = cloud.node("a");
    node.metadata = None;
    node.step(vec![engine::Input::Metadata(None)]);
    node.check();
    assert_eq!([count(&mut cloud, to), count(&mut cloud, from)], [0, 0]);
    // A guest that serves metadata itself is asked.
    cloud.put("port blue9 29 blue on=a:9 mac=02:00:00:00:00:09 ip=169.254.169.254");
    let walk = cloud.send("blue1", &asks((GUEST, "10.0.0.1"), mac("02:00:00:00:00:09")));
    assert_eq!(walk.receivers(), ["blue9"]);
}

#[test]
fn a_key_that_does_not_fit_is_said_and_serves_nobody_else() {
    let mut cloud = Cloud::new(CLOUD);
    let large = KEY_MAX_V4 + 13;
    cloud.put(&format!("port big {large} blue on=a:8 mac=02:00:00:00:00:08 ip=10.0.0.8,fd00::8"));
    let from = mac("02:00:00:00:00:08");
    assert_eq!(at_proxy(&cloud.send("big", &asks((from, "10.0.0.8"), MAC))), None);
    let own = from.link_local().to_string();
    let walk = cloud.send("big", &asks((from, &own), MAC));
    assert_eq!(at_proxy(&walk).map(|at| at.0), Some(guest_v6(large).into()), "by IPv6 it is served");
    assert!(cloud.problems("a").iter().any(|problem| problem.contains("metadata service by IPv4")));
}
