//! Which requests make sense, before anything is looked up: the same refusals, in the same order, as etcd's.

use std::collections::BTreeSet;

use bytes::Bytes;
use etcd_wire::kv::{
    DeleteRangeRequest, PutRequest, RangeRequest, Request, RequestOp, SortOrder, SortTarget, TxnRequest,
};
use etcd_wire::{EtcdError, KeyRange};
use prost::Message;

use crate::error::Failure;
use crate::options::Options;
use crate::ranges::KeyRanges;

#[cfg(test)]
mod tests;

/// Whether a transaction can be done at all.
pub(crate) fn check_txn(txn: &TxnRequest, options: &Options) -> Result<(), Failure> {
    check_ops(txn, options.txn_ops_max)?;
    changes(&txn.success)?;
    changes(&txn.failure)?;
    if txn.encoded_len() > options.request_bytes_max {
        return Err(EtcdError::RequestTooLarge.into());
    }
    Ok(())
}

/// A transaction inside another may only have as many operations as the outer one left over, which bounds how deep it goes.
fn check_ops(txn: &TxnRequest, ops_max: usize) -> Result<(), Failure> {
    let ops = txn.compare.len().max(txn.success.len()).max(txn.failure.len());
    let Some(left) = ops_max.checked_sub(ops) else { return Err(EtcdError::TooManyOps.into()) };
    if txn.compare.iter().any(|compare| compare.key.is_empty()) {
        return Err(EtcdError::EmptyKey.into());
    }
    txn.success.iter().chain(&txn.failure).try_for_each(|op| check_op(op, left))
}

fn check_op(op: &RequestOp, ops_max: usize) -> Result<(), Failure> {
    match &op.request {
        Some(Request::Range(request)) => check_range(request),
        Some(Request::Put(request)) => check_put(request),
        Some(Request::DeleteRange(request)) => check_delete(request),
        Some(Request::Txn(inner)) => check_ops(inner, ops_max),
        None => Err(EtcdError::KeyNotFound.into()),
    }
}

/// Whether rows can be read.
pub(crate) fn check_range(request: &RangeRequest) -> Result<(), Failure> {
    if request.key.is_empty() {
        return Err(EtcdError::EmptyKey.into());
    }
    let known = SortOrder::is_valid(request.sort_order) && SortTarget::is_valid(request.sort_target);
    if known { Ok(()) } else { Err(EtcdError::InvalidSortOption.into()) }
}

fn check_put(request: &PutRequest) -> Result<(), Failure> {
    if request.key.is_empty() {
        Err(EtcdError::EmptyKey.into())
    } else if request.ignore_value && !request.value.is_empty() {
        Err(EtcdError::ValueProvided.into())
    } else if request.ignore_lease && request.lease != 0 {
        Err(EtcdError::LeaseProvided.into())
    } else {
        Ok(())
    }
}

fn check_delete(request: &DeleteRangeRequest) -> Result<(), Failure> {
    if request.key.is_empty() { Err(EtcdError::EmptyKey.into()) } else { Ok(()) }
}

/// What a list of operations changes, inner transactions included.
#[derive(Default)]
struct Changed<'a> {
    written: BTreeSet<&'a Bytes>,
    deleted: KeyRanges,
}

impl<'a> Changed<'a> {
    fn write(&mut self, key: &'a Bytes) -> Result<(), Failure> {
        if self.deleted.contains(key) || !self.written.insert(key) {
            Err(EtcdError::DuplicateKey.into())
        } else {
            Ok(())
        }
    }
}

/// What operations change; no row may be written twice, or written and deleted. The two sides of an inner transaction may
/// write the same row. As with etcd, a row that one inner transaction writes a later one may delete.
fn changes(ops: &[RequestOp]) -> Result<Changed<'_>, Failure> {
    let mut changed = Changed::default();
    for op in ops {
        if let Some(Request::DeleteRange(delete)) = &op.request {
            changed.deleted.add(KeyRange::new(delete.key.clone(), delete.range_end.clone()));
        }
    }
    for op in ops {
        let Some(Request::Txn(inner)) = &op.request else { continue };
        let (success, failure) = (changes(&inner.success)?, changes(&inner.failure)?);
        for key in success.written.union(&failure.written) {
            changed.write(key)?;
        }
        changed.deleted.add_all(success.deleted);
        changed.deleted.add_all(failure.deleted);
    }
    for op in ops {
        if let Some(Request::Put(put)) = &op.request {
            changed.write(&put.key)?;
        }
    }
    Ok(changed)
}
