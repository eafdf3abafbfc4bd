//! Watches and their events.
//!
//! One stream carries many watches. A client sends [`WatchRequest`]s and is told by [`WatchResponse::created`] which
//! number a watch has; everything else bears that number.

use bytes::Bytes;

use crate::ResponseHeader;
use crate::kv::KeyValue;

/// The number of no watch: answers that concern the whole stream, and watches that were refused, have it.
pub const NO_WATCH_ID: i64 = -1;

/// What happened to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum EventType {
    /// It was written.
    Put = 0,
    /// It was deleted.
    Delete = 1,
}

/// Something happened to a row.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Event {
    /// What.
    #[prost(enumeration = "EventType", tag = "1")]
    pub r#type: i32,
    /// The row; of one that was deleted only the key and the revision that did it.
    #[prost(message, optional, tag = "2")]
    pub kv: Option<KeyValue>,
    /// The row as it was before, if that was asked for and is still known.
    #[prost(message, optional, tag = "3")]
    pub prev_kv: Option<KeyValue>,
}

/// What a client wants of a stream of watches.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct WatchRequest {
    /// Which it is.
    #[prost(oneof = "RequestUnion", tags = "1, 2, 3")]
    pub request_union: Option<RequestUnion>,
}

/// What a client wants.
#[derive(Clone, PartialEq, Eq, prost::Oneof)]
pub enum RequestUnion {
    /// A new watch.
    #[prost(message, tag = "1")]
    Create(WatchCreateRequest),
    /// The end of a watch.
    #[prost(message, tag = "2")]
    Cancel(WatchCancelRequest),
    /// To be told up to where the stream is complete.
    #[prost(message, tag = "3")]
    Progress(WatchProgressRequest),
}

impl From<RequestUnion> for WatchRequest {
    fn from(union: RequestUnion) -> Self {
        Self { request_union: Some(union) }
    }
}

/// Events that a watch does not want.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum FilterType {
    /// Rows that are written.
    NoPut = 0,
    /// Rows that are deleted.
    NoDelete = 1,
}

/// Begins a watch.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct WatchCreateRequest {
    /// The key, or the first.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    /// Where the range ends; see [`crate::KeyRange`].
    #[prost(bytes = "bytes", tag = "2")]
    pub range_end: Bytes,
    /// The first revision of interest; 0 is the next.
    #[prost(int64, tag = "3")]
    pub start_revision: i64,
    /// Say from time to time that nothing happened.
    #[prost(bool, tag = "4")]
    pub progress_notify: bool,
    /// Events that are not wanted.
    #[prost(enumeration = "FilterType", repeated, tag = "5")]
    pub filters: Vec<i32>,
    /// Events with the row as it was before.
    #[prost(bool, tag = "6")]
    pub prev_kv: bool,
    /// The number of the watch; 0 lets the server choose.
    #[prost(int64, tag = "7")]
    pub watch_id: i64,
    /// Large answers may come in parts.
    #[prost(bool, tag = "8")]
    pub fragment: bool,
}

/// Ends a watch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct WatchCancelRequest {
    /// Its number.
    #[prost(int64, tag = "1")]
    pub watch_id: i64,
}

/// Asks up to where the stream is complete.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct WatchProgressRequest {}

/// What a server says about a watch.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct WatchResponse {
    /// Who answers. Without events its revision says up to where the watch is complete.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// The watch.
    #[prost(int64, tag = "2")]
    pub watch_id: i64,
    /// The watch begins.
    #[prost(bool, tag = "3")]
    pub created: bool,
    /// The watch is over.
    #[prost(bool, tag = "4")]
    pub canceled: bool,
    /// The watch is over because it wanted what is forgotten; nothing before this revision is known.
    #[prost(int64, tag = "5")]
    pub compact_revision: i64,
    /// Why the watch is over.
    #[prost(string, tag = "6")]
    pub cancel_reason: String,
    /// More of the same answer follows.
    #[prost(bool, tag = "7")]
    pub fragment: bool,
    /// What happened, in order.
    #[prost(message, repeated, tag = "11")]
    pub events: Vec<Event>,
}
