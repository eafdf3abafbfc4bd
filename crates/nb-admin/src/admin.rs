//! The commands.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Creation, Object, Patch, RowId, Table, Timestamp};
use nb::counter::{self, COUNTERS};
use nb::{CommitError, Key, Require, Row, Selector, Store, TableName, Txn};
use serde_json::{Map, Value, json};

use crate::error::AdminError;

/// Tables that are there besides those of the model: the counters of unique keys.
pub const TABLES_OF_OUR_OWN: [TableName; 1] = [COUNTERS];

/// How often a row may change while we try to change it.
const ATTEMPTS_MAX: u32 = 16;

/// Somebody who looks at rows and changes them.
#[derive(Debug, Clone)]
pub struct Admin {
    store: Arc<dyn Store>,
}

impl Admin {
    /// An administrator of a store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// All tables, by name.
    #[must_use]
    pub fn tables() -> Vec<TableName> {
        let mut tables: Vec<TableName> = Table::ALL.iter().map(|table| TableName::from(*table)).collect();
        tables.extend(TABLES_OF_OUR_OWN);
        tables.sort();
        tables
    }

    /// The table of this name.
    ///
    /// # Errors
    /// When there is none.
    pub fn table(name: &str) -> Result<TableName, AdminError> {
        let found = Self::tables().into_iter().find(|table| table.as_str() == name);
        found.ok_or_else(|| AdminError::NoTable(name.to_owned()))
    }

    /// The ids of all rows of a table, in order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn ids(&self, table: TableName) -> Result<Vec<RowId>, AdminError> {
        let mut ids: Vec<RowId> = self.rows([table]).await?.into_iter().map(|row| row.key.id).collect();
        ids.sort();
        Ok(ids)
    }

    /// A row.
    ///
    /// # Errors
    /// When it is not there, or the store cannot be read.
    pub async fn get(&self, table: TableName, id: &RowId) -> Result<Value, AdminError> {
        self.find(&table, id).await.map(|row| shown(&row))
    }

    /// All rows of all tables, by table.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn dump(&self) -> Result<BTreeMap<TableName, Vec<Value>>, AdminError> {
        let mut tables: BTreeMap<TableName, BTreeMap<RowId, Value>> =
            Self::tables().into_iter().map(|table| (table, BTreeMap::new())).collect();
        for row in self.rows(Self::tables()).await? {
            let value = shown(&row);
            tables.entry(row.key.table).or_default().insert(row.key.id, value);
        }
        Ok(tables.into_iter().map(|(table, rows)| (table, rows.into_values().collect())).collect())
    }

    /// Adds a row, with the next number of its table; its id.
    ///
    /// # Errors
    /// When the text is no row of the table, or the row is there already.
    pub async fn add(&self, table: TableName, text: &str, now: Timestamp) -> Result<RowId, AdminError> {
        let model = model_table(&table)?;
        let mut members: Map<String, Value> = serde_json::from_str(text)?;
        if model.has_unique_key() {
            // What is written by hand has no number, and one that it has is not taken; a row without any is none.
            members.insert("unique_key".to_owned(), json!(1));
        }
        let mut object = Object::from_value(model, &Value::Object(members))?;
        let unique_key = match model.has_unique_key() {
            true => Some(counter::allocate(self.store.as_ref(), model, 1).await?),
            false => None,
        };
        object.on_create(&Creation { unique_key, now })?;
        let key = Key::of(&object);
        let txn = Txn::new().require(Require::Absent(key.clone())).put_object(&object);
        match self.store.commit(txn).await {
            Ok(_) => Ok(key.id),
            Err(CommitError::Conflict) => Err(AdminError::Exists { table, id: key.id }),
            Err(error) => Err(error.into()),
        }
    }

    /// Changes those members of a row that the text names; whether that changed anything.
    ///
    /// # Errors
    /// When the row is not there, or would be none afterwards.
    pub async fn update(&self, table: TableName, text: &str, now: &Timestamp) -> Result<bool, AdminError> {
        let model = model_table(&table)?;
        let members: Map<String, Value> = serde_json::from_str(text)?;
        let id = members.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let patch = Patch::new(model, members)?;
        let id = RowId::new(&id)?;
        for _ in 0..ATTEMPTS_MAX {
            let row = self.find(&table, &id).await?;
            let stored = Object::from_text(model, &String::from_utf8_lossy(&row.value))?;
            let Some(changed) = stored.patched(&patch, now)? else { return Ok(false) };
            let txn = Txn::new().require(Require::Unchanged(row.key, row.stamp)).put_object(&changed);
            match self.store.commit(txn).await {
                Ok(_) => return Ok(true),
                Err(CommitError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(AdminError::Contended { table, id, attempts: ATTEMPTS_MAX })
    }

    /// Binds a port to a chassis; whether that changed anything.
    ///
    /// # Errors
    /// When there is no such port.
    pub async fn bind(&self, port: &str, chassis: &str, now: &Timestamp) -> Result<bool, AdminError> {
        let change = json!({"id": port, "binding": {"type": "chassis", "chassis": chassis}});
        self.update(Table::LogicalPort.into(), &change.to_string(), now).await
    }

    /// Deletes a row.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn remove(&self, table: TableName, id: &RowId) -> Result<(), AdminError> {
        let row = self.find(&table, id).await?;
        let txn = Txn::new().require(Require::Present(row.key.clone())).delete(row.key);
        match self.store.commit(txn).await {
            Ok(_) => Ok(()),
            Err(CommitError::Conflict) => Err(AdminError::NoRow { table, id: id.clone() }),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes all rows, those that refer to others before those; how many.
    ///
    /// # Errors
    /// When the store fails. What was deleted before stays deleted.
    pub async fn clean(&self) -> Result<usize, AdminError> {
        let rank: BTreeMap<TableName, usize> = Table::dependency_order()
            .into_iter()
            .rev()
            .enumerate()
            .map(|(rank, table)| (table.into(), rank))
            .collect();
        let mut rows = self.rows(Self::tables()).await?;
        // Counters last: a number is not given twice while rows with it may still be there.
        rows.sort_by_key(|row| rank.get(&row.key.table).copied().unwrap_or(usize::MAX));
        let count = rows.len();
        let keys: Vec<Key> = rows.into_iter().map(|row| row.key).collect();
        for part in keys.chunks(self.store.limits().txn_ops.max(1)) {
            self.store.commit(part.iter().cloned().fold(Txn::new(), Txn::delete)).await?;
        }
        Ok(count)
    }

    async fn rows(&self, tables: impl IntoIterator<Item = TableName>) -> Result<Vec<Row>, AdminError> {
        Ok(self.store.snapshot(&Selector::tables(tables)).await?.rows)
    }

    /// A row. Where stores partition by topic, which nobody types, it is looked for in all of the table.
    async fn find(&self, table: &TableName, id: &RowId) -> Result<Row, AdminError> {
        let key = Key::new(table.clone(), id.clone());
        if let Some(row) = self.store.read(&[key]).await?.pop().flatten() {
            return Ok(row);
        }
        let found = self.rows([table.clone()]).await?.into_iter().find(|row| row.key.id == *id);
        found.ok_or_else(|| AdminError::NoRow { table: table.clone(), id: id.clone() })
    }
}

fn model_table(table: &TableName) -> Result<Table, AdminError> {
    table.model().ok_or_else(|| AdminError::NoObjects(table.clone()))
}

/// A row as JSON. A counter is shown as the original shows it; a text that is no JSON, as a text.
fn shown(row: &Row) -> Value {
    let text = String::from_utf8_lossy(&row.value);
    if row.key.table == COUNTERS {
        let last = text.trim().parse::<u32>().map_or_else(|_| json!(text), |last| json!(last));
        return json!({"id": row.key.id.to_string(), "unique_key": last});
    }
    serde_json::from_str(&text).unwrap_or_else(|_| json!(text))
}

#[cfg(test)]
mod tests;
