//! A Neutron server that wants to hear what became of ports. Its id is the name of the host.

use crate::macros::object;
use crate::{Id, Timestamp, Topic, TopicRule};

object! {
    /// A Neutron server that wants to hear what became of ports.
    Listener [] {
        /// The name of the host.
        id: Id<Self>,
        /// The process whose workers share the row.
        ppid: Option<u32>,
        /// When the row was last written.
        timestamp: Option<Timestamp>,
    }
    indexes {}
    rules {
        const TOPIC_RULE: TopicRule = TopicRule::Computed;

        fn topic(&self) -> Option<Topic> {
            Some(Topic::new(&format!("listener_{}", self.id)))
        }

        fn touch(&mut self, now: &Timestamp) {
            self.timestamp = Some(now.clone());
        }
    }
}
