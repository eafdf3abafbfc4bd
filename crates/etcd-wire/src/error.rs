//! The errors of etcd: code and text.
//!
//! Clients tell errors apart by their text, because several share a code; so both ends take it from here.

use tonic::{Code, Status};

macro_rules! errors {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:ident $text:literal,)+) => {
        /// An error that etcd knows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum EtcdError {
            $($(#[doc = $doc])+ $name,)+
        }

        impl EtcdError {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The code that goes with it.
            #[must_use]
            pub const fn code(self) -> Code {
                match self {
                    $(Self::$name => Code::$code,)+
                }
            }

            /// Its text.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

errors! {
    /// A request without a key.
    EmptyKey = InvalidArgument "etcdserver: key is not provided",
    /// A row that has to be there is not, or an operation of a transaction is none.
    KeyNotFound = InvalidArgument "etcdserver: key not found",
    /// A text although the old one is to be kept.
    ValueProvided = InvalidArgument "etcdserver: value is provided",
    /// A lease although the old one is to be kept.
    LeaseProvided = InvalidArgument "etcdserver: lease is provided",
    /// More operations than a transaction may have.
    TooManyOps = InvalidArgument "etcdserver: too many operations in txn request",
    /// A transaction that changes a row twice.
    DuplicateKey = InvalidArgument "etcdserver: duplicate key given in txn request",
    /// A sort order or target that is none.
    InvalidSortOption = InvalidArgument "etcdserver: invalid sort option",
    /// A state that is forgotten.
    Compacted = OutOfRange "etcdserver: mvcc: required revision has been compacted",
    /// A state that is not yet.
    FutureRevision = OutOfRange "etcdserver: mvcc: required revision is a future revision",
    /// The store is full.
    NoSpace = ResourceExhausted "etcdserver: mvcc: database space exceeded",
    /// A lease that is not there.
    LeaseNotFound = NotFound "etcdserver: requested lease not found",
    /// A lease that is there already.
    LeaseExists = FailedPrecondition "etcdserver: lease already exists",
    /// A lease that would live too long.
    LeaseTtlTooLarge = OutOfRange "etcdserver: too large lease TTL",
    /// A stream of watches that the server ends.
    WatchCanceled = Cancelled "etcdserver: watch canceled",
    /// A request that is larger than the server takes.
    RequestTooLarge = InvalidArgument "etcdserver: request is too large",
    /// More requests than the server takes.
    TooManyRequests = ResourceExhausted "etcdserver: too many requests",
    /// A user that is unknown, or a wrong password.
    AuthFailed = InvalidArgument "etcdserver: authentication failed, invalid user ID or password",
    /// Logging in where nobody has to.
    AuthNotEnabled = FailedPrecondition "etcdserver: authentication is not enabled",
    /// A user who may not do this.
    PermissionDenied = PermissionDenied "etcdserver: permission denied",
    /// A token that is unknown, or too old.
    InvalidAuthToken = Unauthenticated "etcdserver: invalid auth token",
    /// A token from before users were changed.
    AuthOldRevision = InvalidArgument "etcdserver: revision of auth store is old",
    /// A request without a user where one is needed.
    UserEmpty = InvalidArgument "etcdserver: user name is empty",
    /// A member that knows no leader.
    NoLeader = Unavailable "etcdserver: no leader",
    /// A member that does not lead.
    NotLeader = FailedPrecondition "etcdserver: not leader",
    /// The leader changed while the request was on its way.
    LeaderChanged = Unavailable "etcdserver: leader changed",
    /// A server that is about to end.
    Stopped = Unavailable "etcdserver: server stopped",
    /// A request that took too long.
    Timeout = Unavailable "etcdserver: request timed out",
    /// A request that took too long because the leader is gone.
    TimeoutDueToLeaderFail = Unavailable "etcdserver: request timed out, possibly due to previous leader failure",
    /// A request that took too long because a member is not reached.
    TimeoutDueToConnectionLost = Unavailable "etcdserver: request timed out, possibly due to connection lost",
    /// A cluster that cannot agree.
    Unhealthy = Unavailable "etcdserver: unhealthy cluster",
    /// A cluster whose members differ.
    Corrupt = DataLoss "etcdserver: corrupt cluster",
}

impl EtcdError {
    /// The error that a server meant, if etcd knows it.
    #[must_use]
    pub fn of(status: &Status) -> Option<Self> {
        Self::ALL.iter().copied().find(|error| error.text() == status.message())
    }
}

impl From<EtcdError> for Status {
    fn from(error: EtcdError) -> Self {
        Self::new(error.code(), error.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_apart_by_their_text() {
        for error in EtcdError::ALL {
            assert_eq!(EtcdError::of(&Status::from(*error)), Some(*error));
        }
        assert_eq!(EtcdError::of(&Status::invalid_argument("something else")), None);
    }
}
