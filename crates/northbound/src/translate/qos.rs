//! A policy for traffic, and its rows: one with what the original knows, and one of ours with the rest.

use model::{
    Id, QosDirection, QosExtraDirection, QosExtraRuleType, QosPolicyExtra, QosPolicyExtraRule, QosPolicyRule,
    QosRuleType, RowId, Topic, Version,
};
use serde_json::Value;

use super::attributes::{Attributes, Reader, id};
use super::error::TranslateError;
use crate::registry::tables::qos::RuleType;

/// A burst of which nobody said how large it may be is this many parts of a second's traffic of the limit, as in Neutron. The
/// original does nothing for a limit without a burst.
const BURST_PARTS: (u64, u64) = (8, 10);

/// What of a policy its rows say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QosPolicy {
    /// Its id.
    pub id: Id<model::QosPolicy>,
    /// The project, `project_id`.
    pub project_id: String,
    /// A name for people.
    pub name: Option<String>,
    /// What it does.
    pub rules: Vec<QosRule>,
    /// How often it was changed, `revision_number`.
    pub revision: u64,
}

/// A rule of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QosRule {
    /// Its id.
    pub id: RowId,
    /// What it does.
    pub kind: RuleType,
    /// The direction that it is about; rules that mark say none.
    pub direction: QosExtraDirection,
    /// The limit, what is asked for, or the code point.
    pub amount: u64,
    /// How much more a burst may be; nothing is whatever is right.
    pub burst: u64,
}

impl QosPolicy {
    /// The policy that attributes of the API say.
    ///
    /// # Errors
    /// When an attribute is missing or something else than it has to be.
    pub fn from_attributes(attributes: &(impl Attributes + ?Sized)) -> Result<Self, TranslateError> {
        let reader = Reader(attributes);
        Ok(Self {
            id: reader.required("id", "an id", id)?,
            project_id: reader.project()?,
            name: reader.text("name")?,
            rules: reader.list("rules", "a list of rules", rule)?,
            revision: reader.revision()?,
        })
    }

    /// The row with what the original knows: limits of what ports send, and marks.
    #[must_use]
    pub fn row(&self) -> model::QosPolicy {
        model::QosPolicy {
            id: self.id.clone(),
            name: self.name.clone(),
            rules: self.rules.iter().filter_map(QosRule::of_original).collect(),
            topic: Topic::new(&self.project_id),
            version: Some(Version(self.revision)),
        }
    }

    /// The row with the other rules, if there are any.
    #[must_use]
    pub fn extra(&self) -> Option<QosPolicyExtra> {
        let rules: Vec<QosPolicyExtraRule> = self.rules.iter().filter_map(QosRule::of_ours).collect();
        (!rules.is_empty()).then(|| QosPolicyExtra {
            id: QosPolicyExtra::id_of(&self.id),
            policy: self.id.clone(),
            rules,
            topic: Topic::new(&self.project_id),
            version: Some(Version(self.revision)),
        })
    }
}

impl QosRule {
    fn burst_kbps(&self) -> u64 {
        let (parts, whole) = BURST_PARTS;
        if self.burst == 0 { self.amount.saturating_mul(parts) / whole } else { self.burst }
    }

    fn of_original(&self) -> Option<QosPolicyRule> {
        let none = QosPolicyRule {
            direction: None,
            dscp_mark: None,
            id: self.id.clone(),
            max_burst_kbps: None,
            max_kbps: None,
            kind: QosRuleType::DscpMarking,
        };
        match (self.kind, self.direction) {
            (RuleType::DscpMarking, _) => {
                Some(QosPolicyRule { dscp_mark: u8::try_from(self.amount).ok(), ..none })
            }
            (RuleType::BandwidthLimit, QosExtraDirection::Egress) => Some(QosPolicyRule {
                direction: Some(QosDirection::Egress),
                max_burst_kbps: Some(self.burst_kbps()),
                max_kbps: Some(self.amount),
                kind: QosRuleType::BandwidthLimit,
                ..none
            }),
            _ => None,
        }
    }

    fn of_ours(&self) -> Option<QosPolicyExtraRule> {
        let of_type = |kind| QosPolicyExtraRule {
            direction: self.direction,
            id: self.id.clone(),
            max_burst_kbps: None,
            max_burst_kpps: None,
            max_kbps: None,
            max_kpps: None,
            min_kbps: None,
            min_kpps: None,
            kind,
        };
        let amount = Some(self.amount);
        match self.kind {
            RuleType::DscpMarking => None,
            RuleType::BandwidthLimit if self.direction == QosExtraDirection::Egress => None,
            RuleType::BandwidthLimit => Some(QosPolicyExtraRule {
                max_burst_kbps: Some(self.burst_kbps()),
                max_kbps: amount,
                ..of_type(QosExtraRuleType::BandwidthLimit)
            }),
            RuleType::PacketRateLimit => Some(QosPolicyExtraRule {
                max_burst_kpps: Some(self.burst).filter(|burst| *burst > 0),
                max_kpps: amount,
                ..of_type(QosExtraRuleType::PacketRateLimit)
            }),
            RuleType::MinimumBandwidth => {
                Some(QosPolicyExtraRule { min_kbps: amount, ..of_type(QosExtraRuleType::MinimumBandwidth) })
            }
            RuleType::MinimumPacketRate => {
                Some(QosPolicyExtraRule { min_kpps: amount, ..of_type(QosExtraRuleType::MinimumPacketRate) })
            }
        }
    }
}

fn rule(rule: &Value) -> Option<QosRule> {
    let kind = RuleType::of_name(rule.attribute("type").as_str()?)?;
    let (amount, burst) = match kind {
        RuleType::BandwidthLimit => ("max_kbps", "max_burst_kbps"),
        RuleType::DscpMarking => ("dscp_mark", ""),
        RuleType::MinimumBandwidth => ("min_kbps", ""),
        RuleType::PacketRateLimit => ("max_kpps", "max_burst_kpps"),
        RuleType::MinimumPacketRate => ("min_kpps", ""),
    };
    let direction = match rule.attribute("direction") {
        Value::Null => QosExtraDirection::Egress,
        direction => QosExtraDirection::from_text(direction.as_str()?)?,
    };
    Some(QosRule {
        id: RowId::new(rule.attribute("id").as_str()?).ok()?,
        kind,
        direction,
        amount: rule.attribute(amount).as_u64()?,
        burst: rule.attribute(burst).as_u64().unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(rules: Value) -> QosPolicy {
        let attributes =
            json!({"id": "p", "name": "gold", "project_id": "t", "revision_number": 2, "rules": rules});
        QosPolicy::from_attributes(&attributes).unwrap()
    }

    #[test]
    fn the_original_reads_what_it_knows() {
        let policy = policy(json!([
            {"id": "a", "type": "bandwidth_limit", "direction": "egress", "max_kbps": 1000, "max_burst_kbps": 100},
            {"id": "b", "type": "dscp_marking", "dscp_mark": 10},
        ]));
        assert_eq!(
            model::Object::from(policy.row()).to_text(),
            r#"{"id": "p", "name": "gold", "rules": [{"direction": "egress", "id": "a", "max_burst_kbps": 100, "max_kbps": 1000, "type": "bandwidth_limit"}, {"dscp_mark": 10, "id": "b", "type": "dscp_marking"}], "topic": "t", "version": 2}"#
        );
        assert_eq!(policy.extra(), None);
    }

    #[test]
    fn what_it_does_not_know_is_elsewhere() {
        let policy = policy(json!([
            {"id": "a", "type": "bandwidth_limit", "direction": "ingress", "max_kbps": 1000, "max_burst_kbps": 0},
            {"id": "b", "type": "packet_rate_limit", "direction": "egress", "max_kpps": 7, "max_burst_kpps": 0},
            {"id": "c", "type": "minimum_bandwidth", "direction": "egress", "min_kbps": 5},
            {"id": "d", "type": "minimum_packet_rate", "direction": "any", "min_kpps": 6},
        ]));
        assert_eq!(policy.row().rules, []);
        let rules = policy.extra().unwrap().rules;
        let said: Vec<_> = rules
            .iter()
            .map(|rule| (rule.kind, rule.direction, rule.max_kbps, rule.max_burst_kbps, rule.max_kpps))
            .collect();
        assert_eq!(
            said[..2],
            [
                (QosExtraRuleType::BandwidthLimit, QosExtraDirection::Ingress, Some(1000), Some(800), None),
                (QosExtraRuleType::PacketRateLimit, QosExtraDirection::Egress, None, None, Some(7)),
            ]
        );
        assert_eq!((rules[2].min_kbps, rules[3].min_kpps), (Some(5), Some(6)));
        assert_eq!((rules[1].max_burst_kpps, rules[3].direction), (None, QosExtraDirection::Any));
    }

    #[test]
    fn a_limit_without_a_burst_gets_one() {
        let policy =
            policy(json!([{"id": "a", "type": "bandwidth_limit", "direction": "egress", "max_kbps": 1000}]));
        assert_eq!(policy.row().rules[0].max_burst_kbps, Some(800));
    }
}
