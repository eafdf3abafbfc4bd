//! Who on a wire has the address that a router hands a packet to, where that is not known yet.

use engine::{Sink, View};
use model::LogicalSwitch;
use pipeline::tables::{DISPATCH, UNRESOLVED};
use pipeline::{Priority, regs, userdata};

use crate::{network, routers, slow_path};

/// Sends to the wire of a network what is for a known neighbour, and has others asked for.
pub(super) fn network(view: &mut View<'_>, row: &LogicalSwitch, sink: &mut Sink) {
    let Some(network) = network::reached(view, &row.id) else { return };
    if network.wire.is_none() || !routers::are_in(view, &row.id) {
        return;
    }
    sink.flow(&UNRESOLVED, Priority::EXACT, |flow| {
        flow.when(&regs::NETWORK, network.key.into())
            .when(&regs::EGRESS_PORT, regs::EGRESS_WIRE.into())
            .goto(&DISPATCH)
    });
    let Some(ask) = slow_path::to_controller(view, &row.id, userdata::UNRESOLVED, sink) else { return };
    sink.flow(&UNRESOLVED, Priority::DEFAULT, |flow| {
        flow.when(&regs::NETWORK, network.key.into()).when(&regs::EGRESS_PORT, 0).action(ask)
    });
    super::announce::listen(view, row, &network, sink);
}
