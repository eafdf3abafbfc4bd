//! Frames from and to physical networks.
//!
//! # Guarantees
//! - A frame comes in by the tag of its network, which it has no longer inside, and leaves with it. Two networks on one bridge never
//!   meet, and a frame with a tag of no network that has ports here is dropped.
//! - What came in from a physical network, or out of a tunnel, does not leave to one.
//! - Frames of guests keep their own tags where the network carries them: then a VLAN network's tag is the outer one of two, and a flat
//!   network takes every tag that is not that of a VLAN network in the same physical network.

use engine::{Sink, View};
use model::LogicalSwitch;
use openflow::action::Action;
use openflow::{Field, Match};
use pipeline::tables::{CLASSIFY, DISPATCH, L2, LEARN};
use pipeline::{FlowBuilder, Priority, regs};

use super::VLAN_TAG_TYPE;
use crate::network::{Network, VLAN_PRESENT, learns, reached, tagged};
use crate::provider::Wire;

/// Frames between one network and its wire.
pub(super) fn network(view: &mut View<'_>, row: &LogicalSwitch, sink: &mut Sink) {
    let Some(network) = reached(view, &row.id) else { return };
    let Some(wire) = network.wire else { return };
    let learns = learns(view, &row.id);
    let tag = wire.vlan.map_or(0, |vlan| vlan | VLAN_PRESENT);
    let with_tag = Match::new().with(Field::InPort, wire.port).with(Field::VlanVid, tag);
    sink.flow(&CLASSIFY, Priority::EXACT, |flow| {
        let flow = flow.matching(with_tag);
        let flow = if wire.vlan.is_some() { flow.action(Action::PopVlan) } else { flow };
        classified(flow, &network, learns)
    });
    if network.carries_tags && wire.vlan.is_none() {
        let any_tag = tagged().with(Field::InPort, wire.port);
        sink.flow(&CLASSIFY, Priority::DEFAULT, |flow| classified(flow.matching(any_tag), &network, learns));
    }
    sink.flow(&DISPATCH, Priority::EXACT, |flow| {
        let mut flow = flow
            .when(&regs::NETWORK, network.key.into())
            .when(&regs::EGRESS_PORT, regs::EGRESS_WIRE.into())
            .when(&regs::FROM_TUNNEL, 0);
        if wire.vlan.is_some() {
            flow = flow.action(Action::PushVlan(VLAN_TAG_TYPE)).action(Action::set(Field::VlanVid, tag));
        }
        flow.output(wire.port)
    });
}

/// What sends a copy of a frame to the wire, and leaves the frame as it is.
pub(super) fn copy(wire: &Wire) -> Vec<Action> {
    let output = Action::output(wire.port);
    match wire.vlan {
        Some(vlan) => vec![
            Action::PushVlan(VLAN_TAG_TYPE),
            Action::set(Field::VlanVid, vlan | VLAN_PRESENT),
            output,
            Action::PopVlan,
        ],
        None => vec![output],
    }
}

fn classified(flow: FlowBuilder, network: &Network, learns: bool) -> FlowBuilder {
    let flow =
        flow.set(&regs::NETWORK, network.key.into()).set(&regs::FROM_TUNNEL, 1).set(&regs::FROM_WIRE, 1);
    let flow = if network.carries_tags { flow.set(&regs::CARRIES_TAGS, 1) } else { flow };
    let flow = if learns { flow.action(Action::resubmit(LEARN.id)) } else { flow };
    flow.goto(&L2)
}
