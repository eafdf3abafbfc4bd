//! The way of the packets by which two switches watch each other (BFD).
//!
//! The port of a session is an end of a patch whose other end speaks BFD. What comes out of it goes to the other node, with the id that
//! no network has; what comes from that node with this id goes into it. Because it takes these flows, a switch that has lost its
//! flows falls silent, whatever its processes do.

use std::net::IpAddr;

use engine::{Sink, View};
use model::Chassis;
use openflow::action::Action;
use openflow::{Field, Match};
use pipeline::tables::CLASSIFY;
use pipeline::{Priority, tunnels};

use crate::gateway;

/// The session with another node.
pub(super) fn session(view: &mut View<'_>, chassis: &Chassis, sink: &mut Sink) {
    let Some(port) = view.session_port(&chassis.id) else { return };
    let Some((kind, end)) = gateway::way_to(view, chassis) else { return };
    let Some(tunnel) = view.tunnels().get(&kind).copied() else { return };
    let (to, from) = match end {
        IpAddr::V4(end) => (Action::set(Field::TunDst, end), Match::new().with(Field::TunSrc, end)),
        IpAddr::V6(end) => (Action::set(Field::TunIpv6Dst, end), Match::new().with(Field::TunIpv6Src, end)),
    };
    sink.flow(&CLASSIFY, Priority::GUARD, |flow| {
        flow.matching(Match::new().with(Field::InPort, port))
            .action(Action::set(Field::TunId, tunnels::WATCH_ID))
            .action(to)
            .action(Action::output(tunnel))
    });
    sink.flow(&CLASSIFY, Priority::GUARD, |flow| {
        let from = from.with(Field::InPort, tunnel).with(Field::TunId, u64::from(tunnels::WATCH_ID));
        flow.matching(from).action(Action::output(port))
    });
}
