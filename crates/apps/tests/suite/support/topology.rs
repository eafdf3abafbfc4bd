//! Facts as text, a line each, so that a test shows at a glance what there is.
//!
//! ```text
//! node a 192.0.2.1 geneve vxlan          # the name, the end of its tunnels, the types it speaks
//! network red 1 geneve [segment=77] [name=x]  # the id, the key, the type
//! port vm1 11 red on=a:5 mac=02:00:00:00:00:01 ip=10.0.0.1,fd00::1
//!                                        # the key, the network; bound to node a and plugged in there as switch port 5
//! port vm2 12 red on=a ...               # bound, and not plugged in
//! port vm3 13 red on=a plug=b:5 ...      # bound there and plugged in here
//! port vm4 14 red ...                    # not bound
//! subnet s red 10.0.0.0/24 dhcp [gateway=10.0.0.254] [dns=8.8.8.8,1.1.1.1] [route=10.9.0.0/16/10.0.0.9]
//! subnet s6 red fd00::/64 dhcp ra=slaac mode=slaac preference=high  # its modes: what is announced, how addresses come; its router
//! ```
//! ```text
//! group web 5 in:tcp:80-90:10.0.0.0/8 out:::group=db [stateless]  # the key, and rules: direction, protocol, ports, remote side
//! addresses ag 10.9.0.0/16,10.8.0.1      # an address group
//! inside vm5 vm1 7                       # port vm5 is inside port vm1, by VLAN 7; or by `macvlan`, `ipvlan`
//! active red vm1 10.0.0.9 02:00:00:00:00:01    # port vm1 uses an address of a pair now
//! moving vm1 b dest_plug                 # port vm1 is on its way to node b; then `src_unplug`, `rebound`
//! policy gold out=1000/500 in=2000 out-packets=2 in-packets=1/3 dscp=26 asks=9  # rates with bursts, as in rules; minimum
//! listens red 239.1.1.1 a vm1,vm2        # ports of node a that listen to a multicast address
//! ```
//! ```text
//! network blue 2 vlan segment=100 in=public [tags]    # in a physical network; carries the tags of guests
//! wire a public 90                       # switch port 90 of node a leads to physical network public
//! proxy a 95                             # switch port 95 of node a leads to its proxy for metadata
//! wire a other                           # a mapping whose bridge is missing
//! ```
//! ```text
//! router r 100 legs=leg1/red/101,leg2/blue/102 [gateway=gw/public[/plain],...] [route=10.9.0.0/16/10.0.0.9] [discard=10.8.0.0/16] [disabled] [central] [on=a:10,b:5]
//!                                        # the key; its legs: ports with their networks and keys; `plain` gateways hide nothing
//! floating f fport 203.0.113.9 r [vm1/10.0.0.1]  # its port, address and router; the port and address that it stands for
//! forward f 6 8080 vm1/10.0.0.1 80 [10]   # ports of a floating IP, from 8080 on, that stand for ports of vm1, from 80 on: ten of TCP
//! limits f gold                          # the policy of a floating IP
//! candidate a 10                         # node a may have gateways, with this priority
//! ```
//! A network may be `external`, have an `mtu=`, and it and a port a `policy=`. A port may also be in a `subnet=`, have DHCP options `opt=26:1400;67:pxelinux.0` and a `siaddr=`, be
//! `opt6=23:fd00::1;59:http://boot`, be `unsecured`, `filtered` (with or without `groups=`), `disabled`, have an `owner=`, and pairs of allowed addresses `pair=10.0.0.9/02:00:00:00:00:09`,
//! also of ranges `pair=10.0.0.0/28/02:00:00:00:00:09`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use model::{Object, Table};
use serde_json::{Map, Value, json};

/// One fact.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fact {
    /// A node that is there: its name, the end of its tunnels, their types.
    Node { name: String, ip: String, types: Vec<String> },
    /// A row.
    Row(Object),
    /// A port is plugged in at a node.
    Plugged { node: String, port: String, of_port: u32 },
    /// A node has a way to a physical network, or should.
    Wire { node: String, network: String, of_port: Option<u32> },
    /// A node has a proxy for the metadata service.
    Proxy { node: String, of_port: u32 },
}

/// The facts of a text.
pub(crate) fn parse(text: &str) -> Vec<Fact> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    lines.filter(|line| !line.is_empty()).flat_map(parse_line).collect()
}

fn parse_line(line: &str) -> Vec<Fact> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["node", name, ip, types @ ..] => {
            let types: Vec<String> = types.iter().map(|kind| (*kind).to_owned()).collect();
            let row = json!({"id": name, "ip": ip, "tunnel_types": types});
            let node = Fact::Node { name: (*name).to_owned(), ip: (*ip).to_owned(), types };
            vec![node, row_of(Table::Chassis, &row)]
        }
        ["network", name, key, kind, more @ ..] => {
            let options = options(more);
            let mut row = json!({
                "id": name, "topic": "t", "unique_key": number(key), "network_type": kind, "version": 1,
            });
            if let Some(segment) = options.get("segment") {
                insert(&mut row, "segmentation_id", number(segment).into());
            }
            if let Some(mtu) = options.get("mtu") {
                insert(&mut row, "mtu", number(mtu).into());
            }
            if let Some(name) = options.get("name") {
                insert(&mut row, "name", (*name).into());
            }
            if let Some(policy) = options.get("policy") {
                insert(&mut row, "qos_policy", (*policy).into());
            }
            if options.contains_key("external") {
                insert(&mut row, "is_external", true.into());
            }
            if let Some(physical) = options.get("in") {
                insert(&mut row, "physical_network", (*physical).into());
            }
            let mut facts = vec![row_of(Table::LogicalSwitch, &row)];
            if options.contains_key("tags") {
                let row = json!({"id": name, "lswitch": name, "topic": "t", "version": 1, "vlan_transparent": true});
                facts.push(row_of(Table::NetworkExtra, &row));
            }
            facts
        }
        ["policy", name, rules @ ..] => policy(name, &options(rules)),
        ["wire", node, network, of_port @ ..] => vec![Fact::Wire {
            node: (*node).to_owned(),
            network: (*network).to_owned(),
            of_port: of_port.first().map(|port| number(port)),
        }],
        ["proxy", node, of_port] => vec![Fact::Proxy { node: (*node).to_owned(), of_port: number(of_port) }],
        ["subnet", name, network, cidr, more @ ..] => subnet(name, network, cidr, &options(more)),
        ["port", name, key, network, more @ ..] => port(name, key, network, &options(more)),
        ["group", name, key, rules @ ..] => group(name, key, rules),
        ["addresses", name, list] => {
            let addresses: Vec<&str> = list.split(',').collect();
            let row = json!({"id": name, "topic": "t", "version": 1, "addresses": addresses});
            vec![row_of(Table::AddressGroup, &row)]
        }
        ["active", network, port, ip, mac] => {
            let row = json!({
                "id": format!("{network}{ip}"), "topic": "t", "network": network, "ip": ip, "detected_lport": port,
                "detected_mac": mac,
            });
            vec![row_of(Table::AllowedAddressPairsActivePort, &row)]
        }
        ["moving", port, node, status] => {
            let row = json!({"id": port, "lport": port, "dest_chassis": node, "status": status});
            vec![row_of(Table::Migration, &row)]
        }
        ["listens", network, group, chassis, ports] => {
            let ports: Vec<&str> = ports.split(',').collect();
            let row = json!({
                "id": format!("{network}-{group}-{chassis}"), "topic": "t", "lswitch": network, "group": group,
                "chassis": chassis, "ports": ports,
            });
            vec![row_of(Table::MulticastMember, &row)]
        }
        ["router", name, key, more @ ..] => router(name, key, &options(more)),
        ["floating", name, port, ip, router, to @ ..] => {
            let mut row = json!({
                "id": name, "topic": "t", "version": 1, "floating_lport": port, "floating_ip_address": ip, "lrouter": router,
            });
            if let Some((port, ip)) = to.first().and_then(|to| to.split_once('/')) {
                insert(&mut row, "lport", port.into());
                insert(&mut row, "fixed_ip_address", ip.into());
            }
            vec![row_of(Table::FloatingIp, &row)]
        }
        ["forward", floating, protocol, external, to, internal, count @ ..] => {
            let (port, ip) = to.split_once('/').expect("port/address");
            let count = count.first().map_or(1, |count| number(count));
            let row = json!({
                "id": format!("{floating}-{protocol}-{external}"), "topic": "t", "version": 1, "floatingip": floating,
                "lport": port, "internal_ip": ip, "protocol": number(protocol), "count": count,
                "external_port": number(external), "internal_port": number(internal),
            });
            vec![row_of(Table::PortForwarding, &row)]
        }
        ["limits", floating, policy] => {
            let row = json!({
                "id": floating, "floatingip": floating, "topic": "t", "version": 1, "qos_policy": policy,
            });
            vec![row_of(Table::FloatingIpExtra, &row)]
        }
        ["candidate", node, priority] => {
            let row = json!({"id": node, "chassis": node, "priority": number(priority)});
            vec![row_of(Table::GatewayCandidate, &row)]
        }
        ["inside", port, parent, by] => {
            let mut row = json!({
                "id": format!("{port}-in-{parent}"), "topic": "t", "parent": parent, "port": port,
                "segmentation_type": by,
            });
            if !matches!(*by, "macvlan" | "ipvlan") {
                insert(&mut row, "segmentation_type", "vlan".into());
                insert(&mut row, "segmentation_id", number(by).into());
            }
            vec![row_of(Table::ChildPortSegmentation, &row)]
        }
        _ => panic!("no fact: {line}"),
    }
}

fn router(name: &str, key: &str, options: &BTreeMap<&str, &str>) -> Vec<Fact> {
    let list = |option: &str| -> Vec<&str> {
        options.get(option).into_iter().flat_map(|list| list.split(',')).collect()
    };
    let leg = |leg: &str| {
        let parts: Vec<&str> = leg.split('/').collect();
        json!({"id": parts[0], "lswitch": parts[1], "unique_key": number(parts[2]), "topic": "t"})
    };
    let route = |route: &str| {
        let (destination, nexthop) = route.rsplit_once('/').expect("destination/length/nexthop");
        json!({"destination": destination, "nexthop": nexthop})
    };
    let gateway = |gateway: &str| {
        let parts: Vec<&str> = gateway.split('/').collect();
        json!({"port": parts[0], "lswitch": parts[1], "enable_snat": parts.get(2) != Some(&"plain")})
    };
    let chosen = |node: &str| {
        let (node, priority) = node.split_once(':').expect("node:priority");
        json!({"chassis": node, "priority": number(priority)})
    };
    let row = json!({
        "id": name, "topic": "t", "unique_key": number(key), "version": 1,
        "ports": list("legs").into_iter().map(leg).collect::<Vec<_>>(),
        "routes": list("route").into_iter().map(route).collect::<Vec<_>>(),
    });
    let extra = json!({
        "id": name, "lrouter": name, "topic": "t", "version": 1, "enabled": !options.contains_key("disabled"),
        "distributed": !options.contains_key("central"),
        "discards": list("discard"),
        "gateways": list("gateway").into_iter().map(gateway).collect::<Vec<_>>(),
        "chassis": list("on").into_iter().map(chosen).collect::<Vec<_>>(),
    });
    let mut facts = vec![row_of(Table::LogicalRouter, &row)];
    // The API makes no such row where it would say nothing.
    if !options.contains_key("bare") {
        facts.push(row_of(Table::RouterExtra, &extra));
    }
    facts
}

fn policy(name: &str, options: &BTreeMap<&str, &str>) -> Vec<Fact> {
    let (mut own, mut extra) = (Vec::new(), Vec::new());
    for (option, text) in options {
        let (limit, burst) = text.split_once('/').unwrap_or((text, "0"));
        let (limit, burst) = (number(limit), number(burst));
        let direction = if option.starts_with("in") { "ingress" } else { "egress" };
        let id = format!("{name}-{option}");
        match *option {
            "dscp" => own.push(json!({"id": id, "type": "dscp_marking", "dscp_mark": limit})),
            "out" => own.push(json!({
                "id": id, "type": "bandwidth_limit", "direction": direction, "max_kbps": limit,
                "max_burst_kbps": burst,
            })),
            "in" => extra.push(json!({
                "id": id, "type": "bandwidth_limit", "direction": direction, "max_kbps": limit,
                "max_burst_kbps": burst,
            })),
            "asks" | "in-asks" => extra.push(json!({
                "id": id, "type": "minimum_bandwidth", "direction": direction, "min_kbps": limit,
            })),
            _ => extra.push(json!({
                "id": id, "type": "packet_rate_limit", "direction": direction, "max_kpps": limit,
                "max_burst_kpps": burst,
            })),
        }
    }
    let row = json!({"id": name, "topic": "t", "version": 1, "rules": own});
    let more = json!({"id": name, "policy": name, "topic": "t", "version": 1, "rules": extra});
    vec![row_of(Table::QosPolicy, &row), row_of(Table::QosPolicyExtra, &more)]
}

fn subnet(name: &str, network: &str, cidr: &str, options: &BTreeMap<&str, &str>) -> Vec<Fact> {
    let list = |option: &str| options.get(option).into_iter().flat_map(|list| list.split(','));
    let route = |route: &str| {
        let (destination, nexthop) = route.rsplit_once('/').expect("destination/length/nexthop");
        json!({"destination": destination, "nexthop": nexthop})
    };
    let mut row = json!({
        "id": name, "topic": "t", "version": 1, "lswitch": network, "cidr": cidr,
        "enable_dhcp": options.contains_key("dhcp"),
        "dns_nameservers": list("dns").collect::<Vec<_>>(),
        "host_routes": list("route").map(route).collect::<Vec<_>>(),
    });
    if let Some(gateway) = options.get("gateway") {
        insert(&mut row, "gateway_ip", (*gateway).into());
    }
    let mut facts = vec![row_of(Table::Subnet, &row)];
    if options.contains_key("ra") || options.contains_key("mode") {
        let row = json!({
            "id": name, "topic": "t", "version": 1, "lswitch": network, "subnet": name,
            "ra_mode": options.get("ra"), "address_mode": options.get("mode"),
            "router_preference": options.get("preference"),
        });
        facts.push(row_of(Table::SubnetIpv6, &row));
    }
    facts
}

fn port(name: &str, key: &str, network: &str, options: &BTreeMap<&str, &str>) -> Vec<Fact> {
    let list = |option: &str| -> Vec<&str> {
        options.get(option).into_iter().flat_map(|list| list.split(',')).collect()
    };
    let pairs: Vec<(IpNet, &str)> = list("pair")
        .into_iter()
        .map(|pair| {
            let (net, mac) = pair.rsplit_once('/').expect("address/mac");
            (net.parse().unwrap_or_else(|_| net.parse::<IpAddr>().expect("an address").into()), mac)
        })
        .collect();
    let is_range = |(net, _): &&(IpNet, &str)| net.prefix_len() != net.max_prefix_len();
    let ranges: Vec<Value> = pairs
        .iter()
        .filter(is_range)
        .map(|(net, mac)| json!({"cidr": net.to_string(), "mac_address": mac}))
        .collect();
    let pairs: Vec<Value> = pairs
        .iter()
        .map(|(net, mac)| json!({"ip_address": net.network().to_string(), "mac_address": mac}))
        .collect();
    let mut row = json!({
        "id": name, "topic": "t", "unique_key": number(key), "lswitch": network, "version": 1,
        "macs": list("mac"), "ips": list("ip"), "subnets": list("subnet"), "allowed_address_pairs": pairs,
        "enabled": !options.contains_key("disabled"),
        "security_groups": list("groups"),
    });
    if options.contains_key("unsecured") || options.contains_key("filtered") {
        insert(&mut row, "port_security_enabled", (!options.contains_key("unsecured")).into());
    }
    if let Some(owner) = options.get("owner") {
        insert(&mut row, "device_owner", (*owner).into());
    }
    if let Some(policy) = options.get("policy") {
        insert(&mut row, "qos_policy", (*policy).into());
    }
    let opts: Map<String, Value> = options
        .get("opt")
        .into_iter()
        .flat_map(|list| list.split(';'))
        .filter_map(|option| option.split_once(':'))
        .map(|(code, text)| (code.to_owned(), text.into()))
        .collect();
    let siaddr = options.get("siaddr").copied();
    if !opts.is_empty() || siaddr.is_some() {
        insert(&mut row, "dhcp_params", json!({"opts": opts, "siaddr": siaddr}));
    }
    let mut facts = Vec::new();
    if let Some(list) = options.get("opt6") {
        let said = list.split(';').filter_map(|option| option.split_once(':'));
        let said: Vec<Value> = said.map(|(name, value)| json!({"name": name, "value": value})).collect();
        let row = json!({"id": name, "lport": name, "topic": "t", "version": 1, "options": said});
        facts.push(row_of(Table::PortDhcpv6, &row));
    }
    if let Some(place) = options.get("on") {
        let (node, plug) = place.split_once(':').map_or((*place, None), |(node, plug)| (node, Some(plug)));
        insert(&mut row, "binding", json!({"chassis": node, "type": "chassis"}));
        facts.extend(plug.map(|plug| Fact::Plugged {
            node: node.to_owned(),
            port: name.to_owned(),
            of_port: number(plug),
        }));
    }
    facts.extend(options.get("plug").map(|place| {
        let (node, plug) = place.split_once(':').expect("node:port");
        Fact::Plugged { node: node.to_owned(), port: name.to_owned(), of_port: number(plug) }
    }));
    facts.insert(0, row_of(Table::LogicalPort, &row));
    if !ranges.is_empty() {
        let row = json!({"id": name, "lport": name, "topic": "t", "version": 1, "ranges": ranges});
        facts.push(row_of(Table::PortAddressRanges, &row));
    }
    facts
}

/// A group: `group web 5 [stateless] in:tcp:80-90:10.0.0.0/8 out6::: in:icmp:8-0:group=db in:any::addresses=ag`.
fn group(name: &str, key: &str, rules: &[&str]) -> Vec<Fact> {
    let (mut own, mut extra) = (Vec::new(), Vec::new());
    for (place, text) in rules.iter().filter(|word| **word != "stateless").enumerate() {
        let mut parts = text.splitn(4, ':');
        let mut part = || parts.next().unwrap_or_default();
        let (direction, protocol, ports, remote) = (part(), part(), part(), part());
        let mut rule = json!({
            "id": format!("{name}-{place}"), "topic": "t",
            "direction": if direction.starts_with("in") { "ingress" } else { "egress" },
            "ethertype": if direction.ends_with('6') { "IPv6" } else { "IPv4" },
        });
        if let Some(protocol) = protocol_number(protocol) {
            insert(&mut rule, "protocol", protocol.into());
        }
        if !ports.is_empty() {
            let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
            insert(&mut rule, "port_range_min", number(first).into());
            insert(&mut rule, "port_range_max", number(last).into());
        }
        match remote.split_once('=') {
            Some(("group", group)) => insert(&mut rule, "remote_group_id", group.into()),
            Some((_, addresses)) => {
                insert(&mut rule, "remote_address_group_id", addresses.into());
                extra.push(rule);
                continue;
            }
            None if remote.is_empty() => {}
            None => insert(&mut rule, "remote_ip_prefix", remote.into()),
        }
        own.push(rule);
    }
    let row = json!({"id": name, "topic": "t", "unique_key": number(key), "version": 1, "rules": own});
    let mut facts = vec![row_of(Table::SecurityGroup, &row)];
    let is_stateless = rules.contains(&"stateless");
    if is_stateless || !extra.is_empty() {
        let row = json!({
            "id": name, "secgroup": name, "topic": "t", "version": 1, "rules": extra, "stateful": !is_stateless,
        });
        facts.push(row_of(Table::SecurityGroupExtra, &row));
    }
    facts
}

fn protocol_number(name: &str) -> Option<u32> {
    match name {
        "" | "any" => None,
        "tcp" => Some(6),
        "udp" => Some(17),
        "icmp" => Some(1),
        "icmp6" => Some(58),
        "sctp" => Some(132),
        other => Some(number(other)),
    }
}

fn options<'a>(words: &[&'a str]) -> BTreeMap<&'a str, &'a str> {
    words.iter().map(|word| word.split_once('=').unwrap_or((word, ""))).collect()
}

fn number(text: &str) -> u32 {
    text.parse().unwrap_or_else(|_| panic!("no number: {text}"))
}

fn insert(row: &mut Value, member: &str, value: Value) {
    let members: &mut Map<String, Value> = row.as_object_mut().expect("a row");
    members.insert(member.to_owned(), value);
}

fn row_of(table: Table, row: &Value) -> Fact {
    Fact::Row(Object::from_value(table, row).unwrap_or_else(|error| panic!("{error}")))
}
