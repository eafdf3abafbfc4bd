//! The store's face as an etcd server: requests in, answers out. Streams of watches are in [`watch`].

use std::sync::Arc;
use std::time::Instant;

use etcd_wire::admin::{
    AlarmAction, AlarmMember, AlarmRequest, AlarmResponse, AlarmType, AuthenticateRequest,
    AuthenticateResponse, DefragmentRequest, DefragmentResponse, Member, MemberListRequest,
    MemberListResponse, StatusRequest, StatusResponse,
};
use etcd_wire::kv::{
    CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse,
    RangeRequest, RangeResponse, Request, Response, TxnRequest, TxnResponse,
};
use etcd_wire::lease::{
    LeaseGrantRequest, LeaseGrantResponse, LeaseKeepAliveRequest, LeaseKeepAliveResponse, LeaseLeasesRequest,
    LeaseLeasesResponse, LeaseRevokeRequest, LeaseRevokeResponse, LeaseStatus, LeaseTimeToLiveRequest,
    LeaseTimeToLiveResponse,
};
use etcd_wire::watch::{WatchRequest, WatchResponse};
use etcd_wire::{Etcd, EtcdError, ResponseHeader};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit, mpsc};
use tonic::codegen::BoxStream;
use tonic::codegen::tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use crate::error::Failure;
use crate::store::EmbeddedStore;
use crate::writer::{Command, Done};

mod watch;

/// The release of etcd whose API this is.
const API_VERSION: &str = "3.4.25";

/// One server agrees with itself once and for all.
const TERM: u64 = 1;

/// The name of the one member.
const MEMBER_NAME: &str = "embedded";

/// Answers that wait for a client of a stream.
const STREAM_QUEUE_ITEMS_MAX: usize = 16;

/// Says when the server is about to go.
#[derive(Debug, Clone)]
pub(crate) struct Closing(pub(crate) tokio::sync::watch::Receiver<bool>);

impl Closing {
    /// Waits until it is.
    pub(crate) async fn wait(&self) {
        // An error says that the server is gone already.
        let _ = self.0.clone().wait_for(|closing| *closing).await;
    }
}

/// The handler of all calls.
#[derive(Debug)]
pub(crate) struct Face {
    store: EmbeddedStore,
    /// Where clients reach us.
    url: String,
    requests: Semaphore,
    streams: Arc<Semaphore>,
    /// Says when streams have to end.
    closing: Closing,
}

impl Face {
    pub(crate) fn new(store: EmbeddedStore, url: String, closing: Closing) -> Self {
        let options = &store.shared.options;
        let requests = Semaphore::new(options.requests_in_flight_max);
        let streams = Arc::new(Semaphore::new(options.streams_max));
        Self { store, url, requests, streams, closing }
    }

    fn admit(&self) -> Result<SemaphorePermit<'_>, Status> {
        self.requests.try_acquire().map_err(|_| EtcdError::TooManyRequests.into())
    }

    fn admit_stream(&self) -> Result<OwnedSemaphorePermit, Status> {
        Arc::clone(&self.streams).try_acquire_owned().map_err(|_| EtcdError::TooManyRequests.into())
    }

    #[expect(clippy::unnecessary_wraps, reason = "the messages want it so")]
    fn header(&self, revision: i64) -> Option<ResponseHeader> {
        let identity = self.store.shared.identity;
        Some(ResponseHeader {
            cluster_id: identity.cluster_id,
            member_id: identity.member_id,
            revision,
            raft_term: TERM,
        })
    }

    fn signed(&self, header: Option<ResponseHeader>) -> Option<ResponseHeader> {
        self.header(header.map_or(0, |header| header.revision))
    }

    /// Does one operation as a transaction.
    async fn alone(&self, request: Request) -> Result<(i64, Option<Response>), Status> {
        let txn = TxnRequest { success: vec![request.into()], ..TxnRequest::default() };
        let response = self.store.txn(txn).await?;
        let revision = response.header.map_or(0, |header| header.revision);
        Ok((revision, response.responses.into_iter().next().and_then(|op| op.response)))
    }

    async fn ask(&self, command: Command) -> Result<Option<ResponseHeader>, Status> {
        match self.store.ask(command).await? {
            Done::At { revision } => Ok(self.header(revision)),
            Done::Txn(_) | Done::Granted { .. } => Err(mixed_up()),
        }
    }
}

fn mixed_up() -> Status {
    Status::internal("the store answered another question")
}

impl Etcd for Face {
    async fn range(&self, request: RangeRequest) -> Result<RangeResponse, Status> {
        let _admitted = self.admit()?;
        let response = self.store.range(&request)?;
        Ok(RangeResponse { header: self.signed(response.header), ..response })
    }

    async fn put(&self, request: PutRequest) -> Result<PutResponse, Status> {
        let _admitted = self.admit()?;
        match self.alone(Request::Put(request)).await? {
            (revision, Some(Response::Put(response))) => {
                Ok(PutResponse { header: self.header(revision), ..response })
            }
            _ => Err(mixed_up()),
        }
    }

    async fn delete_range(&self, request: DeleteRangeRequest) -> Result<DeleteRangeResponse, Status> {
        let _admitted = self.admit()?;
        match self.alone(Request::DeleteRange(request)).await? {
            (revision, Some(Response::DeleteRange(response))) => {
                Ok(DeleteRangeResponse { header: self.header(revision), ..response })
            }
            _ => Err(mixed_up()),
        }
    }

    async fn txn(&self, request: TxnRequest) -> Result<TxnResponse, Status> {
        let _admitted = self.admit()?;
        let response = self.store.txn(request).await?;
        Ok(TxnResponse { header: self.signed(response.header), ..response })
    }

    async fn compact(&self, request: CompactionRequest) -> Result<CompactionResponse, Status> {
        let _admitted = self.admit()?;
        let header = self.ask(Command::Compact { revision: request.revision }).await?;
        Ok(CompactionResponse { header })
    }

    async fn lease_grant(&self, request: LeaseGrantRequest) -> Result<LeaseGrantResponse, Status> {
        let _admitted = self.admit()?;
        match self.store.ask(Command::Grant { id: request.id, ttl_s: request.ttl }).await? {
            Done::Granted { id, ttl_s, revision } => {
                Ok(LeaseGrantResponse { header: self.header(revision), id, ttl: ttl_s, error: String::new() })
            }
            Done::Txn(_) | Done::At { .. } => Err(mixed_up()),
        }
    }

    async fn lease_revoke(&self, request: LeaseRevokeRequest) -> Result<LeaseRevokeResponse, Status> {
        let _admitted = self.admit()?;
        Ok(LeaseRevokeResponse { header: self.ask(Command::Revoke { id: request.id }).await? })
    }

    async fn lease_time_to_live(
        &self,
        request: LeaseTimeToLiveRequest,
    ) -> Result<LeaseTimeToLiveResponse, Status> {
        let _admitted = self.admit()?;
        let state = self.store.shared.read();
        let mut response = LeaseTimeToLiveResponse {
            header: self.header(state.keyspace.revision()),
            id: request.id,
            ttl: -1,
            ..LeaseTimeToLiveResponse::default()
        };
        if let Some(lease) = state.leases.get(request.id) {
            let remaining = state.leases.remaining_s(request.id, Instant::now()).unwrap_or_default();
            response.ttl = i64::try_from(remaining).unwrap_or(i64::MAX);
            response.granted_ttl = lease.ttl_s();
            response.keys.extend(lease.keys().iter().filter(|_| request.keys).cloned());
        }
        Ok(response)
    }

    async fn lease_leases(&self, _: LeaseLeasesRequest) -> Result<LeaseLeasesResponse, Status> {
        let _admitted = self.admit()?;
        let state = self.store.shared.read();
        let leases = state.leases.ids().map(|id| LeaseStatus { id }).collect();
        Ok(LeaseLeasesResponse { header: self.header(state.keyspace.revision()), leases })
    }

    async fn status(&self, _: StatusRequest) -> Result<StatusResponse, Status> {
        let _admitted = self.admit()?;
        let shared = &self.store.shared;
        let revision = self.store.revision();
        let file = tokio::fs::metadata(&shared.path).await;
        let file =
            file.map_err(|error| Status::unavailable(format!("{}: {error}", shared.path.display())))?;
        let size = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        Ok(StatusResponse {
            header: self.header(revision),
            version: API_VERSION.to_owned(),
            db_size: size(file.len()),
            leader: shared.identity.member_id,
            raft_index: revision.unsigned_abs(),
            raft_term: TERM,
            raft_applied_index: revision.unsigned_abs(),
            db_size_in_use: i64::try_from(shared.read().keyspace.bytes()).unwrap_or(i64::MAX),
            ..StatusResponse::default()
        })
    }

    async fn alarm(&self, request: AlarmRequest) -> Result<AlarmResponse, Status> {
        let _admitted = self.admit()?;
        if request.action() == AlarmAction::Activate {
            return Err(Failure::Refused { reason: "alarms of this store cannot be raised by hand" }.into());
        }
        let shared = &self.store.shared;
        let state = shared.read();
        let wanted = matches!(request.alarm(), AlarmType::None | AlarmType::NoSpace);
        let is_full = wanted && state.keyspace.live_bytes() > shared.options.store_bytes_max;
        let member_id = shared.identity.member_id;
        let alarm = is_full.then(|| AlarmMember { member_id, alarm: AlarmType::NoSpace.into() });
        Ok(AlarmResponse {
            header: self.header(state.keyspace.revision()),
            alarms: alarm.into_iter().collect(),
        })
    }

    async fn defragment(&self, _: DefragmentRequest) -> Result<DefragmentResponse, Status> {
        let _admitted = self.admit()?;
        Ok(DefragmentResponse { header: self.ask(Command::Shrink).await? })
    }

    async fn member_list(&self, _: MemberListRequest) -> Result<MemberListResponse, Status> {
        let _admitted = self.admit()?;
        let member = Member {
            id: self.store.shared.identity.member_id,
            name: MEMBER_NAME.to_owned(),
            client_urls: vec![self.url.clone()],
            ..Member::default()
        };
        Ok(MemberListResponse { header: self.header(self.store.revision()), members: vec![member] })
    }

    async fn authenticate(&self, _: AuthenticateRequest) -> Result<AuthenticateResponse, Status> {
        Err(EtcdError::AuthNotEnabled.into())
    }

    async fn watch(&self, requests: Streaming<WatchRequest>) -> Result<BoxStream<WatchResponse>, Status> {
        let admitted = self.admit_stream()?;
        let (answers, stream) = mpsc::channel(STREAM_QUEUE_ITEMS_MAX);
        let watches = watch::Watches::new(self, answers);
        tokio::spawn(async move {
            watches.run(requests).await;
            drop(admitted);
        });
        Ok(Box::pin(ReceiverStream::new(stream)))
    }

    async fn lease_keep_alive(
        &self,
        mut requests: Streaming<LeaseKeepAliveRequest>,
    ) -> Result<BoxStream<LeaseKeepAliveResponse>, Status> {
        let admitted = self.admit_stream()?;
        let (answers, stream) = mpsc::channel(STREAM_QUEUE_ITEMS_MAX);
        let (store, template) = (self.store.shared.clone(), self.header(0));
        let closing = self.closing.clone();
        tokio::spawn(async move {
            loop {
                let request = tokio::select! {
                    request = requests.message() => request,
                    () = closing.wait() => return,
                };
                let Ok(Some(LeaseKeepAliveRequest { id })) = request else { break };
                let answer = {
                    let state = store.read();
                    let revision = state.keyspace.revision();
                    // No time to live says that there is no such lease.
                    let ttl = state.leases.keep_alive(id, Instant::now()).unwrap_or_default();
                    let header = template.map(|header| ResponseHeader { revision, ..header });
                    LeaseKeepAliveResponse { header, id, ttl }
                };
                if answers.send(Ok(answer)).await.is_err() {
                    break;
                }
            }
            drop(admitted);
        });
        Ok(Box::pin(ReceiverStream::new(stream)))
    }
}
