use proptest::prelude::*;

use super::*;

fn any_family() -> impl Strategy<Value = Family> {
    prop_oneof![
        Just(Family::V4),
        any::<(u128, u128)>().prop_map(|(src, dst)| Family::V6 { src: src.into(), dst: dst.into() }),
    ]
}

fn any_message() -> impl Strategy<Value = Message> {
    (any::<(u8, u8, [u8; 4])>(), proptest::collection::vec(any::<u8>(), 0..80))
        .prop_map(|((kind, code, rest), payload)| Message { kind, code, rest, payload })
}

proptest! {
    #[test]
    fn emit_then_parse_is_identity(message in any_message(), family in any_family()) {
        prop_assert_eq!(Message::parse(&message.emit(family), family), Ok(message));
    }

    #[test]
    fn one_wrong_bit_anywhere_is_noticed(message in any_message(), family in any_family(), position: u32) {
        let mut bytes = message.emit(family);
        let bit = usize::try_from(position).unwrap() % (bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let layer = family.layer();
        prop_assert_eq!(Message::parse(&bytes, family), Err(ParseError::Checksum { layer }));
    }

    #[test]
    fn hostile_bytes_never_panic(bytes: Vec<u8>, family in any_family()) {
        if let Ok(message) = Message::parse(&bytes, family) {
            prop_assert_eq!(Message::parse(&message.emit(family), family), Ok(message));
        }
    }

    #[test]
    fn errors_quote_no_more_than_allowed(packet in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let v4 = Message::fragmentation_needed_v4(1400, &packet);
        prop_assert!(packet.starts_with(&v4.payload));
        prop_assert_eq!(v4.payload.len(), packet.len().min(548));
        let v6 = Message::packet_too_big_v6(1400, &packet);
        prop_assert!(packet.starts_with(&v6.payload));
        prop_assert_eq!(v6.emit(Family::V4).len() + 40, (packet.len() + 48).min(1280));
    }
}

#[test]
fn the_header_cannot_be_truncated() {
    let bytes = Message::echo_request_v4(1, 2, Vec::new()).emit(Family::V4);
    for length in 0..bytes.len() {
        assert!(matches!(Message::parse(&bytes[..length], Family::V4), Err(ParseError::Truncated { .. })));
    }
}

#[test]
fn echo_is_answered_in_kind() {
    let v6 = Family::V6 { src: Ipv6Addr::LOCALHOST, dst: Ipv6Addr::LOCALHOST };
    let request = Message::echo_request_v4(0x1234, 7, b"ping".to_vec());
    let reply = request.echo_reply(Family::V4).unwrap();
    assert_eq!((reply.kind, reply.echo_id_and_sequence()), (v4::ECHO_REPLY, (0x1234, 7)));
    assert_eq!(reply.payload, b"ping");
    assert_eq!(request.echo_reply(v6), None, "type 8 means nothing in ICMPv6");
    assert_eq!(reply.echo_reply(Family::V4), None, "a reply must not be answered");

    let request = Message::echo_request_v6(1, 2, Vec::new());
    assert_eq!(request.echo_reply(v6).map(|reply| reply.kind), Some(v6::ECHO_REPLY));
    assert_eq!(request.echo_reply(Family::V4), None);
}

#[test]
fn bytes_of_errors() {
    let error = Message::fragmentation_needed_v4(1400, &[0xab; 4]).emit(Family::V4);
    assert_eq!(error[..2], [3, 4]);
    assert_eq!(error[4..], [0, 0, 0x05, 0x78, 0xab, 0xab, 0xab, 0xab]);
    let error = Message::packet_too_big_v6(1400, &[]);
    assert_eq!((error.kind, error.code, error.rest), (2, 0, [0, 0, 0x05, 0x78]));
    assert_eq!(Message::time_exceeded_v4(&[]).kind, 11);
    assert_eq!(Message::time_exceeded_v6(&[]).kind, 3);
    let error = Message::destination_unreachable_v4(1, &[]);
    assert_eq!((error.kind, error.code), (3, 1));
    let error = Message::destination_unreachable_v6(4, &[]);
    assert_eq!((error.kind, error.code), (1, 4));
}
