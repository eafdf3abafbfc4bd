//! What the in-memory server refuses, and what it keeps, where careless clients differ from careful ones: each
//! transaction is sent to the real ovsdb-server as well, by the same client of Open vSwitch, and that is right.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test ends, and says why, when something is wrong"
)]

mod common;

use common::{Server, run, scratch, text};
use ovsdb::address::Address;
use ovsdb::client::Listener;
use ovsdb::testserver::TestServer;
use serde_json::{Value, json};

fn schema() -> Value {
    let references =
        |table: &str| json!({"key": {"type": "uuid", "refTable": table}, "min": 0, "max": "unlimited"});
    json!({"name": "strict", "version": "1.0.0", "tables": {
        "root": {"isRoot": true, "maxRows": 3, "indexes": [["number"]], "columns": {
            "number": {"type": {"key": {"type": "integer", "minInteger": 1}}},
            "born": {"type": "string", "mutable": false},
            "real": {"type": {"key": "real", "min": 0}},
            "few": {"type": {"key": "integer", "min": 0, "max": 2}},
            "ids": {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}},
            "leaves": {"type": references("leaf")},
        }},
        "leaf": {"columns": {"name": {"type": "string"}, "others": {"type": references("leaf")}}},
    }})
}

/// Results without what the servers choose or word freely.
fn comparable(value: &Value) -> Value {
    match value {
        Value::Object(members) if members.get("error").is_some_and(Value::is_string) => {
            json!({ "error": members.get("error") })
        }
        Value::Object(members) if members.contains_key("uuid") => json!("inserted"),
        Value::Object(members) => members.iter().map(|(name, one)| (name.clone(), comparable(one))).collect(),
        Value::Array(elements) => {
            let mut elements: Vec<Value> = elements.iter().map(comparable).collect();
            if elements.iter().all(Value::is_object) && elements.iter().all(|one| one.get("error").is_none())
            {
                elements.sort_by_key(Value::to_string);
            }
            Value::Array(elements)
        }
        other => other.clone(),
    }
}

/// Each is a transaction; they build on each other.
fn transactions() -> Vec<Vec<Value>> {
    let insert = |row: Value| json!({"op": "insert", "table": "root", "row": row});
    let select = |condition: Value| json!({"op": "select", "table": "root", "where": [condition], "columns": ["number"]});
    let mutate =
        |mutation: Value| json!({"op": "mutate", "table": "root", "where": [], "mutations": [mutation]});
    let leaf = |name: &str, other: &str| {
        let others = json!(["set", [["named-uuid", other]]]);
        json!({"op": "insert", "table": "leaf", "uuid-name": name, "row": {"name": name, "others": others}})
    };
    let leaves = json!({"op": "select", "table": "leaf", "where": [], "columns": ["name"]});
    let wait = |until: &str, columns: Value, rows: Value| json!({"op": "wait", "table": "root", "where": [], "until": until, "columns": columns, "rows": rows, "timeout": 0});
    let same = "12345678-1234-4234-8234-123456789abc";
    let chosen =
        |number: u8| json!({"op": "insert", "table": "root", "uuid": same, "row": {"number": number}});
    vec![
        vec![insert(json!({}))],
        vec![insert(json!({"number": 1, "born": "x", "few": ["set", [1, 2]]}))],
        vec![insert(json!({"number": 2e0, "real": 5}))],
        vec![insert(json!({"number": 2.5}))],
        vec![insert(json!({"number": 7, "few": ["set", [1, 1]]}))],
        vec![insert(json!({"nonsense": 1}))],
        vec![chosen(4)],
        vec![chosen(5)],
        vec![insert(json!({"number": 6}))],
        vec![json!({"op": "insert", "table": "leaf", "row": {}, "uuid-name": "0"})],
        vec![leaf("a", "a"), leaf("a", "a")],
        vec![select(json!(["born", "<", "y"]))],
        vec![select(json!(["number", "<", ["set", []]]))],
        vec![select(json!(["number", "includes", ["set", []]]))],
        vec![select(json!(["few", "includes", ["set", [1, 2, 3]]]))],
        vec![select(json!(["few", "excludes", ["set", [2, 3, 4]]]))],
        vec![select(json!(["few", "==", ["set", []]]))],
        vec![select(json!(["real", ">=", 5]))],
        vec![select(json!(["real", "!=", ["set", []]]))],
        vec![select(json!(["number", "~", 1]))],
        vec![select(json!(true))],
        vec![select(json!(false))],
        vec![mutate(json!(["born", "insert", "x"]))],
        vec![mutate(json!(["number", "insert", 1]))],
        vec![mutate(json!(["number", "^=", 1]))],
        vec![mutate(json!(["real", "%=", 2]))],
        vec![mutate(json!(["number", "/=", 0]))],
        vec![mutate(json!(["number", "*=", 4_611_686_018_427_387_904_i64]))],
        vec![mutate(json!(["few", "insert", ["set", [1, 2, 3]]]))],
        vec![mutate(json!(["few", "*=", 0]))],
        vec![mutate(json!(["few", "+=", 1])), select(json!(["few", "includes", 3]))],
        vec![mutate(json!(["ids", "delete", "no such key"]))],
        vec![wait("==", json!(["born"]), json!([{"born": "x"}, {}]))],
        vec![wait("==", json!(["born"]), json!([{"born": "x"}]))],
        vec![wait("!=", json!(["nonsense"]), json!([]))],
        vec![json!({"op": "select", "table": "root", "where": [], "columns": ["nonsense"]})],
        // Rows that refer to each other keep each other; one that refers to itself does not stay.
        vec![leaf("self", "self"), leaf("one", "two"), leaf("two", "one")],
        vec![leaves.clone()],
        vec![json!({"op": "insert", "table": "leaf", "row": {"others": ["set", [["uuid", same]]]}})],
        vec![leaf("lost", "nowhere")],
        vec![
            json!({"op": "update", "table": "leaf", "where": [["name", "==", "one"]], "row": {"others": ["set", []]}}),
        ],
        vec![leaves],
        vec![json!({"op": "update", "table": "root", "where": [], "row": {"born": "y"}})],
        vec![json!({"op": "nonsense"})],
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_in_memory_server_is_as_strict_as_the_real_one() {
    let dir = scratch();
    let file = dir.path().join("strict.ovsschema");
    std::fs::write(&file, schema().to_string()).unwrap();
    let memory = dir.path().join("memory.sock");
    let listener = Listener::bind(&Address::ListenUnix(memory.clone()), None).await.unwrap();
    let server = TestServer::new(&schema().to_string()).unwrap();
    let _serving = server.listen(listener);
    let real = Server::with_schema(dir, &file, &[]);

    let mut errors = 0;
    for operations in transactions() {
        let request = Value::Array([json!("strict")].into_iter().chain(operations).collect()).to_string();
        let ask = |socket: &std::path::Path| {
            let reply = run("ovsdb-client", &["transact", &format!("unix:{}", text(socket)), &request]);
            comparable(&serde_json::from_str(&reply).unwrap())
        };
        let expected = ask(&real.socket());
        assert_eq!(ask(&memory), expected, "{request}");
        errors += usize::from(expected.to_string().contains("error"));
    }
    assert!(errors > 15, "only {errors} transactions were refused");
}
