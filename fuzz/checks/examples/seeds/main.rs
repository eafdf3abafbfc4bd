//! Writes the seeds of the fuzz targets and their dictionaries: `cargo run -p fuzz-checks --example seeds`.
//!
//! A seed is something valid from our own encoders, of each kind that a decoder knows, so that a fuzzer starts behind the
//! first checks. What it writes is the same each time. Old seeds are removed; inputs that once broke something are kept
//! elsewhere, in `fuzz/regressions`.

mod dictionaries;
mod interpreter;
mod json;
mod machine;
mod northbound;
mod openflow_bytes;
mod packets;
mod text;

use std::fs;
use std::path::Path;

/// Seeds of one target: name and content.
type Seeds = Vec<(String, Vec<u8>)>;

/// Small seeds mutate well, and all are in the repository.
const SEED_BYTES_MAX: usize = 4 * 1024;
const SEEDS_MAX: usize = 60;

fn main() -> std::io::Result<()> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (target, _) in fuzz_checks::TARGETS {
        let seeds = seeds(target);
        assert!((1..=SEEDS_MAX).contains(&seeds.len()), "{target} has {} seeds", seeds.len());
        let directory = fuzz.join("corpus").join(target);
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }
        fs::create_dir_all(&directory)?;
        for (name, bytes) in seeds {
            assert!(bytes.len() <= SEED_BYTES_MAX, "{target}/{name} is too long");
            fs::write(directory.join(name), bytes)?;
        }
    }
    let directory = fuzz.join("dictionaries");
    fs::create_dir_all(&directory)?;
    for (target, words) in dictionaries::all() {
        fs::write(directory.join(format!("{target}.dict")), words)?;
    }
    Ok(())
}

fn seeds(target: &str) -> Seeds {
    match target {
        "addresses" => text::addresses(),
        "config_text" => northbound::configurations(),
        "model_row" => northbound::rows(),
        "ofsim_trace" => interpreter::traces(),
        "openflow_actions" => openflow_bytes::actions(),
        "openflow_flow_text" => text::flows(),
        "openflow_instructions" => openflow_bytes::instructions(),
        "openflow_match" => openflow_bytes::matches(),
        "openflow_message" => openflow_bytes::messages(),
        "openflow_packed_flow" => openflow_bytes::packed_flows(),
        "openflow_table_text" => text::groups_and_meters(),
        "ovsdb_reply" => json::replies(),
        "ovsdb_stream" => json::streams(),
        "ovsdb_update" => json::updates(),
        "ovsdb_values" => json::values(),
        "packet_dhcp" => packets::dhcp(),
        "packet_headers" => packets::frames(),
        "packet_messages" => packets::messages(),
        "packet_pcap" => packets::captures(),
        "packet_services" => packets::services(),
        "switch_machine" => machine::lives(),
        other => panic!("nobody has written seeds for {other}"),
    }
}

/// Numbered seeds.
fn numbered(prefix: &str, contents: impl IntoIterator<Item = Vec<u8>>) -> Seeds {
    let name = |(number, bytes)| (format!("{prefix}-{number:02}"), bytes);
    contents.into_iter().enumerate().map(name).collect()
}
