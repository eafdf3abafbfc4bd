//! What follows from sessions, event by event; and a model of several nodes at which things fail.

use std::collections::BTreeMap;

use engine::Reach::{Alive, Down, Gone, Unknown};

use super::*;

mod model;

const HOLD: Duration = Duration::from_secs(10);

/// What one node sees, in seconds.
struct Observer {
    liveness: Liveness,
    sessions: BTreeMap<String, Observed>,
}

fn row(name: &str) -> Uuid {
    let digit = u128::from(name.as_bytes().first().copied().unwrap_or_default());
    Uuid::from_u128(digit)
}

fn watched(name: &str, is_candidate: bool) -> Watched {
    Watched { peer: Id::new(name).unwrap(), is_candidate }
}

impl Observer {
    fn new() -> Self {
        Self { liveness: Liveness::new(HOLD), sessions: BTreeMap::new() }
    }

    /// At this time, a session is so.
    fn sees(&mut self, at: f64, name: &str, session: impl Into<Option<Session>>) -> Reach {
        let seen = Observed { row: row(name), port: None, session: session.into() };
        self.sessions.insert(name.to_owned(), seen);
        self.liveness.observe(Duration::from_secs_f64(at), &self.sessions);
        self.reach(name)
    }

    fn at(&mut self, at: f64, name: &str) -> Reach {
        self.liveness.tick(Duration::from_secs_f64(at));
        self.reach(name)
    }

    fn reach(&self, name: &str) -> Reach {
        self.liveness.peers().reach[&Id::new(name).unwrap()]
    }

    fn is_settled(&self) -> bool {
        self.liveness.peers().is_settled
    }
}

use Session::{Fresh, Up};

#[test]
fn who_falls_silent_is_down_at_once_and_who_comes_back_has_to_stay() {
    let mut node = Observer::new();
    assert_eq!(node.sees(0.0, "a", Up), Alive);
    assert_eq!(node.sees(5.0, "a", Session::Down), Down);
    assert_eq!(node.sees(7.0, "a", Up), Down);
    assert_eq!(node.at(16.9, "a"), Down);
    assert_eq!(node.liveness.due(), Some(Duration::from_secs(17)));
    assert_eq!(node.sees(16.9, "a", Session::Down), Down, "it comes and goes");
    assert_eq!(node.sees(20.0, "a", Up), Down);
    assert_eq!(node.at(29.9, "a"), Down);
    assert_eq!(node.at(30.0, "a"), Alive);
    assert_eq!(node.liveness.due(), None);
}

#[test]
fn who_was_never_seen_down_counts_when_it_answers_and_is_given_up_when_it_does_not() {
    let mut node = Observer::new();
    assert_eq!(node.sees(0.0, "a", Fresh), Unknown);
    assert_eq!(node.sees(0.0, "b", Fresh), Unknown);
    assert_eq!(node.sees(2.0, "a", Up), Alive);
    assert_eq!(node.at(4.9, "b"), Unknown);
    assert_eq!(node.at(5.0, "b"), Down);
    assert_eq!(node.sees(6.0, "b", Up), Down, "it comes later, and has to stay");
}

#[test]
fn who_is_away_for_long_says_nothing_of_our_cables_unless_everybody_is() {
    let mut node = Observer::new();
    node.sees(0.0, "a", Up);
    node.sees(0.0, "b", Up);
    assert_eq!(node.sees(1.0, "a", Session::Down), Down);
    assert_eq!(node.at(61.0, "a"), Gone);
    assert_eq!(node.sees(70.0, "b", Session::Down), Down);
    assert_eq!(node.at(500.0, "b"), Down);
    assert_eq!(node.reach("a"), Gone);
    node.sees(600.0, "a", Up);
    assert_eq!(node.at(610.0, "a"), Alive);
    assert_eq!(node.at(670.0, "b"), Gone);
}

#[test]
fn a_database_that_is_restarted_says_nothing_for_a_while_and_changes_nothing() {
    let mut node = Observer::new();
    node.sees(0.0, "a", Up);
    assert_eq!(node.sees(1.0, "a", None), Alive);
    assert_eq!(node.sees(2.0, "a", Up), Alive);
    assert!(node.is_settled());
    node.sessions.clear();
    node.liveness.want(Duration::from_secs(2), &[watched("a", true)]);
    node.liveness.observe(Duration::from_secs(2), &node.sessions);
    assert_eq!(node.reach("a"), Alive, "its port cannot be used for a moment");
}

#[test]
fn a_switch_that_was_started_leaves_gateways_to_others_until_they_rely_on_it() {
    let mut node = Observer::new();
    node.liveness.want(Duration::ZERO, &[watched("a", true), watched("b", true), watched("d", false)]);
    for name in ["a", "b", "d"] {
        node.sees(0.0, name, Up);
    }
    assert!(node.is_settled());
    for name in ["a", "b", "d"] {
        assert_eq!(node.sees(20.0, name, Fresh), Unknown);
    }
    assert!(!node.is_settled());
    for (at, name) in [(21.0, "d"), (21.5, "a"), (22.0, "b")] {
        assert_eq!(node.sees(at, name, Up), Alive, "others have served meanwhile");
    }
    node.at(32.9, "a");
    assert!(!node.is_settled(), "the last of the other candidates counts to 32");
    assert_eq!(node.liveness.due(), Some(Duration::from_secs(33)));
    node.at(33.0, "a");
    assert!(node.is_settled());
}

#[test]
fn a_node_that_was_cut_off_comes_back_as_one_that_was_started() {
    let mut node = Observer::new();
    node.liveness.want(Duration::ZERO, &[watched("a", true), watched("d", false)]);
    node.sees(0.0, "a", Up);
    node.sees(0.0, "d", Up);
    node.sees(5.0, "a", Session::Down);
    assert!(node.is_settled(), "one is there");
    node.sees(5.1, "d", Session::Down);
    assert!(!node.is_settled());
    assert_eq!(node.liveness.due(), None);
    node.sees(9.0, "d", Up);
    node.sees(9.5, "a", Up);
    node.at(20.4, "a");
    assert!(!node.is_settled());
    node.at(20.5, "a");
    assert!(node.is_settled());
    // The other candidate is away for good.
    node.sees(30.0, "a", Session::Down);
    node.sees(30.0, "d", Session::Down);
    node.sees(40.0, "d", Up);
    node.at(50.0, "d");
    assert!(node.is_settled(), "there is nobody to wait for");
}

#[test]
fn a_switch_that_was_started_waits_for_nobody_who_is_not_there() {
    let mut node = Observer::new();
    node.sees(0.0, "a", Fresh);
    assert!(!node.is_settled());
    node.liveness.want(Duration::ZERO, &[]);
    assert!(node.is_settled(), "there is no other candidate");
    let mut node = Observer::new();
    node.sees(0.0, "a", Fresh);
    node.liveness.want(Duration::ZERO, &[watched("a", true)]);
    node.at(4.9, "a");
    assert!(!node.is_settled());
    node.at(5.0, "a");
    assert!(node.is_settled(), "the other one does not answer");
}

#[test]
fn a_port_that_is_made_anew_begins_anew() {
    let mut node = Observer::new();
    node.sees(0.0, "a", Up);
    let seen = Observed { row: row("z"), port: None, session: Some(Fresh) };
    node.sessions.insert("a".to_owned(), seen);
    node.liveness.observe(Duration::from_secs(1), &node.sessions);
    assert_eq!(node.reach("a"), Unknown);
    assert!(node.is_settled(), "the switch was not started");
}

#[test]
fn who_is_to_be_watched_and_has_no_session_yet_is_unknown() {
    let mut node = Observer::new();
    node.sees(0.0, "old", Up);
    node.liveness.want(Duration::ZERO, &[watched("new", false)]);
    let peers = node.liveness.peers();
    assert_eq!(peers.reach, BTreeMap::from([(Id::new("new").unwrap(), Unknown)]));
}

/// A controller that is started in the place of another, and remembers what that waited for.
fn restarted(before: &Observer) -> Observer {
    let mut node = Observer::new();
    node.liveness.remember(before.liveness.waits());
    node
}

#[test]
fn a_controller_that_is_restarted_waits_on_for_a_node_that_came_back() {
    let mut before = Observer::new();
    before.sees(0.0, "a", Up);
    before.sees(5.0, "a", Session::Down);
    assert_eq!(before.liveness.waits(), Waits::default(), "nobody waits for who is not there");
    before.sees(7.0, "a", Up);
    let mut node = restarted(&before);
    assert_eq!(node.sees(12.0, "a", None), Unknown, "the database says nothing yet");
    assert_eq!(node.sees(12.0, "a", Up), Down);
    assert_eq!((node.at(16.9, "a"), node.at(17.0, "a")), (Down, Alive));
    assert_eq!(node.liveness.waits(), Waits::default());
    // One that knows nothing relies on it at once.
    assert_eq!(Observer::new().sees(12.0, "a", Up), Alive);
    // One that was away for longer than that has waited for long enough.
    let mut late = restarted(&before);
    late.sees(60.0, "a", Up);
    assert_eq!(late.at(60.0, "a"), Alive);
}

#[test]
fn what_is_remembered_of_a_session_that_broke_meanwhile_is_void() {
    let mut before = Observer::new();
    before.sees(0.0, "a", Session::Down);
    before.sees(1.0, "a", Up);
    let mut node = restarted(&before);
    assert_eq!(node.sees(4.0, "a", Session::Down), Down);
    assert_eq!(node.sees(6.0, "a", Up), Down);
    assert_eq!((node.at(15.9, "a"), node.at(16.0, "a")), (Down, Alive));
}

#[test]
fn a_controller_that_is_restarted_leaves_gateways_to_others_for_as_long_as_before() {
    let mut before = Observer::new();
    before.liveness.want(Duration::ZERO, &[watched("a", true)]);
    before.sees(0.0, "a", Fresh);
    before.sees(2.0, "a", Up);
    assert!(!before.is_settled(), "its switch was started");
    let mut node = restarted(&before);
    node.liveness.want(Duration::from_secs(6), &[watched("a", true)]);
    assert_eq!(node.sees(6.0, "a", Up), Alive);
    node.at(12.9, "a");
    assert!(!node.is_settled());
    node.at(13.0, "a");
    assert!(node.is_settled(), "the hold time and a moment after the session came up");
    assert_eq!(node.liveness.waits(), Waits::default());
}

#[test]
fn a_switch_that_was_started_without_its_cable_waits_for_rivals_when_others_are_heard() {
    let mut node = Observer::new();
    node.liveness.want(Duration::ZERO, &[watched("a", true), watched("d", false)]);
    node.sees(0.0, "a", Fresh);
    node.sees(0.0, "d", Fresh);
    // The cable is mended, and the session with who is no candidate is up first.
    node.sees(4.9, "d", Up);
    node.at(5.0, "a");
    assert!(!node.is_settled(), "nobody has heard the rival yet, which serves");
    assert_eq!(node.sees(5.5, "a", Up), Down);
    node.at(16.4, "a");
    assert!(!node.is_settled());
    node.at(16.5, "a");
    assert!(node.is_settled(), "it has relied on this node for the hold time");
}
