//! A hundred nodes: what one guest more behind a router costs those that have to do with the router, and that it costs all others nothing.

use engine::{Input, Outputs, RowChange};
use model::{Object, Table};

use crate::support::{Cloud, interface, row_id};

/// Nodes with guests behind the router.
const CONCERNED: usize = 10;
/// The node that the new guest is on.
const NEW: &str = "guest 9001 red on=h0 mac=02:00:00:00:99:01 ip=10.0.1.201 subnet=red4";

fn name(node: usize) -> String {
    format!("h{node}")
}

/// So many nodes: some with guests in two networks that a router connects, all others with guests behind another router.
fn cloud(nodes: usize) -> Cloud {
    let mut text = String::from(
        "network red 1 geneve
         network blue 2 geneve
         network other 3 geneve
         subnet red4 red 10.0.1.0/24 gateway=10.0.1.1
         subnet blue4 blue 10.0.2.0/24 gateway=10.0.2.1
         subnet other4 other 10.0.1.0/24 gateway=10.0.1.1
         port redleg 101 red owner=network:router_interface_distributed mac=02:00:00:00:01:01 ip=10.0.1.1 subnet=red4
         port blueleg 102 blue owner=network:router_interface_distributed mac=02:00:00:00:02:01 ip=10.0.2.1 subnet=blue4
         port otherleg 103 other owner=network:router_interface mac=02:00:00:00:01:01 ip=10.0.1.1 subnet=other4
         router r 7 legs=redleg/red/101,blueleg/blue/102
         router s 8 legs=otherleg/other/103
        ",
    );
    for node in 0..nodes {
        let network = match node {
            CONCERNED.. => "other",
            _ if node % 2 == 0 => "red",
            _ => "blue",
        };
        let subnet = if network == "blue" { 2 } else { 1 };
        text += &format!("node {} 192.0.2.{} geneve\n", name(node), node + 1);
        text += &format!(
            "port p{node} {} {network} on={}:1 mac=02:00:00:00:10:{node:02x} ip=10.0.{subnet}.{} subnet={network}4\n",
            1_000 + node,
            name(node),
            node + 10,
        );
    }
    Cloud::new(&text)
}

/// What a node is told of a guest that comes: its port, that it is bound, and that it is up; what it was told of others is the same.
fn told() -> [Input; 2] {
    let row = |text: &str| {
        let row: Object = Cloud::rows_of(&format!("port {text}")).remove(0);
        Input::Row(RowChange::Put(row))
    };
    [row(&NEW.replace(" on=h0", "")), row(NEW)]
}

/// Flows, groups and meters that a step changes.
fn changes(outputs: &Outputs) -> usize {
    outputs.delta.len()
}

/// What the guest costs each node: changes of its switch, and whether it says anything of it to anybody.
fn costs(nodes: usize) -> Vec<(usize, bool)> {
    let mut cloud = cloud(nodes);
    let mut costs = Vec::new();
    for number in 0..nodes {
        let node = cloud.node(&name(number));
        let mut outputs: Vec<Outputs> = told().into_iter().map(|input| node.step(vec![input])).collect();
        if number == 0 {
            outputs.push(node.step(vec![interface(row_id("guest"), 99)]));
        }
        node.check();
        let says = |outputs: &Outputs| {
            let heard =
                outputs.ready.is_empty() && outputs.not_ready.is_empty() && outputs.replies.is_empty();
            !heard || outputs.beacons.is_some() || outputs.watched.is_some() || outputs.tunnel_ends.is_some()
        };
        costs.push((outputs.iter().map(changes).sum(), outputs.iter().any(says)));
    }
    costs
}

#[test]
fn a_guest_behind_a_router_changes_nothing_on_nodes_that_are_not_concerned() {
    let (few, many) = (costs(CONCERNED + 2), costs(100));
    assert!(many[CONCERNED..].iter().all(|cost| *cost == (0, false)), "{:?}", &many[CONCERNED..]);
    // Those that are pay as much as among few, and all but the guest's own the same.
    assert_eq!(few[..CONCERNED], many[..CONCERNED]);
    let others: Vec<usize> = many[1..CONCERNED].iter().map(|(changes, _)| *changes).collect();
    assert!(others.iter().all(|changes| (1..=6).contains(changes)), "{others:?}");
    assert!(many[0].0 > 6 && many[0].1, "{:?}", many[0]);
}

#[test]
fn units_of_nodes_that_are_not_concerned_do_not_run() {
    let mut cloud = cloud(CONCERNED + 1);
    let node = cloud.node(&name(CONCERNED));
    let before = node.engine.desired();
    for input in told() {
        // Only that of the row itself is looked at, and finds that it is in a network of others.
        let outputs = node.step(vec![input]);
        assert!(outputs.units_run <= UNITS_OF_A_ROW, "{} units", outputs.units_run);
    }
    let gone = Input::Row(RowChange::Delete(Table::LogicalPort, row_id("guest")));
    assert_eq!(changes(&node.step(vec![gone])), 0);
    assert_eq!(node.engine.desired(), before);
}

/// How many rules there are that look at each port.
const UNITS_OF_A_ROW: usize = 8;
