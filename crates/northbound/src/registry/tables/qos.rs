//! Policies for bandwidth, packets and marking, and the rules that they are made of.
//!
//! A rule has no row of its own: it lives and dies with its policy, which is where the store keeps it. What requests may say of
//! a rule is declared like any resource.

use nb::TableName;

use super::{CREATED, DESCRIPTION, FALSE, ID, INTEGER_MAX, NAME, PROJECT, REVISION, TAGS, TENANT, UPDATED};
use crate::registry::attribute::{Attribute, Literal, Unsaid, Who};
use crate::registry::check::Check;
use crate::registry::convert::Convert;
use crate::registry::{Kind, Resource};

const TABLE: TableName = TableName::new("neutron_qos_policy");

/// Policies.
pub static POLICY: Resource = Resource {
    kind: Kind::QosPolicy,
    singular: "policy",
    plural: "policies",
    table: TABLE,
    missing: ("QosPolicyNotFound", "QoS policy"),
    indexed: &["project_id", "name", "shared", "rules"],
    attributes: &[
        ID,
        NAME,
        Attribute::mutable("shared", FALSE).convert(Convert::Boolean).filter_and_sort().writer(Who::Admin),
        PROJECT,
        TENANT,
        Attribute::output("rules"),
        Attribute::mutable("is_default", FALSE).convert(Convert::Boolean).filter_and_sort(),
        DESCRIPTION,
        TAGS,
        CREATED,
        UPDATED,
        REVISION,
    ],
};

/// The code points that packets can be marked with.
pub const DSCP_MARKS: [u8; 21] =
    [0, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 40, 46, 48, 56];

const DSCP_LITERALS: &[Literal] = &{
    let mut literals = [Literal::Null; DSCP_MARKS.len()];
    let mut at = 0;
    while at < DSCP_MARKS.len() {
        literals[at] = Literal::Number(DSCP_MARKS[at] as i64);
        at += 1;
    }
    literals
};

const EGRESS: Unsaid = Unsaid::Is(Literal::Text("egress"));
const ONE_WAY: &[Literal] = &[Literal::Text("egress"), Literal::Text("ingress")];
const ANY_WAY: &[Literal] = &[Literal::Text("any"), Literal::Text("egress"), Literal::Text("ingress")];

const RULE_TENANT: Attribute = Attribute::fixed("tenant_id", Unsaid::Open).computed().hidden();
const RULE_PROJECT: Attribute = Attribute::fixed("project_id", Unsaid::Open).computed().hidden();

/// A number that has to be said.
const fn amount(name: &'static str) -> Attribute {
    Attribute::mutable(name, Unsaid::Refused)
        .convert(Convert::Whole)
        .check(Check::Range(0, INTEGER_MAX))
        .filter_and_sort()
}

/// How much more a burst may be; none is as much as whoever enforces the rule thinks right.
const fn burst(name: &'static str) -> Attribute {
    Attribute { unsaid: Unsaid::Is(Literal::Number(0)), ..amount(name) }
}

const fn direction(ways: &'static [Literal]) -> Attribute {
    Attribute::mutable("direction", EGRESS).check(Check::OneOf(ways)).filter_and_sort()
}

const fn rule(singular: &'static str, plural: &'static str, attributes: &'static [Attribute]) -> Resource {
    Resource {
        kind: Kind::QosPolicy,
        singular,
        plural,
        table: TABLE,
        missing: ("QosRuleNotFound", "QoS rule"),
        indexed: &[],
        attributes,
    }
}

const BANDWIDTH_LIMIT_ATTRIBUTES: &[Attribute] =
    &[ID, RULE_TENANT, RULE_PROJECT, amount("max_kbps"), burst("max_burst_kbps"), direction(ONE_WAY)];
const DSCP_MARKING_ATTRIBUTES: &[Attribute] = &[
    ID,
    RULE_TENANT,
    RULE_PROJECT,
    Attribute::mutable("dscp_mark", Unsaid::Refused)
        .convert(Convert::Integer)
        .check(Check::OneOf(DSCP_LITERALS))
        .filter_and_sort(),
];
const MINIMUM_BANDWIDTH_ATTRIBUTES: &[Attribute] =
    &[ID, RULE_TENANT, RULE_PROJECT, amount("min_kbps"), direction(ONE_WAY)];
const PACKET_RATE_LIMIT_ATTRIBUTES: &[Attribute] =
    &[ID, RULE_TENANT, RULE_PROJECT, amount("max_kpps"), burst("max_burst_kpps"), direction(ONE_WAY)];
const MINIMUM_PACKET_RATE_ATTRIBUTES: &[Attribute] =
    &[ID, RULE_TENANT, RULE_PROJECT, amount("min_kpps"), direction(ANY_WAY)];

/// Rules that limit bandwidth.
pub static BANDWIDTH_LIMIT: Resource =
    rule("bandwidth_limit_rule", "bandwidth_limit_rules", BANDWIDTH_LIMIT_ATTRIBUTES);
/// Rules that mark packets.
pub static DSCP_MARKING: Resource = rule("dscp_marking_rule", "dscp_marking_rules", DSCP_MARKING_ATTRIBUTES);
/// Rules that ask for bandwidth.
pub static MINIMUM_BANDWIDTH: Resource =
    rule("minimum_bandwidth_rule", "minimum_bandwidth_rules", MINIMUM_BANDWIDTH_ATTRIBUTES);
/// Rules that limit packets.
pub static PACKET_RATE_LIMIT: Resource =
    rule("packet_rate_limit_rule", "packet_rate_limit_rules", PACKET_RATE_LIMIT_ATTRIBUTES);
/// Rules that ask for packets.
pub static MINIMUM_PACKET_RATE: Resource =
    rule("minimum_packet_rate_rule", "minimum_packet_rate_rules", MINIMUM_PACKET_RATE_ATTRIBUTES);

/// The same rules where a request does not name their policy. Neutron has no such place for limits of packets.
static ALIASES: [(RuleType, Resource); 4] = [
    (
        RuleType::BandwidthLimit,
        rule("alias_bandwidth_limit_rule", "alias_bandwidth_limit_rules", BANDWIDTH_LIMIT_ATTRIBUTES),
    ),
    (
        RuleType::DscpMarking,
        rule("alias_dscp_marking_rule", "alias_dscp_marking_rules", DSCP_MARKING_ATTRIBUTES),
    ),
    (
        RuleType::MinimumBandwidth,
        rule("alias_minimum_bandwidth_rule", "alias_minimum_bandwidth_rules", MINIMUM_BANDWIDTH_ATTRIBUTES),
    ),
    (
        RuleType::MinimumPacketRate,
        rule(
            "alias_minimum_packet_rate_rule",
            "alias_minimum_packet_rate_rules",
            MINIMUM_PACKET_RATE_ATTRIBUTES,
        ),
    ),
];

/// A type of rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleType {
    /// It limits bandwidth.
    BandwidthLimit,
    /// It marks packets.
    DscpMarking,
    /// It asks for bandwidth.
    MinimumBandwidth,
    /// It limits packets.
    PacketRateLimit,
    /// It asks for packets.
    MinimumPacketRate,
}

impl RuleType {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::BandwidthLimit,
        Self::DscpMarking,
        Self::MinimumBandwidth,
        Self::PacketRateLimit,
        Self::MinimumPacketRate,
    ];

    /// Its name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BandwidthLimit => "bandwidth_limit",
            Self::DscpMarking => "dscp_marking",
            Self::MinimumBandwidth => "minimum_bandwidth",
            Self::PacketRateLimit => "packet_rate_limit",
            Self::MinimumPacketRate => "minimum_packet_rate",
        }
    }

    /// The type with this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The declaration of such rules.
    #[must_use]
    pub const fn resource(self) -> &'static Resource {
        match self {
            Self::BandwidthLimit => &BANDWIDTH_LIMIT,
            Self::DscpMarking => &DSCP_MARKING,
            Self::MinimumBandwidth => &MINIMUM_BANDWIDTH,
            Self::PacketRateLimit => &PACKET_RATE_LIMIT,
            Self::MinimumPacketRate => &MINIMUM_PACKET_RATE,
        }
    }

    /// The type of rules, and their declaration, that a collection holds; underscores in its name.
    #[must_use]
    pub fn of_collection(name: &str) -> Option<(Self, &'static Resource)> {
        let mut all = Self::ALL.into_iter().map(|kind| (kind, kind.resource()));
        all.find(|(_, resource)| resource.plural == name)
    }

    /// The same for collections of rules of any policy.
    #[must_use]
    pub fn of_alias(name: &str) -> Option<(Self, &'static Resource)> {
        ALIASES.iter().find(|(_, resource)| resource.plural == name).map(|(kind, resource)| (*kind, resource))
    }

    /// The names of what a rule of the type says.
    pub fn parameters(self) -> impl Iterator<Item = &'static Attribute> {
        self.resource().attributes.iter().filter(|attribute| attribute.in_put)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collections_of_rules_are_found_by_their_names() {
        for kind in RuleType::ALL {
            assert_eq!(RuleType::of_name(kind.name()), Some(kind));
            let plural = format!("{}_rules", kind.name());
            let (found, resource) = RuleType::of_collection(&plural).unwrap();
            assert_eq!((found, resource.singular), (kind, plural.strip_suffix('s').unwrap()));
            let Some((found, alias)) = RuleType::of_alias(&format!("alias_{plural}")) else {
                assert_eq!(kind, RuleType::PacketRateLimit);
                continue;
            };
            assert_eq!((found, alias.singular), (kind, format!("alias_{}", resource.singular).as_str()));
            let names =
                |resource: &Resource| resource.attributes.iter().map(|own| own.name).collect::<Vec<_>>();
            assert_eq!(names(alias), names(resource));
        }
        assert!(RuleType::of_collection("cats").is_none());
        assert!(RuleType::of_alias("bandwidth_limit_rules").is_none());
    }
}
