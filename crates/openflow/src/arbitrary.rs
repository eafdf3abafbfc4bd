//! Random values for property tests, as `proptest` strategies.
//!
//! # Guarantees
//! - Values are canonical: what is encoded and decoded again is equal.
//! - They are legal: a [`flow`] states the prerequisites of all that it matches and writes, keeps values in the ranges of
//!   their fields, and nests and orders actions as Open vSwitch wants them. With [`Scope::FreshSwitch`] a switch takes it
//!   that has nothing yet; with [`Scope::Anything`] the groups, meters and tunnel options that it names would have to exist.
//! - [`message`] makes every message, [`action_list`] every action.

mod action;
mod matching;
mod message;
mod multipart;

pub use action::{action_list, context_free_action};
pub use matching::{field_value, matches};
pub use message::message;

use proptest::option;
use proptest::prelude::*;

use crate::action::Action;
use crate::flow::{Flow, FlowFlags};
use crate::group::{Bucket, Group, GroupKind};
use crate::instruction::Instructions;
use crate::matching::Match;
use crate::meter::{Band, BandKind, Meter, MeterUnit};

/// The last table that flows may be in; the one behind it is the switch's own.
const TABLE_LAST: u8 = 253;

/// Transaction id of messages inside a bundle's addition; the message around them has to have it too.
pub const BUNDLED_XID: u32 = 0x1234;

/// What may be referred to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Only what every switch has.
    FreshSwitch,
    /// Also groups, meters and tunnel options, of any number.
    Anything,
}

/// A flow, in any table that has a later one.
pub fn flow(scope: Scope) -> impl Strategy<Value = Flow> {
    let identity = (0_u8..TABLE_LAST, any::<u16>(), matches(scope));
    identity.prop_flat_map(move |(table, priority, matching)| {
        let rest =
            (any::<u64>(), any::<u16>(), any::<u16>(), flow_flags(), instructions(scope, table, &matching));
        rest.prop_map(move |(cookie, idle_s, hard_s, flags, instructions)| Flow {
            table,
            priority,
            matching: matching.clone(),
            cookie,
            idle_s,
            hard_s,
            flags,
            instructions,
        })
    })
}

/// Those that a switch keeps and shows.
fn flow_flags() -> impl Strategy<Value = FlowFlags> {
    any::<u16>().prop_map(|bits| FlowFlags(bits & FlowFlags::KEPT.0))
}

/// Instructions of a flow in `table` with this match.
pub fn instructions(
    scope: Scope,
    table: u8,
    matching: &Match,
) -> impl Strategy<Value = Instructions> + use<> {
    let meter =
        option::of(1_u32..0xffff_0000).prop_map(move |meter| meter.filter(|_| scope == Scope::Anything));
    let metadata =
        option::of((any::<u64>(), 1..=u64::MAX)).prop_map(|metadata| metadata.map(|(v, m)| (v & m, m)));
    let write = option::of(matching::physical_port());
    let jump = option::of((table + 1)..=TABLE_LAST);
    let parts = (action_list(scope, matching), meter, any::<bool>(), write, metadata, jump);
    parts.prop_map(|(apply, meter, clear, write, metadata, goto)| {
        if apply.iter().any(|action| matches!(action, Action::Conjunction { .. })) {
            // A conjunction tolerates nothing beside it.
            return Instructions::apply(apply);
        }
        let write = write.map(Action::output).into_iter().collect();
        Instructions { meter, apply, clear, write, metadata, goto, unknown: vec![] }
    })
}

/// A group that a switch takes; its buckets neither use nor watch other groups.
pub fn group() -> impl Strategy<Value = Group> {
    let kind = prop_oneof![
        Just(GroupKind::All),
        Just(GroupKind::Select),
        Just(GroupKind::Indirect),
        Just(GroupKind::FastFailover)
    ];
    (0_u32..0xffff_ff00, kind).prop_flat_map(|(id, kind)| {
        let count = if kind == GroupKind::Indirect { 1..2 } else { 0..6 };
        proptest::collection::vec(bucket(kind), count).prop_map(move |buckets| Group { id, kind, buckets })
    })
}

fn bucket(kind: GroupKind) -> impl Strategy<Value = Bucket> {
    let actions = proptest::collection::vec(context_free_action(), 0..4);
    (actions, any::<u16>(), matching::physical_port()).prop_map(move |(actions, weight, port)| Bucket {
        weight: if kind == GroupKind::Select { weight } else { 0 },
        watch_port: (kind == GroupKind::FastFailover).then_some(port),
        watch_group: None,
        actions,
    })
}

/// A meter that a switch takes.
pub fn meter() -> impl Strategy<Value = Meter> {
    let band = (1_u32..1_000_000, 1_u32..1_000_000).prop_map(|(rate, burst)| Band {
        kind: BandKind::Drop,
        rate,
        burst,
    });
    let unit = prop_oneof![Just(MeterUnit::Kbps), Just(MeterUnit::Pktps)];
    (1_u32..0xffff_0000, unit, any::<bool>(), proptest::collection::vec(band, 1..4))
        .prop_map(|(id, unit, stats, bands)| Meter { id, unit, burst: true, stats, bands })
}
