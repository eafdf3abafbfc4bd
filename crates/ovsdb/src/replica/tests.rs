use std::collections::BTreeMap;

use super::*;
use crate::datum::Datum;
use crate::row::{BatchKind, TypedChange};
use crate::typed::ColumnInfo;
use crate::vswitch::{Interface, Queue};
use proptest::prelude::*;
use serde_json::json;

const COLUMNS: [ColumnInfo; 5] = [
    Interface::NAME.info(),
    Interface::OFPORT.info(),
    Interface::EXTERNAL_IDS.info(),
    Interface::CFM_REMOTE_MPIDS.info(),
    Queue::DSCP.info(),
];

const ROW: &str = "00000000-0000-0000-0000-000000000001";

fn uuid(number: u8) -> Uuid {
    Uuid::from_u128(number.into())
}

fn replica() -> Replica {
    Replica::new(MonitorSpec::new(&COLUMNS))
}

fn filled() -> Replica {
    let mut replica = replica();
    let content = json!({"Interface": {ROW: {"initial": {"name": "a", "ofport": 1}}}});
    replica.apply_full(&content, UpdateFormat::Differences).unwrap();
    replica
}

fn interface(replica: &Replica) -> Interface {
    replica.typed::<Interface>().next().expect("one interface").1
}

#[test]
fn first_content_is_an_initial_batch_with_defaults_filled_in() {
    let replica = filled();
    let expected = Interface { name: "a".into(), ofport: Some(1), ..Interface::default() };
    assert_eq!(interface(&replica), expected);
    assert_eq!(replica.row("Interface", uuid(1)).unwrap().get(&Interface::OFPORT), Some(Some(1)));
    assert_eq!(replica.row("Interface", uuid(1)).unwrap().get(&Interface::MTU), None, "not monitored");
    assert_eq!(replica.row("Interface", uuid(1)).unwrap().get(&Queue::DSCP), None, "of another table");
}

#[test]
fn a_modification_gives_old_and_new() {
    let mut replica = filled();
    let update =
        json!({"Interface": {ROW: {"modify": {"ofport": 2, "external_ids": ["map", [["k", "v"]]]}}}});
    let batch = replica.apply_update(&update, UpdateFormat::Differences).unwrap();
    let changes: Vec<_> = batch.of::<Interface>().collect();
    let [(_, TypedChange::Modified { old, new })] = changes.as_slice() else { panic!("{changes:?}") };
    assert_eq!((old.ofport, new.ofport), (Some(1), Some(2)));
    assert_eq!(new.external_ids["k"], "v");
    assert_eq!(new.name, "a", "columns that the update does not name stay");
    assert_eq!(batch.of::<Queue>().count(), 0);
}

#[test]
fn an_optional_column_is_emptied_by_an_empty_difference() {
    let mut replica = filled();
    let update = json!({"Interface": {ROW: {"modify": {"ofport": ["set", []]}}}});
    replica.apply_update(&update, UpdateFormat::Differences).unwrap();
    assert_eq!(interface(&replica).ofport, None);
}

#[test]
fn a_change_that_changes_nothing_is_not_reported() {
    let mut replica = filled();
    let update = json!({"Interface": {ROW: {"modify": {"ofport": 1}}}});
    assert_eq!(replica.apply_update(&update, UpdateFormat::Differences).unwrap().changes, []);
}

#[test]
fn updates_of_rfc_7047_replace_whole_columns() {
    let mut replica = replica();
    let initial = json!({"Interface": {ROW: {"new": {"name": "a", "external_ids": ["map", [["k", "1"]]]}}}});
    assert_eq!(replica.apply_full(&initial, UpdateFormat::Rows).unwrap().kind, BatchKind::Initial);
    let old = json!({"external_ids": ["map", [["k", "1"]]]});
    let update = json!({"Interface": {ROW: {"old": old, "new": {"name": "a", "external_ids": ["map", [["l", "2"]]]}}}});
    replica.apply_update(&update, UpdateFormat::Rows).unwrap();
    assert_eq!(interface(&replica).external_ids, [("l".to_owned(), "2".to_owned())].into());
    let update = json!({"Interface": {ROW: {"old": {"name": "a"}}}});
    replica.apply_update(&update, UpdateFormat::Rows).unwrap();
    assert!(replica.is_empty());
}

#[test]
fn a_bad_update_changes_nothing_at_all() {
    let other = "00000000-0000-0000-0000-000000000002";
    let upper = "ABCDEF00-0000-0000-0000-000000000001";
    let cases = [
        json!([]),
        json!({"Interface": []}),
        json!({"Interface": {ROW: []}}),
        json!({"Interface": {ROW: {}}}),
        json!({"Interface": {ROW: {"modify": {}, "delete": null}}}),
        json!({"Interface": {ROW: {"rename": {}}}}),
        json!({"Interface": {ROW: {"insert": {"name": "b"}}}}),
        json!({"Interface": {other: {"modify": {"name": "b"}}}}),
        json!({"Interface": {other: {"delete": null}}}),
        json!({"Interface": {ROW: {"modify": {"mtu": 1}}}}),
        json!({"Interface": {ROW: {"modify": {"ofport": "1"}}}}),
        json!({"Interface": {ROW: {"modify": {"name": ["set", []]}}}}),
        json!({"Interface": {"1": {"delete": null}}}),
        json!({"Bridge": {ROW: {"delete": null}}}),
        json!({"Interface": {upper: {"insert": {}}, (upper.to_lowercase()): {"insert": {}}}}),
    ];
    let before = filled();
    for bad in cases {
        // A good change in front of the bad one must not remain either.
        let mut update = json!({"Queue": {ROW: {"insert": {"dscp": 1}}}});
        if let (Some(update), Some(bad)) = (update.as_object_mut(), bad.as_object()) {
            update.extend(bad.clone());
        } else {
            update = bad.clone();
        }
        let mut replica = before.clone();
        let error = replica.apply_update(&update, UpdateFormat::Differences).unwrap_err();
        assert_eq!(replica, before, "{bad}: {error}");
    }
}

#[test]
fn errors_name_table_row_and_column() {
    let update = json!({"Interface": {ROW: {"modify": {"ofport": "x"}}}});
    let error = filled().apply_update(&update, UpdateFormat::Differences).unwrap_err().to_string();
    assert_eq!(
        error,
        format!("row {ROW} of table Interface, column ofport: expected integer, found a string")
    );
}

#[test]
fn a_server_cannot_fill_the_memory() {
    let rows = |numbers: std::ops::RangeInclusive<u8>, text: &str| -> Value {
        let row = |number| (uuid(number).to_string(), json!({"insert": {"name": text}}));
        json!({ "Interface": numbers.map(row).collect::<serde_json::Map<_, _>>() })
    };
    let apply = |replica: &mut Replica, update: &Value| {
        replica.apply_update(update, UpdateFormat::Differences).map(|batch| batch.changes.len())
    };
    let mut replica = Replica::with_limit(MonitorSpec::new(&COLUMNS), 60_000);
    // Many rows with nothing in them, then few with much.
    assert_eq!(apply(&mut replica, &rows(1..=u8::MAX, "")), Err(ReplicaError::TooLarge(60_000)));
    assert!(replica.is_empty());
    let large = "x".repeat(18_000);
    assert_eq!(apply(&mut replica, &rows(1..=4, &large)), Err(ReplicaError::TooLarge(60_000)));
    assert_eq!(apply(&mut replica, &rows(1..=3, &large)), Ok(3));
    let held = replica.clone();
    let change = |name: &str| json!({"Interface": {uuid(1).to_string(): {"modify": {"name": name}}}});
    assert_eq!(apply(&mut replica, &change(&"x".repeat(30_000))), Err(ReplicaError::TooLarge(60_000)));
    assert_eq!(replica, held);
    // What is given up makes room.
    assert_eq!(apply(&mut replica, &change("")), Ok(1));
    assert_eq!(apply(&mut replica, &rows(4..=4, &large)), Ok(1));
    let gone: serde_json::Map<String, Value> =
        (1..=4).map(|number| (uuid(number).to_string(), json!({"delete": null}))).collect();
    assert_eq!(apply(&mut replica, &json!({ "Interface": gone })), Ok(4));
    assert_eq!(replica.bytes, 0);
}

#[test]
fn a_full_reread_reports_the_difference_and_shares_what_is_equal() {
    let mut replica = filled();
    let kept = Arc::clone(replica.row("Interface", uuid(1)).unwrap());
    let content = json!({
        "Interface": {ROW: {"initial": {"name": "a", "ofport": 1}}},
        "Queue": {ROW: {"initial": {"dscp": 5}}},
    });
    let batch = replica.apply_full(&content, UpdateFormat::Differences).unwrap();
    assert_eq!(batch.kind, BatchKind::Reread);
    assert_eq!(batch.changes.iter().map(|change| change.table()).collect::<Vec<_>>(), ["Queue"]);
    assert!(Arc::ptr_eq(&kept, replica.row("Interface", uuid(1)).unwrap()), "equal rows are not replaced");
}

#[test]
fn a_resumption_that_was_not_asked_for_is_refused() {
    let mut replica = filled();
    let before = replica.clone();
    let reply = json!([true, uuid(9).to_string(), {}]);
    assert_eq!(replica.apply_since_reply(&reply, None), Err(ReplicaError::NotAsked));
    assert_eq!(replica, before);
}

#[test]
fn the_transaction_id_follows_the_content() {
    let mut replica = replica();
    let id = |number| json!(uuid(number).to_string());
    replica.apply_since_reply(&json!([false, id(7), {}]), None).unwrap();
    assert_eq!(replica.last_transaction(), Some(uuid(7)));
    replica.apply_update3(&id(8), &json!({"Queue": {ROW: {"insert": {}}}})).unwrap();
    assert_eq!(replica.last_transaction(), Some(uuid(8)));
    replica.apply_update3(&id(9), &json!({"Queue": {ROW: {"insert": {}}}})).unwrap_err();
    assert_eq!(replica.last_transaction(), Some(uuid(8)), "a refused update does not count");
    replica.apply_update3(&id(0), &json!({})).unwrap();
    assert_eq!(replica.last_transaction(), None, "zero is no transaction");
}

/// Rows of `Interface` by small numbers: all that the property tests vary.
type State = BTreeMap<u8, Interface>;

fn any_state() -> impl Strategy<Value = State> {
    let row = (
        "[ab]?",
        proptest::option::of(0i64..3),
        proptest::collection::btree_map("[a-c]", "[x-z]", 0..4),
        proptest::collection::btree_set(0i64..6, 0..5),
    )
        .prop_map(|(name, ofport, external_ids, cfm_remote_mpids)| Interface {
            name,
            ofport,
            external_ids,
            cfm_remote_mpids,
            ..Interface::default()
        });
    proptest::collection::btree_map(1u8..6, row, 0..5)
}

fn columns(row: &Interface, wanted: impl Fn(&str) -> bool) -> Value {
    let monitored = COLUMNS.iter().filter(|info| info.table == "Interface" && wanted(info.name));
    monitored.map(|info| (info.name, row.column(info.name).unwrap().to_json())).collect()
}

/// How a server writes the way from one state to the next.
fn write_update(old: &State, new: &State, format: UpdateFormat) -> Value {
    let mut rows = serde_json::Map::new();
    for number in old.keys().chain(new.keys()) {
        let update = match (old.get(number), new.get(number), format) {
            (Some(old), Some(new), _) if old == new => continue,
            (Some(old), Some(new), UpdateFormat::Rows) => {
                let changed = columns(old, |name| old.column(name) != new.column(name));
                json!({"old": changed, "new": columns(new, |_| true)})
            }
            (None, Some(new), UpdateFormat::Rows) => json!({"new": columns(new, |_| true)}),
            (Some(old), None, UpdateFormat::Rows) => json!({"old": columns(old, |_| true)}),
            (Some(old), Some(new), UpdateFormat::Differences) => {
                let mut members = serde_json::Map::new();
                for info in COLUMNS.iter().filter(|info| old.column(info.name) != new.column(info.name)) {
                    let (old, new) = (old.column(info.name).unwrap(), new.column(info.name).unwrap());
                    members.insert(info.name.into(), old.difference(&new, &info.shape).to_json());
                }
                json!({ "modify": members })
            }
            (None, Some(new), UpdateFormat::Differences) => {
                json!({"insert": columns(new, |name| new.column(name) != Interface::default().column(name))})
            }
            (Some(_), None, UpdateFormat::Differences) => json!({"delete": null}),
            (None, None, _) => continue,
        };
        rows.insert(uuid(*number).to_string(), update);
    }
    if rows.is_empty() { json!({}) } else { json!({ "Interface": rows }) }
}

fn write_everything(state: &State) -> Value {
    write_update(&State::new(), state, UpdateFormat::Rows)
}

fn apply_to(rows: &mut BTreeMap<(String, Uuid), Arc<Row>>, batch: &Batch) {
    for change in &batch.changes {
        let key = (change.table().to_owned(), change.uuid);
        let old = match &change.new {
            Some(new) => rows.insert(key, Arc::clone(new)),
            None => rows.remove(&key),
        };
        assert_eq!(old, change.old);
    }
}

proptest! {
    #[test]
    fn updates_lead_where_a_full_read_leads(
        states in proptest::collection::vec(any_state(), 1..8),
        rows in any::<bool>(),
        merge in any::<bool>(),
    ) {
        let format = if rows { UpdateFormat::Rows } else { UpdateFormat::Differences };
        let mut followed = replica();
        let mut consumer = BTreeMap::new();
        let mut waiting: Option<Batch> = None;
        let mut present = State::new();
        for state in states {
            let batch = followed.apply_update(&write_update(&present, &state, format), format).unwrap();
            present = state;
            match &mut waiting {
                Some(waiting) if merge => waiting.merge(batch),
                _ => {
                    if let Some(batch) = waiting.replace(batch) {
                        apply_to(&mut consumer, &batch);
                    }
                }
            }
            let mut read = replica();
            read.apply_full(&write_everything(&present), UpdateFormat::Rows).unwrap();
            prop_assert_eq!(&followed.tables, &read.tables);
        }
        if let Some(batch) = waiting {
            apply_to(&mut consumer, &batch);
        }
        let rows: BTreeMap<_, _> = followed
            .rows("Interface")
            .map(|(uuid, row)| (("Interface".to_owned(), uuid), Arc::clone(row)))
            .collect();
        prop_assert_eq!(consumer, rows);
    }

    #[test]
    fn a_reread_reports_exactly_what_an_update_would(old in any_state(), new in any_state()) {
        let mut reread = replica();
        reread.apply_full(&write_everything(&old), UpdateFormat::Rows).unwrap();
        let mut updated = reread.clone();
        let one = reread.apply_full(&write_everything(&new), UpdateFormat::Rows).unwrap();
        let update = write_update(&old, &new, UpdateFormat::Differences);
        let two = updated.apply_update(&update, UpdateFormat::Differences).unwrap();
        prop_assert_eq!(one.changes, two.changes);
        prop_assert_eq!(reread.tables, updated.tables);
    }

    #[test]
    fn typed_rows_come_back_as_they_were(state in any_state()) {
        let mut replica = replica();
        replica.apply_full(&write_everything(&state), UpdateFormat::Rows).unwrap();
        let read: State = replica
            .typed::<Interface>()
            .map(|(uuid, row)| (uuid.as_bytes()[15], row))
            .collect();
        prop_assert_eq!(read, state);
        prop_assert!(replica.rows("Interface").all(|(_, row)| row.datum("name").is_some_and(|name: &Datum| name.len() == 1)));
    }
}
