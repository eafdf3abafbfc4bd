use net_types::OfPort;
use openflow::action::Action;
use openflow::group::{Bucket, Group, GroupKind};
use openflow::meter::{Meter, MeterUnit};
use openflow::{Delta, Field, Flow, Match, PackedFlow};

use super::Switch;
use crate::key::Key;

fn flow(table: u8, reg0: u32) -> Flow {
    Flow::new(table, 10).matching(Match::new().with(Field::Reg0, reg0)).cookie(reg0.into())
}

fn group(id: u32) -> Group {
    Group { id, kind: GroupKind::All, buckets: vec![Bucket::new(vec![Action::output(OfPort::new(2))])] }
}

fn meter(id: u32) -> Meter {
    Meter { id, unit: MeterUnit::Pktps, burst: false, stats: false, bands: vec![] }
}

fn adding(flows: &[Flow]) -> Delta {
    Delta {
        flows: flows.iter().map(|flow| PackedFlow::new(flow).unwrap()).collect(),
        groups: vec![group(1), group(2)],
        meters: vec![meter(3)],
        ..Delta::default()
    }
}

#[test]
fn what_is_deleted_was_never_there() {
    let flows = [flow(0, 1), flow(0, 2), flow(7, 1)];
    let mut switch = Switch::new();
    switch.apply(&adding(&flows));
    assert_eq!(
        (switch.len(), switch.flow_count(0), switch.flow_count(7), switch.flow_count(3)),
        (3, 2, 1, 0)
    );
    switch.apply(&Delta {
        delete_flows: flows.iter().map(|flow| PackedFlow::new(flow).unwrap().key()).collect(),
        delete_groups: vec![1, 2, 99],
        delete_meters: vec![3],
        ..Delta::default()
    });
    assert!(switch.is_empty());
    assert_eq!(switch, Switch::new());
}

#[test]
fn a_flow_takes_the_place_of_the_one_with_its_key() {
    let mut switch = Switch::new();
    switch.apply(&adding(&[flow(0, 1)]));
    let newer = flow(0, 1).cookie(9).goto(4);
    // In one delta the new one counts, though the old one is deleted.
    let mut delta = adding(std::slice::from_ref(&newer));
    delta.delete_flows.push(delta.flows[0].key());
    switch.apply(&delta);
    assert_eq!(switch.flows().collect::<Vec<_>>(), [&newer]);
}

#[test]
fn the_order_of_installation_does_not_matter() {
    let flows = [flow(0, 1), flow(0, 2), flow(7, 1)];
    let (mut forwards, mut backwards) = (Switch::new(), Switch::new());
    forwards.apply(&adding(&flows));
    for flow in flows.iter().rev() {
        backwards.apply(&adding(std::slice::from_ref(flow)));
    }
    assert_eq!(forwards, backwards);
}

#[test]
fn a_flow_with_a_field_that_nobody_knows_is_kept_and_matches_nothing() {
    let unknown = [0x12, 0x34, 0x02, 0x01, 0x55];
    let matching = Match::decode_fields(&mut openflow::wire::Reader::new(&unknown)).unwrap();
    let opaque = Flow::new(0, 10).matching(matching);
    let mut switch = Switch::new();
    switch.apply(&adding(std::slice::from_ref(&opaque)));
    assert_eq!(switch.len(), 1);
    assert!(switch.lookup(0, &Key::new(OfPort::new(1))).is_none());
    let key = PackedFlow::new(&opaque).unwrap().key();
    switch.apply(&Delta { delete_flows: vec![key], ..Delta::default() });
    assert_eq!(switch.len(), 0);
}

#[test]
fn of_a_fragment_no_ports_are_seen() {
    let tcp = Match::new().with(Field::EthType, 0x0800_u16).with(Field::IpProto, 6_u8);
    let mut switch = Switch::new();
    let web = Flow::new(0, 10).matching(tcp.clone().with(Field::TcpDst, 80_u16)).cookie(1);
    let none = Flow::new(0, 9).matching(tcp.with(Field::TcpDst, 0_u16)).cookie(2);
    switch.apply(&adding(&[web, none]));
    let mut key = Key::new(OfPort::new(1));
    for (field, value) in [(Field::EthType, 0x0800), (Field::IpProto, 6), (Field::TcpDst, 80)] {
        key.set(field, value);
    }
    let cookie = |key: &Key| switch.lookup(0, key).map(|found| found.entry.flow.cookie);
    assert_eq!(cookie(&key), Some(1));
    key.set(Field::IpFrag, 1);
    assert_eq!(cookie(&key), Some(2));
}
