//! Many clients at once, one server or two, and a server that dies in the middle.
//!
//! What is made is asserted; how fast it was made is only printed.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{process, wait_until};

use crate::checker::{addresses, assert_consistent, documents};
use crate::http::Client;
use crate::support::{Dump, PATIENCE, Server, text};

const PORTS: u64 = 1000;
const CLIENTS: usize = 8;
/// What Neutron 29 spends for a port on such a machine, and how many it makes in a second.
const NEUTRON_CPU_MS: u32 = 74;
const NEUTRON_PORTS_PER_S: u32 = 12;

fn body(network: &str, number: u64) -> Vec<u8> {
    json!({"port": {"network_id": network, "name": format!("port-{number}")}}).to_string().into_bytes()
}

/// So many ports, by clients that are spread over the servers; what the servers said.
fn create_all(servers: &[&Server], network: &str) -> Vec<Value> {
    let next = AtomicU64::new(0);
    let made = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let mut client = servers[client % servers.len()].client();
            let (next, made) = (&next, &made);
            scope.spawn(move || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= PORTS {
                        return;
                    }
                    let reply = client.send("POST", "/v2.0/ports", &[], &body(network, number));
                    made.lock().expect("no client failed").push(reply.expect(201)["port"].take());
                }
            });
        }
    });
    made.into_inner().expect("no client failed")
}

#[track_caller]
fn assert_unique(ports: &[Value]) {
    for unique in [
        |port: &Value| text(&port["id"]),
        |port: &Value| text(&port["mac_address"]),
        |port: &Value| addresses(port).join(","),
    ] {
        let values: BTreeSet<String> = ports.iter().map(unique).collect();
        assert_eq!(values.len(), ports.len());
    }
}

#[expect(clippy::print_stdout, reason = "figures are for people")]
fn measure(servers: &[&Server], network: &str) -> Vec<Value> {
    let cpu_ms = || -> u64 {
        servers.iter().map(|server| process::cpu_ms(server.pid()).expect("the server runs")).sum()
    };
    let (begun, before) = (Instant::now(), cpu_ms());
    let ports = create_all(servers, network);
    let (took, cpu) = (begun.elapsed(), cpu_ms() - before);
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    println!(
        "{} ports by {CLIENTS} clients at {} server(s), {build} build: {:.0} a second, {:.2} ms of CPU each \
         (Neutron: {NEUTRON_PORTS_PER_S} a second, {NEUTRON_CPU_MS} ms)",
        ports.len(),
        servers.len(),
        f64::from(u32::try_from(PORTS).unwrap_or(u32::MAX)) / took.as_secs_f64(),
        Duration::from_millis(cpu).as_secs_f64() * 1000.0
            / f64::from(u32::try_from(PORTS).unwrap_or(u32::MAX)),
    );
    ports
}

#[test]
fn a_thousand_ports_by_eight_clients_have_an_address_each() {
    let server = Server::new();
    let (network, _) = server.network("crowd", "10.0.0.0/16");
    let ports = measure(&[&server], &network);
    assert_eq!(ports.len() as u64, PORTS);
    assert_unique(&ports);
    let dump = server.dump();
    assert_consistent(&dump);
    // And the port of DHCP.
    assert_eq!(documents(&dump, "neutron_port").len() as u64, PORTS + 1);
}

#[test]
fn two_servers_on_one_store_give_no_address_twice() {
    let first = Server::new();
    let second = first.beside();
    let (network, _) = first.network("crowd", "10.0.0.0/16");
    wait_for_network(&mut second.client(), &network);
    let ports = measure(&[&first, &second], &network);
    assert_unique(&ports);
    let dump = first.dump();
    assert_consistent(&dump);
    assert_eq!(documents(&dump, "neutron_port").len() as u64, PORTS + 1);
    for server in [&first, &second] {
        wait_until(PATIENCE, "both servers to know every port", || {
            let listed = server.client().get("/v2.0/ports?fields=id");
            (listed["ports"].as_array()?.len() as u64 == PORTS + 1).then_some(())
        });
    }
}

/// What one server made, another knows a moment later.
fn wait_for_network(client: &mut Client, network: &str) {
    let path = format!("/v2.0/networks/{network}");
    wait_until(PATIENCE, "the other server to know of the network", || {
        (client.send("GET", &path, &[], b"").status == 200).then_some(())
    });
}

/// The last addresses of a subnet, fought for at two servers: each is given once, and nobody else gets any.
#[test]
fn two_servers_give_out_the_last_addresses_once() {
    const ADDRESSES: usize = 253;
    let first = Server::new();
    let second = first.beside();
    let (network, _) = first.network("narrow", "10.0.0.0/24");
    wait_for_network(&mut second.client(), &network);
    let (made, refused) = (Mutex::new(Vec::new()), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let mut client = if number % 2 == 0 { first.client() } else { second.client() };
            let (made, refused, network) = (&made, &refused, &network);
            scope.spawn(move || {
                for number in 0..40 {
                    let reply = client.send("POST", "/v2.0/ports", &[], &body(network, number));
                    if reply.status == 201 {
                        made.lock().expect("no client failed").push(reply.json()["port"].take());
                    } else {
                        assert_eq!(reply.status, 409);
                        assert_eq!(reply.error().0, "IpAddressGenerationFailure");
                        refused.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let made = made.into_inner().expect("no client failed");
    assert_unique(&made);
    // The port of DHCP has one.
    assert_eq!(made.len(), ADDRESSES - 1);
    assert_eq!(refused.into_inner(), 40 * CLIENTS as u64 - made.len() as u64);
    assert_consistent(&first.dump());
}

/// How a client fares at a server that is killed: what was acknowledged, and the rest that may or may not be there.
fn create_until_killed(mut client: Client, network: &str, acknowledged: &Mutex<Vec<Value>>) {
    for number in 0..PORTS {
        match client.try_send("POST", "/v2.0/ports", &[], &body(network, number)) {
            Ok(reply) => {
                acknowledged.lock().expect("no client failed").push(reply.expect(201)["port"].take())
            }
            Err(_) => return,
        }
    }
}

/// Asserts that the store makes sense and has every port that was acknowledged, with the addresses that it was given.
#[track_caller]
fn assert_kept(dump: &Dump, acknowledged: &[Value]) {
    assert_consistent(dump);
    assert_unique(acknowledged);
    let stored = documents(dump, "neutron_port");
    for port in acknowledged {
        let id = text(&port["id"]);
        let kept = stored.get(id.as_str()).unwrap_or_else(|| panic!("port {id} is lost"));
        assert_eq!(kept["fixed_ips"], port["fixed_ips"], "port {id}");
    }
}

/// One of two servers dies in the middle: the clients of the other do not notice.
#[test]
fn one_of_two_servers_is_killed() {
    let first = Server::new();
    let mut second = first.beside();
    let (network, _) = first.network("crowd", "10.0.0.0/16");
    wait_for_network(&mut second.client(), &network);
    let network = network.as_str();
    let (at_first, at_second) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS / 2 {
            let (client, acknowledged) = (second.client(), &at_second);
            scope.spawn(move || create_until_killed(client, network, acknowledged));
            let (mut client, acknowledged) = (first.client(), &at_first);
            scope.spawn(move || {
                for number in 0..100 {
                    let reply = client.send("POST", "/v2.0/ports", &[], &body(network, number));
                    let port = reply.expect(201)["port"].take();
                    acknowledged.lock().expect("no client failed").push(port);
                }
            });
        }
        wait_until(PATIENCE, "some ports", || {
            (at_second.lock().expect("no client failed").len() >= 60).then_some(())
        });
        second.kill();
    });
    let mut acknowledged = at_first.into_inner().expect("no client failed");
    assert_eq!(acknowledged.len(), 100 * CLIENTS / 2);
    acknowledged.append(&mut at_second.into_inner().expect("no client failed"));
    let dump = first.dump();
    assert_kept(&dump, &acknowledged);
    // What was lost with the second server are answers only: the first knows all that is stored, and so does the second again.
    second.start();
    let stored = documents(&dump, "neutron_port").len();
    for server in [&first, &second] {
        let listed = server.client().get("/v2.0/ports?fields=id");
        assert_eq!(listed["ports"].as_array().map(Vec::len), Some(stored));
    }
}

#[test]
fn a_killed_server_loses_nothing_that_it_acknowledged() {
    const KILLS: usize = 4;
    let mut server = Server::new();
    let (network, _) = server.network("crowd", "10.0.0.0/16");
    let acknowledged = Mutex::new(Vec::new());
    for kill in 1..=KILLS {
        std::thread::scope(|scope| {
            for _ in 0..CLIENTS {
                let (client, network, acknowledged) = (server.client(), &network, &acknowledged);
                scope.spawn(move || create_until_killed(client, network, acknowledged));
            }
            wait_until(PATIENCE, "some ports", || {
                (acknowledged.lock().expect("no client failed").len() >= kill * 60).then_some(())
            });
            server.kill();
        });
        server.start();
        let dump = server.dump();
        let acknowledged = acknowledged.lock().expect("no client failed");
        assert_kept(&dump, &acknowledged);
        let stored = documents(&dump, "neutron_port");
        // Each client may have been robbed of the answer to one request.
        let unanswered = stored.len() - 1 - acknowledged.len();
        assert!(unanswered <= kill * CLIENTS, "{unanswered} ports that nobody was told of");
    }
    // What it has forgotten nothing of, it also clears up: every port goes, and no reservation stays.
    let mut client = server.client();
    for port in client.get("/v2.0/ports?fields=id&device_owner=")["ports"].as_array().expect("a list") {
        client.send("DELETE", &format!("/v2.0/ports/{}", text(&port["id"])), &[], b"").expect(204);
    }
    client.send("DELETE", &format!("/v2.0/networks/{network}"), &[], b"").expect(204);
    let dump = server.dump();
    assert_consistent(&dump);
    assert!(!dump.keys().any(|key| key.starts_with("/neutron_address/")));
}
