//! Open vSwitch without packets: start, talk, kill, restart, leave nothing behind.

use std::path::Path;
use std::time::Duration;

use testkit::{DatabaseModel, Datapath, Ovs, OvsBuilder, process, wait_until};

const SOON: Duration = Duration::from_secs(60);

fn with_bridge() -> Ovs {
    OvsBuilder::new(Datapath::Dummy).bridge("br-int").start().expect("a switch")
}

fn exists(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

#[test]
fn a_bridge_forwards_between_dummy_ports() {
    let ovs = with_bridge();
    ovs.add_port("br-int", "p1", 1).unwrap();
    ovs.add_port("br-int", "p2", 2).unwrap();
    ovs.ofctl(&["-OOpenFlow15", "add-flow", "br-int", "in_port=1,actions=output:2"]).unwrap();

    let trace = ovs.unixctl().unwrap().trace("br-int", "in_port=1,ip").unwrap();
    assert!(trace.contains("output:2"), "{trace}");
    let trace = ovs.appctl(&["ofproto/trace", "br-int", "in_port=2,ip"]).unwrap();
    assert!(trace.contains("Datapath actions: drop"), "a secure bridge drops what no flow handles: {trace}");
    assert!(ovs.mgmt_socket("br-int").exists());
    assert!(ovs.namespace().is_none());
}

#[test]
fn a_port_number_that_is_taken_is_an_error() {
    let ovs = with_bridge();
    ovs.add_port("br-int", "p1", 1).unwrap();
    let error = ovs.add_port("br-int", "p2", 1).unwrap_err().to_string();
    assert!(error.contains("interface p2 of br-int has ofport 2, not 1"), "{error}");
}

#[test]
fn thousands_of_traces_go_over_one_connection() {
    let ovs = with_bridge();
    ovs.add_port("br-int", "p1", 1).unwrap();
    let mut control = ovs.unixctl().unwrap();
    let flows: Vec<String> =
        (0..3000).map(|n| format!("in_port=1,tcp,nw_src=10.0.{}.{}", n / 250, n % 250)).collect();
    let answers = control.trace_all("br-int", &flows).unwrap();
    assert_eq!(answers.len(), flows.len());
    for (answer, flow) in answers.iter().zip(&flows) {
        let address = flow.rsplit_once('=').unwrap().1;
        assert!(answer.contains(&format!("nw_src={address},")), "{flow}: {answer}");
    }
}

#[test]
fn a_bad_trace_is_an_error_and_the_connection_survives() {
    let ovs = with_bridge();
    let mut control = ovs.unixctl().unwrap();
    let error = control.trace("br-int", "no_such_field=1").unwrap_err().to_string();
    assert!(error.contains("no_such_field"), "{error}");
    assert!(control.call("version", &[]).unwrap().contains("ovs-vswitchd"));
    let error = control.call("no/such-command", &[]).unwrap_err().to_string();
    assert!(error.contains("no/such-command failed"), "{error}");
}

#[test]
fn a_killed_switch_comes_back_with_its_bridges_and_without_its_flows() {
    let mut ovs = with_bridge();
    ovs.add_port("br-int", "p1", 1).unwrap();
    ovs.ofctl(&["add-flow", "br-int", "actions=drop"]).unwrap();
    let (before, server) = (ovs.vswitchd_pid().unwrap(), ovs.ovsdb_server_pid().unwrap());

    ovs.kill9_vswitchd().unwrap();
    assert!(!exists(before));
    assert!(ovs.vswitchd_pid().unwrap_err().to_string().contains("ovs-vswitchd is killed"));
    assert!(ovs.kill9_vswitchd().unwrap_err().to_string().contains("killed already"));
    assert!(ovs.unixctl().is_err());

    ovs.restart_vswitchd().unwrap();
    assert_ne!(ovs.vswitchd_pid().unwrap(), before);
    assert_eq!(ovs.ovsdb_server_pid().unwrap(), server, "the database server was left alone");
    assert!(ovs.vsctl(&["get", "Interface", "p1", "ofport"]).unwrap().starts_with('1'));
    assert!(!ovs.ofctl(&["dump-flows", "br-int"]).unwrap().contains("actions="));
}

#[test]
fn a_killed_database_server_comes_back_with_its_rows() {
    for model in [DatabaseModel::Standalone, DatabaseModel::Clustered] {
        let mut ovs = OvsBuilder::new(Datapath::Dummy).database(model).bridge("br-int").start().unwrap();
        let before = ovs.ovsdb_server_pid().unwrap();
        ovs.kill9_ovsdb_server().unwrap();
        assert!(!exists(before));
        ovs.restart_ovsdb_server().unwrap();
        assert_eq!(ovs.vsctl(&["list-br"]).unwrap().trim(), "br-int", "{model:?}");
        assert!(ovs.ovsdb_unixctl().unwrap().call("version", &[]).unwrap().contains("ovsdb-server"));
        // The switch daemon has found the server again: it applies a change.
        ovs.add_port("br-int", "p9", 9).unwrap();
    }
}

#[test]
fn two_instances_do_not_see_each_other() {
    let (first, second) = (with_bridge(), with_bridge());
    first.ofctl(&["add-flow", "br-int", "cookie=0x11,actions=drop"]).unwrap();
    assert!(first.ofctl(&["dump-flows", "br-int"]).unwrap().contains("cookie=0x11"));
    assert!(!second.ofctl(&["dump-flows", "br-int"]).unwrap().contains("cookie=0x11"));
}

#[test]
fn nothing_is_left_behind() {
    let ovs = with_bridge();
    let rundir = ovs.rundir().to_owned();
    let pids = [ovs.vswitchd_pid().unwrap(), ovs.ovsdb_server_pid().unwrap()];
    assert!(pids.iter().all(|pid| exists(*pid)) && rundir.exists());
    drop(ovs);
    assert!(!pids.iter().any(|pid| exists(*pid)));
    assert!(!rundir.exists());
}

#[test]
fn the_cost_of_a_daemon_can_be_measured() {
    let ovs = with_bridge();
    let pid = ovs.vswitchd_pid().unwrap();
    assert!(process::rss_kib(pid).unwrap() > 1000);
    let before = process::cpu_ms(pid).unwrap();
    let mut control = ovs.unixctl().unwrap();
    wait_until(SOON, "the daemon to use processor time", || {
        control.trace_all("br-int", &["ip"; 500]).unwrap();
        (process::cpu_ms(pid).unwrap() > before).then_some(())
    });
}

#[test]
fn a_failing_command_says_why() {
    let ovs = with_bridge();
    let error = ovs.vsctl(&["add-port", "no-such-bridge", "p1"]).unwrap_err().to_string();
    assert!(error.contains("no bridge named no-such-bridge"), "{error}");
    let error = ovs.ofctl(&["add-flow", "br-int", "actions=fly"]).unwrap_err().to_string();
    assert!(error.contains("fly"), "{error}");
}

#[test]
fn a_bridge_name_too_long_for_a_socket_is_refused() {
    let error = OvsBuilder::new(Datapath::Dummy).bridge(&"b".repeat(100)).start().unwrap_err().to_string();
    assert!(error.contains("too long for a unix socket"), "{error}");
}
