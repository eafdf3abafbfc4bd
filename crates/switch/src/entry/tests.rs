use net_types::OfPort;
use openflow::flow::Flow;
use openflow::group::{Bucket, GroupKind};
use openflow::meter::MeterUnit;

use super::*;

fn flow(table: u8) -> PackedFlow {
    PackedFlow::new(&Flow::new(table, 1)).unwrap()
}

fn group(id: u32, uses: &[u32]) -> Group {
    let buckets = uses.iter().map(|id| Bucket::new(vec![Action::Clone(vec![Action::Group(*id)])])).collect();
    Group { id, kind: GroupKind::All, buckets }
}

fn meter(id: u32) -> Meter {
    Meter { id, unit: MeterUnit::Kbps, burst: false, stats: false, bands: vec![] }
}

fn ids(entries: &[Entry]) -> Vec<String> {
    entries
        .iter()
        .map(|entry| format!("{}{}", if entry.is_put() { '+' } else { '-' }, brief(entry)))
        .collect()
}

fn brief(entry: &Entry) -> String {
    match entry.id() {
        EntryId::Flow(key) => format!("f{}", key.table()),
        EntryId::Group(id) => format!("g{id}"),
        EntryId::Meter(id) => format!("m{id}"),
    }
}

#[test]
fn what_is_referred_to_comes_first_and_goes_last() {
    let delta = Delta {
        flows: vec![flow(0), flow(5), flow(2)],
        delete_flows: vec![flow(9).key(), flow(1).key()],
        groups: vec![group(1, &[2]), group(2, &[3]), group(3, &[])],
        delete_groups: vec![7, 8],
        meters: vec![meter(4)],
        delete_meters: vec![5],
    };
    let order = ids(&ordered(delta));
    let expected = ["+m4", "+g3", "+g2", "+g1", "+f5", "+f2", "+f0", "-f1", "-f9", "-g8", "-g7", "-m5"];
    assert_eq!(order, expected);
}

#[test]
fn groups_in_a_circle_are_still_sent_so_that_the_switch_can_name_them() {
    let delta = Delta { groups: vec![group(2, &[1]), group(1, &[2]), group(3, &[3])], ..Delta::default() };
    assert_eq!(ids(&ordered(delta)), ["+g3", "+g1", "+g2"]);
}

#[test]
fn only_flows_are_undone() {
    assert_eq!(Entry::PutFlow(flow(3)).undo(), Some(Entry::DeleteFlow(flow(3).key())));
    let plain = Group { buckets: vec![Bucket::new(vec![Action::output(OfPort::new(1))])], ..group(1, &[]) };
    assert_eq!(Entry::PutGroup(plain).undo(), None);
    assert_eq!(Entry::PutMeter(meter(1)).undo(), None);
}
