//! A store of three members that lose their leader, and then their majority.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::cloud::{Cloud, CloudSpec};
use testkit::{EtcdCluster, try_wait_until};

use crate::support::{Lab, PATIENCE, Watch, Wire, binary, talks, times_ready, wait_ready};

const MEMBERS: usize = 3;
/// Ports that are asked for while the leader dies.
const PORTS: usize = 30;
/// How many of them are there before it does, at least and at most.
const PORTS_BEFORE: usize = 8;
const PORTS_BEFORE_MAX: usize = 20;
const OUTAGE: Duration = Duration::from_secs(60);

/// A cloud of two hosts on a store of its own.
fn lab(etcd: &EtcdCluster) -> Lab {
    let addresses: Vec<String> =
        etcd.endpoints().iter().map(|url| url.trim_start_matches("http://").to_owned()).collect();
    Lab::with(&CloudSpec { store: Some(&addresses.join(",")), ..CloudSpec::new(binary()) })
}

/// The ids of the ports in the store.
fn stored_ports(etcd: &EtcdCluster) -> BTreeSet<String> {
    let keys = etcd.etcdctl(&["get", "/lport/", "--prefix", "--keys-only"]).expect("the store answers");
    keys.lines().filter_map(|key| key.strip_prefix("/lport/")).map(str::to_owned).collect()
}

/// All ports, as the API shows them.
fn listed_ports(cloud: &Cloud) -> Vec<Value> {
    let list = cloud.api().get("/v2.0/ports").and_then(|list| list.expect(200)).expect("a list");
    list["ports"].as_array().expect("a list").clone()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

#[test]
fn a_leader_that_dies_loses_no_port_and_no_packet() {
    let mut etcd = EtcdCluster::start(MEMBERS).expect("a cluster");
    let lab = lab(&etcd);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (one, two) = (lab.boot(0, "one", &network), lab.boot(1, "two", &network));
    let before = lab.cloud.sites()[0].flows().expect("flows");
    let watch = Watch::start(&one, &two);

    let leader = etcd.leader().expect("a leader");
    let (made, is_dead) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (acknowledged, refused) = thread::scope(|scope| {
        let creator = scope.spawn(|| {
            let (mut acknowledged, mut refused) = (Vec::new(), Vec::new());
            for number in 0..PORTS {
                if number == PORTS_BEFORE_MAX {
                    try_wait_until(PATIENCE, "its end", || is_dead.load(Ordering::Relaxed).then_some(()))
                        .expect("the leader dies");
                }
                let body = json!({"port": {"network_id": network, "name": format!("port-{number}")}});
                let answer = lab.cloud.api().post("/v2.0/ports", &body).expect("an answer");
                made.fetch_add(1, Ordering::Relaxed);
                if answer.status == 201 {
                    acknowledged.push(answer.body["port"].clone());
                } else {
                    refused.push((number, answer.status));
                }
            }
            (acknowledged, refused)
        });
        try_wait_until(PATIENCE, "ports", || (made.load(Ordering::Relaxed) >= PORTS_BEFORE).then_some(()))
            .expect("ports are made");
        etcd.kill(leader).expect("it ends");
        is_dead.store(true, Ordering::Relaxed);
        creator.join().expect("no panic")
    });
    assert!(refused.iter().all(|(_, status)| *status == 503), "a failure that is no outage: {refused:?}");
    assert!(acknowledged.len() > PORTS_BEFORE_MAX, "nothing was made without the leader: {refused:?}");

    let listed = listed_ports(&lab.cloud);
    let ids: BTreeSet<String> = listed.iter().map(|port| text(&port["id"])).collect();
    for port in &acknowledged {
        assert!(listed.contains(port), "{port} was acknowledged, and the API has it not or otherwise");
    }
    assert_eq!(stored_ports(&etcd), ids, "rows of ports and the ports of the API");
    let addresses: BTreeSet<String> =
        listed.iter().filter_map(|port| port.pointer("/fixed_ips/0/ip_address").map(text)).collect();
    assert_eq!(addresses.len(), listed.len(), "every port has an address, and no two the same");

    watch.nothing_was_lost();

    // Ports still become active, and are heard of by the other host.
    let three = lab.boot(1, "three", &network);
    one.namespace().wait_for_ping(three.address().expect("one").into(), PATIENCE).expect("it is heard of");
    talks(&one, &three);
    let after = lab.cloud.sites()[0].flows().expect("flows");
    let gone: Vec<_> = before.iter().filter(|flow| !after.contains(flow)).collect();
    assert!(gone.is_empty(), "flows that nothing concerns went: {gone:?}");
    as_computed_anew(lab);
}

/// Asserts that the flows of all hosts are those that a controller computes that knows nothing but the store.
fn as_computed_anew(mut lab: Lab) {
    for place in 0..lab.cloud.sites().len() {
        let site = lab.cloud.site_mut(place);
        let (flows, ready) = (site.flows().expect("flows"), times_ready(site));
        site.kill_controller().expect("it ends");
        site.start_controller().expect("it starts");
        wait_ready(site, ready);
        assert_eq!(site.flows().expect("flows"), flows, "{}", site.name);
    }
}

#[test]
fn a_minute_without_a_majority_is_noticed_by_nobody_who_only_talks() {
    let mut etcd = EtcdCluster::start(MEMBERS).expect("a cluster");
    let lab = lab(&etcd);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (one, two) = (lab.boot(0, "one", &network), lab.boot(1, "two", &network));
    let (beside, late) = (lab.boot(0, "beside", &network), lab.boot(0, "late", &network));
    // Its owner says where it is, so that nothing changes in its row when it is pulled out.
    let leaving = json!({"network_id": network, "binding:host_id": "host-1"});
    let leaving = lab.cloud.boot_port(0, "leaving", &leaving).expect("a machine");
    lab.cloud.wait_status(&leaving, "ACTIVE").expect("its port forwards");
    let waiting = lab.port(&json!({"network_id": network, "binding:host_id": "host-1"}));
    lab.wait_known(&waiting);
    let (near, watch) = (Watch::start(&one, &beside), Watch::start(&one, &two));
    let wire = Wire::watch(&lab.cloud.sites()[0]);

    // A leader that is left without followers takes what it is asked into its log all the same; see the test below.
    let leader = etcd.leader().expect("a leader");
    let killed = (leader + 1) % MEMBERS;
    etcd.kill(leader).expect("it ends");
    etcd.kill(killed).expect("it ends");
    let outage = Instant::now();
    late.dhcp().expect("an address, from what the controller knows");
    watch.nothing_was_lost();
    // A port that the controller knew is served.
    let early = testkit::cloud::Vm::plug(&lab.cloud.sites()[0].ovs, "early", &waiting).expect("a machine");
    early.dhcp().expect("an address for a machine that is plugged in now");
    talks(&early, &two);
    assert!(!wire.changes().is_empty(), "a port was served without a message");
    let answer = lab.cloud.api().post("/v2.0/ports", &json!({"port": {"network_id": network}}));
    assert_eq!(answer.expect("an answer").status, 503);
    let path = format!("/v2.0/ports/{}", leaving.port_id());
    leaving.unplug(&lab.cloud.sites()[0].ovs).expect("it is pulled out");
    let mut watch = Watch::start(&one, &two);
    while outage.elapsed() < OUTAGE {
        watch.on_for(100);
    }
    late.dhcp().expect("an address, after a minute");
    let flows_without = lab.cloud.sites()[0].flows().expect("flows");
    let wire = Wire::watch(&lab.cloud.sites()[0]);

    etcd.restart(killed).expect("a majority");
    lab.cloud.wait_status(&early, "ACTIVE").expect("what happened in the meantime is told");
    let status = || Some(lab.cloud.api().get(&path).ok()?.body["port"]["status"] == "DOWN");
    try_wait_until(PATIENCE, "the other port to be down", || status().filter(|down| *down))
        .expect("it is told");
    assert_eq!(wire.changes(), [""; 0], "nothing had changed");
    assert_eq!(lab.cloud.sites()[0].flows().expect("flows"), flows_without);
    watch.nothing_was_lost();
    let three = lab.boot(1, "three", &network);
    one.namespace().wait_for_ping(three.address().expect("one").into(), PATIENCE).expect("it is heard of");
    near.nothing_was_lost();
    as_computed_anew(lab);
}

#[test]
fn a_port_that_was_refused_by_a_leader_without_followers_is_there_afterwards_or_it_is_not() {
    let mut etcd = EtcdCluster::start(MEMBERS).expect("a cluster");
    let lab = lab(&etcd);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (one, two) = (lab.boot(0, "one", &network), lab.boot(1, "two", &network));
    let leader = etcd.leader().expect("a leader");
    let followers = [leader + 1, leader + 2].map(|number| number % MEMBERS);
    for follower in followers {
        etcd.kill(follower).expect("it ends");
    }
    // Nobody is told to have a port that may get lost.
    let body = json!({"port": {"network_id": network, "name": "doubtful"}});
    assert_eq!(lab.cloud.api().post("/v2.0/ports", &body).expect("an answer").status, 503);
    talks(&one, &two);

    etcd.restart(followers[0]).expect("a majority");
    let three = lab.boot(0, "three", &network);
    // The other host tries the store again at its own pace.
    three.namespace().wait_for_ping(two.address().expect("one").into(), PATIENCE).expect("it is heard of");
    let listed = listed_ports(&lab.cloud);
    let ids: BTreeSet<String> = listed.iter().map(|port| text(&port["id"])).collect();
    assert_eq!(stored_ports(&etcd), ids, "rows of ports and the ports of the API");
    let doubtful = listed.iter().filter(|port| port["name"] == "doubtful");
    let addresses: Vec<_> = doubtful.map(|port| port.pointer("/fixed_ips/0/ip_address").map(text)).collect();
    assert!(matches!(addresses.as_slice(), [] | [Some(_)]), "half a port: {addresses:?}");
    as_computed_anew(lab);
}
