//! Service functions that are alternatives: traffic goes through one of them.

use crate::macros::object;
use crate::{Id, PortPair, Topic};

object! {
    /// Service functions that are alternatives.
    PortPairGroup [topic] {
        /// The id of the group in Neutron.
        id: Id<Self>,
        /// A name for people.
        name: Option<String>,
        /// The alternatives.
        port_pairs: Vec<Id<PortPair>>,
        /// The project.
        topic: Topic,
    }
    indexes {
        /// The groups with a pair.
        BY_PORT_PAIR: Id<PortPair> = |row, visit| row.port_pairs.iter().cloned().for_each(visit);
        /// The groups of a project.
        BY_TOPIC: Topic = |row, visit| visit(row.topic.clone());
    }
}
