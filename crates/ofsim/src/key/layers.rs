//! Changes of the packet's layers: tags, labels, conntrack fields.

use packet::ethertype;

use super::{CtTuple, Key, MPLS_ENTRIES_MAX, Network, Vlan};

/// The bit of a label stack entry that says that it is the innermost.
const BOTTOM_OF_STACK: u32 = 0x100;
const TTL_MASK: u32 = 0xff;
/// "IPv4 explicit null" and its IPv6 counterpart: the label of a stack that begins at an IP packet.
const EXPLICIT_NULL_IPV4: u32 = 0;
const EXPLICIT_NULL_IPV6: u32 = 2;
const TTL_OF_NON_IP: u8 = 64;

/// What popping a label did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MplsPopped {
    /// The outermost label is gone.
    Done,
    /// There was no label.
    Nothing,
    /// There are more labels than a key holds, so what comes up from below is not known.
    TooDeep,
}

impl Key {
    /// Pushes an empty tag in front of the others; one that no longer fits is forgotten.
    pub fn push_vlan(&mut self, tpid: u16) {
        self.vlans.rotate_right(1);
        self.vlans[0] = Vlan { tpid, tci: Vlan::PRESENT };
    }

    /// Removes the outermost tag.
    pub fn pop_vlan(&mut self) {
        let count = self.vlan_count();
        if let Some(last) = count.checked_sub(1) {
            self.vlans.copy_within(1..count, 0);
            self.vlans[last] = Vlan::default();
        }
    }

    /// Number of tags.
    pub fn vlan_count(&self) -> usize {
        self.vlans.iter().take_while(|tag| tag.is_present()).count()
    }

    /// Number of labels that are known.
    fn mpls_count(&self) -> usize {
        if !self.is_mpls() {
            return 0;
        }
        let bottom = self.mpls.iter().position(|entry| entry & BOTTOM_OF_STACK != 0);
        bottom.map_or_else(|| self.mpls.iter().filter(|entry| **entry != 0).count(), |at| at + 1)
    }

    /// Pushes a label; false when there are too many. The layers behind the first label are no longer visible, and what
    /// they were is returned with it.
    pub fn push_mpls(&mut self, ethertype: u16) -> Result<Option<Network>, MplsPopped> {
        let mut hidden = None;
        match self.mpls_count() {
            0 => {
                let label =
                    if self.eth_type == ethertype::IPV6 { EXPLICIT_NULL_IPV6 } else { EXPLICIT_NULL_IPV4 };
                let (mut traffic_class, mut ttl) = (0, TTL_OF_NON_IP);
                if self.is_ip() {
                    traffic_class = u32::from(self.net.tos >> 2) & 7;
                    ttl = if self.net.ttl == 0 { TTL_OF_NON_IP } else { self.net.ttl };
                }
                self.mpls = [0; MPLS_ENTRIES_MAX];
                self.mpls[0] = label << 12 | traffic_class << 9 | BOTTOM_OF_STACK | u32::from(ttl);
                hidden = Some(std::mem::take(&mut self.net));
            }
            count if count < MPLS_ENTRIES_MAX => {
                self.mpls.rotate_right(1);
                self.mpls[0] = self.mpls[1] & !BOTTOM_OF_STACK;
            }
            _ => return Err(MplsPopped::TooDeep),
        }
        self.eth_type = ethertype;
        Ok(hidden)
    }

    /// Removes the outermost label; what follows is of this EtherType.
    pub fn pop_mpls(&mut self, ethertype: u16) -> MplsPopped {
        let count = self.mpls_count();
        let Some(last) = count.checked_sub(1) else {
            return MplsPopped::Nothing;
        };
        if count == MPLS_ENTRIES_MAX && self.mpls[last] & BOTTOM_OF_STACK == 0 {
            return MplsPopped::TooDeep;
        }
        self.mpls.rotate_left(1);
        self.mpls[last..].fill(0);
        self.eth_type = ethertype;
        MplsPopped::Done
    }

    /// TTL of the outermost label.
    pub fn mpls_ttl(&self) -> u32 {
        self.mpls[0] & TTL_MASK
    }

    /// Sets the TTL of the outermost label.
    pub fn set_mpls_ttl(&mut self, ttl: u8) {
        self.mpls[0] = self.mpls[0] & !TTL_MASK | u32::from(ttl);
    }

    /// Forgets what the connection tracker said. The addresses of the tuple go only where the packet is of their kind.
    pub fn clear_conntrack(&mut self) {
        (self.ct_state, self.ct_zone, self.ct_mark, self.ct_label) = (0, 0, 0, 0);
        let tuple = &mut self.net.ct;
        (tuple.proto, tuple.tp_src, tuple.tp_dst) = (0, 0, 0);
        match self.eth_type {
            ethertype::IPV4 => (tuple.nw_src, tuple.nw_dst) = (0, 0),
            ethertype::IPV6 => (tuple.ipv6_src, tuple.ipv6_dst) = (0, 0),
            _ => {}
        }
    }

    /// Exchanges the packet's tuple with that of its connection's original direction; false when there is none.
    pub fn swap_tuple(&mut self) -> bool {
        if self.net.ct.proto == 0 || !self.is_ip() {
            return false;
        }
        let v4 = self.eth_type == ethertype::IPV4;
        let net = &mut self.net;
        let CtTuple { nw_src, nw_dst, ipv6_src, ipv6_dst, proto, tp_src, tp_dst } = &mut net.ct;
        std::mem::swap(&mut net.proto, proto);
        std::mem::swap(&mut net.tp_src, tp_src);
        std::mem::swap(&mut net.tp_dst, tp_dst);
        if v4 {
            std::mem::swap(&mut net.nw_src, nw_src);
            std::mem::swap(&mut net.nw_dst, nw_dst);
        } else {
            std::mem::swap(&mut net.ipv6_src, ipv6_src);
            std::mem::swap(&mut net.ipv6_dst, ipv6_dst);
        }
        true
    }
}
