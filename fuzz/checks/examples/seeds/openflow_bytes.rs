//! OpenFlow's bytes, from random values: one of each kind.

use std::collections::BTreeMap;
use std::fmt::Debug;

use openflow::action::encode_list;
use openflow::arbitrary::{self, BUNDLED_XID, Scope};
use openflow::message::HEADER_LEN;
use openflow::message::multipart::Multipart;
use openflow::wire::Put;
use openflow::{Field, Flow, Match, Message, PackedFlow};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use crate::{Seeds, numbered};

/// Values that are drawn until each kind was there.
const SAMPLES: usize = 4_000;
/// A message that is longer is left out where there is a shorter one.
const LONG_BYTES: usize = 512;
/// Messages that are not longer share a seed.
const SMALL_BYTES: usize = HEADER_LEN + 24;
const FIELDS_PER_SEED: usize = 8;

/// The same values each time.
pub(crate) fn samples<S: Strategy>(count: usize, strategy: S) -> Vec<S::Value> {
    let mut runner = TestRunner::deterministic();
    let draw = |_| strategy.new_tree(&mut runner).expect("the strategies always give a value").current();
    (0..count).map(draw).collect()
}

/// The name of the variant of an enum.
fn variant(value: &impl Debug) -> String {
    let shown = format!("{value:?}");
    shown.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_lowercase()
}

/// The most telling of each kind: the longest that is not long.
fn best_of_each(candidates: impl IntoIterator<Item = (String, Vec<u8>)>) -> BTreeMap<String, Vec<u8>> {
    let mut best: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let rank = |bytes: &[u8]| match bytes.len() {
        len @ ..=LONG_BYTES => len,
        len => LONG_BYTES.saturating_sub(len - LONG_BYTES) / 8,
    };
    for (kind, bytes) in candidates {
        let kept = best.entry(kind).or_insert_with(|| bytes.clone());
        if rank(&bytes) > rank(kept) {
            *kept = bytes;
        }
    }
    best
}

fn encode(message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(BUNDLED_XID, &mut bytes).expect("arbitrary messages are short");
    bytes
}

pub(crate) fn messages() -> Seeds {
    let kind = |message: &Message| match message {
        Message::MultipartRequest(Multipart { part, .. }) => format!("request-{}", variant(part)),
        Message::MultipartReply(Multipart { part, .. }) => format!("reply-{}", variant(part)),
        other => other.name().replace(' ', "-"),
    };
    let drawn = samples(SAMPLES, arbitrary::message());
    let best = best_of_each(drawn.iter().map(|message| (kind(message), encode(message))));
    let (small, mut seeds): (Seeds, Seeds) =
        best.into_iter().partition(|(_, bytes)| bytes.len() <= SMALL_BYTES);
    // A stream of many messages; a fuzzer cuts it at any of them.
    seeds.push(("small-messages".to_owned(), small.into_iter().flat_map(|(_, bytes)| bytes).collect()));
    seeds
}

pub(crate) fn actions() -> Seeds {
    let bytes = |actions: &[_]| {
        let mut bytes = Vec::new();
        encode_list(actions, &mut bytes);
        bytes
    };
    // Some actions need a match that states what they need.
    let lists = arbitrary::matches(Scope::Anything)
        .prop_flat_map(|matching| arbitrary::action_list(Scope::Anything, &matching));
    let lists = samples(SAMPLES, lists);
    let mut each = samples(SAMPLES, arbitrary::context_free_action());
    each.extend(lists.iter().flatten().cloned());
    let best = best_of_each(each.iter().map(|action| (variant(action), bytes(std::slice::from_ref(action)))));
    let mut seeds: Seeds = best.into_iter().collect();
    let long = lists.iter().map(|list| bytes(list)).filter(|bytes| (200..1_000).contains(&bytes.len()));
    seeds.extend(numbered("list", long.take(10)));
    seeds
}

pub(crate) fn instructions() -> Seeds {
    let drawn = samples(40, arbitrary::instructions(Scope::Anything, 0, &Match::new()));
    let encoded = drawn.iter().map(|instructions| {
        let mut bytes = Vec::new();
        instructions.encode(&mut bytes);
        bytes
    });
    numbered("instructions", encoded.filter(|bytes| (8..1_500).contains(&bytes.len())))
}

/// All fields, exact and masked, without what they need; and matches as flows have them.
pub(crate) fn matches() -> Seeds {
    let fields = Field::ALL.chunks(FIELDS_PER_SEED).map(|fields| {
        let mut matching = Match::new();
        for (place, field) in fields.iter().enumerate() {
            let mask = if place % 2 == 0 { u128::MAX } else { 0xf0 };
            matching.set(*field, 0x5a5a_5a5a, mask);
        }
        let mut bytes = Vec::new();
        matching.encode_fields(&mut bytes);
        bytes
    });
    let mut seeds = numbered("fields", fields);
    let drawn = samples(16, arbitrary::matches(Scope::Anything));
    let whole = drawn.iter().map(|matching| {
        let mut bytes = Vec::new();
        matching.encode(&mut bytes);
        bytes
    });
    seeds.extend(numbered("match", whole));
    seeds
}

pub(crate) fn packed_flows() -> Seeds {
    let drawn = samples(40, arbitrary::flow(Scope::Anything));
    numbered("flow", drawn.iter().map(as_shown).filter(|bytes| bytes.len() < 1_500).take(24))
}

/// A flow in the form that the target reads.
fn as_shown(flow: &Flow) -> Vec<u8> {
    let packed = PackedFlow::new(flow).expect("arbitrary flows are short");
    let shown = packed.as_wire();
    let mut bytes = Vec::new();
    bytes.put_u8(shown.table);
    bytes.put_u16(shown.priority);
    bytes.put_u64(shown.cookie);
    let match_len = u16::try_from(shown.match_fields.len()).expect("a match fits into a message");
    for number in [shown.idle_s, shown.hard_s, shown.flags.0, match_len] {
        bytes.put_u16(number);
    }
    bytes.extend_from_slice(shown.match_fields);
    bytes.extend_from_slice(shown.instructions);
    bytes
}
