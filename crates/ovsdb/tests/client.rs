//! The client against the in-memory server and its faults.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test ends, and says why, when something is wrong"
)]

mod common;

use std::time::Duration;

use common::{
    DEADLINE, Follower, add_port, create_bridge, interface, monitor, remove_port, tag_interface, typed,
};
use ovsdb::client::{Client, ConnectionState, NotSent, Source, Stream, TransactError, Unanswered};
use ovsdb::row::BatchKind;
use ovsdb::session::MonitorMethod;
use ovsdb::testserver::TestServer;
use ovsdb::transaction::Transaction;
use ovsdb::vswitch::Port;
use proptest::prelude::*;
use tokio::sync::mpsc;

fn server() -> TestServer {
    let server = TestServer::new(&std::fs::read_to_string(common::SCHEMA).unwrap()).unwrap();
    server.transact(&create_bridge("br-int")).unwrap();
    server.transact(&add_port("br-int", "vif0")).unwrap();
    server
}

/// Connects a follower through memory, again and again as the connection breaks.
fn follow(server: &TestServer) -> Follower {
    follow_with(server, |_| {})
}

fn follow_with(server: &TestServer, change: impl FnOnce(&mut ovsdb::client::ClientConfig)) -> Follower {
    let mut config = common::config();
    change(&mut config);
    let (connections, accepted) = mpsc::channel(1);
    let follower = Follower::with(Source::Accepted(accepted), config);
    let (server, mut state) = (server.clone(), follower.client.state());
    tokio::spawn(async move {
        loop {
            state.borrow_and_update();
            if connections.send(server.connect()).await.is_err() {
                return;
            }
            // Down again: the session may have ended before it was live.
            while state.changed().await.is_ok() && state.borrow_and_update().is_live() {}
        }
    });
    follower
}

async fn down(follower: &Follower) -> String {
    let mut state = follower.client.state();
    let down = |state: &ConnectionState| matches!(state, ConnectionState::Down { error: Some(_), .. });
    let state = tokio::time::timeout(DEADLINE, state.wait_for(down)).await.unwrap().unwrap();
    let ConnectionState::Down { error: Some(error), .. } = &*state else { panic!("{state:?}") };
    error.clone()
}

#[tokio::test]
async fn a_broken_connection_is_resumed() {
    let server = server();
    let mut follower = follow(&server);
    assert_eq!(follower.next().await.kind, BatchKind::Initial);
    server.drop_connections();
    server.transact(&tag_interface("vif0", "iface-id", "missed")).unwrap();
    let batch = follower.next().await;
    assert_eq!((batch.kind, batch.changes.len()), (BatchKind::Resumed, 1));
    assert_eq!(interface(&follower.rows, "vif0").unwrap().external_ids["iface-id"], "missed");
}

#[tokio::test]
async fn a_server_that_forgot_is_read_anew_and_only_differences_are_seen() {
    let server = server();
    let mut follower = follow(&server);
    follower.next().await;
    server.forget_history();
    server.transact(&tag_interface("vif0", "iface-id", "missed")).unwrap();
    follower.until("the change", |rows| !interface(rows, "vif0").unwrap().external_ids.is_empty()).await;
    server.forget_history();
    server.drop_connections();
    let batch = follower.next().await;
    assert_eq!((batch.kind, batch.changes), (BatchKind::Reread, vec![]));
}

#[tokio::test]
async fn older_servers_are_followed_in_their_own_words() {
    for (refused, expected) in [
        (&[][..], MonitorMethod::CondSince),
        (&["monitor_cond_since"][..], MonitorMethod::Cond),
        (&["monitor_cond_since", "monitor_cond"][..], MonitorMethod::Plain),
    ] {
        let server = server();
        refused.iter().for_each(|method| server.refuse_method(method));
        let mut follower = follow(&server);
        follower.next().await;
        follower.transact(add_port("br-int", "vif1")).await;
        follower.transact(tag_interface("vif1", "iface-id", "p1")).await;
        let done =
            |rows: &common::Rowset| interface(rows, "vif1").is_some_and(|row| !row.external_ids.is_empty());
        follower.until("the port and its tag", done).await;
        let port = typed::<Port>(&follower.rows).into_iter().find(|(_, row)| row.name == "vif1").unwrap().0;
        follower.transact(remove_port("br-int", port)).await;
        follower.until("the port is gone", |rows| interface(rows, "vif1").is_none()).await;
        server.drop_connections();
        server.transact(&tag_interface("vif0", "iface-id", "missed")).unwrap();
        assert_eq!(follower.next().await.changes.len(), 1);
        assert!(follower.client.wait_until_live().await);
        let state = follower.client.state().borrow().clone();
        assert!(matches!(&state, ConnectionState::Live { method, .. } if *method == expected), "{state:?}");
    }
}

#[tokio::test]
async fn a_lost_reply_is_an_unknown_outcome_and_nothing_is_sent_twice() {
    let server = server();
    let mut follower = follow(&server);
    follower.next().await;
    server.set_swallow_replies(true);
    let result = follower.client.transact(add_port("br-int", "vif1"), DEADLINE).await;
    assert_eq!(result, Err(TransactError::OutcomeUnknown(Unanswered::ConnectionLost)));
    server.set_swallow_replies(false);
    follower.until("what happened", |rows| interface(rows, "vif1").is_some()).await;
    assert_eq!(server.requests("transact"), 1);
}

#[tokio::test]
async fn what_waits_behind_a_peer_that_does_not_read_is_known_to_be_unsent() {
    let (connections, accepted) = mpsc::channel(1);
    let follower = Follower::of(Source::Accepted(accepted));
    let (near, mut far) = tokio::io::duplex(4096);
    connections.send(Stream::new(near, "lazy server")).await.unwrap();
    let schema: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(common::SCHEMA).unwrap()).unwrap();
    let content = serde_json::json!([false, ovsdb::Uuid::from_u128(1).to_string(), {}]);
    for (id, result) in [(0, schema), (1, content)] {
        let reply = serde_json::json!({"id": id, "result": result, "error": null}).to_string();
        tokio::io::AsyncWriteExt::write_all(&mut far, reply.as_bytes()).await.unwrap();
    }
    assert!(follower.client.wait_until_live().await);
    let mut large = Transaction::new();
    large.comment(&"x".repeat(16 << 10));
    let attempts: Vec<_> = (0..5)
        .map(|_| {
            let (client, large) = (follower.client.clone(), large.clone());
            tokio::spawn(async move { client.transact(large, DEADLINE).await })
        })
        .collect();
    // One is on its way, which the pipe cannot hold, and the others wait behind it.
    let mut head = vec![0; 8 << 10];
    tokio::io::AsyncReadExt::read_exact(&mut far, &mut head).await.unwrap();
    drop(far);
    down(&follower).await;
    let mut unknown = 0;
    drop(connections);
    for attempt in attempts {
        match attempt.await.unwrap() {
            Err(TransactError::OutcomeUnknown(Unanswered::ConnectionLost)) => unknown += 1,
            Err(TransactError::NotSent(NotSent::ConnectionLost | NotSent::Stopped)) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(unknown, 1);
}

#[tokio::test]
async fn a_nul_character_does_not_cost_the_connection() {
    let server = server();
    let mut follower = follow(&server);
    follower.next().await;
    let result = follower.client.transact(tag_interface("vif0", "iface-id", "a\0b"), DEADLINE).await;
    let error = result.unwrap_err();
    assert!(
        matches!(&error, TransactError::Failed(error) if error.code() == "nul character")
            && error.to_string().starts_with("mutate of Interface (operation 0) holds a nul"),
        "{error}"
    );
    assert_eq!(server.requests("transact"), 0);
    follower.transact(tag_interface("vif0", "iface-id", "\\u0000")).await;
}

#[tokio::test]
async fn a_late_reply_is_an_unknown_outcome() {
    let server = server();
    let mut follower = follow(&server);
    follower.next().await;
    server.set_mute(true);
    let result = follower.client.transact(add_port("br-int", "vif1"), Duration::from_millis(50)).await;
    assert_eq!(result, Err(TransactError::OutcomeUnknown(Unanswered::Timeout)));
}

#[tokio::test]
async fn what_timed_out_before_it_was_sent_is_never_sent() {
    let server = server();
    let (connections, accepted) = mpsc::channel(1);
    let mut follower = Follower::of(Source::Accepted(accepted));
    let result = follower.client.transact(add_port("br-int", "vif1"), Duration::from_millis(50)).await;
    assert_eq!(result, Err(TransactError::NotSent(NotSent::Timeout)));
    connections.send(server.connect()).await.unwrap();
    follower.next().await;
    follower.transact(add_port("br-int", "vif2")).await;
    follower.until("the second port", |rows| interface(rows, "vif2").is_some()).await;
    assert_eq!(interface(&follower.rows, "vif1"), None);
    assert_eq!(server.requests("transact"), 1);
}

#[tokio::test]
async fn a_full_queue_is_not_sent() {
    let (_connections, accepted) = mpsc::channel::<Stream>(1);
    let follower = Follower::of(Source::Accepted(accepted));
    let waiting: Vec<_> = (0..200)
        .map(|_| {
            let client = follower.client.clone();
            tokio::spawn(async move { client.transact(Transaction::new(), Duration::from_millis(200)).await })
        })
        .collect();
    for task in waiting {
        assert_eq!(task.await.unwrap(), Err(TransactError::NotSent(NotSent::Timeout)));
    }
}

#[tokio::test]
async fn a_silent_server_is_left() {
    let server = server();
    let mut follower =
        follow_with(&server, |config| config.session.probe_interval = Duration::from_millis(50));
    follower.next().await;
    server.set_mute(true);
    let reason = down(&follower).await;
    assert!(reason.contains("does not answer echo requests"), "{reason}");
    server.set_mute(false);
    assert!(tokio::time::timeout(DEADLINE, follower.client.wait_until_live()).await.unwrap());
}

#[tokio::test]
async fn a_slow_consumer_gets_fewer_batches_and_the_same_content() {
    let server = server();
    let mut follower = follow_with(&server, |config| config.max_queued_batches = 1);
    assert!(follower.client.wait_until_live().await);
    for number in 0..100 {
        follower.transact(tag_interface("vif0", "count", &number.to_string())).await;
    }
    // Every update came before the reply to its transaction, so all of them are here by now.
    follower
        .until("the last change", |rows| {
            interface(rows, "vif0")
                .is_some_and(|row| row.external_ids.get("count").is_some_and(|count| count == "99"))
        })
        .await;
    assert!(follower.kinds.len() <= 3, "{:?}", follower.kinds);
}

#[tokio::test]
async fn a_peer_that_connects_again_replaces_itself() {
    let server = server();
    let (connections, accepted) = mpsc::channel(1);
    let mut follower = Follower::of(Source::Accepted(accepted));
    connections.send(server.connect()).await.unwrap();
    follower.next().await;
    // The old connection is still open, as after a power failure of the peer.
    connections.send(server.connect()).await.unwrap();
    assert_eq!(follower.next().await.kind, BatchKind::Resumed);
    follower.transact(add_port("br-int", "vif1")).await;
    let start = std::time::Instant::now();
    while server.connections() != 1 {
        assert!(start.elapsed() < DEADLINE);
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn dropping_the_last_handle_ends_the_connection() {
    let server = server();
    let (connections, accepted) = mpsc::channel(1);
    connections.send(server.connect()).await.unwrap();
    let (client, mut batches) = Client::spawn(Source::Accepted(accepted), common::config(), monitor());
    assert!(batches.recv().await.is_some());
    let mut state = client.state();
    let clone = client.clone();
    drop(client);
    assert!(clone.transact(add_port("br-int", "vif1"), DEADLINE).await.is_ok());
    drop(clone);
    let stopped = state.wait_for(|state| *state == ConnectionState::Stopped);
    drop(tokio::time::timeout(DEADLINE, stopped).await.unwrap().unwrap());
    while batches.recv().await.is_some() {}
    connections.closed().await;
}

#[tokio::test]
async fn a_peer_that_talks_nonsense_is_left_with_a_reason() {
    let (connections, accepted) = mpsc::channel(1);
    let follower = Follower::of(Source::Accepted(accepted));
    let (near, mut far) = tokio::io::duplex(1024);
    connections.send(Stream::new(near, "nonsense")).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut far, b"HTTP/1.1 400 Bad Request\r\n").await.unwrap();
    let reason = down(&follower).await;
    assert_eq!(reason, "a message must begin with '{', found byte 0x48 at stream offset 0");
}

/// What may happen between a server and its followers.
#[derive(Debug, Clone)]
enum Step {
    AddPort(u8),
    RemovePort(u8),
    Tag(u8, u8),
    Drop,
    Forget,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0u8..6).prop_map(Step::AddPort),
        2 => (0u8..6).prop_map(Step::RemovePort),
        4 => (0u8..6, 0u8..4).prop_map(|(port, value)| Step::Tag(port, value)),
        1 => Just(Step::Drop),
        1 => Just(Step::Forget),
    ]
}

fn take(server: &TestServer, step: &Step) {
    let name = |number: &u8| format!("p{number}");
    match step {
        Step::Drop => server.drop_connections(),
        Step::Forget => {
            server.forget_history();
            server.drop_connections();
        }
        // A name that exists already is refused: that is part of the game.
        Step::AddPort(port) => drop(server.transact(&add_port("br-int", &name(port)))),
        Step::Tag(port, value) => {
            server.transact(&tag_interface(&name(port), "k", &value.to_string())).unwrap();
        }
        Step::RemovePort(port) => {
            let mut find = Transaction::new();
            let rows = ovsdb::transaction::Rows::matching(&Port::NAME, &name(port));
            let found = find.select(&rows, &["name"]);
            for (uuid, _) in server.transact(&find).unwrap().rows::<Port>(found).unwrap() {
                server.transact(&remove_port("br-int", uuid)).unwrap();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_follower_ends_where_a_new_reader_begins(
        steps in proptest::collection::vec(any_step(), 0..30),
        old_server in 0usize..3,
        queue in 1usize..4,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = server();
            for method in ["monitor_cond_since", "monitor_cond"].iter().take(old_server) {
                server.refuse_method(method);
            }
            let mut follower = follow_with(&server, |config| config.max_queued_batches = queue);
            follower.next().await;
            for step in &steps {
                take(&server, step);
                tokio::task::yield_now().await;
            }
            server.transact(&tag_interface("vif0", "the", "end")).unwrap();
            let at_the_end = |rows: &common::Rowset| !interface(rows, "vif0").unwrap().external_ids.is_empty();
            follower.until("the end", at_the_end).await;
            let mut reader = follow(&server);
            reader.next().await;
            assert_eq!(follower.rows, reader.rows);
        });
    }
}
