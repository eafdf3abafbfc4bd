//! What requests do, as etcd does it.
//!
//! A transaction is looked at before it is begun: once its conditions, and those of transactions inside it, chose their sides,
//! all that could make an operation of these sides fail is checked, so that a transaction never stops half-way.

use std::cmp::Ordering;

use etcd_wire::kv::{
    Compare, CompareResult, CompareTarget, DeleteRangeRequest, DeleteRangeResponse, KeyValue, PutRequest,
    PutResponse, RangeRequest, RangeResponse, Request, RequestOp, Response, SortOrder, SortTarget,
    TargetUnion, TxnRequest, TxnResponse,
};
use etcd_wire::{EtcdError, KeyRange, ResponseHeader};

use crate::error::Failure;
use crate::keyspace::{NOW, Version};
use crate::plan::{Plan, Planned};
use crate::staged::{Staged, View};

#[cfg(test)]
mod tests;

/// A header of which only the revision is known here.
#[expect(clippy::unnecessary_wraps, reason = "the messages want it so")]
pub(crate) fn header(revision: i64) -> Option<ResponseHeader> {
    Some(ResponseHeader { revision, ..ResponseHeader::default() })
}

/// Whether a transaction writes nothing, whatever its conditions say.
pub(crate) fn is_read_only(txn: &TxnRequest) -> bool {
    let reads = |op: &RequestOp| matches!(op.request, Some(Request::Range(_)));
    txn.success.iter().chain(&txn.failure).all(reads)
}

/// Does a transaction that writes nothing.
pub(crate) fn read_txn(view: &impl View, txn: &TxnRequest) -> Result<TxnResponse, Failure> {
    let succeeded = txn.compare.iter().all(|compare| holds(view, compare));
    let ops = if succeeded { &txn.success } else { &txn.failure };
    let mut responses = Vec::with_capacity(ops.len());
    for op in ops {
        if let Some(Request::Range(request)) = &op.request {
            responses.push(Response::Range(range(view, request)?).into());
        }
    }
    Ok(TxnResponse { header: header(view.revision()), succeeded, responses })
}

/// Does a transaction, or nothing of it. `bytes_max` is how much its rows may cost.
pub(crate) fn write_txn(
    staged: &mut Staged<'_>,
    txn: &TxnRequest,
    bytes_max: usize,
) -> Result<TxnResponse, Failure> {
    let plan = Plan::new(staged, txn);
    plan.check(&mut |op| check_put(staged, op, bytes_max))?;
    plan.check(&mut |op| check_read(staged, op))?;
    let mut response = carry_out(staged, &plan)?;
    response.header = header(staged.revision_so_far());
    staged.finish_request();
    Ok(response)
}

/// Does what was planned. Only the answer to the outermost transaction has a revision, as etcd's.
fn carry_out(staged: &mut Staged<'_>, plan: &Plan<'_>) -> Result<TxnResponse, Failure> {
    let mut responses = Vec::with_capacity(plan.ops.len());
    for op in &plan.ops {
        let response = match op {
            Planned::Range(request) => Response::Range(range(staged, request)?),
            Planned::Put(request) => Response::Put(put(staged, request)),
            Planned::DeleteRange(request) => Response::DeleteRange(delete_range(staged, request)),
            Planned::Txn(inner) => Response::Txn(carry_out(staged, inner)?),
        };
        responses.push(response.into());
    }
    Ok(TxnResponse { header: header(0), succeeded: plan.succeeded, responses })
}

fn check_put(staged: &Staged<'_>, op: &Planned<'_>, bytes_max: usize) -> Result<(), Failure> {
    let Planned::Put(put) = op else { return Ok(()) };
    let keeps = put.ignore_value || put.ignore_lease;
    if keeps && staged.get(&put.key, NOW).is_none() {
        return Err(EtcdError::KeyNotFound.into());
    }
    if put.lease != 0 && !staged.has_lease(put.lease) {
        return Err(EtcdError::LeaseNotFound.into());
    }
    if staged.live_bytes() > bytes_max { Err(EtcdError::NoSpace.into()) } else { Ok(()) }
}

fn check_read(staged: &Staged<'_>, op: &Planned<'_>) -> Result<(), Failure> {
    let Planned::Range(range) = op else { return Ok(()) };
    check_revision(staged, range.revision)
}

fn check_revision(view: &impl View, revision: i64) -> Result<(), Failure> {
    if revision > view.revision() {
        Err(EtcdError::FutureRevision.into())
    } else if revision > 0 && revision < view.compacted() {
        Err(EtcdError::Compacted.into())
    } else {
        Ok(())
    }
}

fn put(staged: &mut Staged<'_>, request: &PutRequest) -> PutResponse {
    let before = staged.get(&request.key, NOW);
    let prev_kv = before.filter(|_| request.prev_kv).map(|version| version.to_row(&request.key));
    let value =
        before.filter(|_| request.ignore_value).map_or(&request.value, |version| &version.value).clone();
    let lease = before.filter(|_| request.ignore_lease).map_or(request.lease, |version| version.lease);
    staged.put(request.key.clone(), value, lease);
    PutResponse { header: header(staged.revision_so_far()), prev_kv }
}

fn delete_range(staged: &mut Staged<'_>, request: &DeleteRangeRequest) -> DeleteRangeResponse {
    let deleted = staged.delete(&KeyRange::new(request.key.clone(), request.range_end.clone()));
    let count = i64::try_from(deleted.len()).unwrap_or(i64::MAX);
    let rows = deleted.iter().filter(|_| request.prev_kv).map(|(key, version)| version.to_row(key));
    DeleteRangeResponse { header: header(staged.revision_so_far()), deleted: count, prev_kvs: rows.collect() }
}

/// Reads rows.
pub(crate) fn range(view: &impl View, request: &RangeRequest) -> Result<RangeResponse, Failure> {
    check_revision(view, request.revision)?;
    let at = if request.revision > 0 { request.revision } else { NOW };
    let keys = KeyRange::new(request.key.clone(), request.range_end.clone());
    let limit = usize::try_from(request.limit).ok().filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    let picky = request.min_mod_revision != 0
        || request.max_mod_revision != 0
        || request.min_create_revision != 0
        || request.max_create_revision != 0;
    let sorted = request.sort_order() != SortOrder::None;
    // Where all of the range has to be seen to know which rows are the first, the limit comes last.
    let fetch = if sorted || picky { usize::MAX } else { limit.saturating_add(1) };
    let (mut kvs, mut count) = (Vec::new(), 0_i64);
    if let (KeyRange::One(key), true) = (&keys, !request.count_only) {
        if let Some(version) = view.get(key, at) {
            count = 1;
            kvs.push(version.to_row(key));
        }
    } else {
        for (key, version) in view.scan(&keys, at) {
            count = count.saturating_add(1);
            if !request.count_only && kvs.len() < fetch {
                kvs.push(version.to_row(key));
            }
        }
    }
    if picky {
        kvs.retain(|row| is_wanted(request, row));
    }
    sort(request, &mut kvs);
    let more = kvs.len() > limit;
    kvs.truncate(limit);
    if request.keys_only {
        kvs.iter_mut().for_each(|row| row.value.clear());
    }
    Ok(RangeResponse { header: header(view.revision()), kvs, more, count })
}

const fn is_wanted(request: &RangeRequest, row: &KeyValue) -> bool {
    const fn between(min: i64, at: i64, max: i64) -> bool {
        (min == 0 || at >= min) && (max == 0 || at <= max)
    }
    between(request.min_mod_revision, row.mod_revision, request.max_mod_revision)
        && between(request.min_create_revision, row.create_revision, request.max_create_revision)
}

/// Sorts as asked; rows that are alike stay in the order of their keys.
fn sort(request: &RangeRequest, rows: &mut [KeyValue]) {
    let target = request.sort_target();
    let order = match request.sort_order() {
        // Rows come in the order of their keys; sorting by anything else means ascending.
        SortOrder::None if target == SortTarget::Key => return,
        SortOrder::None => SortOrder::Ascend,
        order => order,
    };
    let compare = |a: &KeyValue, b: &KeyValue| match target {
        SortTarget::Key => a.key.cmp(&b.key),
        SortTarget::Version => a.version.cmp(&b.version),
        SortTarget::Create => a.create_revision.cmp(&b.create_revision),
        SortTarget::Mod => a.mod_revision.cmp(&b.mod_revision),
        SortTarget::Value => a.value.cmp(&b.value),
    };
    match order {
        SortOrder::Descend => rows.sort_by(|a, b| compare(b, a)),
        SortOrder::Ascend | SortOrder::None => rows.sort_by(compare),
    }
}

/// Whether a condition holds: for each row of its range, or for "no row" where there is none.
pub(crate) fn holds(view: &impl View, compare: &Compare) -> bool {
    match KeyRange::new(compare.key.clone(), compare.range_end.clone()) {
        KeyRange::One(key) => fits(compare, view.get(&key, NOW)),
        range => {
            let mut rows = view.scan(&range, NOW).peekable();
            if rows.peek().is_none() {
                return fits(compare, None);
            }
            rows.all(|(_, version)| fits(compare, Some(version)))
        }
    }
}

fn fits(compare: &Compare, row: Option<&Version>) -> bool {
    let (Ok(target), Ok(result)) =
        (CompareTarget::try_from(compare.target), CompareResult::try_from(compare.result))
    else {
        return false;
    };
    let of_row = |read: fn(&Version) -> i64| row.map_or(0, read);
    // A condition that compares with something else than it says compares with 0, or with an empty text.
    let ordering = match (target, &compare.target_union) {
        (CompareTarget::Version, union) => {
            let number = if let Some(TargetUnion::Version(number)) = union { *number } else { 0 };
            of_row(|version| version.count).cmp(&number)
        }
        (CompareTarget::Create, union) => {
            let number = if let Some(TargetUnion::CreateRevision(number)) = union { *number } else { 0 };
            of_row(|version| version.created).cmp(&number)
        }
        (CompareTarget::Mod, union) => {
            let number = if let Some(TargetUnion::ModRevision(number)) = union { *number } else { 0 };
            of_row(|version| version.revision).cmp(&number)
        }
        (CompareTarget::Lease, union) => {
            let number = if let Some(TargetUnion::Lease(number)) = union { *number } else { 0 };
            of_row(|version| version.lease).cmp(&number)
        }
        (CompareTarget::Value, union) => {
            let Some(row) = row else { return false };
            let text = if let Some(TargetUnion::Value(text)) = union { text.as_ref() } else { &[] };
            row.value.as_ref().cmp(text)
        }
    };
    match result {
        CompareResult::Equal => ordering == Ordering::Equal,
        CompareResult::Greater => ordering == Ordering::Greater,
        CompareResult::Less => ordering == Ordering::Less,
        CompareResult::NotEqual => ordering != Ordering::Equal,
    }
}
