//! What random histories beside a real etcd (`tests/against_etcd`) do not meet.

use std::time::Instant;

use bytes::Bytes;

use super::*;
use crate::keyspace::Keyspace;
use crate::lease::Leases;
use crate::staged::State;

fn put(key: &'static str, bytes: usize) -> TxnRequest {
    let request = PutRequest { key: key.into(), value: vec![b'x'; bytes].into(), ..PutRequest::default() };
    TxnRequest { success: vec![Request::Put(request).into()], ..TxnRequest::default() }
}

#[test]
fn a_full_store_refuses_writes_and_takes_deletes() {
    let state = State { keyspace: Keyspace::new(), leases: Leases::new(Instant::now()) };
    let mut staged = Staged::new(&state);
    write_txn(&mut staged, &put("a", 600), 500).unwrap();
    assert_eq!(write_txn(&mut staged, &put("b", 1), 500), Err(EtcdError::NoSpace.into()));
    let delete = DeleteRangeRequest { key: "a".into(), ..DeleteRangeRequest::default() };
    let delete = TxnRequest { success: vec![Request::DeleteRange(delete).into()], ..TxnRequest::default() };
    assert!(write_txn(&mut staged, &delete, 500).is_ok());
}

#[test]
fn a_transaction_that_may_write_is_no_read() {
    let range = RangeRequest { key: "a".into(), ..RangeRequest::default() };
    let read: RequestOp = Request::Range(range).into();
    let mut txn = TxnRequest { success: vec![read.clone()], failure: vec![read], ..TxnRequest::default() };
    assert!(is_read_only(&txn));
    txn.failure.extend(put("a", 1).success);
    assert!(!is_read_only(&txn));
}

#[test]
fn a_condition_of_a_later_release_does_not_hold() {
    let keyspace = Keyspace::new();
    let absent = Compare { key: "a".into(), ..Compare::default() };
    assert!(holds(&keyspace, &absent));
    assert!(!holds(&keyspace, &Compare { target: 77, ..absent.clone() }));
    assert!(!holds(&keyspace, &Compare { result: 77, ..absent }));
}

#[test]
fn an_empty_key_range_ends_nothing() {
    let keyspace = Keyspace::new();
    let backwards =
        RangeRequest { key: "b".into(), range_end: Bytes::from_static(b"a"), ..RangeRequest::default() };
    assert_eq!(range(&keyspace, &backwards).unwrap().count, 0);
}

#[test]
fn a_transaction_inside_a_transaction_decides_by_what_was_before_and_reads_what_is_written() {
    let state = State { keyspace: Keyspace::new(), leases: Leases::new(Instant::now()) };
    let mut staged = Staged::new(&state);
    let absent = Compare { key: "a".into(), ..Compare::default() };
    let read = RangeRequest { key: "a".into(), ..RangeRequest::default() };
    let inner = TxnRequest {
        compare: vec![absent],
        success: vec![Request::Range(read).into()],
        failure: put("b", 1).success,
    };
    let outer = TxnRequest {
        success: [put("a", 1).success, vec![Request::Txn(inner).into()]].concat(),
        ..TxnRequest::default()
    };
    assert!(!is_read_only(&outer));
    let done = write_txn(&mut staged, &outer, 500).unwrap();
    let Some(Response::Txn(inner)) = &done.responses[1].response else { panic!("{done:?}") };
    assert!(inner.succeeded, "there was no row before: {inner:?}");
    let Some(Response::Range(rows)) = &inner.responses[0].response else { panic!("{inner:?}") };
    assert_eq!((rows.count, rows.kvs[0].mod_revision), (1, 2));
    assert!(staged.get(b"b", NOW).is_none());
}

#[test]
fn a_mistake_of_an_inner_transaction_undoes_the_outer_one() {
    let state = State { keyspace: Keyspace::new(), leases: Leases::new(Instant::now()) };
    let mut staged = Staged::new(&state);
    let leased = PutRequest { key: "b".into(), lease: 7, ..PutRequest::default() };
    let inner = TxnRequest { success: vec![Request::Put(leased).into()], ..TxnRequest::default() };
    let outer = TxnRequest {
        success: [put("a", 1).success, vec![Request::Txn(inner).into()]].concat(),
        ..TxnRequest::default()
    };
    assert_eq!(write_txn(&mut staged, &outer, 500), Err(EtcdError::LeaseNotFound.into()));
    assert!(staged.get(b"a", NOW).is_none());
}
