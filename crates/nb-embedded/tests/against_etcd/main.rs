//! The same random requests to a real etcd and to the store, through the same client: the answers have to be the same,
//! revisions, codes and texts included.
//!
//! What is left out is what etcd itself does in another way from release to release: ranges that end before they begin in a
//! transaction's deletes, and the watch of a compacted deletion.

mod random;
mod server;

use etcd_wire::Client;
use etcd_wire::kv::{KeyValue, RangeRequest, RangeResponse, Response, ResponseOp};
use etcd_wire::range::TO_THE_LAST;
use etcd_wire::watch::{Event, RequestUnion, WatchCreateRequest, WatchRequest};
use tokio::sync::mpsc;
use tonic::Streaming;
use tonic::codegen::tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;

use random::{Random, Step};
use server::{Etcd, Ours};

/// Requests of one history.
const STEPS: usize = 400;

/// What a server answered, as far as it has to be the same.
#[derive(Debug, Clone, PartialEq)]
enum Answer {
    Done(Box<Step>),
    Refused(tonic::Code, String),
}

async fn ask(client: &Client<Channel>, step: &Step) -> Answer {
    let answer = match step.clone() {
        Step::Range(request) => client.range(request).await.map(|mut answer| {
            server::anonymous(&mut answer.header);
            Step::RangeAnswer(answer)
        }),
        Step::Put(request) => client.put(request).await.map(|mut answer| {
            server::anonymous(&mut answer.header);
            Step::PutAnswer(answer)
        }),
        Step::DeleteRange(request) => client.delete_range(request).await.map(|mut answer| {
            server::anonymous(&mut answer.header);
            Step::DeleteRangeAnswer(answer)
        }),
        Step::Txn(request) => client.txn(request).await.map(|mut answer| {
            server::anonymous(&mut answer.header);
            Step::TxnAnswer(answer)
        }),
        Step::Compact(request) => client.compact(request).await.map(|mut answer| {
            server::anonymous(&mut answer.header);
            Step::CompactAnswer(answer)
        }),
        Step::Grant(request) => client.lease_grant(request).await.map(|mut answer| {
            server::anonymous(&mut answer.header);
            Step::GrantAnswer(answer)
        }),
        Step::Revoke(request) => client.lease_revoke(request).await.map(|mut answer| {
            server::anonymous(&mut answer.header);
            Step::RevokeAnswer(answer)
        }),
        Step::TimeToLive(request) => client.lease_time_to_live(request).await.map(|mut answer| {
            server::anonymous(&mut answer.header);
            // Seconds pass between the two questions; whether it lives at all is the same.
            answer.ttl = answer.ttl.signum();
            answer.keys.sort();
            Step::TimeToLiveAnswer(answer)
        }),
        answer => unreachable!("{answer:?} is no request"),
    };
    match answer {
        Ok(answer) => Answer::Done(Box::new(answer)),
        Err(status) => Answer::Refused(status.code(), status.message().to_owned()),
    }
}

/// Runs a history on both and gives what a watch of everything saw on each.
async fn same_answers(seed: u64, with_compaction: bool) {
    let (etcd, ours) = (Etcd::start().await, Ours::start().await);
    let mut random = Random::new(seed, with_compaction);
    let first = 1;
    let (mut etcd_watch, mut our_watch) =
        (Watching::start(&etcd.client).await, Watching::start(&ours.client).await);
    let mut revision = first;
    let mut refused = 0;
    for number in 0..STEPS {
        let step = random.step(revision);
        let expected = ask(&etcd.client, &step).await;
        let found = ask(&ours.client, &step).await;
        assert_eq!(found, expected, "seed {seed}, step {number}: {step:#?}");
        match &expected {
            Answer::Done(answer) => revision = revision.max(answer.revision()),
            Answer::Refused(..) => refused += 1,
        }
    }
    assert!((1..STEPS / 2).contains(&refused), "{refused} of {STEPS} requests were refused");
    assert!(revision > 50, "the history has only {revision} revisions");
    for at in (1..=revision).rev().take(200) {
        assert_eq!(
            state_at(&ours.client, at).await,
            state_at(&etcd.client, at).await,
            "seed {seed}, revision {at}"
        );
    }
    let expected = etcd_watch.events_up_to(revision, with_compaction).await;
    assert_eq!(our_watch.events_up_to(revision, with_compaction).await, expected, "seed {seed}");
    assert!(expected.len() > 50, "only {} events", expected.len());
}

async fn state_at(client: &Client<Channel>, revision: i64) -> Result<Vec<KeyValue>, String> {
    let request =
        RangeRequest { key: TO_THE_LAST, range_end: TO_THE_LAST, revision, ..RangeRequest::default() };
    let rows = client.range(request).await.map(|answer| answer.kvs);
    rows.map_err(|status| status.message().to_owned())
}

struct Watching {
    answers: Streaming<etcd_wire::watch::WatchResponse>,
    _requests: mpsc::Sender<WatchRequest>,
}

impl Watching {
    async fn start(client: &Client<Channel>) -> Self {
        let (requests, stream) = mpsc::channel(4);
        let everything = WatchCreateRequest {
            key: TO_THE_LAST,
            range_end: TO_THE_LAST,
            // The next one: what is past etcd tells a little later, and cancels if it is compacted in between.
            start_revision: 2,
            prev_kv: true,
            ..WatchCreateRequest::default()
        };
        requests.send(RequestUnion::Create(everything).into()).await.expect("a stream");
        let mut answers = client.watch(ReceiverStream::new(stream)).await.expect("a watch");
        let created = answers.message().await.expect("an answer").expect("an answer");
        assert!(created.created && !created.canceled, "{created:?}");
        Self { answers, _requests: requests }
    }

    /// All events up to a revision. With compaction going on, etcd may have forgotten what was before.
    async fn events_up_to(&mut self, revision: i64, may_forget: bool) -> Vec<Event> {
        let mut events: Vec<Event> = Vec::new();
        let at = |event: &Event| event.kv.as_ref().map_or(0, |row| row.mod_revision);
        while events.last().is_none_or(|last| at(last) < revision) {
            let answer = self.answers.message().await.expect("an answer").expect("an answer");
            assert!(!answer.canceled, "{answer:?}");
            events.extend(answer.events);
        }
        if may_forget {
            events.iter_mut().for_each(|event| event.prev_kv = None);
        }
        events
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_histories_without_compaction() {
    for seed in [1, 2, 3] {
        same_answers(seed, false).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_histories_with_compaction() {
    for seed in [11, 12, 13] {
        same_answers(seed, true).await;
    }
}

/// Rows inside answers, so that the helper above is not the only thing that looks at them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_table_is_read_in_pages_of_one_state() {
    let (etcd, ours) = (Etcd::start().await, Ours::start().await);
    for client in [&etcd.client, &ours.client] {
        for chunk in 0..20 {
            let put = |number: usize| {
                let key = format!("/lport/{:04}", chunk * 100 + number);
                let put =
                    etcd_wire::kv::PutRequest { key: key.into(), value: "x".into(), ..Default::default() };
                etcd_wire::kv::Request::Put(put).into()
            };
            let txn =
                etcd_wire::kv::TxnRequest { success: (0..100).map(put).collect(), ..Default::default() };
            let done = client.txn(txn).await.expect("a transaction");
            let wrote = |op: &ResponseOp| matches!(op.response, Some(Response::Put(_)));
            assert!(done.responses.iter().all(wrote));
        }
    }
    let (mut key, mut rows) = (bytes::Bytes::from_static(b"/lport/"), 0);
    loop {
        let page = RangeRequest {
            key: key.clone(),
            range_end: "/lport0".into(),
            limit: 333,
            revision: 21,
            ..RangeRequest::default()
        };
        let expected: RangeResponse = etcd.client.range(page.clone()).await.expect("a page");
        let found = ours.client.range(page).await.expect("a page");
        assert_eq!((&found.kvs, found.more, found.count), (&expected.kvs, expected.more, expected.count));
        rows += found.kvs.len();
        let Some(last) = found.kvs.last().filter(|_| found.more) else { break };
        key = [&last.key[..], &[0]].concat().into();
    }
    assert_eq!(rows, 2000);
}
