use proptest::prelude::*;

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
fn a_row_that_is_written_all_the_time_does_not_delay_active() {
    let mut ports = ports();
    ports.confirmed(0);
    ports.interface(&id("p"), true);
    ports.row(&put(lport("p", 1, Some("us"))));
    ports.stepped(1, &[id("p")], &[]);
    told(&mut ports);
    // The switch is always three changes behind, so that none of them is the newest when it is confirmed.
    let mut versions = Vec::new();
    for change in 2..12 {
        ports.row(&put(lport("p", change, Some("us"))));
        ports.stepped(change, &[], &[]);
        ports.confirmed(change.saturating_sub(3));
        versions.extend(told(&mut ports).into_iter().map(|(.., forwarding)| forwarding));
    }
    assert_eq!(versions, [yes(1), yes(4), yes(7)]);
    ports.confirmed(11);
    assert_eq!(told(&mut ports), one("p", true, yes(11)));
}

#[test]
fn a_version_that_no_step_has_taken_in_is_not_confirmed() {
    let mut ports = ports();
    ports.confirmed(0);
    ports.interface(&id("p"), true);
    ports.row(&put(lport("p", 1, Some("us"))));
    ports.stepped(1, &[id("p")], &[]);
    ports.row(&put(lport("p", 2, Some("us"))));
    ports.confirmed(1);
    assert_eq!(told(&mut ports), one("p", true, yes(1)));
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

/// Something that happens to a port.
#[derive(Debug, Clone, Copy)]
enum Happening {
    Plug(bool),
    Row(u64, Option<bool>),
    RowGone,
    /// A step of the engine: whether it sends a change, and what becomes of the port's readiness.
    Step {
        sends: bool,
        flips: bool,
    },
    /// The switch confirms this many of the changes that it has not confirmed.
    Confirm(u64),
    Refuse(bool),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        any::<bool>().prop_map(Happening::Plug),
        (1_u64..4, any::<Option<bool>>()).prop_map(|(version, ours)| Happening::Row(version, ours)),
        Just(Happening::RowGone),
        any::<(bool, bool)>().prop_map(|(sends, flips)| Happening::Step { sends, flips }),
        (0_u64..3).prop_map(Happening::Confirm),
        any::<bool>().prop_map(Happening::Refuse),
    ]
}

/// What is true of the port, kept in the plainest way.
#[derive(Debug, Default)]
struct Truth {
    is_plugged: bool,
    is_ready: bool,
    ready_since: ChangeId,
    is_refused: bool,
    last_change: ChangeId,
    confirmed: Option<ChangeId>,
    version: Option<Version>,
    /// The version that each step found.
    versions: Vec<(ChangeId, Option<Version>)>,
}

impl Truth {
    fn may_be_active(&self) -> bool {
        let is_confirmed = self.confirmed.is_some_and(|up_to| self.ready_since <= up_to);
        self.is_plugged && self.is_ready && is_confirmed && !self.is_refused
    }

    /// Whether the switch holds what this version asks for.
    fn is_in(&self, version: Option<Version>) -> bool {
        let is_in = |&(change, found): &(ChangeId, _)| {
            found == version && self.confirmed.is_some_and(|up_to| change <= up_to)
        };
        self.versions.iter().any(is_in)
    }

    fn happens(&mut self, happening: Happening, ports: &mut Ports) {
        match happening {
            Happening::Plug(is_plugged) => {
                self.is_plugged = is_plugged;
                ports.interface(&id("p"), is_plugged);
            }
            Happening::Row(version, place) => {
                let chassis = place.map(|ours| if ours { "us" } else { "them" });
                ports.row(&put(lport("p", version, chassis)));
                // Rows of ports that are neither plugged in here nor bound to us are not remembered.
                self.version = ports.ports.get(&id("p")).and(Some(Version(version)));
            }
            Happening::RowGone => ports.row(&RowChange::Delete(Table::LogicalPort, id("p"))),
            Happening::Step { sends, flips } => {
                self.last_change += u64::from(sends);
                // The engine makes a port ready only while it is plugged in, and no port loses its plug and stays ready.
                let becomes = if flips { !self.is_ready } else { self.is_ready } && self.is_plugged;
                let changed = |is: bool| if is { vec![id("p")] } else { vec![] };
                let (ready, not_ready) = (becomes && !self.is_ready, !becomes && self.is_ready);
                if ready {
                    self.ready_since = self.last_change;
                }
                self.is_ready = becomes;
                self.versions.push((self.last_change, self.version));
                ports.stepped(self.last_change, &changed(ready), &changed(not_ready));
            }
            Happening::Confirm(count) => {
                let up_to = self.confirmed.map_or(0, |up_to| (up_to + count).min(self.last_change));
                self.confirmed = Some(up_to);
                ports.confirmed(up_to);
            }
            Happening::Refuse(is_refused) => {
                let ids: BTreeSet<RowId> = if is_refused { [id("p")].into() } else { BTreeSet::new() };
                ports.refused(&ids);
                // What nobody knows of cannot be refused.
                self.is_refused = is_refused && ports.ports.contains_key(&id("p"));
            }
        }
    }
}

proptest! {
    /// Whatever happens in which order: what is told last is the truth, and ACTIVE is never told before it is so.
    #[test]
    fn active_is_told_exactly_while_it_is_so(history in prop::collection::vec(happening(), 0..60)) {
        let (mut ports, mut truth) = (ports(), Truth::default());
        let mut last_told = None;
        for happening in history {
            truth.happens(happening, &mut ports);
            // The engine hears of a plug in the same turn.
            truth.happens(Happening::Step { sends: false, flips: false }, &mut ports);
            if let Some((_, wish)) = ports.take_wishes().pop() {
                last_told = Some(wish.here);
            }
            if !ports.ports.contains_key(&id("p")) {
                (truth.is_refused, truth.version) = (false, None);
            }
            let active = match &last_told {
                Some(Here { forwarding: Forwarding::Yes(version), .. }) => Some(*version),
                _ => None,
            };
            prop_assert_eq!(active.is_some(), truth.may_be_active(), "{:?} {:?}", truth, ports);
            prop_assert!(active.is_none_or(|version| truth.is_in(version)), "{:?} {:?}", truth, ports);
            let plugged = last_told.as_ref().is_some_and(|here| here.is_plugged);
            prop_assert_eq!(plugged, truth.is_plugged);
        }
    }
}

#[test]
fn a_port_that_nothing_is_plugged_into_forwards_while_it_is_translated() {
    let mut ports = ports();
    ports.row(&put(lport("f", 1, None)));
    ports.stepped(1, &[id("f")], &[]);
    assert_eq!(told(&mut ports), [], "the switch has not spoken");
    ports.confirmed(1);
    assert_eq!(told(&mut ports), one("f", false, Forwarding::Yes(None)));
    assert_eq!((ports.active(), ports.plugged()), (0, 0), "it is no port of this node");
    ports.look_again();
    assert_eq!(
        told(&mut ports),
        one("f", false, Forwarding::Yes(None)),
        "another may have had the last word"
    );
    ports.stepped(2, &[], &[id("f")]);
    assert_eq!(told(&mut ports), one("f", false, Forwarding::No));
    ports.look_again();
    assert_eq!(told(&mut ports), []);
    assert!(ports.ports.is_empty());
}
