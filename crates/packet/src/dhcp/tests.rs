//! Messages: what is emitted parses back, and what no host must act on is refused with its place.

use proptest::collection::vec;
use proptest::prelude::*;

use super::message::{BOOT_FILE_OFFSET, COOKIE_OFFSET, SERVER_NAME_OFFSET};
use super::*;
use crate::ParseError;

const CLIENT: net_types::MacAddr = net_types::MacAddr([0xfa, 0x16, 0x3e, 0, 0, 1]);
const HEAD_BYTES: usize = COOKIE_OFFSET + 4;

pub(super) fn any_options() -> impl Strategy<Value = Options> {
    let value = prop_oneof![8 => vec(any::<u8>(), 0..40), 1 => vec(any::<u8>(), 250..800)];
    vec((any::<u8>(), value), 0..12).prop_map(|options| {
        options.into_iter().fold(Options::default(), |options, (code, value)| options.with(code, value))
    })
}

fn any_name<const N: usize>() -> impl Strategy<Value = [u8; N]> {
    prop_oneof![Just([0; N]), proptest::array::uniform(any::<u8>())]
}

pub(super) fn any_message() -> impl Strategy<Value = Message> {
    let fixed = any::<(bool, u8, u32, u16, u16, u32, u32, u32, u32, [u8; 6])>();
    (fixed, any_name(), any_name(), any_options()).prop_map(|(fixed, server_name, boot_file, options)| {
        let (is_request, hops, transaction, seconds, flags, client, your, next, relay, mac) = fixed;
        Message {
            op: if is_request { Op::Request } else { Op::Reply },
            hops,
            transaction,
            seconds,
            flags,
            client_address: client.into(),
            your_address: your.into(),
            next_server: next.into(),
            relay_address: relay.into(),
            client_mac: net_types::MacAddr(mac),
            server_name,
            boot_file,
            options,
        }
    })
}

fn sorted(options: &Options) -> Vec<DhcpOption> {
    let mut options: Vec<_> = options.iter().cloned().collect();
    options.sort_by_key(|option| option.code);
    options
}

proptest! {
    #[test]
    fn emit_then_parse_is_identity(message in any_message()) {
        prop_assert_eq!(Message::parse(&message.emit()), Ok(message));
    }

    #[test]
    fn what_parses_says_the_same_after_being_emitted(
        message in any_message(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let mut bytes = message.emit();
        for (place, byte) in damage {
            *place.get_mut(&mut bytes) = byte;
        }
        if let Ok(message) = Message::parse(&bytes) {
            prop_assert_eq!(Message::parse(&message.emit()), Ok(message));
        }
    }

    #[test]
    fn areas_of_anything_are_read_to_the_end(areas in vec(any::<u8>(), 0..600), overload in 0_u8..5) {
        let mut bytes = Message::new(Op::Request, 1, CLIENT).emit();
        bytes.truncate(HEAD_BYTES);
        bytes.extend([codes::OVERLOAD, 1, overload]);
        bytes.extend(&areas);
        let names = areas.iter().copied().cycle().take(SERVER_NAME_BYTES + BOOT_FILE_BYTES);
        bytes.splice(SERVER_NAME_OFFSET..SERVER_NAME_OFFSET + names.clone().count(), names);
        match Message::parse(&bytes) {
            Ok(message) => prop_assert_eq!(Message::parse(&message.emit()), Ok(message)),
            Err(ParseError::Truncated { offset, .. } | ParseError::Invalid { offset, .. }) => {
                prop_assert!(offset <= bytes.len());
            }
            Err(other) => prop_assert!(false, "{}", other),
        }
    }

    #[test]
    fn what_fits_is_said_and_the_rest_is_named(message in any_message(), bytes_max in 0_usize..2_000) {
        let Fitted { bytes, left_out } = message.emit_within(bytes_max);
        prop_assert!(bytes.len() <= bytes_max.max(300), "{} bytes of {}", bytes.len(), bytes_max);
        let parsed = Message::parse(&bytes).unwrap();
        let mut expected = sorted(&message.options);
        expected.retain(|option| !left_out.contains(&option.code));
        prop_assert_eq!(sorted(&parsed.options), expected);
        prop_assert_eq!(Message { options: message.options.clone(), ..parsed.clone() }, message.clone());
        // What came out of it fits the same space without loss.
        prop_assert_eq!(parsed.emit_within(bytes.len()).left_out, Vec::<u8>::new());
    }

    #[test]
    fn a_cut_is_an_error_inside_the_fixed_fields_and_inside_an_option(message in any_message()) {
        let bytes = message.emit();
        for length in 0..HEAD_BYTES {
            let is_truncated = matches!(Message::parse(&bytes[..length]), Err(ParseError::Truncated { .. }));
            prop_assert!(is_truncated, "{} bytes", length);
        }
        let mut end = HEAD_BYTES;
        for option in &message.options {
            if option.value.len() > 255 {
                break;
            }
            prop_assert!(Message::parse(&bytes[..=end]).is_err());
            end += 2 + option.value.len();
            prop_assert!(option.value.is_empty() || Message::parse(&bytes[..end - 1]).is_err());
            prop_assert!(Message::parse(&bytes[..end]).is_ok());
        }
    }
}

/// What `udhcpc` of BusyBox 1.35 sends, its vendor class shortened.
fn discover_of_busybox() -> Vec<u8> {
    let mut bytes = vec![1, 1, 6, 0, 0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0];
    bytes.extend([0; 16]);
    bytes.extend(CLIENT.octets());
    bytes.extend([0; 10 + SERVER_NAME_BYTES + BOOT_FILE_BYTES]);
    bytes.extend([99, 130, 83, 99]);
    bytes.extend([53, 1, 1, 61, 7, 1, 0xfa, 0x16, 0x3e, 0, 0, 1, 57, 2, 2, 0x40]);
    bytes.extend([55, 7, 1, 3, 6, 12, 15, 28, 42, 60, 4, b'u', b'd', b'h', b'c', 255]);
    bytes.resize(300, 0);
    bytes
}

#[test]
fn bytes_of_a_discover() {
    let bytes = discover_of_busybox();
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.message_type(), Some(MessageType::Discover));
    assert_eq!((message.transaction, message.client_mac), (0x1234_5678, CLIENT));
    assert_eq!(message.options.get(codes::CLIENT_ID), Some([1, 0xfa, 0x16, 0x3e, 0, 0, 1].as_slice()));
    assert_eq!(message.options.fixed(codes::MAX_MESSAGE_BYTES).map(u16::from_be_bytes), Some(576));
    assert_eq!(message.options.get(codes::PARAMETER_LIST), Some([1, 3, 6, 12, 15, 28, 42].as_slice()));
    assert_eq!(message.emit(), bytes);
}

fn with_options(options: &[u8]) -> Vec<u8> {
    let mut bytes = Message::new(Op::Request, 1, CLIENT).emit();
    bytes.truncate(HEAD_BYTES);
    bytes.extend(options);
    bytes
}

#[test]
fn pieces_of_an_option_are_put_together_across_fields_in_the_order_of_rfc_3396() {
    let mut bytes = with_options(&[121, 2, 1, 2, 0, 0, 52, 1, 3, 121, 1, 3, 255, 121, 1, 99]);
    bytes.splice(BOOT_FILE_OFFSET..BOOT_FILE_OFFSET + 4, [121, 1, 4, 255]);
    bytes.splice(SERVER_NAME_OFFSET..SERVER_NAME_OFFSET + 7, [66, 0, 121, 2, 5, 6, 255]);
    let message = Message::parse(&bytes).unwrap();
    let expected = Options::default().with(121, [1, 2, 3, 4, 5, 6]).with(66, []);
    assert_eq!(message.options, expected);
    assert_eq!((message.server_name, message.boot_file), ([0; 64], [0; 128]));
}

#[test]
fn names_are_names_unless_the_overload_option_says_otherwise() {
    let mut bytes = with_options(&[52, 1, 1, 255]);
    bytes[SERVER_NAME_OFFSET] = 53;
    let message = Message::parse(&bytes).unwrap();
    assert_eq!((message.server_name[0], message.options.is_empty()), (53, true));
}

#[test]
fn a_long_option_is_cut_at_255_bytes() {
    for length in [0, 1, 254, 255, 256, 509, 510, 511, 2_000] {
        let value = vec![7; length];
        let options = Options::default().with(43, value);
        let message = Message { options, ..Message::new(Op::Reply, 1, CLIENT) };
        let bytes = message.emit();
        let expected = usize::from(length == 0) + length.div_ceil(255);
        let pieces = expected * 2;
        assert_eq!(bytes.len(), (HEAD_BYTES + pieces + length + 1).max(300), "{length}");
        assert_eq!(Message::parse(&bytes), Ok(message));
    }
}

#[test]
fn what_is_not_dhcp_over_ethernet_is_refused_with_its_place() {
    let error = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = discover_of_busybox();
        change(&mut bytes);
        Message::parse(&bytes).unwrap_err().to_string()
    };
    assert_eq!(error(&|b| b[0] = 3), "invalid DHCP message at offset 0: neither a request nor a reply");
    assert_eq!(
        error(&|b| b[1] = 32),
        "invalid DHCP message at offset 1: the client's hardware is not Ethernet"
    );
    assert_eq!(
        error(&|b| b[2] = 255),
        "invalid DHCP message at offset 1: the client's hardware is not Ethernet"
    );
    assert_eq!(
        error(&|b| b[239] = 0),
        "invalid DHCP message at offset 236: the magic cookie is missing: this is BOOTP or nothing at all"
    );
    assert_eq!(error(&|b| b.truncate(245)), "DHCP option truncated at offset 245: 7 bytes needed, 0 left");
    let overload = |value: &[u8]| Message::parse(&with_options(value)).unwrap_err().to_string();
    assert_eq!(
        overload(&[0, 52, 1, 4, 255]),
        "invalid DHCP message at offset 243: the overload option names no field"
    );
    assert_eq!(
        overload(&[52, 2, 1, 1, 255]),
        "invalid DHCP option at offset 242: the overload option is not one byte"
    );
}

#[test]
fn an_option_of_the_wrong_length_is_not_read_as_a_shorter_one() {
    let options = Options::default().with(54, [10, 0, 0, 1, 10]).with(53, [1, 1]).with(6, [1, 2, 3, 4, 5]);
    assert_eq!((options.address(54), options.addresses(6)), (None, None));
    let message = Message { options, ..Message::new(Op::Request, 1, CLIENT) };
    assert_eq!(message.message_type(), None);
    let options = Options::default().with(6, [10, 0, 0, 1, 10, 0, 0, 2]);
    assert_eq!(options.addresses(6), Some(vec![[10, 0, 0, 1].into(), [10, 0, 0, 2].into()]));
}

#[test]
fn types_have_their_numbers() {
    for number in 0..=255 {
        let kind = MessageType::from_number(number);
        assert_eq!(kind.is_some(), (1..=8).contains(&number));
        assert!(kind.is_none_or(|kind| kind.number() == number));
    }
}

#[test]
fn marks_are_not_options() {
    let options = Options::default().with(codes::PAD, [1]).with(codes::OVERLOAD, [1]).with(codes::END, [1]);
    assert!(options.is_empty());
    let replaced = Options::default().with(1, [1]).with(2, [2]).with(1, [3]);
    let codes: Vec<_> = replaced.iter().map(|option| (option.code, option.value.clone())).collect();
    assert_eq!(codes, [(1, vec![3]), (2, vec![2])]);
}
