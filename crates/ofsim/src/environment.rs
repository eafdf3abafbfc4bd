//! What a switch asks the world outside its tables: the connection tracker, the liveness of ports, the hash of a group.

use std::collections::VecDeque;

use net_types::OfPort;
use openflow::action::{Nat, NatAddrs, NatKind};
use openflow::group::Group;
use packet::ip_proto;

use crate::key::{Key, ct_state};
use crate::trace::Tracking;

/// Answers for one trace.
pub trait Environment {
    /// The packet comes back from the connection tracker: writes the `ct_*` fields, and the addresses where they are
    /// translated. `key` is the packet as it went in; `ct_zone` is set already.
    fn track(&mut self, tracking: &Tracking, key: &mut Key);

    /// Which bucket of a `select` group a packet takes, of those that are alive.
    fn select(&mut self, _group: &Group, live: &[usize], _key: &Key) -> Option<usize> {
        live.first().copied()
    }

    /// Whether a port is up.
    fn port_is_live(&mut self, _port: OfPort) -> bool {
        true
    }
}

/// What `ofproto/trace` assumes: connection states as given, one for each time the packet comes back, after those
/// `trk|new`; a translation takes the first address and port it may.
#[derive(Debug, Clone, Default)]
pub struct Assumed {
    states: VecDeque<u32>,
}

impl Assumed {
    /// Every connection is new.
    pub fn new() -> Self {
        Self::default()
    }

    /// These states first.
    pub fn states(states: impl IntoIterator<Item = u32>) -> Self {
        Self { states: states.into_iter().collect() }
    }
}

impl Environment for Assumed {
    fn track(&mut self, tracking: &Tracking, key: &mut Key) {
        key.ct_state = self.states.pop_front().unwrap_or(ct_state::TRACKED | ct_state::NEW);
        if let Some(nat) = &tracking.nat {
            translate(nat, key);
        }
    }
}

/// Translates to the first address and port that are allowed.
pub fn translate(nat: &Nat, key: &mut Key) {
    let Some(kind) = nat.kind else {
        return;
    };
    let source = kind == NatKind::Src;
    let net = &mut key.net;
    match nat.addrs {
        Some(NatAddrs::V4 { min, .. }) if source => net.nw_src = min.to_bits(),
        Some(NatAddrs::V4 { min, .. }) => net.nw_dst = min.to_bits(),
        Some(NatAddrs::V6 { min, .. }) if source => net.ipv6_src = min.to_bits(),
        Some(NatAddrs::V6 { min, .. }) => net.ipv6_dst = min.to_bits(),
        // A switch heeds a range of ports only together with addresses.
        None => return,
    }
    match nat.port_min {
        // What an ICMP message has in the place of ports is its type.
        _ if !matches!(net.proto, ip_proto::TCP | ip_proto::UDP | ip_proto::SCTP) => {}
        0 => {}
        port if source => net.tp_src = port,
        port => net.tp_dst = port,
    }
}
