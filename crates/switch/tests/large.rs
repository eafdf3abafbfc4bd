//! A hundred thousand flows: what gets in is what was desired, byte for byte, and nothing is sent twice.

mod common;

use common::{connect, dump_packed, flow, ovs, put, same, scope};
use openflow::delta::Delta;
use openflow::flow::{FlowSet, PackedFlow};

const FLOWS: u32 = 100_000;

#[tokio::test]
async fn a_hundred_thousand_flows() {
    let ovs = ovs();
    let flows: Vec<PackedFlow> = (0..FLOWS).map(flow).collect();
    let mut desired: FlowSet = flows.iter().cloned().collect();
    let mut switch = connect(&ovs, scope(), Delta::default());
    switch.synced().await;
    assert_eq!(switch.commit(put(flows.clone())).await, FLOWS as usize);
    assert!(switch.refused.is_empty(), "{:?}", switch.refused);
    assert!(same(&dump_packed(&ovs), &desired), "the dump is what was desired, byte for byte");
    drop(switch);

    let mut again = connect(&ovs, scope(), put(flows));
    let report = again.synced().await;
    assert_eq!(report.found.adopted_flows, FLOWS as usize);
    assert_eq!(again.counters().await.flow_mods, 0, "nothing changed, nothing is sent");

    let ten: Vec<_> = (0..10)
        .map(|number| {
            let mut flow = flow(number * 9_999).unpack();
            flow.instructions.goto = Some(70);
            PackedFlow::new(&flow).expect("a short flow")
        })
        .collect();
    desired.extend(ten.iter().cloned());
    assert_eq!(again.commit(put(ten)).await, 10);
    assert_eq!(again.counters().await.flow_mods, 10);
    assert!(same(&dump_packed(&ovs), &desired));
}
