//! What a floating IP says that the original's row of it has no room for: a table of ours.
//!
//! It has the id of the floating IP. One that says nothing of the kind has no such row.

use crate::macros::object;
use crate::{FloatingIp, Id, QosPolicy, Topic, Version};

object! {
    /// What a floating IP says besides its row.
    FloatingIpExtra [topic version] {
        /// The floating IP.
        floatingip: Id<FloatingIp> => weak,
        /// Its id.
        id: Id<Self>,
        /// Its policy.
        qos_policy: Option<Id<QosPolicy>> => weak,
        /// The project.
        topic: Topic,
        /// How often it was changed.
        version: Option<Version>,
    }
    indexes {
        /// What a floating IP says.
        BY_FLOATING_IP: Id<FloatingIp> = |row, visit| visit(row.floatingip.clone());
        /// The floating IPs with a policy.
        BY_QOS_POLICY: Id<QosPolicy> = |row, visit| row.qos_policy.clone().into_iter().for_each(visit);
        /// The floating IPs of a project.
        BY_TOPIC: Topic = |row, visit| visit(row.topic.clone());
    }
    rules {
        const IS_ORIGINAL: bool = false;
    }
}

impl FloatingIpExtra {
    /// The id of what this floating IP says besides its row.
    #[must_use]
    pub fn id_of(floating_ip: &Id<FloatingIp>) -> Id<Self> {
        Id::from_row(floating_ip.row().clone())
    }
}
