//! What must hold for any bytes whatever: one function for each decoder, which panics when it does not.
//!
//! The same function is called by the fuzzer (`fuzz/fuzz_targets`) with whatever it invents, and by the replay test with the
//! seeds of `fuzz/corpus`, with damaged ones, and with the inputs that once broke something (`fuzz/regressions`).
//!
//! # The laws
//! - Nothing panics, nothing loops, and an error says a place that is inside the input.
//! - What was decoded encodes, and that decodes to the same value: `decode(encode(decode(x))) == decode(x)`. Likewise text:
//!   `parse(print(parse(x))) == parse(x)`. What cannot be said in one message is refused, and only then.
//! - What is written is no more than a small multiple of what was read.
//! - A machine that was told nonsense writes whole messages, few events, and recovers with the next honest peer.

mod addresses;
mod bytes;
mod northbound;
mod openflow_text;
mod openflow_wire;
mod ovsdb_values;
mod packets;
mod services;
mod simulation;
mod switch_machine;

pub use addresses::addresses;
pub use northbound::{config_text, model_row};
pub use openflow_text::{openflow_flow_text, openflow_table_text};
pub use openflow_wire::{
    openflow_actions, openflow_instructions, openflow_match, openflow_message, openflow_packed_flow,
};
pub use ovsdb::fuzz::{reply as ovsdb_reply, stream as ovsdb_stream, update as ovsdb_update};
pub use ovsdb_values::ovsdb_values;
pub use packets::{packet_dhcp, packet_headers, packet_messages, packet_pcap};
pub use services::packet_services;
pub use simulation::ofsim_trace;
pub use switch_machine::switch_machine;

/// A check: it panics when the input breaks a law.
pub type Check = fn(&[u8]);

/// Every check, by the name of its fuzz target, its corpus and its regressions.
pub const TARGETS: [(&str, Check); 21] = [
    ("addresses", addresses),
    ("config_text", config_text),
    ("model_row", model_row),
    ("ofsim_trace", ofsim_trace),
    ("openflow_actions", openflow_actions),
    ("openflow_flow_text", openflow_flow_text),
    ("openflow_instructions", openflow_instructions),
    ("openflow_match", openflow_match),
    ("openflow_message", openflow_message),
    ("openflow_packed_flow", openflow_packed_flow),
    ("openflow_table_text", openflow_table_text),
    ("ovsdb_reply", ovsdb_reply),
    ("ovsdb_stream", ovsdb_stream),
    ("ovsdb_update", ovsdb_update),
    ("ovsdb_values", ovsdb_values),
    ("packet_dhcp", packet_dhcp),
    ("packet_headers", packet_headers),
    ("packet_messages", packet_messages),
    ("packet_pcap", packet_pcap),
    ("packet_services", packet_services),
    ("switch_machine", switch_machine),
];
