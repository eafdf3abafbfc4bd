//! Building transactions, and reading what the server says about them.
//!
//! Columns are typed ([`Column`]), so an operation on the wrong table or with the wrong type does not compile.
//! Rows that the transaction itself inserts are referred to by the [`RowRef`] that [`Transaction::insert`]
//! returns; the server replaces it by the new uuid.
//!
//! A transaction is atomic: either every operation took effect or none. [`TransactionError`] names the
//! operation that failed, in the words of this program rather than by a bare index.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use serde_json::{Map, Value, json};

use crate::datum::Datum;
use crate::typed::{AtomValue, Column, ColumnValue, Table};
use crate::value::{Atom, Uuid};

pub use outcome::{OperationResult, Outcome, SelectError, TransactionError};

mod outcome;

/// A row: one that exists, or one that an operation of the same transaction inserts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowRef {
    Existing(Uuid),
    /// The n-th insertion of this transaction.
    New(u32),
}

impl RowRef {
    fn atom(self) -> Atom {
        match self {
            Self::Existing(uuid) => Atom::Uuid(uuid),
            Self::New(number) => Atom::NamedUuid(new_row_name(number)),
        }
    }
}

impl From<Uuid> for RowRef {
    fn from(uuid: Uuid) -> Self {
        Self::Existing(uuid)
    }
}

fn new_row_name(number: u32) -> Box<str> {
    format!("row{number}").into()
}

fn references(rows: impl IntoIterator<Item = RowRef>) -> Datum {
    Datum::Set(rows.into_iter().map(RowRef::atom).collect())
}

/// The place of an operation in its transaction, to find its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperationId(usize);

/// Contents for some columns of a row of table `T`.
#[derive(Debug, Clone, PartialEq)]
pub struct Values<T> {
    columns: BTreeMap<&'static str, Datum>,
    of: PhantomData<fn() -> T>,
}

impl<T: Table> Default for Values<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Table> Values<T> {
    #[must_use]
    pub fn new() -> Self {
        Self { columns: BTreeMap::new(), of: PhantomData }
    }

    /// Every column of `row` that differs from the default: what an insertion has to say.
    #[must_use]
    pub fn of(row: &T) -> Self {
        let default = T::default();
        let column = |name| row.column(name).filter(|datum| default.column(name).as_ref() != Some(datum));
        let columns = T::COLUMNS.iter().filter_map(|info| Some((info.name, column(info.name)?)));
        Self { columns: columns.collect(), of: PhantomData }
    }

    #[must_use]
    pub fn set<V: ColumnValue>(mut self, column: &Column<T, V>, value: V) -> Self {
        self.columns.insert(column.name(), value.to_datum());
        self
    }

    /// Sets a column of references, which may name rows that this transaction inserts.
    #[must_use]
    pub fn refer<V>(mut self, column: &Column<T, V>, rows: impl IntoIterator<Item = RowRef>) -> Self
    where
        V: ColumnValue + References,
    {
        self.columns.insert(column.name(), references(rows));
        self
    }

    /// Sets a column of numbered references, which may name rows that this transaction inserts.
    #[must_use]
    pub fn refer_numbered(
        mut self,
        column: &Column<T, BTreeMap<i64, Uuid>>,
        rows: impl IntoIterator<Item = (i64, RowRef)>,
    ) -> Self {
        let pairs = rows.into_iter().map(|(number, row)| (Atom::Integer(number), row.atom()));
        self.columns.insert(column.name(), Datum::Map(pairs.collect()));
        self
    }

    fn to_json(&self) -> Value {
        Value::Object(
            self.columns.iter().map(|(name, datum)| ((*name).to_owned(), datum.to_json())).collect(),
        )
    }
}

/// Column types that hold references to rows.
pub trait References {}
impl References for Uuid {}
impl References for Option<Uuid> {}
impl References for std::collections::BTreeSet<Uuid> {}

/// Comparisons of a `where` clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    Equals,
    Differs,
    Includes,
    Excludes,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Function {
    const fn symbol(self) -> &'static str {
        match self {
            Self::Equals => "==",
            Self::Differs => "!=",
            Self::Includes => "includes",
            Self::Excludes => "excludes",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

/// The rows of table `T` that an operation is about: those that satisfy every condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows<T> {
    conditions: Vec<Value>,
    of: PhantomData<fn() -> T>,
}

impl<T: Table> Rows<T> {
    /// Every row of the table.
    #[must_use]
    pub fn all() -> Self {
        Self { conditions: Vec::new(), of: PhantomData }
    }

    /// One row.
    #[must_use]
    pub fn row(row: impl Into<RowRef>) -> Self {
        Self { conditions: vec![json!(["_uuid", "==", row.into().atom().to_json()])], of: PhantomData }
    }

    /// The rows whose column has exactly this content.
    #[must_use]
    pub fn matching<V: ColumnValue>(column: &Column<T, V>, value: &V) -> Self {
        Self::all().and(column, Function::Equals, value)
    }

    /// Narrows down.
    #[must_use]
    pub fn and<V: ColumnValue>(mut self, column: &Column<T, V>, function: Function, value: &V) -> Self {
        self.conditions.push(json!([column.name(), function.symbol(), value.to_datum().to_json()]));
        self
    }
}

/// Changes to columns of table `T` relative to what they hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Mutations<T> {
    mutations: Vec<Value>,
    of: PhantomData<fn() -> T>,
}

impl<T: Table> Default for Mutations<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Table> Mutations<T> {
    #[must_use]
    pub fn new() -> Self {
        Self { mutations: Vec::new(), of: PhantomData }
    }

    /// Adds to each integer of the column.
    #[must_use]
    pub fn add<V: ColumnValue>(self, column: &Column<T, V>, amount: i64) -> Self {
        self.push(column.name(), "+=", json!(amount))
    }

    /// Inserts elements or pairs. A pair whose key exists already is left as it is.
    #[must_use]
    pub fn insert<V: ColumnValue>(self, column: &Column<T, V>, elements: &V) -> Self {
        self.push(column.name(), "insert", elements.to_datum().to_json())
    }

    /// Deletes elements, or pairs with this key and this value.
    #[must_use]
    pub fn delete<V: ColumnValue>(self, column: &Column<T, V>, elements: &V) -> Self {
        self.push(column.name(), "delete", elements.to_datum().to_json())
    }

    /// Deletes the pairs with these keys, whatever their values.
    #[must_use]
    pub fn delete_keys<K: AtomValue, V: AtomValue>(
        self,
        column: &Column<T, BTreeMap<K, V>>,
        keys: impl IntoIterator<Item = K>,
    ) -> Self {
        let keys = Datum::Set(keys.into_iter().map(|key| key.to_atom()).collect());
        self.push(column.name(), "delete", set_json(&keys))
    }

    /// Sets pairs of a map whether or not their keys exist.
    #[must_use]
    pub fn put<K: AtomValue + Clone, V: AtomValue>(
        self,
        column: &Column<T, BTreeMap<K, V>>,
        pairs: &BTreeMap<K, V>,
    ) -> Self {
        self.delete_keys(column, pairs.keys().cloned()).insert(column, pairs)
    }

    /// Inserts references, which may name rows that this transaction inserts.
    #[must_use]
    pub fn insert_references<V: References>(
        self,
        column: &Column<T, V>,
        rows: impl IntoIterator<Item = RowRef>,
    ) -> Self {
        self.push(column.name(), "insert", set_json(&references(rows)))
    }

    /// Deletes references.
    #[must_use]
    pub fn delete_references<V: References>(
        self,
        column: &Column<T, V>,
        rows: impl IntoIterator<Item = RowRef>,
    ) -> Self {
        self.push(column.name(), "delete", set_json(&references(rows)))
    }

    fn push(mut self, column: &str, mutator: &str, operand: Value) -> Self {
        self.mutations.push(json!([column, mutator, operand]));
        self
    }
}

/// A set spelled as a set even when it has one element: the operand of a map deletion could otherwise be
/// mistaken for something else.
fn set_json(datum: &Datum) -> Value {
    json!(["set", datum.atoms().map(Atom::to_json).collect::<Vec<_>>()])
}

/// What a `wait` waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    Equal,
    Differ,
}

/// A sequence of operations that takes effect completely or not at all.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Transaction {
    operations: Vec<Operation>,
    insertions: u32,
}

#[derive(Debug, Clone, PartialEq)]
struct Operation {
    name: &'static str,
    table: Option<&'static str>,
    json: Value,
}

impl Transaction {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Inserts a row; the other columns take their defaults.
    pub fn insert<T: Table>(&mut self, values: &Values<T>) -> RowRef {
        let number = self.insertions;
        self.insertions = self.insertions.saturating_add(1);
        let members = json!({"row": values.to_json(), "uuid-name": new_row_name(number)});
        self.push("insert", Some(T::NAME), members);
        RowRef::New(number)
    }

    /// Overwrites columns of the rows.
    pub fn update<T: Table>(&mut self, rows: &Rows<T>, values: &Values<T>) -> OperationId {
        self.push("update", Some(T::NAME), json!({"where": rows.conditions, "row": values.to_json()}))
    }

    /// Changes columns of the rows relative to what they hold.
    pub fn mutate<T: Table>(&mut self, rows: &Rows<T>, mutations: &Mutations<T>) -> OperationId {
        let members = json!({"where": rows.conditions, "mutations": mutations.mutations});
        self.push("mutate", Some(T::NAME), members)
    }

    /// Deletes the rows. A row of a table that is not a root goes by itself when nothing refers to it.
    pub fn delete<T: Table>(&mut self, rows: &Rows<T>) -> OperationId {
        self.push("delete", Some(T::NAME), json!({"where": rows.conditions}))
    }

    /// Reads columns of the rows; no columns means all of the model.
    pub fn select<T: Table>(&mut self, rows: &Rows<T>, columns: &[&'static str]) -> OperationId {
        let mut wanted: Vec<&str> = columns.to_vec();
        if wanted.is_empty() {
            wanted.extend(T::COLUMNS.iter().map(|info| info.name));
        }
        wanted.push("_uuid");
        self.push("select", Some(T::NAME), json!({"where": rows.conditions, "columns": wanted}))
    }

    /// Lets the transaction fail unless the rows, reduced to the columns of `expected`, are (or are not) these
    /// rows. With a timeout of zero it is a test; otherwise the server waits that long for it to come true.
    pub fn wait<T: Table>(
        &mut self,
        rows: &Rows<T>,
        until: Until,
        expected: &[Values<T>],
        timeout_ms: u32,
    ) -> OperationId {
        let mut columns: Vec<&str> = expected.iter().flat_map(|row| row.columns.keys().copied()).collect();
        columns.sort_unstable();
        columns.dedup();
        if columns.is_empty() {
            columns.push("_uuid");
        }
        let members = json!({
            "where": rows.conditions,
            "columns": columns,
            "until": match until { Until::Equal => "==", Until::Differ => "!=" },
            "rows": expected.iter().map(Values::to_json).collect::<Vec<_>>(),
            "timeout": timeout_ms,
        });
        self.push("wait", Some(T::NAME), members)
    }

    /// Leaves a note in the server's log of transactions.
    pub fn comment(&mut self, text: &str) -> OperationId {
        self.push("comment", None, json!({"comment": text}))
    }

    /// Makes the transaction fail, after its other operations were tried.
    pub fn abort(&mut self) -> OperationId {
        self.push("abort", None, json!({}))
    }

    /// Lets the transaction fail unless this session holds the lock.
    pub fn assert(&mut self, lock: &str) -> OperationId {
        self.push("assert", None, json!({"lock": lock}))
    }

    /// Asks for the transaction to be on disk before the reply.
    pub fn commit_durably(&mut self) -> OperationId {
        self.push("commit", None, json!({"durable": true}))
    }

    fn push(&mut self, name: &'static str, table: Option<&'static str>, members: Value) -> OperationId {
        let mut json: Map<String, Value> = Map::new();
        json.insert("op".into(), name.into());
        if let Some(table) = table {
            json.insert("table".into(), table.into());
        }
        if let Value::Object(members) = members {
            json.extend(members);
        }
        self.operations.push(Operation { name, table, json: Value::Object(json) });
        OperationId(self.operations.len() - 1)
    }

    /// Finds what ovsdb-server would not take for an error but for a broken peer.
    pub fn check(&self) -> Result<(), TransactionError> {
        for (index, operation) in self.operations.iter().enumerate() {
            if has_nul(&operation.json) {
                let operation = outcome::operation_text(operation.name, operation.table);
                return Err(TransactionError::NulCharacter { index, operation });
            }
        }
        Ok(())
    }

    /// The parameters of the `transact` request.
    #[must_use]
    pub fn to_params(&self, database: &str) -> Value {
        let operations = self.operations.iter().map(|operation| operation.json.clone());
        Value::Array(std::iter::once(json!(database)).chain(operations).collect())
    }

    /// What is needed to understand the reply.
    #[must_use]
    pub fn receipt(&self) -> Receipt {
        Receipt {
            operations: self.operations.iter().map(|operation| (operation.name, operation.table)).collect(),
        }
    }
}

/// Whether any text in the value holds a NUL. Names of members are ours.
fn has_nul(value: &Value) -> bool {
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) if text.contains('\0') => return true,
            Value::Array(elements) => open.extend(elements),
            Value::Object(members) => open.extend(members.values()),
            _ => {}
        }
    }
    false
}

/// The kinds of a transaction's operations, kept while the reply is awaited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    operations: Vec<(&'static str, Option<&'static str>)>,
}

#[cfg(test)]
mod tests;
