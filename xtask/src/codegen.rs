//! `cargo xtask codegen`: files that are generated and checked in.
//!
//! They are checked in so that building needs no generator and a change of them shows in review.
//! `--check` compares without writing. A machine with another version of Open vSwitch would generate
//! another model; there the comparison proves nothing and is left out, which is said.

use std::fs;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::ovsdb_model::{self, OUTPUT_PATH, SCHEMA_PATH};
use crate::shell::{root, say};

pub(crate) fn run(args: &[&str]) -> Result<()> {
    let check = match args {
        [] => false,
        ["--check"] => true,
        _ => bail!("codegen takes no argument but --check"),
    };
    let schema = fs::read_to_string(SCHEMA_PATH).with_context(|| {
        format!("read {SCHEMA_PATH}: run `cargo xtask setup`, it belongs to openvswitch-switch")
    })?;
    let generated = ovsdb_model::generate(&schema)?;
    let path = root().join(OUTPUT_PATH);
    if !check {
        fs::write(&path, generated).with_context(|| format!("write {OUTPUT_PATH}"))?;
        say(&format!("wrote {OUTPUT_PATH}"));
        return Ok(());
    }
    let present = fs::read_to_string(&path).with_context(|| format!("read {OUTPUT_PATH}"))?;
    let version = schema_version(&schema)?;
    if !names_version(&present, &version) {
        say(&format!(
            "{OUTPUT_PATH} is of another schema version than the installed {version}: not compared"
        ));
        return Ok(());
    }
    match first_difference(&present, &generated) {
        None => Ok(()),
        Some(line) => {
            bail!("{OUTPUT_PATH}:{line} is not what the generator writes: run `cargo xtask codegen`")
        }
    }
}

fn schema_version(schema: &str) -> Result<String> {
    let schema: Value = serde_json::from_str(schema).with_context(|| format!("parse {SCHEMA_PATH}"))?;
    let version = schema.get("version").and_then(Value::as_str);
    version.map(str::to_owned).with_context(|| format!("{SCHEMA_PATH} has no version"))
}

/// The generator writes the schema's version into the head of the file.
fn names_version(model: &str, version: &str) -> bool {
    let head = model.lines().take_while(|line| line.starts_with("//!"));
    head.flat_map(|line| line.split([' ', ';', ','])).any(|word| word == version)
}

/// The number of the first line that differs.
fn first_difference(present: &str, generated: &str) -> Option<usize> {
    if present == generated {
        return None;
    }
    let same = present.lines().zip(generated.lines()).take_while(|(left, right)| left == right).count();
    Some(same + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_version_in_the_head() {
        let model =
            "//! Generated from vswitch.ovsschema 8.3.1; do not edit.\n\nconst X: &str = \"9.9.9\";\n";
        assert!(names_version(model, "8.3.1"));
        assert!(!names_version(model, "9.9.9"));
        assert!(!names_version(model, "8.3"));
    }

    #[test]
    fn names_the_first_line_that_differs() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(first_difference("a\nb\n", "a\nc\n"), Some(2));
        assert_eq!(first_difference("a\n", "a\nb\n"), Some(2));
        assert_eq!(first_difference("a\nb", "a\nb\n"), Some(3));
    }
}
