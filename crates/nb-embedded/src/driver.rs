//! The store as a northbound store of this process: no sockets, no copies of what rows say.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use etcd_wire::kv::{
    Compare, CompareResult, CompareTarget, DeleteRangeRequest, PutRequest, Request, RequestOp, TargetUnion,
    TxnRequest,
};
use etcd_wire::{EtcdError, KeyRange};
use model::RowId;
use nb::{
    BoxFuture, Change, CommitError, Key, LeaseId, Limits, Op, Require, Revision, Row, Selector, Snapshot,
    Stamp, Store, StoreError, TableName, Txn, Watch, WatchItem, WatchSender, path, topic,
};
use tokio::sync::watch::Receiver;

use crate::error::Failure;
use crate::keyspace::{self, Changes, Compacted, Keyspace, NOW, Version, visible};
use crate::store::{EmbeddedStore, Shared};
use crate::writer::{Command, Done};

#[cfg(test)]
mod tests;

fn row(table: TableName, id: RowId, version: &Version) -> Row {
    let key = topic::key_of_row(table, id, &version.value);
    Row { key, value: version.value.clone(), stamp: Stamp(version.revision.unsigned_abs()) }
}

impl Store for EmbeddedStore {
    fn read<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Row>>, StoreError>> {
        Box::pin(async move {
            let state = self.shared.read();
            let find = |key: &Key| {
                let version = visible(state.keyspace.versions(&path::of(key)), NOW)?;
                Some(row(key.table.clone(), key.id.clone(), version))
            };
            Ok(keys.iter().map(find).collect())
        })
    }

    fn snapshot<'a>(&'a self, selector: &'a Selector) -> BoxFuture<'a, Result<Snapshot, StoreError>> {
        Box::pin(async move {
            let (revision, versions) = selected(&self.shared.read().keyspace, selector);
            let rows = versions.into_iter().map(|(table, id, version)| row(table, id, &version));
            Ok(Snapshot { revision, rows: rows.filter(|row| selector.selects(&row.key)).collect() })
        })
    }

    fn watch(&self, selector: Selector, after: Revision) -> Watch {
        let (sender, watch) = Watch::channel();
        let revision = self.shared.revision.clone();
        let position = i64::try_from(after.0).unwrap_or(i64::MAX);
        let follower = Follower { shared: Arc::clone(&self.shared), selector, position, revision };
        tokio::spawn(follower.run(sender));
        watch
    }

    fn commit(&self, txn: Txn) -> BoxFuture<'_, Result<Revision, CommitError>> {
        Box::pin(async move {
            txn.check(self.limits())?;
            let leases = leases_of(&txn);
            match self.txn(request(txn)).await {
                Ok(response) if response.succeeded => {
                    Ok(Revision(response.header.map_or(0, |header| header.revision).unsigned_abs()))
                }
                Ok(_) => Err(CommitError::Conflict),
                Err(Failure::Etcd(EtcdError::LeaseNotFound)) => Err(self.missing(&leases).into()),
                Err(Failure::Etcd(error @ (EtcdError::TooManyOps | EtcdError::RequestTooLarge))) => {
                    Err(CommitError::TooLarge { reason: error.text().to_owned() })
                }
                Err(failure @ (Failure::Refused { .. } | Failure::Etcd(EtcdError::DuplicateKey))) => {
                    Err(CommitError::Invalid { reason: failure.to_string() })
                }
                Err(failure) => Err(StoreError::from(failure).into()),
            }
        })
    }

    fn grant(&self, ttl_s: u32) -> BoxFuture<'_, Result<LeaseId, StoreError>> {
        Box::pin(async move {
            match self.ask(Command::Grant { id: 0, ttl_s: i64::from(ttl_s) }).await? {
                Done::Granted { id, .. } => Ok(LeaseId(id)),
                Done::Txn(_) | Done::At { .. } => {
                    Err(StoreError::Damaged { reason: "a lease was not granted".to_owned() })
                }
            }
        })
    }

    fn keep_alive(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), StoreError>> {
        let kept = self.shared.read().leases.keep_alive(lease.0, Instant::now());
        Box::pin(async move { kept.map(drop).ok_or(StoreError::NoSuchLease(lease)) })
    }

    fn revoke(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            match self.ask(Command::Revoke { id: lease.0 }).await {
                Ok(_) => Ok(()),
                Err(Failure::Etcd(EtcdError::LeaseNotFound)) => Err(StoreError::NoSuchLease(lease)),
                Err(failure) => Err(failure.into()),
            }
        })
    }

    fn limits(&self) -> Limits {
        let options = &self.shared.options;
        // What frames a request is not counted by who asks for the limit: a third is left for it.
        Limits { txn_ops: options.txn_ops_max, txn_bytes: options.request_bytes_max / 3 * 2 }
    }
}

impl EmbeddedStore {
    /// Which of the leases is not there. If all came back meanwhile, it is the first, as far as the caller can tell.
    fn missing(&self, leases: &[LeaseId]) -> StoreError {
        let state = self.shared.read();
        let missing = leases.iter().find(|lease| state.leases.get(lease.0).is_none());
        StoreError::NoSuchLease(missing.or(leases.first()).copied().unwrap_or(LeaseId(0)))
    }
}

/// The rows of the selected tables, without looking into them: somebody may be waiting to write.
fn selected(keyspace: &Keyspace, selector: &Selector) -> (Revision, Vec<(TableName, RowId, Version)>) {
    let mut found = Vec::new();
    for table in &selector.tables {
        let range = KeyRange::prefix(path::prefix(table).into());
        for (key, versions) in keyspace.rows(&range) {
            if let (Some(version), Some((table, id))) = (visible(versions, NOW), path::named(key)) {
                found.push((table, id, version.clone()));
            }
        }
    }
    (Revision(keyspace.revision().unsigned_abs()), found)
}

fn leases_of(txn: &Txn) -> Vec<LeaseId> {
    let lease = |op: &Op| if let Op::Put { lease, .. } = op { *lease } else { None };
    txn.ops.iter().filter_map(lease).collect()
}

/// A transaction as etcd says it.
fn request(txn: Txn) -> TxnRequest {
    let compare = txn.require.iter().map(|require| {
        let key = path::of(require.key());
        let (target, result, with) = match require {
            Require::Absent(_) => {
                (CompareTarget::Create, CompareResult::Equal, TargetUnion::CreateRevision(0))
            }
            Require::Present(_) => {
                (CompareTarget::Create, CompareResult::Greater, TargetUnion::CreateRevision(0))
            }
            Require::Unchanged(_, stamp) => {
                let revision = i64::try_from(stamp.0).unwrap_or(i64::MAX);
                (CompareTarget::Mod, CompareResult::Equal, TargetUnion::ModRevision(revision))
            }
        };
        Compare {
            result: result.into(),
            target: target.into(),
            key,
            target_union: Some(with),
            range_end: Bytes::new(),
        }
    });
    let compare = compare.collect();
    let success = txn.ops.into_iter().map(|op| match op {
        Op::Put { key, value, lease } => Request::Put(PutRequest {
            key: path::of(&key),
            value,
            lease: lease.map_or(0, |lease| lease.0),
            ..PutRequest::default()
        }),
        Op::Delete(key) => {
            Request::DeleteRange(DeleteRangeRequest { key: path::of(&key), ..DeleteRangeRequest::default() })
        }
    });
    TxnRequest { compare, success: success.map(RequestOp::from).collect(), failure: Vec::new() }
}

/// What hands the changes to one watch.
struct Follower {
    shared: Arc<Shared>,
    selector: Selector,
    /// What was told.
    position: i64,
    revision: Receiver<i64>,
}

impl Follower {
    async fn run(mut self, sender: WatchSender) {
        loop {
            self.revision.mark_unchanged();
            if let Some(item) = self.next_item() {
                let is_over = matches!(item, WatchItem::Gap { .. });
                if sender.send(item).await.is_err() || is_over {
                    return;
                }
                continue;
            }
            tokio::select! {
                changed = self.revision.changed() => if changed.is_err() {
                    // Whoever wants to hear it still listens; who does not is gone.
                    let _ = sender.send(WatchItem::Away { reason: "the store was closed".to_owned() }).await;
                    return;
                },
                () = sender.closed() => return,
            }
        }
    }

    fn next_item(&mut self) -> Option<WatchItem> {
        let batch_bytes_max = self.shared.options.watch_batch_bytes_max;
        let state = self.shared.read();
        let revision = state.keyspace.revision();
        if self.position > revision {
            let reason = format!("the store is at revision {revision}, before {}", self.position);
            return Some(WatchItem::Gap { reason });
        }
        if self.position == revision {
            return None;
        }
        let changes = state.keyspace.changes(
            &KeyRange::From(Bytes::from_static(path::ROOT)),
            self.position.saturating_add(1),
            batch_bytes_max,
        );
        drop(state);
        match changes {
            Ok(Changes { changes, complete_to }) => {
                self.position = complete_to;
                let revision = Revision(complete_to.unsigned_abs());
                let changes: Vec<_> = changes.into_iter().filter_map(|change| self.wanted(change)).collect();
                let is_quiet = changes.is_empty();
                Some(if is_quiet {
                    WatchItem::UpTo(revision)
                } else {
                    WatchItem::Batch { revision, changes }
                })
            }
            Err(Compacted(at)) => {
                let reason = format!("changes before revision {at} are forgotten");
                Some(WatchItem::Gap { reason })
            }
        }
    }

    /// A change, if it concerns a row that is selected or was until now.
    fn wanted(&self, change: keyspace::Change) -> Option<Change> {
        let (table, id) = path::named(&change.key)?;
        if !self.selector.tables.contains(&table) {
            return None;
        }
        let before = change.before.map(|version| row(table.clone(), id.clone(), &version));
        let was_selected = before.as_ref().is_some_and(|row| self.selector.selects(&row.key));
        if change.version.is_deleted() {
            let (key, last) =
                before.map_or_else(|| (Key::new(table, id), None), |row| (row.key, Some(row.value)));
            return self.selector.selects(&key).then_some(Change::Delete(key, last));
        }
        let row = row(table, id, &change.version);
        (was_selected || self.selector.selects(&row.key)).then_some(Change::Put(row))
    }
}
