//! The words that stand for an Ethertype and an IP protocol, and the fields whose name means another field for each.

use crate::Field;
use crate::matching::Match;

/// A word such as `tcp6`.
#[derive(Debug)]
pub(super) struct Word {
    /// The word.
    pub(super) name: &'static str,
    /// Ethertype.
    pub(super) eth_type: u16,
    /// IP protocol, where the word says one.
    pub(super) ip_proto: Option<u8>,
}

const fn word(name: &'static str, eth_type: u16, ip_proto: Option<u8>) -> Word {
    Word { name, eth_type, ip_proto }
}

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const ARP: u16 = 0x0806;
const RARP: u16 = 0x8035;

/// Of words that mean the same, the first is printed.
pub(super) const WORDS: &[Word] = &[
    word("ip", IPV4, None),
    word("ipv4", IPV4, None),
    word("ip4", IPV4, None),
    word("icmp", IPV4, Some(1)),
    word("tcp", IPV4, Some(6)),
    word("udp", IPV4, Some(17)),
    word("sctp", IPV4, Some(132)),
    word("ipv6", IPV6, None),
    word("ip6", IPV6, None),
    word("icmp6", IPV6, Some(58)),
    word("tcp6", IPV6, Some(6)),
    word("udp6", IPV6, Some(17)),
    word("sctp6", IPV6, Some(132)),
    word("arp", ARP, None),
    word("rarp", RARP, None),
    word("mpls", 0x8847, None),
    word("mplsm", 0x8848, None),
];

/// The word that says the most of what `matching` requires.
pub(super) fn word_of(matching: &Match) -> Option<&'static Word> {
    let eth_type = matching.exact(Field::EthType)?;
    let ip_proto = matching.exact(Field::IpProto);
    let of_type = || WORDS.iter().filter(move |word| u128::from(word.eth_type) == eth_type);
    of_type()
        .find(|word| word.ip_proto.is_some() && word.ip_proto.map(u128::from) == ip_proto)
        .or_else(|| of_type().find(|word| word.ip_proto.is_none()))
}
