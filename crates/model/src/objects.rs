//! The objects, one file each.
//!
//! Members, their names and whether they have to be there are those of the original, whose controllers refuse a row
//! with a member that they do not know. What they would refuse is a table of ours.

mod active_port;
mod address_group;
mod bgp_peer;
mod bgp_speaker;
mod chassis;
mod child_port_segmentation;
mod floating_ip;
mod flow_classifier;
mod listener;
mod logical_port;
mod logical_router;
mod logical_switch;
mod migration;
mod multicast_member;
mod network_extra;
mod port_address_ranges;
mod port_chain;
mod port_pair;
mod port_pair_group;
mod port_status;
mod publisher;
mod qos_policy;
mod qos_policy_extra;
mod security_group;
mod security_group_extra;
mod service;
mod subnet;
mod subnet_ipv6;

pub use active_port::AllowedAddressPairsActivePort;
pub use address_group::AddressGroup;
pub use bgp_peer::BGPPeer;
pub use bgp_speaker::BGPSpeaker;
pub use chassis::{Chassis, TunnelType};
pub use child_port_segmentation::{ChildPortSegmentation, SegmentationType};
pub use floating_ip::FloatingIp;
pub use flow_classifier::{ClassifierProtocol, FlowClassifier};
pub use listener::Listener;
pub use logical_port::{AddressPair, BindingType, DhcpParams, LogicalPort, PortBinding, VnicType};
pub use logical_router::{LogicalRouter, LogicalRouterPort};
pub use logical_switch::{LogicalSwitch, NetworkType};
pub use migration::{Migration, MigrationStatus};
pub use multicast_member::MulticastMember;
pub use network_extra::NetworkExtra;
pub use port_address_ranges::{AddressRange, PortAddressRanges};
pub use port_chain::{ChainProtocol, PortChain};
pub use port_pair::{Correlation, PortPair};
pub use port_pair_group::PortPairGroup;
pub use port_status::{PortState, PortStatus};
pub use publisher::Publisher;
pub use qos_policy::{QosDirection, QosPolicy, QosPolicyRule, QosRuleType};
pub use qos_policy_extra::{QosExtraDirection, QosExtraRuleType, QosPolicyExtra, QosPolicyExtraRule};
pub use security_group::{Direction, EtherType, SecurityGroup, SecurityGroupRule};
pub use security_group_extra::{SecurityGroupExtra, SecurityGroupExtraRule};
pub use service::Service;
pub use subnet::{HostRoute, Subnet};
pub use subnet_ipv6::{Ipv6Mode, SubnetIpv6};
