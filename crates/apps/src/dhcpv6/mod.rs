//! DHCPv6: guests get their IPv6 addresses and what else there is to know from the controller of their own node.
//!
//! # Guarantees
//! - A port that has an address of a subnet whose address mode is stateful is given that address, and all such addresses it has, and no
//!   other, at once and while the store and all other nodes are away. Where the mode is stateless it is told what else there
//!   is to know; its addresses it makes itself.
//! - What such a port asks of all servers is answered here, and nobody else hears of it. Ports without such an address are left
//!   alone: their requests are switched like other packets.
//! - The server is the same for every node and after every restart: its identifier follows from the MAC address of the network's port for
//!   DHCP, or from the key of a network without one, and so does the link-local address under which it answers.
//! - The answer goes to the port that asked and to nobody else. It names what the rows say now.
//! - A port's requests are limited by a meter in the switch, before they cost anybody else an answer.
//! - A port is told its extra options of DHCPv6, if it asks for them (RFC 8415 has clients say what they want). One that does not say what its
//!   number needs is left out, and a finding says so. The others are told.
//!
//! What each message means is [`packet::dhcp6`]'s knowledge; which facts a guest is told is in [`lease`].

mod lease;
mod respond;

use engine::{App, Responder, Rule, Sink, View};
use model::LogicalSwitch;
use openflow::{Field, Match};
use packet::dhcp6::SERVERS;
use packet::{ethertype, ip_proto};
use pipeline::tables::{DHCPV6, DHCPV6_OWNER, L2};
use pipeline::{Priority, regs, userdata};

use crate::local::{self, LocalPort};
use crate::network::{tagged, with_tags};
use crate::slow_path;

/// The app.
#[must_use]
pub fn app() -> App {
    let mut rules = vec![Rule::once("unanswered", unanswered)];
    rules.push(Rule::each("behind a tag", behind_a_tag));
    rules.extend(local::each("guest", guest));
    let responders = vec![Responder { op: userdata::DHCPV6, respond: respond::respond }];
    App { id: DHCPV6_OWNER, rules, responders }
}

fn unanswered(_: &mut View<'_>, sink: &mut Sink) {
    sink.flow(&DHCPV6, Priority::MISS, |flow| flow.goto(&L2));
}

/// What is asked behind a tag of a guest is not asked of the server here.
fn behind_a_tag(view: &mut View<'_>, row: &LogicalSwitch, sink: &mut Sink) {
    let Some(network) = with_tags(view, &row.id) else { return };
    sink.flow(&DHCPV6, Priority::GUARD, |flow| {
        flow.matching(tagged()).when(&regs::NETWORK, network.key.into()).goto(&L2)
    });
}

/// Sends up what a guest asks of all servers. Only requests of clients come here.
fn guest(view: &mut View<'_>, local: &LocalPort, sink: &mut Sink) {
    if lease::server_of(view, &local.port).is_none() {
        return;
    }
    lease::extra(view, &local.port).1.into_iter().for_each(|problem| sink.problem(problem));
    let Some(up) = slow_path::to_controller(view, &local.port.id, userdata::DHCPV6, sink) else { return };
    let to_servers = Match::new()
        .with(Field::EthType, ethertype::IPV6)
        .with(Field::IpProto, ip_proto::UDP)
        .with(Field::Ipv6Dst, SERVERS);
    sink.flow(&DHCPV6, Priority::EXACT, |flow| {
        flow.matching(to_servers).when(&regs::INGRESS_PORT, local.key()).action(up)
    });
}
