//! Where the gateways of routers are: which nodes may have that of a router, and which one has it now.

use engine::numbers::stable_hash;
use engine::{Derived, View};
use model::{Chassis, GatewayCandidate, Id, LogicalRouter, RouterExtra};

/// Nodes that may have the gateway of a router, beyond which none needs to be ready for it.
const READY_MAX: usize = 3;

/// The nodes that may have the gateway of a router, the best first: those that somebody chose, or all that are candidates.
pub(crate) fn candidates(view: &mut View<'_>, router: &Id<LogicalRouter>) -> Vec<Id<Chassis>> {
    (*view.derived::<Candidates>(router)).clone()
}

/// The node that has the gateway of a router now.
pub(crate) fn active(view: &mut View<'_>, router: &Id<LogicalRouter>) -> Option<Id<Chassis>> {
    candidates(view, router).into_iter().next()
}

/// Whether this node has to be ready to have the gateway of a router.
pub(crate) fn may_be_here(view: &mut View<'_>, router: &Id<LogicalRouter>) -> bool {
    let Some(settings) = view.settings() else { return false };
    candidates(view, router).iter().take(READY_MAX).any(|node| *node == settings.chassis)
}

#[derive(Debug)]
struct Candidates;

impl Derived for Candidates {
    type Key = Id<LogicalRouter>;
    type Value = Vec<Id<Chassis>>;

    fn compute(view: &mut View<'_>, router: &Self::Key) -> Self::Value {
        let extra = view.get(&RouterExtra::id_of(router));
        let Some(extra) = extra.filter(|extra| !extra.gateways.is_empty()) else { return Vec::new() };
        let mut nodes: Vec<(u32, u64, Id<Chassis>)> = if extra.chassis.is_empty() {
            let rows = view.all::<GatewayCandidate>();
            let rows = rows.iter().filter_map(|id| view.get(id));
            rows.map(|row| (row.priority, chance(router, &row.chassis), row.chassis.clone())).collect()
        } else {
            let chosen = extra.chassis.iter();
            chosen.map(|node| (node.priority, chance(router, &node.chassis), node.chassis.clone())).collect()
        };
        nodes.sort_unstable_by(|a, b| b.cmp(a));
        nodes.into_iter().map(|(_, _, node)| node).collect()
    }
}

/// A number that spreads routers over nodes, and moves few when a node comes or goes.
fn chance(router: &Id<LogicalRouter>, node: &Id<Chassis>) -> u64 {
    let (router, node) = (stable_hash(router.row()), stable_hash(node.row()));
    let mixed = (router ^ node.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 29)
}
