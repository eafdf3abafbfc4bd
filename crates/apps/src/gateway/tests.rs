//! The choice of gateways, asked of engines that are told rows and what can be reached.

use std::collections::{BTreeMap, BTreeSet};

use engine::{Dhcp, Engine, Input, Learning, Multicast, Outputs, Peers, RowChange, Settings};
use model::{Model, Object, Table};
use serde_json::{Value, json};

use super::*;

/// A node whose one app says, of each router, where its gateways are and who may have them.
struct Node {
    engine: Engine,
    name: Id<Chassis>,
    peers: Peers,
}

fn id<T>(text: &str) -> Id<T> {
    Id::new(text).unwrap()
}

fn tell(view: &mut View<'_>, router: &RouterExtra, sink: &mut Sink) {
    let (active, candidates) = (active(view, &router.lrouter), candidates(view, &router.lrouter));
    let names: Vec<String> = candidates.iter().map(ToString::to_string).collect();
    let active = active.map_or_else(|| "none".to_owned(), |node| node.to_string());
    let here = if is_here(view, &router.lrouter) { "!" } else { "" };
    sink.problem(format!("{active}{here} of {}", names.join(",")));
}

impl Node {
    fn new(name: &str, rows: &[Object]) -> Self {
        let teller = App {
            id: tables::L2_OWNER,
            rules: vec![Rule::each::<RouterExtra>("tell", tell)],
            responders: vec![],
        };
        Self::with(name, rows, vec![app(), teller])
    }

    fn with(name: &str, rows: &[Object], apps: Vec<App>) -> Self {
        let settings = Settings {
            chassis: id(name),
            tunnel_ip: "192.0.2.1".parse().unwrap(),
            answer_arp: true,
            learning: Learning::default(),
            dhcp: Dhcp::default().into(),
            multicast: Multicast::default(),
            host_address: None,
        };
        let mut engine = Engine::new(apps);
        let snapshot = Input::Snapshot { tables: Table::ALL.to_vec(), rows: rows.to_vec() };
        engine.step(vec![Input::Settings(settings), snapshot]);
        Self { engine, name: id(name), peers: Peers::default() }
    }

    fn step(&mut self, input: Input) -> Outputs {
        let outputs = self.engine.step(vec![input]);
        assert_eq!(self.engine.desired(), self.engine.recompute());
        outputs
    }

    fn put(&mut self, object: Object) -> Outputs {
        self.step(Input::Row(RowChange::Put(object)))
    }

    /// Sees these nodes so, and the others as before.
    fn sees(&mut self, seen: &[(&str, Reach)]) -> Outputs {
        self.peers.reach.extend(seen.iter().map(|(node, reach)| (id(node), *reach)));
        self.step(Input::Peers(self.peers.clone()))
    }

    fn settle(&mut self, is_settled: bool) {
        self.peers.is_settled = is_settled;
        self.step(Input::Peers(self.peers.clone()));
    }

    /// What is said of a router.
    fn says(&self, router: &str) -> String {
        let findings = self.engine.findings();
        let of_router = |finding: &&engine::Finding| {
            finding.rule == "tell"
                && finding.subject.as_ref().is_some_and(|subject| *subject == *id::<Chassis>(router).row())
        };
        findings.iter().find(of_router).expect("each router is spoken of").problem.clone()
    }

    fn active(&self, router: &str) -> String {
        self.says(router).split(' ').next().unwrap().to_owned()
    }

    fn watched(&self) -> Vec<String> {
        let text =
            |watched: &Watched| format!("{}{}", watched.peer, if watched.is_candidate { "!" } else { "" });
        self.engine.desired().watched.iter().map(text).collect()
    }
}

fn row(table: Table, row: Value) -> Object {
    Object::from_value(table, &row).unwrap()
}

fn chassis(name: &str, number: u8, types: &[&str]) -> Object {
    row(Table::Chassis, json!({"id": name, "ip": format!("192.0.2.{number}"), "tunnel_types": types}))
}

fn candidate(name: &str, priority: u32) -> Object {
    row(Table::GatewayCandidate, json!({"id": name, "chassis": name, "priority": priority}))
}

fn router(name: &str, chosen: &[(&str, u32)]) -> Object {
    let chosen: Vec<Value> =
        chosen.iter().map(|(node, priority)| json!({"chassis": node, "priority": priority})).collect();
    let gateway = json!({"lswitch": "out", "port": format!("{name}-gw")});
    row(
        Table::RouterExtra,
        json!({"id": name, "lrouter": name, "topic": "t", "chassis": chosen, "gateways": [gateway], "version": 1}),
    )
}

/// The router, which asks for zones.
fn in_zones(zones: &[&str]) -> Object {
    let gateway = json!({"lswitch": "out", "port": "r-gw"});
    let said =
        json!({"id": "r", "lrouter": "r", "topic": "t", "gateways": [gateway], "version": 1, "zones": zones});
    row(Table::RouterExtra, said)
}

/// A node at the network, in zones.
fn zoned(name: &str, zones: &[&str]) -> Object {
    let said =
        json!({"id": name, "chassis": name, "physical_networks": ["public"], "availability_zones": zones});
    row(Table::ChassisExtra, said)
}

fn network(kind: &str, physical: Option<&str>) -> Object {
    let row = json!({"id": "out", "topic": "t", "unique_key": 9, "network_type": kind, "physical_network": physical});
    self::row(Table::LogicalSwitch, row)
}

fn extra(name: &str, physical: &[&str]) -> Object {
    row(
        Table::ChassisExtra,
        json!({"id": name, "chassis": name, "physical_networks": physical, "availability_zones": []}),
    )
}

/// Four nodes, of which a, b and c are candidates, a before the others.
fn rows() -> Vec<Object> {
    let nodes = [("a", 1), ("b", 2), ("c", 3), ("d", 4)];
    let mut rows: Vec<Object> = nodes.iter().map(|(name, ip)| chassis(name, *ip, &["geneve"])).collect();
    rows.extend([candidate("a", 200), candidate("b", 100), candidate("c", 50)]);
    rows.extend([router("r", &[]), network("flat", Some("public"))]);
    rows
}

use Reach::{Alive, Down, Gone, Unknown};

#[test]
fn the_first_that_is_alive_is_the_gateway_on_every_node() {
    let mut others: Vec<Node> = ["a", "b", "d"].iter().map(|name| Node::new(name, &rows())).collect();
    for node in &mut others {
        let (name, all) = (node.name.to_string(), ["a", "b", "c", "d"]);
        let seen: Vec<_> = all.iter().filter(|peer| **peer != name).map(|peer| (*peer, Alive)).collect();
        node.sees(&seen);
        assert_eq!(node.says("r").replace('!', ""), "a of a,b,c");
    }
    assert_eq!(others[0].active("r"), "a!");
    for node in &mut others[1..] {
        node.sees(&[("a", Down)]);
    }
    assert_eq!((others[1].active("r"), others[2].active("r")), ("b!".to_owned(), "b".to_owned()));
    others[2].sees(&[("b", Down), ("c", Down)]);
    assert_eq!(others[2].active("r"), "a", "where nobody answers, the best guess");
}

#[test]
fn who_is_not_known_yet_is_asked_last_and_before_nobody() {
    let mut node = Node::new("d", &rows());
    assert_eq!(node.active("r"), "a");
    node.sees(&[("a", Unknown), ("b", Unknown), ("c", Alive)]);
    assert_eq!(node.active("r"), "c");
    node.sees(&[("a", Down), ("c", Down)]);
    assert_eq!(node.active("r"), "b");
}

#[test]
fn a_candidate_that_is_cut_off_yields_and_one_of_two_goes_on() {
    let mut node = Node::new("a", &rows());
    assert_eq!(node.active("r"), "a!", "nobody is watched");
    node.sees(&[("b", Unknown), ("c", Unknown), ("d", Unknown)]);
    assert_ne!(node.active("r"), "a!", "others may serve, and are not heard yet");
    node.sees(&[("d", Alive)]);
    assert_eq!(node.active("r"), "a!");
    node.sees(&[("b", Down), ("c", Down)]);
    assert_eq!(node.active("r"), "a!", "one is there");
    node.sees(&[("d", Down)]);
    assert_eq!(node.active("r"), "b", "it is its own cable");
    node.sees(&[("d", Alive)]);
    assert_eq!(node.active("r"), "a!");
    // Two have been away for long; of the other one nobody can tell who failed.
    node.sees(&[("b", Gone), ("c", Gone), ("d", Down)]);
    assert_eq!(node.active("r"), "a!");
    node.sees(&[("d", Unknown)]);
    assert_ne!(node.active("r"), "a!");
}

#[test]
fn a_switch_that_was_started_a_moment_ago_does_not_serve() {
    let mut node = Node::new("a", &rows());
    node.sees(&[("b", Alive), ("c", Alive), ("d", Alive)]);
    node.settle(false);
    assert_eq!(node.active("r"), "b");
    node.settle(true);
    assert_eq!(node.active("r"), "a!");
}

#[test]
fn a_router_with_one_candidate_is_there_whatever_is_seen() {
    let mut node = Node::new("a", &rows());
    let mut other = Node::new("d", &rows());
    for node in [&mut node, &mut other] {
        node.put(router("r", &[("a", 1)]));
        node.sees(&[("a", Down), ("b", Down), ("c", Down), ("d", Down)]);
    }
    node.settle(false);
    assert_eq!((node.active("r"), other.active("r")), ("a!".to_owned(), "a".to_owned()));
}

#[test]
fn those_that_were_chosen_come_in_their_order_as_long_as_they_want() {
    let mut node = Node::new("d", &rows());
    node.sees(&[("a", Alive), ("b", Alive), ("c", Alive)]);
    node.put(router("r", &[("b", 1), ("c", 7)]));
    assert_eq!(node.says("r"), "c of c,b");
    node.step(Input::Row(RowChange::Delete(Table::GatewayCandidate, id::<Chassis>("c").row().clone())));
    assert_eq!(node.says("r"), "b of b", "it withdrew");
    node.put(router("r", &[("c", 7)]));
    assert_eq!(node.says("r"), "c of c", "there is no other");
    node.put(router("r", &[]));
    assert_eq!(node.says("r"), "a of a,b");
    for name in ["a", "b"] {
        node.step(Input::Row(RowChange::Delete(Table::GatewayCandidate, id::<Chassis>(name).row().clone())));
    }
    assert_eq!(node.says("r"), "none of ");
}

#[test]
fn candidates_reach_the_physical_networks_of_the_gateways() {
    let mut node = Node::new("d", &rows());
    node.put(extra("a", &["other"]));
    assert_eq!(node.says("r"), "b of b,c", "b and c do not say");
    node.put(extra("c", &["other", "public"]));
    assert_eq!(node.says("r"), "b of b,c");
    node.put(network("geneve", None));
    assert_eq!(node.says("r"), "a of a,b,c", "tunnels lead everywhere");
    node.put(network("vlan", Some("other")));
    node.put(extra("b", &[]));
    assert_eq!(node.says("r"), "a of a,c");
}

#[test]
fn candidates_of_a_router_without_a_gateway_reach_the_physical_networks_that_it_is_in() {
    let mut node = Node::new("d", &rows());
    let leg = json!({
        "id": "leg", "topic": "t", "lswitch": "out", "unique_key": 8, "mac": "02:00:00:00:00:08",
        "network": "10.0.0.1/24",
    });
    let row_of_router = json!({"id": "inner", "topic": "t", "unique_key": 7, "version": 1, "ports": [leg]});
    node.put(row(Table::LogicalRouter, row_of_router));
    node.put(row(
        Table::RouterExtra,
        json!({"id": "inner", "lrouter": "inner", "topic": "t", "chassis": [], "gateways": [], "version": 1}),
    ));
    assert_eq!(node.says("inner"), "a of a,b,c");
    node.put(extra("a", &["other"]));
    assert_eq!(node.says("inner"), "b of b,c");
}

#[test]
fn routers_are_spread_and_few_move() {
    let nodes: Vec<String> = (0..8).map(|number| format!("host-{number}")).collect();
    let mut rows: Vec<Object> =
        (0_u8..).zip(&nodes).map(|(number, name)| chassis(name, number, &["geneve"])).collect();
    rows.extend(nodes.iter().map(|name| candidate(name, 100)));
    let routers: Vec<String> = (0..400).map(|number| format!("router-{number}")).collect();
    rows.extend(routers.iter().map(|name| router(name, &[])));
    let mut node = Node::new("host-0", &rows);
    let alive: Vec<_> = nodes[1..].iter().map(|name| (name.as_str(), Alive)).collect();
    node.sees(&alive);
    let places = |node: &Node| -> BTreeMap<String, String> {
        let place = |router: &String| (router.clone(), node.active(router).replace('!', ""));
        routers.iter().map(place).collect()
    };
    let before = places(&node);
    for name in &nodes {
        let share = before.values().filter(|place| *place == name).count();
        assert!((25..=80).contains(&share), "{name} has {share} of 400 routers");
    }
    let lost = &nodes[3];
    let outputs = node.sees(&[(lost, Down)]);
    let after = places(&node);
    let moved = routers.iter().filter(|router| before[*router] != after[*router]);
    let had: BTreeSet<_> = routers.iter().filter(|router| before[*router] == *lost).collect();
    assert_eq!(moved.collect::<BTreeSet<_>>(), had);
    let heirs: BTreeSet<&String> = had.iter().map(|router| &after[*router]).collect();
    assert!(heirs.len() > 4, "they are spread over those that are left: {heirs:?}");
    assert_eq!(outputs.units_run, had.len(), "only their routers are looked at");
    assert_eq!(node.sees(&[("host-5", Alive)]).units_run, 0);
}

#[test]
fn two_nodes_watch_each_other_when_one_is_a_candidate() {
    let mut rows = rows();
    rows.push(chassis("e", 5, &["vxlan", "geneve"]));
    rows.push(chassis("f", 6, &["gre"]));
    let mut candidate_node = Node::new("b", &rows);
    assert_eq!(candidate_node.watched(), ["a!", "c!", "d", "e"]);
    let problems = candidate_node.engine.findings();
    let problem = problems.iter().find(|finding| finding.rule == "watched nodes").unwrap();
    assert!(problem.problem.contains("b and f cannot watch each other"), "{problem:?}");
    assert_eq!(Node::new("d", &rows).watched(), ["a!", "b!", "c!"]);
    let outputs = candidate_node.put(chassis("a", 1, &["vxlan"]));
    assert_eq!(outputs.watched.map(|watched| watched.len()), Some(3), "a and b have no type in common");
}

#[test]
fn a_session_passes_the_pipeline_by_two_flows_and_goes_with_its_port() {
    let mut node = Node::with("d", &rows(), vec![app(), crate::classify::app()]);
    node.step(Input::Tunnels([(TunnelType::Geneve, 65_001)].into()));
    let flows = |node: &Node| -> Vec<String> {
        let flows = node.engine.desired().flows;
        let texts = flows.iter().map(|flow| flow.unpack().to_string());
        texts.filter(|text| text.contains("in_port=301") || text.contains("output:301")).collect()
    };
    node.peers.ports.insert(id("a"), 301);
    let outputs = node.step(Input::Peers(node.peers.clone()));
    assert_eq!(outputs.units_run, 1, "only the session with that node");
    let said = flows(&node);
    assert_eq!(said.len(), 2, "{said:?}");
    let there = said.iter().find(|text| text.contains("in_port=301")).unwrap();
    assert!(there.contains("tun_dst") && there.ends_with("output:65001"), "{there}");
    let back = said.iter().find(|text| text.ends_with("output:301")).unwrap();
    assert!(back.contains("tun_id=0") && back.contains("tun_src=192.0.2.1"), "{back}");
    assert_eq!(node.sees(&[("a", Down)]).units_run, 0, "how it is seen is nothing to its flows");
    node.peers.ports.clear();
    node.step(Input::Peers(node.peers.clone()));
    assert_eq!(flows(&node), [""; 0]);
}

#[test]
fn what_is_not_registered_is_no_candidate() {
    let mut rows = rows();
    rows.retain(|object| !(object.table() == Chassis::TABLE && *object.id() == *id::<Chassis>("a").row()));
    let mut node = Node::new("d", &rows);
    assert_eq!(node.says("r"), "b of b,c");
    node.put(chassis("a", 1, &["geneve"]));
    assert_eq!(node.says("r"), "a of a,b,c");
}

#[test]
fn a_router_that_asks_for_zones_has_its_gateways_there_and_nowhere_else() {
    let mut node = Node::new("d", &rows());
    node.sees(&[("a", Reach::Alive), ("b", Reach::Alive), ("c", Reach::Alive)]);
    for object in [zoned("a", &["west"]), zoned("b", &["east", "north"]), zoned("c", &["north"])] {
        node.put(object);
    }
    for (zones, said) in [
        (&[][..], "a of a,b,c"),
        (&["north"], "b of b,c"),
        (&["west", "north"], "a of a,b,c"),
        (&["east"], "b of b"),
        (&["south"], "none of "),
    ] {
        node.put(in_zones(zones));
        assert_eq!(node.says("r"), said, "{zones:?}");
    }
    // A node that moves to another zone gains and loses the routers that ask for it.
    node.put(zoned("c", &["south"]));
    assert_eq!(node.says("r"), "c of c");
    // Of whom nothing is known it is not known either where it is.
    node.step(Input::Row(RowChange::Delete(Table::ChassisExtra, model::RowId::new("a").unwrap())));
    assert_eq!(node.says("r"), "a of a,c");
    // Whoever chooses nodes chooses them wherever they are.
    node.put(router("r", &[("b", 5)]));
    assert_eq!(node.says("r"), "b of b");
}
