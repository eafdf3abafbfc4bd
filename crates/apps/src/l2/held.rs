//! MAC addresses of allowed address pairs that are no port's own: those that routers share, for example (VRRP).
//!
//! # Guarantees
//! - A frame for such an address goes to the port that holds an address with it, on every node and as soon as its row of `activeport` says
//!   so; what the switch heard before counts no more, and neither does it on the node that the address has left.
//! - Where nobody holds any, or who is said to may not, the address is that of nobody known.
//! - What a guest says to who asks it for the addresses of its pairs goes nowhere: neither to other ports that may have any address, nor
//!   into tunnels, nor to the wire.
//! - If two ports hold addresses with one MAC address, the same one of them gets the frames on every node, and a finding says so.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::{Sink, View};
use model::{AllowedAddressPairsActivePort, LogicalPort, LogicalSwitch};
use net_types::MacAddr;
use openflow::{Field, Match};
use pipeline::tables::{DISPATCH, INGRESS, L2};
use pipeline::{Priority, regs};

use crate::holders;
use crate::local::{self, LocalPort};
use crate::network::present;

/// Above what is heard, and below what ports have.
const HELD: Priority = Priority::DEFAULT.level(2);

/// Who asks for addresses, who is nobody.
const ASKER: Priority = Priority::DEFAULT.level(3);

/// Where the answers of a guest end that is asked for addresses.
pub(super) fn answers(view: &mut View<'_>, local: &LocalPort, sink: &mut Sink) {
    if holders::shared(view, &local.port).asked.is_empty() {
        return;
    }
    let Some(asker) = holders::asker(&local.port) else { return };
    sink.flow(&L2, ASKER, |flow| {
        flow.matching(Match::new().with(Field::EthDst, asker)).when(&regs::NETWORK, local.network.key.into())
    });
}

/// Where the shared MAC addresses of a network lead.
pub(super) fn held(view: &mut View<'_>, row: &LogicalSwitch, sink: &mut Sink) {
    let Some(network) = present(view, &row.id) else { return };
    let mut holders_of: BTreeMap<MacAddr, Arc<LogicalPort>> = BTreeMap::new();
    for active in view.by(&AllowedAddressPairsActivePort::BY_NETWORK, row.id.clone()) {
        let Some((_, mac)) = holders::holder(view, &active) else { continue };
        let Some(port) = active.detected_lport.as_ref().and_then(|id| view.get(id)) else { continue };
        if port.macs.contains(&mac) || !mac.is_unicast() {
            continue;
        }
        let first = holders_of.entry(mac).or_insert_with(|| Arc::clone(&port));
        if first.id != port.id {
            let (first, port) = (&first.id, &port.id);
            sink.problem(format!("ports {first} and {port} both use {mac}: frames for it go to {first}"));
        }
    }
    for (mac, port) in holders_of {
        let is_here = local::is_for_here(view, &port, &network);
        let (next, egress) = match network.wire {
            _ if is_here => (&INGRESS, port.unique_key.get()),
            Some(_) => (&DISPATCH, regs::EGRESS_WIRE),
            None => (&DISPATCH, port.unique_key.get()),
        };
        sink.flow(&L2, HELD, |flow| {
            flow.matching(Match::new().with(Field::EthDst, mac))
                .when(&regs::NETWORK, network.key.into())
                .set(&regs::EGRESS_PORT, egress.into())
                .goto(next)
        });
    }
}
