//! What the switches remember of connections: one more costs none of them another flow of the data path, so it needs nobody who looks
//! packets up.

use testkit::{Namespace, try_wait_until};

use crate::routers::{Routed, UPSTREAM, address, ip, reaches};
use crate::support::PATIENCE;

const FLOATING: &str = "203.0.113.20";

/// Connections to the same port, each from a port of its own.
const CONNECTIONS: usize = 60;

/// Flows that may come meanwhile, of neighbours that are asked for again and of flows that are cut in pieces when others come.
const OTHERS_MAX: usize = 5;

/// Flows of TCP packets in the data paths of all hosts.
fn of_tcp(routed: &Routed) -> Vec<String> {
    let dump = |site: &testkit::cloud::Site| site.ovs.appctl(&["dpctl/dump-flows"]).expect("its flows");
    let all: String = routed.lab.cloud.sites().iter().map(dump).collect();
    all.lines().filter(|line| line.contains("proto=6")).map(str::to_owned).collect()
}

/// Begins connections, all of which are refused.
fn connect(from: &Namespace, to: &str, times: usize) {
    let command = format!("for n in $(seq {times}); do timeout 5 bash -c 'true < /dev/tcp/{to}/9'; done");
    let _ = from.run("bash", &["-c", &command]);
}

#[track_caller]
fn costs_no_more_than_one(routed: &Routed, what: &str, from: &Namespace, to: &str) {
    let before = try_wait_until(PATIENCE, what, || {
        connect(from, to, 2);
        Some(of_tcp(routed)).filter(|flows| !flows.is_empty())
    })
    .expect("a connection has flows");
    connect(from, to, CONNECTIONS);
    let after = of_tcp(routed);
    assert!(after.len() <= before.len() + OTHERS_MAX, "{what}: {before:#?} became {after:#?}");
}

#[test]
fn a_connection_more_costs_no_flow_of_the_data_path() {
    let routed = Routed::new();
    let one = routed.boot(0, "one", &routed.red);
    let beside = routed.boot(0, "beside", &routed.red);
    let there = routed.boot(1, "there", &routed.red);
    let across = routed.boot(1, "across", &routed.blue);
    let from = one.namespace();
    for (what, to) in [
        ("same network, same host", &address(&beside)),
        ("same network, other host", &address(&there)),
        ("routed", &address(&across)),
        ("by way of the gateway", &UPSTREAM.to_owned()),
    ] {
        reaches(&one, to);
        costs_no_more_than_one(&routed, what, from, to);
    }
    routed.floating(&across, FLOATING);
    let out = routed.upstream.namespace();
    out.wait_for_ping(ip(FLOATING), PATIENCE).expect("the floating IP answers");
    costs_no_more_than_one(&routed, "to a floating IP", out, FLOATING);
}
