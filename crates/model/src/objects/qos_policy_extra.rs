//! Rules of a policy that the original's row of it has no room for: a table of ours.
//!
//! The original knows one direction and two kinds of rules, and refuses a row with others. They are here, in a row with the id of
//! the policy. A policy without such rules has none.

use crate::macros::{choice, object, record};
use crate::{Id, Problem, QosPolicy, RowId, Topic, Version};

choice! {
    /// What a rule of a policy does.
    closed QosExtraRuleType {
        /// It limits bandwidth.
        BandwidthLimit = "bandwidth_limit",
        /// It limits packets.
        PacketRateLimit = "packet_rate_limit",
        /// It asks for bandwidth.
        MinimumBandwidth = "minimum_bandwidth",
        /// It asks for packets.
        MinimumPacketRate = "minimum_packet_rate",
    }
}

choice! {
    /// The direction that a rule is about, seen from the port.
    closed QosExtraDirection {
        /// To the port.
        Ingress = "ingress",
        /// From the port.
        Egress = "egress",
        /// Both together.
        Any = "any",
    }
}

record! {
    /// A rule of a policy.
    QosPolicyExtraRule {
        /// The direction that it is about.
        direction: QosExtraDirection,
        /// The id of the rule in Neutron.
        id: RowId,
        /// How much a burst may add, in kilobits.
        max_burst_kbps: Option<u64>,
        /// How much a burst may add, in thousand packets.
        max_burst_kpps: Option<u64>,
        /// The limit, in kilobits a second.
        max_kbps: Option<u64>,
        /// The limit, in thousand packets a second.
        max_kpps: Option<u64>,
        /// What is asked for, in kilobits a second.
        min_kbps: Option<u64>,
        /// What is asked for, in thousand packets a second.
        min_kpps: Option<u64>,
        /// What it does, which decides what else has to be said.
        kind as "type": QosExtraRuleType,
    }
    check has_number;
}

fn has_number(rule: &QosPolicyExtraRule) -> Result<(), Problem> {
    let (name, number) = match rule.kind {
        QosExtraRuleType::BandwidthLimit => ("max_kbps", rule.max_kbps),
        QosExtraRuleType::PacketRateLimit => ("max_kpps", rule.max_kpps),
        QosExtraRuleType::MinimumBandwidth => ("min_kbps", rule.min_kbps),
        QosExtraRuleType::MinimumPacketRate => ("min_kpps", rule.min_kpps),
    };
    number.map(drop).ok_or_else(|| Problem::missing(name, "a number, for a rule of this type"))
}

object! {
    /// Rules of a policy besides those of its row.
    QosPolicyExtra [topic version] {
        /// The id of the policy.
        id: Id<Self>,
        /// The policy.
        policy: Id<QosPolicy> => weak,
        /// The rules.
        rules: Vec<QosPolicyExtraRule>,
        /// The project.
        topic: Topic,
        /// How often it was changed.
        version: Option<Version>,
    }
    indexes {
        /// The rules of a policy.
        BY_QOS_POLICY: Id<QosPolicy> = |row, visit| visit(row.policy.clone());
        /// The policies of a project.
        BY_TOPIC: Topic = |row, visit| visit(row.topic.clone());
    }
    rules {
        const IS_ORIGINAL: bool = false;
    }
}

impl QosPolicyExtra {
    /// The id of what this policy says besides its row.
    #[must_use]
    pub fn id_of(policy: &Id<QosPolicy>) -> Id<Self> {
        Id::from_row(policy.row().clone())
    }
}
