use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::Headers;
use crate::headers::{NetworkKey, TransportKey};

const SRC: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const DST: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16);
const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);

fn any_listener<A, S>(address: impl Fn() -> S + Copy + 'static) -> impl Strategy<Value = Listener<A>>
where
    A: Copy + std::fmt::Debug + 'static,
    S: Strategy<Value = A> + 'static,
{
    let newer = (any::<u8>(), any::<u8>(), vec(address(), 0..4))
        .prop_map(|(flags, interval, sources)| Newer { flags, interval, sources });
    let query = (address(), 0_u16..=255, proptest::option::of(newer))
        .prop_map(|(group, max_response, newer)| Listener::Query(Query { group, max_response, newer }));
    let record = (any::<u8>(), address(), vec(address(), 0..4)).prop_map(|(kind, group, sources)| Record {
        kind,
        group,
        sources,
    });
    prop_oneof![
        query,
        address().prop_map(Listener::Report),
        address().prop_map(Listener::Done),
        vec(record, 0..5).prop_map(Listener::Records),
    ]
}

fn any_igmp() -> impl Strategy<Value = Listener<Ipv4Addr>> {
    any_listener(|| any::<u32>().prop_map(Ipv4Addr::from_bits))
}

fn any_mld() -> impl Strategy<Value = Listener<Ipv6Addr>> {
    any_listener(|| any::<u128>().prop_map(Ipv6Addr::from_bits))
}

fn with_checksum(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.len() >= 4 {
        bytes.splice(2..4, [0, 0]);
        let checksum = Checksum::default().add(&bytes).finish().to_be_bytes();
        bytes.splice(2..4, checksum);
    }
    bytes
}

proptest! {
    #[test]
    fn emit_then_parse_is_identity(igmp in any_igmp(), mld in any_mld()) {
        prop_assert_eq!(Listener::<Ipv4Addr>::parse(&igmp.emit()), Ok(igmp));
        prop_assert_eq!(Listener::<Ipv6Addr>::parse(&mld.emit(SRC, DST), SRC, DST, 1), Ok(mld));
    }

    #[test]
    fn hostile_igmp_is_read_or_refused_with_its_place(kind in prop::sample::select(vec![0x11_u8, 0x12, 0x16, 0x17, 0x22, 9]), rest in vec(any::<u8>(), 0..80)) {
        let bytes = with_checksum([vec![kind], rest].concat());
        match Listener::<Ipv4Addr>::parse(&bytes) {
            Ok(message) => {
                prop_assert!(message.changes().len() <= bytes.len());
                prop_assert_eq!(Listener::<Ipv4Addr>::parse(&message.emit()), Ok(message));
            }
            Err(ParseError::Truncated { offset, .. } | ParseError::Invalid { offset, .. }) => {
                prop_assert!(offset <= bytes.len());
            }
            Err(other) => prop_assert!(false, "{}", other),
        }
    }

    #[test]
    fn hostile_mld_is_read_or_refused_with_its_place(kind in prop::sample::select(vec![130_u8, 131, 132, 143, 9]), rest: [u8; 4], payload in vec(any::<u8>(), 0..120)) {
        let bytes = Message { kind, code: 0, rest, payload }.emit(Family::V6 { src: SRC, dst: DST });
        match Listener::<Ipv6Addr>::parse(&bytes, SRC, DST, 1) {
            Ok(message) => {
                prop_assert_eq!(Listener::<Ipv6Addr>::parse(&message.emit(SRC, DST), SRC, DST, 1), Ok(message));
            }
            Err(ParseError::Truncated { offset, .. } | ParseError::Invalid { offset, .. }) => {
                prop_assert!(offset <= bytes.len());
            }
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}

#[test]
fn who_listens_and_who_does_not() {
    let group = Ipv4Addr::new(239, 1, 1, 1);
    let source = Ipv4Addr::new(10, 0, 0, 1);
    let said = |kind, sources: &[Ipv4Addr]| {
        Listener::Records(vec![Record { kind, group, sources: sources.to_vec() }]).changes()
    };
    assert_eq!(Listener::Report(group).changes(), [(group, true)]);
    assert_eq!(Listener::Done(group).changes(), [(group, false)]);
    for (kind, sources, expected) in [
        (IS_EXCLUDE, vec![], Some(true)),
        (TO_EXCLUDE, vec![source], Some(true)),
        (TO_INCLUDE, vec![], Some(false)),
        (IS_INCLUDE, vec![source], Some(true)),
        (ALLOW, vec![source], Some(true)),
        (6, vec![source], None),
        (77, vec![], None),
    ] {
        let expected: Vec<_> = expected.map(|listens| (group, listens)).into_iter().collect();
        assert_eq!(said(kind, &sources), expected, "{kind} {sources:?}");
    }
}

#[test]
fn a_report_of_the_first_version_is_one_and_damage_is_noticed() {
    let bytes = with_checksum(vec![0x12, 0, 0, 0, 239, 1, 1, 1]);
    assert_eq!(Listener::<Ipv4Addr>::parse(&bytes), Ok(Listener::Report(Ipv4Addr::new(239, 1, 1, 1))));
    let mut damaged = bytes;
    damaged[7] = 9;
    assert!(matches!(Listener::<Ipv4Addr>::parse(&damaged), Err(ParseError::Checksum { .. })));
    let far = Listener::<Ipv6Addr>::parse(&Listener::Report(DST).emit(SRC, DST), SRC, DST, 64);
    assert!(matches!(far, Err(ParseError::Invalid { problem, .. }) if problem.contains("hop limit")));
    // A record says that it has more sources than there is room for.
    let lying = with_checksum(vec![0x22, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0xff, 0xff, 239, 1, 1, 1]);
    assert!(matches!(Listener::<Ipv4Addr>::parse(&lying), Err(ParseError::Truncated { .. })));
}

#[test]
fn frames_are_what_a_switch_takes_them_for() {
    let query = Query { group: Ipv4Addr::UNSPECIFIED, max_response: 100, newer: None };
    let frame = Listener::Query(query).frame(MAC, Ipv4Addr::UNSPECIFIED, ALL_SYSTEMS);
    let headers = Headers::parse(&frame);
    let igmp = TransportKey::Igmp { kind: 0x11, code: 100, group: Ipv4Addr::UNSPECIFIED };
    assert_eq!(headers.transport, Some(igmp));
    assert_eq!(headers.ethernet.unwrap().dst, MacAddr([1, 0, 0x5e, 0, 0, 1]));
    assert_eq!(Checksum::default().add(&frame[14..38]).finish(), 0, "the header's checksum");

    let report = Listener::Records(vec![Record { kind: TO_EXCLUDE, group: DST, sources: vec![] }]);
    let frame = report.frame(MAC, SRC, DST);
    let headers = Headers::parse(&frame);
    assert_eq!(headers.transport, Some(TransportKey::Icmpv6 { kind: mld::REPORT_2, code: 0, nd: None }));
    assert_eq!(
        (headers.network, headers.ip.unwrap().ttl),
        (Some(NetworkKey::Ipv6 { src: SRC, dst: DST, flow_label: 0 }), 1)
    );
    let message = &frame[headers.layout.transport.unwrap()..];
    assert_eq!(Listener::<Ipv6Addr>::parse(message, SRC, DST, 1), Ok(report));
}
