//! A change costs what it touches: flows a port makes, and units that run for one, are the same in a small network and in a
//! large one.

use engine::{Input, Outputs, RowChange};
use model::Object;
use openflow::PackedFlow;
use pipeline::Cookie;

use crate::support::{Cloud, Node, interface, row_id};

/// The flows whose cookie names this subject.
fn flows_of(node: &Node, subject: &str) -> usize {
    let flows = node.engine.desired().flows;
    let names = |cookie| node.engine.explain(Cookie::from_bits(cookie));
    let of_subject = |flow: &&PackedFlow| {
        names(flow.cookie()).iter().any(|who| who.subject.as_ref().is_some_and(|id| *id == row_id(subject)))
    };
    flows.iter().filter(of_subject).count()
}

#[test]
fn a_port_makes_few_flows() {
    let mut cloud = Cloud::new(
        "node a 192.0.2.1 geneve
         node b 192.0.2.2 geneve
         network red 1 geneve
         network blue 2 geneve
         port plain 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1
         port dual 12 red on=a:2 mac=02:00:00:00:00:02 ip=10.0.0.2,fd00::2
         port open 13 blue on=a:3 mac=02:00:00:00:00:03 ip=10.0.0.3 unsecured
         port there 21 red on=b:4 mac=02:00:00:00:00:04 ip=10.0.0.4
         port there6 22 red on=b:5 mac=02:00:00:00:00:05 ip=10.0.0.5,fd00::5
         port unbound 31 red mac=02:00:00:00:00:06 ip=10.0.0.6",
    );
    let node = cloud.node("a");
    // In and out; where its address leads; who has its address, and not for itself; and what it may send: IPv4, ARP, a probe,
    // and DHCP requests, from wherever to the server here and from its own address to others.
    let plain = flows_of(node, "plain");
    let dhcp = dhcp_flows(node, "plain");
    assert_eq!(plain - dhcp, 2 + 1 + 2 + 5);
    // Two addresses and none as a source, and for neighbours: two questions, and for each address a check for duplicates
    // and two claims. Who has its address and the one of the link, and not for itself.
    assert_eq!(flows_of(node, "dual"), plain + 3 + 2 + 6 + 2 + 2);
    // Where other addresses were heard is remembered, and who announces those of others is not answered.
    assert_eq!(flows_of(node, "open"), plain - 5 + 4 + 3 + 2);
    assert_eq!(flows_of(node, "there"), 3);
    assert_eq!(flows_of(node, "there6"), 3 + 2);
    assert_eq!(flows_of(node, "unbound"), 1);
}

/// Those that answer DHCP, which depend on the subnets of the port.
fn dhcp_flows(node: &Node, subject: &str) -> usize {
    let app = pipeline::tables::DHCP_OWNER.number;
    let flows = node.engine.desired().flows;
    let of_app =
        flows.iter().map(PackedFlow::cookie).filter(|cookie| Cookie::from_bits(*cookie).app() == app);
    of_app
        .flat_map(|cookie| node.engine.explain(Cookie::from_bits(cookie)))
        .filter(|who| who.subject.as_ref().is_some_and(|id| *id == row_id(subject)))
        .count()
}

/// A node with twenty guests in a network with `remote` ports on ten others.
fn network_of(remote: u32) -> Cloud {
    let mut text = String::from("node a 192.0.2.1 geneve\nnetwork red 1 geneve\n");
    for host in 0..10 {
        text += &format!("node host{host} 192.0.2.{} geneve\n", host + 10);
    }
    for number in 0..20 {
        text += &port(number, &format!("a:{}", number + 1));
    }
    for number in 20..20 + remote {
        text += &port(number, &format!("host{}", number % 10));
    }
    // Only one node computes: there is one engine, the others are rows.
    let mut cloud = Cloud::with_nodes(&text, &["a"]);
    cloud.node("a").check();
    cloud
}

fn port(number: u32, place: &str) -> String {
    let [_, b, c, d] = number.to_be_bytes();
    format!(
        "port p{number} {} red on={place} mac=02:00:00:{b:02x}:{c:02x}:{d:02x} ip=10.{b}.{c}.{d}\n",
        number + 1
    )
}

fn put(cloud: &mut Cloud, text: &str) -> Outputs {
    let row = Cloud::rows_of(text).into_iter().next().expect("a row");
    cloud.node("a").step(vec![Input::Row(RowChange::Put(row))])
}

/// What a step costs: units that ran, flows and groups that were sent.
fn cost(outputs: &Outputs) -> (usize, usize, usize) {
    let delta = &outputs.delta;
    let flows = delta.flows.len() + delta.delete_flows.len();
    (outputs.units_run, flows, delta.groups.len() + delta.delete_groups.len())
}

/// The costs of some changes in a network of this size.
fn costs(remote: u32) -> Vec<(&'static str, (usize, usize, usize))> {
    let mut cloud = network_of(remote);
    let mut costs = Vec::new();
    let new = 1_000_000;
    costs.push(("a port on another node", cost(&put(&mut cloud, &port(new, "host3")))));
    costs.push(("that moves", cost(&put(&mut cloud, &port(new, "host4")))));
    costs.push(("that comes here", cost(&put(&mut cloud, &port(new, "a")))));
    let plugged = cloud.node("a").step(vec![interface(row_id(&format!("p{new}")), 99)]);
    assert_eq!(plugged.ready, [row_id(&format!("p{new}"))]);
    costs.push(("and is plugged in", cost(&plugged)));
    let renamed = put(&mut cloud, "network red 1 geneve name=other");
    assert!(renamed.delta.is_empty(), "a name is in no flow");
    costs.push(("a network with another name", cost(&renamed)));
    let row: Object = cloud.row(model::Table::Chassis, "host5").clone();
    let gone = Input::Row(RowChange::Delete(model::Table::LogicalPort, row_id(&format!("p{new}"))));
    costs.push(("a port that is deleted", cost(&cloud.node("a").step(vec![gone]))));
    let same = cloud.node("a").step(vec![Input::Row(RowChange::Put(row))]);
    assert_eq!(cost(&same), (0, 0, 0), "no news");
    costs
}

#[test]
fn a_change_costs_the_same_in_a_network_of_a_hundred_ports_and_of_ten_thousand() {
    let small = costs(100);
    assert_eq!(small, costs(10_000));
    // And that is little.
    for (what, (units, flows, groups)) in small {
        assert!(
            units <= 20 && flows <= 15 && groups <= 2,
            "{what}: {units} units, {flows} flows, {groups} groups"
        );
    }
}
