//! The keys of rows as texts: the original's, `/<table>/<id>`; those of our own tables alike.
//!
//! Every store that etcd's clients can look into has them. An id may hold anything, slashes too, so a path is split at the
//! first slash behind the table.

use bytes::Bytes;
use model::{RowId, Table};

use crate::key::{Key, TableName};

/// What every path begins with.
pub const ROOT: &[u8] = b"/";

/// The path of a row.
#[must_use]
pub fn of(key: &Key) -> Bytes {
    key.id.with_str(|id| format!("/{}/{id}", key.table)).into()
}

/// What the paths of all rows of a table begin with, and no others.
#[must_use]
pub fn prefix(table: &TableName) -> String {
    format!("/{table}/")
}

/// The row that a path names; `None` for texts that are no path.
#[must_use]
pub fn named(path: &[u8]) -> Option<(TableName, RowId)> {
    let (table, id) = std::str::from_utf8(path).ok()?.strip_prefix('/')?.split_once('/')?;
    // Names of the model's tables need no memory of their own, and there may be many rows.
    let table =
        Table::from_name(table).map_or_else(|| TableName::from_text(table.to_owned()), TableName::from);
    if table.is_valid() { Some((table, RowId::new(id).ok()?)) } else { None }
}

#[cfg(test)]
mod tests {
    use model::Layout;

    use super::*;
    use crate::counter::COUNTERS;

    #[test]
    fn rows_and_counters_have_the_paths_of_the_original() {
        let id = RowId::new("00000000-0000-4000-8000-000000000301").unwrap();
        for &table in Table::ALL {
            let original = Layout::Etcd.row_key(table, &id, None).unwrap();
            assert_eq!(of(&Key::new(table, id.clone())), original);
            assert_eq!(prefix(&table.into()), Layout::Etcd.table_prefix(table));
            let counter = Key::new(COUNTERS, RowId::new(table.name()).unwrap());
            assert_eq!(of(&counter), Layout::Etcd.counter_key(table));
        }
    }

    #[test]
    fn a_path_leads_back_to_its_row() {
        for table in [Table::LogicalPort.into(), TableName::new("port_claim")] {
            for id in ["x", "8b1a/x", "/", "tür", " ", "a\0b", "{x}", "."] {
                let key = Key::new(table.clone(), RowId::new(id).unwrap());
                assert_eq!(named(&of(&key)), Some((key.table, key.id)), "{id:?}");
            }
        }
    }

    #[test]
    fn other_texts_name_no_row() {
        for foreign in ["", "/", "x", "lport/x", "/lport", "/lport/", "//x", "/a.b/x", "/{a}/x"] {
            assert_eq!(named(foreign.as_bytes()), None, "{foreign:?}");
        }
        assert_eq!(named(b"/lport/\xff"), None);
    }

    proptest::proptest! {
        #[test]
        fn what_names_a_row_is_its_path(path in proptest::collection::vec(
            proptest::sample::select(&b"/ab.{}\0\xff"[..]), 0..12))
        {
            if let Some((table, id)) = named(&path) {
                proptest::prop_assert_eq!(of(&Key::new(table, id)), path);
            }
        }
    }
}
