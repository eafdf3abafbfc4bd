//! Rows of any table.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::index::{IndexId, IndexKey};
use crate::member::Reference;
use crate::{
    Creation, DecodeError, Id, LifecycleError, Patch, Record, RowId, Strength, Table, Timestamp, Topic,
    TopicRule, UniqueKey, Version, json, lifecycle, objects,
};

/// A record that is a row of a table. Implemented by the macros of this crate.
pub trait Model: Record + Clone + Eq + Send + Sync {
    /// Its table.
    const TABLE: Table;
    /// The names of its indexes.
    const INDEXES: &'static [&'static str];
    /// Where its topic comes from.
    const TOPIC_RULE: TopicRule = TopicRule::None;
    /// Whether the original has such rows; others are ours.
    const IS_ORIGINAL: bool = true;
    /// Whether it counts its changes.
    const IS_VERSIONED: bool = false;
    /// Whether it gets a number from the table's counter.
    const HAS_UNIQUE_KEY: bool = false;

    /// Its id.
    fn id(&self) -> &Id<Self>;

    /// Calls `visit` for each entry of each index.
    fn visit_index_entries(&self, visit: &mut dyn FnMut(IndexId, IndexKey));

    /// Its topic, stored or computed.
    fn topic(&self) -> Option<Topic> {
        None
    }

    /// How often it was changed.
    fn version(&self) -> Option<Version> {
        None
    }

    /// Notes how often it was changed, where that is noted.
    fn set_version(&mut self, _version: Version) {}

    /// The number by which the switch knows it.
    fn unique_key(&self) -> Option<UniqueKey> {
        None
    }

    /// Notes the number by which the switch knows it, where it has one.
    fn set_unique_key(&mut self, _key: UniqueKey) {}

    /// Notes when it is written, where that is noted.
    fn touch(&mut self, _now: &Timestamp) {}

    /// The row that `object` is, if it is of this table.
    fn of_object(object: &Object) -> Option<&Arc<Self>>;

    /// Calls `visit` for each reference to another row.
    fn visit_references<'a>(&'a self, visit: &mut dyn FnMut(Reference<'a>)) {
        self.visit_members(Strength::Strong, &mut |reference| {
            if reference.table != Self::TABLE || reference.id != self.id().row() {
                visit(reference);
            }
        });
    }

    /// The row that a text says.
    ///
    /// # Errors
    /// When the text is not JSON, or a member is missing or wrong.
    fn from_text(text: &str) -> Result<Self, DecodeError> {
        json::from_text(Self::TABLE, text)
    }

    /// The text of the row, as the original writes it.
    fn to_text(&self) -> String {
        json::to_text(self)
    }
}

/// Hands the list of tables to a macro: what rows are and what the table is called. The order is that in which
/// the original creates its tables, ours at the end.
macro_rules! for_each_table {
    ($receive:ident) => {
        $receive! {
            /// Hypervisors and their tunnel addresses.
            Chassis = "chassis",
            /// Processes that publish changes.
            Publisher = "publisher",
            /// Neutron servers that want to hear of ports.
            Listener = "listener",
            /// Policies for bandwidth and marking.
            QosPolicy = "qospolicy",
            /// Groups of ports and the rules they share.
            SecurityGroup = "secgroup",
            /// Networks.
            LogicalSwitch = "lswitch",
            /// Subnets.
            Subnet = "lsubnet",
            /// Ports.
            LogicalPort = "lport",
            /// Where an address of an allowed address pair was seen.
            AllowedAddressPairsActivePort = "activeport",
            /// Routers that we tell of addresses.
            BGPPeer = "bgp_peer",
            /// What we tell them.
            BGPSpeaker = "bgp_speaker",
            /// Routers and their ports.
            LogicalRouter = "lrouter",
            /// Floating IPs.
            FloatingIp = "floatingip",
            /// Ports on their way between hypervisors.
            Migration = "migration",
            /// Heartbeats of daemons.
            Service = "service",
            /// Ports in and out of a service function.
            PortPair = "sfc_portpair",
            /// Service functions that are alternatives.
            PortPairGroup = "sfc_portpairgroup",
            /// Which traffic goes through a chain.
            FlowClassifier = "sfc_flowclassifier",
            /// Chains of service functions.
            PortChain = "sfc_portchain",
            /// Ports inside ports.
            ChildPortSegmentation = "child_port_segmentation",
            /// What became of ports.
            PortStatus = "port_status",
            /// Ranges of addresses that ports may use besides their own.
            PortAddressRanges = "port_address_ranges",
            /// Addresses under a name.
            AddressGroup = "address_group",
            /// What security groups say besides their rows.
            SecurityGroupExtra = "secgroup_extra",
            /// Rules of policies besides those of their rows.
            QosPolicyExtra = "qospolicy_extra",
            /// How hosts of IPv6 subnets get their addresses.
            SubnetIpv6 = "lsubnet_ipv6",
            /// What networks say besides their rows.
            NetworkExtra = "lswitch_extra",
            /// Hypervisors that want what is sent to a multicast address.
            MulticastMember = "multicast_member",
            /// What hypervisors say besides their rows.
            ChassisExtra = "chassis_extra",
            /// What daemons say besides their rows.
            ServiceExtra = "service_extra",
            /// Hypervisors that routers may have their gateways on.
            GatewayCandidate = "gateway_candidate",
            /// What routers say besides their rows.
            RouterExtra = "lrouter_extra",
            /// What floating IPs say besides their rows.
            FloatingIpExtra = "floatingip_extra",
            /// Ports of floating IPs that stand for ports of guests.
            PortForwarding = "port_forwarding",
            /// Names of ports.
            PortDns = "port_dns",
            /// What ports are told by DHCPv6 besides.
            PortDhcpv6 = "port_dhcpv6",
        }
    };
}

pub(crate) use for_each_table;

macro_rules! declare_objects {
    ($($(#[$meta:meta])* $model:ident = $name:literal,)+) => {
        /// A row of any table, shared: a copy costs a counter.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum Object {
            $($(#[$meta])* $model(Arc<objects::$model>),)+
        }

        $(impl From<objects::$model> for Object {
            fn from(row: objects::$model) -> Self {
                Self::$model(Arc::new(row))
            }
        })+

        /// Evaluates an expression on the row, whatever its type.
        macro_rules! with_row {
            ($object:expr, $row:ident => $result:expr) => {
                match $object {
                    $(Object::$model($row) => $result,)+
                }
            };
        }

        impl Object {
            /// The row of `table` that a text says.
            ///
            /// # Errors
            /// When the text is not JSON, or a member is missing or wrong.
            pub fn from_text(table: Table, text: &str) -> Result<Self, DecodeError> {
                match table {
                    $(Table::$model => json::from_text::<objects::$model>(table, text).map(Into::into),)+
                }
            }

            /// The row of `table` that a JSON value says.
            ///
            /// # Errors
            /// When a member is missing or wrong.
            pub fn from_value(table: Table, value: &Value) -> Result<Self, DecodeError> {
                match table {
                    $(Table::$model => json::from_value::<objects::$model>(table, value).map(Into::into),)+
                }
            }

            /// Its table.
            #[must_use]
            pub const fn table(&self) -> Table {
                match self {
                    $(Self::$model(_) => Table::$model,)+
                }
            }

            /// Whether this row replaces `known`, see [`lifecycle::supersedes`]. It says nothing about another row.
            #[must_use]
            pub fn supersedes(&self, known: &Self) -> bool {
                match (self, known) {
                    $((Self::$model(row), Self::$model(known)) if row.id() == known.id() => {
                        lifecycle::supersedes(&**row, Some(known))
                    })+
                    _ => true,
                }
            }
        }

        /// Any row of `table`.
        #[cfg(any(test, feature = "arbitrary"))]
        pub fn any_object(table: Table) -> proptest::strategy::BoxedStrategy<Object> {
            use proptest::strategy::Strategy as _;
            match table {
                $(Table::$model => objects::$model::any_record().prop_map(Object::from).boxed(),)+
            }
        }
    };
}

for_each_table!(declare_objects);

impl Object {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &RowId {
        with_row!(self, row => row.id().row())
    }

    /// Its topic, stored or computed.
    #[must_use]
    pub fn topic(&self) -> Option<Topic> {
        with_row!(self, row => row.topic())
    }

    /// How often it was changed, where that is counted.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        with_row!(self, row => row.version())
    }

    /// The number by which the switch knows it, where it has one.
    #[must_use]
    pub fn unique_key(&self) -> Option<UniqueKey> {
        with_row!(self, row => row.unique_key())
    }

    /// Calls `visit` for each reference to another row.
    pub fn visit_references<'a>(&'a self, visit: &mut dyn FnMut(Reference<'a>)) {
        with_row!(self, row => row.visit_references(visit));
    }

    /// Calls `visit` for each entry of each index of the table.
    pub fn visit_index_entries(&self, visit: &mut dyn FnMut(IndexId, IndexKey)) {
        with_row!(self, row => row.visit_index_entries(visit));
    }

    /// The text of the row, as the original writes it.
    #[must_use]
    pub fn to_text(&self) -> String {
        with_row!(self, row => row.to_text())
    }

    /// The row as JSON.
    #[must_use]
    pub fn to_value(&self) -> Value {
        with_row!(self, row => serde_json::to_value(&**row)).expect("members have string keys")
    }

    /// Prepares a new row for the store, see [`lifecycle::on_create`].
    ///
    /// # Errors
    /// When the row needs a unique key and there is none.
    pub fn on_create(&mut self, creation: &Creation) -> Result<(), LifecycleError> {
        with_row!(self, row => lifecycle::on_create(Arc::make_mut(row), creation))
    }

    /// Prepares a changed row for the store, see [`Patch::apply`].
    ///
    /// # Errors
    /// When the result would not be a row of the table.
    pub fn patched(&self, patch: &Patch, now: &Timestamp) -> Result<Option<Self>, DecodeError> {
        with_row!(self, row => Ok(patch.apply(&**row, now)?.map(Into::into)))
    }
}

/// A row with its table, as recordings keep it.
impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.table(), self.to_value()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (table, value) = <(Table, Value)>::deserialize(deserializer)?;
        Self::from_value(table, &value).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
