//! Ports in many groups, and groups in many ports: each group counts wherever it stands among those of a port, and what one says costs the same
//! however many sets of groups there are.

use engine::numbers::Space;
use model::Table;

use crate::support::{Cloud, Trackers, mac, udp};

/// Groups of a port that is in all of them: each permits a UDP port of its own.
const GROUPS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
const FIRST_PORT: u16 = 1000;

/// A cloud with a filtered port in `groups`, and one that sends to it. `b` and `e` are without state; `f` permits members of `friends` alone.
fn cloud(groups: &str) -> Cloud {
    let text = "
        node here 192.0.2.1 geneve
        network red 1 geneve
        group friends 9 out:::
        group a 1 in:udp:1000
        group b 2 stateless in:udp:1001
        group c 3 in:udp:1002
        group d 4 in:udp:1003
        group e 5 stateless in:udp:1004
        group f 6 in:udp:1005:group=friends
        port guest 11 red on=here:1 mac=02:00:00:00:00:01 ip=10.0.0.1 groups=friends
    ";
    let mut cloud = Cloud::new(text);
    cloud
        .put(&format!("port vm 12 red on=here:2 mac=02:00:00:00:00:02 ip=10.0.0.2 filtered groups={groups}"));
    cloud
}

/// The groups whose port `vm` is reached at.
fn permitted(cloud: &mut Cloud) -> Vec<&'static str> {
    let (guest, vm) = (mac("02:00:00:00:00:01"), mac("02:00:00:00:00:02"));
    let mut trackers = Trackers::new();
    let mut reaches = |port: u16| {
        let frame = udp((guest, "10.0.0.1", 5), (vm, "10.0.0.2", port));
        cloud.send_tracked("guest", &frame, &mut trackers).receivers() == ["vm"]
    };
    GROUPS.into_iter().zip(FIRST_PORT..).filter(|(_, port)| reaches(*port)).map(|(group, _)| group).collect()
}

#[test]
fn a_port_in_many_groups_may_be_sent_what_each_of_them_permits() {
    for count in 1..=GROUPS.len() {
        let groups = &GROUPS[..count];
        assert_eq!(permitted(&mut cloud(&groups.join(","))), groups);
    }
    // In whatever order they are said, and whichever of them is left.
    assert_eq!(permitted(&mut cloud("f,e,c,a,d,b")), GROUPS);
    assert_eq!(permitted(&mut cloud("f,d,b")), ["b", "d", "f"]);
}

#[test]
fn a_port_that_leaves_groups_is_filtered_by_those_that_are_left() {
    let mut cloud = cloud("a,b,c,d,e,f");
    let vm = |groups: &str| {
        format!("port vm 12 red on=here:2 mac=02:00:00:00:00:02 ip=10.0.0.2 filtered {groups}")
    };
    for (groups, left) in [
        ("groups=b,c,d,e,f", &["b", "c", "d", "e", "f"][..]),
        ("groups=c,e,f", &["c", "e", "f"]),
        ("groups=e", &["e"]),
        ("", &[]),
        ("groups=a,f", &["a", "f"]),
    ] {
        cloud.put(&vm(groups));
        assert_eq!(permitted(&mut cloud), left, "{groups}");
        cloud.node("here").check();
    }
}

/// Where no group of a port follows connections, none is followed, and nothing is kept that belongs to one.
#[test]
fn a_port_whose_groups_follow_nothing_has_no_zone() {
    let mut cloud = cloud("b,e");
    let zone = |cloud: &mut Cloud| {
        let owner = model::RowId::new("vm").expect("it is not empty");
        cloud.node("here").engine.numbers().get(Space::Zone, &owner)
    };
    assert_eq!(zone(&mut cloud), None);
    // What is not said is "stateful".
    cloud.delete(Table::SecurityGroupExtra, "e");
    assert!(zone(&mut cloud).is_some());
    assert_eq!(permitted(&mut cloud), ["b", "e"]);
}

/// A rule costs a flow for each place that its group has in ports, and no more, whatever sets of groups there are.
#[test]
fn a_rule_costs_the_same_in_few_sets_of_groups_and_in_many() {
    let costs = |sets: u32| {
        let mut text = String::from("node here 192.0.2.1 geneve\nnetwork red 1 geneve\ngroup m 1 out:::\n");
        for number in 1..=sets {
            // Names before `m` and behind it, so that it is the first, the second and the third of somebody.
            let names = [format!("a{number}"), format!("b{number}"), format!("z{number}")];
            for (place, name) in names.iter().enumerate() {
                text += &format!("group {name} {} in:tcp:22\n", 10 * number as usize + place);
            }
            let others = match number % 3 {
                0 => format!("{},{}", names[0], names[1]),
                1 => format!("{},{}", names[0], names[2]),
                _ => names[2].clone(),
            };
            text += &format!(
                "port p{number} {} red on=here:{number} mac=02:00:00:00:00:{number:02x} ip=10.0.0.{number} groups=m,{others}\n",
                number + 1000
            );
        }
        let mut cloud = Cloud::new(&text);
        let mut change = |text: &str| {
            let rows = Cloud::rows_of(text);
            let inputs =
                rows.into_iter().map(|row| engine::Input::Row(engine::RowChange::Put(row))).collect();
            let outputs = cloud.node("here").step(inputs);
            (outputs.units_run, outputs.delta.flows.len(), outputs.delta.delete_flows.len())
        };
        [change("group m 1 out::: in:tcp:80"), change("group m 1 out:::")]
    };
    let few = costs(3);
    assert_eq!(few, costs(60));
    assert_eq!(few.map(|(_, changed, deleted)| (changed, deleted)), [(3, 0), (0, 3)]);
}
