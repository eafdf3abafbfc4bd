//! Reads and snapshots show one state of the store.

use std::collections::BTreeSet;

use model::{Table, Topic};

use super::Harness;
use super::tools::{
    Background, DEADLINE, OTHER_TABLE, Replica, TABLE, all, commit, key, key_in, number, put, read_one,
    snapshot, within,
};
use crate::key::Key;
use crate::store::Selector;
use crate::txn::{CommitError, Txn};

/// States that have to be seen while others write: fewer would prove nothing.
const STATES_MIN: usize = 20;

/// One answer for each key, in order, also for rows that are not there or are asked for twice.
pub async fn rows_come_in_the_order_of_their_keys(harness: &dyn Harness) {
    let store = harness.connect();
    let txn = Txn::new().put(key("b"), "B").put(key("a"), "A").put(key_in(OTHER_TABLE, "a"), "other");
    commit(&*store, txn).await;
    let keys = [key("b"), key("missing"), key_in(OTHER_TABLE, "a"), key("a"), key("b")];
    let rows = within("rows", harness.connect().read(&keys)).await.expect("rows");
    let values: Vec<_> = rows.iter().map(|row| row.as_ref().map(|row| row.value.as_ref())).collect();
    assert_eq!(values, [Some(&b"B"[..]), None, Some(b"other"), Some(b"A"), Some(b"B")]);
    for (row, key) in rows.iter().zip(&keys) {
        assert!(row.as_ref().is_none_or(|row| row.key == *key), "{row:?} for {key}");
    }
    assert_eq!(within("no rows", store.read(&[])).await.expect("no rows"), []);
    let many: Vec<Key> =
        (0..1000).map(|number| key(&format!("missing-{number}"))).chain([key("a")]).collect();
    let rows = within("many rows", store.read(&many)).await.expect("many rows");
    assert_eq!((rows.len(), rows.iter().flatten().count()), (1001, 1));
}

/// Rows that are always written together are never read apart.
pub async fn reads_see_one_state(harness: &dyn Harness) {
    let (reader, keys) = (harness.connect(), vec![key("a"), key_in(OTHER_TABLE, "b"), key("c")]);
    let writer = Background::count_together(harness.connect(), keys.clone());
    let mut states = BTreeSet::new();
    within("many states", async {
        while states.len() < STATES_MIN {
            let rows = reader.read(&keys).await.expect("rows");
            let values: BTreeSet<_> =
                rows.iter().map(|row| row.as_ref().map(|row| number(&row.value))).collect();
            assert_eq!(values.len(), 1, "rows of several states: {rows:?}");
            states.extend(values);
        }
    })
    .await;
    writer.stop().await;
}

/// Tables that were not asked for stay out; of those that were, everything is there that was not excluded by topic.
pub async fn snapshots_hold_what_is_selected(harness: &dyn Harness) {
    let store = harness.connect();
    let port = |id: &str, topic: &str| {
        let key = key_in(Table::LogicalPort, id).with_topic(Topic::new(topic));
        (key, format!(r#"{{"id": "{id}", "topic": "{topic}"}}"#))
    };
    let ports = [port("p", "red"), port("q", "blue")];
    let txn = Txn::new().put(key("a"), "A").put(key_in(OTHER_TABLE, "b"), "B");
    let txn = ports.iter().fold(txn, |txn, (key, text)| txn.put(key.clone(), text.clone()));
    let written = commit(&*store, txn).await;
    let names = |selector: Selector| {
        let store = harness.connect();
        async move {
            let found = snapshot(&*store, &selector).await;
            assert!(found.revision >= written, "a snapshot from before what was acknowledged");
            found.rows.iter().map(|row| row.key.to_string()).collect::<BTreeSet<_>>()
        }
    };
    assert_eq!(names(all()).await, BTreeSet::from([key("a").to_string()]));
    assert_eq!(names(Selector::tables([OTHER_TABLE])).await.len(), 1);
    assert_eq!(names(Selector::tables([TABLE, OTHER_TABLE])).await.len(), 2);
    assert!(names(Selector::tables([Table::Chassis])).await.is_empty());
    assert!(names(Selector { tables: BTreeSet::new(), topics: None }).await.is_empty());
    let red = Selector { topics: Some([Topic::new("red")].into()), ..Selector::tables([Table::LogicalPort]) };
    assert!(names(red).await.contains(&ports[0].0.to_string()), "a row of the topic is missing");
    let of_ours = Selector { topics: Some([Topic::new("red")].into()), ..all() };
    assert_eq!(names(of_ours).await.len(), 1, "tables without topics are for everybody");
    assert_eq!(names(Selector::tables([Table::LogicalPort])).await.len(), 2);
}

/// A snapshot is a cut through all tables, and a watch from it leads to the present.
pub async fn snapshots_see_one_state(harness: &dyn Harness) {
    let both = Selector::tables([TABLE, OTHER_TABLE]);
    let pairs: Vec<Vec<Key>> =
        (0..4).map(|number| number.to_string()).map(|id| vec![key(&id), key_in(OTHER_TABLE, &id)]).collect();
    let mut writers: Vec<Background> =
        pairs.iter().map(|pair| Background::count_together(harness.connect(), pair.clone())).collect();
    writers.push(Background::append(harness.connect()));
    let reader = harness.connect();
    let mut revisions = BTreeSet::new();
    let mut middle = None;
    within("many states", async {
        while revisions.len() < STATES_MIN {
            let snapshot = reader.snapshot(&both).await.expect("a snapshot");
            assert!(revisions.last() <= Some(&snapshot.revision), "snapshots go back in time");
            revisions.insert(snapshot.revision);
            let replica = Replica::of(snapshot.clone());
            for pair in &pairs {
                assert_eq!(replica.value(&pair[0]), replica.value(&pair[1]), "rows of several states");
            }
            if revisions.len() == STATES_MIN / 2 {
                middle = Some(snapshot);
            }
        }
    })
    .await;
    for writer in writers {
        writer.stop().await;
    }
    let middle = middle.expect("a snapshot from the middle");
    let end = put(&*reader, key("end"), "0").await;
    let mut watch = reader.watch(both.clone(), middle.revision);
    let mut replica = Replica::of(middle);
    replica.catch_up(&mut watch, end).await;
    replica.assert_true(&*reader, &both).await;
}

/// A table that fits into no single message is still read as it was at one moment.
pub async fn large_tables_are_read_in_one_state(harness: &dyn Harness) {
    const ROWS: usize = 3_000;
    const ROW_BYTES: usize = 2_048;
    const ROWS_AT_ONCE: usize = 50;
    let store = harness.connect();
    let filling: Vec<Key> = (0..ROWS).map(|number| key(&format!("m{number:05}"))).collect();
    for keys in filling.chunks(ROWS_AT_ONCE) {
        let txn = keys.iter().fold(Txn::new(), |txn, key| txn.put(key.clone(), vec![b'x'; ROW_BYTES]));
        commit(&*store, txn).await;
    }
    let (first, last) = (key("a"), key("z"));
    let writer = Background::count_together(harness.connect(), vec![first.clone(), last.clone()]);
    let mut states = BTreeSet::new();
    within("several states of a large table", async {
        while states.len() < 3 {
            let replica = Replica::of(store.snapshot(&all()).await.expect("a large table"));
            let ends = (replica.value(&first), replica.value(&last));
            assert_eq!(ends.0, ends.1, "the ends of the table are of several states");
            let whole = filling
                .iter()
                .filter(|key| replica.rows.get(*key).is_some_and(|row| row.value.len() == ROW_BYTES));
            assert_eq!(whole.count(), ROWS, "rows are missing");
            states.insert(ends.0);
        }
    })
    .await;
    writer.stop().await;
}

/// Ids that somebody may choose lead to their own row, or are refused; they never lead to another.
pub async fn odd_ids_come_back_unchanged(harness: &dyn Harness) {
    let store = harness.connect();
    // The original has such: hosts, UUIDs with addresses behind them.
    let wanted =
        ["host-a.example.org", "b", "B", "00000000-0000-4000-8000-00000000010110.0.1.100", "::1", "a_b"];
    let long = "l".repeat(1000);
    let odd =
        ["a/b", "/", " ", "tür", "a\nb", "a\0b", "%2F", "{a}", "a}b", "..", "*", "\u{10ffff}", "\\", &long];
    let mut held = BTreeSet::new();
    for id in wanted.into_iter().chain(odd) {
        match within("a row", store.commit(Txn::new().put(key(id), id.to_owned()))).await {
            Ok(_) => held.insert(id),
            Err(CommitError::Invalid { .. }) if !wanted.contains(&id) => continue,
            Err(error) => panic!("a row with the id {id:?}: {error}"),
        };
    }
    for id in &held {
        let row = read_one(&*store, key(id)).await;
        assert_eq!(row.map(|row| row.value), Some(id.as_bytes().to_vec().into()), "{id:?}");
    }
    let rows = snapshot(&*store, &all()).await.rows;
    let found: BTreeSet<String> = rows.iter().map(|row| row.key.id.to_string()).collect();
    assert!(
        found.iter().map(String::as_str).eq(held.iter().copied()),
        "{found:?}, waited up to {DEADLINE:?}"
    );
}
