//! The in-memory server against the real one: the same transactions must have the same effect.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test ends, and says why, when something is wrong"
)]

mod common;

use std::cell::Cell;
use std::collections::BTreeMap;

use common::{DEADLINE, Follower, Server, create_bridge};
use ovsdb::client::TransactError;
use ovsdb::testserver::TestServer;
use ovsdb::transaction::{
    Function, Mutations, OperationResult, Outcome, Rows, Transaction, TransactionError, Until, Values,
};
use ovsdb::vswitch::{Bridge, Interface, Mirror, OpenvSwitch, Port, QoS, Queue};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// One operation, described by small numbers so that transactions meet each other.
#[derive(Debug, Clone)]
enum Op {
    AddPort(u8),
    LonePort(u8),
    DeletePorts(u8),
    Detach,
    Ofport(u8, i64),
    Tag(u8, u8, u8),
    Untag(u8, u8),
    Rate(u8, i64),
    Vlan(u8, i64),
    FailMode(u8),
    Mirror(u8),
    QueueOf(u8, u8),
    Wait(u8, u8),
    Abort,
    SecondRoot,
    Count(u8, u8),
}

fn any_op() -> impl Strategy<Value = Op> {
    let port = 0u8..5;
    prop_oneof![
        6 => port.clone().prop_map(Op::AddPort),
        1 => port.clone().prop_map(Op::LonePort),
        1 => port.clone().prop_map(Op::DeletePorts),
        2 => Just(Op::Detach),
        2 => (port.clone(), -1i64..4).prop_map(|(port, value)| Op::Ofport(port, value)),
        3 => (port.clone(), 0u8..3, 0u8..3).prop_map(|(port, key, value)| Op::Tag(port, key, value)),
        2 => (port.clone(), 0u8..3).prop_map(|(port, key)| Op::Untag(port, key)),
        2 => (port.clone(), prop::sample::select(vec![-5, 1, 7, i64::MAX])).prop_map(|(port, by)| Op::Rate(port, by)),
        1 => (port.clone(), prop::sample::select(vec![0, 4095, 4096, -1])).prop_map(|(port, tag)| Op::Vlan(port, tag)),
        1 => (0u8..3).prop_map(Op::FailMode),
        1 => port.clone().prop_map(Op::Mirror),
        1 => (port.clone(), 0u8..3).prop_map(|(port, queue)| Op::QueueOf(port, queue)),
        2 => (port.clone(), 0u8..3).prop_map(|(port, value)| Op::Wait(port, value)),
        1 => Just(Op::Abort),
        1 => Just(Op::SecondRoot),
        2 => (port, 0u8..8).prop_map(|(port, function)| Op::Count(port, function)),
    ]
}

fn name(number: u8) -> String {
    format!("p{number}")
}

fn bridge() -> Rows<Bridge> {
    Rows::matching(&Bridge::NAME, &"br-int".to_owned())
}

fn build(operations: &[Op]) -> Transaction {
    let mut transaction = Transaction::new();
    for operation in operations {
        push(&mut transaction, operation);
    }
    transaction
}

fn push(transaction: &mut Transaction, operation: &Op) {
    let interfaces = |number: &u8| Rows::matching(&Interface::NAME, &name(*number));
    let ports = |number: &u8| Rows::matching(&Port::NAME, &name(*number));
    let pair = |key: &u8, value: &u8| [(format!("k{key}"), format!("v{value}"))].into();
    match operation {
        Op::AddPort(port) | Op::LonePort(port) | Op::Mirror(port) | Op::QueueOf(port, _) => {
            insert(transaction, *port, operation);
        }
        Op::DeletePorts(port) => {
            transaction.delete(&ports(port));
        }
        Op::Detach => {
            transaction.update(&bridge(), &Values::new().refer(&Bridge::PORTS, []));
        }
        Op::Ofport(port, value) => {
            transaction.update(&interfaces(port), &Values::new().set(&Interface::OFPORT, Some(*value)));
        }
        Op::Tag(port, key, value) => {
            let mutations = Mutations::new().insert(&Interface::EXTERNAL_IDS, &pair(key, value));
            transaction.mutate(&interfaces(port), &mutations);
        }
        Op::Untag(port, key) => {
            let mutations = Mutations::new().delete_keys(&Interface::EXTERNAL_IDS, [format!("k{key}")]);
            transaction.mutate(&interfaces(port), &mutations.delete(&Interface::EXTERNAL_IDS, &pair(&0, &0)));
        }
        Op::Rate(port, by) => {
            transaction
                .mutate(&interfaces(port), &Mutations::new().add(&Interface::INGRESS_POLICING_RATE, *by));
        }
        Op::Vlan(port, tag) => {
            transaction.update(&ports(port), &Values::new().set(&Port::TAG, Some(*tag)));
        }
        Op::FailMode(mode) => {
            let mode = ["secure", "standalone", "nonsense"][usize::from(*mode)].to_owned();
            transaction.update(&bridge(), &Values::new().set(&Bridge::FAIL_MODE, Some(mode)));
        }
        Op::Wait(port, value) => {
            let expected = Values::new().set(&Interface::EXTERNAL_IDS, pair(&1, value));
            transaction.wait(&interfaces(port), Until::Differ, &[expected], 0);
        }
        Op::Abort => {
            transaction.abort();
        }
        Op::SecondRoot => {
            transaction.insert(&Values::<OpenvSwitch>::new());
        }
        Op::Count(port, function) => count(transaction, *port, *function),
    }
}

fn insert(transaction: &mut Transaction, number: u8, operation: &Op) {
    match operation {
        Op::AddPort(_) | Op::LonePort(_) => {
            let interface = transaction.insert(&Values::new().set(&Interface::NAME, name(number)));
            let values = Values::new().set(&Port::NAME, name(number)).refer(&Port::INTERFACES, [interface]);
            let port = transaction.insert(&values);
            if matches!(operation, Op::AddPort(_)) {
                transaction.mutate(&bridge(), &Mutations::new().insert_references(&Bridge::PORTS, [port]));
            }
        }
        Op::QueueOf(_, queue) => {
            let queue_row = transaction.insert(&Values::new().set(&Queue::DSCP, Some((*queue).into())));
            let external_ids = [("queue".to_owned(), queue.to_string())].into();
            transaction
                .insert(&Values::new().set(&QoS::TYPE, name(number)).set(&QoS::EXTERNAL_IDS, external_ids));
            transaction.delete(&Rows::<Queue>::row(queue_row));
        }
        _ => {
            // A weak reference: the mirror loses the port when that goes.
            let interface = transaction.insert(&Values::new().set(&Interface::NAME, name(number)));
            let values = Values::new().set(&Port::NAME, name(number)).refer(&Port::INTERFACES, [interface]);
            let port = transaction.insert(&values);
            let values = Values::<Mirror>::new().set(&Mirror::NAME, name(number));
            let mirror = transaction.insert(&values.refer(&Mirror::SELECT_SRC_PORT, [port]));
            transaction.mutate(&bridge(), &Mutations::new().insert_references(&Bridge::MIRRORS, [mirror]));
        }
    }
}

fn count(transaction: &mut Transaction, port: u8, function: u8) {
    let functions = [
        Function::Equals,
        Function::Differs,
        Function::Includes,
        Function::Excludes,
        Function::Less,
        Function::LessOrEqual,
        Function::Greater,
        Function::GreaterOrEqual,
    ];
    let function = functions[usize::from(function)];
    let by_rate = Rows::all().and(&Interface::INGRESS_POLICING_RATE, function, &7);
    transaction.mutate(&by_rate, &Mutations::<Interface>::new());
    if matches!(function, Function::Equals | Function::Differs | Function::Includes | Function::Excludes) {
        let ids = [("k1".to_owned(), format!("v{}", port % 3))].into();
        let by_ids = Rows::all().and(&Interface::EXTERNAL_IDS, function, &ids);
        transaction.mutate(&by_ids, &Mutations::<Interface>::new());
    }
}

/// Results without uuids, errors without wording.
fn comparable(
    result: Result<Outcome, TransactionError>,
) -> Result<Vec<Option<u64>>, (Option<usize>, String)> {
    match result {
        Ok(outcome) => Ok(outcome
            .results()
            .iter()
            .map(|result| if let OperationResult::Count(count) = result { Some(*count) } else { None })
            .collect()),
        Err(TransactionError::Operation { index, error, .. }) => Err((Some(index), error)),
        Err(error) => Err((None, error.code().to_owned())),
    }
}

/// The whole content by names.
fn content(mut select: impl FnMut(Transaction) -> Outcome) -> BTreeMap<String, String> {
    let mut content = BTreeMap::new();
    let mut read = Transaction::new();
    let interfaces = read.select(&Rows::<Interface>::all(), &[]);
    let ports = read.select(&Rows::<Port>::all(), &[]);
    let bridges = read.select(&Rows::<Bridge>::all(), &[]);
    let mirrors = read.select(&Rows::<Mirror>::all(), &[]);
    let queues = read.select(&Rows::<Queue>::all(), &[]);
    let outcome = select(read);
    for (_, row) in outcome.rows::<Interface>(interfaces).unwrap() {
        content.insert(format!("interface {}", row.name), format!("{row:?}"));
    }
    for (_, row) in outcome.rows::<Port>(ports).unwrap() {
        content.insert(format!("port {}", row.name), format!("{:?} {}", row.tag, row.interfaces.len()));
    }
    for (_, row) in outcome.rows::<Bridge>(bridges).unwrap() {
        content.insert(
            format!("bridge {}", row.name),
            format!("{:?} {} {}", row.fail_mode, row.ports.len(), row.mirrors.len()),
        );
    }
    let mirrors = outcome.rows::<Mirror>(mirrors).unwrap();
    let mut mirrors: Vec<_> = mirrors.iter().map(|(_, row)| (&row.name, row.select_src_port.len())).collect();
    mirrors.sort();
    content.insert("mirrors".into(), format!("{mirrors:?}"));
    content.insert("queues".into(), outcome.rows::<Queue>(queues).unwrap().len().to_string());
    content
}

#[test]
fn random_transactions_have_the_same_effect_on_both_servers() {
    let schema = std::fs::read_to_string(common::SCHEMA).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let histories = proptest::collection::vec(proptest::collection::vec(any_op(), 1..4), 1..12);
    let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    let (committed, refused) = (Cell::new(0), Cell::new(0));
    let run = |history: Vec<Vec<Op>>| {
        let real = Server::standalone(&[]);
        let test = TestServer::new(&schema).unwrap();
        let mut follower = runtime.block_on(async { Follower::dial(vec![real.address()]) });
        let client = follower.client.clone();
        let on_real =
            |transaction: Transaction| match runtime.block_on(client.transact(transaction, DEADLINE)) {
                Ok(outcome) => Ok(outcome),
                Err(TransactError::Failed(error)) => Err(error),
                Err(error) => panic!("{error}"),
            };
        on_real(create_bridge("br-int")).unwrap();
        test.transact(&create_bridge("br-int")).unwrap();
        for operations in history {
            let transaction = build(&operations);
            let one = comparable(on_real(transaction.clone()));
            let two = comparable(test.transact(&transaction));
            let tally = if one.is_ok() { &committed } else { &refused };
            tally.set(tally.get() + 1);
            prop_assert_eq!(&one, &two, "real and in memory disagree about {:?}", operations);
            let one = content(|read| on_real(read).unwrap());
            let two = content(|read| test.transact(&read).unwrap());
            prop_assert_eq!(one, two, "after {:?}", operations);
        }
        // The follower may be behind: what did not fit into its queue comes when it takes what did.
        let fresh = runtime.block_on(common::fresh_read(real.address()));
        runtime.block_on(follower.until("what a fresh reader sees", |rows| *rows == fresh));
        Ok(())
    };
    let result = runner.run(&histories, run);
    if let Err(error) = result {
        panic!("{error}");
    }
    let (committed, refused) = (committed.get(), refused.get());
    assert!(
        committed > 20 && refused > 20,
        "{committed} committed, {refused} refused: the test tests too little"
    );
}
