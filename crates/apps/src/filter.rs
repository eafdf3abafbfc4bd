//! Which ports are filtered, and by what: each of the security groups of a port has a number, and so has the place where the port's
//! connections are tracked.
//!
//! # Who is filtered
//! | `port_security_enabled` | groups | |
//! |---|---|---|
//! | false | | not filtered |
//! | not said | none | not filtered: whoever writes rows by hand says neither |
//! | true | none | nothing passes but what a guest needs to have an address |
//! | else | some | what any of the groups permits |
//!
//! Ports of the network itself (DHCP servers, routers) are trusted and not filtered.
//!
//! # Places
//! Groups of a port are in the order of their ids, and each of the first three has a register for itself; all others share the last one, as a
//! set. What a group says is so a flow for each place that ports of this node have it in, which are at most three unless ports have
//! more than three groups, however many ports and sets of groups there are.

use engine::numbers::Space;
use engine::{Derived, View};
use model::{Id, LogicalPort, RowId, SecurityGroup, SecurityGroupExtra};
use pipeline::{Register, filters, regs};

/// Ports of the network itself have owners that begin so.
const OWNER_NETWORK: &str = "network:";

/// What stands between the ids of groups in the name of a set.
const SEPARATOR: char = '+';

/// A place for groups of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Where the number of the group is while a packet has to pass it.
    pub(crate) register: &'static Register,
    /// The numbers of groups in this place.
    pub(crate) space: Space,
}

/// The places; the last one is for all the groups that are left.
pub(crate) static PLACES: [Place; 4] = [
    Place { register: &regs::GROUPS[0], space: Space::FirstGroup },
    Place { register: &regs::GROUPS[1], space: Space::SecondGroup },
    Place { register: &regs::GROUPS[2], space: Space::ThirdGroup },
    Place { register: &regs::GROUPS[3], space: Space::OtherGroups },
];

/// What a filtered port's packets have to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Filter {
    /// The numbers of its groups, by place; 0 where it has none.
    groups: [u32; PLACES.len()],
    /// Where its connections are tracked; 0, where no group of it follows any.
    zone: u32,
}

impl Filter {
    /// Of a port that nothing is permitted to.
    const NOTHING: Self = Self { groups: [filters::NO_GROUP, 0, 0, 0], zone: 0 };

    /// What the registers hold while a packet has to pass it.
    pub(crate) fn registers(self) -> impl Iterator<Item = (&'static Register, u64)> {
        let groups = PLACES.iter().map(|place| place.register).zip(self.groups);
        groups.chain([(&regs::ZONE, self.zone)]).map(|(register, number)| (register, number.into()))
    }
}

/// What filters a port; nothing, where it is not filtered. A port for which there are no numbers is one that nothing is permitted to.
pub(crate) fn of(view: &mut View<'_>, port: &LogicalPort) -> Option<Filter> {
    is_filtered(port).then(|| numbered(view, port).unwrap_or(Filter::NOTHING))
}

fn is_filtered(port: &LogicalPort) -> bool {
    let is_of_network = port.device_owner.as_deref().is_some_and(|owner| owner.starts_with(OWNER_NETWORK));
    match port.port_security_enabled {
        _ if is_of_network => false,
        Some(false) => false,
        Some(true) => true,
        None => !port.security_groups.is_empty(),
    }
}

/// The filter of a port with groups, if there are numbers for it.
fn numbered(view: &mut View<'_>, port: &LogicalPort) -> Option<Filter> {
    let mut groups = port.security_groups.clone();
    groups.sort_unstable();
    groups.dedup();
    let mut filter = Filter { groups: [0; PLACES.len()], zone: 0 };
    for (number, (place, group)) in filter.groups.iter_mut().zip(PLACES.iter().zip(placed(&groups))) {
        *number = view.number(place.space, &group)?;
    }
    let is_tracked = groups.iter().any(|group| is_stateful(view, group));
    if is_tracked {
        filter.zone = view.number(Space::Zone, &port.id)?;
    }
    (!groups.is_empty()).then_some(filter)
}

/// What is in each place of a port with these groups.
fn placed(groups: &[Id<SecurityGroup>]) -> impl Iterator<Item = Id<SecurityGroup>> {
    let (first, others) = groups.split_at(groups.len().min(PLACES.len() - 1));
    let names: Vec<String> = others.iter().map(ToString::to_string).collect();
    first.iter().cloned().chain(Id::new(&names.join(&SEPARATOR.to_string())).ok())
}

/// The groups that are in a place, by the name of what is there.
pub(crate) fn groups_at(name: &RowId) -> Vec<Id<SecurityGroup>> {
    name.with_str(|text| text.split(SEPARATOR).filter_map(|id| Id::new(id).ok()).collect())
}

/// Whether answers to what a group permits pass without a rule.
pub(crate) fn is_stateful(view: &mut View<'_>, group: &Id<SecurityGroup>) -> bool {
    !*view.derived::<IsStateless>(group)
}

/// Whether a group permits packets and not connections. Many ports ask, and a rule that comes to the row that says it is nothing to them.
#[derive(Debug)]
struct IsStateless;

impl Derived for IsStateless {
    type Key = Id<SecurityGroup>;
    type Value = bool;

    fn compute(view: &mut View<'_>, group: &Self::Key) -> bool {
        let extra = view.get(&SecurityGroupExtra::id_of(group));
        extra.is_some_and(|extra| extra.stateful == Some(false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(names: &[&str]) -> Vec<Id<SecurityGroup>> {
        names.iter().map(|name| Id::new(name).unwrap()).collect()
    }

    #[test]
    fn three_groups_have_places_of_their_own_and_the_others_share_one() {
        let at = |names: &[&str]| -> Vec<Vec<Id<SecurityGroup>>> {
            placed(&groups(names)).map(|group| groups_at(group.row())).collect()
        };
        assert!(at(&[]).is_empty());
        assert_eq!(at(&["a"]), [groups(&["a"])]);
        let three = [groups(&["a"]), groups(&["b"]), groups(&["c"])];
        assert_eq!(at(&["a", "b", "c"]), three);
        let more = [groups(&["a"]), groups(&["b"]), groups(&["c"]), groups(&["d", "e"])];
        assert_eq!(at(&["a", "b", "c", "d", "e"]), more);
    }
}
