//! What tunnels carry besides the packet.
//!
//! The network's key is the tunnel id. With Geneve one option follows, laid out as OVN lays it out, so that the receiver needs
//! no second look-up and standard tools show it:
//!
//! ```text
//! class 0x0102, type 0x80, 4 bytes:   | 0 | ingress port key 15 | egress port key 16 |
//! ```

use openflow::Field;
use openflow::field::Subfield;
use openflow::message::TlvMap;

/// The option, and the field it is bound to.
pub const OPTION: TlvMap = TlvMap { class: 0x0102, kind: 0x80, len_bytes: 4, index: 0 };

/// The field that [`OPTION`] is bound to.
pub const OPTION_FIELD: Field = Field::TunMetadata0;

/// Key of the port that the packet came from, in the option.
pub const OPTION_INGRESS: Subfield = Subfield { field: OPTION_FIELD, ofs: 16, n_bits: 15 };

/// Key of the port that the packet goes to, in the option.
pub const OPTION_EGRESS: Subfield = Subfield { field: OPTION_FIELD, ofs: 0, n_bits: 16 };

/// Egress "port" of a packet for everybody in the network; keys of ports are smaller.
pub const EGRESS_FLOOD: u64 = 0x8000;

/// Bit of the option's egress key that no key of a port has: what follows is a group.
pub const OPTION_EGRESS_GROUP: u32 = 0x8000;

/// Bits of the option that say where the packet goes.
pub const OPTION_EGRESS_MASK: u32 = 0xffff;

/// Largest key of a port that the option carries. A larger one is sent as 0, "unknown": the packet is delivered by its
/// MAC address.
pub const OPTION_PORT_MAX: u32 = 0x7fff;

/// Largest network id that a tunnel carries in the 24 bits of Geneve and VXLAN.
pub const VNI_MAX: u32 = (1 << 24) - 1;

/// Network id of what nodes send to see whether the others are there (BFD): no network has it, so that it gets a tunnel port of
/// its own at the receiver.
pub const WATCH_ID: u32 = 0;

/// The key of a port as the option carries it.
#[must_use]
pub const fn key_on_wire(port: u32) -> u32 {
    if port > OPTION_PORT_MAX { 0 } else { port }
}

/// Network ids of tunnels without the option in which packets go to the gateway of a router: with the low bits of the key of the
/// gateway's port. Networks of tenants must not have such an id.
pub const GATEWAY_VNI: u32 = 1 << 23;

/// The network id of packets for the gateway whose port has this key.
#[must_use]
pub const fn gateway_vni(port: u32) -> u32 {
    GATEWAY_VNI | port & (GATEWAY_VNI - 1)
}
