//! Which groups are named by rules that matter on this node.

use std::collections::BTreeSet;

use engine::{Derived, View};
use model::{
    AddressGroup, Chassis, Direction, EtherType, Id, LogicalPort, Migration, RowId, SecurityGroup,
    SecurityGroupExtra,
};
use pipeline::TableSpec;

use super::{EGRESS, INTO, Side};
use crate::filter::is_stateful;

/// In which tables the addresses of a set have to be, and of which versions of IP.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Usage(BTreeSet<Use>);

/// One table, as far as rules say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Use {
    is_egress: bool,
    is_stateful: bool,
    pub(super) is_ipv4: bool,
}

impl Use {
    fn of(direction: Direction, ethertype: EtherType, is_stateful: bool) -> Self {
        Self { is_egress: direction == Direction::Egress, is_stateful, is_ipv4: ethertype == EtherType::Ipv4 }
    }

    pub(super) const fn direction(self) -> Direction {
        if self.is_egress { Direction::Egress } else { Direction::Ingress }
    }

    fn side(self) -> &'static Side {
        if self.is_egress { &EGRESS } else { &INTO }
    }

    /// The table.
    pub(super) fn table(self) -> &'static TableSpec {
        if self.is_stateful { self.side().rules } else { self.side().track }
    }

    /// Where a whole match goes on.
    pub(super) fn next(self) -> &'static TableSpec {
        if self.is_stateful { self.side().accept } else { self.side().next }
    }
}

impl Usage {
    pub(super) fn uses(&self) -> impl Iterator<Item = Use> {
        self.0.iter().copied()
    }
}

/// The [`Usage`] of a group or address group, by its id.
#[derive(Debug)]
pub(super) struct UsageOf;

impl Derived for UsageOf {
    type Key = RowId;
    type Value = Usage;

    fn compute(view: &mut View<'_>, set: &RowId) -> Usage {
        let mut usage = BTreeSet::new();
        let group = Id::<SecurityGroup>::from_row(set.clone());
        for row in view.by(&SecurityGroup::BY_REMOTE_GROUP, group.clone()) {
            if matters_here(view, &row.id) {
                let is_stateful = is_stateful(view, &row.id);
                let naming = row.rules.iter().filter(|rule| rule.remote_group_id.as_ref() == Some(&group));
                usage.extend(naming.map(|rule| Use::of(rule.direction, rule.ethertype, is_stateful)));
            }
        }
        let group = Id::<AddressGroup>::from_row(set.clone());
        for row in view.by(&SecurityGroupExtra::BY_ADDRESS_GROUP, group.clone()) {
            if matters_here(view, &row.secgroup) {
                let naming = row.rules.iter().filter(|rule| rule.remote_address_group_id == group);
                let is_stateful = is_stateful(view, &row.secgroup);
                usage.extend(naming.map(|rule| Use::of(rule.direction, rule.ethertype, is_stateful)));
            }
        }
        Usage(usage)
    }
}

/// Whether ports of this node are in a group.
fn matters_here(view: &mut View<'_>, group: &Id<SecurityGroup>) -> bool {
    let Some(settings) = view.settings() else { return false };
    view.any(&LogicalPort::BY_SECURITY_GROUP_AND_CHASSIS, (group.clone(), settings.chassis.clone()))
        || is_arriving(view, group, &settings.chassis)
}

/// Whether a port in a group is on its way to this node.
fn is_arriving(view: &mut View<'_>, group: &Id<SecurityGroup>, node: &Id<Chassis>) -> bool {
    let moves = view.by(&Migration::BY_DEST_CHASSIS, node.clone());
    let ports: Vec<_> = moves.iter().filter_map(|row| view.get(row.lport.as_ref()?)).collect();
    ports.iter().any(|port| port.security_groups.contains(group))
}
