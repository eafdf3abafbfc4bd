//! DHCPv6 from the guest's frame to the frame that it gets.

use engine::Reply;
use model::Table;
use net_types::{MacAddr, OfPort};
use packet::Headers;
use packet::build::{Transport, Udp};
use packet::dhcp6::{
    Address, Association, CLIENT_PORT, Kind, Message, SERVER_PORT, SERVERS, codes, duid_of, status,
};
use packet::headers::{NetworkKey, TransportKey};
use pipeline::userdata;
use proptest::prelude::*;

use crate::support::{Cloud, ask, ip, mac, v6};

const CLOUD: &str = "
    node a 192.0.2.1 geneve
    node b 192.0.2.2 geneve
    network red 1 geneve
    subnet s red fd00::/64 dhcp ra=dhcpv6-stateful mode=dhcpv6-stateful dns=fd00::53
    subnet less red fd01::/64 dhcp ra=dhcpv6-stateless mode=dhcpv6-stateless dns=fd01::53
    subnet slaac red fd02::/64 dhcp ra=slaac mode=slaac
    port guest 11 red on=a:1 mac=02:00:00:00:00:01 ip=fd00::1 subnet=s
    port there 12 red on=b:2 mac=02:00:00:00:00:02 ip=fd00::2 subnet=s
    port less1 13 red on=a:3 mac=02:00:00:00:00:03 ip=fd01::3 subnet=less
    port slaac1 14 red on=a:4 mac=02:00:00:00:00:04 ip=fd02::4 subnet=slaac
    port open 15 red on=a:5 mac=02:00:00:00:00:05 ip=fd00::5 subnet=s unsecured
    port server 20 red mac=02:00:00:00:00:20 ip=fd00::20 subnet=s owner=network:dhcp
";
const GUEST: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const SERVER: MacAddr = MacAddr([2, 0, 0, 0, 0, 0x20]);

fn message(kind: Kind, client: MacAddr) -> Message {
    Message::new(kind, [7, 8, 9]).with(codes::CLIENT_ID, duid_of(client))
}

fn group(addresses: &[&str]) -> Vec<u8> {
    let addresses = addresses.iter().map(|text| Address { address: v6(text), preferred_s: 0, valid_s: 0 });
    let addresses = addresses.collect();
    Association { id: 1, renew_s: 0, rebind_s: 0, addresses, status: None }.value()
}

fn frame(from: MacAddr, payload: Vec<u8>) -> Vec<u8> {
    let datagram = Udp { src_port: CLIENT_PORT, dst_port: SERVER_PORT, payload };
    let dst = (MacAddr::of_ipv6_multicast(SERVERS), SERVERS.into());
    ip((from, from.link_local().into()), dst, &Transport::Udp(datagram))
}

fn exchange(
    cloud: &mut Cloud,
    port: &str,
    from: MacAddr,
    message: &Message,
) -> Result<(OfPort, Message), &'static str> {
    let frame = frame(from, message.emit());
    let walk = cloud.send(port, &frame);
    assert_eq!((walk.receivers().len(), walk.hops.len()), (0, 0), "somebody else got it, too");
    let (responder, reply) = ask(cloud, port, &frame);
    assert_eq!(responder, userdata::DHCPV6);
    let (frame, port) = match reply {
        Reply::Send { frame, port } => (frame, port),
        Reply::Ignore(reason) => return Err(reason),
        other => panic!("{other:?}"),
    };
    let headers = Headers::parse(&frame);
    let ethernet = headers.ethernet.expect("a frame");
    assert_eq!((ethernet.src, ethernet.dst), (SERVER, from));
    let Some(NetworkKey::Ipv6 { src, dst, .. }) = headers.network else { panic!("not IPv6: {headers:?}") };
    assert_eq!((src, dst), (SERVER.link_local(), from.link_local()));
    assert_eq!(headers.transport, Some(TransportKey::Udp { src: SERVER_PORT, dst: CLIENT_PORT }));
    let payload = headers.layout.transport.expect("a transport") + Udp::HEADER_BYTES;
    Ok((port, Message::parse(&frame[payload..]).expect("a DHCPv6 message")))
}

fn addresses(message: &Message) -> Vec<String> {
    let groups = message.associations();
    groups.iter().flat_map(|group| &group.addresses).map(|given| given.address.to_string()).collect()
}

#[test]
fn a_guest_gets_its_address_from_its_own_node() {
    let mut cloud = Cloud::new(CLOUD);
    let solicit = message(Kind::Solicit, GUEST).with(codes::IA_NA, group(&[]));
    let (port, offer) = exchange(&mut cloud, "guest", GUEST, &solicit).expect("an answer");
    assert_eq!(
        (port, offer.kind, addresses(&offer)),
        (OfPort::new(1), Kind::Advertise, vec!["fd00::1".to_owned()])
    );
    assert_eq!(offer.get(codes::SERVER_ID), Some(duid_of(SERVER).as_slice()));
    assert_eq!(offer.get(codes::DNS_SERVERS), Some(v6("fd00::53").octets().as_slice()));
    assert_eq!(offer.get(codes::DOMAIN_SEARCH), Some(b"\x0eopenstacklocal\0".as_slice()));
    let request = message(Kind::Request, GUEST).with(codes::SERVER_ID, duid_of(SERVER));
    let request = request.with(codes::IA_NA, group(&["fd00::1"]));
    let (_, taken) = exchange(&mut cloud, "guest", GUEST, &request).expect("an answer");
    assert_eq!((taken.kind, addresses(&taken)), (Kind::Reply, vec!["fd00::1".to_owned()]));
    // From the other node, with the identifier of the same server.
    let two = mac("02:00:00:00:00:02");
    let solicit = message(Kind::Solicit, two).with(codes::IA_NA, group(&[]));
    let (port, offer) = exchange(&mut cloud, "there", two, &solicit).expect("an answer");
    assert_eq!((port, addresses(&offer)), (OfPort::new(2), vec!["fd00::2".to_owned()]));
    assert_eq!(offer.get(codes::SERVER_ID), Some(duid_of(SERVER).as_slice()));
    let five = mac("02:00:00:00:00:05");
    let solicit = message(Kind::Solicit, five).with(codes::IA_NA, group(&[]));
    assert!(exchange(&mut cloud, "open", five, &solicit).is_ok(), "without port security as well");
}

#[test]
fn a_guest_whose_port_got_another_address_learns_so_when_it_renews() {
    let mut cloud = Cloud::new(CLOUD);
    cloud.put("port guest 11 red on=a:1 mac=02:00:00:00:00:01 ip=fd00::99 subnet=s");
    let renewal = message(Kind::Renew, GUEST).with(codes::SERVER_ID, duid_of(SERVER));
    let (_, reply) =
        exchange(&mut cloud, "guest", GUEST, &renewal.with(codes::IA_NA, group(&["fd00::1"]))).unwrap();
    let given: Vec<_> =
        reply.associations()[0].addresses.iter().map(|given| (given.address, given.valid_s > 0)).collect();
    assert_eq!(given, [(v6("fd00::99"), true), (v6("fd00::1"), false)]);
}

#[test]
fn where_hosts_make_their_addresses_they_are_told_the_rest_or_nothing() {
    let mut cloud = Cloud::new(CLOUD);
    let three = mac("02:00:00:00:00:03");
    let asked = message(Kind::InformationRequest, three).with(codes::REQUESTED, [0, 23, 0, 24]);
    let (_, reply) = exchange(&mut cloud, "less1", three, &asked).expect("an answer");
    assert_eq!(reply.get(codes::DNS_SERVERS), Some(v6("fd01::53").octets().as_slice()));
    let solicit = message(Kind::Solicit, three).with(codes::IA_NA, group(&[]));
    let (_, offer) = exchange(&mut cloud, "less1", three, &solicit).expect("an answer");
    assert_eq!(offer.associations()[0].status.as_ref().map(|(code, _)| *code), Some(status::NO_ADDRESSES));
    // Nobody here answers this one: it may find a server among the guests.
    let four = mac("02:00:00:00:00:04");
    let walk = cloud.send("slaac1", &frame(four, message(Kind::Solicit, four).emit()));
    assert!(walk.to_controller.is_empty());
    assert_eq!(walk.receivers(), ["guest", "less1", "open", "there"]);
}

#[test]
fn a_port_is_told_its_own_options_in_the_place_of_others() {
    let mut cloud = Cloud::new(CLOUD);
    cloud.put("port guest 11 red on=a:1 mac=02:00:00:00:00:01 ip=fd00::1 subnet=s opt6=dns-server:fd00::99;59:http://boot;24:;3:x;nothing:y");
    let wants = [23_u16, 24, 59].map(u16::to_be_bytes).concat();
    let solicit = message(Kind::Solicit, GUEST).with(codes::IA_NA, group(&[]));
    let mut told = |wants: Vec<u8>| {
        let (_, offer) = exchange(&mut cloud, "guest", GUEST, &solicit.clone().with(codes::REQUESTED, wants))
            .expect("an answer");
        [codes::DNS_SERVERS, codes::DOMAIN_SEARCH, 59].map(|code| offer.get(code).map(<[u8]>::to_vec))
    };
    let server = v6("fd00::99").octets().to_vec();
    assert_eq!(told(wants), [Some(server.clone()), None, Some(b"http://boot".to_vec())]);
    assert_eq!(told(vec![0, 23]), [Some(server), None, None], "what it asks for");
    let problems = cloud.problems("a");
    assert!(
        problems.len() == 2 && problems.iter().all(|problem| problem.contains("left out")),
        "{problems:?}"
    );
    // Another port is told what it was.
    let two = mac("02:00:00:00:00:02");
    let solicit = message(Kind::Solicit, two).with(codes::IA_NA, group(&[]));
    let (_, offer) = exchange(&mut cloud, "there", two, &solicit).expect("an answer");
    assert_eq!(offer.get(codes::DNS_SERVERS), Some(v6("fd00::53").octets().as_slice()));
}

#[test]
fn a_network_without_a_port_for_dhcp_has_a_server_all_the_same() {
    let mut cloud = Cloud::new(CLOUD);
    cloud.delete(Table::LogicalPort, "server");
    let solicit = message(Kind::Solicit, GUEST).with(codes::IA_NA, group(&[]));
    let (_, reply) = ask(&mut cloud, "guest", &frame(GUEST, solicit.emit()));
    let Reply::Send { frame, .. } = reply else { panic!("{reply:?}") };
    assert_eq!(Headers::parse(&frame).ethernet.map(|ethernet| ethernet.src), Some(mac("02:df:00:00:00:01")));
}

#[test]
fn requests_say_the_truth_about_who_asks() {
    let cloud = Cloud::new(CLOUD);
    let solicit = message(Kind::Solicit, GUEST).emit();
    for from in [mac("02:00:00:00:00:02"), mac("02:00:00:00:00:99")] {
        cloud.send("guest", &frame(from, solicit.clone())).assert_nowhere();
    }
    let datagram = Udp { src_port: CLIENT_PORT, dst_port: SERVER_PORT, payload: solicit };
    let dst = (MacAddr::of_ipv6_multicast(SERVERS), SERVERS.into());
    for src in ["::", "fd00::2"] {
        let frame = ip((GUEST, v6(src).into()), dst, &Transport::Udp(datagram.clone()));
        cloud.send("guest", &frame).assert_nowhere();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_guest_says_to_the_server_does_no_harm(payload in prop::collection::vec(any::<u8>(), 0..120)) {
        let mut cloud = Cloud::new(CLOUD);
        let frame = frame(GUEST, payload);
        let (_, reply) = ask(&mut cloud, "guest", &frame);
        if let Reply::Send { port, .. } = reply {
            prop_assert_eq!(port, OfPort::new(1));
        }
    }
}
