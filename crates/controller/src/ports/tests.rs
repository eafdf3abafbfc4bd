use super::*;

fn id(text: &str) -> RowId {
    RowId::new(text).unwrap()
}

fn ports() -> Ports {
    Ports::new(Id::new("us").unwrap())
}

fn lport(name: &str, version: u64, chassis: Option<&str>) -> Object {
    let binding = match chassis {
        Some(chassis) => format!(r#"{{"chassis": "{chassis}", "type": "chassis"}}"#),
        None => "null".to_owned(),
    };
    let text = format!(
        r#"{{"id": "{name}", "topic": "t", "unique_key": 7, "version": {version}, "binding": {binding}}}"#
    );
    Object::from_text(Table::LogicalPort, &text).unwrap()
}

fn put(object: Object) -> RowChange {
    RowChange::Put(object)
}

/// What is told, in short.
fn told(ports: &mut Ports) -> Vec<(String, bool, Forwarding)> {
    let wishes = ports.take_wishes().into_iter();
    wishes.map(|(id, wish)| (id.to_string(), wish.here.is_plugged, wish.here.forwarding)).collect()
}

fn one(name: &str, is_plugged: bool, forwarding: Forwarding) -> Vec<(String, bool, Forwarding)> {
    vec![(name.to_owned(), is_plugged, forwarding)]
}

const fn yes(version: u64) -> Forwarding {
    Forwarding::Yes(Some(Version(version)))
}

/// A port that was plugged in, made ready by change 1, and confirmed.
fn running() -> Ports {
    let mut ports = ports();
    ports.confirmed(0);
    ports.interface(&id("p"), true);
    ports.row(&put(lport("p", 1, Some("us"))));
    ports.stepped(1, &[id("p")], &[]);
    ports.confirmed(1);
    assert_eq!(told(&mut ports), one("p", true, yes(1)));
    ports
}

#[test]
fn a_port_forwards_when_the_switch_confirmed_the_change_that_made_it_ready() {
    let mut ports = ports();
    ports.confirmed(0);
    ports.interface(&id("p"), true);
    ports.row(&put(lport("p", 1, Some("us"))));
    ports.stepped(3, &[id("p")], &[]);
    assert_eq!(told(&mut ports), one("p", true, Forwarding::No));
    ports.confirmed(2);
    assert_eq!(told(&mut ports), []);
    ports.confirmed(4);
    assert_eq!(told(&mut ports), one("p", true, yes(1)));
    assert_eq!(told(&mut ports), []);
    assert_eq!((ports.active(), ports.plugged()), (1, 1));
}

#[test]
fn before_the_switch_spoke_nothing_is_known_and_then_all_is() {
    let mut ports = ports();
    for name in ["p", "q"] {
        ports.interface(&id(name), true);
        ports.row(&put(lport(name, 1, Some("us"))));
    }
    ports.stepped(0, &[id("p")], &[]);
    let before = told(&mut ports);
    assert!(before.iter().all(|(_, _, forwarding)| *forwarding == Forwarding::Unknown), "{before:?}");
    ports.confirmed(0);
    let mut both = one("p", true, yes(1));
    both.extend(one("q", true, Forwarding::No));
    assert_eq!(told(&mut ports), both);
}

#[test]
fn unplugging_and_losing_readiness_are_told_at_once() {
    let mut ports = running();
    ports.stepped(2, &[], &[id("p")]);
    assert_eq!(told(&mut ports), one("p", true, Forwarding::No));
    let mut ports = running();
    ports.interface(&id("p"), false);
    assert_eq!(told(&mut ports), one("p", false, Forwarding::No));
}

#[test]
fn a_new_version_counts_when_its_own_step_is_confirmed_and_later_steps_do_not_delay_it() {
    let mut ports = running();
    ports.row(&put(lport("p", 2, Some("us"))));
    ports.stepped(2, &[], &[]);
    assert_eq!(told(&mut ports), [], "it forwards as before, as of the version before");
    ports.stepped(3, &[], &[]);
    ports.stepped(4, &[], &[]);
    ports.confirmed(2);
    assert_eq!(told(&mut ports), one("p", true, yes(2)));
}

#[test]
fn a_step_that_changes_nothing_is_confirmed_already() {
    let mut ports = running();
    ports.row(&put(lport("p", 2, Some("us"))));
    ports.stepped(1, &[], &[]);
    assert_eq!(told(&mut ports), one("p", true, yes(2)));
}

#[test]
fn a_change_of_place_is_looked_at_even_if_nothing_is_new_here() {
    let mut ports = running();
    ports.row(&put(lport("p", 1, None)));
    assert_eq!(told(&mut ports), one("p", true, yes(1)), "unbound: it may be claimed again");
    ports.row(&put(lport("p", 1, None)));
    assert_eq!(told(&mut ports), []);
    ports.row(&RowChange::Delete(Table::LogicalPort, id("p")));
    assert_eq!(told(&mut ports).len(), 1);
}

#[test]
fn ports_bound_to_us_are_looked_at_once_and_others_are_not_remembered() {
    let mut ports = ports();
    ports.confirmed(0);
    ports.snapshot(&[lport("ours", 1, Some("us")), lport("theirs", 1, Some("them"))]);
    assert_eq!(told(&mut ports), one("ours", false, Forwarding::No));
    assert_eq!(ports.ports.len(), 1);
    // It moves away: its last word is due, and then it is forgotten.
    ports.row(&put(lport("ours", 2, Some("them"))));
    assert_eq!(told(&mut ports), one("ours", false, Forwarding::No));
    assert!(ports.ports.is_empty());
}

#[test]
fn a_snapshot_without_the_port_is_a_deletion() {
    let mut ports = running();
    ports.snapshot(&[]);
    assert_eq!(told(&mut ports).len(), 1);
    ports.snapshot(&[]);
    assert_eq!(told(&mut ports), []);
}

#[test]
fn what_the_switch_refuses_does_not_forward_until_it_takes_it() {
    let mut ports = running();
    ports.refused(&[id("p")].into());
    assert!(ports.has_refused());
    assert_eq!(told(&mut ports), one("p", true, Forwarding::No));
    ports.stepped(2, &[], &[]);
    ports.confirmed(2);
    assert_eq!(told(&mut ports), []);
    ports.refused(&BTreeSet::new());
    assert_eq!(told(&mut ports), one("p", true, yes(1)));
}
