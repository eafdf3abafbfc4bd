//! The side of Open vSwitch's database: the bridge as it should be, interfaces as they come and go, numbers that stay.
//!
//! ```text
//!   ovsdb-server --- batches ---> interface watch ---> news of interfaces and tunnel ports ---> engine
//!        ^                            |
//!        |                            `--> plan: is the bridge as specified? --> apply, in a task of its own
//!        `------------ numbers <------------------------------------------------------------- engine
//! ```
//! Of a switch that is too old it is said which features it lacks, and neither its database nor its flows are touched until another version
//! of it runs.
//! The bridge is looked at after every batch, so that what somebody removes comes back; not more often than
//! [`APPLY_PAUSE`], so that two who disagree about it do not wear the database out.

mod plugging;
mod shapes;
mod spec;

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::time::Duration;

use engine::numbers::Numbers;
use engine::{Interface, MetadataProxy, Peers, Provider, Reserve, Watched};
use model::{RowId, TunnelType};
use ovsdb::client::{Client, ClientConfig, ConnectionState, Source};
use ovsdb::row::Batch;
use ovsdb::typed::Table;
use ovsdb::vswitch;
use switch::bridge::{
    Applied, ApplyError, ApplyOptions, BridgeSpec, Problem, apply, flow_restore_complete, plan, stored_ids,
};
use switch::configuration::monitor;
use switch::features::{self, NEEDED_RELEASE};
use switch::interfaces::{InterfaceWatch, Role, Unclaimed};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::{error, info, warn};

use crate::numbers::{self, Pairs};
use crate::options::{MetadataOptions, Options};
use crate::retry::{Backoff, due};
use crate::sessions::{Sessions, WatchOrders};
use crate::ways::{present_metadata, present_providers};
use plugging::plugging;

/// News that wait for the engine.
const NEWS_MAX: usize = 64;
/// Pause between two attempts to set the bridge up.
const APPLY_PAUSE: Duration = Duration::from_secs(1);
/// How long a transaction may take.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest pause after failures.
const RETRY_MAX: Duration = Duration::from_secs(5);

/// What changed on the bridge.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// Interfaces of ports, and ports whose interface is gone, in order.
    pub(crate) interfaces: Vec<(RowId, Option<Interface>)>,
    /// The tunnel ports that there are, if they changed.
    pub(crate) tunnels: Option<BTreeMap<TunnelType, u32>>,
    /// The ways to physical networks, if they changed.
    pub(crate) providers: Option<BTreeMap<String, Provider>>,
    /// What is seen of other nodes, if that changed.
    pub(crate) peers: Option<Peers>,
    /// The proxy of the metadata service, if the way to it changed.
    pub(crate) metadata: Option<Option<MetadataProxy>>,
    /// The numbers of an earlier run, with the first news.
    pub(crate) numbers: Option<Numbers>,
}

impl News {
    fn is_empty(&self) -> bool {
        let Self { interfaces, tunnels, providers, peers, metadata, numbers } = self;
        let has_ways = tunnels.is_some() || providers.is_some() || metadata.is_some();
        interfaces.is_empty() && !has_ways && peers.is_none() && numbers.is_none()
    }
}

/// What the engine's side asks of this one.
#[derive(Debug)]
pub(crate) struct Orders {
    numbers: watch::Sender<Option<Numbers>>,
    flows_are_back: watch::Sender<u64>,
    watched: watch::Sender<Option<Vec<Watched>>>,
    reserves: watch::Sender<Option<Vec<Reserve>>>,
}

impl Orders {
    /// These numbers are given.
    pub(crate) fn keep_numbers(&self, numbers: &Numbers) {
        self.numbers.send_replace(Some(numbers.clone()));
    }

    /// These nodes are to be watched.
    pub(crate) fn watch(&self, watched: Vec<Watched>) {
        self.watched.send_replace(Some(watched));
    }

    /// This bandwidth is promised.
    pub(crate) fn reserve(&self, reserves: Vec<Reserve>) {
        self.reserves.send_replace(Some(reserves));
    }

    /// The switch holds what it should, so it may forward if it was told to wait for that.
    pub(crate) fn flows_are_back(&self) {
        self.flows_are_back.send_modify(|count| *count += 1);
    }
}

/// The physical networks that the node has a way to; nothing, as long as nobody knows.
pub(crate) type Reached = watch::Sender<Option<BTreeSet<String>>>;

/// Connects to the database, and follows it for as long as anybody listens.
pub(crate) fn follow(
    options: &Options,
    reached: Reached,
) -> (mpsc::Receiver<News>, Orders, impl Future<Output = ()> + Send + use<>) {
    let mut config = ClientConfig::new("Open_vSwitch");
    config.backoff.max_delay = Duration::from_secs(1);
    let source = Source::Dial { addresses: vec![options.ovsdb.clone()], tls: None };
    let (client, batches) = Client::spawn(source, config, monitor());
    let (news, receiver) = mpsc::channel(NEWS_MAX);
    let (number_sender, number_orders) = watch::channel(None);
    let (back_sender, back_orders) = watch::channel(0);
    let (watched, watch_orders) = watch::channel(None);
    let (reserves, reserve_orders) = watch::channel(None);
    let vswitch = Vswitch {
        client,
        watch: InterfaceWatch::new(&options.bridge, Unclaimed::Ignored),
        spec: spec::bridge(options),
        sessions: Sessions::new(options),
        mappings: options.bridge_mappings.clone(),
        link_kbps: options.link_kbps.clone(),
        metadata_options: options.metadata.clone(),
        news,
        tunnels: None,
        providers: None,
        reached,
        metadata: None,
        problems: Vec::new(),
        missing: Vec::new(),
        held: Vec::new(),
        applying: None,
        look_at: None,
        look_not_before: Instant::now(),
        backoff: Backoff::new(APPLY_PAUSE, RETRY_MAX, &options.chassis.to_string()),
        number_orders,
        stored_numbers: watch::Sender::new(None),
        waits: watch::Sender::new(Pairs::new()),
        keeping_numbers: None,
    };
    (
        receiver,
        Orders { numbers: number_sender, flows_are_back: back_sender, watched, reserves },
        vswitch.run(batches, back_orders, watch_orders, reserve_orders),
    )
}

struct Vswitch {
    client: Client,
    watch: InterfaceWatch,
    spec: BridgeSpec,
    sessions: Sessions,
    /// The bridges to physical networks.
    mappings: BTreeMap<String, String>,
    /// What their links carry, where that is said.
    link_kbps: BTreeMap<String, u64>,
    metadata_options: Option<MetadataOptions>,
    news: mpsc::Sender<News>,
    tunnels: Option<BTreeMap<TunnelType, u32>>,
    providers: Option<BTreeMap<String, Provider>>,
    reached: Reached,
    metadata: Option<Option<MetadataProxy>>,
    problems: Vec<Problem>,
    /// Features that the switch lacks.
    missing: Vec<&'static str>,
    /// What was plugged in and out while nobody may hear of it.
    held: Vec<(RowId, Option<Interface>)>,
    applying: Option<JoinHandle<Result<Applied, ApplyError>>>,
    /// When to look at the bridge.
    look_at: Option<Instant>,
    look_not_before: Instant,
    backoff: Backoff,
    number_orders: watch::Receiver<Option<Numbers>>,
    /// The numbers that the bridge has beside it, where there is a bridge.
    stored_numbers: watch::Sender<Option<Pairs>>,
    /// What is waited for, which is kept beside them.
    waits: watch::Sender<Pairs>,
    keeping_numbers: Option<JoinHandle<()>>,
}

impl Drop for Vswitch {
    fn drop(&mut self) {
        self.applying.iter().for_each(JoinHandle::abort);
        self.keeping_numbers.iter().for_each(JoinHandle::abort);
    }
}

impl Vswitch {
    async fn run(
        mut self,
        mut batches: mpsc::Receiver<Batch>,
        mut back: watch::Receiver<u64>,
        mut watched: WatchOrders,
        mut reserves: watch::Receiver<Option<Vec<Reserve>>>,
    ) {
        let mut state = self.client.state();
        let mut is_live = None;
        loop {
            let news = tokio::select! {
                batch = batches.recv() => {
                    let Some(batch) = batch else { return };
                    self.batch(&batch)
                }
                asked = watched.changed() => {
                    let (Ok(()), Some(watched)) = (asked, watched.borrow_and_update().clone()) else { return };
                    self.spec.sessions = Some(self.sessions.want(&watched));
                    self.look_at = Some(self.look_not_before);
                    News { peers: self.sessions.news(), ..News::default() }
                }
                asked = reserves.changed() => {
                    let (Ok(()), Some(reserves)) = (asked, reserves.borrow_and_update().clone()) else { return };
                    self.spec.shapes = Some(shapes::shapes(&reserves, &self.link_kbps));
                    self.look_at = Some(self.look_not_before);
                    continue;
                }
                () = due(self.sessions.due()) => {
                    self.sessions.tick();
                    News { peers: self.sessions.news(), ..News::default() }
                }
                applied = finished(&mut self.applying) => {
                    self.applied(applied);
                    continue;
                }
                () = due(self.look_at) => {
                    self.look();
                    continue;
                }
                asked = back.changed() => {
                    if asked.is_err() {
                        return;
                    }
                    self.forward_again();
                    continue;
                }
                changed = state.changed() => {
                    if changed.is_ok() {
                        say_connection(&state.borrow_and_update(), &mut is_live);
                    }
                    continue;
                }
                () = self.news.closed() => return,
            };
            let waits = self.sessions.pairs();
            self.waits.send_if_modified(|known| {
                *known != waits && {
                    *known = waits;
                    true
                }
            });
            if !news.is_empty() && self.news.send(news).await.is_err() {
                return;
            }
        }
    }

    fn batch(&mut self, batch: &Batch) -> News {
        let is_first = self.tunnels.is_none();
        self.held.extend(self.watch.apply(batch).into_iter().filter_map(plugging));
        if !self.is_usable() {
            return News::default();
        }
        let mut news = News { interfaces: std::mem::take(&mut self.held), ..News::default() };
        let tunnels = self.present_tunnels();
        if self.tunnels.as_ref() != Some(&tunnels) {
            self.tunnels = Some(tunnels.clone());
            news.tunnels = Some(tunnels);
        }
        let providers = present_providers(&self.watch, &self.mappings);
        if self.providers.as_ref() != Some(&providers) {
            self.providers = Some(providers.clone());
            let ways = providers.iter().filter(|(_, provider)| provider.of_port.is_some());
            self.reached.send_replace(Some(ways.map(|(network, _)| network.clone()).collect()));
            news.providers = Some(providers);
        }
        if is_first {
            self.sessions.remember(&stored_ids(self.watch.configuration(), &self.spec.name));
        }
        self.sessions.observe(&self.watch);
        news.peers = self.sessions.news();
        let metadata = present_metadata(&self.watch, self.metadata_options.as_ref());
        if self.metadata.as_ref() != Some(&metadata) {
            self.metadata = Some(metadata.clone());
            news.metadata = Some(metadata);
        }
        if batch.changes.iter().any(|change| change.table() == <vswitch::Bridge as Table>::NAME) {
            let (configuration, name) = (self.watch.configuration(), &self.spec.name);
            let stored = configuration.bridge(name).map(|_| stored_ids(configuration, name));
            self.stored_numbers.send_if_modified(|known| std::mem::replace(known, stored.clone()) != stored);
        }
        if is_first {
            let stored = self.stored_numbers.subscribe();
            news.numbers = Some(numbers::from_pairs(&stored.borrow().clone().unwrap_or_default()));
            let keep = numbers::keep(
                self.client.clone(),
                self.spec.name.clone(),
                stored,
                (self.number_orders.clone(), self.waits.subscribe()),
            );
            self.keeping_numbers = Some(tokio::spawn(keep));
        }
        self.look_at = Some(self.look_not_before.max(Instant::now()));
        news
    }

    /// Whether the switch can do what is asked of it. What is in use already is not given up.
    fn is_usable(&mut self) -> bool {
        let root = self.watch.configuration().root();
        let version = root.and_then(|(_, row)| row.ovs_version.clone()).unwrap_or_default();
        let missing = features::missing(&version);
        if missing != self.missing {
            match missing.is_empty() {
                true => info!(version, "open vswitch has all features that are needed now"),
                false => error!(
                    version,
                    missing = missing.join("; "),
                    "open vswitch lacks features, so this node does nothing; install Open vSwitch {NEEDED_RELEASE} or newer"
                ),
            }
            self.missing = missing;
        }
        self.missing.is_empty() || self.tunnels.is_some()
    }

    fn present_tunnels(&self) -> BTreeMap<TunnelType, u32> {
        let tunnel = |interface: &switch::interfaces::Interface| match interface.role {
            Role::Tunnel(kind) => Some((TunnelType::from_text(kind.as_ovs())?, interface.ofport.get())),
            _ => None,
        };
        self.watch.interfaces().filter_map(tunnel).collect()
    }

    /// Compares the bridge with what it should be, and has the difference carried out.
    fn look(&mut self) {
        self.look_at = None;
        if self.applying.is_some() {
            return;
        }
        let plan = plan(&self.spec, self.watch.configuration());
        if plan.is_empty() {
            self.say_problems(plan.problems().to_vec());
            return;
        }
        let (client, spec) = (self.client.clone(), self.spec.clone());
        let known = self.watch.configuration().clone();
        self.applying =
            Some(tokio::spawn(async move { apply(&client, &spec, &known, ApplyOptions::default()).await }));
    }

    fn applied(&mut self, applied: Result<Applied, ApplyError>) {
        self.applying = None;
        let pause = match applied {
            Ok(applied) => {
                self.backoff.reset();
                self.say_problems(applied.problems);
                APPLY_PAUSE
            }
            Err(error) => {
                warn!(%error, bridge = self.spec.name, "the bridge cannot be set up; trying on");
                self.backoff.wait()
            }
        };
        self.look_not_before = Instant::now() + pause;
        // What changed while the plan was carried out has to be looked at, and so has a failure.
        self.look_at = Some(self.look_not_before);
    }

    fn say_problems(&mut self, problems: Vec<Problem>) {
        for problem in problems.iter().filter(|problem| !self.problems.contains(problem)) {
            match problem {
                Problem::NoPeerBridge { bridge, .. } => self.say_missing(bridge),
                _ if problem.is_about_promises() => warn!(%problem, "a promise of bandwidth is not kept"),
                _ => error!(%problem, bridge = self.spec.name, "the bridge is not as it should be"),
            }
        }
        for problem in self.problems.iter().filter(|problem| !problems.contains(problem)) {
            info!(%problem, bridge = self.spec.name, "this is over");
        }
        self.problems = problems;
    }

    /// Says which physical networks are not reached, because there is no bridge to them.
    fn say_missing(&self, bridge: &str) {
        let mapped = self.mappings.iter().filter(|(_, to)| *to == bridge);
        for (physical_network, _) in mapped {
            match self.mappings == spec::default_mappings() {
                // Nobody asked for it, and who has no networks there misses nothing.
                true => info!(
                    physical_network,
                    bridge, "no networks on this physical network: there is no such bridge"
                ),
                false => error!(
                    physical_network,
                    bridge,
                    "networks on this physical network stay on this node: there is no such bridge; create it, or correct \
                     [df_provider_networks] bridge_mappings"
                ),
            }
        }
    }

    fn forward_again(&self) {
        if let Some(transaction) = flow_restore_complete(self.watch.configuration()) {
            let client = self.client.clone();
            tokio::spawn(async move {
                match client.transact(transaction, TRANSACTION_TIMEOUT).await {
                    Ok(_) => info!("flows are back: open vswitch forwards again"),
                    Err(error) => {
                        error!(%error, "open vswitch was not told that flows are back; run: ovs-vsctl remove Open_vSwitch . other_config flow-restore-wait");
                    }
                }
            });
        }
    }
}

fn say_connection(state: &ConnectionState, is_live: &mut Option<bool>) {
    match state {
        ConnectionState::Live { peer, .. } if *is_live != Some(true) => {
            info!(peer, "following the database of open vswitch");
            *is_live = Some(true);
        }
        ConnectionState::Down { error: Some(error), .. } if *is_live != Some(false) => {
            warn!(error, "the database of open vswitch cannot be reached; trying on");
            *is_live = Some(false);
        }
        _ => {}
    }
}

async fn finished<T>(task: &mut Option<JoinHandle<Result<T, ApplyError>>>) -> Result<T, ApplyError> {
    loop {
        let Some(running) = task else { return pending().await };
        match running.await {
            Ok(result) => return result,
            // It is only ever ended together with us.
            Err(_) => *task = None,
        }
    }
}
