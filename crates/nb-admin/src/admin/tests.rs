use nb::MemoryStore;

use super::*;

const SUBNET: &str = r#"{"id": "s", "topic": "t", "lswitch": "n", "cidr": "10.0.0.0/24"}"#;

fn network(id: &str) -> String {
    format!(r#"{{"id": "{id}", "topic": "t", "mtu": 1400}}"#)
}

fn table(name: &str) -> TableName {
    Admin::table(name).unwrap()
}

fn id(text: &str) -> RowId {
    RowId::new(text).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_seconds(1.0).unwrap()
}

fn admin() -> (Admin, MemoryStore) {
    let store = MemoryStore::new();
    (Admin::new(Arc::new(store.clone())), store)
}

#[test]
fn tables_are_those_of_the_model_and_the_counters() {
    let tables = Admin::tables();
    assert_eq!(tables.len(), Table::ALL.len() + 1);
    assert!(tables.is_sorted() && tables.contains(&TableName::new("unique_key")));
    assert_eq!(
        Admin::table("lswich").unwrap_err().to_string(),
        r#"there is no table "lswich"; `tables` lists those that there are"#
    );
}

#[tokio::test]
async fn a_row_that_is_added_gets_its_number_and_version() {
    let (admin, _) = admin();
    for (name, number) in [("n1", 1), ("n2", 2)] {
        assert_eq!(admin.add(table("lswitch"), &network(name), now()).await.unwrap(), id(name));
        let row = admin.get(table("lswitch"), &id(name)).await.unwrap();
        assert_eq!(
            (&row["unique_key"], &row["version"], &row["mtu"]),
            (&json!(number), &json!(1), &json!(1400))
        );
    }
    assert_eq!(admin.ids(table("lswitch")).await.unwrap(), [id("n1"), id("n2")]);
    let counter = admin.get(table("unique_key"), &id("lswitch")).await.unwrap();
    assert_eq!(counter, json!({"id": "lswitch", "unique_key": 2}));
    assert_eq!(admin.add(table("lsubnet"), SUBNET, now()).await.unwrap(), id("s"));
}

#[tokio::test]
async fn what_is_no_row_is_not_added_and_takes_no_number() {
    let (admin, store) = admin();
    for text in ["", "[]", "{}", r#"{"id": ""}"#, r#"{"id": "n", "topic": "t", "mtu": "long"}"#] {
        assert!(admin.add(table("lswitch"), text, now()).await.is_err(), "{text}");
    }
    assert!(admin.add(table("unique_key"), r#"{"id": "lswitch"}"#, now()).await.is_err());
    assert_eq!(store.revision(), MemoryStore::new().revision(), "nothing was written");
    admin.add(table("lswitch"), &network("n"), now()).await.unwrap();
    let again = admin.add(table("lswitch"), &network("n"), now()).await.unwrap_err();
    assert_eq!(again.to_string(), "table lswitch has a row n already; use `update` to change it");
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_counts() {
    let (admin, _) = admin();
    admin.add(table("lswitch"), &network("n"), now()).await.unwrap();
    let change = r#"{"id": "n", "mtu": 1500}"#;
    assert!(admin.update(table("lswitch"), change, &now()).await.unwrap());
    assert!(!admin.update(table("lswitch"), change, &now()).await.unwrap(), "nothing is left to change");
    let row = admin.get(table("lswitch"), &id("n")).await.unwrap();
    assert_eq!((&row["mtu"], &row["version"], &row["topic"]), (&json!(1500), &json!(2), &json!("t")));
    let missing = admin.update(table("lswitch"), r#"{"id": "m", "mtu": 1}"#, &now()).await.unwrap_err();
    assert_eq!(missing.to_string(), "table lswitch has no row m");
    assert!(admin.update(table("lswitch"), r#"{"id": "n", "mtuu": 1}"#, &now()).await.is_err());
    assert!(admin.update(table("lswitch"), r#"{"mtu": 1}"#, &now()).await.is_err());
}

#[tokio::test]
async fn a_port_is_bound() {
    let (admin, _) = admin();
    admin.add(table("lport"), r#"{"id": "p", "topic": "t"}"#, now()).await.unwrap();
    assert!(admin.bind("p", "host-1", &now()).await.unwrap());
    assert!(!admin.bind("p", "host-1", &now()).await.unwrap());
    let row = admin.get(table("lport"), &id("p")).await.unwrap();
    assert_eq!((&row["binding"]["chassis"], &row["binding"]["type"]), (&json!("host-1"), &json!("chassis")));
    assert!(admin.bind("q", "host-1", &now()).await.is_err());
}

#[tokio::test]
async fn rows_are_removed_once_and_all_of_them() {
    let (admin, store) = admin();
    for number in 0..300 {
        admin.add(table("lswitch"), &network(&format!("n{number}")), now()).await.unwrap();
    }
    admin.add(table("lsubnet"), SUBNET, now()).await.unwrap();
    admin.remove(table("lsubnet"), &id("s")).await.unwrap();
    assert!(admin.remove(table("lsubnet"), &id("s")).await.is_err());
    assert_eq!(admin.clean().await.unwrap(), 301, "the networks and their counter");
    assert!(admin.dump().await.unwrap().into_values().all(|rows| rows.is_empty()));
    assert_eq!(admin.clean().await.unwrap(), 0);
    drop(store);
}

#[tokio::test]
async fn damaged_rows_are_shown_as_they_are() {
    let (admin, store) = admin();
    let key = Key::new(Table::LogicalSwitch, id("bad"));
    store.commit(Txn::new().put(key, "{ no json")).await.unwrap();
    assert_eq!(admin.get(table("lswitch"), &id("bad")).await.unwrap(), json!("{ no json"));
    let dump = admin.dump().await.unwrap();
    assert_eq!(dump[&table("lswitch")], [json!("{ no json")]);
}
