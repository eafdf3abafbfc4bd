//! Ranges of tables, and rows as etcd says them.

use bytes::Bytes;
use etcd_wire::KeyRange;
use etcd_wire::kv::KeyValue;
use nb::{Row, Selector, Stamp, TableName, path, topic};

/// The rows of a table.
pub(crate) fn table_range(table: &TableName) -> KeyRange {
    KeyRange::prefix(path::prefix(table).into())
}

/// All rows.
pub(crate) fn whole_range() -> KeyRange {
    KeyRange::prefix(Bytes::from_static(path::ROOT))
}

/// One range that has all rows of the selected tables, and those of the tables between them.
pub(crate) fn selected_range(selector: &Selector) -> KeyRange {
    let prefixes = || selector.tables.iter().map(path::prefix);
    let (Some(first), Some(last)) = (prefixes().min(), prefixes().max()) else { return whole_range() };
    KeyRange::Between(first.into(), etcd_wire::range::prefix_end(last.as_bytes()))
}

/// A row, with the topic that its text says; its stamp is the revision that wrote it.
pub(crate) fn row_of(kv: KeyValue) -> Option<Row> {
    let (table, id) = path::named(&kv.key)?;
    let stamp = Stamp(u64::try_from(kv.mod_revision).ok()?);
    Some(Row { key: topic::key_of_row(table, id, &kv.value), value: kv.value, stamp })
}

#[cfg(test)]
mod tests {
    use model::{RowId, Table};
    use nb::Key;

    use super::*;

    fn encode(table: impl Into<TableName>, id: &str) -> Bytes {
        path::of(&Key::new(table, RowId::new(id).unwrap()))
    }

    #[test]
    fn one_range_has_all_selected_tables() {
        let range = selected_range(&Selector::tables([Table::LogicalPort, Table::Chassis]));
        for key in [
            encode(Table::LogicalPort, "z"),
            encode(Table::Chassis, "\u{10ffff}"),
            encode(Table::Chassis, "\0"),
        ] {
            assert!(range.contains(&key), "{key:?}");
        }
        let alone = selected_range(&Selector::tables([Table::LogicalPort]));
        assert_eq!(alone, table_range(&Table::LogicalPort.into()));
        assert!(!alone.contains(b"/lport2/x") && !alone.contains(b"/lports/x") && !alone.contains(b"/lporu"));
        // The prefix of one table may end where the other's goes on.
        let nested = Selector::tables([TableName::new("a"), TableName::new("a_b"), TableName::new("a-b")]);
        for table in ["a", "a_b", "a-b"] {
            assert!(selected_range(&nested).contains(format!("/{table}/x").as_bytes()), "{table}");
        }
    }
}
