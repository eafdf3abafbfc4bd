//! Who is in the groups that rules name: addresses, shared by all rules of the node.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use engine::numbers::Space;
use engine::{Sink, View};
use ipnet::IpNet;
use model::{AddressGroup, Id, LogicalPort, PortAddressRanges, RowId, SecurityGroup};
use openflow::action::Action;
use openflow::{Field, Match};
use pipeline::{FlowBuilder, Priority};

use super::rule::of_net;
use super::usage::{UsageOf, Use};
use super::{ADDRESS_PARTS, PARTS, WHOLE};

/// What happens to a packet whose rule and whose other side were both found.
pub(super) fn complete(view: &mut View<'_>, owner: &RowId, set: u32, sink: &mut Sink) {
    let usage = view.derived::<UsageOf>(owner);
    let tables: BTreeMap<u8, Use> = usage.uses().map(|part| (part.table().id, part)).collect();
    for part in tables.into_values() {
        let whole = Match::new().with(Field::ConjId, set);
        sink.flow(part.table(), WHOLE, |flow| flow.matching(whole).goto(part.next()));
    }
}

/// The addresses of a port that is in groups. Of several ports with one address, which may be in different groups, the first
/// says it for all.
pub(super) fn port(view: &mut View<'_>, port: &LogicalPort, sink: &mut Sink) {
    if port.security_groups.is_empty() {
        return;
    }
    let pairs = port.allowed_address_pairs.iter().map(|pair| pair.ip_address);
    let addresses: BTreeSet<IpAddr> = port.ips.iter().copied().chain(pairs).collect();
    for address in addresses {
        let holders = view.ids_by(&LogicalPort::BY_FILTERED_IP, address);
        if holders.first() == Some(&port.id) {
            let groups = groups_of(view, &holders);
            members(view, address.into(), &groups, PARTS, sink);
        }
    }
}

/// The ranges of addresses that a port in groups may use.
pub(super) fn ranges(view: &mut View<'_>, row: &PortAddressRanges, sink: &mut Sink) {
    let cidrs: BTreeSet<IpNet> = row.ranges.iter().map(|range| range.cidr.trunc()).collect();
    for cidr in cidrs {
        let holders = view.by(&PortAddressRanges::BY_CIDR, cidr.to_string());
        if holders.first().is_some_and(|first| first.id == row.id) {
            let ports: Vec<Id<LogicalPort>> = holders.iter().map(|row| row.lport.clone()).collect();
            let groups = groups_of(view, &ports);
            members(view, cidr, &groups, PARTS, sink);
        }
    }
}

/// The addresses of an address group.
pub(super) fn address_group(view: &mut View<'_>, group: &AddressGroup, sink: &mut Sink) {
    let cidrs: BTreeSet<IpNet> = group.addresses.iter().map(IpNet::trunc).collect();
    for cidr in cidrs {
        let holders = view.ids_by(&AddressGroup::BY_CIDR, cidr.to_string());
        if holders.first() == Some(&group.id) {
            let groups = holders.iter().map(|group| group.row().clone()).collect();
            members(view, cidr, &groups, ADDRESS_PARTS, sink);
        }
    }
}

/// The groups that any of these ports is in.
fn groups_of(view: &mut View<'_>, ports: &[Id<LogicalPort>]) -> BTreeSet<RowId> {
    let mut groups = BTreeSet::new();
    for port in ports {
        let row = view.get(port);
        groups.extend(
            row.iter()
                .flat_map(|row| &row.security_groups)
                .map(|group: &Id<SecurityGroup>| group.row().clone()),
        );
    }
    groups
}

/// Says that the other side is in these groups when it has such an address, wherever rules ask for it.
fn members(view: &mut View<'_>, net: IpNet, groups: &BTreeSet<RowId>, priority: Priority, sink: &mut Sink) {
    let is_ipv4 = net.addr().is_ipv4();
    let mut uses: BTreeMap<Use, BTreeSet<u32>> = BTreeMap::new();
    for group in groups {
        let usage = view.derived::<UsageOf>(group);
        for part in usage.uses().filter(|part| part.is_ipv4 == is_ipv4) {
            let set = view.number(Space::AddressSet, &Id::<SecurityGroup>::from_row(group.clone()));
            uses.entry(part).or_default().extend(set);
        }
    }
    for (part, sets) in uses {
        let member = |flow: FlowBuilder, set: &u32| {
            flow.action(Action::Conjunction { id: *set, clause: 2, n_clauses: 2 })
        };
        sink.flow(part.table(), priority, |flow| {
            sets.iter().fold(flow.matching(of_net(net, part.direction())), member)
        });
    }
}
