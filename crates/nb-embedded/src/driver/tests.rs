use super::*;

#[test]
fn the_largest_transaction_that_is_promised_is_taken() {
    let options = crate::Options::default();
    let (ops, bytes) = (options.txn_ops_max, options.request_bytes_max / 3 * 2);
    assert!(ops >= Limits::SMALLEST.txn_ops && bytes >= Limits::SMALLEST.txn_bytes);
}
