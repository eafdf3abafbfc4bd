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

fn inside(success: Vec<RequestOp>, failure: Vec<RequestOp>) -> RequestOp {
    Request::Txn(TxnRequest { success, failure, ..TxnRequest::default() }).into()
}

#[test]
fn a_row_is_changed_once_by_transactions_inside_a_transaction_too() {
    let twice = Err(EtcdError::DuplicateKey.into());
    assert_eq!(check(&txn(vec![put("a"), inside(vec![put("b")], vec![put("b")])])), Ok(()));
    assert_eq!(check(&txn(vec![put("a"), inside(vec![put("a")], vec![])])), twice);
    assert_eq!(check(&txn(vec![inside(vec![put("a")], vec![]), inside(vec![], vec![put("a")])])), twice);
    assert_eq!(check(&txn(vec![inside(vec![], vec![put("b")]), delete("a", "c")])), twice);
    assert_eq!(check(&txn(vec![put("b"), inside(vec![delete("a", "c")], vec![])])), twice);
    assert_eq!(check(&txn(vec![inside(vec![put("a"), put("a")], vec![])])), twice);
    assert_eq!(
        check(&txn(vec![inside(vec![delete("a", "c")], vec![]), inside(vec![put("b")], vec![])])),
        twice
    );
}

#[test]
fn how_deep_transactions_go_is_bounded() {
    let deep = |levels: usize| {
        let innermost = txn(vec![put("a")]);
        (1..levels).fold(innermost, |inner, _| txn(vec![Request::Txn(inner).into()]))
    };
    assert_eq!(check(&deep(3)), Ok(()));
    assert_eq!(check(&deep(4)), Err(EtcdError::TooManyOps.into()));
}

#[test]
fn nonsense_inside_a_transaction_inside_a_transaction_is_found() {
    let unkeyed = inside(vec![], vec![put("")]);
    assert_eq!(check(&txn(vec![unkeyed])), Err(EtcdError::EmptyKey.into()));
    let nothing = inside(vec![RequestOp { request: None }], vec![]);
    assert_eq!(check(&txn(vec![nothing])), Err(EtcdError::KeyNotFound.into()));
}

#[test]
fn orders_that_are_none_are_refused() {
    let unsorted = RangeRequest { key: "a".into(), sort_target: 5, ..RangeRequest::default() };
    assert_eq!(check_range(&unsorted), Err(EtcdError::InvalidSortOption.into()));
}
