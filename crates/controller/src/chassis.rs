//! Being there: the row of the node, and the heartbeat of this program.
//!
//! Both are the original's rows, without a lease: a node that stops for a moment must not make others tear its tunnels down.
//! Whether it lives is for readers of the heartbeat to judge. On a graceful stop the heartbeat simply ends.
//!
//! The row of the node is written when it differs from the configuration, and looked at with every heartbeat, so that
//! somebody's mistake lasts no longer than that.

use std::sync::Arc;
use std::time::Duration;

use model::{Chassis, Id, Model, Object, Service, Timestamp};
use nb::{CommitError, Key, Require, Row, Store, StoreError, Txn};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::clock;
use crate::options::Options;
use crate::retry::Backoff;

/// What the service row calls this program.
const BINARY: &str = "df-local-controller";
/// First and longest wait between two tries.
const RETRY_MIN: Duration = Duration::from_millis(200);

/// The row of the node, as it is configured.
pub(crate) fn row(options: &Options) -> Chassis {
    Chassis {
        external_host_ip: options.external_host_ip,
        id: options.chassis.clone(),
        ip: options.tunnel_ip,
        tunnel_types: options.tunnel_types.clone(),
    }
}

/// Keeps both rows for as long as it runs.
pub(crate) async fn keep_registered(store: Arc<dyn Store>, chassis: Chassis, report_interval: Duration) {
    let mut backoff = Backoff::new(RETRY_MIN, report_interval.max(RETRY_MIN), &chassis.id.to_string());
    let mut is_failing = false;
    loop {
        let wait = match register(store.as_ref(), &chassis).await {
            Ok(()) => {
                is_failing = false;
                backoff.reset();
                report_interval
            }
            Err(error) => {
                if !std::mem::replace(&mut is_failing, true) {
                    warn!(%error, "the node cannot be registered in the store; trying on");
                }
                backoff.wait()
            }
        };
        sleep(wait).await;
    }
}

/// Makes the row of the node right, and gives a sign of life.
async fn register(store: &dyn Store, chassis: &Chassis) -> Result<(), CommitError> {
    let service = Service::id_of(&chassis.id, BINARY);
    let keys =
        [Key::new(Chassis::TABLE, chassis.id.row().clone()), Key::new(Service::TABLE, service.row().clone())];
    let [stored_chassis, stored_service]: [Option<Row>; 2] =
        store.read(&keys).await?.try_into().map_err(|_| StoreError::Damaged {
            reason: "it gave another number of rows than it was asked for".to_owned(),
        })?;
    let known: Option<Chassis> = decoded(stored_chassis.as_ref());
    let mut txn = Txn::new();
    if known.as_ref() != Some(chassis) {
        info!(chassis = %chassis.id, before = ?known, now = ?chassis, "registering the node");
        txn = txn
            .require(unchanged(&keys[0], stored_chassis.as_ref()))
            .put_object(&Object::from(chassis.clone()));
    }
    let beat = heartbeat(&chassis.id, decoded(stored_service.as_ref()), clock::now());
    txn = txn.require(unchanged(&keys[1], stored_service.as_ref())).put_object(&Object::from(beat));
    store.commit(txn).await.map(|_| ())
}

/// The service row with a fresh sign of life; whether somebody took the service out of service is not ours to change.
fn heartbeat(chassis: &Id<Chassis>, stored: Option<Service>, now: Timestamp) -> Service {
    let fresh = Service {
        binary: BINARY.to_owned(),
        chassis: chassis.clone(),
        disabled: None,
        disabled_reason: None,
        id: Service::id_of(chassis, BINARY),
        last_seen_up: None,
    };
    Service { last_seen_up: Some(now), ..stored.unwrap_or(fresh) }
}

fn decoded<T: Model>(row: Option<&Row>) -> Option<T> {
    T::from_text(std::str::from_utf8(&row?.value).ok()?).ok()
}

fn unchanged(key: &Key, row: Option<&Row>) -> Require {
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
        register(&store, &chassis("192.0.2.1")).await.unwrap();
        let first = rows(&store).await.0.unwrap();
        register(&store, &chassis("192.0.2.1")).await.unwrap();
        assert_eq!(rows(&store).await.0.unwrap().stamp, first.stamp);
        register(&store, &chassis("192.0.2.2")).await.unwrap();
        assert_eq!(decoded(rows(&store).await.0.as_ref()), Some(chassis("192.0.2.2")));
        store.commit(Txn::new().put(first.key, "nonsense")).await.unwrap();
        register(&store, &chassis("192.0.2.1")).await.unwrap();
        assert_eq!(decoded(rows(&store).await.0.as_ref()), Some(chassis("192.0.2.1")));
    }

    #[tokio::test]
    async fn a_heartbeat_keeps_what_an_operator_decided() {
        let store = MemoryStore::new();
        register(&store, &chassis("192.0.2.1")).await.unwrap();
        let service = rows(&store).await.1.unwrap();
        assert!(service.is_alive(&clock::now(), 5.0));
        let disabled = Service {
            disabled: Some(true),
            disabled_reason: Some("maintenance".to_owned()),
            last_seen_up: Timestamp::from_seconds(1.0),
            ..service
        };
        store.commit(Txn::new().put_object(&disabled.into())).await.unwrap();
        register(&store, &chassis("192.0.2.1")).await.unwrap();
        let service = rows(&store).await.1.unwrap();
        assert!(service.is_alive(&clock::now(), 5.0));
        assert_eq!((service.disabled, service.disabled_reason.as_deref()), (Some(true), Some("maintenance")));
    }

    #[tokio::test(start_paused = true)]
    async fn it_goes_on_after_an_outage_and_stops_with_its_task() {
        let store = MemoryStore::new();
        store.go_away("cable");
        let interval = Duration::from_secs(25);
        let beating = tokio::spawn(keep_registered(Arc::new(store.clone()), chassis("192.0.2.1"), interval));
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
