use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

type Rows = BTreeMap<Bytes, Bytes>;

/// What a random history does.
#[derive(Debug, Clone)]
enum Step {
    /// One revision: rows that are written, and rows that are deleted (without a text).
    Change(BTreeMap<u8, Option<u8>>),
    /// Forget what is older than so many revisions.
    Compact(i64),
}

fn any_step() -> impl Strategy<Value = Step> {
    let changes =
        proptest::collection::btree_map(0..6_u8, proptest::option::weighted(0.7, any::<u8>()), 1..4);
    prop_oneof![8 => changes.prop_map(Step::Change), 1 => (0..6_i64).prop_map(Step::Compact)]
}

fn key(number: u8) -> Bytes {
    Bytes::from(format!("/{number}"))
}

fn text(number: u8) -> Bytes {
    Bytes::from(vec![number; usize::from(number % 7)])
}

fn everything() -> KeyRange {
    KeyRange::From(Bytes::from_static(&[0]))
}

/// The slowest store there is: all rows of all revisions.
#[derive(Debug)]
struct Naive {
    states: BTreeMap<i64, Rows>,
    events: BTreeMap<i64, Vec<(Bytes, Option<Bytes>)>>,
    compacted: i64,
}

impl Naive {
    fn new() -> Self {
        Self { states: [(FIRST_REVISION, Rows::new())].into(), events: BTreeMap::new(), compacted: NEVER }
    }

    fn revision(&self) -> i64 {
        *self.states.keys().last().unwrap()
    }
}

fn change(naive: &mut Naive, keyspace: &mut Keyspace, changes: &BTreeMap<u8, Option<u8>>) {
    let mut rows = naive.states[&naive.revision()].clone();
    let revision = naive.revision() + 1;
    let mut events = Vec::new();
    for (number, written) in changes {
        let (key, value) = (key(*number), written.map(text));
        let before = visible(keyspace.versions(&key), NOW);
        let sub = u32::try_from(events.len()).unwrap();
        let version = match &value {
            Some(value) => {
                let (created, count) = before.map_or((revision, 0), |before| (before.created, before.count));
                Version { revision, sub, created, count: count + 1, lease: 0, value: value.clone() }
            }
            None if before.is_none() => continue,
            None => Version::deleted(revision, sub),
        };
        keyspace.push(key.clone(), version);
        match &value {
            Some(value) => rows.insert(key.clone(), value.clone()),
            None => rows.remove(&key),
        };
        events.push((key, value));
    }
    if !events.is_empty() {
        naive.states.insert(revision, rows);
        naive.events.insert(revision, events);
    }
}

fn check_states(naive: &Naive, keyspace: &Keyspace) {
    for (revision, rows) in naive.states.iter().filter(|(revision, _)| **revision >= naive.compacted) {
        let found: Rows = keyspace
            .rows(&everything())
            .filter_map(|(key, versions)| Some((key.clone(), visible(versions, *revision)?.value.clone())))
            .collect();
        assert_eq!(&found, rows, "at revision {revision}");
    }
}

/// Watches from each revision see what happened since, however small the batches are.
fn check_watches(naive: &Naive, keyspace: &Keyspace, bytes_max: usize) {
    for from in naive.states.keys().copied() {
        let found = keyspace.changes(&everything(), from, bytes_max);
        if from < naive.compacted {
            assert_eq!(found, Err(Compacted(naive.compacted)));
            continue;
        }
        let (mut next, mut seen) = (from, Vec::new());
        while next <= naive.revision() {
            let batch = keyspace.changes(&everything(), next, bytes_max).unwrap();
            assert!(batch.complete_to >= next, "a watch does not get on");
            next = batch.complete_to + 1;
            for Change { key, version, before } in batch.changes {
                assert!(version.revision < next, "a revision was split");
                if version.revision > naive.compacted.max(FIRST_REVISION) {
                    let state = &naive.states[&(version.revision - 1)];
                    assert_eq!(before.map(|before| before.value), state.get(&key).cloned());
                }
                seen.push((version.revision, key, (!version.is_deleted()).then_some(version.value)));
            }
        }
        let expected = naive.events.range(from..).flat_map(|(revision, events)| {
            events.iter().map(|(key, value)| (*revision, key.clone(), value.clone()))
        });
        assert_eq!(seen, expected.collect::<Vec<_>>(), "from revision {from}");
    }
}

/// What is counted is what is there, and nothing is kept that nobody can see.
fn check_costs(naive: &Naive, keyspace: &Keyspace) {
    let all = || {
        keyspace.rows.iter().flat_map(|(key, versions)| versions.iter().map(move |version| (key, version)))
    };
    let bytes: usize = all().map(|(key, version)| version.bytes(key)).sum();
    assert_eq!(keyspace.bytes, bytes);
    let live: usize =
        keyspace.rows.iter().filter_map(|(key, versions)| Some(visible(versions, NOW)?.bytes(key))).sum();
    assert_eq!(keyspace.superseded_bytes, bytes - live);
    let (revision, compacted) = (naive.revision(), naive.compacted);
    for (key, versions) in &keyspace.rows {
        for (version, next) in versions.iter().zip(versions.iter().skip(1)) {
            assert!(next.revision > compacted, "{key:?}: nobody can see {version:?}");
        }
        let last = versions.last().unwrap();
        assert!(!last.is_deleted() || last.revision >= compacted, "{key:?} is gone at {revision}");
    }
    assert!(keyspace.log.iter().all(|(revision, _)| *revision >= compacted));
}

proptest! {
    #[test]
    fn all_states_that_are_not_forgotten_can_be_read_and_watched(
        steps in proptest::collection::vec(any_step(), 1..60),
        bytes_max in 1..2000_usize,
    ) {
        let (mut naive, mut keyspace) = (Naive::new(), Keyspace::new());
        for step in &steps {
            match step {
                Step::Change(changes) => change(&mut naive, &mut keyspace, changes),
                Step::Compact(back) => {
                    let at = naive.revision() - back;
                    if at <= naive.compacted || at < FIRST_REVISION {
                        continue;
                    }
                    let before: BTreeSet<_> = places(&keyspace);
                    let obsolete: BTreeSet<_> = keyspace.obsolete(at).into_iter().collect();
                    keyspace.compact(at);
                    naive.compacted = at;
                    let after = places(&keyspace);
                    prop_assert_eq!(&before - &after, obsolete);
                }
            }
            prop_assert_eq!(keyspace.revision(), naive.revision());
            check_states(&naive, &keyspace);
            check_costs(&naive, &keyspace);
        }
        check_watches(&naive, &keyspace, bytes_max);
    }
}

fn places(keyspace: &Keyspace) -> BTreeSet<Obsolete> {
    let versions = keyspace.rows.values().flatten();
    versions.map(|version| (version.revision, version.sub)).collect()
}

fn overwritten(times: u8) -> (Naive, Keyspace) {
    let (mut naive, mut keyspace) = (Naive::new(), Keyspace::new());
    for number in 0..times {
        change(&mut naive, &mut keyspace, &[(0, Some(number))].into());
    }
    (naive, keyspace)
}

#[test]
fn history_that_is_too_long_is_compacted_with_room_to_spare() {
    let (_, mut keyspace) = overwritten(100);
    assert_eq!(keyspace.excess(100, usize::MAX), None);
    let at = keyspace.excess(80, usize::MAX).unwrap();
    keyspace.compact(at);
    assert_eq!(keyspace.history_revisions(), 60);
    assert_eq!(keyspace.excess(80, usize::MAX), None);
}

#[test]
fn history_that_is_too_large_is_compacted_with_room_to_spare() {
    let (_, mut keyspace) = overwritten(100);
    let bytes = keyspace.superseded_bytes;
    assert_eq!(keyspace.excess(1000, bytes), None);
    let at = keyspace.excess(1000, bytes / 2).unwrap();
    keyspace.compact(at);
    assert!(
        keyspace.superseded_bytes <= bytes / 2,
        "{} of {bytes} bytes are left",
        keyspace.superseded_bytes
    );
    assert!(
        keyspace.superseded_bytes >= bytes / 4,
        "{} of {bytes} bytes are left",
        keyspace.superseded_bytes
    );
}

#[test]
fn a_deletion_can_be_watched_from_its_own_revision_after_compaction() {
    let (mut naive, mut keyspace) = overwritten(3);
    change(&mut naive, &mut keyspace, &[(0, None)].into());
    let at = keyspace.revision();
    keyspace.compact(at);
    let seen = keyspace.changes(&everything(), at, usize::MAX).unwrap();
    assert!(matches!(&seen.changes[..], [Change { version, .. }] if version.is_deleted()), "{seen:?}");
    change(&mut naive, &mut keyspace, &[(1, Some(1))].into());
    keyspace.compact(at + 1);
    assert_eq!(keyspace.rows.len(), 1, "a deleted row is kept for ever");
}
