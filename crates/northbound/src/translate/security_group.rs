//! A security group with its rules, and its rows.
//!
//! What the original's row has no room for is in a row of ours beside it, [`SecurityGroupExtra`]: rules with address groups,
//! and that the group is stateless. A group that says neither has no such row.

use ipnet::IpNet;
use model::{
    AddressGroup, Direction, EtherType, Id, RowId, SecurityGroupExtra, SecurityGroupExtraRule, Topic,
    UniqueKey, Version,
};
use serde_json::Value;

use super::attributes::{Attributes, Reader, id};
use super::error::{TranslateError, Untranslatable};
use super::protocol;

/// What of a group its rows say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityGroup {
    /// Its id.
    pub id: Id<model::SecurityGroup>,
    /// The project, `project_id`.
    pub project_id: String,
    /// A name for people.
    pub name: Option<String>,
    /// Whether answers to what it permits pass without a rule of their own.
    pub stateful: bool,
    /// What it permits.
    pub rules: Vec<SecurityGroupRule>,
    /// How often it was changed, `revision_number`.
    pub revision: u64,
}

/// What of a rule a row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityGroupRule {
    /// Its id.
    pub id: RowId,
    /// Its group, `security_group_id`.
    pub group: Id<model::SecurityGroup>,
    /// The project, `project_id`.
    pub project_id: String,
    /// The direction of the traffic, seen from the port.
    pub direction: Direction,
    /// Its version of IP.
    pub ethertype: EtherType,
    /// Its protocol by number; any if there is none.
    pub protocol: Option<u8>,
    /// The first port, or the type of ICMP.
    pub port_range_min: Option<u16>,
    /// The last port, or the code of ICMP.
    pub port_range_max: Option<u16>,
    /// Who is on the other side.
    pub remote: Remote,
    /// How often it was changed, `revision_number`.
    pub revision: u64,
}

/// Who is on the other side of what a rule permits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remote {
    /// Anybody.
    Anybody,
    /// An address of this range.
    Prefix(IpNet),
    /// A port of this group.
    Group(Id<model::SecurityGroup>),
    /// An address of this group.
    AddressGroup(Id<AddressGroup>),
}

impl SecurityGroupRule {
    /// The rule that attributes of the API say.
    ///
    /// # Errors
    /// When an attribute is missing or something else than it has to be.
    pub fn from_attributes(attributes: &(impl Attributes + ?Sized)) -> Result<Self, TranslateError> {
        let reader = Reader(attributes);
        let ethertype =
            reader.required("ethertype", "IPv4 or IPv6", |value| EtherType::from_text(value.as_str()?))?;
        Ok(Self {
            id: reader.required("id", "an id", |value| RowId::new(value.as_str()?).ok())?,
            group: reader.required("security_group_id", "an id", id)?,
            project_id: reader.project()?,
            direction: reader
                .required("direction", "ingress or egress", |value| Direction::from_text(value.as_str()?))?,
            ethertype,
            protocol: protocol_of(&reader, ethertype)?,
            port_range_min: reader.optional("port_range_min", "a number of two octets", port)?,
            port_range_max: reader.optional("port_range_max", "a number of two octets", port)?,
            remote: remote(&reader)?,
            revision: reader.optional("revision_number", "a number", Value::as_u64)?.unwrap_or_default(),
        })
    }

    /// The rule in the original's row, unless that has no room for it.
    fn row(&self) -> Option<model::SecurityGroupRule> {
        let (prefix, group) = match &self.remote {
            Remote::Anybody => (None, None),
            // Whoever looks addresses up by a range means the range, not the address that it was said with.
            Remote::Prefix(prefix) => (Some(prefix.trunc()), None),
            Remote::Group(group) => (None, Some(group.clone())),
            Remote::AddressGroup(_) => return None,
        };
        Some(model::SecurityGroupRule {
            direction: self.direction,
            ethertype: self.ethertype,
            id: self.id.clone(),
            port_range_max: self.port_range_max,
            port_range_min: self.port_range_min,
            protocol: self.protocol,
            remote_group_id: group,
            remote_ip_prefix: prefix,
            security_group_id: Some(self.group.clone()),
            topic: Topic::new(&self.project_id),
            version: Some(Version(self.revision)),
        })
    }

    /// The rule in our own row, if that is where it belongs.
    fn extra(&self) -> Option<SecurityGroupExtraRule> {
        let Remote::AddressGroup(group) = &self.remote else {
            return None;
        };
        Some(SecurityGroupExtraRule {
            direction: self.direction,
            ethertype: self.ethertype,
            id: self.id.clone(),
            port_range_max: self.port_range_max,
            port_range_min: self.port_range_min,
            protocol: self.protocol,
            remote_address_group_id: group.clone(),
        })
    }
}

/// The number of a protocol. ICMP of IPv6 is a protocol of its own, whichever of the two was said.
fn protocol_of<A: Attributes + ?Sized>(
    reader: &Reader<'_, A>,
    ethertype: EtherType,
) -> Result<Option<u8>, Untranslatable> {
    let read = |value: &Value| match value {
        Value::String(text) if text == protocol::ANY => Some(None),
        Value::String(text) => protocol::number(text).map(Some),
        other => other.as_u64().and_then(|number| u8::try_from(number).ok()).map(Some),
    };
    let number = reader.optional("protocol", "a protocol by its name or number", read)?.flatten();
    Ok(number.map(|number| match (number, ethertype) {
        (protocol::ICMP, EtherType::Ipv6) => protocol::ICMPV6,
        (number, _) => number,
    }))
}

fn remote<A: Attributes + ?Sized>(reader: &Reader<'_, A>) -> Result<Remote, Untranslatable> {
    let prefix = |value: &Value| crate::registry::convert::ip_net(value.as_str()?).map(Remote::Prefix);
    let range = "a range of addresses";
    if let Some(prefix) = reader.optional("remote_ip_prefix", range, prefix)? {
        return Ok(prefix);
    }
    if let Some(group) = reader.optional("remote_group_id", "an id", id)? {
        return Ok(Remote::Group(group));
    }
    let addresses = reader.optional("remote_address_group_id", "an id", id)?;
    Ok(addresses.map_or(Remote::Anybody, Remote::AddressGroup))
}

fn port(value: &Value) -> Option<u16> {
    super::attributes::number(value).and_then(|number| u16::try_from(number).ok())
}

impl SecurityGroup {
    /// The group that attributes of the API say, with these rules.
    ///
    /// # Errors
    /// When an attribute is missing or something else than it has to be.
    pub fn from_attributes<'a, R: Attributes + ?Sized + 'a>(
        attributes: &(impl Attributes + ?Sized),
        rules: impl IntoIterator<Item = &'a R>,
    ) -> Result<Self, TranslateError> {
        let reader = Reader(attributes);
        let rules = rules.into_iter().map(SecurityGroupRule::from_attributes);
        Ok(Self {
            id: reader.required("id", "an id", id)?,
            project_id: reader.project()?,
            name: reader.text("name")?,
            stateful: reader.optional("stateful", "true or false", Value::as_bool)?.unwrap_or(true),
            rules: rules.collect::<Result<_, _>>()?,
            revision: reader.revision()?,
        })
    }

    /// The row that controllers read. The number is the one that was allocated when the group was created.
    #[must_use]
    pub fn row(&self, unique_key: UniqueKey) -> model::SecurityGroup {
        model::SecurityGroup {
            id: self.id.clone(),
            name: self.name.clone(),
            rules: self.rules.iter().filter_map(SecurityGroupRule::row).collect(),
            topic: self.topic(),
            unique_key,
            version: Some(Version(self.revision)),
        }
    }

    /// The row with what the other one has no room for, if there is anything.
    #[must_use]
    pub fn extra(&self) -> Option<SecurityGroupExtra> {
        let rules: Vec<SecurityGroupExtraRule> =
            self.rules.iter().filter_map(SecurityGroupRule::extra).collect();
        let stateful = (!self.stateful).then_some(false);
        (stateful.is_some() || !rules.is_empty()).then(|| SecurityGroupExtra {
            id: SecurityGroupExtra::id_of(&self.id),
            rules,
            secgroup: self.id.clone(),
            stateful,
            topic: self.topic(),
            version: Some(Version(self.revision)),
        })
    }

    /// The project whose rows its rows are among.
    #[must_use]
    pub fn topic(&self) -> Topic {
        Topic::new(&self.project_id)
    }
}

#[cfg(test)]
mod tests;
