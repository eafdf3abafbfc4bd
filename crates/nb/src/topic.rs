//! Topics of rows whose key does not say it.
//!
//! Most stores name a row by table and id alone, and its topic is a member of its text. Drivers look it up here, so that
//! every store hands on the same keys.

use std::borrow::Cow;

use model::{Object, RowId, Table, Topic, TopicRule};
use serde::Deserialize;

use crate::key::{Key, TableName};

/// The only member that is looked for; a row that says nothing of it has an empty topic, as the original reads it.
#[derive(Deserialize)]
struct Stored<'a> {
    #[serde(borrow, default)]
    topic: Option<Cow<'a, str>>,
}

/// The topic that the text of a row says. None for tables without topics, and for texts that are no row.
#[must_use]
pub fn of_text(table: Table, value: &[u8]) -> Option<Topic> {
    let text = std::str::from_utf8(value).ok()?;
    // Serde would read an array as the members in their order.
    if !text.trim_start().starts_with('{') {
        return None;
    }
    match table.topic_rule() {
        TopicRule::None => None,
        TopicRule::Stored => {
            let stored: Stored<'_> = serde_json::from_str(text).ok()?;
            Some(Topic::new(&stored.topic.unwrap_or_default()))
        }
        TopicRule::Computed => Object::from_text(table, text).ok()?.topic(),
    }
}

/// The key of a row that was read: with its topic, if its text says one.
#[must_use]
pub fn key_of_row(table: TableName, id: RowId, value: &[u8]) -> Key {
    let topic = table.model().and_then(|table| of_text(table, value));
    Key { table, id, topic }
}

#[cfg(test)]
mod tests {
    use model::arbitrary::any_object;
    use proptest::strategy::Strategy as _;

    use super::*;

    fn key(table: &'static str, value: &str) -> Key {
        key_of_row(TableName::new(table), RowId::new("x").unwrap(), value.as_bytes())
    }

    #[test]
    fn the_topic_is_where_the_table_has_it() {
        assert_eq!(key("lport", r#"{"id": "x", "topic": "t\u00fcr"}"#).topic, Some(Topic::new("tür")));
        assert_eq!(key("lport", r#"{"id": "x"}"#).topic, Some(Topic::new("")));
        assert_eq!(key("lport", r#"{"id": "x", "topic": null}"#).topic, Some(Topic::new("")));
        assert_eq!(key("chassis", r#"{"id": "x", "topic": "t"}"#).topic, None);
        assert_eq!(key("of_ours", r#"{"id": "x", "topic": "t"}"#).topic, None);
        let listener = key("listener", r#"{"id": "x"}"#);
        assert_eq!(listener.topic, Some(Topic::new("listener_x")));
    }

    #[test]
    fn what_is_no_row_has_none() {
        for damaged in ["", "{", "[]", r#"{"topic": 3}"#, r#"{"topic": "x""#] {
            assert_eq!(key("lport", damaged).topic, None, "{damaged}");
        }
        assert_eq!(of_text(Table::LogicalPort, &[0xff, 0xfe]), None);
    }

    proptest::proptest! {
        #[test]
        fn it_agrees_with_the_model(object in proptest::sample::select(Table::ALL).prop_flat_map(any_object)) {
            proptest::prop_assert_eq!(of_text(object.table(), object.to_text().as_bytes()), object.topic());
        }
    }
}
