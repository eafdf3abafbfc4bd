//! A network, and its row.

use model::{Id, LogicalSwitch, NetworkExtra, NetworkType, QosPolicy, Topic, UniqueKey, Version};

use super::attributes::{Attributes, Reader, id, number};
use super::error::TranslateError;
use crate::ipam::NetworkId;

/// What of a network its row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Its id.
    pub id: NetworkId,
    /// The project, `project_id`.
    pub project_id: String,
    /// A name for people.
    pub name: Option<String>,
    /// How its frames travel, `provider:network_type`.
    pub network_type: Option<NetworkType>,
    /// Where, `provider:physical_network`.
    pub physical_network: Option<String>,
    /// Under which number, `provider:segmentation_id`.
    pub segmentation_id: Option<u32>,
    /// Whether floating IP addresses come from it, `router:external`.
    pub is_external: bool,
    /// The longest packet, in bytes.
    pub mtu: Option<u32>,
    /// The policy of its ports, `qos_policy_id`.
    pub qos_policy: Option<Id<QosPolicy>>,
    /// Whether guests may put tags on their frames, `vlan_transparent`.
    pub vlan_transparent: bool,
    /// The domain of the names of its ports, `dns_domain`.
    pub dns_domain: Option<String>,
    /// How often it was changed, `revision_number`.
    pub revision: u64,
}

impl Network {
    /// The network that attributes of the API say.
    ///
    /// # Errors
    /// When an attribute is missing or something else than it has to be.
    pub fn from_attributes(attributes: &(impl Attributes + ?Sized)) -> Result<Self, TranslateError> {
        let reader = Reader(attributes);
        Ok(Self {
            id: reader.required("id", "an id", id)?,
            project_id: reader.project()?,
            name: reader.text("name")?,
            network_type: reader.optional("provider:network_type", "a text", |value| {
                value.as_str().and_then(NetworkType::from_text)
            })?,
            physical_network: reader.text("provider:physical_network")?,
            segmentation_id: reader.optional("provider:segmentation_id", "a number", number)?,
            is_external: reader.flag("router:external")?,
            mtu: reader.optional("mtu", "a number", number)?,
            qos_policy: reader.optional("qos_policy_id", "an id", id)?,
            vlan_transparent: reader.flag("vlan_transparent")?,
            dns_domain: reader.text("dns_domain")?.filter(|domain| !domain.is_empty()),
            revision: reader.revision()?,
        })
    }

    /// The row that controllers read. The number is the one that was allocated when the network was created.
    #[must_use]
    pub fn row(&self, unique_key: UniqueKey) -> LogicalSwitch {
        LogicalSwitch {
            id: self.id.clone(),
            is_external: Some(self.is_external),
            mtu: self.mtu,
            name: self.name.clone(),
            network_type: self.network_type.clone(),
            physical_network: self.physical_network.clone(),
            qos_policy: self.qos_policy.clone(),
            segmentation_id: self.segmentation_id,
            topic: Topic::new(&self.project_id),
            unique_key,
            version: Some(Version(self.revision)),
        }
    }

    /// The row with what the first one has no room for, if the network says any of it.
    #[must_use]
    pub fn extra(&self) -> Option<NetworkExtra> {
        let is_any_said = self.vlan_transparent || self.dns_domain.is_some();
        is_any_said.then(|| NetworkExtra {
            dns_domain: self.dns_domain.clone(),
            id: NetworkExtra::id_of(&self.id),
            lswitch: self.id.clone(),
            topic: Topic::new(&self.project_id),
            version: Some(Version(self.revision)),
            vlan_transparent: self.vlan_transparent.then_some(true),
        })
    }
}
