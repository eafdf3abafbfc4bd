//! Switching in networks that are in a physical network.
//!
//! # Guarantees
//! - A frame goes to a port on this node, or as one copy to the wire; one from the wire goes to ports on this node and never back.
//! - Ports on other nodes cost no flow here: they are somewhere on the wire, and the physical network knows where. Nor can it be known
//!   that nobody has an address, so a frame for a port that is unplugged or not bound goes to the wire too.
//! - A frame from the wire whose source is the address of a port that is bound here is dropped. The physical network has sent back what the
//!   port said (a bond that is not one, a loop), and the port would take its own words for those of somebody who has its
//!   address; or somebody borrows the address. A port that has moved to another node is bound there by then.
//! - A frame from the wire that has a tag inside that of its network is dropped, unless the network carries the tags of guests.

use engine::{Sink, View};
use net_types::MacAddr;
use openflow::action::Action;
use openflow::group::Bucket;
use openflow::{Field, Match};
use pipeline::tables::{DISPATCH, L2};
use pipeline::{Priority, regs};

use crate::network::Network;
use crate::tags;

/// What the wire says in the name of a port that is here.
pub(super) fn no_reflection(network: &Network, mac: MacAddr, sink: &mut Sink) {
    sink.flow(&L2, Priority::GUARD, |flow| {
        flow.matching(Match::new().with(Field::EthSrc, mac))
            .when(&regs::NETWORK, network.key.into())
            .when(&regs::FROM_WIRE, 1)
    });
}

/// What is for an address of nobody on this node, where no port here may have it.
pub(super) fn unknown(network: &Network, sink: &mut Sink) {
    sink.flow(&L2, Priority::DEFAULT, |flow| {
        flow.when(&regs::NETWORK, network.key.into())
            .when(&regs::FROM_TUNNEL, 0)
            .set(&regs::EGRESS_PORT, regs::EGRESS_WIRE.into())
            .goto(&DISPATCH)
    });
}

/// What has a tag that nobody asked for.
pub(super) fn tags_inside(view: &mut View<'_>, sink: &mut Sink) {
    if view.providers().values().all(|provider| provider.of_port.is_none()) {
        return;
    }
    for matching in tags::left() {
        sink.flow(&L2, Priority::GUARD, |flow| {
            flow.matching(matching).when(&regs::FROM_WIRE, 1).when(&regs::CARRIES_TAGS, 0)
        });
    }
}

/// The copy for everybody on the wire.
pub(super) fn copy() -> Bucket {
    let egress = Action::set(regs::EGRESS_PORT.bits.field, regs::EGRESS_WIRE);
    Bucket::new(vec![egress, Action::resubmit(DISPATCH.id)])
}
