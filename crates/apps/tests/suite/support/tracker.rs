//! Connections as a switch tracks them, as far as the tests of groups need it: who began one, what it is marked with.

use std::collections::BTreeMap;

use ofsim::key::ct_state;
use ofsim::trace::{Outcome, Tracking};
use ofsim::{Environment, Key, Packet, Switch, Trace};
use packet::{ethertype, ip_proto};

const ECHO_REQUESTS: [u16; 2] = [8, 128];
const ECHO_REPLIES: [u16; 2] = [0, 129];

/// One end: the address and the port.
type End = (u128, u16);
/// Zone, protocol, who began it and with whom.
type Connection = (u16, u8, End, End);

/// The connections of one switch, with their marks.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    connections: BTreeMap<Connection, u32>,
}

impl Tracker {
    /// How many connections are remembered.
    pub(crate) fn len(&self) -> usize {
        self.connections.len()
    }

    /// A packet's way through a switch, whose connections are these.
    pub(crate) fn trace(&mut self, switch: &Switch, packet: Packet) -> Trace {
        let trace = ofsim::trace(switch, packet, self);
        self.remember(&trace);
        trace
    }

    /// Remembers what a packet had remembered.
    fn remember(&mut self, trace: &Trace) {
        let outcomes = trace.passes.iter().flat_map(|pass| &pass.outcomes);
        for tracking in outcomes.filter_map(|outcome| match outcome {
            Outcome::Tracked(tracking) if tracking.commit => Some(tracking),
            _ => None,
        }) {
            let (from, to) = ends(&tracking.key);
            let proto = tracking.key.net.proto;
            let reverse = (tracking.zone, proto, to, from);
            let connection = match self.connections.contains_key(&reverse) {
                true => reverse,
                false => (tracking.zone, proto, from, to),
            };
            let mark = self.connections.entry(connection).or_default();
            if let Some((value, mask)) = tracking.mark {
                *mark = *mark & !mask | value & mask;
            }
        }
    }

    fn state(&self, zone: u16, key: &Key) -> (u32, u32) {
        let (from, to) = ends(key);
        let proto = key.net.proto;
        if let Some(mark) = self.connections.get(&(zone, proto, from, to)) {
            return (ct_state::ESTABLISHED, *mark);
        }
        if let Some(mark) = self.connections.get(&(zone, proto, to, from)) {
            return (ct_state::ESTABLISHED | ct_state::REPLY, *mark);
        }
        match is_icmp(key) && !is_echo(key) {
            // An error is about what the one that it goes to had sent.
            true => {
                let about = |(of, _, began, with): &&Connection| {
                    *of == zone
                        && (began.0 == to.0 || with.0 == to.0)
                        && (began.0 == from.0 || with.0 == from.0)
                };
                let mark =
                    self.connections.iter().find(|(connection, _)| about(connection)).map(|(_, mark)| *mark);
                mark.map_or((ct_state::INVALID, 0), |mark| (ct_state::RELATED, mark))
            }
            false if is_icmp(key) && ECHO_REPLIES.contains(&key.net.tp_src) => (ct_state::INVALID, 0),
            false => (ct_state::NEW, 0),
        }
    }
}

impl Environment for Tracker {
    fn track(&mut self, tracking: &Tracking, key: &mut Key) {
        let (state, mark) = self.state(tracking.zone, key);
        (key.ct_state, key.ct_mark) = (state | ct_state::TRACKED, mark);
        // The tuple of the one who began, which pieces have as well.
        let net = &mut key.net;
        (net.ct.proto, net.ct.tp_src, net.ct.tp_dst) = match state & ct_state::REPLY {
            0 => (net.proto, net.tp_src, net.tp_dst),
            _ => (net.proto, net.tp_dst, net.tp_src),
        };
    }
}

fn is_icmp(key: &Key) -> bool {
    matches!(key.net.proto, ip_proto::ICMP | ip_proto::ICMPV6)
}

fn is_echo(key: &Key) -> bool {
    ECHO_REQUESTS.contains(&key.net.tp_src) || ECHO_REPLIES.contains(&key.net.tp_src)
}

/// Where a packet comes from and goes to.
fn ends(key: &Key) -> (End, End) {
    let net = &key.net;
    let (src, dst) = match key.eth_type {
        ethertype::IPV6 => (net.ipv6_src, net.ipv6_dst),
        _ => (net.nw_src.into(), net.nw_dst.into()),
    };
    match is_icmp(key) {
        true => ((src, 0), (dst, 0)),
        false => ((src, net.tp_src), (dst, net.tp_dst)),
    }
}
