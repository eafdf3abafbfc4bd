use super::*;
use crate::{Chassis, Listener, LogicalSwitch};

fn at(seconds: f64) -> Timestamp {
    Timestamp::from_seconds(seconds).unwrap()
}

fn network(version: Option<u64>) -> LogicalSwitch {
    let text = r#"{"id": "n", "topic": "t", "unique_key": 77}"#;
    LogicalSwitch { version: version.map(Version), ..LogicalSwitch::from_text(text).unwrap() }
}

fn chassis(ip: &str) -> Chassis {
    Chassis::from_text(&format!(r#"{{"id": "host-a", "ip": "{ip}"}}"#)).unwrap()
}

#[test]
fn a_new_row_gets_the_number_of_the_counter_whatever_it_had() {
    let mut row = network(None);
    on_create(&mut row, &Creation { unique_key: UniqueKey::new(5), now: at(1.0) }).unwrap();
    assert_eq!((row.unique_key, row.version), (UniqueKey::new(5).unwrap(), Some(Version::FIRST)));
}

#[test]
fn a_new_row_keeps_the_version_of_its_writer() {
    let mut row = network(Some(0));
    on_create(&mut row, &Creation { unique_key: UniqueKey::new(5), now: at(1.0) }).unwrap();
    assert_eq!(row.version, Some(Version(0)));
}

#[test]
fn a_new_row_without_a_number_is_refused_where_it_needs_one() {
    let creation = Creation { unique_key: None, now: at(1.0) };
    let error = on_create(&mut network(None), &creation).unwrap_err();
    assert_eq!(
        error.to_string(),
        "new row n of table lswitch has no unique key: allocate one from the table's counter first"
    );
    assert_eq!(on_create(&mut chassis("192.0.2.1"), &creation), Ok(()));
}

#[test]
fn a_change_counts_unless_the_writer_counted() {
    let stored = network(Some(4));
    let renamed = |version| LogicalSwitch { name: Some("new".to_owned()), ..network(version) };
    let version = |changed| on_update(&stored, changed, &at(1.0)).unwrap().version;
    assert_eq!(version(renamed(Some(4))), Some(Version(5)));
    assert_eq!(version(renamed(Some(9))), Some(Version(9)));
    assert_eq!(on_update(&network(None), renamed(None), &at(1.0)).unwrap().version, Some(Version::FIRST));
}

#[test]
fn a_change_that_changes_nothing_is_none() {
    assert_eq!(on_update(&network(Some(4)), network(Some(4)), &at(1.0)), None);
    let listener = Listener::from_text(r#"{"id": "host-a", "ppid": 1, "timestamp": 5.5}"#).unwrap();
    assert_eq!(on_update(&listener, listener.clone(), &at(9.0)), None);
}

#[test]
fn a_listener_notes_when_it_was_written() {
    let stored = Listener::from_text(r#"{"id": "host-a", "ppid": 1, "timestamp": 5.5}"#).unwrap();
    let changed = Listener { ppid: Some(2), ..stored.clone() };
    assert_eq!(on_update(&stored, changed, &at(9.0)).unwrap().timestamp, Some(at(9.0)));
}

#[test]
fn only_a_higher_version_is_news() {
    let known = network(Some(4));
    let renamed = |version| LogicalSwitch { name: Some("new".to_owned()), ..network(version) };
    assert!(supersedes(&network(Some(0)), None));
    assert!(supersedes(&network(Some(5)), Some(&known)));
    assert!(!supersedes(&renamed(Some(4)), Some(&known)));
    assert!(!supersedes(&renamed(Some(3)), Some(&known)));
    assert!(!supersedes(&renamed(None), Some(&known)));
    assert!(supersedes(&known, Some(&network(None))));
}

#[test]
fn without_versions_what_differs_is_news() {
    assert!(supersedes(&chassis("192.0.2.2"), Some(&chassis("192.0.2.1"))));
    assert!(!supersedes(&chassis("192.0.2.1"), Some(&chassis("192.0.2.1"))));
}
