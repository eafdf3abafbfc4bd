//! Words that a fuzzer would not guess, in libFuzzer's form.

use openflow::text;

/// Members, methods, markers and columns of OVSDB.
const JSON: &[&str] = &[
    "\"id\":",
    "\"method\":",
    "\"params\":",
    "\"result\":",
    "\"error\":",
    "null",
    "true",
    "false",
    "\"echo\"",
    "\"update\"",
    "\"update2\"",
    "\"update3\"",
    "\"set\"",
    "\"map\"",
    "\"uuid\"",
    "\"named-uuid\"",
    "\"insert\"",
    "\"initial\"",
    "\"modify\"",
    "\"delete\"",
    "\"old\"",
    "\"new\"",
    "\"Interface\"",
    "\"Bridge\"",
    "\"name\"",
    "\"ofport\"",
    "\"external_ids\"",
    "\"cfm_remote_mpids\"",
    "\"ports\"",
    "\"columns\"",
    "\"type\"",
    "\"key\"",
    "\"value\"",
    "\"min\"",
    "\"max\"",
    "\"unlimited\"",
    "\"enum\"",
    "\"tables\"",
    "\"rows\"",
    "\"count\"",
    "\"details\"",
    "\"replica\"",
    "00000000-0000-0000-0000-000000000001",
    "\\u0000",
    "\\ud83d",
    "1e308",
    "-0.0",
    "9223372036854775808",
];

const ADDRESSES: &[&str] = &["unix:", "tcp:", "ptcp:", "ssl:", "pssl:", "[::1]", "LOCAL", "IN_PORT", "0x"];

/// Targets with a dictionary, and its text.
pub(crate) fn all() -> Vec<(&'static str, String)> {
    let syntax = text::dictionary();
    let json = || JSON.iter().copied();
    vec![
        ("openflow_flow_text", dictionary(syntax.iter().map(String::as_str))),
        ("openflow_table_text", dictionary(syntax.iter().map(String::as_str))),
        ("ovsdb_reply", dictionary(json())),
        ("ovsdb_stream", dictionary(json())),
        ("ovsdb_update", dictionary(json())),
        ("ovsdb_values", dictionary(json().chain(ADDRESSES.iter().copied()))),
        ("addresses", dictionary(ADDRESSES.iter().copied())),
    ]
}

fn dictionary<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.map(|word| format!("\"{}\"\n", word.replace('\\', "\\\\").replace('"', "\\\""))).collect()
}
