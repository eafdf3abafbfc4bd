//! A network.

use crate::macros::{choice, object};
use crate::{Id, QosPolicy, Topic, UniqueKey, Version};

choice! {
    /// How the frames of a network travel.
    open NetworkType {
        /// In VXLAN tunnels.
        Vxlan = "vxlan",
        /// In GRE tunnels.
        Gre = "gre",
        /// In Geneve tunnels.
        Geneve = "geneve",
        /// With a VLAN tag in a physical network.
        Vlan = "vlan",
        /// As they are, in a physical network.
        Flat = "flat",
        /// Not at all.
        Local = "local",
    }
}

object! {
    /// A network.
    LogicalSwitch [topic version unique_key] {
        /// The id of the network in Neutron.
        id: Id<Self>,
        /// Whether floating IPs come from it.
        is_external: Option<bool>,
        /// The longest packet, in bytes.
        mtu: Option<u32>,
        /// A name for people.
        name: Option<String>,
        /// How its frames travel.
        network_type: Option<NetworkType>,
        /// In which physical network, where it is in one.
        physical_network: Option<String>,
        /// The policy of those ports that have none of their own.
        qos_policy: Option<Id<QosPolicy>>,
        /// Its number in tunnels or its VLAN.
        segmentation_id: Option<u32>,
        /// The project.
        topic: Topic,
        /// Its number in the switch.
        unique_key: UniqueKey,
        /// How often it was changed.
        version: Option<Version>,
    }
    indexes {
        /// The networks of a type.
        BY_NETWORK_TYPE: NetworkType = |row, visit| row.network_type.clone().into_iter().for_each(visit);
        /// The networks in a physical network.
        BY_PHYSICAL_NETWORK: String = |row, visit| row.physical_network.clone().into_iter().for_each(visit);
        /// The networks with a policy.
        BY_QOS_POLICY: Id<QosPolicy> = |row, visit| row.qos_policy.clone().into_iter().for_each(visit);
        /// The networks of a project.
        BY_TOPIC: Topic = |row, visit| visit(row.topic.clone());
        /// The network with a number.
        BY_UNIQUE_KEY: UniqueKey = |row, visit| visit(row.unique_key);
    }
}
