//! The ports in and out of a service function.

use crate::macros::{choice, object};
use crate::{Id, LogicalPort, Number, Topic};

choice! {
    /// How a service function tells chains apart.
    closed Correlation {
        /// It does not.
        None = "none",
        /// By an MPLS label.
        Mpls = "mpls",
    }
}

object! {
    /// The ports in and out of a service function.
    PortPair [topic] {
        /// How it tells chains apart.
        correlation_mechanism: Option<Correlation>,
        /// The port that traffic comes out of.
        egress_port: Option<Id<LogicalPort>>,
        /// The id of the pair in Neutron.
        id: Id<Self>,
        /// The port that traffic goes into.
        ingress_port: Option<Id<LogicalPort>>,
        /// A name for people.
        name: Option<String>,
        /// The project.
        topic: Topic,
        /// How much of the traffic it takes, compared with the others of its group.
        weight: Option<Number>,
    }
    indexes {
        /// The pairs that come out of a port.
        BY_EGRESS_PORT: Id<LogicalPort> = |row, visit| row.egress_port.clone().into_iter().for_each(visit);
        /// The pairs that go into a port.
        BY_INGRESS_PORT: Id<LogicalPort> = |row, visit| row.ingress_port.clone().into_iter().for_each(visit);
        /// The pairs of a project.
        BY_TOPIC: Topic = |row, visit| visit(row.topic.clone());
    }
}
