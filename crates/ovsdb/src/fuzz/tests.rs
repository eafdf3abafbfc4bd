use super::*;
use proptest::prelude::*;

const ROW: &str = "00000000-0000-0000-0000-000000000001";

type Entry = fn(&[u8]);

/// Valid inputs of each entry point, to be damaged.
fn seeds() -> Vec<(Entry, Vec<u8>)> {
    let with = |choice: u8, text: String| [&[choice], text.as_bytes()].concat();
    let modify =
        json!({"Interface": {ROW: {"modify": {"ofport": 3, "external_ids": ["map", [["k", "w"]]]}}}});
    let rows =
        json!({"Interface": {ROW: {"old": {"name": "a"}, "new": {"name": "b", "ofport": ["set", []]}}}});
    let update3 = json!({"id": null, "method": "update3", "params": ["replica", ROW, modify]});
    let schema_reply = json!({"id": 0, "result": schema(), "error": null});
    let results =
        json!([{"uuid": ["uuid", ROW]}, {"count": 2}, {"rows": [{"name": "a", "_uuid": ["uuid", ROW]}]}]);
    vec![
        (stream, with(3, format!("{update3}{{\"id\":\"e\",\"method\":\"echo\",\"params\":[]}}"))),
        (stream, with(0, schema_reply.to_string())),
        (stream, with(1, json!({"id": 1, "result": [false, ROW, {}], "error": null}).to_string())),
        (update, with(0, rows.to_string())),
        (update, with(1, modify.to_string())),
        (update, with(2, modify.to_string())),
        (update, with(3, json!({"Interface": {ROW: {"new": {"name": "b"}}}}).to_string())),
        (update, with(4, json!([false, ROW, {"Interface": {ROW: {"initial": {"name": "b"}}}}]).to_string())),
        (datum, with(0, json!(["set", [3, 1, 2]]).to_string())),
        (datum, with(14, json!(["map", [[ROW, ["uuid", ROW]]]]).to_string())),
        (schema_text, schema().to_string().into_bytes()),
        (reply, with(0, results.to_string())),
        (address, b"tcp:[::1]:6640".to_vec()),
    ]
}

#[test]
fn valid_inputs_pass() {
    for (entry, seed) in seeds() {
        entry(&seed);
    }
}

#[test]
fn every_truncation_passes() {
    for (entry, seed) in seeds() {
        for length in 0..seed.len() {
            entry(&seed[..length]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn damaged_inputs_pass(
        seed in 0usize..13,
        damages in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        splice in any::<prop::sample::Index>(),
    ) {
        let (entry, mut seed) = seeds().swap_remove(seed);
        for (place, byte) in damages {
            // Mostly characters that mean something in json.
            let byte = *b"{}[]\",:0-nt\\ e.".get(usize::from(byte)).unwrap_or(&byte);
            let place = place.index(seed.len());
            seed[place] = byte;
        }
        let repeated = seed[splice.index(seed.len())..].to_vec();
        entry(&seed);
        seed.extend(repeated);
        entry(&seed);
    }

    #[test]
    fn random_inputs_pass(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        for entry in [stream, update, datum, schema_text, reply, address] {
            entry(&bytes);
        }
    }
}
