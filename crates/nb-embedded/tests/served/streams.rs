//! Streams of watches and leases, as a client of the wire sees them, and the limits that keep clients in bounds.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::server::Served;
use bytes::Bytes;
use etcd_wire::kv::{
    CompactionRequest, DeleteRangeRequest, PutRequest, RangeRequest, Request, RequestOp, TxnRequest,
};
use etcd_wire::lease::{LeaseGrantRequest, LeaseKeepAliveRequest, LeaseTimeToLiveRequest};
use etcd_wire::watch::{
    Event, EventType, FilterType, NO_WATCH_ID, RequestUnion, WatchCancelRequest, WatchCreateRequest,
    WatchProgressRequest, WatchRequest, WatchResponse,
};
use etcd_wire::{Client, EtcdError};
use nb_embedded::Options;
use tokio::sync::mpsc;
use tonic::codegen::tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status, Streaming};

const DEADLINE: Duration = Duration::from_secs(20);

fn client(served: &Served) -> Client<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{}", served.address)).expect("a URL");
    let _entered = served.runtime.enter();
    Client::new(endpoint.connect_lazy())
}

struct Stream {
    requests: mpsc::Sender<WatchRequest>,
    answers: Streaming<WatchResponse>,
}

impl Stream {
    /// A stream with one watch.
    async fn start(client: &Client<Channel>, create: WatchCreateRequest) -> (Self, WatchResponse) {
        let (requests, stream) = mpsc::channel(64);
        requests.send(RequestUnion::Create(create).into()).await.expect("a stream");
        let answers = client.watch(ReceiverStream::new(stream)).await.expect("a stream");
        let mut stream = Self { requests, answers };
        let created = stream.next().await;
        (stream, created)
    }

    async fn send(&self, request: RequestUnion) {
        self.requests.send(request.into()).await.expect("the server listens");
    }

    async fn try_next(&mut self) -> Result<WatchResponse, Status> {
        let next = tokio::time::timeout(DEADLINE, self.answers.message()).await;
        next.expect("an answer in time").map(|answer| answer.expect("the stream goes on"))
    }

    async fn next(&mut self) -> WatchResponse {
        self.try_next().await.expect("an answer")
    }
}

fn prefix(prefix: &'static str) -> WatchCreateRequest {
    let end = etcd_wire::range::prefix_end(prefix.as_bytes());
    WatchCreateRequest { key: prefix.into(), range_end: end, ..WatchCreateRequest::default() }
}

fn put_of(key: impl Into<Bytes>, value: impl Into<Bytes>) -> PutRequest {
    PutRequest { key: key.into(), value: value.into(), ..PutRequest::default() }
}

async fn put(client: &Client<Channel>, key: &'static str, value: impl Into<Bytes>) -> i64 {
    let done = client.put(put_of(key, value)).await.expect("a put");
    done.header.expect("a header").revision
}

fn revision(response: &WatchResponse) -> i64 {
    response.header.expect("a header").revision
}

fn keys(events: &[Event]) -> Vec<&[u8]> {
    events.iter().map(|event| event.kv.as_ref().expect("a row").key.as_ref()).collect()
}

#[test]
fn one_stream_carries_many_watches() {
    let served = Served::start(Options::default());
    let client = client(&served);
    served.runtime.block_on(async {
        let (mut stream, created) = Stream::start(&client, prefix("/a/")).await;
        assert_eq!((created.watch_id, created.created, revision(&created)), (0, true, 1));
        let named =
            WatchCreateRequest { watch_id: 7, filters: vec![FilterType::NoPut.into()], ..prefix("/") };
        stream.send(RequestUnion::Create(named.clone())).await;
        assert_eq!(stream.next().await.watch_id, 7);
        stream.send(RequestUnion::Create(named)).await;
        let twice = stream.next().await;
        assert!(twice.created && twice.canceled, "{twice:?}");
        assert_eq!(twice.watch_id, NO_WATCH_ID);
        let backwards = WatchCreateRequest { range_end: "/0".into(), ..prefix("/a/") };
        stream.send(RequestUnion::Create(backwards)).await;
        assert!(stream.next().await.canceled);

        put(&client, "/b/1", "x").await;
        put(&client, "/a/1", "x").await;
        let first = stream.next().await;
        assert_eq!((first.watch_id, keys(&first.events)), (0, vec![&b"/a/1"[..]]));
        let delete = DeleteRangeRequest { key: "/b/1".into(), ..DeleteRangeRequest::default() };
        client.delete_range(delete).await.expect("a delete");
        let second = stream.next().await;
        assert_eq!((second.watch_id, second.events[0].r#type()), (7, EventType::Delete));
        assert_eq!(second.events[0].prev_kv, None, "nobody asked for it");

        stream.send(RequestUnion::Cancel(WatchCancelRequest { watch_id: 0 })).await;
        let over = stream.next().await;
        assert_eq!((over.watch_id, over.canceled), (0, true));
        let end = put(&client, "/a/2", "x").await;
        stream.send(RequestUnion::Progress(WatchProgressRequest {})).await;
        let progress = stream.next().await;
        assert_eq!((progress.watch_id, revision(&progress), progress.events.len()), (NO_WATCH_ID, end, 0));
    });
}

#[test]
fn who_has_nothing_more_to_say_is_still_told() {
    let served = Served::start(Options::default());
    let client = client(&served);
    served.runtime.block_on(async {
        let (stream, _) = Stream::start(&client, prefix("/a/")).await;
        let Stream { requests, mut answers } = stream;
        drop(requests);
        put(&client, "/a/1", "x").await;
        let told =
            tokio::time::timeout(DEADLINE, answers.message()).await.expect("in time").expect("an answer");
        assert_eq!(told.expect("the stream goes on").events.len(), 1);
    });
}

#[test]
fn limits_of_nothing_leave_something_that_works() {
    let nothing = Options {
        history_revisions_max: -5,
        history_bytes_max: 0,
        queue_requests_max: 0,
        batch_requests_max: 0,
        connections_max: 0,
        connection_streams_max: 0,
        requests_in_flight_max: 0,
        streams_max: usize::MAX,
        progress_interval: Duration::ZERO,
        cache_bytes_max: 0,
        ..Options::default()
    };
    let served = Served::start(nothing);
    let client = client(&served);
    served.runtime.block_on(async {
        let first = put(&client, "/a/1", "x").await;
        assert_eq!(put(&client, "/a/1", "y").await, first + 1);
        let row = client
            .range(RangeRequest { key: "/a/1".into(), ..RangeRequest::default() })
            .await
            .expect("a row");
        assert_eq!(row.kvs[0].value, "y");
    });
}

#[test]
fn progress_is_never_ahead_of_events() {
    let served = Served::start(Options { watch_batch_bytes_max: 500, ..Options::default() });
    let client = client(&served);
    served.runtime.block_on(async {
        for number in 0..50 {
            put(&client, "/a/1", number.to_string()).await;
        }
        let from = WatchCreateRequest { start_revision: 2, ..prefix("/a/") };
        let (mut stream, _) = Stream::start(&client, from).await;
        stream.send(RequestUnion::Progress(WatchProgressRequest {})).await;
        let (mut seen, mut answers) = (0, 0);
        let progress = loop {
            let answer = stream.next().await;
            if answer.events.is_empty() {
                break answer;
            }
            seen += answer.events.len();
            answers += 1;
            let last = answer.events.last().and_then(|event| event.kv.as_ref()).expect("a row");
            assert_eq!(revision(&answer), last.mod_revision, "an answer says more than it has");
        };
        assert_eq!((seen, revision(&progress)), (50, 51));
        assert!(answers > 5, "{answers} answers: the batches are not small");
    });
}

#[test]
fn quiet_watches_are_told_so_when_they_want_it() {
    let served =
        Served::start(Options { progress_interval: Duration::from_millis(100), ..Options::default() });
    let client = client(&served);
    served.runtime.block_on(async {
        let notified = WatchCreateRequest { progress_notify: true, ..prefix("/a/") };
        let (mut stream, created) = Stream::start(&client, notified).await;
        let other = put(&client, "/b/1", "x").await;
        loop {
            let told = stream.next().await;
            assert!(told.events.is_empty() && told.watch_id == created.watch_id, "{told:?}");
            if revision(&told) == other {
                break;
            }
        }
    });
}

#[test]
fn large_answers_come_in_parts_where_the_client_agrees() {
    let served = Served::start(Options { request_bytes_max: 300_000, ..Options::default() });
    let client = client(&served);
    served.runtime.block_on(async {
        for number in 0..10 {
            put(&client, "/a/1", vec![b'x'; 100_000 + number]).await;
        }
        let from = WatchCreateRequest { start_revision: 2, fragment: true, ..prefix("/a/") };
        let (mut stream, _) = Stream::start(&client, from).await;
        let (mut events, mut parts) = (0, 0);
        while events < 10 {
            let answer = stream.next().await;
            events += answer.events.len();
            parts += usize::from(answer.fragment);
            assert!(answer.events.len() <= 3, "{} large events in one answer", answer.events.len());
        }
        assert!(parts >= 3, "{parts} answers said that more of them follows");
    });
}

#[test]
fn who_reads_too_slowly_loses_its_place_and_is_told() {
    let options = Options { history_revisions_max: 100, ..Options::default() };
    let served = Served::start(options);
    let client = client(&served);
    served.runtime.block_on(async {
        let (mut slow, created) = Stream::start(&client, prefix("/a/")).await;
        // More than all buffers between the server and a client that does not read.
        let text = Bytes::from(vec![b'x'; 100_000]);
        for _ in 0..400 {
            put(&client, "/a/1", text.clone()).await;
        }
        let mut events = 0;
        let over = loop {
            let answer = slow.next().await;
            if answer.canceled {
                break answer;
            }
            events += answer.events.len();
            assert!(events < 400, "a server without bounds kept everything");
        };
        assert_eq!((over.watch_id, over.events.len()), (created.watch_id, 0));
        assert!(over.compact_revision > 2, "{over:?}");
        let (mut again, _) = Stream::start(&client, prefix("/a/")).await;
        put(&client, "/a/1", "y").await;
        assert_eq!(again.next().await.events.len(), 1);
    });
}

#[test]
fn a_lease_that_runs_out_takes_all_its_rows_at_once() {
    let served = Served::start(Options::default());
    let client = client(&served);
    served.runtime.block_on(async {
        let lease = client.lease_grant(LeaseGrantRequest { ttl: 1, id: 0 }).await.expect("a lease");
        let kept = client.lease_grant(LeaseGrantRequest { ttl: 1, id: 5 }).await.expect("a lease");
        let (mut stream, _) = Stream::start(&client, prefix("/leased/")).await;
        let put = |key: &'static str, lease: i64| -> RequestOp {
            Request::Put(PutRequest { lease, ..put_of(key, "x") }).into()
        };
        let success =
            vec![put("/leased/b", lease.id), put("/leased/a", lease.id), put("/leased/kept", kept.id)];
        client.txn(TxnRequest { success, ..TxnRequest::default() }).await.expect("a transaction");
        assert_eq!(stream.next().await.events.len(), 3);

        let (renewals, requests) = mpsc::channel(4);
        let renewing = tokio::spawn(async move {
            while renewals.send(LeaseKeepAliveRequest { id: 5 }).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        let mut kept_alive = client.lease_keep_alive(ReceiverStream::new(requests)).await.expect("a stream");
        assert_eq!(kept_alive.message().await.expect("an answer").expect("an answer").ttl, 1);
        let expired = stream.next().await;
        assert_eq!(keys(&expired.events), [&b"/leased/a"[..], b"/leased/b"]);
        let revisions: Vec<_> =
            expired.events.iter().filter_map(|event| Some(event.kv.as_ref()?.mod_revision)).collect();
        assert_eq!(revisions[0], revisions[1], "rows of one lease went one after the other");
        let gone = client.lease_time_to_live(LeaseTimeToLiveRequest { id: lease.id, keys: true }).await;
        assert_eq!(gone.expect("an answer").ttl, -1);
        renewing.abort();
        drop(kept_alive);
        assert_eq!(keys(&stream.next().await.events), [&b"/leased/kept"[..]]);
    });
}

#[test]
fn leases_live_their_full_time_again_after_a_restart() {
    let directory = testkit::scratch::ScratchDir::new().expect("a directory");
    let path = directory.path().join("store");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let key = nb::Key::new(nb::TableName::new("leased"), model::RowId::new("a").expect("an id"));
    runtime.block_on(async {
        use nb::Store;
        let store = nb_embedded::EmbeddedStore::open(&path, Options::default()).expect("a store");
        let lease = store.grant(2).await.expect("a lease");
        store.commit(nb::Txn::new().put_with_lease(key.clone(), "x", lease)).await.expect("a commit");
        drop(store);
        let start = Instant::now();
        let store = nb_embedded::EmbeddedStore::open(&path, Options::default()).expect("a store");
        while store.read(std::slice::from_ref(&key)).await.expect("a row")[0].is_some() {
            assert!(start.elapsed() < DEADLINE, "the lease of before never runs out");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(start.elapsed() >= Duration::from_secs(2), "it ran out after {:?}", start.elapsed());
        assert!(matches!(store.keep_alive(lease).await, Err(nb::StoreError::NoSuchLease(_))));
    });
}

#[test]
fn what_is_over_a_limit_is_refused() {
    let options = Options {
        request_bytes_max: 10_000,
        leases_max: 2,
        streams_max: 1,
        stream_watches_max: 2,
        store_bytes_max: 20_000,
        ..Options::default()
    };
    let served = Served::start(options);
    let client = client(&served);
    served.runtime.block_on(async {
        let large = client.put(put_of("a", vec![0; 20_000])).await.expect_err("too large");
        assert_eq!(EtcdError::of(&large), Some(EtcdError::RequestTooLarge));
        let huge = client.put(put_of("a", vec![0; 2_000_000])).await.expect_err("too large to be read");
        assert_eq!(huge.code(), Code::OutOfRange, "{huge}");
        let grant = || client.lease_grant(LeaseGrantRequest { ttl: 100, id: 0 });
        grant().await.expect("a lease");
        grant().await.expect("a lease");
        assert_eq!(EtcdError::of(&grant().await.expect_err("too many")), Some(EtcdError::TooManyRequests));
        let (mut stream, _) = Stream::start(&client, prefix("/a/")).await;
        for expected in [false, true] {
            stream.send(RequestUnion::Create(prefix("/b/"))).await;
            assert_eq!(stream.next().await.canceled, expected);
        }
        let (_requests, second) = mpsc::channel::<WatchRequest>(1);
        let refused = client.watch(ReceiverStream::new(second)).await.expect_err("too many streams");
        assert_eq!(EtcdError::of(&refused), Some(EtcdError::TooManyRequests));
        let mut written = 0;
        let full = loop {
            match client.put(put_of(format!("/full/{written}"), vec![0; 5000])).await {
                Ok(_) => written += 1,
                Err(status) => break status,
            }
            assert!(written < 20, "the store is never full");
        };
        assert_eq!(EtcdError::of(&full), Some(EtcdError::NoSpace));
        let alarms = client.alarm(etcd_wire::admin::AlarmRequest::default()).await.expect("alarms");
        assert_eq!(alarms.alarms.len(), 1);
        let end = etcd_wire::range::prefix_end(b"/full/");
        let delete =
            DeleteRangeRequest { key: "/full/".into(), range_end: end, ..DeleteRangeRequest::default() };
        client.delete_range(delete).await.expect("a full store takes deletes");
        client.put(put_of("/full/again", vec![0; 5000])).await.expect("there is room again");
    });
}

#[test]
fn many_clients_share_the_server() {
    let served = Served::start(Options { connections_max: 2, ..Options::default() });
    let first = client(&served);
    let second = client(&served);
    let third = client(&served);
    served.runtime.block_on(async {
        put(&first, "a", "1").await;
        put(&second, "a", "2").await;
        // The third waits in the system's queue until one of the others is gone.
        let waiting = tokio::spawn(async move {
            third.range(RangeRequest { key: "a".into(), ..RangeRequest::default() }).await
        });
        put(&first, "a", "3").await;
        assert!(!waiting.is_finished(), "there is room for two connections only");
        drop(second);
        let row =
            tokio::time::timeout(DEADLINE, waiting).await.expect("in time").expect("a task").expect("a row");
        assert_eq!(row.kvs[0].value, "3");
    });
}

#[test]
fn a_compaction_ends_the_watches_of_the_past_and_no_others() {
    let served = Served::start(Options::default());
    let client = client(&served);
    served.runtime.block_on(async {
        for number in 0..10 {
            put(&client, "/a/1", number.to_string()).await;
        }
        let (mut present, _) = Stream::start(&client, prefix("/a/")).await;
        client.compact(CompactionRequest { revision: 8, physical: true }).await.expect("a compaction");
        let from = |start_revision| WatchCreateRequest { start_revision, ..prefix("/a/") };
        let (mut past, created) = Stream::start(&client, from(7)).await;
        assert!(created.created && !created.canceled);
        let over = past.next().await;
        assert_eq!((over.canceled, over.compact_revision), (true, 8));
        assert_eq!(over.cancel_reason, EtcdError::Compacted.text());
        let (mut edge, _) = Stream::start(&client, from(8)).await;
        assert_eq!(edge.next().await.events.len(), 4);
        let (mut future, _) = Stream::start(&client, from(13)).await;
        put(&client, "/a/1", "12").await;
        put(&client, "/a/1", "13").await;
        assert_eq!(future.next().await.events[0].kv.as_ref().expect("a row").value, "13");
        assert_eq!(present.next().await.events[0].kv.as_ref().expect("a row").value, "12");
    });
}

#[test]
fn who_asks_without_grpc_is_told_that_there_is_no_gateway() {
    let served = Served::start(Options::default());
    for request in ["GET /version", "POST /v3/kv/range", "PUT /v2/keys/x"] {
        let mut connection = TcpStream::connect(served.address).expect("a connection");
        connection.set_read_timeout(Some(DEADLINE)).expect("a time");
        let text =
            format!("{request} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}");
        connection.write_all(text.as_bytes()).expect("it is sent");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 501 ") && answer.contains("no gateway for JSON"), "{answer}");
    }
}
