use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::nd::HOP_LIMIT;

const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);

fn envelope(src: Ipv6Addr, dst: Ipv6Addr) -> Envelope {
    Envelope { src, dst, hop_limit: HOP_LIMIT }
}

fn any_prefix() -> impl Strategy<Value = Prefix> {
    any::<(u128, u8, bool, bool, u32, u32)>().prop_map(
        |(bits, length, on_link, autonomous, valid, preferred)| Prefix {
            prefix: Ipv6Addr::from_bits(bits),
            length,
            is_on_link: on_link,
            is_autonomous: autonomous,
            valid_s: valid,
            preferred_s: preferred,
        },
    )
}

fn any_router() -> impl Strategy<Value = Router> {
    let preference = prop::sample::select(vec![Preference::Low, Preference::Medium, Preference::High]);
    let link = proptest::option::of(any::<[u8; 6]>().prop_map(MacAddr));
    let servers = (any::<u32>(), vec(any::<u128>().prop_map(Ipv6Addr::from_bits), 1..4))
        .prop_map(|(lifetime_s, servers)| DnsServers { lifetime_s, servers });
    let search = (any::<u32>(), vec("[a-z0-9]{1,9}(\\.[a-z]{1,9}){0,3}", 1..4))
        .prop_map(|(lifetime_s, domains)| DnsSearch { lifetime_s, domains });
    let fixed = any::<(u8, bool, bool, u16, u32, u32, Option<u32>)>();
    let lists = (vec(any_prefix(), 0..4), vec(servers, 0..3), vec(search, 0..3));
    let advertisement =
        (preference, link.clone(), fixed, lists).prop_map(|(preference, source_link, fixed, lists)| {
            let (hop_limit, is_managed, has_other, lifetime_s, reachable_ms, retransmit_ms, mtu) = fixed;
            let (prefixes, dns_servers, dns_search) = lists;
            Router::Advertisement(Advertisement {
                hop_limit,
                is_managed,
                has_other,
                preference,
                lifetime_s,
                reachable_ms,
                retransmit_ms,
                source_link,
                mtu,
                prefixes,
                dns_servers,
                dns_search,
            })
        });
    prop_oneof![1 => link.prop_map(|source_link| Router::Solicitation(Solicitation { source_link })), 4 => advertisement]
}

fn problem<T: std::fmt::Debug>(result: Result<T, ParseError>) -> &'static str {
    match result {
        Err(ParseError::Invalid { problem, .. }) => problem,
        other => panic!("expected an invalid message, got {other:?}"),
    }
}

proptest! {
    #[test]
    fn emit_then_parse_is_identity(router in any_router()) {
        prop_assert_eq!(Router::parse(&router.emit(ROUTER, ALL_NODES), envelope(ROUTER, ALL_NODES)), Ok(router));
    }

    #[test]
    fn hostile_options_never_panic(is_question in any::<bool>(), options in vec(any::<u8>(), 0..120)) {
        let kind = if is_question { ROUTER_SOLICITATION } else { ROUTER_ADVERTISEMENT };
        let message = Message { kind, code: 0, rest: [64, 0, 0, 0], payload: options };
        let bytes = message.emit(Family::V6 { src: ROUTER, dst: ALL_NODES });
        match Router::parse(&bytes, envelope(ROUTER, ALL_NODES)) {
            Ok(router) => {
                let again = Router::parse(&router.emit(ROUTER, ALL_NODES), envelope(ROUTER, ALL_NODES));
                prop_assert_eq!(again, Ok(router));
            }
            Err(ParseError::Invalid { offset, .. } | ParseError::Truncated { offset, .. }) => {
                prop_assert!(offset <= bytes.len());
            }
            Err(other) => prop_assert!(false, "{}", other),
        }
    }

    #[test]
    fn damage_is_noticed_or_read_without_harm(router in any_router(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut payload = router.to_message().payload;
        if !payload.is_empty() {
            *at.get_mut(&mut payload) = byte;
        }
        let bytes = Message { payload, ..router.to_message() }.emit(Family::V6 { src: ROUTER, dst: ALL_NODES });
        if let Ok(read) = Router::parse(&bytes, envelope(ROUTER, ALL_NODES)) {
            prop_assert_eq!(Router::parse(&read.emit(ROUTER, ALL_NODES), envelope(ROUTER, ALL_NODES)), Ok(read));
        }
    }
}

#[test]
fn what_does_not_prove_that_it_is_from_the_link_is_refused() {
    let advertisement = Router::Advertisement(Advertisement { lifetime_s: 1800, ..Advertisement::default() });
    let bytes = advertisement.emit(ROUTER, ALL_NODES);
    let far = Envelope { hop_limit: 64, ..envelope(ROUTER, ALL_NODES) };
    assert!(problem(Router::parse(&bytes, far)).contains("hop limit"));
    let global = "fd00::1".parse().unwrap();
    let bytes = advertisement.emit(global, ALL_NODES);
    assert!(problem(Router::parse(&bytes, envelope(global, ALL_NODES))).contains("link-local"));
    let question = Router::Solicitation(Solicitation { source_link: Some(MAC) });
    let bytes = question.emit(Ipv6Addr::UNSPECIFIED, ALL_ROUTERS);
    let result = Router::parse(&bytes, envelope(Ipv6Addr::UNSPECIFIED, ALL_ROUTERS));
    assert!(problem(result).contains("without a source address"));
    let moved = Router::parse(&advertisement.emit(ROUTER, ALL_NODES), envelope(ROUTER, ALL_ROUTERS));
    assert!(matches!(moved, Err(ParseError::Checksum { .. })));
}

#[test]
fn options_that_end_badly_are_refused_and_unknown_ones_skipped() {
    let with = |options: &[u8]| {
        let mut message = Router::Advertisement(Advertisement::default()).to_message();
        message.payload.extend(options);
        Router::parse(&message.emit(Family::V6 { src: ROUTER, dst: ALL_NODES }), envelope(ROUTER, ALL_NODES))
    };
    assert!(problem(with(&[3, 0, 0, 0, 0, 0, 0, 0])).contains("length zero"));
    assert!(problem(with(&[3, 4, 0, 0, 0, 0, 0, 0])).contains("cut off"));
    let known = Ok(Router::Advertisement(Advertisement::default()));
    assert_eq!(with(&[77, 1, 0, 0, 0, 0, 0, 0]), known);
    // A prefix option of another length, and one with half an address of a name server.
    assert_eq!(with(&[3, 1, 64, 0xc0, 0, 0, 0, 0]), known);
    assert_eq!(with(&[[25, 2].as_slice(), &[0; 14]].concat()), known);
}

#[test]
fn the_fields_are_where_the_rfcs_put_them() {
    let advertisement = Advertisement {
        hop_limit: 64,
        is_managed: true,
        preference: Preference::High,
        lifetime_s: 1800,
        source_link: Some(MAC),
        mtu: Some(1450),
        prefixes: vec![Prefix {
            prefix: "fd00::".parse().unwrap(),
            length: 64,
            is_on_link: true,
            is_autonomous: true,
            valid_s: 86_400,
            preferred_s: 14_400,
        }],
        dns_search: vec![DnsSearch { lifetime_s: 300, domains: vec!["a.bc".into()] }],
        ..Advertisement::default()
    };
    let message = Router::Advertisement(advertisement).to_message();
    assert_eq!((message.kind, message.code, message.rest), (134, 0, [64, 0x88, 0x07, 0x08]));
    let expected = [
        &[0; 8][..],
        &[1, 1, 2, 0, 0, 0, 0, 1],
        &[5, 1, 0, 0, 0, 0, 0x05, 0xaa],
        &[3, 4, 64, 0xc0, 0, 1, 0x51, 0x80, 0, 0, 0x38, 0x40, 0, 0, 0, 0, 0xfd, 0, 0, 0, 0, 0, 0, 0],
        &[0; 8],
        &[31, 2, 0, 0, 0, 0, 1, 0x2c, 1, b'a', 2, b'b', b'c', 0, 0, 0],
    ];
    assert_eq!(message.payload, expected.concat());
}
