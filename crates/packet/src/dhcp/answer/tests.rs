//! Each row of RFC 2131, table 4, what table 3 says of the answers, and where section 4.1 sends them.

use proptest::prelude::*;

use super::super::lease::tests::lease;
use super::super::tests::any_message;
use super::super::{CLIENT_PORT, Message, MessageType, Options, Route};
use super::*;
use crate::Headers;
use crate::headers::TransportKey;

const OTHER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 99);
const RELAY: Ipv4Addr = Ipv4Addr::new(10, 0, 9, 1);
const RELAY_MAC: MacAddr = MacAddr([0xfa, 0x16, 0x3e, 0, 0, 9]);

fn message(kind: MessageType) -> Message {
    let message = Message::new(Op::Request, 0xabcd, lease().client_mac);
    Message { options: Options::default().with(codes::MESSAGE_TYPE, [kind.number()]), ..message }
}

fn with_option(mut message: Message, code: u8, value: &[u8]) -> Message {
    message.options.set(code, value);
    message
}

fn broadcast() -> Arrival {
    Arrival {
        source_mac: lease().client_mac,
        source: Ipv4Addr::UNSPECIFIED,
        destination: Ipv4Addr::BROADCAST,
    }
}

fn unicast() -> Arrival {
    Arrival { source: lease().address, destination: lease().server, ..broadcast() }
}

fn relayed() -> Arrival {
    Arrival { source_mac: RELAY_MAC, source: RELAY, destination: lease().server }
}

fn selecting(address: Ipv4Addr, server: Ipv4Addr) -> Message {
    let request = with_option(message(MessageType::Request), codes::REQUESTED_ADDRESS, &address.octets());
    with_option(request, codes::SERVER_ID, &server.octets())
}

fn init_reboot(address: Ipv4Addr) -> Message {
    with_option(message(MessageType::Request), codes::REQUESTED_ADDRESS, &address.octets())
}

fn extending(address: Ipv4Addr) -> Message {
    Message { client_address: address, ..message(MessageType::Request) }
}

fn replied(request: &Message, arrival: Arrival) -> Reply {
    match answer(request, arrival, &lease()) {
        Answer::Reply(reply) => *reply,
        Answer::Silence(silence) => panic!("{silence:?}"),
    }
}

fn kind_of(request: &Message, arrival: Arrival) -> Result<MessageType, Silence> {
    match answer(request, arrival, &lease()) {
        Answer::Reply(reply) => Ok(reply.message.message_type().unwrap()),
        Answer::Silence(silence) => Err(silence),
    }
}

#[test]
fn the_states_of_a_client() {
    let (own, server) = (lease().address, lease().server);
    let cases = [
        ("discover", message(MessageType::Discover), broadcast(), Ok(MessageType::Offer)),
        ("selecting", selecting(own, server), broadcast(), Ok(MessageType::Ack)),
        ("selecting, another address", selecting(OTHER, server), broadcast(), Ok(MessageType::Nak)),
        ("selecting, another server", selecting(own, OTHER), broadcast(), Err(Silence::OtherServer)),
        ("init-reboot", init_reboot(own), broadcast(), Ok(MessageType::Ack)),
        ("init-reboot, another address", init_reboot(OTHER), broadcast(), Ok(MessageType::Nak)),
        ("init-reboot, another network", init_reboot(RELAY), broadcast(), Ok(MessageType::Nak)),
        ("renewing", extending(own), unicast(), Ok(MessageType::Ack)),
        ("renewing, another address", extending(OTHER), unicast(), Ok(MessageType::Nak)),
        ("rebinding", extending(own), broadcast(), Ok(MessageType::Ack)),
        ("rebinding, another address", extending(OTHER), broadcast(), Ok(MessageType::Nak)),
        ("a request for nothing", message(MessageType::Request), broadcast(), Err(Silence::NoAddress)),
        ("release", message(MessageType::Release), unicast(), Err(Silence::Released)),
        ("decline", message(MessageType::Decline), broadcast(), Err(Silence::Declined)),
    ];
    for (name, request, arrival, expected) in cases {
        assert_eq!(kind_of(&request, arrival), expected, "{name}");
    }
}

#[test]
fn a_client_that_has_an_address_is_told_the_rest() {
    let inform = |address| Message { client_address: address, ..message(MessageType::Inform) };
    let reply = replied(&inform(OTHER), broadcast());
    assert_eq!(reply.message.message_type(), Some(MessageType::Ack));
    assert_eq!(reply.message.your_address, Ipv4Addr::UNSPECIFIED);
    assert_eq!((reply.destination, reply.destination_mac), (OTHER, lease().client_mac));
    for absent in [codes::LEASE_TIME, codes::RENEWAL_TIME, codes::REBINDING_TIME] {
        let wanted = with_option(inform(OTHER), codes::PARAMETER_LIST, &[absent]);
        assert_eq!(replied(&wanted, broadcast()).message.options.get(absent), None);
    }
    assert_eq!(reply.message.options.addresses(codes::ROUTER), Some(vec![lease().router.unwrap()]));

    assert_eq!(kind_of(&inform(RELAY), broadcast()), Err(Silence::OtherNetwork));
    assert_eq!(kind_of(&message(MessageType::Inform), broadcast()), Err(Silence::NoAddress));
    // Some clients leave the field empty; the packet says it, too.
    let reply = replied(&message(MessageType::Inform), unicast());
    assert_eq!(reply.destination, lease().address);
}

#[test]
fn what_is_not_for_this_server_is_not_answered() {
    for kind in [MessageType::Offer, MessageType::Ack, MessageType::Nak] {
        assert_eq!(kind_of(&message(kind), broadcast()), Err(Silence::NotForServers));
    }
    let bootp = Message { options: Options::default(), ..message(MessageType::Discover) };
    assert_eq!(kind_of(&bootp, broadcast()), Err(Silence::NotForServers));
    let reply = Message { op: Op::Reply, ..message(MessageType::Discover) };
    assert_eq!(kind_of(&reply, broadcast()), Err(Silence::NotARequest));
    let other = Message { client_mac: RELAY_MAC, ..message(MessageType::Discover) };
    assert_eq!(kind_of(&other, broadcast()), Err(Silence::OtherClient));
    let elsewhere = Arrival { destination: OTHER, ..unicast() };
    assert_eq!(kind_of(&extending(lease().address), elsewhere), Err(Silence::OtherServer));
    let to_network = Arrival { destination: Ipv4Addr::new(10, 0, 0, 255), ..unicast() };
    assert_eq!(kind_of(&extending(lease().address), to_network), Ok(MessageType::Ack));
    for kind in [MessageType::Release, MessageType::Decline] {
        let other = with_option(message(kind), codes::SERVER_ID, &OTHER.octets());
        assert_eq!(kind_of(&other, broadcast()), Err(Silence::OtherServer));
    }
}

#[test]
fn the_fields_of_table_3() {
    let ours = |request: Message| Message {
        hops: 3,
        seconds: 7,
        flags: FLAG_BROADCAST | 1,
        server_name: [1; 64],
        boot_file: [2; 128],
        your_address: OTHER,
        next_server: OTHER,
        ..request
    };
    let (own, server) = (lease().address, lease().server);
    for (request, your_address, client_address, next_server) in [
        (message(MessageType::Discover), own, Ipv4Addr::UNSPECIFIED, server),
        (selecting(own, server), own, Ipv4Addr::UNSPECIFIED, server),
        (extending(own), own, own, server),
        (extending(OTHER), Ipv4Addr::UNSPECIFIED, Ipv4Addr::UNSPECIFIED, Ipv4Addr::UNSPECIFIED),
    ] {
        let Reply { message, payload, left_out, .. } = replied(&ours(request), broadcast());
        let expected = Message {
            op: Op::Reply,
            hops: 0,
            transaction: 0xabcd,
            seconds: 0,
            flags: FLAG_BROADCAST | 1,
            client_address,
            your_address,
            next_server,
            relay_address: Ipv4Addr::UNSPECIFIED,
            client_mac: lease().client_mac,
            server_name: [0; 64],
            boot_file: [0; 128],
            options: message.options.clone(),
        };
        assert_eq!(message, expected);
        assert_eq!(Message::parse(&payload), Ok(message));
        assert_eq!(left_out, []);
    }
}

#[test]
fn a_refusal_has_only_what_a_refusal_may_have() {
    let request = with_option(extending(OTHER), codes::PARAMETER_LIST, &[1, 3, 6, 51]);
    let request = with_option(request, codes::CLIENT_ID, &[1, 2, 3]);
    let reply = replied(&with_option(request, codes::RELAY_AGENT, &[1, 1, 7]), unicast());
    let codes: Vec<_> = reply.message.options.iter().map(|option| option.code).collect();
    assert_eq!(codes, [53, 54, 61, 56, 82]);
    assert_eq!((reply.destination, reply.destination_mac), (Ipv4Addr::BROADCAST, MacAddr::BROADCAST));
}

#[test]
fn where_an_answer_goes() {
    let (own, mac) = (lease().address, lease().client_mac);
    let all = (MacAddr::BROADCAST, Ipv4Addr::BROADCAST, CLIENT_PORT);
    let client = (mac, own, CLIENT_PORT);
    let relay = (RELAY_MAC, RELAY, SERVER_PORT);
    let deaf = |request: Message| Message { flags: FLAG_BROADCAST, ..request };
    let through = |request: Message| Message { relay_address: RELAY, ..request };
    let inform = Message { client_address: own, ..message(MessageType::Inform) };
    let cases = [
        ("a client that takes unicast", message(MessageType::Discover), broadcast(), client),
        ("a client that does not", deaf(message(MessageType::Discover)), broadcast(), all),
        ("an ack to it", deaf(init_reboot(own)), broadcast(), all),
        ("a client that has its address", deaf(extending(own)), broadcast(), client),
        ("a refusal", init_reboot(OTHER), broadcast(), all),
        ("a client that only asks", deaf(inform.clone()), broadcast(), client),
        ("a relay agent", through(deaf(message(MessageType::Discover))), relayed(), relay),
        ("a refusal through it", through(init_reboot(OTHER)), relayed(), relay),
        ("a question through it", through(inform), relayed(), relay),
    ];
    for (name, request, arrival, expected) in cases {
        let reply = replied(&request, arrival);
        assert_eq!((reply.destination_mac, reply.destination, reply.destination_port), expected, "{name}");
        assert_eq!((reply.source_mac, reply.source), (lease().server_mac, lease().server), "{name}");
    }
    let refusal = replied(&through(init_reboot(OTHER)), relayed());
    assert!(refusal.message.is_broadcast(), "the relay agent cannot reach the client otherwise");
    assert_eq!(refusal.message.relay_address, RELAY);
}

#[test]
fn what_relay_agents_and_clients_want_back_comes_back() {
    let request = with_option(message(MessageType::Discover), codes::RELAY_AGENT, &[1, 2, 0xaa, 0xbb]);
    let request = with_option(request, codes::CLIENT_ID, &[0xff, 1, 2, 3]);
    let options = replied(&request, relayed()).message.options;
    let last = options.iter().last().unwrap();
    assert_eq!((last.code, last.value.as_slice()), (codes::RELAY_AGENT, [1, 2, 0xaa, 0xbb].as_slice()));
    assert_eq!(options.get(codes::CLIENT_ID), Some([0xff, 1, 2, 3].as_slice()));
    let without = replied(&message(MessageType::Discover), broadcast()).message.options;
    assert_eq!((without.get(codes::RELAY_AGENT), without.get(codes::CLIENT_ID)), (None, None));
}

#[test]
fn a_client_is_told_no_more_than_it_takes() {
    let mut lease = lease();
    let route = |number: u8| Route::new([10, number, 0, 0].into(), 16, OTHER);
    lease.routes = (0..80).filter_map(route).collect();
    lease.overrides.set_text(67, "pxelinux.0").unwrap();
    let payload = |request: &Message| match answer(request, broadcast(), &lease) {
        Answer::Reply(reply) => (reply.payload.len(), reply.left_out.clone(), reply.message),
        Answer::Silence(silence) => panic!("{silence:?}"),
    };
    let discover = message(MessageType::Discover);
    let (bytes, left_out, message) = payload(&discover);
    assert!(bytes <= 548, "{bytes} bytes");
    assert_eq!((left_out, message.boot_file), (vec![codes::CLASSLESS_ROUTES], [0; 128]));
    for (limit, expected) in [(1_500_u16, 1_422), (9_000, 1_422), (100, 548)] {
        let request = with_option(discover.clone(), codes::MAX_MESSAGE_BYTES, &limit.to_be_bytes());
        let (bytes, left_out, _) = payload(&request);
        assert!(bytes <= expected, "{bytes} bytes for {limit}");
        assert_eq!(left_out.is_empty(), limit >= 1_500);
    }
}

#[test]
fn the_frame_is_from_the_server_to_the_client() {
    let frame = replied(&message(MessageType::Discover), broadcast()).frame().unwrap();
    let headers = Headers::parse(&frame);
    let ethernet = headers.ethernet.unwrap();
    assert_eq!((ethernet.src, ethernet.dst), (lease().server_mac, lease().client_mac));
    assert_eq!(headers.transport, Some(TransportKey::Udp { src: 67, dst: 68 }));
    let payload = &frame[headers.layout.transport.unwrap() + Udp::HEADER_BYTES..];
    assert_eq!(Message::parse(payload).unwrap().message_type(), Some(MessageType::Offer));
}

proptest! {
    #[test]
    fn anything_gets_an_answer_that_fits_or_none(
        message in any_message(),
        kind in 0_u8..10,
        from_client: bool,
        source: u32,
        destination in prop_oneof![Just(Ipv4Addr::BROADCAST), Just(lease().server), any::<u32>().prop_map(Into::into)],
    ) {
        let options = message.options.clone().with(codes::MESSAGE_TYPE, [kind]);
        let client_mac = if from_client { lease().client_mac } else { message.client_mac };
        let request = Message { options, client_mac, op: Op::Request, ..message };
        let arrival = Arrival { source_mac: client_mac, source: source.into(), destination };
        if let Answer::Reply(reply) = answer(&request, arrival, &lease()) {
            prop_assert!(reply.frame().is_ok());
            prop_assert!(reply.payload.len() <= 1_472);
            let parsed = Message::parse(&reply.payload).unwrap();
            prop_assert_eq!(parsed.message_type(), reply.message.message_type());
            prop_assert_eq!(parsed.transaction, request.transaction);
            prop_assert!(from_client);
        }
    }
}
