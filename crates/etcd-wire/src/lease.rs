//! Leases. Times are in seconds.

use bytes::Bytes;

use crate::ResponseHeader;

/// Makes a lease.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct LeaseGrantRequest {
    /// How long it lives without being kept alive.
    #[prost(int64, tag = "1")]
    pub ttl: i64,
    /// Its number; 0 lets the server choose.
    #[prost(int64, tag = "2")]
    pub id: i64,
}

/// A lease was made.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct LeaseGrantResponse {
    /// Who answers.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// Its number.
    #[prost(int64, tag = "2")]
    pub id: i64,
    /// How long it lives.
    #[prost(int64, tag = "3")]
    pub ttl: i64,
    /// Why there is none.
    #[prost(string, tag = "4")]
    pub error: String,
}

/// Ends a lease and deletes its rows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct LeaseRevokeRequest {
    /// Its number.
    #[prost(int64, tag = "1")]
    pub id: i64,
}

/// A lease was ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct LeaseRevokeResponse {
    /// Who answers.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
}

/// Keeps a lease alive once more.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct LeaseKeepAliveRequest {
    /// Its number.
    #[prost(int64, tag = "1")]
    pub id: i64,
}

/// A lease was kept alive.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct LeaseKeepAliveResponse {
    /// Who answers.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// Its number.
    #[prost(int64, tag = "2")]
    pub id: i64,
    /// How long it lives from now on; 0: it is not there.
    #[prost(int64, tag = "3")]
    pub ttl: i64,
}

/// Asks how long a lease still lives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct LeaseTimeToLiveRequest {
    /// Its number.
    #[prost(int64, tag = "1")]
    pub id: i64,
    /// Also which rows go with it.
    #[prost(bool, tag = "2")]
    pub keys: bool,
}

/// How long a lease still lives.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct LeaseTimeToLiveResponse {
    /// Who answers.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// Its number.
    #[prost(int64, tag = "2")]
    pub id: i64,
    /// How long it lives without being kept alive; -1: it is not there.
    #[prost(int64, tag = "3")]
    pub ttl: i64,
    /// How long it lives after being kept alive.
    #[prost(int64, tag = "4")]
    pub granted_ttl: i64,
    /// The keys of its rows.
    #[prost(bytes = "bytes", repeated, tag = "5")]
    pub keys: Vec<Bytes>,
}

/// Asks for all leases.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct LeaseLeasesRequest {}

/// A lease that is there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct LeaseStatus {
    /// Its number.
    #[prost(int64, tag = "1")]
    pub id: i64,
}

/// All leases.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct LeaseLeasesResponse {
    /// Who answers.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// The leases.
    #[prost(message, repeated, tag = "2")]
    pub leases: Vec<LeaseStatus>,
}
