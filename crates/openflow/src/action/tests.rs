use crate::wire::{NESTED_ACTIONS_DEPTH_MAX, Problem, Reader};

use super::*;

fn encoded(actions: &[Action]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_list(actions, &mut out);
    out
}

fn decoded(bytes: &[u8]) -> Result<Vec<Action>, crate::WireError> {
    decode_list(&mut Reader::new(bytes))
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// What ovs-vswitchd 3.1.0 wrote in a dump of flows that `ovs-ofctl` had added.
#[test]
fn actions_are_the_bytes_that_open_vswitch_writes() {
    let cases = [
        (Action::set(Field::Reg1, 5_u32), "00190010000102040000000500000000"),
        (
            Action::load(Subfield::new(Field::Reg0, 0, 4).unwrap(), 1),
            "ffff00180000232000070003000100040000000000000001",
        ),
        (Action::resubmit(4), "ffff001000002320000efff804000000"),
        (
            Action::Ct(Ct {
                commit: true,
                zone: Zone::Imm(5),
                actions: vec![
                    Action::Nat(Nat {
                        kind: Some(NatKind::Src),
                        addrs: Some(NatAddrs::V4 {
                            min: [10, 0, 0, 1].into(),
                            max: Some([10, 0, 0, 5].into()),
                        }),
                        port_min: 20,
                        port_max: 30,
                        ..Nat::default()
                    }),
                    Action::set(Field::CtMark, 5_u32),
                ],
                ..Ct::default()
            }),
            "ffff00480000232000230001000000000005ff0000000000ffff00200000232000240000000100330a0000010a0000050014001e\
             00000000001900100001d6040000000500000000",
        ),
    ];
    for (action, text) in cases {
        let bytes = hex(text);
        assert_eq!(encoded(std::slice::from_ref(&action)), bytes, "{action:?}");
        assert_eq!(decoded(&bytes).unwrap(), [action]);
    }
}

#[test]
fn what_an_action_says_besides_is_not_lost() {
    let cases = [
        // A mask, which set_field has only from OpenFlow 1.5 on.
        "001900188000090c00000000123400000000ffff00000000",
        // A third flag of ct, a sixth one of nat, a seventh range of nat, a fourth flag of learn.
        "ffff00180000232000230004000000000005ff0000000000",
        "ffff0010000023200024000000200000",
        "ffff0010000023200024000000010040",
        "ffff0020000023200010000000000001000000000000000000080100000000000000",
        // The flag of a result in the form of learn that has none.
        "ffff0020000023200010000000000001000000000000000000040100000000000000",
    ];
    for case in cases {
        let mut bytes = hex(case);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        let len = u16::try_from(bytes.len()).unwrap();
        bytes[2..4].copy_from_slice(&len.to_be_bytes());
        assert_eq!(decoded(&bytes).unwrap(), [Action::Unknown(bytes.clone())]);
    }
}

#[test]
fn nat_begins_no_range_with_zero() {
    let error = decoded(&hex("ffff0018000023200024000000010001000000000000000000")[..24]).unwrap_err();
    assert!(error.to_string().contains("the first address of nat"), "{error}");
}

#[test]
fn the_table_has_each_code_once() {
    for (place, def) in ACTIONS.iter().enumerate() {
        assert_eq!(def.kind as usize, place, "{:?} is where its number says", def.kind);
        assert!(ACTIONS[..place].iter().all(|other| other.code != def.code), "{:?} is doubled", def.code);
    }
}

#[test]
fn what_is_not_in_the_table_is_kept_as_bytes() {
    let strange = [
        hex("ffff0010000023200fff000000000000"),
        hex("ffff0010deadbeef0001000000000000"),
        hex("7777000800000000"),
        // A load into a field that does not exist.
        hex("ffff00180000232000070003000199040000000000000001"),
    ];
    for bytes in strange {
        assert_eq!(decoded(&bytes).unwrap(), [Action::Unknown(bytes.clone())]);
        assert_eq!(encoded(&decoded(&bytes).unwrap()), bytes);
    }
}

#[test]
fn lengths_that_lie_are_named_with_their_place() {
    let good = encoded(&[Action::DecTtl, Action::Group(1)]);
    for (len, at) in [(0_u8, 12), (4, 12), (7, 12), (12, 12), (64, 12)] {
        let mut bytes = good.clone();
        bytes[11] = len;
        let error = decoded(&bytes).unwrap_err();
        assert_eq!(error.offset, at, "{error}");
    }
}

#[test]
fn nesting_ends_somewhere() {
    let nested = |depth| (0..depth).fold(Action::Exit, |inner, _| Action::Clone(vec![inner]));
    let deepest = nested(NESTED_ACTIONS_DEPTH_MAX);
    assert_eq!(decoded(&encoded(std::slice::from_ref(&deepest))).unwrap(), [deepest]);
    let error = decoded(&encoded(&[nested(NESTED_ACTIONS_DEPTH_MAX + 1)])).unwrap_err();
    assert_eq!(error.problem, Problem::TooDeep { what: "actions" });
}

#[test]
fn a_load_keeps_to_its_bits() {
    let dst = Subfield::new(Field::Reg0, 4, 8).unwrap();
    assert_eq!(Action::load(dst, 0x1ff), Action::Load { dst, value: 0xff });
    let wide = Action::load(Subfield::all(Field::CtLabel), u64::MAX);
    assert_eq!(wide, Action::Load { dst: Subfield::new(Field::CtLabel, 0, 64).unwrap(), value: u64::MAX });
}
