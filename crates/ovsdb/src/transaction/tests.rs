use super::*;
use crate::vswitch::{Bridge, Interface, OpenvSwitch, Port};

const UUID: &str = "00000000-0000-0000-0000-000000000005";

fn operations(transaction: &Transaction) -> Vec<Value> {
    let Value::Array(mut params) = transaction.to_params("Open_vSwitch") else { panic!() };
    assert_eq!(params.remove(0), "Open_vSwitch");
    params
}

#[test]
fn rows_of_one_transaction_refer_to_each_other() {
    let mut transaction = Transaction::new();
    let interface = transaction.insert(&Values::of(&Interface { name: "a".into(), ..Interface::default() }));
    let port = transaction.insert(&Values::<Port>::new().refer(&Port::INTERFACES, [interface]));
    let bridge = Rows::<Bridge>::row(Uuid::from_u128(5));
    transaction.mutate(&bridge, &Mutations::new().insert_references(&Bridge::PORTS, [port]));
    assert_eq!(
        operations(&transaction),
        [
            json!({"op": "insert", "table": "Interface", "uuid-name": "row0", "row": {"name": "a"}}),
            json!({"op": "insert", "table": "Port", "uuid-name": "row1",
                   "row": {"interfaces": ["named-uuid", "row0"]}}),
            json!({"op": "mutate", "table": "Bridge", "where": [["_uuid", "==", ["uuid", UUID]]],
                   "mutations": [["ports", "insert", ["set", [["named-uuid", "row1"]]]]]}),
        ]
    );
}

#[test]
fn every_operation_has_its_json() {
    let all = Rows::<OpenvSwitch>::all();
    let some =
        Rows::matching(&Interface::OFPORT, &Some(3)).and(&Interface::MTU, Function::Greater, &Some(1400));
    let mut transaction = Transaction::new();
    transaction.update(&all, &Values::new().set(&OpenvSwitch::NEXT_CFG, 4));
    transaction.delete(&some);
    transaction.select(&some, &["name"]);
    transaction.wait(&all, Until::Differ, &[Values::new().set(&OpenvSwitch::CUR_CFG, 4)], 100);
    transaction.wait::<Bridge>(&Rows::all(), Until::Equal, &[], 0);
    let mutations = Mutations::new()
        .add(&OpenvSwitch::NEXT_CFG, 1)
        .delete_keys(&OpenvSwitch::EXTERNAL_IDS, ["k".to_owned()])
        .delete(&OpenvSwitch::OTHER_CONFIG, &[("a".to_owned(), "b".to_owned())].into())
        .delete_references(&OpenvSwitch::BRIDGES, [Uuid::from_u128(5).into()]);
    transaction.mutate(&all, &mutations);
    transaction.comment("why");
    transaction.abort();
    transaction.assert("lock");
    transaction.commit_durably();
    let conditions = json!([["ofport", "==", 3], ["mtu", ">", 1400]]);
    assert_eq!(
        operations(&transaction),
        [
            json!({"op": "update", "table": "Open_vSwitch", "where": [], "row": {"next_cfg": 4}}),
            json!({"op": "delete", "table": "Interface", "where": conditions}),
            json!({"op": "select", "table": "Interface", "where": conditions, "columns": ["name", "_uuid"]}),
            json!({"op": "wait", "table": "Open_vSwitch", "where": [], "columns": ["cur_cfg"], "until": "!=",
                   "rows": [{"cur_cfg": 4}], "timeout": 100}),
            json!({"op": "wait", "table": "Bridge", "where": [], "columns": ["_uuid"], "until": "==",
                   "rows": [], "timeout": 0}),
            json!({"op": "mutate", "table": "Open_vSwitch", "where": [], "mutations": [
                ["next_cfg", "+=", 1],
                ["external_ids", "delete", ["set", ["k"]]],
                ["other_config", "delete", ["map", [["a", "b"]]]],
                ["bridges", "delete", ["set", [["uuid", UUID]]]],
            ]}),
            json!({"op": "comment", "comment": "why"}),
            json!({"op": "abort"}),
            json!({"op": "assert", "lock": "lock"}),
            json!({"op": "commit", "durable": true}),
        ]
    );
}

fn three_operations() -> (Transaction, RowRef, OperationId, OperationId) {
    let mut transaction = Transaction::new();
    let row = transaction.insert(&Values::<Port>::new());
    let mutated = transaction.mutate(&Rows::<Bridge>::all(), &Mutations::new());
    let selected = transaction.select(&Rows::<Interface>::all(), &[]);
    (transaction, row, mutated, selected)
}

#[test]
fn results_are_found_by_operation() {
    let (transaction, row, mutated, selected) = three_operations();
    let reply = json!([
        {"uuid": ["uuid", UUID]}, {"count": 2}, {"rows": [{"_uuid": ["uuid", UUID], "name": "a", "ofport": 1}]},
    ]);
    let outcome = transaction.receipt().read(Ok(reply)).unwrap();
    assert_eq!(outcome.uuid(row), Some(Uuid::from_u128(5)));
    assert_eq!(outcome.uuid(RowRef::New(1)), None);
    assert_eq!(outcome.count(mutated), Some(2));
    assert_eq!(outcome.count(selected), None);
    let rows = outcome.rows::<Interface>(selected).unwrap();
    assert_eq!(
        rows,
        [(Uuid::from_u128(5), Interface { name: "a".into(), ofport: Some(1), ..Interface::default() })]
    );
    assert_eq!(outcome.rows::<Interface>(mutated), Err(SelectError::NotASelect));
}

#[test]
fn failures_name_the_operation() {
    let read = |reply| three_operations().0.receipt().read(reply).unwrap_err();
    let failed = json!({"error": "constraint violation", "details": "because"});
    let error = read(Ok(json!([{"uuid": ["uuid", UUID]}, failed, null])));
    assert_eq!(error.to_string(), "mutate of Bridge (operation 1) failed: constraint violation: because");
    let error = read(Ok(json!([{"uuid": ["uuid", UUID]}, {"count": 2}, {"rows": []}, failed])));
    assert_eq!(error.to_string(), "commit failed: constraint violation: because");
    assert_eq!(error.code(), "constraint violation");
    let error = read(Err(json!("canceled")));
    assert_eq!(error.to_string(), "the server refused the request: canceled: no details");
    assert!(!error.is_conflict());
}

#[test]
fn replies_that_do_not_fit_are_malformed() {
    for reply in [
        json!({}),
        json!([]),
        json!([{}, {}, {}]),
        json!([{"uuid": ["uuid", UUID]}, {"count": -1}, {"rows": []}]),
        json!([{"uuid": "x"}, {"count": 1}, {"rows": []}]),
        json!([{"uuid": ["uuid", UUID]}, {"count": 1}, {"rows": [1]}]),
        json!([null, null, null]),
    ] {
        let error = three_operations().0.receipt().read(Ok(reply.clone())).unwrap_err();
        assert!(matches!(error, TransactionError::Malformed(_)), "{reply}: {error}");
    }
}

#[test]
fn a_hostile_explanation_is_cut() {
    let details = "x".repeat(1_000_000);
    let error =
        three_operations().0.receipt().read(Err(json!({"error": "e", "details": details}))).unwrap_err();
    assert!(error.to_string().len() < 2000);
}

#[test]
fn selected_rows_of_the_wrong_type_are_refused() {
    let (transaction, _, _, selected) = three_operations();
    let reply = json!([{"uuid": ["uuid", UUID]}, {"count": 0}, {"rows": [{"ofport": "one"}]}]);
    let outcome = transaction.receipt().read(Ok(reply)).unwrap();
    let error = outcome.rows::<Interface>(selected).unwrap_err().to_string();
    assert_eq!(error, "column ofport of table Interface: expected integer, found a string");
}
