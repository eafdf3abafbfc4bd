//! Hosts that watch each other: sessions that come up between them, what is seen when one of them fails, and that a controller which
//! restarts is not missed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Instant;

use common::{BRIDGE, Cloud, Host, blocking, log};
use engine::Reach;
use model::{Id, Table};
use testkit::wait_until;

const PATIENCE: std::time::Duration = common::PATIENCE;

/// Three hosts, of which these are candidates for gateways.
async fn watching(candidates: &[&str]) -> Cloud {
    log();
    let cloud = Cloud::started(3).await;
    for name in candidates {
        let row = format!(r#"{{"id": "{name}", "chassis": "{name}", "priority": 100}}"#);
        cloud.put(Table::GatewayCandidate, &row).await;
    }
    cloud
}

fn sees(host: &Host, peer: &str) -> Option<Reach> {
    host.status().peers.reach.get(&Id::new(peer).unwrap()).copied()
}

async fn until(host: &mut Host, peer: &str, reach: Reach) {
    let peer = Id::new(peer).unwrap();
    host.wait(|status| status.peers.reach.get(&peer) == Some(&reach)).await;
}

/// Waits until a host asks all others as often as it was told to.
async fn brisk(host: &Host, sessions: usize) {
    let control = host.ovs.unixctl().unwrap();
    blocking(move || {
        let mut control = control;
        wait_until(PATIENCE, "sessions at their full rate", || {
            let shown = control.call("bfd/show", &[]).unwrap();
            let brisk = |which: &str| shown.matches(&format!("{which} Interval: Approx 100ms")).count();
            (brisk("TX") == sessions && brisk("RX") == sessions).then_some(())
        });
    })
    .await;
}

#[expect(clippy::print_stderr, reason = "a figure for whoever reads the output of the test")]
fn tell(what: &str, since: Instant) {
    eprintln!("{what}: seen after {} ms", since.elapsed().as_millis());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_come_with_candidates_and_failures_are_seen() {
    let mut cloud = watching(&["host-1", "host-2"]).await;
    for (place, peers) in [(0, ["host-2", "host-3"]), (1, ["host-1", "host-3"]), (2, ["host-1", "host-2"])] {
        for peer in peers {
            until(&mut cloud.hosts[place], peer, Reach::Alive).await;
        }
        brisk(&cloud.hosts[place], 2).await;
    }
    assert!(cloud.hosts.iter().all(|host| host.status().peers.is_settled));

    let cut = Instant::now();
    cloud.hosts[1].namespace.ip(&["link", "set", "underlay0", "down"]).unwrap();
    until(&mut cloud.hosts[0], "host-2", Reach::Down).await;
    tell("a cable is cut", cut);
    until(&mut cloud.hosts[2], "host-2", Reach::Down).await;
    cloud.hosts[1].wait(|status| !status.peers.is_settled).await;
    assert_eq!(sees(&cloud.hosts[0], "host-3"), Some(Reach::Alive));
    cloud.hosts[1].namespace.ip(&["link", "set", "underlay0", "up"]).unwrap();
    until(&mut cloud.hosts[0], "host-2", Reach::Alive).await;
    cloud.hosts[1].wait(|status| status.peers.is_settled).await;
    brisk(&cloud.hosts[0], 2).await;

    let killed = Instant::now();
    cloud.hosts[1].ovs.kill9_vswitchd().unwrap();
    until(&mut cloud.hosts[0], "host-2", Reach::Down).await;
    tell("a switch is killed", killed);
    cloud.hosts[1].ovs.restart_vswitchd().unwrap();
    cloud.hosts[1].wait(|status| !status.peers.is_settled).await;
    until(&mut cloud.hosts[0], "host-2", Reach::Alive).await;
    cloud.hosts[1].wait(|status| status.peers.is_settled).await;

    cloud.delete_plain(Table::GatewayCandidate, "host-1").await;
    cloud.delete_plain(Table::GatewayCandidate, "host-2").await;
    for host in &cloud.hosts {
        wait_until(PATIENCE, "ports that nobody needs go", || {
            let ports = host.ovs.vsctl(&["list-ports", BRIDGE]).unwrap();
            (!ports.contains("bfd-") && !ports.contains("way-")).then_some(())
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_controller_that_restarts_is_not_missed() {
    let mut cloud = watching(&["host-1"]).await;
    until(&mut cloud.hosts[1], "host-1", Reach::Alive).await;
    until(&mut cloud.hosts[0], "host-2", Reach::Alive).await;
    until(&mut cloud.hosts[0], "host-3", Reach::Alive).await;
    assert_eq!(sees(&cloud.hosts[1], "host-3"), None, "two that are no candidates have no session");
    let sessions = |host: &Host| {
        let columns = "--columns=_uuid,name,bfd,options,ofport,bfd_status";
        host.ovs.vsctl(&[columns, "find", "Interface", "type=patch"]).unwrap()
    };
    brisk(&cloud.hosts[0], 2).await;
    let before = (sessions(&cloud.hosts[0]), cloud.hosts[0].flows());
    let flaps = sessions(&cloud.hosts[1]);
    cloud.hosts[0].kill().await;
    cloud.start(0);
    let status = cloud.hosts[0].wait(|status| status.is_ready).await;
    assert_eq!(status.flow_mods, 0, "nothing changed");
    until(&mut cloud.hosts[0], "host-2", Reach::Alive).await;
    cloud.hosts[0].wait(|status| status.peers.is_settled).await;
    assert_eq!((sessions(&cloud.hosts[0]), cloud.hosts[0].flows()), before);
    assert_eq!(sessions(&cloud.hosts[1]), flaps, "the session was up all the time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switch_without_flows_is_taken_for_gone() {
    let mut cloud = watching(&["host-1"]).await;
    until(&mut cloud.hosts[1], "host-1", Reach::Alive).await;
    brisk(&cloud.hosts[1], 1).await;
    // Its controller is dead as well, so nobody gives it flows again.
    cloud.hosts[0].kill().await;
    cloud.hosts[0].ovs.kill9_vswitchd().unwrap();
    cloud.hosts[0].ovs.restart_vswitchd().unwrap();
    until(&mut cloud.hosts[1], "host-1", Reach::Down).await;
    let control = cloud.hosts[0].ovs.unixctl().unwrap();
    blocking(move || {
        let mut control = control;
        let shown = control.call("bfd/show", &[]).unwrap();
        assert!(shown.contains("Local Session State: down"), "{shown}");
    })
    .await;
    cloud.start(0);
    until(&mut cloud.hosts[1], "host-1", Reach::Alive).await;
}
