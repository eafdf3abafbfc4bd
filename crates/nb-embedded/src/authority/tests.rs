use proptest::prelude::*;

use super::*;

fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
}

fn literal(name: &[u8], value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).unwrap();
    [name, &[length], value].concat()
}

fn read(connection: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Authority::new().take(connection, &mut out);
    out
}

/// `:method POST`, `:scheme http`, `:path /x` remembered, an authority, a name and value of its own.
fn block(authority: &[u8]) -> Vec<u8> {
    [&[0x83, 0x86][..], &literal(&[0x44], b"/x"), authority, &literal(&[0x40, 2, b't', b'e'], b"trailers")]
        .concat()
}

/// `http://127.0.0.1:4001` as Go's client writes it.
const IN_CODE_WITH_SCHEME: &[u8] = &[
    0x41, 0x90, 0x9d, 0x29, 0xae, 0xe3, 0x0c, 0x04, 0x2e, 0x05, 0xc0, 0xb8, 0x17, 0x02, 0xe6, 0xe0, 0x00,
    0x3f,
];

#[test]
fn an_authority_with_a_scheme_is_put_right_and_all_else_stays() {
    let name = literal(&[0x41], NAME);
    let plain = literal(&[0x41], b"http://127.0.0.1:4001");
    for wrong in [&plain[..], IN_CODE_WITH_SCHEME] {
        let headers = |authority: &[u8]| frame(TYPE_HEADERS, 0x4, &block(authority));
        let around = |headers: Vec<u8>| {
            [PREFACE, &frame(4, 0, &[0; 12]), &headers, &frame(0, 1, b"http://data"), &headers].concat()
        };
        assert_eq!(read(&around(headers(wrong))), around(headers(&name)));
    }
}

#[test]
fn padding_and_dependencies_are_no_headers() {
    let padded = |authority: &[u8]| {
        let payload = [&[3, 0, 0, 0, 0, 16][..], &block(authority), &[0; 3]].concat();
        [PREFACE, &frame(TYPE_HEADERS, 0x4 | FLAG_PADDED | FLAG_DEPENDS, &payload)].concat()
    };
    assert_eq!(read(&padded(IN_CODE_WITH_SCHEME)), padded(&literal(&[0x41], NAME)));
}

#[test]
fn what_is_right_or_is_no_authority_stays() {
    let right = literal(&[0x41], b"127.0.0.1:4001");
    let path = literal(&[0x44], b"http://127.0.0.1:4001");
    let referer = [&[0x0f, 0x24][..], &literal(&[], b"http://127.0.0.1:4001")].concat();
    let indexed = [0xbe];
    for headers in [&right[..], &path, &referer, &indexed] {
        let connection = [PREFACE, &frame(TYPE_HEADERS, 0x4, &block(headers))].concat();
        assert_eq!(read(&connection), connection);
    }
    let wrong = frame(TYPE_HEADERS, 0x4, &block(IN_CODE_WITH_SCHEME));
    let foreign = [b"GET / HTTP/1.1\r\n\r\n", &wrong[..]].concat();
    assert_eq!(read(&foreign), foreign);
    let other_kind = [PREFACE, &frame(9, 0x4, &block(IN_CODE_WITH_SCHEME))].concat();
    assert_eq!(read(&other_kind), other_kind);
}

#[test]
fn nothing_is_held_back_but_headers() {
    let mut out = Vec::new();
    let mut authority = Authority::new();
    let large = FRAME_BYTES_MAX + 1;
    for bytes in [
        &PREFACE[..7],
        &PREFACE[7..],
        &frame(0, 0, &[7; 100])[..60],
        &[7; 49],
        &[0, 0x40, 1, TYPE_HEADERS, 4, 0, 0, 0, 1],
        &vec![1; large],
    ] {
        let before = out.len();
        authority.take(bytes, &mut out);
        assert_eq!(&out[before..], bytes);
    }
}

fn frames() -> impl Strategy<Value = Vec<u8>> {
    let authority = prop_oneof![
        Just(IN_CODE_WITH_SCHEME.to_vec()),
        Just(literal(&[0x41], b"http://a")),
        prop::collection::vec(any::<u8>(), 0..20),
    ];
    let headers =
        (any::<u8>(), authority).prop_map(|(flags, text)| frame(TYPE_HEADERS, flags, &block(&text)));
    let other = (any::<u8>(), any::<u8>(), prop::collection::vec(any::<u8>(), 0..40))
        .prop_map(|(kind, flags, payload)| frame(kind, flags, &payload));
    // Bytes that are no block of headers, and often begin like one.
    let first = prop_oneof![Just(0x41), Just(0x01), Just(0x7f), any::<u8>()];
    let mangled = (any::<u8>(), first, prop::collection::vec(any::<u8>(), 0..60))
        .prop_map(|(flags, first, rest)| frame(TYPE_HEADERS, flags, &[&[first], &rest[..]].concat()));
    let rest = prop::collection::vec(any::<u8>(), 0..30);
    (prop::collection::vec(prop_oneof![headers, other, mangled], 0..6), rest)
        .prop_map(|(frames, rest)| [PREFACE, &frames.concat(), &rest].concat())
}

proptest! {
    #[test]
    fn it_does_not_matter_in_which_pieces_it_comes(
        connection in prop_oneof![frames(), prop::collection::vec(any::<u8>(), 0..100)],
        cuts in prop::collection::vec(1..30_usize, 1..20),
    ) {
        let whole = read(&connection);
        prop_assert!(whole.len() <= connection.len());
        let (mut authority, mut pieces, mut left) = (Authority::new(), Vec::new(), &connection[..]);
        for cut in cuts.iter().cycle() {
            let (piece, others) = left.split_at((*cut).min(left.len()));
            authority.take(piece, &mut pieces);
            left = others;
            if left.is_empty() {
                break;
            }
        }
        prop_assert_eq!(pieces, whole);
    }
}
