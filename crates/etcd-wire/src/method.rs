//! The table of methods: what each is called, what goes in, what comes out.
//!
//! A method is a type, so that a caller cannot pair a path with the wrong messages. [`for_each_method`] hands the table
//! to the macros that make the methods of the client and the server of it.

/// A method of etcd's API.
pub trait Method {
    /// What goes in.
    type Request: prost::Message + Default + Send + 'static;
    /// What comes out.
    type Response: prost::Message + Default + Send + 'static;
    /// Its path in HTTP.
    const PATH: &'static str;
}

/// Calls the macro `$then` with the table of methods: those that take one message and answer with one, and those that
/// take a stream and answer with one.
macro_rules! for_each_method {
    ($then:ident) => {
        $then! {
            unary {
                /// Reads rows.
                Range range "/etcdserverpb.KV/Range" (kv::RangeRequest) -> kv::RangeResponse;
                /// Writes a row.
                Put put "/etcdserverpb.KV/Put" (kv::PutRequest) -> kv::PutResponse;
                /// Deletes rows.
                DeleteRange delete_range "/etcdserverpb.KV/DeleteRange" (kv::DeleteRangeRequest) -> kv::DeleteRangeResponse;
                /// Does the one or the other, by whether all conditions hold.
                Txn txn "/etcdserverpb.KV/Txn" (kv::TxnRequest) -> kv::TxnResponse;
                /// Forgets what was before a revision.
                Compact compact "/etcdserverpb.KV/Compact" (kv::CompactionRequest) -> kv::CompactionResponse;
                /// Makes a lease.
                LeaseGrant lease_grant "/etcdserverpb.Lease/LeaseGrant" (lease::LeaseGrantRequest) -> lease::LeaseGrantResponse;
                /// Ends a lease and deletes its rows.
                LeaseRevoke lease_revoke "/etcdserverpb.Lease/LeaseRevoke" (lease::LeaseRevokeRequest) -> lease::LeaseRevokeResponse;
                /// Asks how long a lease still lives.
                LeaseTimeToLive lease_time_to_live "/etcdserverpb.Lease/LeaseTimeToLive" (lease::LeaseTimeToLiveRequest) -> lease::LeaseTimeToLiveResponse;
                /// Asks for all leases.
                LeaseLeases lease_leases "/etcdserverpb.Lease/LeaseLeases" (lease::LeaseLeasesRequest) -> lease::LeaseLeasesResponse;
                /// Asks how a server is.
                Status status "/etcdserverpb.Maintenance/Status" (admin::StatusRequest) -> admin::StatusResponse;
                /// Asks for alarms.
                Alarm alarm "/etcdserverpb.Maintenance/Alarm" (admin::AlarmRequest) -> admin::AlarmResponse;
                /// Gives unused space of the file back.
                Defragment defragment "/etcdserverpb.Maintenance/Defragment" (admin::DefragmentRequest) -> admin::DefragmentResponse;
                /// Asks for the members of the cluster.
                MemberList member_list "/etcdserverpb.Cluster/MemberList" (admin::MemberListRequest) -> admin::MemberListResponse;
                /// Logs in.
                Authenticate authenticate "/etcdserverpb.Auth/Authenticate" (admin::AuthenticateRequest) -> admin::AuthenticateResponse;
            }
            streaming {
                /// Begins and ends watches, and hands on what they see.
                Watch watch "/etcdserverpb.Watch/Watch" (watch::WatchRequest) -> watch::WatchResponse;
                /// Keeps leases alive, one answer for each request.
                LeaseKeepAlive lease_keep_alive "/etcdserverpb.Lease/LeaseKeepAlive" (lease::LeaseKeepAliveRequest) -> lease::LeaseKeepAliveResponse;
            }
        }
    };
}

pub(crate) use for_each_method;

macro_rules! method_types {
    (@each $($(#[doc = $doc:literal])+ $name:ident $function:ident $path:literal
        ($in:ident :: $request:ident) -> $out:ident :: $response:ident;)*) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug, Clone, Copy)]
            pub struct $name;

            impl Method for $name {
                type Request = crate::$in::$request;
                type Response = crate::$out::$response;
                const PATH: &'static str = $path;
            }
        )*
    };
    (unary { $($unary:tt)* } streaming { $($streaming:tt)* }) => {
        method_types! { @each $($unary)* $($streaming)* }
    };
}

for_each_method!(method_types);
