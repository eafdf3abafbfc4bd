//! Which requests make sense, before anything is looked up: the same refusals, in the same order, as etcd's.

use bytes::Bytes;
use etcd_wire::kv::{
    DeleteRangeRequest, PutRequest, RangeRequest, Request, RequestOp, SortOrder, SortTarget, TxnRequest,
};
use etcd_wire::{EtcdError, KeyRange};
use prost::Message;

use crate::error::Failure;
use crate::options::Options;

#[cfg(test)]
mod tests;

/// Whether a transaction can be done at all.
pub(crate) fn check_txn(txn: &TxnRequest, options: &Options) -> Result<(), Failure> {
    let ops = txn.compare.len().max(txn.success.len()).max(txn.failure.len());
    if ops > options.txn_ops_max {
        return Err(EtcdError::TooManyOps.into());
    }
    if txn.compare.iter().any(|compare| compare.key.is_empty()) {
        return Err(EtcdError::EmptyKey.into());
    }
    for op in txn.success.iter().chain(&txn.failure) {
        check_op(op)?;
    }
    check_once(&txn.success)?;
    check_once(&txn.failure)?;
    if txn.encoded_len() > options.request_bytes_max {
        return Err(EtcdError::RequestTooLarge.into());
    }
    Ok(())
}

fn check_op(op: &RequestOp) -> Result<(), Failure> {
    match &op.request {
        Some(Request::Range(request)) => check_range(request),
        Some(Request::Put(request)) => check_put(request),
        Some(Request::DeleteRange(request)) => check_delete(request),
        Some(Request::Txn(_)) => {
            Err(Failure::Refused { reason: "a transaction inside a transaction is not supported" })
        }
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

/// No row may be written twice, or written and deleted.
fn check_once(ops: &[RequestOp]) -> Result<(), Failure> {
    let mut written: Vec<&Bytes> = Vec::new();
    let mut deleted = Vec::new();
    for op in ops {
        match &op.request {
            Some(Request::Put(put)) => written.push(&put.key),
            Some(Request::DeleteRange(delete)) => {
                deleted.push(KeyRange::new(delete.key.clone(), delete.range_end.clone()));
            }
            _ => {}
        }
    }
    let count = written.len();
    written.sort_unstable();
    written.dedup();
    let twice = written.len() < count;
    // Both lists are as short as a transaction may be.
    let both = written.iter().any(|key| deleted.iter().any(|range| range.contains(key)));
    if twice || both { Err(EtcdError::DuplicateKey.into()) } else { Ok(()) }
}
