//! What breaks in life, at moments that nobody chose: daemons die in the middle of bulk loads, connections end in the middle of
//! messages, an owner changes its mind faster than the switch works. The end is always the same: the switch holds what is desired.

mod common;

use std::path::PathBuf;
use std::time::Duration;

use common::{BRIDGE, Switch, connect, dump_packed, flow, ovs, put, same, scope};
use openflow::delta::Delta;
use openflow::flow::{FlowSet, PackedFlow};
use proptest::test_runner::{RngAlgorithm, TestRng};
use switch::endpoint::Endpoint;
use switch::machine::MachineOptions;
use switch::{Handle, Options};
use testkit::scratch::ScratchDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

/// The same numbers in every run; what they meet differs.
fn random() -> impl FnMut(u32) -> u32 {
    use proptest::prelude::Rng;
    let mut rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    move |below| rng.next_u32() % below
}

fn version_of(number: u32, version: u32) -> PackedFlow {
    PackedFlow::new(&flow(number).unpack().cookie(version.into())).expect("a short flow")
}

#[tokio::test(flavor = "multi_thread")]
async fn daemons_that_die_in_the_middle_of_bulk_loads_come_back_to_what_is_desired() {
    const ROUNDS: u32 = 8;
    let mut random = random();
    let mut ovs = ovs();
    let mut switch = connect(&ovs, scope(), Delta::default());
    let mut desired = FlowSet::new();
    let mut last = 0;
    for round in 0..ROUNDS {
        let start = random(10_000);
        let loaded = start..start + 4_000;
        let gone = (0..1_000).map(|_| random(14_000)).filter(|number| !loaded.contains(number));
        let gone: Vec<_> = gone.map(|number| flow(number).key()).collect();
        let load: Vec<_> = loaded.map(|number| version_of(number, round)).collect();
        gone.iter().for_each(|key| drop(desired.remove(key)));
        desired.extend(load.iter().cloned());
        last = switch.handle.change(Delta { delete_flows: gone, ..put(load) }).await.expect("the task runs");
        // Somewhere in the load, before it or behind it: the outcome is the same.
        tokio::time::sleep(Duration::from_millis(random(60).into())).await;
        let database_too = random(2) == 0;
        if database_too {
            ovs.kill9_ovsdb_server().expect("a database server");
        }
        ovs.kill9_vswitchd().expect("a switch");
        if database_too {
            ovs.restart_ovsdb_server().expect("a database server");
        }
        ovs.restart_vswitchd().expect("a switch");
    }
    switch.confirmed(last).await;
    // What was confirmed before the last crash is gone with it; this is confirmed when all of it is back.
    let after = switch.handle.change(put([version_of(0, ROUNDS)])).await.expect("the task runs");
    desired.insert(version_of(0, ROUNDS));
    switch.confirmed(after).await;
    assert!(same(&dump_packed(&ovs), &desired));
    assert!(switch.refused.is_empty(), "{:?}", switch.refused);
    println!("{ROUNDS} crashes were {} connections", switch.counters().await.connections);
}

/// Passes connections on in small pieces, and cuts each after so many bytes of the one or the other direction.
async fn saw(listener: UnixListener, target: PathBuf, cuts: Vec<usize>) {
    let mut budgets = cuts.into_iter().chain(std::iter::repeat(usize::MAX));
    loop {
        let (near, _) = listener.accept().await.expect("the controller connects");
        let far = UnixStream::connect(&target).await.expect("the switch listens");
        let (near_in, near_out) = near.into_split();
        let (far_in, far_out) = far.into_split();
        let budget = budgets.next().unwrap_or(usize::MAX);
        // Whichever has spent its budget first ends both.
        tokio::select! {
            () = pass(near_in, far_out, budget) => {}
            () = pass(far_in, near_out, budget) => {}
        }
    }
}

async fn pass(mut from: impl AsyncReadExt + Unpin, mut to: impl AsyncWriteExt + Unpin, mut budget: usize) {
    let mut piece = vec![0; 997];
    while budget > 0 {
        let room = budget.min(piece.len());
        let Ok(count @ 1..) = from.read(&mut piece[..room]).await else { return };
        if to.write_all(&piece[..count]).await.is_err() {
            return;
        }
        budget -= count;
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_anywhere_loses_nothing() {
    let mut random = random();
    let ovs = ovs();
    let directory = ScratchDir::new().expect("a directory");
    let socket = directory.path().join("saw");
    let listener = UnixListener::bind(&socket).expect("a socket");
    // In the greeting, in the dump, in the bundles.
    let cuts = (0..40_u32).map(|cut| 1 + random(20 << (cut / 4)) as usize).collect();
    let sawing = tokio::spawn(saw(listener, ovs.mgmt_socket(BRIDGE), cuts));
    let options = Options {
        useless_backoff_max: Duration::from_millis(20),
        ..Options::new(Endpoint::Unix(socket), MachineOptions::new(scope()))
    };
    let desired: FlowSet = (0..1_500).map(flow).collect();
    let mut switch = Switch { handle: Handle::spawn(options, put(desired.clone())), refused: Vec::new() };
    switch.synced().await;
    assert!(switch.counters().await.connections > 10);
    assert!(same(&dump_packed(&ovs), &desired));
    assert!(switch.refused.is_empty(), "{:?}", switch.refused);
    sawing.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_tiny_changes_costs_the_switch_what_it_can_take() {
    const CHANGES: u32 = 30_000;
    const KEYS: u32 = 500;
    let ovs = ovs();
    let mut switch = connect(&ovs, scope(), Delta::default());
    switch.synced().await;
    let mut last = 0;
    for change in 0..CHANGES {
        let delta = put([version_of(change % KEYS, change)]);
        // Nobody takes events meanwhile.
        last = switch.handle.change(delta).await.expect("the task runs");
    }
    let flow_mods = switch.confirmed(last).await;
    println!("{CHANGES} changes of {KEYS} flows were {flow_mods} flow-mods");
    assert!(flow_mods <= CHANGES as usize);
    let desired: FlowSet =
        (CHANGES - KEYS..CHANGES).map(|change| version_of(change % KEYS, change)).collect();
    assert!(same(&dump_packed(&ovs), &desired));
}
