//! Ports that share a switch port: what reaches one of them from another goes back by the switch port that it came in by, and nobody
//! hears itself.
//!
//! | to | from a port with a tag | from a port without |
//! |---|---|---|
//! | a port with a tag | everything | everything |
//! | a port without | everything | what is for its own MAC address |
//!
//! Between ports without tags the guest itself passes on what is for many: it would come twice. What is for the address of one of them
//! comes here because the guest did not pass it on: the outer device of macvlan and what is inside reach each other by the switch only,
//! who asked for a neighbour was told the neighbour's own MAC address, and what is routed was for the router.

use engine::{Sink, View};
use net_types::OfPort;
use openflow::action::Action;
use openflow::{Field, Match};
use packet::ethertype;
use pipeline::tables::{DISPATCH, INGRESS_RATE};
use pipeline::{FlowBuilder, Priority, TableSpec, regs};

use super::guest::{arp_dressed, dressed, outer_mac, to};
use crate::local::{self, LocalPort, Shares};

/// What goes back by the switch port that it came in by.
const BACK: Priority = Priority::EXACT.level(2);
/// What a guest has passed on itself.
const PASSED_ON: Priority = Priority::EXACT.level(4);
/// What it has not, because it is for an address of one of its ports; ARP, where that has to be dressed as well.
const ADDRESSED: Priority = Priority::EXACT.level(5);
const ADDRESSED_ARP: Priority = Priority::EXACT.level(6);
/// What is from who it is for.
const REFLECTED: Priority = Priority::EXACT.level(7);

/// Frames of others who share the switch port of a guest. They leave by `table`; if that is not the first one for what leaves,
/// `copy` is done on the way there.
pub(super) fn between(
    view: &mut View<'_>,
    local: &LocalPort,
    table: &'static TableSpec,
    copy: &[Action],
    sink: &mut Sink,
) {
    let has_tags_inside = !local::ports_inside(view, &local.port.id, true).is_empty();
    let has_others_inside = !local::ports_inside(view, &local.port.id, false).is_empty();
    if local.vlan.is_none() && local.shares.is_none() && !has_tags_inside && !has_others_inside {
        return;
    }
    sink.flow(&DISPATCH, REFLECTED, |flow| {
        flow.when(&regs::EGRESS_PORT, local.key()).when(&regs::INGRESS_PORT, local.key())
    });
    if local.vlan.is_some() || has_tags_inside {
        sink.flow(table, BACK, |flow| back(local, to(table, local, flow.matching(from_here(local)))));
    }
    if local.vlan.is_none() && (local.shares.is_some() || has_others_inside) {
        addressed(local, table, copy, sink);
    }
    if let Some(shares) = &local.shares {
        sink.flow(&DISPATCH, PASSED_ON, |flow| {
            flow.when(&regs::EGRESS_PORT, shares.outer_key.into()).when(&regs::INGRESS_PORT, local.key())
        });
        from_tags(view, local, shares, table, sink);
    }
}

/// What is for the MAC addresses of a port whose frames have no tag.
fn addressed(local: &LocalPort, table: &'static TableSpec, copy: &[Action], sink: &mut Sink) {
    for mac in &local.port.macs {
        let to_mac = from_here(local).with(Field::EthDst, *mac);
        if table.id != DISPATCH.id {
            sink.flow(&DISPATCH, ADDRESSED, |flow| {
                let flow = to(&DISPATCH, local, flow.matching(to_mac.clone()));
                copy.iter().cloned().fold(flow, FlowBuilder::action).goto(&INGRESS_RATE)
            });
        }
        sink.flow(table, ADDRESSED, |flow| back(local, to(table, local, flow.matching(to_mac.clone()))));
        if let Some(outer) = outer_mac(local) {
            sink.flow(table, ADDRESSED_ARP, |flow| {
                let flow = flow.matching(to_mac.with(Field::EthType, ethertype::ARP));
                arp_dressed(local, outer, to(table, local, flow)).output(OfPort::IN_PORT)
            });
        }
    }
}

/// What ports with tags send to many, for a port without, where the outer port is in another network and does not get it in its
/// place.
fn from_tags(
    view: &mut View<'_>,
    local: &LocalPort,
    shares: &Shares,
    table: &'static TableSpec,
    sink: &mut Sink,
) {
    let outer = view.get(&shares.outer);
    if outer.is_none_or(|outer| outer.lswitch == local.port.lswitch) {
        return;
    }
    for id in local::ports_inside(view, &shares.outer, true) {
        let Some(sender) = view.get(&id).filter(|sender| sender.lswitch == local.port.lswitch) else {
            continue;
        };
        let key = sender.unique_key.get().into();
        sink.flow(table, BACK, |flow| {
            let flow = flow.matching(from_here(local)).when(&regs::INGRESS_PORT, key);
            back(local, to(table, local, flow))
        });
    }
}

/// What came in by the switch port that the guest is plugged into.
fn from_here(local: &LocalPort) -> Match {
    Match::new().with(Field::InPort, local.of_port)
}

fn back(local: &LocalPort, flow: FlowBuilder) -> FlowBuilder {
    dressed(local, flow).output(OfPort::IN_PORT)
}
