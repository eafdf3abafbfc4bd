//! The operations of the recordings, carried out by our rules, leave what the original left in each kind of store,
//! stage by stage: rows, versions, unique keys, ids, counters and keys.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;

use common::{Dump, dump, lines};
use model::{
    AllowedAddressPairsActivePort, ChildPortSegmentation, Creation, Id, Layout, Named, Object, Patch,
    Publisher, RowId, Service, Table, Timestamp, UniqueKey,
};
use serde_json::{Map, Value};

/// A northbound database that has only our rules.
#[derive(Default)]
struct Database {
    rows: BTreeMap<(Table, RowId), Object>,
    counters: BTreeMap<Table, u32>,
    writes: usize,
}

impl Database {
    fn create(&mut self, table: Table, members: &Map<String, Value>, now: &Timestamp) {
        let mut members = members.clone();
        if table.has_unique_key() {
            // What the recording has is the number that the original allocated; ours must be the same.
            members.insert("unique_key".to_owned(), 999.into());
        }
        let mut object = Object::from_value(table, &Value::Object(members)).unwrap();
        let unique_key = table.has_unique_key().then(|| {
            let counter = self.counters.entry(table).or_default();
            *counter += 1;
            UniqueKey::new(*counter).unwrap()
        });
        object.on_create(&Creation { unique_key, now: now.clone() }).unwrap();
        self.store(object);
    }

    fn update(
        &mut self,
        table: Table,
        members: &Map<String, Value>,
        now: &Timestamp,
    ) -> Result<(), &'static str> {
        let patch = Patch::new(table, members.clone()).unwrap();
        let id = RowId::new(members["id"].as_str().unwrap()).unwrap();
        let stored = self.rows.get(&(table, id)).ok_or("DBKeyNotFound")?;
        if let Some(changed) = stored.patched(&patch, now).unwrap() {
            assert!(changed.supersedes(stored));
            assert!(!stored.supersedes(stored));
            if table.is_versioned() {
                assert!(!stored.supersedes(&changed), "news that come twice or late are stale");
            }
            self.store(changed);
        }
        Ok(())
    }

    fn store(&mut self, object: Object) {
        self.rows.insert((object.table(), object.id().clone()), object);
        self.writes += 1;
    }

    /// What a store of this kind would hold.
    fn entries(&self, layout: Layout) -> BTreeMap<String, Value> {
        let rows = self.rows.values().map(|row| (layout.object_key(row).unwrap(), row.to_value()));
        let counters = self.counters.iter().map(|(table, last)| (layout.counter_key(*table), (*last).into()));
        rows.chain(counters).collect()
    }
}

/// The number that ours is computed as, where ids are computed.
fn computed_id(table: Table, members: &Map<String, Value>) -> Option<String> {
    let text = |name: &str| members[name].as_str().unwrap();
    match table {
        Table::Service => Some(Service::id_of(&text("chassis").parse().unwrap(), text("binary")).to_string()),
        Table::ChildPortSegmentation => {
            let (parent, port) = (text("parent").parse().unwrap(), text("port").parse().unwrap());
            Some(ChildPortSegmentation::id_of(&parent, &port).to_string())
        }
        Table::AllowedAddressPairsActivePort => {
            let (network, ip) = (text("network").parse().unwrap(), text("ip").parse().unwrap());
            Some(AllowedAddressPairsActivePort::id_of(&network, ip).to_string())
        }
        _ => None,
    }
}

/// The time of a stage, which only listeners note.
fn time_of(dump: &Dump) -> Timestamp {
    let listener = dump
        .entries
        .iter()
        .find(|(key, _)| matches!(dump.layout.parse(key), Some(Named::Row { table: Table::Listener, .. })));
    let row: Value = serde_json::from_str(listener.unwrap().1).unwrap();
    Timestamp::from_seconds(row["timestamp"].as_f64().unwrap()).unwrap()
}

/// What the store holds, without the rows of the daemons that ran beside the operations.
fn recorded(dump: &Dump, of_daemons: &[RowId]) -> BTreeMap<String, Value> {
    let operated = dump.entries.iter().filter(|(key, _)| match dump.layout.parse(key) {
        Some(Named::Row { id, .. }) => !of_daemons.contains(&id),
        _ => true,
    });
    operated.map(|(key, text)| (key.clone(), serde_json::from_str(text).unwrap())).collect()
}

fn replay(store: &str, operations: &str, of_daemons: &[RowId]) {
    let Some(operations) = lines(operations) else { return };
    let mut database = Database::default();
    let mut unchanged = 0;
    for stage in ["create", "update", "delete"] {
        let Some(dump) = dump(&format!("{store}-db-{stage}.jsonl")) else { return };
        let now = time_of(&dump);
        for operation in operations.iter().filter(|operation| operation["op"] == stage) {
            let table = Table::from_name(operation["table"].as_str().unwrap()).unwrap();
            assert_eq!(operation["model"], table.class());
            let id = operation["id"].as_str().unwrap();
            let members: Map<String, Value> =
                operation["json"].as_str().map_or_else(Map::new, |text| serde_json::from_str(text).unwrap());
            let writes = database.writes;
            let done = match stage {
                "create" => {
                    assert_eq!(computed_id(table, &members).as_deref().unwrap_or(id), id);
                    database.create(table, &members, &now);
                    Ok(())
                }
                "update" => database.update(table, &members, &now),
                _ => {
                    database.rows.remove(&(table, id.parse().unwrap()));
                    continue;
                }
            };
            let error = operation["error"].as_str().map(|error| error.split(':').next().unwrap());
            assert_eq!(done.err(), error, "{operation}");
            unchanged += usize::from(error.is_none() && database.writes == writes);
        }
        assert_eq!(database.entries(dump.layout), recorded(&dump, of_daemons), "{store} after {stage}");
    }
    assert_eq!(unchanged, 1, "one update changes nothing and is not written");
}

#[test]
fn redis() {
    replay("redis-single", "redis-single-ops.jsonl", &[]);
    replay("redis-cluster", "redis-cluster-ops.jsonl", &[]);
}

#[test]
fn redis_beside_a_publisher() {
    let publisher = Publisher::id_of("MainProcess", "localhost");
    let host = Id::new("host-a").unwrap();
    let service = Service::id_of(&host, "df-publisher-service");
    replay("zmq", "zmq-ops.jsonl", &[publisher.row().clone(), service.row().clone()]);
}

#[test]
fn etcd() {
    replay("etcd", "etcd-ops.jsonl", &[]);
}

#[test]
fn zookeeper() {
    replay("zookeeper", "zookeeper-ops.jsonl", &[]);
}
