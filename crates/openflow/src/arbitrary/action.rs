//! Random actions.

use net_types::OfPort;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::matching::{field_value, is_tunnel_option, physical_port};
use super::{Scope, TABLE_LAST};
use crate::action::{
    Action, Controller, Ct, Learn, LearnDst, LearnFlags, LearnSpec, LearnSrc, Nat, NatAddrs, NatKind,
    NatMode, Resubmit, Zone,
};
use crate::field::{Field, Prereq, Subfield};
use crate::matching::Match;

/// Actions in one list.
const ACTIONS_MAX: usize = 5;
/// Nesting of `clone`.
const DEPTH_MAX: u32 = 2;

/// Whether only `ct` may write the field.
fn is_of_ct(field: Field) -> bool {
    matches!(field, Field::CtMark | Field::CtLabel)
}

/// Fields with a Nicira header, of a length that the switch cannot change.
fn nxm_fields(keep: impl Fn(Field) -> bool) -> Vec<Field> {
    let all = Field::ALL.iter().copied();
    all.filter(|&field| field.def().nxm.is_some() && !is_tunnel_option(field) && field != Field::InPort16)
        .filter(|field| !matches!(field, Field::VlanTci | Field::IpTos) && keep(*field))
        .collect()
}

/// Fields that an action may write on packets of this match.
fn writable(matching: &Match) -> impl Fn(Field) -> bool + '_ {
    |field| {
        let prereq = if field == Field::VlanVid { Prereq::Vlan } else { field.def().prereq };
        field.def().writable && !is_of_ct(field) && matching.meets(prereq)
    }
}

/// Some bits of one of `fields`, at most `bits_max`.
fn subfield(fields: Vec<Field>, bits_max: u16) -> impl Strategy<Value = Subfield> {
    select(fields).prop_flat_map(move |field| {
        (1..=field.bits().min(bits_max)).prop_flat_map(move |n_bits| {
            (0..=field.bits() - n_bits).prop_map(move |ofs| Subfield { field, ofs, n_bits })
        })
    })
}

/// `len` bits of one of `fields`.
fn exactly(fields: &[Field], n_bits: u16) -> impl Strategy<Value = Subfield> + use<> {
    let wide: Vec<Field> = fields.iter().copied().filter(|field| field.bits() >= n_bits).collect();
    select(wide).prop_flat_map(move |field| {
        (0..=field.bits() - n_bits).prop_map(move |ofs| Subfield { field, ofs, n_bits })
    })
}

fn set_field(fields: Vec<Field>) -> impl Strategy<Value = Action> {
    select(fields)
        .prop_flat_map(|field| field_value(field).prop_map(move |value| Action::SetField { field, value }))
}

fn load(fields: Vec<Field>) -> impl Strategy<Value = Action> {
    subfield(fields, 64).prop_flat_map(|dst| any::<u64>().prop_map(move |value| Action::load(dst, value)))
}

fn load2(fields: Vec<Field>) -> impl Strategy<Value = Action> {
    select(fields).prop_flat_map(|field| {
        (field_value(field), 1..=field.full_mask()).prop_map(move |(value, mask)| Action::Load2 {
            field,
            value: value & mask,
            mask,
        })
    })
}

fn copy(src: Vec<Field>, dst: Vec<Field>) -> impl Strategy<Value = Action> {
    subfield(dst, 128)
        .prop_flat_map(move |dst| exactly(&src, dst.n_bits).prop_map(move |src| Action::Move { src, dst }))
}

fn controller(scope: Scope) -> impl Strategy<Value = Action> {
    let parts = (any::<u16>(), any::<u16>(), 0_u8..3, vec(any::<u8>(), 0..20), any::<bool>());
    (parts, option::of(1_u32..0xffff_0000)).prop_map(
        move |((max_len, id, reason, userdata, pause), meter)| {
            let meter = meter.filter(|_| scope == Scope::Anything);
            Action::Controller(Controller { max_len, id, reason, userdata, pause, meter })
        },
    )
}

fn resubmit(matching: &Match) -> impl Strategy<Value = Action> + use<> {
    let tracked = matching.meets(Prereq::CtIp);
    (option::of(physical_port()), 0..=TABLE_LAST, any::<bool>()).prop_map(move |(in_port, table, ct)| {
        Action::Resubmit(Resubmit { in_port, table: Some(table), ct: ct && tracked })
    })
}

fn ip_ttl() -> impl Strategy<Value = Action> {
    prop_oneof![
        any::<u8>().prop_map(Action::SetTtl),
        Just(Action::DecTtl),
        vec(any::<u16>(), 1..6).prop_map(Action::DecTtlIds)
    ]
}

fn nat_addrs(matching: &Match) -> BoxedStrategy<NatAddrs> {
    let v4 = (1_u32..u32::MAX, option::of(1_u32..100)).prop_map(|(min, more)| NatAddrs::V4 {
        min: min.into(),
        max: more.map(|more| min.saturating_add(more).into()),
    });
    let v6 = (1_u128..u128::MAX, option::of(1_u128..100)).prop_map(|(min, more)| NatAddrs::V6 {
        min: min.into(),
        max: more.map(|more| min.saturating_add(more).into()),
    });
    if matching.meets(Prereq::Ipv4) { v4.boxed() } else { v6.boxed() }
}

/// A translation that a committing `ct` may have.
fn nat(matching: &Match) -> impl Strategy<Value = Nat> + use<> {
    let kind = prop_oneof![Just(NatKind::Src), Just(NatKind::Dst)];
    let mode = option::of(prop_oneof![Just(NatMode::Hash), Just(NatMode::Random)]);
    (kind, any::<bool>(), mode, nat_addrs(matching), option::of((1_u16..60_000, 0_u16..1000))).prop_map(
        |(kind, persistent, mode, addrs, ports)| {
            let (port_min, more) = ports.unwrap_or_default();
            let port_max = if more == 0 { 0 } else { port_min + more };
            Nat { kind: Some(kind), persistent, mode, addrs: Some(addrs), port_min, port_max }
        },
    )
}

fn ct(matching: &Match) -> impl Strategy<Value = Action> + use<> {
    let zone = prop_oneof![
        any::<u16>().prop_map(Zone::Imm),
        exactly(&[Field::Reg0, Field::Reg15, Field::XxReg1, Field::CtZone], 16).prop_map(Zone::From)
    ];
    let writes = vec(
        prop_oneof![
            set_field(vec![Field::CtMark, Field::CtLabel]),
            load(vec![Field::CtMark, Field::CtLabel]),
            copy(nxm_fields(|field| field.def().prereq == Prereq::Any), vec![Field::CtMark, Field::CtLabel])
        ],
        0..3,
    );
    let commit = (any::<bool>(), option::of(nat(matching)), writes).prop_map(|(force, nat, writes)| {
        (true, force, nat.map(Action::Nat).into_iter().chain(writes).collect::<Vec<_>>())
    });
    let look = any::<bool>().prop_map(|nat| (false, false, vec![Action::Nat(Nat::default()); nat.into()]));
    // The helper of FTP is for TCP, that of TFTP for UDP.
    let alg = select(match () {
        () if matching.meets(Prereq::Tcp) => vec![0_u16, 21],
        () if matching.meets(Prereq::Udp) => vec![0, 69],
        () => vec![0],
    });
    (zone, option::of(0..=TABLE_LAST), alg, prop_oneof![commit, look]).prop_map(
        |(zone, table, alg, (commit, force, actions))| {
            Action::Ct(Ct { commit, force, zone, table, alg, actions })
        },
    )
}

fn learn_spec() -> impl Strategy<Value = LearnSpec> {
    let regs = || vec![Field::Reg1, Field::Reg2, Field::XxReg3, Field::PktMark, Field::TunId];
    let dst = (subfield(regs(), 128), any::<bool>());
    let to_field = dst.prop_flat_map(move |(dst, load)| {
        let n_bits = dst.n_bits;
        let from_field = exactly(&regs(), n_bits).prop_map(LearnSrc::Field);
        let value = any::<u128>().prop_map(move |value| LearnSrc::Value(value >> (128 - n_bits)));
        let dst = if load { LearnDst::Load(dst) } else { LearnDst::Match(dst) };
        prop_oneof![from_field, value].prop_map(move |src| LearnSpec { n_bits, src, dst })
    });
    let output = exactly(&[Field::Reg4, Field::XxReg2], 16).prop_map(|src| LearnSpec {
        n_bits: 16,
        src: LearnSrc::Field(src),
        dst: LearnDst::Output,
    });
    prop_oneof![3 => to_field, 1 => output]
}

fn learn() -> impl Strategy<Value = Action> {
    let times = (any::<u16>(), any::<u16>(), any::<u16>(), any::<u16>(), any::<u16>());
    let result = option::of(exactly(&[Field::Reg5, Field::XxReg2], 1));
    let form = (any::<u32>(), result, any::<bool>(), any::<bool>());
    (times, 0..u64::MAX, 0..=TABLE_LAST, form, vec(learn_spec(), 0..5)).prop_map(
        |(
            (idle_s, hard_s, priority, fin_idle_s, fin_hard_s),
            cookie,
            table,
            (limit, result, send, delete),
            specs,
        )| {
            Action::Learn(Box::new(Learn {
                idle_s,
                hard_s,
                priority,
                cookie,
                flags: LearnFlags { send_flow_rem: send, delete_learned: delete },
                table,
                fin_idle_s,
                fin_hard_s,
                limit,
                result,
                specs,
            }))
        },
    )
}

/// An action that needs nothing of the match and no group.
pub fn context_free_action() -> BoxedStrategy<Action> {
    one_action(Scope::FreshSwitch, &Match::new(), DEPTH_MAX)
}

/// An action for packets of this match.
fn one_action(scope: Scope, matching: &Match, depth: u32) -> BoxedStrategy<Action> {
    let readable = || nxm_fields(|field| matching.meets(field.def().prereq));
    let nxm_writable = || nxm_fields(writable(matching));
    // OpenFlow forbids to set the input port like this; `load` may.
    let no_set_field =
        |field| matches!(field, Field::InPort | Field::InPort16 | Field::VlanTci | Field::IpTos);
    let all_writable: Vec<Field> = Field::ALL
        .iter()
        .copied()
        .filter(|field| writable(matching)(*field) && !no_set_field(*field))
        .filter(|field| scope == Scope::Anything || !is_tunnel_option(*field))
        .collect();
    let maskable: Vec<Field> = nxm_writable().into_iter().filter(|field| field.def().maskable).collect();
    let port = || prop_oneof![4 => physical_port(), 1 => select(vec![OfPort::LOCAL, OfPort::IN_PORT])];
    let check_dst = exactly(&[Field::Reg6, Field::XxReg0], 1);
    let plain = prop_oneof![
        (port(), any::<u16>()).prop_map(|(port, max_len)| Action::Output { port, max_len }),
        (subfield(readable(), 32), any::<u16>())
            .prop_map(|(src, max_len)| Action::OutputReg { src, max_len }),
        (physical_port(), 14_u32..10_000).prop_map(|(port, max_len)| Action::OutputTrunc { port, max_len }),
        controller(scope),
        any::<u32>().prop_map(Action::SetQueue),
        Just(Action::PopQueue),
        Just(Action::CtClear),
        vec(any::<u8>(), 0..20).prop_map(|mut bytes| {
            // A note fills its action: six bytes, or eight more.
            bytes.resize(6 + bytes.len() / 8 * 8, 0);
            Action::Note(bytes)
        }),
        (any::<u16>(), any::<u16>()).prop_map(|(idle_s, hard_s)| Action::FinTimeout { idle_s, hard_s }),
        (any::<u16>(), check_dst).prop_map(|(len, dst)| Action::CheckPktLarger { len, dst }),
        Just(Action::Exit),
    ];
    // An action sees the packet of its place, so what only a TCP packet can have done needs a match for TCP.
    let plain = if matching.meets(Prereq::Tcp) {
        plain.boxed()
    } else {
        plain.prop_filter("only for TCP", |action| !matches!(action, Action::FinTimeout { .. })).boxed()
    };
    let fields = prop_oneof![
        set_field(all_writable),
        load(nxm_writable()),
        load2(maskable),
        copy(readable(), nxm_writable()),
        subfield(readable(), 128).prop_map(Action::StackPush),
        subfield(nxm_writable(), 128).prop_map(Action::StackPop),
    ];
    let mut kinds =
        vec![(4, plain), (4, fields.boxed()), (1, resubmit(matching).boxed()), (1, learn().boxed())];
    if matching.meets(Prereq::Ip) {
        kinds.push((1, ip_ttl().boxed()));
        kinds.push((2, ct(matching).boxed()));
    }
    if matching.meets(Prereq::Mpls) {
        let mpls = prop_oneof![any::<u8>().prop_map(Action::SetMplsTtl), Just(Action::DecMplsTtl)];
        kinds.push((1, mpls.boxed()));
    }
    if scope == Scope::Anything {
        kinds.push((1, (0_u32..0xffff_ff00).prop_map(Action::Group).boxed()));
    }
    if depth > 0 {
        let inner = vec(one_action(scope, matching, depth - 1), 0..3);
        kinds.push((1, inner.prop_map(Action::Clone).boxed()));
    }
    proptest::strategy::Union::new_weighted(kinds).boxed()
}

/// What changes the packet so that actions behind it could not rely on the match; one at most, and last.
fn last_action(scope: Scope, matching: &Match) -> BoxedStrategy<Action> {
    let mut kinds = vec![
        select(vec![0x8100_u16, 0x88a8]).prop_map(Action::PushVlan).boxed(),
        select(vec![0x8847_u16, 0x8848]).prop_map(Action::PushMpls).boxed(),
    ];
    if matching.meets(Prereq::Vlan) {
        kinds.push(Just(Action::PopVlan).boxed());
    }
    if matching.meets(Prereq::Mpls) {
        kinds.push(Just(Action::PopMpls(0x0800)).boxed());
    }
    if scope == Scope::Anything {
        let options: Vec<Field> =
            Field::ALL.iter().copied().filter(|field| is_tunnel_option(*field)).collect();
        kinds.push(select(options).prop_map(Action::DeleteField).boxed());
    }
    proptest::strategy::Union::new(kinds).boxed()
}

/// Actions that a flow with this match may have, in an order that a switch takes.
pub fn action_list(scope: Scope, matching: &Match) -> BoxedStrategy<Vec<Action>> {
    let conjunction = (any::<u32>(), 2_u8..=64)
        .prop_flat_map(|(id, n_clauses)| (Just(id), 1..=n_clauses, Just(n_clauses)))
        .prop_map(|(id, clause, n_clauses)| Action::Conjunction { id, clause, n_clauses });
    let some = vec(one_action(scope, matching, DEPTH_MAX), 0..ACTIONS_MAX);
    let list = (some, option::of(last_action(scope, matching)))
        .prop_map(|(some, last)| some.into_iter().chain(last).collect::<Vec<_>>());
    prop_oneof![9 => list, 1 => vec(conjunction, 1..3)].boxed()
}
