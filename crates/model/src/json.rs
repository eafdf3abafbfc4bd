//! The text of rows.
//!
//! Rows are written as Python's `json.dumps` writes them: a space behind `,` and `:`, everything but printable ASCII
//! escaped. Members come in alphabetical order, because records declare them so. A row that the original wrote under
//! Python 3 is therefore written back byte by byte (except that DHCP options are sorted, and that very large and very
//! small fractions are spelled differently), which makes "has this changed" cheap to answer for whoever compares
//! text, and keeps diffs of dumps short.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};

use crate::error::{DecodeError, MAX_ROW_BYTES};
use crate::{Problem, Record, Table};

/// The text of a record.
pub(crate) fn to_text(record: &impl Serialize) -> String {
    let mut bytes = Vec::with_capacity(512);
    let mut serializer = Serializer::with_formatter(&mut bytes, PythonStyle);
    record.serialize(&mut serializer).expect("members have string keys and memory takes all bytes");
    String::from_utf8(bytes).expect("the formatter writes ASCII")
}

/// The record that a text says.
pub(crate) fn from_text<R: Record>(table: Table, text: &str) -> Result<R, DecodeError> {
    if text.len() > MAX_ROW_BYTES {
        return Err(DecodeError::TooLong { table, bytes: text.len() });
    }
    let row: Value = serde_json::from_str(text).map_err(|error| DecodeError::syntax(table, text, &error))?;
    from_value(table, &row)
}

/// The record that a JSON value says.
pub(crate) fn from_value<R: Record>(table: Table, row: &Value) -> Result<R, DecodeError> {
    let read = match row {
        Value::Object(members) => R::read_members(members),
        other => Err(Problem::new("an object", other)),
    };
    read.map_err(|problem| DecodeError::member(table, row, problem))
}

/// Python's separators and escapes.
struct PythonStyle;

fn separate<W: ?Sized + Write>(writer: &mut W, first: bool) -> io::Result<()> {
    if first { Ok(()) } else { writer.write_all(b", ") }
}

impl Formatter for PythonStyle {
    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        separate(writer, first)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        separate(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, text: &str) -> io::Result<()> {
        let mut rest = text;
        while let Some(at) = rest.find(|c: char| !matches!(c, ' '..='~')) {
            let (plain, special) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut characters = special.chars();
            for unit in characters.next().into_iter().flat_map(|c| c.encode_utf16(&mut [0; 2]).to_vec()) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = characters.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_spelled_as_python_spells_it() {
        let value = serde_json::json!({"a": ["ext-\u{e9}", "\u{1f600}\u{7f}\n\"\\/", 1.5, null], "b": {}});
        let text = r#"{"a": ["ext-\u00e9", "\ud83d\ude00\u007f\n\"\\/", 1.5, null], "b": {}}"#;
        assert_eq!(to_text(&value), text);
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), value);
    }
}
