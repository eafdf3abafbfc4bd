//! Groups at random, and what they permit, in terms of packets and not of flows.

use std::fmt::Write;
use std::net::IpAddr;

use ipnet::IpNet;
use proptest::prelude::*;

use super::frames::{Body, Frame, Payload};
use super::world::{Port, World, ipv4, ipv6};

/// How many groups there are: more than have places of their own in a port.
pub(super) const GROUPS: usize = 5;
/// What the one address group holds.
const ALLIES: [&str; 3] = ["10.0.0.1/32", "10.0.0.2/31", "fd00::/127"];

/// A group.
#[derive(Debug, Clone)]
pub(super) struct Group {
    is_stateless: bool,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    is_ingress: bool,
    is_ipv4: bool,
    protocol: Protocol,
    remote: Remote,
}

#[derive(Debug, Clone, Copy)]
enum Protocol {
    Any,
    Udp(Option<(u16, u16)>),
    Icmp(Option<u8>),
}

#[derive(Debug, Clone, Copy)]
enum Remote {
    Anybody,
    Net(IpNet),
    Group(usize),
    Allies,
}

pub(super) fn any_group() -> impl Strategy<Value = Group> {
    let ports = prop::sample::select(vec![(1000, 1000), (60, 70), (1, 65_535), (500, 1000)]);
    let protocol = prop_oneof![
        3 => Just(Protocol::Any),
        3 => prop::option::weighted(0.7, ports).prop_map(Protocol::Udp),
        2 => prop::option::weighted(0.5, prop::sample::select(vec![0_u8, 3, 8, 128, 129])).prop_map(Protocol::Icmp),
    ];
    let rule = (any::<bool>(), any::<bool>(), protocol, 0..4_usize, 0..GROUPS, 28_u8..=32).prop_map(
        |(is_ingress, is_ipv4, protocol, remote, group, length)| {
            let net = match is_ipv4 {
                true => IpNet::new_assert(ipv4(0, 2).into(), length).trunc(),
                false => IpNet::new_assert(ipv6(0, 2).into(), length + 96).trunc(),
            };
            let remote = [Remote::Anybody, Remote::Net(net), Remote::Group(group), Remote::Allies][remote];
            Rule { is_ingress, is_ipv4, protocol, remote }
        },
    );
    (prop::bool::weighted(0.3), prop::collection::vec(rule, 0..6))
        .prop_map(|(is_stateless, rules)| Group { is_stateless, rules })
}

/// What a packet says to a filter.
struct Seen {
    is_ingress: bool,
    other: IpAddr,
    payload: Payload,
}

/// Whether the groups of a port let a frame pass that it sends or is sent.
pub(super) fn lets_pass(world: &World, port: &Port, frame: &Frame, is_ingress: bool) -> bool {
    if !port.is_filtered() {
        return true;
    }
    match &frame.body {
        Body::Arp(_) | Body::Neighbor(..) => true,
        Body::Other => false,
        Body::Ip { src, dst, payload } => {
            is_needed(*src, *payload, is_ingress, port.macs.contains(&frame.src))
                || permits(
                    world,
                    port,
                    &Seen { is_ingress, other: if is_ingress { *src } else { *dst }, payload: *payload },
                )
        }
    }
}

/// Whether nobody can do without such a packet.
fn is_needed(src: IpAddr, payload: Payload, is_ingress: bool, is_own_mac: bool) -> bool {
    match (payload, src, is_ingress) {
        (Payload::Icmp(131..=133 | 135 | 136 | 143), IpAddr::V6(_), false) => true,
        (Payload::Icmp(130 | 134..=136), IpAddr::V6(_), true) => true,
        (Payload::Udp(67, 68), IpAddr::V4(_), true) | (Payload::Udp(547, 546), IpAddr::V6(_), true) => true,
        // Whether a guest may ask other servers than ours is up to port security.
        (Payload::Udp(68, 67), IpAddr::V4(_), false) => is_own_mac,
        (Payload::Udp(546, 547), IpAddr::V6(_), false) => true,
        _ => false,
    }
}

fn permits(world: &World, port: &Port, seen: &Seen) -> bool {
    let groups = port.groups.iter().map(|group| &world.groups[*group]);
    groups.flat_map(|group| &group.rules).any(|rule| {
        rule.is_ingress == seen.is_ingress
            && rule.is_ipv4 == seen.other.is_ipv4()
            && is_protocol(rule.protocol, seen.payload, rule.is_ipv4)
            && is_remote(world, rule.remote, seen.other)
    })
}

fn is_protocol(protocol: Protocol, payload: Payload, is_ipv4: bool) -> bool {
    match (protocol, payload) {
        (Protocol::Any, _) | (Protocol::Udp(None), Payload::Udp(..)) => true,
        // Of IPv6, only the first fragment says what it is of; the tracker of a switch puts them together.
        (Protocol::Udp(None | Some((1, 65_535))), Payload::Fragment) => is_ipv4,
        (Protocol::Udp(Some((first, last))), Payload::Udp(_, port)) => (first..=last).contains(&port),
        (Protocol::Icmp(kind), Payload::Icmp(of)) => kind.is_none_or(|kind| kind == of),
        _ => false,
    }
}

fn is_remote(world: &World, remote: Remote, other: IpAddr) -> bool {
    match remote {
        Remote::Anybody => true,
        Remote::Net(net) => net.contains(&other),
        Remote::Allies => {
            ALLIES.iter().any(|ally| ally.parse::<IpNet>().is_ok_and(|net| net.contains(&other)))
        }
        Remote::Group(group) => {
            world.ports.iter().filter(|port| port.groups.contains(&group)).any(|port| {
                port.ips.contains(&other) || port.pairs.iter().any(|(_, net)| net.contains(&other))
            })
        }
    }
}

/// The groups as lines of a topology.
pub(super) fn text(groups: &[Group]) -> String {
    let mut text = format!("addresses allies {}\n", ALLIES.join(","));
    for (number, group) in groups.iter().enumerate() {
        write!(text, "group g{number} {}", number + 1).expect("memory");
        for rule in &group.rules {
            let direction = if rule.is_ingress { "in" } else { "out" };
            let version = if rule.is_ipv4 { "" } else { "6" };
            let (protocol, ports) = match rule.protocol {
                Protocol::Any => ("any", String::new()),
                Protocol::Udp(ports) => {
                    ("udp", ports.map(|(first, last)| format!("{first}-{last}")).unwrap_or_default())
                }
                Protocol::Icmp(kind) => ("icmp", kind.map(|kind| format!("{kind}-0")).unwrap_or_default()),
            };
            let remote = match rule.remote {
                Remote::Anybody => String::new(),
                Remote::Net(net) => net.to_string(),
                Remote::Group(group) => format!("group=g{group}"),
                Remote::Allies => "addresses=allies".to_owned(),
            };
            write!(text, " {direction}{version}:{protocol}:{ports}:{remote}").expect("memory");
        }
        text += if group.is_stateless { " stateless\n" } else { "\n" };
    }
    text
}
