//! Many clients at once, and several servers on one store.

use std::collections::BTreeSet;
use std::time::Instant;

use nb::memory::MemoryStore;
use northbound::{Limits, Settings};
use serde_json::{Value, json};

use crate::support::Api;

fn unlimited() -> Settings {
    Settings { default_quota: Limits::unlimited(), ..Settings::default() }
}

/// Creates ports with clients that do not know of each other, and gives what the servers said.
async fn create_ports(apis: &[&Api], clients: usize, each: usize, network: &Value) -> Vec<(u16, Value)> {
    let tasks: Vec<_> = (0..clients)
        .map(|number| {
            let mut client = apis[number % apis.len()].member("p");
            let body = json!({"port": {"network_id": network}});
            tokio::spawn(async move {
                let mut replies = Vec::with_capacity(each);
                for _ in 0..each {
                    let reply = client.post("/v2.0/ports", body.clone()).await;
                    replies.push((reply.status, reply.json()));
                }
                replies
            })
        })
        .collect();
    let mut replies = Vec::new();
    for task in tasks {
        replies.extend(task.await.unwrap());
    }
    replies
}

fn distinct<'a>(ports: impl Iterator<Item = &'a Value>, value: impl Fn(&'a Value) -> &'a Value) -> usize {
    ports.map(|port| value(port).as_str().unwrap()).collect::<BTreeSet<_>>().len()
}

async fn network_of(api: &Api, cidr: &str) -> Value {
    let network = api.member("p").create("network", json!({})).await["id"].clone();
    let subnet = json!({"network_id": network, "ip_version": 4, "cidr": cidr, "enable_dhcp": false});
    api.member("p").create("subnet", subnet).await;
    network
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_ports_by_eight_clients() {
    let api = Api::with(MemoryStore::new(), unlimited()).await;
    let network = network_of(&api, "10.0.0.0/16").await;
    let begun = Instant::now();
    let replies = create_ports(&[&api], 8, 125, &network).await;
    let took = begun.elapsed();
    println!("1000 ports by 8 clients: {:.0} a second", 1000.0 / took.as_secs_f64());
    assert!(replies.iter().all(|(status, _)| *status == 201), "{replies:?}");
    let ports = || replies.iter().map(|(_, body)| &body["port"]);
    assert_eq!(distinct(ports(), |port| &port["fixed_ips"][0]["ip_address"]), 1000);
    assert_eq!(distinct(ports(), |port| &port["mac_address"]), 1000);
    assert_eq!(distinct(ports(), |port| &port["id"]), 1000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_give_no_address_twice_and_all_of_them() {
    let store = MemoryStore::new();
    let (first, second) = (Api::with(store.clone(), unlimited()).await, Api::with(store, unlimited()).await);
    let network = network_of(&first, "10.0.0.0/25").await;
    crate::support::eventually(async || {
        let path = format!("/v2.0/subnets?network_id={}", network.as_str().unwrap());
        second.member("p").get(&path).await.json()["subnets"].as_array().unwrap().len() == 1
    })
    .await;
    // 125 addresses are free, and 160 are asked for.
    let replies = create_ports(&[&first, &second], 8, 20, &network).await;
    let created: Vec<&Value> =
        replies.iter().filter(|(status, _)| *status == 201).map(|(_, body)| &body["port"]).collect();
    assert_eq!(created.len(), 125);
    assert_eq!(distinct(created.iter().copied(), |port| &port["fixed_ips"][0]["ip_address"]), 125);
    let refused = replies.iter().filter(|(status, _)| *status != 201);
    for (status, body) in refused {
        assert_eq!((*status, &body["NeutronError"]["type"]), (409, &json!("IpAddressGenerationFailure")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_holds_against_a_crowd_on_two_servers() {
    let store = MemoryStore::new();
    let mut settings = unlimited();
    settings.default_quota.set(northbound::registry::Kind::Port, 20);
    let (first, second) =
        (Api::with(store.clone(), settings.clone()).await, Api::with(store, settings).await);
    let network = network_of(&first, "10.0.0.0/16").await;
    crate::support::eventually(async || {
        let path = format!("/v2.0/networks/{}", network.as_str().unwrap());
        second.member("p").get(&path).await.status == 200
    })
    .await;
    let replies = create_ports(&[&first, &second], 8, 5, &network).await;
    assert_eq!(replies.iter().filter(|(status, _)| *status == 201).count(), 20);
    for (status, body) in replies.iter().filter(|(status, _)| *status != 201) {
        assert_eq!((*status, &body["NeutronError"]["type"]), (409, &json!("OverQuota")), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_goes_with_all_or_stays_with_all() {
    let store = MemoryStore::new();
    let (first, second) = (Api::with(store.clone(), unlimited()).await, Api::with(store, unlimited()).await);
    for _ in 0..20 {
        let network = network_of(&first, "10.0.0.0/24").await;
        let path = format!("/v2.0/networks/{}", network.as_str().unwrap());
        crate::support::eventually(async || second.member("p").get(&path).await.status == 200).await;
        let (mut deleter, mut creator) = (first.member("p"), second.member("p"));
        let port = json!({"port": {"network_id": network}});
        let (deleted, created) = tokio::join!(deleter.delete(&path), creator.post("/v2.0/ports", port));
        let outcome = (deleted.status, created.status);
        assert!(matches!(outcome, (204, 404) | (409, 201)), "{outcome:?} {} {}", deleted.text, created.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subnets_of_a_crowd_do_not_overlap() {
    let api = Api::with(MemoryStore::new(), unlimited()).await;
    let network = api.member("p").create("network", json!({})).await["id"].clone();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let mut client = api.member("p");
            let subnet = json!({"subnet": {"network_id": network, "ip_version": 4, "cidr": "10.0.0.0/24"}});
            tokio::spawn(async move { client.post("/v2.0/subnets", subnet).await.status })
        })
        .collect();
    let mut created = 0;
    for task in tasks {
        match task.await.unwrap() {
            201 => created += 1,
            status => assert_eq!(status, 400),
        }
    }
    assert_eq!(created, 1);
}
