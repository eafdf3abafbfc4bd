//! A process that publishes changes to controllers.

use uuid::Uuid;

use crate::macros::object;
use crate::{Id, Timestamp};

object! {
    /// A process that publishes changes to controllers.
    Publisher [] {
        /// Made of the names of process and host, see `Publisher::id_of`.
        id: Id<Self>,
        /// When it last said that it is there.
        last_activity_timestamp: Option<Timestamp>,
        /// A name for people.
        name: Option<String>,
        /// Where to subscribe, as `tcp://192.0.2.5:8866`.
        uri: Option<String>,
    }
    indexes {}
}

impl Publisher {
    /// The id of the process with this name on the host with this fully qualified name.
    #[must_use]
    pub fn id_of(process: &str, host: &str) -> Id<Self> {
        Id::from_uuid(Uuid::new_v5(&Uuid::NAMESPACE_DNS, format!("{process}.{host}").as_bytes()))
    }

    /// Whether it said in the last `timeout_s` seconds that it is there. Others are not subscribed to.
    #[must_use]
    pub fn is_alive(&self, now: &Timestamp, timeout_s: f64) -> bool {
        self.last_activity_timestamp.as_ref().is_some_and(|last| last.is_recent(now, timeout_s))
    }
}
