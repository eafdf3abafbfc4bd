//! Which traffic goes through a chain of service functions.

use ipnet::IpNet;
use net_types::PortRange;

use crate::macros::{choice, object};
use crate::{EtherType, Id, LogicalPort, Problem, Topic, UniqueKey};

choice! {
    /// A protocol that a classifier knows.
    closed ClassifierProtocol {
        /// TCP.
        Tcp = "tcp",
        /// UDP.
        Udp = "udp",
    }
}

object! {
    /// Which traffic goes through a chain of service functions.
    FlowClassifier [topic unique_key] {
        /// Its destination is in this network.
        dest_cidr: Option<IpNet>,
        /// It goes to this port; either this or `source_port` is given.
        dest_port: Option<Id<LogicalPort>>,
        /// Its transport destination port is one of these.
        dest_transport_ports: Option<PortRange>,
        /// Its version of IP.
        ether_type: Option<EtherType>,
        /// The id of the classifier in Neutron.
        id: Id<Self>,
        /// A name for people.
        name: Option<String>,
        /// Its protocol.
        protocol: Option<ClassifierProtocol>,
        /// Its source is in this network.
        source_cidr: Option<IpNet>,
        /// It comes from this port; either this or `dest_port` is given.
        source_port: Option<Id<LogicalPort>>,
        /// Its transport source port is one of these.
        source_transport_ports: Option<PortRange>,
        /// The project.
        topic: Topic,
        /// Its number in the switch.
        unique_key: UniqueKey,
    }
    check has_one_end;
    indexes {
        /// The classifiers of traffic to a port.
        BY_DEST_PORT: Id<LogicalPort> = |row, visit| row.dest_port.clone().into_iter().for_each(visit);
        /// The classifiers of traffic from a port.
        BY_SOURCE_PORT: Id<LogicalPort> = |row, visit| row.source_port.clone().into_iter().for_each(visit);
        /// The classifiers of a project.
        BY_TOPIC: Topic = |row, visit| visit(row.topic.clone());
        /// The classifier with a number.
        BY_UNIQUE_KEY: UniqueKey = |row, visit| visit(row.unique_key);
    }
}

fn has_one_end(row: &FlowClassifier) -> Result<(), Problem> {
    match (&row.source_port, &row.dest_port) {
        (Some(_), None) | (None, Some(_)) => Ok(()),
        (None, None) => Err(Problem::missing("source_port", "either source_port or dest_port")),
        (Some(_), Some(dest)) => Err(Problem {
            path: "dest_port".to_owned(),
            expected: "nothing beside source_port".into(),
            found: dest.to_string(),
        }),
    }
}
