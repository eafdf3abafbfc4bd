//! Which ports are filtered, and by what: the set of their security groups has a number, and so has the place where their
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
//! Two ports with the same groups share the number and all flows that come from the groups, so what a group says costs one flow
//! however many ports are in it.

use engine::View;
use engine::numbers::Space;
use model::{Id, LogicalPort, RowId, SecurityGroup};

/// Ports of the network itself have owners that begin so.
const OWNER_NETWORK: &str = "network:";

/// What stands between the ids of groups in the name of a set.
const SEPARATOR: char = '+';

/// The name of the set without groups.
const NOTHING: &str = "nothing";

/// What a filtered port's packets have to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filter {
    /// The number of the set of its groups.
    pub policy: u32,
    /// Where its connections are tracked.
    pub zone: u32,
}

/// A set of groups, as the owner of a number.
#[derive(Debug)]
pub struct Policy;

/// What filters a port; nothing, where it is not filtered. A port for which there are no numbers is filtered by a set
/// that permits nothing.
pub fn of(view: &mut View<'_>, port: &LogicalPort) -> Option<Filter> {
    if !is_filtered(port) {
        return None;
    }
    let policy = view.number(Space::Policy, &name_of(&port.security_groups));
    let zone = view.number(Space::Zone, &port.id);
    Some(match (policy, zone) {
        (Some(policy), Some(zone)) => Filter { policy, zone },
        _ => Filter { policy: pipeline::filters::NO_POLICY, zone: 0 },
    })
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

/// The name of a set of groups: the same for every order of them.
fn name_of(groups: &[Id<SecurityGroup>]) -> Id<Policy> {
    let mut names: Vec<String> = groups.iter().map(ToString::to_string).collect();
    names.sort_unstable();
    names.dedup();
    let name = names.join(&SEPARATOR.to_string());
    Id::new(&name).unwrap_or_else(|_| Id::new(NOTHING).expect("it has a name"))
}

/// The groups of a set, by its name.
pub(crate) fn groups_of(name: &RowId) -> Vec<Id<SecurityGroup>> {
    let text = name.to_string();
    let ids = text.split(SEPARATOR).filter(|id| *id != NOTHING);
    ids.filter_map(|id| Id::new(id).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(names: &[&str]) -> Vec<Id<SecurityGroup>> {
        names.iter().map(|name| Id::new(name).unwrap()).collect()
    }

    #[test]
    fn a_set_has_one_name_and_gives_its_groups() {
        let name = name_of(&groups(&["b", "a", "b"]));
        assert_eq!(name, name_of(&groups(&["a", "b"])));
        assert_eq!(groups_of(name.row()), groups(&["a", "b"]));
        assert!(groups_of(name_of(&[]).row()).is_empty());
    }
}
