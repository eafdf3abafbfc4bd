//! The flows of a host, as a pure function of what there is and of what is plugged in.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use net_types::OfPort;
use openflow::action::{Action, Resubmit};
use openflow::field::Subfield;
use openflow::flow::PackedFlow;
use openflow::group::{Bucket, Group, GroupKind};
use openflow::{Field, Match};
use pipeline::tables::{CLASSIFY, CLASSIFY_OWNER, DISPATCH, L2, L2_OWNER};
use pipeline::{Cookie, Priority, Violation, groups, regs, tunnels};

use crate::topology::{HOSTS, Host, NETWORKS, Network, PORTS, Port};

/// What is plugged into the bridge of a host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Plugged {
    /// Switch ports of guests, by the name of the port.
    pub(crate) guests: BTreeMap<String, OfPort>,
    /// The tunnel to the other hosts.
    pub(crate) tunnel: Option<OfPort>,
}

/// What the switch should hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct Desired {
    pub(crate) flows: Vec<PackedFlow>,
    pub(crate) groups: Vec<Group>,
}

/// Network ids, and so the keys that tunnels carry, have 24 bits.
const NETWORK_BITS: u16 = 24;

/// What `host` should hold.
pub(crate) fn desired(host: Host, plugged: &Plugged) -> Result<Desired, Violation> {
    let mut out = Desired::default();
    for port in PORTS {
        if let Some(ofport) = plugged.guests.get(port.name) {
            local_port(port, *ofport, &mut out)?;
        } else if let (true, Some(tunnel)) = (port.host != host, plugged.tunnel) {
            remote_port(port, tunnel, &mut out)?;
        } else {
            continue;
        }
        reach(port, &mut out)?;
    }
    for network in NETWORKS {
        flood(network, host, plugged, &mut out)?;
    }
    if let Some(tunnel) = plugged.tunnel {
        from_tunnel(tunnel, &mut out)?;
    }
    Ok(out)
}

/// Packets from and to a guest on this host.
fn local_port(port: Port, ofport: OfPort, out: &mut Desired) -> Result<(), Violation> {
    let cookie = Cookie::new(CLASSIFY_OWNER, port.key.into());
    let from = CLASSIFY
        .flow(Priority::EXACT, cookie)
        .matching(Match::new().with(Field::InPort, ofport))
        .set(&regs::NETWORK, port.network.key.into())
        .set(&regs::INGRESS_PORT, port.key.into())
        .goto(&L2);
    let to = DISPATCH.flow(Priority::EXACT, cookie).when(&regs::EGRESS_PORT, port.key.into()).output(ofport);
    out.flows.extend([from.build()?, to.build()?]);
    Ok(())
}

/// Packets to a guest on another host.
fn remote_port(port: Port, tunnel: OfPort, out: &mut Desired) -> Result<(), Violation> {
    let mut flow = DISPATCH
        .flow(Priority::EXACT, Cookie::new(CLASSIFY_OWNER, port.key.into()))
        .when(&regs::EGRESS_PORT, port.key.into());
    for action in into_tunnel(port.network, port.host.underlay, port.key.into(), tunnel) {
        flow = flow.action(action);
    }
    out.flows.push(flow.build()?);
    Ok(())
}

/// Sends the packet to `remote`, for the port with key `egress` there.
fn into_tunnel(network: Network, remote: Ipv4Addr, egress: u64, tunnel: OfPort) -> [Action; 5] {
    let ingress = Subfield { n_bits: tunnels::OPTION_INGRESS.n_bits, ..regs::INGRESS_PORT.bits };
    [
        Action::set(Field::TunId, network.key),
        Action::set(Field::TunDst, remote),
        Action::load(tunnels::OPTION_EGRESS, egress),
        Action::copy(ingress, tunnels::OPTION_INGRESS),
        Action::output(tunnel),
    ]
}

/// Where the address of a port leads.
fn reach(port: Port, out: &mut Desired) -> Result<(), Violation> {
    let flow = L2
        .flow(Priority::EXACT, Cookie::new(L2_OWNER, port.key.into()))
        .when(&regs::NETWORK, port.network.key.into());
    let matching = regs::NETWORK.matched(Match::new().with(Field::EthDst, port.mac), port.network.key.into());
    out.flows.push(flow.matching(matching).set(&regs::EGRESS_PORT, port.key.into()).goto(&DISPATCH).build()?);
    Ok(())
}

/// What is for everybody in a network: one copy for each guest here, and one for each other host that has guests in it.
fn flood(network: Network, host: Host, plugged: &Plugged, out: &mut Desired) -> Result<(), Violation> {
    let here: Vec<Bucket> = PORTS
        .iter()
        .filter(|port| port.network == network && plugged.guests.contains_key(port.name))
        .map(|port| {
            let egress = Action::set(regs::EGRESS_PORT.bits.field, u64::from(port.key));
            let dispatch = Resubmit { in_port: None, table: Some(DISPATCH.id), ct: false };
            Bucket::new(vec![egress, Action::Resubmit(dispatch)])
        })
        .collect();
    let elsewhere = HOSTS.iter().filter_map(|other| {
        let concerned = PORTS.iter().any(|port| port.network == network && port.host == *other);
        let tunnel = plugged.tunnel.filter(|_| *other != host && concerned)?;
        Some(Bucket::new(into_tunnel(network, other.underlay, tunnels::EGRESS_FLOOD, tunnel).into()))
    });
    let everybody = here.iter().cloned().chain(elsewhere).collect();
    let group = |id, buckets| Group { id, kind: GroupKind::All, buckets };
    out.groups.push(group(groups::local_flood(network.key), here));
    out.groups.push(group(groups::flood(network.key), everybody));

    let many = Match::new().with_masked(Field::EthDst, 1_u64 << 40, 1_u64 << 40);
    let from_here = L2
        .flow(Priority::DEFAULT, Cookie::general(L2_OWNER))
        .matching(regs::NETWORK.matched(many, network.key.into()))
        .action(Action::Group(groups::flood(network.key)));
    let from_elsewhere = DISPATCH
        .flow(Priority::EXACT, Cookie::general(CLASSIFY_OWNER))
        .when(&regs::NETWORK, network.key.into())
        .when(&regs::EGRESS_PORT, tunnels::EGRESS_FLOOD)
        .action(Action::Group(groups::local_flood(network.key)));
    out.flows.extend([from_here.build()?, from_elsewhere.build()?]);
    Ok(())
}

/// Packets from other hosts say themselves which network they are of and which port they are for.
fn from_tunnel(tunnel: OfPort, out: &mut Desired) -> Result<(), Violation> {
    let network = Subfield { field: Field::TunId, ofs: 0, n_bits: NETWORK_BITS };
    let low = |register: &pipeline::Register, n_bits| Subfield { n_bits, ..register.bits };
    let ingress = low(&regs::INGRESS_PORT, tunnels::OPTION_INGRESS.n_bits);
    let egress = low(&regs::EGRESS_PORT, tunnels::OPTION_EGRESS.n_bits);
    let flow = CLASSIFY
        .flow(Priority::EXACT, Cookie::general(CLASSIFY_OWNER))
        .matching(Match::new().with(Field::InPort, tunnel))
        .copy(network, regs::NETWORK.bits)
        .copy(tunnels::OPTION_INGRESS, ingress)
        .copy(tunnels::OPTION_EGRESS, egress)
        .goto(&DISPATCH);
    out.flows.push(flow.build()?);
    Ok(())
}
