//! Rows, reading and writing them, transactions, compaction.

use bytes::Bytes;

use crate::ResponseHeader;

/// A row.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct KeyValue {
    /// Its key.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    /// The revision that made it.
    #[prost(int64, tag = "2")]
    pub create_revision: i64,
    /// The revision that wrote it last.
    #[prost(int64, tag = "3")]
    pub mod_revision: i64,
    /// How often it was written since it was made.
    #[prost(int64, tag = "4")]
    pub version: i64,
    /// What it says.
    #[prost(bytes = "bytes", tag = "5")]
    pub value: Bytes,
    /// The lease with which it goes; 0 is none.
    #[prost(int64, tag = "6")]
    pub lease: i64,
}

/// Whether and how rows are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum SortOrder {
    /// As the server likes.
    None = 0,
    /// Smallest first.
    Ascend = 1,
    /// Largest first.
    Descend = 2,
}

/// By what rows are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum SortTarget {
    /// The key.
    Key = 0,
    /// The version.
    Version = 1,
    /// The revision that made the row.
    Create = 2,
    /// The revision that wrote it last.
    Mod = 3,
    /// What it says.
    Value = 4,
}

/// Reads rows.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RangeRequest {
    /// The key, or the first.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    /// Where the range ends; see [`crate::KeyRange`].
    #[prost(bytes = "bytes", tag = "2")]
    pub range_end: Bytes,
    /// Most rows; 0 is all.
    #[prost(int64, tag = "3")]
    pub limit: i64,
    /// The state to read; 0 is the present one.
    #[prost(int64, tag = "4")]
    pub revision: i64,
    /// Whether to sort.
    #[prost(enumeration = "SortOrder", tag = "5")]
    pub sort_order: i32,
    /// By what to sort.
    #[prost(enumeration = "SortTarget", tag = "6")]
    pub sort_target: i32,
    /// A stale answer is good enough.
    #[prost(bool, tag = "7")]
    pub serializable: bool,
    /// Rows without what they say.
    #[prost(bool, tag = "8")]
    pub keys_only: bool,
    /// Only how many there are.
    #[prost(bool, tag = "9")]
    pub count_only: bool,
    /// Only rows written at this revision or later; 0 is all.
    #[prost(int64, tag = "10")]
    pub min_mod_revision: i64,
    /// Only rows written at this revision or earlier; 0 is all.
    #[prost(int64, tag = "11")]
    pub max_mod_revision: i64,
    /// Only rows made at this revision or later; 0 is all.
    #[prost(int64, tag = "12")]
    pub min_create_revision: i64,
    /// Only rows made at this revision or earlier; 0 is all.
    #[prost(int64, tag = "13")]
    pub max_create_revision: i64,
}

/// Rows.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RangeResponse {
    /// Who answers.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// The rows.
    #[prost(message, repeated, tag = "2")]
    pub kvs: Vec<KeyValue>,
    /// The limit kept some back.
    #[prost(bool, tag = "3")]
    pub more: bool,
    /// How many rows the range has, whatever the limit.
    #[prost(int64, tag = "4")]
    pub count: i64,
}

/// Writes a row.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct PutRequest {
    /// Its key.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    /// What it says.
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
    /// The lease with which it goes; 0 is none.
    #[prost(int64, tag = "3")]
    pub lease: i64,
    /// Answer with the row as it was.
    #[prost(bool, tag = "4")]
    pub prev_kv: bool,
    /// Keep what the row says.
    #[prost(bool, tag = "5")]
    pub ignore_value: bool,
    /// Keep its lease.
    #[prost(bool, tag = "6")]
    pub ignore_lease: bool,
}

/// A row was written.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct PutResponse {
    /// Who answers.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// The row as it was, if that was asked for and it was there.
    #[prost(message, optional, tag = "2")]
    pub prev_kv: Option<KeyValue>,
}

/// Deletes rows.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct DeleteRangeRequest {
    /// The key, or the first.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    /// Where the range ends; see [`crate::KeyRange`].
    #[prost(bytes = "bytes", tag = "2")]
    pub range_end: Bytes,
    /// Answer with the rows as they were.
    #[prost(bool, tag = "3")]
    pub prev_kv: bool,
}

/// Rows were deleted.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct DeleteRangeResponse {
    /// Who answers.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// How many.
    #[prost(int64, tag = "2")]
    pub deleted: i64,
    /// What they were, if that was asked for.
    #[prost(message, repeated, tag = "3")]
    pub prev_kvs: Vec<KeyValue>,
}

/// One operation of a transaction.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RequestOp {
    /// Which it is.
    #[prost(oneof = "Request", tags = "1, 2, 3, 4")]
    pub request: Option<Request>,
}

/// What an operation does.
#[derive(Clone, PartialEq, Eq, prost::Oneof)]
pub enum Request {
    /// Reads.
    #[prost(message, tag = "1")]
    Range(RangeRequest),
    /// Writes.
    #[prost(message, tag = "2")]
    Put(PutRequest),
    /// Deletes.
    #[prost(message, tag = "3")]
    DeleteRange(DeleteRangeRequest),
    /// Another transaction.
    #[prost(message, tag = "4")]
    Txn(TxnRequest),
}

impl From<Request> for RequestOp {
    fn from(request: Request) -> Self {
        Self { request: Some(request) }
    }
}

/// What came of one operation of a transaction.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ResponseOp {
    /// Which it is.
    #[prost(oneof = "Response", tags = "1, 2, 3, 4")]
    pub response: Option<Response>,
}

/// What came of an operation.
#[derive(Clone, PartialEq, Eq, prost::Oneof)]
pub enum Response {
    /// It read.
    #[prost(message, tag = "1")]
    Range(RangeResponse),
    /// It wrote.
    #[prost(message, tag = "2")]
    Put(PutResponse),
    /// It deleted.
    #[prost(message, tag = "3")]
    DeleteRange(DeleteRangeResponse),
    /// It was a transaction.
    #[prost(message, tag = "4")]
    Txn(TxnResponse),
}

impl From<Response> for ResponseOp {
    fn from(response: Response) -> Self {
        Self { response: Some(response) }
    }
}

/// How the two sides have to compare: the row's on the left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum CompareResult {
    /// The same.
    Equal = 0,
    /// The row's is larger.
    Greater = 1,
    /// The row's is smaller.
    Less = 2,
    /// Not the same.
    NotEqual = 3,
}

/// What of a row is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum CompareTarget {
    /// Its version; 0 where there is no row.
    Version = 0,
    /// The revision that made it; 0 where there is no row.
    Create = 1,
    /// The revision that wrote it last; 0 where there is no row.
    Mod = 2,
    /// What it says; nothing compares with a row that is not there.
    Value = 3,
    /// Its lease; 0 where there is no row.
    Lease = 4,
}

/// A condition of a transaction. With a range it has to hold for each row of it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Compare {
    /// How the two sides have to compare.
    #[prost(enumeration = "CompareResult", tag = "1")]
    pub result: i32,
    /// What of the row is compared.
    #[prost(enumeration = "CompareTarget", tag = "2")]
    pub target: i32,
    /// The key, or the first.
    #[prost(bytes = "bytes", tag = "3")]
    pub key: Bytes,
    /// With what it is compared.
    #[prost(oneof = "TargetUnion", tags = "4, 5, 6, 7, 8")]
    pub target_union: Option<TargetUnion>,
    /// Where the range ends; see [`crate::KeyRange`].
    #[prost(bytes = "bytes", tag = "64")]
    pub range_end: Bytes,
}

/// With what something of a row is compared.
#[derive(Clone, PartialEq, Eq, prost::Oneof)]
pub enum TargetUnion {
    /// A version.
    #[prost(int64, tag = "4")]
    Version(i64),
    /// A revision that makes a row.
    #[prost(int64, tag = "5")]
    CreateRevision(i64),
    /// A revision that writes a row.
    #[prost(int64, tag = "6")]
    ModRevision(i64),
    /// What a row says.
    #[prost(bytes = "bytes", tag = "7")]
    Value(Bytes),
    /// A lease.
    #[prost(int64, tag = "8")]
    Lease(i64),
}

/// Does the one or the other, by whether all conditions hold.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct TxnRequest {
    /// The conditions.
    #[prost(message, repeated, tag = "1")]
    pub compare: Vec<Compare>,
    /// Done if all hold.
    #[prost(message, repeated, tag = "2")]
    pub success: Vec<RequestOp>,
    /// Done otherwise.
    #[prost(message, repeated, tag = "3")]
    pub failure: Vec<RequestOp>,
}

/// What came of a transaction.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct TxnResponse {
    /// Who answers.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// Whether all conditions held.
    #[prost(bool, tag = "2")]
    pub succeeded: bool,
    /// What came of each operation, in their order.
    #[prost(message, repeated, tag = "3")]
    pub responses: Vec<ResponseOp>,
}

/// Forgets what was before a revision.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct CompactionRequest {
    /// The oldest state that can still be read afterwards.
    #[prost(int64, tag = "1")]
    pub revision: i64,
    /// Answer when it is gone from the disk, too.
    #[prost(bool, tag = "2")]
    pub physical: bool,
}

/// It was forgotten.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct CompactionResponse {
    /// Who answers.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
}
