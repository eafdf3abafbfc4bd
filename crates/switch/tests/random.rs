//! Thousands of random flows, with every field and action that a fresh switch takes: none is refused, the dump is what was
//! desired byte for byte, and a reconnect finds nothing to do.

mod common;

use common::{connect, dump_packed, ovs, put, same};
use openflow::arbitrary;
use openflow::delta::Delta;
use openflow::flow::{Flow, FlowSet, PackedFlow};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use switch::Scope;

const FLOWS: usize = 5_000;

/// Random flows whose time does not run out, the same in every run.
fn flows() -> FlowSet {
    let mut runner = TestRunner::deterministic();
    let strategy = arbitrary::flow(arbitrary::Scope::FreshSwitch);
    let random = || strategy.new_tree(&mut runner).expect("a flow").current();
    std::iter::repeat_with(random)
        .filter_map(|flow| PackedFlow::new(&Flow { idle_s: 0, hard_s: 0, ..flow }).ok())
        .take(FLOWS)
        .collect()
}

#[tokio::test]
async fn random_flows_get_in_and_are_adopted() {
    let ovs = ovs();
    let desired = flows();
    let mut switch = connect(&ovs, Scope::everything(), Delta::default());
    switch.synced().await;
    switch.commit(put(desired.clone())).await;
    assert!(switch.refused.is_empty(), "{:#?}", switch.refused);
    let held = dump_packed(&ovs);
    for flow in held.iter() {
        let wanted = desired.get(flow.key_bytes());
        assert_eq!(Some(flow), wanted, "the switch writes {:02x?}, we {:02x?}", flow.body_bytes(), wanted);
    }
    assert!(same(&held, &desired));
    drop(switch);

    let mut again = connect(&ovs, Scope::everything(), put(desired.clone()));
    let report = again.synced().await;
    assert_eq!((report.found.adopted_flows, report.flows_put, report.flows_deleted), (desired.len(), 0, 0));
    assert_eq!(again.counters().await.flow_mods, 0);

    // And all of it goes again, and nothing else stays.
    let keys = desired.iter().map(PackedFlow::key).collect();
    again.commit(Delta { delete_flows: keys, ..Delta::default() }).await;
    assert!(dump_packed(&ovs).is_empty());
}
