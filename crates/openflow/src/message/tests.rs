use proptest::prelude::*;

use super::multipart::{Counters, FlowEntries, Multipart, Reply, Request};
use super::*;
use crate::arbitrary::{self, Scope};
use crate::{Action, Flow, Match, PackedFlow};

const XID: u32 = 0xdead_beef;

fn encode(message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(XID, &mut bytes).unwrap();
    bytes
}

fn decode(bytes: &[u8]) -> Message {
    let (xid, message) = Message::decode(bytes).unwrap();
    assert_eq!(xid, XID);
    message
}

/// `bytes` as a message of their own length, whatever the header said before.
fn with_right_length(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if bytes.len() >= HEADER_LEN {
        patch_len(&mut bytes, 0, 2);
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_encoded_decodes_to_the_same(message in arbitrary::message()) {
        let bytes = encode(&message);
        prop_assert_eq!(frame(&bytes).unwrap(), Some(bytes.len()));
        prop_assert_eq!(decode(&bytes), message);
    }

    #[test]
    fn every_strict_prefix_is_an_error(message in arbitrary::message()) {
        let bytes = encode(&message);
        for len in 0..bytes.len() {
            let error = Message::decode(&bytes[..len]).unwrap_err();
            prop_assert!(error.offset <= len);
            prop_assert_eq!(frame(&bytes[..len]).unwrap(), None);
            // With a length that fits, a prefix may be a message, but what it decodes to encodes again.
            if let Ok((xid, shorter)) = Message::decode(&with_right_length(&bytes[..len])) {
                prop_assert!(shorter.encode(xid, &mut Vec::new()).is_ok());
            }
        }
    }

    #[test]
    fn bytes_that_were_tampered_with_never_panic(
        message in arbitrary::message(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = encode(&message);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Err(error) = Message::decode(&with_right_length(&bytes)) {
            prop_assert!(error.offset <= bytes.len(), "{}", error);
        }
    }

    #[test]
    fn a_packed_flow_writes_the_same_flow_mods(flow in arbitrary::flow(Scope::Anything)) {
        let packed = PackedFlow::new(&flow).unwrap();
        let mut bytes = Vec::new();
        packed.encode_add(XID, &mut bytes);
        prop_assert_eq!(&bytes, &encode(&Message::FlowMod(FlowMod::from(&flow))));
        prop_assert_eq!(FlowMod::from(&packed).flow(), flow);

        bytes.clear();
        packed.key().encode_delete(XID, &mut bytes);
        prop_assert_eq!(bytes, encode(&Message::FlowMod(FlowMod::delete_strict(&packed.key()))));
    }

    #[test]
    fn a_dump_packs_into_the_bytes_that_were_sent(flows in prop::collection::vec(arbitrary::flow(Scope::Anything), 0..8)) {
        let flows: Vec<PackedFlow> = flows.iter().map(|flow| PackedFlow::new(flow).unwrap()).collect();
        let counters = Counters { packets: 7, bytes: 512, ..Counters::default() };
        let mut entries = FlowEntries::default();
        for flow in &flows {
            entries.push(&flow.as_wire(), counters).unwrap();
        }
        let reply = decode(&encode(&Message::MultipartReply(Multipart { more: true, part: Reply::Flow(entries) })));
        let Message::MultipartReply(Multipart { more: true, part: Reply::Flow(entries) }) = reply else {
            panic!("a dump decoded to {}", reply.name());
        };
        let dumped: Vec<PackedFlow> = entries.iter().map(|entry| entry.packed()).collect();
        prop_assert_eq!(&dumped, &flows);
        for (entry, flow) in entries.iter().zip(&flows) {
            prop_assert_eq!(entry.counters, counters);
            prop_assert_eq!(entry.flow().unwrap(), flow.unpack());
            prop_assert_eq!(entry.packed().canonical(), Some(flow.clone()));
        }
    }

    #[test]
    fn a_flow_goes_into_a_bundle_without_a_detour(flow in arbitrary::flow(Scope::Anything)) {
        let packed = PackedFlow::new(&flow).unwrap();
        let flags = BundleFlags::ATOMIC.and(BundleFlags::ORDERED);
        let mut bytes = Vec::new();
        put_bundle_add(&mut bytes, XID, 9, flags, |out| packed.encode_add(XID, out)).unwrap();
        let flow_mod = Message::FlowMod(FlowMod::from(&flow));
        let add = BundleAdd::new(9, flags, XID, &flow_mod).unwrap();
        prop_assert_eq!(&bytes, &encode(&Message::BundleAdd(add.clone())));
        prop_assert_eq!(add.message().unwrap(), flow_mod);
    }
}

#[test]
fn a_stream_is_cut_at_the_lengths_of_its_messages() {
    assert_eq!(frame(&[]), Ok(None));
    assert_eq!(frame(&[4, 0, 0]), Ok(None));
    assert_eq!(frame(&[4, 0, 0, 8, 0, 0, 0]), Ok(None));
    assert_eq!(frame(&[4, 0, 0, 8, 0, 0, 0, 0, 4]), Ok(Some(8)));
    for short in 0..8 {
        let error = frame(&[4, 0, 0, short]).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("at byte 2: a message claims a length of {short} bytes, which is impossible here")
        );
    }
}

#[test]
fn a_message_of_another_version_is_refused_unless_all_versions_share_its_form() {
    let error = Message::decode(&[5, 14, 0, 8, 0, 0, 0, 0]).unwrap_err();
    assert_eq!(error.problem, Problem::Version(5));
    let (_, hello) = Message::decode(&[6, 0, 0, 8, 0, 0, 0, 0]).unwrap();
    assert_eq!(hello, Message::Hello(Hello { version: 6, bitmap: None }));
    // A type that means something else in OpenFlow 1.0 is not taken for that of 1.3.
    let (_, message) = Message::decode(&[1, 14, 0, 8, 0, 0, 0, 0]).unwrap();
    assert_eq!(message, Message::Unknown(Unknown { version: 1, kind: 14, body: vec![] }));
}

#[test]
fn bytes_behind_the_end_of_a_message_are_an_error() {
    let mut bytes = encode(&Message::BarrierRequest);
    bytes.extend_from_slice(&[0; 8]);
    let error = Message::decode(&with_right_length(&bytes)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "at byte 8: barrier request claims a length of 16 bytes, which is impossible here"
    );
}

#[test]
fn a_message_that_is_too_long_is_refused_and_leaves_nothing_behind() {
    let mut bytes = vec![1, 2, 3];
    let echo = |len| Message::EchoRequest(vec![0; len]);
    let error = echo(MESSAGE_LEN_MAX - 7).encode(1, &mut bytes).unwrap_err();
    assert_eq!(error.to_string(), "65536 bytes are needed, and an OpenFlow message carries at most 65535");
    assert_eq!(bytes, [1, 2, 3]);
    echo(MESSAGE_LEN_MAX - 8).encode(1, &mut bytes).unwrap();
    assert_eq!(bytes.len(), 3 + MESSAGE_LEN_MAX);

    let mut flow = Flow::new(0, 1).actions(std::iter::repeat_n(Action::CtClear, 5000));
    flow.instructions.goto = Some(1);
    assert_eq!(Message::FlowMod(FlowMod::from(&flow)).encode(1, &mut vec![]), Err(TooLong { len: 80_072 }));
    let full = vec![0; MESSAGE_LEN_MAX - HEADER_LEN];
    assert!(BundleAdd::new(1, BundleFlags::ATOMIC, 1, &Message::EchoRequest(full)).is_ok_and(|add| {
        Message::BundleAdd(add).encode(1, &mut vec![])
            == Err(TooLong { len: MESSAGE_LEN_MAX + BUNDLE_ADD_FIXED_LEN })
    }));
}

#[test]
fn a_full_reply_takes_no_more_flows() {
    let flow =
        PackedFlow::new(&Flow::new(0, 1).matching(Match::new().with(crate::Field::Reg0, 1_u32))).unwrap();
    let mut entries = FlowEntries::default();
    let mut count = 0;
    while entries.push(&flow.as_wire(), Counters::default()).is_ok() {
        count += 1;
    }
    assert_eq!(count, (MESSAGE_LEN_MAX - 16) / 64);
    assert_eq!(entries.iter().count(), count);
    encode(&Message::MultipartReply(Multipart::last(Reply::Flow(entries))));
}

#[test]
fn lengths_that_lie_are_found_where_they_are() {
    let group = Message::GroupMod(GroupMod::Add(crate::group::Group {
        id: 1,
        kind: crate::group::GroupKind::All,
        buckets: vec![crate::group::Bucket::new(vec![Action::CtClear])],
    }));
    let bytes = encode(&group);
    for (at, value, offset) in [
        (16, 0, 32),    // the bucket is shorter than its own header
        (16, 0xff, 32), // … or longer than the message
        (34, 0xff, 36), // its action is longer than the bucket
        (35, 4, 36),    // … or shorter than its own header
        (35, 12, 36),   // … or no multiple of eight
    ] {
        let mut bytes = bytes.clone();
        bytes[at] = value;
        if at == 16 && value == 0 {
            bytes[17] = 8;
        }
        assert_eq!(Message::decode(&bytes).unwrap_err().offset, offset, "byte {at} is {value}");
    }
}

#[test]
fn errors_have_the_names_of_open_vswitch() {
    let name = |code: ErrorCode| code.name().unwrap_or("none");
    assert_eq!(name(ErrorCode::Standard { kind: 4, code: 6 }), "OFPBMC_BAD_FIELD");
    assert_eq!(name(ErrorCode::Standard { kind: 12, code: 10 }), "OFPMMFC_OUT_OF_METERS");
    assert_eq!(name(ErrorCode::Experimenter { experimenter: NICIRA, kind: 15 }), "NXBAC_BAD_CONJUNCTION");
    assert_eq!(
        name(ErrorCode::Experimenter { experimenter: ONF_EXPERIMENTER, kind: 2313 }),
        "OFPBFC_MSG_FAILED"
    );
    assert_eq!(name(ErrorCode::Vendor10 { vendor: NICIRA, kind: 6, code: 15 }), "OFPGMFC_UNKNOWN_BUCKET");
    assert_eq!(name(ErrorCode::Vendor10 { vendor: NICIRA, kind: 6, code: 8 }), "OFPGMFC_UNKNOWN_GROUP");
    assert_eq!(name(ErrorCode::Experimenter { experimenter: 1, kind: 15 }), "none");
    assert_eq!(ErrorCode::Standard { kind: 99, code: 1 }.to_string(), "error type 99 code 1");

    let data = encode(&Message::FlowMod(FlowMod::from(&Flow::new(0, 1))));
    let refusal = ErrorMessage { code: ErrorCode::Standard { kind: 4, code: 9 }, data };
    assert_eq!(refusal.refused().map(|header| (header.kind, header.xid)), Some((FLOW_MOD, XID)));
    assert_eq!(refusal.to_string(), "OFPBMC_BAD_PREREQ for the message of type 14 and xid 0xdeadbeef");
}

#[test]
fn a_hello_says_which_versions_a_peer_speaks() {
    assert!(Hello::of13().speaks(4) && !Hello::of13().speaks(1) && !Hello::of13().speaks(255));
    let old = Hello { version: 4, bitmap: None };
    assert!(old.speaks(1) && old.speaks(4) && !old.speaks(5));
    // An element of the future stands before the bitmap, and one that is cut off behind it.
    let bytes = [4, 0, 0, 26, 0, 0, 0, 0, 0, 9, 0, 5, 1, 0, 0, 0, 0, 1, 0, 8, 0, 0, 0, 0x12, 0, 7];
    let (_, hello) = Message::decode(&bytes).unwrap();
    assert_eq!(hello, Message::Hello(Hello { version: 4, bitmap: Some(0x12) }));
}

#[test]
fn a_question_of_an_unknown_experimenter_is_kept() {
    let bytes =
        [4, 18, 0, 24, 0xde, 0xad, 0xbe, 0xef, 0xff, 0xff, 0, 1, 0, 0, 0, 0, 0, 0, 0x23, 0x20, 0, 0, 0, 2];
    let message = decode(&bytes);
    let Message::MultipartRequest(Multipart { more: true, part: Request::Unknown(unknown) }) = &message
    else {
        panic!("decoded to {message:?}");
    };
    assert_eq!((unknown.kind, unknown.body.len()), (0xffff, 8));
    assert_eq!(encode(&message), bytes);
}

#[test]
fn buckets_carry_only_what_openflow_1_0_has() {
    use crate::Field;
    use crate::group::{Bucket, GroupKind};
    let insert = |action: Action| {
        let bucket = NumberedBucket { id: 3, bucket: Bucket::new(vec![action]) };
        BucketMod::new(1, GroupKind::All, BucketCommand::Insert(BucketPlace::Last, vec![bucket]))
    };
    assert!(insert(Action::resubmit(7)).is_ok());
    assert!(insert(Action::load(crate::Subfield::all(Field::Reg7), 5)).is_ok());
    assert!(insert(Action::Clone(vec![Action::resubmit(7)])).is_ok());
    assert!(insert(Action::Clone(vec![Action::output(net_types::OfPort::new(1))])).is_err());
    let refused = insert(Action::set(Field::Reg7, 5_u32)).unwrap_err();
    assert_eq!(refused.0, Action::set(Field::Reg7, 5_u32));
}
