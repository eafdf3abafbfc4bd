//! Registers: what the tables tell each other about a packet.

use openflow::field::Subfield;
use openflow::{Field, Match};

use crate::tunnels;

/// Some bits of the pipeline's scratch space, with a meaning.
#[derive(Debug, PartialEq, Eq)]
pub struct Register {
    /// Name in explanations.
    pub name: &'static str,
    /// What it says.
    pub meaning: &'static str,
    /// Where it is kept.
    pub bits: Subfield,
}

const fn whole(field: Field, n_bits: u16) -> Subfield {
    Subfield { field, ofs: 0, n_bits }
}

/// The network that the packet is in.
pub static NETWORK: Register = Register {
    name: "network",
    meaning: "key of the network that the packet is in; also the network id on the wire of a tunnel",
    bits: whole(Field::Metadata, 24),
};

/// The logical port that the packet came from.
pub static INGRESS_PORT: Register = Register {
    name: "ingress port",
    meaning: "key of the logical port that the packet came from",
    bits: whole(Field::Reg6, 32),
};

/// The logical port that the packet goes to.
pub static EGRESS_PORT: Register = Register {
    name: "egress port",
    meaning: "key of the logical port that the packet goes to, or tunnels::EGRESS_FLOOD",
    bits: whole(Field::Reg7, 32),
};

/// Whether the packet came from another node, and so must not leave this one again.
pub static FROM_TUNNEL: Register = Register {
    name: "from tunnel",
    meaning: "1 if the packet came from another node, by a tunnel or a physical network, and so must not leave this one again",
    bits: Subfield { field: Field::Reg5, ofs: 0, n_bits: 1 },
};

/// Whether the packet came in from a physical network.
pub static FROM_WIRE: Register = Register {
    name: "from the wire",
    meaning: "1 if the packet came in from a physical network; then it came from another node too, as if out of a tunnel",
    bits: Subfield { field: Field::Reg5, ofs: 8, n_bits: 1 },
};

/// Whether tags inside a packet from a physical network are those of guests.
pub static CARRIES_TAGS: Register = Register {
    name: "carries tags",
    meaning: "1 if the packet came in from a physical network in a network that carries the VLAN tags of guests",
    bits: Subfield { field: Field::Reg5, ofs: 9, n_bits: 1 },
};

/// Egress "port" of a packet for whoever is in the physical network of its network. No key of a port is as large.
pub const EGRESS_WIRE: u32 = u32::MAX;

/// Egress "port" of a packet for whoever is behind the end of a tunnel that its tunnel destination names.
pub const EGRESS_TUNNEL: u32 = u32::MAX - 1;

/// What a tunnel says about the port that the packet came from.
pub static INGRESS_ON_WIRE: Register = Register {
    name: "ingress on the wire",
    meaning: "the ingress port's key where a tunnel option can carry it, and 0 where it is too large",
    bits: Subfield { field: Field::Reg5, ofs: 16, n_bits: tunnels::OPTION_INGRESS.n_bits },
};

/// The security groups of a port, in places of their own, so that what a group says is said once for each place and not for each set of groups.
/// A port has no group in a place that is 0; one that is not filtered has none in the first.
pub static GROUPS: [Register; 4] = [
    Register {
        name: "first group",
        meaning: "number of the first of the security groups that the packet has to pass now: of those of the ingress port, and later of \
                  those of the egress port; 0 for a port that is not filtered",
        bits: Subfield { field: Field::Reg4, ofs: 0, n_bits: 16 },
    },
    Register {
        name: "second group",
        meaning: "the same of the second, 0 where there is none",
        bits: Subfield { field: Field::Reg11, ofs: 0, n_bits: 16 },
    },
    Register {
        name: "third group",
        meaning: "the same of the third",
        bits: Subfield { field: Field::Reg11, ofs: 16, n_bits: 16 },
    },
    Register {
        name: "other groups",
        meaning: "the same of all further groups together",
        bits: Subfield { field: Field::Reg12, ofs: 0, n_bits: 16 },
    },
];

/// Where the connections of a port are tracked.
pub static ZONE: Register = Register {
    name: "zone",
    meaning: "conntrack zone of the port whose groups the packet has to pass now; 0 for a port whose groups follow no connections",
    bits: Subfield { field: Field::Reg4, ofs: 16, n_bits: 16 },
};

/// The router that the packet is in.
pub static ROUTER: Register = Register {
    name: "router",
    meaning: "key of the router that the packet is in, from when it was sent to one of its addresses until it is in the network that it \
              leaves to",
    bits: whole(Field::Reg8, 32),
};

/// Whether a routed packet is too long for the network that it would leave to.
pub static IS_TOO_LONG: Register = Register {
    name: "is too long",
    meaning: "1 if a routed packet is longer than the network that it would leave to takes",
    bits: Subfield { field: Field::Reg5, ofs: 10, n_bits: 1 },
};

/// Whether a packet that is routed may be too long for any network that it could leave to.
pub static MAY_BE_TOO_LONG: Register = Register {
    name: "may be too long",
    meaning: "1 if a packet came to a router from a network that takes longer packets than another one of that router",
    bits: Subfield { field: Field::Reg5, ofs: 14, n_bits: 1 },
};

/// Whether a packet was sent to the gateway of a router from outside.
pub static IS_FOR_GATEWAY: Register = Register {
    name: "is for the gateway",
    meaning: "1 if a packet was sent to the address of a router's gateway, and not to something behind it as far as is known; or if it \
              leaves by the gateway, because nothing else that has its address knows of it",
    bits: Subfield { field: Field::Reg5, ofs: 11, n_bits: 1 },
};

/// Whether a packet is in its router by way of the gateway's node.
pub static VIA_GATEWAY: Register = Register {
    name: "via the gateway",
    meaning: "1 if a packet came to its router on the node of the gateway from elsewhere, so that it has that gateway's address where it \
              leaves; said only where others leave with the address of the node",
    bits: Subfield { field: Field::Reg5, ofs: 13, n_bits: 1 },
};

/// Whether a question for a name was looked at already.
pub static LOOKED_UP: Register = Register {
    name: "looked up",
    meaning: "1 if the packet asks a name server for a name that no port of the network has",
    bits: Subfield { field: Field::Reg5, ofs: 12, n_bits: 1 },
};

/// The IPv4 address that a routed packet is handed to next.
pub static NEXT_HOP: Register = Register {
    name: "next hop",
    meaning: "IPv4 address in the network to which a routed packet is handed: its destination, or another router; of a question, the \
              address that is asked for",
    bits: whole(Field::Reg10, 32),
};

/// The IPv6 address that a routed packet is handed to next. A packet has one of both, and the other is 0, which is nobody's: so neighbours are found
/// by them whatever the packet is, a routed one or a question for the address.
pub static NEXT_HOP_V6: Register =
    Register { name: "next hop of IPv6", meaning: "the same of IPv6", bits: whole(Field::XxReg0, 128) };

/// Whether a packet only asks for a neighbour.
pub static ASKS: Register = Register {
    name: "asks",
    meaning: "1 while a question for an address is looked up as if it were a packet for it: it goes nowhere then",
    bits: Subfield { field: Field::Reg5, ofs: 15, n_bits: 1 },
};

/// All registers; no two of them share a bit.
pub static ALL: &[&Register] = &[
    &NETWORK,
    &INGRESS_PORT,
    &EGRESS_PORT,
    &FROM_TUNNEL,
    &FROM_WIRE,
    &CARRIES_TAGS,
    &INGRESS_ON_WIRE,
    &GROUPS[0],
    &GROUPS[1],
    &GROUPS[2],
    &GROUPS[3],
    &ZONE,
    &ROUTER,
    &IS_TOO_LONG,
    &MAY_BE_TOO_LONG,
    &IS_FOR_GATEWAY,
    &VIA_GATEWAY,
    &LOOKED_UP,
    &NEXT_HOP,
    &NEXT_HOP_V6,
    &ASKS,
];

/// What a match has instead of the long register.
const PARTS_OF_LONG: [Field; 4] = [Field::Reg0, Field::Reg1, Field::Reg2, Field::Reg3];

/// What [`NEXT_HOP_V6`] holds, where only its parts can be read.
pub fn next_hop_v6(part: impl Fn(Field) -> u128) -> u128 {
    PARTS_OF_LONG.into_iter().fold(0, |ip, field| ip << 32 | part(field))
}

impl Register {
    /// Whether `field` of a match is this register, or a part of it.
    pub(crate) fn is_matched_by(&self, field: Field) -> bool {
        self.bits.field == field || self.bits.field == Field::XxReg0 && PARTS_OF_LONG.contains(&field)
    }

    /// `matching`, that also requires the register to hold `value`.
    pub fn matched(&self, matching: Match, value: u64) -> Match {
        let mask = self.bits.mask();
        matching.with_masked(self.bits.field, (u128::from(value) << self.bits.ofs) & mask, mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_do_not_overlap_and_fit_their_field() {
        for (place, register) in ALL.iter().enumerate() {
            let bits = register.bits;
            assert_eq!(Subfield::new(bits.field, bits.ofs, bits.n_bits), Some(bits), "{}", register.name);
            for other in &ALL[..place] {
                let apart = bits.field != other.bits.field || bits.mask() & other.bits.mask() == 0;
                assert!(apart, "{} and {} share bits", register.name, other.name);
            }
        }
    }

    #[test]
    fn a_value_is_matched_within_its_bits_only() {
        let matching = NETWORK.matched(Match::new(), 0x0123_4567);
        let entry = matching.get(Field::Metadata).expect("the network is matched");
        assert_eq!((entry.value, entry.mask), (0x0023_4567, 0x00ff_ffff));
    }
}
