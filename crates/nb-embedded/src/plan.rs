//! Which operations a transaction does: of it, and of each transaction inside it, the side that its conditions choose.
//!
//! All conditions are looked at before anything is written, those of inner transactions too. So an inner transaction does not
//! decide by what an outer one writes, although it reads it; etcd does the same.

use etcd_wire::kv::{DeleteRangeRequest, PutRequest, RangeRequest, Request, TxnRequest};

use crate::apply::holds;
use crate::staged::View;

/// What a transaction does.
pub(crate) struct Plan<'a> {
    /// Whether all its conditions hold.
    pub(crate) succeeded: bool,
    /// The operations, in their order.
    pub(crate) ops: Vec<Planned<'a>>,
}

/// What one operation does.
pub(crate) enum Planned<'a> {
    Range(&'a RangeRequest),
    Put(&'a PutRequest),
    DeleteRange(&'a DeleteRangeRequest),
    Txn(Plan<'a>),
}

impl<'a> Plan<'a> {
    /// Chooses the sides of a transaction that was checked, which bounds how deep it goes.
    pub(crate) fn new(view: &impl View, txn: &'a TxnRequest) -> Self {
        let succeeded = txn.compare.iter().all(|compare| holds(view, compare));
        let ops = if succeeded { &txn.success } else { &txn.failure };
        let planned = |request: &'a Request| match request {
            Request::Range(request) => Planned::Range(request),
            Request::Put(request) => Planned::Put(request),
            Request::DeleteRange(request) => Planned::DeleteRange(request),
            Request::Txn(inner) => Planned::Txn(Self::new(view, inner)),
        };
        Self { succeeded, ops: ops.iter().filter_map(|op| op.request.as_ref()).map(planned).collect() }
    }

    /// Asks something of every operation that is no transaction, in their order, until one fails.
    pub(crate) fn check<E>(&self, ask: &mut impl FnMut(&Planned<'a>) -> Result<(), E>) -> Result<(), E> {
        self.ops.iter().try_for_each(|op| match op {
            Planned::Txn(inner) => inner.check(ask),
            op => ask(op),
        })
    }
}
