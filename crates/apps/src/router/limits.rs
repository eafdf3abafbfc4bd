//! How much passes by floating IPs and gateways.
//!
//! # Guarantees
//! - What is sent with a floating IP or the address of a gateway, and what is sent to it, has a limit of its own in each direction, where
//!   the policy has one: that of the floating IP or of the gateway's port, or else that of the external network.
//! - Another rate is another meter under the same number and no other flow. A policy that goes takes its meters with it.

use engine::numbers::Space;
use engine::{Sink, View};
use model::{FloatingIp, FloatingIpExtra, Id, LogicalPort, LogicalSwitch, QosPolicy};
use openflow::meter::{Band, BandKind, Meter, MeterUnit};
use pipeline::FlowBuilder;

use crate::policy::{self, Limit};

/// Meters of both directions.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Limits {
    outward: Option<u32>,
    inward: Option<u32>,
}

impl Limits {
    /// Limits what leaves.
    pub(super) fn outward(self, flow: FlowBuilder) -> FlowBuilder {
        metered(flow, self.outward)
    }

    /// Limits what arrives.
    pub(super) fn inward(self, flow: FlowBuilder) -> FlowBuilder {
        metered(flow, self.inward)
    }

    /// Whether what arrives is limited.
    pub(super) const fn are_inward(self) -> bool {
        self.inward.is_some()
    }
}

fn metered(flow: FlowBuilder, meter: Option<u32>) -> FlowBuilder {
    meter.into_iter().fold(flow, FlowBuilder::meter)
}

/// Those of a floating IP, which is a port in an external network.
pub(super) fn of_floating_ip(
    view: &mut View<'_>,
    row: &FloatingIp,
    port: &Id<LogicalPort>,
    network: &Id<LogicalSwitch>,
    sink: &mut Sink,
) -> Limits {
    let own = view.get(&FloatingIpExtra::id_of(&row.id)).and_then(|extra| extra.qos_policy.clone());
    of(view, port, own, network, sink)
}

/// Those of the port of a gateway.
pub(super) fn of_gateway(
    view: &mut View<'_>,
    port: &Id<LogicalPort>,
    network: &Id<LogicalSwitch>,
    sink: &mut Sink,
) -> Limits {
    let own = view.get(port).and_then(|port| port.qos_policy.clone());
    of(view, port, own, network, sink)
}

fn of(
    view: &mut View<'_>,
    port: &Id<LogicalPort>,
    own: Option<Id<QosPolicy>>,
    network: &Id<LogicalSwitch>,
    sink: &mut Sink,
) -> Limits {
    let Some(id) = own.or_else(|| policy::of_network(view, network)) else { return Limits::default() };
    let policy = policy::said_by(view, &id);
    let mut meter =
        |limit: Option<Limit>, space| limit.and_then(|limit| meter(view, port, space, limit, sink));
    Limits {
        outward: meter(policy.egress_rate, Space::EgressRate),
        inward: meter(policy.ingress_rate, Space::IngressRate),
    }
}

/// Says a meter; its number. Such ports are plugged in nowhere, so their numbers are those of no guest.
fn meter(
    view: &mut View<'_>,
    port: &Id<LogicalPort>,
    space: Space,
    limit: Limit,
    sink: &mut Sink,
) -> Option<u32> {
    let Some(id) = view.number(space, port) else {
        sink.problem(
            "all meters are taken, so a limit of the policy does not hold: there are 10,000 of each kind",
        );
        return None;
    };
    let bands = vec![Band { kind: BandKind::Drop, rate: limit.rate, burst: limit.burst }];
    sink.meter(Meter { id, unit: MeterUnit::Kbps, burst: true, stats: false, bands });
    Some(id)
}
