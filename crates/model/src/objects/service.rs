//! The heartbeat of a daemon on a hypervisor.

use uuid::{Uuid, uuid};

use crate::macros::object;
use crate::{Chassis, Id, Timestamp};

/// The namespace of service ids.
const NAMESPACE: Uuid = uuid!("cf6b6d03-8eb8-473a-8058-ff5a44fb2ba9");

object! {
    /// The heartbeat of a daemon on a hypervisor.
    Service [] {
        /// The daemon, as `df-local-controller`.
        binary: String,
        /// The hypervisor.
        chassis: Id<Chassis>,
        /// Whether somebody took it out of service.
        disabled: Option<bool>,
        /// Why.
        disabled_reason: Option<String>,
        /// Made of hypervisor and daemon, see `Service::id_of`.
        id: Id<Self>,
        /// Its last heartbeat.
        last_seen_up: Option<Timestamp>,
    }
    indexes {
        /// The daemons of a hypervisor.
        BY_CHASSIS: Id<Chassis> = |row, visit| visit(row.chassis.clone());
    }
}

impl Service {
    /// The id of this daemon on this hypervisor.
    #[must_use]
    pub fn id_of(chassis: &Id<Chassis>, binary: &str) -> Id<Self> {
        Id::from_uuid(Uuid::new_v5(&NAMESPACE, format!("{chassis}{binary}").as_bytes()))
    }

    /// Whether its last heartbeat is at most `down_time_s` seconds old.
    #[must_use]
    pub fn is_alive(&self, now: &Timestamp, down_time_s: f64) -> bool {
        self.last_seen_up.as_ref().is_some_and(|last| last.is_recent(now, down_time_s))
    }
}
