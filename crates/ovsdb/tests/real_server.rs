//! Against the ovsdb-server of the installed Open vSwitch: following, transacting, and coming back.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test ends, and says why, when something is wrong"
)]

mod common;

use std::time::Duration;

use common::{
    DEADLINE, Follower, Server, add_port, create_bridge, fresh_read, interface, remove_port, scratch,
    tag_interface, typed,
};
use ovsdb::address::Address;
use ovsdb::client::{ConnectionState, NotSent, TransactError};
use ovsdb::row::{BatchKind, TypedChange};
use ovsdb::session::MonitorMethod;
use ovsdb::transaction::{Function, Mutations, Rows, Transaction, Until, Values};
use ovsdb::vswitch::{Bridge, Interface, OpenvSwitch, Port};

async fn server_with_bridge() -> (Server, Follower) {
    let server = Server::standalone(&[]);
    let mut follower = Follower::dial(vec![server.address()]);
    assert_eq!(follower.next().await.kind, BatchKind::Initial);
    follower.transact(create_bridge("br-int")).await;
    follower.until("the bridge", |rows| typed::<Bridge>(rows).len() == 1).await;
    (server, follower)
}

fn changed_names(batch: &ovsdb::row::Batch) -> Vec<String> {
    let name = |change| match change {
        TypedChange::Inserted(row) | TypedChange::Deleted(row) => row,
        TypedChange::Modified { new, .. } => new,
    };
    batch.of::<Interface>().map(|(_, change)| name(change).name).collect()
}

#[tokio::test]
async fn a_transaction_comes_back_as_typed_changes() {
    let (_server, mut follower) = server_with_bridge().await;
    let outcome = follower.transact(add_port("br-int", "vif1")).await;
    assert_eq!(outcome.results().len(), 3);
    follower.until("the port", |rows| interface(rows, "vif1").is_some()).await;
    let (port, row) = typed::<Port>(&follower.rows).remove(0);
    assert_eq!(row.interfaces.len(), 1);
    assert_eq!(typed::<Bridge>(&follower.rows)[0].1.ports, [port].into());

    follower.transact(tag_interface("vif1", "iface-id", "p1")).await;
    let batch = follower.next().await;
    let changes: Vec<_> = batch.of::<Interface>().map(|(_, change)| change).collect();
    let [TypedChange::Modified { old, new }] = changes.as_slice() else { panic!("{changes:?}") };
    assert!(old.external_ids.is_empty());
    assert_eq!(new.external_ids["iface-id"], "p1");

    follower.transact(remove_port("br-int", port)).await;
    let batch = follower.next().await;
    assert!(matches!(batch.of::<Port>().next(), Some((_, TypedChange::Deleted(_)))));
    assert!(matches!(batch.of::<Interface>().next(), Some((_, TypedChange::Deleted(_)))));
}

#[tokio::test]
async fn operations_do_what_they_say() {
    let (_server, follower) = server_with_bridge().await;
    follower.transact(add_port("br-int", "vif1")).await;
    let vif1 = Rows::matching(&Interface::NAME, &"vif1".to_owned());

    let mut transaction = Transaction::new();
    let values = Values::new().set(&Interface::OFPORT, Some(7)).set(
        &Interface::EXTERNAL_IDS,
        [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())].into(),
    );
    let updated = transaction.update(&vif1, &values);
    let mutations = Mutations::new()
        .delete_keys(&Interface::EXTERNAL_IDS, ["a".to_owned()])
        .put(&Interface::EXTERNAL_IDS, &[("b".to_owned(), "3".to_owned())].into())
        .add(&Interface::INGRESS_POLICING_RATE, 42);
    let mutated = transaction.mutate(&vif1, &mutations);
    let unmatched = transaction.delete(&vif1.clone().and(&Interface::OFPORT, Function::Equals, &Some(8)));
    let selected = transaction.select(&vif1, &["name", "external_ids", "ofport", "ingress_policing_rate"]);
    transaction.comment("a note for the log");
    transaction.commit_durably();
    let outcome = follower.transact(transaction).await;
    assert_eq!(
        [updated, mutated, unmatched].map(|operation| outcome.count(operation)),
        [Some(1), Some(1), Some(0)]
    );
    let rows = outcome.rows::<Interface>(selected).unwrap();
    let expected = Interface {
        name: "vif1".into(),
        external_ids: [("b".to_owned(), "3".to_owned())].into(),
        ofport: Some(7),
        ingress_policing_rate: 42,
        ..Interface::default()
    };
    assert_eq!(rows.iter().map(|(_, row)| row).collect::<Vec<_>>(), [&expected]);

    let mut whole_model = Transaction::new();
    let selected = whole_model.select(&Rows::<Interface>::all(), &[]);
    let outcome = follower.transact(whole_model).await;
    assert_eq!(outcome.rows::<Interface>(selected).unwrap()[0].1.ofport, Some(7));
}

#[tokio::test]
async fn errors_name_the_operation() {
    let (server, follower) = server_with_bridge().await;
    let fail = async |transaction: Transaction| match follower.client.transact(transaction, DEADLINE).await {
        Err(TransactError::Failed(error)) => error,
        other => panic!("{other:?}"),
    };

    let mut stale = Transaction::new();
    let bridge = Rows::matching(&Bridge::NAME, &"br-int".to_owned());
    let expected = Values::new().set(&Bridge::FAIL_MODE, Some("secure".to_owned()));
    stale.comment("first");
    stale.wait(&bridge, Until::Equal, std::slice::from_ref(&expected), 0);
    stale.update(&bridge, &Values::new().set(&Bridge::STP_ENABLE, true));
    let error = fail(stale).await;
    assert!(error.is_conflict(), "{error}");
    assert!(error.to_string().starts_with("wait of Bridge (operation 1) failed: timed out"), "{error}");

    let mut wrong = Transaction::new();
    wrong.update(&bridge, &Values::new().set(&Bridge::FAIL_MODE, Some("sideways".to_owned())));
    let error = fail(wrong).await;
    assert_eq!(error.code(), "constraint violation", "{error}");

    let mut duplicate = Transaction::new();
    let second = duplicate.insert(&Values::new().set(&Bridge::NAME, "br-int".to_owned()));
    duplicate.mutate(&Rows::all(), &Mutations::new().insert_references(&OpenvSwitch::BRIDGES, [second]));
    let error = fail(duplicate).await;
    assert!(error.to_string().starts_with("commit failed: constraint violation"), "{error}");

    let mut aborted = Transaction::new();
    aborted.abort();
    assert_eq!(fail(aborted).await.code(), "aborted");

    let mut unlocked = Transaction::new();
    unlocked.assert("somebody_elses");
    assert_eq!(fail(unlocked).await.code(), "not owner");
    assert_eq!(typed::<Bridge>(&fresh_read(server.address()).await).len(), 1);
}

/// A raft database keeps a history of transactions, so the server sends what was missed and nothing else.
#[tokio::test]
async fn after_a_lost_connection_a_clustered_server_resumes() {
    lost_connection(Server::clustered(), BatchKind::Resumed).await;
}

/// A standalone ovsdb-server keeps no history at all, in no version so far: it says that it does not know our
/// transaction and sends everything, and the replica works out what was missed.
#[tokio::test]
async fn after_a_lost_connection_to_a_standalone_server_only_what_was_missed_is_seen() {
    lost_connection(Server::standalone(&[]), BatchKind::Reread).await;
}

async fn lost_connection(server: Server, expected: BatchKind) {
    let mut writer = Follower::dial(vec![server.address()]);
    writer.next().await;
    writer.transact(create_bridge("br-int")).await;
    for number in 0..50 {
        writer.transact(add_port("br-int", &format!("vif{number}"))).await;
    }
    let mut proxy = common::proxy::Proxy::new(server.dir.path().join("proxy.sock"), &server.socket());
    let mut reader = Follower::dial(vec![proxy.address()]);
    reader.next().await;
    reader.until("all ports", |rows| interface(rows, "vif49").is_some()).await;

    proxy.cut();
    let mut state = reader.client.state();
    state.wait_for(|state| !state.is_live()).await.unwrap();
    writer.transact(tag_interface("vif3", "iface-id", "missed")).await;
    writer.transact(add_port("br-int", "vif50")).await;
    proxy.restore();

    let batch = reader.next().await;
    assert_eq!(batch.kind, expected);
    let mut names = changed_names(&batch);
    names.sort();
    assert_eq!(names, ["vif3", "vif50"]);
    assert_eq!(reader.rows, fresh_read(server.address()).await);
    writer.until("everything", |rows| interface(rows, "vif50").is_some()).await;
    assert_eq!(writer.rows, reader.rows);
}

/// A standalone database has no transaction ids in its file: after a restart the server cannot know ours, says
/// so, and sends everything. The consumer still sees differences only.
#[tokio::test]
async fn after_a_crash_of_a_standalone_server_only_differences_are_seen() {
    let (mut server, mut follower) = server_with_bridge().await;
    follower.transact(add_port("br-int", "vif1")).await;
    follower.transact(add_port("br-int", "vif2")).await;
    follower.until("the ports", |rows| interface(rows, "vif2").is_some()).await;
    let before = follower.rows.clone();

    server.restart();
    let batch = follower.next().await;
    assert_eq!(batch.kind, BatchKind::Reread);
    assert_eq!(batch.changes, []);
    assert_eq!(follower.rows, before);

    server.kill();
    follower.client.state().wait_for(|state| !state.is_live()).await.unwrap();
    server.change_while_down(&tag_interface("vif1", "iface-id", "behind-the-back"));
    server.launch();
    let batch = follower.next().await;
    assert_eq!(batch.kind, BatchKind::Reread);
    assert_eq!(changed_names(&batch), ["vif1"]);
    assert_eq!(follower.rows, fresh_read(server.address()).await);
}

/// A raft database keeps its transaction ids: a restarted server resumes.
#[tokio::test]
async fn after_a_crash_of_a_clustered_server_the_replica_resumes() {
    let mut server = Server::clustered();
    let mut follower = Follower::dial(vec![server.address()]);
    follower.next().await;
    follower.transact(create_bridge("br-int")).await;
    follower.transact(add_port("br-int", "vif1")).await;
    follower.until("the port", |rows| interface(rows, "vif1").is_some()).await;

    server.restart();
    server.wait_for_leader();
    let batch = follower.next().await;
    assert_eq!(batch.kind, BatchKind::Resumed);
    assert_eq!(batch.changes, []);
    follower.transact(add_port("br-int", "vif2")).await;
    follower.until("life after the restart", |rows| interface(rows, "vif2").is_some()).await;
    assert_eq!(follower.rows, fresh_read(server.address()).await);
}

/// Two servers, one replicating the other; when the active one dies, the standby is promoted.
#[tokio::test]
async fn the_standby_takes_over_without_a_visible_reread() {
    let mut active = Server::standalone(&[]);
    let sync = format!("--sync-from=unix:{}", common::text(&active.socket()));
    let standby = Server::standalone(&[&sync]);
    let mut follower = Follower::dial(vec![active.address(), standby.address()]);
    follower.next().await;
    follower.transact(create_bridge("br-int")).await;
    follower.transact(add_port("br-int", "vif1")).await;
    follower.until("the port", |rows| interface(rows, "vif1").is_some()).await;
    testkit::wait_until(DEADLINE, "the standby to have the port", || {
        common::run("ovsdb-client", &["dump", &standby.address().to_string(), "Interface", "name"])
            .contains("vif1")
            .then_some(())
    });

    active.kill();
    standby.control_output(&["ovsdb-server/disconnect-active-ovsdb-server"]);
    let batch = follower.next().await;
    assert_ne!(batch.kind, BatchKind::Initial);
    assert_eq!(batch.changes, []);
    follower.transact(add_port("br-int", "vif2")).await;
    follower.until("a port made at the standby", |rows| interface(rows, "vif2").is_some()).await;
    assert_eq!(follower.rows, fresh_read(standby.address()).await);
}

#[tokio::test]
async fn a_column_that_the_server_lacks_keeps_its_default() {
    let dir = scratch();
    let mut schema: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(common::SCHEMA).unwrap()).unwrap();
    schema["tables"]["Bridge"]["columns"].as_object_mut().unwrap().remove("fail_mode");
    let file = dir.path().join("old.ovsschema");
    std::fs::write(&file, schema.to_string()).unwrap();
    let server = Server::with_schema(dir, &file, &[]);
    let mut follower = Follower::dial(vec![server.address()]);
    follower.next().await;
    follower.transact(create_bridge("br-int")).await;
    follower.until("the bridge", |rows| typed::<Bridge>(rows).len() == 1).await;
    let state = follower.client.state().borrow().clone();
    let ConnectionState::Live { method, missing, .. } = state else { panic!("{state:?}") };
    assert_eq!((method, missing), (MonitorMethod::CondSince, vec!["Bridge.fail_mode".to_owned()]));
}

#[tokio::test]
async fn a_column_of_another_type_is_refused_by_name() {
    let dir = scratch();
    let mut schema: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(common::SCHEMA).unwrap()).unwrap();
    schema["tables"]["Port"]["columns"]["tag"]["type"] = "string".into();
    let file = dir.path().join("other.ovsschema");
    std::fs::write(&file, schema.to_string()).unwrap();
    let server = Server::with_schema(dir, &file, &[]);
    let follower = Follower::dial(vec![server.address()]);
    let mut state = follower.client.state();
    let refused = |state: &ConnectionState| matches!(state, ConnectionState::Down { error: Some(error), .. } if error.contains("column tag of table Port"));
    tokio::time::timeout(DEADLINE, state.wait_for(refused)).await.unwrap().unwrap();
}

#[tokio::test]
async fn without_a_server_a_transaction_is_known_to_be_unsent() {
    let dir = scratch();
    let follower = Follower::dial(vec![Address::Unix(dir.path().join("db.sock"))]);
    let result = follower.client.transact(create_bridge("br-int"), Duration::from_millis(100)).await;
    assert_eq!(result, Err(TransactError::NotSent(NotSent::Timeout)));
    let state = follower.client.state().borrow().clone();
    let ConnectionState::Down { failures, error: Some(error) } = state else { panic!("{state:?}") };
    assert!(failures > 0 && error.contains("db.sock"), "{error}");
}
