//! Values as Neutron's texts quote them.
//!
//! Neutron puts values into its texts by Python's `%s`, so `None`, `True` and `['a', 'b']` are what clients see there.
//! What is quoted has a limit: a value may be as large as a request, an answer need not be.

use std::fmt::{self, Write};

use serde_json::Value;

/// Most bytes of a quoted value.
pub const QUOTED_BYTES_MAX: usize = 2048;

/// Writes until the limit is reached, and then fails, which ends the writing.
struct Limited {
    text: String,
}

impl Write for Limited {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = QUOTED_BYTES_MAX.saturating_sub(self.text.len());
        if text.len() <= room {
            self.text.push_str(text);
            return Ok(());
        }
        self.text.push_str(text.get(..text.floor_char_boundary(room)).unwrap_or_default());
        self.text.push_str("...");
        Err(fmt::Error)
    }
}

/// A value as `str()` writes it: texts as they are, everything else as `repr()`.
#[must_use]
pub fn text(value: &Value) -> String {
    limited(|out| match value {
        Value::String(text) => out.write_str(text),
        other => write_repr(out, other),
    })
}

/// A value as `repr()` writes it: texts in quotes.
#[must_use]
pub fn repr(value: &Value) -> String {
    limited(|out| write_repr(out, value))
}

/// A list of texts as `repr()` writes it.
#[must_use]
pub fn repr_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    limited(|out| write_list(out, texts, write_quoted))
}

fn limited(write: impl FnOnce(&mut Limited) -> fmt::Result) -> String {
    let mut out = Limited { text: String::new() };
    // The only error is that of the limit, and then what is there is what is wanted.
    let _ = write(&mut out);
    out.text
}

fn write_repr(out: &mut Limited, value: &Value) -> fmt::Result {
    match value {
        Value::Null => out.write_str("None"),
        Value::Bool(true) => out.write_str("True"),
        Value::Bool(false) => out.write_str("False"),
        Value::Number(number) => write!(out, "{number}"),
        Value::String(text) => write_quoted(out, text),
        Value::Array(items) => write_list(out, items, write_repr),
        Value::Object(members) => {
            out.write_char('{')?;
            for (index, (name, value)) in members.iter().enumerate() {
                if index > 0 {
                    out.write_str(", ")?;
                }
                write_quoted(out, name)?;
                out.write_str(": ")?;
                write_repr(out, value)?;
            }
            out.write_char('}')
        }
    }
}

fn write_list<T>(
    out: &mut Limited,
    items: impl IntoIterator<Item = T>,
    write: impl Fn(&mut Limited, T) -> fmt::Result,
) -> fmt::Result {
    out.write_char('[')?;
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.write_str(", ")?;
        }
        write(out, item)?;
    }
    out.write_char(']')
}

fn write_quoted(out: &mut Limited, text: &str) -> fmt::Result {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.write_char(quote)?;
    for character in text.chars() {
        match character {
            '\\' => out.write_str("\\\\")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            _ if character == quote => write!(out, "\\{quote}")?,
            _ if character.is_control() => write!(out, "\\x{:02x}", u32::from(character))?,
            _ => out.write_char(character)?,
        }
    }
    out.write_char(quote)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_look_as_python_writes_them() {
        assert_eq!(text(&json!("it's")), "it's");
        assert_eq!(text(&json!([null, true, 1.5, "a'b", "a\"'b"])), r#"[None, True, 1.5, "a'b", 'a"\'b']"#);
        assert_eq!(repr(&json!({"a": ["x"], "b": false})), "{'a': ['x'], 'b': False}");
        assert_eq!(repr_texts(["a", "b"]), "['a', 'b']");
    }

    #[test]
    fn what_is_quoted_has_a_limit() {
        let long = "ä".repeat(QUOTED_BYTES_MAX);
        for quoted in [text(&json!(long)), text(&json!([long, long])), repr_texts(vec![long.as_str(); 3])] {
            assert!(quoted.len() <= QUOTED_BYTES_MAX + 3, "{}", quoted.len());
            assert!(quoted.ends_with("..."));
        }
    }
}
