//! Files that fail: full disks, power that is cut, bytes that are flipped, formats that are not ours.

mod faulty;

use std::sync::Arc;

use nb::{Key, Selector, Store, TableName, Txn, WatchItem};
use proptest::prelude::*;
use testkit::scratch::ScratchDir;

use self::faulty::{Failing, PowerCut};
use super::*;
use crate::keyspace::NOW;
use crate::staged::{Staged, View};
use crate::{EmbeddedStore, Options};

fn batch(state: &State, text: &str) -> Batch {
    let mut staged = Staged::new(state);
    for key in ["a", "b", "c"] {
        staged.put(key.into(), text.to_owned().into(), 0);
    }
    let revision = staged.revision_so_far();
    Batch { effects: staged.into_effects(), revision, compaction: None }
}

fn text(state: &State, key: &str) -> Option<String> {
    state
        .keyspace
        .get(key.as_bytes(), NOW)
        .map(|version| String::from_utf8_lossy(&version.value).into_owned())
}

fn open(path: &Path) -> Result<(Disk, State, Identity), OpenError> {
    Disk::open(path, file(path, 1 << 20), Instant::now())
}

#[test]
fn what_was_written_is_there_when_the_file_is_opened_again() {
    let directory = ScratchDir::new().unwrap();
    let path = directory.path().join("store");
    let (mut disk, mut state, identity) = open(&path).unwrap();
    for number in 0..20 {
        let mut batch = batch(&state, &number.to_string());
        batch.effects.leases.insert(7, Some(60));
        disk.write(&batch).unwrap();
        state.apply(&batch.effects, Instant::now());
    }
    let at = state.keyspace.revision() - 5;
    let compaction = Some(Compaction { at, obsolete: state.keyspace.obsolete(at) });
    disk.write(&Batch { revision: state.keyspace.revision(), compaction, ..Batch::default() }).unwrap();
    state.keyspace.compact(at);
    drop(disk);
    let (_disk, found, same) = open(&path).unwrap();
    assert_eq!(same, identity);
    assert_eq!(format!("{:?}", found.keyspace), format!("{:?}", state.keyspace));
    assert_eq!(found.leases.get(7).unwrap().ttl_s(), 60);
}

#[test]
fn a_file_that_is_in_use_is_refused_by_name() {
    let directory = ScratchDir::new().unwrap();
    let path = directory.path().join("store");
    let first = EmbeddedStore::open(&path, Options::default()).unwrap();
    let error = EmbeddedStore::open(&path, Options::default()).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error:?}");
    assert!(error.to_string().contains(&path.display().to_string()));
    drop(first);
    EmbeddedStore::open(&path, Options::default()).expect("the file is free again");
}

#[test]
fn a_file_of_a_later_release_is_refused() {
    let directory = ScratchDir::new().unwrap();
    let path = directory.path().join("store");
    drop(open(&path).unwrap());
    let database = Database::create(&path).unwrap();
    let txn = database.begin_write().unwrap();
    txn.open_table(META).unwrap().insert(META_FORMAT, FORMAT + 1).unwrap();
    txn.commit().unwrap();
    drop(database);
    let error = open(&path).unwrap_err();
    assert!(matches!(error, OpenError::TooNew { found: 2, known: 1, .. }), "{error:?}");
}

#[test]
fn a_file_that_is_no_store_is_refused() {
    let directory = ScratchDir::new().unwrap();
    let path = directory.path().join("store");
    std::fs::write(&path, vec![b'x'; 100_000]).unwrap();
    let error = open(&path).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    let error = open(directory.path()).unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error:?}");
}

/// Every write and fsync in turn finds the disk full. Afterwards [`Disk::recover`] tells the truth about the batch, as
/// the file says when it is read.
#[test]
fn after_a_failure_the_file_says_whether_the_batch_is_there() {
    let mut failures = 0;
    for fail_at in 1.. {
        let directory = ScratchDir::new().unwrap();
        let path = directory.path().join("store");
        let failing = Failing::new(&path);
        let (mut disk, mut state, _) = Disk::open(&path, failing.opener(), Instant::now()).unwrap();
        let before = batch(&state, "before");
        disk.write(&before).unwrap();
        state.apply(&before.effects, Instant::now());
        failing.fail_after(fail_at);
        let large = batch(&state, &"after".repeat(10_000));
        let Err(error) = disk.write(&large) else { break };
        assert!(error.is_full, "{error:?}");
        assert!(!disk.is_open());
        failures += 1;
        failing.heal();
        let written = disk.recover().unwrap();
        drop(disk);
        let (_, found, _) = open(&path).unwrap();
        let expected = if written { text_of(&large) } else { text_of(&before) };
        assert_eq!(text(&found, "a"), expected, "failure {fail_at}, written: {written}");
        assert_eq!(text(&found, "c"), expected, "half a batch after failure {fail_at}");
    }
    assert!(failures > 3, "only {failures} places to fail");
}

fn text_of(batch: &Batch) -> Option<String> {
    let (_, version) = batch.effects.versions.first()?;
    Some(String::from_utf8_lossy(&version.value).into_owned())
}

/// Somebody took the file away, or put another in its place, while the disk failed.
#[test]
fn another_file_in_the_place_of_the_store_is_not_written_to() {
    let directory = ScratchDir::new().unwrap();
    let path = directory.path().join("store");
    let failing = Failing::new(&path);
    let (mut disk, state, _) = Disk::open(&path, failing.opener(), Instant::now()).unwrap();
    let batch = batch(&state, "x");
    disk.write(&batch).unwrap();
    failing.fail_after(0);
    disk.write(&batch).unwrap_err();
    failing.heal();
    let kept = directory.path().join("kept");
    std::fs::rename(&path, &kept).unwrap();
    let gone = disk.recover().unwrap_err();
    assert!(!disk.is_open() && !path.exists(), "{gone:?}");
    let (mut other, _, _) = open(&path).unwrap();
    other.write(&batch).unwrap();
    drop(other);
    let foreign = disk.recover().unwrap_err();
    assert!(foreign.reason.contains("not the file it was"), "{foreign:?}");
    std::fs::rename(&kept, &path).unwrap();
    disk.recover().expect("the file is back");
    disk.write(&batch).expect("and takes writes");
}

/// A store on a disk that is full at any moment, and then has room again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_writes_loses_nothing_and_recovers() {
    for fail_at in [1, 2, 3, 5, 8] {
        let directory = ScratchDir::new().unwrap();
        let path = directory.path().join("store");
        let failing = Failing::new(&path);
        let store = EmbeddedStore::open_with(&path, failing.opener(), Options::default()).unwrap();
        let key =
            |number: u32| Key::new(TableName::new("row"), model::RowId::new(&number.to_string()).unwrap());
        let selector = Selector::tables([TableName::new("row")]);
        let start = store.snapshot(&selector).await.unwrap();
        let mut watch = store.watch(selector.clone(), start.revision);
        let mut acknowledged = Vec::new();
        for number in 0..10 {
            store.commit(Txn::new().put(key(number), "x")).await.unwrap();
            acknowledged.push(number);
        }
        failing.fail_after(fail_at);
        let mut refused = 0;
        for number in 10..30 {
            match store.commit(Txn::new().put(key(number), vec![b'x'; 20_000])).await {
                Ok(_) => acknowledged.push(number),
                Err(error) => {
                    assert!(
                        matches!(&error, nb::CommitError::Store(error) if error.is_transient()),
                        "{error}"
                    );
                    refused += 1;
                }
            }
        }
        assert!(refused > 10, "only {refused} commits were refused");
        assert_eq!(store.read(&[key(0)]).await.unwrap().iter().flatten().count(), 1, "reads go on");
        failing.heal();
        store.commit(Txn::new().put(key(99), "y")).await.expect("there is room again");
        acknowledged.push(99);
        let shown = store.snapshot(&selector).await.unwrap();
        let mut told = 0;
        while let Some(item) = watch.next().await {
            if let WatchItem::Batch { revision, changes } = item {
                told += changes.len();
                if revision == shown.revision {
                    break;
                }
            }
        }
        assert_eq!(told, shown.rows.len(), "a watch saw something else than readers");
        drop((watch, store));
        let store = EmbeddedStore::open(&path, Options::default()).unwrap();
        let kept = store.snapshot(&selector).await.unwrap();
        assert_eq!(kept.rows.len(), shown.rows.len(), "readers saw what is not on the disk, or the reverse");
        for number in acknowledged {
            assert!(
                kept.rows.iter().any(|row| row.key == key(number)),
                "{number} was acknowledged and is gone"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The power is cut at a random moment: what was synced is there, of the rest any part may be.
    #[test]
    fn after_a_power_cut_all_that_was_acknowledged_is_there(cut in 0.0..1.0_f64, survivors in any::<u64>()) {
        let power = PowerCut::new();
        let path = Path::new("memory");
        let (mut disk, mut state, _) = Disk::open(path, power.opener(), Instant::now()).unwrap();
        let mut acknowledged = Vec::new();
        for number in 0..12 {
            let batch = batch(&state, &format!("{number}").repeat(1 + number * 300));
            disk.write(&batch).unwrap();
            state.apply(&batch.effects, Instant::now());
            acknowledged.push((power.moment(), text_of(&batch)));
        }
        let (first, last) = (acknowledged[0].0, power.moment());
        let moment = first + scale(last - first, cut);
        drop(disk);
        let after = power.after_cut(moment, survivors);
        let (_, found, _) = Disk::open(path, after.opener(), Instant::now()).unwrap();
        let known = acknowledged.partition_point(|(at, _)| *at <= moment);
        let at_least = &acknowledged[known - 1].1;
        let at_most = acknowledged.get(known).map(|(_, text)| text);
        let seen = text(&found, "a");
        prop_assert!(&seen == at_least || Some(&seen) == at_most, "another state came back");
        prop_assert_eq!(&seen, &text(&found, "c"), "half a batch came back");
    }

    /// A byte of the file is another: the file is refused, or the byte did not matter.
    #[test]
    fn a_flipped_byte_is_noticed(place in 0.0..1.0_f64, mask in 1..=255_u8) {
        let (bytes, state) = healthy_file();
        let directory = ScratchDir::new().unwrap();
        let path = directory.path().join("store");
        let mut bytes = bytes.clone();
        let place = scale(bytes.len() - 1, place);
        bytes[place] ^= mask;
        std::fs::write(&path, &bytes).unwrap();
        match open(&path) {
            Ok((_, found, _)) => prop_assert_eq!(&format!("{:?}", found.keyspace), state, "byte {}", place),
            Err(error) => prop_assert!(matches!(error, OpenError::Damaged { .. } | OpenError::Io { .. }), "{:?}", error),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share"
)]
fn scale(length: usize, share: f64) -> usize {
    (length as f64 * share) as usize
}

/// A file with a few hundred versions, and what it says.
fn healthy_file() -> &'static (Vec<u8>, String) {
    static FILE: std::sync::OnceLock<(Vec<u8>, String)> = std::sync::OnceLock::new();
    FILE.get_or_init(|| {
        let directory = ScratchDir::new().unwrap();
        let path = directory.path().join("store");
        let (mut disk, mut state, _) = open(&path).unwrap();
        for number in 0..100 {
            let batch = batch(&state, &number.to_string().repeat(100));
            disk.write(&batch).unwrap();
            state.apply(&batch.effects, Instant::now());
        }
        drop(disk);
        (std::fs::read(&path).unwrap(), format!("{:?}", state.keyspace))
    })
}

#[test]
fn failing_files_are_shared_by_their_handles() {
    let directory = ScratchDir::new().unwrap();
    let failing = Failing::new(&directory.path().join("store"));
    let opener: Opener = failing.opener();
    drop(Arc::clone(&opener)(Missing::Make).unwrap());
    failing.fail_after(0);
    assert!(opener(Missing::Make).is_err());
}
