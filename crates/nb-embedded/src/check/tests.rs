use super::*;

fn put(key: &'static str) -> RequestOp {
    Request::Put(PutRequest { key: key.into(), ..PutRequest::default() }).into()
}

fn delete(key: &'static str, range_end: &'static str) -> RequestOp {
    let request = DeleteRangeRequest { key: key.into(), range_end: range_end.into(), prev_kv: false };
    Request::DeleteRange(request).into()
}

fn txn(success: Vec<RequestOp>) -> TxnRequest {
    TxnRequest { success, ..TxnRequest::default() }
}

fn check(txn: &TxnRequest) -> Result<(), Failure> {
    check_txn(txn, &Options { txn_ops_max: 3, request_bytes_max: 1000, ..Options::default() })
}

#[test]
fn a_row_is_changed_once() {
    let twice = Err(EtcdError::DuplicateKey.into());
    assert_eq!(check(&txn(vec![put("a"), put("b"), delete("c", "d")])), Ok(()));
    assert_eq!(check(&txn(vec![put("a"), put("b"), put("a")])), twice);
    assert_eq!(check(&txn(vec![put("a"), delete("a", "")])), twice);
    assert_eq!(check(&txn(vec![delete("a", "c"), put("b")])), twice);
    assert_eq!(check(&txn(vec![delete("a", "\0"), put("z")])), twice);
    // Deletes may overlap: what is gone is not deleted again.
    assert_eq!(check(&txn(vec![delete("a", ""), delete("a", "c")])), Ok(()));
    let failure = TxnRequest { failure: vec![put("a"), put("a")], ..TxnRequest::default() };
    assert_eq!(check(&failure), twice);
    let either = TxnRequest { success: vec![put("a")], failure: vec![put("a")], ..TxnRequest::default() };
    assert_eq!(check(&either), Ok(()));
}

#[test]
fn what_is_too_much_is_refused() {
    assert_eq!(check(&txn(vec![put("a"), put("b"), put("c"), put("d")])), Err(EtcdError::TooManyOps.into()));
    let large = PutRequest { key: "a".into(), value: vec![0; 1000].into(), ..PutRequest::default() };
    assert_eq!(check(&txn(vec![Request::Put(large).into()])), Err(EtcdError::RequestTooLarge.into()));
}

#[test]
fn a_transaction_inside_a_transaction_is_refused_by_name() {
    let nested = txn(vec![Request::Txn(txn(vec![put("a")])).into()]);
    let refused = check(&nested).unwrap_err();
    assert_eq!(refused.to_string(), "a transaction inside a transaction is not supported");
}

#[test]
fn orders_that_are_none_are_refused() {
    let unsorted = RangeRequest { key: "a".into(), sort_target: 5, ..RangeRequest::default() };
    assert_eq!(check_range(&unsorted), Err(EtcdError::InvalidSortOption.into()));
}
