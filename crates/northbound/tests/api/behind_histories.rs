//! Ports inside others after random histories: a second time what the manual says, told by what the ports are and not by what was done.

use model::{Object, SegmentationType, Table};
use nb::memory::MemoryStore;
use serde_json::{Value, json};

use crate::behind::{network, settings, text};
use crate::support::{Api, Client};

const STEPS: usize = 60;
const PORTS_MAX: usize = 8;

/// Numbers that look random and are the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// A port as the test knows it: what was said of it, and nothing else.
#[derive(Clone)]
struct Known {
    id: String,
    network: usize,
    project: &'static str,
    mac: String,
    address: String,
    host: String,
    pairs: Vec<(String, String)>,
}

/// Who names a port, by the words of the manual.
fn namers<'a>(all: &'a [Known], port: &Known) -> Vec<(&'a Known, SegmentationType)> {
    let mut found = Vec::new();
    for outer in all.iter().filter(|outer| outer.id != port.id && outer.project == port.project) {
        let mut by = None;
        for (address, mac) in outer.pairs.iter().filter(|(address, _)| *address == port.address) {
            if *address == outer.address {
                continue;
            }
            let told = |inner: &Known| match mac {
                mac if *mac == outer.mac => Some(SegmentationType::Ipvlan),
                mac if *mac == inner.mac => Some(SegmentationType::Macvlan),
                _ => None,
            };
            let holders = all.iter().filter(|inner| {
                inner.address == *address && inner.project == port.project && inner.id != outer.id
            });
            let holders: Vec<&Known> = holders.collect();
            let near = holders.iter().any(|inner| inner.network == outer.network);
            let holders = holders.into_iter().filter(|inner| !near || inner.network == outer.network);
            let meant: Vec<&Known> =
                holders.filter(|inner| inner.host.is_empty() && told(inner).is_some()).collect();
            if meant.len() == 1 && meant[0].id == port.id && by != Some(SegmentationType::Macvlan) {
                by = told(port);
            }
        }
        found.extend(by.map(|by| (outer, by)));
    }
    found
}

/// What is inside what, in the order of the rows.
fn expected(all: &[Known]) -> Vec<(String, String, SegmentationType)> {
    let mut expected = Vec::new();
    for port in all {
        if let [(outer, by)] = namers(all, port).as_slice()
            && namers(all, outer).is_empty()
        {
            expected.push((port.id.clone(), outer.id.clone(), *by));
        }
    }
    expected.sort();
    expected
}

/// A cloud in which things happen.
struct History {
    chance: Chance,
    api: Api,
    admin: Client,
    networks: Vec<(&'static str, Value)>,
    all: Vec<Known>,
}

impl History {
    async fn new(seed: u64) -> Self {
        let api = Api::with(MemoryStore::new(), settings(true)).await;
        let mut admin = api.admin();
        let mut networks = Vec::new();
        for project in ["p", "p", "p", "q"] {
            networks.push((project, network(&mut admin, project, "10.0.0.0/24").await));
        }
        Self { chance: Chance(seed), api, admin, networks, all: Vec::new() }
    }

    fn address(&mut self) -> String {
        format!("10.0.0.{}", 10 + self.chance.below(5))
    }

    async fn step(&mut self, step: usize) {
        let kinds = if self.all.len() < 4 { 1 } else { 6 };
        match self.chance.below(kinds) {
            0 if self.all.len() < PORTS_MAX => self.create().await,
            0 | 1 => self.delete().await,
            2 => self.bind(step).await,
            3 => self.renumber().await,
            _ => self.pair().await,
        }
    }

    async fn create(&mut self) {
        let (address, network) = (self.address(), self.chance.below(self.networks.len()));
        let (project, home) = &self.networks[network];
        let body = json!({"port": {"network_id": home["id"], "project_id": project, "device_owner": "compute:x",
            "fixed_ips": [{"ip_address": address}]}});
        let made = self.admin.post("/v2.0/ports", body).await;
        if made.status == 201 {
            let port = &made.json()["port"];
            let (id, mac) = (text(&port["id"]).to_owned(), text(&port["mac_address"]).to_owned());
            let (host, pairs) = (String::new(), Vec::new());
            self.all.push(Known { id, network, project, mac, address, host, pairs });
        }
    }

    async fn delete(&mut self) {
        let gone = self.all.remove(self.chance.below(self.all.len()));
        self.admin.delete(&format!("/v2.0/ports/{}", gone.id)).await.expect(204);
    }

    async fn bind(&mut self, step: usize) {
        let host = if self.chance.below(2) == 0 { String::new() } else { format!("own-{step}") };
        let at = self.chance.below(self.all.len());
        self.all[at].host.clone_from(&host);
        self.put(at, json!({"binding:host_id": host})).await;
    }

    async fn renumber(&mut self) {
        let (address, at) = (self.address(), self.chance.below(self.all.len()));
        if self.put(at, json!({"fixed_ips": [{"ip_address": address}]})).await {
            self.all[at].address = address;
        }
    }

    async fn pair(&mut self) {
        let at = self.chance.below(self.all.len());
        let mut pairs = Vec::new();
        for _ in 0..self.chance.below(3) {
            let other = self.all[self.chance.below(self.all.len())].clone();
            let own = self.chance.below(3) == 0;
            pairs.push((other.address, if own { self.all[at].mac.clone() } else { other.mac }));
        }
        pairs.sort();
        pairs.dedup();
        let said = |(address, mac): &(String, String)| json!({"ip_address": address, "mac_address": mac});
        let said: Vec<Value> = pairs.iter().map(said).collect();
        self.all[at].pairs = pairs;
        assert!(self.put(at, json!({"allowed_address_pairs": said})).await);
    }

    async fn put(&mut self, at: usize, change: Value) -> bool {
        let path = format!("/v2.0/ports/{}", self.all[at].id);
        self.admin.put(&path, json!({ "port": change })).await.status == 200
    }

    /// Compares what there is with what there should be; how many ports are inside others.
    async fn check(&mut self, place: &str) -> usize {
        let mut inside: Vec<(String, String, SegmentationType)> = Vec::new();
        for row in self.api.objects(Table::ChildPortSegmentation).await {
            let Object::ChildPortSegmentation(row) = row else { panic!("{row:?}") };
            inside.push((row.port.to_string(), row.parent.to_string(), row.segmentation_type));
        }
        inside.sort();
        assert_eq!(inside, expected(&self.all), "{place}");
        for port in &self.all {
            let shown = self.admin.get(&format!("/v2.0/ports/{}", port.id)).await.expect(200);
            let outer = inside.iter().find(|(inner, ..)| *inner == port.id);
            let outer = outer.and_then(|(_, outer, _)| self.all.iter().find(|port| port.id == *outer));
            let host = outer.map_or(&port.host, |outer| &outer.host);
            assert_eq!(shown["port"]["binding:host_id"], **host, "{place}");
        }
        inside.len()
    }
}

/// Whatever is done in whichever order, what is inside what follows from the ports that are there.
#[tokio::test]
async fn what_is_inside_what_follows_from_the_ports_and_not_from_their_past() {
    let mut nestings = 0;
    for seed in 0..6 {
        let mut history = History::new(seed).await;
        for step in 0..STEPS {
            history.step(step).await;
            nestings += history.check(&format!("seed {seed}, step {step}")).await;
        }
    }
    assert!(nestings > 100, "the histories hardly nest anything: {nestings}");
}
