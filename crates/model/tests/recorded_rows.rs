//! Every row that the original wrote, in every store, is read and written back as it was.

mod common;

use std::collections::BTreeSet;

use common::{dump, lines};
use model::{Layout, Named, Object, Table};
use serde_json::Value;

const STORES: [&str; 5] = ["redis-single", "redis-cluster", "zmq", "etcd", "zookeeper"];
const STAGES: [&str; 3] = ["create", "update", "delete"];

/// Python 2.7 wrote these: their members are in no order.
const UNORDERED: [&str; 2] = ["zookeeper", "redis-single-py27"];

fn recordings() -> impl Iterator<Item = String> {
    let stages = |store: &'static str| STAGES.iter().map(move |stage| format!("{store}-db-{stage}.jsonl"));
    STORES.into_iter().flat_map(stages).chain(["redis-single-py27-db-create.jsonl".to_owned()])
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("rows are JSON")
}

/// Whether the text says more than one DHCP option: we sort them, Python does not.
fn has_several_options(row: &Value) -> bool {
    row["dhcp_params"]["opts"].as_object().is_some_and(|options| options.len() > 1)
}

#[test]
fn every_row_comes_back() {
    let mut tables = BTreeSet::new();
    let mut letter_by_letter = 0;
    for recording in recordings() {
        let Some(dump) = dump(&recording) else { return };
        for (key, text) in &dump.entries {
            let named =
                dump.layout.parse(key).unwrap_or_else(|| panic!("{recording}: {key} is not understood"));
            let Named::Row { table, .. } = named else { continue };
            let object =
                Object::from_text(table, text).unwrap_or_else(|error| panic!("{recording}: {error}"));
            assert_eq!(object.to_value(), json(text), "{recording}: {key}");
            if UNORDERED.iter().all(|name| !recording.starts_with(name)) && !has_several_options(&json(text))
            {
                assert_eq!(object.to_text(), *text, "{recording}: {key}");
                letter_by_letter += 1;
            }
            tables.insert(table);
        }
    }
    let original: BTreeSet<Table> = Table::ALL.iter().copied().filter(|table| table.is_original()).collect();
    assert_eq!(tables, original, "the recordings hold rows of every table");
    assert!(letter_by_letter > 400, "only {letter_by_letter} rows were compared letter by letter");
}

#[test]
fn every_key_is_built_as_the_original_built_it() {
    for recording in recordings() {
        let Some(dump) = dump(&recording) else { return };
        let mut counters = BTreeSet::new();
        for (key, value) in &dump.entries {
            match dump.layout.parse(key) {
                Some(Named::Row { table, id, topic }) => {
                    let object = Object::from_text(table, value).unwrap();
                    assert_eq!(dump.layout.object_key(&object).unwrap(), *key);
                    assert_eq!(object.id(), &id);
                    let in_key = topic.filter(|topic| !topic.is_empty());
                    let in_row = object.topic().filter(|topic| !topic.is_empty());
                    assert_eq!(in_key, in_row.filter(|_| dump.layout == Layout::Redis));
                }
                Some(Named::Counter(table)) => {
                    assert_eq!(dump.layout.counter_key(table), *key);
                    assert!(value.parse::<u32>().is_ok(), "{key} holds {value}");
                    counters.insert(table);
                }
                None => panic!("{recording}: {key} is not understood"),
            }
        }
        let keyed: BTreeSet<Table> =
            Table::ALL.iter().copied().filter(|table| table.has_unique_key()).collect();
        assert_eq!(counters, keyed, "{recording}: each table with a counter has given a number");
    }
}

/// What its API gave back, and what it made of Neutron's objects, including parts of rows.
#[test]
fn what_the_original_read_and_translated_is_read() {
    let mut rows = 0;
    for recording in ["redis-single-readback.jsonl", "neutron-to-nb.jsonl"] {
        let Some(lines) = lines(recording) else { return };
        for line in lines {
            let (Some(class), Some(text)) = (line["model"].as_str(), line["json"].as_str()) else { continue };
            let part_of = |class| match class {
                "SecurityGroupRule" => Some((Table::SecurityGroup, "rules")),
                "LogicalRouterPort" => Some((Table::LogicalRouter, "ports")),
                _ => None,
            };
            let (table, row) = match part_of(class) {
                Some((table, member)) => {
                    let around =
                        serde_json::json!({"id": "x", "topic": "", "unique_key": 1, member: [json(text)]});
                    let object = Object::from_value(table, &around).unwrap();
                    assert_eq!(object.to_value()[member][0], json(text));
                    rows += 1;
                    continue;
                }
                None => (Table::ALL.iter().find(|table| table.class() == class).expect(class), json(text)),
            };
            let object = Object::from_value(*table, &row).unwrap();
            assert_eq!(object.to_value(), row, "{recording}");
            rows += 1;
        }
    }
    assert!(rows > 55, "only {rows} rows");
}

/// The dump of its command line tool: all tables in one JSON object.
#[test]
fn the_dump_of_its_tool_is_read() {
    let Some(path) = testkit::shared_fixture("fixtures/dragonflow/df-db-dump.json") else { return };
    let dump = json(&std::fs::read_to_string(path).unwrap());
    let mut rows = 0;
    for (name, content) in dump.as_object().unwrap() {
        let Some(table) = Table::from_name(name) else {
            assert_eq!(name, "unique_key");
            continue;
        };
        for row in content.as_array().unwrap() {
            assert_eq!(Object::from_value(table, row).unwrap().to_value(), *row);
            rows += 1;
        }
    }
    assert!(rows > 30, "only {rows} rows");
}
