//! A peer that speaks OpenFlow well enough to be taken for a switch, until a test makes it do something else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use openflow::Message;
use openflow::flow::{FlowSet, PackedFlow};
use openflow::message::multipart::{FlowEntries, Multipart, Reply, Request};
use openflow::message::{BundleControl, BundleOp, Features, FlowCommand, Hello, frame};
use switch::endpoint::Endpoint;
use testkit::scratch::ScratchDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Level, Metadata, Subscriber, span};

/// Longest time until the next thing happens.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where peers wait.
pub(crate) struct Place {
    listener: UnixListener,
    directory: ScratchDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let directory = ScratchDir::new().expect("a directory");
        let listener = UnixListener::bind(directory.path().join("mgmt")).expect("a socket");
        Self { listener, directory }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::Unix(self.directory.path().join("mgmt"))
    }

    pub(crate) async fn accept(&self) -> Peer<UnixStream> {
        let accepted = timeout(PATIENCE, self.listener.accept()).await;
        Peer::new(accepted.expect("we connect").expect("a connection").0)
    }
}

/// One end of a connection, and what it was told to hold.
pub(crate) struct Peer<S> {
    pub(crate) stream: S,
    pub(crate) flows: FlowSet,
    /// How much is written before the other end may read it.
    pub(crate) bytes_at_once: usize,
    incoming: Vec<u8>,
    bundle: Vec<Message>,
}

/// What a peer has just done.
#[derive(PartialEq, Eq)]
enum Did {
    ShowedFlows,
    Committed,
    Other,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            flows: FlowSet::new(),
            bytes_at_once: usize::MAX,
            incoming: Vec::new(),
            bundle: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, xid: u32, message: &Message) {
        let mut bytes = Vec::new();
        message.encode(xid, &mut bytes).expect("a short message");
        for piece in bytes.chunks(self.bytes_at_once) {
            self.stream.write_all(piece).await.expect("the other end is there");
            self.stream.flush().await.expect("the other end is there");
            if self.bytes_at_once < bytes.len() {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Answers as a switch does, until it has shown what it holds.
    pub(crate) async fn behave_until_live(&mut self) {
        while self.next().await != Did::ShowedFlows {}
    }

    /// Answers as a switch does, until it has committed something.
    pub(crate) async fn behave_until_commit(&mut self) {
        while self.next().await != Did::Committed {}
    }

    /// Answers as a switch does, until the other end hangs up.
    pub(crate) async fn behave(&mut self) {
        loop {
            let Some((xid, message)) = self.receive().await else { return };
            self.answer(xid, message).await;
        }
    }

    async fn next(&mut self) -> Did {
        let received = timeout(PATIENCE, self.receive()).await.expect("the other end says something");
        let (xid, message) = received.expect("the other end stays");
        self.answer(xid, message).await
    }

    /// The next message; nothing when the other end has hung up. Can be cancelled without loss.
    async fn receive(&mut self) -> Option<(u32, Message)> {
        loop {
            if let Some(len) = frame(&self.incoming).expect("whole messages") {
                let decoded = Message::decode(&self.incoming[..len]).expect("messages that make sense");
                self.incoming.drain(..len);
                return Some(decoded);
            }
            if self.stream.read_buf(&mut self.incoming).await.ok()? == 0 {
                return None;
            }
        }
    }

    async fn answer(&mut self, xid: u32, message: Message) -> Did {
        let (answer, did) = match message {
            Message::Hello(_) => (Message::Hello(Hello::of13()), Did::Other),
            Message::FeaturesRequest => {
                let features = Features {
                    datapath_id: 1,
                    n_buffers: 0,
                    n_tables: 254,
                    auxiliary_id: 0,
                    capabilities: 0,
                };
                (Message::FeaturesReply(features), Did::Other)
            }
            Message::EchoRequest(data) => (Message::EchoReply(data), Did::Other),
            Message::BarrierRequest => (Message::BarrierReply, Did::Other),
            Message::MultipartRequest(Multipart { part, .. }) => {
                let (reply, did) = match part {
                    Request::PortDesc => (Reply::PortDesc(vec![]), Did::Other),
                    Request::MeterConfig(_) => (Reply::MeterConfig(vec![]), Did::Other),
                    Request::GroupDesc => (Reply::GroupDesc(vec![]), Did::Other),
                    Request::Monitor(_) => (Reply::Monitor(vec![]), Did::Other),
                    Request::Flow(_) => (Reply::Flow(FlowEntries::default()), Did::ShowedFlows),
                    other => panic!("a question that nobody expects: {other:?}"),
                };
                (Message::MultipartReply(Multipart::last(reply)), did)
            }
            Message::BundleControl(control) => {
                let (op, did) = match control.op {
                    BundleOp::OpenRequest => (BundleOp::OpenReply, Did::Other),
                    _ => {
                        self.commit();
                        (BundleOp::CommitReply, Did::Committed)
                    }
                };
                (Message::BundleControl(BundleControl::new(control.bundle, op, control.flags)), did)
            }
            Message::BundleAdd(add) => {
                self.bundle.push(Message::decode(&add.message).expect("messages that make sense").1);
                return Did::Other;
            }
            _ => return Did::Other,
        };
        self.send(xid, &answer).await;
        did
    }

    fn commit(&mut self) {
        for message in self.bundle.drain(..) {
            let Message::FlowMod(flow_mod) = message else {
                panic!("a change that nobody expects: {message:?}")
            };
            assert_eq!(flow_mod.command, FlowCommand::Add, "nothing is held that could be deleted");
            self.flows.insert(PackedFlow::new(&flow_mod.flow()).expect("a short flow"));
        }
    }
}

/// Counts the lines that are logged by this thread.
pub(crate) struct LinesLogged {
    lines: Arc<AtomicUsize>,
    _guard: DefaultGuard,
}

impl LinesLogged {
    pub(crate) fn count_here() -> Self {
        let lines = Arc::new(AtomicUsize::new(0));
        let guard = tracing::subscriber::set_default(Counter(lines.clone()));
        Self { lines, _guard: guard }
    }

    pub(crate) fn so_far(&self) -> usize {
        self.lines.load(Ordering::Relaxed)
    }
}

/// A log that is only counted, of what an operator reads.
struct Counter(Arc<AtomicUsize>);

impl Subscriber for Counter {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}
