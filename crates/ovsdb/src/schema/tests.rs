use super::*;
use serde_json::json;

fn column(of: Value) -> Result<ColumnSchema, SchemaError> {
    ColumnSchema::from_json(&json!({"type": of}), "T.c")
}

fn check(column: &ColumnSchema, value: Value) -> bool {
    column.check(&Datum::parse(&value, &column.shape, NamedUuids::Refuse).unwrap()).is_ok()
}

#[test]
fn shapes_follow_the_type() {
    assert_eq!(column(json!("integer")).unwrap().shape, Shape::scalar(AtomicType::Integer));
    assert_eq!(column(json!({"key": "string"})).unwrap().shape, Shape::scalar(AtomicType::String));
    assert_eq!(
        column(json!({"key": "string", "min": 0})).unwrap().shape,
        Shape::optional(AtomicType::String)
    );
    let map = column(json!({"key": "string", "value": "integer", "min": 0, "max": "unlimited"})).unwrap();
    assert_eq!(map.shape, Shape::map(AtomicType::String, AtomicType::Integer, 0, None));
}

#[test]
fn constraints_are_checked() {
    let range = column(json!({"key": {"type": "integer", "minInteger": 0, "maxInteger": 4095}})).unwrap();
    assert!(check(&range, json!(0)) && check(&range, json!(4095)));
    assert!(!check(&range, json!(-1)) && !check(&range, json!(4096)));
    let words =
        column(json!({"key": {"type": "string", "enum": ["set", ["secure", "standalone"]]}})).unwrap();
    assert!(check(&words, json!("secure")) && !check(&words, json!("other")));
    let length = column(json!({"key": {"type": "string", "minLength": 2, "maxLength": 3}})).unwrap();
    assert!(check(&length, json!("éé")) && !check(&length, json!("é")) && !check(&length, json!("éééé")));
    let real = column(json!({"key": {"type": "real", "maxReal": 0.5}})).unwrap();
    assert!(check(&real, json!(0.5)) && check(&real, json!(-9e9)) && !check(&real, json!(0.6)));
    let values =
        column(json!({"key": "string", "value": {"type": "integer", "minInteger": 1}, "max": 9})).unwrap();
    assert!(check(&values, json!(["map", [["a", 1]]])) && !check(&values, json!(["map", [["a", 0]]])));
}

#[test]
fn references_know_their_strength() {
    let strong = column(json!({"key": {"type": "uuid", "refTable": "Port"}})).unwrap();
    assert_eq!(strong.key.constraint, Constraint::References { table: "Port".into(), strong: true });
    let weak = column(json!({"key": {"type": "uuid", "refTable": "Port", "refType": "weak"}})).unwrap();
    assert_eq!(weak.key.constraint, Constraint::References { table: "Port".into(), strong: false });
}

#[test]
fn errors_name_the_place() {
    for bad in [
        json!("float"),
        json!(3),
        json!({}),
        json!({"key": "string", "min": 2}),
        json!({"key": "string", "max": 0}),
        json!({"key": "string", "max": "many"}),
        json!({"key": "string", "min": -1}),
    ] {
        let error = column(bad.clone()).unwrap_err().to_string();
        assert!(error.starts_with("invalid schema at T.c: "), "{bad}: {error}");
    }
    assert!(DatabaseSchema::parse("{").is_err());
    assert!(
        DatabaseSchema::parse(r#"{"name":"x","version":"1"}"#).unwrap_err().to_string().contains("tables")
    );
}

#[test]
fn the_installed_vswitch_schema_parses() {
    let text = std::fs::read_to_string("/usr/share/openvswitch/vswitch.ovsschema")
        .expect("the schema of the installed openvswitch-switch package");
    let schema = DatabaseSchema::parse(&text).unwrap();
    assert_eq!(schema.name, "Open_vSwitch");
    assert!(schema.tables["Open_vSwitch"].is_root);
    assert_eq!(schema.tables["Open_vSwitch"].max_rows, Some(1));
    assert_eq!(schema.tables["Bridge"].indexes, [["name"]]);
    assert!(!schema.tables["Bridge"].columns["name"].mutable);
    assert!(schema.tables["Interface"].columns["mac_in_use"].ephemeral);
}
