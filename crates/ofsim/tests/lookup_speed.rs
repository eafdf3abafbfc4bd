//! What a look-up costs in a table of the size of a large host: measured and printed, not asserted, because machines
//! differ. What is asserted is that every packet finds its flow.

#![expect(clippy::unwrap_used, reason = "in a test, also in its helpers, a panic is how it fails")]

use std::time::Instant;

use net_types::OfPort;
use ofsim::{Key, Switch};
use openflow::{Delta, Field, Flow, Match, PackedFlow};

const FLOWS: u32 = 100_000;
const PACKETS: u32 = 10_000;
/// Prefix lengths by which the destinations are matched: as many masks.
const PREFIXES: [u32; 10] = [32, 31, 30, 29, 28, 27, 26, 25, 24, 23];

fn flow(number: u32) -> Flow {
    let prefix = PREFIXES[usize::try_from(number).unwrap() % PREFIXES.len()];
    let mask = u32::MAX << (32 - prefix);
    let network = number / 10;
    let matching = Match::new()
        .with(Field::EthType, 0x0800_u16)
        .with(Field::Metadata, u64::from(network))
        .with_masked(Field::Ipv4Dst, 0x0a00_0000_u32 & mask, mask);
    Flow::new(3, u16::try_from(prefix).unwrap()).matching(matching).cookie(number.into()).goto(4)
}

#[test]
fn a_hundred_thousand_flows() {
    let flows: Vec<PackedFlow> = (0..FLOWS).map(|number| PackedFlow::new(&flow(number)).unwrap()).collect();
    let mut switch = Switch::new();
    let start = Instant::now();
    switch.apply(&Delta { flows, ..Delta::default() });
    let installed = start.elapsed();
    assert_eq!(switch.flow_count(3), usize::try_from(FLOWS).unwrap());

    let mut key = Key::new(OfPort::new(1));
    key.set(Field::EthType, 0x0800);
    let start = Instant::now();
    for number in 0..PACKETS {
        let network = u64::from(number) * 7919 % u64::from(FLOWS / 10);
        key.set(Field::Metadata, network.into());
        // The second half of the /23 is left to the flow of the shortest prefix.
        key.set(Field::Ipv4Dst, if number % 2 == 0 { 0x0a00_0000 } else { 0x0a00_01ff });
        let found = switch.lookup(3, &key).expect("a flow for every packet");
        let prefix = if number % 2 == 0 { 32 } else { 23 };
        assert_eq!((found.entry.flow.priority, found.entry.flow.cookie / 10), (prefix, network));
    }
    let looked_up = start.elapsed();
    println!(
        "{FLOWS} flows with {} masks installed in {installed:?}; {PACKETS} look-ups in {looked_up:?}, {:?} each",
        PREFIXES.len(),
        looked_up / PACKETS
    );
}
