//! Named situations; `property` walks random histories.

use net_types::{MacAddr, OfPort};
use ovsdb::Uuid;
use world::{Follower, World, interface_row};

use super::{Finding, Interface, InterfaceEvent, Role, Unclaimed, UpDown};
use crate::bridge::TunnelKind;

mod property;
mod world;

const BRIDGE: &str = "br-int";

/// A bridge with one port of one interface, which has a port id and no port number yet.
fn one_vif() -> World {
    let mut world = World::default();
    world.bridge(1, BRIDGE, [1]).port(1, "", [1]);
    world.interface(1).iface_id = Some("p1".into());
    world
}

fn vif(iface_id: &str) -> Role {
    Role::Vif { iface_id: iface_id.into(), attached_mac: None }
}

fn usable(number: u8, role: Role, ofport: u32) -> Interface {
    Interface {
        row: interface_row(number),
        name: format!("if{number}"),
        role,
        kind: String::new(),
        ofport: OfPort::new(ofport),
        link: None,
        admin: None,
        mac_in_use: None,
        mtu: None,
        error: None,
    }
}

fn failed(role: Role, error: &str) -> Finding {
    Finding::Failed { interface: "if1".into(), role, error: Some(error.into()) }
}

#[test]
fn a_port_appears_once_when_it_has_a_number() {
    let mut world = one_vif();
    let mut follower = Follower::new(Unclaimed::Ignored);
    assert_eq!(follower.see(&world), []);
    world.interface(1).ofport = Some(0);
    assert_eq!(follower.see(&world), []);
    world.interface(1).ofport = Some(7);
    let seven = usable(1, vif("p1"), 7);
    assert_eq!(follower.see(&world), [InterfaceEvent::Appeared(seven.clone())]);
    assert_eq!(follower.see(&world), []);
    assert_eq!(follower.watch.vif("p1"), Some(&seven));
}

#[test]
fn a_failure_is_found_once_and_cleared_when_the_port_gets_a_number() {
    let mut world = one_vif();
    let mut follower = Follower::new(Unclaimed::Ignored);
    world.interface(1).ofport = Some(-1);
    world.interface(1).error = Some("could not open network device".into());
    let finding = failed(vif("p1"), "could not open network device");
    assert_eq!(follower.see(&world), [InterfaceEvent::Found(finding.clone())]);
    world.interface(1).link = Some("down");
    assert_eq!(follower.see(&world), []);
    world.interface(1).ofport = Some(3);
    world.interface(1).error = None;
    let mut new = usable(1, vif("p1"), 3);
    new.link = Some(UpDown::Down);
    assert_eq!(
        follower.see(&world),
        [InterfaceEvent::Cleared(finding), InterfaceEvent::Appeared(new.clone())]
    );
    world.interface(1).ofport = Some(-1);
    world.interface(1).error = Some("gone".into());
    let finding = failed(vif("p1"), "gone");
    assert_eq!(follower.see(&world), [InterfaceEvent::Gone(new), InterfaceEvent::Found(finding.clone())]);
    let text = finding.to_string();
    assert_eq!(text, "open vswitch cannot use interface \"if1\": gone");
    world.interfaces.remove(&1);
    assert_eq!(follower.see(&world), [InterfaceEvent::Cleared(finding)]);
}

#[test]
fn numbers_that_no_interface_can_have_are_none() {
    let mut world = one_vif();
    let mut follower = Follower::new(Unclaimed::Ignored);
    for ofport in [-2, 0, 65_280, 65_535, 65_536, i64::MAX, i64::MIN] {
        world.interface(1).ofport = Some(ofport);
        assert_eq!(follower.see(&world), [], "{ofport}");
    }
    world.interface(1).ofport = Some(65_534);
    let [InterfaceEvent::Appeared(local)] = &follower.see(&world)[..] else { panic!("LOCAL can be used") };
    assert_eq!(local.ofport, OfPort::LOCAL);
}

#[test]
fn properties_change_and_another_port_id_is_another_thing() {
    let mut world = one_vif();
    let mut follower = Follower::new(Unclaimed::Ignored);
    world.interface(1).ofport = Some(7);
    follower.see(&world);
    let old = usable(1, vif("p1"), 7);
    world.interface(1).ofport = Some(8);
    world.interface(1).link = Some("up");
    let mut new = usable(1, vif("p1"), 8);
    new.link = Some(UpDown::Up);
    assert_eq!(follower.see(&world), [InterfaceEvent::Changed { old, new: new.clone() }]);

    world.interface(1).iface_id = Some("p2".into());
    let other = Interface { role: vif("p2"), ..new.clone() };
    assert_eq!(follower.see(&world), [InterfaceEvent::Gone(new), InterfaceEvent::Appeared(other.clone())]);
    world.interface(1).iface_id = None;
    assert_eq!(follower.see(&world), [InterfaceEvent::Gone(other)]);
    assert_eq!(follower.watch.vif("p2"), None);
}

#[test]
fn attached_mac_is_read_or_reported() {
    let mut world = one_vif();
    let mut follower = Follower::new(Unclaimed::Ignored);
    world.interface(1).ofport = Some(7);
    world.interface(1).mac = Some("fa:16:3e:00:00:01".into());
    let [InterfaceEvent::Appeared(appeared)] = &follower.see(&world)[..] else { panic!() };
    let attached_mac = Some(MacAddr([0xfa, 0x16, 0x3e, 0, 0, 1]));
    assert_eq!(appeared.role, Role::Vif { iface_id: "p1".into(), attached_mac });
    world.interface(1).mac = Some("fa:16".into());
    let events = follower.see(&world);
    let finding = Finding::MalformedAttachedMac { interface: "if1".into(), text: "fa:16".into() };
    assert!(
        matches!(&events[..], [InterfaceEvent::Changed { .. }, InterfaceEvent::Found(found)] if *found == finding)
    );
}

#[test]
fn tunnels_and_patches_are_known_by_our_mark() {
    let mut world = World::default();
    world.bridge(1, BRIDGE, [1, 2, 3, 4, 5]).port(1, BRIDGE, [1]).port(2, BRIDGE, [2]);
    world.port(3, "br-other", [3]).port(4, "", [4]).port(5, BRIDGE, [5]);
    for (number, kind) in [(1, "geneve"), (2, "patch"), (3, "vxlan"), (4, "patch"), (5, "internal")] {
        let interface = world.interface(number);
        interface.kind = kind.into();
        interface.ofport = Some(i64::from(number));
    }
    world.interface(2).peer = Some("int-br-ex".into());
    // The agent of a trunk bridge plugs the parent port in by a patch.
    world.interface(4).iface_id = Some("parent".into());

    let mut follower = Follower::new(Unclaimed::Ignored);
    follower.see(&world);
    let roles: Vec<Role> = follower.watch.interfaces().map(|interface| interface.role.clone()).collect();
    let patch = Role::Patch { peer: "int-br-ex".into() };
    assert_eq!(roles, [Role::Tunnel(TunnelKind::Geneve), patch.clone(), vif("parent"), Role::Internal]);

    let mut follower = Follower::new(Unclaimed::Reported);
    follower.see(&world);
    let roles: Vec<Role> = follower.watch.interfaces().map(|interface| interface.role.clone()).collect();
    let geneve = Role::Tunnel(TunnelKind::Geneve);
    assert_eq!(roles, [geneve, patch, Role::Other, vif("parent"), Role::Internal]);
}

#[test]
fn of_several_claimants_the_lowest_number_has_the_port_id() {
    let mut world = one_vif();
    world.interface(1).ofport = Some(7);
    let mut follower = Follower::new(Unclaimed::Ignored);
    follower.see(&world);
    world.bridge(1, BRIDGE, [1, 2]).port(2, "", [2]);
    world.interface(2).iface_id = Some("p1".into());
    assert_eq!(follower.see(&world), [], "without a number it claims nothing");

    world.interface(2).ofport = Some(8);
    let finding = |used: &str, ignored: &str| Finding::DuplicateIfaceId {
        iface_id: "p1".into(),
        used: used.into(),
        ignored: vec![ignored.into()],
    };
    assert_eq!(follower.see(&world), [InterfaceEvent::Found(finding("if1", "if2"))]);
    world.interface(1).ofport = Some(9);
    assert_eq!(
        follower.see(&world),
        [
            InterfaceEvent::Cleared(finding("if1", "if2")),
            InterfaceEvent::Gone(usable(1, vif("p1"), 7)),
            InterfaceEvent::Appeared(usable(2, vif("p1"), 8)),
            InterfaceEvent::Found(finding("if2", "if1")),
        ]
    );
    world.interfaces.remove(&2);
    assert_eq!(
        follower.see(&world),
        [
            InterfaceEvent::Cleared(finding("if2", "if1")),
            InterfaceEvent::Gone(usable(2, vif("p1"), 8)),
            InterfaceEvent::Appeared(usable(1, vif("p1"), 9)),
        ]
    );
}

#[test]
fn ports_move_between_bridges_and_bridges_are_made_anew() {
    let mut world = one_vif();
    world.interface(1).ofport = Some(7);
    world.bridge(2, "br-ex", []);
    let mut follower = Follower::new(Unclaimed::Ignored);
    let here = usable(1, vif("p1"), 7);
    assert_eq!(follower.see(&world), [InterfaceEvent::Appeared(here.clone())]);
    world.bridge(1, BRIDGE, []).bridge(2, "br-ex", [1]);
    assert_eq!(follower.see(&world), [InterfaceEvent::Gone(here.clone())]);
    world.bridge(1, BRIDGE, [1]).bridge(2, "br-ex", []);
    assert_eq!(follower.see(&world), [InterfaceEvent::Appeared(here.clone())]);

    // The same rows under another row of the same name: nothing that anybody could tell apart.
    world.bridges.remove(&1);
    world.bridge(3, BRIDGE, [1]);
    assert_eq!(follower.see(&world), []);
    world.bridges.remove(&3);
    assert_eq!(follower.see(&world), [InterfaceEvent::Gone(here)]);
}

#[test]
fn each_interface_of_a_bond_counts() {
    let mut world = World::default();
    world.bridge(1, BRIDGE, [1]).port(1, "", [1, 2]);
    for number in [1, 2] {
        let interface = world.interface(number);
        interface.iface_id = Some(format!("p{number}"));
        interface.ofport = Some(i64::from(number));
    }
    let mut follower = Follower::new(Unclaimed::Ignored);
    let [one, two] = [usable(1, vif("p1"), 1), usable(2, vif("p2"), 2)];
    let appeared = [InterfaceEvent::Appeared(one), InterfaceEvent::Appeared(two.clone())];
    assert_eq!(follower.see(&world), appeared);
    world.port(1, "", [1]);
    assert_eq!(follower.see(&world), [InterfaceEvent::Gone(two)]);
}

#[test]
fn a_row_made_anew_is_another_interface() {
    let mut world = one_vif();
    world.interface(1).ofport = Some(7);
    let mut follower = Follower::new(Unclaimed::Ignored);
    follower.see(&world);
    let content = world.interfaces.remove(&1).unwrap();
    world.interfaces.insert(9, content);
    world.port(1, "", [9]);
    let events = follower.see(&world);
    let rows: Vec<(Uuid, OfPort)> = events
        .iter()
        .map(|event| match event {
            InterfaceEvent::Gone(interface) | InterfaceEvent::Appeared(interface) => {
                (interface.row, interface.ofport)
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(rows, [(interface_row(1), OfPort::new(7)), (interface_row(9), OfPort::new(7))]);
}
