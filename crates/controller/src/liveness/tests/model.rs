//! Five nodes that watch each other, in small steps of time: switches and controllers die and start, cables are cut and mended.
//!
//! Three of the nodes may have the gateway of a router, each of the five decides for itself which one has it, by the code that decides it
//! in earnest, and two never fail. What is asked:
//! - Two never serve at once for longer than it takes to see that a cable is cut.
//! - Somebody serves, but for a moment, as long as a candidate has been well for a while.
//! - When nothing happens any more the best of those that are well serves, and everybody knows.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::{App, Dhcp, Engine, Input, Learning, Multicast, Peers, Rule, Settings, Sink, View};
use model::{Object, RouterExtra, Table};
use pipeline::tables;
use proptest::prelude::*;

use super::{At, HOLD, Liveness, Observed, Session, Watched, row};

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
const CANDIDATES: usize = 3;
const STEP: Duration = Duration::from_millis(50);
/// How long two may serve at once: as long as it takes one of them to see that it is cut off.
const BOTH_MAX: Duration = Duration::from_millis(600);
/// How long nobody may serve although a candidate is well: when one thing fails at a time, and when several come back together, of
/// which one may take another for being there longer.
const NOBODY_MAX: Duration = Duration::from_millis(3_000);
const NOBODY_AFTER_SEVERAL_MAX: Duration = Duration::from_secs(15);
/// After this time a candidate that is well can be relied on.
const WELL: Duration = Duration::from_secs(20);
const QUIET: Duration = Duration::from_secs(80);

/// What happens to a candidate.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// Its switch dies, and starts after a while.
    SwitchDies(Duration),
    /// Its cable is cut for a while.
    CableIsCut(Duration),
    /// Its controller dies, and starts after a while.
    ControllerDies(Duration),
    /// The whole machine goes, and comes back after a while; its controller starts later than its switch.
    Reboots(Duration, Duration),
}

/// Delays that nobody can rely on.
struct Chance(u64);

impl Chance {
    fn between(&mut self, from_ms: u64, to_ms: u64) -> Duration {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis(from_ms + (self.0 >> 33) % (to_ms - from_ms))
    }
}

struct Node {
    engine: Engine,
    liveness: Liveness,
    told: Option<Peers>,
    /// When each of them is there again.
    switch_from: At,
    controller_from: At,
    cable_from: At,
    /// When the switch has its flows; never, while nobody gives it any.
    flows_from: Option<At>,
    sessions: BTreeMap<String, Observed>,
    /// Who has the gateway, in the view of the controller and by the flows, with when these change.
    thinks: String,
    flows_say: String,
    flows_change: At,
    well_since: At,
}

struct Net {
    now: At,
    nodes: Vec<Node>,
    /// Since when two nodes reach each other, or do not.
    since: BTreeMap<(usize, usize), (bool, At)>,
    chance: Chance,
}

fn tell(view: &mut View<'_>, router: &RouterExtra, sink: &mut Sink) {
    let active = apps::gateway::active(view, &router.lrouter);
    sink.problem(active.map_or_else(|| "nobody".to_owned(), |node| node.to_string()));
}

fn object(table: Table, text: &str) -> Object {
    Object::from_text(table, text).unwrap_or_else(|error| panic!("{error}"))
}

fn rows() -> Vec<Object> {
    let mut rows = Vec::new();
    for (number, name) in NAMES.iter().enumerate() {
        let chassis = format!(r#"{{"id": "{name}", "ip": "192.0.2.{number}", "tunnel_types": ["geneve"]}}"#);
        rows.push(object(Table::Chassis, &chassis));
    }
    for (number, name) in NAMES.iter().enumerate().take(CANDIDATES) {
        let row = format!(r#"{{"id": "{name}", "chassis": "{name}", "priority": {}}}"#, 9 - number);
        rows.push(object(Table::GatewayCandidate, &row));
    }
    let router = r#"{"id": "r", "lrouter": "r", "topic": "t", "chassis": [], "version": 1,
        "gateways": [{"lswitch": "out", "port": "gw"}]}"#;
    rows.push(object(Table::RouterExtra, router));
    rows
}

fn engine(name: &str) -> (Engine, Vec<Watched>) {
    let settings = Settings {
        chassis: model::Id::new(name).unwrap(),
        tunnel_ip: "192.0.2.1".parse().unwrap(),
        answer_arp: true,
        learning: Learning::default(),
        dhcp: Dhcp::default().into(),
        multicast: Multicast::default(),
        host_address: None,
    };
    let gateway = apps::all().into_iter().find(|app| app.id == tables::GATEWAY_OWNER).unwrap();
    let rules = vec![Rule::each::<RouterExtra>("tell", tell)];
    let mut engine = Engine::new(vec![gateway, App { id: tables::L2_OWNER, rules, responders: vec![] }]);
    let snapshot = Input::Snapshot { tables: Table::ALL.to_vec(), rows: rows() };
    let outputs = engine.step(vec![Input::Settings(settings), snapshot]);
    (engine, outputs.watched.unwrap())
}

impl Node {
    fn new(place: usize) -> Self {
        let (engine, wanted) = engine(NAMES[place]);
        let up = |watched: &Watched| {
            let name = watched.peer.to_string();
            (name.clone(), Observed { row: row(&name), port: None, session: Some(Session::Up) })
        };
        let mut node = Self {
            engine,
            liveness: Liveness::new(HOLD),
            told: None,
            switch_from: At::ZERO,
            controller_from: At::ZERO,
            cable_from: At::ZERO,
            flows_from: Some(At::ZERO),
            sessions: wanted.iter().map(up).collect(),
            thinks: String::new(),
            flows_say: String::new(),
            flows_change: At::ZERO,
            well_since: At::ZERO,
        };
        node.liveness.want(At::ZERO, &wanted);
        node.think(At::ZERO);
        node.flows_say.clone_from(&node.thinks);
        node
    }

    fn think(&mut self, now: At) {
        self.liveness.observe(now, &self.sessions);
        let peers = self.liveness.peers();
        if self.told.as_ref() == Some(&peers) {
            return;
        }
        self.told = Some(peers.clone());
        self.engine.step(vec![Input::Peers(peers)]);
        self.thinks = self.engine.findings().first().expect("the router is spoken of").problem.clone();
    }

    fn forwards(&self, now: At) -> bool {
        self.switch_from <= now && self.flows_from.is_some_and(|from| from <= now)
    }
}

impl Net {
    fn new(seed: u64) -> Self {
        let nodes = (0..NAMES.len()).map(Node::new).collect();
        Self { now: At::ZERO, nodes, since: BTreeMap::new(), chance: Chance(seed) }
    }

    fn reach_each_other(&self, one: usize, two: usize) -> bool {
        [one, two].iter().all(|place| {
            let node = &self.nodes[*place];
            node.forwards(self.now) && node.cable_from <= self.now
        })
    }

    fn happens(&mut self, place: usize, event: Event) {
        let now = self.now;
        let nobody_waits = self.nodes.iter().all(|node| node.liveness.due().is_none());
        let node = &mut self.nodes[place];
        match event {
            Event::SwitchDies(pause) => {
                node.switch_from = now + pause;
                node.flows_from = None;
            }
            Event::CableIsCut(pause) => node.cable_from = now + pause,
            // Whoever dies while it waits for something forgets for how long it has waited.
            Event::ControllerDies(pause) if nobody_waits => node.controller_from = now + pause,
            Event::ControllerDies(_) => {}
            Event::Reboots(pause, later) => {
                node.switch_from = now + pause;
                node.flows_from = None;
                node.controller_from = now + pause + later;
            }
        }
    }

    fn step(&mut self) {
        self.now += STEP;
        let now = self.now;
        for (place, name) in NAMES.iter().enumerate() {
            let (flows_in, reacts_in) = (self.chance.between(200, 900), self.chance.between(20, 150));
            let node = &mut self.nodes[place];
            if node.switch_from == now || (node.switch_from > now - STEP && node.switch_from <= now) {
                for seen in node.sessions.values_mut() {
                    seen.session = Some(Session::Fresh);
                }
            }
            let controls = node.controller_from <= now;
            if controls && node.controller_from > now - STEP {
                let (engine, wanted) = engine(name);
                (node.engine, node.liveness, node.told) = (engine, Liveness::new(HOLD), None);
                node.liveness.observe(now, &node.sessions);
                node.liveness.want(now, &wanted);
            }
            if controls && node.switch_from <= now {
                node.flows_from.get_or_insert(now + flows_in);
                let before = node.thinks.clone();
                node.think(now);
                if node.thinks != before {
                    node.flows_change = now + reacts_in;
                }
                if node.flows_change <= now {
                    node.flows_say.clone_from(&node.thinks);
                }
            }
            if !(controls && node.forwards(now) && node.cable_from <= now) {
                node.well_since = now;
            }
        }
        for one in 0..self.nodes.len() {
            for two in (0..self.nodes.len()).filter(|two| *two != one) {
                self.session(one, two);
            }
        }
    }

    /// What the first sees of its session with the second.
    fn session(&mut self, one: usize, two: usize) {
        let now = self.now;
        let reach = self.reach_each_other(one, two);
        // Both ends see it at times of their own.
        let since = self.since.entry((one, two)).or_insert((true, At::ZERO));
        if since.0 != reach {
            let delay = match reach {
                true => self.chance.between(1_000, 2_000),
                false => self.chance.between(200, 400),
            };
            *since = (reach, now + delay);
        }
        let (is, at) = *since;
        let node = &mut self.nodes[one];
        if at > now || node.switch_from > now {
            return;
        }
        if let Some(seen) = node.sessions.get_mut(NAMES[two]) {
            seen.session = match (is, seen.session) {
                (true, _) => Some(Session::Up),
                (false, Some(Session::Up)) => Some(Session::Down),
                (false, other) => other,
            };
        }
    }

    /// The nodes that serve. One that is cut off while it has no controller serves on, and nobody can do anything about it.
    fn serve(&self) -> Vec<&'static str> {
        let serves = |place: &usize| {
            let node = &self.nodes[*place];
            let is_lost = node.cable_from > self.now && node.controller_from > self.now;
            node.forwards(self.now) && node.flows_say == NAMES[*place] && !is_lost
        };
        (0..CANDIDATES).filter(serves).map(|place| NAMES[place]).collect()
    }

    fn is_somebody_well(&self) -> bool {
        self.nodes[..CANDIDATES].iter().any(|node| self.now - node.well_since > WELL)
    }

    fn run(&mut self, time: Duration, watch: &mut Watch) {
        let end = self.now + time;
        while self.now < end {
            self.step();
            watch.look(self);
        }
    }
}

struct Watch {
    nobody_max: Duration,
    both: Duration,
    nobody: Duration,
    longest_both: Duration,
    longest_nobody: Duration,
}

impl Watch {
    const fn new(nobody_max: Duration) -> Self {
        let zero = Duration::ZERO;
        Self { nobody_max, both: zero, nobody: zero, longest_both: zero, longest_nobody: zero }
    }

    fn look(&mut self, net: &Net) {
        let serve = net.serve();
        self.both = if serve.len() > 1 { self.both + STEP } else { Duration::ZERO };
        let lacks = serve.is_empty() && net.is_somebody_well();
        self.nobody = if lacks { self.nobody + STEP } else { Duration::ZERO };
        self.longest_both = self.longest_both.max(self.both);
        self.longest_nobody = self.longest_nobody.max(self.nobody);
        assert!(self.both <= BOTH_MAX, "at {:?} {serve:?} serve", net.now);
        assert!(self.nobody <= self.nobody_max, "at {:?} nobody serves", net.now);
    }
}

fn event() -> impl Strategy<Value = Event> {
    let ms = |range: std::ops::Range<u64>| range.prop_map(|tens| Duration::from_millis(tens * 50));
    prop_oneof![
        ms(2..400).prop_map(Event::SwitchDies),
        ms(2..400).prop_map(Event::CableIsCut),
        ms(2..100).prop_map(Event::ControllerDies),
        (ms(40..400), ms(10..600)).prop_map(|(pause, later)| Event::Reboots(pause, later)),
    ]
}

fn pause() -> impl Strategy<Value = Duration> {
    prop_oneof![0_u64..60, 100_u64..500].prop_map(|steps| Duration::from_millis(steps * 50))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn one_serves_and_the_others_know(
        seed in any::<u64>(),
        history in prop::collection::vec((0..CANDIDATES, event(), pause()), 1..8),
    ) {
        let (mut net, mut watch) = (Net::new(seed), Watch::new(NOBODY_AFTER_SEVERAL_MAX));
        net.run(Duration::from_secs(25), &mut watch);
        for (place, event, pause) in history {
            net.happens(place, event);
            net.run(pause, &mut watch);
        }
        net.run(QUIET, &mut watch);
        prop_assert_eq!(net.serve(), ["a"], "all are well again");
        for node in &net.nodes {
            prop_assert_eq!(&node.flows_say, "a");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn one_thing_that_fails_at_a_time_is_made_up_for_in_time(
        seed in any::<u64>(),
        history in prop::collection::vec((0..CANDIDATES, event()), 1..4),
    ) {
        let (mut net, mut watch) = (Net::new(seed), Watch::new(NOBODY_MAX));
        net.run(Duration::from_secs(25), &mut watch);
        for (place, event) in history {
            net.happens(place, event);
            // As long as the longest of them takes, and until it is forgotten.
            net.run(Duration::from_secs(75), &mut watch);
            prop_assert_eq!(net.serve(), ["a"]);
        }
    }
}

#[test]
fn the_loss_of_a_node_is_over_in_a_second_and_its_return_is_smooth() {
    for seed in 0..20 {
        for event in [
            Event::SwitchDies(Duration::from_secs(30)),
            Event::CableIsCut(Duration::from_secs(30)),
            Event::Reboots(Duration::from_secs(20), Duration::from_secs(10)),
        ] {
            let (mut net, mut watch) = (Net::new(seed), Watch::new(NOBODY_MAX));
            net.run(Duration::from_secs(25), &mut watch);
            net.happens(0, event);
            net.run(Duration::from_secs(10), &mut watch);
            assert!(
                watch.longest_nobody <= Duration::from_millis(800),
                "{event:?}: {:?}",
                watch.longest_nobody
            );
            assert_eq!(net.serve(), ["b"]);
            net.run(Duration::from_secs(60), &mut watch);
            assert_eq!(net.serve(), ["a"]);
        }
    }
}
