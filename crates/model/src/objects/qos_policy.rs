//! A policy for bandwidth and marking, with its rules.

use crate::macros::{choice, object, record};
use crate::{Id, Problem, RowId, Topic, Version};

choice! {
    /// What a rule of a policy does.
    closed QosRuleType {
        /// It marks packets.
        DscpMarking = "dscp_marking",
        /// It limits bandwidth.
        BandwidthLimit = "bandwidth_limit",
    }
}

choice! {
    /// The direction that a rule of a policy limits.
    closed QosDirection {
        /// From the port.
        Egress = "egress",
    }
}

record! {
    /// A rule of a policy.
    QosPolicyRule {
        /// The direction that it limits.
        direction: Option<QosDirection>,
        /// The code point that packets get.
        dscp_mark: Option<u8>,
        /// The id of the rule in Neutron.
        id: RowId,
        /// How much a burst may add, in kilobits.
        max_burst_kbps: Option<u64>,
        /// The limit, in kilobits a second.
        max_kbps: Option<u64>,
        /// What it does, which decides what else has to be said.
        kind as "type": QosRuleType,
    }
    check has_parameters;
}

fn has_parameters(rule: &QosPolicyRule) -> Result<(), Problem> {
    match rule.kind {
        QosRuleType::DscpMarking if rule.dscp_mark.is_none() => {
            Err(Problem::missing("dscp_mark", "a code point, for a rule that marks"))
        }
        QosRuleType::BandwidthLimit if rule.max_burst_kbps.is_none() => {
            Err(Problem::missing("max_burst_kbps", "a burst, for a rule that limits bandwidth"))
        }
        _ => Ok(()),
    }
}

object! {
    /// A policy for bandwidth and marking.
    QosPolicy [topic version] {
        /// The id of the policy in Neutron.
        id: Id<Self>,
        /// A name for people.
        name: Option<String>,
        /// What it does.
        rules: Vec<QosPolicyRule>,
        /// The project.
        topic: Topic,
        /// How often it was changed.
        version: Option<Version>,
    }
    indexes {
        /// The policies of a project.
        BY_TOPIC: Topic = |row, visit| visit(row.topic.clone());
    }
}
