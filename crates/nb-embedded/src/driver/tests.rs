use super::*;

#[test]
fn keys_are_the_paths_of_the_original() {
    let id = RowId::new("8b1a/x").unwrap();
    let table = TableName::from(Table::LogicalPort);
    assert_eq!(path(&table, &id), "/lport/8b1a/x");
    assert_eq!(model::Layout::Etcd.row_key(Table::LogicalPort, &id, None).unwrap(), "/lport/8b1a/x");
    assert_eq!(named(b"/lport/8b1a/x"), Some((table, id)));
    let ours = TableName::new("port_status");
    assert_eq!(named(b"/port_status/a"), Some((ours, RowId::new("a").unwrap())));
}

#[test]
fn foreign_keys_are_no_rows() {
    for foreign in ["", "/", "/lport", "/lport/", "lport/a", "health", "//x", "/a.b/x", "/{a}/x"] {
        assert_eq!(named(foreign.as_bytes()), None, "{foreign}");
    }
    assert_eq!(named(b"/lport/\xff"), None);
}

#[test]
fn the_largest_transaction_that_is_promised_is_taken() {
    let options = crate::Options::default();
    let (ops, bytes) = (options.txn_ops_max, options.request_bytes_max / 3 * 2);
    assert!(ops >= Limits::SMALLEST.txn_ops && bytes >= Limits::SMALLEST.txn_bytes);
}
