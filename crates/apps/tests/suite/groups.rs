//! What security groups let pass and what they do not.

use ofsim::key::ct_state;
use packet::build::{Transport, Udp};
use packet::icmp::Message;

use crate::support::{Cloud, Trackers, Walk, dhcp_discover, ip, mac, ping, udp, v4};

/// Two nodes; `web` and `db` are in groups of their own, `open` is not filtered, `shut` is filtered and in no group.
const CLOUD: &str = "
    node a 192.0.2.1 geneve
    node b 192.0.2.2 geneve
    network red 1 geneve
    group web 1 in:udp:80-90 in:icmp out:::
    group db 2 in:udp:5432:group=web out:::
    group base 3 out::: out6:::
    group six 4 in6:icmp in6:udp:1000:fd00::/64 out6:::
    port web1 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1,fd00::1 groups=web
    port db1 12 red on=b:2 mac=02:00:00:00:00:02 ip=10.0.0.2 groups=db,base
    port open 13 red on=a:3 mac=02:00:00:00:00:03 ip=10.0.0.3,fd00::3
    port shut 14 red on=b:4 mac=02:00:00:00:00:04 ip=10.0.0.4 filtered
    port six1 15 red on=b:5 mac=02:00:00:00:00:05 ip=10.0.0.5,fd00::5 groups=six
";

const MACS: [(&str, &str); 5] = [
    ("web1", "02:00:00:00:00:01"),
    ("db1", "02:00:00:00:00:02"),
    ("open", "02:00:00:00:00:03"),
    ("shut", "02:00:00:00:00:04"),
    ("six1", "02:00:00:00:00:05"),
];

fn mac_of(port: &str) -> net_types::MacAddr {
    mac(MACS.iter().find(|(name, _)| *name == port).expect("a port of the cloud").1)
}

fn address_of(port: &str) -> String {
    let place = MACS.iter().position(|(name, _)| *name == port).expect("a port of the cloud") + 1;
    format!("10.0.0.{place}")
}

/// A datagram from one port to a UDP port of another.
fn datagram(from: &str, to: &str, ports: (u16, u16)) -> Vec<u8> {
    let (src, dst) = (address_of(from), address_of(to));
    udp((mac_of(from), &src, ports.0), (mac_of(to), &dst, ports.1))
}

/// A cloud whose switches remember connections.
struct Lab {
    cloud: Cloud,
    trackers: Trackers,
}

impl Lab {
    fn new(text: &str) -> Self {
        Self { cloud: Cloud::new(text), trackers: Trackers::new() }
    }

    fn send(&mut self, from: &str, frame: &[u8]) -> Walk {
        self.cloud.send_tracked(from, frame, &mut self.trackers)
    }

    /// Whether the second port gets a datagram of the first.
    fn passes(&mut self, from: &str, to: &str, ports: (u16, u16)) -> bool {
        self.send(from, &datagram(from, to, ports)).receivers() == [to]
    }

    fn connections(&self) -> usize {
        self.trackers.values().map(crate::support::Tracker::len).sum()
    }
}

#[test]
fn what_no_rule_permits_does_not_arrive() {
    let mut lab = Lab::new(CLOUD);
    assert!(lab.passes("open", "web1", (1000, 80)));
    assert!(lab.passes("open", "web1", (1000, 90)));
    assert!(!lab.passes("open", "web1", (1000, 79)));
    assert!(!lab.passes("open", "web1", (1000, 91)));
    assert!(!lab.passes("open", "shut", (1000, 80)), "no group permits nothing");
    assert!(!lab.passes("shut", "open", (1000, 80)), "in either direction");
    let to_web = ping((mac_of("open"), "10.0.0.3"), (mac_of("web1"), "10.0.0.1"));
    assert_eq!(lab.send("open", &to_web).receivers(), ["web1"]);
    let to_db = ping((mac_of("open"), "10.0.0.3"), (mac_of("db1"), "10.0.0.2"));
    lab.send("open", &to_db).assert_nobody();
}

#[test]
fn a_rule_may_name_the_members_of_a_group() {
    let mut lab = Lab::new(CLOUD);
    assert!(lab.passes("web1", "db1", (1000, 5432)));
    assert!(!lab.passes("web1", "db1", (1000, 5433)), "another port");
    assert!(!lab.passes("open", "db1", (1000, 5432)), "no member");
    // Who joins is a member at once, with its pairs; who leaves is not.
    lab.cloud.put("port open 13 red on=a:3 mac=02:00:00:00:00:03 ip=10.0.0.3,fd00::3 groups=web,base pair=10.0.0.77/02:00:00:00:00:03");
    assert!(lab.passes("open", "db1", (1001, 5432)));
    let from_pair = udp((mac_of("open"), "10.0.0.77", 5), (mac_of("db1"), "10.0.0.2", 5432));
    assert_eq!(lab.send("open", &from_pair).receivers(), ["db1"]);
    lab.cloud.put("port open 13 red on=a:3 mac=02:00:00:00:00:03 ip=10.0.0.3,fd00::3 groups=base");
    assert!(!lab.passes("open", "db1", (1002, 5432)));
    assert!(!lab.passes("open", "db1", (1001, 5432)), "and what it had begun is over");
}

#[test]
fn of_two_holders_of_an_address_both_count() {
    let mut lab = Lab::new(CLOUD);
    lab.cloud.put(
        "network blue 2 geneve
         port a-twin 21 blue on=a:21 mac=02:00:00:00:00:01 ip=10.0.0.1 groups=base
         port z-twin 22 blue mac=02:00:00:00:00:06 ip=10.0.0.3 groups=web",
    );
    assert!(lab.passes("web1", "db1", (1000, 5432)), "the first holder is in another group");
    lab.cloud.put("port open 13 red on=a:3 mac=02:00:00:00:00:03 ip=10.0.0.3,fd00::3 groups=base");
    assert!(lab.passes("open", "db1", (1000, 5432)), "the address is that of a member");
    lab.cloud.delete(model::Table::LogicalPort, "z-twin");
    assert!(!lab.passes("open", "db1", (1001, 5432)));
}

#[test]
fn answers_to_what_is_permitted_pass_and_nothing_else_does() {
    let mut lab = Lab::new(CLOUD);
    assert!(!lab.passes("db1", "web1", (5432, 1000)), "not asked for");
    assert!(lab.passes("web1", "db1", (1000, 5432)));
    assert!(lab.passes("db1", "web1", (5432, 1000)), "an answer");
    assert!(!lab.passes("db1", "web1", (5432, 1001)));
}

#[test]
fn errors_about_permitted_connections_pass() {
    let mut lab = Lab::new(CLOUD);
    let unreachable = |from: &str, to: &str| {
        let message = Message::destination_unreachable_v4(3, &datagram(to, from, (1000, 5432))[14..]);
        let (src, dst) = (v4(&address_of(from)), v4(&address_of(to)));
        ip((mac_of(from), src.into()), (mac_of(to), dst.into()), &Transport::Icmp(message))
    };
    lab.send("db1", &unreachable("db1", "web1")).assert_nobody();
    assert!(lab.passes("web1", "db1", (1000, 5432)));
    assert_eq!(lab.send("db1", &unreachable("db1", "web1")).receivers(), ["web1"]);
}

#[test]
fn taking_a_rule_away_ends_what_it_alone_permitted() {
    let mut lab = Lab::new(CLOUD);
    assert!(lab.passes("open", "web1", (1000, 80)) && lab.passes("open", "web1", (1000, 90)));
    assert!(lab.passes("web1", "open", (80, 1000)) && lab.passes("web1", "open", (90, 1000)));
    // Port 80 is permitted by nobody now, port 90 by another rule of another group.
    lab.cloud.put(
        "group web 1 in:icmp out:::
         group other 5 in:udp:90
         port web1 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1,fd00::1 groups=web,other",
    );
    assert!(lab.passes("web1", "open", (90, 1000)), "answers to what is permitted go on");
    assert!(!lab.passes("open", "web1", (1000, 80)));
    assert!(!lab.passes("web1", "open", (80, 1000)), "and so answers to it end");
    assert!(lab.passes("open", "web1", (1000, 90)));
    assert!(lab.passes("web1", "open", (90, 1000)));
    // Permitted again, it goes on.
    lab.cloud.put("group other 5 in:udp:80-90");
    assert!(lab.passes("open", "web1", (1000, 80)));
    assert!(lab.passes("web1", "open", (80, 1000)));
}

#[test]
fn stateless_groups_permit_packets_and_track_nothing() {
    let mut lab = Lab::new(CLOUD);
    lab.cloud.put(
        "group still 6 stateless in:udp:53 out:udp:53
         port web1 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1,fd00::1 groups=still",
    );
    assert!(lab.passes("open", "web1", (1000, 53)));
    assert!(!lab.passes("web1", "open", (53, 1000)), "an answer needs a rule");
    assert!(lab.passes("web1", "open", (1000, 53)));
    assert!(!lab.passes("open", "web1", (53, 1000)));
    assert_eq!(lab.connections(), 0);
    // Beside a group that tracks, what only that one permits is tracked.
    lab.cloud.put(
        "group loud 7 in:udp:80
         port web1 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1,fd00::1 groups=still,loud",
    );
    assert!(lab.passes("open", "web1", (1000, 53)));
    assert_eq!(lab.connections(), 0);
    assert!(lab.passes("open", "web1", (1000, 80)) && lab.passes("web1", "open", (80, 1000)));
    assert_eq!(lab.connections(), 1);
    // Members of groups count for rules without state as well.
    lab.cloud.put(
        "group still 6 stateless in:udp:54:group=base
         port db1 12 red on=b:2 mac=02:00:00:00:00:02 ip=10.0.0.2 groups=base",
    );
    assert!(lab.passes("db1", "web1", (1000, 54)) && !lab.passes("open", "web1", (1000, 54)));
}

#[test]
fn address_groups_are_remote_sides() {
    let mut lab = Lab::new(CLOUD);
    lab.cloud.put(
        "addresses allies 10.0.0.2/32,10.0.0.64/26
         addresses others 10.0.0.2/32
         group web 1 in:udp:80:addresses=allies in:udp:81:addresses=others",
    );
    assert!(lab.passes("db1", "web1", (1000, 80)) && lab.passes("db1", "web1", (1000, 81)));
    assert!(!lab.passes("open", "web1", (1000, 80)));
    lab.cloud.put("addresses allies 10.0.0.3/32");
    assert!(!lab.passes("db1", "web1", (1001, 80)) && lab.passes("db1", "web1", (1001, 81)));
    assert!(lab.passes("open", "web1", (1000, 80)));
}

#[test]
fn the_versions_of_ip_are_apart() {
    let mut lab = Lab::new(CLOUD);
    let six = |port: u16| udp((mac_of("open"), "fd00::3", 7), (mac_of("six1"), "fd00::5", port));
    assert_eq!(lab.send("open", &six(1000)).receivers(), ["six1"]);
    lab.send("open", &six(1001)).assert_nobody();
    assert!(!lab.passes("open", "six1", (7, 1000)));
    let echo = ping((mac_of("open"), "fd00::3"), (mac_of("six1"), "fd00::5"));
    assert_eq!(lab.send("open", &echo).receivers(), ["six1"], "ICMP of a rule for IPv6 is ICMPv6");
}

/// A remote prefix of the other version of IP permitted everybody in the original.
#[test]
fn a_rule_that_makes_no_sense_permits_nothing_and_is_named() {
    let mut lab = Lab::new(CLOUD);
    lab.cloud.put("group web 1 in:udp::fd00::/64 in:33:1-2 in:icmp:300");
    assert!(!lab.passes("open", "web1", (1000, 80)));
    let problems = lab.cloud.problems("a");
    for said in [
        "rule web-0: the remote prefix fd00::/64",
        "rule web-1: Open vSwitch does not see ports",
        "300 is no type",
    ] {
        assert!(problems.iter().any(|problem| problem.contains(said)), "{said}: {problems:?}");
    }
    assert_eq!(problems.len(), 3);
}

/// Type 0 was "any type" in the original.
#[test]
fn type_and_code_zero_are_numbers_like_others() {
    let mut lab = Lab::new(CLOUD);
    lab.cloud.put("group web 1 in:icmp:0-0");
    let echo = ping((mac_of("open"), "10.0.0.3"), (mac_of("web1"), "10.0.0.1"));
    lab.send("open", &echo).assert_nobody();
    lab.cloud.put("group web 1 in:icmp:8-0");
    assert_eq!(lab.send("open", &echo).receivers(), ["web1"]);
}

/// Protocols that the original failed on, and one that has no ports.
#[test]
fn protocols_are_told_apart_by_number() {
    let mut lab = Lab::new(CLOUD);
    lab.cloud.put("group web 1 in:sctp:80 in:47 in:112");
    let of = |protocol: u8| {
        let (src, dst) = (v4("10.0.0.3"), v4("10.0.0.1"));
        let datagram = Udp { src_port: 1, dst_port: 80, payload: vec![0; 32] };
        let mut frame =
            ip((mac_of("open"), src.into()), (mac_of("web1"), dst.into()), &Transport::Udp(datagram));
        frame[23] = protocol;
        frame
    };
    for (protocol, arrives) in [(47, true), (112, true), (132, true), (17, false), (50, false)] {
        let walk = lab.send("open", &of(protocol));
        assert_eq!(walk.receivers() == ["web1"], arrives, "protocol {protocol}");
    }
}

/// A default deny cut DHCP in the original.
#[test]
fn what_a_port_needs_to_have_an_address_is_never_cut() {
    let mut lab = Lab::new(CLOUD);
    lab.cloud.put(
        "port dhcpd 31 red owner=network:dhcp mac=02:00:00:00:00:31 ip=10.0.0.67
         subnet s red 10.0.0.0/24 dhcp
         port shut 14 red on=b:4 mac=02:00:00:00:00:04 ip=10.0.0.4,fd00::4 subnet=s filtered",
    );
    let asked = lab.send("shut", &dhcp_discover(mac_of("shut")));
    assert_eq!(asked.to_controller.len(), 1);
    let arp = crate::support::arp_request((mac_of("shut"), "10.0.0.4"), "10.0.0.1");
    assert_eq!(lab.send("shut", &arp).receivers(), ["shut"], "it is answered");
    let answer = udp((mac_of("open"), "10.0.0.3", 67), (mac_of("shut"), "10.0.0.4", 68));
    lab.cloud.put("port open 13 red on=a:3 mac=02:00:00:00:00:03 ip=10.0.0.3,fd00::3 unsecured");
    assert_eq!(lab.send("open", &answer).receivers(), ["shut"], "of a server that is a guest");
    let other = udp((mac_of("open"), "10.0.0.3", 67), (mac_of("shut"), "10.0.0.4", 69));
    lab.send("open", &other).assert_nobody();
}

#[test]
fn a_packet_of_no_connection_does_not_pass() {
    let lab = Lab::new(CLOUD);
    let frame = datagram("open", "web1", (1000, 80));
    let node = &lab.cloud.nodes["a"];
    let packet = ofsim::Packet::of_frame(net_types::OfPort::new(3), &frame);
    let mut invalid = ofsim::Assumed::states([ct_state::TRACKED | ct_state::INVALID]);
    assert_eq!(ofsim::trace(&node.switch, packet, &mut invalid).outputs().count(), 0);
}

/// A member that joins a group, a rule that is added, a port that joins: what each costs does not depend on how many there are.
#[test]
fn changes_cost_the_same_in_small_groups_and_in_large_ones() {
    let costs = |members: u32| {
        let mut text = String::from(
            "node a 192.0.2.1 geneve\nnode b 192.0.2.2 geneve\nnetwork red 1 geneve
             group all 1 in:::group=all out::: in:tcp:22\n",
        );
        for number in 1..=members {
            let (high, low) = (number / 200, number % 200 + 1);
            let place = if number <= 20 { format!("a:{number}") } else { "b".to_owned() };
            text += &format!(
                "port p{number} {} red on={place} mac=02:00:00:00:{high:02x}:{low:02x} ip=10.0.{high}.{low} groups=all\n",
                number + 10
            );
        }
        let mut cloud = Cloud::with_nodes(&text, &["a"]);
        let mut change = |text: &str| {
            let rows = Cloud::rows_of(text);
            let inputs =
                rows.into_iter().map(|row| engine::Input::Row(engine::RowChange::Put(row))).collect();
            let outputs = cloud.node("a").step(inputs);
            (outputs.units_run, outputs.delta.flows.len(), outputs.delta.delete_flows.len())
        };
        let costs = [
            change("port new 9999 red on=b mac=02:00:00:00:99:99 ip=10.0.99.99 groups=all"),
            change("port new 9999 red on=b mac=02:00:00:00:99:99 ip=10.0.99.99"),
            change("group all 1 in:::group=all out::: in:tcp:22 in:tcp:80"),
            change("group all 1 in:::group=all out::: in:tcp:22"),
        ];
        cloud.node("a").check();
        costs
    };
    let small = costs(50);
    assert_eq!(small, costs(2_000));
    let [joins, leaves, rule, no_rule] = small;
    // Three flows are those of any remote port; the fourth says who is in the group.
    assert_eq!((joins.1, leaves.2), (4, 1));
    assert_eq!((rule.1, rule.2, no_rule.1, no_rule.2), (1, 0, 0, 1));
}

#[test]
fn ports_with_the_same_groups_share_their_flows() {
    let mut cloud = Cloud::new(CLOUD);
    let before = cloud.node("a").engine.flow_count();
    cloud.put("port web2 16 red on=a:6 mac=02:00:00:00:00:06 ip=10.0.0.6 groups=web");
    // In, out and where it is filtered; its address; ARP for others and not for itself; five to send from.
    assert_eq!(cloud.node("a").engine.flow_count() - before, 11);
}

/// The original kept connections by the key of the network, of which the tracker took sixteen bits, and made priorities of the keys of
/// groups, which have as many.
#[test]
fn keys_of_groups_and_networks_may_be_large() {
    let mut cloud = Cloud::new(
        "node a 192.0.2.1 geneve
         network red 1 geneve
         network blue 65537 geneve
         group large 70000 in:udp:80 out:::
         port red1 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1 groups=large
         port red2 12 red on=a:2 mac=02:00:00:00:00:02 ip=10.0.0.2 groups=large
         port blue1 13 blue on=a:3 mac=02:00:00:00:00:01 ip=10.0.0.1 groups=large
         port blue2 14 blue on=a:4 mac=02:00:00:00:00:02 ip=10.0.0.2 groups=large",
    );
    assert_eq!(cloud.problems("a"), [] as [&str; 0]);
    let mut trackers = Trackers::new();
    let there = udp((mac_of("web1"), "10.0.0.1", 7), (mac_of("db1"), "10.0.0.2", 80));
    let back = udp((mac_of("db1"), "10.0.0.2", 80), (mac_of("web1"), "10.0.0.1", 7));
    assert_eq!(cloud.send_tracked("red1", &there, &mut trackers).receivers(), ["red2"]);
    assert_eq!(cloud.send_tracked("red2", &back, &mut trackers).receivers(), ["red1"], "an answer");
    cloud.send_tracked("blue2", &back, &mut trackers).assert_nobody();
}

/// Port security sees no ports of pieces: the tracker has seen them.
#[test]
fn a_dhcp_server_in_pieces_is_none() {
    let mut cloud = Cloud::new(CLOUD);
    cloud.put("group base 3 in::: out::: out6:::");
    cloud.put("port open 13 red on=a:3 mac=02:00:00:00:00:03 ip=10.0.0.3,fd00::3 groups=base");
    for (port, receivers) in [(69, &["open"] as &[&str]), (68, &[])] {
        let mut first = datagram("web1", "open", (67, port));
        first[14 + 6] |= 0x20;
        let walk = cloud.send_tracked("web1", &first, &mut Trackers::new());
        assert_eq!(walk.receivers(), receivers, "{port}");
    }
}

/// Open vSwitch in userspace hands on the pieces of a datagram after it has tracked the whole, and of none of them are ports seen.
#[test]
fn pieces_of_a_datagram_pass_by_the_ports_of_the_whole() {
    let mut cloud = Cloud::new(
        "node a 192.0.2.1 geneve
         network red 1 geneve
         group some 1 in:udp:80-81 out:::
         group none 2 out:::
         port red1 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1 groups=none
         port red2 12 red on=a:2 mac=02:00:00:00:00:02 ip=10.0.0.2 groups=some",
    );
    assert_eq!(cloud.problems("a"), [] as [&str; 0]);
    for (port, receivers) in [(80, &["red2"] as &[&str]), (82, &[])] {
        let mut first = udp((mac_of("web1"), "10.0.0.1", 7), (mac_of("db1"), "10.0.0.2", port));
        first[14 + 6] |= 0x20;
        assert_eq!(cloud.send_tracked("red1", &first, &mut Trackers::new()).receivers(), receivers, "{port}");
    }
}
