//! The parts of OVSDB that are read by themselves.

/// A datum, a schema or an address, as the first byte chooses.
pub fn ovsdb_values(data: &[u8]) {
    let Some((choice, input)) = data.split_first() else { return };
    match choice % 3 {
        0 => ovsdb::fuzz::datum(input),
        1 => ovsdb::fuzz::schema_text(input),
        _ => ovsdb::fuzz::address(input),
    }
}
