use proptest::prelude::*;

use super::*;

const HOST: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const TARGET: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0x12, 0x3456);
const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);

fn envelope(src: Ipv6Addr, dst: Ipv6Addr) -> Envelope {
    Envelope { src, dst, hop_limit: HOP_LIMIT }
}

fn any_unicast() -> impl Strategy<Value = Ipv6Addr> {
    any::<u128>().prop_map(|bits| Ipv6Addr::from_bits((bits >> 1) | 1))
}

fn any_link() -> impl Strategy<Value = Option<MacAddr>> {
    proptest::option::of(any::<[u8; 6]>().prop_map(MacAddr))
}

fn any_neighbor() -> impl Strategy<Value = Neighbor> {
    prop_oneof![
        (any_unicast(), any_link())
            .prop_map(|(target, source_link)| Neighbor::Solicitation(Solicitation { target, source_link })),
        (any::<(bool, bool, bool)>(), any_unicast(), any_link()).prop_map(
            |((is_router, is_solicited, is_override), target, target_link)| {
                Neighbor::Advertisement(Advertisement {
                    is_router,
                    is_solicited,
                    is_override,
                    target,
                    target_link,
                })
            }
        ),
    ]
}

/// A solicitation whose part after the target is `options`.
fn with_options(options: &[u8], envelope: Envelope) -> Result<Neighbor, ParseError> {
    let mut message = Neighbor::Solicitation(Solicitation { target: TARGET, source_link: None }).to_message();
    message.payload.extend(options);
    Neighbor::parse(&message.emit(Family::V6 { src: envelope.src, dst: envelope.dst }), envelope)
}

fn problem<T: std::fmt::Debug>(result: Result<T, ParseError>) -> &'static str {
    match result {
        Err(ParseError::Invalid { problem, .. }) => problem,
        other => panic!("expected an invalid message, got {other:?}"),
    }
}

proptest! {
    #[test]
    fn emit_then_parse_is_identity(neighbor in any_neighbor(), src in any_unicast(), dst in any_unicast()) {
        prop_assert_eq!(Neighbor::parse(&neighbor.emit(src, dst), envelope(src, dst)), Ok(neighbor));
    }

    #[test]
    fn truncation_is_an_error_at_every_byte(neighbor in any_neighbor()) {
        let message = neighbor.to_message();
        for length in 0..message.payload.len() {
            // The target alone, without the option, is complete.
            if length == 16 {
                continue;
            }
            let mut cut = message.clone();
            cut.payload.truncate(length);
            let bytes = cut.emit(Family::V6 { src: HOST, dst: TARGET });
            prop_assert!(Neighbor::parse(&bytes, envelope(HOST, TARGET)).is_err(), "{} bytes", length);
        }
    }

    #[test]
    fn hostile_options_never_panic(options in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(neighbor) = with_options(&options, envelope(HOST, TARGET)) {
            let again = Neighbor::parse(&neighbor.emit(HOST, TARGET), envelope(HOST, TARGET));
            prop_assert_eq!(again, Ok(neighbor));
        }
    }
}

#[test]
fn a_forwarded_message_is_refused() {
    let bytes =
        Neighbor::Solicitation(Solicitation { target: TARGET, source_link: Some(MAC) }).emit(HOST, TARGET);
    let forwarded = Envelope { hop_limit: 254, ..envelope(HOST, TARGET) };
    assert!(problem(Neighbor::parse(&bytes, forwarded)).contains("hop limit"));
    assert!(Neighbor::parse(&bytes, envelope(HOST, TARGET)).is_ok());
    // Other addresses than those it was sent between: the checksum covers them.
    let moved = Neighbor::parse(&bytes, envelope(HOST, HOST));
    assert!(matches!(moved, Err(ParseError::Checksum { .. })));
}

#[test]
fn duplicate_address_detection_goes_to_the_group_and_names_nobody() {
    let detection = envelope(Ipv6Addr::UNSPECIFIED, solicited_node(TARGET));
    assert!(with_options(&[], detection).is_ok());
    let to_host = envelope(Ipv6Addr::UNSPECIFIED, HOST);
    assert!(problem(with_options(&[], to_host)).contains("solicited-node"));
    let named = [SOURCE_LINK_ADDRESS, 1, 2, 0, 0, 0, 0, 1];
    assert!(problem(with_options(&named, detection)).contains("without a source address"));
}

#[test]
fn options_that_end_badly_are_refused_and_unknown_ones_skipped() {
    let host = envelope(HOST, TARGET);
    assert!(problem(with_options(&[1, 0, 0, 0, 0, 0, 0, 0], host)).contains("length zero"));
    assert!(problem(with_options(&[1], host)).contains("cut off"));
    assert!(problem(with_options(&[1, 2, 0, 0, 0, 0, 0, 0], host)).contains("cut off"));
    let mut options = vec![14, 2];
    options.extend([0xee; 14]);
    options.extend([SOURCE_LINK_ADDRESS, 1]);
    options.extend(MAC.octets());
    let expected = Neighbor::Solicitation(Solicitation { target: TARGET, source_link: Some(MAC) });
    assert_eq!(with_options(&options, host), Ok(expected));
}

#[test]
fn messages_that_contradict_themselves_are_refused() {
    let all_nodes = "ff02::1".parse().unwrap();
    let solicited = Advertisement {
        is_router: false,
        is_solicited: true,
        is_override: true,
        target: TARGET,
        target_link: Some(MAC),
    };
    let bytes = Neighbor::Advertisement(solicited).emit(TARGET, all_nodes);
    assert!(problem(Neighbor::parse(&bytes, envelope(TARGET, all_nodes))).contains("multicast"));

    let of_group = Neighbor::Solicitation(Solicitation { target: all_nodes, source_link: None });
    let result = Neighbor::parse(&of_group.emit(HOST, TARGET), envelope(HOST, TARGET));
    assert!(problem(result).contains("multicast"));

    let family = Family::V6 { src: HOST, dst: TARGET };
    let mut message = Neighbor::Advertisement(solicited).to_message();
    message.code = 1;
    assert!(problem(Neighbor::parse(&message.emit(family), envelope(HOST, TARGET))).contains("code"));
    message.code = 0;
    message.kind = 128;
    assert!(problem(Neighbor::parse(&message.emit(family), envelope(HOST, TARGET))).contains("neither"));
}

#[test]
fn answers_go_where_the_rfc_says() {
    let solicitation = Solicitation { target: TARGET, source_link: None };
    let (to, answer) = solicitation.answer(HOST, MAC, true);
    assert_eq!(to, envelope(TARGET, HOST));
    assert!(answer.is_router && answer.is_solicited && answer.is_override);
    assert_eq!((answer.target, answer.target_link), (TARGET, Some(MAC)));

    let (to, answer) = solicitation.answer(Ipv6Addr::UNSPECIFIED, MAC, false);
    assert_eq!(to.dst, "ff02::1".parse::<Ipv6Addr>().unwrap());
    assert!(!answer.is_solicited && !answer.is_router);
    let bytes = Neighbor::Advertisement(answer).emit(to.src, to.dst);
    assert_eq!(Neighbor::parse(&bytes, to), Ok(Neighbor::Advertisement(answer)));
}

#[test]
fn solicited_node_group() {
    assert_eq!(solicited_node(TARGET), "ff02::1:ff12:3456".parse::<Ipv6Addr>().unwrap());
}
