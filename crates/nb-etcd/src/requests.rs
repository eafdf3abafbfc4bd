//! Reads by key, transactions and leases.

use bytes::Bytes;
use etcd_wire::EtcdError;
use etcd_wire::kv::{
    Compare, CompareResult, CompareTarget, DeleteRangeRequest, PutRequest, RangeRequest, Request, RequestOp,
    Response, TargetUnion, TxnRequest, TxnResponse,
};
use etcd_wire::lease::{
    LeaseGrantRequest, LeaseKeepAliveRequest, LeaseKeepAliveResponse, LeaseRevokeRequest,
    LeaseTimeToLiveRequest,
};
use nb::{CommitError, Key, LeaseId, Limits, Op, Require, Revision, Row, Stamp, StoreError, Txn, path};
use tonic::Status;
use tonic::codegen::tokio_stream;

use crate::keys;
use crate::session::{Failure, Repeat, Session};

/// What etcd says of a lease that is not there.
const NO_TIME_TO_LIVE: i64 = 0;

/// Times that history may be forgotten under a read before it is given up.
const READS_MAX: u32 = 5;

fn damaged(reason: &str) -> StoreError {
    StoreError::Damaged { reason: reason.to_owned() }
}

/// Rows in the order of `keys`, `keys_at_once` in a request, all of them as they were at the first.
pub(crate) async fn read(
    session: &Session,
    keys: &[Key],
    keys_at_once: usize,
) -> Result<Vec<Option<Row>>, StoreError> {
    for _ in 0..READS_MAX {
        match try_read(session, keys, keys_at_once).await {
            Err(Failure::Etcd(EtcdError::Compacted)) => {}
            outcome => return Ok(outcome?),
        }
    }
    Err(StoreError::Unavailable { reason: "history is forgotten faster than rows are read".to_owned() })
}

async fn try_read(session: &Session, keys: &[Key], keys_at_once: usize) -> Result<Vec<Option<Row>>, Failure> {
    let mut rows = Vec::with_capacity(keys.len());
    // 0 is the present.
    let mut revision = 0;
    for keys in keys.chunks(keys_at_once.max(1)) {
        let range = |key| {
            Request::Range(RangeRequest { key: path::of(key), revision, ..RangeRequest::default() }).into()
        };
        let request = TxnRequest { success: keys.iter().map(range).collect(), ..TxnRequest::default() };
        let response = session
            .call(Repeat::Always, |client| {
                let request = request.clone();
                async move { client.txn(request).await }
            })
            .await?;
        let present = session.note(response.header)?;
        if revision == 0 {
            revision = i64::try_from(present).map_err(|_| damaged("an answer of etcd has no revision"))?;
        }
        rows.extend(rows_of(keys, response)?);
    }
    Ok(rows)
}

fn rows_of(keys: &[Key], response: TxnResponse) -> Result<Vec<Option<Row>>, StoreError> {
    let wrong = || damaged("etcd answered to other keys than it was asked for");
    if response.responses.len() != keys.len() {
        return Err(wrong());
    }
    let mut rows = Vec::with_capacity(keys.len());
    for (key, response) in keys.iter().zip(response.responses) {
        let Some(Response::Range(range)) = response.response else { return Err(wrong()) };
        let row = range.kvs.into_iter().next().map(|kv| keys::row_of(kv).ok_or_else(wrong)).transpose()?;
        if row.as_ref().is_some_and(|row| row.key != *key) {
            return Err(wrong());
        }
        rows.push(row);
    }
    Ok(rows)
}

/// Does a transaction, once.
pub(crate) async fn commit(session: &Session, txn: Txn, limits: Limits) -> Result<Revision, CommitError> {
    txn.check(limits)?;
    // No row has it, and etcd would take it for the row that is not there.
    if txn.require.iter().any(|require| matches!(require, Require::Unchanged(_, Stamp(0)))) {
        return Err(CommitError::Conflict);
    }
    let leases = leases(&txn);
    let request = TxnRequest {
        compare: txn.require.iter().map(compare).collect::<Result<_, _>>()?,
        success: txn.ops.into_iter().map(operation).collect(),
        failure: Vec::new(),
    };
    let outcome = session
        .call(Repeat::Never, |client| {
            let request = request.clone();
            async move { client.txn(request).await }
        })
        .await;
    match outcome {
        Ok(response) if response.succeeded => Ok(Revision(session.note(response.header)?)),
        Ok(_) => Err(CommitError::Conflict),
        Err(Failure::Etcd(EtcdError::LeaseNotFound)) => Err(dead_lease(session, leases).await.into()),
        Err(Failure::Etcd(error @ (EtcdError::RequestTooLarge | EtcdError::TooManyOps))) => {
            let reason = format!(
                "the server says {:?}, although it should take {} operations and {} bytes; check its \
                 --max-txn-ops and --max-request-bytes",
                error.text(),
                limits.txn_ops,
                limits.txn_bytes
            );
            Err(CommitError::TooLarge { reason })
        }
        Err(Failure::Etcd(error @ EtcdError::DuplicateKey)) => {
            Err(CommitError::Invalid { reason: error.text().to_owned() })
        }
        Err(failure) => Err(StoreError::from(failure).into()),
    }
}

fn leases(txn: &Txn) -> Vec<LeaseId> {
    let mut leases: Vec<LeaseId> = txn
        .ops
        .iter()
        .filter_map(|op| match op {
            Op::Put { lease, .. } => *lease,
            Op::Delete(_) => None,
        })
        .collect();
    leases.sort_unstable();
    leases.dedup();
    leases
}

/// Which of several leases is dead: etcd does not say.
async fn dead_lease(session: &Session, leases: Vec<LeaseId>) -> StoreError {
    let mut suspect = LeaseId(0);
    for lease in leases {
        suspect = lease;
        let request = LeaseTimeToLiveRequest { id: lease.0, keys: false };
        let asked = session
            .call(Repeat::Always, |client| async move { client.lease_time_to_live(request).await })
            .await;
        match asked {
            Ok(response) if response.ttl > NO_TIME_TO_LIVE => {}
            Ok(_) | Err(Failure::Etcd(EtcdError::LeaseNotFound)) => break,
            Err(failure) => return failure.into(),
        }
    }
    StoreError::NoSuchLease(suspect)
}

fn compare(require: &Require) -> Result<Compare, CommitError> {
    let (target, result, union) = match require {
        Require::Absent(_) => (CompareTarget::Version, CompareResult::Equal, TargetUnion::Version(0)),
        Require::Present(_) => (CompareTarget::Version, CompareResult::Greater, TargetUnion::Version(0)),
        Require::Unchanged(_, Stamp(stamp)) => {
            // A stamp that etcd cannot have given is not that of the row.
            let revision = i64::try_from(*stamp).map_err(|_| CommitError::Conflict)?;
            (CompareTarget::Mod, CompareResult::Equal, TargetUnion::ModRevision(revision))
        }
    };
    Ok(Compare {
        result: result.into(),
        target: target.into(),
        key: path::of(require.key()),
        target_union: Some(union),
        range_end: Bytes::new(),
    })
}

fn operation(op: Op) -> RequestOp {
    match op {
        Op::Put { key, value, lease } => Request::Put(PutRequest {
            key: path::of(&key),
            value,
            lease: lease.map_or(0, |lease| lease.0),
            ..PutRequest::default()
        }),
        Op::Delete(key) => {
            Request::DeleteRange(DeleteRangeRequest { key: path::of(&key), ..DeleteRangeRequest::default() })
        }
    }
    .into()
}

/// A new lease. One whose answer is lost ends by itself, so that asking again does no harm.
pub(crate) async fn grant(session: &Session, ttl_s: u32) -> Result<LeaseId, StoreError> {
    // Etcd refuses 0, and makes very short ones longer.
    let request = LeaseGrantRequest { ttl: i64::from(ttl_s.max(1)), id: 0 };
    let response =
        session.call(Repeat::Always, |client| async move { client.lease_grant(request).await }).await?;
    if response.error.is_empty() {
        Ok(LeaseId(response.id))
    } else {
        Err(StoreError::Unavailable { reason: response.error })
    }
}

/// Renews a lease.
pub(crate) async fn keep_alive(session: &Session, lease: LeaseId) -> Result<(), StoreError> {
    let response: Result<LeaseKeepAliveResponse, Failure> = session
        .call(Repeat::Always, |client| async move {
            let requests = tokio_stream::once(LeaseKeepAliveRequest { id: lease.0 });
            let mut answers = client.lease_keep_alive(requests).await?;
            let answer = answers.message().await?;
            answer.ok_or_else(|| Status::unavailable("the member ended without an answer"))
        })
        .await;
    match response {
        Ok(response) if response.ttl > NO_TIME_TO_LIVE => Ok(()),
        Ok(_) | Err(Failure::Etcd(EtcdError::LeaseNotFound)) => Err(StoreError::NoSuchLease(lease)),
        Err(failure) => Err(failure.into()),
    }
}

/// Ends a lease, once: the second time it would not be known.
pub(crate) async fn revoke(session: &Session, lease: LeaseId) -> Result<(), StoreError> {
    let request = LeaseRevokeRequest { id: lease.0 };
    match session.call(Repeat::Never, |client| async move { client.lease_revoke(request).await }).await {
        Ok(_) => Ok(()),
        Err(Failure::Etcd(EtcdError::LeaseNotFound)) => Err(StoreError::NoSuchLease(lease)),
        Err(failure) => Err(failure.into()),
    }
}
