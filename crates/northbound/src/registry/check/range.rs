//! Checks of ranges of ports.

use serde_json::Value;

use super::{Verdict, flaw};
use crate::registry::python;

/// A port, or two with a colon between them, the smaller one first.
pub(super) fn ports_or_null(value: &Value) -> Verdict {
    if value.is_null() {
        return Ok(());
    }
    let text = python::text(value);
    let ports: Vec<&str> = text.split(':').collect();
    if ports.len() > 2 || ports.contains(&"") {
        return flaw("Port range must be two integers separated by a colon".to_owned());
    }
    let number = |port: &&str| port.parse::<u16>().ok().filter(|_| !port.starts_with('+'));
    let mut numbers = Vec::new();
    for port in &ports {
        match number(port) {
            Some(0) => return flaw(format!("Invalid port: {port}, valid range 1-65535")),
            Some(port) => numbers.push(port),
            None => return flaw(format!("Invalid port: {port}")),
        }
    }
    if !numbers.is_sorted() {
        return flaw("First port in a port range must be lower than the second port".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ranges_go_up() {
        for taken in [json!(null), json!("80"), json!(80), json!("80:90"), json!("1:65535")] {
            assert!(ports_or_null(&taken).is_ok(), "{taken}");
        }
        for refused in [
            json!("90:80"),
            json!("1:2:3"),
            json!("1:"),
            json!("0"),
            json!("65536"),
            json!("+1"),
            json!(["1"]),
        ] {
            assert!(ports_or_null(&refused).is_err(), "{refused}");
        }
    }
}
