//! What operators and other programs write: configuration files, rows of the northbound store.

use model::{Object, Table};

/// Text that may be a configuration file.
pub fn config_text(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        config::laws::check_text(text);
    }
}

/// The place of a table, and text that may be a row of it. What is a row is written as one, and reads to the same row.
pub fn model_row(data: &[u8]) {
    let Some((place, text)) = data.split_first() else { return };
    let table = Table::ALL[usize::from(*place) % Table::ALL.len()];
    let Ok(text) = std::str::from_utf8(text) else { return };
    match Object::from_text(table, text) {
        Ok(row) => {
            let written = row.to_text();
            // Escapes make six bytes of one, and lists that were left out are written.
            assert!(written.len() <= 6 * text.len() + 1024, "{} bytes became {}", text.len(), written.len());
            assert_eq!(Object::from_text(table, &written).as_ref(), Ok(&row), "{written}");
            row.visit_index_entries(&mut |index, _| assert!(table.indexes().contains(&index.name(table))));
        }
        Err(error) => assert!(error.to_string().len() < 4096, "{error}"),
    }
}
