//! Floating IPs and the forwarding of their ports, and the rows of both.
//!
//! The policy for traffic has no room in the original's row, and forwarding of ports has none at all: both are in tables of ours.

use std::net::IpAddr;

use model::{Id, LogicalPort, LogicalRouter, Topic, Version};
use serde_json::Value;
use uuid::{Uuid, uuid};

use super::attributes::{Attributes, Reader, id};
use super::error::TranslateError;
use super::protocol;

/// The namespace of the ids of rows for single ports of a range.
const ROWS_OF_PORTS: Uuid = uuid!("5d1f3a6e-6b0c-4f0e-9a55-0f3a6b1f7c42");

/// What of a floating IP its rows say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FloatingIp {
    /// Its id.
    pub id: Id<model::FloatingIp>,
    /// The project, `project_id`.
    pub project_id: String,
    /// The address outside, `floating_ip_address`.
    pub floating_address: Option<IpAddr>,
    /// The port in the external network that has it.
    pub floating_port: Option<Id<LogicalPort>>,
    /// The address inside, `fixed_ip_address`.
    pub fixed_address: Option<IpAddr>,
    /// The port inside, `port_id`.
    pub port: Option<Id<LogicalPort>>,
    /// The router between them, `router_id`.
    pub router: Option<Id<LogicalRouter>>,
    /// The policy for its traffic, `qos_policy_id`.
    pub qos_policy: Option<Id<model::QosPolicy>>,
    /// What its ports stand for.
    pub forwardings: Vec<Forwarding>,
    /// How often it was changed, `revision_number`.
    pub revision: u64,
}

/// Ports of a floating IP that stand for ports of a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forwarding {
    /// Its id.
    pub id: Id<model::PortForwarding>,
    /// The number of the protocol.
    pub protocol: u8,
    /// The first and the last port outside.
    pub external: (u16, u16),
    /// The port inside.
    pub port: Id<LogicalPort>,
    /// Its address.
    pub address: IpAddr,
    /// The first and the last port of the guest.
    pub internal: (u16, u16),
}

impl FloatingIp {
    /// The floating IP that attributes of the API say.
    ///
    /// # Errors
    /// When an attribute is missing or something else than it has to be.
    pub fn from_attributes(attributes: &(impl Attributes + ?Sized)) -> Result<Self, TranslateError> {
        let reader = Reader(attributes);
        let address = |value: &Value| value.as_str()?.parse().ok();
        Ok(Self {
            id: reader.required("id", "an id", id)?,
            project_id: reader.project()?,
            floating_address: reader.optional("floating_ip_address", "an IP address", address)?,
            floating_port: reader.optional("floating_port_id", "an id", id)?,
            fixed_address: reader.optional("fixed_ip_address", "an IP address", address)?,
            port: reader.optional("port_id", "an id", id)?,
            router: reader.optional("router_id", "an id", id)?,
            qos_policy: reader.optional("qos_policy_id", "an id", id)?,
            forwardings: reader.list("forwardings", "a list of forwarded ports", forwarding)?,
            revision: reader.revision()?,
        })
    }

    fn topic(&self) -> Topic {
        Topic::new(&self.project_id)
    }

    /// The row that controllers read.
    #[must_use]
    pub fn row(&self) -> model::FloatingIp {
        model::FloatingIp {
            fixed_ip_address: self.fixed_address,
            floating_ip_address: self.floating_address,
            floating_lport: self.floating_port.clone(),
            id: self.id.clone(),
            lport: self.port.clone(),
            lrouter: self.router.clone(),
            topic: self.topic(),
            version: Some(Version(self.revision)),
        }
    }

    /// The row with what the original has no room for, if there is any.
    #[must_use]
    pub fn extra(&self) -> Option<model::FloatingIpExtra> {
        self.qos_policy.clone().map(|policy| model::FloatingIpExtra {
            floatingip: self.id.clone(),
            id: model::FloatingIpExtra::id_of(&self.id),
            qos_policy: Some(policy),
            topic: self.topic(),
            version: Some(Version(self.revision)),
        })
    }

    /// The rows of its forwarded ports. A range outside that leads to one port inside has a row for each of its ports, because
    /// a row counts both sides on together.
    #[must_use]
    pub fn forwarding_rows(&self) -> Vec<model::PortForwarding> {
        self.forwardings.iter().flat_map(|forwarding| self.rows_of(forwarding)).collect()
    }

    fn rows_of(&self, forwarding: &Forwarding) -> Vec<model::PortForwarding> {
        let row = |id, external_port, count| model::PortForwarding {
            count,
            external_port,
            floatingip: self.id.clone(),
            id,
            internal_ip: forwarding.address,
            internal_port: forwarding.internal.0,
            lport: forwarding.port.clone(),
            protocol: forwarding.protocol,
            topic: self.topic(),
            version: Some(Version(self.revision)),
        };
        let (first, last) = forwarding.external;
        let is_parallel = forwarding.internal.1 - forwarding.internal.0 == last - first;
        if is_parallel {
            return vec![row(forwarding.id.clone(), first, (last - first).saturating_add(1))];
        }
        (first..=last).map(|port| row(forwarding.id_at(port), port, 1)).collect()
    }
}

impl Forwarding {
    /// The id of the row for one of the ports outside, where each has a row of its own. The first has that of the rule.
    fn id_at(&self, port: u16) -> Id<model::PortForwarding> {
        if port == self.external.0 {
            return self.id.clone();
        }
        let name = format!("{}:{port}", self.id);
        Id::from_uuid(Uuid::new_v5(&ROWS_OF_PORTS, name.as_bytes()))
    }
}

fn forwarding(forwarding: &Value) -> Option<Forwarding> {
    Some(Forwarding {
        id: id(forwarding.attribute("id"))?,
        protocol: protocol::number(forwarding.attribute("protocol").as_str()?)?,
        external: range(forwarding.attribute("external_port_range"))?,
        port: id(forwarding.attribute("internal_port_id"))?,
        address: forwarding.attribute("internal_ip_address").as_str()?.parse().ok()?,
        internal: range(forwarding.attribute("internal_port_range"))?,
    })
}

/// The first and the last port of a range, which says both.
fn range(value: &Value) -> Option<(u16, u16)> {
    let (first, last) = value.as_str()?.split_once(':')?;
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use model::Object;
    use serde_json::json;

    use super::*;

    fn floating_ip(changes: Value) -> FloatingIp {
        let mut attributes = json!({"id": "f", "project_id": "t", "floating_ip_address": "172.24.4.9",
            "floating_port_id": "o", "revision_number": 3});
        for (name, value) in changes.as_object().into_iter().flatten() {
            attributes[name] = value.clone();
        }
        FloatingIp::from_attributes(&attributes).unwrap()
    }

    #[test]
    fn the_original_reads_what_stands_for_what() {
        let floating_ip =
            floating_ip(json!({"port_id": "p", "fixed_ip_address": "10.0.0.5", "router_id": "r"}));
        assert_eq!(
            Object::from(floating_ip.row()).to_text(),
            r#"{"fixed_ip_address": "10.0.0.5", "floating_ip_address": "172.24.4.9", "floating_lport": "o", "id": "f", "lport": "p", "lrouter": "r", "topic": "t", "version": 3}"#
        );
        assert_eq!(floating_ip.extra(), None);
        assert_eq!(floating_ip.forwarding_rows(), []);
    }

    #[test]
    fn policies_are_elsewhere() {
        let extra = floating_ip(json!({"qos_policy_id": "q"})).extra().unwrap();
        assert_eq!(
            (extra.floatingip, extra.qos_policy),
            (Id::new("f").unwrap(), Some(Id::new("q").unwrap()))
        );
    }

    #[test]
    fn ports_are_forwarded_side_by_side_or_all_to_one() {
        let rule = |id: &str, external: &str, internal: &str| {
            json!({"id": id, "protocol": "tcp", "external_port_range": external, "internal_port_id": "p",
                "internal_ip_address": "10.0.0.5", "internal_port_range": internal})
        };
        let rules = [rule("a", "80:80", "8080:8080"), rule("b", "20:29", "30:39"), rule("c", "50:52", "5:5")];
        let rows = floating_ip(json!({"forwardings": rules})).forwarding_rows();
        let said: Vec<_> = rows.iter().map(|row| (row.external_port, row.internal_port, row.count)).collect();
        assert_eq!(said, [(80, 8080, 1), (20, 30, 10), (50, 5, 1), (51, 5, 1), (52, 5, 1)]);
        let mut ids: Vec<_> = rows.iter().map(|row| row.id.to_string()).collect();
        assert_eq!(ids[..3], ["a", "b", "c"]);
        ids.dedup();
        assert_eq!(ids.len(), 5);
        assert!(rows.iter().all(|row| row.protocol == 6 && row.floatingip == Id::new("f").unwrap()));
    }
}
