//! Protocols of IP by the names that Neutron knows.

/// No protocol in particular.
pub const ANY: &str = "any";

/// ICMP.
pub const ICMP: u8 = 1;
/// ICMPv6.
pub const ICMPV6: u8 = 58;

/// Names and numbers, in the order in which Neutron lists them.
pub const NAMES: [(&str, u8); 25] = [
    ("ah", 51),
    ("dccp", 33),
    ("egp", 8),
    ("esp", 50),
    ("gre", 47),
    ("hopopt", 0),
    ("icmp", ICMP),
    ("igmp", 2),
    ("ip", 0),
    ("ipip", 4),
    ("ipv6-encap", 41),
    ("ipv6-frag", 44),
    ("ipv6-icmp", ICMPV6),
    ("icmpv6", ICMPV6),
    ("ipv6-nonxt", 59),
    ("ipv6-opts", 60),
    ("ipv6-route", 43),
    ("ospf", 89),
    ("pgm", 113),
    ("rsvp", 46),
    ("sctp", 132),
    ("tcp", 6),
    ("udp", 17),
    ("udplite", 136),
    ("vrrp", 112),
];

/// The number of a name.
#[must_use]
pub fn number_of_name(name: &str) -> Option<u8> {
    NAMES.into_iter().find(|(own, _)| *own == name).map(|(_, number)| number)
}

/// The number of what a rule says, a name or a number.
#[must_use]
pub fn number(protocol: &str) -> Option<u8> {
    number_of_name(protocol).or_else(|| protocol.trim().parse().ok())
}

/// Whether a protocol has ports.
#[must_use]
pub fn has_ports(number: u8) -> bool {
    ["dccp", "sctp", "tcp", "udp", "udplite"].into_iter().any(|name| number_of_name(name) == Some(number))
}
