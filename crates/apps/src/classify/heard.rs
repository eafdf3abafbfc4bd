//! Frames for addresses that no port has, and that were heard from behind the end of a tunnel that does not say from which port.
//!
//! # Guarantees
//! - Such a frame goes into the tunnel to where its destination was heard last, as one for whoever has its MAC address there.
//! - One that came from another node goes into no tunnel.

use engine::{Sink, View};
use model::LogicalSwitch;
use pipeline::tables::DISPATCH;
use pipeline::{FlowBuilder, Priority, regs};

use openflow::action::Action;

use crate::network::{learns, present};
use crate::tunnel::Egress;

/// Sends to the end of a tunnel that the table of learned addresses has named.
pub(super) fn by_tunnel(view: &mut View<'_>, row: &LogicalSwitch, sink: &mut Sink) {
    let Some(network) = present(view, &row.id) else { return };
    let Some(tunnel) = network.tunnel else { return };
    if !learns(view, &row.id) {
        return;
    }
    let label = tunnel.label(Egress::ByMac).into_iter().chain([Action::output(tunnel.port)]);
    sink.flow(&DISPATCH, Priority::EXACT, |flow| {
        let flow = flow
            .when(&regs::NETWORK, network.key.into())
            .when(&regs::EGRESS_PORT, regs::EGRESS_TUNNEL.into())
            .when(&regs::FROM_TUNNEL, 0);
        label.fold(flow, FlowBuilder::action)
    });
}
