//! DHCP from the guest's frame to the frame that it gets: which requests are answered where, and with what.

use std::net::Ipv4Addr;

use engine::{Dhcp, Input, PacketIn, Reply};
use model::Table;
use net_types::{MacAddr, OfPort};
use packet::Headers;
use packet::build::{Transport, Udp};
use packet::dhcp::{
    CLIENT_PORT, Message, MessageType, Op, Options, Route, SERVER_PORT, codes, decode_routes,
};
use packet::headers::{NetworkKey, TransportKey};
use pipeline::userdata;
use proptest::prelude::*;

use crate::support::{Cloud, arp_request, ip, mac, udp, v4};

const CLOUD: &str = "
    node a 192.0.2.1 geneve
    node b 192.0.2.2 geneve
    network red 1 geneve mtu=1450
    subnet s red 10.0.0.0/24 dhcp gateway=10.0.0.254 route=10.9.0.0/16/10.0.0.9
    port guest 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1 subnet=s
    port other 12 red on=a:2 mac=02:00:00:00:00:02 ip=10.0.0.2 subnet=s
    port there 13 red on=b:3 mac=02:00:00:00:00:03 ip=10.0.0.3 subnet=s
    port server 20 red mac=02:00:00:00:00:20 ip=10.0.0.20 subnet=s owner=network:dhcp
    network blue 2 geneve
    port alone 21 blue on=a:4 mac=02:00:00:00:00:01 ip=10.0.0.1
    port alone2 22 blue on=b:5 mac=02:00:00:00:00:05 ip=10.0.0.5
";

const GUEST: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const SERVER: &str = "10.0.0.20";

fn message(kind: MessageType, options: Options) -> Message {
    let options = options.with(codes::MESSAGE_TYPE, [kind.number()]);
    Message { options, ..Message::new(Op::Request, 0x1234, GUEST) }
}

fn discover() -> Message {
    message(MessageType::Discover, Options::default())
}

fn renewal() -> Message {
    Message { client_address: v4("10.0.0.1"), ..message(MessageType::Request, Options::default()) }
}

fn frame(message: &Message, src: (MacAddr, &str), dst: (MacAddr, &str)) -> Vec<u8> {
    let datagram = Udp { src_port: CLIENT_PORT, dst_port: SERVER_PORT, payload: message.emit() };
    ip((src.0, v4(src.1).into()), (dst.0, v4(dst.1).into()), &Transport::Udp(datagram))
}

fn broadcast(message: &Message) -> Vec<u8> {
    frame(message, (message.client_mac, "0.0.0.0"), (MacAddr::BROADCAST, "255.255.255.255"))
}

fn unicast(message: &Message) -> Vec<u8> {
    frame(message, (GUEST, "10.0.0.1"), (mac("02:00:00:00:00:20"), SERVER))
}

/// Sends a frame that only the controller gets, and hands it to the engine.
fn ask(cloud: &mut Cloud, port: &str, frame: &[u8]) -> Reply {
    let walk = cloud.send(port, frame);
    assert_eq!((walk.receivers().len(), walk.hops.len()), (0, 0), "somebody else got it, too");
    let (responder, reply) = crate::support::ask(cloud, port, frame);
    assert_eq!(responder, userdata::DHCP);
    reply
}

/// What comes back: the switch port that it leaves by, the addresses around it, and the message.
struct Received {
    port: OfPort,
    src: (MacAddr, Ipv4Addr),
    dst: (MacAddr, Ipv4Addr),
    message: Message,
}

fn received(reply: &Reply) -> Received {
    let Reply::Send { frame, port } = reply else { panic!("{reply:?}") };
    let headers = Headers::parse(frame);
    let Some(NetworkKey::Ipv4 { src, dst }) = headers.network else { panic!("not IPv4: {headers:?}") };
    assert_eq!(headers.transport, Some(TransportKey::Udp { src: SERVER_PORT, dst: CLIENT_PORT }));
    let ethernet = headers.ethernet.expect("a frame");
    let payload = headers.layout.transport.expect("a transport") + Udp::HEADER_BYTES;
    Received {
        port: *port,
        src: (ethernet.src, src),
        dst: (ethernet.dst, dst),
        message: Message::parse(&frame[payload..]).expect("a DHCP message"),
    }
}

#[test]
fn a_guest_gets_its_address_from_its_own_node() {
    let mut cloud = Cloud::new(CLOUD);
    let offer = received(&ask(&mut cloud, "guest", &broadcast(&discover())));
    assert_eq!(offer.port, OfPort::new(1));
    assert_eq!(offer.src, (mac("02:00:00:00:00:20"), v4(SERVER)));
    assert_eq!(offer.dst, (GUEST, v4("10.0.0.1")));
    assert_eq!(offer.message.message_type(), Some(MessageType::Offer));
    assert_eq!((offer.message.your_address, offer.message.next_server), (v4("10.0.0.1"), v4(SERVER)));
    let options = &offer.message.options;
    assert_eq!(options.address(codes::SERVER_ID), Some(v4(SERVER)));
    assert_eq!(options.address(codes::SUBNET_MASK), Some(v4("255.255.255.0")));
    assert_eq!(options.address(codes::ROUTER), Some(v4("10.0.0.254")));
    assert_eq!(options.addresses(codes::DNS_SERVERS), Some(vec![v4("8.8.8.8"), v4("8.8.4.4")]));
    assert_eq!(options.get(codes::DOMAIN_NAME), Some(b"openstacklocal".as_slice()));
    assert_eq!(options.fixed(codes::LEASE_TIME), Some(86_400_u32.to_be_bytes()));
    assert_eq!(options.fixed(codes::INTERFACE_MTU), Some(1_450_u16.to_be_bytes()));
    let route = |to: &str, length, router: &str| Route::new(v4(to), length, v4(router)).expect("a route");
    assert_eq!(
        decode_routes(options.get(codes::CLASSLESS_ROUTES).expect("routes")),
        Ok(vec![
            route("169.254.169.254", 32, "10.0.0.1"),
            route("10.9.0.0", 16, "10.0.0.9"),
            route("0.0.0.0", 0, "10.0.0.254"),
        ])
    );
    let options = Options::default().with(50, v4("10.0.0.1").octets()).with(54, v4(SERVER).octets());
    let ack = received(&ask(&mut cloud, "guest", &broadcast(&message(MessageType::Request, options))));
    assert_eq!(ack.message.message_type(), Some(MessageType::Ack));
    // Renewed with the server alone, which nobody is plugged in for.
    let ack = received(&ask(&mut cloud, "guest", &unicast(&renewal())));
    assert_eq!(ack.message.message_type(), Some(MessageType::Ack));
}

#[test]
fn the_server_is_found_by_arp() {
    let cloud = Cloud::new(CLOUD);
    let walk = cloud.send("guest", &arp_request((GUEST, "10.0.0.1"), SERVER));
    assert_eq!(walk.receivers(), ["guest"]);
    assert!(walk.hops.is_empty());
}

#[test]
fn who_asks_is_known_by_its_port_and_not_by_what_it_says() {
    let mut cloud = Cloud::new(CLOUD);
    let posing = Message { client_mac: mac("02:00:00:00:00:02"), ..discover() };
    let from_guest = frame(&posing, (GUEST, "0.0.0.0"), (MacAddr::BROADCAST, "255.255.255.255"));
    let reply = ask(&mut cloud, "guest", &from_guest);
    assert_eq!(reply, Reply::Ignore("a DHCP message names another client's hardware address"));
    // Nor does another guest's MAC get it past port security.
    cloud.send("guest", &broadcast(&posing)).assert_nowhere();
    let refused = message(MessageType::Request, Options::default().with(50, v4("10.0.0.2").octets()));
    let nak = received(&ask(&mut cloud, "guest", &broadcast(&refused)));
    assert_eq!(nak.message.message_type(), Some(MessageType::Nak));
    assert_eq!((nak.port, nak.dst.1), (OfPort::new(1), Ipv4Addr::BROADCAST));
    let nonsense = udp((GUEST, "0.0.0.0", 68), (MacAddr::BROADCAST, "255.255.255.255", 67));
    let reply = ask(&mut cloud, "guest", &nonsense);
    assert_eq!(reply, Reply::Ignore("a packet to the DHCP server is no DHCP message"));
}

#[test]
fn what_is_not_for_this_server_is_switched_like_anything_else() {
    let mut cloud = Cloud::new(CLOUD);
    let elsewhere = frame(&renewal(), (GUEST, "10.0.0.1"), (mac("02:00:00:00:00:03"), "10.0.0.3"));
    assert_eq!(cloud.send("guest", &elsewhere).receivers(), ["there"]);
    // A network without DHCP may have a server that is a guest.
    let walk = cloud.send("alone", &broadcast(&discover()));
    assert_eq!((walk.receivers(), walk.to_controller.len()), (vec!["alone2"], 0));
    cloud.put("subnet s red 10.0.0.0/24 gateway=10.0.0.254");
    let walk = cloud.send("guest", &broadcast(&discover()));
    assert_eq!((walk.receivers(), walk.to_controller.len()), (vec!["other", "there"], 0));
    cloud.put("subnet s red 10.0.0.0/24 dhcp");
    received(&ask(&mut cloud, "guest", &broadcast(&discover())));
}

#[test]
fn who_goes_on_using_an_address_that_was_taken_from_its_port_is_told_and_nobody_hears_it() {
    let mut cloud = Cloud::new(CLOUD);
    let old = "10.0.0.9";
    let stale = Message { client_address: v4(old), ..renewal() };
    let renewing = frame(&stale, (GUEST, old), (mac("02:00:00:00:00:20"), SERVER));
    let rebinding = frame(&stale, (GUEST, old), (MacAddr::BROADCAST, "255.255.255.255"));
    for request in [&renewing, &rebinding] {
        let nak = received(&ask(&mut cloud, "guest", request));
        assert_eq!((nak.message.message_type(), nak.dst.1), (Some(MessageType::Nak), Ipv4Addr::BROADCAST));
    }
    let released = Message { client_address: v4(old), ..message(MessageType::Release, Options::default()) };
    let released = frame(&released, (GUEST, old), (mac("02:00:00:00:00:20"), SERVER));
    assert!(matches!(ask(&mut cloud, "guest", &released), Reply::Ignore(_)));
    // What is not answered here is no way past port security, neither to another server nor in a network without one.
    let elsewhere = frame(&stale, (GUEST, old), (mac("02:00:00:00:00:03"), "10.0.0.3"));
    cloud.send("guest", &elsewhere).assert_nowhere();
    cloud.send("alone", &rebinding).assert_nowhere();
    let posing = frame(&stale, (mac("02:00:00:00:00:02"), old), (MacAddr::BROADCAST, "255.255.255.255"));
    cloud.send("guest", &posing).assert_nowhere();
}

#[test]
fn a_guest_without_port_security_is_answered_as_well() {
    let mut cloud = Cloud::new(CLOUD);
    cloud.put("port guest 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1 subnet=s unsecured");
    received(&ask(&mut cloud, "guest", &broadcast(&discover())));
    received(&ask(&mut cloud, "guest", &unicast(&renewal())));
}

#[test]
fn changes_are_told_at_the_next_renewal() {
    let mut cloud = Cloud::new(CLOUD);
    let told = |cloud: &mut Cloud| received(&ask(cloud, "guest", &unicast(&renewal()))).message;
    let before = cloud.node("a").engine.desired();
    cloud.put("subnet s red 10.0.0.0/24 dhcp dns=0.0.0.0 route=169.254.169.254/32/10.0.0.9");
    cloud.put("network red 1 geneve mtu=9000");
    assert_eq!(cloud.node("a").engine.desired(), before, "flows know nothing of it");
    let options = told(&mut cloud).options;
    assert_eq!((options.get(codes::DNS_SERVERS), options.get(codes::ROUTER)), (None, None));
    assert_eq!(options.fixed(codes::INTERFACE_MTU), Some(9_000_u16.to_be_bytes()));
    let metadata = Route::new(v4("169.254.169.254"), 32, v4("10.0.0.9")).expect("a route");
    assert_eq!(decode_routes(options.get(codes::CLASSLESS_ROUTES).expect("routes")), Ok(vec![metadata]));

    cloud.set("a", |settings| {
        settings.dhcp = Dhcp {
            dns_servers: vec![v4("9.9.9.9")],
            domain: String::new(),
            lease_seconds: 600,
            mtu_bytes: 1_300,
            has_metadata_route: false,
            ..Dhcp::default()
        }
        .into();
    });
    cloud.put("subnet s red 10.0.0.0/24 dhcp");
    cloud.put("network red 1 geneve mtu=0");
    let options = told(&mut cloud).options;
    assert_eq!(options.addresses(codes::DNS_SERVERS), Some(vec![v4("9.9.9.9")]));
    assert_eq!(options.fixed(codes::INTERFACE_MTU), Some(1_300_u16.to_be_bytes()));
    assert_eq!(options.fixed(codes::LEASE_TIME), Some(600_u32.to_be_bytes()));
    assert_eq!((options.get(codes::CLASSLESS_ROUTES), options.get(codes::DOMAIN_NAME)), (None, None));
}

#[test]
fn extra_options_are_told_and_those_that_make_no_sense_are_found() {
    let mut cloud = Cloud::new(CLOUD);
    let port = "port guest 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1 subnet=s";
    cloud.put(&format!("{port} opt=67:pxelinux.0;26:1400;42:nobody;53:5 siaddr=10.0.0.5"));
    let offer = received(&ask(&mut cloud, "guest", &broadcast(&discover()))).message;
    assert_eq!(offer.next_server, v4("10.0.0.5"));
    assert_eq!(offer.boot_file[..11], *b"pxelinux.0\0");
    assert_eq!(offer.options.get(codes::BOOT_FILE_NAME), Some(b"pxelinux.0".as_slice()));
    assert_eq!(offer.options.fixed(codes::INTERFACE_MTU), Some(1_400_u16.to_be_bytes()));
    assert_eq!((offer.options.get(42), offer.message_type()), (None, Some(MessageType::Offer)));
    assert_eq!(
        cloud.problems("a"),
        [
            "an extra DHCP option is left out: DHCP option 42 (ntp-server): 'nobody' is not an IPv4 address",
            "an extra DHCP option is left out: DHCP option 53 belongs to the protocol and cannot be set: leave it out",
        ]
    );
    cloud.put(port);
    assert_eq!(cloud.problems("a"), [""; 0]);
}

#[test]
fn a_subnet_with_dhcp_and_without_a_server_is_found() {
    let mut cloud = Cloud::new(CLOUD);
    cloud.delete(Table::LogicalPort, "server");
    let problem = |address: &str| {
        format!(
            "the port gets no DHCP for {address}: the network has no port of owner network:dhcp with an address of subnet s"
        )
    };
    assert_eq!(cloud.problems("a"), [problem("10.0.0.1"), problem("10.0.0.2")]);
    assert!(cloud.send("guest", &broadcast(&discover())).to_controller.is_empty());
    cloud.put("port server 20 red mac=02:00:00:00:00:21 ip=10.0.0.21 subnet=s owner=network:dhcp");
    let offer = received(&ask(&mut cloud, "guest", &broadcast(&discover())));
    assert_eq!(offer.src, (mac("02:00:00:00:00:21"), v4("10.0.0.21")));
}

#[test]
fn every_guest_has_a_meter_of_its_own_that_goes_with_it() {
    let mut cloud = Cloud::new(CLOUD);
    let meters = cloud.node("a").engine.desired().meters;
    assert_eq!(meters.len(), 2);
    for port in ["guest", "other"] {
        let number = if port == "guest" { 1 } else { 2 };
        let client = MacAddr([2, 0, 0, 0, 0, number]);
        let walk = cloud.send(port, &broadcast(&Message { client_mac: client, ..discover() }));
        let meter = walk.to_controller[0].packet_in.controller.meter.expect("a meter");
        let meter = meters.iter().find(|known| known.id == meter).expect("one that is there");
        assert_eq!(
            meter.to_string(),
            format!("meter={} pktps burst bands=type=drop rate=3 burst_size=3", meter.id)
        );
    }
    let ids: Vec<u32> = meters.iter().map(|meter| meter.id).collect();
    assert_ne!(ids[0], ids[1]);
    cloud.set("a", |settings| settings.dhcp = Dhcp { rate_per_s: 7, ..Dhcp::default() }.into());
    let meters = cloud.node("a").engine.desired().meters;
    assert!(meters.iter().all(|meter| meter.bands[0].rate == 7 && ids.contains(&meter.id)));
    cloud.unplug("a", "guest");
    assert_eq!(cloud.node("a").engine.desired().meters.len(), 1);
    cloud.plug("a", "guest", 9);
    let again: Vec<u32> = cloud.node("a").engine.desired().meters.iter().map(|meter| meter.id).collect();
    assert_eq!(again, ids);
}

#[test]
fn a_packet_that_comes_late_is_not_answered() {
    let mut cloud = Cloud::new(CLOUD);
    let late = |cloud: &mut Cloud, ingress: u32| {
        let packet = PacketIn {
            frame: broadcast(&discover()),
            in_port: 1,
            network: 1,
            ingress,
            userdata: vec![userdata::DHCP],
            at_ms: 0,
            ..PacketIn::default()
        };
        cloud.node("a").step(vec![Input::Packet(packet)]).replies.remove(0)
    };
    received(&late(&mut cloud, 11));
    let gone = "a DHCP message is from a port that is not on this node any more";
    assert_eq!(late(&mut cloud, 13), Reply::Ignore(gone), "it is on another node");
    assert_eq!(late(&mut cloud, 99), Reply::Ignore(gone), "nobody knows it");
    assert_eq!(late(&mut cloud, 0), Reply::Ignore(gone), "it is not said which port sent it");
    let unserved = "a DHCP message is from a port that has no address by DHCP";
    assert_eq!(late(&mut cloud, 21), Reply::Ignore(unserved));
    cloud.unplug("a", "guest");
    assert_eq!(late(&mut cloud, 11), Reply::Ignore(gone));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_up_is_answered_to_its_own_port_or_not_at_all(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..5),
        cut in prop::option::of(any::<prop::sample::Index>()),
        noise in prop::collection::vec(any::<u8>(), 0..80),
        ingress in prop::sample::select(vec![0_u32, 11, 12, 13, 20, 21]),
        is_unicast: bool,
    ) {
        let mut cloud = Cloud::new(CLOUD);
        let mut frame = if is_unicast { unicast(&renewal()) } else { broadcast(&discover()) };
        for (place, byte) in damage {
            *place.get_mut(&mut frame) = byte;
        }
        if let Some(cut) = cut {
            frame.truncate(cut.index(frame.len()));
            frame.extend(noise);
        }
        let packet = PacketIn { frame, in_port: 1, network: 1, ingress, userdata: vec![userdata::DHCP], at_ms: 0, ..PacketIn::default() };
        match cloud.node("a").step(vec![Input::Packet(packet)]).replies.remove(0) {
            Reply::Send { frame, port } => {
                // Only these have a lease here, and only the first one's MAC address is in the message.
                prop_assert_eq!((ingress, port), (11, OfPort::new(1)));
                prop_assert!(Headers::parse(&frame).layout.network_end == Some(frame.len()));
            }
            Reply::Ignore(reason) => prop_assert!(!reason.is_empty()),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
