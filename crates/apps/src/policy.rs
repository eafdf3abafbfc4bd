//! Which policy a port has, and what it says: rates in both directions, packets in both directions, a code point, a promise.
//!
//! # Guarantees
//! - A port has its own policy, and where it has none that of its network. Ports of the network itself (DHCP servers, routers) are
//!   not limited by the policy of their network.
//! - A limit of 0 is none, and where two rules limit the same thing, the lower one counts.
//! - A burst that is 0 or not said is 80 % of the rate. It is never smaller than a frame, because then none would ever pass.
//! - A minimum of bandwidth counts in the direction in which the node has something to give, which is what the port sends; of two, the
//!   higher one. A minimum of what it is sent, or of packets, is for who places guests: what arrives has used the link already.

use engine::{Derived, View};
use model::{
    Id, LogicalPort, QosExtraDirection, QosExtraRuleType, QosPolicy, QosPolicyExtra, QosPolicyExtraRule,
    QosPolicyRule, QosRuleType,
};

/// Ports of the network itself have owners that begin so.
const OWNER_NETWORK: &str = "network:";

/// What a burst is of a rate, if it is not said.
const BURST_PERCENT: u64 = 80;
/// A frame of 9,000 octets with its header and tags, in kilobits.
const FRAME_KBITS: u32 = 73;
/// How many packets a rule means that says one.
const PACKETS_OF_RULE: u64 = 1_000;
/// The code points that there are.
const DSCP_MAX: u8 = 63;

/// How much of something a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// So much a second: kilobits, or packets.
    pub rate: u32,
    /// So much at once.
    pub burst: u32,
}

/// What a policy says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Policy {
    /// Kilobits from the port.
    pub egress_rate: Option<Limit>,
    /// Kilobits to the port.
    pub ingress_rate: Option<Limit>,
    /// Packets from the port.
    pub egress_packets: Option<Limit>,
    /// Packets to the port.
    pub ingress_packets: Option<Limit>,
    /// What packets from the port are marked with.
    pub dscp: Option<u8>,
    /// Kilobits from the port that leave the node, whatever others send.
    pub egress_least: Option<u64>,
}

/// Of what kind the limits of a policy are: as much as the way of packets depends on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Whether bandwidth from the port is limited.
    pub(crate) limits_sending: bool,
    /// Whether packets from the port are counted or marked.
    pub(crate) marks: bool,
    /// Whether anything to the port is limited.
    pub(crate) limits_receiving: bool,
    /// Whether bandwidth from the port is promised.
    pub(crate) reserves: bool,
}

/// [`Policy`], computed once for all ports that have it.
#[derive(Debug)]
struct KnownPolicy;

impl Derived for KnownPolicy {
    type Key = Id<QosPolicy>;
    type Value = Policy;

    fn compute(view: &mut View<'_>, id: &Self::Key) -> Policy {
        let mut policy = Policy::default();
        if let Some(row) = view.get(id) {
            row.rules.iter().for_each(|rule| policy.take(rule));
        }
        if let Some(row) = view.get(&QosPolicyExtra::id_of(id)) {
            row.rules.iter().for_each(|rule| policy.take_extra(rule));
        }
        policy
    }
}

/// [`Shape`]: another rate does not change where packets go.
#[derive(Debug)]
struct KnownShape;

impl Derived for KnownShape {
    type Key = Id<QosPolicy>;
    type Value = Shape;

    fn compute(view: &mut View<'_>, id: &Self::Key) -> Shape {
        let policy = view.derived::<KnownPolicy>(id);
        Shape {
            limits_sending: policy.egress_rate.is_some(),
            marks: policy.egress_packets.is_some() || policy.dscp.is_some(),
            limits_receiving: policy.ingress_rate.is_some() || policy.ingress_packets.is_some(),
            reserves: policy.egress_least.is_some(),
        }
    }
}

/// The policy of a port.
pub fn of(view: &mut View<'_>, port: &LogicalPort) -> Policy {
    id_of(view, port).map(|id| *view.derived::<KnownPolicy>(&id)).unwrap_or_default()
}

/// What a policy says.
pub(crate) fn said_by(view: &mut View<'_>, id: &Id<QosPolicy>) -> Policy {
    *view.derived::<KnownPolicy>(id)
}

/// The policy of a network.
pub(crate) fn of_network(view: &mut View<'_>, network: &Id<model::LogicalSwitch>) -> Option<Id<QosPolicy>> {
    (*view.derived::<NetworkPolicy>(network)).clone()
}

/// Of what kind the limits of a port are.
pub(crate) fn shape_for(view: &mut View<'_>, port: &LogicalPort) -> Shape {
    id_of(view, port).map(|id| *view.derived::<KnownShape>(&id)).unwrap_or_default()
}

fn id_of(view: &mut View<'_>, port: &LogicalPort) -> Option<Id<QosPolicy>> {
    if port.qos_policy.is_some() {
        return port.qos_policy.clone();
    }
    let is_of_network = port.device_owner.as_deref().is_some_and(|owner| owner.starts_with(OWNER_NETWORK));
    let network = port.lswitch.as_ref().filter(|_| !is_of_network)?;
    of_network(view, network)
}

/// The policy of a network. Other changes of its row do not concern its ports.
#[derive(Debug)]
struct NetworkPolicy;

impl Derived for NetworkPolicy {
    type Key = Id<model::LogicalSwitch>;
    type Value = Option<Id<QosPolicy>>;

    fn compute(view: &mut View<'_>, id: &Self::Key) -> Option<Id<QosPolicy>> {
        view.get(id)?.qos_policy.clone()
    }
}

impl Policy {
    fn take(&mut self, rule: &QosPolicyRule) {
        match rule.kind {
            QosRuleType::DscpMarking => {
                self.dscp = self.dscp.or(rule.dscp_mark.filter(|mark| *mark <= DSCP_MAX));
            }
            QosRuleType::BandwidthLimit => {
                lower(&mut self.egress_rate, bandwidth(rule.max_kbps, rule.max_burst_kbps));
            }
        }
    }

    fn take_extra(&mut self, rule: &QosPolicyExtraRule) {
        let limit = match rule.kind {
            QosExtraRuleType::BandwidthLimit => bandwidth(rule.max_kbps, rule.max_burst_kbps),
            QosExtraRuleType::PacketRateLimit => packets(rule.max_kpps, rule.max_burst_kpps),
            QosExtraRuleType::MinimumBandwidth => {
                if rule.direction != QosExtraDirection::Ingress {
                    self.egress_least = self.egress_least.max(rule.min_kbps.filter(|least| *least > 0));
                }
                return;
            }
            QosExtraRuleType::MinimumPacketRate => return,
        };
        let (sent, received) = match rule.kind {
            QosExtraRuleType::BandwidthLimit => (&mut self.egress_rate, &mut self.ingress_rate),
            _ => (&mut self.egress_packets, &mut self.ingress_packets),
        };
        if rule.direction != QosExtraDirection::Ingress {
            lower(sent, limit);
        }
        if rule.direction != QosExtraDirection::Egress {
            lower(received, limit);
        }
    }
}

/// Of two limits the lower one.
fn lower(limit: &mut Option<Limit>, other: Option<Limit>) {
    *limit = match (*limit, other) {
        (Some(one), Some(other)) => Some(if other.rate < one.rate { other } else { one }),
        (one, other) => one.or(other),
    };
}

fn bandwidth(rate: Option<u64>, burst: Option<u64>) -> Option<Limit> {
    limit(rate?, burst, FRAME_KBITS)
}

fn packets(rate: Option<u64>, burst: Option<u64>) -> Option<Limit> {
    limit(rate?.saturating_mul(PACKETS_OF_RULE), burst.map(|burst| burst.saturating_mul(PACKETS_OF_RULE)), 1)
}

fn limit(rate: u64, burst: Option<u64>, least: u32) -> Option<Limit> {
    let number = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let burst = burst.filter(|burst| *burst > 0).unwrap_or(rate.saturating_mul(BURST_PERCENT) / 100);
    (rate > 0).then(|| Limit { rate: number(rate), burst: number(burst).max(least) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_what_is_said_and_otherwise_most_of_a_second_but_never_less_than_a_frame() {
        assert_eq!(bandwidth(Some(1_000), Some(200)), Some(Limit { rate: 1_000, burst: 200 }));
        assert_eq!(bandwidth(Some(1_000), None), Some(Limit { rate: 1_000, burst: 800 }));
        assert_eq!(bandwidth(Some(1_000), Some(0)), Some(Limit { rate: 1_000, burst: 800 }));
        assert_eq!(bandwidth(Some(10), None), Some(Limit { rate: 10, burst: FRAME_KBITS }));
        assert_eq!(bandwidth(Some(u64::MAX), None), Some(Limit { rate: u32::MAX, burst: u32::MAX }));
        assert_eq!((bandwidth(Some(0), None), bandwidth(None, Some(9))), (None, None));
        assert_eq!(packets(Some(2), Some(1)), Some(Limit { rate: 2_000, burst: 1_000 }));
        assert_eq!(packets(Some(1), None), Some(Limit { rate: 1_000, burst: 800 }));
    }
}
