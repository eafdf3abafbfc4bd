//! Which groups are named by rules that matter on this node.

use engine::{Derived, View};
use model::{AddressGroup, Direction, Id, LogicalPort, RowId, SecurityGroup, SecurityGroupExtra};
use pipeline::TableSpec;

use super::{EGRESS, INTO};

/// In which tables the addresses of a set have to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Usage {
    egress: bool,
    egress_stateless: bool,
    ingress: bool,
    ingress_stateless: bool,
}

impl Usage {
    fn add(&mut self, direction: Direction, is_stateful: bool) {
        *match (direction, is_stateful) {
            (Direction::Egress, true) => &mut self.egress,
            (Direction::Egress, false) => &mut self.egress_stateless,
            (Direction::Ingress, true) => &mut self.ingress,
            (Direction::Ingress, false) => &mut self.ingress_stateless,
        } = true;
    }

    /// The tables, with the direction of each and where a whole match goes on.
    pub(super) fn tables(self) -> impl Iterator<Item = (&'static TableSpec, Direction, &'static TableSpec)> {
        let all = [
            (self.egress, EGRESS.rules, Direction::Egress, EGRESS.accept),
            (self.egress_stateless, EGRESS.track, Direction::Egress, EGRESS.next),
            (self.ingress, INTO.rules, Direction::Ingress, INTO.accept),
            (self.ingress_stateless, INTO.track, Direction::Ingress, INTO.next),
        ];
        all.into_iter()
            .filter(|(is_used, ..)| *is_used)
            .map(|(_, table, direction, next)| (table, direction, next))
    }

    /// Whether a table is among them.
    pub(super) fn has(self, table: &TableSpec) -> bool {
        self.tables().any(|(used, ..)| used.id == table.id)
    }
}

/// The [`Usage`] of a group or address group, by its id.
#[derive(Debug)]
pub(super) struct UsageOf;

impl Derived for UsageOf {
    type Key = RowId;
    type Value = Usage;

    fn compute(view: &mut View<'_>, set: &RowId) -> Usage {
        let mut usage = Usage::default();
        let group = Id::<SecurityGroup>::from_row(set.clone());
        for row in view.by(&SecurityGroup::BY_REMOTE_GROUP, group.clone()) {
            if matters_here(view, &row.id) {
                let is_stateful = is_stateful(view, &row.id);
                let naming = row.rules.iter().filter(|rule| rule.remote_group_id.as_ref() == Some(&group));
                naming.for_each(|rule| usage.add(rule.direction, is_stateful));
            }
        }
        let group = Id::<AddressGroup>::from_row(set.clone());
        for row in view.by(&SecurityGroupExtra::BY_ADDRESS_GROUP, group.clone()) {
            if matters_here(view, &row.secgroup) {
                let naming = row.rules.iter().filter(|rule| rule.remote_address_group_id == group);
                naming.for_each(|rule| usage.add(rule.direction, row.stateful != Some(false)));
            }
        }
        usage
    }
}

/// Whether ports of this node are in a group.
fn matters_here(view: &mut View<'_>, group: &Id<SecurityGroup>) -> bool {
    let Some(settings) = view.settings() else { return false };
    view.any(&LogicalPort::BY_SECURITY_GROUP_AND_CHASSIS, (group.clone(), settings.chassis))
}

/// Whether answers to what a group permits pass without a rule.
pub(super) fn is_stateful(view: &mut View<'_>, group: &Id<SecurityGroup>) -> bool {
    let extra = view.get(&SecurityGroupExtra::id_of(group));
    extra.is_none_or(|extra| extra.stateful != Some(false))
}
