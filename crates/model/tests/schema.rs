//! Our records have the members that the original's schema lists, of the same types and with the same demands.

use model::{FieldSpec, Presence, Shape, Strength, Table};
use serde_json::Value;
use testkit::shared_fixture;

/// The records that are parts of rows which the original has.
fn parts() -> impl Iterator<Item = (&'static str, &'static [FieldSpec])> {
    let tables = Table::ALL.iter().filter(|table| table.is_original());
    let shapes = tables.flat_map(|table| table.fields()).map(|field| &field.shape);
    shapes.filter_map(|shape| match shape {
        Shape::Record { name, fields } | Shape::List(Shape::Record { name, fields }) => {
            Some((*name, *fields))
        }
        _ => None,
    })
}

fn fields_of(class: &str) -> &'static [FieldSpec] {
    let table = Table::ALL.iter().find(|table| table.class() == class).map(|table| table.fields());
    table
        .or_else(|| parts().find(|(name, _)| *name == class).map(|(_, fields)| fields))
        .unwrap_or_else(|| panic!("there is no {class}"))
}

/// Whether what we hold is what the schema describes. The schema calls everything with a text form a string, also
/// ranges and DHCP options, which are none in JSON.
fn agrees(shape: &Shape, strength: Strength, is_own_id: bool, schema: &Value) -> bool {
    let is = |name: &str| schema["type"] == name;
    let refers_to = |class: &str| schema["$ref"] == format!("#/components/schemas/{class}");
    match shape {
        Shape::Text | Shape::Id | Shape::Topic | Shape::Address | Shape::Network | Shape::Mac => {
            is("string") && schema["enum"].is_null()
        }
        Shape::PortRange | Shape::DhcpOptions => is("string"),
        Shape::Boolean => is("boolean"),
        Shape::Integer(_) | Shape::UniqueKey | Shape::Number | Shape::Timestamp => is("number"),
        Shape::Choice { known, open } => {
            let values = schema["enum"].as_array().map(|values| values.iter().filter_map(Value::as_str));
            is("string") && values.map_or(*open, |values| values.eq(known.iter().copied()))
        }
        Shape::Reference(table) => {
            refers_to(table.class()) || ((is_own_id || strength == Strength::Weak) && is("string"))
        }
        Shape::List(element) => is("array") && agrees(element, strength, false, &schema["items"]),
        Shape::Record { name, .. } => refers_to(name),
    }
}

#[test]
fn every_member_of_the_schema_is_there() {
    let Some(path) = shared_fixture("fixtures/dragonflow/df-model-schemas.json") else { return };
    let schemas: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let schemas = schemas.as_object().unwrap();
    for (class, schema) in schemas {
        let fields = fields_of(class);
        let members = schema["properties"].as_object().unwrap();
        let ours: Vec<&str> = fields.iter().map(|field| field.name).collect();
        let theirs: Vec<&str> = members.keys().map(String::as_str).collect();
        assert_eq!(ours, theirs, "{class}");
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for field in fields {
            let place = format!("{class}.{}", field.name);
            assert_eq!(field.presence == Presence::Required, required.contains(&field.name), "{place}");
            let is_own_id = field.name == "id";
            let member = &members[field.name];
            assert!(
                agrees(&field.shape, field.strength, is_own_id, member),
                "{place}: {field:?}, not {member}"
            );
        }
        let table = Table::ALL.iter().find(|table| table.class() == class).map(|table| table.name());
        assert_eq!(schema["x-table-name"].as_str(), table, "{class}");
    }
    let original = Table::ALL.iter().filter(|table| table.is_original());
    assert!(original.map(|table| table.class()).all(|class| schemas.contains_key(class)));
    assert!(parts().all(|(name, _)| schemas.contains_key(name)));
}
