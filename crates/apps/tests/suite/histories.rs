//! Whatever happened, the flows follow from what there is: random histories of rows, interfaces, tunnels and settings.

use std::collections::BTreeMap;

use engine::{Engine, Input, RowChange};
use model::{Object, RowId, Table};
use proptest::prelude::*;

use crate::support::{Cloud, Node, interface, row_id};

/// Something that happens to a node.
#[derive(Debug, Clone)]
enum Event {
    /// Facts as text.
    Put(String),
    Delete(Table, &'static str),
    /// One port is not inside the other any more.
    TakeOut(&'static str, &'static str),
    Plug(&'static str, u32),
    Unplug(&'static str),
    /// Which types of tunnel it has.
    Tunnels(Vec<&'static str>),
    /// Where a physical network is reached.
    Wire(&'static str, Option<u32>),
    AnswerArp(bool),
    Multicast(bool, bool),
    TunnelIp(&'static str),
}

const PORTS: [&str; 6] = ["p0", "p1", "p2", "p3", "p4", "p5"];
const NETWORKS: [&str; 3] = ["n0", "n1", "n2"];
const SUBNETS: [&str; 3] = ["s0", "s1", "s2"];
const GROUPS: [&str; 2] = ["g0", "g1"];
const ADDRESSES: [&str; 2] = ["ag", "other"];
const NODES: [&str; 4] = ["a", "b", "c", "d"];

fn any_port() -> impl Strategy<Value = String> {
    let place = prop::option::weighted(0.8, prop::sample::select(&NODES[..]));
    let address = 0_u8..6;
    let more = prop::sample::subsequence(
        vec![
            "unsecured",
            "disabled",
            "owner=network:dhcp",
            "owner=network:router_interface",
            "owner=network:router_gateway",
            "owner=network:floatingip",
            "pair=10.0.0.3/02:00:00:00:00:03",
            "pair=fd00::9/02:00:00:00:00:00",
            "pair=10.0.0.0/29/02:00:00:00:00:02",
            "subnet=s0,s1",
            "subnet=s2",
            "opt=26:1400;3:nonsense",
            "groups=g0",
            "groups=g0,g1",
            "filtered",
            "policy=q0",
        ],
        0..6,
    );
    let key = prop_oneof![9 => 1_u32..6, 1 => Just(40_000)];
    (
        prop::sample::select(&PORTS[..]),
        key,
        prop::sample::select(&NETWORKS[..]),
        place,
        (address.clone(), address),
        more,
    )
        .prop_map(|(name, key, network, place, (mac, ip), more)| {
            let on = place.map(|place| format!("on={place}")).unwrap_or_default();
            let macs = if mac == 5 {
                "mac=02:00:00:00:00:01,02:00:00:00:00:07".to_owned()
            } else {
                format!("mac=0{}:00:00:00:00:0{mac}", 2 + mac / 4)
            };
            let ips = if ip == 5 { "ip=fd00::5,10.0.0.5".to_owned() } else { format!("ip=10.0.0.{ip}") };
            format!("port {name} {key} {network} {on} {macs} {ips} {}", more.join(" "))
        })
}

fn any_network() -> impl Strategy<Value = String> {
    let kind = prop::sample::select(vec!["geneve", "vxlan", "gre", "vlan", "vlan", "flat", "local", "stt"]);
    let key = prop_oneof![9 => 1_u32..5, 1 => Just(1 << 24)];
    let segment = prop_oneof![9 => (1_u32..4).prop_map(Some), 1 => Just(Some(1 << 24)), 1 => Just(None)];
    let policy = prop::sample::select(vec!["", "policy=q1"]);
    let physical =
        prop::sample::select(vec!["", "in=one", "in=one tags", "in=two", "in=one external", "mtu=1400"]);
    (prop::sample::select(&NETWORKS[..]), key, kind, segment, (policy, physical)).prop_map(
        |(name, key, kind, segment, (policy, physical))| {
            let segment = segment.map(|segment| format!("segment={segment}")).unwrap_or_default();
            format!("network {name} {key} {kind} {segment} {policy} {physical}")
        },
    )
}

fn any_subnet() -> impl Strategy<Value = String> {
    let cidr = prop::sample::select(vec!["10.0.0.0/24", "10.0.0.0/30", "fd00::/64"]);
    let dhcp = prop::bool::weighted(0.8).prop_map(|is_on| if is_on { "dhcp" } else { "" });
    let more = prop::sample::select(vec![
        "",
        "gateway=10.0.0.254",
        "dns=1.1.1.1",
        "ra=slaac mode=slaac dns=fd00::53",
        "ra=dhcpv6-stateful mode=dhcpv6-stateful gateway=fd00::5",
        "mode=dhcpv6-stateless",
    ]);
    let id = (prop::sample::select(&SUBNETS[..]), prop::sample::select(&NETWORKS[..]));
    (id, cidr, dhcp, more).prop_map(|((name, network), cidr, dhcp, more)| {
        format!("subnet {name} {network} {cidr} {dhcp} {more}")
    })
}

fn any_holder() -> impl Strategy<Value = String> {
    let holds = vec!["10.0.0.3 02:00:00:00:00:03", "fd00::9 02:00:00:00:00:00", "10.0.0.3 02:00:00:00:00:01"];
    (prop::sample::select(&NETWORKS[..]), prop::sample::select(&PORTS[..]), prop::sample::select(holds))
        .prop_map(|(network, port, holds)| format!("active {network} {port} {holds}"))
}

fn any_group() -> impl Strategy<Value = String> {
    let rules = vec![
        "in:any::",
        "out:any::group=g0",
        "in:udp:60-70:group=g1",
        "in6:any::group=g0",
        "in:tcp:80:addresses=ag",
        "out:any::addresses=ag",
        "in:udp:5:fd00::/8",
        "stateless",
    ];
    (prop::sample::select(&GROUPS[..]), prop::sample::subsequence(rules, 0..6))
        .prop_map(|(name, rules)| format!("group {name} 1 {}", rules.join(" ")))
}

fn any_addresses() -> impl Strategy<Value = String> {
    let addresses = vec!["10.0.0.1/32", "10.0.0.0/29", "10.9.0.0/16", "fd00::/64"];
    (prop::sample::select(&ADDRESSES[..]), prop::sample::subsequence(addresses, 1..4))
        .prop_map(|(name, addresses)| format!("addresses {name} {}", addresses.join(",")))
}

/// A port inside another, or both inside each other, or of nothing.
fn any_inside() -> impl Strategy<Value = String> {
    (prop::sample::select(&PORTS[..]), prop::sample::select(&PORTS[..]), 0_u32..4)
        .prop_map(|(port, parent, vlan)| format!("inside {port} {parent} {vlan}"))
}

fn any_policy() -> impl Strategy<Value = String> {
    let rules = vec!["out=100", "in=200/3", "out-packets=2", "in-packets=1/5", "dscp=26", "asks=7"];
    let rules = prop::sample::subsequence(rules, 0..6);
    (prop::sample::select(vec!["q0", "q1"]), rules)
        .prop_map(|(name, rules)| format!("policy {name} {}", rules.join(" ")))
}

fn any_nesting() -> impl Strategy<Value = (&'static str, &'static str, &'static str)> {
    let by = prop::sample::select(vec!["7", "8", "macvlan", "ipvlan"]);
    (prop::sample::select(&PORTS[..3]), prop::sample::select(&PORTS[..4]), by)
}

fn any_move() -> impl Strategy<Value = String> {
    let status = prop::sample::select(vec!["dest_plug", "src_unplug", "rebound"]);
    (prop::sample::select(&PORTS[..2]), prop::sample::select(&NODES[..]), status)
        .prop_map(|(port, node, status)| format!("moving {port} {node} {status}"))
}

const LISTENERS: [&str; 3] = ["n0-239.1.1.1-a", "n0-239.1.1.1-b", "n1-ff05::1-a"];

fn any_listener() -> impl Strategy<Value = String> {
    let ports = prop::sample::subsequence(PORTS.to_vec(), 1..4);
    (prop::sample::select(LISTENERS.to_vec()), ports).prop_map(|(id, ports)| {
        let mut parts = id.split('-');
        let mut part = || parts.next().unwrap_or_default();
        format!("listens {} {} {} {}", part(), part(), part(), ports.join(","))
    })
}

const ROUTERS: [&str; 2] = ["r0", "r1"];

/// A router with legs that may be its own, those of another, or none at all.
fn any_router() -> impl Strategy<Value = String> {
    let leg = (prop::sample::select(&PORTS[..]), prop::sample::select(&NETWORKS[..]), 1_u32..6);
    let leg = leg.prop_map(|(port, network, key)| format!("{port}/{network}/{key}"));
    let outer = (prop::sample::select(&PORTS[..]), prop::sample::select(&NETWORKS[..]));
    let outer = outer.prop_map(|(port, network)| format!("{port}/{network}"));
    let routes = vec![
        "10.9.0.0/16/10.0.0.3",
        "10.9.0.0/16/10.0.0.1",
        "0.0.0.0/0/10.0.0.2",
        "fd09::/16/fd00::5",
        "10.8.0.0/16/1.1.1.1",
    ];
    let more = prop::sample::select(vec!["", "disabled", "central", "on=a:5,b:9", "on=d:1"]);
    let legs = prop::collection::vec(leg, 0..4);
    let gateways = prop::collection::vec(outer, 0..2);
    let routes = prop::sample::subsequence(routes, 0..4);
    (prop::sample::select(&ROUTERS[..]), 1_u32..4, legs, gateways, routes, more).prop_map(
        |(name, key, legs, gateways, routes, more)| {
            let list = |option: &str, items: &[String]| match items {
                [] => String::new(),
                items => format!("{option}={}", items.join(",")),
            };
            let routes: Vec<String> = routes.into_iter().map(str::to_owned).collect();
            let (legs, gateways, routes) =
                (list("legs", &legs), list("gateway", &gateways), list("route", &routes));
            format!("router {name} {key} {legs} {gateways} {routes} {more}")
        },
    )
}

const FLOATING: [&str; 2] = ["f0", "f1"];

fn any_floating() -> impl Strategy<Value = String> {
    let to = (prop::sample::select(&PORTS[..]), 0_u8..5);
    (prop::sample::select(&FLOATING[..]), prop::sample::select(&PORTS[..]), prop::option::of(to)).prop_map(
        |(name, port, to)| {
            let to = to.map(|(port, ip)| format!("{port}/10.0.0.{ip}")).unwrap_or_default();
            format!("floating {name} {port} 203.0.113.9 r0 {to}")
        },
    )
}

const FORWARDED: [&str; 3] = ["f0-6-80", "f0-6-81", "f1-17-80"];

/// Forwarded ports of a floating IP, which may overlap, stand for a port itself, or be of none that is there.
fn any_forwarding() -> impl Strategy<Value = String> {
    let to = (prop::sample::select(&PORTS[..]), 0_u8..5, 1_u32..4);
    (prop::sample::select(FORWARDED.to_vec()), to).prop_map(|(id, (port, ip, count))| {
        let mut parts = id.split('-');
        let mut part = || parts.next().unwrap_or_default();
        format!("forward {} {} {} {port}/10.0.0.{ip} 22 {count}", part(), part(), part())
    })
}

fn any_limits() -> impl Strategy<Value = String> {
    (prop::sample::select(&FLOATING[..]), prop::sample::select(vec!["q0", "q1", "q9"]))
        .prop_map(|(floating, policy)| format!("limits {floating} {policy}"))
}

fn any_types() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(vec!["geneve", "vxlan", "gre"], 0..=3)
}

fn any_wire() -> impl Strategy<Value = Event> {
    let of_port = prop::option::weighted(0.8, 90_u32..92);
    (prop::sample::select(vec!["one", "two"]), of_port).prop_map(|(network, port)| Event::Wire(network, port))
}

fn any_event() -> impl Strategy<Value = Event> {
    let chassis = (prop::sample::select(&NODES[..]), 1_u8..5, any_types(), prop::bool::weighted(0.9))
        .prop_map(|(name, ip, types, is_v4)| {
            let ip = if is_v4 { format!("192.0.2.{ip}") } else { format!("2001:db8::{ip}") };
            format!("node {name} {ip} {}", types.join(" "))
        });
    prop_oneof![
        10 => any_port().prop_map(Event::Put),
        4 => any_network().prop_map(Event::Put),
        3 => any_subnet().prop_map(Event::Put),
        2 => any_policy().prop_map(Event::Put),
        2 => any_move().prop_map(Event::Put),
        1 => prop::sample::select(&PORTS[..2]).prop_map(|id| Event::Delete(Table::Migration, id)),
        3 => any_nesting().prop_map(|(port, outer, by)| Event::Put(format!("inside {port} {outer} {by}"))),
        1 => any_nesting().prop_map(|(port, outer, _)| Event::TakeOut(port, outer)),
        1 => prop::sample::select(vec!["q0", "q1"]).prop_map(|id| Event::Delete(Table::QosPolicy, id)),
        3 => chassis.prop_map(Event::Put),
        4 => any_group().prop_map(Event::Put),
        2 => any_addresses().prop_map(Event::Put),
        2 => any_inside().prop_map(Event::Put),
        1 => prop::sample::select(&GROUPS[..]).prop_map(|id| Event::Delete(Table::SecurityGroup, id)),
        1 => prop::sample::select(&GROUPS[..]).prop_map(|id| Event::Delete(Table::SecurityGroupExtra, id)),
        1 => prop::sample::select(&ADDRESSES[..]).prop_map(|id| Event::Delete(Table::AddressGroup, id)),
        2 => any_holder().prop_map(Event::Put),
        1 => Just(Event::Delete(Table::ChildPortSegmentation, "p1-in-p0")),
        2 => prop::sample::select(&PORTS[..]).prop_map(|id| Event::Delete(Table::LogicalPort, id)),
        1 => prop::sample::select(&NETWORKS[..]).prop_map(|id| Event::Delete(Table::LogicalSwitch, id)),
        1 => prop::sample::select(&NODES[..]).prop_map(|id| Event::Delete(Table::Chassis, id)),
        1 => prop::sample::select(&SUBNETS[..]).prop_map(|id| Event::Delete(Table::Subnet, id)),
        1 => prop::sample::select(&SUBNETS[..]).prop_map(|id| Event::Delete(Table::SubnetIpv6, id)),
        6 => (prop::sample::select(&PORTS[..]), 1_u32..9).prop_map(|(port, plug)| Event::Plug(port, plug)),
        3 => prop::sample::select(&PORTS[..]).prop_map(Event::Unplug),
        1 => any_types().prop_map(Event::Tunnels),
        1 => any_wire(),
        1 => prop::sample::select(&NETWORKS[..]).prop_map(|id| Event::Delete(Table::NetworkExtra, id)),
        1 => any::<bool>().prop_map(Event::AnswerArp),
        1 => (prop::bool::weighted(0.8), any::<bool>()).prop_map(|(snoops, floods)| Event::Multicast(snoops, floods)),
        2 => any_listener().prop_map(Event::Put),
        4 => any_router().prop_map(Event::Put),
        3 => any_floating().prop_map(Event::Put),
        2 => (prop::sample::select(&NODES[..]), 0_u8..3).prop_map(|(node, rank)| Event::Put(format!("candidate {node} {rank}"))),
        1 => prop::sample::select(&NODES[..]).prop_map(|id| Event::Delete(Table::GatewayCandidate, id)),
        1 => prop::sample::select(&ROUTERS[..]).prop_map(|id| Event::Delete(Table::LogicalRouter, id)),
        1 => prop::sample::select(&ROUTERS[..]).prop_map(|id| Event::Delete(Table::RouterExtra, id)),
        1 => prop::sample::select(&FLOATING[..]).prop_map(|id| Event::Delete(Table::FloatingIp, id)),
        2 => any_forwarding().prop_map(Event::Put),
        1 => prop::sample::select(FORWARDED.to_vec()).prop_map(|id| Event::Delete(Table::PortForwarding, id)),
        2 => any_limits().prop_map(Event::Put),
        1 => prop::sample::select(&FLOATING[..]).prop_map(|id| Event::Delete(Table::FloatingIpExtra, id)),
        1 => prop::sample::select(LISTENERS.to_vec()).prop_map(|id| Event::Delete(Table::MulticastMember, id)),
        1 => prop::sample::select(vec!["192.0.2.1", "2001:db8::1"]).prop_map(Event::TunnelIp),
    ]
}

/// Everything that a history leads to.
#[derive(Debug, Default)]
struct Facts {
    rows: BTreeMap<(Table, RowId), Object>,
}

impl Facts {
    /// Makes it happen at the node; what the node is told about it.
    fn happen(&mut self, event: &Event, node: &mut Node) -> Vec<Input> {
        match event {
            Event::Put(text) => {
                let rows = Cloud::rows_of(text);
                self.rows.extend(rows.iter().map(|row| ((row.table(), row.id().clone()), row.clone())));
                rows.into_iter().map(|row| Input::Row(RowChange::Put(row))).collect()
            }
            Event::Delete(table, id) => {
                self.rows.remove(&(*table, row_id(id)));
                vec![Input::Row(RowChange::Delete(*table, row_id(id)))]
            }
            Event::TakeOut(port, outer) => {
                let key = (Table::ChildPortSegmentation, row_id(&format!("{port}-in-{outer}")));
                self.rows.remove(&key);
                vec![Input::Row(RowChange::Delete(key.0, key.1))]
            }
            Event::Plug(port, of_port) => {
                node.plugged.insert(row_id(port), *of_port);
                vec![interface(row_id(port), *of_port)]
            }
            Event::Unplug(port) => {
                node.plugged.remove(&row_id(port));
                vec![Input::InterfaceGone(row_id(port))]
            }
            Event::Tunnels(types) => {
                node.set_tunnel_types(types);
                vec![Input::Tunnels(node.tunnels.clone())]
            }
            Event::Wire(network, of_port) => {
                node.set_wire(network, *of_port);
                vec![Input::Providers(node.providers.clone())]
            }
            Event::AnswerArp(answer_arp) => {
                node.settings.answer_arp = *answer_arp;
                vec![Input::Settings(node.settings.clone())]
            }
            Event::Multicast(snoops, floods_unregistered) => {
                node.settings.multicast =
                    engine::Multicast { snoops: *snoops, floods_unregistered: *floods_unregistered };
                vec![Input::Settings(node.settings.clone())]
            }
            Event::TunnelIp(ip) => {
                node.settings.tunnel_ip = ip.parse().expect("an address");
                vec![Input::Settings(node.settings.clone())]
            }
        }
    }
}

/// An engine that is told everything in this order, in steps of some inputs.
fn fresh(mut inputs: Vec<Input>, order: &[usize], step_inputs: usize) -> Engine {
    let mut engine = Engine::new(apps::all());
    let mut shuffled = Vec::new();
    for place in order {
        if !inputs.is_empty() {
            shuffled.push(inputs.swap_remove(place % inputs.len()));
        }
    }
    shuffled.append(&mut inputs);
    for inputs in shuffled.chunks(step_inputs) {
        engine.step(inputs.to_vec());
    }
    engine
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_path_to_a_state_does_not_show_in_it(
        history in prop::collection::vec(prop::collection::vec(any_event(), 1..4), 1..30),
        order in prop::collection::vec(any::<usize>(), 24),
        step_inputs in 1_usize..24,
    ) {
        let mut cloud = Cloud::new("node a 192.0.2.1 geneve vxlan gre");
        let node = cloud.node("a");
        let mut facts = Facts::default();
        let start = Cloud::rows_of("node a 192.0.2.1 geneve vxlan gre");
        facts.rows.extend(start.into_iter().map(|row| ((row.table(), row.id().clone()), row)));
        for events in &history {
            let inputs = events.iter().flat_map(|event| facts.happen(event, node)).collect();
            node.step(inputs);
            node.check();
        }
        let rows = facts.rows.values().map(|row| Input::Row(RowChange::Put(row.clone())));
        let inputs: Vec<Input> = rows.chain(node.own_facts()).collect();
        prop_assert_eq!(fresh(inputs, &order, step_inputs).desired(), node.engine.desired());
    }
}
