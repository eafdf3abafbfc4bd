//! Addresses that no port has: where they were heard.
//!
//! # Guarantees
//! - What is heard from a port that may have other addresses than its own is remembered as being there, on this node and on others to which frames
//!   of the network travel in tunnels, and so is what is heard from the wire: a frame for such an address goes there, and not to everybody who
//!   may have it. What was heard last counts, from the first frame on.
//! - Out of a tunnel without a port key (VXLAN and GRE have none) the end of the tunnel is remembered.
//! - Only what port security lets through is remembered, and never a group address. An address that a port has is its port's,
//!   whoever uses it: what is remembered is asked only about addresses that no port has.
//! - What was not heard again for as long as the operator says is forgotten, and what a port said when the port goes. One port, and the wire
//!   in one network, can have so many addresses remembered; what is beyond that is not, and is flooded.
//! - What is heard from the wire, and out of tunnels without a port key, may be what a port of another node says, and is remembered too. On a wire
//!   that is of use: nothing else says where such a port is. Out of a tunnel it is of none, and takes the place of an address that no port has;
//!   to leave it out would cost a flow more for each port of the network, or each packet from there one more look-up.
//! - What came from another node goes to a port on this one or nowhere, as everything that came from there.
//!
//! The switch itself makes the flows, in a table that nobody reconciles. So they outlive the controller, and not the switch.
//!
//! In a physical network a node without such ports remembers nothing: all that is for nobody here goes to the wire.

use engine::{Sink, View};
use model::{LogicalPort, LogicalSwitch, TunnelType};
use net_types::MacAddr;
use openflow::action::{Action, Learn, LearnDst, LearnFlags, LearnSpec, LearnSrc};
use openflow::field::Subfield;
use openflow::{Field, Match};
use pipeline::tables::{LEARN, LEARNED, LEARNED_OWNER};
use pipeline::{Cookie, Priority, Register, regs};

use super::MULTICAST;
use crate::network::{learns, present};

/// What cookies of learned flows say besides a port's key: the network whose wire it was, or whose tunnels.
const OF_WIRE: u64 = 1 << 40;
const OF_TUNNELS: u64 = 2 << 40;

/// What is heard from a port that may have other addresses than its own.
pub(super) fn from_port(view: &mut View<'_>, port: &LogicalPort, sink: &mut Sink) {
    if !port.may_have_other_macs() {
        return;
    }
    let Some(id) = &port.lswitch else { return };
    let (Some(network), Some(settings)) = (present(view, id), view.settings()) else { return };
    let is_here = port.chassis() == Some(&settings.chassis);
    let says_port = network.tunnel.is_some_and(|tunnel| tunnel.kind == TunnelType::Geneve);
    let is_heard_of = is_here || says_port && learns(view, id);
    if !is_heard_of {
        return;
    }
    let key = u64::from(port.unique_key.get());
    let learn = learn(view, key, LearnSrc::Value(key.into()));
    sink.flow(&LEARN, Priority::EXACT, |flow| {
        flow.matching(from_station()).when(&regs::INGRESS_PORT, key).action(learn)
    });
}

/// What is heard in a network from somewhere else.
pub(super) fn from_elsewhere(view: &mut View<'_>, row: &LogicalSwitch, sink: &mut Sink) {
    let Some(network) = present(view, &row.id) else { return };
    if !learns(view, &row.id) {
        return;
    }
    let key = u64::from(network.key);
    if network.wire.is_some() {
        let learn = learn(view, OF_WIRE | key, LearnSrc::Value(regs::EGRESS_WIRE.into()));
        sink.flow(&LEARN, Priority::EXACT, |flow| {
            flow.matching(from_station())
                .when(&regs::NETWORK, key)
                .when(&regs::FROM_WIRE, 1)
                .when(&regs::INGRESS_PORT, 0)
                .action(learn)
        });
    }
    if network.tunnel.is_some() {
        let mut learn = learn(view, OF_TUNNELS | key, LearnSrc::Value(regs::EGRESS_TUNNEL.into()));
        let is_v4 = view.settings().is_some_and(|settings| settings.tunnel_ip.is_ipv4());
        if let Action::Learn(learn) = &mut learn {
            learn.specs.push(end_of_tunnel(is_v4));
        }
        sink.flow(&LEARN, Priority::EXACT, |flow| {
            flow.matching(from_station())
                .when(&regs::NETWORK, key)
                .when(&regs::FROM_TUNNEL, 1)
                .when(&regs::INGRESS_PORT, 0)
                .action(learn)
        });
    }
}

/// Has a frame for who was heard go back to where the tunnel came from.
fn end_of_tunnel(is_v4: bool) -> LearnSpec {
    let (from, to) = match is_v4 {
        true => (Field::TunSrc, Field::TunDst),
        false => (Field::TunIpv6Src, Field::TunIpv6Dst),
    };
    let (from, to) = (Subfield::all(from), Subfield::all(to));
    LearnSpec { n_bits: from.n_bits, src: LearnSrc::Field(from), dst: LearnDst::Load(to) }
}

fn from_station() -> Match {
    Match::new().with_masked(Field::EthSrc, MacAddr::ZERO, MULTICAST)
}

/// Remembers that the source of a packet is at `egress`, in its network.
fn learn(view: &mut View<'_>, who: u64, egress: LearnSrc) -> Action {
    let learning = view.settings().map(|settings| settings.learning).unwrap_or_default();
    let whole = Subfield::all;
    let spec = |src: LearnSrc, dst: LearnDst, n_bits| LearnSpec { n_bits, src, dst };
    let copied = |register: &Register| {
        spec(LearnSrc::Field(register.bits), LearnDst::Match(register.bits), register.bits.n_bits)
    };
    let source = whole(Field::EthSrc);
    let to = regs::EGRESS_PORT.bits;
    Action::Learn(Box::new(Learn {
        // Counted from when the address was heard last, and not from when something was sent to it: who is gone is forgotten.
        hard_s: learning.age_s,
        priority: Priority::EXACT.number(),
        cookie: Cookie::new(LEARNED_OWNER, who).bits(),
        flags: LearnFlags { send_flow_rem: false, delete_learned: true },
        table: LEARNED.id,
        limit: learning.addresses_max,
        specs: vec![
            copied(&regs::NETWORK),
            spec(LearnSrc::Field(source), LearnDst::Match(whole(Field::EthDst)), source.n_bits),
            spec(egress, LearnDst::Load(to), to.n_bits),
        ],
        ..Learn::default()
    }))
}
