//! Rows that say who holds an address, and are not true any more: deleted, so that they do not count again when the port is what it was.
//!
//! | the port | who deletes the row |
//! |---|---|
//! | is bound to a node: has no such pair any more, is disabled, is plugged in nowhere | that node |
//! | is gone, is bound to no node, is in another network | one of all registered nodes, which follows from the names of the row and the nodes |
//!
//! Whoever makes a port does not know such rows (the original's server never wrote any), and the node that wrote a row may be gone for good when
//! the port is. So it has to be a node, and of those without a part in it one has to do: a thousand nodes that see a port go would
//! otherwise all ask the store. If that node is away the row stays until it is back or is not registered any more, and counts for nothing as
//! long. Rows are deleted only while they are what was judged, so who holds the address meanwhile is not hurt.
//!
//! A guest that moves between nodes is judged where it goes to.

use engine::numbers::stable_hash;
use engine::{Sink, View};
use model::{AllowedAddressPairsActivePort, Chassis, Id};

use super::holder;
use crate::{local, places};

/// Says whether this node has to delete a row.
pub(crate) fn stale(view: &mut View<'_>, row: &AllowedAddressPairsActivePort, sink: &mut Sink) {
    let (Some(id), Some(_), Some(_)) = (&row.detected_lport, row.ip, row.detected_mac) else { return };
    let Some(us) = view.settings().map(|settings| settings.chassis) else { return };
    let port = view.get(id).filter(|port| port.lswitch == row.network);
    let place = port.and_then(|port| places::of(view, &port).node);
    let is_stale = match &place {
        Some(node) if *node != us => return,
        Some(_) => holder(view, row).is_none() || local::find(view, id).is_none(),
        None => deputy(view, &row.id).as_ref() == Some(&us),
    };
    if is_stale {
        sink.stale_row(&row.id);
    }
}

/// The node that takes care of a row that is no node's.
fn deputy(view: &mut View<'_>, row: &Id<AllowedAddressPairsActivePort>) -> Option<Id<Chassis>> {
    let nodes = view.all::<Chassis>();
    let row = stable_hash(row.row());
    nodes.into_iter().max_by_key(|node| (stable_hash(node.row()) ^ row).wrapping_mul(SPREAD))
}

/// An odd number whose bits are spread.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
