//! Policies: how much a guest sends and is sent, and what its packets are marked with.
//!
//! # Guarantees
//! - What a guest sends beyond the bandwidth or the number of packets that its policy allows is dropped before anything else is
//!   done with it; what it is sent beyond is dropped when all else is decided. The two directions have limits of their own, each of
//!   which is as seen from the guest: egress is what it sends.
//! - IPv4 and IPv6 packets of a guest carry the code point of its policy, whatever it wrote there itself. The outside of
//!   tunnels is not marked.
//! - A guest without a policy passes none of the tables.
//! - What a guest is promised of the bandwidth of a link is said, see [`crate::reserve`].
//! - Another rate is another meter under the same number: no flow changes, and no packet finds none. A policy that goes takes meters
//!   and flows with it.
//!
//! Which policy a port has, and what bursts are, is in [`crate::policy`].

use engine::numbers::Space;
use engine::{App, Sink, View};
use openflow::action::Action;
use openflow::meter::{Band, BandKind, Meter, MeterUnit};
use openflow::{Field, Match};
use packet::ethertype;
use pipeline::tables::{
    DEPARTURE, EGRESS_MARKS, EGRESS_RATE, INGRESS_PACKETS, INGRESS_RATE, PORT_SECURITY, QOS_OWNER,
};
use pipeline::{FlowBuilder, Priority, TableSpec, regs};

use crate::local::{self, LocalPort};
use crate::policy::{self, Limit, Policy};
use crate::reserve;

/// The app.
#[must_use]
pub fn app() -> App {
    let mut rules: Vec<_> = vec![engine::Rule::once("without a policy", others)];
    rules.extend(local::each("policy", guest));
    App { id: QOS_OWNER, rules, responders: vec![] }
}

/// What no flow of a guest speaks of: its policy went while the packet was on its way through the tables.
fn others(_: &mut View<'_>, sink: &mut Sink) {
    for (table, next) in [
        (&EGRESS_RATE, &PORT_SECURITY),
        (&EGRESS_MARKS, &PORT_SECURITY),
        (&INGRESS_RATE, &DEPARTURE),
        (&INGRESS_PACKETS, &DEPARTURE),
    ] {
        sink.flow(table, Priority::MISS, |flow| flow.goto(next));
    }
}

fn guest(view: &mut View<'_>, local: &LocalPort, sink: &mut Sink) {
    let policy = policy::of(view, &local.port);
    sending(view, local, &policy, sink);
    receiving(view, local, &policy, sink);
    reserve::say(view, local, &policy, sink);
}

fn sending(view: &mut View<'_>, local: &LocalPort, policy: &Policy, sink: &mut Sink) {
    let marks = policy.egress_packets.is_some() || policy.dscp.is_some();
    if let Some(limit) = policy.egress_rate {
        let meter = meter(view, local, Space::EgressRate, limit, sink);
        let next = if marks { &EGRESS_MARKS } else { &PORT_SECURITY };
        say(sink, &EGRESS_RATE, |flow| {
            limited(flow.when(&regs::INGRESS_PORT, local.key()), meter).goto(next)
        });
    }
    if !marks {
        return;
    }
    let meter = policy.egress_packets.and_then(|limit| meter(view, local, Space::EgressPackets, limit, sink));
    let others = |flow: FlowBuilder| limited(flow.when(&regs::INGRESS_PORT, local.key()), meter);
    say(sink, &EGRESS_MARKS, |flow| others(flow).goto(&PORT_SECURITY));
    let Some(dscp) = policy.dscp else { return };
    for ethertype in [ethertype::IPV4, ethertype::IPV6] {
        sink.flow(&EGRESS_MARKS, Priority::EXACT.level(1), |flow| {
            let flow = flow.matching(Match::new().with(Field::EthType, ethertype));
            others(flow).action(Action::set(Field::IpDscp, dscp)).goto(&PORT_SECURITY)
        });
    }
}

fn receiving(view: &mut View<'_>, local: &LocalPort, policy: &Policy, sink: &mut Sink) {
    let to = |flow: FlowBuilder| flow.when(&regs::EGRESS_PORT, local.key());
    if let Some(limit) = policy.ingress_rate {
        let meter = meter(view, local, Space::IngressRate, limit, sink);
        let next = if policy.ingress_packets.is_some() { &INGRESS_PACKETS } else { &DEPARTURE };
        say(sink, &INGRESS_RATE, |flow| limited(to(flow), meter).goto(next));
    }
    if let Some(limit) = policy.ingress_packets {
        let meter = meter(view, local, Space::IngressPackets, limit, sink);
        if policy.ingress_rate.is_none() {
            say(sink, &INGRESS_RATE, |flow| to(flow).goto(&INGRESS_PACKETS));
        }
        say(sink, &INGRESS_PACKETS, |flow| limited(to(flow), meter).goto(&DEPARTURE));
    }
}

fn say(sink: &mut Sink, table: &'static TableSpec, build: impl FnOnce(FlowBuilder) -> FlowBuilder) {
    sink.flow(table, Priority::EXACT, build);
}

fn limited(flow: FlowBuilder, meter: Option<u32>) -> FlowBuilder {
    match meter {
        Some(meter) => flow.meter(meter),
        None => flow,
    }
}

/// Says the meter of a limit of a guest; its number.
fn meter(view: &mut View<'_>, local: &LocalPort, space: Space, limit: Limit, sink: &mut Sink) -> Option<u32> {
    let Some(id) = view.number(space, &local.port.id) else {
        sink.problem(
            "all meters are taken, so a limit of the port's policy does not hold: there are 10,000 of each kind",
        );
        return None;
    };
    let unit = match space {
        Space::EgressPackets | Space::IngressPackets => MeterUnit::Pktps,
        _ => MeterUnit::Kbps,
    };
    let bands = vec![Band { kind: BandKind::Drop, rate: limit.rate, burst: limit.burst }];
    sink.meter(Meter { id, unit, burst: true, stats: false, bands });
    Some(id)
}
