use std::time::Instant;

use super::*;

fn key(name: &'static str) -> Bytes {
    Bytes::from_static(name.as_bytes())
}

fn state() -> State {
    let mut state = State { keyspace: Keyspace::new(), leases: Leases::new(Instant::now()) };
    let mut staged = Staged::new(&state);
    staged.grant(7, 100);
    for name in ["a", "c", "e"] {
        staged.put(key(name), key("old"), if name == "c" { 7 } else { 0 });
        staged.finish_request();
    }
    let effects = staged.into_effects();
    state.apply(&effects, Instant::now());
    state
}

fn names(staged: &Staged<'_>, at: i64) -> String {
    let range = KeyRange::From(key("\0"));
    staged.scan(&range, at).map(|(key, _)| char::from(key[0])).collect()
}

#[test]
fn later_requests_see_what_earlier_ones_did_and_readers_do_not() {
    let state = state();
    assert_eq!(state.keyspace.revision(), 4);
    let mut staged = Staged::new(&state);
    staged.put(key("b"), key("new"), 0);
    staged.put(key("a"), key("new"), 0);
    assert_eq!(staged.revision_so_far(), 5);
    staged.finish_request();
    assert_eq!(staged.delete(&KeyRange::prefix(key("c"))).len(), 1);
    staged.finish_request();
    staged.put(key("f"), key("new"), 0);
    assert_eq!(names(&staged, NOW), "abef");
    assert_eq!(
        (names(&staged, 4), names(&staged, 5), names(&staged, 6)),
        ("ace".into(), "abce".into(), "abe".into())
    );
    let rewritten = staged.get(b"a", NOW).unwrap();
    assert_eq!((rewritten.created, rewritten.count, rewritten.revision), (2, 2, 5));
    assert_eq!(state.keyspace.revision(), 4);
    assert!(state.keyspace.get(b"b", NOW).is_none());
    let effects = staged.into_effects();
    let places: Vec<_> =
        effects.versions.iter().map(|(_, version)| (version.revision, version.sub)).collect();
    assert_eq!(places, [(5, 0), (5, 1), (6, 0), (7, 0)]);
}

#[test]
fn a_request_that_changes_nothing_makes_no_revision() {
    let state = state();
    let mut staged = Staged::new(&state);
    assert!(staged.delete(&KeyRange::One(key("x"))).is_empty());
    staged.finish_request();
    assert_eq!(staged.revision_so_far(), 4);
    assert!(staged.into_effects().is_empty());
}

#[test]
fn revoking_takes_the_rows_of_before_and_of_the_same_batch() {
    let mut state = state();
    let mut staged = Staged::new(&state);
    staged.put(key("d"), key("new"), 7);
    staged.finish_request();
    staged.revoke(7);
    assert_eq!(names(&staged, NOW), "ae");
    assert!(!staged.has_lease(7));
    // The number may be used again at once.
    staged.finish_request();
    staged.grant(7, 5);
    staged.put(key("g"), key("new"), 7);
    let effects = staged.into_effects();
    state.apply(&effects, Instant::now());
    assert_eq!(state.leases.get(7).unwrap().keys().iter().collect::<Vec<_>>(), ["g"]);
}

#[test]
fn a_row_that_left_its_lease_outlives_it() {
    let mut state = state();
    let mut staged = Staged::new(&state);
    staged.put(key("c"), key("new"), 0);
    staged.finish_request();
    staged.revoke(7);
    let effects = staged.into_effects();
    state.apply(&effects, Instant::now());
    assert!(state.keyspace.get(b"c", NOW).is_some());
    assert_eq!(state.leases.len(), 0);
}
