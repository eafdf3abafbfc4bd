use super::*;
use crate::typed::Table;
use crate::value::AtomicType;
use crate::vswitch::{Bridge, Interface, Port, QoS};

fn schema(tables: Value) -> DatabaseSchema {
    DatabaseSchema::from_json(&json!({"name": "x", "version": "1.0.0", "tables": tables})).unwrap()
}

#[test]
fn columns_are_grouped_and_sorted_and_counted_once() {
    let spec = MonitorSpec::new(&[
        Port::NAME.info(),
        Bridge::PORTS.info(),
        Bridge::NAME.info(),
        Bridge::NAME.info(),
    ]);
    let names: Vec<_> = spec
        .tables()
        .iter()
        .map(|table| (table.name(), table.columns().iter().map(|column| &*column.name).collect::<Vec<_>>()))
        .collect();
    assert_eq!(names, [("Bridge", vec!["name", "ports"]), ("Port", vec!["name"])]);
}

#[test]
fn what_the_server_lacks_is_missing_and_not_asked_for() {
    let spec = MonitorSpec::new(&[Port::NAME.info(), Bridge::NAME.info(), Bridge::FAIL_MODE.info()]);
    let available = spec
        .resolve(&schema(
            json!({"Bridge": {"columns": {"name": {"type": "string"}, "new": {"type": "real"}}}}),
        ))
        .unwrap();
    assert_eq!(available.missing(), ["Bridge.fail_mode", "Port.name"]);
    assert_eq!(available.requests(), &json!({"Bridge": [{"columns": ["name"]}]}));
}

#[test]
fn limits_may_differ_and_kinds_may_not() {
    let spec = MonitorSpec::new(&[Port::TRUNKS.info()]);
    let with = |column_type: Value| {
        spec.resolve(&schema(json!({"Port": {"columns": {"trunks": {"type": column_type}}}})))
    };
    with(json!({"key": "integer", "min": 0, "max": 2})).unwrap();
    with(json!({"key": "integer", "min": 1, "max": "unlimited"})).unwrap();
    for other in [
        json!("integer"),
        json!({"key": "integer", "min": 0}),
        json!({"key": "string", "max": 9}),
        json!({"key": "integer", "value": "integer", "max": 9}),
    ] {
        let error = with(other.clone()).unwrap_err();
        assert_eq!((error.table.as_str(), error.column.as_str()), ("Port", "trunks"), "{other}");
    }
}

#[test]
fn the_model_fits_the_installed_schema_completely() {
    let text = std::fs::read_to_string("/usr/share/openvswitch/vswitch.ovsschema")
        .expect("the schema of the installed openvswitch-switch package");
    let installed = DatabaseSchema::parse(&text).unwrap();
    let columns = [Bridge::COLUMNS, Port::COLUMNS, Interface::COLUMNS, QoS::COLUMNS].concat();
    let available = MonitorSpec::new(&columns).resolve(&installed).unwrap();
    assert_eq!(available.missing(), [""; 0]);
    let everything = MonitorSpec::everything(&installed);
    assert!(everything.tables().len() > 10);
    assert_eq!(everything.resolve(&installed).unwrap().missing(), [""; 0]);
    assert_eq!(relax(Shape::set(AtomicType::Integer, 1, Some(3))), Shape::set(AtomicType::Integer, 0, None));
}
