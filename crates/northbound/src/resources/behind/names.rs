//! Which port a pair of addresses names.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use model::SegmentationType;
use net_types::MacAddr;
use serde_json::Value;

use super::super::{facts, trunk};
use super::Nested;
use crate::ipam::owner;
use crate::registry::Kind;
use crate::registry::document::Document;
use crate::translate::AllowedAddressPair;
use crate::translate::port::REMOTE_PORT;
use crate::write::{Draft, guard_of_pairs};

/// What of a port decides which ports are inside others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    /// Its project.
    pub(super) project: String,
    /// Its addresses.
    pub(super) addresses: BTreeSet<IpAddr>,
    /// What its pairs say.
    pub(super) pairs: BTreeSet<(IpAddr, Option<MacAddr>)>,
    mac: Option<MacAddr>,
    /// Whether it may be inside another port.
    pub(super) may_be_inside: bool,
    may_be_outer: bool,
}

impl Facts {
    /// Those of a port that carries a trunk, or not, and is carried by one, or not.
    pub(super) fn new(port: &Document, (carries, is_carried): (bool, bool)) -> Self {
        let device_owner = port.text("device_owner");
        let is_free = !port.project().is_empty()
            && !owner::is_of_network(device_owner)
            && device_owner != trunk::SUBPORT_OWNER
            && !is_carried
            && port.get("binding:profile").get("port_key").and_then(Value::as_str) != Some(REMOTE_PORT);
        Self {
            project: port.project().to_owned(),
            addresses: addresses(port).collect(),
            pairs: pairs(port),
            mac: mac(port.get("mac_address")),
            may_be_inside: is_free && !carries && own_host(port).is_empty(),
            may_be_outer: is_free,
        }
    }

    /// Those of a port as a decision leaves it.
    pub(super) fn drafted(draft: &Draft<'_>, port: &Document) -> Self {
        let carries = !draft.with(Kind::Trunk, "port_id", port.id()).is_empty();
        let is_carried = !draft.with(Kind::Trunk, "sub_ports", &format!("port_id={}", port.id())).is_empty();
        Self::new(port, (carries, is_carried))
    }

    /// Those of a port as it is known.
    pub(super) fn known(draft: &Draft<'_>, port: &Document) -> Self {
        let trunks = draft.state().rows(Kind::Trunk);
        let carries = trunks.count("port_id", port.id()) > 0;
        let is_carried = trunks.count("sub_ports", &format!("port_id={}", port.id())) > 0;
        Self::new(port, (carries, is_carried))
    }
}

fn mac(value: &Value) -> Option<MacAddr> {
    value.as_str()?.parse().ok()
}

/// The addresses of a port.
pub(super) fn addresses(port: &Document) -> impl Iterator<Item = IpAddr> {
    port.list("fixed_ips").iter().filter_map(|fixed| facts::address(fixed.get("ip_address")?))
}

/// The host that somebody said a port is on: not the one that it is on because the port is there that it is inside of.
fn own_host(port: &Document) -> &str {
    let host = port.text("binding:host_id");
    if Nested::of(port).is_some_and(|nested| nested.host == host) { "" } else { host }
}

/// The pairs of a port that are single addresses, and not its own.
pub(super) fn pairs(port: &Document) -> BTreeSet<(IpAddr, Option<MacAddr>)> {
    let own: BTreeSet<IpAddr> = addresses(port).collect();
    let pair = |pair: &Value| {
        let net = AllowedAddressPair::parse_address(pair.get("ip_address")?.as_str()?)?;
        let is_one = net.prefix_len() == net.max_prefix_len() && !own.contains(&net.addr());
        is_one.then(|| (net.addr(), pair.get("mac_address").and_then(mac)))
    };
    port.list("allowed_address_pairs").iter().filter_map(pair).collect()
}

/// The ports of a project that have an address.
pub(super) fn holders(draft: &Draft<'_>, project: &str, address: IpAddr) -> Vec<Arc<Document>> {
    let mut found = draft.with(Kind::Port, "fixed_ips", &format!("ip_address={address}"));
    found.retain(|port| port.project() == project);
    found
}

/// The ports of a project with a pair of an address.
pub(super) fn allowed(draft: &Draft<'_>, project: &str, address: IpAddr) -> Vec<Arc<Document>> {
    let length = if address.is_ipv4() { 32 } else { 128 };
    let terms = [format!("ip_address={address}"), format!("ip_address={address}/{length}")];
    let mut found: Vec<_> =
        terms.iter().flat_map(|term| draft.with(Kind::Port, "allowed_address_pairs", term)).collect();
    found.sort_by(|first, second| first.id().cmp(second.id()));
    found.dedup_by(|first, second| first.id() == second.id());
    found.retain(|port| port.project() == project);
    found
}

/// How frames of a port with this MAC address are told from those of the port whose pair this is, if the pair may mean it. Where both
/// have one MAC address, IP addresses tell them apart.
fn told_by(
    pair: Option<MacAddr>,
    outer: Option<MacAddr>,
    inner: Option<MacAddr>,
) -> Option<SegmentationType> {
    match pair {
        None => Some(SegmentationType::Ipvlan),
        said if said == outer => Some(SegmentationType::Ipvlan),
        said if said == inner => Some(SegmentationType::Macvlan),
        Some(_) => None,
    }
}

/// The port that a pair of a port names. In the network of that port an address means who has it there; elsewhere whoever
/// has it has to be the only one.
fn named(
    draft: &Draft<'_>,
    outer: &Document,
    (address, pair): (IpAddr, Option<MacAddr>),
) -> Option<(Arc<Document>, SegmentationType)> {
    let mut found = holders(draft, outer.project(), address);
    found.retain(|port| port.id() != outer.id());
    if let Some(at) = found.iter().position(|port| port.get("network_id") == outer.get("network_id")) {
        found = vec![found.swap_remove(at)];
    }
    let outer_mac = mac(outer.get("mac_address"));
    let mut meant = found.into_iter().filter_map(|port| {
        let facts = Facts::drafted(draft, &port);
        Some((told_by(pair, outer_mac, facts.mac).filter(|_| facts.may_be_inside)?, port))
    });
    let (by, port) = meant.next()?;
    meant.next().is_none().then_some((port, by))
}

/// The ports that name a port in their pairs, and how its frames are told from theirs; two of them if there are more. Whoever changes a
/// port so that it would be another answer writes a guard that this requires to stay.
pub(super) fn namers(draft: &mut Draft<'_>, port: &Document) -> Vec<(Arc<Document>, SegmentationType)> {
    let mut found: Vec<(Arc<Document>, SegmentationType)> = Vec::new();
    for address in addresses(port).collect::<BTreeSet<_>>() {
        draft.seal(guard_of_pairs(port.project(), address));
        for outer in allowed(draft, port.project(), address) {
            let facts = Facts::drafted(draft, &outer);
            if outer.id() == port.id() || !facts.may_be_outer {
                continue;
            }
            let own = facts.pairs.into_iter().filter(|(own, _)| *own == address);
            for pair in own.collect::<Vec<_>>() {
                let Some((inner, by)) = named(draft, &outer, pair) else { continue };
                if inner.id() != port.id() {
                    continue;
                }
                match found.iter_mut().find(|(known, _)| known.id() == outer.id()) {
                    // Who is told by its MAC address in one pair is so in all.
                    Some((_, known)) if by == SegmentationType::Macvlan => *known = by,
                    Some(_) => {}
                    None => found.push((Arc::clone(&outer), by)),
                }
            }
            if found.len() > 1 {
                return found;
            }
        }
    }
    found
}

/// The ports that pairs of a port may name.
pub(super) fn meant(draft: &Draft<'_>, facts: &Facts) -> Vec<Arc<Document>> {
    facts.pairs.iter().flat_map(|(address, _)| holders(draft, &facts.project, *address)).collect()
}
