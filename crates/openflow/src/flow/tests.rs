use crate::{Field, Message};

use super::*;

fn flow(number: u32) -> Flow {
    Flow::new(3, 100)
        .matching(Match::new().with(Field::InPort, number).with(Field::EthType, 0x0800_u16))
        .cookie(u64::from(number))
        .set(Field::Reg6, number)
        .goto(4)
}

fn packed(number: u32) -> PackedFlow {
    PackedFlow::new(&flow(number)).unwrap()
}

#[test]
fn packing_loses_nothing() {
    let flow = Flow { idle_s: 7, hard_s: 8, flags: FlowFlags::SEND_FLOW_REM, ..flow(5) };
    let packed = PackedFlow::new(&flow).unwrap();
    assert_eq!(packed.unpack(), flow);
    assert_eq!((packed.table(), packed.priority(), packed.cookie()), (3, 100, 5));
    assert_eq!(packed.key(), FlowKey::new(3, 100, &flow.matching));
    assert_eq!(packed.key().matching(), flow.matching);
    assert_eq!(packed.canonical().as_ref(), Some(&packed));
}

#[test]
fn flags_of_the_moment_are_not_packed() {
    let flow = Flow { flags: FlowFlags(FlowFlags::CHECK_OVERLAP.0 | FlowFlags::NO_PKT_COUNTS.0), ..flow(5) };
    assert_eq!(PackedFlow::new(&flow).unwrap().unpack().flags, FlowFlags::NO_PKT_COUNTS);
}

#[test]
fn flow_mods_of_packed_flows_are_those_of_flows() {
    for number in 0..20 {
        let flow = flow(number);
        let mut direct = Vec::new();
        Message::FlowMod((&flow).into()).encode(9, &mut direct).unwrap();
        let mut fast = Vec::new();
        packed(number).encode_add(9, &mut fast);
        assert_eq!(fast, direct);
        let mut direct = Vec::new();
        let delete = crate::message::FlowMod::delete_strict(&packed(number).key());
        Message::FlowMod(delete).encode(9, &mut direct).unwrap();
        let mut fast = Vec::new();
        packed(number).key().encode_delete(9, &mut fast);
        assert_eq!(fast, direct);
    }
}

#[test]
fn a_flow_that_fits_into_no_message_is_refused() {
    let long = |len| Flow::new(0, 0).action(Action::Note(vec![0; len]));
    assert!(PackedFlow::new(&long(65_000)).is_ok());
    let error = PackedFlow::new(&long(65_500)).unwrap_err();
    assert!(error.len > 65_500, "{error}");
    assert!(PackedFlow::new(&long(200_000)).is_err());
}

#[test]
fn another_order_on_the_wire_is_the_same_flow() {
    let ours = packed(5);
    let swapped = {
        // Ethertype first, then the port.
        let mut fields = vec![0x80, 0x00, 0x0a, 0x02, 0x08, 0x00];
        fields.extend([0x80, 0x00, 0x00, 0x04, 0, 0, 0, 5]);
        fields
    };
    let shown = PackedFlow::from_wire(&WireFlow { match_fields: &swapped, ..ours.as_wire() });
    assert_ne!(shown, ours);
    assert_eq!(shown.canonical(), Some(ours));
}

#[test]
fn bytes_that_make_no_sense_can_still_be_shown_and_named() {
    let ours = packed(5);
    let shown = PackedFlow::from_wire(&WireFlow { match_fields: &[0x80, 0x00, 0x00], ..ours.as_wire() });
    assert_eq!(shown.canonical(), None);
    assert!(shown.to_string().contains("80.00.00"), "{shown}");
    let shown = PackedFlow::from_wire(&WireFlow { instructions: &[0, 4, 0, 1], ..ours.as_wire() });
    assert_eq!(shown.canonical(), None);
    assert_eq!(shown.unpack().instructions.unknown, [vec![0, 4, 0, 1]]);
    assert_eq!(shown.cookie(), 5);
    let twice = [0, 1, 0, 8, 4, 0, 0, 0, 0, 1, 0, 8, 5, 0, 0, 0];
    let shown = PackedFlow::from_wire(&WireFlow { instructions: &twice, ..ours.as_wire() });
    assert_eq!(shown.canonical(), None, "to tables 4 and 5 at once");
}

#[test]
fn a_set_has_one_flow_for_each_key() {
    let mut set: FlowSet = (0..100).map(packed).collect();
    assert_eq!(set.len(), 100);
    let changed = PackedFlow::new(&flow(7).goto(9)).unwrap();
    assert_eq!(set.insert(changed.clone()), Some(packed(7)));
    assert_eq!(set.len(), 100);
    assert_eq!(set.get(packed(7).key_bytes()), Some(&changed));
    assert_eq!(set.remove(&changed.key()), Some(changed.clone()));
    assert_eq!(set.remove(&changed.key()), None);
    assert_eq!((set.len(), set.get(changed.key_bytes())), (99, None));
    let higher = PackedFlow::new(&Flow { priority: 200, ..flow(50) }).unwrap();
    set.insert(higher.clone());
    assert_eq!(set.sorted()[0], &higher, "higher priorities are listed first");
    assert!(set.heap_bytes() > 99 * 100);
}
