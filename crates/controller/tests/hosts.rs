//! Controllers on real switches: guests reach each other, ports are claimed and given back, and what is said of them is so.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{BRIDGE, Cloud, Port, blocking, log, pings, reaches, until};
use model::{Chassis, PortState, PortStatus, Service, Table};

const BLUE: (&str, u8) = ("blue", 1);
const RED: (&str, u8) = ("red", 2);
const A: Port = Port::new("a", BLUE, 1);
const B: Port = Port::new("b", BLUE, 2);
const C: Port = Port::new("c", BLUE, 3);
const R: Port = Port::new("r", RED, 1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guests_of_two_hosts_reach_each_other_and_no_other_network() {
    log();
    let cloud = Cloud::started(2).await;
    cloud.network("blue", 1).await;
    cloud.network("red", 2).await;
    for (port, host) in [(A, "host-1"), (B, "host-2"), (R, "host-1")] {
        cloud.port(port, Some(host)).await;
    }
    let a = cloud.plug(0, A);
    let b = cloud.plug(1, B);
    let r = cloud.plug(0, R);
    for port in ["a", "b", "r"] {
        cloud.wait_state(port, PortState::Active).await;
    }
    // The first packet to another host waits in vain for the switch to find the address of that host. Then none is lost.
    reaches(&a, B.ip()).await;
    assert_eq!(pings(&a, B.ip(), 3).await, 3);
    assert_eq!(pings(&b, A.ip(), 3).await, 3);
    blocking({
        let namespace = r.namespace().clone();
        move || namespace.ip(&["route", "add", "10.1.0.0/24", "dev", "eth0"]).unwrap()
    })
    .await;
    assert_eq!(pings(&r, A.ip(), 3).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn active_means_that_the_first_packet_passes() {
    log();
    let cloud = Cloud::started(1).await;
    cloud.network("blue", 1).await;
    cloud.port(A, Some("host-1")).await;
    let a = cloud.plug(0, A);
    cloud.wait_state("a", PortState::Active).await;
    cloud.port(B, Some("host-1")).await;
    let b = cloud.plug(0, B);
    cloud.wait_state("b", PortState::Active).await;
    assert_eq!(pings(&b, A.ip(), 1).await, 1);
    assert_eq!(pings(&a, B.ip(), 1).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_unplugged_is_down_and_what_is_deleted_leaves_no_flow() {
    log();
    let cloud = Cloud::started(2).await;
    cloud.network("blue", 1).await;
    let before: Vec<Vec<String>> = cloud.hosts.iter().map(|host| host.flows()).collect();
    for (port, host) in [(A, "host-1"), (B, "host-2")] {
        cloud.port(port, Some(host)).await;
    }
    let a = cloud.plug(0, A);
    let b = cloud.plug(1, B);
    cloud.wait_state("a", PortState::Active).await;
    cloud.wait_state("b", PortState::Active).await;
    assert!(cloud.hosts.iter().all(|host| host.mentions(&A.mac()) > 0));

    a.unplug(&cloud.hosts[0].ovs).unwrap();
    cloud.wait_state("a", PortState::Down).await;
    assert_eq!(cloud.chassis("a").await.as_deref(), Some("host-1"), "its owner bound it");
    b.unplug(&cloud.hosts[1].ovs).unwrap();
    cloud.wait_state("b", PortState::Down).await;

    cloud.delete(Table::LogicalPort, "a").await;
    cloud.delete(Table::LogicalPort, "b").await;
    until("every flow of the ports to be gone", async || {
        cloud.hosts.iter().zip(&before).all(|(host, before)| host.flows() == *before).then_some(())
    })
    .await;
    until("what was said of the ports to be gone", async || {
        (cloud.state("a").await.is_none() && cloud.state("b").await.is_none()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unbound_port_is_claimed_where_it_appears_and_may_move() {
    log();
    let cloud = Cloud::started(2).await;
    cloud.network("blue", 1).await;
    cloud.port(A, None).await;
    cloud.port(B, Some("host-2")).await;
    let b = cloud.plug(1, B);
    let a = cloud.plug(0, A);
    cloud.wait_chassis("a", Some("host-1")).await;
    cloud.wait_state("a", PortState::Active).await;
    cloud.wait_state("b", PortState::Active).await;
    reaches(&a, B.ip()).await;

    a.unplug(&cloud.hosts[0].ovs).unwrap();
    cloud.wait_chassis("a", None).await;
    let a = cloud.plug(1, A);
    cloud.wait_chassis("a", Some("host-2")).await;
    cloud.wait_state("a", PortState::Active).await;
    let status: PortStatus = cloud.read("a").await.unwrap();
    assert_eq!((status.chassis.to_string().as_str(), status.generation), ("host-2", 2));
    reaches(&a, B.ip()).await;
    drop(b);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_is_bound_elsewhere_is_not_served_here() {
    log();
    let mut cloud = Cloud::started(2).await;
    cloud.network("blue", 1).await;
    for port in [A, C] {
        cloud.port(port, Some("host-1")).await;
    }
    cloud.port(B, Some("host-2")).await;
    // The interface of a port of host 2 appears on host 1.
    let impostor = cloud.plug(0, B);
    let c = cloud.plug(0, C);
    cloud.wait_state("c", PortState::Active).await;
    cloud.hosts[0].wait(|status| status.ports_plugged == 2).await;
    assert_eq!(pings(&impostor, C.ip(), 2).await, 0);
    assert_eq!(cloud.state("b").await, None);
    assert_eq!(cloud.chassis("b").await.as_deref(), Some("host-2"));
    // Its owner moves it here: it works as it is.
    cloud.put(Table::LogicalPort, &B.row(Some("host-1"), 2)).await;
    cloud.wait_state("b", PortState::Active).await;
    // The guest asked for the address of the other in vain before, and takes its time to ask again.
    reaches(&impostor, C.ip()).await;
    drop(c);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_node_is_registered_and_gives_signs_of_life_until_it_stops() {
    log();
    let mut cloud = Cloud::started(1).await;
    let chassis: Chassis = until("the row of the node", async || cloud.read("host-1").await).await;
    assert_eq!(chassis.ip.to_string(), "192.0.2.1");
    let id = Service::id_of(&chassis.id, "df-local-controller").to_string();
    let seen = async |cloud: &Cloud| {
        let service: Option<Service> = cloud.read(&id).await;
        service.and_then(|service| service.last_seen_up)
    };
    let first = until("a sign of life", async || seen(&cloud).await).await;
    until("another one", async || (seen(&cloud).await != Some(first.clone())).then_some(())).await;
    cloud.hosts[0].stop().await;
    let (last, revision) = (seen(&cloud).await, cloud.store.revision());
    assert!(last.is_some() && cloud.read::<Chassis>("host-1").await.is_some());
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(cloud.store.revision(), revision, "who has stopped writes nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_interfaces_for_one_port_the_older_has_it() {
    log();
    let cloud = Cloud::started(1).await;
    cloud.network("blue", 1).await;
    for port in [A, B] {
        cloud.port(port, Some("host-1")).await;
    }
    let a = cloud.plug(0, A);
    let b = cloud.plug(0, B);
    cloud.wait_state("a", PortState::Active).await;
    cloud.wait_state("b", PortState::Active).await;
    let (before, ovs) = (cloud.hosts[0].flows(), &cloud.hosts[0].ovs);
    ovs.vsctl(&[
        "add-port",
        BRIDGE,
        "second",
        "--",
        "set",
        "Interface",
        "second",
        "type=internal",
        "external_ids:iface-id=a",
    ])
    .unwrap();
    ovs.vsctl(&["wait-until", "Interface", "second", "ofport>0"]).unwrap();
    assert_eq!(pings(&a, B.ip(), 2).await, 2);
    assert_eq!(cloud.hosts[0].flows(), before);
    // The older one goes, and the younger has it.
    a.unplug(ovs).unwrap();
    let number = ovs.vsctl(&["get", "Interface", "second", "ofport"]).unwrap();
    let in_port = format!("in_port={}", number.trim());
    until("the flows of the younger one", async || (cloud.hosts[0].mentions(&in_port) > 0).then_some(()))
        .await;
    drop(b);
}
