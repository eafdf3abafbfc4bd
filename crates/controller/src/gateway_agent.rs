//! `df-l3-agent`: as long as it runs, routers may have their gateways on its node.
//!
//! The original's agent made namespaces for gateways on a network node. Here every node forwards by itself, and what is left to say is
//! which nodes have a cable to the outside and shall be used: this program says it by a row `gateway_candidate`, and is a service
//! that operators see (`df-l3-agent`, with a heartbeat).
//!
//! - Told to stop, it takes the row back, and the gateways move before anything of the node is stopped.
//! - An operator who disables the service makes it take the row back as well, until it is enabled again.
//! - When it is killed the row stays: what it said is still so. Whether the node itself is there the others find out by BFD. To take the
//!   word of an agent back that will not run again: `df-db rm gateway_candidate <node>`.

use std::sync::Arc;
use std::time::Duration;

use model::{Chassis, GatewayCandidate, Id, Model, Object, Service, ServiceExtra, Timestamp};
use nb::{CommitError, Key, Store, Txn};
use tokio::time::{sleep, timeout};
use tracing::{error, info, warn};

use crate::chassis::{candidate, decoded, heartbeat, read, right, times, unchanged};
use crate::clock;
use crate::notify::Notifier;
use crate::retry::Backoff;

/// What the service row calls this program.
pub const BINARY: &str = "df-l3-agent";
/// First wait between two tries.
const RETRY_MIN: Duration = Duration::from_millis(200);
/// How often it is looked whether an operator disabled the service.
const LOOK_INTERVAL_MAX: Duration = Duration::from_secs(5);
/// How long a store that is away is waited for at the end.
const FAREWELL_MAX: Duration = Duration::from_secs(5);

/// What the agent has to be told.
#[derive(Debug, Clone)]
pub struct GatewayAgent {
    /// Its node.
    pub chassis: Id<Chassis>,
    /// How much routers prefer it.
    pub priority: u32,
    /// How often it gives a sign of life.
    pub report_interval: Duration,
}

impl GatewayAgent {
    /// Makes the node a candidate until `shutdown` is done, and then takes it back.
    pub async fn run(self, store: Arc<dyn Store>, notifier: Notifier, shutdown: impl Future<Output = ()>) {
        tokio::select! {
            () = self.keep(store.as_ref(), &notifier) => {}
            () = shutdown => {}
        }
        notifier.stopping();
        match timeout(FAREWELL_MAX, self.withdraw(store.as_ref())).await {
            Ok(()) => info!(chassis = %self.chassis, "the node is no candidate for gateways any more"),
            Err(_) => error!(
                chassis = %self.chassis,
                "the store is away, so the node stays a candidate for gateways: df-db rm gateway_candidate {} takes it off",
                self.chassis
            ),
        }
    }

    /// Keeps its rows.
    async fn keep(&self, store: &dyn Store, notifier: &Notifier) {
        let watchdog = notifier.watchdog_interval().unwrap_or(LOOK_INTERVAL_MAX);
        let interval = self.report_interval.min(LOOK_INTERVAL_MAX).min(watchdog);
        let mut backoff = Backoff::new(RETRY_MIN, interval.max(RETRY_MIN), &self.chassis.to_string());
        let (mut is_failing, mut is_ready) = (false, false);
        let started_at = clock::now();
        loop {
            let wait = match self.register(store, &started_at).await {
                Ok(()) => {
                    if !std::mem::replace(&mut is_ready, true) {
                        notifier.ready();
                    }
                    is_failing = false;
                    backoff.reset();
                    interval
                }
                Err(error) => {
                    if !std::mem::replace(&mut is_failing, true) {
                        warn!(%error, "the agent cannot be registered in the store; trying on");
                        notifier.status("waiting for the store");
                    }
                    backoff.wait()
                }
            };
            notifier.alive();
            sleep(wait).await;
        }
    }

    /// Gives a sign of life, and makes the node a candidate unless an operator disabled the service.
    async fn register(&self, store: &dyn Store, started_at: &Timestamp) -> Result<(), CommitError> {
        let [of_service, of_candidate, of_times] = &self.keys();
        let stored = read(store, &self.keys()).await?;
        let service: Option<Service> = decoded(stored[0].as_ref());
        let is_disabled = service.as_ref().is_some_and(|service| service.disabled == Some(true));
        let wanted = (!is_disabled).then(|| candidate(&self.chassis, self.priority));
        let txn = right(Txn::new(), of_candidate, stored[1].as_ref(), wanted);
        let id = Service::id_of(&self.chassis, BINARY);
        let times = times(&id, decoded(stored[2].as_ref()), started_at);
        let txn = right(txn, of_times, stored[2].as_ref(), Some(times));
        let beat = heartbeat(&self.chassis, BINARY, service, clock::now());
        let txn = txn.require(unchanged(of_service, stored[0].as_ref())).put_object(&Object::from(beat));
        store.commit(txn).await.map(|_| ())
    }

    /// Takes the row back, however long that takes.
    async fn withdraw(&self, store: &dyn Store) {
        let mut backoff = Backoff::new(RETRY_MIN, FAREWELL_MAX, &self.chassis.to_string());
        while self.take_back(store).await.is_err() {
            sleep(backoff.wait()).await;
        }
    }

    async fn take_back(&self, store: &dyn Store) -> Result<(), CommitError> {
        let [_, of_candidate, _] = &self.keys();
        let [_, stored, _] = read(store, &self.keys()).await?;
        let txn = right::<GatewayCandidate>(Txn::new(), of_candidate, stored.as_ref(), None);
        if txn.ops.is_empty() {
            return Ok(());
        }
        store.commit(txn).await.map(|_| ())
    }

    fn keys(&self) -> [Key; 3] {
        let service = Service::id_of(&self.chassis, BINARY);
        let candidate = GatewayCandidate::id_of(&self.chassis);
        [
            Key::new(Service::TABLE, service.row().clone()),
            Key::new(GatewayCandidate::TABLE, candidate.row().clone()),
            Key::new(ServiceExtra::TABLE, service.row().clone()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use nb::MemoryStore;
    use tokio::sync::oneshot;
    use tokio::task::JoinHandle;

    use super::*;

    fn agent() -> GatewayAgent {
        let chassis = Id::new("n1").unwrap();
        GatewayAgent { chassis, priority: 50, report_interval: Duration::from_secs(25) }
    }

    fn start(store: &MemoryStore) -> (JoinHandle<()>, oneshot::Sender<()>) {
        let (stop, stopped) = oneshot::channel();
        let shutdown = async move { drop(stopped.await) };
        (tokio::spawn(agent().run(Arc::new(store.clone()), Notifier::default(), shutdown)), stop)
    }

    async fn stored(store: &MemoryStore) -> (Option<Service>, Option<u32>) {
        let [service, candidate, _] = read(store, &agent().keys()).await.unwrap();
        let candidate: Option<GatewayCandidate> = decoded(candidate.as_ref());
        (decoded(service.as_ref()), candidate.map(|row| row.priority))
    }

    #[tokio::test(start_paused = true)]
    async fn the_node_is_a_candidate_until_the_agent_is_told_to_stop() {
        let store = MemoryStore::new();
        let (running, stop) = start(&store);
        sleep(Duration::from_secs(1)).await;
        let (service, priority) = stored(&store).await;
        let service = service.unwrap();
        assert_eq!((service.binary.as_str(), priority), (BINARY, Some(50)));
        assert!(service.is_alive(&clock::now(), 80.0));
        stop.send(()).unwrap();
        running.await.unwrap();
        let (service, priority) = stored(&store).await;
        assert!(service.is_some() && priority.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_killed_leaves_its_word() {
        let store = MemoryStore::new();
        let (running, _stop) = start(&store);
        sleep(Duration::from_secs(1)).await;
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        assert_eq!(stored(&store).await.1, Some(50));
    }

    #[tokio::test(start_paused = true)]
    async fn an_operator_disables_it_and_enables_it_again() {
        let store = MemoryStore::new();
        let (running, _stop) = start(&store);
        for (disabled, priority) in [(true, None), (false, Some(50))] {
            sleep(Duration::from_secs(10)).await;
            let service = stored(&store).await.0.unwrap();
            let service = Service { disabled: Some(disabled), ..service };
            store.commit(Txn::new().put_object(&service.into())).await.unwrap();
            sleep(Duration::from_secs(10)).await;
            assert_eq!(stored(&store).await.1, priority);
        }
        running.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_is_away_is_waited_for_and_not_for_ever() {
        let store = MemoryStore::new();
        store.go_away("cable");
        let (running, stop) = start(&store);
        sleep(Duration::from_secs(60)).await;
        store.come_back();
        sleep(Duration::from_secs(10)).await;
        assert_eq!(stored(&store).await.1, Some(50));
        store.go_away("cable");
        stop.send(()).unwrap();
        running.await.unwrap();
        store.come_back();
        assert_eq!(stored(&store).await.1, Some(50), "nobody could be told");
    }
}
