use model::RowId;

use super::*;
use crate::key::TableName;

const LIMITS: Limits = Limits { txn_ops: 3, txn_bytes: 1000 };

fn key(id: &str) -> Key {
    Key::new(TableName::new("t"), RowId::new(id).unwrap())
}

#[test]
fn what_fits_exactly_is_taken() {
    let txn = Txn::new().put(key("a"), "1").put(key("b"), "2").delete(key("c"));
    assert!(txn.check(LIMITS).is_ok());
    let overhead = Txn::new().put(key("a"), "").size_bytes();
    let largest = Txn::new().put(key("a"), vec![b'x'; LIMITS.txn_bytes - overhead]);
    assert_eq!(largest.size_bytes(), LIMITS.txn_bytes);
    assert!(largest.check(LIMITS).is_ok());
}

#[test]
fn one_more_is_too_large_and_says_of_what() {
    let ops = Txn::new().delete(key("a")).delete(key("b")).delete(key("c")).delete(key("d"));
    let error = ops.check(LIMITS).unwrap_err().to_string();
    assert_eq!(error, "the transaction is too large for the store: 4 operations, and the store takes 3");
    let requirements = ["a", "b", "c", "d"].map(|id| Require::Absent(key(id)));
    let requirements = requirements.into_iter().fold(Txn::new(), Txn::require);
    assert!(requirements.check(LIMITS).unwrap_err().to_string().contains("4 requirements"));
    let overhead = Txn::new().put(key("a"), "").size_bytes();
    let bytes = Txn::new().put(key("a"), vec![b'x'; LIMITS.txn_bytes - overhead + 1]);
    assert!(bytes.check(LIMITS).unwrap_err().to_string().contains("1001 bytes, and the store takes 1000"));
}

#[test]
fn a_row_occurs_once() {
    let error = Txn::new().put(key("a"), "1").delete(key("a")).check(LIMITS).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the transaction makes no sense: row a of table t occurs in two operations"
    );
    let required_and_changed = Txn::new().require(Require::Absent(key("a"))).put(key("a"), "1");
    assert!(required_and_changed.check(LIMITS).is_ok());
}

#[test]
fn a_table_needs_a_name() {
    for name in ["", "a/b", "a.b", "{a", "a}"] {
        let key = Key::new(TableName::new(name), RowId::new("x").unwrap());
        for txn in [Txn::new().delete(key.clone()), Txn::new().require(Require::Absent(key))] {
            assert!(matches!(txn.check(LIMITS), Err(CommitError::Invalid { .. })), "{name}");
        }
    }
}
