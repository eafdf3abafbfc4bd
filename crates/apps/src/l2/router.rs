//! What is for routers: frames for the MAC addresses of their legs, and what is asked for on wires.

use engine::{Sink, View};
use model::{Id, LogicalPort, LogicalRouter, LogicalSwitch};
use net_types::MacAddr;
use openflow::action::Action;
use openflow::{Field, Match};
use packet::{ethertype, ip_proto};
use pipeline::tables::{ARRIVE, INGRESS, L2, ROUTE};
use pipeline::{FlowBuilder, Priority, groups, regs};

use crate::network::{Network, reached};
use crate::{gateway, host_address, routers};

/// Questions for addresses, before they are flooded, and before it is looked at who listens to their groups.
const QUESTION: Priority = Priority::DEFAULT.level(4);

/// How the MAC addresses of groups begin that are asked for IPv6 addresses, and the bits in which they do.
const SOLICITED: (MacAddr, MacAddr) =
    (MacAddr([0x33, 0x33, 0xff, 0, 0, 0]), MacAddr([0xff, 0xff, 0xff, 0, 0, 0]));

/// Frames for a leg. Of those from a wire only the node takes any that has the router's gateway, because all nodes get them.
pub(super) fn leg(
    view: &mut View<'_>,
    port: &LogicalPort,
    id: &Id<LogicalRouter>,
    network: &Network,
    sink: &mut Sink,
) {
    if !network.is_present && network.wire.is_none() {
        return;
    }
    let key = routers::here(view, id).map(|router| router.key);
    let may_be_too_long = routers::may_bring_too_long(view, id, network);
    let into = |flow: FlowBuilder, key: u32| {
        let flow = flow.set(&regs::ROUTER, key.into());
        if may_be_too_long { flow.set(&regs::MAY_BE_TOO_LONG, 1) } else { flow }
    };
    let us = view.settings().map(|settings| settings.chassis);
    let takes_wire = network.wire.is_some() && us.is_some() && gateway::active(view, id) == us;
    for mac in port.macs.iter().filter(|mac| mac.is_unicast()) {
        for from_elsewhere in [0, 1] {
            sink.flow(&L2, Priority::EXACT, |flow| {
                let flow = flow
                    .matching(Match::new().with(Field::EthDst, *mac))
                    .when(&regs::NETWORK, network.key.into())
                    .when(&regs::FROM_TUNNEL, from_elsewhere);
                match key {
                    Some(key) if from_elsewhere == 0 => into(flow, key).goto(&ROUTE),
                    Some(key) if takes_wire => {
                        into(flow, key).set(&regs::FROM_TUNNEL, 0).set(&regs::FROM_WIRE, 0).goto(&ROUTE)
                    }
                    // A router that is disabled, or another node's business.
                    _ => flow,
                }
            });
        }
    }
}

/// What was routed on another node and came by a wire: it gets the MAC address of the router back for that of the node.
pub(super) fn from_node(network: &Network, port: &LogicalPort, mac: MacAddr, leg: MacAddr, sink: &mut Sink) {
    let (node, mask) = routers::NODE_MACS;
    sink.flow(&L2, Priority::EXACT.level(1), |flow| {
        flow.matching(Match::new().with(Field::EthDst, mac).with_masked(Field::EthSrc, node, mask))
            .when(&regs::NETWORK, network.key.into())
            .when(&regs::FROM_WIRE, 1)
            .action(Action::set(Field::EthSrc, leg))
            .set(&regs::EGRESS_PORT, port.unique_key.get().into())
            .goto(&INGRESS)
    });
}

/// Who is asked for on the wire of an external network, and what is answered to this node.
pub(super) fn from_wire(view: &mut View<'_>, row: &LogicalSwitch, sink: &mut Sink) {
    let Some(network) = reached(view, &row.id) else { return };
    if network.wire.is_none() || !routers::are_in(view, &row.id) {
        return;
    }
    let in_network = |flow: FlowBuilder, matching: Match| {
        flow.matching(matching).when(&regs::NETWORK, network.key.into()).when(&regs::FROM_WIRE, 1)
    };
    if let Some(settings) = view.settings().filter(|_| !network.is_external) {
        let to_us = Match::new().with(Field::EthDst, routers::node_mac(&settings.chassis));
        sink.flow(&L2, Priority::EXACT, |flow| in_network(flow, to_us).goto(&ARRIVE));
    }
    if let Some(address) = host_address::in_network(view, &row.id) {
        let to_us = Match::new().with(Field::EthDst, address.mac);
        sink.flow(&L2, Priority::EXACT, |flow| {
            flow.matching(to_us).when(&regs::NETWORK, network.key.into()).goto(&ARRIVE)
        });
    }
    let questions = [
        Match::new().with(Field::EthType, ethertype::ARP).with(Field::EthDst, MacAddr::BROADCAST),
        Match::new()
            .with(Field::EthType, ethertype::IPV6)
            .with(Field::IpProto, ip_proto::ICMPV6)
            .with_masked(Field::EthDst, SOLICITED.0, SOLICITED.1),
    ];
    for question in questions {
        sink.flow(&L2, QUESTION, |flow| {
            let flow = in_network(flow, question);
            match network.is_present {
                // Guests of the network are asked as well.
                true => flow
                    .action(Action::Clone(vec![Action::resubmit(ARRIVE.id)]))
                    .action(Action::Group(groups::local_flood(network.key))),
                false => flow.goto(&ARRIVE),
            }
        });
    }
}
