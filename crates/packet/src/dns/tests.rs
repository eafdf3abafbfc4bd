use proptest::prelude::*;

use super::*;

fn name(text: &str) -> Name {
    Name::from_text(text).expect("a name")
}

fn query(text: &str, kind: u16) -> Query {
    Query {
        id: 0x1234,
        is_recursive: true,
        is_unchecked: false,
        name: name(text),
        kind,
        class: INTERNET,
        edns: None,
    }
}

fn answer(records: Vec<Record>) -> Answer {
    Answer { zone: name("example.org"), seconds: 30, records }
}

fn any_query() -> impl Strategy<Value = Query> {
    let name = "[a-zA-Z0-9_-]{1,20}(\\.[a-zA-Z0-9]{1,9}){0,4}".prop_map(|text| name(&text));
    let edns = prop::option::of((any::<u16>(), any::<u8>()));
    (any::<[u16; 3]>(), any::<[bool; 2]>(), name, edns).prop_map(
        |([id, kind, class], [is_recursive, is_unchecked], name, edns)| Query {
            id,
            is_recursive,
            is_unchecked,
            name,
            kind,
            class,
            edns: edns.map(|(datagram_bytes, version)| Edns { datagram_bytes, version }),
        },
    )
}

proptest! {
    #[test]
    fn questions_come_back(query in any_query()) {
        prop_assert_eq!(Query::parse(&query.emit()), Ok(query));
    }

    #[test]
    fn what_is_read_is_written_so_that_it_is_read_again(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(query) = Query::parse(&bytes) {
            prop_assert_eq!(Query::parse(&query.emit()), Ok(query));
        }
    }

    #[test]
    fn damaged_questions_are_errors_inside_the_message(query in any_query(), at in any::<prop::sample::Index>(), bits in any::<u8>()) {
        let mut bytes = query.emit();
        let at = at.index(bytes.len());
        bytes[at] ^= bits;
        if let Err(ParseError::Truncated { offset, .. } | ParseError::Invalid { offset, .. }) = Query::parse(&bytes) {
            prop_assert!(offset <= bytes.len());
        }
    }

    #[test]
    fn answers_fit_and_say_what_was_asked(query in any_query(), count in 0_u8..100) {
        let records = (0..count).map(|last| Record::Address([10, 0, 0, last].into())).collect();
        let bytes = answer(records).emit(&query);
        prop_assert!(bytes.len() <= EDNS_BYTES_MAX);
        prop_assert!(query.edns.is_some() || bytes.len() <= PLAIN_BYTES_MAX);
        prop_assert_eq!(&bytes[..2], &query.id.to_be_bytes());
        prop_assert_eq!(&bytes[12..12 + query.name.0.len()], query.name.0.as_slice());
    }
}

#[test]
fn a_question_of_a_real_client_is_read() {
    // dig +noedns and dig, for vm.Example.org A.
    let plain = b"\x12\x34\x01\x00\x00\x01\0\0\0\0\0\0\x02vm\x07Example\x03org\0\0\x01\0\x01";
    let read = Query::parse(plain).expect("a question");
    assert_eq!(read, query("vm.Example.org", kinds::A));
    assert_eq!(read.name.to_labels(), Some(vec!["vm".to_owned(), "example".to_owned(), "org".to_owned()]));
    let mut with_edns = plain.to_vec();
    with_edns[11] = 1;
    with_edns.extend_from_slice(b"\0\0\x29\x04\xd0\0\0\0\0\0\x0c\0\x0a\0\x08cookies!");
    let edns = Some(Edns { datagram_bytes: 1_232, version: 0 });
    assert_eq!(Query::parse(&with_edns), Ok(Query { edns, ..read }));
}

#[test]
fn what_is_no_plain_question_is_not_read() {
    let good = query("vm.example.org", kinds::A).emit();
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        Query::parse(&bytes)
    };
    assert!(Query::parse(&good).is_ok());
    for (at, byte) in
        [(2, 0x81), (2, 0x29), (2, 0x03), (5, 0), (5, 2), (7, 1), (9, 1), (11, 9), (12, 0xc0), (12, 60)]
    {
        assert!(with(at, byte).is_err(), "octet {at} is {byte:#x}");
    }
    for length in 0..good.len() {
        assert!(Query::parse(&good[..length]).is_err(), "{length} octets");
    }
    let long = [
        &good[..12],
        b"\x3f",
        &[b'x'; 63],
        b"\x3f",
        &[b'x'; 63],
        b"\x3f",
        &[b'x'; 63],
        b"\x3f",
        &[b'x'; 63],
        b"\0\0\x01\0\x01",
    ];
    assert!(Query::parse(&long.concat()).is_err(), "a name of 257 octets");
}

#[test]
fn addresses_are_found_in_their_names() {
    assert_eq!(name("4.3.2.10.in-addr.ARPA").to_address(), Some([10, 2, 3, 4].into()));
    let digits = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa";
    assert_eq!(name(digits).to_address(), Some("fd00::1".parse().expect("an address")));
    for text in [
        "3.2.10.in-addr.arpa",
        "256.3.2.10.in-addr.arpa",
        "1.4.3.2.10.in-addr.arpa",
        "d.f.ip6.arpa",
        "vm.example.org",
    ] {
        assert_eq!(name(text).to_address(), None, "{text}");
    }
}

#[test]
fn an_answer_has_the_records_or_says_that_there_are_none() {
    let asked = query("vm.example.org", kinds::A);
    let some = answer(vec![Record::Address([10, 0, 0, 7].into())]).emit(&asked);
    let head = b"\x12\x34\x85\x80\0\x01\0\x01\0\0\0\0\x02vm\x07example\x03org\0\0\x01\0\x01";
    let record = b"\xc0\x0c\0\x01\0\x01\0\0\0\x1e\0\x04\x0a\0\0\x07";
    assert_eq!(some, [head.as_slice(), record].concat());

    let none = answer(vec![]).emit(&query("vm.example.org", kinds::AAAA));
    assert_eq!(&none[2..12], b"\x85\x80\0\x01\0\0\0\x01\0\0", "no error, and who says so");
    let reverse =
        Answer { zone: name("10.in-addr.arpa"), ..answer(vec![Record::Name(name("vm.example.org"))]) };
    let reverse = reverse.emit(&query("7.0.0.10.in-addr.arpa", kinds::PTR));
    assert!(reverse.ends_with(b"\0\x10\x02vm\x07example\x03org\0"), "{reverse:?}");
}

#[test]
fn an_answer_that_is_too_long_says_so() {
    let many: Vec<Record> = (0..60).map(|last| Record::Address([10, 0, 0, last].into())).collect();
    let short = query("vm.example.org", kinds::A);
    let bytes = answer(many.clone()).emit(&short);
    assert_eq!((bytes[2] & 2, &bytes[6..8]), (2, &[0, 0][..]));
    let long = Query { edns: Some(Edns { datagram_bytes: 4_096, version: 0 }), ..short };
    let bytes = answer(many).emit(&long);
    assert_eq!((bytes[2] & 2, bytes[7]), (0, 60));
}

#[test]
fn by_tcp_a_question_is_all_that_there_is_and_an_answer_has_what_fits() {
    let asked = query("vm.example.org", kinds::A);
    let message = asked.emit();
    let length = u8::try_from(message.len()).expect("a short question");
    let stream = [&[0, length][..], &message].concat();
    assert_eq!(Query::parse_stream(&stream), Ok(asked.clone()));
    for wrong in [
        &stream[..2],
        &stream[..1],
        &[],
        &stream[..stream.len() - 1],
        &[&stream[..], &stream].concat(),
        &message,
    ] {
        assert!(Query::parse_stream(wrong).is_err(), "{wrong:?}");
    }
    for (count, told) in [(1_u8, 1_u8), (60, 60), (200, 72)] {
        let records = (0..count).map(|last| Record::Address([10, 0, 0, last].into())).collect();
        let bytes = answer(records).emit_stream(&asked);
        assert_eq!(usize::from(u16::from_be_bytes([bytes[0], bytes[1]])), bytes.len() - 2);
        assert!(bytes.len() <= STREAM_BYTES_MAX);
        assert_eq!((bytes[4] & 2, bytes[9]), (0, told), "{count} addresses");
    }
    let none = answer(vec![]).emit_stream(&asked);
    assert_eq!(&none[8..12], &[0, 0, 0, 1], "that there are none");
}
