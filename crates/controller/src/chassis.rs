//! Being there: the row of the node, and the heartbeat of this program.
//!
//! Both are the original's rows, without a lease: a node that stops for a moment must not make others tear its tunnels down.
//! Whether it lives is for readers of the heartbeat to judge. On a graceful stop the heartbeat simply ends.
//!
//! The rows of the node are written when they differ from the configuration, and looked at with every heartbeat, so that
//! somebody's mistake lasts no longer than that. Besides the original's row there is ours, `chassis_extra`, with the physical
//! networks that the node has a way to now, and, where the operator wants the node to have gateways of routers, `gateway_candidate`.
//! That one stays when the program stops: a restart of a controller moves no gateway. It goes when somebody switches the node's agent
//! off, and comes back when it is switched on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use model::{Chassis, ChassisExtra, GatewayCandidate, Id, Model, Object, Service, ServiceExtra, Timestamp};
use nb::{CommitError, Key, Require, Row, Store, StoreError, Txn};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tracing::{error, info, warn};

use crate::clock;
use crate::namesake::{Holder, Namesakes};
use crate::options::{Candidacy, Options};
use crate::retry::Backoff;

/// What the service row calls this program.
const BINARY: &str = "df-local-controller";
/// What the service row calls who offers nodes for gateways, and where operators switch that off.
const GATEWAY_BINARY: &str = "df-l3-agent";
/// Another node of the same name that missed so many heartbeats is not there.
const BEATS_AWAITED: f64 = 1.5;
/// First and longest wait between two tries.
const RETRY_MIN: Duration = Duration::from_millis(200);

/// What a node says of itself.
#[derive(Debug, Clone)]
pub(crate) struct Registration {
    chassis: Chassis,
    availability_zones: Vec<String>,
    candidacy: Candidacy,
    /// The physical networks that it has a way to; as long as that is not known, what was said before stays.
    physical_networks: watch::Receiver<Option<BTreeSet<String>>>,
    /// Whether its name is its own, as far as is known.
    is_own: watch::Sender<bool>,
    started_at: Timestamp,
}

impl Registration {
    /// The node as it is configured.
    pub(crate) fn new(
        options: &Options,
        physical_networks: watch::Receiver<Option<BTreeSet<String>>>,
    ) -> Self {
        let chassis = Chassis {
            external_host_ip: options.external_host_ip,
            id: options.chassis.clone(),
            ip: options.tunnel_ip,
            tunnel_types: options.tunnel_types.clone(),
        };
        let availability_zones = options.availability_zones.clone();
        let (candidacy, is_own) = (options.candidacy, watch::Sender::new(false));
        let started_at = clock::now();
        Self { chassis, availability_zones, candidacy, physical_networks, is_own, started_at }
    }

    /// Whether the name of the node is its own: not before somebody has looked, nor where another node is alive under it, or may be.
    pub(crate) fn is_own(&self) -> watch::Receiver<bool> {
        self.is_own.subscribe()
    }

    fn extra(&self) -> Option<ChassisExtra> {
        let reached = self.physical_networks.borrow().clone()?;
        Some(ChassisExtra {
            availability_zones: self.availability_zones.clone(),
            chassis: self.chassis.id.clone(),
            id: ChassisExtra::id_of(&self.chassis.id),
            physical_networks: reached.into_iter().collect(),
            software_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        })
    }
}

/// The row of a node that offers itself for gateways.
pub(crate) fn candidate(chassis: &Id<Chassis>, priority: u32) -> GatewayCandidate {
    GatewayCandidate { chassis: chassis.clone(), id: GatewayCandidate::id_of(chassis), priority }
}

/// Keeps the rows for as long as it runs.
pub(crate) async fn keep_registered(
    store: Arc<dyn Store>,
    mut node: Registration,
    report_interval: Duration,
) {
    let name = node.chassis.id.to_string();
    let mut backoff = Backoff::new(RETRY_MIN, report_interval.max(RETRY_MIN), &name);
    let mut is_failing = false;
    let (mut namesakes, mut holder) = (Namesakes::default(), Holder::Us);
    loop {
        node.physical_networks.mark_unchanged();
        let silence = report_interval.mul_f64(BEATS_AWAITED);
        let wait = match register_unless_taken(store.as_ref(), &node, &mut namesakes, silence).await {
            Ok(found) => {
                is_failing = false;
                backoff.reset();
                if let (Holder::Another(other), true) = (found, found != holder) {
                    error!(
                        chassis = %node.chassis.id, %other, ours = %node.chassis.ip,
                        "another node of this name is alive, and its tunnels end elsewhere: this node is not registered, and \
                         claims no ports. Give one of them another name, with [DEFAULT] host"
                    );
                }
                holder = found;
                report_interval
            }
            Err(error) => {
                if !std::mem::replace(&mut is_failing, true) {
                    warn!(%error, "the node cannot be registered in the store; trying on");
                }
                backoff.wait()
            }
        };
        let changed = async {
            // Whoever tells it may end before us, and tells nothing any more.
            if node.physical_networks.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = sleep(wait) => {}
            () = changed => {}
        }
    }
}

/// Registers the node, unless another one of its name is there, or may be. Says whose the name is.
async fn register_unless_taken(
    store: &dyn Store,
    node: &Registration,
    namesakes: &mut Namesakes,
    silence: Duration,
) -> Result<Holder, CommitError> {
    let id = &node.chassis.id;
    let service = Service::id_of(id, BINARY);
    let keys = [Key::new(Chassis::TABLE, id.row().clone()), Key::new(Service::TABLE, service.row().clone())];
    let [chassis, service] = read(store, &keys).await?;
    let (chassis, service): (Option<Chassis>, Option<Service>) =
        (decoded(chassis.as_ref()), decoded(service.as_ref()));
    let holder = namesakes.holder(&node.chassis, chassis.as_ref(), service.as_ref(), Instant::now(), silence);
    node.is_own.send_replace(holder == Holder::Us);
    if holder == Holder::Us {
        namesakes.note(register(store, node).await?);
    }
    Ok(holder)
}

/// Makes the rows of the node right, and gives a sign of life, which it returns.
async fn register(store: &dyn Store, node: &Registration) -> Result<Timestamp, CommitError> {
    let id = &node.chassis.id;
    let service = Service::id_of(id, BINARY);
    let keys = [
        Key::new(Chassis::TABLE, id.row().clone()),
        Key::new(ChassisExtra::TABLE, ChassisExtra::id_of(id).row().clone()),
        Key::new(GatewayCandidate::TABLE, GatewayCandidate::id_of(id).row().clone()),
        Key::new(Service::TABLE, service.row().clone()),
        Key::new(Service::TABLE, Service::id_of(id, GATEWAY_BINARY).row().clone()),
        Key::new(ServiceExtra::TABLE, service.row().clone()),
    ];
    let stored: [Option<Row>; 6] = read(store, &keys).await?;
    let (chassis, extra) = (Some(node.chassis.clone()), node.extra());
    let mut txn = right(Txn::new(), &keys[0], stored[0].as_ref(), chassis);
    if extra.is_some() {
        txn = right(txn, &keys[1], stored[1].as_ref(), extra);
    }
    let is_off = |row: Option<&Row>| decoded::<Service>(row).is_some_and(|own| own.disabled == Some(true));
    let candidacy = match node.candidacy {
        Candidacy::Offered { .. } if stored[3..=4].iter().any(|row| is_off(row.as_ref())) => {
            Candidacy::Refused
        }
        candidacy => candidacy,
    };
    txn = match candidacy {
        Candidacy::LeftAlone => txn,
        Candidacy::Offered { priority } => {
            right(txn, &keys[2], stored[2].as_ref(), Some(candidate(id, priority)))
        }
        Candidacy::Refused => right::<GatewayCandidate>(txn, &keys[2], stored[2].as_ref(), None),
    };
    let times = times(&service, decoded(stored[5].as_ref()), &node.started_at);
    txn = right(txn, &keys[5], stored[5].as_ref(), Some(times));
    let now = clock::now();
    let beat = heartbeat(id, BINARY, decoded(stored[3].as_ref()), now.clone());
    txn = txn.require(unchanged(&keys[3], stored[3].as_ref())).put_object(&Object::from(beat));
    store.commit(txn).await.map(|_| now)
}

/// Reads rows, as many as there are keys.
pub(crate) async fn read<const N: usize>(
    store: &dyn Store,
    keys: &[Key; N],
) -> Result<[Option<Row>; N], CommitError> {
    let rows = store.read(keys).await?;
    rows.try_into().map_err(|_| {
        let reason = "it gave another number of rows than it was asked for".to_owned();
        StoreError::Damaged { reason }.into()
    })
}

/// Makes a row what it has to be, or takes it away.
pub(crate) fn right<T: Model + std::fmt::Debug + PartialEq>(
    txn: Txn,
    key: &Key,
    stored: Option<&Row>,
    wanted: Option<T>,
) -> Txn
where
    Object: From<T>,
{
    let known: Option<T> = decoded(stored);
    match wanted {
        Some(wanted) if known.as_ref() == Some(&wanted) => txn,
        None if stored.is_none() => txn,
        Some(wanted) => {
            info!(table = %T::TABLE, before = ?known, now = ?wanted, "registering the node");
            txn.require(unchanged(key, stored)).put_object(&Object::from(wanted))
        }
        None => {
            info!(table = %T::TABLE, before = ?known, "taking back what the node said");
            txn.require(unchanged(key, stored)).delete(key.clone())
        }
    }
}

/// The service row with a fresh sign of life; whether somebody took the service out of service is not ours to change.
pub(crate) fn heartbeat(
    chassis: &Id<Chassis>,
    binary: &str,
    stored: Option<Service>,
    now: Timestamp,
) -> Service {
    let fresh = Service {
        binary: binary.to_owned(),
        chassis: chassis.clone(),
        disabled: None,
        disabled_reason: None,
        id: Service::id_of(chassis, binary),
        last_seen_up: None,
    };
    Service { last_seen_up: Some(now), ..stored.unwrap_or(fresh) }
}

/// When a service was there for the first time, and when the process was started that runs now.
pub(crate) fn times(
    service: &Id<Service>,
    stored: Option<ServiceExtra>,
    started_at: &Timestamp,
) -> ServiceExtra {
    ServiceExtra {
        created_at: stored.and_then(|stored| stored.created_at).or_else(|| Some(started_at.clone())),
        id: ServiceExtra::id_of(service),
        service: service.clone(),
        started_at: Some(started_at.clone()),
    }
}

pub(crate) fn decoded<T: Model>(row: Option<&Row>) -> Option<T> {
    T::from_text(std::str::from_utf8(&row?.value).ok()?).ok()
}

pub(crate) fn unchanged(key: &Key, row: Option<&Row>) -> Require {
    match row {
        Some(row) => Require::Unchanged(key.clone(), row.stamp),
        None => Require::Absent(key.clone()),
    }
}

#[cfg(test)]
mod tests {
    use model::TunnelType;
    use nb::MemoryStore;

    use super::*;

    fn chassis(ip: &str) -> Chassis {
        Chassis {
            external_host_ip: None,
            id: Id::new("n1").unwrap(),
            ip: ip.parse().unwrap(),
            tunnel_types: vec![TunnelType::Geneve],
        }
    }

    /// A node, and whoever tells which physical networks it reaches.
    fn reaching(ip: &str) -> (Registration, watch::Sender<Option<BTreeSet<String>>>) {
        let (reached, physical_networks) = watch::channel(None);
        let availability_zones = vec!["nova".to_owned()];
        let node = Registration {
            chassis: chassis(ip),
            availability_zones,
            candidacy: Candidacy::LeftAlone,
            physical_networks,
            is_own: watch::Sender::new(false),
            started_at: clock::now(),
        };
        (node, reached)
    }

    fn node(ip: &str) -> Registration {
        reaching(ip).0
    }

    async fn stored<T: Model>(store: &MemoryStore) -> Option<T> {
        let key = Key::new(T::TABLE, chassis("192.0.2.1").id.row().clone());
        decoded(store.read(&[key]).await.unwrap()[0].as_ref())
    }

    #[tokio::test]
    async fn it_says_since_when_it_runs_and_when_it_was_there_first() {
        let store = MemoryStore::new();
        let said = async || {
            let service = Service::id_of(&chassis("192.0.2.1").id, BINARY);
            let key = Key::new(ServiceExtra::TABLE, service.row().clone());
            decoded::<ServiceExtra>(store.read(&[key]).await.unwrap()[0].as_ref()).unwrap()
        };
        let at = |seconds| Timestamp::from_seconds(seconds).unwrap();
        for (started, created) in [(1000.0, 1000.0), (1000.0, 1000.0), (2000.0, 1000.0)] {
            let node = Registration { started_at: at(started), ..node("192.0.2.1") };
            register(&store, &node).await.unwrap();
            let said = said().await;
            assert_eq!((said.created_at, said.started_at), (Some(at(created)), Some(at(started))));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_says_which_physical_networks_it_reaches_as_soon_as_that_changes() {
        let store = MemoryStore::new();
        let (node, reached) = reaching("192.0.2.1");
        let told = |networks: &[&str]| Some(networks.iter().map(|name| (*name).to_owned()).collect());
        let keeping = tokio::spawn(keep_registered(Arc::new(store.clone()), node, Duration::from_secs(25)));
        sleep(Duration::from_secs(1)).await;
        assert_eq!(stored::<ChassisExtra>(&store).await, None, "nobody knows yet");
        for networks in [&["public", "storage"][..], &["public"], &[]] {
            reached.send_replace(told(networks));
            sleep(Duration::from_secs(1)).await;
            let extra = stored::<ChassisExtra>(&store).await.unwrap();
            assert_eq!(extra.physical_networks, networks);
            assert_eq!(extra.availability_zones, ["nova"]);
            assert!(extra.software_version.is_some());
        }
        drop(reached);
        let revision = store.revision();
        sleep(Duration::from_secs(60)).await;
        assert!(store.revision() > revision, "the heart beats on");
        assert!(!keeping.is_finished());
        keeping.abort();
    }

    #[tokio::test]
    async fn it_offers_itself_for_gateways_as_the_operator_says() {
        let store = MemoryStore::new();
        let mut node = node("192.0.2.1");
        let is = async || stored::<GatewayCandidate>(&store).await.map(|row| row.priority);
        node.candidacy = Candidacy::Offered { priority: 7 };
        register(&store, &node).await.unwrap();
        assert_eq!(is().await, Some(7));
        node.candidacy = Candidacy::LeftAlone;
        register(&store, &node).await.unwrap();
        assert_eq!(is().await, Some(7), "somebody else's");
        node.candidacy = Candidacy::Refused;
        register(&store, &node).await.unwrap();
        assert_eq!(is().await, None);
    }

    #[tokio::test]
    async fn a_node_that_is_switched_off_offers_nothing() {
        let store = MemoryStore::new();
        let offered = Registration { candidacy: Candidacy::Offered { priority: 7 }, ..node("192.0.2.1") };
        let switch = async |binary: &str, disabled: bool| {
            let service = heartbeat(&offered.chassis.id, binary, None, clock::now());
            let service = Service { disabled: Some(disabled), ..service };
            store.commit(Txn::new().put_object(&service.into())).await.unwrap();
            register(&store, &offered).await.unwrap();
            stored::<GatewayCandidate>(&store).await.map(|row| row.priority)
        };
        for binary in [BINARY, GATEWAY_BINARY] {
            assert_eq!(switch(binary, false).await, Some(7));
            assert_eq!(switch(binary, true).await, None, "{binary}");
            assert_eq!(switch(binary, false).await, Some(7));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_second_node_of_a_name_leaves_the_rows_of_the_first() {
        let store = MemoryStore::new();
        let interval = Duration::from_secs(25);
        let shared: Arc<dyn Store> = Arc::new(store.clone());
        let (one, two) = (node("192.0.2.1"), node("192.0.2.2"));
        let (is_ones, is_twos) = (one.is_own(), two.is_own());
        let first = tokio::spawn(keep_registered(Arc::clone(&shared), one, interval));
        sleep(Duration::from_secs(1)).await;
        let second = tokio::spawn(keep_registered(shared, two, interval));
        let is = async || stored::<Chassis>(&store).await.map(|row| row.ip.to_string());
        for _ in 0..20 {
            sleep(interval / 2).await;
            assert_eq!(is().await.as_deref(), Some("192.0.2.1"));
            assert_eq!((*is_ones.borrow(), *is_twos.borrow()), (true, false));
        }
        first.abort();
        sleep(interval * 4).await;
        assert_eq!(is().await.as_deref(), Some("192.0.2.2"), "the first one is gone");
        assert!(*is_twos.borrow());
        second.abort();
    }

    async fn rows(store: &MemoryStore) -> (Option<Row>, Option<Service>) {
        let service = Service::id_of(&Id::new("n1").unwrap(), BINARY);
        let keys = [
            Key::new(Chassis::TABLE, chassis("192.0.2.1").id.row().clone()),
            Key::new(Service::TABLE, service.row().clone()),
        ];
        let mut rows = store.read(&keys).await.unwrap();
        let service = decoded(rows[1].as_ref());
        (rows.remove(0), service)
    }

    #[tokio::test]
    async fn the_row_of_the_node_is_written_once_and_when_it_is_wrong() {
        let store = MemoryStore::new();
        register(&store, &node("192.0.2.1")).await.unwrap();
        let first = rows(&store).await.0.unwrap();
        register(&store, &node("192.0.2.1")).await.unwrap();
        assert_eq!(rows(&store).await.0.unwrap().stamp, first.stamp);
        register(&store, &node("192.0.2.2")).await.unwrap();
        assert_eq!(decoded(rows(&store).await.0.as_ref()), Some(chassis("192.0.2.2")));
        store.commit(Txn::new().put(first.key, "nonsense")).await.unwrap();
        register(&store, &node("192.0.2.1")).await.unwrap();
        assert_eq!(decoded(rows(&store).await.0.as_ref()), Some(chassis("192.0.2.1")));
    }

    #[tokio::test]
    async fn a_heartbeat_keeps_what_an_operator_decided() {
        let store = MemoryStore::new();
        register(&store, &node("192.0.2.1")).await.unwrap();
        let service = rows(&store).await.1.unwrap();
        assert!(service.is_alive(&clock::now(), 5.0));
        let disabled = Service {
            disabled: Some(true),
            disabled_reason: Some("maintenance".to_owned()),
            last_seen_up: Timestamp::from_seconds(1.0),
            ..service
        };
        store.commit(Txn::new().put_object(&disabled.into())).await.unwrap();
        register(&store, &node("192.0.2.1")).await.unwrap();
        let service = rows(&store).await.1.unwrap();
        assert!(service.is_alive(&clock::now(), 5.0));
        assert_eq!((service.disabled, service.disabled_reason.as_deref()), (Some(true), Some("maintenance")));
    }

    #[tokio::test(start_paused = true)]
    async fn it_goes_on_after_an_outage_and_stops_with_its_task() {
        let store = MemoryStore::new();
        store.go_away("cable");
        let interval = Duration::from_secs(25);
        let beating = tokio::spawn(keep_registered(Arc::new(store.clone()), node("192.0.2.1"), interval));
        sleep(Duration::from_secs(120)).await;
        store.come_back();
        sleep(interval * 2).await;
        let after_outage = store.revision();
        assert!(rows(&store).await.1.is_some());
        sleep(interval * 2).await;
        assert!(store.revision() > after_outage);
        beating.abort();
        assert!(beating.await.unwrap_err().is_cancelled());
        let stopped = store.revision();
        sleep(interval * 4).await;
        assert_eq!(store.revision(), stopped);
    }
}
