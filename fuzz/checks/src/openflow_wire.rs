//! OpenFlow's bytes.

use std::fmt::Debug;

use openflow::action::{decode_list, encode_list};
use openflow::flow::{FlowFlags, WireFlow};
use openflow::message::multipart::{Counters, FlowEntries, Multipart, Reply};
use openflow::message::{BUNDLE_ADD_FIXED_LEN, FlowMod, HEADER_LEN, MESSAGE_LEN_MAX, frame};
use openflow::wire::{Reader, patch_len};
use openflow::{Flow, FlowKey, Instructions, Match, Message, PackedFlow, WireError, text};

use crate::bytes::Bytes;

/// How many bytes are written for one that was read, at most: views of registers and VLAN tags become the fields that they
/// are views of, each with a header of its own.
const GROWTH_MAX: usize = 2;
/// What padding and fixed parts add.
const GROWTH_FIXED_BYTES: usize = 64;
/// Parts of a flow-mod that are not match or instructions, in a bundle.
const FLOW_FIXED_BYTES_MAX: usize = 96 + BUNDLE_ADD_FIXED_LEN;

/// A stream of messages, cut at the lengths that they claim; and all of it as one message, whatever it claims.
pub fn openflow_message(data: &[u8]) {
    let mut stream = data;
    loop {
        match frame(stream) {
            Ok(Some(len)) => {
                let (message, rest) = stream.split_at(len);
                check_message(message);
                stream = rest;
            }
            Ok(None) => break,
            Err(error) => {
                check_error(&error, stream.len());
                break;
            }
        }
    }
    if (HEADER_LEN..=MESSAGE_LEN_MAX).contains(&data.len()) {
        check_message(&with_right_length(data));
    }
}

/// `bytes`, as a message of their own length.
pub(crate) fn with_right_length(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if bytes.len() >= HEADER_LEN {
        patch_len(&mut bytes, 0, 2);
    }
    bytes
}

fn check_error(error: &WireError, len: usize) {
    assert!(error.offset <= len, "{error}, in {len} bytes");
}

fn check_growth(read: usize, written: usize) {
    let max = GROWTH_MAX * read + GROWTH_FIXED_BYTES;
    assert!(written <= max, "{read} bytes became {written}");
}

fn check_message(bytes: &[u8]) {
    let (xid, message) = match Message::decode(bytes) {
        Ok(decoded) => decoded,
        Err(error) => return check_error(&error, bytes.len()),
    };
    let mut written = Vec::new();
    if let Err(too_long) = message.encode(xid, &mut written) {
        assert!(too_long.len > MESSAGE_LEN_MAX && written.is_empty(), "{too_long}");
        return check_growth(bytes.len(), too_long.len);
    }
    check_growth(bytes.len(), written.len());
    assert_eq!(frame(&written), Ok(Some(written.len())));
    assert_eq!(Message::decode(&written), Ok((xid, message.clone())));
    look_inside(&message);
}

/// What a message holds as bytes is decoded by who wants it.
fn look_inside(message: &Message) {
    match message {
        Message::FlowMod(flow_mod) => check_flow(&flow_mod.flow()),
        Message::Error(error) => assert!(!error.to_string().is_empty()),
        Message::BundleAdd(add) => {
            if let Err(error) = add.message() {
                check_error(&error, add.message.len());
            }
        }
        Message::MultipartReply(Multipart { part: Reply::Flow(entries), .. }) => check_entries(entries),
        _ => {}
    }
}

fn check_entries(entries: &FlowEntries) {
    let mut again = FlowEntries::default();
    for entry in entries.iter() {
        let packed = entry.packed();
        // Padding may hold anything and is not kept, so it is the entries that are equal, and not their bytes.
        assert_eq!(again.push(&entry.flow, entry.counters), Ok(()));
        match entry.flow() {
            Ok(flow) => {
                let kept = FlowFlags(flow.flags.0 & FlowFlags::KEPT.0);
                assert_eq!(packed.unpack(), Flow { flags: kept, ..flow });
            }
            Err(error) => check_error(&error, MESSAGE_LEN_MAX),
        }
    }
    assert!(entries.iter().eq(again.iter()));
}

/// A value that knows its canonical bytes keeps it when it goes through them.
fn check_round_trip<T: Debug + PartialEq>(
    data: &[u8],
    decode: impl Fn(&mut Reader<'_>) -> Result<T, WireError>,
    encode: impl Fn(&T, &mut Vec<u8>),
) -> Option<T> {
    // A part of a message is never longer than one.
    let data = data.get(..MESSAGE_LEN_MAX).unwrap_or(data);
    match decode(&mut Reader::new(data)) {
        Ok(value) => {
            let mut written = Vec::new();
            encode(&value, &mut written);
            check_growth(data.len(), written.len());
            if written.len() <= MESSAGE_LEN_MAX {
                assert_eq!(decode(&mut Reader::new(&written)).as_ref(), Ok(&value));
            }
            Some(value)
        }
        Err(error) => {
            check_error(&error, data.len());
            None
        }
    }
}

/// A match: with its header and padding, and the bare fields.
pub fn openflow_match(data: &[u8]) {
    check_round_trip(data, Match::decode, Match::encode);
    let fields = check_round_trip(data, Match::decode_fields, Match::encode_fields);
    if let Some(matching) = fields {
        let printed = matching.to_string();
        match (text::parse_match(&printed), matching.missing_prerequisite()) {
            (Ok(parsed), None) => assert_eq!(parsed, matching, "{printed}"),
            // Text has one name for the ports of three protocols.
            (Ok(_), Some(_)) | (Err(_), _) => {}
        }
        for entry in matching.fields() {
            assert_eq!(entry.value & !entry.mask, 0, "a bit counts that is not in the mask: {entry:?}");
            assert_ne!(entry.mask, 0, "{entry:?}");
        }
        assert!(matching.missing_prerequisite().is_none_or(|field| matching.get(field).is_some()));
    }
}

/// A list of actions.
pub fn openflow_actions(data: &[u8]) {
    let decoded = check_round_trip(data, decode_list, |actions, out| encode_list(actions, out));
    if let Some(actions) = decoded {
        check_flow(&Flow::new(0, 0).actions(actions));
    }
}

/// The instructions of a flow.
pub fn openflow_instructions(data: &[u8]) {
    if let Some(instructions) = check_round_trip(data, Instructions::decode, Instructions::encode) {
        check_flow(&Flow { instructions, ..Flow::new(0, 0) });
    }
}

/// What is printed of a flow is what text can say, and packing keeps all of it. The syntax has no place for some numbers that
/// only the wire has, and says a masked write in its own way, so it is the flow that was read back which prints as itself.
fn check_flow(flow: &Flow) {
    if let Ok(parsed) = text::parse_flow(&flow.to_string()) {
        let printed = parsed.to_string();
        assert_eq!(text::parse_flow(&printed), Ok(parsed), "{printed}");
    }
    if let Ok(packed) = PackedFlow::new(flow) {
        check_canonical(&packed, flow);
    }
}

fn check_canonical(packed: &PackedFlow, flow: &Flow) {
    let kept = FlowFlags(flow.flags.0 & FlowFlags::KEPT.0);
    let flow = Flow { flags: kept, ..flow.clone() };
    assert_eq!(packed.unpack(), flow);
    assert_eq!(packed.canonical().as_ref(), Some(packed));
    assert_eq!(packed.key(), FlowKey::new(flow.table, flow.priority, &flow.matching));
    assert_eq!(flow_mod_of(packed), Ok(FlowMod::from(&flow)));
}

/// The flow-mod that a packed flow writes, decoded.
fn flow_mod_of(packed: &PackedFlow) -> Result<FlowMod, WireError> {
    let mut bytes = Vec::new();
    packed.encode_add(1, &mut bytes);
    match Message::decode(&bytes)? {
        (1, Message::FlowMod(flow_mod)) => Ok(flow_mod),
        (xid, other) => panic!("a flow was written as {} {xid}", other.name()),
    }
}

/// A flow as a switch might show it: fixed parts, the length of its match, match and instructions.
pub fn openflow_packed_flow(data: &[u8]) {
    let mut bytes = Bytes::new(data.get(..MESSAGE_LEN_MAX - FLOW_FIXED_BYTES_MAX).unwrap_or(data));
    let (table, priority, cookie) = (bytes.u8(), bytes.u16(), bytes.u64());
    let (idle_s, hard_s, flags) = (bytes.u16(), bytes.u16(), FlowFlags(bytes.u16()));
    let match_len = bytes.u16().into();
    let (match_fields, instructions) = (bytes.take(match_len), bytes.rest());
    let shown = WireFlow { table, priority, cookie, idle_s, hard_s, flags, match_fields, instructions };

    let packed = PackedFlow::from_wire(&shown);
    let kept = WireFlow { flags: FlowFlags(flags.0 & FlowFlags::KEPT.0), ..shown };
    assert_eq!(packed.as_wire(), kept);
    assert_eq!(PackedFlow::from_wire(&packed.as_wire()), packed);
    assert_eq!((packed.table(), packed.priority(), packed.cookie()), (table, priority, cookie));
    let flow = packed.unpack();
    assert_eq!((flow.table, flow.priority, flow.cookie), (table, priority, cookie));
    assert!(!format!("{flow} {packed:?} {}", packed.key()).is_empty());

    let mut entries = FlowEntries::default();
    assert_eq!(entries.push(&kept, Counters::default()), Ok(()));
    assert!(entries.iter().map(|entry| entry.packed()).eq([packed.clone()]));

    let written = flow_mod_of(&packed);
    if let Some(canonical) = packed.canonical() {
        check_canonical(&canonical, &flow);
        assert_eq!(written, Ok(FlowMod::from(&flow)));
    }
    check_deletion(&packed.key());
}

/// The deletion of a flow names its key, as far as the key makes sense.
fn check_deletion(key: &FlowKey) {
    let mut bytes = Vec::new();
    key.encode_delete(1, &mut bytes);
    if let Ok((_, message)) = Message::decode(&bytes) {
        assert_eq!(message, Message::FlowMod(FlowMod::delete_strict(key)));
    }
}
