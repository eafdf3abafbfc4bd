//! Keys of rows and ranges of tables: the original's, `/<table>/<id>`; our own tables alike.

use bytes::Bytes;
use etcd_wire::KeyRange;
use etcd_wire::kv::KeyValue;
use model::{RowId, Table};
use nb::{Key, Row, Selector, Stamp, TableName, topic};

/// Where all keys are.
pub(crate) const ROOT: &[u8] = b"/";

/// The key of a row.
pub(crate) fn encode(key: &Key) -> Bytes {
    format!("/{}/{}", key.table, key.id).into()
}

/// What a key names; `None` for keys that are none of rows.
pub(crate) fn decode(key: &[u8]) -> Option<(TableName, RowId)> {
    let (table, id) = std::str::from_utf8(key).ok()?.strip_prefix('/')?.split_once('/')?;
    // Names of the model's tables need no memory of their own, and there may be many rows.
    let table =
        Table::from_name(table).map_or_else(|| TableName::from_text(table.to_owned()), TableName::from);
    if table.is_valid() { Some((table, RowId::new(id).ok()?)) } else { None }
}

/// What a row of a table begins with.
fn prefix(table: &TableName) -> String {
    format!("/{table}/")
}

/// The rows of a table.
pub(crate) fn table_range(table: &TableName) -> KeyRange {
    KeyRange::prefix(prefix(table).into())
}

/// All rows.
pub(crate) fn whole_range() -> KeyRange {
    KeyRange::prefix(Bytes::from_static(ROOT))
}

/// One range that has all rows of the selected tables, and those of the tables between them.
pub(crate) fn selected_range(selector: &Selector) -> KeyRange {
    let prefixes = || selector.tables.iter().map(prefix);
    let (Some(first), Some(last)) = (prefixes().min(), prefixes().max()) else { return whole_range() };
    KeyRange::Between(first.into(), etcd_wire::range::prefix_end(last.as_bytes()))
}

/// A row, with the topic that its text says; its stamp is the revision that wrote it.
pub(crate) fn row_of(kv: KeyValue) -> Option<Row> {
    let (table, id) = decode(&kv.key)?;
    let stamp = Stamp(u64::try_from(kv.mod_revision).ok()?);
    Some(Row { key: topic::key_of_row(table, id, &kv.value), value: kv.value, stamp })
}

#[cfg(test)]
mod tests {
    use model::Layout;
    use nb::counter::COUNTERS;

    use super::*;

    fn key(table: impl Into<TableName>, id: &str) -> Key {
        Key::new(table, RowId::new(id).unwrap())
    }

    #[test]
    fn rows_and_counters_have_the_keys_of_the_original() {
        let id = RowId::new("00000000-0000-4000-8000-000000000301").unwrap();
        for &table in Table::ALL {
            let original = Layout::Etcd.row_key(table, &id, None).unwrap();
            assert_eq!(encode(&Key::new(table, id.clone())), original);
            assert_eq!(table_range(&table.into()), KeyRange::prefix(Layout::Etcd.table_prefix(table).into()));
            let counter = Key::new(COUNTERS, RowId::new(table.name()).unwrap());
            assert_eq!(encode(&counter), Layout::Etcd.counter_key(table));
        }
    }

    #[test]
    fn a_key_leads_back_to_its_row() {
        for id in ["x", "a/b", "/", "tür", " ", "a\0b", "{x}", "."] {
            let key = key(Table::LogicalPort, id);
            assert_eq!(decode(&encode(&key)), Some((key.table, key.id)), "{id:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_names_a_row_is_its_key(key in proptest::collection::vec(
            proptest::sample::select(&b"/ab.{}\0\xff"[..]), 0..12))
        {
            if let Some((table, id)) = decode(&key) {
                proptest::prop_assert_eq!(encode(&Key::new(table, id)), key);
            }
        }
    }

    #[test]
    fn foreign_keys_name_no_row() {
        for foreign in ["", "/", "x", "lport/x", "/lport", "/lport/", "//x", "/a.b/x", "/{a}/x"] {
            assert_eq!(decode(foreign.as_bytes()), None, "{foreign:?}");
        }
        assert_eq!(decode(b"/lport/\xff"), None);
    }

    #[test]
    fn one_range_has_all_selected_tables() {
        let range = selected_range(&Selector::tables([Table::LogicalPort, Table::Chassis]));
        for key in
            [key(Table::LogicalPort, "z"), key(Table::Chassis, "\u{10ffff}"), key(Table::Chassis, "\0")]
        {
            assert!(range.contains(&encode(&key)), "{key}");
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
