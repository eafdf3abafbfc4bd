//! The page about the tables, their members and how they hang together, made of the declarations.

use std::fmt::Write;

use crate::{FieldSpec, Layout, Presence, RowId, Shape, Strength, Table, Topic, TopicRule};

const HEAD: &str = "# Northbound objects

Made from the declarations in `crates/model` by `model::object_reference`; `UPDATE_GOLDEN=1 cargo test -p model` writes it anew.

Rows are JSON objects. A member is *required*, *optional* (left out when there is nothing to say) or *always* there (an
empty list or object when there is nothing to say). Members that are not in these tables are ignored when a row is read.
A *weak* reference may lead nowhere; the others are known before the row is of use. A row that wants a *unique key* gets it from
its table's counter when it is created. A row with a *version* begins with 1, or with what its writer says, and counts
its changes; what is received with a version that is not higher than the known one is stale.

Interfaces of the switch (`switch_port`, which the original calls a model) are never stored and so are no table here.
";

/// The page `docs/model.md`.
#[must_use]
pub fn object_reference() -> String {
    let mut page = HEAD.to_owned();
    tables(&mut page);
    keys(&mut page);
    for table in Table::dependency_order() {
        describe(&mut page, table);
    }
    let records = records();
    for (name, fields) in records {
        line(&mut page, format_args!("\n## {name}\n\nPart of a row, not a table.\n"));
        members(&mut page, fields);
    }
    page
}

fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(page, "{text}").expect("a string takes all text");
}

fn tables(page: &mut String) {
    line(
        page,
        format_args!(
            "\n## Tables\n\nIn an order in which each stands behind those it refers to. The original does not know those that are ours.\n"
        ),
    );
    line(
        page,
        format_args!(
            "| table | object | topic | version | unique key | refers to |\n|---|---|---|---|---|---|"
        ),
    );
    for table in Table::dependency_order() {
        let topic = match table.topic_rule() {
            TopicRule::Stored => "stored",
            TopicRule::Computed => "computed",
            TopicRule::None => "",
        };
        let yes = |holds| if holds { "yes" } else { "" };
        let ours = if table.is_original() { "" } else { " (ours)" };
        let needs: Vec<String> = table.dependencies().iter().map(|table| format!("`{table}`")).collect();
        line(
            page,
            format_args!(
                "| `{table}`{ours} | {} | {topic} | {} | {} | {} |",
                link(table.class()),
                yes(table.is_versioned()),
                yes(table.has_unique_key()),
                needs.join(", "),
            ),
        );
    }
}

fn keys(page: &mut String) {
    line(page, format_args!("\n## Keys\n\n| store | row | row without topic | counter |\n|---|---|---|---|"));
    let id = RowId::new("ID").expect("the id is not empty");
    let topic = Topic::new("TOPIC");
    for layout in Layout::ALL {
        let key = |table, topic| layout.row_key(table, &id, topic).unwrap_or_default();
        line(
            page,
            format_args!(
                "| {layout:?} | `{}` | `{}` | `{}` |",
                key(Table::LogicalPort, Some(&topic)),
                key(Table::Chassis, None),
                layout.counter_key(Table::LogicalPort),
            ),
        );
    }
}

fn describe(page: &mut String, table: Table) {
    line(page, format_args!("\n## {}\n\nTable `{table}`.\n", table.class()));
    members(page, table.fields());
    let indexes: Vec<String> = table.indexes().iter().map(|name| format!("`{name}`")).collect();
    if !indexes.is_empty() {
        line(page, format_args!("\nFound {}.", indexes.join(", ")));
    }
}

fn members(page: &mut String, fields: &[FieldSpec]) {
    line(page, format_args!("| member | value | presence | meaning |\n|---|---|---|---|"));
    for field in fields {
        let presence = match field.presence {
            Presence::Required => "required",
            Presence::Optional => "optional",
            Presence::Always => "always",
        };
        let weak = if field.strength == Strength::Weak { " (weak)" } else { "" };
        let is_own_id =
            matches!(field.shape, Shape::Reference(table) if field.name == "id" && table.fields() == fields);
        let value = if is_own_id { words(&Shape::Id) } else { words(&field.shape) };
        line(page, format_args!("| `{}` | {value}{weak} | {presence} |{} |", field.name, field.meaning));
    }
}

fn link(name: &str) -> String {
    format!("[{name}](#{})", name.to_lowercase())
}

fn words(shape: &Shape) -> String {
    match shape {
        Shape::Text => "text".to_owned(),
        Shape::Id => "id".to_owned(),
        Shape::Topic => "topic".to_owned(),
        Shape::Boolean => "boolean".to_owned(),
        Shape::Integer(u64::MAX) => "whole number".to_owned(),
        Shape::Integer(max) => format!("0 to {max}"),
        Shape::UniqueKey => "unique key".to_owned(),
        Shape::Number => "number".to_owned(),
        Shape::Timestamp => "seconds since 1970".to_owned(),
        Shape::Address => "IP address".to_owned(),
        Shape::Network => "address/length".to_owned(),
        Shape::Mac => "MAC address".to_owned(),
        Shape::PortRange => "`[first, last]`".to_owned(),
        Shape::DhcpOptions => "`{\"1\" to \"254\": text}`".to_owned(),
        Shape::Choice { known, open } => {
            let more = if *open { ", or another text" } else { "" };
            format!("`{}`{more}", known.join("`, `"))
        }
        Shape::Reference(table) => format!("id of {}", link(table.class())),
        Shape::List(element) => format!("list of {}", words(element)),
        Shape::Record { name, .. } => link(name),
    }
}

/// The records that are parts of rows, by name.
fn records() -> std::collections::BTreeMap<&'static str, &'static [FieldSpec]> {
    let shapes = Table::ALL.iter().flat_map(|table| table.fields()).map(|field| &field.shape);
    let parts = shapes.filter_map(|shape| match shape {
        Shape::Record { name, fields } | Shape::List(Shape::Record { name, fields }) => {
            Some((*name, *fields))
        }
        _ => None,
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_in_docs_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/model.md");
        let page = object_reference();
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(path, &page).unwrap();
        }
        let checked_in = std::fs::read_to_string(path).unwrap_or_default();
        assert!(checked_in == page, "{path} is out of date: run UPDATE_GOLDEN=1 cargo test -p model");
    }
}
