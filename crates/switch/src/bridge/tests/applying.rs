//! Carrying plans out through a client: stale knowledge, lost replies, contention.

use std::time::Duration;

use ovsdb::address::Address;
use ovsdb::client::{Client, ClientConfig, NotSent, Source, TransactError};
use ovsdb::vswitch;
use tokio::sync::mpsc;

use super::world::Scene;
use super::{BRIDGE, spec};
use crate::bridge::{ApplyError, ApplyOptions, Problem, apply, plan};
use crate::configuration::{self, Configuration};

/// A client of the in-memory server; the task gives it a new connection whenever it has lost one.
fn connect(scene: &Scene) -> Client {
    let (streams, accepted) = mpsc::channel(1);
    let server = scene.server.clone();
    let source = Source::Accepted(accepted);
    let (client, mut batches) =
        Client::spawn(source, ClientConfig::new(vswitch::DATABASE), configuration::monitor());
    let mut state = client.state();
    tokio::spawn(async move {
        while streams.send(server.connect()).await.is_ok() {
            let live = state.wait_for(ovsdb::client::ConnectionState::is_live).await.is_ok();
            if !live || state.wait_for(|state| !state.is_live()).await.is_err() {
                return;
            }
        }
    });
    tokio::spawn(async move { while batches.recv().await.is_some() {} });
    client
}

#[tokio::test]
async fn what_is_right_costs_no_transaction() {
    let scene = Scene::new();
    let client = connect(&scene);
    let options = ApplyOptions::default();
    let applied = apply(&client, &spec(), &scene.configuration(), options).await.unwrap();
    assert_eq!(applied.edits.len(), 3);
    assert_eq!(scene.server.requests("transact"), 1);
    let applied = apply(&client, &spec(), &scene.configuration(), options).await.unwrap();
    assert!(applied.edits.is_empty() && applied.problems.is_empty());
    assert_eq!(scene.server.requests("transact"), 1);
}

#[tokio::test]
async fn stale_knowledge_is_read_again() {
    let scene = Scene::new();
    let client = connect(&scene);
    scene.add_bridge(&vswitch::Bridge { name: BRIDGE.into(), ..vswitch::Bridge::default() });
    let options = ApplyOptions::default();
    let applied = apply(&client, &spec(), &Configuration::default(), options).await.unwrap();
    assert_eq!(applied.edits[0], "set fail_mode of bridge br-int");
    assert!(applied.problems.iter().any(|problem| matches!(problem, Problem::DatapathType { .. })));
    assert_eq!(scene.server.requests("transact"), 3, "refused, read, done");

    // All is there already, although the caller does not know it.
    let applied = apply(&client, &spec(), &Configuration::default(), options).await.unwrap();
    assert!(applied.edits.is_empty());
    assert_eq!(scene.server.requests("transact"), 5, "refused, read");
}

#[tokio::test]
async fn attempts_are_bounded() {
    let scene = Scene::new();
    let client = connect(&scene);
    scene.add_bridge(&vswitch::Bridge { name: BRIDGE.into(), ..vswitch::Bridge::default() });
    let options = ApplyOptions { max_attempts: 1, ..ApplyOptions::default() };
    let error = apply(&client, &spec(), &Configuration::default(), options).await.unwrap_err();
    assert!(matches!(&error, ApplyError::Contended { attempts: 1, .. }), "{error}");
    assert!(error.to_string().starts_with("set up bridge br-int: the configuration changed"), "{error}");
}

#[tokio::test]
async fn a_lost_reply_is_followed_by_a_look() {
    let scene = Scene::new();
    let client = connect(&scene);
    assert!(client.wait_until_live().await);
    scene.server.set_swallow_replies(true);
    let known = scene.configuration();
    let wanted = spec();
    let applying = apply(&client, &wanted, &known, ApplyOptions::default());
    let recovering = async {
        let mut state = client.state();
        state.wait_for(|state| !state.is_live()).await.unwrap();
        scene.server.set_swallow_replies(false);
    };
    let (applied, ()) = tokio::join!(applying, recovering);
    assert!(applied.unwrap().edits.is_empty(), "the look showed that the first attempt had taken effect");
    assert!(plan(&spec(), &scene.configuration()).is_empty());
    assert_eq!(scene.port_names(BRIDGE), [BRIDGE, "geneve-vtp", "vxlan-vtp"]);
}

#[tokio::test]
async fn without_a_connection_the_error_says_that_nothing_was_sent() {
    let nowhere: Address = "unix:/nonexistent/db.sock".parse().unwrap();
    let source = Source::Dial { addresses: vec![nowhere], tls: None };
    let (client, _batches) =
        Client::spawn(source, ClientConfig::new(vswitch::DATABASE), configuration::monitor());
    let options = ApplyOptions { transaction_timeout: Duration::from_millis(20), ..ApplyOptions::default() };
    let error = apply(&client, &spec(), &Configuration::default(), options).await.unwrap_err();
    let ApplyError::Transact { bridge, source: TransactError::NotSent(NotSent::Timeout) } = &error else {
        panic!("{error}")
    };
    assert_eq!(bridge, BRIDGE);
}
