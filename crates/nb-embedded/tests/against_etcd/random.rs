//! Random requests over few keys, so that they meet each other. The same seed makes the same history.

use bytes::Bytes;
use etcd_wire::ResponseHeader;
use etcd_wire::kv::{
    CompactionRequest, CompactionResponse, Compare, DeleteRangeRequest, DeleteRangeResponse, PutRequest,
    PutResponse, RangeRequest, RangeResponse, Request, RequestOp, TargetUnion, TxnRequest, TxnResponse,
};
use etcd_wire::lease::{
    LeaseGrantRequest, LeaseGrantResponse, LeaseRevokeRequest, LeaseRevokeResponse, LeaseTimeToLiveRequest,
    LeaseTimeToLiveResponse,
};

/// Sorted. Few enough that sorting them by something that is the same for some keeps their order on both servers.
const KEYS: [&[u8]; 8] = [b"/a", b"/a/", b"/a/1", b"/a/2", b"/b", b"/b/\xff", b"/c", b"\xff"];

/// A request, or the answer to one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    Range(RangeRequest),
    Put(PutRequest),
    DeleteRange(DeleteRangeRequest),
    Txn(TxnRequest),
    Compact(CompactionRequest),
    Grant(LeaseGrantRequest),
    Revoke(LeaseRevokeRequest),
    TimeToLive(LeaseTimeToLiveRequest),
    RangeAnswer(RangeResponse),
    PutAnswer(PutResponse),
    DeleteRangeAnswer(DeleteRangeResponse),
    TxnAnswer(TxnResponse),
    CompactAnswer(CompactionResponse),
    GrantAnswer(LeaseGrantResponse),
    RevokeAnswer(LeaseRevokeResponse),
    TimeToLiveAnswer(LeaseTimeToLiveResponse),
}

impl Step {
    /// The revision that an answer says.
    pub(crate) fn revision(&self) -> i64 {
        let header: Option<ResponseHeader> = match self {
            Self::RangeAnswer(answer) => answer.header,
            Self::PutAnswer(answer) => answer.header,
            Self::DeleteRangeAnswer(answer) => answer.header,
            Self::TxnAnswer(answer) => answer.header,
            Self::CompactAnswer(answer) => answer.header,
            Self::GrantAnswer(answer) => answer.header,
            Self::RevokeAnswer(answer) => answer.header,
            Self::TimeToLiveAnswer(answer) => answer.header,
            _ => None,
        };
        header.expect("an answer has a header").revision
    }
}

/// Makes requests.
pub(crate) struct Random {
    state: u64,
    with_compaction: bool,
}

impl Random {
    pub(crate) const fn new(seed: u64, with_compaction: bool) -> Self {
        Self { state: seed, with_compaction }
    }

    /// A number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        // SplitMix64.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn number(&mut self, end: i64) -> i64 {
        i64::try_from(self.below(end.unsigned_abs())).expect("a small number")
    }

    fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    fn choice(&mut self, end: i32) -> i32 {
        i32::try_from(self.number(end.into())).expect("a small number")
    }

    fn key(&mut self) -> Bytes {
        if self.once_in(60) {
            return Bytes::new();
        }
        let place = usize::try_from(self.below(8)).expect("a small number");
        Bytes::from_static(KEYS[place])
    }

    /// A key and where the range ends, in all ways that there are.
    fn keys(&mut self) -> (Bytes, Bytes) {
        let key = self.key();
        let end = match self.below(4) {
            0 => Bytes::from_static(&[0]),
            1 => self.key(),
            2 => etcd_wire::range::prefix_end(&key),
            _ => Bytes::new(),
        };
        (key, end)
    }

    /// A range that does not end before it begins, nor is open.
    fn plain_keys(&mut self) -> (Bytes, Bytes) {
        let (key, end) = (self.key(), self.key());
        if key < end && self.once_in(2) { (key, end) } else { (key, Bytes::new()) }
    }

    fn lease(&mut self) -> i64 {
        if self.once_in(3) { self.number(4) } else { 0 }
    }

    /// A revision; mostly one that is there.
    fn revision(&mut self, present: i64) -> i64 {
        if self.once_in(15) { present + 1 + self.number(3) } else { 1 + self.number(present) }
    }

    pub(crate) fn step(&mut self, present: i64) -> Step {
        match self.below(20) {
            0..5 => {
                let mut put = self.put();
                if put.ignore_value || put.ignore_lease {
                    // With two mistakes at once, a put alone and one in a transaction are told of different ones.
                    put.lease = 0;
                }
                Step::Put(put)
            }
            5..7 => {
                let (key, range_end) = self.keys();
                Step::DeleteRange(DeleteRangeRequest { key, range_end, prev_kv: self.once_in(2) })
            }
            7..11 => Step::Range(self.range(present)),
            11..16 => Step::Txn(self.txn(present)),
            16 if self.with_compaction => {
                // Mostly far behind, so that there is a past to ask for.
                let revision = if self.once_in(3) { self.revision(present) } else { (present - 20).max(1) };
                Step::Compact(CompactionRequest { revision, physical: self.once_in(2) })
            }
            16 | 17 => {
                let ttl = if self.once_in(20) { 9_000_000_001 } else { 1000 + self.number(1000) };
                Step::Grant(LeaseGrantRequest { ttl, id: 1 + self.number(4) })
            }
            18 => Step::Revoke(LeaseRevokeRequest { id: 1 + self.number(4) }),
            _ => Step::TimeToLive(LeaseTimeToLiveRequest { id: 1 + self.number(4), keys: self.once_in(2) }),
        }
    }

    fn put(&mut self) -> PutRequest {
        let ignore_value = self.once_in(8);
        let has_value = !ignore_value || self.once_in(6);
        let ignore_lease = self.once_in(8);
        PutRequest {
            key: self.key(),
            value: if has_value { self.below(5).to_string().into() } else { Bytes::new() },
            lease: if ignore_lease && !self.once_in(6) { 0 } else { self.lease() },
            prev_kv: self.once_in(2),
            ignore_value,
            ignore_lease,
        }
    }

    fn range(&mut self, present: i64) -> RangeRequest {
        let (key, range_end) = self.keys();
        let is_sorted = self.once_in(3);
        RangeRequest {
            key,
            range_end,
            limit: if self.once_in(3) { self.number(4) } else { 0 },
            revision: if self.once_in(3) { self.revision(present) } else { 0 },
            sort_order: if is_sorted { self.choice(3) } else { 0 },
            sort_target: if is_sorted { self.choice(5) } else { 0 },
            serializable: self.once_in(2),
            keys_only: self.once_in(4),
            count_only: self.once_in(6),
            min_mod_revision: if self.once_in(6) { self.revision(present) } else { 0 },
            max_mod_revision: if self.once_in(6) { self.revision(present) } else { 0 },
            min_create_revision: if self.once_in(6) { self.revision(present) } else { 0 },
            max_create_revision: if self.once_in(6) { self.revision(present) } else { 0 },
        }
    }

    fn txn(&mut self, present: i64) -> TxnRequest {
        let (compares, successes, failures) = (self.below(3), self.below(4), self.below(3));
        TxnRequest {
            compare: (0..compares).map(|_| self.compare(present)).collect(),
            success: (0..successes).map(|_| self.op_or_txn(present)).collect(),
            failure: (0..failures).map(|_| self.op_or_txn(present)).collect(),
        }
    }

    /// An operation, which may be a transaction; these end somewhere, because each is less likely than the one around it.
    fn op_or_txn(&mut self, present: i64) -> RequestOp {
        if self.once_in(4) { Request::Txn(self.txn(present)).into() } else { self.op(present) }
    }

    fn compare(&mut self, present: i64) -> Compare {
        let (key, range_end) = if self.once_in(3) { self.keys() } else { (self.key(), Bytes::new()) };
        let target = self.choice(5);
        // Once in a while something else is given than is compared.
        let union = if self.once_in(10) { self.choice(5) } else { target };
        let target_union = match union {
            0 => TargetUnion::Version(self.number(4)),
            1 => TargetUnion::CreateRevision(self.number(present)),
            2 => TargetUnion::ModRevision(self.number(present)),
            3 => TargetUnion::Value(self.below(5).to_string().into()),
            _ => TargetUnion::Lease(self.number(4)),
        };
        let target_union = Some(target_union).filter(|_| !self.once_in(12));
        Compare { result: self.choice(4), target, key, target_union, range_end }
    }

    fn op(&mut self, present: i64) -> RequestOp {
        match self.below(8) {
            0..4 => Request::Put(self.put()).into(),
            4 | 5 => Request::Range(self.range(present)).into(),
            6 if self.once_in(8) => RequestOp { request: None },
            _ => {
                let (key, range_end) = self.plain_keys();
                Request::DeleteRange(DeleteRangeRequest { key, range_end, prev_kv: self.once_in(2) }).into()
            }
        }
    }
}
