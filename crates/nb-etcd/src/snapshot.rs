//! Snapshots: tables in pages, all of one revision.
//!
//! The first page decides the revision and the others ask for it. When the server has forgotten it in the meantime, all
//! begins anew.

use bytes::{Bytes, BytesMut};
use etcd_wire::kv::{KeyValue, RangeRequest, RangeResponse};
use etcd_wire::{EtcdError, KeyRange};
use nb::{Revision, Row, Selector, Snapshot, StoreError, path};
use tracing::debug;

use crate::keys;
use crate::session::{Failure, Repeat, Session};

/// Times that the revision may be forgotten, or the cluster change, before a snapshot is given up.
const SNAPSHOTS_MAX: u32 = 5;
/// Rows of the first page; nobody knows yet how large they are.
const PAGE_ROWS_FIRST: i64 = 256;
const PAGE_ROWS_MAX: i64 = 10_000;
/// What a page should have: large enough that pages are few, far below what gRPC takes (4 MiB, if nobody says otherwise).
const PAGE_BYTES: usize = 1 << 20;

/// All selected rows.
pub(crate) async fn snapshot(session: &Session, selector: &Selector) -> Result<Snapshot, StoreError> {
    for _ in 0..SNAPSHOTS_MAX {
        match Reader::new(session).read(selector).await {
            Err(Failure::Etcd(EtcdError::Compacted | EtcdError::FutureRevision)) => {}
            outcome => return Ok(outcome?),
        }
    }
    Err(StoreError::Unavailable { reason: "history is forgotten faster than tables are read".to_owned() })
}

struct Reader<'a> {
    session: &'a Session,
    /// 0 until the first page decided it.
    revision: i64,
    page_rows: i64,
    rows: Vec<Row>,
    foreign: usize,
}

impl<'a> Reader<'a> {
    const fn new(session: &'a Session) -> Self {
        Self { session, revision: 0, page_rows: PAGE_ROWS_FIRST, rows: Vec::new(), foreign: 0 }
    }

    async fn read(mut self, selector: &Selector) -> Result<Snapshot, Failure> {
        for table in &selector.tables {
            self.read_range(selector, keys::table_range(table)).await?;
        }
        if self.revision == 0 {
            let nothing = KeyRange::One(Bytes::from_static(path::ROOT));
            self.read_range(selector, nothing).await?;
        }
        if self.foreign > 0 {
            debug!(count = self.foreign, "left keys out that name no row");
        }
        let revision = u64::try_from(self.revision).map(Revision).unwrap_or_default();
        Ok(Snapshot { revision, rows: self.rows })
    }

    async fn read_range(&mut self, selector: &Selector, range: KeyRange) -> Result<(), Failure> {
        let (mut key, range_end) = range.into_request();
        loop {
            let page = self.page(&key, &range_end).await?;
            let Some(last) = page.kvs.last() else { return Ok(()) };
            key = successor(&last.key);
            self.page_rows = next_page_rows(&page.kvs);
            let more = page.more;
            for kv in page.kvs {
                match keys::row_of(kv) {
                    Some(row) if selector.selects(&row.key) => self.rows.push(row),
                    Some(_) => {}
                    None => self.foreign += 1,
                }
            }
            if !more {
                return Ok(());
            }
        }
    }

    /// The next page, as small as it has to be.
    async fn page(&mut self, key: &Bytes, range_end: &Bytes) -> Result<RangeResponse, Failure> {
        loop {
            let request = RangeRequest {
                key: key.clone(),
                range_end: range_end.clone(),
                limit: self.page_rows,
                revision: self.revision,
                ..RangeRequest::default()
            };
            let answer = self
                .session
                .call(Repeat::Always, |client| {
                    let request = request.clone();
                    async move { client.range(request).await }
                })
                .await;
            let page = match answer {
                Err(Failure::AnswerTooLarge) if self.page_rows > 1 => {
                    self.page_rows /= 2;
                    continue;
                }
                answer => answer?,
            };
            let present = self.session.note(page.header)?;
            if self.revision == 0 {
                self.revision = i64::try_from(present).unwrap_or_default();
            }
            return Ok(page);
        }
    }
}

/// The first key behind `key`.
fn successor(key: &[u8]) -> Bytes {
    let mut next = BytesMut::with_capacity(key.len() + 1);
    next.extend_from_slice(key);
    next.extend_from_slice(&[0]);
    next.freeze()
}

/// As many rows of the size of these as a page should have.
fn next_page_rows(kvs: &[KeyValue]) -> i64 {
    let bytes: usize = kvs.iter().map(|kv| kv.key.len() + kv.value.len()).sum();
    let row_bytes = (bytes / kvs.len().max(1)).max(1);
    i64::try_from(PAGE_BYTES / row_bytes).unwrap_or(PAGE_ROWS_MAX).clamp(1, PAGE_ROWS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kv(bytes: usize) -> KeyValue {
        KeyValue { value: vec![b'x'; bytes].into(), ..KeyValue::default() }
    }

    #[test]
    fn pages_have_as_many_rows_as_fit() {
        assert_eq!(next_page_rows(&[kv(1024), kv(1024)]), 1024);
        assert_eq!(next_page_rows(&[kv(1 << 21)]), 1);
        assert_eq!(next_page_rows(&[kv(0)]), PAGE_ROWS_MAX);
        assert_eq!(next_page_rows(&[]), PAGE_ROWS_MAX);
    }

    #[test]
    fn nothing_is_between_a_key_and_its_successor() {
        let next = successor(b"/lport/a");
        assert!(b"/lport/a".as_slice() < next.as_ref() && next.as_ref() <= b"/lport/a\0".as_slice());
    }
}
