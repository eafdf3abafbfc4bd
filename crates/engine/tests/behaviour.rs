//! What a change costs, who prevails, what is told when.

mod common;

use std::cell::Cell;

use common::{
    Node, chassis, delete, here, interface, network, port, port_id, put, security_group, settings,
    tunnel_ports,
};
use engine::{App, Engine, Fact, Input, PacketIn, Reply, Responder, Rule, Sink, View};
use model::{LogicalPort, LogicalSwitch, RowId, Table};
use openflow::{Field, Match};
use pipeline::{Cookie, Priority, tables};

fn world(remote_ports: u32) -> Node {
    let mut node = Node::new();
    let mut facts =
        vec![settings(5), tunnel_ports(Some(100)), put(chassis(0, 1)), put(chassis(1, 2)), put(network(0))];
    facts.push(put(port(0, 0, Some(0), 0, None)));
    facts.push(interface(0, 1));
    facts.extend((1..=remote_ports).map(|number| put(port(number, 0, Some(1), number % 250, None))));
    node.step(facts);
    node
}

#[test]
fn the_cost_of_one_more_port_does_not_depend_on_those_that_exist() {
    let cost = |existing: u32| {
        let mut node = world(existing);
        let remote = node.step(vec![put(port(10_000, 0, Some(1), 251, None))]);
        let local = node.step(vec![put(port(10_001, 0, Some(0), 252, None)), interface(10_001, 7)]);
        [(remote.units_run, remote.delta.len()), (local.units_run, local.delta.len())]
    };
    assert_eq!(cost(3), cost(200));
    assert_eq!(cost(200)[0], (1, 1));
}

#[test]
fn what_is_the_same_is_not_said_again() {
    let mut node = world(3);
    let same =
        node.step(vec![put(port(1, 0, Some(1), 1, None)), interface(0, 1), settings(5), put(network(0))]);
    assert!(same.delta.is_empty());
    assert_eq!((same.units_run, same.findings), (0, None));
}

#[test]
fn a_port_is_ready_with_its_flows_and_not_before() {
    let mut node = Node::new();
    node.step(vec![settings(5), put(network(0)), interface(0, 1)]);
    let bound = node.step(vec![put(port(0, 0, Some(0), 0, None))]);
    assert_eq!(bound.ready, [port_id(0)]);
    assert_eq!(bound.delta.meters.len(), 1);
    let unplugged = node.step(vec![Input::InterfaceGone(port_id(0))]);
    assert_eq!((unplugged.ready.len(), unplugged.not_ready), (0, vec![port_id(0)]));
    assert_eq!(unplugged.delta.delete_meters.len(), 1);
    assert!(unplugged.numbers_changed);
}

#[test]
fn a_derived_value_that_stays_stops_the_wave() {
    let mut node = Node::new();
    node.step(vec![
        settings(5),
        put(network(0)),
        put(security_group(0)),
        put(port(0, 0, Some(1), 7, Some(0))),
    ]);
    // Another port with the same address joins: the members are the same.
    let same = node.step(vec![put(port(1, 0, Some(1), 7, Some(0)))]);
    assert_eq!(same.units_run, 1, "only the rule about the port itself");
    let other = node.step(vec![put(port(2, 0, Some(1), 8, Some(0)))]);
    assert_eq!(other.units_run, 2);
    assert_eq!(other.delta.flows.len(), 1, "members that stay are not said again");
}

#[test]
fn two_ports_with_one_address_are_a_finding_and_the_winner_does_not_depend_on_the_order() {
    let prevails = |first: u32, second: u32| {
        let mut node = world(0);
        node.step(vec![put(port(first, 0, Some(1), 9, None))]);
        let outputs = node.step(vec![put(port(second, 0, Some(1), 9, None))]);
        let findings = outputs.findings.expect("they dispute");
        assert!(
            findings.iter().any(|finding| finding.problem.contains("dl_dst=02:00:00:00:00:09")),
            "{findings:?}"
        );
        let desired = node.engine.desired();
        let solved = node.step(vec![delete(&port(second, 0, Some(1), 9, None))]);
        assert_eq!(solved.findings, Some(vec![]));
        desired
    };
    assert_eq!(prevails(1, 2), prevails(2, 1));
}

#[test]
fn a_finding_names_the_subject_and_goes_with_its_cause() {
    let mut node = world(0);
    let outputs = node.step(vec![put(port(5, 0, Some(1), 5, None)), interface(5, 9)]);
    let findings = outputs.findings.expect("it is plugged in at the wrong place");
    assert_eq!(findings.len(), 1);
    assert_eq!((findings[0].rule, findings[0].subject.clone()), ("plug", Some(port_id(5))));
    assert_eq!(node.step(vec![put(port(5, 0, Some(0), 5, None))]).findings, Some(vec![]));
}

#[test]
fn a_cookie_names_app_and_object() {
    let mut node = world(2);
    node.step(vec![]);
    let flow = node.engine.desired().flows.into_iter().find(|flow| flow.to_string().contains("in_port=1 "));
    let flow = flow.expect("the port is plugged in");
    let explained = node.engine.explain(Cookie::from_bits(flow.cookie()));
    assert_eq!(explained.len(), 1);
    assert_eq!(
        (explained[0].app, explained[0].rule, explained[0].subject.clone()),
        ("classify", "plug", Some(port_id(0)))
    );
    assert!(node.engine.explain(Cookie::from_bits(1)).is_empty());
    let cookies = node.engine.desired().flows.iter().map(|flow| Cookie::from_bits(flow.cookie())).collect();
    let all = node.engine.explain_all(&cookies);
    assert!(all.contains(&explained[0]) && all.len() >= cookies.len(), "{all:?}");
}

#[test]
fn packets_are_answered_from_the_facts_of_their_step() {
    let mut node = Node::new();
    let packet = |ingress| {
        Input::Packet(PacketIn {
            frame: vec![1, 2],
            in_port: 4,
            network: 1,
            ingress,
            userdata: vec![7],
            at_ms: 0,
            ..PacketIn::default()
        })
    };
    let outputs = node.step(vec![packet(1), put(port(0, 0, Some(0), 0, None)), packet(9)]);
    assert!(matches!(&outputs.replies[0], Reply::Send { frame, .. } if *frame == [1, 2]));
    assert_eq!(outputs.replies[1], Reply::Ignore("nobody sent it"));
    let unknown = Input::Packet(PacketIn {
        frame: vec![],
        in_port: 1,
        network: 0,
        ingress: 0,
        userdata: vec![],
        at_ms: 0,
        ..PacketIn::default()
    });
    assert_eq!(node.step(vec![unknown]).replies, [Reply::Ignore("no app answers such packets")]);
}

/// Looks at a group that the sender names.
fn counts(view: &mut View<'_>, packet: &PacketIn) -> Reply {
    let group = model::Id::new(&format!("group-{}", packet.at_ms)).expect("not empty");
    view.derived::<common::Members>(&group);
    Reply::Ignore("counted")
}

#[test]
fn what_packets_look_at_is_not_kept() {
    let responders = vec![Responder { op: 7, respond: counts }];
    let mut engine = Engine::new(vec![App { id: tables::L2_OWNER, rules: vec![], responders }]);
    let packet = |at_ms| {
        let userdata = vec![7];
        Input::Packet(PacketIn {
            frame: vec![],
            in_port: 1,
            network: 0,
            ingress: 0,
            userdata,
            at_ms,
            ..PacketIn::default()
        })
    };
    engine.step((0..100).map(packet).collect());
    engine.step(vec![]);
    assert_eq!(engine.size(), (0, 0));
}

#[test]
fn numbers_outlive_a_restart_and_those_of_nobody_are_taken_back() {
    let mut node = world(0);
    node.step(vec![put(port(3, 0, Some(0), 3, None)), interface(3, 5)]);
    let numbers = node.engine.numbers().clone();
    let mut again = Node::new();
    let facts = vec![
        settings(5),
        put(network(0)),
        put(port(3, 0, Some(0), 3, None)),
        interface(3, 5),
        Input::Numbers(numbers.clone()),
    ];
    let outputs = again.step(facts);
    assert!(outputs.numbers_changed, "the number of port 0 was taken back");
    let space = engine::numbers::Space::Meter;
    assert_eq!(again.engine.numbers().get(space, &port_id(3)), numbers.get(space, &port_id(3)));
    assert_eq!(again.engine.numbers().get(space, &port_id(0)), None);
}

thread_local! {
    static HIDDEN: Cell<u64> = const { Cell::new(1) };
}

fn sly(_: &mut View<'_>, network: &LogicalSwitch, sink: &mut Sink) {
    let priority = Priority::EXACT.level(u8::try_from(HIDDEN.get()).unwrap_or(0));
    sink.flow(&tables::L2, priority, |flow| {
        flow.matching(Match::new().with(Field::EthDst, net_types::MacAddr::BROADCAST))
            .when(&pipeline::regs::NETWORK, network.unique_key.get().into())
    });
}

#[test]
fn the_oracle_sees_what_a_rule_reads_past_the_view() {
    let app = App { id: tables::L2_OWNER, rules: vec![Rule::each("sly", sly)], responders: vec![] };
    let mut engine = Engine::new(vec![app]);
    engine.step(vec![put(network(0))]);
    assert_eq!(engine.desired(), engine.recompute());
    HIDDEN.set(2);
    engine.step(vec![put(network(1))]);
    assert_ne!(engine.desired(), engine.recompute());
}

fn careless(_: &mut View<'_>, port: &LogicalPort, sink: &mut Sink) {
    sink.flow(&tables::DISPATCH, Priority::EXACT, |flow| flow.set(&pipeline::regs::NETWORK, 1));
    sink.flow(&tables::L2, Priority::EXACT, |flow| {
        flow.when(&pipeline::regs::NETWORK, port.unique_key.get().into())
    });
}

#[test]
fn a_flow_that_breaks_its_tables_declaration_is_left_out_and_named() {
    let app = App { id: tables::L2_OWNER, rules: vec![Rule::each("careless", careless)], responders: vec![] };
    let mut engine = Engine::new(vec![app]);
    let outputs = engine.step(vec![put(port(0, 0, None, 0, None))]);
    assert_eq!(outputs.delta.flows.len(), 1);
    let findings = outputs.findings.expect("one flow is not as declared");
    assert!(findings[0].problem.contains("dispatch"), "{findings:?}");
    assert_eq!(here().to_string(), "host-0");
}

fn reach(view: &mut View<'_>, chassis: &model::Chassis, sink: &mut Sink) {
    if let Some((_, port)) = view.tunnels().into_iter().next() {
        sink.tunnel_end(port, chassis.ip);
    }
}

#[test]
fn ends_of_tunnels_are_told_when_they_change() {
    let app = App { id: tables::CLASSIFY_OWNER, rules: vec![Rule::each("reach", reach)], responders: vec![] };
    let mut engine = Engine::new(vec![app]);
    assert_eq!(engine.step(vec![put(chassis(1, 2))]).tunnel_ends, None);
    let end = |last: u8| (net_types::OfPort::new(100), std::net::IpAddr::from([192, 0, 2, last]));
    assert_eq!(engine.step(vec![tunnel_ports(Some(100))]).tunnel_ends, Some(vec![end(2)]));
    assert_eq!(engine.step(vec![put(chassis(2, 3))]).tunnel_ends, Some(vec![end(2), end(3)]));
    assert_eq!(engine.step(vec![put(network(0))]).tunnel_ends, None);
    assert_eq!(engine.step(vec![delete(&chassis(1, 2))]).tunnel_ends, Some(vec![end(3)]));
}

#[test]
fn a_unit_says_of_what_it_made_its_flows_by_way_of_derived_values_too() {
    let mut node = Node::new();
    node.step(vec![
        settings(5),
        put(network(0)),
        put(security_group(0)),
        put(port(0, 0, Some(1), 7, Some(0))),
    ]);
    let group = security_group(0);
    let made = node.engine.desired().flows.iter().map(|flow| flow.unpack().cookie).find(|cookie| {
        let explained = node.engine.explain(Cookie::from_bits(*cookie));
        explained.iter().any(|unit| unit.subject.as_ref() == Some(group.id()))
    });
    let accounts = node.engine.accounts(Cookie::from_bits(made.expect("a flow of the group")));
    let [account] = accounts.as_slice() else { panic!("{accounts:?}") };
    assert_eq!(account.unit.subject.as_ref(), Some(group.id()));
    assert!(account.flows.iter().all(|flow| Some(flow.unpack().cookie) == made) && !account.flows.is_empty());
    // The rule reads a value, which reads the port.
    assert!(account.facts.contains(&Fact::Row(Table::LogicalPort, port_id(0))), "{:?}", account.facts);
    assert!(node.engine.accounts(Cookie::from_bits(u64::MAX)).is_empty());
    // Who asks changes nothing.
    assert_eq!(node.engine.desired(), node.engine.recompute());
}

fn beckon(_: &mut View<'_>, network: &model::LogicalSwitch, sink: &mut Sink) {
    let frame = [network.unique_key.get().to_be_bytes().as_slice(), &[0; 10]].concat().into();
    sink.beacon(engine::Beacon {
        port: net_types::OfPort::new(7),
        frame,
        interval_s: 30,
        burst: 2,
        proves: None,
    });
}

#[test]
fn all_beacons_are_told_when_one_comes_or_goes() {
    let app =
        App { id: tables::CLASSIFY_OWNER, rules: vec![Rule::each("beckon", beckon)], responders: vec![] };
    let mut engine = Engine::new(vec![app]);
    assert_eq!(engine.step(vec![put(port(0, 0, None, 0, None))]).beacons, None);
    let count = |outputs: engine::Outputs| outputs.beacons.map(|beacons| beacons.len());
    assert_eq!(count(engine.step(vec![put(network(0))])), Some(1));
    assert_eq!(count(engine.step(vec![put(network(1)), put(network(2))])), Some(3));
    assert_eq!(engine.desired().beacons.len(), 3);
    assert_eq!(engine.desired(), engine.recompute());
    assert_eq!(count(engine.step(vec![put(network(1))])), None, "no news");
    assert_eq!(count(engine.step(vec![delete(&network(2))])), Some(2));
}

fn watches(view: &mut View<'_>, chassis: &model::Chassis, sink: &mut Sink) {
    if view.reach(&chassis.id) != engine::Reach::Gone {
        sink.watch(engine::Watched { peer: chassis.id.clone(), is_candidate: true });
    }
}

#[test]
fn who_reads_one_node_runs_when_that_one_is_seen_otherwise() {
    let app =
        App { id: tables::CLASSIFY_OWNER, rules: vec![Rule::each("watches", watches)], responders: vec![] };
    let mut engine = Engine::new(vec![app]);
    let outputs = engine.step(vec![put(chassis(1, 1)), put(chassis(2, 2))]);
    assert_eq!(outputs.watched.map(|watched| watched.len()), Some(2));
    let host = |number: u32| model::Id::new(&format!("host-{number}")).unwrap();
    let seen = |reach: [engine::Reach; 2]| {
        let reach = (1..).map(host).zip(reach).collect();
        engine::Input::Peers(engine::Peers { reach, ..engine::Peers::default() })
    };
    use engine::Reach::{Alive, Gone, Unknown};
    assert_eq!(engine.step(vec![seen([Unknown, Unknown])]).units_run, 0, "nothing else was known");
    let outputs = engine.step(vec![seen([Alive, Unknown])]);
    assert_eq!((outputs.units_run, outputs.watched), (1, None));
    let outputs = engine.step(vec![seen([Alive, Gone])]);
    assert_eq!((outputs.units_run, outputs.watched.map(|watched| watched.len())), (1, Some(1)));
    assert_eq!(engine.desired().watched.len(), 1);
    assert_eq!(engine.desired(), engine.recompute());
}

/// Networks with odd keys are not there any more.
fn judge(_: &mut View<'_>, network: &model::LogicalSwitch, sink: &mut Sink) {
    if network.unique_key.get() % 2 == 1 {
        sink.stale_row(&network.id);
    }
}

#[test]
fn rows_that_are_stale_are_told_when_one_comes_or_goes() {
    let app = App { id: tables::CLASSIFY_OWNER, rules: vec![Rule::each("judge", judge)], responders: vec![] };
    let mut engine = Engine::new(vec![app]);
    let count = |outputs: engine::Outputs| outputs.stale_rows.map(|rows| rows.len());
    let told: Vec<_> = (0..4).map(|number| count(engine.step(vec![put(network(number))]))).collect();
    assert_eq!(told.iter().flatten().count(), 2, "{told:?}");
    let stale = engine.desired().stale_rows;
    assert!(stale.iter().all(|(table, _)| *table == Table::LogicalSwitch) && stale.len() == 2);
    assert_eq!(engine.desired(), engine.recompute());
    let gone = stale.iter().map(|(table, id)| Input::Row(engine::RowChange::Delete(*table, id.clone())));
    assert_eq!(count(engine.step(gone.collect())), Some(0));
}

fn asks_for_a_zone(view: &mut View<'_>, network: &model::LogicalSwitch, _: &mut Sink) {
    view.number(engine::numbers::Space::Zone, &network.id);
}

fn has_a_zone(_: &mut View<'_>, owner: &RowId, zone: u32, sink: &mut Sink) {
    sink.about(owner);
    sink.flow(&tables::CLASSIFY, Priority::EXACT, |flow| {
        flow.matching(openflow::Match::new().with(openflow::Field::InPort, zone)).goto(&tables::L2)
    });
}

#[test]
fn owners_of_numbers_are_subjects_and_zones_that_change_hands_are_told() {
    let app = || App {
        id: tables::CLASSIFY_OWNER,
        rules: vec![
            Rule::each_owner("owner", engine::numbers::Space::Zone, has_a_zone),
            Rule::each("asks", asks_for_a_zone),
        ],
        responders: vec![],
    };
    let mut engine = Engine::new(vec![app()]);
    let first = engine.step(vec![put(network(0)), put(network(1))]);
    assert_eq!((first.delta.flows.len(), first.stale_zones.len()), (2, 2), "two zones are given");
    assert_eq!(engine.desired(), engine.recompute());
    let cookie = Cookie::from_bits(first.delta.flows[0].cookie());
    let subject = engine.explain(cookie).into_iter().find_map(|who| who.subject);
    assert!([network(0), network(1)].iter().any(|network| Some(network.id()) == subject.as_ref()));

    // Taken back, and said so; the other stays.
    let gone = engine.step(vec![delete(&network(0))]);
    assert_eq!((gone.delta.delete_flows.len(), gone.delta.flows.len(), gone.stale_zones.len()), (1, 0, 1));
    assert_eq!(engine.step(vec![put(network(1))]).stale_zones, [] as [u16; 0]);
    assert_eq!(engine.desired(), engine.recompute());

    // After a restart the zone is the same, and is nobody else's.
    let mut restarted = Engine::new(vec![app()]);
    let again = restarted.step(vec![Input::Numbers(engine.numbers().clone()), put(network(1))]);
    assert_eq!((restarted.desired(), again.stale_zones.len()), (engine.desired(), 0));
    // A zone whose owner went while nobody looked is told as well.
    let mut late = Engine::new(vec![app()]);
    let told = late.step(vec![Input::Numbers(engine.numbers().clone())]);
    assert_eq!((told.stale_zones.len(), told.delta.flows.len()), (1, 0));
}
