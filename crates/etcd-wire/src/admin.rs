//! State of a server, its members, users: as much as clients need to tell how a server is and to log in.

use crate::ResponseHeader;

/// Asks how a server is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct StatusRequest {}

/// How a server is.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct StatusResponse {
    /// Who answers.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// The release of etcd whose API it speaks.
    #[prost(string, tag = "2")]
    pub version: String,
    /// Bytes of its file.
    #[prost(int64, tag = "3")]
    pub db_size: i64,
    /// The member that leads.
    #[prost(uint64, tag = "4")]
    pub leader: u64,
    /// The last entry of the consensus that is agreed on.
    #[prost(uint64, tag = "5")]
    pub raft_index: u64,
    /// The term of the consensus.
    #[prost(uint64, tag = "6")]
    pub raft_term: u64,
    /// The last entry that this member did.
    #[prost(uint64, tag = "7")]
    pub raft_applied_index: u64,
    /// What is wrong.
    #[prost(string, repeated, tag = "8")]
    pub errors: Vec<String>,
    /// Bytes of its file that hold something.
    #[prost(int64, tag = "9")]
    pub db_size_in_use: i64,
    /// It only listens.
    #[prost(bool, tag = "10")]
    pub is_learner: bool,
}

/// What alarms there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum AlarmType {
    /// Any.
    None = 0,
    /// The store is full.
    NoSpace = 1,
    /// The store is damaged.
    Corrupt = 2,
}

/// What to do with alarms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum AlarmAction {
    /// Tell them.
    Get = 0,
    /// Raise one.
    Activate = 1,
    /// End one.
    Deactivate = 2,
}

/// Asks for alarms.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct AlarmRequest {
    /// What to do with them.
    #[prost(enumeration = "AlarmAction", tag = "1")]
    pub action: i32,
    /// Whose; 0 is everybody's.
    #[prost(uint64, tag = "2")]
    pub member_id: u64,
    /// Which.
    #[prost(enumeration = "AlarmType", tag = "3")]
    pub alarm: i32,
}

/// An alarm.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct AlarmMember {
    /// Whose.
    #[prost(uint64, tag = "1")]
    pub member_id: u64,
    /// Which.
    #[prost(enumeration = "AlarmType", tag = "2")]
    pub alarm: i32,
}

/// The alarms.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct AlarmResponse {
    /// Who answers.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// The alarms.
    #[prost(message, repeated, tag = "2")]
    pub alarms: Vec<AlarmMember>,
}

/// Asks a server to give unused space of its file back.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct DefragmentRequest {}

/// It did.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct DefragmentResponse {
    /// Who answers.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
}

/// A member of a cluster.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Member {
    /// Its number.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// Its name; empty before it was started.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Where other members reach it.
    #[prost(string, repeated, tag = "3")]
    pub peer_urls: Vec<String>,
    /// Where clients reach it.
    #[prost(string, repeated, tag = "4")]
    pub client_urls: Vec<String>,
    /// It only listens.
    #[prost(bool, tag = "5")]
    pub is_learner: bool,
}

/// Asks for the members of the cluster.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct MemberListRequest {
    /// A stale answer is not good enough.
    #[prost(bool, tag = "1")]
    pub linearizable: bool,
}

/// The members of the cluster.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct MemberListResponse {
    /// Who answers.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// The members.
    #[prost(message, repeated, tag = "2")]
    pub members: Vec<Member>,
}

/// Logs in.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct AuthenticateRequest {
    /// The user.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The password.
    #[prost(string, tag = "2")]
    pub password: String,
}

/// Logged in.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct AuthenticateResponse {
    /// Who answers.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// What further requests have to bear.
    #[prost(string, tag = "2")]
    pub token: String,
}
