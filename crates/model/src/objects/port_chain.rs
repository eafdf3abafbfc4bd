//! A chain of service functions, and the traffic that goes through it.

use crate::macros::{choice, object};
use crate::{FlowClassifier, Id, PortPairGroup, Topic};

choice! {
    /// How packets in a chain are marked on their way.
    closed ChainProtocol {
        /// By an MPLS label.
        Mpls = "mpls",
    }
}

object! {
    /// A chain of service functions.
    PortChain [topic] {
        /// The number of the chain in marks.
        chain_id: Option<u32>,
        /// The traffic that goes through it.
        flow_classifiers: Vec<Id<FlowClassifier>>,
        /// The id of the chain in Neutron.
        id: Id<Self>,
        /// A name for people.
        name: Option<String>,
        /// The service functions, in order.
        port_pair_groups: Vec<Id<PortPairGroup>>,
        /// How packets are marked.
        protocol: Option<ChainProtocol>,
        /// The project.
        topic: Topic,
    }
    indexes {
        /// The chains of a classifier.
        BY_FLOW_CLASSIFIER: Id<FlowClassifier> = |row, visit| row.flow_classifiers.iter().cloned().for_each(visit);
        /// The chains through a group.
        BY_PORT_PAIR_GROUP: Id<PortPairGroup> = |row, visit| row.port_pair_groups.iter().cloned().for_each(visit);
        /// The chains of a project.
        BY_TOPIC: Topic = |row, visit| visit(row.topic.clone());
    }
}
